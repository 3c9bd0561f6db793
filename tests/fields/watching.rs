//! The cases of `alarms`, `alerts`, `dashboard` and of health checks that follow an alarm.
use serde_json::{Value, json};

use super::{
    cases::{
        After::{Change, Nothing},
        Case, GONE, always, beside, case, moved, together,
    },
    serving::{in_regions, web},
};

const THE_DEFAULT: &str = "it is the default";

pub fn cases() -> Vec<Case> {
    [sections(), alarms(), alerts(), subjects(), followed()].into_iter().flatten().collect()
}

fn with_table() -> Value {
    json!({
        "version": 1,
        "stack": "shop",
        "regions": { "us-east-1": {}, "eu-west-1": {} },
        "tables": {
            "Orders": { "partition_key": { "name": "id", "type": "string" } },
            "Carts": { "partition_key": { "name": "id", "type": "string" } },
        },
    })
}

fn with(alarm: Value) -> Value {
    let mut file = with_table();
    file["alarms"] = json!({ "watch": alarm });
    file
}

/// A metric of the application's own: all that an alarm may say goes with it.
fn own(more: Value) -> Value {
    let mut alarm = json!({ "namespace": "Shop/Orders", "metric": "Failures", "statistic": "sum", "threshold": 5 });
    alarm.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    alarm
}

fn sections() -> Vec<Case> {
    let lag = |threshold: &str| json!({ "table": "Orders", "metric": "replication_latency", "threshold": threshold });
    vec![
        case(
            "topology.alarms",
            &with_table(),
            "/alarms",
            always(Change, [json!({ "lag": lag("3s") }), json!({ "lag": lag("5s"), "more": own(json!({})) }), GONE]),
        ),
        case("topology.alarms.*", &with(own(json!({}))), "/alarms/lag", always(Change, [lag("3s"), lag("4s"), GONE])),
        case(
            "topology.alerts",
            &with(own(json!({}))),
            "/alerts",
            always(Change, [json!({ "emails": ["a@example.com"] }), json!({ "emails": ["b@example.com"] }), GONE]),
        ),
        case("topology.dashboard", &with(own(json!({}))), "/dashboard", always(Change, [json!(true), json!(false), json!(true), GONE])),
    ]
}

