//! What RDS says of Aurora: global clusters, clusters and instances, each list asked once in an observation, and the roles read from it.
//!
//! Roles are read from `GlobalClusterMembers[].IsWriter` and nowhere else: a switch made outside mrctl moves them (field guide 4.6).
//! Tags stand in these answers; only subnet groups and parameter groups are asked for theirs one by one.
use std::{collections::BTreeMap, future::Future, sync::Arc};

use aws_sdk_rds::types::{DbCluster, DbClusterSnapshot, DbInstance, GlobalCluster, Tag};
use jiff::Timestamp;

pub mod ending;
pub mod versions;

use super::{
    errors::{fault, maybe},
    hedge::first_of,
};
use crate::{
    resource::{
        Addr, Class, Cx, Fault, Life, Region,
        names::fit,
        owner::{self, Marks},
    },
    topology::{Aurora, AuroraEngine},
};

pub const DESCRIBE_GLOBAL: &str = "rds:DescribeGlobalClusters";
pub const DESCRIBE_CLUSTERS: &str = "rds:DescribeDBClusters";
pub const DESCRIBE_INSTANCES: &str = "rds:DescribeDBInstances";
pub const LIST_TAGS: &str = "rds:ListTagsForResource";
pub const ADD_TAGS: &str = "rds:AddTagsToResource";
pub const REMOVE_TAGS: &str = "rds:RemoveTagsFromResource";

/// What stands in the endpoint for the readers of a cluster, and `.cluster-` in the one of its writer.
const READERS: &str = ".cluster-ro-";
/// Characters in the names of clusters and instances (field guide 4.3 item 2).
const LONGEST: usize = 63;
/// What only says that mrctl asked for the key that AWS manages: RDS answers with that key's ARN, which says nothing of whose it is.
pub const ENCRYPTED_BY: &str = "mrctl:encrypted-by";
/// Whose final snapshot it is; never `mrctl:stack`, because no run may take it for a part of the stack.
pub const KEPT_FROM: &str = "mrctl:kept-from";

/// The name of a global cluster.
#[must_use]
pub fn global_name(stack: &str, key: &str) -> String {
    fit(&format!("{stack}-{key}").to_lowercase(), LONGEST)
}

/// The name of a cluster. Members of one global database may not share one (field guide 4.3 item 2).
#[must_use]
pub fn cluster_name(stack: &str, key: &str, region: &Region) -> String {
    fit(&format!("{stack}-{key}-{region}").to_lowercase(), LONGEST)
}

/// The name of an instance, counted from one.
#[must_use]
pub fn instance_name(stack: &str, key: &str, region: &Region, number: u32) -> String {
    fit(&format!("{stack}-{key}-{region}-{number}").to_lowercase(), LONGEST)
}

/// What a major version is called: `8.0` of `8.0.mysql_aurora.3.08.0`, `16` of `16.4`.
#[must_use]
pub fn major(engine: &str, version: &str) -> String {
    let major = if engine == AuroraEngine::Mysql.as_str() {
        version.split(".mysql_aurora").next().map(|front| front.split('.').take(2).collect::<Vec<_>>().join("."))
    } else {
        version.split('.').next().map(str::to_owned)
    };
    major.unwrap_or_default()
}

/// The family of parameter groups that the engine takes: `aurora-mysql8.0`, `aurora-postgresql16` (field guide 4.1 item 3).
#[must_use]
pub fn family(database: &Aurora) -> String {
    let engine = database.engine.as_str();
    format!("{engine}{}", major(engine, &database.engine_version))
}

/// The numbers in a version, which tell which of two is the later one: 16.4 and 16.11, 3.08.0 and 3.10.0.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|letter: char| !letter.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// Whether one version of an engine is later than another.
#[must_use]
pub fn is_later(version: &str, than: &str) -> bool {
    numbers(version) > numbers(than)
}

/// Where a cluster's own writer answers. While another region writes, AWS shows only the name for readers; the other one differs
/// from it by a word (Aurora user guide, "Endpoints for Amazon Aurora"), and is the same after the next switch.
#[must_use]
pub fn endpoint_of(cluster: &DbCluster) -> Option<String> {
    let shown = cluster.endpoint().filter(|endpoint| !endpoint.is_empty()).map(str::to_owned);
    shown.or_else(|| Some(cluster.reader_endpoint()?.replacen(READERS, ".cluster-", 1)).filter(|endpoint| !endpoint.is_empty()))
}

