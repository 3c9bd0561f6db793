//! The section `services`: keys, regions, and each service in each of its regions.
use indexmap::IndexMap;

use super::{
    regions::listed,
    service_containers::containers,
    service_databases::databases,
    service_load_balancers::{load_balancer, without_load_balancer},
    service_network::network,
    service_tasks::tasks,
};
use crate::topology::{
    codes,
    decode::{Draft, ServiceDraft, ServiceMemberDraft},
    node::shortened,
    report::{At, Problem},
    services::region_codes,
    suggest,
};

/// A service in one of its regions.
pub struct Here<'a> {
    pub draft: &'a Draft,
    pub service: &'a ServiceDraft,
    /// The settings there.
    pub member: &'a ServiceMemberDraft,
    pub region: &'a str,
    pub table_names: &'a IndexMap<String, String>,
}

pub fn services(draft: &Draft, table_names: &IndexMap<String, String>, problems: &mut Vec<Problem>) {
    for service in &draft.services {
        key(service, problems);
        regions(draft, service, problems);
        let codes = region_codes(draft, service);
        for region in &codes {
            let here = Here { draft, service, member: service.member_in(region), region, table_names };
            tasks(&here, problems);
            containers(&here, problems);
            databases(&here, problems);
            load_balancer(&here, problems);
            network(&here, problems);
        }
        without_load_balancer(service, &codes, problems);
    }
}

fn key(service: &ServiceDraft, problems: &mut Vec<Problem>) {
    let key = service.key.value.as_str();
    let wrong = if !key.starts_with(|c: char| c.is_ascii_lowercase()) {
        "must begin with a lower-case letter"
    } else if !key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        "may have only lower-case letters, digits and hyphens"
    } else if key.len() > 32 {
        "must have at most 32 characters"
    } else if key.ends_with('-') {
        "must not end with a hyphen"
    } else if key == "endpoints" || key.ends_with("-load-balancer") {
        "would take the name of another security group"
    } else {
        return;
    };
    problems.push(
        Problem::new(codes::SERVICE_NAME, format!("`{}` cannot be the key of a service", shortened(key)))
            .at(service.key.span, wrong)
            .help("it is part of every name in AWS: choose something short such as `api`"),
    );
}

fn regions(draft: &Draft, service: &ServiceDraft, problems: &mut Vec<Problem>) {
    let codes = draft.region_codes();
    if let Some(list) = &service.regions {
        let empty = (
            format!("the service `{}` runs in no region", shortened(&service.key.value)),
            "list at least one region, or remove `regions` to run it in all of them",
        );
        listed(codes::SERVICE_REGIONS, list, &codes, empty, problems);
    }
    let members = region_codes(draft, service);
    for (At { value: region, span }, _) in &service.per_region {
        if !codes.is_empty() && !members.contains(&region.as_str()) {
            let label = if codes.contains(&region.as_str()) { "the service does not run in this region" } else { "not under `regions`" };
            let text = format!("`per_region` names `{}`, where the service does not run", shortened(region));
            let problem = Problem::new(codes::SERVICE_PER_REGION, text).at(*span, label);
            problems.push(problem.help(suggest::help(region, "regions of the service", &members)));
        }
    }
}
