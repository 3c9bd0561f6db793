//! The login of an Aurora database: the secret that mrctl made, read just before a cluster is made or its password is set.
//!
//! The value is in no document, plan, event or message. What a cluster remembers is the *version* of the secret that its password was
//! set from, in the tag `PASSWORD_FROM`: version ids are the same in every region, so every cluster of a global database can carry it,
//! and a secret that was made anew shows as a difference of the cluster's `password_from`.
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, ReplicaRegionType, StatusType, Tag};
use aws_smithy_types::retry::RetryConfig;
use futures::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::errors::{fault, maybe};
use crate::{
    resource::{
        Addr, Class, Cx, Facts, Fault, Link, Region, Scope,
        owner::{self, Marks},
    },
    topology::Aurora,
};

/// The tag of a cluster that names the version of the secret which its password was set from (its spec has it as
/// `password_from: Ref<SecretVersion>`). It is written in the create call, and after the password was set, never before.
pub const PASSWORD_FROM: &str = "mrctl:password-from";

/// The kind that tells where a database writes.
const GLOBAL_CLUSTER: &str = "rds.global_cluster";
pub const DESCRIBE: &str = "secretsmanager:DescribeSecret";
const READ: &str = "secretsmanager:GetSecretValue";
const LIST: &str = "secretsmanager:ListSecrets";

/// The secret of a database: `<stack>/aurora/<key>`, the same name in every region.
#[must_use]
pub fn name_of(stack: &str, database: &str) -> String {
    format!("{stack}/{}", address_name(database))
}

/// The name in the addresses of a database's secret: `aurora/<key>`.
#[must_use]
pub fn address_name(database: &str) -> String {
    format!("aurora/{database}")
}

/// User and password of a database. Nothing shows the password or writes it down.
pub struct Login {
    pub username: String,
    /// The version of the secret that this is, to be remembered in `PASSWORD_FROM`.
    pub version: String,
    password: String,
}

impl Login {
    /// The password, to be put into a call and nowhere else.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("username", &self.username).field("version", &self.version).finish_non_exhaustive()
    }
}

/// The fields of a login.
pub const USERNAME: &str = "username";
pub const PASSWORD: &str = "password";

/// Whether that is the ARN of a login of this stack: `…:secret:<stack>/aurora/<key>-XXXXXX`.
#[must_use]
pub fn is_login(stack: &str, arn: &str) -> bool {
    arn.split(':').nth(6).is_some_and(|name| name.starts_with(&name_of(stack, "")))
}

/// What stands in the secret, in the words that AWS's own rotation reads.
#[derive(Serialize, Deserialize)]
struct Value {
    username: String,
    password: String,
}

/// The login of the database with that key in the file, from the secret of the region that `cx` is in.
///
/// # Errors
/// What AWS refused (the secret may be missing: who refers to its version has it made first); a secret that does not hold what
/// mrctl writes, without any part of it.
pub async fn login(cx: &Cx, database: &str) -> Result<Login, Fault> {
    let (region, name) = (cx.region()?, name_of(&cx.owner.stack, database));
    let (value, version) = read(cx, region, &name).await?;
    let unread = || {
        let way = "put one back (`aws secretsmanager put-secret-value`), or its version before (`update-secret-version-stage`)";
        Fault::new(READ, Class::Invalid, format!("the secret {name} does not hold a JSON object with username and password: {way}"))
    };
    let (value, version) = value.zip(version).ok_or_else(unread)?;
    Ok(Login { username: value.username, version, password: value.password })
}

/// The value and its version; no value where it is not what mrctl writes. Why is left out: that may repeat what was read.
async fn read(cx: &Cx, region: &Region, name: &str) -> Result<(Option<Value>, Option<String>), Fault> {
    let answer = cx.fleet.region(region).secrets.get_secret_value().secret_id(name).send().await.map_err(fault(READ))?;
    let value = answer.secret_string().and_then(|text| serde_json::from_str(text).ok());
    Ok((value, answer.version_id))
}

