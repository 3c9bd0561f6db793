//! What `mrctl apply` leaves in AWS, as others see it: asked with the SDK alone, held against what the file says in plain words.
mod serving;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_dynamodb::types::{AttributeValue, BillingMode, KeyType, PointInTimeRecoveryStatus, ReplicaStatus, StreamViewType};
use aws_sdk_ec2::types::{Filter, RouteTable, Subnet, Tag, VpcAttributeName};

use crate::support::{
    aws::{Aws, block_on},
    binary::Place,
};

const FILE: &str = "
version: 1
stack: shop
tags: { team: payments, cost-center: \"0017\" }
regions:
  us-east-1: { cidr: 10.10.0.0/16 }
  eu-west-1: { cidr: 10.20.0.0/16 }
network: { availability_zones: 3 }
tables:
  Orders:
    partition_key: { name: orderId, type: string }
    sort_key: { name: createdAt, type: number }
";

/// The tags of one resource: the file's, the console's label, and the three marks.
fn tags(region: &str, resource: &str, name: &str) -> BTreeMap<String, String> {
    let resource = format!("{region}/{resource}");
    let tags = [
        ("team", "payments"),
        ("cost-center", "0017"),
        ("Name", name),
        ("mrctl:stack", "shop"),
        ("mrctl:resource", &resource),
        ("mrctl:keys", "cost-center team"),
    ];
    tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn of_ec2(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.key().unwrap().to_owned(), tag.value().unwrap().to_owned())).collect()
}

fn named(tags: &[Tag]) -> String {
    of_ec2(tags).remove("Name").unwrap_or_default()
}

fn of(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// The VPC, which has the file's range and resolves names.
async fn vpc(aws: &Aws, range: &str) -> String {
    let vpcs = aws.ec2.describe_vpcs().filters(of("is-default", "false")).send().await.unwrap();
    let [vpc] = vpcs.vpcs() else { panic!("{vpcs:#?}") };
    assert_eq!(vpc.cidr_block(), Some(format!("{range}.0.0/16").as_str()));
    assert_eq!(of_ec2(vpc.tags()), tags(&aws.region, "ec2.vpc/main", "shop"));
    let id = vpc.vpc_id().unwrap();
    for attribute in [VpcAttributeName::EnableDnsSupport, VpcAttributeName::EnableDnsHostnames] {
        let answer = aws.ec2.describe_vpc_attribute().vpc_id(id).attribute(attribute.clone()).send().await.unwrap();
        let value = answer.enable_dns_support().or(answer.enable_dns_hostnames());
        assert_eq!(value.and_then(aws_sdk_ec2::types::AttributeBooleanValue::value), Some(true), "{attribute}");
    }
    id.to_owned()
}

/// Three zones with a private and a public subnet in each.
async fn subnets(aws: &Aws, vpc: &str, range: &str) -> BTreeMap<String, Subnet> {
    let answer = aws.ec2.describe_subnets().filters(of("vpc-id", vpc)).send().await.unwrap();
    let subnets: BTreeMap<String, Subnet> = answer.subnets().iter().map(|subnet| (named(subnet.tags()), subnet.clone())).collect();
    assert_eq!(subnets.len(), answer.subnets().len());
    let cut = [
        ("private-1", "0.0/19"),
        ("private-2", "32.0/19"),
        ("private-3", "64.0/19"),
        ("public-1", "192.0/21"),
        ("public-2", "200.0/21"),
        ("public-3", "208.0/21"),
    ];
    let expected: Vec<(String, String)> = cut.iter().map(|(name, cut)| (format!("shop-{name}"), format!("{range}.{cut}"))).collect();
    let seen: Vec<(String, String)> =
        subnets.iter().map(|(name, subnet)| (name.clone(), subnet.cidr_block().unwrap().to_owned())).collect();
    assert_eq!(seen, expected);
    let zone = |name: &str| subnets[&format!("shop-{name}")].availability_zone_id().unwrap();
    let zones: BTreeSet<&str> = (1..=3).map(|index| zone(&format!("private-{index}"))).collect();
    assert_eq!(zones.len(), 3, "{zones:?}");
    for (name, _) in cut {
        let subnet = &subnets[&format!("shop-{name}")];
        assert_eq!(subnet.map_public_ip_on_launch(), Some(name.starts_with("public")), "{name}");
        assert_eq!(of_ec2(subnet.tags()), tags(&aws.region, &format!("ec2.subnet/{name}"), &format!("shop-{name}")));
        let (_, index) = name.split_once('-').unwrap();
        assert_eq!(zone(name), zone(&format!("private-{index}")), "the two of a slot share a zone");
    }
    subnets
}

fn way_out(table: &RouteTable) -> Option<&str> {
    table.routes().iter().find(|route| route.destination_cidr_block() == Some("0.0.0.0/0"))?.gateway_id()
}

/// One way out for the public subnets, none for the private ones, and a table for each of these.
async fn ways(aws: &Aws, vpc: &str, subnets: &BTreeMap<String, Subnet>) {
    let gateways = aws.ec2.describe_internet_gateways().filters(of("attachment.vpc-id", vpc)).send().await.unwrap();
    let [gateway] = gateways.internet_gateways() else { panic!("{gateways:#?}") };
    assert_eq!(of_ec2(gateway.tags()), tags(&aws.region, "ec2.internet_gateway/main", "shop"));
    let answer = aws.ec2.describe_route_tables().filters(of("vpc-id", vpc)).send().await.unwrap();
    let is_main = |table: &&RouteTable| table.associations().iter().any(|association| association.main() == Some(true));
    assert_eq!(answer.route_tables().iter().filter(is_main).count(), 1);
    let mut seen = BTreeMap::new();
    for table in answer.route_tables().iter().filter(|table| !is_main(table)) {
        let name = named(table.tags()).replace("shop-", "");
        assert_eq!(of_ec2(table.tags()), tags(&aws.region, &format!("ec2.route_table/{name}"), &format!("shop-{name}")));
        let expected = (name == "public").then(|| gateway.internet_gateway_id().unwrap());
        assert_eq!(way_out(table), expected, "{name}");
        let ids: BTreeSet<&str> = table.associations().iter().filter_map(|association| association.subnet_id()).collect();
        seen.insert(name, ids);
    }
    let id = |name: &str| subnets[&format!("shop-{name}")].subnet_id().unwrap();
    let one = |name: &str| (name.to_owned(), BTreeSet::from([id(name)]));
    let public = ("public".to_owned(), BTreeSet::from(["public-1", "public-2", "public-3"].map(id)));
    assert_eq!(seen, [one("private-1"), one("private-2"), one("private-3"), public].into());
}

/// The member of the global table in this region, which knows the one in the other.
async fn table(aws: &Aws, other: &str) {
    let answer = aws.dynamodb.describe_table().table_name("shop-Orders").send().await.unwrap();
    let table = answer.table().unwrap();
    let keys: Vec<(&str, &KeyType)> = table.key_schema().iter().map(|key| (key.attribute_name(), key.key_type())).collect();
    assert_eq!(keys, [("orderId", &KeyType::Hash), ("createdAt", &KeyType::Range)]);
    assert_eq!(table.billing_mode_summary().and_then(|billing| billing.billing_mode()), Some(&BillingMode::PayPerRequest));
    assert_eq!(table.deletion_protection_enabled(), Some(true));
    let view = table.stream_specification().and_then(|stream| stream.stream_view_type());
    assert_eq!(view, Some(&StreamViewType::NewAndOldImages));
    let replica = table.replicas().iter().find(|replica| replica.region_name() == Some(other));
    assert_eq!(replica.and_then(|replica| replica.replica_status()), Some(&ReplicaStatus::Active), "{:#?}", table.replicas());
    let backups = aws.dynamodb.describe_continuous_backups().table_name("shop-Orders").send().await.unwrap();
    let recovery = backups.continuous_backups_description().and_then(|backups| backups.point_in_time_recovery_description());
    let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status());
    assert_eq!(status, Some(&PointInTimeRecoveryStatus::Enabled));
    let arn = table.table_arn().unwrap();
    let carried = aws.dynamodb.list_tags_of_resource().resource_arn(arn).send().await.unwrap();
    let carried: BTreeMap<String, String> = carried.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    assert_eq!(carried, tags(&aws.region, "dynamodb.table/Orders", "shop-Orders"));
}

