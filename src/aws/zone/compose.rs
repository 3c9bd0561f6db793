//! What has to be sent so that record sets become what they are to be. Pure.
//!
//! All sets of one name and type must have the same routing policy, and Route 53 changes that only when all go and come in one
//! change (field guide 9.2 item 7). So who is to get another policy takes along its siblings of this stack that still have the
//! old one: each keeps what it points at and is routed as the topology says, and finds itself done when its own turn comes.
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_route53::types::{ChangeAction, GeoLocation, ResourceRecordSet, ResourceRecordSetRegion};

use super::{SetKey, Wanted};
use crate::{
    aws::dns::plain,
    resource::{Class, Fault, Region},
    topology::Location,
};

/// How clients come to one record set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    Latency(Region),
    Weighted(u32),
    Geolocation(Location),
}

impl Policy {
    fn name(&self) -> &'static str {
        match self {
            Self::Latency(_) => "latency",
            Self::Weighted(_) => "weighted",
            Self::Geolocation(_) => "geolocation",
        }
    }

    /// The set with this policy and no other.
    #[must_use]
    pub fn of(&self, mut set: ResourceRecordSet) -> ResourceRecordSet {
        (set.weight, set.region, set.geo_location) = (None, None, None);
        (set.failover, set.multi_value_answer, set.cidr_routing_config, set.geo_proximity_location) = (None, None, None, None);
        match self {
            Self::Latency(region) => set.region = Some(ResourceRecordSetRegion::from(region.as_str())),
            Self::Weighted(weight) => set.weight = Some(i64::from(*weight)),
            Self::Geolocation(location) => {
                let place = GeoLocation::builder();
                let place = match location {
                    Location::Continent(code) => place.continent_code(code),
                    Location::Country(code) => place.country_code(code),
                    Location::Default => place.country_code("*"),
                };
                set.geo_location = Some(place.build());
            }
        }
        set
    }
}

/// The word for a found set's policy.
#[must_use]
pub fn policy_name(set: &ResourceRecordSet) -> &'static str {
    if set.weight.is_some() {
        "weighted"
    } else if set.region.is_some() {
        "latency"
    } else if set.geo_location.is_some() {
        "geolocation"
    } else if set.failover.is_some() {
        "failover"
    } else if set.multi_value_answer.is_some() {
        "multivalue"
    } else if set.cidr_routing_config.is_some() {
        "cidr"
    } else if set.geo_proximity_location.is_some() {
        "geoproximity"
    } else {
        "simple"
    }
}

/// What a stack has to do with one name.
#[derive(Clone, Debug, Default)]
pub struct Family {
    /// What the set identifiers of the stack begin with: `mrctl/shop/`.
    pub prefix: String,
    /// How the sets of each region are wanted, with their identifiers; empty when the plan wants none.
    pub wanted: BTreeMap<Region, Vec<(String, Policy)>>,
    /// Whether sets of other stacks may stand beside ours (validation records: each stack has one of the same content).
    pub shared: bool,
}

impl Family {
    fn is_ours(&self, set: &ResourceRecordSet) -> bool {
        set.set_identifier().is_some_and(|identifier| identifier.starts_with(&self.prefix))
    }

    /// The region of one of our identifiers: `mrctl/shop/eu-west-1/EU` is of `eu-west-1`.
    fn region_of(&self, identifier: &str) -> Option<Region> {
        let rest = identifier.strip_prefix(&self.prefix)?;
        rest.split('/').next().map(Region::new)
    }

    fn policy(&self) -> Option<&'static str> {
        self.wanted.values().flatten().next().map(|(_, policy)| policy.name())
    }
}

/// What to send, and which of the wanted sets need nothing.
#[derive(Debug, Default)]
pub struct Verdict {
    pub changes: Vec<(ChangeAction, ResourceRecordSet)>,
    pub done: Vec<SetKey>,
}

