//! What the tests share.
pub mod sandbox;
pub mod topologies;
