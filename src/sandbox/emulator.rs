//! Which emulators make up the sandbox: what each is, how it is started, and which services it answers for.
use std::path::Path;

/// Which services are sent to an emulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Serves {
    /// All that no other emulator claims: its address is `AWS_ENDPOINT_URL`.
    TheRest,
    /// Only these, each through `AWS_ENDPOINT_URL_<SERVICE>`; names as in that variable, for example `ROUTE_53`.
    Only(&'static [&'static str]),
}

/// How one emulator is to be started.
pub(super) struct Setup<'a> {
    pub port: u16,
    pub account: &'a str,
    /// Told back by the emulator, so that it is known to be this one and not another program on the same port.
    pub token: &'a str,
    /// A folder of its own for whatever it writes.
    pub scratch: &'a Path,
}

/// One emulator.
pub(super) struct Emulator {
    pub name: &'static str,
    /// The Python module whose `main` serves.
    pub module: &'static str,
    pub serves: Serves,
    /// A Python program that runs before it serves: what it lacks and mrctl needs, so that nothing else has to know.
    pub patches: &'static str,
    /// The settings it is started with.
    pub settings: fn(&Setup<'_>) -> Vec<(&'static str, String)>,
    /// Variables of the user's shell that would change what it does.
    pub not_inherited: &'static [&'static str],
    /// A path that answers 200 once it serves, with the token somewhere in the body.
    pub health: &'static str,
}

/// What all emulators need, pinned with hashes.
pub(super) const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The emulators. Both see the same account, and take an access key of twelve digits for another one.
pub(super) const EMULATORS: [&Emulator; 2] = [&MINISTACK, &MOTO];

const MINISTACK: Emulator = Emulator {
    name: "MiniStack",
    module: "ministack.app",
    serves: Serves::TheRest,
    patches: concat!(
        include_str!("patches/ministack.py"),
        "\n\n",
        include_str!("patches/ministack_load_balancing.py"),
        "\n\n",
        include_str!("patches/ministack_rds.py"),
        "\n\n",
        include_str!("patches/ministack_cbor.py"),
        "\n\n",
        include_str!("patches/ministack_cloudwatch.py"),
        "\n\n",
        include_str!("patches/ministack_sns.py"),
        "\n\n",
        include_str!("patches/ministack_accounts.py")
    ),
    settings: |setup| {
        let scratch = setup.scratch.display();
        vec![
            ("BIND_HOST", "127.0.0.1".to_owned()),
            ("GATEWAY_PORT", setup.port.to_string()),
            ("MINISTACK_ACCOUNT_ID", setup.account.to_owned()),
            // Only ever told back, under `edition` in its health answer.
            ("MINISTACK_EDITION", setup.token.to_owned()),
            ("LOG_LEVEL", "WARNING".to_owned()),
            ("TMPDIR", scratch.to_string()),
            ("STATE_DIR", format!("{scratch}/state")),
            ("S3_DATA_DIR", format!("{scratch}/s3")),
            ("PERSIST_STATE", "0".to_owned()),
            ("S3_PERSIST", "0".to_owned()),
            // It runs databases and tasks in containers where it finds a daemon; the sandbox has nothing outside this process.
            ("DOCKER_HOST", format!("unix://{scratch}/no-docker")),
        ]
    },
    not_inherited: &[
        "SERVICES",
        "AUTH",
        "USE_SSL",
        "EDGE_PORT",
        "LOCALSTACK_PERSISTENCE",
        "MINISTACK_HOST",
        "MINISTACK_REGION",
        "CLOUDTRAIL_RECORDING",
        "SFTP_ENABLED",
        "IOT_MTLS_ENABLED",
    ],
    health: "/_ministack/health",
};

/// What MiniStack does not have, or not with what mrctl needs of it: replicas and recovery windows of secrets, for example.
const MOTO: Emulator = Emulator {
    name: "moto",
    module: "moto.server",
    serves: Serves::Only(&["ROUTE_53", "APPLICATION_AUTO_SCALING", "SECRETS_MANAGER", "SERVICE_QUOTAS"]),
    patches: include_str!("patches/moto.py"),
    settings: |setup| {
        vec![
            // It binds 127.0.0.1 unless told otherwise.
            ("MOTO_PORT", setup.port.to_string()),
            ("MOTO_ACCOUNT_ID", setup.account.to_owned()),
            ("MRCTL_SANDBOX_TOKEN", setup.token.to_owned()),
            ("TMPDIR", setup.scratch.display().to_string()),
        ]
    },
    not_inherited: &[
        "INITIAL_NO_AUTH_ACTION_COUNT",
        "MOTO_ALLOW_NONEXISTENT_REGION",
        "MOTO_ENABLE_ISO_REGIONS",
        "MOTO_IAM_LOAD_MANAGED_POLICIES",
        "TEST_PROXY_MODE",
        "TEST_SERVER_MODE",
    ],
    health: "/_mrctl/health",
};

/// The variables that no emulator may see: it must never act with the user's own credentials.
pub(super) const CREDENTIALS: [&str; 6] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
];
