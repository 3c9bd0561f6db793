//! The shapes of tags in each service, and the marks written through them.
//!
//! Tags go in the create call, so that a kill between two calls cannot leave an unmarked resource (field guide 1.3).
use std::collections::BTreeMap;

use aws_sdk_dynamodb::types as dynamodb;
use aws_sdk_ec2::types as ec2;
use aws_smithy_types::retry::RetryConfig;

use super::errors::fault;
use crate::resource::{
    Addr, Class, Cx, Fault, Tags,
    owner::{self, Marks, STACK},
};

/// For `config_override` on the creates of EC2 that would make a second resource when sent twice: they honour no token,
/// so neither a reset nor a 5xx may be repeated by the SDK. The engine looks the resource up by its tags instead.
#[must_use]
pub fn sent_once() -> aws_sdk_ec2::config::Builder {
    aws_sdk_ec2::config::Builder::new().retry_config(RetryConfig::disabled())
}

/// The tags of an EC2 create call.
#[must_use]
pub fn specification(cx: &Cx, resource: ec2::ResourceType, addr: &Addr, wanted: &Tags) -> ec2::TagSpecification {
    let tags = ec2_tags(cx.owner.to_send(addr, wanted));
    ec2::TagSpecification::builder().resource_type(resource).set_tags(Some(tags)).build()
}

fn ec2_tags(tags: BTreeMap<String, String>) -> Vec<ec2::Tag> {
    tags.into_iter().map(|(key, value)| ec2::Tag::builder().key(key).value(value).build()).collect()
}

/// Everything that carries this stack's mark.
#[must_use]
pub fn of_this_stack(cx: &Cx) -> ec2::Filter {
    filter(&format!("tag:{STACK}"), &cx.owner.stack)
}

/// One filter with one value.
#[must_use]
pub fn filter(name: &str, value: &str) -> ec2::Filter {
    ec2::Filter::builder().name(name).values(value).build()
}

/// The address and the tags of an EC2 resource of that kind which is this stack's in the scope that is looked at.
///
/// Nothing for anything else: a mark that does not read, or that names another kind or region, was copied by someone.
#[must_use]
pub fn ours(cx: &Cx, kind: &str, tags: &[ec2::Tag]) -> Option<(Addr, Tags)> {
    let marks = owner::read(tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))));
    Some((addr_of(cx, kind, &marks)?, marks.tags))
}

/// The address in marks, when they are this stack's and of that kind, in the scope that is looked at.
#[must_use]
pub fn addr_of(cx: &Cx, kind: &str, marks: &Marks) -> Option<Addr> {
    marks.addr_in(&cx.owner.stack).filter(|addr| &*addr.kind == kind && addr.scope == cx.scope).cloned()
}

/// Refuses to remove by its name what does not carry this stack's mark for that address any more: others may have taken the name
/// since the plan was read.
///
/// # Errors
/// It is not ours now.
pub fn still_ours(op: &'static str, cx: &Cx, addr: &Addr, id: &str, marks: &Marks) -> Result<(), Fault> {
    if marks.addr_in(&cx.owner.stack) == Some(addr) {
        return Ok(());
    }
    Err(Fault::new(
        op,
        Class::Invalid,
        format!("`{id}` does not carry this stack's mark of {addr} any more; it is left alone, and a new plan shows what is there"),
    ))
}

/// Whether an EC2 resource of that kind is this stack's in the scope that is looked at.
#[must_use]
pub fn is_ours(cx: &Cx, kind: &str, tags: &[ec2::Tag]) -> bool {
    ours(cx, kind, tags).is_some()
}

/// Sets and removes tags of an EC2 resource until it carries the wanted ones.
///
/// Keys that go are removed before the remembered keys are rewritten: killed in between, the next run still knows that they
/// came from the file.
///
/// # Errors
/// What AWS refused.
pub async fn change_ec2(cx: &Cx, id: &str, addr: &Addr, found: &Tags, wanted: &Tags) -> Result<(), Fault> {
    let client = cx.fleet.region(cx.region()?).ec2;
    let (set, remove) = cx.owner.to_change(addr, found, wanted);
    if !remove.is_empty() {
        let keys = remove.into_iter().map(|key| ec2::Tag::builder().key(key).build()).collect();
        client.delete_tags().resources(id).set_tags(Some(keys)).send().await.map_err(fault("ec2:DeleteTags"))?;
    }
    if !set.is_empty() {
        client.create_tags().resources(id).set_tags(Some(ec2_tags(set))).send().await.map_err(fault("ec2:CreateTags"))?;
    }
    Ok(())
}

/// Tags as DynamoDB takes them.
///
/// # Errors
/// A bug: the SDK refuses a tag without key or value.
pub fn dynamodb_tags(tags: BTreeMap<String, String>) -> Result<Vec<dynamodb::Tag>, Fault> {
    let build = |(key, value)| dynamodb::Tag::builder().key(key).value(value).build().map_err(|error| Fault::bug(error.to_string()));
    tags.into_iter().map(build).collect()
}

/// The marks among DynamoDB tags.
#[must_use]
pub fn dynamodb_marks(tags: &[dynamodb::Tag]) -> Marks {
    owner::read(tags.iter().map(|tag| (tag.key(), tag.value())))
}
