//! Security groups, without their rules: those are a kind of their own, so that groups may refer to each other.
use std::sync::Arc;

use aws_sdk_ec2::types::{self, ResourceType};
use serde::{Deserialize, Serialize};

use super::{
    vpc::{MAIN, VpcId, named, networks, vpc_of},
    vpc_endpoint::has_interface_endpoints,
};
use crate::{
    aws::{
        errors::{fault, maybe},
        interfaces::{self, Within},
        tags::{change_ec2, filter, is_ours, of_this_stack, ours, specification},
    },
    outputs,
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Holder, Kind, Life, Outputs, Patience, Ref, Region, Scope, Status, Tags, Verb, Want,
    },
    topology::Model,
};

outputs! { "ec2.security_group":
    /// The id of a security group.
    SecurityGroupId = "id",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub vpc: Ref<VpcId>,
    pub name: String,
    pub description: String,
    pub tags: Tags,
}

/// `ec2.security_group`.
pub struct SecurityGroup;

/// The group of the interface endpoints.
pub(super) const ENDPOINTS: &str = "endpoints";

/// The group of a service's tasks.
#[must_use]
pub(in crate::kinds) fn of_tasks(service: &str) -> String {
    service.to_owned()
}

/// The group of a service's load balancer.
#[must_use]
pub(in crate::kinds) fn of_load_balancer(service: &str) -> String {
    format!("{service}-load-balancer")
}

/// The group of a database's instances in a region.
#[must_use]
pub(in crate::kinds) fn of_database(database: &str) -> String {
    format!("aurora-{database}")
}

/// This stack's groups with their rules: one answer for both kinds.
pub(super) async fn groups(cx: &Cx) -> Result<Arc<Vec<types::SecurityGroup>>, Fault> {
    let region = cx.region()?;
    let ask = || async {
        let pages = cx.fleet.region(region).ec2.describe_security_groups().filters(of_this_stack(cx)).into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeSecurityGroups"))
    };
    cx.memo.once(format!("ec2:DescribeSecurityGroups/{region}"), ask).await
}

/// One group as it is now; nothing when it is not there.
pub(super) async fn group(cx: &Cx, id: &str) -> Result<Option<types::SecurityGroup>, Fault> {
    let ask = cx.fleet.region(cx.region()?).ec2.describe_security_groups().group_ids(id);
    let seen = maybe(ask.send().await.map_err(fault("ec2:DescribeSecurityGroups")))?;
    Ok(seen.and_then(|seen| seen.security_groups().first().cloned()))
}

