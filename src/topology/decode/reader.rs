//! The readers: each takes a node, and gives a value or records a problem and gives nothing.
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::topology::{
    codes,
    node::{Entry, Node, Value, shortened},
    report::{At, Problem, Span},
    suggest,
};

/// What a reading gathers beside the values.
#[derive(Default)]
pub struct Reading {
    pub problems: Vec<Problem>,
    /// Where values stand that no report may show.
    pub masked: Vec<Span>,
    /// By kind of block: the keys that were asked for. A test compares them with the schema.
    pub asked: BTreeMap<&'static str, BTreeSet<&'static str>>,
}

/// A value together with the key before it.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub node: &'a Node,
    /// The key before the value: where to point when the value itself is missing or spans many lines.
    pub key: Span,
}

/// A map whose keys are given by mrctl. What nobody asked for when it is finished is an unknown key.
pub struct Block<'a> {
    pub path: String,
    pub key: Span,
    entries: &'a [Entry],
    kind: &'static str,
    asked: Vec<&'static str>,
}

impl<'a> Block<'a> {
    /// A block over entries that are already known to be a map.
    pub fn over(kind: &'static str, path: &str, key: Span, entries: &'a [Entry]) -> Self {
        Self { path: path.to_owned(), key, entries, kind, asked: Vec::new() }
    }

