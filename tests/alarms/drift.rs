//! What somebody did by hand, and what is somebody else's.
use aws_sdk_cloudwatch::types::{ComparisonOperator, Statistic};

use super::{EU, US, action, alarm, alarms, lag, needs, put_by_hand, table, tags};
use crate::support::{
    aws::{Aws, block_on},
    binary::Place,
    sandbox::strict,
};

const LAG: &str = "us-east-1/cloudwatch.metric_alarm/lag-eu-west-1";
const LIGHT: &str = "us-east-1/cloudwatch.composite_alarm/region";
const APPLY: [&str; 3] = ["apply", "--yes", "--no-sweep"];

#[test]
fn what_is_changed_by_hand_is_changed_back_and_what_is_switched_off_stays() {
    let world = Place::with(&table("{ team: payments }", &lag("3s")));
    world.expect(0, &APPLY);
    world.is_converged();
    let name = "shop-lag-eu-west-1";
    let at = |plan: &serde_json::Value| action(plan, LAG).to_owned();

    // A threshold, an action, a unit, another statistic: all of it is ours.
    put_by_hand(&world.account, US, name, |alarm| {
        alarm.threshold = Some(9000.0);
        alarm.alarm_actions = Some(vec![format!("arn:aws:sns:us-east-1:{}:theirs", world.account)]);
        alarm.statistic = Some(Statistic::Maximum);
        alarm.unit = Some("Seconds".into());
        alarm.datapoints_to_alarm = Some(1);
    });
    let plan = world.plan(&[]);
    assert_eq!(at(&plan), "update", "{plan:#}");
    world.expect(0, &APPLY);
    let now = alarm(&world.account, US, name);
    assert_eq!((now.threshold(), now.statistic(), now.unit()), (Some(3000.0), Some(&Statistic::Average), None));
    assert_eq!((now.alarm_actions().len(), now.datapoints_to_alarm()), (0, Some(3)));
    world.is_converged();

    // Switched off: told, and left, also when the alarm changes for another reason.
    let client = Aws::new(&world.account, US).cloudwatch;
    block_on(client.disable_alarm_actions().alarm_names(name).send()).unwrap();
    let plan = world.plan(&[]);
    assert_eq!((at(&plan).as_str(), plan["posture"][0]["id"].as_str()), ("keep", Some(&*format!("alarm-actions:{LAG}"))), "{plan:#}");
    world.is_converged();
    world.write(table("{ team: payments }", &lag("4s")));
    world.expect(0, &APPLY);
    let now = alarm(&world.account, US, name);
    assert_eq!((now.threshold(), now.actions_enabled()), (Some(4000.0), Some(false)));
    let id = format!("alarm-actions:{LAG}");
    world.expect(0, &["apply", "--yes", "--no-sweep", "--restore-posture", &id]);
    assert_eq!(alarm(&world.account, US, name).actions_enabled(), Some(true));
    world.is_converged();
    world.destroy("shop");
}

#[test]
fn tags_of_an_alarm_that_is_there_change() {
    let world = Place::with(&table("{ team: payments, cost: a }", &format!("{}dashboard: true\n", lag("3s"))));
    world.expect(0, &APPLY);
    world.write(table("{ team: orders }", &format!("{}dashboard: true\n", lag("3s"))));
    world.expect(0, &APPLY);
    world.is_converged();
    for region in [US, EU] {
        let (metric, composite) = alarms(&world.account, region);
        let named = metric.iter().map(|alarm| (alarm.alarm_name(), alarm.alarm_arn()));
        let all: Vec<_> = named.chain(composite.iter().map(|alarm| (alarm.alarm_name(), alarm.alarm_arn()))).collect();
        assert_eq!(all.len(), 2, "{all:?}");
        for (name, arn) in all {
            let wanted = [format!("Name={}", name.unwrap()), "team=orders".to_owned()];
            assert_eq!(tags(&world.account, region, arn.unwrap()), wanted);
        }
    }
    let arn = format!("arn:aws:cloudwatch::{}:dashboard/shop", world.account);
    assert_eq!(tags(&world.account, EU, &arn), ["Name=shop-dashboard", "team=orders"]);
    world.destroy("shop");
}

