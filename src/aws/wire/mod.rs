//! The one place that every AWS call of a region passes.
//!
//! In: a signed request of an SDK client, one attempt at a time. Out: AWS's answer. On the way the call is named, counted, held
//! back when too many of its service are in flight, recorded for tests, and, against a sandbox, made to fail on request.
mod call;
mod meter;
pub mod rest;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_http_client::{Builder, ConnectorBuilder, proxy::ProxyConfig, tls};
use aws_smithy_runtime_api::client::{
    connector_metadata::ConnectorMetadata,
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
pub use call::{Call, Protocol, is_mutating};
pub use meter::{Counted, Meter, Recorder};
use tokio::sync::Semaphore;

use super::inject::Injector;
use crate::resource::Region;

/// Calls in flight for one service of one region, unless told otherwise. AWS's smallest buckets refill at a few calls a second;
/// more at once only trades waiting here for throttling there.
pub const IN_FLIGHT: usize = 8;

/// The HTTP stack that SDK clients have by default. `through_proxy`: obey the proxy variables as the SDK does, which has no place
/// between mrctl and a sandbox.
#[must_use]
pub fn http_client(through_proxy: bool) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = ConnectorBuilder::default().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc));
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.set_proxy_config(Some(if through_proxy { ProxyConfig::from_env() } else { ProxyConfig::disabled() }));
        builder.build()
    })
}

/// What every client's HTTP goes through. Cheap to clone; clones share counts and limits.
#[derive(Clone, Debug)]
pub struct Wire {
    inner: SharedHttpClient,
    meter: Meter,
    recorder: Option<Recorder>,
    injector: Option<Injector>,
    limits: Arc<Limits>,
}

#[derive(Debug)]
struct Limits {
    in_flight: usize,
    gates: Mutex<BTreeMap<(Region, String), Arc<Semaphore>>>,
}

impl Limits {
    fn gate(&self, call: &Call) -> Arc<Semaphore> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (call.region.clone(), call.service.clone());
        gates.entry(key).or_insert_with(|| Arc::new(Semaphore::new(self.in_flight))).clone()
    }
}

impl Wire {
    /// A wire over the SDK's HTTP stack; see [`http_client`].
    #[must_use]
    pub fn new(through_proxy: bool) -> Self {
        Self::over(http_client(through_proxy))
    }

    /// A wire over any HTTP client: a fake in a test, or a stricter AWS in front of the sandbox.
    #[must_use]
    pub fn over(inner: SharedHttpClient) -> Self {
        let limits = Arc::new(Limits { in_flight: IN_FLIGHT, gates: Mutex::default() });
        Self { inner, meter: Meter::default(), recorder: None, injector: None, limits }
    }

    /// The same wire, with another limit on calls in flight per region and service.
    #[must_use]
    pub fn with_in_flight(mut self, calls: usize) -> Self {
        self.limits = Arc::new(Limits { in_flight: calls, gates: Mutex::default() });
        self
    }

    /// The same wire, which makes calls fail as `injector` says.
    #[must_use]
    pub fn with_injector(mut self, injector: Injector) -> Self {
        self.injector = Some(injector);
        self
    }

    /// The same wire, which writes every call down.
    #[must_use]
    pub fn with_recorder(mut self, recorder: Recorder) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// The counts of everything that passed.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The HTTP client for clients of one region; what passes through it is counted there.
    #[must_use]
    pub fn for_region(&self, region: &Region) -> SharedHttpClient {
        SharedHttpClient::new(RegionClient { wire: self.clone(), region: region.clone() })
    }
}

#[derive(Debug)]
struct RegionClient {
    wire: Wire,
    region: Region,
}

impl HttpClient for RegionClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.wire.inner.http_connector(settings, components);
        SharedHttpConnector::new(RegionConnector { wire: self.wire.clone(), region: self.region.clone(), inner })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.wire.inner.connector_metadata()
    }
}

#[derive(Debug)]
struct RegionConnector {
    wire: Wire,
    region: Region,
    inner: SharedHttpConnector,
}

impl HttpConnector for RegionConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (wire, inner) = (self.wire.clone(), self.inner.clone());
        let call = Call::read(&self.region, &request);
        HttpConnectorFuture::new(async move {
            // The permit lives until the answer is there; a caller that gives up drops this future and with it the permit.
            let gate = wire.limits.gate(&call);
            let _permit = gate.acquire().await.map_err(|closed| ConnectorError::other(closed.into(), None))?;
            wire.meter.count(&call);
            if let Some(recorder) = &wire.recorder {
                recorder.note(&call);
            }
            tracing::debug!(region = %call.region, service = call.service, operation = call.operation, "call");
            match &wire.injector {
                Some(injector) => injector.around(&call, request, inner).await,
                None => inner.call(request).await,
            }
        })
    }
}
