//! VPC endpoints: ways to AWS services that do not leave the VPC. `s3` and `dynamodb` are gateway endpoints in every route
//! table; every other name is an interface endpoint in the private subnets, under the service's own DNS name.
use std::collections::BTreeSet;

use aws_sdk_ec2::types::{self, ResourceType, State, VpcEndpointType};
use aws_types::request_id::RequestId;
use serde::{Deserialize, Serialize};

use super::{
    route_table::RouteTableId,
    security_group::{ENDPOINTS, SecurityGroupId},
    subnet::{SubnetId, Tier, slots},
    vpc::{MAIN, VpcId, named, networks},
};
use crate::{
    aws::{
        errors::{fault, maybe, refused},
        tags::{change_ec2, of_this_stack, ours, sent_once, specification},
    },
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Output, Outputs, Patience, Ref, Region, Scope, Status, Tags, Unmanaged,
        Unordered, Verb, Want,
    },
    topology::{Model, Network},
};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub vpc: Ref<VpcId>,
    /// `com.amazonaws.eu-west-1.s3`.
    pub service: String,
    /// `gateway` or `interface`.
    #[serde(rename = "type")]
    pub endpoint_type: String,
    /// Of a gateway endpoint.
    pub route_tables: Unordered<Ref<RouteTableId>>,
    /// Of an interface endpoint, one a zone.
    pub subnets: Unordered<Ref<SubnetId>>,
    pub security_groups: Unordered<Ref<SecurityGroupId>>,
    /// Of an interface endpoint: whether the service's own DNS name leads to it.
    pub private_dns: Unmanaged<bool>,
    pub tags: Tags,
}

/// `ec2.vpc_endpoint`.
pub struct VpcEndpoint;

/// The services that have gateway endpoints (VPC user guide, "Gateway endpoints").
const GATEWAYS: [&str; 2] = ["s3", "dynamodb"];
const GATEWAY: &str = "gateway";
const INTERFACE: &str = "interface";

/// Whether a network has interface endpoints, which need a security group.
pub(super) fn has_interface_endpoints(network: &Network) -> bool {
    network.endpoints.iter().any(|name| !GATEWAYS.contains(&name.as_str()))
}

/// AWS writes the states in two spellings (`pending`, `Pending`). A word that is not known here is not taken for ready.
fn life(endpoint: &types::VpcEndpoint) -> Option<Life> {
    let word = endpoint.state().map_or("unknown", State::as_str).to_owned();
    match word.to_ascii_lowercase().as_str() {
        "available" => Some(Life::Ready),
        "deleting" => Some(Life::Leaving(word)),
        "deleted" => None,
        "failed" | "rejected" | "expired" => {
            let why = endpoint.last_error().and_then(|error| error.message().or(error.code()));
            Some(Life::Broken(why.map_or(word.clone(), |why| format!("{word} ({why})"))))
        }
        _ => Some(Life::Making(word)),
    }
}

fn managed(flag: &Unmanaged<bool>) -> Option<bool> {
    match flag {
        Unmanaged::Managed(on) => Some(*on),
        Unmanaged::Any => None,
    }
}

fn ids<T: Output>(list: &Unordered<Ref<T>>) -> Result<BTreeSet<String>, Fault> {
    list.0.iter().map(|one| one.get().map(str::to_owned)).collect()
}

/// What is to be added and what removed.
fn difference<T: Output>(now: &Unordered<Ref<T>>, then: &Unordered<Ref<T>>) -> Result<[Option<Vec<String>>; 2], Fault> {
    let (now, then) = (ids(now)?, ids(then)?);
    let list = |from: &BTreeSet<String>, without: &BTreeSet<String>| {
        let left: Vec<String> = from.difference(without).cloned().collect();
        Some(left).filter(|left| !left.is_empty())
    };
    Ok([list(&then, &now), list(&now, &then)])
}

