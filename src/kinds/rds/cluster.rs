//! The clusters of an Aurora global database: one in each of its regions, each seen from its own region.
//!
//! Which one is the writer's is read from the global cluster's members (field guide 4.6). Only where there is no member yet does the
//! file's `writer` say which is made first, with the login; every other one joins as a copy, without login and database name, once the
//! writer has an instance (field guide 4.4). They go the other way round: a copy leaves the global cluster, that is seen to be done,
//! and it is deleted; the writer's goes last.
mod leaving;
mod order;
mod password;
mod posture;
mod reading;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    cluster_parameter_group::ClusterParameterGroupName, global_cluster::GlobalClusterId, instance::InstanceCluster,
    subnet_group::SubnetGroupName,
};
use crate::{
    aws::{
        databases::{
            self, ADD_TAGS, DESCRIBE_CLUSTERS, DESCRIBE_GLOBAL, DESCRIBE_INSTANCES, ENCRYPTED_BY, Membership, REMOVE_TAGS, cluster_name,
            ending, major, name_in, region_of, tag,
            versions::{self, DESCRIBE_VERSIONS},
        },
        errors::fault,
        secrets::{self, PASSWORD_FROM},
    },
    kinds::{
        ec2::{security_group::of_database, security_group_rules::OpenSecurityGroupId},
        secretsmanager::secret::SecretVersion,
    },
    outputs,
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Holder, Kind, Leans, Life, Owner, Patience, Posture, Ref, Region, Scope, Status,
        Tags, Unmanaged, Unordered, Verb, Want,
    },
    topology::{Aurora, AuroraCapacity, AuroraEncryption, AuroraMember, Model},
};

pub use order::Database;

outputs! { "rds.cluster":
    /// The identifier of a cluster, which is its name.
    ClusterId = "id",
    /// Its ARN.
    ClusterArn = "arn",
    /// Where its own writer instance answers, while the cluster is the writer's.
    ClusterEndpoint = "endpoint",
    /// Where its readers answer; those of a copy pass writes on.
    ClusterReaderEndpoint = "reader_endpoint",
    /// The port that it listens on.
    ClusterPort = "port",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    /// Nothing of one that stands alone: it was detached and cannot join again.
    pub global_cluster: Option<Ref<GlobalClusterId>>,
    pub engine: String,
    pub engine_version: String,
    pub subnet_group: Ref<SubnetGroupName>,
    pub parameter_group: Ref<ClusterParameterGroupName>,
    pub security_groups: Unordered<Ref<OpenSecurityGroupId>>,
    /// `aws_managed`, or the ARN of a key.
    pub encryption: String,
    pub backup_retention_days: i32,
    pub deletion_protection: bool,
    /// The least and the most of Serverless v2, in half capacity units; left alone where instances have a class of their own, because
    /// AWS does not take it away again.
    pub half_capacity_units: Unmanaged<Option<[u32; 2]>>,
    /// Whether a secondary passes writes on. The writer has nothing to pass on: there it is left alone.
    pub write_forwarding: Unmanaged<bool>,
    /// The version of the secret that the password was set from.
    pub password_from: Unmanaged<Ref<SecretVersion>>,
    /// `writer` or `secondary`.
    pub role: Unmanaged<String>,
    /// The instances of the writer's cluster, which a secondary copies.
    pub copies: Unmanaged<Ref<InstanceCluster>>,
    /// The ARNs of the other members.
    pub others: Unmanaged<Vec<String>>,
    /// Instances in it that are not this stack's.
    pub foreign_instances: Unmanaged<Vec<String>>,
    /// Instances that take changed parameters only with a reboot.
    pub waits_for_reboot: Unmanaged<Vec<String>>,
    pub tags: Tags,
}

/// `rds.cluster`.
pub struct Cluster;

