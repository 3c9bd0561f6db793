//! A global database's draft becomes its part of the model: defaults filled in, `per_region` merged. The checks judge by the same
//! functions.
use super::{
    decode::{AuroraDraft, AuroraEncryptionDraft, AuroraMemberDraft, Draft, UsesAuroraDraft},
    model::{Aurora, AuroraCapacity, AuroraEncryption, AuroraMember, OnDestroy, UsesAurora},
    report::At,
};
use crate::resource::Region;

/// Two, so that a zone may go.
const INSTANCES: u64 = 2;
const BACKUP_RETENTION_DAYS: u64 = 7;
/// No engine reserves it.
const MASTER_USERNAME: &str = "dbadmin";

/// The global database of a draft that passed every check. `order`: the regions in rollout order.
pub fn aurora_model(draft: &Draft, aurora: &AuroraDraft, order: &[Region]) -> Option<Aurora> {
    let codes = region_codes(draft, aurora);
    let members = order.iter().filter(|region| codes.contains(&region.as_str()));
    Some(Aurora {
        engine: aurora.engine.as_ref()?.value,
        engine_version: aurora.engine_version.as_ref()?.value.clone(),
        writer: Region::new(&aurora.writer.as_ref()?.value),
        members: members.map(|region| Some((region.clone(), member(aurora, region.as_str())?))).collect::<Option<_>>()?,
        database_name: aurora.database_name.as_ref().map(|name| name.value.clone()),
        master_username: aurora.master_username.as_ref().map_or_else(|| MASTER_USERNAME.to_owned(), |name| name.value.clone()),
        on_destroy: aurora.on_destroy.as_ref().map_or_else(OnDestroy::default, |given| given.value),
    })
}

/// The regions of a global database, in the order of the file.
pub fn region_codes<'a>(draft: &'a Draft, aurora: &AuroraDraft) -> Vec<&'a str> {
    let wanted = |code: &&str| aurora.regions.as_ref().is_none_or(|list| list.value.iter().any(|region| region.value == *code));
    draft.region_codes().into_iter().filter(wanted).collect()
}

/// How many instances a cluster has.
pub fn instances(member: &AuroraMemberDraft) -> u64 {
    member.instances.as_ref().map_or(INSTANCES, |given| given.value)
}

/// Whether a cluster passes writes on to the writer.
pub fn forwards_writes(member: &AuroraMemberDraft) -> bool {
    // As AWS has it.
    member.write_forwarding.as_ref().is_some_and(|given| given.value)
}

/// What the variables of a service begin with that are about a database, without the underscore after it.
pub fn env_prefix(uses: &UsesAuroraDraft) -> String {
    let default = || format!("DB_{}", uses.key.value.to_uppercase().replace('-', "_"));
    uses.env_prefix.as_ref().map_or_else(default, |given| given.value.clone())
}

/// What a service uses of a database.
pub fn uses_model(uses: &UsesAuroraDraft) -> UsesAurora {
    UsesAurora { env_prefix: env_prefix(uses) }
}

fn member(aurora: &AuroraDraft, region: &str) -> Option<AuroraMember> {
    let member = aurora.member_in(region);
    let small = |number: u64| u32::try_from(number).ok();
    let serverless = |given: &Option<At<u64>>| small(given.as_ref()?.value);
    let capacity = match (&member.instance_class, &member.serverless) {
        (Some(class), _) => AuroraCapacity::Class(class.value.clone()),
        (None, limits) => {
            let limits = limits.as_ref()?;
            AuroraCapacity::Serverless { min: serverless(&limits.min)?, max: serverless(&limits.max)? }
        }
    };
    Some(AuroraMember {
        capacity,
        instances: small(instances(member))?,
        write_forwarding: forwards_writes(member),
        backup_retention_days: small(member.backup_retention_days.as_ref().map_or(BACKUP_RETENTION_DAYS, |days| days.value))?,
        deletion_protection: member.deletion_protection.as_ref().is_none_or(|given| given.value),
        encryption: match &aurora.encryption {
            None => AuroraEncryption::AwsManaged,
            Some(AuroraEncryptionDraft::Word(word)) => word.value.clone(),
            Some(AuroraEncryptionDraft::Keys(keys)) => {
                let key = keys.keys.iter().find(|(of, _)| of.value == region).and_then(|(_, key)| key.as_ref());
                key.map_or(AuroraEncryption::AwsManaged, |key| AuroraEncryption::Key(key.value.clone()))
            }
        },
        parameters: member.parameters.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect(),
    })
}
