//! A record's draft becomes its part of the model. The checks judge by the same functions.
use indexmap::IndexMap;

use super::{
    alarms::without_data,
    decode::{DnsDraft, Draft, HealthCheckDraft, Policy, RecordDraft, ServiceDraft},
    model::{
        AlarmCheck, Certificate, Dns, DnsRecord, EndpointCheck, HealthCheck, HealthCheckProtocol, HostedZone, Location, RecordMember,
        Routing,
    },
    services,
};
use crate::resource::Region;

/// Codes of continents, as Route 53 knows them.
pub const CONTINENTS: [&str; 7] = ["AF", "AN", "AS", "EU", "OC", "NA", "SA"];

/// The section of a draft that passed every check. `order`: the regions in rollout order.
pub fn dns_model(draft: &Draft, dns: &DnsDraft, order: &[Region]) -> Option<Dns> {
    let zone = dns.zone.as_ref()?;
    let records: IndexMap<String, DnsRecord> = dns.records.iter().filter_map(|record| record_model(draft, record, order)).collect();
    Some(Dns { zone: HostedZone { name: normal(&zone.name.as_ref()?.value), create: zone.create }, records })
}

/// A domain name as Route 53 compares it: lower case, no dot at the end.
pub fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// The name of a record, as Route 53 compares it.
pub fn name(record: &RecordDraft) -> String {
    normal(&record.name.value)
}

/// The service of a record, when there is such a one.
pub fn service<'a>(draft: &'a Draft, record: &RecordDraft) -> Option<&'a ServiceDraft> {
    let named = record.service.as_ref()?;
    draft.services.iter().find(|service| service.key.value == named.value)
}

/// The regions of a record, in the order of the file: those of its service, or those of them that it lists.
pub fn region_codes<'a>(draft: &'a Draft, record: &RecordDraft) -> Vec<&'a str> {
    let codes = service(draft, record).map(|service| services::region_codes(draft, service)).unwrap_or_default();
    let listed = |code: &&str| record.regions.as_ref().is_none_or(|list| list.value.iter().any(|region| region.value == *code));
    codes.into_iter().filter(listed).collect()
}

/// How Route 53 asks in a region: `auto` is decided by whether the load balancer there has a certificate.
pub fn protocol(check: &HealthCheckDraft, certificate: &Certificate) -> HealthCheckProtocol {
    let given = check.protocol.as_ref().and_then(|protocol| protocol.value);
    given.unwrap_or(if *certificate == Certificate::None { HealthCheckProtocol::Http } else { HealthCheckProtocol::Https })
}

/// The port that Route 53 asks.
pub fn port(protocol: HealthCheckProtocol, certificate: &Certificate) -> u16 {
    match protocol {
        HealthCheckProtocol::Https => 443,
        HealthCheckProtocol::Tcp if *certificate != Certificate::None => 443,
        HealthCheckProtocol::Http | HealthCheckProtocol::Tcp => 80,
    }
}

/// A location by its code: `NA`, `DE`, `default`. Whether there is such a one is not judged here.
pub fn location(code: &str) -> Location {
    match code {
        "default" => Location::Default,
        code if CONTINENTS.contains(&code) => Location::Continent(code.to_owned()),
        code => Location::Country(code.to_owned()),
    }
}

fn record_model(draft: &Draft, record: &RecordDraft, order: &[Region]) -> Option<(String, DnsRecord)> {
    let service = service(draft, record)?;
    let codes = region_codes(draft, record);
    let members = order.iter().filter(|region| codes.contains(&region.as_str()));
    let members = members.map(|region| (region.clone(), member(draft, record, service, region.as_str())));
    Some((name(record), DnsRecord { service: service.key.value.clone(), members: members.collect() }))
}

fn member(draft: &Draft, record: &RecordDraft, service: &ServiceDraft, region: &str) -> RecordMember {
    let routing = match record.policy.as_ref().map_or(Policy::Latency, |policy| policy.value) {
        Policy::Latency => Routing::Latency,
        Policy::Weighted => {
            let weights = record.weights.iter().flat_map(|weights| &weights.value);
            let own = weights.filter(|(of, _)| of.value == region).find_map(|(_, weight)| weight.as_ref());
            Routing::Weighted(own.map_or(0, |weight| u32::try_from(weight.value).unwrap_or_default()))
        }
        Policy::Geolocation => {
            let locations = record.locations.iter().flat_map(|locations| &locations.value);
            let own = locations.filter(|(of, _)| of.value == region).filter_map(|(_, list)| list.as_ref());
            Routing::Geolocation(own.flat_map(|list| &list.value).map(|code| location(&code.value)).collect())
        }
    };
    RecordMember { routing, health_check: record.health_check_in(region).map(|check| health_check(draft, check, service, region)) }
}

fn health_check(draft: &Draft, check: &HealthCheckDraft, service: &ServiceDraft, region: &str) -> HealthCheck {
    if let Some(alarm) = &check.from_alarm {
        // Route 53 looks at the metric and not at the alarm's state, and a region without clients has no data: with the last status it
        // would never come back.
        let by_alarm = || without_data(draft, &alarm.value, region);
        let insufficient_data = check.insufficient_data.as_ref().map_or_else(by_alarm, |given| given.value);
        return HealthCheck::Alarm(AlarmCheck { alarm: alarm.value.clone(), insufficient_data });
    }
    let certificate = services::certificate(draft, service, region);
    let protocol = protocol(check, &certificate);
    let path = || check.path.as_ref().map_or_else(|| services::health_path(service.member_in(region)), |path| path.value.clone());
    HealthCheck::Endpoint(EndpointCheck {
        protocol,
        port: port(protocol, &certificate),
        path: (protocol != HealthCheckProtocol::Tcp).then(path),
        interval: check.interval.as_ref().map_or(10, |interval| u32::try_from(interval.value.as_secs()).unwrap_or(10)),
        failure_threshold: check.failure_threshold.as_ref().map_or(3, |threshold| u32::try_from(threshold.value).unwrap_or(3)),
    })
}
