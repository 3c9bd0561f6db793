//! Composite alarms: one light for each region, on when any alarm of that region is.
//!
//! It tells nobody (each alarm does that itself); gates and the dashboard look at it. AWS makes it only when its alarms are there,
//! and refuses to remove one of these while it names it, so it names them by reference: made after them, changed before one of
//! them goes, and gone before the last.
use aws_sdk_cloudwatch::types;
use serde::{Deserialize, Serialize};

use super::metric_alarm::AlarmName;
use crate::{
    aws::{
        alarms::{alarm, alarms, change_tags, check_ours, marks_of, name, remove, taken, to_send},
        errors::fault,
        tags::addr_of,
    },
    kinds::{ec2::vpc::named, watching::placed},
    outputs,
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Ref, Region, Scope, Status, Tags, Unordered, Verb,
        Want,
    },
    topology::{Model, composite_rule},
};

outputs! { "cloudwatch.composite_alarm":
    /// The ARN of a composite alarm.
    CompositeAlarmArn = "arn",
    /// Its name.
    CompositeAlarmName = "name",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    pub description: String,
    /// It is on when any of these is.
    pub any_of: Unordered<Ref<AlarmName>>,
    /// A rule of another form, made by hand.
    pub other_rule: Option<String>,
    /// Whom it tells and what holds it back, set by hand: nobody and nothing.
    pub actions: Unordered<String>,
    pub suppressor: Option<String>,
    pub tags: Tags,
}

/// `cloudwatch.composite_alarm`.
pub struct CompositeAlarm;

/// The one of a region, in its address; an alarm of the file cannot be called so.
pub const REGION: &str = "region";

const PUT: &str = "cloudwatch:PutCompositeAlarm";
/// Between two alarms of a rule.
const OR: &str = " OR ";

/// The names in a rule of that form; nothing of any other.
fn names_in(rule: &str) -> Option<Vec<String>> {
    let name = |part: &str| {
        let inner = part.trim().strip_prefix("ALARM(")?.strip_suffix(')')?.trim();
        let bare = inner.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(inner);
        // The console writes ARNs.
        let bare = bare.split_once(":alarm:").map_or(bare, |(_, name)| name);
        (!bare.is_empty() && !bare.contains(['"', '(', ')'])).then(|| bare.to_owned())
    };
    rule.split(OR).map(name).collect()
}

/// The regions that have one, each with the names in their addresses of the alarms that it is of: those that watch something of the
/// region and stand there. What is watched from us-east-1 for another region is in none.
fn wanted(model: &Model, facts: &Facts) -> Vec<(Region, Vec<String>)> {
    let placed = placed(model, facts);
    let here = |region: &Region| {
        placed.iter().filter(|alarm| alarm.region == *region && alarm.of == *region).map(|alarm| alarm.name.clone()).collect::<Vec<_>>()
    };
    model.regions.keys().map(|region| (region.clone(), here(region))).filter(|(_, names)| !names.is_empty()).collect()
}

/// The regions that have one.
pub(in crate::kinds) fn regions(model: &Model, facts: &Facts) -> Vec<Region> {
    wanted(model, facts).into_iter().map(|(region, _)| region).collect()
}

fn outputs_of(alarm: &types::CompositeAlarm) -> Outputs {
    Outputs::of::<CompositeAlarmArn>(alarm.alarm_arn().unwrap_or_default())
        .with::<CompositeAlarmName>(alarm.alarm_name().unwrap_or_default())
}

fn read(cx: &Cx, alarm: &types::CompositeAlarm, tags: Tags) -> Spec {
    let rule = alarm.alarm_rule().unwrap_or_default();
    let names = names_in(rule);
    let actions = [alarm.alarm_actions(), alarm.ok_actions(), alarm.insufficient_data_actions()].concat();
    Spec {
        name: alarm.alarm_name().unwrap_or_default().to_owned(),
        description: alarm.alarm_description().unwrap_or_default().to_owned(),
        other_rule: names.is_none().then(|| rule.to_owned()),
        any_of: Unordered(names.unwrap_or_default().into_iter().map(|name| Ref::is(&cx.scope, name)).collect()),
        actions: Unordered(actions),
        suppressor: alarm.actions_suppressor().filter(|name| !name.is_empty()).map(str::to_owned),
        tags,
    }
}

async fn put(cx: &Cx, want: &Want<Spec>) -> Result<(), Fault> {
    let spec = &want.spec;
    let mut names: Vec<String> = spec.any_of.0.iter().map(|name| name.get().map(str::to_owned)).collect::<Result<_, _>>()?;
    names.sort_unstable();
    let ask = cx
        .fleet
        .region(cx.region()?)
        .cloudwatch
        .put_composite_alarm()
        .alarm_name(&spec.name)
        .alarm_rule(composite_rule(names.iter().map(String::as_str)));
    let ask = ask.alarm_description(&spec.description).set_tags(Some(to_send(cx, &want.addr, &spec.tags)));
    ask.send().await.map_err(fault(PUT)).map(drop)
}

impl CompositeAlarm {
    async fn get(cx: &Cx, name: &str) -> Result<Option<types::CompositeAlarm>, Fault> {
        Ok(alarm(cx, name).await?.composite.into_iter().next())
    }

