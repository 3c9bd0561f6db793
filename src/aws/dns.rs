//! What all kinds of Route 53 share: names as it writes them, marks in set identifiers and caller references, and reads that are
//! made once for all regions.
//!
//! Route 53 has one endpoint and takes five calls a second from a whole account (field guide 9): what is read is read in as few
//! calls as there are, and any region that answers may ask.
mod names;

use std::{collections::BTreeMap, future::Future, sync::Arc};

use aws_sdk_route53::{
    Client,
    types::{HealthCheck, HostedZone, ResourceRecordSet, TagResourceType},
};

pub use self::names::{
    addressed, bare, is_of_stack, numbered, plain, read_set_id, read_set_identifier, reference, set_id, set_identifier, set_prefix,
    validation_identifier,
};
pub use super::zone::described;
use super::{
    Fleet,
    errors::{fault, maybe},
    hedge::first_of,
};
use crate::resource::{
    Addr, Cx, Fault, Memo, Region,
    owner::{self, Marks},
};

/// Where the control plane of Route 53 is (Route 53 developer guide, "Data protection and control planes"; field guide 1.4).
pub const HOME: &str = "us-east-1";
/// Tags of so many health checks or zones are read at once (Route 53 API reference, "ListTagsForResources").
const TAGS_AT_ONCE: usize = 10;
/// So many answers of Route 53 are worth a search for what may not be there; they take six seconds.
const PAGES: i64 = 20;
/// Record sets in one answer (Route 53 API reference, "ListResourceRecordSets").
const SETS_AT_ONCE: i64 = 300;

/// The region whose client changes what has no region: us-east-1, or another that answered when that did not.
#[must_use]
pub fn desk(cx: &Cx) -> Region {
    let home = Region::new(HOME);
    match cx.scope.region() {
        Some(region) => region.clone(),
        None if cx.regions.is_empty() || cx.regions.contains(&home) => home,
        None => cx.regions.first().cloned().unwrap_or(home),
    }
}

/// The regions whose clients may be asked for what has no region, best first.
pub(super) fn desks(cx: &Cx) -> Vec<Region> {
    let mut all = vec![desk(cx)];
    let others = cx.model.regions.keys().filter(|region| cx.regions.is_empty() || cx.regions.contains(*region));
    all.extend(others.filter(|region| **region != all[0]).cloned().collect::<Vec<_>>());
    all
}

/// One read that any of these regions' clients may make; one of them that hangs costs less than a second.
async fn read<T, F>(fleet: &Fleet, desks: &[Region], ask: impl Fn(Client) -> F) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let (ask, first) = (&ask, desks.first());
    // A turn is taken for the question, and another one only where the first region hangs: waiting for a turn is no silence.
    fleet.dns_turn().await;
    let asked = |region: Region| async move {
        if Some(&region) != first {
            fleet.dns_turn().await;
        }
        ask(fleet.region(&region).route53).await
    };
    first_of(desks, asked).await
}

/// The hosted zones of exactly that name, public and private. The answer begins at the name and goes on behind it; it never says
/// that there is none (field guide 9.1).
///
/// # Errors
/// What AWS refused.
pub async fn zones_named(fleet: &Fleet, memo: &Memo, desks: &[Region], name: &str) -> Result<Arc<Vec<HostedZone>>, Fault> {
    let ask = || async {
        let seen = read(fleet, desks, |client| async move {
            client.list_hosted_zones_by_name().dns_name(name).send().await.map_err(fault("route53:ListHostedZonesByName"))
        });
        let zones = seen.await?.hosted_zones;
        Ok(zones.into_iter().filter(|zone| plain(zone.name()) == name).collect())
    };
    memo.once(format!("route53:ListHostedZonesByName/{name}"), ask).await
}

/// Whether a zone answers everyone.
#[must_use]
pub fn is_public(zone: &HostedZone) -> bool {
    !zone.config().is_some_and(|config| config.private_zone())
}

