//! The section `aurora`.
use super::{
    AURORA_ENCRYPTIONS, AURORA_ENGINES, Block, ON_DESTROY, Place, Reading,
    encryption::{KeysDraft, keys},
    per_region::{Whose, per_region},
    service::by_name,
};
use crate::topology::{
    codes,
    model::{AuroraEncryption, AuroraEngine, OnDestroy},
    node::{Entry, Value, shortened},
    report::{At, Problem, Span},
};

/// What the clusters of a global database share, what is about its whole life, and what names its regions itself.
const SHARED: [&str; 8] = ["engine", "engine_version", "writer", "database_name", "master_username", "on_destroy", "encryption", "regions"];

/// One entry of `aurora`.
pub struct AuroraDraft {
    pub key: At<String>,
    pub engine: Option<At<AuroraEngine>>,
    pub engine_version: Option<At<String>>,
    pub writer: Option<At<String>>,
    pub database_name: Option<At<String>>,
    pub master_username: Option<At<String>>,
    pub on_destroy: Option<At<OnDestroy>>,
    pub encryption: Option<AuroraEncryptionDraft>,
    /// Nothing: all regions of the file. The span is that of the key.
    pub regions: Option<At<Vec<At<String>>>>,
    pub member: AuroraMemberDraft,
    /// By region, the settings there: `per_region` merged over the database's own.
    pub per_region: Vec<(At<String>, AuroraMemberDraft)>,
}

impl AuroraDraft {
    /// The settings in a region.
    pub fn member_in(&self, region: &str) -> &AuroraMemberDraft {
        self.per_region.iter().find(|(of, _)| of.value == region).map_or(&self.member, |(_, member)| member)
    }
}

/// The settings of a cluster; what is absent has its default.
pub struct AuroraMemberDraft {
    /// One of the two is there, but perhaps unreadable: what needs one must then stay silent.
    pub capacity_present: bool,
    pub instance_class: Option<At<String>>,
    pub serverless: Option<ServerlessDraft>,
    pub instances: Option<At<u64>>,
    pub write_forwarding: Option<At<bool>>,
    /// There, but perhaps unreadable.
    pub write_forwarding_present: bool,
    pub backup_retention_days: Option<At<u64>>,
    pub deletion_protection: Option<At<bool>>,
    pub parameters: Vec<(At<String>, At<String>)>,
}

/// `serverless`, in half capacity units.
pub struct ServerlessDraft {
    pub key: Span,
    pub min: Option<At<u64>>,
    pub max: Option<At<u64>>,
}

/// `encryption`: a word, or a key of one's own in every region.
pub enum AuroraEncryptionDraft {
    Word(At<AuroraEncryption>),
    Keys(KeysDraft),
}

/// An entry of `uses.aurora`.
pub struct UsesAuroraDraft {
    pub key: At<String>,
    pub env_prefix: Option<At<String>>,
}

