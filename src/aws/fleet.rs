//! The clients of every region.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_config::SdkConfig;

use crate::resource::Region;

/// The clients of one region. Cheap to clone.
#[derive(Clone)]
pub struct Clients {
    pub ec2: aws_sdk_ec2::Client,
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub tagging: aws_sdk_resourcegroupstagging::Client,
    pub sts: aws_sdk_sts::Client,
}

/// Clients, made for a region when they are first asked for. There is none without a region.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    config: SdkConfig,
    clients: Mutex<BTreeMap<Region, Clients>>,
}

impl Fleet {
    /// Clients that share credentials, retries, time-outs and the HTTP client of `config`; only the region differs.
    #[must_use]
    pub fn new(config: SdkConfig) -> Self {
        Self(Arc::new(Inner { config, clients: Mutex::default() }))
    }

    /// The clients of a region.
    #[must_use]
    pub fn region(&self, region: &Region) -> Clients {
        let mut clients = self.0.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let make = || {
            let config = self.0.config.to_builder().region(aws_config::Region::new(region.as_str().to_owned())).build();
            Clients {
                ec2: aws_sdk_ec2::Client::new(&config),
                dynamodb: aws_sdk_dynamodb::Client::new(&config),
                tagging: aws_sdk_resourcegroupstagging::Client::new(&config),
                sts: aws_sdk_sts::Client::new(&config),
            }
        };
        clients.entry(region.clone()).or_insert_with(make).clone()
    }

    /// A fleet that can reach nothing: for planning offline and for kinds that are not AWS.
    #[must_use]
    pub fn offline() -> Self {
        Self::new(SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build())
    }
}
