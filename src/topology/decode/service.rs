//! The section `services`.
use std::time::Duration;

use super::{
    ACCESSES, ARCHITECTURES, Block, CERTIFICATES, LOAD_BALANCERS, Place, Reading,
    aurora::{UsesAuroraDraft, uses_aurora},
    per_region::{Whose, per_region},
    service_parts::{
        ContainerHealthCheckDraft, DeploymentDraft, ImageDraft, RetentionDraft, ScaleOnDraft, TargetHealthCheckDraft, TasksDraft,
        container_health_check, deployment, image, logs, scale_on, target_health_check, tasks,
    },
};
use crate::topology::{
    codes,
    model::{Access, Architecture, Certificate, LoadBalancer},
    node::{Entry, Value},
    report::{At, Problem, Span},
};

/// What names the regions of a service cannot differ between them.
const SHARED: [&str; 1] = ["regions"];
const IMAGE: &str = "write `image: \"{account}.dkr.ecr.{region}.amazonaws.com/api:1.4.2\"`";

/// One entry of `services`.
pub struct ServiceDraft {
    pub key: At<String>,
    /// Nothing: all regions of the file. The span is that of the key.
    pub regions: Option<At<Vec<At<String>>>>,
    pub member: ServiceMemberDraft,
    /// By region, the settings there: `per_region` merged over the service's own.
    pub per_region: Vec<(At<String>, ServiceMemberDraft)>,
}

impl ServiceDraft {
    /// The settings in a region.
    pub fn member_in(&self, region: &str) -> &ServiceMemberDraft {
        self.per_region.iter().find(|(of, _)| of.value == region).map_or(&self.member, |(_, member)| member)
    }
}

/// The settings of a service in a region; what is absent has its default.
pub struct ServiceMemberDraft {
    pub image: Option<ImageDraft>,
    pub cpu: Option<At<u64>>,
    pub memory: Option<At<u64>>,
    pub architecture: Option<At<Architecture>>,
    pub port: Option<At<u64>>,
    /// There, but perhaps unreadable: what needs a port must then stay silent.
    pub port_present: bool,
    pub command: Vec<At<String>>,
    pub entrypoint: Vec<At<String>>,
    pub environment: Vec<(At<String>, At<String>)>,
    pub secrets: Vec<(At<String>, At<String>)>,
    pub tasks: Option<TasksDraft>,
    pub scale_on: Option<ScaleOnDraft>,
    pub tables: Vec<(At<String>, At<Access>)>,
    pub aurora: Vec<UsesAuroraDraft>,
    pub load_balancer: Option<At<LoadBalancer>>,
    /// The span is that of the key.
    pub allow_from: Option<At<Vec<At<String>>>>,
    pub health_check: Option<TargetHealthCheckDraft>,
    pub container_health_check: Option<ContainerHealthCheckDraft>,
    pub certificate: Option<CertificateDraft>,
    pub grace_period: Option<At<Duration>>,
    pub stop_timeout: Option<At<Duration>>,
    pub deregistration_delay: Option<At<Duration>>,
    pub deployment: Option<DeploymentDraft>,
    pub retention: Option<RetentionDraft>,
    pub exec: Option<At<bool>>,
    pub container_insights: Option<At<bool>>,
    pub deletion_protection: Option<At<bool>>,
}

/// `certificate`: a word, or the ARN of one in each region.
pub enum CertificateDraft {
    Word(At<Certificate>),
    Arns {
        key: Span,
        /// What could not be read is there without its ARN, so that it is not reported as missing too.
        arns: Vec<(At<String>, Option<At<String>>)>,
    },
}

