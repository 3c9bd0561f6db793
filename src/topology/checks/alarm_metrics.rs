//! What an alarm watches: a metric that is there, of something that has it.
use indexmap::IndexMap;

use super::{
    alarm_custom::custom,
    alarm_names::gateways,
    aurora_engine::{Since, Version, version},
    regions::{COMMERCIAL, partition},
};
use crate::topology::{
    alarms::{self, Looks, looks_at, region_codes},
    aurora::instances,
    codes::{self, Code},
    decode::{AlarmDraft, Draft, SUBJECTS},
    metrics::{Dimension, METRICS, Metric, Needs, Subject},
    model::{Consistency, LoadBalancer},
    node::shortened,
    records,
    report::Problem,
    services::{self, load_balancer},
    suggest,
};

/// Of the dimension Operation, but for those of streams (DynamoDB developer guide, "DynamoDB metrics and dimensions").
const OPERATIONS: [&str; 13] = [
    "PutItem",
    "DeleteItem",
    "UpdateItem",
    "GetItem",
    "BatchGetItem",
    "Scan",
    "Query",
    "BatchWriteItem",
    "TransactWriteItems",
    "TransactGetItems",
    "ExecuteTransaction",
    "BatchExecuteStatement",
    "ExecuteStatement",
];
/// Aurora user guide, "Recovering an Amazon Aurora global database from an unplanned outage".
const RPO_LAG: Since = Since { mysql: &[Version::new(2, 12, 0), Version::new(3, 4, 0)], postgresql: &[Version::new(11, 0, 0)] };

pub fn metric(draft: &Draft, alarm: &AlarmDraft, table_names: &IndexMap<String, String>, problems: &mut Vec<Problem>) {
    if alarm.namespace_present {
        custom(draft, alarm, table_names, problems);
        return;
    }
    only_custom(alarm, problems);
    let Some(name) = &alarm.metric else { return };
    let Some(metric) = alarms::metric(alarm) else {
        let names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
        let of_aws = METRICS.iter().find(|metric| metric.aws_name == name.value);
        let help = match of_aws {
            Some(metric) => format!("did you mean `{}`?", metric.name),
            None => match suggest::nearest(&name.value, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}; one of your own needs a `namespace`", suggest::list(&names)),
            },
        };
        let text = format!("there is no metric `{}`", shortened(&name.value));
        problems.push(Problem::new(codes::ALARM_METRIC, text).at(name.span, "not in docs/alarms.md").help(help));
        return;
    };
    operation(alarm, metric, problems);
    if subject(draft, alarm, metric, problems) {
        needs(draft, alarm, metric, problems);
    }
}

/// What means nothing for a metric of the table.
fn only_custom(alarm: &AlarmDraft, problems: &mut Vec<Problem>) {
    let dimensions = alarm.dimensions.as_ref().map(|dimensions| ("dimensions", dimensions.span));
    let unit = alarm.unit.as_ref().map(|unit| ("unit", unit.span));
    for (key, span) in [dimensions, unit].into_iter().flatten() {
        problems.push(
            Problem::new(codes::ALARM_CUSTOM, format!("`{key}` is for metrics of your own"))
                .at(span, "without a `namespace`")
                .help(format!("add the `namespace` of your metric, or remove `{key}`: mrctl knows it for its own metrics")),
        );
    }
}

fn operation(alarm: &AlarmDraft, metric: &Metric, problems: &mut Vec<Problem>) {
    let wants = metric.dimensions.contains(&Dimension::Operation);
    match &alarm.operation {
        None if wants => {
            let span = alarm.metric.as_ref().map_or(alarm.key.span, |metric| metric.span);
            problems.push(
                Problem::new(codes::ALARM_OPERATION, format!("`{}` is of one operation", metric.name))
                    .at(span, "of which operation?")
                    .help("name one: `operation: PutItem`"),
            );
        }
        Some(operation) if !wants => problems.push(
            Problem::new(codes::ALARM_OPERATION, format!("`{}` is not of one operation", metric.name))
                .at(operation.span, "would do nothing")
                .help("remove `operation`"),
        ),
        Some(operation) if !OPERATIONS.contains(&operation.value.as_str()) => problems.push(
            Problem::new(codes::ALARM_OPERATION, format!("DynamoDB has no operation `{}`", shortened(&operation.value)))
                .at(operation.span, "not an operation")
                .help(suggest::help(&operation.value, "operations", &OPERATIONS)),
        ),
        _ => {}
    }
}

