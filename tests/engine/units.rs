//! One situation each.
use std::collections::{BTreeMap, BTreeSet};

use mrctl::{
    apply::{Event, Stop},
    plan::{Action, Allowance, Op, Plan, Reason, Rollout, Selection, Severity, decide, order, select},
    resource::{Found, Life, Outputs, Replace, Want},
};
use serde_json::json;

use super::{
    puppet::kinds,
    run::{Stage, addr, paused},
};

pub fn shop(count: usize) -> Stage {
    let stage = Stage::new(7, count);
    let mut all = Vec::new();
    let to = |text: &str| json!({"$ref": {"to": text, "field": "id"}});
    for region in stage.regions.clone() {
        all.push((addr(&format!("{region}/p.net/main")), json!({"cidr": 1})));
        all.push((addr(&format!("{region}/p.subnet/a")), json!({"net": to(&format!("{region}/p.net/main"))})));
        all.push((addr(&format!("{region}/p.service/api")), json!({"subnet": to(&format!("{region}/p.subnet/a")), "count": 1})));
        all.push((addr(&format!("{region}/p.record/api")), json!({"service": to(&format!("{region}/p.service/api"))})));
        let tags = json!({"$tags": {}, "keys": [], "marked": true});
        all.push((addr(&format!("{region}/p.table/Orders")), json!({"key": 1, "pitr": true, "protect": true, "tags": tags})));
    }
    stage.want(all);
    stage
}

#[test]
fn a_failure_skips_only_what_follows() {
    paused(async {
        let mut stage = shop(2);
        stage.world().refused.insert(addr("eu-west-1/p.subnet/a"));
        let plan = stage.plan().await;
        let outcome = stage.apply(&plan).await;
        assert_eq!((outcome.tally.failed, outcome.tally.skipped, outcome.tally.left), (1, 2, 0));
        assert_eq!(outcome.tally.done, plan.graph.ops.len() - 3);
    });
}

/// What is ready by its own status and not in the list yet is not finished: its settings follow when it can be read.
#[test]
fn what_cannot_be_read_yet_is_not_taken_for_done() {
    paused(async {
        let mut stage = shop(1);
        stage.world().late = 3;
        assert_eq!(stage.settle(1).await, 1);

        let mut stage = shop(1);
        stage.world().late = u32::MAX;
        let plan = stage.plan().await;
        let outcome = stage.apply(&plan).await;
        let (at, fault) = outcome.failures.first().unwrap();
        assert_eq!((outcome.failures.len(), &*at.kind), (1, "p.table"));
        assert!(fault.to_string().contains("cannot be read whole yet"), "{fault}");
    });
}

/// What is not finished by its create is looked at by its id: a list for each would be the square of how many there are.
#[test]
fn one_thing_is_not_looked_for_among_all() {
    paused(async {
        let mut stage = shop(1);
        stage.world().wanted.retain(|(at, _)| &*at.kind == "p.table");
        let plan = stage.plan().await;
        stage.world().lists = 0;
        assert!(stage.apply(&plan).await.failures.is_empty());
        assert_eq!(stage.world().lists, 0);
        assert!(!stage.plan().await.has_changes());
    });
}

/// Removed by somebody between the plan and the change: there is nothing to wait for.
#[test]
fn a_change_of_what_is_gone_fails_soon() {
    paused(async {
        let mut stage = shop(1);
        stage.settle(1).await;
        stage.world().wanted.iter_mut().filter(|(at, _)| &*at.kind == "p.service").for_each(|(_, spec)| spec["count"] = json!(2));
        let plan = stage.plan().await;
        stage.world().things.retain(|thing| &*thing.addr.kind != "p.service");
        let outcome = stage.apply(&plan).await;
        assert_eq!(outcome.failures.len(), 1, "{:?}", outcome.failures);
        assert!(outcome.elapsed.as_secs() < 30, "{:?}", outcome.elapsed);
    });
}

#[test]
fn two_with_one_address_stop_the_plan() {
    paused(async {
        let mut stage = shop(1);
        stage.settle(1).await;
        stage.world().slow = 0;
        stage.world().put(&addr("eu-west-1/p.net/main"), json!({"cidr": 1}));
        let plan = stage.plan().await;
        assert!(plan.has_errors());
        assert!(plan.findings.iter().any(|finding| finding.code == "plan::doubled"));
    });
}

