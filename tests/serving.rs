//! Whole stacks that serve, with the real binary through the strict layer: what comes before what on the way in and on the way out,
//! what a change does to regions that serve, and what two stacks in one zone do to each other.
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::Value;

use crate::support::{
    aws::{Aws, block_on},
    binary::Place,
    sandbox::strict,
};

const ZONE: &str = "example.com";

/// A service with a certificate and a latency record in each region.
fn file(stack: &str, regions: &[&str], image: &str) -> String {
    let mut text = format!("version: 1\nstack: {stack}\nregions:\n");
    for region in regions {
        let block = ["us-east-1", "eu-west-1", "ap-southeast-2"].iter().position(|one| one == region).unwrap() + 1;
        text.push_str(&format!("  {region}: {{ cidr: 10.{block}0.0.0/16 }}\n"));
    }
    text.push_str("network: { availability_zones: 2, nat_gateways: single }\nrollout: { bake: 1s }\n");
    text.push_str(&format!("services:\n  api:\n    image: \"{{account}}.dkr.ecr.{{region}}.amazonaws.com/{image}\"\n"));
    text.push_str("    port: 3000\n    tasks: { min: 1, max: 3 }\n    scale_on: { cpu: 50 }\n");
    text.push_str(&format!("dns:\n  zone: {ZONE}\n  records:\n    {stack}.{ZONE}: {{ service: api, health_check: {{}} }}\n"));
    text
}

/// What a run said, one event a line.
fn events(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let output = place.run(&[arguments, &["--no-sweep", "--format", "json"]].concat());
    let (said, more) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(0), "{said}\n{more}");
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Where the one event of that type about that address stands; of a gate or a drain the region stands for the address.
fn at(events: &[Value], kind: &str, op: Option<&str>, about: &str) -> usize {
    let is_it = |event: &Value| {
        let of = event["address"].as_str().or(event["region"].as_str());
        event["type"] == kind && of == Some(about) && op.is_none_or(|op| event["op"] == op)
    };
    let found: Vec<usize> = (0..events.len()).filter(|index| is_it(&events[*index])).collect();
    assert_eq!(found.len(), 1, "{kind} {op:?} {about}: {events:#?}");
    found[0]
}

const US: &str = "us-east-1";
const EU: &str = "eu-west-1";

const DESTROY: [&str; 6] = ["destroy", "--yes", "--confirm", "shop", "--allow-data-loss", "all"];

/// What a run said while it waited or tried again.
fn waits_of(events: &[Value]) -> Vec<&str> {
    let waits = events.iter().filter(|event| event["type"] == "retried" || event["type"] == "progress");
    waits.filter_map(|event| event["message"].as_str()).collect()
}

fn is_said(events: &[Value], what: &str) -> bool {
    waits_of(events).iter().any(|said| said.contains(what))
}

/// What clients may still come to goes after the drain, and in its order.
fn goes_in_order(went: &[Value]) {
    for region in [US, EU] {
        let done = |what: &str| at(went, "done", Some("delete"), &format!("{region}/{what}"));
        let began = |what: &str| at(went, "started", Some("delete"), &format!("{region}/{what}"));
        let drained = at(went, "drained", None, region);
        for what in [
            "ecs.service/api",
            "applicationautoscaling.scalable_target/service/api",
            "elasticloadbalancingv2.listener/api-https",
            "elasticloadbalancingv2.load_balancer/api",
            "elasticloadbalancingv2.target_group/api",
        ] {
            assert!(drained < began(what), "{what}");
        }
        assert!(done("applicationautoscaling.scalable_target/service/api") < began("ecs.service/api"));
        assert!(done("ecs.service/api") < began("iam.role/api-task"));
        assert!(done("elasticloadbalancingv2.listener/api-https") < began("acm.certificate/api"));
    }
}

#[test]
fn a_stack_comes_in_order_and_goes_in_order() {
    let place = Place::with(&file("shop", &[US, EU], "api:1"));
    block_on(Aws::new(&place.account, US).make_zone(ZONE));
    let came = events(&place, &["apply", "--yes"]);
    for region in [US, EU] {
        let done = |what: &str| at(&came, "done", Some("create"), &format!("{region}/{what}"));
        let began = |what: &str| at(&came, "started", Some("create"), &format!("{region}/{what}"));
        let validated = at(&came, "done", Some("create"), &format!("global/route53.validation_record/shop.{ZONE}"));
        assert!(validated < began("elasticloadbalancingv2.listener/api-https"));
        assert!(done("elasticloadbalancingv2.listener/api-https") < began("ecs.service/api"));
        assert!(done("ecs.service/api") < began(&format!("route53.record/shop.{ZONE}")));
        assert!(done("ecs.service/api") < began("applicationautoscaling.scalable_target/service/api"));
    }
    place.is_converged();
    for waits in
        ["PENDING_VALIDATION", "service linked role", "Unable to assume role", "deploying shop-api:1", "PENDING: not all name servers"]
    {
        assert!(is_said(&came, waits), "{waits}: {:#?}", waits_of(&came));
    }

    strict().be_slow(&place.account, "DeleteLoadBalancer", 30);
    let went = events(&place, &DESTROY);
    for waits in ["held by network interface", "(ELB app/shop-api/", "DRAINING", "is in use"] {
        assert!(is_said(&went, waits), "{waits}: {:#?}", waits_of(&went));
    }
    for region in [US, EU] {
        let done = |what: &str| at(&went, "done", Some("delete"), &format!("{region}/{what}"));
        assert!(done(&format!("route53.record/shop.{ZONE}")) < at(&went, "drained", None, region));
    }
    goes_in_order(&went);
    for region in [US, EU] {
        assert_eq!(block_on(Aws::new(&place.account, region).leftovers()), Vec::<String>::new());
    }
    // And once more: references of health checks that were used up, names that were taken.
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    place.destroy("shop");
}

