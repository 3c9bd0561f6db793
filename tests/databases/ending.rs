//! The way out: copies first, the writer last, and what is kept of it.
use super::*;

#[test]
fn it_is_taken_down_in_the_one_right_order_and_leaves_a_snapshot_of_the_writer() {
    let place = Place::new();
    apply(&place, &database(&THREE, "eu-west-1", ""));
    // Detaching takes its time, and the cluster is available all the while.
    strict().be_slow(&place.account, "RemoveFromGlobalCluster", 5);
    let refused = place.expect(8, &["destroy", "--yes", "--confirm", "shop", "--no-sweep"]);
    for data in ["global/rds.global_cluster/main", "eu-west-1/rds.cluster/main", "eu-west-1/rds.instance/main-1"] {
        assert!(refused.contains(&format!("--allow-data-loss {data}")), "{refused}");
    }
    assert!(!refused.contains("--allow-data-loss eu-west-1/rds.instance/main-2"), "{refused}");
    let said = place.expect(0, &DESTROY);
    for copy in ["us-east-1", "ap-southeast-2"] {
        in_order(
            &said,
            &[
                &format!("done     {copy}/rds.instance/main-1"),
                &format!("start    {copy}/rds.cluster/main"),
                "is still a member of shop-main",
                &format!("done     {copy}/rds.cluster/main"),
                "start    eu-west-1/rds.instance/main-1",
                "start    eu-west-1/rds.cluster/main",
                "done     eu-west-1/rds.cluster/main",
                "start    global/rds.global_cluster/main",
            ],
        );
        assert!(snapshots(&place, copy).is_empty());
    }
    let kept = snapshots(&place, "eu-west-1");
    let name = kept[0].db_cluster_snapshot_identifier().unwrap();
    assert!(kept.len() == 1 && name.starts_with("shop-main-final-") && said.contains(name), "{kept:?} {said}");
    let tags: Vec<_> = kept[0].tag_list().iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap())).collect();
    assert_eq!(tags, [("mrctl:kept-from", "shop")]);
    assert!(global(&place).is_none() && THREE.iter().all(|region| clusters(&place, region).is_empty()));
    // And it can be built again, under the same names.
    apply(&place, &database(&TWO, "eu-west-1", "    on_destroy: skip\n    instances: 1\n"));
    place.expect(0, &DESTROY);
    assert_eq!(snapshots(&place, "eu-west-1").len(), 1, "nothing is kept where the file says skip");
}

#[test]
fn a_region_leaves_and_what_stands_alone_is_never_deleted_without_a_snapshot() {
    let place = Place::new();
    apply(&place, &database(&TWO, "us-east-1", "    instances: 1\n"));
    place.write(database(&["us-east-1"], "us-east-1", "    instances: 1\n"));
    place.expect(0, &["apply", "--yes", "--allow-data-loss", "all"]);
    assert!(clusters(&place, "eu-west-1").is_empty() && snapshots(&place, "eu-west-1").is_empty());
    // Detached by somebody else, it may be written to ever since.
    apply(&place, &database(&TWO, "us-east-1", "    instances: 1\n"));
    let arn = cluster(&place, "eu-west-1").db_cluster_arn().unwrap().to_owned();
    let ask = client(&place, "eu-west-1").remove_from_global_cluster().global_cluster_identifier("shop-main").db_cluster_identifier(arn);
    block_on(ask.send()).unwrap();
    // It leaves behind the call, and its own region hears of that.
    while global_from(&place, "eu-west-1").unwrap().global_cluster_members().len() > 1 {}
    let refused = place.expect(8, &["apply", "--yes", "--no-sweep"]);
    assert!(refused.contains("global_cluster"), "{refused}");
    place.expect(0, &DESTROY);
    assert_eq!(TWO.map(|region| snapshots(&place, region).len()), [1, 1]);
}

#[test]
fn a_writer_whose_region_leaves_is_not_touched_before_somebody_switches_over() {
    let place = Place::new();
    apply(&place, &database(&TWO, "us-east-1", "    instances: 1\n"));
    // Nor where only its own network would be made anew.
    let moved = database(&TWO, "us-east-1", "    instances: 1\n").replace("10.10.0.0/16", "10.99.0.0/16");
    for text in [moved, database(&["eu-west-1"], "eu-west-1", "    instances: 1\n")] {
        place.write(text);
        // The first call that could change something would kill it.
        let said = place.expect(1, &["--inject", "kill@1:before", "apply", "--yes", "--allow-data-loss", "all"]);
        assert!(said.contains("us-east-1/rds.cluster/main is the writer") && said.contains("switchover-global-cluster"), "{said}");
    }
    assert_eq!((writer(&place), instances(&place, "us-east-1").len()), ("us-east-1".to_owned(), 1));
    switch_over(&place, "eu-west-1");
    place.expect(0, &["apply", "--yes", "--allow-data-loss", "all"]);
    assert!(clusters(&place, "us-east-1").is_empty());
    place.destroy("shop");
}

#[test]
fn a_database_that_is_allowed_to_be_lost_is_begun_anew_where_the_file_says() {
    let place = Place::new();
    let text = database(&TWO, "eu-west-1", "    instances: 1\n");
    apply(&place, &text);
    switch_over(&place, "us-east-1");
    place.write(text.replace("aurora-mysql", "aurora-postgresql").replace("8.0.mysql_aurora.3.08.0", "16.11"));
    place.expect(0, &["apply", "--yes", "--no-sweep", "--allow-data-loss", "all"]);
    place.is_converged();
    assert_eq!(writer(&place), "eu-west-1");
    place.destroy("shop");
}
