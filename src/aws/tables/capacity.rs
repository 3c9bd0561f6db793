//! Provisioned capacity of a member: what it begins with, and whether what AWS has scaled it to is within its limits.
//!
//! How many units there are between the limits is AWS's business and never compared. The limits themselves are set at
//! Application Auto Scaling; here is only what lies outside of them, which no policy may get round to for a long time.
use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{
    GlobalSecondaryIndexUpdate, IndexStatus, ProvisionedThroughput, ProvisionedThroughputDescription, UpdateGlobalSecondaryIndexAction,
};

use super::{Billing, Member, Scaled, Units, scaled, spec::bug};
use crate::{
    resource::{Cx, Fault, Region},
    topology::{self, Capacity, Scaling, Table, TableMember},
};

/// The limits of a member that the file has in that region; nothing for one on demand.
#[must_use]
pub fn limits(cx: &Cx, name: &str, region: &Region) -> Option<Capacity> {
    let table = cx.model.tables.values().find(|table| table.name == name)?;
    match table.members.get(region)?.billing {
        topology::Billing::Provisioned(capacity) => Some(capacity),
        topology::Billing::OnDemand => None,
    }
}

/// How what is counted is called in a spec: `read`, `by-customer/write`.
fn key(index: Option<&str>, what: Units) -> String {
    index.map_or_else(|| what.word().to_owned(), |index| format!("{index}/{}", what.word()))
}

fn clamped(limits: Scaling, units: i64) -> i64 {
    units.clamp(limits.min.into(), limits.max.max(limits.min).into())
}

