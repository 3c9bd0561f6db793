//! The password of a database: set on the writer's cluster, and noted on every one.
use aws_sdk_rds::types::DbCluster;

use super::{Cluster, MODIFY};
use crate::{
    aws::{
        databases::{self, Membership, name_in, region_of, tag},
        errors::fault,
        secrets::{self, PASSWORD_FROM},
    },
    resource::{Addr, Class, Cx, Fault},
};

impl Cluster {
    /// Sets the password from the secret, and then says so. A copy has its writer's and is only told, once the writer has it. `version` is
    /// that of the secret when the plan was made.
    pub(super) async fn set_password(cx: &Cx, addr: &Addr, now: &DbCluster, of: Option<&Membership>, version: &str) -> Result<(), Fault> {
        let (region, login) = (cx.region()?, secrets::login(cx, &addr.name).await?);
        let id = now.db_cluster_identifier().unwrap_or_default();
        if login.version != version {
            let message = "the secret has got another version since the plan was made: run the same command again";
            return Err(Fault::new(MODIFY, Class::Invalid, message));
        }
        if of.is_none_or(|of| of.is_writer) {
            // Whose login the secret holds instead is left out: that is part of its value.
            if let Some(user) = now.master_username().filter(|user| !user.is_empty() && *user != login.username) {
                let message = format!(
                    "the secret {} does not hold the login of `{user}`, the user of the database; nothing was set from it: put `{user}` and \
                     its password back (`aws secretsmanager put-secret-value`), then run the same command again",
                    secrets::name_of(&cx.owner.stack, &addr.name)
                );
                return Err(Fault::new(MODIFY, Class::Invalid, message));
            }
            let ask = cx.fleet.region(region).rds.modify_db_cluster().db_cluster_identifier(id).apply_immediately(true);
            ask.master_user_password(login.password()).send().await.map_err(fault(MODIFY))?;
        } else {
            let Some(writer) = of.and_then(|of| of.writer.as_deref()) else {
                return Err(databases::busy(MODIFY, "the global cluster", "between two writers"));
            };
            let Some(at) = region_of(writer) else { return Err(Fault::bug(format!("no region in {writer}"))) };
            let of_writer = databases::cluster(cx, &at, name_in(writer)).await?;
            let stack = of_writer.as_ref().and_then(|of| databases::marks(of.tag_list()).stack);
            if of_writer.is_some() && stack.as_deref() != Some(&*cx.owner.stack) {
                let message = format!("{writer} writes now and is not this stack's: its password is set by whoever owns it");
                return Err(Fault::new(MODIFY, Class::Invalid, message));
            }
            if of_writer.as_ref().and_then(|of| tag(of.tag_list(), PASSWORD_FROM)) != Some(version) {
                return Err(databases::busy(MODIFY, name_in(writer), "without that password yet"));
            }
        }
        let label = [(PASSWORD_FROM.to_owned(), login.version)].into();
        databases::change_tags(cx, region, now.db_cluster_arn().unwrap_or_default(), (label, Vec::new())).await
    }
}
