//! From a file to a model.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read},
    path::Path,
};

use indexmap::IndexMap;
use ipnet::Ipv4Net;

use super::{
    alarms::{alarm_model, alerts_model},
    aurora::aurora_model,
    checks::{self, Resolved},
    codes,
    decode::{self, Draft, NetworkDraft, Reading, Zones},
    masked::{masked, seeming},
    model::*,
    node::{self, LARGEST_FILE},
    records::dns_model,
    report::{At, Problem, Report, Span, position},
    services::{iam_model, service_model},
    tables::table_model,
};
use crate::resource::Region;

/// Reads a file, but never more than a topology may have.
///
/// # Errors
/// A report with one problem when the file is missing, unreadable or too large.
pub fn read_file(path: &Path) -> Result<Vec<u8>, Report> {
    let name = path.display().to_string();
    let refuse = |error: io::Error| {
        let problem = match error.kind() {
            io::ErrorKind::NotFound => Problem::new(codes::FILE_MISSING, format!("there is no file `{name}`"))
                .help("name the topology with `--file PATH`; topology.example.yaml is one to start from"),
            _ => Problem::new(codes::FILE_UNREADABLE, format!("`{name}` cannot be read: {error}"))
                .help("give the path of a file that you may read"),
        };
        Report::without_text(&name, problem)
    };
    let file = File::open(path).map_err(refuse)?;
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to know.
    file.take(LARGEST_FILE as u64 + 1).read_to_end(&mut bytes).map_err(refuse)?;
    if bytes.len() > LARGEST_FILE { Err(Report::without_text(&name, too_large())) } else { Ok(bytes) }
}

fn too_large() -> Problem {
    Problem::new(codes::FILE_TOO_LARGE, "the file is larger than 1 MiB").help("check the path: this is probably not a topology")
}

/// Reads a topology. `name` is shown in reports.
///
/// # Errors
/// All that is wrong, warnings included, when anything forbids a plan.
pub fn load(name: &str, bytes: &[u8]) -> Result<(Model, Report), Report> {
    let (draft, text, reading) = read(name, bytes)?;
    let mut problems = reading.problems;
    let resolved = checks::check(&draft, &mut problems);
    let report = Report::new(name, &masked(text, &reading.masked), problems);
    if report.has_errors() { Err(report) } else { Ok((model(&draft, &resolved, text), report)) }
}

/// By kind of block, the keys that the readers ask for in this file. For the test that compares them with the schema.
#[doc(hidden)]
#[must_use]
pub fn asked_keys(bytes: &[u8]) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    read("", bytes).map(|(_, _, reading)| reading.asked).unwrap_or_default()
}

/// The file as an editor's schema check sees it: with YAML's own types. For the test that tries the schema on files.
#[doc(hidden)]
#[must_use]
pub fn as_json(bytes: &[u8]) -> Option<serde_json::Value> {
    node::read(std::str::from_utf8(bytes).ok()?).0.map(|root| root.to_json())
}

