//! Subnets: a public and a private one in each zone that a region's network uses.
use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_ec2::types::{self, AttributeBooleanValue, ResourceType, SubnetState};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::vpc::{MAIN, VpcId, named, networks};
use crate::{
    aws::{
        errors::{fault, maybe},
        interfaces::{self, Within},
        tags::{change_ec2, of_this_stack, ours, sent_once, specification},
    },
    outputs,
    resource::{
        Addr, Change, Cx, Facts, Fault, Found, Holder, KNOWN_AT_PLAN, Kind, Life, Outputs, Patience, Ref, Region, Scope, Status, Tags,
        Unordered, Verb, Want,
    },
    topology::{Model, Network, ZoneChoice},
};

outputs! { "ec2.subnet":
    /// The id of a subnet.
    SubnetId = "id",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub vpc: Ref<VpcId>,
    pub cidr: Ipv4Net,
    /// The zone's id: names are shuffled from account to account (field guide 2.2 item 3).
    pub zone: String,
    /// Whether what starts here gets a public address by itself.
    pub public: bool,
    pub tags: Tags,
}

/// `ec2.subnet`.
pub struct Subnet;

/// The most zones a network can use: private blocks 0 to 3 of eight, public quarters of block 6.
const MOST: usize = 4;

/// One public and one private subnet in one zone. The index is the subnet's name and range; the zone is chosen at its birth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// From 1.
    pub index: usize,
    pub zone: Zoned,
}

/// Where a slot is, or why that cannot be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Zoned {
    In(String),
    /// AWS was not asked.
    Later,
    Unknown(String),
}

/// The slots of a region's network.
///
/// Nothing that exists moves: a slot of which a subnet is found stays in that subnet's zone, and only a new slot takes the
/// next zone by preference. With zone ids from the file, a slot whose zone the file still names stays; a zone that the file
/// no longer names gives its slot up.
pub(super) fn slots(region: &Region, choice: &ZoneChoice, facts: &Facts) -> Vec<Slot> {
    let zone_of = |tier: Tier, index| facts.found_field(&Addr::regional(region, Subnet::NAME, &tier.name(index)), "zone");
    let born = (1..=MOST).filter_map(|index| {
        let zone = zone_of(Tier::Private, index).or_else(|| zone_of(Tier::Public, index))?;
        Some((index, zone.to_owned()))
    });
    let born: BTreeMap<usize, String> = born.collect();
    let known = facts.zones_of(region).map(|zones| zones.iter().map(|zone| zone.id.clone()).collect::<Vec<_>>());
    match choice {
        ZoneChoice::Count(count) => counted(region, *count, &born, known, facts.account.is_none()),
        ZoneChoice::Ids(ids) => listed(region, ids.get(region).map_or(&[], Vec::as_slice), &born, known),
    }
}

fn counted(region: &Region, count: usize, born: &BTreeMap<usize, String>, known: Option<Vec<String>>, offline: bool) -> Vec<Slot> {
    let kept: Vec<&String> = born.iter().filter(|(index, _)| **index <= count).map(|(_, zone)| zone).collect();
    // Zones that already hold something of ours come first, then the others by preference.
    let ours = born.values().cloned();
    let mut free = ours.chain(known.iter().flatten().cloned()).filter(|zone| !kept.contains(&zone)).fold(Vec::new(), |mut free, zone| {
        if !free.contains(&zone) {
            free.push(zone);
        }
        free
    });
    let has = known.as_ref().map(Vec::len);
    let mut next = || match (free.is_empty(), has) {
        (false, _) => Zoned::In(free.remove(0)),
        (true, Some(has)) => Zoned::Unknown(format!("{count} zones are wanted and {region} has {has}")),
        (true, None) if offline => Zoned::Later,
        (true, None) => Zoned::Unknown(format!("the zones of {region} could not be read")),
    };
    (1..=count.min(MOST))
        .map(|index| Slot { index, zone: born.get(&index).map_or_else(&mut next, |zone| Zoned::In(zone.clone())) })
        .collect()
}

fn listed(region: &Region, ids: &[String], born: &BTreeMap<usize, String>, known: Option<Vec<String>>) -> Vec<Slot> {
    let mut taken: BTreeMap<usize, String> = BTreeMap::new();
    for (index, zone) in born {
        if ids.contains(zone) && !taken.values().any(|held| held == zone) {
            taken.insert(*index, zone.clone());
        }
    }
    for zone in ids {
        if taken.values().any(|held| held == zone) {
            continue;
        }
        // An unused index first, so that a replacement is only what the file really asks for.
        let unused = (1..=MOST).find(|index| !taken.contains_key(index) && !born.contains_key(index));
        if let Some(index) = unused.or_else(|| (1..=MOST).find(|index| !taken.contains_key(index))) {
            taken.insert(index, zone.clone());
        }
    }
    let check = |zone: String| match &known {
        Some(known) if !known.contains(&zone) && !born.values().any(|held| *held == zone) => {
            Zoned::Unknown(format!("{region} has no zone {zone} that this account can use"))
        }
        _ => Zoned::In(zone),
    };
    taken.into_iter().map(|(index, zone)| Slot { index, zone: check(zone) }).collect()
}

