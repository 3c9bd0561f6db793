//! Reads of DynamoDB tables that go across regions. A region that does not answer is left out, never an error of the asker.
mod capacity;
mod change;
mod expiry;
mod indexes;
mod make;
mod ownership;
mod scaling;
mod spec;
mod strong;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use aws_sdk_dynamodb::types::{
    PointInTimeRecoverySpecification, PointInTimeRecoveryStatus, ReplicaDescription, ReplicaStatus, TableDescription,
};
use futures::future::join_all;
use jiff::Timestamp;

pub use capacity::{capacity_found, capacity_wanted, scaled_up, units};
pub use change::change;
pub use expiry::{expire_by, expires_by};
pub use indexes::{Index, Projection, global_found, index_under_way, local_found};
pub use make::{join, make};
pub use ownership::{Owned, names, owned};
pub use scaling::{Scaled, Units, scaled, scaled_first};
pub use spec::{Billing, Encryption, Key, NEW_AND_OLD_IMAGES, NO_STREAM, Spec, class_found, class_wanted, stream_found};
pub use strong::{Strong, end, goes_whole, witness_under_way};

use super::{
    errors::{fault, maybe},
    tags::dynamodb_marks,
};
use crate::resource::{Class, Cx, Fault, Life, Region, Status, owner::Marks};

pub const CREATE: &str = "dynamodb:CreateTable";
pub const UPDATE: &str = "dynamodb:UpdateTable";
/// How long another region may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// A table as one region describes it.
#[derive(Clone, Debug)]
pub struct Member {
    pub arn: String,
    /// When it was made in this region.
    pub born: Option<Timestamp>,
    pub table: TableDescription,
}

impl Member {
    /// DynamoDB's word for its state.
    #[must_use]
    pub fn word(&self) -> &str {
        self.table.table_status().map_or("UNKNOWN", |status| status.as_str())
    }

    #[must_use]
    pub fn is_active(&self) -> bool {
        self.word() == "ACTIVE"
    }

    #[must_use]
    pub fn protected(&self) -> bool {
        self.table.deletion_protection_enabled().unwrap_or_default()
    }

    /// The other regions' members; AWS never lists the region that is asked (field guide 3.2 item 1), emulators do.
    #[must_use]
    pub fn others(&self, here: &Region) -> BTreeSet<Region> {
        self.other_states(here).into_keys().collect()
    }

    /// The same with DynamoDB's word for the state of each.
    #[must_use]
    pub fn other_states(&self, here: &Region) -> BTreeMap<Region, String> {
        let state = |replica: &ReplicaDescription| replica.replica_status().map_or("UNKNOWN", |status| status.as_str()).to_owned();
        let others = self.table.replicas().iter().filter_map(|replica| Some((Region::new(replica.region_name()?), state(replica))));
        others.filter(|(region, _)| region != here).collect()
    }

    /// Where it is in its life.
    #[must_use]
    pub fn life(&self) -> Life {
        let word = self.word().to_owned();
        match word.as_str() {
            "CREATING" => Life::Making(word),
            // UPDATING is often another region's change arriving; it is no reason to wait (field guide 3.2 item 9).
            // An index that is filled takes up to hours, in which nothing else of the table can change.
            "ACTIVE" | "UPDATING" => index_under_way(self).map_or(Life::Ready, Life::Making),
            "DELETING" => Life::Leaving(word),
            _ => Life::Broken(word),
        }
    }

    fn replica_in(&self, region: &Region) -> Option<ReplicaStatus> {
        let replica = self.table.replicas().iter().find(|replica| replica.region_name() == Some(region.as_str()))?;
        replica.replica_status().cloned()
    }
}

/// The table of that name in a region, asked once an observation; nothing when there is none.
///
/// # Errors
/// What AWS refused.
pub async fn member(cx: &Cx, region: &Region, name: &str) -> Result<Option<Arc<Member>>, Fault> {
    let ask = || async {
        let ask = cx.fleet.region(region).dynamodb.describe_table().table_name(name);
        let seen = maybe(ask.send().await.map_err(fault("dynamodb:DescribeTable")))?;
        let Some(table) = seen.and_then(|seen| seen.table) else { return Ok(None) };
        let born = table.creation_date_time().and_then(|at| Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).ok()?).ok());
        let arn = table.table_arn().unwrap_or_default().to_owned();
        Ok(Some(Arc::new(Member { arn, born, table })))
    };
    cx.memo.once(format!("dynamodb:DescribeTable/{region}/{name}"), ask).await.map(|member| Option::clone(&member))
}

/// The same of a region that may be dead: nothing when it does not answer, nothing within when it has no such table.
async fn answered(cx: &Cx, region: &Region, name: &str) -> Option<Option<Arc<Member>>> {
    tokio::time::timeout(LIMIT, member(cx, region, name)).await.ok()?.ok()
}

