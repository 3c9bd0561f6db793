//! Quotas and what is taken of them, read before the first write: a region in which half a network fits is of no use.
use std::{collections::BTreeMap, time::Duration};

use aws_sdk_ec2::types::{DomainType, Filter, NatGatewayState};
use futures::future::join_all;

use super::errors::fault;
use crate::resource::{Class, Cx, Fault, InUse, Measured, Quota, Region, Scope, quota::EVERYWHERE};

/// Amazon VPC user guide, "Amazon VPC quotas": 5 unless raised; the default VPC counts.
pub const VPCS: Quota = Quota {
    service: "vpc",
    code: "L-F678F1CE",
    name: "VPCs per Region",
    per_zone: false,
    in_use: |cx, account| Box::pin(vpcs(cx, account)),
};

/// AWS General Reference, "Amazon EC2 endpoints and quotas": 5 unless raised.
pub const ELASTIC_IPS: Quota =
    Quota { service: "ec2", code: "L-0263D0A3", name: "EC2-VPC Elastic IPs", per_zone: false, in_use: |cx, _| Box::pin(addresses(cx)) };

/// Amazon VPC user guide, "Amazon VPC quotas": 5 unless raised; counted are gateways that are pending, active or deleting.
pub const NAT_GATEWAYS: Quota = Quota {
    service: "vpc",
    code: "L-FE5A380F",
    name: "NAT gateways per Availability Zone",
    per_zone: true,
    in_use: |cx, _| Box::pin(nat_gateways(cx)),
};

/// Reads quotas and what is taken of them, each in its region, side by side; one that takes longer than `within` is unknown.
pub async fn measure(cx: &Cx, account: Option<&str>, quotas: Vec<(Region, Quota)>, within: Duration) -> Vec<Result<Measured, Fault>> {
    let one = |(region, quota): (Region, Quota)| {
        let cx = cx.at(&Scope::from(&region)).afresh();
        async move {
            let both = async { tokio::try_join!(limit(&cx, &quota), (quota.in_use)(&cx, account)) };
            let late = |_| Fault::new(GET, Class::Unclear, format!("no answer within {} s", within.as_secs()));
            let (limit, in_use) = tokio::time::timeout(within, both).await.map_err(late)??;
            Ok(Measured { limit, in_use })
        }
    };
    join_all(quotas.into_iter().map(one)).await
}

const GET: &str = "servicequotas:GetServiceQuota";

/// One quota by its code: a list would have every quota of the service, page by page.
async fn limit(cx: &Cx, quota: &Quota) -> Result<u64, Fault> {
    let ask = cx.fleet.region(cx.region()?).quotas.get_service_quota().service_code(quota.service).quota_code(quota.code);
    let answer = ask.send().await.map_err(fault(GET))?;
    let value = answer.quota().and_then(|quota| quota.value());
    // Every quota here is a number of things: whole, and far below what a conversion could cut.
    value.map(|value| value as u64).ok_or_else(|| Fault::new(GET, Class::Unclear, "the answer has no value"))
}

/// The account's own: DescribeVpcs also shows those that others share with it.
async fn vpcs(cx: &Cx, account: Option<&str>) -> Result<InUse, Fault> {
    let mut pages = cx.fleet.region(cx.region()?).ec2.describe_vpcs().into_paginator().items().send();
    let mut count = 0;
    while let Some(vpc) = pages.next().await {
        let vpc = vpc.map_err(fault("ec2:DescribeVpcs"))?;
        count += u64::from(vpc.owner_id().zip(account).is_none_or(|(owner, account)| owner == account));
    }
    Ok(everywhere(count))
}

async fn addresses(cx: &Cx) -> Result<InUse, Fault> {
    let seen = cx.fleet.region(cx.region()?).ec2.describe_addresses().send().await.map_err(fault("ec2:DescribeAddresses"))?;
    let count = seen.addresses().iter().filter(|address| address.domain() != Some(&DomainType::Standard)).count();
    Ok(everywhere(count as u64))
}

/// A gateway is shown with its subnet and not with its zone, so the subnets are read as well.
async fn nat_gateways(cx: &Cx) -> Result<InUse, Fault> {
    let ec2 = cx.fleet.region(cx.region()?).ec2;
    let states = [NatGatewayState::Pending, NatGatewayState::Available, NatGatewayState::Deleting];
    let counted = states.iter().fold(Filter::builder().name("state"), |filter, state| filter.values(state.as_str())).build();
    let gateways = async {
        let mut pages = ec2.describe_nat_gateways().filter(counted).into_paginator().items().send();
        let mut subnets = Vec::new();
        while let Some(gateway) = pages.next().await {
            subnets.extend(gateway.map_err(fault("ec2:DescribeNatGateways"))?.subnet_id().map(str::to_owned));
        }
        Ok::<_, Fault>(subnets)
    };
    let zones = async {
        let mut pages = ec2.describe_subnets().into_paginator().items().send();
        let mut zones = BTreeMap::new();
        while let Some(subnet) = pages.next().await {
            let subnet = subnet.map_err(fault("ec2:DescribeSubnets"))?;
            zones.extend(subnet.subnet_id.zip(subnet.availability_zone_id));
        }
        Ok::<_, Fault>(zones)
    };
    let (subnets, zones) = tokio::try_join!(gateways, zones)?;
    Ok(subnets.iter().filter_map(|subnet| zones.get(subnet)).fold(InUse::new(), |mut count, zone| {
        *count.entry(zone.clone()).or_default() += 1;
        count
    }))
}

fn everywhere(count: u64) -> InUse {
    InUse::from([(EVERYWHERE.to_owned(), count)])
}
