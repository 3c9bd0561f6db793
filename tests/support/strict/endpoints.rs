//! VPC endpoints and security groups.
use std::time::Instant;

use super::{
    World, attributes,
    call::{Answer, Call, Refusal},
    refuse, xml,
};

type Verdict = Result<(), Refusal>;

/// 37: four calls at once, then a slow refill; here ten a second instead of 0.3, so that tests end.
const BURST: f64 = 4.0;
const REFILL: f64 = 10.0;

pub fn in_turn(world: &World, call: &Call) -> Verdict {
    let key = (call.account.clone(), call.region.clone());
    let now = Instant::now();
    let mut memory = world.memory();
    let (left, at) = memory.endpoint_calls.get(&key).copied().unwrap_or((BURST, now));
    let left = (left + now.duration_since(at).as_secs_f64() * REFILL).min(BURST);
    if left < 1.0 {
        memory.endpoint_calls.insert(key, (left, now));
        return refuse("RequestLimitExceeded", "Request limit exceeded.");
    }
    memory.endpoint_calls.insert(key, (left - 1.0, now));
    Ok(())
}

/// 35: private DNS needs both attributes of the VPC, and a name that no other endpoint of the VPC has.
pub fn create(world: &World, call: &Call) -> Verdict {
    in_turn(world, call)?;
    let (vpc, service) = (call.field("VpcId"), call.field("ServiceName"));
    if call.field("VpcEndpointType") != "Interface" || call.field("PrivateDnsEnabled") != "true" {
        return Ok(());
    }
    if !["enableDnsSupport", "enableDnsHostnames"].iter().all(|attribute| attributes::is_on(world, call, vpc, attribute)) {
        let text = "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true";
        return refuse("InvalidParameter", format!("{text} for {vpc}"));
    }
    let others = world.all(call, "DescribeVpcEndpoints", "vpcEndpointSet");
    if others.iter().any(|found| found.one("vpcId") == vpc && found.one("serviceName") == service) {
        let text = "private-dns-enabled cannot be set because there is already a conflicting DNS domain for";
        return refuse("InvalidParameter", format!("{text} {service} in the VPC {vpc}"));
    }
    Ok(())
}

/// One to three minutes in the making; one that a test wants to go wrong fails then (2.7.4).
pub fn made(world: &World, call: &Call, answer: &Answer) {
    let Some(id) = xml::text_of(&answer.text(), "vpcEndpointId") else { return };
    let mut memory = world.memory();
    let polls = memory.polls(&call.account, &call.operation);
    memory.slow.begin_for(call.who(&id), "pending", polls);
    if memory.take_order(&call.account, "CreateVpcEndpoint") {
        memory.failed.insert(call.who(&id));
    }
}

/// Puts in the states that the emulator does not know.
pub fn shown(world: &World, call: &Call, text: &str) -> String {
    let text = xml::restate(text, "vpcEndpointId", "state", |id| {
        let who = call.who(id);
        let mut memory = world.memory();
        memory.slow.poll(&who).or_else(|| memory.failed.contains(&who).then_some("failed"))
    });
    let error = "<lastError><code>InternalError</code><message>no address is free</message></lastError>";
    text.replace("<state>failed</state>", &format!("<state>failed</state>{error}"))
}

/// Whether an endpoint has its interfaces in a subnet, or under a group, until it is really gone.
pub fn hold(world: &World, call: &Call, path: &str, id: &str) -> bool {
    world.all(call, "DescribeVpcEndpoints", "vpcEndpointSet").iter().any(|found| found.all(path).any(|held| held == id))
}

/// 33: while an interface or a rule of another group names it.
pub fn delete_group(world: &World, call: &Call) -> Verdict {
    let id = call.field("GroupId");
    let by_interface = world.interfaces(call).iter().any(|found| found.all("groupSet/item/groupId").any(|group| group == id));
    let names = |found: &super::xml::Item| {
        let paths = ["ipPermissions/item/groups/item/groupId", "ipPermissionsEgress/item/groups/item/groupId"];
        found.one("groupId") != id && paths.iter().any(|path| found.all(path).any(|group| group == id))
    };
    let by_rule = world.all(call, "DescribeSecurityGroups", "securityGroupInfo").iter().any(names);
    if by_interface || by_rule || hold(world, call, "groupSet/item/groupId", id) {
        return refuse("DependencyViolation", format!("resource {id} has a dependent object"));
    }
    Ok(())
}
