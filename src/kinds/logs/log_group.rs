//! Log groups: one for each service and region.
use std::collections::{BTreeMap, HashMap};

use aws_sdk_cloudwatchlogs::types;
use futures::stream::{StreamExt, TryStreamExt, iter};
use serde::{Deserialize, Serialize};

use crate::{
    aws::{
        errors::{fault, maybe},
        tags::{addr_of, still_ours},
    },
    outputs,
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Outputs, Owner, Patience, Status, Tags, Verb, Want,
        owner::{self, Marks},
    },
    topology::Model,
};

outputs! { "logs.log_group":
    /// The name of a log group.
    LogGroupName = "name",
    /// Its ARN, without `:*`.
    LogGroupArn = "arn",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    /// Nothing: for ever.
    pub retention_days: Option<i32>,
    pub tags: Tags,
}

/// `logs.log_group`.
pub struct LogGroup;

/// Reads of tags side by side: ListTagsForResource takes one group and allows ten a second (CloudWatch Logs user guide, "Quotas").
const SIDE_BY_SIDE: usize = 8;

/// What the names of all our log groups begin with.
fn prefix(stack: &str) -> String {
    format!("/mrctl/{stack}/")
}

/// The log group of a service.
#[must_use]
pub fn name_of(model: &Model, service: &str) -> String {
    format!("{}{service}", prefix(&model.stack))
}

/// ARNs come with or without `:*` at the end (field guide 6 item 9).
fn arn_of(group: &types::LogGroup) -> Option<&str> {
    let arn = group.log_group_arn().or(group.arn())?;
    Some(arn.strip_suffix(":*").unwrap_or(arn))
}

impl LogGroup {
    async fn marks(cx: &Cx, arn: &str) -> Result<Option<Marks>, Fault> {
        let ask = cx.fleet.region(cx.region()?).logs.list_tags_for_resource().resource_arn(arn);
        let seen = maybe(ask.send().await.map_err(fault("logs:ListTagsForResource")))?;
        let empty = HashMap::new();
        let read = |tags: Option<&HashMap<String, String>>| {
            owner::read(tags.unwrap_or(&empty).iter().map(|(key, value)| (key.as_str(), value.as_str())))
        };
        Ok(seen.map(|seen| read(seen.tags())))
    }

    /// One group as it is now; nothing when it is not there.
    async fn get(cx: &Cx, name: &str) -> Result<Option<types::LogGroup>, Fault> {
        let ask = cx.fleet.region(cx.region()?).logs.describe_log_groups().log_group_name_prefix(name);
        let seen = ask.send().await.map_err(fault("logs:DescribeLogGroups"))?;
        // By prefix the exact name comes first.
        Ok(seen.log_groups().iter().find(|group| group.log_group_name() == Some(name)).cloned())
    }

    async fn look(cx: &Cx, group: &types::LogGroup) -> Result<Option<Found<Spec>>, Fault> {
        let (Some(name), Some(arn)) = (group.log_group_name(), arn_of(group)) else { return Ok(None) };
        let Some(marks) = Self::marks(cx, arn).await? else { return Ok(None) };
        let marked = addr_of(cx, Self::NAME, &marks);
        let region = cx.region()?;
        let service = name.strip_prefix(&prefix(&cx.owner.stack)).filter(|key| cx.model.service(key, region).is_some());
        let wanted_at = service.map(|key| Addr::regional(region, Self::NAME, key));
        let (Some(addr), ours) = (marked.clone().or(wanted_at), marked.is_some()) else { return Ok(None) };
        let spec = Spec { name: name.to_owned(), retention_days: group.retention_in_days(), tags: marks.tags };
        let outputs = Outputs::of::<LogGroupName>(name).with::<LogGroupArn>(arn);
        Ok(Some(Found { addr, id: name.to_owned(), spec, outputs, life: Life::Ready, ours, born: None }))
    }
}

