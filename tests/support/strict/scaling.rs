//! What Application Auto Scaling refuses and the emulator allows (field guide 7.4 and rules 39 and 50), and what AWS does by itself.
use serde_json::{Value, json};

use super::{
    World,
    call::{Answer, Call, Refusal},
    refuse,
};

type Verdict = Result<(), Refusal>;

/// Whether Application Auto Scaling would take this request.
pub fn judge(world: &World, call: &Call) -> Verdict {
    match &*call.operation {
        "RegisterScalableTarget" => register(world, call),
        "PutScalingPolicy" => put(world, call),
        _ => Ok(()),
    }
}

fn register(world: &World, call: &Call) -> Verdict {
    let asked = &call.json;
    // 7.4.3
    if asked["MinCapacity"].as_i64() > asked["MaxCapacity"].as_i64() {
        return refuse("ValidationException", "Maximum capacity cannot be less than minimum capacity");
    }
    let resource = asked["ResourceId"].as_str().unwrap_or_default();
    let Some(table) = resource.strip_prefix("table/") else { return Ok(()) };
    let (name, index) = table.split_once("/index/").map_or((table, None), |(name, index)| (name, Some(index)));
    let there = world.forward(&call.ask_dynamodb("DescribeTable", &call.region, &json!({ "TableName": name }))).json()["Table"].clone();
    let has_index = |index: &str| {
        let indexes = there["GlobalSecondaryIndexes"].as_array();
        indexes.is_some_and(|all| all.iter().any(|one| one["IndexName"] == index))
    };
    if there.is_null() || index.is_some_and(|index| !has_index(index)) {
        return refuse("ValidationException", format!("DynamoDB table or index does not exist: {resource}"));
    }
    Ok(())
}

fn put(world: &World, call: &Call) -> Verdict {
    let asked = &call.json;
    if targets(world, call, &call.region).iter().all(|target| !is_of(target, asked)) {
        return refuse("ObjectNotFoundException", "No scalable target registered for the resource and dimension");
    }
    let tracking = &asked["TargetTrackingScalingPolicyConfiguration"];
    // 3.4
    if asked["ServiceNamespace"] == "dynamodb" && !tracking["TargetValue"].as_f64().is_some_and(|value| (10.0..=90.0).contains(&value)) {
        return refuse("ValidationException", "Target value must be between 10 and 90");
    }
    // 50
    let metric = |policy: &Value| policy["PredefinedMetricSpecification"]["PredefinedMetricType"].clone();
    let same = policies(world, call, &call.region).into_iter().filter(|policy| is_of(policy, asked)).any(|policy| {
        let other = &policy["TargetTrackingScalingPolicyConfiguration"];
        policy["PolicyName"] != asked["PolicyName"] && !metric(tracking).is_null() && metric(other) == metric(tracking)
    });
    if same {
        let text = "Only one TargetTrackingScaling policy for a given metric specification is allowed.";
        return refuse("ValidationException", text);
    }
    Ok(())
}

fn is_of(one: &Value, asked: &Value) -> bool {
    ["ServiceNamespace", "ResourceId", "ScalableDimension"].iter().all(|field| one[*field] == asked[*field])
}

fn list(world: &World, call: &Call, region: &str, operation: &str, field: &str) -> Vec<Value> {
    let answer = world.forward(&call.ask_scaling(operation, region, &json!({ "ServiceNamespace": "dynamodb" }))).json();
    answer[field].as_array().cloned().unwrap_or_default()
}

fn targets(world: &World, call: &Call, region: &str) -> Vec<Value> {
    list(world, call, region, "DescribeScalableTargets", "ScalableTargets")
}

fn policies(world: &World, call: &Call, region: &str) -> Vec<Value> {
    list(world, call, region, "DescribeScalingPolicies", "ScalingPolicies")
}

/// Follows a request that was taken: with a target go its policies (7.4.1).
pub fn follow(world: &World, call: &Call, answer: Answer) -> Answer {
    if answer.is_success() && call.operation == "DeregisterScalableTarget" {
        for policy in policies(world, call, &call.region).iter().filter(|policy| is_of(policy, &call.json)) {
            let mut gone = call.json.clone();
            gone["PolicyName"] = policy["PolicyName"].clone();
            world.forward(&call.ask_scaling("DeleteScalingPolicy", &call.region, &gone));
        }
    }
    answer
}

/// Whether writes of a table or of an index are scaled in a region: there is a target, and a policy for it.
pub fn scales_writes(world: &World, call: &Call, region: &str, table: &str, index: Option<&str>) -> bool {
    let (resource, of) = match index {
        None => (format!("table/{table}"), "table"),
        Some(index) => (format!("table/{table}/index/{index}"), "index"),
    };
    let dimension = format!("dynamodb:{of}:WriteCapacityUnits");
    let asked = json!({ "ServiceNamespace": "dynamodb", "ResourceId": resource, "ScalableDimension": dimension });
    let has = |all: Vec<Value>| all.iter().any(|one| is_of(one, &asked));
    has(targets(world, call, region)) && has(policies(world, call, region))
}

/// 3.2.6: what scales a table is copied to its new replica. Which names the copies have nobody says; these are AWS's own.
pub fn copy(world: &World, call: &Call, table: &str, to: &str) {
    let is_of_table = |one: &Value| {
        let resource = one["ResourceId"].as_str().and_then(|resource| resource.strip_prefix("table/"));
        resource.is_some_and(|resource| resource == table || resource.starts_with(&format!("{table}/index/")))
    };
    let fields = |one: &Value, names: &[&str]| -> Value { names.iter().map(|name| ((*name).to_owned(), one[*name].clone())).collect() };
    const KEY: [&str; 3] = ["ServiceNamespace", "ResourceId", "ScalableDimension"];
    for target in targets(world, call, &call.region).iter().filter(|one| is_of_table(one)) {
        let body = fields(target, &[&KEY[..], &["MinCapacity", "MaxCapacity"]].concat());
        world.forward(&call.ask_scaling("RegisterScalableTarget", to, &body));
    }
    for policy in policies(world, call, &call.region).iter().filter(|one| is_of_table(one)) {
        let mut body = fields(policy, &[&KEY[..], &["PolicyType", "TargetTrackingScalingPolicyConfiguration"]].concat());
        let metric = &policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]["PredefinedMetricType"];
        let name = format!("{}:{}", metric.as_str().unwrap_or("policy"), policy["ResourceId"].as_str().unwrap_or_default());
        body["PolicyName"] = name.into();
        world.forward(&call.ask_scaling("PutScalingPolicy", to, &body));
    }
}
