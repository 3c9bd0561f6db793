//! Scaling policies: towards what AWS scales a target.
//!
//! A policy is known by what it does, not by its name: AWS takes one for each target and metric (field guide 7.4 item 9), so
//! another one in its place has our address and another name. Whatever else hangs at a target of ours is not wanted.
use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalingPolicy as Seen, ServiceNamespace,
    TargetTrackingScalingPolicyConfiguration,
};
use serde::{Deserialize, Serialize};

use super::scalable_target::{Kept, Ours, ScalableTargetId, Wanted, namespaces, ours, wanted};
use crate::{
    aws::{
        autoscaling::{TargetId, policies, policies_of},
        errors::{fault, maybe},
        load_balancing::{load_balancers, target_groups},
    },
    kinds::elasticloadbalancingv2::{load_balancer::LoadBalancerArn, target_group::TargetGroupArn},
    resource::{Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Ref, Scope, Status, Verb, Want},
    topology::Model,
};

/// Where an `ALBRequestCountPerTarget` is counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Counted {
    pub load_balancer: Ref<LoadBalancerArn>,
    pub target_group: Ref<TargetGroupArn>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tracking {
    /// The predefined metric, or what kind of policy this is instead.
    pub metric: String,
    pub counted: Option<Counted>,
    pub target_value: f64,
    /// Seconds; nothing: what AWS takes by default.
    pub scale_in_cooldown: Option<i32>,
    /// Seconds; nothing: what AWS takes by default.
    pub scale_out_cooldown: Option<i32>,
    pub disable_scale_in: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    pub target: Ref<ScalableTargetId>,
    #[serde(flatten)]
    pub tracking: Tracking,
}

/// `applicationautoscaling.scaling_policy`.
pub struct ScalingPolicy;

const PUT: &str = "application-autoscaling:PutScalingPolicy";
/// Seconds between two steps in one direction, as in all of AWS's examples for tables (DynamoDB developer guide, "Using the AWS
/// CLI to manage DynamoDB auto scaling") and in that for services (AWS CLI reference, "put-scaling-policy").
const COOLDOWN: i32 = 60;

/// In the ARN of a target group and in a label, before the name of the group.
const GROUP: &str = "targetgroup/";

impl Counted {
    /// In Application Auto Scaling's words: `app/<load balancer>/<id>/targetgroup/<target group>/<id>`, the ends of two ARNs.
    fn label(&self) -> Result<String, Fault> {
        let (balancer, group) = (self.load_balancer.get()?, self.target_group.get()?);
        let end = |arn: &str, before: &str| arn.split_once(before).map(|(_, end)| end.to_owned());
        match (end(balancer, ":loadbalancer/"), end(group, &format!(":{GROUP}"))) {
            (Some(balancer), Some(group)) => Ok(format!("{balancer}/{GROUP}{group}")),
            _ => Err(Fault::bug(format!("`{balancer}` and `{group}` are no load balancer and target group"))),
        }
    }

    /// What a label says. What is not among the stack's load balancers and target groups stays the part of the label it is.
    async fn found(cx: &Cx, label: &str) -> Result<Self, Fault> {
        let (balancer, group) = label.split_once(&format!("/{GROUP}")).unwrap_or((label, ""));
        let (balancer, group) = (format!("loadbalancer/{balancer}"), format!("{GROUP}{group}"));
        let (balancers, groups) = (load_balancers(cx).await?, target_groups(cx).await?);
        let is_end = |arn: &str, end: &str| arn.strip_suffix(end).is_some_and(|rest| rest.ends_with(':'));
        let balancer = balancers.iter().find(|one| is_end(&one.arn, &balancer)).map_or(balancer, |one| one.arn.clone());
        let group = groups.iter().find(|one| is_end(&one.arn, &group)).map_or(group, |one| one.arn.clone());
        Ok(Self { load_balancer: Ref::is(&cx.scope, balancer), target_group: Ref::is(&cx.scope, group) })
    }
}

/// The predefined metric that a policy tracks, or what kind of policy it is instead.
fn metric_of(policy: &Seen) -> &str {
    let tracking = policy.target_tracking_scaling_policy_configuration();
    let metric = tracking.and_then(|tracking| tracking.predefined_metric_specification());
    metric.map_or_else(|| policy.policy_type().as_str(), |metric| metric.predefined_metric_type().as_str())
}

