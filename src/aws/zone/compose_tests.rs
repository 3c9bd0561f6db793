use std::sync::Arc;

use aws_sdk_route53::types::{AliasTarget, ResourceRecord, RrType};

use super::*;

const NAME: &str = "api.example.com";

fn latency(region: &str) -> Policy {
    Policy::Latency(Region::new(region))
}

fn place(code: &str) -> Policy {
    Policy::Geolocation(if code == "default" { Location::Default } else { Location::Continent(code.to_owned()) })
}

fn identifier(of: &str) -> String {
    format!("mrctl/shop/{of}")
}

/// A set of this stack that points at the load balancer of its region.
fn set(of: &str, policy: &Policy) -> ResourceRecordSet {
    let region = of.split('/').next().unwrap_or_default();
    let target = AliasTarget::builder().dns_name(format!("lb.{region}.example.net.")).hosted_zone_id("Z9").evaluate_target_health(true);
    let set = ResourceRecordSet::builder().name(format!("{NAME}.")).r#type(RrType::A).set_identifier(identifier(of));
    policy.of(set.alias_target(target.build().unwrap()).build().unwrap())
}

fn family(wanted: &[(&str, &[(&str, Policy)])]) -> Arc<Family> {
    let of_region = |(region, sets): &(&str, &[(&str, Policy)])| {
        (Region::new(region), sets.iter().map(|(of, policy)| (identifier(of), policy.clone())).collect())
    };
    Arc::new(Family { prefix: "mrctl/shop/".into(), wanted: wanted.iter().map(of_region).collect(), shared: false })
}

fn wanted(of: &str, policy: Option<&Policy>, family: &Arc<Family>) -> Wanted {
    let key = SetKey { name: NAME.into(), kind: "A".into(), identifier: identifier(of) };
    Wanted { key, set: policy.map(|policy| set(of, policy)), family: Arc::clone(family) }
}

fn said(live: &[ResourceRecordSet], wanted: &[Wanted]) -> Vec<String> {
    let verdict = compose(live, &wanted.iter().collect::<Vec<_>>()).unwrap();
    let line = |(action, set): &(ChangeAction, ResourceRecordSet)| {
        let weight = set.weight().map_or_else(String::new, |weight| format!(" {weight}"));
        let of = set.set_identifier().unwrap_or_default().trim_start_matches("mrctl/shop/").to_owned();
        let target = set.alias_target().unwrap().dns_name();
        assert!(target.contains(of.split('/').next().unwrap()), "{of} points at {target}");
        format!("{} {of} {}{weight}", action.as_str(), policy_name(set))
    };
    verdict.changes.iter().map(line).collect()
}

#[test]
fn what_is_there_as_wanted_is_not_sent() {
    let family = family(&[("eu-west-1", &[("eu-west-1", latency("eu-west-1"))])]);
    let live = [set("eu-west-1", &latency("eu-west-1"))];
    let verdict = compose(&live, &[&wanted("eu-west-1", Some(&latency("eu-west-1")), &family)]).unwrap();
    assert_eq!((verdict.changes.len(), verdict.done.len()), (0, 1));
    let mut other = wanted("eu-west-1", Some(&latency("eu-west-1")), &family);
    other.set.as_mut().unwrap().health_check_id = Some("check".into());
    assert_eq!(said(&live, &[other]), ["UPSERT eu-west-1 latency"]);
    assert_eq!(said(&live, &[wanted("eu-west-1", None, &family)]), ["DELETE eu-west-1 latency"]);
    assert_eq!(said(&[], &[wanted("eu-west-1", None, &family)]), [""; 0], "what is gone is gone");
}

#[test]
fn another_policy_takes_all_members_along_whoever_comes_first() {
    let weights = family(&[("eu-west-1", &[("eu-west-1", Policy::Weighted(70))]), ("us-east-1", &[("us-east-1", Policy::Weighted(30))])]);
    let live = [set("eu-west-1", &latency("eu-west-1")), set("us-east-1", &latency("us-east-1"))];
    let first = [wanted("us-east-1", Some(&Policy::Weighted(30)), &weights)];
    let all = ["DELETE eu-west-1 latency", "DELETE us-east-1 latency", "CREATE eu-west-1 weighted 70", "CREATE us-east-1 weighted 30"];
    assert_eq!(said(&live, &first), all);
    let both = [wanted("us-east-1", Some(&Policy::Weighted(30)), &weights), wanted("eu-west-1", Some(&Policy::Weighted(70)), &weights)];
    assert_eq!(said(&live, &both), all);
}

