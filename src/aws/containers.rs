//! What the kinds of ECS share: tags, names, and one read of the services of a region.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_ecs::types::{self, ServiceField};
use aws_smithy_types::retry::RetryConfig;

use super::errors::{fault, maybe};
use crate::resource::{
    Addr, Cx, Fault, Tags,
    owner::{self, Marks},
};

/// DescribeServices takes so many names (field guide 7.3 item 1).
const AT_ONCE: usize = 10;

/// For `config_override` on RegisterTaskDefinition, which has no token: sent twice it makes two revisions.
#[must_use]
pub fn sent_once() -> aws_sdk_ecs::config::Builder {
    aws_sdk_ecs::config::Builder::new().retry_config(RetryConfig::disabled())
}

/// Tags as ECS takes them.
#[must_use]
pub fn shaped(tags: BTreeMap<String, String>) -> Vec<types::Tag> {
    tags.into_iter().map(|(key, value)| types::Tag::builder().key(key).value(value).build()).collect()
}

/// The marks among ECS tags.
#[must_use]
pub fn marks(tags: &[types::Tag]) -> Marks {
    owner::read(tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))))
}

/// Sets and removes tags of an ECS resource until it carries the wanted ones.
///
/// # Errors
/// What AWS refused.
pub async fn change_tags(cx: &Cx, arn: &str, addr: &Addr, found: &Tags, wanted: &Tags) -> Result<(), Fault> {
    let client = cx.fleet.region(cx.region()?).ecs;
    let (set, remove) = cx.owner.to_change(addr, found, wanted);
    if !remove.is_empty() {
        let ask = client.untag_resource().resource_arn(arn).set_tag_keys(Some(remove));
        ask.send().await.map_err(fault("ecs:UntagResource"))?;
    }
    if !set.is_empty() {
        let ask = client.tag_resource().resource_arn(arn).set_tags(Some(shaped(set)));
        ask.send().await.map_err(fault("ecs:TagResource"))?;
    }
    Ok(())
}

/// The name of a stack's cluster, one in each region with services.
#[must_use]
pub fn cluster_of(stack: &str) -> String {
    stack.to_owned()
}

/// The name of a service of the file, which is also the family of its task definitions.
#[must_use]
pub fn name_of(stack: &str, service: &str) -> String {
    format!("{stack}-{service}")
}

/// Every service in our cluster of this region that is not gone, asked once an observation. A list of ECS lags, and leaves out what
/// is draining: the names of the file are among those asked for, and those of the stack's families, which stay longer than a service.
///
/// # Errors
/// What AWS refused.
pub async fn services(cx: &Cx) -> Result<Arc<Vec<types::Service>>, Fault> {
    let region = cx.region()?;
    cx.memo.once(format!("ecs:DescribeServices/{region}"), || read_services(cx)).await
}

async fn read_services(cx: &Cx) -> Result<Vec<types::Service>, Fault> {
    let (region, cluster) = (cx.region()?, cluster_of(&cx.owner.stack));
    let pages = cx.fleet.region(region).ecs.list_services().cluster(&cluster).into_paginator().page_size(100).items().send();
    let Some(listed) = maybe(pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ecs:ListServices")))? else {
        return Ok(Vec::new());
    };
    let listed = listed.iter().filter_map(|arn| arn.rsplit('/').next()).map(str::to_owned);
    let ours = cx.model.services.iter().filter(|(_, service)| service.members.contains_key(region));
    let mut names: BTreeSet<String> = ours.map(|(key, _)| name_of(&cx.owner.stack, key)).chain(listed).collect();
    names.extend(families(cx).await?.iter().cloned());
    let names: Vec<String> = names.into_iter().collect();
    let mut services = Vec::new();
    for some in names.chunks(AT_ONCE) {
        let ask = cx.fleet.region(region).ecs.describe_services().cluster(&cluster).include(ServiceField::Tags);
        // What is missing is listed in `failures`, in an answer that succeeded (field guide 16, rule 36).
        let seen = maybe(ask.set_services(Some(some.to_vec())).send().await.map_err(fault("ecs:DescribeServices")))?;
        services.extend(seen.and_then(|seen| seen.services).unwrap_or_default());
    }
    // ECS shows services for a while after they are gone (field guide, runner-up traps).
    services.retain(|service| service.status() != Some("INACTIVE"));
    Ok(services)
}

/// The families of this stack's task definitions, by the beginning of their names: those of services that have gone from the file
/// are among them. Asked once an observation.
///
/// # Errors
/// What AWS refused.
pub async fn families(cx: &Cx) -> Result<Arc<Vec<String>>, Fault> {
    let region = cx.region()?;
    let ask = || async {
        let ask = cx.fleet.region(region).ecs.list_task_definition_families().family_prefix(name_of(&cx.owner.stack, ""));
        let pages = ask.into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ecs:ListTaskDefinitionFamilies"))
    };
    cx.memo.once(format!("ecs:ListTaskDefinitionFamilies/{region}"), ask).await
}

/// One service as it is now; nothing when it is not there.
///
/// # Errors
/// What AWS refused.
pub async fn service(cx: &Cx, name: &str) -> Result<Option<types::Service>, Fault> {
    let ask = cx.fleet.region(cx.region()?).ecs.describe_services().cluster(cluster_of(&cx.owner.stack)).services(name);
    let seen = maybe(ask.include(ServiceField::Tags).send().await.map_err(fault("ecs:DescribeServices")))?;
    Ok(seen.and_then(|seen| seen.services?.pop()).filter(|service| service.status() != Some("INACTIVE")))
}
