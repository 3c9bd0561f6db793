//! How a cluster ends: it leaves its global cluster, that is seen to be done, and it is deleted; the writer's leaves a snapshot.
//!
//! Which one was the writer's is no longer to be seen once a cluster stands alone, and what stands alone takes writes. Only what this run
//! itself saw as a secondary and detached is known to be nothing but a copy; anything else may be the only one with the data, whoever
//! detached it and when, and is kept as a snapshot. So a run that follows one that was killed may leave a snapshot too many.
use std::collections::BTreeMap;

use aws_sdk_rds::types::{DbCluster, DbClusterSnapshot};
use jiff::Timestamp;

use super::{KEPT_FROM, Membership, busy, change_tags, cluster_name, membership, snapshots, tag};
use crate::{
    aws::errors::{fault, maybe},
    resource::{Addr, Class, Cx, Fault, Region},
    topology::OnDestroy,
};

pub const DETACH: &str = "rds:RemoveFromGlobalCluster";
pub const DELETE: &str = "rds:DeleteDBCluster";
const SECONDARY: &str = "secondary";
pub const SNAPSHOT: &str = "rds:CreateDBClusterSnapshot";
pub const DESCRIBE_SNAPSHOTS: &str = "rds:DescribeDBClusterSnapshots";

/// What the names of a database's final snapshots begin with.
#[must_use]
pub fn snapshot_prefix(stack: &str, key: &str) -> String {
    format!("{stack}-{key}-final-").to_lowercase()
}

/// One step towards the end of a cluster that is there and is not being deleted; contention while more are to come.
///
/// # Errors
/// What AWS refused; contention until nothing more is to be sent.
pub async fn end(cx: &Cx, addr: &Addr, now: &DbCluster) -> Result<(), Fault> {
    let (Some(id), Some(arn)) = (now.db_cluster_identifier(), now.db_cluster_arn()) else {
        return Err(Fault::bug("a cluster without a name"));
    };
    if let Some(of) = membership(&cx.afresh(), arn).await? {
        return Err(detach(cx, addr, now, &of).await?);
    }
    let is_copy = cx.asked.of(&role_of(arn)).is_some_and(|role| role.what == SECONDARY);
    let skips = cx.model.aurora.get(&*addr.name).is_some_and(|database| database.on_destroy == OnDestroy::Skip);
    let ask = cx.fleet.region(cx.region()?).rds.delete_db_cluster().db_cluster_identifier(id);
    if is_copy {
        return maybe(ask.skip_final_snapshot(true).send().await.map_err(fault(DELETE))).map(drop);
    }
    // AWS would remove them at once otherwise; they go when they expire (RDS API reference, DeleteDBCluster).
    let ask = ask.delete_automated_backups(false);
    if skips {
        return maybe(ask.skip_final_snapshot(true).send().await.map_err(fault(DELETE))).map(drop);
    }
    let name = format!("{}{}", snapshot_prefix(&cx.owner.stack, &addr.name), Timestamp::now().strftime("%Y%m%d%H%M%S"));
    let ask = ask.skip_final_snapshot(false).final_db_snapshot_identifier(&name);
    let Some(answer) = maybe_unclear(ask.send().await.map_err(fault(DELETE)))? else { return Ok(()) };
    cx.asked.remember(&snapshot_of(id), &name, &name);
    answer?;
    label(cx, addr, id).await
}

