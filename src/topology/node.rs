//! Bytes in, a tree of nodes with spans out. The only file that knows the YAML crate.
//!
//! Scalars keep the text of the file: `16.10`, `no` and `012345678901` stay as written, and what they mean is decided by the
//! reader that asks for them. The tree is built from the parser's events with an explicit stack, and its size and depth are
//! limited while it is built, so no input can exhaust memory or the call stack.
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use super::{
    codes,
    report::{At, Problem, Span},
};

/// The largest file that is read, in bytes.
pub const LARGEST_FILE: usize = 1 << 20;
/// The most keys and values in a file; what an alias stands for counts each time.
const MOST_NODES: usize = 10_000;
/// The deepest nesting of lists and maps.
const DEEPEST: usize = 64;

/// A value of the file.
#[derive(Clone, Debug)]
pub struct Node {
    pub span: Span,
    pub value: Value,
}

/// What a value is, as far as YAML itself can tell.
#[derive(Clone, Debug)]
pub enum Value {
    Scalar { text: String, quoted: bool },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A line of a map.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: At<String>,
    pub value: Node,
}

impl Node {
    /// Whether there is no value: nothing after the colon, `~` or `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, quoted: false } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// The value with the types that YAML's core schema gives it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => entries.iter().map(|entry| (entry.key.value.clone(), entry.value.to_json())).collect(),
            Value::Scalar { .. } if self.is_null() => serde_json::Value::Null,
            Value::Scalar { text, quoted: false } if matches!(text.as_str(), "true" | "false") => (text == "true").into(),
            Value::Scalar { text, quoted: false } if text.parse::<u64>().is_ok() => text.parse::<u64>().unwrap_or_default().into(),
            Value::Scalar { text, quoted: false } if text.starts_with(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok() => {
                text.parse::<f64>().unwrap_or_default().into()
            }
            Value::Scalar { text, .. } => text.clone().into(),
        }
    }

    /// For messages: "a list", "the number 3".
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.value {
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
            Value::Scalar { .. } if self.is_null() => "nothing".to_owned(),
            Value::Scalar { text, quoted: false } if matches!(text.as_str(), "true" | "false") => format!("`{text}`"),
            Value::Scalar { text, quoted: false } if text.parse::<f64>().is_ok() => format!("the number {}", shortened(text)),
            Value::Scalar { text, .. } => format!("the text `{}`", shortened(text)),
        }
    }
}

/// The text, cut so that a message stays one line.
#[must_use]
pub fn shortened(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect();
    if text.chars().count() > 60 { format!("{line}…") } else { line }
}

/// Reads the text of a file. The tree is there when the file is one complete document, even if problems were found in it.
#[must_use]
pub fn read(text: &str) -> (Option<Node>, Vec<Problem>) {
    let mut builder = Builder { offsets: Offsets::new(text), text, ..Builder::default() };
    match builder.run() {
        Ok(()) => {}
        Err(problem) => {
            builder.problems.push(problem);
            builder.root = None;
        }
    }
    (builder.root, builder.problems)
}

/// Turns the parser's character positions into byte offsets.
#[derive(Default)]
struct Offsets {
    /// Empty when every character is one byte.
    bytes: Vec<usize>,
    len: usize,
}

impl Offsets {
    fn new(text: &str) -> Self {
        let bytes = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| at).collect() };
        Self { bytes, len: text.len() }
    }

    fn of(&self, character: usize) -> usize {
        if self.bytes.is_empty() { character.min(self.len) } else { self.bytes.get(character).copied().unwrap_or(self.len) }
    }
}

/// A list or a map that is not finished.
struct Open {
    /// Nothing for a list.
    entries: Option<Vec<Entry>>,
    items: Vec<Node>,
    /// The key that waits for its value; the flag is false when the pair is left out because the key is of no use.
    key: Option<(At<String>, bool)>,
    span: Span,
    anchor: usize,
    /// Nodes before this one, to know how many an alias of it stands for.
    nodes_before: usize,
    /// How deep the content reaches below this one.
    height: usize,
}

