//! The instances of a database's clusters, counted from one in each region. Fewer of them: the highest numbers go.
//!
//! Where the class changes, the readers of a cluster change before its writer, one after another.
use std::collections::BTreeSet;

use aws_sdk_rds::types::{DbCluster, DbInstance, Subnet};
use serde::{Deserialize, Serialize};

use super::cluster::{Cluster, ClusterId};
use crate::{
    aws::{
        databases::{self, ADD_TAGS, DESCRIBE_CLUSTERS, DESCRIBE_GLOBAL, DESCRIBE_INSTANCES, REMOVE_TAGS, instance_name, region_of},
        errors::{fault, maybe},
        tags::addr_of,
    },
    outputs,
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Leans, Life, Outputs, Owner, Patience, Ref, Region, Scope, Status, Tags,
        Unmanaged, Verb, Want,
    },
    topology::{Aurora, AuroraCapacity, Model},
};

outputs! { "rds.instance":
    /// The identifier of an instance, which is its name.
    InstanceId = "id",
    /// The ARN of the cluster that it belongs to: as long as other clusters are copied from that one, it stays.
    InstanceCluster = "cluster",
    /// The endpoint of that cluster: as long as something uses it, somebody has to answer there.
    InstanceClusterEndpoint = "cluster_endpoint",
    /// The endpoint for that cluster's readers, likewise.
    InstanceClusterReaderEndpoint = "cluster_reader_endpoint",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    pub cluster: Ref<ClusterId>,
    pub engine: String,
    pub class: String,
    pub publicly_accessible: bool,
    /// Whether it is the one that its cluster writes with.
    pub writes: Unmanaged<bool>,
    /// The regions with clusters that are copied from the one it belongs to.
    pub copied_to: Unmanaged<Vec<Region>>,
    /// The region of the writer, where that is another one.
    pub copied_from: Unmanaged<Option<Region>>,
    /// The subnet that it stands in.
    pub subnet: Unmanaged<Option<String>>,
    /// The other instances of its cluster.
    pub beside: Unmanaged<Vec<String>>,
    pub tags: Tags,
}

/// `rds.instance`.
pub struct Instance;

const CREATE: &str = "rds:CreateDBInstance";
const MODIFY: &str = "rds:ModifyDBInstance";
const DELETE: &str = "rds:DeleteDBInstance";
const SERVERLESS: &str = "db.serverless";

/// The database in the name of an instance's address, and its number.
fn of_address(name: &str) -> Option<(&str, u32)> {
    let (key, number) = name.rsplit_once('-')?;
    Some((key, number.parse().ok()?))
}

impl Instance {
    /// The address of one of a database's instances.
    #[must_use]
    pub fn address(region: &Region, key: &str, number: u32) -> Addr {
        Addr::regional(region, Self::NAME, &format!("{key}-{number}"))
    }

    fn outputs(seen: &DbInstance, of: Option<&DbCluster>) -> Outputs {
        let outputs = Outputs::of::<InstanceId>(seen.db_instance_identifier().unwrap_or_default());
        let (arn, readers) = (of.and_then(DbCluster::db_cluster_arn), of.and_then(DbCluster::reader_endpoint));
        let outputs = arn.into_iter().fold(outputs, |outputs, arn| outputs.with::<InstanceCluster>(arn));
        let endpoint = of.and_then(databases::endpoint_of).into_iter();
        let outputs = endpoint.fold(outputs, |outputs, endpoint| outputs.with::<InstanceClusterEndpoint>(endpoint));
        readers.into_iter().fold(outputs, |outputs, readers| outputs.with::<InstanceClusterReaderEndpoint>(readers))
    }

