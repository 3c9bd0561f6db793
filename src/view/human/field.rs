//! The fields of a step as text, and how the same field of several regions becomes one.
use crate::{
    plan::{Action, Step},
    resource::Doc,
    view::words,
};

/// One field of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub path: String,
    pub text: String,
}

/// What is worth showing of a step: what is wanted on a create, the differences elsewhere. Tags are left out of a create
/// unless `full`: they are the same on everything.
pub(super) fn fields(step: &Step, full: bool) -> Vec<Field> {
    let mut fields = Vec::new();
    match (&step.want, step.action) {
        (Some(want), Action::Create) => leaves(&want.spec, "", full, &mut fields),
        (_, Action::Keep | Action::Hold | Action::Leave) => {}
        (_, Action::Delete) => {
            fields.extend(
                step.changes.iter().map(|change| Field {
                    path: change.path.clone(),
                    text: format!("{} is lifted just before", words::spoken(&change.path)),
                }),
            );
        }
        _ => fields.extend(step.changes.iter().map(|change| Field {
            path: change.path.clone(),
            text: format!("{}: {} → {}", change.path, words::value(&change.from), words::value(&change.to)),
        })),
    }
    if full { fields } else { folded(fields, step) }
}

/// So many fields under one name are more than anybody reads beside what else there is (the charts of a dashboard).
const MOST_OF_ONE: usize = 12;

/// The same with one field for each name that has too many under it.
fn folded(fields: Vec<Field>, step: &Step) -> Vec<Field> {
    let top = |field: &Field| field.path.split('.').next().unwrap_or_default().to_owned();
    let mut all: Vec<Field> = Vec::new();
    for some in fields.chunk_by(|one, next| top(one) == top(next)) {
        let name = some.first().map(top).unwrap_or_default();
        if some.len() <= MOST_OF_ONE {
            all.extend_from_slice(some);
            continue;
        }
        let entries = step.want.as_ref().filter(|_| step.action == Action::Create).and_then(|want| want.spec.get(&name)?.as_object());
        let what = entries.map_or_else(|| format!("{} differences", some.len()), |entries| format!("{} entries", entries.len()));
        all.push(Field { text: format!("{name}: {what} (--full shows them)"), path: name });
    }
    all
}

/// Walks down to what AWS is asked for; what is absent or empty says nothing.
fn leaves(doc: &Doc, path: &str, full: bool, fields: &mut Vec<Field>) {
    let is_kept_specially = |map: &serde_json::Map<String, Doc>| {
        map.keys().any(|key| key.starts_with('$')) || map.contains_key("known_after") || map.contains_key("redacted")
    };
    match doc {
        Doc::Null => return,
        Doc::String(text) if text.is_empty() => return,
        Doc::Array(items) if items.is_empty() => return,
        Doc::Object(map) if map.contains_key("$any") || (map.contains_key("$tags") && !full) => return,
        Doc::Object(map) if map.get("$set").and_then(Doc::as_array).is_some_and(Vec::is_empty) => return,
        Doc::Object(map) if !is_kept_specially(map) => {
            for (key, value) in map {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves(value, &below, full, fields);
            }
            return;
        }
        _ => {}
    }
    fields.push(Field { path: path.to_owned(), text: format!("{path}: {}", words::value(doc)) });
}

/// The same field in several regions.
pub(super) enum Folded {
    /// Everywhere the same, `{region}` standing for the region where it is part of the text.
    Same(String),
    /// The text without the path, and where it holds.
    Differs { path: String, values: Vec<(String, Vec<String>)> },
}

/// Takes one text for each scope.
pub(super) fn fold(path: &str, texts: &[(String, String)]) -> Folded {
    let all_equal = |texts: &[String]| texts.windows(2).all(|pair| pair[0] == pair[1]);
    let plain: Vec<String> = texts.iter().map(|(_, text)| text.clone()).collect();
    if all_equal(&plain) {
        return Folded::Same(plain.first().cloned().unwrap_or_default());
    }
    // The topology writes `{region}` for the same purpose, so the reader knows it.
    let placed: Vec<String> = texts.iter().map(|(scope, text)| text.replace(scope.as_str(), "{region}")).collect();
    if all_equal(&placed) {
        return Folded::Same(placed.first().cloned().unwrap_or_default());
    }
    let mut values: Vec<(String, Vec<String>)> = Vec::new();
    for (scope, text) in texts {
        let value = text.strip_prefix(path).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(text);
        match values.iter_mut().find(|(known, _)| known == value) {
            Some((_, scopes)) => scopes.push(scope.clone()),
            None => values.push((value.to_owned(), vec![scope.clone()])),
        }
    }
    Folded::Differs { path: path.to_owned(), values }
}

/// Joins with commas, going on in a new line where it gets too wide.
pub(super) fn wrapped(items: &[String], indent: usize, width: usize) -> Vec<String> {
    let room = width.saturating_sub(indent).max(20);
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 3 + item.chars().count() <= room => {
                line.push_str(", ");
                line.push_str(item);
            }
            Some(line) => {
                line.push(',');
                lines.push(item.clone());
            }
            None => lines.push(item.clone()),
        }
    }
    lines
}