impl VpcEndpoint {
    fn wants(model: &Model, region: &Region, network: &Network, facts: &Facts) -> Vec<Want<Spec>> {
        let scope = Scope::from(region);
        let slots = slots(region, &network.availability_zones, facts);
        let private = || slots.iter().map(|slot| Tier::Private.name(slot.index));
        let want = |name: &String| {
            let is_gateway = GATEWAYS.contains(&name.as_str());
            let tables = std::iter::once("public".to_owned()).chain(private()).filter(|_| is_gateway);
            let group = (!is_gateway).then(|| Ref::to(&scope, ENDPOINTS));
            let spec = Spec {
                vpc: Ref::to(&scope, MAIN),
                service: format!("com.amazonaws.{region}.{name}"),
                endpoint_type: if is_gateway { GATEWAY } else { INTERFACE }.to_owned(),
                route_tables: Unordered(tables.map(|name| Ref::to(&scope, &name)).collect()),
                subnets: Unordered(private().filter(|_| !is_gateway).map(|name| Ref::to(&scope, &name)).collect()),
                security_groups: Unordered(group.into_iter().collect()),
                private_dns: if is_gateway { Unmanaged::Any } else { Unmanaged::Managed(true) },
                tags: named(model, name),
            };
            Want::new(Addr::regional(region, Self::NAME, name), spec)
        };
        network.endpoints.iter().map(want).collect()
    }
}

