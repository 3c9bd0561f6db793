//! `--only` and `--except`: a part of a plan that still makes sense.
use std::collections::BTreeSet;

use super::{Finding, Graph, Severity, Step};

/// Patterns over addresses; `*` stands for any text, slashes included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    pub only: Vec<String>,
    pub except: Vec<String>,
}

impl Selection {
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.only.is_empty() && self.except.is_empty()
    }
}

/// The indices of the steps that stay.
///
/// `--only` keeps what matches and what has to come before it; `--except` drops what matches and what has to come after it.
#[must_use]
pub fn select(steps: &[Step], graph: &Graph, selection: &Selection) -> BTreeSet<usize> {
    let matching = |patterns: &[String]| -> BTreeSet<usize> {
        let hit = |step: &Step| patterns.iter().any(|pattern| matches(pattern, &step.addr.to_string()));
        steps.iter().enumerate().filter(|(_, step)| hit(step)).map(|(index, _)| index).collect()
    };
    let all: BTreeSet<usize> = (0..steps.len()).collect();
    let kept = if selection.only.is_empty() { all } else { closure(graph, matching(&selection.only), |edge| (edge.1, edge.0)) };
    let dropped = closure(graph, matching(&selection.except), |edge| (edge.0, edge.1));
    kept.difference(&dropped).copied().collect()
}

/// The patterns that match no step: a warning each, because a misspelt one would leave a plan that looks finished.
#[must_use]
pub fn unmatched(steps: &[Step], selection: &Selection) -> Vec<Finding> {
    let only = selection.only.iter().map(|pattern| ("--only", pattern));
    let all = only.chain(selection.except.iter().map(|pattern| ("--except", pattern)));
    let idle = all.filter(|(_, pattern)| !steps.iter().any(|step| matches(pattern, &step.addr.to_string())));
    let finding = |(option, pattern): (&str, &String)| Finding {
        code: "plan::pattern-unused",
        severity: Severity::Warning,
        address: None,
        line: None,
        message: format!("`{option} {pattern}` matches nothing that is wanted or found"),
        help: Some("addresses look like `eu-west-1/ec2.subnet/private-1`; `*` stands for any text".to_owned()),
    };
    idle.map(finding).collect()
}

/// How many addresses of what is left out are named.
const NAMED: usize = 3;

/// What the selection leaves out although it would change, if anything: what is left of the plan must not look as if that were all.
#[must_use]
pub fn left_out(steps: &[Step], kept: &BTreeSet<usize>) -> Option<Finding> {
    let changes = steps.iter().enumerate().filter(|(index, step)| !kept.contains(index) && step.is_change());
    let all: Vec<String> = changes.map(|(_, step)| step.addr.to_string()).collect();
    let more = all.len().checked_sub(NAMED).filter(|more| *more > 0).map(|more| format!(" and {more} more")).unwrap_or_default();
    let (changes, are) = if all.len() == 1 { ("change", "is") } else { ("changes", "are") };
    let named = all.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let message = format!("{} {changes} {are} left out by `--only` or `--except`: {named}{more}", all.len());
    let help = Some("run the same command without them to see everything".to_owned());
    let finding = Finding { code: "plan::left-out", severity: Severity::Note, address: None, line: None, message, help };
    (!all.is_empty()).then_some(finding)
}

/// The steps reached from some over the edges, followed from the first to the second of what `along` gives.
fn closure(graph: &Graph, from: BTreeSet<usize>, along: impl Fn((usize, usize)) -> (usize, usize)) -> BTreeSet<usize> {
    let in_set = |set: &BTreeSet<usize>, op: usize| graph.ops[op].step().is_some_and(|step| set.contains(&step));
    let mut ops: BTreeSet<usize> = (0..graph.ops.len()).filter(|op| in_set(&from, *op)).collect();
    loop {
        let ends = graph.edges.iter().map(|(before, after, _)| along((*before, *after)));
        let more: Vec<usize> = ends.filter(|(a, b)| ops.contains(a) && !ops.contains(b)).map(|(_, b)| b).collect();
        if more.is_empty() {
            break;
        }
        ops.extend(more);
    }
    let reached = ops.into_iter().filter_map(|op| graph.ops[op].step());
    from.iter().copied().chain(reached).collect()
}

/// Whether a text matches a pattern in which `*` stands for any text.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.len() >= last.len() && left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text) in [
            ("*", "eu-west-1/ec2.vpc/main"),
            ("eu-west-1/*", "eu-west-1/ec2.vpc/main"),
            ("*/dynamodb.table/*", "eu-west-1/dynamodb.table/Orders"),
            ("*/ec2.*/private-*", "eu-west-1/ec2.subnet/private-1"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("eu-west-1/*", "us-east-1/ec2.vpc/main"), ("a*a", "a"), ("*x", "y"), ("ab", "abc")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
