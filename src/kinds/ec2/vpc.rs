//! VPCs: one for each region that has a network of its own.
use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, VpcAttributeName, VpcState};
use futures::future::try_join_all;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::{
    internet_gateway::InternetGateway, route_table::RouteTable, security_group::SecurityGroup, subnet::Subnet, vpc_endpoint::VpcEndpoint,
};
use crate::{
    aws::{
        errors::{fault, maybe},
        interfaces::{self, Within},
        quotas,
        tags::{change_ec2, filter, is_ours, of_this_stack, ours, sent_once, specification},
    },
    outputs,
    resource::{
        Addr, Change, Cx, Facts, Fault, Found, Holder, Kind, Life, Outputs, Owner, Patience, Quota, Ref, Region, Scope, Status, Tags, Verb,
        Want,
    },
    topology::{Model, Network},
};

outputs! { "ec2.vpc":
    /// The id of a VPC.
    VpcId = "id",
}

/// The one VPC of a region.
pub const MAIN: &str = "main";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub cidr: Ipv4Net,
    pub dns_support: bool,
    pub dns_hostnames: bool,
    pub tags: Tags,
}

/// `ec2.vpc`.
pub struct Vpc;

/// The regions in which the topology makes a network, each with the range of its VPC.
pub(super) fn networks(model: &Model) -> impl Iterator<Item = (&Region, Ipv4Net, &Network)> {
    let network = model.network.as_ref();
    model.regions.iter().filter_map(move |(region, spec)| {
        let network = network.filter(|network| !network.existing.contains_key(region))?;
        Some((region, spec.cidr?, network))
    })
}

/// The VPC of a region: the one that is made there, or the one that the topology refers to. Nothing without a network.
pub(in crate::kinds) fn vpc_of(model: &Model, region: &Region) -> Option<Ref<VpcId>> {
    let network = model.network.as_ref()?;
    let scope = Scope::from(region);
    match network.existing.get(region) {
        Some(existing) => Some(Ref::is(&scope, &existing.vpc)),
        None => model.regions.get(region)?.cidr.map(|_| Ref::to(&scope, MAIN)),
    }
}

/// The tags of one of the stack's resources; `what` follows the stack's name in the console's label.
pub(in crate::kinds) fn named(model: &Model, what: &str) -> Tags {
    let name = if what.is_empty() { model.stack.clone() } else { format!("{}-{what}", model.stack) };
    Owner { stack: model.stack.clone(), tags: model.tags.clone() }.wanted(&name)
}

