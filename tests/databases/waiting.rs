//! What AWS takes its time for, and who is waited for; what waits for people.
use super::*;

/// What a run says while it waits, as `us-east-1/rds.cluster/main: modifying`, and what it has done in between.
fn followed(place: &Place) -> Vec<String> {
    let run = place.run(&["apply", "--yes", "--no-sweep", "--format", "json"]);
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{said}");
    let events = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let told = events.filter_map(|event| {
        let address = event["address"].as_str()?.to_owned();
        match event["type"].as_str()? {
            "progress" => Some(format!("{address}: {}", event["now"].as_str()?)),
            "done" => Some(format!("{address} done")),
            "started" => Some(format!("{address} started")),
            _ => None,
        }
    });
    told.collect()
}

/// Holds that one of them is said before another.
fn comes_before(told: &[String], first: &str, then: &str) {
    let at = |line: &str| told.iter().position(|one| one == line).unwrap_or_else(|| panic!("no `{line}` in {told:#?}"));
    assert!(at(first) < at(then), "{told:#?}");
}

#[test]
fn a_slow_writer_instance_is_waited_for_by_name_before_a_copy_is_begun() {
    let place = Place::with(&database(&TWO, "us-east-1", "    instances: 1\n"));
    strict().be_slow(&place.account, "CreateDBInstance", 6);
    let told = followed(&place);
    comes_before(&told, "us-east-1/rds.instance/main-1: creating", "us-east-1/rds.instance/main-1 done");
    comes_before(&told, "us-east-1/rds.instance/main-1 done", "eu-west-1/rds.cluster/main started");
    assert_eq!(strict().refusals(&place.account, "CreateDBCluster", "InvalidDBClusterStateFault"), 0);
    place.destroy("shop");
}

#[test]
fn a_copy_that_is_refused_says_whom_it_waits_for() {
    let text = database(&TWO, "us-east-1", "    instances: 1\n");
    let place = Place::with(&text);
    place.expect(0, &["apply", "--yes", "--no-sweep", "--except", "eu-west-1/*"]);
    // A run that does not look at the writer's region again hears of it from AWS alone.
    change_backups(&place, "us-east-1", 30);
    let said = place.expect(0, &["apply", "--yes", "--no-sweep", "--only", "eu-west-1/*"]);
    assert!(strict().refusals(&place.account, "CreateDBCluster", "InvalidDBClusterStateFault") > 0, "{said}");
    in_order(
        &said,
        &[
            "again    eu-west-1/rds.cluster/main",
            "shop-main-us-east-1 is in a state which is not valid",
            "done     eu-west-1/rds.cluster/main",
        ],
    );
    place.destroy("shop");
}

#[test]
fn a_cluster_that_is_being_changed_is_waited_for_by_name() {
    let place = Place::new();
    let text = database(&TWO, "us-east-1", "    instances: 1\n");
    apply(&place, &text);
    // Before the plan is made, and it is told there.
    change_backups(&place, "us-east-1", 9);
    place.write(text.replace("instances: 1", "instances: 1\n    backup_retention_days: 20"));
    let told = followed(&place);
    comes_before(&told, "us-east-1/rds.cluster/main: modifying", "us-east-1/rds.cluster/main done");
    place.is_converged();
    // And on the way out.
    change_backups(&place, "eu-west-1", 9);
    place.expect(0, &DESTROY);
}

/// Changes a cluster as somebody else would, and AWS takes its time for that.
fn change_backups(place: &Place, region: &str, polls: u8) {
    strict().be_slow(&place.account, "ModifyDBCluster", polls);
    let ask = client(place, region).modify_db_cluster().db_cluster_identifier(format!("shop-main-{region}")).backup_retention_period(7);
    block_on(ask.send()).unwrap();
    strict().be_slow(&place.account, "ModifyDBCluster", 2);
}

#[test]
fn a_static_parameter_waits_for_a_reboot_that_somebody_makes() {
    let place = Place::new();
    let text = database(&TWO, "us-east-1", "    instances: 2\n    parameters: { innodb_buffer_pool_size: \"268435456\" }\n");
    apply(&place, &text);
    assert_eq!(place.plan(&[])["posture"], serde_json::json!([]), "what starts with it has it");
    apply(&place, &text.replace("268435456", "536870912"));
    let plan = place.plan(&[]);
    let posture = plan["posture"].as_array().unwrap();
    let waiting: Vec<_> = posture.iter().map(|one| (one["address"].as_str().unwrap(), one["found"].clone())).collect();
    let names = |region: &str| serde_json::json!([format!("shop-main-{region}-1"), format!("shop-main-{region}-2")]);
    assert_eq!(
        waiting,
        [("eu-west-1/rds.cluster/main", names("eu-west-1")), ("us-east-1/rds.cluster/main", names("us-east-1"))],
        "{plan:#}"
    );
    for region in TWO {
        for number in [1, 2] {
            let ask = client(&place, region).reboot_db_instance().db_instance_identifier(format!("shop-main-{region}-{number}"));
            block_on(ask.send()).unwrap();
        }
    }
    assert_eq!(place.plan(&[])["posture"], serde_json::json!([]));
    place.destroy("shop");
}

#[test]
fn another_master_user_is_another_database_copies_and_all() {
    let place = Place::new();
    let text = database(&TWO, "us-east-1", "    instances: 1\n    master_username: dbadmin\n");
    apply(&place, &text);
    switch_over(&place, "eu-west-1");
    let other = text.replace("dbadmin", "root1");
    place.write(&other);
    let refused = place.expect(8, &["--inject", "kill@1:before", "apply", "--yes", "--no-sweep"]);
    assert!(refused.contains("AWS cannot change master_username"), "{refused}");
    place.expect(0, &["apply", "--yes", "--no-sweep", "--allow-data-loss", "all"]);
    place.is_converged();
    assert_eq!(writer(&place), "us-east-1");
    for region in TWO {
        assert_eq!(cluster(&place, region).master_username(), Some("root1"), "{region}");
    }
    // What was there before is kept, of the one that wrote.
    assert_eq!(TWO.map(|region| snapshots(&place, region).len()), [0, 1]);
    place.destroy("shop");
}
