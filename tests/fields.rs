//! Every optional field of the file and every entry of its maps: added, changed and removed, it converges, or is refused
//! where data would be lost.
//!
//! Which fields there are is read off the JSON schema, which another test holds to what the readers ask for: a field without a
//! case fails here.
mod cases;

use std::collections::{BTreeMap, BTreeSet};

use cases::{After, Case, cases};
use mrctl::topology;
use serde_json::Value;

use crate::support::{
    binary::{Place, not_kept, side_by_side},
    sandbox::strict,
};

/// For the time being: blocks of the sections `services`, `iam` and `dns`, whose fields have no cases yet because no kind makes
/// anything of them. They leave this list together with their cases.
const WITHOUT_CASES_YET: [&str; 16] = [
    "service",
    "service_in_region",
    "image",
    "tasks",
    "scale_on",
    "uses",
    "target_health_check",
    "container_health_check",
    "deployment",
    "logs",
    "iam",
    "dns",
    "zone",
    "record",
    "record_in_region",
    "record_health_check",
];

/// The same, at the top of the file.
const SECTIONS_WITHOUT_CASES_YET: [&str; 4] = ["topology.services", "topology.services.*", "topology.iam", "topology.dns"];

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
fn moves(case: &Case) -> Vec<&'static str> {
    let mut before = case.base.pointer(case.at).cloned();
    let each = case.steps.iter().map(|(value, _)| {
        let now = (!value.is_null()).then(|| value.clone());
        let word = match (&before, &now) {
            (None, Some(_)) => "added",
            (Some(_), None) => "removed",
            (Some(a), Some(b)) if a != b => "changed",
            _ => panic!("{}: a step that does nothing", case.field),
        };
        before = now;
        word
    });
    each.collect()
}

#[test]
fn every_optional_field_and_every_map_has_its_cases() {
    let cases = cases();
    let optional = optional();
    assert!(optional.len() > 30, "{optional:#?}");
    for (field, schema) in &optional {
        let block = field.split('.').next().unwrap();
        if WITHOUT_CASES_YET.contains(&block) || SECTIONS_WITHOUT_CASES_YET.contains(&field.as_str()) {
            continue;
        }
        let done: BTreeSet<&str> = cases.iter().filter(|case| case.field == *field).flat_map(moves).collect();
        let wanted: &[&str] = if schema.get("const").is_some() { &["added", "removed"] } else { &["added", "changed", "removed"] };
        for word in wanted {
            assert!(done.contains(word), "tests/fields/cases.rs does not see `{field}` {word}");
        }
    }
    let schema = topology::schema();
    for case in &cases {
        let (block, key) = case.field.trim_end_matches(".*").split_once('.').unwrap();
        let block = if block == "topology" { &schema } else { &schema["$defs"][block] };
        assert!(block["properties"].get(key).is_some(), "`{}` is no field of the file", case.field);
    }
}

#[test]
fn every_field_converges_or_is_refused() {
    side_by_side(&cases(), |case| {
        let place = Place::new();
        let mut file = case.base.clone();
        place.write(file.to_string());
        place.expect(0, &["apply", "--yes", "--no-sweep"]);
        for (step, (value, after)) in case.steps.iter().enumerate() {
            set(&mut file, case.at, value.clone());
            // DynamoDB keeps a member that others were added at for a day; another test is about that.
            strict().move_clock(&place.account, jiff::SignedDuration::from_hours(25));
            place.write(file.to_string().replace("ACCOUNT", &place.account));
            println!("{} step {step}: {value}", case.field);
            let (code, changes, why) = match after {
                After::Change | After::Later => (2, true, "it changes"),
                After::Nothing(why) => (0, false, *why),
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
            assert_eq!(plan.status.code(), Some(code), "{} {value}, although {why}: {said}\n{file:#}", case.field);
            let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
            assert_eq!(not_kept(&plan).map(|others| others > 0), Some(changes), "{} {value}, although {why}: {plan:#}", case.field);
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
