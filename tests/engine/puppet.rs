//! The puppet kinds over one world: every verb, and what may happen to it.
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use futures::future::BoxFuture;
use mrctl::{
    resource::{
        Addr, After, AnyKind, Change, Class, Cx, Doc, Facts, Fault, Found, Kinds, Leans, Outputs, Patience, Posture, Region, Replace,
        Scopes, Status, Traffic, Traits, Want,
    },
    topology::Model,
};
use serde_json::json;

use super::world::{World, fault};

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

    fn cannot_go(&self, _: &Found<Doc>, _: &BTreeSet<Addr>) -> Option<String> {
        None
    }

    fn foreseen<'a>(&'a self, _: &'a Cx, _: &'a Want<Doc>, _: Option<&'a Found<Doc>>) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async { Ok(None) })
    }

    fn interrupts(&self, _: &Found<Doc>, _: &[Change]) -> Option<String> {
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
        foresees: false,
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
        Traits { auxiliary: true, warns: true, follows: true, ..plain("p.alarm", &[]) },
    ];
    let puppet = |traits| Arc::new(Puppet { world: world.clone(), traits }) as Arc<dyn AnyKind>;
    Kinds::new(all.into_iter().map(puppet).collect())
}

/// What may be wanted in some regions; a number picks one of the many forms.
pub fn wanted(regions: &[Region], rng: &mut fastrand::Rng) -> Vec<(Addr, Doc)> {
    let to = |addr: &Addr| json!({"$ref": {"to": addr, "field": "id"}});
    let named = |region: &Region, kind: &str, name: &str| Addr::regional(region, kind, name);
    let nets: Vec<Doc> = regions.iter().map(|region| to(&named(region, "p.net", "main"))).collect();
    let (peers, tables, services, records, alarms) = (rng.bool(), rng.u8(0..4) > 0, rng.u8(0..4) > 0, rng.bool(), rng.bool());
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
            if alarms {
                all.push((named(region, "p.alarm", "errors"), json!({"of": to(&service), "threshold": rng.u8(0..2)})));
            }
            if records {
                all.push((named(region, "p.record", "api"), json!({"service": to(&service), "policy": policy, "weight": rng.u8(0..3)})));
            }
        }
    }
    all
}
