//! Steps become operations and edges. Pure.
//!
//! An edge has one of four reasons: a wanted reference, a found reference, the kind's `AFTER` list, the traffic rule; waves,
//! lanes and the two halves of a replacement order operations that none of these relates.
mod rollout;

use std::collections::{BTreeMap, BTreeSet};

use petgraph::{
    algo::{has_path_connecting, tarjan_scc},
    graph::{DiGraph, NodeIndex},
};

pub use self::rollout::Rollout;
use super::{Action, Finding, GateInfo, Graph, Op, Reason, Step};
use crate::resource::{Addr, Doc, Kinds, Link, Region, Replace, Traits, doc::links};

/// Operations that wait for each other in a circle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these wait for each other in a circle: {}", members.join(", "))]
pub struct Cycle {
    pub members: Vec<String>,
}

/// The ordered plan.
#[derive(Debug, Default)]
pub struct Ordered {
    pub graph: Graph,
    pub gates: Vec<GateInfo>,
    pub drains: Vec<Region>,
    pub findings: Vec<Finding>,
}

/// Orders the operations of the steps. The steps' own order (regions in rollout order) decides where nothing else does.
///
/// # Errors
/// Operations wait for each other in a circle; they are named.
pub fn order(kinds: &Kinds, steps: &[Step], rollout: &Rollout) -> Result<Ordered, Cycle> {
    let mut build = Build::new(kinds, steps);
    build.replacements();
    build.wanted_references();
    build.found_references();
    build.after();
    build.lanes();
    build.moves();
    build.check()?;
    let mut ordered = Ordered::default();
    build.drains(rollout, &mut ordered);
    build.once_gone();
    build.waves(rollout, &mut ordered);
    build.followers();
    build.check()?;
    ordered.graph = build.finish();
    Ok(ordered)
}

struct Build<'a> {
    steps: &'a [Step],
    traits: Vec<Option<Traits>>,
    kinds: &'a Kinds,
    graph: DiGraph<Op, Reason>,
    /// The operation after which an address is usable.
    ready: BTreeMap<&'a Addr, NodeIndex>,
    remove: BTreeMap<&'a Addr, NodeIndex>,
}

impl<'a> Build<'a> {
    fn new(kinds: &'a Kinds, steps: &'a [Step]) -> Self {
        let traits = steps.iter().map(|step| kinds.get(&step.addr.kind).ok().map(|kind| kind.traits())).collect();
        let mut build = Self { steps, traits, kinds, graph: DiGraph::new(), ready: BTreeMap::new(), remove: BTreeMap::new() };
        for (index, step) in steps.iter().enumerate() {
            if matches!(step.action, Action::Delete | Action::Replace) {
                let node = build.graph.add_node(Op::Remove(index));
                build.remove.insert(&step.addr, node);
            }
            let op = match step.action {
                Action::Keep if step.waiting.is_some() => Op::Wait(index),
                Action::Create | Action::Replace => Op::Make(index),
                Action::Update | Action::Adopt => Op::Change(index),
                _ => continue,
            };
            let node = build.graph.add_node(op);
            build.ready.insert(&step.addr, node);
        }
        build
    }

    fn edge(&mut self, before: NodeIndex, after: NodeIndex, why: Reason) {
        if before != after && !self.graph.contains_edge(before, after) {
            self.graph.add_edge(before, after, why);
        }
    }

    /// Adds the edge unless it would close a circle; tells whether it did.
    fn edge_if_free(&mut self, before: NodeIndex, after: NodeIndex, why: Reason) -> bool {
        let free = before == after || !has_path_connecting(&self.graph, after, before, None);
        if free {
            self.edge(before, after, why);
        }
        free
    }

    fn traits(&self, step: usize) -> Option<&Traits> {
        self.traits[step].as_ref()
    }

    fn creates_first(&self, step: usize) -> bool {
        !self.steps[step].delete_first && self.traits(step).is_some_and(|traits| traits.replace == Replace::CreateFirst)
    }

    /// A replacement is lowered to two operations.
    fn replacements(&mut self) {
        for (index, step) in self.steps.iter().enumerate().filter(|(_, step)| step.action == Action::Replace) {
            let (make, remove) = (self.ready[&step.addr], self.remove[&step.addr]);
            let (first, second) = if self.creates_first(index) { (make, remove) } else { (remove, make) };
            self.edge(first, second, Reason::Replacement);
        }
    }

    /// What is referred to is ready before what refers to it is made or changed.
    fn wanted_references(&mut self) {
        for step in self.steps {
            let Some(after) = self.ready.get(&step.addr).copied() else { continue };
            for target in &step.refers {
                if let Some(before) = self.ready.get(target).copied() {
                    self.edge(before, after, Reason::Refers);
                }
            }
        }
    }

