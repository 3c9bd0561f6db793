//! The checked topology: newtypes, no spans, nothing optional that need not be.
use std::{collections::BTreeMap, time::Duration};

use indexmap::IndexMap;
use ipnet::Ipv4Net;

use crate::resource::Region;

mod alarms;
mod aurora;
mod dns;
mod service;

pub(in crate::topology) use alarms::placements;
pub use alarms::{Alarm, AlarmMember, Alerts, CustomMetric, MissingData, Placement, PlacementOf, Statistic, Watches, When, composite_rule};
pub use aurora::{Aurora, AuroraCapacity, AuroraEncryption, AuroraEngine, AuroraMember, OnDestroy, UsesAurora};
pub use dns::{
    AlarmCheck, Dns, DnsRecord, EndpointCheck, HealthCheck, HealthCheckProtocol, HostedZone, InsufficientData, Location, RecordMember,
    Routing,
};
pub use service::{
    Access, Architecture, Certificate, ContainerHealthCheck, Deployment, Iam, Image, LoadBalancer, ScaleOn, Service, ServiceMember,
    TargetHealthCheck, Tasks,
};

/// A topology that passed every check. What a reader finds here is final: defaults are filled in, `per_region` is merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    pub stack: String,
    /// Twelve digits: refuse any other account.
    pub account: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// In the order of the file.
    pub regions: IndexMap<Region, RegionSpec>,
    /// Absent: no network is made.
    pub network: Option<Network>,
    /// By the key in the file, in its order.
    pub tables: IndexMap<String, Table>,
    /// By the key in the file, in its order.
    pub aurora: IndexMap<String, Aurora>,
    /// By the key in the file, in its order.
    pub services: IndexMap<String, Service>,
    pub iam: Iam,
    pub dns: Option<Dns>,
    /// By the key in the file, in its order.
    pub alarms: IndexMap<String, Alarm>,
    /// Absent: alarms tell nobody.
    pub alerts: Option<Alerts>,
    pub dashboard: bool,
    pub rollout: Rollout,
}

impl Model {
    /// The regions in rollout order.
    #[must_use]
    pub fn rollout_order(&self) -> Vec<Region> {
        let rest = self.regions.keys().filter(|region| !self.rollout.order.contains(region));
        self.rollout.order.iter().chain(rest).cloned().collect()
    }

    /// Whether the private addresses of one region are reached from the other: in the region itself, and over the peering of
    /// networks that mrctl makes.
    #[must_use]
    pub fn reaches(&self, from: &Region, to: &Region) -> bool {
        let Some(network) = &self.network else { return false };
        let is_made = |region| !network.existing.contains_key(region);
        from == to || (network.peering == Peering::Mesh && is_made(from) && is_made(to))
    }

    /// A service in a region, when it runs there.
    #[must_use]
    pub fn service(&self, key: &str, region: &Region) -> Option<&ServiceMember> {
        self.services.get(key)?.members.get(region)
    }

    /// The services that have a load balancer, in every region in which they have one, each with the port of its tasks.
    pub fn balanced(&self) -> impl Iterator<Item = (&str, &Region, &ServiceMember, u16)> {
        let members = |(key, service)| -> Vec<(&str, &Region, &ServiceMember, u16)> {
            let (key, service): (&String, &Service) = (key, service);
            let with = service.members.iter().filter_map(|(region, member)| Some((region, member, member.balanced_port()?)));
            with.map(|(region, member, port)| (key.as_str(), region, member, port)).collect()
        };
        self.services.iter().flat_map(members)
    }

    /// The names under which clients of a region reach a service: those of the records that point at it there, sorted. A managed
    /// certificate is for these.
    #[must_use]
    pub fn names_of(&self, service: &str, region: &Region) -> Vec<&str> {
        let records = self.dns.iter().flat_map(|dns| &dns.records);
        let pointing = records.filter(|(_, record)| record.service == service && record.members.contains_key(region));
        let mut names: Vec<&str> = pointing.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }
}

/// One line under `regions`.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionSpec {
    /// The VPC's range, /16 to /22; there whenever the topology has a network.
    pub cidr: Option<Ipv4Net>,
}

