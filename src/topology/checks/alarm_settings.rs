//! The settings of an alarm: threshold, times, statistic, and what missing data means.
use super::service_tasks::within;
use crate::topology::{
    alarms::{datapoints, evaluation_periods, metric, period, threshold, unit},
    codes,
    decode::{AlarmDraft, AlarmMemberDraft, MISSING_DATA},
    metrics::{Metric, Unit},
    model::{MissingData, Statistic},
    node::shortened,
    report::{At, Problem},
};

/// Seconds (field guide 10.1 item 3).
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;
/// CloudWatch user guide, "Percentiles": of the services whose metrics mrctl knows, those that have them.
const WITH_PERCENTILES: [&str; 2] = ["AWS/ApplicationELB", "AWS/RDS"];
const DYNAMODB: &str = "AWS/DynamoDB";

pub fn settings(alarm: &AlarmDraft, member: &AlarmMemberDraft, problems: &mut Vec<Problem>) {
    thresholds(alarm, member, problems);
    periods(alarm, member, problems);
    statistics(alarm, member, problems);
    if let (Some(metric), Some(given)) = (metric(alarm), &member.missing_data)
        && metric.namespace == DYNAMODB
        && given.value != MissingData::Ignore
    {
        let word = MISSING_DATA.iter().find(|(_, of)| *of == given.value).map_or("", |(word, _)| word);
        problems.push(
            Problem::new(codes::ALARM_MISSING_DATA, format!("missing data of `{}` cannot count as `{word}`", metric.name))
                .at(given.span, "CloudWatch ignores missing data of DynamoDB")
                .help("remove `missing_data`, or write `ignore`"),
        );
    }
}

fn thresholds(alarm: &AlarmDraft, member: &AlarmMemberDraft, problems: &mut Vec<Problem>) {
    let key = shortened(&alarm.key.value);
    let Some(given) = &member.threshold else {
        if !member.threshold_present {
            problems.push(
                Problem::new(codes::DECODE_MISSING, format!("`alarms.{key}.threshold` is missing"))
                    .at(alarm.key.span, "has no `threshold`")
                    .help("say from where on it alarms: `threshold: 50`, `threshold: 3s`, `threshold: 80%`"),
            );
        }
        return;
    };
    // A metric that is unknown has no unit that could be judged.
    let metric = metric(alarm);
    if metric.is_none() && !alarm.namespace_present {
        return;
    }
    let mut refuse = |text: String, label: &str, help: &str| {
        problems.push(Problem::new(codes::ALARM_THRESHOLD, text).at(given.span, label).help(help));
    };
    let number = given.value.number;
    if threshold(number, given.value.unit, unit(alarm)).is_none() {
        match (metric, unit(alarm)) {
            (Some(Metric { name, unit, .. }), _) => {
                let (counts, help) = words(*unit);
                refuse(format!("`{name}` is counted in {counts}"), "has another unit", help);
            }
            (None, Some(unit)) => {
                let help = "write the number alone, or a unit that can be converted";
                refuse(format!("the metric is counted in `{}`", shortened(unit)), "has another unit", help);
            }
            (None, None) => {
                let help = "add the unit that the application sends, for example `unit: Milliseconds`, or write the number alone";
                refuse("the metric has no `unit` to convert the threshold to".to_owned(), "has a unit", help);
            }
        }
        return;
    }
    let Some(metric) = metric else { return };
    if given.value.unit.is_none() && number != 0.0 && matches!(metric.unit, Unit::Seconds | Unit::Milliseconds) {
        let help = "say the unit: `250ms`, `3s`, `2m`";
        refuse(format!("the threshold of `{}` is a time", metric.name), "seconds or milliseconds?", help);
    } else if number < 0.0 {
        refuse(format!("`{}` is never below zero", metric.name), "could never be passed, or always", "write a number that is not negative");
    } else if metric.unit == Unit::Percent && number > 100.0 {
        refuse(format!("`{}` is never above 100 percent", metric.name), "could never be passed, or always", "write at most `100%`");
    }
}

