//! One stack that is brought up by hand, kind by kind, so that every single call of a kind can be looked at.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use mrctl::{
    aws::{facts, wire::Call, wire::Recorder},
    plan::{self, Op, Rollout, protections},
    resource::{
        Addr, AnyKind, Class, Cx, Found, Kinds, Link, Memo, Outputs, Scope, Scopes, Status, Tags, Want,
        doc::{diff, links, resolve},
    },
    topology,
};
use petgraph::{algo::toposort, graph::DiGraph};
use serde_json::Value;

use crate::support::{
    sandbox::{fleet, fresh_account},
    topologies,
};

/// Tries of a removal that is refused because something used it a moment ago.
const PATIENCE: usize = 20;

/// Calls of one observation, by operation.
pub type Counted = BTreeMap<String, usize>;

pub struct Bench {
    pub kinds: Kinds,
    pub cx: Cx,
    pub wants: Vec<Want<Value>>,
    /// What stands, in the order in which it was made, and as what it is wanted.
    pub built: Vec<(Found<Value>, Want<Value>)>,
    pub outputs: BTreeMap<Addr, Outputs>,
    /// What it took to observe a kind in a scope when there was one of it.
    pub first: BTreeMap<(String, Scope), Counted>,
    /// By kind, the IAM actions of all its calls so far.
    pub said: Mutex<BTreeMap<String, BTreeSet<String>>>,
    recorder: Recorder,
    /// Which kind is being looked at: calls belong to it.
    at: Mutex<String>,
}

/// The tags in a document, for the kinds that have them.
pub fn tags_of(spec: &Value) -> Option<Tags> {
    serde_json::from_value(spec.get("tags")?.clone()).ok()
}

impl Bench {
    /// The wants of one valid topology, in an account of its own.
    pub async fn new(name: &str) -> Self {
        let (model, _) = topology::load(name, &topologies::valid()[name]).expect("a valid file");
        let (fleet, recorder) = fleet(&fresh_account());
        let zone = model.dns.as_ref().map(|dns| dns.zone.name.as_str());
        let facts = facts::read(&fleet, &Memo::default(), &model.rollout_order(), (&BTreeMap::new(), zone)).await.facts();
        let kinds = mrctl::kinds::all();
        let wants = kinds.iter().flat_map(|kind| kind.desired(&model, &facts)).collect();
        drop(recorder.take());
        Self {
            kinds,
            cx: Cx::new(Arc::new(model), fleet),
            wants,
            built: Vec::new(),
            outputs: BTreeMap::new(),
            first: BTreeMap::new(),
            said: Mutex::default(),
            recorder,
            at: Mutex::default(),
        }
    }

    /// The kind of an address. What is called from now on is called by it.
    pub fn kind(&self, addr: &Addr) -> Arc<dyn AnyKind> {
        self.calls();
        addr.kind.as_ref().clone_into(&mut self.at.lock().unwrap());
        self.kinds.get(&addr.kind).unwrap().clone()
    }

    /// The calls since the last time, written down for the kind that is being looked at.
    pub fn calls(&self) -> Vec<Call> {
        let calls = self.recorder.take();
        let mut said = self.said.lock().unwrap();
        for call in &calls {
            said.entry(self.at.lock().unwrap().clone()).or_default().insert(action(call));
        }
        calls
    }

    /// The same, counted by operation.
    pub fn counted(&self) -> Counted {
        self.calls().iter().fold(Counted::new(), |mut counted, call| {
            *counted.entry(action(call)).or_default() += 1;
            counted
        })
    }

    /// All wants, what others need first: in the order that the planner finds.
    pub fn in_order(&self) -> Vec<Want<Value>> {
        let regions = self.cx.model.rollout_order();
        let reachable = |region: &mrctl::resource::Region| {
            (region.clone(), plan::RegionState { state: plan::Reach::Reachable, detail: None, in_file: true })
        };
        let states = regions.iter().map(reachable).collect();
        let steps = plan::decide(&self.kinds, self.wants.clone(), Vec::new(), &states, &BTreeSet::new()).unwrap().steps;
        let rollout = Rollout { order: regions, bake: Duration::ZERO, no_drain: true, ..Rollout::default() };
        let graph = plan::order(&self.kinds, &steps, &rollout).unwrap().graph;
        let mut ops = DiGraph::<usize, ()>::new();
        let nodes: Vec<_> = (0..graph.ops.len()).map(|op| ops.add_node(op)).collect();
        ops.extend_with_edges(graph.edges.iter().map(|(before, after, _)| (nodes[*before], nodes[*after])));
        let sorted = toposort(&ops, None).unwrap().into_iter().map(|node| &graph.ops[ops[node]]);
        let made = |op: &Op| if let Op::Make(step) = op { steps[*step].want.clone() } else { None };
        let wants: Vec<_> = sorted.filter_map(made).collect();
        assert_eq!(wants.len(), self.wants.len());
        wants
    }

    /// Fills in what the resources made so far give, and what was not there yet when they became ready, as the engine does.
    pub async fn resolve(&self, want: &mut Want<Value>) {
        resolve(&mut want.spec, &|addr, field| self.outputs.get(addr)?.get(field).map(str::to_owned));
        for (_, link) in links(&want.spec) {
            let Link::To { addr, .. } = link else { continue };
            let found = self.find(&addr).await;
            resolve(&mut want.spec, &|of, field| if *of == addr { found.outputs.get(field).map(str::to_owned) } else { None });
        }
    }

    pub fn scopes(&self, kind: &dyn AnyKind) -> Vec<Scope> {
        match kind.traits().scopes {
            Scopes::Global => vec![Scope::Global],
            Scopes::Regional => self.cx.model.regions.keys().map(Scope::from).collect(),
        }
    }

