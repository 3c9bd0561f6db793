//! Aurora global databases: built, moved by others, upgraded, taken down, never lost.
mod changes;
mod ending;
mod kills;
mod others;
mod waiting;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_rds::{
    Client,
    types::{DbCluster, DbClusterSnapshot, GlobalCluster},
};

use crate::{
    lifecycle::topology,
    support::{
        aws::{Aws, block_on, http},
        binary::Place,
        sandbox::strict,
    },
};

const TWO: [&str; 2] = ["us-east-1", "eu-west-1"];
const THREE: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-2"];
const DESTROY: [&str; 7] = ["destroy", "--yes", "--confirm", "shop", "--allow-data-loss", "all", "--no-sweep"];
const ENGINE: &str = "engine: aurora-mysql\n    engine_version: 8.0.mysql_aurora.3.08.0";
const CLASS: &str = "instance_class: db.r6g.large";

/// A database in these regions; `rest` are more of its lines.
fn database(regions: &[&str], writer: &str, rest: &str) -> String {
    let text = format!(
        "network: {{ availability_zones: 2, nat_gateways: none }}\naurora:\n  main:\n    {ENGINE}\n    writer: {writer}\n    {CLASS}\n{rest}"
    );
    topology(regions, &text)
}

/// RDS as anyone sees it, slow states and all.
fn client(place: &Place, region: &str) -> Client {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(&strict().endpoint)
        .http_client(http())
        .region(aws_config::Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(&place.account, "sandbox", None, None, "tests")))
        .build();
    Client::new(&config)
}

fn clusters(place: &Place, region: &str) -> Vec<DbCluster> {
    block_on(client(place, region).describe_db_clusters().send()).unwrap().db_clusters().to_vec()
}

/// The one cluster of a region.
fn cluster(place: &Place, region: &str) -> DbCluster {
    clusters(place, region).pop().unwrap_or_else(|| panic!("no cluster in {region}"))
}

fn instances(place: &Place, region: &str) -> Vec<String> {
    let seen = block_on(client(place, region).describe_db_instances().send()).unwrap();
    seen.db_instances()
        .iter()
        .map(|one| format!("{} {}", one.db_instance_identifier().unwrap(), one.db_instance_class().unwrap()))
        .collect()
}

fn global(place: &Place) -> Option<GlobalCluster> {
    global_from(place, "us-east-1")
}

fn global_from(place: &Place, region: &str) -> Option<GlobalCluster> {
    block_on(client(place, region).describe_global_clusters().send()).unwrap().global_clusters().first().cloned()
}

fn writer(place: &Place) -> String {
    let members = global(place).unwrap().global_cluster_members().to_vec();
    let writes = members.iter().find(|member| member.is_writer() == Some(true)).unwrap();
    writes.db_cluster_arn().unwrap().split(':').nth(3).unwrap().to_owned()
}

/// The snapshots of clusters in a region.
pub fn snapshots(place: &Place, region: &str) -> Vec<DbClusterSnapshot> {
    block_on(client(place, region).describe_db_cluster_snapshots().send()).unwrap().db_cluster_snapshots().to_vec()
}

/// Makes another region the writer, as somebody with the AWS command line would.
pub fn switch_over(place: &Place, region: &str) {
    let ask = client(place, region).switchover_global_cluster().global_cluster_identifier("shop-main");
    let target = cluster(place, region).db_cluster_arn().unwrap().to_owned();
    block_on(ask.target_db_cluster_identifier(target).send()).unwrap();
    assert_eq!(writer(place), region);
}

fn apply(place: &Place, text: &str) -> String {
    place.write(text);
    let said = place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    said
}

/// Holds that these lines come in this order; each is a beginning like `done     us-east-1/rds.cluster/main`.
fn in_order(said: &str, lines: &[&str]) {
    let mut from = 0;
    for line in lines {
        match said[from..].find(line) {
            Some(at) => from += at + line.len(),
            None => panic!("`{line}` does not come after what is before it:\n{said}"),
        }
    }
}

#[test]
fn a_database_is_begun_where_the_file_says_and_copied_from_there() {
    let place = Place::new();
    let text = database(
        &THREE,
        "eu-west-1",
        "    write_forwarding: true\n    database_name: shop\n    per_region: { ap-southeast-2: { instances: 0 } }\n",
    );
    strict().be_slow(&place.account, "CreateDBInstance", 6);
    let said = apply(&place, &text);
    in_order(
        &said,
        &["done     global/rds.global_cluster/main", "done     eu-west-1/rds.cluster/main", "done     eu-west-1/rds.instance/main-1"],
    );
    for region in ["us-east-1", "ap-southeast-2"] {
        in_order(&said, &["done     eu-west-1/rds.instance/main-1", &format!("start    {region}/rds.cluster/main")]);
    }
    assert!(said.contains("creating"), "the slow instance is waited for by name: {said}");
    assert_eq!(writer(&place), "eu-west-1");
    assert_eq!(instances(&place, "ap-southeast-2"), [""; 0]);
    for region in THREE {
        let now = cluster(&place, region);
        assert_eq!((now.storage_encrypted(), now.deletion_protection()), (Some(true), Some(true)), "{region}");
        assert!(now.kms_key_id().unwrap().contains(region), "{now:?}");
        let tags: Vec<_> = now.tag_list().iter().filter_map(|tag| tag.key()).collect();
        assert!(tags.contains(&"mrctl:stack") && tags.contains(&"mrctl:password-from"), "{tags:?}");
    }
    place.destroy("shop");
}

#[test]
fn a_copy_that_is_refused_while_its_source_is_not_ready_is_asked_for_again() {
    let place = Place::with(&database(&TWO, "us-east-1", ""));
    // Nobody tells mrctl that the source is being changed meanwhile.
    place.expect(0, &["apply", "--yes", "--no-sweep", "--except", "eu-west-1/*"]);
    strict().be_slow(&place.account, "ModifyDBCluster", 4);
    let ask = client(&place, "us-east-1").modify_db_cluster().db_cluster_identifier("shop-main-us-east-1").backup_retention_period(7);
    block_on(ask.send()).unwrap();
    apply(&place, &database(&TWO, "us-east-1", ""));
    place.destroy("shop");
}
