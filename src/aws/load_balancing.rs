//! What the kinds of Elastic Load Balancing share: names, tags, and the list of what a stack has in a region.
//!
//! Neither load balancers nor target groups can be filtered by tag: their names begin with the stack's, and the tags of what
//! begins so are read twenty at a time (field guide 8.1 item 1).
use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_elasticloadbalancingv2::types::{Listener, LoadBalancer, Tag, TargetGroup};
use futures::stream::{StreamExt, TryStreamExt, iter};

use super::{
    errors::{fault, maybe},
    tags::addr_of,
};
use crate::resource::{
    Addr, Cx, Fault, Tags, names,
    owner::{self, Marks},
};

/// Characters in the name of a load balancer or a target group (field guide 8.1 item 2).
const LONGEST_NAME: usize = 32;
/// Ends of a name that was cut: a dash and eight hex digits.
const TAIL: usize = 9;
/// Resources in one DescribeTags.
const TAGS_AT_ONCE: usize = 20;
/// Reads of single resources in flight.
pub const SIDE_BY_SIDE: usize = 8;

/// What begins so is refused for a load balancer (field guide 8.1 item 2).
const RESERVED: &str = "internal-";

/// The name of a service's load balancer and of its target group: `<stack>-<service>`, with a hash at its end when that is too
/// long or has what is not allowed.
#[must_use]
pub fn name(stack: &str, service: &str) -> String {
    let whole = format!("{stack}-{service}");
    let shown: String = prefix(stack).chars().chain(service.chars()).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let is_allowed = shown == whole && shown.len() <= LONGEST_NAME && !shown.ends_with('-');
    if is_allowed { whole } else { names::with_tail(&shown, &whole, LONGEST_NAME) }
}

/// What the names of all of a stack's begin with.
fn prefix(stack: &str) -> String {
    let plain = format!("{stack}-");
    if plain.starts_with(RESERVED) { format!("mrctl-{plain}") } else { plain }
}

/// As much of it as is left in a name that was cut.
fn begins(stack: &str) -> String {
    prefix(stack).chars().take(LONGEST_NAME - TAIL).collect::<String>().trim_end_matches('-').to_owned()
}

/// Something with its marks.
#[derive(Clone, Debug)]
pub struct Marked<T> {
    pub arn: String,
    pub name: String,
    pub is: T,
    pub marks: Marks,
}

impl<T> Marked<T> {
    /// Its address and tags, and whether it is this stack's: by its mark, or not, where it stands under a name that the topology
    /// wants. Nothing when it is neither.
    #[must_use]
    pub fn stands_at(&self, cx: &Cx, kind: &str) -> Option<(Addr, Tags, bool)> {
        if let Some(addr) = addr_of(cx, kind, &self.marks) {
            return Some((addr, self.marks.tags.clone(), true));
        }
        let (stack, region) = (&cx.owner.stack, cx.scope.region()?);
        let mut balanced = cx.model.balanced().filter(|(.., at, _, _)| *at == region);
        let (service, ..) = balanced.find(|(service, ..)| name(stack, service) == self.name)?;
        let tags = Tags { marked: false, ..self.marks.tags.clone() };
        Some((Addr::regional(region, kind, service), tags, false))
    }
}

/// The application load balancers whose names begin with the stack's, one answer for all kinds.
///
/// # Errors
/// What AWS refused.
pub async fn load_balancers(cx: &Cx) -> Result<Arc<Vec<Marked<LoadBalancer>>>, Fault> {
    let region = cx.region()?;
    let ask = || async {
        let pages = cx.fleet.region(region).load_balancing.describe_load_balancers().into_paginator().items().send();
        let all: Vec<LoadBalancer> = pages.collect::<Result<_, _>>().await.map_err(fault("elasticloadbalancing:DescribeLoadBalancers"))?;
        let named = all.into_iter().filter_map(|one| Some((one.load_balancer_arn.clone()?, one.load_balancer_name.clone()?, one)));
        marked(cx, named.collect()).await
    };
    cx.memo.once(format!("elasticloadbalancing:DescribeLoadBalancers/{region}"), ask).await
}

/// The target groups whose names begin with the stack's.
///
/// # Errors
/// What AWS refused.
pub async fn target_groups(cx: &Cx) -> Result<Arc<Vec<Marked<TargetGroup>>>, Fault> {
    let region = cx.region()?;
    let ask = || async {
        let pages = cx.fleet.region(region).load_balancing.describe_target_groups().into_paginator().items().send();
        let all: Vec<TargetGroup> = pages.collect::<Result<_, _>>().await.map_err(fault("elasticloadbalancing:DescribeTargetGroups"))?;
        let named = all.into_iter().filter_map(|one| Some((one.target_group_arn.clone()?, one.target_group_name.clone()?, one)));
        marked(cx, named.collect()).await
    };
    cx.memo.once(format!("elasticloadbalancing:DescribeTargetGroups/{region}"), ask).await
}

