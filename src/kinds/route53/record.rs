//! Records that lead clients to a region's load balancer: one for each name and region, with locations one for each of those.
//!
//! Records cannot be tagged: the mark is the set identifier, `mrctl/<stack>/<region>` (design, "Identity and ownership"). So every
//! record is part of a set, and one that is alone is a weighted set of one. All members of a name have one routing policy; how
//! it changes stands in `aws::zone`.
use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_route53::types::{AliasTarget, GeoLocation, ResourceRecordSet, RrType};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    health_check::{HealthCheckId, answering, name_of},
    hosted_zone::{HostedZoneId, zone_wanted},
};
use crate::{
    aws::{
        Arrival, Family, Policy, SetKey, Wanted,
        dns::{self, addressed, plain, read_set_id, set_id, set_identifier},
        policy_name, zone_target,
    },
    kinds::elasticloadbalancingv2::load_balancer::{LoadBalancerDnsName, LoadBalancerZoneId},
    resource::{
        Addr, Change, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Posture, Ref, Region, Replace, Scope, Status, Traffic, Verb,
        Want,
    },
    topology::{DnsRecord, Location, Model, Routing},
};

/// `A`: load balancers answer over IPv4.
const A: &str = "A";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub zone: Ref<HostedZoneId>,
    /// As in the topology, with `*`.
    pub name: String,
    /// `latency`, `weighted`, `geolocation`; found also what others may have made of it.
    pub policy: String,
    /// Of a latency record.
    pub region: Option<String>,
    /// Of a weighted record, 0 to 255.
    pub weight: Option<u32>,
    /// `continent EU`, `country DE`, `default`.
    pub location: Option<String>,
    pub target: Ref<LoadBalancerDnsName>,
    /// The zone of the target and not the record's own (field guide 9.2 item 3).
    pub target_zone: Ref<LoadBalancerZoneId>,
    pub evaluate_target_health: bool,
    pub health_check: Option<Ref<HealthCheckId>>,
}

/// `route53.record`.
pub struct Record;

/// One record set as a topology has it: its region, its location and how clients come to it.
fn placed(record: &DnsRecord) -> Vec<(&Region, Option<&str>, Policy)> {
    let alone = record.members.len() == 1;
    let members = record.members.iter().flat_map(|(region, member)| match &member.routing {
        // A set of one needs no distances.
        Routing::Latency if alone => vec![(region, None, Policy::Weighted(1))],
        Routing::Latency => vec![(region, None, Policy::Latency(region.clone()))],
        Routing::Weighted(weight) => vec![(region, None, Policy::Weighted(*weight))],
        Routing::Geolocation(locations) => {
            locations.iter().map(|location| (region, Some(location.name()), Policy::Geolocation(location.clone()))).collect()
        }
    });
    members.collect()
}

fn address(region: &Region, name: &str, location: Option<&str>) -> Addr {
    let location = location.map_or_else(String::new, |location| format!("/{location}"));
    Addr::regional(region, Record::NAME, &format!("{}{location}", addressed(name)))
}

/// The location at the end of an address.
fn location_of(addr: &Addr) -> Option<&str> {
    addr.name.split_once('/').map(|(_, location)| location)
}

fn location_word(location: &Location) -> String {
    match location {
        Location::Continent(code) => format!("continent {code}"),
        Location::Country(code) => format!("country {code}"),
        Location::Default => "default".to_owned(),
    }
}

fn found_location(place: &GeoLocation) -> String {
    match (place.continent_code(), place.country_code(), place.subdivision_code()) {
        (Some(code), ..) => format!("continent {code}"),
        (_, Some("*"), _) => "default".to_owned(),
        (_, Some(code), None) => format!("country {code}"),
        (_, country, subdivision) => format!("subdivision {} of {}", subdivision.unwrap_or("?"), country.unwrap_or("?")),
    }
}

/// What the topology has for other records of the name, so that a change of policy can take them along.
fn family(cx: &Cx, name: &str) -> Family {
    let is_wanted = |addr: &Addr| *addr.kind == *Record::NAME && addr.name.split('/').next() == Some(&addressed(name));
    let record = cx.model.dns.as_ref().and_then(|dns| dns.records.get(name)).filter(|_| cx.wanted.iter().any(is_wanted));
    let mut wanted: BTreeMap<Region, Vec<(String, Policy)>> = BTreeMap::new();
    for (region, location, policy) in record.iter().flat_map(|record| placed(record)) {
        wanted.entry(region.clone()).or_default().push((set_identifier(&cx.owner.stack, region, location), policy));
    }
    Family { prefix: dns::set_prefix(&cx.owner.stack), wanted, shared: false }
}

