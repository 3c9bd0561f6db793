//! The plan as people read it before they say yes.
//!
//! From the ordinary to the dangerous: what is made and changed, then in a block of its own what is deleted or replaced,
//! then what keeps things from being done, then one line that counts. The last lines are what is left on the screen.
use std::fmt::Write as _;

use super::{
    field::{self, Folded},
    fold::{self, Row, Section},
};
use crate::{
    plan::{Action, Plan, Reach, RegionState, Step},
    resource::{Addr, Region, Scope},
    view::{
        style::{self, paint},
        words,
    },
};

/// How a plan is shown.
#[derive(Clone, Copy, Debug)]
pub struct PlanView {
    /// Lists what is kept, and nothing is folded over regions.
    pub full: bool,
    /// Columns of the terminal.
    pub width: usize,
}

impl Default for PlanView {
    fn default() -> Self {
        Self { full: false, width: 120 }
    }
}

/// The whole plan as text, with styles.
#[must_use]
pub fn plan(plan: &Plan, options: PlanView) -> String {
    let view = View { plan, options, order: fold::region_order(plan) };
    let blocks = [
        view.header(),
        view.ordinary(),
        view.dangerous(),
        view.traffic(),
        view.posture(),
        view.held(),
        view.findings(),
        view.refusals(),
        view.summary(),
    ];
    let blocks: Vec<String> = blocks.into_iter().filter(|block| !block.is_empty()).collect();
    blocks.join("\n")
}

struct View<'a> {
    plan: &'a Plan,
    options: PlanView,
    order: Vec<Region>,
}

/// Writes a line; writing to a string does not fail.
macro_rules! line {
    ($out:expr, $($arg:tt)*) => { let _ = writeln!($out, $($arg)*); };
}

impl<'a> View<'a> {
    fn header(&self) -> String {
        let mut out = String::new();
        let what = if self.plan.destroy { "Removal of stack" } else { "Stack" };
        let account = self.plan.account.as_ref().map(|account| format!(" in account {account}")).unwrap_or_default();
        line!(out, "{}", paint(style::HEADING, format!("{what} {}{account}", self.plan.stack)));
        let widest = self.order.iter().map(|region| region.as_str().len()).max().unwrap_or(0);
        for region in &self.order {
            let Some(state) = self.plan.regions.get(region) else { continue };
            line!(out, "  {:widest$}  {}", region.as_str(), reach(state));
        }
        out
    }

    /// What is made, changed, adopted, waited for, left and (with `full`) kept.
    fn ordinary(&self) -> String {
        let shown = |step: &&Step| match step.action {
            Action::Delete | Action::Replace => false,
            Action::Keep => self.options.full || step.waiting.is_some(),
            Action::Hold => self.options.full || !self.is_unreachable(&step.addr),
            _ => true,
        };
        let steps: Vec<&Step> = self.plan.steps.iter().filter(shown).collect();
        let sections = fold::sections(&steps, &self.order, self.options.full);
        let blocks: Vec<String> = sections
            .iter()
            .map(|section| {
                let mut out = String::new();
                line!(out, "{}", paint(style::HEADING, self.heading(section)));
                section.rows.iter().for_each(|row| self.row(row, 2, &mut out));
                out
            })
            .collect();
        blocks.join("\n")
    }

    fn dangerous(&self) -> String {
        let is_dangerous = |step: &&Step| matches!(step.action, Action::Delete | Action::Replace);
        let steps: Vec<&Step> = self.plan.steps.iter().filter(is_dangerous).collect();
        if steps.is_empty() {
            return String::new();
        }
        let title = match (steps.iter().any(|step| step.action == Action::Delete), steps.iter().any(|step| step.action == Action::Replace))
        {
            (true, true) => "Will be deleted or replaced",
            (true, false) => "Will be deleted",
            _ => "Will be replaced",
        };
        let mut out = String::new();
        line!(out, "{}", paint(style::ERROR, title));
        for section in fold::sections(&steps, &self.order, self.options.full) {
            line!(out, "  {}", paint(style::HEADING, self.heading(&section)));
            section.rows.iter().for_each(|row| self.row(row, 4, &mut out));
        }
        out
    }

    fn heading(&self, section: &Section<'_>) -> String {
        let scopes: Vec<String> = section.scopes.iter().map(Scope::to_string).collect();
        let in_file = self.plan.regions.values().filter(|state| state.in_file).count();
        let all_in_file = section
            .scopes
            .iter()
            .all(|scope| scope.region().and_then(|region| self.plan.regions.get(region)).is_some_and(|state| state.in_file));
        match section.scopes.as_slice() {
            [Scope::Global] => "Global".to_owned(),
            scopes_of if scopes_of.len() > 1 && scopes_of.len() == in_file && all_in_file => {
                format!("In every region ({})", scopes.join(", "))
            }
            _ => format!("In {}", scopes.join(", ")),
        }
    }

