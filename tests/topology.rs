//! What is said about valid and invalid topologies.
mod alarms;
mod aurora;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use mrctl::{
    resource::Region,
    topology::{
        self, Access, Certificate, EndpointCheck, HealthCheck, HealthCheckProtocol, Image, LoadBalancer, Location, Model, Report, Routing,
        ScaleOn, Tasks, ZoneChoice,
    },
    view,
};
use proptest::prelude::*;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// The files of a folder under tests/topologies, by name without the ending.
fn files(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(root().join("tests/topologies").join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let yaml = files.filter(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    yaml.map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())).collect()
}

fn example() -> Vec<u8> {
    fs::read(root().join("topology.example.yaml")).unwrap()
}

fn valid() -> BTreeMap<String, Vec<u8>> {
    // Those under `checked` are valid too, but ask for what the local AWS does not have.
    let mut valid = files("valid");
    valid.extend(files("checked"));
    valid.insert("topology.example".into(), example());
    valid
}

fn model(name: &str) -> Model {
    match topology::load(name, &files("valid")[name]) {
        Ok((model, _)) => model,
        Err(report) => panic!("{}", view::report::text(&report, false)),
    }
}

fn report(bytes: &[u8]) -> Report {
    topology::load("t.yaml", bytes).expect_err("the file is invalid")
}

fn only_code(bytes: &[u8]) -> &'static str {
    let report = report(bytes);
    assert_eq!(report.problems.len(), 1, "{}", view::report::text(&report, false));
    report.problems[0].code
}

#[test]
fn every_invalid_file_has_a_report() {
    let files = files("invalid");
    assert!(files.len() >= 40, "{} invalid files", files.len());
    for (name, bytes) in files {
        let Err(report) = topology::load(&format!("{name}.yaml"), &bytes) else { panic!("{name} is valid") };
        insta::with_settings!({ snapshot_path => "topologies/reports", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, view::report::text(&report, false));
        });
    }
}

