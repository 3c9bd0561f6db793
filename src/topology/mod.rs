//! What the user wrote: from the bytes of a file to a checked [`Model`], or to a [`Report`] of everything that is wrong with it.
//!
//! ```text
//! bytes ──node──▶ tree with spans ──decode──▶ Draft ──checks──▶ problems ─┬─▶ Model and warnings
//!                                                                         └─▶ Report
//! ```
//!
//! No step stops at its first problem: a reader records what is wrong and goes on without the value, so a file with thirty mistakes
//! is answered with thirty problems. Nothing here reads AWS or the environment.
mod alarms;
mod aurora;
mod checks;
mod codes;
mod decode;
mod load;
mod masked;
mod merge;
pub mod metrics;
mod model;
mod node;
mod placeholders;
mod records;
mod report;
mod schema;
mod services;
mod suggest;
mod tables;

pub use codes::{ALL as CODES, Code, Severity, explain};
#[doc(hidden)]
pub use load::{as_json, asked_keys};
pub use load::{load, read_file};
pub use model::*;
pub use report::{At, Problem, Report, Span, position};
pub use schema::schema;
