//! Route tables with their routes and the subnets they are associated with.
//!
//! One public table, and one for each private subnet from the start, so that a NAT gateway later changes a route and moves no
//! subnet. The routes of our tables are ours: one added by hand is a difference and goes. Left alone is what AWS puts there
//! itself: local routes, those of gateway endpoints (`vpce-…`) and propagated ones (field guide 2.5 item 9).
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_ec2::types::{self, Filter, ResourceType, RouteOrigin, RouteTableAssociationStateCode};
use serde::{Deserialize, Serialize};

use super::{
    internet_gateway::InternetGatewayId,
    nat_gateway::{NatGatewayId, gateways_wanted},
    subnet::{Slot, Subnet, SubnetId, Tier, slots, subnets},
    vpc::{MAIN, VpcId, named, networks},
    vpc_peering_connection::peerings,
};
use crate::{
    aws::{
        errors::{fault, maybe},
        tags::{change_ec2, is_ours, of_this_stack, ours, sent_once, specification},
    },
    outputs,
    resource::{
        Addr, After, Change, Class, Cx, Facts, Fault, Found, Holder, Kind, Life, Outputs, Patience, Ref, Region, Scope, Status, Tags,
        Unordered, Verb, Want,
    },
    topology::{Model, Network},
};

outputs! { "ec2.route_table":
    /// The id of a route table.
    RouteTableId = "id",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub vpc: Ref<VpcId>,
    /// Destination range to target.
    pub routes: BTreeMap<String, Target>,
    pub subnets: Unordered<Ref<SubnetId>>,
    pub tags: Tags,
}

/// Where a route leads.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    InternetGateway(Ref<InternetGatewayId>),
    NatGateway(Ref<NatGatewayId>),
    /// The id of anything mrctl does not route to; only ever found.
    Other(String),
}

impl Target {
    fn id(&self) -> Result<&str, Fault> {
        match self {
            Self::InternetGateway(gateway) => gateway.get(),
            Self::NatGateway(gateway) => gateway.get(),
            Self::Other(id) => Ok(id),
        }
    }
}

/// `ec2.route_table`.
pub struct RouteTable;

/// The way out of a VPC.
const ANYWHERE: &str = "0.0.0.0/0";
/// The table of the public subnets.
const PUBLIC: &str = "public";

/// The names of the tables that a region's network wants.
pub(super) fn tables_wanted(model: &Model, region: &Region, facts: &Facts) -> Vec<String> {
    let network = networks(model).find(|(of, ..)| *of == region).map(|(.., network)| network);
    let private =
        |network: &Network| slots(region, &network.availability_zones, facts).into_iter().map(|slot| Tier::Private.name(slot.index));
    network.map_or_else(Vec::new, |network| std::iter::once(PUBLIC.to_owned()).chain(private(network)).collect())
}

/// A route that someone made; nothing for what AWS keeps there itself, or for a route through one of our peering connections:
/// those are a kind of their own.
fn route(scope: &Scope, peered: &BTreeSet<&str>, route: &types::Route) -> Option<(String, Target)> {
    let own = matches!(route.origin(), Some(RouteOrigin::EnableVgwRoutePropagation | RouteOrigin::CreateRouteTable));
    let gateway = route.gateway_id().unwrap_or_default();
    let through_ours = route.vpc_peering_connection_id().is_some_and(|id| peered.contains(id));
    if own || through_ours || gateway == "local" || gateway.starts_with("vpce-") {
        return None;
    }
    let destination = route.destination_cidr_block().or(route.destination_ipv6_cidr_block()).or(route.destination_prefix_list_id())?;
    if gateway.starts_with("igw-") {
        return Some((destination.to_owned(), Target::InternetGateway(Ref::is(scope, gateway))));
    }
    if let Some(gateway) = route.nat_gateway_id() {
        return Some((destination.to_owned(), Target::NatGateway(Ref::is(scope, gateway))));
    }
    // AWS names a NAT instance twice, by its interface and by itself; the interface says where packets go.
    let other = [
        route.gateway_id(),
        route.transit_gateway_id(),
        route.vpc_peering_connection_id(),
        route.network_interface_id(),
        route.instance_id(),
        route.egress_only_internet_gateway_id(),
        route.carrier_gateway_id(),
        route.local_gateway_id(),
        route.core_network_arn(),
    ];
    let other = other.into_iter().flatten().next().unwrap_or("unknown");
    Some((destination.to_owned(), Target::Other(other.to_owned())))
}

