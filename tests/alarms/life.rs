//! A stack with everything that is watched: each alarm as another client sees it, against the table of metrics.
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::MetricAlarm;
use mrctl::topology::{
    Statistic, When,
    metrics::{Metric, named},
};
use serde_json::Value;

use super::{EU, US, action, alarm, alarms};
use crate::support::{
    aws::{Aws, block_on},
    binary::Place,
};

const APPLY: [&str; 3] = ["apply", "--yes", "--no-sweep"];

fn whole() -> String {
    "version: 1
stack: shop
tags: { team: payments }
regions:
  us-east-1: { cidr: 10.10.0.0/16 }
  eu-west-1: { cidr: 10.20.0.0/16 }
network: { availability_zones: 2, nat_gateways: per_zone }
rollout: { bake: 0s }
tables:
  Orders: { partition_key: { name: id, type: string } }
services:
  api:
    image: \"{account}.dkr.ecr.{region}.amazonaws.com/api:1\"
    port: 3000
    certificate: none
    container_insights: true
dns:
  zone: { name: example.com, create: true }
  records:
    api.example.com: { service: api, health_check: {} }
alarms:
  errors: { service: api, metric: target_5xx, threshold: 50, period: 60s, evaluation_periods: 2 }
  slow: { service: api, metric: latency_p99, threshold: 2s, period: 60s, evaluation_periods: 3, datapoints: 2 }
  busy: { service: api, metric: cpu, threshold: 80%, period: 300s, evaluation_periods: 2 }
  tasks: { service: api, metric: running_tasks, threshold: 1, period: 60s, evaluation_periods: 2 }
  lag: { table: Orders, metric: replication_latency, threshold: 3s, period: 60s, evaluation_periods: 3 }
  health: { record: api.example.com, metric: health_check_status, threshold: 1, period: 60s, evaluation_periods: 1 }
  ports: { metric: nat_errors, threshold: 0, period: 60s, evaluation_periods: 1 }
  queue: { namespace: Shop, metric: Depth, dimensions: { Where: \"{region}\" }, unit: Count, statistic: maximum, threshold: 100, period: 300s,
    evaluation_periods: 1, when: above, missing_data: missing }
alerts: { emails: [ops@example.com] }
dashboard: true
"
        .to_owned()
}

/// The names of the alarms that stand in a region, each with its metric.
fn wanted(region: &str, other: &str) -> BTreeMap<String, &'static str> {
    let mut all = BTreeMap::from([
        ("shop-errors".to_owned(), "target_5xx"),
        ("shop-slow".to_owned(), "latency_p99"),
        ("shop-busy".to_owned(), "cpu"),
        ("shop-tasks".to_owned(), "running_tasks"),
        (format!("shop-lag-{other}"), "replication_latency"),
        ("shop-ports-1".to_owned(), "nat_errors"),
        ("shop-ports-2".to_owned(), "nat_errors"),
        ("shop-queue".to_owned(), ""),
    ]);
    if region == US {
        all.extend([US, EU].map(|of| (format!("shop-health-{of}"), "health_check_status")));
    }
    all
}

fn statistic(alarm: &MetricAlarm) -> String {
    alarm.extended_statistic().map_or_else(|| alarm.statistic().unwrap().as_str().to_owned(), str::to_owned)
}

fn word(metric: &Metric) -> String {
    match metric.statistic {
        Statistic::Percentile(percent) => format!("p{percent}"),
        other => format!("{other:?}"),
    }
}

fn dimensions(alarm: &MetricAlarm) -> BTreeMap<&str, &str> {
    alarm.dimensions().iter().map(|one| (one.name().unwrap(), one.value().unwrap())).collect()
}

