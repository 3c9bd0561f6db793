//! `mrctl sandbox`: the local AWS, for mrctl and for any other tool.
use std::process::Command as Process;

use anstream::{eprintln, println};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::Exit;
use crate::sandbox::{self, Running};

/// The local AWS on this machine.
#[derive(Debug, Args)]
pub struct Sandbox {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start it, installing it on first use
    Up {
        /// The port on 127.0.0.1; a free one unless told
        #[arg(long)]
        port: Option<u16>,
    },
    /// Stop it; everything in it is gone
    Down,
    /// Say whether it runs
    Status,
    /// Run a command with its environment, starting it when none runs
    Run {
        #[arg(last = true, required = true, value_name = "CMD")]
        command: Vec<String>,
    },
}

impl Sandbox {
    pub async fn run(self) -> Result<Exit> {
        let home = sandbox::home()?;
        match self.command {
            Command::Up { port } => {
                let running = match sandbox::running(&home).await {
                    Some(running) => running,
                    None => sandbox::up(&home, port).await?,
                };
                tell(&running);
            }
            Command::Down => {
                let ran = sandbox::down(&home).await?;
                eprintln!("{}", if ran { "the sandbox is stopped; everything in it is gone" } else { "no sandbox runs" });
            }
            Command::Status => match sandbox::running(&home).await {
                Some(running) => tell(&running),
                None => {
                    println!("no sandbox runs; start one with `mrctl sandbox up`");
                    return Ok(Exit::Failed);
                }
            },
            Command::Run { command } => {
                let running = sandbox::ensure().await?;
                let (program, arguments) = command.split_first().context("no command to run")?;
                let status = Process::new(program)
                    .args(arguments)
                    .envs(environment(&running))
                    .env_remove("AWS_PROFILE")
                    .status()
                    .with_context(|| format!("cannot run `{program}`"))?;
                std::process::exit(status.code().unwrap_or(1));
            }
        }
        Ok(Exit::Done)
    }
}

/// What every AWS tool needs to talk to it.
fn environment(running: &Running) -> [(&'static str, &str); 5] {
    [
        ("AWS_ENDPOINT_URL", &running.endpoint),
        ("AWS_ACCESS_KEY_ID", &running.account),
        ("AWS_SECRET_ACCESS_KEY", "sandbox"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ]
}

fn tell(running: &Running) {
    println!("the sandbox answers at {} as account {}", running.endpoint, running.account);
    for (name, value) in environment(running) {
        println!("export {name}={value}");
    }
}
