//! Every optional field of the file and every entry of its maps: added, changed and removed, it converges, or is refused
//! where data would be lost.
//!
//! Which fields there are is read off the JSON schema, which another test holds to what the readers ask for: a field without a
//! case fails here.
mod cases;
mod naming;
mod serving;

use std::collections::{BTreeMap, BTreeSet};

use cases::{After, Case, Move, cases};
use mrctl::topology;
use serde_json::Value;

use crate::support::{
    binary::{Place, not_kept, side_by_side},
    sandbox::strict,
};

/// Optional fields without a case, and why.
const WITHOUT_CASES: [(&str, &str); 69] = [
    // What scales services came later than the cases; tests/services/scaling.rs adds, changes and removes each.
    ("service.scale_on", "tests/services/scaling.rs is about it"),
    ("service_in_region.scale_on", "tests/services/scaling.rs is about it"),
    ("scale_on.cpu", "tests/services/scaling.rs is about it"),
    ("scale_on.memory", "tests/services/scaling.rs is about it"),
    ("scale_on.requests_per_target", "tests/services/scaling.rs is about it"),
    ("zone.create", "without it a zone has to be there already, which no case makes: tests/dns/zones.rs is about both"),
    // The section is read and checked; its cases come with its kinds.
    ("topology.aurora", NO_KINDS),
    ("topology.aurora.*", NO_KINDS),
    ("aurora.instance_class", NO_KINDS),
    ("aurora.serverless", NO_KINDS),
    ("aurora.instances", NO_KINDS),
    ("aurora.write_forwarding", NO_KINDS),
    ("aurora.backup_retention_days", NO_KINDS),
    ("aurora.deletion_protection", NO_KINDS),
    ("aurora.on_destroy", NO_KINDS),
    ("aurora.database_name", NO_KINDS),
    ("aurora.master_username", NO_KINDS),
    ("aurora.parameters", NO_KINDS),
    ("aurora.parameters.*", NO_KINDS),
    ("aurora.encryption", NO_KINDS),
    ("aurora.regions", NO_KINDS),
    ("aurora.per_region", NO_KINDS),
    ("aurora.per_region.*", NO_KINDS),
    ("aurora_in_region.instance_class", NO_KINDS),
    ("aurora_in_region.serverless", NO_KINDS),
    ("aurora_in_region.instances", NO_KINDS),
    ("aurora_in_region.write_forwarding", NO_KINDS),
    ("aurora_in_region.backup_retention_days", NO_KINDS),
    ("aurora_in_region.deletion_protection", NO_KINDS),
    ("aurora_in_region.parameters", NO_KINDS),
    ("uses.aurora", NO_KINDS),
    ("uses_aurora.env_prefix", NO_KINDS),
    ("topology.alarms", NO_KINDS),
    ("topology.alarms.*", NO_KINDS),
    ("alarm.service", NO_KINDS),
    ("alarm.table", NO_KINDS),
    ("alarm.aurora", NO_KINDS),
    ("alarm.record", NO_KINDS),
    ("alarm.namespace", NO_KINDS),
    ("alarm.dimensions", NO_KINDS),
    ("alarm.dimensions.*", NO_KINDS),
    ("alarm.unit", NO_KINDS),
    ("alarm.operation", NO_KINDS),
    ("alarm.threshold", NO_KINDS),
    ("alarm.period", NO_KINDS),
    ("alarm.evaluation_periods", NO_KINDS),
    ("alarm.datapoints", NO_KINDS),
    ("alarm.when", NO_KINDS),
    ("alarm.missing_data", NO_KINDS),
    ("alarm.statistic", NO_KINDS),
    ("alarm.regions", NO_KINDS),
    ("alarm.per_region", NO_KINDS),
    ("alarm.per_region.*", NO_KINDS),
    ("alarm_in_region.threshold", NO_KINDS),
    ("alarm_in_region.period", NO_KINDS),
    ("alarm_in_region.evaluation_periods", NO_KINDS),
    ("alarm_in_region.datapoints", NO_KINDS),
    ("alarm_in_region.when", NO_KINDS),
    ("alarm_in_region.missing_data", NO_KINDS),
    ("alarm_in_region.statistic", NO_KINDS),
    ("topology.alerts", NO_KINDS),
    ("alerts.emails", NO_KINDS),
    ("alerts.https", NO_KINDS),
    ("alerts.arns", NO_KINDS),
    ("alerts.encryption", NO_KINDS),
    ("alerts.encryption.*", NO_KINDS),
    ("topology.dashboard", NO_KINDS),
    ("record_health_check.from_alarm", NO_KINDS),
    ("record_health_check.insufficient_data", NO_KINDS),
];
const NO_KINDS: &str = "what it asks for is made by kinds that are not there yet";

