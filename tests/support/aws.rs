//! AWS as anyone sees it: plain SDK clients, nothing of mrctl between them and the local AWS.
use std::{future::Future, sync::OnceLock};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_applicationautoscaling::types::ServiceNamespace;
use aws_sdk_cloudwatch::types::AlarmType;
use aws_sdk_ec2::types::{Filter, NatGatewayState, VpcPeeringConnectionStateReasonCode};
use aws_sdk_ecs::types::TaskDefinitionStatus;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::runtime::Runtime;

use super::sandbox::running;

/// Runs on the one runtime that all these clients share with their connections.
pub fn block_on<F: Future>(future: F) -> F::Output {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap()).block_on(future)
}

/// Made once: each reads the machine's certificates, which takes longer than a test.
pub fn http() -> SharedHttpClient {
    static HTTP: OnceLock<SharedHttpClient> = OnceLock::new();
    HTTP.get_or_init(|| mrctl::aws::wire::http_client(false)).clone()
}

/// The clients of one region.
pub struct Aws {
    pub region: String,
    pub ec2: aws_sdk_ec2::Client,
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub autoscaling: aws_sdk_applicationautoscaling::Client,
    pub route53: aws_sdk_route53::Client,
    pub ecs: aws_sdk_ecs::Client,
    pub load_balancing: aws_sdk_elasticloadbalancingv2::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub iam: aws_sdk_iam::Client,
    pub certificates: aws_sdk_acm::Client,
    pub topics: aws_sdk_sns::Client,
    pub cloudwatch: aws_sdk_cloudwatch::Client,
}

