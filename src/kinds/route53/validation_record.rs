//! The records by which ACM sees that a name is ours, before it issues a certificate and every time it renews it.
//!
//! ACM wants the same CNAME in every region and of every stack of an account, so a region's certificate must not take it along
//! when it goes (field guide 16 rule 25): it belongs to no region, it stands once for each stack (a weighted set of its own
//! identifier), and it goes when no certificate of this stack needs it any more.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_route53::types::{ResourceRecord, ResourceRecordSet, RrType};
use serde::{Deserialize, Serialize};

use super::{
    hosted_zone::{HostedZoneId, zone_wanted},
    record::status_of,
};
use crate::{
    aws::{
        Family, Policy, SetKey, Wanted,
        certificates::{self, Validation, certificates, validations, validations_of},
        dns::{self, addressed, desk, plain, read_set_id, set_id, validation_identifier},
        policy_name,
    },
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Leans, Life, Outputs, Patience, Ref, Region, Replace, Scope, Scopes, Status,
        Unmanaged, Verb, Want,
    },
    topology::{Certificate, Model},
};

const CNAME: &str = "CNAME";
/// Seconds, as ACM itself recommends in the record it shows.
const TTL: i64 = 300;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub zone: Ref<HostedZoneId>,
    /// What the certificates are for; a wildcard has the record of the name below it.
    pub domain: String,
    /// ACM says it when there is a certificate.
    pub record: Unmanaged<Cname>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cname {
    pub name: String,
    pub value: String,
}

/// `route53.validation_record`.
pub struct ValidationRecord;

/// A name and its wildcard are validated by one record.
fn domain_of(name: &str) -> &str {
    name.strip_prefix("*.").unwrap_or(name)
}

impl ValidationRecord {
    /// The address of the record by which a name of a certificate is validated.
    #[must_use]
    pub fn address(name: &str) -> Addr {
        Addr { scope: Scope::Global, kind: Self::NAME.into(), name: addressed(domain_of(name)).into() }
    }
}

/// The domains of all managed certificates, each with the certificates' addresses.
fn domains(model: &Model) -> BTreeMap<&str, BTreeSet<Addr>> {
    let mut all: BTreeMap<&str, BTreeSet<Addr>> = BTreeMap::new();
    for (key, service) in &model.services {
        let managed = service.members.iter().filter(|(_, member)| member.certificate == Certificate::Managed);
        for (region, _) in managed {
            for name in model.names_of(key, region) {
                all.entry(domain_of(name)).or_default().insert(Addr::regional(region, "acm.certificate", key));
            }
        }
    }
    all
}

/// What ACM wants to see for this stack's certificates in these regions.
async fn wanted_by_acm(cx: &Cx, regions: impl Iterator<Item = &Region>) -> Result<Vec<Validation>, Fault> {
    let asked = futures::future::try_join_all(regions.map(|region| validations(cx, region)));
    Ok(asked.await?.into_iter().flatten().collect())
}

/// A certificate of this stack that needs a record and stays. One that this run removes needs it no more: when it is not removed after
/// all, the next run makes the record again, long before ACM would renew.
async fn still_needs(cx: &Cx, record: &str) -> Result<Option<String>, Fault> {
    let goes = |addr: &Addr| cx.removing.contains(addr) && !cx.wanted.contains(addr);
    for region in regions(cx) {
        let all = certificates(cx, &region).await?;
        let needs = |one: &&certificates::Certificate| validations_of(&one.arn, &one.detail).iter().any(|needed| needed.record == record);
        if let Some(one) = all.iter().filter(|one| !goes(&one.addr)).find(needs) {
            return Ok(Some(one.arn.clone()));
        }
    }
    Ok(None)
}

/// The regions whose certificates count: those of the plan that answered, or those of the topology.
fn regions(cx: &Cx) -> Vec<Region> {
    if cx.regions.is_empty() { cx.model.regions.keys().cloned().collect() } else { cx.regions.iter().cloned().collect() }
}

