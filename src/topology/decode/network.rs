//! The section `network`.
use std::collections::BTreeMap;

use super::{
    reader::{Block, Place, Reading},
    top::Places,
};
use crate::{
    resource::Region,
    topology::{
        ExistingNetwork, Model, NatGateways, Network, NotBuilt, Peering, ZoneChoice, codes,
        node::{Value, shortened},
        report::{At, Problem, Span},
        suggest,
    },
};

/// Reads the section, when there is one, and what it asks of `regions`.
pub fn read(reading: &mut Reading, top: &mut Block<'_>, model: &mut Model, places: &Places) {
    let key = top.entry(reading, "network").map(|entry| (entry.key.span, entry.value.is_null()));
    let Some((key, empty)) = key else { return };
    let mut network = Network {
        availability_zones: ZoneChoice::Count(3),
        nat_gateways: NatGateways::None,
        endpoints: Vec::new(),
        peering: Peering::None,
        existing: BTreeMap::new(),
    };
    if !empty {
        top.optional(reading, "network", |reading, place, path| section(reading, place, path, model, &mut network, places));
    }
    for (region, spec) in &model.regions {
        if spec.cidr.is_none() && !places[region].has_cidr && !network.existing.contains_key(region) {
            let problem = Problem::new(codes::CIDR_MISSING, format!("{region} gets a VPC and has no `cidr`"));
            reading.problems.push(
                problem
                    .at(places[region].span, "has no `cidr`")
                    .at(key, "because of this section")
                    .help("for example `{ cidr: 10.10.0.0/16 }`"),
            );
        }
    }
    model.network = Some(network);
}

fn section(reading: &mut Reading, place: Place<'_>, path: &str, model: &mut Model, network: &mut Network, places: &Places) -> Option<()> {
    let mut block = reading.block(place, path, "network")?;
    if let Some(zones) = block.optional(reading, "availability_zones", |reading, place, path| zones(reading, place, path, places)) {
        network.availability_zones = zones;
    }
    let nat = [("per_zone", NatGateways::PerZone), ("single", NatGateways::Single), ("none", NatGateways::None)];
    if let Some(choice) = block.optional(reading, "nat_gateways", |reading, place, path| reading.choice(place, path, &nat)) {
        network.nat_gateways = choice.value;
        if choice.value != NatGateways::None {
            not_built(model, reading, choice.span, "network.nat_gateways", "NAT gateways");
        }
    }
    if let Some(names) = block.optional(reading, "endpoints", Reading::texts) {
        if let Some(first) = names.value.first() {
            not_built(model, reading, first.span, "network.endpoints", "VPC endpoints");
        }
        for name in names.value {
            let plain = name.value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte));
            if name.value.is_empty() || !plain || name.value.starts_with("com.amazonaws.") {
                let problem = Problem::new(codes::NETWORK_ENDPOINT, format!("`{}` is not the name of an endpoint", shortened(&name.value)));
                reading
                    .problems
                    .push(problem.at(name.span, "not an endpoint").help("write the last part of its service name: `s3`, `ecr.api`"));
            } else if network.endpoints.contains(&name.value) {
                let problem = Problem::new(codes::DECODE_REPEATED, format!("`{}` stands twice in `network.endpoints`", name.value));
                reading.problems.push(problem.at(name.span, "named before").help("remove one"));
            } else {
                network.endpoints.push(name.value);
            }
        }
    }
    let peering = [("none", Peering::None), ("mesh", Peering::Mesh)];
    if let Some(choice) = block.optional(reading, "peering", |reading, place, path| reading.choice(place, path, &peering)) {
        network.peering = choice.value;
        if choice.value == Peering::Mesh {
            not_built(model, reading, choice.span, "network.peering", "peering");
        }
    }
    block.optional(reading, "existing", |reading, place, path| {
        not_built(model, reading, place.key, "network.existing", "using an existing network");
        existing(reading, place, path, network, places)
    });
    block.finish(reading);
    Some(())
}

/// Never silence: a warning now, and a finding in every plan.
fn not_built(model: &mut Model, reading: &mut Reading, span: Span, path: &str, what: &str) {
    let message = format!("`{path}`: {what} is not built yet; the plan leaves it out");
    let problem = Problem::new(codes::NETWORK_NOT_BUILT, message.clone());
    reading.problems.push(problem.at(span, "not built yet").help("keep it for a later version or take it out"));
    // The line is filled in when the text is at hand.
    model.not_built.push(NotBuilt { line: span.start, path: path.to_owned(), message });
}

