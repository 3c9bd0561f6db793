//! Metric alarms: one in each region in which what it watches is, and has a metric (`docs/alarms.md`).
//!
//! PutMetricAlarm makes and overwrites: an alarm is one of ours, or is left alone, by what it carries right before. Nothing of an
//! alarm is fixed but its name; what it watches is followed in place when it is made anew. Alarms of Application Auto Scaling
//! (`TargetTracking-…`) do not begin like a stack's and are never looked at.
mod wanted;

use aws_sdk_cloudwatch::types::{self, ComparisonOperator, StandardUnit};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::wanted::{EVALUATE, want};
pub(in crate::kinds) use self::wanted::{comparison, statistic};
use crate::{
    aws::{
        alarms::{addressed, alarm, alarms, change_tags, check_ours, marks_of, remove, taken, to_send},
        errors::fault,
        tags::addr_of,
    },
    kinds::{
        sns::topic::TopicArn,
        watching::{Dimensions, Placed, as_words, found, placed},
    },
    outputs,
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Given, Kind, Life, Outputs, Patience, Posture, Ref, Scope, Status, Tags, Unmanaged,
        Unordered, Verb, Want, owner::Marks,
    },
    topology::{Model, Watches, metrics::Subject},
};

outputs! { "cloudwatch.metric_alarm":
    /// The ARN of an alarm.
    AlarmArn = "arn",
    /// Its name.
    AlarmName = "name",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    pub description: String,
    pub namespace: String,
    /// AWS's name of the metric.
    pub metric: String,
    pub dimensions: Dimensions,
    /// `Sum`, `Average` and so on, or a percentile such as `p99`.
    pub statistic: String,
    /// Only of a metric that the application sends itself, where the file names one: it may come in several units, and an alarm
    /// without one then does what nobody has said. AWS sends each of its metrics in one unit, so that naming it says nothing, and
    /// an alarm with a wrong one never sees data (CloudWatch API reference, "PutMetricAlarm").
    pub unit: Option<String>,
    /// Seconds.
    pub period: i32,
    pub evaluation_periods: i32,
    pub datapoints_to_alarm: i32,
    pub comparison: String,
    pub threshold: f64,
    /// `notBreaching`, `breaching`, `ignore` or `missing`.
    pub missing_data: String,
    /// Whether a percentile of few values is judged: `evaluate` or `ignore`.
    pub few_samples: String,
    /// What somebody made of it instead of one metric: expressions.
    pub queries: Unordered<String>,
    /// Turned off by whoever wants quiet for a while.
    pub actions_enabled: Unmanaged<bool>,
    pub alarm_actions: Unordered<Given>,
    pub ok_actions: Unordered<Given>,
    pub insufficient_data_actions: Unordered<Given>,
    pub tags: Tags,
}

/// `cloudwatch.metric_alarm`.
pub struct MetricAlarm;

const PUT: &str = "cloudwatch:PutMetricAlarm";
/// The kind of posture of an alarm that tells nobody.
const ACTIONS: &str = "alarm-actions";

const HOUR: i64 = 3600;
const DYNAMODB: &str = "AWS/DynamoDB";

const MISSING: &str = "missing";

/// Actions as they were found: topics are references, so that one of ours is removed after the alarm has let go of it.
fn actions(scope: &Scope, found: &[String]) -> Unordered<Given> {
    let read = |arn: &String| match arn.split(':').nth(2) {
        Some("sns") => Given::by(Ref::<TopicArn>::is(scope, arn)),
        _ => Given::Text(arn.clone()),
    };
    Unordered(found.iter().map(read).collect())
}

fn texts(list: &Unordered<Given>) -> Result<Vec<String>, Fault> {
    list.0.iter().map(|one| one.get().map(str::to_owned)).collect()
}

fn outputs_of(alarm: &types::MetricAlarm) -> Outputs {
    Outputs::of::<AlarmArn>(alarm.alarm_arn().unwrap_or_default()).with::<AlarmName>(alarm.alarm_name().unwrap_or_default())
}

