//! The one integration binary: each further one would link fifty megabytes of SDK again.
mod architecture;
mod docs;
mod engine;
mod fields;
mod found;
mod independent;
mod kinds;
mod lifecycle;
mod network;
mod sandbox;
mod strict;
mod signals;
mod stacks;
mod support;
mod members;
mod topology;
