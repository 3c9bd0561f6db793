//! Documents: what all kinds look like to the engine. Found and wanted are the same type, so there is one diff.
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{Addr, reference::Link};

/// A typed spec, serialised.
pub type Doc = Value;

/// One difference between what is found and what is wanted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Dotted path into the spec, for example `tags.team` or `routes.0.0.0.0/0`.
    pub path: String,
    /// What AWS shows; null when it is absent.
    pub from: Doc,
    /// What the topology asks for; null when it is to go.
    pub to: Doc,
}

impl Change {
    /// Whether the change is at `path` or below it.
    #[must_use]
    pub fn is_under(&self, path: &str) -> bool {
        self.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// A field that may be left to whoever else sets it: `Any` is never a difference.
#[derive(Clone, Debug, PartialEq)]
pub enum Unmanaged<T> {
    Managed(T),
    /// Not managed by this topology.
    Any,
}

impl<T: Serialize> Serialize for Unmanaged<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Managed(value) => value.serialize(serializer),
            Self::Any => json!({ "$any": true }).serialize(serializer),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Unmanaged<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let doc = Value::deserialize(deserializer)?;
        if is_any(&doc) {
            return Ok(Self::Any);
        }
        serde_json::from_value(doc).map(Self::Managed).map_err(serde::de::Error::custom)
    }
}

/// A list whose order means nothing to AWS; it is compared as a set.
#[derive(Clone, Debug, PartialEq)]
pub struct Unordered<T>(pub Vec<T>);

impl<T> Default for Unordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Serialize> Serialize for Unordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Set<'a, T> {
            #[serde(rename = "$set")]
            items: &'a [T],
        }
        Set { items: &self.0 }.serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Unordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut doc = Value::deserialize(deserializer)?;
        serde_json::from_value(doc["$set"].take()).map(Self).map_err(serde::de::Error::custom)
    }
}

/// The tags of a resource, without mrctl's own marks.
///
/// Tag keys that came from the file are remembered on the resource (`mrctl:keys`): a remembered key that the file no
/// longer has is removed, every other foreign tag is left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Key to value; on a found resource this includes foreign tags.
    pub all: BTreeMap<String, String>,
    /// The keys that came from the file.
    pub keys: BTreeSet<String>,
    /// False on a found resource that is ours but does not carry the marks yet (a DynamoDB replica).
    pub marked: bool,
    /// The stack that the mark names: on a found resource whichever it is, on a wanted one ours. It makes no difference of its
    /// own: what carries another stack's mark is left alone.
    pub stack: Option<String>,
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json!({ "$tags": self.all, "keys": self.keys, "marked": self.marked, "stack": self.stack }).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            #[serde(rename = "$tags")]
            all: BTreeMap<String, String>,
            keys: BTreeSet<String>,
            marked: bool,
            #[serde(default)]
            stack: Option<String>,
        }
        let raw = Raw::deserialize(deserializer)?;
        Ok(Self { all: raw.all, keys: raw.keys, marked: raw.marked, stack: raw.stack })
    }
}

/// The tags of a document, which every kind that has any keeps at `tags`.
#[must_use]
pub fn tags_of(doc: &Doc) -> Option<Tags> {
    read_tags(doc.get("tags")?)
}

/// What is found against what is wanted, leaf by leaf.
///
/// Maps are compared both ways, so that a removal is seen; references are equal when their values are; an unresolved
/// reference is a difference, because what it will be is not what is there.
#[must_use]
pub fn diff(found: &Doc, want: &Doc) -> Vec<Change> {
    let mut changes = Vec::new();
    walk(found, want, "", &mut changes);
    changes
}

