//! The rules of one security group, as one resource: what it lets in and out, and nothing else.
//!
//! They are apart from the group so that two groups may refer to each other: making has no circle, and removing revokes first
//! (field guide 2.6 item 6). The allow-all egress rule of a new group is revoked like any other rule that nobody wants.
use std::collections::BTreeSet;

use aws_sdk_ec2::types::{IpPermission, IpRange, SecurityGroup as Group};
use serde::{Deserialize, Serialize};

use super::{
    security_group::{ENDPOINTS, SecurityGroup, SecurityGroupId, group, groups},
    vpc::networks,
    vpc_endpoint::has_interface_endpoints,
};
use crate::{
    aws::{
        errors::{fault, maybe},
        tags::ours,
    },
    resource::{Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Ref, Scope, Status, Verb, Want},
    topology::Model,
};

/// Rules by what they say, for example `tcp 443 10.10.0.0/16`. Descriptions are nobody's business but their reader's.
pub type Rules = BTreeSet<String>;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub group: Ref<SecurityGroupId>,
    pub ingress: Rules,
    pub egress: Rules,
}

/// `ec2.security_group_rules`.
pub struct SecurityGroupRules;

/// `tcp 443 10.10.0.0/16`, `udp 1000-2000 pl-1`, `all sg-1`.
fn key(protocol: &str, ports: Option<(i32, i32)>, peer: &str) -> String {
    let protocol = if protocol == "-1" { "all" } else { protocol };
    match ports {
        None => format!("{protocol} {peer}"),
        Some((from, to)) if from == to => format!("{protocol} {from} {peer}"),
        Some((from, to)) => format!("{protocol} {from}-{to} {peer}"),
    }
}

/// One rule for each peer, whatever AWS has put together.
fn rules(permissions: &[IpPermission]) -> Rules {
    let mut rules = Rules::new();
    for permission in permissions {
        let protocol = permission.ip_protocol().unwrap_or_default();
        let ports = permission.from_port().zip(permission.to_port()).filter(|_| protocol != "-1");
        let ranges = permission.ip_ranges().iter().map(|range| range.cidr_ip());
        let wide = permission.ipv6_ranges().iter().map(|range| range.cidr_ipv6());
        let lists = permission.prefix_list_ids().iter().map(|list| list.prefix_list_id());
        let groups = permission.user_id_group_pairs().iter().map(|pair| pair.group_id());
        let peers = ranges.chain(wide).chain(lists).chain(groups);
        rules.extend(peers.map(|peer| key(protocol, ports, peer.unwrap_or("?"))));
    }
    rules
}

/// The rules of `permissions` that `chosen` names, in the form in which AWS takes them back.
fn only(permissions: &[IpPermission], chosen: impl Fn(&str) -> bool) -> Vec<IpPermission> {
    let mut kept = Vec::new();
    for permission in permissions {
        let protocol = permission.ip_protocol().unwrap_or_default();
        let ports = permission.from_port().zip(permission.to_port()).filter(|_| protocol != "-1");
        let is_chosen = |peer: Option<&str>| chosen(&key(protocol, ports, peer.unwrap_or("?")));
        let mut part = permission.clone();
        part.ip_ranges.iter_mut().for_each(|all| all.retain(|range| is_chosen(range.cidr_ip())));
        part.ipv6_ranges.iter_mut().for_each(|all| all.retain(|range| is_chosen(range.cidr_ipv6())));
        part.prefix_list_ids.iter_mut().for_each(|all| all.retain(|list| is_chosen(list.prefix_list_id())));
        part.user_id_group_pairs.iter_mut().for_each(|all| all.retain(|pair| is_chosen(pair.group_id())));
        let peers = part.ip_ranges().len() + part.ipv6_ranges().len() + part.prefix_list_ids().len() + part.user_id_group_pairs().len();
        if peers > 0 {
            kept.push(part);
        }
    }
    kept
}