/// A shop whose service is being made and will be for longer than anybody waits.
async fn never_ready() -> Stage {
    let mut stage = shop(1);
    stage.settle(1).await;
    stage.world().things.iter_mut().filter(|thing| &*thing.addr.kind == "p.service").for_each(|thing| thing.making = 100_000);
    stage
}

#[test]
fn what_yields_is_removed_while_it_is_being_made() {
    paused(async {
        let mut stage = never_ready().await;
        stage.want(Vec::new());
        let plan = stage.plan().await;
        assert!(plan.steps.iter().all(|step| step.waiting.is_none()), "{:?}", plan.steps);
        assert_eq!(stage.settle(1).await, 1);
        assert!(stage.world().things.is_empty());
    });
}

#[test]
fn what_yields_is_changed_while_it_is_being_made() {
    paused(async {
        let mut stage = never_ready().await;
        stage.world().wanted.iter_mut().filter(|(at, _)| &*at.kind == "p.service").for_each(|(_, spec)| spec["count"] = json!(2));
        let plan = stage.plan().await;
        let step = plan.steps.iter().find(|step| &*step.addr.kind == "p.service").unwrap();
        assert_eq!((step.action, step.waiting.clone(), step.changes.len()), (Action::Update, None, 1), "{step:?}");
        assert_eq!(step.why, "it differs, while AWS says pending");
        stage.world().mended = true;
        assert_eq!(stage.settle(1).await, 1);
    });
}

#[test]
fn what_is_still_being_made_lets_go_of_what_is_replaced() {
    paused(async {
        let mut stage = shop(1);
        stage.settle(1).await;
        let subnet = addr("eu-west-1/p.subnet/a");
        for thing in stage.world().things.iter_mut().filter(|thing| thing.addr == subnet) {
            thing.making = 3;
        }
        for (_, spec) in stage.world().wanted.iter_mut().filter(|(at, _)| &*at.kind == "p.net") {
            spec["cidr"] = json!(2);
        }
        let plan = stage.plan().await;
        let step = plan.steps.iter().find(|step| step.addr == subnet).unwrap();
        assert_eq!((step.action, step.waiting.as_deref()), (Action::Replace, Some("pending")));
        assert_eq!(stage.settle(1).await, 1);
        assert!(stage.world().violations.is_empty(), "{:?}", stage.world().violations);
    });
}

#[test]
fn a_create_that_aws_drops_is_known_soon_and_made_by_the_next_run() {
    paused(async {
        let mut stage = shop(2);
        let table = addr("us-east-1/p.table/Orders");
        stage.world().dropped.insert(table.clone());
        let plan = stage.plan().await;
        let outcome = stage.apply(&plan).await;
        assert_eq!(outcome.failures.len(), 1);
        let (failed, fault) = &outcome.failures[0];
        assert_eq!(*failed, table);
        assert!(fault.to_string().contains("nothing of it has appeared"), "{fault}");
        assert!(fault.advice().unwrap().contains("run the same command again"));
        assert!((60..90).contains(&outcome.elapsed.as_secs()), "{:?}", outcome.elapsed);
        stage.world().dropped.clear();
        assert_eq!(stage.settle(1).await, 1);
    });
}

