//! What is changed in place, by whom, and what AWS cannot change.
use serde_json::json;

use super::*;

#[test]
fn a_writer_that_others_moved_is_shown_and_every_change_goes_to_the_right_cluster() {
    let place = Place::new();
    let text = database(&TWO, "us-east-1", "    write_forwarding: true\n    instances: 1\n");
    apply(&place, &text);
    switch_over(&place, "eu-west-1");
    place.is_converged();
    let plan = place.plan(&[]);
    let posture = &plan["posture"][0];
    assert_eq!(
        (&posture["address"], &posture["wanted"], &posture["found"]),
        (&json!("global/rds.global_cluster/main"), &json!("us-east-1"), &json!("eu-west-1"))
    );
    // Editing the file moves nothing either.
    apply(&place, &text.replace("writer: us-east-1", "writer: eu-west-1"));
    apply(&place, &text);
    let more = text.replace("instances: 1", "instances: 2").replace("db.r6g.large", "db.r6g.xlarge");
    apply(&place, &more);
    for region in TWO {
        assert_eq!(instances(&place, region), [1, 2].map(|number| format!("shop-main-{region}-{number} db.r6g.xlarge")));
    }
    let said = apply(&place, &more.replace("3.08.0", "3.10.0"));
    in_order(&said, &["done     us-east-1/rds.cluster/main", "start    eu-west-1/rds.cluster/main"]);
    let third = database(&THREE, "us-east-1", "    write_forwarding: true\n    instances: 2\n").replace("db.r6g.large", "db.r6g.xlarge");
    apply(&place, &third.replace("3.08.0", "3.10.0"));
    place.write(third.replace("3.08.0", "3.10.0"));
    let said = place.expect(0, &DESTROY);
    for copy in ["us-east-1", "ap-southeast-2"] {
        let of_copy = [format!("deleted {copy}"), format!("done     {copy}/rds.cluster/main")];
        in_order(&said, &[&of_copy[1], "start    eu-west-1/rds.instance/main-1", "start    eu-west-1/rds.cluster/main"]);
    }
    assert_eq!(snapshots(&place, "eu-west-1").len(), 1);
    assert!(snapshots(&place, "us-east-1").is_empty() && global(&place).is_none());
}

#[test]
fn minor_versions_go_up_in_the_copies_first_and_major_ones_in_all_at_once() {
    let place = Place::new();
    let text = database(&THREE, "eu-west-1", "    instances: 1\n    parameters: { binlog_format: ROW }\n");
    apply(&place, &text);
    let said = apply(&place, &text.replace("3.08.0", "3.10.0"));
    for copy in ["us-east-1", "ap-southeast-2"] {
        in_order(&said, &[&format!("done     {copy}/rds.cluster/main"), "start    eu-west-1/rds.cluster/main"]);
    }
    let said = apply(&place, &text.replace("8.0.mysql_aurora.3.08.0", "8.4.mysql_aurora.8.4.7"));
    for region in THREE {
        in_order(
            &said,
            &[
                "done     global/rds.global_cluster/main",
                &format!("done     {region}/rds.cluster/main"),
                &format!("start    {region}/rds.cluster_parameter_group/main: deleting"),
            ],
        );
        let now = cluster(&place, region);
        assert_eq!(
            (now.engine_version(), now.db_cluster_parameter_group()),
            (Some("8.4.mysql_aurora.8.4.7"), Some("shop-main-aurora-mysql8-4"))
        );
    }
    place.destroy("shop");
}

#[test]
fn a_copy_without_an_instance_holds_an_upgrade_and_says_why() {
    let place = Place::new();
    let text = database(&TWO, "us-east-1", "    instances: 1\n    per_region: { eu-west-1: { instances: 0 } }\n");
    apply(&place, &text);
    place.write(text.replace("3.08.0", "3.10.0"));
    let plan = place.plan(&[]);
    let held: Vec<_> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["action"] == "hold")
        .map(|step| step["address"].as_str().unwrap())
        .collect();
    assert_eq!(held, ["us-east-1/rds.cluster/main", "us-east-1/rds.instance/main-1", "eu-west-1/rds.cluster/main"], "{plan:#}");
    apply(&place, &text.replace("3.08.0", "3.10.0").replace("{ instances: 0 }", "{ instances: 1 }").replace("3.10.0", "3.08.0"));
    apply(&place, &text.replace("3.08.0", "3.10.0").replace("{ instances: 0 }", "{ instances: 1 }"));
    place.destroy("shop");
}

