//! The section `network`.
use super::{Block, NAT_GATEWAYS, PEERING, Place, Reading};
use crate::topology::{
    model::{NatGateways, Peering},
    node::Value,
    report::{At, Span},
};

/// The section `network`.
pub struct NetworkDraft {
    pub key: Span,
    pub zones: Option<Zones>,
    pub nat_gateways: Option<At<NatGateways>>,
    /// The span is that of the key.
    pub endpoints: Option<At<Vec<At<String>>>>,
    pub peering: Option<At<Peering>>,
    pub existing: Vec<(At<String>, Option<ExistingDraft>)>,
}

/// `availability_zones`.
pub enum Zones {
    Count(At<u64>),
    /// The span is that of the key.
    Ids(At<Vec<At<String>>>),
}

/// `network.existing.<region>`.
pub struct ExistingDraft {
    pub vpc: Option<At<String>>,
    pub public_subnets: Vec<At<String>>,
    pub private_subnets: Vec<At<String>>,
}

/// The section, when its key is there: `network:` alone asks for a network with every default.
pub fn network(reading: &mut Reading, top: &mut Block<'_>) -> Option<NetworkDraft> {
    let entry = top.entry(reading, "network")?;
    let (path, place) = ("network", Place { node: &entry.value, key: entry.key.span });
    let mut block =
        if entry.value.is_null() { Block::over("network", path, place.key, &[]) } else { reading.block(place, path, "network")? };
    let draft = NetworkDraft {
        key: place.key,
        zones: block.optional(reading, "availability_zones", zones),
        nat_gateways: block.optional(reading, "nat_gateways", |r, place, path| r.choice(place, path, NAT_GATEWAYS)),
        endpoints: block.optional(reading, "endpoints", |r, place, path| r.texts(place, path)),
        peering: block.optional(reading, "peering", |r, place, path| r.choice(place, path, PEERING)),
        existing: block.optional(reading, "existing", existing).unwrap_or_default(),
    };
    block.finish(reading);
    Some(draft)
}

fn zones(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Zones> {
    match &place.node.value {
        Value::List(_) => reading.texts(place, path).map(Zones::Ids),
        Value::Map(_) => {
            reading.wrong_type(place, path, "a number or a list of zone ids", "write `3`, or `[use1-az1, use1-az2, …]`");
            None
        }
        Value::Scalar { .. } => reading.whole_number(place, path).map(Zones::Count),
    }
}

fn existing(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Vec<(At<String>, Option<ExistingDraft>)>> {
    let entries = reading.entries(place, path)?;
    let existing = entries.iter().map(|entry| {
        let path = format!("{path}.{}", entry.key.value);
        let place = Place { node: &entry.value, key: entry.key.span };
        let draft = reading.block(place, &path, "existing_network").map(|mut block| {
            let mut subnets = |reading: &mut Reading, key| {
                block.optional(reading, key, |r, place, path| r.texts(place, path)).map(|list| list.value).unwrap_or_default()
            };
            let public_subnets = subnets(reading, "public_subnets");
            let private_subnets = subnets(reading, "private_subnets");
            let vpc = block
                .required(reading, "vpc", "name the VPC by its id: `vpc: vpc-0123456789abcdef0`", |r, place, path| r.text(place, path));
            block.finish(reading);
            ExistingDraft { vpc, public_subnets, private_subnets }
        });
        (entry.key.clone(), draft)
    });
    Some(existing.collect())
}