/// A new value for a user, with a password of its own.
///
/// # Errors
/// The operating system gave no random numbers.
pub fn new_login(username: &str) -> Result<String, Fault> {
    written(&Value { username: username.to_owned(), password: password()? })
}

/// The value for that user, when the secret holds another's: with the password it has, or a new one where it has none.
///
/// # Errors
/// What AWS refused.
pub async fn login_for(cx: &Cx, region: &Region, name: &str, username: &str) -> Result<Option<String>, Fault> {
    match read(cx, region, name).await?.0 {
        Some(value) if value.username == username => Ok(None),
        Some(value) => written(&Value { username: username.to_owned(), ..value }).map(Some),
        None => new_login(username).map(Some),
    }
}

fn written(value: &Value) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|_| Fault::bug("a login does not write"))
}

/// Letters and digits only, so that it needs no quoting anywhere and RDS takes it for every engine.
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// 190 bits; Aurora MySQL takes up to 41 characters (RDS API reference, CreateDBCluster).
const LENGTH: usize = 32;

/// From the cryptographic generator that TLS uses. What does not fit evenly into the letters is thrown away, so that each is equally
/// likely.
fn password() -> Result<String, Fault> {
    let fair = u8::try_from(256 / LETTERS.len() * LETTERS.len()).unwrap_or(u8::MAX);
    let (mut password, mut bytes) = (String::with_capacity(LENGTH), [0_u8; LENGTH]);
    while password.len() < LENGTH {
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Fault::new("making a password", Class::Invalid, "there are no random numbers"))?;
        let letters = bytes.iter().filter(|byte| **byte < fair).map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]));
        password.extend(letters.take(LENGTH - password.len()));
    }
    Ok(password)
}

/// A secret as AWS describes it, without its value.
#[derive(Clone, Debug)]
pub struct Described {
    pub arn: String,
    pub description: String,
    /// The current version; nothing when it has no value.
    pub version: Option<String>,
    /// The home of a replica.
    pub replica_of: Option<Region>,
    /// Its replicas, as the home knows them.
    pub replicas: BTreeMap<Region, StatusType>,
    /// When AWS ends it, while it is in its recovery window.
    pub leaves_on: Option<Timestamp>,
    pub born: Option<Timestamp>,
    pub marks: Marks,
    /// Why replicas failed.
    pub messages: BTreeMap<Region, String>,
}

/// The secret of that name in a region, once an observation; nothing when it is not there.
///
/// # Errors
/// What AWS refused.
pub async fn described(cx: &Cx, region: &Region, name: &str) -> Result<Option<Described>, Fault> {
    let ask = || async {
        let ask = cx.fleet.region(region).secrets.describe_secret().secret_id(name);
        let Some(seen) = maybe(ask.send().await.map_err(fault(DESCRIBE)))? else { return Ok(None) };
        let at = |date: Option<&aws_sdk_secretsmanager::primitives::DateTime>| Timestamp::from_second(date?.secs()).ok();
        let current = |stages: &&Vec<String>| stages.iter().any(|stage| stage == "AWSCURRENT");
        let versions = seen.version_ids_to_stages().into_iter().flatten();
        let version = versions.filter(|(_, stages)| current(stages)).map(|(id, _)| id.clone()).next();
        let states = || seen.replication_status().iter().filter_map(|replica| Some((Region::new(replica.region()?), replica)));
        Ok(Some(Described {
            arn: seen.arn().unwrap_or_default().to_owned(),
            description: seen.description().unwrap_or_default().to_owned(),
            version,
            // AWS may name the home at the home, too.
            replica_of: seen.primary_region().map(Region::new).filter(|home| home != region),
            replicas: states().filter_map(|(region, replica)| Some((region, replica.status()?.clone()))).collect(),
            leaves_on: at(seen.deleted_date()),
            born: at(seen.created_date()),
            marks: owner::read(seen.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())))),
            messages: states().filter_map(|(region, replica)| Some((region, replica.status_message()?.to_owned()))).collect(),
        }))
    };
    let seen: Arc<Option<Described>> = cx.memo.once(format!("{DESCRIBE}/{region}/{name}"), ask).await?;
    Ok((*seen).clone())
}