/// The subnets of a tier in a region: those that are made there, or those that the topology refers to.
pub(in crate::kinds) fn subnets_of(model: &Model, region: &Region, tier: Tier, facts: &Facts) -> Unordered<Ref<SubnetId>> {
    let (scope, Some(network)) = (Scope::from(region), &model.network) else { return Unordered::default() };
    Unordered(match network.existing.get(region) {
        Some(existing) => {
            let ids = if tier == Tier::Public { &existing.public_subnets } else { &existing.private_subnets };
            ids.iter().map(|id| Ref::is(&scope, id)).collect()
        }
        None => slots(region, &network.availability_zones, facts).iter().map(|slot| Ref::to(&scope, &tier.name(slot.index))).collect(),
    })
}

/// The two tiers of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kinds) enum Tier {
    Private,
    Public,
}

impl Tier {
    /// `private-1`.
    pub(super) fn name(self, index: usize) -> String {
        match self {
            Self::Private => format!("private-{index}"),
            Self::Public => format!("public-{index}"),
        }
    }

    /// The range of a subnet: the VPC's /p is cut in eight, `private-n` is block n-1, `public-n` quarter n-1 of block 6.
    fn cut(self, vpc: Ipv4Net, index: usize) -> Option<Ipv4Net> {
        let mut eighths = vpc.subnets(vpc.prefix_len() + 3).ok()?;
        match self {
            Self::Private => eighths.nth(index - 1),
            Self::Public => eighths.nth(6)?.subnets(vpc.prefix_len() + 5).ok()?.nth(index - 1),
        }
    }
}

/// This stack's subnets: one answer for the subnets and for the associations of route tables.
pub(super) async fn subnets(cx: &Cx) -> Result<Arc<Vec<types::Subnet>>, Fault> {
    let region = cx.region()?;
    let ask = || async {
        let pages = cx.fleet.region(region).ec2.describe_subnets().filters(of_this_stack(cx)).into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeSubnets"))
    };
    cx.memo.once(format!("ec2:DescribeSubnets/{region}"), ask).await
}

impl Subnet {
    fn wants(model: &Model, facts: &Facts, region: &Region, vpc: Ipv4Net, network: &Network) -> Vec<Want<Spec>> {
        let mut wants = Vec::new();
        for slot in slots(region, &network.availability_zones, facts) {
            for tier in [Tier::Private, Tier::Public] {
                let Some(cidr) = tier.cut(vpc, slot.index) else { continue };
                let name = tier.name(slot.index);
                let addr = Addr::regional(region, Self::NAME, &name);
                let (zone, hold) = match (&slot.zone, facts.found_field(&addr, "zone"), &network.availability_zones) {
                    // The two of a slot share a zone, but one that stands elsewhere stays there.
                    (Zoned::In(_), Some(born), ZoneChoice::Count(_)) => (born.to_owned(), None),
                    (Zoned::In(zone), ..) => (zone.clone(), None),
                    (Zoned::Later, ..) => (KNOWN_AT_PLAN.to_owned(), None),
                    (Zoned::Unknown(why), ..) => (KNOWN_AT_PLAN.to_owned(), Some(why.clone())),
                };
                let vpc = Ref::to(&Scope::from(region), MAIN);
                let spec = Spec { vpc, cidr, zone, public: tier == Tier::Public, tags: named(model, &name) };
                wants.push(Want { hold, ..Want::new(addr, spec) });
            }
        }
        wants
    }
}

