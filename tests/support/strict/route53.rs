//! Route 53: what AWS refuses of changes, health checks and calls in a burst, and changes that take their time to arrive.
//!
//! The sandbox's own mends know a record set by name, type and identifier and apply a change as a whole; here stands what AWS
//! refuses beyond that. Numbers are the rules of the field guide's section 16.
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use mrctl::aws::wire::rest;
use roxmltree::{Document, Node};

use super::{
    World,
    call::{Answer, Call, Refusal},
    refuse, xml,
};

type Verdict = Result<(), Refusal>;

/// 18: five calls a second of a whole account; here a hundred, so that tests end.
const BURST: f64 = 5.0;
const REFILL: f64 = 100.0;

/// What the strict layer remembers of Route 53.
#[derive(Default)]
pub struct Memory {
    /// The bucket of each account: how many calls are left, as of when.
    calls: BTreeMap<String, (f64, Instant)>,
    /// Zones with a change that is being worked on.
    busy: BTreeSet<(String, String)>,
    /// Every caller reference that was ever used.
    references: BTreeSet<(String, String)>,
    /// Health checks that are gone when their tags are read.
    pub vanished: BTreeSet<(String, String)>,
    /// What Route 53 copied of alarms.
    pub copies: super::followers::Copies,
    /// What was changed, in order: account, then action, name, identifier and policy of each.
    pub changes: Vec<(String, Vec<[String; 4]>)>,
}

/// The operation, as AWS would route it.
pub fn operation(call: &Call) -> Option<&'static str> {
    rest::operation("route53", &call.method, call.path.split('?').next()?)
}

pub fn judge(world: &World, call: &Call) -> Verdict {
    in_turn(world, call)?;
    match operation(call) {
        Some("ChangeResourceRecordSets") => change(world, call),
        Some("CreateHealthCheck") => {
            super::followers::judge(world, call)?;
            reference(world, call, "HealthCheckAlreadyExists", "A health check with this CallerReference exists")
        }
        Some("UpdateHealthCheck") => super::followers::judge(world, call),
        Some("ListTagsForResources") => tags(world, call),
        Some("CreateHostedZone") => reference(world, call, "HostedZoneAlreadyExists", "A hosted zone with this CallerReference exists"),
        _ => Ok(()),
    }
}

/// 18: more than five calls a second from all workers of an account (Route 53 developer guide, "Quotas").
fn in_turn(world: &World, call: &Call) -> Verdict {
    let now = Instant::now();
    let mut memory = world.memory();
    let bucket = memory.route53.calls.entry(call.account.clone()).or_insert((BURST, now));
    bucket.0 = (bucket.0 + now.duration_since(bucket.1).as_secs_f64() * REFILL).min(BURST);
    bucket.1 = now;
    if bucket.0 < 1.0 {
        return refuse("Throttling", "Rate exceeded");
    }
    bucket.0 -= 1.0;
    Ok(())
}

/// 23: a reference is used up for good, whatever became of what was made with it (Route 53 API reference, "CreateHealthCheck").
fn reference(world: &World, call: &Call, code: &'static str, text: &str) -> Verdict {
    let body = String::from_utf8_lossy(&call.body).into_owned();
    let reference = xml::text_of(&body, "CallerReference").unwrap_or_default();
    if world.memory().route53.references.insert((call.account.clone(), reference.clone())) {
        return Ok(());
    }
    refuse(code, format!("{text}: {reference}"))
}

/// One that is gone fails the whole call (Route 53 API reference, "ListTagsForResources").
fn tags(world: &World, call: &Call) -> Verdict {
    let body = String::from_utf8_lossy(&call.body).into_owned();
    let memory = world.memory();
    let mut gone = memory.route53.vanished.iter().filter(|(of, id)| *of == call.account && body.contains(id.as_str()));
    match gone.next() {
        Some((_, id)) => refuse("NoSuchHealthCheck", format!("A health check with ID {id} does not exist")),
        None => Ok(()),
    }
}

/// One record set, as far as the rules need it: every text under its path, in order.
#[derive(Clone, Debug, PartialEq)]
struct Set(BTreeMap<String, Vec<String>>);

impl Set {
    fn read(node: Node) -> Self {
        fn visit(node: Node, path: &str, into: &mut BTreeMap<String, Vec<String>>) {
            for child in node.children().filter(Node::is_element) {
                let path = format!("{path}/{}", child.tag_name().name());
                match child.text().map(str::trim).filter(|text| !text.is_empty()) {
                    Some(text) => into.entry(path).or_default().push(text.to_owned()),
                    None => visit(child, &path, into),
                }
            }
        }
        let mut all = BTreeMap::new();
        visit(node, "", &mut all);
        for name in ["/Name", "/AliasTarget/DNSName"] {
            if let Some(texts) = all.get_mut(name) {
                texts.iter_mut().for_each(|text| *text = plain(text));
            }
        }
        Self(all)
    }

