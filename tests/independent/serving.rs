//! The example as others see it once it serves, in two regions and in three.
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::Tag;
use aws_sdk_elasticloadbalancingv2::types::LoadBalancer;
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, HealthCheck, HealthCheckType, ResourceRecord, ResourceRecordSet, RrType};
use serde_json::Value;

use crate::{
    databases::snapshots,
    support::{
        aws::{Aws, block_on},
        binary::Place,
        sandbox::strict,
    },
};

const ZONE: &str = "example.com";
const NAME: &str = "api.example.com.";

/// The example in these regions.
fn example(regions: &[&str]) -> String {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/topology.example.yaml")).unwrap();
    let (before, rest) = text.split_once("\nregions:").unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    let lines: String =
        regions.iter().enumerate().map(|(index, region)| format!("  {region}: {{ cidr: 10.{}.0.0/16 }}\n", index + 1)).collect();
    format!("{before}\nregions:\n{lines}\n{after}")
}

/// What somebody else has in the account before the stack comes.
struct Foreign {
    zone: String,
    record: ResourceRecordSet,
    vpc: String,
}

impl Foreign {
    fn put(aws: &Aws) -> Self {
        block_on(async {
            let zone = aws.make_zone(ZONE).await;
            let value = ResourceRecord::builder().value("192.0.2.1").build().unwrap();
            let record = ResourceRecordSet::builder().name("www.example.com").r#type(RrType::A).ttl(300).resource_records(value);
            let record = record.build().unwrap();
            let change = Change::builder().action(ChangeAction::Create).resource_record_set(record.clone()).build().unwrap();
            let batch = ChangeBatch::builder().changes(change).build().unwrap();
            aws.route53.change_resource_record_sets().hosted_zone_id(&zone).change_batch(batch).send().await.unwrap();
            let vpc = aws.ec2.create_vpc().cidr_block("10.1.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
            let label = Tag::builder().key("Name").value("shop").build();
            aws.ec2.create_tags().resources(&vpc).tags(label).send().await.unwrap();
            Self { zone, record, vpc }
        })
    }

    /// The zone has what it had, and so has the VPC.
    fn is_untouched(&self, aws: &Aws) {
        let sets = sets(aws, &self.zone);
        let others: Vec<&ResourceRecordSet> = sets.iter().filter(|set| !matches!(set.r#type(), RrType::Ns | RrType::Soa)).collect();
        let [only] = others[..] else { panic!("{others:#?}") };
        let said = |set: &ResourceRecordSet| (set.ttl(), set.resource_records()[0].value().to_owned());
        assert_eq!((only.name(), said(only)), ("www.example.com.", said(&self.record)));
        let vpc = block_on(aws.ec2.describe_vpcs().vpc_ids(&self.vpc).send()).unwrap();
        let tags: Vec<_> = vpc.vpcs()[0].tags().iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap())).collect();
        assert_eq!(tags, [("Name", "shop")]);
    }
}

fn sets(aws: &Aws, zone: &str) -> Vec<ResourceRecordSet> {
    block_on(aws.route53.list_resource_record_sets().hosted_zone_id(zone).send()).unwrap().resource_record_sets
}

fn balancer(aws: &Aws) -> LoadBalancer {
    let seen = block_on(aws.load_balancing.describe_load_balancers().send()).unwrap();
    let [only] = seen.load_balancers() else { panic!("{seen:#?}") };
    only.clone()
}

/// The health check that asks this load balancer; there is one.
fn check<'a>(checks: &'a [HealthCheck], host: &str) -> &'a HealthCheck {
    let asks = |check: &&HealthCheck| check.health_check_config().and_then(|config| config.fully_qualified_domain_name()) == Some(host);
    let of: Vec<&HealthCheck> = checks.iter().filter(asks).collect();
    let [only] = of[..] else { panic!("{host}: {of:#?}") };
    let config = only.health_check_config().unwrap();
    assert_eq!(config.r#type(), &HealthCheckType::Https);
    assert_eq!((config.port(), config.resource_path(), config.enable_sni()), (Some(443), Some("/health"), Some(true)));
    assert_eq!((config.request_interval(), config.failure_threshold()), (Some(10), Some(3)));
    only
}

/// Actions and the resources they are allowed on.
fn rights(policy: &Value) -> Vec<(String, String)> {
    let texts = |value: &Value| match value {
        Value::Array(all) => all.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    };
    let mut all = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        for action in texts(&statement["Action"]) {
            all.extend(texts(&statement["Resource"]).into_iter().map(|resource| (action.clone(), resource)));
        }
    }
    all
}

/// No action is open, and no resource but that of the one action that takes nothing else.
fn roles(aws: &Aws, account: &str) {
    let region = &aws.region;
    let task = rights(&aws.policy(&format!("shop-{region}-api-task")));
    let tables: BTreeSet<String> = ["Orders", "Sessions", "Invoices"]
        .iter()
        .flat_map(|key| ["", "/index/*"].map(|of| format!("arn:aws:dynamodb:{region}:{account}:table/shop-{key}{of}")))
        .collect();
    assert_eq!(task.iter().map(|(_, resource)| resource.clone()).collect::<BTreeSet<_>>(), tables);
    let may =
        |action: &str, key: &str| task.contains(&(action.to_owned(), format!("arn:aws:dynamodb:{region}:{account}:table/shop-{key}")));
    assert!(may("dynamodb:Query", "Orders") && may("dynamodb:PutItem", "Orders"));
    assert!(may("dynamodb:PutItem", "Invoices") && !may("dynamodb:Query", "Invoices"), "invoices are written only");
    let execution = rights(&aws.policy(&format!("shop-{region}-api-execution")));
    let open: Vec<&str> = execution.iter().filter(|(_, resource)| resource == "*").map(|(action, _)| action.as_str()).collect();
    assert_eq!(open, ["ecr:GetAuthorizationToken"]);
    for (action, resource) in task.iter().chain(&execution) {
        assert!(!action.contains('*') && (resource == "*" || resource.contains(region.as_str())), "{action} on {resource}");
    }
}

