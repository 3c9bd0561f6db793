//! The zone itself: one that has to be there, and one that mrctl makes.
use aws_sdk_route53::types::{ChangeAction, HostedZoneConfig, Vpc, VpcRegion};

use super::{ZONE, Zone, apply, client, codes, doing, record, topology};
use crate::support::{aws::block_on, binary::Place};

const ONE: [&str; 1] = ["us-east-1"];

#[test]
fn a_zone_that_is_missing_private_or_doubled_stops_the_plan_and_no_removal() {
    let place = Place::new();
    place.write(topology("shop", &ONE, &record("")));
    assert!(codes(&place.plan(&[])).contains(&"dns::zone-missing"));
    place.expect(1, &["apply", "--yes", "--no-sweep"]);
    let private = HostedZoneConfig::builder().private_zone(true).build();
    let vpc = Vpc::builder().vpc_region(VpcRegion::UsEast1).vpc_id("vpc-1").build();
    let ask = client(&place).create_hosted_zone().name(ZONE).caller_reference("private").hosted_zone_config(private).vpc(vpc);
    block_on(ask.send()).unwrap();
    assert!(codes(&place.plan(&[])).contains(&"dns::zone-private"));
    let zone = Zone::new(&place);
    assert!(!codes(&place.plan(&[])).iter().any(|code| code.starts_with("dns::")));
    let doubled = Zone::new(&place);
    let plan = place.plan(&[]);
    assert!(codes(&plan).contains(&"dns::zone-doubled"), "{:#}", plan["findings"]);
    let said = plan["findings"].to_string();
    assert!(said.contains(&zone.id) && said.contains(&doubled.id), "{said}");
    assert!(!codes(&place.plan(&["--destroy"])).iter().any(|code| code.starts_with("dns::")));
    place.expect(0, &["destroy", "--yes", "--confirm", "shop", "--no-sweep"]);
}

/// Nobody would ask a second one of the same name.
#[test]
fn a_zone_is_not_made_beside_one_of_somebody_else() {
    let place = Place::new();
    let zone = Zone::new(&place);
    place.write(topology("shop", &ONE, &record("")).replace("zone: example.com", "zone: { name: example.com, create: true }"));
    let plan = place.plan(&[]);
    assert!(codes(&plan).contains(&"dns::zone-foreign"), "{:#}", plan["findings"]);
    assert!(plan["findings"].to_string().contains(&zone.id), "{:#}", plan["findings"]);
    place.expect(1, &["apply", "--yes", "--no-sweep"]);
    assert_eq!(block_on(zone.client.list_hosted_zones().send()).unwrap().hosted_zones.len(), 1);
    assert!(!codes(&place.plan(&["--destroy"])).contains(&"dns::zone-foreign"));
}

/// What lives in it is in use: another word in the file takes no zone away from it.
#[test]
fn a_zone_that_the_stack_made_stays_when_the_file_calls_it_one_that_exists() {
    let place = Place::new();
    let text = topology("shop", &ONE, &record(""));
    place.write(text.replace("zone: example.com", "zone: { name: example.com, create: true }"));
    apply(&place);
    let zones = || block_on(client(&place).list_hosted_zones().send()).unwrap().hosted_zones;
    let before = zones();
    place.write(&text);
    let plan = place.plan(&[]);
    assert_eq!(doing(&plan), []);
    assert!(codes(&plan).contains(&"dns::zone-kept"), "{:#}", plan["findings"]);
    apply(&place);
    place.is_converged();
    assert_eq!(zones()[0].id(), before[0].id());
    let left = place.plan(&["--destroy"]);
    assert!(codes(&left).contains(&"dns::zone-kept"), "{:#}", left["findings"]);
    place.destroy("shop");
    assert_eq!(zones().len(), 1);
    place.write(text.replace("zone: example.com", "zone: { name: example.com, create: true }"));
    place.destroy("shop");
    assert!(zones().is_empty());
}

#[test]
fn a_zone_is_made_its_name_servers_are_told_and_what_others_put_there_keeps_it() {
    let place = Place::new();
    place.write(topology("shop", &ONE, &record("").replace("zone: example.com", "zone: { name: example.com, create: true }")));
    let said = apply(&place);
    assert!(said.contains("Left to do") && said.contains("example.com is answered by ns-"), "{said}");
    place.is_converged();
    let client = client(&place);
    let zones = block_on(client.list_hosted_zones().send()).unwrap().hosted_zones;
    assert_eq!(zones.len(), 1);
    assert!(zones[0].caller_reference().starts_with("mrctl/") && zones[0].caller_reference().ends_with("/1"));
    let zone = Zone { client, id: zones[0].id().trim_start_matches("/hostedzone/").to_owned() };
    assert_eq!(zone.shown(), ["api.example.com. mrctl/shop/us-east-1 weight 1"]);
    let foreign = zone.put_simple("www.example.com");
    let said = place.expect(1, &["destroy", "--yes", "--confirm", "shop", "--no-sweep"]);
    assert!(said.contains("A www.example.com (simple)"), "{said}");
    assert_eq!(zone.shown(), ["www.example.com. - simple"]);
    zone.change(ChangeAction::Delete, foreign);
    place.destroy("shop");
    assert!(block_on(zone.client.list_hosted_zones().send()).unwrap().hosted_zones.is_empty());
}

/// Its records are found by the zone, which is found by its reference: no search is needed, and no section.
#[test]
fn a_zone_that_was_made_goes_with_its_records_when_the_section_is_gone() {
    let place = Place::new();
    let with = topology("shop", &ONE, &record("").replace("zone: example.com", "zone: { name: example.com, create: true }"));
    place.write(&with);
    apply(&place);
    place.write(topology("shop", &ONE, ""));
    let plan = place.plan(&[]);
    let goes = |addr: &str| plan["steps"].as_array().unwrap().iter().any(|step| step["address"] == addr && step["action"] == "delete");
    assert!(goes("us-east-1/route53.record/api.example.com") && goes("global/route53.hosted_zone/example.com"), "{plan:#}");
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    assert!(block_on(client(&place).list_hosted_zones().send()).unwrap().hosted_zones.is_empty());
    place.is_converged();
    place.destroy("shop");
}