/// The member in a region that may be dead; nothing when it does not answer, too.
pub async fn reachable(cx: &Cx, region: &Region, name: &str) -> Option<Arc<Member>> {
    answered(cx, region, name).await?
}

/// The marks on a member, asked once an observation.
///
/// # Errors
/// What AWS refused; "not found" when the member has gone since it was described.
pub async fn marks(cx: &Cx, region: &Region, member: &Member) -> Result<Marks, Fault> {
    let name = member.table.table_name().unwrap_or_default();
    let ask = || async {
        let mut tags = Vec::new();
        let mut token = None;
        loop {
            let ask = cx.fleet.region(region).dynamodb.list_tags_of_resource().resource_arn(&member.arn).set_next_token(token);
            let page = match ask.send().await.map_err(fault("dynamodb:ListTagsOfResource")) {
                Ok(page) => page,
                // A table that goes or went meanwhile may be answered like one whose tags may not be read: only itself can tell.
                Err(refused) if refused.class == Class::Denied => {
                    let now = self::member(&cx.afresh(), region, name).await?;
                    let is_going = now.is_none_or(|now| now.word() == "DELETING");
                    return Err(if is_going { Fault { class: Class::NotFound, ..refused } } else { refused });
                }
                Err(refused) => return Err(refused),
            };
            tags.extend_from_slice(page.tags());
            token = page.next_token;
            if token.is_none() {
                return Ok(dynamodb_marks(&tags));
            }
        }
    };
    cx.memo.once(format!("dynamodb:ListTagsOfResource/{}", member.arn), ask).await.map(|marks| Marks::clone(&marks))
}

/// Whether a member in another region carries this stack's mark. A region that does not answer says neither yes nor no.
pub async fn has_marked_member(cx: &Cx, here: &Region, member: &Member) -> bool {
    let name = member.table.table_name().unwrap_or_default();
    let others = member.others(here);
    let ask = others.iter().map(|region| async move {
        let other = reachable(cx, region, name).await?;
        tokio::time::timeout(LIMIT, marks(cx, region, &other)).await.ok()?.ok()
    });
    join_all(ask).await.into_iter().flatten().any(|marks| marks.stack.as_deref() == Some(&*cx.owner.stack))
}

/// The reachable member of this stack that is there longest, elsewhere than `here`. The file may not name a single region any
/// more that has one: every region of the plan is asked.
///
/// With `staying`, one that the file names comes before any other: what scales the writes of a member that is to go may be gone
/// already, and without it nothing can be added there (field guide 3.2 item 3).
///
/// # Errors
/// A region could be asked for the table and not for its marks; or no member was found and a region did not answer: a table that
/// is begun twice can never be joined.
pub async fn oldest(cx: &Cx, name: &str, here: &Region, staying: bool) -> Result<Option<(Region, Arc<Member>)>, Fault> {
    let named = everywhere(cx, name, here);
    let asked = join_all(named.iter().map(|region| async { (region.clone(), answered(cx, region, name).await) })).await;
    let silent = asked.iter().find(|(_, answer)| answer.is_none()).map(|(region, _)| region.clone());
    let seen: Vec<_> = asked.into_iter().filter_map(|(region, answer)| Some((region, answer??))).collect();
    // Members elsewhere are known to these.
    let further = seen.iter().flat_map(|(region, member)| member.others(region)).filter(|region| region != here && !named.contains(region));
    let further: BTreeSet<Region> = further.collect();
    let mut candidates = Vec::new();
    for (region, member) in seen.into_iter().chain(look_in(cx, &further, name).await) {
        // One that is being made may not show its tags yet.
        let marked = maybe(marks(cx, &region, &member).await)?.and_then(|marks| marks.stack.clone());
        let is_ours = match marked {
            Some(stack) => stack == cx.owner.stack,
            None => has_marked_member(cx, &region, &member).await,
        };
        if is_ours {
            candidates.push((region, member));
        }
    }
    if let Some(region) = silent.filter(|_| candidates.is_empty()) {
        let message = format!("{region} did not say whether it has a member of {name}, and a table begun apart would never join it");
        return Err(Fault::new("dynamodb:DescribeTable", Class::Unclear, message));
    }
    let is_named = |region: &Region| cx.model.tables.values().any(|table| table.name == name && table.members.contains_key(region));
    Ok(candidates.into_iter().min_by_key(|(region, member)| (staying && !is_named(region), member.born, region.clone())))
}

/// Where a table of that name may have members besides the one in `here`.
fn everywhere(cx: &Cx, name: &str, here: &Region) -> BTreeSet<Region> {
    let in_file = cx.model.tables.values().filter(|table| table.name == name).flat_map(|table| table.members.keys());
    in_file.chain(cx.regions.iter()).filter(|region| *region != here).cloned().collect()
}

