//! What must be true of a draft beyond the type of each value: a file a theme.
mod alarm_custom;
mod alarm_metrics;
mod alarm_names;
mod alarm_settings;
mod alarms;
mod alerts;
mod aurora;
mod aurora_engine;
mod aurora_members;
mod aurora_reserved;
mod dns;
mod general;
mod iam;
mod network;
mod own_keys;
mod record_alarms;
mod record_health_check;
mod record_routing;
mod regions;
mod service_containers;
mod service_databases;
mod service_load_balancers;
mod service_network;
mod service_tasks;
mod services;
mod table_capacity;
mod table_indexes;
mod table_settings;
mod table_strong;
mod tables;

use indexmap::IndexMap;

use super::{decode::Draft, report::Problem};

pub use network::zone_region;
pub use tables::member_codes;

/// Runs every check. The names of the tables, with placeholders filled in, by key; and the tags likewise.
pub fn check(draft: &Draft, problems: &mut Vec<Problem>) -> Resolved {
    general::version(draft, problems);
    general::stack(draft, problems);
    general::account(draft, problems);
    regions::regions(draft, problems);
    regions::ranges(draft, problems);
    network::network(draft, problems);
    let table_names = tables::tables(draft, problems);
    let tags = general::tags(draft, &table_names, problems);
    aurora::aurora(draft, problems);
    services::services(draft, &table_names, problems);
    iam::iam(draft, problems);
    dns::dns(draft, problems);
    alarms::alarms(draft, &table_names, problems);
    alerts::alerts(draft, &table_names, problems);
    regions::rollout(draft, problems);
    Resolved { table_names, tags }
}

/// Values with their placeholders filled in.
pub struct Resolved {
    /// By key.
    pub table_names: IndexMap<String, String>,
    pub tags: Vec<(String, String)>,
}
