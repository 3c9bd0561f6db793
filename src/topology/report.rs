//! Problems and where they stand: everything that is wrong with a file, at once.
use std::{collections::HashSet, sync::Arc};

use serde_json::{Value, json};

use super::codes::{Code, Severity};

/// A part of the file, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub start: usize,
    /// Exclusive.
    pub end: usize,
}

/// A value and where it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    pub value: T,
    pub span: Span,
}

impl<T> At<T> {
    /// Another value at the same place.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        At { value: change(self.value), span: self.span }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    /// The first label is where the problem stands; further ones point at what it is in conflict with.
    pub labels: Vec<(Span, String)>,
    pub help: Option<String>,
}

impl Problem {
    /// A problem without a place; a problem with the file as a whole.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code: code.name, severity: code.severity, message: message.into(), labels: Vec::new(), help: None }
    }

    /// Points at a place in the file.
    #[must_use]
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.labels.push((span, label.into()));
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn start(&self) -> usize {
        self.labels.first().map_or(0, |(span, _)| span.start)
    }
}

/// A file and all that is wrong with it, in the order of the file.
#[derive(Clone, Debug)]
pub struct Report {
    pub name: String,
    /// The file's text; empty when it could not be read as text.
    pub text: Arc<str>,
    pub problems: Vec<Problem>,
}

impl Report {
    /// Sorts the problems by place; those of one place stay in the order in which they were found. The same problem found twice (behind an alias, or once a region) is kept once.
    #[must_use]
    pub fn new(name: &str, text: &str, mut problems: Vec<Problem>) -> Self {
        for problem in &mut problems {
            for (span, _) in &mut problem.labels {
                *span = inside(text, *span);
            }
        }
        problems.sort_by_key(Problem::start);
        let mut seen = HashSet::new();
        problems.retain(|problem| seen.insert((problem.start(), problem.code, problem.message.clone())));
        Self { name: name.to_owned(), text: text.into(), problems }
    }

    /// A report about a file that could not be read.
    #[must_use]
    pub fn without_text(name: &str, problem: Problem) -> Self {
        Self { name: name.to_owned(), text: "".into(), problems: vec![problem] }
    }

    /// Whether any problem forbids a plan.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many problems are this bad.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.severity == severity).count()
    }

    /// The line and the column of a problem, from 1; columns count characters.
    #[must_use]
    pub fn position(&self, problem: &Problem) -> (usize, usize) {
        position(&self.text, problem.start())
    }

    /// The report as data.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let problems = self.problems.iter().map(|problem| {
            let (line, column) = self.position(problem);
            json!({
                "code": problem.code,
                "severity": problem.severity.as_str(),
                "message": problem.message,
                "line": line,
                "column": column,
                "help": problem.help,
            })
        });
        json!({ "problems": problems.collect::<Vec<_>>() })
    }
}

/// The line and the column at an offset, from 1; columns count characters.
#[must_use]
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..inside(text, Span { start: offset, end: offset }).start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// The span moved into the text and onto character boundaries: what shows a report may then slice without a check.
fn inside(text: &str, span: Span) -> Span {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start);
    Span { start, end: floor(span.end).max(start) }
}
