//! The global databases that a service uses: whether it can reach them, and the variables that tell it how.
use super::{aurora::existing, services::Here};
use crate::topology::{
    aurora::{env_prefix, forwards_writes, instances, region_codes},
    codes,
    decode::{AuroraDraft, UsesAuroraDraft},
    model::Peering,
    node::shortened,
    report::{At, Problem},
    suggest,
};

/// What follows the prefix in the names of the variables. That of a database without a name is kept free too: it may get one.
const VARIABLES: [&str; 7] = ["WRITER_HOST", "LOCAL_HOST", "READER_HOST", "PORT", "NAME", "USERNAME", "PASSWORD"];

pub fn databases(here: &Here<'_>, problems: &mut Vec<Problem>) {
    for uses in &here.member.aurora {
        match here.draft.aurora.iter().find(|aurora| aurora.key.value == uses.key.value) {
            Some(aurora) if !region_codes(here.draft, aurora).contains(&here.region) => absent(here, uses, aurora, problems),
            Some(aurora) => reach(here, uses, aurora, problems),
            None => {
                let keys: Vec<&str> = here.draft.aurora.iter().map(|aurora| aurora.key.value.as_str()).collect();
                let text = format!("there is no database `{}` in this file", shortened(&uses.key.value));
                let problem = Problem::new(codes::SERVICE_USES, text).at(uses.key.span, "not under `aurora`");
                problems.push(problem.help(suggest::help(&uses.key.value, "databases", &keys)));
            }
        }
        prefix(uses, problems);
    }
    variables(here, problems);
}

fn absent(here: &Here<'_>, uses: &UsesAuroraDraft, aurora: &AuroraDraft, problems: &mut Vec<Problem>) {
    let (key, region) = (shortened(&uses.key.value), here.region);
    problems.push(
        Problem::new(codes::SERVICE_USES, format!("the database `{key}` is not in `{region}`, where the service uses it"))
            .at(uses.key.span, "used in every region of the service")
            .at(aurora.regions.as_ref().map_or(aurora.key.span, |list| list.span), "the database's regions")
            .help(format!(
                "add `{region}` to the regions of the database, or take the use away: `per_region: {{ {region}: {{ uses: {{ aurora: null }} }} }}`"
            )),
    );
}

/// Where the writer is not, writes go through the cluster of the region, or straight to the writer over the peering.
fn reach(here: &Here<'_>, uses: &UsesAuroraDraft, aurora: &AuroraDraft, problems: &mut Vec<Problem>) {
    let Some(writer) = aurora.writer.as_ref().map(|writer| writer.value.as_str()) else { return };
    if writer == here.region || !region_codes(here.draft, aurora).contains(&writer) {
        return;
    }
    let Some(network) = &here.draft.network else { return };
    let of_others = [here.region, writer].into_iter().any(|region| existing(network, region).is_some());
    let is_mesh = network.peering.as_ref().is_some_and(|peering| peering.value == Peering::Mesh);
    if is_mesh && !of_others {
        return;
    }
    let or_peer = if of_others { "; mrctl peers no VPC that it has not made" } else { ", or `peering: mesh` to reach the writer" };
    let member = aurora.member_in(here.region);
    let key = shortened(&uses.key.value);
    let problem = if instances(member) == 0 {
        let span = member.instances.as_ref().map_or(aurora.key.span, |given| given.span);
        let text = format!("in `{}` nobody answers for the database `{key}`: its cluster has no instances", here.region);
        Problem::new(codes::SERVICE_DATABASE, text)
            .at(uses.key.span, "used here")
            .at(span, "has no instances")
            .help(format!("write `instances: 1`{or_peer}"))
    } else if forwards_writes(member) || member.write_forwarding.is_none() && member.write_forwarding_present {
        return;
    } else {
        let span = member.write_forwarding.as_ref().map_or(aurora.key.span, |given| given.span);
        let text = format!("in `{}` the service could not write to the database `{key}`", here.region);
        Problem::new(codes::SERVICE_DATABASE, text)
            .at(uses.key.span, format!("the writer is in `{}`", shortened(writer)))
            .at(span, "passes no writes on")
            .help(format!("write `write_forwarding: true`{or_peer}"))
    };
    problems.push(problem);
}

fn prefix(uses: &UsesAuroraDraft, problems: &mut Vec<Problem>) {
    let Some(prefix) = &uses.env_prefix else { return };
    let text = prefix.value.as_str();
    let wrong = if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        "must begin with a letter or `_`".to_owned()
    } else if let Some(strange) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '_')) {
        format!("contains `{}`", strange.escape_debug())
    } else if text.ends_with('_') {
        "ends with `_`, which mrctl adds".to_owned()
    } else {
        return;
    };
    problems.push(
        Problem::new(codes::SERVICE_ENV_PREFIX, format!("names of variables cannot begin with `{}`", shortened(text)))
            .at(prefix.span, wrong)
            .help("write letters, digits and `_`: `env_prefix: SHOP_DB` gives `SHOP_DB_PORT` and so on"),
    );
}

fn variables(here: &Here<'_>, problems: &mut Vec<Problem>) {
    let of = |uses: &UsesAuroraDraft| uses.env_prefix.as_ref().map_or(uses.key.span, |prefix| prefix.span);
    let all = &here.member.aurora;
    for (index, uses) in all.iter().enumerate() {
        let prefix = env_prefix(uses);
        // The same key twice is reported as such.
        let same = |other: &&UsesAuroraDraft| env_prefix(other) == prefix && other.key.value != uses.key.value;
        if let Some(first) = all[..index].iter().find(same) {
            problems.push(
                Problem::new(codes::SERVICE_ENV_PREFIX, format!("two databases would set `{}_PORT`", shortened(&prefix)))
                    .at(of(uses), "this one")
                    .at(of(first), "and this one")
                    .help("give one of them another prefix: `env_prefix: SHOP_DB`"),
            );
        }
        let is_its = |name: &str| {
            let rest = name.strip_prefix(&prefix).and_then(|rest| rest.strip_prefix('_'));
            rest.is_some_and(|rest| VARIABLES.contains(&rest))
        };
        let given = here.member.environment.iter().chain(&here.member.secrets).map(|(name, _)| name);
        for At { value: name, span } in given.filter(|name| is_its(&name.value)) {
            problems.push(
                Problem::new(codes::SERVICE_ENV_PREFIX, format!("`{}` is set twice", shortened(name)))
                    .at(*span, "set here")
                    .at(of(uses), "and by mrctl, for this database")
                    .help("rename it, or give the database another prefix: `env_prefix: SHOP_DB`"),
            );
        }
    }
}