impl Kind for Subnet {
    type Spec = Spec;
    // Settings that a create cannot carry follow in an update, so that every create is one call.
    const UNFINISHED: bool = true;
    const NAME: &'static str = "ec2.subnet";
    const FIXED: &'static [&'static str] = &["vpc", "cidr", "zone"];
    /// Seconds to make; interfaces of services outlive their owner for up to 20 minutes (field guide 2.2 items 4 and 6).
    const PATIENCE: Patience = Patience::of(5, 10, 20);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ec2:DescribeSubnets", "ec2:DescribeAvailabilityZones"]),
        (Verb::Create, &["ec2:CreateSubnet", "ec2:CreateTags"]),
        (Verb::Update, &["ec2:ModifySubnetAttribute", "ec2:CreateTags", "ec2:DeleteTags"]),
        (Verb::Delete, &["ec2:DeleteSubnet", "ec2:DescribeNetworkInterfaces"]),
    ];
    const TWICE: bool = true;

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        networks(model).flat_map(|(region, vpc, network)| Self::wants(model, facts, region, vpc, network)).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let mut found = Vec::new();
        for subnet in subnets(cx).await?.iter() {
            let (Some((addr, tags)), Some(id)) = (ours(cx, Self::NAME, subnet.tags()), subnet.subnet_id()) else { continue };
            let cidr = subnet.cidr_block().unwrap_or_default();
            let spec = Spec {
                vpc: Ref::is(&cx.scope, subnet.vpc_id().unwrap_or_default()),
                cidr: cidr.parse().map_err(|_| Fault::bug(format!("{id} has the range `{cidr}`")))?,
                zone: subnet.availability_zone_id().unwrap_or_default().to_owned(),
                public: subnet.map_public_ip_on_launch().unwrap_or_default(),
                tags,
            };
            let life = match subnet.state() {
                Some(SubnetState::Pending) => Life::Making("pending".to_owned()),
                Some(state) if state.as_str().starts_with("failed") => Life::Broken(state.as_str().to_owned()),
                _ => Life::Ready,
            };
            found.push(Found { addr, id: id.to_owned(), spec, outputs: Outputs::of::<SubnetId>(id), life, ours: true, born: None });
        }
        Ok(found)
    }

    /// One call only; `public` is set by the update that follows.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let ask = cx.fleet.region(cx.region()?).ec2.create_subnet().vpc_id(want.spec.vpc.get()?);
        let ask = ask.cidr_block(want.spec.cidr.to_string()).availability_zone_id(&want.spec.zone);
        let ask = ask.tag_specifications(specification(cx, ResourceType::Subnet, &want.addr, &want.spec.tags));
        let made = ask.customize().config_override(sent_once()).send().await.map_err(fault("ec2:CreateSubnet"))?;
        let id = made.subnet().and_then(|subnet| subnet.subnet_id());
        id.map(str::to_owned).ok_or_else(|| Fault::bug("CreateSubnet gave no id"))
    }

    /// ModifySubnetAttribute takes one attribute a request (EC2 API reference).
    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        if found.spec.public != want.spec.public {
            let flag = AttributeBooleanValue::builder().value(want.spec.public).build();
            let ask = cx.fleet.region(cx.region()?).ec2.modify_subnet_attribute().subnet_id(&found.id).map_public_ip_on_launch(flag);
            ask.send().await.map_err(fault("ec2:ModifySubnetAttribute"))?;
        }
        change_ec2(cx, &found.id, &found.addr, &found.spec.tags, &want.spec.tags).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let ask = cx.fleet.region(cx.region()?).ec2.delete_subnet().subnet_id(&found.id);
        maybe(ask.send().await.map_err(fault("ec2:DeleteSubnet"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let ask = cx.fleet.region(cx.region()?).ec2.describe_subnets().subnet_ids(id);
        let seen = maybe(ask.send().await.map_err(fault("ec2:DescribeSubnets")))?;
        Ok(match seen.as_ref().and_then(|seen| seen.subnets().first()).map(|subnet| subnet.state()) {
            None => Status::Gone,
            Some(Some(SubnetState::Pending)) => Status::Settling("pending".to_owned()),
            Some(Some(state)) if state.as_str().starts_with("failed") => Status::Failed(state.as_str().to_owned()),
            Some(_) => Status::Ready(Outputs::of::<SubnetId>(id)),
        })
    }

    async fn holders(&self, cx: &Cx, found: &Found<Spec>) -> Result<Vec<Holder>, Fault> {
        Ok(interfaces::list(cx, Within::Subnet(&found.id)).await?.iter().map(interfaces::holder).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::Zone;

    fn region() -> Region {
        Region::new("us-east-1")
    }

    fn facts(zones: &[&str]) -> Facts {
        let zones = zones.iter().map(|id| Zone { id: (*id).to_owned() }).collect();
        Facts { account: Some("123456789012".into()), zones: [(region(), zones)].into(), ..Facts::default() }
    }

    /// As if the slots had been built: both subnets of each are found.
    fn build(facts: &mut Facts, slots: &[Slot]) {
        facts.found.clear();
        for slot in slots {
            let Zoned::In(zone) = &slot.zone else { panic!("{slot:?}") };
            for tier in [Tier::Private, Tier::Public] {
                let addr = Addr::regional(&region(), Subnet::NAME, &tier.name(slot.index));
                let (outputs, spec) = (Outputs::default(), json!({ "zone": zone }));
                let found = Found { addr: addr.clone(), id: "subnet-1".into(), spec, outputs, life: Life::Ready, ours: true, born: None };
                facts.found.insert(addr, found);
            }
        }
    }

    fn shown(slots: &[Slot]) -> Vec<String> {
        let zone = |slot: &Slot| match &slot.zone {
            Zoned::In(zone) => format!("{}:{zone}", slot.index),
            other => format!("{}:{other:?}", slot.index),
        };
        slots.iter().map(zone).collect()
    }

    #[test]
    fn the_range_is_cut_in_eight_and_nothing_overlaps() {
        for length in 16..=22 {
            let vpc = Ipv4Net::new([10, 20, 0, 0].into(), length).unwrap();
            let cut = |tier: Tier| (1..=MOST).map(move |index| tier.cut(vpc, index).unwrap());
            let all: Vec<Ipv4Net> = cut(Tier::Private).chain(cut(Tier::Public)).collect();
            for (at, one) in all.iter().enumerate() {
                assert!(vpc.contains(one) && one.prefix_len() <= 28, "{one}");
                assert!(all[at + 1..].iter().all(|other| !one.contains(other) && !other.contains(one)), "{one}");
            }
        }
        let vpc: Ipv4Net = "10.10.0.0/16".parse().unwrap();
        assert_eq!(Tier::Private.cut(vpc, 2).unwrap().to_string(), "10.10.32.0/19");
        assert_eq!(Tier::Public.cut(vpc, 2).unwrap().to_string(), "10.10.200.0/21");
    }

    #[test]
    fn changing_the_number_of_zones_moves_nothing() {
        let mut facts = facts(&["z1", "z2", "z4", "z3"]);
        let all = ["1:z1", "2:z2", "3:z4", "4:z3"];
        for count in [2, 3, 4, 2, 4] {
            let chosen = slots(&region(), &ZoneChoice::Count(count), &facts);
            assert_eq!(shown(&chosen), all[..count]);
            build(&mut facts, &chosen);
        }
    }

    #[test]
    fn a_new_zone_of_aws_and_a_lost_subnet_move_nothing_either() {
        let mut facts = facts(&["z2", "z3"]);
        let two = slots(&region(), &ZoneChoice::Count(2), &facts);
        build(&mut facts, &two);
        facts.zones.insert(region(), ["z1", "z2", "z3"].map(|id| Zone { id: id.to_owned() }).to_vec());
        facts.found.remove(&Addr::regional(&region(), Subnet::NAME, "private-1"));
        assert_eq!(shown(&slots(&region(), &ZoneChoice::Count(3), &facts)), ["1:z2", "2:z3", "3:z1"]);
        let lost = |name: &str| Addr::regional(&region(), Subnet::NAME, name);
        facts.found.remove(&lost("public-1"));
        assert_eq!(shown(&slots(&region(), &ZoneChoice::Count(2), &facts)), ["1:z1", "2:z3"]);
    }

    #[test]
    fn what_cannot_be_known_is_held_or_comes_later() {
        let offline = Facts::default();
        assert_eq!(slots(&region(), &ZoneChoice::Count(2), &offline)[0].zone, Zoned::Later);
        let dark = Facts { account: Some("1".into()), ..Facts::default() };
        assert!(matches!(slots(&region(), &ZoneChoice::Count(2), &dark)[0].zone, Zoned::Unknown(_)));
        let chosen = slots(&region(), &ZoneChoice::Count(4), &facts(&["z1", "z2", "z3"]));
        assert_eq!(chosen[3].zone, Zoned::Unknown("4 zones are wanted and us-east-1 has 3".into()));
    }

    #[test]
    fn zones_from_the_file_stay_where_they_are_when_the_list_changes() {
        let choice = |ids: &[&str]| ZoneChoice::Ids([(region(), ids.iter().map(|id| (*id).to_owned()).collect())].into());
        let mut facts = facts(&["z1", "z2", "z3", "z4"]);
        let three = slots(&region(), &choice(&["z3", "z1", "z2"]), &facts);
        assert_eq!(shown(&three), ["1:z3", "2:z1", "3:z2"]);
        build(&mut facts, &three);
        assert_eq!(shown(&slots(&region(), &choice(&["z1", "z2", "z3"]), &facts)), ["1:z3", "2:z1", "3:z2"]);
        assert_eq!(shown(&slots(&region(), &choice(&["z3", "z2"]), &facts)), ["1:z3", "3:z2"]);
        assert_eq!(shown(&slots(&region(), &choice(&["z3", "z4", "z2"]), &facts)), ["1:z3", "3:z2", "4:z4"]);
        assert!(matches!(slots(&region(), &choice(&["z9"]), &facts)[0].zone, Zoned::Unknown(_)));
    }
}
