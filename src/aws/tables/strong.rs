//! Strongly consistent tables: the first member is a table like any other; one call makes the other members and the witness, and
//! one call removes them (field guide 3.3).
use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{
    CreateGlobalTableWitnessGroupMemberAction, CreateReplicationGroupMemberAction, DeleteGlobalTableWitnessGroupMemberAction,
    DeleteReplicationGroupMemberAction, GlobalTableWitnessGroupUpdate, MultiRegionConsistency, ReplicationGroupUpdate, WitnessStatus,
};
use serde::{Deserialize, Serialize};

use super::{Encryption, Member, Spec, UPDATE, look_in, member, spec::bug};
use crate::{
    aws::errors::fault,
    resource::{Addr, Class, Cx, Fault, Region},
    topology::{Consistency, Table},
};

/// Which regions agree before a write is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strong {
    pub regions: BTreeSet<Region>,
    pub witness: Option<Region>,
}

impl Strong {
    /// What the topology asks for; nothing for a table that is eventually consistent.
    #[must_use]
    pub fn wanted(table: &Table) -> Option<Self> {
        let is_strong = table.consistency == Consistency::Strong;
        is_strong.then(|| Self { regions: table.members.keys().cloned().collect(), witness: table.witness.clone() })
    }

    /// What a member shows. A table alone is neither, and while the others are being made not all of them are shown: then it is
    /// on its way to what is wanted.
    #[must_use]
    pub fn found(member: &Member, here: &Region, wanted: Option<&Self>) -> Option<Self> {
        let (others, witness) = (member.other_states(here), witness(member));
        if others.is_empty() && witness.is_none() {
            return wanted.cloned();
        }
        if !is_strong(member) {
            return None;
        }
        let is_settled = member.is_active() && others.values().all(|word| word == "ACTIVE");
        let regions: BTreeSet<Region> = others.into_keys().chain([here.clone()]).collect();
        let found = Self { regions, witness };
        let is_on_its_way = |wanted: &&Self| {
            found.regions.is_subset(&wanted.regions) && (found.witness.is_none() || found.witness == wanted.witness) && !is_settled
        };
        Some(wanted.filter(is_on_its_way).cloned().unwrap_or(found))
    }
}

fn is_strong(member: &Member) -> bool {
    member.table.multi_region_consistency() == Some(&MultiRegionConsistency::Strong)
}

fn witness(member: &Member) -> Option<Region> {
    member.table.global_table_witnesses().first()?.region_name().map(Region::new)
}

/// What the witness of a member is doing, while it is not ready: `witness us-west-2 CREATING`.
#[must_use]
pub fn witness_under_way(member: &Member) -> Option<String> {
    let witness = member.table.global_table_witnesses().first()?;
    let status = witness.witness_status().filter(|status| **status != WitnessStatus::Active)?;
    Some(format!("witness {} {}", witness.region_name().unwrap_or_default(), status.as_str()))
}

/// Makes all other members and the witness at the first one, in one call and nothing else in it.
pub(super) async fn begin(cx: &Cx, spec: &Spec, strong: &Strong, source: &Region, member: &Member) -> Result<(), Fault> {
    let (name, here) = (&spec.name, cx.region()?);
    let others = member.others(source);
    if !others.is_empty() {
        let message = format!("no region can join the strongly consistent table {name} later, and it has no member in {here}");
        return Err(Fault::new(UPDATE, Class::Invalid, message));
    }
    let has_own_keys = matches!(Encryption::found(member, None), Encryption::Key(_));
    let table = cx.model.tables.values().find(|table| table.name == *name);
    let key_in = |region: &Region| {
        let of_member = table.and_then(|table| table.members.get(region)).map(|member| Encryption::wanted(&member.encryption));
        of_member.and_then(|encryption| if let Encryption::Key(arn) = encryption { Some(arn) } else { None }).filter(|_| has_own_keys)
    };
    let ask = cx.fleet.region(source).dynamodb.update_table().table_name(name);
    let mut ask = ask.multi_region_consistency(MultiRegionConsistency::Strong);
    for region in strong.regions.iter().filter(|region| *region != source) {
        let add = CreateReplicationGroupMemberAction::builder().region_name(region.as_str()).set_kms_master_key_id(key_in(region));
        ask = ask.replica_updates(ReplicationGroupUpdate::builder().create(add.build().map_err(bug)?).build());
    }
    if let Some(witness) = &strong.witness {
        let add = CreateGlobalTableWitnessGroupMemberAction::builder().region_name(witness.as_str()).build().map_err(bug)?;
        ask = ask.global_table_witness_updates(GlobalTableWitnessGroupUpdate::builder().create(add).build());
    }
    ask.send().await.map_err(fault(UPDATE)).map(drop)
}

