//! The local AWS on the user's machine: a well-kept emulator from PyPI, pinned with hashes, bound to 127.0.0.1 only.
//!
//! In: the user's cache folder. Out: an endpoint. It is installed on first use into a virtual environment; nothing but this
//! module knows that there is an emulator.
mod install;

use std::{
    fs,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use etcetera::{BaseStrategy, choose_base_strategy};
use serde::{Deserialize, Serialize};
use tokio::{io::AsyncReadExt as _, io::AsyncWriteExt as _, net::TcpStream, time::timeout};

/// The account of a sandbox that nobody asked to be another one.
pub const ACCOUNT: &str = "123456789012";
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// A sandbox that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    pub endpoint: String,
    pub account: String,
    pub pid: i32,
    /// Whether this call started it.
    #[serde(skip)]
    pub started_now: bool,
}

/// The folder in the user's cache that holds the emulator and what is known of a running one.
///
/// # Errors
/// There is no home folder.
pub fn home() -> Result<PathBuf> {
    let base = choose_base_strategy().context("no home folder to keep the sandbox in")?;
    Ok(base.cache_dir().join("mrctl").join("sandbox"))
}

/// The sandbox that runs, when one does and answers.
pub async fn running(home: &Path) -> Option<Running> {
    let text = fs::read_to_string(home.join("running.json")).ok()?;
    let running: Running = serde_json::from_str(&text).ok()?;
    answers(&running.endpoint).await.then_some(running)
}

/// The running sandbox, started and installed if need be.
///
/// # Errors
/// No usable `python3`, the emulator cannot be installed, or it does not start.
pub async fn ensure() -> Result<Running> {
    let home = home()?;
    match running(&home).await {
        Some(running) => Ok(running),
        None => up(&home, None).await,
    }
}

/// Starts a sandbox that outlives this process.
///
/// # Errors
/// As `ensure`.
pub async fn up(home: &Path, port: Option<u16>) -> Result<Running> {
    let program = install::emulator(home)?;
    let port = port.map_or_else(free_port, Ok)?;
    let log = home.join("emulator.log");
    let out = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = emulator(&program, port);
    let child =
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).process_group(0).spawn().context("cannot start the emulator")?;
    let pid = i32::try_from(child.id()).context("the emulator has no process id")?;
    let running = Running { endpoint: format!("http://127.0.0.1:{port}"), account: ACCOUNT.to_owned(), pid, started_now: true };
    wait_for(&running.endpoint, &log).await?;
    fs::write(home.join("running.json"), serde_json::to_string(&running)?)?;
    Ok(running)
}

/// The command that runs the emulator in the foreground.
fn emulator(program: &Path, port: u16) -> Command {
    let mut command = Command::new(program);
    command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string()).env("MINISTACK_ACCOUNT_ID", ACCOUNT);
    command
}

/// Stops the sandbox; tells whether one ran.
///
/// # Errors
/// It runs and cannot be stopped.
pub async fn down(home: &Path) -> Result<bool> {
    let Some(running) = running(home).await else { return Ok(false) };
    // Only a process that answers where we left it is ours: the number alone may belong to anybody by now.
    let pid = rustix::process::Pid::from_raw(running.pid).context("the sandbox has no process id")?;
    rustix::process::kill_process_group(pid, rustix::process::Signal::TERM).context("cannot stop the sandbox")?;
    fs::remove_file(home.join("running.json"))?;
    Ok(true)
}

/// An emulator of its own, ended with this value; for tests.
pub struct Private {
    pub endpoint: String,
    child: std::process::Child,
}

impl Private {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// As `ensure`.
    pub async fn start(home: &Path) -> Result<Self> {
        let program = install::emulator(home)?;
        let port = free_port()?;
        let log = home.join(format!("private-{port}.log"));
        let out = fs::File::create(&log)?;
        let child = emulator(&program, port).stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).spawn()?;
        let private = Self { endpoint: format!("http://127.0.0.1:{port}"), child };
        wait_for(&private.endpoint, &log).await?;
        fs::remove_file(&log).ok();
        Ok(private)
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        self.stop();
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?.local_addr()?.port())
}

async fn wait_for(endpoint: &str, log: &Path) -> Result<()> {
    let began = Instant::now();
    while !answers(endpoint).await {
        if began.elapsed() > STARTS_WITHIN {
            let said = fs::read_to_string(log).unwrap_or_default();
            let tail: Vec<&str> = said.lines().rev().take(5).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            bail!("the emulator does not answer at {endpoint}; it last said:\n{}", tail.join("\n"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Whether an HTTP server answers there with anything.
async fn answers(endpoint: &str) -> bool {
    let Some(host) = endpoint.strip_prefix("http://") else { return false };
    let talk = async {
        let mut stream = TcpStream::connect(host).await?;
        stream.write_all(format!("GET /_ministack/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
        let mut start = [0_u8; 5];
        stream.read_exact(&mut start).await?;
        std::io::Result::Ok(&start == b"HTTP/")
    };
    matches!(timeout(Duration::from_secs(3), talk).await, Ok(Ok(true)))
}
