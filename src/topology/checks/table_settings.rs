//! The settings of a table beyond its keys: what expires, what is streamed, whose key encrypts it.
use super::tables::member_codes;
use crate::topology::{
    codes,
    decode::{Draft, EncryptionDraft, IndexDraft, KeysDraft, TableDraft},
    model::{AttributeType, Consistency, Stream},
    node::shortened,
    report::{At, Problem},
    suggest,
};

pub fn settings(draft: &Draft, table: &TableDraft, problems: &mut Vec<Problem>) {
    expiry(table, problems);
    stream(draft, table, problems);
    if let Some(EncryptionDraft::Keys(keys)) = &table.encryption {
        encryption(draft, table, keys, problems);
    }
}

/// DynamoDB reads the time from a number only, and an attribute of a key has the type of the key (DynamoDB developer guide,
/// "Using time to live").
fn expiry(table: &TableDraft, problems: &mut Vec<Problem>) {
    let Some(attribute) = &table.ttl_attribute else { return };
    let length = attribute.value.chars().count();
    if !(1..=255).contains(&length) {
        problems.push(
            Problem::new(codes::TABLE_TTL, "this cannot be the name of the attribute that lets items expire")
                .at(attribute.span, format!("has {length} characters"))
                .help("the name of an attribute has 1 to 255 characters"),
        );
    }
    let keys = [&table.partition_key, &table.sort_key].into_iter().flatten();
    for key in keys.chain(table.indexes.iter().flat_map(IndexDraft::keys)) {
        let (Some(name), Some(of)) = (&key.name, &key.attribute_type) else { continue };
        if name.value == attribute.value && of.value != AttributeType::Number {
            problems.push(
                Problem::new(codes::TABLE_TTL, format!("items would never expire: `{}` is not a number", shortened(&name.value)))
                    .at(attribute.span, "this attribute")
                    .at(of.span, "has this type")
                    .help("name an attribute that holds a time in seconds since 1970, as a number"),
            );
        }
    }
}

fn stream(draft: &Draft, table: &TableDraft, problems: &mut Vec<Problem>) {
    let replicas = member_codes(draft, table).len();
    // The members of a strongly consistent table do not copy by their streams (field guide 3.3 item 7).
    let copies = table.consistency.as_ref().is_none_or(|consistency| consistency.value == Consistency::Eventual);
    if let Some(At { value: Stream::None, span }) = table.stream
        && replicas > 1
        && copies
    {
        problems.push(
            Problem::new(codes::TABLE_STREAM, format!("the table `{}` has replicas and needs its stream", table.key.value))
                .at(span, "replication reads the stream")
                .help("remove `stream`, or keep the table in one region: `regions: [REGION]`"),
        );
    }
}

fn encryption(draft: &Draft, table: &TableDraft, keys: &KeysDraft, problems: &mut Vec<Problem>) {
    let members = member_codes(draft, table);
    for (region, key) in &keys.keys {
        if !members.is_empty() && !members.contains(&region.value.as_str()) {
            let text = format!("`encryption` names `{}`, where the table has no member", shortened(&region.value));
            let problem = Problem::new(codes::TABLE_ENCRYPTION, text).at(region.span, "no member here");
            problems.push(problem.help(suggest::help(&region.value, "regions of the table", &members)));
        }
        if let Some(key) = key {
            arn(&region.value, key, problems);
        }
    }
    let without: Vec<&str> = members.into_iter().filter(|code| !keys.keys.iter().any(|(region, _)| region.value == **code)).collect();
    if !without.is_empty() {
        problems.push(
            Problem::new(codes::TABLE_ENCRYPTION, format!("`encryption` has no key for {}", suggest::list(&without)))
                .at(keys.key, "keys of your own are for every region of the table")
                .help("DynamoDB does not mix keys of your own with its own: give one for each region, or write `aws_managed`"),
        );
    }
}

/// DynamoDB shows the ARN of a key whatever it was given, so only that can be compared (field guide 3.2 item 9).
fn arn(region: &str, key: &At<String>, problems: &mut Vec<Problem>) {
    let parts: Vec<&str> = key.value.split(':').collect();
    let wrong = match parts[..] {
        ["arn", partition, "kms", of, account, id] if partition.starts_with("aws") => {
            let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
            match id.strip_prefix("key/") {
                _ if !is_account => Some("has no account of twelve digits".to_owned()),
                None | Some("") => Some("is not the ARN of a key".to_owned()),
                Some(_) if of != region => Some(format!("is in `{}`", shortened(of))),
                Some(_) => None,
            }
        }
        _ => Some("is not the ARN of a key".to_owned()),
    };
    if let Some(wrong) = wrong {
        let text = format!("this key cannot encrypt the table in {}", shortened(region));
        problems.push(
            Problem::new(codes::TABLE_ENCRYPTION, text).at(key.span, wrong).help(format!(
                "write the ARN of a key of that region: `arn:aws:kms:{}:ACCOUNT:key/ID`; an alias is none",
                shortened(region)
            )),
        );
    }
}
