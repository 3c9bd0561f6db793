//! What stands at our addresses and is not ours, or not ours alone.
use mrctl::{
    plan::{Action, Severity},
    resource::Addr,
};
use serde_json::json;

use super::{
    run::{Stage, addr, paused},
    units::shop,
};

/// Marks of somebody else, as the stack that is asked reads them.
fn mark_as_of(stage: &Stage, table: &Addr, stack: &str) {
    let mut world = stage.world();
    let thing = world.things.iter_mut().find(|thing| thing.addr == *table).unwrap();
    thing.ours = false;
    thing.spec["tags"] = json!({"$tags": {}, "keys": [], "marked": false, "stack": stack});
}

#[test]
fn what_is_of_another_stack_is_never_adopted() {
    paused(async {
        let mut stage = shop(1);
        stage.settle(1).await;
        let table = addr("eu-west-1/p.table/Orders");
        mark_as_of(&stage, &table, "market");
        for (adopt, end) in [(false, "it is left alone"), (true, "it is not adopted")] {
            if adopt {
                stage.adopt.insert(table.clone());
            }
            let plan = stage.plan().await;
            let step = plan.steps.iter().find(|step| step.addr == table).unwrap();
            assert_eq!((step.action, step.why.as_str()), (Action::Leave, "it exists and belongs to stack `market`"));
            let errors: Vec<_> = plan.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
            let [finding] = &errors[..] else { panic!("{errors:?}") };
            assert_eq!(finding.code, "plan::of-another-stack");
            assert!(finding.message.contains("the mark of stack `market`") && finding.message.ends_with(end), "{finding:?}");
            assert!(!finding.help.as_ref().unwrap().contains("--adopt"), "{finding:?}");
        }
        // It is not said to be gone either, when the topology does not name it any more.
        stage.want(Vec::new());
        let plan = stage.plan().await;
        let step = plan.steps.iter().find(|step| step.addr == table).unwrap();
        assert_eq!((step.action, step.why.as_str()), (Action::Leave, "it carries the mark of stack `market`"));
    });
}

#[test]
fn what_another_stack_took_since_the_plan_is_not_adopted() {
    paused(async {
        let mut stage = shop(1);
        stage.settle(1).await;
        let table = addr("eu-west-1/p.table/Orders");
        {
            let mut world = stage.world();
            let thing = world.things.iter_mut().find(|thing| thing.addr == table).unwrap();
            thing.ours = false;
            thing.spec["tags"]["marked"] = json!(false);
        }
        stage.adopt.insert(table.clone());
        let plan = stage.plan().await;
        assert!(!plan.has_errors() && plan.steps.iter().any(|step| step.action == Action::Adopt));
        mark_as_of(&stage, &table, "market");
        let outcome = stage.apply(&plan).await;
        let [(failed, fault)] = &outcome.failures[..] else { panic!("{:?}", outcome.failures) };
        assert_eq!(*failed, table);
        assert!(fault.to_string().contains("stack `market` by now"), "{fault}");
        assert_eq!(stage.world().at(&table)[0].spec["tags"]["stack"], "market");
    });
}

/// Only what carries the mark is said to.
#[test]
fn of_two_with_one_address_each_is_said_to_be_what_it_is() {
    paused(async {
        let mut stage = shop(1);
        stage.settle(1).await;
        stage.world().slow = 0;
        let table = addr("eu-west-1/p.table/Orders");
        let tags = json!({"$tags": {}, "keys": [], "marked": true, "stack": "shop"});
        let ours = stage.world().put(&table, json!({"key": 2, "tags": tags}));
        let other = stage.world().at(&table)[0].id.clone();
        let said = async |stage: &Stage| {
            let plan = stage.plan().await;
            let finding = plan.findings.iter().find(|finding| finding.code == "plan::doubled").unwrap();
            (finding.message.clone(), finding.help.clone().unwrap())
        };
        assert_eq!(said(&stage).await.0, format!("`{other}` and `{ours}` carry the mark of {table}"));
        mark_as_of(&stage, &table, "market");
        let (message, help) = said(&stage).await;
        assert_eq!(message, format!("`{ours}` carries the mark of {table}; `{other}` has its name and the mark of stack `market`"));
        assert!(help.contains("the one that is ours") && !help.contains("the other"), "{help}");
        stage.world().things.iter_mut().find(|thing| thing.id == other).unwrap().spec["tags"]["stack"] = json!(null);
        let (message, _) = said(&stage).await;
        assert_eq!(message, format!("`{ours}` carries the mark of {table}; `{other}` has its name and no mark of this stack"));
        // A replica of ours that could not be marked yet.
        stage.world().things.iter_mut().find(|thing| thing.id == other).unwrap().ours = true;
        let (message, _) = said(&stage).await;
        assert_eq!(message, format!("`{ours}` carries the mark of {table}; `{other}` counts for {table} without its mark"));
    });
}
