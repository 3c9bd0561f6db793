//! The secret with the login of an Aurora database: one in each region that has the database, under one name.
//!
//! One of them, at home, is a secret of its own; the others are replicas of it, with the same value, version ids and tags. AWS changes
//! a replica only through its home (Secrets Manager user guide, "Replicate secrets across Regions"), so what a replica carries is read
//! there. The home is where it was found; the file's `writer` decides only when nothing is there. When the home's region leaves the
//! database, one of the others becomes a secret of its own in place (StopReplicationToReplica), and the rest join that one by being
//! overwritten: services never find it missing.
//!
//! The value is made in `create` and sent; it is in no spec. A secret is removed with a window of seven days, in which it counts as
//! not there and making it again restores it.
use std::collections::BTreeSet;

use aws_sdk_secretsmanager::types::StatusType;
use futures::stream::{StreamExt, TryStreamExt, iter};
use serde::{Deserialize, Serialize};

use crate::{
    aws::{
        databases,
        errors::{fault, maybe},
        secrets::{self, Described, address_name, home_of, name_of},
        tags::addr_of,
    },
    kinds::rds::cluster::Cluster,
    outputs,
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Leans, Life, Outputs, Owner, Patience, Ref, Region, Scope, Status, Tags,
        Unmanaged, Verb, Want,
    },
    topology::{Aurora, Model},
};

outputs! { "secretsmanager.secret":
    /// The ARN in its region: with AWS's six characters at the end, which are the same in every region.
    SecretArn = "arn",
    /// The id of the current version, the same in every region.
    SecretVersion = "version",
    /// Its region and its name: what a replica is a replica of. The region alone would not tell one database's from another's.
    SecretHome = "home",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    /// Names the user whose login it is: the value itself is not compared.
    pub description: String,
    /// The home of a replica; nothing at home.
    pub replica_of: Option<Ref<SecretHome>>,
    /// `failed` where the home says that this replica does not follow it; always `in sync` at home.
    pub replication: String,
    /// The regions that the home lists as its replicas.
    pub replicas: Unmanaged<BTreeSet<Region>>,
    pub tags: Tags,
}

/// `secretsmanager.secret`.
pub struct Secret;

/// The shortest window that AWS has (Secrets Manager API reference, DeleteSecret).
const WINDOW_IN_DAYS: i64 = 7;
/// Reads of single secrets in flight; there is no call for several.
const SIDE_BY_SIDE: usize = 8;

const IN_SYNC: &str = "in sync";

const CREATE: &str = "secretsmanager:CreateSecret";
const REPLICATE: &str = "secretsmanager:ReplicateSecretToRegions";
const REMOVE: &str = "secretsmanager:RemoveRegionsFromReplication";
const RESTORE: &str = "secretsmanager:RestoreSecret";
const STOP: &str = "secretsmanager:StopReplicationToReplica";
const UPDATE: &str = "secretsmanager:UpdateSecret";
const DELETE: &str = "secretsmanager:DeleteSecret";

fn description(stack: &str, key: &str, database: &Aurora) -> String {
    format!("Login of {} in the Aurora database {key} of {stack}", database.master_username)
}

/// What stands there says in one look.
fn outputs((region, name): (&Region, &str), now: &Described) -> Outputs {
    let outputs = Outputs::of::<SecretArn>(&now.arn).with::<SecretHome>(secrets::home(region, name));
    now.version.iter().fold(outputs, |outputs, version| outputs.with::<SecretVersion>(version))
}

impl Secret {
    /// Names under which secrets of this stack may stand here: those of the file, those of the clusters that are here, because a list
    /// may lag five minutes behind (Secrets Manager API reference, ListSecrets), and those that are listed.
    async fn names(cx: &Cx) -> Result<BTreeSet<String>, Fault> {
        let (stack, of_stack) = (&cx.owner.stack, name_of(&cx.owner.stack, ""));
        let (listed, clusters) = tokio::try_join!(secrets::listed(cx, &of_stack), databases::clusters(cx, cx.region()?))?;
        let of_clusters = clusters.iter().filter_map(|seen| addr_of(cx, Cluster::NAME, &databases::marks(seen.tag_list())));
        let of_clusters: Vec<_> = of_clusters.map(|addr| name_of(stack, &addr.name)).collect();
        let of_file = cx.model.aurora.keys().map(|key| name_of(stack, key));
        Ok(listed.into_iter().chain(of_clusters).chain(of_file).collect())
    }