impl Kind for VpcEndpoint {
    type Spec = Spec;
    const NAME: &'static str = "ec2.vpc_endpoint";
    const FIXED: &'static [&'static str] = &["vpc", "service", "type"];
    /// One to three minutes to make, two to ten until its interfaces are gone (field guide 2.7 items 4 and 6).
    const PATIENCE: Patience = Patience::of(5, 10, 20);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ec2:DescribeVpcEndpoints"]),
        (Verb::Create, &["ec2:CreateVpcEndpoint", "ec2:CreateTags", "route53:AssociateVPCWithHostedZone"]),
        (Verb::Update, &["ec2:ModifyVpcEndpoint", "ec2:CreateTags", "ec2:DeleteTags"]),
        (Verb::Delete, &["ec2:DeleteVpcEndpoints"]),
    ];
    const TWICE: bool = true;

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        networks(model).flat_map(|(region, _, network)| Self::wants(model, region, network, facts)).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let ask = cx.fleet.region(cx.region()?).ec2.describe_vpc_endpoints().filters(of_this_stack(cx));
        let mut pages = ask.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(endpoint) = pages.next().await {
            let endpoint = endpoint.map_err(fault("ec2:DescribeVpcEndpoints"))?;
            let (Some((addr, tags)), Some(life)) = (ours(cx, Self::NAME, endpoint.tags()), life(&endpoint)) else { continue };
            let Some(id) = endpoint.vpc_endpoint_id() else { continue };
            let is_gateway = endpoint.vpc_endpoint_type() == Some(&VpcEndpointType::Gateway);
            let spec = Spec {
                vpc: Ref::is(&cx.scope, endpoint.vpc_id().unwrap_or_default()),
                service: endpoint.service_name().unwrap_or_default().to_owned(),
                endpoint_type: if is_gateway { GATEWAY } else { INTERFACE }.to_owned(),
                route_tables: Unordered(endpoint.route_table_ids().iter().map(|id| Ref::is(&cx.scope, id)).collect()),
                subnets: Unordered(endpoint.subnet_ids().iter().map(|id| Ref::is(&cx.scope, id)).collect()),
                security_groups: Unordered(
                    endpoint.groups().iter().filter_map(|group| group.group_id()).map(|id| Ref::is(&cx.scope, id)).collect(),
                ),
                private_dns: if is_gateway {
                    Unmanaged::Any
                } else {
                    Unmanaged::Managed(endpoint.private_dns_enabled().unwrap_or_default())
                },
                tags,
            };
            found.push(Found { addr, id: id.to_owned(), spec, outputs: Outputs::default(), life, ours: true, born: None });
        }
        Ok(found)
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let (region, spec) = (cx.region()?, &want.spec);
        let is_gateway = spec.endpoint_type == GATEWAY;
        let list = |ids: BTreeSet<String>| Some(ids.into_iter().collect::<Vec<_>>()).filter(|ids| !ids.is_empty());
        let ask = cx.fleet.region(region).ec2.create_vpc_endpoint();
        let ask = ask.vpc_id(spec.vpc.get()?).service_name(&spec.service);
        let ask = ask.vpc_endpoint_type(if is_gateway { VpcEndpointType::Gateway } else { VpcEndpointType::Interface });
        let ask = ask.set_route_table_ids(list(ids(&spec.route_tables)?)).set_subnet_ids(list(ids(&spec.subnets)?));
        let ask = ask.set_security_group_ids(list(ids(&spec.security_groups)?));
        let ask = ask.set_private_dns_enabled(managed(&spec.private_dns));
        let ask = ask.tag_specifications(specification(cx, ResourceType::VpcEndpoint, &want.addr, &spec.tags));
        cx.fleet.endpoint_turn(region).await;
        let made = ask.customize().config_override(sent_once()).send().await.map_err(fault("ec2:CreateVpcEndpoint")).map_err(patient)?;
        let id = made.vpc_endpoint().and_then(|endpoint| endpoint.vpc_endpoint_id());
        id.map(str::to_owned).ok_or_else(|| Fault::bug("CreateVpcEndpoint gave no id"))
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        let region = cx.region()?;
        let [add_tables, remove_tables] = difference(&found.spec.route_tables, &want.spec.route_tables)?;
        let [add_subnets, remove_subnets] = difference(&found.spec.subnets, &want.spec.subnets)?;
        let [add_groups, remove_groups] = difference(&found.spec.security_groups, &want.spec.security_groups)?;
        let dns = managed(&want.spec.private_dns).filter(|_| found.spec.private_dns != want.spec.private_dns);
        let lists = [&add_tables, &remove_tables, &add_subnets, &remove_subnets, &add_groups, &remove_groups];
        if dns.is_some() || lists.iter().any(|list| list.is_some()) {
            let ask = cx.fleet.region(region).ec2.modify_vpc_endpoint().vpc_endpoint_id(&found.id);
            let ask = ask.set_add_route_table_ids(add_tables).set_remove_route_table_ids(remove_tables);
            let ask = ask.set_add_subnet_ids(add_subnets).set_remove_subnet_ids(remove_subnets);
            let ask = ask.set_add_security_group_ids(add_groups).set_remove_security_group_ids(remove_groups);
            cx.fleet.endpoint_turn(region).await;
            ask.set_private_dns_enabled(dns).send().await.map_err(fault("ec2:ModifyVpcEndpoint"))?;
        }
        change_ec2(cx, &found.id, &found.addr, &found.spec.tags, &want.spec.tags).await
    }

    /// The call succeeds as a whole and says one by one what it did not do (field guide 16, rule 36).
    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        const OP: &str = "ec2:DeleteVpcEndpoints";
        let region = cx.region()?;
        let ask = cx.fleet.region(region).ec2.delete_vpc_endpoints().vpc_endpoint_ids(&found.id);
        cx.fleet.endpoint_turn(region).await;
        let Some(answer) = maybe(ask.send().await.map_err(fault(OP)))? else { return Ok(()) };
        let first = answer.unsuccessful().iter().filter_map(|item| item.error()).next();
        let Some(error) = first else { return Ok(()) };
        let (code, message) = (error.code().unwrap_or_default(), error.message().unwrap_or_default());
        maybe(Err(refused(OP, code, message, answer.request_id()))).map(|_: Option<()>| ())
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let ask = cx.fleet.region(cx.region()?).ec2.describe_vpc_endpoints().vpc_endpoint_ids(id);
        let seen = maybe(ask.send().await.map_err(fault("ec2:DescribeVpcEndpoints")))?;
        let endpoint = seen.as_ref().and_then(|seen| seen.vpc_endpoints().first());
        Ok(match endpoint.and_then(life) {
            None => Status::Gone,
            Some(Life::Ready) => Status::Ready(Outputs::default()),
            Some(Life::Broken(why)) => Status::Failed(why),
            Some(Life::Making(word) | Life::Leaving(word)) => Status::Settling(word),
        })
    }
}

/// The endpoint before still holds the service's name for minutes after it was deleted (field guide 2.7 item 9).
fn patient(refused: Fault) -> Fault {
    let still_held = refused.message.as_deref().is_some_and(|message| message.contains("conflicting DNS domain"));
    if still_held { Fault { class: Class::Contention, ..refused } } else { refused }
}
