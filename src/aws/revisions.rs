//! What a revision of a task definition says, in one form for what is wanted and for what AWS shows.
//!
//! AWS puts its defaults into what it shows (`cpu` 0, `essential`, the host's port, empty lists; field guide 1.6): they are left out
//! here, and whatever mrctl never asks for is named in `others`, so that it is a difference and not overlooked.
use std::collections::BTreeMap;

use aws_sdk_ecs::types::{
    self, Compatibility, ContainerDefinition, CpuArchitecture, HealthCheck, KeyValuePair, LogConfiguration, LogDriver, NetworkMode,
    OsFamily, PortMapping, RuntimePlatform, Secret, TransportProtocol,
};
use serde::{Deserialize, Serialize};

use crate::resource::{Fault, Given, Unordered};

const LOG_GROUP: &str = "awslogs-group";
const LOG_REGION: &str = "awslogs-region";
const LOG_PREFIX: &str = "awslogs-stream-prefix";
/// How long a task may take to stop when nothing is said (Amazon ECS API reference, "ContainerDefinition").
const STOP_TIMEOUT: i32 = 30;

/// What ECS runs inside the container. Seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerHealth {
    pub command: Vec<String>,
    pub interval: i32,
    pub retries: i32,
    pub start_period: i32,
}

/// Where ECS reads a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SecretFrom {
    /// As ECS takes it (`valueFrom`).
    Named(String),
    /// One field of the JSON in a secret that another resource is.
    Field { secret: Given, field: String },
}

impl SecretFrom {
    /// As ECS takes it: `ARN:field:stage:version`, the last two as they are when nothing is said (Amazon ECS developer guide, "Pass
    /// Secrets Manager secrets through Amazon ECS environment variables").
    fn value(&self) -> Result<String, Fault> {
        match self {
            Self::Named(from) => Ok(from.clone()),
            Self::Field { secret, field } => Ok(format!("{}:{field}::", secret.get()?)),
        }
    }
}

/// A task definition with one container, but for what other resources give.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Content {
    /// The container's name.
    pub container: String,
    pub image: String,
    /// CPU units and MiB of the task, as AWS writes them.
    pub cpu: String,
    pub memory: String,
    pub architecture: String,
    pub port: Option<i32>,
    pub command: Vec<String>,
    pub entrypoint: Vec<String>,
    pub environment: BTreeMap<String, Given>,
    /// By the name of the variable, where its value is kept; the value itself is nowhere in mrctl.
    pub secrets: BTreeMap<String, SecretFrom>,
    pub health_check: Option<ContainerHealth>,
    /// Seconds.
    pub stop_timeout: i32,
    /// What mrctl never asks for, by name. Wanted empty.
    pub others: Unordered<String>,
}

/// What a revision says, and the names of the resources it refers to.
pub struct Shown {
    pub content: Content,
    pub log_group: String,
    pub execution_role: String,
    pub task_role: String,
}