fn is_as_the_file_says(regions: &[&str]) {
    let place = Place::with(&example(regions));
    let home = Aws::new(&place.account, regions[0]);
    let foreign = Foreign::put(&home);
    place.expect(0, &["apply", "--yes"]);
    place.is_converged();
    let before = strict().changes(&place.account).len();
    place.expect(0, &["apply", "--yes"]);
    assert_eq!(strict().changes(&place.account)[before..], Vec::<String>::new(), "a second apply changes nothing");

    let checks = block_on(home.route53.list_health_checks().send()).unwrap().health_checks;
    assert_eq!(checks.len(), regions.len());
    let all = sets(&home, &foreign.zone);
    let records: BTreeMap<&str, &ResourceRecordSet> =
        all.iter().filter(|set| set.name() == NAME).map(|set| (set.region().unwrap().as_str(), set)).collect();
    assert_eq!(records.len(), regions.len(), "{all:#?}");
    for region in regions {
        let aws = Aws::new(&place.account, region);
        assert_eq!(aws.image("shop-api"), format!("{}.dkr.ecr.{region}.amazonaws.com/api:1.4.2", place.account));
        assert_eq!(aws.service("shop-api").running_count(), 3);
        let (balancer, record) = (balancer(&aws), records[region]);
        let host = balancer.dns_name().unwrap();
        assert_eq!(record.set_identifier(), Some(format!("mrctl/shop/{region}").as_str()));
        assert_eq!(record.health_check_id(), Some(check(&checks, host).id()));
        let target = record.alias_target().unwrap();
        assert_eq!(target.dns_name().trim_end_matches('.').trim_start_matches("dualstack."), host);
        assert_eq!(Some(target.hosted_zone_id()), balancer.canonical_hosted_zone_id());
        assert!(target.evaluate_target_health());
        roles(&aws, &place.account);
    }

    place.destroy("shop");
    is_taken_down_in_order(&place, regions);
    for region in regions {
        let left = block_on(Aws::new(&place.account, region).leftovers());
        let expected: Vec<String> = (*region == home.region).then(|| format!("{region}: {}", foreign.vpc)).into_iter().collect();
        assert_eq!(left, expected);
    }
    assert!(block_on(home.route53.list_health_checks().send()).unwrap().health_checks().is_empty());
    foreign.is_untouched(&home);
}

/// The database went as AWS lets it go: every copy before anything of the writer, which is in the first region and is kept as a
/// snapshot; what clusters use after them.
fn is_taken_down_in_order(place: &Place, regions: &[&str]) {
    let all = strict().database_calls(&place.account);
    let at = |line: String| all.iter().position(|one| *one == line).unwrap_or_else(|| panic!("no `{line}` in {all:#?}"));
    let (begins, ends) = (|line: &str| at(line.to_owned()), |line: &str| at(format!("{line}: done")));
    for region in regions {
        let cluster = format!("shop-main-{region}");
        let instances = [1, 2].map(|number| format!("{region} DeleteDBInstance {cluster}-{number}"));
        let detach = format!("{region} RemoveFromGlobalCluster {cluster}");
        let delete = format!("{region} DeleteDBCluster {cluster}");
        for instance in &instances {
            assert!(ends(instance) < begins(&detach), "{all:#?}");
        }
        // Taken only once it is a member no more.
        assert!(ends(&detach) < begins(&delete), "{all:#?}");
        for group in ["DeleteDBSubnetGroup shop-main", "DeleteDBClusterParameterGroup shop-main-aurora-mysql8-0"] {
            assert!(ends(&delete) < begins(&format!("{region} {group}")), "{all:#?}");
        }
        if *region != regions[0] {
            let of_writer = format!("{} DeleteDBInstance shop-main-{}-1", regions[0], regions[0]);
            assert!(ends(&delete) < begins(&of_writer), "{all:#?}");
        }
        let global = all.iter().position(|line| line.ends_with(" DeleteGlobalCluster shop-main"));
        assert!(global.is_some_and(|global| ends(&delete) < global), "{all:#?}");
        let kept = snapshots(place, region);
        assert_eq!(kept.len(), usize::from(*region == regions[0]), "{kept:#?}");
        assert!(
            kept.iter().all(|one| one.tag_list().iter().any(|tag| (tag.key(), tag.value()) == (Some("mrctl:kept-from"), Some("shop"))))
        );
    }
}

#[test]
fn the_example_serves_in_two_regions() {
    is_as_the_file_says(&["us-east-1", "eu-west-1"]);
}

#[test]
fn the_example_serves_in_three_regions() {
    is_as_the_file_says(&["us-east-1", "eu-west-1", "ap-southeast-2"]);
}
