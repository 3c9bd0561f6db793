//! What was called: how often, and in tests in which order and with what.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Call;
use crate::resource::Region;

/// What calls are counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counted {
    pub region: Region,
    pub service: String,
    pub operation: String,
}

/// Calls on the wire, each attempt counted, those that a fault was injected into as well. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<BTreeMap<Counted, u64>>>);

impl Meter {
    pub(super) fn count(&self, call: &Call) {
        let key = Counted { region: call.region.clone(), service: call.service.clone(), operation: call.operation.clone() };
        *lock(&self.0).entry(key).or_default() += 1;
    }

    /// All counts so far, sorted by region, service and operation.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<Counted, u64> {
        lock(&self.0).clone()
    }

    /// Calls by service, over all regions.
    #[must_use]
    pub fn by_service(&self) -> BTreeMap<String, u64> {
        let mut services = BTreeMap::new();
        for (counted, calls) in lock(&self.0).iter() {
            *services.entry(counted.service.clone()).or_default() += calls;
        }
        services
    }

    /// All calls together.
    #[must_use]
    pub fn total(&self) -> u64 {
        lock(&self.0).values().sum()
    }

    /// Calls that may have changed something; the REST ones are told by their method.
    #[must_use]
    pub fn mutating(&self) -> u64 {
        let changes = |operation: &str| match operation.split_once(" /") {
            Some((method, _)) => !matches!(method, "GET" | "HEAD"),
            None => super::is_mutating(operation),
        };
        lock(&self.0).iter().filter(|(counted, _)| changes(&counted.operation)).map(|(_, calls)| calls).sum()
    }
}

/// The calls themselves, in the order in which they went out. For tests: it keeps every body in memory.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Vec<Call>>>);

impl Recorder {
    pub(super) fn note(&self, call: &Call) {
        lock(&self.0).push(call.clone());
    }

    /// Everything recorded so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.0).clone()
    }

    /// Takes what was recorded so far and starts anew.
    #[must_use]
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *lock(&self.0))
    }

    /// Only what may have changed something.
    #[must_use]
    pub fn mutating(&self) -> Vec<Call> {
        lock(&self.0).iter().filter(|call| call.mutating).cloned().collect()
    }
}

/// A count is right after every single step, so one that a panicking task left behind can still be used.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
