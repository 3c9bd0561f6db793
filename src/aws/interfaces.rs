//! Network interfaces: what holds subnets, VPCs and gateways back when they are to go.
//!
//! On `DependencyViolation` they are the only useful diagnostic (field guide 2.10).
use aws_sdk_ec2::types::{Filter, NetworkInterface};

use super::errors::fault;
use crate::resource::{Cx, Fault, Holder};

/// The interfaces a filter finds.
///
/// # Errors
/// What AWS refused.
pub async fn list(cx: &Cx, filter: Filter) -> Result<Vec<NetworkInterface>, Fault> {
    let mut pages = cx.fleet.region(cx.region()?).ec2.describe_network_interfaces().filters(filter).into_paginator().items().send();
    let mut all = Vec::new();
    while let Some(interface) = pages.next().await {
        all.push(interface.map_err(fault("ec2:DescribeNetworkInterfaces"))?);
    }
    Ok(all)
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
