//! The rules that keep the layers apart, read off the source.
use std::{
    fs,
    path::{Path, PathBuf},
};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_engine_knows_no_sdk_and_only_views_print() {
    let mut wrong = Vec::new();
    for path in sources(&root().join("src")) {
        let place = path.strip_prefix(root().join("src")).unwrap().display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        let layer = place.split('/').next().unwrap_or_default();
        if ["topology", "resource", "plan", "apply", "view"].contains(&layer) && text.contains("aws_sdk_") {
            wrong.push(format!("{place} names an SDK crate"));
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let prints = ["println!(", "print!("].iter().any(|word| code.contains(word));
        if prints && !["cli", "view"].contains(&layer) {
            wrong.push(format!("{place} prints"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_test_file_is_forgotten() {
    let all = fs::read_to_string(root().join("tests/mrctl.rs")).unwrap();
    for entry in fs::read_dir(root().join("tests")).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        if !["mrctl", "topologies"].contains(&name.as_str()) {
            assert!(all.contains(&format!("mod {name};")), "tests/mrctl.rs does not declare {name}");
        }
    }
}

#[test]
fn the_readme_names_every_command() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for command in ["validate", "plan", "apply", "destroy", "graph", "sandbox", "schema", "completions", "man"] {
        assert!(readme.contains(&format!("`{command}`")), "{command}");
    }
}
