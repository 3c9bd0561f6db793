//! What holds data is neither lost nor begun twice.
use mrctl::plan::{Action, Allowance};
use serde_json::json;

use super::{
    run::{addr, paused},
    units::shop,
};

#[test]
fn the_data_guard_refuses_and_permits() {
    paused(async {
        let mut stage = shop(2);
        stage.settle(1).await;
        stage.want(Vec::new());
        stage.allow.clear();
        assert_eq!(stage.plan().await.refusals.len(), 2);
        stage.allow = vec![("r".into(), Allowance::parse("eu-west-1/*").unwrap())];
        let plan = stage.plan().await;
        assert_eq!(plan.refusals[0].addr, addr("us-east-1/p.table/Orders"));
        assert_eq!(plan.refusals.len(), 1);
    });
}

#[test]
fn data_moves_only_when_the_new_member_is_there() {
    paused(async {
        let mut stage = shop(3);
        let table = |region: &str| addr(&format!("{region}/p.table/Orders"));
        let all: Vec<_> = stage.world().wanted.iter().filter(|(at, _)| &*at.kind == "p.table").cloned().collect();
        let in_regions =
            |regions: &[&str]| all.iter().filter(|(at, _)| regions.contains(&at.region().unwrap().as_str())).cloned().collect();
        stage.want(in_regions(&["eu-west-1", "us-east-1"]));
        stage.settle(1).await;
        stage.want(in_regions(&["ap-south-1"]));
        stage.world().refused.insert(table("ap-south-1"));
        let plan = stage.plan().await;
        let outcome = stage.apply(&plan).await;
        assert_eq!((outcome.tally.failed, outcome.tally.skipped), (1, 2));
        assert_eq!(stage.world().things.len(), 2);
        stage.world().refused.clear();
        assert_eq!(stage.settle(1).await, 1);
        let world = stage.world();
        assert_eq!((world.at(&table("ap-south-1")).len(), world.things.len()), (1, 1));
    });
}

#[test]
fn a_member_outside_the_file_is_enough_to_join() {
    paused(async {
        let mut stage = shop(3);
        let all: Vec<_> = stage.world().wanted.iter().filter(|(at, _)| &*at.kind == "p.table").cloned().collect();
        stage.want(all[..1].to_vec());
        stage.settle(1).await;
        stage.want(all[1..].to_vec());
        stage.world().dead = Some(stage.regions[2].clone());
        let plan = stage.plan().await;
        let action = |region: usize| plan.steps.iter().find(|step| step.addr.region() == Some(&stage.regions[region])).unwrap().action;
        assert_eq!([action(0), action(1), action(2)], [Action::Delete, Action::Create, Action::Hold]);
    });
}

#[test]
fn the_last_member_stays_while_none_of_those_that_are_wanted_instead_can_be_made() {
    paused(async {
        let mut stage = shop(3);
        let all: Vec<_> = stage.world().wanted.iter().filter(|(at, _)| &*at.kind == "p.table").cloned().collect();
        stage.want(all[..1].to_vec());
        stage.settle(1).await;
        stage.want(all[2..].to_vec());
        stage.world().dead = Some(stage.regions[2].clone());
        let plan = stage.plan().await;
        let actions: Vec<Action> = plan.steps.iter().map(|step| step.action).collect();
        assert_eq!(actions, [Action::Hold, Action::Hold], "{:#?}", plan.steps);
        let outcome = stage.apply(&plan).await;
        assert_eq!((outcome.tally.done, stage.world().things.len()), (0, 1));
        stage.world().dead = None;
        stage.settle(1).await;
        assert_eq!(stage.world().at(&addr(&format!("{}/p.table/Orders", stage.regions[2]))).len(), 1);
    });
}

/// The old one would be gone, and the new one not begun.
#[test]
fn data_is_not_made_anew_while_a_region_that_has_a_part_of_it_is_silent() {
    paused(async {
        let mut stage = shop(2);
        stage.settle(1).await;
        for (_, spec) in stage.world().wanted.iter_mut().filter(|(at, _)| &*at.kind == "p.table") {
            spec["key"] = json!(2);
        }
        stage.world().dead = Some(stage.regions[1].clone());
        let plan = stage.plan().await;
        let step = plan.steps.iter().find(|step| step.addr == addr("eu-west-1/p.table/Orders")).unwrap();
        assert_eq!((step.action, step.changes.len()), (Action::Hold, 0), "{step:#?}");
        assert!(step.why.contains("us-east-1 does not answer"), "{}", step.why);
        let _ = stage.apply(&plan).await;
        assert_eq!(stage.world().at(&addr("eu-west-1/p.table/Orders"))[0].spec["key"], 1);
        stage.world().dead = None;
        stage.settle(1).await;
        assert_eq!(stage.world().at(&addr("eu-west-1/p.table/Orders"))[0].spec["key"], 2);
    });
}
