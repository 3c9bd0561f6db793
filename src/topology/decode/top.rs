//! The file as a whole: `version`, `stack`, `account`, `tags`, `objectives`, `regions`, `rollout`.
use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use ipnet::Ipv4Net;

use super::{
    network,
    reader::{Block, Place, Reading},
    tables,
};
use crate::{
    resource::{Region, owner},
    topology::{
        Model, RegionSpec, Rollout, codes,
        node::Node,
        report::{At, Problem, Span},
        suggest,
    },
};

const NOT_BUILT: [&str; 8] = ["aurora", "services", "iam", "dns", "alarms", "alerts", "dashboard", "ignore"];

/// Regions, for everything that refers to them.
pub type Places = IndexMap<Region, Line>;

/// A line under `regions`.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub span: Span,
    /// Whether it says anything about a range, be it wrong: what is wrong is not missing too.
    pub has_cidr: bool,
}

/// Reads the whole file. The model is complete only when nothing with the severity of an error was recorded.
pub fn read(root: &Node, reading: &mut Reading) -> Model {
    let start = Span { start: root.span.start, end: root.span.start };
    let Some(mut top) = reading.block(Place { node: root, key: start }, "", "topology") else { return Model::default() };
    let mut model = Model::default();
    let version = top.required(reading, "version", "write `version: 1` as the first line", Reading::whole_number);
    if let Some(version) = version.filter(|version| version.value != 1) {
        let problem = Problem::new(codes::VERSION_UNSUPPORTED, format!("version {} is not known to this mrctl", version.value));
        reading.problems.push(problem.at(version.span, "unknown version").help("write `version: 1`"));
    }
    let stack = top.required(reading, "stack", "name the stack, for example `stack: shop`", Reading::text);
    if let Some(stack) = stack {
        check_stack(reading, &stack);
        model.stack = stack.value;
    }
    if let Some(account) = top.optional(reading, "account", Reading::text) {
        if account.value.len() != 12 || !account.value.bytes().all(|byte| byte.is_ascii_digit()) {
            let problem = Problem::new(codes::ACCOUNT_ID, format!("`{}` is not an AWS account id", account.value));
            reading.problems.push(problem.at(account.span, "not twelve digits").help("write its twelve digits in quotes"));
        }
        model.account = Some(account.value);
    }
    model.tags = top.optional(reading, "tags", |reading, place, path| Some(tags(reading, place, path))).unwrap_or_default();
    top.optional(reading, "objectives", objectives);
    let mut places = Places::new();
    let regions = "list the regions, for example `regions: { us-east-1: { cidr: 10.10.0.0/16 } }`";
    top.required(reading, "regions", regions, |reading, place, path| read_regions(reading, place, path, &mut model, &mut places));
    overlaps(reading, &model, &places);
    network::read(reading, &mut top, &mut model, &places);
    model.rollout = top.optional(reading, "rollout", |reading, place, path| rollout(reading, place, path, &places)).unwrap_or_default();
    tables::read(reading, &mut top, &mut model, &places);
    for section in NOT_BUILT {
        if let Some(entry) = top.entry(reading, section) {
            let problem = Problem::new(codes::SECTION_NOT_BUILT, format!("`{section}` is not built by this version of mrctl yet"));
            reading.problems.push(problem.at(entry.key.span, "not built yet").help("take the section out"));
        }
    }
    top.finish(reading);
    model
}

fn check_stack(reading: &mut Reading, stack: &At<String>) {
    let name = stack.value.as_str();
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !(2..=20).contains(&name.len()) || !plain || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        let problem = Problem::new(codes::STACK_NAME, format!("`{}` cannot name a stack", crate::topology::node::shortened(name)));
        let help = "2 to 20 characters: a lower-case letter, then lower-case letters, digits and `-`";
        reading.problems.push(problem.at(stack.span, "not a stack name").help(help));
    }
}

