//! How the tasks of a service reach the databases it uses: variables with hosts and ports, and the login as ECS secrets.
//!
//! In: the model, and what a revision says. Out: both in the same words, with references, so that a database is there before what
//! uses it and stays until nothing does.
use std::collections::BTreeMap;

use super::{
    ec2::{security_group::of_database, security_group_rules::SecurityGroupRules},
    rds::{
        cluster::{ClusterEndpoint, ClusterPort, ClusterReaderEndpoint},
        global_cluster::GlobalClusterEndpoint,
        instance::{Instance, InstanceClusterEndpoint},
    },
    secretsmanager::secret::SecretArn,
};
use crate::{
    aws::{
        revisions::{Content, SecretFrom},
        secrets::{self, PASSWORD, USERNAME},
    },
    resource::{Addr, Given, Kind, Ref, Region, Scope},
    topology::{Aurora, Model, Peering, ServiceMember},
};

/// What follows the prefix in the names of the variables.
const WRITER_HOST: &str = "_WRITER_HOST";
const LOCAL_HOST: &str = "_LOCAL_HOST";
const READER_HOST: &str = "_READER_HOST";
const PORT: &str = "_PORT";
const NAME: &str = "_NAME";
/// Those of the login, with the field of the secret that each holds.
const LOGIN: [(&str, &str); 2] = [("_USERNAME", USERNAME), ("_PASSWORD", PASSWORD)];

/// Whether tasks in a region reach the writer where the file begins it. Where it is later changes nothing here: a switch of roles
/// must not deploy every service anew.
fn reaches_writer(model: &Model, database: &Aurora, region: &Region) -> bool {
    let is_made = |region: &Region| model.network.as_ref().is_some_and(|network| !network.existing.contains_key(region));
    let is_mesh = model.network.as_ref().is_some_and(|network| network.peering == Peering::Mesh);
    *region == database.writer || is_mesh && is_made(region) && is_made(&database.writer)
}

/// The databases that a service uses in a region, with the prefix of the variables.
fn used<'a>(model: &'a Model, member: &'a ServiceMember) -> impl Iterator<Item = (&'a String, &'a Aurora, &'a str)> {
    let uses = member.aurora.iter();
    uses.filter_map(|(key, uses)| Some((key, model.aurora.get(key)?, uses.env_prefix.as_str())))
}

/// Puts what a service is told of its databases into what its tasks are wanted with.
pub(super) fn add(model: &Model, region: &Region, member: &ServiceMember, content: &mut Content) {
    let scope = Scope::from(region);
    for (key, database, prefix) in used(model, member) {
        let mut tell = |suffix: &str, value: Given| drop(content.environment.insert(format!("{prefix}{suffix}"), value));
        if reaches_writer(model, database, region) {
            tell(WRITER_HOST, Given::by(Ref::<GlobalClusterEndpoint>::to(&Scope::Global, key)));
        }
        tell(LOCAL_HOST, Given::by(Ref::<ClusterEndpoint>::to(&scope, key)));
        tell(READER_HOST, Given::by(Ref::<ClusterReaderEndpoint>::to(&scope, key)));
        tell(PORT, Given::by(Ref::<ClusterPort>::to(&scope, key)));
        if let Some(name) = &database.database_name {
            tell(NAME, Given::Text(name.clone()));
        }
        for (suffix, field) in LOGIN {
            let secret = Given::by(Ref::<SecretArn>::to(&scope, &secrets::address_name(key)));
            content.secrets.insert(format!("{prefix}{suffix}"), SecretFrom::Field { secret, field: field.to_owned() });
        }
    }
}

/// What has to be ready before tasks of a service are of use, though no variable names it: instances that answer, and rules that let
/// the tasks in; those of the region, and those of the writer's where they are reached.
pub(super) fn needs(model: &Model, region: &Region, member: &ServiceMember) -> Vec<Addr> {
    let mut needs = Vec::new();
    for (key, database, _) in used(model, member) {
        let reached = [Some(region), Some(&database.writer).filter(|writer| *writer != region && reaches_writer(model, database, region))];
        for (region, has) in reached.into_iter().flatten().filter_map(|region| Some((region, database.members.get(region)?))) {
            needs.push(Addr::regional(region, SecurityGroupRules::NAME, &of_database(key)));
            needs.extend((1..=has.instances).map(|number| Addr::regional(region, Instance::NAME, &format!("{key}-{number}"))));
        }
    }
    needs
}

/// Reads the databases out of what a revision says: which, by the logins of this stack among its secrets. `own` are the secrets that
/// the file itself gives the service: those stay as they are written.
///
/// The host of the region is what its *instances* give here: they have to stay until nothing uses it, while a lost one is no reason
/// for another revision.
pub(super) fn read(stack: &str, region: &Region, own: &BTreeMap<String, String>, content: &mut Content) {
    let scope = Scope::from(region);
    let mut prefixes = Vec::new();
    for (variable, from) in &mut content.secrets {
        let SecretFrom::Named(named) = from else { continue };
        let Some((secret, field)) = named.strip_suffix("::").and_then(|named| named.rsplit_once(':')) else { continue };
        let Some(prefix) = LOGIN.iter().find(|(_, of)| *of == field).and_then(|(suffix, _)| variable.strip_suffix(suffix)) else {
            continue;
        };
        if own.contains_key(variable) || !secrets::is_login(stack, secret) {
            continue;
        }
        prefixes.push(prefix.to_owned());
        *from = SecretFrom::Field { secret: Given::by(Ref::<SecretArn>::is(&scope, secret)), field: field.to_owned() };
    }
    for prefix in prefixes {
        let mut is = |suffix: &str, by: fn(&Scope, &str) -> Given, scope: &Scope| {
            if let Some(value @ Given::Text(_)) = content.environment.get_mut(&format!("{prefix}{suffix}"))
                && let Given::Text(text) = &*value
            {
                *value = by(scope, text);
            }
        };
        is(WRITER_HOST, |scope, text| Given::by(Ref::<GlobalClusterEndpoint>::is(scope, text)), &Scope::Global);
        is(LOCAL_HOST, |scope, text| Given::by(Ref::<InstanceClusterEndpoint>::is(scope, text)), &scope);
        is(READER_HOST, |scope, text| Given::by(Ref::<ClusterReaderEndpoint>::is(scope, text)), &scope);
        is(PORT, |scope, text| Given::by(Ref::<ClusterPort>::is(scope, text)), &scope);
    }
}
