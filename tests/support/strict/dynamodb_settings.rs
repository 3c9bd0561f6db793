//! Settings of DynamoDB tables: what is refused, and how they reach the other members of a global table.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    World,
    call::{Call, Refusal},
    dynamodb::{describe, members, name, who},
    dynamodb_capacity as capacity, dynamodb_indexes as indexes, refuse,
    slow::{POLLS, Who},
};

type Verdict = Result<(), Refusal>;

/// What the emulator does not know of settings.
#[derive(Default)]
pub struct Settings {
    /// When TTL was last changed, by account and table.
    ttl: BTreeMap<(String, String), Timestamp>,
    /// When the class was changed, by account and table.
    classes: BTreeMap<(String, String), Vec<Timestamp>>,
    /// Calls of DescribeTimeToLive, by account and region.
    looks: BTreeMap<(String, String), Vec<Instant>>,
    /// Changes that are on their way to a member, and after how many polls they arrive.
    on_their_way: BTreeMap<Who, Vec<(Value, u8)>>,
}

/// What all members of a global table share (3.2.7), with what goes along in the same call.
const SHARED: [&str; 6] =
    ["AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexUpdates", "ProvisionedThroughput", "SSESpecification", "TableClass"];

/// Whether DynamoDB would take this change of TTL, or this look at it.
pub fn judge_ttl(world: &World, call: &Call) -> Verdict {
    if call.operation == "DescribeTimeToLive" {
        // Constraints in DynamoDB: ten a second.
        let mut memory = world.memory();
        let looks = memory.settings.looks.entry((call.account.clone(), call.region.clone())).or_default();
        looks.retain(|at| at.elapsed() < Duration::from_secs(1));
        if looks.len() >= 10 {
            return refuse("ThrottlingException", "Rate exceeded");
        }
        looks.push(Instant::now());
        return Ok(());
    }
    // 3.1.9: once an hour.
    let now = world.now(&call.account);
    let last = world.memory().settings.ttl.get(&(call.account.clone(), name(call))).copied();
    if last.is_some_and(|last| now.duration_since(last) < SignedDuration::from_hours(1)) {
        return refuse("ValidationException", "Time to live has been modified multiple times within a fixed interval");
    }
    Ok(())
}

/// Whether DynamoDB would take this UpdateTable as far as class and keys go.
pub fn judge(world: &World, call: &Call) -> Verdict {
    let now = world.now(&call.account);
    if call.json.get("TableClass").is_some() {
        // 3.1.8: twice in 30 days.
        let month = SignedDuration::from_hours(30 * 24);
        let memory = world.memory();
        let changes = memory.settings.classes.get(&(call.account.clone(), name(call)));
        if changes.is_some_and(|changes| changes.iter().filter(|at| now.duration_since(**at) < month).count() >= 2) {
            let text = "Subscriber limit exceeded: Updates to TableClass are limited to 2 times in 30 day(s)";
            return refuse("LimitExceededException", text);
        }
    }
    key_is_of(&call.json["SSESpecification"]["KMSMasterKeyId"], &call.region)?;
    let create = &call.json["ReplicaUpdates"][0]["Create"];
    let Some(region) = create["RegionName"].as_str() else { return Ok(()) };
    // 40: keys of one's own in every region or in none.
    let base_has_key = is_customers(&describe(world, call, &call.region));
    match (base_has_key, create["KMSMasterKeyId"].is_string()) {
        (true, false) => refuse("ValidationException", "KMSMasterKeyId must be specified for each replica."),
        (false, true) => refuse("ValidationException", "All replica keys must either be Customer Managed CMK or AWS Managed CMK."),
        _ => key_is_of(&create["KMSMasterKeyId"], region),
    }
}

fn is_customers(table: &Value) -> bool {
    let described = &table["SSEDescription"];
    let arn = described["KMSMasterKeyArn"].as_str().unwrap_or_default();
    described["Status"] == "ENABLED" && !arn.is_empty() && !arn.ends_with(":alias/aws/dynamodb")
}

fn key_is_of(key: &Value, region: &str) -> Verdict {
    match key.as_str() {
        Some(arn) if !arn.starts_with(&format!("arn:aws:kms:{region}:")) => {
            refuse("ValidationException", format!("KMS validation error: Invalid arn {region}"))
        }
        _ => Ok(()),
    }
}

/// A new table of that name has no past.
pub fn forget(world: &World, call: &Call) {
    let mut memory = world.memory();
    let key = (call.account.clone(), name(call));
    memory.settings.ttl.remove(&key);
    memory.settings.classes.remove(&key);
}

pub fn note_ttl(world: &World, call: &Call) {
    let now = world.now(&call.account);
    world.memory().settings.ttl.insert((call.account.clone(), name(call)), now);
}

/// Follows a change that was taken: it is counted, and goes on its way to the other members.
pub fn follow(world: &World, call: &Call) {
    if call.json.get("TableClass").is_some() {
        let now = world.now(&call.account);
        world.memory().settings.classes.entry((call.account.clone(), name(call))).or_default().push(now);
    }
    for (region, key) in added_with_key(call) {
        // The emulator gives the replica the key of its source.
        let change = json!({ "TableName": name(call), "SSESpecification": { "Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": key } });
        world.forward(&call.ask_dynamodb("UpdateTable", &region, &change));
    }
    let mut shared: Value = SHARED.iter().filter_map(|field| Some(((*field).to_owned(), call.json.get(*field)?.clone()))).collect();
    // A key belongs to one region; only the kind of encryption is shared.
    if shared["SSESpecification"].get("KMSMasterKeyId").is_some() {
        shared["SSESpecification"].take();
    }
    let Some(fields) = shared.as_object_mut() else { return };
    fields.retain(|_, value| !value.is_null());
    if fields.is_empty() {
        return;
    }
    fields.insert("TableName".to_owned(), name(call).into());
    let others: Vec<String> = members(world, call, &call.region).into_iter().filter(|region| *region != call.region).collect();
    let mut memory = world.memory();
    for region in others {
        memory.settings.on_their_way.entry(who(call, &region)).or_default().push((shared.clone(), POLLS));
    }
}

fn added_with_key(call: &Call) -> Vec<(String, String)> {
    let updates = call.json["ReplicaUpdates"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let with_key = updates.iter().map(|update| &update["Create"]);
    with_key.filter_map(|create| Some((text(&create["RegionName"])?, text(&create["KMSMasterKeyId"])?))).collect()
}

/// A look at a member is time going by: what was on its way arrives there.
pub fn arrive(world: &World, call: &Call) {
    let me = who(call, &call.region);
    let mut arrived = Vec::new();
    {
        let mut memory = world.memory();
        let Some(changes) = memory.settings.on_their_way.get_mut(&me) else { return };
        for (change, left) in &mut *changes {
            *left = left.saturating_sub(1);
            if *left == 0 {
                arrived.push(change.clone());
            }
        }
        changes.retain(|(_, left)| *left > 0);
    }
    for change in arrived {
        let Some(change) = capacity::arriving(&describe(world, call, &call.region), change) else { continue };
        indexes::remember(world, call, &call.region, &change);
        let ask = call.ask_dynamodb("UpdateTable", &call.region, &change);
        let answer = world.forward(&ask);
        assert!(answer.is_success(), "a change was made twice: {change}: {}", answer.text());
        indexes::begin(world, &me, &change);
        world.memory().slow.begin(me.clone(), "UPDATING");
    }
}