/// What is written here is read there.
async fn replicates(from: &Aws, to: &Aws) {
    let key = || [("orderId", AttributeValue::S(from.region.clone())), ("createdAt", AttributeValue::N("17".into()))];
    let item = key().into_iter().chain([("what", AttributeValue::S("ten apples".into()))]);
    let item = item.map(|(name, value)| (name.to_owned(), value)).collect();
    from.dynamodb.put_item().table_name("shop-Orders").set_item(Some(item)).send().await.unwrap();
    for _ in 0..100 {
        let key = key().map(|(name, value)| (name.to_owned(), value)).into();
        let read = to.dynamodb.get_item().table_name("shop-Orders").set_key(Some(key)).send().await.unwrap();
        if let Some(item) = read.item() {
            assert_eq!(item["what"], AttributeValue::S("ten apples".into()));
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("what was written in {} is not in {} after ten seconds", from.region, to.region);
}

#[test]
fn others_see_what_the_file_says() {
    let place = Place::new();
    place.write(FILE);
    place.expect(0, &["apply", "--yes"]);
    let (virginia, ireland) = (Aws::new(&place.account, "us-east-1"), Aws::new(&place.account, "eu-west-1"));
    block_on(async {
        for (aws, other, range) in [(&virginia, &ireland, "10.10"), (&ireland, &virginia, "10.20")] {
            let vpc = vpc(aws, range).await;
            let subnets = subnets(aws, &vpc, range).await;
            ways(aws, &vpc, &subnets).await;
            table(aws, &other.region).await;
            replicates(aws, other).await;
            let all = aws.leftovers().await;
            assert_eq!(all.len(), 1 + 6 + 1 + 4 + 1, "there is more than that: {all:#?}");
        }
    });
    place.destroy("shop");
    let left = block_on(async { [virginia.leftovers().await, ireland.leftovers().await].concat() });
    assert!(left.is_empty(), "{left:#?}");
}
