//! Parses arguments, runs, exits with a code; nothing else.
use std::process::ExitCode;

use mrctl::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::read() {
        Ok(cli) => ExitCode::from(cli.run().await),
        Err(exit) => ExitCode::from(exit as u8),
    }
}
