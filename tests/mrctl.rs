//! The one integration binary: each further one would link fifty megabytes of SDK again.
mod architecture;
mod engine;
mod lifecycle;
mod network;
mod sandbox;
mod strict;
mod signals;
mod support;
mod members;
mod topology;
