//! The local AWS: emulators from PyPI, installed by mrctl, bound to 127.0.0.1.
//!
//! In: a folder in the user's cache. Out: an endpoint that answers. There is one shared sandbox for a user, which stays until
//! `sandbox down`, and any number of private ones, which end with the process that started them. mrctl reaches them as it reaches
//! AWS, through the SDK's own endpoint settings; nothing outside this folder knows that an emulator is behind one.
mod emulator;
mod install;
mod process;
mod state;
mod zone;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Child,
};

use emulator::{EMULATORS, Emulator, Serves, Setup};
use process::Life;
pub use state::Status;
use state::{Member, State};
use thiserror::Error;
pub use zone::ensure_zone;

/// The account of the shared sandbox. An access key of twelve digits chooses the account.
pub const ACCOUNT: &str = "123456789012";

/// Where the shared sandbox listens when nothing else does: the port that tools for emulators expect.
const USUAL_PORT: u16 = 4566;

/// How progress is told to whoever shows it.
pub type Say<'a> = &'a mut dyn FnMut(&str);

/// A sandbox that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// For example `http://127.0.0.1:4566`: `AWS_ENDPOINT_URL`.
    pub endpoint: String,
    /// The services that are answered elsewhere, as pairs of `AWS_ENDPOINT_URL_<SERVICE>` and address.
    pub endpoints: Vec<(String, String)>,
    /// Twelve digits; as the access key it chooses this account.
    pub account: String,
    /// Whether this call started it.
    pub started_now: bool,
}

impl Running {
    /// Where a service is answered, by the id that the SDK has for it: `Route 53`.
    #[must_use]
    pub fn endpoint_of(&self, service_id: &str) -> &str {
        let variable = format!("AWS_ENDPOINT_URL_{}", service_id.to_uppercase().replace(' ', "_"));
        self.endpoints.iter().find(|(name, _)| *name == variable).map_or(&self.endpoint, |(_, address)| address)
    }

    /// The environment in which any AWS tool talks to this sandbox.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut pairs = vec![("AWS_ENDPOINT_URL".to_owned(), self.endpoint.clone())];
        pairs.extend(self.endpoints.iter().cloned());
        let rest =
            [("AWS_ACCESS_KEY_ID", self.account.as_str()), ("AWS_SECRET_ACCESS_KEY", "sandbox"), ("AWS_EC2_METADATA_DISABLED", "true")];
        pairs.extend(rest.map(|(name, value)| (name.to_owned(), value.to_owned())));
        pairs
    }
}

/// Why there is no sandbox.
#[derive(Debug, Error)]
pub enum SandboxError {
    #[error(
        "the sandbox needs python3, 3.10 or newer, and cannot use one: {0}. Install it (python.org, or `apt install python3 python3-venv`)"
    )]
    NoPython(String),
    #[error("the sandbox needs python3, 3.10 or newer; the one on the path is {0}")]
    OldPython(String),
    #[error("python3 cannot make virtual environments; install the rest of it (Debian, Ubuntu: `apt install python3-venv`). It said:\n{0}")]
    NoVenv(String),
    #[error("the emulators could not be installed from PyPI; they are fetched once and need the network. pip said:\n{0}")]
    Pip(String),
    #[error("{name} did not start: {reason}. Its output is in {}", log.display())]
    NotStarted { name: &'static str, reason: String, log: PathBuf },
    #[error("port {port} of 127.0.0.1 cannot be used: {reason}. Choose another with `--port`")]
    NoPort { port: u16, reason: String },
    #[error("the sandbox is already up at {0}; end it first (`mrctl sandbox down`) to move it to another port")]
    ElsewhereAlready(String),
    #[error("the sandbox's process {0} does not end; end it by hand")]
    DoesNotEnd(u32),
    #[error("{}: {why}", path.display())]
    File { path: PathBuf, why: io::Error },
}

impl SandboxError {
    fn file(path: &Path, why: io::Error) -> Self {
        Self::File { path: path.to_owned(), why }
    }
}

/// The shared sandbox: the one that runs, or one that is installed and started now.
///
/// # Errors
/// See [`SandboxError`]; each says what to do.
pub fn ensure(home: &Path, say: Say<'_>) -> Result<Running, SandboxError> {
    up(home, None, say)
}

/// As [`ensure`], on a port of the caller's choice.
///
/// # Errors
/// As [`ensure`]; also when it runs on another port, or the port is taken.
pub fn up(home: &Path, port: Option<u16>, say: Say<'_>) -> Result<Running, SandboxError> {
    // Two commands at once must not start two.
    let _lock = install::lock(home, "state.lock")?;
    if let Status::Up(state) = State::read(home) {
        let running = state.running(false);
        let elsewhere = port.is_some_and(|port| state.members.iter().all(|member| member.port != port));
        return if elsewhere { Err(SandboxError::ElsewhereAlready(running.endpoint)) } else { Ok(running) };
    }
    end_all(home)?;
    let python = install::installed(home, say)?;
    let port = match port {
        Some(port) => process::free_port(Some(port))?,
        None => process::free_port(Some(USUAL_PORT)).or_else(|_| process::free_port(None))?,
    };
    let mut state = State { account: ACCOUNT.to_owned(), members: Vec::new() };
    // Written before it answers: a run that is killed in between leaves none that nobody knows of.
    let started = launch(home, &python, &mut state, Some(port), Life::Detached, |state| state.write(home));
    if started.is_err() {
        State::forget(home);
    }
    // They go on without us; the children's handles are not needed to end them.
    drop(started?);
    let running = state.running(true);
    say(&format!("the local AWS is up at {}; `mrctl sandbox down` ends it", running.endpoint));
    Ok(running)
}

