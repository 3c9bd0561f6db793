//! From a topology and an AWS to a plan: the way that `plan`, `apply`, `destroy` and `graph` share.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::{Result, bail};
use jiff::Timestamp;
use tokio::time::Instant;

use super::foresight::{foreseen, quotas, wrong_already};
use crate::{
    aws::{self, Fleet, facts, sweep},
    kinds::route53::{hosted_zone::HostedZone, validation_record::validated_by_others},
    plan::{
        Action, Allowance, Finding, Observed, Plan, Reach, RegionState, Rollout, Searched, Selection, Severity, Step, decide, dns,
        existing, guard, interruptions, left_out, observe, order, posture, select, stuck, unmatched, unused_adoptions, unused_restorations,
    },
    resource::{Addr, Class, Cx, Doc, Facts, Found, Kind, Kinds, Region, Scope},
    topology::Model,
};

/// The finding that no region but those of the file was looked at.
const NOT_SWEPT: &str = "plan::not-swept";

/// What changes how a plan is made.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub destroy: bool,
    /// Take AWS as empty and ask it nothing.
    pub offline: bool,
    pub no_sweep: bool,
    pub selection: Selection,
    pub allowed: Vec<(String, Allowance)>,
    pub adopt: BTreeSet<Addr>,
    /// Ids of posture items to bring back to what the file says.
    pub restore: BTreeSet<String>,
    /// Do not wait until clients have let go of a region.
    pub no_drain: bool,
}

/// A plan and what an apply needs to carry it out.
pub struct Planned {
    pub plan: Plan,
    pub cx: Cx,
    pub kinds: Kinds,
    pub read_at: Instant,
}

/// Reads AWS and plans.
///
/// # Errors
/// AWS refused a read, the account is another one than the file names, or the plan would run in a circle.
pub async fn plan(model: Model, fleet: Fleet, asked: &Asked) -> Result<Planned> {
    let (kinds, model, read_at) = (crate::kinds::all(), Arc::new(model), Instant::now());
    let mut cx = Cx::new(model.clone(), fleet.clone());
    cx.sweeps = !asked.no_sweep && !asked.offline;
    let regions = model.rollout_order();
    let mut plan = Plan { stack: model.stack.clone(), destroy: asked.destroy, ..Plan::default() };
    let (mut facts, observed) = if asked.offline { offline(&model, &regions) } else { read(&model, &cx, &kinds, asked, &mut plan).await? };
    facts.restore.clone_from(&asked.restore);
    plan.account = facts.account.clone().or_else(|| model.account.clone());
    plan.posture = posture(&kinds, &model, &observed.found, &observed.regions);
    plan.regions = observed.regions;
    let answered = plan.regions.iter().filter(|(_, state)| state.state == Reach::Reachable);
    cx.regions = Arc::new(answered.map(|(region, _)| region.clone()).collect());
    let mut wants: Vec<_> = if asked.destroy { Vec::new() } else { kinds.iter().flat_map(|kind| kind.desired(&model, &facts)).collect() };
    if let Some(why) = &observed.global_silence {
        // What has no region is unknown now: what is made beside it could be a second one.
        for want in wants.iter_mut().filter(|want| want.addr.scope == Scope::Global) {
            want.hold.get_or_insert(format!("it has no region, and what has none could not be read: {why}"));
        }
    }
    let held: BTreeMap<Addr, String> = wants.iter().filter_map(|want| Some((want.addr.clone(), want.hold.clone()?))).collect();
    let decided = decide(&kinds, wants, observed.found, &plan.regions, &asked.adopt)?;
    plan.findings.extend(decided.findings);
    plan.steps = decided.steps;
    in_reading_order(&mut plan.steps, &regions, &kinds);
    let rollout = Rollout { order: regions, bake: model.rollout.bake, now: Timestamp::now(), no_drain: asked.no_drain };
    let mut ordered = order(&kinds, &plan.steps, &rollout)?;
    if !asked.selection.is_everything() {
        plan.findings.extend(unmatched(&plan.steps, &asked.selection));
        let kept = select(&plan.steps, &ordered.graph, &asked.selection);
        plan.findings.extend(left_out(&plan.steps, &kept));
        let steps = std::mem::take(&mut plan.steps);
        plan.steps = steps.into_iter().enumerate().filter(|(index, _)| kept.contains(index)).map(|(_, step)| step).collect();
        ordered = order(&kinds, &plan.steps, &rollout)?;
    }
    plan.findings.extend(ordered.findings);
    if !asked.offline {
        let begun = begun_unsearched(&kinds, &plan, asked.no_sweep);
        plan.findings.extend(begun);
    }
    let impossible = impossible(&plan, &held);
    plan.findings.extend(impossible);
    if !asked.offline {
        plan.findings.extend(quotas(&cx, &kinds, &plan, facts.account.as_deref(), read_at).await);
        plan.findings.extend(foreseen(&cx, &kinds, &plan.steps, read_at).await);
    }
    (plan.graph, plan.gates, plan.drains) = (ordered.graph, ordered.gates, ordered.drains);
    plan.findings.extend(wrong_already(&cx, &kinds, &plan, model.rollout.gate_timeout).await);
    let (refusals, unused) = guard(&kinds, &plan.steps, &asked.allowed);
    plan.refusals = refusals;
    plan.findings.extend(unused);
    plan.findings.extend(stuck(&kinds, &plan.steps));
    plan.findings.extend(interruptions(&kinds, &plan.steps));
    plan.findings.extend(unused_adoptions(&plan.steps, &asked.adopt));
    plan.findings.extend(unused_restorations(&plan.steps, &plan.posture, &asked.restore));
    if !asked.offline && !asked.destroy {
        plan.findings.extend(existing::check(&model, &facts));
    }
    Ok(Planned { plan, cx, kinds, read_at })
}

