//! What a record is changed to, on a live stack.
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use aws_sdk_route53::types::ChangeAction;
use serde_json::{Value, json};

use super::{Zone, apply, doing, needs, record, topology};
use crate::support::{aws::block_on, binary::Place, sandbox::strict};

const TWO: [&str; 2] = ["us-east-1", "eu-west-1"];

#[test]
fn records_come_last_and_go_first_and_a_reference_is_never_used_again() {
    let place = Place::new();
    let zone = Zone::new(&place);
    let others = zone.put_simple("www.example.com");
    place.write(topology("shop", &TWO, &record("health_check: { path: /health, interval: 10s }")));
    for round in 1..=2 {
        apply(&place);
        place.is_converged();
        assert_eq!(
            zone.shown(),
            [
                "api.example.com. mrctl/shop/eu-west-1 latency eu-west-1, checked",
                "api.example.com. mrctl/shop/us-east-1 latency us-east-1, checked",
                "www.example.com. - simple",
            ],
            "round {round}"
        );
        let checks = zone.health_checks();
        assert_eq!(checks.len(), 2);
        for check in &checks {
            let config = check.health_check_config().unwrap();
            assert_eq!((config.port(), config.enable_sni(), config.resource_path()), (Some(80), Some(false), Some("/health")));
            let reference: Vec<&str> = check.caller_reference().split('/').collect();
            assert_eq!((reference[0], reference[1].len(), reference[2]), ("mrctl", 12, if round == 1 { "1" } else { "2" }));
        }
        place.destroy("shop");
        assert_eq!(zone.shown(), ["www.example.com. - simple"]);
        assert_eq!(zone.sets()[0].resource_records(), others.resource_records());
        assert!(zone.health_checks().is_empty());
    }
    assert_eq!(strict().refused_with(&place.account, "Throttling"), [""; 0], "Route 53 is paced, not hammered");
    assert_eq!(strict().refused_with(&place.account, "PriorRequestNotComplete"), [""; 0]);
}

#[test]
fn policies_weights_and_intervals_change_on_a_live_stack() {
    let place = Place::new();
    let zone = Zone::new(&place);
    let mut before = 0;
    for (settings, shown) in [
        ("health_check: { interval: 10s }", ["eu-west-1 latency eu-west-1, checked", "us-east-1 latency us-east-1, checked"]),
        ("health_check: { interval: 30s }", ["eu-west-1 latency eu-west-1, checked", "us-east-1 latency us-east-1, checked"]),
        (
            "health_check: { interval: 10s, failure_threshold: 5 }",
            ["eu-west-1 latency eu-west-1, checked", "us-east-1 latency us-east-1, checked"],
        ),
        ("policy: weighted, weights: { us-east-1: 30, eu-west-1: 70 }", ["eu-west-1 weight 70", "us-east-1 weight 30"]),
        ("policy: weighted, weights: { us-east-1: 50, eu-west-1: 70 }", ["eu-west-1 weight 70", "us-east-1 weight 50"]),
        ("policy: geolocation, locations: { us-east-1: [default], eu-west-1: [EU] }", ["eu-west-1/EU in EU", "us-east-1/default in *"]),
        ("", ["eu-west-1 latency eu-west-1", "us-east-1 latency us-east-1"]),
    ] {
        place.write(topology("shop", &TWO, &record(settings)));
        apply(&place);
        place.is_converged();
        assert_eq!(zone.shown(), shown.map(|line| format!("api.example.com. mrctl/shop/{line}")), "{settings}");
        let changes = strict().zone_changes(&place.account);
        for change in &changes[before..] {
            let deleted = change.iter().filter(|set| set[0] == "DELETE").count();
            assert!(deleted == 0 || change.len() > deleted, "{settings}: no moment without a record: {changes:#?}");
        }
        before = changes.len();
    }
    place.destroy("shop");
    assert_eq!(zone.shown(), [""; 0]);
}