/// Which set of its zone it is.
#[must_use]
pub fn key_of(set: &ResourceRecordSet) -> SetKey {
    let identifier = set.set_identifier().unwrap_or_default().to_owned();
    SetKey { name: plain(set.name()), kind: set.r#type().as_str().to_owned(), identifier }
}

/// A load balancer's name as Route 53 may have rewritten it: lower case, no dot at the end.
#[must_use]
pub fn zone_target(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Works out what to send, given what is there under the names.
///
/// # Errors
/// Something foreign stands under one of the names.
pub fn compose(live: &[ResourceRecordSet], wanted: &[&Wanted]) -> Result<Verdict, Fault> {
    let mut verdict = Verdict::default();
    let groups: BTreeSet<(&str, &str)> = wanted.iter().map(|wanted| (wanted.key.name.as_str(), wanted.key.kind.as_str())).collect();
    for (name, kind) in groups {
        let of_group: Vec<&Wanted> = wanted.iter().filter(|wanted| wanted.key.name == name && wanted.key.kind == kind).copied().collect();
        let here: Vec<&ResourceRecordSet> = live.iter().filter(|set| plain(set.name()) == name).collect();
        one_name(name, kind, &here, &of_group, &mut verdict)?;
    }
    Ok(verdict)
}

fn one_name(name: &str, kind: &str, here: &[&ResourceRecordSet], wanted: &[&Wanted], verdict: &mut Verdict) -> Result<(), Fault> {
    let Some(family) = wanted.first().map(|wanted| &wanted.family) else { return Ok(()) };
    let makes = wanted.iter().any(|wanted| wanted.set.is_some());
    if makes {
        if family.shared && stands_already(here, wanted) {
            verdict.done.extend(wanted.iter().map(|wanted| wanted.key.clone()));
            return Ok(());
        }
        refuse_foreign(name, kind, here, wanted, family)?;
    }
    let ours: BTreeMap<&str, &ResourceRecordSet> = here
        .iter()
        .filter(|set| set.r#type().as_str() == kind && family.is_ours(set))
        .filter_map(|set| Some((set.set_identifier()?, *set)))
        .collect();
    let mut after: BTreeMap<String, ResourceRecordSet> = ours.iter().map(|(id, set)| ((*id).to_owned(), (*set).clone())).collect();
    for one in wanted {
        match &one.set {
            Some(set) => drop(after.insert(one.key.identifier.clone(), set.clone())),
            None => drop(after.remove(&one.key.identifier)),
        }
    }
    let going: BTreeSet<&str> = wanted.iter().filter(|one| one.set.is_none()).map(|one| one.key.identifier.as_str()).collect();
    take_along(family, makes, &ours, &going, &mut after);
    let mut changes = Vec::new();
    for (identifier, set) in &ours {
        match after.get(*identifier) {
            Some(next) if same(set, next) => {}
            Some(next) if policy_name(set) == policy_name(next) => changes.push((ChangeAction::Upsert, next.clone())),
            _ => changes.push((ChangeAction::Delete, (*set).clone())),
        }
    }
    for (identifier, next) in &after {
        let was = ours.get(identifier.as_str());
        if was.is_none_or(|was| policy_name(was) != policy_name(next)) {
            changes.push((ChangeAction::Create, next.clone()));
        }
    }
    // What goes, goes before what comes: each change is judged against those before it.
    changes.sort_by_key(|(action, _)| *action != ChangeAction::Delete);
    let touched: BTreeSet<SetKey> = changes.iter().map(|(_, set)| key_of(set)).collect();
    verdict.done.extend(wanted.iter().map(|wanted| wanted.key.clone()).filter(|key| !touched.contains(key)));
    verdict.changes.extend(changes);
    Ok(())
}

/// Brings siblings that still have another policy under the wanted one.
fn take_along(
    family: &Family,
    makes: bool,
    ours: &BTreeMap<&str, &ResourceRecordSet>,
    going: &BTreeSet<&str>,
    after: &mut BTreeMap<String, ResourceRecordSet>,
) {
    let policy = family.policy().or_else(|| {
        let new = after.iter().find(|(id, set)| ours.get(id.as_str()).is_none_or(|old| policy_name(old) != policy_name(set)));
        new.map(|(_, set)| policy_name(set))
    });
    let Some(policy) = policy else { return };
    let mut old: BTreeMap<Region, Vec<&str>> = BTreeMap::new();
    for (identifier, _) in ours.iter().filter(|(_, set)| policy_name(set) != policy) {
        if let Some(region) = family.region_of(identifier) {
            old.entry(region).or_default().push(*identifier);
        }
    }
    // What only goes is not a change of policy, unless its region is to stay under other identifiers.
    let stays = |region: &Region, identifiers: &[&str]| {
        let is_going = identifiers.iter().any(|identifier| going.contains(identifier));
        is_going && family.wanted.get(region).is_some_and(|wanted| !wanted.is_empty())
    };
    if !makes && !old.iter().any(|(region, identifiers)| stays(region, identifiers)) {
        return;
    }
    for (region, identifiers) in old {
        let Some(template) = identifiers.first().and_then(|identifier| ours.get(identifier)) else { continue };
        for identifier in &identifiers {
            if after.get(*identifier).is_some_and(|set| policy_name(set) != policy) {
                after.remove(*identifier);
            }
        }
        let all_go = identifiers.iter().all(|identifier| going.contains(identifier));
        let next = match family.wanted.get(&region) {
            Some(wanted) => wanted.clone(),
            None if all_go => Vec::new(),
            None => left_over(policy, &region, identifiers[0]),
        };
        for (identifier, policy) in next {
            let moved = || {
                let mut set = policy.of((*template).clone());
                set.set_identifier = Some(identifier.clone());
                set
            };
            after.entry(identifier.clone()).or_insert_with(moved);
        }
    }
}

/// How a region that the topology does not have any more stays until it is removed: last choice where there are weights. It has
/// no location, so among locations there is no place for it.
fn left_over(policy: &str, region: &Region, identifier: &str) -> Vec<(String, Policy)> {
    match policy {
        "weighted" => vec![(identifier.to_owned(), Policy::Weighted(0))],
        "latency" => vec![(identifier.to_owned(), Policy::Latency(region.clone()))],
        _ => Vec::new(),
    }
}

/// Whether somebody else has put there just what all of these want.
fn stands_already(here: &[&ResourceRecordSet], wanted: &[&Wanted]) -> bool {
    let simple = here.iter().find(|set| policy_name(set) == "simple");
    let same_values =
        |set: &ResourceRecordSet| simple.is_some_and(|simple| simple.r#type() == set.r#type() && values(simple) == values(set));
    wanted.iter().all(|wanted| wanted.set.as_ref().is_none_or(same_values))
}

fn refuse_foreign(name: &str, kind: &str, here: &[&ResourceRecordSet], wanted: &[&Wanted], family: &Family) -> Result<(), Fault> {
    let is_beside = |set: &&&ResourceRecordSet| {
        let same_values = wanted.iter().filter_map(|wanted| wanted.set.as_ref()).all(|wanted| values(wanted) == values(set));
        family.shared && policy_name(set) == "weighted" && same_values
    };
    let foreign: Vec<String> = here
        .iter()
        .filter(|set| !family.is_ours(set))
        .filter(|set| set.r#type().as_str() == kind || set.r#type().as_str() == "CNAME" || kind == "CNAME")
        .filter(|set| !is_beside(set))
        .map(|set| described(set))
        .collect();
    if foreign.is_empty() {
        return Ok(());
    }
    let message = format!("{name} has what this stack did not make: {}; mrctl leaves it alone", foreign.join(", "));
    Err(Fault::new("route53:ChangeResourceRecordSets", Class::Invalid, message))
}

/// A record set for the reader: `A api.example.com (weighted, `blue`)`.
#[must_use]
pub fn described(set: &ResourceRecordSet) -> String {
    let identifier = set.set_identifier().map_or_else(String::new, |identifier| format!(" `{identifier}`"));
    format!("{} {} ({}{identifier})", set.r#type().as_str(), plain(set.name()), policy_name(set))
}

/// The values of a record, as names are compared.
fn values(set: &ResourceRecordSet) -> BTreeSet<String> {
    set.resource_records().iter().map(|record| plain(record.value())).collect()
}

/// Whether two sets mean the same.
fn same(one: &ResourceRecordSet, other: &ResourceRecordSet) -> bool {
    let target = |set: &ResourceRecordSet| {
        set.alias_target()
            .map(|target| (target.hosted_zone_id().to_owned(), zone_target(target.dns_name()), target.evaluate_target_health()))
    };
    target(one) == target(other)
        && (policy_name(one), one.weight, &one.region, &one.geo_location)
            == (policy_name(other), other.weight, &other.region, &other.geo_location)
        && (one.health_check_id(), one.ttl) == (other.health_check_id(), other.ttl)
        && values(one) == values(other)
}

#[cfg(test)]
#[path = "compose_tests.rs"]
mod tests;