/// The section `network`.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub availability_zones: ZoneChoice,
    pub nat_gateways: NatGateways,
    /// Names of gateway and interface endpoints.
    pub endpoints: Vec<String>,
    pub peering: Peering,
    /// VPCs that are referred to and never touched; mrctl makes no network in these regions.
    pub existing: BTreeMap<Region, ExistingNetwork>,
}

/// `availability_zones: 3`, or a list of zone ids for each region that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZoneChoice {
    /// 2 to 4.
    Count(usize),
    /// Zone ids such as `use1-az1`, each region's own in the order of the file.
    Ids(BTreeMap<Region, Vec<String>>),
}

/// `nat_gateways`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatGateways {
    PerZone,
    Single,
    None,
}

/// `peering`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peering {
    None,
    Mesh,
}

/// `network.existing.<region>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingNetwork {
    /// Where the region stands in the file, from 1: what is wrong with the VPC shows only when AWS is read.
    pub line: usize,
    pub vpc: String,
    pub public_subnets: Vec<String>,
    pub private_subnets: Vec<String>,
}

/// One entry of `tables`.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The DynamoDB name: `<stack>-<key>` unless `name:` says otherwise.
    pub name: String,
    pub partition_key: KeyAttribute,
    pub sort_key: Option<KeyAttribute>,
    /// The table's members, in rollout order, each with its own settings.
    pub members: IndexMap<Region, TableMember>,
    pub writes: Writes,
    pub consistency: Consistency,
    /// The region that votes and stores nothing, of a strongly consistent table with two members.
    pub witness: Option<Region>,
    /// The attribute with the time after which DynamoDB deletes an item; nothing: items stay.
    pub ttl_attribute: Option<String>,
    pub table_class: TableClass,
    pub stream: Stream,
    /// Secondary indexes by name, in the order of the file.
    pub indexes: IndexMap<String, TableIndex>,
}

/// One entry of `indexes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableIndex {
    /// Of a local index: that of the table.
    pub partition_key: KeyAttribute,
    pub sort_key: Option<KeyAttribute>,
    pub projection: Projection,
    /// Whether it sorts each partition of the table; otherwise it is global.
    pub local: bool,
}

/// Which attributes an index carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Projection {
    All,
    KeysOnly,
    /// These, beside the keys.
    Attributes(Vec<String>),
}

/// What may differ from region to region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableMember {
    pub point_in_time_recovery: bool,
    pub deletion_protection: bool,
    pub encryption: Encryption,
    pub billing: Billing,
}

/// How the capacity of a member is paid for. All members agree on which of the two it is, and on writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Billing {
    OnDemand,
    Provisioned(Capacity),
}

/// Provisioned capacity of a member and of each of its global indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    pub read: Scaling,
    pub write: Scaling,
}

/// Between which limits AWS scales, and towards what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaling {
    /// Capacity units, at least 1.
    pub min: i32,
    /// Capacity units, at least `min`.
    pub max: i32,
    /// The part of the capacity that is to be used, in percent, 20 to 90.
    pub target: u8,
}

/// `table_class`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableClass {
    Standard,
    InfrequentAccess,
}

/// `consistency`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    Eventual,
    Strong,
}

/// `stream`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    NewAndOldImages,
    None,
    /// Not said, and the table has no replicas: whoever turned one on keeps it.
    Unsaid,
}

/// Who holds the key that a member is encrypted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    AwsOwned,
    AwsManaged,
    /// The ARN of a KMS key of the member's region.
    Key(String),
}

/// A key attribute of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAttribute {
    pub name: String,
    pub attribute_type: AttributeType,
}

/// The three scalar types DynamoDB allows in keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeType {
    String,
    Number,
    Binary,
}

/// How the application avoids lost updates; a statement about the application, not a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    AnyRegion,
    OneRegion,
    ByKey,
}

/// The section `rollout`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Overrides the order of `regions`.
    pub order: Vec<Region>,
    pub bake: Duration,
    pub gate_timeout: Duration,
}

impl Default for Rollout {
    fn default() -> Self {
        Self { order: Vec::new(), bake: Duration::from_secs(120), gate_timeout: Duration::from_secs(900) }
    }
}
