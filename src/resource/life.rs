//! Where a found thing is in its life, and how the engine waits for it.
use std::time::Duration;

use super::Outputs;

/// A found thing carries its life; what follows from it stands in `plan::decide`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Life {
    /// Being made; AWS's word for it.
    Making(String),
    Ready,
    /// It will not become usable by itself (a failed NAT gateway, an expired peering); AWS's word for it.
    Broken(String),
    /// Being removed; AWS's word for it.
    Leaving(String),
}

/// Where a thing stands now, when asked for it alone.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// Not there yet; what AWS says it is doing.
    Settling(String),
    Ready(Outputs),
    /// Not there: gone, or not visible yet.
    Gone,
    /// It will not become ready; why.
    Failed(String),
}

/// How patient the engine is with a kind.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The longest pause between two looks. The first look is at once, the next after 0.25 s, doubling up to this.
    pub every: Duration,
    /// When to give up waiting until it is ready.
    pub ready: Duration,
    /// When to give up waiting until it is gone.
    pub gone: Duration,
}

impl Patience {
    /// Seconds between looks, minutes until ready, minutes until gone.
    #[must_use]
    pub const fn of(every_seconds: u64, ready_minutes: u64, gone_minutes: u64) -> Self {
        Self {
            every: Duration::from_secs(every_seconds),
            ready: Duration::from_secs(ready_minutes * 60),
            gone: Duration::from_secs(gone_minutes * 60),
        }
    }
}
