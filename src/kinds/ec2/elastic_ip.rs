//! Elastic IP addresses: one for each NAT gateway.
use std::sync::Arc;

use aws_sdk_ec2::types::{self, DomainType, ResourceType};
use serde::{Deserialize, Serialize};

use super::{
    nat_gateway::gateways_wanted,
    vpc::{named, networks},
};
use crate::{
    aws::{
        errors::{fault, maybe},
        quotas,
        tags::{change_ec2, of_this_stack, ours, sent_once, specification},
    },
    outputs,
    resource::{Addr, Change, Cx, Facts, Fault, Found, Holder, Kind, Life, Outputs, Patience, Quota, Status, Tags, Verb, Want},
    topology::Model,
};

outputs! { "ec2.elastic_ip":
    /// The allocation id of an Elastic IP address.
    AllocationId = "id",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub tags: Tags,
}

/// `ec2.elastic_ip`.
pub struct ElasticIp;

/// This stack's addresses.
pub(super) async fn addresses(cx: &Cx) -> Result<Arc<Vec<types::Address>>, Fault> {
    let region = cx.region()?;
    let ask = || async {
        let ask = cx.fleet.region(region).ec2.describe_addresses().filters(of_this_stack(cx));
        ask.send().await.map_err(fault("ec2:DescribeAddresses")).map(|seen| seen.addresses.unwrap_or_default())
    };
    cx.memo.once(format!("ec2:DescribeAddresses/{region}"), ask).await
}

async fn address(cx: &Cx, id: &str) -> Result<Option<types::Address>, Fault> {
    let ask = cx.fleet.region(cx.region()?).ec2.describe_addresses().allocation_ids(id);
    let seen = maybe(ask.send().await.map_err(fault("ec2:DescribeAddresses")))?;
    Ok(seen.and_then(|seen| seen.addresses().first().cloned()))
}

impl Kind for ElasticIp {
    type Spec = Spec;
    const NAME: &'static str = "ec2.elastic_ip";
    /// There at once; held by a NAT gateway until that is deleted (field guide 2.4 item 6).
    const PATIENCE: Patience = Patience::of(2, 5, 10);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ec2:DescribeAddresses"]),
        (Verb::Create, &["ec2:AllocateAddress", "ec2:CreateTags", "servicequotas:GetServiceQuota"]),
        (Verb::Update, &["ec2:CreateTags", "ec2:DeleteTags"]),
        (Verb::Delete, &["ec2:ReleaseAddress"]),
    ];
    // AllocateAddress has no token: sent twice, it leaks an address that costs money (field guide 2.4 item 2).
    const TWICE: bool = true;
    const QUOTA: Option<Quota> = Some(quotas::ELASTIC_IPS);

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let of_region = networks(model)
            .flat_map(|(region, _, network)| gateways_wanted(region, network, facts).into_iter().map(move |(name, _)| (region, name)));
        of_region.map(|(region, name)| Want::new(Addr::regional(region, Self::NAME, &name), Spec { tags: named(model, &name) })).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let found = |address: &types::Address| {
            let ((addr, tags), id) = (ours(cx, Self::NAME, address.tags())?, address.allocation_id()?);
            let outputs = Outputs::of::<AllocationId>(id);
            Some(Found { addr, id: id.to_owned(), spec: Spec { tags }, outputs, life: Life::Ready, ours: true, born: None })
        };
        Ok(addresses(cx).await?.iter().filter_map(found).collect())
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let tags = specification(cx, ResourceType::ElasticIp, &want.addr, &want.spec.tags);
        let ask = cx.fleet.region(cx.region()?).ec2.allocate_address().domain(DomainType::Vpc).tag_specifications(tags);
        let made = ask.customize().config_override(sent_once()).send().await.map_err(fault("ec2:AllocateAddress"))?;
        made.allocation_id.ok_or_else(|| Fault::bug("AllocateAddress gave no allocation id"))
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        change_ec2(cx, &found.id, &found.addr, &found.spec.tags, &want.spec.tags).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let ask = cx.fleet.region(cx.region()?).ec2.release_address().allocation_id(&found.id);
        maybe(ask.send().await.map_err(fault("ec2:ReleaseAddress"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        Ok(address(cx, id).await?.map_or(Status::Gone, |_| Status::Ready(Outputs::of::<AllocationId>(id))))
    }

    async fn holders(&self, cx: &Cx, found: &Found<Spec>) -> Result<Vec<Holder>, Fault> {
        let held = address(cx, &found.id).await?.filter(|address| address.association_id().is_some());
        let holder = |address: types::Address| {
            let by = address.network_interface_id().or(address.instance_id()).unwrap_or("?").to_owned();
            Holder { what: format!("it is associated with {by}"), leaves_by_itself: false }
        };
        Ok(held.map(holder).into_iter().collect())
    }
}