    /// The steps that remove something, by what it gives: kind, scope, field and value.
    fn going(&self) -> BTreeMap<(&'a str, String, &'a str, &'a str), Vec<usize>> {
        // Several may give the same: the instances of a cluster its endpoint.
        let mut given: BTreeMap<(&str, String, &str, &str), Vec<usize>> = BTreeMap::new();
        for (index, step) in self.steps.iter().enumerate().filter(|(_, step)| self.remove.contains_key(&step.addr)) {
            let Some(found) = &step.found else { continue };
            for (field, value) in found.outputs.iter() {
                given.entry((&step.addr.kind, step.addr.scope.to_string(), field, value)).or_default().push(index);
            }
        }
        given
    }

    fn follows(&self, step: usize) -> bool {
        self.traits(step).is_some_and(|traits| traits.follows)
    }

    /// What only names a thing goes, or lets go, before that where nothing speaks against it: AWS does not ask for it, and an alarm
    /// on what is gone is of no use to anybody.
    fn followers(&mut self) {
        let given = self.going();
        for (index, step) in self.steps.iter().enumerate() {
            let Some(found) = step.found.as_ref().filter(|_| self.follows(index)) else { continue };
            for target in is_links(&found.spec) {
                let change = self.ready.get(&step.addr).filter(|_| !still_refers(step, &target));
                let Some(own) = self.remove.get(&step.addr).or(change).copied() else { continue };
                let key = (target.0.as_str(), target.2.clone(), target.1.as_str(), target.3.as_str());
                for gone in given.get(&key).into_iter().flatten() {
                    self.edge_if_free(own, self.remove[&self.steps[*gone].addr], Reason::Referred);
                }
            }
        }
    }

    /// What refers goes, or lets go, before what it refers to. Read from what is found, so it also orders the removal of what
    /// no topology mentions; matched by kind, field and scope, never by value alone.
    fn found_references(&mut self) {
        let given = self.going();
        for (index, step) in self.steps.iter().enumerate() {
            let Some(found) = step.found.as_ref().filter(|_| !self.follows(index)) else { continue };
            for target in is_links(&found.spec) {
                let key = (target.0.as_str(), target.2.clone(), target.1.as_str(), target.3.as_str());
                for gone in given.get(&key).into_iter().flatten().copied() {
                    let removal = self.remove[&self.steps[gone].addr];
                    if let Some(own) = self.remove.get(&step.addr).copied() {
                        self.edge(own, removal, Reason::Referred);
                    } else if let Some(own) = self.ready.get(&step.addr).copied()
                        && !still_refers(step, &target)
                        && (self.creates_first(gone) || !step.refers.contains(&self.steps[gone].addr))
                    {
                        self.edge(own, removal, Reason::Referred);
                    }
                }
            }
        }
    }

    /// The kinds' own lists and the single resources that a want names, followed when making; the lists are reversed when
    /// removing.
    fn after(&mut self) {
        for step in self.steps {
            for other in step.want.iter().flat_map(|want| want.after.iter().chain(&want.after_any)) {
                let (ready, own) = (self.ready.get(other).copied(), self.ready.get(&step.addr).copied());
                match (ready, self.remove.get(other).copied(), own) {
                    (Some(before), _, Some(after)) => self.edge(before, after, Reason::After),
                    // What it needs is there and goes: not before it has been used.
                    (None, Some(removal), Some(own)) => drop(self.edge_if_free(own, removal, Reason::After)),
                    _ => {}
                }
            }
        }
        for (index, step) in self.steps.iter().enumerate() {
            let Some(traits) = self.traits(index).copied() else { continue };
            for rule in traits.after {
                for other in self.steps.iter().filter(|other| &*other.addr.kind == rule.kind && other.addr != step.addr) {
                    if !rule.anywhere && other.addr.scope != step.addr.scope {
                        continue;
                    }
                    if let (Some(before), Some(after)) = (self.ready.get(&other.addr), self.ready.get(&step.addr)) {
                        self.edge(*before, *after, Reason::After);
                    }
                    if let (Some(before), Some(after)) = (self.remove.get(&step.addr), self.remove.get(&other.addr)) {
                        self.edge(*before, *after, Reason::After);
                    }
                }
            }
        }
    }

    fn lane_of(&self, op: &Op) -> Option<String> {
        let step = &self.steps[op.step()?];
        let want = step.want.as_ref().map(|want| &want.spec);
        let found = step.found.as_ref().map(|found| &found.spec);
        let spec = if matches!(op, Op::Remove(_)) { found.or(want) } else { want.or(found) };
        // What stands beside another is found at the same address.
        let addr = step.found.as_ref().map_or(&step.addr, |found| &found.addr);
        self.kinds.get(&addr.kind).ok()?.lane(addr, spec?)
    }

