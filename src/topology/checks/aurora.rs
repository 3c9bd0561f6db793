//! The section `aurora`: keys, regions, the writer, keys of encryption and the network of each global database.
use super::{
    aurora_engine::engine,
    aurora_members::members,
    own_keys::{Encrypted, own_keys},
    regions::listed,
};
use crate::topology::{
    aurora::region_codes,
    codes,
    decode::{AuroraDraft, AuroraEncryptionDraft, Draft, ExistingDraft, NetworkDraft},
    node::shortened,
    report::{At, Problem},
    suggest,
};

/// The longest identifier of a cluster or an instance (RDS API reference, CreateDBCluster).
const LONGEST_IDENTIFIER: usize = 63;
/// The writer's and ten others (field guide 4.2 item 7).
const MOST_REGIONS: usize = 11;

pub fn aurora(draft: &Draft, problems: &mut Vec<Problem>) {
    for aurora in &draft.aurora {
        if key(aurora, problems) {
            identifiers(draft, aurora, problems);
            groups(draft, aurora, problems);
        }
        regions(draft, aurora, problems);
        writer(draft, aurora, problems);
        engine(draft, aurora, problems);
        members(draft, aurora, problems);
        network(draft, aurora, problems);
        if let Some(AuroraEncryptionDraft::Keys(keys)) = &aurora.encryption {
            let encrypted = Encrypted {
                code: codes::AURORA_ENCRYPTION,
                what: "database",
                member: "cluster",
                members: &region_codes(draft, aurora),
                help: "give a key for each region, or write `aws_managed`",
            };
            own_keys(keys, &encrypted, problems);
        }
    }
}

/// Whether the key by itself can be part of an identifier.
fn key(aurora: &AuroraDraft, problems: &mut Vec<Problem>) -> bool {
    let key = aurora.key.value.as_str();
    let wrong = if !key.starts_with(|c: char| c.is_ascii_lowercase()) {
        "must begin with a lower-case letter"
    } else if !key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        "may have only lower-case letters, digits and hyphens"
    } else if key.contains("--") {
        "must not have two hyphens in a row"
    } else if key.ends_with('-') {
        "must not end with a hyphen"
    } else {
        return true;
    };
    problems.push(
        Problem::new(codes::AURORA_NAME, format!("`{}` cannot be the key of a global database", shortened(key)))
            .at(aurora.key.span, wrong)
            .help("it is part of every name in AWS: choose something short such as `main`"),
    );
    false
}

/// `<stack>-<key>-<region>-<n>` is the longest name that is made of the key, and there may be sixteen instances later. A name of the stack that is wrong anyway is not judged.
fn identifiers(draft: &Draft, aurora: &AuroraDraft, problems: &mut Vec<Problem>) {
    let Some(stack) = draft.stack.as_ref().filter(|stack| stack.value.len() <= 20) else { return };
    if stack.value.contains("--") {
        problems.push(
            Problem::new(codes::AURORA_NAME, format!("no cluster can have a name that begins with `{}`", stack.value))
                .at(stack.span, "has two hyphens in a row")
                .at(aurora.key.span, "because of this database")
                .help("RDS takes no two hyphens in a row; another name of the stack is another stack"),
        );
    }
    let names = region_codes(draft, aurora).into_iter().map(|region| format!("{}-{}-{region}-16", stack.value, aurora.key.value));
    if let Some(longest) = names.max_by_key(String::len).filter(|name| name.len() > LONGEST_IDENTIFIER) {
        let over = longest.len() - LONGEST_IDENTIFIER;
        problems.push(
            Problem::new(codes::AURORA_NAME, format!("`{}` is too long for the key of a global database", shortened(&aurora.key.value)))
                .at(aurora.key.span, format!("the name of an instance could have {} characters", longest.len()))
                .help(format!("RDS takes at most {LONGEST_IDENTIFIER}: make the key shorter by {over}")),
        );
    }
}

