//! Peering connections between the VPCs of two regions, seen from the region that asks. Of two regions the one whose name comes
//! first asks, so that the order of the file changes nothing.
//!
//! One connection is four things: asking for it (here), accepting it, resolving names over it and the routes through it. Each is
//! a resource of its own region, so that a dead region holds its side and nothing else.
use std::{sync::Arc, time::Duration};

use aws_sdk_ec2::types::{self, Filter, ResourceType, VpcPeeringConnectionStateReasonCode as Code};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::{
    vpc::{MAIN, VpcId, named, networks},
    vpc_peering_connection_accepter::VpcPeeringConnectionAccepter,
};
use crate::{
    aws::{
        errors::{fault, maybe},
        tags::{change_ec2, ours, sent_once, specification},
    },
    outputs,
    resource::{Addr, Change, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Ref, Region, Scope, Status, Tags, Verb, Want, owner},
    topology::{Model, Peering},
};

outputs! { "ec2.vpc_peering_connection":
    /// The id of a peering connection, on the side that asked for it.
    PeeringConnectionId = "id",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub vpc: Ref<VpcId>,
    pub peer_region: Region,
    pub peer_vpc: Ref<VpcId>,
    pub tags: Tags,
}

/// `ec2.vpc_peering_connection`.
pub struct VpcPeeringConnection;

/// How long the other side's region may take to tell whose a connection is.
const LIMIT: Duration = Duration::from_secs(5);

/// Every two networks that are to be peered: who asks, who accepts, each with its range.
pub(super) fn pairs(model: &Model) -> Vec<[(&Region, Ipv4Net); 2]> {
    let mesh = networks(model).filter(|(.., network)| network.peering == Peering::Mesh);
    let mut all: Vec<(&Region, Ipv4Net)> = mesh.map(|(region, range, _)| (region, range)).collect();
    all.sort();
    let with_later = all.iter().enumerate().flat_map(|(index, first)| all[index + 1..].iter().map(move |second| [*first, *second]));
    with_later.collect()
}

/// A peering connection as one of its two regions shows it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub id: String,
    pub connection: types::VpcPeeringConnection,
    /// Whether this region asked for it.
    pub asked: bool,
    pub peer: Region,
    /// Whose it is; nothing when the region that knows does not answer.
    pub ours: Option<bool>,
}

impl Seen {
    pub(super) fn code(&self) -> &str {
        self.connection.status().and_then(|status| status.code()).map_or("unknown", Code::as_str)
    }

    pub(super) fn is_active(&self) -> bool {
        self.code() == "active"
    }

    /// This region's side.
    pub(super) fn side(&self) -> Option<&types::VpcPeeringConnectionVpcInfo> {
        if self.asked { self.connection.requester_vpc_info() } else { self.connection.accepter_vpc_info() }
    }
}

/// States in which a connection is there. AWS goes on showing others for hours or days: deleted ones, and failed, expired and
/// rejected ones, which nobody can use or delete any more (VPC peering guide, "VPC peering connection lifecycle").
const ALIVE: [Code; 5] = [Code::Active, Code::Deleting, Code::InitiatingRequest, Code::PendingAcceptance, Code::Provisioning];

/// Every connection that this region has a side of: one answer for the four kinds and for the routes of route tables.
pub(super) async fn peerings(cx: &Cx) -> Result<Arc<Vec<Seen>>, Fault> {
    let region = cx.region()?;
    let ask = || async {
        let alive = ALIVE.iter().fold(Filter::builder().name("status-code"), |by, code| by.values(code.as_str())).build();
        let ask = cx.fleet.region(region).ec2.describe_vpc_peering_connections().filters(alive);
        let mut pages = ask.into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(one) = pages.next().await {
            let connection = one.map_err(fault("ec2:DescribeVpcPeeringConnections"))?;
            // What the filter gave is looked at again: not every answer has been seen to honour `status-code`.
            all.extend(look(cx, region, connection).await.filter(|seen| ALIVE.iter().any(|code| code.as_str() == seen.code())));
        }
        Ok(all)
    };
    cx.memo.once(format!("ec2:DescribeVpcPeeringConnections/{region}"), ask).await
}