    /// A block of the same kind over other entries, in which the same keys were asked for.
    pub fn alike<'b>(&self, path: &str, key: Span, entries: &'b [Entry]) -> Block<'b> {
        Block { path: path.to_owned(), key, entries, kind: self.kind, asked: self.asked.clone() }
    }

    /// The path of a key in this block.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The line of a key, also when it has no value.
    pub fn entry(&mut self, reading: &mut Reading, key: &'static str) -> Option<&'a Entry> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        reading.asked.entry(self.kind).or_default().insert(key);
        self.entries.iter().find(|entry| entry.key.value == key)
    }

    /// Reads the value of a key, if there is one.
    pub fn optional<T>(
        &mut self,
        reading: &mut Reading,
        key: &'static str,
        read: impl FnOnce(&mut Reading, Place<'a>, &str) -> Option<T>,
    ) -> Option<T> {
        let entry = self.entry(reading, key).filter(|entry| !entry.value.is_null())?;
        let path = self.path_of(key);
        read(reading, Place { node: &entry.value, key: entry.key.span }, &path)
    }

    /// Reads the value of a key that must be there.
    pub fn required<T>(
        &mut self,
        reading: &mut Reading,
        key: &'static str,
        hint: &str,
        read: impl FnOnce(&mut Reading, Place<'a>, &str) -> Option<T>,
    ) -> Option<T> {
        let empty = self.entries.iter().find(|entry| entry.key.value == key).filter(|entry| entry.value.is_null());
        let present = self.entries.iter().any(|entry| entry.key.value == key);
        if present && empty.is_none() {
            return self.optional(reading, key, read);
        }
        self.entry(reading, key);
        let path = self.path_of(key);
        let problem = match empty {
            Some(entry) => {
                Problem::new(codes::DECODE_MISSING, format!("`{path}` has no value")).at(entry.key.span, "nothing after the colon")
            }
            None if self.path.is_empty() => {
                Problem::new(codes::DECODE_MISSING, format!("`{path}` is missing")).at(self.key, "not in this file")
            }
            None => Problem::new(codes::DECODE_MISSING, format!("`{path}` is missing")).at(self.key, format!("has no `{key}`")),
        };
        reading.problems.push(problem.help(hint));
        None
    }

    /// Reports the keys that nobody asked for.
    pub fn finish(self, reading: &mut Reading) {
        for entry in self.entries.iter().filter(|entry| !self.asked.contains(&entry.key.value.as_str())) {
            let key = entry.key.value.as_str();
            let place = if self.path.is_empty() { "at the top of the file".to_owned() } else { format!("in `{}`", self.path) };
            reading.problems.push(
                Problem::new(codes::DECODE_UNKNOWN_KEY, format!("there is no key `{}` {place}", shortened(key)))
                    .at(entry.key.span, "unknown key")
                    .help(suggest::help(key, "keys here", &self.asked)),
            );
        }
    }
}

impl Reading {
    /// Records that a value has the wrong type.
    pub fn wrong_type(&mut self, place: Place<'_>, path: &str, wanted: &str, help: &str) {
        // A block that spans many lines is pointed at by its key, which says as much in one line.
        let span = if matches!(place.node.value, Value::Scalar { .. }) { place.node.span } else { place.key };
        let what = if path.is_empty() { "a topology".to_owned() } else { format!("`{path}`") };
        self.problems.push(
            Problem::new(codes::DECODE_TYPE, format!("{what} must be {wanted}, not {}", place.node.describe()))
                .at(span, format!("expected {wanted}"))
                .help(help),
        );
    }

    /// Any scalar, as it is written.
    pub fn text(&mut self, place: Place<'_>, path: &str) -> Option<At<String>> {
        match &place.node.value {
            Value::Scalar { text, .. } if !place.node.is_null() => Some(At { value: text.clone(), span: place.node.span }),
            _ => {
                self.wrong_type(place, path, "text", &format!("write `{}: TEXT`", last(path)));
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, place: Place<'_>, path: &str) -> Option<At<bool>> {
        let value = match &place.node.value {
            Value::Scalar { text, quoted: false } => text.parse::<bool>().ok(),
            _ => None,
        };
        if value.is_none() {
            let quoted = matches!(&place.node.value, Value::Scalar { text, quoted: true } if text.parse::<bool>().is_ok());
            let help = if quoted { "remove the quotes" } else { "write `true` or `false`" };
            self.wrong_type(place, path, "true or false", help);
        }
        value.map(|value| At { value, span: place.node.span })
    }

    /// A whole number, not negative.
    pub fn whole_number(&mut self, place: Place<'_>, path: &str) -> Option<At<u64>> {
        let value = match &place.node.value {
            Value::Scalar { text, quoted: false } if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse::<u64>().ok(),
            _ => None,
        };
        if value.is_none() {
            self.wrong_type(place, path, "a whole number", "write it in digits, without quotes and without a sign");
        }
        value.map(|value| At { value, span: place.node.span })
    }

    /// `30s`, `5m`, `1h`.
    pub fn duration(&mut self, place: Place<'_>, path: &str) -> Option<At<Duration>> {
        let text = self.text(place, path)?;
        let value = parse_duration(&text.value);
        if value.is_none() {
            let digits_only = text.value.bytes().all(|byte| byte.is_ascii_digit());
            let help = if digits_only {
                format!("say the unit: `{}s` or `{}m`", shortened(&text.value), shortened(&text.value))
            } else {
                "write a whole number and a unit: `30s`, `5m`, `1h`".to_owned()
            };
            self.problems.push(
                Problem::new(codes::DECODE_DURATION, format!("`{path}` must be a duration, not `{}`", shortened(&text.value)))
                    .at(text.span, "not a duration")
                    .help(help),
            );
        }
        value.map(|value| At { value, span: text.span })
    }

    /// One of a few words.
    pub fn choice<T: Clone>(&mut self, place: Place<'_>, path: &str, choices: &[(&str, T)]) -> Option<At<T>> {
        let text = self.text(place, path)?;
        let found = choices.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let near = suggest::nearest(&text.value, words.iter().copied());
            let help = match near {
                Some(near) => format!("did you mean `{near}`? It can be {}", suggest::list(&words)),
                None => format!("it can be {}", suggest::list(&words)),
            };
            self.problems.push(
                Problem::new(codes::DECODE_CHOICE, format!("`{path}` cannot be `{}`", shortened(&text.value)))
                    .at(text.span, "not one of the possible values")
                    .help(help),
            );
        }
        found.map(|(_, value)| At { value: value.clone(), span: text.span })
    }

    /// A list of texts. An entry that is no text is reported and left out.
    pub fn texts(&mut self, place: Place<'_>, path: &str) -> Option<At<Vec<At<String>>>> {
        let Value::List(items) = &place.node.value else {
            self.wrong_type(place, path, "a list", "write `[a, b]`, or one entry a line, each after `- `");
            return None;
        };
        let texts = items.iter().enumerate().filter_map(|(index, node)| {
            let span = if node.span.start < node.span.end { node.span } else { place.key };
            self.text(Place { node, key: span }, &format!("{path}[{index}]"))
        });
        Some(At { value: texts.collect(), span: place.key })
    }

    /// The lines of a map whose keys are the user's.
    pub fn entries<'a>(&mut self, place: Place<'a>, path: &str) -> Option<&'a [Entry]> {
        match &place.node.value {
            Value::Map(entries) => Some(entries),
            _ => {
                self.wrong_type(place, path, "a map", "write one `key: value` a line, indented below it");
                None
            }
        }
    }

    /// A map whose keys are mrctl's.
    pub fn block<'a>(&mut self, place: Place<'a>, path: &str, kind: &'static str) -> Option<Block<'a>> {
        let entries = self.entries(place, path)?;
        Some(Block::over(kind, path, place.key, entries))
    }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn parse_duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse_duration("5m"), Some(Duration::from_secs(300)));
        assert_eq!(parse_duration("1h"), Some(Duration::from_secs(3600)));
        for wrong in ["", "s", "5", "5d", "-5s", "5 s", "1.5h", "99999999999999999999h", "9999999999999999999h", "5µ"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }
}
