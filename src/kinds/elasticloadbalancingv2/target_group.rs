//! Target groups: where a load balancer sends requests, and how it asks whether a task is well.
use aws_sdk_elasticloadbalancingv2::types::{self, Matcher, ProtocolEnum, TargetGroupAttribute, TargetTypeEnum};
use futures::stream::{StreamExt, TryStreamExt, iter};
use serde::{Deserialize, Serialize};

use crate::{
    aws::{
        errors::{fault, maybe},
        load_balancing::{SIDE_BY_SIDE, Whose, change_tags, marks_of, name, tags_to_send, target_groups, whose},
        tags::addr_of,
    },
    kinds::ec2::vpc::{VpcId, named, vpc_of},
    outputs,
    resource::{Addr, Change, Class, Cx, Facts, Fault, Found, Holder, Kind, Life, Outputs, Patience, Ref, Status, Tags, Verb, Want},
    topology::{Model, TargetHealthCheck},
};

outputs! { "elasticloadbalancingv2.target_group":
    /// The ARN of a target group.
    TargetGroupArn = "arn",
    /// The end of its ARN, by which its metrics are told apart: `targetgroup/<name>/<id>`.
    TargetGroupDimension = "dimension",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    pub vpc: Ref<VpcId>,
    /// `ip`: tasks in a VPC are reached by their addresses.
    pub target_type: String,
    pub protocol: String,
    /// Of targets that are registered without a port of their own. ECS registers each task with its container's, so that another
    /// port of the service changes nothing here.
    pub port: i32,
    pub health_check: HealthCheck,
    /// Seconds.
    pub deregistration_delay: u64,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    pub protocol: String,
    /// `traffic-port`: the one that requests go to.
    pub port: String,
    pub path: String,
    /// Seconds.
    pub interval: i32,
    /// Seconds.
    pub timeout: i32,
    pub healthy: i32,
    pub unhealthy: i32,
    pub codes: String,
}

/// `elasticloadbalancingv2.target_group`.
pub struct TargetGroup;

const DELAY: &str = "deregistration_delay.timeout_seconds";
/// What AWS has unless told otherwise (Elastic Load Balancing API reference, "TargetGroupAttribute").
const USUAL_DELAY: u64 = 300;

fn outputs(arn: &str) -> Outputs {
    let dimension = arn.rsplit(':').next().unwrap_or_default();
    Outputs::of::<TargetGroupArn>(arn).with::<TargetGroupDimension>(dimension)
}

impl HealthCheck {
    fn wanted(check: &TargetHealthCheck) -> Self {
        let seconds = |time: std::time::Duration| i32::try_from(time.as_secs()).unwrap_or(i32::MAX);
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        Self {
            protocol: "HTTP".to_owned(),
            port: "traffic-port".to_owned(),
            path: check.path.clone(),
            interval: seconds(check.interval),
            timeout: seconds(check.timeout),
            healthy: count(check.healthy),
            unhealthy: count(check.unhealthy),
            codes: check.codes.clone(),
        }
    }

    fn found(group: &types::TargetGroup) -> Self {
        Self {
            protocol: group.health_check_protocol().map_or("", ProtocolEnum::as_str).to_owned(),
            port: group.health_check_port().unwrap_or_default().to_owned(),
            path: group.health_check_path().unwrap_or_default().to_owned(),
            interval: group.health_check_interval_seconds().unwrap_or_default(),
            timeout: group.health_check_timeout_seconds().unwrap_or_default(),
            healthy: group.healthy_threshold_count().unwrap_or_default(),
            unhealthy: group.unhealthy_threshold_count().unwrap_or_default(),
            codes: group.matcher().and_then(Matcher::http_code).unwrap_or_default().to_owned(),
        }
    }

    fn matcher(&self) -> Matcher {
        Matcher::builder().http_code(&self.codes).build()
    }
}

