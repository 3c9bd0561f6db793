//! What the tests share.
pub mod sandbox;
