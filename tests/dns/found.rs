//! What a run finds in Route 53 that is not as it left it.
use super::{Zone, apply, codes, doing, record, topology};
use crate::support::{aws::block_on, binary::Place, sandbox::strict};

const TWO: [&str; 2] = ["us-east-1", "eu-west-1"];

#[test]
fn two_stacks_live_in_one_zone_and_one_leaves_the_other_alone() {
    let place = Place::new();
    let zone = Zone::new(&place);
    place.write(topology("shop", &TWO, &record("")));
    apply(&place);
    let before = zone.sets();
    let other = topology("stall", &TWO[..1], &record("").replace("api.example.com", "stall.example.com"));
    place.write(other);
    apply(&place);
    place.is_converged();
    assert_eq!(zone.shown().len(), 3);
    place.destroy("stall");
    assert_eq!(zone.sets(), before);
    place.write(topology("shop", &TWO, &record("")));
    place.is_converged();
    place.destroy("shop");
}

#[test]
fn records_of_a_section_that_is_gone_are_found_and_removed() {
    let place = Place::new();
    let zone = Zone::new(&place);
    place.write(topology("shop", &TWO, &record("health_check: {}")));
    apply(&place);
    place.write(topology("shop", &TWO, ""));
    let plan = place.plan_everywhere(&[]);
    let going: Vec<&str> = doing(&plan).into_iter().filter(|(_, action)| *action == "delete").map(|(addr, _)| addr).collect();
    let records = ["us-east-1/route53.record/api.example.com", "eu-west-1/route53.record/api.example.com"];
    assert!(records.iter().all(|addr| going.contains(addr)) && going.len() == 4, "{going:?}");
    place.expect(0, &["apply", "--yes"]);
    assert_eq!((zone.shown().len(), zone.health_checks().len()), (0, 0));
    place.destroy("shop");
}

#[test]
fn a_health_check_that_was_never_tagged_is_found_by_its_reference() {
    let place = Place::new();
    let zone = Zone::new(&place);
    place.write(topology("shop", &TWO[..1], &record("health_check: {}")));
    apply(&place);
    let check = zone.health_checks().remove(0);
    let keys = ["mrctl:stack", "mrctl:resource", "mrctl:keys", "Name", "team"].map(str::to_owned).to_vec();
    let ask = zone.client.change_tags_for_resource().resource_type(aws_sdk_route53::types::TagResourceType::Healthcheck);
    block_on(ask.resource_id(check.id()).set_remove_tag_keys(Some(keys)).send()).unwrap();
    assert_eq!(doing(&place.plan(&[])), [("global/route53.health_check/api.example.com-us-east-1", "update")]);
    apply(&place);
    place.is_converged();
    assert_eq!(zone.health_checks()[0].id(), check.id());
    place.destroy("shop");
    assert!(zone.health_checks().is_empty());
}

/// Between the list and its tags: the others are read all the same.
#[test]
fn a_health_check_that_goes_while_it_is_read_takes_no_other_along() {
    let place = Place::new();
    let zone = Zone::new(&place);
    place.write(topology("shop", &TWO, &record("health_check: {}")));
    apply(&place);
    let checks = zone.health_checks();
    let of = |region: &str| format!("global/route53.health_check/api.example.com-{region}");
    let ours = |id: &str| {
        let ask = zone.client.list_tags_for_resource().resource_type(aws_sdk_route53::types::TagResourceType::Healthcheck);
        let tags = block_on(ask.resource_id(id).send()).unwrap().resource_tag_set.unwrap().tags.unwrap();
        tags.into_iter().find(|tag| tag.key() == Some("mrctl:resource")).and_then(|tag| tag.value).unwrap()
    };
    let [gone, stays]: [String; 2] = if ours(checks[0].id()).ends_with("us-east-1") { TWO } else { [TWO[1], TWO[0]] }.map(of);
    strict().vanish(&place.account, checks[0].id());
    let plan = place.plan(&[]);
    let step = |addr: &str| plan["steps"].as_array().unwrap().iter().find(|step| step["address"] == addr).unwrap()["changes"].clone();
    assert!(strict().refusals(&place.account, "ListTagsForResources", "NoSuchHealthCheck") >= 2, "{plan:#}");
    assert_eq!(step(&stays), serde_json::json!([]), "{plan:#}");
    assert!(doing(&plan).iter().any(|(addr, _)| *addr == gone), "{plan:#}");
    assert!(!doing(&plan).iter().any(|(addr, _)| *addr == stays), "{plan:#}");
}

#[test]
fn what_a_silent_region_may_be_using_stays() {
    let place = Place::new();
    let zone = Zone::new(&place);
    place.write(topology("shop", &TWO, &record("health_check: {}")));
    apply(&place);
    let output = place.run(&["--inject", "down=eu-west-1:refuse", "plan", "--destroy", "--no-sweep", "--format", "json"]);
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = doing(&plan);
    assert!(all.contains(&("global/route53.health_check/api.example.com-eu-west-1", "hold")), "{all:?}");
    assert!(all.contains(&("global/route53.health_check/api.example.com-us-east-1", "delete")), "{all:?}");
    assert_eq!(zone.health_checks().len(), 2);
    place.destroy("shop");
}

#[test]
fn a_record_of_somebody_else_stops_the_plan_before_the_first_write() {
    let place = Place::new();
    let zone = Zone::new(&place);
    zone.put_simple("api.example.com");
    place.write(topology("shop", &TWO, &record("")));
    let plan = place.plan(&[]);
    assert!(codes(&plan).contains(&"dns::foreign-record"), "{:#}", plan["findings"]);
    let before = strict().zone_changes(&place.account).len();
    let said = place.expect(1, &["apply", "--yes", "--no-sweep"]);
    assert!(said.contains("A api.example.com (simple)"), "{said}");
    assert_eq!(strict().zone_changes(&place.account).len(), before);
}
