//! The sections `services` and `iam`.
use serde_json::{Map, Value, json};

use super::{REGION, block, duration, not_built, reference, region_list, words};
use crate::topology::decode::{ACCESSES, ARCHITECTURES, CERTIFICATES, LOAD_BALANCERS};

/// The definitions, by name.
pub fn definitions() -> Map<String, Value> {
    let service = {
        let mut properties = member();
        properties.insert("regions".into(), region_list("The regions of the service; all by default."));
        let per_region = json!({
            "description": "What differs in a region of the service.",
            "type": "object",
            "propertyNames": { "pattern": REGION },
            "additionalProperties": { "anyOf": [{ "$ref": "#/$defs/service_in_region" }, { "type": "null" }] },
        });
        properties.insert("per_region".into(), per_region);
        block("An ECS service on Fargate.", &["image"], Value::Object(properties))
    };
    let mut in_region = member();
    // Null in `per_region` restores a default.
    for property in in_region.values_mut().filter(|property| property.get("not").is_none()) {
        *property = json!({ "anyOf": [property.clone(), { "type": "null" }] });
    }
    let definitions = json!({
        "service": service,
        "service_in_region": block("What differs in one region; null restores the default.", &[], Value::Object(in_region)),
        "image": image(),
        "tasks": block("How many tasks a region may run.", &[], json!({
            "min": number("At least; 2 by default, or `max` when that is less.", 1, 5000, None),
            "max": number("At most; `min` by default.", 1, 5000, None),
        })),
        "scale_on": scale_on(),
        "uses": block("What the service may use.", &[], json!({
            "tables": {
                "description": "Tables of this file by key, and what the service may do with them.",
                "type": "object",
                "additionalProperties": { "anyOf": [{ "type": "string", "enum": words(ACCESSES) }, { "type": "null" }] },
            },
            "aurora": {
                "description": "Global databases of this file by key; the service gets their addresses and the password.",
                "anyOf": [
                    { "type": "array", "uniqueItems": true, "items": { "type": "string" } },
                    { "type": "object", "additionalProperties": { "anyOf": [{ "$ref": "#/$defs/uses_aurora" }, { "type": "null" }] } },
                ],
            },
        })),
        "target_health_check": target_health_check(),
        "container_health_check": block("What ECS runs inside the container.", &["command"], json!({
            "command": { "description": "Begins with CMD or CMD-SHELL.", "type": "array", "minItems": 2, "items": text() },
            "interval": duration("Between two runs, 5s to 300s.", Some("30s")),
            "retries": number("Failures in a row until the container counts as unhealthy.", 1, 10, Some(3)),
            "start_period": duration("How long failures do not count, at most 300s.", Some("0s")),
        })),
        "deployment": block("How many tasks may run while a new revision comes.", &[], json!({
            "minimum_healthy": number("Percent of the wanted number that stays healthy.", 0, 100, Some(100)),
            "maximum": number("Percent of the wanted number that may run.", 100, 200, Some(200)),
        })),
        "logs": block("The log group.", &[], json!({
            "retention_days": {
                "description": "How long CloudWatch Logs keeps events.",
                "enum": [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653, "forever"],
                "default": 30,
            },
        })),
        "iam": block("What all roles have in common.", &[], json!({
            "path": { "description": "The path of roles, before the name of the stack.", "type": "string", "pattern": "^/([!-~]+/)?$", "default": "/mrctl/" },
            "permissions_boundary": { "description": "The ARN of a policy that bounds every role.", "type": ["string", "null"], "pattern": "^arn:aws[a-z-]*:iam::.+:policy/.+$" },
        })),
    });
    match definitions {
        Value::Object(definitions) => definitions,
        _ => Map::new(),
    }
}

/// A scalar that is read as text.
pub fn text() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

/// A whole number with its bounds.
pub fn number(description: &str, minimum: u64, maximum: u64, default: Option<u64>) -> Value {
    let mut value = json!({ "description": description, "type": "integer", "minimum": minimum, "maximum": maximum });
    if let (Some(default), Some(fields)) = (default, value.as_object_mut()) {
        fields.insert("default".into(), json!(default));
    }
    value
}

/// Yes or no, with a default.
pub fn flag(description: &str, default: bool) -> Value {
    json!({ "description": description, "type": "boolean", "default": default })
}

fn text_list(description: &str) -> Value {
    json!({ "description": description, "type": "array", "items": text() })
}

fn by_name(description: &str) -> Value {
    json!({
        "description": description,
        "type": "object",
        "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_.-]*$", "not": { "const": "AWS_REGION" } },
        "additionalProperties": { "type": ["string", "number", "boolean", "null"] },
    })
}

