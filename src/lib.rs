//! mrctl builds, changes, runs and removes a workload that is live in two or more AWS regions at once, from one YAML file.
//!
//! ```text
//! topology.yaml ──read──▶ nodes with spans ──check──▶ Model ──desired──▶ wants ─┐
//! AWS ──facts (account, zones, writers, zone ids)──▶ Facts ──────────▲          ├─ decide ─▶ Plan ─ order ─▶ Graph ─ apply ─▶ events ─▶ views
//! AWS, every region ──────────────observe (kinds × regions, in parallel)──▶ found ┘                             (settle, lanes, gates)
//! ```
//!
//! A topology becomes documents, AWS becomes documents, the difference becomes a plan, the plan becomes events. Each arrow is
//! a module; the head of each says what comes in and what goes out. `docs/architecture.md` says why.
pub mod apply;
pub mod aws;
pub mod cli;
pub mod kinds;
pub mod plan;
pub mod resource;
pub mod sandbox;
pub mod topology;
pub mod view;
