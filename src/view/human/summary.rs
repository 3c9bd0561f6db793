//! After a run: what exists now, what failed and what to do about it, what was left, how long it took and what was asked
//! of AWS.
use std::{collections::BTreeMap, fmt::Write as _};

use super::fold;
use crate::{
    apply::{Outcome, Stop},
    plan::{Action, Plan},
    resource::{Addr, Class, Fault, Scope},
    view::{
        style::{self, paint},
        words,
    },
};

/// How often AWS was asked.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    pub by_service: BTreeMap<String, u64>,
    /// Region and `service:Operation` to how often; shown with `-v`.
    pub by_operation: BTreeMap<(String, String), u64>,
}

/// What is to be said at the end of a run.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    pub plan: &'a Plan,
    pub outcome: &'a Outcome,
    pub calls: &'a Calls,
    /// What a removal leaves by design, a sentence each.
    pub left: &'a [String],
    /// Whether calls are listed by region and operation.
    pub verbose: bool,
}

macro_rules! line {
    ($out:expr, $($arg:tt)*) => { let _ = writeln!($out, $($arg)*); };
}

/// The text after `apply` and `destroy`, with styles.
#[must_use]
pub fn summary(end: &Ending<'_>) -> String {
    let blocks = [exists(end), left(end), to_do(end), failures(end), calls(end), headline(end)];
    let blocks: Vec<String> = blocks.into_iter().filter(|block| !block.is_empty()).collect();
    blocks.join("\n")
}

fn exists(end: &Ending<'_>) -> String {
    let mut out = String::new();
    if end.outcome.exists.is_empty() {
        if end.plan.destroy {
            line!(out, "{}", paint(style::HEADING, "Nothing of the stack exists now, as far as this run could see."));
        }
        return out;
    }
    line!(out, "{}", paint(style::HEADING, "What exists now"));
    let mut by_scope: BTreeMap<Scope, BTreeMap<&str, usize>> = BTreeMap::new();
    for (addr, _) in &end.outcome.exists {
        *by_scope.entry(addr.scope.clone()).or_default().entry(&addr.kind).or_default() += 1;
    }
    let mut scopes: Vec<Scope> = fold::region_order(end.plan).iter().map(Scope::from).collect();
    let rest: Vec<Scope> = by_scope.keys().filter(|scope| !scopes.contains(scope) && scope.region().is_some()).cloned().collect();
    scopes.extend(rest);
    scopes.push(Scope::Global);
    let widest = by_scope.keys().map(|scope| scope.to_string().len()).max().unwrap_or(0);
    for scope in scopes {
        let Some(kinds) = by_scope.get(&scope) else { continue };
        let total = words::count(kinds.values().sum(), "resource");
        let kinds: Vec<String> = kinds.iter().map(|(kind, number)| format!("{number} {kind}")).collect();
        line!(out, "  {:widest$}  {total}: {}", scope.to_string(), kinds.join(", "));
    }
    out
}

/// What was not touched: by design, because it is not ours, or because its region did not answer.
fn left(end: &Ending<'_>) -> String {
    let mut lines: Vec<String> = end.left.to_vec();
    let foreign = end.plan.steps.iter().filter(|step| step.action == Action::Leave);
    lines.extend(foreign.map(|step| format!("{}: {}", step.addr, step.why)));
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    for step in end.plan.steps.iter().filter(|step| step.action == Action::Hold) {
        *held.entry(step.addr.scope.to_string()).or_default() += 1;
    }
    lines.extend(held.iter().map(|(scope, number)| format!("{scope}: {} held, untouched", words::count(*number, "resource"))));
    let mut out = String::new();
    if !lines.is_empty() {
        line!(out, "{}", paint(style::HEADING, "Left as it is"));
        lines.iter().for_each(|text| {
            line!(out, "  {text}");
        });
    }
    out
}

/// What mrctl cannot do, and nothing works before.
fn to_do(end: &Ending<'_>) -> String {
    let mut out = String::new();
    if !end.outcome.to_do.is_empty() {
        line!(out, "{}", paint(style::HEADING, "Left to do"));
        end.outcome.to_do.iter().for_each(|text| {
            line!(out, "  {text}");
        });
    }
    out
}

