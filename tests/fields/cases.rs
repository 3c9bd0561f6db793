//! What is done to each field, and what has to come of it.
use After::{Change, Later, Nothing, Refused, Stopped};
use serde_json::{Value, json};

use super::{databases, naming, serving, watching};

/// What a plan says after an edit.
#[derive(Clone, Copy)]
pub enum After {
    /// Something is changed, in place or by replacement, and then it is as wanted.
    Change,
    /// The same, in two runs an hour apart.
    Later,
    /// The field is accepted and changes nothing in AWS, for this reason.
    Nothing(&'static str),
    /// Data, or what protects it, would be lost: done only when that is allowed by name.
    Refused,
    /// Neither planned nor applied: these credentials are for another account.
    Stopped,
}

/// One field through several values, or several that move in the same steps, so that one apply is for all of them.
pub struct Case {
    pub base: Value,
    /// All with as many steps.
    pub moves: Vec<Move>,
    /// Whether each is also planned without the others: it must do by itself what is said of it. Not where the file would be
    /// wrong with one of them alone.
    pub apart: bool,
}

/// What is done to one field.
pub struct Move {
    /// `block.key`, or `block.key.*` for an entry of a map.
    pub field: String,
    /// Where in the file.
    pub at: String,
    /// One value after the other; null takes the field away. Among others a field may stay as it is.
    pub steps: Vec<(Value, After)>,
}

impl Case {
    pub fn name(&self) -> String {
        self.moves.iter().map(|one| one.field.as_str()).collect::<Vec<_>>().join(", ")
    }
}

pub fn moved(field: &str, at: &str, steps: impl Into<Vec<(Value, After)>>) -> Move {
    Move { field: field.to_owned(), at: at.to_owned(), steps: steps.into() }
}

pub fn case<const N: usize>(field: &str, base: &Value, at: &str, steps: [(Value, After); N]) -> Case {
    Case { base: base.clone(), moves: vec![moved(field, at, steps)], apart: false }
}

/// Fields that have nothing to do with each other.
pub fn beside(base: &Value, moves: Vec<Move>) -> Case {
    Case { base: base.clone(), moves, apart: true }
}

/// Fields that the file takes only together.
pub fn together(base: &Value, moves: Vec<Move>) -> Case {
    Case { base: base.clone(), moves, apart: false }
}

/// The same outcome each time.
pub fn always<const N: usize>(after: After, values: [Value; N]) -> [(Value, After); N] {
    values.map(|value| (value, after))
}

pub fn cases() -> Vec<Case> {
    let data = [shared(), network(), tables(), capacity(), settings(), indexes(), members()];
    data.into_iter().chain([databases::cases(), serving::cases(), naming::cases(), watching::cases()]).flatten().collect()
}

pub const GONE: Value = Value::Null;

/// Two regions without anything in them.
fn regions() -> Value {
    json!({
        "version": 1,
        "stack": "shop",
        "regions": { "us-east-1": { "cidr": "10.10.0.0/16" }, "eu-west-1": { "cidr": "10.20.0.0/16" } },
    })
}

fn with_network() -> Value {
    let mut base = regions();
    base["network"] = json!({ "availability_zones": 2 });
    base
}

fn with_table() -> Value {
    let mut base = regions();
    base["tables"] = json!({ "Orders": { "partition_key": { "name": "id", "type": "string" } } });
    base
}

/// A network and a table.
fn with_all() -> Value {
    let mut base = with_network();
    base["tables"] = with_table()["tables"].clone();
    base
}

fn shared() -> Vec<Case> {
    let (all, table) = (with_all(), with_table());
    let judged_later = Nothing("accepted; a later version judges whether the stack can keep it");
    let no_waves = Nothing("it says how a change goes from region to region, not what there is");
    let guards = Nothing("it says which account is meant, and is made nowhere");
    vec![
        case("topology.account", &table, "/account", [(json!("ACCOUNT"), guards), (json!("123456789012"), Stopped), (GONE, guards)]),
        case("topology.tags", &all, "/tags", always(Change, [json!({ "a": "1" }), json!({ "b": "2", "c": "x y" }), GONE])),
        case("topology.tags.*", &all, "/tags/team", always(Change, [json!("a"), json!("b"), GONE])),
        case("topology.objectives", &table, "/objectives", always(judged_later, [json!({ "rto": "5m" }), json!({ "rpo": "1m" }), GONE])),
        case("objectives.rto", &table, "/objectives/rto", always(judged_later, [json!("5m"), json!("1h"), GONE])),
        case("objectives.rpo", &table, "/objectives/rpo", always(judged_later, [json!("5s"), json!("1m"), GONE])),
        case("objectives.survive_regions", &table, "/objectives/survive_regions", always(judged_later, [json!(1), json!(0), GONE])),
        case("topology.rollout", &table, "/rollout", always(no_waves, [json!({ "bake": "1m" }), json!({ "bake": "2s" }), GONE])),
        case("rollout.bake", &table, "/rollout/bake", always(no_waves, [json!("1m"), json!("0s"), GONE])),
        case("rollout.gate_timeout", &table, "/rollout/gate_timeout", always(no_waves, [json!("1m"), json!("1h"), GONE])),
        case("rollout.order", &table, "/rollout/order", always(no_waves, [json!(["eu-west-1"]), json!(["us-east-1", "eu-west-1"]), GONE])),
        case(
            "topology.regions.*",
            &all,
            "/regions/us-west-2",
            [(json!({ "cidr": "10.30.0.0/16" }), Change), (json!({ "cidr": "10.40.0.0/20" }), Change), (GONE, Refused)],
        ),
        case("region.state", &table, "/regions/us-east-1/state", always(Nothing("only the default is built"), [json!("active"), GONE])),
    ]
}

fn network() -> Vec<Case> {
    let (network, table) = (with_network(), with_table());
    let not_touched = Nothing("a network that is referred to is not touched");
    let no_network = Nothing("only a network uses the range");
    // The default VPC and its subnets, which the local AWS has in every region; no other.
    let vpc = || json!({ "vpc": "vpc-00000001" });
    let mut referred = network.clone();
    referred["network"]["existing"] = json!({ "us-east-1": vpc() });
    let subnets = || {
        let (one, two, three) = ("subnet-00000001", "subnet-00000002", "subnet-00000003");
        let none = (json!([one, "subnet-89abcdef"]), Stopped);
        [
            (json!([one, two]), not_touched),
            (json!([two, three]), not_touched),
            none,
            (json!([two, three]), not_touched),
            (GONE, not_touched),
        ]
    };
    let mut defaults = network.clone();
    defaults["network"] = json!({});
    vec![
        case("topology.network", &table, "/network", always(Change, [json!({ "availability_zones": 2 }), json!({}), GONE])),
        case("region.cidr", &network, "/regions/us-east-1/cidr", always(Change, [json!("10.99.0.0/16"), json!("10.99.0.0/20")])),
        case("region.cidr", &table, "/regions/us-east-1/cidr", always(no_network, [GONE, json!("10.10.0.0/16"), json!("10.11.0.0/16")])),
        case(
            "network.availability_zones",
            &defaults,
            "/network/availability_zones",
            always(Change, [json!(2), json!(["use1-az3", "use1-az2", "euw1-az3", "euw1-az1"]), GONE]),
        ),
        case("network.nat_gateways", &network, "/network/nat_gateways", always(Change, [json!("single"), json!("per_zone"), GONE])),
        case("network.endpoints", &network, "/network/endpoints", always(Change, [json!(["s3"]), json!(["ecr.api"]), GONE])),
        case("network.peering", &network, "/network/peering", always(Change, [json!("mesh"), json!("none"), json!("mesh"), GONE])),
        case(
            "network.existing",
            &network,
            "/network/existing",
            always(Change, [json!({ "us-east-1": vpc() }), json!({ "eu-west-1": vpc() }), GONE]),
        ),
        case(
            "network.existing.*",
            &network,
            "/network/existing/us-east-1",
            [(vpc(), Change), (json!({ "vpc": "vpc-89abcdef" }), Stopped), (GONE, Change)],
        ),
        case("existing_network.vpc", &referred, "/network/existing/us-east-1/vpc", [(json!("vpc-89abcdef"), Stopped)]),
        case("existing_network.public_subnets", &referred, "/network/existing/us-east-1/public_subnets", subnets()),
        case("existing_network.private_subnets", &referred, "/network/existing/us-east-1/private_subnets", subnets()),
    ]
}

fn tables() -> Vec<Case> {
    let (none, table) = (regions(), with_table());
    let spec = |key: &str| json!({ "partition_key": { "name": key, "type": "string" } });
    let key = |name: &str, of: &str| json!({ "name": name, "type": of });
    let mut one_set = table.clone();
    one_set["regions"] = json!({ "us-east-1": {}, "us-east-2": {}, "us-west-2": {} });
    let witness = |region: &str| {
        let key = json!({ "name": "id", "type": "string" });
        json!({ "partition_key": key, "regions": ["us-east-1", "us-east-2"], "consistency": "strong", "witness": region })
    };
    let mut voting = one_set.clone();
    voting["regions"] = json!({ "eu-west-1": {}, "eu-central-1": {} });
    voting["tables"]["Ledger"] = witness("eu-west-2");
    voting["tables"]["Ledger"]["regions"] = json!(["eu-west-1", "eu-central-1"]);
    let statement = Nothing("a statement about the application, not a setting");
    vec![
        case(
            "topology.tables",
            &none,
            "/tables",
            [(json!({ "Orders": spec("id") }), Change), (json!({ "Carts": spec("id") }), Refused), (GONE, Refused)],
        ),
        case("topology.tables.*", &table, "/tables/Carts", [(spec("a"), Change), (spec("b"), Refused), (GONE, Refused)]),
        case("table.name", &table, "/tables/Orders/name", always(Refused, [json!("orders"), json!("{stack}.orders"), GONE])),
        case("table.partition_key", &table, "/tables/Orders/partition_key", [(key("other", "binary"), Refused)]),
        case("key_attribute.name", &table, "/tables/Orders/partition_key/name", [(json!("other"), Refused)]),
        case("key_attribute.type", &table, "/tables/Orders/partition_key/type", [(json!("number"), Refused)]),
        case("table.sort_key", &table, "/tables/Orders/sort_key", always(Refused, [key("at", "number"), key("at", "string"), GONE])),
        case(
            "table.consistency",
            &one_set,
            "/tables/Orders/consistency",
            [(json!("strong"), Refused), (json!("eventual"), Refused), (GONE, Nothing("it is the default"))],
        ),
        case("table.witness", &one_set, "/tables/Ledger", [(witness("us-west-2"), Change), (GONE, Refused)]),
        case("table.witness", &voting, "/tables/Ledger/witness", [(json!("eu-west-3"), Refused)]),
        case("table.writes", &table, "/tables/Orders/writes", always(statement, [json!("by_key"), json!("one_region"), GONE])),
        case(
            "table.regions",
            &table,
            "/tables/Orders/regions",
            [(json!(["us-east-1"]), Refused), (json!(["us-east-1", "eu-west-1"]), Change), (json!(["eu-west-1"]), Refused), (GONE, Change)],
        ),
    ]
}

fn capacity() -> Vec<Case> {
    let table = with_table();
    let scaling = |min: u32, target: u32| json!({ "min": min, "max": 20, "target": target });
    let both = |read: Value, write: Value| json!({ "read": read, "write": write });
    let mut provisioned = table.clone();
    provisioned["tables"]["Orders"]["billing"] = both(scaling(5, 70), scaling(5, 70));
    let the_default = Nothing("it is the default");
    let here = |read: Value| json!({ "read": read });
    let mut differs = provisioned.clone();
    differs["tables"]["Orders"]["per_region"] = json!({ "eu-west-1": { "billing": here(json!({ "min": 7 })) } });
    vec![
        case(
            "table.billing",
            &table,
            "/tables/Orders/billing",
            [
                (both(scaling(5, 70), scaling(5, 70)), Change),
                (both(scaling(5, 70), scaling(6, 80)), Change),
                (json!("on_demand"), Change),
                (GONE, the_default),
            ],
        ),
        case("capacity.read", &provisioned, "/tables/Orders/billing/read", always(Change, [scaling(8, 70), scaling(8, 50)])),
        case("capacity.write", &provisioned, "/tables/Orders/billing/write", always(Change, [scaling(8, 70), scaling(2, 50)])),
        case("scaling.min", &provisioned, "/tables/Orders/billing/write/min", always(Change, [json!(9), json!(1)])),
        case("scaling.max", &provisioned, "/tables/Orders/billing/read/max", always(Change, [json!(30), json!(5)])),
        case(
            "scaling.target",
            &provisioned,
            "/tables/Orders/billing/read/target",
            [(GONE, the_default), (json!(20), Change), (json!(90), Change), (GONE, Change)],
        ),
        case(
            "table_in_region.billing",
            &differs,
            "/tables/Orders/per_region/eu-west-1/billing",
            [(here(scaling(9, 40)), Change), (GONE, Change), (here(scaling(3, 70)), Change)],
        ),
        case(
            "capacity_in_region.read",
            &differs,
            "/tables/Orders/per_region/eu-west-1/billing/read",
            [(scaling(9, 40), Change), (GONE, Change), (json!({ "target": 50 }), Change)],
        ),
    ]
}

fn settings() -> Vec<Case> {
    let table = with_table();
    let mut lone = table.clone();
    lone["tables"]["Orders"]["regions"] = json!(["eu-west-1"]);
    let left_alone = Nothing("a stream that nobody speaks of is left alone");
    let key = |region: &str| format!("arn:aws:kms:{region}:123456789012:key/a");
    let keys = json!({ "us-east-1": key("us-east-1"), "eu-west-1": key("eu-west-1") });
    vec![
        case("table.ttl_attribute", &table, "/tables/Orders/ttl_attribute", [(json!("a"), Change), (json!("b"), Later), (GONE, Change)]),
        case(
            "table.table_class",
            &table,
            "/tables/Orders/table_class",
            [(json!("infrequent_access"), Change), (json!("standard"), Change), (GONE, Nothing("it is the default"))],
        ),
        case(
            "table.stream",
            &lone,
            "/tables/Orders/stream",
            [(json!("new_and_old_images"), Change), (json!("none"), Change), (json!("new_and_old_images"), Change), (GONE, left_alone)],
        ),
        case("table.encryption", &table, "/tables/Orders/encryption", always(Change, [json!("aws_managed"), keys, GONE])),
    ]
}

/// An index counts as data; a local one is part of its table.
fn indexes() -> Vec<Case> {
    let mut table = with_table();
    table["tables"]["Orders"]["sort_key"] = json!({ "name": "at", "type": "number" });
    let key = |name: &str, of: &str| json!({ "name": name, "type": of });
    let by = |name: &str| json!({ "partition_key": { "name": name, "type": "string" } });
    let with = |index: Value| {
        let mut file = table.clone();
        file["tables"]["Orders"]["indexes"] = json!({ "by-state": index });
        file
    };
    let global = with(by("state"));
    let local = with(json!({ "local": true, "sort_key": key("total", "number") }));
    let either = with(json!({ "partition_key": key("id", "string"), "sort_key": key("total", "number") }));
    let of_table = Nothing("a local index has the partition key of its table anyway");
    vec![
        case(
            "table.indexes",
            &table,
            "/tables/Orders/indexes",
            [(json!({ "by-a": by("a") }), Change), (json!({ "by-b": by("b") }), Refused), (GONE, Refused)],
        ),
        case("table.indexes.*", &global, "/tables/Orders/indexes/by-b", [(by("b"), Change), (by("c"), Refused), (GONE, Refused)]),
        case("index.partition_key", &global, "/tables/Orders/indexes/by-state/partition_key", [(key("other", "binary"), Refused)]),
        case("index.partition_key", &local, "/tables/Orders/indexes/by-state/partition_key", always(of_table, [key("id", "string"), GONE])),
        case(
            "index.sort_key",
            &global,
            "/tables/Orders/indexes/by-state/sort_key",
            always(Refused, [key("at", "number"), key("total", "number"), GONE]),
        ),
        case(
            "index.projection",
            &global,
            "/tables/Orders/indexes/by-state/projection",
            always(Refused, [json!("keys_only"), json!(["total", "note"]), GONE]),
        ),
        case("index.local", &either, "/tables/Orders/indexes/by-state/local", always(Refused, [json!(true), json!(false)])),
        case("index.local", &local, "/tables/Orders/indexes/by-state/sort_key", [(key("state", "string"), Refused)]),
        case(
            "index.local",
            &with(json!({ "partition_key": key("id", "string"), "sort_key": key("total", "number"), "local": true })),
            "/tables/Orders/indexes/by-state/local",
            [(GONE, Refused)],
        ),
    ]
}

/// What protects data: given up only by name, and taken back at any time.
fn members() -> Vec<Case> {
    let table = with_table();
    let flag = || [(json!(false), Refused), (json!(true), Change), (json!(false), Refused), (GONE, Change)];
    let off = json!({ "point_in_time_recovery": false });
    let unprotected = json!({ "deletion_protection": false });
    vec![
        case("table.point_in_time_recovery", &table, "/tables/Orders/point_in_time_recovery", flag()),
        case("table.deletion_protection", &table, "/tables/Orders/deletion_protection", flag()),
        case(
            "table.per_region",
            &table,
            "/tables/Orders/per_region",
            [(json!({ "us-east-1": off }), Refused), (json!({ "eu-west-1": off }), Refused), (GONE, Change)],
        ),
        case(
            "table.per_region.*",
            &table,
            "/tables/Orders/per_region/eu-west-1",
            [(off.clone(), Refused), (unprotected, Refused), (GONE, Change)],
        ),
        case("table_in_region.point_in_time_recovery", &table, "/tables/Orders/per_region/eu-west-1/point_in_time_recovery", flag()),
        case("table_in_region.deletion_protection", &table, "/tables/Orders/per_region/eu-west-1/deletion_protection", flag()),
    ]
}
