//! The cluster of a global database in each of its regions: capacity, instances, backups, parameters.
use super::{
    aurora_engine::{Since, Version, version},
    service_tasks::within,
};
use crate::topology::{
    aurora::{instances, region_codes},
    codes,
    decode::{AuroraDraft, AuroraMemberDraft, Draft, ServerlessDraft},
    model::AuroraEngine,
    node::shortened,
    report::{At, Problem, Span},
};

const MOST_INSTANCES: u64 = 16;
/// In half units. Aurora user guide, "Aurora Serverless v2 capacity".
const MOST_UNITS: u64 = 512;
const MOST_UNITS_BEFORE: u64 = 256;
/// In half units: eight, for the writer's cluster (field guide 4.3 item 3).
const RECOMMENDED: u64 = 16;
/// The versions with Aurora Serverless v2, those with 256 units, and those that may pause (the same page).
const SERVERLESS: Since = Since {
    mysql: &[Version::new(3, 2, 0)],
    postgresql: &[Version::new(13, 6, 0), Version::new(14, 3, 0), Version::new(15, 2, 0), Version::new(16, 0, 0)],
};
const LARGE: Since = Since {
    mysql: &[Version::new(3, 6, 0)],
    postgresql: &[Version::new(13, 13, 0), Version::new(14, 10, 0), Version::new(15, 5, 0), Version::new(16, 1, 0)],
};
const PAUSES: Since = Since {
    mysql: &[Version::new(3, 8, 0)],
    postgresql: &[Version::new(13, 15, 0), Version::new(14, 12, 0), Version::new(15, 7, 0), Version::new(16, 3, 0)],
};
const TABLE_NAMES: &str = "lower_case_table_names";

pub fn members(draft: &Draft, aurora: &AuroraDraft, problems: &mut Vec<Problem>) {
    let codes = region_codes(draft, aurora);
    for region in &codes {
        let member = aurora.member_in(region);
        let is_writer = aurora.writer.as_ref().is_some_and(|writer| writer.value == *region);
        capacity(aurora, member, region, problems);
        if let Some(class) = &member.instance_class {
            instance_class(class, problems);
        }
        if let Some(limits) = &member.serverless {
            serverless(aurora, limits, is_writer, problems);
        }
        count(member, region, is_writer.then_some(codes.len()), problems);
        if let Some(days) = &member.backup_retention_days {
            within(codes::AURORA_BACKUP_RETENTION, days, 1..=35, "the number of days that backups are kept", problems);
        }
        parameters(member, problems);
    }
    table_names(aurora, &codes, problems);
}

fn capacity(aurora: &AuroraDraft, member: &AuroraMemberDraft, region: &str, problems: &mut Vec<Problem>) {
    let both = "`instance_class` and `serverless` exclude each other";
    if let (Some(class), Some(limits)) = (&member.instance_class, &member.serverless) {
        problems.push(
            Problem::new(codes::AURORA_CAPACITY, both)
                .at(limits.key, "Aurora scales each instance")
                .at(class.span, "and each is of this class")
                .help("remove one of them; in `per_region` take the other away: `{ instance_class: null, serverless: … }`"),
        );
    }
    if !member.capacity_present {
        let own = aurora.per_region.iter().find(|(of, _)| of.value == region && aurora.member.capacity_present);
        let (span, place) = own.map_or((aurora.key.span, String::new()), |(of, _)| (of.span, format!(" in `{region}`")));
        let text = format!("the database `{}` has no capacity{place}", shortened(&aurora.key.value));
        let problem = Problem::new(codes::AURORA_CAPACITY, text).at(span, "has neither `instance_class` nor `serverless`");
        problems.push(problem.help("write `instance_class: db.r6g.large` or `serverless: { min: 8, max: 64 }`"));
    }
}