    fn row(&self, row: &Row<'a>, indent: usize, out: &mut String) {
        let Some(first) = row.steps.first() else { return };
        let style = style::of_action(first.action, first.waiting.is_some());
        let sign = style::sign(first.action, first.waiting.is_some());
        let mut notes = Vec::new();
        if let Some(waiting) = &first.waiting {
            let then = if first.action == Action::Keep { "waits" } else { "first waits" };
            notes.push(format!("{then}: AWS says {waiting}"));
        }
        // The reason of a create, an update or a removal of everything stands in the plan itself.
        let says_why = match first.action {
            Action::Create | Action::Update | Action::Keep => false,
            Action::Delete => !self.plan.destroy,
            _ => true,
        };
        if says_why {
            let whys: Vec<(String, String)> = row.steps.iter().map(|step| (step.addr.scope.to_string(), step.why.clone())).collect();
            notes.extend(match field::fold("", &whys) {
                Folded::Same(why) if why.is_empty() => None,
                Folded::Same(why) => Some(why),
                Folded::Differs { values, .. } => Some(by_scope(&values)),
            });
        }
        let note = if notes.is_empty() { String::new() } else { format!("  {}", paint(style::FAINT, notes.join("; "))) };
        line!(out, "{:indent$}{} {}/{}{note}", "", paint(style, sign), first.addr.kind, first.addr.name);
        self.fields(row, indent + 4, out);
    }

    fn fields(&self, row: &Row<'a>, indent: usize, out: &mut String) {
        let Some(first) = row.steps.first() else { return };
        let all: Vec<_> = row.steps.iter().map(|step| (step.addr.scope.to_string(), field::fields(step, self.options.full))).collect();
        let mut same = Vec::new();
        let mut differs = Vec::new();
        for path in all.first().into_iter().flat_map(|(_, fields)| fields).map(|field| &field.path) {
            let text = |(scope, fields): &(String, Vec<field::Field>)| {
                fields.iter().find(|field| field.path == *path).map(|field| (scope.clone(), field.text.clone()))
            };
            let texts: Vec<(String, String)> = all.iter().filter_map(text).collect();
            match field::fold(path, &texts) {
                Folded::Same(text) => same.push(text),
                Folded::Differs { path, values } => differs.push(format!("{path}: {}", by_scope(&values))),
            }
        }
        let lines = if first.action == Action::Create { field::wrapped(&same, indent, self.options.width) } else { same };
        for text in lines.iter().chain(&differs) {
            let text = if first.action == Action::Delete { paint(style::WARNING, text) } else { text.clone() };
            line!(out, "{:indent$}{text}", "");
        }
    }

    fn traffic(&self) -> String {
        let mut out = String::new();
        if self.plan.drains.is_empty() && self.plan.gates.is_empty() {
            return out;
        }
        line!(out, "{}", paint(style::HEADING, if self.plan.drains.is_empty() { "One region after another" } else { "Traffic first" }));
        for region in &self.plan.drains {
            line!(out, "  drain/{region}  clients let go of {region} before what serves there is removed");
        }
        for gate in &self.plan.gates {
            let checks = if gate.checks.is_empty() { "healthy".to_owned() } else { gate.checks.join(", ") };
            let bake = words::setting(gate.bake);
            line!(out, "  gate/{}  opens when: {checks}; bakes {bake}; the next region waits for it", gate.region);
        }
        out
    }

    fn posture(&self) -> String {
        let mut out = String::new();
        if self.plan.posture.is_empty() {
            return out;
        }
        line!(out, "{}", paint(style::HEADING, "Posture: set by others, shown, never undone by a plan"));
        for item in &self.plan.posture {
            let (wanted, found) = (words::value(&item.wanted), words::value(&item.found));
            line!(out, "  {}: {} (the file says {wanted}, AWS shows {found})", item.address, item.message);
            line!(out, "    {}", paint(style::FAINT, format!("id {}", item.id)));
        }
        out
    }

    fn held(&self) -> String {
        let mut out = String::new();
        for (region, state) in self.plan.unreachable() {
            let held = self.plan.steps.iter().filter(|step| step.action == Action::Hold && step.addr.region() == Some(region)).count();
            let resources = match held {
                0 => "Whatever is there is".to_owned(),
                1 => "Its 1 resource is".to_owned(),
                many => format!("Its {many} resources are"),
            };
            let detail = state.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
            line!(out, "{}", paint(style::HOLD, format!("? {region} did not answer{detail}")));
            line!(out, "  {resources} held: nothing is changed there, and nothing is inferred as deleted.");
        }
        if !out.is_empty() {
            line!(out, "  {}", self.others());
        }
        out
    }

