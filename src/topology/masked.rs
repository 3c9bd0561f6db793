//! Values that may hold a key and that no report shows: it repeats lines of the file.
use super::{
    node::{Node, Value},
    report::Span,
};

/// Adds where the URLs below a node stand.
pub fn urls(node: &Node, spans: &mut Vec<Span>) {
    match &node.value {
        Value::Scalar { text, .. } => spans.extend(text.contains("://").then_some(node.span)),
        Value::List(items) => items.iter().for_each(|item| urls(item, spans)),
        Value::Map(entries) => entries.iter().for_each(|entry| {
            spans.extend(entry.key.value.contains("://").then_some(entry.key.span));
            urls(&entry.value, spans);
        }),
    }
}

/// Where URLs seem to stand in a text that is no YAML.
pub fn seeming(text: &str) -> Vec<Span> {
    let ends = |c: char| c.is_whitespace() || "\"',]}".contains(c);
    let found = text.match_indices("://").map(|(at, _)| {
        let scheme = text[..at].bytes().rev().take_while(u8::is_ascii_alphanumeric).count();
        Span { start: at - scheme, end: text[at..].find(ends).map_or(text.len(), |length| at + length) }
    });
    found.collect()
}

/// The text with stars for all of these URLs but scheme and host. Every character keeps its place.
pub fn masked(text: &str, spans: &[Span]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    let mut spans: Vec<&Span> = spans.iter().collect();
    spans.sort_unstable();
    for span in spans {
        // An alias has the place of what it stands for.
        let Some((before, url)) = text.get(at..span.start).zip(text.get(span.start..span.end)) else { continue };
        let shown = shown(url);
        masked.push_str(before);
        masked.push_str(&url[..shown]);
        masked.extend(url[shown..].chars().map(|c| if c.is_whitespace() || "\"'".contains(c) { c } else { star(c) }));
        at = span.end;
    }
    masked.push_str(text.get(at..).unwrap_or_default());
    masked
}

/// How many bytes of a URL are shown.
fn shown(url: &str) -> usize {
    let Some(host) = url.find("://").map(|at| at + 3) else { return 0 };
    let end = url[host..].find(|c: char| !c.is_ascii_alphanumeric() && !"-.:@".contains(c)).map_or(url.len(), |end| host + end);
    // A name and a password may stand before the host.
    if url[host..].contains('@') { host } else { end }
}

/// As many bytes as the character has: places in a report are counted in them.
const fn star(c: char) -> char {
    match c.len_utf8() {
        1 => '*',
        2 => '×',
        3 => '…',
        _ => '🞶',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_is_left_and_nothing_moves() {
        let text = "a: https://x.example.com:8443/geheim/ß?k=1\nb: 'https://u:p@h.example.com/k'\nc: d";
        let (first, second) = (text.find("https").unwrap(), text.rfind("'https").unwrap());
        let spans = [Span { start: second, end: text.rfind('\n').unwrap() }, Span { start: first, end: text.find('\n').unwrap() }];
        let shown = masked(text, &spans);
        assert_eq!(shown, "a: https://x.example.com:8443********×****\nb: 'https://*******************'\nc: d");
        assert_eq!(shown.len(), text.len());
        assert_eq!(masked(text, &[spans[1], spans[1]]).len(), text.len(), "an alias");
        assert_eq!(masked("[https://x.y/k, {a: b://c:d}]", &seeming("[https://x.y/k, {a: b://c:d}]")), "[https://x.y**, {a: b://c:d}]");
        assert_eq!(star('语').len_utf8() + star('🦀').len_utf8(), 7);
    }
}
