//! The cases of `dns`, and of certificates, which are for its names.
use serde_json::{Value, json};

use super::{
    cases::{
        After::{Change, Nothing},
        Case, GONE, always, beside, case, moved, together,
    },
    serving::{in_regions, web},
};

const NAME: &str = "api.example.com";

/// A service and a zone that mrctl makes.
fn with(regions: &[&str], records: Value) -> Value {
    let mut file = in_regions(regions);
    file["services"] = json!({ "api": web(json!({})), "other": web(json!({})) });
    file["dns"] = json!({ "zone": { "name": "example.com", "create": true }, "records": records });
    file
}

pub fn cases() -> Vec<Case> {
    [sections(), routing(), checks(), certificates()].into_iter().flatten().collect()
}

fn sections() -> Vec<Case> {
    let one = ["us-east-1"];
    let record = |service: &str| json!({ "service": service });
    let of = |name: &str| json!({ name: record("api") });
    let section = |records: Value| json!({ "zone": { "name": "example.com", "create": true }, "records": records });
    let mut none = with(&one, json!({}));
    none.as_object_mut().unwrap().remove("dns");
    let mut empty = none.clone();
    empty["dns"] = json!({ "zone": { "name": "example.com", "create": true } });
    let both = |name: &str| moved("dns.records", "/dns/records", always(Change, [of(name), of("b.example.com"), GONE]));
    vec![
        case("topology.dns", &none, "/dns", always(Change, [section(of(NAME)), section(of("b.example.com")), GONE])),
        together(&empty, vec![both(NAME)]),
        case("dns.records.*", &with(&one, of(NAME)), "/dns/records/b.example.com", always(Change, [record("api"), record("other"), GONE])),
    ]
}

/// Policies with what each of them needs, in two regions.
fn routing() -> Vec<Case> {
    let base = with(
        &["us-east-1", "eu-west-1"],
        json!({
            NAME: { "service": "api", "regions": ["us-east-1"] },
            "w.example.com": { "service": "api", "regions": ["us-east-1"], "policy": "weighted", "weights": { "us-east-1": 10 } },
            "g.example.com": {
                "service": "api", "regions": ["us-east-1"], "policy": "geolocation", "locations": { "us-east-1": ["default"] },
            },
            "r.example.com": { "service": "api" },
        }),
    );
    let at = |name: &str, key: &str| format!("/dns/records/{name}/{key}");
    let places = |codes: &[&str]| json!({ "us-east-1": codes });
    let weights = |number: u32| json!({ "us-east-1": number });
    let (here, both) = (json!(["us-east-1"]), json!(["us-east-1", "eu-west-1"]));
    let of_record = |key: &str, values: [Value; 5]| moved(&format!("record.{key}"), &at(NAME, key), always(Change, values));
    let entry = |name: &str, key: &str, values: [Value; 5]| {
        [
            moved(
                "record.regions",
                &at(name, "regions"),
                always(Change, [both.clone(), both.clone(), here.clone(), here.clone(), here.clone()]),
            ),
            moved(&format!("record.{key}.*"), &at(name, &format!("{key}/eu-west-1")), always(Change, values)),
        ]
    };
    let [weighted, geolocation] = ["weighted", "geolocation"].map(|word| json!(word));
    let mut moves = vec![
        of_record("policy", [weighted.clone(), weighted, geolocation.clone(), geolocation, GONE]),
        of_record("weights", [weights(10), weights(20), GONE, GONE, GONE]),
        of_record("locations", [GONE, GONE, places(&["default"]), places(&["default", "EU"]), GONE]),
        moved(
            "record.regions",
            &at("r.example.com", "regions"),
            always(Change, [here.clone(), here.clone(), json!(["eu-west-1"]), GONE, GONE]),
        ),
    ];
    moves.extend(entry("w.example.com", "weights", [json!(5), json!(6), GONE, GONE, GONE]));
    moves.extend(entry("g.example.com", "locations", [json!(["EU"]), json!(["AF", "DE"]), GONE, GONE, GONE]));
    vec![together(&base, moves)]
}

/// What Route 53 asks.
fn checks() -> Vec<Case> {
    let base = with(
        &["us-east-1"],
        json!({
            NAME: { "service": "api" },
            "b.example.com": { "service": "api", "health_check": {} },
            "c.example.com": { "service": "api", "health_check": {} },
            "d.example.com": { "service": "api" },
            "e.example.com": { "service": "api", "per_region": {} },
            "f.example.com": { "service": "api", "per_region": { "us-east-1": {} } },
        }),
    );
    let asks = |path: &str| json!({ "path": path });
    let here = |path: &str| json!({ "us-east-1": { "health_check": asks(path) } });
    let three = |first: Value, second: Value| always(Change, [first, second, GONE]);
    let at = |field: &str, path: &str, steps: [(Value, super::cases::After); 3]| moved(field, &format!("/dns/records/{path}"), steps);
    vec![beside(
        &base,
        vec![
            at("record.health_check", "api.example.com/health_check", three(asks("/a"), asks("/b"))),
            at("record_health_check.path", "b.example.com/health_check/path", three(json!("/a"), json!("/b"))),
            at(
                "record_health_check.interval",
                "b.example.com/health_check/interval",
                [(json!("30s"), Change), (json!("10s"), Change), (GONE, Nothing("it is the default"))],
            ),
            at("record_health_check.failure_threshold", "b.example.com/health_check/failure_threshold", three(json!(5), json!(1))),
            at(
                "record_health_check.type",
                "c.example.com/health_check/type",
                [(json!("tcp"), Change), (json!("http"), Change), (GONE, Nothing("it is the default without a certificate"))],
            ),
            at("record.per_region", "d.example.com/per_region", three(here("/a"), here("/b"))),
            at(
                "record.per_region.*",
                "e.example.com/per_region/us-east-1",
                three(json!({ "health_check": asks("/a") }), json!({ "health_check": asks("/b") })),
            ),
            at("record_in_region.health_check", "f.example.com/per_region/us-east-1/health_check", three(asks("/a"), asks("/b"))),
        ],
    )]
}

fn certificates() -> Vec<Case> {
    let mut base = with(&["us-east-1"], json!({ NAME: { "service": "api" }, "b.example.com": { "service": "other" } }));
    for name in ["api", "other"] {
        base["services"][name].as_object_mut().unwrap().remove("certificate");
    }
    base["services"]["other"]["per_region"] = json!({ "us-east-1": {} });
    let steps = || [(json!("none"), Change), (json!("managed"), Change), (GONE, Nothing("it is the default where a record points"))];
    vec![beside(
        &base,
        vec![
            moved("service.certificate", "/services/api/certificate", steps()),
            moved("service_in_region.certificate", "/services/other/per_region/us-east-1/certificate", steps()),
        ],
    )]
}