fn alarms() -> Vec<Case> {
    let at = |key: &str| format!("/alarms/watch/{key}");
    let here = |key: &str| format!("/alarms/watch/per_region/eu-west-1/{key}");
    let base = with(own(json!({ "evaluation_periods": 3, "dimensions": { "Shop": "{stack}" } })));
    let differs = with(own(json!({ "evaluation_periods": 3, "per_region": { "eu-west-1": {} } })));
    vec![
        beside(
            &base,
            vec![
                moved("alarm.threshold", &at("threshold"), always(Change, [json!(6), json!(0.5), json!(7)])),
                moved("alarm.period", &at("period"), always(Change, [json!("2m"), json!("30s"), GONE])),
                moved("alarm.datapoints", &at("datapoints"), always(Change, [json!(2), json!(1), GONE])),
                moved("alarm.when", &at("when"), [(json!("below"), Change), (json!("above"), Change), (GONE, Nothing(THE_DEFAULT))]),
                moved("alarm.missing_data", &at("missing_data"), always(Change, [json!("breaching"), json!("ignore"), GONE])),
                moved("alarm.statistic", &at("statistic"), always(Change, [json!("maximum"), json!("p99.9"), json!("average")])),
                moved("alarm.namespace", &at("namespace"), always(Change, [json!("Shop/Carts"), json!("Shop/Sessions"), json!("Shop")])),
                moved("alarm.unit", &at("unit"), always(Change, [json!("Count"), json!("Seconds"), GONE])),
                moved("alarm.dimensions.*", &at("dimensions/Region"), always(Change, [json!("{region}"), json!("here"), GONE])),
            ],
        ),
        case(
            "alarm.threshold",
            &with(json!({
                "namespace": "Shop/Orders",
                "metric": "Failures",
                "statistic": "sum",
                "per_region": { "us-east-1": { "threshold": 1 }, "eu-west-1": { "threshold": 2 } },
            })),
            &at("threshold"),
            always(Nothing("each region has its own"), [json!(5), json!(6), GONE]),
        ),
        case(
            "alarm.dimensions",
            &with(own(json!({}))),
            &at("dimensions"),
            always(Change, [json!({ "A": "1" }), json!({ "B": "1" }), GONE]),
        ),
        case("alarm.evaluation_periods", &with(own(json!({}))), &at("evaluation_periods"), always(Change, [json!(2), json!(5), GONE])),
        case("alarm.regions", &with(own(json!({}))), &at("regions"), always(Change, [json!(["us-east-1"]), json!(["eu-west-1"]), GONE])),
        case(
            "alarm.per_region",
            &with(own(json!({}))),
            &at("per_region"),
            always(Change, [json!({ "eu-west-1": { "threshold": 1 } }), json!({ "us-east-1": { "threshold": 2 } }), GONE]),
        ),
        case(
            "alarm.per_region.*",
            &with(own(json!({ "per_region": {} }))),
            &at("per_region/eu-west-1"),
            always(Change, [json!({ "threshold": 1 }), json!({ "threshold": 2 }), GONE]),
        ),
        beside(
            &differs,
            vec![
                moved("alarm_in_region.threshold", &here("threshold"), always(Change, [json!(6), json!(0.5), GONE])),
                moved("alarm_in_region.period", &here("period"), always(Change, [json!("2m"), json!("30s"), GONE])),
                moved("alarm_in_region.datapoints", &here("datapoints"), always(Change, [json!(2), json!(1), GONE])),
                moved(
                    "alarm_in_region.when",
                    &here("when"),
                    [(json!("below"), Change), (json!("above"), Change), (GONE, Nothing(THE_DEFAULT))],
                ),
                moved("alarm_in_region.missing_data", &here("missing_data"), always(Change, [json!("breaching"), json!("ignore"), GONE])),
                moved("alarm_in_region.statistic", &here("statistic"), always(Change, [json!("maximum"), json!("p99"), GONE])),
            ],
        ),
        case("alarm_in_region.evaluation_periods", &differs, &here("evaluation_periods"), always(Change, [json!(2), json!(5), GONE])),
    ]
}

fn alerts() -> Vec<Case> {
    let told = |by: Value| {
        let mut file = with(own(json!({})));
        file["alerts"] = by;
        file
    };
    let key = |region: &str, id: &str| json!(format!("arn:aws:kms:{region}:123456789012:key/{id}"));
    let keys = |id: &str| json!({ "us-east-1": key("us-east-1", id), "eu-west-1": key("eu-west-1", id) });
    let queue = |name: &str| json!([format!("arn:aws:sqs:{{region}}:{{account}}:{name}")]);
    let never_confirmed = Nothing("nobody can end what nobody confirmed: it goes by itself");
    let told_of = |values: [Value; 2]| {
        let [first, second] = values;
        [(first, Change), (second, Change), (GONE, never_confirmed)]
    };
    let mut encrypted = told(json!({ "emails": ["ops@example.com"], "encryption": { "us-east-1": key("us-east-1", "a") } }));
    encrypted["alarms"]["watch"]["regions"] = json!(["us-east-1"]);
    let both = || json!(["us-east-1", "eu-west-1"]);
    vec![
        beside(
            &told(json!({ "arns": queue("x") })),
            vec![
                moved("alerts.emails", "/alerts/emails", told_of([json!(["a@example.com"]), json!(["b@example.com"])])),
                moved("alerts.https", "/alerts/https", told_of([json!(["https://example.com/a"]), json!(["https://example.com/b"])])),
            ],
        ),
        case(
            "alerts.arns",
            &told(json!({ "emails": ["ops@example.com"] })),
            "/alerts/arns",
            always(Change, [queue("a"), queue("b"), GONE]),
        ),
        case(
            "alerts.encryption",
            &told(json!({ "emails": ["ops@example.com"] })),
            "/alerts/encryption",
            always(Change, [keys("a"), keys("b"), GONE]),
        ),
        together(
            &encrypted,
            vec![
                moved("alarm.regions", "/alarms/watch/regions", always(Change, [both(), both(), json!(["us-east-1"])])),
                moved(
                    "alerts.encryption.*",
                    "/alerts/encryption/eu-west-1",
                    always(Change, [key("eu-west-1", "a"), key("eu-west-1", "b"), GONE]),
                ),
            ],
        ),
    ]
}