fn tags(reading: &mut Reading, place: Place<'_>, path: &str) -> BTreeMap<String, String> {
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    let fits = |text: &str, space: bool| text.chars().all(|c| c.is_alphanumeric() || "_.:/=+-@".contains(c) || space && c == ' ');
    let Some(entries) = reading.entries(place, path) else { return tags };
    for entry in entries {
        let (key, span) = (&entry.key.value, entry.key.span);
        let value = reading.text(Place { node: &entry.value, key: span }, &format!("{path}.{key}"));
        let mut say = |code, message: String, span, label: &str, help: &str| {
            reading.problems.push(Problem::new(code, message).at(span, label).help(help));
        };
        if key.is_empty() || key.chars().count() > 128 || !fits(key, false) || key == owner::NAME {
            let help = "1 to 128 letters, digits and `_ . : / = + - @`, no space; `Name` is set by mrctl";
            say(codes::TAGS_KEY, format!("`{}` cannot be a tag key", crate::topology::node::shortened(key)), span, "not a tag key", help);
        }
        if ["aws:", "rds:", "mrctl:"].iter().any(|prefix| key.to_lowercase().starts_with(prefix)) {
            say(codes::TAGS_RESERVED, format!("the prefix of `{key}` is reserved"), span, "reserved prefix", "choose another key");
        }
        if let Some(other) = tags.keys().find(|other| other.to_lowercase() == key.to_lowercase()) {
            say(codes::TAGS_CASE, format!("`{key}` and `{other}` differ in case only"), span, "the same key to IAM", "keep one of them");
        }
        if let Some(value) = value {
            if value.value.is_empty() || value.value.chars().count() > owner::LONGEST_VALUE || !fits(&value.value, true) {
                let help = "1 to 256 letters, digits, spaces and `_ . : / = + - @`";
                say(codes::TAGS_VALUE, format!("the value of the tag `{key}` cannot be used"), value.span, "not a tag value", help);
            }
            tags.insert(key.clone(), value.value);
        }
    }
    let keys: BTreeSet<String> = tags.keys().cloned().collect();
    if tags.len() > 40 {
        let problem = Problem::new(codes::TAGS_TOO_MANY, format!("{} tags are more than 40", tags.len()));
        reading.problems.push(problem.at(place.key, "too many tags").help("keep 40 at most"));
    } else if !owner::fits(&keys) {
        let problem = Problem::new(codes::TAGS_DO_NOT_FIT, "the tag keys are too long to be remembered");
        reading.problems.push(problem.at(place.key, "too long together").help("shorten the keys or set fewer tags"));
    }
    tags
}

