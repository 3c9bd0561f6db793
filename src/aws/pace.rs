//! Calls that AWS lets through only a few at a time: they are spread out beforehand, not hammered and refused.
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::resource::Region;

/// CreateVpcEndpoint, ModifyVpcEndpoint and DeleteVpcEndpoints share a bucket of four calls a region (EC2 API reference,
/// "Request throttling").
pub const ENDPOINT_BURST: u32 = 4;
/// DescribeTimeToLive allows ten calls a second in a region (DynamoDB developer guide, "Constraints in Amazon DynamoDB"): a burst
/// and what follows it within a second stay below.
pub const EXPIRY_BURST: u32 = 3;
pub const EXPIRY_EVERY: Duration = Duration::from_millis(150);
/// Calls to Route 53 at once, of any kind; how the rest follows stands in `Timing`.
pub const DNS_BURST: u32 = 2;

/// A bucket of calls for each region, refilled one at a time.
#[derive(Debug)]
pub struct Pace {
    burst: u32,
    every: Duration,
    /// When the bucket of a region would be full again.
    full_at: Mutex<BTreeMap<Region, Instant>>,
}

impl Pace {
    /// `burst` calls at once, then one for each `every`.
    #[must_use]
    pub const fn new(burst: u32, every: Duration) -> Self {
        Self { burst, every, full_at: Mutex::new(BTreeMap::new()) }
    }

    /// Waits until a call in that region fits.
    pub async fn turn(&self, region: &Region) {
        let now = Instant::now();
        let at = {
            let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = full_at.entry(region.clone()).or_insert(now);
            *entry = (*entry).max(now) + self.every;
            // The bucket holds a call again as soon as it lacks no more than all but one.
            *entry - self.every * self.burst
        };
        if at > now {
            sleep_until(at).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_in_turn() {
        let (pace, region, began) = (Pace::new(4, Duration::from_secs(3)), Region::new("eu-west-1"), Instant::now());
        let mut waited = Vec::new();
        for _ in 0..7 {
            pace.turn(&region).await;
            waited.push(began.elapsed().as_secs());
        }
        assert_eq!(waited, [0, 0, 0, 0, 3, 6, 9]);
        pace.turn(&Region::new("us-east-1")).await;
        assert_eq!(began.elapsed().as_secs(), 9, "another region has a bucket of its own");
    }
}
