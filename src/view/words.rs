//! Words that several views share: durations, counts, and the sentence of each event.
use std::time::Duration;

use crate::{
    apply::{Doing, Event, Stop},
    plan::Severity,
    resource::{Class, Doc, doc},
};

/// A duration as the topology writes it: `90s`, `2m`, `1h`.
pub(super) fn setting(duration: Duration) -> String {
    match duration.as_secs() {
        0 => "0s".to_owned(),
        seconds if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

/// A measured duration for people: `0.4s`, `12s`, `3m 05s`, `1h 02m`.
pub(super) fn took(duration: Duration) -> String {
    match duration.as_secs() {
        0..=9 => format!("{:.1}s", duration.as_secs_f64()),
        seconds @ 10..=59 => format!("{seconds}s"),
        seconds @ 60..=3599 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        seconds => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `1 resource`, `2 resources`.
pub(super) fn count(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// What an operation is doing, for people.
pub(super) fn doing(doing: Doing) -> &'static str {
    match doing {
        Doing::Waiting => "waiting",
        Doing::Creating => "creating",
        Doing::Updating => "changing",
        Doing::Deleting => "deleting",
        Doing::Adopting => "adopting",
    }
}

/// What an operation has done, for people.
pub(super) fn has_done(doing: Doing) -> &'static str {
    match doing {
        Doing::Waiting => "ready",
        Doing::Creating => "created",
        Doing::Updating => "changed",
        Doing::Deleting => "deleted",
        Doing::Adopting => "adopted",
    }
}

/// What was tried, for a sentence that says that it failed.
pub(super) fn to_do(doing: Doing) -> &'static str {
    match doing {
        Doing::Waiting => "wait",
        Doing::Creating => "create",
        Doing::Updating => "change",
        Doing::Deleting => "delete",
        Doing::Adopting => "adopt",
    }
}

pub(super) fn class(class: Class) -> &'static str {
    match class {
        Class::NotFound => "not_found",
        Class::Exists => "exists",
        Class::InUse => "in_use",
        Class::Contention => "contention",
        Class::Throttled => "throttled",
        Class::Denied => "denied",
        Class::Limit => "limit",
        Class::Invalid => "invalid",
        Class::Unclear => "unclear",
        Class::Unhealthy => "unhealthy",
        Class::Blocked(_) => "blocked",
        Class::Bug => "bug",
    }
}

/// `deletion protection` of `deletion_protection`.
pub(super) fn spoken(path: &str) -> String {
    path.replace('_', " ")
}

/// A value on one line: text bare, secrets as `(secret)`, what is not there as `(none)`.
pub(super) fn value(document: &Doc) -> String {
    let shown = doc::shown(document);
    plain(&shown)
}

fn plain(shown: &Doc) -> String {
    match shown {
        Doc::Null => "(none)".to_owned(),
        Doc::String(text) if text.is_empty() => "\"\"".to_owned(),
        // A control character in a value must not reach the terminal.
        Doc::String(text) if text.chars().any(char::is_control) => format!("{text:?}"),
        Doc::String(text) => text.clone(),
        Doc::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        Doc::Object(map) => {
            if let Some(known_after) = map.get("known_after").and_then(Doc::as_str).filter(|_| map.len() == 1) {
                let address = known_after.split('#').next().unwrap_or(known_after);
                return format!("(known after {address})");
            }
            if map.get("redacted").is_some_and(|redacted| redacted == true) && map.len() == 1 {
                return "(secret)".to_owned();
            }
            let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}: {}", plain(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// The sentence of an event.
pub(super) fn message(event: &Event) -> String {
    match event {
        Event::Started { addr, doing: what } => format!("{addr}: {}", doing(*what)),
        Event::Progress { addr, doing: what, now, elapsed } => format!("{addr}: {}: {now} ({})", doing(*what), took(*elapsed)),
        Event::Retried { addr, fault, attempt, pause } => {
            format!("{addr}: {}; attempt {attempt} in {}", fault.now(), took(*pause))
        }
        Event::ProtectionLifted { addr, change } => {
            format!("{addr}: {} is lifted ({} → {})", spoken(&change.path), value(&change.from), value(&change.to))
        }
        Event::Done { addr, doing: what, id, elapsed } => {
            let id = id.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
            format!("{addr}: {}{id} ({})", has_done(*what), took(*elapsed))
        }
        Event::Failed { addr, doing: what, fault, exists, elapsed } => {
            let exists = if exists.is_empty() { String::new() } else { format!("; {exists}") };
            format!("{addr}: could not {}: {fault}{exists} ({})", to_do(*what), took(*elapsed))
        }
        Event::Skipped { addr, doing: what, because } => format!("{addr}: not tried to {}: {because} did not succeed", to_do(*what)),
        Event::GateWaiting { region, now, elapsed } => {
            format!("gate/{region}: waiting until {region} is healthy: {} ({})", listed(now), took(*elapsed))
        }
        Event::GateBaking { region, bake } => format!("gate/{region}: healthy; baking for {}", setting(*bake)),
        Event::GateOpen { region, elapsed } => format!("gate/{region}: open ({})", took(*elapsed)),
        Event::GateFailed { region, why, elapsed } => {
            format!("gate/{region}: did not open, later regions stay as they are: {} ({})", listed(why), took(*elapsed))
        }
        Event::Draining { region, left } => {
            format!("drain/{region}: waiting until clients let go of {region}, {} left", took(*left))
        }
        Event::Drained { region } => format!("drain/{region}: clients have let go of {region}"),
        Event::Stopping { why, running } => {
            let running = match running {
                0 => "nothing is running".to_owned(),
                1 => "1 operation is running to its end".to_owned(),
                many => format!("{many} operations are running to their end"),
            };
            let again = if *why == Stop::Interrupted && !running.starts_with("nothing") { " (again: stop waiting for it)" } else { "" };
            format!("{}: nothing more is started, {running}{again}", stop(*why))
        }
    }
}

/// Why a run stopped.
pub(super) fn stop(why: Stop) -> &'static str {
    match why {
        Stop::Interrupted => "interrupted",
        Stop::TimedOut => "the time given with --timeout is over",
        Stop::Gated => "a gate did not open",
    }
}

fn listed(items: &[String]) -> String {
    if items.is_empty() { "nothing said".to_owned() } else { items.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_read_as_people_write_them() {
        let settings = [0, 30, 90, 120, 3600].map(|seconds| setting(Duration::from_secs(seconds)));
        assert_eq!(settings, ["0s", "30s", "90s", "2m", "1h"]);
        let measured = [400, 12_000, 185_000, 3_720_000].map(|millis| took(Duration::from_millis(millis)));
        assert_eq!(measured, ["0.4s", "12s", "3m 05s", "1h 02m"]);
    }

    #[test]
    fn values_are_one_line_and_hide_what_is_secret() {
        assert_eq!(value(&json!({ "redacted": true })), "(secret)");
        assert_eq!(value(&json!({ "$ref": { "to": "r/ec2.vpc/main", "field": "id" } })), "(known after r/ec2.vpc/main)");
        assert_eq!(value(&json!({ "$set": ["a", "b"] })), "[a, b]");
        assert_eq!(value(&json!("a\u{1b}[31mb\nc")), r#""a\u{1b}[31mb\nc""#);
        assert_eq!(value(&json!({ "name": "id", "type": null })), "{name: id, type: (none)}");
    }
}
