//! Facts: what has to be known about an account before anyone can say what is wanted in it.
use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use super::{Addr, Doc, Found, Posture, Region};

/// One availability zone, by the id that means the same place in every account (`use1-az1`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Zone {
    pub id: String,
}

/// A VPC that the topology refers to and never touches, as AWS shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingVpc {
    pub id: String,
    /// Every IPv4 range, the first one first.
    pub ranges: Vec<Ipv4Net>,
    pub dns_support: bool,
    pub dns_hostnames: bool,
}

/// One of its subnets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingSubnet {
    pub id: String,
    pub vpc: String,
    pub zone: Zone,
    pub range: Ipv4Net,
}

/// `network.existing` of one region, as far as it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExistingFacts {
    pub vpc: Option<ExistingVpc>,
    /// In the order of the file; without those that are not there.
    pub private_subnets: Vec<ExistingSubnet>,
    pub public_subnets: Vec<ExistingSubnet>,
}

/// A public hosted zone that the topology refers to, as AWS shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingHostedZone {
    /// Without `/hostedzone/`.
    pub id: String,
    /// The domains for which somebody else's record in it says already what ACM wants to see.
    pub validated: BTreeSet<String>,
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
    /// The networks that the topology refers to, of each region that answered.
    pub existing: BTreeMap<Region, ExistingFacts>,
    /// The hosted zone that `dns.zone` names; nothing when it is not there or Route 53 did not answer.
    pub hosted_zone: Option<ExistingHostedZone>,
    /// Ids of posture items that the user wants to have as the file says after all (`--restore-posture`).
    pub restore: BTreeSet<String>,
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

    /// A text of the topology with `{account}` filled in; `(account)` when AWS was not asked.
    #[must_use]
    pub fn with_account(&self, text: &str) -> String {
        text.replace("{account}", self.account.as_deref().unwrap_or("(account)"))
    }

    /// Whether what others set at this address stays (posture): not when the user asked for it to be restored. `kind` is the word
    /// that the posture item's id begins with, for example `weight`.
    #[must_use]
    pub fn keeps(&self, kind: &'static str, addr: &Addr) -> bool {
        !self.restore.contains(&Posture::id_of(kind, addr))
    }

    /// The zones of a region in order of preference; nothing when the region was not asked or did not answer.
    #[must_use]
    pub fn zones_of(&self, region: &Region) -> Option<&[Zone]> {
        self.zones.get(region).map(Vec::as_slice)
    }
}