/// Somebody else's, and it is going: for a minute, or not at all.
#[test]
fn a_removal_waits_for_what_goes_by_itself_and_in_the_end_names_it() {
    for (looks, failed) in [(12, 0), (u32::MAX, 1)] {
        paused(async {
            let mut stage = shop(1);
            stage.settle(1).await;
            stage.world().slow = 0;
            let subnet = addr("eu-west-1/p.subnet/a");
            let theirs = addr("eu-west-1/p.interface/theirs");
            let spec = stage.world().at(&addr("eu-west-1/p.service/api"))[0].spec.clone();
            stage.world().put(&theirs, spec);
            stage.world().things.last_mut().unwrap().leaving = Some(looks);
            stage.want(Vec::new());
            let plan = stage.plan().await;
            let outcome = stage.apply(&plan).await;
            let held = |event: &Event| matches!(event, Event::Progress { addr, now, .. } if *addr == subnet && now.contains("held by eu-west-1/p.interface/theirs"));
            assert!(stage.events.iter().any(held), "{:#?}", stage.events);
            assert_eq!((outcome.tally.failed, outcome.tally.skipped), (failed, failed), "{:?}", outcome.failures);
            if let [(who, fault)] = &outcome.failures[..] {
                assert_eq!(*who, subnet);
                assert!(
                    fault.to_string().contains("AWS has not let go of it: it is still held by eu-west-1/p.interface/theirs"),
                    "{fault}"
                );
                assert!(fault.advice().is_some_and(|advice| advice.contains("run the same command again")));
                // The drain of a minute, the whole patience of the kind, and not much more.
                assert!((660..700).contains(&outcome.elapsed.as_secs()), "{:?}", outcome.elapsed);
            }
        });
    }
}

/// A redirect to a port that cannot be opened now: what works stays as it is.
#[test]
fn what_is_there_is_not_changed_for_what_cannot_be_made_now() {
    let world = Stage::new(7, 1);
    let (first, second) = (addr("eu-west-1/p.rules/first"), addr("eu-west-1/p.rules/second"));
    let decided = |hold: Option<&str>, size: u8| {
        let mut before = Want::new(first.clone(), json!({"size": 1}));
        before.hold = hold.map(str::to_owned);
        let want = Want::new(second.clone(), json!({"size": size})).after([first.clone()]);
        let found = Found {
            addr: second.clone(),
            id: "id-1".into(),
            spec: json!({"size": 1}),
            outputs: Outputs::default(),
            life: Life::Ready,
            ours: true,
            born: None,
        };
        let decided = decide(&world.kinds, vec![want, before], vec![found], &BTreeMap::new(), &BTreeSet::new()).unwrap();
        decided.steps.into_iter().find(|step| step.addr == second).map(|step| (step.action, step.why, step.changes.len())).unwrap()
    };
    let why = "it comes after eu-west-1/p.rules/first, which cannot be decided now";
    assert_eq!(decided(Some("not known"), 2), (Action::Hold, why.to_owned(), 0));
    assert_eq!(decided(None, 2).0, Action::Update);
    assert_eq!(decided(Some("not known"), 1).0, Action::Keep);
}

/// Certificates of every region tell the same record: one that can be decided is enough.
#[test]
fn what_any_of_several_can_tell_is_held_only_when_none_can() {
    let stage = Stage::new(7, 2);
    let both = stage.regions.iter().map(|region| addr(&format!("{region}/p.rules/first"))).collect::<Vec<_>>();
    let held = |known: usize| {
        let wants = both.iter().enumerate().map(|(index, at)| {
            let hold = (index >= known).then(|| "not known".to_owned());
            Want { hold, ..Want::new(at.clone(), json!({"size": 1})) }
        });
        let last = Want::new(addr("eu-west-1/p.rules/last"), json!({"size": 1})).after_any(both.clone());
        let wants = std::iter::once(last).chain(wants).collect();
        let decided = decide(&stage.kinds, wants, Vec::new(), &BTreeMap::new(), &BTreeSet::new()).unwrap();
        let step = decided.steps.iter().find(|step| &*step.addr.name == "last").unwrap();
        let needs = order(&stage.kinds, &decided.steps, &Rollout::default()).unwrap().graph.edges.len();
        (step.action, needs)
    };
    assert_eq!([held(2), held(1), held(0)], [(Action::Create, 2), (Action::Create, 1), (Action::Hold, 0)]);
}