impl Kind for Vpc {
    type Spec = Spec;
    // Settings that a create cannot carry follow in an update, so that every create is one call.
    const UNFINISHED: bool = true;
    const NAME: &'static str = "ec2.vpc";
    const FIXED: &'static [&'static str] = &["cidr"];
    /// Seconds in practice; propagation is given five minutes (field guide 2.1 items 4 and 6).
    const PATIENCE: Patience = Patience::of(2, 5, 5);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ec2:DescribeVpcs", "ec2:DescribeVpcAttribute"]),
        (Verb::Create, &["ec2:CreateVpc", "ec2:CreateTags", "servicequotas:GetServiceQuota"]),
        (Verb::Update, &["ec2:ModifyVpcAttribute", "ec2:CreateTags", "ec2:DeleteTags"]),
        (
            Verb::Delete,
            &[
                "ec2:DeleteVpc",
                "ec2:DescribeSubnets",
                "ec2:DescribeInternetGateways",
                "ec2:DescribeRouteTables",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeVpcEndpoints",
                "ec2:DescribeNetworkInterfaces",
            ],
        ),
    ];
    const TWICE: bool = true;
    const QUOTA: Option<Quota> = Some(quotas::VPCS);

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let want = |(region, cidr, _): (&Region, Ipv4Net, &Network)| {
            let spec = Spec { cidr, dns_support: true, dns_hostnames: true, tags: named(model, "") };
            Want::new(Addr::regional(region, Self::NAME, MAIN), spec)
        };
        networks(model).map(want).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let pages = cx.fleet.region(cx.region()?).ec2.describe_vpcs().filters(of_this_stack(cx)).into_paginator().items().send();
        let seen = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeVpcs"))?;
        let read = seen.iter().map(|vpc| async move {
            let (Some((addr, tags)), Some(id)) = (ours(cx, Self::NAME, vpc.tags()), vpc.vpc_id()) else { return Ok(None) };
            // It may have gone since the list was read.
            let Some((dns_support, dns_hostnames)) = maybe(dns(cx, id).await)? else { return Ok(None) };
            let cidr = vpc.cidr_block().unwrap_or_default();
            let cidr = cidr.parse().map_err(|_| Fault::bug(format!("{id} has the range `{cidr}`")))?;
            let life = match vpc.state() {
                Some(VpcState::Pending) => Life::Making("pending".to_owned()),
                _ => Life::Ready,
            };
            let spec = Spec { cidr, dns_support, dns_hostnames, tags };
            Ok(Some(Found { addr, id: id.to_owned(), spec, outputs: Outputs::of::<VpcId>(id), life, ours: true, born: None }))
        });
        Ok(try_join_all(read).await?.into_iter().flatten().collect())
    }

    /// One call only: what a new VPC has otherwise than wanted (`dns_hostnames` is off) is set by the update that follows, so
    /// that a refused setting can never lead to a second VPC.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let ask = cx.fleet.region(cx.region()?).ec2.create_vpc().cidr_block(want.spec.cidr.to_string());
        let ask = ask.tag_specifications(specification(cx, ResourceType::Vpc, &want.addr, &want.spec.tags));
        let made = ask.customize().config_override(sent_once()).send().await.map_err(fault("ec2:CreateVpc"))?;
        let id = made.vpc().and_then(|vpc| vpc.vpc_id());
        id.map(str::to_owned).ok_or_else(|| Fault::bug("CreateVpc gave no id"))
    }

    /// ModifyVpcAttribute takes one attribute a request (EC2 API reference).
    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        let modify = || async { Ok::<_, Fault>(cx.fleet.region(cx.region()?).ec2.modify_vpc_attribute().vpc_id(&found.id)) };
        let flag = |value| AttributeBooleanValue::builder().value(value).build();
        // Host names need resolution, so support is switched on first and off last.
        let hostnames = async {
            if found.spec.dns_hostnames != want.spec.dns_hostnames {
                let ask = modify().await?.enable_dns_hostnames(flag(want.spec.dns_hostnames));
                ask.send().await.map_err(fault("ec2:ModifyVpcAttribute"))?;
            }
            Ok::<_, Fault>(())
        };
        let support = async {
            if found.spec.dns_support != want.spec.dns_support {
                let ask = modify().await?.enable_dns_support(flag(want.spec.dns_support));
                ask.send().await.map_err(fault("ec2:ModifyVpcAttribute"))?;
            }
            Ok::<_, Fault>(())
        };
        if want.spec.dns_support {
            support.await?;
            hostnames.await?;
        } else {
            hostnames.await?;
            support.await?;
        }
        change_ec2(cx, &found.id, &found.addr, &found.spec.tags, &want.spec.tags).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let ask = cx.fleet.region(cx.region()?).ec2.delete_vpc().vpc_id(&found.id);
        maybe(ask.send().await.map_err(fault("ec2:DeleteVpc"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let ask = cx.fleet.region(cx.region()?).ec2.describe_vpcs().vpc_ids(id);
        let seen = maybe(ask.send().await.map_err(fault("ec2:DescribeVpcs")))?;
        Ok(match seen.as_ref().and_then(|seen| seen.vpcs().first()).map(|vpc| vpc.state()) {
            None => Status::Gone,
            Some(Some(VpcState::Pending)) => Status::Settling("pending".to_owned()),
            Some(_) => Status::Ready(Outputs::of::<VpcId>(id)),
        })
    }

    /// What AWS refuses to remove a VPC for (field guide 2.1 item 6), without what is ours and goes by itself.
    async fn holders(&self, cx: &Cx, found: &Found<Spec>) -> Result<Vec<Holder>, Fault> {
        let (client, within) = (cx.fleet.region(cx.region()?).ec2, || filter("vpc-id", &found.id));
        let (subnets, gateways, tables, groups, endpoints, interfaces) = tokio::join!(
            client.describe_subnets().filters(within()).send(),
            client.describe_internet_gateways().filters(filter("attachment.vpc-id", &found.id)).send(),
            client.describe_route_tables().filters(within()).send(),
            client.describe_security_groups().filters(within()).send(),
            client.describe_vpc_endpoints().filters(within()).send(),
            interfaces::list(cx, Within::Vpc(&found.id)),
        );
        let mut holders = Vec::new();
        let mut add = |what: &str, id: Option<&str>| {
            holders.push(Holder { what: format!("{what} {}", id.unwrap_or("?")), leaves_by_itself: false });
        };
        for subnet in subnets.map_err(fault("ec2:DescribeSubnets"))?.subnets().iter().filter(|it| !is_ours(cx, Subnet::NAME, it.tags())) {
            add("subnet", subnet.subnet_id());
        }
        let gateways = gateways.map_err(fault("ec2:DescribeInternetGateways"))?;
        for gateway in gateways.internet_gateways().iter().filter(|it| !is_ours(cx, InternetGateway::NAME, it.tags())) {
            add("internet gateway", gateway.internet_gateway_id());
        }
        for table in
            tables.map_err(fault("ec2:DescribeRouteTables"))?.route_tables().iter().filter(|it| !is_ours(cx, RouteTable::NAME, it.tags()))
        {
            // The main table goes with the VPC.
            if !table.associations().iter().any(|association| association.main() == Some(true)) {
                add("route table", table.route_table_id());
            }
        }
        for group in groups
            .map_err(fault("ec2:DescribeSecurityGroups"))?
            .security_groups()
            .iter()
            .filter(|it| !is_ours(cx, SecurityGroup::NAME, it.tags()))
        {
            if group.group_name() != Some("default") {
                add("security group", group.group_id());
            }
        }
        for endpoint in endpoints
            .map_err(fault("ec2:DescribeVpcEndpoints"))?
            .vpc_endpoints()
            .iter()
            .filter(|it| !is_ours(cx, VpcEndpoint::NAME, it.tags()))
        {
            add("VPC endpoint", endpoint.vpc_endpoint_id());
        }
        holders.extend(interfaces?.iter().map(interfaces::holder));
        Ok(holders)
    }
}

/// `(dns_support, dns_hostnames)`: not in DescribeVpcs, and one attribute a request.
async fn dns(cx: &Cx, id: &str) -> Result<(bool, bool), Fault> {
    let ask = |attribute| async {
        let ask = cx.fleet.region(cx.region()?).ec2.describe_vpc_attribute().vpc_id(id).attribute(attribute);
        ask.send().await.map_err(fault("ec2:DescribeVpcAttribute"))
    };
    let (support, hostnames) = tokio::try_join!(ask(VpcAttributeName::EnableDnsSupport), ask(VpcAttributeName::EnableDnsHostnames))?;
    let is = |value: Option<&AttributeBooleanValue>| value.and_then(|value| value.value()).unwrap_or_default();
    Ok((is(support.enable_dns_support()), is(hostnames.enable_dns_hostnames())))
}
