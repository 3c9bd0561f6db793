//! Health checks that follow an alarm, alarms on health checks, and gates that look at alarms.
use aws_sdk_cloudwatch::types::StateValue;
use aws_sdk_route53::types::HealthCheckType;
use serde_json::{Value, json};

use super::{Zone, apply, doing, needs, record, topology};
use crate::support::{
    aws::{Aws, block_on},
    binary::Place,
    sandbox::{config, strict},
};

const TWO: [&str; 2] = ["us-east-1", "eu-west-1"];
const ELSEWHERE: [&str; 2] = ["eu-west-1", "ap-southeast-2"];
const CHECK: &str = "global/route53.health_check/api.example.com-us-east-1";

/// An alarm on the answers of the service, and whom it tells.
fn errors(threshold: u32) -> String {
    format!("alarms:\n  errors: {{ service: api, metric: target_5xx, threshold: {threshold}, period: 60s, evaluation_periods: 2 }}\n")
}

/// An alarm on what Route 53 sees of the record.
fn health() -> String {
    let alarm =
        "alarms:\n  health: { record: api.example.com, metric: health_check_status, threshold: 1, period: 60s, evaluation_periods: 1 }\n";
    format!("{alarm}alerts: {{ emails: [ops@example.com] }}\n")
}

fn following(threshold: u32) -> String {
    let check = "health_check: { from_alarm: errors, insufficient_data: healthy }";
    topology("shop", &TWO, &record(check)) + &errors(threshold)
}

fn alarms(place: &Place, region: &str) -> aws_sdk_cloudwatch::Client {
    let config = config(&place.account).into_builder().region(aws_config::Region::new(region.to_owned()));
    aws_sdk_cloudwatch::Client::new(&config.build())
}

fn force(place: &Place, region: &str, name: &str, state: StateValue) {
    let ask = alarms(place, region).set_alarm_state().alarm_name(name).state_value(state).state_reason("a drill");
    block_on(ask.send()).unwrap();
}

fn step<'a>(plan: &'a Value, address: &str) -> &'a Value {
    plan["steps"].as_array().unwrap().iter().find(|step| step["address"] == address).unwrap_or_else(|| panic!("{address}: {plan:#}"))
}

