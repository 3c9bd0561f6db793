//! Whether what a plan makes fits into the account's quotas.
use std::collections::BTreeMap;

use super::{Action, Finding, Severity, Step};
use crate::resource::{Doc, Fault, Kinds, Link, Measured, Quota, Region, Replace, doc::links, quota::EVERYWHERE};

/// What a plan makes and removes of something that has a quota, in one region.
#[derive(Clone, Debug)]
pub struct Need {
    pub region: Region,
    pub quota: Quota,
    /// By zone, or under [`EVERYWHERE`].
    places: BTreeMap<String, Turnover>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Turnover {
    made: u64,
    /// Removed for certain before anything is made in its place.
    removed_first: u64,
    /// Removed at some time.
    removed: u64,
}

/// The quotas that these steps draw on: only those of which they make something.
#[must_use]
pub fn needs(kinds: &Kinds, steps: &[Step]) -> Vec<Need> {
    let mut needs = Vec::new();
    for traits in kinds.iter().map(|kind| kind.traits()) {
        let Some(quota) = traits.quota else { continue };
        let mut by_region: BTreeMap<&Region, BTreeMap<String, Turnover>> = BTreeMap::new();
        for step in steps.iter().filter(|step| *step.addr.kind == *traits.name) {
            let Some(region) = step.addr.region() else { continue };
            let at = |doc: Option<&Doc>| if quota.per_zone { zone_of(doc?, steps) } else { Some(EVERYWHERE.to_owned()) };
            let wanted = at(step.want.as_ref().map(|want| &want.spec));
            let found = at(step.found.as_ref().map(|found| &found.spec));
            let places = by_region.entry(region).or_default();
            let mut count = |place: Option<String>, change: fn(&mut Turnover)| {
                if let Some(place) = place {
                    change(places.entry(place).or_default());
                }
            };
            match step.action {
                Action::Create => count(wanted, |place| place.made += 1),
                Action::Replace => {
                    count(wanted, |place| place.made += 1);
                    let is_first = traits.replace == Replace::DeleteFirst;
                    count(found, if is_first { |place| place.removed_first += 1 } else { |place| place.removed += 1 });
                }
                Action::Delete => count(found, |place| place.removed += 1),
                _ => {}
            }
        }
        let makes = |places: &BTreeMap<String, Turnover>| places.values().any(|place| place.made > 0);
        let of_kind = by_region.into_iter().filter(|(_, places)| makes(places));
        needs.extend(of_kind.map(|(region, places)| Need { region: region.clone(), quota, places }));
    }
    needs
}

/// The zone that something is in: it has none itself, but what it refers to (its subnet) does.
fn zone_of(doc: &Doc, steps: &[Step]) -> Option<String> {
    links(doc).into_iter().find_map(|(_, link)| {
        let step = steps.iter().find(|step| match &link {
            Link::To { addr, .. } => step.addr == *addr,
            Link::Is { value, kind, .. } => *step.addr.kind == **kind && step.found.as_ref().is_some_and(|found| found.id == *value),
        })?;
        let found = step.found.as_ref().filter(|_| matches!(link, Link::Is { .. })).map(|found| &found.spec);
        let spec = found.or_else(|| step.want.as_ref().map(|want| &want.spec))?;
        spec.get("zone")?.as_str().map(str::to_owned)
    })
}

/// What there is to say: an error for each quota that is too small, and one note about all that could not be read for the same
/// reason.
#[must_use]
pub fn judge(read: Vec<(Need, Result<Measured, Fault>)>) -> Vec<Finding> {
    let (mut findings, mut unread) = (Vec::new(), BTreeMap::<String, (Vec<String>, Option<String>)>::new());
    for (need, measured) in read {
        match measured {
            Ok(measured) => findings.extend(need.places.iter().filter_map(|(place, turnover)| fits(&need, place, *turnover, &measured))),
            Err(fault) => {
                // The request differs each time, the reason does not.
                let why = Fault { request_id: None, ..fault };
                let (of, _) = unread.entry(why.to_string()).or_insert_with(|| (Vec::new(), why.advice()));
                of.push(format!("{} in {}", need.quota.name, need.region));
            }
        }
    }
    findings.extend(unread.into_iter().map(|(why, (of, help))| Finding {
        code: "quota::unread",
        severity: Severity::Note,
        address: None,
        line: None,
        message: format!("whether this plan fits into the account's quotas is not known: {why} (for {})", of.join(", ")),
        help,
    }));
    findings
}

fn fits(need: &Need, place: &str, turnover: Turnover, measured: &Measured) -> Option<Finding> {
    let Turnover { made, removed_first, removed } = turnover;
    let (limit, in_use) = (measured.limit, measured.in_use.get(place).copied().unwrap_or_default());
    let most = (in_use + made).saturating_sub(removed_first);
    if made == 0 || most <= limit {
        return None;
    }
    let last = most.saturating_sub(removed);
    let Need { region, quota: Quota { service, code, name, .. }, .. } = need;
    let place = if place == EVERYWHERE { region.to_string() } else { format!("{region}, zone {place}") };
    let counts = format!("{place}: the quota `{name}` is {limit}, {in_use} are in use and this plan makes {made} more");
    let ask = format!(
        "`aws service-quotas request-service-quota-increase --region {region} --service-code {service} --quota-code {code} \
         --desired-value {most}`"
    );
    let (code, severity, message, help) = if last > limit {
        let help = format!("ask AWS for a higher quota with {ask}, or remove what is not needed");
        ("quota::exceeded", Severity::Error, counts, help)
    } else {
        let message = format!("{counts}, before it removes {removed}");
        let help = format!("if AWS refuses to make one, run the same command again; or ask for a higher quota with {ask}");
        ("quota::tight", Severity::Warning, message, help)
    };
    Some(Finding { code, severity, address: None, line: None, message, help: Some(help) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::{Class, Found, InUse, Life, Outputs, Want};

    fn step(addr: &str, action: Action, want: Option<Doc>, found: Option<(&str, Doc)>) -> Step {
        let addr: crate::resource::Addr = addr.parse().unwrap();
        let found = found.map(|(id, spec)| Found {
            addr: addr.clone(),
            id: id.to_owned(),
            spec,
            outputs: Outputs::default(),
            life: Life::Ready,
            ours: true,
            born: None,
        });
        let want = want.map(|spec| Want::new(addr.clone(), spec));
        Step { want, found, ..Step::new(addr, action, "") }
    }

    fn found(limit: u64, in_use: &[(&str, u64)]) -> Measured {
        Measured { limit, in_use: InUse::from_iter(in_use.iter().map(|(place, count)| ((*place).to_owned(), *count))) }
    }

    /// The findings for a plan of which every quota reads the same.
    fn findings(steps: &[Step], measured: &Measured) -> Vec<(&'static str, String)> {
        let read = needs(&crate::kinds::all(), steps).into_iter().map(|need| (need, Ok(measured.clone()))).collect();
        judge(read).into_iter().map(|finding| (finding.code, finding.message)).collect()
    }

    fn creates(name: &str) -> Step {
        step(&format!("eu-west-1/ec2.elastic_ip/{name}"), Action::Create, Some(json!({})), None)
    }

    #[test]
    fn the_last_one_fits_and_one_more_does_not() {
        let steps = [creates("a"), creates("b")];
        assert_eq!(findings(&steps, &found(5, &[("", 3)])), []);
        let message = "eu-west-1: the quota `EC2-VPC Elastic IPs` is 5, 4 are in use and this plan makes 2 more";
        assert_eq!(findings(&steps, &found(5, &[("", 4)])), [("quota::exceeded", message.to_owned())]);
        // What is over already and not added to is nobody's concern now.
        let kept = [step("eu-west-1/ec2.elastic_ip/a", Action::Keep, Some(json!({})), Some(("a", json!({}))))];
        assert_eq!(findings(&kept, &found(0, &[("", 9)])), []);
    }

    #[test]
    fn what_is_removed_makes_room_in_time_or_too_late() {
        let gone = step("eu-west-1/ec2.elastic_ip/b", Action::Delete, None, Some(("b", json!({}))));
        let late = findings(&[creates("a"), gone], &found(5, &[("", 5)]));
        assert_eq!(late.iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["quota::tight"]);
        // A VPC is removed before the one in its place is made.
        let replaced = step("eu-west-1/ec2.vpc/main", Action::Replace, Some(json!({})), Some(("vpc-1", json!({}))));
        assert_eq!(findings(&[replaced], &found(5, &[("", 5)])), []);
    }

    #[test]
    fn a_gateway_counts_in_the_zone_of_its_subnet() {
        let subnet = |name: &str, zone| step(&format!("eu-west-1/ec2.subnet/{name}"), Action::Create, Some(json!({ "zone": zone })), None);
        let gateway = |name: &str, subnet: &str| {
            let addr = format!("eu-west-1/ec2.subnet/{subnet}");
            let want = json!({ "subnet": { "$ref": { "to": addr, "field": "id" } } });
            step(&format!("eu-west-1/ec2.nat_gateway/{name}"), Action::Create, Some(want), None)
        };
        let steps = [subnet("public-1", "euw1-az1"), subnet("public-2", "euw1-az2"), gateway("a", "public-1"), gateway("b", "public-2")];
        let said = findings(&steps, &found(5, &[("euw1-az1", 4), ("euw1-az2", 5)]));
        let message =
            "eu-west-1, zone euw1-az2: the quota `NAT gateways per Availability Zone` is 5, 5 are in use and this plan makes 1 more";
        assert_eq!(said, [("quota::exceeded", message.to_owned())]);
    }

    #[test]
    fn what_cannot_be_read_is_one_note() {
        let steps = [creates("a"), step("us-east-1/ec2.vpc/main", Action::Create, Some(json!({})), None)];
        let fault = |id: &str| Fault {
            code: Some("AccessDeniedException".to_owned()),
            request_id: Some(id.to_owned()),
            ..Fault::new("servicequotas:GetServiceQuota", Class::Denied, "no")
        };
        let read = needs(&crate::kinds::all(), &steps).into_iter().enumerate().map(|(id, need)| (need, Err(fault(&id.to_string()))));
        let [note] = &judge(read.collect())[..] else { panic!("one note") };
        assert_eq!((note.severity, note.code), (Severity::Note, "quota::unread"));
        assert_eq!(
            note.message,
            "whether this plan fits into the account's quotas is not known: servicequotas:GetServiceQuota failed with \
             AccessDeniedException: no (for VPCs per Region in us-east-1, EC2-VPC Elastic IPs in eu-west-1)"
        );
        assert!(note.help.as_ref().is_some_and(|help| help.contains("servicequotas:GetServiceQuota")));
    }
}
