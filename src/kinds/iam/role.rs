//! Roles: what the tasks of a service may do, and what ECS may do to start them. Two for each service and region, so that each
//! names only what is in its region.
//!
//! IAM has one endpoint, but a role is read and written with its region's own client: a region that does not answer costs its own
//! roles and no others. Only the list of names is shared, and whoever answers gives it. Whose region a role belongs to stands in its
//! name and its mark.
mod policies;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types;
use futures::stream::{StreamExt, TryStreamExt, iter};
use serde::{Deserialize, Serialize};

use self::policies::{execution_policy, task_policy, too_long};
use crate::{
    aws::{
        arns::Arns,
        errors::{fault, maybe},
        policy, roles,
        tags::{addr_of, still_ours},
    },
    kinds::{ecs::task_definition::images_of, logs::log_group},
    outputs,
    resource::{
        Addr, Change, Class, Cx, Doc, Facts, Fault, Found, Holder, Kind, Life, Outputs, Owner, Patience, Region, Replace, Status, Tags,
        Unordered, Verb, Want,
        names::{fit, with_tail},
        owner::{self, Marks},
    },
    topology::{Iam, Model},
};

outputs! { "iam.role":
    /// The ARN of a role.
    RoleArn = "arn",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub path: String,
    pub name: String,
    /// Who may take it on: the statements of the trust policy.
    pub trust: Unordered<Doc>,
    /// What it may do: the statements of its one inline policy; none: it has no policy.
    pub policy: Unordered<Doc>,
    pub permissions_boundary: Option<String>,
    /// Whatever else gives it rights: policies attached to it, by ARN, and further inline ones, by name. None is wanted: inside what
    /// we own we are authoritative.
    pub other_policies: Unordered<String>,
    pub tags: Tags,
}

/// `iam.role`.
pub struct Role;

/// The one inline policy of a role.
const POLICY: &str = "mrctl";
/// Who takes these roles on (Amazon ECS developer guide, "Amazon ECS task IAM role").
const TASKS: &str = "ecs-tasks.amazonaws.com";
/// Roles read side by side. IAM limits reads to some tens a second.
const SIDE_BY_SIDE: usize = 8;
/// IAM's own limits (field guide 5 items 2 and 9): of a name, and of all inline policies of a role together.
const LONGEST_NAME: usize = 64;

/// The address names of a service's two roles.
#[must_use]
pub fn task(service: &str) -> String {
    format!("{service}-task")
}

/// See [`task`].
#[must_use]
pub fn execution(service: &str) -> String {
    format!("{service}-execution")
}

/// The role's name: its region is in it, because role names are unique in the account. Under another path it has another name, so
/// that a role can be made anew before what still uses the old one has let go.
fn name_of(model: &Model, region: &Region, what: &str) -> String {
    let (name, path) = (format!("{}-{region}-{what}", model.stack), &model.iam.path);
    if *path == Iam::default().path { fit(&name, LONGEST_NAME) } else { with_tail(&name, &format!("{path}{name}"), LONGEST_NAME) }
}

/// Where the roles of a stack are.
fn path_of(model: &Model) -> String {
    format!("{}{}/", model.iam.path, model.stack)
}

/// Refuses to start tasks of a service before IAM has told everyone what this run let its roles do: the tasks would fail for want
/// of rights, and ECS would give up on the deployment.
///
/// # Errors
/// It is too early.
pub fn known_everywhere(cx: &Cx, op: &'static str, service: &str) -> Result<(), Fault> {
    let (region, settles) = (cx.region()?, cx.fleet.timing().role_settles);
    let roles = [task(service), execution(service)].map(|what| Addr::regional(region, Role::NAME, &what));
    let is_new = |role: &&Addr| cx.asked.since_change(&role.to_string()).is_some_and(|since| since < settles);
    match roles.iter().find(is_new) {
        Some(role) => Err(Fault::new(op, Class::Contention, format!("{role} has just changed, and IAM is still telling everyone"))),
        None => Ok(()),
    }
}