/// The listeners of one load balancer; none when it is gone.
///
/// # Errors
/// What AWS refused.
pub async fn listeners(cx: &Cx, load_balancer: &str) -> Result<Vec<Listener>, Fault> {
    let ask = cx.fleet.region(cx.region()?).load_balancing.describe_listeners().load_balancer_arn(load_balancer);
    let pages = ask.into_paginator().items().send();
    let all = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("elasticloadbalancing:DescribeListeners"));
    Ok(maybe(all)?.unwrap_or_default())
}

async fn marked<T>(cx: &Cx, all: Vec<(String, String, T)>) -> Result<Vec<Marked<T>>, Fault> {
    let begins = begins(&cx.owner.stack);
    let named: Vec<_> = all.into_iter().filter(|(_, name, _)| name.starts_with(&begins)).collect();
    let mut marks = marks_of(cx, named.iter().map(|(arn, ..)| arn.clone()).collect()).await?;
    let with = named.into_iter().filter_map(|(arn, name, is)| Some(Marked { marks: marks.remove(&arn)?, arn, name, is }));
    Ok(with.collect())
}

/// The marks of resources by ARN; without those that went in the meantime.
///
/// # Errors
/// What AWS refused.
pub async fn marks_of(cx: &Cx, arns: Vec<String>) -> Result<BTreeMap<String, Marks>, Fault> {
    let chunks: Vec<Vec<String>> = arns.chunks(TAGS_AT_ONCE).map(<[String]>::to_vec).collect();
    let read = iter(chunks.into_iter().map(|chunk| async move {
        // One that is gone fails the whole call.
        match maybe(tags_of(cx, chunk.clone()).await)? {
            Some(marks) => Ok(marks),
            None => {
                let alone = iter(chunk.into_iter().map(|arn| async move { maybe(tags_of(cx, vec![arn]).await) }));
                let all: Vec<Option<BTreeMap<String, Marks>>> = alone.buffered(SIDE_BY_SIDE).try_collect().await?;
                Ok(all.into_iter().flatten().flatten().collect())
            }
        }
    }));
    let all: Vec<BTreeMap<String, Marks>> = read.buffered(SIDE_BY_SIDE).try_collect().await?;
    Ok(all.into_iter().flatten().collect())
}

async fn tags_of(cx: &Cx, arns: Vec<String>) -> Result<BTreeMap<String, Marks>, Fault> {
    let ask = cx.fleet.region(cx.region()?).load_balancing.describe_tags().set_resource_arns(Some(arns));
    let answer = ask.send().await.map_err(fault("elasticloadbalancing:DescribeTags"))?;
    let read = answer.tag_descriptions().iter().filter_map(|one| {
        let tags = one.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())));
        Some((one.resource_arn()?.to_owned(), owner::read(tags)))
    });
    Ok(read.collect())
}

/// Who has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Ours,
    Foreign,
    /// It is not there any more.
    Gone,
}

/// Whose a resource is that AWS names as using another; what is not of Elastic Load Balancing is foreign.
///
/// # Errors
/// What AWS refused.
pub async fn whose(cx: &Cx, arn: &str) -> Result<Whose, Fault> {
    if !arn.contains(":elasticloadbalancing:") {
        return Ok(Whose::Foreign);
    }
    let marks = marks_of(cx, vec![arn.to_owned()]).await?;
    Ok(match marks.get(arn) {
        None => Whose::Gone,
        Some(marks) if marks.stack.as_deref() == Some(&*cx.owner.stack) => Whose::Ours,
        Some(_) => Whose::Foreign,
    })
}

/// The tags of a create call.
#[must_use]
pub fn tags_to_send(cx: &Cx, addr: &Addr, wanted: &Tags) -> Vec<Tag> {
    tags(cx.owner.to_send(addr, wanted))
}

fn tags(all: BTreeMap<String, String>) -> Vec<Tag> {
    all.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Sets and removes tags until a resource carries the wanted ones; keys that go first, as in EC2.
///
/// # Errors
/// What AWS refused.
pub async fn change_tags(cx: &Cx, arn: &str, addr: &Addr, found: &Tags, wanted: &Tags) -> Result<(), Fault> {
    let client = cx.fleet.region(cx.region()?).load_balancing;
    let (set, remove) = cx.owner.to_change(addr, found, wanted);
    if !remove.is_empty() {
        let ask = client.remove_tags().resource_arns(arn).set_tag_keys(Some(remove));
        ask.send().await.map_err(fault("elasticloadbalancing:RemoveTags"))?;
    }
    if !set.is_empty() {
        let ask = client.add_tags().resource_arns(arn).set_tags(Some(tags(set)));
        ask.send().await.map_err(fault("elasticloadbalancing:AddTags"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_allowed_and_begin_with_the_stacks() {
        assert_eq!(name("shop", "api"), "shop-api");
        for (stack, service) in [
            ("shop", "a_b"),
            ("shop", "api-"),
            ("shop", "a-service-with-a-rather-long-name"),
            ("internal", "api"),
            ("internal-of-twenty-ch", "api"),
        ] {
            let name = name(stack, service);
            assert!(name.len() <= LONGEST_NAME && name.starts_with(&begins(stack)), "{name}");
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{name}");
            assert!(!name.starts_with(RESERVED) && !name.starts_with('-') && !name.ends_with('-'), "{name}");
        }
        assert_ne!(name("shop", "a_b"), name("shop", "a-b"));
    }
}
