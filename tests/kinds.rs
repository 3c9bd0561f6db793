//! Every registered kind keeps what `docs/adding-a-kind.md` promises, against the local AWS and through the document seam.
//!
//! A kind that is added needs no line here, only a place in `tests/topologies/valid/every_kind.yaml`.
mod bench;

use std::collections::BTreeSet;

use bench::{Bench, Counted, tags_of};
use mrctl::resource::{AnyKind, Found, Scope, Status, Tags, Want, doc::diff};
use serde_json::{Value, json};

/// What AWS cannot carry in its create call although the kind has tags, and why.
const NOT_MARKED_AT_BIRTH: [(&str, &str); 5] = [
    ("dynamodb.table", "UpdateTable adds a replica and takes no tags"),
    ("ec2.vpc_peering_connection_accepter", "AcceptVpcPeeringConnection takes no tags"),
    ("secretsmanager.secret", "ReplicateSecretToRegions takes no tags; a replica has those of its home"),
    ("route53.health_check", "CreateHealthCheck takes no tags; its reference is its mark"),
    ("route53.hosted_zone", "CreateHostedZone takes no tags; its reference is its mark"),
];

/// Reads of one resource at a time, because AWS has no list of them.
const ONE_BY_ONE: [(&str, &str); 10] = [
    ("ec2:DescribeVpcAttribute", "one attribute of one VPC a request"),
    ("dynamodb:ListTagsOfResource", "the tags of one table a request"),
    ("dynamodb:DescribeContinuousBackups", "the backups of one table a request"),
    ("dynamodb:DescribeTimeToLive", "the expiry of one table a request"),
    ("acm:DescribeCertificate", "one certificate a request"),
    ("acm:ListTagsForCertificate", "the tags of one certificate a request"),
    ("iam:ListRolePolicies", "the policies of one role a request"),
    ("iam:GetRolePolicy", "one policy a request"),
    ("iam:ListAttachedRolePolicies", "the policies of one role a request"),
    ("ecs:DescribeTaskDefinition", "one revision a request"),
];

/// Lists that only some things of a kind need, how many requests each takes whatever there is, and why.
const FOR_SOME: [(&str, &str, usize, &str); 5] = [
    ("rds.cluster", "rds:DescribeDBInstances", 1, "a cluster with instances: whose they are; a plan reads that list once"),
    ("rds.global_cluster", "rds:DescribeDBClusters", 1, "the writer's cluster has the login; its region asks the same"),
    ("applicationautoscaling.scaling_policy", "elasticloadbalancing:DescribeLoadBalancers", 1, "what scales by requests names one"),
    ("applicationautoscaling.scaling_policy", "elasticloadbalancing:DescribeTargetGroups", 1, "what scales by requests names one"),
    ("applicationautoscaling.scaling_policy", "elasticloadbalancing:DescribeTags", 2, "those of load balancers, and of target groups"),
];

#[tokio::test]
async fn every_kind_keeps_its_promises() {
    let mut bench = Bench::new("every_kind").await;
    every_kind_is_wanted(&bench);
    for want in bench.in_order() {
        paths_exist(&bench, &want);
        made_in_one_marked_call(&mut bench, want).await;
    }
    let built = bench.built.clone();
    for (found, want) in &built {
        nothing_to_change_is_no_call(&bench, found, want).await;
        nothing_of_ours_holds_it(&bench, found).await;
    }
    for (_, want) in &built {
        tags_change_and_go(&bench, want).await;
        booleans_turn_and_turn_back(&bench, want).await;
    }
    calls_do_not_grow(&bench).await;
    for (_, want) in built.iter().rev() {
        gone_and_gone_again(&bench, want).await;
    }
    for kind in bench.kinds.iter() {
        for scope in bench.scopes(&**kind) {
            let left = bench.observe(&**kind, &scope).await;
            assert!(left.is_empty(), "{left:#?}");
        }
    }
    calls_are_permitted(&bench);
}

fn every_kind_is_wanted(bench: &Bench) {
    let wanted: BTreeSet<&str> = bench.wants.iter().map(|want| &*want.addr.kind).collect();
    for kind in bench.kinds.iter() {
        let name = kind.traits().name;
        assert!(wanted.contains(name), "tests/topologies/valid/every_kind.yaml does not want a {name}");
    }
    for want in &bench.wants {
        assert_eq!(want.hold, None, "{}", want.addr);
    }
}

/// A path in a constant that the document does not have would never be compared: a silent change in place, or none at all.
fn paths_exist(bench: &Bench, want: &Want<Value>) {
    let traits = bench.kind(&want.addr).traits();
    let at = |path: &str| want.spec.pointer(&format!("/{}", path.replace('.', "/")));
    for path in traits.fixed {
        assert!(at(path).is_some(), "{}: FIXED names `{path}`, which is not in {:#}", want.addr, want.spec);
    }
    for path in traits.guarded.iter().copied().chain(traits.protection) {
        let shrinks = at(path).is_some_and(|there| there.is_object() || there.is_number()) && traits.protection != Some(path);
        assert!(shrinks || at(path).is_some_and(Value::is_boolean), "{}: `{path}` is no boolean of {:#}", want.addr, want.spec);
    }
}

