//! Wants and what was found become steps. Pure.
use std::collections::{BTreeMap, BTreeSet};

use petgraph::{algo::toposort, graph::DiGraph};
use serde_json::json;

use super::{
    Action, Cycle, Finding, Reach, RegionState, Severity, Step,
    foreign::foreign,
    halves::{self, Here, by_address, sort_out},
    known::{Known, Silent, silent_lanes},
};
use crate::resource::{
    Addr, AnyKind, Change, Doc, Fault, Found, Kinds, Leans, Life, Link, Region, Replace, Traits, Want,
    doc::{diff, links, resolve, tags_of},
};

/// The outcome of `decide`.
#[derive(Debug, Default)]
pub struct Decided {
    pub steps: Vec<Step>,
    pub findings: Vec<Finding>,
}

/// Decides what is to be done at every address that is wanted or found.
///
/// Wants are decided in the order of their references, so that a replacement cascades by itself: a reference to something
/// that will be made stays open, and an open reference differs from whatever is there.
///
/// # Errors
/// The wants refer to each other in a circle.
pub fn decide(
    kinds: &Kinds,
    wants: Vec<Want<Doc>>,
    found: Vec<Found<Doc>>,
    regions: &BTreeMap<Region, RegionState>,
    adopt: &BTreeSet<Addr>,
) -> Result<Decided, Cycle> {
    let mut decided = Decided::default();
    let mut found = by_address(found);
    let mut known = Known::default();
    let silent = silent_lanes(kinds, &wants, &found, regions);
    for mut want in in_reference_order(wants)? {
        let mut here = found.remove(&want.addr).unwrap_or_default();
        let silent = silent.get(&want.addr);
        if let Some(Silent { region, known: false }) = silent {
            let why =
                format!("no region that answered has a member of it, and {region} did not answer: a second one would never join the first");
            want.hold.get_or_insert(why);
        }
        let kind = match kinds.get(&want.addr.kind) {
            Ok(kind) => kind,
            Err(fault) => {
                decided.steps.push(Step::hold(want, here.pop(), fault.to_string()));
                continue;
            }
        };
        if let [only] = &here[..] {
            let is_silent = |addr: &Addr| addr.region().and_then(|region| regions.get(region)).is_some_and(|at| at.state.is_silent());
            keep_silent_references(&mut want.spec, &only.spec, &is_silent);
        }
        let refers = targets(&want.spec);
        resolve(&mut want.spec, &|addr, field| known.outputs.get(addr)?.get(field).map(str::to_owned));
        let asked = Asked { traits: kind.traits(), regions, adopt: adopt.contains(&want.addr) };
        let (one, beside) = match sort_out(&asked.traits, Some(&want), here) {
            Here::One(one) => (one.map(|one| *one), Vec::new()),
            Here::Halves(one, beside) => (Some(*one), beside),
            Here::Doubled(mut here) => {
                decided.findings.push(halves::doubled(&want.addr, &here));
                let step = Step::hold(want, here.pop(), "found twice; see the findings".to_owned());
                known.remember(&step, kinds);
                decided.steps.push(step);
                continue;
            }
        };
        let mut step = wanted(&asked, want, refers, one, &known, &mut decided.findings);
        if let Some(Silent { region, .. }) = silent.filter(|_| step.action == Action::Replace) {
            // The old one would go, and the new one would not be begun.
            step.why = format!("{}, and a new one is not begun while {region} does not answer: it may have another member", step.why);
            (step.action, step.changes, step.waiting) = (Action::Hold, Vec::new(), None);
        }
        known.remember(&step, kinds);
        decided.take(&asked.traits, step, beside);
    }
    for (addr, here) in found {
        let kind = match kinds.get(&addr.kind) {
            Ok(kind) => kind,
            Err(fault) => {
                decided.findings.push(finding("plan::unknown-kind", Severity::Error, &addr, fault.to_string(), None));
                continue;
            }
        };
        let traits = kind.traits();
        match sort_out(&traits, None, here) {
            Here::One(one) => decided.steps.extend(one.map(|one| unneeded(&**kind, regions, *one))),
            Here::Halves(one, beside) => {
                let step = unneeded(&**kind, regions, *one);
                decided.take(&traits, step, beside);
            }
            Here::Doubled(mut here) => {
                decided.findings.push(halves::doubled(&addr, &here));
                let mut step = Step::new(addr, Action::Hold, "found twice; see the findings");
                step.found = here.pop();
                decided.steps.push(step);
            }
        }
    }
    keep_last_members(kinds, &mut decided.steps);
    Ok(decided)
}

