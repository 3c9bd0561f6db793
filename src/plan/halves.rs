//! Several things with one address. Pure.
//!
//! A replacement that creates first has two for a while, and a run that was killed then leaves both. Where no data is at
//! stake the topology tells which of them stays. Anything else stops the plan, with every id.
use std::collections::BTreeMap;

use super::{Action, Finding, Severity, Step};
use crate::resource::{
    Addr, Doc, Found, Life, Replace, Traits, Want,
    doc::{diff, tags_of},
};

/// What stands at one address.
pub(super) enum Here {
    /// One, or nothing.
    One(Option<Box<Found<Doc>>>),
    /// The one to go on with, and those that have to go beside it: the halves of a replacement that was cut short.
    Halves(Box<Found<Doc>>, Vec<Found<Doc>>),
    /// Nothing tells which of them is the one.
    Doubled(Vec<Found<Doc>>),
}

/// What was found, by address.
pub(super) fn by_address(found: Vec<Found<Doc>>) -> BTreeMap<Addr, Vec<Found<Doc>>> {
    let mut all: BTreeMap<Addr, Vec<Found<Doc>>> = BTreeMap::new();
    for next in found {
        all.entry(next.addr.clone()).or_default().push(next);
    }
    all
}

/// Tells the halves of a replacement from two things that only a person can tell apart.
///
/// Exactly one that is as wanted in everything AWS cannot change stays. When none is, all of them go and the youngest stands
/// for the replacement. When two are, or when nothing makes two of this kind on purpose, the answer is not in the topology.
/// What is on its way out does not stand in the way of its successor; where nothing is wanted it is waited for.
pub(super) fn sort_out(traits: &Traits, want: Option<&Want<Doc>>, mut here: Vec<Found<Doc>>) -> Here {
    here.sort_by(|one, other| (one.born, &one.id).cmp(&(other.born, &other.id)));
    let (mut leaving, mut live): (Vec<_>, Vec<_>) = here.into_iter().partition(|found| matches!(found.life, Life::Leaving(_)));
    if live.is_empty() {
        live.extend(leaving.pop());
    }
    if want.is_some() {
        leaving.clear();
    }
    let Some(youngest) = live.len().checked_sub(1) else { return Here::One(None) };
    let fit: Option<Vec<usize>> = want.map(|want| (0..=youngest).filter(|index| is_wanted(traits, want, &live[*index])).collect());
    let may_be_halves = traits.replace == Replace::CreateFirst && !traits.data && live.iter().all(|found| found.ours);
    let stays = match fit.as_deref() {
        _ if youngest == 0 => 0,
        _ if !may_be_halves => return Here::Doubled(live),
        None | Some([]) => youngest,
        Some([only]) => *only,
        Some(_) => return Here::Doubled(live),
    };
    let stays = Box::new(live.remove(stays));
    live.append(&mut leaving);
    if live.is_empty() { Here::One(Some(stays)) } else { Here::Halves(stays, live) }
}

/// Whether it can become what is wanted without being made anew.
fn is_wanted(traits: &Traits, want: &Want<Doc>, found: &Found<Doc>) -> bool {
    let is_fixed = |path: &str| diff(&found.spec, &want.spec).iter().any(|change| change.is_under(path));
    !matches!(found.life, Life::Broken(_)) && !traits.fixed.iter().any(|path| is_fixed(path))
}

/// The step of a thing that has to go while `main` is about what stays at its address. Its own address carries its id.
pub(super) fn beside(main: &Step, mut step: Step) -> Step {
    let Some(found) = &step.found else { return step };
    step.addr = found.addr.beside(&found.id);
    let other = main.found.as_ref().map(|found| format!("`{}`", found.id)).unwrap_or_default();
    match main.action {
        Action::Hold | Action::Leave => {
            (step.action, step.changes) = (Action::Hold, Vec::new());
            step.why = format!("it stands beside {other}, where nothing can be decided now");
        }
        Action::Delete => {}
        Action::Replace => step.why = format!("a replacement was cut short, and neither it nor {other} is what is wanted"),
        _ => step.why = format!("a replacement was cut short; {other} is what is wanted"),
    }
    step
}

/// Every id with what makes it stand at this address, for the one who has to find out.
#[must_use]
pub fn all_of(addr: &Addr, here: &[Found<Doc>]) -> String {
    let (mut marked, mut taken, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for found in here {
        let (id, tags) = (format!("`{}`", found.id), tags_of(&found.spec));
        match (found.ours, tags.as_ref().and_then(|tags| tags.stack.as_ref())) {
            (true, _) if tags.as_ref().is_some_and(|tags| tags.marked) => marked.push(id),
            (true, _) => taken.push(id),
            (false, Some(stack)) => rest.push(format!("{id} has its name and the mark of stack `{stack}`")),
            (false, None) => rest.push(format!("{id} has its name and no mark of this stack")),
        }
    }
    let verb = |ids: &[String], one: &str, many: &str| format!("{} {}", ids.join(" and "), if ids.len() == 1 { one } else { many });
    let mut all = Vec::new();
    if !marked.is_empty() {
        all.push(format!("{} the mark of {addr}", verb(&marked, "carries", "carry")));
    }
    if !taken.is_empty() {
        all.push(format!("{} for {addr} without its mark", verb(&taken, "counts", "count")));
    }
    all.extend(rest);
    all.join("; ")
}

/// The finding that stops the plan.
pub(super) fn doubled(addr: &Addr, here: &[Found<Doc>]) -> Finding {
    let help = if here.iter().all(|found| found.ours) {
        "find out which one is in use and remove the other (or its `mrctl:` tags) in AWS, then plan again"
    } else {
        "find out which one is in use: give the topology the name of the one that is ours, or remove that one (or its `mrctl:` tags) in \
         AWS, then plan again"
    };
    Finding {
        code: "plan::doubled",
        severity: Severity::Error,
        address: Some(addr.clone()),
        line: None,
        message: all_of(addr, here),
        help: Some(help.to_owned()),
    }
}
