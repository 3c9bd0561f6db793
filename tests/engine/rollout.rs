//! Regions one after another: gates, drains, and who is in DNS meanwhile.
use std::time::Duration;

use mrctl::{
    apply::{Event, Stop},
    plan::{Op, Reason, Rollout, order},
    resource::{Outputs, Replace},
};
use serde_json::json;

use super::{
    puppet::kinds,
    run::{Stage, addr, paused},
    units::shop,
};

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

mrctl::outputs! { "p.service": DeployedAt = "deployed_at" }

/// A run that was cut off while a region baked is followed by one that watches it for as long as is left, and judges it by its health.
#[test]
fn a_region_that_an_earlier_run_changed_bakes_for_the_rest() {
    paused(async {
        let mut stage = shop(2);
        stage.settle(1).await;
        let changed = addr("us-east-1/p.service/api");
        stage.world().wanted.iter_mut().filter(|(at, _)| *at == changed).for_each(|(_, spec)| spec["count"] = json!(2));
        let mut plan = stage.plan().await;
        let first = addr("eu-west-1/p.service/api");
        let now: jiff::Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let rollout = |seconds| Rollout { order: stage.regions.clone(), bake: Duration::from_secs(seconds), now, no_drain: false };
        for (deployed, bake, left) in [
            (None, 60, 0),
            (Some("2026-01-01T11:59:40Z"), 60, 40),
            (Some("2026-01-01T11:00:00Z"), 60, 0),
            (Some("2026-01-01T13:00:00Z"), 60, 60),
        ] {
            let found = plan.steps.iter_mut().find(|step| step.addr == first).unwrap().found.as_mut().unwrap();
            found.outputs = deployed.into_iter().fold(Outputs::of::<super::world::Id>(&found.id), |all, at| all.with::<DeployedAt>(at));
            let gates = order(&stage.kinds, &plan.steps, &rollout(bake)).unwrap().gates;
            assert_eq!(gates[0].judged, *std::slice::from_ref(&first));
            assert_eq!((gates.len(), gates[0].bake.as_secs(), gates[1].bake.as_secs()), (2, left, bake), "{deployed:?}");
        }
        // What does not answer well there keeps the other region as it is.
        stage.world().sick.insert(first);
        let plan = stage.plan().await;
        assert_eq!(stage.apply(&plan).await.stopped, Some(Stop::Gated));
        assert_eq!(stage.world().at(&changed)[0].spec["count"], 1);
    });
}

/// Other tags are no rollout.
#[test]
fn tags_alone_wait_for_no_gate() {
    paused(async {
        let mut stage = shop(2);
        let tags = |team: &str| json!({"$tags": {"team": team}, "keys": ["team"]});
        let tag = |stage: &Stage, team: &str| {
            for (_, spec) in stage.world().wanted.iter_mut().filter(|(at, _)| &*at.kind == "p.service") {
                spec["tags"] = tags(team);
            }
        };
        tag(&stage, "a");
        stage.settle(1).await;
        tag(&stage, "b");
        let plan = stage.plan().await;
        assert!(plan.has_changes() && plan.gates.is_empty(), "{:?}", plan.gates);
        assert_eq!(stage.settle(1).await, 1);
    });
}

/// Whoever interrupts does not wait for what would only be waited for because of what follows.
#[test]
fn an_interrupted_bake_is_over() {
    paused(async {
        let mut stage = shop(2);
        stage.settle(1).await;
        stage.world().wanted.iter_mut().filter(|(at, _)| &*at.kind == "p.service").for_each(|(_, spec)| spec["count"] = json!(2));
        let plan = stage.plan().await;
        let stop = stage.stop.clone();
        let (outcome, ()) = tokio::join!(stage.apply(&plan), async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            stop.cancel();
        });
        assert_eq!(outcome.stopped, Some(Stop::Interrupted));
        assert!(outcome.elapsed < Duration::from_secs(4), "{:?}", outcome.elapsed);
        assert!(stage.events.iter().any(|event| matches!(event, Event::GateBaking { .. })), "{:?}", stage.events);
        assert!(stage.events.iter().any(|event| matches!(event, Event::Stopping { running: 0, .. })), "{:?}", stage.events);
    });
}
