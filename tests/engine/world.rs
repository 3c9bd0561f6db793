//! The world of the puppets: things, faults, kills, silent regions.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use futures::future::BoxFuture;
use jiff::Timestamp;
use mrctl::{
    resource::{
        Addr, After, AnyKind, Change, Class, Cx, Doc, Facts, Fault, Found, Kinds, Leans, Life, Link, Outputs, Patience, Posture, Region,
        Replace, Scope, Scopes, Status, Traffic, Traits, Want, doc::links,
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

    fn is_dead(&self, addr: &Addr) -> bool {
        self.dead.is_some() && self.dead.as_ref() == addr.region()
    }

    fn referrers(&self, id: &str) -> Vec<(String, bool)> {
        let holds = |thing: &&Thing| values(&thing.spec).any(|value| value == id);
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
    fn shown(&mut self, kind: &str, scope: &Scope) -> Vec<Found<Doc>> {
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

    fn create(&mut self, want: &Want<Doc>, traits: &Traits) -> Result<String, Fault> {
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

impl AnyKind for Puppet {
    fn traits(&self) -> Traits {
        self.traits
    }

    fn desired(&self, _model: &Model, _facts: &Facts) -> Vec<Want<Doc>> {
        let world = self.world.lock().unwrap();
        let mine = world.wanted.iter().filter(|(addr, _)| &*addr.kind == self.traits.name);
        mine.map(|(addr, spec)| Want::new(addr.clone(), spec.clone())).collect()
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Vec<Found<Doc>>, Fault>> {
        Box::pin(async move {
            if self.world.lock().unwrap().killed {
                return self.die().await;
            }
            let mut world = self.world.lock().unwrap();
            if world.dead.is_some() && world.dead.as_ref() == cx.scope.region() {
                return Err(fault("Observe", Class::Unclear));
            }
            world.lists += 1;
            let mut found = world.shown(self.traits.name, &cx.scope);
            if world.shuffled {
                world.rng.shuffle(&mut found);
            }
            Ok(found)
        })
    }

    fn look_at<'a>(&'a self, cx: &'a Cx, addr: &'a Addr, _id: &'a str) -> BoxFuture<'a, Result<Vec<Found<Doc>>, Fault>> {
        Box::pin(async move {
            let mut found = self.observe(cx).await?;
            self.world.lock().unwrap().lists -= 1;
            found.retain(|found| found.addr == *addr);
            Ok(found)
        })
    }

    fn create<'a>(&'a self, _cx: &'a Cx, want: &'a Want<Doc>) -> BoxFuture<'a, Result<String, Fault>> {
        Box::pin(self.mutate("create", &want.addr, move |world| world.create(want, &self.traits)))
    }

    fn update<'a>(
        &'a self,
        _cx: &'a Cx,
        found: &'a Found<Doc>,
        want: &'a Want<Doc>,
        changes: &'a [Change],
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(self.mutate("update", &want.addr, move |world| {
            world.refers_to_what_is_there(want);
            let Some(thing) = world.things.iter_mut().find(|thing| thing.id == found.id) else {
                return Err(fault("Update", Class::NotFound));
            };
            if world.mended {
                thing.making = 0;
            }
            // A member takes one setting at a time; the others in one go.
            let few = if self.traits.unfinished { &changes[..changes.len().min(1)] } else { changes };
            for change in few {
                let key = change.path.split('.').next().unwrap_or_default();
                thing.spec[key] = want.spec[key].clone();
                thing.ours |= key == "tags";
            }
            Ok(())
        }))
    }

    fn delete<'a>(&'a self, _cx: &'a Cx, found: &'a Found<Doc>) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(self.mutate("delete", &found.addr, move |world| world.delete(found)))
    }

    fn status<'a>(&'a self, _cx: &'a Cx, _addr: &'a Addr, id: &'a str) -> BoxFuture<'a, Result<Status, Fault>> {
        Box::pin(async move {
            if self.world.lock().unwrap().killed {
                return self.die().await;
            }
            Ok(self.world.lock().unwrap().status(id))
        })
    }

    fn lane(&self, addr: &Addr, _spec: &Doc) -> Option<String> {
        match self.traits.name {
            "p.table" => Some(format!("table/{}", addr.name)),
            "p.record" => Some("zone/example".to_owned()),
            _ => None,
        }
    }

    fn traffic(&self, _found: &Found<Doc>) -> Traffic {
        match self.traits.name {
            "p.record" => Traffic::Directs,
            "p.service" => Traffic::Answers,
            _ => Traffic::None,
        }
    }

    fn also_in(&self, _found: &Found<Doc>) -> Vec<Region> {
        Vec::new()
    }

    fn posture(&self, _model: &Model, _found: &[Found<Doc>]) -> Vec<Posture> {
        Vec::new()
    }

    fn leans(&self, _: &Found<Doc>) -> Leans {
        Leans::OnNothing
    }

    fn loses(&self, _: &Found<Doc>) -> Option<String> {
        None
    }

    fn leaves(&self, _: &Cx, _: &Found<Doc>) -> Option<String> {
        None
    }

    fn tells(&self, _: &Addr, _: &Outputs) -> Option<String> {
        None
    }

    fn holders<'a>(&'a self, _cx: &'a Cx, found: &'a Found<Doc>) -> BoxFuture<'a, Result<Vec<mrctl::resource::Holder>, Fault>> {
        let holders = self.world.lock().unwrap().referrers(&found.id);
        let holder = |(what, leaves_by_itself)| mrctl::resource::Holder { what, leaves_by_itself };
        Box::pin(async move { Ok(holders.into_iter().map(holder).collect()) })
    }

    fn warnings<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Vec<String>, Fault>> {
        let world = self.world.lock().unwrap();
        let here = |addr: &&Addr| *addr.kind == *self.traits.name && addr.scope == cx.scope;
        let sick = world.sick.iter().filter(here).map(|addr| format!("{addr} warns")).collect();
        Box::pin(async move { Ok(sick) })
    }

    fn healthy<'a>(&'a self, _cx: &'a Cx, found: &'a Found<Doc>) -> BoxFuture<'a, Result<Result<(), String>, Fault>> {
        let mut world = self.world.lock().unwrap();
        let sick = world.sick.contains(&found.addr);
        match &mut world.unread {
            Some((0, 1..)) => {
                world.unread = world.unread.map(|(told, untold)| (told, untold - 1));
                return Box::pin(async { Err(fault("Health", Class::Unclear)) });
            }
            Some((told, _)) => *told = told.saturating_sub(1),
            None => {}
        }
        drop(world);
        Box::pin(async move { Ok(if sick { Err("sick".to_owned()) } else { Ok(()) }) })
    }
}