fn walk(found: &Doc, want: &Doc, path: &str, changes: &mut Vec<Change>) {
    if found == want || is_any(want) {
        return;
    }
    if let (Some(found_tags), Some(want_tags)) = (read_tags(found), read_tags(want)) {
        return tags(&found_tags, &want_tags, path, changes);
    }
    match (Link::read(found), Link::read(want)) {
        (Some(Link::Is { value: a, .. }), Some(Link::Is { value: b, .. })) if a == b => return,
        (None, None) => {}
        _ => return changes.push(change(path, found, want)),
    }
    match (found, want) {
        (Value::Object(a), Value::Object(b)) if a.contains_key("$set") && b.contains_key("$set") => {
            let ([old, new], empty) = ([&a["$set"], &b["$set"]].map(members), Value::Null);
            if old != new {
                changes.push(change(path, a.get("$set").unwrap_or(&empty), b.get("$set").unwrap_or(&empty)));
            }
        }
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), &below, changes);
            }
        }
        _ => changes.push(change(path, found, want)),
    }
}

fn change(path: &str, from: &Doc, to: &Doc) -> Change {
    Change { path: path.to_owned(), from: from.clone(), to: to.clone() }
}

fn is_any(doc: &Doc) -> bool {
    doc.get("$any").is_some()
}

fn read_tags(doc: &Doc) -> Option<Tags> {
    doc.get("$tags")?;
    serde_json::from_value(doc.clone()).ok()
}

/// A set in an order of its own; references by value, so that where they came from does not matter.
fn members(set: &Doc) -> BTreeSet<String> {
    let text = |item: &Doc| match Link::read(item) {
        Some(Link::Is { value, .. }) => value,
        _ => item.to_string(),
    };
    set.as_array().into_iter().flatten().map(text).collect()
}

fn tags(found: &Tags, want: &Tags, path: &str, changes: &mut Vec<Change>) {
    let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    if !found.marked {
        changes.push(Change { path: at("mrctl:stack"), from: Value::Null, to: json!("(this stack)") });
    }
    for (key, value) in &want.all {
        let now = found.all.get(key);
        if now != Some(value) {
            changes.push(Change { path: at(key), from: json!(now), to: json!(value) });
        }
    }
    for key in found.keys.difference(&want.keys) {
        if let Some(now) = found.all.get(key).filter(|_| !want.all.contains_key(key)) {
            changes.push(Change { path: at(key), from: json!(now), to: Value::Null });
        }
    }
    // A key that joined or left the remembered ones without any change of a value still has to be remembered.
    let said = changes.iter().any(|change| change.is_under(path));
    if found.keys != want.keys && !said {
        changes.push(Change { path: at("mrctl:keys"), from: json!(found.keys), to: json!(want.keys) });
    }
}

/// Every reference in a document, with the path of the field that holds it.
#[must_use]
pub fn links(doc: &Doc) -> Vec<(String, Link)> {
    fn visit(doc: &Doc, path: &str, out: &mut Vec<(String, Link)>) {
        if let Some(link) = Link::read(doc) {
            return out.push((path.to_owned(), link));
        }
        let below = |key: &str| {
            if path.is_empty() || key.starts_with('$') { format!("{path}{}", key.trim_start_matches('$')) } else { format!("{path}.{key}") }
        };
        match doc {
            Value::Object(map) => map.iter().for_each(|(key, value)| visit(value, &below(key), out)),
            Value::Array(items) => items.iter().for_each(|item| visit(item, path, out)),
            _ => {}
        }
    }
    let mut out = Vec::new();
    visit(doc, "", &mut out);
    out
}

/// Fills in every reference whose value `known` gives.
pub fn resolve(doc: &mut Doc, known: &dyn Fn(&Addr, &str) -> Option<String>) {
    if let Some(Link::To { addr, field }) = Link::read(doc) {
        if let Some(value) = known(&addr, &field) {
            *doc = Link::known(&addr, &field, &value);
        }
        return;
    }
    match doc {
        Value::Object(map) => map.values_mut().for_each(|value| resolve(value, known)),
        Value::Array(items) => items.iter_mut().for_each(|item| resolve(item, known)),
        _ => {}
    }
}

