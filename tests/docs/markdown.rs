//! As much of Markdown as the docs use.

/// A fenced block.
pub struct Block {
    /// What stands after the fence; empty when nothing does.
    pub language: String,
    pub text: String,
    /// Where its fence stands, from 1.
    pub line: usize,
}

pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some(Block { language: language.to_owned(), text: String::new(), line: index + 1 }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block does not end");
    blocks
}

/// The text outside of blocks.
fn prose(text: &str) -> String {
    let mut inside = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Everything between single backticks.
pub fn inline(text: &str) -> Vec<String> {
    prose(text).split('`').skip(1).step_by(2).map(|code| code.replace('\n', " ")).collect()
}

/// The targets of `[text](target)`.
pub fn links(text: &str) -> Vec<String> {
    let text = prose(text);
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// The anchor of a heading: letters and digits in lower case, hyphens for spaces, nothing else.
pub fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// A table under the heading, or the line ending in a colon, that stands before it.
pub struct Table {
    pub title: String,
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

pub fn tables(text: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let (mut title, mut inside) = (String::new(), false);
    for line in prose(text).lines() {
        let is_row = line.starts_with('|');
        if is_row && !inside {
            tables.push(Table { title: title.clone(), header: cells(line), rows: Vec::new() });
        } else if is_row && !line.starts_with("|---") {
            tables.last_mut().unwrap().rows.push(cells(line));
        } else if line.starts_with('#') {
            title = line.trim_start_matches('#').trim().to_owned();
        } else if let Some(named) = line.strip_suffix(':').filter(|named| named.starts_with('`')) {
            title = named.to_owned();
        }
        inside = is_row;
    }
    tables
}

fn cells(line: &str) -> Vec<String> {
    let line = line.replace("\\|", "\u{0}");
    line.trim_matches('|').split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
}
