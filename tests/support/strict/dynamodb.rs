//! What DynamoDB refuses and the emulator allows, and the states it goes through. Numbers are the rules of the field guide's
//! section 16; the rest names its section.
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    World,
    call::{Answer, Call, Refusal},
    dynamodb_capacity as capacity, dynamodb_indexes as indexes, dynamodb_settings as settings, dynamodb_strong as strong, refuse,
    slow::Who,
};

type Verdict = Result<(), Refusal>;

/// What the emulator does not know of tables.
#[derive(Default)]
pub struct Tables {
    /// When each member was made; the emulator keeps seconds.
    born: BTreeMap<Who, Timestamp>,
    /// Members that others were added at: the source, the member added, and when.
    sourced: Vec<(Who, String, Timestamp)>,
    /// How a table that is being deleted was described last.
    leaving: BTreeMap<Who, Value>,
    /// Tables whose backups are still being enabled.
    backups: BTreeMap<Who, ()>,
    /// Tables whose tags were written a moment ago.
    tags: BTreeMap<Who, ()>,
}

impl Tables {
    /// Keeps how a table was described last, for the while in which it is being deleted.
    pub fn remember(&mut self, who: Who, last: Value) {
        self.leaving.insert(who, last);
    }
}

/// What `UpdateTable` may change, one a call (3.1.9).
const CHANGES: [&str; 9] = [
    "BillingMode",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexUpdates",
    "MultiRegionConsistency",
    "OnDemandThroughput",
    "ProvisionedThroughput",
    "SSESpecification",
    "StreamSpecification",
    "TableClass",
];
const DAY: SignedDuration = SignedDuration::from_hours(24);

pub fn name(call: &Call) -> String {
    let text = call.json["TableName"].as_str().or_else(|| call.json["ResourceArn"].as_str()).unwrap_or_default();
    text.rsplit('/').next().unwrap_or_default().to_owned()
}

pub fn who(call: &Call, region: &str) -> Who {
    (call.account.clone(), region.to_owned(), name(call))
}

fn busy(name: &str) -> Verdict {
    refuse("ResourceInUseException", format!("Attempt to change a resource which is still in use: Table is being updated: {name}"))
}

fn missing(name: &str) -> Verdict {
    refuse("ResourceNotFoundException", format!("Requested resource not found: Table: {name} not found"))
}

/// Whether DynamoDB would take this request.
pub fn judge(world: &World, call: &Call) -> Verdict {
    let (me, name) = (who(call, &call.region), name(call));
    // Every look and every refused try is time going by.
    if call.operation == "DescribeTable" {
        settings::arrive(world, call);
    }
    let state = if call.operation == "DescribeTable" { world.memory().slow.peek(&me) } else { None };
    match &*call.operation {
        "DescribeTable" if state == Some("HIDDEN") => {
            world.memory().slow.poll(&me);
            if world.memory().slow.peek(&me).is_none() {
                // Seconds when the table is empty, ten minutes with a single item in it (3.2.4).
                let mut memory = world.memory();
                let polls = memory.polls(&call.account, "UpdateTable");
                memory.slow.begin_for(me, "CREATING", polls);
            }
            missing(&name)
        }
        "CreateTable" => match world.memory().slow.poll(&me) {
            Some("DELETING") => busy(&name),
            _ => capacity::judge_create(call),
        },
        // 41: outside ACTIVE.
        "UpdateTable" | "DeleteTable" if world.memory().slow.poll(&me).is_some() => busy(&name),
        // 3.1.9: while an index is being made or removed.
        "DeleteTable" if indexes::is_busy(world, &me) => busy(&name),
        // 3.1.6: within two seconds of a tag write.
        "DeleteTable" if world.memory().tables.tags.remove(&me).is_some() => busy(&name),
        "UpdateTable" => {
            indexes::judge(world, call)?;
            update(world, call)?;
            indexes::remember(world, call, &call.region, &call.json);
            Ok(())
        }
        // 49: not one member alone.
        "DeleteTable" if strong::of(world, call).is_some() => {
            let text = "Deletion of only one table replica is not supported for global tables with MultiRegionConsistency set to STRONG.";
            refuse("ValidationException", text)
        }
        "DeleteTable" => is_no_source(world, call, &call.region),
        // 41: "Backups are being enabled".
        "UpdateContinuousBackups" if world.memory().tables.backups.remove(&me).is_some() => {
            refuse("ContinuousBackupsUnavailableException", "Backups are being enabled for the table. Please retry later")
        }
        // 3.1.5: while CREATING there is nothing to ask.
        "DescribeContinuousBackups" | "UpdateContinuousBackups" if is_new(world, &me) => {
            refuse("TableNotFoundException", format!("Table not found: {name}"))
        }
        "ListTagsOfResource" if is_new(world, &me) || describe(world, call, &call.region).is_null() => missing(&name),
        // 3.1.8: the table's tags are locked for a moment after each write.
        "TagResource" | "UntagResource" if world.memory().tables.tags.remove(&me).is_some() => {
            refuse("LimitExceededException", format!("Table tags are being updated: {name}"))
        }
        // 3.1.5: as above, in the words of another service team.
        "DescribeTimeToLive" | "UpdateTimeToLive" if is_new(world, &me) => missing(&name),
        "DescribeTimeToLive" | "UpdateTimeToLive" => settings::judge_ttl(world, call),
        _ => Ok(()),
    }
}