impl Role {
    fn want(model: &Model, region: &Region, what: &str, policy: Unordered<Doc>) -> Want<Spec> {
        let name = name_of(model, region, what);
        let hold = too_long(&name, &policy);
        let spec = Spec {
            path: path_of(model),
            tags: Owner { stack: model.stack.clone(), tags: model.tags.clone() }.wanted(&name),
            name,
            trust: policy::trusted(TASKS),
            policy,
            permissions_boundary: model.iam.permissions_boundary.clone(),
            other_policies: Unordered::default(),
        };
        Want { hold, ..Want::new(Addr::regional(region, Self::NAME, what), spec) }
    }

    /// The roles that the topology wants in a region, by their names in IAM.
    fn named_here(cx: &Cx, region: &Region) -> BTreeMap<String, Addr> {
        let services = cx.model.services.iter().filter(|(_, service)| service.members.contains_key(region));
        let roles = services.flat_map(|(key, _)| [task(key), execution(key)]);
        roles.map(|what| (name_of(&cx.model, region, &what), Addr::regional(region, Self::NAME, &what))).collect()
    }

    async fn get(cx: &Cx, name: &str) -> Result<Option<types::Role>, Fault> {
        let ask = cx.fleet.region(cx.region()?).iam.get_role().role_name(name);
        Ok(maybe(ask.send().await.map_err(fault("iam:GetRole")))?.and_then(|seen| seen.role))
    }

    /// One role of that name, when it is ours in this region or stands where ours should.
    async fn look(cx: &Cx, name: &str, wanted_at: Option<&Addr>) -> Result<Option<Found<Spec>>, Fault> {
        let Some(role) = Self::get(cx, name).await? else { return Ok(None) };
        let marks = marks(&role);
        let marked = addr_of(cx, Self::NAME, &marks);
        let ours = marked.is_some();
        let Some(addr) = marked.or_else(|| wanted_at.cloned()) else { return Ok(None) };
        let (Some((policy, mut others)), Some(attached)) = tokio::try_join!(Self::inline(cx, name), Self::attached(cx, name))? else {
            return Ok(None); // Gone between the reads.
        };
        others.extend(attached);
        let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
        let spec = Spec {
            path: role.path().to_owned(),
            name: name.to_owned(),
            trust: policy::read(role.assume_role_policy_document().unwrap_or_default()),
            policy,
            permissions_boundary: boundary.map(str::to_owned),
            other_policies: Unordered(others),
            tags: marks.tags,
        };
        let outputs = Outputs::of::<RoleArn>(role.arn());
        Ok(Some(Found { addr, id: name.to_owned(), spec, outputs, life: Life::Ready, ours, born: None }))
    }

    /// The names of a role's inline policies; nothing when it is not there.
    async fn inline_names(cx: &Cx, name: &str) -> Result<Option<Vec<String>>, Fault> {
        let pages = cx.fleet.region(cx.region()?).iam.list_role_policies().role_name(name).into_paginator().items().send();
        maybe(pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("iam:ListRolePolicies")))
    }

    /// Our inline policy, and the names of others.
    async fn inline(cx: &Cx, name: &str) -> Result<Option<(Unordered<Doc>, Vec<String>)>, Fault> {
        let Some(mut names) = Self::inline_names(cx, name).await? else { return Ok(None) };
        let has_ours = names.iter().any(|name| name == POLICY);
        names.retain(|name| name != POLICY);
        if !has_ours {
            return Ok(Some((Unordered::default(), names)));
        }
        let ask = cx.fleet.region(cx.region()?).iam.get_role_policy().role_name(name).policy_name(POLICY);
        let seen = maybe(ask.send().await.map_err(fault("iam:GetRolePolicy")))?;
        Ok(Some((seen.map(|seen| policy::read(seen.policy_document())).unwrap_or_default(), names)))
    }

    async fn attached(cx: &Cx, name: &str) -> Result<Option<Vec<String>>, Fault> {
        let ask = cx.fleet.region(cx.region()?).iam.list_attached_role_policies().role_name(name);
        let pages = ask.into_paginator().items().send();
        let seen = maybe(pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("iam:ListAttachedRolePolicies")))?;
        Ok(seen.map(|all| all.into_iter().filter_map(|policy| policy.policy_arn).collect()))
    }

    /// Takes a policy away: an ARN is attached, anything else is inline.
    async fn take_away(cx: &Cx, role: &str, policy: &str) -> Result<(), Fault> {
        let client = cx.fleet.region(cx.region()?).iam;
        if policy.starts_with("arn:") {
            let ask = client.detach_role_policy().role_name(role).policy_arn(policy);
            maybe(ask.send().await.map_err(fault("iam:DetachRolePolicy"))).map(drop)
        } else {
            let ask = client.delete_role_policy().role_name(role).policy_name(policy);
            maybe(ask.send().await.map_err(fault("iam:DeleteRolePolicy"))).map(drop)
        }
    }

    async fn tag(cx: &Cx, found: &Found<Spec>, wanted: &Tags) -> Result<(), Fault> {
        let client = cx.fleet.region(cx.region()?).iam;
        let (set, remove) = cx.owner.to_change(&found.addr, &found.spec.tags, wanted);
        if !remove.is_empty() {
            let ask = client.untag_role().role_name(&found.id).set_tag_keys(Some(remove));
            ask.send().await.map_err(fault("iam:UntagRole"))?;
        }
        if !set.is_empty() {
            let ask = client.tag_role().role_name(&found.id).set_tags(Some(shaped(set)?));
            ask.send().await.map_err(fault("iam:TagRole"))?;
        }
        Ok(())
    }
}

