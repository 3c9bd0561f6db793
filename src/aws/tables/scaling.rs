//! What of a table AWS scales, and what has to be scaled before another member can be added.
use crate::{
    resource::{Addr, Doc, Facts, Region},
    topology::{Billing, Capacity, Scaling, Table, TableMember},
};

const TABLE: &str = "dynamodb.table";
const POLICY: &str = "applicationautoscaling.scaling_policy";

/// Reads or writes of a table or of one of its global indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaled<'a> {
    pub index: Option<&'a str>,
    pub what: Units,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    Read,
    Write,
}

impl Units {
    pub const BOTH: [Self; 2] = [Self::Read, Self::Write];

    /// `read`, `write`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// As it stands in the names of dimensions and metrics: `Read`, `Write`.
    #[must_use]
    pub fn in_aws(self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::Write => "Write",
        }
    }

    /// Between which limits a member has it.
    #[must_use]
    pub fn of(self, capacity: &Capacity) -> Scaling {
        match self {
            Self::Read => capacity.read,
            Self::Write => capacity.write,
        }
    }
}

impl Scaled<'_> {
    /// What its address is called, by the key of the table in the file: `table/Orders/write`, `index/Orders/by-customer/read`.
    #[must_use]
    pub fn name(&self, key: &str) -> String {
        match self.index {
            None => format!("table/{key}/{}", self.what.word()),
            Some(index) => format!("index/{key}/{index}/{}", self.what.word()),
        }
    }
}

/// Everything of a member that is scaled: nothing on demand.
pub fn scaled<'a>(table: &'a Table, member: &TableMember) -> Vec<(Scaled<'a>, Scaling)> {
    let Billing::Provisioned(capacity) = member.billing else { return Vec::new() };
    let both = |index: Option<&'a str>| Units::BOTH.map(|what| (Scaled { index, what }, what.of(&capacity)));
    std::iter::once(None).chain(global_indexes(table).map(Some)).flat_map(both).collect()
}

fn global_indexes(table: &Table) -> impl Iterator<Item = &str> {
    table.indexes.iter().filter(|(_, index)| !index.local).map(|(name, _)| name.as_str())
}

/// The policies of all writes of a member.
fn write_policies<'a>(key: &str, region: &Region, indexes: impl Iterator<Item = &'a str>) -> Vec<Addr> {
    let writes = std::iter::once(None).chain(indexes.map(Some)).map(|index| Scaled { index, what: Units::Write });
    writes.map(|scaled| Addr::regional(region, POLICY, &scaled.name(key))).collect()
}

/// What has to scale writes before a member can be added in `region`: all of them at the member that it is copied from, or AWS
/// refuses (field guide 3.2 item 3). Nothing for a member that is there, and nothing on demand.
///
/// Which one it is copied from is decided as in [`super::oldest`].
#[must_use]
pub fn scaled_first(key: &str, table: &Table, region: &Region, facts: &Facts) -> Vec<Addr> {
    let there = |region: &Region| facts.found.get(&Addr::regional(region, TABLE, key)).filter(|found| found.ours);
    if table.members.get(region).is_none_or(|member| member.billing == Billing::OnDemand) || there(region).is_some() {
        return Vec::new();
    }
    if let Some((_, source)) = table.members.keys().filter_map(|region| Some((there(region)?.born, region))).min() {
        return write_policies(key, source, global_indexes(table));
    }
    // The first in the file begins the table, the others are copied from it.
    let begun = table.members.keys().next().filter(|first| *first != region);
    let mut all = begun.map(|first| write_policies(key, first, global_indexes(table))).unwrap_or_default();
    // Or it is taken over from a region that the file does not give the table any more. What scales it there is not wanted, but
    // goes only afterwards.
    let elsewhere = facts.found.values().filter(|found| &*found.addr.kind == TABLE && &*found.addr.name == key && found.ours);
    let oldest =
        elsewhere.filter_map(|found| Some((found.born, found.addr.region()?, &found.spec))).min_by_key(|(born, at, _)| (*born, *at));
    if let Some((_, source, spec)) = oldest {
        let indexes = spec.get("indexes").and_then(Doc::as_object).into_iter().flat_map(|all| all.keys());
        all.extend(write_policies(key, source, indexes.map(String::as_str)));
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        resource::{Found, Life, Outputs},
        topology::load,
    };

    const FILE: &str = "version: 1\nstack: shop\nregions: { us-east-1: {}, eu-west-1: {} }\ntables:\n  Orders:\n    \
        partition_key: { name: id, type: string }\n    billing: { read: { min: 1, max: 2 }, write: { min: 1, max: 2 } }\n    \
        indexes: { by-a: { partition_key: { name: a, type: string } } }\n";

    /// What a member in `region` waits for, while the table has members in `there`, the oldest first.
    fn first(region: &str, there: &[&str]) -> Vec<String> {
        let (model, _) = load("t.yaml", FILE.as_bytes()).expect("a valid file");
        let mut facts = Facts::default();
        for (age, region) in there.iter().enumerate() {
            let addr = Addr::regional(&Region::new(region), TABLE, "Orders");
            let born = jiff::Timestamp::from_second(age.try_into().unwrap()).ok();
            let (spec, outputs) = (json!({ "indexes": { "by-old": {} } }), Outputs::default());
            let found = Found { addr: addr.clone(), id: "shop-Orders".into(), spec, outputs, life: Life::Ready, ours: true, born };
            facts.found.insert(addr, found);
        }
        let waits = scaled_first("Orders", &model.tables["Orders"], &Region::new(region), &facts);
        waits.iter().map(|addr| format!("{} {}", addr.scope, addr.name)).collect()
    }

    #[test]
    fn a_new_table_is_scaled_where_it_begins_before_it_is_copied() {
        assert_eq!(first("us-east-1", &[]), [""; 0]);
        assert_eq!(first("eu-west-1", &[]), ["us-east-1 table/Orders/write", "us-east-1 index/Orders/by-a/write"]);
    }

    #[test]
    fn a_member_joins_where_one_stays() {
        let at_europe = ["eu-west-1 table/Orders/write", "eu-west-1 index/Orders/by-a/write"];
        assert_eq!(first("us-east-1", &["us-west-2", "eu-west-1"]), at_europe);
        assert_eq!(first("eu-west-1", &["us-west-2", "eu-west-1"]), [""; 0]);
    }

    #[test]
    fn where_none_stays_the_oldest_is_needed_as_it_is() {
        let old = ["us-west-2 table/Orders/write", "us-west-2 index/Orders/by-old/write"];
        assert_eq!(first("us-east-1", &["us-west-2", "ca-central-1"]), old);
        let begun = ["us-east-1 table/Orders/write", "us-east-1 index/Orders/by-a/write"];
        assert_eq!(first("eu-west-1", &["us-west-2"]), [begun, old].concat());
    }
}
