//! What is read once a plan stands, so that it says before anything is written what would stop it in the middle.
use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;

use super::planning::note;
use crate::{
    aws,
    plan::{Action, Finding, Plan, Reach, Severity, Step, quota},
    resource::{Cx, Kinds, Region, Scope, readable},
};

/// When a plan has to be there, whatever a region does: observing may take 24 s of it.
const ENDS_WITHIN: Duration = Duration::from_secs(29);

/// How long these reads may take.
fn left(read_at: Instant) -> Duration {
    let left = (read_at + ENDS_WITHIN).saturating_duration_since(Instant::now());
    left.clamp(Duration::from_secs(1), Duration::from_secs(5))
}

/// Whether what the plan makes fits into the account's quotas; asked only for what is made, and never for long.
pub(super) async fn quotas(cx: &Cx, kinds: &Kinds, plan: &Plan, account: Option<&str>, read_at: Instant) -> Vec<Finding> {
    let needs = quota::needs(kinds, &plan.steps);
    let asked = needs.iter().map(|need| (need.region.clone(), need.quota)).collect();
    let measured = aws::quotas::measure(cx, account, asked, left(read_at)).await;
    quota::judge(needs.into_iter().zip(measured).collect())
}

/// What AWS would refuse to make in the middle of the run, where something else may have gone for it by then.
pub(super) async fn foreseen(cx: &Cx, kinds: &Kinds, steps: &[Step], read_at: Instant) -> Vec<Finding> {
    let within = left(read_at);
    let one = |step: &Step| {
        let kind = kinds.get(&step.addr.kind).ok().filter(|kind| kind.traits().foresees)?.clone();
        let (addr, want, found) = (step.addr.clone(), step.want.clone()?, step.found.clone());
        let cx = cx.at(&addr.scope);
        Some(async move {
            let asked = tokio::time::timeout(within, kind.foreseen(&cx, &want, found.as_ref())).await;
            let address = addr.to_string();
            let (severity, message) = match asked {
                Ok(Ok(None)) => return None,
                Ok(Ok(Some(why))) => (Severity::Error, why),
                Ok(Err(fault)) => (Severity::Note, format!("whether AWS will make it was not checked: {fault}")),
                Err(_) => (Severity::Note, format!("whether AWS will make it was not checked: no answer within {} s", within.as_secs())),
            };
            let code = if severity == Severity::Error { "plan::not-offered" } else { "plan::not-checked" };
            let help = (severity == Severity::Error).then(|| {
                format!("change the topology to what there is, or go on without it: `--except '{address}'`; nothing is written before that")
            });
            Some(Finding { code, severity, address: Some(addr), line: None, message, help })
        })
    };
    let changed = steps.iter().filter(|step| matches!(step.action, Action::Create | Action::Replace | Action::Update));
    join_all(changed.filter_map(one)).await.into_iter().flatten().collect()
}

/// What keeps a gate of the plan shut unless it ends by itself: known before anything is changed, from what was read already.
pub(super) async fn wrong_already(cx: &Cx, kinds: &Kinds, plan: &Plan, timeout: Duration) -> Vec<Finding> {
    let is_answering = |region: &Region| plan.regions.get(region).is_some_and(|state| state.state == Reach::Reachable);
    let mut all = Vec::new();
    for gate in plan.gates.iter().filter(|gate| is_answering(&gate.region)) {
        for kind in kinds.iter().filter(|kind| kind.traits().warns) {
            // What cannot be read now is asked for again by the gate.
            for warning in kind.warnings(&cx.at(&Scope::from(&gate.region))).await.unwrap_or_default() {
                all.push(Finding {
                    severity: Severity::Warning,
                    help: Some(format!(
                        "apply changes this region, waits up to {} for it to end, and then stops with 6 before the regions that follow; \
                         `--only 'REGION/*'` goes past it, on purpose",
                        readable(timeout)
                    )),
                    ..note("gate::shut-now", format!("the gate of {} does not open now: {warning}", gate.region))
                });
            }
        }
    }
    all
}
