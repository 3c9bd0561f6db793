//! For people: the plan, the progress of a run, and what exists afterwards.
mod field;
mod fold;
mod plan;
mod progress;
mod summary;

#[cfg(test)]
pub(super) mod sample;

pub use plan::{PlanView, plan};
pub use progress::Progress;
pub use summary::{Calls, Ending, summary};