    fn one(&self, path: &str) -> &str {
        self.0.get(path).and_then(|texts| texts.first()).map_or("", String::as_str)
    }

    fn key(&self) -> (String, String, String) {
        (self.one("/Name").to_owned(), self.one("/Type").to_owned(), self.one("/SetIdentifier").to_owned())
    }

    fn policy(&self) -> &'static str {
        let has = |path: &str| self.0.keys().any(|key| key.starts_with(path));
        match () {
            () if has("/Weight") => "weighted",
            () if has("/Region") => "latency",
            () if has("/GeoLocation") => "geolocation",
            () if has("/Failover") => "failover",
            () if has("/MultiValueAnswer") => "multivalue",
            () => "simple",
        }
    }

    fn shown(&self) -> String {
        format!("[name='{}.', type='{}', set-identifier='{}']", self.one("/Name"), self.one("/Type"), self.one("/SetIdentifier"))
    }
}

fn plain(name: &str) -> String {
    name.replace("\\052", "*").trim_end_matches('.').to_ascii_lowercase()
}

fn sets(text: &str) -> Vec<Set> {
    let Ok(document) = Document::parse(text) else { return Vec::new() };
    document.descendants().filter(|node| node.tag_name().name() == "ResourceRecordSet").map(Set::read).collect()
}

fn zone_of(call: &Call) -> String {
    call.path.split('/').skip_while(|part| *part != "hostedzone").nth(1).unwrap_or_default().to_owned()
}

/// Everything in the zone of a call.
fn live(world: &World, call: &Call) -> Vec<Set> {
    let path = format!("/2013-04-01/hostedzone/{}/rrset?maxitems=300", zone_of(call));
    let ask = Call { method: "GET".to_owned(), path, body: Vec::new(), ..call.clone() };
    sets(&world.forward(&ask).text())
}

fn change(world: &World, call: &Call) -> Verdict {
    one_at_a_time(world, call)?;
    let verdict = judged(world, call);
    if verdict.is_err() {
        free(world, call);
    }
    verdict
}

fn free(world: &World, call: &Call) {
    world.memory().route53.busy.remove(&(call.account.clone(), zone_of(call)));
}

fn judged(world: &World, call: &Call) -> Verdict {
    let body = String::from_utf8_lossy(&call.body).into_owned();
    let Ok(document) = Document::parse(&body) else { return Ok(()) };
    let changes: Vec<(String, Set)> = document
        .descendants()
        .filter(|node| node.tag_name().name() == "Change")
        .filter_map(|node| {
            let action = node.children().find(|child| child.tag_name().name() == "Action")?.text()?.to_owned();
            Some((action, Set::read(node.children().find(|child| child.tag_name().name() == "ResourceRecordSet")?)))
        })
        .collect();
    let mut after: BTreeMap<(String, String, String), Set> = live(world, call).into_iter().map(|set| (set.key(), set)).collect();
    for (action, set) in &changes {
        if action == "DELETE" {
            deleted(&after, set)?;
            after.remove(&set.key());
            continue;
        }
        if action == "CREATE" && after.contains_key(&set.key()) {
            let text = format!("[Tried to create resource record set {} but it already exists]", set.shown());
            return refuse("InvalidChangeBatch", text);
        }
        alias(set, &zone_of(call))?;
        health_check(world, call, set)?;
        beside(&after, set)?;
        after.insert(set.key(), set.clone());
    }
    let said = |(action, set): &(String, Set)| {
        let (name, _, identifier) = set.key();
        [action.clone(), name, identifier, set.policy().to_owned()]
    };
    world.memory().route53.changes.push((call.account.clone(), changes.iter().map(said).collect()));
    Ok(())
}

/// 18: a second change of a zone while Route 53 works on the first (API reference, "ChangeResourceRecordSets").
fn one_at_a_time(world: &World, call: &Call) -> Verdict {
    let key = (call.account.clone(), zone_of(call));
    if world.memory().route53.busy.insert(key) {
        return Ok(());
    }
    refuse("PriorRequestNotComplete", "The request was rejected because Route 53 was still processing a prior request.")
}

