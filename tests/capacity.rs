//! Provisioned capacity and what scales it, with the real binary against the local AWS behind the strict layer.
use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ServiceNamespace, TargetTrackingScalingPolicyConfiguration,
};
use aws_sdk_dynamodb::types::ProvisionedThroughput;

use crate::{
    lifecycle::topology,
    support::{
        aws::{Aws, block_on},
        binary::{Place as World, side_by_side},
        sandbox::{fleet, strict},
    },
};

const TWO: [&str; 2] = ["us-east-1", "eu-west-1"];
const THREE: [&str; 3] = ["us-east-1", "eu-west-1", "us-west-2"];
const PROVISIONED: &str = "    billing: { read: { min: 5, max: 100 }, write: { min: 4, max: 50, target: 60 } }\n";
const LOSS: [&str; 5] = ["apply", "--yes", "--no-sweep", "--allow-data-loss", "all"];

fn index(name: &str) -> String {
    format!("      {name}: {{ partition_key: {{ name: {name}, type: string }} }}\n")
}

fn table(regions: &[&str], billing: &str, indexes: &[&str]) -> String {
    let lines: String = indexes.iter().map(|name| index(name)).collect();
    let indexes = if indexes.is_empty() { String::new() } else { format!("    indexes:\n{lines}") };
    topology(regions, &format!("tables:\n  Orders:\n    partition_key: {{ name: id, type: string }}\n{billing}{indexes}"))
}

fn apply(world: &World, text: &str) {
    world.write(text);
    world.expect(0, &LOSS);
    world.is_converged();
}

/// What scales tables in a region, in an order of its own.
fn scaling(world: &World, region: &str) -> Vec<String> {
    let mut all = block_on(async { Aws::new(&world.account, region).scaling().await });
    all.sort();
    all
}

/// What there should be of one table with the limits of [`PROVISIONED`].
fn expected(indexes: &[&str]) -> Vec<String> {
    let of = |resource: String, dimension: &str| {
        let line = |units: &str, rest: &str| format!("{resource} dynamodb:{dimension}:{units}CapacityUnits {rest}");
        [line("Read", "5-100"), line("Read", "shop-read 70"), line("Write", "4-50"), line("Write", "shop-write 60")]
    };
    let mut all = of("table/shop-Orders".to_owned(), "table").to_vec();
    all.extend(indexes.iter().flat_map(|name| of(format!("table/shop-Orders/index/{name}"), "index")));
    all.sort();
    all
}

fn nothing_was_refused(world: &World) {
    for operation in ["CreateTable", "UpdateTable"] {
        for code in ["ValidationException", "LimitExceededException"] {
            assert_eq!(strict().refusals(&world.account, operation, code), 0, "{operation} {code}");
        }
    }
}

#[test]
fn a_provisioned_table_is_made_and_removed_with_what_scales_it() {
    for regions in [&TWO[..], &THREE] {
        let world = World::new();
        apply(&world, &table(regions, PROVISIONED, &["by-a"]));
        for region in regions {
            assert_eq!(scaling(&world, region), expected(&["by-a"]), "{region}");
        }
        nothing_was_refused(&world);
        world.destroy("shop");
        for region in regions {
            assert_eq!(scaling(&world, region), [""; 0], "{region}");
        }
    }
}

#[test]
fn a_live_table_goes_to_provisioned_and_back() {
    let world = World::new();
    apply(&world, &table(&TWO, "", &["by-a"]));
    assert_eq!(scaling(&world, TWO[0]), [""; 0]);
    for _ in 0..2 {
        apply(&world, &table(&TWO, PROVISIONED, &["by-a"]));
        TWO.iter().for_each(|region| assert_eq!(scaling(&world, region), expected(&["by-a"]), "{region}"));
        apply(&world, &table(&TWO, "    billing: on_demand\n", &["by-a"]));
        TWO.iter().for_each(|region| assert_eq!(scaling(&world, region), [""; 0], "{region}"));
    }
    nothing_was_refused(&world);
    // All at once: another region, another index, provisioned.
    apply(&world, &table(&THREE, PROVISIONED, &["by-a", "by-b"]));
    THREE.iter().for_each(|region| assert_eq!(scaling(&world, region), expected(&["by-a", "by-b"]), "{region}"));
    world.destroy("shop");
}

/// Reads and writes of the table, then of its indexes, as a region shows them.
fn units(world: &World, region: &str) -> Vec<i64> {
    block_on(async {
        let seen = Aws::new(&world.account, region).dynamodb.describe_table().table_name("shop-Orders").send().await.unwrap();
        let table = seen.table.unwrap();
        let own = table.provisioned_throughput().cloned();
        let all =
            own.into_iter().chain(table.global_secondary_indexes().iter().filter_map(|index| index.provisioned_throughput().cloned()));
        all.flat_map(|of| [of.read_capacity_units.unwrap_or_default(), of.write_capacity_units.unwrap_or_default()]).collect()
    })
}

