//! The sections `alarms`, `alerts` and `dashboard`.
use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::{
    super::metrics::{Metric, Place, Subject},
    Model,
};
use crate::resource::Region;

/// The one region with the metrics of Route 53 (Route 53 developer guide, "Monitoring health checks using CloudWatch").
const US_EAST_1: &str = "us-east-1";

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
    /// A metric of the table.
    Named {
        metric: &'static Metric,
        /// Of the service, table or database; the name of the record as in `Dns::records`; of the network it is empty.
        key: String,
        /// For [`Dimension::Operation`](crate::topology::metrics::Dimension): DynamoDB's name of an operation, `PutItem`.
        operation: Option<String>,
    },
    Custom(CustomMetric),
}

/// A metric that the application sends itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomMetric {
    pub namespace: String,
    pub name: String,
    /// `{stack}` and `{tables.KEY}` are filled in, `{region}` is not ([`CustomMetric::dimensions_in`]), nor is `{account}` where the
    /// file sets none.
    pub dimensions: BTreeMap<String, String>,
    /// AWS's word, for example `Milliseconds`; nothing: any unit.
    pub unit: Option<String>,
}

impl CustomMetric {
    /// The dimensions as they are in a region.
    #[must_use]
    pub fn dimensions_in(&self, region: &Region) -> BTreeMap<String, String> {
        self.dimensions.iter().map(|(name, value)| (name.clone(), value.replace("{region}", region.as_str()))).collect()
    }
}

/// The composite's rule: ALARM when one of these alarms is. `names`: whole names in AWS.
#[must_use]
pub fn composite_rule<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("ALARM(\"{name}\")")).collect::<Vec<_>>().join(" OR ")
}

impl Model {
    /// The regions in which alarms stand though the file does not name them: us-east-1, for those on health checks.
    #[must_use]
    pub fn auxiliary(&self) -> BTreeSet<Region> {
        let home = Region::new(US_EAST_1);
        let stands = |alarm: &Alarm| alarm.place() == Place::UsEast1 && !alarm.members.is_empty();
        let is_needed = !self.regions.contains_key(&home) && self.alarms.values().any(stands);
        is_needed.then_some(home).into_iter().collect()
    }
}

/// One alarm in CloudWatch that an entry of `alarms` stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placement {
    /// Where it stands.
    pub stands: Region,
    /// The region whose part of the subject it watches; its settings are those of this member.
    pub watched: Region,
    /// The last part of its address; its name in AWS is `<stack>-` and this.
    pub name: String,
    pub of: PlacementOf,
}

/// Which of several alarms of one region it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlacementOf {
    /// The only one.
    Region,
    /// That of what goes to this region.
    Receiving(Region),
    /// That of the NAT gateway `nat-<n>`.
    NatGateway(usize),
}

impl Alarm {
    /// Where the alarms of a metric stand; those of a custom metric are where it is sent.
    #[must_use]
    pub const fn place(&self) -> Place {
        match &self.watches {
            Watches::Named { metric, .. } => metric.place,
            Watches::Custom(_) => Place::Region,
        }
    }

    /// The alarms in CloudWatch, by watched region in rollout order. `key`: that of this alarm; `gateways`: the numbers of the NAT
    /// gateways of a region, which depend on what is found there.
    #[must_use]
    pub fn placements(&self, key: &str, model: &Model, gateways: impl Fn(&Region) -> Vec<usize>) -> Vec<Placement> {
        let subject: Vec<Region> = match &self.watches {
            Watches::Named { metric, key, .. } if metric.subject == Subject::Table => {
                model.tables.get(key).map(|table| table.members.keys().cloned().collect()).unwrap_or_default()
            }
            Watches::Named { .. } | Watches::Custom(_) => Vec::new(),
        };
        self.members.keys().flat_map(|watched| placements(key, self.place(), watched, &subject, &gateways(watched))).collect()
    }
}

/// The alarms of one watched region. `subject`: the regions of what is watched, for pairs; `gateways`: the numbers of the NAT
/// gateways that the watched region has. The checks name alarms by the same function.
pub(in crate::topology) fn placements(key: &str, place: Place, watched: &Region, subject: &[Region], gateways: &[usize]) -> Vec<Placement> {
    let one = |stands: &Region, name: String, of| Placement { stands: stands.clone(), watched: watched.clone(), name, of };
    match place {
        Place::Region => vec![one(watched, key.to_owned(), PlacementOf::Region)],
        Place::Pairs => {
            let others = subject.iter().filter(|other| *other != watched);
            others.map(|other| one(watched, format!("{key}-{other}"), PlacementOf::Receiving(other.clone()))).collect()
        }
        Place::NatGateways => gateways.iter().map(|n| one(watched, format!("{key}-{n}"), PlacementOf::NatGateway(*n))).collect(),
        Place::UsEast1 => vec![one(&Region::new(US_EAST_1), format!("{key}-{watched}"), PlacementOf::Region)],
    }
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
    /// SQS queues and Lambda functions. `{stack}` is filled in, `{region}` is not ([`Alerts::arns_in`]), nor is `{account}` where the
    /// file sets none.
    pub arns: Vec<String>,
    /// The KMS key that a region's topic is encrypted with; a region that is absent has none.
    pub encryption: BTreeMap<Region, String>,
}

impl Alerts {
    /// The queues and functions as they are told from a region.
    #[must_use]
    pub fn arns_in(&self, region: &Region) -> Vec<String> {
        self.arns.iter().map(|arn| arn.replace("{region}", region.as_str())).collect()
    }
}
