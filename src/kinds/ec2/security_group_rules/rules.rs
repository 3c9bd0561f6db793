//! Rules as texts, as documents have them, and as AWS takes and shows them.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_ec2::types::{IpPermission, IpRange, PrefixListId, UserIdGroupPair};

use crate::{
    aws::{errors::fault, tags::filter},
    kinds::ec2::security_group::SecurityGroupId,
    resource::{Class, Cx, Fault, Ref, Region, Scope, Unordered},
};

/// Rules by what they say, for example `tcp 443 10.10.0.0/16`. Descriptions are nobody's business but their reader's. The prefix
/// list that mrctl writes stands there by its name, which is the same in every account.
pub type Rules = BTreeSet<String>;

/// Groups by what is let through from or to them, for example `tcp 3000`. They are references, so that a group goes after the
/// rules that name it.
pub type Groups = BTreeMap<String, Unordered<Ref<SecurityGroupId>>>;

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
pub(super) fn rules(permissions: &[IpPermission]) -> Rules {
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
pub(super) fn only(permissions: &[IpPermission], chosen: impl Fn(&str) -> bool) -> Vec<IpPermission> {
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

const GROUP: &str = "sg-";
const LIST: &str = "pl-";

/// The prefix list of Route 53's health checkers (VPC user guide, "Available AWS-managed prefix lists").
pub(super) fn health_checkers(region: &Region) -> String {
    format!("com.amazonaws.{region}.route53-healthchecks")
}

/// The id of that list by its name, when the region has it; asked once an observation.
pub(super) async fn lists(cx: &Cx) -> Result<Arc<BTreeMap<String, String>>, Fault> {
    let region = cx.region()?;
    let ask = || async {
        let ask = cx.fleet.region(region).ec2.describe_managed_prefix_lists().filters(filter("owner-id", "AWS"));
        let ask = ask.filters(filter("prefix-list-name", &health_checkers(region)));
        let answer = ask.send().await.map_err(fault("ec2:DescribeManagedPrefixLists"))?;
        let all = answer.prefix_lists().iter();
        Ok(all.filter_map(|list| Some((list.prefix_list_name()?.to_owned(), list.prefix_list_id()?.to_owned()))).collect())
    };
    cx.memo.once(format!("ec2:DescribeManagedPrefixLists/{region}"), ask).await
}

/// Rules as they are wanted and shown: groups apart, the known prefix list by its name.
pub(super) fn shown(scope: &Scope, rules: Rules, lists: &BTreeMap<String, String>) -> (Rules, Groups) {
    let (mut others, mut groups) = (Rules::new(), Groups::new());
    for rule in rules {
        let Some((what, peer)) = rule.rsplit_once(' ') else { continue };
        let list = lists.iter().find(|(_, id)| *id == peer);
        if peer.starts_with(GROUP) {
            groups.entry(what.to_owned()).or_default().0.push(Ref::is(scope, peer));
        } else {
            others.insert(list.map_or(rule.clone(), |(name, _)| format!("{what} {name}")));
        }
    }
    (others, groups)
}

/// The same backwards: every rule by the id of its peer.
pub(super) async fn by_id(cx: &Cx, rules: &Rules, groups: &Groups) -> Result<Rules, Fault> {
    let named = health_checkers(cx.region()?);
    let mut all = Rules::new();
    for rule in rules {
        let Some(what) = rule.strip_suffix(&named) else {
            all.insert(rule.clone());
            continue;
        };
        let lists = lists(cx).await?;
        let Some(id) = lists.get(&named) else {
            return Err(Fault::new("ec2:DescribeManagedPrefixLists", Class::Invalid, format!("there is no prefix list {named}")));
        };
        all.insert(format!("{what}{id}"));
    }
    for (what, peers) in groups {
        for peer in &peers.0 {
            all.insert(format!("{what} {}", peer.get()?));
        }
    }
    Ok(all)
}

/// The rules that are wanted and not there, as AWS takes them: ranges, prefix lists and groups.
pub(super) fn missing(found: &Rules, wanted: &Rules) -> Result<Vec<IpPermission>, Fault> {
    let permission = |key: &String| {
        let unread = || Fault::bug(format!("`{key}` is not a rule mrctl writes"));
        let words: Vec<&str> = key.split(' ').collect();
        let (protocol, ports, peer) = match words[..] {
            ["all", peer] => ("-1", None, peer),
            [protocol, ports, peer] => {
                let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
                (protocol, Some((from.parse().map_err(|_| unread())?, to.parse().map_err(|_| unread())?)), peer)
            }
            _ => return Err(unread()),
        };
        let rule = IpPermission::builder().ip_protocol(protocol);
        let rule = rule.set_from_port(ports.map(|(from, _)| from)).set_to_port(ports.map(|(_, to)| to));
        let rule = if peer.starts_with(GROUP) {
            rule.user_id_group_pairs(UserIdGroupPair::builder().group_id(peer).build())
        } else if peer.starts_with(LIST) {
            rule.prefix_list_ids(PrefixListId::builder().prefix_list_id(peer).build())
        } else {
            rule.ip_ranges(IpRange::builder().cidr_ip(peer).build())
        };
        Ok(rule.build())
    };
    wanted.difference(found).map(permission).collect()
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
