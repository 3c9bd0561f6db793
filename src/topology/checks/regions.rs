//! Regions, their ranges, and the rollout over them.
use ipnet::Ipv4Net;

use crate::topology::{
    codes::{self, Code},
    decode::Draft,
    node::shortened,
    report::{At, Problem},
    suggest,
};

/// The regions that exist today, for suggestions; one that is missing here is only warned about.
const KNOWN: [&str; 38] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-south-1",
    "eu-south-2",
    "eu-north-1",
    "il-central-1",
    "me-south-1",
    "me-central-1",
    "mx-central-1",
    "sa-east-1",
    "us-gov-east-1",
    "us-gov-west-1",
    "cn-north-1",
    "cn-northwest-1",
];

const PRIVATE: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];

pub fn regions(draft: &Draft, problems: &mut Vec<Problem>) {
    for region in &draft.regions {
        code(&region.code, problems);
        if let Some(state) = region.state.as_ref().filter(|state| state.value != "active") {
            let (message, help) = match state.value.as_str() {
                "abandoned" => {
                    ("`state: abandoned` is not built yet".to_owned(), "remove `state` until mrctl can leave a lost region behind")
                }
                other => (format!("`{}` is not a state of a region", shortened(other)), "write `state: active`, or leave it out"),
            };
            problems.push(Problem::new(codes::REGION_STATE, message).at(state.span, "only `active` is possible").help(help));
        }
    }
    if let (Some(key), 0..=1) = (draft.regions_key, draft.regions.len()) {
        problems.push(match draft.regions.first() {
            None => Problem::new(codes::REGION_NONE, "the topology names no region")
                .at(key, "is empty")
                .help("write one line a region below it: `us-east-1: { cidr: 10.10.0.0/16 }`"),
            Some(only) => Problem::new(codes::REGION_SINGLE, "the topology has one region only, so losing it loses the workload")
                .at(only.code.span, "the only one")
                .help("add a second region; while a stack grows or shrinks one region is fine"),
        });
    }
    let first = draft.regions.iter().find(|region| well_formed(&region.code.value));
    let Some(first) = first else { return };
    for other in draft.regions.iter().filter(|region| well_formed(&region.code.value)) {
        if partition(&other.code.value) != partition(&first.code.value) {
            problems.push(
                Problem::new(
                    codes::REGION_PARTITION,
                    format!("`{}` and `{}` are in different partitions of AWS", first.code.value, other.code.value),
                )
                .at(other.code.span, partition(&other.code.value))
                .at(first.code.span, partition(&first.code.value))
                .help("nothing replicates between partitions: make a stack of its own for each"),
            );
        }
    }
}

/// The word before the number in every code that AWS has given so far. Another one is a slip of the pen, and taken for a region it would
/// make the one that was meant a region that the file no longer has.
const DIRECTIONS: [&str; 9] = ["central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west"];

fn code(code: &At<String>, problems: &mut Vec<Problem>) {
    let text = code.value.as_str();
    if KNOWN.contains(&text) {
        return;
    }
    if well_formed(text) && text.rsplit('-').nth(1).is_some_and(|word| DIRECTIONS.contains(&word)) {
        let help = match suggest::nearest(text, KNOWN) {
            Some(near) => format!("did you mean `{near}`? If AWS opened `{text}` since this mrctl was built, all is well"),
            None => "if AWS opened it since this mrctl was built, all is well".to_owned(),
        };
        problems.push(
            Problem::new(codes::REGION_UNKNOWN, format!("the region `{}` is not known to this mrctl", shortened(text)))
                .at(code.span, "not a region that mrctl knows")
                .help(help),
        );
        return;
    }
    let zone = text.strip_suffix(|c: char| c.is_ascii_lowercase()).filter(|region| well_formed(region));
    let help = match (zone, suggest::nearest(text, KNOWN)) {
        (Some(region), _) => format!("this is an availability zone; its region is `{region}`"),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => "write the code as AWS does: `us-east-1`, `eu-west-1`".to_owned(),
    };
    problems.push(
        Problem::new(codes::REGION_NAME, format!("`{}` is not an AWS region code", shortened(text)))
            .at(code.span, "not a region code")
            .help(help),
    );
}

/// Whether the text has the form `area-direction-number`.
pub fn well_formed(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |part: &str| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match parts.as_slice() {
        [words @ .., number] => {
            (2..=3).contains(&words.len())
                && words.iter().all(|word| letters(word))
                && (1..=2).contains(&number.len())
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        [] => false,
    }
}

/// The partition with most regions.
pub const COMMERCIAL: &str = "commercial";

/// The partition of a region.
pub fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "China"
    } else if region.starts_with("us-gov-") {
        "GovCloud"
    } else {
        COMMERCIAL
    }
}

