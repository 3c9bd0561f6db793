//! Metric alarms.
use serde::{Deserialize, Serialize};

use crate::{
    outputs,
    resource::{Addr, Change, Cx, Facts, Fault, Found, Kind, Status, Tags, Verb, Want},
    topology::Model,
};

outputs! { "cloudwatch.metric_alarm":
    /// The ARN of an alarm.
    AlarmArn = "arn",
    /// Its name.
    AlarmName = "name",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    pub tags: Tags,
}

/// `cloudwatch.metric_alarm`.
pub struct MetricAlarm;

impl Kind for MetricAlarm {
    type Spec = Spec;
    const NAME: &'static str = "cloudwatch.metric_alarm";
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["cloudwatch:DescribeAlarms", "tag:GetResources"]),
        (Verb::Create, &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"]),
        (Verb::Update, &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"]),
        (Verb::Delete, &["cloudwatch:DeleteAlarms"]),
    ];

    fn desired(&self, _: &Model, _: &Facts) -> Vec<Want<Spec>> {
        Vec::new()
    }

    async fn observe(&self, _: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        Ok(Vec::new())
    }

    async fn create(&self, _: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        Ok(want.spec.name.clone())
    }

    async fn update(&self, _: &Cx, _: &Found<Spec>, _: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        Ok(())
    }

    async fn delete(&self, _: &Cx, _: &Found<Spec>) -> Result<(), Fault> {
        Ok(())
    }

    async fn status(&self, _: &Cx, _: &Addr, _: &str) -> Result<Status, Fault> {
        Ok(Status::Gone)
    }
}
