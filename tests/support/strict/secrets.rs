//! Secrets Manager: names that are kept for a while, replicas that take theirs, and lists that lag. What the emulator refuses already
//! (a window outside of 7 to 30 days, any change of a replica, reading what is scheduled for deletion) `tests/strict.rs` holds it to.
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    World,
    call::{Answer, Call, Refusal},
    refuse,
};

type Verdict = Result<(), Refusal>;

/// A list "might not include changes from the last five minutes" (API reference, ListSecrets).
const LAG: SignedDuration = SignedDuration::from_mins(5);

/// What a call is about, by name; an ARN is taken apart.
fn name(call: &Call) -> String {
    let given = call.json["SecretId"].as_str().or_else(|| call.json["Name"].as_str()).unwrap_or_default();
    match given.split_once(":secret:") {
        Some((_, rest)) => rest.rsplit_once('-').map_or(rest, |(name, _)| name).to_owned(),
        None => given.to_owned(),
    }
}

fn describe(world: &World, call: &Call, region: &str, name: &str) -> Value {
    let ask = call.ask_secrets("DescribeSecret", region, &json!({ "SecretId": name }));
    let answer = world.forward(&ask);
    if answer.is_success() { answer.json() } else { Value::Null }
}

fn seconds(value: &Value) -> Option<Timestamp> {
    #[allow(clippy::cast_possible_truncation)]
    value.as_f64().and_then(|seconds| Timestamp::from_second(seconds as i64).ok())
}

/// Whether Secrets Manager would take this request.
pub fn judge(world: &World, call: &Call) -> Verdict {
    let name = name(call);
    if name.is_empty() {
        return Ok(());
    }
    let now = describe(world, call, &call.region, &name);
    let (who, today) = (call.who(&name), world.now(&call.account));
    let ends = seconds(&now["DeletedDate"]);
    // The emulator's clock stands where the machine's does; the window begins on that of the account.
    let window = call.json["RecoveryWindowInDays"].as_i64().unwrap_or(30);
    if call.operation == "DeleteSecret" && ends.is_none() {
        world.memory().windows.insert(who.clone(), today + SignedDuration::from_hours(24 * window));
    }
    let is_over = world.memory().windows.get(&who).is_some_and(|end| *end < today);
    if ends.is_some() && is_over {
        // Its window is over: it goes, and the name is free.
        let gone = json!({ "SecretId": name, "ForceDeleteWithoutRecovery": true });
        world.forward(&call.ask_secrets("DeleteSecret", &call.region, &gone));
        return Ok(());
    }
    match &*call.operation {
        // 13: the name is kept until then.
        "CreateSecret" if ends.is_some() => refuse(
            "InvalidRequestException",
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
        ),
        // 13: replicas go first.
        "DeleteSecret" if !now["ReplicationStatus"].as_array().is_none_or(Vec::is_empty) => {
            let regions = now["ReplicationStatus"].as_array().into_iter().flatten().filter_map(|one| one["Region"].as_str());
            let regions = regions.collect::<Vec<_>>().join(",");
            refuse("InvalidRequestException", format!("You can't delete secret {name} that still has replica regions [{regions}]"))
        }
        // A secret that is scheduled for deletion is not replicated (API reference: "invalid request for the current state").
        "ReplicateSecretToRegions" if ends.is_some() => {
            refuse("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
        }
        "ReplicateSecretToRegions" => replicate(world, call),
        _ => Ok(()),
    }
}

/// A replica is not there at once, and can fail some time after it was asked for.
fn replicate(world: &World, call: &Call) -> Verdict {
    let asked = call.json["AddReplicaRegions"].as_array().into_iter().flatten().filter_map(|one| one["Region"].as_str());
    for region in asked {
        let who = (call.account.clone(), region.to_owned(), name(call));
        let mut memory = world.memory();
        let polls = memory.polls(&call.account, &call.operation);
        memory.slow.begin_for(who.clone(), "InProgress", polls);
        if memory.failed.remove(&who) {
            // The emulator has it; AWS does not.
            drop(memory);
            let gone = json!({ "SecretId": name(call), "RemoveReplicaRegions": [region] });
            world.forward(&call.ask_secrets("RemoveRegionsFromReplication", &call.region, &gone));
            continue;
        }
        if memory.take_order(&call.account, &format!("{} in {region}", call.operation)) {
            memory.failed.insert(who);
        }
    }
    Ok(())
}

pub fn colour(world: &World, call: &Call, answer: Answer) -> Answer {
    match &*call.operation {
        "DescribeSecret" if answer.is_success() => described(world, call, answer),
        "ListSecrets" if answer.is_success() => listed(world, call, answer),
        _ => answer,
    }
}

/// A replica that is under way is not there yet, and its home says so.
fn described(world: &World, call: &Call, mut answer: Answer) -> Answer {
    let (name, mut now) = (name(call), answer.json());
    let who = |region: &str| (call.account.clone(), region.to_owned(), name.clone());
    let mut memory = world.memory();
    let is_replica = now["PrimaryRegion"].as_str().is_some_and(|home| home != call.region);
    if is_replica && (memory.failed.contains(&who(&call.region)) || memory.slow.poll(&who(&call.region)).is_some()) {
        drop(memory);
        return call.refuse(&Refusal {
            code: "ResourceNotFoundException",
            message: "Secrets Manager can't find the specified secret.".to_owned(),
        });
    }
    for one in now["ReplicationStatus"].as_array_mut().into_iter().flatten() {
        let who = who(one["Region"].as_str().unwrap_or_default());
        if memory.slow.poll(&who).is_some() {
            (one["Status"], one["StatusMessage"]) = (json!("InProgress"), Value::Null);
        } else if memory.failed.contains(&who) {
            (one["Status"], one["StatusMessage"]) = (json!("Failed"), json!("Replication failed: the key is not there"));
        }
    }
    drop(memory);
    // The home is named at the home, too, where there are replicas.
    if !is_replica && !now["ReplicationStatus"].as_array().is_none_or(Vec::is_empty) {
        now["PrimaryRegion"] = json!(call.region);
    }
    answer.body = now.to_string().into_bytes();
    answer
}

fn listed(world: &World, call: &Call, mut answer: Answer) -> Answer {
    let (since, mut now) = (world.now(&call.account) - LAG, answer.json());
    if let Some(all) = now["SecretList"].as_array_mut() {
        all.retain(|one| seconds(&one["CreatedDate"]).is_none_or(|made| made < since));
    }
    answer.body = now.to_string().into_bytes();
    answer
}