#[test]
fn a_check_follows_an_alarm_and_is_told_of_each_change_of_it() {
    let place = Place::new();
    let zone = Zone::new(&place);
    place.write(following(50));
    apply(&place);
    place.is_converged();
    let copied = |threshold: f64| {
        let checks = zone.health_checks();
        assert_eq!(checks.len(), 2);
        for check in checks {
            let config = check.health_check_config().unwrap();
            assert_eq!(*config.r#type(), HealthCheckType::CloudwatchMetric);
            let named = config.alarm_identifier().unwrap();
            assert!(TWO.contains(&named.region().as_str()) && named.name() == "shop-errors", "{named:?}");
            assert_eq!((config.port(), config.fully_qualified_domain_name()), (None, None));
            let copy = check.cloud_watch_alarm_configuration().unwrap();
            assert_eq!((copy.threshold(), copy.metric_name(), copy.dimensions().len()), (threshold, "HTTPCode_Target_5XX_Count", 2));
        }
    };
    copied(50.0);
    assert!(zone.shown().iter().all(|line| line.ends_with("checked")), "{:?}", zone.shown());

    place.write(following(80));
    let plan = place.plan(&[]);
    let changes = &step(&plan, CHECK)["changes"];
    assert_eq!(changes, &json!([{ "path": "follows.copied.threshold", "from": 50.0, "to": 80.0 }]));
    assert!(needs(&plan, CHECK).contains(&"us-east-1/cloudwatch.metric_alarm/errors"), "{plan:#}");
    apply(&place);
    place.is_converged();
    copied(80.0);
    place.destroy("shop");
    assert!(zone.health_checks().is_empty());
    assert_eq!(strict().refused_with(&place.account, "InvalidInput"), [""; 0]);
}

#[test]
fn another_type_of_check_is_made_before_the_old_one_goes() {
    let place = Place::new();
    let zone = Zone::new(&place);
    let asking = topology("shop", &TWO, &record("health_check: { interval: 10s }")) + &errors(50);
    place.write(&asking);
    apply(&place);
    for (text, kind) in [(following(50), HealthCheckType::CloudwatchMetric), (asking, HealthCheckType::Http)] {
        place.write(text);
        assert_eq!(step(&place.plan(&[]), CHECK)["action"], "replace");
        let before = strict().changes(&place.account).len();
        apply(&place);
        place.is_converged();
        let all = strict().changes(&place.account);
        let at = |what: &str| {
            all.iter().enumerate().skip(before).filter(|(_, call)| call.starts_with(what)).map(|(at, _)| at).collect::<Vec<_>>()
        };
        let [made, pointed, gone] =
            ["POST /2013-04-01/healthcheck", "POST /2013-04-01/hostedzone/", "DELETE /2013-04-01/healthcheck/"].map(at);
        assert!(made.first() < pointed.first() && pointed.last() < gone.last(), "{all:#?}");
        assert!(zone.health_checks().iter().all(|check| *check.health_check_config().unwrap().r#type() == kind));
        assert!(zone.shown().iter().all(|line| line.ends_with("checked")), "{:?}", zone.shown());
    }
    place.destroy("shop");
}

#[test]
fn a_region_with_an_alarm_that_is_on_is_not_followed_by_the_next() {
    let place = Place::new();
    let _zone = Zone::new(&place);
    let text = topology("shop", &TWO, &record("")) + &errors(50);
    let text = text.replace("bake: 0s", "bake: 0s, gate_timeout: 10s");
    place.write(&text);
    apply(&place);
    force(&place, "us-east-1", "shop-errors", StateValue::Alarm);
    place.write(text.replace("/api:1", "/api:2"));
    let plan = place.plan(&[]);
    let checks = &plan["gates"][0]["checks"];
    assert!(checks.to_string().contains("none of 1 alarm in us-east-1 is in ALARM"), "{checks}");
    // Whoever reads the plan knows it before anything is changed.
    let told: Vec<_> = plan["findings"].as_array().unwrap().iter().filter(|it| it["code"] == "gate::shut-now").collect();
    assert_eq!(told.len(), 1, "{}", plan["findings"]);
    assert!(
        told[0]["message"].as_str().unwrap().contains("us-east-1 does not open now: alarm shop-errors is in ALARM: a drill"),
        "{told:?}"
    );
    let said = place.expect(6, &["apply", "--yes", "--no-sweep"]);
    assert!(said.contains("alarm shop-errors is in ALARM: a drill"), "{said}");
    let image = |region: &str| Aws::new(&place.account, region).image("shop-api");
    assert!(image("us-east-1").ends_with("/api:2") && image("eu-west-1").ends_with("/api:1"));
    // The same command again does not lead past it, though nothing is left to do in that region; on purpose somebody can.
    place.expect(6, &["apply", "--yes", "--no-sweep"]);
    assert!(image("eu-west-1").ends_with("/api:1"));
    let gates = place.plan(&["--only", "eu-west-1/*"])["gates"].clone();
    assert!(gates.as_array().unwrap().iter().all(|gate| gate["region"] != "us-east-1"), "{gates:#}");
    // One that has nothing to judge by says nothing.
    force(&place, "us-east-1", "shop-errors", StateValue::InsufficientData);
    force(&place, "eu-west-1", "shop-errors", StateValue::Ok);
    apply(&place);
    place.is_converged();
    assert!(image("eu-west-1").ends_with("/api:2"));
    place.destroy("shop");
}

#[test]
fn what_stands_in_us_east_1_alone_has_a_region_of_its_own() {
    let place = Place::new();
    let _zone = Zone::new(&place);
    place.write(topology("shop", &ELSEWHERE, &record("health_check: {}")) + &health());
    // It is silent: what is there is held, and everything else is done.
    let dead = ["--inject", "down=us-east-1:refuse", "apply", "--yes", "--no-sweep"];
    place.expect(5, &dead);
    let plan = place.plan(&[]);
    assert_eq!(plan["regions"]["us-east-1"]["state"], "auxiliary");
    let left = doing(&plan);
    assert!(!left.is_empty() && left.iter().all(|(address, action)| address.starts_with("us-east-1/") && *action == "create"), "{left:#?}");
    assert!(plan["gates"].as_array().unwrap().iter().all(|gate| gate["region"] != "us-east-1"), "{plan:#}");
    apply(&place);
    place.is_converged();
    let seen = block_on(alarms(&place, "us-east-1").describe_alarms().send()).unwrap();
    let names: Vec<_> = seen.metric_alarms().iter().filter_map(|alarm| alarm.alarm_name()).collect();
    assert_eq!(names, ["shop-health-ap-southeast-2", "shop-health-eu-west-1"]);
    // A sweep sees its tags there, and still reads nothing else.
    assert_eq!(place.plan_everywhere(&[])["regions"]["us-east-1"]["state"], "auxiliary");
    place.destroy("shop");
    assert!(block_on(alarms(&place, "us-east-1").describe_alarms().send()).unwrap().metric_alarms().is_empty());
    assert_eq!(block_on(Aws::new(&place.account, "us-east-1").leftovers()), [""; 0]);
}
