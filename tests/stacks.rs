//! Whole stacks, written by hand and made up by chance: applied, nothing differs; destroyed, nothing is left.
mod chance;

use std::path::Path;

use chance::{REGIONS, topology};
use mrctl::{
    topology::{Certificate, Model, load},
    view,
};

use crate::support::{
    aws::{Aws, block_on},
    binary::{Place, side_by_side},
    topologies,
};

fn nothing_is_left(place: &Place) {
    let left = block_on(async {
        let mut left = Vec::new();
        for region in REGIONS {
            left.extend(Aws::new(&place.account, region).leftovers().await);
        }
        left
    });
    assert!(left.is_empty(), "after destroy there is still {left:#?}");
}

#[test]
fn every_valid_file_is_built_and_removed() {
    let mut files: Vec<(String, Vec<u8>)> = topologies::valid().into_iter().collect();
    assert!(files.len() >= 12);
    let example = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("topology.example.yaml")).unwrap();
    files.push(("topology.example".into(), example));
    side_by_side(&files, |(name, bytes)| {
        println!("{name}");
        let (model, _) = load(name, bytes).expect("a valid file");
        for region in model.regions.keys() {
            assert!(REGIONS.contains(&region.as_str()), "what is left in {region} would not be seen: add it to REGIONS");
        }
        let mut place = Place::new();
        if let Some(account) = &model.account {
            place.account.clone_from(account);
        }
        let (text, certificates) = with_certificates(&place, &model, String::from_utf8(bytes.clone()).unwrap());
        place.write(text);
        if let Some(dns) = model.dns.as_ref().filter(|dns| !dns.zone.create) {
            block_on(Aws::new(&place.account, "us-east-1").make_zone(&dns.zone.name));
        }
        place.expect(0, &["apply", "--yes", "--no-sweep"]);
        place.is_converged();
        place.destroy(&model.stack);
        for (region, arn) in &certificates {
            block_on(Aws::new(&place.account, region).certificates.delete_certificate().certificate_arn(arn).send()).unwrap();
        }
        nothing_is_left(&place);
    });
}

/// Makes the certificates that a file takes for granted and puts their ARNs in it; gives region and ARN of each.
fn with_certificates(place: &Place, model: &Model, mut text: String) -> (String, Vec<(String, String)>) {
    let members = model.services.values().flat_map(|service| &service.members);
    let mut made = Vec::new();
    for (region, member) in members {
        let Certificate::Arn(named) = &member.certificate else { continue };
        let ask = Aws::new(&place.account, region.as_str()).certificates.request_certificate().domain_name("own.example.com");
        let arn = block_on(ask.send()).unwrap().certificate_arn.unwrap();
        assert!(text.contains(named), "{named}");
        text = text.replace(named, &arn);
        made.push((region.to_string(), arn));
    }
    (text, made)
}

/// What the other tests take for "nothing is left" does see what is there.
#[test]
fn what_is_left_is_seen() {
    let place = Place::new();
    place.write(&topologies::valid()["every_kind"]);
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    let left = block_on(Aws::new(&place.account, "eu-west-1").leftovers());
    // VPC, subnets, gateway, route tables, tables; then address, NAT gateway, group, endpoints and peering; then the targets and
    // the policies of one table and its index; then the groups of the service, what scales it, load balancer with two listeners,
    // target group, certificate, cluster with a service, task definition, log group and its two roles; then the global cluster, its
    // cluster here with an instance and its two groups, the secret, and the group that lets the service in; then five alarms, their
    // light, and the topic with three that it tells.
    assert_eq!(
        left.len(),
        1 + 4 + 1 + 3 + 3 + 1 + 1 + 1 + 2 + 1 + 4 + 4 + 2 + 2 + 3 + 2 + 2 + 2 + 2 + 1 + 2 + 2 + 1 + 1 + 5 + 1 + 1 + 3,
        "{left:#?}"
    );
}

/// Each is built, then turned into another one of the same name, then removed.
#[test]
fn stacks_made_up_by_chance_are_built_changed_and_removed() {
    let cases = std::env::var_os("MRCTL_TOPOLOGIES").and_then(|text| text.to_str()?.parse::<u64>().ok()).unwrap_or(12);
    let seeds: Vec<u64> = (0..cases).collect();
    side_by_side(&seeds, |seed| {
        println!("seed {seed}");
        let mut chance = fastrand::Rng::with_seed(*seed);
        let place = Place::new();
        let stack = chance::stack(&mut chance);
        for step in 0..2 {
            let file = topology(&mut chance, &stack).to_string();
            if let Err(report) = load("chance.yaml", file.as_bytes()) {
                panic!("seed {seed} is not valid: {}\n{file}", view::report::text(&report, false));
            }
            place.write(&file);
            // The second time tables may go and regions be left: the sweep finds those.
            let options: &[&str] = if step == 0 { &["--no-sweep"] } else { &["--allow-data-loss", "all"] };
            place.expect(0, &[&["apply", "--yes"], options].concat());
            place.is_converged();
        }
        place.destroy(&stack);
        nothing_is_left(&place);
    });
}

#[test]
fn the_local_aws_is_big_enough_for_these_tests() {
    let place = Place::new();
    block_on(async {
        for region in REGIONS {
            let zones = Aws::new(&place.account, region).ec2.describe_availability_zones().send().await.unwrap();
            assert!(zones.availability_zones().len() >= 3, "{region}");
        }
    });
}
