//! The command line: one file a command. Only here and in `view` is anything printed.
mod common;
mod consent;
mod exit;
mod foresight;
mod offline;
mod planning;
mod running;
pub mod sandbox;

use clap::{Parser, Subcommand};

pub use exit::{Exit, of as exit_of};

/// Build, change and remove a workload that is live in two or more AWS regions at once, from one YAML file.
#[derive(Debug, Parser)]
#[command(name = "mrctl", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    common: common::Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the topology offline: all problems at once, with line, column and help
    Validate(offline::Validate),
    /// Read AWS and show the difference
    Plan(running::PlanArgs),
    /// Plan, ask, and do it
    Apply(running::ApplyArgs),
    /// Plan the removal of everything the stack owns, ask, and do it
    Destroy(running::DestroyArgs),
    /// Draw the plan graph
    Graph(running::GraphArgs),
    /// The local AWS on this machine
    Sandbox(sandbox::Arguments),
    /// Print the JSON schema of the topology file
    Schema,
    /// Print a completion script for a shell
    Completions(offline::Completions),
    /// Print the manual page
    Man,
}

impl Cli {
    /// Reads the arguments; clap's own usage error becomes exit code 64.
    ///
    /// # Errors
    /// The exit code with which to end at once: 64, or 0 after `--help` and `--version`.
    pub fn read() -> Result<Self, Exit> {
        Self::try_parse().map_err(|error| {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            // Where even the message cannot be written there is nobody to tell.
            let _ = error.print();
            exit
        })
    }

    /// Runs the command and gives the process's exit code.
    pub async fn run(self) -> u8 {
        self.common.prepare();
        let common = &self.common;
        let result = match self.command {
            Command::Validate(command) => Ok(command.run(common)),
            Command::Plan(command) => command.run(common).await,
            Command::Apply(command) => command.run(common).await,
            Command::Destroy(command) => command.run(common).await,
            Command::Graph(command) => command.run(common).await,
            // The command it runs ends with a code of its own.
            Command::Sandbox(command) => return sandbox::run(command).unwrap_or_else(|error| common::failed(&error) as u8),
            Command::Schema => Ok(offline::schema()),
            Command::Completions(command) => Ok(command.run()),
            Command::Man => offline::man(),
        };
        result.unwrap_or_else(|error| common::failed(&error)) as u8
    }
}