fn read(cx: &Cx, addr: &Addr, alarm: &types::MetricAlarm, marks: Marks) -> Result<Spec, Fault> {
    let (namespace, metric) = (alarm.namespace().unwrap_or_default(), alarm.metric_name().unwrap_or_default());
    let pairs = alarm.dimensions().iter().map(|one| (one.name().unwrap_or_default(), one.value().unwrap_or_default()));
    let dimensions = found(namespace, metric, cx.region()?, pairs);
    let is_custom = |placed: &Placed<'_>| {
        matches!(placed.watches, Watches::Custom(_)) && Some(&placed.region) == addr.region() && placed.name == *addr.name
    };
    let words = placed(&cx.model, &Facts::default()).iter().any(is_custom);
    let query = |query: &types::MetricDataQuery| {
        let what = query.expression().map(str::to_owned);
        let of = query.metric_stat().and_then(|stat| stat.metric()).and_then(|metric| metric.metric_name());
        format!("{}: {}", query.id().unwrap_or_default(), what.unwrap_or_else(|| of.unwrap_or_default().to_owned()))
    };
    Ok(Spec {
        name: alarm.alarm_name().unwrap_or_default().to_owned(),
        description: alarm.alarm_description().unwrap_or_default().to_owned(),
        namespace: namespace.to_owned(),
        metric: metric.to_owned(),
        dimensions: if words { as_words(dimensions) } else { dimensions },
        statistic: alarm.extended_statistic().or(alarm.statistic().map(types::Statistic::as_str)).unwrap_or_default().to_owned(),
        unit: alarm.unit().map(|unit| unit.as_str().to_owned()),
        period: alarm.period().unwrap_or_default(),
        evaluation_periods: alarm.evaluation_periods().unwrap_or_default(),
        // Only shown where it was said.
        datapoints_to_alarm: alarm.datapoints_to_alarm().or(alarm.evaluation_periods()).unwrap_or_default(),
        comparison: alarm.comparison_operator().map_or("", ComparisonOperator::as_str).to_owned(),
        threshold: alarm.threshold().unwrap_or_default(),
        missing_data: alarm.treat_missing_data().unwrap_or(MISSING).to_owned(),
        few_samples: alarm.evaluate_low_sample_count_percentile().filter(|word| !word.is_empty()).unwrap_or(EVALUATE).to_owned(),
        queries: Unordered(alarm.metrics().iter().map(query).collect()),
        actions_enabled: Unmanaged::Managed(alarm.actions_enabled().unwrap_or(true)),
        alarm_actions: actions(&cx.scope, alarm.alarm_actions()),
        ok_actions: actions(&cx.scope, alarm.ok_actions()),
        insufficient_data_actions: actions(&cx.scope, alarm.insufficient_data_actions()),
        tags: marks.tags,
    })
}

/// One call that makes it or overwrites all of it but its tags, which count only when it is made.
async fn put(cx: &Cx, want: &Want<Spec>, actions_enabled: bool) -> Result<(), Fault> {
    let spec = &want.spec;
    let ask = cx.fleet.region(cx.region()?).cloudwatch.put_metric_alarm().alarm_name(&spec.name).alarm_description(&spec.description);
    let mut ask = ask.namespace(&spec.namespace).metric_name(&spec.metric).set_unit(spec.unit.as_deref().map(StandardUnit::from));
    for (name, value) in &spec.dimensions {
        ask = ask.dimensions(types::Dimension::builder().name(name).value(value.get()?).build());
    }
    // Exactly one of the two (field guide 10.1 item 3).
    let is_percentile = spec.statistic.starts_with('p');
    let ask = if is_percentile { ask.extended_statistic(&spec.statistic) } else { ask.statistic((&*spec.statistic).into()) };
    let ask = ask.period(spec.period).evaluation_periods(spec.evaluation_periods).datapoints_to_alarm(spec.datapoints_to_alarm);
    let ask = ask.comparison_operator((&*spec.comparison).into()).threshold(spec.threshold).treat_missing_data(&spec.missing_data);
    let ask = ask.actions_enabled(actions_enabled).set_alarm_actions(Some(texts(&spec.alarm_actions)?));
    let ask = ask.set_ok_actions(Some(texts(&spec.ok_actions)?));
    let ask = ask.set_insufficient_data_actions(Some(texts(&spec.insufficient_data_actions)?));
    ask.set_tags(Some(to_send(cx, &want.addr, &spec.tags))).send().await.map_err(fault(PUT)).map(drop)
}

