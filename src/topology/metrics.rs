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
    pub needs: Needs,
    /// What it tells, a sentence for the reader.
    pub about: &'static str,
    /// The page of AWS's documentation that has it.
    pub source: Source,
}

/// What the subject must have in a region, so that AWS has the metric there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    /// A service with a load balancer.
    LoadBalancer,
    /// `container_insights: true` of a service in the region: it is a setting of the cluster they share.
    ContainerInsights,
    /// A table with eventual consistency and at least two regions.
    Replication,
    /// A database with at least two regions.
    SecondaryRegions,
    /// As `SecondaryRegions`, and Aurora MySQL 2.12.0, 3.04.0 or later, or any Aurora PostgreSQL.
    RpoLag,
    /// A cluster with instances.
    Instances,
    /// A record with a health check.
    HealthCheck,
    /// A record with a health check that asks.
    HealthCheckers,
    /// A network that mrctl makes, with NAT gateways.
    NatGateways,
}

/// A page of AWS's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    pub title: &'static str,
    pub url: &'static str,
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
    /// An operation of DynamoDB, which the alarm names.
    Operation,
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
            Self::Operation => "Operation",
            Self::ReceivingRegion => "ReceivingRegion",
            Self::DbClusterIdentifier => "DBClusterIdentifier",
            Self::HealthCheckId => "HealthCheckId",
            Self::NatGatewayId => "NatGatewayId",
        }
    }
}

/// CloudWatch's units (CloudWatch API reference, MetricDatum).
pub const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

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

impl Unit {
    /// AWS's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Percent => "Percent",
            Self::Seconds => "Seconds",
            Self::Milliseconds => "Milliseconds",
            Self::None => "None",
        }
    }
}

mod table;

pub use table::METRICS;

/// A metric by its name in the file.
#[must_use]
pub fn named(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}