fn member() -> Map<String, Value> {
    let properties = json!({
        "image": { "description": "The container image, or one that a pipeline owns.", "anyOf": [{ "type": "string", "minLength": 1 }, { "$ref": "#/$defs/image" }] },
        "cpu": { "description": "CPU units, 1024 to a vCPU.", "enum": [256, 512, 1024, 2048, 4096, 8192, 16384], "default": 256 },
        "memory": number("MiB; by default the least that goes with the CPU.", 512, 122_880, None),
        "architecture": { "description": "What the image is built for.", "enum": words(ARCHITECTURES), "default": "x86_64" },
        "port": number("The port that the container listens on; without one the service is a worker.", 1, 65535, None),
        "command": text_list("The command; that of the image by default."),
        "entrypoint": text_list("The entrypoint; that of the image by default."),
        "environment": by_name("Variables. Values may contain {region}, {account}, {stack} and {tables.KEY}."),
        "secrets": by_name("Variables whose values are secrets: names or ARNs in Secrets Manager."),
        "tasks": reference("tasks", "How many tasks a region may run."),
        "scale_on": reference("scale_on", "The metric that is held at a target; none by default."),
        "uses": reference("uses", "What the service may use."),
        "load_balancer": { "description": "`public` by default when there is a port, else `none`.", "enum": words(LOAD_BALANCERS) },
        "allow_from": {
            "description": "Who may call the load balancer.",
            "type": "array", "minItems": 1, "maxItems": 25, "uniqueItems": true,
            "items": { "type": "string", "pattern": "^([0-9]{1,3}\\.){3}[0-9]{1,3}/[0-9]{1,2}$" },
            "default": ["0.0.0.0/0"],
        },
        "health_check": reference("target_health_check", "How the load balancer asks the tasks."),
        "container_health_check": reference("container_health_check", "What ECS runs inside the container; nothing by default."),
        "certificate": {
            "description": "`managed` by default when a record points at the service, else `none`; or the ARN of a certificate in each region.",
            "anyOf": [
                { "type": "string", "enum": words(CERTIFICATES) },
                {
                    "type": "object",
                    "propertyNames": { "pattern": REGION },
                    "additionalProperties": { "type": "string", "pattern": "^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+$" },
                },
            ],
        },
        "grace_period": duration("How long a new task may fail the health check of the load balancer.", Some("60s")),
        "stop_timeout": duration("How long a task may take to stop, 1s to 120s.", Some("30s")),
        "deregistration_delay": duration("How long a task that goes finishes its requests, at most 3600s.", Some("30s")),
        "deployment": reference("deployment", "How many tasks may run while a new revision comes."),
        "logs": reference("logs", "The log group."),
        "exec": flag("Let people open a shell in a task (ECS Exec).", false),
        "container_insights": flag("Container Insights of the cluster.", false),
        "deletion_protection": flag("Let nobody delete the load balancer by accident.", true),
        "peak": not_built(),
    });
    match properties {
        Value::Object(properties) => properties,
        _ => Map::new(),
    }
}

fn image() -> Value {
    block(
        "An image that a pipeline owns: only the first revision is made by mrctl.",
        &["owner", "first"],
        json!({
            "owner": { "description": "Who deploys later images.", "const": "ci" },
            "first": { "description": "The image that the service is made with.", "type": "string", "minLength": 1 },
        }),
    )
}

fn scale_on() -> Value {
    let mut scale = block(
        "The metric that is held at a target: exactly one.",
        &[],
        json!({
            "cpu": number("Average CPU of all tasks, percent.", 1, 100, None),
            "memory": number("Average memory of all tasks, percent.", 1, 100, None),
            "requests_per_target": number("Requests to each task in a minute.", 1, 1_000_000_000, None),
        }),
    );
    // In `per_region` null takes away what would otherwise be a second one.
    if let Some(properties) = scale["properties"].as_object_mut() {
        properties.values_mut().for_each(|property| property["type"] = json!(["integer", "null"]));
    }
    scale
}

fn target_health_check() -> Value {
    block(
        "How the load balancer asks the tasks.",
        &[],
        json!({
            "path": { "description": "What is asked for.", "type": ["string", "null"], "pattern": "^/[!-~]*$", "maxLength": 1024, "default": "/" },
            "interval": duration("Between two questions, 5s to 300s.", Some("10s")),
            "timeout": duration("How long an answer may take, 2s to 120s and less than the interval.", Some("5s")),
            "healthy": number("Good answers in a row until a task counts as healthy.", 2, 10, Some(2)),
            "unhealthy": number("Bad answers in a row until it counts as unhealthy.", 2, 10, Some(2)),
            "codes": { "description": "HTTP codes that are good, from 200 to 499.", "type": ["string", "integer"], "default": "200-299" },
        }),
    )
}
