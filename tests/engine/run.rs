//! Plans and applies as the product does: observe, desired, decide, order, guard, apply.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use mrctl::{
    apply::{self, Event, Options, Outcome},
    aws::Fleet,
    plan::{self, Allowance, Op, Plan, Rollout, Searched},
    resource::{Addr, Cx, Doc, Facts, Kinds, Region, Replace, Timing},
    topology::Model,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{puppet::kinds, world::World};

/// How long a region is watched.
const BAKE: Duration = Duration::from_secs(5);

pub struct Stage {
    pub world: Arc<Mutex<World>>,
    pub kinds: Kinds,
    pub cx: Cx,
    pub regions: Vec<Region>,
    /// Regions that the file does not name and where something is wanted.
    pub auxiliary: BTreeSet<Region>,
    /// What the sweep sees.
    pub searched: Searched,
    pub adopt: BTreeSet<Addr>,
    pub allow: Vec<(String, Allowance)>,
    pub timeout: Option<Duration>,
    pub stop: CancellationToken,
    pub events: Vec<Event>,
    pub failures: Vec<String>,
}

pub fn regions(count: usize) -> Vec<Region> {
    ["eu-west-1", "us-east-1", "ap-south-1"].iter().take(count).map(|code| Region::new(code)).collect()
}

pub fn addr(text: &str) -> Addr {
    text.parse().unwrap()
}

/// Runs with a clock that jumps.
pub fn paused<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(future)
}

