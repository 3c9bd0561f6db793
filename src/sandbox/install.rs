//! Installs the emulator into a virtual environment, once.
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, bail};

/// Every package with its hashes, for all versions of Python that are supported.
const REQUIREMENTS: &str = include_str!("requirements.txt");
/// Names the folder: another pin, another folder.
const VERSION: &str = "ministack-1.5.33";

/// The emulator's program, installed if need be. Two processes may ask at once: the second waits for the first.
///
/// # Errors
/// No `python3` of 3.10 or later with `venv`, or the package index does not give the pinned packages.
pub(super) fn emulator(home: &Path) -> Result<PathBuf> {
    fs::create_dir_all(home).with_context(|| format!("cannot make {}", home.display()))?;
    let lock = fs::File::create(home.join("install.lock"))?;
    lock.lock().context("cannot lock the sandbox's folder")?;
    let venv = home.join(VERSION);
    let (program, ready) = (venv.join("bin").join("ministack"), venv.join("ready"));
    if ready.exists() && program.exists() {
        return Ok(program);
    }
    check_python()?;
    anstream::eprintln!("sandbox: installing {VERSION} into {} (once)", venv.display());
    let shown = venv.display().to_string();
    run("python3", &["-m", "venv", "--clear", &shown], "cannot make a virtual environment (on Debian: `apt-get install python3-venv`)")?;
    let requirements = venv.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS)?;
    let python = venv.join("bin").join("python").display().to_string();
    let file = requirements.display().to_string();
    run(&python, &["-m", "pip", "install", "--quiet", "--require-hashes", "-r", &file], "cannot install the emulator with pip")?;
    fs::write(ready, VERSION)?;
    Ok(program)
}

fn check_python() -> Result<()> {
    let asked = Command::new("python3").args(["-c", "import sys; print(sys.version_info[0] * 100 + sys.version_info[1])"]).output();
    let Ok(Output { stdout, .. }) = asked else {
        bail!("the sandbox needs `python3` (3.10 or later, with venv), and there is none on the PATH");
    };
    let version: u32 = String::from_utf8_lossy(&stdout).trim().parse().unwrap_or_default();
    if version < 310 {
        bail!("the sandbox needs python3 3.10 or later; this one is {}.{}", version / 100, version % 100);
    }
    Ok(())
}

fn run(program: &str, arguments: &[&str], otherwise: &str) -> Result<()> {
    let output = Command::new(program).args(arguments).output().with_context(|| otherwise.to_owned())?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let tail: Vec<&str> = said.lines().rev().take(8).collect();
    bail!("{otherwise}:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"))
}
