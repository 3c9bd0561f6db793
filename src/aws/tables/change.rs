//! How a table changes: one change a call, and what all members share is sent at one of them.
//!
//! Capacity mode, indexes, stream, kind of encryption and TTL are synchronised between the members of a global table (field
//! guide 3.2 item 7). Whoever comes first sends such a change; the others see that a member has it already, and wait until it
//! arrives instead of sending it a second time.
use std::sync::Arc;

use aws_sdk_dynamodb::{operation::update_table::builders::UpdateTableFluentBuilder, types::BillingMode};

use super::{
    Billing, Encryption, Index, Member, NO_STREAM, Spec, UPDATE,
    capacity::{index_names, least, limits, of_index, units, within},
    class_found, global_found, index_under_way,
    indexes::deletion,
    local_found, look_in, member,
    spec::{class_of, definitions, stream_of},
    stream_found,
};
use crate::{
    aws::errors::fault,
    resource::{Change, Class, Cx, Fault, Region, Unmanaged},
    topology::Capacity,
};

type Has = Box<dyn Fn(&Member) -> bool + Send + Sync>;

/// One change that is still to be made.
struct Next {
    /// What it is, for the reader.
    what: String,
    ask: UpdateTableFluentBuilder,
    /// Whether a member has it; nothing for what each member has of its own.
    shared: Option<Has>,
}

/// Sends the first of the changes that UpdateTable still has to make here, when the table is ACTIVE (field guide 3.1 item 9).
/// What differs is read afresh, because re-sending a value that is set already is refused or keeps the table busy for nothing.
/// Whether something was sent: then the rest is for after it.
///
/// # Errors
/// What AWS refused; contention while the table is busy, or while the change is on its way from another region.
pub async fn change(cx: &Cx, name: &str, want: &Spec, changes: &[Change]) -> Result<bool, Fault> {
    let (cx, region) = (&cx.afresh(), cx.region()?);
    let Some(now) = member(cx, region, name).await? else {
        return Err(Fault::new(UPDATE, Class::NotFound, format!("{name} is not in {region}")));
    };
    let ask = cx.fleet.region(region).dynamodb.update_table().table_name(name);
    let limits = limits(cx, name, region).filter(|_| want.billing == Billing::Provisioned);
    let Some(next) = next(&now, want, changes, limits.as_ref(), &ask)? else { return Ok(false) };
    let busy = |message: String| Err(Fault::new(UPDATE, Class::Contention, message));
    if !now.is_active() {
        return busy(format!("{name} is {}", now.word()));
    }
    if let Some(index) = index_under_way(&now) {
        return busy(index);
    }
    if let Some(has) = &next.shared
        && let Some(other) = elsewhere(cx, region, &now, name, has).await
    {
        return busy(format!("{} is on its way from {other}", next.what));
    }
    next.ask.send().await.map_err(fault(UPDATE))?;
    Ok(true)
}

