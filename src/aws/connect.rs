//! From what the user said and the AWS SDK finds to a fleet.
use std::{net::IpAddr, time::Duration};

use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig,
    environment::EnvironmentVariableRegionProvider,
    meta::region::RegionProviderChain,
    profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider},
    provider_config::ProviderConfig,
};
use aws_credential_types::{Credentials, provider::ProvideCredentials};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use thiserror::Error;

use super::{
    Fleet,
    errors::chain,
    inject::Injector,
    wire::{Recorder, Wire},
};
use crate::sandbox::Running;

/// How long credential providers may take: a device login is done beforehand, the rest are a few calls.
const CREDENTIALS_WITHIN: Duration = Duration::from_secs(20);

/// The services that `Clients` has, by the names under which their endpoints are configured.
const SERVICES: [&str; 12] = [
    "EC2",
    "DynamoDB",
    "Resource Groups Tagging API",
    "STS",
    "Application Auto Scaling",
    "Service Quotas",
    "ECS",
    "Elastic Load Balancing v2",
    "IAM",
    "CloudWatch Logs",
    "ACM",
    "Route 53",
];

/// The variable of an endpoint; with an underscore and a service's name behind it, that of one service.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// Which AWS, as whom, and how badly it behaves.
#[derive(Clone, Debug, Default)]
pub struct Connect {
    /// `--profile`.
    pub profile: Option<String>,
    /// `--endpoint-url`: one endpoint for every service.
    pub endpoint_url: Option<String>,
    /// `--sandbox`: the local AWS, with its account for credentials; goes before all others.
    pub sandbox: Option<Running>,
    /// `--inject`.
    pub inject: Option<Injector>,
    /// Where to write calls down; for tests.
    pub recorder: Option<Recorder>,
}

/// Why there is no AWS to talk to.
#[derive(Debug, Error)]
pub enum NotConnected {
    #[error(
        "no AWS credentials: {0}. Log in (`aws sso login`), name a profile (`--profile`), set AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, or try the local AWS (`--sandbox`)"
    )]
    NoCredentials(String),
    #[error("--inject makes calls fail on purpose and is refused unless every endpoint is on this machine (`--sandbox`)")]
    InjectedIntoRealAws,
    #[error("{0:?} is not an endpoint: write http://HOST:PORT or https://HOST")]
    NotAnEndpoint(String),
}

/// Finds credentials and endpoints the way every AWS tool does, and makes a fleet of them.
///
/// # Errors
/// No credentials, an endpoint that is none, or faults to inject into something that is not local.
pub async fn connect(options: Connect) -> Result<Fleet, NotConnected> {
    let app = AppName::new("mrctl").ok();
    // What region the user's shell stands in is used by credential providers alone (SSO, assumed roles): a fleet has no region, and
    // asking the instance metadata for one costs seconds on every machine that is no instance.
    let shell = EnvironmentVariableRegionProvider::new();
    let profile_region = ProfileFileRegionProvider::builder();
    let profile_region = match &options.profile {
        Some(profile) => profile_region.profile_name(profile).build(),
        None => profile_region.build(),
    };
    let region = RegionProviderChain::first_try(shell).or_else(profile_region).or_else(Region::new("us-east-1"));
    let region = region.region().await;
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region.clone());
    if let Some(app) = app {
        loader = loader.app_name(app);
    }
    if let Some(profile) = &options.profile {
        // Keys in the environment go before a profile in the SDK's own chain. Who names one means it, as with every AWS tool: it may
        // be another account.
        let provider = ProfileFileCredentialsProvider::builder().configure(&ProviderConfig::default().with_region(region));
        loader = loader.profile_name(profile).credentials_provider(provider.profile_name(profile).build());
    }
    if let Some(sandbox) = &options.sandbox {
        loader = loader.credentials_provider(Credentials::new(&sandbox.account, "sandbox", None, None, "sandbox"));
    } else if let Some(endpoint) = &options.endpoint_url {
        if host(endpoint).is_none() {
            return Err(NotConnected::NotAnEndpoint(endpoint.clone()));
        }
        loader = loader.endpoint_url(endpoint);
    }
    let mut config = loader.load().await.into_builder().region(None);
    if let Some(sandbox) = options.sandbox {
        config = config.service_config(Endpoints(sandbox));
    }
    let config = config.build();
    let local = endpoints_are_loopback(&config);
    if options.inject.is_some() && !local {
        return Err(NotConnected::InjectedIntoRealAws);
    }
    prove_credentials(&config).await.map_err(|why| {
        let of_profile = options.profile.as_ref().map_or_else(String::new, |profile| format!("profile `{profile}`: "));
        NotConnected::NoCredentials(of_profile + &why)
    })?;
    // A proxy has no business between mrctl and this machine.
    let mut wire = Wire::new(!local);
    if let Some(injector) = options.inject {
        wire = wire.with_injector(injector);
    }
    if let Some(recorder) = options.recorder {
        wire = wire.with_recorder(recorder);
    }
    Ok(Fleet::new(config, wire))
}