/// Field guide 4.3 item 3.
fn instance_class(class: &At<String>, problems: &mut Vec<Problem>) {
    let parts: Vec<&str> = class.value.split('.').collect();
    let is_size = |size: &str| {
        let times = size.strip_suffix("xlarge");
        size == "large" || times.is_some_and(|times| times.len() <= 2 && times.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let plain = "write a class as AWS does: `db.r6g.large`".to_owned();
    let (wrong, help) = match parts[..] {
        ["db", "serverless"] => ("not a class here", "write `serverless: { min: 8, max: 64 }` instead of `instance_class`".to_owned()),
        ["db", family, size] if is_size(size) => match () {
            () if family == "x2g" || generation(family).is_some_and(|generation| generation >= 5) => return,
            () if generation(family).is_some() => ("too old a generation", "take `db.r5` or a later one: `db.r6g.large`".to_owned()),
            () if family.starts_with('t') => {
                ("Aurora refuses it in a global database", format!("take a memory-optimised class: `db.r6g.{size}`"))
            }
            () => ("not memory-optimised", format!("take `db.r5` or a later one, or `db.x2g`: `db.r6g.{size}`")),
        },
        [family, size] if is_size(size) && generation(family).is_some() => {
            ("not the name of a class", format!("did you mean `db.{}`?", class.value))
        }
        ["db", family, _] if family.starts_with('t') => {
            ("Aurora refuses it in a global database", "take a memory-optimised class: `db.r6g.large`".to_owned())
        }
        _ => ("not the name of a class", plain),
    };
    problems.push(
        Problem::new(codes::AURORA_CLASS, format!("a global database cannot have instances of `{}`", shortened(&class.value)))
            .at(class.span, wrong)
            .help(help),
    );
}

/// Of a memory-optimised family such as `r6g`, the number in it.
fn generation(family: &str) -> Option<u32> {
    let rest = family.strip_prefix('r')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, kind) = rest.split_at(digits);
    kind.bytes().all(|byte| byte.is_ascii_lowercase()).then(|| number.parse().ok())?
}

fn serverless(aurora: &AuroraDraft, limits: &ServerlessDraft, is_writer: bool, problems: &mut Vec<Problem>) {
    let mut refuse = |text: String, span: Span, label: String, help: String| {
        problems.push(Problem::new(codes::AURORA_SERVERLESS, text).at(span, label).help(help));
    };
    let version = version(aurora);
    let has = |since: &Since| version.is_none_or(|(engine, version)| version.has(since.of(engine)));
    if !has(&SERVERLESS) {
        let help = "it needs Aurora MySQL 3.02.0, or Aurora PostgreSQL 13.6, 14.3 or 15.2, or later; or write `instance_class`".to_owned();
        refuse("this version of the engine has no Aurora Serverless v2".to_owned(), limits.key, "asks for it".to_owned(), help);
        return;
    }
    let most = if has(&LARGE) { MOST_UNITS } else { MOST_UNITS_BEFORE };
    let of_version = if most == MOST_UNITS { "" } else { " with this version of the engine" };
    for (units, least) in [(&limits.min, 0), (&limits.max, 2)] {
        let Some(units) = units.as_ref().filter(|units| !(least..=most).contains(&units.value)) else { continue };
        let range = format!("{} to {}{of_version}", shown(least), shown(most));
        let text = format!("{} capacity units are not possible here", shown(units.value));
        refuse(text, units.span, format!("must be {range}"), format!("write a number from {range}"));
        return;
    }
    if let (Some(min), Some(max)) = (&limits.min, &limits.max)
        && min.value > max.value
    {
        problems.push(
            Problem::new(
                codes::AURORA_SERVERLESS,
                format!("at least {} capacity units are more than at most {}", shown(min.value), shown(max.value)),
            )
            .at(max.span, "`max`")
            .at(min.span, "`min`")
            .help("`min` must not be above `max`"),
        );
        return;
    }
    let Some(min) = &limits.min else { return };
    if min.value == 0 && is_writer {
        let text = "the writer of a global database never pauses".to_owned();
        refuse(text, min.span, "would let it".to_owned(), "write at least `min: 0.5` for the writer's region; AWS recommends 8".to_owned());
    } else if min.value == 0 && !has(&PAUSES) {
        let help =
            "it needs Aurora MySQL 3.08.0, or Aurora PostgreSQL 13.15, 14.12, 15.7 or 16.3, or later; or write `min: 0.5`".to_owned();
        refuse("this version of the engine never pauses".to_owned(), min.span, "would let it".to_owned(), help);
    } else if is_writer && min.value < RECOMMENDED {
        problems.push(
            Problem::new(
                codes::AURORA_SERVERLESS_SMALL,
                format!("{} capacity units are little for the writer of a global database", shown(min.value)),
            )
            .at(min.span, "may not keep up with sending its changes")
            .help("AWS recommends at least `min: 8`"),
        );
    }
}

/// Half units as people write them.
fn shown(halves: u64) -> String {
    if halves.is_multiple_of(2) { (halves / 2).to_string() } else { format!("{}.5", halves / 2) }
}

/// `regions`: of the writer's region, how many the database has (Aurora user guide, "Configuration requirements of an Amazon Aurora
/// global database").
fn count(member: &AuroraMemberDraft, region: &str, regions: Option<usize>, problems: &mut Vec<Problem>) {
    let Some(given) = &member.instances else { return };
    if within(codes::AURORA_INSTANCES, given, 0..=MOST_INSTANCES, "the number of instances", problems) {
        return;
    }
    let Some(regions) = regions.and_then(|regions| u64::try_from(regions).ok()) else { return };
    let most = MOST_INSTANCES.saturating_sub(regions.saturating_sub(1));
    if instances(member) == 0 {
        problems.push(
            Problem::new(codes::AURORA_INSTANCES, format!("nobody could write: the cluster in `{region}` has no instances"))
                .at(given.span, "the writer is made here")
                .help("write at least 1, and 0 where it is meant: `per_region: { REGION: { instances: 0 } }`"),
        );
    } else if given.value > most {
        problems.push(
            Problem::new(codes::AURORA_INSTANCES, format!("the writer's cluster cannot have {} instances", given.value))
                .at(given.span, format!("at most {most} in a database of {regions} regions"))
                .help(format!("write at most {most}: each other region of the database takes the place of one")),
        );
    }
}

fn parameters(member: &AuroraMemberDraft, problems: &mut Vec<Problem>) {
    for (name, value) in &member.parameters {
        let text = name.value.as_str();
        let fits = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c))
            && text.len() <= 255;
        if !fits {
            problems.push(
                Problem::new(codes::AURORA_PARAMETER, format!("`{}` is not the name of a parameter", shortened(text)))
                    .at(name.span, "must have lower-case letters, digits and `_ . -`, a letter first")
                    .help("write it as the engine does: `binlog_format`, `rds.force_ssl`"),
            );
        } else if value.value.is_empty() {
            problems.push(
                Problem::new(codes::AURORA_PARAMETER, format!("the parameter `{}` cannot be empty", shortened(text)))
                    .at(value.span, "is empty")
                    .help("remove the parameter for the engine's default"),
            );
        }
    }
}