#[test]
fn limits_and_targets_change() {
    let world = World::new();
    let billing = |read: &str, write: &str| format!("    billing: {{ read: {{ {read} }}, write: {{ {write} }} }}\n");
    apply(&world, &table(&TWO, PROVISIONED, &["by-a"]));
    assert_eq!(units(&world, TWO[1]), [5, 4, 5, 4]);
    apply(&world, &table(&TWO, &billing("min: 5, max: 60", "min: 4, max: 50, target: 80"), &["by-a"]));
    let seen = scaling(&world, TWO[1]);
    assert!(seen.iter().any(|one| one.ends_with("5-60")) && seen.iter().any(|one| one.ends_with("shop-write 80")), "{seen:?}");
    // More at the least than there is.
    apply(&world, &table(&TWO, &billing("min: 8, max: 60", "min: 9, max: 50"), &["by-a"]));
    TWO.iter().for_each(|region| assert_eq!(units(&world, region), [8, 9, 8, 9], "{region}"));
    // Less at the most than there is.
    apply(&world, &table(&TWO, &billing("min: 1, max: 2", "min: 3, max: 3"), &["by-a"]));
    TWO.iter().for_each(|region| assert_eq!(units(&world, region), [2, 3, 2, 3], "{region}"));
    // Reads of one region.
    let own = |max: &str| format!("{PROVISIONED}    per_region: {{ eu-west-1: {{ billing: {{ read: {{ min: 20, {max} }} }} }} }}\n");
    for max in ["target: 50", "max: 30, target: null"] {
        apply(&world, &table(&TWO, &own(max), &["by-a"]));
        assert_eq!((units(&world, TWO[0]), units(&world, TWO[1])), (vec![5, 4, 5, 4], vec![20, 4, 20, 4]));
    }
    // Where it begins so, too.
    world.destroy("shop");
    apply(&world, &table(&THREE, &own("max: 30"), &["by-a"]));
    assert_eq!((units(&world, THREE[2]), units(&world, THREE[1])), (vec![5, 4, 5, 4], vec![20, 4, 20, 4]));
    nothing_was_refused(&world);
    world.destroy("shop");
}

#[test]
fn indexes_and_regions_come_and_go_with_what_scales_them() {
    let world = World::new();
    apply(&world, &table(&TWO, PROVISIONED, &[]));
    for indexes in [&["by-a"][..], &["by-a", "by-b"], &["by-b"], &[]] {
        apply(&world, &table(&TWO, PROVISIONED, indexes));
        TWO.iter().for_each(|region| assert_eq!(scaling(&world, region), expected(indexes), "{region}"));
    }
    apply(&world, &table(&THREE, PROVISIONED, &["by-a"]));
    assert_eq!(scaling(&world, THREE[2]), expected(&["by-a"]));
    world.write(table(&TWO, PROVISIONED, &["by-a"]));
    world.expect(0, &["apply", "--yes", "--allow-data-loss", "all"]);
    world.expect(0, &["plan", "--detailed-exitcode"]);
    assert_eq!(scaling(&world, THREE[2]), [""; 0]);
    nothing_was_refused(&world);
    world.destroy("shop");
}

/// The member that the others were added at goes: what scales it stays until they are there, and a day later it goes itself.
#[test]
fn a_provisioned_table_moves_to_other_regions() {
    let world = World::new();
    apply(&world, &table(&TWO, PROVISIONED, &["by-a"]));
    let new = ["us-west-2", "ap-southeast-2"];
    world.write(table(&new, PROVISIONED, &["by-a"]));
    world.expect(1, &["apply", "--yes", "--allow-data-loss", "all"]);
    new.iter().for_each(|region| assert_eq!(scaling(&world, region), expected(&["by-a"]), "{region}"));
    // What scaled the old ones is gone, one of them is still there, and another region joins at one that stays.
    world.write(table(&["us-west-2", "ap-southeast-2", "eu-central-1"], PROVISIONED, &["by-a"]));
    world.expect(1, &["apply", "--yes", "--allow-data-loss", "all"]);
    assert_eq!(scaling(&world, "eu-central-1"), expected(&["by-a"]));
    nothing_was_refused(&world);
    strict().move_clock(&world.account, jiff::SignedDuration::from_hours(25));
    world.expect(0, &["apply", "--yes", "--allow-data-loss", "all"]);
    world.expect(0, &["plan", "--detailed-exitcode"]);
    TWO.iter().for_each(|region| assert_eq!(scaling(&world, region), [""; 0], "{region}"));
    world.destroy("shop");
}