/// Whether a name is one for readers.
#[must_use]
pub fn is_for_readers(endpoint: &str) -> bool {
    endpoint.contains(READERS)
}

/// The region in an ARN.
#[must_use]
pub fn region_of(arn: &str) -> Option<Region> {
    arn.split(':').nth(3).filter(|region| !region.is_empty()).map(Region::new)
}

/// The name at the end of an ARN.
#[must_use]
pub fn name_in(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// The marks among tags, without what mrctl only remembers there.
#[must_use]
pub fn marks(tags: &[Tag]) -> Marks {
    let mut marks = owner::read(tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))));
    marks.tags.all.retain(|key, _| !key.starts_with("mrctl:"));
    marks
}

/// The value of a tag.
#[must_use]
pub fn tag<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key() == Some(key))?.value()
}

/// Tags as RDS takes them.
#[must_use]
pub fn tags(tags: BTreeMap<String, String>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// A time as AWS gives it.
#[must_use]
pub fn at(time: Option<&aws_sdk_rds::primitives::DateTime>) -> Option<Timestamp> {
    Timestamp::from_second(time?.secs()).ok()
}

/// Every global cluster of the account. Every region gives the same answer, so that a dead one takes nothing from it.
///
/// # Errors
/// What AWS refused, in every region.
pub async fn globals(cx: &Cx) -> Result<Arc<Vec<GlobalCluster>>, Fault> {
    let here = cx.scope.region().into_iter();
    let mut regions: Vec<Region> = Vec::new();
    for region in here.chain(cx.model.regions.keys()).chain(cx.regions.iter()) {
        if !regions.contains(region) {
            regions.push(region.clone());
        }
    }
    let ask = || first_of(&regions, |region| globals_in(cx, region));
    cx.memo.once(DESCRIBE_GLOBAL.to_owned(), || async { ask().await }).await
}

async fn globals_in(cx: &Cx, region: Region) -> Result<Vec<GlobalCluster>, Fault> {
    let pages = cx.fleet.region(&region).rds.describe_global_clusters().into_paginator().items().send();
    pages.collect::<Result<Vec<_>, _>>().await.map_err(fault(DESCRIBE_GLOBAL))
}

/// The global cluster of that name; nothing when it is not there.
///
/// # Errors
/// What AWS refused.
pub async fn global(cx: &Cx, name: &str) -> Result<Option<GlobalCluster>, Fault> {
    Ok(globals(cx).await?.iter().find(|global| global.global_cluster_identifier() == Some(name)).cloned())
}

/// Every cluster in a region.
///
/// # Errors
/// What AWS refused.
pub async fn clusters(cx: &Cx, region: &Region) -> Result<Arc<Vec<DbCluster>>, Fault> {
    let ask = || async {
        let pages = cx.fleet.region(region).rds.describe_db_clusters().into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.map_err(fault(DESCRIBE_CLUSTERS))
    };
    cx.memo.once(format!("{DESCRIBE_CLUSTERS}/{region}"), ask).await
}

/// One cluster as it is now; nothing when it is not there.
///
/// # Errors
/// What AWS refused.
pub async fn cluster(cx: &Cx, region: &Region, name: &str) -> Result<Option<DbCluster>, Fault> {
    let ask = cx.fleet.region(region).rds.describe_db_clusters().db_cluster_identifier(name);
    let seen = maybe(ask.send().await.map_err(fault(DESCRIBE_CLUSTERS)))?;
    Ok(seen.and_then(|seen| seen.db_clusters().first().cloned()))
}

/// Every instance in a region.
///
/// # Errors
/// What AWS refused.
pub async fn instances(cx: &Cx, region: &Region) -> Result<Arc<Vec<DbInstance>>, Fault> {
    let ask = || async {
        let pages = cx.fleet.region(region).rds.describe_db_instances().into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.map_err(fault(DESCRIBE_INSTANCES))
    };
    cx.memo.once(format!("{DESCRIBE_INSTANCES}/{region}"), ask).await
}

/// One instance as it is now; nothing when it is not there.
///
/// # Errors
/// What AWS refused.
pub async fn instance(cx: &Cx, region: &Region, name: &str) -> Result<Option<DbInstance>, Fault> {
    let ask = cx.fleet.region(region).rds.describe_db_instances().db_instance_identifier(name);
    let seen = maybe(ask.send().await.map_err(fault(DESCRIBE_INSTANCES)))?;
    Ok(seen.and_then(|seen| seen.db_instances().first().cloned()))
}

/// The marks on what has no tags in its list.
///
/// # Errors
/// What AWS refused; "not found" when it has gone since it was listed.
pub async fn marks_of(cx: &Cx, arn: &str) -> Result<Marks, Fault> {
    let ask = cx.fleet.region(cx.region()?).rds.list_tags_for_resource().resource_name(arn);
    Ok(marks(ask.send().await.map_err(fault(LIST_TAGS))?.tag_list()))
}

/// Sets and removes tags in a region.
///
/// # Errors
/// What AWS refused.
pub async fn change_tags(cx: &Cx, region: &Region, arn: &str, (set, remove): (BTreeMap<String, String>, Vec<String>)) -> Result<(), Fault> {
    let client = cx.fleet.region(region).rds;
    if !remove.is_empty() {
        let ask = client.remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(remove));
        ask.send().await.map_err(fault(REMOVE_TAGS))?;
    }
    if !set.is_empty() {
        let ask = client.add_tags_to_resource().resource_name(arn).set_tags(Some(tags(set)));
        ask.send().await.map_err(fault(ADD_TAGS))?;
    }
    Ok(())
}

