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

    /// A fleet that can reach nothing: for planning offline and for kinds that are not AWS.
    #[must_use]
    pub fn offline() -> Self {
        Self::new(SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build())
    }
}
