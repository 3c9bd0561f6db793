//! The sweep: where in the account this stack has something, also in regions that the file does not name (any more).
//!
//! Both answers are hints. The tagging index lags, shows what is gone and does not know every type; EC2's own tags know only
//! EC2 (field guide 1.3). A hit makes a region worth observing, and observing confirms it. What neither knows is found by names:
//! records (`dns::regions_of_records`) and roles (`roles::regions_of_roles`).
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use aws_sdk_resourcegroupstagging::types::TagFilter;
use futures::future::join_all;

use super::{enabled::enabled, errors::fault, tags::filter};
use crate::resource::{
    Class, Cx, Fault, Region,
    owner::{self, Marks, STACK},
};

/// How long a region may take to be searched.
const LIMIT: Duration = Duration::from_secs(5);

/// What the sweep saw.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    /// Regions with something of this stack.
    pub hits: BTreeSet<Region>,
    /// Enabled regions that did not answer, and why.
    pub not_searched: BTreeMap<Region, Fault>,
}

/// Searches every enabled region, side by side. Which they are is asked in `ask`, usually the regions of the file.
///
/// # Errors
/// No region told which regions are enabled.
pub async fn sweep(cx: &Cx, ask: &[Region]) -> Result<Sweep, Fault> {
    let regions = enabled(&cx.fleet, ask).await?;
    let search = |region: Region| async move {
        let late = |_| Err(Fault::new("tag:GetResources", Class::Unclear, format!("no answer within {} seconds", LIMIT.as_secs())));
        let answer = tokio::time::timeout(LIMIT, hits(cx, &region)).await.unwrap_or_else(late);
        (region, answer)
    };
    let mut sweep = Sweep::default();
    for (region, answer) in join_all(regions.into_iter().map(search)).await {
        match answer {
            Ok(hits) => sweep.hits.extend(hits),
            Err(fault) => drop(sweep.not_searched.insert(region, fault)),
        }
    }
    Ok(sweep)
}

/// The regions with something of this stack, as one of them knows it.
async fn hits(cx: &Cx, region: &Region) -> Result<BTreeSet<Region>, Fault> {
    let (in_ec2, in_index) = tokio::join!(in_ec2(cx, region), tagged(cx, region));
    let auxiliary = cx.model.auxiliary();
    // What is read in an auxiliary region anyway is no reason to read all of it.
    let is_read = |line: &&Tagged, at: &Region| auxiliary.contains(at) && ["sns", "cloudwatch"].contains(&line.service());
    let lines = in_index.iter().flat_map(|tagged| &**tagged);
    let lines = lines.filter_map(|line| Some((line, line.region(&cx.owner.stack)?))).filter(|(line, at)| !is_read(line, at));
    let mut hits: BTreeSet<Region> = lines.map(|(_, region)| region).collect();
    match (in_ec2, in_index) {
        (Ok(true), _) => drop(hits.insert(region.clone())),
        (Ok(false), Ok(_)) => {}
        (Err(_), Ok(_)) if hits.contains(region) => {}
        (Err(fault), _) | (_, Err(fault)) => return Err(fault),
    }
    Ok(hits)
}

/// One call: whether there is anything, not what.
async fn in_ec2(cx: &Cx, region: &Region) -> Result<bool, Fault> {
    let ask = cx.fleet.region(region).ec2.describe_tags().filters(filter("key", STACK)).filters(filter("value", &cx.owner.stack));
    let mut pages = ask.into_paginator().send();
    // EC2 may give an empty page with a token behind it.
    while let Some(page) = pages.next().await {
        if !page.map_err(fault("ec2:DescribeTags"))?.tags().is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One line of the tagging index.
#[derive(Clone, Debug)]
pub struct Tagged {
    pub arn: String,
    pub marks: Marks,
}

impl Tagged {
    /// As it stands in its ARN.
    fn service(&self) -> &str {
        self.arn.split(':').nth(2).unwrap_or_default()
    }

    /// Where it is: by its ARN, or, where that names no region, by the address it is marked with. The index of one region
    /// lists what belongs to none.
    fn region(&self, stack: &str) -> Option<Region> {
        match self.arn.split(':').nth(3) {
            Some(region) if !region.is_empty() => Some(Region::new(region)),
            _ => self.marks.addr_in(stack)?.region().cloned(),
        }
    }
}

/// What the tagging index has for this stack in a region, asked once an observation.
///
/// # Errors
/// What AWS refused.
pub async fn tagged(cx: &Cx, region: &Region) -> Result<Arc<Vec<Tagged>>, Fault> {
    cx.memo
        .once(format!("tag:GetResources/{region}"), || async {
            let of_this_stack = TagFilter::builder().key(STACK).values(&cx.owner.stack).build();
            let mut pages = cx.fleet.region(region).tagging.get_resources().tag_filters(of_this_stack).into_paginator().items().send();
            let mut tagged = Vec::new();
            while let Some(line) = pages.next().await {
                let line = line.map_err(fault("tag:GetResources"))?;
                let marks = owner::read(line.tags().iter().map(|tag| (tag.key(), tag.value())));
                let Some(arn) = line.resource_arn() else { continue };
                tagged.push(Tagged { arn: arn.to_owned(), marks });
            }
            Ok(tagged)
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_region_in_its_arn_is_where_its_address_says() {
        let at = |arn: &str, address: &str| {
            let marks = owner::read([("mrctl:stack", "shop"), ("mrctl:resource", address)]);
            Tagged { arn: arn.to_owned(), marks }.region("shop").map(|region| region.to_string())
        };
        let role = "arn:aws:iam::123456789012:role/mrctl/shop/shop-eu-west-1-api-task";
        assert_eq!(at(role, "eu-west-1/iam.role/api-task").as_deref(), Some("eu-west-1"));
        assert_eq!(at("arn:aws:route53:::healthcheck/1", "global/route53.health_check/api.example.com-eu-west-1"), None);
        let table = "arn:aws:dynamodb:us-east-1:123456789012:table/shop-Orders";
        assert_eq!(at(table, "eu-west-1/dynamodb.table/Orders").as_deref(), Some("us-east-1"));
    }
}