/// By name, every field that a file may leave out, and `field.*` for the entries of every map whose keys are the user's. Fields
/// that this version refuses are not among them.
fn optional() -> BTreeMap<String, Value> {
    let schema = topology::schema();
    let mut fields = BTreeMap::new();
    let blocks = schema["$defs"].as_object().unwrap().iter().map(|(name, block)| (name.as_str(), block));
    for (name, block) in blocks.chain([("topology", &schema)]) {
        let required: Vec<&str> = block["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        for (key, field) in block["properties"].as_object().unwrap().iter().filter(|(_, field)| field.get("not").is_none()) {
            if !required.contains(&key.as_str()) {
                fields.insert(format!("{name}.{key}"), field.clone());
            }
            if field["additionalProperties"].is_object() {
                fields.insert(format!("{name}.{key}.*"), field["additionalProperties"].clone());
            }
        }
    }
    fields
}

/// What a case does to its field, step by step.
fn words(base: &Value, one: &Move) -> Vec<&'static str> {
    let mut before = base.pointer(&one.at).cloned();
    let mut all = Vec::new();
    for (value, _) in &one.steps {
        let now = (!value.is_null()).then(|| value.clone());
        match (&before, &now) {
            (None, Some(_)) => all.push("added"),
            (Some(_), None) => all.push("removed"),
            (Some(a), Some(b)) if a != b => all.push("changed"),
            _ => {}
        }
        before = now;
    }
    all
}

/// What is to come of one step of all fields of a case.
fn outcome(moves: &[Move], step: usize) -> After {
    let each = || moves.iter().map(|one| one.steps[step].1);
    each().find(|after| !matches!(after, After::Nothing(_))).unwrap_or(moves[0].steps[step].1)
}

/// The value of a field before a step.
fn before(base: &Value, one: &Move, step: usize) -> Value {
    step.checked_sub(1).map_or_else(|| base.pointer(&one.at).cloned().unwrap_or_default(), |last| one.steps[last].0.clone())
}

#[test]
fn every_optional_field_and_every_map_has_its_cases() {
    let cases = cases();
    let optional = optional();
    assert!(optional.len() > 30, "{optional:#?}");
    for (field, schema) in &optional {
        let all = cases.iter().flat_map(|case| case.moves.iter().map(|one| (&case.base, one)));
        let done: BTreeSet<&str> = all.filter(|(_, one)| one.field == *field).flat_map(|(base, one)| words(base, one)).collect();
        if WITHOUT_CASES.iter().any(|(known, _)| known == field) {
            assert!(done.is_empty(), "`{field}` has a case and is listed as having none");
            continue;
        }
        let wanted: &[&str] = if schema.get("const").is_some() { &["added", "removed"] } else { &["added", "changed", "removed"] };
        for word in wanted {
            assert!(done.contains(word), "tests/fields/cases.rs does not see `{field}` {word}");
        }
    }
    let schema = topology::schema();
    for case in &cases {
        let steps = case.moves[0].steps.len();
        for one in &case.moves {
            assert_eq!(one.steps.len(), steps, "`{}` has more steps or less than the others of its case", one.field);
            let (block, key) = one.field.trim_end_matches(".*").split_once('.').unwrap();
            let block = if block == "topology" { &schema } else { &schema["$defs"][block] };
            assert!(block["properties"].get(key).is_some(), "`{}` is no field of the file", one.field);
        }
        for step in 0..steps {
            let mut values = case.moves.iter().map(|one| (one, before(&case.base, one, step), &one.steps[step].0));
            assert!(values.any(|(_, before, now)| before != *now), "{} step {step}: a step that does nothing", case.name());
        }
    }
}

/// Whether a case is about what serves: those take minutes.
fn serves(case: &Case) -> bool {
    case.base.get("services").is_some() || case.moves.iter().any(|one| one.at.starts_with("/services"))
}

