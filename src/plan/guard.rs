//! The data guard: no data is lost unless it is named on the command line. What is named there for nothing is said.
use std::collections::BTreeSet;

use super::{Action, Finding, Severity, Step};
use crate::resource::{Addr, Change, Doc, Kinds, Posture, Traits, doc::at};

/// One `--allow-data-loss` value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// `all`.
    All,
    /// `REGION/*`.
    Region(String),
    Address(String),
}

impl Allowance {
    /// Reads `all`, `REGION/*` or an address.
    ///
    /// # Errors
    /// Anything else, with what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        if let Some(region) = text.strip_suffix("/*").filter(|region| !region.is_empty() && !region.contains(['/', '*'])) {
            return Ok(Self::Region(region.to_owned()));
        }
        match text.parse::<Addr>() {
            Ok(addr) if !text.contains('*') => Ok(Self::Address(addr.to_string())),
            _ => Err(format!("`{text}` is neither `all`, nor `REGION/*`, nor an address such as `eu-west-1/dynamodb.table/Orders`")),
        }
    }

    fn covers(&self, addr: &Addr) -> bool {
        match self {
            Self::All => true,
            Self::Region(region) => addr.scope.to_string() == *region,
            Self::Address(text) => addr.to_string() == *text,
        }
    }
}

/// A step that would lose data and was not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub addr: Addr,
    /// What would be lost.
    pub message: String,
}

/// Which steps would lose data without being allowed, and which allowances match nothing (a warning, never a refusal: the
/// same command must work again after a kill).
#[must_use]
pub fn guard(kinds: &Kinds, steps: &[Step], allowed: &[(String, Allowance)]) -> (Vec<Refusal>, Vec<Finding>) {
    let dangers: Vec<Refusal> = steps.iter().filter_map(|step| danger(kinds, step)).collect();
    let findings = allowed
        .iter()
        .filter(|(_, allowance)| !dangers.iter().any(|danger| allowance.covers(&danger.addr)))
        .map(|(text, _)| unused("plan::allowance-unused", format!("`--allow-data-loss {text}` matches nothing in this plan")))
        .collect();
    let refused = dangers.into_iter().filter(|danger| !allowed.iter().any(|(_, allowance)| allowance.covers(&danger.addr)));
    (refused.collect(), findings)
}

/// What the plan removes or makes anew.
#[must_use]
pub fn removing(steps: &[Step]) -> BTreeSet<Addr> {
    let going = steps.iter().filter(|step| matches!(step.action, Action::Delete | Action::Replace));
    going.map(|step| step.addr.clone()).collect()
}

/// What cannot go because something else stays: AWS would refuse it in the middle of the run.
#[must_use]
pub fn stuck(kinds: &Kinds, steps: &[Step]) -> Vec<Finding> {
    let removing = removing(steps);
    let going = steps.iter().filter(|step| removing.contains(&step.addr));
    let why = |step: &Step| kinds.get(&step.addr.kind).ok()?.cannot_go(step.found.as_ref()?, &removing);
    let finding = |step: &Step| {
        let message = format!("{} {}", step.addr, why(step)?);
        let address = Some(step.addr.clone());
        Some(Finding { code: "plan::cannot-go", severity: Severity::Error, address, line: None, message, help: None })
    };
    going.filter_map(finding).collect()
}

/// Who notices what is changed in place, so that nobody takes it for harmless.
#[must_use]
pub fn interruptions(kinds: &Kinds, steps: &[Step]) -> Vec<Finding> {
    let why = |step: &Step| kinds.get(&step.addr.kind).ok()?.interrupts(step.found.as_ref()?, &step.changes);
    let told = steps.iter().filter(|step| step.action == Action::Update).filter_map(|step| Some((step, why(step)?)));
    let finding = |(step, why): (&Step, String)| Finding {
        code: "plan::interrupts",
        severity: Severity::Warning,
        address: Some(step.addr.clone()),
        line: None,
        message: why,
        help: None,
    };
    told.map(finding).collect()
}

/// Which addresses are to be adopted where nothing is left to adopt: a warning for the same reason. What stands in a region
/// that does not answer is not known.
#[must_use]
pub fn unused_adoptions(steps: &[Step], adopt: &BTreeSet<Addr>) -> Vec<Finding> {
    let is_open = |step: &Step| matches!(step.action, Action::Adopt | Action::Leave | Action::Hold);
    let idle = adopt.iter().filter(|addr| !steps.iter().any(|step| step.addr == **addr && is_open(step)));
    idle.map(|addr| unused("plan::adoption-unused", format!("`--adopt {addr}` matches nothing in this plan that could be adopted")))
        .collect()
}

/// `--restore-posture` values that name no posture of this plan, or one that a plan cannot restore because it changes nothing there:
/// a warning, never a refusal.
#[must_use]
pub fn unused_restorations(steps: &[Step], posture: &[Posture], restore: &BTreeSet<String>) -> Vec<Finding> {
    let idle = restore.iter().filter_map(|id| {
        let item = posture.iter().find(|item| item.id == *id);
        let why = match item {
            None => "matches no posture of this plan".to_owned(),
            Some(item) if !steps.iter().any(|step| step.addr == item.address && step.is_change()) => {
                format!("changes nothing: {}", item.message)
            }
            Some(_) => return None,
        };
        Some(unused("plan::restoration-unused", format!("`--restore-posture {id}` {why}")))
    });
    idle.collect()
}

