//! A table's draft becomes its part of the model: defaults filled in, `per_region` merged.
use super::{
    checks,
    decode::{AttributeDraft, BillingDraft, Draft, EncryptionDraft, IndexDraft, MemberDraft, ProjectionDraft, ScalingDraft, TableDraft},
    model::{
        Billing, Capacity, Consistency, Encryption, KeyAttribute, Projection, Scaling, Stream, Table, TableClass, TableIndex, TableMember,
        Writes,
    },
    report::At,
};
use crate::resource::Region;

/// What AWS's own console offers (DynamoDB developer guide, "Using the AWS Management Console with DynamoDB auto scaling").
const DEFAULT_TARGET: u8 = 70;

/// The table of a draft that passed every check. `order`: the regions in rollout order.
pub fn table_model(draft: &Draft, table: &TableDraft, name: String, order: &[Region]) -> Option<Table> {
    let codes = checks::member_codes(draft, table);
    let members: Vec<&Region> = order.iter().filter(|region| codes.contains(&region.as_str())).collect();
    let consistency = table.consistency.as_ref().map_or(Consistency::Eventual, |consistency| consistency.value);
    Some(Table {
        name,
        partition_key: key(table.partition_key.as_ref()?)?,
        sort_key: table.sort_key.as_ref().and_then(key),
        consistency,
        witness: table.witness.as_ref().map(|witness| Region::new(&witness.value)),
        writes: table.writes.as_ref().map_or(Writes::AnyRegion, |writes| writes.value),
        ttl_attribute: table.ttl_attribute.as_ref().map(|attribute| attribute.value.clone()),
        table_class: table.table_class.as_ref().map_or(TableClass::Standard, |class| class.value),
        // Replication copies from a stream of new and old images (DynamoDB developer guide, "How global tables work").
        stream: match &table.stream {
            _ if members.len() > 1 && consistency == Consistency::Eventual => Stream::NewAndOldImages,
            Some(stream) => stream.value,
            None => Stream::Unsaid,
        },
        indexes: table.indexes.iter().filter_map(|draft| Some((draft.name.value.clone(), index(table, draft)?))).collect(),
        members: members.into_iter().map(|region| (region.clone(), member(table, region))).collect(),
    })
}

fn key(attribute: &AttributeDraft) -> Option<KeyAttribute> {
    let name = attribute.name.as_ref()?.value.clone();
    Some(KeyAttribute { name, attribute_type: attribute.attribute_type.as_ref()?.value })
}

fn index(table: &TableDraft, index: &IndexDraft) -> Option<TableIndex> {
    let partition_key = if index.is_local() { &table.partition_key } else { &index.partition_key };
    let projection = match &index.projection {
        None => Projection::All,
        Some(ProjectionDraft::Word(word)) => word.clone(),
        Some(ProjectionDraft::Attributes(list)) => {
            Projection::Attributes(list.value.iter().map(|attribute| attribute.value.clone()).collect())
        }
    };
    let sort_key = index.sort_key.as_ref().and_then(key);
    Some(TableIndex { partition_key: key(partition_key.as_ref()?)?, sort_key, projection, local: index.is_local() })
}

fn member(table: &TableDraft, region: &Region) -> TableMember {
    let change = table.per_region.iter().find(|change| change.region.value == region.as_str());
    let MemberDraft { point_in_time_recovery, deletion_protection, billing } = change.map_or(&table.member, |change| &change.member);
    TableMember {
        point_in_time_recovery: point_in_time_recovery.unwrap_or(true),
        deletion_protection: deletion_protection.unwrap_or(true),
        billing: billing.as_ref().and_then(provisioned).map_or(Billing::OnDemand, Billing::Provisioned),
        encryption: match &table.encryption {
            None => Encryption::AwsOwned,
            Some(EncryptionDraft::Word(word)) => word.value.clone(),
            Some(EncryptionDraft::Keys(keys)) => {
                let key = keys.keys.iter().find(|(of, _)| of.value == region.as_str()).and_then(|(_, key)| key.as_ref());
                key.map_or(Encryption::AwsOwned, |key| Encryption::Key(key.value.clone()))
            }
        },
    }
}

fn provisioned(billing: &BillingDraft) -> Option<Capacity> {
    let BillingDraft::Provisioned(capacity) = billing else { return None };
    Some(Capacity { read: scaling(capacity.read.as_ref()?)?, write: scaling(capacity.write.as_ref()?)? })
}

fn scaling(scaling: &ScalingDraft) -> Option<Scaling> {
    let units = |units: &Option<At<u64>>| i32::try_from(units.as_ref()?.value).ok();
    let target = scaling.target.as_ref().map_or(Some(DEFAULT_TARGET), |target| u8::try_from(target.value).ok());
    Some(Scaling { min: units(&scaling.min)?, max: units(&scaling.max)?, target: target? })
}
