//! Talking to AWS, whatever the resource.
mod fleet;
pub use fleet::Fleet;
