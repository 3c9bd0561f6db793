//! Whether the networks that a topology refers to are what it needs.
use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::{Finding, Severity};
use crate::{
    resource::{ExistingFacts, ExistingSubnet, Facts, Region},
    topology::{ExistingNetwork, Model, Peering},
};

/// The kind of the networks that mrctl makes itself.
const VPC: &str = "ec2.vpc";

/// What is wrong with `network.existing`, for the regions that answered.
#[must_use]
pub fn check(model: &Model, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(network) = &model.network else { return findings };
    for (region, named) in &network.existing {
        let Some(found) = facts.existing.get(region) else { continue };
        let mut say = |severity, code, message: String, help: Option<&str>| {
            let help = help.map(str::to_owned);
            findings.push(Finding { code, severity, address: None, line: Some(named.line), message, help });
        };
        one(region, named, found, &mut say);
        let own = facts.found.values().find(|own| own.addr.region() == Some(region) && *own.addr.kind == *VPC && own.id == named.vpc);
        if let Some(own) = own.filter(|own| own.ours) {
            let message = format!("{} in {region} is {} of this stack: what the file refers to would be removed", named.vpc, own.addr);
            let help = "take the region out of `network.existing`, and mrctl goes on making its network; to keep this VPC without mrctl, \
                        first remove the `mrctl:` tags in AWS from it and from all that is in it";
            say(Severity::Error, "existing::own", message, Some(help));
        }
        if let (Some(vpc), Some(cidr)) = (&found.vpc, model.regions.get(region).and_then(|spec| spec.cidr))
            && !vpc.ranges.contains(&cidr)
        {
            let has = vpc.ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let message = format!("the file gives {region} the range {cidr}, and {} has {has}", vpc.id);
            say(Severity::Warning, "existing::range", message, Some("take `cidr` out: the range of an existing VPC is read from AWS"));
        }
        if network.peering == Peering::Mesh {
            let message = format!("{} in {region} is not peered with the other regions: mrctl makes no routes in it", named.vpc);
            say(Severity::Note, "existing::peering", message, None);
        }
    }
    findings.extend(overlaps(model, &network.existing, facts));
    findings
}

