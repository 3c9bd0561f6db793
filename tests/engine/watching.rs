//! What names other things without holding on to them, and says of its region that something is wrong there.
use mrctl::{apply::Stop, plan::Action};
use serde_json::json;

use super::{
    run::{Stage, addr, paused},
    units::shop,
    world::values,
};

const FIRST: &str = "eu-west-1";
const SECOND: &str = "us-east-1";

/// A shop with an alarm on each service.
fn watched(count: usize) -> Stage {
    let stage = shop(count);
    let alarms: Vec<_> = stage
        .regions
        .iter()
        .map(|region| {
            let service = json!({ "$ref": { "to": format!("{region}/p.service/api"), "field": "id" } });
            (addr(&format!("{region}/p.alarm/errors")), json!({ "of": service, "threshold": 1 }))
        })
        .collect();
    stage.world().wanted.extend(alarms);
    stage
}

fn set(stage: &Stage, kind: &str, key: &str, value: u8) {
    for (_, spec) in stage.world().wanted.iter_mut().filter(|(at, _)| &*at.kind == kind) {
        spec[key] = json!(value);
    }
}

fn count(stage: &Stage, region: &str) -> serde_json::Value {
    stage.world().at(&addr(&format!("{region}/p.service/api")))[0].spec["count"].clone()
}

fn action(plan: &mrctl::plan::Plan, address: &str) -> Action {
    plan.steps.iter().find(|step| step.addr == addr(address)).unwrap().action
}

/// A region that warns is not followed by the next one: not in the run that changed it, and not in a later one, for which nothing is
/// left to do there.
#[test]
fn a_region_that_warns_is_not_followed() {
    paused(async {
        let mut stage = watched(2);
        assert_eq!(stage.settle(1).await, 1);
        set(&stage, "p.service", "count", 2);
        stage.world().sick.insert(addr("eu-west-1/p.alarm/errors"));
        for gates in [2, 2] {
            let plan = stage.plan().await;
            assert_eq!(plan.gates.len(), gates);
            assert!(plan.gates[0].checks.iter().any(|check| check == "none of 1 alarm in eu-west-1 is in ALARM"), "{:?}", plan.gates);
            assert_eq!(stage.apply(&plan).await.stopped, Some(Stop::Gated));
            assert_eq!((count(&stage, FIRST), count(&stage, SECOND)), (json!(2), json!(1)));
        }
        stage.world().sick.clear();
        assert_eq!(stage.settle(1).await, 1);
        assert_eq!(count(&stage, SECOND), json!(2));
        // Nothing changes, so nobody is asked.
        stage.world().sick.insert(addr("eu-west-1/p.alarm/errors"));
        assert!(stage.plan().await.gates.is_empty());
    });
}

/// What an alarm names is made anew under it: the alarm stays, and then names the new one.
#[test]
fn what_only_names_a_thing_stays_and_follows_it() {
    paused(async {
        let mut stage = watched(2);
        assert_eq!(stage.settle(1).await, 1);
        let alarm = |stage: &Stage| {
            let world = stage.world();
            let alarm = world.at(&addr("us-east-1/p.alarm/errors"))[0];
            (alarm.id.clone(), values(&alarm.spec).collect::<Vec<_>>())
        };
        let (id, named) = alarm(&stage);
        set(&stage, "p.subnet", "zone", 9);
        let plan = stage.plan().await;
        assert_eq!(action(&plan, "us-east-1/p.service/api"), Action::Replace);
        assert_eq!(action(&plan, "us-east-1/p.alarm/errors"), Action::Update);
        assert_eq!(stage.settle(1).await, 1);
        let service = stage.world().at(&addr("us-east-1/p.service/api"))[0].id.clone();
        let (same, follows) = alarm(&stage);
        assert_eq!((same, follows), (id, vec![service.clone()]));
        assert_ne!(named, [service]);
        assert!(stage.world().violations.is_empty(), "{:#?}", stage.world().violations);
    });
}

/// It goes before what it names, so that it never watches what is not there, but it holds nothing up.
#[test]
fn what_only_names_a_thing_holds_up_nothing() {
    paused(async {
        let mut stage = watched(1);
        assert_eq!(stage.settle(1).await, 1);
        stage.world().refused.insert(addr("eu-west-1/p.alarm/errors"));
        stage.want(Vec::new());
        let plan = stage.plan().await;
        let outcome = stage.apply(&plan).await;
        assert_eq!(outcome.failures.len(), 1);
        stage.world().refused.clear();
        assert_eq!(stage.settle(1).await, 1);
        assert!(stage.world().things.is_empty());
        let log = stage.world().log.clone();
        let at = |what: &str| log.iter().position(|line| line == what).unwrap();
        assert!(at("delete eu-west-1/p.alarm/errors") < at("delete eu-west-1/p.service/api"), "{log:#?}");
    });
}
