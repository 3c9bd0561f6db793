//! The section `services`, and `iam`.
use std::{collections::BTreeMap, time::Duration};

use indexmap::IndexMap;
use ipnet::Ipv4Net;

use crate::resource::Region;

use super::UsesAurora;

/// One entry of `services`.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The regions the service runs in, in rollout order, each with its own settings (`per_region` is merged).
    pub members: IndexMap<Region, ServiceMember>,
}

/// A service in one region. Texts have `{region}`, `{stack}` and `{tables.KEY}` filled in; `{account}` is filled in when the file
/// gives it and otherwise left for `Facts::with_account`.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceMember {
    pub image: Image,
    /// CPU units, 1024 to a vCPU; together with `memory` a pair that Fargate has.
    pub cpu: u32,
    /// MiB.
    pub memory: u32,
    pub architecture: Architecture,
    /// The port the container listens on; nothing: a worker.
    pub port: Option<u16>,
    /// Empty: that of the image.
    pub command: Vec<String>,
    /// Empty: that of the image.
    pub entrypoint: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// By the name of the variable: the ARN or name of a secret in Secrets Manager.
    pub secrets: BTreeMap<String, String>,
    pub tasks: Tasks,
    /// Nothing: the count stays at `tasks.min` until somebody changes it.
    pub scale_on: Option<ScaleOn>,
    /// What the service may do with which table, by the key of the table in the file.
    pub tables: BTreeMap<String, Access>,
    /// The global databases it uses, by their keys in the file.
    pub aurora: BTreeMap<String, UsesAurora>,
    pub load_balancer: LoadBalancer,
    /// Who may call the load balancer.
    pub allow_from: Vec<Ipv4Net>,
    pub health_check: TargetHealthCheck,
    pub container_health_check: Option<ContainerHealthCheck>,
    pub certificate: Certificate,
    /// How long a new task may fail the load balancer's health check. Whole seconds, as all durations here.
    pub grace_period: Duration,
    /// How long a task may take to stop after SIGTERM.
    pub stop_timeout: Duration,
    /// How long a target that goes finishes its requests.
    pub deregistration_delay: Duration,
    pub deployment: Deployment,
    /// Days; nothing: for ever.
    pub log_retention: Option<u32>,
    /// Whether people may open a shell in a task (ECS Exec).
    pub exec: bool,
    /// Container Insights of the cluster that the services of a region share.
    pub container_insights: bool,
    /// Of the load balancer.
    pub deletion_protection: bool,
}

impl ServiceMember {
    /// The port of the tasks that a load balancer sends requests to; nothing when there is none.
    #[must_use]
    pub fn balanced_port(&self) -> Option<u16> {
        self.port.filter(|_| self.load_balancer != LoadBalancer::None)
    }

    /// By what AWS scales the tasks; nothing where the count cannot change.
    #[must_use]
    pub fn scaled(&self) -> Option<ScaleOn> {
        self.scale_on.filter(|_| self.tasks.min < self.tasks.max)
    }
}

/// `image`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub uri: String,
    /// `owner: ci`: the image is only for the first revision; a pipeline deploys later ones, and no plan undoes that.
    pub owned_by_ci: bool,
}

/// `architecture`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    X86_64,
    Arm64,
}

/// `tasks`: what the count may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tasks {
    pub min: u32,
    pub max: u32,
}

/// `scale_on`: the metric that is held at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleOn {
    /// Average CPU of all tasks, percent.
    Cpu(u32),
    /// Average memory of all tasks, percent.
    Memory(u32),
    /// Requests to each target in a minute.
    RequestsPerTarget(u32),
}

/// `uses.tables.KEY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    ReadWrite,
}

/// `load_balancer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadBalancer {
    /// Internet-facing, in the public subnets.
    Public,
    /// In the private subnets.
    Internal,
    None,
}

/// `health_check` of a service: how its load balancer asks the tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetHealthCheck {
    pub path: String,
    pub interval: Duration,
    pub timeout: Duration,
    /// Good answers in a row until a target counts as healthy.
    pub healthy: u32,
    /// Bad answers in a row until it counts as unhealthy.
    pub unhealthy: u32,
    /// HTTP codes that are good, for example `200-299`.
    pub codes: String,
}

/// `container_health_check`: what ECS runs inside the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerHealthCheck {
    /// As ECS takes it: begins with `CMD` or `CMD-SHELL`.
    pub command: Vec<String>,
    pub interval: Duration,
    pub retries: u32,
    pub start_period: Duration,
}

/// `certificate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// ACM, for the names of the records that use the service.
    Managed,
    /// The ARN of a certificate of the member's region.
    Arn(String),
    /// HTTP.
    None,
}

/// `deployment`: how many tasks may run while a new revision comes, in percent of the wanted count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deployment {
    pub minimum_healthy: u32,
    pub maximum: u32,
}

/// The section `iam`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Iam {
    /// Before the stack's own part of the path: `/mrctl/`; roles are under `<path><stack>/`.
    pub path: String,
    /// The ARN of a policy that bounds every role mrctl makes.
    pub permissions_boundary: Option<String>,
}

impl Default for Iam {
    fn default() -> Self {
        Self { path: "/mrctl/".to_owned(), permissions_boundary: None }
    }
}
