//! The section `aurora`, and what a service uses of it.
use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::resource::Region;

/// One entry of `aurora`: an Aurora global database.
#[derive(Clone, Debug, PartialEq)]
pub struct Aurora {
    pub engine: AuroraEngine,
    /// As AWS writes it, for example `8.0.mysql_aurora.3.08.0` or `16.11`; the same in every region.
    pub engine_version: String,
    /// Where the first writer is made; one of `members`. Where it is now is posture.
    pub writer: Region,
    /// The regions with a cluster, in rollout order, each with its own settings (`per_region` is merged).
    pub members: IndexMap<Region, AuroraMember>,
    /// The database that Aurora makes with the first writer; nothing: none.
    pub database_name: Option<String>,
    pub master_username: String,
    pub on_destroy: OnDestroy,
}

/// One region's cluster of a global database.
#[derive(Clone, Debug, PartialEq)]
pub struct AuroraMember {
    pub capacity: AuroraCapacity,
    /// 0 is a headless secondary.
    pub instances: u32,
    /// Whether a cluster that is not the writer's passes writes on to the writer.
    pub write_forwarding: bool,
    /// 1 to 35.
    pub backup_retention_days: u32,
    /// Of the cluster; the global cluster is protected where the first writer is made with protection.
    pub deletion_protection: bool,
    pub encryption: AuroraEncryption,
    /// Of the cluster's own parameter group, by name.
    pub parameters: BTreeMap<String, String>,
}

/// `engine`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuroraEngine {
    Mysql,
    Postgresql,
}

impl AuroraEngine {
    /// AWS's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mysql => "aurora-mysql",
            Self::Postgresql => "aurora-postgresql",
        }
    }

    /// The port that clusters of the engine listen on unless told otherwise.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Mysql => 3306,
            Self::Postgresql => 5432,
        }
    }
}

/// `instance_class` or `serverless`.
#[derive(Clone, Debug, PartialEq)]
pub enum AuroraCapacity {
    /// For example `db.r6g.large`.
    Class(String),
    /// Aurora Serverless v2, in half capacity units (ACU): 16 are 8 ACU.
    Serverless { min: u32, max: u32 },
}

/// Who holds the key that a cluster is encrypted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuroraEncryption {
    /// `alias/aws/rds` of the region.
    AwsManaged,
    /// The ARN of a KMS key of the region.
    Key(String),
}

/// `on_destroy`: what becomes of the data when the writer's cluster is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnDestroy {
    #[default]
    Snapshot,
    Skip,
}

/// `uses.aurora`: a global database that a service uses, with the names of its variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsesAurora {
    /// What its variables begin with, without the underscore after it: `DB_MAIN` for the key `main` unless `env_prefix` says otherwise.
    pub env_prefix: String,
}
