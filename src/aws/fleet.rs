//! The clients of every region, and how patient they are.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_ec2::config::{Credentials, SharedCredentialsProvider, retry::RetryPartition};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::HttpRequest,
    result::ConnectorError,
};

use super::{
    connect::endpoints_are_loopback,
    pace::{DNS_BURST, ENDPOINT_BURST, EXPIRY_BURST, EXPIRY_EVERY, Pace},
    wire::{Meter, Wire},
    zone::{Zone, Zones},
};
use crate::resource::{Region, Timing};

/// The clients of one region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clients {
    pub ec2: aws_sdk_ec2::Client,
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub tagging: aws_sdk_resourcegroupstagging::Client,
    pub sts: aws_sdk_sts::Client,
    pub autoscaling: aws_sdk_applicationautoscaling::Client,
    pub quotas: aws_sdk_servicequotas::Client,
    pub ecs: aws_sdk_ecs::Client,
    pub load_balancing: aws_sdk_elasticloadbalancingv2::Client,
    /// IAM has one endpoint for all regions of a partition; who asks still has a region, so that a silent one costs its own answers only.
    pub iam: aws_sdk_iam::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub certificates: aws_sdk_acm::Client,
    pub rds: aws_sdk_rds::Client,
    pub secrets: aws_sdk_secretsmanager::Client,
    pub sns: aws_sdk_sns::Client,
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// Route 53 has one endpoint, like IAM.
    pub route53: aws_sdk_route53::Client,
}

/// Clients, made for a region when they are first asked for. There is none without a region.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    config: SdkConfig,
    wire: Wire,
    timing: Timing,
    clients: Mutex<BTreeMap<Region, Clients>>,
    endpoints: Pace,
    expiry: Pace,
    dns: Pace,
    zones: Zones,
}

impl Inner {
    fn new(config: SdkConfig, wire: Wire, timing: Timing) -> Self {
        Self {
            config,
            wire,
            timing,
            clients: Mutex::default(),
            endpoints: Pace::new(ENDPOINT_BURST, timing.endpoint_every),
            expiry: Pace::new(EXPIRY_BURST, EXPIRY_EVERY),
            dns: Pace::new(DNS_BURST, timing.dns_every),
            zones: Zones::default(),
        }
    }
}

/// Three attempts with short pauses: what takes longer than a hiccup is the engine's to wait for, where the user sees it.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(200)).with_max_backoff(Duration::from_secs(3))
}

/// A region that hangs is known within 20 s, so that a plan over a dead region ends within 30 s.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .read_timeout(Duration::from_secs(10))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(20))
        .build()
}

/// One service's client. The generated builders share no trait, so a macro says once what all have in common.
macro_rules! client {
    ($service:ident, $config:expr, $wire:expr, $region:expr) => {{
        let config = $service::config::Builder::from($config)
            .region($service::config::Region::new($region.as_str().to_owned()))
            .http_client($wire.for_region($region))
            .retry_config(retries())
            .timeout_config(timeouts())
            // Retries draw on a bucket per partition: a region in trouble must not use up those of the others.
            .retry_partition(RetryPartition::new(format!("{} {}", stringify!($service), $region)))
            .build();
        $service::Client::from_conf(config)
    }};
}

impl Fleet {
    /// Clients that share the credentials and endpoints of `config`; the region differs, retries and time-outs are mrctl's own,
    /// and every call goes through `wire`.
    #[must_use]
    pub fn new(config: SdkConfig, wire: Wire) -> Self {
        let timing = Timing::of(endpoints_are_loopback(&config));
        Self(Arc::new(Inner::new(config, wire, timing)))
    }

    /// The same clients with another patience. For tests.
    #[must_use]
    pub fn with_timing(&self, timing: Timing) -> Self {
        Self(Arc::new(Inner::new(self.0.config.clone(), self.0.wire.clone(), timing)))
    }

    /// A fleet that can reach nothing: for planning offline and for kinds that are not AWS.
    #[must_use]
    pub fn offline() -> Self {
        let credentials = Credentials::new("offline", "offline", None, None, "offline");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let nothing = SharedHttpConnector::new(Nothing);
        Self::new(config, Wire::over(http_client_fn(move |_, _| nothing.clone())))
    }

    /// The clients of one region.
    #[must_use]
    pub fn region(&self, region: &Region) -> Clients {
        let Inner { config, wire, clients, .. } = &*self.0;
        let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Clients {
            ec2: client!(aws_sdk_ec2, config, wire, region),
            dynamodb: client!(aws_sdk_dynamodb, config, wire, region),
            tagging: client!(aws_sdk_resourcegroupstagging, config, wire, region),
            sts: client!(aws_sdk_sts, config, wire, region),
            autoscaling: client!(aws_sdk_applicationautoscaling, config, wire, region),
            quotas: client!(aws_sdk_servicequotas, config, wire, region),
            ecs: client!(aws_sdk_ecs, config, wire, region),
            load_balancing: client!(aws_sdk_elasticloadbalancingv2, config, wire, region),
            iam: client!(aws_sdk_iam, config, wire, region),
            logs: client!(aws_sdk_cloudwatchlogs, config, wire, region),
            certificates: client!(aws_sdk_acm, config, wire, region),
            rds: client!(aws_sdk_rds, config, wire, region),
            secrets: client!(aws_sdk_secretsmanager, config, wire, region),
            sns: client!(aws_sdk_sns, config, wire, region),
            cloudwatch: client!(aws_sdk_cloudwatch, config, wire, region),
            route53: client!(aws_sdk_route53, config, wire, region),
        };
        clients.entry(region.clone()).or_insert_with(make).clone()
    }

    /// Waits until EC2 takes another call that makes, changes or removes a VPC endpoint in this region.
    pub async fn endpoint_turn(&self, region: &Region) {
        self.0.endpoints.turn(region).await;
    }

    /// Waits until a read of TTL in that region fits into what DynamoDB lets through.
    pub async fn expiry_turn(&self, region: &Region) {
        self.0.expiry.turn(region).await;
    }

    /// The client of Route 53 for a region, as soon as it takes another call: its limit is one for the account.
    pub async fn route53(&self, region: &Region) -> aws_sdk_route53::Client {
        self.dns_turn().await;
        self.region(region).route53
    }

    /// Waits until Route 53 takes another call from this account.
    pub async fn dns_turn(&self) {
        self.0.dns.turn(&Region::new("everywhere")).await;
    }

    /// What is under way in a hosted zone: one for all who change it in this run.
    #[must_use]
    pub fn zone(&self, id: &str) -> Arc<Zone> {
        self.0.zones.of(id)
    }

    /// How often what was called.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        self.0.wire.meter()
    }

    /// How long to wait where AWS gives no signal.
    #[must_use]
    pub fn timing(&self) -> Timing {
        self.0.timing
    }
}

/// The network of a fleet that is offline.
#[derive(Debug)]
struct Nothing;

impl HttpConnector for Nothing {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Err(ConnectorError::user("mrctl is working offline".into())))
    }
}
