//! Faults on request: what a lost region, a lost answer or a lost process does to a run, without waiting for one.
//!
//! In: `--inject SPEC` and each call. Out: the call's answer, or a fault that looks like AWS's own. Only against loopback
//! endpoints: that is checked when mrctl connects, and again here for each request.
mod spec;

use std::{
    collections::HashMap,
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
pub use spec::{At, Down, NotASpec, Side, Spec};

use super::{
    connect::is_loopback,
    wire::{Call, Protocol},
};

/// What "the process is killed" means. In a test: note that it happened, then drop the run.
#[derive(Clone)]
pub struct Killer(Arc<dyn Fn() + Send + Sync>);

impl Killer {
    /// Runs `kill` instead of killing. From then on no call of the injector is sent or answered, as if the process were gone.
    #[must_use]
    pub fn new(kill: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(kill))
    }
}

impl Default for Killer {
    /// Kills this process the way nothing can catch.
    fn default() -> Self {
        Self::new(|| {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            // Only reached where a process may not signal itself.
            std::process::abort()
        })
    }
}

impl fmt::Debug for Killer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Killer")
    }
}

/// Makes calls fail as a specification says. Clones count together.
#[derive(Clone, Debug)]
pub struct Injector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    spec: Spec,
    killer: Killer,
    mutating: AtomicU64,
    /// How many calls of each operation there were.
    operations: Mutex<HashMap<String, u64>>,
    killed: AtomicBool,
    random: Mutex<fastrand::Rng>,
}

impl Injector {
    /// An injector that really kills the process where the specification says so.
    #[must_use]
    pub fn new(spec: Spec) -> Self {
        Self::with_killer(spec, Killer::default())
    }

    /// An injector with a kill of the caller's choice.
    #[must_use]
    pub fn with_killer(spec: Spec, killer: Killer) -> Self {
        let random = Mutex::new(fastrand::Rng::with_seed(spec.seed));
        Self(Arc::new(Inner {
            spec,
            killer,
            mutating: AtomicU64::new(0),
            operations: Mutex::default(),
            killed: AtomicBool::new(false),
            random,
        }))
    }

    /// How many mutating calls were numbered so far.
    #[must_use]
    pub fn mutating_calls(&self) -> u64 {
        self.0.mutating.load(Ordering::SeqCst)
    }

    /// Sends a call through `inner`, or lets it fail.
    ///
    /// # Errors
    /// The injected ones, and those of `inner`.
    pub(super) async fn around(
        &self,
        call: &Call,
        request: HttpRequest,
        inner: SharedHttpConnector,
    ) -> Result<HttpResponse, ConnectorError> {
        if !is_loopback(request.uri()) {
            return Err(ConnectorError::user(format!("faults are injected only into local endpoints, not into {}", request.uri()).into()));
        }
        self.end_if_killed().await;
        if !self.0.spec.delay.is_zero() {
            tokio::time::sleep(self.0.spec.delay).await;
        }
        match self.0.spec.down.iter().find(|(region, _)| *region == call.region) {
            Some((_, Down::Hang)) => std::future::pending::<()>().await,
            Some((_, Down::Refuse)) => {
                return Err(ConnectorError::io(io::Error::from(io::ErrorKind::ConnectionRefused).into()).never_connected());
            }
            Some((_, Down::Unavailable)) => return answer(call, 503, "ServiceUnavailable", "the service is unavailable"),
            None => {}
        }
        // Numbered only when the region is there at all: the numbers then do not depend on how often a dead region is tried.
        let here = self.number(call);
        if self.throttled() {
            return throttle(call);
        }
        if self.0.spec.broken.iter().any(|at| here.is(at)) {
            return answer(
                call,
                500,
                if matches!(call.protocol, Protocol::Json | Protocol::Cbor) { "InternalServerError" } else { "InternalError" },
                "an internal error occurred",
            );
        }
        self.kill_at(&here, Side::Before).await;
        let answered = inner.call(request).await;
        self.end_if_killed().await;
        self.kill_at(&here, Side::After).await;
        if self.0.spec.lost.iter().any(|at| here.is(at)) {
            return Err(ConnectorError::io(io::Error::from(io::ErrorKind::ConnectionReset).into()));
        }
        answered
    }