/// The names in a region that begin like that, those in their recovery window included.
///
/// # Errors
/// What AWS refused.
pub async fn listed(cx: &Cx, prefix: &str) -> Result<BTreeSet<String>, Fault> {
    let begins = Filter::builder().key(FilterNameStringType::Name).values(prefix).build();
    let ask = cx.fleet.region(cx.region()?).secrets.list_secrets().filters(begins).include_planned_deletion(true);
    let pages = ask.into_paginator().send().collect::<Result<Vec<_>, _>>().await.map_err(fault(LIST))?;
    let all = pages.into_iter().flat_map(|page| page.secret_list.unwrap_or_default());
    // The filter looks at the words of a name, too.
    Ok(all.filter_map(|secret| secret.name).filter(|name| name.starts_with(prefix)).collect())
}

/// What another region of the file says of its replica here, and why when it failed.
pub async fn listed_elsewhere(cx: &Cx, here: &Region, name: &str) -> Option<(StatusType, String)> {
    let of_name = cx.model.aurora.iter().filter(|(key, _)| name_of(&cx.owner.stack, key) == name);
    let others = of_name.flat_map(|(_, database)| database.members.keys()).filter(|region| *region != here);
    let answers = join_all(others.map(|region| described(cx, region, name))).await;
    answers.into_iter().find_map(|answer| {
        let home = answer.ok()??;
        Some((home.replicas.get(here)?.clone(), home.messages.get(here).cloned().unwrap_or_default()))
    })
}

