//! The cases of `aurora`, and of what services use of it.
use serde_json::{Value, json};

use super::{
    cases::{
        After::{Change, Nothing, Refused},
        Case, GONE, always, beside, case, moved, together,
    },
    serving::{in_regions, worker},
};

const THE_DEFAULT: &str = "it is the default";

pub fn cases() -> Vec<Case> {
    [sections(), settings(), fixed(), differing(), used()].into_iter().flatten().collect()
}

fn database(more: Value) -> Value {
    let mut database = json!({
        "engine": "aurora-mysql",
        "engine_version": "8.0.mysql_aurora.3.08.0",
        "writer": "us-east-1",
        "instance_class": "db.r6g.large",
        "instances": 1,
    });
    database.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    database
}

fn with(more: Value) -> Value {
    let mut file = in_regions(&["us-east-1", "eu-west-1"]);
    file["aurora"] = json!({ "main": database(more) });
    file
}

fn sections() -> Vec<Case> {
    let none = in_regions(&["us-east-1", "eu-west-1"]);
    let of = |key: &str| json!({ key: database(json!({})) });
    let begun_elsewhere = database(json!({ "database_name": "shop", "writer": "eu-west-1" }));
    let at_the_end = Nothing("it says what is kept when the database goes");
    vec![
        case("topology.aurora", &none, "/aurora", [(of("main"), Change), (of("other"), Refused), (GONE, Refused)]),
        case(
            "topology.aurora.*",
            &with(json!({})),
            "/aurora/more",
            [(database(json!({})), Change), (begun_elsewhere, Refused), (GONE, Refused)],
        ),
        case(
            "aurora.on_destroy",
            &with(json!({})),
            "/aurora/main/on_destroy",
            always(at_the_end, [json!("skip"), json!("snapshot"), GONE]),
        ),
        case(
            "aurora.regions",
            &with(json!({})),
            "/aurora/main/regions",
            [(json!(["us-east-1"]), Refused), (json!(["us-east-1", "eu-west-1"]), Change), (json!(["us-east-1"]), Refused), (GONE, Change)],
        ),
    ]
}

fn settings() -> Vec<Case> {
    let at = |key: &str| format!("/aurora/main/{key}");
    let mut two = with(json!({}));
    two["aurora"]["main"].as_object_mut().unwrap().remove("instances");
    vec![
        beside(
            &two,
            vec![
                moved("aurora.instances", &at("instances"), always(Change, [json!(1), json!(3), GONE])),
                moved(
                    "aurora.write_forwarding",
                    &at("write_forwarding"),
                    [(json!(true), Change), (json!(false), Change), (GONE, Nothing(THE_DEFAULT))],
                ),
                moved(
                    "aurora.backup_retention_days",
                    &at("backup_retention_days"),
                    [(json!(14), Change), (json!(1), Refused), (GONE, Change)],
                ),
                moved(
                    "aurora.parameters",
                    &at("parameters"),
                    always(Change, [json!({ "binlog_format": "ROW" }), json!({ "long_query_time": 2 }), GONE]),
                ),
            ],
        ),
        case(
            "aurora.parameters.*",
            &with(json!({ "parameters": { "binlog_format": "ROW" } })),
            "/aurora/main/parameters/long_query_time",
            always(Change, [json!(2), json!("5"), GONE]),
        ),
        case(
            "aurora.deletion_protection",
            &with(json!({})),
            "/aurora/main/deletion_protection",
            [(json!(false), Refused), (json!(true), Change), (GONE, Nothing(THE_DEFAULT))],
        ),
        together(
            &with(json!({})),
            vec![
                moved(
                    "aurora.instance_class",
                    &at("instance_class"),
                    always(Change, [json!("db.r6g.xlarge"), GONE, GONE, json!("db.r5.large")]),
                ),
                moved(
                    "aurora.serverless",
                    &at("serverless"),
                    always(Change, [GONE, json!({ "min": 8, "max": 16 }), json!({ "min": 9.5, "max": 16 }), GONE]),
                ),
            ],
        ),
    ]
}

