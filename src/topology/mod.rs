//! What the user wrote.
mod model;
pub use model::*;
