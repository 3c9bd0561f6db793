//! Hosted zones that mrctl makes (`dns.zone` with `create: true`). A zone that exists is a fact and not a resource.
//!
//! Nobody comes to a new zone before its name servers stand with the registrar, or in the zone above: that is said after an apply.
use aws_sdk_route53::types::{HostedZone as Seen, HostedZoneConfig, TagResourceType};
use serde::{Deserialize, Serialize};

use crate::{
    aws::{
        dns::{self, addressed, bare, change_tags, desk, plain},
        errors::{fault, maybe},
    },
    kinds::ec2::vpc::named,
    outputs,
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Holder, KNOWN_AT_PLAN, Kind, Life, Outputs, Patience, Ref, Scope, Scopes, Status,
        Tags, Verb, Want, owner::Marks,
    },
    topology::Model,
};

outputs! { "route53.hosted_zone":
    /// The id of a hosted zone, without `/hostedzone/`.
    HostedZoneId = "id",
    /// Its name servers, joined by a space.
    NameServers = "name_servers",
}

/// How many references that were used up are passed over: Route 53 forgets them after a number of days (API reference,
/// "CreateHealthCheck").
pub(super) const USED_UP: u32 = 100;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// As in the topology: lower case, no dot at the end.
    pub name: String,
    pub tags: Tags,
}

/// `route53.hosted_zone`.
pub struct HostedZone;

impl HostedZone {
    fn address(name: &str) -> Addr {
        Addr { scope: Scope::Global, kind: Self::NAME.into(), name: addressed(name).into() }
    }

    fn found(cx: &Cx, zone: &Seen, marks: Option<&Marks>, servers: String) -> Option<Found<Spec>> {
        let (name, id) = (plain(zone.name()), bare(zone.id()).to_owned());
        let addr = Self::address(&name);
        let tags = match marks {
            Some(marks) if marks.stack.is_some() => {
                marks.addr_in(&cx.owner.stack).filter(|of| *of.kind == *Self::NAME)?;
                marks.tags.clone()
            }
            // Killed before it was tagged: its reference is its mark.
            other => {
                dns::numbered(&cx.owner.stack, &addr, zone.caller_reference())?;
                other.map(|marks| marks.tags.clone()).unwrap_or_default()
            }
        };
        let outputs = Outputs::of::<HostedZoneId>(&id).with::<NameServers>(servers);
        Some(Found { addr, id, spec: Spec { name, tags }, outputs, life: Life::Ready, ours: true, born: None })
    }
}

/// What people have to do so that anybody asks a zone. Of one that was made before this run nobody knows whether they did.
fn to_delegate(zone: &str, servers: &str, is_new: bool) -> String {
    let servers = servers.split(' ').collect::<Vec<_>>().join(", ");
    let unless = if is_new { "" } else { "if they do not stand there yet, " };
    format!("{zone} is answered by {servers}: {unless}enter these where the domain is registered, or as NS records in the zone above")
}

fn servers_of(outputs: &Outputs) -> Option<&str> {
    outputs.get("name_servers").filter(|servers| !servers.is_empty())
}

/// The same for the zone of the topology when it is one that mrctl makes; nothing when it is not, or not there.
///
/// # Errors
/// What AWS refused.
pub async fn delegation(cx: &Cx) -> Result<Option<String>, Fault> {
    let made = cx.model.dns.as_ref().map(|dns| &dns.zone).filter(|zone| zone.create);
    let Some(addr) = made.map(|zone| HostedZone::address(&zone.name)) else { return Ok(None) };
    let found = HostedZone.observe(&cx.at(&Scope::Global)).await?.into_iter().find(|found| found.addr == addr);
    Ok(found.and_then(|found| Some(to_delegate(&addr.name, servers_of(&found.outputs)?, false))))
}

/// The zone that the topology's records are in, and why that cannot be said.
pub(super) fn zone_wanted(model: &Model, facts: &Facts) -> Option<(Ref<HostedZoneId>, Option<String>)> {
    let zone = &model.dns.as_ref()?.zone;
    Some(match &facts.hosted_zone {
        _ if zone.create => (Ref::to(&Scope::Global, &addressed(&zone.name)), None),
        Some(found) => (Ref::is(&Scope::Global, &found.id), None),
        None if facts.account.is_none() => (Ref::is(&Scope::Global, KNOWN_AT_PLAN), None),
        None => (Ref::is(&Scope::Global, KNOWN_AT_PLAN), Some(format!("the hosted zone {} is not known", zone.name))),
    })
}