    /// The secret of that name here, when it is ours or stands where ours should. Ours in its recovery window counts as gone.
    async fn look(cx: &Cx, name: &str) -> Result<Option<Found<Spec>>, Fault> {
        let region = cx.region()?;
        let Some(now) = secrets::described(cx, region, name).await? else { return Ok(None) };
        let home = match &now.replica_of {
            // A home that does not answer is no reason not to see what is here.
            Some(home) => secrets::described(cx, home, name).await.ok().flatten(),
            None => None,
        };
        let marks = home.as_ref().map_or(&now.marks, |home| &home.marks);
        let short = name.strip_prefix(&format!("{}/", cx.owner.stack)).unwrap_or(name);
        let addr = Addr::regional(region, Self::NAME, short);
        let ours = marks.stack.as_deref() == Some(&*cx.owner.stack);
        let in_file = cx.model.aurora.iter().any(|(key, database)| address_name(key) == short && database.members.contains_key(region));
        if ours && now.leaves_on.is_some() || !ours && !in_file {
            return Ok(None);
        }
        let mut tags = marks.tags.clone();
        // A replica has its home's marks, as it has everything; one that became a home is marked anew.
        tags.marked = ours && (now.replica_of.is_some() || marks.addr.as_ref() == Some(&addr));
        let failed = home.as_ref().and_then(|home| home.replicas.get(region)) == Some(&StatusType::Failed);
        let spec = Spec {
            name: name.to_owned(),
            description: home.as_ref().unwrap_or(&now).description.clone(),
            replica_of: now.replica_of.as_ref().map(|home| Ref::is(&Scope::from(home), secrets::home(home, name))),
            replication: if failed { "failed" } else { IN_SYNC }.to_owned(),
            replicas: Unmanaged::Managed(now.replicas.keys().cloned().collect()),
            tags,
        };
        let outputs = outputs((region, name), &now);
        Ok(Some(Found { addr, id: name.to_owned(), spec, outputs, life: Life::Ready, ours, born: now.born }))
    }

    /// Makes the secret at home, or restores it.
    async fn make(cx: &Cx, want: &Want<Spec>) -> Result<(), Fault> {
        let (client, spec) = (cx.fleet.region(cx.region()?).secrets, &want.spec);
        if Self::restored(cx, &spec.name).await? {
            return Ok(());
        }
        let Some(database) = cx.model.aurora.iter().find(|(key, _)| address_name(key) == *want.addr.name).map(|(_, database)| database)
        else {
            return Err(Fault::bug(format!("{} belongs to no database of the file", want.addr)));
        };
        let ask = client.create_secret().name(&spec.name).description(&spec.description);
        let ask = ask.secret_string(secrets::new_login(&database.master_username)?);
        let ask = ask.set_tags(Some(secrets::tags(cx.owner.to_send(&want.addr, &spec.tags))));
        match ask.send().await.map_err(fault(CREATE)) {
            Err(refused) if refused.class == Class::Exists => {
                let there = secrets::described(&cx.afresh(), cx.region()?, &spec.name).await?;
                let is_ours =
                    there.is_some_and(|there| there.marks.stack.as_deref() == Some(&*cx.owner.stack) && there.replica_of.is_none());
                if is_ours { Ok(()) } else { Err(refused) }
            }
            answer => answer.map(drop),
        }
    }

    /// Takes our secret here out of its recovery window, when it is in one.
    async fn restored(cx: &Cx, name: &str) -> Result<bool, Fault> {
        let region = cx.region()?;
        let Some(now) = secrets::described(&cx.afresh(), region, name).await? else { return Ok(false) };
        let Some(leaves_on) = now.leaves_on else { return Ok(false) };
        if now.marks.stack.as_deref() != Some(&*cx.owner.stack) {
            let message = format!("`{name}` is not this stack's and is kept by AWS until {leaves_on}");
            return Err(Fault::new(CREATE, Class::Invalid, message));
        }
        cx.fleet.region(region).secrets.restore_secret().secret_id(name).send().await.map_err(fault(RESTORE))?;
        Ok(true)
    }

    /// Makes the secret here a replica of the one at `home`. `over`: one of ours that stands here is overwritten.
    async fn join(cx: &Cx, name: &str, home: &Region, over: bool) -> Result<(), Fault> {
        let ask = cx.fleet.region(home).secrets.replicate_secret_to_regions().secret_id(name);
        let ask = ask.add_replica_regions(secrets::replica(cx.region()?)).force_overwrite_replica_secret(over);
        ask.customize().config_override(secrets::sent_once()).send().await.map_err(fault(REPLICATE)).map(drop)
    }

