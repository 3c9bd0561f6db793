//! Cluster parameter groups: one for each database and region, made also where the file sets no parameter, so that the first one
//! needs no new group.
//!
//! The name holds the family: at a major upgrade the new group is made beside the old one, the cluster moves to it, and the old one
//! goes. Parameters are compared both ways with those that a user has set: a removal is seen.
use std::collections::BTreeMap;

use aws_sdk_rds::types::{ApplyMethod, DbClusterParameterGroup, Parameter};
use serde::{Deserialize, Serialize};

use crate::{
    aws::{
        databases::{self, ADD_TAGS, LIST_TAGS, REMOVE_TAGS},
        errors::{fault, maybe},
        tags::addr_of,
    },
    outputs,
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Outputs, Owner, Patience, Replace, Status, Tags, Verb, Want, names::fit,
    },
    topology::Model,
};

outputs! { "rds.cluster_parameter_group":
    /// The name of a cluster parameter group.
    ClusterParameterGroupName = "name",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    /// Of the engine's major version: `aurora-mysql8.0`.
    pub family: String,
    /// Those that are set, by name.
    pub parameters: BTreeMap<String, String>,
    pub tags: Tags,
}

/// `rds.cluster_parameter_group`.
pub struct ClusterParameterGroup;

const DESCRIBE: &str = "rds:DescribeDBClusterParameterGroups";
const DESCRIBE_PARAMETERS: &str = "rds:DescribeDBClusterParameters";
const CREATE: &str = "rds:CreateDBClusterParameterGroup";
const MODIFY: &str = "rds:ModifyDBClusterParameterGroup";
const RESET: &str = "rds:ResetDBClusterParameterGroup";
const DELETE: &str = "rds:DeleteDBClusterParameterGroup";

/// Parameters in one call (field guide 4.1 item 1).
const AT_ONCE: usize = 20;
/// Characters in a name (RDS API reference, CreateDBClusterParameterGroup).
const LONGEST: usize = 255;

/// Letters, digits and hyphens only (RDS API reference, CreateDBClusterParameterGroup).
fn name_of(stack: &str, key: &str, family: &str) -> String {
    fit(&format!("{stack}-{key}-{family}").to_lowercase().replace('.', "-"), LONGEST)
}

impl ClusterParameterGroup {
    async fn get(cx: &Cx, name: &str) -> Result<Option<DbClusterParameterGroup>, Fault> {
        let ask = cx.fleet.region(cx.region()?).rds.describe_db_cluster_parameter_groups().db_cluster_parameter_group_name(name);
        let seen = maybe(ask.send().await.map_err(fault(DESCRIBE)))?;
        Ok(seen.and_then(|seen| seen.db_cluster_parameter_groups().first().cloned()))
    }

    /// The parameters of a group: only those that are set, or all that the family has.
    async fn parameters(cx: &Cx, name: &str, only_set: bool) -> Result<Vec<Parameter>, Fault> {
        let ask = cx.fleet.region(cx.region()?).rds.describe_db_cluster_parameters().db_cluster_parameter_group_name(name);
        let ask = ask.set_source(only_set.then(|| "user".to_owned()));
        let pages = ask.into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.map_err(fault(DESCRIBE_PARAMETERS))
    }

    async fn look(cx: &Cx, group: &DbClusterParameterGroup) -> Result<Option<Found<Spec>>, Fault> {
        let (Some(name), Some(arn)) = (group.db_cluster_parameter_group_name(), group.db_cluster_parameter_group_arn()) else {
            return Ok(None);
        };
        let Some(marks) = maybe(databases::marks_of(cx, arn).await)? else { return Ok(None) };
        let (region, marked) = (cx.region()?, addr_of(cx, Self::NAME, &marks));
        let named = |(key, database): (&String, &crate::topology::Aurora)| {
            let is_here = database.members.contains_key(region) && name_of(&cx.owner.stack, key, &databases::family(database)) == name;
            is_here.then(|| key.clone())
        };
        let wanted_at = cx.model.aurora.iter().find_map(named).map(|key| Addr::regional(region, Self::NAME, &key));
        let (Some(addr), ours) = (marked.clone().or(wanted_at), marked.is_some()) else { return Ok(None) };
        // A parameter that is set to what it is by default does not count as set by anybody (RDS keeps its source), so those that the file
        // names are looked for among all.
        let database = cx.model.aurora.get(&*addr.name).and_then(|database| database.members.get(region));
        let named = database.map(|member| &member.parameters);
        let reads_all = named.is_some_and(|named| !named.is_empty());
        let Some(set) = maybe(Self::parameters(cx, name, !reads_all).await)? else { return Ok(None) };
        let is_set = |one: &Parameter| {
            let (Some(key), value) = (one.parameter_name(), one.parameter_value()) else { return false };
            one.source() == Some("user") || value.is_some() && named.and_then(|named| named.get(key)).map(String::as_str) == value
        };
        let set = set.into_iter().filter(|one| !reads_all || is_set(one));
        let value = |one: Parameter| Some((one.parameter_name?, one.parameter_value.unwrap_or_default()));
        let spec = Spec {
            name: name.to_owned(),
            family: group.db_parameter_group_family().unwrap_or_default().to_owned(),
            parameters: set.filter_map(value).collect(),
            tags: marks.tags,
        };
        let outputs = Outputs::of::<ClusterParameterGroupName>(name);
        Ok(Some(Found { addr, id: name.to_owned(), spec, outputs, life: Life::Ready, ours, born: None }))
    }

