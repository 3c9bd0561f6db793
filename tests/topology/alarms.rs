//! What is read of alarms, alerts and health checks that follow an alarm.
use std::collections::BTreeSet;

use mrctl::{
    resource::Region,
    topology::{
        self, Alarm, AlarmCheck, AlarmMember, HealthCheck, InsufficientData, MissingData, Model, PlacementOf, Statistic, Watches, When,
        composite_rule,
        metrics::{Dimension, METRICS, Needs, Place, Subject, Unit, named},
    },
    view,
};

use super::{files, report};

fn valid_file() -> Model {
    topology::load("alarms", &files("valid")["alarms"]).unwrap_or_else(|report| panic!("{}", view::report::text(&report, false))).0
}

fn member(alarm: &Alarm, region: &str) -> AlarmMember {
    alarm.members[&Region::new(region)].clone()
}

/// A member with the defaults of a count.
fn count(threshold: f64) -> AlarmMember {
    AlarmMember {
        threshold,
        period: 60,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        when: When::Above,
        missing_data: MissingData::NotBreaching,
        statistic: Statistic::Sum,
    }
}

#[test]
fn the_model_holds_what_the_file_says() {
    let all = valid_file();
    let alarm = |key: &str| &all.alarms[key];
    assert_eq!(alarm("errors").members.len(), 3);
    assert_eq!(member(alarm("errors"), "eu-west-1"), count(50.0));
    let Watches::Named { metric, key, operation } = &alarm("errors").watches else { panic!("custom") };
    assert_eq!((metric.aws_name, key.as_str(), operation), ("HTTPCode_Target_5XX_Count", "api", &None));
    let client = AlarmMember { period: 300, evaluation_periods: 3, datapoints_to_alarm: 2, ..count(1000.0) };
    assert_eq!(member(alarm("client-errors"), "eu-central-1"), client);
    let silence = AlarmMember { when: When::Below, missing_data: MissingData::Breaching, ..count(1.0) };
    assert_eq!(member(alarm("silence"), "eu-west-1"), silence);
    assert_eq!(alarm("few").members.keys().map(Region::as_str).collect::<Vec<_>>(), ["eu-west-1"]);
    assert_eq!(member(alarm("few"), "eu-west-1").missing_data, MissingData::Breaching);

    let slow = |region| {
        let AlarmMember { threshold, statistic, evaluation_periods, datapoints_to_alarm, .. } = member(alarm("slow"), region);
        (threshold, statistic, evaluation_periods, datapoints_to_alarm)
    };
    assert_eq!(slow("eu-west-1"), (0.8, Statistic::Average, 3, 3));
    assert_eq!(slow("eu-central-1"), (0.8, Statistic::Average, 3, 3));
    assert_eq!(slow("ap-southeast-2"), (2.0, Statistic::Maximum, 1, 1), "null restores the default");

    let threshold = |key: &str, region: &str| member(alarm(key), region).threshold;
    assert_eq!((threshold("half-slow", "eu-west-1"), threshold("tail", "eu-west-1")), (0.25, 1.5), "seconds");
    assert_eq!((threshold("lag", "eu-west-1"), threshold("aurora-loss", "eu-west-1")), (3000.0, 30_000.0), "milliseconds");
    assert_eq!((threshold("busy", "eu-west-1"), threshold("full", "eu-west-1")), (80.0, 90.0), "percent");
    assert_eq!(member(alarm("tail"), "eu-west-1").statistic, Statistic::Percentile(99.9));
    let Watches::Named { operation, .. } = &alarm("puts-refused").watches else { panic!("custom") };
    assert_eq!(operation.as_deref(), Some("PutItem"));
    assert_eq!(alarm("aurora-lag").members.len(), 2);
    assert_eq!(member(alarm("aurora-lag"), "eu-west-1").missing_data, MissingData::NotBreaching, "where the writer is, too");
    let Watches::Named { key, .. } = &alarm("doubtful").watches else { panic!("custom") };
    assert_eq!(key, "api.example.com", "the name as Route 53 has it");

    let Watches::Custom(own) = &alarm("orders-fail").watches else { panic!("named") };
    assert_eq!((own.namespace.as_str(), own.name.as_str(), own.unit.as_deref()), ("Shop/Orders", "Order failures", Some("Count")));
    let dimensions = own.dimensions_in(&Region::new("eu-central-1"));
    let dimensions: Vec<(&str, &str)> = dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        dimensions,
        [("Account", "{account}"), ("Region", "eu-central-1"), ("Stack", "shop"), ("Table", "shop-Orders"), ("Version", "2")]
    );
    assert_eq!(member(alarm("orders-fail"), "eu-west-1"), AlarmMember { missing_data: MissingData::Missing, ..count(5.0) });
    let checkout = member(alarm("checkout"), "eu-west-1");
    assert_eq!((checkout.threshold, checkout.period, checkout.evaluation_periods), (2000.0, 10, 6));
    assert_eq!(threshold("balance", "eu-west-1"), -0.5);

    let alerts = all.alerts.as_ref().unwrap();
    assert_eq!((alerts.emails.len(), alerts.https.len(), alerts.encryption.len()), (1, 1, 4));
    let page = "arn:aws:lambda:eu-west-1:123456789012:function:page:live";
    assert_eq!(alerts.arns_in(&Region::new("us-east-1")), ["arn:aws:sqs:us-east-1:{account}:shop-alerts", page]);
    assert!(all.dashboard);
    let plain = topology::load("plain", b"version: 1\nstack: shop\nregions: { us-east-1: , eu-west-1: }\n").unwrap().0;
    assert_eq!((plain.alarms.len(), plain.alerts, plain.dashboard), (0, None, false));
}

