//! What RDS refuses and the emulator allows, and what it takes its time for. Numbers are the rules of the field guide's section 16; the
//! rest names its section.
use super::{
    World,
    call::{Answer, Call, Refusal},
    refuse,
    slow::Who,
    xml::{self, Item},
};

type Verdict = Result<(), Refusal>;

const VERSION: &str = "2014-10-31";

fn ask(world: &World, call: &Call, region: &str, operation: &str, fields: &[(&str, &str)]) -> String {
    let (signed, wanted) = (format!("/{}/rds/", call.region), format!("/{region}/rds/"));
    let mut ask = call.ask_query("rds", VERSION, operation, fields);
    for (_, value) in ask.head.iter_mut().filter(|(name, _)| name == "authorization") {
        *value = value.replace(&signed, &wanted);
    }
    world.forward(&ask).text()
}

fn cluster(world: &World, call: &Call, region: &str, id: &str) -> Option<Item> {
    xml::entries(&ask(world, call, region, "DescribeDBClusters", &[("DBClusterIdentifier", id)]), "DBClusters").pop()
}

fn instances(world: &World, call: &Call, region: &str, cluster: &str) -> Vec<Item> {
    let all = xml::entries(&ask(world, call, region, "DescribeDBInstances", &[]), "DBInstances");
    all.into_iter().filter(|one| one.one("DBClusterIdentifier") == cluster).collect()
}

/// A global cluster with its members: ARN and whether it writes.
struct Global {
    name: String,
    version: String,
    members: Vec<(String, bool)>,
}

impl Global {
    fn has(&self, region: &str, cluster: &str) -> bool {
        self.members.iter().any(|(arn, _)| region_of(arn) == region && name_in(arn) == cluster)
    }
}

/// Whether somebody is moving the writer of a global cluster.
fn is_switching(world: &World, call: &Call, global: &str) -> bool {
    let what = format!("switching/{global}");
    world.memory().slow.any(|who| who.0 == call.account && who.2 == what)
}

fn globals(world: &World, call: &Call) -> Vec<Global> {
    let all = xml::entries(&ask(world, call, &call.region, "DescribeGlobalClusters", &[]), "GlobalClusters");
    let read = |one: &Item| {
        let arns = one.all("GlobalClusterMembers/GlobalClusterMember/DBClusterArn").map(str::to_owned);
        let writes = one.all("GlobalClusterMembers/GlobalClusterMember/IsWriter").map(|word| word == "true");
        let (name, version) = (one.one("GlobalClusterIdentifier").to_owned(), one.one("EngineVersion").to_owned());
        Global { name, version, members: arns.zip(writes).collect() }
    };
    all.iter().map(read).collect()
}

fn region_of(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or_default()
}

fn name_in(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or_default()
}

fn of_cluster(call: &Call, region: &str, id: &str) -> Who {
    (call.account.clone(), region.to_owned(), format!("cluster/{id}"))
}

fn of_instance(call: &Call, region: &str, id: &str) -> Who {
    (call.account.clone(), region.to_owned(), format!("instance/{id}"))
}

fn leaving(call: &Call, arn: &str) -> Who {
    (call.account.clone(), region_of(arn).to_owned(), format!("leaving/{arn}"))
}

fn begin(world: &World, call: &Call, who: Who, word: &'static str) {
    let mut memory = world.memory();
    let polls = memory.polls(&call.account, &call.operation);
    memory.slow.begin_for(who, word, polls);
}

fn state_of(world: &World, who: &Who) -> Option<&'static str> {
    world.memory().slow.peek(who)
}

