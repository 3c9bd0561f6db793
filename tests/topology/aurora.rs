//! What is read of global databases.
use std::collections::BTreeMap;

use mrctl::{
    resource::Region,
    topology::{self, Aurora, AuroraCapacity, AuroraEncryption, AuroraEngine, AuroraMember, Model, OnDestroy, UsesAurora},
    view,
};

use super::files;

fn model(bytes: &[u8]) -> Model {
    topology::load("aurora", bytes).unwrap_or_else(|report| panic!("{}", view::report::text(&report, false))).0
}

fn member(aurora: &Aurora, region: &str) -> AuroraMember {
    aurora.members[&Region::new(region)].clone()
}

/// Those of a problem in a file that has nothing else: a network in two regions, and the text.
fn codes(text: &str) -> Vec<&'static str> {
    let file = format!(
        "version: 1\nstack: shop\nregions: {{ us-east-1: {{ cidr: 10.1.0.0/16 }}, eu-west-1: {{ cidr: 10.2.0.0/16 }} }}\n\
         network: {{ nat_gateways: single }}\n{text}"
    );
    let problems = topology::load("aurora", file.as_bytes()).map_or_else(|report| report.problems, |(_, report)| report.problems);
    problems.into_iter().map(|problem| problem.code).collect()
}

#[test]
fn the_model_holds_what_the_file_says() {
    let all = model(&files("valid")["aurora"]);
    let main = &all.aurora["main"];
    assert_eq!((main.engine, main.engine_version.as_str()), (AuroraEngine::Mysql, "8.0.mysql_aurora.3.08.0"));
    assert_eq!((main.writer.as_str(), main.on_destroy), ("eu-west-1", OnDestroy::Skip));
    assert_eq!((main.database_name.as_deref(), main.master_username.as_str()), (Some("shop_main"), "admin"));
    assert_eq!(main.members.keys().cloned().collect::<Vec<_>>(), all.rollout_order());

    let key = |region: &str| AuroraEncryption::Key(format!("arn:aws:kms:{region}:210987654321:key/mrk-1234abcd12ab34cd56ef1234567890ab"));
    let parameters = |of: &[(&str, &str)]| -> BTreeMap<String, String> {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let memory = ("max_connections", "{DBInstanceClassMemory/12582880}");
    let own = AuroraMember {
        capacity: AuroraCapacity::Class("db.r6g.large".into()),
        instances: 3,
        write_forwarding: true,
        backup_retention_days: 14,
        deletion_protection: false,
        encryption: key("eu-west-1"),
        parameters: parameters(&[("binlog_format", "ROW"), memory, ("long_query_time", "2")]),
    };
    assert_eq!(member(main, "eu-west-1"), own);
    let other = AuroraMember {
        capacity: AuroraCapacity::Serverless { min: 0, max: 129 },
        instances: 2,
        encryption: key("us-east-1"),
        parameters: parameters(&[memory, ("long_query_time", "5")]),
        ..own.clone()
    };
    assert_eq!(member(main, "us-east-1"), other, "maps are merged key by key, null restores the default");
    let headless = AuroraMember {
        instances: 0,
        write_forwarding: false,
        backup_retention_days: 7,
        deletion_protection: true,
        encryption: key("ap-southeast-2"),
        ..own
    };
    assert_eq!(member(main, "ap-southeast-2"), headless);

    let reports = &all.aurora["reports-2"];
    assert_eq!((reports.engine, reports.engine_version.as_str()), (AuroraEngine::Postgresql, "16.10"), "as it is written");
    assert_eq!((reports.on_destroy, reports.database_name.as_deref()), (OnDestroy::Snapshot, None));
    assert_eq!((reports.master_username.as_str(), reports.members.len()), ("dbadmin", 2));
    let defaults = AuroraMember {
        capacity: AuroraCapacity::Serverless { min: 16, max: 32 },
        instances: 2,
        write_forwarding: true,
        backup_retention_days: 7,
        deletion_protection: true,
        encryption: AuroraEncryption::AwsManaged,
        parameters: BTreeMap::new(),
    };
    assert_eq!(member(reports, "us-east-1"), defaults);
    assert_eq!(member(reports, "eu-west-1").capacity, AuroraCapacity::Serverless { min: 16, max: 64 });
}

#[test]
fn services_know_by_which_names_they_are_told_of_a_database() {
    let all = model(&files("valid")["aurora"]);
    let uses = |service: &str, region: &str| -> Vec<(String, String)> {
        let used = &all.service(service, &Region::new(region)).unwrap().aurora;
        used.iter().map(|(key, UsesAurora { env_prefix })| (key.clone(), env_prefix.clone())).collect()
    };
    let pairs = |of: &[(&str, &str)]| of.iter().map(|(key, prefix)| ((*key).to_owned(), (*prefix).to_owned())).collect::<Vec<_>>();
    assert_eq!(uses("api", "us-east-1"), pairs(&[("main", "DB_MAIN"), ("reports-2", "DB_REPORTS_2")]));
    assert_eq!(uses("api", "eu-west-1"), pairs(&[("main", "DB_MAIN"), ("reports-2", "REPORTS")]));
    assert_eq!(uses("worker", "eu-west-1"), pairs(&[("main", "SHOP_DB")]));
    assert_eq!(uses("worker", "ap-southeast-2"), []);
}

#[test]
fn a_service_must_have_a_way_to_write() {
    let file = |database: &str, services: &str| {
        let main = "engine: aurora-postgresql, engine_version: 16.4, writer: us-east-1, instance_class: db.r6g.large";
        format!(
            "aurora: {{ main: {{ {main}{database} }} }}\nservices: {{ api: {{ image: '{{account}}.dkr.ecr.{{region}}.amazonaws.com/a:1', uses: {{ aurora: [main] }}{services} }} }}\n"
        )
    };
    assert_eq!(codes(&file("", "")), ["service::database"]);
    assert_eq!(codes(&file(", write_forwarding: true", "")), [""; 0]);
    assert_eq!(codes(&file("", ", regions: [us-east-1]")), [""; 0], "it is where the writer is");
    assert_eq!(codes(&file("", ", per_region: { eu-west-1: { uses: { aurora: null } } }")), [""; 0]);
    assert_eq!(codes(&file(", write_forwarding: true, per_region: { eu-west-1: { write_forwarding: null } }", "")), ["service::database"]);
    assert_eq!(codes(&file(", write_forwarding: true, per_region: { eu-west-1: { instances: 0 } }", "")), ["service::database"]);
    let mesh = file("", "").replace("aurora: { main", "network: { nat_gateways: single, peering: mesh }\naurora: { main");
    let whole =
        format!("version: 1\nstack: shop\nregions: {{ us-east-1: {{ cidr: 10.1.0.0/16 }}, eu-west-1: {{ cidr: 10.2.0.0/16 }} }}\n{mesh}");
    let [here, there] = ["us-east-1", "eu-west-1"].map(Region::new);
    assert!(model(whole.as_bytes()).reaches(&here, &there));
    let without = model(whole.replace("mesh", "none").replace("image", "regions: [us-east-1], image").as_bytes());
    assert_eq!((without.reaches(&here, &there), without.reaches(&there, &there)), (false, true));
}