/// The public zones that have the name of `dns.zone`: none without that section.
///
/// # Errors
/// What AWS refused.
pub async fn own_zones(cx: &Cx) -> Result<Vec<HostedZone>, Fault> {
    let Some(dns) = &cx.model.dns else { return Ok(Vec::new()) };
    let named = zones_named(&cx.fleet, &cx.memo, &desks(cx), &dns.zone.name).await?;
    Ok(named.iter().filter(|zone| is_public(zone)).cloned().collect())
}

/// The zones that records of this stack are in wherever else is searched: the topology's, and those that mrctl made for the stack,
/// whether a topology still has a section `dns` or not.
async fn known_zones(cx: &Cx) -> Result<Vec<HostedZone>, Fault> {
    let (mut known, all) = (own_zones(cx).await?, all_zones(cx).await?);
    for made in all.iter().filter(|zone| is_of_stack(&cx.owner.stack, zone.caller_reference())) {
        if !known.iter().any(|zone| zone.id() == made.id()) {
            known.push(made.clone());
        }
    }
    Ok(known)
}

/// Every zone of the account.
///
/// # Errors
/// What AWS refused.
pub async fn all_zones(cx: &Cx) -> Result<Arc<Vec<HostedZone>>, Fault> {
    let ask = || async {
        let (mut all, mut marker, desks) = (Vec::new(), None, desks(cx));
        loop {
            let from = &marker;
            let page = read(&cx.fleet, &desks, |client| async move {
                client.list_hosted_zones().set_marker(from.clone()).send().await.map_err(fault("route53:ListHostedZones"))
            });
            let page = page.await?;
            all.extend(page.hosted_zones);
            marker = page.next_marker.filter(|_| page.is_truncated);
            if marker.is_none() {
                return Ok(all);
            }
        }
    };
    cx.memo.once("route53:ListHostedZones".to_owned(), ask).await
}

/// Every record set of a zone, listed once for all regions and kinds.
///
/// # Errors
/// What AWS refused.
pub async fn sets(cx: &Cx, zone: &str) -> Result<Arc<Vec<ResourceRecordSet>>, Fault> {
    cx.memo.once(format!("route53:ListResourceRecordSets/{zone}"), || listed(&cx.fleet, desks(cx), zone, None)).await
}

/// The record sets of a zone with one name, as they are now.
///
/// # Errors
/// What AWS refused.
pub async fn sets_named(fleet: &Fleet, desk: &Region, zone: &str, name: &str) -> Result<Vec<ResourceRecordSet>, Fault> {
    listed(fleet, vec![desk.clone()], zone, Some(name)).await
}

async fn listed(fleet: &Fleet, desks: Vec<Region>, zone: &str, only: Option<&str>) -> Result<Vec<ResourceRecordSet>, Fault> {
    let (mut all, mut from) = (Vec::new(), (only.map(str::to_owned), None, None));
    loop {
        let at = &from;
        let page = read(fleet, &desks, |client| async move {
            let (name, kind, identifier) = at.clone();
            let ask = client.list_resource_record_sets().hosted_zone_id(zone).max_items(i32::try_from(SETS_AT_ONCE).unwrap_or(i32::MAX));
            let ask = ask.set_start_record_name(name).set_start_record_type(kind).set_start_record_identifier(identifier);
            ask.send().await.map_err(fault("route53:ListResourceRecordSets"))
        });
        let page = page.await?;
        let is_past = |set: &ResourceRecordSet| only.is_some_and(|only| plain(set.name()) != only);
        let past = page.resource_record_sets.iter().any(is_past);
        all.extend(page.resource_record_sets.into_iter().filter(|set| !is_past(set)));
        if past || !page.is_truncated {
            return Ok(all);
        }
        from = (page.next_record_name, page.next_record_type, page.next_record_identifier);
    }
}

/// Zones of the account that the topology does not name.
#[derive(Clone, Debug, Default)]
pub struct Elsewhere {
    /// Ids of the public ones that were searched.
    pub searched: Vec<String>,
    /// Names of those that were not, and what kept all of them from being searched.
    pub not_searched: Vec<String>,
}

