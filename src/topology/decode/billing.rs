//! `tables.KEY.billing`.
use super::{Place, Reading};
use crate::topology::{
    codes,
    node::{Value, shortened},
    report::{At, Problem},
};

const ON_DEMAND: &str = "on_demand";

/// `billing`: a word, or limits of capacity.
#[derive(Clone)]
pub enum BillingDraft {
    OnDemand,
    Provisioned(Box<CapacityDraft>),
}

/// `{ read: …, write: … }`.
#[derive(Clone)]
pub struct CapacityDraft {
    pub read: Option<ScalingDraft>,
    pub write: Option<ScalingDraft>,
}

/// `{ min: …, max: …, target: … }`.
#[derive(Clone)]
pub struct ScalingDraft {
    /// `tables.Orders.billing.read`.
    pub path: String,
    pub min: Option<At<u64>>,
    pub max: Option<At<u64>>,
    pub target: Option<At<u64>>,
}

pub fn billing(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<BillingDraft> {
    let Value::Map(_) = place.node.value else {
        let word = reading.text(place, path)?;
        if word.value == ON_DEMAND {
            return Some(BillingDraft::OnDemand);
        }
        reading.problems.push(
            Problem::new(codes::DECODE_CHOICE, format!("`{path}` cannot be `{}`", shortened(&word.value)))
                .at(word.span, "not one of the possible values")
                .help("it can be `on_demand`, or limits: `{ read: { min: 5, max: 100 }, write: { min: 5, max: 100 } }`"),
        );
        return None;
    };
    let mut block = reading.block(place, path, "capacity")?;
    let hint = |key: &str| format!("write `{key}: {{ min: 5, max: 100, target: 70 }}`");
    let draft = CapacityDraft {
        read: block.required(reading, "read", &hint("read"), scaling),
        write: block.required(reading, "write", &hint("write"), scaling),
    };
    block.finish(reading);
    Some(BillingDraft::Provisioned(Box::new(draft)))
}

fn scaling(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<ScalingDraft> {
    let mut block = reading.block(place, path, "scaling")?;
    let draft = ScalingDraft {
        path: path.to_owned(),
        min: block.required(reading, "min", "say the fewest capacity units: `min: 5`", |r, place, path| r.whole_number(place, path)),
        max: block.required(reading, "max", "say the most capacity units: `max: 100`", |r, place, path| r.whole_number(place, path)),
        target: block.optional(reading, "target", |r, place, path| r.whole_number(place, path)),
    };
    block.finish(reading);
    Some(draft)
}