impl TargetGroup {
    /// Seconds; nothing when the group is gone.
    async fn delay(cx: &Cx, arn: &str) -> Result<Option<u64>, Fault> {
        let ask = cx.fleet.region(cx.region()?).load_balancing.describe_target_group_attributes().target_group_arn(arn);
        let answer = maybe(ask.send().await.map_err(fault("elasticloadbalancing:DescribeTargetGroupAttributes")))?;
        Ok(answer.map(|answer| {
            let set = answer.attributes().iter().find(|one| one.key() == Some(DELAY)).and_then(|one| one.value()?.parse().ok());
            set.unwrap_or(USUAL_DELAY)
        }))
    }

    async fn group(cx: &Cx, arn: &str) -> Result<Option<types::TargetGroup>, Fault> {
        let ask = cx.fleet.region(cx.region()?).load_balancing.describe_target_groups().target_group_arns(arn);
        let seen = maybe(ask.send().await.map_err(fault("elasticloadbalancing:DescribeTargetGroups")))?;
        Ok(seen.and_then(|seen| seen.target_groups().first().cloned()))
    }
}

impl Kind for TargetGroup {
    type Spec = Spec;
    // Attributes are a call of their own, so that every create is one call.
    const UNFINISHED: bool = true;
    const NAME: &'static str = "elasticloadbalancingv2.target_group";
    const FIXED: &'static [&'static str] = &["name", "vpc", "target_type", "protocol", "port"];
    /// There at once; AWS says for a while that a listener that has gone still uses it, and Terraform tries for two minutes (field
    /// guide 8.2 item 6).
    const PATIENCE: Patience = Patience::of(2, 5, 2);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (
            Verb::Observe,
            &[
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetGroupAttributes",
                "elasticloadbalancing:DescribeTags",
            ],
        ),
        (Verb::Create, &["elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:AddTags"]),
        (
            Verb::Update,
            &[
                "elasticloadbalancing:ModifyTargetGroup",
                "elasticloadbalancing:ModifyTargetGroupAttributes",
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:RemoveTags",
            ],
        ),
        (Verb::Delete, &["elasticloadbalancing:DeleteTargetGroup"]),
    ];
    const SERVES: bool = true;

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let wants = model.balanced().filter_map(|(service, region, member, _)| {
            let spec = Spec {
                name: name(&model.stack, service),
                vpc: vpc_of(model, region)?,
                target_type: "ip".to_owned(),
                protocol: "HTTP".to_owned(),
                port: 80,
                health_check: HealthCheck::wanted(&member.health_check),
                deregistration_delay: member.deregistration_delay.as_secs(),
                tags: named(model, service),
            };
            Some(Want::new(Addr::regional(region, Self::NAME, service), spec))
        });
        wants.collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let all = target_groups(cx).await?;
        let mut here = Vec::new();
        for one in all.iter() {
            here.extend(one.stands_at(cx, Self::NAME).map(|at| (one.clone(), at)));
        }
        let looks = iter(here.into_iter().map(|(one, (addr, tags, ours))| async move {
            let Some(deregistration_delay) = Self::delay(cx, &one.arn).await? else { return Ok(None) };
            let seen = &one.is;
            let spec = Spec {
                name: one.name.clone(),
                vpc: Ref::is(&cx.scope, seen.vpc_id().unwrap_or_default()),
                target_type: seen.target_type().map_or("", TargetTypeEnum::as_str).to_owned(),
                protocol: seen.protocol().map_or("", ProtocolEnum::as_str).to_owned(),
                port: seen.port().unwrap_or_default(),
                health_check: HealthCheck::found(seen),
                deregistration_delay,
                tags,
            };
            let outputs = outputs(&one.arn);
            Ok(Some(Found { addr, id: one.arn.clone(), spec, outputs, life: Life::Ready, ours, born: None }))
        }));
        let found: Vec<_> = looks.buffered(SIDE_BY_SIDE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The name is unique in the region: AWS gives the one that is there when everything is equal and refuses otherwise (field
    /// guide 8.2 item 2).
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let (client, spec) = (cx.fleet.region(cx.region()?).load_balancing, &want.spec);
        let check = &spec.health_check;
        let ask = client.create_target_group().name(&spec.name).vpc_id(spec.vpc.get()?).target_type(spec.target_type.as_str().into());
        let ask = ask.protocol(spec.protocol.as_str().into()).port(spec.port);
        let ask = ask.health_check_enabled(true).health_check_protocol(check.protocol.as_str().into()).health_check_port(&check.port);
        let ask = ask.health_check_path(&check.path).health_check_interval_seconds(check.interval);
        let ask = ask.health_check_timeout_seconds(check.timeout).healthy_threshold_count(check.healthy);
        let ask = ask.unhealthy_threshold_count(check.unhealthy).matcher(check.matcher());
        let ask = ask.set_tags(Some(tags_to_send(cx, &want.addr, &spec.tags)));
        let refused = match ask.send().await.map_err(fault("elasticloadbalancing:CreateTargetGroup")) {
            Ok(made) => {
                let arn = made.target_groups().first().and_then(|one| one.target_group_arn());
                return arn.map(str::to_owned).ok_or_else(|| Fault::bug("CreateTargetGroup gave no ARN"));
            }
            Err(refused) if refused.class == Class::Exists => refused,
            Err(refused) => return Err(refused),
        };
        let seen = client.describe_target_groups().names(&spec.name).send().await;
        let seen = maybe(seen.map_err(fault("elasticloadbalancing:DescribeTargetGroups")))?;
        let Some(arn) = seen.as_ref().and_then(|seen| seen.target_groups().first()?.target_group_arn()) else { return Err(refused) };
        let marks = marks_of(cx, vec![arn.to_owned()]).await?;
        let is_ours = marks.get(arn).and_then(|marks| addr_of(cx, Self::NAME, marks)) == Some(want.addr.clone());
        if is_ours { Ok(arn.to_owned()) } else { Err(refused) }
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        let (client, now, then) = (cx.fleet.region(cx.region()?).load_balancing, &found.spec, &want.spec);
        if now.health_check != then.health_check {
            let check = &then.health_check;
            let ask = client.modify_target_group().target_group_arn(&found.id).health_check_enabled(true);
            let ask = ask.health_check_protocol(check.protocol.as_str().into()).health_check_port(&check.port);
            let ask = ask.health_check_path(&check.path).health_check_interval_seconds(check.interval);
            let ask = ask.health_check_timeout_seconds(check.timeout).healthy_threshold_count(check.healthy);
            let ask = ask.unhealthy_threshold_count(check.unhealthy).matcher(check.matcher());
            ask.send().await.map_err(fault("elasticloadbalancing:ModifyTargetGroup"))?;
        }
        if now.deregistration_delay != then.deregistration_delay {
            let delay = TargetGroupAttribute::builder().key(DELAY).value(then.deregistration_delay.to_string()).build();
            let ask = client.modify_target_group_attributes().target_group_arn(&found.id).attributes(delay);
            ask.send().await.map_err(fault("elasticloadbalancing:ModifyTargetGroupAttributes"))?;
        }
        change_tags(cx, &found.id, &found.addr, &now.tags, &then.tags).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let ask = cx.fleet.region(cx.region()?).load_balancing.delete_target_group().target_group_arn(&found.id);
        maybe(ask.send().await.map_err(fault("elasticloadbalancing:DeleteTargetGroup"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        Ok(Self::group(cx, id).await?.map_or(Status::Gone, |_| Status::Ready(outputs(id))))
    }

    /// Another's load balancer that sends requests to it.
    async fn holders(&self, cx: &Cx, found: &Found<Spec>) -> Result<Vec<Holder>, Fault> {
        let Some(group) = Self::group(cx, &found.id).await? else { return Ok(Vec::new()) };
        let mut holders = Vec::new();
        for arn in group.load_balancer_arns() {
            match whose(cx, arn).await? {
                Whose::Ours => {}
                other => {
                    let what = format!("load balancer {arn} sends requests to it");
                    holders.push(Holder { what, leaves_by_itself: other == Whose::Gone });
                }
            }
        }
        Ok(holders)
    }
}