/// A document as people and other programs see it: plain values, `{"known_after": "ADDRESS#FIELD"}` for what is not
/// known yet, sets as lists, and no trace of how the engine keeps them.
#[must_use]
pub fn shown(doc: &Doc) -> Doc {
    match Link::read(doc) {
        Some(Link::Is { value, .. }) => return json!(value),
        Some(Link::To { addr, field }) => return json!({ "known_after": format!("{addr}#{field}") }),
        None => {}
    }
    match doc {
        Value::Object(map) => {
            if let Some(inner) = map.get("$set").or_else(|| map.get("$tags")) {
                return shown(inner);
            }
            if is_any(doc) {
                return Value::Null;
            }
            Value::Object(map.iter().map(|(key, value)| (key.clone(), shown(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(shown).collect()),
        other => other.clone(),
    }
}

/// The value at a dotted path of plain object keys.
#[must_use]
pub fn at<'a>(doc: &'a Doc, path: &str) -> Option<&'a Doc> {
    path.split('.').try_fold(doc, |doc, key| doc.get(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_map_entry_is_a_change() {
        let changes = diff(&json!({"env": {"A": "1", "B": "2"}}), &json!({"env": {"A": "1"}}));
        assert_eq!(changes, [Change { path: "env.B".into(), from: json!("2"), to: Value::Null }]);
    }

    #[test]
    fn null_is_a_value_and_only_any_is_unmanaged() {
        assert_eq!(diff(&json!({"ttl": "expires"}), &json!({"ttl": null})).len(), 1);
        let any = serde_json::to_value(Unmanaged::<u8>::Any).unwrap();
        assert_eq!(diff(&json!({"count": 3}), &json!({ "count": any })), []);
    }

    #[test]
    fn sets_have_no_order_and_references_compare_by_value() {
        let is = |value: &str, scope: &str| json!({"$ref": {"is": value, "kind": "k", "field": "id", "scope": scope}});
        let found = json!({"subnets": {"$set": [is("b", "r"), is("a", "r")]}});
        assert_eq!(diff(&found, &json!({"subnets": {"$set": [is("a", "r"), is("b", "r")]}})), []);
        assert_eq!(diff(&found, &json!({"subnets": {"$set": [is("a", "r")]}}))[0].path, "subnets");
    }

    #[test]
    fn foreign_tags_stay_and_forgotten_ones_go() {
        let tags = |all: &[(&str, &str)], keys: &[&str]| {
            serde_json::to_value(Tags {
                all: all.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
                keys: keys.iter().map(|k| (*k).into()).collect(),
                marked: true,
                stack: None,
            })
            .unwrap()
        };
        let found = json!({"tags": tags(&[("team", "a"), ("old", "x"), ("foreign", "y")], &["team", "old"])});
        let changes = diff(&found, &json!({"tags": tags(&[("team", "b")], &["team"])}));
        let paths: Vec<_> = changes.iter().map(|c| (c.path.as_str(), c.to.clone())).collect();
        assert_eq!(paths, [("tags.team", json!("b")), ("tags.old", Value::Null)]);
        // A foreign tag with the value the file asks for is only remembered.
        let changes = diff(&found, &json!({"tags": tags(&[("team", "a"), ("old", "x"), ("foreign", "y")], &["team", "old", "foreign"])}));
        assert_eq!(changes[0].path, "tags.mrctl:keys");
    }

    #[test]
    fn an_open_reference_differs_from_what_is_there() {
        let found = json!({"vpc": {"$ref": {"is": "vpc-1", "kind": "ec2.vpc", "field": "id", "scope": "r"}}});
        let mut want = json!({"vpc": {"$ref": {"to": "r/ec2.vpc/main", "field": "id"}}});
        assert_eq!(diff(&found, &want).len(), 1);
        resolve(&mut want, &|_, _| Some("vpc-1".into()));
        assert_eq!(diff(&found, &want), []);
        assert_eq!(links(&want)[0].0, "vpc");
    }
}
