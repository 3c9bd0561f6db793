//! Something stands under our unique name and is not ours. Pure.
use super::{
    Action, Finding, Severity, Step,
    decide::{finding, is_fixed, paths},
};
use crate::resource::{Change, Doc, Found, Traits, doc::tags_of};

/// The other stack whose mark a found thing carries; it is never taken over.
///
/// A wanted document that has no tags tells no stack of its own: whatever mark is there counts as another's.
#[must_use]
pub fn other_stack(found: &Found<Doc>, want: &Doc) -> Option<String> {
    let ours = tags_of(want).and_then(|tags| tags.stack);
    tags_of(&found.spec)?.stack.filter(|stack| !found.ours && Some(stack) != ours.as_ref())
}

/// Something stands under our unique name without our mark.
pub(super) fn foreign(traits: &Traits, adopt: bool, step: &mut Step, found: &Found<Doc>, changes: &[Change], findings: &mut Vec<Finding>) {
    let fixed: Vec<Change> = changes.iter().filter(|change| is_fixed(traits, change)).cloned().collect();
    step.action = Action::Leave;
    step.why = "it exists without this stack's mark".to_owned();
    if let Some(other) = step.want.as_ref().and_then(|want| other_stack(found, &want.spec)) {
        step.why = format!("it exists and belongs to stack `{other}`");
        let refused = if adopt { "it is not adopted" } else { "it is left alone" };
        findings.push(finding(
            "plan::of-another-stack",
            Severity::Error,
            &step.addr,
            format!("`{}` exists and carries the mark of stack `{other}`; {refused}", found.id),
            Some(format!("give it another name in the topology: only stack `{other}` changes it or removes it")),
        ));
    } else if !adopt {
        findings.push(finding(
            "plan::not-ours",
            Severity::Error,
            &step.addr,
            format!("`{}` exists and does not carry this stack's mark; it is left alone", found.id),
            Some(format!("give it another name in the topology, or take it over with `mrctl apply --adopt {}`", step.addr)),
        ));
    } else if !fixed.is_empty() {
        findings.push(finding(
            "plan::cannot-adopt",
            Severity::Error,
            &step.addr,
            format!("`{}` cannot be adopted: the next plan would have to replace it for {}", found.id, paths(&fixed)),
            Some("make the topology describe it as it is, then adopt it".to_owned()),
        ));
    } else {
        step.action = Action::Adopt;
        step.why = "it was named with --adopt; only tags are written".to_owned();
        step.changes = changes.iter().filter(|change| change.is_under("tags")).cloned().collect();
    }
}
