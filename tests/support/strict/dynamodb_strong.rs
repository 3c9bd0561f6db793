//! Strongly consistent tables (field guide 3.3 and rule 49): the emulator makes their members, and knows nothing of the rest.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    World,
    call::{Call, Refusal},
    dynamodb::{describe, name, who},
    refuse,
};

/// By account and table: all regions, the witness among them.
pub type Tables = BTreeMap<(String, String), Strong>;

#[derive(Clone)]
pub struct Strong {
    regions: BTreeSet<String>,
    witness: Option<String>,
}

const SETS: [&[&str]; 3] = [
    &["us-east-1", "us-east-2", "us-west-2"],
    &["eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"],
    &["ap-northeast-1", "ap-northeast-2", "ap-northeast-3"],
];

fn regions_of(updates: &Value, verb: &str) -> BTreeSet<String> {
    let updates = updates.as_array().into_iter().flatten();
    updates.filter_map(|update| update[verb]["RegionName"].as_str().map(str::to_owned)).collect()
}

pub fn of(world: &World, call: &Call) -> Option<Strong> {
    world.memory().strong.get(&(call.account.clone(), name(call))).cloned()
}

/// Whether this update is about a strongly consistent table, and whether DynamoDB would take it.
pub fn judge(world: &World, call: &Call) -> Option<Result<(), Refusal>> {
    let invalid = |text: &str| Some(refuse("ValidationException", text));
    let (replicas, witnesses) = (&call.json["ReplicaUpdates"], &call.json["GlobalTableWitnessUpdates"]);
    let now = of(world, call);
    if call.json["MultiRegionConsistency"] == "STRONG" {
        let table = describe(world, call, &call.region);
        let allowed = ["TableName", "MultiRegionConsistency", "ReplicaUpdates", "GlobalTableWitnessUpdates"];
        if call.json.as_object().is_none_or(|fields| fields.keys().any(|field| !allowed.contains(&&**field))) {
            return invalid("Requests that modify replicas or witnesses must not also modify other fields");
        }
        if now.is_some() || table["Replicas"].as_array().is_some_and(|replicas| !replicas.is_empty()) {
            return invalid("MultiRegionConsistency parameter is unsupported on existing global table");
        }
        let (created, witness) = (regions_of(replicas, "Create"), regions_of(witnesses, "Create"));
        let all: BTreeSet<&str> = created.iter().chain(&witness).map(String::as_str).chain([&*call.region]).collect();
        if all.len() != 3 || created.len() + witness.len() != 2 || created.is_empty() {
            return invalid("Unsupported replica count for global tables with MultiRegionConsistency set to STRONG.");
        }
        if !SETS.iter().any(|set| all.iter().all(|region| set.contains(region))) {
            return invalid("Unsupported Region(s) specified for global tables with MultiRegionConsistency set to STRONG.");
        }
        let ttl = world.forward(&call.ask_dynamodb("DescribeTimeToLive", &call.region, &json!({ "TableName": name(call) }))).json();
        let is_empty = table["ItemCount"].as_u64().unwrap_or_default() == 0;
        if !is_empty || ttl["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED" || table.get("LocalSecondaryIndexes").is_some() {
            return invalid("MultiRegionConsistency can only be set on an empty table without TTL and local secondary indexes");
        }
        if table["StreamSpecification"]["StreamEnabled"] != true {
            world.memory().without_stream.insert((call.account.clone(), name(call)));
        }
        return Some(Ok(()));
    }
    if witnesses.is_array() && now.is_none() {
        return invalid("MultiRegionConsistency must be set as STRONG when GlobalTableWitnessUpdates parameter is present.");
    }
    let now = now?;
    if !replicas.is_array() {
        return None;
    }
    if !regions_of(replicas, "Create").is_empty() {
        return invalid("Cannot add replicas to a global table with strong MultiRegionConsistency");
    }
    let others: BTreeSet<String> =
        now.regions.iter().filter(|region| **region != call.region && Some(*region) != now.witness.as_ref()).cloned().collect();
    if regions_of(replicas, "Delete") != others {
        return invalid("Deletion of only one table replica is not supported for global tables with MultiRegionConsistency set to STRONG.");
    }
    if regions_of(witnesses, "Delete") != now.witness.iter().cloned().collect() {
        return invalid("Update table delete operation does not include all witnesses.");
    }
    for region in others {
        if describe(world, call, &region)["DeletionProtectionEnabled"] == true {
            return invalid("Cannot delete table because it has deletion protection enabled");
        }
        // The emulator removes at once; what is removed is shown for a while.
        let last = describe(world, call, &region);
        world.memory().tables.remember(who(call, &region), last);
    }
    Some(Ok(()))
}

/// Follows an update that was taken.
pub fn follow(world: &World, call: &Call) {
    let key = (call.account.clone(), name(call));
    if call.json["MultiRegionConsistency"] == "STRONG" {
        let witness = regions_of(&call.json["GlobalTableWitnessUpdates"], "Create").into_iter().next();
        let created = regions_of(&call.json["ReplicaUpdates"], "Create");
        // 3.3.7: no stream is turned on; the emulator takes the members for those of an eventually consistent table.
        if world.memory().without_stream.remove(&key) {
            let off = json!({ "TableName": name(call), "StreamSpecification": { "StreamEnabled": false } });
            for region in created.iter().chain([&call.region]) {
                world.forward(&call.ask_dynamodb("UpdateTable", region, &off));
            }
        }
        let regions = created.into_iter().chain(witness.clone()).chain([call.region.clone()]).collect();
        world.memory().strong.insert(key, Strong { regions, witness });
    } else if world.memory().strong.contains_key(&key) && call.json["ReplicaUpdates"].is_array() {
        let gone = regions_of(&call.json["ReplicaUpdates"], "Delete");
        let mut memory = world.memory();
        for region in gone {
            memory.slow.begin(who(call, &region), "DELETING");
        }
        memory.strong.remove(&key);
    }
}

/// What DynamoDB shows of a strongly consistent table and the emulator does not.
pub fn show(world: &World, call: &Call, table: &mut Value) {
    let Some(strong) = of(world, call) else { return };
    table["MultiRegionConsistency"] = json!("STRONG");
    if let Some(witness) = strong.witness {
        table["GlobalTableWitnesses"] = json!([{ "RegionName": witness, "WitnessStatus": "ACTIVE" }]);
    }
}
