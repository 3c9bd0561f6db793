//! What ECS refuses and the emulator allows, and the states its services go through. Numbers are the rules of the field guide's
//! section 16; the rest names its section.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    World,
    call::{Answer, Call, Refusal},
    refuse, scaling,
    slow::Who,
};

type Verdict = Result<(), Refusal>;

/// What the emulator does not know of services.
#[derive(Default)]
pub struct Services {
    /// Accounts in which the service-linked role is there.
    linked: BTreeSet<String>,
    /// Roles that have reached ECS, by account and ARN.
    roles: BTreeSet<(String, String)>,
    /// Deployments that will not get healthy, with the service to go back to; nothing: there is none.
    doomed: BTreeMap<Who, Option<Value>>,
    /// Services as they were before a change, for the read that does not show it yet.
    stale: BTreeMap<Who, Value>,
    /// Deployments that failed, as they were shown last, for as many polls as are left.
    failed: BTreeMap<Who, (Value, u8)>,
}

/// 7.2.3: CPU units, and the MiB that go with them: least, most and step.
const FARGATE: [(u32, u32, u32, u32); 7] = [
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
    (8192, 16384, 61440, 4096),
    (16384, 32768, 122_880, 8192),
];

fn is_pair(cpu: u32, memory: u32) -> bool {
    let fits = |&(units, least, most, step): &(u32, u32, u32, u32)| {
        cpu == units && (least..=most).contains(&memory) && (memory - least).is_multiple_of(step)
    };
    // 1536 MiB is no choice for a quarter of a vCPU.
    FARGATE.iter().any(fits) && (cpu, memory) != (256, 1536)
}

fn last(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or_default()
}

fn who(call: &Call, cluster: &str, service: &str) -> Who {
    call.who(&format!("service/{}/{}", last(cluster), last(service)))
}

/// The service that a call is about.
fn named(call: &Call) -> Who {
    let name = call.json["service"].as_str().or_else(|| call.json["serviceName"].as_str()).unwrap_or_default();
    who(call, call.json["cluster"].as_str().unwrap_or("default"), name)
}

