//! `tables.KEY.indexes`.
use super::{
    Block, PROJECTIONS, Place, Reading,
    table::{AttributeDraft, attribute},
};
use crate::topology::{
    model::Projection,
    node::{Entry, Value},
    report::At,
};

/// One entry of `indexes`.
pub struct IndexDraft {
    pub name: At<String>,
    pub partition_key: Option<AttributeDraft>,
    pub sort_key: Option<AttributeDraft>,
    pub projection: Option<ProjectionDraft>,
    /// `local: true`, and where it stands.
    pub local: Option<At<bool>>,
}

/// `projection`: a word, or the attributes beside the keys. The span is that of the key.
pub enum ProjectionDraft {
    Word(Projection),
    Attributes(At<Vec<At<String>>>),
}

impl IndexDraft {
    pub fn is_local(&self) -> bool {
        self.local.as_ref().is_some_and(|local| local.value)
    }

    /// The attributes of its keys.
    pub fn keys(&self) -> impl Iterator<Item = &AttributeDraft> {
        self.partition_key.iter().chain(&self.sort_key)
    }
}

pub fn indexes(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Vec<IndexDraft>> {
    let entries = reading.entries(place, path)?;
    Some(entries.iter().filter_map(|entry| index(reading, entry, &format!("{path}.{}", entry.key.value))).collect())
}

fn index(reading: &mut Reading, entry: &Entry, path: &str) -> Option<IndexDraft> {
    let entries = match &entry.value.value {
        // `by-customer:` alone lacks its partition key, which says more than "must be a map, not nothing".
        Value::Scalar { .. } if entry.value.is_null() => &[],
        _ => reading.entries(Place { node: &entry.value, key: entry.key.span }, path)?,
    };
    let mut block = Block::over("index", path, entry.key.span, entries);
    let local = block.optional(reading, "local", |r, place, path| r.boolean(place, path));
    // A local index has the table's partition key; a global one has its own.
    let hint = "write `partition_key: { name: customerId, type: string }`, or `local: true` for an index within each partition";
    let partition_key = if local.as_ref().is_some_and(|local| local.value) {
        block.optional(reading, "partition_key", attribute)
    } else {
        block.required(reading, "partition_key", hint, attribute)
    };
    let draft = IndexDraft {
        name: entry.key.clone(),
        partition_key,
        sort_key: block.optional(reading, "sort_key", attribute),
        projection: block.optional(reading, "projection", projection),
        local,
    };
    block.finish(reading);
    Some(draft)
}

fn projection(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<ProjectionDraft> {
    match place.node.value {
        Value::List(_) => reading.texts(place, path).map(ProjectionDraft::Attributes),
        _ => reading.choice(place, path, PROJECTIONS).map(|word| ProjectionDraft::Word(word.value)),
    }
}