fn one(
    region: &Region,
    named: &ExistingNetwork,
    found: &ExistingFacts,
    say: &mut impl FnMut(Severity, &'static str, String, Option<&str>),
) {
    let here = Some("ids are those of one account and one region; look them up in the console of that region");
    match &found.vpc {
        None => say(Severity::Error, "existing::vpc", format!("{region} has no VPC {}", named.vpc), here),
        // Names of endpoints and databases resolve to private addresses only with both (Amazon VPC user guide, "DNS attributes for
        // your VPC").
        Some(vpc) => {
            for (is_on, attribute) in [(vpc.dns_support, "enableDnsSupport"), (vpc.dns_hostnames, "enableDnsHostnames")] {
                if !is_on {
                    let message =
                        format!("{} in {region} has {attribute} off: private names of endpoints and databases do not resolve", vpc.id);
                    say(
                        Severity::Warning,
                        "existing::dns",
                        message,
                        Some("switch it on; mrctl does not change a VPC that it did not make"),
                    );
                }
            }
        }
    }
    for (list, ids, there) in [
        ("private_subnets", &named.private_subnets, &found.private_subnets),
        ("public_subnets", &named.public_subnets, &found.public_subnets),
    ] {
        for id in ids.iter().filter(|id| !there.iter().any(|subnet| subnet.id == **id)) {
            say(Severity::Error, "existing::subnet", format!("{region} has no subnet {id}"), here);
        }
        for subnet in there.iter().filter(|subnet| subnet.vpc != named.vpc) {
            let message = format!("{} in {region} belongs to {} and not to {}", subnet.id, subnet.vpc, named.vpc);
            say(Severity::Error, "existing::subnet", message, None);
        }
        zones(region, list, there, say);
    }
}

/// A load balancer takes one subnet of each of at least two zones (Elastic Load Balancing API reference, "CreateLoadBalancer"), and
/// a DB subnet group needs two zones as well (Amazon RDS user guide, "Working with DB subnet groups").
fn zones(region: &Region, list: &str, subnets: &[ExistingSubnet], say: &mut impl FnMut(Severity, &'static str, String, Option<&str>)) {
    let mut by_zone: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for subnet in subnets {
        by_zone.entry(&subnet.zone.id).or_default().push(&subnet.id);
    }
    if by_zone.len() == 1 {
        let message = format!("all `{list}` of {region} are in one zone, {}", by_zone.keys().copied().collect::<String>());
        say(Severity::Error, "existing::zones", message, Some("name subnets in at least two availability zones"));
        return;
    }
    for (zone, ids) in by_zone.iter().filter(|(_, ids)| ids.len() > 1) {
        let message = format!("`{list}` of {region} has {} in one zone, {zone}", ids.join(" and "));
        say(Severity::Warning, "existing::zones", message, Some("a load balancer or an endpoint takes one subnet of a zone: name one"));
    }
}

/// Ranges that overlap could never be connected; the file's own are checked before AWS is read.
fn overlaps(model: &Model, existing: &BTreeMap<Region, ExistingNetwork>, facts: &Facts) -> Vec<Finding> {
    let ranges = |region: &Region| -> Vec<Ipv4Net> {
        if existing.contains_key(region) {
            return facts.existing.get(region).and_then(|found| found.vpc.as_ref()).map(|vpc| vpc.ranges.clone()).unwrap_or_default();
        }
        model.regions.get(region).and_then(|spec| spec.cidr).into_iter().collect()
    };
    let regions: Vec<&Region> = model.regions.keys().collect();
    let mut findings = Vec::new();
    for (index, one) in regions.iter().enumerate() {
        for other in &regions[index + 1..] {
            let Some(named) = existing.get(*one).or_else(|| existing.get(*other)) else { continue };
            let both = ranges(one).into_iter().flat_map(|a| ranges(other).into_iter().map(move |b| (a, b)));
            for (a, b) in both.filter(|(a, b)| a.contains(b) || b.contains(a)) {
                findings.push(Finding {
                    code: "existing::overlap",
                    severity: Severity::Error,
                    address: None,
                    line: Some(named.line),
                    message: format!("the ranges of {one} ({a}) and {other} ({b}) overlap: they could never be connected"),
                    help: Some("another VPC, or another `cidr` for the region whose network mrctl makes".to_owned()),
                });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        resource::{Addr, Doc, ExistingVpc, Found, Life, Outputs, Zone},
        topology::load,
    };

    const FILE: &str = "version: 1
stack: shop
regions:
  us-east-1: { cidr: 10.10.0.0/16 }
  eu-west-1: { cidr: 10.20.0.0/16 }
network:
  existing:
    us-east-1: { vpc: vpc-00000001, private_subnets: [subnet-00000001, subnet-00000002], public_subnets: [subnet-00000003] }
";

    fn subnet(id: &str, zone: &str) -> ExistingSubnet {
        let (zone, range) = (Zone { id: zone.to_owned() }, "10.10.1.0/24".parse().unwrap());
        ExistingSubnet { id: id.to_owned(), vpc: "vpc-00000001".to_owned(), zone, range }
    }

    /// What suits the file above.
    fn good() -> ExistingFacts {
        let ranges = vec!["10.10.0.0/16".parse().unwrap()];
        ExistingFacts {
            vpc: Some(ExistingVpc { id: "vpc-00000001".to_owned(), ranges, dns_support: true, dns_hostnames: true }),
            private_subnets: vec![subnet("subnet-00000001", "use1-az1"), subnet("subnet-00000002", "use1-az2")],
            public_subnets: vec![subnet("subnet-00000003", "use1-az1"), subnet("subnet-00000004", "use1-az2")],
        }
    }

    fn said(file: &str, found: ExistingFacts) -> Vec<(Severity, String)> {
        let (model, _) = load("topology.yaml", file.as_bytes()).expect("a valid file");
        let facts = Facts { existing: [(Region::new("us-east-1"), found)].into(), ..Facts::default() };
        let findings = check(&model, &facts);
        assert!(findings.iter().all(|finding| finding.line == Some(8)), "{findings:#?}");
        findings.into_iter().map(|finding| (finding.severity, finding.message)).collect()
    }

    #[test]
    fn what_suits_is_not_spoken_of_and_a_region_that_did_not_answer_is_not_judged() {
        assert_eq!(said(FILE, good()), []);
        let (model, _) = load("topology.yaml", FILE.as_bytes()).expect("a valid file");
        assert_eq!(check(&model, &Facts::default()), []);
    }

    #[test]
    fn what_is_not_there_is_an_error_each() {
        let found = ExistingFacts { vpc: None, private_subnets: good().private_subnets[..1].to_vec(), public_subnets: Vec::new() };
        let said = said(FILE, found);
        assert!(said.iter().all(|(severity, _)| *severity == Severity::Error));
        let said: Vec<&str> = said.iter().map(|(_, message)| message.as_str()).collect();
        assert_eq!(
            said,
            [
                "us-east-1 has no VPC vpc-00000001",
                "us-east-1 has no subnet subnet-00000002",
                "all `private_subnets` of us-east-1 are in one zone, use1-az1",
                "us-east-1 has no subnet subnet-00000003",
            ]
        );
    }

    #[test]
    fn a_vpc_of_the_stack_itself_is_not_one_to_refer_to() {
        let (model, _) = load("topology.yaml", FILE.as_bytes()).expect("a valid file");
        let region = Region::new("us-east-1");
        let addr = Addr::regional(&region, VPC, "main");
        let (spec, outputs) = (Doc::Null, Outputs::default());
        let own = Found { addr: addr.clone(), id: "vpc-00000001".into(), spec, outputs, life: Life::Ready, ours: true, born: None };
        let existing = [(region, good())].into();
        let facts = Facts { existing, found: [(addr, own)].into(), ..Facts::default() };
        let findings = check(&model, &facts);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_eq!((findings[0].severity, findings[0].code, findings[0].line), (Severity::Error, "existing::own", Some(8)));
    }

    #[test]
    fn what_does_not_suit_is_named() {
        let mut found = good();
        found.public_subnets.push(subnet("subnet-00000005", "use1-az1"));
        found.private_subnets[0].vpc = "vpc-00000002".to_owned();
        let vpc = found.vpc.as_mut().unwrap();
        (vpc.dns_hostnames, vpc.ranges) = (false, vec!["10.0.0.0/16".parse().unwrap(), "10.20.128.0/20".parse().unwrap()]);
        let mesh = format!("{FILE}  peering: mesh\n");
        assert_eq!(
            said(&mesh, found),
            [
                (
                    Severity::Warning,
                    "vpc-00000001 in us-east-1 has enableDnsHostnames off: private names of endpoints and databases do not resolve"
                        .to_owned()
                ),
                (Severity::Error, "subnet-00000001 in us-east-1 belongs to vpc-00000002 and not to vpc-00000001".to_owned()),
                (
                    Severity::Warning,
                    "`public_subnets` of us-east-1 has subnet-00000003 and subnet-00000005 in one zone, use1-az1".to_owned()
                ),
                (
                    Severity::Warning,
                    "the file gives us-east-1 the range 10.10.0.0/16, and vpc-00000001 has 10.0.0.0/16, 10.20.128.0/20".to_owned()
                ),
                (Severity::Note, "vpc-00000001 in us-east-1 is not peered with the other regions: mrctl makes no routes in it".to_owned()),
                (
                    Severity::Error,
                    "the ranges of us-east-1 (10.20.128.0/20) and eu-west-1 (10.20.0.0/16) overlap: they could never be connected"
                        .to_owned()
                ),
            ]
        );
    }
}
