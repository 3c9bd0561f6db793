//! Health checks: what AWS refuses of them, and those that follow an alarm. Route 53 copies its definition when it is told of it, and
//! goes by the copy (field guide 9.3 item 3).
use std::collections::BTreeMap;

use roxmltree::{Document, Node};
use serde_json::{Value, json};

use super::{
    World,
    call::{Answer, Call, Refusal},
    refuse,
    route53::operation,
    xml,
};

type Verdict = Result<(), Refusal>;

const INVALID: &str = "InvalidInput";

/// What was copied, as it is shown: by account and id of the health check.
pub type Copies = BTreeMap<(String, String), String>;

fn text(call: &Call) -> String {
    String::from_utf8_lossy(&call.body).into_owned()
}

/// The alarm that a request names: its region and name.
fn named(body: &str) -> Option<(String, String)> {
    let document = Document::parse(body).ok()?;
    let node = document.descendants().find(|node| node.tag_name().name() == "AlarmIdentifier")?;
    let child = |name: &str| node.children().find(|child| child.tag_name().name() == name)?.text().map(str::to_owned);
    Some((child("Region")?, child("Name")?))
}

/// The alarm as CloudWatch shows it.
fn alarm(world: &World, call: &Call, region: &str, name: &str) -> Option<Value> {
    let (signed, wanted) = (format!("/{}/{}/", call.region, call.service), format!("/{region}/monitoring/"));
    let kept = call.head.iter().filter(|(key, _)| key != "content-type");
    let mut head: Vec<_> = kept.map(|(key, value)| (key.clone(), value.replace(&signed, &wanted))).collect();
    head.push(("content-type".to_owned(), "application/x-amz-json-1.0".to_owned()));
    head.push(("x-amz-target".to_owned(), "GraniteServiceVersion20100801.DescribeAlarms".to_owned()));
    let (service, body) = ("monitoring".to_owned(), json!({ "AlarmNames": [name] }).to_string().into_bytes());
    let seen = world.forward(&Call { service, method: "POST".to_owned(), path: "/".to_owned(), head, body, ..call.clone() });
    seen.json()["MetricAlarms"].as_array()?.first().cloned()
}

/// Whether Route 53 would take such a health check.
pub fn judge(world: &World, call: &Call) -> Verdict {
    let body = text(call);
    let has = |name: &str| xml::text_of(&body, name).is_some();
    let is_create = operation(call) == Some("CreateHealthCheck");
    let of_alarm = if is_create { xml::text_of(&body, "Type").as_deref() == Some("CLOUDWATCH_METRIC") } else { named(&body).is_some() };
    let Some((region, name)) = named(&body) else {
        return if of_alarm { refuse(INVALID, "A health check of a metric must have an alarm identifier") } else { Ok(()) };
    };
    if !of_alarm {
        return refuse(INVALID, "Basic health checks must not have an metric region specified.");
    }
    let others = ["Port", "RequestInterval", "FailureThreshold", "FullyQualifiedDomainName", "ResourcePath", "IPAddress", "EnableSNI"];
    if let Some(other) = others.into_iter().find(|other| has(other)) {
        return refuse(INVALID, format!("Invalid parameter : {other} is not allowed for health checks of type CLOUDWATCH_METRIC"));
    }
    if is_create && !has("InsufficientDataHealthStatus") {
        return refuse(INVALID, "InsufficientDataHealthStatus is required for health checks of type CLOUDWATCH_METRIC");
    }
    let Some(alarm) = alarm(world, call, &region, &name) else {
        return refuse(INVALID, format!("Invalid parameter : the CloudWatch alarm {name} does not exist in {region}"));
    };
    let (of, times) = (&alarm["EvaluationPeriods"], &alarm["DatapointsToAlarm"]);
    let is_plain = !alarm["ExtendedStatistic"].is_string() && (times.is_null() || times == of);
    if !is_plain || alarm["Period"].as_u64().is_none_or(|period| period < 60) {
        return refuse(INVALID, format!("Invalid parameter : the CloudWatch alarm {name} cannot be the base of a health check"));
    }
    Ok(())
}

/// The definition of an alarm as Route 53 shows its copy.
fn copied(alarm: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields = ["EvaluationPeriods", "Threshold", "ComparisonOperator", "Period", "MetricName", "Namespace", "Statistic"];
    let fields: String = fields.iter().map(|name| format!("<{name}>{}</{name}>", text(&alarm[*name]))).collect();
    let dimension =
        |one: &Value| format!("<Dimension><Name>{}</Name><Value>{}</Value></Dimension>", text(&one["Name"]), text(&one["Value"]));
    let dimensions: String = alarm["Dimensions"].as_array().into_iter().flatten().map(dimension).collect();
    format!("<CloudWatchAlarmConfiguration>{fields}<Dimensions>{dimensions}</Dimensions></CloudWatchAlarmConfiguration>")
}

fn is(name: &'static str) -> impl Fn(&Node) -> bool {
    move |node| node.tag_name().name() == name
}

/// Puts the copies into an answer, after it was told of an alarm.
pub fn colour(world: &World, call: &Call, mut answer: Answer) -> Answer {
    let body = text(call);
    if matches!(operation(call), Some("CreateHealthCheck" | "UpdateHealthCheck"))
        && let Some((region, name)) = named(&body)
        && let (Some(id), Some(alarm)) = (xml::text_of(&answer.text(), "Id"), alarm(world, call, &region, &name))
    {
        world.memory().route53.copies.insert((call.account.clone(), id), copied(&alarm));
    }
    let text = answer.text();
    let Ok(document) = Document::parse(&text) else { return answer };
    let (mut out, memory) = (text.clone(), world.memory());
    let mut ends = Vec::new();
    for check in document.descendants().filter(is("HealthCheck")) {
        let Some(id) = check.children().find(is("Id")).and_then(|id| id.text()) else { continue };
        if let Some(copy) = memory.route53.copies.get(&(call.account.clone(), id.to_owned())) {
            ends.push((check.range().end - "</HealthCheck>".len(), copy.clone()));
        }
    }
    ends.sort();
    for (at, copy) in ends.into_iter().rev() {
        out.insert_str(at, &copy);
    }
    answer.body = out.into_bytes();
    answer
}
