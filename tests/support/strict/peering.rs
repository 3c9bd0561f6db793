//! Peering connections between regions.
use super::{
    World,
    call::{Answer, Call, Refusal},
    refuse,
    xml::{self, Item},
};

type Verdict = Result<(), Refusal>;

fn connection(world: &World, call: &Call) -> Option<Item> {
    let id = call.field("VpcPeeringConnectionId");
    let all = world.all(call, "DescribeVpcPeeringConnections", "vpcPeeringConnectionSet");
    all.into_iter().find(|found| found.one("vpcPeeringConnectionId") == id)
}

/// A connection begins by being asked for; one that a test wants to go wrong fails afterwards, on both sides (2.8.3).
pub fn made(world: &World, call: &Call, answer: &Answer) {
    let Some(id) = xml::text_of(&answer.text(), "vpcPeeringConnectionId") else { return };
    let mut memory = world.memory();
    memory.slow.begin(call.who(&id), "initiating-request");
    if memory.take_order(&call.account, "CreateVpcPeeringConnection") {
        for region in [&*call.region, call.field("PeerRegion")] {
            memory.failed.insert((call.account.clone(), region.to_owned(), id.clone()));
        }
    }
}

/// The side that asked shows an acceptance later than the one that accepted.
pub fn accepted(world: &World, call: &Call, answer: &Answer) {
    let Some(id) = xml::text_of(&answer.text(), "vpcPeeringConnectionId") else { return };
    let asker = connection(world, call).map(|found| found.one("requesterVpcInfo/region").to_owned()).unwrap_or_default();
    let mut memory = world.memory();
    memory.slow.begin((call.account.clone(), asker, id.clone()), "provisioning");
    memory.slow.begin(call.who(&id), "provisioning");
}

/// Puts in the states that the emulator does not know.
pub fn shown(world: &World, call: &Call, text: &str) -> String {
    xml::restate(text, "vpcPeeringConnectionId", "code", |id| {
        let who = call.who(id);
        let mut memory = world.memory();
        memory.slow.poll(&who).or_else(|| memory.failed.contains(&who).then_some("failed"))
    })
}

/// Nobody can remove what failed (VPC peering guide, "VPC peering connection lifecycle").
pub fn delete(world: &World, call: &Call) -> Verdict {
    let id = call.field("VpcPeeringConnectionId");
    if world.memory().failed.contains(&call.who(id)) {
        return refuse(
            "InvalidStateTransition",
            format!("Invalid state transition for {id}, attempted to transition from failed to deleting"),
        );
    }
    Ok(())
}

/// 44: only in the region that was asked, and only what waits for it.
pub fn accept(world: &World, call: &Call) -> Verdict {
    let Some(found) = connection(world, call) else { return Ok(()) };
    let (id, at) = (call.field("VpcPeeringConnectionId"), found.one("accepterVpcInfo/region").to_owned());
    if at != call.region {
        let text = format!("Incorrect region ({}) specified for this request. {id} must be accepted in region {at}", call.region);
        return refuse("OperationNotPermitted", text);
    }
    match found.one("status/code") {
        "pending-acceptance" => Ok(()),
        word => refuse("InvalidStateTransition", format!("Invalid state transition for {id}, from {word} to provisioning")),
    }
}

/// 44: options belong to an active connection.
pub fn options(world: &World, call: &Call) -> Verdict {
    let Some(found) = connection(world, call) else { return Ok(()) };
    let id = call.field("VpcPeeringConnectionId");
    if found.one("status/code") == "active" && world.memory().slow.peek(&call.who(id)).is_none() {
        return Ok(());
    }
    let text = format!("Peering {id} is not active. Peering options can be added only to active peerings.");
    refuse("OperationNotPermitted", text)
}
