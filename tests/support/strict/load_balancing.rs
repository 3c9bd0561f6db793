//! What Elastic Load Balancing refuses and the emulator allows, and what it takes its time for. Numbers are the rules of the field
//! guide's section 16; the rest names its section.
use std::collections::BTreeSet;

use super::{
    World,
    call::{Answer, Call, Refusal},
    certificates,
    interfaces::LINGERING,
    refuse,
    slow::Who,
    xml::{self, Item},
};

type Verdict = Result<(), Refusal>;

/// What a call lets go of: target groups and certificates, and interfaces that stay for a while.
#[derive(Default)]
pub struct Used {
    arns: BTreeSet<String>,
    interfaces: Vec<Item>,
}

const VERSION: &str = "2015-12-01";

fn ask(world: &World, call: &Call, operation: &str, fields: &[(&str, &str)]) -> String {
    world.forward(&call.ask_query("elasticloadbalancing", VERSION, operation, fields)).text()
}

/// The same account and region, where EC2 is asked: emulators go by the service that a request is signed for.
fn in_ec2(call: &Call) -> Call {
    call.ask_query("ec2", "2016-11-15", "DescribeVpcs", &[])
}

/// Every listener in the account and region of a call.
pub fn listeners(world: &World, call: &Call) -> Vec<Item> {
    xml::items(&ask(world, call, "DescribeListeners", &[]), "Listeners")
}

/// Whether ELB would take this request.
pub fn judge(world: &World, call: &Call) -> Verdict {
    match &*call.operation {
        "CreateLoadBalancer" => named(call, "load balancer").and_then(|()| create(world, call)),
        "SetSubnets" => zones(world, call),
        "DeleteLoadBalancer" => delete(world, call),
        "CreateTargetGroup" => named(call, "target group").and_then(|()| health_check(call)),
        "ModifyTargetGroup" => health_check(call),
        "DeleteTargetGroup" => delete_target_group(world, call),
        "CreateListener" | "ModifyListener" => certificate(world, call),
        _ => Ok(()),
    }
}

fn members<'a>(call: &'a Call, list: &str) -> Vec<&'a str> {
    let values = (1..).map(|index| call.field(&format!("{list}.member.{index}")));
    values.take_while(|value| !value.is_empty()).collect()
}

/// 27: 32 letters, digits and hyphens, none at an end; `internal-` is reserved.
fn named(call: &Call, what: &str) -> Verdict {
    let name = call.field("Name");
    if name.len() > 32 {
        return refuse("ValidationError", format!("The {what} name '{name}' cannot be longer than '32' characters"));
    }
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !name.starts_with('-') && !name.ends_with('-');
    if !is_plain || name.starts_with("internal-") {
        return refuse("ValidationError", format!("The {what} name '{name}' is not valid"));
    }
    Ok(())
}

/// 26: two subnets in two zones; the gateway of one that faces the internet. 8.1.3: groups of the same VPC.
fn create(world: &World, call: &Call) -> Verdict {
    zones(world, call)?;
    let ec2 = &in_ec2(call);
    let subnets = world.all(ec2, "DescribeSubnets", "subnetSet");
    let first = members(call, "Subnets")[0];
    let vpc = subnets.iter().find(|found| found.one("subnetId") == first).map_or("", |found| found.one("vpcId"));
    let is_attached = world.gateways(ec2).iter().any(|found| found.all("attachmentSet/item/vpcId").any(|at| at == vpc));
    if call.field("Scheme") != "internal" && !is_attached {
        return refuse("InvalidSubnet", format!("VPC {vpc} has no internet gateway"));
    }
    let groups = world.all(ec2, "DescribeSecurityGroups", "securityGroupInfo");
    let is_here = |id: &&str| groups.iter().any(|found| found.one("groupId") == *id && found.one("vpcId") == vpc);
    match members(call, "SecurityGroups").into_iter().find(|id| !is_here(id)) {
        Some(other) => refuse("InvalidSecurityGroup", format!("One or more security groups are invalid: {other}")),
        None => Ok(()),
    }
}

