//! The real binary, in a folder and an account of its own.
use std::process::{Command, Output};

use tempfile::TempDir;

use super::sandbox::{fresh_account, running};

/// One stack's topology and account.
pub struct Stack {
    pub folder: TempDir,
    pub account: String,
}

impl Stack {
    pub fn new(topology: &str) -> Self {
        let stack = Self { folder: TempDir::new().unwrap(), account: fresh_account() };
        stack.write(topology);
        stack
    }

    pub fn write(&self, topology: &str) {
        std::fs::write(self.folder.path().join("topology.yaml"), topology).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mrctl"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("AWS_ENDPOINT_URL", &running().endpoint)
            .env("AWS_ACCESS_KEY_ID", &self.account)
            .env("AWS_SECRET_ACCESS_KEY", "sandbox")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("NO_COLOR", "1");
        command
    }

    /// Runs and expects an exit code; gives what was said on both streams.
    pub fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
        assert_eq!(status.code(), Some(code), "mrctl {}\n{said}", arguments.join(" "));
        said
    }

    /// The JSON plan.
    pub fn plan(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.command(&["plan", "--format", "json"]).args(arguments).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}
