//! The world of the puppets: things, faults, kills, silent regions.
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use futures::future::BoxFuture;
use jiff::Timestamp;
use mrctl::{
    resource::{
        Addr, After, AnyKind, Change, Class, Cx, Doc, Facts, Fault, Found, Kinds, Life, Link, Outputs, Patience, Region, Replace, Scopes,
        Status, Traffic, Traits, Want, doc::links,
    },
    topology::Model,
};
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
    pub shuffled: bool,
    pub dead: Option<Region>,
    pub sick: BTreeSet<Addr>,
    pub refused: BTreeSet<Addr>,
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
            shuffled: false,
            dead: None,
            sick: BTreeSet::new(),
            refused: BTreeSet::new(),
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

    fn is_dead(&self, addr: &Addr) -> bool {
        self.dead.is_some() && self.dead.as_ref() == addr.region()
    }

    fn referrers(&self, id: &str) -> Vec<String> {
        let holds = |thing: &&Thing| values(&thing.spec).any(|value| value == id);
        self.things.iter().filter(holds).map(|thing| thing.addr.to_string()).collect()
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

    pub fn put(&mut self, addr: &Addr, spec: Doc) -> String {
        self.made += 1;
        let id = format!("id-{}", self.made);
        let making = self.rng.u32(0..=self.slow);
        let broken = !addr.kind.ends_with("table") && self.rng.u32(0..100) < self.breaks;
        let born = self.made;
        self.things.push(Thing { addr: addr.clone(), id: id.clone(), spec, ours: true, broken, making, leaving: None, born });
        id
    }

    fn create(&mut self, want: &Want<Doc>, traits: &Traits) -> Result<String, Fault> {
        let addr = &want.addr;
        if !traits.twice && self.things.iter().any(|thing| thing.addr == *addr && thing.leaving.is_none()) {
            return Err(fault("Create", Class::Exists));
        }
        if !traits.twice && self.things.iter().any(|thing| thing.addr == *addr) {
            return Err(fault("Create", Class::Contention));
        }
        self.refers_to_what_is_there(want);
        let mut spec = want.spec.clone();
        if traits.unfinished {
            spec["pitr"] = json!(false);
            spec["protect"] = json!(false);
            let first = !self.things.iter().any(|thing| thing.addr.kind == addr.kind && thing.addr.name == addr.name);
            spec["tags"] = json!({"$tags": {}, "keys": [], "marked": first});
        }
        Ok(self.put(addr, spec))
    }

    fn refers_to_what_is_there(&mut self, want: &Want<Doc>) {
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

    fn delete(&mut self, found: &Found<Doc>) -> Result<(), Fault> {
        let Some(at) = self.things.iter().position(|thing| thing.id == found.id) else {
            return Err(fault("Delete", Class::NotFound));
        };
        let holders = self.referrers(&found.id);
        if !holders.is_empty() {
            if self.dead.is_none() && self.refused.is_empty() {
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
        if &*thing.addr.kind == "p.table" && self.dead.is_none() && self.things.iter().any(|other| younger(&other) && !self.wants(&other.addr)) {
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

    fn status(&mut self, id: &str) -> Status {
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

#[derive(Clone)]
pub struct Puppet {
    pub world: Arc<Mutex<World>>,
    pub traits: Traits,
}

impl Puppet {
    /// One mutation, with everything that can happen to it.
    async fn mutate<T>(&self, what: &str, addr: &Addr, act: impl FnOnce(&mut World) -> Result<T, Fault>) -> Result<T, Fault> {
        let answer = {
            let mut world = self.world.lock().unwrap();
            world.mutations += 1;
            let kill = world.kill_at.filter(|(at, _)| *at == world.mutations);
            let roll = world.rng.u32(0..100);
            if world.killed || kill.is_some_and(|(_, before)| before) {
                world.killed = true;
                None
            } else if world.is_dead(addr) {
                world.violations.push(format!("{what} {addr} was sent to a silent region"));
                Some(Err(fault("Silent", Class::Unclear)))
            } else if world.refused.contains(addr) {
                Some(Err(fault("Refused", Class::Denied)))
            } else if roll < world.faults {
                let class = [Class::Throttled, Class::Unclear, Class::Contention][world.rng.usize(0..3)];
                Some(Err(fault("Fault", class)))
            } else {
                world.log.push(format!("{what} {addr}"));
                let answer = act(&mut world);
                let lost = world.rng.u32(0..100) < world.faults;
                if kill.is_some() {
                    world.killed = true;
                    None
                } else if lost && answer.is_ok() {
                    Some(Err(fault("Lost", Class::Unclear)))
                } else {
                    Some(answer)
                }
            }
        };
        match answer {
            Some(answer) => answer,
            None => self.die().await,
        }
    }

    async fn die<T>(&self) -> T {
        self.world.lock().unwrap().abandon.cancel();
        std::future::pending().await
    }
}