/// What an alarm watches: one takes the place of another.
fn subjects() -> Vec<Case> {
    let at = |key: &str| format!("/alarms/watch/{key}");
    let mut serving = in_regions(&["us-east-1"]);
    serving["services"] = json!({ "api": web(json!({})), "site": web(json!({})) });
    serving["dns"] = json!({
        "zone": { "name": "example.com", "create": true },
        "records": {
            "api.example.com": { "service": "api", "health_check": {} },
            "site.example.com": { "service": "site", "health_check": {} },
        },
    });
    let database = json!({
        "engine": "aurora-mysql",
        "engine_version": "8.0.mysql_aurora.3.08.0",
        "writer": "us-east-1",
        "instance_class": "db.r6g.large",
        "instances": 1,
    });
    serving["aurora"] = json!({ "main": database, "more": database });
    serving["alarms"] = json!({ "watch": { "service": "api", "metric": "target_5xx", "threshold": 50 } });
    let texts = |texts: [&str; 6]| always(Change, texts.map(|text| if text.is_empty() { GONE } else { json!(text) }));
    vec![
        together(
            &with(own(json!({}))),
            vec![
                moved("alarm.table", &at("table"), always(Change, [json!("Orders"), json!("Carts"), GONE])),
                moved("alarm.operation", &at("operation"), always(Change, [json!("PutItem"), json!("Query"), GONE])),
                moved(
                    "alarm.metric",
                    &at("metric"),
                    always(Change, [json!("throttled_requests"), json!("throttled_requests"), json!("Failures")]),
                ),
                moved("alarm.namespace", &at("namespace"), always(Change, [GONE, GONE, json!("Shop/Orders")])),
                moved("alarm.statistic", &at("statistic"), always(Change, [GONE, GONE, json!("sum")])),
            ],
        ),
        together(
            &serving,
            vec![
                moved("alarm.service", &at("service"), texts(["site", "", "", "", "", "api"])),
                moved("alarm.aurora", &at("aurora"), texts(["", "main", "more", "", "", ""])),
                moved("alarm.record", &at("record"), texts(["", "", "", "api.example.com", "site.example.com", ""])),
                moved(
                    "alarm.metric",
                    &at("metric"),
                    texts(["target_5xx", "aurora_cpu", "aurora_cpu", "health_check_status", "health_check_status", "target_5xx"]),
                ),
                moved("alarm.threshold", &at("threshold"), always(Change, [50, 50, 60, 1, 1, 50].map(|number| json!(number)))),
            ],
        ),
    ]
}

fn followed() -> Vec<Case> {
    let mut base = in_regions(&["us-east-1"]);
    base["services"] = json!({ "api": web(json!({})) });
    base["dns"] = json!({
        "zone": { "name": "example.com", "create": true },
        "records": { "api.example.com": { "service": "api", "health_check": {} } },
    });
    base["alarms"] = json!({
        "errors": { "service": "api", "metric": "target_5xx", "threshold": 50 },
        "silence": { "service": "api", "metric": "request_count", "threshold": 1, "when": "below", "missing_data": "breaching" },
    });
    let at = |key: &str| format!("/dns/records/api.example.com/health_check/{key}");
    vec![together(
        &base,
        vec![
            moved(
                "record_health_check.from_alarm",
                &at("from_alarm"),
                always(Change, [json!("errors"), json!("silence"), json!("silence"), GONE]),
            ),
            moved(
                "record_health_check.insufficient_data",
                &at("insufficient_data"),
                always(Change, [json!("healthy"), json!("healthy"), json!("unhealthy"), GONE]),
            ),
        ],
    )]
}