#[test]
fn every_field_converges_or_is_refused() {
    walk(|case| !serves(case));
}

#[test]
fn every_field_of_services_and_names_converges_or_is_refused() {
    walk(serves);
}

fn walk(chosen: impl Fn(&Case) -> bool) {
    let all: Vec<Case> = cases().into_iter().filter(chosen).collect();
    side_by_side(&all, |case| {
        let place = Place::new();
        let mut file = case.base.clone();
        place.write(file.to_string());
        place.expect(0, &["apply", "--yes", "--no-sweep"]);
        for step in 0..case.moves[0].steps.len() {
            let after = outcome(&case.moves, step);
            if case.apart {
                case.moves.iter().for_each(|one| is_planned_alone(&place, &file, one, step));
            }
            case.moves.iter().for_each(|one| set(&mut file, &one.at, one.steps[step].0.clone()));
            let (name, value) = (case.name(), case.moves.iter().map(|one| one.steps[step].0.to_string()).collect::<Vec<_>>().join(", "));
            // DynamoDB keeps a member that others were added at for a day; another test is about that.
            strict().move_clock(&place.account, jiff::SignedDuration::from_hours(25));
            place.write(file.to_string().replace("ACCOUNT", &place.account));
            println!("{name} step {step}: {value}");
            let (code, changes, why) = match after {
                After::Change | After::Later => (2, true, "it changes"),
                After::Nothing(why) => (0, false, why),
                After::Refused => (8, true, "data would be lost"),
                After::Stopped => {
                    place.expect(1, &["plan", "--no-sweep"]);
                    // The first call that could change something would end it otherwise.
                    place.expect(1, &["--inject", "kill@1:before", "apply", "--yes", "--no-sweep"]);
                    continue;
                }
            };
            let plan = place.run(&["plan", "--format", "json", "--detailed-exitcode", "--no-sweep"]);
            let said = String::from_utf8_lossy(&plan.stderr).into_owned();
            assert_eq!(plan.status.code(), Some(code), "{name} {value}, although {why}: {said}\n{file:#}");
            let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
            assert_eq!(not_kept(&plan).map(|others| others > 0), Some(changes), "{name} {value}, although {why}: {plan:#}");
            match after {
                After::Change => drop(place.expect(0, &["apply", "--yes", "--no-sweep"])),
                After::Later => {
                    place.expect(1, &["apply", "--yes", "--no-sweep"]);
                    strict().move_clock(&place.account, jiff::SignedDuration::from_hours(2));
                    place.expect(0, &["apply", "--yes", "--no-sweep"]);
                }
                After::Refused => {
                    place.expect(8, &["--inject", "kill@1:before", "apply", "--yes", "--no-sweep"]);
                    place.expect(0, &["apply", "--yes", "--no-sweep", "--allow-data-loss", "all"]);
                }
                After::Nothing(_) | After::Stopped => {
                    // The plan just seen was empty already.
                    place.expect(0, &["--inject", "kill@1:before", "apply", "--yes", "--no-sweep"]);
                    continue;
                }
            }
            place.is_converged();
        }
    });
}

/// What one field of several does when it moves alone: a field that does nothing could hide behind the others.
fn is_planned_alone(place: &Place, file: &Value, one: &Move, step: usize) {
    let mut alone = file.clone();
    let (value, after) = &one.steps[step];
    set(&mut alone, &one.at, value.clone());
    if alone == *file {
        return;
    }
    place.write(alone.to_string().replace("ACCOUNT", &place.account));
    let plan = place.run(&["plan", "--detailed-exitcode", "--no-sweep"]);
    let code = if matches!(after, After::Nothing(_)) { 0 } else { 2 };
    let said = String::from_utf8_lossy(&[plan.stdout, plan.stderr].concat()).into_owned();
    assert_eq!(plan.status.code(), Some(code), "{} {value}, alone: {said}", one.field);
}

/// Puts a value in its place, or takes away what is there.
fn set(file: &mut Value, at: &str, value: Value) {
    let (above, key) = at.rsplit_once('/').unwrap();
    let map = above.split('/').skip(1).fold(file, |map, key| &mut map[key]);
    if value.is_null() {
        map.as_object_mut().unwrap().remove(key);
    } else {
        map[key] = value;
    }
}
