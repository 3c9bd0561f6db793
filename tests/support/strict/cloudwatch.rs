//! CloudWatch: what of an alarm or a dashboard AWS refuses and MiniStack takes. What MiniStack refuses itself (a composite alarm over
//! what is not there, two of them in one removal, an alarm that one of them names) `tests/alarms` holds it to.
use serde_json::{Value, json};

use super::{
    World,
    call::{Call, Refusal},
    refuse,
};

type Verdict = Result<(), Refusal>;

const INVALID: &str = "ValidationError";
/// Actions for each state (CloudWatch API reference, "PutMetricAlarm").
const MOST_ACTIONS: usize = 5;
const DAY: u64 = 86_400;
const HOUR: u64 = 3_600;

/// Whether CloudWatch would take this request.
pub fn judge(world: &World, call: &Call) -> Verdict {
    match &*call.operation {
        "PutMetricAlarm" => named(call).and_then(|()| actions(call)).and_then(|()| metric_alarm(&call.json)),
        "PutCompositeAlarm" => named(call).and_then(|()| actions(call)).and_then(|()| composite_alarm(world, call)),
        "DeleteAlarms" => {
            let many = call.json["AlarmNames"].as_array().map_or(0, Vec::len);
            if many > 100 { refuse(INVALID, "AlarmNames: Member must have length less than or equal to 100") } else { Ok(()) }
        }
        "PutDashboard" => dashboard(call),
        _ => Ok(()),
    }
}

/// 10.1.2.
fn named(call: &Call) -> Verdict {
    let (name, about) = (&call.json["AlarmName"], call.json["AlarmDescription"].as_str().unwrap_or_default());
    if !name.as_str().is_some_and(|name| (1..=255).contains(&name.len())) {
        return refuse(INVALID, format!("Value '{name}' at 'alarmName' failed to satisfy constraint"));
    }
    if about.chars().count() > 1024 {
        return refuse(
            INVALID,
            "Value at 'alarmDescription' failed to satisfy constraint: Member must have length less than or equal to 1024",
        );
    }
    Ok(())
}

/// 46, 10.1.3: topics of the alarm's own region, five for each state.
fn actions(call: &Call) -> Verdict {
    for state in ["AlarmActions", "OKActions", "InsufficientDataActions"] {
        let all: Vec<&str> = call.json[state].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if all.len() > MOST_ACTIONS {
            return refuse(
                INVALID,
                format!("Value at '{state}' failed to satisfy constraint: Member must have length less than or equal to 5"),
            );
        }
        for arn in all {
            let mut parts = arn.split(':').skip(2);
            let (service, region) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            if service == "sns" && region != call.region {
                return refuse(INVALID, format!("Invalid region {region} specified. Only {} is supported.", call.region));
            }
        }
    }
    Ok(())
}

/// 10.1.3.
fn metric_alarm(asked: &Value) -> Verdict {
    let number = |field: &str| asked[field].as_u64().unwrap_or_default();
    let (period, of, times) = (number("Period"), number("EvaluationPeriods"), number("DatapointsToAlarm"));
    if asked["MetricName"].is_string() == asked["Metrics"].is_array() {
        return refuse(INVALID, "Exactly one of MetricName and Metrics must be specified");
    }
    if asked["MetricName"].is_string() && asked["Statistic"].is_string() == asked["ExtendedStatistic"].is_string() {
        return refuse(INVALID, "Exactly one of Statistic and ExtendedStatistic must be specified");
    }
    if !([10, 20, 30].contains(&period) || period > 0 && period % 60 == 0) {
        return refuse(INVALID, format!("Invalid period {period}: it must be 10, 20, 30 or a multiple of 60"));
    }
    if of == 0 || of * period > if period >= HOUR { 7 * DAY } else { DAY } {
        return refuse(INVALID, "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)");
    }
    if times > of {
        return refuse(INVALID, "DatapointsToAlarm must be less than or equal to EvaluationPeriods");
    }
    let mut dimensions = asked["Dimensions"].as_array().into_iter().flatten();
    if dimensions.any(|one| [&one["Name"], &one["Value"]].iter().any(|text| text.as_str().is_none_or(str::is_empty))) {
        return refuse(
            INVALID,
            "Value '' at 'dimensions' failed to satisfy constraint: Member must have length greater than or equal to 1",
        );
    }
    let statistic = asked["ExtendedStatistic"].as_str().unwrap_or("p99");
    if !statistic.strip_prefix('p').and_then(|percent| percent.parse().ok()).is_some_and(|percent: f64| (0.0..=100.0).contains(&percent)) {
        return refuse(INVALID, format!("The value {statistic} for parameter ExtendedStatistic is not supported"));
    }
    Ok(())
}