/// Everything in an account that a dimension or a chart may name, as AWS shows it.
fn things(aws: &Aws) -> BTreeSet<String> {
    let mut all = BTreeSet::from([US.to_owned(), EU.to_owned()]);
    block_on(async {
        for balancer in aws.load_balancing.describe_load_balancers().send().await.unwrap().load_balancers() {
            all.extend(balancer.load_balancer_arn().unwrap().split_once(":loadbalancer/").map(|(_, end)| end.to_owned()));
        }
        for group in aws.load_balancing.describe_target_groups().send().await.unwrap().target_groups() {
            all.extend(group.target_group_arn().unwrap().rsplit(':').next().map(str::to_owned));
        }
        for cluster in aws.ecs.list_clusters().send().await.unwrap().cluster_arns() {
            all.extend(cluster.rsplit('/').next().map(str::to_owned));
            for service in aws.ecs.list_services().cluster(cluster).send().await.unwrap().service_arns() {
                all.extend(service.rsplit('/').next().map(str::to_owned));
            }
        }
        all.extend(aws.dynamodb.list_tables().send().await.unwrap().table_names().iter().cloned());
        let checks = aws.route53.list_health_checks().send().await.unwrap();
        all.extend(checks.health_checks().iter().map(|check| check.id().to_owned()));
        let gateways = aws.ec2.describe_nat_gateways().send().await.unwrap();
        all.extend(gateways.nat_gateways().iter().filter_map(|gateway| gateway.nat_gateway_id().map(str::to_owned)));
    });
    all
}

/// Of every chart: each metric is one of the table, and each dimension names something that is there.
fn charts_show_what_is_there(body: &Value, things: &BTreeMap<&str, BTreeSet<String>>) -> usize {
    let mut lines = 0;
    for chart in body["widgets"].as_array().unwrap().iter().filter(|widget| widget["type"] == "metric") {
        let title = chart["properties"]["title"].as_str().unwrap();
        let there = &things[chart["properties"]["region"].as_str().unwrap()];
        for line in chart["properties"]["metrics"].as_array().unwrap() {
            let words: Vec<&str> = line.as_array().unwrap().iter().filter_map(Value::as_str).collect();
            if words[0] == "Shop" {
                continue;
            }
            let is_known = mrctl::topology::metrics::METRICS.iter().any(|metric| {
                let dimensions: BTreeSet<&str> = metric.dimensions.iter().map(|dimension| dimension.as_str()).collect();
                let named: BTreeSet<&str> = words[2..].chunks(2).map(|pair| pair[0]).collect();
                metric.namespace == words[0] && metric.aws_name == words[1] && dimensions == named
            });
            assert!(is_known, "{title}: {line}");
            for pair in words[2..].chunks(2).filter(|pair| pair[0] != "Operation") {
                assert!(there.contains(pair[1]), "{title}: {line} names what is not there");
            }
            lines += 1;
        }
    }
    lines
}

