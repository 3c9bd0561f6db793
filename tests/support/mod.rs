//! What the tests share.
pub mod aws;
pub mod binary;
pub mod kills;
pub mod sandbox;
mod services;
pub mod strict;
pub mod topologies;
