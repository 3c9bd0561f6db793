//! The section `dns`.
use indexmap::IndexMap;

use crate::resource::Region;

/// The section `dns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    pub zone: HostedZone,
    /// By name (lower case, no dot at the end), in the order of the file.
    pub records: IndexMap<String, DnsRecord>,
}

/// `zone`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedZone {
    /// Lower case, no dot at the end.
    pub name: String,
    /// Whether mrctl makes it; otherwise it exists, is public, and stays.
    pub create: bool,
}

/// One entry of `records`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecord {
    /// The key of the service whose load balancers it points at.
    pub service: String,
    /// One for each region of the record, in rollout order.
    pub members: IndexMap<Region, RecordMember>,
}

/// A record in one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMember {
    pub routing: Routing,
    /// Nothing: only what the load balancer says of its targets counts.
    pub health_check: Option<HealthCheck>,
}

/// How clients come to a region. All members of a record have the same variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Routing {
    Latency,
    /// 0 to 255.
    Weighted(u32),
    /// Never empty; each location is in one region of the record only.
    Geolocation(Vec<Location>),
}

/// One entry of `locations`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// `AF`, `AN`, `AS`, `EU`, `OC`, `NA`, `SA`.
    Continent(String),
    /// Two letters, for example `DE`. A code that is both a continent's and a country's is the continent's.
    Country(String),
    /// `default`: everyone else.
    Default,
}

impl Location {
    /// As it stands in the file and in addresses: `EU`, `DE`, `default`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Continent(code) | Self::Country(code) => code,
            Self::Default => "default",
        }
    }
}

/// `health_check` of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthCheck {
    /// Route 53 asks the load balancer.
    Endpoint(EndpointCheck),
    /// `from_alarm`: Route 53 follows an alarm of the same region.
    Alarm(AlarmCheck),
}

impl HealthCheck {
    /// The port of the load balancer that Route 53 asks; nothing when it asks nobody.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        match self {
            Self::Endpoint(check) => Some(check.port),
            Self::Alarm(_) => None,
        }
    }
}

/// A health check that follows an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmCheck {
    /// The key under `alarms`; the alarm has a member in the record's region, and stands there.
    pub alarm: String,
    pub insufficient_data: InsufficientData,
}

/// `insufficient_data`: how the check stands while the alarm has too little to judge by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsufficientData {
    Healthy,
    Unhealthy,
    LastKnownStatus,
}

/// A health check that asks; `auto` is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointCheck {
    pub protocol: HealthCheckProtocol,
    pub port: u16,
    /// Absent for TCP.
    pub path: Option<String>,
    /// Seconds: 10 or 30.
    pub interval: u32,
    /// 1 to 10.
    pub failure_threshold: u32,
}

/// How Route 53 asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthCheckProtocol {
    Https,
    Http,
    Tcp,
}
