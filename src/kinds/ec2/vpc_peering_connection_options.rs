//! Resolving the other side's public DNS names to private addresses, on each side of a peering connection by itself: between
//! regions each side's options are set and shown in its own region, and only once the connection is active (field guide 2.8
//! item 5). There is nothing to own but the switch, so it is there when it is on.
use aws_sdk_ec2::types::PeeringConnectionOptionsRequest;
use serde::{Deserialize, Serialize};

use super::{
    vpc_peering_connection::{PeeringConnectionId, Seen, pairs, peering, peerings},
    vpc_peering_connection_accepter::{AcceptedConnectionId, VpcPeeringConnectionAccepter},
};
use crate::{
    aws::errors::{fault, maybe},
    resource::{Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Ref, Region, Scope, Status, Verb, Want},
    topology::Model,
};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub connection: Side,
}

/// The connection as this region knows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Requester(Ref<PeeringConnectionId>),
    Accepter(Ref<AcceptedConnectionId>),
}

impl Side {
    pub(super) fn id(&self) -> Result<&str, Fault> {
        match self {
            Self::Requester(id) => id.get(),
            Self::Accepter(id) => id.get(),
        }
    }

    pub(super) fn found(scope: &Scope, seen: &Seen) -> Self {
        if seen.asked { Self::Requester(Ref::is(scope, &seen.id)) } else { Self::Accepter(Ref::is(scope, &seen.id)) }
    }
}

/// One side of a wanted connection: where, with whom, its reference to the connection, and what has to be there first.
pub(super) fn sides(model: &Model) -> Vec<(Region, Region, Side, Addr, [ipnet::Ipv4Net; 2])> {
    let both = pairs(model).into_iter().flat_map(|[(asker, own), (accepter, other)]| {
        let accepted = Addr::regional(accepter, VpcPeeringConnectionAccepter::NAME, asker.as_str());
        let requester = Side::Requester(Ref::to(&Scope::from(asker), accepter.as_str()));
        let accepting = Side::Accepter(Ref::to(&Scope::from(accepter), asker.as_str()));
        [
            (asker.clone(), accepter.clone(), requester, accepted.clone(), [own, other]),
            (accepter.clone(), asker.clone(), accepting, accepted, [other, own]),
        ]
    });
    both.collect()
}

/// `ec2.vpc_peering_connection_options`.
pub struct VpcPeeringConnectionOptions;

fn resolves(seen: &Seen) -> bool {
    let options = seen.side().and_then(|side| side.peering_options());
    seen.is_active() && options.and_then(|options| options.allow_dns_resolution_from_remote_vpc()) == Some(true)
}

async fn set(cx: &Cx, id: &str, asked: bool, on: bool) -> Result<(), Fault> {
    let options = PeeringConnectionOptionsRequest::builder().allow_dns_resolution_from_remote_vpc(on).build();
    let ask = cx.fleet.region(cx.region()?).ec2.modify_vpc_peering_connection_options().vpc_peering_connection_id(id);
    let ask = if asked { ask.requester_peering_connection_options(options) } else { ask.accepter_peering_connection_options(options) };
    ask.send().await.map_err(fault("ec2:ModifyVpcPeeringConnectionOptions")).map_err(patient).map(drop)
}

/// The other side has accepted, and this one does not show it yet (field guide 2.8 items 4 and 5).
fn patient(refused: Fault) -> Fault {
    let not_yet = refused.message.as_deref().is_some_and(|message| message.contains("is not active"));
    if not_yet { Fault { class: Class::Contention, ..refused } } else { refused }
}

impl Kind for VpcPeeringConnectionOptions {
    type Spec = Spec;
    const NAME: &'static str = "ec2.vpc_peering_connection_options";
    const FIXED: &'static [&'static str] = &["connection"];
    const PATIENCE: Patience = Patience::of(2, 5, 5);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ec2:DescribeVpcPeeringConnections"]),
        (Verb::Create, &["ec2:ModifyVpcPeeringConnectionOptions"]),
        (Verb::Delete, &["ec2:ModifyVpcPeeringConnectionOptions"]),
    ];

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let want = |(region, peer, connection, accepted, _): (Region, Region, Side, Addr, _)| {
            Want::new(Addr::regional(&region, Self::NAME, peer.as_str()), Spec { connection }).after([accepted])
        };
        sides(model).into_iter().map(want).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let region = cx.region()?;
        let found = |seen: &Seen| {
            (seen.ours == Some(true) && resolves(seen)).then(|| Found {
                addr: Addr::regional(region, Self::NAME, seen.peer.as_str()),
                id: seen.id.clone(),
                spec: Spec { connection: Side::found(&cx.scope, seen) },
                outputs: Outputs::default(),
                life: Life::Ready,
                ours: true,
                born: None,
            })
        };
        Ok(peerings(cx).await?.iter().filter_map(found).collect())
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let id = want.spec.connection.id()?;
        set(cx, id, matches!(want.spec.connection, Side::Requester(_)), true).await?;
        Ok(id.to_owned())
    }

    async fn update(&self, _: &Cx, found: &Found<Spec>, _: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        match changes {
            [] => Ok(()),
            _ => Err(Fault::bug(format!("nothing of {} can change in place", found.addr))),
        }
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        // What is no longer active has no options to take back.
        if peering(cx, &found.id).await?.is_none_or(|seen| !resolves(&seen)) {
            return Ok(());
        }
        maybe(set(cx, &found.id, matches!(found.spec.connection, Side::Requester(_)), false).await).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let on = peering(cx, id).await?.is_some_and(|seen| resolves(&seen));
        Ok(if on { Status::Ready(Outputs::default()) } else { Status::Gone })
    }
}
