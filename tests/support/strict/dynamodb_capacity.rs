//! Capacity of DynamoDB tables: what is refused (field guide 3.1 items 3 and 9, rule 39), and what reaches the other members.
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    World,
    call::{Call, Refusal},
    dynamodb::{describe, name},
    refuse, scaling,
};

type Verdict = Result<(), Refusal>;

/// When a table was switched to on demand, by account and name.
pub type Switches = BTreeMap<(String, String), Vec<Timestamp>>;

const THROUGHPUT: &str = "ProvisionedThroughput";

fn is_on_demand(table: &Value) -> bool {
    table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
}

fn items<'a>(body: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    body[field].as_array().into_iter().flatten()
}

fn invalid(text: &str) -> Verdict {
    refuse("ValidationException", format!("One or more parameter values were invalid: {text}"))
}

/// 3.1.3: a provisioned table has throughput, and so has each of its indexes; one on demand has none.
pub fn judge_create(call: &Call) -> Verdict {
    let given: Vec<bool> = std::iter::once(&call.json)
        .chain(items(&call.json, "GlobalSecondaryIndexes"))
        .map(|one| one[THROUGHPUT]["ReadCapacityUnits"].is_i64() && one[THROUGHPUT]["WriteCapacityUnits"].is_i64())
        .collect();
    if call.json["BillingMode"] == "PAY_PER_REQUEST" {
        return if given.contains(&true) {
            invalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
        } else {
            Ok(())
        };
    }
    if given.contains(&false) {
        invalid("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
    } else {
        Ok(())
    }
}

/// The same for a change, and what a change may not be.
pub fn judge_update(world: &World, call: &Call) -> Verdict {
    let (body, now) = (&call.json, describe(world, call, &call.region));
    if items(body, "ReplicaUpdates").any(|update| update.get("Create").is_some()) {
        return replica(world, call, &now);
    }
    let mode = body["BillingMode"].as_str();
    let becomes_on_demand = mode.map_or(is_on_demand(&now), |mode| mode == "PAY_PER_REQUEST");
    let updates: Vec<(&str, &Value)> = items(body, "GlobalSecondaryIndexUpdates")
        .flat_map(|update| ["Create", "Update"].map(|verb| (verb, &update[verb])))
        .filter(|(_, index)| !index.is_null())
        .collect();
    let given = body.get(THROUGHPUT).is_some() || updates.iter().any(|(_, index)| index.get(THROUGHPUT).is_some());
    if becomes_on_demand && given {
        return invalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST");
    }
    if !becomes_on_demand && updates.iter().any(|(_, index)| index.get(THROUGHPUT).is_none()) {
        return invalid("ReadCapacityUnits and WriteCapacityUnits must both be specified for each index");
    }
    match mode {
        Some("PAY_PER_REQUEST") if is_on_demand(&now) => invalid("The table is on demand already"),
        Some("PAY_PER_REQUEST") => {
            // 3.1.9: four times a day.
            let day = SignedDuration::from_hours(24);
            let at = world.now(&call.account);
            let memory = world.memory();
            let switches = memory.switches.get(&(call.account.clone(), name(call)));
            if switches.is_some_and(|all| all.iter().filter(|then| at.duration_since(**then) < day).count() >= 4) {
                let text = "Subscriber limit exceeded: Update to PayPerRequest mode are limited to 4 times in 1 day(s)";
                return refuse("LimitExceededException", text);
            }
            Ok(())
        }
        Some(_) => {
            let named: Vec<&Value> = updates.iter().map(|(_, index)| &index["IndexName"]).collect();
            let all = items(&now, "GlobalSecondaryIndexes").all(|index| named.contains(&&index["IndexName"]));
            if body.get(THROUGHPUT).is_none() || !all {
                invalid("ProvisionedThroughput must be specified for the table and each index")
            } else {
                Ok(())
            }
        }
        None => changes(&now, body),
    }
}

/// 3.1.9: equal throughput is no change.
fn changes(now: &Value, body: &Value) -> Verdict {
    let same = |there: &Value, asked: &Value| {
        !asked.is_null() && ["ReadCapacityUnits", "WriteCapacityUnits"].iter().all(|field| there[*field] == asked[*field])
    };
    let of_index = |update: &Value| {
        let there = items(now, "GlobalSecondaryIndexes").find(|index| index["IndexName"] == update["Update"]["IndexName"]);
        there.is_some_and(|there| same(&there[THROUGHPUT], &update["Update"][THROUGHPUT]))
    };
    if same(&now[THROUGHPUT], &body[THROUGHPUT]) || items(body, "GlobalSecondaryIndexUpdates").any(of_index) {
        return refuse("ValidationException", "The provisioned throughput will not change. The requested value equals the current value.");
    }
    Ok(())
}

/// 39: writes of the table and of every index are scaled where the replica is copied from.
fn replica(world: &World, call: &Call, now: &Value) -> Verdict {
    let (region, table) = (&call.region, name(call));
    if is_on_demand(now) {
        return Ok(());
    }
    if !scaling::scales_writes(world, call, region, &table, None) {
        return refuse("ValidationException", "Table write capacity should either be Pay-Per-Request or AutoScaled.");
    }
    let is_scaled = |index: &Value| scaling::scales_writes(world, call, region, &table, index["IndexName"].as_str());
    if !items(now, "GlobalSecondaryIndexes").all(is_scaled) {
        return refuse("ValidationException", "GSI write capacity should either be Pay-Per-Request or AutoScaled.");
    }
    Ok(())
}

/// How many of the changes of a call are one: mode, throughput and that of indexes go together.
pub fn together(body: &Value) -> usize {
    let of_indexes = items(body, "GlobalSecondaryIndexUpdates").all(|update| update.get("Update").is_some());
    let fields = ["BillingMode", THROUGHPUT].iter().filter(|field| body.get(**field).is_some()).count();
    fields + usize::from(body.get("GlobalSecondaryIndexUpdates").is_some() && of_indexes)
}

/// Follows a change that was taken.
pub fn follow(world: &World, call: &Call) {
    if call.json["BillingMode"] == "PAY_PER_REQUEST" {
        let at = world.now(&call.account);
        world.memory().switches.entry((call.account.clone(), name(call))).or_default().push(at);
    }
    for region in items(&call.json, "ReplicaUpdates").filter_map(|update| update["Create"]["RegionName"].as_str()) {
        scaling::copy(world, call, &name(call), region);
    }
}

/// A change as it reaches another member: reads are each member's own (3.2.7), but for those with which provisioning begins.
/// Nothing when that leaves nothing to change.
pub fn arriving(there: &Value, mut change: Value) -> Option<Value> {
    if change.get("BillingMode").is_some() {
        return Some(change);
    }
    let own = |there: &Value, asked: &mut Value| {
        asked["ReadCapacityUnits"] = there["ReadCapacityUnits"].clone();
        there["WriteCapacityUnits"] == asked["WriteCapacityUnits"]
    };
    let fields = change.as_object_mut()?;
    if fields.get_mut(THROUGHPUT).is_some_and(|asked| own(&there[THROUGHPUT], asked)) {
        fields.remove(THROUGHPUT);
    }
    if let Some(updates) = fields.get_mut("GlobalSecondaryIndexUpdates").and_then(Value::as_array_mut) {
        updates.retain_mut(|update| {
            let index = items(there, "GlobalSecondaryIndexes").find(|index| index["IndexName"] == update["Update"]["IndexName"]);
            let Some(index) = index.filter(|_| update.get("Update").is_some()) else { return true };
            !own(&index[THROUGHPUT], &mut update["Update"][THROUGHPUT])
        });
        if updates.is_empty() {
            fields.remove("GlobalSecondaryIndexUpdates");
        }
    }
    let left = fields.keys().any(|field| field != "TableName");
    left.then(|| json!(fields))
}
