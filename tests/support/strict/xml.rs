//! EC2's answers, read as far as the rules need and changed where a state is still to come.
use std::{collections::BTreeMap, ops::Range};

use roxmltree::{Document, Node};

/// One entry of a list: every text under its path, `association/item/subnetId`.
#[derive(Debug, Default)]
pub struct Item(BTreeMap<String, Vec<String>>);

impl Item {
    pub fn one(&self, path: &str) -> &str {
        self.0.get(path).and_then(|texts| texts.first()).map_or("", String::as_str)
    }

    pub fn all(&self, path: &str) -> impl Iterator<Item = &str> {
        self.0.get(path).into_iter().flatten().map(String::as_str)
    }

    fn read(&mut self, node: Node, path: &str) {
        for child in node.children().filter(Node::is_element) {
            let name = child.tag_name().name();
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            match child.text().map(str::trim).filter(|text| !text.is_empty()) {
                Some(text) => self.0.entry(path).or_default().push(text.to_owned()),
                None => self.read(child, &path),
            }
        }
    }
}

/// The entries of the set `set` (`subnetSet`) in an answer.
pub fn items(text: &str, set: &str) -> Vec<Item> {
    let Ok(document) = Document::parse(text) else { return Vec::new() };
    let Some(list) = document.descendants().find(|node| node.tag_name().name() == set) else { return Vec::new() };
    // EC2 says `item`, the query protocol of the others `member`.
    let entries = list.children().filter(|node| ["item", "member"].contains(&node.tag_name().name()));
    let read = entries.map(|entry| {
        let mut item = Item::default();
        item.read(entry, "");
        item
    });
    read.collect()
}

/// The entries of a list, whatever each of them is called.
pub fn entries(text: &str, list: &str) -> Vec<Item> {
    let Ok(document) = Document::parse(text) else { return Vec::new() };
    let Some(list) = document.descendants().find(|node| node.tag_name().name() == list) else { return Vec::new() };
    let read = list.children().filter(Node::is_element).map(|entry| {
        let mut item = Item::default();
        item.read(entry, "");
        item
    });
    read.collect()
}

/// Puts another word into the element `state` of every entry that `word` has one for, by the text of the entry's elements
/// named `id`.
pub fn restate(text: &str, id: &str, state: &str, mut word: impl FnMut(&str) -> Option<&'static str>) -> String {
    let Ok(document) = Document::parse(text) else { return text.to_owned() };
    let mut edits: Vec<(Range<usize>, &'static str)> = Vec::new();
    let named = document.descendants().filter(|node| node.tag_name().name() == id);
    for found in named {
        let Some(entry) = found.parent_element() else { continue };
        let is_state = |node: &Node| node.tag_name().name() == state && node.text().is_some();
        let element = entry.children().find(is_state).or_else(|| entry.descendants().find(is_state));
        let Some(within) = element.and_then(|element| element.first_child()) else { continue };
        if let Some(word) = found.text().and_then(&mut word) {
            edits.push((within.range(), word));
        }
    }
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut out = text.to_owned();
    for (range, word) in edits {
        out.replace_range(range, word);
    }
    out
}

/// The first text of an element of that name.
pub fn text_of(text: &str, name: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    document.descendants().find(|node| node.tag_name().name() == name)?.text().map(str::to_owned)
}
