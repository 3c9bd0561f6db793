//! Aurora global clusters: what holds a database's clusters together, and where its roles stand.
//!
//! It is made empty; the first cluster that names it becomes the writer (field guide 4.2 item 1). Who writes now is posture: it is
//! read from the members and never a difference. A major version is changed here, for all members in one; a minor one in each cluster.
use std::{collections::BTreeSet, time::Duration};

use aws_sdk_rds::types::{DbCluster, GlobalCluster as Seen};
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::cluster::{Cluster, Database};
use crate::{
    aws::{
        databases::{self, ADD_TAGS, DESCRIBE_CLUSTERS, DESCRIBE_GLOBAL, REMOVE_TAGS, ending, global_name, region_of, writer_of},
        errors::{fault, maybe},
        tags::addr_of,
    },
    outputs,
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Holder, Kind, Leans, Life, Outputs, Owner, Patience, Posture, Region, Scope, Scopes,
        Status, Tags, Unmanaged, Verb, Want,
    },
    topology::{Aurora, Model},
};

outputs! { "rds.global_cluster":
    /// The identifier of a global cluster, which is its name.
    GlobalClusterId = "id",
    /// The endpoint that always leads to the writer. It is there once there is one.
    GlobalClusterEndpoint = "endpoint",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    pub engine: String,
    /// `8.0`, `16`: what every member is upgraded to in one.
    pub major_version: String,
    pub database_name: Option<String>,
    /// Given with the first writer, and the same in every copy. Of an empty one, and where the writer's region does not answer, that
    /// of the file: there is nothing to compare it with.
    pub master_username: Option<String>,
    pub encrypted: bool,
    pub deletion_protection: bool,
    /// Where the writer is now.
    pub writer: Unmanaged<Option<Region>>,
    /// Where it has clusters, whoever made them.
    pub members: Unmanaged<BTreeSet<Region>>,
    pub tags: Tags,
}

/// `rds.global_cluster`.
pub struct GlobalCluster;

const CREATE: &str = "rds:CreateGlobalCluster";
const MODIFY: &str = "rds:ModifyGlobalCluster";
const DELETE: &str = "rds:DeleteGlobalCluster";
/// How long the writer's region may take to say whose login its cluster has: well within what a plan has for everything.
const USER_WITHIN: Duration = Duration::from_secs(8);

/// The region of a database's writer: where it was found, else where the file begins it. The second is whether it was found.
#[must_use]
pub fn writer(key: &str, database: &Aurora, facts: &Facts) -> (Region, bool) {
    let addr = GlobalCluster::address(key);
    let found = facts.found_field(&addr, "writer").map(Region::new);
    let is_found = found.is_some();
    (found.unwrap_or_else(|| database.writer.clone()), is_found)
}

/// The regions that the found global cluster has clusters in.
#[must_use]
pub fn members(key: &str, facts: &Facts) -> BTreeSet<Region> {
    let found = facts.found.get(&GlobalCluster::address(key)).and_then(|found| found.spec.get("members")?.as_array());
    found.into_iter().flatten().filter_map(|region| Some(Region::new(region.as_str()?))).collect()
}

impl GlobalCluster {
    /// The address of a database's global cluster.
    #[must_use]
    pub fn address(key: &str) -> Addr {
        Addr { scope: Scope::Global, kind: Self::NAME.into(), name: key.into() }
    }

    fn outputs(seen: &Seen) -> Outputs {
        let outputs = Outputs::of::<GlobalClusterId>(seen.global_cluster_identifier().unwrap_or_default());
        let endpoint = seen.endpoint().filter(|endpoint| !endpoint.is_empty());
        endpoint.into_iter().fold(outputs, |outputs, endpoint| outputs.with::<GlobalClusterEndpoint>(endpoint))
    }

    /// The writer's cluster, which has the login. Its region may be silent: that is told where its own resources are read.
    async fn of_writer(cx: &Cx, seen: &Seen) -> Option<DbCluster> {
        let arn = writer_of(seen)?;
        let clusters = timeout(USER_WITHIN, databases::clusters(cx, &region_of(arn)?)).await.ok()?.ok()?;
        clusters.iter().find(|one| one.db_cluster_arn() == Some(arn)).cloned()
    }

