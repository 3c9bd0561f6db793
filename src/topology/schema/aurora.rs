//! The section `aurora`, and what a service says of the databases it uses.
use serde_json::{Map, Value, json};

use super::{
    REGION, block, reference, region_list,
    services::{flag, number, text},
    words,
};
use crate::topology::decode::{AURORA_ENCRYPTIONS, AURORA_ENGINES, ON_DESTROY};

/// The definitions, by name.
pub fn definitions() -> Map<String, Value> {
    let mut properties = member();
    let of_all = json!({
        "engine": { "description": "The engine.", "enum": words(AURORA_ENGINES) },
        "engine_version": { "description": "As AWS writes it: `8.0.mysql_aurora.3.08.0`, `16.11`; the same in every region.", "type": ["string", "number"] },
        "writer": { "description": "The region where the first writer is made. Where it is later is not changed by mrctl.", "type": "string", "pattern": REGION },
        "database_name": { "description": "The database that Aurora makes with the first writer; none by default.", "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]{0,63}$" },
        "master_username": { "description": "The user whose password mrctl keeps in Secrets Manager.", "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]{0,62}$", "default": "dbadmin" },
        "on_destroy": { "description": "What becomes of the data when the last cluster is removed: a final snapshot, or nothing.", "enum": words(ON_DESTROY), "default": "snapshot" },
        "encryption": {
            "description": "Whose key encrypts the clusters: a word, or the ARN of a KMS key for each region.",
            "anyOf": [
                { "type": "string", "enum": words(AURORA_ENCRYPTIONS) },
                {
                    "type": "object",
                    "propertyNames": { "pattern": REGION },
                    "additionalProperties": { "type": "string", "pattern": "^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$" },
                },
            ],
            "default": "aws_managed",
        },
        "regions": region_list("The regions of the database; all by default."),
        "per_region": {
            "description": "What differs in a region of the database.",
            "type": "object",
            "propertyNames": { "pattern": REGION },
            "additionalProperties": { "anyOf": [{ "$ref": "#/$defs/aurora_in_region" }, { "type": "null" }] },
        },
    });
    if let Value::Object(of_all) = of_all {
        properties.extend(of_all);
    }
    let mut in_region = member();
    // Merged over the database's own: each limit only where it differs.
    in_region.insert("serverless".into(), json!({ "description": "Aurora Serverless v2 in this region.", "type": "object", "additionalProperties": false, "properties": limits() }));
    // Null in `per_region` restores a default, and takes away the capacity that another one replaces.
    for property in in_region.values_mut() {
        *property = json!({ "anyOf": [property.clone(), { "type": "null" }] });
    }
    let definitions = json!({
        "aurora": block("An Aurora global database.", &["engine", "engine_version", "writer"], Value::Object(properties)),
        "aurora_in_region": block("What differs in one region; null restores the default.", &[], Value::Object(in_region)),
        "serverless": block("Between which limits Aurora Serverless v2 scales each instance, in capacity units (ACU) by halves.", &["min", "max"], limits()),
        "uses_aurora": block("How a service uses a global database.", &[], json!({
            "env_prefix": {
                "description": "What the names of its variables begin with; `DB_` and the key in upper case by default.",
                "type": ["string", "null"],
                "pattern": "^[A-Za-z_]([A-Za-z0-9_]*[A-Za-z0-9])?$",
            },
        })),
    });
    match definitions {
        Value::Object(definitions) => definitions,
        _ => Map::new(),
    }
}

fn limits() -> Value {
    json!({ "min": units("At least.", 0.0), "max": units("At most.", 1.0) })
}

fn units(description: &str, minimum: f64) -> Value {
    json!({ "description": description, "type": "number", "minimum": minimum, "maximum": 256, "multipleOf": 0.5 })
}

/// What may differ from region to region.
fn member() -> Map<String, Value> {
    let properties = json!({
        "instance_class": {
            "description": "The class of every instance, memory-optimised: db.r5 or later, or db.x2g. Either this or `serverless`.",
            "type": "string", "pattern": "^db\\.[a-z0-9]+\\.[a-z0-9]+$",
        },
        "serverless": reference("serverless", "Aurora Serverless v2. Either this or `instance_class`."),
        "instances": number("How many instances; 0 (only where the writer is not) is a copy of the data without anybody to read it.", 0, 16, Some(2)),
        "write_forwarding": flag("A cluster that is not the writer's passes writes on to it.", false),
        "backup_retention_days": number("How long backups are kept.", 1, 35, Some(7)),
        "deletion_protection": flag("Let nobody delete the cluster by accident.", true),
        "parameters": {
            "description": "Parameters of the cluster's parameter group, by name.",
            "type": "object",
            "propertyNames": { "pattern": "^[a-z][a-z0-9_.-]*$" },
            "additionalProperties": { "anyOf": [text(), { "type": "null" }] },
        },
    });
    match properties {
        Value::Object(properties) => properties,
        _ => Map::new(),
    }
}