impl Kind for HostedZone {
    type Spec = Spec;
    const NAME: &'static str = "route53.hosted_zone";
    const SCOPES: Scopes = Scopes::Global;
    const FIXED: &'static [&'static str] = &["name"];
    // CreateHostedZone takes no tags.
    const UNFINISHED: bool = true;
    const PATIENCE: Patience = Patience::of(5, 10, 10);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["route53:ListHostedZones", "route53:ListTagsForResources", "route53:ListResourceRecordSets"]),
        (Verb::Create, &["route53:CreateHostedZone", "route53:GetHostedZone", "route53:ListHostedZones"]),
        (Verb::Update, &["route53:ChangeTagsForResource"]),
        (Verb::Delete, &["route53:DeleteHostedZone", "route53:ListResourceRecordSets"]),
    ];

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let made = model.dns.iter().map(|dns| &dns.zone).filter(|zone| zone.create);
        let spec = |name: &str| Spec { name: name.to_owned(), tags: named(model, &addressed(name)) };
        made.map(|zone| Want::new(Self::address(&zone.name), spec(&zone.name))).collect()
    }

    /// One that the file calls a zone that exists is none of them, whoever made it: records live in it, and another word in the file
    /// takes it away from nobody.
    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let zones = dns::all_zones(cx).await?;
        let exists = cx.model.dns.as_ref().map(|dns| &dns.zone).filter(|zone| !zone.create).map(|zone| zone.name.as_str());
        let is_candidate = |zone: &&Seen| dns::is_of_stack(&cx.owner.stack, zone.caller_reference()) && exists != Some(&plain(zone.name()));
        let candidates: Vec<&Seen> = zones.iter().filter(is_candidate).collect();
        let ids: Vec<&str> = candidates.iter().map(|zone| bare(zone.id())).collect();
        let marks = dns::marks(cx, TagResourceType::Hostedzone, &ids).await?;
        let mut found = Vec::new();
        for zone in candidates {
            let id = bare(zone.id());
            let sets = dns::sets(cx, id).await?;
            let apex = sets.iter().find(|set| set.r#type().as_str() == "NS" && plain(set.name()) == plain(zone.name()));
            let servers: Vec<String> = apex.iter().flat_map(|set| set.resource_records()).map(|record| plain(record.value())).collect();
            found.extend(Self::found(cx, zone, marks.get(id), servers.join(" ")));
        }
        Ok(found)
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        const OP: &str = "route53:CreateHostedZone";
        let (stack, zones) = (&cx.owner.stack, dns::all_zones(&cx.afresh()).await?);
        let known: Vec<(u32, &Seen)> =
            zones.iter().filter_map(|zone| Some((dns::numbered(stack, &want.addr, zone.caller_reference())?, zone))).collect();
        if let Some((_, zone)) = known.first() {
            return Ok(bare(zone.id()).to_owned());
        }
        let mut used_up = None;
        for n in 1..=USED_UP {
            let about = HostedZoneConfig::builder().comment(format!("made by mrctl for the stack {stack}")).build();
            let ask = cx.fleet.route53(&desk(cx)).await.create_hosted_zone().name(&want.spec.name).hosted_zone_config(about);
            let answer = ask.caller_reference(dns::reference(stack, &want.addr, n)).send().await.map_err(fault(OP));
            match answer {
                Err(fault) if fault.class == Class::Exists => {
                    let zones = dns::all_zones(&cx.afresh()).await?;
                    let made = zones.iter().find(|zone| zone.caller_reference() == dns::reference(stack, &want.addr, n));
                    if let Some(zone) = made {
                        return Ok(bare(zone.id()).to_owned());
                    }
                    used_up = Some(fault);
                }
                Err(fault) => return Err(fault),
                Ok(made) => {
                    let zone = made.hosted_zone.ok_or_else(|| Fault::bug("CreateHostedZone gave no zone"))?;
                    return Ok(bare(zone.id()).to_owned());
                }
            }
        }
        Err(used_up.unwrap_or_else(|| Fault::bug("no reference was tried")))
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        change_tags(cx, TagResourceType::Hostedzone, &found.id, &found.addr, (&found.spec.tags, &want.spec.tags)).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let ask = cx.fleet.route53(&desk(cx)).await.delete_hosted_zone().id(&found.id);
        maybe(ask.send().await.map_err(fault("route53:DeleteHostedZone"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let ask = cx.fleet.route53(&desk(cx)).await.get_hosted_zone().id(id);
        let Some(seen) = maybe(ask.send().await.map_err(fault("route53:GetHostedZone")))? else { return Ok(Status::Gone) };
        let servers = seen.delegation_set().map(|set| set.name_servers().join(" ")).unwrap_or_default();
        Ok(Status::Ready(Outputs::of::<HostedZoneId>(id).with::<NameServers>(servers)))
    }

    /// What is in it beside its own name servers: who made that still needs it.
    async fn holders(&self, cx: &Cx, found: &Found<Spec>) -> Result<Vec<Holder>, Fault> {
        let sets = dns::sets(cx, &found.id).await?;
        let own = |set: &&aws_sdk_route53::types::ResourceRecordSet| {
            plain(set.name()) == found.spec.name && matches!(set.r#type().as_str(), "NS" | "SOA")
                || set.set_identifier().is_some_and(|identifier| identifier.starts_with(&dns::set_prefix(&cx.owner.stack)))
        };
        let others = sets.iter().filter(|set| !own(set));
        let holder = |set| Holder { what: format!("the record {}", dns::described(set)), leaves_by_itself: false };
        Ok(others.map(holder).collect())
    }

    fn tells(&self, addr: &Addr, outputs: &Outputs) -> Option<String> {
        Some(to_delegate(&addr.name, servers_of(outputs)?, true))
    }
}
