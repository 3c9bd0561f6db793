//! Everything the engine says. Views are made of these events alone.
use std::time::Duration;

use jiff::Timestamp;

use crate::resource::{Addr, Change, Fault, Region};

/// What an operation does to its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    Waiting,
    Creating,
    Updating,
    Deleting,
    Adopting,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// An operation began.
    Started {
        addr: Addr,
        doing: Doing,
    },
    /// What AWS says about a running operation; said again whenever that changes and at least every ten seconds.
    Progress {
        addr: Addr,
        doing: Doing,
        now: String,
        elapsed: Duration,
    },
    /// A call is repeated.
    Retried {
        addr: Addr,
        fault: Fault,
        attempt: u32,
        pause: Duration,
    },
    /// A protection is lifted so that a delete may follow.
    ProtectionLifted {
        addr: Addr,
        change: Change,
    },
    /// An operation ended well.
    Done {
        addr: Addr,
        doing: Doing,
        id: Option<String>,
        elapsed: Duration,
    },
    /// An operation failed; what exists now is known to the reader from `exists`.
    Failed {
        addr: Addr,
        doing: Doing,
        fault: Fault,
        exists: String,
        elapsed: Duration,
    },
    /// Not tried, because something it needs failed.
    Skipped {
        addr: Addr,
        doing: Doing,
        because: String,
    },
    GateWaiting {
        region: Region,
        now: Vec<String>,
        elapsed: Duration,
    },
    /// A region is healthy; the bake time begins.
    GateBaking {
        region: Region,
        bake: Duration,
    },
    GateOpen {
        region: Region,
        elapsed: Duration,
    },
    GateFailed {
        region: Region,
        why: Vec<String>,
        elapsed: Duration,
    },
    /// Clients are given time to let go of a region.
    Draining {
        region: Region,
        left: Duration,
    },
    Drained {
        region: Region,
    },
    /// Nothing more is started.
    Stopping {
        why: Stop,
        running: usize,
    },
}

/// Why a run starts nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Ctrl-C or a termination signal.
    Interrupted,
    /// `--timeout` is over.
    TimedOut,
    /// A gate did not open.
    Gated,
}

/// An event with its place in the run.
#[derive(Clone, Debug)]
pub struct Stamped {
    pub at: Timestamp,
    pub seq: u64,
    pub event: Event,
}

/// How many operations ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub done: usize,
    pub failed: usize,
    pub skipped: usize,
    /// Not started because the run stopped.
    pub left: usize,
}

/// How a run ended. Not a `Result`: nobody may `?` a stopped run away.
#[must_use]
#[derive(Clone, Debug)]
pub struct Outcome {
    pub tally: Tally,
    pub stopped: Option<Stop>,
    /// Every address that exists now, with AWS's identifier, as far as this run knows.
    pub exists: Vec<(Addr, String)>,
    pub failures: Vec<(Addr, Fault)>,
    /// What people have to do elsewhere before what was made is of use, a sentence each.
    pub to_do: Vec<String>,
    /// What AWS keeps of what was removed, by design, a sentence each.
    pub left: Vec<String>,
    /// `blocked until …` of the failures that end by themselves.
    pub elapsed: Duration,
}
