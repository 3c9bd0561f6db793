//! Scaling policies: towards what AWS scales a target.
//!
//! A policy is known by what it does, not by its name: AWS takes one for each target and metric (field guide 7.4 item 9), so
//! another one in its place has our address and another name. Whatever else hangs at a target of ours is not wanted.
use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalingPolicy as Seen, ServiceNamespace,
    TargetTrackingScalingPolicyConfiguration,
};
use serde::{Deserialize, Serialize};

use super::scalable_target::{Ours, ScalableTargetId, Wanted, namespaces, ours, wanted};
use crate::{
    aws::{
        autoscaling::{TargetId, policies, policies_of},
        errors::{fault, maybe},
    },
    resource::{Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Ref, Scope, Status, Verb, Want},
    topology::Model,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tracking {
    /// The predefined metric, or what kind of policy this is instead.
    pub metric: String,
    /// Which load balancer and target group an `ALBRequestCountPerTarget` counts.
    pub metric_label: Option<String>,
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
/// CLI to manage DynamoDB auto scaling").
const COOLDOWN: i32 = 60;

impl Tracking {
    fn found(policy: &Seen) -> Self {
        let tracking = policy.target_tracking_scaling_policy_configuration();
        let metric = tracking.and_then(|tracking| tracking.predefined_metric_specification());
        let word = metric.map_or_else(|| policy.policy_type().as_str(), |metric| metric.predefined_metric_type().as_str());
        Self {
            metric: word.to_owned(),
            metric_label: metric.and_then(|metric| metric.resource_label()).map(str::to_owned),
            target_value: tracking.map_or(0.0, |tracking| tracking.target_value()),
            scale_in_cooldown: tracking.and_then(|tracking| tracking.scale_in_cooldown()),
            scale_out_cooldown: tracking.and_then(|tracking| tracking.scale_out_cooldown()),
            disable_scale_in: tracking.and_then(|tracking| tracking.disable_scale_in()).unwrap_or_default(),
        }
    }

    fn to_send(&self) -> Result<TargetTrackingScalingPolicyConfiguration, Fault> {
        let bug = |error: aws_sdk_applicationautoscaling::error::BuildError| Fault::bug(error.to_string());
        let metric = PredefinedMetricSpecification::builder().predefined_metric_type(MetricType::from(&*self.metric));
        let metric = metric.set_resource_label(self.metric_label.clone()).build().map_err(bug)?;
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

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let want = |Wanted { region, name, scaling, metric, policy, .. }: Wanted| {
            let tracking = Tracking {
                metric,
                metric_label: None,
                target_value: f64::from(scaling.target),
                scale_in_cooldown: Some(COOLDOWN),
                scale_out_cooldown: Some(COOLDOWN),
                disable_scale_in: false,
            };
            let target = Ref::to(&Scope::from(&region), &name);
            Want::new(Addr::regional(&region, Self::NAME, &name), Spec { name: policy_name(&model.stack, policy), target, tracking })
        };
        wanted(model).into_iter().map(want).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let (region, ours) = (cx.region()?, ours(cx).await?);
        let mut seen = Vec::new();
        for namespace in namespaces(cx).await? {
            let all = policies(cx, namespace).await?;
            seen.extend(all.iter().filter_map(|policy| {
                let target = TargetId::of_policy(policy);
                Some((ours(&target)?, target, policy.policy_name().to_owned(), Tracking::found(policy)))
            }));
        }
        // Ours, or what stands in its place; an emulator may have both.
        let is_placed = |Ours { metric, policy, .. }: &Ours, target: &TargetId, name: &str, tracking: &Tracking| {
            let own = policy_name(&cx.owner.stack, policy);
            let has_own = seen.iter().any(|(_, of, other, tracks)| of == target && *other == own && tracks.metric == *metric);
            tracking.metric == *metric && (name == own || !has_own)
        };
        let found = |(ours, target, name, tracking): &(Ours, TargetId, String, Tracking)| {
            let called = if is_placed(ours, target, name, tracking) { ours.name.clone() } else { format!("{}/{name}", ours.name) };
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
                if Tracking::found(other).metric == tracking.metric {
                    remove(cx, &target, other.policy_name()).await?;
                }
            }
            return Err(Fault { class: Class::Contention, ..refused.clone() });
        }
        put.map(|()| id_of(target.get().unwrap_or_default(), name))
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        if found.spec.tracking == want.spec.tracking { Ok(()) } else { put(cx, &want.spec).await }
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