pub fn aurora(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Vec<AuroraDraft>> {
    let entries = reading.entries(place, path)?;
    Some(entries.iter().filter_map(|entry| database(reading, entry, &format!("{path}.{}", entry.key.value))).collect())
}

fn database(reading: &mut Reading, entry: &Entry, path: &str) -> Option<AuroraDraft> {
    let entries = match &entry.value.value {
        // `main:` alone lacks its engine, which says more than "must be a map, not nothing".
        Value::Scalar { .. } if entry.value.is_null() => &[],
        _ => reading.entries(Place { node: &entry.value, key: entry.key.span }, path)?,
    };
    let mut block = Block::over("aurora", path, entry.key.span, entries);
    let whose = Whose { entries, shared: &SHARED, kind: "aurora_in_region", what: "a global database", code: codes::AURORA_PER_REGION };
    let version = "write `engine_version: 8.0.mysql_aurora.3.08.0`, or for PostgreSQL `engine_version: 16.11`";
    let draft = AuroraDraft {
        key: entry.key.clone(),
        engine: block.required(reading, "engine", "write `engine: aurora-mysql` or `engine: aurora-postgresql`", |r, place, path| {
            r.choice(place, path, AURORA_ENGINES)
        }),
        engine_version: block.required(reading, "engine_version", version, |r, place, path| r.text(place, path)),
        writer: block.required(
            reading,
            "writer",
            "name the region where the first writer is made: `writer: us-east-1`",
            |r, place, path| r.text(place, path),
        ),
        database_name: block.optional(reading, "database_name", |r, place, path| r.text(place, path)),
        master_username: block.optional(reading, "master_username", |r, place, path| r.text(place, path)),
        on_destroy: block.optional(reading, "on_destroy", |r, place, path| r.choice(place, path, ON_DESTROY)),
        encryption: block.optional(reading, "encryption", encryption),
        regions: block.optional(reading, "regions", |r, place, path| r.texts(place, path)),
        member: member(reading, &mut block),
        per_region: block
            .optional(reading, "per_region", |r, place, path| per_region(r, place, path, &whose, |r, block, _| member(r, block)))
            .unwrap_or_default(),
    };
    block.finish(reading);
    Some(draft)
}

fn member(reading: &mut Reading, block: &mut Block<'_>) -> AuroraMemberDraft {
    let mut present = |key| block.entry(reading, key).is_some_and(|entry| !entry.value.is_null());
    AuroraMemberDraft {
        capacity_present: present("instance_class") | present("serverless"),
        write_forwarding_present: present("write_forwarding"),
        instance_class: block.optional(reading, "instance_class", |r, place, path| r.text(place, path)),
        serverless: block.optional(reading, "serverless", serverless),
        instances: block.optional(reading, "instances", |r, place, path| r.whole_number(place, path)),
        write_forwarding: block.optional(reading, "write_forwarding", |r, place, path| r.boolean(place, path)),
        backup_retention_days: block.optional(reading, "backup_retention_days", |r, place, path| r.whole_number(place, path)),
        deletion_protection: block.optional(reading, "deletion_protection", |r, place, path| r.boolean(place, path)),
        parameters: block.optional(reading, "parameters", by_name).unwrap_or_default(),
    }
}

fn serverless(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<ServerlessDraft> {
    let mut block = reading.block(place, path, "serverless")?;
    let draft = ServerlessDraft {
        key: place.key,
        min: block.required(reading, "min", "say the fewest capacity units: `min: 8`", half_units),
        max: block.required(reading, "max", "say the most capacity units: `max: 64`", half_units),
    };
    block.finish(reading);
    Some(draft)
}

/// A number of capacity units as halves of one: `8` is 16, `0.5` is 1. Aurora knows no smaller steps.
fn half_units(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<At<u64>> {
    let number = match &place.node.value {
        Value::Scalar { text, quoted: false } if is_decimal(text) => text,
        _ => {
            reading.wrong_type(place, path, "a number of capacity units", "write it in digits, without quotes: `8` or `0.5`");
            return None;
        }
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let halves = match part.trim_end_matches('0') {
        "" => Some(0),
        "5" => Some(1),
        _ => None,
    };
    let Some(halves) = halves else {
        let problem = Problem::new(codes::AURORA_SERVERLESS, format!("Aurora has no step of {} capacity units", shortened(number)));
        reading.problems.push(problem.at(place.node.span, "between two steps").help("capacity units go by halves: `8`, `8.5`, `9`"));
        return None;
    };
    // What is too large for the check to see is too large anyway.
    let units = whole.parse::<u64>().unwrap_or(u64::MAX);
    Some(At { value: units.saturating_mul(2).saturating_add(halves), span: place.node.span })
}

fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').map_or_else(|| digits(text), |(whole, part)| digits(whole) && digits(part))
}

fn encryption(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<AuroraEncryptionDraft> {
    if !matches!(place.node.value, Value::Map(_)) {
        return reading.choice(place, path, AURORA_ENCRYPTIONS).map(AuroraEncryptionDraft::Word);
    }
    keys(reading, place, path).map(AuroraEncryptionDraft::Keys)
}

/// `uses.aurora`: `[main]`, or `{ main: { env_prefix: SHOP_DB } }`. A key without a value is not used, as everywhere; a list names
/// what is used with all defaults.
pub fn uses_aurora(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Vec<UsesAuroraDraft>> {
    match &place.node.value {
        Value::List(_) => {
            let list = reading.texts(place, path)?.value;
            for (index, again) in list.iter().enumerate() {
                if let Some(first) = list[..index].iter().find(|other| other.value == again.value) {
                    let text = format!("the database `{}` is listed twice", shortened(&again.value));
                    let problem = Problem::new(codes::DECODE_REPEATED, text).at(again.span, "again here").at(first.span, "first here");
                    reading.problems.push(problem.help("remove one of the two"));
                }
            }
            Some(list.into_iter().map(|key| UsesAuroraDraft { key, env_prefix: None }).collect())
        }
        Value::Map(entries) => {
            let used = entries.iter().filter(|entry| !entry.value.is_null()).filter_map(|entry| {
                let place = Place { node: &entry.value, key: entry.key.span };
                let mut block = reading.block(place, &format!("{path}.{}", entry.key.value), "uses_aurora")?;
                let env_prefix = block.optional(reading, "env_prefix", |r, place, path| r.text(place, path));
                block.finish(reading);
                Some(UsesAuroraDraft { key: entry.key.clone(), env_prefix })
            });
            Some(used.collect())
        }
        Value::Scalar { .. } => {
            reading.wrong_type(place, path, "a list or a map of databases", "write `aurora: [main]`");
            None
        }
    }
}