/// 10.1.3; and, where a test asks for it, an alarm that was made a moment ago and is not seen yet (10.1.5).
fn composite_alarm(world: &World, call: &Call) -> Verdict {
    let rule = call.json["AlarmRule"].as_str().unwrap_or_default();
    if rule.len() > 10_240 || rule.matches("ALARM(").count() > 100 {
        return refuse(INVALID, "The alarm rule is too long or has more than 100 alarms");
    }
    if world.memory().take_order_of(call) {
        return refuse(INVALID, "Could not save the composite alarm as alarms [arn] in the alarm rule do not exist");
    }
    Ok(())
}

/// 10.2: what is wrong with a body stops it; the messages say where.
fn dashboard(call: &Call) -> Verdict {
    const CODE: &str = "InvalidParameterInput";
    let name = call.json["DashboardName"].as_str().unwrap_or_default();
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 255 || !name.chars().all(is_allowed) {
        return refuse(CODE, "The dashboard name is invalid");
    }
    let text = call.json["DashboardBody"].as_str().unwrap_or_default();
    let Ok(body) = serde_json::from_str::<Value>(text) else {
        return refuse(CODE, "The field DashboardBody must be a valid JSON object");
    };
    let wrong = wrong_with(&body);
    if wrong.is_empty() {
        Ok(())
    } else {
        refuse(CODE, format!("The dashboard body is invalid, there are {} errors: {}", wrong.len(), wrong.join("; ")))
    }
}

/// Everything that is wrong with a body ("Dashboard body structure and syntax"; quotas of dashboards).
pub fn wrong_with(body: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let Some(widgets) = body["widgets"].as_array() else { return vec!["/widgets: should be an array".to_owned()] };
    let metrics = |widget: &Value| widget["properties"]["metrics"].as_array().map_or(0, Vec::len);
    if widgets.len() > 500 || widgets.iter().map(metrics).sum::<usize>() > 2500 {
        wrong.push("/widgets: a dashboard takes 500 widgets and 2500 metrics".to_owned());
    }
    for (index, widget) in widgets.iter().enumerate() {
        let mut say = |what: &str| wrong.push(format!("/widgets/{index}: {what}"));
        let properties = &widget["properties"];
        let number = |field: &str| widget[field].as_u64().unwrap_or(u64::MAX);
        let (x, width, height) = (number("x"), number("width"), number("height"));
        if !(x < 24 && (1..=24).contains(&width) && x + width <= 24 && (1..=1000).contains(&height)) {
            say("it does not fit on the grid of 24 columns");
        }
        match widget["type"].as_str() {
            Some("text") if properties["markdown"].is_string() => {}
            Some("alarm") if properties["alarms"].as_array().is_some_and(|all| (1..=100).contains(&all.len())) => {}
            Some("metric") if properties["region"].as_str().is_some_and(|region| !region.is_empty()) => {
                let lines = properties["metrics"].as_array().map(Vec::as_slice).unwrap_or_default();
                if !(1..=500).contains(&lines.len()) {
                    say("/properties/metrics: should have 1 to 500 items");
                }
                for line in lines {
                    let items = line.as_array().map(Vec::as_slice).unwrap_or_default();
                    let words = items.iter().filter(|item| item.as_str().is_some_and(|word| !word.is_empty())).count();
                    let options = items.iter().filter(|item| item.is_object()).count();
                    if words < 2 || words % 2 == 1 || words + options != items.len() || options > 1 {
                        say(&format!("/properties/metrics: {line} is no metric"));
                    }
                }
            }
            other => say(&format!("a widget of type {} lacks what it needs", json!(other))),
        }
    }
    wrong
}
