//! A replacement that was cut off between its halves.
use mrctl::{plan::Action, resource::Replace};
use serde_json::json;

use super::{
    puppet::kinds,
    run::{Stage, addr, paused},
};

/// What a run leaves that was killed after the new task was made and before the service pointed to it.
fn halves(image: u8) -> Stage {
    let mut stage = Stage::new(7, 1);
    stage.kinds = kinds(&stage.world, Replace::CreateFirst);
    stage.world().slow = 0;
    let task = addr("eu-west-1/p.task/api");
    let mut world = stage.world();
    let old = world.put(&task, json!({"image": 1}));
    world.put(&task, json!({"image": 2}));
    let points = |id: &str| json!({"$ref": {"is": id, "kind": "p.task", "field": "id", "scope": "eu-west-1"}});
    world.put(&addr("eu-west-1/p.service/api"), json!({"task": points(&old)}));
    drop(world);
    let to = json!({"$ref": {"to": "eu-west-1/p.task/api", "field": "id"}});
    stage.want(vec![(task, json!({"image": image})), (addr("eu-west-1/p.service/api"), json!({"task": to}))]);
    stage
}

#[test]
fn the_half_that_is_wanted_stays_and_the_other_goes_last() {
    paused(async {
        for (image, stays, goes) in [(2, "id-2", "id-1"), (1, "id-1", "id-2")] {
            let mut stage = halves(image);
            let plan = stage.plan().await;
            assert!(!plan.has_errors(), "{:?}", plan.findings);
            let steps = mrctl::view::json::plan(&plan)["steps"].clone();
            let step = |address: &str| steps.as_array().unwrap().iter().find(|step| step["address"] == address).unwrap().clone();
            assert_eq!(step("eu-west-1/p.task/api")["action"], "keep");
            let beside = step(&format!("eu-west-1/p.task/api@{goes}"));
            assert_eq!(beside["action"], "delete");
            assert_eq!(beside["why"], format!("a replacement was cut short; `{stays}` is what is wanted"));
            let waits = if image == 2 { json!(["eu-west-1/p.service/api"]) } else { json!([]) };
            assert_eq!(beside["needs"], waits);
            assert_eq!(stage.settle(1).await, 1);
            let left: Vec<String> = stage.world().at(&addr("eu-west-1/p.task/api")).iter().map(|thing| thing.id.clone()).collect();
            assert_eq!(left, [stays]);
        }
    });
}

#[test]
fn halves_that_nobody_wants_any_more_both_go() {
    paused(async {
        let mut stage = halves(3);
        let plan = stage.plan().await;
        let actions: Vec<_> = plan.steps.iter().map(|step| (step.addr.to_string(), step.action)).collect();
        let expected =
            [("api", Action::Replace), ("api@id-1", Action::Delete)].map(|(name, action)| (format!("eu-west-1/p.task/{name}"), action));
        assert_eq!(actions[..2], expected);
        assert_eq!(stage.settle(1).await, 1);
        let mut stage = halves(2);
        stage.want(Vec::new());
        assert_eq!(stage.settle(1).await, 1);
        assert!(stage.world().things.is_empty());
    });
}

#[test]
fn two_that_are_both_as_wanted_stop_the_plan() {
    paused(async {
        let stage = halves(2);
        stage.world().put(&addr("eu-west-1/p.task/api"), json!({"image": 2}));
        let plan = stage.plan().await;
        let message = &plan.findings.iter().find(|finding| finding.code == "plan::doubled").unwrap().message;
        assert!(["id-1", "id-2", "id-4"].iter().all(|id| message.contains(id)), "{message}");
        assert!(!plan.steps.iter().any(|step| step.action == Action::Delete));
    });
}
