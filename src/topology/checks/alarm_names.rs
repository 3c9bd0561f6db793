//! What the alarms of a topology are called in AWS, and how many a region has.
use std::collections::{BTreeMap, HashMap};

use crate::{
    resource::Region,
    topology::{
        alarms::{looks_at, metric, region_codes},
        codes,
        decode::{AlarmDraft, Draft, Zones},
        metrics::Place,
        model::{NatGateways, Placement, composite_rule, placements},
        node::shortened,
        report::Problem,
    },
};

/// Of an alarm (CloudWatch API reference, PutMetricAlarm).
const LONGEST_NAME: usize = 255;
/// Alarms under a composite, and the characters of its rule (field guide 10.1 item 3).
const MOST_CHILDREN: usize = 100;
const LONGEST_RULE: usize = 10_240;
/// The name of the composite alarm of a region.
const COMPOSITE: &str = "region";
/// A network has two to four zones.
const MOST_GATEWAYS: usize = 4;

pub fn names(draft: &Draft, problems: &mut Vec<Problem>) {
    let mut taken: HashMap<(Region, String), &AlarmDraft> = HashMap::new();
    for alarm in &draft.alarms {
        if !key(alarm, problems) {
            continue;
        }
        // How many gateways there are may change without the alarm: their names are kept for all that there can be.
        let made = placed(draft, alarm, |_| MOST_GATEWAYS);
        long(draft, alarm, &made, problems);
        let mut told: Vec<&str> = Vec::new();
        for Placement { stands, name, .. } in made {
            let first = *taken.entry((stands, name.clone())).or_insert(alarm);
            let other = first.key.value.as_str();
            if other == alarm.key.value || told.contains(&other) {
                continue;
            }
            told.push(other);
            problems.push(
                Problem::new(codes::ALARM_NAME, format!("two alarms would be called `{}`", shortened(&name)))
                    .at(alarm.key.span, "one of this entry")
                    .at(first.key.span, "one of this entry, too")
                    .help("choose another key for one of the two"),
            );
        }
    }
    many(draft, problems);
}

/// The alarms that an entry stands for. `gateways`: how many NAT gateways a region has.
pub fn placed(draft: &Draft, alarm: &AlarmDraft, gateways: impl Fn(&str) -> usize) -> Vec<Placement> {
    let place = metric(alarm).map_or(Place::Region, |metric| metric.place);
    let subject = looks_at(draft, alarm).map(|looks| looks.region_codes(draft)).unwrap_or_default();
    let subject: Vec<Region> = subject.into_iter().map(Region::new).collect();
    let of_region = |region: &str| {
        let numbers: Vec<usize> = (1..=gateways(region)).collect();
        placements(&alarm.key.value, place, &Region::new(region), &subject, &numbers)
    };
    region_codes(draft, alarm).into_iter().flat_map(of_region).collect()
}

/// How many NAT gateways a region has.
pub fn gateways(draft: &Draft, region: &str) -> usize {
    let Some(network) = &draft.network else { return 0 };
    if network.existing.iter().any(|(of, _)| of.value == region) {
        return 0;
    }
    match network.nat_gateways.as_ref().map_or(NatGateways::None, |nat| nat.value) {
        NatGateways::None => 0,
        NatGateways::Single => 1,
        NatGateways::PerZone => match &network.zones {
            None => 3,
            Some(Zones::Count(count)) => usize::try_from(count.value).unwrap_or(MOST_GATEWAYS).min(MOST_GATEWAYS),
            Some(Zones::Ids(ids)) => {
                ids.value.iter().filter(|id| super::zone_region(&id.value, &draft.region_codes()) == Some(region)).count()
            }
        },
    }
}

/// Whether the key can be part of a name.
fn key(alarm: &AlarmDraft, problems: &mut Vec<Problem>) -> bool {
    let key = alarm.key.value.as_str();
    let wrong = if !key.starts_with(|c: char| c.is_ascii_lowercase()) {
        "must begin with a lower-case letter"
    } else if !key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        "may have only lower-case letters, digits and hyphens"
    } else if key.ends_with('-') {
        "must not end with a hyphen"
    } else if key == COMPOSITE {
        "the composite alarm of each region has this name"
    } else {
        return true;
    };
    problems.push(
        Problem::new(codes::ALARM_NAME, format!("`{}` cannot be the key of an alarm", shortened(key)))
            .at(alarm.key.span, wrong)
            .help("it is part of the name in AWS: choose something such as `error-rate`"),
    );
    false
}

fn long(draft: &Draft, alarm: &AlarmDraft, made: &[Placement], problems: &mut Vec<Problem>) {
    // A name of the stack that is wrong anyway is not judged.
    let Some(stack) = draft.stack.as_ref().filter(|stack| stack.value.len() <= 20) else { return };
    let longest = made.iter().map(|placement| stack.value.len() + 1 + placement.name.len()).max().unwrap_or_default();
    if longest > LONGEST_NAME {
        problems.push(
            Problem::new(codes::ALARM_NAME, format!("`{}` is too long for the key of an alarm", shortened(&alarm.key.value)))
                .at(alarm.key.span, format!("a name in AWS would have {longest} characters"))
                .help(format!("CloudWatch takes at most {LONGEST_NAME}: make the key shorter by {}", longest - LONGEST_NAME)),
        );
    }
}

/// The composite of a region is over the alarms that stand there and watch it.
fn many(draft: &Draft, problems: &mut Vec<Problem>) {
    let stack = draft.stack.as_ref().map_or("", |stack| stack.value.as_str());
    let mut by_region: BTreeMap<Region, Vec<String>> = BTreeMap::new();
    let mut told: Vec<Region> = Vec::new();
    for alarm in &draft.alarms {
        for placement in placed(draft, alarm, |region| gateways(draft, region)) {
            if placement.stands == placement.watched {
                by_region.entry(placement.stands).or_default().push(format!("{stack}-{}", placement.name));
            }
        }
        for (region, names) in by_region.iter().filter(|(_, names)| is_too_many(names)) {
            if told.contains(region) {
                continue;
            }
            told.push(region.clone());
            problems.push(
                Problem::new(codes::ALARM_TOO_MANY, format!("`{region}` has more alarms than its composite alarm can hold"))
                    .at(alarm.key.span, format!("with this entry there are {}", names.len()))
                    .help(format!(
                        "a composite takes {MOST_CHILDREN} alarms and {LONGEST_RULE} characters: leave regions out with `regions`, or make keys shorter"
                    )),
            );
        }
    }
}

fn is_too_many(names: &[String]) -> bool {
    names.len() > MOST_CHILDREN || composite_rule(names.iter().map(String::as_str)).len() > LONGEST_RULE
}
