//! Facts: what has to be known about an account before anyone can say what is wanted in it.
use std::collections::BTreeMap;

use super::{Addr, Doc, Found, Region};

/// One availability zone, by the id that means the same place in every account (`use1-az1`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Zone {
    pub id: String,
}

/// Read first, then given to `Kind::desired`.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The account's twelve digits; unknown offline.
    pub account: Option<String>,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: Option<String>,
    /// The zones of each region that answered, in the order in which they are to be used.
    pub zones: BTreeMap<Region, Vec<Zone>>,
    /// What was found, by address: some wants keep what was decided when a thing was made (a subnet its zone).
    pub found: BTreeMap<Addr, Found<Doc>>,
}

/// What stands in a document for a value that only AWS can tell, when AWS was not asked.
pub const KNOWN_AT_PLAN: &str = "(known at plan)";

impl Facts {
    /// What is found at an address, when it is readable as `field` of its spec.
    #[must_use]
    pub fn found_field(&self, addr: &Addr, field: &str) -> Option<&str> {
        self.found.get(addr)?.spec.get(field)?.as_str()
    }

    /// The zones of a region in order of preference; nothing when the region was not asked or did not answer.
    #[must_use]
    pub fn zones_of(&self, region: &Region) -> Option<&[Zone]> {
        self.zones.get(region).map(Vec::as_slice)
    }
}
