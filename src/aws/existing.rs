//! Networks that a topology refers to: read, and in no way touched.
use aws_sdk_ec2::types::{Filter, Subnet, Vpc, VpcAttributeName, VpcCidrBlockStateCode};
use ipnet::Ipv4Net;

use super::{
    Fleet,
    errors::{fault, maybe},
    tags::filter,
};
use crate::{
    resource::{ExistingFacts, ExistingSubnet, ExistingVpc, Fault, Region, Zone},
    topology::ExistingNetwork,
};

/// What is there of a network. All is asked for by filter: an id of which there is nothing is an answer and not a refusal.
pub(super) async fn read(fleet: &Fleet, region: &Region, named: &ExistingNetwork) -> Result<ExistingFacts, Fault> {
    let ec2 = fleet.region(region).ec2;
    let vpc = async {
        let seen = ec2.describe_vpcs().filters(filter("vpc-id", &named.vpc)).send().await.map_err(fault("ec2:DescribeVpcs"))?;
        Ok(seen.vpcs.unwrap_or_default().pop())
    };
    let subnets = async {
        let mut pages = match subnets_of(named) {
            Some(ids) => ec2.describe_subnets().filters(ids).into_paginator().items().send(),
            None => return Ok(Vec::new()),
        };
        let mut seen = Vec::new();
        while let Some(subnet) = pages.next().await {
            seen.extend(existing_subnet(&subnet.map_err(fault("ec2:DescribeSubnets"))?));
        }
        Ok(seen)
    };
    let attribute = |attribute: VpcAttributeName| async {
        let ask = ec2.describe_vpc_attribute().vpc_id(&named.vpc).attribute(attribute);
        maybe(ask.send().await.map_err(fault("ec2:DescribeVpcAttribute")))
    };
    let (vpc, subnets, support, hostnames) =
        tokio::try_join!(vpc, subnets, attribute(VpcAttributeName::EnableDnsSupport), attribute(VpcAttributeName::EnableDnsHostnames))?;
    let support = support.and_then(|answer| answer.enable_dns_support.and_then(|flag| flag.value));
    let hostnames = hostnames.and_then(|answer| answer.enable_dns_hostnames.and_then(|flag| flag.value));
    let vpc = vpc.map(|vpc| ExistingVpc {
        id: named.vpc.clone(),
        ranges: ranges(&vpc),
        dns_support: support.unwrap_or_default(),
        dns_hostnames: hostnames.unwrap_or_default(),
    });
    let those = |ids: &[String]| ids.iter().filter_map(|id| subnets.iter().find(|subnet| subnet.id == *id).cloned()).collect();
    Ok(ExistingFacts { vpc, private_subnets: those(&named.private_subnets), public_subnets: those(&named.public_subnets) })
}

fn subnets_of(named: &ExistingNetwork) -> Option<Filter> {
    let ids: Vec<String> = named.private_subnets.iter().chain(&named.public_subnets).cloned().collect();
    (!ids.is_empty()).then(|| Filter::builder().name("subnet-id").set_values(Some(ids)).build())
}

fn existing_subnet(subnet: &Subnet) -> Option<ExistingSubnet> {
    Some(ExistingSubnet {
        id: subnet.subnet_id()?.to_owned(),
        vpc: subnet.vpc_id()?.to_owned(),
        zone: Zone { id: subnet.availability_zone_id()?.to_owned() },
        range: subnet.cidr_block()?.parse().ok()?,
    })
}

/// The first range and those that were associated later.
fn ranges(vpc: &Vpc) -> Vec<Ipv4Net> {
    let associated = vpc.cidr_block_association_set().iter().filter(|association| {
        let state = association.cidr_block_state().and_then(|state| state.state());
        state.is_none_or(|state| matches!(state, VpcCidrBlockStateCode::Associated | VpcCidrBlockStateCode::Associating))
    });
    let texts = vpc.cidr_block().into_iter().chain(associated.filter_map(|association| association.cidr_block()));
    let mut ranges: Vec<Ipv4Net> = Vec::new();
    for range in texts.filter_map(|text| text.parse().ok()) {
        if !ranges.contains(&range) {
            ranges.push(range);
        }
    }
    ranges
}
