//! What EC2 refuses and the emulator allows. Numbers are the rules of the field guide's section 16; the rest names its section.
use ipnet::Ipv4Net;

use super::{
    World, attributes,
    call::{Answer, Call, Refusal},
    endpoints, gateways, interfaces, load_balancing, peering, refuse,
    xml::{self, Item},
};

type Verdict = Result<(), Refusal>;

/// Whether EC2 would take this request.
pub fn judge(world: &World, call: &Call) -> Verdict {
    load_balancing::pass(world, call);
    match &*call.operation {
        "ModifyVpcAttribute" => attributes::modify_vpc(world, call),
        "ModifySubnetAttribute" => attributes::modify_subnet(world, call),
        "CreateVpc" => sized(call, "InvalidVpc.Range"),
        "CreateSubnet" => create_subnet(world, call),
        "AttachInternetGateway" => attach(world, call),
        "DetachInternetGateway" => detach(world, call),
        "CreateRoute" => gateways::is_usable(world, call).and_then(|()| create_route(world, call)),
        "ReplaceRoute" => gateways::is_usable(world, call),
        "ReleaseAddress" => gateways::release(world, call),
        "CreateVpcEndpoint" => endpoints::create(world, call),
        "ModifyVpcEndpoint" | "DeleteVpcEndpoints" => endpoints::in_turn(world, call),
        "DeleteSecurityGroup" => endpoints::delete_group(world, call),
        "DeleteNetworkInterface" => interfaces::delete(world, call),
        "AcceptVpcPeeringConnection" => peering::accept(world, call),
        "DeleteVpcPeeringConnection" => peering::delete(world, call),
        "ModifyVpcPeeringConnectionOptions" => peering::options(world, call),
        "DeleteRoute" => delete_route(world, call),
        "AssociateRouteTable" => associate(world, call),
        "DeleteRouteTable" => delete_route_table(world, call),
        "DeleteInternetGateway" => delete_gateway(world, call),
        "DeleteSubnet" => delete_subnet(world, call),
        "DeleteVpc" => delete_vpc(world, call),
        _ => Ok(()),
    }
}

/// Holds new states back, and begins those that a successful call starts.
pub fn colour(world: &World, call: &Call, mut answer: Answer) -> Answer {
    if !answer.is_success() {
        return answer;
    }
    let text = answer.text();
    let who = |id: &str| call.who(id);
    let made = |name: &str, word| {
        if let Some(id) = xml::text_of(&text, name) {
            world.memory().slow.begin(who(&id), word);
        }
    };
    let shown = |id: &str| xml::restate(&text, id, "state", |id| world.memory().slow.poll(&who(id)));
    let text = match &*call.operation {
        "CreateVpc" => return made_then(answer, || made("vpcId", "pending")),
        "CreateSubnet" => return made_then(answer, || made("subnetId", "pending")),
        "AssociateRouteTable" => return made_then(answer, || made("associationId", "associating")),
        "AttachInternetGateway" => {
            return made_then(answer, || world.memory().slow.begin(who(call.field("InternetGatewayId")), "attaching"));
        }
        "CreateVpcEndpoint" => {
            endpoints::made(world, call, &answer);
            return answer;
        }
        "CreateNatGateway" => {
            gateways::made(world, call, &answer);
            return answer;
        }
        "CreateVpcPeeringConnection" => {
            peering::made(world, call, &answer);
            return answer;
        }
        "AcceptVpcPeeringConnection" => {
            peering::accepted(world, call, &answer);
            return answer;
        }
        "DescribeNatGateways" => gateways::shown(world, call, &text),
        "DescribeVpcEndpoints" => endpoints::shown(world, call, &text),
        "DescribeNetworkInterfaces" => interfaces::shown(world, call, &text),
        "DescribeVpcPeeringConnections" => peering::shown(world, call, &text),
        "DescribeVpcs" => shown("vpcId"),
        "DescribeVpcAttribute" => attributes::shown_vpc(world, call, &text),
        "DescribeSubnets" => attributes::shown_subnets(world, call, &shown("subnetId")),
        "DescribeInternetGateways" => shown("internetGatewayId"),
        "DescribeRouteTables" => shown("routeTableAssociationId"),
        _ => return answer,
    };
    answer.body = text.into_bytes();
    answer
}

