//! The settings of a table beyond its keys: what expires, what is streamed, whose key encrypts it.
use super::{
    own_keys::{Encrypted, own_keys},
    tables::member_codes,
};
use crate::topology::{
    codes,
    decode::{Draft, EncryptionDraft, IndexDraft, KeysDraft, TableDraft},
    model::{AttributeType, Consistency, Stream},
    node::shortened,
    report::{At, Problem},
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
    let encrypted = Encrypted {
        code: codes::TABLE_ENCRYPTION,
        what: "table",
        member: "member",
        members: &member_codes(draft, table),
        help: "DynamoDB does not mix keys of your own with its own: give one for each region, or write `aws_managed`",
    };
    own_keys(keys, &encrypted, problems);
}