/// What answers the new path comes with the new image, region by region; a check that asked for it at once would take every region
/// out of DNS.
#[test]
fn a_health_check_changes_with_its_region_and_not_ahead_of_it() {
    let place = Place::new();
    let _zone = Zone::new(&place);
    let file = |image: u8, path: &str| {
        topology("shop", &TWO, &record(&format!("health_check: {{ path: {path} }}"))).replace("/api:1", &format!("/api:{image}"))
    };
    place.write(file(1, "/old"));
    apply(&place);
    place.write(file(2, "/new"));
    let plan = place.plan(&[]);
    for region in TWO {
        let check = format!("global/route53.health_check/api.example.com-{region}");
        assert!(needs(&plan, &check).contains(&&*format!("{region}/ecs.service/api")), "{plan:#}");
    }
    assert!(needs(&plan, "eu-west-1/ecs.service/api").contains(&"gate/us-east-1"), "{plan:#}");
    apply(&place);
    place.is_converged();
    place.destroy("shop");
}

#[test]
fn a_region_joins_and_leaves_and_what_is_alone_is_a_set_of_one() {
    let place = Place::new();
    let zone = Zone::new(&place);
    let write = |regions: &[&str], shown: &[&str]| {
        place.write(topology("shop", regions, &record("")));
        apply(&place);
        place.is_converged();
        assert_eq!(zone.shown(), shown.iter().map(|line| format!("api.example.com. mrctl/shop/{line}")).collect::<Vec<_>>());
    };
    write(&TWO[..1], &["us-east-1 weight 1"]);
    write(&TWO, &["eu-west-1 latency eu-west-1", "us-east-1 latency us-east-1"]);
    write(&TWO[1..], &["eu-west-1 weight 1"]);
    place.destroy("shop");
}

/// Its check was turned by hand, which takes its region out of DNS, and then has to be made anew.
#[test]
fn a_region_that_somebody_steers_by_its_health_check_stays_out_when_that_is_replaced() {
    let place = Place::new();
    let zone = Zone::new(&place);
    place.write(topology("shop", &TWO, &record("health_check: { interval: 10s }")));
    apply(&place);
    let checks = zone.health_checks();
    let [first, second] = &checks[..] else { panic!("{checks:#?}") };
    block_on(zone.client.update_health_check().health_check_id(first.id()).inverted(true).send()).unwrap();
    block_on(zone.client.update_health_check().health_check_id(second.id()).disabled(true).send()).unwrap();
    place.write(topology("shop", &TWO, &record("health_check: { interval: 30s }")));
    let plan = place.plan(&[]);
    let steps: Vec<_> = doing(&plan).into_iter().filter(|(addr, _)| addr.contains("health_check")).collect();
    assert!(steps.len() == 2 && steps.iter().all(|(_, action)| *action == "replace"), "{plan:#}");
    apply(&place);
    let after = zone.health_checks();
    let steered = |of: &dyn Fn(&aws_sdk_route53::types::HealthCheckConfig) -> Option<bool>| {
        after.iter().filter(|check| of(check.health_check_config().unwrap()) == Some(true)).count()
    };
    assert_eq!((after.len(), steered(&|config| config.inverted()), steered(&|config| config.disabled())), (2, 1, 1), "{after:#?}");
    let kinds: Vec<_> = place.plan(&[])["posture"].as_array().unwrap().iter().map(|one| one["kind"].clone()).collect();
    assert!(kinds.contains(&json!("health-check-inverted")) && kinds.contains(&json!("health-check-disabled")), "{kinds:?}");
    place.is_converged();
    place.destroy("shop");
}