    /// What the secret and its replicas share is sent at home, by whose step comes first.
    async fn change_shared(cx: &Cx, home: &Region, want: &Want<Spec>) -> Result<(), Fault> {
        let (client, name) = (cx.fleet.region(home).secrets, &want.spec.name);
        let Some(now) = secrets::described(&cx.afresh(), home, name).await? else {
            return Err(Fault::new(secrets::DESCRIBE, Class::NotFound, format!("{name} is not there in {home}")));
        };
        let addr = Addr::regional(home, Self::NAME, &want.addr.name);
        let mut found = now.marks.tags.clone();
        found.marked = now.marks.addr.as_ref() == Some(&addr);
        let (set, remove) = cx.owner.to_change(&addr, &found, &want.spec.tags);
        if !remove.is_empty() {
            let ask = client.untag_resource().secret_id(name).set_tag_keys(Some(remove));
            ask.send().await.map_err(fault("secretsmanager:UntagResource"))?;
        }
        if !set.is_empty() {
            let ask = client.tag_resource().secret_id(name).set_tags(Some(secrets::tags(set)));
            ask.send().await.map_err(fault("secretsmanager:TagResource"))?;
        }
        if now.description == want.spec.description {
            return Ok(());
        }
        // The description names the user: one that was restored may hold the login of another.
        let user = cx.model.aurora.iter().find(|(key, _)| address_name(key) == *want.addr.name).map(|(_, has)| &*has.master_username);
        let value = match user {
            Some(user) => secrets::login_for(cx, home, name, user).await?,
            None => None,
        };
        let ask = client.update_secret().secret_id(name).description(&want.spec.description).set_secret_string(value);
        ask.send().await.map_err(fault(UPDATE)).map(drop)
    }
}

