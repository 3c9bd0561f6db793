//! How a table begins: the first member by CreateTable, every other one by UpdateTable at a member that is there.
use aws_sdk_dynamodb::types::{BillingMode, CreateReplicationGroupMemberAction, ReplicationGroupUpdate};

use super::{
    Billing, CREATE, Encryption, Member, NO_STREAM, Spec, UPDATE,
    capacity::{least, limits},
    marks, member,
    spec::{bug, class_of, schema, stream_of},
    strong::begin,
};
use crate::{
    aws::{
        errors::{fault, maybe},
        tags::dynamodb_tags,
    },
    resource::{Class, Cx, Fault, Region, Unmanaged, Want},
};

/// Makes the first member. What a create cannot carry (TTL, point-in-time recovery) is set by the update after it.
///
/// # Errors
/// What AWS refused; "exists" when the name is taken by somebody else.
pub async fn make(cx: &Cx, want: &Want<Spec>) -> Result<(), Fault> {
    let (region, spec) = (cx.region()?, &want.spec);
    let ask = cx.fleet.region(region).dynamodb.create_table().table_name(&spec.name);
    let throughput = match spec.billing {
        Billing::OnDemand => None,
        Billing::Provisioned => {
            let limits = limits(cx, &spec.name, region).ok_or_else(|| Fault::bug(format!("{} has no limits of capacity", want.addr)))?;
            Some(least(&limits)?)
        }
    };
    let mode = if throughput.is_some() { BillingMode::Provisioned } else { BillingMode::PayPerRequest };
    let ask = ask.billing_mode(mode).set_provisioned_throughput(throughput.clone());
    let ask = ask.set_attribute_definitions(Some(spec.definitions()?));
    let ask = ask.set_key_schema(Some(schema(&spec.partition_key, spec.sort_key.as_ref())?));
    let ask = ask.table_class(class_of(&spec.table_class)?).deletion_protection_enabled(spec.deletion_protection);
    let stream = match &spec.stream {
        Unmanaged::Managed(word) if word != NO_STREAM => Some(stream_of(word)?),
        _ => None,
    };
    let encryption = Some(&spec.encryption).filter(|encryption| **encryption != Encryption::AwsOwned);
    let ask = ask.set_stream_specification(stream).set_sse_specification(encryption.map(Encryption::specification));
    let global = spec.indexes.iter().map(|(name, index)| index.global(name, throughput.clone())).collect::<Result<Vec<_>, _>>()?;
    let local = spec.local_indexes.iter().map(|(name, index)| index.local(name)).collect::<Result<Vec<_>, _>>()?;
    // An empty list is refused.
    let ask = ask.set_global_secondary_indexes(Some(global).filter(|list| !list.is_empty()));
    let ask = ask.set_local_secondary_indexes(Some(local).filter(|list| !list.is_empty()));
    let ask = ask.set_tags(Some(dynamodb_tags(cx.owner.to_send(&want.addr, &spec.tags))?));
    let refused = match ask.send().await.map_err(fault(CREATE)) {
        Ok(_) => return Ok(()),
        Err(refused) if refused.class == Class::Exists => refused,
        Err(refused) => return Err(refused),
    };
    // The name is taken: by us, when an earlier answer was lost.
    let Some(there) = member(&cx.afresh(), region, &spec.name).await? else { return Err(refused) };
    match maybe(marks(&cx.afresh(), region, &there).await)? {
        Some(marks) if marks.stack.as_deref() == Some(&*cx.owner.stack) => Ok(()),
        Some(_) => Err(refused),
        None => Err(Fault { class: Class::Contention, ..refused }),
    }
}

/// Adds a member here at the one that is there longest, as the only change of the call (field guide 3.2 item 4). Adding
/// always at the same member keeps DynamoDB's 24-hour rule to one table.
///
/// # Errors
/// What AWS refused; contention while the source is busy.
pub async fn join(cx: &Cx, spec: &Spec, source: &Region, member: &Member) -> Result<(), Fault> {
    let (region, name) = (cx.region()?, &spec.name);
    if member.others(source).contains(region) {
        return Ok(()); // An earlier answer was lost.
    }
    if !member.is_active() {
        return Err(Fault::new(UPDATE, Class::Contention, format!("{name} in {source} is {}", member.word())));
    }
    let add = CreateReplicationGroupMemberAction::builder().region_name(region.as_str());
    if let Some(strong) = &spec.strong {
        return begin(cx, spec, strong, source, member).await;
    }
    // Keys of one's own and of AWS never mix (field guide 3.2 item 3): while the source still has another kind of key, this member
    // begins like it and changes with it.
    let add = match (&spec.encryption, Encryption::found(member, None)) {
        (Encryption::Key(arn), Encryption::Key(_)) => add.kms_master_key_id(arn),
        _ => add,
    };
    let ask = cx.fleet.region(source).dynamodb.update_table().table_name(name);
    let ask = ask.replica_updates(ReplicationGroupUpdate::builder().create(add.build().map_err(bug)?).build());
    ask.send().await.map_err(fault(UPDATE)).map(drop)
}
