//! A run while it runs: one live line for each running operation on a terminal, plain lines elsewhere.
use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use crate::{
    apply::{Event, Stamped},
    view::{
        style::{self, paint},
        words,
    },
};

/// Without a terminal, how often one operation may say that it is still running.
const EVERY: Duration = Duration::from_secs(10);
/// How often a live line is drawn again, so that its clock goes on between two events.
const TICK: Duration = Duration::from_millis(250);

/// Consumes the events of one run. Everything goes to standard error: standard output belongs to data.
pub struct Progress {
    drawing: Drawing,
    quiet: bool,
    ended: usize,
    total: Option<usize>,
}

enum Drawing {
    Live { all: MultiProgress, running: BTreeMap<String, ProgressBar>, count: Option<ProgressBar> },
    Lines { out: Box<dyn Write + Send>, said: BTreeMap<String, Timestamp> },
}

impl Progress {
    /// Draws on standard error.
    #[must_use]
    pub fn new(is_terminal: bool) -> Self {
        if is_terminal {
            Self::over(Drawing::Live {
                all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
                running: BTreeMap::new(),
                count: None,
            })
        } else {
            Self::to(Box::new(anstream::stderr()))
        }
    }

    /// Writes plain lines to `out`.
    #[must_use]
    pub fn to(out: Box<dyn Write + Send>) -> Self {
        Self::over(Drawing::Lines { out, said: BTreeMap::new() })
    }

    fn over(drawing: Drawing) -> Self {
        Self { drawing, quiet: false, ended: 0, total: None }
    }

    /// Says only what went wrong, what stops the run, and that a protection is lifted.
    #[must_use]
    pub fn quiet(mut self, quiet: bool) -> Self {
        self.quiet = quiet;
        self
    }

    /// How many operations the run has, for the counting line.
    #[must_use]
    pub fn with_total(mut self, operations: usize) -> Self {
        self.total = Some(operations);
        self
    }

    /// Shows one event.
    pub fn event(&mut self, stamped: &Stamped) {
        let event = &stamped.event;
        let key = key(event);
        let stage = stage(event);
        let is_shown = !self.quiet || is_serious(event);
        if matches!(stage, Stage::Ends) {
            self.ended += 1;
        }
        let ended = self.ended;
        match &mut self.drawing {
            Drawing::Lines { out, said } => {
                let is_due = match (&key, stage) {
                    (Some(key), Stage::Goes) => {
                        let is_due = said.get(key).is_none_or(|last| since(*last, stamped.at) >= EVERY);
                        if is_due {
                            said.insert(key.clone(), stamped.at);
                        }
                        is_due
                    }
                    (Some(key), Stage::Begins) => {
                        // The first progress line comes after the pause: that it began has just been said.
                        said.insert(key.clone(), stamped.at);
                        true
                    }
                    (Some(key), Stage::Ends) => {
                        said.remove(key);
                        true
                    }
                    _ => true,
                };
                if is_due && is_shown {
                    // A closed standard error must not stop a run that is changing things.
                    let _ = writeln!(out, "{}", permanent(event));
                }
            }
            Drawing::Live { all, running, count } => {
                if let Some(key) = &key {
                    match stage {
                        Stage::Begins | Stage::Goes | Stage::Turns if !self.quiet => {
                            let bar = running.entry(key.clone()).or_insert_with(|| live(all, count.as_ref()));
                            bar.set_message(now(key, event));
                        }
                        Stage::Ends => {
                            if let Some(bar) = running.remove(key) {
                                bar.finish_and_clear();
                            }
                        }
                        _ => {}
                    }
                }
                if is_shown && !matches!(stage, Stage::Begins | Stage::Goes) {
                    // As above: what cannot be drawn is not drawn.
                    let _ = all.println(for_terminal(&permanent(event)));
                }
                if let Some(total) = self.total.filter(|_| !self.quiet) {
                    let bar = count.get_or_insert_with(|| counter(all));
                    bar.set_message(format!("{ended} of {total} ended, {} running", running.len()));
                }
            }
        }
    }

    /// Clears the live lines, so that what is printed next stands alone.
    pub fn finish(&mut self) {
        match &mut self.drawing {
            Drawing::Live { running, count, .. } => {
                let bars = std::mem::take(running).into_values().chain(count.take());
                bars.for_each(|bar| bar.finish_and_clear());
            }
            Drawing::Lines { out, .. } => {
                // As above: a run does not fail because nobody reads it.
                let _ = out.flush();
            }
        }
    }
}

/// What an event means for the live line of its key.
#[derive(Clone, Copy)]
enum Stage {
    Begins,
    Goes,
    /// Said once, and the line goes on with it.
    Turns,
    /// Said once, while the line goes on as it is.
    Says,
    Ends,
}