impl Kind for Secret {
    type Spec = Spec;
    // One that is restored, or joins another, is brought in line by the update that follows.
    const UNFINISHED: bool = true;
    const NAME: &'static str = "secretsmanager.secret";
    const FIXED: &'static [&'static str] = &["name"];
    /// AWS gives no figure for replication; seconds as a rule. The figure is ours.
    const PATIENCE: Patience = Patience::of(2, 10, 10).appearing_within(120);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["secretsmanager:ListSecrets", secrets::DESCRIBE, databases::DESCRIBE_CLUSTERS]),
        (Verb::Create, &[CREATE, "secretsmanager:TagResource", RESTORE, REPLICATE]),
        (
            Verb::Update,
            &["secretsmanager:TagResource", "secretsmanager:UntagResource", UPDATE, "secretsmanager:GetSecretValue", STOP, REPLICATE],
        ),
        (Verb::Delete, &[DELETE, REMOVE]),
    ];

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let owner = Owner { stack: model.stack.clone(), tags: model.tags.clone() };
        let mut wants = Vec::new();
        for (key, database) in &model.aurora {
            let (name, short) = (name_of(&model.stack, key), address_name(key));
            let home = home_of(Self::NAME, key, database, facts);
            for region in database.members.keys() {
                let spec = Spec {
                    description: description(&model.stack, key, database),
                    replica_of: (*region != home).then(|| Ref::to(&Scope::from(&home), &short)),
                    replication: IN_SYNC.to_owned(),
                    replicas: Unmanaged::Any,
                    tags: owner.wanted(&name),
                    name: name.clone(),
                };
                wants.push(Want::new(Addr::regional(region, Self::NAME, &short), spec));
            }
        }
        wants
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let names = Self::names(cx).await?;
        let looks = iter(names.into_iter().map(|name| async move { Self::look(cx, &name).await }));
        let found: Vec<_> = looks.buffered(SIDE_BY_SIDE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The name is unique in its region, so a repeated create is refused: with our mark on what is there, that is success.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let name = &want.spec.name;
        let Some(home) = &want.spec.replica_of else {
            Self::make(cx, want).await?;
            return Ok(name.clone());
        };
        let home = secrets::region_of_home(home.get()?);
        let listed = secrets::described(&cx.afresh(), &home, name).await?.and_then(|home| home.replicas.get(cx.region().ok()?).cloned());
        // Its own secret here in its recovery window is restored first; the update makes a replica of it.
        let is_asked_for = listed.is_some_and(|state| state != StatusType::Failed);
        if !is_asked_for && !Self::restored(cx, name).await? {
            Self::join(cx, name, &home, false).await?;
        }
        Ok(name.clone())
    }

    /// One step at a time where the home changes: the engine reads again and comes back with what is left.
    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        let (region, name) = (cx.region()?, &want.spec.name);
        let of = |spec: &Spec| spec.replica_of.as_ref().map(|home| home.get().map(secrets::region_of_home)).transpose();
        match (of(&found.spec)?, of(&want.spec)?) {
            (Some(now), wanted) if wanted.as_ref() != Some(&now) => {
                let ask = cx.fleet.region(region).secrets.stop_replication_to_replica().secret_id(name);
                ask.send().await.map_err(fault(STOP)).map(drop)
            }
            (None, Some(home)) => Self::join(cx, name, &home, true).await,
            (Some(home), _) if found.spec.replication != IN_SYNC => Self::join(cx, name, &home, true).await,
            (home, _) => Self::change_shared(cx, home.as_ref().unwrap_or(region), want).await,
        }
    }

    /// A replica is removed at its home, at once; the home itself is kept by AWS for seven days.
    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let (here, name) = (cx.region()?, &found.id);
        let Some(now) = secrets::described(&cx.afresh(), here, name).await? else { return Ok(()) };
        if now.leaves_on.is_some() {
            return Ok(());
        }
        let remove = |home: &Region, regions: Vec<String>| {
            let ask = cx.fleet.region(home).secrets.remove_regions_from_replication().secret_id(name);
            ask.set_remove_replica_regions(Some(regions)).send()
        };
        if let Some(home) = &now.replica_of {
            return maybe(remove(home, vec![here.to_string()]).await.map_err(fault(REMOVE))).map(drop);
        }
        let wanted = |region: &&Region| cx.wanted.contains(&Addr::regional(region, Self::NAME, &found.addr.name));
        if now.replicas.keys().any(|region| wanted(&region)) {
            let still: Vec<&str> = now.replicas.keys().map(Region::as_str).collect();
            return Err(Fault::new(DELETE, Class::Contention, format!("{} still comes from here", still.join(", "))));
        }
        if !now.replicas.is_empty() {
            // What is left in the home's list only: replicas that are there have gone by steps of their own.
            remove(here, now.replicas.keys().map(Region::to_string).collect()).await.map_err(fault(REMOVE))?;
            return Err(Fault::new(REMOVE, Class::Contention, "its replicas are on their way out"));
        }
        let ask = cx.fleet.region(here).secrets.delete_secret().secret_id(name).recovery_window_in_days(WINDOW_IN_DAYS);
        maybe(ask.send().await.map_err(fault(DELETE))).map(drop)
    }

    /// A replica is there when its home says so, too.
    async fn status(&self, cx: &Cx, addr: &Addr, id: &str) -> Result<Status, Fault> {
        let (cx, here) = (&cx.afresh(), cx.region()?);
        let Some(now) = secrets::described(cx, here, id).await?.filter(|now| now.leaves_on.is_none()) else {
            let listed = if cx.removing.contains(addr) { None } else { secrets::listed_elsewhere(cx, here, id).await };
            return Ok(match listed {
                Some((StatusType::Failed, why)) => Status::Failed(format!("it was not replicated: {why}")),
                Some((state, _)) => Status::Unseen(format!("replication is {}", state.as_str())),
                None => Status::Gone,
            });
        };
        if let Some(home) = &now.replica_of
            && let Some(home) = secrets::described(cx, home, id).await.ok().flatten()
            && home.replicas.get(here) == Some(&StatusType::InProgress)
        {
            return Ok(Status::Settling("replication is InProgress".to_owned()));
        }
        Ok(Status::Ready(outputs((here, id), &now)))
    }

    fn leaves(&self, _: &Cx, found: &Found<Spec>) -> Option<String> {
        let kept = found.spec.replica_of.is_none();
        kept.then(|| format!("{}: secret {}, in its recovery window of {WINDOW_IN_DAYS} days", found.addr.scope, found.id))
    }

    fn lane(&self, _: &Addr, spec: &Spec) -> Option<String> {
        Some(format!("secret/{}", spec.name))
    }

    fn also_in(&self, found: &Found<Spec>) -> Vec<Region> {
        if !found.ours {
            return Vec::new();
        }
        let home = found.spec.replica_of.as_ref().and_then(|home| home.get().ok()).map(secrets::region_of_home);
        let Unmanaged::Managed(replicas) = &found.spec.replicas else { return home.into_iter().collect() };
        home.into_iter().chain(replicas.iter().cloned()).collect()
    }

    /// A home is refused its removal while a replica is left, also one in a region that does not answer; a replica is removed by its
    /// home.
    fn leans(&self, found: &Found<Spec>) -> Leans {
        if let Some(home) = &found.spec.replica_of {
            return home.get().map_or(Leans::OnNothing, |home| Leans::On(secrets::region_of_home(home)));
        }
        let Unmanaged::Managed(replicas) = &found.spec.replicas else { return Leans::OnNothing };
        match replicas.iter().collect::<Vec<_>>()[..] {
            [] => Leans::OnNothing,
            [one] => Leans::On(one.clone()),
            _ => Leans::OnAll,
        }
    }
}
