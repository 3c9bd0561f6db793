//! What is known while steps are decided one after another: what stays and gives its outputs, what is held, and where a region that
//! did not answer may hold the first member of something. Pure.
use std::collections::{BTreeMap, BTreeSet};

use super::{Action, RegionState, Step};
use crate::resource::{Addr, Doc, Found, Kinds, Link, Region, Replace, Traits, Want, doc::links};

/// A region that did not answer and is to have a member of what a want is a member of.
pub(super) struct Silent {
    pub(super) region: Region,
    /// Whether the want's own member, or another that can be joined, was found.
    pub(super) known: bool,
}

/// Wants for data of which another member lives in a region that did not answer.
///
/// Data that was begun twice cannot be joined again, so nothing is begun where a silent region may hold the first.
pub(super) fn silent_lanes(
    kinds: &Kinds,
    wants: &[Want<Doc>],
    found: &BTreeMap<Addr, Vec<Found<Doc>>>,
    regions: &BTreeMap<Region, RegionState>,
) -> BTreeMap<Addr, Silent> {
    let lane = |addr: &Addr, spec: &Doc| kinds.get(&addr.kind).ok().filter(|kind| kind.traits().data)?.lane(addr, spec);
    // A member that the file does not name any more is one that others can join, too.
    let alive: BTreeSet<String> = found.values().flatten().filter_map(|found| lane(&found.addr, &found.spec)).collect();
    let mut silent: BTreeMap<String, Region> = BTreeMap::new();
    let mut lanes: Vec<(&Addr, String)> = Vec::new();
    for want in wants {
        let Some(lane) = lane(&want.addr, &want.spec) else { continue };
        if let Some(region) = want.addr.region()
            && regions.get(region).is_some_and(|state| state.state.is_silent())
        {
            silent.insert(lane.clone(), region.clone());
        }
        lanes.push((&want.addr, lane));
    }
    let member = |(addr, lane): (&Addr, String)| {
        let known = alive.contains(&lane) || found.contains_key(addr);
        Some((addr.clone(), Silent { region: silent.get(&lane)?.clone(), known }))
    };
    lanes.into_iter().filter_map(member).collect()
}

/// What is known of the wants decided so far.
#[derive(Default)]
pub(super) struct Known {
    /// Outputs of everything that stays what it is.
    pub(super) outputs: BTreeMap<Addr, crate::resource::Outputs>,
    pub(super) held: BTreeSet<Addr>,
    /// Those of them of which nothing is there.
    pub(super) absent: BTreeSet<Addr>,
    pub(super) decided: BTreeSet<Addr>,
    /// Outputs of what has to go before its successor is made: kind, scope, field and value.
    going: BTreeMap<(String, String, String, String), Addr>,
}

impl Known {
    pub(super) fn remember(&mut self, step: &Step, kinds: &Kinds) {
        self.decided.insert(step.addr.clone());
        let holds = |traits: Traits| (traits.replace == Replace::DeleteFirst || step.delete_first) && !traits.lets_go;
        let delete_first = kinds.get(&step.addr.kind).is_ok_and(|kind| holds(kind.traits()));
        if let Some(found) = step.found.as_ref().filter(|_| delete_first && step.action == Action::Replace) {
            let key = |(field, value): (&str, &str)| {
                (step.addr.kind.to_string(), step.addr.scope.to_string(), field.to_owned(), value.to_owned())
            };
            self.going.extend(found.outputs.iter().map(|output| (key(output), step.addr.clone())));
        }
        match step.action {
            Action::Keep | Action::Update | Action::Adopt => {
                if let Some(found) = &step.found {
                    self.outputs.insert(step.addr.clone(), found.outputs.clone());
                }
            }
            Action::Hold | Action::Leave => {
                self.held.insert(step.addr.clone());
                if step.found.is_none() {
                    self.absent.insert(step.addr.clone());
                }
            }
            Action::Create | Action::Replace | Action::Delete => {}
        }
    }

    /// What a found thing refers to and has to go before its successor is made.
    pub(super) fn held_by(&self, found: &Found<Doc>) -> Option<&Addr> {
        links(&found.spec).into_iter().find_map(|(_, link)| match link {
            Link::Is { value, kind, field, scope } => self.going.get(&(kind, scope.to_string(), field, value)),
            Link::To { .. } => None,
        })
    }
}
