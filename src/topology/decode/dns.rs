//! The section `dns`.
use std::time::Duration;

use super::{
    Block, HEALTH_CHECK_TYPES, INSUFFICIENT_DATA, POLICIES, Place, Reading,
    per_region::{Whose, per_region},
};
use crate::topology::{
    codes,
    model::{HealthCheckProtocol, InsufficientData},
    node::{Entry, Value},
    report::{At, Span},
};

/// What the members of a record share, or what names its regions itself.
const SHARED: [&str; 5] = ["service", "policy", "weights", "locations", "regions"];

/// The section `dns`.
pub struct DnsDraft {
    pub zone: Option<ZoneDraft>,
    pub records: Vec<RecordDraft>,
}

/// `zone`.
pub struct ZoneDraft {
    pub name: Option<At<String>>,
    pub create: bool,
}

/// `policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Latency,
    Weighted,
    Geolocation,
}

/// What stands for each region, and where; the span is that of the key. What could not be read is there without its value.
pub type ByRegion<T> = At<Vec<(At<String>, Option<T>)>>;

/// One entry of `records`.
pub struct RecordDraft {
    /// As it stands in the file.
    pub name: At<String>,
    pub service: Option<At<String>>,
    pub policy: Option<At<Policy>>,
    /// There, but perhaps unreadable: what needs one must then stay silent.
    pub policy_present: bool,
    pub weights: Option<ByRegion<At<u64>>>,
    pub locations: Option<ByRegion<At<Vec<At<String>>>>>,
    /// Nothing: all regions of the service. The span is that of the key.
    pub regions: Option<At<Vec<At<String>>>>,
    pub health_check: Option<HealthCheckDraft>,
    /// By region, the health check there: `per_region` merged over the record's own.
    pub per_region: Vec<(At<String>, Option<HealthCheckDraft>)>,
}

impl RecordDraft {
    /// The health check in a region.
    pub fn health_check_in(&self, region: &str) -> Option<&HealthCheckDraft> {
        let own = self.per_region.iter().find(|(of, _)| of.value == region);
        own.map_or(&self.health_check, |(_, check)| check).as_ref()
    }
}

/// `health_check` of a record.
pub struct HealthCheckDraft {
    pub key: Span,
    /// Nothing inside: `auto`.
    pub protocol: Option<At<Option<HealthCheckProtocol>>>,
    pub path: Option<At<String>>,
    pub interval: Option<At<Duration>>,
    pub failure_threshold: Option<At<u64>>,
    /// The key of an alarm that is followed instead of asking.
    pub from_alarm: Option<At<String>>,
    /// There, but perhaps unreadable.
    pub from_alarm_present: bool,
    pub insufficient_data: Option<At<InsufficientData>>,
}

pub fn dns(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<DnsDraft> {
    let mut block = reading.block(place, path, "dns")?;
    let draft = DnsDraft {
        zone: block.required(reading, "zone", "name a public hosted zone: `zone: example.com`", zone),
        records: block.optional(reading, "records", records).unwrap_or_default(),
    };
    block.finish(reading);
    Some(draft)
}

fn zone(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<ZoneDraft> {
    if !matches!(place.node.value, Value::Map(_)) {
        return reading.text(place, path).map(|name| ZoneDraft { name: Some(name), create: false });
    }
    let mut block = reading.block(place, path, "zone")?;
    let draft = ZoneDraft {
        name: block.required(reading, "name", "name the zone: `name: example.com`", |r, place, path| r.text(place, path)),
        create: block.optional(reading, "create", |r, place, path| r.boolean(place, path)).is_some_and(|create| create.value),
    };
    block.finish(reading);
    Some(draft)
}

fn records(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Vec<RecordDraft>> {
    let entries = reading.entries(place, path)?;
    Some(entries.iter().filter_map(|entry| record(reading, entry, &format!("{path}.{}", entry.key.value))).collect())
}

fn record(reading: &mut Reading, entry: &Entry, path: &str) -> Option<RecordDraft> {
    let entries = match &entry.value.value {
        // A name alone lacks its service, which says more than "must be a map, not nothing".
        Value::Scalar { .. } if entry.value.is_null() => &[],
        _ => reading.entries(Place { node: &entry.value, key: entry.key.span }, path)?,
    };
    let mut block = Block::over("record", path, entry.key.span, entries);
    let whose = Whose { entries, shared: &SHARED, kind: "record_in_region", what: "a record", code: codes::RECORD_PER_REGION };
    let draft = RecordDraft {
        name: entry.key.clone(),
        service: block.required(reading, "service", "name a service of this file: `service: api`", |r, place, path| r.text(place, path)),
        policy_present: block.entry(reading, "policy").is_some_and(|entry| !entry.value.is_null()),
        policy: block.optional(reading, "policy", |r, place, path| r.choice(place, path, POLICIES)),
        weights: by_region(reading, &mut block, "weights", |r, place, path| r.whole_number(place, path)),
        locations: by_region(reading, &mut block, "locations", |r, place, path| r.texts(place, path)),
        regions: block.optional(reading, "regions", |r, place, path| r.texts(place, path)),
        health_check: block.optional(reading, "health_check", health_check),
        per_region: block
            .optional(reading, "per_region", |r, place, path| {
                per_region(r, place, path, &whose, |r, block, _| block.optional(r, "health_check", health_check))
            })
            .unwrap_or_default(),
    };
    block.finish(reading);
    Some(draft)
}

fn by_region<T>(
    reading: &mut Reading,
    block: &mut Block<'_>,
    key: &'static str,
    read: impl Fn(&mut Reading, Place<'_>, &str) -> Option<T>,
) -> Option<ByRegion<T>> {
    block.optional(reading, key, |r, place, path| {
        let entries = r.entries(place, path)?;
        let values = entries.iter().map(|entry| {
            let value = Place { node: &entry.value, key: entry.key.span };
            (entry.key.clone(), read(r, value, &format!("{path}.{}", entry.key.value)))
        });
        Some(At { value: values.collect(), span: place.key })
    })
}

fn health_check(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<HealthCheckDraft> {
    let mut block = reading.block(place, path, "record_health_check")?;
    let draft = HealthCheckDraft {
        key: place.key,
        protocol: block.optional(reading, "type", |r, place, path| r.choice(place, path, HEALTH_CHECK_TYPES)),
        path: block.optional(reading, "path", |r, place, path| r.text(place, path)),
        interval: block.optional(reading, "interval", |r, place, path| r.duration(place, path)),
        failure_threshold: block.optional(reading, "failure_threshold", |r, place, path| r.whole_number(place, path)),
        from_alarm_present: block.entry(reading, "from_alarm").is_some_and(|entry| !entry.value.is_null()),
        from_alarm: block.optional(reading, "from_alarm", |r, place, path| r.text(place, path)),
        insufficient_data: block.optional(reading, "insufficient_data", |r, place, path| r.choice(place, path, INSUFFICIENT_DATA)),
    };
    block.finish(reading);
    Some(draft)
}
