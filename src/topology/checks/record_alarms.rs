//! Health checks of records that follow an alarm.
use super::alarm_names::placed;
use crate::{
    resource::Region,
    topology::{
        alarms::{datapoints, evaluation_periods, metric, period, region_codes, statistic},
        codes,
        decode::{AlarmDraft, AlarmMemberDraft, Draft, HealthCheckDraft},
        metrics::Place,
        model::Statistic,
        node::shortened,
        report::{At, Problem},
        suggest,
    },
};

/// What does not go together: a check asks, or follows an alarm.
pub fn either(check: &HealthCheckDraft, problems: &mut Vec<Problem>) {
    let Some(alarm) = &check.from_alarm else {
        if let Some(given) = check.insufficient_data.as_ref().filter(|_| !check.from_alarm_present) {
            problems.push(
                Problem::new(codes::RECORD_HEALTH_CHECK, "`insufficient_data` is for a health check that follows an alarm")
                    .at(given.span, "would do nothing")
                    .help("add `from_alarm: KEY`, or remove it"),
            );
        }
        return;
    };
    let asks = [
        ("type", check.protocol.as_ref().map(|at| at.span)),
        ("path", check.path.as_ref().map(|at| at.span)),
        ("interval", check.interval.as_ref().map(|at| at.span)),
        ("failure_threshold", check.failure_threshold.as_ref().map(|at| at.span)),
    ];
    for (key, span) in asks.into_iter().filter_map(|(key, span)| Some((key, span?))) {
        problems.push(
            Problem::new(codes::RECORD_HEALTH_CHECK, format!("a health check that follows an alarm has no `{key}`"))
                .at(span, "would do nothing")
                .at(alarm.span, "because of this")
                .help(format!("remove `{key}`; in `per_region` write `{key}: null`")),
        );
    }
}

/// Whether Route 53 can follow the alarm in a region of the record.
pub fn follows(draft: &Draft, named: &At<String>, region: &str, problems: &mut Vec<Problem>) {
    let key = shortened(&named.value);
    let Some(alarm) = draft.alarms.iter().find(|alarm| alarm.key.value == named.value) else {
        let keys: Vec<&str> = draft.alarms.iter().map(|alarm| alarm.key.value.as_str()).collect();
        problems.push(
            Problem::new(codes::RECORD_ALARM, format!("there is no alarm `{key}` in this file"))
                .at(named.span, "not under `alarms`")
                .help(suggest::help(&named.value, "alarms", &keys)),
        );
        return;
    };
    let place = metric(alarm).map_or(Place::Region, |metric| metric.place);
    let wrong = match place {
        Place::Region => None,
        Place::Pairs => Some("has an alarm for each pair of regions"),
        Place::NatGateways => Some("has an alarm for each NAT gateway"),
        Place::UsEast1 => Some("is on a metric of Route 53's own, in us-east-1"),
    };
    if let Some(wrong) = wrong {
        problems.push(
            Problem::new(codes::RECORD_ALARM, format!("no health check can follow `{key}`"))
                .at(named.span, "not one alarm in each region")
                .at(alarm.key.span, wrong)
                .help("follow an alarm of a service, a table, a database or a metric of your own"),
        );
        return;
    }
    let stands = Region::new(region);
    if !placed(draft, alarm, |_| 0).iter().any(|placement| placement.stands == stands) {
        // Of an alarm that watches nothing, that is said.
        let members = region_codes(draft, alarm);
        if !members.is_empty() {
            problems.push(
                Problem::new(codes::RECORD_ALARM, format!("the alarm `{key}` is not in `{region}`, where the record is"))
                    .at(named.span, "nothing to follow there")
                    .at(alarm.regions.as_ref().map_or(alarm.key.span, |list| list.span), "the alarm")
                    .help(format!("give the alarm this region, too; it is in {}", suggest::list(&members))),
            );
        }
        return;
    }
    kind(alarm, alarm.member_in(region), named, problems);
}

/// Field guide 9.3 item 3.
fn kind(alarm: &AlarmDraft, member: &AlarmMemberDraft, named: &At<String>, problems: &mut Vec<Problem>) {
    let mut refuse = |wrong: &str, place: Option<crate::topology::report::Span>, help: &str| {
        problems.push(
            Problem::new(codes::RECORD_ALARM_KIND, format!("Route 53 cannot follow `{}`", shortened(&named.value)))
                .at(named.span, wrong)
                .at(place.unwrap_or(alarm.key.span), "the alarm")
                .help(help),
        );
    };
    if let Some(Statistic::Percentile(_)) = statistic(alarm, member) {
        let place = member.statistic.as_ref().map(|at| at.span).or_else(|| alarm.metric.as_ref().map(|at| at.span));
        let help = if metric(alarm).is_some_and(|metric| metric.aws_name == "TargetResponseTime") {
            "follow one with another statistic, for example on `latency_average`"
        } else {
            "follow one with `average`, `sum`, `minimum`, `maximum` or `sample_count`"
        };
        refuse("a percentile", place, help);
    }
    if period(member) < 60 {
        refuse("a period of less than 60 seconds", member.period.as_ref().map(|at| at.span), "follow one with `period: 60s` or more");
    }
    if datapoints(member) < evaluation_periods(member) {
        let place = member.datapoints.as_ref().map(|at| at.span);
        refuse("not every period has to pass the threshold", place, "remove `datapoints`, or follow an alarm without it");
    }
}
