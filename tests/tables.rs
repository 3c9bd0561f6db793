//! What a table may be beyond its keys, with the real binary against the local AWS behind the strict layer.
use crate::{
    lifecycle::{World, topology},
    support::sandbox::strict,
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
    world.write(&table(""));
    let said = world.expect(1, &["apply", "--yes", "--no-sweep"]);
    assert!(said.contains("limited to 2 times in 30 day(s)") && said.contains("later"), "{said}");
    strict().move_clock(&world.account, jiff::SignedDuration::from_hours(31 * 24));
    apply(&world, &table(""));
    for code in ["ValidationException", "ThrottlingException"] {
        assert_eq!(strict().refusals(&world.account, "UpdateTable", code), 0, "{code}");
    }
    world.destroy();
}

#[test]
fn another_attribute_expires_an_hour_later() {
    let world = World::new();
    apply(&world, &table("    ttl_attribute: expiresAt\n"));
    world.write(&table("    ttl_attribute: endsAt\n"));
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
    world.destroy();
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
    world.destroy();
}

#[test]
fn a_kill_between_the_settings_converges() {
    let all = table(&format!("    ttl_attribute: expiresAt\n    table_class: infrequent_access\n{}", keys("a")));
    for (call, side) in [(1, "after"), (2, "before"), (3, "after"), (5, "after"), (7, "before"), (9, "after")] {
        let world = World::new();
        world.write(&all);
        let inject = format!("kill@{call}:{side}");
        world.run(&["--inject", &inject, "apply", "--yes", "--no-sweep"]);
        apply(&world, &all);
        world.run(&["--inject", &inject, "destroy", "--yes", "--confirm", "shop", "--allow-data-loss", "all", "--no-sweep"]);
        world.destroy();
    }
}
