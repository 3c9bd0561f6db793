//! An alarm's draft becomes its part of the model: defaults filled in, `per_region` merged, units converted. The checks judge by the
//! same functions.
use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::{
    aurora, checks,
    decode::{AlarmDraft, AlarmMemberDraft, AlertsDraft, AuroraDraft, Draft, RecordDraft, ServiceDraft, TableDraft, ThresholdUnit},
    metrics::{Metric, Subject, Unit, named},
    model::{Alarm, AlarmMember, Alerts, CustomMetric, InsufficientData, MissingData, Statistic, Watches, When},
    placeholders::{self, Values},
    records,
    report::At,
    services,
};
use crate::resource::Region;

/// Seconds: how often AWS sends every metric of the table.
pub const PERIOD: u64 = 60;

/// What an alarm of a draft looks at.
pub enum Looks<'a> {
    Service(&'a ServiceDraft),
    Table(&'a TableDraft),
    Aurora(&'a AuroraDraft),
    Record(&'a RecordDraft),
    Network,
    Custom,
}

impl<'a> Looks<'a> {
    /// The regions of it, in the order of the file.
    pub fn region_codes(&self, draft: &'a Draft) -> Vec<&'a str> {
        match self {
            Self::Service(service) => services::region_codes(draft, service),
            Self::Table(table) => checks::member_codes(draft, table),
            Self::Aurora(database) => aurora::region_codes(draft, database),
            Self::Record(record) => records::region_codes(draft, record),
            Self::Network | Self::Custom => draft.region_codes(),
        }
    }
}

/// The metric of an alarm, when it is one of the table.
pub fn metric(alarm: &AlarmDraft) -> Option<&'static Metric> {
    named(&alarm.metric.as_ref().filter(|_| !alarm.namespace_present)?.value)
}

/// What an alarm looks at; nothing when its metric is unknown, or no such subject is in the file.
pub fn looks_at<'a>(draft: &'a Draft, alarm: &AlarmDraft) -> Option<Looks<'a>> {
    if alarm.namespace_present {
        return Some(Looks::Custom);
    }
    let metric = metric(alarm)?;
    let key = || alarm.subjects.iter().find(|(subject, _)| *subject == metric.subject).map(|(_, named)| named.value.as_str());
    match metric.subject {
        Subject::Network => Some(Looks::Network),
        Subject::Service => draft.services.iter().find(|service| Some(service.key.value.as_str()) == key()).map(Looks::Service),
        Subject::Table => draft.tables.iter().find(|table| Some(table.key.value.as_str()) == key()).map(Looks::Table),
        Subject::Aurora => draft.aurora.iter().find(|database| Some(database.key.value.as_str()) == key()).map(Looks::Aurora),
        Subject::Record => {
            let name = records::normal(key()?);
            draft.dns.iter().flat_map(|dns| &dns.records).find(|record| records::name(record) == name).map(Looks::Record)
        }
    }
}

/// The regions whose part of the subject an alarm watches, in the order of the file.
pub fn region_codes<'a>(draft: &'a Draft, alarm: &AlarmDraft) -> Vec<&'a str> {
    let codes = looks_at(draft, alarm).map(|looks| looks.region_codes(draft)).unwrap_or_default();
    let wanted = |code: &&str| alarm.regions.as_ref().is_none_or(|list| list.value.iter().any(|region| region.value == *code));
    codes.into_iter().filter(wanted).collect()
}

/// In what the metric of an alarm is counted, in CloudWatch's word; nothing: in no unit, or any.
pub fn unit(alarm: &AlarmDraft) -> Option<&str> {
    match metric(alarm) {
        Some(metric) => (metric.unit != Unit::None).then_some(metric.unit.as_str()),
        None => alarm.unit.as_ref().map(|unit| unit.value.as_str()),
    }
}

/// A threshold in the unit of the metric; nothing when the two do not go together.
pub fn threshold(number: f64, given: Option<ThresholdUnit>, unit: Option<&str>) -> Option<f64> {
    let Some(given) = given else { return Some(number) };
    let milliseconds = match given {
        ThresholdUnit::Percent => return (unit == Some("Percent")).then_some(number),
        ThresholdUnit::Milliseconds => number,
        ThresholdUnit::Seconds => number * 1000.0,
        ThresholdUnit::Minutes => number * 60_000.0,
        ThresholdUnit::Hours => number * 3_600_000.0,
    };
    match unit? {
        "Seconds" => Some(milliseconds / 1000.0),
        "Milliseconds" => Some(milliseconds),
        "Microseconds" => Some(milliseconds * 1000.0),
        _ => None,
    }
}

/// Seconds.
pub fn period(member: &AlarmMemberDraft) -> u64 {
    member.period.as_ref().map_or(PERIOD, |period| period.value.as_secs())
}

/// How many periods are looked at.
pub fn evaluation_periods(member: &AlarmMemberDraft) -> u64 {
    member.evaluation_periods.as_ref().map_or(1, |periods| periods.value)
}

/// In how many of them the threshold has to be passed: in all.
pub fn datapoints(member: &AlarmMemberDraft) -> u64 {
    member.datapoints.as_ref().map_or_else(|| evaluation_periods(member), |datapoints| datapoints.value)
}

