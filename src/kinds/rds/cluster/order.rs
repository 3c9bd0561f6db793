//! In which order the clusters of one database are begun, upgraded and told of a password, by the roles that were found.
use super::{Cluster, Spec};
use crate::{
    aws::{
        databases::{is_later, major},
        secrets,
    },
    kinds::{
        rds::{global_cluster, instance::Instance},
        secretsmanager::secret::Secret,
    },
    resource::{Addr, Doc, Facts, Found, Kind, Region, Unmanaged, Want},
    topology::Aurora,
};

/// A database of the file, and what was found of it.
pub struct Database<'a> {
    key: &'a str,
    file: &'a Aurora,
    facts: &'a Facts,
    /// Where it writes now, or where it is to begin.
    writer: Region,
}

impl<'a> Database<'a> {
    /// `key` names it in the file.
    pub fn new(key: &'a str, file: &'a Aurora, facts: &'a Facts) -> Self {
        Self { key, file, facts, writer: global_cluster::writer(key, file, facts).0 }
    }

    fn found(&self, region: &Region) -> Option<&Found<Doc>> {
        self.facts.found.get(&Cluster::address(region, self.key)).filter(|found| found.ours)
    }

    fn version(&self, region: &Region) -> Option<&str> {
        let spec = &self.found(region)?.spec;
        let is_same_engine = spec.get("engine")?.as_str() == Some(self.file.engine.as_str());
        spec.get("engine_version")?.as_str().filter(|_| is_same_engine)
    }

    fn upgrades(&self, region: &Region) -> bool {
        self.version(region).is_some_and(|now| is_later(&self.file.engine_version, now))
    }

    fn is_major(&self, now: &str) -> bool {
        let engine = self.file.engine.as_str();
        major(engine, now) != major(engine, &self.file.engine_version)
    }

    fn has_instance(&self, region: &Region) -> bool {
        self.facts.found.contains_key(&Instance::address(region, self.key, 1))
    }

    fn regions(&self) -> impl Iterator<Item = &Region> {
        self.file.members.keys()
    }

    /// Clusters that were found and are copies.
    fn copies(&self) -> impl Iterator<Item = &Region> {
        self.regions().filter(|region| **region != self.writer && self.found(region).is_some())
    }

    /// Why a cluster of it cannot be upgraded now; nothing: it can. AWS upgrades none without an instance (field guide 4.4 item 7), and
    /// one that cannot be seen may be in the way.
    fn stuck(&self) -> Option<String> {
        let members = global_cluster::members(self.key, self.facts);
        let unseen = members.iter().find(|region| self.file.members.contains_key(*region) && self.found(region).is_none());
        let unseen = unseen.map(|region| format!("the cluster in {region} goes first, and it cannot be seen now"));
        let headless = || self.copies().find(|region| self.upgrades(region) && !self.has_instance(region));
        unseen.or_else(|| headless().map(|region| format!("{} goes first, and cannot", Cluster::address(region, self.key))))
    }

    /// Why the global cluster cannot bring all its members from the major version `now` to that of the file; nothing: it can, or it
    /// has it already.
    pub fn holds_major(&self, now: &str) -> Option<String> {
        let engine = self.file.engine.as_str();
        let is_same_engine = self.facts.found_field(&global_cluster::GlobalCluster::address(self.key), "engine") == Some(engine);
        let wanted = major(engine, &self.file.engine_version);
        if now == wanted || !is_same_engine {
            return None;
        }
        if is_later(now, &wanted) { Some(self.goes_back(now)) } else { self.stuck() }
    }

    fn goes_back(&self, now: &str) -> String {
        format!("AWS never takes a database back from {now} to {}: write the `engine_version` that it has", self.file.engine_version)
    }