#[test]
fn what_is_foreign_is_left_and_adopted_only_when_asked() {
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
        let plan = stage.plan().await;
        assert!(plan.has_errors() && plan.steps.iter().any(|step| step.action == Action::Leave));
        assert!(plan.findings[0].help.as_ref().is_some_and(|help| help.contains(&format!("--adopt {table}"))), "{:?}", plan.findings);
        stage.adopt.insert(table.clone());
        let warned = |plan: &Plan| plan.findings.iter().any(|finding| finding.code == "plan::adoption-unused");
        assert!(!warned(&stage.plan().await));
        stage.settle(1).await;
        assert!(stage.world().at(&table)[0].ours);
        // The same command again, as after a kill: nothing is left to adopt, and that is no reason to stop.
        let plan = stage.plan().await;
        assert!(warned(&plan) && !plan.has_errors() && plan.refusals.is_empty(), "{:?}", plan.findings);
    });
}

#[test]
fn what_is_named_for_nothing_is_a_warning() {
    paused(async {
        let mut stage = shop(1);
        stage.settle(1).await;
        let nowhere = "eu-west-1/p.table/Nowhere";
        stage.allow = ["all", "us-east-1/*", nowhere].map(|text| (text.to_owned(), Allowance::parse(text).unwrap())).into();
        stage.adopt.insert(addr(nowhere));
        let plan = stage.plan().await;
        let said: Vec<(Severity, &str)> = plan.findings.iter().map(|finding| (finding.severity, finding.message.as_str())).collect();
        let expected = [
            "`--allow-data-loss all` matches nothing in this plan",
            "`--allow-data-loss us-east-1/*` matches nothing in this plan",
            "`--allow-data-loss eu-west-1/p.table/Nowhere` matches nothing in this plan",
            "`--adopt eu-west-1/p.table/Nowhere` matches nothing in this plan that could be adopted",
        ];
        assert_eq!(said, expected.map(|message| (Severity::Warning, message)));
        assert!(plan.refusals.is_empty());
    });
}

#[test]
fn only_takes_what_comes_before_and_except_drops_what_comes_after() {
    paused(async {
        let stage = shop(1);
        let plan = stage.plan().await;
        let names = |only: &[&str], except: &[&str]| -> Vec<String> {
            let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
            let kept = select(&plan.steps, &plan.graph, &Selection { only: own(only), except: own(except) });
            kept.into_iter().map(|step| plan.steps[step].addr.kind.to_string()).collect()
        };
        let mut only = names(&["*/p.subnet/*"], &[]);
        only.sort();
        assert_eq!(only, ["p.net", "p.subnet"]);
        let mut except = names(&[], &["*/p.subnet/*"]);
        except.sort();
        assert_eq!(except, ["p.net", "p.table"]);
    });
}

#[test]
fn timeout_and_interrupt_start_nothing_more() {
    paused(async {
        let mut stage = shop(1);
        stage.timeout = Some(std::time::Duration::from_secs(1));
        let plan = stage.plan().await;
        let outcome = stage.apply(&plan).await;
        assert_eq!(outcome.stopped, Some(Stop::TimedOut));
        assert!(stage.world().at(&addr("eu-west-1/p.subnet/a")).is_empty());
        let mut stage = shop(1);
        stage.stop.cancel();
        let plan = stage.plan().await;
        let outcome = stage.apply(&plan).await;
        assert_eq!(outcome.stopped, Some(Stop::Interrupted));
        assert!(stage.world().at(&addr("eu-west-1/p.subnet/a")).is_empty());
    });
}

#[test]
fn what_is_needed_and_goes_stays_until_it_was_used() {
    let stage = shop(1);
    let kinds = kinds(&stage.world, Replace::DeleteFirst);
    let old = addr("eu-west-1/p.net/old");
    let spec = json!({ "cidr": 2 });
    let found = Found { addr: old.clone(), id: "n-1".into(), spec, outputs: Outputs::default(), life: Life::Ready, ours: true, born: None };
    let want = Want::new(addr("us-east-1/p.net/new"), json!({ "cidr": 1 })).after([old]);
    let steps = decide(&kinds, vec![want], vec![found], &BTreeMap::new(), &BTreeSet::new()).unwrap().steps;
    let graph = order(&kinds, &steps, &Rollout::default()).unwrap().graph;
    let edges: Vec<_> = graph.edges.iter().map(|(before, after, why)| (&graph.ops[*before], &graph.ops[*after], *why)).collect();
    assert_eq!(edges, [(&Op::Make(0), &Op::Remove(1), Reason::After)]);
}