/// What the global cluster says of one of its clusters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The name of the global cluster.
    pub global: String,
    pub is_writer: bool,
    /// The ARN of the writer's cluster; nothing while a switch is under way.
    pub writer: Option<String>,
    /// The ARNs of the other members.
    pub others: Vec<String>,
    /// `connected`, or what it waits for.
    pub synchronization: Option<String>,
    /// The global writer endpoint.
    pub endpoint: Option<String>,
}

impl Membership {
    /// What a global cluster says of the cluster with that ARN; nothing when it is no member.
    #[must_use]
    pub fn of(global: &GlobalCluster, arn: &str) -> Option<Self> {
        let members = global.global_cluster_members();
        let own = members.iter().find(|member| member.db_cluster_arn() == Some(arn))?;
        Some(Self {
            global: global.global_cluster_identifier().unwrap_or_default().to_owned(),
            is_writer: own.is_writer() == Some(true),
            writer: writer_of(global).map(str::to_owned),
            others: members.iter().filter_map(|member| member.db_cluster_arn()).filter(|other| *other != arn).map(str::to_owned).collect(),
            synchronization: own.synchronization_status().map(|status| status.as_str().to_owned()),
            endpoint: global.endpoint().filter(|endpoint| !endpoint.is_empty()).map(str::to_owned),
        })
    }
}

/// The ARN of a global cluster's writer.
#[must_use]
pub fn writer_of(global: &GlobalCluster) -> Option<&str> {
    global.global_cluster_members().iter().find(|member| member.is_writer() == Some(true))?.db_cluster_arn()
}

/// What the global clusters say of the cluster with that ARN; nothing when it is a member of none.
///
/// # Errors
/// What AWS refused.
pub async fn membership(cx: &Cx, arn: &str) -> Result<Option<Membership>, Fault> {
    Ok(globals(cx).await?.iter().find_map(|global| Membership::of(global, arn)))
}

/// What ends in a state that AWS does not leave by itself (field guide 4.3 item 4).
fn is_broken(word: &str) -> bool {
    let broken = ["failed", "stopped", "storage-full", "restore-error", "insufficient-capacity"];
    broken.contains(&word) || word.ends_with("-failed") || word.starts_with("incompatible-") || word.starts_with("inaccessible-")
}

/// Whether what is going on stands in nobody's way: nothing is being changed that a plan would compare.
fn is_settled(word: &str) -> bool {
    matches!(word, "available" | "backing-up" | "storage-optimization" | "storage-config-upgrade" | "storage-initialization")
}