impl Spec {
    fn policy(&self, region: &Region) -> Result<Policy, Fault> {
        let location = |word: &str| match word.split_once(' ') {
            Some(("continent", code)) => Location::Continent(code.to_owned()),
            Some((_, code)) => Location::Country(code.to_owned()),
            None => Location::Default,
        };
        Ok(match (self.policy.as_str(), self.weight, self.location.as_deref()) {
            ("latency", ..) => Policy::Latency(region.clone()),
            ("weighted", Some(weight), _) => Policy::Weighted(weight),
            ("geolocation", _, Some(word)) => Policy::Geolocation(location(word)),
            (other, ..) => return Err(Fault::bug(format!("a record is wanted with the policy `{other}`"))),
        })
    }

    fn set(&self, key: &SetKey, region: &Region) -> Result<ResourceRecordSet, Fault> {
        let bug = |error: aws_sdk_route53::error::BuildError| Fault::bug(error.to_string());
        let target = AliasTarget::builder()
            .dns_name(self.target.get()?)
            .hosted_zone_id(self.target_zone.get()?)
            .evaluate_target_health(self.evaluate_target_health)
            .build()
            .map_err(bug)?;
        let check = self.health_check.as_ref().map(|check| check.get().map(str::to_owned)).transpose()?;
        let set = ResourceRecordSet::builder()
            .name(&self.name)
            .r#type(RrType::from(key.kind.as_str()))
            .set_identifier(&key.identifier)
            .alias_target(target)
            .set_health_check_id(check)
            .build()
            .map_err(bug)?;
        Ok(self.policy(region)?.of(set))
    }

    fn found(scope: &Scope, zone: &str, set: &ResourceRecordSet) -> Self {
        let target = set.alias_target();
        Self {
            zone: Ref::is(&Scope::Global, zone),
            name: plain(set.name()),
            policy: policy_name(set).to_owned(),
            region: set.region().map(|region| region.as_str().to_owned()),
            weight: set.weight().and_then(|weight| u32::try_from(weight).ok()),
            location: set.geo_location().map(found_location),
            target: Ref::is(scope, target.map(|target| zone_target(target.dns_name())).unwrap_or_default()),
            target_zone: Ref::is(scope, target.map(|target| target.hosted_zone_id()).unwrap_or_default()),
            evaluate_target_health: target.is_some_and(|target| target.evaluate_target_health()),
            health_check: set.health_check_id().map(|id| Ref::is(&Scope::Global, id)),
        }
    }
}

impl Record {
    async fn send(cx: &Cx, addr: &Addr, spec: &Spec) -> Result<String, Fault> {
        let region = cx.region()?;
        let (zone, identifier) = (spec.zone.get()?, set_identifier(&cx.owner.stack, region, location_of(addr)));
        let key = SetKey { name: spec.name.clone(), kind: A.to_owned(), identifier };
        let id = set_id(zone, &key);
        let set = spec.set(&key, region)?;
        let wanted = Wanted { family: Arc::new(family(cx, &spec.name)), set: Some(set), key };
        cx.fleet.zone(zone).change(&cx.fleet, region, wanted).await?;
        Ok(id)
    }
}

/// Where a record set stands: on its way to the name servers, there, or not there.
pub(super) async fn status_of(cx: &Cx, id: &str) -> Result<Status, Fault> {
    let ((zone, key), desk) = (read_set_id(id)?, dns::desk(cx));
    if cx.fleet.zone(zone).arrival(&cx.fleet, &desk, &key).await? == Arrival::Pending {
        return Ok(Status::Settling("PENDING: not all name servers of Route 53 know it yet".to_owned()));
    }
    let there = crate::resource::Class::NotFound;
    let sets = match dns::sets_named(&cx.fleet, &desk, zone, &key.name).await {
        Err(fault) if fault.class == there => return Ok(Status::Gone),
        sets => sets?,
    };
    let is_it = |set: &&ResourceRecordSet| set.r#type().as_str() == key.kind && set.set_identifier().unwrap_or_default() == key.identifier;
    Ok(sets.iter().find(is_it).map_or(Status::Gone, |_| Status::Ready(Outputs::default())))
}

