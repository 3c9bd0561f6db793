//! Quotas: how many of a kind AWS lets an account have.
use std::collections::BTreeMap;

use futures::future::BoxFuture;

use super::{Cx, Fault};

/// An AWS quota of which every resource of a kind takes one.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// As Service Quotas has it: `vpc`.
    pub service: &'static str,
    /// As Service Quotas has it: `L-F678F1CE`.
    pub code: &'static str,
    /// Its name there, for the reader.
    pub name: &'static str,
    /// Whether each availability zone has it for itself. What takes one is then in the zone of what it refers to: of its subnet.
    pub per_zone: bool,
    pub in_use: Count,
}

/// How many are taken in the region of a context by an account (unknown when it could not be read), whoever made them.
pub type Count = for<'a> fn(&'a Cx, Option<&'a str>) -> BoxFuture<'a, Result<InUse, Fault>>;

/// How many are taken, by zone id; for a quota of a whole region under [`EVERYWHERE`].
pub type InUse = BTreeMap<String, u64>;

/// The place of a quota that has no zones.
pub const EVERYWHERE: &str = "";

/// What was read of a quota in one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    pub limit: u64,
    pub in_use: InUse,
}
