//! The sessions that the docs show, carried out: what is shown is what is said.
use super::{blocks, commands, pages, read, root};
use crate::support::binary::Place;

/// One command of a console block and what is shown of its output.
pub struct Step {
    pub line: String,
    pub shown: Vec<String>,
}

/// The commands of a block. Everything before the first prompt would be output of nothing.
pub fn steps(text: &str) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { line: command.to_owned(), shown: Vec::new() }),
            (None, Some(step)) => step.shown.push(line.to_owned()),
            (None, None) => return Err(format!("`{line}` is the output of no command: begin with `$ `")),
        }
    }
    if steps.is_empty() { Err("there is no command in it".to_owned()) } else { Ok(steps) }
}

/// A line without what differs from run to run: the account, AWS's ids and how long it took.
fn steady(line: &str) -> String {
    let word = |word: &str| {
        let inner = word.trim_matches(['(', ')', ':', '.', ',']);
        let took = inner.strip_suffix('s').is_some_and(|number| number.parse::<f64>().is_ok());
        let id = inner.rsplit_once('-').is_some_and(|(_, hex)| hex.len() == 17 && hex.chars().all(|c| c.is_ascii_hexdigit()));
        let account = inner.len() == 12 && inner.chars().all(|c| c.is_ascii_digit());
        let stands_for = [(took, "TIME"), (id, "ID"), (account, "ACCOUNT")];
        stands_for.iter().find(|(is, _)| *is).map_or_else(|| word.to_owned(), |(_, name)| word.replace(inner, name))
    };
    line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

/// Whether every line that is shown stands in what was said, in that order; `…` alone leaves lines out, at the end of a line the
/// rest of it.
fn missing(shown: &[String], said: &str) -> Option<String> {
    let said: Vec<String> = said.lines().map(steady).collect();
    let mut at = 0;
    for line in shown.iter().map(|line| steady(line)).filter(|line| !line.is_empty() && line != "…") {
        let fits = |said: &String| match line.strip_suffix('…') {
            Some(begin) => said.starts_with(begin.trim_end()),
            None => *said == line,
        };
        match said[at..].iter().position(fits) {
            Some(found) => at += found + 1,
            None => return Some(line),
        }
    }
    None
}

/// The line that says now what a shown line said: the first that begins with the same two words, whatever their numbers.
fn successor<'a>(line: &str, said: &'a str) -> Option<&'a str> {
    let begin = |line: &str| {
        let words =
            steady(line).split(' ').take(2).map(|word| word.trim_matches(|c: char| c.is_ascii_digit()).to_owned()).collect::<Vec<_>>();
        words.join(" ")
    };
    said.lines().find(|other| begin(other) == begin(line))
}

/// Writes into a page what is said now in place of the lines that are not said any more. What has no successor is left, and fails
/// in the next run.
fn rewrite(page: &str, shown: &[String], said: &str) {
    let path = root().join(page);
    let mut text = read(page);
    for line in shown.iter().filter(|line| missing(std::slice::from_ref(line), said).is_some()) {
        if let Some(now) = successor(line, said) {
            text = text.replacen(&format!("\n{line}\n"), &format!("\n{now}\n"), 1);
        }
    }
    std::fs::write(path, text).unwrap();
}

/// With `MRCTL_REWRITE_SESSIONS` set, the pages are brought up to date first: run it so after a change of the example, look at the
/// difference, and run it again without.
#[test]
fn the_sessions_are_as_they_are_shown() {
    let mut sessions = 0;
    for (name, text) in pages() {
        for block in blocks(&text).into_iter().filter(|block| block.language == "console") {
            sessions += 1;
            let place = Place::new();
            place.write(read("topology.example.yaml"));
            std::fs::copy(place.path(), place.path().with_file_name("topology.example.yaml")).unwrap();
            for step in steps(&block.text).unwrap() {
                for arguments in commands(&step.line).unwrap() {
                    // Each session has an AWS of its own here, and not the one that developers share.
                    let arguments: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| *word != "--sandbox").collect();
                    let refused = step.shown.iter().any(|line| line.starts_with("Refused"));
                    let said = place.expect(if refused { 8 } else { 0 }, &arguments);
                    if std::env::var_os("MRCTL_REWRITE_SESSIONS").is_some() {
                        rewrite(&name, &step.shown, &said.replace(&place.account, "123456789012"));
                    } else if let Some(line) = missing(&step.shown, &said) {
                        panic!("{name}:{}: `{}` does not say (any more, or in that order)\n{line}\nbut\n{said}", block.line, step.line);
                    }
                }
            }
        }
    }
    assert!(sessions > 0);
}

/// Commands of shell blocks that need neither AWS nor a terminal are run.
#[test]
fn commands_without_aws_run() {
    let place = Place::new();
    place.write(read("topology.example.yaml"));
    std::fs::copy(place.path(), place.path().with_file_name("topology.example.yaml")).unwrap();
    for (name, text) in pages() {
        for block in blocks(&text).into_iter().filter(|block| block.language == "sh") {
            for arguments in block.text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| commands(line).unwrap()) {
                let alone = ["validate", "schema", "completions", "man", "--offline"];
                if arguments.iter().any(|word| alone.contains(&word.as_str())) {
                    println!("{name}: mrctl {}", arguments.join(" "));
                    place.expect(0, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
                }
            }
        }
    }
    // And those of the manual, whether a page shows them or not.
    let said = String::from_utf8(place.run(&["schema"]).stdout).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&said).unwrap(), mrctl::topology::schema());
    for arguments in [&["validate"][..], &["plan", "--offline"], &["graph", "--offline"], &["man"], &["completions", "bash"]] {
        assert!(!place.expect(0, arguments).is_empty());
    }
}

#[test]
fn a_line_that_is_not_said_is_seen() {
    let shown = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let said = "one vpc-c960c6ac5238a0d38 (0.1s)\n  two, three\nfour\n";
    assert_eq!(missing(&shown(&["one vpc-00000000000000000 (3.0s)", "…", "two, …", "four"]), said), None);
    assert_eq!(missing(&shown(&["four", "two, three"]), said), Some("two, three".into()));
    assert_eq!(missing(&shown(&["one vpc-00000000000000000"]), said), Some("one ID".into()));
    assert_eq!(missing(&shown(&["two"]), said), Some("two".into()));
    assert_eq!(successor("Plan: 7 to create", "Plans: 8\nPlan: 9 to create\nPlan: 10"), Some("Plan: 9 to create"));
    assert_eq!(successor("Plan: 7 to change", "No changes."), None);
}
