//! The tree of nodes becomes a [`Draft`]: typed values with spans, not yet checked against each other.
//!
//! Whatever could not be read is absent from the draft and stands in the problems instead.
mod alarms;
mod aurora;
mod billing;
mod dns;
mod encryption;
mod iam;
mod index;
mod network;
mod per_region;
mod reader;
mod service;
mod service_parts;
mod table;

use std::time::Duration;

pub use alarms::{AlarmDraft, AlarmMemberDraft, AlertsDraft, SUBJECTS, ThresholdUnit};
pub use aurora::{AuroraDraft, AuroraEncryptionDraft, AuroraMemberDraft, ServerlessDraft, UsesAuroraDraft};
pub use billing::{BillingDraft, ScalingDraft};
pub use dns::{DnsDraft, HealthCheckDraft, Policy, RecordDraft};
pub use encryption::{EncryptionDraft, KeysDraft};
pub use iam::IamDraft;
pub use index::{IndexDraft, ProjectionDraft};
pub use network::{ExistingDraft, NetworkDraft, Zones};
pub use reader::{Block, Place, Reading};
pub use service::{CertificateDraft, ServiceDraft, ServiceMemberDraft};
pub use service_parts::{RetentionDraft, ScaleOnDraft, TasksDraft};
pub use table::{AttributeDraft, MemberDraft, TableDraft};

use crate::topology::{
    codes,
    model::{
        Access, Architecture, AttributeType, AuroraEncryption, AuroraEngine, Certificate, Consistency, Encryption, HealthCheckProtocol,
        InsufficientData, LoadBalancer, MissingData, NatGateways, OnDestroy, Peering, Projection, Statistic, Stream, TableClass, When,
        Writes,
    },
    node::Node,
    report::{At, Problem, Span},
};

/// The words of `nat_gateways`, of `peering` and so on: the reader and the schema both take them from here.
pub const NAT_GATEWAYS: &[(&str, NatGateways)] =
    &[("per_zone", NatGateways::PerZone), ("single", NatGateways::Single), ("none", NatGateways::None)];
pub const PEERING: &[(&str, Peering)] = &[("none", Peering::None), ("mesh", Peering::Mesh)];
pub const WRITES: &[(&str, Writes)] = &[("any_region", Writes::AnyRegion), ("one_region", Writes::OneRegion), ("by_key", Writes::ByKey)];
pub const ATTRIBUTE_TYPES: &[(&str, AttributeType)] =
    &[("string", AttributeType::String), ("number", AttributeType::Number), ("binary", AttributeType::Binary)];

pub const CONSISTENCIES: &[(&str, Consistency)] = &[("eventual", Consistency::Eventual), ("strong", Consistency::Strong)];
pub const TABLE_CLASSES: &[(&str, TableClass)] = &[("standard", TableClass::Standard), ("infrequent_access", TableClass::InfrequentAccess)];
pub const STREAMS: &[(&str, Stream)] = &[("new_and_old_images", Stream::NewAndOldImages), ("none", Stream::None)];
/// The words of `projection`; a list of attributes is the third way to write it.
pub const PROJECTIONS: &[(&str, Projection)] = &[("all", Projection::All), ("keys_only", Projection::KeysOnly)];
/// The words of `encryption`; a map of keys is the third way to write it.
pub const ENCRYPTIONS: &[(&str, Encryption)] = &[("aws_owned", Encryption::AwsOwned), ("aws_managed", Encryption::AwsManaged)];
pub const AURORA_ENGINES: &[(&str, AuroraEngine)] =
    &[(AuroraEngine::Mysql.as_str(), AuroraEngine::Mysql), (AuroraEngine::Postgresql.as_str(), AuroraEngine::Postgresql)];
/// The word of `encryption` of a global database; a map of keys is the other way to write it.
pub const AURORA_ENCRYPTIONS: &[(&str, AuroraEncryption)] = &[("aws_managed", AuroraEncryption::AwsManaged)];
pub const ON_DESTROY: &[(&str, OnDestroy)] = &[("snapshot", OnDestroy::Snapshot), ("skip", OnDestroy::Skip)];
pub const ARCHITECTURES: &[(&str, Architecture)] = &[("x86_64", Architecture::X86_64), ("arm64", Architecture::Arm64)];
pub const ACCESSES: &[(&str, Access)] = &[("read", Access::Read), ("write", Access::Write), ("read_write", Access::ReadWrite)];
pub const LOAD_BALANCERS: &[(&str, LoadBalancer)] =
    &[("public", LoadBalancer::Public), ("internal", LoadBalancer::Internal), ("none", LoadBalancer::None)];
