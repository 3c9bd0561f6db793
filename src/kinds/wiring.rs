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
        instance::{Instance, InstanceClusterEndpoint, InstanceClusterReaderEndpoint},
    },
    secretsmanager::secret::SecretArn,
};
use crate::{
    aws::{
        databases::is_for_readers,
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
        // A cluster that does not write is reached by the name for readers only, also to pass writes on (Aurora user guide, "Connecting to
        // Amazon Aurora Global Database"). It goes by the file, like the host of the writer.
        let local = match *region == database.writer {
            true => Given::by(Ref::<ClusterEndpoint>::to(&scope, key)),
            false => Given::by(Ref::<ClusterReaderEndpoint>::to(&scope, key)),
        };
        tell(LOCAL_HOST, local);
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
        let local = |scope: &Scope, text: &str| match is_for_readers(text) {
            true => Given::by(Ref::<InstanceClusterReaderEndpoint>::is(scope, text)),
            false => Given::by(Ref::<InstanceClusterEndpoint>::is(scope, text)),
        };
        is(LOCAL_HOST, local, &scope);
        is(READER_HOST, |scope, text| Given::by(Ref::<ClusterReaderEndpoint>::is(scope, text)), &scope);
        is(PORT, |scope, text| Given::by(Ref::<ClusterPort>::is(scope, text)), &scope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Link;

    fn content(environment: &[(&str, &str)], secrets: &[(&str, &str)]) -> Content {
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), Given::Text((*value).to_owned()));
        let named = |(name, value): &(&str, &str)| ((*name).to_owned(), SecretFrom::Named((*value).to_owned()));
        let empty = serde_json::json!({
            "container": "api", "image": "", "cpu": "", "memory": "", "architecture": "", "port": null, "command": [], "entrypoint": [],
            "environment": {}, "secrets": {}, "health_check": null, "stop_timeout": 30, "others": { "$set": [] },
        });
        let mut content: Content = serde_json::from_value(empty).unwrap();
        content.environment = environment.iter().map(text).collect();
        content.secrets = secrets.iter().map(named).collect();
        content
    }

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/aurora/main-AbCdEf";

    #[test]
    fn a_revision_tells_its_databases_by_its_logins() {
        let (user, password) = (format!("{ARN}:username::"), format!("{ARN}:password::"));
        let variables = [("PG_LOCAL_HOST", "a.b"), ("PG_PORT", "3306"), ("PG_NAME", "shop"), ("OTHER_LOCAL_HOST", "c.d")];
        let mut content = content(&variables, &[("PG_USERNAME", &user), ("PG_PASSWORD", &password), ("KEY", &password)]);
        let own = BTreeMap::new();
        read("shop", &Region::new("eu-west-1"), &own, &mut content);
        let kinds = |given: &Given| match given {
            Given::By(Link::Is { kind, field, value, .. }) => format!("{kind}#{field} {value}"),
            other => other.get().unwrap().to_owned(),
        };
        let told: Vec<String> = content.environment.values().map(kinds).collect();
        assert_eq!(told, ["c.d", "rds.instance#cluster_endpoint a.b", "shop", "rds.cluster#port 3306"]);
        let logins = content
            .secrets
            .values()
            .filter(|from| matches!(from, SecretFrom::Field { secret, .. } if secret.get().is_ok_and(|arn| arn == ARN)));
        assert_eq!(logins.count(), 2, "{:?}", content.secrets);
        assert_eq!(content.secrets["KEY"], SecretFrom::Named(password), "a name without the suffix is the file's own");
    }

    #[test]
    fn what_is_not_ours_or_written_in_the_file_stays_a_text() {
        let password = format!("{ARN}:password::");
        for (stack, own) in [("other", BTreeMap::new()), ("shop", BTreeMap::from([("DB_PASSWORD".to_owned(), password.clone())]))] {
            let mut content = content(&[("DB_LOCAL_HOST", "a.b")], &[("DB_PASSWORD", &password)]);
            read(stack, &Region::new("eu-west-1"), &own, &mut content);
            assert_eq!(content.environment["DB_LOCAL_HOST"], Given::Text("a.b".to_owned()));
            assert_eq!(content.secrets["DB_PASSWORD"], SecretFrom::Named(password.clone()));
        }
    }
}