fn offline(model: &Model, regions: &[Region]) -> (Facts, Observed) {
    let facts = Facts { account: None, ..Facts::default() };
    let state = |in_file| move |region: &Region| (region.clone(), RegionState { state: Reach::NotAsked, detail: None, in_file });
    tracing::debug!(stack = model.stack, "planning offline");
    let regions = model.auxiliary().iter().map(state(false)).chain(regions.iter().map(state(true))).collect();
    (facts, Observed { regions, ..Observed::default() })
}

/// Facts and everything that is there, side by side.
async fn read(model: &Model, cx: &Cx, kinds: &Kinds, asked: &Asked, plan: &mut Plan) -> Result<(Facts, Observed)> {
    let regions = model.rollout_order();
    let search = async {
        if asked.no_sweep {
            return (Searched::default(), None);
        }
        match sweep::sweep(cx, &regions).await {
            Ok(sweep) => {
                let not_searched = sweep.not_searched.into_iter().map(|(region, fault)| (region, fault.to_string())).collect();
                (Searched { hits: sweep.hits, not_searched }, None)
            }
            Err(fault) => (Searched::default(), Some(fault)),
        }
    };
    // What a destroy leaves alone is no reason to stop it.
    let none = BTreeMap::new();
    let named = model.network.as_ref().filter(|_| !asked.destroy).map_or(&none, |network| &network.existing);
    let zone = model.dns.as_ref().filter(|_| !asked.destroy).map(|dns| dns.zone.name.as_str());
    let (mut unswept, seen) = (None, facts::read(&cx.fleet, &cx.memo, &regions, (named, zone)));
    let search = async {
        let (search, named, roles) = tokio::join!(search, aws::dns::regions_of_records(cx), aws::roles::regions_of_roles(cx));
        let (mut searched, fault) = search;
        unswept = fault;
        // What Route 53 or IAM refused is told by those who read the records and the roles.
        searched.hits.extend(named.unwrap_or_default().into_iter().chain(roles.unwrap_or_default()));
        searched
    };
    let auxiliary = model.auxiliary();
    let (reading, mut observed) = tokio::join!(seen, observe(kinds, cx, &regions, &auxiliary, search));
    if let (Ok(identity), Some(account)) = (&reading.identity, &model.account)
        && identity.account != *account
    {
        bail!("these credentials are for account {}, the topology is for account {account}; nothing was changed", identity.account);
    }
    if let (Err(fault), Some(account)) = (&reading.identity, &model.account) {
        bail!(
            "the topology is for account {account}, and which account these credentials are for could not be read ({fault}); nothing was changed"
        );
    }
    let refused = reading.zones.iter().filter_map(|(region, zones)| Some((region, zones.as_ref().err()?)));
    let refused = refused.filter(|(_, fault)| fault.class != Class::Unclear);
    observed.faults.extend(refused.map(|(region, fault)| (Scope::from(region), "availability zones", fault.clone())));
    let refused = reading.hosted_zones.iter().filter_map(|zones| zones.as_ref().err());
    let refused = refused.filter(|fault| fault.class != Class::Unclear);
    observed.faults.extend(refused.map(|fault| (Scope::Global, "hosted zone", fault.clone())));
    let refused = reading.existing.iter().filter_map(|(region, found)| Some((region, found.as_ref().err()?)));
    let refused = refused.filter(|(_, fault)| fault.class != Class::Unclear);
    observed.faults.extend(refused.map(|(region, fault)| (Scope::from(region), "existing network", fault.clone())));
    if !observed.faults.is_empty() {
        let list = observed.faults.iter().map(|(scope, kind, fault)| {
            let advice = fault.advice().map_or_else(String::new, |advice| format!("\n    hint: {advice}"));
            format!("  {scope}/{kind}: {fault}{advice}")
        });
        bail!("AWS refused to be read, so nothing can be planned:\n{}", list.collect::<Vec<_>>().join("\n"));
    }
    if let Some(why) = &observed.global_silence {
        // Its control plane is in one region; where the file has that, it counts as the one that is silent.
        let home = Region::new(aws::dns::HOME);
        let in_file = regions.contains(&home);
        observed.found.retain(|found| found.addr.region() != Some(&home));
        observed.regions.insert(home, RegionState { state: Reach::Unreachable, detail: Some(why.clone()), in_file });
    }
    for (region, state) in observed.regions.iter_mut().filter(|(_, state)| state.in_file) {
        let failed = reading.zones.get(region).and_then(|zones| zones.as_ref().err());
        let failed = failed.or_else(|| reading.existing.get(region).and_then(|found| found.as_ref().err()));
        if let Some(fault) = failed
            && state.state == Reach::Reachable
        {
            (state.state, state.detail) = (Reach::Unreachable, Some(fault.to_string()));
            observed.found.retain(|found| found.addr.region() != Some(region));
        }
    }
    if let Some(fault) = unswept {
        plan.findings.push(note(NOT_SWEPT, format!("the account's other regions were not searched: {fault}")));
    }
    for (region, state) in observed.regions.iter().filter(|(_, state)| state.state == Reach::NotSearched) {
        let why = state.detail.clone().unwrap_or_default();
        let reaches = |found: &&Found<Doc>| kinds.get(&found.addr.kind).is_ok_and(|kind| kind.also_in(found).contains(region));
        let known: Vec<String> = observed.found.iter().filter(reaches).map(|found| found.addr.to_string()).collect();
        let mut finding = note("plan::not-searched", format!("{region} was not searched for resources of this stack: {why}"));
        if !known.is_empty() {
            finding.severity = Severity::Warning;
            finding.message =
                format!("{}; it has a part of {}, which is neither changed nor removed now", finding.message, known.join(", "));
            finding.help = Some(format!("run the same command again when {region} answers"));
        }
        plan.findings.push(finding);
    }
    let mut facts = reading.facts();
    plan.findings.extend(zones(model, cx, &reading, &observed, &mut facts).await);
    facts.found = observed.found.iter().map(|found| (found.addr.clone(), found.clone())).collect();
    Ok((facts, observed))
}

