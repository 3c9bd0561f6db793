//! Alarms on metrics that the application sends itself.
use indexmap::IndexMap;

use crate::topology::{
    alarms::values,
    codes,
    decode::{AlarmDraft, Draft},
    metrics::UNITS,
    node::shortened,
    placeholders,
    report::{At, Problem},
    suggest,
};

/// All from the CloudWatch API reference, PutMetricData, MetricDatum and Dimension.
const LONGEST_NAME: usize = 255;
const LONGEST_VALUE: usize = 1024;
const MOST_DIMENSIONS: usize = 30;

pub fn custom(draft: &Draft, alarm: &AlarmDraft, table_names: &IndexMap<String, String>, problems: &mut Vec<Problem>) {
    for (_, named) in &alarm.subjects {
        problems.push(
            Problem::new(codes::ALARM_SUBJECT, "a metric of your own is of nothing in this file")
                .at(named.span, "would do nothing")
                .help("say what it is of with `dimensions`"),
        );
    }
    if let Some(operation) = &alarm.operation {
        problems.push(
            Problem::new(codes::ALARM_OPERATION, "a metric of your own is not of an operation of DynamoDB")
                .at(operation.span, "would do nothing")
                .help("remove `operation`"),
        );
    }
    if let Some(namespace) = &alarm.namespace {
        refuse(namespace, "the namespace of a metric", wrong_namespace(&namespace.value), problems);
    }
    if let Some(name) = &alarm.metric {
        refuse(name, "the name of a metric", wrong_text(&name.value, LONGEST_NAME), problems);
    }
    if let Some(unit) = alarm.unit.as_ref().filter(|unit| !UNITS.contains(&unit.value.as_str())) {
        problems.push(
            Problem::new(codes::ALARM_CUSTOM, format!("CloudWatch has no unit `{}`", shortened(&unit.value)))
                .at(unit.span, "not a unit")
                .help(suggest::help(&unit.value, "units", &UNITS)),
        );
    }
    let Some(dimensions) = &alarm.dimensions else { return };
    if dimensions.value.len() > MOST_DIMENSIONS {
        problems.push(
            Problem::new(codes::ALARM_CUSTOM, format!("a metric cannot have {} dimensions", dimensions.value.len()))
                .at(dimensions.span, format!("at most {MOST_DIMENSIONS} are possible"))
                .help("name the dimensions that the application sends, and no others"),
        );
    }
    for (name, value) in &dimensions.value {
        let colon = name.value.starts_with(':').then_some("must not begin with `:`");
        refuse(name, "the name of a dimension", colon.or_else(|| wrong_text(&name.value, LONGEST_NAME)), problems);
        let before = problems.len();
        let filled = placeholders::fill(value, &values(draft, table_names, "a dimension"), problems);
        if let Some(filled) = filled.filter(|_| problems.len() == before) {
            refuse(value, "the value of a dimension", wrong_text(&filled, LONGEST_VALUE), problems);
        }
    }
}

fn refuse(at: &At<String>, what: &str, wrong: Option<&'static str>, problems: &mut Vec<Problem>) {
    let Some(wrong) = wrong else { return };
    let help = if wrong == OF_AWS {
        "metrics of AWS are those of docs/alarms.md, by their names there: `{ service: api, metric: target_5xx, threshold: 50 }`"
    } else {
        "write it as the application sends it: `{ namespace: Shop/Orders, metric: OrderFailures, dimensions: { Region: \"{region}\" } }`"
    };
    problems.push(Problem::new(codes::ALARM_CUSTOM, format!("`{}` cannot be {what}", shortened(&at.value))).at(at.span, wrong).help(help));
}

const OF_AWS: &str = "belongs to AWS";

fn wrong_namespace(text: &str) -> Option<&'static str> {
    if text.starts_with("AWS/") {
        return Some(OF_AWS);
    }
    if text.starts_with(':') {
        return Some("must not begin with `:`");
    }
    let possible = |c: char| c.is_ascii_alphanumeric() || ".-_/#: ".contains(c);
    let strange = (!text.chars().all(possible)).then_some("may have only letters, digits, spaces and `. - _ / # :`");
    wrong_text(text, LONGEST_NAME).or(strange)
}

fn wrong_text(text: &str, longest: usize) -> Option<&'static str> {
    if text.trim().is_empty() {
        Some("is empty")
    } else if text.chars().count() > longest {
        Some("is too long")
    } else if !text.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        Some("may have only printable ASCII characters")
    } else {
        None
    }
}