/// Holds the removal of data of which the topology wants members that cannot be made or seen now: what is to be removed may be
/// all there is of it, and was named to be lost as a member, not as the whole.
fn keep_last_members(kinds: &Kinds, steps: &mut [Step]) {
    let lane = |step: &Step| {
        let kind = kinds.get(&step.addr.kind).ok().filter(|kind| kind.traits().data)?;
        kind.lane(&step.addr, step.want.as_ref().map(|want| &want.spec).or(step.found.as_ref().map(|found| &found.spec))?)
    };
    let lanes: Vec<Option<String>> = steps.iter().map(lane).collect();
    let mut wanted: BTreeMap<&str, bool> = BTreeMap::new();
    for (step, lane) in steps.iter().zip(&lanes) {
        if let Some(lane) = lane.as_deref().filter(|_| step.want.is_some()) {
            let all_held = wanted.entry(lane).or_insert(true);
            *all_held &= step.action == Action::Hold;
        }
    }
    for (step, lane) in steps.iter_mut().zip(&lanes) {
        let is_last = lane.as_deref().and_then(|lane| wanted.get(lane)) == Some(&true);
        if is_last && step.action == Action::Delete {
            step.action = Action::Hold;
            step.changes = Vec::new();
            step.waiting = None;
            step.why = "the members that the topology wants instead cannot be seen or made now, and this may be the last one".to_owned();
        }
    }
}

impl Decided {
    /// A step, and the removal of what stands beside it.
    fn take(&mut self, traits: &Traits, mut step: Step, beside: Vec<Found<Doc>>) {
        step.beside = beside.iter().map(|found| found.id.clone()).collect();
        let going: Vec<Step> = beside.into_iter().map(|found| halves::beside(&step, unwanted(traits, found))).collect();
        self.steps.push(step);
        self.steps.extend(going);
    }
}

struct Asked<'a> {
    traits: Traits,
    regions: &'a BTreeMap<Region, RegionState>,
    adopt: bool,
}

/// What is to be done about a want whose references are filled in as far as they are known.
fn wanted(
    asked: &Asked<'_>,
    want: Want<Doc>,
    refers: Vec<Addr>,
    found: Option<Found<Doc>>,
    known: &Known,
    findings: &mut Vec<Finding>,
) -> Step {
    if let Some(region) = want.addr.region()
        && asked.regions.get(region).is_some_and(|state| state.state.is_silent())
    {
        let mut step = Step::hold(want, found, "its region did not answer".to_owned());
        step.refers = refers;
        return step;
    }
    if let Some(why) = want.hold.clone() {
        return Step::hold(want, found, why);
    }
    if let Some(held) = refers.iter().find(|target| known.held.contains(*target)) {
        let why = format!("it needs {held}, which cannot be decided now");
        return Step::hold(want, found, why);
    }
    let comes_after = |held: &Addr| format!("it comes after {held}, which cannot be decided now");
    if let Some(held) = want.after.iter().find(|other| found.is_none() && known.held.contains(*other)) {
        let why = comes_after(held);
        return Step::hold(want, found, why);
    }
    if let [held, ..] = &want.after_any[..]
        && found.is_none()
        && want.after_any.iter().all(|other| known.held.contains(other))
    {
        let why = comes_after(held);
        return Step::hold(want, found, why);
    }
    let absent = want.after.iter().find(|other| known.absent.contains(*other)).cloned();
    if let Some(missing) = refers.iter().find(|target| !known.decided.contains(*target)) {
        let why = Fault::bug(format!("{} refers to {missing}, which nobody wants", want.addr)).to_string();
        return Step::hold(want, found, why);
    }
    let mut step = Step::new(want.addr.clone(), Action::Create, "it is not there");
    step.refers = refers;
    step.want = Some(want);
    if let Some(found) = found {
        compare(asked, &mut step, &found, findings);
        let being_made = step.action == Action::Keep && step.waiting.is_some();
        let letting_go = (step.action == Action::Update || being_made) && !asked.traits.data;
        if let Some(going) = known.held_by(&found).filter(|_| !asked.traits.follows) {
            if letting_go {
                // It cannot let go in place: what it would point at instead is made only after the old one is gone.
                step.action = Action::Replace;
                step.why = format!("it holds on to {going}, which has to go before its successor is made");
            }
            step.delete_first = step.action == Action::Replace;
        }
        if step.action == Action::Replace && asked.traits.replace == Replace::CreateFirst && !step.delete_first {
            step.why.push_str("; the new one is made first");
        }
        step.found = Some(found);
        // It works as it is: nothing leads to what is not there. Data changes in place whatever comes before it.
        let waits = matches!(step.action, Action::Update | Action::Replace) && !asked.traits.data;
        if let Some(absent) = absent.filter(|_| waits) {
            (step.action, step.why, step.changes, step.waiting) = (Action::Hold, comes_after(&absent), Vec::new(), None);
        }
    }
    step
}