/// Whether the plan removes every member of a strongly consistent table together with the one at `addr`.
///
/// # Errors
/// The member that is to stay.
pub fn goes_whole(cx: &Cx, addr: &Addr, name: &str, others: &BTreeSet<Region>) -> Result<(), Fault> {
    let stays = others.iter().find(|region| !cx.removing.contains(&Addr::regional(region, &addr.kind, &addr.name)));
    let Some(region) = stays else { return Ok(()) };
    let message = format!(
        "the strongly consistent table {name} goes as a whole, and its member in {region} is not to be removed; nothing of it was \
         changed. Remove all members in one run (without --only or --except), or keep them all"
    );
    Err(Fault::new(UPDATE, Class::Invalid, message))
}

/// Removes this member with all the others and the witness, but for the one that is there longest; that one is a table alone then.
/// Whether there was anything to remove in this way.
///
/// DynamoDB refuses to delete one member of such a table. The others go with it only where the plan removes them too.
///
/// # Errors
/// What AWS refused; contention while the protection of the others is lifted; a member that is to stay.
pub async fn end(cx: &Cx, addr: &Addr, name: &str) -> Result<bool, Fault> {
    let (cx, here) = (&cx.afresh(), cx.region()?);
    let Some(now) = member(cx, here, name).await?.filter(|now| is_strong(now) && now.word() != "DELETING") else { return Ok(false) };
    let others = now.others(here);
    if others.is_empty() {
        return Ok(false);
    }
    goes_whole(cx, addr, name, &others)?;
    let seen = look_in(cx, &others, name).await;
    if seen.len() < others.len() {
        return Err(Fault::new(UPDATE, Class::Unclear, format!("not all regions of {name} answer, and it can only go as a whole")));
    }
    let Some((keeper, kept)) = seen.iter().min_by_key(|(region, member)| (member.born, region.clone())) else { return Ok(false) };
    let busy = |message: String| Err(Fault::new(UPDATE, Class::Contention, message));
    let mut lifted = false;
    for (region, _) in seen.iter().filter(|(region, member)| region != keeper && member.protected()) {
        let ask = cx.fleet.region(region).dynamodb.update_table().table_name(name).deletion_protection_enabled(false);
        ask.send().await.map_err(fault(UPDATE))?;
        lifted = true;
    }
    if lifted || !kept.is_active() || seen.iter().any(|(_, member)| !member.is_active()) {
        return busy(format!("the members of {name} are made ready to go together"));
    }
    let mut ask = cx.fleet.region(keeper).dynamodb.update_table().table_name(name);
    for region in others.iter().filter(|region| *region != keeper).chain([here]) {
        let remove = DeleteReplicationGroupMemberAction::builder().region_name(region.as_str()).build().map_err(bug)?;
        ask = ask.replica_updates(ReplicationGroupUpdate::builder().delete(remove).build());
    }
    if let Some(witness) = witness(kept) {
        let remove = DeleteGlobalTableWitnessGroupMemberAction::builder().region_name(witness.as_str()).build().map_err(bug)?;
        ask = ask.global_table_witness_updates(GlobalTableWitnessGroupUpdate::builder().delete(remove).build());
    }
    ask.send().await.map_err(fault(UPDATE))?;
    Ok(true)
}
