//! The JSON schema of the topology file, for editors.
use serde_json::{Value, json};

/// The schema, draft 2020-12.
#[must_use]
pub fn schema() -> Value {
    let duration = json!({ "type": "string", "pattern": "^[0-9]+[smh]$" });
    let key = json!({
        "type": "object", "additionalProperties": false, "required": ["name", "type"],
        "properties": { "name": { "type": "string" }, "type": { "enum": ["string", "number", "binary"] } }
    });
    let flags = json!({
        "billing": { "const": "on_demand", "default": "on_demand" },
        "point_in_time_recovery": { "type": "boolean", "default": true },
        "deletion_protection": { "type": "boolean", "default": true }
    });
    let mut table = json!({
        "partition_key": key, "sort_key": key,
        "name": { "type": "string", "description": "The name in DynamoDB; `<stack>-<key>` unless told." },
        "consistency": { "const": "eventual", "default": "eventual" },
        "writes": { "enum": ["any_region", "one_region", "by_key"], "default": "any_region" },
        "regions": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
        "per_region": { "type": "object", "additionalProperties": { "type": "object", "additionalProperties": false, "properties": flags } }
    });
    if let (Some(table), Some(flags)) = (table.as_object_mut(), flags.as_object()) {
        table.extend(flags.clone());
    }
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mrctl topology",
        "type": "object",
        "additionalProperties": false,
        "required": ["version", "stack", "regions"],
        "properties": {
            "version": { "const": 1 },
            "stack": { "type": "string", "pattern": "^[a-z][a-z0-9-]{1,19}$" },
            "account": { "type": "string", "pattern": "^[0-9]{12}$", "description": "Refuse any other account." },
            "tags": { "type": "object", "additionalProperties": { "type": "string" }, "maxProperties": 40 },
            "objectives": {
                "type": "object", "additionalProperties": false,
                "properties": { "rto": duration, "rpo": duration, "survive_regions": { "type": "integer", "minimum": 0 } }
            },
            "regions": {
                "type": "object", "minProperties": 1, "description": "In rollout order.",
                "additionalProperties": {
                    "type": ["object", "null"], "additionalProperties": false,
                    "properties": {
                        "cidr": { "type": "string", "description": "The VPC's range, /16 to /22." },
                        "state": { "const": "active", "default": "active" }
                    }
                }
            },
            "network": {
                "type": ["object", "null"], "additionalProperties": false,
                "properties": {
                    "availability_zones": { "oneOf": [{ "type": "integer", "minimum": 2, "maximum": 4 }, texts], "default": 3 },
                    "nat_gateways": { "enum": ["per_zone", "single", "none"], "default": "none" },
                    "endpoints": texts,
                    "peering": { "enum": ["none", "mesh"], "default": "none" },
                    "existing": {
                        "type": "object",
                        "additionalProperties": {
                            "type": "object", "additionalProperties": false, "required": ["vpc"],
                            "properties": { "vpc": { "type": "string" }, "public_subnets": texts, "private_subnets": texts }
                        }
                    }
                }
            },
            "tables": {
                "type": "object",
                "additionalProperties": { "type": "object", "additionalProperties": false, "required": ["partition_key"], "properties": table }
            },
            "rollout": {
                "type": "object", "additionalProperties": false,
                "properties": { "order": texts, "bake": duration, "gate_timeout": duration }
            }
        }
    })
}