const CREATE: &str = "rds:CreateDBCluster";
const MODIFY: &str = "rds:ModifyDBCluster";
/// The alias of the key that AWS manages for RDS; given by name, because a copy of an encrypted cluster needs a key of its own region
/// (field guide 4.4 item 3).
const MANAGED_KEY: &str = "alias/aws/rds";
const AWS_MANAGED: &str = "aws_managed";

impl Cluster {
    /// The address of a database's cluster in a region.
    #[must_use]
    pub fn address(region: &Region, key: &str) -> Addr {
        Addr::regional(region, Self::NAME, key)
    }

    fn spec(model: &Model, key: &str, database: &Aurora, region: &Region, member: &AuroraMember) -> Spec {
        let (scope, name) = (Scope::from(region), cluster_name(&model.stack, key, region));
        Spec {
            global_cluster: Some(Ref::to(&Scope::Global, key)),
            engine: database.engine.as_str().to_owned(),
            engine_version: database.engine_version.clone(),
            subnet_group: Ref::to(&scope, key),
            parameter_group: Ref::to(&scope, key),
            security_groups: Unordered(vec![Ref::to(&scope, &of_database(key))]),
            encryption: match &member.encryption {
                AuroraEncryption::AwsManaged => AWS_MANAGED.to_owned(),
                AuroraEncryption::Key(arn) => arn.clone(),
            },
            backup_retention_days: i32::try_from(member.backup_retention_days).unwrap_or(i32::MAX),
            deletion_protection: member.deletion_protection,
            half_capacity_units: match member.capacity {
                AuroraCapacity::Class(_) => Unmanaged::Any,
                AuroraCapacity::Serverless { min, max } => Unmanaged::Managed(Some([min, max])),
            },
            write_forwarding: Unmanaged::Managed(member.write_forwarding),
            password_from: Unmanaged::Managed(Ref::to(&scope, &secrets::address_name(key))),
            role: Unmanaged::Any,
            copies: Unmanaged::Any,
            others: Unmanaged::Any,
            foreign_instances: Unmanaged::Any,
            waits_for_reboot: Unmanaged::Any,
            tags: Owner { stack: model.stack.clone(), tags: model.tags.clone() }.wanted(&name),
            name,
        }
    }
}

fn scaling([min, max]: [u32; 2]) -> aws_sdk_rds::types::ServerlessV2ScalingConfiguration {
    let units = |half: u32| f64::from(half) / 2.0;
    aws_sdk_rds::types::ServerlessV2ScalingConfiguration::builder().min_capacity(units(min)).max_capacity(units(max)).build()
}

