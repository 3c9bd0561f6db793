//! Health checks: how Route 53 asks a region's load balancer from outside, or which alarm of the region it follows; one for each record
//! and region.
//!
//! Route 53 copies the definition of an alarm that it follows, and goes by its copy when the alarm is changed, until it is told again
//! (field guide 9.3 item 3; Route 53 developer guide, "Updating health checks when you change CloudWatch alarm settings"). So what it
//! copied is compared with what the topology wants of the alarm.
//!
//! A health check is made with a caller reference and tagged after that; a reference can never be used again, not even when the
//! health check is gone (field guide 9.3 item 2). The references of an address are numbered, so one is found that was made and
//! never tagged, and the next one gets the next number.
mod following;

use aws_sdk_route53::types::{HealthCheck as Seen, HealthCheckConfig, HealthCheckType, InsufficientDataHealthStatus, TagResourceType};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use self::following::{Copied, Follows};
use self::following::{followed, following, identifier};
use super::hosted_zone::USED_UP;
use crate::{
    aws::{
        dns::{self, addressed, change_tags, desk},
        errors::{fault, maybe},
        facts::known_identity,
        zone_target,
    },
    kinds::{
        ec2::{security_group::of_load_balancer, vpc::named},
        elasticloadbalancingv2::{listener::Listener, load_balancer::LoadBalancerDnsName},
    },
    outputs,
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Leans, Life, Outputs, Patience, Posture, Ref, Region, Replace, Scope, Scopes,
        Status, Tags, Unmanaged, Verb, Want,
    },
    topology::{self, EndpointCheck, HealthCheckProtocol, Model},
};

outputs! { "route53.health_check":
    /// The id of a health check.
    HealthCheckId = "id",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// `HTTPS`, `HTTP`, `TCP`, or `CLOUDWATCH_METRIC` of one that follows an alarm; fixed (field guide 9.3 item 9).
    pub protocol: String,
    /// Seconds: 10 or 30; fixed. Absent for an alarm, like all that follows.
    pub interval: Option<i32>,
    /// The load balancer's own name. Route 53 does not match it with the certificate.
    pub endpoint: Option<Ref<LoadBalancerDnsName>>,
    pub port: Option<i32>,
    /// Absent for TCP.
    pub path: Option<String>,
    pub failure_threshold: Option<i32>,
    /// Whether the endpoint's name is told in the TLS handshake.
    pub server_name: bool,
    /// The alarm that is followed.
    pub follows: Option<Follows>,
    /// Turned by whoever drains a region by hand.
    pub inverted: Unmanaged<bool>,
    pub disabled: Unmanaged<bool>,
    pub tags: Tags,
}

