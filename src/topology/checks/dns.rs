//! The section `dns`: the zone, the names of records, and the services they point at.
use super::{record_health_check::health_checks, record_routing::routing, regions::listed};
use crate::topology::{
    codes,
    decode::{Draft, RecordDraft},
    model::LoadBalancer,
    node::shortened,
    records::{self, normal, region_codes},
    report::{At, Problem},
    services::{self, load_balancer},
    suggest,
};

pub fn dns(draft: &Draft, problems: &mut Vec<Problem>) {
    let Some(dns) = &draft.dns else { return };
    let zone = dns.zone.as_ref().and_then(|zone| zone.name.as_ref());
    let wrong = zone.and_then(|zone| wrong_zone(&zone.value));
    if let (Some(zone), Some(wrong)) = (zone, wrong) {
        problems.push(
            Problem::new(codes::DNS_ZONE, format!("`{}` cannot be the name of a zone", shortened(&zone.value)))
                .at(zone.span, wrong)
                .help("write a domain name: `zone: example.com`"),
        );
    }
    let zone = zone.filter(|_| wrong.is_none());
    for (index, record) in dns.records.iter().enumerate() {
        name(record, zone, problems);
        if let Some(first) = dns.records[..index].iter().find(|other| records::name(other) == records::name(record)) {
            problems.push(
                Problem::new(codes::RECORD_NAME, format!("the record `{}` stands twice", shortened(&records::name(record))))
                    .at(record.name.span, "again here")
                    .at(first.name.span, "first here")
                    .help("remove one of the two: case and a dot at the end make no difference"),
            );
        }
        service(draft, record, problems);
        regions(draft, record, problems);
        routing(draft, record, problems);
        health_checks(draft, record, problems);
    }
}

fn wrong_zone(zone: &str) -> Option<&'static str> {
    let name = normal(zone);
    wrong_name(&name).or_else(|| (!name.contains('.')).then_some("needs at least two labels"))
}

fn name(record: &RecordDraft, zone: Option<&At<String>>, problems: &mut Vec<Problem>) {
    let name = records::name(record);
    let wrong = wrong_name(name.strip_prefix("*.").unwrap_or(&name));
    if let Some(wrong) = wrong {
        problems.push(
            Problem::new(codes::RECORD_NAME, format!("`{}` cannot be the name of a record", shortened(&name)))
                .at(record.name.span, wrong)
                .help("write a domain name: `api.example.com`, or `\"*.example.com\"` for all names below"),
        );
        return;
    }
    let Some(zone) = zone else { return };
    let zone_name = normal(&zone.value);
    if name != zone_name && !name.ends_with(&format!(".{zone_name}")) {
        problems.push(
            Problem::new(codes::RECORD_NAME, format!("`{}` is not inside the zone", shortened(&name)))
                .at(record.name.span, format!("does not end with `.{zone_name}`"))
                .at(zone.span, "the zone")
                .help(format!("write the whole name: `{}.{zone_name}`", shortened(name.split('.').next().unwrap_or_default()))),
        );
    }
}

/// What is wrong with a normal domain name (RFC 1035 section 2.3.4, for names of hosts).
fn wrong_name(name: &str) -> Option<&'static str> {
    if name.len() > 253 {
        return Some("has more than 253 characters");
    }
    name.split('.').find_map(|label| {
        if label.is_empty() {
            Some("has an empty label")
        } else if label.len() > 63 {
            Some("has a label of more than 63 characters")
        } else if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            Some("may have only letters, digits, hyphens and dots")
        } else if label.starts_with('-') || label.ends_with('-') {
            Some("has a label that begins or ends with a hyphen")
        } else {
            None
        }
    })
}

fn service(draft: &Draft, record: &RecordDraft, problems: &mut Vec<Problem>) {
    let Some(named) = &record.service else { return };
    let Some(service) = records::service(draft, record) else {
        let keys: Vec<&str> = draft.services.iter().map(|service| service.key.value.as_str()).collect();
        problems.push(
            Problem::new(codes::RECORD_SERVICE, format!("there is no service `{}` in this file", shortened(&named.value)))
                .at(named.span, "not under `services`")
                .help(suggest::help(&named.value, "services", &keys)),
        );
        return;
    };
    for region in region_codes(draft, record) {
        let (what, help) = match load_balancer(service.member_in(region)) {
            LoadBalancer::Public => continue,
            LoadBalancer::Internal => ("an internal load balancer", "write `load_balancer: public`, or remove the record"),
            LoadBalancer::None => ("no load balancer", "give the service a `port`, or remove the record"),
        };
        problems.push(
            Problem::new(codes::RECORD_SERVICE, format!("in `{region}` the service `{}` has {what}", shortened(&named.value)))
                .at(named.span, "the record has nothing to point at")
                .at(service.key.span, "this service")
                .help(help),
        );
    }
}

fn regions(draft: &Draft, record: &RecordDraft, problems: &mut Vec<Problem>) {
    let Some(service) = records::service(draft, record) else { return };
    let of_service = services::region_codes(draft, service);
    if let Some(list) = &record.regions {
        let empty = (
            format!("the record `{}` is for no region", shortened(&record.name.value)),
            "list at least one region, or remove `regions` to have it for all regions of its service",
        );
        listed(codes::RECORD_REGIONS, list, &draft.region_codes(), empty, problems);
        for region in list.value.iter().filter(|region| !of_service.contains(&region.value.as_str())) {
            if draft.region_codes().contains(&region.value.as_str()) {
                let text = format!("the service `{}` does not run in `{}`", shortened(&service.key.value), shortened(&region.value));
                let problem = Problem::new(codes::RECORD_REGIONS, text).at(region.span, "nothing to point at here");
                let place = service.regions.as_ref().map_or(service.key.span, |list| list.span);
                problems.push(problem.at(place, "the service's regions").help(suggest::help(
                    &region.value,
                    "regions of the service",
                    &of_service,
                )));
            }
        }
    }
    let members = region_codes(draft, record);
    for (At { value: region, span }, _) in record.per_region.iter().filter(|(region, _)| !members.contains(&region.value.as_str())) {
        if !draft.regions.is_empty() {
            let text = format!("`per_region` names `{}`, which is no region of the record", shortened(region));
            let problem = Problem::new(codes::RECORD_PER_REGION, text).at(*span, "no record here");
            problems.push(problem.help(suggest::help(region, "regions of the record", &members)));
        }
    }
}
