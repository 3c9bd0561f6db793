//! Facts of an account and its regions, read before anyone says what is wanted.
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::Filter;
use futures::future::join_all;

use super::{Fleet, dns, errors::fault, existing, hedge::first_of, tags::filter};
use crate::{
    resource::{Class, ExistingFacts, ExistingHostedZone, Facts, Fault, Memo, Region, Zone},
    topology::ExistingNetwork,
};

/// Whose credentials these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub account: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

/// What was read. A region that did not answer costs its zones and nothing else.
#[derive(Debug)]
pub struct Reading {
    pub identity: Result<Identity, Fault>,
    pub zones: BTreeMap<Region, Result<Vec<Zone>, Fault>>,
    /// Of the regions for which the topology names a VPC.
    pub existing: BTreeMap<Region, Result<ExistingFacts, Fault>>,
    /// The hosted zones of the name that the topology has, public and private; nothing when it names none.
    pub hosted_zones: Option<Result<Vec<HostedZone>, Fault>>,
}

/// A hosted zone of the topology's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedZone {
    /// Without `/hostedzone/`.
    pub id: String,
    pub public: bool,
}

impl Reading {
    /// The facts, with what failed left unknown; `found` is filled in by whoever observes.
    #[must_use]
    pub fn facts(&self) -> Facts {
        Facts {
            account: self.identity.as_ref().ok().map(|identity| identity.account.clone()),
            partition: self.identity.as_ref().ok().map(|identity| identity.partition.clone()),
            zones: known(&self.zones),
            existing: known(&self.existing),
            hosted_zone: self.hosted_zone(),
            restore: BTreeSet::new(),
            found: BTreeMap::new(),
        }
    }
}

impl Reading {
    /// The one public zone of that name; nothing when there is none, or nobody can tell which of several is meant.
    fn hosted_zone(&self) -> Option<ExistingHostedZone> {
        let zones = self.hosted_zones.as_ref()?.as_ref().ok()?;
        match zones.iter().filter(|zone| zone.public).collect::<Vec<_>>()[..] {
            [only] => Some(ExistingHostedZone { id: only.id.clone(), validated: BTreeSet::new() }),
            _ => None,
        }
    }
}

fn known<T: Clone>(read: &BTreeMap<Region, Result<T, Fault>>) -> BTreeMap<Region, T> {
    read.iter().filter_map(|(region, answer)| Some((region.clone(), answer.as_ref().ok()?.clone()))).collect()
}

/// Reads the account from the first region that tells it, and the zones of all regions and the networks that the topology
/// refers to side by side, and the hosted zone of its name. `memo` shares the answers about account and zone with the kinds.
pub async fn read(
    fleet: &Fleet,
    memo: &Memo,
    regions: &[Region],
    (existing, zone): (&BTreeMap<Region, ExistingNetwork>, Option<&str>),
) -> Reading {
    let zones = join_all(regions.iter().map(|region| async move { (region.clone(), zones(fleet, region).await) }));
    let existing = existing.iter().map(|(region, named)| async move { (region.clone(), existing::read(fleet, region, named).await) });
    let identity = known_identity(fleet, memo, regions);
    let hosted_zones = async {
        let seen = dns::zones_named(fleet, memo, regions, zone?).await;
        let read =
            |zone: &aws_sdk_route53::types::HostedZone| HostedZone { id: dns::bare(zone.id()).to_owned(), public: dns::is_public(zone) };
        Some(seen.map(|zones| zones.iter().map(read).collect()))
    };
    let (identity, zones, existing, hosted_zones) = tokio::join!(identity, zones, join_all(existing), hosted_zones);
    Reading { identity, zones: zones.into_iter().collect(), existing: existing.into_iter().collect(), hosted_zones }
}

/// Whose credentials these are, asked once an observation of the first region that tells it: `regions` are those of the file, whoever
/// asks.
///
/// # Errors
/// No region told it.
pub async fn known_identity(fleet: &Fleet, memo: &Memo, regions: &[Region]) -> Result<Identity, Fault> {
    let ask = || first_of(regions, |region| async move { identity(fleet, &region).await });
    memo.once("sts:GetCallerIdentity".to_owned(), ask).await.map(|identity| (*identity).clone())
}

async fn identity(fleet: &Fleet, region: &Region) -> Result<Identity, Fault> {
    const OP: &str = "sts:GetCallerIdentity";
    let answer = fleet.region(region).sts.get_caller_identity().send().await.map_err(fault(OP))?;
    let partition = answer.arn().and_then(|arn| arn.split(':').nth(1));
    match (answer.account(), partition) {
        (Some(account), Some(partition)) => Ok(Identity { account: account.to_owned(), partition: partition.to_owned() }),
        _ => Err(Fault::new(OP, Class::Unclear, "the answer names no account")),
    }
}

/// The region's own zones: no Local Zones or Wavelength Zones, none that is impaired or that the account has not opted in to.
async fn zones(fleet: &Fleet, region: &Region) -> Result<Vec<Zone>, Fault> {
    let open = Filter::builder().name("opt-in-status").values("opt-in-not-required").values("opted-in").build();
    let ask = fleet.region(region).ec2.describe_availability_zones();
    let ask = ask.filters(filter("zone-type", "availability-zone")).filters(filter("state", "available")).filters(open);
    let answer = ask.send().await.map_err(fault("ec2:DescribeAvailabilityZones"))?;
    Ok(in_order(answer.availability_zones().iter().filter_map(|zone| zone.zone_id()).map(str::to_owned).collect()))
}

/// Old zones in which AWS does not offer everything; Amazon EKS refuses subnets in exactly these (EKS user guide, "Amazon EKS
/// networking requirements for VPC and subnets").
const LIMITED: [&str; 3] = ["use1-az3", "usw1-az2", "cac1-az3"];

/// By id, so that every run and every account has the same order; the limited ones last.
fn in_order(mut ids: Vec<String>) -> Vec<Zone> {
    ids.sort_by_key(|id| (LIMITED.contains(&id.as_str()), id.clone()));
    ids.dedup();
    ids.into_iter().map(|id| Zone { id }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limited_zones_come_last() {
        let ids = ["use1-az3", "use1-az4", "use1-az1", "use1-az2"].map(str::to_owned).to_vec();
        let order: Vec<String> = in_order(ids).into_iter().map(|zone| zone.id).collect();
        assert_eq!(order, ["use1-az1", "use1-az2", "use1-az4", "use1-az3"]);
    }
}
