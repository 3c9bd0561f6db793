//! Task definitions: what a service runs, one family for each service and region.
//!
//! A revision never changes, so a difference is a new revision: it is made first, the service moves to it, and then the old one goes.
//! Revisions that say the same (a register call that was carried out twice, one of a pipeline that differs in its image only) are one
//! thing with one of them in front: the one that the service runs, else the latest.
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::{self, SortOrder, TaskDefinitionField, TaskDefinitionStatus};
use futures::stream::{StreamExt, TryStreamExt, iter};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::service::Service;
use crate::{
    aws::{
        arns::Arns,
        containers::{self, change_tags, marks, name_of, sent_once, services, shaped},
        errors::{fault, maybe, refused},
        revisions::{self, ContainerHealth, Content, SecretFrom},
        sweep::tagged,
        tags::addr_of,
    },
    kinds::{
        iam::role::{self, RoleArn},
        logs::log_group::LogGroupName,
        wiring,
    },
    outputs,
    resource::{
        Addr, Change, Cx, Doc, Facts, Fault, Found, Given, Kind, Life, Outputs, Owner, Patience, Posture, Ref, Region, Replace, Scope,
        Status, Tags, Unmanaged, Unordered, Verb, Want,
    },
    topology::{Architecture, Model, ServiceMember},
};

outputs! { "ecs.task_definition":
    /// The ARN of a revision.
    TaskDefinitionArn = "arn",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub family: String,
    #[serde(flatten)]
    pub content: Content,
    pub log_group: Ref<LogGroupName>,
    pub execution_role: Ref<RoleArn>,
    pub task_role: Ref<RoleArn>,
    /// Further revisions that say the same, by ARN: they go with this one.
    pub also: Unmanaged<Vec<String>>,
    pub tags: Tags,
}

/// `ecs.task_definition`.
pub struct TaskDefinition;

/// Reads of single revisions side by side: there is no call for several.
const SIDE_BY_SIDE: usize = 8;
/// So many of the latest revisions of a family are read without a hint that one of them is ours: the tagging index lags.
const NEWEST: usize = 5;
/// DeleteTaskDefinitions takes so many (field guide 7.2 item 1).
const AT_ONCE: usize = 10;

/// The image that a member is wanted with. What a pipeline deployed stays; the file's image is only for the first revision.
fn image_of(facts: &Facts, region: &Region, service: &str, member: &ServiceMember) -> String {
    let addr = Addr::regional(region, TaskDefinition::NAME, service);
    let running = facts.found_field(&addr, "image").filter(|_| member.image.owned_by_ci && facts.keeps("image", &addr));
    running.map_or_else(|| facts.with_account(&member.image.uri), str::to_owned)
}

/// Every image that ECS may have to pull for a member: the one of the file, and the one it runs.
#[must_use]
pub fn images_of(facts: &Facts, region: &Region, service: &str, member: &ServiceMember) -> Vec<String> {
    vec![facts.with_account(&member.image.uri), image_of(facts, region, service, member)]
}

