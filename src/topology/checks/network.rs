//! The section `network`.
use std::collections::BTreeMap;

use super::regions::well_formed;
use crate::topology::{
    codes,
    decode::{Draft, NetworkDraft, Zones},
    node::shortened,
    report::{At, Problem},
    suggest,
};

pub fn network(draft: &Draft, problems: &mut Vec<Problem>) {
    let Some(network) = &draft.network else { return };
    let has_existing = |code: &str| network.existing.iter().any(|(region, _)| region.value == code);
    for region in draft.regions.iter().filter(|region| !region.cidr_present && !has_existing(&region.code.value)) {
        problems.push(
            Problem::new(codes::CIDR_MISSING, format!("`{}` has no `cidr`, but the topology has a network", region.code.value))
                .at(region.code.span, "needs a range for its VPC")
                .at(network.key, "because of this section")
                .help(format!("write `{}: {{ cidr: 10.10.0.0/16 }}` with a range that no other region has", region.code.value)),
        );
    }
    match &network.zones {
        Some(Zones::Count(count)) if !(2..=4).contains(&count.value) => problems.push(
            Problem::new(codes::NETWORK_ZONES, format!("{} is not a possible number of availability zones", count.value))
                .at(count.span, "must be 2, 3 or 4")
                .help("3 is the default; 2 fits every region and account"),
        ),
        Some(Zones::Ids(ids)) => zone_ids(draft, ids, &has_existing, problems),
        Some(Zones::Count(_)) | None => {}
    }
    endpoints(network, problems);
    existing(draft, network, problems);
}

/// The region that a zone id such as `use1-az1` lies in, out of those given.
pub fn zone_region<'a>(id: &str, regions: &[&'a str]) -> Option<&'a str> {
    let (prefix, number) = id.split_once("-az")?;
    if number.is_empty() || number.len() > 2 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    regions.iter().copied().find(|region| zone_prefix(region).as_deref() == Some(prefix))
}

/// AWS shortens a region's name to make its zone ids: `us-east-1` → `use1`, `ap-southeast-2` → `apse2`, `us-gov-west-1` → `usgw1`.
fn zone_prefix(region: &str) -> Option<String> {
    if !well_formed(region) {
        return None;
    }
    let (area, rest) = region.split_once('-')?;
    let mut prefix = area.to_owned();
    for word in rest.split('-') {
        match word {
            "northeast" => prefix.push_str("ne"),
            "northwest" => prefix.push_str("nw"),
            "southeast" => prefix.push_str("se"),
            "southwest" => prefix.push_str("sw"),
            digits if digits.starts_with(|c: char| c.is_ascii_digit()) => prefix.push_str(digits),
            word => prefix.extend(word.chars().take(1)),
        }
    }
    Some(prefix)
}

fn zone_ids(draft: &Draft, ids: &At<Vec<At<String>>>, has_existing: &dyn Fn(&str) -> bool, problems: &mut Vec<Problem>) {
    let codes = draft.region_codes();
    if codes.is_empty() {
        return;
    }
    let mut by_region: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, id) in ids.value.iter().enumerate() {
        if let Some(first) = ids.value[..index].iter().find(|other| other.value == id.value) {
            problems.push(repeated("zone", id, first));
            continue;
        }
        let Some(region) = zone_region(&id.value, &codes) else {
            let is_name = id.value.strip_suffix(|c: char| c.is_ascii_lowercase()).is_some_and(well_formed);
            let help = if is_name {
                "this is a zone name, which means another place in every account; use the id, such as `use1-az1`".to_owned()
            } else {
                let prefixes: Vec<String> = codes.iter().filter_map(|code| Some(format!("{}-az1", zone_prefix(code)?))).collect();
                format!("zone ids of this file's regions look like {}", suggest::list(&prefixes))
            };
            problems.push(
                Problem::new(codes::NETWORK_ZONE_ID, format!("`{}` is not the id of a zone in this file's regions", shortened(&id.value)))
                    .at(id.span, "in none of the regions")
                    .help(help),
            );
            continue;
        };
        *by_region.entry(region).or_default() += 1;
    }
    for region in draft.regions.iter().filter(|region| !has_existing(&region.code.value)) {
        let count = by_region.get(region.code.value.as_str()).copied().unwrap_or_default();
        if !(2..=4).contains(&count) && well_formed(&region.code.value) {
            problems.push(
                Problem::new(codes::NETWORK_ZONES, format!("`availability_zones` lists {count} zones of `{}`", region.code.value))
                    .at(ids.span, "must list two to four zones for each region")
                    .at(region.code.span, format!("has {count}"))
                    .help("list zone ids for all regions, or write a number to let mrctl choose"),
            );
        }
    }
}