#[test]
fn records_follow_alarms() {
    let all = valid_file();
    let check = |name: &str, region| all.dns.as_ref().unwrap().records[name].members[&Region::new(region)].health_check.clone().unwrap();
    let follows = |alarm: &str, insufficient_data| HealthCheck::Alarm(AlarmCheck { alarm: alarm.to_owned(), insufficient_data });
    assert_eq!(check("api.example.com", "eu-west-1"), follows("slow", InsufficientData::Healthy));
    assert_eq!(check("www.example.com", "eu-west-1"), follows("orders-fail", InsufficientData::LastKnownStatus));
    assert_eq!(check("api.example.com", "ap-southeast-2").port(), Some(443), "null takes the alarm away");
}

#[test]
fn every_metric_of_the_table_is_in_the_file() {
    let all = valid_file();
    let used = all.alarms.values().filter_map(|alarm| match &alarm.watches {
        Watches::Named { metric, .. } => Some(metric.name),
        Watches::Custom(_) => None,
    });
    assert_eq!(used.collect::<BTreeSet<_>>(), METRICS.iter().map(|metric| metric.name).collect::<BTreeSet<_>>());
}

#[test]
fn alarms_stand_where_their_metrics_are() {
    let all = valid_file();
    let placed = |key: &str| -> Vec<String> {
        let gateways = |region: &Region| if region.as_str() == "eu-west-1" { vec![1, 3] } else { vec![2] };
        let placements = all.alarms[key].placements(key, &all, gateways);
        placements.iter().map(|placement| format!("{}/{} of {}", placement.stands, placement.name, placement.watched)).collect()
    };
    let regions = ["eu-west-1", "eu-central-1", "ap-southeast-2"];
    assert_eq!(placed("errors"), regions.map(|region| format!("{region}/errors of {region}")));
    assert_eq!(placed("lag"), ["eu-west-1/lag-eu-central-1 of eu-west-1", "eu-central-1/lag-eu-west-1 of eu-central-1"]);
    let ports = ["eu-west-1/ports-1 of eu-west-1", "eu-west-1/ports-3 of eu-west-1"];
    assert_eq!(placed("ports")[..2], ports);
    assert_eq!(placed("ports")[2..], ["eu-central-1/ports-2 of eu-central-1", "ap-southeast-2/ports-2 of ap-southeast-2"]);
    assert_eq!(placed("down"), regions.map(|region| format!("us-east-1/down-{region} of {region}")));
    assert_eq!(placed("orders-fail").len(), 3);
    let pairs = all.alarms["lag"].placements("lag", &all, |_| Vec::new());
    assert_eq!(pairs[0].of, PlacementOf::Receiving(Region::new("eu-central-1")));
    assert_eq!(composite_rule(["shop-a", "shop-b"]), "ALARM(\"shop-a\") OR ALARM(\"shop-b\")");
}

