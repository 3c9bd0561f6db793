//! The load balancer of a service: whether it can have one, who may call it, how it asks the tasks, and its certificate.
use std::{collections::BTreeSet, time::Duration};

use ipnet::Ipv4Net;

use super::{
    service_tasks::{lasts_within, within},
    services::Here,
};
use crate::topology::{
    codes,
    decode::{CertificateDraft, ServiceDraft},
    model::{Certificate, LoadBalancer},
    node::shortened,
    records,
    report::{At, Problem, Span},
    services::{self, INTERVAL, TIMEOUT, names},
    suggest,
};

/// Ours: room for two ports each, and for Route 53's checkers on none. `fits` says what there is room for beside those.
const MOST_RANGES: usize = 25;
/// Rules that come in to one security group (Amazon VPC user guide, "Amazon VPC quotas").
const MOST_RULES: usize = 60;
/// So many of them the prefix list of Route 53's health checkers counts for (VPC user guide, "Available AWS-managed prefix lists").
const CHECKERS: usize = 25;
/// Beside the first name (field guide 8.3 item 2).
const MOST_NAMES: usize = 10;

pub fn load_balancer(here: &Here<'_>, problems: &mut Vec<Problem>) {
    let there = services::load_balancer(here.member) != LoadBalancer::None;
    if let Some(given) = here.member.load_balancer.as_ref().filter(|_| there && !here.member.port_present) {
        problems.push(
            Problem::new(codes::SERVICE_LOAD_BALANCER, "a load balancer needs a port to send requests to")
                .at(given.span, "the service has no `port`")
                .help("add `port: 3000` with the port that the container listens on, or write `load_balancer: none`"),
        );
    }
    allow_from(here, problems);
    target_health_check(here, problems);
    container_health_check(here, problems);
    if there {
        certificate(here, problems);
    }
}

/// What is about a load balancer would be passed over in silence when the service has none in any region.
pub fn without_load_balancer(service: &ServiceDraft, regions: &[&str], problems: &mut Vec<Problem>) {
    let has = |region: &&str| services::load_balancer(service.member_in(region)) != LoadBalancer::None;
    if regions.is_empty() || regions.iter().any(has) {
        return;
    }
    let member = &service.member;
    let certificate = member.certificate.as_ref().map(|given| match given {
        CertificateDraft::Word(word) => word.span,
        CertificateDraft::Arns { key, .. } => *key,
    });
    let given: [(&str, Option<Span>); 6] = [
        ("health_check", member.health_check.as_ref().map(|check| check.key)),
        ("allow_from", member.allow_from.as_ref().map(|list| list.span)),
        (
            "certificate",
            certificate.filter(|_| !matches!(&member.certificate, Some(CertificateDraft::Word(At { value: Certificate::None, .. })))),
        ),
        ("grace_period", member.grace_period.as_ref().map(|at| at.span)),
        ("deregistration_delay", member.deregistration_delay.as_ref().map(|at| at.span)),
        ("deletion_protection", member.deletion_protection.as_ref().map(|at| at.span)),
    ];
    for (key, span) in given {
        let Some(span) = span else { continue };
        problems.push(
            Problem::new(codes::SERVICE_LOAD_BALANCER, format!("`{key}` is about a load balancer, and the service has none"))
                .at(span, "would do nothing")
                .help(format!("give the service a `port`, or remove `{key}`")),
        );
    }
}

fn allow_from(here: &Here<'_>, problems: &mut Vec<Problem>) {
    let Some(list) = &here.member.allow_from else { return };
    let wrong = match list.value.len() {
        0 => Some(("nobody could call the load balancer", list.span, "is empty".to_owned())),
        count if count > MOST_RANGES => Some(("`allow_from` has too many ranges", list.span, format!("has {count}"))),
        _ => None,
    };
    if let Some((text, span, label)) = wrong {
        let help = "list 1 to 25 ranges, or remove `allow_from` to let everyone in";
        problems.push(Problem::new(codes::SERVICE_ALLOW_FROM, text).at(span, label).help(help));
    } else {
        fits(here, list, problems);
    }
    for (index, range) in list.value.iter().enumerate() {
        let help = match range.value.parse::<Ipv4Net>() {
            Ok(net) if net.trunc() == net => {
                if let Some(first) = list.value[..index].iter().find(|other| other.value.parse() == Ok(net)) {
                    problems.push(super::network::repeated("range", range, first));
                }
                continue;
            }
            Ok(net) => format!("did you mean `{}`?", net.trunc()),
            Err(_) if range.value.parse::<std::net::Ipv4Addr>().is_ok() => format!("add the length of the prefix: `{}/32`", range.value),
            Err(_) => "write an IPv4 range such as `203.0.113.0/24`; IPv6 is not supported yet".to_owned(),
        };
        problems.push(
            Problem::new(codes::SERVICE_ALLOW_FROM, format!("`{}` is not an IPv4 range", shortened(&range.value)))
                .at(range.span, "who may call")
                .help(help),
        );
    }
}

