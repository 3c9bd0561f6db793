//! What is remembered of the shared sandbox between commands. Only ever a hint: it counts when the sandbox itself confirms it.
use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Running, SandboxError,
    emulator::{EMULATORS, Emulator, Serves},
    process,
};

/// One emulator of the shared sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name, for example `MiniStack`.
    pub emulator: String,
    pub port: u16,
    pub pid: u32,
    /// What it tells back, so that a process id or a port that was used again is not taken for it.
    pub token: String,
    pub started: Timestamp,
    /// Where its output goes.
    pub log: PathBuf,
}

impl Member {
    /// The entry of the table that it was started from; none after an update of mrctl that dropped it.
    fn emulator(&self) -> Option<&'static Emulator> {
        EMULATORS.into_iter().find(|emulator| emulator.name == self.emulator)
    }

    /// Whether it is still there, by asking it.
    pub(super) fn answers(&self) -> bool {
        self.emulator().is_some_and(|emulator| process::answers(self.port, emulator.health, &self.token))
    }
}

/// The shared sandbox as it was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub account: String,
    pub members: Vec<Member>,
}

/// Whether there is a shared sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It answers.
    Up(State),
    /// There is none, or it is gone.
    Down,
}

impl State {
    fn path(home: &Path) -> PathBuf {
        home.join("running.json")
    }

    /// What was written, when all of it still answers.
    pub(super) fn read(home: &Path) -> Status {
        let Some(state) = Self::written(home) else { return Status::Down };
        let has = |emulator: &&Emulator| state.members.iter().any(|member| member.emulator == emulator.name && member.answers());
        if EMULATORS.iter().all(has) { Status::Up(state) } else { Status::Down }
    }

    /// What was written, whether it still answers or not: some of it may, after a crash or an update of mrctl.
    pub(super) fn written(home: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::path(home)).ok()?).ok()
    }

    pub(super) fn write(&self, home: &Path) -> Result<(), SandboxError> {
        let path = Self::path(home);
        let text = serde_json::to_vec_pretty(self).map_err(|why| SandboxError::file(&path, why.into()))?;
        // Read by others without the lock, so it must never be seen half written.
        let beside = path.with_extension("json.new");
        fs::write(&beside, text).and_then(|()| fs::rename(&beside, &path)).map_err(|why| SandboxError::file(&path, why))
    }

    pub(super) fn forget(home: &Path) {
        // Nothing to forget is as good as forgotten; what cannot be removed is stale and found so by the next who asks.
        let _ = fs::remove_file(Self::path(home));
    }

    /// Where to reach it.
    #[must_use]
    pub fn running(&self, started_now: bool) -> Running {
        let mut running = Running { endpoint: String::new(), endpoints: Vec::new(), account: self.account.clone(), started_now };
        for member in &self.members {
            let address = format!("http://127.0.0.1:{}", member.port);
            match member.emulator().map(|emulator| emulator.serves) {
                Some(Serves::Only(services)) => {
                    running.endpoints.extend(services.iter().map(|service| (format!("AWS_ENDPOINT_URL_{service}"), address.clone())));
                }
                Some(Serves::TheRest) | None => running.endpoint = address,
            }
        }
        running
    }
}
