//! Plans made by hand for the tests of the views.
use std::time::Duration;

use serde_json::json;

use crate::{
    plan::{Action, Finding, GateInfo, Op, Plan, Reach, Reason, Refusal, RegionState, Severity, Step},
    resource::{Addr, Change, Doc, Found, Life, Outputs, Posture, Region, Tags, Want},
};

pub const US: &str = "us-east-1";
pub const EU: &str = "eu-west-1";

pub fn addr(text: &str) -> Addr {
    text.parse().unwrap()
}

pub fn step(address: &str, action: Action) -> Step {
    Step::new(addr(address), action, "")
}

pub fn wanted(address: &str, action: Action, spec: Doc) -> Step {
    Step { want: Some(Want::new(addr(address), spec)), ..step(address, action) }
}

pub fn kept(address: &str, id: &str, spec: Doc) -> Step {
    let found = Found {
        addr: addr(address),
        id: id.into(),
        spec: spec.clone(),
        outputs: Outputs::default(),
        life: Life::Ready,
        ours: true,
        born: None,
    };
    Step { found: Some(found), ..wanted(address, Action::Keep, spec) }
}

pub fn change(path: &str, from: Doc, to: Doc) -> Change {
    Change { path: path.into(), from, to }
}

pub fn plan_of(steps: Vec<Step>) -> Plan {
    let state = RegionState { state: Reach::Reachable, detail: None, in_file: true };
    Plan {
        stack: "shop".into(),
        account: Some("123456789012".into()),
        regions: [US, EU].map(|region| (Region::new(region), state.clone())).into(),
        steps,
        ..Plan::default()
    }
}

fn tags() -> Doc {
    json!(Tags { all: [("team".into(), "payments".into())].into(), keys: ["team".into()].into(), marked: true, stack: Some("shop".into()) })
}

fn to(address: &str) -> Doc {
    json!({ "$ref": { "to": address, "field": "id" } })
}

/// Two regions from nothing.
pub fn create() -> Plan {
    let mut steps = Vec::new();
    let mut ops = Vec::new();
    let mut edges = Vec::new();
    for (region, cidr, block, zone) in [(US, "10.10.0.0/16", "10.10.0.0/19", "use1-az1"), (EU, "10.20.0.0/16", "10.20.0.0/19", "euw1-az1")]
    {
        let first = steps.len();
        let vpc = format!("{region}/ec2.vpc/main");
        steps.push(wanted(&vpc, Action::Create, json!({ "cidr": cidr, "dns_hostnames": true, "dns_support": true, "tags": tags() })));
        let subnet = format!("{region}/ec2.subnet/private-1");
        let spec = json!({ "vpc": to(&vpc), "cidr": block, "zone": zone, "public": false, "outpost": null, "tags": tags() });
        steps.push(wanted(&subnet, Action::Create, spec));
        let table = json!({
            "name": "shop-Orders", "billing": "on_demand", "partition_key": { "name": "orderId", "type": "string" },
            "point_in_time_recovery": true, "deletion_protection": true, "password": { "redacted": true }, "tags": tags(),
        });
        steps.push(wanted(&format!("{region}/dynamodb.table/Orders"), Action::Create, table));
        ops.extend((first..first + 3).map(Op::Make));
        edges.push((first, first + 1, Reason::Refers));
    }
    steps.push(wanted("us-east-1/sns.topic/alerts", Action::Create, json!({ "name": "shop-alerts" })));
    ops.push(Op::Make(6));
    edges.push((2, 5, Reason::Lane));
    edges.push((1, 6, Reason::After));
    edges.push((0, 6, Reason::After));
    let mut plan = plan_of(steps);
    plan.graph.ops = ops;
    plan.graph.edges = edges;
    plan
}