impl Tracking {
    async fn found(cx: &Cx, policy: &Seen) -> Result<Self, Fault> {
        let tracking = policy.target_tracking_scaling_policy_configuration();
        let metric = tracking.and_then(|tracking| tracking.predefined_metric_specification());
        let counted = match metric.and_then(|metric| metric.resource_label()) {
            Some(label) => Some(Counted::found(cx, label).await?),
            None => None,
        };
        Ok(Self {
            metric: metric_of(policy).to_owned(),
            counted,
            target_value: tracking.map_or(0.0, |tracking| tracking.target_value()),
            scale_in_cooldown: tracking.and_then(|tracking| tracking.scale_in_cooldown()),
            scale_out_cooldown: tracking.and_then(|tracking| tracking.scale_out_cooldown()),
            disable_scale_in: tracking.and_then(|tracking| tracking.disable_scale_in()).unwrap_or_default(),
        })
    }

    fn to_send(&self) -> Result<TargetTrackingScalingPolicyConfiguration, Fault> {
        let bug = |error: aws_sdk_applicationautoscaling::error::BuildError| Fault::bug(error.to_string());
        let metric = PredefinedMetricSpecification::builder().predefined_metric_type(MetricType::from(&*self.metric));
        let metric = metric.set_resource_label(self.counted.as_ref().map(Counted::label).transpose()?).build().map_err(bug)?;
        let tracking = TargetTrackingScalingPolicyConfiguration::builder().target_value(self.target_value);
        let tracking = tracking.predefined_metric_specification(metric).disable_scale_in(self.disable_scale_in);
        tracking.set_scale_in_cooldown(self.scale_in_cooldown).set_scale_out_cooldown(self.scale_out_cooldown).build().map_err(bug)
    }
}

fn policy_name(stack: &str, what: &str) -> String {
    format!("{stack}-{what}")
}

/// A policy has no name of its own in AWS: it is one of its target's.
fn id_of(target: &str, name: &str) -> String {
    format!("{target}|{name}")
}

fn read(id: &str) -> Result<(TargetId, &str), Fault> {
    // A name may contain anything that can be printed; nothing before it contains `|`.
    let ends = id.match_indices('|').nth(2).map(|(at, _)| at);
    let at = ends.ok_or_else(|| Fault::bug(format!("`{id}` is no scaling policy")))?;
    Ok((TargetId::read(&id[..at])?, &id[at + 1..]))
}

async fn put(cx: &Cx, spec: &Spec) -> Result<(), Fault> {
    let target = TargetId::read(spec.target.get()?)?;
    let ask = cx.fleet.region(cx.region()?).autoscaling.put_scaling_policy().policy_name(&spec.name).resource_id(&target.resource);
    let ask = ask.service_namespace(ServiceNamespace::from(&*target.namespace)).scalable_dimension((&*target.dimension).into());
    let ask = ask.policy_type(PolicyType::TargetTrackingScaling);
    ask.target_tracking_scaling_policy_configuration(spec.tracking.to_send()?).send().await.map_err(fault(PUT)).map(drop)
}

async fn remove(cx: &Cx, target: &TargetId, name: &str) -> Result<(), Fault> {
    let ask = cx.fleet.region(cx.region()?).autoscaling.delete_scaling_policy().policy_name(name).resource_id(&target.resource);
    let ask = ask.service_namespace(ServiceNamespace::from(&*target.namespace)).scalable_dimension((&*target.dimension).into());
    maybe(ask.send().await.map_err(fault("application-autoscaling:DeleteScalingPolicy"))).map(drop)
}

/// A policy at a target of ours, with its name.
type OfOurs = (Ours, TargetId, String, Tracking);

/// What the policy is called that has a target's address: ours, or what stands in its place; an emulator may have both.
fn placed<'a>(stack: &str, seen: &'a [OfOurs], ours: &Ours, target: &TargetId) -> Option<&'a str> {
    let called = |kept: &Kept| {
        let own = policy_name(stack, kept.policy);
        let same = seen.iter().filter(|(_, of, _, tracking)| of == target && tracking.metric == kept.metric);
        let names: Vec<&str> = same.map(|(.., name, _)| name.as_str()).collect();
        names.iter().find(|name| **name == own).or(names.first()).copied()
    };
    ours.kept.iter().find_map(called)
}

