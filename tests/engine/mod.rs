//! The engine against puppet kinds in an in-memory world: no AWS.
mod auxiliary;
mod properties;
mod run;
mod units;
mod whose;
mod world;
