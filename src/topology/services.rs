//! A service's draft becomes its part of the model: defaults filled in, `per_region` merged, placeholders filled. The checks judge by
//! the same functions.
use std::time::Duration;

use indexmap::IndexMap;

use super::{
    aurora::uses_model,
    decode::{CertificateDraft, Draft, IamDraft, RecordDraft, RetentionDraft, ScaleOnDraft, ServiceDraft, ServiceMemberDraft, TasksDraft},
    model::{
        Architecture, Certificate, ContainerHealthCheck, Deployment, Iam, Image, LoadBalancer, ScaleOn, Service, ServiceMember,
        TargetHealthCheck, Tasks,
    },
    placeholders::{self, Values},
    records,
    report::At,
};
use crate::resource::Region;

/// The tables' names in DynamoDB, by key.
type Names = IndexMap<String, String>;

/// The service of a draft that passed every check. `order`: the regions in rollout order.
pub fn service_model(draft: &Draft, service: &ServiceDraft, table_names: &Names, order: &[Region]) -> Service {
    let codes = region_codes(draft, service);
    let members = order.iter().filter(|region| codes.contains(&region.as_str()));
    Service { members: members.map(|region| (region.clone(), member(draft, service, table_names, region.as_str()))).collect() }
}

/// The regions of a service, in the order of the file.
pub fn region_codes<'a>(draft: &'a Draft, service: &ServiceDraft) -> Vec<&'a str> {
    let wanted = |code: &&str| service.regions.as_ref().is_none_or(|list| list.value.iter().any(|region| region.value == *code));
    draft.region_codes().into_iter().filter(wanted).collect()
}

/// The load balancer of a service in a region: whoever listens is public unless the file says otherwise.
pub fn load_balancer(member: &ServiceMemberDraft) -> LoadBalancer {
    let default = if member.port_present { LoadBalancer::Public } else { LoadBalancer::None };
    member.load_balancer.as_ref().map_or(default, |given| given.value)
}

/// The names under which the records of the file reach a service in a region, sorted.
pub fn names(draft: &Draft, service: &str, region: &str) -> Vec<String> {
    let points = |record: &&RecordDraft| {
        let service_named = record.service.as_ref().is_some_and(|named| named.value == service);
        service_named && records::region_codes(draft, record).contains(&region)
    };
    let mut names: Vec<String> = draft.dns.iter().flat_map(|dns| &dns.records).filter(points).map(records::name).collect();
    names.sort_unstable();
    names
}

/// The certificate of a service in a region; an ARN that is missing there is none.
pub fn certificate(draft: &Draft, service: &ServiceDraft, region: &str) -> Certificate {
    match &service.member_in(region).certificate {
        Some(CertificateDraft::Word(word)) => word.value.clone(),
        Some(CertificateDraft::Arns { arns, .. }) => {
            let arn = arns.iter().find(|(of, _)| of.value == region).and_then(|(_, arn)| arn.as_ref());
            arn.map_or(Certificate::None, |arn| Certificate::Arn(arn.value.clone()))
        }
        None if names(draft, &service.key.value, region).is_empty() => Certificate::None,
        None => Certificate::Managed,
    }
}

/// The smallest size that Fargate has, and the smallest memory that goes with a CPU (field guide 7.2 item 3): twice as many MiB.
pub fn size(member: &ServiceMemberDraft) -> (u64, u64) {
    let cpu = member.cpu.as_ref().map_or(256, |cpu| cpu.value);
    (cpu, member.memory.as_ref().map_or(cpu.saturating_mul(2), |memory| memory.value))
}

/// The least and the most tasks of a service in a region.
pub fn task_range(tasks: Option<&TasksDraft>) -> (u64, u64) {
    let given = |at: &Option<At<u64>>| at.as_ref().map(|at| at.value);
    let (min, max) = tasks.map_or((None, None), |tasks| (given(&tasks.min), given(&tasks.max)));
    // Two, so that a zone may go; but who asks for at most one means one.
    let min = min.unwrap_or_else(|| max.map_or(2, |max| max.min(2)));
    (min, max.unwrap_or(min))
}

/// The least healthy and the most running tasks of a deployment, in percent.
pub fn deployment(member: &ServiceMemberDraft) -> (u64, u64) {
    let Some(draft) = &member.deployment else { return (100, 200) };
    let percent = |at: &Option<At<u64>>, default| at.as_ref().map_or(default, |at| at.value);
    (percent(&draft.minimum_healthy, 100), percent(&draft.maximum, 200))
}

/// What placeholders stand for in the texts of a service in a region. `braces`: whether the text may have some of its own.
pub fn values<'a>(draft: &'a Draft, table_names: &'a Names, region: &'a str, braces: bool, place: &'a str) -> Values<'a> {
    Values {
        stack: draft.stack.as_ref().map(|stack| stack.value.as_str()),
        account: draft.account.as_ref().map(|account| account.value.as_str()),
        tables: Some(table_names),
        region: Some(region),
        account_later: true,
        braces,
        place,
    }
}

/// The times of a service's own health check: what is not given.
pub const INTERVAL: Duration = Duration::from_secs(10);
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// ECS's own (ECS API reference, HealthCheck).
pub const CONTAINER_INTERVAL: Duration = Duration::from_secs(30);

