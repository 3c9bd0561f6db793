//! Does what a plan says.
//!
//! In: a [`Plan`](crate::plan::Plan). Out: [`Event`]s while it runs and an [`Outcome`] at the end.
mod event;
mod gate;
mod health;
mod operation;
mod removal;
mod run;
mod settle;

pub use event::{Doing, Event, Outcome, Stamped, Stop, Tally};
pub use run::{Options, apply};
