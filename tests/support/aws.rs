//! AWS as anyone sees it: plain SDK clients, nothing of mrctl between them and the local AWS.
use std::{future::Future, sync::OnceLock};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_applicationautoscaling::types::ServiceNamespace;
use aws_sdk_ec2::types::{Filter, NatGatewayState, VpcPeeringConnectionStateReasonCode};
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
        let (ec2, dynamodb) = (aws_sdk_ec2::Client::new(&config), aws_sdk_dynamodb::Client::new(&config));
        let scaling = config.to_builder().endpoint_url(running().endpoint_of("Application Auto Scaling")).build();
        let autoscaling = aws_sdk_applicationautoscaling::Client::new(&scaling);
        Self { region: region.to_owned(), ec2, dynamodb, autoscaling }
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
        left.extend(tables.unwrap().table_names.unwrap_or_default().into_iter().map(Some));
        left.into_iter().map(|id| format!("{}: {}", self.region, id.unwrap_or_default())).collect()
    }

    /// What scales tables: `table/shop-Orders dynamodb:table:ReadCapacityUnits 5-100` of a target, and a policy with its name.
    pub async fn scaling(&self) -> Vec<String> {
        let (targets, policies) = tokio::join!(
            self.autoscaling
                .describe_scalable_targets()
                .service_namespace(ServiceNamespace::Dynamodb)
                .into_paginator()
                .items()
                .send()
                .collect::<Result<Vec<_>, _>>(),
            self.autoscaling
                .describe_scaling_policies()
                .service_namespace(ServiceNamespace::Dynamodb)
                .into_paginator()
                .items()
                .send()
                .collect::<Result<Vec<_>, _>>(),
        );
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