/// Accepted now; checked offline in a later version.
fn objectives(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<()> {
    let mut block = reading.block(place, path, "objectives")?;
    block.optional(reading, "rto", Reading::duration);
    block.optional(reading, "rpo", Reading::duration);
    block.optional(reading, "survive_regions", Reading::whole_number);
    block.finish(reading);
    Some(())
}

fn read_regions(reading: &mut Reading, place: Place<'_>, path: &str, model: &mut Model, places: &mut Places) -> Option<()> {
    let entries = reading.entries(place, path)?;
    for entry in entries {
        let (code, span) = (entry.key.value.as_str(), entry.key.span);
        if !is_region(code) {
            let problem = Problem::new(codes::REGION_NAME, format!("`{}` is not a region code", crate::topology::node::shortened(code)));
            reading.problems.push(problem.at(span, "not a region code").help("a code looks like `eu-west-1`"));
        }
        let region = Region::new(code);
        let mut spec = RegionSpec { cidr: None };
        let mut has_cidr = !entry.value.is_null();
        let here = Place { node: &entry.value, key: span };
        let own = format!("{path}.{code}");
        if !entry.value.is_null()
            && let Some(mut block) = reading.block(here, &own, "region")
        {
            has_cidr = block.entry(reading, "cidr").is_some_and(|entry| !entry.value.is_null());
            spec.cidr = block.optional(reading, "cidr", cidr);
            let states = [("active", true), ("abandoned", false)];
            let state = block.optional(reading, "state", |reading, place, path| reading.choice(place, path, &states));
            if let Some(state) = state.filter(|state| !state.value) {
                let problem = Problem::new(codes::REGION_STATE, "`abandoned` is not built yet");
                reading.problems.push(problem.at(state.span, "not built yet").help("only `active` is possible"));
            }
            block.finish(reading);
        }
        model.regions.insert(region.clone(), spec);
        places.insert(region, Line { span, has_cidr });
    }
    match entries {
        [] => reading.problems.push(Problem::new(codes::REGION_NONE, "the topology has no region").at(place.key, "no region")),
        [only] => {
            let problem = Problem::new(codes::REGION_SINGLE, "the topology has one region only");
            reading.problems.push(problem.at(only.key.span, "the only region").help("add a second region when you can"));
        }
        _ => {}
    }
    Some(())
}

/// An area, a direction and a number: `eu-west-1`, `us-gov-east-1`.
fn is_region(code: &str) -> bool {
    let parts: Vec<&str> = code.split('-').collect();
    let number = parts.last().is_some_and(|last| last.len() == 1 && last.bytes().all(|byte| byte.is_ascii_digit()));
    let words = parts.len().saturating_sub(1);
    number && (2..=3).contains(&words) && parts[..words].iter().all(|word| word.len() >= 2 && word.bytes().all(|b| b.is_ascii_lowercase()))
}

fn cidr(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Ipv4Net> {
    let text = reading.text(place, path)?;
    let Ok(net) = text.value.parse::<Ipv4Net>() else {
        let problem = Problem::new(codes::CIDR_SYNTAX, format!("`{}` is not an IPv4 range", crate::topology::node::shortened(&text.value)));
        reading.problems.push(problem.at(text.span, "not a range").help("write an address and a prefix length: `10.10.0.0/16`"));
        return None;
    };
    if !(16..=22).contains(&net.prefix_len()) {
        let problem = Problem::new(codes::CIDR_SIZE, format!("`{net}` is not between /16 and /22"));
        reading.problems.push(problem.at(text.span, "wrong size").help(format!("for example `{}/16`", net.network())));
    }
    if net != net.trunc() {
        let problem = Problem::new(codes::CIDR_HOST_BITS, format!("`{net}` has bits set outside its prefix"));
        reading.problems.push(problem.at(text.span, "host bits set").help(format!("write `{}`", net.trunc())));
    }
    let shared = Ipv4Net::new(std::net::Ipv4Addr::new(100, 64, 0, 0), 10);
    if !net.addr().is_private() && !shared.is_ok_and(|shared| shared.contains(&net)) {
        let problem = Problem::new(codes::CIDR_PUBLIC, format!("`{net}` is not a private range"));
        reading.problems.push(problem.at(text.span, "public addresses").help("use a part of 10.0.0.0/8 unless it is your own"));
    }
    Some(net.trunc())
}

fn overlaps(reading: &mut Reading, model: &Model, places: &Places) {
    let ranges: Vec<(&Region, Ipv4Net)> = model.regions.iter().filter_map(|(region, spec)| Some((region, spec.cidr?))).collect();
    for (index, (second, range)) in ranges.iter().enumerate() {
        for (first, other) in &ranges[..index] {
            if range.contains(other) || other.contains(range) {
                let problem = Problem::new(codes::CIDR_OVERLAP, format!("the ranges of {first} and {second} overlap"));
                let problem = problem.at(places[*second].span, format!("{range}")).at(places[*first].span, format!("overlaps {other}"));
                reading.problems.push(problem.help(format!("give {second} a range outside {other}")));
            }
        }
    }
}

fn rollout(reading: &mut Reading, place: Place<'_>, path: &str, places: &Places) -> Option<Rollout> {
    let mut block = reading.block(place, path, "rollout")?;
    let mut rollout = Rollout::default();
    if let Some(bake) = block.optional(reading, "bake", Reading::duration) {
        rollout.bake = bake.value;
    }
    if let Some(limit) = block.optional(reading, "gate_timeout", Reading::duration) {
        if limit.value.is_zero() {
            let problem = Problem::new(codes::ROLLOUT_GATE_TIMEOUT, "a gate that may wait for no time never opens");
            reading.problems.push(problem.at(limit.span, "zero").help("give it at least `1s`"));
        }
        rollout.gate_timeout = limit.value;
    }
    if let Some(order) = block.optional(reading, "order", Reading::texts) {
        rollout.order = regions_of(reading, order.value, places, codes::ROLLOUT_ORDER, "`rollout.order`");
    }
    block.finish(reading);
    Some(rollout)
}

/// A list of regions of the file, each once.
pub fn regions_of(reading: &mut Reading, list: Vec<At<String>>, places: &Places, code: codes::Code, of: &str) -> Vec<Region> {
    let mut regions: Vec<Region> = Vec::new();
    for item in list {
        let region = Region::new(&item.value);
        if regions.contains(&region) {
            reading.problems.push(Problem::new(code, format!("{of} names {region} twice")).at(item.span, "named before"));
        } else if places.contains_key(&region) {
            regions.push(region);
        } else {
            let known: Vec<&str> = places.keys().map(Region::as_str).collect();
            let problem = Problem::new(code, format!("{of} names `{region}`, which is no region of this file"));
            reading.problems.push(problem.at(item.span, "unknown region").help(suggest::help(&item.value, "regions of this file", &known)));
        }
    }
    regions
}

/// A block that may be absent or empty.
pub fn or_empty<'a>(block: Option<Block<'a>>, kind: &'static str, path: &str, key: Span) -> Block<'a> {
    block.unwrap_or_else(|| Block::over(kind, path, key, &[]))
}
