//! Time to live: which attribute lets items expire. It has calls of its own and a limit of one change an hour.
use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{TimeToLiveSpecification, TimeToLiveStatus};
use jiff::{Timestamp, ToSpan};

use super::{look_in, spec::bug};
use crate::{
    aws::errors::{fault, maybe},
    resource::{Class, Cx, Fault, Region},
};

const READ: &str = "dynamodb:DescribeTimeToLive";
const CHANGE: &str = "dynamodb:UpdateTimeToLive";
/// The attribute that lets items expire, asked once an observation and no faster than DynamoDB allows. A setting that is on its
/// way counts as what it will be.
///
/// # Errors
/// What AWS refused.
pub async fn expires_by(cx: &Cx, region: &Region, name: &str) -> Result<Option<String>, Fault> {
    let ask = || async {
        cx.fleet.expiry_turn(region).await;
        let ask = cx.fleet.region(region).dynamodb.describe_time_to_live().table_name(name);
        // While a table is being made there is nothing to ask (field guide 3.1 item 5).
        let seen = maybe(ask.send().await.map_err(fault(READ)))?.and_then(|seen| seen.time_to_live_description);
        let on = |status: Option<&TimeToLiveStatus>| matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling));
        Ok(seen.filter(|seen| on(seen.time_to_live_status())).and_then(|seen| seen.attribute_name))
    };
    cx.memo.once(format!("{READ}/{region}/{name}"), ask).await.map(|attribute| Option::clone(&attribute))
}

/// Sets or changes the attribute that lets items expire.
///
/// # Errors
/// What AWS refused; blocked for an hour where another attribute takes two changes; contention while the change is on its way
/// from another region.
pub async fn expire_by(cx: &Cx, name: &str, others: &BTreeSet<Region>, wanted: Option<&str>) -> Result<(), Fault> {
    let (cx, region) = (&cx.afresh(), cx.region()?);
    let now = expires_by(cx, region, name).await?;
    if now.as_deref() == wanted {
        return Ok(());
    }
    for (other, _) in look_in(cx, others, name).await {
        if expires_by(cx, &other, name).await.is_ok_and(|attribute| attribute.as_deref() == wanted) {
            return Err(Fault::new(CHANGE, Class::Contention, format!("time to live is on its way from {other}")));
        }
    }
    // Another attribute: off, then on.
    let (attribute, on) = match (&now, wanted) {
        (Some(now), _) => (now.as_str(), false),
        (None, Some(wanted)) => (wanted, true),
        (None, None) => return Ok(()),
    };
    let change = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(on).build().map_err(bug)?;
    let ask = cx.fleet.region(region).dynamodb.update_time_to_live().table_name(name).time_to_live_specification(change);
    ask.send().await.map_err(fault(CHANGE))?;
    if !on && let Some(wanted) = wanted {
        let message = format!("`{attribute}` lets nothing expire any more; DynamoDB takes `{wanted}` an hour later");
        return Err(Fault::new(CHANGE, Class::Blocked(Timestamp::now().checked_add(1.hour()).ok()), message));
    }
    Ok(())
}
