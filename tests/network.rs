//! The whole network with the real binary: gateways, endpoints and peering, on and off on a live stack.
use crate::{
    lifecycle::topology,
    support::{binary::Place, kills::survive, sandbox::strict},
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

#[test]
fn a_kill_anywhere_in_a_network_converges() {
    let all = network("nat_gateways: single, endpoints: [s3, logs], peering: mesh");
    survive(&all, "shop", &REGIONS, 24);
}