/// Killed after the records went and before clients have let go: nobody knows any more when that was, so the next run waits again.
#[test]
fn a_run_killed_while_it_drains_is_followed_by_one_that_drains_again() {
    let place = Place::with(&file("shop", &[US, EU], "api:1"));
    let home = Aws::new(&place.account, US);
    block_on(home.make_zone(ZONE));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);

    let mut command = place.command(&[&DESTROY[..], &["--no-sweep", "--format", "json"]].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut draining, mut records) = (0, 0);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let is_record = event["address"].as_str().is_some_and(|address| address.contains("/route53.record/"));
        records += usize::from(is_record && event["type"] == "done");
        // A region says so first when its drain begins, which is after INSYNC.
        draining += usize::from(event["type"] == "draining");
        assert_ne!(event["type"], "drained", "it was too late to kill it");
        if draining > 0 && records == 2 {
            child.kill().unwrap();
            break;
        }
    }
    assert_eq!(child.wait().unwrap().code(), None, "it was killed");
    let left = block_on(home.names());
    assert!(!left.iter().any(|name| name.contains("mrctl/shop/us-east-1") || name.contains("mrctl/shop/eu-west-1")), "{left:?}");
    assert!(block_on(home.leftovers()).iter().any(|id| id.ends_with(": shop-api")), "the load balancer is there");

    let went = events(&place, &DESTROY);
    assert!(!went.iter().any(|event| event["address"].as_str().is_some_and(|address| address.contains("/route53.record/"))));
    goes_in_order(&went);
    for region in [US, EU] {
        assert_eq!(block_on(Aws::new(&place.account, region).leftovers()), Vec::<String>::new());
    }
}

/// A region that joins is built beside the others and touches them only where it must; one that leaves is drained first.
#[test]
fn a_region_joins_a_stack_that_serves_and_leaves_it() {
    const SYDNEY: &str = "ap-southeast-2";
    let place = Place::with(&file("shop", &[US, EU], "api:1"));
    block_on(Aws::new(&place.account, US).make_zone(ZONE));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.write(file("shop", &[US, EU, SYDNEY], "api:1"));
    let plan = place.plan(&[]);
    let touched: Vec<&str> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|step| {
            let other = step["action"] != "keep" && step["region"].is_string() && step["region"] != SYDNEY;
            step["address"].as_str().filter(|_| other)
        })
        .collect();
    assert_eq!(touched, Vec::<&str>::new());
    let came = events(&place, &["apply", "--yes"]);
    let record = at(&came, "done", Some("create"), &format!("{SYDNEY}/route53.record/shop.{ZONE}"));
    assert!(at(&came, "done", Some("create"), &format!("{SYDNEY}/ecs.service/api")) < record);
    place.is_converged();

    // An image goes region by region, each behind the gate of the one before.
    place.write(file("shop", &[US, EU, SYDNEY], "api:2"));
    let rolled = events(&place, &["apply", "--yes"]);
    for (before, after) in [(US, EU), (EU, SYDNEY)] {
        let open = at(&rolled, "gate_open", None, before);
        assert!(at(&rolled, "done", Some("update"), &format!("{before}/ecs.service/api")) < open);
        assert!(open < at(&rolled, "started", Some("create"), &format!("{after}/ecs.task_definition/api")));
    }
    place.is_converged();

    place.write(file("shop", &[US, EU], "api:2"));
    let left = {
        // The region is found by what AWS has there, not by the file.
        let output = place.run(&["apply", "--yes", "--format", "json"]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let drained = at(&left, "drained", None, SYDNEY);
    assert!(at(&left, "done", Some("delete"), &format!("{SYDNEY}/route53.record/shop.{ZONE}")) < drained);
    assert!(drained < at(&left, "started", Some("delete"), &format!("{SYDNEY}/elasticloadbalancingv2.load_balancer/api")));
    assert_eq!(block_on(Aws::new(&place.account, SYDNEY).leftovers()), Vec::<String>::new());
    place.is_converged();
    place.destroy("shop");
}

/// Two stacks in one account and zone: what one removes is its own.
#[test]
fn two_stacks_share_a_zone() {
    let place = Place::with(&file("shop", &[US], "api:1"));
    block_on(Aws::new(&place.account, US).make_zone(ZONE));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.write(file("shop-eu", &[US], "api:1"));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    place.destroy("shop-eu");
    place.write(file("shop", &[US], "api:1"));
    place.is_converged();
    place.destroy("shop");
}