async fn look(cx: &Cx, region: &Region, connection: types::VpcPeeringConnection) -> Option<Seen> {
    let at = |info: Option<&types::VpcPeeringConnectionVpcInfo>| info.and_then(|info| info.region()).map(Region::new);
    let (asker, accepter) = (at(connection.requester_vpc_info())?, at(connection.accepter_vpc_info())?);
    let id = connection.vpc_peering_connection_id()?.to_owned();
    let asked = asker == *region;
    let peer = if asked { accepter } else { asker };
    let marked = marked_by_us(cx, connection.tags());
    // An acceptance carries no tags of its own until they are written: the side that asked tells.
    let ours = if asked || marked { Some(marked) } else { asked_by_us(cx, &peer, &id).await };
    Some(Seen { id, connection, asked, peer, ours })
}

/// Whether the marks are those of a connection of this stack. Those of its VPC, say, were copied by someone: the connection is
/// theirs.
fn marked_by_us(cx: &Cx, tags: &[types::Tag]) -> bool {
    let marks = owner::read(tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))));
    let kinds = [VpcPeeringConnection::NAME, VpcPeeringConnectionAccepter::NAME];
    marks.addr_in(&cx.owner.stack).is_some_and(|addr| kinds.contains(&&*addr.kind))
}

async fn asked_by_us(cx: &Cx, asker: &Region, id: &str) -> Option<bool> {
    let ask = cx.fleet.region(asker).ec2.describe_vpc_peering_connections().vpc_peering_connection_ids(id).send();
    let answer = tokio::time::timeout(LIMIT, ask).await.ok()?;
    let seen = maybe(answer.map_err(fault("ec2:DescribeVpcPeeringConnections"))).ok()?;
    Some(seen.is_some_and(|seen| seen.vpc_peering_connections().iter().any(|connection| marked_by_us(cx, connection.tags()))))
}

/// One connection as it is now; nothing when it is not there.
pub(super) async fn peering(cx: &Cx, id: &str) -> Result<Option<Seen>, Fault> {
    let region = cx.region()?;
    let ask = cx.fleet.region(region).ec2.describe_vpc_peering_connections().vpc_peering_connection_ids(id);
    let seen = maybe(ask.send().await.map_err(fault("ec2:DescribeVpcPeeringConnections")))?;
    let connection = seen.and_then(|seen| seen.vpc_peering_connections().first().cloned());
    let Some(connection) = connection else { return Ok(None) };
    Ok(look(cx, region, connection).await.filter(|seen| seen.code() != "deleted"))
}

/// Removes a connection, from whichever side: it goes on both.
pub(super) async fn remove(cx: &Cx, id: &str) -> Result<(), Fault> {
    let ask = cx.fleet.region(cx.region()?).ec2.delete_vpc_peering_connection().vpc_peering_connection_id(id);
    match maybe(ask.send().await.map_err(fault("ec2:DeleteVpcPeeringConnection"))) {
        // A failed one, or one that the other side removed (field guide 2.8 item 6).
        Err(refused) if refused.code.as_deref() == Some("InvalidStateTransition") => Ok(()),
        other => other.map(drop),
    }
}

fn life(seen: &Seen) -> Option<Life> {
    let word = seen.code().to_owned();
    match word.as_str() {
        // Asked for is all that this side can do.
        "pending-acceptance" | "provisioning" | "active" => Some(Life::Ready),
        "deleting" => Some(Life::Leaving(word)),
        "deleted" => None,
        "failed" | "expired" | "rejected" => {
            let why = seen.connection.status().and_then(|status| status.message()).filter(|why| !why.is_empty());
            Some(Life::Broken(why.map_or(word.clone(), |why| format!("{word} ({why})"))))
        }
        _ => Some(Life::Making(word)),
    }
}

