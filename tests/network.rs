//! The whole network with the real binary: gateways, endpoints and peering, on and off on a live stack.
use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Filter, ResourceType, Route, RouteState, TagSpecification};

use crate::{
    lifecycle::topology,
    support::{
        aws::{Aws, block_on},
        binary::Place,
        kills::{survive, things},
        sandbox::strict,
    },
};

const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];

fn network(settings: &str) -> String {
    topology(&REGIONS, &format!("network: {{ availability_zones: 2, {settings} }}\n"))
}

/// The addresses of the kinds whose name begins so.
fn found(place: &Place, kind: &str) -> Vec<String> {
    let plan = place.plan(&[]);
    let steps = plan["steps"].as_array().unwrap().iter();
    let addresses = steps.filter(|step| step["kind"].as_str().is_some_and(|name| name.starts_with(kind)));
    addresses.map(|step| step["address"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn everything_of_a_network_comes_and_goes() {
    let world = Place::new();
    world.write(network("nat_gateways: per_zone, endpoints: [s3, dynamodb, ecr.api, ecr.dkr, logs], peering: mesh"));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    assert_eq!(found(&world, "ec2.nat_gateway").len(), 4);
    assert_eq!(found(&world, "ec2.vpc_endpoint").len(), 10);
    for operation in ["CreateVpcEndpoint", "ModifyVpcEndpoint", "DeleteVpcEndpoints"] {
        assert_eq!(strict().refusals(&world.account, operation, "RequestLimitExceeded"), 0, "{operation} is paced, not hammered");
    }
    world.destroy("shop");
    assert_eq!(strict().refusals(&world.account, "DeleteVpcEndpoints", "RequestLimitExceeded"), 0);
}

#[test]
fn every_setting_of_a_network_changes_on_a_live_stack_and_no_subnet_moves() {
    let world = Place::new();
    let mut before: Option<serde_json::Value> = None;
    for settings in [
        "nat_gateways: none",
        "nat_gateways: per_zone",
        "nat_gateways: single, peering: mesh",
        "nat_gateways: per_zone, endpoints: [s3]",
        "nat_gateways: none, endpoints: [s3, logs], peering: mesh",
        "endpoints: [ecr.api, dynamodb]",
        "nat_gateways: single",
    ] {
        world.write(network(settings));
        let plan = world.plan(&[]);
        let moved = plan["steps"]
            .as_array()
            .unwrap()
            .iter()
            .any(|step| step["kind"] == "ec2.subnet" && step["action"] != "keep" && before.is_some());
        assert!(!moved, "{settings}: {plan:#}");
        world.expect(0, &["apply", "--yes", "--no-sweep"]);
        world.is_converged();
        before = Some(plan);
    }
    world.destroy("shop");
}

#[test]
fn a_third_zone_and_a_third_region_join_a_live_network_and_leave_it() {
    let world = Place::new();
    let all = "nat_gateways: per_zone, endpoints: [s3, logs], peering: mesh";
    let write = |regions: &[&str], zones: u8| {
        world.write(topology(regions, &format!("network: {{ availability_zones: {zones}, {all} }}\n")));
        world.expect(0, &["apply", "--yes"]);
        world.is_converged();
    };
    write(&REGIONS, 2);
    write(&REGIONS, 3);
    write(&["us-east-1", "eu-west-1", "ap-southeast-2"], 3);
    assert_eq!(found(&world, "ec2.vpc_peering_connection_routes").len(), 6);
    write(&["eu-west-1", "ap-southeast-2"], 2);
    world.destroy("shop");
}

#[test]
fn a_slow_gateway_is_waited_for_and_a_failed_one_is_named_and_replaced() {
    let world = Place::new();
    world.write(network("nat_gateways: single"));
    strict().be_slow(&world.account, "CreateNatGateway", 5);
    strict().let_fail(&world.account, "CreateNatGateway");
    let said = world.expect(1, &["apply", "--yes", "--no-sweep", "--format", "json"]);
    let failed = said.lines().find(|line| line.contains("\"failed\"")).unwrap_or_default();
    assert!(failed.contains("ec2.nat_gateway/nat-1") && failed.contains("Gateway.NotAttached") && failed.contains("nat-"), "{said}");
    assert!(said.contains("pending") && !failed.contains("nothing of it"), "{said}");
    let plan = world.plan(&[]);
    assert_eq!(plan["summary"]["replace"], 1, "{:#}", plan["summary"]);
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    world.destroy("shop");
}

#[test]
fn a_peering_connection_that_fails_is_named_and_the_next_run_asks_anew() {
    let world = Place::new();
    world.write(network("peering: mesh"));
    strict().let_fail(&world.account, "CreateVpcPeeringConnection");
    let said = world.expect(1, &["apply", "--yes", "--no-sweep"]);
    assert!(said.contains("eu-west-1/ec2.vpc_peering_connection/us-east-1") && said.contains("failed"), "{said}");
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    world.destroy("shop");
}

/// Some tools copy the tags of a VPC to all that is in it: that makes nothing ours.
#[test]
fn a_peering_connection_with_the_marks_of_our_vpc_is_not_ours() {
    let world = Place::new();
    world.write(network("peering: none"));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    let [asker, accepter] = REGIONS.map(|region| Aws::new(&world.account, region).ec2);
    let id = block_on(async {
        let ours = Filter::builder().name("tag:mrctl:stack").values("shop").build();
        let vpcs = asker.describe_vpcs().filters(ours).send().await.unwrap();
        let marks = TagSpecification::builder().resource_type(ResourceType::VpcPeeringConnection).set_tags(vpcs.vpcs()[0].tags.clone());
        let other = accepter.create_vpc().cidr_block("10.99.0.0/16").send().await.unwrap();
        let ask = asker.create_vpc_peering_connection().vpc_id(vpcs.vpcs()[0].vpc_id().unwrap()).peer_region(REGIONS[1]);
        let ask = ask.peer_vpc_id(other.vpc().unwrap().vpc_id().unwrap()).tag_specifications(marks.build());
        let id = ask.send().await.unwrap().vpc_peering_connection.unwrap().vpc_peering_connection_id.unwrap();
        accepter.accept_vpc_peering_connection().vpc_peering_connection_id(&id).send().await.unwrap();
        id
    });
    world.is_converged();
    let seen = block_on(asker.describe_vpc_peering_connections().vpc_peering_connection_ids(&id).send()).unwrap();
    let code = seen.vpc_peering_connections()[0].status().and_then(|status| status.code()).unwrap();
    assert_eq!(code.as_str(), "active");
}

/// Nor is a subnet: it keeps its place in our route table, and is named when it holds that back.
#[test]
fn a_subnet_with_the_marks_of_our_vpc_is_not_ours() {
    let world = Place::new();
    world.write(network("peering: none"));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    let ec2 = Aws::new(&world.account, REGIONS[0]).ec2;
    let marked = |value: &str| Filter::builder().name("tag:mrctl:resource").values(value).build();
    let (subnet, association) = block_on(async {
        let vpcs = ec2.describe_vpcs().filters(marked("us-east-1/ec2.vpc/main")).send().await.unwrap();
        let (vpc, tags) = (vpcs.vpcs()[0].vpc_id().unwrap(), vpcs.vpcs()[0].tags.clone());
        let marks = TagSpecification::builder().resource_type(ResourceType::Subnet).set_tags(tags).build();
        // The last eighth of the range is one that mrctl leaves free.
        let range = vpcs.vpcs()[0].cidr_block().unwrap().replace(".0.0/16", ".224.0/19");
        let made = ec2.create_subnet().vpc_id(vpc).cidr_block(range).tag_specifications(marks).send().await.unwrap();
        let subnet = made.subnet().unwrap().subnet_id().unwrap().to_owned();
        let tables = ec2.describe_route_tables().filters(marked("us-east-1/ec2.route_table/public")).send().await.unwrap();
        let table = tables.route_tables()[0].route_table_id().unwrap();
        let made = ec2.associate_route_table().route_table_id(table).subnet_id(&subnet).send().await.unwrap();
        (subnet, made.association_id.unwrap())
    });
    world.is_converged();
    let said = world.expect(1, &["destroy", "--yes", "--confirm", "shop", "--no-sweep"]);
    assert!(said.contains(&format!("subnet {subnet} is associated with it")), "{said}");
    block_on(ec2.disassociate_route_table().association_id(association).send()).unwrap();
    block_on(ec2.delete_subnet().subnet_id(&subnet).send()).unwrap();
    world.destroy("shop");
}
const ALL: &str = "nat_gateways: single, endpoints: [s3, logs], peering: mesh";

#[test]
fn a_kill_anywhere_in_a_network_converges() {
    survive(&network(ALL), "shop", &REGIONS, 24);
}

/// Addresses, gateways, endpoints and connections have neither a name nor a token that would keep them from being made twice.
#[test]
fn answers_lost_anywhere_in_a_network_make_no_duplicate() {
    let built = |lost: &dyn Fn(u64) -> bool| {
        let world = Place::with(&network(ALL));
        let spec: Vec<String> = (1..80).filter(|call| lost(*call)).map(|call| format!("lost@{call}")).collect();
        let inject: &[&str] = if spec.is_empty() { &[] } else { &["--inject", &spec.join(",")] };
        world.expect(0, &[inject, &["apply", "--yes", "--no-sweep"]].concat());
        world.is_converged();
        let there = things(&world, &REGIONS);
        world.destroy("shop");
        there
    };
    let whole = built(&|_| false);
    for third in 0..3 {
        assert_eq!(built(&|call| call % 3 == third), whole, "with the answers {third}, {}, … lost", third + 3);
    }
}

/// The events of an address that say what is being waited for.
fn waits(said: &str, address: &str) -> Vec<String> {
    let events = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let progress = events.filter(|event| event["type"] == "progress" && event["address"] == address);
    progress.map(|event| event["now"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_slow_endpoint_is_waited_for_and_a_failed_one_is_named_and_replaced() {
    let world = Place::with(&network("endpoints: [s3, logs]"));
    for operation in ["CreateVpcEndpoint", "DeleteVpcEndpoints"] {
        strict().be_slow(&world.account, operation, 6);
    }
    let said = world.expect(0, &["apply", "--yes", "--no-sweep", "--format", "json"]);
    for endpoint in ["s3", "logs"] {
        assert_eq!(waits(&said, &format!("eu-west-1/ec2.vpc_endpoint/{endpoint}")), ["pending"], "{said}");
    }
    world.is_converged();
    // The group and the subnets wait until the interfaces of the endpoint are really gone.
    world.write(network("endpoints: [s3]"));
    let said = world.expect(0, &["apply", "--yes", "--no-sweep", "--format", "json"]);
    assert_eq!(waits(&said, "eu-west-1/ec2.vpc_endpoint/logs"), ["deleting"], "{said}");
    assert_eq!(strict().refusals(&world.account, "DeleteSecurityGroup", "DependencyViolation"), 0);
    world.is_converged();

    strict().let_fail(&world.account, "CreateVpcEndpoint");
    world.write(network("endpoints: [s3, ecr.api]"));
    let said = world.expect(1, &["apply", "--yes", "--no-sweep"]);
    let failed = ["ec2.vpc_endpoint/ecr.api", "failed (no address is free)", "there now: vpce-", "the next apply makes it anew"];
    assert!(failed.iter().all(|words| said.contains(words)), "{said}");
    assert_eq!(world.plan(&[])["summary"]["replace"], 1);
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    world.destroy("shop");
}

/// The interface of a load balancer of somebody else in one of our public subnets.
fn load_balancer_of_a_colleague(world: &Place, region: &str, looks: Option<u8>) -> String {
    let ec2 = Aws::new(&world.account, region).ec2;
    let interface = block_on(async {
        let ours = Filter::builder().name("tag:Name").values("shop-public-1").build();
        let subnets = ec2.describe_subnets().filters(ours).send().await.unwrap();
        let ask = ec2.create_network_interface().subnet_id(subnets.subnets()[0].subnet_id().unwrap());
        let made = ask.description("ELB app/theirs/50dc6c495c0c9188").send().await.unwrap();
        made.network_interface.unwrap().network_interface_id.unwrap()
    });
    strict().linger(&world.account, region, &interface, looks);
    interface
}

const DESTROY: [&str; 5] = ["destroy", "--yes", "--confirm", "shop", "--no-sweep"];

#[test]
fn interfaces_that_outlive_a_load_balancer_are_waited_for_by_name() {
    let world = Place::with(&network("nat_gateways: single"));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    let interface = load_balancer_of_a_colleague(&world, "eu-west-1", Some(8));
    let said = world.expect(0, &[&DESTROY[..], &["--format", "json"]].concat());
    let held = format!("network interface {interface} (ELB app/theirs/50dc6c495c0c9188, amazon-elb)");
    assert_eq!(waits(&said, "eu-west-1/ec2.subnet/public-1"), [format!("held by {held}")], "{said}");
    let gateway = waits(&said, "eu-west-1/ec2.internet_gateway_attachment/main");
    assert_eq!(gateway, [format!("held by public address 203.0.113.7 of {held}")], "{said}");
    assert_eq!(waits(&said, "us-east-1/ec2.subnet/public-1"), [""; 0]);
    assert_eq!(things(&world, &REGIONS), [0, 0]);
}

#[test]
fn an_interface_that_never_goes_is_named_with_what_to_do() {
    let world = Place::with(&network("nat_gateways: single"));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    let interface = load_balancer_of_a_colleague(&world, "eu-west-1", None);
    let said = world.expect(1, &DESTROY);
    let failed = said.split("\nFailed\n").nth(1).unwrap_or_default();
    let block = failed.split("eu-west-1/ec2.subnet/public-1\n").nth(1).and_then(|rest| rest.split("  help: ").next()).unwrap_or_default();
    let words = [
        "ec2:DeleteSubnet failed with DependencyViolation",
        "AWS has not let go of it",
        &interface,
        "ELB app/theirs",
        "amazon-elb",
        "there now: subnet-",
    ];
    assert!(words.iter().all(|words| block.contains(words)) && failed.contains("run the same command again"), "{said}");
    // The other region, and whatever of this one the interface does not hold, is gone.
    let left = block_on(Aws::new(&world.account, "eu-west-1").leftovers());
    assert_eq!((left.len(), things(&world, &["us-east-1"])), (3, vec![0]), "{left:?}");
    strict().linger(&world.account, "eu-west-1", &interface, Some(1));
    world.destroy("shop");
}

/// Nobody takes the silence of one region for an order to turn the others' traffic away from it.
#[test]
fn a_silent_region_holds_its_own_side_of_the_mesh_and_no_other() {
    let regions = ["us-east-1", "eu-west-1", "ap-southeast-2"];
    let settings = "network: { availability_zones: 2, nat_gateways: single, peering: mesh }\n";
    let world = Place::with(&topology(&regions, settings));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    let of_the_others = routes_between(&world);
    assert_eq!(of_the_others.len(), 3 * 2 * 3, "two peers of three regions, in three tables each: {of_the_others:?}");
    for silent in regions {
        let down = format!("down={silent}:refuse");
        let plan = world.plan(&["--inject", &down]);
        for step in plan["steps"].as_array().unwrap() {
            let wanted = if step["region"] == silent { "hold" } else { "keep" };
            assert_eq!(step["action"], wanted, "{silent}: {step:#}");
        }
        // And what is planned beside it leaves the routes where they are.
        world.write(topology(&regions, &format!("{settings}tags: {{ silent: {silent} }}\n")));
        let plan = world.plan(&["--inject", &down]);
        let routes = plan["steps"].as_array().unwrap().iter().filter(|step| step["kind"] == "ec2.vpc_peering_connection_routes");
        let changed: Vec<_> = routes.filter(|step| !["keep", "hold"].contains(&step["action"].as_str().unwrap())).collect();
        assert!(changed.is_empty() && plan["summary"]["delete"] == 0 && plan["summary"]["replace"] == 0, "{silent}: {changed:#?}");
        world.expect(5, &["--inject", &down, "apply", "--yes", "--no-sweep"]);
        assert_eq!(routes_between(&world), of_the_others, "{silent}");
        world.expect(0, &["apply", "--yes", "--no-sweep"]);
        world.is_converged();
    }
    world.destroy("shop");
}

/// Region, table, destination and state of every route through a peering connection.
fn routes_between(world: &Place) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for region in ["us-east-1", "eu-west-1", "ap-southeast-2"] {
        let tables = block_on(Aws::new(&world.account, region).ec2.describe_route_tables().send()).unwrap();
        for table in tables.route_tables() {
            let through = table.routes().iter().filter(|route| route.vpc_peering_connection_id().is_some());
            let shown = |route: &Route| {
                let (range, state) = (route.destination_cidr_block(), route.state().map(RouteState::as_str));
                format!("{region} {} {} {}", table.route_table_id().unwrap(), range.unwrap(), state.unwrap_or("active"))
            };
            all.extend(through.map(shown));
        }
    }
    all
}

#[test]
fn five_regions_with_everything_a_network_has_come_and_go() {
    let regions = ["us-east-1", "eu-west-1", "ap-southeast-2", "eu-central-1", "us-west-2"];
    let settings = "availability_zones: 2, nat_gateways: single, endpoints: [s3, dynamodb, ecr.api], peering: mesh";
    let world = Place::with(&topology(&regions, &format!("network: {{ {settings} }}\n")));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    assert_eq!(found(&world, "ec2.vpc_peering_connection_routes").len(), 20);
    world.is_converged();
    let refused = |operation: &str, code: &str| strict().refusals(&world.account, operation, code);
    let throttled =
        ["CreateVpcEndpoint", "DeleteVpcEndpoints", "CreateNatGateway"].map(|operation| refused(operation, "RequestLimitExceeded"));
    world.destroy("shop");
    assert_eq!((throttled, refused("DeleteVpcEndpoints", "RequestLimitExceeded")), ([0; 3], 0));
    // What holds a thing goes before it: nothing was tried that AWS refuses.
    for operation in ["DeleteSubnet", "DeleteSecurityGroup", "DetachInternetGateway", "DeleteVpc"] {
        assert_eq!(refused(operation, "DependencyViolation"), 0, "{operation}");
    }
    assert_eq!(things(&world, &regions), [0; 5]);
}