/// The subnets that are explicitly associated, with the association's id. The main association names no subnet.
fn associated(table: &types::RouteTable) -> impl Iterator<Item = (&str, &str)> {
    table.associations().iter().filter_map(|association| {
        use RouteTableAssociationStateCode::{Disassociated, Disassociating, Failed};
        let state = association.association_state().and_then(|state| state.state());
        let gone = matches!(state, Some(Disassociated | Disassociating | Failed));
        let ids = (association.subnet_id()?, association.route_table_association_id()?);
        Some(ids).filter(|_| !gone && association.main() != Some(true))
    })
}

/// This stack's tables: one answer for the tables and for the routes through peering connections.
pub(super) async fn route_tables(cx: &Cx) -> Result<Arc<Vec<types::RouteTable>>, Fault> {
    let ask = || tables(cx, of_this_stack(cx));
    cx.memo.once(format!("ec2:DescribeRouteTables/{}", cx.region()?), ask).await
}

/// The tables that a filter finds, as they are now.
async fn tables(cx: &Cx, by: Filter) -> Result<Vec<types::RouteTable>, Fault> {
    let pages = cx.fleet.region(cx.region()?).ec2.describe_route_tables().filters(by).into_paginator().items().send();
    pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeRouteTables"))
}

/// One table as it is now; nothing when it is not there.
async fn table(cx: &Cx, id: &str) -> Result<Option<types::RouteTable>, Fault> {
    let ask = cx.fleet.region(cx.region()?).ec2.describe_route_tables().route_table_ids(id);
    let seen = maybe(ask.send().await.map_err(fault("ec2:DescribeRouteTables")))?;
    Ok(seen.and_then(|seen| seen.route_tables().first().cloned()))
}

impl RouteTable {
    fn wants(model: &Model, region: &Region, network: &Network, facts: &Facts) -> Vec<Want<Spec>> {
        let (slots, gateways) = (slots(region, &network.availability_zones, facts), gateways_wanted(region, network, facts));
        let scope = Scope::from(region);
        let want = |name: &str, routes: BTreeMap<String, Target>, subnets: Vec<Ref<SubnetId>>| {
            let (vpc, tags) = (Ref::to(&scope, MAIN), named(model, name));
            Want::new(Addr::regional(region, Self::NAME, name), Spec { vpc, routes, subnets: Unordered(subnets), tags })
        };
        let subnet = |tier: Tier, slot: &Slot| Ref::to(&scope, &tier.name(slot.index));
        let out = [(ANYWHERE.to_owned(), Target::InternetGateway(Ref::to(&scope, MAIN)))].into();
        let public = want(PUBLIC, out, slots.iter().map(|slot| subnet(Tier::Public, slot)).collect());
        let way_out = |slot: &Slot| {
            // Its own zone's gateway, or the only one: traffic that leaves its zone costs money and shares its fate.
            let (gateway, _) = gateways.iter().find(|(_, at)| at.index == slot.index).or(gateways.first())?;
            Some((ANYWHERE.to_owned(), Target::NatGateway(Ref::to(&scope, gateway))))
        };
        let private = slots.iter().map(|slot| {
            let routes = way_out(slot).into_iter().collect();
            want(&Tier::Private.name(slot.index), routes, vec![subnet(Tier::Private, slot)])
        });
        std::iter::once(public).chain(private).collect()
    }

    async fn change_routes(cx: &Cx, id: &str, found: &Spec, want: &Spec) -> Result<(), Fault> {
        let client = cx.fleet.region(cx.region()?).ec2;
        for (destination, target) in &want.routes {
            let to = target.id()?;
            let replace = match found.routes.get(destination) {
                Some(now) if now.id()? == to => continue,
                Some(_) => true,
                None => {
                    let ask = client.create_route().route_table_id(id).destination_cidr_block(destination);
                    let ask = match target {
                        Target::InternetGateway(_) => ask.gateway_id(to),
                        Target::NatGateway(_) => ask.nat_gateway_id(to),
                        Target::Other(_) => return Err(not_made(id, target)),
                    };
                    match ask.send().await.map_err(fault("ec2:CreateRoute")) {
                        Ok(_) => false,
                        Err(fault) if fault.class == Class::Exists => true,
                        Err(fault) => return Err(fault),
                    }
                }
            };
            // Never delete and create: traffic would have no way in between.
            if replace {
                let ask = client.replace_route().route_table_id(id).destination_cidr_block(destination);
                let ask = match target {
                    Target::InternetGateway(_) => ask.gateway_id(to),
                    Target::NatGateway(_) => ask.nat_gateway_id(to),
                    Target::Other(_) => return Err(not_made(id, target)),
                };
                ask.send().await.map_err(fault("ec2:ReplaceRoute"))?;
            }
        }
        for destination in found.routes.keys().filter(|destination| !want.routes.contains_key(*destination)) {
            let ask = client.delete_route().route_table_id(id);
            let ask = match destination {
                list if list.starts_with("pl-") => ask.destination_prefix_list_id(list),
                range if range.contains(':') => ask.destination_ipv6_cidr_block(range),
                range => ask.destination_cidr_block(range),
            };
            maybe(ask.send().await.map_err(fault("ec2:DeleteRoute")))?;
        }
        Ok(())
    }

