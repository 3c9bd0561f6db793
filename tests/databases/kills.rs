//! Runs over databases that are cut off, or whose answers are lost.
use super::*;
use crate::support::{binary::side_by_side, kills::survive};

const LABEL: (&str, &str) = ("mrctl:kept-from", "shop");

#[test]
fn a_database_survives_being_killed_anywhere() {
    survive(&database(&TWO, "eu-west-1", "    instances: 1\n"), "shop", &TWO, 8);
}

/// Runs a command with a fault. A kill leaves no exit code; a lost answer is none of the user's business.
fn run_with(place: &Place, fault: &str, command: &[&str]) {
    let run = place.run(&[&["--inject", fault], command].concat());
    let expected = if fault.starts_with("kill") { None } else { Some(0) };
    assert_eq!(run.status.code(), expected, "{command:?} with {fault}: {}", String::from_utf8_lossy(&run.stderr));
}

/// Nothing is left but one snapshot of each cluster in these regions, and it says whose it was.
fn is_kept_from(place: &Place, regions: &[&str], after: &str) {
    assert!(global(place).is_none() && TWO.iter().all(|region| clusters(place, region).is_empty()), "{after}");
    for one in TWO {
        let kept = snapshots(place, one);
        assert_eq!(kept.len(), usize::from(regions.contains(&one)), "{after}: {kept:?}");
        for snapshot in kept {
            let tags: Vec<_> = snapshot.tag_list().iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap())).collect();
            assert_eq!(tags, [LABEL], "{after}");
        }
    }
    let left = place.plan(&["--destroy"]);
    assert_eq!(left["steps"].as_array().map(Vec::len), Some(0), "{after}: {left:#}");
}

#[test]
fn a_destroy_that_is_cut_off_at_a_detach_or_a_removal_is_finished_and_keeps_one_snapshot() {
    // The first detach and removal are the copy's, the second ones the writer's.
    let operations =
        ["RemoveFromGlobalCluster", "RemoveFromGlobalCluster#2", "DeleteDBCluster", "DeleteDBCluster#2", "DeleteGlobalCluster"];
    let faults = |operation: &&str| [format!("kill@{operation}:before"), format!("kill@{operation}:after"), format!("lost@{operation}")];
    let faults: Vec<String> = operations.iter().flat_map(faults).collect();
    side_by_side(&faults, |fault| {
        let place = Place::with(&database(&TWO, "eu-west-1", "    instances: 1\n"));
        place.expect(0, &["apply", "--yes", "--no-sweep"]);
        run_with(&place, fault, &DESTROY);
        place.expect(0, &DESTROY);
        // What stood alone when the second run began may have taken writes.
        let stood_alone = ["kill@RemoveFromGlobalCluster:after", "kill@DeleteDBCluster:before"].contains(&&**fault);
        is_kept_from(&place, if stood_alone { &TWO } else { &["eu-west-1"] }, fault);
    });
}

#[test]
fn a_snapshot_that_a_run_did_not_come_to_label_is_labelled_by_the_next_one() {
    let place = Place::with(&database(&TWO, "eu-west-1", "    instances: 1\n"));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    run_with(&place, "kill@DeleteDBCluster#2:after", &DESTROY);
    // AWS goes on meanwhile, and the next run finds no cluster any more.
    while !clusters(&place, "eu-west-1").is_empty() {}
    assert_eq!(snapshots(&place, "eu-west-1").iter().map(|one| one.tag_list().len()).collect::<Vec<_>>(), [0]);
    let said = place.expect(0, &DESTROY);
    let kept = snapshots(&place, "eu-west-1");
    let name = kept[0].db_cluster_snapshot_identifier().unwrap();
    assert!(said.contains(&format!("eu-west-1: snapshot {name} of shop-main-eu-west-1")), "{said}");
    is_kept_from(&place, &["eu-west-1"], "a label that was missing");
}

#[test]
fn a_copy_that_was_about_to_leave_and_became_the_writer_leaves_a_snapshot() {
    let place = Place::new();
    let text = database(&TWO, "us-east-1", "    instances: 1\n");
    apply(&place, &text);
    run_with(&place, "kill@RemoveFromGlobalCluster:before", &DESTROY);
    // Somebody needs it at once, with what mrctl left of it.
    let ask = client(&place, "eu-west-1").create_db_instance().db_instance_identifier("shop-main-eu-west-1-1");
    let ask = ask.db_cluster_identifier("shop-main-eu-west-1").db_instance_class("db.r6g.large").engine("aurora-mysql");
    let mark = |key: &str, value: &str| aws_sdk_rds::types::Tag::builder().key(key).value(value).build();
    let marks = [mark("mrctl:stack", "shop"), mark("mrctl:resource", "eu-west-1/rds.instance/main-1")];
    block_on(ask.set_tags(Some(marks.into())).send()).unwrap();
    switch_over(&place, "eu-west-1");
    place.expect(0, &DESTROY);
    is_kept_from(&place, &["eu-west-1"], "a switch-over");
}

