//! The routes through one peering connection, in all of a region's route tables. They are apart from the tables so that a peer
//! that does not answer holds the way to itself and no other.
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    route_table::{RouteTableId, route_tables, tables_wanted},
    vpc_peering_connection::{Seen, peerings},
    vpc_peering_connection_options::{Side, sides},
};
use crate::{
    aws::errors::{fault, maybe},
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Ref, Region, Scope, Status, Unordered, Verb, Want,
    },
    topology::Model,
};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub connection: Side,
    /// Destination range to the tables that have a route there.
    pub routes: BTreeMap<String, Unordered<Ref<RouteTableId>>>,
}

/// `ec2.vpc_peering_connection_routes`.
pub struct VpcPeeringConnectionRoutes;

/// Every route that leads through a connection: its destination and the ids of the tables.
async fn through(cx: &Cx, id: &str) -> Result<BTreeMap<String, BTreeSet<String>>, Fault> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for table in route_tables(cx).await?.iter() {
        let Some(table_id) = table.route_table_id() else { continue };
        for route in table.routes().iter().filter(|route| route.vpc_peering_connection_id() == Some(id)) {
            let destination = route.destination_cidr_block().unwrap_or_default();
            all.entry(destination.to_owned()).or_default().insert(table_id.to_owned());
        }
    }
    Ok(all)
}

/// Sends a table's traffic for a range through a connection: anew, or instead of where it went.
async fn route(cx: &Cx, table: &str, destination: &str, id: &str) -> Result<(), Fault> {
    let client = cx.fleet.region(cx.region()?).ec2;
    let ask = client.create_route().route_table_id(table).destination_cidr_block(destination).vpc_peering_connection_id(id);
    match ask.send().await.map_err(fault("ec2:CreateRoute")) {
        Err(refused) if refused.class == Class::Exists => {
            let ask = client.replace_route().route_table_id(table).destination_cidr_block(destination).vpc_peering_connection_id(id);
            ask.send().await.map_err(fault("ec2:ReplaceRoute")).map(drop)
        }
        other => other.map(drop),
    }
}

async fn unroute(cx: &Cx, table: &str, destination: &str) -> Result<(), Fault> {
    let ask = cx.fleet.region(cx.region()?).ec2.delete_route().route_table_id(table).destination_cidr_block(destination);
    maybe(ask.send().await.map_err(fault("ec2:DeleteRoute"))).map(drop)
}

impl Kind for VpcPeeringConnectionRoutes {
    type Spec = Spec;
    // A create is one route; the update that follows makes the others.
    const UNFINISHED: bool = true;
    const NAME: &'static str = "ec2.vpc_peering_connection_routes";
    const PATIENCE: Patience = Patience::of(2, 5, 5);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ec2:DescribeRouteTables", "ec2:DescribeVpcPeeringConnections"]),
        (Verb::Create, &["ec2:CreateRoute", "ec2:ReplaceRoute"]),
        (Verb::Update, &["ec2:CreateRoute", "ec2:ReplaceRoute", "ec2:DeleteRoute"]),
        (Verb::Delete, &["ec2:DeleteRoute"]),
    ];

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let want = |(region, peer, connection, accepted, [_, range]): (Region, Region, Side, Addr, [ipnet::Ipv4Net; 2])| {
            let scope = Scope::from(&region);
            let tables = tables_wanted(model, &region, facts).into_iter().map(|name| Ref::to(&scope, &name)).collect();
            let spec = Spec { connection, routes: [(range.to_string(), Unordered(tables))].into() };
            Want::new(Addr::regional(&region, Self::NAME, peer.as_str()), spec).after([accepted])
        };
        sides(model).into_iter().map(want).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let region = cx.region()?;
        let found = |seen: &Seen, routes: BTreeMap<String, BTreeSet<String>>| Found {
            addr: Addr::regional(region, Self::NAME, seen.peer.as_str()),
            id: seen.id.clone(),
            spec: Spec {
                connection: Side::found(&cx.scope, seen),
                routes: routes
                    .into_iter()
                    .map(|(range, tables)| (range, Unordered(tables.into_iter().map(|id| Ref::is(&cx.scope, id)).collect())))
                    .collect(),
            },
            outputs: Outputs::default(),
            life: Life::Ready,
            ours: true,
            born: None,
        };
        let mut all = Vec::new();
        for seen in peerings(cx).await?.iter().filter(|seen| seen.ours == Some(true)) {
            let routes = through(cx, &seen.id).await?;
            if !routes.is_empty() {
                all.push(found(seen, routes));
            }
        }
        Ok(all)
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let id = want.spec.connection.id()?;
        for (destination, tables) in &want.spec.routes {
            if let Some(table) = tables.0.first() {
                route(cx, table.get()?, destination, id).await?;
                break;
            }
        }
        Ok(id.to_owned())
    }

    async fn update(&self, cx: &Cx, _: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        let (cx, id) = (&cx.afresh(), want.spec.connection.id()?);
        let now = through(cx, id).await?;
        for (destination, tables) in &want.spec.routes {
            for table in &tables.0 {
                let table = table.get()?;
                if !now.get(destination).is_some_and(|tables| tables.contains(table)) {
                    route(cx, table, destination, id).await?;
                }
            }
        }
        for (destination, tables) in now {
            let wanted = want.spec.routes.get(&destination);
            for table in tables {
                let keeps = wanted.is_some_and(|wanted| wanted.0.iter().any(|one| one.get().is_ok_and(|id| id == table)));
                if !keeps {
                    unroute(cx, &table, &destination).await?;
                }
            }
        }
        Ok(())
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let cx = &cx.afresh();
        for (destination, tables) in through(cx, &found.id).await? {
            for table in tables {
                unroute(cx, &table, &destination).await?;
            }
        }
        Ok(())
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let routes = through(&cx.afresh(), id).await?;
        Ok(if routes.is_empty() { Status::Gone } else { Status::Ready(Outputs::default()) })
    }
}