#[test]
fn every_alarm_and_chart_is_what_the_table_says_of_something_that_is_there() {
    let world = Place::with(&whole());
    world.expect(0, &APPLY);
    world.is_converged();
    let things = BTreeMap::from([US, EU].map(|region| (region, things(&Aws::new(&world.account, region)))));
    for (region, other) in [(US, EU), (EU, US)] {
        let (metric, composite) = alarms(&world.account, region);
        let wanted = wanted(region, other);
        let names: BTreeSet<&str> = metric.iter().filter_map(|alarm| alarm.alarm_name()).collect();
        assert_eq!(names, wanted.keys().map(String::as_str).collect(), "{region}");
        for alarm in &metric {
            let name = alarm.alarm_name().unwrap();
            assert!(alarm.alarm_arn().unwrap().starts_with(&format!("arn:aws:cloudwatch:{region}:{}:alarm:", world.account)), "{name}");
            // The topic of the alarm's own region: AWS takes no other (field guide 16, rule 46).
            let topic = [format!("arn:aws:sns:{region}:{}:shop-alerts", world.account)];
            assert_eq!(
                (alarm.alarm_actions(), alarm.ok_actions(), alarm.actions_enabled()),
                (&topic[..], &topic[..], Some(true)),
                "{name}"
            );
            assert_eq!(alarm.insufficient_data_actions().len(), 0, "{name}");
            let Some(metric) = named(wanted[name]) else {
                assert_eq!((alarm.namespace(), alarm.metric_name(), statistic(alarm)), (Some("Shop"), Some("Depth"), "Maximum".to_owned()));
                assert_eq!((alarm.unit().map(|unit| unit.as_str()), dimensions(alarm)), (Some("Count"), [("Where", region)].into()));
                continue;
            };
            assert_eq!((alarm.namespace(), alarm.metric_name()), (Some(metric.namespace), Some(metric.aws_name)), "{name}");
            // AWS sends each of its metrics in one unit; to name it says nothing.
            assert_eq!((statistic(alarm), alarm.unit()), (word(metric), None), "{name}");
            let way = if metric.when == When::Above { "GreaterThanThreshold" } else { "LessThanThreshold" };
            assert_eq!(alarm.comparison_operator().unwrap().as_str(), way, "{name}");
            let missing = format!("{:?}", metric.missing_data);
            assert!(alarm.treat_missing_data().unwrap().eq_ignore_ascii_case(&missing), "{name}");
            let (dimensions, known) = (dimensions(alarm), metric.dimensions.iter().map(|one| one.as_str()).collect::<BTreeSet<_>>());
            assert_eq!(dimensions.keys().copied().collect::<BTreeSet<_>>(), known, "{name}");
            for (dimension, value) in dimensions {
                assert!(things[region].contains(value), "{name}: {dimension} is {value}, which is not there");
            }
        }
        // The light has the alarms of the region; those of the other one's health check stand in us-east-1 and are not among them.
        let [light] = &composite[..] else { panic!("{composite:#?}") };
        let rule = light.alarm_rule().unwrap();
        let named: BTreeSet<&str> = rule.split(" OR ").map(|part| part.trim_start_matches("ALARM(\"").trim_end_matches("\")")).collect();
        let own: BTreeSet<&str> = names.iter().copied().filter(|name| *name != "shop-health-eu-west-1").collect();
        assert_eq!(named, own);
    }
    let body = block_on(Aws::new(&world.account, EU).cloudwatch.get_dashboard().dashboard_name("shop").send()).unwrap();
    let body: Value = serde_json::from_str(body.dashboard_body().unwrap()).unwrap();
    assert_eq!(crate::support::strict::wrong_with(&body), Vec::<String>::new());
    let lines = charts_show_what_is_there(&body, &things);
    println!("{lines} lines in {} widgets", body["widgets"].as_array().unwrap().len());
    assert!(lines >= 30, "{lines}");

    world.destroy("shop");
}

/// One region and one service, without names.
fn balanced(service: &str) -> String {
    format!(
        "version: 1
stack: shop
regions: {{ us-east-1: {{ cidr: 10.10.0.0/16 }} }}
network: {{ availability_zones: 2, nat_gateways: single }}
rollout: {{ bake: 0s }}
services:
  api:
    image: \"{{account}}.dkr.ecr.{{region}}.amazonaws.com/api:1\"
    port: 3000
    certificate: none
    load_balancer: {service}
alarms:
  errors: {{ service: api, metric: target_5xx, threshold: 50, period: 60s, evaluation_periods: 2 }}
dashboard: true
"
    )
}

#[test]
fn what_is_made_anew_is_followed_in_place() {
    let world = Place::with(&balanced("public"));
    world.expect(0, &APPLY);
    world.is_converged();
    let client = Aws::new(&world.account, US).cloudwatch;
    block_on(client.disable_alarm_actions().alarm_names("shop-errors").send()).unwrap();
    let balancer = || dimensions(&alarm(&world.account, US, "shop-errors")).get("LoadBalancer").map(|value| (*value).to_owned()).unwrap();
    let before = balancer();
    world.write(balanced("internal"));
    let plan = world.plan(&[]);
    let at = |name: &str| action(&plan, &format!("us-east-1/{name}"));
    assert_eq!(at("elasticloadbalancingv2.load_balancer/api"), "replace", "{plan:#}");
    assert_eq!((at("cloudwatch.metric_alarm/errors"), at("cloudwatch.composite_alarm/region")), ("update", "keep"), "{plan:#}");
    assert_eq!(action(&plan, "global/cloudwatch.dashboard/shop"), "update");
    world.expect(0, &APPLY);
    world.is_converged();
    let after = balancer();
    assert!(before != after && things(&Aws::new(&world.account, US)).contains(&after), "{before} {after}");
    // What somebody switched off stays off.
    assert_eq!(alarm(&world.account, US, "shop-errors").actions_enabled(), Some(false));
    world.destroy("shop");
}
