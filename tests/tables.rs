//! What a table may be beyond its keys, with the real binary against the local AWS behind the strict layer.
use crate::{
    lifecycle::topology,
    support::{
        binary::{Place as World, side_by_side},
        sandbox::strict,
    },
};

const TWO: [&str; 2] = ["us-east-1", "eu-west-1"];

/// One table, in two regions unless it says otherwise.
fn table(rest: &str) -> String {
    topology(&TWO, &format!("tables:\n  Orders:\n    partition_key: {{ name: id, type: string }}\n{rest}"))
}

fn apply(world: &World, text: &str) {
    world.write(text);
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
}

fn keys(id: &str) -> String {
    let key = |region: &str| format!("      {region}: arn:aws:kms:{region}:123456789012:key/{id}\n");
    format!("    encryption:\n{}", TWO.map(key).concat())
}

#[test]
fn settings_come_change_and_go() {
    let world = World::new();
    apply(&world, &table(&format!("    ttl_attribute: expiresAt\n    table_class: infrequent_access\n{}", keys("a"))));
    // A key of another id, then AWS's own.
    apply(&world, &table(&format!("    ttl_attribute: expiresAt\n{}", keys("b"))));
    apply(&world, &table("    ttl_attribute: expiresAt\n    encryption: aws_owned\n"));
    apply(&world, &table("    ttl_attribute: expiresAt\n    encryption: aws_managed\n"));
    // The class has changed as often as it may in a month.
    strict().move_clock(&world.account, jiff::SignedDuration::from_hours(2));
    apply(&world, &table("    table_class: infrequent_access\n"));
    world.write(table(""));
    let said = world.expect(1, &["apply", "--yes", "--no-sweep"]);
    assert!(said.contains("limited to 2 times in 30 day(s)") && said.contains("later"), "{said}");
    strict().move_clock(&world.account, jiff::SignedDuration::from_hours(31 * 24));
    apply(&world, &table(""));
    for code in ["ValidationException", "ThrottlingException"] {
        assert_eq!(strict().refusals(&world.account, "UpdateTable", code), 0, "{code}");
    }
    world.destroy("shop");
}

/// With a single item in the table a replica takes ten minutes; nothing else of the table is touched in the meantime.
#[test]
fn a_slow_replica_is_waited_for() {
    let world = World::new();
    strict().be_slow(&world.account, "UpdateTable", 12);
    world.write(topology(&["us-east-1", "eu-west-1", "us-west-2"], "tables:\n  Orders: { partition_key: { name: id, type: string } }\n"));
    let said = world.expect(0, &["apply", "--yes", "--no-sweep", "--format", "json"]);
    for region in ["eu-west-1", "us-west-2"] {
        let creating = format!("{region}/dynamodb.table/Orders: creating: CREATING");
        assert!(said.contains(&creating), "{said}");
    }
    for code in ["ValidationException", "ResourceInUseException"] {
        assert_eq!(strict().refusals(&world.account, "UpdateTable", code), 0, "{code}: one replica after the other");
    }
    world.is_converged();
    world.destroy("shop");
}

#[test]
fn another_attribute_expires_an_hour_later() {
    let world = World::new();
    apply(&world, &table("    ttl_attribute: expiresAt\n"));
    world.write(table("    ttl_attribute: endsAt\n"));
    let again = ["apply", "--yes", "--no-sweep"];
    let said = world.expect(1, &again);
    assert!(said.contains("multiple times within a fixed interval"), "{said}");
    strict().move_clock(&world.account, jiff::SignedDuration::from_mins(61));
    let said = world.expect(1, &again);
    assert!(said.contains("`endsAt` an hour later") && said.contains("blocked until"), "{said}");
    let said = world.expect(1, &again);
    assert!(said.contains("multiple times within a fixed interval"), "{said}");
    strict().move_clock(&world.account, jiff::SignedDuration::from_mins(61));
    world.expect(0, &again);
    world.is_converged();
    world.destroy("shop");
}

#[test]
fn the_stream_of_a_lone_table_is_as_said_or_left_alone() {
    let world = World::new();
    let lone = |rest: &str| table(&format!("    regions: [eu-west-1]\n{rest}"));
    apply(&world, &lone(""));
    for stream in ["new_and_old_images", "none", "new_and_old_images"] {
        apply(&world, &lone(&format!("    stream: {stream}\n")));
    }
    // Nothing said: it stays on, and nobody minds.
    apply(&world, &lone(""));
    apply(&world, &table(""));
    world.destroy("shop");
}

#[test]
fn a_kill_between_the_settings_converges() {
    let all = table(&format!("    ttl_attribute: expiresAt\n    table_class: infrequent_access\n{}", keys("a")));
    let points = [(1, "after"), (2, "before"), (3, "after"), (5, "after"), (7, "before"), (9, "after")];
    side_by_side(&points, |(call, side)| {
        let world = World::with(&all);
        let inject = format!("kill@{call}:{side}");
        world.run(&["--inject", &inject, "apply", "--yes", "--no-sweep"]);
        apply(&world, &all);
        world.run(&["--inject", &inject, "destroy", "--yes", "--confirm", "shop", "--allow-data-loss", "all", "--no-sweep"]);
        world.destroy("shop");
    });
}