#[test]
fn every_valid_file_loads() {
    for (name, bytes) in valid() {
        let (_, report) = topology::load(&name, &bytes).unwrap_or_else(|report| panic!("{}", view::report::text(&report, false)));
        let expected: &[&str] = match name.as_str() {
            "one_region" => &["region::single"],
            _ => &[],
        };
        assert_eq!(report.problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn the_model_holds_what_the_file_says() {
    let region = Region::new;
    let three = model("three_regions");
    assert_eq!(three.account.as_deref(), Some("012345678901"));
    assert_eq!(three.tags["account"], "012345678901");
    assert_eq!(three.tags["orders"], "payments-test-Orders");
    assert_eq!(three.tables["Carts"].name, "payments-test.carts_012345678901");
    assert_eq!(three.rollout.bake, Duration::from_secs(30));
    assert_eq!(three.rollout_order(), [region("eu-west-1"), region("us-east-1"), region("ap-southeast-2")]);
    assert_eq!(three.tables["Orders"].members.keys().cloned().collect::<Vec<_>>(), three.rollout_order());

    let two = model("two_regions");
    assert_eq!(two.network.unwrap().availability_zones, ZoneChoice::Count(3));
    assert_eq!(two.tables["Orders"].name, "shop-Orders");

    let many = model("written_in_many_ways");
    assert_eq!(many.account.as_deref(), Some("123456789012"));
    assert_eq!((many.tags["release"].as_str(), many.tags["on"].as_str()), ("16.10", "yes"));
    assert_eq!(many.tables["Carts"].partition_key.name, "order id");

    let members = &model("per_region").tables["Orders"].members;
    let settings = |code| (members[&region(code)].point_in_time_recovery, members[&region(code)].deletion_protection);
    assert_eq!(settings("us-east-1"), (false, false), "scalars replace, the rest is the table's own");
    assert_eq!(settings("eu-west-1"), (true, true), "null restores the default");
    assert_eq!(settings("eu-west-2"), (true, false), "an empty entry changes nothing");

    let some = model("table_in_some_regions");
    assert_eq!(some.tables["European"].members.keys().cloned().collect::<Vec<_>>(), [region("eu-west-1"), region("eu-north-1")]);
    assert_eq!(some.tables["Local"].members.len(), 1);

    let ZoneChoice::Ids(ids) = model("zone_ids").network.unwrap().availability_zones else { panic!("a count") };
    assert_eq!(ids[&region("us-east-1")], ["use1-az1", "use1-az2"]);
    assert_eq!(ids[&region("eu-west-1")].len(), 3);

    let existing = &model("existing").network.unwrap().existing[&region("us-east-1")];
    assert_eq!((existing.line, existing.vpc.as_str(), existing.public_subnets.len()), (12, "vpc-00000001", 2));
}

#[test]
fn the_model_holds_what_the_file_says_of_services_and_names() {
    let region = Region::new;
    let all = model("services");
    let api = |code| all.service("api", &region(code)).unwrap();
    let (first, second) = (api("us-east-1"), api("eu-west-1"));
    assert_eq!(all.services["api"].members.len(), 2);
    assert_eq!(first.image, Image { uri: "{account}.dkr.ecr.us-east-1.amazonaws.com/api:1.4.2".into(), owned_by_ci: false });
    assert_eq!(second.command, ["serve", "--region", "eu-west-1"]);
    assert_eq!(second.secrets["STRIPE_KEY"], "arn:aws:secretsmanager:eu-west-1:{account}:secret:stripe-AbCdEf:key::");
    assert_eq!(first.environment["DYNAMO_TABLE"], "shop-Orders");
    assert_eq!(first.environment["SETTINGS"], r#"{"retries": 3, "stack": "shop"}"#);
    assert_eq!((first.environment.get("PORT").map(String::as_str), second.environment.get("PORT")), (Some("3000"), None));
    assert_eq!((first.tasks, second.tasks), (Tasks { min: 3, max: 12 }, Tasks { min: 2, max: 12 }), "maps are merged key by key");
    assert_eq!((first.scale_on, second.scale_on), (Some(ScaleOn::Cpu(50)), Some(ScaleOn::Memory(60))));
    assert_eq!((first.health_check.path.as_str(), second.health_check.path.as_str()), ("/health", "/"), "null restores the default");
    assert_eq!(second.health_check.codes, "200-299,304");
    assert_eq!((first.log_retention, second.log_retention), (Some(90), None));
    assert_eq!((first.deletion_protection, second.deletion_protection), (false, true));
    assert_eq!((first.tables["Orders"], first.certificate.clone()), (Access::ReadWrite, Certificate::Managed));

    let worker = all.service("worker", &region("eu-central-1")).unwrap();
    assert!(worker.image.owned_by_ci);
    assert_eq!((worker.cpu, worker.memory, worker.tasks), (256, 512, Tasks { min: 2, max: 2 }));
    assert_eq!((worker.load_balancer, worker.certificate.clone()), (LoadBalancer::None, Certificate::None));
    assert_eq!(worker.stop_timeout, Duration::from_secs(30));
    let front = all.service("shopfront", &region("eu-central-1")).unwrap();
    assert!(matches!(&front.certificate, Certificate::Arn(arn) if arn.starts_with("arn:aws:acm:eu-central-1:")));
    assert_eq!(front.allow_from, ["0.0.0.0/0".parse().unwrap()]);
    assert_eq!(all.service("shopfront", &region("eu-west-1")), None);

    assert_eq!(all.iam.path, "/team/payments/");
    assert_eq!(all.names_of("api", &region("us-east-1")), ["*.api.example.com", "api.example.com"]);
    assert_eq!(all.names_of("api", &region("eu-west-1")), ["api.example.com"]);
    let dns = all.dns.as_ref().unwrap();
    assert_eq!((dns.zone.name.as_str(), dns.zone.create), ("example.com", true));
    let check = |name: &str, code| match dns.records[name].members[&region(code)].health_check.clone()? {
        HealthCheck::Endpoint(check) => Some(check),
        HealthCheck::Alarm(check) => panic!("{check:?}"),
    };
    let https =
        EndpointCheck { protocol: HealthCheckProtocol::Https, port: 443, path: Some("/live".into()), interval: 30, failure_threshold: 5 };
    assert_eq!((check("api.example.com", "us-east-1"), check("api.example.com", "eu-west-1")), (Some(https), None));
    let tcp = check("site.example.com", "eu-west-1").unwrap();
    assert_eq!((tcp.protocol, tcp.port, tcp.path, tcp.interval), (HealthCheckProtocol::Tcp, 80, None, 10));
    assert_eq!(check("example.com", "us-east-1").unwrap().path.as_deref(), Some("/"), "that of the service");
    let routing = |name: &str, code| dns.records[name].members[&region(code)].routing.clone();
    assert_eq!(routing("api.example.com", "us-east-1"), Routing::Latency);
    assert_eq!(routing("site.example.com", "eu-central-1"), Routing::Weighted(0));
    let europe = [Location::Continent("EU".into()), Location::Country("NO".into())];
    assert_eq!(routing("example.com", "eu-central-1"), Routing::Geolocation(europe.to_vec()));
}

#[test]
fn thirty_mistakes_are_thirty_problems() {
    let report = report(&files("invalid")["thirty_mistakes"]);
    assert_eq!(report.problems.len(), 30, "{}", view::report::text(&report, false));
    for code in ["decode::unknown-key", "decode::type", "decode::missing"] {
        assert!(report.problems.iter().any(|problem| problem.code == code), "{code}");
    }
}

#[test]
fn each_hostile_file_has_its_own_answer() {
    assert_eq!(only_code(b""), "file::empty");
    assert_eq!(only_code(b"# nothing\n"), "file::empty");
    assert_eq!(only_code(b"\xef\xbb\xbf"), "file::empty");
    assert_eq!(only_code(&[0xff, 0xfe, 0x00]), "file::not-utf8");
    assert_eq!(only_code(b"version: 1\n---\nversion: 1\n"), "file::several-documents");
    assert_eq!(only_code(&files("invalid")["alias_bomb"]), "file::too-many-nodes");
    assert_eq!(only_code("x: 1\n".repeat(300_000).as_bytes()), "file::too-large");
    let lines: String = (0..6_000).map(|n| format!("k{n}: v\n")).collect();
    assert_eq!(only_code(lines.as_bytes()), "file::too-many-nodes");
    // An alias in an alias in an alias: shallow where it is written, deep where it is used.
    let deep = |n: usize, inner: &str| format!("{}{inner}{}", "[".repeat(n), "]".repeat(n));
    let chain = format!("a: &a {}\nb: &b {}\nc: {}\n", deep(30, "x"), deep(30, "*a"), deep(30, "*b"));
    assert_eq!(only_code(chain.as_bytes()), "file::nesting");
}

#[test]
fn deep_nesting_is_refused_at_once_in_every_notation() {
    for unit in ["[", "{a: ", "{", "- ", "? ", "[{", "!!seq [", "&a [", "a: [", "- - ? "] {
        let text = unit.repeat(100_000);
        let text = &text[..text.len().min(1 << 20)];
        let start = Instant::now();
        let report = report(text.as_bytes());
        assert!(report.problems.iter().any(|problem| matches!(problem.code, "file::nesting" | "yaml::syntax")), "{unit}");
        assert!(start.elapsed() < Duration::from_secs(20), "{unit} took {:?}", start.elapsed());
    }
    assert_eq!(only_code("[".repeat(100_000).as_bytes()), "file::nesting");
    assert_eq!(only_code("- ".repeat(100_000).as_bytes()), "file::nesting");
    assert_eq!(only_code("{a: ".repeat(100_000).as_bytes()), "file::nesting");
}

#[test]
fn files_are_refused_before_they_are_read_whole() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(100 << 20).unwrap();
    let codes = |path: &Path| topology::read_file(path).unwrap_err().problems.into_iter().map(|problem| problem.code).collect::<Vec<_>>();
    assert_eq!(codes(file.path()), ["file::too-large"]);
    assert_eq!(codes(Path::new("no/such/file.yaml")), ["file::missing"]);
    assert_eq!(codes(&std::env::temp_dir()), ["file::unreadable"]);
    // It has no end, and is refused all the same.
    assert_eq!(codes(Path::new("/dev/zero")), ["file::too-large"]);
    assert_eq!(topology::read_file(&root().join("topology.example.yaml")).unwrap(), example());
    let shown = view::report::text(&topology::read_file(Path::new("no/such/file.yaml")).unwrap_err(), false);
    insta::with_settings!({ snapshot_path => "topologies/reports", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("file_missing", shown);
    });
}

#[test]
fn a_report_as_json_has_lines_and_columns() {
    let json = report(&files("invalid")["cidr_host_bits"]).to_json();
    let expected = serde_json::json!({ "problems": [{
        "code": "cidr::host-bits",
        "severity": "error",
        "message": "`10.10.1.0/16` has bits set outside its prefix",
        "line": 4,
        "column": 22,
        "help": "did you mean `10.10.0.0/16`?",
    }] });
    assert_eq!(json, expected);
    let wide = report("version: 1\nstack: shop\nregions: {us-east-1: , eu-west-1: }\ntags: { a: \"ü\", é: x }\n".as_bytes());
    let columns: Vec<_> = wide.problems.iter().map(|problem| wide.position(problem)).collect();
    assert_eq!(columns, [(4, 12), (4, 17)], "columns count characters");
}

#[test]
fn every_code_is_explained_and_emitted_and_documented() {
    let mut emitted: BTreeSet<&str> = files("invalid").values().flat_map(|bytes| report(bytes).problems).map(|p| p.code).collect();
    emitted.extend(valid().values().flat_map(|bytes| topology::load("t", bytes).unwrap().1.problems).map(|p| p.code));
    emitted.extend(["file::missing", "file::unreadable", "file::too-large"]);
    let table: BTreeSet<&str> = topology::CODES.iter().map(|code| code.name).collect();
    assert_eq!(table.len(), topology::CODES.len(), "a code stands twice");
    assert_eq!(emitted, table);
    let docs = fs::read_to_string(root().join("docs/topology.md")).unwrap();
    for code in topology::CODES {
        assert_eq!(topology::explain(code.name), Some(code.explanation));
        let line = format!("| `{}` | {} | {} |", code.name, code.severity.as_str(), code.explanation.replace('|', "\\|"));
        assert!(docs.contains(&line), "docs/topology.md lacks the line\n{line}");
    }
    assert_eq!(topology::explain("no::such"), None);
}

/// By definition, the keys of the schema; the top of the file is `topology`.
fn schema_keys(schema: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let keys = |block: &Value| block["properties"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let blocks = schema["$defs"].as_object().unwrap().iter().map(|(name, block)| (name.clone(), keys(block)));
    blocks.chain([("topology".to_owned(), keys(schema))]).collect()
}

#[test]
fn the_schema_has_the_keys_that_the_readers_ask_for() {
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for bytes in valid().values().chain(files("invalid").values()) {
        for (block, keys) in topology::asked_keys(bytes) {
            asked.entry(block.to_owned()).or_default().extend(keys.into_iter().map(str::to_owned));
        }
    }
    assert_eq!(asked, schema_keys(&topology::schema()));
    let docs = fs::read_to_string(root().join("docs/topology.md")).unwrap();
    for key in asked.values().flatten() {
        assert!(docs.contains(&format!("`{key}`")), "docs/topology.md does not mention `{key}`");
    }
}

/// The part of JSON schema that ours uses; says what does not fit.
fn misfits(schema: &Value, value: &Value, top: &Value, path: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return misfits(top.pointer(name.trim_start_matches('#')).unwrap(), value, top, path);
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let tried: Vec<_> = options.iter().map(|option| misfits(option, value, top, path)).collect();
        return if tried.iter().any(Vec::is_empty) { vec![] } else { tried.concat() };
    }
    let mut wrong = vec![];
    if schema["not"].is_object() {
        wrong.push(format!("{path}: not built"));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => vec![kind],
    };
    if !(types.contains(&kind) || kind == "integer" && types.contains(&"number")) {
        wrong.push(format!("{path}: {kind} is not {types:?}"));
    }
    if let Some(choices) = schema["enum"].as_array().filter(|choices| !choices.contains(value)) {
        wrong.push(format!("{path}: not one of {choices:?}"));
    }
    if let Some(only) = schema.get("const").filter(|only| *only != value) {
        wrong.push(format!("{path}: not {only}"));
    }
    for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(key).is_none() {
            wrong.push(format!("{path}: lacks {key}"));
        }
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        match (&schema["properties"][key], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => wrong.push(format!("{path}: unknown key")),
            (Value::Null, other) => wrong.extend(misfits(other, inner, top, &path)),
            (known, _) => wrong.extend(misfits(known, inner, top, &path)),
        }
    }
    for item in value.as_array().into_iter().flatten() {
        wrong.extend(misfits(&schema["items"], item, top, &format!("{path}[]")));
    }
    wrong
}

#[test]
fn valid_files_fit_the_schema_and_misspelt_ones_do_not() {
    let schema = topology::schema();
    for (name, bytes) in valid() {
        let value = topology::as_json(&bytes).unwrap();
        assert_eq!(misfits(&schema, &value, &schema, ""), Vec::<String>::new(), "{name}");
    }
    for name in ["unknown_keys", "wrong_types", "network_choices", "table_capacity", "sections_not_built", "missing_everything"] {
        let value = topology::as_json(&files("invalid")[name]).unwrap();
        assert_ne!(misfits(&schema, &value, &schema, ""), Vec::<String>::new(), "{name}");
    }
}

/// Whatever the bytes are: no panic, and every problem stands somewhere in the file.
fn is_answered(bytes: &[u8]) -> Result<(), TestCaseError> {
    let report = match topology::load("t.yaml", bytes) {
        Ok((_, report)) => report,
        Err(report) => {
            prop_assert!(report.has_errors());
            report
        }
    };
    let lines: Vec<&str> = report.text.split('\n').collect();
    for problem in &report.problems {
        prop_assert!(!problem.labels.is_empty(), "{problem:?} has no place");
        let (line, column) = report.position(problem);
        prop_assert!(line >= 1 && line <= lines.len(), "line {line} of {}: {problem:?}", lines.len());
        prop_assert!(column >= 1 && column <= lines[line - 1].chars().count() + 1, "column {column}: {problem:?}");
        for (span, _) in &problem.labels {
            prop_assert!(report.text.get(span.start..span.end).is_some(), "{problem:?}");
        }
    }
    prop_assert!(!view::report::text(&report, false).is_empty());
    prop_assert!(!view::report::text(&report, true).is_empty());
    prop_assert!(report.to_json()["problems"].is_array());
    Ok(())
}

/// How many cases a property is tried with; more on request.
fn cases(default: u32) -> u32 {
    std::env::var_os("MRCTL_CASES").and_then(|text| text.to_str()?.parse().ok()).unwrap_or(default)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(200), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        is_answered(&bytes)?;
    }

    #[test]
    fn random_yaml_signs_are_answered(text in "([-?:,\\[\\]{}#&*!|>'\"%@` \\n\\t~a1é<]|key: |- |\\r\\n|<<: |---\\n|\\.\\.\\.\\n|%YAML 1.2\\n|&a |\\*a ){0,60}") {
        is_answered(text.as_bytes())?;
    }

    #[test]
    fn mutated_files_are_answered(
        file in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..20, "[ -~\\n\\té]{0,8}"), 1..6),
    ) {
        let files: Vec<Vec<u8>> = valid().into_values().collect();
        let mut text = String::from_utf8_lossy(&files[file.index(files.len())]).into_owned();
        for (at, cut, insert) in changes {
            let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let start = at.index(starts.len());
            let end = (start + cut).min(starts.len() - 1);
            text.replace_range(starts[start]..starts[end], &insert);
        }
        is_answered(text.as_bytes())?;
    }
}
