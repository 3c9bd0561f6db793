//! What would be done, and in which order.
//!
//! In: wants, what was found, and which regions answered. Out: a [`Plan`] of steps and a graph of operations. Pure and
//! synchronous but for `observe`, which is the only part of planning that talks to AWS.
mod decide;
pub mod dns;
pub mod existing;
mod foreign;
mod guard;
mod halves;
mod known;
mod observe;
mod order;
mod posture;
pub mod quota;
mod select;

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

pub use decide::{Decided, decide, protections};
pub use foreign::other_stack;
pub use guard::{Allowance, Refusal, guard, interruptions, loses, removing, stuck, unused_adoptions, unused_restorations};
pub use halves::all_of;
pub use observe::{Observed, Searched, observe};
pub use order::{Cycle, Ordered, Rollout, order};
pub use posture::posture;
pub use select::{Selection, left_out, select, unmatched};

use crate::resource::{Addr, Change, Doc, Found, Posture, Region, Want};

/// What is to be done at one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Keep,
    Create,
    Update,
    Replace,
    Delete,
    /// Put our marks on something that stands under our unique name.
    Adopt,
    /// Something stands under our unique name without our mark; it is left alone.
    Leave,
    /// Nothing can be decided now: its region did not answer, or a fact it needs is unknown.
    Hold,
}

/// One address and what is to be done there. No two steps of a plan have the same address.
#[derive(Clone, Debug)]
pub struct Step {
    pub addr: Addr,
    pub action: Action,
    /// A sentence for the reader.
    pub why: String,
    /// What AWS says it is doing, when the step begins (or consists) of waiting for that.
    pub waiting: Option<String>,
    /// Field by field. On a delete: the protections that are lifted just before it.
    pub changes: Vec<Change>,
    /// As the kind wants it, references still open where the plan makes what they refer to.
    pub want: Option<Want<Doc>>,
    pub found: Option<Found<Doc>>,
    /// Every address that what is wanted refers to, resolved or not.
    pub refers: Vec<Addr>,
    /// The ids of what else stands at this address and has a step of its own, whose address ends in `@` and the id.
    pub beside: Vec<String>,
    /// Of a replacement: whether the old one has to go before the new one is made although its kind could have both. It holds on to
    /// something that has to go first itself.
    pub delete_first: bool,
}

impl Step {
    /// Whether applying the plan does anything for this step.
    #[must_use]
    pub fn is_change(&self) -> bool {
        match self.action {
            Action::Keep => self.waiting.is_some(),
            Action::Leave | Action::Hold => false,
            _ => true,
        }
    }
}

/// One unit of work of the executor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// Waits until what is being made is ready, reads it again and brings it in line.
    Wait(usize),
    Make(usize),
    Change(usize),
    Remove(usize),
    /// Waits until clients have let go of a region.
    Drain(Region),
    /// Waits until a region is healthy in its new form, then bakes.
    Gate(Region),
}

impl Op {
    /// The index of the step it belongs to.
    #[must_use]
    pub fn step(&self) -> Option<usize> {
        match self {
            Self::Wait(step) | Self::Make(step) | Self::Change(step) | Self::Remove(step) => Some(*step),
            Self::Drain(_) | Self::Gate(_) => None,
        }
    }
}

/// Why one operation comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// What is wanted refers to it.
    Refers,
    /// What is found refers to it, so it goes first.
    Referred,
    /// A dependency AWS has and no document shows.
    After,
    /// Nothing that serves goes before clients have let go.
    Traffic,
    /// One region at a time.
    Wave,
    /// The two halves of a replacement.
    Replacement,
    /// The order within a lane: who joins before who goes, and who goes first.
    Lane,
}

/// Operations and what has to come before what.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub ops: Vec<Op>,
    /// `(before, after, why)`, indices into `ops`.
    pub edges: Vec<(usize, usize, Reason)>,
    /// The lane of each operation that has one.
    pub lanes: BTreeMap<usize, String>,
}

impl Graph {
    /// What must come before an operation.
    pub fn before(&self, op: usize) -> impl Iterator<Item = (usize, Reason)> + '_ {
        self.edges.iter().filter(move |(_, after, _)| *after == op).map(|(before, _, why)| (*before, *why))
    }
}

