//! Talking to AWS, whatever the resource.
//!
//! In: a region. Out: clients, facts, what the sweep saw, and faults in the engine's words.
pub mod alarms;
pub mod arns;
pub mod autoscaling;
pub mod certificates;
mod connect;
pub mod containers;
pub mod dashboards;
pub mod databases;
pub mod deployments;
pub mod dns;
pub mod enabled;
pub mod errors;
mod existing;
pub mod facts;
mod fleet;
mod hedge;
pub mod inject;
pub mod interfaces;
pub mod load_balancing;
pub mod pace;
pub mod policy;
pub mod quotas;
pub mod revisions;
pub mod roles;
pub mod secrets;
pub mod sweep;
pub mod tables;
pub mod tags;
pub mod topics;
pub mod wire;
mod zone;

pub use connect::{Connect, NotConnected, connect, endpoints_are_loopback};
pub use fleet::{Clients, Fleet};
pub use zone::{Arrival, Family, Policy, SetKey, Wanted, Zone, policy_name, zone_target};
