//! A report as text: each problem with its code, the lines of the file, what is underlined, and help.
use std::fmt;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity as Shown, SourceCode};

use super::words::count;
use crate::topology::{Model, Problem, Report, Severity};

/// More problems than this are counted, not shown.
const MOST_SHOWN: usize = 200;
/// Where a line is longer than this, the excerpt would bury the message.
const LONGEST_LINE: usize = 240;

/// The report for a terminal (`colour`) or for a log. Ends in a line that counts the problems.
#[must_use]
pub fn text(report: &Report, colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(120).with_links(false).with_context_lines(1);
    let source = NamedSource::new(&report.name, report.text.to_string());
    let mut out = String::new();
    for problem in report.problems.iter().take(MOST_SHOWN) {
        let excerpt = has_excerpt(report, problem).then_some(&source);
        if excerpt.is_none()
            && let Some((_, label)) = problem.labels.first()
        {
            let (line, column) = report.position(problem);
            out.push_str(&format!("{}:{line}:{column}: {label}\n", report.name));
        }
        // Writing into a String does not fail.
        let _ = handler.render_report(&mut out, &Shell { problem, source: excerpt });
        out.push('\n');
    }
    if let Some(hidden) = report.problems.len().checked_sub(MOST_SHOWN).filter(|hidden| *hidden > 0) {
        out.push_str(&format!("and {hidden} more\n"));
    }
    out.push_str(&summary(report));
    out
}

/// "topology.yaml: 2 errors, 1 warning".
fn summary(report: &Report) -> String {
    let count = |severity, word: &str| match report.count(severity) {
        0 => None,
        1 => Some(format!("1 {word}")),
        n => Some(format!("{n} {word}s")),
    };
    let counts: Vec<String> = [count(Severity::Error, "error"), count(Severity::Warning, "warning")].into_iter().flatten().collect();
    let counts = if counts.is_empty() { "no problems".to_owned() } else { counts.join(", ") };
    format!("{}: {counts}\n", report.name)
}

fn has_excerpt(report: &Report, problem: &Problem) -> bool {
    let long = |offset: usize| {
        let before = report.text.get(..offset).unwrap_or_default();
        let after = report.text.get(offset..).unwrap_or_default();
        let start = before.rsplit('\n').next().unwrap_or_default();
        start.len() + after.split('\n').next().unwrap_or_default().len() > LONGEST_LINE
    };
    !report.text.is_empty() && !problem.labels.is_empty() && !problem.labels.iter().any(|(span, _)| long(span.start))
}

/// A problem as miette wants to see it.
#[derive(Debug)]
struct Shell<'a> {
    problem: &'a Problem,
    source: Option<&'a NamedSource<String>>,
}

impl fmt::Display for Shell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.message)
    }
}

impl std::error::Error for Shell<'_> {}

impl Diagnostic for Shell<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.problem.code))
    }

    fn severity(&self) -> Option<Shown> {
        Some(match self.problem.severity {
            Severity::Error => Shown::Error,
            Severity::Warning => Shown::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source?;
        let mut primary = true;
        Some(Box::new(self.problem.labels.iter().map(move |(span, label)| {
            let make = if std::mem::take(&mut primary) { LabeledSpan::new_primary_with_span } else { LabeledSpan::new_with_span };
            make(Some(label.clone()), (span.start, span.end - span.start))
        })))
    }
}

/// How much of what a topology has: `2 regions, 3 tables, 1 service`.
#[must_use]
pub fn contents(model: &Model) -> String {
    let records = model.dns.as_ref().map_or(0, |dns| dns.records.len());
    let counts = [
        (model.regions.len(), "region"),
        (model.tables.len(), "table"),
        (model.aurora.len(), "database"),
        (model.services.len(), "service"),
        (records, "record"),
        (model.alarms.len(), "alarm"),
    ];
    counts.into_iter().filter(|(number, _)| *number > 0).map(|(number, what)| count(number, what)).collect::<Vec<_>>().join(", ")
}