#[test]
fn a_copy_that_stays_after_all_is_not_taken_for_a_copy_for_ever() {
    let place = Place::new();
    let text = database(&TWO, "us-east-1", "    instances: 1\n");
    apply(&place, &text);
    run_with(&place, "kill@RemoveFromGlobalCluster:before", &DESTROY);
    apply(&place, &text);
    // Detached by somebody in an emergency, it is the one that is written to.
    let arn = cluster(&place, "eu-west-1").db_cluster_arn().unwrap().to_owned();
    let ask = client(&place, "eu-west-1").remove_from_global_cluster().global_cluster_identifier("shop-main").db_cluster_identifier(arn);
    block_on(ask.send()).unwrap();
    while global_from(&place, "eu-west-1").unwrap().global_cluster_members().len() > 1 {}
    place.expect(0, &DESTROY);
    assert_eq!(TWO.map(|region| snapshots(&place, region).len()), [1, 1]);
}

/// Asks for a switch that takes its time, and does not wait for it.
fn begin_switch_over(place: &Place, region: &str) {
    strict().be_slow(&place.account, "SwitchoverGlobalCluster", 12);
    let target = cluster(place, region).db_cluster_arn().unwrap().to_owned();
    let ask = client(place, region).switchover_global_cluster().global_cluster_identifier("shop-main").target_db_cluster_identifier(target);
    block_on(ask.send()).unwrap();
}

#[test]
fn changes_that_are_cut_off_while_somebody_switches_over_are_finished_where_they_belong() {
    let text = database(&TWO, "us-east-1", "    instances: 1\n    write_forwarding: true\n");
    let more = text.replace("instances: 1", "instances: 2").replace("write_forwarding: true", "backup_retention_days: 9");
    let faults = [
        "kill@1:before",
        "kill@ModifyDBCluster:before",
        "kill@ModifyDBCluster:after",
        "kill@CreateDBInstance#2:after",
        "lost@ModifyDBCluster",
    ];
    side_by_side(&faults, |fault| {
        let place = Place::new();
        apply(&place, &text);
        begin_switch_over(&place, "eu-west-1");
        place.write(&more);
        run_with(&place, fault, &["apply", "--yes", "--no-sweep"]);
        apply(&place, &more);
        assert_eq!(writer(&place), "eu-west-1", "{fault}");
        for region in TWO {
            let now = cluster(&place, region);
            assert_eq!((now.backup_retention_period(), instances(&place, region).len()), (Some(9), 2), "{fault} {region}");
        }
        place.destroy("shop");
    });
}

#[test]
fn a_destroy_that_meets_a_switch_over_keeps_what_the_new_writer_has() {
    let faults = ["kill@1:before", "kill@DeleteDBInstance:before", "lost@1"];
    side_by_side(&faults, |fault| {
        let place = Place::new();
        apply(&place, &database(&TWO, "us-east-1", "    instances: 1\n"));
        begin_switch_over(&place, "eu-west-1");
        // What it removes in the wrong order is refused by AWS, and by mrctl once the writer is another one.
        place.run(&[&["--inject", fault], &DESTROY[..]].concat());
        let runs = (0..3).map(|_| place.run(&DESTROY)).find(|run| {
            let said = String::from_utf8_lossy(&run.stderr).into_owned() + &String::from_utf8_lossy(&run.stdout);
            let is_told = said.contains("since the plan was made: the same command goes on from there");
            assert!(run.status.success() || run.status.code() == Some(1) && is_told, "{fault}: {said}");
            run.status.success()
        });
        assert!(runs.is_some(), "{fault}");
        is_kept_from(&place, &["eu-west-1"], fault);
    });
}

#[test]
fn what_was_made_although_its_answer_was_lost_is_made_once() {
    let text = database(&TWO, "us-east-1", "    instances: 1\n    parameters: { binlog_format: ROW }\n");
    let place = Place::with(&text);
    let operations = [
        "CreateGlobalCluster",
        "CreateDBCluster",
        "CreateDBCluster#3",
        "CreateDBInstance",
        "CreateDBInstance#3",
        "CreateDBSubnetGroup",
        "CreateDBClusterParameterGroup",
        "ModifyDBClusterParameterGroup",
        "CreateSecret",
        "ReplicateSecretToRegions",
    ];
    let lost: Vec<String> = operations.iter().map(|operation| format!("lost@{operation}")).collect();
    run_with(&place, &lost.join(","), &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    assert_eq!(TWO.map(|region| (clusters(&place, region).len(), instances(&place, region).len())), [(1, 1), (1, 1)]);
    // The same of what changes: the login is set once more, and that is said.
    place.write(text.replace("ROW", "MIXED").replace("instances: 1", "instances: 1\n    backup_retention_days: 9"));
    let lost = ["ModifyDBCluster", "ModifyDBCluster#3", "ModifyDBClusterParameterGroup"].map(|operation| format!("lost@{operation}"));
    run_with(&place, &lost.join(","), &["apply", "--yes", "--no-sweep", "--allow-data-loss", "all"]);
    place.is_converged();
    place.destroy("shop");
}
