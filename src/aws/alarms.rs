//! What the kinds of CloudWatch share: the list of a stack's alarms in a region, whose they are, and their tags.
//!
//! Alarms cannot be filtered by tag: their names begin with the stack's (field guide 10.1 item 1), and a list of them has no tags.
//! The tagging index has those of all alarms of a region in one answer, but lags (field guide 1.3): it is believed where it says
//! what is wanted, and every other alarm is asked itself. So a plan without changes takes two answers a region, however many
//! alarms there are, and what the index does not know yet or any more makes no difference. Before a write the alarm is asked.
use std::sync::Arc;

use aws_sdk_cloudwatch::types::{AlarmType, CompositeAlarm, MetricAlarm, Tag};
use futures::stream::{StreamExt, TryStreamExt, iter};

use super::{
    errors::{fault, maybe},
    sweep::tagged,
    tags::{addr_of, still_ours},
};
use crate::resource::{
    Addr, Class, Cx, Fault, Tags,
    owner::{self, Marks},
};

/// Reads of the tags of single alarms in flight.
const SIDE_BY_SIDE: usize = 8;
/// Alarms in one answer (CloudWatch API reference, "DescribeAlarms").
const AT_ONCE: i32 = 100;

/// What the names of all of a stack's alarms begin with.
fn prefix(stack: &str) -> String {
    format!("{stack}-")
}

/// The name of an alarm, by its name in its address.
#[must_use]
pub fn name(stack: &str, addressed: &str) -> String {
    format!("{}{addressed}", prefix(stack))
}

/// Its name in its address, when it may be that stack's.
#[must_use]
pub fn addressed<'a>(stack: &str, name: &'a str) -> Option<&'a str> {
    name.strip_prefix(&prefix(stack))
}

/// Alarms as AWS shows them.
#[derive(Clone, Debug, Default)]
pub struct Alarms {
    pub metric: Vec<MetricAlarm>,
    pub composite: Vec<CompositeAlarm>,
}

/// Every alarm in this region whose name begins like this stack's, asked once an observation.
///
/// # Errors
/// What AWS refused.
pub async fn alarms(cx: &Cx) -> Result<Arc<Alarms>, Fault> {
    let region = cx.region()?;
    cx.memo
        .once(format!("cloudwatch:DescribeAlarms/{region}"), || async {
            let ask = cx.fleet.region(region).cloudwatch.describe_alarms().alarm_name_prefix(prefix(&cx.owner.stack));
            // Unless told otherwise it leaves the composite ones out (field guide 10.1 item 1).
            let ask = ask.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
            let mut pages = ask.into_paginator().page_size(AT_ONCE).send();
            let mut all = Alarms::default();
            while let Some(page) = pages.next().await {
                let page = page.map_err(fault("cloudwatch:DescribeAlarms"))?;
                all.metric.extend(page.metric_alarms.unwrap_or_default());
                all.composite.extend(page.composite_alarms.unwrap_or_default());
            }
            Ok(all)
        })
        .await
}

/// The alarm of that name as it is now, of either type; nothing when it is not there.
///
/// # Errors
/// What AWS refused.
pub async fn alarm(cx: &Cx, name: &str) -> Result<Alarms, Fault> {
    let ask = cx.fleet.region(cx.region()?).cloudwatch.describe_alarms().alarm_names(name);
    let ask = ask.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
    let seen = ask.send().await.map_err(fault("cloudwatch:DescribeAlarms"))?;
    Ok(Alarms { metric: seen.metric_alarms.unwrap_or_default(), composite: seen.composite_alarms.unwrap_or_default() })
}

/// What an alarm carries now; nothing when it is not there.
///
/// # Errors
/// What AWS refused.
pub async fn marks(cx: &Cx, arn: &str) -> Result<Option<Marks>, Fault> {
    let ask = cx.fleet.region(cx.region()?).cloudwatch.list_tags_for_resource().resource_arn(arn);
    let seen = maybe(ask.send().await.map_err(fault("cloudwatch:ListTagsForResource")))?;
    let read = |tags: &[Tag]| owner::read(tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))));
    Ok(seen.map(|seen| read(seen.tags())))
}