impl Kind for VpcPeeringConnection {
    type Spec = Spec;
    const NAME: &'static str = "ec2.vpc_peering_connection";
    const FIXED: &'static [&'static str] = &["vpc", "peer_region", "peer_vpc"];
    /// One to three minutes (field guide 2.8 item 4).
    const PATIENCE: Patience = Patience::of(5, 5, 10);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ec2:DescribeVpcPeeringConnections"]),
        (Verb::Create, &["ec2:CreateVpcPeeringConnection", "ec2:CreateTags"]),
        (Verb::Update, &["ec2:CreateTags", "ec2:DeleteTags"]),
        (Verb::Delete, &["ec2:DeleteVpcPeeringConnection"]),
    ];
    /// Routes through it become black holes (field guide 2.8 item 6).
    const LETS_GO: bool = true;
    const TWICE: bool = true;

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let want = |[(asker, _), (accepter, _)]: &[(&Region, Ipv4Net); 2]| {
            let spec = Spec {
                vpc: Ref::to(&Scope::from(*asker), MAIN),
                peer_region: (*accepter).clone(),
                peer_vpc: Ref::to(&Scope::from(*accepter), MAIN),
                tags: named(model, accepter.as_str()),
            };
            Want::new(Addr::regional(asker, Self::NAME, accepter.as_str()), spec)
        };
        pairs(model).iter().map(want).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let found = |seen: &Seen| {
            let (addr, tags) = ours(cx, Self::NAME, seen.connection.tags()).filter(|_| seen.asked)?;
            let vpc =
                |info: Option<&types::VpcPeeringConnectionVpcInfo>| info.and_then(|info| info.vpc_id()).unwrap_or_default().to_owned();
            let spec = Spec {
                vpc: Ref::is(&cx.scope, vpc(seen.connection.requester_vpc_info())),
                peer_region: seen.peer.clone(),
                peer_vpc: Ref::is(&Scope::from(&seen.peer), vpc(seen.connection.accepter_vpc_info())),
                tags,
            };
            let outputs = Outputs::of::<PeeringConnectionId>(&seen.id);
            Some(Found { addr, id: seen.id.clone(), spec, outputs, life: life(seen)?, ours: true, born: None })
        };
        Ok(peerings(cx).await?.iter().filter_map(found).collect())
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let spec = &want.spec;
        let ask = cx.fleet.region(cx.region()?).ec2.create_vpc_peering_connection().vpc_id(spec.vpc.get()?);
        let ask = ask.peer_vpc_id(spec.peer_vpc.get()?).peer_region(spec.peer_region.as_str());
        let ask = ask.tag_specifications(specification(cx, ResourceType::VpcPeeringConnection, &want.addr, &spec.tags));
        let made = ask.customize().config_override(sent_once()).send().await.map_err(fault("ec2:CreateVpcPeeringConnection"))?;
        let id = made.vpc_peering_connection().and_then(|connection| connection.vpc_peering_connection_id());
        id.map(str::to_owned).ok_or_else(|| Fault::bug("CreateVpcPeeringConnection gave no id"))
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        change_ec2(cx, &found.id, &found.addr, &found.spec.tags, &want.spec.tags).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        remove(cx, &found.id).await
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        Ok(match peering(cx, id).await?.as_ref().and_then(life) {
            None => Status::Gone,
            Some(Life::Ready) => Status::Ready(Outputs::of::<PeeringConnectionId>(id)),
            Some(Life::Broken(why)) => Status::Failed(why),
            Some(Life::Making(word) | Life::Leaving(word)) => Status::Settling(word),
        })
    }

    fn also_in(&self, found: &Found<Spec>) -> Vec<Region> {
        vec![found.spec.peer_region.clone()]
    }
}