/// The group of a database and those of services and their load balancers have names of one sort.
fn groups(draft: &Draft, aurora: &AuroraDraft, problems: &mut Vec<Problem>) {
    let group = format!("aurora-{}", aurora.key.value);
    for service in &draft.services {
        let name = service.key.value.as_str();
        let whose = match group.strip_prefix(name) {
            Some("") => "the tasks of this service have it",
            Some("-load-balancer") => "the load balancer of this service has it",
            _ => continue,
        };
        problems.push(
            Problem::new(codes::AURORA_NAME, format!("the name of the security group `{group}` is taken"))
                .at(aurora.key.span, "this database would have it")
                .at(service.key.span, whose)
                .help("choose another key for one of the two"),
        );
    }
}

fn regions(draft: &Draft, aurora: &AuroraDraft, problems: &mut Vec<Problem>) {
    let codes = draft.region_codes();
    let key = shortened(&aurora.key.value);
    if let Some(list) = &aurora.regions {
        let help = "list at least one region, or remove `regions` to have the database in all of them";
        listed(codes::AURORA_REGIONS, list, &codes, (format!("the database `{key}` is in no region"), help), problems);
    }
    let members = region_codes(draft, aurora);
    if members.len() > MOST_REGIONS {
        let span = aurora.regions.as_ref().map_or(aurora.key.span, |list| list.span);
        problems.push(
            Problem::new(codes::AURORA_REGIONS, format!("the database `{key}` cannot be in {} regions", members.len()))
                .at(span, format!("at most {MOST_REGIONS} are possible"))
                .help("list the regions that need it: `regions: [REGION, …]`"),
        );
    }
    for (At { value: region, span }, _) in &aurora.per_region {
        if !codes.is_empty() && !members.contains(&region.as_str()) {
            let label = if codes.contains(&region.as_str()) { "the database is not in this region" } else { "not under `regions`" };
            let text = format!("`per_region` names `{}`, where the database has no cluster", shortened(region));
            let problem = Problem::new(codes::AURORA_PER_REGION, text).at(*span, label);
            problems.push(problem.help(suggest::help(region, "regions of the database", &members)));
        }
    }
}

fn writer(draft: &Draft, aurora: &AuroraDraft, problems: &mut Vec<Problem>) {
    let Some(writer) = &aurora.writer else { return };
    let (codes, members) = (draft.region_codes(), region_codes(draft, aurora));
    let region = writer.value.as_str();
    // A database in no region is reported as such.
    if codes.is_empty() || members.is_empty() || members.contains(&region) {
        return;
    }
    let label = if codes.contains(&region) { "the database is not in this region" } else { "not under `regions`" };
    let text = format!("the writer of the database `{}` cannot be made in `{}`", shortened(&aurora.key.value), shortened(region));
    let problem = Problem::new(codes::AURORA_WRITER, text).at(writer.span, label);
    problems.push(problem.help(suggest::help(region, "regions of the database", &members)));
}

/// How many zones a network of mrctl's has is judged with the network: two at least.
fn network(draft: &Draft, aurora: &AuroraDraft, problems: &mut Vec<Problem>) {
    let key = shortened(&aurora.key.value);
    let Some(network) = &draft.network else {
        problems.push(
            Problem::new(codes::AURORA_NETWORK, format!("the database `{key}` has no network to be in"))
                .at(aurora.key.span, "needs private subnets")
                .help("add the section `network`, or name a VPC of yours under `network.existing`"),
        );
        return;
    };
    for region in region_codes(draft, aurora) {
        let Some((at, Some(found))) = existing(network, region) else { continue };
        if found.private_subnets.len() < 2 {
            problems.push(
                Problem::new(codes::AURORA_NETWORK, format!("the database `{key}` needs two private subnets in `{region}`"))
                    .at(at.span, "has too few")
                    .at(aurora.key.span, "this database")
                    .help("list at least two, in two zones: `private_subnets: [subnet-…, subnet-…]`"),
            );
        }
    }
}

/// The VPC of a region that mrctl does not make.
pub fn existing<'a>(network: &'a NetworkDraft, region: &str) -> Option<&'a (At<String>, Option<ExistingDraft>)> {
    network.existing.iter().find(|(of, _)| of.value == region)
}
