//! The engine against puppet kinds in an in-memory world: no AWS.
mod auxiliary;
mod data;
mod halves;
mod properties;
mod puppet;
mod rollout;
mod run;
mod units;
mod watching;
mod whose;
mod world;
