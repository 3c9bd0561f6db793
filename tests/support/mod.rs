//! What the tests share.
pub mod aws;
pub mod binary;
pub mod kills;
pub mod sandbox;
pub mod serving;
pub mod strict;
pub mod topologies;
