//! Health checks that follow an alarm of their region: what Route 53 copied of it, and what the topology wants of it.
use aws_sdk_route53::types::{
    AlarmIdentifier, CloudWatchAlarmConfiguration, CloudWatchRegion, HealthCheck as Seen, HealthCheckConfig, HealthCheckType,
    InsufficientDataHealthStatus,
};
use serde::{Deserialize, Serialize};

use super::{DISABLED, INVERTED, Spec, address, kept, name_of, whole};
use crate::{
    kinds::{
        cloudwatch::metric_alarm::{self, AlarmName},
        ec2::vpc::named,
        watching::{self, Dimensions, Placed, placed},
    },
    resource::{Addr, Facts, Fault, Ref, Region, Scope, Want},
    topology::{self, AlarmCheck, InsufficientData, Model, Watches},
};

/// An alarm that is followed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Follows {
    pub alarm: Ref<AlarmName>,
    pub region: String,
    /// `Healthy`, `Unhealthy` or `LastKnownStatus`: how the check stands while the alarm has too little to judge by.
    pub insufficient_data: String,
    /// What Route 53 goes by.
    pub copied: Copied,
}

/// The definition of an alarm, as Route 53 copies it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Copied {
    pub namespace: String,
    pub metric: String,
    pub dimensions: Dimensions,
    pub statistic: String,
    /// Seconds.
    pub period: i32,
    pub evaluation_periods: i32,
    pub comparison: String,
    pub threshold: f64,
}

impl Copied {
    /// What an alarm of the topology is to be.
    fn wanted(placed: Placed<'_>) -> Self {
        let (namespace, metric) = match placed.watches {
            Watches::Named { metric, .. } => (metric.namespace.to_owned(), metric.aws_name.to_owned()),
            Watches::Custom(metric) => (metric.namespace.clone(), metric.name.clone()),
        };
        let member = placed.member;
        Self {
            namespace,
            metric,
            dimensions: placed.dimensions,
            statistic: metric_alarm::statistic(member.statistic),
            period: whole(member.period),
            evaluation_periods: whole(member.evaluation_periods),
            comparison: metric_alarm::comparison(member.when).to_owned(),
            threshold: member.threshold,
        }
    }

    /// `words`: whether it is a metric that the application sends itself.
    fn found(region: &Region, seen: &CloudWatchAlarmConfiguration, words: bool) -> Self {
        let pairs = seen.dimensions().iter().map(|one| (one.name(), one.value()));
        let dimensions = watching::found(seen.namespace(), seen.metric_name(), region, pairs);
        Self {
            namespace: seen.namespace().to_owned(),
            metric: seen.metric_name().to_owned(),
            dimensions: if words { watching::as_words(dimensions) } else { dimensions },
            statistic: seen.statistic().as_str().to_owned(),
            period: seen.period(),
            evaluation_periods: seen.evaluation_periods(),
            comparison: seen.comparison_operator().as_str().to_owned(),
            threshold: seen.threshold(),
        }
    }
}

const fn insufficient_data(given: InsufficientData) -> InsufficientDataHealthStatus {
    match given {
        InsufficientData::Healthy => InsufficientDataHealthStatus::Healthy,
        InsufficientData::Unhealthy => InsufficientDataHealthStatus::Unhealthy,
        InsufficientData::LastKnownStatus => InsufficientDataHealthStatus::LastKnownStatus,
    }
}

/// The alarm of that key which watches a region and stands there.
fn alarm_of<'a>(model: &'a Model, facts: &Facts, key: &str, region: &Region) -> Option<Placed<'a>> {
    placed(model, facts).into_iter().find(|placed| placed.key == key && placed.of == *region && placed.region == *region)
}

/// The alarm that is followed, as Route 53 shows it.
pub(super) fn followed((model, facts): (&Model, &Facts), addr: &Addr, config: &HealthCheckConfig, seen: &Seen) -> Option<Follows> {
    let named = config.alarm_identifier()?;
    let region = Region::new(named.region().as_str());
    let wanted = wanted_alarm(model, addr).and_then(|(check, of)| alarm_of(model, facts, &check.alarm, of));
    let words = wanted.as_ref().is_some_and(|placed| matches!(placed.watches, Watches::Custom(_)));
    let copied = seen.cloud_watch_alarm_configuration().map(|seen| Copied::found(&region, seen, words));
    // Where no copy is shown there is nothing to compare.
    let copied = copied.or_else(|| wanted.map(Copied::wanted)).unwrap_or_else(|| Copied {
        namespace: String::new(),
        metric: String::new(),
        dimensions: Dimensions::new(),
        statistic: String::new(),
        period: 0,
        evaluation_periods: 0,
        comparison: String::new(),
        threshold: 0.0,
    });
    Some(Follows {
        alarm: Ref::is(&Scope::from(&region), named.name()),
        region: region.to_string(),
        insufficient_data: config.insufficient_data_health_status().map_or("", InsufficientDataHealthStatus::as_str).to_owned(),
        copied,
    })
}

/// What the topology wants at an address, when that follows an alarm, and of which region.
fn wanted_alarm<'a>(model: &'a Model, addr: &Addr) -> Option<(&'a AlarmCheck, &'a Region)> {
    let records = model.dns.iter().flat_map(|dns| &dns.records);
    let members = records.flat_map(|(name, record)| record.members.iter().map(move |(region, member)| (name, region, member)));
    let (_, region, member) = members.into_iter().find(|(name, region, _)| *addr.name == *name_of(name, region))?;
    match &member.health_check {
        Some(topology::HealthCheck::Alarm(check)) => Some((check, region)),
        _ => None,
    }
}

/// The alarm to be followed, as Route 53 takes it.
pub(super) fn identifier(follows: &Follows) -> Result<AlarmIdentifier, Fault> {
    let build = AlarmIdentifier::builder().name(follows.alarm.get()?).region(CloudWatchRegion::from(follows.region.as_str()));
    build.build().map_err(|error| Fault::bug(error.to_string()))
}

/// One that follows an alarm of its region.
pub(super) fn following(model: &Model, facts: &Facts, name: &str, region: &Region, check: &AlarmCheck) -> Want<Spec> {
    let placed = alarm_of(model, facts, &check.alarm, region);
    let hold = placed.is_none().then(|| format!("it follows the alarm `{}`, which {region} does not have", check.alarm));
    let follows = placed.map(|placed| Follows {
        alarm: Ref::to(&Scope::from(region), &placed.name),
        region: region.to_string(),
        insufficient_data: insufficient_data(check.insufficient_data).as_str().to_owned(),
        copied: Copied::wanted(placed),
    });
    let spec = Spec {
        protocol: HealthCheckType::CloudwatchMetric.as_str().to_owned(),
        interval: None,
        endpoint: None,
        port: None,
        path: None,
        failure_threshold: None,
        server_name: false,
        follows,
        inverted: kept(facts, INVERTED, name),
        disabled: kept(facts, DISABLED, name),
        tags: named(model, name),
    };
    Want { hold, ..Want::new(address(name), spec) }
}