/// Removals that take their time: accepted at once, sent on to the emulator when the state has been shown.
pub fn defer(world: &World, call: &Call) -> Option<Answer> {
    let (field, elements) = match &*call.operation {
        "DeleteNatGateway" => ("NatGatewayId", format!("<natGatewayId>{}</natGatewayId>", call.field("NatGatewayId"))),
        "DeleteVpcEndpoints" => ("VpcEndpointId.1", "<unsuccessful/>".to_owned()),
        _ => return None,
    };
    let who = call.who(call.field(field));
    let is_there = match field {
        "NatGatewayId" => gateways::alive(world, call).iter().any(|found| found.one("natGatewayId") == who.2),
        _ => world.all(call, "DescribeVpcEndpoints", "vpcEndpointSet").iter().any(|found| found.one("vpcEndpointId") == who.2),
    };
    if !is_there {
        return None;
    }
    let mut memory = world.memory();
    memory.failed.remove(&who);
    let polls = memory.polls(&call.account, &call.operation);
    memory.slow.begin_for(who.clone(), "deleting", polls);
    memory.deferred.insert(who, call.clone());
    drop(memory);
    Some(call.done(&elements))
}

fn made_then(answer: Answer, note: impl FnOnce()) -> Answer {
    note();
    answer
}

impl World {
    /// Everything of a kind in the account and region of a call, as the emulator has it.
    pub fn all(&self, call: &Call, operation: &str, set: &str) -> Vec<Item> {
        xml::items(&self.forward(&call.ask_ec2(operation)).text(), set)
    }

    fn route_tables(&self, call: &Call) -> Vec<Item> {
        self.all(call, "DescribeRouteTables", "routeTableSet")
    }

    pub fn gateways(&self, call: &Call) -> Vec<Item> {
        self.all(call, "DescribeInternetGateways", "internetGatewaySet")
    }

    pub fn interfaces(&self, call: &Call) -> Vec<Item> {
        self.all(call, "DescribeNetworkInterfaces", "networkInterfaceSet")
    }
}

fn violation(what: &str, id: &str) -> Verdict {
    refuse("DependencyViolation", format!("The {what} '{id}' has dependencies and cannot be deleted."))
}

/// 2.1.3, 2.2.3: /16 to /28.
fn sized(call: &Call, code: &'static str) -> Verdict {
    let range = call.field("CidrBlock");
    let fits = range.parse::<Ipv4Net>().is_ok_and(|range| (16..=28).contains(&range.prefix_len()));
    if fits { Ok(()) } else { refuse(code, format!("The CIDR '{range}' is invalid.")) }
}

/// 2.2.3: inside the VPC's range, and beside every other subnet.
fn create_subnet(world: &World, call: &Call) -> Verdict {
    sized(call, "InvalidSubnet.Range")?;
    let (vpc, range) = (call.field("VpcId"), call.field("CidrBlock"));
    let Ok(wanted) = range.parse::<Ipv4Net>() else { return Ok(()) };
    let vpcs = world.all(call, "DescribeVpcs", "vpcSet");
    let within = vpcs.iter().filter(|found| found.one("vpcId") == vpc).filter_map(|found| found.one("cidrBlock").parse::<Ipv4Net>().ok());
    if within.clone().count() > 0 && !within.into_iter().any(|outer| outer.contains(&wanted)) {
        return refuse("InvalidSubnet.Range", format!("The CIDR '{range}' is invalid."));
    }
    let subnets = world.all(call, "DescribeSubnets", "subnetSet");
    let mut beside = subnets.iter().filter(|found| found.one("vpcId") == vpc);
    let overlaps =
        |found: &Item| found.one("cidrBlock").parse::<Ipv4Net>().is_ok_and(|other| other.contains(&wanted) || wanted.contains(&other));
    if beside.any(overlaps) {
        return refuse("InvalidSubnet.Conflict", format!("The CIDR '{range}' conflicts with another subnet"));
    }
    Ok(())
}

/// 2.3.3: one gateway a VPC.
fn attach(world: &World, call: &Call) -> Verdict {
    let (vpc, gateway) = (call.field("VpcId"), call.field("InternetGatewayId"));
    let other = world.gateways(call).into_iter().find(|found| found.all("attachmentSet/item/vpcId").any(|at| at == vpc));
    match other {
        Some(other) if other.one("internetGatewayId") == gateway => {
            refuse("Resource.AlreadyAssociated", format!("resource {gateway} is already attached to network {vpc}"))
        }
        Some(_) => refuse("InvalidParameterValue", format!("Network {vpc} already has an internet gateway attached")),
        None => Ok(()),
    }
}

/// 8: while a public address of the VPC is mapped.
fn detach(world: &World, call: &Call) -> Verdict {
    let (vpc, gateway) = (call.field("VpcId"), call.field("InternetGatewayId"));
    let found = world.gateways(call).into_iter().find(|found| found.one("internetGatewayId") == gateway);
    let Some(found) = found else { return Ok(()) };
    if !found.all("attachmentSet/item/vpcId").any(|at| at == vpc) {
        return refuse("Gateway.NotAttached", format!("resource {gateway} is not attached to network {vpc}"));
    }
    let is_public = |interface: &Item| interface.one("vpcId") == vpc && interfaces::is_public(world, call, interface);
    if world.interfaces(call).iter().any(is_public) {
        let text = "has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.";
        return refuse("DependencyViolation", format!("Network {vpc} {text}"));
    }
    Ok(())
}