    async fn look(cx: &Cx, seen: &[types::CompositeAlarm]) -> Result<Vec<Found<Spec>>, Fault> {
        let ids: Vec<(String, String)> = seen
            .iter()
            .map(|alarm| (alarm.alarm_name().unwrap_or_default().to_owned(), alarm.alarm_arn().unwrap_or_default().to_owned()))
            .collect();
        let region = cx.region()?;
        let is_wanted =
            |id: &str| id == name(&cx.owner.stack, REGION) && cx.model.alarms.values().any(|one| one.members.contains_key(region));
        let mut all = Vec::new();
        for (alarm, marks) in seen.iter().zip(marks_of(cx, Self::NAME, ids).await?) {
            let (Some(marks), Some(id)) = (marks, alarm.alarm_name()) else { continue };
            let marked = addr_of(cx, Self::NAME, &marks);
            let wanted_at = is_wanted(id).then(|| Addr::regional(region, Self::NAME, REGION));
            let (Some(addr), ours) = (marked.clone().or(wanted_at), marked.is_some()) else { continue };
            let spec = read(cx, alarm, marks.tags);
            all.push(Found { addr, id: id.to_owned(), spec, outputs: outputs_of(alarm), life: Life::Ready, ours, born: None });
        }
        Ok(all)
    }
}

impl Kind for CompositeAlarm {
    type Spec = Spec;
    const NAME: &'static str = "cloudwatch.composite_alarm";
    const FIXED: &'static [&'static str] = &["name"];
    const AUXILIARY: bool = true;
    /// It is there when the call returns; its alarms are given a while to be seen (field guide 10.1 item 5).
    const PATIENCE: Patience = Patience::of(2, 5, 5);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource", "tag:GetResources"]),
        (Verb::Create, &["cloudwatch:PutCompositeAlarm", "cloudwatch:TagResource", "cloudwatch:DescribeAlarms"]),
        (
            Verb::Update,
            &["cloudwatch:PutCompositeAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource", "cloudwatch:ListTagsForResource"],
        ),
        (Verb::Delete, &["cloudwatch:DeleteAlarms", "cloudwatch:ListTagsForResource"]),
    ];

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let want = |(region, names): (Region, Vec<String>)| {
            let scope = Scope::from(&region);
            let spec = Spec {
                name: name(&model.stack, REGION),
                description: format!(
                    "Any alarm of the stack {} that watches {region}. It tells nobody itself. Made by mrctl; what is changed here by hand \
                     is changed back.",
                    model.stack
                ),
                any_of: Unordered(names.iter().map(|name| Ref::to(&scope, name)).collect()),
                other_rule: None,
                actions: Unordered::default(),
                suppressor: None,
                tags: named(model, REGION),
            };
            Want::new(Addr::regional(&region, Self::NAME, REGION), spec)
        };
        wanted(model, facts).into_iter().map(want).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        Self::look(cx, &alarms(cx).await?.composite).await
    }

    async fn look_at(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Vec<Found<Spec>>, Fault> {
        Self::look(cx, &alarm(cx, id).await?.composite).await
    }

    /// The same call overwrites what is there, so it is looked at first: what is ours was made by an earlier try.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let name = &want.spec.name;
        let before = alarm(cx, name).await?;
        let ours = match before.composite.first() {
            Some(now) => check_ours(PUT, cx, &want.addr, name, now.alarm_arn().unwrap_or_default()).await.map(|_| ()),
            None if before.metric.is_empty() => Ok(()),
            None => Err(taken(PUT, name)),
        };
        ours.map_err(|refused| if refused.class == Class::Invalid { taken(PUT, name) } else { refused })?;
        put(cx, want).await.map(|()| name.clone())
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        let Some(arn) = found.outputs.get("arn") else { return Err(Fault::bug(format!("{} has no ARN", found.addr))) };
        if changes.iter().any(|change| !change.is_under("tags")) {
            if found.ours && !check_ours(PUT, cx, &found.addr, &found.id, arn).await? {
                return Err(Fault::new(PUT, Class::NotFound, format!("the alarm `{}` is gone", found.id)));
            }
            put(cx, want).await?;
        }
        change_tags(cx, arn, &want.addr, &found.spec.tags, &want.spec.tags).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let Some(arn) = found.outputs.get("arn") else { return Err(Fault::bug(format!("{} has no ARN", found.addr))) };
        remove(cx, &found.addr, &found.id, arn).await
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        Ok(Self::get(cx, id).await?.map_or(Status::Gone, |alarm| Status::Ready(outputs_of(&alarm))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_as_it_was_written_and_any_other_does_not() {
        let names = ["shop-a".to_owned(), "shop-b-eu-west-1".to_owned()];
        assert_eq!(composite_rule(names.iter().map(String::as_str)), "ALARM(\"shop-a\") OR ALARM(\"shop-b-eu-west-1\")");
        assert_eq!(names_in(&composite_rule(names.iter().map(String::as_str))), Some(names.to_vec()));
        let arn = "ALARM(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:shop-a)";
        assert_eq!(names_in(arn), Some(vec!["shop-a".to_owned()]));
        for other in ["", "TRUE", "ALARM(\"a\") AND ALARM(\"b\")", "NOT ALARM(\"a\")", "(ALARM(\"a\") OR OK(\"b\"))", "OK(\"a\")"] {
            assert_eq!(names_in(other), None, "{other}");
        }
    }
}