/// The limits of everything that is counted, in words: `read` → `5 to 100`. Nothing on demand.
#[must_use]
pub fn capacity_wanted(table: &Table, member: &TableMember) -> BTreeMap<String, String> {
    let words = |(Scaled { index, what }, Scaling { min, max, .. }): (Scaled<'_>, Scaling)| (key(index, what), format!("{min} to {max}"));
    scaled(table, member).into_iter().map(words).collect()
}

/// The same as it is found: what is outside of its limits shows its units instead.
#[must_use]
pub fn capacity_found(member: &Member, wanted: Option<(&Table, &TableMember)>) -> BTreeMap<String, String> {
    let Some((table, of_region)) = wanted else { return BTreeMap::new() };
    let mut shown = capacity_wanted(table, of_region);
    let units = units(member);
    for (Scaled { index, what }, limits) in scaled(table, of_region) {
        let key = key(index, what);
        if let Some(units) = units.get(&key).filter(|units| clamped(limits, **units) != **units) {
            shown.insert(key, units.to_string());
        }
    }
    shown
}

/// The units of a member and of its global indexes; nothing on demand, and nothing of what shows none yet.
#[must_use]
pub fn units(member: &Member) -> BTreeMap<String, i64> {
    if Billing::found(member) == Billing::OnDemand {
        return BTreeMap::new();
    }
    let of = |index: Option<&str>, seen: Option<&ProvisionedThroughputDescription>| {
        let numbers = [seen.and_then(|seen| seen.read_capacity_units), seen.and_then(|seen| seen.write_capacity_units)];
        [(Units::Read, numbers[0]), (Units::Write, numbers[1])].map(|(what, units)| (key(index, what), units.unwrap_or_default()))
    };
    let table = of(None, member.table.provisioned_throughput());
    let indexes = member.table.global_secondary_indexes().iter();
    let indexes = indexes.flat_map(|index| of(index.index_name(), index.provisioned_throughput()));
    table.into_iter().chain(indexes).filter(|(_, units)| *units > 0).collect()
}

/// What AWS has scaled up between the limits: the least that the topology asks for, and what there is. Nothing where there is
/// no more than the least.
#[must_use]
pub fn scaled_up(table: &Table, of_region: &TableMember, units: &BTreeMap<String, i64>) -> Option<[BTreeMap<String, i64>; 2]> {
    let mut both = [BTreeMap::new(), BTreeMap::new()];
    for (Scaled { index, what }, limits) in scaled(table, of_region) {
        let key = key(index, what);
        let least = i64::from(limits.min);
        if let Some(units) = units.get(&key).filter(|units| **units > least && clamped(limits, **units) == **units) {
            both[1].insert(key.clone(), *units);
            both[0].insert(key, least);
        }
    }
    (!both[0].is_empty()).then_some(both)
}

/// Capacity units as they are sent.
pub(super) fn throughput(read: impl Into<i64>, write: impl Into<i64>) -> Result<ProvisionedThroughput, Fault> {
    ProvisionedThroughput::builder().read_capacity_units(read.into()).write_capacity_units(write.into()).build().map_err(bug)
}

/// What a table or an index begins with: the least.
pub(super) fn least(capacity: &Capacity) -> Result<ProvisionedThroughput, Fault> {
    throughput(capacity.read.min, capacity.write.min)
}

pub(super) fn of_index(name: &str, throughput: ProvisionedThroughput) -> Result<GlobalSecondaryIndexUpdate, Fault> {
    let update = UpdateGlobalSecondaryIndexAction::builder().index_name(name).provisioned_throughput(throughput).build().map_err(bug)?;
    Ok(GlobalSecondaryIndexUpdate::builder().update(update).build())
}

/// The names of the global indexes of a member that are not on their way out.
pub(super) fn index_names(member: &Member) -> impl Iterator<Item = &str> {
    let there = member.table.global_secondary_indexes().iter().filter(|index| index.index_status() != Some(&IndexStatus::Deleting));
    there.filter_map(|index| index.index_name())
}

/// What is sent to bring a member within its limits.
pub(super) struct Within {
    pub table: Option<ProvisionedThroughput>,
    pub indexes: Vec<GlobalSecondaryIndexUpdate>,
    /// The writes after it, of what changes them: all members share these.
    pub writes: BTreeMap<String, i64>,
}

/// Nothing when all of it is within its limits.
pub(super) fn within(member: &Member, capacity: &Capacity) -> Result<Option<Within>, Fault> {
    let now = units(member);
    let mut writes = BTreeMap::new();
    let mut change = |index: Option<&str>| -> Result<Option<ProvisionedThroughput>, Fault> {
        let [read, write] = Units::BOTH.map(|what| now.get(&key(index, what)).map(|units| (*units, clamped(what.of(capacity), *units))));
        let (Some((reads, wanted_reads)), Some((there, wanted_writes))) = (read, write) else { return Ok(None) };
        if there != wanted_writes {
            writes.insert(key(index, Units::Write), wanted_writes);
        }
        let is_outside = reads != wanted_reads || there != wanted_writes;
        is_outside.then(|| throughput(wanted_reads, wanted_writes)).transpose()
    };
    let table = change(None)?;
    let mut indexes = Vec::new();
    for name in index_names(member) {
        if let Some(throughput) = change(Some(name))? {
            indexes.push(of_index(name, throughput)?);
        }
    }
    Ok((table.is_some() || !indexes.is_empty()).then_some(Within { table, indexes, writes }))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::{GlobalSecondaryIndexDescription, TableDescription};

    use super::*;

    fn seen(read: i64, write: i64) -> ProvisionedThroughputDescription {
        ProvisionedThroughputDescription::builder().read_capacity_units(read).write_capacity_units(write).build()
    }

    fn member(table: (i64, i64), index: (i64, i64)) -> Member {
        let index = GlobalSecondaryIndexDescription::builder().index_name("by-a").provisioned_throughput(seen(index.0, index.1)).build();
        let table = TableDescription::builder().provisioned_throughput(seen(table.0, table.1)).global_secondary_indexes(index).build();
        Member { arn: String::new(), born: None, table }
    }

    const CAPACITY: Capacity = Capacity { read: Scaling { min: 5, max: 10, target: 70 }, write: Scaling { min: 2, max: 4, target: 70 } };

    #[test]
    fn between_the_limits_nothing_is_sent() {
        for (table, index) in [((5, 2), (10, 4)), ((7, 3), (5, 2))] {
            assert!(within(&member(table, index), &CAPACITY).unwrap().is_none());
        }
    }

    #[test]
    fn what_is_outside_goes_to_the_next_limit_and_the_rest_stays() {
        let sent = within(&member((20, 3), (7, 1)), &CAPACITY).unwrap().unwrap();
        assert_eq!(sent.table, Some(throughput(10, 3).unwrap()));
        assert_eq!(sent.indexes, [of_index("by-a", throughput(7, 2).unwrap()).unwrap()]);
        assert_eq!(sent.writes, [("by-a/write".to_owned(), 2)].into());
        let sent = within(&member((1, 3), (7, 3)), &CAPACITY).unwrap().unwrap();
        assert!(sent.indexes.is_empty() && sent.writes.is_empty());
    }

    #[test]
    fn what_shows_no_units_yet_is_left_alone() {
        assert!(within(&member((0, 0), (0, 0)), &CAPACITY).unwrap().is_none());
    }
}
