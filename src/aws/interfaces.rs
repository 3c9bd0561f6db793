//! Network interfaces: what holds subnets, VPCs and gateways back when they are to go.
//!
//! On `DependencyViolation` they are the only useful diagnostic (field guide 2.10).
use aws_sdk_ec2::types::NetworkInterface;

use super::{errors::fault, tags::filter};
use crate::resource::{Cx, Fault, Holder};

/// The interfaces in a VPC, in a subnet or in a security group.
///
/// What the filter gave is looked at again: holding the wrong thing responsible would send a reader the wrong way, and not
/// every answer has been seen to honour `subnet-id`.
///
/// # Errors
/// What AWS refused.
pub async fn list(cx: &Cx, within: Within<'_>) -> Result<Vec<NetworkInterface>, Fault> {
    let by = match within {
        Within::Vpc(id) => filter("vpc-id", id),
        Within::Subnet(id) => filter("subnet-id", id),
        Within::Group(id) => filter("group-id", id),
    };
    let pages = cx.fleet.region(cx.region()?).ec2.describe_network_interfaces().filters(by).into_paginator().items().send();
    let mut all = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeNetworkInterfaces"))?;
    all.retain(|interface| match within {
        Within::Vpc(id) => interface.vpc_id() == Some(id),
        Within::Subnet(id) => interface.subnet_id() == Some(id),
        Within::Group(id) => interface.groups().iter().any(|group| group.group_id() == Some(id)),
    });
    Ok(all)
}

/// Where to look for interfaces.
#[derive(Clone, Copy, Debug)]
pub enum Within<'a> {
    Vpc(&'a str),
    Subnet(&'a str),
    Group(&'a str),
}

/// An interface as a reader wants to see it. Those an AWS service made go when the service lets go of them.
#[must_use]
pub fn holder(interface: &NetworkInterface) -> Holder {
    let id = interface.network_interface_id().unwrap_or("?");
    let details = [interface.description(), interface.requester_id()];
    let details: Vec<&str> = details.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    let what =
        if details.is_empty() { format!("network interface {id}") } else { format!("network interface {id} ({})", details.join(", ")) };
    Holder { what, leaves_by_itself: interface.requester_managed().unwrap_or_default() }
}
