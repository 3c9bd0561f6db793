//! A VPC that the topology refers to: read and checked, and in no way touched.
use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, Tag, TagSpecification};

use crate::support::{
    aws::{Aws, block_on},
    binary::Place,
};

/// Somebody else's network: a VPC and four subnets in two zones, with tags.
async fn network(aws: &Aws, range: &str) -> (String, Vec<String>) {
    let tags = |kind| TagSpecification::builder().resource_type(kind).tags(Tag::builder().key("owner").value("netops").build()).build();
    let vpc = aws.ec2.create_vpc().cidr_block(format!("{range}.0.0/16")).tag_specifications(tags(ResourceType::Vpc)).send().await.unwrap();
    let vpc = vpc.vpc().and_then(|vpc| vpc.vpc_id()).unwrap().to_owned();
    let on = AttributeBooleanValue::builder().value(true).build();
    aws.ec2.modify_vpc_attribute().vpc_id(&vpc).enable_dns_hostnames(on).send().await.unwrap();
    let mut subnets = Vec::new();
    for (n, zone) in ["a", "b", "a", "b"].iter().enumerate() {
        let ask = aws.ec2.create_subnet().vpc_id(&vpc).cidr_block(format!("{range}.{n}.0/24"));
        let ask = ask.availability_zone(format!("{}{zone}", aws.region)).tag_specifications(tags(ResourceType::Subnet));
        let made = ask.send().await.unwrap();
        subnets.push(made.subnet().and_then(|subnet| subnet.subnet_id()).unwrap().to_owned());
    }
    (vpc, subnets)
}

/// All that can be seen of the networks of a region, in AWS's words.
async fn seen(aws: &Aws) -> String {
    let (vpcs, subnets, tables, gateways, tags) = tokio::join!(
        aws.ec2.describe_vpcs().send(),
        aws.ec2.describe_subnets().send(),
        aws.ec2.describe_route_tables().send(),
        aws.ec2.describe_internet_gateways().send(),
        aws.ec2.describe_tags().send(),
    );
    let (vpcs, subnets, tables) = (vpcs.unwrap().vpcs, subnets.unwrap().subnets, tables.unwrap().route_tables);
    format!("{vpcs:#?} {subnets:#?} {tables:#?} {:#?} {:#?}", gateways.unwrap().internet_gateways, tags.unwrap().tags)
}

fn topology(vpc: &str, private: &[&str], public: &[&str]) -> String {
    format!(
        "version: 1
stack: shop
regions:
  us-east-1: {{ cidr: 10.10.0.0/16 }}
  eu-west-1: {{}}
network:
  availability_zones: 2
  existing:
    eu-west-1: {{ vpc: {vpc}, private_subnets: [{}], public_subnets: [{}] }}
tables:
  Orders: {{ partition_key: {{ name: id, type: string }} }}
",
        private.join(", "),
        public.join(", ")
    )
}

#[test]
fn a_network_that_is_referred_to_is_left_as_it_is() {
    let place = Place::new();
    let aws = Aws::new(&place.account, "eu-west-1");
    let ((vpc, subnets), before) = block_on(async { (network(&aws, "10.20").await, seen(&aws).await) });
    place.write(topology(&vpc, &[&subnets[0], &subnets[1]], &[&subnets[2], &subnets[3]]));
    let findings = place.plan_everywhere(&[])["findings"].clone();
    assert_eq!(findings.as_array().map(Vec::len), Some(0), "{findings:#}");
    place.expect(0, &["apply", "--yes"]);
    place.is_converged();
    let steps = place.plan(&["--full"])["steps"].clone();
    let here = steps.as_array().unwrap().iter().filter(|step| step["region"] == "eu-west-1");
    assert_eq!(here.map(|step| step["kind"].as_str().unwrap_or_default()).collect::<Vec<_>>(), ["dynamodb.table"]);
    place.destroy("shop");
    let after = block_on(seen(&aws));
    assert!(before == after, "before: {before}\nafter: {after}");
}

#[test]
fn what_is_wrong_with_it_stops_before_the_first_write_and_never_a_destroy() {
    let place = Place::new();
    let aws = Aws::new(&place.account, "eu-west-1");
    // The range is that of the region whose network mrctl makes.
    let (vpc, subnets) = block_on(network(&aws, "10.10"));
    place.write(topology(&vpc, &[&subnets[0], &subnets[2]], &[&subnets[1], "subnet-0123456789abcdef0"]));
    for arguments in [&["plan", "--no-sweep"][..], &["--inject", "kill@1:before", "apply", "--yes", "--no-sweep"]] {
        let said = place.expect(1, arguments);
        for part in [
            "line 9: all `private_subnets` of eu-west-1 are in one zone, euw1-az1",
            "line 9: eu-west-1 has no subnet subnet-0123456789abcdef0",
            "line 9: the ranges of us-east-1 (10.10.0.0/16) and eu-west-1 (10.10.0.0/16) overlap",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    place.write(topology("vpc-0123456789abcdef0", &[], &[]));
    let said = place.expect(1, &["plan", "--no-sweep"]);
    assert!(said.contains("eu-west-1 has no VPC vpc-0123456789abcdef0"), "{said}");
    place.destroy("shop");
    // A region that is silent is held and not judged.
    let said = place.expect(5, &["--inject", "down=eu-west-1:refuse", "plan", "--no-sweep"]);
    assert!(!said.contains("has no VPC"), "{said}");
}
