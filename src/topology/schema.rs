//! The JSON schema of the topology: what lets an editor complete and underline it.
//!
//! Every block is a definition named as the readers name it; a test holds the keys of both together.
mod alarms;
mod aurora;
mod dns;
mod services;

use serde_json::{Map, Value, json};

use super::decode::{
    ATTRIBUTE_TYPES, CONSISTENCIES, ENCRYPTIONS, NAT_GATEWAYS, PEERING, PROJECTIONS, SECTIONS_NOT_BUILT, STREAMS, TABLE_CLASSES, WRITES,
};

/// The schema, draft 2020-12.
#[must_use]
pub fn schema() -> Value {
    let mut top = topology();
    top.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    top.insert("title".into(), json!("mrctl topology"));
    let mut definitions = services::definitions();
    definitions.append(&mut aurora::definitions());
    definitions.append(&mut dns::definitions());
    definitions.append(&mut alarms::definitions());
    if let Value::Object(mut others) = json!({
            "objectives": objectives(),
            "region": region(),
            "network": network(),
            "existing_network": existing_network(),
            "table": table(),
            "table_in_region": table_in_region(),
            "capacity": capacity(),
            "capacity_in_region": capacity_in_region(),
            "scaling": scaling(),
            "index": index(),
            "key_attribute": key_attribute(),
            "rollout": rollout(),
    }) {
        definitions.append(&mut others);
    }
    top.insert("$defs".into(), Value::Object(definitions));
    Value::Object(top)
}

const REGION: &str = "^[a-z]{2,}(-[a-z]{2,}){1,2}-[0-9]{1,2}$";

