//! Alarms, the light of each region and the dashboard, from nothing and back, through the strict layer.
mod dashboard;
mod drift;
mod kills;
mod life;

use aws_sdk_cloudwatch::types::{AlarmType, CompositeAlarm, MetricAlarm};

use crate::support::aws::{Aws, block_on};

const US: &str = "us-east-1";
const EU: &str = "eu-west-1";

/// One table in two regions, and what `more` says.
fn table(tags: &str, more: &str) -> String {
    format!(
        "version: 1\nstack: shop\ntags: {tags}\nregions: {{ us-east-1: {{}}, eu-west-1: {{}} }}\n\
         tables:\n  Orders: {{ partition_key: {{ name: id, type: string }} }}\n{more}"
    )
}

/// A lag alarm with this threshold.
fn lag(threshold: &str) -> String {
    format!(
        "alarms:\n  lag: {{ table: Orders, metric: replication_latency, threshold: {threshold}, period: 60s, evaluation_periods: 3 }}\n"
    )
}

/// What a plan does at an address.
fn action<'a>(plan: &'a serde_json::Value, addr: &str) -> &'a str {
    let mut steps = plan["steps"].as_array().into_iter().flatten();
    steps.find(|step| step["address"] == addr).and_then(|step| step["action"].as_str()).unwrap_or("nothing")
}

/// What an address of a plan waits for.
fn needs<'a>(plan: &'a serde_json::Value, addr: &str) -> Vec<&'a str> {
    let mut steps = plan["steps"].as_array().into_iter().flatten();
    let step = steps.find(|step| step["address"] == addr);
    step.and_then(|step| step["needs"].as_array()).into_iter().flatten().filter_map(|need| need.as_str()).collect()
}

/// Every alarm of a region, by name.
fn alarms(account: &str, region: &str) -> (Vec<MetricAlarm>, Vec<CompositeAlarm>) {
    let both = [AlarmType::MetricAlarm, AlarmType::CompositeAlarm].to_vec();
    let seen = block_on(Aws::new(account, region).cloudwatch.describe_alarms().set_alarm_types(Some(both)).send()).unwrap();
    (seen.metric_alarms.unwrap_or_default(), seen.composite_alarms.unwrap_or_default())
}

/// The one of that name.
fn alarm(account: &str, region: &str, name: &str) -> MetricAlarm {
    let (all, _) = alarms(account, region);
    all.into_iter().find(|alarm| alarm.alarm_name() == Some(name)).unwrap_or_else(|| panic!("no alarm {name} in {region}"))
}

/// Puts an alarm as it is, but for what `change` does to it.
fn put_by_hand(account: &str, region: &str, name: &str, change: impl FnOnce(&mut MetricAlarm)) {
    let mut alarm = alarm(account, region, name);
    change(&mut alarm);
    let client = Aws::new(account, region).cloudwatch;
    let ask = client.put_metric_alarm().set_alarm_name(alarm.alarm_name).set_alarm_description(alarm.alarm_description);
    let ask = ask.set_namespace(alarm.namespace).set_metric_name(alarm.metric_name).set_dimensions(alarm.dimensions);
    let ask = ask.set_statistic(alarm.statistic).set_extended_statistic(alarm.extended_statistic).set_unit(alarm.unit);
    let ask = ask.set_period(alarm.period).set_evaluation_periods(alarm.evaluation_periods).set_threshold(alarm.threshold);
    let ask = ask.set_datapoints_to_alarm(alarm.datapoints_to_alarm).set_comparison_operator(alarm.comparison_operator);
    let ask = ask.set_treat_missing_data(alarm.treat_missing_data).set_actions_enabled(alarm.actions_enabled);
    let ask = ask.set_alarm_actions(alarm.alarm_actions).set_ok_actions(alarm.ok_actions);
    block_on(ask.send()).unwrap();
}

/// What an alarm carries, sorted, without the marks.
fn tags(account: &str, region: &str, arn: &str) -> Vec<String> {
    let seen = block_on(Aws::new(account, region).cloudwatch.list_tags_for_resource().resource_arn(arn).send()).unwrap();
    let shown = |tag: &aws_sdk_cloudwatch::types::Tag| format!("{}={}", tag.key().unwrap(), tag.value().unwrap());
    let mut all: Vec<String> = seen.tags().iter().map(shown).filter(|tag| !tag.starts_with("mrctl:")).collect();
    all.sort_unstable();
    all
}
