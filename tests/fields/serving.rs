//! The cases of `services` and `iam`.
use serde_json::{Value, json};

use super::cases::{
    After::{self, Change, Nothing},
    Case, GONE, Move, always, beside, case, moved,
};

const THE_DEFAULT: &str = "it is the default";

pub fn cases() -> Vec<Case> {
    [sections(), containers(), inside(), differing(), balanced(), roles()].into_iter().flatten().collect()
}

/// The least network that tasks and load balancers need.
pub fn in_regions(regions: &[&str]) -> Value {
    let ranges = regions.iter().zip(1..).map(|(region, n)| ((*region).to_owned(), json!({ "cidr": format!("10.{n}.0.0/16") })));
    json!({
        "version": 1,
        "stack": "shop",
        "regions": ranges.collect::<serde_json::Map<_, _>>(),
        "network": { "availability_zones": 2, "nat_gateways": "single" },
        "rollout": { "bake": "0s" },
    })
}

/// A service without a load balancer; `more` is merged into it.
pub fn worker(more: Value) -> Value {
    let mut service = json!({ "image": "{account}.dkr.ecr.{region}.amazonaws.com/worker:1" });
    service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    service
}

/// One that a load balancer stands before.
pub fn web(more: Value) -> Value {
    let mut service = worker(json!({ "port": 3000, "certificate": "none", "deletion_protection": false }));
    service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    service
}

fn with(services: Value) -> Value {
    let mut file = in_regions(&["us-east-1"]);
    file["tables"] = json!({
        "Orders": { "partition_key": { "name": "id", "type": "string" } },
        "Carts": { "partition_key": { "name": "id", "type": "string" } },
    });
    file["services"] = services;
    file
}

fn sections() -> Vec<Case> {
    let regions = ["us-east-1", "eu-west-1"];
    let none = in_regions(&["us-east-1"]);
    let mut two = in_regions(&regions);
    two["services"] = json!({ "worker": worker(json!({})) });
    let of = |name: &str| json!({ name: worker(json!({})) });
    let bigger = worker(json!({ "cpu": 512 }));
    vec![
        case("topology.services", &none, "/services", always(Change, [of("worker"), of("other"), GONE])),
        case("topology.services.*", &with(of("worker")), "/services/more", always(Change, [worker(json!({})), bigger, GONE])),
        case(
            "service.regions",
            &two,
            "/services/worker/regions",
            [(json!(["us-east-1"]), Change), (json!(["eu-west-1"]), Change), (GONE, Change)],
        ),
    ]
}

/// By key of a service without a load balancer, what is done to it.
fn whole(key: &str) -> [(Value, After); 3] {
    let flag = [(json!(true), Change), (json!(false), Change), (GONE, Nothing(THE_DEFAULT))];
    match key {
        "image" => {
            let image = |tag: u32| json!(format!("{{account}}.dkr.ecr.{{region}}.amazonaws.com/worker:{tag}"));
            always(Change, [image(2), image(3), GONE])
        }
        "cpu" => always(Change, [json!(512), json!(1024), GONE]),
        "memory" => always(Change, [json!(1024), json!(2048), GONE]),
        "architecture" => [(json!("arm64"), Change), (json!("x86_64"), Change), (GONE, Nothing(THE_DEFAULT))],
        "command" => always(Change, [json!(["a"]), json!(["a", "b c"]), GONE]),
        "entrypoint" => always(Change, [json!(["/a"]), json!(["/b"]), GONE]),
        "environment" => always(Change, [json!({ "A": "1" }), json!({ "B": "2" }), GONE]),
        "secrets" => always(Change, [json!({ "S": "shop-one" }), json!({ "S": "shop-two" }), GONE]),
        "tasks" => [(json!({ "min": 3, "max": 4 }), Change), (json!({ "max": 1 }), Change), (GONE, Change)],
        "uses" => always(Change, [json!({ "tables": { "Orders": "read" } }), json!({ "tables": { "Orders": "write" } }), GONE]),
        "container_health_check" => {
            let check = |word: &str| json!({ "command": ["CMD", word] });
            always(Change, [check("a"), check("b"), GONE])
        }
        "stop_timeout" => always(Change, [json!("10s"), json!("1m"), GONE]),
        "deployment" => always(Change, [json!({ "minimum_healthy": 50 }), json!({ "maximum": 150 }), GONE]),
        "logs" => always(Change, [json!({ "retention_days": 7 }), json!({ "retention_days": "forever" }), GONE]),
        "exec" | "container_insights" => flag,
        // Those with a load balancer.
        "port" => always(Change, [json!(3001), json!(3002), GONE]),
        "allow_from" => always(Change, [json!(["10.0.0.0/8"]), json!(["192.0.2.0/24", "10.0.0.0/8"]), GONE]),
        "health_check" => always(Change, [json!({ "path": "/a" }), json!({ "path": "/b" }), GONE]),
        "grace_period" => always(Change, [json!("30s"), json!("90s"), GONE]),
        "deregistration_delay" => always(Change, [json!("10s"), json!("1m"), GONE]),
        other => panic!("{other}"),
    }
}

