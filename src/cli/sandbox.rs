//! `mrctl sandbox`: the local AWS.
use std::{
    ffi::OsString,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Command, ExitStatus},
};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use etcetera::{BaseStrategy, choose_base_strategy};

use crate::sandbox::{self, Running, Status};

/// Run a local AWS, to try things without an account
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start the local AWS; the first time it is installed
    Up {
        /// Listen on this port of 127.0.0.1 (4566, or any free one)
        #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
        port: Option<u16>,
    },
    /// End it, with everything in it
    Down,
    /// Say whether it is up, and where (exit code 1 when it is down)
    Status,
    /// Run a command against it; it is started when it is down
    Run {
        /// The command and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "CMD")]
        command: Vec<OsString>,
    },
}

/// The folder of the sandbox in the user's cache.
///
/// # Errors
/// The user has no home folder.
pub fn home() -> Result<PathBuf> {
    let strategy = choose_base_strategy().context("there is no home folder to keep the sandbox in")?;
    Ok(strategy.cache_dir().join("mrctl").join("sandbox"))
}

/// The shared sandbox for `--sandbox`; started when it is down, which is said on stderr.
///
/// # Errors
/// It cannot be installed or started.
pub fn ensure() -> Result<Running> {
    Ok(sandbox::ensure(&home()?, &mut tell)?)
}

/// Does what was asked for; the exit code is mrctl's, for `run` that of the command.
///
/// # Errors
/// The sandbox cannot be installed, started or ended, or the command cannot be run.
pub fn run(arguments: Arguments) -> Result<u8> {
    let home = home()?;
    match arguments.command {
        Action::Up { port } => {
            let running = sandbox::up(&home, port, &mut tell)?;
            if !running.started_now {
                tell(&format!("the local AWS is already up at {}", running.endpoint));
            }
            print_exports(&running);
            Ok(0)
        }
        Action::Down => {
            let was_up = sandbox::down(&home)?;
            tell(if was_up { "the local AWS is down" } else { "the local AWS was not up" });
            Ok(0)
        }
        Action::Status => match sandbox::status(&home) {
            Status::Up(state) => {
                anstream::println!("up at {} (account {})", state.running(false).endpoint, state.account);
                for member in &state.members {
                    let (emulator, pid, started) = (&member.emulator, member.pid, member.started.strftime("%Y-%m-%d %H:%M:%S UTC"));
                    let port = member.port;
                    anstream::println!("{emulator}: port {port}, process {pid}, since {started}, output in {}", member.log.display());
                }
                Ok(0)
            }
            Status::Down => {
                anstream::println!("down");
                Ok(1)
            }
        },
        Action::Run { command } => {
            let running = sandbox::ensure(&home, &mut tell)?;
            run_in(&running, &command)
        }
    }
}

/// Runs a command with the sandbox for its AWS.
fn run_in(running: &Running, command: &[OsString]) -> Result<u8> {
    let (program, arguments) = command.split_first().context("there is no command to run")?;
    let mut child = Command::new(program);
    child.args(arguments);
    // What would lead the command past the sandbox: other credentials, or an endpoint of one service.
    for (name, _) in std::env::vars_os() {
        let own_endpoint = name.to_str().is_some_and(|name| name.starts_with("AWS_ENDPOINT_URL_"));
        let elsewhere = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"];
        if own_endpoint || elsewhere.iter().any(|other| name == *other) {
            child.env_remove(name);
        }
    }
    child.envs(running.environment());
    // Other tools refuse to start without a region; mrctl itself never reads this one.
    if std::env::var_os("AWS_REGION").or_else(|| std::env::var_os("AWS_DEFAULT_REGION")).is_none() {
        child.env("AWS_DEFAULT_REGION", "us-east-1");
    }
    let status = child.status().with_context(|| format!("cannot run {}", program.to_string_lossy()))?;
    Ok(exit_code(status))
}

/// A command's exit code, or 128 + the signal that ended it, as shells have it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

fn print_exports(running: &Running) {
    anstream::println!("# AWS on this machine: {}", running.endpoint);
    for (name, value) in running.environment() {
        anstream::println!("export {name}={value}");
    }
}

/// Says on stderr what the sandbox does.
pub fn tell(message: &str) {
    anstream::eprintln!("sandbox: {message}");
}
