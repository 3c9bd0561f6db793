//! An alarm as the topology wants it. Pure.
use super::{ACTIONS, MISSING, MetricAlarm, Spec};
use crate::{
    aws::alarms::name,
    kinds::{ec2::vpc::named, sns::topic::TopicArn, watching::Placed},
    resource::{Addr, Facts, Given, Kind, Ref, Scope, Unmanaged, Unordered, Want},
    topology::{
        MissingData, Model, Statistic, Watches, When,
        metrics::{Subject, Unit},
    },
};

/// The topic of a region, in its address.
const TOPIC: &str = "alerts";
const SERVICE: &str = "ecs.service";

/// What AWS does unless told otherwise.
pub(super) const EVALUATE: &str = "evaluate";

/// AWS's word for it.
pub(in crate::kinds) fn statistic(statistic: Statistic) -> String {
    match statistic {
        Statistic::Average => "Average".to_owned(),
        Statistic::Sum => "Sum".to_owned(),
        Statistic::Minimum => "Minimum".to_owned(),
        Statistic::Maximum => "Maximum".to_owned(),
        Statistic::SampleCount => "SampleCount".to_owned(),
        Statistic::Percentile(percent) => format!("p{percent}"),
    }
}

pub(in crate::kinds) const fn comparison(when: When) -> &'static str {
    match when {
        When::Above => "GreaterThanThreshold",
        When::Below => "LessThanThreshold",
    }
}

const fn missing_data(missing: MissingData) -> &'static str {
    match missing {
        MissingData::NotBreaching => "notBreaching",
        MissingData::Breaching => "breaching",
        MissingData::Ignore => "ignore",
        MissingData::Missing => MISSING,
    }
}

/// What to do first, for whoever is woken by it.
const fn hint(subject: Option<Subject>) -> &'static str {
    match subject {
        Some(Subject::Service) => {
            "First: is it one region or all? If one, take it out of DNS (weight 0; or, while Route 53 finds it healthy, its health check \
             inverted: no apply undoes either) and look at its tasks and their logs; if all, look at what was deployed last."
        }
        Some(Subject::Table) => {
            "First: are other regions behind, too? Until this is over, another region may show old items: do not move writers by hand."
        }
        Some(Subject::Aurora) => {
            "First: how far are the copies behind? A switchover waits for them, a failover loses what they have not got."
        }
        Some(Subject::Record) => "First: ask the name from outside. Clients are sent to the other regions while this lasts.",
        Some(Subject::Network) => "First: do tasks reach what is outside? Their region may have to be taken out of DNS.",
        None => "First: is it one region or all?",
    }
}

/// What it tells and what to do about it. At most 1,024 characters (CloudWatch API reference, "PutMetricAlarm").
fn description(model: &Model, placed: &Placed<'_>) -> String {
    const LONGEST: usize = 1024;
    let (about, whose, subject) = match placed.watches {
        Watches::Named { metric, key, .. } => {
            let whose = match metric.subject {
                Subject::Service => format!("service {key}"),
                Subject::Table => format!("table {key}"),
                Subject::Aurora => format!("database {key}"),
                Subject::Record => format!("record {key}"),
                Subject::Network => "network".to_owned(),
            };
            (metric.about.to_owned(), whose, Some(metric.subject))
        }
        Watches::Custom(metric) => (format!("{} of {}.", metric.name, metric.namespace), "application".to_owned(), None),
    };
    let member = placed.member;
    let way = if member.when == When::Above { "above" } else { "below" };
    let (times, of, each) = (member.datapoints_to_alarm, member.evaluation_periods, member.period);
    let many = match of {
        1 => format!("{each} s"),
        _ if times == of => format!("{of} periods of {each} s"),
        _ => format!("{times} of {of} periods of {each} s"),
    };
    let unit = match placed.watches {
        Watches::Named { metric, .. } => match metric.unit {
            Unit::Seconds => " s".to_owned(),
            Unit::Milliseconds => " ms".to_owned(),
            Unit::Percent => "%".to_owned(),
            Unit::Count | Unit::None => String::new(),
        },
        Watches::Custom(metric) => metric.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default(),
    };
    let seen = if model.dashboard { format!(" All regions side by side: dashboard {}.", model.stack) } else { String::new() };
    let text = format!(
        "{about} Stack {}, {whose}, {}: {way} {}{unit} in {many}. {}{seen} Made by mrctl, which changes this alarm back when it is \
         edited by hand.",
        model.stack,
        placed.of,
        member.threshold,
        hint(subject)
    );
    text.chars().take(LONGEST).collect()
}

fn count(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

pub(super) fn want(model: &Model, facts: &Facts, placed: Placed<'_>) -> Want<Spec> {
    let addr = Addr::regional(&placed.region, MetricAlarm::NAME, &placed.name);
    let topic = model.alerts.as_ref().map(|_| Given::by(Ref::<TopicArn>::to(&Scope::from(&placed.region), TOPIC)));
    let description = description(model, &placed);
    let (namespace, metric, unit) = match placed.watches {
        Watches::Named { metric, .. } => (metric.namespace.to_owned(), metric.aws_name.to_owned(), None),
        Watches::Custom(metric) => (metric.namespace.clone(), metric.name.clone(), metric.unit.clone()),
    };
    let member = placed.member;
    let spec = Spec {
        name: name(&model.stack, &placed.name),
        description,
        namespace,
        metric,
        dimensions: placed.dimensions,
        statistic: statistic(member.statistic),
        unit,
        period: count(member.period),
        evaluation_periods: count(member.evaluation_periods),
        datapoints_to_alarm: count(member.datapoints_to_alarm),
        comparison: comparison(member.when).to_owned(),
        threshold: member.threshold,
        missing_data: missing_data(member.missing_data).to_owned(),
        few_samples: EVALUATE.to_owned(),
        queries: Unordered::default(),
        actions_enabled: if facts.keeps(ACTIONS, &addr) { Unmanaged::Any } else { Unmanaged::Managed(true) },
        alarm_actions: Unordered(topic.iter().cloned().collect()),
        ok_actions: Unordered(topic.into_iter().collect()),
        insufficient_data_actions: Unordered::default(),
        tags: named(model, &placed.name),
    };
    // What watches a service is made when that runs: before, it would say that nothing does.
    let service = match placed.watches {
        Watches::Named { metric, key, .. } if metric.subject == Subject::Service => Some(Addr::regional(&placed.of, SERVICE, key)),
        _ => None,
    };
    Want::new(addr, spec).after(service)
}
