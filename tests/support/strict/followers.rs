//! Health checks: what AWS refuses of them, and those that follow an alarm. Route 53 copies its definition when it is told of it, and
//! goes by the copy (field guide 9.3 item 3).
use std::collections::BTreeMap;

use roxmltree::{Document, Node};

use super::{
    World,
    call::{Answer, Call, Refusal},
    refuse,
    route53::operation,
    xml::{self, Item},
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
fn alarm(world: &World, call: &Call, region: &str, name: &str) -> Option<Item> {
    let (signed, wanted) = (format!("/{}/{}/", call.region, call.service), format!("/{region}/{}/", call.service));
    let head = call.head.iter().map(|(key, value)| (key.clone(), value.replace(&signed, &wanted))).collect();
    let there = Call { region: region.to_owned(), method: "POST".to_owned(), path: "/".to_owned(), head, ..call.clone() };
    let seen = world.forward(&there.ask_query("monitoring", "2010-08-01", "DescribeAlarms", &[("AlarmNames.member.1", name)]));
    xml::items(&seen.text(), "MetricAlarms").into_iter().next()
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
    let (of, times) = (alarm.one("EvaluationPeriods"), alarm.one("DatapointsToAlarm"));
    let is_plain = alarm.one("ExtendedStatistic").is_empty() && (times.is_empty() || times == of);
    if !is_plain || alarm.one("Period").parse::<u32>().is_ok_and(|period| period < 60) {
        return refuse(INVALID, format!("Invalid parameter : the CloudWatch alarm {name} cannot be the base of a health check"));
    }
    Ok(())
}

/// The definition of an alarm as Route 53 shows its copy.
fn copied(alarm: &Item) -> String {
    let fields = ["EvaluationPeriods", "Threshold", "ComparisonOperator", "Period", "MetricName", "Namespace", "Statistic"];
    let fields: String = fields.iter().map(|name| format!("<{name}>{}</{name}>", alarm.one(name))).collect();
    let names = alarm.all("Dimensions/member/Name").zip(alarm.all("Dimensions/member/Value"));
    let dimensions: String =
        names.map(|(name, value)| format!("<Dimension><Name>{name}</Name><Value>{value}</Value></Dimension>")).collect();
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