/// The other public zones that may have records of this stack, because `dns` named one of them once; asked for where every place
/// is searched, and no more of them than `PAGES` answers hold: smaller zones first.
///
/// # Errors
/// A bug; what AWS refuses is told in the answer, because nothing depends on it.
pub async fn elsewhere(cx: &Cx) -> Result<Arc<Elsewhere>, Fault> {
    let search = || async {
        if !cx.sweeps {
            return Ok(Elsewhere::default());
        }
        let (known, all) = match (known_zones(cx).await, all_zones(cx).await) {
            (Ok(known), Ok(all)) => (known, all),
            (Err(fault), _) | (_, Err(fault)) => {
                return Ok(Elsewhere { searched: Vec::new(), not_searched: vec![fault.to_string()] });
            }
        };
        let mut others: Vec<&HostedZone> =
            all.iter().filter(|zone| is_public(zone) && !known.iter().any(|known| bare(known.id()) == bare(zone.id()))).collect();
        others.sort_by_key(|zone| (pages(zone), plain(zone.name()), zone.id().to_owned()));
        let (mut elsewhere, mut left) = (Elsewhere::default(), PAGES);
        for zone in others {
            left -= pages(zone);
            let listed = if left >= 0 { sets(cx, bare(zone.id())).await.is_ok() } else { false };
            if listed {
                elsewhere.searched.push(bare(zone.id()).to_owned());
            } else {
                elsewhere.not_searched.push(plain(zone.name()));
            }
        }
        Ok(elsewhere)
    };
    cx.memo.once("route53:elsewhere".to_owned(), search).await
}

/// How many answers it takes to list a zone.
fn pages(zone: &HostedZone) -> i64 {
    let sets = zone.resource_record_set_count().unwrap_or(0).max(1);
    (sets + SETS_AT_ONCE - 1) / SETS_AT_ONCE
}

/// Every record set of this stack with the id of its zone: in the zone that the topology names, in those that mrctl made, and
/// wherever else was searched.
///
/// # Errors
/// What AWS refused about these zones.
pub async fn sets_of_stack(cx: &Cx) -> Result<Vec<(String, ResourceRecordSet)>, Fault> {
    let known = known_zones(cx).await?;
    let mut zones: Vec<String> = known.iter().map(|zone| bare(zone.id()).to_owned()).collect();
    zones.extend(elsewhere(cx).await?.searched.iter().cloned());
    let prefix = set_prefix(&cx.owner.stack);
    let mut found = Vec::new();
    for zone in zones {
        let is_ours = |set: &&ResourceRecordSet| set.set_identifier().is_some_and(|identifier| identifier.starts_with(&prefix));
        found.extend(sets(cx, &zone).await?.iter().filter(is_ours).map(|set| (zone.clone(), set.clone())));
    }
    Ok(found)
}

