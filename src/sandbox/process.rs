//! Starting an emulator, asking whether it is there, and ending it.
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    SandboxError,
    emulator::{CREDENTIALS, Emulator, Setup},
    state::Member,
};

/// How long an emulator may take until it answers; measured: a quarter of a second, some seconds on a machine under load.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// Runs an emulator whatever its module is, and ties it to its parent where asked to.
const LAUNCHER: &str = include_str!("launcher.py");

/// When an emulator ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life<'a> {
    /// Never: `sandbox down` ends it.
    Detached,
    /// With the process that started it, even if that one is killed; then this folder goes as well.
    Parent(&'a Path),
}

/// Starts an emulator, without waiting for it. Its output goes to `log`.
pub(super) fn start(python: &Path, emulator: &Emulator, setup: &Setup<'_>, life: Life<'_>, log: &Path) -> Result<Child, SandboxError> {
    fs::create_dir_all(setup.scratch).map_err(|why| SandboxError::file(setup.scratch, why))?;
    let output = File::create(log).map_err(|why| SandboxError::file(log, why))?;
    let errors = output.try_clone().map_err(|why| SandboxError::file(log, why))?;
    let (word, folder, input) = match life {
        Life::Detached => ("detached", Path::new(""), Stdio::null()),
        Life::Parent(folder) => ("parent", folder, Stdio::piped()),
    };
    let mut command = Command::new(python);
    command
        .args(["-I", "-c", LAUNCHER, emulator.module, word])
        .arg(folder)
        .arg(emulator.patches)
        .stdin(input)
        .stdout(output)
        .stderr(errors);
    for name in CREDENTIALS.iter().chain(emulator.not_inherited) {
        command.env_remove(name);
    }
    let command = command.envs((emulator.settings)(setup)).current_dir(setup.scratch);
    command.spawn().map_err(|why| SandboxError::NotStarted { name: emulator.name, reason: why.to_string(), log: log.to_owned() })
}

/// Waits until a child of ours answers.
pub(super) fn answering(child: &mut Child, emulator: &Emulator, member: &Member) -> Result<(), SandboxError> {
    let failed = |reason: String| SandboxError::NotStarted { name: emulator.name, reason, log: member.log.clone() };
    let started = Instant::now();
    loop {
        if member.answers() {
            return Ok(());
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(failed(format!("it ended with {status}: {}", last_line(&member.log))));
        }
        if started.elapsed() > STARTS_WITHIN {
            return Err(failed(format!("it did not answer within {} s", STARTS_WITHIN.as_secs())));
        }
        thread::sleep(Duration::from_millis(25));
    }
}

/// Ends a child of ours and waits until it is gone.
pub(super) fn end(mut child: Child) {
    // Both fail only when it is gone already, which is what is wanted.
    let _ = child.kill();
    let _ = child.wait();
}

/// Whether the emulator with this token answers on a port.
pub(super) fn answers(port: u16, path: &str, token: &str) -> bool {
    ask(port, path).is_some_and(|answer| answer.starts_with("HTTP/1.1 200") && answer.contains(&format!("\"{token}\"")))
}

/// One plain HTTP request to this machine. An HTTP client for one health check would be a dependency for ten lines.
fn ask(port: u16, path: &str) -> Option<String> {
    let patience = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), patience).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    stream.set_write_timeout(Some(patience)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    // Whatever else listens there may go on for ever.
    stream.take(64 * 1024).read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

/// A port that is free now: the wished one, or any.
pub(super) fn free_port(wished: Option<u16>) -> Result<u16, SandboxError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wished.unwrap_or(0)));
    let address = listener.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|why| SandboxError::NoPort { port: wished.unwrap_or(0), reason: why.to_string() })
}

/// Asks a process of another mrctl run to end, and makes it end if it does not; the caller has checked that it is ours.
pub(super) fn end_detached(pid: u32, still_there: impl Fn() -> bool) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else {
        return false;
    };
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::KILL] {
        let _ = rustix::process::kill_process(pid, signal);
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(3) {
            if !still_there() {
                return true;
            }
            thread::sleep(Duration::from_millis(25));
        }
    }
    false
}

fn last_line(log: &Path) -> String {
    let said = fs::read_to_string(log).unwrap_or_default();
    said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned()
}
