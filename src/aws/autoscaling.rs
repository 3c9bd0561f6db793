//! Reads of Application Auto Scaling: one paged list for each service and region, however many targets there are.
use std::{fmt, sync::Arc};

use aws_sdk_applicationautoscaling::types::{ScalableTarget, ScalingPolicy, ServiceNamespace};

use super::errors::fault;
use crate::resource::{Cx, Fault};

const TARGETS: &str = "application-autoscaling:DescribeScalableTargets";
const POLICIES: &str = "application-autoscaling:DescribeScalingPolicies";

/// What AWS knows a scalable target by. Written as CloudFormation writes it, `table/shop-Orders|dynamodb:table:ReadCapacityUnits|dynamodb`
/// (CloudFormation user guide, "AWS::ApplicationAutoScaling::ScalableTarget", return values).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetId {
    /// `table/shop-Orders`, `table/shop-Orders/index/by-customer`, `service/CLUSTER/NAME`.
    pub resource: String,
    /// `dynamodb:table:ReadCapacityUnits`.
    pub dimension: String,
    /// `dynamodb`, `ecs`.
    pub namespace: String,
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}|{}", self.resource, self.dimension, self.namespace)
    }
}

impl TargetId {
    /// Reads what `Display` has written.
    ///
    /// # Errors
    /// A bug: it was written by something else.
    pub fn read(id: &str) -> Result<Self, Fault> {
        let parts: Vec<&str> = id.split('|').collect();
        match parts[..] {
            [resource, dimension, namespace] => {
                Ok(Self { resource: resource.to_owned(), dimension: dimension.to_owned(), namespace: namespace.to_owned() })
            }
            _ => Err(Fault::bug(format!("`{id}` is no scalable target"))),
        }
    }

    #[must_use]
    pub fn of_target(target: &ScalableTarget) -> Self {
        Self {
            resource: target.resource_id().to_owned(),
            dimension: target.scalable_dimension().as_str().to_owned(),
            namespace: target.service_namespace().as_str().to_owned(),
        }
    }

    #[must_use]
    pub fn of_policy(policy: &ScalingPolicy) -> Self {
        Self {
            resource: policy.resource_id().to_owned(),
            dimension: policy.scalable_dimension().as_str().to_owned(),
            namespace: policy.service_namespace().as_str().to_owned(),
        }
    }
}

/// Every scalable target of a service in this region, anybody's; asked once an observation.
///
/// # Errors
/// What AWS refused.
pub async fn targets(cx: &Cx, namespace: &str) -> Result<Arc<Vec<ScalableTarget>>, Fault> {
    let region = cx.region()?;
    let ask = || async {
        let ask = cx.fleet.region(region).autoscaling.describe_scalable_targets().service_namespace(ServiceNamespace::from(namespace));
        let mut pages = ask.into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(target) = pages.next().await {
            all.push(target.map_err(fault(TARGETS))?);
        }
        Ok(all)
    };
    cx.memo.once(format!("{TARGETS}/{region}/{namespace}"), ask).await
}

/// One scalable target; nothing when it is not registered.
///
/// # Errors
/// What AWS refused.
pub async fn target(cx: &Cx, id: &TargetId) -> Result<Option<ScalableTarget>, Fault> {
    let ask = cx.fleet.region(cx.region()?).autoscaling.describe_scalable_targets().resource_ids(&id.resource);
    let ask = ask.service_namespace(ServiceNamespace::from(&*id.namespace)).scalable_dimension((&*id.dimension).into());
    let seen = ask.send().await.map_err(fault(TARGETS))?;
    Ok(seen.scalable_targets.unwrap_or_default().into_iter().find(|target| TargetId::of_target(target) == *id))
}

/// Every scaling policy of a service in this region, anybody's; asked once an observation.
///
/// # Errors
/// What AWS refused.
pub async fn policies(cx: &Cx, namespace: &str) -> Result<Arc<Vec<ScalingPolicy>>, Fault> {
    let region = cx.region()?;
    let ask = || async {
        let ask = cx.fleet.region(region).autoscaling.describe_scaling_policies().service_namespace(ServiceNamespace::from(namespace));
        let mut pages = ask.into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(policy) = pages.next().await {
            all.push(policy.map_err(fault(POLICIES))?);
        }
        Ok(all)
    };
    cx.memo.once(format!("{POLICIES}/{region}/{namespace}"), ask).await
}

/// The policies of one scalable target.
///
/// # Errors
/// What AWS refused.
pub async fn policies_of(cx: &Cx, id: &TargetId) -> Result<Vec<ScalingPolicy>, Fault> {
    let ask = cx.fleet.region(cx.region()?).autoscaling.describe_scaling_policies().resource_id(&id.resource);
    let ask = ask.service_namespace(ServiceNamespace::from(&*id.namespace)).scalable_dimension((&*id.dimension).into());
    let mut pages = ask.into_paginator().items().send();
    let mut all = Vec::new();
    while let Some(policy) = pages.next().await {
        let policy = policy.map_err(fault(POLICIES))?;
        // An emulator may give those of other resources, too.
        if TargetId::of_policy(&policy) == *id {
            all.push(policy);
        }
    }
    Ok(all)
}