    /// Brings the parameters in line, in calls of twenty. What needs a reboot waits for one that mrctl never does by itself; the
    /// cluster shows who waits.
    async fn set(cx: &Cx, name: &str, found: &Spec, want: &Spec) -> Result<(), Fault> {
        let client = cx.fleet.region(cx.region()?).rds;
        let to_set = want.parameters.iter().filter(|(key, value)| found.parameters.get(*key) != Some(*value));
        let to_set: Vec<(&String, &String)> = to_set.collect();
        let to_reset: Vec<&String> = found.parameters.keys().filter(|key| !want.parameters.contains_key(*key)).collect();
        if to_set.is_empty() && to_reset.is_empty() {
            return Ok(());
        }
        let known = Self::parameters(cx, name, false).await?;
        let parameter = |key: &str, value: Option<&String>| {
            // A static parameter cannot be set at once (field guide 4.1 item 9).
            let is_dynamic = known.iter().any(|one| one.parameter_name() == Some(key) && one.apply_type() == Some("dynamic"));
            let method = if is_dynamic { ApplyMethod::Immediate } else { ApplyMethod::PendingReboot };
            Parameter::builder().parameter_name(key).set_parameter_value(value.cloned()).apply_method(method).build()
        };
        for some in to_reset.chunks(AT_ONCE) {
            let some = some.iter().map(|key| parameter(key, None)).collect();
            let ask = client.reset_db_cluster_parameter_group().db_cluster_parameter_group_name(name).set_parameters(Some(some));
            ask.send().await.map_err(fault(RESET))?;
        }
        for some in to_set.chunks(AT_ONCE) {
            let some = some.iter().map(|(key, value)| parameter(key, Some(value))).collect();
            let ask = client.modify_db_cluster_parameter_group().db_cluster_parameter_group_name(name).set_parameters(Some(some));
            ask.send().await.map_err(fault(MODIFY))?;
        }
        Ok(())
    }
}

impl Kind for ClusterParameterGroup {
    type Spec = Spec;
    const NAME: &'static str = "rds.cluster_parameter_group";
    const FIXED: &'static [&'static str] = &["name", "family"];
    const REPLACE: Replace = Replace::CreateFirst;
    /// Made at once; in use until its cluster is really gone, and Terraform repeats the removal for three minutes (field guide 4.1 item
    /// 6).
    const PATIENCE: Patience = Patience::of(5, 10, 10);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &[DESCRIBE, DESCRIBE_PARAMETERS, LIST_TAGS]),
        (Verb::Create, &[CREATE, ADD_TAGS]),
        (Verb::Update, &[MODIFY, RESET, ADD_TAGS, REMOVE_TAGS]),
        (Verb::Delete, &[DELETE]),
    ];
    /// Parameters are calls of their own.
    const UNFINISHED: bool = true;

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let owner = Owner { stack: model.stack.clone(), tags: model.tags.clone() };
        let mut wants = Vec::new();
        for (key, database) in &model.aurora {
            let family = databases::family(database);
            for (region, member) in &database.members {
                let name = name_of(&model.stack, key, &family);
                let (family, parameters) = (family.clone(), member.parameters.clone());
                let spec = Spec { tags: owner.wanted(&name), name, family, parameters };
                wants.push(Want::new(Addr::regional(region, Self::NAME, key), spec));
            }
        }
        wants
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let pages = cx.fleet.region(cx.region()?).rds.describe_db_cluster_parameter_groups().into_paginator().items().send();
        let all = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault(DESCRIBE))?;
        let prefix = format!("{}-", cx.owner.stack).to_lowercase();
        let is_named =
            |group: &&DbClusterParameterGroup| group.db_cluster_parameter_group_name().is_some_and(|name| name.starts_with(&prefix));
        let mut found = Vec::new();
        for group in all.iter().filter(is_named) {
            found.extend(Self::look(cx, group).await?);
        }
        Ok(found)
    }

    /// The name is unique in its region: "already exists" with our mark is success.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let (client, spec) = (cx.fleet.region(cx.region()?).rds, &want.spec);
        let ask = client.create_db_cluster_parameter_group().db_cluster_parameter_group_name(&spec.name);
        let ask = ask.db_parameter_group_family(&spec.family).description(format!("{} of {}", want.addr.name, cx.owner.stack));
        let ask = ask.set_tags(Some(databases::tags(cx.owner.to_send(&want.addr, &spec.tags))));
        let there = async {
            let there = Self::get(cx, &spec.name).await?;
            match there.as_ref().and_then(|there| there.db_cluster_parameter_group_arn()) {
                Some(arn) => maybe(databases::marks_of(cx, arn).await),
                None => Ok(None),
            }
        };
        databases::made(cx, (&want.addr, &spec.name), ask.send().await.map_err(fault(CREATE)), there).await
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        let Some(now) = Self::get(cx, &found.id).await? else {
            return Err(Fault::new(DESCRIBE, Class::NotFound, format!("{} is not there", found.id)));
        };
        let arn = now.db_cluster_parameter_group_arn().unwrap_or_default();
        let tags = cx.owner.to_change(&want.addr, &found.spec.tags, &want.spec.tags);
        databases::change_tags(cx, cx.region()?, arn, tags).await?;
        match changes.iter().any(|change| change.is_under("parameters")) {
            true => Self::set(cx, &found.id, &found.spec, &want.spec).await,
            false => Ok(()),
        }
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let ask = cx.fleet.region(cx.region()?).rds.delete_db_cluster_parameter_group().db_cluster_parameter_group_name(&found.id);
        maybe(ask.send().await.map_err(fault(DELETE))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let now = Self::get(cx, id).await?;
        Ok(now.map_or(Status::Gone, |_| Status::Ready(Outputs::of::<ClusterParameterGroupName>(id))))
    }
}
