//! The options that every command shares, and the one rendering of errors.
use std::path::PathBuf;

use anstream::{ColorChoice, eprint, eprintln};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use tracing::Level;
use tracing_subscriber::{EnvFilter, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};

use super::Exit;
use crate::{
    aws::{
        Connect, Fleet, connect,
        inject::{Injector, Spec},
    },
    sandbox,
    topology::{self, Model},
    view,
};

/// Options of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// The topology file
    #[arg(long, short, global = true, default_value = "topology.yaml", value_name = "FILE")]
    pub file: PathBuf,
    /// A profile of the AWS configuration
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// One endpoint for every AWS service
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Use the local AWS on this machine, with its own account; starts it when none runs
    #[arg(long, global = true)]
    pub sandbox: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Say more; twice: trace every AWS call
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say only what matters
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Make AWS calls fail on purpose; refused unless every endpoint is on this machine
    #[arg(long, global = true, hide = true, value_name = "SPEC")]
    pub inject: Option<Spec>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

impl Common {
    /// Sets colour and tracing up, once.
    pub fn prepare(&self) {
        match self.color {
            Color::Auto => {}
            Color::Always => ColorChoice::Always.write_global(),
            Color::Never => ColorChoice::Never.write_global(),
        }
        let level = if self.verbose > 1 { "mrctl=debug,aws_smithy_runtime=debug" } else { "off" };
        let filter = EnvFilter::try_from_env("MRCTL_LOG").unwrap_or_else(|_| EnvFilter::new(level));
        // Below debug the SDK writes whole requests and answers, passwords in them; no setting brings them into a log.
        let bodiless = filter_fn(|meta| *meta.level() != Level::TRACE || meta.target().starts_with(env!("CARGO_PKG_NAME")));
        // A second start-up within one process (a test) keeps the first one's.
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).finish().with(bodiless).try_init();
    }

    /// Reads and checks the topology; prints what is wrong with it.
    ///
    /// # Errors
    /// The exit code of a topology that cannot be used, when everything has been said.
    pub fn model(&self) -> Result<Model, Exit> {
        let name = self.file.display().to_string();
        let loaded = topology::read_file(&self.file).and_then(|bytes| topology::load(&name, &bytes));
        match loaded {
            Ok((model, warnings)) => {
                if !self.quiet && !warnings.problems.is_empty() {
                    eprint!("{}", view::report::text(&warnings, is_colour()));
                }
                Ok(model)
            }
            Err(report) => {
                eprint!("{}", view::report::text(&report, is_colour()));
                Err(Exit::Topology)
            }
        }
    }

    /// The AWS that the options name.
    ///
    /// # Errors
    /// No credentials, or a sandbox that does not start.
    pub async fn fleet(&self) -> Result<Fleet> {
        let running = if self.sandbox { Some(super::sandbox::ensure().context("the sandbox did not start")?) } else { None };
        let options = Connect {
            profile: self.profile.clone(),
            endpoint_url: self.endpoint_url.clone(),
            sandbox: running,
            inject: self.inject.clone().map(Injector::new),
            recorder: None,
        };
        Ok(connect(options).await?)
    }

    /// The same; a sandbox is given what a topology takes for granted in AWS, but for a removal.
    ///
    /// # Errors
    /// The same, and what a sandbox refused.
    pub async fn fleet_for(&self, model: &Model, destroy: bool) -> Result<Fleet> {
        let fleet = self.fleet().await?;
        if self.sandbox && !destroy {
            sandbox::ensure_zone(&fleet, model, &mut super::sandbox::tell).await?;
        }
        Ok(fleet)
    }
}

/// Says what went wrong, with its whole chain.
pub fn failed(error: &anyhow::Error) -> Exit {
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  caused by: {cause}");
    }
    Exit::Failed
}

/// Whether reports are drawn with colour.
pub fn is_colour() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != ColorChoice::Never
}
