//! The section `tables`.
use super::{
    ATTRIBUTE_TYPES, Block, CONSISTENCIES, Place, Reading, STREAMS, TABLE_CLASSES, WRITES,
    billing::{BillingDraft, billing},
    encryption::{EncryptionDraft, encryption},
    index::{IndexDraft, indexes},
};
use crate::topology::{
    codes, merge,
    model::{AttributeType, Consistency, Stream, TableClass, Writes},
    node::{Entry, Node, Value},
    report::{At, Problem},
    suggest,
};

/// What the members of a global table share, or what names its regions itself (DynamoDB developer guide, "How global tables work").
const SHARED: [&str; 12] = [
    "partition_key",
    "sort_key",
    "consistency",
    "witness",
    "name",
    "regions",
    "writes",
    "ttl_attribute",
    "table_class",
    "stream",
    "encryption",
    "indexes",
];
/// What may differ from member to member; of `billing`, only `read`.
const MEMBER: [&str; 3] = ["point_in_time_recovery", "deletion_protection", "billing"];

/// One entry of `tables`.
pub struct TableDraft {
    pub key: At<String>,
    pub name: Option<At<String>>,
    pub partition_key: Option<AttributeDraft>,
    pub sort_key: Option<AttributeDraft>,
    pub writes: Option<At<Writes>>,
    pub consistency: Option<At<Consistency>>,
    pub witness: Option<At<String>>,
    pub ttl_attribute: Option<At<String>>,
    pub table_class: Option<At<TableClass>>,
    pub stream: Option<At<Stream>>,
    pub encryption: Option<EncryptionDraft>,
    pub indexes: Vec<IndexDraft>,
    /// Nothing: all regions of the file. The span is that of the key.
    pub regions: Option<At<Vec<At<String>>>>,
    pub member: MemberDraft,
    pub per_region: Vec<RegionChange>,
}

/// A key attribute.
pub struct AttributeDraft {
    pub name: Option<At<String>>,
    pub attribute_type: Option<At<AttributeType>>,
}

/// The settings of a member; what is absent has its default.
#[derive(Clone, Default)]
pub struct MemberDraft {
    pub point_in_time_recovery: Option<bool>,
    pub deletion_protection: Option<bool>,
    pub billing: Option<BillingDraft>,
}

/// `per_region.<region>`, merged over the table's own settings.
pub struct RegionChange {
    pub region: At<String>,
    pub member: MemberDraft,
}