fn is_new(world: &World, me: &Who) -> bool {
    matches!(world.memory().slow.peek(me), Some("CREATING" | "HIDDEN"))
}

fn update(world: &World, call: &Call) -> Verdict {
    capacity::judge_update(world, call)?;
    if let Some(verdict) = strong::judge(world, call) {
        return verdict;
    }
    settings::judge(world, call)?;
    let replicas = call.json["ReplicaUpdates"].as_array().cloned().unwrap_or_default();
    let changes = CHANGES.iter().filter(|field| call.json.get(**field).is_some()).count();
    let changes = changes - capacity::together(&call.json).saturating_sub(1);
    if replicas.is_empty() {
        return if changes > 1 {
            refuse("ValidationException", "One or more parameter values were invalid: only one change at a time is allowed")
        } else {
            stream(world, call)
        };
    }
    // 2: alone in the call.
    if changes > 0 {
        return refuse("ValidationException", "Replica modification must be the only operation in the request");
    }
    // 1: one a call.
    if replicas.len() > 1 {
        let text = "Update table operation with more than one create or delete replica actions not allowed";
        return refuse("ValidationException", text);
    }
    // 1: while another is in flight.
    let name = name(call);
    let others = members(world, call, &call.region);
    if others.iter().any(|region| world.memory().slow.poll(&who(call, region)).is_some()) {
        return busy(&name);
    }
    let create = replicas[0]["Create"]["RegionName"].as_str();
    if let Some(region) = create
        && world.memory().slow.poll(&who(call, region)).is_some()
    {
        let text = format!("Failed to create a the new replica of table with name: '{name}' because one or more replicas already existed");
        return refuse("ValidationException", format!("{text} as tables."));
    }
    let Some(region) = replicas[0]["Delete"]["RegionName"].as_str() else { return Ok(()) };
    // 3.2.6: protected in its own region.
    if describe(world, call, region)["DeletionProtectionEnabled"] == true {
        let text = format!("Cannot delete table {name} in region {region} because it has deletion protection enabled");
        return refuse("ValidationException", text);
    }
    is_no_source(world, call, region)
}

/// 3.1.9 and 3.2.3: a stream is not turned on twice, nor off while others copy from it.
fn stream(world: &World, call: &Call) -> Verdict {
    let Some(on) = call.json["StreamSpecification"]["StreamEnabled"].as_bool() else { return Ok(()) };
    let now = describe(world, call, &call.region);
    let is_on = now["StreamSpecification"]["StreamEnabled"] == true;
    if on && is_on {
        return refuse("ValidationException", "Table already has an enabled stream");
    }
    if !on && members(world, call, &call.region).len() > 1 && strong::of(world, call).is_none() {
        return refuse("ValidationException", "Disabling Stream is not allowed for a Global Table replica.");
    }
    Ok(())
}

/// 38: a member that sourced another one stays for a day, or until that one is gone.
fn is_no_source(world: &World, call: &Call, region: &str) -> Verdict {
    let (me, now) = (who(call, region), world.now(&call.account));
    let there = members(world, call, region);
    let memory = world.memory();
    let is_held = memory.tables.sourced.iter().any(|(source, added, at)| {
        let gone = !there.contains(added) && memory.slow.peek(&(me.0.clone(), added.clone(), me.2.clone())).is_none();
        *source == me && !gone && now.duration_since(*at) < DAY
    });
    if is_held {
        let text = "Replica cannot be deleted because it has acted as a source region for new replica(s) being added to the table in the";
        return refuse("ValidationException", format!("{text} last 24 hours."));
    }
    Ok(())
}

/// The table as the emulator has it in a region; null when it has none.
pub fn describe(world: &World, call: &Call, region: &str) -> Value {
    let ask = call.ask_dynamodb("DescribeTable", region, &json!({ "TableName": name(call) }));
    world.forward(&ask).json()["Table"].clone()
}

