//! The section `tables`.
use indexmap::IndexMap;

use super::{regions::listed, table_indexes::indexes, table_settings::settings, table_strong::strong};
use crate::topology::{
    codes,
    decode::{AttributeDraft, Draft, TableDraft},
    node::shortened,
    placeholders::{self, Values},
    report::{At, Problem},
    suggest,
};

/// The names of the tables, by key; a table without a possible name goes by its key.
pub fn tables(draft: &Draft, problems: &mut Vec<Problem>) -> IndexMap<String, String> {
    let mut names: IndexMap<String, String> = IndexMap::new();
    let mut taken: Vec<(String, &TableDraft)> = Vec::new();
    for table in &draft.tables {
        attributes(table, problems);
        regions(draft, table, problems);
        settings(draft, table, problems);
        indexes(table, problems);
        strong(draft, table, problems);
        let Some(name) = name(draft, table, problems) else {
            names.insert(table.key.value.clone(), table.key.value.clone());
            continue;
        };
        if let Some((_, first)) = taken.iter().find(|(other, _)| *other == name) {
            problems.push(
                Problem::new(codes::TABLE_NAME_TAKEN, format!("two tables would be called `{name}` in DynamoDB"))
                    .at(table.name.as_ref().unwrap_or(&table.key).span, "this one")
                    .at(first.name.as_ref().unwrap_or(&first.key).span, "and this one")
                    .help("give one of them another `name`"),
            );
        }
        taken.push((name.clone(), table));
        names.insert(table.key.value.clone(), name);
    }
    names
}

/// `<stack>-<key>`, or what `name` says.
fn name(draft: &Draft, table: &TableDraft, problems: &mut Vec<Problem>) -> Option<String> {
    let stack = draft.stack.as_ref().map(|stack| stack.value.as_str());
    let (name, span, whose) = match &table.name {
        Some(given) => {
            let account = draft.account.as_ref().map(|account| account.value.as_str());
            let before = problems.len();
            let place = "the name of a table";
            let values = Values { stack, account, tables: None, region: None, account_later: false, braces: false, place };
            let filled = placeholders::fill(given, &values, problems)?;
            // A misspelt placeholder leaves its braces, which no table name may have: the better message is already there.
            if problems.len() > before {
                return None;
            }
            (filled, given.span, "`name`")
        }
        // A wrong stack is reported where it stands, not again with every table.
        None => (format!("{}-{}", stack.filter(|s| possible(s)).unwrap_or("stack"), table.key.value), table.key.span, "the key"),
    };
    let length = name.chars().count();
    let wrong = if let Some(strange) = name.chars().find(|c| !is_name_char(*c)) {
        format!("{whose} contains `{}`", strange.escape_debug())
    } else if !(3..=255).contains(&length) || (table.name.is_none() && table.key.value.is_empty()) {
        format!("the name would have {length} characters")
    } else {
        return Some(name);
    };
    problems.push(
        Problem::new(codes::TABLE_NAME, format!("a table cannot be called `{}`", shortened(&name)))
            .at(span, wrong)
            .help("a name has 3 to 255 letters, digits and `_ . -`; it is `<stack>-<key>` unless `name` says otherwise"),
    );
    None
}

fn possible(stack: &str) -> bool {
    stack.len() <= 20 && stack.chars().all(is_name_char)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.-".contains(c)
}

fn attributes(table: &TableDraft, problems: &mut Vec<Problem>) {
    keys(&table.partition_key, &table.sort_key, problems);
    table.indexes.iter().for_each(|index| keys(&index.partition_key, &index.sort_key, problems));
}

fn keys(partition: &Option<AttributeDraft>, sort: &Option<AttributeDraft>, problems: &mut Vec<Problem>) {
    let partition = partition.as_ref().and_then(|key| key.name.as_ref());
    let sort = sort.as_ref().and_then(|key| key.name.as_ref());
    for name in partition.into_iter().chain(sort) {
        if name.value.is_empty() || name.value.chars().count() > 255 {
            problems.push(
                Problem::new(codes::TABLE_ATTRIBUTE, "this cannot be the name of a key attribute")
                    .at(name.span, format!("has {} characters", name.value.chars().count()))
                    .help("the name of a key attribute has 1 to 255 characters"),
            );
        }
    }
    if let (Some(partition), Some(sort)) = (partition, sort)
        && partition.value == sort.value
    {
        problems.push(
            Problem::new(codes::TABLE_SAME_KEY, format!("`{}` cannot be both partition key and sort key", shortened(&sort.value)))
                .at(sort.span, "the sort key")
                .at(partition.span, "the partition key")
                .help("remove `sort_key`, or name another attribute"),
        );
    }
}

fn regions(draft: &Draft, table: &TableDraft, problems: &mut Vec<Problem>) {
    let codes = draft.region_codes();
    if let Some(list) = &table.regions {
        let empty = (
            format!("the table `{}` is in no region", table.key.value),
            "list at least one region, or remove `regions` to have the table in all of them",
        );
        listed(codes::TABLE_REGIONS, list, &codes, empty, problems);
    }
    let members: Vec<&str> = member_codes(draft, table);
    for change in &table.per_region {
        let At { value: region, span } = &change.region;
        if !codes.is_empty() && !members.contains(&region.as_str()) {
            let label = if codes.contains(&region.as_str()) { "the table is not in this region" } else { "not under `regions`" };
            problems.push(
                Problem::new(codes::TABLE_PER_REGION, format!("`per_region` names `{}`, where the table has no member", shortened(region)))
                    .at(*span, label)
                    .help(suggest::help(region, "regions of the table", &members)),
            );
        }
    }
}

/// The regions of a table, in the order of the file.
pub fn member_codes<'a>(draft: &'a Draft, table: &TableDraft) -> Vec<&'a str> {
    let wanted = |code: &&str| table.regions.as_ref().is_none_or(|list| list.value.iter().any(|region| region.value == *code));
    draft.region_codes().into_iter().filter(wanted).collect()
}
