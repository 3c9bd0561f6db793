//! Which regions the account has enabled.
use std::collections::BTreeSet;

use aws_sdk_ec2::types::Filter;

use super::{Fleet, errors::fault, hedge::first_of};
use crate::resource::{Fault, Region};

/// The regions that are open to the account: those enabled by default and those it has opted in to (EC2 API reference,
/// DescribeRegions, filter `opt-in-status`). Any of the regions in `ask` may answer.
///
/// # Errors
/// None of them answered.
pub async fn enabled(fleet: &Fleet, ask: &[Region]) -> Result<BTreeSet<Region>, Fault> {
    first_of(ask, |region| async move {
        let open = Filter::builder().name("opt-in-status").values("opt-in-not-required").values("opted-in").build();
        let answer = fleet.region(&region).ec2.describe_regions().filters(open).send().await.map_err(fault("ec2:DescribeRegions"))?;
        Ok(answer.regions().iter().filter_map(|region| region.region_name()).map(Region::new).collect())
    })
    .await
}