/// A reference into a region that did not answer is taken for what it was: nothing says that it moved, and what lives here must
/// not be held for it.
fn keep_silent_references(want: &mut Doc, found: &Doc, is_silent: &dyn Fn(&Addr) -> bool) {
    let known: BTreeMap<String, Link> = links(found).into_iter().collect();
    for (path, link) in links(want) {
        let Link::To { addr, field } = link else { continue };
        let Some(Link::Is { value, kind, field: given, scope }) = known.get(&path) else { continue };
        if is_silent(&addr) && *kind == *addr.kind && *given == field && *scope == addr.scope {
            resolve(want, &|at, of| (*at == addr && *of == field).then(|| value.clone()));
        }
    }
}

fn compare(asked: &Asked<'_>, step: &mut Step, found: &Found<Doc>, findings: &mut Vec<Finding>) {
    let Some(want) = &step.want else { return };
    let changes = diff(&found.spec, &want.spec);
    let fixed: Vec<Change> = changes.iter().filter(|change| is_fixed(&asked.traits, change)).cloned().collect();
    if !found.ours {
        return foreign(&asked.traits, asked.adopt, step, found, &changes, findings);
    }
    match &found.life {
        Life::Leaving(now) => {
            step.why = "the one before is still going".to_owned();
            step.waiting = Some(now.clone());
        }
        // What AWS changes at any time is compared at once: the change may be what it needs to become ready.
        Life::Making(now) if !asked.traits.yields || changes.is_empty() => {
            step.action = Action::Keep;
            step.why = "it is being made".to_owned();
            step.waiting = Some(now.clone());
            // Data is not changed, after the wait, by a step that did not say so.
            if asked.traits.data {
                step.changes = changes.into_iter().filter(|change| !is_fixed(&asked.traits, change)).collect();
            }
        }
        Life::Broken(now) if asked.traits.data => {
            step.action = Action::Hold;
            step.why = format!("AWS says {now}");
            findings.push(finding(
                "plan::data-broken",
                Severity::Error,
                &step.addr,
                format!("{} ({}) is {now} and holds data; mrctl does not replace it by itself", step.addr, found.id),
                Some("repair it in AWS (a key that cannot be used is the usual cause) or remove it there, then plan again".to_owned()),
            ));
        }
        Life::Broken(now) => {
            step.action = Action::Replace;
            step.why = format!("AWS says {now}, and it will not recover by itself");
            step.changes = changes;
        }
        Life::Making(_) | Life::Ready if changes.is_empty() => {
            step.action = Action::Keep;
            step.why = "it is as wanted".to_owned();
        }
        Life::Making(_) | Life::Ready if fixed.is_empty() => {
            step.action = Action::Update;
            step.why = "it differs".to_owned();
            step.changes = changes;
        }
        Life::Making(_) | Life::Ready => {
            step.action = Action::Replace;
            step.why = format!("AWS cannot change {} in place", paths(&fixed));
            step.changes = changes;
        }
    }
    if let Life::Making(now) = &found.life
        && step.waiting.is_none()
        && step.action != Action::Keep
    {
        step.why = format!("{}, while AWS says {now}", step.why);
    }
}