    /// What a region that does not answer leaves of the plan.
    fn others(&self) -> String {
        let answered = self.plan.regions.values().any(|state| state.state == Reach::Reachable);
        let rest = if answered { "The other regions are" } else { "What has no region is" };
        if self.plan.has_errors() || !self.plan.refusals.is_empty() {
            // What is wrong is said below, with what comes of it.
            format!("{rest} planned.")
        } else if self.plan.has_changes() {
            format!("{rest} planned and can be applied; that run then ends with exit code 5.")
        } else if answered {
            format!("{rest} planned, and there is nothing to apply in them now.")
        } else {
            "No region answered: nothing can be planned or applied now.".to_owned()
        }
    }

    fn findings(&self) -> String {
        let mut out = String::new();
        let mut findings: Vec<_> = self.plan.findings.iter().collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        for finding in findings {
            let place = match (&finding.address, finding.line) {
                (Some(addr), _) if finding.message.starts_with(&addr.to_string()) => String::new(),
                (Some(addr), _) => format!("{addr}: "),
                (None, Some(line)) => format!("line {line}: "),
                (None, None) => String::new(),
            };
            let word = paint(style::of_severity(finding.severity), words::severity(finding.severity));
            line!(out, "{word}[{}]: {place}{}", finding.code, finding.message);
            if let Some(help) = &finding.help {
                line!(out, "  help: {help}");
            }
        }
        out
    }

    fn refusals(&self) -> String {
        let mut out = String::new();
        if self.plan.refusals.is_empty() {
            return out;
        }
        line!(out, "{}", paint(style::ERROR, "Refused: data would be lost"));
        for refusal in &self.plan.refusals {
            line!(out, "  {} {}", refusal.addr, refusal.message);
        }
        line!(out, "Nothing at all is written while this stands. Where the data may go, say so by name:");
        for refusal in &self.plan.refusals {
            line!(out, "  --allow-data-loss {}", refusal.addr);
        }
        out
    }

    fn summary(&self) -> String {
        let mut out = String::new();
        line!(out, "{}", paint(style::HEADING, self.counts()));
        if !self.plan.refusals.is_empty() {
            line!(
                out,
                "{}",
                paint(style::ERROR, "Refused as it stands: apply with the same flags writes nothing and ends with exit code 8.")
            );
        }
        if self.plan.has_errors() {
            line!(out, "{}", paint(style::ERROR, "There are errors above: nothing is written until they are mended."));
        }
        out
    }

    fn counts(&self) -> String {
        let sum = self.plan.summary();
        let waits = self.plan.steps.iter().filter(|step| step.action == Action::Keep && step.waiting.is_some()).count();
        let unchanged = sum.keep - waits;
        let rest = |out: &mut String| {
            if sum.hold > 0 {
                let _ = write!(out, "; {} held", sum.hold);
            }
            if sum.leave > 0 {
                let _ = write!(out, "; {} left alone", sum.leave);
            }
            out.push('.');
        };
        if !self.plan.has_changes() {
            if sum.hold + sum.leave > 0 {
                let mut out = format!("No changes can be made now: {} unchanged", unchanged);
                rest(&mut out);
                return out;
            }
            let regions = words::count(self.plan.regions.values().filter(|state| state.in_file).count(), "region");
            if self.plan.destroy {
                return format!("Nothing to remove: {regions} hold nothing of stack {}.", self.plan.stack);
            }
            let verb = if unchanged == 1 { "matches" } else { "match" };
            return format!("No changes. {regions}, {} {verb} the topology.", words::count(unchanged, "resource"));
        }
        let mut out =
            format!("Plan: {} to create, {} to change, {} to replace, {} to delete", sum.create, sum.update, sum.replace, sum.delete);
        if sum.adopt > 0 {
            let _ = write!(out, ", {} to adopt", sum.adopt);
        }
        if waits > 0 {
            let _ = write!(out, ", {waits} to wait for");
        }
        let _ = write!(out, "; {unchanged} unchanged");
        rest(&mut out);
        out
    }

    fn is_unreachable(&self, addr: &Addr) -> bool {
        let state = addr.region().and_then(|region| self.plan.regions.get(region));
        state.is_some_and(|state| state.state == Reach::Unreachable)
    }
}

fn reach(state: &RegionState) -> String {
    let detail = state.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
    let word = match state.state {
        Reach::Reachable => format!("answered{detail}"),
        Reach::Auxiliary => format!("answered, for alarms on health checks only{detail}"),
        Reach::NotAsked => "not asked: AWS is taken as empty".to_owned(),
        Reach::Unreachable => paint(style::HOLD, format!("did not answer{detail}")),
        Reach::NotSearched => paint(style::FAINT, format!("not searched{detail}")),
    };
    if state.in_file { word } else { format!("{word} (not in the file)") }
}

fn by_scope(values: &[(String, Vec<String>)]) -> String {
    let parts: Vec<String> = values.iter().map(|(value, scopes)| format!("{value} in {}", scopes.join(", "))).collect();
    parts.join("; ")
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
