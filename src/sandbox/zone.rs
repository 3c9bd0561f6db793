//! The hosted zone that a topology refers to. In AWS it is there before the topology is; in the sandbox nobody made it.
use crate::{
    aws::{Fleet, dns, errors::fault},
    resource::{Fault, Memo, Region},
    topology::Model,
};

use super::Say;

/// Makes the hosted zone of a topology that is to exist and does not; told to whoever runs the command.
///
/// # Errors
/// What the local AWS refused.
pub async fn ensure_zone(fleet: &Fleet, model: &Model, say: Say<'_>) -> Result<(), Fault> {
    let Some(zone) = model.dns.as_ref().map(|dns| &dns.zone).filter(|zone| !zone.create) else { return Ok(()) };
    let home = Region::new(dns::HOME);
    let there = dns::zones_named(fleet, &Memo::default(), std::slice::from_ref(&home), &zone.name).await?;
    if !there.is_empty() {
        return Ok(());
    }
    let ask =
        fleet.route53(&home).await.create_hosted_zone().name(&zone.name).caller_reference(format!("sandbox-{:016x}", fastrand::u64(..)));
    ask.send().await.map_err(fault("route53:CreateHostedZone"))?;
    say(&format!("the local AWS had no hosted zone {}, which the topology takes for granted; it is made now", zone.name));
    Ok(())
}