/// Reads what AWS shows.
#[must_use]
pub fn shown(definition: &types::TaskDefinition) -> Shown {
    let empty = ContainerDefinition::builder().build();
    let (container, more) = definition.container_definitions().split_first().unwrap_or((&empty, &[]));
    let option = |key: &str| {
        let options = container.log_configuration().and_then(|log| log.options());
        options.and_then(|options| options.get(key)).cloned().unwrap_or_default()
    };
    let variable = |name: Option<&str>, value: Option<&str>| Some((name?.to_owned(), Given::Text(value.unwrap_or_default().to_owned())));
    let platform = definition.runtime_platform();
    let architecture = platform.and_then(|platform| platform.cpu_architecture()).unwrap_or(&CpuArchitecture::X8664);
    let content = Content {
        container: container.name().unwrap_or_default().to_owned(),
        image: container.image().unwrap_or_default().to_owned(),
        cpu: definition.cpu().unwrap_or_default().to_owned(),
        memory: definition.memory().unwrap_or_default().to_owned(),
        architecture: architecture.as_str().to_owned(),
        port: container.port_mappings().first().and_then(|port| port.container_port()),
        command: container.command().to_vec(),
        entrypoint: container.entry_point().to_vec(),
        environment: container.environment().iter().filter_map(|pair| variable(pair.name(), pair.value())).collect(),
        secrets: container.secrets().iter().map(|one| (one.name().to_owned(), SecretFrom::Named(one.value_from().to_owned()))).collect(),
        health_check: container.health_check().map(|check| ContainerHealth {
            command: check.command().to_vec(),
            // AWS's own defaults (Amazon ECS API reference, "HealthCheck").
            interval: check.interval().unwrap_or(30),
            retries: check.retries().unwrap_or(3),
            start_period: check.start_period().unwrap_or(0),
        }),
        stop_timeout: container.stop_timeout().unwrap_or(STOP_TIMEOUT),
        others: Unordered(others(definition, container, more)),
    };
    Shown {
        content,
        log_group: option(LOG_GROUP),
        execution_role: definition.execution_role_arn().unwrap_or_default().to_owned(),
        task_role: definition.task_role_arn().unwrap_or_default().to_owned(),
    }
}

/// What a revision has that mrctl never asks for.
fn others(definition: &types::TaskDefinition, container: &ContainerDefinition, more: &[ContainerDefinition]) -> Vec<String> {
    let has = [
        ("network_mode", definition.network_mode().is_some_and(|mode| *mode != NetworkMode::Awsvpc)),
        ("volumes", !definition.volumes().is_empty()),
        ("placement_constraints", !definition.placement_constraints().is_empty()),
        ("proxy_configuration", definition.proxy_configuration().is_some()),
        ("pid_mode", definition.pid_mode().is_some_and(|mode| !mode.as_str().is_empty())),
        ("ephemeral_storage", definition.ephemeral_storage().is_some()),
        ("operating_system", definition.runtime_platform().is_some_and(is_not_linux)),
        ("log_driver", container.log_configuration().is_some_and(|log| *log.log_driver() != LogDriver::Awslogs)),
        ("port_mappings", container.port_mappings().len() > 1),
        ("mount_points", !container.mount_points().is_empty()),
        ("environment_files", !container.environment_files().is_empty()),
        ("repository_credentials", container.repository_credentials().is_some()),
        ("depends_on", !container.depends_on().is_empty()),
        ("linux_parameters", container.linux_parameters().is_some()),
        ("firelens", container.firelens_configuration().is_some()),
        ("memory_limit", container.memory().is_some()),
        ("user", container.user().is_some_and(|user| !user.is_empty())),
        ("working_directory", container.working_directory().is_some_and(|folder| !folder.is_empty())),
        ("read_only_root_filesystem", container.readonly_root_filesystem() == Some(true)),
        ("not_essential", container.essential() == Some(false)),
    ];
    let named = has.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| (*name).to_owned());
    named.chain(more.iter().map(|other| format!("container {}", other.name().unwrap_or("?")))).collect()
}

fn is_not_linux(platform: &RuntimePlatform) -> bool {
    platform.operating_system_family().is_some_and(|family| *family != OsFamily::Linux)
}

