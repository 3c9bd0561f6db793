//! What README and docs say is so: every block is of a known sort and holds, every command line parses, the references have
//! exactly what the code has.
mod alarms;
mod dashboard;
mod markdown;
mod session;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use clap::{ArgAction, Command, CommandFactory, Parser};
use markdown::{Block, blocks, inline, links, slug, tables};
use mrctl::{cli::Cli, topology, view};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// README and everything under docs, by path from the root.
fn pages() -> BTreeMap<String, String> {
    let files = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let docs = files.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}"));
    docs.chain(["README.md".to_owned()]).map(|name| (name.clone(), read(&name))).collect()
}

/// The mrctl commands of a line of shell, as their arguments; a word that begins no known command is an error.
fn commands(line: &str) -> Result<Vec<Vec<String>>, String> {
    let line = line.split(" > ").next().unwrap_or(line);
    let each = line.split(" && ").map(|command| {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["mrctl", arguments @ ..] | ["cargo", "run", "--", arguments @ ..] => {
                Ok(Some(arguments.iter().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect()))
            }
            ["cargo", "test"] => Ok(None),
            _ => Err(format!("`{command}` is no command that these tests know")),
        }
    });
    each.filter_map(Result::transpose).collect()
}

fn parses(arguments: &[String]) -> Result<(), String> {
    let all = ["mrctl"].into_iter().chain(arguments.iter().map(String::as_str));
    match Cli::try_parse_from(all) {
        Err(error) if error.use_stderr() => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// A fragment of a topology with what every topology has.
fn whole(fragment: &str) -> String {
    let mut text = fragment.to_owned();
    for (key, line) in [
        ("version:", "version: 1\n"),
        ("stack:", "stack: shop\n"),
        ("regions:", "regions:\n  us-east-1: { cidr: 10.10.0.0/16 }\n  eu-west-1: { cidr: 10.20.0.0/16 }\n"),
    ] {
        if !text.lines().any(|line| line.starts_with(key)) {
            text.push_str(line);
        }
    }
    text
}

/// What a block has to be by its language; nothing else may stand in the docs.
fn check(block: &Block) -> Result<(), String> {
    match block.language.as_str() {
        "yaml" => topology::load("block", whole(&block.text).as_bytes()).map(drop).map_err(|report| view::report::text(&report, false)),
        "json" => serde_json::from_str::<Value>(&block.text).map(drop).map_err(|error| error.to_string()),
        "console" => session::steps(&block.text)?.iter().try_for_each(|step| parse_all(&step.line)),
        "sh" => block.text.lines().filter(|line| !line.starts_with('#')).try_for_each(parse_all),
        // A picture or a listing, but nothing that looks like a command.
        "text" => match block.text.lines().find(|line| line.starts_with("$ ") || line.starts_with("mrctl ")) {
            Some(line) => Err(format!("`{line}` is a command: write the block as console")),
            None => Ok(()),
        },
        other => Err(format!("blocks of `{other}` are not understood: teach tests/docs.rs what they have to be")),
    }
}

fn parse_all(line: &str) -> Result<(), String> {
    commands(line)?.iter().try_for_each(|arguments| parses(arguments))
}

#[test]
fn every_block_is_understood_and_holds() {
    let mut sorts = BTreeSet::new();
    for (name, text) in pages() {
        for block in blocks(&text) {
            check(&block).unwrap_or_else(|why| panic!("{name}:{}: {why}\n{}", block.line, block.text));
            sorts.insert(block.language);
        }
    }
    assert!(["yaml", "console", "sh"].iter().all(|sort| sorts.contains(*sort)), "{sorts:?}");
}

#[test]
fn every_command_in_running_text_parses() {
    let mut seen = 0;
    for (name, text) in pages() {
        for line in inline(&text).iter().filter(|code| code.starts_with("mrctl ")) {
            seen += 1;
            parse_all(line).unwrap_or_else(|why| panic!("{name}: `{line}`: {why}"));
        }
    }
    assert!(seen >= 5, "{seen}");
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    for (name, text) in &pages {
        for link in links(text).iter().filter(|link| !link.starts_with("http")) {
            let (file, anchor) = link.split_once('#').map_or((link.as_str(), None), |(file, anchor)| (file, Some(anchor)));
            let path = if file.is_empty() { root().join(name) } else { root().join(name).parent().unwrap().join(file) };
            let target = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {link}: {error}"));
            let headings: Vec<String> = target.lines().filter(|line| line.starts_with('#')).map(slug).collect();
            assert!(anchor.is_none_or(|anchor| headings.iter().any(|heading| heading == anchor)), "{name}: {link}: {headings:?}");
        }
    }
}

/// By section, the lines that docs/commands.md has to have: the command's sentence and one row for each argument.
fn reference(command: &Command, path: &str, sections: &mut BTreeMap<String, BTreeSet<String>>) {
    let rows = command.get_arguments().filter(|argument| !argument.is_hide_set() && !argument.is_global_set());
    let rows = rows.filter(|argument| !matches!(argument.get_action(), ArgAction::Help | ArgAction::Version)).map(row);
    let rows: BTreeSet<String> = rows.chain(command.get_about().map(|about| format!("{about}."))).collect();
    sections.insert(path.to_owned(), rows);
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        reference(below, format!("{path} {}", below.get_name()).trim(), sections);
    }
}

fn row(argument: &clap::Arg) -> String {
    let mut name: Vec<String> = argument.get_short().map(|short| format!("-{short}")).into_iter().collect();
    name.extend(argument.get_long().map(|long| format!("--{long}")));
    let mut name = name.join(", ");
    if argument.get_action().takes_values() {
        let words: Vec<String> = argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        let names = argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let value = if words.is_empty() { names } else { words.join("|") };
        name = format!("{name} {value}");
    }
    let default: Vec<String> = argument.get_default_values().iter().map(|value| value.display().to_string()).collect();
    let default = if default.is_empty() || !argument.get_action().takes_values() {
        String::new()
    } else {
        format!(" (default `{}`)", default.join(" "))
    };
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    assert!(!help.is_empty(), "`{name}` has no help");
    format!("| `{}` | {help}{default} |", name.trim().replace('|', "\\|"))
}

#[test]
fn the_reference_has_every_command_and_option_and_no_other() {
    let command = Cli::command();
    let mut sections = BTreeMap::new();
    reference(&command, "", &mut sections);
    sections.remove("");
    let global = command.get_arguments().filter(|argument| argument.is_global_set() && !argument.is_hide_set()).map(row);
    sections.insert("every command".to_owned(), global.collect());
    let text = read("docs/commands.md");
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut at = String::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            at = heading.trim_matches('`').trim_start_matches("Options of ").to_owned();
            told.entry(at.clone()).or_default();
        } else if line.starts_with("| `") || sections.get(&at).is_some_and(|rows| rows.contains(line)) {
            told.entry(at.clone()).or_default().insert(line.to_owned());
        }
    }
    told.remove("Exit codes");
    for (section, rows) in &sections {
        let lines = |rows: &BTreeSet<String>| rows.iter().cloned().collect::<Vec<_>>().join("\n");
        let said = told.remove(section).unwrap_or_default();
        assert_eq!(said, *rows, "docs/commands.md, section `{section}`, has\n{}\nand should have\n{}", lines(&said), lines(rows));
    }
    assert!(told.is_empty(), "docs/commands.md has sections of no command: {:?}", told.keys());
}