/// Field guide 4.4 item 3.
fn table_names(aurora: &AuroraDraft, codes: &[&str], problems: &mut Vec<Problem>) {
    if aurora.engine.as_ref().is_none_or(|engine| engine.value != AuroraEngine::Mysql) {
        return;
    }
    let given = |region: &&str| aurora.member_in(region).parameters.iter().find(|(name, _)| name.value == TABLE_NAMES);
    let value = |region: &&str| given(region).map(|(_, value)| value.value.as_str());
    let Some((first, others)) = codes.split_first() else { return };
    let Some(differs) = others.iter().find(|region| value(region) != value(first)) else { return };
    let Some((name, _)) = given(differs).or_else(|| given(first)) else { return };
    problems.push(
        Problem::new(codes::AURORA_PARAMETER, format!("`{TABLE_NAMES}` must be the same in all regions of the database"))
            .at(name.span, format!("differs between `{first}` and `{differs}`"))
            .help(format!("set it in `aurora.{}.parameters`, for all of them", shortened(&aurora.key.value))),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_global_databases() {
        let answers = |class: &str| {
            let mut problems = Vec::new();
            instance_class(&At { value: class.to_owned(), span: Span::default() }, &mut problems);
            problems.is_empty()
        };
        for fine in
            ["db.r5.large", "db.r6g.xlarge", "db.r6gd.16xlarge", "db.r7i.48xlarge", "db.r8g.24xlarge", "db.x2g.4xlarge", "db.r10g.large"]
        {
            assert!(answers(fine), "{fine}");
        }
        for wrong in [
            "db.t3.medium",
            "db.t4g.large",
            "db.r4.large",
            "db.r3.large",
            "db.m5.large",
            "db.x2iedn.xlarge",
            "db.serverless",
            "r6g.large",
            "db.r6g",
            "db.r6g.",
            "db.r6g.medium",
            "db.r6g.large.x",
            "db..large",
            "db.r.large",
            "db.rg6.large",
            "",
            "db.r6G.large",
        ] {
            assert!(!answers(wrong), "{wrong}");
        }
    }

    #[test]
    fn units_are_shown_as_they_are_written() {
        assert_eq!([0, 1, 2, 17, 512].map(shown), ["0", "0.5", "1", "8.5", "256"]);
    }
}