async fn look_in(cx: &Cx, regions: &BTreeSet<Region>, name: &str) -> Vec<(Region, Arc<Member>)> {
    let ask = regions.iter().map(|region| async move { Some((region.clone(), reachable(cx, region, name).await?)) });
    join_all(ask).await.into_iter().flatten().collect()
}

/// What the members in these regions say of the one in `here`; nothing when none of them has it, or none answers.
pub async fn seen_from(cx: &Cx, regions: &BTreeSet<Region>, name: &str, here: &Region) -> Option<ReplicaStatus> {
    said_of(&look_in(cx, regions, name).await, here)
}

/// The status of a member that its own region does not show (yet).
///
/// DynamoDB can drop a replica that it has accepted and leave no entry of it anywhere; until its source is ACTIVE again it may
/// still come (field guide 3.2 item 4).
pub async fn status_unseen(cx: &Cx, name: &str, here: &Region) -> Status {
    unseen(&look_in(cx, &everywhere(cx, name, here), name).await, here)
}

fn unseen(others: &[(Region, Arc<Member>)], here: &Region) -> Status {
    match said_of(others, here) {
        Some(ReplicaStatus::CreationFailed) => Status::Failed("CREATION_FAILED".to_owned()),
        Some(status) => Status::Settling(status.as_str().to_owned()),
        None => match others.iter().find(|(_, member)| member.word() == "UPDATING") {
            Some((region, _)) => Status::Unseen(format!("the table in {region} is UPDATING")),
            None => Status::Gone,
        },
    }
}

fn said_of(others: &[(Region, Arc<Member>)], here: &Region) -> Option<ReplicaStatus> {
    let mut statuses: Vec<ReplicaStatus> = others.iter().filter_map(|(_, member)| member.replica_in(here)).collect();
    // One that is not ready speaks for all: the members hear of a change at different times.
    statuses.sort_by_key(|status| *status == ReplicaStatus::Active);
    statuses.into_iter().next()
}

/// An index that is under way at one of these members, and where.
pub async fn index_elsewhere(cx: &Cx, regions: &BTreeSet<Region>, name: &str) -> Option<String> {
    let seen = look_in(cx, regions, name).await;
    seen.iter().find_map(|(region, member)| Some(format!("{} in {region}", index_under_way(member)?)))
}

/// Whether point-in-time recovery is on. While a table is being made there is nothing to ask (field guide 3.1 item 5).
///
/// # Errors
/// What AWS refused.
pub async fn recoverable(cx: &Cx, region: &Region, name: &str) -> Result<bool, Fault> {
    let ask = cx.fleet.region(region).dynamodb.describe_continuous_backups().table_name(name);
    let seen = maybe(ask.send().await.map_err(fault("dynamodb:DescribeContinuousBackups")))?;
    let backups = seen.and_then(|seen| seen.continuous_backups_description);
    let recovery = backups.and_then(|backups| backups.point_in_time_recovery_description);
    Ok(recovery.and_then(|recovery| recovery.point_in_time_recovery_status) == Some(PointInTimeRecoveryStatus::Enabled))
}

/// Turns point-in-time recovery on or off in this region.
///
/// # Errors
/// What AWS refused; for a while after the table was made, contention.
pub async fn set_recoverable(cx: &Cx, name: &str, on: bool) -> Result<(), Fault> {
    let recovery = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(on);
    let recovery = recovery.build().map_err(|error| Fault::bug(error.to_string()))?;
    let ask = cx.fleet.region(cx.region()?).dynamodb.update_continuous_backups().table_name(name);
    let ask = ask.point_in_time_recovery_specification(recovery);
    ask.send().await.map_err(fault("dynamodb:UpdateContinuousBackups")).map(drop)
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::TableStatus;

    use super::*;

    fn member(status: TableStatus, replica: Option<ReplicaStatus>) -> (Region, Arc<Member>) {
        let replica = replica.map(|status| ReplicaDescription::builder().region_name("eu-west-1").replica_status(status).build());
        let table = TableDescription::builder().table_status(status).set_replicas(replica.map(|replica| vec![replica])).build();
        (Region::new("us-east-1"), Arc::new(Member { arn: String::new(), born: None, table }))
    }

    #[test]
    fn a_replica_may_come_until_its_source_is_active_again() {
        let here = Region::new("eu-west-1");
        let said = |status, replica| unseen(&[member(TableStatus::Active, None), member(status, replica)], &here);
        assert_eq!(said(TableStatus::Updating, None), Status::Unseen("the table in us-east-1 is UPDATING".into()));
        assert_eq!(said(TableStatus::Active, None), Status::Gone);
        assert_eq!(said(TableStatus::Updating, Some(ReplicaStatus::Creating)), Status::Settling("CREATING".into()));
        assert!(matches!(said(TableStatus::Active, Some(ReplicaStatus::CreationFailed)), Status::Failed(_)));
        assert_eq!(unseen(&[], &here), Status::Gone);
    }
}