/// An update in both regions, one in one, one that waits, one that is not ours, a deletion and a replacement.
pub fn change_all() -> Plan {
    let mut steps = Vec::new();
    for region in [US, EU] {
        let mut table = step(&format!("{region}/dynamodb.table/Orders"), Action::Update);
        table.changes = vec![
            change("point_in_time_recovery", json!(false), json!(true)),
            change("tags.team", json!("payments"), json!("checkout")),
            change("tags.old", json!("x"), Doc::Null),
        ];
        steps.push(table);
    }
    let mut routes = step("eu-west-1/ec2.route_table/public", Action::Update);
    routes.changes = vec![change("routes.0.0.0.0/0", json!("nat-0a1"), to("eu-west-1/ec2.internet_gateway/main"))];
    steps.push(routes);
    steps.push(Step { waiting: Some("pending".into()), ..step("eu-west-1/ec2.vpc/main", Action::Keep) });
    steps.push(Step {
        why: "it carries no mark of this stack; to take it over: mrctl apply --adopt us-east-1/dynamodb.table/Carts".into(),
        ..step("us-east-1/dynamodb.table/Carts", Action::Leave)
    });
    steps.push(Step {
        why: "the file no longer has it".into(),
        changes: vec![change("deletion_protection", json!(true), json!(false))],
        ..step("eu-west-1/dynamodb.table/Sessions", Action::Delete)
    });
    steps.push(Step {
        why: "AWS cannot change cidr in place".into(),
        changes: vec![change("cidr", json!("10.10.0.0/19"), json!("10.10.32.0/19"))],
        ..step("us-east-1/ec2.subnet/private-1", Action::Replace)
    });
    steps.push(kept("us-east-1/ec2.vpc/main", "vpc-1", json!({})));
    let mut plan = plan_of(steps);
    plan.drains = vec![Region::new(EU)];
    plan.gates = vec![GateInfo {
        judged: Vec::new(),
        region: Region::new(US),
        checks: vec!["service api is healthy".into(), "no alarm is on".into()],
        bake: Duration::from_secs(120),
    }];
    plan.graph.ops = vec![Op::Drain(Region::new(EU)), Op::Gate(Region::new(US)), Op::Remove(5), Op::Remove(6), Op::Make(6), Op::Change(0)];
    plan.graph.edges = vec![(0, 2, Reason::Traffic), (3, 4, Reason::Replacement), (5, 1, Reason::Wave)];
    plan.posture = vec![Posture::new(
        "member",
        addr("ap-south-1/dynamodb.table/Orders"),
        Doc::Null,
        json!("ACTIVE"),
        "a replica that neither the file names nor our mark covers",
    )];
    plan.findings = vec![
        Finding {
            code: "topology::not-built-yet",
            severity: Severity::Warning,
            address: None,
            line: Some(12),
            message: "nat_gateways is not built yet".into(),
            help: Some("services in private subnets reach nothing outside until then".into()),
        },
        Finding {
            code: "plan::quota",
            severity: Severity::Error,
            address: Some(addr("us-east-1/ec2.vpc/main")),
            line: None,
            message: "5 of 5 VPCs are in use".into(),
            help: None,
        },
    ];
    plan.refusals = vec![Refusal { addr: addr("eu-west-1/dynamodb.table/Sessions"), message: "would be deleted with its data".into() }];
    plan
}

/// One region does not answer.
pub fn held() -> Plan {
    let mut steps = vec![
        kept("us-east-1/ec2.vpc/main", "vpc-1", json!({})),
        step("eu-west-1/ec2.vpc/main", Action::Hold),
        step("eu-west-1/dynamodb.table/Orders", Action::Hold),
        Step { why: "needs a fact of eu-west-1".into(), ..step("us-east-1/ec2.vpc_peering/eu-west-1", Action::Hold) },
    ];
    for step in &mut steps[1..3] {
        step.why = "eu-west-1 did not answer".into();
    }
    let mut plan = plan_of(steps);
    let dead = RegionState { state: Reach::Unreachable, detail: Some("no answer within 10 s".into()), in_file: true };
    plan.regions.insert(Region::new(EU), dead);
    let unseen = RegionState { state: Reach::NotSearched, detail: Some("no answer within 5 s".into()), in_file: false };
    plan.regions.insert(Region::new("me-south-1"), unseen);
    plan
}

/// Everything is as the file says.
pub fn empty() -> Plan {
    let mut steps = Vec::new();
    for (region, id) in [(US, "vpc-1"), (EU, "vpc-2")] {
        steps.push(kept(&format!("{region}/ec2.vpc/main"), id, json!({ "cidr": "10.0.0.0/16" })));
        let vpc = json!({ "$ref": { "is": id, "kind": "ec2.vpc", "field": "id", "scope": region } });
        steps.push(kept(&format!("{region}/ec2.subnet/private-1"), "subnet-1", json!({ "vpc": vpc })));
    }
    plan_of(steps)
}