    fn throttled(&self) -> bool {
        let share = self.0.spec.throttle;
        share > 0.0 && self.0.random.lock().unwrap_or_else(PoisonError::into_inner).f64() < share
    }

    fn number<'a>(&self, call: &'a Call) -> Here<'a> {
        let number = if call.mutating { self.0.mutating.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
        let mut operations = self.0.operations.lock().unwrap_or_else(PoisonError::into_inner);
        let of_operation = operations.entry(call.operation.clone()).or_default();
        *of_operation += 1;
        Here { number, operation: &call.operation, of_operation: *of_operation }
    }

    async fn kill_at(&self, here: &Here<'_>, side: Side) {
        if self.0.spec.kills.iter().any(|(at, on)| *on == side && here.is(at)) {
            self.0.killed.store(true, Ordering::SeqCst);
            (self.0.killer.0)();
        }
        self.end_if_killed().await;
    }

    /// A killed process neither sends nor reads anything more. Only seen with a killer that leaves the process alive.
    async fn end_if_killed(&self) {
        if self.0.killed.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

/// Where a run is: the number of a mutating call (zero of another one), and the number among those of its operation.
struct Here<'a> {
    number: u64,
    operation: &'a str,
    of_operation: u64,
}

impl Here<'_> {
    fn is(&self, at: &At) -> bool {
        match at {
            At::Number(number) => *number == self.number,
            At::Operation(operation, of) => operation == self.operation && *of == self.of_operation,
        }
    }
}

/// Each service's own way to say "too fast".
fn throttle(call: &Call) -> Result<HttpResponse, ConnectorError> {
    match (call.service.as_str(), call.protocol) {
        ("ec2", _) => answer(call, 503, "RequestLimitExceeded", "Request limit exceeded."),
        (_, Protocol::Json) => answer(call, 400, "ThrottlingException", "Rate exceeded"),
        _ => answer(call, 400, "Throttling", "Rate exceeded"),
    }
}

/// An error answer in the service's own format.
fn answer(call: &Call, status: u16, code: &str, message: &str) -> Result<HttpResponse, ConnectorError> {
    let (kind, body) = match call.protocol {
        Protocol::Json => ("application/x-amz-json-1.0", format!(r#"{{"__type":"injected#{code}","message":"{message}"}}"#)),
        Protocol::Cbor => ("application/cbor", String::new()),
        Protocol::Ec2 => (
            "text/xml",
            format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>injected</RequestID></Response>"
            ),
        ),
        Protocol::Xml => (
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>injected</RequestId></ErrorResponse>"
            ),
        ),
    };
    let status = status.try_into().map_err(|wrong: aws_smithy_runtime_api::http::HttpError| ConnectorError::other(wrong.into(), None))?;
    let is_cbor = call.protocol == Protocol::Cbor;
    let body = if is_cbor { SdkBody::from(cbor(code, message)) } else { SdkBody::from(body) };
    let mut response = HttpResponse::new(status, body);
    response.headers_mut().insert("content-type", kind);
    if is_cbor {
        response.headers_mut().insert("smithy-protocol", "rpc-v2-cbor");
    }
    Ok(response)
}

/// A map of two texts of less than 64 KiB (RFC 8949).
fn cbor(code: &str, message: &str) -> Vec<u8> {
    let mut out = vec![0xa2];
    for text in ["__type", &format!("injected#{code}"), "message", message] {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        out.push(0x79);
        out.extend(length.to_be_bytes());
        out.extend(text.bytes().take(usize::from(length)));
    }
    out
}

#[cfg(test)]
mod tests;