fn read<'a>(name: &str, bytes: &'a [u8]) -> Result<(Draft, &'a str, Reading), Report> {
    if bytes.len() > LARGEST_FILE {
        return Err(Report::without_text(name, too_large()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let start = error.valid_up_to();
        // The text before it is the same, so the position holds in the repaired text too.
        let text = String::from_utf8_lossy(bytes);
        let span = Span { start, end: start + '\u{fffd}'.len_utf8() };
        let problem = Problem::new(codes::FILE_NOT_UTF8, "the file is not UTF-8")
            .at(span, "the first byte that does not fit")
            .help("save it as UTF-8 in your editor");
        Report::new(name, &masked(&text, &seeming(&text)), vec![problem])
    })?;
    let (root, problems) = node::read(text);
    let mut reading = Reading { problems, ..Reading::default() };
    match root {
        Some(root) => {
            let draft = decode::decode(&root, &mut reading);
            Ok((draft, text, reading))
        }
        None => Err(Report::new(name, &masked(text, &seeming(text)), reading.problems)),
    }
}

/// The model of a draft that passed every check.
fn model(draft: &Draft, resolved: &Resolved, text: &str) -> Model {
    let regions: IndexMap<Region, RegionSpec> = draft
        .regions
        .iter()
        .map(|region| {
            let cidr = region.cidr.as_ref().and_then(|cidr| cidr.value.parse::<Ipv4Net>().ok());
            (Region::new(&region.code.value), RegionSpec { cidr })
        })
        .collect();
    let defaults = Rollout::default();
    let rollout = Rollout {
        order: draft.rollout.order.iter().map(|region| Region::new(&region.value)).collect(),
        bake: draft.rollout.bake.as_ref().map_or(defaults.bake, |bake| bake.value),
        gate_timeout: draft.rollout.gate_timeout.as_ref().map_or(defaults.gate_timeout, |timeout| timeout.value),
    };
    let mut model = Model {
        stack: draft.stack.as_ref().map(|stack| stack.value.clone()).unwrap_or_default(),
        account: draft.account.as_ref().map(|account| account.value.clone()),
        tags: resolved.tags.iter().cloned().collect(),
        regions,
        network: draft.network.as_ref().map(|network| network_model(draft, network, text)),
        tables: IndexMap::new(),
        aurora: IndexMap::new(),
        alarms: IndexMap::new(),
        alerts: None,
        dashboard: draft.dashboard.as_ref().is_some_and(|dashboard| dashboard.value),
        services: IndexMap::new(),
        iam: Iam::default(),
        dns: None,
        rollout,
    };
    let order = model.rollout_order();
    for table in &draft.tables {
        let name = resolved.table_names.get(&table.key.value).cloned().unwrap_or_default();
        if let Some(made) = table_model(draft, table, name, &order) {
            model.tables.insert(table.key.value.clone(), made);
        }
    }
    for aurora in &draft.aurora {
        if let Some(made) = aurora_model(draft, aurora, &order) {
            model.aurora.insert(aurora.key.value.clone(), made);
        }
    }
    let services = draft.services.iter().map(|service| {
        let made = service_model(draft, service, &resolved.table_names, &order);
        (service.key.value.clone(), made)
    });
    model.services = services.collect();
    model.iam = draft.iam.as_ref().map(|iam| iam_model(draft, iam)).unwrap_or_default();
    model.dns = draft.dns.as_ref().and_then(|dns| dns_model(draft, dns, &order));
    for alarm in &draft.alarms {
        if let Some(made) = alarm_model(draft, alarm, &resolved.table_names, &order) {
            model.alarms.insert(alarm.key.value.clone(), made);
        }
    }
    model.alerts = draft.alerts.as_ref().map(|alerts| alerts_model(draft, &alerts.value, &resolved.table_names));
    model
}

fn network_model(draft: &Draft, network: &NetworkDraft, text: &str) -> Network {
    let codes = draft.region_codes();
    let texts = |list: &[At<String>]| list.iter().map(|item| item.value.clone()).collect::<Vec<_>>();
    let zones = match &network.zones {
        None => ZoneChoice::Count(3),
        Some(Zones::Count(count)) => ZoneChoice::Count(usize::try_from(count.value).unwrap_or(3)),
        Some(Zones::Ids(ids)) => {
            let mut by_region: BTreeMap<Region, Vec<String>> = BTreeMap::new();
            for id in &ids.value {
                if let Some(region) = checks::zone_region(&id.value, &codes) {
                    by_region.entry(Region::new(region)).or_default().push(id.value.clone());
                }
            }
            ZoneChoice::Ids(by_region)
        }
    };
    let existing = network.existing.iter().filter_map(|(region, found)| {
        let found = found.as_ref()?;
        let vpc = found.vpc.as_ref()?.value.clone();
        let (public_subnets, private_subnets) = (texts(&found.public_subnets), texts(&found.private_subnets));
        let line = position(text, region.span.start).0;
        Some((Region::new(&region.value), ExistingNetwork { line, vpc, public_subnets, private_subnets }))
    });
    Network {
        availability_zones: zones,
        // Omitted means none: a gateway in every zone costs money by the hour.
        nat_gateways: network.nat_gateways.as_ref().map_or(NatGateways::None, |nat| nat.value),
        endpoints: network.endpoints.as_ref().map(|list| texts(&list.value)).unwrap_or_default(),
        peering: network.peering.as_ref().map_or(Peering::None, |peering| peering.value),
        existing: existing.collect(),
    }
}