/// The container of a register call.
///
/// # Errors
/// A bug: the SDK refuses a field that is missing.
pub fn container(content: &Content, log_group: &str, region: &str) -> Result<ContainerDefinition, Fault> {
    let bug = |error: aws_smithy_types::error::operation::BuildError| Fault::bug(error.to_string());
    let list = |list: &[String]| Some(list.to_vec()).filter(|list| !list.is_empty());
    let port = |port| PortMapping::builder().container_port(port).host_port(port).protocol(TransportProtocol::Tcp).build();
    let secret = |(name, from): (&String, &SecretFrom)| Secret::builder().name(name).value_from(from.value()?).build().map_err(bug);
    let secrets: Vec<Secret> = content.secrets.iter().map(secret).collect::<Result<_, _>>()?;
    let pair = |(name, value): (&String, &Given)| Ok(KeyValuePair::builder().name(name).value(value.get()?).build());
    let environment: Vec<KeyValuePair> = content.environment.iter().map(pair).collect::<Result<_, Fault>>()?;
    let check = content.health_check.as_ref().map(|check| {
        let command = Some(check.command.clone());
        let built = HealthCheck::builder().set_command(command).interval(check.interval).retries(check.retries);
        built.start_period(check.start_period).build().map_err(bug)
    });
    let log = LogConfiguration::builder().log_driver(LogDriver::Awslogs);
    let log = log.options(LOG_GROUP, log_group).options(LOG_REGION, region).options(LOG_PREFIX, &content.container);
    let definition = ContainerDefinition::builder()
        .name(&content.container)
        .image(&content.image)
        .essential(true)
        .set_port_mappings(content.port.map(|number| vec![port(number)]))
        .set_command(list(&content.command))
        .set_entry_point(list(&content.entrypoint))
        .set_environment(Some(environment).filter(|pairs| !pairs.is_empty()))
        .set_secrets(Some(secrets).filter(|secrets| !secrets.is_empty()))
        .set_health_check(check.transpose()?)
        .stop_timeout(content.stop_timeout)
        .log_configuration(log.build().map_err(bug)?);
    Ok(definition.build())
}

/// Fargate's part of a register call: the only launch type there is here.
#[must_use]
pub fn platform(content: &Content) -> (NetworkMode, Compatibility, RuntimePlatform) {
    let platform = RuntimePlatform::builder().cpu_architecture(CpuArchitecture::from(&*content.architecture));
    (NetworkMode::Awsvpc, Compatibility::Fargate, platform.operating_system_family(OsFamily::Linux).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        Content {
            container: "api".into(),
            image: "nginx:1".into(),
            cpu: "512".into(),
            memory: "1024".into(),
            architecture: "X86_64".into(),
            port: Some(3000),
            command: vec!["serve".into()],
            entrypoint: vec![],
            environment: [("A".to_owned(), Given::Text("1".to_owned()))].into(),
            secrets: [("KEY".to_owned(), SecretFrom::Named("arn:secret".to_owned()))].into(),
            health_check: Some(ContainerHealth { command: vec!["CMD".into(), "true".into()], interval: 30, retries: 3, start_period: 0 }),
            stop_timeout: 30,
            others: Unordered::default(),
        }
    }

    fn read_back(change: impl FnOnce(&mut ContainerDefinition)) -> Content {
        let content = content();
        let mut container = container(&content, "/mrctl/shop/api", "eu-west-1").unwrap();
        change(&mut container);
        let (mode, _, platform) = platform(&content);
        let definition = types::TaskDefinition::builder().cpu("512").memory("1024").network_mode(mode).runtime_platform(platform);
        shown(&definition.container_definitions(container).build()).content
    }

    fn differs(found: &Content) -> bool {
        serde_json::to_value(found).unwrap() != serde_json::to_value(content()).unwrap()
    }

    #[test]
    fn what_aws_adds_by_itself_is_no_difference() {
        let found = read_back(|container| {
            container.mount_points = Some(vec![]);
            container.volumes_from = Some(vec![]);
            container.system_controls = Some(vec![]);
            container.stop_timeout = None;
            container.health_check = container.health_check.clone().map(|mut check| {
                (check.timeout, check.interval, check.retries, check.start_period) = (Some(5), None, None, None);
                check
            });
        });
        assert!(!differs(&found), "{found:?}");
    }

    #[test]
    fn what_somebody_else_added_is_one() {
        assert!(differs(&read_back(|container| container.image = Some("nginx:2".into()))));
        assert!(differs(&read_back(|container| container.environment = None)));
        let found = read_back(|container| container.readonly_root_filesystem = Some(true));
        assert_eq!(found.others.0, ["read_only_root_filesystem"]);
    }
}
