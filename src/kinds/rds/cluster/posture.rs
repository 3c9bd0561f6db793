//! What others did to the clusters of a database that no plan undoes.
use std::collections::BTreeMap;

use super::{Cluster, Spec};
use crate::{
    aws::databases::{self, region_of},
    resource::{Addr, Found, Posture, Unmanaged},
    topology::Model,
};

/// A cluster that AWS, or somebody, has brought further than the file: it is never taken back.
fn ahead(model: &Model, found: &Found<Spec>) -> Option<Posture> {
    let database = model.aurora.get(&*found.addr.name).filter(|database| found.ours && database.engine.as_str() == found.spec.engine)?;
    let (now, wanted) = (&found.spec.engine_version, &database.engine_version);
    let message = format!("AWS runs {now}, which is later than {wanted} of the file; it stays, so write `engine_version: {now}`");
    let item = || Posture::new("engine-version", found.addr.clone(), serde_json::json!(wanted), serde_json::json!(now), message);
    databases::is_later(now, wanted).then(item)
}

/// Versions ahead of the file, members that neither the file names nor our mark covers, and what waits for a reboot.
pub(super) fn of(model: &Model, found: &[Found<Spec>]) -> Vec<Posture> {
    let mut posture: Vec<Posture> = found.iter().filter_map(|one| ahead(model, one)).collect();
    let known: Vec<&str> = found.iter().filter(|one| one.ours).filter_map(|one| one.outputs.get("arn")).collect();
    let mut foreign = BTreeMap::new();
    for one in found.iter().filter(|one| one.ours) {
        if let Unmanaged::Managed(instances) = &one.spec.waits_for_reboot
            && !instances.is_empty()
        {
            let message = format!("{} take changed parameters only with a reboot", instances.join(", "));
            let (none, all) = (serde_json::json!([]), serde_json::json!(instances));
            posture.push(Posture::new("reboot", one.addr.clone(), none, all, message));
        }
        if let Unmanaged::Managed(instances) = &one.spec.foreign_instances
            && !instances.is_empty()
        {
            let message = format!("has instances that are not this stack's and are left alone: {}", instances.join(", "));
            posture.push(Posture::new("instance", one.addr.clone(), serde_json::json!([]), serde_json::json!(instances), message));
        }
        let Unmanaged::Managed(others) = &one.spec.others else { continue };
        let members = model.aurora.get(&*one.addr.name).map(|database| &database.members);
        for arn in others.iter().filter(|arn| !known.contains(&arn.as_str())) {
            let Some(region) = region_of(arn).filter(|region| members.is_none_or(|members| !members.contains_key(region))) else {
                continue;
            };
            foreign.insert(Cluster::address(&region, &one.addr.name), arn.clone());
        }
    }
    let item = |(addr, arn): (Addr, String)| {
        let message = format!("{arn} is a member of the global cluster and not this stack's; it is left alone");
        Posture::new("member", addr, serde_json::Value::Null, serde_json::json!(arn), message)
    };
    posture.extend(foreign.into_iter().map(item));
    posture
}