    pub async fn observe(&self, kind: &dyn AnyKind, scope: &Scope) -> Vec<Found<Value>> {
        self.calls();
        kind.traits().name.clone_into(&mut self.at.lock().unwrap());
        let found = kind.observe(&self.cx.at(scope).afresh()).await;
        found.unwrap_or_else(|fault| panic!("{scope}/{}: {fault}", kind.traits().name))
    }

    /// What stands at an address, which must be one.
    pub async fn find(&self, addr: &Addr) -> Found<Value> {
        let mut found = self.observe(&*self.kind(addr), &addr.scope).await;
        found.retain(|found| found.addr == *addr);
        assert_eq!(found.len(), 1, "{addr}: {found:#?}");
        found.remove(0)
    }

    /// Creates, and repeats, as the engine does, what AWS refuses only for now. The calls of the try that was taken are left.
    pub async fn create(&self, want: &Want<Value>) -> String {
        let (kind, cx) = (self.kind(&want.addr), self.cx.at(&want.addr.scope));
        for _ in 0..100 {
            self.calls();
            match kind.create(&cx, want).await {
                Ok(id) => return id,
                Err(fault) if matches!(fault.class, Class::Contention | Class::NotFound) => {
                    tokio::time::sleep(Duration::from_millis(50)).await
                }
                Err(fault) => panic!("{}: {fault}", want.addr),
            }
        }
        panic!("{} is refused for five seconds", want.addr)
    }

    pub async fn until_ready(&self, addr: &Addr, id: &str) -> Outputs {
        for _ in 0..200 {
            match self.kind(addr).status(&self.cx.at(&addr.scope), addr, id).await {
                Ok(Status::Ready(outputs)) => return outputs,
                Ok(Status::Failed(why) | Status::Unhealthy(why)) => panic!("{addr}: {why}"),
                Ok(Status::Settling(_) | Status::Unseen(_) | Status::Gone) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(fault) => panic!("{addr}: {fault}"),
            }
        }
        panic!("{addr} is not ready after ten seconds")
    }

    /// Updates, as the engine does, until what is found does not differ from what is wanted.
    pub async fn in_line(&self, mut found: Found<Value>, want: &Want<Value>) -> Found<Value> {
        for _ in 0..20 {
            let changes = diff(&found.spec, &want.spec);
            if changes.is_empty() {
                return found;
            }
            match self.kind(&want.addr).update(&self.cx.at(&want.addr.scope), &found, want, &changes).await {
                Err(fault) if fault.class == Class::Contention => tokio::time::sleep(Duration::from_millis(50)).await,
                answer => answer.unwrap_or_else(|fault| panic!("{}: {fault}", want.addr)),
            }
            self.until_ready(&want.addr, &found.id).await;
            found = self.find(&want.addr).await;
        }
        panic!("{} does not come in line: {:#?}", want.addr, diff(&found.spec, &want.spec))
    }

    /// Deletes, as the engine does, and waits until it is gone.
    pub async fn remove(&self, found: &Found<Value>) {
        // All of it goes in one run.
        let removing = Arc::new(self.built.iter().map(|(built, _)| built.addr.clone()).collect());
        let (addr, cx) = (&found.addr, Cx { removing, ..self.cx.at(&found.addr.scope) });
        let lifted = protections(&self.kind(addr).traits(), found);
        if !lifted.is_empty() {
            let mut open = Want::new(addr.clone(), found.spec.clone());
            lifted.iter().for_each(|change| open.spec[change.path.as_str()] = change.to.clone());
            self.in_line(found.clone(), &open).await;
        }
        // Some are let go of only a while after what used them is gone (field guide 8.2 and 8.3, item 6); a cluster leaves first (4.7).
        let mut tries = 0;
        while let Err(fault) = self.kind(addr).delete(&cx, found).await {
            assert!(matches!(fault.class, Class::InUse | Class::Contention) && tries < PATIENCE, "{addr}: {fault}");
            tries += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for _ in 0..200 {
            match self.kind(addr).status(&cx, addr, &found.id).await {
                Ok(Status::Gone) => return,
                Ok(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(fault) => panic!("{addr}: {fault}"),
            }
        }
        panic!("{addr} is not gone after ten seconds")
    }

    /// Remembers what an observation takes, when the thing just made is the first of its kind there.
    pub async fn note_calls(&mut self, addr: &Addr) {
        let key = (addr.kind.to_string(), addr.scope.clone());
        if !self.first.contains_key(&key) {
            let found = self.observe(&*self.kind(addr), &addr.scope).await;
            assert_eq!(found.len(), 1, "{found:#?}");
            let counted = self.counted();
            self.first.insert(key, counted);
        }
    }

    /// Two more of the only one there.
    pub async fn copy(&self, kind: &dyn AnyKind, scope: &Scope) -> Vec<Found<Value>> {
        let is_here = |(_, want): &&(Found<Value>, Want<Value>)| *want.addr.kind == *kind.traits().name && want.addr.scope == *scope;
        let (_, want) = self.built.iter().find(is_here).unwrap();
        let mut copies = Vec::new();
        for name in ["copy-1", "copy-2"] {
            let mut want = want.clone();
            want.addr.name = name.into();
            let id = self.kind(&want.addr).create(&self.cx.at(scope), &want).await.unwrap_or_else(|fault| panic!("{}: {fault}", want.addr));
            self.until_ready(&want.addr, &id).await;
            copies.push(self.find(&want.addr).await);
        }
        copies
    }
}

/// The IAM action of a call. The tagging API signs as `tagging` and is `tag` in policies.
fn action(call: &Call) -> String {
    let service = if call.service == "tagging" { "tag" } else { &call.service };
    format!("{service}:{}", call.operation)
}
