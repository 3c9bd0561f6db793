//! What the tests share.
pub mod binary;
pub mod sandbox;
pub mod strict;
