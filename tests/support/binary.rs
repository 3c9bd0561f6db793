//! The real binary against the local AWS.
use std::{path::PathBuf, process::Output};

use serde_json::Value;
use tempfile::TempDir;

use super::sandbox::{fresh_account, strict};

/// A folder with one topology, and an account that nobody else uses.
pub struct Place {
    folder: TempDir,
    pub account: String,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), account: fresh_account() }
    }

    /// A place with a topology in it.
    pub fn with(topology: &str) -> Self {
        let place = Self::new();
        place.write(topology);
        place
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("topology.yaml")
    }

    pub fn write(&self, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(), text).unwrap();
    }

    /// The binary with these arguments, not started yet.
    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mrctl"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("AWS_ENDPOINT_URL", &strict().endpoint)
            .env("AWS_ACCESS_KEY_ID", &self.account)
            .env("AWS_SECRET_ACCESS_KEY", "sandbox")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("NO_COLOR", "1");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(&[], arguments)
    }

    /// The same, with more in the environment.
    pub fn run_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
        self.command(arguments).envs(environment.iter().copied()).output().unwrap()
    }

    /// Runs and expects an exit code; gives what was said on both streams.
    pub fn expect(&self, code: i32, arguments: &[&str]) -> String {
        self.expect_with(&[], code, arguments)
    }

    /// The same, with more in the environment.
    pub fn expect_with(&self, environment: &[(&str, &str)], code: i32, arguments: &[&str]) -> String {
        let output = self.run_with(environment, arguments);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let file = std::fs::read_to_string(self.path()).unwrap_or_default();
        assert_eq!(output.status.code(), Some(code), "mrctl {}\n{said}\nof\n{file}", arguments.join(" "));
        said
    }

    /// The plan as JSON, whatever the exit code.
    pub fn plan(&self, arguments: &[&str]) -> Value {
        self.plan_everywhere(&[&["--no-sweep"], arguments].concat())
    }

    /// The same, over every region of the account.
    pub fn plan_everywhere(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["plan", "--format", "json"], arguments].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// The plan is empty and holds nothing back, and another apply does not send a single call that could change something: it
    /// would be killed by it.
    pub fn is_converged(&self) {
        let output = self.run(&["plan", "--detailed-exitcode", "--no-sweep", "--format", "json"]);
        let plan = String::from_utf8_lossy(&output.stdout);
        let others = not_kept(&serde_json::from_str(&plan).unwrap_or_default());
        assert_eq!((output.status.code(), others), (Some(0), Some(0)), "{plan}\n{}", String::from_utf8_lossy(&output.stderr));
        self.expect(0, &["--inject", "kill@1:before", "apply", "--yes", "--no-sweep"]);
    }

    /// Removes everything the stack has, data included; after that nothing of it is found.
    pub fn destroy(&self, stack: &str) {
        self.expect(0, &["destroy", "--yes", "--confirm", stack, "--allow-data-loss", "all", "--no-sweep"]);
        let left = self.plan(&["--destroy"]);
        assert_eq!(left["steps"].as_array().map(Vec::len), Some(0), "{left:#}");
    }
}

/// How many steps of a plan are anything else than "as wanted".
pub fn not_kept(plan: &Value) -> Option<u64> {
    let others = plan["summary"].as_object()?.iter().filter(|(action, _)| *action != "keep");
    Some(others.filter_map(|(_, count)| count.as_u64()).sum())
}

/// Works through all items on several threads: most of the time a run waits for the emulator.
pub fn side_by_side<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    work(item);
                }
            });
        }
    });
}
