//! One local AWS for all tests of a run. It ends when the test process does, however that ends.
use std::{path::PathBuf, sync::OnceLock};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use mrctl::{
    aws::{
        Fleet,
        inject::Injector,
        wire::{Recorder, Wire},
    },
    sandbox::{self, Private, Running},
};

use super::strict::Strict;

/// Where the emulators are installed: the user's cache, so that they are fetched once for mrctl and its tests.
pub fn home() -> PathBuf {
    mrctl::cli::sandbox::home().expect("a home folder")
}

/// The shared local AWS. Tests keep apart by account, see [`fresh_account`].
pub fn running() -> &'static Running {
    static SHARED: OnceLock<Private> = OnceLock::new();
    let start = || {
        let started = sandbox::private(&home(), sandbox::ACCOUNT, &mut |message| eprintln!("sandbox: {message}"));
        started.unwrap_or_else(|why| panic!("these tests need the local AWS: {why}"))
    };
    SHARED.get_or_init(start).running()
}

/// What stands in front of it and refuses what AWS refuses.
pub fn strict() -> &'static Strict {
    static SHARED: OnceLock<Strict> = OnceLock::new();
    SHARED.get_or_init(|| Strict::start(running()))
}

/// An account that no other test uses. As access key it keeps everything of a test apart, in both emulators: MiniStack takes
/// twelve digits for an account, and moto is made to do so too (`src/sandbox/patches/moto.py`).
pub fn fresh_account() -> String {
    format!("{:012}", fastrand::u64(100_000_000_000..1_000_000_000_000))
}

/// The configuration for one account of the local AWS; the strict layer sends each service to its emulator.
pub fn config(account: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(&strict().endpoint)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(account, "sandbox", None, None, "tests")))
        .build()
}

/// Clients for one account, and the list of the calls they make.
pub fn fleet(account: &str) -> (Fleet, Recorder) {
    let recorder = Recorder::default();
    (Fleet::new(config(account), Wire::new(false).with_recorder(recorder.clone())), recorder)
}

/// The same, with faults.
pub fn fleet_with(account: &str, injector: Injector) -> (Fleet, Recorder) {
    let recorder = Recorder::default();
    (Fleet::new(config(account), Wire::new(false).with_injector(injector).with_recorder(recorder.clone())), recorder)
}