/// Each range is a rule for each port that the load balancer listens on; a record's health check lets Route 53's checkers in, too, where
/// not everyone may come.
fn fits(here: &Here<'_>, list: &At<Vec<At<String>>>, problems: &mut Vec<Problem>) {
    let certificate = services::certificate(here.draft, here.service, here.region);
    let ports = if certificate == Certificate::None { 1 } else { 2 };
    let is_everyone = |range: &At<String>| range.value.parse::<Ipv4Net>().is_ok_and(|net| net.prefix_len() == 0);
    let records = here.draft.dns.iter().flat_map(|dns| &dns.records);
    let own = records.filter(|record| {
        let named = record.service.as_ref().is_some_and(|named| named.value == here.service.key.value);
        named && records::region_codes(here.draft, record).contains(&here.region)
    });
    let checks = own.filter_map(|record| record.health_check_in(here.region));
    let checked: BTreeSet<u16> = checks.map(|check| records::port(records::protocol(check, &certificate), &certificate)).collect();
    let checkers = if list.value.iter().any(is_everyone) { 0 } else { checked.len() * CHECKERS };
    let rules = list.value.len() * ports + checkers;
    if rules > MOST_RULES {
        let more = if checkers == 0 { String::new() } else { format!(" and {checkers} for Route 53's health checkers") };
        let text = format!("`allow_from` needs {rules} rules in `{}`, and a security group has {MOST_RULES}", here.region);
        let label = format!("{} for {ports} port{}{more}", list.value.len() * ports, if ports == 1 { "" } else { "s" });
        let room = MOST_RULES.saturating_sub(checkers) / ports;
        let help = match room {
            0 => "let the health checks of all records ask the same port, or remove `allow_from` to let everyone in".to_owned(),
            room => format!("put ranges together until there are at most {room}, or remove `health_check` from the records"),
        };
        problems.push(Problem::new(codes::SERVICE_ALLOW_FROM, text).at(list.span, label).help(help));
    }
}

fn target_health_check(here: &Here<'_>, problems: &mut Vec<Problem>) {
    let Some(check) = &here.member.health_check else { return };
    let code = codes::SERVICE_HEALTH_CHECK;
    if let Some(path) = check.path.as_ref().filter(|path| !is_path(&path.value, 1024)) {
        problems.push(
            Problem::new(code, format!("the load balancer cannot ask for `{}`", shortened(&path.value)))
                .at(path.span, "not a path")
                .help("write a path that begins with `/`, without spaces, of at most 1024 characters"),
        );
    }
    let seconds = Duration::from_secs;
    let times = [(&check.interval, "`interval`", seconds(5)..=seconds(300)), (&check.timeout, "`timeout`", seconds(2)..=seconds(120))];
    let mut wrong = false;
    for (time, what, range) in times {
        wrong |= time.as_ref().is_some_and(|time| lasts_within(code, time, range, what, problems));
    }
    let (interval, timeout) =
        (check.interval.as_ref().map_or(INTERVAL, |at| at.value), check.timeout.as_ref().map_or(TIMEOUT, |at| at.value));
    if let (false, true, Some(at)) = (wrong, timeout >= interval, check.timeout.as_ref().or(check.interval.as_ref())) {
        let text = format!("the time for an answer ({}s) must be less than the interval ({}s)", timeout.as_secs(), interval.as_secs());
        problems.push(
            Problem::new(code, text).at(at.span, "asks again before it has an answer").help("lengthen `interval`, or shorten `timeout`"),
        );
    }
    for (answers, what) in [(&check.healthy, "`healthy`"), (&check.unhealthy, "`unhealthy`")] {
        if let Some(answers) = answers {
            within(code, answers, 2..=10, what, problems);
        }
    }
    if let Some(codes) = check.codes.as_ref().filter(|codes| !codes.value.split(',').all(is_code_or_range)) {
        problems.push(
            Problem::new(code, format!("`{}` are not codes of good answers", shortened(&codes.value)))
                .at(codes.span, "must be codes or ranges from 200 to 499")
                .help("write `\"200-299\"`, or a list without spaces: `\"200,202,301-302\"`"),
        );
    }
}