#[test]
fn serverless_has_its_limits_before_its_instance() {
    let place = Place::new();
    let text = database(&["us-east-1"], "us-east-1", "    instances: 1\n");
    apply(&place, &text);
    let serverless = text.replace("instance_class: db.r6g.large", "serverless: { min: 8, max: 32.5 }");
    let said = apply(&place, &serverless);
    in_order(&said, &["done     us-east-1/rds.cluster/main", "start    us-east-1/rds.instance/main-1"]);
    assert_eq!(instances(&place, "us-east-1"), ["shop-main-us-east-1-1 db.serverless"]);
    let units = cluster(&place, "us-east-1").serverless_v2_scaling_configuration().cloned().unwrap();
    assert_eq!((units.min_capacity(), units.max_capacity()), (Some(8.0), Some(32.5)));
    apply(&place, &text);
    place.destroy("shop");
}

#[test]
fn what_aws_cannot_change_is_refused_before_anything_is_touched() {
    let place = Place::new();
    let text = database(&TWO, "us-east-1", "    instances: 1\n    database_name: shop\n    master_username: dbadmin\n");
    apply(&place, &text);
    let key = |region: &str| format!("arn:aws:kms:{region}:{}:key/1234abcd-12ab-34cd-56ef-1234567890ab", place.account);
    let keys = format!("    encryption: {{ us-east-1: \"{}\", eu-west-1: \"{}\" }}\n", key("us-east-1"), key("eu-west-1"));
    let cases = [
        ("engine", text.replace("aurora-mysql", "aurora-postgresql").replace("8.0.mysql_aurora.3.08.0", "16.11")),
        ("database_name", text.replace("database_name: shop", "database_name: other")),
        ("database_name", text.replace("    database_name: shop\n", "")),
        ("master_username", text.replace("dbadmin", "root1")),
        ("encryption", text.clone() + &keys),
    ];
    for (field, changed) in cases {
        place.write(&changed);
        // The first call that could change something would kill it.
        let said = place.expect(8, &["--inject", "kill@1:before", "apply", "--yes", "--no-sweep"]);
        assert!(said.contains(&format!("AWS cannot change {field}")), "{field}: {said}");
    }
    place.write(&text);
    place.is_converged();
    place.destroy("shop");
}

#[test]
fn every_setting_that_aws_changes_is_changed_and_changed_back() {
    let place = Place::new();
    let text = database(&TWO, "us-east-1", "    instances: 1\n");
    let cases = [
        "    backup_retention_days: 14\n",
        "    deletion_protection: false\n",
        "    write_forwarding: true\n",
        "    parameters: { binlog_format: ROW, max_connections: \"200\" }\n",
    ];
    apply(&place, &text);
    for line in cases {
        place.write(text.clone() + line);
        place.expect(0, &["apply", "--yes", "--no-sweep", "--allow-data-loss", "all"]);
        place.is_converged();
        place.write(&text);
        place.expect(0, &["apply", "--yes", "--no-sweep", "--allow-data-loss", "us-east-1/*", "--allow-data-loss", "eu-west-1/*"]);
        place.is_converged();
    }
    place.destroy("shop");
}

#[test]
fn a_login_that_was_lost_is_made_anew_and_set_where_the_writer_is() {
    let place = Place::new();
    let text = database(&TWO, "us-east-1", "    instances: 1\n");
    apply(&place, &text);
    switch_over(&place, "eu-west-1");
    let before: Vec<_> = TWO.map(|region| password_from(&place, region)).into();
    lose_login(&place, "us-east-1", "eu-west-1");
    let said = apply(&place, &text);
    in_order(&said, &["done     eu-west-1/rds.cluster/main", "start    us-east-1/rds.cluster/main"]);
    let after: Vec<_> = TWO.map(|region| password_from(&place, region)).into();
    assert!(after[0] == after[1] && after != before, "{before:?} {after:?}");
    place.destroy("shop");
}

/// Removes the secret and its replica at once, as somebody with the AWS command line would.
fn lose_login(place: &Place, home: &str, replica: &str) {
    let client = crate::secrets::client(&place.account, home);
    block_on(async {
        client.remove_regions_from_replication().secret_id("shop/aurora/main").remove_replica_regions(replica).send().await.unwrap();
        client.delete_secret().secret_id("shop/aurora/main").force_delete_without_recovery(true).send().await.unwrap();
    });
}

fn password_from(place: &Place, region: &str) -> String {
    let now = cluster(place, region);
    let tag = now.tag_list().iter().find(|tag| tag.key() == Some("mrctl:password-from"));
    tag.unwrap_or_else(|| panic!("{region} does not say where its password is from")).value().unwrap().to_owned()
}