    /// The address of a global cluster that is marked, or of our name, and whether it is ours.
    fn address_of(cx: &Cx, seen: &Seen) -> Option<(Addr, bool)> {
        let marked = addr_of(cx, Self::NAME, &databases::marks(seen.tag_list()));
        let is_named = |key: &&String| Some(global_name(&cx.owner.stack, key).as_str()) == seen.global_cluster_identifier();
        let wanted_at = || cx.model.aurora.keys().find(is_named).map(|key| Self::address(key));
        let is_ours = marked.is_some();
        Some((marked.or_else(wanted_at)?, is_ours))
    }

    fn found(cx: &Cx, seen: &Seen, of_writer: Option<&DbCluster>) -> Option<Found<Spec>> {
        let name = seen.global_cluster_identifier()?;
        let marks = databases::marks(seen.tag_list());
        let (addr, ours) = Self::address_of(cx, seen)?;
        let arns = seen.global_cluster_members().iter().filter_map(|member| member.db_cluster_arn());
        let engine = seen.engine().unwrap_or_default().to_owned();
        let of_file = || Some(cx.model.aurora.get(&*addr.name)?.master_username.clone());
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let user = given(of_writer.and_then(DbCluster::master_username));
        // One that was made from a cluster is not given a name of a database (field guide 4.2 item 1): the cluster has it. Only the one
        // that the file names counts: a cluster may show one that its engine made by itself.
        let of_name = || cx.model.aurora.get(&*addr.name)?.database_name.clone();
        let named = || given(of_writer.and_then(DbCluster::database_name)).filter(|name| of_name().as_ref() == Some(name));
        let spec = Spec {
            name: name.to_owned(),
            major_version: databases::major(&engine, seen.engine_version().unwrap_or_default()),
            engine,
            database_name: given(seen.database_name()).or_else(named),
            master_username: user.or_else(of_file),
            encrypted: seen.storage_encrypted() == Some(true),
            deletion_protection: seen.deletion_protection() == Some(true),
            writer: Unmanaged::Managed(writer_of(seen).and_then(region_of)),
            members: Unmanaged::Managed(arns.filter_map(region_of).collect()),
            tags: marks.tags,
        };
        let life = databases::life_of(seen.status().unwrap_or_default());
        Some(Found { addr, id: name.to_owned(), spec, outputs: Self::outputs(seen), life, ours, born: None })
    }

    /// A region that answers for the global cluster: one of those that it has, or else one of the file.
    fn region(cx: &Cx, seen: Option<&Seen>) -> Result<Region, Fault> {
        let of_writer = seen.and_then(writer_of).and_then(region_of);
        let reachable = |region: &Region| cx.regions.is_empty() || cx.regions.contains(region);
        let members = seen.into_iter().flat_map(|seen| seen.global_cluster_members()).filter_map(|one| region_of(one.db_cluster_arn()?));
        let mut all = of_writer.into_iter().chain(members).chain(cx.model.regions.keys().cloned()).chain(cx.regions.iter().cloned());
        all.find(reachable).ok_or_else(|| Fault::bug("no region to ask about a global cluster"))
    }
}