async fn made_in_one_marked_call(bench: &mut Bench, mut want: Want<Value>) {
    let addr = want.addr.clone();
    let (kind, cx, traits) = (bench.kind(&addr), bench.cx.at(&addr.scope), bench.kind(&addr).traits());
    bench.resolve(&mut want).await;
    let lane = kind.lane(&addr, &want.spec);
    let joins = bench.built.iter().any(|(_, other)| lane.is_some() && kind.lane(&other.addr, &other.spec) == lane);

    let id = bench.create(&want).await;
    let calls: Vec<_> = bench.calls().into_iter().filter(|call| call.mutating).collect();
    assert_eq!(calls.len(), 1, "creating {addr} is more than one change: {calls:#?}");

    let outputs = bench.until_ready(&addr, &id).await;
    bench.outputs.insert(addr.clone(), outputs);
    let found = bench.find(&addr).await;
    assert_eq!(found.id, id, "{addr} is found by another id");
    let exempt = (joins || lane.is_none()) && NOT_MARKED_AT_BIRTH.iter().any(|(kind, _)| *kind == traits.name);
    if let Some(wanted) = tags_of(&want.spec).filter(|_| !exempt) {
        let sent = bench.cx.owner.to_send(&addr, &wanted);
        let body = percent_decoded(&calls[0].parameters);
        for text in sent.iter().flat_map(|(key, value)| [key, value]) {
            assert!(body.contains(text.as_str()), "the call that creates {addr} does not carry `{text}`: {body}");
        }
        let carried = tags_of(&found.spec);
        assert_eq!(carried, Some(wanted), "{addr} does not carry its marks after the create call alone");
    }
    if !traits.twice {
        let again = kind.create(&cx, &want).await.unwrap_or_else(|fault| panic!("{addr}, sent twice: {fault}"));
        assert_eq!(again, id, "{addr} was made twice");
        bench.find(&addr).await;
    }
    let differs = diff(&found.spec, &want.spec);
    assert!(traits.unfinished || differs.is_empty(), "a created {addr} is unfinished and does not say so: {differs:#?}");
    let found = bench.in_line(found, &want).await;
    bench.note_calls(&addr).await;
    bench.built.push((found, want));
}

async fn nothing_to_change_is_no_call(bench: &Bench, found: &Found<Value>, want: &Want<Value>) {
    bench.calls();
    let cx = bench.cx.at(&want.addr.scope);
    bench.kind(&want.addr).update(&cx, found, want, &[]).await.unwrap_or_else(|fault| panic!("{}: {fault}", want.addr));
    let calls: Vec<_> = bench.calls().into_iter().filter(|call| call.mutating).collect();
    assert!(calls.is_empty(), "nothing of {} was to be changed: {calls:#?}", want.addr);
}

async fn nothing_of_ours_holds_it(bench: &Bench, found: &Found<Value>) {
    let cx = bench.cx.at(&found.addr.scope);
    let holders = bench.kind(&found.addr).holders(&cx, found).await.unwrap_or_else(|fault| panic!("{}: {fault}", found.addr));
    // Interfaces of our own gateways and load balancers do hold it while they are there, and linger: they are worth naming.
    let lingering = ["Interface for NAT Gateway", "it is associated with", "(ELB app/"];
    let holders: Vec<_> = holders.into_iter().filter(|holder| !lingering.iter().any(|text| holder.what.contains(text))).collect();
    assert!(holders.is_empty(), "{} is said to be held by {holders:?}, and all of that is ours", found.addr);
}

/// A value changed, a key added, a key removed; and back.
async fn tags_change_and_go(bench: &Bench, want: &Want<Value>) {
    let Some(mut tags) = tags_of(&want.spec) else { return };
    assert_eq!(tags.keys.len(), 2, "{} does not want the file's tags", want.addr);
    tags.all.insert("team".into(), "orders".into());
    tags.all.remove("cost-center");
    tags.all.insert("owner".into(), "a b".into());
    tags.keys = ["team".to_owned(), "owner".to_owned()].into();
    let mut other = want.clone();
    other.spec["tags"] = json!(tags);
    for want in [&other, want] {
        let found = bench.find(&want.addr).await;
        assert!(!diff(&found.spec, &want.spec).is_empty(), "{}: no difference to other tags is seen", want.addr);
        let found = bench.in_line(found, want).await;
        let carried: Tags = tags_of(&found.spec).unwrap();
        assert_eq!(Some(carried), tags_of(&want.spec), "{}: tags were left behind", want.addr);
    }
}

