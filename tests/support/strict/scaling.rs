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
    if resource.starts_with("service/") && service(world, call, resource)["status"] != "ACTIVE" {
        return refuse("ValidationException", format!("ECS service doesn't exist: {resource}"));
    }
    // 7.4.3: the first target of an account finds the role not there yet with which AWS scales services.
    if resource.starts_with("service/") && world.memory().scaling.insert(call.account.clone()) {
        let role = "aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService";
        return refuse("ValidationException", format!("Unable to assume IAM role: arn:aws:iam::{}:role/{role}", call.account));
    }
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

/// The service that a resource of Application Auto Scaling names, as ECS describes it.
fn service(world: &World, call: &Call, resource: &str) -> Value {
    let (cluster, name) = resource.trim_start_matches("service/").split_once('/').unwrap_or_default();
    let body = json!({ "cluster": cluster, "services": [name] });
    world.forward(&call.ask_containers("DescribeServices", &body)).json()["services"][0].clone()
}

/// 50: what scales a service brings back the tasks of one that is to go.
pub fn bring_back(world: &World, call: &Call) {
    if call.operation != "UpdateService" || call.json["desiredCount"] != 0 {
        return;
    }
    let last = |field: &str| call.json[field].as_str().and_then(|text| text.rsplit('/').next()).unwrap_or_default();
    let resource = format!("service/{}/{}", last("cluster"), last("service"));
    let scaled = targets(world, call, &call.region, "ecs").into_iter().find(|target| target["ResourceId"] == *resource);
    if let Some(target) = scaled {
        let body = json!({ "cluster": call.json["cluster"], "service": call.json["service"], "desiredCount": target["MinCapacity"] });
        world.forward(&call.ask_containers("UpdateService", &body));
    }
}

/// What is counted are the requests to a target group that the service has (Application Auto Scaling API reference,
/// "PredefinedMetricSpecification", `ResourceLabel`).
fn is_attached(world: &World, call: &Call, label: &str) -> bool {
    let Some((balancer, group)) = label.split_once("/targetgroup/").filter(|(balancer, _)| balancer.starts_with("app/")) else {
        return false;
    };
    let there = service(world, call, call.json["ResourceId"].as_str().unwrap_or_default());
    let groups: Vec<String> = there["loadBalancers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["targetGroupArn"].as_str().map(str::to_owned))
        .collect();
    let Some(arn) = groups.iter().find(|arn| arn.ends_with(&format!(":targetgroup/{group}"))) else { return false };
    let ask = call.ask_query("elasticloadbalancing", "2015-12-01", "DescribeTargetGroups", &[("TargetGroupArns.member.1", arn)]);
    world.forward(&ask).text().contains(&format!(":loadbalancer/{balancer}<"))
}

fn put(world: &World, call: &Call) -> Verdict {
    let asked = &call.json;
    if targets(world, call, &call.region, namespace(asked)).iter().all(|target| !is_of(target, asked)) {
        return refuse("ObjectNotFoundException", "No scalable target registered for the resource and dimension");
    }
    let tracking = &asked["TargetTrackingScalingPolicyConfiguration"];
    // 3.4
    if asked["ServiceNamespace"] == "dynamodb" && !tracking["TargetValue"].as_f64().is_some_and(|value| (10.0..=90.0).contains(&value)) {
        return refuse("ValidationException", "Target value must be between 10 and 90");
    }
    // 7.4.9
    let specification = &tracking["PredefinedMetricSpecification"];
    let (counts, label) = (specification["PredefinedMetricType"] == "ALBRequestCountPerTarget", specification["ResourceLabel"].as_str());
    if counts != label.is_some() || label.is_some_and(|label| !is_attached(world, call, label)) {
        return refuse("ValidationException", "The resource label does not name a load balancer and a target group of the service");
    }
    // 50
    let metric = |policy: &Value| policy["PredefinedMetricSpecification"].clone();
    let same = policies(world, call, &call.region, namespace(asked)).into_iter().filter(|policy| is_of(policy, asked)).any(|policy| {
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

fn namespace(asked: &Value) -> &str {
    asked["ServiceNamespace"].as_str().unwrap_or_default()
}

fn list(world: &World, call: &Call, region: &str, namespace: &str, [operation, field]: [&str; 2]) -> Vec<Value> {
    let answer = world.forward(&call.ask_scaling(operation, region, &json!({ "ServiceNamespace": namespace }))).json();
    answer[field].as_array().cloned().unwrap_or_default()
}

fn targets(world: &World, call: &Call, region: &str, namespace: &str) -> Vec<Value> {
    list(world, call, region, namespace, ["DescribeScalableTargets", "ScalableTargets"])
}

fn policies(world: &World, call: &Call, region: &str, namespace: &str) -> Vec<Value> {
    list(world, call, region, namespace, ["DescribeScalingPolicies", "ScalingPolicies"])
}

/// Follows a request that was taken: with a target go its policies (7.4.1).
pub fn follow(world: &World, call: &Call, answer: Answer) -> Answer {
    if answer.is_success() && call.operation == "DeregisterScalableTarget" {
        for policy in policies(world, call, &call.region, namespace(&call.json)).iter().filter(|policy| is_of(policy, &call.json)) {
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
    has(targets(world, call, region, "dynamodb")) && has(policies(world, call, region, "dynamodb"))
}

/// 3.2.6: what scales a table is copied to its new replica. Which names the copies have nobody says; these are AWS's own.
pub fn copy(world: &World, call: &Call, table: &str, to: &str) {
    let is_of_table = |one: &Value| {
        let resource = one["ResourceId"].as_str().and_then(|resource| resource.strip_prefix("table/"));
        resource.is_some_and(|resource| resource == table || resource.starts_with(&format!("{table}/index/")))
    };
    let fields = |one: &Value, names: &[&str]| -> Value { names.iter().map(|name| ((*name).to_owned(), one[*name].clone())).collect() };
    const KEY: [&str; 3] = ["ServiceNamespace", "ResourceId", "ScalableDimension"];
    for target in targets(world, call, &call.region, "dynamodb").iter().filter(|one| is_of_table(one)) {
        let body = fields(target, &[&KEY[..], &["MinCapacity", "MaxCapacity"]].concat());
        world.forward(&call.ask_scaling("RegisterScalableTarget", to, &body));
    }
    for policy in policies(world, call, &call.region, "dynamodb").iter().filter(|one| is_of_table(one)) {
        let mut body = fields(policy, &[&KEY[..], &["PolicyType", "TargetTrackingScalingPolicyConfiguration"]].concat());
        let metric = &policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]["PredefinedMetricType"];
        let name = format!("{}:{}", metric.as_str().unwrap_or("policy"), policy["ResourceId"].as_str().unwrap_or_default());
        body["PolicyName"] = name.into();
        world.forward(&call.ask_scaling("PutScalingPolicy", to, &body));
    }
}