/// 2.5.9 and 2.5.3: one route a destination; a gateway of the same VPC.
fn create_route(world: &World, call: &Call) -> Verdict {
    let (table, destination, gateway) = (call.field("RouteTableId"), call.field("DestinationCidrBlock"), call.field("GatewayId"));
    let tables = world.route_tables(call);
    let Some(found) = tables.iter().find(|found| found.one("routeTableId") == table) else { return Ok(()) };
    if found.all("routeSet/item/destinationCidrBlock").any(|known| known == destination) {
        return refuse("RouteAlreadyExists", format!("The route identified by {destination} already exists."));
    }
    let vpc = found.one("vpcId");
    let elsewhere = |found: &Item| found.one("internetGatewayId") == gateway && !found.all("attachmentSet/item/vpcId").any(|at| at == vpc);
    if gateway.starts_with("igw-") && world.gateways(call).iter().any(elsewhere) {
        let text = format!("route table {table} and network gateway {gateway} belong to different networks");
        return refuse("InvalidParameterValue", text);
    }
    Ok(())
}

/// 2.5.9: the local route stays.
fn delete_route(world: &World, call: &Call) -> Verdict {
    let (table, destination) = (call.field("RouteTableId"), call.field("DestinationCidrBlock"));
    let vpc = world.route_tables(call).into_iter().find(|found| found.one("routeTableId") == table);
    let Some(vpc) = vpc.map(|found| found.one("vpcId").to_owned()) else { return Ok(()) };
    let mut vpcs = world.all(call, "DescribeVpcs", "vpcSet").into_iter();
    if vpcs.any(|found| found.one("vpcId") == vpc && found.one("cidrBlock") == destination) {
        return refuse("InvalidParameterValue", format!("cannot remove local route {destination} in route table {table}"));
    }
    Ok(())
}

/// 2.5.2: one explicit association a subnet.
fn associate(world: &World, call: &Call) -> Verdict {
    let subnet = call.field("SubnetId");
    if world.route_tables(call).iter().any(|found| found.all("associationSet/item/subnetId").any(|at| at == subnet)) {
        let text =
            format!("the specified association for route table {} conflicts with an existing association", call.field("RouteTableId"));
        return refuse("Resource.AlreadyAssociated", text);
    }
    Ok(())
}

/// 2.5.6: while a subnet is associated.
fn delete_route_table(world: &World, call: &Call) -> Verdict {
    let table = call.field("RouteTableId");
    let is_held = |found: &Item| found.one("routeTableId") == table && found.all("associationSet/item/routeTableAssociationId").count() > 0;
    if world.route_tables(call).iter().any(is_held) { violation("routeTable", table) } else { Ok(()) }
}

/// While attached (EC2 API reference, "DeleteInternetGateway").
fn delete_gateway(world: &World, call: &Call) -> Verdict {
    let gateway = call.field("InternetGatewayId");
    let is_held = |found: &Item| found.one("internetGatewayId") == gateway && found.all("attachmentSet/item/vpcId").count() > 0;
    if world.gateways(call).iter().any(is_held) { violation("internetGateway", gateway) } else { Ok(()) }
}

/// 9: while an interface is in it.
fn delete_subnet(world: &World, call: &Call) -> Verdict {
    let subnet = call.field("SubnetId");
    let is_held = world.interfaces(call).iter().any(|interface| interface.one("subnetId") == subnet)
        || endpoints::hold(world, call, "subnetIdSet/item", subnet);
    if is_held { violation("subnet", subnet) } else { Ok(()) }
}

/// 9 and 2.1.6: while anything but what AWS made itself is left.
fn delete_vpc(world: &World, call: &Call) -> Verdict {
    let vpc = call.field("VpcId");
    let here = |found: &Item| found.one("vpcId") == vpc;
    let own_table = |found: &Item| here(found) && !found.all("associationSet/item/main").any(|main| main == "true");
    let is_held = world.route_tables(call).iter().any(own_table)
        || world.interfaces(call).iter().any(here)
        || world.all(call, "DescribeSubnets", "subnetSet").iter().any(here)
        || world.gateways(call).iter().any(|found| found.all("attachmentSet/item/vpcId").any(|at| at == vpc));
    if is_held { violation("vpc", vpc) } else { Ok(()) }
}