/// Index removals come first, then billing, index creations come last (field guide 3.1 item 9).
fn next(
    now: &Member,
    want: &Spec,
    changes: &[Change],
    limits: Option<&Capacity>,
    ask: &UpdateTableFluentBuilder,
) -> Result<Option<Next>, Fault> {
    let (there, ask) = (global_found(now), ask.clone());
    // What the plan did not show is not lost.
    let is_planned = |name: &str| changes.iter().any(|change| change.is_under(&format!("indexes.{name}")));
    if let Some((name, index)) = there.iter().find(|(name, index)| want.indexes.get(*name) != Some(*index) && is_planned(name)) {
        let (name, old, ask) = (name.clone(), index.clone(), ask.global_secondary_index_updates(deletion(name)?));
        let what = format!("the removal of index {name}");
        return Ok(Some(Next { what, ask, shared: Some(shared(move |member| global_found(member).get(&name) != Some(&old))) }));
    }
    if want.billing == Billing::OnDemand && Billing::found(now) != Billing::OnDemand {
        let shared = Some(shared(|member| Billing::found(member) == Billing::OnDemand));
        return Ok(Some(Next { what: "billing on demand".to_owned(), ask: ask.billing_mode(BillingMode::PayPerRequest), shared }));
    }
    if let Some(limits) = limits
        && let Some(next) = capacity(now, limits, changes, &ask)?
    {
        return Ok(Some(next));
    }
    if let Unmanaged::Managed(word) = &want.stream
        && *word != stream_found(now)
    {
        // Another view of a stream: off, then on again (field guide 3.1 item 9).
        let to = if stream_found(now) == NO_STREAM { word.clone() } else { NO_STREAM.to_owned() };
        let ask = ask.stream_specification(stream_of(&to)?);
        let what = format!("stream {to}");
        // The members of a strongly consistent table have streams of their own (field guide 3.3 item 7).
        let shared = if want.strong.is_some() { None } else { Some(shared(move |member| stream_found(member) == to)) };
        return Ok(Some(Next { what, ask, shared }));
    }
    if want.encryption != Encryption::found(now, Some(&want.encryption)) {
        let ask = ask.sse_specification(want.encryption.specification());
        let wanted = want.encryption.clone();
        // A replica's key cannot be changed from another region (field guide 3.2 item 7).
        let of_its_own = matches!(wanted, Encryption::Key(_));
        let shared = if of_its_own { None } else { Some(shared(move |member| Encryption::found(member, Some(&wanted)) == wanted)) };
        return Ok(Some(Next { what: "encryption".to_owned(), ask, shared }));
    }
    if want.table_class != class_found(now) {
        // A member may differ from the others by an override, so another one that has the class says nothing of this one.
        return Ok(Some(Next { what: "table class".to_owned(), ask: ask.table_class(class_of(&want.table_class)?), shared: None }));
    }
    if want.deletion_protection != now.protected() {
        let ask = ask.deletion_protection_enabled(want.deletion_protection);
        return Ok(Some(Next { what: "deletion protection".to_owned(), ask, shared: None }));
    }
    if let Some((name, index)) = want.indexes.iter().find(|(name, _)| !there.contains_key(*name)) {
        let throughput = limits.map(least).transpose()?;
        let keys = [Some(&want.partition_key), want.sort_key.as_ref()].into_iter().flatten();
        let locals = local_found(now);
        let used = keys.chain(there.values().chain(locals.values()).chain([index]).flat_map(Index::keys));
        let ask = ask.set_attribute_definitions(Some(definitions(used)?)).global_secondary_index_updates(index.creation(name, throughput)?);
        let (what, name, wanted) = (format!("index {name}"), name.clone(), index.clone());
        return Ok(Some(Next { what, ask, shared: Some(shared(move |member| global_found(member).get(&name) == Some(&wanted))) }));
    }
    Ok(None)
}

/// Provisioned capacity, in one call for the table and its global indexes: what it begins with, or what brings it within its
/// limits where a plan has shown that it is outside.
fn capacity(now: &Member, limits: &Capacity, changes: &[Change], ask: &UpdateTableFluentBuilder) -> Result<Option<Next>, Fault> {
    if Billing::found(now) == Billing::OnDemand {
        let updates = index_names(now).map(|name| of_index(name, least(limits)?)).collect::<Result<Vec<_>, _>>()?;
        let ask = ask.clone().billing_mode(BillingMode::Provisioned).provisioned_throughput(least(limits)?);
        // An empty list is refused.
        let ask = ask.set_global_secondary_index_updates(Some(updates).filter(|list| !list.is_empty()));
        let shared = Some(shared(|member| Billing::found(member) == Billing::Provisioned));
        return Ok(Some(Next { what: "provisioned billing".to_owned(), ask, shared }));
    }
    if !changes.iter().any(|change| change.is_under("capacity")) {
        return Ok(None);
    }
    let Some(within) = within(now, limits)? else { return Ok(None) };
    let ask = ask.clone().set_provisioned_throughput(within.table);
    let ask = ask.set_global_secondary_index_updates(Some(within.indexes).filter(|list| !list.is_empty()));
    let writes = within.writes;
    // Reads are each member's own.
    let shared = (!writes.is_empty()).then(|| {
        shared(move |member| {
            let there = units(member);
            writes.iter().all(|(key, units)| there.get(key) == Some(units))
        })
    });
    Ok(Some(Next { what: "capacity".to_owned(), ask, shared }))
}

fn shared(has: impl Fn(&Member) -> bool + Send + Sync + 'static) -> Has {
    Box::new(has)
}

/// A reachable member in another region of which `has` is true.
async fn elsewhere(cx: &Cx, here: &Region, now: &Member, name: &str, has: &Has) -> Option<Region> {
    let others: Vec<(Region, Arc<Member>)> = look_in(cx, &now.others(here), name).await;
    others.into_iter().find(|(_, member)| has(member)).map(|(region, _)| region)
}
