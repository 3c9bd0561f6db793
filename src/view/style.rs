//! Styles, named by what they mean. Colour never carries meaning alone: a sign or a word stands next to it.
use std::fmt::Display;

use anstyle::{AnsiColor, Style};

use crate::plan::{Action, Severity};

pub const CREATE: Style = AnsiColor::Green.on_default();
pub const UPDATE: Style = AnsiColor::Yellow.on_default();
pub const DELETE: Style = AnsiColor::Red.on_default();
pub const REPLACE: Style = AnsiColor::Magenta.on_default();
/// Nothing can be decided, or something is waited for.
pub const HOLD: Style = AnsiColor::Cyan.on_default();
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
pub const HEADING: Style = Style::new().bold();
pub const FAINT: Style = Style::new().dimmed();

/// The text in that style. Text without anything to see stays as it is.
pub(super) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// The sign of an action; `waiting` is for a step that consists of waiting for AWS.
pub(super) fn sign(action: Action, waiting: bool) -> &'static str {
    match action {
        Action::Keep if waiting => ">",
        Action::Keep => "=",
        Action::Create => "+",
        Action::Update => "~",
        Action::Replace => "±",
        Action::Delete => "-",
        Action::Adopt => "@",
        Action::Leave => "!",
        Action::Hold => "?",
    }
}

pub(super) fn of_action(action: Action, waiting: bool) -> Style {
    match action {
        Action::Keep if waiting => HOLD,
        Action::Keep => FAINT,
        Action::Create => CREATE,
        Action::Update | Action::Adopt => UPDATE,
        Action::Replace => REPLACE,
        Action::Delete => DELETE,
        Action::Leave => WARNING,
        Action::Hold => HOLD,
    }
}

pub(super) fn of_severity(severity: Severity) -> Style {
    match severity {
        Severity::Note => HOLD,
        Severity::Warning => WARNING,
        Severity::Error => ERROR,
    }
}