fn endpoints(network: &NetworkDraft, problems: &mut Vec<Problem>) {
    let Some(endpoints) = &network.endpoints else { return };
    for (index, name) in endpoints.value.iter().enumerate() {
        let text = name.value.as_str();
        let fits = !text.is_empty()
            && text.len() <= 100
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-')
            && !text.starts_with("com.amazonaws");
        if !fits {
            let short = text.strip_prefix("com.amazonaws.").and_then(|rest| rest.split_once('.')).map(|(_, service)| service);
            problems.push(
                Problem::new(codes::NETWORK_ENDPOINT, format!("`{}` is not the name of an endpoint", shortened(text)))
                    .at(name.span, "not an endpoint")
                    .help(match short {
                        Some(short) => format!("leave the part with the region out: `{short}`"),
                        None => "write the last part of the service name in lower case: `s3`, `dynamodb`, `ecr.api`".to_owned(),
                    }),
            );
        } else if let Some(first) = endpoints.value[..index].iter().find(|other| other.value == text) {
            problems.push(repeated("endpoint", name, first));
        }
    }
}

fn existing(draft: &Draft, network: &NetworkDraft, problems: &mut Vec<Problem>) {
    let codes = draft.region_codes();
    for (region, found) in &network.existing {
        if !codes.is_empty() && !codes.contains(&region.value.as_str()) {
            problems.push(
                Problem::new(codes::NETWORK_EXISTING, format!("`{}` is not a region of this file", shortened(&region.value)))
                    .at(region.span, "not under `regions`")
                    .help(suggest::help(&region.value, "regions", &codes)),
            );
        }
        let Some(found) = found else { continue };
        let vpc = found.vpc.iter().map(|id| (id, "vpc"));
        let subnets: Vec<&At<String>> = found.public_subnets.iter().chain(&found.private_subnets).collect();
        for (id, prefix) in vpc.chain(subnets.iter().map(|id| (*id, "subnet"))) {
            if !is_id(&id.value, prefix) {
                problems.push(
                    Problem::new(codes::NETWORK_EXISTING, format!("`{}` is not the id of a {prefix}", shortened(&id.value)))
                        .at(id.span, format!("does not look like `{prefix}-0123456789abcdef0`"))
                        .help(format!("write `{prefix}-` and the 8 or 17 hexadecimal digits that the console shows")),
                );
            }
        }
        for (index, id) in subnets.iter().enumerate() {
            if let Some(first) = subnets[..index].iter().find(|other| other.value == id.value) {
                problems.push(repeated("subnet", id, first));
            }
        }
    }
}

fn is_id(text: &str, prefix: &str) -> bool {
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    digits.is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

pub fn repeated(what: &str, again: &At<String>, first: &At<String>) -> Problem {
    Problem::new(codes::DECODE_REPEATED, format!("the {what} `{}` is listed twice", shortened(&again.value)))
        .at(again.span, "again here")
        .at(first.span, "first here")
        .help("remove one of the two")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_ids_name_their_region() {
        let regions = ["us-east-1", "ap-southeast-2", "eu-central-1", "us-gov-west-1", "cn-northwest-1"];
        for (id, region) in [
            ("use1-az1", Some("us-east-1")),
            ("apse2-az3", Some("ap-southeast-2")),
            ("euc1-az2", Some("eu-central-1")),
            ("usgw1-az1", Some("us-gov-west-1")),
            ("cnnw1-az1", Some("cn-northwest-1")),
            ("euw1-az1", None),
            ("use1-az", None),
            ("use1-azx", None),
            ("us-east-1a", None),
        ] {
            assert_eq!(zone_region(id, &regions), region, "{id}");
        }
    }
}
