//! The sections `alarms` and `alerts`.
use serde_json::{Map, Value, json};

use super::{REGION, block, duration, region_list, services::number, words};
use crate::topology::{
    decode::{MISSING_DATA, STATISTICS, WHENS},
    metrics::{METRICS, UNITS},
};

/// The definitions, by name.
pub fn definitions() -> Map<String, Value> {
    let key = |what: &str| json!({ "description": format!("The key of the {what} that is watched."), "type": "string", "minLength": 1 });
    let names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
    let mut properties = member();
    let of_all = json!({
        "service": key("service"),
        "table": key("table"),
        "aurora": key("global database"),
        "record": { "description": "The name of the record whose health checks are watched.", "type": "string", "minLength": 1 },
        "metric": {
            "description": "A metric of docs/alarms.md, or with `namespace` one of your own.",
            "anyOf": [{ "enum": names }, { "type": "string", "minLength": 1, "maxLength": 255 }],
        },
        "namespace": { "description": "The namespace of a metric of your own.", "type": "string", "pattern": "^(?!AWS/)[A-Za-z0-9._/# -][A-Za-z0-9._/#: -]{0,254}$" },
        "dimensions": {
            "description": "The dimensions of a metric of your own. Values may contain {region}, {account}, {stack} and {tables.KEY}.",
            "type": "object",
            "maxProperties": 30,
            "additionalProperties": { "type": ["string", "number", "boolean", "null"] },
        },
        "unit": { "description": "The unit in which a metric of your own is sent; any by default.", "enum": UNITS },
        "operation": { "description": "The operation of DynamoDB, for metrics that are counted for each.", "type": "string", "pattern": "^[A-Z][A-Za-z]+$" },
        "regions": region_list("The regions of the alarm; those of what it watches by default."),
        "per_region": {
            "description": "What differs in a region of the alarm.",
            "type": "object",
            "propertyNames": { "pattern": REGION },
            "additionalProperties": { "anyOf": [{ "$ref": "#/$defs/alarm_in_region" }, { "type": "null" }] },
        },
    });
    if let Value::Object(of_all) = of_all {
        properties.extend(of_all);
    }
    let mut in_region = member();
    // Null in `per_region` restores a default.
    for property in in_region.values_mut() {
        *property = json!({ "anyOf": [property.clone(), { "type": "null" }] });
    }
    let list = |description: &str, pattern: &str| json!({ "description": description, "type": "array", "uniqueItems": true, "items": { "type": "string", "pattern": pattern } });
    let definitions = json!({
        "alarm": block("An alarm in each region of what it watches.", &["metric"], Value::Object(properties)),
        "alarm_in_region": block("What differs in one region; null restores the default.", &[], Value::Object(in_region)),
        "alerts": block("Who is told: an SNS topic in each region with alarms.", &[], json!({
            "emails": list("E-mail addresses. Each gets a message that asks for confirmation.", "^[^@ ]+@[^@ ]+$"),
            "https": list("URLs that are called.", "^https://[^ #]+$"),
            "arns": list("SQS queues and Lambda functions. May contain {region}, {account} and {stack}.", "^arn:aws[a-z-]*:(sqs|lambda):"),
            "encryption": {
                "description": "The ARN of a KMS key for each region with a topic; not encrypted by default.",
                "type": "object",
                "propertyNames": { "pattern": REGION },
                "additionalProperties": { "type": "string", "pattern": "^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$" },
            },
        })),
    });
    match definitions {
        Value::Object(definitions) => definitions,
        _ => Map::new(),
    }
}

/// What may differ from region to region.
fn member() -> Map<String, Value> {
    let properties = json!({
        "threshold": {
            "description": "From where on it alarms: a number in what the metric counts, or a time or a part with its unit, as `3s`, `250ms`, `80%`.",
            "anyOf": [{ "type": "number" }, { "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?(ms|s|m|h|%)?$" }],
        },
        "period": duration("Over what time a data point is taken: 10s, 20s, 30s or a multiple of 60s.", Some("60s")),
        "evaluation_periods": number("How many periods are looked at.", 1, 10_080, Some(1)),
        "datapoints": number("In how many of them the threshold has to be passed; all by default.", 1, 10_080, None),
        "when": { "description": "On which side of the threshold it alarms; by the metric and `when` by default.", "enum": words(WHENS) },
        "missing_data": { "description": "What a period without data counts as; the metric's own by default.", "enum": words(MISSING_DATA) },
        "statistic": {
            "description": "What is made of the values of a period; the metric's own by default. Or a percentile: `p99`.",
            "anyOf": [{ "enum": words(STATISTICS) }, { "type": "string", "pattern": "^p[0-9]{1,3}(\\.[0-9]{1,10})?$" }],
        },
    });
    match properties {
        Value::Object(properties) => properties,
        _ => Map::new(),
    }
}