fn zones(world: &World, call: &Call) -> Verdict {
    let subnets = world.all(&in_ec2(call), "DescribeSubnets", "subnetSet");
    let asked = members(call, "Subnets");
    let mut zones = BTreeSet::new();
    for id in &asked {
        let Some(found) = subnets.iter().find(|found| found.one("subnetId") == *id) else {
            return refuse("SubnetNotFound", format!("The subnet ID '{id}' does not exist"));
        };
        if !zones.insert(found.one("availabilityZone")) {
            return refuse(
                "InvalidConfigurationRequest",
                "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
            );
        }
    }
    if zones.len() < 2 {
        return refuse("ValidationError", "At least two subnets in two different Availability Zones must be specified");
    }
    Ok(())
}

/// 8.1.6: while it is protected.
fn delete(world: &World, call: &Call) -> Verdict {
    let arn = call.field("LoadBalancerArn");
    let text = ask(world, call, "DescribeLoadBalancerAttributes", &[("LoadBalancerArn", arn)]);
    let is_on = |one: &Item| one.one("Key") == "deletion_protection.enabled" && one.one("Value") == "true";
    if xml::items(&text, "Attributes").iter().any(is_on) {
        let text = format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled");
        return refuse("OperationNotPermitted", text);
    }
    Ok(())
}

/// 8.2.3: the numbers of a health check, of which the time-out is the smaller one.
fn health_check(call: &Call) -> Verdict {
    let number = |field: &str, usual: u32| call.field(field).parse().unwrap_or(usual);
    let (interval, timeout) = (number("HealthCheckIntervalSeconds", 30), number("HealthCheckTimeoutSeconds", 5));
    let counts = [number("HealthyThresholdCount", 5), number("UnhealthyThresholdCount", 2)];
    let fits = (5..=300).contains(&interval) && (2..=120).contains(&timeout) && counts.iter().all(|count| (2..=10).contains(count));
    if !fits || timeout >= interval {
        return refuse("ValidationError", "Health check interval must be greater than the timeout.");
    }
    Ok(())
}

/// 8.2.6: while a listener uses it, and for a while after.
fn delete_target_group(world: &World, call: &Call) -> Verdict {
    let arn = call.field("TargetGroupArn");
    let used = listeners(world, call).iter().any(|found| found.all("DefaultActions/member/TargetGroupArn").any(|at| at == arn));
    if used || world.memory().slow.poll(&call.who(arn)).is_some() {
        return refuse("ResourceInUse", format!("Target group '{arn}' is currently in use by a listener or a rule"));
    }
    Ok(())
}

/// 12: a certificate of this region that is issued.
fn certificate(world: &World, call: &Call) -> Verdict {
    let (arn, protocol) = (call.field("Certificates.member.1.CertificateArn"), call.field("Protocol"));
    match (protocol, arn) {
        ("HTTPS", "") => refuse("ValidationError", "A certificate must be specified for HTTPS listeners"),
        (_, "") => Ok(()),
        (_, arn) if !arn.starts_with(&format!("arn:aws:acm:{}:", call.region)) => {
            refuse("CertificateNotFound", format!("Certificate '{arn}' not found"))
        }
        (_, arn) if !certificates::is_issued(world, call, arn) => {
            let text = "must have a fully-qualified domain name, a supported signature, and a supported key size.";
            refuse("UnsupportedCertificate", format!("The certificate '{arn}' {text}"))
        }
        _ => Ok(()),
    }
}

