//! The indexes of a table, and attributes that several keys use.
use crate::topology::{
    codes,
    decode::{AttributeDraft, IndexDraft, ProjectionDraft, TableDraft},
    model::AttributeType,
    node::shortened,
    report::{At, Problem, Span},
};

/// Default quotas (Service, account, and table quotas in Amazon DynamoDB).
const MOST_GLOBAL: usize = 20;
const MOST_LOCAL: usize = 5;
/// Attributes beside the keys, in one index and in all of a table (the same page).
const MOST_IN_ONE: usize = 20;
const MOST_IN_ALL: usize = 100;

pub fn indexes(table: &TableDraft, problems: &mut Vec<Problem>) {
    for index in &table.indexes {
        name(index, problems);
        projection(table, index, problems);
        if index.is_local() {
            local(table, index, problems);
        }
    }
    for (is_local, most, what) in [(false, MOST_GLOBAL, "global"), (true, MOST_LOCAL, "local")] {
        let mut of_kind = table.indexes.iter().filter(|index| index.is_local() == is_local);
        if let Some(beyond) = of_kind.nth(most) {
            problems.push(
                Problem::new(codes::TABLE_INDEX, format!("a table has at most {most} {what} indexes"))
                    .at(beyond.name.span, "one too many")
                    .help("remove some, or put the data into another table"),
            );
        }
    }
    types(table, problems);
    attributes_in_all(table, problems);
}

fn refuse(problems: &mut Vec<Problem>, message: String, span: Span, label: impl Into<String>, help: &str) {
    problems.push(Problem::new(codes::TABLE_INDEX, message).at(span, label).help(help));
}

fn name(index: &IndexDraft, problems: &mut Vec<Problem>) {
    let At { value: name, span } = &index.name;
    let strange = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"_.-".contains(*c));
    let length = name.chars().count();
    let label = match strange {
        Some(strange) => format!("contains `{}`", strange.escape_debug()),
        None if (3..=255).contains(&length) => return,
        None => format!("has {length} characters"),
    };
    let message = format!("an index cannot be called `{}`", shortened(name));
    refuse(problems, message, *span, label, "a name has 3 to 255 letters, digits and `_ . -`");
}

/// A local index sorts each partition of the table in another way (DynamoDB developer guide, "Local secondary indexes").
fn local(table: &TableDraft, index: &IndexDraft, problems: &mut Vec<Problem>) {
    let span = index.local.as_ref().map_or(index.name.span, |local| local.span);
    let name = shortened(&index.name.value);
    if table.sort_key.is_none() {
        let message = format!("the local index `{name}` needs a table with a sort key");
        refuse(problems, message, span, "the table has none", "give the table a `sort_key`, or make the index global");
    }
    if index.sort_key.is_none() {
        let message = format!("the local index `{name}` has no sort key");
        refuse(problems, message, index.name.span, "has no `sort_key`", "write `sort_key: { name: …, type: … }`");
    }
    let named = |key: &Option<AttributeDraft>| key.as_ref().and_then(|key| key.name.as_ref()).cloned();
    if let (Some(own), Some(of_table)) = (named(&index.partition_key), named(&table.partition_key))
        && own.value != of_table.value
    {
        let message = format!("the local index `{name}` has the partition key of its table, `{}`", shortened(&of_table.value));
        refuse(problems, message, own.span, "another attribute", "remove `partition_key`, or make the index global");
    }
}

fn projection(table: &TableDraft, index: &IndexDraft, problems: &mut Vec<Problem>) {
    let Some(ProjectionDraft::Attributes(list)) = &index.projection else { return };
    let name = shortened(&index.name.value);
    if list.value.is_empty() {
        let message = format!("the index `{name}` names no attribute");
        refuse(problems, message, list.span, "is empty", "write `keys_only`, or name attributes");
    }
    if let Some(beyond) = list.value.get(MOST_IN_ONE) {
        let message = format!("the index `{name}` names more than {MOST_IN_ONE} attributes");
        refuse(problems, message, beyond.span, "one too many", "write `projection: all`, or name fewer");
    }
    let keys: Vec<&String> = [&table.partition_key, &table.sort_key]
        .into_iter()
        .flatten()
        .chain(index.keys())
        .filter_map(|key| key.name.as_ref().map(|name| &name.value))
        .collect();
    for (at, attribute) in list.value.iter().enumerate() {
        if keys.contains(&&attribute.value) {
            let message = format!("`{}` is a key and in every index of its kind anyway", shortened(&attribute.value));
            refuse(problems, message, attribute.span, "a key", "remove it from the list");
        } else if let Some(first) = list.value[..at].iter().find(|other| other.value == attribute.value) {
            problems.push(
                Problem::new(codes::DECODE_REPEATED, format!("`{}` stands twice in the list", shortened(&attribute.value)))
                    .at(attribute.span, "again here")
                    .at(first.span, "first here")
                    .help("remove one of the two"),
            );
        } else if !(1..=255).contains(&attribute.value.chars().count()) {
            let message = "this cannot be the name of an attribute".to_owned();
            refuse(problems, message, attribute.span, "not 1 to 255 characters", "the name of an attribute has 1 to 255 characters");
        }
    }
}

fn attributes_in_all(table: &TableDraft, problems: &mut Vec<Problem>) {
    let lists = table.indexes.iter().filter_map(|index| match &index.projection {
        Some(ProjectionDraft::Attributes(list)) => Some(list),
        _ => None,
    });
    let mut count = 0;
    for list in lists {
        count += list.value.len();
        if count > MOST_IN_ALL {
            let message = format!("all indexes of a table together name at most {MOST_IN_ALL} attributes");
            return refuse(problems, message, list.span, "too many from here on", "write `projection: all`, or name fewer");
        }
    }
}

/// DynamoDB knows an attribute of a table once, with one type.
fn types(table: &TableDraft, problems: &mut Vec<Problem>) {
    let keys = [&table.partition_key, &table.sort_key].into_iter().flatten();
    let mut known: Vec<(&str, &At<AttributeType>)> = Vec::new();
    for key in keys.chain(table.indexes.iter().flat_map(IndexDraft::keys)) {
        let (Some(name), Some(of)) = (&key.name, &key.attribute_type) else { continue };
        match known.iter().find(|(other, _)| *other == name.value) {
            Some((_, first)) if first.value != of.value => problems.push(
                Problem::new(codes::TABLE_ATTRIBUTE_TYPE, format!("`{}` cannot have two types", shortened(&name.value)))
                    .at(of.span, "this one")
                    .at(first.span, "and this one")
                    .help("an attribute has the same type in all keys of a table"),
            ),
            Some(_) => {}
            None => known.push((&name.value, of)),
        }
    }
}