async fn booleans_turn_and_turn_back(bench: &Bench, want: &Want<Value>) {
    let traits = bench.kind(&want.addr).traits();
    for (path, value) in want.spec.as_object().unwrap() {
        let Some(value) = value.as_bool().filter(|_| !traits.fixed.contains(&path.as_str())) else { continue };
        let mut other = want.clone();
        other.spec[path.as_str()] = json!(!value);
        for want in [&other, want] {
            let found = bench.find(&want.addr).await;
            assert_eq!(diff(&found.spec, &want.spec).len(), 1, "{}: `{path}` alone differs", want.addr);
            bench.in_line(found, want).await;
        }
    }
}

/// The calls of an observation of everything, as far as they are more than for the first thing.
async fn more_than(bench: &Bench, kind: &dyn AnyKind, scope: &Scope, first: &Counted) -> Counted {
    bench.calls();
    bench.observe(kind, scope).await;
    let mut now = bench.counted();
    now.retain(|operation, times| first.get(operation).is_none_or(|before| *times > *before));
    now
}

/// Everything in a region is read with as many calls as one thing there, but for what `ONE_BY_ONE` lists.
async fn calls_do_not_grow(bench: &Bench) {
    let (mut used, mut grown) = (BTreeSet::new(), Vec::new());
    for ((kind, scope), first) in &bench.first {
        let kind = &**bench.kinds.get(kind).unwrap();
        // Where the topology wants one only, there may still be two: of what AWS makes twice, further ones are made.
        let copies =
            if bench.observe(kind, scope).await.len() == 1 && kind.traits().twice { bench.copy(kind, scope).await } else { vec![] };
        let mut more = more_than(bench, kind, scope, first).await;
        // Where any region may be asked, a second one is when the first takes its time, as on a busy machine.
        for _ in 0..2 {
            if !more.is_empty() {
                let again = more_than(bench, kind, scope, first).await;
                more.retain(|operation, _| again.contains_key(operation));
            }
        }
        for (operation, times) in &more {
            let for_some = FOR_SOME.iter().find(|(of, known, ..)| (*of, known) == (kind.traits().name, &operation.as_str()));
            if for_some.is_some_and(|(.., most, _)| !first.contains_key(operation) && times <= most) {
                continue;
            }
            match ONE_BY_ONE.iter().find(|(known, _)| known == operation) {
                Some((known, _)) => drop(used.insert(*known)),
                None => {
                    let before = first.get(operation);
                    grown.push(format!("{scope}/{}: {times} of {operation} for all, {before:?} for one", kind.traits().name));
                }
            }
        }
        for copy in copies {
            bench.remove(&copy).await;
        }
    }
    assert!(grown.is_empty(), "{grown:#?}");
    assert_eq!(used, ONE_BY_ONE.iter().map(|(operation, _)| *operation).collect(), "an exception that nothing needs");
}

/// What goes together with something else, and why.
const GOES_WITH_ANOTHER: [(&str, &str); 1] =
    [("ec2.vpc_peering_connection", "an acceptance cannot be taken back: removing it removes the connection")];

async fn gone_and_gone_again(bench: &Bench, want: &Want<Value>) {
    let (kind, cx) = (bench.kind(&want.addr), bench.cx.at(&want.addr.scope));
    if GOES_WITH_ANOTHER.iter().any(|(known, _)| *known == &*want.addr.kind) {
        let seen = bench.observe(&*kind, &want.addr.scope).await;
        assert!(seen.iter().all(|other| other.addr != want.addr), "{} did not go with the other", want.addr);
        return;
    }
    let found = bench.find(&want.addr).await;
    bench.remove(&found).await;
    let seen = bench.observe(&*kind, &want.addr.scope).await;
    assert!(seen.iter().all(|other| other.addr != want.addr), "{} is gone and still observed", want.addr);
    kind.delete(&cx, &found).await.unwrap_or_else(|fault| panic!("{} is gone, and deleting it is no success: {fault}", want.addr));
    assert_eq!(kind.status(&cx, &want.addr, &found.id).await.unwrap(), Status::Gone, "{}", want.addr);
}

/// What a kind calls is what it says it may call: a policy made from `PERMISSIONS` lets it work.
fn calls_are_permitted(bench: &Bench) {
    let said = bench.said.lock().unwrap();
    assert_eq!(said.len(), bench.kinds.iter().count(), "{:?}", said.keys());
    for (name, called) in said.iter() {
        let permissions = bench.kinds.get(name).unwrap().traits().permissions;
        let allowed: BTreeSet<&str> = permissions.iter().flat_map(|(_, actions)| actions.iter().copied()).collect();
        let denied: Vec<_> = called.iter().filter(|action| !allowed.contains(action.as_str())).collect();
        assert!(denied.is_empty(), "{name} calls {denied:?}, which its PERMISSIONS do not have");
    }
}

/// A form as it is read at the other end. JSON has no `%` followed by two digits in what is looked for here.
fn percent_decoded(form: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = form.as_bytes();
    while let [first, more @ ..] = rest {
        let hex = more.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
