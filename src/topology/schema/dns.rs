//! The section `dns`.
use serde_json::{Map, Value, json};

use super::{REGION, block, duration, region_list, services::number, words};
use crate::topology::decode::{HEALTH_CHECK_TYPES, INSUFFICIENT_DATA, POLICIES};

const NAME: &str = "^(\\*\\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.?$";

/// The definitions, by name.
pub fn definitions() -> Map<String, Value> {
    let by_region = |description: &str, of: Value| json!({ "description": description, "type": "object", "propertyNames": { "pattern": REGION }, "additionalProperties": of });
    let check = json!({ "description": "What Route 53 asks; nothing by default.", "anyOf": [{ "$ref": "#/$defs/record_health_check" }, { "type": "null" }] });
    let locations =
        json!({ "type": "array", "minItems": 1, "uniqueItems": true, "items": { "type": "string", "pattern": "^([A-Z]{2}|default)$" } });
    let in_region = json!({ "anyOf": [{ "$ref": "#/$defs/record_in_region" }, { "type": "null" }] });
    // Null in `per_region` restores a default, and takes away what does not go with the other way to check.
    let mut in_one_region = asked();
    for property in in_one_region.values_mut() {
        *property = json!({ "anyOf": [property.clone(), { "type": "null" }] });
    }
    let of_region = json!({
        "description": "What Route 53 asks or follows there.",
        "anyOf": [{ "type": "object", "additionalProperties": false, "properties": in_one_region }, { "type": "null" }],
    });
    let definitions = json!({
        "dns": block("Names that lead clients to the regions.", &["zone"], json!({
            "zone": {
                "description": "A public hosted zone that exists, or one that mrctl makes.",
                "anyOf": [{ "type": "string", "pattern": NAME }, { "$ref": "#/$defs/zone" }],
            },
            "records": {
                "description": "Records by name.",
                "type": "object",
                "propertyNames": { "pattern": NAME },
                "additionalProperties": { "$ref": "#/$defs/record" },
            },
        })),
        "zone": block("A hosted zone.", &["name"], json!({
            "name": { "description": "Its name.", "type": "string", "pattern": NAME },
            "create": { "description": "Whether mrctl makes it.", "type": "boolean", "default": false },
        })),
        "record": block("A name and the service it leads to.", &["service"], json!({
            "service": { "description": "The key of the service.", "type": "string", "minLength": 1 },
            "policy": { "description": "How clients are shared among the regions.", "enum": words(POLICIES), "default": "latency" },
            "weights": by_region("With `weighted`: each region's part.", number("0 to 255.", 0, 255, None)),
            "locations": by_region("With `geolocation`: continents, countries and `default`.", locations),
            "health_check": check,
            "regions": region_list("The regions of the record; those of its service by default."),
            "per_region": by_region("What differs in a region of the record.", in_region),
        })),
        "record_in_region": block("What differs in one region; null restores the default.", &[], json!({ "health_check": of_region })),
        "record_health_check": block("What Route 53 asks the load balancer of a region, or the alarm it follows.", &[], Value::Object(asked())),
    });
    match definitions {
        Value::Object(definitions) => definitions,
        _ => Map::new(),
    }
}

/// What a health check asks, or follows.
fn asked() -> Map<String, Value> {
    let properties = json!({
            "type": { "description": "`auto` is HTTPS when there is a certificate, else HTTP.", "enum": words(HEALTH_CHECK_TYPES), "default": "auto" },
            "path": { "description": "What is asked for; by default what the load balancer asks the tasks for.", "type": ["string", "null"], "pattern": "^/[!-~]*$", "maxLength": 255 },
            "interval": duration("Between two questions of one checker: 10s or 30s.", Some("10s")),
            "failure_threshold": number("Bad answers in a row until the region counts as unhealthy.", 1, 10, Some(3)),
            "from_alarm": { "description": "The key of an alarm that Route 53 follows instead of asking.", "type": ["string", "null"], "minLength": 1 },
            "insufficient_data": { "description": "How the check stands while the alarm has too little data; as its missing data counts by default.", "enum": words(INSUFFICIENT_DATA) },
    });
    match properties {
        Value::Object(properties) => properties,
        _ => Map::new(),
    }
}
