//! What AWS shows of a cluster and of the members of its global cluster, as a document.
use std::collections::BTreeSet;

use aws_sdk_rds::types::{DbCluster, WriteForwardingStatus};

use super::{Cluster, ClusterArn, ClusterEndpoint, ClusterId, ClusterPort, ClusterReaderEndpoint, Spec};
use crate::{
    aws::{
        databases::{self, DESCRIBE_GLOBAL, ENCRYPTED_BY, cluster_name, instance_name, region_of, tag},
        secrets::PASSWORD_FROM,
        tags::addr_of,
    },
    resource::{Addr, Class, Cx, Fault, Found, Kind, Outputs, Ref, Scope, Unmanaged, Unordered},
    topology::Aurora,
};

/// The most that a cluster has (field guide 4.4 item 1: one that writes and fifteen that read).
const MOST_INSTANCES: u32 = 16;

/// Capacity units as halves of one: Aurora knows no smaller steps.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 256 units (field guide 4.3 item 3)")]
fn half(units: f64) -> u32 {
    (units * 2.0).round() as u32
}

impl Cluster {
    pub(super) fn outputs(seen: &DbCluster) -> Outputs {
        let outputs = Outputs::of::<ClusterId>(seen.db_cluster_identifier().unwrap_or_default())
            .with::<ClusterArn>(seen.db_cluster_arn().unwrap_or_default())
            .with::<ClusterPort>(seen.port().unwrap_or_default().to_string());
        let outputs = databases::endpoint_of(seen).into_iter().fold(outputs, |outputs, own| outputs.with::<ClusterEndpoint>(own));
        seen.reader_endpoint().into_iter().fold(outputs, |outputs, own| outputs.with::<ClusterReaderEndpoint>(own))
    }

    /// The instances in a cluster that do not carry this stack's mark. One that the list does not show yet is told by its name.
    async fn foreign_instances(cx: &Cx, seen: &DbCluster, addr: &Addr) -> Result<Vec<String>, Fault> {
        let region = cx.region()?;
        if seen.db_cluster_members().is_empty() {
            return Ok(Vec::new());
        }
        let all = databases::instances(cx, region).await?;
        let own: Vec<String> = (1..=MOST_INSTANCES).map(|number| instance_name(&cx.owner.stack, &addr.name, region, number)).collect();
        let is_ours = |name: &&str| match all.iter().find(|one| one.db_instance_identifier() == Some(name)) {
            // What is on its way out is waited for.
            Some(one) if one.db_instance_status() == Some("deleting") => true,
            Some(one) => databases::marks(one.tag_list()).stack.as_deref() == Some(&*cx.owner.stack),
            None => own.iter().any(|own| own == name),
        };
        let inside = seen.db_cluster_members().iter().filter_map(|one| one.db_instance_identifier());
        Ok(inside.filter(|name| !is_ours(name)).map(str::to_owned).collect())
    }

    /// One that AWS shows, when it is ours or stands where ours should.
    pub(super) async fn found(cx: &Cx, seen: &DbCluster) -> Result<Option<Found<Spec>>, Fault> {
        let region = cx.region()?;
        let (Some(name), Some(arn)) = (seen.db_cluster_identifier(), seen.db_cluster_arn()) else { return Ok(None) };
        let marks = databases::marks(seen.tag_list());
        let marked = addr_of(cx, Self::NAME, &marks);
        let of_file = |(key, database): (&'_ String, &'_ Aurora)| {
            let is_named = database.members.contains_key(region) && cluster_name(&cx.owner.stack, key, region) == name;
            is_named.then(|| Self::address(region, key))
        };
        let ours = marked.is_some();
        let Some(addr) = marked.or_else(|| cx.model.aurora.iter().find_map(of_file)) else { return Ok(None) };
        let of = databases::membership(cx, arn).await?;
        if of.is_none() && seen.global_cluster_identifier().is_some_and(|global| !global.is_empty()) {
            // Each is asked of another list, and they may not agree for a while: it does not stand alone.
            return Err(Fault::new(DESCRIBE_GLOBAL, Class::Contention, format!("{name} does not show among the members yet")));
        }
        let is_writer = of.as_ref().is_none_or(|of| of.is_writer);
        let forwards = seen.global_write_forwarding_requested() == Some(true)
            || matches!(seen.global_write_forwarding_status(), Some(WriteForwardingStatus::Enabled | WriteForwardingStatus::Enabling));
        let groups = seen.vpc_security_groups().iter().filter_map(|group| group.vpc_security_group_id());
        let scaling = seen.serverless_v2_scaling_configuration();
        let scaling = scaling.and_then(|scaling| Some([half(scaling.min_capacity()?), half(scaling.max_capacity()?)]));
        let writer = of.as_ref().filter(|of| !of.is_writer).and_then(|of| of.writer.as_deref());
        let copies = writer.and_then(|arn| Some(Ref::is(&Scope::from(&region_of(arn)?), arn)));
        let reboot = seen
            .db_cluster_members()
            .iter()
            .filter(|one| one.db_cluster_parameter_group_status() == Some("pending-reboot"))
            .filter_map(|one| one.db_instance_identifier().map(str::to_owned));
        let foreign = Self::foreign_instances(cx, seen, &addr).await?;
        let encryption = tag(seen.tag_list(), ENCRYPTED_BY).filter(|_| seen.storage_encrypted() == Some(true)).or(seen.kms_key_id());
        let spec = Spec {
            name: name.to_owned(),
            global_cluster: of.as_ref().map(|of| Ref::is(&Scope::Global, &of.global)),
            engine: seen.engine().unwrap_or_default().to_owned(),
            engine_version: seen.engine_version().unwrap_or_default().to_owned(),
            subnet_group: Ref::is(&cx.scope, seen.db_subnet_group().unwrap_or_default()),
            parameter_group: Ref::is(&cx.scope, seen.db_cluster_parameter_group().unwrap_or_default()),
            security_groups: Unordered(groups.map(|id| Ref::is(&cx.scope, id)).collect()),
            encryption: encryption.unwrap_or("none").to_owned(),
            backup_retention_days: seen.backup_retention_period().unwrap_or_default(),
            deletion_protection: seen.deletion_protection() == Some(true),
            half_capacity_units: Unmanaged::Managed(scaling),
            write_forwarding: Unmanaged::Managed(forwards),
            password_from: Unmanaged::Managed(Ref::is(&cx.scope, tag(seen.tag_list(), PASSWORD_FROM).unwrap_or_default())),
            role: Unmanaged::Managed(if is_writer { "writer" } else { "secondary" }.to_owned()),
            copies: copies.map_or(Unmanaged::Any, Unmanaged::Managed),
            others: Unmanaged::Managed(of.as_ref().map(|of| of.others.clone()).unwrap_or_default()),
            foreign_instances: Unmanaged::Managed(foreign),
            waits_for_reboot: Unmanaged::Managed(reboot.collect::<BTreeSet<_>>().into_iter().collect()),
            tags: marks.tags,
        };
        // The order of removal of a lane: what is oldest goes last, and the writer's has no age.
        let is_last = of.as_ref().is_some_and(|of| of.is_writer);
        let born = databases::at(seen.cluster_create_time()).filter(|_| !is_last);
        let life = databases::life_of(seen.status().unwrap_or_default());
        Ok(Some(Found { addr, id: name.to_owned(), spec, outputs: Self::outputs(seen), life, ours, born }))
    }
}
