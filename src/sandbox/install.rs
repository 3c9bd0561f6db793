//! Puts the emulators into a virtual environment in the user's cache folder, once for each set of requirements.
use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::{SandboxError, Say, emulator::REQUIREMENTS};

/// The oldest Python that the emulators run on.
const OLDEST_PYTHON: (u32, u32) = (3, 10);

/// Written last, into an environment that is complete.
const READY: &str = "mrctl-ready";

/// The interpreter of an environment that has the emulators; makes it when it is not there yet.
///
/// Several processes may ask at once: the first makes it, the others wait for that and find it.
///
/// # Errors
/// No Python, one that is too old or has no `venv`, or an installation that failed; each says what to do.
pub(super) fn installed(home: &Path, say: Say<'_>) -> Result<PathBuf, SandboxError> {
    let environment = home.join(format!("venv-{}", digest(REQUIREMENTS)));
    let python = environment.join("bin/python");
    // Read before the lock is taken: whoever only starts an emulator does not wait for one who installs another version.
    if environment.join(READY).exists() {
        return Ok(python);
    }
    let _lock = lock(home, "install.lock")?;
    if environment.join(READY).exists() {
        return Ok(python);
    }
    let system = system_python()?;
    say("installing the local AWS (once, about 35 MB from PyPI)");
    if environment.exists() {
        // Left behind by a run that was killed while it installed.
        fs::remove_dir_all(&environment).map_err(|why| SandboxError::file(&environment, why))?;
    }
    let made = Command::new(&system).args(["-I", "-m", "venv"]).arg(&environment).output();
    let made = made.map_err(|why| SandboxError::NoPython(why.to_string()))?;
    if !made.status.success() {
        return Err(SandboxError::NoVenv(last_lines(&made)));
    }
    let requirements = environment.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).map_err(|why| SandboxError::file(&requirements, why))?;
    let mut pip = Command::new(&python);
    pip.args([
        "-I",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--prefer-binary",
        "--require-hashes",
        "-r",
    ]);
    // A user's `pip install --user` default would be refused inside a virtual environment.
    let output = pip.arg(&requirements).env("PIP_USER", "0").output().map_err(|why| SandboxError::Pip(why.to_string()))?;
    if !output.status.success() {
        return Err(SandboxError::Pip(last_lines(&output)));
    }
    let ready = environment.join(READY);
    fs::write(&ready, "").map_err(|why| SandboxError::file(&ready, why))?;
    Ok(python)
}

/// Waits for and holds the lock `name`; it is given back when the file is dropped, also by a process that is killed.
pub(super) fn lock(home: &Path, name: &str) -> Result<File, SandboxError> {
    fs::create_dir_all(home).map_err(|why| SandboxError::file(home, why))?;
    let path = home.join(name);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(|why| SandboxError::file(&path, why))?;
    file.lock().map_err(|why| SandboxError::file(&path, why))?;
    Ok(file)
}

/// A `python3` on the path that is new enough and can make environments.
fn system_python() -> Result<PathBuf, SandboxError> {
    const ASK: &str = "import sys; print(sys.version_info[0], sys.version_info[1], sys.executable)";
    let output = match Command::new("python3").args(["-I", "-c", ASK]).output() {
        Ok(output) if output.status.success() => output,
        Ok(output) => return Err(SandboxError::NoPython(last_lines(&output))),
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Err(SandboxError::NoPython("there is none on the path".to_owned())),
        Err(why) => return Err(SandboxError::NoPython(why.to_string())),
    };
    let (version, executable) = read_version(&String::from_utf8_lossy(&output.stdout))?;
    if version < OLDEST_PYTHON {
        return Err(SandboxError::OldPython(format!("{}.{}", version.0, version.1)));
    }
    let parts = Command::new(&executable).args(["-I", "-c", "import venv, ensurepip"]).output();
    match parts {
        Ok(output) if output.status.success() => Ok(executable),
        Ok(output) => Err(SandboxError::NoVenv(last_lines(&output))),
        Err(why) => Err(SandboxError::NoPython(why.to_string())),
    }
}

/// `3 11 /usr/bin/python3` as a version and a path.
fn read_version(answer: &str) -> Result<((u32, u32), PathBuf), SandboxError> {
    let mut words = answer.trim().splitn(3, ' ');
    let mut number = || words.next().and_then(|word| word.parse().ok());
    let version = number().zip(number());
    version
        .zip(words.next().filter(|path| !path.is_empty()))
        .map(|(version, path)| (version, PathBuf::from(path)))
        .ok_or_else(|| SandboxError::NoPython(format!("it said {answer:?} when asked for its version")))
}

/// What a failed program said last.
fn last_lines(output: &Output) -> String {
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(6)..].join("\n")
}

/// A name for a text: it tells versions apart and need not withstand anyone.
fn digest(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_with_its_path() {
        let (version, path) = read_version("3 11 /opt/my python/bin/python3\n").unwrap();
        assert_eq!((version, path), ((3, 11), PathBuf::from("/opt/my python/bin/python3")));
        assert!(version >= OLDEST_PYTHON && (3, 9) < OLDEST_PYTHON);
        for strange in ["", "Python 2.7", "3 11", "3 11 "] {
            assert!(matches!(read_version(strange), Err(SandboxError::NoPython(_))), "{strange:?}");
        }
    }

    #[test]
    fn every_requirement_is_pinned_with_a_hash() {
        let mut names = 0;
        for entry in REQUIREMENTS.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n").replace("\\\n", "").lines() {
            assert!(entry.contains("==") && entry.contains("--hash=sha256:"), "{entry}");
            names += 1;
        }
        assert_eq!(names, 41);
    }
}
