//! What an independent client sees of a service and of everything around it.
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_ecs::types::{Service, TaskDefinition, TaskDefinitionField, TaskDefinitionStatus};
use serde_json::Value;

use crate::support::{aws::block_on, sandbox::running};

/// The clients of one region, past the strict layer.
pub struct Seen {
    pub region: String,
    pub ecs: aws_sdk_ecs::Client,
    pub iam: aws_sdk_iam::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
}

impl Seen {
    pub fn new(account: &str, region: &str) -> Self {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&running().endpoint)
            .http_client(mrctl::aws::wire::http_client(false))
            .region(aws_config::Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(account, "sandbox", None, None, "tests")))
            .build();
        let (ecs, iam, logs) =
            (aws_sdk_ecs::Client::new(&config), aws_sdk_iam::Client::new(&config), aws_sdk_cloudwatchlogs::Client::new(&config));
        Self { region: region.to_owned(), ecs, iam, logs }
    }

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

    /// Everything of these services that is there.
    pub fn leftovers(&self) -> Vec<String> {
        let clusters = block_on(self.ecs.list_clusters().send()).unwrap().cluster_arns.unwrap();
        let mut left = clusters;
        for status in [TaskDefinitionStatus::Active, TaskDefinitionStatus::Inactive] {
            left.extend(block_on(self.ecs.list_task_definitions().status(status).send()).unwrap().task_definition_arns.unwrap());
        }
        let roles = block_on(self.iam.list_roles().send()).unwrap().roles;
        left.extend(roles.into_iter().map(|role| role.role_name));
        let groups = block_on(self.logs.describe_log_groups().send()).unwrap().log_groups.unwrap();
        left.extend(groups.into_iter().filter_map(|group| group.log_group_name));
        left
    }
}
