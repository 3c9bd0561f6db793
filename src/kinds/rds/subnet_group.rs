//! Subnet groups: where the instances of a database may stand in a region.
use aws_sdk_rds::types::DbSubnetGroup;
use serde::{Deserialize, Serialize};

use crate::{
    aws::{
        databases::{self, ADD_TAGS, LIST_TAGS, REMOVE_TAGS},
        errors::{fault, maybe},
        tags::addr_of,
    },
    kinds::ec2::subnet::{SubnetId, Tier, subnets_of},
    outputs,
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Outputs, Owner, Patience, Ref, Region, Status, Tags, Unordered, Verb,
        Want,
    },
    topology::Model,
};

outputs! { "rds.subnet_group":
    /// The name of a subnet group.
    SubnetGroupName = "name",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    /// In at least two zones (field guide 4.1 item 3).
    pub subnets: Unordered<Ref<SubnetId>>,
    pub tags: Tags,
}

/// `rds.subnet_group`.
pub struct SubnetGroup;

const INSTANCE: &str = "rds.instance";
const DESCRIBE: &str = "rds:DescribeDBSubnetGroups";
const CREATE: &str = "rds:CreateDBSubnetGroup";
const MODIFY: &str = "rds:ModifyDBSubnetGroup";
const DELETE: &str = "rds:DeleteDBSubnetGroup";

fn name_of(stack: &str, key: &str) -> String {
    databases::global_name(stack, key)
}

fn values(subnets: &Unordered<Ref<SubnetId>>) -> Result<Vec<String>, Fault> {
    subnets.0.iter().map(|subnet| subnet.get().map(str::to_owned)).collect()
}

impl SubnetGroup {
    async fn get(cx: &Cx, name: &str) -> Result<Option<DbSubnetGroup>, Fault> {
        let ask = cx.fleet.region(cx.region()?).rds.describe_db_subnet_groups().db_subnet_group_name(name);
        let seen = maybe(ask.send().await.map_err(fault(DESCRIBE)))?;
        Ok(seen.and_then(|seen| seen.db_subnet_groups().first().cloned()))
    }

    /// A group whose name is one of ours; nothing when it went meanwhile.
    async fn look(cx: &Cx, group: &DbSubnetGroup) -> Result<Option<Found<Spec>>, Fault> {
        let (Some(name), Some(arn)) = (group.db_subnet_group_name(), group.db_subnet_group_arn()) else { return Ok(None) };
        let Some(marks) = maybe(databases::marks_of(cx, arn).await)? else { return Ok(None) };
        let (region, marked) = (cx.region()?, addr_of(cx, Self::NAME, &marks));
        let named = |(key, database): (&String, &crate::topology::Aurora)| {
            (database.members.contains_key(region) && name_of(&cx.owner.stack, key) == name).then(|| key.clone())
        };
        let wanted_at = cx.model.aurora.iter().find_map(named).map(|key| Addr::regional(region, Self::NAME, &key));
        let (Some(addr), ours) = (marked.clone().or(wanted_at), marked.is_some()) else { return Ok(None) };
        let subnets = group.subnets().iter().filter_map(|subnet| subnet.subnet_identifier());
        let spec = Spec { name: name.to_owned(), subnets: Unordered(subnets.map(|id| Ref::is(&cx.scope, id)).collect()), tags: marks.tags };
        let outputs = Outputs::of::<SubnetGroupName>(name);
        Ok(Some(Found { addr, id: name.to_owned(), spec, outputs, life: Life::Ready, ours, born: None }))
    }
}

/// Why a group cannot have just these subnets: AWS takes none away that an instance stands in (field guide 4.1 item 6).
fn occupied((key, instances): (&str, u32), region: &Region, wanted: &Unordered<Ref<SubnetId>>, facts: &Facts) -> Option<String> {
    let group = facts.found.get(&Addr::regional(region, SubnetGroup::NAME, key)).filter(|found| found.ours)?;
    let is_wanted = |id: &str| {
        wanted.0.iter().any(|subnet| match subnet {
            Ref::Is { value, .. } => value == id,
            Ref::To { addr, .. } => facts.found.get(addr).is_some_and(|found| found.id == id),
        })
    };
    let all = facts.found.values().filter(|found| *found.addr.kind == *INSTANCE && found.addr.region() == Some(region));
    // One that goes anyway is waited for.
    let stays = |number: &str| number.parse::<u32>().is_ok_and(|number| number <= instances);
    let is_of_database = |name: &str| name.rsplit_once('-').is_some_and(|(of, number)| of == key && stays(number));
    let mut of_database = all.filter(|found| is_of_database(&found.addr.name));
    let held = of_database.find_map(|found| Some((found, found.spec.get("subnet")?.as_str().filter(|id| !is_wanted(id))?)));
    let (instance, subnet) = held?;
    Some(format!(
        "{} stands in {subnet}, and AWS takes that from {} only when it is gone: keep its zone, or move it first (remove it in AWS and \
         apply, which makes it anew where AWS sees fit)",
        instance.addr, group.id
    ))
}