fn unused(code: &'static str, message: String) -> Finding {
    Finding { code, severity: Severity::Warning, address: None, line: None, message, help: None }
}

fn danger(kinds: &Kinds, step: &Step) -> Option<Refusal> {
    let kind = kinds.get(&step.addr.kind).ok()?;
    let traits = kind.traits();
    if !traits.data {
        let found = step.found.as_ref().filter(|_| step.action == Action::Delete)?;
        return kind.loses(found).map(|message| Refusal { addr: step.addr.clone(), message });
    }
    let message = match step.action {
        Action::Delete => "would be deleted with its data".to_owned(),
        Action::Replace => {
            let is_fixed = |change: &&Change| traits.fixed.iter().any(|path| change.is_under(path));
            let fixed: Vec<&str> = step.changes.iter().filter(is_fixed).map(|change| change.path.as_str()).collect();
            let more = step.found.as_ref().and_then(|found| kind.loses(found)).map_or_else(String::new, |more| format!("; it {more}"));
            format!("would be deleted and made anew: AWS cannot change {} in place{more}", fixed.join(", "))
        }
        Action::Update | Action::Adopt | Action::Keep => {
            let found = step.found.as_ref().map(|found| &found.spec)?;
            let lost: BTreeSet<String> = step.changes.iter().filter_map(|change| loses(&traits, found, change)).collect();
            if lost.is_empty() {
                return None;
            }
            format!("would lose {}", lost.into_iter().collect::<Vec<_>>().join(" and "))
        }
        Action::Create | Action::Leave | Action::Hold => return None,
    };
    // Names that were exchanged in the file: what was known by another address is called by its own name, too.
    let moved = step.found.as_ref().filter(|found| found.spec.pointer("/tags/marked") == Some(&Doc::Bool(false)));
    let named = moved.map_or_else(String::new, |found| format!("; it is `{}`, which does not carry the mark of this address", found.id));
    Some(Refusal { addr: step.addr.clone(), message: message + &named })
}

/// What a change in place loses: a guarded setting that is turned off or lowered, or an entry of a guarded map that is removed, or made
/// anew because it cannot change. An entry that joins the map loses nothing.
#[must_use]
pub fn loses(traits: &Traits, found: &Doc, change: &Change) -> Option<String> {
    traits.guarded.iter().find_map(|path| match at(found, path) {
        Some(Doc::Object(entries)) => {
            let mut entries = entries.iter().map(|(entry, there)| (format!("{path}.{entry}"), there));
            entries.find(|(entry, there)| is_of(change, entry, there)).map(|(entry, _)| entry)
        }
        _ => {
            let shrinks = || change.from.as_f64().zip(change.to.as_f64()).is_some_and(|(from, to)| to < from);
            match change.path == *path {
                true if change.from == true && change.to == false => Some((*path).to_owned()),
                true if shrinks() => Some(format!("what lies beyond {path} {} (now {})", change.to, change.from)),
                _ => None,
            }
        }
    })
}

/// Whether a change is of the entry at `path`, which is `there`. A name may have dots: `by.name.more` is no field of `by.name`.
fn is_of(change: &Change, path: &str, there: &Doc) -> bool {
    let field = |rest: &str| rest.split('.').next().is_some_and(|field| there.get(field).is_some());
    change.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.strip_prefix('.').is_some_and(field))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::{AnyKind, Erased};

    #[test]
    fn an_allowance_is_all_a_region_or_an_address() {
        assert_eq!(Allowance::parse("all"), Ok(Allowance::All));
        assert_eq!(Allowance::parse("eu-west-1/*"), Ok(Allowance::Region("eu-west-1".into())));
        assert!(matches!(Allowance::parse("eu-west-1/dynamodb.table/Orders"), Ok(Allowance::Address(_))));
        for wrong in ["", "*", "/*", "eu-west-1", "eu-*/*", "eu-west-1/dynamodb.table/*"] {
            assert!(Allowance::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_entry_of_a_guarded_map_is_lost_when_it_goes_or_changes() {
        let mut traits = Erased(crate::kinds::dynamodb::table::Table).traits();
        traits.guarded = &["protected", "indexes"];
        let found = json!({ "protected": true, "indexes": { "by.name": { "projection": "all" } } });
        let lost = |path: &str, from: Doc, to: Doc| loses(&traits, &found, &Change { path: path.to_owned(), from, to });
        assert_eq!(lost("protected", json!(true), json!(false)).as_deref(), Some("protected"));
        assert_eq!(lost("protected", json!(false), json!(true)), None);
        assert_eq!(lost("indexes.by.name", json!({}), Doc::Null).as_deref(), Some("indexes.by.name"));
        assert_eq!(lost("indexes.by.name.projection", json!("all"), json!("keys_only")).as_deref(), Some("indexes.by.name"));
        assert_eq!(lost("indexes.by", Doc::Null, json!({})), None);
        assert_eq!(lost("indexes.by.name.more", Doc::Null, json!({ "projection": "all" })), None);
        assert_eq!(lost("stream", json!(true), json!(false)), None);
    }
}