/// Whether an alarm on a table is on because nothing came after the bad data: DynamoDB sends nothing where nothing happens, and
/// CloudWatch ignores that (CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data"), so it stays on for days. What
/// this run's own rollout brought about is younger.
fn is_stale(cx: &Cx, alarm: &types::MetricAlarm) -> bool {
    let Some(since) = alarm.state_updated_timestamp().filter(|_| alarm.namespace() == Some(DYNAMODB)) else { return false };
    let window = i64::from(alarm.period().unwrap_or_default()) * i64::from(alarm.evaluation_periods().unwrap_or_default());
    let rollout = &cx.model.rollout;
    let within = rollout.gate_timeout + rollout.bake;
    let oldest = Timestamp::now().as_second() - window - i64::try_from(within.as_secs()).unwrap_or(i64::MAX / 2) - HOUR;
    since.secs() < oldest
}

/// Whether its actions are to be on after a change: as they are now, unless the user asked for them.
fn on_after(want: &Spec, now: &types::MetricAlarm) -> bool {
    match want.actions_enabled {
        Unmanaged::Managed(on) => on,
        Unmanaged::Any => now.actions_enabled().unwrap_or(true),
    }
}

impl MetricAlarm {
    async fn get(cx: &Cx, name: &str) -> Result<Option<types::MetricAlarm>, Fault> {
        Ok(alarm(cx, name).await?.metric.into_iter().next())
    }

    /// What stands under these names, as far as it is this stack's or is wanted.
    async fn look(cx: &Cx, seen: &[types::MetricAlarm]) -> Result<Vec<Found<Spec>>, Fault> {
        let ids: Vec<(String, String)> = seen
            .iter()
            .map(|alarm| (alarm.alarm_name().unwrap_or_default().to_owned(), alarm.alarm_arn().unwrap_or_default().to_owned()))
            .collect();
        let mut all = Vec::new();
        for (alarm, marks) in seen.iter().zip(marks_of(cx, Self::NAME, ids).await?) {
            let (Some(marks), Some(id)) = (marks, alarm.alarm_name()) else { continue };
            let marked = addr_of(cx, Self::NAME, &marks);
            let (Some(addr), ours) = (marked.clone().or_else(|| wanted_at(cx, id)), marked.is_some()) else { continue };
            let spec = read(cx, &addr, alarm, marks)?;
            all.push(Found { addr, id: id.to_owned(), spec, outputs: outputs_of(alarm), life: Life::Ready, ours, born: None });
        }
        Ok(all)
    }
}

/// The address at which the topology wants an alarm of that name in this region. How many gateways there are only AWS knows: every
/// number that there may be counts.
fn wanted_at(cx: &Cx, name: &str) -> Option<Addr> {
    let (region, called) = (cx.region().ok()?, addressed(&cx.owner.stack, name)?);
    let is_numbered = |key: &str| called.strip_prefix(key).and_then(|rest| rest.strip_prefix('-')).is_some_and(|n| n.parse::<u8>().is_ok());
    let is_wanted = placed(&cx.model, &Facts::default()).iter().any(|placed| placed.region == *region && placed.name == called)
        || cx.model.alarms.iter().any(|(key, alarm)| {
            let of_network = matches!(&alarm.watches, Watches::Named { metric, .. } if metric.subject == Subject::Network);
            of_network && alarm.members.contains_key(region) && is_numbered(key)
        });
    is_wanted.then(|| Addr::regional(region, MetricAlarm::NAME, called))
}