#[test]
fn a_strongly_consistent_table_is_scaled_too() {
    let world = World::new();
    let regions = ["us-east-1", "us-east-2", "us-west-2"];
    let lines = regions.map(|region| format!("  {region}:\n")).concat();
    let rest = format!("    consistency: strong\n{PROVISIONED}");
    let text =
        format!("version: 1\nstack: shop\nregions:\n{lines}tables:\n  Orders:\n    partition_key: {{ name: id, type: string }}\n{rest}");
    apply(&world, &text);
    regions.iter().for_each(|region| assert_eq!(scaling(&world, region), expected(&[]), "{region}"));
    nothing_was_refused(&world);
    world.destroy("shop");
    regions.iter().for_each(|region| assert_eq!(scaling(&world, region), [""; 0], "{region}"));
}

/// Of a table that is ours everything that scales it is ours, whoever made it; of another table nothing is.
#[test]
fn what_others_did_to_a_table_of_ours_is_undone_and_other_tables_stay() {
    let world = World::new();
    let text = table(&TWO, PROVISIONED, &[]);
    apply(&world, &text);
    let (fleet, _) = fleet(&world.account);
    let clients = fleet.region(&mrctl::resource::Region::new("eu-west-1"));
    let write = ScalableDimension::DynamoDbTableWriteCapacityUnits;
    let tracking = |metric: MetricType| {
        let metric = PredefinedMetricSpecification::builder().predefined_metric_type(metric).build().unwrap();
        TargetTrackingScalingPolicyConfiguration::builder().target_value(30.0).predefined_metric_specification(metric).build().unwrap()
    };
    let put = async |table: &str, name: &str, metric: MetricType| {
        let ask = clients.autoscaling.put_scaling_policy().policy_name(name).resource_id(table).scalable_dimension(write.clone());
        let ask = ask.service_namespace(ServiceNamespace::Dynamodb).policy_type(PolicyType::TargetTrackingScaling);
        ask.target_tracking_scaling_policy_configuration(tracking(metric)).send().await.unwrap();
    };
    let register = async |table: &str| {
        let ask = clients.autoscaling.register_scalable_target().resource_id(table).scalable_dimension(write.clone());
        ask.service_namespace(ServiceNamespace::Dynamodb).min_capacity(1).max_capacity(2).send().await.unwrap();
    };
    let theirs = "table/shop-Orders-of-others";
    block_on(async {
        // Another name for the same, another metric, other limits.
        let ask = clients.autoscaling.delete_scaling_policy().policy_name("shop-write").resource_id("table/shop-Orders");
        ask.scalable_dimension(write.clone()).service_namespace(ServiceNamespace::Dynamodb).send().await.unwrap();
        put("table/shop-Orders", "by hand: a|b", MetricType::DynamoDbWriteCapacityUtilization).await;
        put("table/shop-Orders", "odd", MetricType::DynamoDbReadCapacityUtilization).await;
        register("table/shop-Orders").await;
        let throughput = ProvisionedThroughput::builder().read_capacity_units(1).write_capacity_units(1).build().unwrap();
        let key = aws_sdk_dynamodb::types::KeySchemaElement::builder().attribute_name("id").key_type("HASH".into()).build().unwrap();
        let id = aws_sdk_dynamodb::types::AttributeDefinition::builder().attribute_name("id").attribute_type("S".into()).build().unwrap();
        let ask = clients.dynamodb.create_table().table_name("shop-Orders-of-others").key_schema(key).attribute_definitions(id);
        ask.provisioned_throughput(throughput).send().await.unwrap();
        register(theirs).await;
        put(theirs, "theirs", MetricType::DynamoDbWriteCapacityUtilization).await;
    });
    let plan = world.plan(&[]);
    let changed = |address: &str| {
        let steps = plan["steps"].as_array().unwrap();
        steps.iter().find(|step| step["address"] == address).unwrap_or_else(|| panic!("{address}: {plan:#}"))["action"].clone()
    };
    let policy = "eu-west-1/applicationautoscaling.scaling_policy/table/Orders/write";
    assert_eq!(changed("eu-west-1/applicationautoscaling.scalable_target/table/Orders/write"), "update");
    assert_eq!((changed(policy), changed(&format!("{policy}/odd"))), ("replace".into(), "delete".into()));
    apply(&world, &text);
    let (own, others): (Vec<String>, Vec<String>) =
        scaling(&world, "eu-west-1").into_iter().partition(|one| one.starts_with("table/shop-Orders "));
    assert_eq!((own, others.len()), (expected(&[]), 2));
    world.destroy("shop");
    assert_eq!(scaling(&world, "eu-west-1").len(), 2, "what scales another table stays");
}