    async fn change_subnets(cx: &Cx, id: &str, found: &Spec, want: &Spec) -> Result<(), Fault> {
        let ids = |spec: &Spec| spec.subnets.0.iter().map(|subnet| subnet.get().map(str::to_owned)).collect::<Result<BTreeSet<_>, _>>();
        let (now, then) = (ids(found)?, ids(want)?);
        let moving: Vec<String> = now.symmetric_difference(&then).cloned().collect();
        if moving.is_empty() {
            return Ok(());
        }
        // Where the subnets are now is read afresh: another of our tables may have given or taken one since.
        let by = Filter::builder().name("association.subnet-id").set_values(Some(moving)).build();
        let tables = tables(cx, by).await?;
        let mut at = BTreeMap::new();
        for table in &tables {
            at.extend(associated(table).map(|(subnet, association)| (subnet, (table.route_table_id().unwrap_or_default(), association))));
        }
        let client = cx.fleet.region(cx.region()?).ec2;
        for subnet in then.difference(&now) {
            match at.get(subnet.as_str()) {
                Some((table, _)) if *table == id => {}
                Some((_, association)) => {
                    let ask = client.replace_route_table_association().association_id(*association).route_table_id(id);
                    ask.send().await.map_err(fault("ec2:ReplaceRouteTableAssociation"))?;
                }
                None => {
                    let ask = client.associate_route_table().route_table_id(id).subnet_id(subnet);
                    ask.send().await.map_err(fault("ec2:AssociateRouteTable"))?;
                }
            }
        }
        for subnet in now.difference(&then) {
            if let Some((_, association)) = at.get(subnet.as_str()).filter(|(table, _)| *table == id) {
                disassociate(cx, association).await?;
            }
        }
        Ok(())
    }
}

fn not_made(id: &str, target: &Target) -> Fault {
    Fault::bug(format!("a route of {id} to {target:?} is not one mrctl makes"))
}

async fn disassociate(cx: &Cx, association: &str) -> Result<(), Fault> {
    let ask = cx.fleet.region(cx.region()?).ec2.disassociate_route_table().association_id(association);
    maybe(ask.send().await.map_err(fault("ec2:DisassociateRouteTable"))).map(drop)
}