/// 21: a delete repeats the set as it is.
fn deleted(after: &BTreeMap<(String, String, String), Set>, set: &Set) -> Verdict {
    let tried = format!("Tried to delete resource record set {}", set.shown());
    match after.get(&set.key()) {
        None => refuse("InvalidChangeBatch", format!("[{tried} but it was not found]")),
        Some(there) if there != set => {
            refuse("InvalidChangeBatch", format!("[{tried} but the values provided do not match the current values]"))
        }
        Some(_) => Ok(()),
    }
}

/// 19: an alias names the zone of its target, which is never the record's own for a load balancer; and what is no alias has a TTL.
fn alias(set: &Set, own: &str) -> Verdict {
    let (target, zone) = (set.one("/AliasTarget/DNSName"), set.one("/AliasTarget/HostedZoneId"));
    if target.is_empty() {
        let is_whole = !set.one("/TTL").is_empty() && !set.one("/ResourceRecords/ResourceRecord/Value").is_empty();
        return if is_whole {
            Ok(())
        } else {
            refuse("InvalidInput", "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords]]")
        };
    }
    if set.one("/TTL").is_empty() && zone != own && !zone.is_empty() {
        return Ok(());
    }
    let text = format!(
        "[Tried to create an alias that targets {target}., type A in zone {zone}, but the alias target name does not lie within the target zone]"
    );
    refuse("InvalidChangeBatch", text)
}

fn health_check(world: &World, call: &Call, set: &Set) -> Verdict {
    let id = set.one("/HealthCheckId");
    if id.is_empty() {
        return Ok(());
    }
    let ask = Call { method: "GET".to_owned(), path: format!("/2013-04-01/healthcheck/{id}"), body: Vec::new(), ..call.clone() };
    if world.forward(&ask).is_success() {
        return Ok(());
    }
    refuse("InvalidChangeBatch", format!("[The specified health check '{id}' does not exist]"))
}

/// 20: one policy for all sets of a name and type, one latency record for a region, and nothing beside a CNAME.
fn beside(after: &BTreeMap<(String, String, String), Set>, set: &Set) -> Verdict {
    let (name, kind, identifier) = set.key();
    for other in after.values().filter(|other| other.key() != set.key() && other.one("/Name") == name) {
        if other.one("/Type") != kind {
            if other.one("/Type") == "CNAME" || kind == "CNAME" {
                let text = format!(
                    "[RRSet of type {kind} with DNS name {name}. is not permitted as a conflicting RRSet with the same DNS name already exists]"
                );
                return refuse("InvalidChangeBatch", text);
            }
            continue;
        }
        if other.policy() != set.policy() || set.policy() == "simple" {
            let text = format!(
                "[RRSet with DNS name {name}., type {kind}, SetIdentifier {identifier} cannot be created as a non-{} set exists with the same name and type]",
                set.policy()
            );
            return refuse("InvalidChangeBatch", text);
        }
        let place = |set: &Set| -> Vec<String> {
            let paths = ["/Region", "/GeoLocation/ContinentCode", "/GeoLocation/CountryCode", "/GeoLocation/SubdivisionCode"];
            paths.map(|path| set.one(path).to_owned()).to_vec()
        };
        if set.policy() != "weighted" && place(other) == place(set) {
            let text = format!(
                "[RRSet with DNS name {name}., type {kind}: a {} RRSet with the same name, type and place already exists]",
                set.policy()
            );
            return refuse("InvalidChangeBatch", text);
        }
    }
    Ok(())
}

/// 22: a change is PENDING for a while.
pub fn colour(world: &World, call: &Call, mut answer: Answer) -> Answer {
    let wanted = operation(call);
    if wanted == Some("ChangeResourceRecordSets") {
        free(world, call);
    }
    if answer.is_success() && wanted.is_some_and(|operation| operation.contains("HealthCheck")) {
        return super::followers::colour(world, call, answer);
    }
    if !answer.is_success() || !matches!(wanted, Some("ChangeResourceRecordSets" | "GetChange")) {
        return answer;
    }
    let text = answer.text();
    let id = xml::text_of(&text, "Id").unwrap_or_default();
    let who = (call.account.clone(), "everywhere".to_owned(), id.rsplit('/').next().unwrap_or_default().to_owned());
    let mut memory = world.memory();
    let pending = if wanted == Some("GetChange") {
        memory.slow.poll(&who).is_some()
    } else {
        memory.slow.begin(who, "PENDING");
        true
    };
    if pending {
        answer.body = text.replace("INSYNC", "PENDING").into_bytes();
    }
    answer
}