/// What is used now and may not be after this call.
pub fn before(world: &World, call: &Call) -> Used {
    let of_listener = |found: &Item| -> Vec<String> {
        let paths = ["DefaultActions/member/TargetGroupArn", "Certificates/member/CertificateArn"];
        paths.iter().flat_map(|path| found.all(path)).map(str::to_owned).collect()
    };
    let with = |path: &str, arn: &str| {
        listeners(world, call).iter().filter(|found| found.one(path) == arn).flat_map(of_listener).collect::<BTreeSet<String>>()
    };
    match (&*call.service, &*call.operation) {
        ("elasticloadbalancing", "DeleteListener" | "ModifyListener") => {
            Used { arns: with("ListenerArn", call.field("ListenerArn")), interfaces: Vec::new() }
        }
        ("elasticloadbalancing", "DeleteLoadBalancer") => {
            let arn = call.field("LoadBalancerArn");
            let named = format!("ELB {}", arn.split(":loadbalancer/").nth(1).unwrap_or("?"));
            let ec2 = call.ask_query("ec2", "2016-11-15", "DescribeNetworkInterfaces", &[]);
            let all = xml::items(&world.forward(&ec2).text(), "networkInterfaceSet");
            let interfaces = all.into_iter().filter(|found| found.one("description") == named).collect();
            Used { arns: with("LoadBalancerArn", arn), interfaces }
        }
        _ => Used::default(),
    }
}

/// Holds new states back, and begins those that a successful call starts.
pub fn colour(world: &World, call: &Call, mut answer: Answer, used: &Used) -> Answer {
    if !answer.is_success() {
        return answer;
    }
    let text = answer.text();
    match &*call.operation {
        // 8.1.4: it is provisioned for a while.
        "CreateLoadBalancer" => {
            if let Some(arn) = xml::text_of(&text, "LoadBalancerArn") {
                world.memory().slow.begin(call.who(&arn), "provisioning");
            }
            let word = |_: &str| Some("provisioning");
            answer.body = xml::restate(&text, "LoadBalancerArn", "Code", word).into_bytes();
        }
        "DescribeLoadBalancers" => {
            let word = |arn: &str| world.memory().slow.poll(&call.who(arn));
            answer.body = xml::restate(&text, "LoadBalancerArn", "Code", word).into_bytes();
        }
        // 8.2.6 and 8.3.6: what a listener used counts as used for a while longer.
        "DeleteListener" | "ModifyListener" | "DeleteLoadBalancer" => {
            let still: BTreeSet<String> = listeners(world, call)
                .iter()
                .flat_map(|found| {
                    let paths = ["DefaultActions/member/TargetGroupArn", "Certificates/member/CertificateArn"];
                    paths.iter().flat_map(|path| found.all(path)).map(str::to_owned).collect::<Vec<_>>()
                })
                .collect();
            for arn in used.arns.difference(&still) {
                world.memory().slow.begin(call.who(arn), "in use");
            }
            used.interfaces.iter().for_each(|interface| linger(world, call, interface));
        }
        _ => {}
    }
    answer
}

/// 9: the interfaces of a load balancer are there for minutes after it is gone.
fn linger(world: &World, call: &Call, interface: &Item) {
    let description = interface.one("description");
    let mut fields = vec![("SubnetId", interface.one("subnetId")), ("Description", description)];
    let groups: Vec<(String, &str)> =
        interface.all("groupSet/item/groupId").enumerate().map(|(index, id)| (format!("SecurityGroupId.{}", index + 1), id)).collect();
    fields.extend(groups.iter().map(|(name, id)| (name.as_str(), *id)));
    let made = world.forward(&call.ask_query("ec2", "2016-11-15", "CreateNetworkInterface", &fields));
    let Some(id) = xml::text_of(&made.text(), "networkInterfaceId") else { return };
    let mut memory = world.memory();
    let looks = memory.polls(&call.account, &call.operation);
    memory.slow.begin_for(call.who(&id), LINGERING, looks);
    memory.deferred.insert(call.who(&id), call.ask_query("ec2", "2016-11-15", "DeleteNetworkInterface", &[("NetworkInterfaceId", &id)]));
}

/// A try to remove what an interface holds is a poll of it.
pub fn pass(world: &World, call: &Call) {
    if ["DeleteSecurityGroup", "DeleteSubnet", "DetachInternetGateway"].contains(&&*call.operation) {
        let is_here = |who: &Who| who.0 == call.account && who.1 == call.region && who.2.starts_with("eni-");
        world.memory().slow.pass(is_here);
    }
}