/// The statistic; nothing when a metric of the user's own has none.
pub fn statistic(alarm: &AlarmDraft, member: &AlarmMemberDraft) -> Option<Statistic> {
    member.statistic.as_ref().map(|statistic| statistic.value).or_else(|| metric(alarm).map(|metric| metric.statistic))
}

/// The alarm of a draft that passed every check. `order`: the regions in rollout order.
pub fn alarm_model(draft: &Draft, alarm: &AlarmDraft, table_names: &IndexMap<String, String>, order: &[Region]) -> Option<Alarm> {
    let codes = region_codes(draft, alarm);
    let members = order.iter().filter(|region| codes.contains(&region.as_str()));
    let members = members.map(|region| Some((region.clone(), member(alarm, region.as_str())?)));
    Some(Alarm { watches: watches(draft, alarm, table_names)?, members: members.collect::<Option<_>>()? })
}

/// The section `alerts` of a draft that passed every check.
pub fn alerts_model(draft: &Draft, alerts: &AlertsDraft, table_names: &IndexMap<String, String>) -> Alerts {
    let texts = |list: &[At<String>]| list.iter().map(|text| text.value.clone()).collect();
    let arns = alerts.arns.iter().filter_map(|arn| placeholders::fill(arn, &values(draft, table_names, "`alerts.arns`"), &mut Vec::new()));
    let keys = alerts.encryption.iter().flat_map(|keys| &keys.keys);
    Alerts {
        emails: texts(&alerts.emails),
        https: texts(&alerts.https),
        arns: arns.collect(),
        encryption: keys.filter_map(|(region, key)| Some((Region::new(&region.value), key.as_ref()?.value.clone()))).collect(),
    }
}

/// What placeholders stand for where the region is filled in later.
pub fn values<'a>(draft: &'a Draft, table_names: &'a IndexMap<String, String>, place: &'a str) -> Values<'a> {
    services::values(draft, table_names, "{region}", false, place)
}

fn watches(draft: &Draft, alarm: &AlarmDraft, table_names: &IndexMap<String, String>) -> Option<Watches> {
    if let Some(metric) = metric(alarm) {
        let key = match looks_at(draft, alarm)? {
            Looks::Service(service) => service.key.value.clone(),
            Looks::Table(table) => table.key.value.clone(),
            Looks::Aurora(database) => database.key.value.clone(),
            Looks::Record(record) => records::name(record),
            Looks::Network | Looks::Custom => String::new(),
        };
        return Some(Watches::Named { metric, key, operation: alarm.operation.as_ref().map(|operation| operation.value.clone()) });
    }
    let values = values(draft, table_names, "a dimension");
    let dimensions = alarm.dimensions.iter().flat_map(|dimensions| &dimensions.value);
    let dimensions: BTreeMap<String, String> =
        dimensions.filter_map(|(name, value)| Some((name.value.clone(), placeholders::fill(value, &values, &mut Vec::new())?))).collect();
    Some(Watches::Custom(CustomMetric {
        namespace: alarm.namespace.as_ref()?.value.clone(),
        name: alarm.metric.as_ref()?.value.clone(),
        dimensions,
        unit: alarm.unit.as_ref().map(|unit| unit.value.clone()),
    }))
}

/// What a period without data counts as, unless the file says. Turned the other way round, a metric that is silent when all is well
/// is silent when all is lost: no requests at all are fewer than any.
fn missing_data(metric: Option<&Metric>, when: When) -> MissingData {
    match metric {
        None => MissingData::Missing,
        Some(metric) if when == metric.when || metric.missing_data == MissingData::Ignore => metric.missing_data,
        Some(_) if when == When::Below => MissingData::Breaching,
        Some(_) => MissingData::NotBreaching,
    }
}

/// What an alarm of that key has data for in a region, when it has too little: what its own missing data counts as there.
pub fn without_data(draft: &Draft, key: &str, region: &str) -> InsufficientData {
    let alarm = draft.alarms.iter().find(|alarm| alarm.key.value == key);
    match alarm.and_then(|alarm| member(alarm, region)).map(|member| member.missing_data) {
        Some(MissingData::NotBreaching) => InsufficientData::Healthy,
        Some(MissingData::Breaching) => InsufficientData::Unhealthy,
        _ => InsufficientData::LastKnownStatus,
    }
}

fn member(alarm: &AlarmDraft, region: &str) -> Option<AlarmMember> {
    let member = alarm.member_in(region);
    let metric = metric(alarm);
    let given = member.threshold.as_ref()?.value;
    // The checks allow no number that would not fit.
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let when = member.when.as_ref().map_or_else(|| metric.map_or(When::Above, |metric| metric.when), |when| when.value);
    Some(AlarmMember {
        threshold: threshold(given.number, given.unit, unit(alarm))?,
        period: small(period(member)),
        evaluation_periods: small(evaluation_periods(member)),
        datapoints_to_alarm: small(datapoints(member)),
        when,
        missing_data: member.missing_data.as_ref().map_or_else(|| missing_data(metric, when), |given| given.value),
        statistic: statistic(alarm, member)?,
    })
}