/// Whether RDS would take this request.
pub fn judge(world: &World, call: &Call) -> Verdict {
    let (global, cluster) = (call.field("GlobalClusterIdentifier"), call.field("DBClusterIdentifier"));
    let changes_roles =
        ["CreateDBCluster", "RemoveFromGlobalCluster", "ModifyGlobalCluster", "SwitchoverGlobalCluster", "DeleteGlobalCluster"];
    if changes_roles.contains(&&*call.operation) && is_switching(world, call, global) {
        return refuse("InvalidGlobalClusterStateFault", format!("Global cluster {global} is in switching-over state."));
    }
    if ["ModifyDBCluster", "DeleteDBCluster"].contains(&&*call.operation)
        && globals(world, call).iter().any(|one| is_switching(world, call, &one.name) && one.has(&call.region, cluster))
    {
        return refuse("InvalidDBClusterStateFault", format!("DbCluster {cluster} is in switching-over state."));
    }
    let (id, instance) = (call.field("DBClusterIdentifier"), call.field("DBInstanceIdentifier"));
    match &*call.operation {
        "CreateDBCluster" => create(world, call, id),
        "ModifyDBCluster" => modify(world, call, id),
        "DeleteDBCluster" => busy(world, call, id, "DeleteDBCluster"),
        "RemoveFromGlobalCluster" => remove(world, call),
        "CreateDBInstance" => create_instance(world, call, id),
        "ModifyDBInstance" => match state_of(world, &of_instance(call, &call.region, instance)) {
            Some(word) => refuse("InvalidDBInstanceState", format!("Database instance is not in available state: {word}.")),
            None => Ok(()),
        },
        "DeleteDBInstance" => delete_instance(world, call, instance),
        "ModifyGlobalCluster" => modify_global(world, call),
        // 4.1 item 3.
        "CreateDBSubnetGroup" if call.field("SubnetIds.SubnetIdentifier.2").is_empty() => {
            refuse("DBSubnetGroupDoesNotCoverEnoughAZs", "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement.")
        }
        // 4.1 item 1.
        "ModifyDBClusterParameterGroup" | "ResetDBClusterParameterGroup"
            if !call.field("Parameters.Parameter.21.ParameterName").is_empty() =>
        {
            refuse("InvalidParameterValue", "Too many parameters: at most 20.")
        }
        _ => Ok(()),
    }
}

/// 4.3 item 5: a cluster that is busy takes no change.
fn busy(world: &World, call: &Call, id: &str, operation: &str) -> Verdict {
    match state_of(world, &of_cluster(call, &call.region, id)) {
        Some("deleting") if operation == "DeleteDBCluster" => {
            refuse("InvalidDBClusterStateFault", format!("DbCluster {id} is already being deleted."))
        }
        Some(word) => {
            refuse("InvalidDBClusterStateFault", format!("DbCluster {id} is in {word} state but expected it to be one of available."))
        }
        None => Ok(()),
    }
}

fn create(world: &World, call: &Call, id: &str) -> Verdict {
    if cluster(world, call, &call.region, id).is_some() {
        return Ok(()); // The emulator says that it is there.
    }
    let global = call.field("GlobalClusterIdentifier");
    // 4.3 item 3: managed passwords and global databases exclude each other.
    if !global.is_empty() && call.field("ManageMasterUserPassword") == "true" {
        return refuse("InvalidParameterCombination", "ManageMasterUserPassword is not supported for global databases.");
    }
    let all = globals(world, call);
    let Some(global) = all.iter().find(|one| one.name == global) else { return Ok(()) };
    let writer = global.members.iter().find(|(_, writes)| *writes);
    match writer {
        // 5: no primary that could be seen.
        None if call.field("MasterUsername").is_empty() => {
            refuse("InvalidParameterValue", "The parameter MasterUsername must be provided and must not be blank.")
        }
        None => Ok(()),
        Some((arn, _)) => join(world, call, arn),
    }?;
    begin(world, call, of_cluster(call, &call.region, id), "creating");
    Ok(())
}

fn join(world: &World, call: &Call, writer: &str) -> Verdict {
    // 4.
    for (field, what) in [("MasterUsername", "user name"), ("MasterUserPassword", "password"), ("DatabaseName", "database name")] {
        if !call.field(field).is_empty() {
            return refuse("InvalidParameterCombination", format!("Cannot specify {what} for cross region replication cluster"));
        }
    }
    // 4.4 item 3: the key has to be one of its own region.
    let key = call.field("KmsKeyId");
    if call.field("StorageEncrypted") == "true" && (key.is_empty() || key.starts_with("arn:") && region_of(key) != call.region) {
        return refuse(
            "InvalidParameterCombination",
            format!("Source cluster {writer} is encrypted; a KMS key of {} is needed", call.region),
        );
    }
    // 5.
    let (region, id) = (region_of(writer), name_in(writer));
    let is_busy = state_of(world, &of_cluster(call, region, id)).is_some();
    let is_ready = |one: &Item| {
        one.one("DBInstanceStatus") == "available" && state_of(world, &of_instance(call, region, one.one("DBInstanceIdentifier"))).is_none()
    };
    if is_busy || !instances(world, call, region, id).iter().any(is_ready) {
        let message = format!("Source cluster {writer} is in a state which is not valid for physical replication");
        return refuse("InvalidDBClusterStateFault", message);
    }
    Ok(())
}

