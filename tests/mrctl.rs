//! The one integration binary: each further one would link fifty megabytes of SDK again.
mod architecture;
mod engine;
mod lifecycle;
mod sandbox;
mod signals;
mod support;
mod tables;
mod topology;