fn index(name: &str, attribute: &str, rest: &str) -> String {
    format!("      {name}: {{ partition_key: {{ name: {attribute}, type: string }}{rest} }}\n")
}

const NO_LOSS: [&str; 3] = ["apply", "--yes", "--no-sweep"];
const LOSS: [&str; 5] = ["apply", "--yes", "--no-sweep", "--allow-data-loss", "all"];

/// The changes of indexes that were sent, each with its region: `eu-west-1 Create by-customer`.
fn index_changes(world: &World) -> Vec<String> {
    let sent = strict().updates_with(&world.account, "GlobalSecondaryIndexUpdates");
    let words = sent.iter().flat_map(|(region, body)| {
        let updates = body["GlobalSecondaryIndexUpdates"].as_array().unwrap();
        let update = updates[0].as_object().unwrap();
        update.iter().map(|(verb, index)| format!("{region} {verb} {}", index["IndexName"].as_str().unwrap())).collect::<Vec<_>>()
    });
    words.collect()
}

#[test]
fn indexes_are_made_changed_and_removed_one_at_a_time_and_once() {
    let world = World::new();
    let with = |lines: &[String]| table(&format!("    indexes:\n{}", lines.concat()));
    let (customer, state) = (index("by-customer", "customer", ""), index("by-state", "state", ", projection: keys_only"));
    apply(&world, &with(&[customer.clone(), state.clone()]));
    assert_eq!(index_changes(&world), [""; 0], "they come with the table");

    let time = index("by-time", "at", ", projection: [total, note]");
    let place = index("by-place", "place", "");
    world.write(with(&[customer.clone(), state.clone(), time.clone(), place.clone()]));
    let said = world.expect(0, &["apply", "--yes", "--no-sweep", "--format", "json"]);
    assert!(["index by-place CREATING", "index by-time CREATING"].iter().all(|step| said.contains(step)), "{said}");
    world.is_converged();
    let changes = index_changes(&world);
    assert_eq!(changes.len(), 2, "{changes:?}");
    // The list of attributes has no order.
    apply(&world, &with(&[customer.clone(), state.clone(), index("by-time", "at", ", projection: [note, total]"), place.clone()]));

    // One goes, another has a new projection: both are lost, and have to be named.
    let state = index("by-state", "state", "");
    world.write(with(&[customer.clone(), state.clone(), time.clone()]));
    let said = world.expect(8, &NO_LOSS);
    assert!(said.contains("would lose indexes.by-place and indexes.by-state"), "{said}");
    world.expect(0, &LOSS);
    world.is_converged();
    let changes: Vec<String> = index_changes(&world).split_off(2);
    let verbs: Vec<&str> = changes.iter().filter_map(|change| change.split_once(' ')).map(|(_, what)| what).collect();
    assert_eq!(verbs, ["Delete by-place", "Delete by-state", "Create by-state"]);

    // A member that joins has them all.
    world.write(with(&[customer, state, time]).replace("eu-west-1: {", "us-west-2: { cidr: 10.50.0.0/16 }\n  eu-west-1: {"));
    world.expect(0, &NO_LOSS);
    world.is_converged();
    assert_eq!(index_changes(&world).len(), 5);
    for code in ["ValidationException", "LimitExceededException"] {
        assert_eq!(strict().refusals(&world.account, "UpdateTable", code), 0, "{code}");
    }
    world.destroy("shop");
}

#[test]
fn local_indexes_come_with_the_table_and_stay() {
    let world = World::new();
    let with = |rest: &str| table(&format!("    sort_key: {{ name: at, type: number }}\n    deletion_protection: false\n{rest}"));
    let local = "    indexes:\n      by-total: { local: true, sort_key: { name: total, type: number } }\n";
    apply(&world, &with(local));
    world.write(with(""));
    let said = world.expect(8, &NO_LOSS);
    assert!(said.contains("AWS cannot change local_indexes.by-total in place"), "{said}");
    world.expect(0, &LOSS);
    world.is_converged();
    // Every member is new: none joined one of the old.
    world.write(with(local));
    world.expect(0, &LOSS);
    world.is_converged();
    world.destroy("shop");
}