fn modify(world: &World, call: &Call, id: &str) -> Verdict {
    busy(world, call, id, "ModifyDBCluster")?;
    let Some(now) = cluster(world, call, &call.region, id) else { return Ok(()) };
    let (arn, version) = (now.one("DBClusterArn"), call.field("EngineVersion"));
    let all = globals(world, call);
    let of = all.iter().find(|one| one.members.iter().any(|(member, _)| member == arn));
    let writes = of.is_none_or(|of| of.members.iter().any(|(member, writes)| member == arn && *writes));
    if !writes && !call.field("MasterUserPassword").is_empty() {
        return refuse("InvalidParameterCombination", "Cannot change the password of a cross region replication cluster");
    }
    if !version.is_empty() && version != now.one("EngineVersion") {
        // 4.4 item 7.
        if instances(world, call, &call.region, id).is_empty() {
            return refuse("InvalidDBClusterStateFault", "Cannot modify engine version without a primary instance in DB cluster");
        }
        // 4.5: the secondaries first.
        let others = of.iter().flat_map(|of| &of.members).filter(|(member, writes)| !writes && member != arn);
        for (member, _) in others.filter(|_| writes) {
            let other = cluster(world, call, region_of(member), name_in(member));
            if other.is_some_and(|other| other.one("EngineVersion") != version) {
                return refuse("InvalidDBClusterStateFault", format!("{member} has to be upgraded before the primary cluster"));
            }
        }
        begin(world, call, of_cluster(call, &call.region, id), "upgrading");
        return Ok(());
    }
    begin(world, call, of_cluster(call, &call.region, id), "modifying");
    Ok(())
}

fn modify_global(world: &World, call: &Call) -> Verdict {
    let all = globals(world, call);
    let Some(global) = all.iter().find(|one| one.name == call.field("GlobalClusterIdentifier")) else { return Ok(()) };
    let version = call.field("EngineVersion");
    if version.is_empty() {
        return Ok(());
    }
    let major = |version: &str| version.split(".mysql_aurora").next().and_then(|front| front.split('.').next()).map(str::to_owned);
    let is_minor = major(version) == major(&global.version) && version.starts_with("8.4") == global.version.starts_with("8.4");
    // 4.5.
    if is_minor || call.field("AllowMajorVersionUpgrade") != "true" {
        return refuse("InvalidParameterCombination", "ModifyGlobalCluster only supports Major Version Upgrades.");
    }
    for (member, _) in &global.members {
        begin(world, call, of_cluster(call, region_of(member), name_in(member)), "upgrading");
    }
    Ok(())
}

fn remove(world: &World, call: &Call) -> Verdict {
    let arn = call.field("DbClusterIdentifier");
    let all = globals(world, call);
    let of = all.iter().find(|one| one.name == call.field("GlobalClusterIdentifier"));
    let Some((_, writes)) = of.and_then(|of| of.members.iter().find(|(member, _)| member == arn)) else {
        return refuse("InvalidParameterValue", format!("{arn} is not found in global cluster {}", call.field("GlobalClusterIdentifier")));
    };
    // 4.7 item 3.
    if *writes && of.is_some_and(|of| of.members.len() > 1) {
        let message = "Unable to delete cluster that is a primary member of global cluster while there are other global cluster members";
        return refuse("InvalidGlobalClusterStateFault", message);
    }
    busy(world, call, name_in(arn), "RemoveFromGlobalCluster")
}