/// Whole seconds, as all durations of the topology are.
fn seconds(duration: std::time::Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

fn content_of(model: &Model, facts: &Facts, region: &Region, key: &str, member: &ServiceMember) -> Content {
    let arns = Arns::of(facts, region);
    let mut environment = BTreeMap::from([("AWS_REGION".to_owned(), Given::Text(region.to_string()))]);
    environment.extend(member.environment.iter().map(|(name, value)| (name.clone(), Given::Text(facts.with_account(value)))));
    let secret = |(name, given): (&String, &String)| (name.clone(), SecretFrom::Named(arns.secret(&facts.with_account(given))));
    let mut content = Content {
        container: container_of(key),
        image: image_of(facts, region, key, member),
        cpu: member.cpu.to_string(),
        memory: member.memory.to_string(),
        architecture: match member.architecture {
            Architecture::X86_64 => "X86_64".to_owned(),
            Architecture::Arm64 => "ARM64".to_owned(),
        },
        port: member.port.map(i32::from),
        command: member.command.iter().map(|word| facts.with_account(word)).collect(),
        entrypoint: member.entrypoint.iter().map(|word| facts.with_account(word)).collect(),
        environment,
        secrets: member.secrets.iter().map(secret).collect(),
        health_check: member.container_health_check.as_ref().map(|check| ContainerHealth {
            command: check.command.clone(),
            interval: seconds(check.interval),
            retries: i32::try_from(check.retries).unwrap_or(i32::MAX),
            start_period: seconds(check.start_period),
        }),
        stop_timeout: seconds(member.stop_timeout),
        others: Unordered::default(),
    };
    wiring::add(model, region, member, &mut content);
    content
}

/// The name of the one container of a service's tasks.
#[must_use]
pub fn container_of(service: &str) -> String {
    service.to_owned()
}

/// One revision as AWS shows it.
struct Revision {
    arn: String,
    number: i32,
    is_active: bool,
    born: Option<Timestamp>,
    spec: Spec,
    /// Nothing: it does not carry this stack's mark.
    addr: Option<Addr>,
}

impl Revision {
    fn read(cx: &Cx, arn: &str, definition: &types::TaskDefinition, tags: &[types::Tag]) -> Self {
        let (mut shown, marks) = (revisions::shown(definition), marks(tags));
        let family = definition.family().unwrap_or_default();
        if let Some(region) = cx.scope.region() {
            let of_family = cx.model.services.iter().find(|(key, _)| name_of(&cx.owner.stack, key) == family);
            let own = of_family.and_then(|(_, service)| service.members.get(region)).map(|member| member.secrets.clone());
            wiring::read(&cx.owner.stack, region, &own.unwrap_or_default(), &mut shown.content);
        }
        let spec = Spec {
            family: family.to_owned(),
            content: shown.content,
            log_group: Ref::is(&cx.scope, shown.log_group),
            execution_role: Ref::is(&cx.scope, shown.execution_role),
            task_role: Ref::is(&cx.scope, shown.task_role),
            also: Unmanaged::Any,
            tags: marks.tags.clone(),
        };
        Self {
            arn: arn.to_owned(),
            number: definition.revision(),
            is_active: definition.status() == Some(&TaskDefinitionStatus::Active),
            born: definition.registered_at().and_then(|at| Timestamp::from_second(at.secs()).ok()),
            spec,
            addr: addr_of(cx, TaskDefinition::NAME, &marks),
        }
    }

    /// What it says, without what is only about this one revision; `by_pipeline`: also without the image.
    fn says(&self, by_pipeline: bool) -> String {
        let mut spec = self.spec.clone();
        spec.tags = Tags::default();
        if by_pipeline {
            spec.content.image = String::new();
        }
        serde_json::to_string(&spec).unwrap_or_default()
    }
}

/// Revisions of one address that are one thing: they say the same, or were all given up.
fn together(addr: Addr, mut group: Vec<Revision>, ours: bool, runs: &dyn Fn(&str) -> bool) -> Option<Found<Spec>> {
    group.sort_by_key(|revision| (runs(&revision.arn), revision.number));
    let front = group.pop()?;
    let mut spec = front.spec;
    spec.also = Unmanaged::Managed(group.into_iter().map(|revision| revision.arn).collect());
    let outputs = Outputs::of::<TaskDefinitionArn>(&front.arn);
    // One that was deregistered and not deleted yet is of no use to a service.
    let life = if front.is_active { Life::Ready } else { Life::Broken("INACTIVE".to_owned()) };
    Some(Found { addr, id: front.arn, spec, outputs, life, ours, born: front.born })
}

impl TaskDefinition {
    /// Families of this stack, by name: those there are and those of the file, which a list may lag behind.
    async fn families(cx: &Cx) -> Result<BTreeSet<String>, Fault> {
        let region = cx.region()?;
        let there = containers::families(cx).await?;
        let wanted = cx.model.services.iter().filter(|(_, service)| service.members.contains_key(region));
        Ok(there.iter().cloned().chain(wanted.map(|(key, _)| name_of(&cx.owner.stack, key))).collect())
    }

    /// The revisions of a family that may be ours, since each is a call: what services run, what the tagging index has, and the latest
    /// few. Of those that were deregistered and not deleted only as many as one call deletes. A pipeline may have left hundreds of both.
    async fn revisions(cx: &Cx, family: &str, status: TaskDefinitionStatus) -> Result<Vec<Revision>, Fault> {
        let region = cx.region()?;
        let ask = cx.fleet.region(region).ecs.list_task_definitions().family_prefix(family).sort(SortOrder::Desc);
        let is_active = status == TaskDefinitionStatus::Active;
        let ask = ask.status(status);
        let arns = if is_active {
            let pages = ask.into_paginator().items().send();
            let all = pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ecs:ListTaskDefinitions"))?;
            let (services, tagged) = tokio::try_join!(services(cx), tagged(cx, region))?;
            let runs = |arn: &str| services.iter().any(|service| service.task_definition() == Some(arn));
            let is_hinted = |arn: &str| tagged.iter().any(|line| line.arn == arn);
            // arn:aws:ecs:REGION:ACCOUNT:task-definition/FAMILY:NUMBER
            let family_of = |arn: &str| arn.rsplit('/').next().and_then(|name| name.rsplit_once(':')).map(|(family, _)| family.to_owned());
            let here = all.into_iter().filter(|arn| family_of(arn).as_deref() == Some(family)).enumerate();
            here.filter(|(index, arn)| *index < NEWEST || runs(arn) || is_hinted(arn)).map(|(_, arn)| arn).collect()
        } else {
            let most = i32::try_from(AT_ONCE).unwrap_or(i32::MAX);
            ask.max_results(most).send().await.map_err(fault("ecs:ListTaskDefinitions"))?.task_definition_arns.unwrap_or_default()
        };
        let looks = iter(arns.into_iter().map(|arn| async move { Self::get(cx, &arn).await }));
        let mut all: Vec<Revision> = looks.buffered(SIDE_BY_SIDE).try_collect::<Vec<_>>().await?.into_iter().flatten().collect();
        // AWS takes the whole name of a family here; one that only begins like it is another.
        all.retain(|revision| revision.spec.family == family && revision.is_active == is_active);
        Ok(all)
    }

    async fn get(cx: &Cx, arn: &str) -> Result<Option<Revision>, Fault> {
        let ask = cx.fleet.region(cx.region()?).ecs.describe_task_definition().task_definition(arn).include(TaskDefinitionField::Tags);
        let seen = maybe(ask.send().await.map_err(fault("ecs:DescribeTaskDefinition")))?;
        Ok(seen.as_ref().and_then(|seen| Some(Revision::read(cx, arn, seen.task_definition()?, seen.tags()))))
    }

    /// What stands in one family.
    async fn look(cx: &Cx, family: &str) -> Result<Vec<Found<Spec>>, Fault> {
        let region = cx.region()?;
        let (active, inactive, services) = tokio::try_join!(
            Self::revisions(cx, family, TaskDefinitionStatus::Active),
            Self::revisions(cx, family, TaskDefinitionStatus::Inactive),
            services(cx),
        )?;
        let runs = |arn: &str| services.iter().any(|service| service.task_definition() == Some(arn));
        let wanted = cx.model.services.iter().find(|(key, _)| name_of(&cx.owner.stack, key) == family);
        let member = wanted.and_then(|(key, service)| Some((key, service.members.get(region)?)));
        let wanted_at = member.map(|(key, _)| Addr::regional(region, Self::NAME, key));
        let by_pipeline = member.is_some_and(|(_, member)| member.image.owned_by_ci);
        // A pipeline copies no marks, and its cleanup may deregister the last revision that has them: what our service runs of our
        // family is ours, where the file leaves the image to it.
        let is_our_service = |service: &&types::Service| addr_of(cx, Service::NAME, &marks(service.tags())).is_some();
        let runs_in_ours = |arn: &str| services.iter().filter(is_our_service).any(|service| service.task_definition() == Some(arn));
        let is_deployed = |revision: &Revision| by_pipeline && runs_in_ours(&revision.arn);
        let has_ours = active.iter().any(|revision| revision.addr.is_some() || is_deployed(revision));
        let mut groups: BTreeMap<(Addr, String), Vec<Revision>> = BTreeMap::new();
        let mut found = Vec::new();
        for revision in active.into_iter().chain(inactive) {
            match revision.addr.clone().or_else(|| wanted_at.clone().filter(|_| is_deployed(&revision))) {
                Some(addr) => {
                    let says = if revision.is_active { revision.says(by_pipeline) } else { String::new() };
                    groups.entry((addr, says)).or_default().push(revision);
                }
                // Somebody else's family of that name: the reader has to know before one of ours is made in it.
                None if !has_ours && revision.is_active && found.is_empty() => {
                    found.extend(wanted_at.clone().and_then(|addr| together(addr, vec![revision], false, &runs)));
                }
                None => {}
            }
        }
        found.extend(groups.into_iter().filter_map(|((addr, _), group)| together(addr, group, true, &runs)));
        // What the service runs comes last, because the last one at an address is what `desired` sees: the image of a pipeline is
        // kept from there and from no revision that was left behind.
        found.sort_by_key(|found| runs(&found.id));
        Ok(found)
    }

    /// Deregisters a revision unless that is done already; tells whether it is still there.
    async fn deregister(cx: &Cx, arn: &str) -> Result<bool, Fault> {
        let client = cx.fleet.region(cx.region()?).ecs;
        let seen = maybe(client.describe_task_definition().task_definition(arn).send().await.map_err(fault("ecs:DescribeTaskDefinition")))?;
        let status = seen.as_ref().and_then(|seen| seen.task_definition()).and_then(|definition| definition.status());
        match status {
            Some(TaskDefinitionStatus::Active) => {
                let ask = client.deregister_task_definition().task_definition(arn);
                maybe(ask.send().await.map_err(fault("ecs:DeregisterTaskDefinition"))).map(|done| done.is_some())
            }
            Some(TaskDefinitionStatus::Inactive) => Ok(true),
            _ => Ok(false),
        }
    }
}

impl Kind for TaskDefinition {
    type Spec = Spec;
    const NAME: &'static str = "ecs.task_definition";
    /// Everything but its tags: a revision never changes.
    const FIXED: &'static [&'static str] = &[
        "family",
        "container",
        "image",
        "cpu",
        "memory",
        "architecture",
        "port",
        "command",
        "entrypoint",
        "environment",
        "secrets",
        "health_check",
        "stop_timeout",
        "others",
        "log_group",
        "execution_role",
        "task_role",
    ];
    const REPLACE: Replace = Replace::CreateFirst;
    /// Usable at once (field guide 7.2 item 5).
    const PATIENCE: Patience = Patience::of(2, 5, 5);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (
            Verb::Observe,
            &[
                "ecs:ListTaskDefinitionFamilies",
                "ecs:ListTaskDefinitions",
                "ecs:DescribeTaskDefinition",
                "ecs:ListServices",
                "ecs:DescribeServices",
                "tag:GetResources",
            ],
        ),
        (Verb::Create, &["ecs:RegisterTaskDefinition", "ecs:TagResource", "iam:PassRole"]),
        (Verb::Update, &["ecs:TagResource", "ecs:UntagResource"]),
        (Verb::Delete, &["ecs:DeregisterTaskDefinition", "ecs:DeleteTaskDefinitions"]),
    ];
    const SERVES: bool = true;
    /// No token, and each call makes a revision (field guide 7.2 item 2).
    const TWICE: bool = true;

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let owner = Owner { stack: model.stack.clone(), tags: model.tags.clone() };
        let mut wants = Vec::new();
        for (key, service) in &model.services {
            for (region, member) in &service.members {
                let (family, scope) = (name_of(&model.stack, key), Scope::from(region));
                let spec = Spec {
                    content: content_of(model, facts, region, key, member),
                    log_group: Ref::to(&scope, key),
                    execution_role: Ref::to(&scope, &role::execution(key)),
                    task_role: Ref::to(&scope, &role::task(key)),
                    also: Unmanaged::Any,
                    tags: owner.wanted(&family),
                    family,
                };
                wants.push(Want::new(Addr::regional(region, Self::NAME, key), spec).after(wiring::needs(model, region, member)));
            }
        }
        wants
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let looks = iter(Self::families(cx).await?.into_iter().map(|family| async move { Self::look(cx, &family).await }));
        let found: Vec<_> = looks.buffered(SIDE_BY_SIDE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let (region, spec) = (cx.region()?, &want.spec);
        let (mode, launch, platform) = revisions::platform(&spec.content);
        let ask = cx.fleet.region(region).ecs.register_task_definition().family(&spec.family);
        let ask = ask.network_mode(mode).requires_compatibilities(launch).runtime_platform(platform);
        let ask = ask.cpu(&spec.content.cpu).memory(&spec.content.memory);
        let ask = ask.execution_role_arn(spec.execution_role.get()?).task_role_arn(spec.task_role.get()?);
        let ask = ask.container_definitions(revisions::container(&spec.content, spec.log_group.get()?, region.as_str())?);
        let ask = ask.set_tags(Some(shaped(cx.owner.to_send(&want.addr, &spec.tags))));
        let made = ask.customize().config_override(sent_once()).send().await.map_err(fault("ecs:RegisterTaskDefinition"))?;
        let arn = made.task_definition().and_then(|definition| definition.task_definition_arn());
        arn.map(str::to_owned).ok_or_else(|| Fault::bug("RegisterTaskDefinition gave no ARN"))
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        change_tags(cx, &found.id, &found.addr, &found.spec.tags, &want.spec.tags).await
    }

    /// Only what was deregistered can be deleted (field guide 7.2 item 1). What a stopping task still uses AWS keeps until then.
    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        const OP: &str = "ecs:DeleteTaskDefinitions";
        let also = match &found.spec.also {
            Unmanaged::Managed(also) => also.as_slice(),
            Unmanaged::Any => &[],
        };
        let mut going = Vec::new();
        for arn in also.iter().chain([&found.id]) {
            going.extend(Self::deregister(cx, arn).await?.then(|| arn.clone()));
        }
        for some in going.chunks(AT_ONCE) {
            let ask = cx.fleet.region(cx.region()?).ecs.delete_task_definitions().set_task_definitions(Some(some.to_vec()));
            let answer = ask.send().await.map_err(fault(OP))?;
            // What was refused stands in an answer that succeeded (field guide 16, rule 36).
            let refusal = answer.failures().iter().find(|failure| failure.reason() != Some("TASK_DEFINITION_NOT_FOUND"));
            if let Some(refusal) = refusal {
                let said = [refusal.arn(), refusal.detail()].into_iter().flatten().collect::<Vec<_>>().join(": ");
                return Err(refused(OP, refusal.reason().unwrap_or_default(), &said, None));
            }
        }
        Ok(())
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let there = Self::get(cx, id).await?.filter(|revision| revision.is_active);
        Ok(there.map_or(Status::Gone, |_| Status::Ready(Outputs::of::<TaskDefinitionArn>(id))))
    }

    /// The image that a pipeline deployed, where it is not the file's.
    fn posture(&self, model: &Model, found: &[Found<Spec>]) -> Vec<Posture> {
        let item = |found: &Found<Spec>| {
            let member = model.service(&found.addr.name, found.addr.region()?).filter(|member| member.image.owned_by_ci)?;
            // arn:aws:ecs:REGION:ACCOUNT:…
            let account = found.id.split(':').nth(4).unwrap_or_default();
            let (first, now) = (member.image.uri.replace("{account}", account), &found.spec.content.image);
            let message = "a pipeline owns the image; what it deployed stays";
            (first != *now).then(|| Posture::new("image", found.addr.clone(), Doc::from(first), Doc::from(now.clone()), message))
        };
        found.iter().filter(|found| found.ours && found.life == Life::Ready).filter_map(item).collect()
    }
}
