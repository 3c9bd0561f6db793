//! `tables.KEY.encryption`: a word, or a key of one's own in every region.
use super::{ENCRYPTIONS, Place, Reading};
use crate::topology::{
    model::Encryption,
    node::Value,
    report::{At, Span},
};

/// `encryption` of a table.
pub enum EncryptionDraft {
    Word(At<Encryption>),
    Keys(KeysDraft),
}

/// A key by region. What could not be read is there without its ARN, so that it is not reported as missing too.
pub struct KeysDraft {
    pub key: Span,
    pub keys: Vec<(At<String>, Option<At<String>>)>,
}

pub fn encryption(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<EncryptionDraft> {
    if !matches!(place.node.value, Value::Map(_)) {
        return reading.choice(place, path, ENCRYPTIONS).map(EncryptionDraft::Word);
    }
    keys(reading, place, path).map(EncryptionDraft::Keys)
}

/// By region, the ARN of a key.
pub fn keys(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<KeysDraft> {
    let entries = reading.entries(place, path)?;
    let keys = entries.iter().map(|entry| {
        let place = Place { node: &entry.value, key: entry.key.span };
        (entry.key.clone(), reading.text(place, &format!("{path}.{}", entry.key.value)))
    });
    Some(KeysDraft { key: place.key, keys: keys.collect() })
}