fn create_instance(world: &World, call: &Call, id: &str) -> Verdict {
    let class = call.field("DBInstanceClass");
    let Some(cluster) = cluster(world, call, &call.region, id) else {
        return refuse("DBClusterNotFoundFault", format!("DBCluster {id} not found."));
    };
    // 4.3 item 3.
    if class.starts_with("db.t") && !cluster.one("GlobalClusterIdentifier").is_empty() {
        return refuse("InvalidParameterCombination", format!("{class} is not supported in a global database"));
    }
    if class == "db.serverless" && cluster.one("ServerlessV2ScalingConfiguration/MaxCapacity").is_empty() {
        let message = "Set the Serverless v2 scaling configuration on the parent DB cluster before creating a Serverless v2 DB instance.";
        return refuse("InvalidParameterCombination", message);
    }
    let name = call.field("DBInstanceIdentifier");
    if !instances(world, call, &call.region, id).iter().any(|one| one.one("DBInstanceIdentifier") == name) {
        begin(world, call, of_instance(call, &call.region, name), "creating");
    }
    Ok(())
}

fn delete_instance(world: &World, call: &Call, name: &str) -> Verdict {
    let who = of_instance(call, &call.region, name);
    if state_of(world, &who) == Some("deleting") {
        return refuse("InvalidDBInstanceState", format!("Instance {name} is already being deleted."));
    }
    let answer = ask(world, call, &call.region, "DescribeDBInstances", &[("DBInstanceIdentifier", name)]);
    let Some(now) = xml::entries(&answer, "DBInstances").pop() else { return Ok(()) };
    let id = now.one("DBClusterIdentifier");
    let others = instances(world, call, &call.region, id);
    let is_going = |one: &Item| state_of(world, &of_instance(call, &call.region, one.one("DBInstanceIdentifier"))) == Some("deleting");
    let is_last = others.iter().filter(|one| one.one("DBInstanceIdentifier") != name).all(is_going);
    let own = |(arn, writes): &(String, bool)| *writes && name_in(arn) == id && region_of(arn) == call.region;
    // 4.7 item 3.
    if is_last && globals(world, call).iter().any(|one| one.members.len() > 1 && one.members.iter().any(own)) {
        let message = "Cannot delete the last instance of the master cluster. Delete the replica cluster before deleting the last master cluster instance.";
        return refuse("InvalidDBClusterStateFault", message);
    }
    Ok(())
}

/// What AWS does behind the call that asks for it: the answer now, and what happens once its state has been shown.
pub fn defer(world: &World, call: &Call) -> Option<Answer> {
    let (who, word) = match &*call.operation {
        // 14: a cluster leaves while its status says `available`.
        "RemoveFromGlobalCluster" => (leaving(call, call.field("DbClusterIdentifier")), "leaving"),
        // Done at once unless a test asked for more.
        "SwitchoverGlobalCluster" => {
            world.memory().polls(&call.account, &call.operation)?;
            (call.who(&format!("switching/{}", call.field("GlobalClusterIdentifier"))), "switching-over")
        }
        "DeleteDBInstance" => {
            let name = call.field("DBInstanceIdentifier");
            let answer = ask(world, call, &call.region, "DescribeDBInstances", &[("DBInstanceIdentifier", name)]);
            xml::entries(&answer, "DBInstances").pop()?;
            (of_instance(call, &call.region, name), "deleting")
        }
        "DeleteDBCluster" => {
            let id = call.field("DBClusterIdentifier");
            let now = cluster(world, call, &call.region, id)?;
            let is_kept = now.one("DeletionProtection") == "true" || !instances(world, call, &call.region, id).is_empty();
            let name = call.field("FinalDBSnapshotIdentifier");
            let is_wrong = (call.field("SkipFinalSnapshot") == "true") != name.is_empty() || !now.one("GlobalClusterIdentifier").is_empty();
            let taken = ask(world, call, &call.region, "DescribeDBClusterSnapshots", &[("DBClusterSnapshotIdentifier", name)]);
            if is_kept || is_wrong || !name.is_empty() && !xml::entries(&taken, "DBClusterSnapshots").is_empty() {
                return None; // The emulator says why not.
            }
            (of_cluster(call, &call.region, id), "deleting")
        }
        _ => return None,
    };
    let mut memory = world.memory();
    let polls = memory.polls(&call.account, &call.operation);
    if !memory.deferred.contains_key(&who) {
        memory.slow.begin_for(who.clone(), word, polls);
        memory.deferred.insert(who, call.clone());
    }
    drop(memory);
    let operation = &call.operation;
    let body = format!(
        "<{operation}Response><{operation}Result/><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></{operation}Response>"
    );
    Some(Answer { body: body.into_bytes(), ..call.done("") })
}