/// An answer that may have got lost is an answer; that there is nothing to delete is none.
fn maybe_unclear<T>(answer: Result<T, Fault>) -> Result<Option<Result<(), Fault>>, Fault> {
    match answer {
        Ok(_) => Ok(Some(Ok(()))),
        Err(fault) if fault.class == Class::Unclear => Ok(Some(Err(fault))),
        Err(fault) if fault.class == Class::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// By what this run remembers which role a cluster had when it was detached.
fn role_of(arn: &str) -> String {
    format!("{arn} was")
}

fn snapshot_of(cluster: &str) -> String {
    format!("{cluster} snapshot")
}

/// Takes a cluster out of its global cluster. AWS does that behind the call, and the cluster is `available` all the while, so the next
/// look is at the members again.
async fn detach(cx: &Cx, addr: &Addr, now: &DbCluster, of: &Membership) -> Result<Fault, Fault> {
    let (region, arn) = (cx.region()?, now.db_cluster_arn().unwrap_or_default());
    let id = now.db_cluster_identifier().unwrap_or_default();
    if let Some(word) = now.status().filter(|word| !super::is_settled(word)) {
        return Ok(busy(DETACH, id, word));
    }
    if of.is_writer && !of.others.is_empty() {
        let others: Vec<&str> = of.others.iter().map(|arn| super::name_in(arn)).collect();
        return Ok(Fault::new(DETACH, Class::Contention, format!("{} still copies from {addr}", others.join(", "))));
    }
    let role = if of.is_writer { "writer" } else { SECONDARY };
    cx.asked.remember(&role_of(arn), role, role);
    let asked = format!("{arn} leaves");
    if cx.asked.of(&asked).is_some() {
        return Ok(Fault::new(DETACH, Class::Contention, format!("{id} is still a member of {}", of.global)));
    }
    let ask = cx.fleet.region(region).rds.remove_from_global_cluster().global_cluster_identifier(&of.global).db_cluster_identifier(arn);
    match ask.send().await.map_err(fault(DETACH)) {
        Err(refused) if refused.class != Class::NotFound => return Err(refused),
        _ => cx.asked.remember(&asked, &of.global, &of.global),
    }
    Ok(Fault::new(DETACH, Class::Contention, format!("{id} is leaving {}", of.global)))
}

/// Labels the final snapshots of a cluster with the stack they come from; a call that deletes a cluster cannot do that. Repeated
/// until it is done, also when the cluster is on its way out already.
///
/// # Errors
/// What AWS refused; contention until the snapshot that this run asked for is to be seen.
pub async fn label(cx: &Cx, addr: &Addr, cluster: &str) -> Result<(), Fault> {
    let region = cx.region()?;
    let mut expected = cx.asked.of(&snapshot_of(cluster)).map(|asked| asked.what);
    for snapshot in snapshots(cx, region, cluster, &snapshot_prefix(&cx.owner.stack, &addr.name)).await? {
        let Some(name) = snapshot.db_cluster_snapshot_identifier() else { continue };
        cx.asked.remember(&snapshot_of(cluster), name, name);
        expected = expected.filter(|expected| expected != name);
        label_one(cx, region, &snapshot).await?;
    }
    expected.map_or(Ok(()), |name| Err(Fault::new(DELETE, Class::Contention, format!("its final snapshot {name} is being made"))))
}

/// Whether the label was missing.
async fn label_one(cx: &Cx, region: &Region, snapshot: &DbClusterSnapshot) -> Result<bool, Fault> {
    let Some(arn) = snapshot.db_cluster_snapshot_arn().filter(|_| tag(snapshot.tag_list(), KEPT_FROM).is_none()) else { return Ok(false) };
    let label = BTreeMap::from([(KEPT_FROM.to_owned(), cx.owner.stack.clone())]);
    change_tags(cx, region, arn, (label, Vec::new())).await.map(|()| true)
}

/// Labels the final snapshots of a database whose clusters are gone and that a run did not come to label, because it was cut off
/// once AWS had its last call. Done before the global cluster goes: as long as that is there, the next run comes by here.
///
/// # Errors
/// What AWS refused in a region of the file.
pub async fn label_what_is_left(cx: &Cx, key: &str) -> Result<(), Fault> {
    for region in cx.regions.iter() {
        let cluster = cluster_name(&cx.owner.stack, key, region);
        match label_of(cx, region, key, &cluster).await {
            // Regions that nobody uses may be forbidden.
            Err(refused) if cx.model.regions.contains_key(region) => return Err(refused),
            _ => {}
        }
    }
    Ok(())
}

async fn label_of(cx: &Cx, region: &Region, key: &str, cluster: &str) -> Result<(), Fault> {
    for snapshot in snapshots(cx, region, cluster, &snapshot_prefix(&cx.owner.stack, key)).await? {
        let Some(name) = snapshot.db_cluster_snapshot_identifier() else { continue };
        if label_one(cx, region, &snapshot).await? {
            cx.asked.remember(&found_of(key), name, &format!("{region}: snapshot {name} of {cluster}"));
        }
    }
    Ok(())
}

fn found_of(key: &str) -> String {
    format!("{key} snapshot without a label")
}

/// The final snapshot that [`label_what_is_left`] found, with its region.
#[must_use]
pub fn found(cx: &Cx, key: &str) -> Option<String> {
    cx.asked.of(&found_of(key)).map(|asked| asked.called)
}

/// What this run left of a cluster.
#[must_use]
pub fn left(cx: &Cx, cluster: &str) -> Option<String> {
    let snapshot = cx.asked.of(&snapshot_of(cluster)).map(|asked| asked.what);
    snapshot.map(|name| format!("snapshot {name} of {cluster}, and its automated backups until they expire"))
}