fn member(draft: &Draft, service: &ServiceDraft, table_names: &Names, region: &str) -> ServiceMember {
    let member = service.member_in(region);
    let values = values(draft, table_names, region, true, "a service");
    // The checks have shown all that is wrong with them.
    let text = |text: &At<String>| placeholders::fill(text, &values, &mut Vec::new()).unwrap_or_default();
    let texts = |list: &[At<String>]| list.iter().map(text).collect::<Vec<_>>();
    let by_name = |list: &[(At<String>, At<String>)]| list.iter().map(|(name, value)| (name.value.clone(), text(value))).collect();
    let lasts = |given: &Option<At<Duration>>, default| given.as_ref().map_or(default, |given| given.value);
    let is = |flag: &Option<At<bool>>, default| flag.as_ref().map_or(default, |flag| flag.value);
    let ((cpu, memory), (min, max)) = (size(member), task_range(member.tasks.as_ref()));
    let (minimum_healthy, maximum) = deployment(member);
    ServiceMember {
        image: Image {
            uri: member.image.as_ref().and_then(|image| image.uri.as_ref()).map(text).unwrap_or_default(),
            owned_by_ci: member.image.as_ref().is_some_and(|image| image.owned_by_ci),
        },
        cpu: small(cpu),
        memory: small(memory),
        architecture: member.architecture.as_ref().map_or(Architecture::X86_64, |architecture| architecture.value),
        port: member.port.as_ref().and_then(|port| u16::try_from(port.value).ok()),
        command: texts(&member.command),
        entrypoint: texts(&member.entrypoint),
        environment: by_name(&member.environment),
        secrets: by_name(&member.secrets),
        tasks: Tasks { min: small(min), max: small(max) },
        scale_on: member.scale_on.as_ref().and_then(scale),
        tables: member.tables.iter().map(|(key, access)| (key.value.clone(), access.value)).collect(),
        aurora: member.aurora.iter().map(|uses| (uses.key.value.clone(), uses_model(uses))).collect(),
        load_balancer: load_balancer(member),
        allow_from: match &member.allow_from {
            None => vec![ipnet::Ipv4Net::default()],
            Some(list) => list.value.iter().filter_map(|range| range.value.parse().ok()).collect(),
        },
        health_check: target_health_check(member),
        container_health_check: member.container_health_check.as_ref().map(|check| ContainerHealthCheck {
            command: check.command.as_ref().map(|command| texts(&command.value)).unwrap_or_default(),
            interval: lasts(&check.interval, CONTAINER_INTERVAL),
            retries: check.retries.as_ref().map_or(3, |retries| small(retries.value)),
            start_period: lasts(&check.start_period, Duration::ZERO),
        }),
        certificate: certificate(draft, service, region),
        grace_period: lasts(&member.grace_period, Duration::from_secs(60)),
        stop_timeout: lasts(&member.stop_timeout, Duration::from_secs(30)),
        deregistration_delay: lasts(&member.deregistration_delay, Duration::from_secs(30)),
        deployment: Deployment { minimum_healthy: small(minimum_healthy), maximum: small(maximum) },
        log_retention: match &member.retention {
            None => Some(30),
            Some(RetentionDraft::Days(days)) => Some(small(days.value)),
            Some(RetentionDraft::Forever) => None,
        },
        exec: is(&member.exec, false),
        container_insights: is(&member.container_insights, false),
        deletion_protection: is(&member.deletion_protection, true),
    }
}

/// The checks allow no number that would not fit.
fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn scale(on: &ScaleOnDraft) -> Option<ScaleOn> {
    let target = |at: &Option<At<u64>>| at.as_ref().map(|at| small(at.value));
    let percent = target(&on.cpu).map(ScaleOn::Cpu).or_else(|| target(&on.memory).map(ScaleOn::Memory));
    percent.or_else(|| target(&on.requests_per_target).map(ScaleOn::RequestsPerTarget))
}

fn target_health_check(member: &ServiceMemberDraft) -> TargetHealthCheck {
    let draft = member.health_check.as_ref();
    let lasts = |given: Option<&At<Duration>>, default| given.map_or(default, |given| given.value);
    let answers = |given: Option<&At<u64>>| given.map_or(2, |given| small(given.value));
    TargetHealthCheck {
        path: health_path(member),
        interval: lasts(draft.and_then(|draft| draft.interval.as_ref()), INTERVAL),
        timeout: lasts(draft.and_then(|draft| draft.timeout.as_ref()), TIMEOUT),
        healthy: answers(draft.and_then(|draft| draft.healthy.as_ref())),
        unhealthy: answers(draft.and_then(|draft| draft.unhealthy.as_ref())),
        codes: draft.and_then(|draft| draft.codes.as_ref()).map_or_else(|| "200-299".to_owned(), |codes| codes.value.clone()),
    }
}

/// The path that the load balancer asks; a record's health check asks it too unless it has its own.
pub fn health_path(member: &ServiceMemberDraft) -> String {
    let path = member.health_check.as_ref().and_then(|check| check.path.as_ref());
    path.map_or_else(|| "/".to_owned(), |path| path.value.clone())
}

/// The section `iam`.
pub fn iam_model(draft: &Draft, iam: &IamDraft) -> Iam {
    let boundary = iam.permissions_boundary.as_ref();
    let default = Iam::default();
    Iam {
        path: iam.path.as_ref().map_or(default.path, |path| path.value.clone()),
        permissions_boundary: boundary.and_then(|arn| placeholders::fill(arn, &boundary_values(draft), &mut Vec::new())),
    }
}

/// What placeholders stand for in `permissions_boundary`.
pub fn boundary_values(draft: &Draft) -> Values<'_> {
    Values {
        stack: draft.stack.as_ref().map(|stack| stack.value.as_str()),
        account: draft.account.as_ref().map(|account| account.value.as_str()),
        tables: None,
        region: None,
        account_later: false,
        braces: false,
        place: "`permissions_boundary`",
    }
}