/// Where a cluster, an instance or a global cluster with that status is in its life.
#[must_use]
pub fn life_of(word: &str) -> Life {
    match word {
        "deleting" | "delete-precheck" => Life::Leaving(word.to_owned()),
        word if is_settled(word) => Life::Ready,
        word if is_broken(word) => Life::Broken(word.to_owned()),
        word => Life::Making(word.to_owned()),
    }
}

/// What is `modifying`, or anything else that passes, answers to the same call later: what was refused for it is contention.
#[must_use]
pub fn busy(op: &'static str, what: &str, word: &str) -> Fault {
    Fault::new(op, Class::Contention, format!("{what} is {word}"))
}

/// What a create came to: "already exists" is success where what stands under the name carries the mark of that address (an earlier
/// answer was lost), and a fault where it does not.
///
/// # Errors
/// What AWS refused.
pub async fn made<T>(
    cx: &Cx,
    (addr, name): (&Addr, &str),
    answer: Result<T, Fault>,
    there: impl Future<Output = Result<Option<Marks>, Fault>>,
) -> Result<String, Fault> {
    match answer {
        Err(refused) if refused.class == Class::Exists => match there.await?.filter(|marks| marks.addr_in(&cx.owner.stack) == Some(addr)) {
            Some(_) => Ok(name.to_owned()),
            None => Err(refused),
        },
        answer => answer.map(|_| name.to_owned()),
    }
}

/// The final snapshots of a cluster in a region, by the beginning of their names; the time at their end tells them from those that
/// somebody else made.
///
/// # Errors
/// What AWS refused.
pub async fn snapshots(cx: &Cx, region: &Region, cluster: &str, prefix: &str) -> Result<Vec<DbClusterSnapshot>, Fault> {
    let ask = cx.fleet.region(region).rds.describe_db_cluster_snapshots().db_cluster_identifier(cluster).snapshot_type("manual");
    let pages = ask.into_paginator().items().send();
    let all = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault(ending::DESCRIBE_SNAPSHOTS))?;
    let is_time = |end: &str| end.len() == 14 && end.bytes().all(|byte| byte.is_ascii_digit());
    let is_final = |one: &DbClusterSnapshot| one.db_cluster_snapshot_identifier()?.strip_prefix(prefix).map(is_time);
    Ok(all.into_iter().filter(|one| is_final(one) == Some(true)).collect())
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::GlobalClusterMember;

    use super::*;

    #[test]
    fn versions_have_a_major_part_and_roles_are_read_from_the_members() {
        assert_eq!(major("aurora-mysql", "8.0.mysql_aurora.3.08.0"), "8.0");
        assert_eq!(major("aurora-mysql", "5.7.mysql_aurora.2.11.2"), "5.7");
        assert_eq!(major("aurora-postgresql", "16.4"), "16");
        let member = |arn: &str, writer| GlobalClusterMember::builder().db_cluster_arn(arn).is_writer(writer).build();
        let (one, other) = ("arn:aws:rds:us-east-1:1:cluster:a", "arn:aws:rds:eu-west-1:1:cluster:b");
        let members = [member(one, false), member(other, true)];
        let global = GlobalCluster::builder().global_cluster_identifier("g").set_global_cluster_members(Some(members.into())).build();
        let seen = Membership::of(&global, one).unwrap();
        assert!(!seen.is_writer);
        assert_eq!((seen.writer.as_deref(), &*seen.others), (Some(other), &[other.to_owned()][..]));
        assert_eq!(region_of(other), Some(Region::new("eu-west-1")));
        assert_eq!(Membership::of(&global, "arn:aws:rds:eu-west-1:1:cluster:c"), None);
    }

    #[test]
    fn an_unknown_word_is_never_ready() {
        assert_eq!(life_of("available"), Life::Ready);
        assert_eq!(life_of("modifying"), Life::Making("modifying".into()));
        assert_eq!(life_of("inaccessible-encryption-credentials"), Life::Broken("inaccessible-encryption-credentials".into()));
        assert_eq!(life_of("something-new"), Life::Making("something-new".into()));
    }
}