/// The words of `certificate`; a map of ARNs is the third way to write it.
pub const CERTIFICATES: &[(&str, Certificate)] = &[("managed", Certificate::Managed), ("none", Certificate::None)];
pub const POLICIES: &[(&str, Policy)] =
    &[("latency", Policy::Latency), ("weighted", Policy::Weighted), ("geolocation", Policy::Geolocation)];
/// `auto` is decided when the service is known.
pub const HEALTH_CHECK_TYPES: &[(&str, Option<HealthCheckProtocol>)] = &[
    ("auto", None),
    ("https", Some(HealthCheckProtocol::Https)),
    ("http", Some(HealthCheckProtocol::Http)),
    ("tcp", Some(HealthCheckProtocol::Tcp)),
];

pub const INSUFFICIENT_DATA: &[(&str, InsufficientData)] = &[
    ("healthy", InsufficientData::Healthy),
    ("unhealthy", InsufficientData::Unhealthy),
    ("last_known_status", InsufficientData::LastKnownStatus),
];
pub const WHENS: &[(&str, When)] = &[("above", When::Above), ("below", When::Below)];
pub const MISSING_DATA: &[(&str, MissingData)] = &[
    ("not_breaching", MissingData::NotBreaching),
    ("breaching", MissingData::Breaching),
    ("ignore", MissingData::Ignore),
    ("missing", MissingData::Missing),
];
/// The words of `statistic`; a percentile is the other way to write it.
pub const STATISTICS: &[(&str, Statistic)] = &[
    ("average", Statistic::Average),
    ("sum", Statistic::Sum),
    ("minimum", Statistic::Minimum),
    ("maximum", Statistic::Maximum),
    ("sample_count", Statistic::SampleCount),
];

/// Sections of the format that this version does not build.
pub const SECTIONS_NOT_BUILT: [&str; 1] = ["ignore"];

/// The file as far as it could be read.
#[derive(Default)]
pub struct Draft {
    pub version: Option<At<String>>,
    pub stack: Option<At<String>>,
    pub account: Option<At<String>>,
    pub tags: Vec<(At<String>, At<String>)>,
    /// Where the key `regions` stands, if it holds a map.
    pub regions_key: Option<Span>,
    pub regions: Vec<RegionDraft>,
    pub network: Option<NetworkDraft>,
    pub tables: Vec<TableDraft>,
    pub aurora: Vec<AuroraDraft>,
    pub services: Vec<ServiceDraft>,
    pub iam: Option<IamDraft>,
    pub dns: Option<DnsDraft>,
    pub alarms: Vec<AlarmDraft>,
    /// There, but no map.
    pub alarms_unreadable: bool,
    /// The span is that of the key.
    pub alerts: Option<At<AlertsDraft>>,
    pub dashboard: Option<At<bool>>,
    pub rollout: RolloutDraft,
}

/// One line under `regions`.
pub struct RegionDraft {
    pub code: At<String>,
    pub cidr: Option<At<String>>,
    /// Present but unreadable: the missing-range check must stay silent.
    pub cidr_present: bool,
    pub state: Option<At<String>>,
}

/// The section `rollout`.
#[derive(Default)]
pub struct RolloutDraft {
    pub order: Vec<At<String>>,
    pub bake: Option<At<Duration>>,
    pub gate_timeout: Option<At<Duration>>,
}

impl Draft {
    /// The region codes of the file, in its order. Where it names none, nothing can be judged against them.
    pub fn region_codes(&self) -> Vec<&str> {
        self.regions.iter().map(|region| region.code.value.as_str()).collect()
    }
}