/// What is true of CloudWatch is true of every line.
#[test]
fn the_table_of_metrics_holds_together() {
    let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), METRICS.len(), "a name stands twice");
    for metric in METRICS {
        let name = metric.name;
        assert_eq!(named(name), Some(metric));
        assert!(!metric.aws_name.is_empty() && !metric.dimensions.is_empty() && metric.about.ends_with('.'), "{name}");
        assert!(metric.source.url.starts_with("https://docs.aws.amazon.com/"), "{name}");
        assert_eq!(metric.namespace == "AWS/DynamoDB", metric.missing_data == MissingData::Ignore, "{name}");
        assert_eq!(metric.namespace == "AWS/Route53", metric.place == Place::UsEast1, "{name}");
        assert_eq!(metric.dimensions.contains(&Dimension::ReceivingRegion), metric.place == Place::Pairs, "{name}");
        assert_eq!(metric.dimensions.contains(&Dimension::NatGatewayId), metric.place == Place::NatGateways, "{name}");
        if matches!(metric.statistic, Statistic::Percentile(_)) {
            assert!(["AWS/ApplicationELB", "AWS/RDS"].contains(&metric.namespace), "{name}");
        }
        let namespaces: &[&str] = match metric.subject {
            Subject::Service => &["AWS/ApplicationELB", "AWS/ECS", "ECS/ContainerInsights"],
            Subject::Table => &["AWS/DynamoDB"],
            Subject::Aurora => &["AWS/RDS"],
            Subject::Record => &["AWS/Route53"],
            Subject::Network => &["AWS/NATGateway"],
        };
        assert!(namespaces.contains(&metric.namespace), "{name}");
    }
    let metric = |name| named(name).unwrap();
    let lag = metric("aurora_replication_lag");
    assert_eq!((lag.missing_data, lag.place, lag.unit), (MissingData::NotBreaching, Place::Region, Unit::Milliseconds));
    let status = metric("health_check_status");
    assert_eq!((status.when, status.statistic, status.unit), (When::Below, Statistic::Minimum, Unit::None));
    assert_eq!(metric("running_tasks").needs, Needs::ContainerInsights);
}

#[test]
fn what_may_hold_a_key_is_in_no_report() {
    for name in ["alerts", "alerts_types"] {
        let bytes = &files("invalid")[name];
        assert!(String::from_utf8_lossy(bytes).contains("secret-key"), "{name}");
        let report = report(bytes);
        let shown = view::report::text(&report, false) + &view::report::text(&report, true) + &report.to_json().to_string();
        assert!(!shown.contains("secret-key") && shown.contains("hooks.example.com"), "{name}:\n{shown}");
    }
    let all = files("valid")["alarms"].clone();
    for (added, code) in [
        ("  alsace: 1\n", "yaml::syntax"),
        ("---\n", "file::several-documents"),
        ("\u{e9}", "yaml::syntax"),
        ("x: 1\n", "decode::unknown-key"),
    ] {
        let report = topology::load("alarms", &[&all, added.as_bytes()].concat()).unwrap_err();
        assert!(report.problems.iter().any(|problem| problem.code == code), "{:?}", report.problems);
        assert!(report.text.contains("https://events.example.com***") && !report.text.contains("0123456789abcdef"), "{}", report.text);
    }
    let report = topology::load("alarms", &[&all, b"\xff" as &[u8]].concat()).unwrap_err();
    assert!(!report.text.contains("0123456789abcdef"), "{}", report.text);
}