/// The regions of a global table, as the emulator has them.
pub fn members(world: &World, call: &Call, region: &str) -> Vec<String> {
    let table = describe(world, call, region);
    let replicas = table["Replicas"].as_array().cloned().unwrap_or_default();
    let mut regions: Vec<String> = replicas.iter().filter_map(|replica| replica["RegionName"].as_str().map(str::to_owned)).collect();
    if !table.is_null() && !regions.iter().any(|known| known == region) {
        regions.push(region.to_owned());
    }
    regions
}

/// Holds new states back, and begins those that a successful call starts.
pub fn colour(world: &World, call: &Call, answer: Answer) -> Answer {
    let me = who(call, &call.region);
    if call.operation == "DescribeTable" {
        return described(world, call, answer);
    }
    if !answer.is_success() {
        return answer;
    }
    let now = world.now(&call.account);
    match &*call.operation {
        "CreateTable" => {
            settings::forget(world, call);
            let mut memory = world.memory();
            memory.tables.born.insert(me.clone(), now);
            memory.tables.backups.insert(me.clone(), ());
            memory.slow.begin(me, "CREATING");
        }
        "DeleteTable" => {
            let last = answer.json()["TableDescription"].clone();
            let mut memory = world.memory();
            memory.tables.sourced.retain(|(source, ..)| *source != me);
            memory.tables.leaving.insert(me.clone(), last);
            memory.slow.begin(me, "DELETING");
        }
        "UpdateTable" => {
            // A replica is not in its region at first, and then for a while being made.
            let updates = call.json["ReplicaUpdates"].as_array().cloned().unwrap_or_default();
            for region in updates.iter().filter_map(|update| update["Create"]["RegionName"].as_str()) {
                let mut memory = world.memory();
                let added = who(call, region);
                memory.tables.born.insert(added.clone(), now);
                memory.tables.backups.insert(added.clone(), ());
                memory.tables.sourced.push((me.clone(), region.to_owned(), now));
                memory.slow.begin(added, "HIDDEN");
            }
            strong::follow(world, call);
            settings::follow(world, call);
            capacity::follow(world, call);
            indexes::begin(world, &me, &call.json);
            world.memory().slow.begin(me, "UPDATING");
        }
        "UpdateTimeToLive" => settings::note_ttl(world, call),
        "TagResource" | "UntagResource" => {
            world.memory().tables.tags.insert(me, ());
        }
        _ => {}
    }
    answer
}

fn described(world: &World, call: &Call, mut answer: Answer) -> Answer {
    let me = who(call, &call.region);
    let word = world.memory().slow.poll(&me);
    let mut memory = world.memory();
    memory.tables.tags.remove(&me);
    let mut table = answer.json()["Table"].clone();
    if !answer.is_success() {
        // Gone in the emulator, still going at AWS.
        let Some(last) = memory.tables.leaving.get(&me).filter(|_| word == Some("DELETING")).cloned() else {
            memory.tables.leaving.remove(&me);
            return answer;
        };
        table = last;
        answer.status = 200;
    }
    if let Some(word) = word {
        table["TableStatus"] = json!(word);
    }
    if let Some(born) = memory.tables.born.get(&me) {
        let millis = i32::try_from(born.as_millisecond() % 1000).unwrap_or_default();
        table["CreationDateTime"] = json!(born.as_second() as f64 + f64::from(millis) / 1000.0);
    }
    // 3.2.6: a replica that is being removed is listed until it is gone.
    let leaving = memory.tables.leaving.keys().filter(|other| other.0 == me.0 && other.2 == me.2 && other.1 != me.1);
    let leaving = leaving.filter(|other| memory.slow.peek(other) == Some("DELETING"));
    let leaving: Vec<Value> = leaving.map(|other| json!({ "RegionName": other.1, "ReplicaStatus": "DELETING" })).collect();
    if !leaving.is_empty() && table["TableStatus"] != "DELETING" {
        let mut replicas = table["Replicas"].as_array().cloned().unwrap_or_default();
        replicas.extend(leaving);
        table["Replicas"] = replicas.into();
    }
    if let Some(replicas) = table["Replicas"].as_array_mut() {
        // 3.2.1: never the region that is asked.
        replicas.retain(|replica| replica["RegionName"] != call.region.as_str());
        for replica in &mut *replicas {
            let region = replica["RegionName"].as_str().unwrap_or_default().to_owned();
            match memory.slow.peek(&(me.0.clone(), region, me.2.clone())) {
                Some("HIDDEN" | "CREATING") => replica["ReplicaStatus"] = json!("CREATING"),
                Some(word) => replica["ReplicaStatus"] = json!(word),
                None => {}
            }
        }
    }
    drop(memory);
    strong::show(world, call, &mut table);
    indexes::describe_states(world, &me, &mut table);
    answer.body = json!({ "Table": table }).to_string().into_bytes();
    answer
}