fn block(description: &str, required: &[&str], properties: Value) -> Value {
    json!({ "description": description, "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

fn reference(name: &str, description: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}"), "description": description })
}

/// Part of the format, refused by this version: completed with its description and underlined.
fn not_built() -> Value {
    json!({ "description": "Not built yet in this version.", "not": {} })
}

fn words<T>(choices: &[(&str, T)]) -> Vec<String> {
    choices.iter().map(|(word, _)| (*word).to_owned()).collect()
}

fn duration(description: &str, default: Option<&str>) -> Value {
    let mut value = json!({ "description": description, "type": "string", "pattern": "^[0-9]+[smh]$" });
    if let (Some(default), Some(fields)) = (default, value.as_object_mut()) {
        fields.insert("default".into(), json!(default));
    }
    value
}

fn region_list(description: &str) -> Value {
    json!({ "description": description, "type": "array", "minItems": 1, "uniqueItems": true, "items": { "type": "string", "pattern": REGION } })
}

fn flag(description: &str) -> Value {
    json!({ "description": description, "type": ["boolean", "null"], "default": true })
}

fn topology() -> Map<String, Value> {
    let mut properties = json!({
        "version": { "description": "The version of the format.", "const": 1 },
        "stack": { "description": "Begins every name in AWS and is the mark of ownership.", "type": "string", "pattern": "^[a-z][a-z0-9-]{0,18}[a-z0-9]$" },
        "account": { "description": "The AWS account, in quotes. mrctl refuses any other.", "type": ["string", "integer"], "pattern": "^[0-9]{12}$" },
        "tags": {
            "description": "Tags on everything that can carry them.",
            "type": "object",
            "maxProperties": 40,
            "propertyNames": { "pattern": "^(?!aws:|rds:|mrctl:)[A-Za-z0-9_.:/=+@-]{1,128}$" },
            "additionalProperties": { "type": ["string", "number", "boolean"] },
        },
        "objectives": reference("objectives", "What the workload promises. Accepted; judged by a later version."),
        "regions": {
            "description": "The regions, in rollout order.",
            "type": "object",
            "minProperties": 1,
            "propertyNames": { "pattern": REGION },
            "additionalProperties": { "anyOf": [{ "$ref": "#/$defs/region" }, { "type": "null" }] },
        },
        "network": {
            "description": "A VPC in every region. Without this section no network is made.",
            "anyOf": [{ "$ref": "#/$defs/network" }, { "type": "null" }],
        },
        "tables": {
            "description": "DynamoDB global tables, by key.",
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z0-9_.-]+$" },
            "additionalProperties": { "$ref": "#/$defs/table" },
        },
        "aurora": {
            "description": "Aurora global databases, by key.",
            "type": "object",
            "propertyNames": { "pattern": "^[a-z]([a-z0-9-]*[a-z0-9])?$" },
            "additionalProperties": { "$ref": "#/$defs/aurora" },
        },
        "services": {
            "description": "ECS services on Fargate, the same in every region, by key.",
            "type": "object",
            "propertyNames": { "pattern": "^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$" },
            "additionalProperties": { "$ref": "#/$defs/service" },
        },
        "iam": reference("iam", "What all roles have in common."),
        "dns": reference("dns", "Names that lead clients to the regions."),
        "alarms": {
            "description": "What is watched, by key.",
            "type": "object",
            "propertyNames": { "pattern": "^[a-z]([a-z0-9-]*[a-z0-9])?$", "not": { "const": "region" } },
            "additionalProperties": { "$ref": "#/$defs/alarm" },
        },
        "alerts": reference("alerts", "Who is told of alarms."),
        "dashboard": { "description": "A CloudWatch dashboard with all regions side by side.", "type": "boolean", "default": false },
        "rollout": reference("rollout", "How changes go from region to region."),
    });
    if let Some(properties) = properties.as_object_mut() {
        properties.extend(SECTIONS_NOT_BUILT.iter().map(|section| ((*section).to_owned(), not_built())));
    }
    match block("A workload that is live in several AWS regions.", &["version", "stack", "regions"], properties) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn objectives() -> Value {
    block(
        "What the workload promises.",
        &[],
        json!({
            "rto": duration("How long the workload may be down.", None),
            "rpo": duration("How much of the latest data may be lost.", None),
            "survive_regions": { "description": "How many regions may be lost at once.", "type": "integer", "minimum": 0 },
        }),
    )
}

fn region() -> Value {
    block(
        "A region.",
        &[],
        json!({
            "cidr": { "description": "The range of the region's VPC, /16 to /22. No two regions may overlap.", "type": "string", "pattern": "^([0-9]{1,3}\\.){3}[0-9]{1,3}/(1[6-9]|2[0-2])$" },
            "state": { "description": "Only `active` in this version.", "const": "active", "default": "active" },
        }),
    )
}

fn network() -> Value {
    block(
        "A VPC in every region.",
        &[],
        json!({
            "availability_zones": {
                "description": "How many zones in each region, or the zone ids to use.",
                "anyOf": [
                    { "type": "integer", "minimum": 2, "maximum": 4 },
                    { "type": "array", "uniqueItems": true, "items": { "type": "string", "pattern": "^[a-z]+[0-9]{1,2}-az[0-9]{1,2}$" } },
                ],
                "default": 3,
            },
            "nat_gateways": { "description": "The way out of private subnets.", "enum": words(NAT_GATEWAYS), "default": "none" },
            "endpoints": {
                "description": "VPC endpoints by the last part of their service name.",
                "type": "array", "uniqueItems": true, "items": { "type": "string", "pattern": "^[a-z0-9.-]+$" }, "default": [],
            },
            "peering": { "description": "Connect the regions' VPCs.", "enum": words(PEERING), "default": "none" },
            "existing": {
                "description": "VPCs that are referred to and never touched, by region.",
                "type": "object",
                "propertyNames": { "pattern": REGION },
                "additionalProperties": { "$ref": "#/$defs/existing_network" },
            },
        }),
    )
}

fn existing_network() -> Value {
    let subnets = |what: &str| json!({ "description": what, "type": "array", "uniqueItems": true, "items": { "type": "string", "pattern": "^subnet-([0-9a-f]{8}|[0-9a-f]{17})$" } });
    block(
        "A VPC that exists already.",
        &["vpc"],
        json!({
            "vpc": { "description": "The id of the VPC.", "type": "string", "pattern": "^vpc-([0-9a-f]{8}|[0-9a-f]{17})$" },
            "public_subnets": subnets("The ids of its public subnets."),
            "private_subnets": subnets("The ids of its private subnets."),
        }),
    )
}

fn table() -> Value {
    let properties = json!({
        "name": { "description": "The name in DynamoDB; `<stack>-<key>` by default. May contain {stack} and {account}.", "type": "string", "minLength": 1 },
        "partition_key": reference("key_attribute", "The partition key."),
        "sort_key": reference("key_attribute", "The sort key; none by default."),
        "billing": {
            "description": "How capacity is paid for: on demand, or provisioned between limits.",
            "anyOf": [{ "const": "on_demand" }, { "$ref": "#/$defs/capacity" }],
            "default": "on_demand",
        },
        "consistency": { "description": "How members of the table agree.", "enum": words(CONSISTENCIES), "default": "eventual" },
        "witness": { "description": "The third region of a strongly consistent table with two members; it votes and stores nothing.", "type": "string", "pattern": REGION },
        "writes": { "description": "How the application avoids lost updates.", "enum": words(WRITES), "default": "any_region" },
        "point_in_time_recovery": flag("Keep a continuous backup of 35 days."),
        "deletion_protection": flag("Let nobody delete the table by accident."),
        "indexes": {
            "description": "Secondary indexes by name.",
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z0-9_.-]{3,255}$" },
            "additionalProperties": { "$ref": "#/$defs/index" },
        },
        "ttl_attribute": { "description": "The attribute with the time after which an item is deleted; none by default.", "type": ["string", "null"], "minLength": 1, "maxLength": 255 },
        "table_class": { "description": "What storage and requests cost.", "enum": words(TABLE_CLASSES), "default": "standard" },
        "stream": { "description": "The stream of a table in one region; with replicas it is always on.", "enum": words(STREAMS) },
        "encryption": {
            "description": "Whose key encrypts the table: a word, or the ARN of a KMS key for each region.",
            "anyOf": [
                { "type": "string", "enum": words(ENCRYPTIONS) },
                {
                    "type": "object",
                    "propertyNames": { "pattern": REGION },
                    "additionalProperties": { "type": "string", "pattern": "^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$" },
                },
            ],
            "default": "aws_owned",
        },
        "regions": region_list("The regions of the table; all by default."),
        "per_region": {
            "description": "What differs in a region of the table.",
            "type": "object",
            "propertyNames": { "pattern": REGION },
            "additionalProperties": { "anyOf": [{ "$ref": "#/$defs/table_in_region" }, { "type": "null" }] },
        },
    });
    block("A DynamoDB global table.", &["partition_key"], properties)
}

fn table_in_region() -> Value {
    let properties = json!({
        "point_in_time_recovery": flag("Keep a continuous backup of 35 days; null restores the default."),
        "deletion_protection": flag("Let nobody delete the member by accident; null restores the default."),
        "billing": reference("capacity_in_region", "How reads of a provisioned table are scaled here."),
    });
    block("What differs in one region.", &[], properties)
}

fn capacity() -> Value {
    block(
        "Provisioned capacity of a table and of each of its global indexes.",
        &["read", "write"],
        json!({ "read": reference("scaling", "Reads, in each region."), "write": reference("scaling", "Writes, the same in all regions.") }),
    )
}

fn capacity_in_region() -> Value {
    block(
        "What differs in one region of a provisioned table, merged over the table's own.",
        &[],
        json!({
            "read": {
                "description": "Reads in this region.",
                "type": "object",
                "additionalProperties": false,
                "properties": scaling_fields(true),
            },
        }),
    )
}

fn scaling() -> Value {
    block("Between which limits AWS scales.", &["min", "max"], scaling_fields(false))
}

fn scaling_fields(or_null: bool) -> Value {
    let units = |what: &str| json!({ "description": what, "type": "integer", "minimum": 1, "maximum": i32::MAX });
    let kind = if or_null { json!(["integer", "null"]) } else { json!("integer") };
    json!({
        "min": units("The fewest capacity units."),
        "max": units("The most capacity units, at least `min`."),
        "target": { "description": "The part of the capacity that is to be used, in percent.", "type": kind, "minimum": 20, "maximum": 90, "default": 70 },
    })
}

fn index() -> Value {
    block(
        "A secondary index.",
        &[],
        json!({
            "partition_key": reference("key_attribute", "The partition key; a local index has that of its table."),
            "sort_key": reference("key_attribute", "The sort key; none by default."),
            "projection": {
                "description": "The attributes that the index carries.",
                "anyOf": [
                    { "type": "string", "enum": words(PROJECTIONS) },
                    { "type": "array", "minItems": 1, "maxItems": 20, "uniqueItems": true, "items": { "type": "string", "minLength": 1, "maxLength": 255 } },
                ],
                "default": "all",
            },
            "local": { "description": "Sorts each partition of the table in another way. Only at the creation of the table.", "type": "boolean", "default": false },
        }),
    )
}

fn key_attribute() -> Value {
    block(
        "A key attribute.",
        &["name", "type"],
        json!({
            "name": { "description": "The attribute's name.", "type": "string", "minLength": 1, "maxLength": 255 },
            "type": { "description": "The attribute's type.", "enum": words(ATTRIBUTE_TYPES) },
        }),
    )
}

fn rollout() -> Value {
    block(
        "How changes go from region to region.",
        &[],
        json!({
            "bake": duration("How long a region is watched before the next one begins.", Some("2m")),
            "gate_timeout": duration("How long a gate may take to pass.", Some("15m")),
            "order": region_list("The order of regions, if it is not that of the file."),
        }),
    )
}