/// The rules that are wanted and not there, as AWS takes them. mrctl writes ranges only.
fn missing(found: &Rules, wanted: &Rules) -> Result<Vec<IpPermission>, Fault> {
    let permission = |key: &String| {
        let unread = || Fault::bug(format!("`{key}` is not a rule mrctl writes"));
        let mut words = key.split(' ');
        let (Some(protocol), Some(ports), Some(range), None) = (words.next(), words.next(), words.next(), words.next()) else {
            return Err(unread());
        };
        let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
        let (from, to) = (from.parse().map_err(|_| unread())?, to.parse().map_err(|_| unread())?);
        let range = IpRange::builder().cidr_ip(range).build();
        Ok(IpPermission::builder().ip_protocol(protocol).from_port(from).to_port(to).ip_ranges(range).build())
    };
    wanted.difference(found).map(permission).collect()
}

/// A rule that is there already fails the whole call (field guide 2.6 item 9): someone was faster, or an answer was lost.
fn unless_there<T>(answer: Result<T, Fault>) -> Result<(), Fault> {
    match answer {
        Err(refused) if refused.class == Class::Exists => Err(Fault { class: Class::Contention, ..refused }),
        other => other.map(drop),
    }
}

impl SecurityGroupRules {
    /// Lets in and out what is wanted, then revokes the rest: what works goes on working.
    async fn bring_in_line(cx: &Cx, id: &str, want: &Spec) -> Result<(), Fault> {
        let client = cx.fleet.region(cx.region()?).ec2;
        let Some(now) = group(cx, id).await? else {
            return Err(Fault::new("ec2:DescribeSecurityGroups", Class::NotFound, format!("{id} is not there")));
        };
        let (ingress, egress) = (rules(now.ip_permissions()), rules(now.ip_permissions_egress()));
        let missing_in = missing(&ingress, &want.ingress)?;
        if !missing_in.is_empty() {
            let ask = client.authorize_security_group_ingress().group_id(id).set_ip_permissions(Some(missing_in));
            unless_there(ask.send().await.map_err(fault("ec2:AuthorizeSecurityGroupIngress")))?;
        }
        let missing_out = missing(&egress, &want.egress)?;
        if !missing_out.is_empty() {
            let ask = client.authorize_security_group_egress().group_id(id).set_ip_permissions(Some(missing_out));
            unless_there(ask.send().await.map_err(fault("ec2:AuthorizeSecurityGroupEgress")))?;
        }
        Self::revoke(cx, &now, want).await
    }

    /// Revokes what a group has and `want` does not.
    async fn revoke(cx: &Cx, now: &Group, want: &Spec) -> Result<(), Fault> {
        let (client, id) = (cx.fleet.region(cx.region()?).ec2, now.group_id().unwrap_or_default());
        let ingress = only(now.ip_permissions(), |key| !want.ingress.contains(key));
        if !ingress.is_empty() {
            let ask = client.revoke_security_group_ingress().group_id(id).set_ip_permissions(Some(ingress));
            maybe(ask.send().await.map_err(fault("ec2:RevokeSecurityGroupIngress")))?;
        }
        let egress = only(now.ip_permissions_egress(), |key| !want.egress.contains(key));
        if !egress.is_empty() {
            let ask = client.revoke_security_group_egress().group_id(id).set_ip_permissions(Some(egress));
            maybe(ask.send().await.map_err(fault("ec2:RevokeSecurityGroupEgress")))?;
        }
        Ok(())
    }
}

fn has_rules(group: &Group) -> bool {
    !group.ip_permissions().is_empty() || !group.ip_permissions_egress().is_empty()
}