/// What there is to say about the zone of the topology, and about those that were searched for records it no longer has.
async fn zones(model: &Model, cx: &Cx, reading: &facts::Reading, observed: &Observed, facts: &mut Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Ok(elsewhere) = aws::dns::elsewhere(cx).await
        && !elsewhere.not_searched.is_empty()
    {
        let message = format!("not searched for records of this stack: {}", elsewhere.not_searched.join(", "));
        findings.push(note("dns::not-searched", message));
    }
    if let Some(zone) = model.dns.as_ref().map(|dns| &dns.zone).filter(|zone| !zone.create) {
        let named = aws::dns::own_zones(cx).await.unwrap_or_default();
        let made = named.iter().filter(|seen| aws::dns::is_of_stack(&model.stack, seen.caller_reference()));
        findings.extend(made.map(|seen| {
            let (name, id) = (&zone.name, aws::dns::bare(seen.id()));
            let message = format!("this stack made the hosted zone {name} ({id}); the file calls it one that exists, so it is left alone");
            note("dns::zone-kept", message)
        }));
    }
    let Some(Ok(named)) = &reading.hosted_zones else { return findings };
    let public: Vec<String> = named.iter().filter(|zone| zone.public).map(|zone| zone.id.clone()).collect();
    if observed.global_silence.is_some() {
        // Whose a zone is cannot be said now; what would be made in it is held.
        return findings;
    }
    let ours = observed.found.iter().filter(|found| *found.addr.kind == *HostedZone::NAME).map(|found| found.id.clone()).collect();
    let mut seen = dns::ZonesSeen { private: named.len() - public.len(), public, ours, foreign: Vec::new() };
    if let Some(zone) = &mut facts.hosted_zone {
        // A zone that does not list is told by the kinds that read it.
        seen.foreign = aws::dns::foreign_records(cx, &zone.id).await.unwrap_or_default();
        zone.validated = validated_by_others(cx, &zone.id).await.unwrap_or_default();
    }
    findings.extend(dns::check(model, &seen));
    findings
}