/// Whether tags are what the topology wants of an alarm of that name: then it does not matter how old the answer is.
fn are_as_wanted(cx: &Cx, name: &str, tags: &Tags) -> bool {
    let wanted = cx.owner.wanted(name);
    wanted.keys == tags.keys && wanted.all.iter().all(|(key, value)| tags.all.get(key) == Some(value))
}

/// What alarms carry, by name and ARN, in their order; nothing of one that is gone.
///
/// # Errors
/// What AWS refused.
pub async fn marks_of(cx: &Cx, kind: &str, alarms: Vec<(String, String)>) -> Result<Vec<Option<Marks>>, Fault> {
    if alarms.is_empty() {
        return Ok(Vec::new());
    }
    // Without the index every alarm is asked: it is only quicker.
    let index = tagged(cx, cx.region()?).await.ok();
    let mut asked = Vec::new();
    for (name, arn) in alarms {
        let line = index.iter().flat_map(|index| index.iter()).find(|line| line.arn == arn);
        let believed = line.filter(|line| addr_of(cx, kind, &line.marks).is_some() && are_as_wanted(cx, &name, &line.marks.tags));
        asked.push((arn, believed.map(|line| line.marks.clone())));
    }
    let asked = asked.into_iter().map(|(arn, believed)| async move {
        match believed {
            Some(believed) => Ok(Some(believed)),
            None => marks(cx, &arn).await,
        }
    });
    iter(asked).buffered(SIDE_BY_SIDE).try_collect().await
}

/// Refuses to write over an alarm, or to remove one, that does not carry this stack's mark for that address any more: others may
/// have taken the name since the plan was read. Gives whether it is there.
///
/// # Errors
/// It is not ours now, or what AWS refused.
pub async fn check_ours(op: &'static str, cx: &Cx, addr: &Addr, name: &str, arn: &str) -> Result<bool, Fault> {
    let Some(now) = marks(cx, arn).await? else { return Ok(false) };
    still_ours(op, cx, addr, name, &now).map(|()| true)
}

/// What is said where the name is taken by something that is not ours.
#[must_use]
pub fn taken(op: &'static str, name: &str) -> Fault {
    Fault::new(op, Class::Exists, format!("an alarm `{name}` is there and does not carry this stack's mark"))
}

/// Tags as CloudWatch takes them.
#[must_use]
pub fn to_send(cx: &Cx, addr: &Addr, wanted: &Tags) -> Vec<Tag> {
    let all = cx.owner.to_send(addr, wanted).into_iter();
    all.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Sets and removes tags of an alarm until it carries the wanted ones: PutMetricAlarm and PutCompositeAlarm ignore them on an alarm
/// that is there (field guide 16, rule 47).
///
/// # Errors
/// What AWS refused.
pub async fn change_tags(cx: &Cx, arn: &str, addr: &Addr, found: &Tags, wanted: &Tags) -> Result<(), Fault> {
    let client = cx.fleet.region(cx.region()?).cloudwatch;
    let (set, remove) = cx.owner.to_change(addr, found, wanted);
    if !remove.is_empty() {
        let ask = client.untag_resource().resource_arn(arn).set_tag_keys(Some(remove));
        ask.send().await.map_err(fault("cloudwatch:UntagResource"))?;
    }
    if !set.is_empty() {
        let tags = set.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        client.tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await.map_err(fault("cloudwatch:TagResource"))?;
    }
    Ok(())
}

/// Removes one alarm; AWS takes at most one composite in a call (field guide 10.1 item 1). A name that is not there is no error.
///
/// # Errors
/// It is not ours any more, or what AWS refused.
pub async fn remove(cx: &Cx, addr: &Addr, name: &str, arn: &str) -> Result<(), Fault> {
    if !check_ours("cloudwatch:DeleteAlarms", cx, addr, name, arn).await? {
        return Ok(());
    }
    let ask = cx.fleet.region(cx.region()?).cloudwatch.delete_alarms().alarm_names(name);
    maybe(ask.send().await.map_err(fault("cloudwatch:DeleteAlarms"))).map(drop)
}