/// Reads the whole file.
pub fn decode(root: &Node, reading: &mut Reading) -> Draft {
    // What is missing at the top is shown at the first line, not as an underlined file.
    let top = Span { start: root.span.start, end: root.span.start };
    let Some(mut block) = reading.block(Place { node: root, key: top }, "", "topology") else {
        return Draft::default();
    };
    let mut draft = Draft {
        version: block.required(reading, "version", "write `version: 1`", |r, place, path| r.text(place, path)),
        stack: block.required(reading, "stack", "give the stack a short name: `stack: shop`", |r, place, path| r.text(place, path)),
        account: block.optional(reading, "account", |r, place, path| r.text(place, path)),
        tags: block.optional(reading, "tags", tags).unwrap_or_default(),
        ..Draft::default()
    };
    block.optional(reading, "objectives", objectives);
    let hint = "write `regions:` and below it one line a region: `us-east-1: { cidr: 10.10.0.0/16 }`";
    let read = block.required(reading, "regions", hint, |r, place, path| regions(r, place, path).map(|regions| (place.key, regions)));
    (draft.regions_key, draft.regions) = read.map_or_else(Default::default, |(key, regions)| (Some(key), regions));
    draft.network = network::network(reading, &mut block);
    draft.tables = block.optional(reading, "tables", table::tables).unwrap_or_default();
    draft.aurora = block.optional(reading, "aurora", aurora::aurora).unwrap_or_default();
    draft.services = block.optional(reading, "services", service::services).unwrap_or_default();
    draft.iam = block.optional(reading, "iam", iam::iam);
    draft.dns = block.optional(reading, "dns", dns::dns);
    let alarms = block.optional(reading, "alarms", alarms::alarms);
    draft.alarms_unreadable = alarms.is_none() && block.entry(reading, "alarms").is_some_and(|entry| !entry.value.is_null());
    draft.alarms = alarms.unwrap_or_default();
    draft.alerts = block.optional(reading, "alerts", alarms::alerts);
    draft.dashboard = block.optional(reading, "dashboard", |r, place, path| r.boolean(place, path));
    draft.rollout = block.optional(reading, "rollout", rollout).unwrap_or_default();
    for section in SECTIONS_NOT_BUILT {
        if let Some(entry) = block.entry(reading, section) {
            reading.problems.push(
                Problem::new(codes::SECTION_NOT_BUILT, format!("this version does not build `{section}` yet"))
                    .at(entry.key.span, "not built yet")
                    .help("remove the section, or keep it as a comment until mrctl can build it"),
            );
        }
    }
    block.finish(reading);
    draft
}

fn tags(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Vec<(At<String>, At<String>)>> {
    let entries = reading.entries(place, path)?;
    let tags = entries.iter().filter_map(|entry| {
        // An empty value is judged by the check, which can say why it is refused.
        if entry.value.is_null() {
            return Some((entry.key.clone(), At { value: String::new(), span: entry.value.span }));
        }
        let value = reading.text(Place { node: &entry.value, key: entry.key.span }, &format!("{path}.{}", entry.key.value))?;
        Some((entry.key.clone(), value))
    });
    Some(tags.collect())
}

/// Accepted and checked for form; what they promise is judged by a later version.
fn objectives(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<()> {
    let mut block = reading.block(place, path, "objectives")?;
    block.optional(reading, "rto", |r, place, path| r.duration(place, path));
    block.optional(reading, "rpo", |r, place, path| r.duration(place, path));
    block.optional(reading, "survive_regions", |r, place, path| r.whole_number(place, path));
    block.finish(reading);
    Some(())
}

fn regions(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Vec<RegionDraft>> {
    let entries = reading.entries(place, path)?;
    let mut regions = Vec::new();
    for entry in entries {
        let path = format!("{path}.{}", entry.key.value);
        let mut region = RegionDraft { code: entry.key.clone(), cidr: None, cidr_present: false, state: None };
        // `eu-west-1:` alone is a region without a network.
        let block = if entry.value.is_null() {
            Some(Block::over("region", &path, entry.key.span, &[]))
        } else {
            reading.block(Place { node: &entry.value, key: entry.key.span }, &path, "region")
        };
        match block {
            Some(mut block) => {
                region.cidr_present = block.entry(reading, "cidr").is_some_and(|entry| !entry.value.is_null());
                region.cidr = block.optional(reading, "cidr", |r, place, path| r.text(place, path));
                region.state = block.optional(reading, "state", |r, place, path| r.text(place, path));
                block.finish(reading);
            }
            None => region.cidr_present = true,
        }
        regions.push(region);
    }
    Some(regions)
}

fn rollout(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<RolloutDraft> {
    let mut block = reading.block(place, path, "rollout")?;
    let draft = RolloutDraft {
        order: block.optional(reading, "order", |r, place, path| r.texts(place, path)).map(|list| list.value).unwrap_or_default(),
        bake: block.optional(reading, "bake", |r, place, path| r.duration(place, path)),
        gate_timeout: block.optional(reading, "gate_timeout", |r, place, path| r.duration(place, path)),
    };
    block.finish(reading);
    Some(draft)
}
