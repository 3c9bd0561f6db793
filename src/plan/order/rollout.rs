//! Clients come first: regions change one after another with gates between them, and what serves goes after a drain. Pure.
use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use petgraph::graph::NodeIndex;

use super::{Build, Ordered};
use crate::{
    plan::{Action, Finding, GateInfo, Op, Reason, Severity, Step},
    resource::{Addr, DEPLOYED_AT, Region, Traffic},
};

/// How a plan is rolled out.
#[derive(Clone, Debug, Default)]
pub struct Rollout {
    /// The file's regions, in rollout order.
    pub order: Vec<Region>,
    pub bake: Duration,
    /// When what the plan stands on was read.
    pub now: Timestamp,
    /// `--no-drain`.
    pub no_drain: bool,
}

impl Build<'_> {
    fn traffic(&self, step: &Step) -> Traffic {
        match (&step.found, self.kinds.get(&step.addr.kind)) {
            (Some(found), Ok(kind)) => kind.traffic(found),
            _ => Traffic::None,
        }
    }

    /// What would cut off what goes is changed only when that is gone, unless what goes waits for the change.
    pub(super) fn once_gone(&mut self) {
        for step in self.steps {
            let Some(own) = self.ready.get(&step.addr).copied() else { continue };
            for other in step.want.iter().flat_map(|want| &want.once_gone) {
                if let Some(removal) = self.remove.get(other).copied() {
                    self.edge_if_free(removal, own, Reason::Traffic);
                }
            }
        }
    }

    /// The traffic rule: where what answers clients goes, DNS lets go first, then clients do, and only then goes what serves.
    pub(super) fn drains(&mut self, rollout: &Rollout, ordered: &mut Ordered) {
        let answering: BTreeSet<&Region> = self
            .steps
            .iter()
            .filter(|step| self.remove.contains_key(&step.addr) && matches!(self.traffic(step), Traffic::Answers | Traffic::Listens))
            .filter_map(|step| step.addr.region())
            .collect();
        for region in answering {
            let here = || self.steps.iter().enumerate().filter(|(_, step)| step.addr.region() == Some(region));
            let serves = |index| self.traits(index).is_some_and(|traits| traits.serves || traits.data || traits.stays_for_clients);
            let removals: Vec<NodeIndex> =
                here().filter(|(index, _)| serves(*index)).filter_map(|(_, step)| self.remove.get(&step.addr)).copied().collect();
            let directing = here().filter(|(_, step)| self.traffic(step) == Traffic::Directs);
            let directing: Vec<NodeIndex> =
                directing.flat_map(|(_, step)| [self.remove.get(&step.addr), self.ready.get(&step.addr)]).flatten().copied().collect();
            if rollout.no_drain {
                // Only the wait is left out: DNS lets go first all the same.
                for (op, removal) in directing.iter().flat_map(|op| removals.iter().map(move |removal| (*op, *removal))) {
                    self.edge_if_free(op, removal, Reason::Traffic);
                }
                continue;
            }
            let drain = self.graph.add_node(Op::Drain(region.clone()));
            for removal in removals {
                self.edge_if_free(drain, removal, Reason::Traffic);
            }
            for op in directing {
                self.edge_if_free(op, drain, Reason::Traffic);
            }
            ordered.drains.push(region.clone());
        }
    }

    /// The operations of a region that are part of its wave, with the name of the step and whether the gate judges it: what is made
    /// or changed of all that serves, and both halves of what is replaced there. A record that goes and comes again takes its region
    /// out of DNS, so that only one region may be without it at a time.
    fn wave(&self, region: &Region) -> Vec<(NodeIndex, String, bool)> {
        let mut wave = Vec::new();
        for (index, step) in self.steps.iter().enumerate().filter(|(_, step)| step.addr.region() == Some(region)) {
            // Other tags are no other form of anything.
            let is_other = step.action != Action::Update || step.changes.iter().any(|change| !change.is_under("tags"));
            let serves = is_other && self.traits(index).is_some_and(|traits| traits.serves);
            let is_replaced = step.action == Action::Replace && (serves || self.traffic(step) == Traffic::Directs);
            let made = self.ready.get(&step.addr).filter(|_| serves || is_replaced).map(|op| (*op, step.addr.to_string(), serves));
            let gone = self.remove.get(&step.addr).filter(|_| is_replaced).map(|op| (*op, step.addr.to_string(), false));
            wave.extend(made.into_iter().chain(gone));
        }
        wave
    }

    /// Serving regions change one at a time, in rollout order, with a gate between them.
    pub(super) fn waves(&mut self, rollout: &Rollout, ordered: &mut Ordered) {
        let pointed = self.regions_with(Traffic::Directs);
        let serving = if pointed.is_empty() { self.regions_with(Traffic::Answers) } else { pointed };
        let mut gate_before: Option<(NodeIndex, Region)> = None;
        let regions: Vec<&Region> = rollout.order.iter().filter(|region| serving.contains(region)).collect();
        let waves: Vec<_> = regions.iter().map(|region| self.wave(region)).collect();
        let last = waves.iter().rposition(|wave| !wave.is_empty());
        for (at, (region, wave)) in regions.into_iter().zip(waves).enumerate() {
            // A region that an earlier run changed is asked again before the next one follows, and bakes for as long as is left: what
            // stopped that run may go on.
            let is_done = wave.is_empty();
            let judged = if is_done { self.answering(region) } else { Vec::new() };
            if is_done && (last.is_none_or(|last| at > last) || judged.is_empty() && self.warners(region).is_none()) {
                continue;
            }
            let gate = self.graph.add_node(Op::Gate(region.clone()));
            for (op, name, _) in &wave {
                if let Some((before, of)) = &gate_before
                    && !self.edge_if_free(*before, *op, Reason::Wave)
                {
                    ordered.findings.push(Finding {
                        code: "plan::wave-overridden",
                        severity: Severity::Note,
                        address: name.parse().ok(),
                        line: None,
                        message: format!("{name} does not wait for the gate of {of}: a reference asks for it earlier"),
                        help: None,
                    });
                }
                self.edge_if_free(*op, gate, Reason::Wave);
            }
            if let Some((before, _)) = &gate_before {
                self.edge_if_free(*before, gate, Reason::Wave);
            }
            let mut checks: Vec<String> =
                wave.iter().filter(|(.., judged)| *judged).map(|(_, name, _)| format!("{name} is healthy")).collect();
            checks.extend(judged.iter().map(|addr| format!("{addr} is healthy")));
            checks.extend(self.warners(region));
            let bake = if is_done { self.left_to_bake(region, rollout) } else { rollout.bake };
            ordered.gates.push(GateInfo { region: region.clone(), checks, judged, bake });
            gate_before = Some((gate, region.clone()));
        }
    }

    /// What answers clients in a region and stays.
    fn answering(&self, region: &Region) -> Vec<Addr> {
        let here = self.steps.iter().filter(|step| step.addr.region() == Some(region) && step.want.is_some());
        here.filter(|step| self.traffic(step) == Traffic::Answers).map(|step| step.addr.clone()).collect()
    }

    /// How much longer a region has to be watched that was changed before this plan was made; whole seconds.
    fn left_to_bake(&self, region: &Region, rollout: &Rollout) -> Duration {
        let here = self.steps.iter().filter(|step| step.addr.region() == Some(region)).filter_map(|step| step.found.as_ref());
        let newest = here.filter_map(|found| found.outputs.get(DEPLOYED_AT)?.parse::<Timestamp>().ok()).max();
        let watched = newest.map(|newest| u64::try_from(rollout.now.as_second() - newest.as_second()).unwrap_or_default());
        watched.map_or(Duration::ZERO, |watched| rollout.bake.saturating_sub(Duration::from_secs(watched)))
    }

    /// What a gate asks of those that say of its region that something is wrong there.
    fn warners(&self, region: &Region) -> Option<String> {
        let warns = |(index, step): &(usize, &Step)| {
            let is_there = step.want.is_some() && !matches!(step.action, Action::Hold | Action::Leave);
            is_there && step.addr.region() == Some(region) && self.traits(*index).is_some_and(|traits| traits.warns)
        };
        let count = self.steps.iter().enumerate().filter(warns).count();
        (count > 0).then(|| format!("none of {count} {} in {region} is in ALARM", if count == 1 { "alarm" } else { "alarms" }))
    }

    fn regions_with(&self, traffic: Traffic) -> BTreeSet<Region> {
        let with = self.steps.iter().filter(|step| self.traffic(step) == traffic);
        with.filter_map(|step| step.addr.region().cloned()).collect()
    }
}
