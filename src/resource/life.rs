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
    /// Not there while something it would come from is still busy, and what that is doing: it may be about to appear. For what
    /// is being removed it is gone.
    Unseen(String),
    /// It will not become ready; why.
    Failed(String),
    /// It is there and did not get healthy in the form that was asked for, and AWS has given up on it: the gate of its region stays
    /// shut (exit 6). The next plan proposes the change again; the thing is not made anew.
    Unhealthy(String),
}

/// A duration for the reader: `4 s`, `2 min 5 s`.
#[must_use]
pub fn readable(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {} s", seconds / 60, seconds % 60) }
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
    /// When to give up on what was asked for and is not there, where AWS can drop a request without a word. As `ready` unless
    /// the kind says otherwise.
    pub appears: Duration,
}

impl Patience {
    /// Seconds between looks, minutes until ready, minutes until gone.
    #[must_use]
    pub const fn of(every_seconds: u64, ready_minutes: u64, gone_minutes: u64) -> Self {
        Self {
            every: Duration::from_secs(every_seconds),
            ready: Duration::from_secs(ready_minutes * 60),
            gone: Duration::from_secs(gone_minutes * 60),
            appears: Duration::from_secs(ready_minutes * 60),
        }
    }

    /// The same, but what is not there for so many seconds will not come.
    #[must_use]
    pub const fn appearing_within(self, seconds: u64) -> Self {
        Self { appears: Duration::from_secs(seconds), ..self }
    }
}

/// How long the engine waits where AWS gives no signal: the one place that knows that a sandbox needs no patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long after a read that found nothing a second one is worth making: EC2's reads by tag lag behind creates by seconds.
    pub second_look: Duration,
    /// How long clients may hold on to a name: the fixed TTL of an ELB alias.
    pub drain: Duration,
    /// Cuts every kind's own cadence of looking at what is under way; none: the kinds' own.
    pub longest_pause_between_looks: Option<Duration>,
    /// Cuts how long anything may take to appear; none: the kinds' own.
    pub longest_absence: Option<Duration>,
    /// Cuts how long something that goes by itself may hold back a removal; none: the kinds' own patience.
    pub longest_hold: Option<Duration>,
    /// One call for a VPC endpoint may be sent each.
    pub endpoint_every: Duration,
    /// One call to Route 53 may be sent each.
    pub dns_every: Duration,
    /// How long the changes of a hosted zone are gathered into one.
    pub dns_gather: Duration,
    /// How long between two looks at whether a change of a hosted zone has reached every name server.
    pub dns_look: Duration,
    /// How long a change of which nothing is known may take to reach every name server.
    pub dns_settles: Duration,
    /// How long what a role may do takes to be known everywhere: until then no task is started with it.
    pub role_settles: Duration,
    /// Whether a service that registers no targets may count as healthy: a local AWS runs no containers that could be asked.
    pub without_targets: bool,
}

impl Timing {
    /// For real AWS, or for one on a loopback address, where everything is there at once.
    #[must_use]
    pub const fn of(is_loopback: bool) -> Self {
        if is_loopback {
            Self {
                second_look: Duration::from_millis(100),
                drain: Duration::from_secs(2),
                longest_pause_between_looks: Some(Duration::from_millis(250)),
                longest_absence: Some(Duration::from_secs(5)),
                longest_hold: Some(Duration::from_secs(10)),
                endpoint_every: Duration::from_millis(200),
                dns_every: Duration::from_millis(20),
                dns_gather: Duration::from_millis(5),
                dns_look: Duration::from_millis(20),
                dns_settles: Duration::from_millis(100),
                role_settles: Duration::from_millis(200),
                without_targets: true,
            }
        } else {
            Self {
                second_look: Duration::from_secs(10),
                drain: Duration::from_secs(60),
                longest_pause_between_looks: None,
                longest_absence: None,
                longest_hold: None,
                // 0.3 a second (EC2 API reference, "Request throttling").
                endpoint_every: Duration::from_millis(3334),
                // Five a second for a whole account (Route 53 developer guide, "Quotas"): a burst of two and what follows it within
                // a second are no more.
                dns_every: Duration::from_millis(300),
                dns_gather: Duration::from_secs(1),
                dns_look: Duration::from_secs(5),
                // "Changes generally propagate to all Route 53 name servers within 60 seconds" (API reference, "GetChange").
                dns_settles: Duration::from_secs(60),
                // "Changes … might not be immediately visible", mostly within seconds (IAM user guide, "Changes that I make are not
                // always immediately visible").
                role_settles: Duration::from_secs(15),
                without_targets: false,
            }
        }
    }
}
