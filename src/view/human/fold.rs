//! Equal changes over regions become one row.
use std::collections::BTreeSet;

use super::field;
use crate::{
    plan::{Action, Plan, Step},
    resource::{Region, Scope},
};

/// Steps of the same kind and name that are shown as one, one for each scope of the section.
pub(super) struct Row<'a> {
    pub steps: Vec<&'a Step>,
}

/// The rows of one set of scopes.
pub(super) struct Section<'a> {
    pub scopes: Vec<Scope>,
    pub rows: Vec<Row<'a>>,
}

/// The regions in the order of the rollout, as far as the gates and the steps say it, then by code.
pub(super) fn region_order(plan: &Plan) -> Vec<Region> {
    let mut order: Vec<Region> = plan.gates.iter().map(|gate| gate.region.clone()).collect();
    let rest = plan.steps.iter().filter_map(|step| step.addr.region()).chain(plan.regions.keys());
    for region in rest {
        if !order.contains(region) {
            order.push(region.clone());
        }
    }
    order
}

/// Groups steps: what is the same in most regions first, then what is in fewer, then each region's own, then what has none.
pub(super) fn sections<'a>(steps: &[&'a Step], order: &[Region], full: bool) -> Vec<Section<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for step in steps {
        match rows.iter_mut().find(|row| !full && row.steps.iter().all(|other| folds(other, step))) {
            Some(row) => row.steps.push(step),
            None => rows.push(Row { steps: vec![step] }),
        }
    }
    let place = |scope: &Scope| match scope.region() {
        Some(region) => order.iter().position(|known| known == region).unwrap_or(order.len()),
        None => usize::MAX,
    };
    let mut sections: Vec<Section<'a>> = Vec::new();
    for mut row in rows {
        row.steps.sort_by_key(|step| place(&step.addr.scope));
        let scopes: Vec<Scope> = row.steps.iter().map(|step| step.addr.scope.clone()).collect();
        match sections.iter_mut().find(|section| section.scopes == scopes) {
            Some(section) => section.rows.push(row),
            None => sections.push(Section { scopes, rows: vec![row] }),
        }
    }
    sections.sort_by_key(|section| {
        let places: Vec<usize> = section.scopes.iter().map(place).collect();
        (places.contains(&usize::MAX), usize::MAX - section.scopes.len(), places)
    });
    sections
}

/// Whether two steps say the same of two regions. What was left alone is never folded: its reason holds a command for one
/// address.
fn folds(one: &Step, other: &Step) -> bool {
    let paths = |step: &Step| field::fields(step, false).into_iter().map(|field| field.path).collect::<BTreeSet<_>>();
    one.addr.kind == other.addr.kind
        && one.addr.name == other.addr.name
        && one.addr.scope != other.addr.scope
        && one.addr.region().is_some()
        && other.addr.region().is_some()
        && one.action == other.action
        && one.action != Action::Leave
        && one.waiting == other.waiting
        && paths(one) == paths(other)
}