impl Kind for SecurityGroup {
    type Spec = Spec;
    const NAME: &'static str = "ec2.security_group";
    const FIXED: &'static [&'static str] = &["vpc", "name", "description"];
    /// Interfaces of services hold a group for minutes after their owner has gone; Terraform waits 15 (field guide 2.6 item 6).
    const PATIENCE: Patience = Patience::of(5, 5, 15);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ec2:DescribeSecurityGroups"]),
        (Verb::Create, &["ec2:CreateSecurityGroup", "ec2:CreateTags"]),
        (Verb::Update, &["ec2:CreateTags", "ec2:DeleteTags"]),
        (Verb::Delete, &["ec2:DeleteSecurityGroup", "ec2:DescribeNetworkInterfaces"]),
    ];

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let want = |region: &Region, vpc, name: &str, description: String| {
            let spec = Spec { vpc, name: format!("{}-{name}", model.stack), description, tags: named(model, name) };
            Want::new(Addr::regional(region, Self::NAME, name), spec)
        };
        let endpoints = networks(model).filter(|(.., network)| has_interface_endpoints(network)).map(|(region, ..)| {
            want(region, Ref::to(&Scope::from(region), MAIN), ENDPOINTS, format!("Interface endpoints of {}", model.stack))
        });
        let members = model.services.iter().flat_map(|(service, has)| has.members.iter().map(move |member| (service, member)));
        let services = members.flat_map(|(service, (region, member))| {
            let Some(vpc) = vpc_of(model, region) else { return Vec::new() };
            let text = |what| format!("{what} of {service} of {}", model.stack);
            let tasks = want(region, vpc.clone(), &of_tasks(service), text("Tasks"));
            let balancer = member.balanced_port().map(|_| want(region, vpc, &of_load_balancer(service), text("Load balancer")));
            [Some(tasks), balancer].into_iter().flatten().collect()
        });
        let clusters = model.aurora.iter().flat_map(|(key, has)| has.members.keys().map(move |region| (key, region)));
        let databases = clusters.filter_map(|(key, region)| {
            let text = format!("Aurora database {key} of {}", model.stack);
            Some(want(region, vpc_of(model, region)?, &of_database(key), text))
        });
        endpoints.chain(services).chain(databases).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let found = |group: &types::SecurityGroup| {
            let ((addr, tags), id) = (ours(cx, Self::NAME, group.tags())?, group.group_id()?);
            let spec = Spec {
                vpc: Ref::is(&cx.scope, group.vpc_id()?),
                name: group.group_name().unwrap_or_default().to_owned(),
                description: group.description().unwrap_or_default().to_owned(),
                tags,
            };
            let outputs = Outputs::of::<SecurityGroupId>(id);
            Some(Found { addr, id: id.to_owned(), spec, outputs, life: Life::Ready, ours: true, born: None })
        };
        Ok(groups(cx).await?.iter().filter_map(found).collect())
    }

    /// The name is unique in the VPC, so a repeated create is refused: with our mark on what is there, that is success.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let client = cx.fleet.region(cx.region()?).ec2;
        let vpc = want.spec.vpc.get()?;
        let ask = client.create_security_group().vpc_id(vpc).group_name(&want.spec.name).description(&want.spec.description);
        let ask = ask.tag_specifications(specification(cx, ResourceType::SecurityGroup, &want.addr, &want.spec.tags));
        let refused = match ask.send().await.map_err(fault("ec2:CreateSecurityGroup")) {
            Ok(made) => return made.group_id.ok_or_else(|| Fault::bug("CreateSecurityGroup gave no id")),
            Err(refused) if refused.class == Class::Exists => refused,
            Err(refused) => return Err(refused),
        };
        let ask = client.describe_security_groups().filters(filter("vpc-id", vpc)).filters(filter("group-name", &want.spec.name));
        let seen = ask.send().await.map_err(fault("ec2:DescribeSecurityGroups"))?;
        let there = seen.security_groups().iter().find(|group| is_ours(cx, Self::NAME, group.tags()));
        there.and_then(|group| group.group_id()).map(str::to_owned).ok_or(refused)
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        change_ec2(cx, &found.id, &found.addr, &found.spec.tags, &want.spec.tags).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let ask = cx.fleet.region(cx.region()?).ec2.delete_security_group().group_id(&found.id);
        maybe(ask.send().await.map_err(fault("ec2:DeleteSecurityGroup"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        Ok(group(cx, id).await?.map_or(Status::Gone, |_| Status::Ready(Outputs::of::<SecurityGroupId>(id))))
    }

    /// Interfaces that use the group, and groups of others whose rules name it.
    async fn holders(&self, cx: &Cx, found: &Found<Spec>) -> Result<Vec<Holder>, Fault> {
        let client = cx.fleet.region(cx.region()?).ec2;
        let by = |name| client.describe_security_groups().filters(filter(name, &found.id)).send();
        let (interfaces, ingress, egress) = tokio::join!(
            interfaces::list(cx, Within::Group(&found.id)),
            by("ip-permission.group-id"),
            by("egress.ip-permission.group-id"),
        );
        let mut holders: Vec<Holder> = interfaces?.iter().map(interfaces::holder).collect();
        for answer in [ingress, egress] {
            let answer = answer.map_err(fault("ec2:DescribeSecurityGroups"))?;
            for other in answer.security_groups().iter().filter(|other| !is_ours(cx, Self::NAME, other.tags()) && names(other, &found.id)) {
                let what = format!("a rule of security group {} names it", other.group_id().unwrap_or("?"));
                holders.push(Holder { what, leaves_by_itself: false });
            }
        }
        Ok(holders)
    }
}

/// Whether a rule of a group names another one; what the filter gave is looked at again.
fn names(group: &types::SecurityGroup, id: &str) -> bool {
    let rules = group.ip_permissions().iter().chain(group.ip_permissions_egress());
    rules.flat_map(|rule| rule.user_id_group_pairs()).any(|pair| pair.group_id() == Some(id))
}