#[derive(Default)]
struct Builder<'a> {
    text: &'a str,
    offsets: Offsets,
    open: Vec<Open>,
    /// Finished anchors: the node, how many nodes it has, and how deep it is.
    anchors: HashMap<usize, (Node, usize, usize)>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    problems: Vec<Problem>,
}

impl<'a> Builder<'a> {
    fn run(&mut self) -> Result<(), Problem> {
        let mut parser = Parser::new_from_str(self.text);
        while let Some(event) = parser.next_event() {
            let (event, at) = event.map_err(|error| self.syntax(&error))?;
            let span = self.trimmed(Span { start: self.offsets.of(at.start.index()), end: self.offsets.of(at.end.index()) });
            self.event(event, span)?;
        }
        match &self.root {
            Some(root) if !root.is_null() => Ok(()),
            _ => Err(Problem::new(codes::FILE_EMPTY, "the file is empty")
                .at(Span::default(), "there is no content")
                .help("a topology begins with `version: 1`, `stack: NAME` and `regions:`; topology.example.yaml shows all of it")),
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let tag = match &event {
            Event::Scalar(_, _, _, tag) | Event::SequenceStart(_, tag) | Event::MappingStart(_, tag) => tag.as_ref(),
            _ => None,
        };
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema() || tag.suffix == "binary") {
            self.problems.push(
                Problem::new(codes::YAML_TAG, format!("the tag `{}` means nothing in a topology", shortened(&tag.to_string())))
                    .at(span, "this value has a tag")
                    .help("remove the tag, or put text that begins with `!` in quotes"),
            );
        }
        let is_text = tag.is_some_and(|tag| tag.suffix == "str");
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Problem::new(codes::FILE_SEVERAL_DOCUMENTS, "the file holds several YAML documents")
                        .at(span, "the second one begins here")
                        .help("one file describes one stack: put the others into files of their own"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, _) => {
                self.budget(1, span)?;
                let quoted = is_text || style != ScalarStyle::Plain;
                self.place(Node { span, value: Value::Scalar { text: text.into_owned(), quoted } }, anchor, 1, 0)
            }
            Event::SequenceStart(anchor, _) => self.begin(span, anchor, None),
            Event::MappingStart(anchor, _) => self.begin(span, anchor, Some(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(anchor) => {
                let Some((node, size, height)) = self.anchors.get(&anchor) else {
                    return Err(Problem::new(codes::YAML_ALIAS, "an alias refers to the value that contains it")
                        .at(span, "this alias would never end")
                        .help("write the value out"));
                };
                let (size, height) = (*size, *height);
                // Checked before the copy is made: a bomb must not go off first.
                let node = node.clone_if(self.nodes + size <= MOST_NODES && self.open.len() + height <= DEEPEST);
                self.budget(size, span)?;
                self.depth(self.open.len() + height, span)?;
                match node {
                    Some(node) => self.place(node, 0, size, height),
                    None => Ok(()),
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, span: Span, anchor: usize, entries: Option<Vec<Entry>>) -> Result<(), Problem> {
        self.budget(1, span)?;
        self.depth(self.open.len() + 1, span)?;
        self.open.push(Open { entries, items: Vec::new(), key: None, span, anchor, nodes_before: self.nodes - 1, height: 0 });
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), Problem> {
        let Some(done) = self.open.pop() else { return Ok(()) };
        let value = match done.entries {
            Some(entries) => Value::Map(entries),
            None => Value::List(done.items),
        };
        let span = self.trimmed(Span { start: done.span.start, end: span.end.max(done.span.end) });
        self.place(Node { span, value }, done.anchor, self.nodes - done.nodes_before, done.height + 1)
    }

    /// Puts a finished node where it belongs: the root, an item of a list, a key or a value of a map.
    fn place(&mut self, mut node: Node, anchor: usize, size: usize, height: usize) -> Result<(), Problem> {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size, height));
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        parent.height = parent.height.max(height);
        let Some(entries) = &mut parent.entries else {
            parent.items.push(node);
            return Ok(());
        };
        match parent.key.take() {
            None => {
                let what = node.describe();
                let (value, keep) = match node.value {
                    Value::Scalar { text, .. } => (text, true),
                    Value::List(_) | Value::Map(_) => {
                        self.problems.push(
                            Problem::new(codes::YAML_KEY, format!("{what} cannot be a key"))
                                .at(node.span, "this is read as a key")
                                .help("if it is meant as text, put it in quotes"),
                        );
                        (String::new(), false)
                    }
                };
                let key = At { value, span: node.span };
                let keep = keep && may_stand(&key, entries, &mut self.problems);
                parent.key = Some((key, keep));
            }
            Some((key, keep)) => {
                // Nothing after the colon has no place of its own.
                if node.span.start >= node.span.end {
                    node.span = key.span;
                }
                if keep {
                    entries.push(Entry { key, value: node });
                }
            }
        }
        Ok(())
    }

    fn budget(&mut self, more: usize, span: Span) -> Result<(), Problem> {
        self.nodes += more;
        if self.nodes <= MOST_NODES {
            return Ok(());
        }
        Err(Problem::new(codes::FILE_TOO_MANY_NODES, "the file has more than 10,000 keys and values")
            .at(span, "the limit is reached here")
            .help("what an alias stands for counts each time it is used"))
    }

    fn depth(&self, depth: usize, span: Span) -> Result<(), Problem> {
        if depth <= DEEPEST { Ok(()) } else { Err(too_deep(span)) }
    }

    /// Block values end where the next token begins; a report should not underline the space between.
    fn trimmed(&self, span: Span) -> Span {
        let text = self.text.get(span.start..span.end).unwrap_or_default();
        Span { start: span.start, end: span.start + text.trim_end().len() }
    }

    fn syntax(&self, error: &ScanError) -> Problem {
        let at = self.offsets.of(error.marker().index());
        let before = self.text.get(..at).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        let length = self.text.get(at..).and_then(|rest| rest.chars().next()).filter(|c| *c != '\n').map_or(0, char::len_utf8);
        let span = Span { start: at, end: at + length };
        if error.info() == "recursion limit exceeded" {
            return too_deep(span);
        }
        if let Some(tab) = indent.find('\t') {
            let span = Span { start: line_start + tab, end: line_start + tab + 1 };
            return Problem::new(codes::YAML_TAB, "a tab is used for indentation")
                .at(span, "this is a tab")
                .help("YAML allows only spaces here: replace each tab by two spaces");
        }
        if error.info().contains("unknown anchor") {
            return Problem::new(codes::YAML_ALIAS, "an alias refers to an anchor that does not exist")
                .at(span, "no anchor of this name stands before it")
                .help("text that begins with `*` needs quotes");
        }
        // It is noticed where the map is over, or in the next line.
        let previous = before[..line_start].trim_end().rfind('\n').map_or(0, |newline| newline + 1);
        if let Some(span) = [line_start, previous].into_iter().find_map(|start| self.unquoted_placeholder(start)) {
            return Problem::new(codes::YAML_SYNTAX, "this is not valid YAML: a value that begins with `{` is a map")
                .at(span, "begins with a placeholder and has no quotes")
                .help("put the whole value in double quotes: `\"{account}.dkr.ecr.{region}.amazonaws.com/api:1\"`");
        }
        let (what, help) = plain_words(error.info());
        // The parser misses a colon only when the next line begins, which is not where the user has to look.
        if error.info().contains("simple key expect") && at == line_start + indent.len() {
            let previous = before.trim_end();
            let start = previous.rfind('\n').map_or(0, |newline| newline + 1);
            let start = start + previous[start..].len() - previous[start..].trim_start().len();
            if start < previous.len() {
                return Problem::new(codes::YAML_SYNTAX, format!("this is not valid YAML: {what}"))
                    .at(Span { start, end: previous.len() }, "is neither a key nor a value")
                    .help(help);
            }
        }
        Problem::new(codes::YAML_SYNTAX, format!("this is not valid YAML: {what}")).at(span, "reading stopped here").help(help)
    }
}

impl Builder<'_> {
    /// In the line that begins there, a value without quotes that goes on after a placeholder.
    fn unquoted_placeholder(&self, line_start: usize) -> Option<Span> {
        let line = self.text.get(line_start..)?.lines().next()?;
        let open = line.find(": {").or_else(|| line.find("- {"))? + 2;
        let (inside, rest) = line[open + 1..].split_once('}')?;
        let is_placeholder = !inside.is_empty() && inside.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        let goes_on = rest.chars().next().is_some_and(|next| next.is_ascii_alphanumeric() || ".-/:_{".contains(next));
        (is_placeholder && goes_on).then(|| Span { start: line_start + open, end: line_start + line.trim_end().len() })
    }
}

impl Node {
    fn clone_if(&self, wanted: bool) -> Option<Node> {
        wanted.then(|| self.clone())
    }
}

fn too_deep(span: Span) -> Problem {
    Problem::new(codes::FILE_NESTING, format!("lists and maps are nested more than {DEEPEST} deep"))
        .at(span, "the limit is reached here")
        .help("no part of a topology needs more than ten levels")
}

/// Whether a key may stand in the map; if not, the problem is recorded and the pair is left out.
fn may_stand(key: &At<String>, entries: &[Entry], problems: &mut Vec<Problem>) -> bool {
    if key.value == "<<" {
        problems.push(
            Problem::new(codes::YAML_MERGE_KEY, "merge keys are not supported")
                .at(key.span, "`<<` would merge another map into this one")
                .help("write the keys out, or use an alias for the whole value; tables have `per_region` for what differs"),
        );
        return false;
    }
    let Some(first) = entries.iter().find(|entry| entry.key.value == key.value) else { return true };
    problems.push(
        Problem::new(codes::YAML_DUPLICATE_KEY, format!("the key `{}` stands twice in one map", shortened(&key.value)))
            .at(key.span, "again here")
            .at(first.key.span, "first here")
            .help("remove one of the two"),
    );
    false
}

/// The parser's message in words for someone who does not know how a parser works.
fn plain_words(info: &str) -> (String, &'static str) {
    let has = |words: &[&str]| words.iter().any(|word| info.contains(word));
    let (what, help) = if has(&["simple key expect", "unexpected end of plain scalar"]) {
        ("a `:` is missing", "write `key: value`; a key and its colon stand on one line")
    } else if has(&["escape"]) {
        ("this escape is not known", "in double quotes write `\\\\` for a backslash, or use single quotes")
    } else if has(&["quoted scalar"]) {
        ("a quote is not closed", "look for the closing quote of the text that begins here")
    } else if has(&["did not find expected ',' or '}'", "expected ',' or ']'", "misplaced bracket"]) {
        ("a bracket or a comma is missing or too much", "check that every `[` and `{` is closed and that entries are separated by commas")
    } else if has(&["unexpected end of stream", "unexpected eof"]) {
        ("the file ends too early", "look for a quote or a bracket that is not closed")
    } else if has(&["invalid indentation", "did not find expected key", "'-' indicator", "wrongly indented"]) {
        ("this line does not fit the lines before it", "keys of one map are indented by the same number of spaces")
    } else if has(&["mapping values are not allowed", "illegal placement of ':'"]) {
        ("a `:` is not allowed here", "put text that contains `: ` in quotes, and check the indentation")
    } else if has(&["must be followed by a valid YAML whitespace"]) {
        ("a space is missing", "write a space after `:` and after `-`")
    } else {
        return (info.to_owned(), "the mistake may also stand a little before this place");
    };
    (what.to_owned(), help)
}