/// AWS makes the change, the answer is lost, and what the SDK sends again is refused: the set is there already, or gone.
#[test]
fn a_change_whose_answer_is_lost_is_done() {
    let place = Place::new();
    let zone = Zone::new(&place);
    place.write(topology("shop", &TWO, ""));
    apply(&place);
    for (regions, shown) in [
        ("us-east-1", &["us-east-1 weight 1"][..]),
        ("us-east-1, eu-west-1", &["eu-west-1 latency eu-west-1", "us-east-1 latency us-east-1"]),
        ("eu-west-1", &["eu-west-1 weight 1"]),
    ] {
        place.write(topology("shop", &TWO, &record(&format!("regions: [{regions}]"))));
        let before = strict().refusals(&place.account, "ChangeResourceRecordSets", "InvalidChangeBatch");
        place.expect(0, &["--inject", "lost@1", "apply", "--yes", "--no-sweep"]);
        let after = strict().refusals(&place.account, "ChangeResourceRecordSets", "InvalidChangeBatch");
        assert!(after > before, "{regions}: the second try was refused");
        place.is_converged();
        assert_eq!(zone.shown(), shown.iter().map(|line| format!("api.example.com. mrctl/shop/{line}")).collect::<Vec<_>>());
    }
    place.destroy("shop");
}

#[test]
fn a_region_that_somebody_took_out_of_dns_stays_out() {
    let place = Place::new();
    let zone = Zone::new(&place);
    let file =
        |weight: u8| topology("shop", &TWO, &record(&format!("policy: weighted, weights: {{ us-east-1: 10, eu-west-1: {weight} }}")));
    place.write(file(20));
    apply(&place);
    let is_ireland = |set: &&mut aws_sdk_route53::types::ResourceRecordSet| set.set_identifier() == Some("mrctl/shop/eu-west-1");
    let mut set = zone.sets().iter_mut().find(is_ireland).unwrap().clone();
    set.weight = Some(0);
    zone.change(ChangeAction::Upsert, set.clone());
    let plan = place.plan(&[]);
    assert_eq!(doing(&plan), []);
    assert_eq!(plan["posture"][0]["id"], json!("weight:eu-west-1/route53.record/api.example.com"));
    assert_eq!((&plan["posture"][0]["wanted"], &plan["posture"][0]["found"]), (&json!(20), &json!(0)));
    // Any other difference is one.
    set.weight = Some(7);
    zone.change(ChangeAction::Upsert, set);
    assert_eq!(doing(&place.plan(&[])), [("eu-west-1/route53.record/api.example.com", "update")]);
    apply(&place);
    place.is_converged();
    place.destroy("shop");
}

/// An incident does not wait for a run to end: what was turned after the plan was read stays turned.
#[test]
fn a_health_check_that_somebody_turns_during_a_run_stays_turned() {
    let place = Place::new();
    let zone = Zone::new(&place);
    let text = |path: &str, image: &str| {
        let text = topology("shop", &TWO[..1], &record(&format!("health_check: {{ path: {path} }}")));
        text.replace("/api:1", &format!("/api:{image}"))
    };
    place.write(text("/a", "1"));
    apply(&place);
    let id = zone.health_checks()[0].id().to_owned();
    place.write(text("/b", "2"));
    // The health check changes after the service, whose deployment takes its time.
    strict().be_slow(&place.account, "UpdateService", 20);
    let mut command = place.command(&["apply", "--yes", "--no-sweep", "--format", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut turned_at = None;
    let mut said = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if event["type"] == "started" && event["address"] == "us-east-1/ecs.service/api" {
            block_on(zone.client.update_health_check().health_check_id(&id).inverted(true).send()).unwrap();
            turned_at = Some(said.len());
        }
        said.push(event);
    }
    assert!(child.wait().unwrap().success(), "{said:#?}");
    let is_its_step = |event: &Value| event["address"].as_str().is_some_and(|address| address.contains("route53.health_check"));
    let changed_at = said.iter().position(is_its_step);
    assert!(turned_at.is_some() && turned_at < changed_at, "{turned_at:?} {changed_at:?}");
    let checks = zone.health_checks();
    let config = checks[0].health_check_config().unwrap();
    assert_eq!((config.resource_path(), config.inverted()), (Some("/b"), Some(true)), "{config:#?}");
    place.is_converged();
    place.destroy("shop");
}