#[test]
fn a_kill_between_index_changes_converges() {
    let before = table(&format!("    indexes:\n{}{}", index("by-a", "a", ""), index("by-b", "b", "")));
    let after = table(&format!("    indexes:\n{}{}", index("by-b", "b", ", projection: keys_only"), index("by-c", "c", "")));
    let points = [(1, "before"), (1, "after"), (2, "after"), (3, "before"), (3, "after"), (4, "before"), (4, "after")];
    side_by_side(&points, |(call, side)| {
        let world = World::new();
        apply(&world, &before);
        world.write(&after);
        let inject = format!("kill@{call}:{side}");
        world.run(&["--inject", &inject, "apply", "--yes", "--no-sweep", "--allow-data-loss", "all"]);
        world.expect(0, &LOSS);
        world.is_converged();
        let changes = index_changes(&world);
        assert_eq!(changes.len(), 4, "{inject}: {changes:?}");
        world.destroy("shop");
    });
}

const SET: [&str; 2] = ["us-east-1", "us-west-2"];

/// A strongly consistent table in three regions, or in two and with a witness in the third.
fn strong(with_witness: bool, rest: &str) -> String {
    let regions = ["us-east-1", "us-east-2", "us-west-2"].map(|region| format!("  {region}:\n")).concat();
    let witness = if with_witness { format!("    regions: [{}]\n    witness: us-east-2\n", SET.join(", ")) } else { String::new() };
    let table = format!("tables:\n  Orders:\n    partition_key: {{ name: id, type: string }}\n    consistency: strong\n{witness}{rest}");
    format!("version: 1\nstack: shop\nregions:\n{regions}{table}")
}

/// One call made the others, and one removed them: how many replicas and witnesses each created and deleted.
fn strong_calls(world: &World) -> Vec<(bool, [usize; 4])> {
    let sent = strict().updates_with(&world.account, "ReplicaUpdates");
    let count = |body: &serde_json::Value, field: &str, verb: &str| {
        body[field].as_array().map_or(0, |updates| updates.iter().filter(|update| update.get(verb).is_some()).count())
    };
    let shape = |(_, body): &(String, serde_json::Value)| {
        let numbers = [("ReplicaUpdates", "Create"), ("GlobalTableWitnessUpdates", "Create"), ("ReplicaUpdates", "Delete")];
        let [created, witnesses, deleted] = numbers.map(|(field, verb)| count(body, field, verb));
        let ended = count(body, "GlobalTableWitnessUpdates", "Delete");
        (body["MultiRegionConsistency"] == "STRONG", [created, witnesses, deleted, ended])
    };
    sent.iter().map(shape).collect()
}

#[test]
fn a_strong_table_is_made_by_one_call_and_removed_by_one() {
    for (with_witness, made, ended) in [(false, [2, 0, 0, 0], [0, 0, 2, 0]), (true, [1, 1, 0, 0], [0, 0, 1, 1])] {
        let world = World::new();
        apply(&world, &strong(with_witness, ""));
        // What is not shared changes as ever.
        apply(&world, &strong(with_witness, "    stream: new_and_old_images\n"));
        assert_eq!(strong_calls(&world), [(true, made)]);
        // Another witness, or none, is another table; and one member alone does not go.
        world.write(strong(!with_witness, ""));
        let said = world.expect(8, &NO_LOSS);
        assert!(said.contains("AWS cannot change strong"), "{said}");
        if !with_witness {
            let said = world.expect(1, &[&LOSS[..], &["--only", "us-east-2/*"]].concat());
            assert!(said.contains("goes as a whole"), "{said}");
        }
        // Nothing of it was given up for a removal that cannot be: its protection is on.
        world.write(strong(with_witness, "    stream: new_and_old_images\n"));
        world.expect(0, &["plan", "--detailed-exitcode", "--no-sweep"]);
        world.destroy("shop");
        assert_eq!(strong_calls(&world), [(true, made), (false, ended)]);
        for operation in ["UpdateTable", "DeleteTable"] {
            assert_eq!(strict().refusals(&world.account, operation, "ValidationException"), 0, "{operation}");
        }
    }
}

#[test]
fn consistency_changes_only_with_another_table() {
    let world = World::new();
    let eventual = strong(false, "").replace("consistency: strong", "consistency: eventual");
    for text in [eventual.clone(), strong(false, ""), strong(true, ""), eventual] {
        world.write(&text);
        strict().move_clock(&world.account, jiff::SignedDuration::from_hours(25));
        world.expect(0, &LOSS);
        world.is_converged();
    }
    world.destroy("shop");
}

#[test]
fn a_kill_within_a_strong_table_converges() {
    let points = [(1, "after"), (2, "before"), (2, "after"), (3, "after"), (5, "before"), (7, "after")];
    side_by_side(&points, |(call, side)| {
        let text = strong(call % 2 == 0, "");
        let world = World::with(&text);
        let inject = format!("kill@{call}:{side}");
        world.run(&["--inject", &inject, "apply", "--yes", "--no-sweep"]);
        apply(&world, &text);
        world.run(&["--inject", &inject, "destroy", "--yes", "--confirm", "shop", "--allow-data-loss", "all", "--no-sweep"]);
        world.destroy("shop");
        assert_eq!(strong_calls(&world).len(), 2, "{inject}");
    });
}