fn failures(end: &Ending<'_>) -> String {
    let mut out = String::new();
    if end.outcome.failures.is_empty() {
        return out;
    }
    line!(out, "{}", paint(style::ERROR, "Failed"));
    for (addr, fault) in &end.outcome.failures {
        failure(end, addr, fault, &mut out);
    }
    out
}

fn failure(end: &Ending<'_>, addr: &Addr, fault: &Fault, out: &mut String) {
    line!(out, "  {addr}");
    let code = fault.code.as_ref().map(|code| format!(" with {code}")).unwrap_or_default();
    line!(out, "    {} failed{code}", fault.op);
    if let Some(message) = &fault.message {
        line!(out, "    {message}");
    }
    if let Some(id) = &fault.request_id {
        line!(out, "    request id: {id}");
    }
    let there = end.outcome.exists.iter().find(|(known, _)| known == addr);
    match there {
        Some((_, id)) => line_of(out, &format!("there now: {id}")),
        None => line_of(out, "there now: nothing that this run knows of"),
    }
    if let Some(advice) = fault.advice() {
        line!(out, "    help: {advice}");
    }
}

fn line_of(out: &mut String, text: &str) {
    line!(out, "    {text}");
}

fn calls(end: &Ending<'_>) -> String {
    let mut out = String::new();
    let total: u64 = end.calls.by_service.values().sum();
    if total > 0 {
        let services: Vec<String> = end.calls.by_service.iter().map(|(service, number)| format!("{service} {number}")).collect();
        line!(out, "AWS calls: {total} ({})", services.join(", "));
    }
    if end.verbose {
        let region_width = end.calls.by_operation.keys().map(|(region, _)| region.len()).max().unwrap_or(0);
        let operation_width = end.calls.by_operation.keys().map(|(_, operation)| operation.len()).max().unwrap_or(0);
        for ((region, operation), number) in &end.calls.by_operation {
            line!(out, "  {region:region_width$}  {operation:operation_width$}  {number:>5}");
        }
    }
    out
}

fn is_blocked(fault: &Fault) -> bool {
    matches!(fault.class, Class::Blocked(_))
}

/// The last lines: how it ended, and what to do next when it did not end well.
fn headline(end: &Ending<'_>) -> String {
    let tally = end.outcome.tally;
    let took = words::took(end.outcome.elapsed);
    let what = if end.plan.destroy { "Removal" } else { "Apply" };
    let mut counts = vec![format!("{} done", tally.done)];
    let more = [(tally.failed, "failed"), (tally.skipped, "not tried because of that"), (tally.left, "not started")];
    counts.extend(more.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")));
    let counts = counts.join(", ");
    let held = end.plan.steps.iter().filter(|step| step.action == Action::Hold).count();
    let (style, text, next) = match (end.outcome.stopped, tally.failed) {
        (Some(Stop::Gated), _) => (
            style::ERROR,
            format!("{what} stopped at a gate after {took}: {counts}."),
            Some("later regions are as they were; find out why the region is not healthy, then run the same command again"),
        ),
        (Some(why), _) => (
            style::WARNING,
            format!("{what} stopped after {took} ({}): {counts}.", words::stop(why)),
            Some("run the same command again; it goes on from what exists"),
        ),
        (None, 0) if held > 0 => (
            style::HOLD,
            format!("{what} complete in {took} where AWS answered: {counts}, {held} held."),
            Some("see above what each is held for; run the same command again when that has changed"),
        ),
        (None, 0) => (style::CREATE, format!("{what} complete in {took}: {counts}."), None),
        (None, failed) if end.outcome.failures.len() == failed && end.outcome.failures.iter().all(|(_, fault)| is_blocked(fault)) => (
            style::ERROR,
            format!("{what} is not finished after {took}: {counts}."),
            Some("AWS keeps what is blocked until the time said above; run the same command again then"),
        ),
        (None, _) => (
            style::ERROR,
            format!("{what} failed after {took}: {counts}."),
            Some("mend what failed as said above, then run the same command again; it goes on from what exists"),
        ),
    };
    let mut out = String::new();
    line!(out, "{}", paint(style, text));
    if let Some(next) = next {
        line!(out, "next: {next}.");
    }
    out
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