impl Stage {
    pub fn new(seed: u64, count: usize) -> Self {
        let world = Arc::new(Mutex::new(World::new(seed)));
        Self {
            kinds: kinds(&world, Replace::DeleteFirst),
            world,
            cx: Cx::new(Arc::new(Model::default()), Fleet::offline()),
            regions: regions(count),
            auxiliary: BTreeSet::new(),
            searched: Searched::default(),
            adopt: BTreeSet::new(),
            allow: vec![("all".into(), Allowance::All)],
            timeout: None,
            stop: CancellationToken::new(),
            events: Vec::new(),
            failures: Vec::new(),
        }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn want(&self, wanted: Vec<(Addr, Doc)>) {
        self.world().wanted = wanted;
    }

    pub async fn plan(&self) -> Plan {
        let observed =
            plan::observe(&self.kinds, &self.cx, &self.regions, &self.auxiliary, std::future::ready(self.searched.clone())).await;
        assert!(observed.faults.is_empty(), "{:?}", observed.faults);
        let found = observed.found.iter().map(|found| (found.addr.clone(), found.clone())).collect();
        let facts = Facts { found, ..Facts::default() };
        let wants = self.kinds.iter().flat_map(|kind| kind.desired(&self.cx.model, &facts)).collect();
        let decided = plan::decide(&self.kinds, wants, observed.found, &observed.regions, &self.adopt).expect("wants in a circle");
        let rollout = Rollout { order: self.regions.clone(), bake: BAKE, ..Rollout::default() };
        let ordered = plan::order(&self.kinds, &decided.steps, &rollout).expect("operations in a circle");
        let (refusals, mut more) = plan::guard(&self.kinds, &decided.steps, &self.allow);
        more.extend(plan::unused_adoptions(&decided.steps, &self.adopt));
        Plan {
            regions: observed.regions,
            steps: decided.steps,
            graph: ordered.graph,
            gates: ordered.gates,
            drains: ordered.drains,
            findings: decided.findings.into_iter().chain(ordered.findings).chain(more).collect(),
            refusals,
            ..Plan::default()
        }
    }

    pub async fn apply(&mut self, plan: &Plan) -> Outcome {
        let abandon = {
            let mut world = self.world.lock().unwrap();
            world.killed = false;
            world.abandon = CancellationToken::new();
            world.abandon.clone()
        };
        let options = Options {
            timing: Timing::of(false),
            read_at: Instant::now(),
            timeout: self.timeout,
            bake: BAKE,
            gate_timeout: Duration::from_secs(60),
            stop: self.stop.clone(),
            abandon,
        };
        let mut said = Vec::new();
        let outcome = apply::apply(plan, &self.kinds, &self.cx, &options, &mut |stamped| said.push(stamped.event)).await;
        self.one_at_a_time(plan, &said);
        self.events = said;
        let mut world = self.world();
        world.killed = false;
        world.kill_at = None;
        drop(world);
        outcome
    }

    /// No lane ever runs two operations at once.
    fn one_at_a_time(&self, plan: &Plan, said: &[Event]) {
        let lane = |addr: &Addr| {
            let step = plan.steps.iter().find(|step| step.addr == *addr)?;
            let kind = self.kinds.get(&addr.kind).ok()?;
            kind.lane(addr, step.want.as_ref().map(|want| &want.spec).or(step.found.as_ref().map(|found| &found.spec))?)
        };
        let mut open: BTreeMap<String, Addr> = BTreeMap::new();
        for event in said {
            match event {
                Event::Started { addr, .. } => {
                    if let Some(lane) = lane(addr)
                        && let Some(other) = open.insert(lane.clone(), addr.clone())
                    {
                        panic!("{lane} ran {other} and {addr} at once");
                    }
                }
                Event::Done { addr, .. } | Event::Failed { addr, .. } => {
                    if let Some(lane) = lane(addr) {
                        open.remove(&lane);
                    }
                }
                _ => {}
            }
        }
    }

    /// Applies until a plan has no changes; how many runs that took.
    pub async fn settle(&mut self, most: usize) -> usize {
        for runs in 0..=most {
            let plan = self.plan().await;
            assert!(!plan.has_errors(), "{:?}", plan.findings);
            self.is_sound(&plan);
            if !plan.has_changes() {
                self.nothing_doubled();
                return runs;
            }
            let outcome = self.apply(&plan).await;
            self.failures.push(format!(
                "{:?} {:?}",
                outcome.stopped,
                outcome.failures.iter().map(|(addr, fault)| format!("{addr}: {fault}")).collect::<Vec<_>>()
            ));
        }
        let plan = self.plan().await;
        let left: Vec<_> =
            plan.steps.iter().filter(|step| step.is_change()).map(|s| format!("{} {:?} {}", s.addr, s.action, s.why)).collect();
        panic!("after {most} runs there is still {left:#?}\n{:#?}", self.failures);
    }

    pub fn nothing_doubled(&self) {
        let world = self.world();
        let mut seen = BTreeSet::new();
        for thing in world.things.iter().filter(|thing| thing.leaving.is_none()) {
            assert!(seen.insert(&thing.addr), "{} is there twice: {:#?}", thing.addr, world.log);
        }
    }

    /// Edges go forward, no two steps share an address, and everything that is made follows what it refers to.
    pub fn is_sound(&self, plan: &Plan) {
        let mut addresses = BTreeSet::new();
        assert!(plan.steps.iter().all(|step| addresses.insert(&step.addr)), "two steps of one address");
        let mut reach: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); plan.graph.ops.len()];
        let mut degree = vec![0; plan.graph.ops.len()];
        plan.graph.edges.iter().for_each(|edge| degree[edge.1] += 1);
        let mut free: Vec<usize> = (0..degree.len()).filter(|op| degree[*op] == 0).collect();
        let mut seen = 0;
        while let Some(op) = free.pop() {
            seen += 1;
            for (_, next, _) in plan.graph.edges.iter().filter(|edge| edge.0 == op) {
                let before = reach[op].clone();
                reach[*next].extend(before.into_iter().chain([op]));
                degree[*next] -= 1;
                if degree[*next] == 0 {
                    free.push(*next);
                }
            }
        }
        assert_eq!(seen, plan.graph.ops.len(), "the graph has a circle");
        let ready = |addr: &Addr| {
            let ops = plan.graph.ops.iter().enumerate();
            ops.filter(|(_, op)| !matches!(op, Op::Remove(_)) && op.step().is_some_and(|step| plan.steps[step].addr == *addr))
                .map(|(op, _)| op)
                .next()
        };
        for step in &plan.steps {
            for target in &step.refers {
                if let (Some(before), Some(after)) = (ready(target), ready(&step.addr)) {
                    assert!(reach[after].contains(&before), "{} does not follow {target}", step.addr);
                }
            }
        }
        if let Some(dead) = &self.world().dead {
            for step in plan.steps.iter().filter(|step| step.addr.region() == Some(dead)) {
                assert_eq!(step.action, plan::Action::Hold, "{}", step.addr);
            }
        }
    }
}