impl Kind for GlobalCluster {
    type Spec = Spec;
    const NAME: &'static str = "rds.global_cluster";
    const SCOPES: Scopes = Scopes::Global;
    const FIXED: &'static [&'static str] = &["name", "engine", "database_name", "master_username", "encrypted"];
    /// Terraform waits 30 minutes for a create and a delete, 90 for an upgrade of all members (field guide 4.2 item 4).
    const PATIENCE: Patience = Patience::of(15, 90, 30);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &[DESCRIBE_GLOBAL, DESCRIBE_CLUSTERS]),
        (Verb::Create, &[CREATE, ADD_TAGS]),
        (Verb::Update, &[MODIFY, ADD_TAGS, REMOVE_TAGS]),
        (Verb::Delete, &[DELETE, ending::DESCRIBE_SNAPSHOTS, ADD_TAGS]),
    ];
    const DATA: bool = true;
    const GUARDED: &'static [&'static str] = &["deletion_protection"];
    const PROTECTION: Option<&'static str> = Some("deletion_protection");
    const UNFINISHED: bool = true;

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let owner = Owner { stack: model.stack.clone(), tags: model.tags.clone() };
        let want = |(key, database): (&String, &Aurora)| {
            let name = global_name(&model.stack, key);
            let spec = Spec {
                engine: database.engine.as_str().to_owned(),
                major_version: databases::major(database.engine.as_str(), &database.engine_version),
                database_name: database.database_name.clone(),
                master_username: Some(database.master_username.clone()),
                encrypted: true,
                deletion_protection: database.members.get(&database.writer).is_some_and(|member| member.deletion_protection),
                writer: Unmanaged::Any,
                members: Unmanaged::Any,
                tags: owner.wanted(&name),
                name,
            };
            let addr = Self::address(key);
            let now = facts.found_field(&addr, "major_version");
            let hold = now.and_then(|now| Database::new(key, database, facts).holds_major(now));
            Want { hold, ..Want::new(addr, spec) }
        };
        model.aurora.iter().map(want).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let all = databases::globals(cx).await?;
        // Of others' nobody is asked: their regions may be closed to these credentials.
        let globals: Vec<&Seen> = all.iter().filter(|seen| Self::address_of(cx, seen).is_some()).collect();
        let writers = join_all(globals.iter().map(|seen| Self::of_writer(cx, seen))).await;
        Ok(globals.iter().zip(writers).filter_map(|(seen, writer)| Self::found(cx, seen, writer.as_ref())).collect())
    }

    /// The name is unique in the account: "already exists" with our mark is success.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let spec = &want.spec;
        let database = cx.model.aurora.get(&*want.addr.name).ok_or_else(|| Fault::bug(format!("{} is not in the file", want.addr)))?;
        let ask = cx.fleet.region(&Self::region(cx, None)?).rds.create_global_cluster().global_cluster_identifier(&spec.name);
        let ask = ask.engine(&spec.engine).engine_version(&database.engine_version).set_database_name(spec.database_name.clone());
        let ask = ask.storage_encrypted(spec.encrypted).deletion_protection(spec.deletion_protection);
        let ask = ask.set_tags(Some(databases::tags(cx.owner.to_send(&want.addr, &spec.tags))));
        let there = async {
            let there = databases::global(&cx.afresh(), &spec.name).await?;
            Ok(there.map(|there| databases::marks(there.tag_list())))
        };
        databases::made(cx, (&want.addr, &spec.name), ask.send().await.map_err(fault(CREATE)), there).await
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        let Some(now) = databases::global(&cx.afresh(), &found.id).await? else {
            return Err(Fault::new(DESCRIBE_GLOBAL, Class::NotFound, format!("{} is not there", found.id)));
        };
        if let Life::Making(word) = databases::life_of(now.status().unwrap_or_default()) {
            return Err(databases::busy(MODIFY, &found.id, &word));
        }
        let region = Self::region(cx, Some(&now))?;
        let arn = now.global_cluster_arn().unwrap_or_default();
        databases::change_tags(cx, &region, arn, cx.owner.to_change(&want.addr, &found.spec.tags, &want.spec.tags)).await?;
        let ask = || cx.fleet.region(&region).rds.modify_global_cluster().global_cluster_identifier(&found.id);
        let differs = |path: &str| changes.iter().any(|change| change.is_under(path));
        if differs("deletion_protection") && now.deletion_protection() != Some(want.spec.deletion_protection) {
            ask().deletion_protection(want.spec.deletion_protection).send().await.map_err(fault(MODIFY))?;
        }
        let major = databases::major(now.engine().unwrap_or_default(), now.engine_version().unwrap_or_default());
        if differs("major_version") && major != want.spec.major_version {
            let version = cx.model.aurora.get(&*want.addr.name).map(|database| database.engine_version.clone());
            let ask = ask().set_engine_version(version).allow_major_version_upgrade(true);
            ask.send().await.map_err(fault(MODIFY))?;
        }
        Ok(())
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let Some(now) = databases::global(&cx.afresh(), &found.id).await? else { return Ok(()) };
        if now.status() == Some("deleting") {
            return Ok(());
        }
        ending::label_what_is_left(cx, &found.addr.name).await?;
        let ask = cx.fleet.region(&Self::region(cx, Some(&now))?).rds.delete_global_cluster().global_cluster_identifier(&found.id);
        maybe(ask.send().await.map_err(fault(DELETE))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let Some(now) = databases::global(&cx.afresh(), id).await? else { return Ok(Status::Gone) };
        Ok(match databases::life_of(now.status().unwrap_or_default()) {
            Life::Ready => Status::Ready(Self::outputs(&now)),
            Life::Broken(word) => Status::Failed(word),
            Life::Making(word) | Life::Leaving(word) => Status::Settling(word),
        })
    }

    fn also_in(&self, found: &Found<Spec>) -> Vec<Region> {
        match &found.spec.members {
            Unmanaged::Managed(regions) if found.ours => regions.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// AWS refuses its removal while a member is left, also one in a region that does not answer.
    fn leans(&self, found: &Found<Spec>) -> Leans {
        let Unmanaged::Managed(members) = &found.spec.members else { return Leans::OnNothing };
        match members.iter().collect::<Vec<_>>()[..] {
            [] => Leans::OnNothing,
            [one] => Leans::On(one.clone()),
            _ => Leans::OnAll,
        }
    }

    fn cannot_go(&self, found: &Found<Spec>, removing: &BTreeSet<Addr>) -> Option<String> {
        let Unmanaged::Managed(members) = &found.spec.members else { return None };
        let stays = |region: &&Region| !removing.contains(&Cluster::address(region, &found.addr.name));
        let staying: Vec<&str> = members.iter().filter(stays).map(Region::as_str).collect();
        let first = "take them out of it first (`aws rds remove-from-global-cluster`)";
        (!staying.is_empty()).then(|| format!("still has clusters that stay, in {}: {first}", staying.join(", ")))
    }

    /// A writer that was moved stays where it is.
    fn posture(&self, model: &Model, found: &[Found<Spec>]) -> Vec<Posture> {
        let moved = |found: &Found<Spec>| {
            let database = model.aurora.get(&*found.addr.name).filter(|_| found.ours)?;
            let Unmanaged::Managed(Some(now)) = &found.spec.writer else { return None };
            let message = format!(
                "{now} writes, where the file begins it in {}; it stays there, and editing `writer` does not move it: services are then told \
                 the names that fit",
                database.writer
            );
            let (wanted, now_at) = (serde_json::json!(database.writer.as_str()), serde_json::json!(now.as_str()));
            (*now != database.writer).then(|| Posture::new("writer", found.addr.clone(), wanted, now_at, message))
        };
        found.iter().filter_map(moved).collect()
    }

    fn leaves(&self, cx: &Cx, found: &Found<Spec>) -> Option<String> {
        ending::found(cx, &found.addr.name)
    }

    /// Members that are not this stack's.
    async fn holders(&self, cx: &Cx, found: &Found<Spec>) -> Result<Vec<Holder>, Fault> {
        let Some(now) = databases::global(cx, &found.id).await? else { return Ok(Vec::new()) };
        let holder = |arn: &str| {
            let region = region_of(arn)?;
            let is_ours = databases::cluster_name(&cx.owner.stack, &found.addr.name, &region) == databases::name_in(arn);
            (!is_ours).then(|| Holder { what: format!("cluster {} in {region}", databases::name_in(arn)), leaves_by_itself: false })
        };
        Ok(now.global_cluster_members().iter().filter_map(|member| holder(member.db_cluster_arn()?)).collect())
    }
}