#[test]
fn a_region_that_goes_is_last_choice_until_its_own_removal() {
    let alone = family(&[("eu-west-1", &[("eu-west-1", Policy::Weighted(1))])]);
    let live = [set("eu-west-1", &latency("eu-west-1")), set("us-east-1", &latency("us-east-1"))];
    let stays = wanted("eu-west-1", Some(&Policy::Weighted(1)), &alone);
    let before = ["DELETE eu-west-1 latency", "DELETE us-east-1 latency", "CREATE eu-west-1 weighted 1"];
    let mut first = before.to_vec();
    first.push("CREATE us-east-1 weighted 0");
    assert_eq!(said(&live, std::slice::from_ref(&stays)), first);
    assert_eq!(said(&live, &[stays, wanted("us-east-1", None, &alone)]), before);
}

#[test]
fn locations_give_a_region_other_identifiers_and_it_is_never_out_of_dns() {
    let places = family(&[
        ("eu-west-1", &[("eu-west-1/EU", place("EU")), ("eu-west-1/default", place("default"))]),
        ("us-east-1", &[("us-east-1/NA", place("NA"))]),
    ]);
    let live = [set("eu-west-1", &latency("eu-west-1")), set("us-east-1", &latency("us-east-1"))];
    let all = [
        "DELETE eu-west-1 latency",
        "DELETE us-east-1 latency",
        "CREATE eu-west-1/EU geolocation",
        "CREATE eu-west-1/default geolocation",
        "CREATE us-east-1/NA geolocation",
    ];
    assert_eq!(said(&live, &[wanted("us-east-1/NA", Some(&place("NA")), &places)]), all);
    // The removal of what had the old identifier comes first: its region is not taken out of DNS.
    assert_eq!(said(&live, &[wanted("eu-west-1", None, &places)]), all);
    // And back again.
    let distances = family(&[("eu-west-1", &[("eu-west-1", latency("eu-west-1"))]), ("us-east-1", &[("us-east-1", latency("us-east-1"))])]);
    let live = [set("eu-west-1/EU", &place("EU")), set("eu-west-1/default", &place("default")), set("us-east-1/NA", &place("NA"))];
    let back = [
        "DELETE eu-west-1/EU geolocation",
        "DELETE eu-west-1/default geolocation",
        "DELETE us-east-1/NA geolocation",
        "CREATE eu-west-1 latency",
        "CREATE us-east-1 latency",
    ];
    assert_eq!(said(&live, &[wanted("us-east-1/NA", None, &distances)]), back);
}

#[test]
fn a_removal_of_everything_changes_no_policy() {
    let none = family(&[]);
    let live = [set("eu-west-1", &latency("eu-west-1")), set("us-east-1", &latency("us-east-1"))];
    assert_eq!(said(&live, &[wanted("us-east-1", None, &none)]), ["DELETE us-east-1 latency"]);
}

#[test]
fn what_others_made_of_the_name_is_named_and_left() {
    let family = family(&[("eu-west-1", &[("eu-west-1", latency("eu-west-1"))])]);
    let mut foreign = set("us-east-1", &Policy::Weighted(5));
    foreign.set_identifier = Some("blue".into());
    let refused = compose(&[foreign.clone()], &[&wanted("eu-west-1", Some(&latency("eu-west-1")), &family)]).unwrap_err();
    assert!(refused.to_string().contains("A api.example.com (weighted `blue`)"), "{refused}");
    let live = [foreign, set("eu-west-1", &latency("eu-west-1"))];
    assert_eq!(said(&live, &[wanted("eu-west-1", None, &family)]), ["DELETE eu-west-1 latency"], "ours goes all the same");
}

#[test]
fn a_validation_record_stands_beside_that_of_another_stack() {
    let cname = |of: Option<&str>, value: &str| {
        let set = ResourceRecordSet::builder().name("_1.example.com.").r#type(RrType::Cname).ttl(300);
        let set = set.resource_records(ResourceRecord::builder().value(value).build().unwrap());
        let set = set.set_set_identifier(of.map(str::to_owned)).build().unwrap();
        if of.is_some() { Policy::Weighted(1).of(set) } else { set }
    };
    let family = Arc::new(Family { prefix: "mrctl/shop/".into(), wanted: BTreeMap::new(), shared: true });
    let key = SetKey { name: "_1.example.com".into(), kind: "CNAME".into(), identifier: "mrctl/shop/acm".into() };
    let ours = Wanted { key, set: Some(cname(Some("mrctl/shop/acm"), "v.acm-validations.aws")), family };
    let count = |live: &[ResourceRecordSet]| compose(live, &[&ours]).map(|verdict| verdict.changes.len());
    assert_eq!(count(&[cname(Some("mrctl/other/acm"), "V.acm-validations.aws.")]).unwrap(), 1);
    assert_eq!(count(&[cname(None, "v.acm-validations.aws.")]).unwrap(), 0, "a simple one with the right value is used");
    assert!(count(&[cname(None, "w.acm-validations.aws.")]).is_err());
    assert!(count(&[cname(Some("mrctl/other/acm"), "w.acm-validations.aws.")]).is_err());
}
