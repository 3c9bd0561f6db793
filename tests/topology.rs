//! What the topology reader says about valid and invalid files.
use std::{fs, path::Path};

use mrctl::{topology, view};
use proptest::prelude::*;

fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/topologies").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn every_invalid_file_has_a_report() {
    let files = files("invalid");
    assert!(files.len() >= 40, "{} invalid files", files.len());
    for (name, bytes) in files {
        let report = topology::load(&name, &bytes).expect_err(&name);
        insta::with_settings!({ snapshot_path => "topologies/reports", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name.clone(), view::report::text(&report, false));
        });
    }
}

#[test]
fn every_valid_file_loads() {
    let example = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("topology.example.yaml")).unwrap();
    for (name, bytes) in files("valid").into_iter().chain([("topology.example.yaml".to_owned(), example)]) {
        if let Err(report) = topology::load(&name, &bytes) {
            panic!("{}", view::report::text(&report, false));
        }
    }
}

#[test]
fn thirty_mistakes_are_thirty_problems() {
    let (name, bytes) = files("invalid").into_iter().find(|(name, _)| name == "thirty-mistakes.yaml").unwrap();
    let report = topology::load(&name, &bytes).unwrap_err();
    assert_eq!(report.problems.len(), 30, "{}", view::report::text(&report, false));
    for code in ["decode::unknown-key", "decode::type", "decode::missing"] {
        assert!(report.problems.iter().any(|problem| problem.code == code), "{code}");
    }
}

fn code_of(bytes: &[u8]) -> String {
    topology::load("t.yaml", bytes).unwrap_err().problems[0].code.to_owned()
}

#[test]
fn each_hostile_file_has_its_own_answer() {
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n";
    assert_eq!(code_of(b""), "file::empty");
    assert_eq!(code_of(b"# nothing\n"), "file::empty");
    assert_eq!(code_of(&[0xff, 0xfe, 0x00]), "file::not-utf8");
    assert_eq!(code_of(b"version: 1\n---\nversion: 1\n"), "file::several-documents");
    assert_eq!(code_of(bomb.as_bytes()), "file::too-many-nodes");
    assert_eq!(code_of("[".repeat(100_000).as_bytes()), "file::nesting");
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(100 << 20).unwrap();
    assert_eq!(topology::read_file(file.path()).unwrap_err().problems[0].code, "file::too-large");
    assert_eq!(topology::read_file(Path::new("no/such/file.yaml")).unwrap_err().problems[0].code, "file::missing");
}

fn never_panics(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Err(report) = topology::load("t.yaml", bytes) {
        prop_assert!(!report.problems.is_empty());
        for problem in &report.problems {
            let (line, column) = report.position(problem);
            prop_assert!(line >= 1 && column >= 1);
        }
        prop_assert!(!view::report::text(&report, false).is_empty());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(300), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        never_panics(&bytes)?;
    }

    #[test]
    fn mutated_files_never_panic(at in any::<prop::sample::Index>(), cut in 0_usize..20, insert in "[ -~\\n\\t]{0,12}") {
        let mut text = include_str!("../topology.example.yaml").to_owned();
        let start = at.index(text.len());
        let end = (start + cut).min(text.len());
        if text.is_char_boundary(start) && text.is_char_boundary(end) {
            text.replace_range(start..end, &insert);
            never_panics(text.as_bytes())?;
        }
    }
}

/// How many cases a property is tried with; more on request.
fn cases(default: u32) -> u32 {
    std::env::var_os("MRCTL_CASES").and_then(|text| text.to_str()?.parse().ok()).unwrap_or(default)
}