impl Kind for RouteTable {
    type Spec = Spec;
    // Settings that a create cannot carry follow in an update, so that every create is one call.
    const UNFINISHED: bool = true;
    const NAME: &'static str = "ec2.route_table";
    const FIXED: &'static [&'static str] = &["vpc"];
    /// Reads lag writes for up to five minutes (field guide 2.5 item 4).
    const PATIENCE: Patience = Patience::of(2, 5, 5);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ec2:DescribeRouteTables", "ec2:DescribeSubnets", "ec2:DescribeVpcPeeringConnections"]),
        (Verb::Create, &["ec2:CreateRouteTable", "ec2:CreateTags"]),
        (
            Verb::Update,
            &[
                "ec2:CreateRoute",
                "ec2:ReplaceRoute",
                "ec2:DeleteRoute",
                "ec2:AssociateRouteTable",
                "ec2:ReplaceRouteTableAssociation",
                "ec2:DisassociateRouteTable",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
        ),
        (Verb::Delete, &["ec2:DisassociateRouteTable", "ec2:DeleteRouteTable"]),
    ];
    /// A route to a gateway is accepted only once the gateway is attached, and no document says so.
    const AFTER: &'static [After] = &[After::here("ec2.internet_gateway_attachment")];
    const TWICE: bool = true;

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let wants = networks(model).map(|(region, _, network)| Self::wants(model, region, network, facts));
        wants.flatten().collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let (tables, subnets) = tokio::try_join!(route_tables(cx), subnets(cx))?;
        let peerings = peerings(cx).await?;
        // One of which nobody can say whose it is stays as it is, too.
        let peered: BTreeSet<&str> = peerings.iter().filter(|seen| seen.ours != Some(false)).map(|seen| &*seen.id).collect();
        // A foreign subnet that uses our table is its owner's: it is never moved, and named when it holds the table back.
        let of_ours = subnets.iter().filter(|subnet| is_ours(cx, Subnet::NAME, subnet.tags()));
        let of_ours: BTreeSet<&str> = of_ours.filter_map(|subnet| subnet.subnet_id()).collect();
        let found = |table: &types::RouteTable| {
            let ((addr, tags), id) = (ours(cx, Self::NAME, table.tags())?, table.route_table_id()?);
            let spec = Spec {
                vpc: Ref::is(&cx.scope, table.vpc_id()?),
                routes: table.routes().iter().filter_map(|one| route(&cx.scope, &peered, one)).collect(),
                subnets: Unordered(
                    associated(table)
                        .filter(|(subnet, _)| of_ours.contains(subnet))
                        .map(|(subnet, _)| Ref::is(&cx.scope, subnet))
                        .collect(),
                ),
                tags,
            };
            let outputs = Outputs::of::<RouteTableId>(id);
            Some(Found { addr, id: id.to_owned(), spec, outputs, life: Life::Ready, ours: true, born: None })
        };
        Ok(tables.iter().filter_map(found).collect())
    }

    /// One call only; routes and associations are set by the update that follows.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let ask = cx.fleet.region(cx.region()?).ec2.create_route_table().vpc_id(want.spec.vpc.get()?);
        let ask = ask.tag_specifications(specification(cx, ResourceType::RouteTable, &want.addr, &want.spec.tags));
        let made = ask.customize().config_override(sent_once()).send().await.map_err(fault("ec2:CreateRouteTable"))?;
        let id = made.route_table().and_then(|table| table.route_table_id());
        id.map(str::to_owned).ok_or_else(|| Fault::bug("CreateRouteTable gave no id"))
    }

    /// Routes before subnets: a subnet that arrives finds its way out.
    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        Self::change_routes(cx, &found.id, &found.spec, &want.spec).await?;
        Self::change_subnets(cx, &found.id, &found.spec, &want.spec).await?;
        change_ec2(cx, &found.id, &found.addr, &found.spec.tags, &want.spec.tags).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let ours: BTreeSet<&str> = found.spec.subnets.0.iter().map(Ref::get).collect::<Result<_, _>>()?;
        if let Some(table) = &table(cx, &found.id).await? {
            for (_, association) in associated(table).filter(|(subnet, _)| ours.contains(subnet)) {
                disassociate(cx, association).await?;
            }
        }
        let ask = cx.fleet.region(cx.region()?).ec2.delete_route_table().route_table_id(&found.id);
        maybe(ask.send().await.map_err(fault("ec2:DeleteRouteTable"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let there = table(cx, id).await?.is_some();
        Ok(if there { Status::Ready(Outputs::of::<RouteTableId>(id)) } else { Status::Gone })
    }

    /// Subnets of others that use the table.
    async fn holders(&self, cx: &Cx, found: &Found<Spec>) -> Result<Vec<Holder>, Fault> {
        let table = table(cx, &found.id).await?;
        let ids: Vec<String> = table.iter().flat_map(associated).map(|(subnet, _)| subnet.to_owned()).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ask = cx.fleet.region(cx.region()?).ec2.describe_subnets().set_subnet_ids(Some(ids));
        let seen = ask.send().await.map_err(fault("ec2:DescribeSubnets"))?;
        let foreign = seen.subnets().iter().filter(|subnet| !is_ours(cx, Subnet::NAME, subnet.tags()));
        let holder = |subnet: &types::Subnet| Holder {
            what: format!("subnet {} is associated with it", subnet.subnet_id().unwrap_or("?")),
            leaves_by_itself: false,
        };
        Ok(foreign.map(holder).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_keeps_in_a_table_is_no_drift_and_everything_else_is() {
        let scope = Scope::from("eu-west-1");
        let made = || types::Route::builder().origin(RouteOrigin::CreateRoute).destination_cidr_block("0.0.0.0/0");
        let kept = [
            made().origin(RouteOrigin::CreateRouteTable).gateway_id("local").build(),
            made().origin(RouteOrigin::EnableVgwRoutePropagation).gateway_id("vgw-1").build(),
            types::Route::builder().origin(RouteOrigin::CreateRoute).destination_prefix_list_id("pl-1").gateway_id("vpce-1").build(),
        ];
        assert!(kept.iter().all(|one| route(&scope, &BTreeSet::new(), one).is_none()));
        let ids = [
            (made().gateway_id("igw-1").build(), "igw-1"),
            (made().gateway_id("vgw-1").build(), "vgw-1"),
            (made().nat_gateway_id("nat-1").state(types::RouteState::Blackhole).build(), "nat-1"),
            (made().network_interface_id("eni-1").instance_id("i-1").build(), "eni-1"),
            (made().build(), "unknown"),
        ];
        for (one, id) in ids {
            let (destination, target) = route(&scope, &BTreeSet::new(), &one).unwrap();
            assert_eq!((destination.as_str(), target.id().unwrap()), ("0.0.0.0/0", id));
        }
    }
}
