//! The commands that ask nobody: `validate`, `schema`, `completions`, `man`.
use std::io::Write;

use anstream::{eprintln, print, println};
use anyhow::Result;
use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;

use super::{
    Cli, Exit,
    common::{Common, is_colour},
};
use crate::{topology, view};

/// Check the topology offline.
#[derive(Debug, Args)]
pub struct Validate {
    /// For readers or for programs
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Explain a code and end
    #[arg(long, value_name = "CODE")]
    explain: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Human,
    Json,
}

impl Validate {
    pub fn run(&self, common: &Common) -> Exit {
        if let Some(code) = &self.explain {
            return match topology::explain(code) {
                Some(text) => {
                    println!("{code}\n\n{text}");
                    Exit::Done
                }
                None => {
                    eprintln!(
                        "error: `{code}` is not a code of this version; codes look like `cidr::overlap` and are listed in docs/topology.md"
                    );
                    Exit::Usage
                }
            };
        }
        let name = common.file.display().to_string();
        let (report, valid) = match topology::read_file(&common.file).and_then(|bytes| topology::load(&name, &bytes)) {
            Ok((model, warnings)) => (warnings, Some(model)),
            Err(report) => (report, None),
        };
        match (self.format, &valid) {
            (Format::Json, _) => println!("{:#}", report.to_json()),
            (Format::Human, None) => print!("{}", view::report::text(&report, is_colour())),
            (Format::Human, Some(model)) => {
                print!("{}", view::report::text(&report, is_colour()));
                println!("{name} is valid: stack {}, {}", model.stack, view::report::contents(model));
            }
        }
        if valid.is_some() { Exit::Done } else { Exit::Topology }
    }
}

/// Print a completion script.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell that is to complete
    shell: Shell,
}

impl Completions {
    pub fn run(&self) -> Exit {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "mrctl", &mut script);
        print!("{}", String::from_utf8_lossy(&script));
        Exit::Done
    }
}

/// Prints the JSON schema of the topology file.
pub fn schema() -> Exit {
    println!("{:#}", topology::schema());
    Exit::Done
}

/// Prints the manual page.
///
/// # Errors
/// Standard output cannot be written.
pub fn man() -> Result<Exit> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    std::io::stdout().write_all(&page)?;
    Ok(Exit::Done)
}