fn stage(event: &Event) -> Stage {
    match event {
        Event::Started { .. } => Stage::Begins,
        Event::Progress { .. } | Event::GateWaiting { .. } | Event::Draining { .. } => Stage::Goes,
        Event::GateBaking { .. } => Stage::Turns,
        Event::Retried { .. } | Event::ProtectionLifted { .. } | Event::Stopping { .. } => Stage::Says,
        Event::Done { .. }
        | Event::Failed { .. }
        | Event::Skipped { .. }
        | Event::GateOpen { .. }
        | Event::GateFailed { .. }
        | Event::Drained { .. } => Stage::Ends,
    }
}

/// What keeps its line: an address, a gate or a drain.
fn key(event: &Event) -> Option<String> {
    match event {
        Event::Started { addr, .. }
        | Event::Progress { addr, .. }
        | Event::Retried { addr, .. }
        | Event::ProtectionLifted { addr, .. }
        | Event::Done { addr, .. }
        | Event::Failed { addr, .. }
        | Event::Skipped { addr, .. } => Some(addr.to_string()),
        Event::GateWaiting { region, .. }
        | Event::GateBaking { region, .. }
        | Event::GateOpen { region, .. }
        | Event::GateFailed { region, .. } => Some(format!("gate/{region}")),
        Event::Draining { region, .. } | Event::Drained { region } => Some(format!("drain/{region}")),
        Event::Stopping { .. } => None,
    }
}

/// What is said even when mrctl was told to be quiet.
fn is_serious(event: &Event) -> bool {
    matches!(
        event,
        Event::Failed { .. } | Event::Skipped { .. } | Event::GateFailed { .. } | Event::ProtectionLifted { .. } | Event::Stopping { .. }
    )
}

/// The text of a live line: whose it is and what AWS says. The clock is the line's own.
fn now(key: &str, event: &Event) -> String {
    let text = match event {
        Event::Started { doing, .. } => words::doing(*doing).to_owned(),
        Event::Progress { doing, now, .. } => format!("{}: {now}", words::doing(*doing)),
        Event::GateWaiting { now, .. } => format!("not healthy yet: {}", now.join(", ")),
        Event::Draining { left, .. } => format!("clients let go of it, {} left", words::took(*left)),
        Event::GateBaking { bake, .. } => format!("healthy, baking for {}", words::setting(*bake)),
        other => words::message(other),
    };
    format!("{key}  {text}")
}

/// The line that stays.
fn permanent(event: &Event) -> String {
    let (style, word) = match event {
        Event::Done { .. } | Event::GateOpen { .. } | Event::Drained { .. } => (style::CREATE, "done"),
        Event::Failed { .. } | Event::GateFailed { .. } => (style::ERROR, "failed"),
        Event::Skipped { .. } => (style::WARNING, "skipped"),
        Event::Stopping { .. } => (style::WARNING, "stopping"),
        Event::Retried { .. } => (style::HOLD, "again"),
        Event::ProtectionLifted { .. } => (style::WARNING, "lifted"),
        Event::Started { .. } => (style::FAINT, "start"),
        Event::Progress { .. } | Event::GateWaiting { .. } | Event::GateBaking { .. } | Event::Draining { .. } => (style::FAINT, "wait"),
    };
    let mut text = format!("{}{:blank$}{}", paint(style, word), "", words::message(event), blank = 9 - word.len());
    if let Event::Failed { fault, .. } = event
        && let Some(advice) = fault.advice()
    {
        text.push_str(&format!("\n{:9}help: {advice}", ""));
    }
    text
}

/// indicatif writes past `anstream`, so the choice of colour is asked for here.
fn for_terminal(text: &str) -> String {
    match anstream::AutoStream::choice(&io::stderr()) {
        anstream::ColorChoice::Never => anstream::adapter::strip_str(text).to_string(),
        _ => text.to_owned(),
    }
}

fn live(all: &MultiProgress, count: Option<&ProgressBar>) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_style(template("{spinner} {msg} {elapsed}"));
    let bar = match count {
        Some(count) => all.insert_before(count, bar),
        None => all.add(bar),
    };
    bar.enable_steady_tick(TICK);
    bar
}

fn counter(all: &MultiProgress) -> ProgressBar {
    let bar = all.add(ProgressBar::new_spinner().with_style(template("{msg}, {elapsed}")));
    bar.enable_steady_tick(TICK);
    bar
}

/// The templates are constants of this file; were one wrong, the default of indicatif would show the same message.
fn template(text: &str) -> ProgressStyle {
    ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn since(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;