impl Kind for ScalingPolicy {
    type Spec = Spec;
    const NAME: &'static str = "applicationautoscaling.scaling_policy";
    const FIXED: &'static [&'static str] = &["name", "target"];
    /// It is there when the call returns. Terraform tries for two minutes where the target is not known yet or what it scales
    /// cannot be reached (field guide 7.4 item 5).
    const PATIENCE: Patience = Patience::of(2, 3, 3);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (
            Verb::Observe,
            &[
                "application-autoscaling:DescribeScalingPolicies",
                "dynamodb:DescribeTable",
                "dynamodb:ListTagsOfResource",
                "ecs:DescribeServices",
                "ecs:ListServices",
                "ecs:ListTaskDefinitionFamilies",
                "elasticloadbalancing:DescribeLoadBalancers",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:DescribeTargetGroups",
                "tag:GetResources",
            ],
        ),
        (
            Verb::Create,
            // It comes with alarms (DynamoDB developer guide, "Granting user permissions for DynamoDB auto scaling").
            &[
                "application-autoscaling:PutScalingPolicy",
                "application-autoscaling:DeleteScalingPolicy",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:DescribeAlarms",
            ],
        ),
        (Verb::Update, &["application-autoscaling:PutScalingPolicy", "cloudwatch:PutMetricAlarm"]),
        (Verb::Delete, &["application-autoscaling:DeleteScalingPolicy", "cloudwatch:DeleteAlarms"]),
    ];

    const STAYS_FOR_CLIENTS: bool = true;

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let want = |Wanted { region, name, kept, value, counted, after, .. }: Wanted| {
            let scope = Scope::from(&region);
            let counted_by = |key: String| Counted { load_balancer: Ref::to(&scope, &key), target_group: Ref::to(&scope, &key) };
            let tracking = Tracking {
                metric: kept.metric,
                counted: counted.map(counted_by),
                target_value: value,
                scale_in_cooldown: Some(COOLDOWN),
                scale_out_cooldown: Some(COOLDOWN),
                disable_scale_in: false,
            };
            let spec = Spec { name: policy_name(&model.stack, kept.policy), target: Ref::to(&scope, &name), tracking };
            Want::new(Addr::regional(&region, Self::NAME, &name), spec).after(after)
        };
        wanted(model).into_iter().map(want).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let (region, ours) = (cx.region()?, ours(cx).await?);
        let mut seen: Vec<OfOurs> = Vec::new();
        for namespace in namespaces(cx).await? {
            for policy in policies(cx, namespace).await?.iter() {
                let target = TargetId::of_policy(policy);
                if let Some(ours) = ours(&target) {
                    seen.push((ours, target, policy.policy_name().to_owned(), Tracking::found(cx, policy).await?));
                }
            }
        }
        let found = |(ours, target, name, tracking): &OfOurs| {
            let is_placed = placed(&cx.owner.stack, &seen, ours, target) == Some(name);
            let called = if is_placed { ours.name.clone() } else { format!("{}/{name}", ours.name) };
            Found {
                addr: Addr::regional(region, Self::NAME, &called),
                id: id_of(&target.to_string(), name),
                spec: Spec { name: name.clone(), target: Ref::is(&cx.scope, target.to_string()), tracking: tracking.clone() },
                outputs: Outputs::default(),
                life: Life::Ready,
                ours: true,
                born: None,
            }
        };
        Ok(seen.iter().map(found).collect())
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let Spec { name, target, tracking } = &want.spec;
        let put = put(cx, &want.spec).await;
        if let Err(refused) = &put
            && refused.message.as_ref().is_some_and(|message| message.contains("Only one TargetTrackingScaling policy"))
        {
            // AWS copies what scales a table to its new replicas (field guide 3.2 item 6), under names of its own choice.
            let target = TargetId::read(target.get()?)?;
            for other in policies_of(cx, &target).await?.iter().filter(|other| other.policy_name() != name) {
                if metric_of(other) == tracking.metric {
                    remove(cx, &target, other.policy_name()).await?;
                }
            }
            return Err(Fault { class: Class::Contention, ..refused.clone() });
        }
        put.map(|()| id_of(target.get().unwrap_or_default(), name))
    }

    async fn update(&self, cx: &Cx, _: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        if changes.is_empty() { Ok(()) } else { put(cx, &want.spec).await }
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let (target, name) = read(&found.id)?;
        remove(cx, &target, name).await
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let (target, name) = read(id)?;
        let there = policies_of(cx, &target).await?;
        Ok(if there.iter().any(|policy| policy.policy_name() == name) { Status::Ready(Outputs::default()) } else { Status::Gone })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_whatever_the_policy_is_called() {
        let target = "table/shop-Orders|dynamodb:table:WriteCapacityUnits|dynamodb";
        let id = id_of(target, "a|b");
        let (read, name) = read(&id).unwrap();
        assert_eq!((read.to_string().as_str(), name), (target, "a|b"));
        assert!(super::read(target).is_err());
    }
}