    /// Whether the writer's cluster has to be made anew, alone or with its global cluster.
    fn is_renewed(&self, wants: &[Want<Spec>]) -> bool {
        let Some(found) = self.found(&self.writer) else { return false };
        let Some(want) = wants.iter().find(|want| want.addr.region() == Some(&self.writer)) else { return false };
        let is = |field: &str, wanted: &str| found.spec.get(field).and_then(|now| now.as_str()) == Some(wanted);
        let global = self.facts.found.get(&global_cluster::GlobalCluster::address(self.key));
        let of_global = |field: &str| global.and_then(|global| global.spec.get(field)?.as_str());
        let (name, user) = (of_global("database_name"), of_global("master_username"));
        let begins_anew = name != self.file.database_name.as_deref() || user.is_some_and(|user| user != self.file.master_username);
        !is("engine", &want.spec.engine) || !is("encryption", &want.spec.encryption) || global.is_some() && begins_anew
    }

    fn secret(&self, region: &Region) -> Addr {
        Addr::regional(region, Secret::NAME, &secrets::address_name(self.key))
    }

    /// Orders what is wanted of its clusters: a copy is begun when the writer has an instance, minor versions go up in the copies first
    /// (field guide 4.5), a password is set at the writer first. A version that AWS has brought further than the file stays.
    pub fn order(&self, wants: &mut [Want<Spec>]) {
        let is_writers = |want: &Want<Spec>| want.addr.region() == Some(&self.writer);
        for want in wants.iter_mut().filter(|want| is_writers(want)) {
            want.spec.write_forwarding = Unmanaged::Any;
        }
        let is_renewed = self.is_renewed(wants);
        for want in wants.iter_mut() {
            let Some(region) = want.addr.region().cloned() else { continue };
            // One that is made is told the password of that moment, and says itself which.
            if is_renewed || self.found(&region).is_none() {
                want.spec.password_from = Unmanaged::Any;
                want.after.push(self.secret(&region));
            }
        }
        if is_renewed {
            // Begun anew, and so where the file says.
            let first = Instance::address(&self.file.writer, self.key, 1);
            let others = wants.iter_mut().filter(|want| want.addr.region() != Some(&self.file.writer));
            return others.for_each(|want| want.after.push(first.clone()));
        }
        let upgrading = self.regions().any(|region| self.upgrades(region));
        let stuck = self.stuck();
        let is_stale = self.is_stale();
        for want in wants.iter_mut() {
            let Some(region) = want.addr.region().cloned() else { continue };
            self.versions(&region, want);
            let writes = is_writers(want);
            if writes && upgrading {
                want.after.extend(self.copies().map(|region| Cluster::address(region, self.key)));
                want.hold = want.hold.take().or_else(|| stuck.clone().filter(|_| self.upgrades(&region)));
            } else if !writes && self.found(&region).is_none() {
                want.after.push(Instance::address(&self.writer, self.key, 1));
            } else if self.upgrades(&region) && !self.has_instance(&region) {
                want.hold = Some("AWS upgrades a cluster only when it has an instance: give it `instances: 1` for the upgrade".to_owned());
            } else if !writes && self.found(&self.writer).is_none() {
                // Somebody else's cluster writes, or one that does not answer: its password is not ours to set, and a copy has none.
                want.spec.password_from = Unmanaged::Any;
            } else if !writes && is_stale {
                // Both at once would go in a circle: the label of a copy then follows with the next plan.
                if upgrading {
                    want.spec.password_from = Unmanaged::Any;
                } else {
                    want.after.push(Cluster::address(&self.writer, self.key));
                }
            }
        }
    }

    /// The version that a cluster is wanted with: AWS brings some further by itself, and none goes back. A new copy has its writer's.
    fn versions(&self, region: &Region, want: &mut Want<Spec>) {
        let is_there = self.found(region).is_some();
        let Some(now) = self.version(if is_there { region } else { &self.writer }) else { return };
        let is_ahead = is_later(now, &self.file.engine_version);
        if is_ahead && self.is_major(now) {
            want.hold = Some(self.goes_back(now));
        } else if is_ahead {
            now.clone_into(&mut want.spec.engine_version);
        } else if !is_there && now != self.file.engine_version {
            want.after.push(Cluster::address(&self.writer, self.key));
        }
    }

    /// Whether the writer has another password than the secret.
    fn is_stale(&self) -> bool {
        let version = self.facts.found.get(&self.secret(&self.writer)).and_then(|found| found.outputs.get("version"));
        let password = self.found(&self.writer).and_then(|found| found.spec.pointer("/password_from/$ref/is")?.as_str());
        password.is_some() && password != version
    }
}