const OF_TASKS: [&str; 14] = [
    "cpu",
    "architecture",
    "command",
    "entrypoint",
    "environment",
    "secrets",
    "uses",
    "container_health_check",
    "stop_timeout",
    "deployment",
    "logs",
    "exec",
    "container_insights",
    "image",
];
const OF_BALANCERS: [&str; 4] = ["allow_from", "health_check", "grace_period", "deregistration_delay"];

fn under(block: &str, above: &str, keys: &[&str]) -> Vec<Move> {
    keys.iter().map(|key| moved(&format!("{block}.{key}"), &format!("{above}/{key}"), whole(key))).collect()
}

fn containers() -> Vec<Case> {
    let base = with(json!({ "worker": worker(json!({})), "second": worker(json!({})) }));
    let keys: Vec<&str> = OF_TASKS.into_iter().filter(|key| *key != "image").collect();
    let mut moves = under("service", "/services/worker", &keys);
    moves.extend(under("service", "/services/second", &["memory", "tasks"]));
    let cpu = |units: u32| json!({ "us-east-1": { "cpu": units } });
    moves.push(moved("service.per_region", "/services/second/per_region", always(Change, [cpu(512), cpu(1024), GONE])));
    // A CPU without the memory that goes with it is refused, so these two do not move side by side.
    let alone = moves.pop().unwrap();
    vec![beside(&base, moves), beside(&base, vec![alone])]
}

/// What is inside the maps of a service.
fn inside() -> Vec<Case> {
    let base = with(json!({
        "worker": worker(json!({
            "environment": { "KEPT": "1" },
            "secrets": { "SECRET": "shop-kept" },
            "uses": { "tables": { "Orders": "read" } },
            "tasks": { "max": 4 },
            "deployment": {},
            "logs": {},
            "container_health_check": { "command": ["CMD", "true"] },
            "per_region": {},
        })),
        "second": worker(json!({ "uses": {}, "tasks": {} })),
    }));
    let stays = Nothing("the count is between the limits already");
    let three = |first: Value, second: Value| [(first, Change), (second, Change), (GONE, Change)];
    let cpu = |units: u32| json!({ "cpu": units });
    let access = |word: &str| json!({ "Orders": word });
    let at = |key: &str, path: &str, steps: [(Value, After); 3]| moved(key, &format!("/services/{path}"), steps);
    vec![beside(
        &base,
        vec![
            at("service.environment.*", "worker/environment/MORE", three(json!("a"), json!("b"))),
            at("service.secrets.*", "worker/secrets/HIDDEN", three(json!("shop-a"), json!("shop-b"))),
            at("uses.tables.*", "worker/uses/tables/Carts", three(json!("read"), json!("read_write"))),
            at("uses.tables", "second/uses/tables", three(access("read"), access("write"))),
            at("tasks.min", "worker/tasks/min", [(json!(3), Change), (json!(4), Change), (GONE, stays)]),
            at("tasks.max", "second/tasks/max", [(json!(1), Change), (json!(4), Change), (GONE, stays)]),
            at("deployment.minimum_healthy", "worker/deployment/minimum_healthy", three(json!(50), json!(0))),
            at("deployment.maximum", "worker/deployment/maximum", three(json!(150), json!(175))),
            at("logs.retention_days", "worker/logs/retention_days", three(json!(1), json!("forever"))),
            at("container_health_check.interval", "worker/container_health_check/interval", three(json!("10s"), json!("1m"))),
            at("container_health_check.retries", "worker/container_health_check/retries", three(json!(5), json!(1))),
            at("container_health_check.start_period", "worker/container_health_check/start_period", three(json!("5s"), json!("1m"))),
            at("service.per_region.*", "worker/per_region/us-east-1", three(cpu(512), cpu(1024))),
        ],
    )]
}