impl Kind for Record {
    type Spec = Spec;
    const NAME: &'static str = "route53.record";
    const FIXED: &'static [&'static str] = &["zone"];
    // In another zone there is room for a second one.
    const REPLACE: Replace = Replace::CreateFirst;
    /// PENDING for 10 to 60 seconds, half an hour at the worst (field guide 9.2 item 4).
    const PATIENCE: Patience = Patience::of(5, 30, 30);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["route53:ListHostedZonesByName", "route53:ListHostedZones", "route53:ListResourceRecordSets"]),
        (Verb::Create, &["route53:ChangeResourceRecordSets", "route53:GetChange"]),
        (Verb::Update, &["route53:ChangeResourceRecordSets", "route53:GetChange"]),
        (Verb::Delete, &["route53:ChangeResourceRecordSets", "route53:GetChange"]),
    ];

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let Some((zone, hold)) = zone_wanted(model, facts) else { return Vec::new() };
        let mut wants = Vec::new();
        for (name, record) in model.dns.iter().flat_map(|dns| &dns.records) {
            for (region, location, policy) in placed(record) {
                let (addr, scope) = (address(region, name, location), Scope::from(region));
                let check = record.members.get(region).and_then(|member| member.health_check.as_ref());
                let mut spec = Spec {
                    zone: zone.clone(),
                    name: name.clone(),
                    policy: String::new(),
                    region: None,
                    weight: None,
                    location: None,
                    target: Ref::to(&scope, &record.service),
                    target_zone: Ref::to(&scope, &record.service),
                    evaluate_target_health: true,
                    health_check: check.map(|_| Ref::to(&Scope::Global, &name_of(name, region))),
                };
                match policy {
                    Policy::Latency(region) => (spec.policy, spec.region) = ("latency".to_owned(), Some(region.to_string())),
                    Policy::Weighted(weight) => {
                        // Somebody took the region out of DNS: no plan puts it back (`posture`).
                        let is_drained = facts.found.get(&addr).is_some_and(|found| found.spec["weight"] == json!(0));
                        let is_drained = is_drained && facts.keeps("weight", &addr);
                        (spec.policy, spec.weight) = ("weighted".to_owned(), Some(if is_drained { 0 } else { weight }));
                    }
                    Policy::Geolocation(location) => {
                        (spec.policy, spec.location) = ("geolocation".to_owned(), Some(location_word(&location)));
                    }
                }
                let mut want = Want::new(addr, spec).after(answering(region, &record.service));
                want.hold.clone_from(&hold);
                wants.push(want);
            }
        }
        wants
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let region = cx.region()?;
        let mut found = Vec::new();
        for (zone, set) in dns::sets_of_stack(cx).await? {
            let Some((of, location)) = dns::read_set_identifier(&cx.owner.stack, set.set_identifier().unwrap_or_default()) else {
                continue;
            };
            if of != *region || set.r#type().as_str() != A {
                continue;
            }
            let spec = Spec::found(&cx.scope, &zone, &set);
            let identifier = set.set_identifier().unwrap_or_default().to_owned();
            let id = set_id(&zone, &SetKey { name: spec.name.clone(), kind: A.to_owned(), identifier });
            let addr = address(region, &spec.name, location.as_deref());
            found.push(Found { addr, id, spec, outputs: Outputs::default(), life: Life::Ready, ours: true, born: None });
        }
        Ok(found)
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        Self::send(cx, &want.addr, &want.spec).await
    }

    async fn update(&self, cx: &Cx, _: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        if changes.is_empty() {
            return Ok(());
        }
        Self::send(cx, &want.addr, &want.spec).await.map(drop)
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let (zone, key) = read_set_id(&found.id)?;
        let wanted = Wanted { family: Arc::new(family(cx, &key.name)), set: None, key };
        cx.fleet.zone(zone).change(&cx.fleet, cx.region()?, wanted).await
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        status_of(cx, id).await
    }

    fn traffic(&self, _: &Found<Spec>) -> Traffic {
        Traffic::Directs
    }

    fn posture(&self, model: &Model, found: &[Found<Spec>]) -> Vec<Posture> {
        let drained = |one: &Found<Spec>| {
            let record = model.dns.as_ref()?.records.get(&one.spec.name)?;
            let here = placed(record).into_iter().find(|(region, location, _)| address(region, &one.spec.name, *location) == one.addr)?;
            let Policy::Weighted(weight) = here.2 else { return None };
            let is_drained = one.spec.weight == Some(0) && weight > 0;
            let message = format!("{} has the weight 0 where the file says {weight}: somebody took its region out of DNS", one.addr);
            is_drained.then(|| Posture::new("weight", one.addr.clone(), json!(weight), json!(0), message))
        };
        found.iter().filter_map(drained).collect()
    }
}
