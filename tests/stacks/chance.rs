//! Topologies by chance: anything that a valid file may say and this version builds.
use fastrand::Rng;
use serde_json::{Map, Value, json};

/// The regions that the files of these tests use.
pub const REGIONS: [&str; 11] = [
    "us-east-1",
    "eu-west-1",
    "ap-southeast-2",
    "us-west-2",
    "eu-central-1",
    "eu-west-2",
    "eu-north-1",
    "sa-east-1",
    "ca-central-1",
    "ap-northeast-1",
    "us-east-2",
];

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const NAME: &str = "abcXYZ019_.-";
const TAG: &str = "abcXYZ019_.:/=+-@";

fn text(chance: &mut Rng, from: &str, length: usize) -> String {
    let letters: Vec<char> = from.chars().collect();
    (0..length).map(|_| letters[chance.usize(..letters.len())]).collect()
}

/// A valid name for a stack.
pub fn stack(chance: &mut Rng) -> String {
    let length = chance.usize(0..18);
    format!("s{}{}", text(chance, &format!("{LOWER}-"), length), text(chance, LOWER, 1))
}

fn some<'a>(chance: &mut Rng, from: &[&'a str], count: usize) -> Vec<&'a str> {
    let mut all = from.to_vec();
    chance.shuffle(&mut all);
    all.truncate(count);
    all
}

/// A valid topology of that stack.
pub fn topology(chance: &mut Rng, stack: &str) -> Value {
    let count = chance.usize(1..=3);
    let regions = some(chance, &REGIONS, count);
    let mut file = json!({ "version": 1, "stack": stack });
    let ranges = regions.iter().enumerate().map(|(index, region)| {
        let range = format!("10.{}.0.0/{}", 16 * index, chance.usize(16..=22));
        ((*region).to_owned(), json!({ "cidr": range }))
    });
    file["regions"] = Value::Object(ranges.collect());
    if chance.u8(..4) > 0 {
        file["network"] = json!({});
        if chance.bool() {
            file["network"]["availability_zones"] = json!(chance.usize(2..=3));
        }
    }
    let tables: Map<String, Value> =
        (0..chance.usize(..3)).map(|index| (format!("{index}{}", text(chance, NAME, 4)), table(chance, &regions))).collect();
    if !tables.is_empty() {
        file["tables"] = Value::Object(tables);
    }
    if chance.bool() {
        let tags = (0..chance.usize(1..=20)).map(|index| {
            let (key, value) = (chance.usize(1..20), chance.usize(1..200));
            (format!("k{index}{}", text(chance, TAG, key)), json!(format!("v{} x", text(chance, TAG, value))))
        });
        file["tags"] = Value::Object(tags.collect());
    }
    if chance.bool() {
        let named = chance.usize(1..=regions.len());
        file["rollout"] = json!({ "order": some(chance, &regions, named), "bake": "1s" });
    }
    file
}

fn table(chance: &mut Rng, regions: &[&str]) -> Value {
    let types = ["string", "number", "binary"];
    let mut table = json!({ "partition_key": { "name": "id", "type": (types[chance.usize(..3)]) } });
    if chance.bool() {
        table["sort_key"] = json!({ "name": "a key with spaces", "type": (types[chance.usize(..3)]) });
    }
    member(chance, &mut table);
    let mut inside = regions.to_vec();
    if chance.bool() {
        let count = chance.usize(1..=regions.len());
        inside = some(chance, regions, count);
        table["regions"] = json!(inside);
    }
    if chance.bool() {
        let mut change = json!({});
        member(chance, &mut change);
        table["per_region"] = json!({ inside[0]: change });
    }
    if chance.bool() {
        table["writes"] = json!(["any_region", "one_region", "by_key"][chance.usize(..3)]);
    }
    if chance.u8(..3) == 0 {
        let mut scaling = || json!({ "min": chance.u32(1..5), "max": chance.u32(5..20), "target": chance.u32(20..=90) });
        table["billing"] = json!({ "read": scaling(), "write": scaling() });
    }
    if chance.u8(..4) == 0 {
        table["name"] = json!(format!("{{stack}}.{}", text(chance, NAME, 20)));
    }
    table
}

fn member(chance: &mut Rng, table: &mut Value) {
    for key in ["point_in_time_recovery", "deletion_protection"] {
        if chance.bool() {
            table[key] = json!(chance.bool());
        }
    }
}