/// Tags as Secrets Manager takes them.
#[must_use]
pub fn tags(tags: BTreeMap<String, String>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Settings for a call that is sent once: asked for a replica again when an answer was lost, AWS finds the one that it is making, and
/// says that it failed.
#[must_use]
pub fn sent_once() -> aws_sdk_secretsmanager::config::Builder {
    aws_sdk_secretsmanager::config::Builder::new().retry_config(RetryConfig::disabled())
}

/// A region to replicate to, with the key that AWS manages there.
#[must_use]
pub fn replica(region: &Region) -> ReplicaRegionType {
    ReplicaRegionType::builder().region(region.as_str()).build()
}

/// What a secret at home is known by to its replicas: `eu-west-1 shop/aurora/main`.
#[must_use]
pub fn home(region: &Region, name: &str) -> String {
    format!("{region} {name}")
}

/// The region in that.
#[must_use]
pub fn region_of_home(home: &str) -> Region {
    Region::new(home.split(' ').next().unwrap_or(home))
}

/// Where the secret of a database is at home, by what was found: where its replicas say, else where one stands alone, as long as the
/// database has that region. Then a region with a replica, which becomes the home; and with nothing there the first writer's.
#[must_use]
pub fn home_of(kind: &str, key: &str, database: &Aurora, facts: &Facts) -> Region {
    let short = address_name(key);
    let there = || facts.found.values().filter(|found| &*found.addr.kind == kind && *found.addr.name == short && found.ours);
    let said = |doc: &serde_json::Value| match Link::read(doc.get("replica_of")?)? {
        Link::Is { value, .. } => Some(region_of_home(&value)),
        Link::To { .. } => None,
    };
    let homes: BTreeSet<Region> = there().filter_map(|found| said(&found.spec)).collect();
    let alone: BTreeSet<Region> =
        there().filter(|found| said(&found.spec).is_none()).filter_map(|found| found.addr.region().cloned()).collect();
    let replicas: BTreeSet<Region> = there().filter_map(|found| found.addr.region().cloned()).collect();
    let order = || std::iter::once(&database.writer).chain(database.members.keys()).filter(|region| database.members.contains_key(*region));
    let first = |of: &BTreeSet<Region>| order().find(|region| of.contains(*region)).cloned();
    let writes = Addr { scope: Scope::Global, kind: GLOBAL_CLUSTER.into(), name: key.into() };
    // Of several that stand alone, the one beside the writer is what the database was last given by hand.
    let writer = facts.found_field(&writes, "writer").map(Region::new);
    let by_writer = || writer.filter(|region| alone.contains(region) && database.members.contains_key(region));
    first(&homes).or_else(by_writer).or_else(|| first(&alone)).or_else(|| first(&replicas)).unwrap_or_else(|| database.writer.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_letters_and_digits_and_never_shown() {
        let all: BTreeSet<String> = (0..200).map(|_| password().unwrap()).collect();
        assert_eq!(all.len(), 200);
        assert!(all.iter().all(|password| password.len() == LENGTH && password.bytes().all(|byte| LETTERS.contains(&byte))));
        let used: BTreeSet<u8> = all.iter().flat_map(|password| password.bytes()).collect();
        assert_eq!(used.len(), LETTERS.len(), "6400 letters have every one of 62 among them");
        let login = Login { username: "dbadmin".into(), version: "v1".into(), password: "hunter2".into() };
        let shown = format!("{login:?} {login:#?}");
        assert!(shown.contains("dbadmin") && !shown.contains("hunter2"), "{shown}");
    }

    /// Facts in which the secret was found: region, and the home that it names.
    fn found(there: &[(&str, Option<&str>)]) -> Facts {
        let mut facts = Facts::default();
        for (region, home) in there {
            let addr: Addr = format!("{region}/secretsmanager.secret/aurora/main").parse().unwrap();
            let home =
                home.map(|home| serde_json::json!({ "$ref": { "is": home, "kind": &*addr.kind, "field": "region", "scope": home } }));
            let spec = serde_json::json!({ "replica_of": home });
            let life = crate::resource::Life::Ready;
            let outputs = crate::resource::Outputs::default();
            let one = crate::resource::Found { addr: addr.clone(), id: "x".into(), spec, outputs, life, ours: true, born: None };
            facts.found.insert(addr, one);
        }
        facts
    }

    #[test]
    fn the_home_is_where_it_was_found() {
        let text = "version: 1\nstack: shop\nregions: { us-east-1: { cidr: 10.10.0.0/16 }, eu-west-1: { cidr: 10.20.0.0/16 }, us-west-2: { cidr: 10.30.0.0/16 } }\n\
                    network: { availability_zones: 2 }\naurora: { main: { engine: aurora-mysql, engine_version: 8.0.mysql_aurora.3.08.0, \
                    writer: eu-west-1, instance_class: db.r6g.large, regions: [eu-west-1, us-west-2] } }\n";
        let (model, _) = crate::topology::load("t", text.as_bytes()).map_err(|report| format!("{report:?}")).unwrap();
        let home = |there: &[(&str, Option<&str>)]| {
            home_of("secretsmanager.secret", "main", &model.aurora["main"], &found(there)).as_str().to_owned()
        };
        assert_eq!(home(&[]), "eu-west-1", "the writer's, where nothing is there");
        assert_eq!(home(&[("us-west-2", None)]), "us-west-2");
        assert_eq!(home(&[("eu-west-1", Some("us-west-2"))]), "us-west-2", "also when the home does not answer");
        assert_eq!(home(&[("us-west-2", None), ("eu-west-1", None)]), "eu-west-1", "of two the writer's");
        // The home's region has left the database: one that has a copy becomes the home.
        assert_eq!(home(&[("us-east-1", None), ("us-west-2", Some("us-east-1"))]), "us-west-2");
        assert_eq!(home(&[("us-east-1", None)]), "eu-west-1");
    }
}