/// Notes a call that was taken, and which of its things it names.
pub fn note(world: &World, call: &Call, answer: &Answer, how: &str) {
    if call.service != "rds" || !call.may_change() || !answer.is_success() {
        return;
    }
    let fields = [
        "DBInstanceIdentifier",
        "DbClusterIdentifier",
        "DBClusterIdentifier",
        "GlobalClusterIdentifier",
        "DBSubnetGroupName",
        "DBClusterParameterGroupName",
        "ResourceName",
    ];
    let named = fields.iter().map(|field| call.field(field)).find(|name| !name.is_empty()).unwrap_or_default();
    let line = format!("{} {} {}{how}", call.region, call.operation, name_in(named));
    world.memory().databases.entry(call.account.clone()).or_default().push(line);
}

/// 4.1 item 9: a static parameter is taken with the next reboot of what is running.
fn need_reboot(world: &World, call: &Call) {
    let is_static = call.fields.iter().any(|(field, value)| field.ends_with(".ApplyMethod") && value == "pending-reboot");
    if !is_static {
        return;
    }
    let all = xml::entries(&ask(world, call, &call.region, "DescribeDBClusters", &[]), "DBClusters");
    let of_group = all.iter().filter(|one| one.one("DBClusterParameterGroup") == call.field("DBClusterParameterGroupName"));
    let running = of_group.flat_map(|one| one.all("DBClusterMembers/DBClusterMember/DBInstanceIdentifier"));
    let running: Vec<Who> = running.map(|name| call.who(&format!("reboot/{name}"))).collect();
    world.memory().reboots.extend(running);
}

pub fn colour(world: &World, call: &Call, mut answer: Answer) -> Answer {
    if !answer.is_success() {
        return answer;
    }
    let text = match &*call.operation {
        "DescribeDBClusters" => {
            let text = xml::restate(&answer.text(), "DBClusterIdentifier", "Status", |id| {
                world.memory().slow.poll(&of_cluster(call, &call.region, id))
            });
            // A copy has an endpoint for its readers only (Aurora user guide, "Connecting to Amazon Aurora Global Database").
            let members: Vec<(String, bool)> = globals(world, call).into_iter().flat_map(|one| one.members).collect();
            let is_copy = |arn: &str| members.iter().any(|(member, writes)| member == arn && !writes);
            let text = xml::restate(&text, "DBClusterArn", "Endpoint", |arn| is_copy(arn).then_some(""));
            xml::restate(&text, "DBInstanceIdentifier", "DBClusterParameterGroupStatus", |name| {
                world.memory().reboots.contains(&call.who(&format!("reboot/{name}"))).then_some("pending-reboot")
            })
        }
        "ModifyDBClusterParameterGroup" | "ResetDBClusterParameterGroup" => {
            need_reboot(world, call);
            return answer;
        }
        "RebootDBInstance" => {
            world.memory().reboots.remove(&call.who(&format!("reboot/{}", call.field("DBInstanceIdentifier"))));
            return answer;
        }
        "DescribeDBInstances" => xml::restate(&answer.text(), "DBInstanceIdentifier", "DBInstanceStatus", |id| {
            world.memory().slow.poll(&of_instance(call, &call.region, id))
        }),
        "DescribeGlobalClusters" => {
            let text = xml::restate(&answer.text(), "GlobalClusterIdentifier", "Status", |id| {
                is_switching(world, call, id).then_some("switching-over")
            });
            let passes = |who: &Who| who.0 == call.account && ["leaving/", "switching/"].iter().any(|what| who.2.starts_with(what));
            world.memory().slow.pass(passes);
            text
        }
        _ => return answer,
    };
    answer.body = text.into_bytes();
    answer
}