#[test]
fn a_light_follows_its_alarms_and_is_one_of_ours() {
    let two =
        format!("{}  reads: {{ table: Orders, metric: read_throttles, threshold: 5, period: 60s, evaluation_periods: 1 }}\n", lag("3s"));
    let world = Place::with(&table("{}", &two));
    // The alarms were made a moment ago, and one is not seen yet.
    strict().let_fail(&world.account, "PutCompositeAlarm");
    world.expect(0, &APPLY);
    world.is_converged();
    let rule = |region: &str| alarms(&world.account, region).1[0].alarm_rule().unwrap().to_owned();
    assert_eq!(rule(US), "ALARM(\"shop-lag-eu-west-1\") OR ALARM(\"shop-reads\")");
    assert_eq!(rule(EU), "ALARM(\"shop-lag-us-east-1\") OR ALARM(\"shop-reads\")");

    let client = Aws::new(&world.account, US).cloudwatch;
    block_on(client.put_composite_alarm().alarm_name("shop-region").alarm_rule("NOT ALARM(\"shop-reads\")").send()).unwrap();
    assert_eq!(action(&world.plan(&[]), LIGHT), "update");
    world.expect(0, &APPLY);
    assert_eq!(rule(US), "ALARM(\"shop-lag-eu-west-1\") OR ALARM(\"shop-reads\")");

    // One goes: the light lets go of it first, because AWS refuses to remove what a light names.
    world.write(table("{}", &lag("3s")));
    let plan = world.plan(&[]);
    let gone = "us-east-1/cloudwatch.metric_alarm/reads";
    assert_eq!((action(&plan, gone), action(&plan, LIGHT)), ("delete", "update"), "{plan:#}");
    assert!(needs(&plan, gone).contains(&LIGHT), "{plan:#}");
    world.expect(0, &APPLY);
    world.is_converged();
    // All of them go: the light first.
    let plan = world.plan(&["--destroy"]);
    assert!(needs(&plan, LAG).contains(&LIGHT), "{plan:#}");
    world.destroy("shop");
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let world = Place::with(&table("{}", &lag("3s")));
    let client = Aws::new(&world.account, US).cloudwatch;
    let put = |name: &str| {
        let ask = client.put_metric_alarm().alarm_name(name).namespace("Theirs").metric_name("m").statistic(Statistic::Sum).period(60);
        let ask = ask.evaluation_periods(1).threshold(1.0).comparison_operator(ComparisonOperator::GreaterThanThreshold);
        block_on(ask.send()).unwrap();
    };
    // One of another stack whose name begins like ours, one of Application Auto Scaling, and one under our name.
    for name in ["shop-x-lag", "TargetTracking-table/shop-Orders-AlarmHigh-1", "shop-lag-eu-west-1"] {
        put(name);
    }
    let plan = world.plan(&[]);
    assert_eq!(action(&plan, LAG), "leave", "{plan:#}");
    let said = world.expect(1, &APPLY);
    assert!(said.contains("does not carry this stack's mark"), "{said}");
    block_on(client.delete_alarms().alarm_names("shop-lag-eu-west-1").send()).unwrap();
    world.expect(0, &APPLY);
    world.is_converged();
    world.destroy("shop");
    let (left, _) = alarms(&world.account, US);
    let left: Vec<&str> = left.iter().filter_map(|alarm| alarm.alarm_name()).collect();
    assert_eq!(left, ["TargetTracking-table/shop-Orders-AlarmHigh-1", "shop-x-lag"]);
}

#[test]
fn what_aws_does_not_take_is_refused_here_too() {
    let world = Place::new();
    let client = Aws::new(&world.account, US);
    let _ = client;
    let client = crate::support::sandbox::fleet(&world.account).0.region(&mrctl::resource::Region::new(US)).cloudwatch;
    let put = || {
        let ask = client.put_metric_alarm().alarm_name("a").namespace("N").metric_name("m").period(60).evaluation_periods(2);
        ask.threshold(1.0).comparison_operator(ComparisonOperator::GreaterThanThreshold)
    };
    let topic = |region: &str| format!("arn:aws:sns:{region}:123456789012:alerts");
    let many = (0..6).map(|_| topic(US)).collect();
    let refused = [
        (put().statistic(Statistic::Sum).period(45), "Invalid period 45"),
        (put().statistic(Statistic::Sum).datapoints_to_alarm(3), "DatapointsToAlarm"),
        (put().statistic(Statistic::Sum).extended_statistic("p99"), "Exactly one of Statistic"),
        (put(), "Exactly one of Statistic"),
        (put().statistic(Statistic::Sum).period(3600).evaluation_periods(200), "EvaluationPeriods"),
        (put().statistic(Statistic::Sum).alarm_actions(topic(EU)), "Invalid region eu-west-1 specified. Only us-east-1 is supported."),
        (put().statistic(Statistic::Sum).set_ok_actions(Some(many)), "less than or equal to 5"),
    ];
    for (ask, text) in refused {
        let error = block_on(ask.send()).unwrap_err().into_service_error();
        let meta = aws_sdk_cloudwatch::error::ProvideErrorMetadata::meta(&error);
        assert_eq!(meta.code(), Some("ValidationError"), "{text}");
        assert!(meta.message().is_some_and(|message| message.contains(text)), "{meta:?}");
    }
    block_on(put().statistic(Statistic::Sum).alarm_actions(topic(US)).send()).unwrap();
    // What MiniStack refuses itself.
    let light = |name: &str, rule: &str| block_on(client.put_composite_alarm().alarm_name(name).alarm_rule(rule).send()).is_ok();
    assert!(!light("l", "ALARM(\"none\")"));
    assert!(light("l", "ALARM(\"a\")") && light("m", "ALARM(\"a\")"));
    for names in [vec!["a"], vec!["l", "m"]] {
        let ask = client.delete_alarms().set_alarm_names(Some(names.iter().map(|name| (*name).to_owned()).collect()));
        assert!(block_on(ask.send()).is_err(), "{names:?}");
    }
    let gone = block_on(client.delete_dashboards().dashboard_names("none").send()).unwrap_err().into_service_error();
    assert_eq!(aws_sdk_cloudwatch::error::ProvideErrorMetadata::meta(&gone).code(), Some("ResourceNotFound"));
}