    async fn found(cx: &Cx, seen: &DbInstance) -> Result<Option<Found<Spec>>, Fault> {
        let (region, Some(name)) = (cx.region()?, seen.db_instance_identifier()) else { return Ok(None) };
        let marks = databases::marks(seen.tag_list());
        let marked = addr_of(cx, Self::NAME, &marks);
        let wanted_at = || {
            let here = cx.model.aurora.iter().filter_map(|(key, database)| Some((key, database.members.get(region)?.instances)));
            let mut all = here.flat_map(|(key, count)| (1..=count).map(move |number| (key, number)));
            let named = all.find(|(key, number)| instance_name(&cx.owner.stack, key, region, *number) == name);
            named.map(|(key, number)| Self::address(region, key, number))
        };
        let ours = marked.is_some();
        let Some(addr) = marked.or_else(wanted_at) else { return Ok(None) };
        let cluster = seen.db_cluster_identifier().unwrap_or_default();
        let clusters = databases::clusters(cx, region).await?;
        let of = clusters.iter().find(|one| one.db_cluster_identifier() == Some(cluster));
        let membership = match of.and_then(DbCluster::db_cluster_arn) {
            Some(arn) => databases::membership(cx, arn).await?,
            None => None,
        };
        let (writers, copies) = (membership.iter().filter(|of| of.is_writer), membership.iter().filter(|of| !of.is_writer));
        let copied_to = writers.flat_map(|of| &of.others).filter_map(|arn| region_of(arn));
        let copied_from = copies.filter_map(|of| region_of(of.writer.as_deref()?)).next();
        let of_cluster = || of.into_iter().flat_map(|of| of.db_cluster_members());
        let writes = of_cluster().any(|one| one.db_instance_identifier() == Some(name) && one.is_cluster_writer() == Some(true));
        let beside = of_cluster().filter_map(|one| one.db_instance_identifier()).filter(|other| *other != name);
        let spec = Spec {
            name: name.to_owned(),
            cluster: Ref::is(&cx.scope, cluster),
            engine: seen.engine().unwrap_or_default().to_owned(),
            class: seen.db_instance_class().unwrap_or_default().to_owned(),
            publicly_accessible: seen.publicly_accessible() == Some(true),
            writes: Unmanaged::Managed(writes),
            copied_to: Unmanaged::Managed(copied_to.collect()),
            copied_from: Unmanaged::Managed(copied_from),
            subnet: Unmanaged::Managed(subnet_of(seen)),
            beside: Unmanaged::Managed(beside.map(str::to_owned).collect()),
            tags: marks.tags,
        };
        let life = databases::life_of(seen.db_instance_status().unwrap_or_default());
        let born = databases::at(seen.instance_create_time());
        Ok(Some(Found { addr, id: name.to_owned(), spec, outputs: Self::outputs(seen, of), life, ours, born }))
    }

    /// Those of a cluster whose class changes, in the order in which they do: the writer's last.
    fn changing(key: &str, database: &Aurora, region: &Region, facts: &Facts) -> Vec<Addr> {
        let Some(member) = database.members.get(region) else { return Vec::new() };
        let class = class_of(&member.capacity);
        let addrs = (1..=member.instances).map(|number| Self::address(region, key, number));
        let differs = |addr: &Addr| facts.found_field(addr, "class").is_some_and(|now| now != class);
        let mut changing: Vec<Addr> = addrs.filter(differs).collect();
        let writes = |addr: &Addr| facts.found.get(addr).and_then(|found| found.spec.get("writes")?.as_bool()) == Some(true);
        changing.sort_by_key(writes);
        changing
    }
}

/// That one of its group which is in its zone.
fn subnet_of(seen: &DbInstance) -> Option<String> {
    let mut subnets = seen.db_subnet_group()?.subnets().iter();
    let is_here = |subnet: &&Subnet| subnet.subnet_availability_zone().and_then(|zone| zone.name()) == seen.availability_zone();
    subnets.find(is_here)?.subnet_identifier().map(str::to_owned)
}

fn class_of(capacity: &AuroraCapacity) -> String {
    match capacity {
        AuroraCapacity::Class(class) => class.clone(),
        AuroraCapacity::Serverless { .. } => SERVERLESS.to_owned(),
    }
}