/// Wants that no later run will find decidable, because all regions answered: half of what they belong to is not built.
fn impossible(plan: &Plan, held: &BTreeMap<Addr, String>) -> Vec<Finding> {
    let mut said = BTreeSet::new();
    let waits_for_a_region = plan.unreachable().next().is_some();
    let steps = plan.steps.iter().filter(|step| step.action == Action::Hold && !waits_for_a_region);
    let first = steps.filter_map(|step| Some((step, held.get(&step.addr)?))).filter(|(_, why)| said.insert(*why));
    let finding = |(step, why): (&Step, &String)| Finding {
        code: "plan::impossible",
        severity: Severity::Error,
        address: Some(step.addr.clone()),
        line: None,
        message: why.clone(),
        help: Some("change the topology to what there is; nothing is written before that".to_owned()),
    };
    first.map(finding).collect()
}

/// Data that is begun although nobody looked whether regions that the file does not name have it.
fn begun_unsearched(kinds: &Kinds, plan: &Plan, no_sweep: bool) -> Option<Finding> {
    let steps = &plan.steps;
    let silent: Vec<&str> =
        plan.regions.iter().filter(|(_, state)| state.state == Reach::NotSearched).map(|(region, _)| region.as_str()).collect();
    let why = if no_sweep {
        "with --no-sweep nobody looks for members in regions that the file does not name".to_owned()
    } else if plan.findings.iter().any(|finding| finding.code == NOT_SWEPT) {
        "the account's other regions were not searched for members".to_owned()
    } else if silent.is_empty() {
        return None;
    } else {
        format!("{} did not say whether there are members", silent.join(", "))
    };
    let lane = |step: &Step| {
        let kind = kinds.get(&step.addr.kind).ok().filter(|kind| kind.traits().data)?;
        kind.lane(&step.addr, step.found.as_ref().map(|found| &found.spec).or(step.want.as_ref().map(|want| &want.spec))?)
    };
    let known: BTreeSet<String> = steps.iter().filter(|step| step.found.is_some()).filter_map(lane).collect();
    let begun = steps.iter().filter(|step| step.action == Action::Create && lane(step).is_some_and(|lane| !known.contains(&lane)));
    let names: BTreeSet<&str> = begun.map(|step| &*step.addr.name).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    let mut finding = note("plan::begun-unsearched", format!("{names} would be begun: {why}, and they would not be joined"));
    if !no_sweep {
        finding.severity = Severity::Warning;
        finding.help =
            Some("a table that is begun twice can never be made one: where there may be members, wait until all answers".to_owned());
    }
    Some(finding).filter(|_| !names.is_empty())
}

pub(super) fn note(code: &'static str, message: String) -> Finding {
    Finding { code, severity: Severity::Note, address: None, line: None, message, help: None }
}

/// Regions in rollout order, then what has none; kinds in the order of the registry.
fn in_reading_order(steps: &mut [Step], regions: &[Region], kinds: &Kinds) {
    let region_at = |step: &Step| match step.addr.region() {
        Some(region) => regions.iter().position(|one| one == region).unwrap_or(regions.len()),
        None => regions.len() + 1,
    };
    let kind_at = |step: &Step| kinds.iter().position(|kind| kind.traits().name == &*step.addr.kind);
    steps.sort_by_cached_key(|step| (region_at(step), step.addr.scope.clone(), kind_at(step), step.addr.name.clone()));
}