impl Aws {
    pub fn new(account: &str, region: &str) -> Self {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&running().endpoint)
            .http_client(http())
            .region(aws_config::Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(account, "sandbox", None, None, "tests")))
            .build();
        let at = |name: &str| config.to_builder().endpoint_url(running().endpoint_of(name)).build();
        Self {
            region: region.to_owned(),
            ec2: aws_sdk_ec2::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            autoscaling: aws_sdk_applicationautoscaling::Client::new(&at("Application Auto Scaling")),
            route53: aws_sdk_route53::Client::new(&at("Route 53")),
            ecs: aws_sdk_ecs::Client::new(&config),
            load_balancing: aws_sdk_elasticloadbalancingv2::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            certificates: aws_sdk_acm::Client::new(&config),
            topics: aws_sdk_sns::Client::new(&config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
        }
    }

    /// Everything there that AWS did not put there itself, and every part of a network that carries a mark. What has gone keeps
    /// its tags for a while, so the tags alone say nothing.
    pub async fn leftovers(&self) -> Vec<String> {
        let marked = || Filter::builder().name("tag-key").values("mrctl:stack").build();
        let (addresses, groups, endpoints) = tokio::join!(
            self.ec2.describe_addresses().send(),
            self.ec2.describe_security_groups().filters(marked()).send(),
            self.ec2.describe_vpc_endpoints().send(),
        );
        let (translators, peerings) =
            tokio::join!(self.ec2.describe_nat_gateways().send(), self.ec2.describe_vpc_peering_connections().send());
        let (vpcs, subnets, gateways, routes, tables) = tokio::join!(
            self.ec2.describe_vpcs().send(),
            self.ec2.describe_subnets().filters(marked()).send(),
            self.ec2.describe_internet_gateways().filters(marked()).send(),
            self.ec2.describe_route_tables().filters(marked()).send(),
            self.dynamodb.list_tables().send(),
        );
        let own = vpcs.unwrap().vpcs.unwrap_or_default().into_iter().filter(|vpc| vpc.is_default() != Some(true));
        let mut left: Vec<Option<String>> = own.map(|vpc| vpc.vpc_id).collect();
        left.extend(subnets.unwrap().subnets.unwrap_or_default().into_iter().map(|subnet| subnet.subnet_id));
        left.extend(gateways.unwrap().internet_gateways.unwrap_or_default().into_iter().map(|gateway| gateway.internet_gateway_id));
        left.extend(routes.unwrap().route_tables.unwrap_or_default().into_iter().map(|table| table.route_table_id));
        left.extend(addresses.unwrap().addresses.unwrap_or_default().into_iter().map(|address| address.allocation_id));
        left.extend(groups.unwrap().security_groups.unwrap_or_default().into_iter().map(|group| group.group_id));
        left.extend(endpoints.unwrap().vpc_endpoints.unwrap_or_default().into_iter().map(|endpoint| endpoint.vpc_endpoint_id));
        let translators = translators.unwrap().nat_gateways.unwrap_or_default().into_iter();
        let alive = translators.filter(|gateway| gateway.state() != Some(&NatGatewayState::Deleted));
        left.extend(alive.map(|gateway| gateway.nat_gateway_id));
        let peerings = peerings.unwrap().vpc_peering_connections.unwrap_or_default().into_iter();
        let is_gone = |code: &VpcPeeringConnectionStateReasonCode| *code == VpcPeeringConnectionStateReasonCode::Deleted;
        let alive = peerings.filter(|one| !one.status().and_then(|status| status.code()).is_some_and(is_gone));
        left.extend(alive.map(|connection| connection.vpc_peering_connection_id));
        left.extend(self.scaling().await.into_iter().map(Some));
        let both = [AlarmType::MetricAlarm, AlarmType::CompositeAlarm].to_vec();
        let alarms = self.cloudwatch.describe_alarms().set_alarm_types(Some(both)).max_records(100).send().await.unwrap();
        left.extend(alarms.metric_alarms.unwrap_or_default().into_iter().map(|alarm| alarm.alarm_arn));
        left.extend(alarms.composite_alarms.unwrap_or_default().into_iter().map(|alarm| alarm.alarm_arn));
        left.extend(self.serving().await.into_iter().map(Some));
        left.extend(self.told().await.into_iter().map(Some));
        left.extend(tables.unwrap().table_names.unwrap_or_default().into_iter().map(Some));
        left.into_iter().map(|id| format!("{}: {}", self.region, id.unwrap_or_default())).collect()
    }

    /// A public zone that is there before any stack, as `dns.zone` expects it; its id.
    pub async fn make_zone(&self, name: &str) -> String {
        let reference = format!("test-{:016x}", fastrand::u64(..));
        let made = self.route53.create_hosted_zone().name(name).caller_reference(reference).send().await.unwrap();
        made.hosted_zone().unwrap().id().trim_start_matches("/hostedzone/").to_owned()
    }

    /// Every record, health check, hosted zone and dashboard of the account.
    pub async fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for zone in self.route53.list_hosted_zones().send().await.unwrap().hosted_zones() {
            let sets = self.route53.list_resource_record_sets().hosted_zone_id(zone.id()).send().await.unwrap();
            names.extend(sets.resource_record_sets().iter().map(|set| format!("{} {:?}", set.name(), set.set_identifier())));
            names.push(zone.id().to_owned());
        }
        let checks = self.route53.list_health_checks().send().await.unwrap();
        names.extend(checks.health_checks().iter().map(|check| check.id().to_owned()));
        let dashboards = self.cloudwatch.list_dashboards().send().await.unwrap();
        names.extend(dashboards.dashboard_entries().iter().filter_map(|one| one.dashboard_arn().map(str::to_owned)));
        names
    }

    /// Topics, and who is subscribed to them.
    async fn told(&self) -> Vec<String> {
        let topics = self.topics.list_topics().send().await.unwrap().topics.unwrap_or_default();
        let subscriptions = self.topics.list_subscriptions().send().await.unwrap().subscriptions.unwrap_or_default();
        let topics = topics.into_iter().filter_map(|topic| topic.topic_arn);
        topics.chain(subscriptions.into_iter().filter_map(|one| one.endpoint)).collect()
    }

    /// Load balancers and their listeners, target groups, certificates, clusters and their services, task definitions, log groups
    /// and roles of the region. What ECS shows of a service or a revision after it is gone is left out.
    async fn serving(&self) -> Vec<String> {
        let Self { ecs, load_balancing, logs, iam, certificates, .. } = self;
        let (balancers, groups, certificates) = tokio::join!(
            load_balancing.describe_load_balancers().send(),
            load_balancing.describe_target_groups().send(),
            certificates.list_certificates().send(),
        );
        let (clusters, revisions, former, logs, roles) = tokio::join!(
            ecs.list_clusters().send(),
            ecs.list_task_definitions().status(TaskDefinitionStatus::Active).send(),
            ecs.list_task_definitions().status(TaskDefinitionStatus::Inactive).send(),
            logs.describe_log_groups().log_group_name_prefix("/mrctl/").send(),
            iam.list_roles().path_prefix("/mrctl/").send(),
        );
        let mut left: Vec<Option<String>> = Vec::new();
        for balancer in balancers.unwrap().load_balancers.unwrap_or_default() {
            let listeners = load_balancing.describe_listeners().set_load_balancer_arn(balancer.load_balancer_arn).send().await.unwrap();
            left.extend(listeners.listeners.unwrap_or_default().into_iter().map(|one| one.listener_arn));
            left.push(balancer.load_balancer_name);
        }
        for cluster in clusters.unwrap().cluster_arns.unwrap_or_default() {
            let services = ecs.list_services().cluster(&cluster).send().await.unwrap();
            left.extend(services.service_arns.unwrap_or_default().into_iter().map(Some));
            left.push(Some(cluster));
        }
        left.extend(groups.unwrap().target_groups.unwrap_or_default().into_iter().map(|one| one.target_group_name));
        left.extend(certificates.unwrap().certificate_summary_list.unwrap_or_default().into_iter().map(|one| one.certificate_arn));
        for revisions in [revisions, former] {
            left.extend(revisions.unwrap().task_definition_arns.unwrap_or_default().into_iter().map(Some));
        }
        left.extend(logs.unwrap().log_groups.unwrap_or_default().into_iter().map(|one| one.log_group_name));
        let roles = roles.unwrap().roles.into_iter().map(|role| role.role_name);
        left.extend(roles.filter(|name| name.contains(&self.region)).map(Some));
        left.into_iter().flatten().collect()
    }

    /// What scales tables: `table/shop-Orders dynamodb:table:ReadCapacityUnits 5-100` of a target, and a policy with its name. What
    /// scales services likewise.
    pub async fn scaling(&self) -> Vec<String> {
        let (mut tables, services) = tokio::join!(self.scaling_of(ServiceNamespace::Dynamodb), self.scaling_of(ServiceNamespace::Ecs));
        tables.extend(services);
        tables
    }

    async fn scaling_of(&self, namespace: ServiceNamespace) -> Vec<String> {
        let targets = self.autoscaling.describe_scalable_targets().service_namespace(namespace.clone()).into_paginator();
        let policies = self.autoscaling.describe_scaling_policies().service_namespace(namespace).into_paginator();
        let (targets, policies) =
            tokio::join!(targets.items().send().collect::<Result<Vec<_>, _>>(), policies.items().send().collect::<Result<Vec<_>, _>>(),);
        let targets = targets
            .unwrap()
            .into_iter()
            .map(|one| format!("{} {} {}-{}", one.resource_id(), one.scalable_dimension(), one.min_capacity(), one.max_capacity()));
        let policies = policies.unwrap().into_iter().map(|one| {
            let tracking = one.target_tracking_scaling_policy_configuration().map_or(0.0, |tracking| tracking.target_value());
            format!("{} {} {} {tracking}", one.resource_id(), one.scalable_dimension(), one.policy_name())
        });
        targets.chain(policies).collect()
    }
}
