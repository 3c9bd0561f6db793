//! Global tables between regions, with the real binary against the local AWS.
use aws_sdk_dynamodb::types::{AttributeValue, CreateReplicationGroupMemberAction, ReplicationGroupUpdate};
use mrctl::{aws::Fleet, resource::Region};
use serde_json::json;

use crate::support::{
    binary::Place,
    sandbox::{fleet, strict},
};

fn topology(regions: &[&str]) -> String {
    let lines = regions.iter().enumerate().map(|(n, region)| format!("  {region}: {{ cidr: 10.{n}0.0.0/16 }}\n"));
    let rest = "network: { availability_zones: 2 }\ntables:\n  Orders: { partition_key: { name: id, type: string } }\n";
    format!("version: 1\nstack: shop\nregions:\n{}{rest}", lines.collect::<String>())
}

fn dynamodb(fleet: &Fleet, region: &str) -> aws_sdk_dynamodb::Client {
    fleet.region(&Region::new(region)).dynamodb
}

async fn exists(fleet: &Fleet, region: &str) -> bool {
    dynamodb(fleet, region).describe_table().table_name("shop-Orders").send().await.is_ok()
}

async fn is_active(fleet: &Fleet, region: &str) -> bool {
    let seen = dynamodb(fleet, region).describe_table().table_name("shop-Orders").send().await;
    seen.is_ok_and(|seen| seen.table.is_some_and(|table| table.table_status().is_some_and(|status| status.as_str() == "ACTIVE")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_not_ours_is_posture_and_stays() {
    let stack = Place::with(&topology(&["us-east-1", "eu-west-1"]));
    stack.expect(0, &["apply", "--yes", "--no-sweep"]);
    let (fleet, _) = fleet(&stack.account);
    let add = CreateReplicationGroupMemberAction::builder().region_name("us-west-2").build().unwrap();
    let ask = dynamodb(&fleet, "us-east-1").update_table().table_name("shop-Orders");
    ask.replica_updates(ReplicationGroupUpdate::builder().create(add).build()).send().await.unwrap();
    while !is_active(&fleet, "us-west-2").await {}
    let plan = stack.plan(&[]);
    let posture = plan["posture"].as_array().unwrap();
    assert_eq!(posture.len(), 1, "{posture:#?}");
    let address = "us-west-2/dynamodb.table/Orders";
    for (field, value) in
        [("id", format!("member:{address}")), ("kind", "member".into()), ("address", address.into()), ("found", "ACTIVE".into())]
    {
        assert_eq!(posture[0][field], value);
    }
    assert_eq!(posture[0]["wanted"], json!(null));
    assert!(!plan["steps"].as_array().unwrap().iter().any(|step| step["region"] == "us-west-2"));
    let said = stack.expect(0, &["plan", "--detailed-exitcode", "--no-sweep"]);
    assert!(said.contains("Posture") && said.contains(address), "{said}");
    let said = stack.expect(0, &["apply", "--yes"]);
    assert!(said.contains("No changes"), "{said}");
    // A table that the file does not have any more is removed, and the foreign member is still not ours.
    stack.write(topology(&["us-east-1", "eu-west-1"]).split("tables:").next().unwrap());
    let plan = stack.plan(&[]);
    assert_eq!((&plan["summary"]["delete"], &plan["posture"][0]["address"]), (&json!(2), &json!(address)), "{plan:#}");
    strict().move_clock(&stack.account, jiff::SignedDuration::from_hours(25));
    stack.expect(0, &["destroy", "--yes", "--confirm", "shop", "--allow-data-loss", "all"]);
    assert!(exists(&fleet, "us-west-2").await);
    assert!(!exists(&fleet, "us-east-1").await);
}

/// A table that was begun a second time has another id, and nothing of what was in the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_moves_to_other_regions_with_what_it_holds() {
    let stack = Place::with(&topology(&["us-east-1", "eu-west-1"]));
    stack.expect(0, &["apply", "--yes", "--no-sweep"]);
    let (fleet, _) = fleet(&stack.account);
    let put = dynamodb(&fleet, "us-east-1").put_item().table_name("shop-Orders").item("id", AttributeValue::S("one".into()));
    put.send().await.unwrap();
    stack.write(topology(&["us-west-2", "ap-southeast-2"]));
    stack.expect(8, &["apply", "--yes"]);
    // The old member that the new ones were added at stays for a day.
    let said = stack.expect(1, &["apply", "--yes", "--allow-data-loss", "all", "-v"]);
    assert!(!said.contains("CreateTable") && said.contains("blocked until"), "{said}");
    strict().move_clock(&stack.account, jiff::SignedDuration::from_hours(25));
    stack.expect(0, &["apply", "--yes", "--allow-data-loss", "all"]);
    for region in ["us-west-2", "ap-southeast-2"] {
        let read = dynamodb(&fleet, region).get_item().table_name("shop-Orders").key("id", AttributeValue::S("one".into()));
        assert!(read.send().await.unwrap().item().is_some(), "{region}");
    }
    assert!(!exists(&fleet, "us-east-1").await && !exists(&fleet, "eu-west-1").await);
    stack.expect(0, &["plan", "--detailed-exitcode"]);
    stack.expect(0, &["destroy", "--yes", "--confirm", "shop", "--allow-data-loss", "all"]);
}
