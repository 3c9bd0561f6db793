//! Attributes of VPCs and subnets: set one a request, and read back late (rule 34; 2.1.5).
use super::{
    World,
    call::{Call, Refusal},
    refuse, xml,
};

type Verdict = Result<(), Refusal>;

const OF_A_VPC: [(&str, &str); 2] = [("EnableDnsSupport.Value", "enableDnsSupport"), ("EnableDnsHostnames.Value", "enableDnsHostnames")];
const OF_A_SUBNET: [&str; 3] = ["MapPublicIpOnLaunch.Value", "AssignIpv6AddressOnCreation.Value", "EnableDns64.Value"];
const PUBLIC: &str = "mapPublicIpOnLaunch";

/// One attribute a request. What it was is shown for a while when it is something else now.
pub fn modify_vpc(world: &World, call: &Call) -> Verdict {
    one_of(call, &OF_A_VPC.map(|(field, _)| field))?;
    let vpc = call.field("VpcId");
    for (field, attribute) in OF_A_VPC.into_iter().filter(|(field, _)| call.fields.contains_key(*field)) {
        let was = is_on(world, call, vpc, attribute);
        begin(world, call, &format!("{vpc}/{attribute}"), was, call.field(field));
    }
    Ok(())
}

/// The same for a subnet.
pub fn modify_subnet(world: &World, call: &Call) -> Verdict {
    one_of(call, &OF_A_SUBNET)?;
    let (subnet, all) = (call.field("SubnetId"), world.all(call, "DescribeSubnets", "subnetSet"));
    if let Some(found) = all.iter().find(|found| found.one("subnetId") == subnet) {
        begin(world, call, &format!("{subnet}/{PUBLIC}"), found.one(PUBLIC) == "true", call.field(OF_A_SUBNET[0]));
    }
    Ok(())
}

/// Whether an attribute of a VPC is on, as the emulator has it.
pub fn is_on(world: &World, call: &Call, vpc: &str, attribute: &str) -> bool {
    let text = world.forward(&call.ask_ec2_with("DescribeVpcAttribute", &[("VpcId", vpc), ("Attribute", attribute)])).text();
    text.split(&format!("<{attribute}>")).nth(1).unwrap_or_default().trim_start().starts_with("<value>true")
}

fn one_of(call: &Call, names: &[&str]) -> Verdict {
    if names.iter().filter(|name| call.fields.contains_key(**name)).count() < 2 {
        return Ok(());
    }
    refuse("InvalidParameterCombination", "Fields for multiple attribute types specified")
}

fn begin(world: &World, call: &Call, what: &str, was: bool, wanted: &str) {
    if !wanted.is_empty() && was.to_string() != wanted {
        world.memory().slow.begin(call.who(what), if was { "true" } else { "false" });
    }
}

pub fn shown_vpc(world: &World, call: &Call, text: &str) -> String {
    let (vpc, attribute) = (call.field("VpcId"), call.field("Attribute"));
    let Some(was) = world.memory().slow.poll(&call.who(&format!("{vpc}/{attribute}"))) else { return text.to_owned() };
    let is = if was == "true" { "false" } else { "true" };
    text.replace(&format!("<value>{is}</value>"), &format!("<value>{was}</value>"))
}

pub fn shown_subnets(world: &World, call: &Call, text: &str) -> String {
    xml::restate(text, "subnetId", PUBLIC, |subnet| world.memory().slow.poll(&call.who(&format!("{subnet}/{PUBLIC}"))))
}