/// The same in one region only.
fn differing() -> Vec<Case> {
    let base = with(json!({
        "worker": worker(json!({ "per_region": { "us-east-1": {} } })),
        "second": worker(json!({ "per_region": { "us-east-1": {} } })),
        "web": web(json!({ "per_region": { "us-east-1": {} } })),
        "plain": worker(json!({ "per_region": { "us-east-1": {} } })),
    }));
    let mut moves = under("service_in_region", "/services/worker/per_region/us-east-1", &OF_TASKS);
    moves.extend(under("service_in_region", "/services/second/per_region/us-east-1", &["memory", "tasks"]));
    moves.extend(under("service_in_region", "/services/web/per_region/us-east-1", &OF_BALANCERS));
    moves.extend(under("service_in_region", "/services/plain/per_region/us-east-1", &["port"]));
    vec![beside(&base, moves)]
}

fn balanced() -> Vec<Case> {
    let base = with(json!({
        "web": web(json!({})),
        "second": web(json!({ "health_check": {} })),
        "plain": worker(json!({})),
    }));
    let mut moves = under("service", "/services/web", &OF_BALANCERS);
    moves.extend(under("service", "/services/plain", &["port"]));
    let check = |key: &str, first: Value, second: Value| {
        let at = format!("/services/second/health_check/{key}");
        moved(&format!("target_health_check.{key}"), &at, always(Change, [first, second, GONE]))
    };
    moves.extend([
        check("path", json!("/a"), json!("/b")),
        check("interval", json!("20s"), json!("30s")),
        check("timeout", json!("4s"), json!("3s")),
        check("healthy", json!(3), json!(4)),
        check("unhealthy", json!(3), json!(4)),
        check("codes", json!("200"), json!("200,204")),
    ]);
    let kinds = || [(json!("none"), Change), (json!("public"), Change), (GONE, Nothing(THE_DEFAULT))];
    let mut free = with(json!({ "one": web(json!({})), "two": web(json!({ "per_region": { "us-east-1": {} } })) }));
    for name in ["one", "two"] {
        free["services"][name].as_object_mut().unwrap().remove("deletion_protection");
        free["services"][name].as_object_mut().unwrap().remove("certificate");
    }
    let protection = || [(json!(false), Change), (json!(true), Change), (GONE, Nothing(THE_DEFAULT))];
    vec![
        beside(&base, moves),
        beside(
            &free,
            vec![
                moved("service.deletion_protection", "/services/one/deletion_protection", protection()),
                moved("service_in_region.deletion_protection", "/services/two/per_region/us-east-1/deletion_protection", protection()),
            ],
        ),
        beside(
            &free,
            vec![
                moved("service.load_balancer", "/services/one/load_balancer", kinds()),
                moved("service_in_region.load_balancer", "/services/two/per_region/us-east-1/load_balancer", kinds()),
            ],
        ),
    ]
}

fn roles() -> Vec<Case> {
    let base = with(json!({ "worker": worker(json!({})) }));
    let boundary = |name: &str| json!(format!("arn:aws:iam::ACCOUNT:policy/{name}"));
    let mut bare = base.clone();
    bare["iam"] = json!({});
    vec![
        case("topology.iam", &base, "/iam", always(Change, [json!({ "path": "/a/" }), json!({ "path": "/b/c/" }), GONE])),
        beside(
            &bare,
            vec![
                moved("iam.path", "/iam/path", always(Change, [json!("/a/"), json!("/b/c/"), GONE])),
                moved("iam.permissions_boundary", "/iam/permissions_boundary", always(Change, [boundary("a"), boundary("b"), GONE])),
            ],
        ),
    ]
}