pub fn tables(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Vec<TableDraft>> {
    let entries = reading.entries(place, path)?;
    Some(entries.iter().filter_map(|entry| table(reading, entry, &format!("{path}.{}", entry.key.value))).collect())
}

fn table(reading: &mut Reading, entry: &Entry, path: &str) -> Option<TableDraft> {
    let place = Place { node: &entry.value, key: entry.key.span };
    let entries = match &entry.value.value {
        // `Orders:` alone lacks its partition key, which says more than "must be a map, not nothing".
        Value::Scalar { .. } if entry.value.is_null() => &[],
        _ => reading.entries(place, path)?,
    };
    let mut block = Block::over("table", path, entry.key.span, entries);
    let hint = "write `partition_key: { name: orderId, type: string }`";
    let draft = TableDraft {
        key: entry.key.clone(),
        name: block.optional(reading, "name", |r, place, path| r.text(place, path)),
        partition_key: block.required(reading, "partition_key", hint, attribute),
        sort_key: block.optional(reading, "sort_key", attribute),
        writes: block.optional(reading, "writes", |r, place, path| r.choice(place, path, WRITES)),
        consistency: block.optional(reading, "consistency", |r, place, path| r.choice(place, path, CONSISTENCIES)),
        witness: block.optional(reading, "witness", |r, place, path| r.text(place, path)),
        ttl_attribute: block.optional(reading, "ttl_attribute", |r, place, path| r.text(place, path)),
        table_class: block.optional(reading, "table_class", |r, place, path| r.choice(place, path, TABLE_CLASSES)),
        stream: block.optional(reading, "stream", |r, place, path| r.choice(place, path, STREAMS)),
        encryption: block.optional(reading, "encryption", encryption),
        indexes: block.optional(reading, "indexes", indexes).unwrap_or_default(),
        regions: block.optional(reading, "regions", |r, place, path| r.texts(place, path)),
        member: member(reading, &mut block),
        per_region: block.optional(reading, "per_region", |r, place, path| per_region(r, place, path, entries)).unwrap_or_default(),
    };
    block.finish(reading);
    Some(draft)
}

pub fn attribute(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<AttributeDraft> {
    let mut block = reading.block(place, path, "key_attribute")?;
    let draft = AttributeDraft {
        name: block.required(reading, "name", "name the attribute: `name: orderId`", |r, place, path| r.text(place, path)),
        attribute_type: block.required(reading, "type", "write `type: string`, `number` or `binary`", |r, place, path| {
            r.choice(place, path, ATTRIBUTE_TYPES)
        }),
    };
    block.finish(reading);
    Some(draft)
}

fn member(reading: &mut Reading, block: &mut Block<'_>) -> MemberDraft {
    let mut boolean = |key: &'static str| block.optional(reading, key, |r, place, path| r.boolean(place, path)).map(|flag| flag.value);
    let (point_in_time_recovery, deletion_protection) = (boolean(MEMBER[0]), boolean(MEMBER[1]));
    MemberDraft { point_in_time_recovery, deletion_protection, billing: block.optional(reading, MEMBER[2], billing) }
}

fn per_region(reading: &mut Reading, place: Place<'_>, path: &str, table: &[Entry]) -> Option<Vec<RegionChange>> {
    let entries = reading.entries(place, path)?;
    let base: Vec<Entry> = table.iter().filter(|entry| MEMBER.contains(&entry.key.value.as_str())).cloned().collect();
    let table_path = path.rsplit_once('.').map_or(path, |(before, _)| before);
    let mut changes = Vec::new();
    for entry in entries {
        let region_path = format!("{path}.{}", entry.key.value);
        let over = match &entry.value.value {
            Value::Scalar { .. } if entry.value.is_null() => &[],
            _ => match reading.entries(Place { node: &entry.value, key: entry.key.span }, &region_path) {
                Some(over) => over,
                None => continue,
            },
        };
        let (shared, own): (Vec<&Entry>, Vec<&Entry>) = over.iter().partition(|change| SHARED.contains(&change.key.value.as_str()));
        for change in shared {
            reading.problems.push(
                Problem::new(codes::TABLE_PER_REGION, format!("`{}` of a table cannot differ from region to region", change.key.value))
                    .at(change.key.span, "shared by all members of a global table")
                    .help(format!(
                        "set it in `{table_path}`; `per_region` can change {}",
                        suggest::list(&["point_in_time_recovery", "deletion_protection", "billing.read"])
                    )),
            );
        }
        let is_provisioned = base.iter().any(|entry| entry.key.value == MEMBER[2] && matches!(entry.value.value, Value::Map(_)));
        let own = own.into_iter().filter_map(|change| match change.key.value.as_str() {
            "billing" => billing_in_region(reading, change, is_provisioned, table_path),
            _ => Some(change.clone()),
        });
        let own: Vec<Entry> = own.collect();
        let mut changed = Block::over("table_in_region", &region_path, entry.key.span, &own);
        MEMBER.iter().for_each(|key| _ = changed.entry(reading, key));
        changed.finish(reading);
        // Read under the table's own path: a mistake in the shared part is then the same problem and reported once.
        let merged = merge::merge(&base, &own);
        let mut merged = Block::over("table_in_region", table_path, entry.key.span, &merged);
        changes.push(RegionChange { region: entry.key.clone(), member: member(reading, &mut merged) });
    }
    Some(changes)
}

/// `per_region.<region>.billing`: what may differ is how reads are scaled, and only where the table is provisioned.
fn billing_in_region(reading: &mut Reading, change: &Entry, is_provisioned: bool, table_path: &str) -> Option<Entry> {
    const SHARED: &str = "shared by all members of a global table";
    let mut refuse = |message: &str, at: &Entry, label: &str, help: String| {
        reading.problems.push(Problem::new(codes::TABLE_PER_REGION, message).at(at.key.span, label).help(help));
    };
    let Value::Map(entries) = &change.value.value else {
        let help = format!("set it in `{table_path}`; `per_region` can change `billing.read`");
        refuse("how the capacity of a table is paid for cannot differ from region to region", change, SHARED, help);
        return None;
    };
    if !is_provisioned {
        let help = format!("write `billing: {{ read: …, write: … }}` in `{table_path}`, or remove this");
        refuse("the table is on demand, so no region of it has limits of capacity", change, "of a table on demand", help);
        return None;
    }
    let (write, rest): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| entry.key.value == "write");
    for write in write {
        let help = format!("set it in `{table_path}`; `per_region` can change `billing.read`");
        refuse("`billing.write` of a table cannot differ from region to region", write, SHARED, help);
    }
    reading.asked.entry("capacity_in_region").or_default().insert("read");
    let rest = Node { span: change.value.span, value: Value::Map(rest.into_iter().cloned().collect()) };
    Some(Entry { key: change.key.clone(), value: rest })
}
