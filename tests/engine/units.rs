//! One situation each.
use std::collections::{BTreeMap, BTreeSet};

use mrctl::{
    apply::{Event, Stop},
    plan::{Action, Allowance, Op, Plan, Reason, Rollout, Selection, Severity, decide, order, select},
    resource::{Found, Life, Outputs, Replace, Want},
};
use serde_json::json;

use super::{
    run::{Stage, addr, paused},
    world::kinds,
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

#[test]
fn a_gate_that_stays_shut_stops_the_later_regions() {
    paused(async {
        let mut stage = shop(2);
        stage.settle(1).await;
        for (at, spec) in stage.world().wanted.iter_mut().filter(|(at, _)| &*at.kind == "p.service") {
            assert!(at.region().is_some());
            spec["count"] = json!(2);
        }
        stage.world().sick.insert(addr("eu-west-1/p.service/api"));
        let plan = stage.plan().await;
        assert_eq!(plan.gates.len(), 2);
        let outcome = stage.apply(&plan).await;
        assert_eq!(outcome.stopped, Some(Stop::Gated));
        assert_eq!(stage.world().at(&addr("us-east-1/p.service/api"))[0].spec["count"], 1);
    });
}

/// The region has baked and AWS leaves one question unanswered: that is asked again, and only an answer that it is sick shuts the gate.
#[test]
fn a_question_without_an_answer_shuts_no_gate() {
    for (untold, stopped) in [(3, None), (u32::MAX, Some(Stop::Gated))] {
        paused(async {
            let mut stage = shop(2);
            stage.settle(1).await;
            for (_, spec) in stage.world().wanted.iter_mut().filter(|(at, _)| &*at.kind == "p.service") {
                spec["count"] = json!(2);
            }
            stage.world().unread = Some((1, untold));
            let plan = stage.plan().await;
            let outcome = stage.apply(&plan).await;
            assert_eq!(outcome.stopped, stopped);
            let second = stage.world().at(&addr("us-east-1/p.service/api"))[0].spec["count"].clone();
            assert_eq!(second, json!(if stopped.is_none() { 2 } else { 1 }));
            assert!(outcome.elapsed.as_secs() < 120, "{:?}", outcome.elapsed);
        });
    }
}

/// Both regions' networks are made anew, and with them all that holds on to them: also what could be made before the old one goes,
/// because what it holds cannot. One region stays in DNS at any time.
#[test]
fn a_replacement_takes_one_region_at_a_time_out_of_dns() {
    paused(async {
        let mut stage = shop(2);
        stage.kinds = kinds(&stage.world, Replace::CreateFirst);
        for region in stage.regions.clone() {
            let subnet = json!({"$ref": {"to": format!("{region}/p.subnet/a"), "field": "id"}});
            let task = (addr(&format!("{region}/p.task/api")), json!({"image": 1, "subnet": subnet}));
            stage.world().wanted.push(task);
        }
        stage.settle(1).await;
        stage.world().wanted.iter_mut().filter(|(at, _)| &*at.kind == "p.net").for_each(|(_, spec)| spec["cidr"] = json!(2));
        assert_eq!(stage.settle(1).await, 1);
        assert!(stage.world().violations.is_empty(), "{:?}", stage.world().violations);
        let done: Vec<String> = stage
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Done { addr, doing, .. } if &*addr.kind == "p.record" => Some(format!("{doing:?} {addr}")),
                _ => None,
            })
            .collect();
        let [first, second] = [&stage.regions[0], &stage.regions[1]];
        let expected = ["Deleting", "Creating"].map(|doing| format!("{doing} {first}/p.record/api"));
        assert_eq!(done[..2], expected, "{done:?}");
        assert!(done[2].starts_with(&format!("Deleting {second}")), "{done:?}");
    });
}

#[test]
fn what_serves_goes_only_after_the_drain() {
    paused(async {
        let mut stage = shop(1);
        stage.settle(1).await;
        stage.want(Vec::new());
        let plan = stage.plan().await;
        let _ = stage.apply(&plan).await;
        let place = |what: &dyn Fn(&Event) -> bool| stage.events.iter().position(what).unwrap();
        let drained = place(&|event| matches!(event, Event::Drained { .. }));
        let record = place(&|event| matches!(event, Event::Done { addr, .. } if &*addr.kind == "p.record"));
        for kind in ["p.service", "p.table"] {
            assert!(drained < place(&|event| matches!(event, Event::Started { addr, .. } if &*addr.kind == kind)), "{kind}");
        }
        assert!(record < drained);
    });
}

/// Who does not wait for clients still does not send new ones there.
#[test]
fn dns_lets_go_first_also_without_a_drain() {
    paused(async {
        let mut stage = shop(1);
        stage.settle(1).await;
        stage.want(Vec::new());
        let mut plan = stage.plan().await;
        let rollout = Rollout { order: stage.regions.clone(), no_drain: true, ..Rollout::default() };
        let ordered = order(&stage.kinds, &plan.steps, &rollout).unwrap();
        (plan.graph, plan.drains) = (ordered.graph, ordered.drains);
        assert!(plan.drains.is_empty() && !plan.graph.ops.iter().any(|op| matches!(op, Op::Drain(_))));
        let needs = |kind: &str| plan.needs(plan.steps.iter().position(|step| &*step.addr.kind == kind).unwrap());
        let record = ("eu-west-1/p.record/api".to_owned(), Reason::Traffic);
        assert!(needs("p.table").contains(&record), "{:?}", needs("p.table"));
        assert!(needs("p.service").iter().any(|(what, _)| *what == record.0), "{:?}", needs("p.service"));
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
