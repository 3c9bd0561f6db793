//! What others set and no plan undoes, judged by what is found alone. Pure.
use std::collections::BTreeMap;

use super::RegionState;
use crate::{
    resource::{Doc, Found, Kinds, Posture, Region},
    topology::Model,
};

/// Everything that the kinds see of it, by address. Of a region that did not answer nothing is said.
#[must_use]
pub fn posture(kinds: &Kinds, model: &Model, found: &[Found<Doc>], regions: &BTreeMap<Region, RegionState>) -> Vec<Posture> {
    let of_kind = |name: &str| found.iter().filter(|found| &*found.addr.kind == name).cloned().collect::<Vec<_>>();
    let answered =
        |item: &Posture| item.address.region().is_none_or(|region| regions.get(region).is_some_and(|state| !state.state.is_silent()));
    let mut all: Vec<Posture> = kinds.iter().flat_map(|kind| kind.posture(model, &of_kind(kind.traits().name))).filter(answered).collect();
    all.sort_by(|one, other| (&one.address, one.kind).cmp(&(&other.address, other.kind)));
    all
}