impl Kind for SecurityGroupRules {
    type Spec = Spec;
    // A create lets traffic in with one call; what else a new group has is revoked by the update that follows.
    const UNFINISHED: bool = true;
    const NAME: &'static str = "ec2.security_group_rules";
    const FIXED: &'static [&'static str] = &["group"];
    const PATIENCE: Patience = Patience::of(2, 5, 5);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ec2:DescribeSecurityGroups"]),
        (Verb::Create, &["ec2:AuthorizeSecurityGroupIngress"]),
        (
            Verb::Update,
            &[
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:AuthorizeSecurityGroupEgress",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:RevokeSecurityGroupEgress",
            ],
        ),
        (Verb::Delete, &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"]),
    ];

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let with = networks(model).filter(|(.., network)| has_interface_endpoints(network));
        let want = |(region, range, _): (_, ipnet::Ipv4Net, _)| {
            let ingress = [format!("tcp 443 {range}")].into();
            let spec = Spec { group: Ref::to(&Scope::from(region), ENDPOINTS), ingress, egress: Rules::new() };
            Want::new(Addr::regional(region, Self::NAME, ENDPOINTS), spec)
        };
        with.map(want).collect()
    }

    /// A group without any rule has no rules to speak of: nothing is found.
    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let region = cx.region()?;
        let found = |group: &Group| {
            let ((owner, _), id) = (ours(cx, SecurityGroup::NAME, group.tags())?, group.group_id()?);
            let spec = Spec {
                group: Ref::is(&cx.scope, id),
                ingress: rules(group.ip_permissions()),
                egress: rules(group.ip_permissions_egress()),
            };
            let addr = Addr::regional(region, Self::NAME, &owner.name);
            let outputs = Outputs::default();
            has_rules(group).then(|| Found { addr, id: id.to_owned(), spec, outputs, life: Life::Ready, ours: true, born: None })
        };
        Ok(groups(cx).await?.iter().filter_map(found).collect())
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let id = want.spec.group.get()?;
        let ingress = missing(&Rules::new(), &want.spec.ingress)?;
        let ask = cx.fleet.region(cx.region()?).ec2.authorize_security_group_ingress().group_id(id).set_ip_permissions(Some(ingress));
        match ask.send().await.map_err(fault("ec2:AuthorizeSecurityGroupIngress")) {
            Err(refused) if refused.class != Class::Exists => Err(refused),
            _ => Ok(id.to_owned()),
        }
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        Self::bring_in_line(cx, &found.id, &want.spec).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let Some(now) = group(cx, &found.id).await? else { return Ok(()) };
        let none = Spec { group: found.spec.group.clone(), ingress: Rules::new(), egress: Rules::new() };
        Self::revoke(cx, &now, &none).await
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let there = group(cx, id).await?.is_some_and(|group| has_rules(&group));
        Ok(if there { Status::Ready(Outputs::default()) } else { Status::Gone })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_one_by_one_and_given_back_as_aws_has_them() {
        let range = |text: &str| IpRange::builder().cidr_ip(text).build();
        let https = IpPermission::builder().ip_protocol("tcp").from_port(443).to_port(443);
        let https = https.ip_ranges(range("10.0.0.0/16")).ip_ranges(range("0.0.0.0/0")).build();
        let all = IpPermission::builder().ip_protocol("-1").ip_ranges(range("0.0.0.0/0")).build();
        let found = rules(&[https.clone(), all.clone()]);
        assert_eq!(found.iter().collect::<Vec<_>>(), ["all 0.0.0.0/0", "tcp 443 0.0.0.0/0", "tcp 443 10.0.0.0/16"]);
        let wanted: Rules = ["tcp 443 10.0.0.0/16".to_owned()].into();
        let revoked = only(&[https, all.clone()], |key| !wanted.contains(key));
        assert_eq!(rules(&revoked).iter().collect::<Vec<_>>(), ["all 0.0.0.0/0", "tcp 443 0.0.0.0/0"]);
        assert_eq!(missing(&found, &wanted).unwrap(), []);
        assert_eq!(rules(&missing(&Rules::new(), &wanted).unwrap()), wanted);
    }
}