/// AWS brings minor versions further by itself; nobody takes a database back.
#[test]
fn a_version_that_is_later_than_the_file_stays_and_new_copies_have_it() {
    let place = Place::new();
    let text = database(&TWO, "us-east-1", "    instances: 1\n");
    apply(&place, &text.replace("3.08.0", "3.10.0"));
    apply(&place, &text);
    let posture = place.plan(&[])["posture"].clone();
    let of = |region: &str| json!(format!("{region}/rds.cluster/main"));
    assert_eq!((&posture[0]["address"], &posture[1]["address"]), (&of("eu-west-1"), &of("us-east-1")), "{posture:#}");
    assert!(posture[0]["message"].as_str().unwrap().contains("write `engine_version: 8.0.mysql_aurora.3.10.0`"), "{posture:#}");
    apply(&place, &database(&THREE, "us-east-1", "    instances: 1\n"));
    assert_eq!(cluster(&place, "ap-southeast-2").engine_version(), Some("8.0.mysql_aurora.3.10.0"));
    // A major one is not a matter of the next maintenance window.
    apply(&place, &database(&THREE, "us-east-1", "    instances: 1\n").replace("8.0.mysql_aurora.3.08.0", "8.4.mysql_aurora.8.4.7"));
    place.write(database(&THREE, "us-east-1", "    instances: 1\n"));
    let said = place.expect(1, &["--inject", "kill@1:before", "apply", "--yes", "--no-sweep"]);
    assert!(said.contains("AWS never takes a database back from 8.4"), "{said}");
    place.destroy("shop");
}

#[test]
fn adopting_writes_tags_and_nothing_else() {
    let place = Place::new();
    let text = database(&["us-east-1"], "us-east-1", "    instances: 1\n    deletion_protection: true\n");
    apply(&place, &text);
    let arns = [
        cluster(&place, "us-east-1").db_cluster_arn().unwrap().to_owned(),
        global(&place).unwrap().global_cluster_arn().unwrap().to_owned(),
    ];
    for arn in arns {
        let ask = client(&place, "us-east-1").remove_tags_from_resource().resource_name(arn).tag_keys("mrctl:stack");
        block_on(ask.tag_keys("mrctl:resource").send()).unwrap();
    }
    // Everything differs.
    let other = text.replace("3.08.0", "3.10.0").replace("deletion_protection: true", "deletion_protection: false");
    place.write(other + "    backup_retention_days: 14\n");
    let adopt = ["--adopt", "us-east-1/rds.cluster/main", "--adopt", "global/rds.global_cluster/main"];
    let only = ["--only", "us-east-1/rds.cluster/main", "--only", "global/rds.global_cluster/main"];
    place.expect(0, &[&["apply", "--yes", "--no-sweep"][..], &adopt, &only].concat());
    let now = cluster(&place, "us-east-1");
    assert_eq!((now.engine_version(), now.backup_retention_period()), (Some("8.0.mysql_aurora.3.08.0"), Some(7)));
    assert!(now.deletion_protection() == Some(true) && global(&place).unwrap().deletion_protection() == Some(true));
    assert!(now.tag_list().iter().any(|tag| tag.key() == Some("mrctl:stack")));
    place.destroy("shop");
}

#[test]
fn a_zone_that_an_instance_stands_in_is_not_taken_away() {
    let place = Place::new();
    let text = database(&["us-east-1"], "us-east-1", "    instances: 1\n");
    let zones = |zones: &str| text.replace("availability_zones: 2", &format!("availability_zones: [{zones}]"));
    apply(&place, &zones("use1-az1, use1-az2"));
    let seen = block_on(client(&place, "us-east-1").describe_db_instances().send()).unwrap();
    let own = seen.db_instances()[0].availability_zone().unwrap().to_owned();
    let all = block_on(Aws::new(&place.account, "us-east-1").ec2.describe_availability_zones().send()).unwrap();
    let own = all.availability_zones().iter().find(|zone| zone.zone_name() == Some(&own)).unwrap().zone_id().unwrap();
    let rest: Vec<&str> = ["use1-az1", "use1-az2", "use1-az3"].into_iter().filter(|zone| *zone != own).collect();
    place.write(zones(&rest.join(", ")));
    let said = place.expect(1, &["--inject", "kill@1:before", "apply", "--yes", "--no-sweep"]);
    assert!(said.contains("us-east-1/rds.instance/main-1 stands in subnet-"), "{said}");
    place.destroy("shop");
}