#[test]
fn capacity_within_its_limits_is_posture_and_outside_it_is_brought_back() {
    let world = World::new();
    let text = table(&TWO, PROVISIONED, &[]);
    apply(&world, &text);
    let (fleet, _) = fleet(&world.account);
    let set = |read: i64, write: i64| {
        let client = fleet.region(&mrctl::resource::Region::new("us-east-1")).dynamodb;
        let throughput = ProvisionedThroughput::builder().read_capacity_units(read).write_capacity_units(write).build().unwrap();
        block_on(async { client.update_table().table_name("shop-Orders").provisioned_throughput(throughput).send().await.unwrap() });
        // Each look is time going by: it arrives everywhere.
        (0..3).for_each(|_| drop(world.plan(&[])));
    };
    set(40, 20);
    let plan = world.plan(&[]);
    let posture: Vec<(&str, &serde_json::Value)> =
        plan["posture"].as_array().unwrap().iter().map(|item| (item["address"].as_str().unwrap(), &item["found"])).collect();
    let (all, writes) = (serde_json::json!({ "read": 40, "write": 20 }), serde_json::json!({ "write": 20 }));
    assert_eq!(posture, [("eu-west-1/dynamodb.table/Orders", &writes), ("us-east-1/dynamodb.table/Orders", &all)], "{plan:#}");
    world.is_converged();
    assert_eq!(units(&world, "us-east-1"), [40, 20]);

    set(2, 60);
    let plan = world.plan(&[]);
    let steps = plan["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["address"] == "us-east-1/dynamodb.table/Orders").unwrap();
    let changes = serde_json::json!([
        { "path": "capacity.read", "from": "2", "to": "5 to 100" },
        { "path": "capacity.write", "from": "60", "to": "4 to 50" },
    ]);
    assert_eq!((&step["action"], &step["changes"]), (&"update".into(), &changes), "{plan:#}");
    apply(&world, &text);
    assert_eq!((units(&world, "us-east-1"), units(&world, "eu-west-1")), (vec![5, 50], vec![5, 50]));
    world.destroy("shop");
}

#[test]
fn a_kill_anywhere_converges() {
    let points: Vec<(usize, &str)> = (1..=26).step_by(2).map(|call| (call, if call % 4 == 1 { "before" } else { "after" })).collect();
    let text = table(&TWO, PROVISIONED, &["by-a"]);
    side_by_side(&points, |(call, side)| {
        let world = World::with(&text);
        let inject = format!("kill@{call}:{side}");
        world.run(&["--inject", &inject, "apply", "--yes", "--no-sweep"]);
        apply(&world, &text);
        TWO.iter().for_each(|region| assert_eq!(scaling(&world, region), expected(&["by-a"]), "{inject} {region}"));
        // From one mode to the other and back, and away.
        for other in [table(&TWO, "", &["by-a"]), text.clone()] {
            world.write(&other);
            world.run(&["--inject", &inject, "apply", "--yes", "--no-sweep"]);
            apply(&world, &other);
        }
        world.run(&["--inject", &inject, "destroy", "--yes", "--confirm", "shop", "--allow-data-loss", "all", "--no-sweep"]);
        world.destroy("shop");
        TWO.iter().for_each(|region| assert_eq!(scaling(&world, region), [""; 0], "{inject} {region}"));
    });
}

/// What is killed while a table is being given up for another, or an index for none, leaves nothing behind either.
#[test]
fn a_kill_between_two_files_leaves_no_target() {
    let before = table(&THREE, PROVISIONED, &["by-a"]);
    let after = table(&TWO, &PROVISIONED.replace("min: 5", "min: 7"), &["by-b"]);
    let points: Vec<(usize, &str)> = (1..=18).step_by(4).flat_map(|call| [(call, "before"), (call, "after")]).collect();
    side_by_side(&points, |(call, side)| {
        let world = World::new();
        apply(&world, &before);
        world.write(&after);
        let inject = format!("kill@{call}:{side}");
        world.run(&["--inject", &inject, "apply", "--yes", "--allow-data-loss", "all"]);
        world.expect(0, &["apply", "--yes", "--allow-data-loss", "all"]);
        world.is_converged();
        assert_eq!((scaling(&world, "us-west-2"), scaling(&world, "eu-west-1").len()), (vec![], 8), "{inject}");
        world.destroy("shop");
    });
}