#[test]
fn the_file_reference_has_every_key_with_its_default_and_words() {
    let schema = topology::schema();
    let text = read("docs/topology.md");
    let mut told: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for table in tables(&text).into_iter().filter(|table| table.header == ["key", "type", "default", "rule"]) {
        let block = match table.title.as_str() {
            "Top level" => "topology",
            "`objectives`" => "objectives",
            "`regions`" => "region",
            "`network`" => "network",
            "`network.existing.REGION`" => "existing_network",
            "`tables`" => "table",
            "`partition_key` and `sort_key`" => "key_attribute",
            "`tables.KEY.indexes.NAME`" => "index",
            "What differs between regions" => "table_in_region",
            "`tables.KEY.billing`" => "capacity",
            "`read` and `write`" => "scaling",
            "`per_region.REGION.billing`" => "capacity_in_region",
            "`aurora`" => "aurora",
            "`aurora.KEY.serverless`" => "serverless",
            "`services`" => "service",
            "`services.KEY.image`" => "image",
            "`services.KEY.tasks`" => "tasks",
            "`services.KEY.scale_on`" => "scale_on",
            "`services.KEY.deployment`" => "deployment",
            "`services.KEY.logs`" => "logs",
            "`services.KEY.uses`" => "uses",
            "`services.KEY.uses.aurora.KEY`" => "uses_aurora",
            "`services.KEY.health_check`" => "target_health_check",
            "`services.KEY.container_health_check`" => "container_health_check",
            "`iam`" => "iam",
            "`dns`" => "dns",
            "`dns.zone`" => "zone",
            "`dns.records.NAME`" => "record",
            "`dns.records.NAME.health_check`" => "record_health_check",
            "`alarms`" => "alarm",
            "`alerts`" => "alerts",
            "`rollout`" => "rollout",
            other => panic!("docs/topology.md: which block is `{other}`?"),
        };
        let properties = if block == "topology" { &schema["properties"] } else { &schema["$defs"][block]["properties"] };
        for row in &table.rows {
            for key in inline(&row[0]) {
                let field = properties.get(&key).unwrap_or_else(|| panic!("docs/topology.md: `{key}` is no key of {block}"));
                let default = field.get("default").map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                if let Some(default) = default {
                    assert_eq!(row[2], format!("`{default}`"), "docs/topology.md: the default of {block}.{key}");
                }
                let words = field["enum"].as_array().into_iter().flatten().chain(field.get("const"));
                for word in words.map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)) {
                    assert!(row[3].contains(&format!("`{word}`")), "docs/topology.md: {block}.{key} does not name `{word}`: {}", row[3]);
                }
                assert!(told.entry(block).or_default().insert(key.clone()), "docs/topology.md has {block}.{key} twice");
            }
        }
    }
    // What may differ in a region is said of the whole block, which names what may not.
    let of_all =
        ["engine", "engine_version", "writer", "database_name", "master_username", "on_destroy", "encryption", "regions", "per_region"];
    let of_alarm =
        ["service", "table", "aurora", "record", "metric", "namespace", "dimensions", "unit", "operation", "regions", "per_region"];
    let same: [(&str, &str, &[&str]); 4] = [
        ("alarm_in_region", "alarm", &of_alarm),
        ("aurora_in_region", "aurora", &of_all),
        ("service_in_region", "service", &["regions", "per_region"]),
        ("record_in_region", "record", &["service", "policy", "weights", "locations", "regions", "per_region"]),
    ];
    for (block, whole, shared) in same {
        let differ = told[whole].iter().filter(|key| !shared.contains(&key.as_str())).cloned().collect();
        told.insert(block, differ);
    }
    let definitions = schema["$defs"].as_object().unwrap().iter().map(|(name, block)| (name.as_str(), block));
    for (name, block) in definitions.chain([("topology", &schema)]) {
        let keys: BTreeSet<String> = block["properties"].as_object().unwrap().keys().cloned().collect();
        // What no member may set yet is said once, of the table.
        let keys = keys.into_iter().filter(|key| name != "table_in_region" || block["properties"][key].get("not").is_none());
        assert_eq!(told.remove(name).unwrap_or_default(), keys.collect::<BTreeSet<_>>(), "docs/topology.md, the keys of {name}");
    }
}

#[test]
fn the_reference_has_no_code_that_does_not_exist() {
    let text = read("docs/topology.md");
    let table = tables(&text).into_iter().find(|table| table.title == "All codes").unwrap();
    let told: Vec<String> = table.rows.iter().flat_map(|row| inline(&row[0])).collect();
    let codes: Vec<&str> = topology::CODES.iter().map(|code| code.name).collect();
    assert_eq!(told, codes);
}
