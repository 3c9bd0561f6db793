//! Version, stack, account and tags.
use std::collections::BTreeSet;

use indexmap::IndexMap;

use crate::{
    resource::owner,
    topology::{
        codes,
        decode::Draft,
        node::shortened,
        placeholders::{self, Values},
        report::{At, Problem},
    },
};

/// What a resource may carry beside mrctl's own marks and what AWS adds.
const MOST_TAGS: usize = 40;
const LONGEST_TAG_KEY: usize = 128;
/// Of AWS, of RDS, and of the marks.
const RESERVED: [&str; 3] = ["aws:", "rds:", "mrctl:"];

pub fn version(draft: &Draft, problems: &mut Vec<Problem>) {
    if let Some(version) = draft.version.as_ref().filter(|version| version.value != "1") {
        problems.push(
            Problem::new(codes::VERSION_UNSUPPORTED, format!("version `{}` of the format is not known", shortened(&version.value)))
                .at(version.span, "only 1 exists")
                .help("write `version: 1`; a newer format needs a newer mrctl"),
        );
    }
}

pub fn stack(draft: &Draft, problems: &mut Vec<Problem>) {
    let Some(stack) = &draft.stack else { return };
    let name = stack.value.as_str();
    let wrong = if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        "must begin with a lower-case letter"
    } else if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        "may have only lower-case letters, digits and hyphens"
    } else if !(2..=20).contains(&name.len()) {
        "must have 2 to 20 characters"
    } else if name.ends_with('-') {
        "must not end with a hyphen"
    } else {
        return;
    };
    problems.push(
        Problem::new(codes::STACK_NAME, format!("`{}` cannot be the name of a stack", shortened(name)))
            .at(stack.span, wrong)
            .help("it begins every name in AWS: choose something short such as `shop` or `shop-staging`"),
    );
}

pub fn account(draft: &Draft, problems: &mut Vec<Problem>) {
    let Some(account) = &draft.account else { return };
    let digits = account.value.bytes().all(|byte| byte.is_ascii_digit());
    if digits && account.value.len() == 12 {
        return;
    }
    let label = if digits { format!("{} digits", account.value.len()) } else { "not only digits".to_owned() };
    problems.push(
        Problem::new(codes::ACCOUNT_ID, format!("`{}` is not an AWS account id", shortened(&account.value)))
            .at(account.span, label)
            .help("write twelve digits in quotes: `account: \"123456789012\"`"),
    );
}

/// The tags with their placeholders filled in.
pub fn tags(draft: &Draft, table_names: &IndexMap<String, String>, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let mut filled = Vec::new();
    for (key, value) in &draft.tags {
        tag_key(key, problems);
        if let Some(value) = tag_value(key, value, draft, table_names, problems) {
            filled.push((key.value.clone(), value));
        }
    }
    for (index, (key, _)) in draft.tags.iter().enumerate() {
        let lower = key.value.to_lowercase();
        if let Some((first, _)) = draft.tags[..index].iter().find(|(other, _)| other.value.to_lowercase() == lower) {
            problems.push(
                Problem::new(codes::TAGS_CASE, format!("the tags `{}` and `{}` differ in case only", first.value, key.value))
                    .at(key.span, "the same to IAM")
                    .at(first.span, "as this one")
                    .help("keep one of them"),
            );
        }
    }
    if let Some((key, _)) = draft.tags.get(MOST_TAGS) {
        problems.push(
            Problem::new(codes::TAGS_TOO_MANY, format!("{} tags are too many", draft.tags.len()))
                .at(key.span, format!("number {}", MOST_TAGS + 1))
                .help(format!("a topology may set {MOST_TAGS}; the other ten that AWS allows are for mrctl's marks and for AWS itself")),
        );
    }
    // A key with a space is wrong anyway, and would be counted as two.
    let keys = draft.tags.iter().map(|(key, _)| &key.value).filter(|key| !key.is_empty() && !key.contains(' '));
    let keys: BTreeSet<String> = keys.cloned().collect();
    if let Some((last, _)) = draft.tags.last().filter(|_| !owner::fits(&keys)) {
        problems.push(
            Problem::new(codes::TAGS_DO_NOT_FIT, "the keys of the tags are too long together to be remembered")
                .at(last.span, "the last of them")
                .help("mrctl keeps all keys in four tags of 256 characters: use fewer or shorter keys"),
        );
    }
    filled
}

fn tag_key(key: &At<String>, problems: &mut Vec<Problem>) {
    let text = key.value.as_str();
    let lower = text.to_lowercase();
    if let Some(prefix) = RESERVED.iter().find(|prefix| lower.starts_with(**prefix)) {
        problems.push(
            Problem::new(codes::TAGS_RESERVED, format!("the tag key `{}` is reserved", shortened(text)))
                .at(key.span, format!("begins with `{prefix}`"))
                .help("choose a key without this prefix"),
        );
        return;
    }
    let length = text.chars().count();
    let wrong = if text.is_empty() {
        "is empty".to_owned()
    } else if length > LONGEST_TAG_KEY {
        format!("has {length} characters, at most {LONGEST_TAG_KEY} are possible")
    } else if text == owner::NAME {
        "mrctl sets `Name` itself, to the name of each resource".to_owned()
    } else if text.contains(' ') {
        "contains a space".to_owned()
    } else if let Some(strange) = text.chars().find(|c| !allowed(*c)) {
        format!("contains `{}`", strange.escape_debug())
    } else {
        return;
    };
    problems.push(
        Problem::new(codes::TAGS_KEY, format!("`{}` cannot be a tag key", shortened(text)))
            .at(key.span, wrong)
            .help("a key has 1 to 128 letters, digits and `_ . : / = + - @`"),
    );
}

fn tag_value(
    key: &At<String>,
    value: &At<String>,
    draft: &Draft,
    table_names: &IndexMap<String, String>,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let before = problems.len();
    let values = Values {
        stack: draft.stack.as_ref().map(|stack| stack.value.as_str()),
        account: draft.account.as_ref().map(|account| account.value.as_str()),
        tables: Some(table_names),
        region: None,
        account_later: false,
        braces: false,
        place: "a tag",
    };
    let filled = placeholders::fill(value, &values, problems)?;
    let length = filled.chars().count();
    let wrong = if filled.is_empty() {
        "is empty".to_owned()
    } else if length > owner::LONGEST_VALUE {
        format!("has {length} characters, at most {} are possible", owner::LONGEST_VALUE)
    } else if let Some(strange) = filled.chars().find(|c| !allowed(*c) && *c != ' ') {
        format!("contains `{}`", strange.escape_debug())
    } else {
        return Some(filled);
    };
    // A misspelt placeholder leaves its braces, which are not allowed either: the better message is already there.
    if problems.len() == before {
        problems.push(
            Problem::new(codes::TAGS_VALUE, format!("the value of the tag `{}` is not possible", shortened(&key.value)))
                .at(value.span, wrong)
                .help("a value has 1 to 256 letters, digits, spaces and `_ . : / = + - @`"),
        );
    }
    None
}

/// The strictest set of all services: ASCII letters and digits and a few signs.
fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.:/=+-@".contains(c)
}
