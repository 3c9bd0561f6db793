//! The sections `alarms`, `alerts` and `dashboard`.
use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::super::metrics::Metric;
use crate::resource::Region;

/// One entry of `alarms`.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    pub watches: Watches,
    /// The regions whose part of the subject is watched, in rollout order. Where the alarm stands follows from the metric's
    /// [`Place`](crate::topology::metrics::Place).
    pub members: IndexMap<Region, AlarmMember>,
}

/// What an alarm looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum Watches {
    /// A metric of the table, of a service, table, database or record by its key; of the network the key is empty.
    Named {
        metric: &'static Metric,
        key: String,
    },
    Custom(CustomMetric),
}

/// A metric that the application sends itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomMetric {
    pub namespace: String,
    pub name: String,
    /// As in the file, with placeholders.
    pub dimensions: BTreeMap<String, String>,
    /// AWS's word, for example `Milliseconds`; nothing: any unit.
    pub unit: Option<String>,
}

/// What may differ from region to region; everything is decided.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmMember {
    /// In the unit of the metric.
    pub threshold: f64,
    /// Seconds: 10, 20, 30, or a multiple of 60.
    pub period: u32,
    /// How many periods are looked at.
    pub evaluation_periods: u32,
    /// In how many of them the threshold has to be passed.
    pub datapoints_to_alarm: u32,
    pub when: When,
    pub missing_data: MissingData,
    pub statistic: Statistic,
}

/// `when`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Greater than the threshold.
    Above,
    /// Less than the threshold.
    Below,
}

/// `missing_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingData {
    NotBreaching,
    Breaching,
    Ignore,
    Missing,
}

/// `statistic`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    Average,
    Sum,
    Minimum,
    Maximum,
    SampleCount,
    /// Above 0 and at most 100.
    Percentile(f64),
}

/// The section `alerts`: an SNS topic in each region with alarms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alerts {
    pub emails: Vec<String>,
    /// `https://` URLs. They may hold a key: never shown whole.
    pub https: Vec<String>,
    /// SQS queues and Lambda functions, with placeholders as in the file (`{region}`).
    pub arns: Vec<String>,
    /// The KMS key that a region's topic is encrypted with; a region that is absent has none.
    pub encryption: BTreeMap<Region, String>,
}