fn zones(reading: &mut Reading, place: Place<'_>, path: &str, places: &Places) -> Option<ZoneChoice> {
    if !matches!(place.node.value, Value::List(_)) {
        let count = reading.whole_number(place, path)?;
        if !(2..=4).contains(&count.value) {
            let problem = Problem::new(codes::NETWORK_ZONES, format!("{} zones are not possible", count.value));
            reading.problems.push(problem.at(count.span, "not from 2 to 4").help("use 2, 3 or 4 zones"));
            return None;
        }
        return usize::try_from(count.value).ok().map(ZoneChoice::Count);
    }
    let ids = reading.texts(place, path)?;
    let mut by_region: BTreeMap<Region, Vec<String>> = BTreeMap::new();
    for id in ids.value {
        match places
            .keys()
            .find(|region| zone_prefix(region) == id.value.split("-az").next().unwrap_or_default() && id.value.contains("-az"))
        {
            Some(region) => by_region.entry(region.clone()).or_default().push(id.value),
            None => {
                let problem =
                    Problem::new(codes::NETWORK_ZONE_ID, format!("`{}` is no zone id of a region of this file", shortened(&id.value)));
                reading.problems.push(
                    problem
                        .at(id.span, "not a zone id here")
                        .help("a zone id looks like `use1-az1`; zone names such as `us-east-1a` differ between accounts"),
                );
            }
        }
    }
    for region in places.keys() {
        let count = by_region.get(region).map_or(0, Vec::len);
        if !(2..=4).contains(&count) {
            let problem = Problem::new(codes::NETWORK_ZONES, format!("{count} zone ids are listed for {region}"));
            reading.problems.push(
                problem
                    .at(place.key, "two to four for each region")
                    .help(format!("ids of {region} begin with `{}-az`", zone_prefix(region))),
            );
        }
    }
    Some(ZoneChoice::Ids(by_region))
}

/// `use1` of `us-east-1`, as AWS begins its zone ids.
fn zone_prefix(region: &Region) -> String {
    let short = |word: &str| match word {
        "northeast" => "ne".to_owned(),
        "northwest" => "nw".to_owned(),
        "southeast" => "se".to_owned(),
        "southwest" => "sw".to_owned(),
        "gov" => "g".to_owned(),
        other if other.len() > 2 || other.bytes().all(|byte| byte.is_ascii_digit()) => other.chars().take(1).collect(),
        other => other.to_owned(),
    };
    region.as_str().split('-').map(short).collect()
}

fn existing(reading: &mut Reading, place: Place<'_>, path: &str, network: &mut Network, places: &Places) -> Option<()> {
    for entry in reading.entries(place, path)? {
        let region = Region::new(&entry.key.value);
        if !places.contains_key(&region) {
            let known: Vec<&str> = places.keys().map(Region::as_str).collect();
            let problem = Problem::new(codes::NETWORK_EXISTING, format!("`{path}` names `{region}`, which is no region of this file"));
            reading.problems.push(problem.at(entry.key.span, "unknown region").help(suggest::help(
                region.as_str(),
                "regions of this file",
                &known,
            )));
        }
        let own = format!("{path}.{region}");
        let Some(mut block) = reading.block(Place { node: &entry.value, key: entry.key.span }, &own, "existing") else { continue };
        let vpc = block.required(reading, "vpc", "name the VPC: `vpc: vpc-0123456789abcdef0`", Reading::text);
        let mut subnets = |reading: &mut Reading, key| {
            let list = block.optional(reading, key, Reading::texts).map(|list| list.value).unwrap_or_default();
            list.into_iter().filter_map(|id| is_id(reading, id, "subnet")).collect::<Vec<_>>()
        };
        let (public_subnets, private_subnets) = (subnets(reading, "public_subnets"), subnets(reading, "private_subnets"));
        let vpc = vpc.and_then(|vpc| is_id(reading, vpc, "vpc")).unwrap_or_default();
        block.finish(reading);
        network.existing.insert(region, ExistingNetwork { vpc, public_subnets, private_subnets });
    }
    Some(())
}

fn is_id(reading: &mut Reading, id: At<String>, kind: &str) -> Option<String> {
    let hex = id.value.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-'));
    if hex.is_some_and(|hex| matches!(hex.len(), 8 | 17) && hex.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Some(id.value);
    }
    let problem = Problem::new(codes::NETWORK_EXISTING, format!("`{}` is not the id of a {kind}", shortened(&id.value)));
    reading.problems.push(problem.at(id.span, "not an id").help(format!("it looks like `{kind}-0123456789abcdef0`")));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_ids_begin_with_their_region() {
        for (region, prefix) in [
            ("us-east-1", "use1"),
            ("eu-west-1", "euw1"),
            ("ap-northeast-2", "apne2"),
            ("us-gov-east-1", "usge1"),
            ("ca-central-1", "cac1"),
        ] {
            assert_eq!(zone_prefix(&Region::new(region)), prefix);
        }
    }
}
