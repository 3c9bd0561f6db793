//! How a record brings clients to its regions: policy, weights, locations.
use super::service_tasks::within;
use crate::topology::{
    codes::{self, Code},
    decode::{Draft, Policy, RecordDraft},
    model::Location,
    node::shortened,
    records::{CONTINENTS, location, region_codes, service},
    report::{At, Problem, Span},
    suggest,
};

/// ISO 3166-1, without the four that Route 53 does not know (BV, CX, EH, HM), and Kosovo, which it does (Route 53 developer guide,
/// "Values specific for geolocation records").
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BW BY BZ CA CC CD CF CG \
    CH CI CK CL CM CN CO CR CU CV CW CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS \
    GT GU GW GY HK HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA \
    MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS \
    PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ \
    UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

pub fn routing(draft: &Draft, record: &RecordDraft, problems: &mut Vec<Problem>) {
    if record.policy_present && record.policy.is_none() {
        return;
    }
    let policy = record.policy.as_ref().map_or(Policy::Latency, |policy| policy.value);
    let given = [
        ("weights", "weighted", Policy::Weighted, record.weights.as_ref().map(|at| at.span)),
        ("locations", "geolocation", Policy::Geolocation, record.locations.as_ref().map(|at| at.span)),
    ];
    for (key, word, of, span) in given {
        match span {
            Some(span) if policy != of => problems.push(
                Problem::new(codes::RECORD_POLICY, format!("`{key}` means nothing without `policy: {word}`"))
                    .at(span, "would do nothing")
                    .help(format!("write `policy: {word}`, or remove `{key}`")),
            ),
            None if policy == of => {
                let at = record.policy.as_ref().map_or(record.name.span, |policy| policy.span);
                let example = if of == Policy::Weighted { "REGION: 100" } else { "REGION: [EU, default]" };
                problems.push(
                    Problem::new(codes::RECORD_POLICY, format!("`policy: {word}` needs `{key}`"))
                        .at(at, format!("has no `{key}`"))
                        .help(format!("add `{key}: {{ {example} }}` with each region of the record")),
                );
            }
            _ => {}
        }
    }
    // Without its service the record has no regions, which is reported there.
    if service(draft, record).is_none() {
        return;
    }
    match policy {
        Policy::Weighted => weights(draft, record, problems),
        Policy::Geolocation => locations(draft, record, problems),
        Policy::Latency => {}
    }
}

/// Whether each region of the record has its entry and no other has one.
fn each_region<T>(draft: &Draft, record: &RecordDraft, code: Code, given: &At<Vec<(At<String>, T)>>, problems: &mut Vec<Problem>) {
    let regions = region_codes(draft, record);
    let key = if code == codes::RECORD_WEIGHTS { "weights" } else { "locations" };
    for (region, _) in given.value.iter().filter(|(region, _)| !regions.contains(&region.value.as_str())) {
        problems.push(
            Problem::new(code, format!("`{key}` names `{}`, which is no region of the record", shortened(&region.value)))
                .at(region.span, "no record here")
                .help(suggest::help(&region.value, "regions of the record", &regions)),
        );
    }
    let without: Vec<&str> = regions.into_iter().filter(|code| !given.value.iter().any(|(region, _)| region.value == **code)).collect();
    if !without.is_empty() {
        problems.push(
            Problem::new(code, format!("`{key}` has nothing for {}", suggest::list(&without)))
                .at(given.span, "must name each region of the record")
                .help("add it, or list the regions of the record: `regions: [REGION]`"),
        );
    }
}

fn weights(draft: &Draft, record: &RecordDraft, problems: &mut Vec<Problem>) {
    let Some(weights) = &record.weights else { return };
    each_region(draft, record, codes::RECORD_WEIGHTS, weights, problems);
    for weight in weights.value.iter().filter_map(|(_, weight)| weight.as_ref()) {
        within(codes::RECORD_WEIGHTS, weight, 0..=255, "a weight", problems);
    }
    if !weights.value.is_empty() && weights.value.iter().all(|(_, weight)| weight.as_ref().is_some_and(|weight| weight.value == 0)) {
        problems.push(
            Problem::new(codes::RECORD_WEIGHTS, "with all weights 0 Route 53 sends everyone everywhere")
                .at(weights.span, "no region has a weight")
                .help("give at least one region a weight; to take the name away, remove the record"),
        );
    }
}

fn locations(draft: &Draft, record: &RecordDraft, problems: &mut Vec<Problem>) {
    let Some(locations) = &record.locations else { return };
    each_region(draft, record, codes::RECORD_LOCATIONS, locations, problems);
    let mut seen: Vec<(&str, Span)> = Vec::new();
    // A list that could not be read may hold the default.
    let mut has_default = false;
    for (region, list) in &locations.value {
        let Some(list) = list else {
            has_default = true;
            continue;
        };
        if list.value.is_empty() {
            problems.push(
                Problem::new(codes::RECORD_LOCATIONS, format!("nobody would be sent to `{}`", shortened(&region.value)))
                    .at(region.span, "its list is empty")
                    .help("list continents or countries: `[EU, US]`, or leave the region out of the record"),
            );
        }
        for code in &list.value {
            has_default |= code.value == "default";
            if !is_known(&code.value) {
                problems.push(
                    Problem::new(codes::RECORD_LOCATIONS, format!("`{}` is not a location that Route 53 knows", shortened(&code.value)))
                        .at(code.span, "neither a continent, nor a country, nor `default`")
                        .help(nearest(&code.value)),
                );
            } else if let Some((_, first)) = seen.iter().find(|(other, _)| *other == code.value) {
                problems.push(
                    Problem::new(codes::RECORD_LOCATIONS, format!("`{}` stands twice", code.value))
                        .at(code.span, "again here")
                        .at(*first, "first here")
                        .help("a location leads to one region: remove one of the two"),
                );
            }
            seen.push((&code.value, code.span));
        }
    }
    if !has_default {
        problems.push(
            Problem::new(codes::RECORD_LOCATIONS, "`default` is missing, so some would get no answer")
                .at(locations.span, "has no `default`")
                .help("add `default` to the list of the region that takes everyone else"),
        );
    }
}

fn is_known(code: &str) -> bool {
    match location(code) {
        Location::Default | Location::Continent(_) => true,
        Location::Country(code) => COUNTRIES.split_ascii_whitespace().any(|known| known == code),
    }
}

fn nearest(code: &str) -> String {
    let upper = code.to_ascii_uppercase();
    match upper.as_str() {
        "DEFAULT" => "did you mean `default`?".to_owned(),
        "UK" => "did you mean `GB`?".to_owned(),
        _ if is_known(&upper) => format!("did you mean `{upper}`?"),
        _ => format!("continents are {}; countries have the two letters of ISO 3166, such as `DE`", suggest::list(&CONTINENTS)),
    }
}
