//! NAT gateways and their addresses: slow to come, slow to go, and holding on to much.
use super::{
    World,
    call::{Answer, Call, Refusal},
    refuse, xml,
};

type Verdict = Result<(), Refusal>;

/// The NAT gateways that are there, in the words of the emulator; one that is being deleted still is.
pub fn alive(world: &World, call: &Call) -> Vec<xml::Item> {
    let all = world.all(call, "DescribeNatGateways", "natGatewaySet");
    all.into_iter().filter(|found| found.one("state") != "deleted").collect()
}

/// 7: while a NAT gateway that is not deleted uses it.
pub fn release(world: &World, call: &Call) -> Verdict {
    let address = call.field("AllocationId");
    if alive(world, call).iter().any(|found| found.all("natGatewayAddressSet/item/allocationId").any(|used| used == address)) {
        return refuse("InvalidIPAddress.InUse", format!("Address {address} is in use."));
    }
    Ok(())
}

/// 2.5.3: a route leads only to a gateway that is available.
pub fn is_usable(world: &World, call: &Call) -> Verdict {
    let gateway = call.field("NatGatewayId");
    let who = call.who(gateway);
    if !gateway.is_empty() && (world.memory().slow.peek(&who).is_some() || world.memory().failed.contains(&who)) {
        return refuse("InvalidNatGatewayID.NotFound", format!("The natGateway ID '{gateway}' does not exist"));
    }
    Ok(())
}

/// 6: without an attached internet gateway the create succeeds, and fails later.
pub fn made(world: &World, call: &Call, answer: &Answer) {
    let Some(id) = xml::text_of(&answer.text(), "natGatewayId") else { return };
    let subnet = call.field("SubnetId");
    let subnets = world.all(call, "DescribeSubnets", "subnetSet");
    let vpc = subnets.iter().find(|found| found.one("subnetId") == subnet).map(|found| found.one("vpcId").to_owned());
    let is_attached = world.gateways(call).iter().any(|found| found.all("attachmentSet/item/vpcId").any(|at| Some(at) == vpc.as_deref()));
    let mut memory = world.memory();
    let broken = memory.take_order(&call.account, "CreateNatGateway");
    if !is_attached || broken {
        memory.failed.insert(call.who(&id));
    }
    let polls = memory.polls(&call.account, &call.operation);
    memory.slow.begin_for(call.who(&id), "pending", polls);
}

/// Puts in the states that the emulator does not know.
pub fn shown(world: &World, call: &Call, text: &str) -> String {
    let state = |id: &str| {
        let who = call.who(id);
        let mut memory = world.memory();
        memory.slow.poll(&who).or_else(|| memory.failed.contains(&who).then_some("failed"))
    };
    let text = xml::restate(text, "natGatewayId", "state", state);
    text.replace("<state>failed</state>", "<state>failed</state><failureCode>Gateway.NotAttached</failureCode>")
}