impl Kind for Instance {
    type Spec = Spec;
    const NAME: &'static str = "rds.instance";
    const FIXED: &'static [&'static str] = &["name", "cluster", "engine"];
    /// 5 to 15 minutes to make, 3 to 10 to remove; Terraform waits 90 (field guide 4.3 item 4, 4.7).
    const PATIENCE: Patience = Patience::of(10, 90, 90);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &[DESCRIBE_INSTANCES, DESCRIBE_CLUSTERS, DESCRIBE_GLOBAL]),
        (Verb::Create, &[CREATE, ADD_TAGS, "iam:CreateServiceLinkedRole"]),
        (Verb::Update, &[MODIFY, ADD_TAGS, REMOVE_TAGS]),
        (Verb::Delete, &[DELETE]),
    ];
    /// Clients that still hold a connection let go of it first.
    const STAYS_FOR_CLIENTS: bool = true;
    const UNFINISHED: bool = true;

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let owner = Owner { stack: model.stack.clone(), tags: model.tags.clone() };
        let mut wants = Vec::new();
        for (key, database) in &model.aurora {
            for (region, member) in &database.members {
                let changing = Self::changing(key, database, region, facts);
                for number in 1..=member.instances {
                    let (addr, name) = (Self::address(region, key, number), instance_name(&model.stack, key, region, number));
                    let before = changing.iter().position(|one| *one == addr).and_then(|at| changing.get(at.checked_sub(1)?)).cloned();
                    let spec = Spec {
                        cluster: Ref::to(&Scope::from(region), key),
                        engine: database.engine.as_str().to_owned(),
                        class: class_of(&member.capacity),
                        publicly_accessible: false,
                        writes: Unmanaged::Any,
                        copied_to: Unmanaged::Any,
                        copied_from: Unmanaged::Any,
                        subnet: Unmanaged::Any,
                        beside: Unmanaged::Any,
                        tags: owner.wanted(&name),
                        name,
                    };
                    wants.push(Want::new(addr, spec).after(before));
                }
            }
        }
        wants
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let mut found = Vec::new();
        for seen in databases::instances(cx, cx.region()?).await?.iter().filter(|seen| seen.db_cluster_identifier().is_some()) {
            found.extend(Self::found(cx, seen).await?);
        }
        Ok(found)
    }

    /// The name is unique in the region: "already exists" with our mark is success.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let spec = &want.spec;
        let ask = cx.fleet.region(cx.region()?).rds.create_db_instance().db_instance_identifier(&spec.name);
        let ask = ask.db_cluster_identifier(spec.cluster.get()?).db_instance_class(&spec.class).engine(&spec.engine);
        let ask = ask.publicly_accessible(spec.publicly_accessible);
        let ask = ask.set_tags(Some(databases::tags(cx.owner.to_send(&want.addr, &spec.tags))));
        let there = async {
            let there = databases::instance(cx, cx.region()?, &spec.name).await?;
            Ok(there.map(|there| databases::marks(there.tag_list())))
        };
        databases::made(cx, (&want.addr, &spec.name), ask.send().await.map_err(fault(CREATE)), there).await
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        let region = cx.region()?;
        let Some(now) = databases::instance(cx, region, &found.id).await? else {
            return Err(Fault::new(DESCRIBE_INSTANCES, Class::NotFound, format!("{} is not there", found.id)));
        };
        if let Life::Making(word) = databases::life_of(now.db_instance_status().unwrap_or_default()) {
            return Err(databases::busy(MODIFY, &found.id, &word));
        }
        let arn = now.db_instance_arn().unwrap_or_default();
        databases::change_tags(cx, region, arn, cx.owner.to_change(&want.addr, &found.spec.tags, &want.spec.tags)).await?;
        let (class, public) = (&*want.spec.class, want.spec.publicly_accessible);
        let differs = |path: &str| changes.iter().any(|change| change.is_under(path));
        let class = Some(class).filter(|class| differs("class") && now.db_instance_class() != Some(*class));
        let is_public = now.publicly_accessible().unwrap_or_default();
        let public = Some(public).filter(|public| differs("publicly_accessible") && is_public != *public);
        if class.is_none() && public.is_none() {
            return Ok(());
        }
        let ask = cx.fleet.region(region).rds.modify_db_instance().db_instance_identifier(&found.id).apply_immediately(true);
        let ask = ask.set_db_instance_class(class.map(str::to_owned)).set_publicly_accessible(public);
        ask.send().await.map_err(fault(MODIFY)).map(drop)
    }

    /// An Aurora instance takes no snapshot of its own (field guide 4.7).
    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let region = cx.region()?;
        let Some(now) = databases::instance(cx, region, &found.id).await? else { return Ok(()) };
        if now.db_instance_status() == Some("deleting") {
            return Ok(());
        }
        if let Some((key, _)) = of_address(&found.addr.name) {
            let cluster = databases::cluster(cx, region, now.db_cluster_identifier().unwrap_or_default()).await?;
            let arn = cluster.as_ref().and_then(DbCluster::db_cluster_arn).unwrap_or_default();
            let membership = databases::membership(&cx.afresh(), arn).await?;
            let cluster = Addr::regional(region, Cluster::NAME, key);
            Cluster::may_go(cx, &cluster, membership.as_ref())?;
            // AWS refuses the last instance of the writer's cluster as long as there are others.
            if is_last(found) && matches!(&found.spec.copied_to, Unmanaged::Managed(regions) if regions.is_empty()) {
                Cluster::is_no_new_writer(&cluster, membership.as_ref())?;
            }
        }
        let ask = cx.fleet.region(region).rds.delete_db_instance().db_instance_identifier(&found.id);
        maybe(ask.send().await.map_err(fault(DELETE))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let region = cx.region()?;
        let Some(now) = databases::instance(cx, region, id).await? else { return Ok(Status::Gone) };
        Ok(match databases::life_of(now.db_instance_status().unwrap_or_default()) {
            Life::Ready => {
                let of = databases::cluster(cx, region, now.db_cluster_identifier().unwrap_or_default()).await?;
                Status::Ready(Self::outputs(&now, of.as_ref()))
            }
            Life::Broken(word) => Status::Failed(word),
            Life::Making(word) | Life::Leaving(word) => Status::Settling(word),
        })
    }

    /// The last instance of the writer's cluster is refused its removal while there are secondaries (field guide 4.7), and that of a
    /// secondary goes only where the writer is seen: it may hold all that is left of the data.
    fn leans(&self, found: &Found<Spec>) -> Leans {
        let (Unmanaged::Managed(to), Unmanaged::Managed(from)) = (&found.spec.copied_to, &found.spec.copied_from) else {
            return Leans::OnNothing;
        };
        match to.iter().chain(from).collect::<Vec<_>>()[..] {
            [one] if is_last(found) => Leans::On(one.clone()),
            [_, _, ..] if is_last(found) => Leans::OnAll,
            _ => Leans::OnNothing,
        }
    }

    /// "An outage occurs during this change" (Aurora user guide, "Settings for Amazon Aurora", DB instance class).
    fn interrupts(&self, found: &Found<Spec>, changes: &[Change]) -> Option<String> {
        let change = changes.iter().find(|change| change.is_under("class"))?;
        let is = |flag: &Unmanaged<bool>| matches!(flag, Unmanaged::Managed(true));
        let is_writer = is(&found.spec.writes) && !matches!(&found.spec.copied_from, Unmanaged::Managed(Some(_)));
        let beside = if let Unmanaged::Managed(beside) = &found.spec.beside { beside.join(", ") } else { String::new() };
        let what = match (is_writer, beside.is_empty()) {
            (true, true) => "it is the writer and has no other beside it: nothing is written for some minutes".to_owned(),
            (true, false) => format!("it is the writer and goes last: nothing is written until one of {beside} has taken over"),
            (false, true) => "there is no other in its cluster: its region reads nothing from it for some minutes".to_owned(),
            (false, false) => format!("who reads from it has {beside} meanwhile"),
        };
        Some(format!("restarts as {}; {what}", change.to.as_str().unwrap_or("another class")))
    }

    fn cannot_go(&self, found: &Found<Spec>, removing: &BTreeSet<Addr>) -> Option<String> {
        let (Unmanaged::Managed(to), Unmanaged::Managed(beside)) = (&found.spec.copied_to, &found.spec.beside) else { return None };
        let (region, (key, _)) = (found.addr.region()?, of_address(&found.addr.name)?);
        let goes = |name: &String| {
            let number = name.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
            number.is_some_and(|number| removing.contains(&Self::address(region, key, number)))
        };
        let stays = |region: &&Region| !removing.contains(&Cluster::address(region, key));
        // What goes with its cluster is that one's to tell.
        if removing.contains(&Cluster::address(region, key)) || !beside.iter().all(goes) {
            return None;
        }
        let copies: Vec<&str> = to.iter().filter(stays).map(Region::as_str).collect();
        let first = "switch over to one of those first (`aws rds switchover-global-cluster`), or give its region another instance";
        (!copies.is_empty()).then(|| format!("is the only instance of the writer's cluster, which {} copies: {first}", copies.join(", ")))
    }

    /// The highest numbers go first, so that the first one is a cluster's last.
    fn loses(&self, found: &Found<Spec>) -> Option<String> {
        is_last(found).then(|| "would be deleted, and is the last instance of its cluster".to_owned())
    }
}

fn is_last(found: &Found<Spec>) -> bool {
    of_address(&found.addr.name).is_some_and(|(_, number)| number == 1)
}