    /// Removals of one lane go youngest first: what is not marked yet, then by age, the oldest last. Then [`Self::joins`].
    fn lanes(&mut self) {
        let mut removals: BTreeMap<String, Vec<Removal>> = BTreeMap::new();
        for node in self.graph.node_indices() {
            let op = self.graph[node].clone();
            if let (Op::Remove(index), Some(lane)) = (&op, self.lane_of(&op)) {
                let Some(found) = &self.steps[*index].found else { continue };
                let marked = found.spec.pointer("/tags/marked") != Some(&Doc::Bool(false));
                removals.entry(lane).or_default().push((!marked, found.born, *index, node));
            }
        }
        for mut lane in removals.into_values() {
            lane.sort();
            lane.reverse();
            for pair in lane.windows(2) {
                self.edge_if_free(pair[0].3, pair[1].3, Reason::Lane);
            }
        }
        self.joins();
    }

    /// What joins a lane becomes like those that are there: it waits until they are as they should be, and where they are made
    /// anew, until all of the old ones are gone.
    fn joins(&mut self) {
        let ops: Vec<(NodeIndex, Op, String)> = self
            .graph
            .node_indices()
            .filter_map(|node| Some((node, self.graph[node].clone(), self.lane_of(&self.graph[node])?)))
            .filter(|(_, op, _)| op.step().and_then(|step| self.traits(step)).is_some_and(|traits| traits.data))
            .collect();
        let replaces = |op: &Op| op.step().is_some_and(|step| self.steps[step].action == Action::Replace);
        let first: Vec<_> =
            ops.iter().filter(|(_, op, _)| matches!(op, Op::Change(_)) || matches!(op, Op::Remove(_)) && replaces(op)).cloned().collect();
        for (make, _, lane) in ops.iter().filter(|(_, op, _)| matches!(op, Op::Make(_))) {
            for (before, ..) in first.iter().filter(|(_, _, other)| other == lane) {
                self.edge_if_free(*before, *make, Reason::Lane);
            }
        }
    }

    /// Where data moves from some regions to others, the new members are there before the first old one goes; when one cannot
    /// be added, none goes. A replacement in the lane begins anew and has nothing to join.
    fn moves(&mut self) {
        let mut lanes: BTreeMap<String, (Vec<NodeIndex>, Vec<NodeIndex>)> = BTreeMap::new();
        let mut anew: BTreeSet<String> = BTreeSet::new();
        for node in self.graph.node_indices() {
            let op = &self.graph[node];
            let Some(index) = op.step().filter(|index| self.traits(*index).is_some_and(|traits| traits.data)) else { continue };
            let Some(lane) = self.lane_of(op) else { continue };
            match (op, self.steps[index].action) {
                (_, Action::Replace) => drop(anew.insert(lane)),
                (Op::Make(_) | Op::Wait(_), _) => lanes.entry(lane).or_default().0.push(node),
                (Op::Remove(_), _) => lanes.entry(lane).or_default().1.push(node),
                _ => {}
            }
        }
        for (_, (joining, going)) in lanes.into_iter().filter(|(lane, _)| !anew.contains(lane)) {
            for (before, after) in joining.iter().flat_map(|before| going.iter().map(move |after| (*before, *after))) {
                self.edge_if_free(before, after, Reason::Lane);
            }
        }
    }

    fn check(&self) -> Result<(), Cycle> {
        let name = |node: &NodeIndex| match &self.graph[*node] {
            Op::Drain(region) => format!("drain/{region}"),
            Op::Gate(region) => format!("gate/{region}"),
            op => op.step().map_or_else(String::new, |step| self.steps[step].addr.to_string()),
        };
        match tarjan_scc(&self.graph).into_iter().find(|component| component.len() > 1) {
            Some(circle) => Err(Cycle { members: circle.iter().map(name).collect() }),
            None => Ok(()),
        }
    }

    fn finish(self) -> Graph {
        let lanes = self.graph.node_indices().filter_map(|node| Some((node.index(), self.lane_of(&self.graph[node])?))).collect();
        let ends = |edge| self.graph.edge_endpoints(edge);
        let mut edges: Vec<(usize, usize, Reason)> = self
            .graph
            .edge_indices()
            .filter_map(|edge| ends(edge).map(|(before, after)| (before.index(), after.index(), self.graph[edge])))
            .collect();
        edges.sort_unstable();
        Graph { ops: self.graph.node_weights().cloned().collect(), edges, lanes }
    }
}

type Target = (String, String, String, String);
/// A removal of a lane, in the order in which the later one goes first: whether it is unmarked, when it was made, its step.
type Removal = (bool, Option<jiff::Timestamp>, usize, NodeIndex);

/// The known references of a document: kind, field, scope, value.
fn is_links(doc: &Doc) -> Vec<Target> {
    let read = |(_, link)| match link {
        Link::Is { value, kind, field, scope } => Some((kind, field, scope.to_string(), value)),
        Link::To { .. } => None,
    };
    links(doc).into_iter().filter_map(read).collect()
}

fn still_refers(step: &Step, target: &Target) -> bool {
    step.want.as_ref().is_some_and(|want| is_links(&want.spec).contains(target))
}
