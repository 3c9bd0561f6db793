//! A region that the file does not name and where something is wanted all the same.
use mrctl::{
    plan::{Action, Plan, Reach},
    resource::Region,
};
use serde_json::json;

use super::{
    run::{Stage, addr, paused},
    units::shop,
};

const AUXILIARY: &str = "us-west-2";

/// A shop, one alarm of which stands where nothing else is.
fn watched(count: usize) -> Stage {
    let mut stage = shop(count);
    stage.auxiliary.insert(Region::new(AUXILIARY));
    let alarm = (addr(&format!("{AUXILIARY}/p.alarm/health")), json!({ "threshold": 1 }));
    stage.world().wanted.push(alarm);
    stage
}

fn actions(plan: &Plan, action: Action) -> Vec<String> {
    plan.steps.iter().filter(|step| step.action == action).map(|step| step.addr.to_string()).collect()
}

fn state(plan: &Plan) -> Reach {
    plan.regions[&Region::new(AUXILIARY)].state
}

#[test]
fn it_is_read_for_those_kinds_only_and_has_no_wave() {
    paused(async {
        let mut stage = watched(2);
        let before = stage.world().lists;
        let plan = stage.plan().await;
        // Every kind of the shop in two regions and what has none, and one kind there.
        assert_eq!(stage.world().lists - before, 2 * stage.kinds.iter().count() + 1);
        assert_eq!(state(&plan), Reach::Auxiliary);
        assert!(plan.gates.iter().all(|gate| gate.region.as_str() != AUXILIARY), "{:?}", plan.gates);
        assert_eq!(stage.settle(1).await, 1);
        assert!(!stage.world().at(&addr("us-west-2/p.alarm/health")).is_empty());
        // Something else that the sweep sees there is read, and goes.
        let left = (addr("us-west-2/p.net/old"), json!({ "cidr": 1 }));
        stage.world().wanted.push(left);
        stage.searched.hits.insert(Region::new(AUXILIARY));
        assert_eq!(stage.settle(1).await, 1);
        stage.world().wanted.pop();
        let plan = stage.plan().await;
        assert_eq!(actions(&plan, Action::Delete), ["us-west-2/p.net/old"]);
        assert_eq!(state(&plan), Reach::Reachable);
    });
}

#[test]
fn its_silence_holds_what_is_there_and_nothing_else() {
    paused(async {
        let mut stage = watched(2);
        stage.world().dead = Some(Region::new(AUXILIARY));
        let plan = stage.plan().await;
        assert_eq!(state(&plan), Reach::Unreachable);
        assert_eq!(actions(&plan, Action::Hold), ["us-west-2/p.alarm/health"]);
        let outcome = stage.apply(&plan).await;
        assert_eq!((outcome.tally.failed, outcome.tally.skipped), (0, 0));
        assert!(outcome.tally.done > 8, "{:?}", outcome.tally);
        // What is no longer wanted elsewhere goes all the same.
        stage.world().wanted.retain(|(addr, _)| &*addr.kind != "p.record");
        let plan = stage.plan().await;
        assert_eq!(actions(&plan, Action::Delete).len(), 2);
        stage.world().dead = None;
        assert_eq!(stage.settle(1).await, 1);
    });
}

#[test]
fn a_removal_of_everything_finds_it() {
    paused(async {
        let mut stage = watched(1);
        assert_eq!(stage.settle(1).await, 1);
        stage.want(Vec::new());
        let plan = stage.plan().await;
        assert!(actions(&plan, Action::Delete).contains(&"us-west-2/p.alarm/health".to_owned()), "{:?}", plan.steps);
        assert_eq!(stage.settle(1).await, 1);
        assert!(stage.world().things.is_empty());
    });
}
