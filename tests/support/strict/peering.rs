//! Peering connections between regions.
use super::{
    World,
    call::{Call, Refusal},
    refuse,
    xml::Item,
};

type Verdict = Result<(), Refusal>;

fn connection(world: &World, call: &Call) -> Option<Item> {
    let id = call.field("VpcPeeringConnectionId");
    let all = world.all(call, "DescribeVpcPeeringConnections", "vpcPeeringConnectionSet");
    all.into_iter().find(|found| found.one("vpcPeeringConnectionId") == id)
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