/// The endpoints of a sandbox, in the place of those of the environment and the profile: it has one for some services and one for
/// the rest, and an endpoint said in code would be that of every service.
#[derive(Debug)]
struct Endpoints(Running);

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        (key.env() == ENDPOINT).then(|| self.0.endpoint_of(key.service_id()).to_owned())
    }
}

/// Asks for credentials once, so that their absence is one message and not one for each region and kind.
async fn prove_credentials(config: &SdkConfig) -> Result<(), String> {
    let Some(provider) = config.credentials_provider() else { return Err("nothing provides any".to_owned()) };
    match tokio::time::timeout(CREDENTIALS_WITHIN, provider.provide_credentials()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(why)) => Err(chain(&why)),
        Err(_) => Err(format!("the provider did not answer within {} s", CREDENTIALS_WITHIN.as_secs())),
    }
}

/// Whether every client of a fleet with this configuration talks to this machine only.
///
/// Looks where the clients look: one endpoint said in code, else each service's own (`AWS_ENDPOINT_URL_EC2`, or in the profile),
/// else the one for all (`AWS_ENDPOINT_URL`). A service without any has AWS's own.
#[must_use]
pub fn endpoints_are_loopback(config: &SdkConfig) -> bool {
    let own = |service: &str| {
        if config.get_origin("endpoint_url").is_client_config() {
            return None;
        }
        let key = ServiceConfigKey::builder().service_id(service).env(ENDPOINT).profile("endpoint_url").build().ok()?;
        config.service_config()?.load_config(key)
    };
    SERVICES.iter().all(|service| own(service).as_deref().or(config.endpoint_url()).is_some_and(is_loopback))
}

/// Whether a URL names this machine: `localhost`, `*.localhost`, 127.0.0.0/8 or ::1. Other names may resolve to anything.
pub(super) fn is_loopback(url: &str) -> bool {
    host(url).is_some_and(|host| {
        let host = host.to_ascii_lowercase();
        host == "localhost" || host.ends_with(".localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// The host of an `http` or `https` URL; an IPv6 address without its brackets.
fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host_and_port = authority.rsplit('@').next()?;
    let host = match host_and_port.strip_prefix('[') {
        Some(address) => address.split_once(']')?.0,
        None => host_and_port.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_this_machine_and_nothing_that_looks_like_it() {
        for local in ["http://127.0.0.1:4566", "https://localhost", "http://[::1]:4566/x", "http://127.3.2.1/", "http://s3.localhost:4566"]
        {
            assert!(is_loopback(local), "{local}");
        }
        for remote in [
            "https://ec2.eu-west-1.amazonaws.com",
            "http://127.0.0.1.example.com",
            "http://localhost@example.com/",
            "http://example.com/127.0.0.1",
            "http://0.0.0.0:4566",
            "127.0.0.1:4566",
            "http://",
        ] {
            assert!(!is_loopback(remote), "{remote}");
        }
    }

    #[test]
    fn without_an_endpoint_it_is_the_real_aws() {
        let config = || SdkConfig::builder().behavior_version(BehaviorVersion::latest());
        assert!(!endpoints_are_loopback(&config().build()));
        assert!(endpoints_are_loopback(&config().endpoint_url("http://127.0.0.1:4566").build()));
        assert!(!endpoints_are_loopback(&config().endpoint_url("https://vpce.example.com").build()));
    }
}