/// Ends the shared sandbox, with everything in it. Says whether there was anything to end.
///
/// # Errors
/// It does not end.
pub fn down(home: &Path) -> Result<bool, SandboxError> {
    let _lock = install::lock(home, "state.lock")?;
    end_all(home)
}

/// Ends what is left of the shared sandbox: of one that crashed, or was started by another version, some may still be there.
fn end_all(home: &Path) -> Result<bool, SandboxError> {
    let members = State::written(home).map(|state| state.members).unwrap_or_default();
    let there: Vec<&Member> = members.iter().filter(|member| member.answers()).collect();
    for member in &there {
        if !process::end_detached(member.pid, || member.answers()) {
            return Err(SandboxError::DoesNotEnd(member.pid));
        }
    }
    for member in &members {
        // What cannot be removed is in the user's cache, where it may be removed at any time.
        let _ = fs::remove_dir_all(scratch(home, &member.emulator, member.port));
    }
    State::forget(home);
    Ok(!there.is_empty())
}

/// Whether the shared sandbox is there, by asking it.
#[must_use]
pub fn status(home: &Path) -> Status {
    State::read(home)
}

/// A sandbox of this process alone: it ends when this is dropped, and when the process ends in any other way.
#[derive(Debug)]
pub struct Private {
    running: Running,
    children: Vec<Child>,
    scratch: PathBuf,
}

impl Private {
    /// Where it answers.
    #[must_use]
    pub fn running(&self) -> &Running {
        &self.running
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        for child in self.children.drain(..) {
            process::end(child);
        }
        // What is left of a scratch folder is in the user's cache, where it may be removed at any time.
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// Starts a private sandbox with an account of its own on a free port.
///
/// # Errors
/// See [`SandboxError`].
pub fn private(home: &Path, account: &str, say: Say<'_>) -> Result<Private, SandboxError> {
    let python = install::installed(home, say)?;
    let mut state = State { account: account.to_owned(), members: Vec::new() };
    let scratch = home.join(format!("private-{}-{:08x}", std::process::id(), fastrand::u32(..)));
    let running = Running { endpoint: String::new(), endpoints: Vec::new(), account: account.to_owned(), started_now: true };
    let mut private = Private { running, children: Vec::new(), scratch };
    private.children = launch(&private.scratch, &python, &mut state, None, Life::Parent(&private.scratch), |_| Ok(()))?;
    private.running = state.running(true);
    Ok(private)
}

/// Starts all emulators at once and waits until each answers. `note` hears of every one as soon as it is started; `port` is for
/// the one that answers for most services, the others get a free one.
fn launch(
    folder: &Path,
    python: &Path,
    state: &mut State,
    port: Option<u16>,
    life: Life<'_>,
    note: impl Fn(&State) -> Result<(), SandboxError>,
) -> Result<Vec<Child>, SandboxError> {
    let mut children = Vec::new();
    let started = (|| {
        fs::create_dir_all(folder).map_err(|why| SandboxError::file(folder, why))?;
        for emulator in EMULATORS {
            let port = port.filter(|_| emulator.serves == Serves::TheRest).map_or_else(|| process::free_port(None), Ok)?;
            let (child, member) = start(folder, python, emulator, (port, &state.account), life)?;
            children.push(child);
            state.members.push(member);
            note(state)?;
        }
        for ((child, emulator), member) in children.iter_mut().zip(EMULATORS).zip(&state.members) {
            process::answering(child, emulator, member)?;
        }
        Ok(())
    })();
    match started {
        Ok(()) => Ok(children),
        Err(why) => {
            children.into_iter().for_each(process::end);
            Err(why)
        }
    }
}

/// Starts one emulator, without waiting for it.
fn start(
    folder: &Path,
    python: &Path,
    emulator: &Emulator,
    (port, account): (u16, &str),
    life: Life<'_>,
) -> Result<(Child, Member), SandboxError> {
    let token = format!("mrctl-{:016x}", fastrand::u64(..));
    let (scratch, log) = (scratch(folder, emulator.name, port), folder.join(format!("{}.log", emulator.name.to_lowercase())));
    let child = process::start(python, emulator, &Setup { port, account, token: &token, scratch: &scratch }, life, &log)?;
    let (pid, started) = (child.id(), jiff::Timestamp::now());
    Ok((child, Member { emulator: emulator.name.to_owned(), port, pid, token, started, log }))
}

/// The folder for whatever an emulator writes.
fn scratch(folder: &Path, emulator: &str, port: u16) -> PathBuf {
    folder.join(format!("{}-{port}", emulator.to_lowercase()))
}