/// In what a metric is counted, and how to write it.
const fn words(unit: Unit) -> (&'static str, &'static str) {
    match unit {
        Unit::Count => ("whole things, not in a time or a part", "write the number alone: `threshold: 50`"),
        Unit::None => ("no unit", "write the number alone: `threshold: 1`"),
        Unit::Percent => ("percent", "write `80%`, or the number alone"),
        Unit::Seconds => ("seconds", "write a time: `250ms`, `3s`"),
        Unit::Milliseconds => ("milliseconds", "write a time: `250ms`, `3s`"),
    }
}

fn periods(alarm: &AlarmDraft, member: &AlarmMemberDraft, problems: &mut Vec<Problem>) {
    let seconds = period(member);
    if let Some(given) = &member.period {
        let possible = [10, 20, 30].contains(&seconds) || (seconds > 0 && seconds.is_multiple_of(60));
        if !possible || seconds > WEEK {
            let wrong = if possible { "at most seven days" } else { "must be 10s, 20s, 30s or a multiple of 60s" };
            problems.push(
                Problem::new(codes::ALARM_PERIOD, format!("CloudWatch has no period of {seconds} seconds"))
                    .at(given.span, wrong)
                    .help("write `60s`, or `5m`"),
            );
            return;
        }
        if let Some(metric) = metric(alarm).filter(|_| seconds < 60) {
            problems.push(
                Problem::new(codes::ALARM_PERIOD, format!("AWS sends `{}` every 60 seconds", metric.name))
                    .at(given.span, "most periods would be without data")
                    .help("write `60s`; shorter periods are for metrics of your own"),
            );
        }
    }
    let periods = evaluation_periods(member);
    if let Some(given) = &member.evaluation_periods
        && within(codes::ALARM_PERIOD, given, 1..=WEEK / HOUR * 60, "`evaluation_periods`", problems)
    {
        return;
    }
    let (most, words) = if seconds < HOUR { (DAY, "a day") } else { (WEEK, "seven days, with a period of an hour or more") };
    if seconds.saturating_mul(periods) > most {
        let at = [member.evaluation_periods.as_ref().map(|at| at.span), member.period.as_ref().map(|at| at.span)];
        let span = at.into_iter().flatten().next().unwrap_or(alarm.key.span);
        problems.push(
            Problem::new(codes::ALARM_PERIOD, format!("{periods} periods of {seconds} seconds are longer than CloudWatch looks back"))
                .at(span, format!("at most {words}"))
                .help(format!("write at most {} periods, or another `period`", most / seconds.max(1))),
        );
    }
    let points = datapoints(member);
    if let Some(given) = member.datapoints.as_ref().filter(|_| points < 1 || points > periods) {
        problems.push(
            Problem::new(codes::ALARM_PERIOD, format!("{points} of {periods} periods cannot be asked for"))
                .at(given.span, format!("must be 1 to {periods}"))
                .help("write at most the number of `evaluation_periods`, or remove it: then all of them have to pass the threshold"),
        );
    }
}

fn statistics(alarm: &AlarmDraft, member: &AlarmMemberDraft, problems: &mut Vec<Problem>) {
    if alarm.namespace_present && !member.statistic_present {
        let key = shortened(&alarm.key.value);
        problems.push(
            Problem::new(codes::ALARM_STATISTIC, format!("`alarms.{key}.statistic` is missing"))
                .at(alarm.key.span, "a metric of your own has no default")
                .help("write `statistic: sum` for what is counted, `average`, `maximum` or `p99` for what is measured"),
        );
    }
    let (Some(metric), Some(At { value: Statistic::Percentile(_), span })) = (metric(alarm), &member.statistic) else { return };
    if !WITH_PERCENTILES.contains(&metric.namespace) {
        problems.push(
            Problem::new(codes::ALARM_STATISTIC, format!("there are no percentiles of `{}`", metric.name))
                .at(*span, "CloudWatch has none in this namespace")
                .help("write `average`, `sum`, `minimum`, `maximum` or `sample_count`"),
        );
    }
}