/// Whether ECS would take this request.
pub fn judge(world: &World, call: &Call) -> Verdict {
    match &*call.operation {
        // 32: what is made first in an account finds the role that ECS itself needs not there yet.
        "CreateCluster" if world.memory().services.linked.insert(call.account.clone()) => {
            let text = "Unable to assume the service linked role. Please verify that the ECS service linked role exists.";
            refuse("InvalidParameterException", text)
        }
        "RegisterTaskDefinition" => register(call),
        "DeleteTaskDefinitions" => delete_definitions(world, call),
        "CreateService" => create(world, call),
        "UpdateService" => update(world, call),
        // 7.3.6
        "DeleteService" if call.json["force"] != true && describe(world, call)["desiredCount"].as_i64().unwrap_or(0) > 0 => {
            refuse("InvalidParameterException", "The service cannot be stopped while it is scaled above 0.")
        }
        "DeleteService" if call.json["force"] != true && world.memory().slow.peek(&named(call)) == Some("IN_PROGRESS") => {
            refuse("InvalidParameterException", "The service cannot be stopped while deployments are active.")
        }
        // 29: services that are not gone, those on their way out included.
        "DeleteCluster" => {
            let cluster = call.json["cluster"].as_str().unwrap_or_default();
            let listed = world.forward(&call.ask_json("ListServices", &json!({ "cluster": cluster }))).json();
            let is_inside = |who: &Who| who.0 == call.account && who.1 == call.region && who.2.starts_with(&format!("service/{cluster}/"));
            let mut memory = world.memory();
            if listed["serviceArns"].as_array().is_some_and(|all| !all.is_empty()) || memory.slow.any(is_inside) {
                memory.slow.pass(is_inside);
                return refuse("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.");
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// 31: cpu and memory from Fargate's table, and its network mode.
fn register(call: &Call) -> Verdict {
    let is_fargate = call.json["requiresCompatibilities"].as_array().is_some_and(|all| all.contains(&json!("FARGATE")));
    let number = |field: &str| call.json[field].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
    if is_fargate && !is_pair(number("cpu"), number("memory")) {
        return refuse("ClientException", "No Fargate configuration exists for given values.");
    }
    if is_fargate && call.json["networkMode"] != "awsvpc" {
        return refuse("ClientException", "Fargate only supports network mode 'awsvpc'.");
    }
    // 7.2.3: what pulls, logs and reads secrets.
    if is_fargate && call.json["executionRoleArn"].as_str().unwrap_or_default().is_empty() {
        return refuse("ClientException", "Fargate requires task definition to have execution role ARN to support log driver awslogs.");
    }
    Ok(())
}

fn definition(world: &World, call: &Call, reference: &str) -> Value {
    world.forward(&call.ask_json("DescribeTaskDefinition", &json!({ "taskDefinition": reference }))).json()["taskDefinition"].clone()
}

/// 7.2.1: only what was deregistered.
fn delete_definitions(world: &World, call: &Call) -> Verdict {
    for reference in call.json["taskDefinitions"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if definition(world, call, reference)["status"] == "ACTIVE" {
            return refuse("InvalidParameterException", format!("{reference} is ACTIVE; only INACTIVE task definitions can be deleted."));
        }
    }
    Ok(())
}

fn describe(world: &World, call: &Call) -> Value {
    let name = call.json["service"].as_str().or_else(|| call.json["serviceName"].as_str()).unwrap_or_default();
    let body = json!({ "cluster": call.json["cluster"], "services": [name], "include": ["TAGS"] });
    world.forward(&call.ask_json("DescribeServices", &body)).json()["services"][0].clone()
}

fn create(world: &World, call: &Call) -> Verdict {
    // 28: a name is free once what had it is INACTIVE.
    if world.memory().slow.peek(&named(call)) == Some("DRAINING") {
        world.memory().slow.poll(&named(call));
        return refuse("InvalidParameterException", "Unable to Start a service that is still Draining.");
    }
    if describe(world, call)["status"] == "ACTIVE" {
        return refuse("InvalidParameterException", "Creation of service was not idempotent.");
    }
    // 7.3.3: tasks of the network mode awsvpc are told where.
    let within = &call.json["networkConfiguration"]["awsvpcConfiguration"];
    if within["subnets"].as_array().is_none_or(Vec::is_empty) {
        return refuse("InvalidParameterException", "Network Configuration must be provided when networkMode 'awsvpc' is specified.");
    }
    let balanced = call.json["loadBalancers"].as_array().is_some_and(|all| !all.is_empty());
    if !balanced && call.json.get("healthCheckGracePeriodSeconds").is_some_and(|seconds| !seconds.is_null()) {
        let text = "Health check grace period is only valid for services configured to use load balancers";
        return refuse("InvalidParameterException", text);
    }
    startable(world, call)
}

fn update(world: &World, call: &Call) -> Verdict {
    let now = describe(world, call);
    if now["status"] != "ACTIVE" {
        return refuse("ServiceNotActiveException", "Service was not ACTIVE.");
    }
    if call.json["taskDefinition"].is_null() && call.json["loadBalancers"].is_null() { Ok(()) } else { startable(world, call) }
}

/// Whether tasks of the revision that a call names can be started.
fn startable(world: &World, call: &Call) -> Verdict {
    let revision = match call.json["taskDefinition"].as_str() {
        Some(named) => definition(world, call, named),
        None => definition(world, call, describe(world, call)["taskDefinition"].as_str().unwrap_or_default()),
    };
    // 7.2.9: no service begins on a revision that was deregistered.
    if revision["status"] != "ACTIVE" {
        return refuse("ClientException", "TaskDefinition is inactive");
    }
    // 10: a role reaches ECS some time after it was made.
    for role in ["executionRoleArn", "taskRoleArn"].iter().filter_map(|field| revision[field].as_str()).filter(|role| !role.is_empty()) {
        if world.memory().services.roles.insert((call.account.clone(), format!("{} {role}", call.region))) {
            let text = "Unable to assume role. Please verify that the ECS service role being passed has the proper permissions.";
            return refuse("InvalidParameterException", text);
        }
    }
    for balancer in call.json["loadBalancers"].as_array().into_iter().flatten() {
        listening(world, call, balancer["targetGroupArn"].as_str().unwrap_or_default())?;
        let containers = revision["containerDefinitions"].as_array().into_iter().flatten();
        let fits = |container: &Value| {
            let ports = container["portMappings"].as_array().into_iter().flatten();
            container["name"] == balancer["containerName"]
                && ports.into_iter().any(|port| port["containerPort"] == balancer["containerPort"])
        };
        // 7.3.3: container and port exist.
        if !containers.into_iter().any(fits) {
            let text = "The container does not exist in the task definition, or has no such port mapping.";
            return refuse("InvalidParameterException", text);
        }
    }
    Ok(())
}

/// 11: the target group hangs on a listener.
fn listening(world: &World, call: &Call, group: &str) -> Verdict {
    let ask = call.ask_query("elasticloadbalancing", "2015-12-01", "DescribeTargetGroups", &[("TargetGroupArns.member.1", group)]);
    let answer = world.forward(&ask).text();
    let balancers = answer.split("<LoadBalancerArns>").nth(1).and_then(|rest| rest.split("</LoadBalancerArns>").next());
    if balancers.is_none_or(|arns| !arns.contains("arn:")) {
        let text = format!("The target group with targetGroupArn {group} does not have an associated load balancer.");
        return refuse("InvalidParameterException", text);
    }
    Ok(())
}

/// Whether UpdateService begins a deployment (Amazon ECS API reference, "UpdateService").
fn deploys(call: &Call) -> bool {
    let changes = ["taskDefinition", "networkConfiguration", "loadBalancers"].iter().any(|field| !call.json[field].is_null());
    call.operation == "UpdateService" && (changes || call.json["forceNewDeployment"] == true)
}

/// The call for the emulator, which begins a deployment for another revision only.
pub fn sent(call: &Call) -> Call {
    let mut body = call.json.clone();
    body["forceNewDeployment"] = json!(true);
    if call.service == "ecs" && deploys(call) { call.ask_json("UpdateService", &body) } else { call.clone() }
}

/// What a service is before a call that begins a deployment.
pub fn before(world: &World, call: &Call) -> Option<Value> {
    if call.service != "ecs" || !deploys(call) {
        return None;
    }
    let mut service = describe(world, call);
    overlay(world, &named(call), &mut service);
    Some(service)
}

/// Holds new states back, and begins those that a successful call starts.
pub fn colour(world: &World, call: &Call, mut answer: Answer, before: Option<Value>) -> Answer {
    if !answer.is_success() {
        return answer;
    }
    scaling::bring_back(world, call);
    match &*call.operation {
        "CreateService" => {
            let mut memory = world.memory();
            if memory.take_order_of(call) {
                memory.services.doomed.insert(named(call), None);
            }
            // 7.3.5: right after the create there is nothing to see.
            memory.slow.begin_for(named(call), "MISSING", Some(1));
        }
        "UpdateService" if deploys(call) => {
            let mut memory = world.memory();
            if let Some(before) = before {
                memory.services.stale.insert(named(call), before.clone());
                if memory.take_order_of(call) {
                    memory.services.doomed.insert(named(call), Some(before));
                }
            }
            // A read right after the call may not see it: reads of ECS are eventually consistent.
            memory.slow.begin_for(named(call), "STALE", Some(1));
        }
        // 7.3.6: tasks stop, targets deregister.
        "DeleteService" => {
            let mut memory = world.memory();
            let polls = memory.polls(&call.account, "DeleteService");
            memory.slow.begin_for(named(call), "DRAINING", polls);
        }
        "DescribeServices" => {
            let mut body = answer.json();
            shown(world, call, &mut body);
            answer.body = body.to_string().into_bytes();
        }
        _ => {}
    }
    answer
}

fn shown(world: &World, call: &Call, body: &mut Value) {
    let cluster = call.json["cluster"].as_str().unwrap_or("default");
    let Some(services) = body["services"].as_array().cloned() else { return };
    let mut left = Vec::new();
    let mut missing = body["failures"].as_array().cloned().unwrap_or_default();
    for mut service in services {
        let me = who(call, cluster, service["serviceName"].as_str().unwrap_or_default());
        let word = world.memory().slow.poll(&me);
        match word {
            Some("MISSING") => {
                world.memory().slow.begin(me, "IN_PROGRESS");
                missing.push(json!({ "arn": service["serviceArn"], "reason": "MISSING" }));
                continue;
            }
            Some("STALE") => {
                let mut memory = world.memory();
                let polls = memory.polls(&call.account, "UpdateService");
                memory.slow.begin_for(me.clone(), "IN_PROGRESS", polls);
                service = memory.services.stale.remove(&me).unwrap_or(service);
            }
            Some("IN_PROGRESS") => under_way(&mut service),
            Some("DRAINING") => service["status"] = json!("DRAINING"),
            _ => go_wrong(world, call, &me, &mut service),
        }
        left.push(service);
    }
    (body["services"], body["failures"]) = (json!(left), json!(missing));
}

fn primary(service: &mut Value) -> Option<&mut Value> {
    service["deployments"].as_array_mut()?.iter_mut().find(|deployment| deployment["status"] == "PRIMARY")
}

fn under_way(service: &mut Value) {
    if let Some(deployment) = primary(service) {
        deployment["rolloutState"] = json!("IN_PROGRESS");
        deployment["runningCount"] = json!(0);
    }
}

/// 30: a deployment that does not get healthy fails, and the service goes back to the revision before, where there is one; it is
/// stable again there.
fn go_wrong(world: &World, call: &Call, me: &Who, service: &mut Value) {
    let doomed = world.memory().services.doomed.remove(me);
    if let Some(back) = doomed {
        let Some(mut lost) = primary(service).cloned() else { return };
        lost["rolloutState"] = json!("FAILED");
        lost["rolloutStateReason"] = json!("ECS deployment circuit breaker: tasks failed to start.");
        let back = back.filter(|back| primary(&mut back.clone()).is_some_and(|before| before["rolloutState"] != "FAILED"));
        if let Some(back) = &back {
            let mut body = json!({ "cluster": service["clusterArn"], "service": service["serviceName"], "forceNewDeployment": true });
            for field in ["taskDefinition", "networkConfiguration", "loadBalancers"] {
                body[field] = back[field].clone();
            }
            world.forward(&call.ask_json("UpdateService", &body));
            lost["status"] = json!("ACTIVE");
        }
        world.memory().services.failed.insert(me.clone(), (lost, if back.is_some() { 2 } else { u8::MAX }));
        let again = json!({ "cluster": service["clusterArn"], "services": [service["serviceName"]], "include": ["TAGS"] });
        *service = world.forward(&call.ask_json("DescribeServices", &again)).json()["services"][0].clone();
    }
    overlay(world, me, service);
    let mut memory = world.memory();
    let Some((lost, left)) = memory.services.failed.get_mut(me) else { return };
    if lost["status"] == "PRIMARY" {
        // Nothing to go back to: it stays like this until somebody deploys again.
        if !primary(service).is_some_and(|now| now["id"] == lost["id"]) {
            memory.services.failed.remove(me);
        }
    } else {
        // Its tasks drain, then nothing but the events tells of it.
        *left -= 1;
        if *left == 0 {
            memory.services.failed.remove(me);
        }
    }
}

/// A failed deployment as ECS shows it, which the emulator does not know of.
fn overlay(world: &World, me: &Who, service: &mut Value) {
    let Some((lost, _)) = world.memory().services.failed.get(me).cloned() else { return };
    if lost["status"] == "PRIMARY" {
        if primary(service).is_some_and(|now| now["id"] == lost["id"]) {
            service["deployments"] = json!([lost]);
            service["runningCount"] = json!(0);
        }
    } else {
        if let Some(now) = primary(service) {
            now["rolloutStateReason"] = json!("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/0.");
        }
        if let Some(all) = service["deployments"].as_array_mut() {
            all.push(lost);
        }
    }
    let event = json!({ "id": "1", "createdAt": 1, "message": "(service) was unable to place a task: CannotPullContainerError." });
    if let Some(events) = service["events"].as_array_mut() {
        events.insert(0, event);
    }
}