fn whole(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// `route53.health_check`.
pub struct HealthCheck;

/// The name of the health check of a record in a region.
pub(in crate::kinds) fn name_of(record: &str, region: &Region) -> String {
    format!("{}-{region}", addressed(record))
}

/// The region at the end of such a name: its last three parts, or four where the second is a partition's.
fn region_of(name: &str) -> Option<Region> {
    let parts: Vec<&str> = name.rsplit('-').take(4).collect();
    let (number, side) = (parts.first()?, parts.get(1)?);
    number.parse::<u8>().ok()?;
    let third = parts.get(2)?;
    let long = matches!(*third, "gov" | "iso" | "isob" | "isoe" | "isof");
    // What stands before the region ends in a dot and a label: `api.example.com-eu-west-1`.
    let region = if long { format!("{}-{third}-{side}-{number}", parts.get(3)?) } else { format!("{third}-{side}-{number}") };
    region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-').then(|| Region::new(&region))
}

/// The kinds of posture of a health check.
const INVERTED: &str = "health-check-inverted";
const DISABLED: &str = "health-check-disabled";

/// What somebody steers by hand stays, unless the user asked for it to be restored. It is never wanted as it was found: an incident
/// may turn it while a run is under way.
fn kept(facts: &Facts, kind: &'static str, name: &str) -> Unmanaged<bool> {
    if facts.keeps(kind, &address(name)) { Unmanaged::Any } else { Unmanaged::Managed(false) }
}

fn managed(flag: &Unmanaged<bool>) -> Option<bool> {
    match flag {
        Unmanaged::Managed(flag) => Some(*flag),
        Unmanaged::Any => None,
    }
}

fn address(name: &str) -> Addr {
    Addr { scope: Scope::Global, kind: HealthCheck::NAME.into(), name: name.into() }
}

/// What answers in a region when somebody asks a service there by its name.
pub(super) fn answering(region: &Region, service: &str) -> Vec<Addr> {
    let rules = Addr::regional(region, "ec2.security_group_rules", &of_load_balancer(service));
    let mut all = vec![Addr::regional(region, "ecs.service", service), rules];
    all.extend(Listener::addresses(region, service));
    all
}

/// Every health check that the topology has, by the address it has there.
fn addresses(model: &Model) -> Vec<Addr> {
    let records = model.dns.iter().flat_map(|dns| &dns.records);
    records.flat_map(|(name, record)| record.members.keys().map(|region| address(&name_of(name, region)))).collect()
}

/// The address of a health check whose reference is this stack's. One that was never tagged and is in no topology any more goes
/// by the digits of its reference.
fn address_of(cx: &Cx, reference: &str, marks: Option<&crate::resource::owner::Marks>) -> Option<(Addr, Tags)> {
    match marks {
        Some(marks) if marks.stack.is_some() => {
            let addr = marks.addr_in(&cx.owner.stack).filter(|addr| *addr.kind == *HealthCheck::NAME && addr.scope == Scope::Global)?;
            Some((address(&addressed(&addr.name)), marks.tags.clone()))
        }
        other => {
            let of_model = addresses(&cx.model).into_iter().find(|addr| dns::numbered(&cx.owner.stack, addr, reference).is_some());
            let digits = || address(reference.split('/').nth(1).unwrap_or(reference));
            Some((of_model.unwrap_or_else(digits), other.map(|marks| marks.tags.clone()).unwrap_or_default()))
        }
    }
}

fn read((model, facts): (&Model, &Facts), addr: &Addr, seen: &Seen, tags: Tags) -> Option<Spec> {
    let config = seen.health_check_config()?;
    let scope = region_of(&addr.name).map_or(Scope::Global, Scope::Region);
    let asks = *config.r#type() != HealthCheckType::CloudwatchMetric;
    let endpoint = || Ref::is(&scope, zone_target(config.fully_qualified_domain_name().unwrap_or_default()));
    Some(Spec {
        protocol: config.r#type().as_str().to_owned(),
        interval: asks.then(|| config.request_interval().unwrap_or(30)),
        endpoint: asks.then(endpoint),
        port: config.port().filter(|_| asks),
        path: config.resource_path().filter(|path| asks && !path.is_empty()).map(str::to_owned),
        failure_threshold: asks.then(|| config.failure_threshold().unwrap_or(3)),
        server_name: asks && config.enable_sni().unwrap_or_default(),
        follows: followed((model, facts), addr, config, seen),
        inverted: Unmanaged::Managed(config.inverted().unwrap_or_default()),
        disabled: Unmanaged::Managed(config.disabled().unwrap_or_default()),
        tags,
    })
}

/// What is sent for a new one; `before` are those that it takes the place of, and what somebody steers by them now goes over to it.
fn config(spec: &Spec, before: &[&HealthCheckConfig]) -> Result<HealthCheckConfig, Fault> {
    let steered = |flag: &Unmanaged<bool>, of: fn(&HealthCheckConfig) -> Option<bool>| {
        managed(flag).unwrap_or_else(|| before.iter().any(|config| of(config) == Some(true)))
    };
    let config = HealthCheckConfig::builder().r#type(HealthCheckType::from(spec.protocol.as_str()));
    let config = match (&spec.endpoint, &spec.follows) {
        (_, Some(follows)) => {
            let unknown = InsufficientDataHealthStatus::from(follows.insufficient_data.as_str());
            config.alarm_identifier(identifier(follows)?).insufficient_data_health_status(unknown)
        }
        (Some(endpoint), None) => {
            let config = config.set_request_interval(spec.interval).fully_qualified_domain_name(endpoint.get()?).set_port(spec.port);
            config.set_resource_path(spec.path.clone()).set_failure_threshold(spec.failure_threshold).enable_sni(spec.server_name)
        }
        (None, None) => return Err(Fault::bug("a health check asks nobody and follows nothing")),
    };
    config
        .inverted(steered(&spec.inverted, HealthCheckConfig::inverted))
        .disabled(steered(&spec.disabled, HealthCheckConfig::disabled))
        .build()
        .map_err(|error| Fault::bug(error.to_string()))
}

/// One that asks the load balancer of a service in a region.
fn asking(model: &Model, facts: &Facts, name: &str, (region, service): (&Region, &str), check: &EndpointCheck) -> Want<Spec> {
    let protocol = match check.protocol {
        HealthCheckProtocol::Https => HealthCheckType::Https,
        HealthCheckProtocol::Http => HealthCheckType::Http,
        HealthCheckProtocol::Tcp => HealthCheckType::Tcp,
    };
    let spec = Spec {
        server_name: protocol == HealthCheckType::Https,
        protocol: protocol.as_str().to_owned(),
        interval: Some(whole(check.interval)),
        endpoint: Some(Ref::to(&Scope::from(region), service)),
        port: Some(i32::from(check.port)),
        path: check.path.clone(),
        failure_threshold: Some(whole(check.failure_threshold)),
        follows: None,
        inverted: kept(facts, INVERTED, name),
        disabled: kept(facts, DISABLED, name),
        tags: named(model, name),
    };
    // It asks for what its region answers then, so it changes with its region and not ahead of it.
    Want::new(address(name), spec).after(answering(region, service))
}

impl Kind for HealthCheck {
    type Spec = Spec;
    const NAME: &'static str = "route53.health_check";
    const SCOPES: Scopes = Scopes::Global;
    const FIXED: &'static [&'static str] = &["protocol", "interval"];
    // Each has a reference of its own, so there is room for two, and the record is never without one.
    const REPLACE: Replace = Replace::CreateFirst;
    /// Nobody but it looks at what it asks or follows.
    const FOLLOWS: bool = true;
    // CreateHealthCheck takes no tags.
    const UNFINISHED: bool = true;
    const PATIENCE: Patience = Patience::of(5, 10, 10);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["route53:ListHealthChecks", "route53:ListTagsForResources", "sts:GetCallerIdentity"]),
        (Verb::Create, &["route53:CreateHealthCheck", "route53:GetHealthCheck", "route53:ListHealthChecks"]),
        (Verb::Update, &["route53:UpdateHealthCheck", "route53:ChangeTagsForResource"]),
        (Verb::Delete, &["route53:DeleteHealthCheck"]),
    ];

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let mut wants = Vec::new();
        for (record_name, record) in model.dns.iter().flat_map(|dns| &dns.records) {
            for (region, member) in &record.members {
                let name = name_of(record_name, region);
                let want = match &member.health_check {
                    Some(topology::HealthCheck::Endpoint(check)) => asking(model, facts, &name, (region, &record.service), check),
                    Some(topology::HealthCheck::Alarm(check)) => following(model, facts, &name, region, check),
                    None => continue,
                };
                wants.push(want);
            }
        }
        wants
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let checks = dns::health_checks(cx).await?;
        let candidates: Vec<&Seen> = checks.iter().filter(|check| dns::is_of_stack(&cx.owner.stack, check.caller_reference())).collect();
        let ids: Vec<&str> = candidates.iter().map(|check| check.id()).collect();
        let marks = dns::marks(cx, TagResourceType::Healthcheck, &ids).await?;
        // Dimensions of an alarm may have the account in them.
        let follows = |check: &&Seen| check.health_check_config().is_some_and(|config| config.alarm_identifier().is_some());
        let account = match candidates.iter().find(|check| follows(check)) {
            Some(_) => known_identity(&cx.fleet, &cx.memo, &cx.model.rollout_order()).await.ok().map(|identity| identity.account),
            None => None,
        };
        let facts = Facts { account, ..Facts::default() };
        let found = |check: &Seen| {
            let (addr, tags) = address_of(cx, check.caller_reference(), marks.get(check.id()))?;
            let (id, spec) = (check.id().to_owned(), read((&cx.model, &facts), &addr, check, tags)?);
            let outputs = Outputs::of::<HealthCheckId>(&id);
            Some(Found { addr, id, spec, outputs, life: Life::Ready, ours: true, born: None })
        };
        Ok(candidates.into_iter().filter_map(found).collect())
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        const OP: &str = "route53:CreateHealthCheck";
        let (stack, checks) = (&cx.owner.stack, dns::health_checks(&cx.afresh()).await?);
        let known: Vec<(u32, &Seen)> =
            checks.iter().filter_map(|check| Some((dns::numbered(stack, &want.addr, check.caller_reference())?, check))).collect();
        // One that an earlier try made is taken; one that is to be replaced differs in what cannot change.
        let fits = |config: &&HealthCheckConfig| {
            let interval = config.request_interval().filter(|_| want.spec.follows.is_none());
            (config.r#type().as_str(), interval) == (want.spec.protocol.as_str(), want.spec.interval)
        };
        if let Some((_, check)) = known.iter().find(|(_, check)| check.health_check_config().as_ref().is_some_and(fits)) {
            return Ok(check.id().to_owned());
        }
        let before: Vec<&HealthCheckConfig> = known.iter().filter_map(|(_, check)| check.health_check_config()).collect();
        let (highest, config) = (known.iter().map(|(n, _)| *n).max().unwrap_or(0), config(&want.spec, &before)?);
        let mut used_up = None;
        for n in highest + 1..=highest + USED_UP {
            let ask = cx.fleet.route53(&desk(cx)).await.create_health_check().health_check_config(config.clone());
            let answer = ask.caller_reference(dns::reference(stack, &want.addr, n)).send().await.map_err(fault(OP));
            match answer {
                Err(fault) if fault.class == Class::Exists => {
                    // Of one that is gone: the next number. Or of one that this call made, and its answer was lost.
                    let checks = dns::health_checks(&cx.afresh()).await?;
                    let made = checks.iter().find(|check| check.caller_reference() == dns::reference(stack, &want.addr, n));
                    if let Some(check) = made.filter(|check| check.health_check_config().as_ref().is_some_and(fits)) {
                        return Ok(check.id().to_owned());
                    }
                    used_up = Some(fault);
                }
                Err(fault) => return Err(fault),
                Ok(made) => {
                    let check = made.health_check.ok_or_else(|| Fault::bug("CreateHealthCheck gave no health check"))?;
                    return Ok(check.id().to_owned());
                }
            }
        }
        Err(used_up.unwrap_or_else(|| Fault::bug("no reference was tried")))
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        if changes.iter().any(|change| !change.is_under("tags")) {
            let spec = &want.spec;
            let ask = cx.fleet.route53(&desk(cx)).await.update_health_check().health_check_id(&found.id);
            let ask = match (&spec.endpoint, &spec.follows) {
                // The same alarm again makes Route 53 copy it anew.
                (_, Some(follows)) => {
                    let unknown = InsufficientDataHealthStatus::from(follows.insufficient_data.as_str());
                    ask.alarm_identifier(identifier(follows)?).insufficient_data_health_status(unknown)
                }
                (Some(endpoint), None) => {
                    let ask = ask.fully_qualified_domain_name(endpoint.get()?).set_port(spec.port).enable_sni(spec.server_name);
                    ask.set_resource_path(spec.path.clone()).set_failure_threshold(spec.failure_threshold)
                }
                (None, None) => return Err(Fault::bug("a health check asks nobody and follows nothing")),
            };
            let ask = ask.set_inverted(managed(&spec.inverted)).set_disabled(managed(&spec.disabled));
            ask.send().await.map_err(fault("route53:UpdateHealthCheck"))?;
        }
        change_tags(cx, TagResourceType::Healthcheck, &found.id, &want.addr, (&found.spec.tags, &want.spec.tags)).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let ask = cx.fleet.route53(&desk(cx)).await.delete_health_check().health_check_id(&found.id);
        maybe(ask.send().await.map_err(fault("route53:DeleteHealthCheck"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let ask = cx.fleet.route53(&desk(cx)).await.get_health_check().health_check_id(id);
        let seen = maybe(ask.send().await.map_err(fault("route53:GetHealthCheck")))?;
        Ok(seen.map_or(Status::Gone, |_| Status::Ready(Outputs::of::<HealthCheckId>(id))))
    }

    /// A record of a region that did not answer may still be using it.
    fn leans(&self, found: &Found<Spec>) -> Leans {
        region_of(&found.addr.name).map_or(Leans::OnNothing, Leans::On)
    }

    fn posture(&self, _: &Model, found: &[Found<Spec>]) -> Vec<Posture> {
        let mut all = Vec::new();
        for one in found {
            for (kind, word, value) in [(INVERTED, "inverted", &one.spec.inverted), (DISABLED, "disabled", &one.spec.disabled)] {
                if matches!(value, Unmanaged::Managed(true)) {
                    let message = format!("{} is {word}: somebody steers its region by hand, and no plan undoes that", one.addr);
                    all.push(Posture::new(kind, one.addr.clone(), json!(false), json!(true), message));
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_read_from_the_end_of_the_name() {
        for (name, region) in [
            ("api.example.com-eu-west-1", Some("eu-west-1")),
            ("_wildcard.a-b.example.xn--p1ai-ap-southeast-2", Some("ap-southeast-2")),
            ("api.example.com-us-gov-west-1", Some("us-gov-west-1")),
            ("0a1b2c3d4e5f", None),
            ("api.example.com", None),
        ] {
            assert_eq!(region_of(name).as_ref().map(Region::as_str), region, "{name}");
        }
    }
}