/// What is known of a region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegionState {
    pub state: Reach,
    pub detail: Option<String>,
    /// Whether the file names it.
    #[serde(skip)]
    pub in_file: bool,
}

/// Whether a region answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    Reachable,
    /// It answered, is not in the file and was asked for those few things only that AWS has nowhere else.
    Auxiliary,
    /// Nobody was asked: the plan takes AWS as empty.
    NotAsked,
    Unreachable,
    /// It is not in the file and did not answer the sweep.
    NotSearched,
}

impl Reach {
    /// Whether it was asked and did not answer, so that nothing can be decided there.
    #[must_use]
    pub fn is_silent(self) -> bool {
        matches!(self, Self::Unreachable | Self::NotSearched)
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Note,
    Warning,
    /// Nothing is written while it stands.
    Error,
}

/// Something the reader should know that is not a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub code: &'static str,
    pub severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// One gate of the plan, as it is shown.
#[derive(Clone, Debug)]
pub struct GateInfo {
    pub region: Region,
    pub checks: Vec<String>,
    /// What is judged though the plan does not change it.
    pub judged: Vec<Addr>,
    pub bake: Duration,
}

/// Everything that is known before anything is done.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub stack: String,
    pub account: Option<String>,
    /// Whether it is the removal of everything.
    pub destroy: bool,
    pub regions: BTreeMap<Region, RegionState>,
    pub steps: Vec<Step>,
    pub graph: Graph,
    pub gates: Vec<GateInfo>,
    /// Regions that are drained before what serves there goes.
    pub drains: Vec<Region>,
    pub posture: Vec<Posture>,
    pub findings: Vec<Finding>,
    /// What the data guard refuses with the flags that were given; apply does nothing while there is any.
    pub refusals: Vec<Refusal>,
}

/// How many steps of each action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
    pub keep: usize,
    pub hold: usize,
    pub adopt: usize,
    pub leave: usize,
    pub waiting: usize,
}

impl Plan {
    /// Counts the steps.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut sum = Summary::default();
        for step in &self.steps {
            let count = match step.action {
                Action::Keep => &mut sum.keep,
                Action::Create => &mut sum.create,
                Action::Update => &mut sum.update,
                Action::Replace => &mut sum.replace,
                Action::Delete => &mut sum.delete,
                Action::Adopt => &mut sum.adopt,
                Action::Leave => &mut sum.leave,
                Action::Hold => &mut sum.hold,
            };
            *count += 1;
            sum.waiting += usize::from(step.waiting.is_some());
        }
        sum
    }

    /// Whether applying it would do anything.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.steps.iter().any(Step::is_change)
    }

    /// The file's regions that did not answer.
    pub fn unreachable(&self) -> impl Iterator<Item = (&Region, &RegionState)> {
        self.regions.iter().filter(|(_, state)| state.state == Reach::Unreachable)
    }

    /// Whether an error finding forbids writing.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// What a step has to wait for: addresses, gates (`gate/REGION`) and drains (`drain/REGION`), with the reason.
    #[must_use]
    pub fn needs(&self, step: usize) -> Vec<(String, Reason)> {
        let own = self.graph.ops.iter().enumerate().filter(|(_, op)| op.step() == Some(step)).map(|(index, _)| index);
        let mut needs: Vec<(String, Reason)> = own
            .flat_map(|op| self.graph.before(op).collect::<Vec<_>>())
            .filter(|(before, _)| self.graph.ops[*before].step() != Some(step))
            .map(|(before, why)| (self.label(&self.graph.ops[before]), why))
            .collect();
        needs.sort();
        needs.dedup();
        needs
    }

    /// What an operation is called: its address, `gate/REGION` or `drain/REGION`.
    #[must_use]
    pub fn label(&self, op: &Op) -> String {
        match op {
            Op::Drain(region) => format!("drain/{region}"),
            Op::Gate(region) => format!("gate/{region}"),
            other => other.step().and_then(|step| self.steps.get(step)).map_or_else(String::new, |step| step.addr.to_string()),
        }
    }

    /// The position of an operation that is not a step's own (a gate or a drain), or of a step's.
    #[must_use]
    pub fn find_op(&self, wanted: &Op) -> Option<usize> {
        self.graph.ops.iter().position(|op| op == wanted)
    }
}
