//! The metrics that an alarm can name: the source of `docs/alarms.md`, of the checks, of the alarms and of the dashboard.
use super::model::{MissingData, Statistic, When};

/// A named metric.
#[derive(Debug, PartialEq)]
pub struct Metric {
    /// As in the file, for example `target_5xx`.
    pub name: &'static str,
    pub subject: Subject,
    /// For example `AWS/ApplicationELB`.
    pub namespace: &'static str,
    /// AWS's name of the metric.
    pub aws_name: &'static str,
    /// In the order in which AWS documents them.
    pub dimensions: &'static [Dimension],
    pub statistic: Statistic,
    pub unit: Unit,
    pub when: When,
    pub missing_data: MissingData,
    pub place: Place,
    /// What it tells, a sentence for the reader.
    pub about: &'static str,
}

/// What a metric is of: the key of the alarm that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `service: KEY`
    Service,
    /// `table: KEY`
    Table,
    /// `aurora: KEY`
    Aurora,
    /// `record: NAME`, a record with a health check.
    Record,
    /// Nothing to name: the region's network.
    Network,
}

/// Where the alarms of a metric stand, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// One in each region.
    Region,
    /// One in each region for every other region of the subject (source and receiving region).
    Pairs,
    /// One in each region for every NAT gateway there.
    NatGateways,
    /// One in us-east-1 for each region: AWS has the metric there only.
    UsEast1,
}

/// A dimension, by what its value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    LoadBalancer,
    TargetGroup,
    ClusterName,
    ServiceName,
    TableName,
    ReceivingRegion,
    DbClusterIdentifier,
    HealthCheckId,
    NatGatewayId,
}

impl Dimension {
    /// AWS's name of it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LoadBalancer => "LoadBalancer",
            Self::TargetGroup => "TargetGroup",
            Self::ClusterName => "ClusterName",
            Self::ServiceName => "ServiceName",
            Self::TableName => "TableName",
            Self::ReceivingRegion => "ReceivingRegion",
            Self::DbClusterIdentifier => "DBClusterIdentifier",
            Self::HealthCheckId => "HealthCheckId",
            Self::NatGatewayId => "NatGatewayId",
        }
    }
}

/// In what a metric is counted, as AWS publishes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    Percent,
    Seconds,
    Milliseconds,
    /// AWS publishes it without a unit.
    None,
}

/// Every metric, in the order of `docs/alarms.md`.
pub const METRICS: &[Metric] = &[Metric {
    name: "target_5xx",
    subject: Subject::Service,
    namespace: "AWS/ApplicationELB",
    aws_name: "HTTPCode_Target_5XX_Count",
    dimensions: &[Dimension::LoadBalancer, Dimension::TargetGroup],
    statistic: Statistic::Sum,
    unit: Unit::Count,
    when: When::Above,
    missing_data: MissingData::NotBreaching,
    place: Place::Region,
    about: "Answers with a 5xx status that the tasks gave.",
}];