/// The key in the file that names a subject.
fn word(subject: Subject) -> &'static str {
    SUBJECTS.iter().find(|(_, of)| *of == subject).map_or("", |(word, _)| word)
}

/// What a subject is called in messages.
const fn noun(subject: Subject) -> &'static str {
    match subject {
        Subject::Service => "service",
        Subject::Table => "table",
        Subject::Aurora => "database",
        Subject::Record => "record",
        Subject::Network => "network",
    }
}

/// Whether the alarm names what its metric is of, and that is in the file.
fn subject(draft: &Draft, alarm: &AlarmDraft, metric: &Metric, problems: &mut Vec<Problem>) -> bool {
    let (wanted, what) = (word(metric.subject), noun(metric.subject));
    let before = problems.len();
    for (other, named) in alarm.subjects.iter().filter(|(subject, _)| *subject != metric.subject) {
        let help = match metric.subject {
            Subject::Network => format!("remove `{}`: the metric is of the region's network", word(*other)),
            _ => format!("write `{wanted}: KEY`, or name a metric of a {}", noun(*other)),
        };
        let of = if metric.subject == Subject::Network { "the network".to_owned() } else { format!("a {what}") };
        let problem = Problem::new(codes::ALARM_SUBJECT, format!("`{}` is a metric of {of}", metric.name));
        problems.push(problem.at(named.span, format!("names a {}", noun(*other))).help(help));
    }
    if metric.subject == Subject::Network {
        return problems.len() == before;
    }
    let Some((_, named)) = alarm.subjects.iter().find(|(subject, _)| *subject == metric.subject) else {
        // Another subject, or one that could not be read, is reported already.
        if !alarm.subject_present {
            problems.push(
                Problem::new(codes::ALARM_SUBJECT, format!("the alarm `{}` watches nothing", shortened(&alarm.key.value)))
                    .at(alarm.metric.as_ref().map_or(alarm.key.span, |metric| metric.span), format!("a metric of a {what}"))
                    .help(format!("name a {what} of this file: `{wanted}: KEY`")),
            );
        }
        return false;
    };
    if looks_at(draft, alarm).is_none() {
        let keys: Vec<&str> = match metric.subject {
            Subject::Service => draft.services.iter().map(|service| service.key.value.as_str()).collect(),
            Subject::Table => draft.tables.iter().map(|table| table.key.value.as_str()).collect(),
            Subject::Aurora => draft.aurora.iter().map(|database| database.key.value.as_str()).collect(),
            Subject::Record => draft.dns.iter().flat_map(|dns| &dns.records).map(|record| record.name.value.as_str()).collect(),
            Subject::Network => Vec::new(),
        };
        problems.push(
            Problem::new(codes::ALARM_SUBJECT, format!("there is no {what} `{}` in this file", shortened(&named.value)))
                .at(named.span, "not in this file")
                .help(suggest::help(&named.value, &format!("{what}s"), &keys)),
        );
    }
    problems.len() == before
}

/// Whether AWS has the metric in every region of the alarm.
fn needs(draft: &Draft, alarm: &AlarmDraft, metric: &Metric, problems: &mut Vec<Problem>) {
    let Some(looks) = looks_at(draft, alarm) else { return };
    let named = alarm.subjects.iter().find(|(subject, _)| *subject == metric.subject).map(|(_, named)| named.span);
    let span = alarm.metric.as_ref().map_or(alarm.key.span, |metric| metric.span);
    for region in region_codes(draft, alarm) {
        let Some(Lack { code, text, label, help }) = lack(draft, metric, &looks, region) else { continue };
        let problem = Problem::new(code, text).at(span, label);
        let problem = named.map_or_else(|| problem.clone(), |named| problem.clone().at(named, "of this"));
        problems.push(problem.help(help));
    }
}

