//! The health checks of a record: what Route 53 asks or follows, and whether the answer would mean anything.
use super::{
    record_alarms::{either, follows},
    service_load_balancers::is_path,
    service_tasks::within,
};
use crate::topology::{
    codes,
    decode::{Draft, HealthCheckDraft, RecordDraft},
    model::{Certificate, HealthCheckProtocol, LoadBalancer},
    node::shortened,
    records::{protocol, region_codes, service},
    report::Problem,
    services::{certificate, load_balancer},
};

pub fn health_checks(draft: &Draft, record: &RecordDraft, problems: &mut Vec<Problem>) {
    let Some(service) = service(draft, record) else {
        // Its own values can be judged all the same.
        record.health_check.iter().for_each(|check| values(check, problems));
        return;
    };
    for region in region_codes(draft, record) {
        let Some(check) = record.health_check_in(region) else { continue };
        values(check, problems);
        if check.from_alarm_present {
            check.from_alarm.iter().for_each(|alarm| follows(draft, alarm, region, problems));
            continue;
        }
        // A service without a load balancer has nothing that could be asked, which is reported with the record.
        if load_balancer(service.member_in(region)) == LoadBalancer::None {
            continue;
        }
        let certificate = certificate(draft, service, region);
        let span = check.protocol.as_ref().map_or(check.key, |protocol| protocol.span);
        let (text, label, help) = match (protocol(check, &certificate), &certificate) {
            (HealthCheckProtocol::Https, Certificate::None) => (
                format!("in `{region}` nothing answers HTTPS"),
                "the service has no certificate there",
                "write `type: auto`, or give the service a certificate",
            ),
            // A redirect is a 3xx, which counts as healthy with every task dead (design, "Health checks").
            (HealthCheckProtocol::Http, Certificate::Managed | Certificate::Arn(_)) => (
                format!("in `{region}` HTTP is only redirected to HTTPS, so the check would see nothing of the tasks"),
                "a redirect counts as healthy",
                "write `type: auto`",
            ),
            _ => continue,
        };
        problems.push(Problem::new(codes::RECORD_HEALTH_CHECK, text).at(span, label).help(help));
    }
}

fn values(check: &HealthCheckDraft, problems: &mut Vec<Problem>) {
    let code = codes::RECORD_HEALTH_CHECK;
    either(check, problems);
    if let Some(path) = &check.path {
        let is_tcp = check.protocol.as_ref().filter(|protocol| protocol.value == Some(HealthCheckProtocol::Tcp));
        if let Some(tcp) = is_tcp {
            problems.push(
                Problem::new(code, "a TCP health check asks for no path")
                    .at(path.span, "would do nothing")
                    .at(tcp.span, "with this type")
                    .help("remove `path`, or write `type: auto`"),
            );
        } else if !is_path(&path.value, 255) {
            problems.push(
                Problem::new(code, format!("Route 53 cannot ask for `{}`", shortened(&path.value)))
                    .at(path.span, "not a path")
                    .help("write a path that begins with `/`, without spaces, of at most 255 characters"),
            );
        }
    }
    if let Some(interval) = check.interval.as_ref().filter(|interval| ![10, 30].contains(&interval.value.as_secs())) {
        problems.push(
            Problem::new(code, format!("Route 53 cannot ask every {} seconds", interval.value.as_secs()))
                .at(interval.span, "must be 10s or 30s")
                .help("write `10s` or `30s`"),
        );
    }
    if let Some(threshold) = &check.failure_threshold {
        within(code, threshold, 1..=10, "`failure_threshold`", problems);
    }
}