impl Kind for SubnetGroup {
    type Spec = Spec;
    const NAME: &'static str = "rds.subnet_group";
    const FIXED: &'static [&'static str] = &["name"];
    /// Made and removed at once; it stays in use until its cluster is really gone (field guide 4.1 item 6, 4.7).
    const PATIENCE: Patience = Patience::of(5, 5, 10);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &[DESCRIBE, LIST_TAGS]),
        (Verb::Create, &[CREATE, ADD_TAGS]),
        (Verb::Update, &[MODIFY, ADD_TAGS, REMOVE_TAGS]),
        (Verb::Delete, &[DELETE]),
    ];

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let owner = Owner { stack: model.stack.clone(), tags: model.tags.clone() };
        let mut wants = Vec::new();
        for (key, database) in &model.aurora {
            for (region, member) in &database.members {
                let name = name_of(&model.stack, key);
                let spec = Spec { tags: owner.wanted(&name), subnets: subnets_of(model, region, Tier::Private, facts), name };
                let hold = occupied((key, member.instances), region, &spec.subnets, facts);
                wants.push(Want { hold, ..Want::new(Addr::regional(region, Self::NAME, key), spec) });
            }
        }
        wants
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let pages = cx.fleet.region(cx.region()?).rds.describe_db_subnet_groups().into_paginator().items().send();
        let all = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault(DESCRIBE))?;
        let prefix = name_of(&cx.owner.stack, "");
        let mut found = Vec::new();
        for group in all.iter().filter(|group| group.db_subnet_group_name().is_some_and(|name| name.starts_with(&prefix))) {
            found.extend(Self::look(cx, group).await?);
        }
        Ok(found)
    }

    /// The name is unique in its region: "already exists" with our mark is success.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let (client, spec) = (cx.fleet.region(cx.region()?).rds, &want.spec);
        let ask = client.create_db_subnet_group().db_subnet_group_name(&spec.name).set_subnet_ids(Some(values(&spec.subnets)?));
        let ask = ask.db_subnet_group_description(format!("Private subnets of {} for {}", cx.owner.stack, want.addr.name));
        let ask = ask.set_tags(Some(databases::tags(cx.owner.to_send(&want.addr, &spec.tags))));
        let there = async {
            let there = Self::get(cx, &spec.name).await?;
            match there.as_ref().and_then(|there| there.db_subnet_group_arn()) {
                Some(arn) => maybe(databases::marks_of(cx, arn).await),
                None => Ok(None),
            }
        };
        databases::made(cx, (&want.addr, &spec.name), ask.send().await.map_err(fault(CREATE)), there).await
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        let region = cx.region()?;
        let client = cx.fleet.region(region).rds;
        let Some(now) = Self::get(cx, &found.id).await? else {
            return Err(Fault::new(DESCRIBE, Class::NotFound, format!("{} is not there", found.id)));
        };
        let arn = now.db_subnet_group_arn().unwrap_or_default();
        databases::change_tags(cx, region, arn, cx.owner.to_change(&want.addr, &found.spec.tags, &want.spec.tags)).await?;
        if changes.iter().any(|change| change.is_under("subnets")) {
            // The list is the whole of it (field guide 4.1 item 1).
            let ask = client.modify_db_subnet_group().db_subnet_group_name(&found.id).set_subnet_ids(Some(values(&want.spec.subnets)?));
            ask.send().await.map_err(fault(MODIFY))?;
        }
        Ok(())
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let ask = cx.fleet.region(cx.region()?).rds.delete_db_subnet_group().db_subnet_group_name(&found.id);
        maybe(ask.send().await.map_err(fault(DELETE))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let now = Self::get(cx, id).await?;
        Ok(now.map_or(Status::Gone, |_| Status::Ready(Outputs::of::<SubnetGroupName>(id))))
    }
}