/// Why a metric is not there.
struct Lack {
    code: Code,
    text: String,
    label: &'static str,
    help: String,
}

fn lack(draft: &Draft, metric: &Metric, looks: &Looks<'_>, region: &str) -> Option<Lack> {
    let name = metric.name;
    let lack = |code, text: String, label, help: &str| Some(Lack { code, text, label, help: help.to_owned() });
    let here = |what: &str, help: &str| {
        let help = format!("{help}, or leave the region out: `regions: [REGION, …]`");
        lack(codes::ALARM_NO_METRIC, format!("in `{region}` there is no `{name}`, because {what}"), "AWS has no such metric there", &help)
    };
    match (metric.needs, looks) {
        (Needs::LoadBalancer, Looks::Service(service)) if load_balancer(service.member_in(region)) == LoadBalancer::None => {
            here("the service has no load balancer", "give the service a `port`")
        }
        (Needs::ContainerInsights, _) => {
            let on = draft.services.iter().any(|service| {
                let here = services::region_codes(draft, service).contains(&region);
                here && service.member_in(region).container_insights.as_ref().is_some_and(|insights| insights.value)
            });
            let text = format!("in `{region}` nothing counts running tasks");
            let help = "write `container_insights: true` in the service; `healthy_targets` needs it not";
            if on { None } else { lack(codes::ALARM_CONTAINER_INSIGHTS, text, "only Container Insights has it", help) }
        }
        (Needs::Replication, Looks::Table(table)) => {
            let is_strong = table.consistency.as_ref().is_some_and(|consistency| consistency.value == Consistency::Strong);
            let text = format!("the table `{}` has no `{name}`", shortened(&table.key.value));
            if is_strong {
                let help = "remove the alarm: a write to a strongly consistent table is answered when another region has it";
                lack(codes::ALARM_REPLICATION, text, "DynamoDB does not measure it on a strong table", help)
            } else if looks.region_codes(draft).len() < 2 {
                lack(codes::ALARM_REPLICATION, text, "the table is in one region", "remove the alarm, or give the table a second region")
            } else {
                None
            }
        }
        (Needs::SecondaryRegions | Needs::RpoLag, Looks::Aurora(_)) if looks.region_codes(draft).len() < 2 => {
            here("the database is in one region", "give the database a second region")
        }
        (Needs::RpoLag, Looks::Aurora(database)) => {
            let (engine, version) = version(database)?;
            let help = "take `aurora_replication_lag`, or a later version";
            let text = format!("this version of `{}` has no `{name}`", engine.as_str());
            if version.has(RPO_LAG.of(engine)) { None } else { lack(codes::ALARM_RPO_LAG, text, "not measured by this version", help) }
        }
        (Needs::Instances, Looks::Aurora(database)) if instances(database.member_in(region)) == 0 => {
            here("the cluster has no instances", "give the cluster instances")
        }
        (Needs::HealthCheck | Needs::HealthCheckers, Looks::Record(_)) if partition(region) != COMMERCIAL => {
            let text = format!("in `{region}` there is no `{name}`, because Route 53's metrics are in us-east-1");
            lack(codes::ALARM_NO_METRIC, text, "AWS has no such metric there", "remove the alarm")
        }
        (Needs::HealthCheck | Needs::HealthCheckers, Looks::Record(record)) => match record.health_check_in(region) {
            None => here("the record has no health check", "give the record a `health_check`"),
            Some(check) if check.from_alarm.is_some() && metric.needs == Needs::HealthCheckers => {
                let what = format!("the health check of `{}` asks nobody", shortened(&records::name(record)));
                here(&what, "watch `health_check_status`")
            }
            Some(_) => None,
        },
        (Needs::NatGateways, _) if gateways(draft, region) == 0 => {
            here("mrctl makes no NAT gateway", "write `nat_gateways: per_zone` or `single` in `network`")
        }
        _ => None,
    }
}