/// Whether the topology wants an alarm of that name here, on something of this region: those of us-east-1 also watch others.
fn watches_its_region(cx: &Cx, name: &str) -> bool {
    let Some(addr) = wanted_at(cx, name) else { return false };
    let is_of_another =
        |placed: &Placed<'_>| Some(&placed.region) == addr.region() && placed.name == *addr.name && placed.of != placed.region;
    !placed(&cx.model, &Facts::default()).iter().any(is_of_another)
}

impl Kind for MetricAlarm {
    type Spec = Spec;
    const NAME: &'static str = "cloudwatch.metric_alarm";
    const FIXED: &'static [&'static str] = &["name"];
    const AUXILIARY: bool = true;
    const WARNS: bool = true;
    /// It is there when the call returns.
    const PATIENCE: Patience = Patience::of(2, 5, 5);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource", "tag:GetResources"]),
        (Verb::Create, &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:DescribeAlarms"]),
        (
            Verb::Update,
            &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource", "cloudwatch:ListTagsForResource"],
        ),
        (Verb::Delete, &["cloudwatch:DeleteAlarms", "cloudwatch:ListTagsForResource"]),
    ];
    /// An alarm on what is gone sees no data, and AWS says nothing of it.
    const FOLLOWS: bool = true;

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        placed(model, facts).into_iter().map(|placed| want(model, facts, placed)).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        Self::look(cx, &alarms(cx).await?.metric).await
    }

    async fn look_at(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Vec<Found<Spec>>, Fault> {
        Self::look(cx, &alarm(cx, id).await?.metric).await
    }

    /// The same call overwrites what is there, so it is looked at first: what is ours was made by an earlier try.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let name = &want.spec.name;
        let before = alarm(cx, name).await?;
        let mut on = !matches!(want.spec.actions_enabled, Unmanaged::Managed(false));
        if let Some(now) = before.metric.first() {
            match check_ours(PUT, cx, &want.addr, name, now.alarm_arn().unwrap_or_default()).await {
                Ok(_) => on = on_after(&want.spec, now),
                Err(refused) if refused.class == Class::Invalid => return Err(taken(PUT, name)),
                Err(refused) => return Err(refused),
            }
        } else if !before.composite.is_empty() {
            return Err(taken(PUT, name));
        }
        put(cx, want, on).await.map(|()| name.clone())
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        let Some(arn) = found.outputs.get("arn") else { return Err(Fault::bug(format!("{} has no ARN", found.addr))) };
        if changes.iter().any(|change| !change.is_under("tags")) {
            // Whether its actions are on is not the plan's: somebody may have turned them off since.
            let now = Self::get(cx, &found.id).await?;
            let gone = || Fault::new(PUT, Class::NotFound, format!("the alarm `{}` is gone", found.id));
            let now = now.ok_or_else(gone)?;
            if found.ours && !check_ours(PUT, cx, &found.addr, &found.id, arn).await? {
                return Err(gone());
            }
            put(cx, want, on_after(&want.spec, &now)).await?;
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

    /// An alarm that has too little to judge by says nothing.
    async fn warnings(&self, cx: &Cx) -> Result<Vec<String>, Fault> {
        let seen = alarms(cx).await?;
        let on = seen.metric.iter().filter(|alarm| alarm.state_value() == Some(&types::StateValue::Alarm) && !is_stale(cx, alarm));
        let ours = on.filter(|alarm| alarm.alarm_name().is_some_and(|name| watches_its_region(cx, name)));
        let say = |alarm: &types::MetricAlarm| {
            let (name, why) = (alarm.alarm_name().unwrap_or_default(), alarm.state_reason().unwrap_or("AWS gives no reason"));
            format!("alarm {name} is in ALARM: {why}")
        };
        Ok(ours.map(say).collect())
    }

    fn posture(&self, _: &Model, found: &[Found<Spec>]) -> Vec<Posture> {
        let off = found.iter().filter(|one| one.ours && matches!(one.spec.actions_enabled, Unmanaged::Managed(false)));
        let item = |one: &Found<Spec>| {
            let message = format!("the actions of {} are switched off: it tells nobody, and no plan undoes that", one.addr);
            Posture::new(ACTIONS, one.addr.clone(), json!(true), json!(false), message)
        };
        off.map(item).collect()
    }
}