pub fn services(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Vec<ServiceDraft>> {
    let entries = reading.entries(place, path)?;
    Some(entries.iter().filter_map(|entry| service(reading, entry, &format!("{path}.{}", entry.key.value))).collect())
}

fn service(reading: &mut Reading, entry: &Entry, path: &str) -> Option<ServiceDraft> {
    let entries = match &entry.value.value {
        // `api:` alone lacks its image, which says more than "must be a map, not nothing".
        Value::Scalar { .. } if entry.value.is_null() => &[],
        _ => reading.entries(Place { node: &entry.value, key: entry.key.span }, path)?,
    };
    let mut block = Block::over("service", path, entry.key.span, entries);
    let whose = Whose { entries, shared: &SHARED, kind: "service_in_region", what: "a service", code: codes::SERVICE_PER_REGION };
    let image_there = block.required(reading, "image", IMAGE, image);
    let draft = ServiceDraft {
        key: entry.key.clone(),
        regions: block.optional(reading, "regions", |r, place, path| r.texts(place, path)),
        member: ServiceMemberDraft { image: image_there, ..member(reading, &mut block) },
        per_region: block
            .optional(reading, "per_region", |r, place, path| per_region(r, place, path, &whose, member_in_region))
            .unwrap_or_default(),
    };
    block.finish(reading);
    Some(draft)
}

fn member_in_region(reading: &mut Reading, block: &mut Block<'_>, own: &[Entry]) -> ServiceMemberDraft {
    let image_there = block.optional(reading, "image", image);
    // Without its default, null would leave the region without an image.
    if let Some(gone) = own.iter().find(|entry| entry.key.value == "image" && entry.value.is_null()) {
        let text = format!("`{}` has no value", block.path_of("image"));
        reading.problems.push(Problem::new(codes::DECODE_MISSING, text).at(gone.key.span, "nothing after the colon").help(IMAGE));
    }
    ServiceMemberDraft { image: image_there, ..member(reading, block) }
}

/// Everything but the image, which is required in one place only.
fn member(reading: &mut Reading, block: &mut Block<'_>) -> ServiceMemberDraft {
    if let Some(entry) = block.entry(reading, "peak").filter(|entry| !entry.value.is_null()) {
        not_built(reading, "`peak`", entry.key.span, "remove it; `tasks` says how many tasks there may be");
    }
    let (tables, aurora) = block.optional(reading, "uses", uses).unwrap_or_default();
    ServiceMemberDraft {
        image: None,
        cpu: block.optional(reading, "cpu", |r, place, path| r.whole_number(place, path)),
        memory: block.optional(reading, "memory", |r, place, path| r.whole_number(place, path)),
        architecture: block.optional(reading, "architecture", |r, place, path| r.choice(place, path, ARCHITECTURES)),
        port_present: block.entry(reading, "port").is_some_and(|entry| !entry.value.is_null()),
        port: block.optional(reading, "port", |r, place, path| r.whole_number(place, path)),
        command: texts(reading, block, "command"),
        entrypoint: texts(reading, block, "entrypoint"),
        environment: block.optional(reading, "environment", by_name).unwrap_or_default(),
        secrets: block.optional(reading, "secrets", by_name).unwrap_or_default(),
        tasks: block.optional(reading, "tasks", tasks),
        scale_on: block.optional(reading, "scale_on", scale_on),
        tables,
        aurora,
        load_balancer: block.optional(reading, "load_balancer", |r, place, path| r.choice(place, path, LOAD_BALANCERS)),
        allow_from: block.optional(reading, "allow_from", |r, place, path| r.texts(place, path)),
        health_check: block.optional(reading, "health_check", target_health_check),
        container_health_check: block.optional(reading, "container_health_check", container_health_check),
        certificate: block.optional(reading, "certificate", certificate),
        grace_period: block.optional(reading, "grace_period", |r, place, path| r.duration(place, path)),
        stop_timeout: block.optional(reading, "stop_timeout", |r, place, path| r.duration(place, path)),
        deregistration_delay: block.optional(reading, "deregistration_delay", |r, place, path| r.duration(place, path)),
        deployment: block.optional(reading, "deployment", deployment),
        retention: block.optional(reading, "logs", logs).flatten(),
        exec: block.optional(reading, "exec", |r, place, path| r.boolean(place, path)),
        container_insights: block.optional(reading, "container_insights", |r, place, path| r.boolean(place, path)),
        deletion_protection: block.optional(reading, "deletion_protection", |r, place, path| r.boolean(place, path)),
    }
}

fn texts(reading: &mut Reading, block: &mut Block<'_>, key: &'static str) -> Vec<At<String>> {
    block.optional(reading, key, |r, place, path| r.texts(place, path)).map(|list| list.value).unwrap_or_default()
}

/// A map of texts with names of the user's; a name without a value is as if it were not there.
pub fn by_name(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Vec<(At<String>, At<String>)>> {
    let entries = reading.entries(place, path)?;
    let texts = entries.iter().filter(|entry| !entry.value.is_null()).filter_map(|entry| {
        let place = Place { node: &entry.value, key: entry.key.span };
        Some((entry.key.clone(), reading.text(place, &format!("{path}.{}", entry.key.value))?))
    });
    Some(texts.collect())
}

/// The tables that a service uses, and the global databases.
type Uses = (Vec<(At<String>, At<Access>)>, Vec<UsesAuroraDraft>);

fn uses(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Uses> {
    let mut block = reading.block(place, path, "uses")?;
    let tables = block.optional(reading, "tables", |r, place, path| {
        let entries = r.entries(place, path)?;
        let tables = entries.iter().filter(|entry| !entry.value.is_null()).filter_map(|entry| {
            let place = Place { node: &entry.value, key: entry.key.span };
            Some((entry.key.clone(), r.choice(place, &format!("{path}.{}", entry.key.value), ACCESSES)?))
        });
        Some(tables.collect())
    });
    let aurora = block.optional(reading, "aurora", uses_aurora);
    block.finish(reading);
    Some((tables.unwrap_or_default(), aurora.unwrap_or_default()))
}

fn certificate(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<CertificateDraft> {
    if !matches!(place.node.value, Value::Map(_)) {
        return reading.choice(place, path, CERTIFICATES).map(CertificateDraft::Word);
    }
    let entries = reading.entries(place, path)?;
    let arns = entries.iter().filter(|entry| !entry.value.is_null()).map(|entry| {
        let place = Place { node: &entry.value, key: entry.key.span };
        (entry.key.clone(), reading.text(place, &format!("{path}.{}", entry.key.value)))
    });
    Some(CertificateDraft::Arns { key: place.key, arns: arns.collect() })
}

fn not_built(reading: &mut Reading, what: &str, span: Span, help: &str) {
    let problem = Problem::new(codes::SERVICE_NOT_BUILT, format!("{what} is not built yet in this version"));
    reading.problems.push(problem.at(span, "not built yet").help(help));
}