fn marks(role: &types::Role) -> Marks {
    owner::read(role.tags().iter().map(|tag| (tag.key(), tag.value())))
}

fn shaped(tags: BTreeMap<String, String>) -> Result<Vec<types::Tag>, Fault> {
    let build = |(key, value)| types::Tag::builder().key(key).value(value).build().map_err(|error| Fault::bug(error.to_string()));
    tags.into_iter().map(build).collect()
}

impl Kind for Role {
    type Spec = Spec;
    const NAME: &'static str = "iam.role";
    const FIXED: &'static [&'static str] = &["path", "name"];
    /// Running tasks lose their rights with the role, so the new one is there first, and the service moves to it.
    const REPLACE: Replace = Replace::CreateFirst;
    /// There at once; two minutes until everyone sees it are the business of those who use it (field guide 5 item 5).
    const PATIENCE: Patience = Patience::of(2, 5, 5);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["iam:ListRoles", "iam:GetRole", "iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"]),
        (Verb::Create, &["iam:CreateRole", "iam:TagRole"]),
        (
            Verb::Update,
            &[
                "iam:UpdateAssumeRolePolicy",
                "iam:PutRolePolicy",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:PutRolePermissionsBoundary",
                "iam:DeleteRolePermissionsBoundary",
                "iam:TagRole",
                "iam:UntagRole",
            ],
        ),
        (
            Verb::Delete,
            &[
                "iam:GetRole",
                "iam:ListRolePolicies",
                "iam:ListAttachedRolePolicies",
                "iam:DeleteRole",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:ListInstanceProfilesForRole",
            ],
        ),
    ];
    const SERVES: bool = true;
    /// The policy follows the create call, which has room for a trust policy only.
    const UNFINISHED: bool = true;

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let mut wants = Vec::new();
        for (key, service) in &model.services {
            for (region, member) in &service.members {
                let arns = Arns::of(facts, region);
                wants.push(Self::want(model, region, &task(key), task_policy(model, region, member, &arns)));
                let (images, group) = (images_of(facts, region, key, member), log_group::name_of(model, key));
                let policy = execution_policy(facts, &images, &group, &model.stack, member, &arns);
                wants.push(Self::want(model, region, &execution(key), policy));
            }
        }
        wants
    }

    /// By the beginning of the name, and by the names of the file, which a list of IAM lags behind. The list is not narrowed to the
    /// path, because a role that stands under an earlier one is found by nothing else; it is asked for once for all regions.
    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let region = cx.region()?;
        let wanted = Self::named_here(cx, region);
        let here = format!("{}-{region}-", cx.owner.stack);
        let listed = roles::all(cx).await?;
        let mut names: BTreeSet<String> = wanted.keys().cloned().collect();
        names.extend(listed.iter().map(|role| &role.name).filter(|name| name.starts_with(&here)).cloned());
        let wanted = &wanted;
        let looks = iter(names.into_iter().map(|name| async move { Self::look(cx, &name, wanted.get(&name)).await }));
        let found: Vec<_> = looks.buffered(SIDE_BY_SIDE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn look_at(&self, cx: &Cx, addr: &Addr, id: &str) -> Result<Vec<Found<Spec>>, Fault> {
        Ok(Self::look(cx, id, Some(addr)).await?.into_iter().collect())
    }

    /// The name is unique in the account, so a repeated create is refused: with our mark on what is there, that is success.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let spec = &want.spec;
        let ask = cx.fleet.region(cx.region()?).iam.create_role();
        let ask = ask.role_name(&spec.name).path(&spec.path).assume_role_policy_document(policy::written(&spec.trust));
        let ask = ask.set_permissions_boundary(spec.permissions_boundary.clone());
        let ask = ask.set_tags(Some(shaped(cx.owner.to_send(&want.addr, &spec.tags))?));
        match ask.send().await.map_err(fault("iam:CreateRole")) {
            Ok(_) => {
                cx.asked.changed(&want.addr.to_string());
                Ok(spec.name.clone())
            }
            Err(refused) if refused.class == Class::Exists => {
                let there = Self::look(cx, &spec.name, None).await?;
                there.filter(|there| there.addr == want.addr && there.spec.path == spec.path).map(|there| there.id).ok_or(refused)
            }
            Err(refused) => Err(refused),
        }
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        let client = cx.fleet.region(cx.region()?).iam;
        let changed = |path: &str| changes.iter().any(|change| change.is_under(path));
        if changes.iter().any(|change| !change.is_under("tags")) {
            cx.asked.changed(&want.addr.to_string());
        }
        // What is too much goes first.
        if changed("other_policies") {
            for policy in &found.spec.other_policies.0 {
                Self::take_away(cx, &found.id, policy).await?;
            }
        }
        if changed("permissions_boundary") {
            match &want.spec.permissions_boundary {
                Some(boundary) => {
                    let ask = client.put_role_permissions_boundary().role_name(&found.id).permissions_boundary(boundary);
                    ask.send().await.map_err(fault("iam:PutRolePermissionsBoundary"))?;
                }
                None => {
                    let ask = client.delete_role_permissions_boundary().role_name(&found.id);
                    maybe(ask.send().await.map_err(fault("iam:DeleteRolePermissionsBoundary")))?;
                }
            }
        }
        if changed("trust") {
            let ask = client.update_assume_role_policy().role_name(&found.id).policy_document(policy::written(&want.spec.trust));
            ask.send().await.map_err(fault("iam:UpdateAssumeRolePolicy"))?;
        }
        if changed("policy") {
            if want.spec.policy.0.is_empty() {
                Self::take_away(cx, &found.id, POLICY).await?;
            } else {
                let ask = client.put_role_policy().role_name(&found.id).policy_name(POLICY);
                let ask = ask.policy_document(policy::written(&want.spec.policy));
                ask.send().await.map_err(fault("iam:PutRolePolicy"))?;
            }
        }
        Self::tag(cx, found, &want.spec.tags).await
    }

    /// IAM removes a role only without policies (field guide 5 item 6).
    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let reads = tokio::try_join!(Self::get(cx, &found.id), Self::inline_names(cx, &found.id), Self::attached(cx, &found.id))?;
        let (Some(now), Some(inline), Some(attached)) = reads else { return Ok(()) };
        still_ours("iam:DeleteRole", cx, &found.addr, &found.id, &marks(&now))?;
        for policy in inline.iter().chain(&attached) {
            Self::take_away(cx, &found.id, policy).await?;
        }
        let ask = cx.fleet.region(cx.region()?).iam.delete_role().role_name(&found.id);
        maybe(ask.send().await.map_err(fault("iam:DeleteRole"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        Ok(Self::get(cx, id).await?.map_or(Status::Gone, |role| Status::Ready(Outputs::of::<RoleArn>(role.arn()))))
    }

    /// Instance profiles that somebody put the role into: they are not ours.
    async fn holders(&self, cx: &Cx, found: &Found<Spec>) -> Result<Vec<Holder>, Fault> {
        let ask = cx.fleet.region(cx.region()?).iam.list_instance_profiles_for_role().role_name(&found.id);
        let pages = ask.into_paginator().items().send();
        let profiles = maybe(pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("iam:ListInstanceProfilesForRole")))?;
        let holder = |profile: types::InstanceProfile| Holder {
            what: format!("instance profile {}", profile.instance_profile_name()),
            leaves_by_itself: false,
        };
        Ok(profiles.unwrap_or_default().into_iter().map(holder).collect())
    }
}