impl Kind for Cluster {
    type Spec = Spec;
    const NAME: &'static str = "rds.cluster";
    const FIXED: &'static [&'static str] = &["name", "global_cluster", "engine", "subnet_group", "encryption"];
    /// Terraform waits two hours for a cluster, and 90 minutes for an upgrade; a copy takes as long as its data (field guide 4.2 item 4,
    /// 4.3 item 4, 4.4 item 4).
    const PATIENCE: Patience = Patience::of(15, 120, 120);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &[DESCRIBE_CLUSTERS, DESCRIBE_GLOBAL]),
        (
            Verb::Create,
            &[
                CREATE,
                DESCRIBE_VERSIONS,
                ADD_TAGS,
                "secretsmanager:GetSecretValue",
                "iam:CreateServiceLinkedRole",
                "kms:DescribeKey",
                "kms:CreateGrant",
            ],
        ),
        (Verb::Update, &[MODIFY, DESCRIBE_VERSIONS, ADD_TAGS, REMOVE_TAGS, "secretsmanager:GetSecretValue"]),
        (Verb::Delete, &[ending::DELETE, ending::DETACH, ending::SNAPSHOT, ending::DESCRIBE_SNAPSHOTS, ADD_TAGS, DESCRIBE_INSTANCES]),
    ];
    const DATA: bool = true;
    /// With fewer days of backups the recovery points before are gone at once.
    const GUARDED: &'static [&'static str] = &["deletion_protection", "backup_retention_days"];
    const PROTECTION: Option<&'static str> = Some("deletion_protection");
    const UNFINISHED: bool = true;
    const FORESEES: bool = true;

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let mut wants = Vec::new();
        for (key, database) in &model.aurora {
            let want = |(region, member)| Want::new(Self::address(region, key), Self::spec(model, key, database, region, member));
            let mut members: Vec<Want<Spec>> = database.members.iter().map(want).collect();
            Database::new(key, database, facts).order(&mut members);
            wants.extend(members);
        }
        wants
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let mut found = Vec::new();
        for seen in databases::clusters(cx, cx.region()?).await?.iter() {
            found.extend(Self::found(cx, seen).await?);
        }
        Ok(found)
    }

    /// The name is unique in the region: "already exists" with our mark is success. The role is the one that is free *now*.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let (region, spec) = (cx.region()?, &want.spec);
        let Some(global) = &spec.global_cluster else { return Err(Fault::bug("a cluster without a global cluster")) };
        let Some(global) = databases::global(&cx.afresh(), global.get()?).await? else {
            return Err(Fault::new(CREATE, Class::NotFound, "its global cluster is not there yet"));
        };
        let ask = cx.fleet.region(region).rds.create_db_cluster().db_cluster_identifier(&spec.name);
        let ask = ask.global_cluster_identifier(global.global_cluster_identifier().unwrap_or_default());
        let ask = ask.engine(&spec.engine).engine_version(&spec.engine_version).db_subnet_group_name(spec.subnet_group.get()?);
        let ask = ask.db_cluster_parameter_group_name(spec.parameter_group.get()?);
        let groups = spec.security_groups.0.iter().map(|group| group.get().map(str::to_owned)).collect::<Result<_, _>>()?;
        let ask = ask.set_vpc_security_group_ids(Some(groups)).storage_encrypted(true);
        let ask = ask.backup_retention_period(spec.backup_retention_days).deletion_protection(spec.deletion_protection);
        let is_managed = spec.encryption == AWS_MANAGED;
        let ask = ask.kms_key_id(if is_managed { MANAGED_KEY } else { &*spec.encryption });
        let ask = match spec.half_capacity_units {
            Unmanaged::Managed(Some(units)) => ask.serverless_v2_scaling_configuration(scaling(units)),
            _ => ask,
        };
        let mut tags = cx.owner.to_send(&want.addr, &spec.tags);
        if is_managed {
            tags.insert(ENCRYPTED_BY.to_owned(), AWS_MANAGED.to_owned());
        }
        let ask = match (databases::writer_of(&global), global.global_cluster_members().is_empty()) {
            (None, false) => return Err(databases::busy(CREATE, "the global cluster", "between two writers")),
            (None, true) => {
                let database = cx.model.aurora.get(&*want.addr.name);
                if let Some(first) = database.map(|database| &database.writer).filter(|first| *first != region) {
                    // The members may be read late; but nobody waits here for what cannot be made meanwhile.
                    let there = databases::cluster(cx, first, &cluster_name(&cx.owner.stack, &want.addr.name, first)).await?;
                    let class = if there.is_some() { Class::Contention } else { Class::Invalid };
                    return Err(Fault::new(CREATE, class, format!("the cluster in {first} is made first")));
                }
                let login = secrets::login(cx, &want.addr.name).await?;
                let name = database.and_then(|database| database.database_name.clone());
                let ask = ask.master_username(&login.username).master_user_password(login.password()).set_database_name(name);
                tags.insert(PASSWORD_FROM.to_owned(), login.version);
                ask
            }
            (Some(arn), _) => {
                // The login came with the writer, and so did the version that it was set from.
                let Some(at) = region_of(arn) else { return Err(Fault::bug(format!("no region in {arn}"))) };
                let writer = databases::cluster(cx, &at, name_in(arn)).await?;
                let version = writer.as_ref().and_then(|writer| tag(writer.tag_list(), PASSWORD_FROM));
                tags.extend(version.map(|version| (PASSWORD_FROM.to_owned(), version.to_owned())));
                ask
            }
        };
        // The first writer is told, too: "for the primary DB cluster, this value is used immediately if the primary is demoted, but it
        // does nothing until then" (RDS API reference, CreateDBCluster). So a switch leaves nothing to change.
        let forwards = match spec.write_forwarding {
            Unmanaged::Managed(forwards) => forwards,
            Unmanaged::Any => {
                cx.model.aurora.get(&*want.addr.name).and_then(|of| of.members.get(region)).is_some_and(|of| of.write_forwarding)
            }
        };
        let ask = ask.set_enable_global_write_forwarding(forwards.then_some(true));
        let answer = ask.set_tags(Some(databases::tags(tags))).send().await.map_err(fault(CREATE));
        let there = async {
            let there = databases::cluster(cx, region, &spec.name).await?;
            Ok(there.map(|there| databases::marks(there.tag_list())))
        };
        databases::made(cx, (&want.addr, &spec.name), answer, there).await
    }

    /// Versions go up alone, and so does the password; everything else goes in one call. What AWS is busy with is waited for by name.
    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        let (region, spec) = (cx.region()?, &want.spec);
        let Some(now) = databases::cluster(cx, region, &found.id).await? else {
            return Err(Fault::new(DESCRIBE_CLUSTERS, Class::NotFound, format!("{} is not there", found.id)));
        };
        if let Life::Making(word) = databases::life_of(now.status().unwrap_or_default()) {
            return Err(databases::busy(MODIFY, &found.id, &word));
        }
        let arn = now.db_cluster_arn().unwrap_or_default();
        let of = databases::membership(&cx.afresh(), arn).await?;
        databases::change_tags(cx, region, arn, cx.owner.to_change(&want.addr, &found.spec.tags, &spec.tags)).await?;
        let ask = || cx.fleet.region(region).rds.modify_db_cluster().db_cluster_identifier(&found.id).apply_immediately(true);
        let version = now.engine_version().unwrap_or_default();
        let differs = |path: &str| changes.iter().any(|change| change.is_under(path));
        if differs("engine_version") && version != spec.engine_version {
            if major(&spec.engine, version) != major(&spec.engine, &spec.engine_version) {
                return Err(Fault::new(MODIFY, Class::Contention, "the global cluster has not reached it with its new version"));
            }
            return ask().engine_version(&spec.engine_version).send().await.map_err(fault(MODIFY)).map(drop);
        }
        if differs("password_from")
            && let Unmanaged::Managed(from) = &spec.password_from
            && tag(now.tag_list(), PASSWORD_FROM) != Some(from.get()?)
        {
            Self::set_password(cx, &want.addr, &now, of.as_ref(), from.get()?).await?;
        }
        let paths = [
            "parameter_group",
            "security_groups",
            "backup_retention_days",
            "deletion_protection",
            "half_capacity_units",
            "write_forwarding",
        ];
        if !paths.iter().any(|path| differs(path)) {
            return Ok(());
        }
        let mut ask = ask();
        if differs("parameter_group") {
            ask = ask.db_cluster_parameter_group_name(spec.parameter_group.get()?);
        }
        if differs("security_groups") {
            let groups = spec.security_groups.0.iter().map(|group| group.get().map(str::to_owned)).collect::<Result<_, _>>()?;
            ask = ask.set_vpc_security_group_ids(Some(groups));
        }
        if differs("backup_retention_days") {
            ask = ask.backup_retention_period(spec.backup_retention_days);
        }
        if differs("deletion_protection") {
            ask = ask.deletion_protection(spec.deletion_protection);
        }
        if let Unmanaged::Managed(Some(units)) = spec.half_capacity_units
            && differs("half_capacity_units")
        {
            ask = ask.serverless_v2_scaling_configuration(scaling(units));
        }
        if let Unmanaged::Managed(forwards) = spec.write_forwarding
            && differs("write_forwarding")
        {
            ask = ask.enable_global_write_forwarding(forwards);
        }
        ask.send().await.map_err(fault(MODIFY)).map(drop)
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let region = cx.region()?;
        let Some(now) = databases::cluster(cx, region, &found.id).await? else {
            return ending::label(cx, &found.addr, &found.id).await;
        };
        if now.status() == Some("deleting") {
            return ending::label(cx, &found.addr, &found.id).await;
        }
        let of = databases::membership(&cx.afresh(), now.db_cluster_arn().unwrap_or_default()).await?;
        Self::may_go(cx, &found.addr, of.as_ref())?;
        if matches!(&found.spec.role, Unmanaged::Managed(role) if role == "secondary") {
            Self::is_no_new_writer(&found.addr, of.as_ref())?;
        }
        if !now.db_cluster_members().is_empty() {
            return Err(Fault::new(ending::DELETE, Class::InUse, "it still has instances"));
        }
        ending::end(cx, &found.addr, &now).await
    }

    /// A copy is there when the members say so, too; one that is being made shows among them late (field guide 4.2 item 4).
    async fn status(&self, cx: &Cx, addr: &Addr, id: &str) -> Result<Status, Fault> {
        let Some(now) = databases::cluster(cx, cx.region()?, id).await? else { return Ok(Status::Gone) };
        let word = now.status().unwrap_or_default();
        match databases::life_of(word) {
            Life::Broken(word) => return Ok(Status::Failed(word)),
            Life::Making(word) | Life::Leaving(word) => return Ok(Status::Settling(word)),
            Life::Ready => {}
        }
        if now.pending_modified_values().is_some_and(|pending| pending.master_user_password().is_some()) {
            return Ok(Status::Settling("the password is being set".to_owned()));
        }
        if cx.removing.contains(addr) {
            return Ok(Status::Ready(Self::outputs(&now)));
        }
        let of = databases::membership(&cx.afresh(), now.db_cluster_arn().unwrap_or_default()).await?;
        Ok(match of {
            None => Status::Settling("not a member of the global cluster yet".to_owned()),
            Some(Membership { is_writer: false, synchronization: Some(word), .. }) if word != "connected" => Status::Settling(word),
            Some(_) => Status::Ready(Self::outputs(&now)),
        })
    }

    fn lane(&self, addr: &Addr, _: &Spec) -> Option<String> {
        Some(format!("global-cluster/{}", addr.name))
    }

    fn also_in(&self, found: &Found<Spec>) -> Vec<Region> {
        match &found.spec.others {
            Unmanaged::Managed(arns) if found.ours => arns.iter().filter_map(|arn| region_of(arn)).collect(),
            _ => Vec::new(),
        }
    }

    /// The writer's goes when no copy is left, also none in a region that does not answer; a copy goes only where the writer is seen:
    /// it may be all that is left of the data.
    fn leans(&self, found: &Found<Spec>) -> Leans {
        let (Unmanaged::Managed(role), Unmanaged::Managed(others)) = (&found.spec.role, &found.spec.others) else {
            return Leans::OnNothing;
        };
        let writer = if let Unmanaged::Managed(of) = &found.spec.copies { of.get().ok().and_then(region_of) } else { None };
        match &others.iter().filter_map(|arn| region_of(arn)).collect::<Vec<_>>()[..] {
            [] => Leans::OnNothing,
            [one] => Leans::On(one.clone()),
            _ if role == "writer" => Leans::OnAll,
            _ => writer.map_or(Leans::OnAll, Leans::On),
        }
    }

    /// Members that neither the file names nor our mark covers, and what waits for a reboot, which mrctl never does by itself.
    fn posture(&self, model: &Model, found: &[Found<Spec>]) -> Vec<Posture> {
        posture::of(model, found)
    }

    /// One that stands alone cannot join again, but a global cluster can be made from it (field guide 4.2 item 1).
    fn loses(&self, found: &Found<Spec>) -> Option<String> {
        let (arn, key) = (found.outputs.get("arn").unwrap_or(&found.id), &found.addr.name);
        let text = format!(
            "stands alone and holds the data: to keep it, remove the empty global cluster, make it again from this one (`aws rds \
             create-global-cluster --source-db-cluster-identifier {arn}`, under the same name), and take it over (`mrctl apply --adopt \
             global/rds.global_cluster/{key}`)"
        );
        found.spec.global_cluster.is_none().then_some(text)
    }

    /// A version that AWS has retired, or never had: known before what stands in its place goes.
    async fn foreseen(&self, cx: &Cx, want: &Want<Spec>, found: Option<&Found<Spec>>) -> Result<Option<String>, Fault> {
        let (engine, version) = (&want.spec.engine, &want.spec.engine_version);
        if found.is_some_and(|found| (&found.spec.engine, &found.spec.engine_version) == (engine, version)) {
            return Ok(None);
        }
        let region = cx.region()?;
        let offered = versions::offered(cx, region, engine).await?;
        let of_major = |one: &&String| major(engine, one) == major(engine, version);
        let near: Vec<&str> = offered.iter().filter(of_major).map(String::as_str).collect();
        let near = if near.is_empty() { offered.iter().map(String::as_str).collect() } else { near };
        let has = if near.is_empty() { "none".to_owned() } else { near.join(", ") };
        Ok((!offered.contains(version)).then(|| format!("{region} has no {engine} {version} for global databases; it has {has}")))
    }

    fn interrupts(&self, found: &Found<Spec>, changes: &[Change]) -> Option<String> {
        let change = changes.iter().find(|change| change.is_under("engine_version"))?;
        let version = change.to.as_str().unwrap_or("another version");
        let is_writer = matches!(&found.spec.role, Unmanaged::Managed(role) if role == "writer");
        let when = if is_writer { "it is the writer's and goes last: nothing is written meanwhile" } else { "copies go before the writer" };
        Some(format!("all its instances restart with {version}; {when}"))
    }

    fn cannot_go(&self, found: &Found<Spec>, removing: &BTreeSet<Addr>) -> Option<String> {
        let (Unmanaged::Managed(role), Unmanaged::Managed(others)) = (&found.spec.role, &found.spec.others) else { return None };
        if let Unmanaged::Managed(foreign) = &found.spec.foreign_instances
            && !foreign.is_empty()
        {
            return Some(format!("has instances that are not this stack's: {}; remove those first", foreign.join(", ")));
        }
        if role == "writer" { Self::kept_by(&found.addr, others, removing) } else { None }
    }

    fn leaves(&self, cx: &Cx, found: &Found<Spec>) -> Option<String> {
        ending::left(cx, &found.id).map(|kept| format!("{}: {kept}", found.addr.scope))
    }

    /// Instances that are not this stack's, and those that are on their way out.
    async fn holders(&self, cx: &Cx, found: &Found<Spec>) -> Result<Vec<Holder>, Fault> {
        let all = databases::instances(cx, cx.region()?).await?;
        let here = all.iter().filter(|one| one.db_cluster_identifier() == Some(&found.id));
        let holder = |one: &aws_sdk_rds::types::DbInstance| {
            let is_ours = databases::marks(one.tag_list()).stack.as_deref() == Some(&*cx.owner.stack);
            let leaves = one.db_instance_status() == Some("deleting");
            let what = format!("instance {}", one.db_instance_identifier().unwrap_or_default());
            (leaves || !is_ours).then_some(Holder { what, leaves_by_itself: leaves })
        };
        Ok(here.filter_map(holder).collect())
    }
}