/// Whether a health check can ask for the text: printable ASCII after a slash.
pub fn is_path(text: &str, most: usize) -> bool {
    text.starts_with('/') && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_code_or_range(text: &str) -> bool {
    let code = |text: &str| (text.len() == 3).then(|| text.parse::<u16>().ok()).flatten().filter(|code| (200..=499).contains(code));
    match text.split_once('-') {
        None => code(text).is_some(),
        Some((from, to)) => matches!((code(from), code(to)), (Some(from), Some(to)) if from <= to),
    }
}

fn container_health_check(here: &Here<'_>, problems: &mut Vec<Problem>) {
    let Some(check) = &here.member.container_health_check else { return };
    let (code, seconds) = (codes::SERVICE_HEALTH_CHECK, Duration::from_secs);
    if let Some(interval) = &check.interval {
        lasts_within(code, interval, seconds(5)..=seconds(300), "`interval`", problems);
    }
    if let Some(start) = &check.start_period {
        lasts_within(code, start, seconds(0)..=seconds(300), "`start_period`", problems);
    }
    if let Some(retries) = &check.retries {
        within(code, retries, 1..=10, "`retries`", problems);
    }
}

fn certificate(here: &Here<'_>, problems: &mut Vec<Problem>) {
    let key = &here.service.key;
    match &here.member.certificate {
        Some(CertificateDraft::Arns { key, arns }) => return given(here, *key, arns, problems),
        Some(CertificateDraft::Word(At { value: Certificate::None, .. })) => return,
        Some(CertificateDraft::Word(_)) | None => {}
    }
    let span = match &here.member.certificate {
        Some(CertificateDraft::Word(word)) => word.span,
        _ => key.span,
    };
    let names = names(here.draft, &key.value, here.region);
    let (text, label, help) = match names.first() {
        None if here.member.certificate.is_none() => return,
        None => (
            format!("in `{}` no record points at the service, so its certificate has no name", here.region),
            "a managed certificate is for the names of records".to_owned(),
            format!("add a record under `dns.records` with `service: {}`, give the ARN of a certificate, or write `none`", key.value),
        ),
        Some(_) if names.len() > MOST_NAMES => (
            format!("in `{}` {} names are too many for one certificate", here.region, names.len()),
            format!("at most {MOST_NAMES}"),
            "give the ARN of a certificate of your own, or let fewer records point at the service".to_owned(),
        ),
        Some(first) if first.len() > 64 => (
            format!("`{}` is too long to be the first name of a certificate", shortened(first)),
            "ACM takes 64 characters".to_owned(),
            "let a shorter name that comes first by alphabet point at the service too, or give the ARN of a certificate".to_owned(),
        ),
        Some(_) => return,
    };
    problems.push(Problem::new(codes::SERVICE_CERTIFICATE, text).at(span, label).help(help));
}

fn given(here: &Here<'_>, key: Span, arns: &[(At<String>, Option<At<String>>)], problems: &mut Vec<Problem>) {
    let regions = services::region_codes(here.draft, here.service);
    for (region, _) in arns.iter().filter(|(region, _)| !regions.contains(&region.value.as_str())) {
        let text = format!("`certificate` names `{}`, where the service does not run", shortened(&region.value));
        let problem = Problem::new(codes::SERVICE_CERTIFICATE, text).at(region.span, "no load balancer here");
        problems.push(problem.help(suggest::help(&region.value, "regions of the service", &regions)));
    }
    let Some((_, arn)) = arns.iter().find(|(region, _)| region.value == here.region) else {
        problems.push(
            Problem::new(codes::SERVICE_CERTIFICATE, format!("`certificate` has no ARN for `{}`", here.region))
                .at(key, "must name each region of the service")
                .help("give the ARN of a certificate in each region: a load balancer takes none of another region"),
        );
        return;
    };
    let Some(arn) = arn else { return };
    let parts: Vec<&str> = arn.value.split(':').collect();
    let wrong = match parts[..] {
        ["arn", partition, "acm", of, account, id] if partition.starts_with("aws") && id.len() > 12 && id.starts_with("certificate/") => {
            let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
            match of {
                _ if !is_account => "has no account of twelve digits".to_owned(),
                of if of != here.region => format!("is in `{}`", shortened(of)),
                _ => return,
            }
        }
        _ => "is not the ARN of a certificate".to_owned(),
    };
    problems.push(
        Problem::new(codes::SERVICE_CERTIFICATE, format!("the load balancer in `{}` cannot use this certificate", here.region))
            .at(arn.span, wrong)
            .help(format!("write the ARN of one of that region: `arn:aws:acm:{}:ACCOUNT:certificate/ID`", here.region)),
    );
}
