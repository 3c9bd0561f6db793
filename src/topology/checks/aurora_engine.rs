//! What depends on the engine of a global database and its version.
use super::aurora_reserved::{DATABASES, MASTER_USERS, is_reserved};
use crate::topology::{
    aurora::region_codes,
    codes::{self, Code},
    decode::{AuroraDraft, Draft},
    model::AuroraEngine,
    node::shortened,
    report::{At, Problem},
};

/// A version of Aurora: of `8.0.mysql_aurora.3.08.0` the part after the word, of `16.11` all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl Version {
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Whether what came to each of these versions of its major ones is there. Later majors than the last have it, earlier ones
    /// than the first have not.
    pub fn has(self, since: &[Version]) -> bool {
        match since.iter().find(|version| version.major == self.major) {
            Some(version) => self >= *version,
            None => since.iter().all(|version| version.major < self.major),
        }
    }
}

/// By engine, the first versions of something.
pub struct Since {
    pub mysql: &'static [Version],
    pub postgresql: &'static [Version],
}

impl Since {
    pub fn of(&self, engine: AuroraEngine) -> &'static [Version] {
        match engine {
            AuroraEngine::Mysql => self.mysql,
            AuroraEngine::Postgresql => self.postgresql,
        }
    }
}

/// Aurora user guide, "Supported Regions and DB engines for Aurora global databases".
const GLOBAL: Since = Since { mysql: &[Version::new(2, 7, 0), Version::new(3, 1, 0)], postgresql: &[Version::new(11, 0, 0)] };
/// Field guide 4.4 item 9.
const WRITE_FORWARDING: Since =
    Since { mysql: &[Version::new(2, 8, 1)], postgresql: &[Version::new(14, 9, 0), Version::new(15, 4, 0), Version::new(16, 0, 0)] };

pub fn engine(draft: &Draft, aurora: &AuroraDraft, problems: &mut Vec<Problem>) {
    let Some(engine) = &aurora.engine else { return };
    let engine = engine.value;
    if let Some(text) = &aurora.engine_version {
        match wrong_version(engine, &text.value) {
            Some((label, help)) => problems.push(
                Problem::new(
                    codes::AURORA_ENGINE_VERSION,
                    format!("`{}` is not a version of `{}` that a global database can have", shortened(&text.value), engine.as_str()),
                )
                .at(text.span, label)
                .help(help),
            ),
            None => write_forwarding(draft, aurora, engine, problems),
        }
    }
    if let Some(name) = &aurora.database_name {
        let most = if engine == AuroraEngine::Mysql { 64 } else { 63 };
        let what = "the name of a database";
        named(codes::AURORA_DATABASE_NAME, what, name, most, is_reserved(engine, DATABASES, &name.value), problems);
    }
    if let Some(name) = &aurora.master_username {
        let most = if engine == AuroraEngine::Mysql { 16 } else { 63 };
        let what = "the name of the master user";
        named(codes::AURORA_MASTER_USERNAME, what, name, most, is_reserved(engine, MASTER_USERS, &name.value), problems);
    }
}

/// The version of a database's engine, when it is one.
pub fn version(aurora: &AuroraDraft) -> Option<(AuroraEngine, Version)> {
    let engine = aurora.engine.as_ref()?.value;
    Some((engine, parse(engine, &aurora.engine_version.as_ref()?.value)?))
}

fn parse(engine: AuroraEngine, text: &str) -> Option<Version> {
    let number = |part: &str| part.parse::<u32>().ok().filter(|_| part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit()));
    match engine {
        AuroraEngine::Mysql => {
            let (of_mysql, of_aurora) = text.split_once(".mysql_aurora.")?;
            let (first, second) = of_mysql.split_once('.')?;
            let parts: Vec<&str> = of_aurora.split('.').collect();
            let [major, minor, patch] = parts[..] else { return None };
            let version = Version::new(number(major)?, number(minor)?, number(patch)?);
            // AWS writes `3.08.0`, and takes nothing else for it.
            let as_aws = version.major > 3 || minor.len() == 2;
            let fits = match version.major {
                2 => (number(first)?, number(second)?) == (5, 7),
                3 => (number(first)?, number(second)?) == (8, 0),
                _ => number(first).is_some() && number(second).is_some(),
            };
            (as_aws && fits).then_some(version)
        }
        AuroraEngine::Postgresql => {
            let (major, minor) = text.split_once('.')?;
            Some(Version::new(number(major)?, number(minor)?, 0))
        }
    }
}

