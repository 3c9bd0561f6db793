//! The whole network with the real binary: gateways, endpoints and peering, on and off on a live stack.
use aws_sdk_ec2::types::{Filter, ResourceType, TagSpecification};

use crate::{
    lifecycle::topology,
    support::{
        aws::{Aws, block_on},
        binary::Place,
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
    strict().be_slow(&world.account, 5);
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
