//! The world of the puppets: things, faults, kills, silent regions.
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use mrctl::resource::{Addr, Class, Doc, Fault, Found, Life, Link, Outputs, Region, Scope, Status, Traits, Want, doc::links};
use serde_json::json;
use tokio_util::sync::CancellationToken;

mrctl::outputs! { "p.any": Id = "id" }

pub struct Thing {
    pub addr: Addr,
    pub id: String,
    pub spec: Doc,
    pub ours: bool,
    pub broken: bool,
    pub making: u32,
    pub leaving: Option<u32>,
    pub born: i64,
}

pub struct World {
    pub things: Vec<Thing>,
    pub wanted: Vec<(Addr, Doc)>,
    pub rng: fastrand::Rng,
    pub made: i64,
    /// In percent, for each mutation.
    pub faults: u32,
    pub breaks: u32,
    pub slow: u32,
    /// For how many reads what is made unfinished stays unseen, though it is ready.
    pub late: u32,
    /// How often all of a kind in a scope was asked for.
    pub lists: usize,
    hidden: BTreeMap<String, u32>,
    /// Whether a change makes ready what never would be.
    pub mended: bool,
    pub shuffled: bool,
    pub dead: Option<Region>,
    pub sick: BTreeSet<Addr>,
    /// How often the health of a thing is told before AWS does not answer that question, and how often it then does not.
    pub unread: Option<(u32, u32)>,
    pub refused: BTreeSet<Addr>,
    /// Creates that are accepted and come to nothing.
    pub dropped: BTreeSet<Addr>,
    pub mutations: usize,
    pub kill_at: Option<(usize, bool)>,
    pub killed: bool,
    pub abandon: CancellationToken,
    pub violations: Vec<String>,
    pub log: Vec<String>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            things: Vec::new(),
            wanted: Vec::new(),
            rng: fastrand::Rng::with_seed(seed),
            made: 0,
            faults: 0,
            breaks: 0,
            slow: 3,
            late: 0,
            lists: 0,
            hidden: BTreeMap::new(),
            mended: false,
            shuffled: false,
            dead: None,
            sick: BTreeSet::new(),
            unread: None,
            refused: BTreeSet::new(),
            dropped: BTreeSet::new(),
            mutations: 0,
            kill_at: None,
            killed: false,
            abandon: CancellationToken::new(),
            violations: Vec::new(),
            log: Vec::new(),
        }
    }

    pub fn at(&self, addr: &Addr) -> Vec<&Thing> {
        self.things.iter().filter(|thing| thing.addr == *addr && thing.leaving.is_none()).collect()
    }

    pub fn has_doubled(&self) -> bool {
        let mut seen = BTreeSet::new();
        self.things.iter().filter(|thing| thing.leaving.is_none()).any(|thing| !seen.insert(&thing.addr))
    }

    pub fn is_dead(&self, addr: &Addr) -> bool {
        self.dead.is_some() && self.dead.as_ref() == addr.region()
    }

    pub fn referrers(&self, id: &str) -> Vec<(String, bool)> {
        // AWS does not look at what an alarm names.
        let holds = |thing: &&Thing| &*thing.addr.kind != "p.alarm" && values(&thing.spec).any(|value| value == id);
        self.things.iter().filter(holds).map(|thing| (thing.addr.to_string(), thing.leaving.is_some())).collect()
    }

    fn found(&self, thing: &Thing) -> Found<Doc> {
        let life = match thing {
            Thing { leaving: Some(_), .. } => Life::Leaving("deleting".into()),
            Thing { broken: true, .. } => Life::Broken("failed".into()),
            Thing { making: 1.., .. } => Life::Making("pending".into()),
            _ => Life::Ready,
        };
        Found {
            addr: thing.addr.clone(),
            id: thing.id.clone(),
            spec: thing.spec.clone(),
            outputs: Outputs::of::<Id>(thing.id.clone()),
            life,
            ours: thing.ours,
            born: Timestamp::from_second(thing.born).ok(),
        }
    }

    /// Everything of a kind in a scope that a read shows.
    pub fn shown(&mut self, kind: &str, scope: &Scope) -> Vec<Found<Doc>> {
        let here: Vec<_> = self.things.iter().filter(|thing| &*thing.addr.kind == kind && thing.addr.scope == *scope).collect();
        let mut found: Vec<_> = here.into_iter().map(|thing| self.found(thing)).collect();
        let hidden = &mut self.hidden;
        found.retain(|found| {
            let Some(left) = hidden.get_mut(&found.id).filter(|left| **left > 0) else { return true };
            *left -= 1;
            false
        });
        found
    }

    pub fn put(&mut self, addr: &Addr, spec: Doc) -> String {
        self.made += 1;
        let id = format!("id-{}", self.made);
        let making = self.rng.u32(0..=self.slow);
        let broken = !addr.kind.ends_with("table") && self.rng.u32(0..100) < self.breaks;
        let born = self.made;
        self.things.push(Thing { addr: addr.clone(), id: id.clone(), spec, ours: true, broken, making, leaving: None, born });
        id
    }

    pub fn create(&mut self, want: &Want<Doc>, traits: &Traits) -> Result<String, Fault> {
        let addr = &want.addr;
        if !traits.twice && self.things.iter().any(|thing| thing.addr == *addr && thing.leaving.is_none()) {
            return Err(fault("Create", Class::Exists));
        }
        if !traits.twice && self.things.iter().any(|thing| thing.addr == *addr) {
            return Err(fault("Create", Class::Contention));
        }
        self.refers_to_what_is_there(want);
        if self.dropped.contains(addr) {
            return Ok("id-dropped".to_owned());
        }
        let mut spec = want.spec.clone();
        if traits.unfinished {
            spec["pitr"] = json!(false);
            spec["protect"] = json!(false);
            let first = !self.things.iter().any(|thing| thing.addr.kind == addr.kind && thing.addr.name == addr.name);
            spec["tags"] = json!({"$tags": {}, "keys": [], "marked": first});
        }
        let id = self.put(addr, spec);
        if traits.unfinished && self.late > 0 {
            self.hidden.insert(id.clone(), self.late);
        }
        Ok(id)
    }

    pub fn refers_to_what_is_there(&mut self, want: &Want<Doc>) {
        for (path, link) in links(&want.spec) {
            let there = match &link {
                Link::Is { value, .. } => {
                    self.things.iter().any(|thing| thing.id == *value && thing.leaving.is_none() && !thing.broken && thing.making == 0)
                }
                Link::To { .. } => false,
            };
            if !there {
                self.violations.push(format!("{} was sent with `{path}` not there: {link:?}", want.addr));
            }
        }
    }

    pub fn delete(&mut self, found: &Found<Doc>) -> Result<(), Fault> {
        let Some(at) = self.things.iter().position(|thing| thing.id == found.id) else {
            return Err(fault("Delete", Class::NotFound));
        };
        let holders = self.referrers(&found.id);
        if !holders.is_empty() {
            // What is leaving goes by itself while the delete is tried again.
            self.things.iter_mut().filter_map(|thing| thing.leaving.as_mut()).for_each(|polls| *polls = polls.saturating_sub(1));
            self.sweep();
            if self.dead.is_none() && self.refused.is_empty() && holders.iter().any(|(_, leaving)| !leaving) {
                self.violations.push(format!("{} was deleted while used by {holders:?}", found.addr));
            }
            return Err(fault("Delete", Class::InUse));
        }
        let thing = &self.things[at];
        if thing.spec["protect"] == true {
            return Err(fault("Delete", Class::Invalid));
        }
        let younger = |other: &&Thing| {
            other.addr.kind == thing.addr.kind && other.addr.name == thing.addr.name && other.born > thing.born && other.leaving.is_none()
        };
        // What is not marked goes first, whatever its age: without a marked member it would be nobody's.
        if &*thing.addr.kind == "p.table"
            && thing.spec["tags"]["marked"] != false
            && self.dead.is_none()
            && self.things.iter().any(|other| younger(&other) && !self.wants(&other.addr))
        {
            self.violations.push(format!("{} went before a younger member", found.addr));
        }
        let polls = self.rng.u32(0..=self.slow);
        self.things[at].leaving.get_or_insert(polls);
        self.sweep();
        Ok(())
    }

    fn wants(&self, addr: &Addr) -> bool {
        self.wanted.iter().any(|(wanted, _)| wanted == addr)
    }

    fn sweep(&mut self) {
        self.things.retain(|thing| thing.leaving != Some(0));
    }

    pub fn status(&mut self, id: &str) -> Status {
        let Some(thing) = self.things.iter_mut().find(|thing| thing.id == id) else { return Status::Gone };
        let status = match thing {
            Thing { leaving: Some(polls), .. } => {
                *polls = polls.saturating_sub(1);
                Status::Settling("deleting".into())
            }
            Thing { broken: true, .. } => Status::Failed("failed".into()),
            Thing { making: polls @ 1.., .. } => {
                *polls -= 1;
                Status::Settling("pending".into())
            }
            _ => Status::Ready(Outputs::of::<Id>(id)),
        };
        self.sweep();
        status
    }
}

pub fn fault(op: &'static str, class: Class) -> Fault {
    Fault::new(format!("puppet:{op}"), class, "the world says so")
}

pub fn values(spec: &Doc) -> impl Iterator<Item = String> {
    links(spec).into_iter().filter_map(|(_, link)| match link {
        Link::Is { value, .. } => Some(value),
        Link::To { .. } => None,
    })
}
