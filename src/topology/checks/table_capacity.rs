//! Provisioned capacity: the limits between which AWS scales.
use crate::topology::{
    codes,
    decode::{BillingDraft, MemberDraft, ScalingDraft, TableDraft},
    report::{At, Problem, Span},
};

/// `MinCapacity` and `MaxCapacity` are integers of 32 bits (Application Auto Scaling API reference, "RegisterScalableTarget").
const MOST: u64 = i32::MAX as u64;
/// Read and write units of a table, each (Service, account, and table quotas in Amazon DynamoDB).
const QUOTA: u64 = 40_000;
/// DynamoDB developer guide, "Managing throughput capacity automatically with DynamoDB auto scaling".
const TARGETS: std::ops::RangeInclusive<u64> = 20..=90;

/// Of the table itself and of every region that says otherwise; what both have is reported once.
pub fn capacity(table: &TableDraft, problems: &mut Vec<Problem>) {
    let members = std::iter::once(&table.member).chain(table.per_region.iter().map(|change| &change.member));
    for MemberDraft { billing, .. } in members {
        if let Some(BillingDraft::Provisioned(capacity)) = billing {
            [&capacity.read, &capacity.write].into_iter().flatten().for_each(|scaling| limits(scaling, problems));
        }
    }
}

fn limits(scaling: &ScalingDraft, problems: &mut Vec<Problem>) {
    let path = &scaling.path;
    let mut refuse = |message: String, span: Span, label: &str, help: &str| {
        problems.push(Problem::new(codes::TABLE_CAPACITY, message).at(span, label).help(help));
    };
    let all = [("min", &scaling.min), ("max", &scaling.max)];
    let mut are_possible = true;
    for (key, units) in all.iter().filter_map(|(key, units)| Some((key, units.as_ref()?))) {
        if !(1..=MOST).contains(&units.value) {
            are_possible = false;
            refuse(
                format!("`{path}.{key}` cannot be {}", units.value),
                units.span,
                "not 1 to 2147483647",
                "write a whole number of capacity units, at least 1",
            );
        }
    }
    if let (Some(min), Some(max)) = (&scaling.min, &scaling.max)
        && min.value > max.value
        && are_possible
    {
        let message = format!("`{path}` can never be met: `min` is above `max`");
        refuse(message, min.span, "above `max`", "write the smaller number as `min`; they may be equal");
    }
    if let Some(At { value, span }) = &scaling.target
        && !TARGETS.contains(value)
    {
        let help = "it is the part of the capacity that is to be used, in percent: 70 is the default";
        refuse(format!("`{path}.target` cannot be {value}"), *span, "not 20 to 90", help);
    }
    if let Some(At { value, span }) = scaling.max.as_ref().filter(|max| (QUOTA + 1..=MOST).contains(&max.value)) {
        problems.push(
            Problem::new(codes::TABLE_CAPACITY_QUOTA, format!("`{path}.max` of {value} is more than an account usually may have"))
                .at(*span, "the default quota is 40000")
                .help("ask AWS to raise the quota of read or write capacity units of a table, if that has not been done"),
        );
    }
}