/// What the topology does not have, unless somebody in a region that did not answer may still be using it.
fn unneeded(kind: &dyn AnyKind, regions: &BTreeMap<Region, RegionState>, found: Found<Doc>) -> Step {
    let is_silent = |region: &Region| regions.get(region).is_some_and(|at| at.state.is_silent());
    let silent = match kind.leans(&found) {
        Leans::OnNothing => None,
        Leans::On(region) => Some(region).filter(is_silent),
        Leans::OnAll => regions.iter().find(|(_, at)| at.state == Reach::Unreachable && at.in_file).map(|(region, _)| region.clone()),
    };
    let mut step = unwanted(&kind.traits(), found);
    if let Some(region) = silent.filter(|_| step.action == Action::Delete) {
        (step.action, step.changes, step.waiting) = (Action::Hold, Vec::new(), None);
        step.why = format!("{region} did not answer, and something there may still be using it");
    }
    step
}

fn unwanted(traits: &Traits, found: Found<Doc>) -> Step {
    let mut step = Step::new(found.addr.clone(), Action::Delete, "the topology does not have it");
    if !found.ours {
        step.action = Action::Leave;
        step.why = match tags_of(&found.spec).and_then(|tags| tags.stack) {
            Some(stack) => format!("it carries the mark of stack `{stack}`"),
            None => "it does not carry this stack's mark".to_owned(),
        };
    } else {
        match &found.life {
            Life::Making(_) if traits.yields => {}
            Life::Making(now) | Life::Leaving(now) => step.waiting = Some(now.clone()),
            Life::Ready | Life::Broken(_) => {}
        }
        step.changes = protections(traits, &found);
    }
    step.found = Some(found);
    step
}

/// The protections that have to be lifted before a found thing can be deleted.
#[must_use]
pub fn protections(traits: &Traits, found: &Found<Doc>) -> Vec<Change> {
    let lift = |path: &&str| Change { path: (*path).to_owned(), from: json!(true), to: json!(false) };
    let on = |path: &&str| found.spec.get(*path) == Some(&json!(true)) && !matches!(found.life, Life::Leaving(_));
    traits.protection.iter().filter(|path| on(path)).map(lift).collect()
}

pub(super) fn is_fixed(traits: &Traits, change: &Change) -> bool {
    traits.fixed.iter().any(|path| change.is_under(path))
}

pub(super) fn paths(changes: &[Change]) -> String {
    let paths: BTreeSet<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    paths.into_iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ")
}

fn targets(spec: &Doc) -> Vec<Addr> {
    let targets: BTreeSet<Addr> = links(spec)
        .into_iter()
        .filter_map(|(_, link)| match link {
            Link::To { addr, .. } => Some(addr),
            Link::Is { .. } => None,
        })
        .collect();
    targets.into_iter().collect()
}

fn in_reference_order(wants: Vec<Want<Doc>>) -> Result<Vec<Want<Doc>>, Cycle> {
    let mut graph = DiGraph::<Addr, ()>::new();
    let nodes: BTreeMap<Addr, _> = wants.iter().map(|want| (want.addr.clone(), graph.add_node(want.addr.clone()))).collect();
    for want in &wants {
        for target in targets(&want.spec).iter().chain(&want.after).chain(&want.after_any) {
            if let Some(before) = nodes.get(target) {
                graph.add_edge(*before, nodes[&want.addr], ());
            }
        }
    }
    let order = toposort(&graph, None).map_err(|cycle| Cycle { members: vec![graph[cycle.node_id()].to_string()] })?;
    let mut wants: BTreeMap<Addr, Want<Doc>> = wants.into_iter().map(|want| (want.addr.clone(), want)).collect();
    Ok(order.into_iter().filter_map(|node| wants.remove(&graph[node])).collect())
}

pub(super) fn finding(code: &'static str, severity: Severity, addr: &Addr, message: String, help: Option<String>) -> Finding {
    Finding { code, severity, address: Some(addr.clone()), line: None, message, help }
}

impl Step {
    /// A step that nothing is known of yet but its address, its action and why.
    #[must_use]
    pub fn new(addr: Addr, action: Action, why: &str) -> Self {
        Self {
            addr,
            action,
            why: why.to_owned(),
            waiting: None,
            changes: Vec::new(),
            want: None,
            found: None,
            refers: Vec::new(),
            beside: Vec::new(),
            delete_first: false,
        }
    }

    fn hold(want: Want<Doc>, found: Option<Found<Doc>>, why: String) -> Self {
        let mut step = Self::new(want.addr.clone(), Action::Hold, &why);
        step.want = Some(want);
        step.found = found;
        step
    }
}
