//! How anything is shown.
//!
//! In: plans, events, outcomes. Out: text and JSON. Renderers are pure; only `human::Progress` draws, and only on the writer
//! or terminal it was given. Text always carries its styles: whoever prints it does so through `anstream`, which keeps or
//! strips them (`--color`, `NO_COLOR`, no terminal).
pub mod graph;
pub mod human;
pub mod json;
pub mod report;
pub mod style;
mod words;
