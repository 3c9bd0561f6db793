//! What an independent client sees of a service and of everything around it.
use aws_sdk_ecs::types::{Service, TaskDefinition, TaskDefinitionField, TaskDefinitionStatus};
use serde_json::Value;

use super::aws::{Aws, block_on};

/// Of the stack `shop`.
impl Aws {
    pub fn service(&self, name: &str) -> Service {
        let seen = block_on(self.ecs.describe_services().cluster("shop").services(name).send()).unwrap();
        seen.services.unwrap().remove(0)
    }

    /// The revisions of a family that a service could be started with, the oldest first.
    pub fn revisions(&self, family: &str) -> Vec<String> {
        let ask = self.ecs.list_task_definitions().family_prefix(family).status(TaskDefinitionStatus::Active);
        block_on(ask.send()).unwrap().task_definition_arns.unwrap()
    }

    /// What the service runs.
    pub fn running(&self, name: &str) -> TaskDefinition {
        let arn = self.service(name).task_definition.unwrap();
        let ask = self.ecs.describe_task_definition().task_definition(arn).include(TaskDefinitionField::Tags);
        block_on(ask.send()).unwrap().task_definition.unwrap()
    }

    pub fn image(&self, name: &str) -> String {
        self.running(name).container_definitions()[0].image().unwrap().to_owned()
    }

    /// The one inline policy of a role.
    pub fn policy(&self, role: &str) -> Value {
        let seen = block_on(self.iam.get_role_policy().role_name(role).policy_name("mrctl").send()).unwrap();
        let text = form_urlencoded::parse(format!("policy={}", seen.policy_document().replace('+', "%2B")).as_bytes())
            .find_map(|(key, value)| (key == "policy").then(|| value.into_owned()));
        serde_json::from_str(&text.unwrap()).unwrap()
    }
}