/// The range of each region, and that no two overlap.
pub fn ranges(draft: &Draft, problems: &mut Vec<Problem>) {
    let mut seen: Vec<(&str, At<Ipv4Net>)> = Vec::new();
    for region in &draft.regions {
        let Some(text) = &region.cidr else { continue };
        let Some(range) = range(&region.code.value, text, problems) else { continue };
        for (other, before) in &seen {
            // Behind an alias both stand at one place, which cannot be pointed at twice.
            if before.span == text.span {
                problems.push(
                    Problem::new(codes::CIDR_OVERLAP, format!("`{other}` and `{}` have the same range", region.code.value))
                        .at(text.span, "both use it, through an alias")
                        .help("write the ranges out, one for each region"),
                );
            } else if before.value.contains(&range) || range.contains(&before.value) {
                problems.push(
                    Problem::new(codes::CIDR_OVERLAP, format!("the ranges of `{other}` and `{}` overlap", region.code.value))
                        .at(text.span, format!("{range}, in {}", region.code.value))
                        .at(before.span, format!("{}, in {other}", before.value))
                        .help("give each region a range of its own, such as 10.10.0.0/16 and 10.20.0.0/16"),
                );
            }
        }
        seen.push((&region.code.value, At { value: range, span: text.span }));
    }
}

fn range(region: &str, text: &At<String>, problems: &mut Vec<Problem>) -> Option<Ipv4Net> {
    let Ok(range) = text.value.parse::<Ipv4Net>() else {
        let help = if text.value.contains(':') {
            "IPv6 is not supported yet: write an IPv4 range such as 10.10.0.0/16".to_owned()
        } else if text.value.parse::<std::net::Ipv4Addr>().is_ok() {
            format!("add the length of the prefix: `{}/16`", text.value)
        } else {
            "write an IPv4 address and a prefix length: `10.10.0.0/16`".to_owned()
        };
        problems.push(
            Problem::new(codes::CIDR_SYNTAX, format!("`{}` is not an IPv4 range", shortened(&text.value)))
                .at(text.span, format!("the range of {region}"))
                .help(help),
        );
        return None;
    };
    if !(16..=22).contains(&range.prefix_len()) {
        let size = if range.prefix_len() < 16 { "too large" } else { "too small" };
        problems.push(
            Problem::new(codes::CIDR_SIZE, format!("a /{} is {size} for a region", range.prefix_len()))
                .at(text.span, "must be /16 to /22")
                .help("a VPC has at most a /16; below a /22 it cannot be cut into public and private subnets for four zones"),
        );
    }
    if range.trunc() != range {
        problems.push(
            Problem::new(codes::CIDR_HOST_BITS, format!("`{}` has bits set outside its prefix", text.value))
                .at(text.span, "names an address inside the range")
                .help(format!("did you mean `{}`?", range.trunc())),
        );
    }
    let private = PRIVATE.iter().filter_map(|private| private.parse::<Ipv4Net>().ok()).any(|private| private.contains(&range));
    if !private {
        problems.push(
            Problem::new(codes::CIDR_PUBLIC, format!("{range} is not a private range"))
                .at(text.span, "belongs to others on the internet")
                .help(format!("use a range inside {}", suggest::list(&PRIVATE))),
        );
    }
    Some(range)
}

/// A list of regions of the file, each once and at least one. `empty`: what an empty list means, and what to do about it.
pub fn listed(code: Code, list: &At<Vec<At<String>>>, codes: &[&str], empty: (String, &str), problems: &mut Vec<Problem>) {
    if list.value.is_empty() {
        problems.push(Problem::new(code, empty.0).at(list.span, "is empty").help(empty.1));
    }
    for (index, region) in list.value.iter().enumerate() {
        if !codes.is_empty() && !codes.contains(&region.value.as_str()) {
            problems.push(
                Problem::new(code, format!("`{}` is not a region of this file", shortened(&region.value)))
                    .at(region.span, "not under `regions`")
                    .help(suggest::help(&region.value, "regions", codes)),
            );
        } else if let Some(first) = list.value[..index].iter().find(|other| other.value == region.value) {
            problems.push(
                Problem::new(code, format!("`{}` is listed twice", region.value))
                    .at(region.span, "again here")
                    .at(first.span, "first here")
                    .help("remove one of the two"),
            );
        }
    }
}

pub fn rollout(draft: &Draft, problems: &mut Vec<Problem>) {
    let codes = draft.region_codes();
    for (index, region) in draft.rollout.order.iter().enumerate() {
        if !codes.is_empty() && !codes.contains(&region.value.as_str()) {
            problems.push(
                Problem::new(codes::ROLLOUT_ORDER, format!("`{}` is not a region of this file", shortened(&region.value)))
                    .at(region.span, "not under `regions`")
                    .help(suggest::help(&region.value, "regions", &codes)),
            );
        } else if let Some(first) = draft.rollout.order[..index].iter().find(|other| other.value == region.value) {
            problems.push(
                Problem::new(codes::ROLLOUT_ORDER, format!("`{}` stands twice in the order", region.value))
                    .at(region.span, "again here")
                    .at(first.span, "first here")
                    .help("remove one of the two"),
            );
        }
    }
    if let Some(timeout) = draft.rollout.gate_timeout.as_ref().filter(|timeout| timeout.value.is_zero()) {
        problems.push(
            Problem::new(codes::ROLLOUT_GATE_TIMEOUT, "with a `gate_timeout` of zero no gate could pass")
                .at(timeout.span, "must be longer than zero")
                .help("leave it out for the default of 15m"),
        );
    }
}