const AFTER: &[After] = &[After::here("p.rules")];

/// The puppet kinds over one world.
pub fn kinds(world: &Arc<Mutex<World>>, task: Replace) -> Kinds {
    let plain = |name: &'static str, fixed: &'static [&'static str]| Traits {
        name,
        scopes: Scopes::Regional,
        fixed,
        replace: Replace::DeleteFirst,
        patience: Patience::of(5, 10, 10),
        permissions: &[],
        after: &[],
        serves: false,
        stays_for_clients: false,
        data: false,
        guarded: &[],
        protection: None,
        lets_go: false,
        follows: false,
        auxiliary: false,
        warns: false,
        yields: false,
        twice: false,
        unfinished: false,
        quota: None,
    };
    let all = [
        Traits { twice: true, ..plain("p.net", &["cidr"]) },
        Traits { twice: true, ..plain("p.subnet", &["net", "zone"]) },
        plain("p.peer", &["nets"]),
        plain("p.rules", &["net"]),
        Traits {
            data: true,
            guarded: &["pitr", "protect"],
            protection: Some("protect"),
            unfinished: true,
            patience: Patience::of(10, 60, 30).appearing_within(60),
            ..plain("p.table", &["key"])
        },
        Traits { serves: true, replace: task, twice: true, ..plain("p.task", &["image"]) },
        Traits { serves: true, after: AFTER, yields: true, ..plain("p.service", &["subnet"]) },
        plain("p.record", &["policy"]),
        Traits { auxiliary: true, warns: true, ..plain("p.alarm", &[]) },
    ];
    let puppet = |traits| Arc::new(Puppet { world: world.clone(), traits }) as Arc<dyn AnyKind>;
    Kinds::new(all.into_iter().map(puppet).collect())
}

/// What may be wanted in some regions; a number picks one of the many forms.
pub fn wanted(regions: &[Region], rng: &mut fastrand::Rng) -> Vec<(Addr, Doc)> {
    let to = |addr: &Addr| json!({"$ref": {"to": addr, "field": "id"}});
    let named = |region: &Region, kind: &str, name: &str| Addr::regional(region, kind, name);
    let nets: Vec<Doc> = regions.iter().map(|region| to(&named(region, "p.net", "main"))).collect();
    let (peers, tables, services, records) = (rng.bool(), rng.u8(0..4) > 0, rng.u8(0..4) > 0, rng.bool());
    let (key, image, policy) = (rng.u8(0..2), rng.u8(0..3), rng.u8(0..2));
    let mut all = Vec::new();
    for region in regions {
        let net = named(region, "p.net", "main");
        all.push((net.clone(), json!({"cidr": rng.u8(0..2), "size": rng.u8(0..3)})));
        let subnets: Vec<Addr> = (0..rng.u8(1..3)).map(|n| named(region, "p.subnet", &format!("private-{n}"))).collect();
        for subnet in &subnets {
            all.push((subnet.clone(), json!({"net": to(&net), "zone": rng.u8(0..2), "public": rng.bool()})));
        }
        if peers {
            // Both regions' rules point at both regions' nets.
            all.push((named(region, "p.rules", "all"), json!({"net": to(&net), "from": {"$set": nets}})));
            all.push((named(region, "p.peer", "mesh"), json!({"nets": {"$set": nets}, "size": rng.u8(0..2)})));
        }
        if tables {
            let tags = json!({"$tags": {"team": rng.u8(0..2).to_string()}, "keys": ["team"], "marked": true});
            let spec = json!({"key": key, "pitr": rng.bool(), "protect": rng.bool(), "tags": tags});
            all.push((named(region, "p.table", "Orders"), spec));
        }
        if services {
            let task = named(region, "p.task", "api");
            all.push((task.clone(), json!({"image": image})));
            let service = named(region, "p.service", "api");
            all.push((service.clone(), json!({"subnet": to(&subnets[0]), "task": to(&task), "count": rng.u8(1..4)})));
            if records {
                all.push((named(region, "p.record", "api"), json!({"service": to(&service), "policy": policy, "weight": rng.u8(0..3)})));
            }
        }
    }
    all
}