/// What this stack did not make and stands in a zone where one of the topology's records is to be: sets of the same type, and
/// CNAMEs, which nothing else may stand beside (field guide 9.2 item 7). The name, and what it is.
///
/// # Errors
/// What AWS refused.
pub async fn foreign_records(cx: &Cx, zone: &str) -> Result<Vec<(String, String)>, Fault> {
    let Some(dns) = &cx.model.dns else { return Ok(Vec::new()) };
    let (sets, prefix) = (sets(cx, zone).await?, set_prefix(&cx.owner.stack));
    let in_the_way = |set: &&ResourceRecordSet| {
        let is_ours = set.set_identifier().is_some_and(|identifier| identifier.starts_with(&prefix));
        !is_ours && matches!(set.r#type().as_str(), "A" | "CNAME") && dns.records.contains_key(&plain(set.name()))
    };
    Ok(sets.iter().filter(in_the_way).map(|set| (plain(set.name()), described(set))).collect())
}

/// The regions that the stack's records name, in the topology or not.
///
/// # Errors
/// What AWS refused.
pub async fn regions_of_records(cx: &Cx) -> Result<std::collections::BTreeSet<Region>, Fault> {
    let sets = sets_of_stack(cx).await?;
    let region = |set: &ResourceRecordSet| Some(read_set_identifier(&cx.owner.stack, set.set_identifier()?)?.0);
    Ok(sets.iter().filter_map(|(_, set)| region(set)).collect())
}

/// Every health check of the account.
///
/// # Errors
/// What AWS refused.
pub async fn health_checks(cx: &Cx) -> Result<Arc<Vec<HealthCheck>>, Fault> {
    let ask = || async {
        let (mut all, mut marker, desks) = (Vec::new(), None, desks(cx));
        loop {
            let from = &marker;
            let page = read(&cx.fleet, &desks, |client| async move {
                client.list_health_checks().set_marker(from.clone()).send().await.map_err(fault("route53:ListHealthChecks"))
            });
            let page = page.await?;
            all.extend(page.health_checks);
            marker = page.next_marker.filter(|_| page.is_truncated);
            if marker.is_none() {
                return Ok(all);
            }
        }
    };
    cx.memo.once("route53:ListHealthChecks".to_owned(), ask).await
}

/// The marks of health checks or zones, by their ids; without those that went in the meantime.
///
/// # Errors
/// What AWS refused.
pub async fn marks(cx: &Cx, of: TagResourceType, ids: &[&str]) -> Result<BTreeMap<String, Marks>, Fault> {
    let mut all = BTreeMap::new();
    for some in ids.chunks(TAGS_AT_ONCE) {
        match maybe(marks_of(cx, &of, some).await)? {
            Some(marks) => all.extend(marks),
            // One that is gone fails the whole call (Route 53 API reference, "ListTagsForResources").
            None => {
                for id in some {
                    all.extend(maybe(marks_of(cx, &of, &[*id]).await)?.into_iter().flatten());
                }
            }
        }
    }
    Ok(all)
}

async fn marks_of(cx: &Cx, of: &TagResourceType, ids: &[&str]) -> Result<BTreeMap<String, Marks>, Fault> {
    let desks = desks(cx);
    let seen = read(&cx.fleet, &desks, |client| {
        let ask = client.list_tags_for_resources().resource_type(of.clone());
        let ask = ask.set_resource_ids(Some(ids.iter().map(|id| (*id).to_owned()).collect()));
        async move { ask.send().await.map_err(fault("route53:ListTagsForResources")) }
    });
    let read = seen.await?.resource_tag_sets.into_iter().map(|set| {
        let tags = set.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())));
        (set.resource_id().unwrap_or_default().to_owned(), owner::read(tags))
    });
    Ok(read.collect())
}

/// Sets and removes tags of a health check or a zone until it carries the wanted ones.
///
/// # Errors
/// What AWS refused.
pub async fn change_tags(
    cx: &Cx,
    of: TagResourceType,
    id: &str,
    addr: &Addr,
    (found, wanted): (&crate::resource::Tags, &crate::resource::Tags),
) -> Result<(), Fault> {
    const OP: &str = "route53:ChangeTagsForResource";
    let (set, remove) = cx.owner.to_change(addr, found, wanted);
    if set.is_empty() && remove.is_empty() {
        return Ok(());
    }
    let tags: Vec<_> = set.into_iter().map(|(key, value)| aws_sdk_route53::types::Tag::builder().key(key).value(value).build()).collect();
    let some = |empty: bool| (!empty).then_some(());
    let ask = cx.fleet.route53(&desk(cx)).await.change_tags_for_resource().resource_type(of).resource_id(id);
    let ask = ask.set_add_tags(some(tags.is_empty()).map(|()| tags)).set_remove_tag_keys(some(remove.is_empty()).map(|()| remove));
    ask.send().await.map_err(fault(OP)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_question_that_waits_for_its_turn_is_one_call() {
        let timing = crate::resource::Timing { dns_every: std::time::Duration::from_secs(10), ..crate::resource::Timing::of(false) };
        let fleet = Fleet::offline().with_timing(timing);
        let desks = ["us-east-1", "eu-west-1", "ap-southeast-2"].map(Region::new);
        let began = tokio::time::Instant::now();
        let mut answered = Vec::new();
        for _ in 0..5 {
            read(&fleet, &desks, |_| async { Ok(()) }).await.unwrap();
            answered.push(began.elapsed().as_secs());
        }
        assert_eq!(answered, [0, 0, 10, 20, 30]);
    }
}