/// What is wrong with a version, and what to do about it.
fn wrong_version(engine: AuroraEngine, text: &str) -> Option<(&'static str, String)> {
    let (other, example) = match engine {
        AuroraEngine::Mysql => (AuroraEngine::Postgresql, "8.0.mysql_aurora.3.08.0"),
        AuroraEngine::Postgresql => (AuroraEngine::Mysql, "16.11"),
    };
    let first = GLOBAL.of(engine);
    match parse(engine, text) {
        Some(version) if version.has(first) => None,
        Some(_) => Some(("too old", format!("write a later version, for example `{example}`"))),
        None if parse(other, text).is_some() => {
            Some(("a version of the other engine", format!("write for example `{example}`, or `engine: {}`", other.as_str())))
        }
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(("not the whole version", format!("write all of it, as AWS does: `{example}`")))
        }
        None => Some(("not a version", format!("write it as AWS does: `{example}`"))),
    }
}

fn write_forwarding(draft: &Draft, aurora: &AuroraDraft, engine: AuroraEngine, problems: &mut Vec<Problem>) {
    let since = WRITE_FORWARDING.of(engine);
    let (Some((_, version)), Some(text)) = (version(aurora), &aurora.engine_version) else { return };
    for region in region_codes(draft, aurora) {
        let Some(asked) = aurora.member_in(region).write_forwarding.as_ref().filter(|asked| asked.value) else { continue };
        if !version.has(since) {
            problems.push(
                Problem::new(codes::AURORA_WRITE_FORWARDING, format!("`{}` passes no writes on", shortened(&text.value)))
                    .at(asked.span, "asks for it")
                    .at(text.span, "too old for it")
                    .help(match engine {
                        AuroraEngine::Mysql => "it needs Aurora MySQL 2.08.1 or later; or write `write_forwarding: false`",
                        AuroraEngine::Postgresql => "it needs 14.9, 15.4, 16 or later; or write `write_forwarding: false`",
                    }),
            );
        }
    }
}

/// A name that becomes one in the database itself.
fn named(code: Code, what: &str, name: &At<String>, most: usize, is_reserved: bool, problems: &mut Vec<Problem>) {
    let text = name.value.as_str();
    let wrong = if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        "must begin with a letter".to_owned()
    } else if let Some(strange) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '_')) {
        format!("contains `{}`", strange.escape_debug())
    } else if text.len() > most {
        format!("has {} characters, at most {most} are possible", text.len())
    } else if is_reserved {
        "the engine keeps this word for itself".to_owned()
    } else {
        return;
    };
    problems.push(
        Problem::new(code, format!("`{}` cannot be {what}", shortened(text)))
            .at(name.span, wrong)
            .help(format!("it has 1 to {most} letters, digits and `_`, a letter first, and is no word of the engine")),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_aws_writes_them() {
        use AuroraEngine::{Mysql, Postgresql};
        for (engine, text, wanted) in [
            (Mysql, "8.0.mysql_aurora.3.08.0", Some(Version::new(3, 8, 0))),
            (Mysql, "8.0.mysql_aurora.3.10.1", Some(Version::new(3, 10, 1))),
            (Mysql, "5.7.mysql_aurora.2.11.2", Some(Version::new(2, 11, 2))),
            (Mysql, "8.4.mysql_aurora.8.4.7", Some(Version::new(8, 4, 7))),
            (Mysql, "8.0.mysql_aurora.3.8.0", None),
            (Mysql, "8.0.mysql_aurora.3.08", None),
            (Mysql, "5.7.mysql_aurora.3.08.0", None),
            (Mysql, "8.0.mysql_aurora.3.+8.0", None),
            (Mysql, "8.0", None),
            (Postgresql, "16.4", Some(Version::new(16, 4, 0))),
            (Postgresql, "16.10", Some(Version::new(16, 10, 0))),
            (Postgresql, "16", None),
            (Postgresql, "16.4-limitless", None),
            (Postgresql, "16.4.1", None),
        ] {
            assert_eq!(parse(engine, text), wanted, "{text}");
        }
    }

    #[test]
    fn what_came_to_several_majors_is_known_of_each() {
        let since = WRITE_FORWARDING.postgresql;
        for (major, minor, wanted) in
            [(13, 99, false), (14, 8, false), (14, 9, true), (15, 3, false), (15, 4, true), (16, 0, true), (17, 1, true)]
        {
            assert_eq!(Version::new(major, minor, 0).has(since), wanted, "{major}.{minor}");
        }
        assert!(!Version::new(1, 22, 0).has(GLOBAL.mysql));
        assert!(!Version::new(2, 6, 9).has(GLOBAL.mysql));
        assert!(Version::new(8, 4, 7).has(GLOBAL.mysql));
    }
}
