//! Global secondary indexes: one at a time, and each takes its time.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    World,
    call::{Call, Refusal},
    dynamodb::{describe, who},
    refuse,
    slow::Who,
};

/// Indexes that are being removed, as they were described last; by account, region and `TABLE/index/NAME`.
pub type Leaving = BTreeMap<Who, Value>;

fn index_of(me: &Who, index: &str) -> Who {
    (me.0.clone(), me.1.clone(), format!("{}/index/{index}", me.2))
}

fn updates(body: &Value) -> Vec<(String, String)> {
    let updates = body["GlobalSecondaryIndexUpdates"].as_array().cloned().unwrap_or_default();
    let named = updates.iter().flat_map(|update| ["Create", "Delete", "Update"].map(|verb| (verb, update[verb]["IndexName"].as_str())));
    let named: Vec<(&str, Option<&str>)> = named.collect();
    named.into_iter().filter_map(|(verb, name)| Some((verb.to_owned(), name?.to_owned()))).collect()
}

/// Whether an index of this member is being made or removed.
pub fn is_busy(world: &World, me: &Who) -> bool {
    let prefix = format!("{}/index/", me.2);
    world.memory().slow.any(|who| who.0 == me.0 && who.1 == me.1 && who.2.starts_with(&prefix))
}

/// Whether DynamoDB would take these changes of indexes.
pub fn judge(world: &World, call: &Call) -> Result<(), Refusal> {
    let changes: Vec<_> = updates(&call.json).into_iter().filter(|(verb, _)| verb != "Update").collect();
    if changes.is_empty() {
        return Ok(());
    }
    // 41: one at a time.
    if changes.len() > 1 || is_busy(world, &who(call, &call.region)) {
        let text = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table";
        return refuse("LimitExceededException", text);
    }
    // 3.1.3: exactly the attributes that some key uses.
    let defined: BTreeSet<&str> = names(&call.json["AttributeDefinitions"]);
    let table = describe(world, call, &call.region);
    let indexes = ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"].map(|field| table[field].as_array().cloned().unwrap_or_default());
    let created = &call.json["GlobalSecondaryIndexUpdates"][0]["Create"];
    let schemas = indexes.iter().flatten().map(|index| &index["KeySchema"]).chain([&table["KeySchema"], &created["KeySchema"]]);
    let used: BTreeSet<&str> = schemas.flat_map(names).collect();
    if !created.is_null() && defined != used {
        let text = "One or more parameter values were invalid: Some AttributeDefinitions are not used or missing";
        return refuse("ValidationException", format!("{text}: {defined:?}, {used:?}"));
    }
    Ok(())
}

fn names(attributes: &Value) -> BTreeSet<&str> {
    attributes.as_array().into_iter().flatten().filter_map(|attribute| attribute["AttributeName"].as_str()).collect()
}

/// Before a change reaches the emulator, which removes at once: what is removed is remembered.
pub fn remember(world: &World, call: &Call, region: &str, body: &Value) {
    for (_, name) in updates(body).into_iter().filter(|(verb, _)| verb == "Delete") {
        let table = describe(world, call, region);
        let index =
            table["GlobalSecondaryIndexes"].as_array().and_then(|all| all.iter().find(|index| index["IndexName"] == *name).cloned());
        if let Some(index) = index {
            world.memory().leaving_indexes.insert(index_of(&who(call, region), &name), index);
        }
    }
}

/// After a change was taken in a region: it begins to take its time.
pub fn begin(world: &World, me: &Who, body: &Value) {
    for (verb, name) in updates(body) {
        let word = match &*verb {
            "Create" => "CREATING",
            "Delete" => "DELETING",
            _ => "UPDATING",
        };
        world.memory().slow.begin(index_of(me, &name), word);
    }
}

/// Puts the states of indexes into the description of a table; each look is time going by.
pub fn describe_states(world: &World, me: &Who, table: &mut Value) {
    let mut memory = world.memory();
    let mut all = table["GlobalSecondaryIndexes"].as_array().cloned().unwrap_or_default();
    for index in &mut all {
        let name = index["IndexName"].as_str().unwrap_or_default().to_owned();
        if let Some(word) = memory.slow.poll(&index_of(me, &name)) {
            index["IndexStatus"] = json!(word);
            index["Backfilling"] = json!(word == "CREATING");
        }
    }
    let prefix = format!("{}/index/", me.2);
    let leaving: Vec<Who> =
        memory.leaving_indexes.keys().filter(|who| who.0 == me.0 && who.1 == me.1 && who.2.starts_with(&prefix)).cloned().collect();
    for who in leaving {
        match memory.slow.poll(&who) {
            Some(_) => {
                let mut index = memory.leaving_indexes[&who].clone();
                index["IndexStatus"] = json!("DELETING");
                all.push(index);
            }
            None => drop(memory.leaving_indexes.remove(&who)),
        }
    }
    if !all.is_empty() {
        table["GlobalSecondaryIndexes"] = all.into();
    }
}
