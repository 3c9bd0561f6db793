//! Topics.
use serde::{Deserialize, Serialize};

use crate::{
    outputs,
    resource::{Addr, Change, Cx, Facts, Fault, Found, Kind, Status, Tags, Verb, Want},
    topology::Model,
};

outputs! { "sns.topic":
    /// The ARN of a topic.
    TopicArn = "arn",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    pub tags: Tags,
}

/// `sns.topic`.
pub struct Topic;

impl Kind for Topic {
    type Spec = Spec;
    const NAME: &'static str = "sns.topic";
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] =
        &[(Verb::Observe, &["sns:ListTopics"]), (Verb::Create, &["sns:CreateTopic"]), (Verb::Delete, &["sns:DeleteTopic"])];

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
