//! Which versions of an engine a region has for global databases.
use std::sync::Arc;

use crate::{
    aws::errors::fault,
    resource::{Cx, Fault, Region},
};

pub const DESCRIBE_VERSIONS: &str = "rds:DescribeDBEngineVersions";

/// All that can be made now, as AWS writes them, read once an observation; AWS leaves out those that it has retired (RDS API reference,
/// "DescribeDBEngineVersions").
///
/// # Errors
/// What AWS refused.
pub async fn offered(cx: &Cx, region: &Region, engine: &str) -> Result<Arc<Vec<String>>, Fault> {
    let ask = || async {
        let mut pages = cx.fleet.region(region).rds.describe_db_engine_versions().engine(engine).into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(seen) = pages.next().await {
            let seen = seen.map_err(fault(DESCRIBE_VERSIONS))?;
            if seen.supports_global_databases() != Some(false) {
                all.extend(seen.engine_version().map(str::to_owned));
            }
        }
        Ok(all)
    };
    cx.memo.once(format!("{DESCRIBE_VERSIONS}/{region}/{engine}"), ask).await
}