impl Kind for LogGroup {
    type Spec = Spec;
    const NAME: &'static str = "logs.log_group";
    const FIXED: &'static [&'static str] = &["name"];
    /// Made and removed at once (field guide 6 item 6); a conflicting operation is over within a minute (item 5).
    const PATIENCE: Patience = Patience::of(2, 5, 5);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["logs:DescribeLogGroups", "logs:ListTagsForResource"]),
        (Verb::Create, &["logs:CreateLogGroup", "logs:TagResource"]),
        (Verb::Update, &["logs:PutRetentionPolicy", "logs:DeleteRetentionPolicy", "logs:TagResource", "logs:UntagResource"]),
        (Verb::Delete, &["logs:DeleteLogGroup", "logs:ListTagsForResource"]),
    ];
    /// The retention is a call of its own.
    const UNFINISHED: bool = true;

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let owner = Owner { stack: model.stack.clone(), tags: model.tags.clone() };
        let mut wants = Vec::new();
        for (key, service) in &model.services {
            for (region, member) in &service.members {
                let name = name_of(model, key);
                let retention_days = member.log_retention.and_then(|days| i32::try_from(days).ok());
                let spec = Spec { tags: owner.wanted(&name), name, retention_days };
                wants.push(Want::new(Addr::regional(region, Self::NAME, key), spec));
            }
        }
        wants
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let ask = cx.fleet.region(cx.region()?).logs.describe_log_groups().log_group_name_prefix(prefix(&cx.owner.stack));
        let pages = ask.into_paginator().items().send();
        let groups = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("logs:DescribeLogGroups"))?;
        let looks = iter(groups.into_iter().map(|group| async move { Self::look(cx, &group).await }));
        let found: Vec<_> = looks.buffered(SIDE_BY_SIDE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn look_at(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Vec<Found<Spec>>, Fault> {
        let there = match Self::get(cx, id).await? {
            Some(group) => Self::look(cx, &group).await?,
            None => None,
        };
        Ok(there.into_iter().collect())
    }

    /// The name is unique, so a repeated create is refused: with our mark on what is there, that is success.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let name = &want.spec.name;
        let tags: BTreeMap<String, String> = cx.owner.to_send(&want.addr, &want.spec.tags);
        let ask = cx.fleet.region(cx.region()?).logs.create_log_group().log_group_name(name).set_tags(Some(tags.into_iter().collect()));
        let refused = match ask.send().await.map_err(fault("logs:CreateLogGroup")) {
            Ok(_) => return Ok(name.clone()),
            Err(refused) if refused.class == Class::Exists => refused,
            Err(refused) => return Err(refused),
        };
        let there = match Self::get(cx, name).await? {
            Some(group) => Self::look(cx, &group).await?,
            None => None,
        };
        there.filter(|there| there.ours && there.addr == want.addr).map(|there| there.id).ok_or(refused)
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        let client = cx.fleet.region(cx.region()?).logs;
        let Some(arn) = found.outputs.get("arn") else { return Err(Fault::bug(format!("{} has no ARN", found.addr))) };
        let (set, remove) = cx.owner.to_change(&found.addr, &found.spec.tags, &want.spec.tags);
        if !remove.is_empty() {
            let ask = client.untag_resource().resource_arn(arn).set_tag_keys(Some(remove));
            ask.send().await.map_err(fault("logs:UntagResource"))?;
        }
        if !set.is_empty() {
            let ask = client.tag_resource().resource_arn(arn).set_tags(Some(set.into_iter().collect()));
            ask.send().await.map_err(fault("logs:TagResource"))?;
        }
        match want.spec.retention_days {
            now if now == found.spec.retention_days => Ok(()),
            Some(days) => {
                let ask = client.put_retention_policy().log_group_name(&found.id).retention_in_days(days);
                ask.send().await.map(drop).map_err(fault("logs:PutRetentionPolicy"))
            }
            None => {
                let ask = client.delete_retention_policy().log_group_name(&found.id);
                ask.send().await.map(drop).map_err(fault("logs:DeleteRetentionPolicy"))
            }
        }
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let now = match found.outputs.get("arn") {
            Some(arn) => Self::marks(cx, arn).await?,
            None => return Err(Fault::bug(format!("{} has no ARN", found.addr))),
        };
        let Some(now) = now else { return Ok(()) };
        still_ours("logs:DeleteLogGroup", cx, &found.addr, &found.id, &now)?;
        let ask = cx.fleet.region(cx.region()?).logs.delete_log_group().log_group_name(&found.id);
        maybe(ask.send().await.map_err(fault("logs:DeleteLogGroup"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let group = Self::get(cx, id).await?;
        let arn = group.as_ref().and_then(arn_of);
        Ok(arn.map_or(Status::Gone, |arn| Status::Ready(Outputs::of::<LogGroupName>(id).with::<LogGroupArn>(arn))))
    }
}