/// What AWS gives a database once: another value means another database.
fn fixed() -> Vec<Case> {
    let key = |region: &str| format!("arn:aws:kms:{region}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let keys = json!({ "us-east-1": key("us-east-1"), "eu-west-1": key("eu-west-1") });
    let at = |key: &str| format!("/aurora/main/{key}");
    let encryption = [(json!("aws_managed"), Nothing(THE_DEFAULT)), (keys, Refused), (GONE, Refused)];
    vec![beside(
        &with(json!({})),
        vec![
            moved("aurora.database_name", &at("database_name"), always(Refused, [json!("shop"), json!("other"), GONE])),
            moved("aurora.master_username", &at("master_username"), always(Refused, [json!("a1"), json!("b1"), GONE])),
            moved("aurora.encryption", &at("encryption"), encryption),
        ],
    )]
}

fn differing() -> Vec<Case> {
    let here = |key: &str| format!("/aurora/main/per_region/eu-west-1/{key}");
    let base = with(json!({ "per_region": { "eu-west-1": {} } }));
    let serverless = |min: u32| json!({ "min": min, "max": 16 });
    let mut either = with(json!({ "per_region": { "eu-west-1": {} } }));
    either["aurora"]["main"].as_object_mut().unwrap().remove("instance_class");
    either["aurora"]["main"]["serverless"] = serverless(8);
    vec![
        case(
            "aurora.per_region",
            &with(json!({})),
            "/aurora/main/per_region",
            always(
                Change,
                [json!({ "eu-west-1": { "instances": 2 } }), json!({ "us-east-1": { "parameters": { "binlog_format": "ROW" } } }), GONE],
            ),
        ),
        case(
            "aurora.per_region.*",
            &with(json!({ "per_region": {} })),
            "/aurora/main/per_region/eu-west-1",
            always(Change, [json!({ "instances": 2 }), json!({ "parameters": { "binlog_format": "ROW" } }), GONE]),
        ),
        beside(
            &base,
            vec![
                moved(
                    "aurora_in_region.instance_class",
                    &here("instance_class"),
                    always(Change, [json!("db.r5.large"), json!("db.r5.xlarge"), GONE]),
                ),
                moved("aurora_in_region.instances", &here("instances"), always(Change, [json!(2), json!(3), GONE])),
                moved(
                    "aurora_in_region.write_forwarding",
                    &here("write_forwarding"),
                    [(json!(true), Change), (json!(false), Change), (GONE, Nothing(THE_DEFAULT))],
                ),
                moved(
                    "aurora_in_region.backup_retention_days",
                    &here("backup_retention_days"),
                    [(json!(14), Change), (json!(1), Refused), (GONE, Change)],
                ),
                moved(
                    "aurora_in_region.parameters",
                    &here("parameters"),
                    always(Change, [json!({ "binlog_format": "ROW" }), json!({ "long_query_time": 2 }), GONE]),
                ),
            ],
        ),
        case(
            "aurora_in_region.deletion_protection",
            &base,
            &here("deletion_protection"),
            [(json!(false), Refused), (json!(true), Change), (GONE, Nothing(THE_DEFAULT))],
        ),
        case("aurora_in_region.serverless", &either, &here("serverless"), always(Change, [serverless(9), serverless(10), GONE])),
    ]
}

fn used() -> Vec<Case> {
    let mut base = with(json!({ "write_forwarding": true }));
    base["services"] = json!({ "worker": worker(json!({ "uses": {} })) });
    let mut named = base.clone();
    named["services"]["worker"]["uses"] = json!({ "aurora": { "main": {} } });
    let of = |prefix: &str| json!({ "main": { "env_prefix": prefix } });
    vec![
        case("uses.aurora", &base, "/services/worker/uses/aurora", always(Change, [json!(["main"]), of("A"), GONE])),
        case(
            "uses_aurora.env_prefix",
            &named,
            "/services/worker/uses/aurora/main/env_prefix",
            always(Change, [json!("A"), json!("B"), GONE]),
        ),
    ]
}