/// The domains for which somebody else's simple record says already what ACM wants to see: those are used and never touched.
///
/// # Errors
/// What AWS refused.
pub async fn validated_by_others(cx: &Cx, zone: &str) -> Result<BTreeSet<String>, Fault> {
    if domains(&cx.model).is_empty() {
        return Ok(BTreeSet::new());
    }
    let sets = dns::sets(cx, zone).await?;
    let simple: Vec<&ResourceRecordSet> =
        sets.iter().filter(|set| set.r#type().as_str() == CNAME && policy_name(set) == "simple").collect();
    if simple.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut validated = BTreeSet::new();
    for region in cx.model.regions.keys() {
        // A region that does not answer says nothing; the others want the same record.
        for wanted in validations(cx, region).await.unwrap_or_default() {
            let says_it = |set: &&&ResourceRecordSet| plain(set.name()) == wanted.record && value_of(set) == plain(&wanted.value);
            if simple.iter().any(|set| says_it(&set)) {
                validated.insert(domain_of(&wanted.domain).to_owned());
            }
        }
    }
    Ok(validated)
}

fn value_of(set: &ResourceRecordSet) -> String {
    set.resource_records().first().map(|record| plain(record.value())).unwrap_or_default()
}

impl Kind for ValidationRecord {
    type Spec = Spec;
    const NAME: &'static str = "route53.validation_record";
    const SCOPES: Scopes = Scopes::Global;
    const FIXED: &'static [&'static str] = &["zone"];
    const REPLACE: Replace = Replace::CreateFirst;
    const PATIENCE: Patience = Patience::of(5, 30, 30);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (
            Verb::Observe,
            &["route53:ListHostedZonesByName", "route53:ListHostedZones", "route53:ListResourceRecordSets", "acm:ListCertificates"],
        ),
        (
            Verb::Create,
            &[
                "route53:ChangeResourceRecordSets",
                "route53:GetChange",
                "tag:GetResources",
                "acm:ListCertificates",
                "acm:DescribeCertificate",
                "acm:ListTagsForCertificate",
            ],
        ),
        (Verb::Update, &["route53:ChangeResourceRecordSets", "route53:GetChange"]),
        (Verb::Delete, &["route53:ChangeResourceRecordSets", "route53:GetChange"]),
    ];

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let Some((zone, hold)) = zone_wanted(model, facts) else { return Vec::new() };
        let is_there = |domain: &str| facts.hosted_zone.as_ref().is_some_and(|zone| zone.validated.contains(domain));
        let wanted = domains(model).into_iter().filter(|(domain, _)| !is_there(domain));
        let want = |(domain, certificates): (&str, BTreeSet<Addr>)| {
            let spec = Spec { zone: zone.clone(), domain: domain.to_owned(), record: Unmanaged::Any };
            // They all want the same record: one that is known says it, and a region that is silent keeps no other from it.
            let mut want = Want::new(Self::address(domain), spec).after_any(certificates);
            want.hold.clone_from(&hold);
            want
        };
        wanted.map(want).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let identifier = validation_identifier(&cx.owner.stack);
        let mut found = Vec::new();
        for (zone, set) in dns::sets_of_stack(cx).await? {
            if set.set_identifier() != Some(&identifier) || set.r#type().as_str() != CNAME {
                continue;
            }
            // `_0123abcd.api.example.com` validates `api.example.com`.
            let name = plain(set.name());
            let domain = name.split_once('.').map_or("", |(_, domain)| domain).to_owned();
            let addr = Self::address(&domain);
            let id = set_id(&zone, &SetKey { name: name.clone(), kind: CNAME.to_owned(), identifier: identifier.clone() });
            let record = Unmanaged::Managed(Cname { name, value: value_of(&set) });
            let spec = Spec { zone: Ref::is(&Scope::Global, &zone), domain, record };
            found.push(Found { addr, id, spec, outputs: Outputs::default(), life: Life::Ready, ours: true, born: None });
        }
        Ok(found)
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let (zone, domain, cx) = (want.spec.zone.get()?, &want.spec.domain, &cx.afresh());
        let all = wanted_by_acm(cx, regions(cx).iter()).await?;
        let Some(wanted) = all.into_iter().find(|wanted| domain_of(&wanted.domain) == domain) else {
            let message = format!("ACM has not said yet which record it wants to see for {domain}");
            return Err(Fault::new("acm:DescribeCertificate", Class::Contention, message));
        };
        let stack = &cx.owner.stack;
        let mut key = SetKey { name: wanted.record.clone(), kind: CNAME.to_owned(), identifier: validation_identifier(stack) };
        let bug = |error: aws_sdk_route53::error::BuildError| Fault::bug(error.to_string());
        let value = ResourceRecord::builder().value(&wanted.value).build().map_err(bug)?;
        let set = ResourceRecordSet::builder().name(&wanted.record).r#type(RrType::Cname).ttl(TTL).resource_records(value);
        let set = Policy::Weighted(1).of(set.set_identifier(&key.identifier).build().map_err(bug)?);
        let family = Family { prefix: dns::set_prefix(stack), wanted: BTreeMap::new(), shared: true };
        let change = Wanted { key: key.clone(), set: Some(set), family: Arc::new(family) };
        cx.fleet.zone(zone).change(&cx.fleet, &desk(cx), change).await?;
        let there = dns::sets_named(&cx.fleet, &desk(cx), zone, &key.name).await?;
        if there.iter().all(|set| set.set_identifier() != Some(&key.identifier)) {
            // Somebody else's record says it already.
            key.identifier.clear();
        }
        Ok(set_id(zone, &key))
    }

    async fn update(&self, _: &Cx, found: &Found<Spec>, _: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        match changes {
            [] => Ok(()),
            _ => Err(Fault::bug(format!("nothing of {} can change in place", found.addr))),
        }
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let (zone, key) = read_set_id(&found.id)?;
        if matches!(status_of(cx, &found.id).await?, Status::Gone) {
            return Ok(());
        }
        if let Some(needed) = still_needs(&cx.afresh(), &key.name).await? {
            let message = format!("the certificate {needed} still needs it");
            return Err(Fault::new("route53:ChangeResourceRecordSets", Class::Contention, message));
        }
        let family = Family { prefix: dns::set_prefix(&cx.owner.stack), wanted: BTreeMap::new(), shared: true };
        let wanted = Wanted { key, set: None, family: Arc::new(family) };
        cx.fleet.zone(zone).change(&cx.fleet, &desk(cx), wanted).await
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        status_of(cx, id).await
    }

    /// A certificate in a region that did not answer may still need it.
    fn leans(&self, _: &Found<Spec>) -> Leans {
        Leans::OnAll
    }
}
