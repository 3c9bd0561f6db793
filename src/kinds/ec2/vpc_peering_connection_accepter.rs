//! The acceptance of a peering connection, in the region that is asked. Its tags are this side's own: AWS shows neither side the
//! tags of the other (field guide 2.8 item 2).
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::{
    vpc::named,
    vpc_peering_connection::{PeeringConnectionId, Seen, pairs, peering, peerings, remove},
};
use crate::{
    aws::{
        errors::fault,
        tags::{change_ec2, ours},
    },
    outputs,
    resource::{Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Ref, Region, Scope, Status, Tags, Verb, Want},
    topology::Model,
};

outputs! { "ec2.vpc_peering_connection_accepter":
    /// The id of a peering connection, on the side that accepted it.
    AcceptedConnectionId = "id",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub connection: Ref<PeeringConnectionId>,
    pub tags: Tags,
}

/// `ec2.vpc_peering_connection_accepter`.
pub struct VpcPeeringConnectionAccepter;

/// A connection that waits for its acceptance has none yet; one that broke has none any more.
fn life(seen: &Seen) -> Option<Life> {
    match seen.code() {
        "active" => Some(Life::Ready),
        "provisioning" => Some(Life::Making("provisioning".to_owned())),
        "deleting" => Some(Life::Leaving("deleting".to_owned())),
        _ => None,
    }
}

impl Kind for VpcPeeringConnectionAccepter {
    type Spec = Spec;
    // AWS takes no tags with an acceptance; the update that follows writes them.
    const UNFINISHED: bool = true;
    const NAME: &'static str = "ec2.vpc_peering_connection_accepter";
    const FIXED: &'static [&'static str] = &["connection"];
    const PATIENCE: Patience = Patience::of(5, 5, 10);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ec2:DescribeVpcPeeringConnections"]),
        (Verb::Create, &["ec2:AcceptVpcPeeringConnection"]),
        (Verb::Update, &["ec2:CreateTags", "ec2:DeleteTags"]),
        (Verb::Delete, &["ec2:DeleteVpcPeeringConnection"]),
    ];
    const LETS_GO: bool = true;

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let want = |[(asker, _), (accepter, _)]: &[(&Region, Ipv4Net); 2]| {
            let spec = Spec { connection: Ref::to(&Scope::from(*asker), accepter.as_str()), tags: named(model, asker.as_str()) };
            Want::new(Addr::regional(accepter, Self::NAME, asker.as_str()), spec)
        };
        pairs(model).iter().map(want).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let region = cx.region()?;
        let found = |seen: &Seen| {
            if seen.asked || seen.ours != Some(true) {
                return None;
            }
            let tags = ours(cx, Self::NAME, seen.connection.tags()).map_or_else(Tags::default, |(_, tags)| tags);
            Some(Found {
                addr: Addr::regional(region, Self::NAME, seen.peer.as_str()),
                id: seen.id.clone(),
                spec: Spec { connection: Ref::is(&Scope::from(&seen.peer), &seen.id), tags },
                outputs: Outputs::of::<AcceptedConnectionId>(&seen.id),
                life: life(seen)?,
                ours: true,
                born: None,
            })
        };
        Ok(peerings(cx).await?.iter().filter_map(found).collect())
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let id = want.spec.connection.get()?;
        let ask = cx.fleet.region(cx.region()?).ec2.accept_vpc_peering_connection().vpc_peering_connection_id(id);
        match ask.send().await.map_err(fault("ec2:AcceptVpcPeeringConnection")) {
            Ok(_) => Ok(id.to_owned()),
            // Accepted already: an earlier answer was lost.
            Err(refused) if refused.class == Class::Invalid => match peering(cx, id).await? {
                Some(seen) if matches!(life(&seen), Some(Life::Ready | Life::Making(_))) => Ok(id.to_owned()),
                // Asked for, and not to be accepted here yet.
                Some(seen) if seen.code() == "initiating-request" => Err(Fault { class: Class::Contention, ..refused }),
                _ => Err(refused),
            },
            Err(refused) => Err(refused),
        }
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        change_ec2(cx, &found.id, &found.addr, &found.spec.tags, &want.spec.tags).await
    }

    /// An acceptance cannot be taken back: the connection goes.
    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        remove(cx, &found.id).await
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        Ok(match peering(cx, id).await?.as_ref().and_then(life) {
            Some(Life::Ready) => Status::Ready(Outputs::of::<AcceptedConnectionId>(id)),
            Some(Life::Making(word) | Life::Leaving(word) | Life::Broken(word)) => Status::Settling(word),
            None => Status::Gone,
        })
    }

    fn also_in(&self, found: &Found<Spec>) -> Vec<Region> {
        vec![Region::new(&found.addr.name)]
    }
}
