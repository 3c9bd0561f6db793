//! The one integration binary: each further one would link fifty megabytes of SDK again.
mod architecture;
mod docs;
mod engine;
mod fields;
mod found;
mod independent;
mod kinds;
mod lifecycle;
mod members;
mod network;
mod quotas;
mod sandbox;
mod signals;
mod stacks;
mod strict;
mod support;
mod topology;
