//! The executor: every operation once what comes before it is done, as many side by side as may be.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Doing, Event, Outcome, Stamped, Stop, Tally,
    gate::{drain, gate, unless},
    operation::{Left, Work},
};
use crate::{
    plan::{Action, Op, Plan, Step, removing},
    resource::{Addr, Class, Cx, Doc, Fault, Kinds, Memo, Outputs, Replace, Timing, Traits, Want, doc::resolve},
};

/// Operations in flight at once; calls are bounded again per region and service where they are sent.
const AT_ONCE: usize = 64;

/// How a run behaves.
pub struct Options {
    pub timing: Timing,
    /// When what the plan stands on was read.
    pub read_at: Instant,
    /// Start nothing more after this.
    pub timeout: Option<Duration>,
    pub bake: Duration,
    pub gate_timeout: Duration,
    /// Cancelled once: start nothing more, let what runs end.
    pub stop: CancellationToken,
    /// Cancelled: stop waiting.
    pub abandon: CancellationToken,
}

/// Runs a plan to its end, or as far as it goes. There is no rollback: the way back is the same command with the old file.
pub async fn apply(plan: &Plan, kinds: &Kinds, cx: &Cx, options: &Options, say: &mut (dyn FnMut(Stamped) + Send)) -> Outcome {
    let (events, mut heard) = mpsc::unbounded_channel();
    let looks = Mutex::new(Memo::default());
    let passed = passed(plan, kinds);
    let wanted = plan.steps.iter().filter(|step| step.want.is_some()).map(|step| step.addr.clone());
    let (removing, wanted) = (Arc::new(removing(&plan.steps)), Arc::new(wanted.collect()));
    // What the plan did not find is not looked for again at every step.
    let cx = &Cx { removing, wanted, sweeps: false, ..cx.clone() };
    let (timing, read_at, stop) = (options.timing, options.read_at, options.stop.clone());
    let work = Work { kinds, cx, timing, read_at, events, looks, passed, made: Mutex::default(), stop };
    let (mut run, no_more) = (Run::new(plan), CancellationToken::new());
    let mut seq = 0;
    let mut tell = |event: Event| {
        seq += 1;
        say(Stamped { at: Timestamp::now(), seq, event });
    };
    let began = Instant::now();
    let deadline = options.timeout.map(|timeout| began + timeout);
    let mut running = FuturesUnordered::new();
    let mut abandoned = false;
    loop {
        if run.stopped.is_none() && deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            run.stopped = Some(Stop::TimedOut);
            tell(Event::Stopping { why: Stop::TimedOut, running: run.working() });
        }
        if run.stopped.is_some() {
            no_more.cancel();
        }
        while run.stopped.is_none()
            && running.len() < AT_ONCE
            && let Some(op) = run.take()
        {
            let want = run.want(op);
            let (work, no_more) = (&work, &no_more);
            running.push(async move { (op, perform(work, plan, op, want, (options, no_more)).await) });
        }
        if running.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            Some(event) = heard.recv() => tell(event),
            Some((op, result)) = running.next() => {
                // What an operation said before it ended is told before its end.
                while let Ok(event) = heard.try_recv() {
                    tell(event);
                }
                run.finish(op, result, &mut tell);
            }
            () = options.abandon.cancelled() => {
                abandoned = true;
                break;
            }
            () = options.stop.cancelled(), if run.stopped.is_none() => {
                run.stopped = Some(Stop::Interrupted);
                tell(Event::Stopping { why: Stop::Interrupted, running: run.working() });
            }
            () = until(deadline), if run.stopped.is_none() => {}
        }
    }
    if abandoned {
        run.tally.left += running.len();
        run.stopped = Some(Stop::Interrupted);
    }
    drop(running);
    while let Ok(event) = heard.try_recv() {
        tell(event);
    }
    let to_do = run.made.iter().filter_map(|addr| kinds.get(&addr.kind).ok()?.tells(addr, run.known.get(addr)?));
    let to_do = to_do.chain(cx.asked.notes()).collect();
    let left = run.removed.iter().filter_map(|step| {
        let found = plan.steps[*step].found.as_ref()?;
        kinds.get(&found.addr.kind).ok()?.leaves(&cx.at(&found.addr.scope), found)
    });
    let left = left.collect();
    run.outcome(to_do, left, began.elapsed())
}

/// What was found at an address and is not what will stand there: what is being replaced, and what has to go beside it.
fn passed(plan: &Plan, kinds: &Kinds) -> BTreeSet<(Addr, String)> {
    // A name that is given again is the same id.
    let has_new_id = |step: &Step, traits: Traits| traits.twice || (traits.replace == Replace::CreateFirst && !step.delete_first);
    let replaced = plan.steps.iter().filter(|step| step.action == Action::Replace);
    let replaced = replaced.filter(|step| kinds.get(&step.addr.kind).is_ok_and(|kind| has_new_id(step, kind.traits())));
    let replaced = replaced.filter_map(|step| Some((step.addr.clone(), step.found.as_ref()?.id.clone())));
    let beside = plan.steps.iter().flat_map(|step| step.beside.iter().map(|id| (step.addr.clone(), id.clone())));
    replaced.chain(beside).collect()
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// How one operation ended.
pub(super) enum Ended {
    Left {
        doing: Doing,
        left: Left,
        elapsed: Duration,
    },
    /// `made` is what it had made before it failed.
    Failed {
        doing: Doing,
        fault: Fault,
        made: Option<String>,
        elapsed: Duration,
    },
    Passed,
    GateShut,
    /// A wait for what would follow, and nothing will.
    Cut,
}

async fn perform(
    work: &Work<'_>,
    plan: &Plan,
    op: usize,
    want: Option<Want<Doc>>,
    (options, no_more): (&Options, &CancellationToken),
) -> Ended {
    let began = Instant::now();
    let (step, doing) = match &plan.graph.ops[op] {
        Op::Drain(region) => return unless(no_more, drain(work, region)).await,
        Op::Gate(region) => return unless(no_more, gate(work, plan, op, region, options)).await,
        Op::Wait(step) => (&plan.steps[*step], Doing::Waiting),
        Op::Make(step) => (&plan.steps[*step], Doing::Creating),
        Op::Remove(step) => (&plan.steps[*step], Doing::Deleting),
        Op::Change(step) => {
            let step = &plan.steps[*step];
            (step, if step.action == Action::Adopt { Doing::Adopting } else { Doing::Updating })
        }
    };
    work.say(Event::Started { addr: step.addr.clone(), doing });
    let want = match want {
        Some(want) => Some(work.with_late_outputs(plan, want).await),
        None => None,
    };
    let result = match (doing, &want) {
        (Doing::Deleting, _) => work.remove(step).await,
        (_, None) => Err(Fault::bug(format!("nothing is wanted at {}", step.addr))),
        (Doing::Waiting, Some(want)) => work.wait(step, want).await,
        (Doing::Creating, Some(want)) => work.make(step, want).await,
        (_, Some(want)) => work.change(step, want, doing).await,
    };
    match result {
        Ok(left) => Ended::Left { doing, left, elapsed: began.elapsed() },
        Err(fault) => {
            let made = work.made.lock().ok().and_then(|made| made.get(&step.addr).cloned());
            Ended::Failed { doing, fault, made, elapsed: began.elapsed() }
        }
    }
}

/// The state of a run.
struct Run<'a> {
    plan: &'a Plan,
    waits_for: Vec<usize>,
    after: Vec<Vec<usize>>,
    ready: BTreeSet<usize>,
    started: BTreeSet<usize>,
    busy: BTreeSet<&'a str>,
    /// Why an operation is not to be tried.
    hindered: BTreeMap<usize, String>,
    known: BTreeMap<Addr, Outputs>,
    exists: BTreeMap<Addr, String>,
    failures: Vec<(Addr, Fault)>,
    /// What creates have made.
    made: Vec<Addr>,
    /// The steps whose thing is gone.
    removed: Vec<usize>,
    tally: Tally,
    stopped: Option<Stop>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan) -> Self {
        let count = plan.graph.ops.len();
        let (mut waits_for, mut after) = (vec![0; count], vec![Vec::new(); count]);
        for (before, next, _) in &plan.graph.edges {
            waits_for[*next] += 1;
            after[*before].push(*next);
        }
        let found = || plan.steps.iter().filter_map(|step| Some((step, step.found.as_ref()?)));
        Self {
            plan,
            ready: (0..count).filter(|op| waits_for[*op] == 0).collect(),
            waits_for,
            after,
            started: BTreeSet::new(),
            busy: BTreeSet::new(),
            hindered: BTreeMap::new(),
            known: found()
                .filter(|(step, _)| !matches!(step.action, Action::Create | Action::Replace))
                .map(|(step, found)| (step.addr.clone(), found.outputs.clone()))
                .collect(),
            exists: found().filter(|(_, found)| found.ours).map(|(step, found)| (step.addr.clone(), found.id.clone())).collect(),
            failures: Vec::new(),
            made: Vec::new(),
            removed: Vec::new(),
            tally: Tally::default(),
            stopped: None,
        }
    }

    /// How many operations of what was started do more than wait for what would follow.
    fn working(&self) -> usize {
        self.started.iter().filter(|op| self.plan.graph.ops[**op].step().is_some()).count()
    }

    /// The next operation whose lane is free.
    fn take(&mut self) -> Option<usize> {
        let lane = |op: &usize| self.plan.graph.lanes.get(op).map(String::as_str);
        let op = self.ready.iter().copied().find(|op| lane(op).is_none_or(|lane| !self.busy.contains(lane)))?;
        if let Some(lane) = lane(&op) {
            self.busy.insert(lane);
        }
        self.ready.remove(&op);
        self.started.insert(op);
        Some(op)
    }

    /// What is wanted, with every reference filled in that is known by now.
    fn want(&self, op: usize) -> Option<Want<Doc>> {
        let step = &self.plan.steps[self.plan.graph.ops[op].step()?];
        let mut want = step.want.clone()?;
        resolve(&mut want.spec, &|addr, field| self.known.get(addr)?.get(field).map(str::to_owned));
        Some(want)
    }

    fn finish(&mut self, op: usize, ended: Ended, tell: &mut impl FnMut(Event)) {
        if let Some(lane) = self.plan.graph.lanes.get(&op) {
            self.busy.remove(lane.as_str());
        }
        self.started.remove(&op);
        if matches!(ended, Ended::Cut) {
            return;
        }
        let label = self.plan.label(&self.plan.graph.ops[op]);
        let addr = self.plan.graph.ops[op].step().map(|step| self.plan.steps[step].addr.clone());
        let mut hindrance = None;
        match (ended, addr) {
            (Ended::Left { doing, left, elapsed }, Some(addr)) => {
                self.tally.done += 1;
                let id = match left {
                    Left::Exists { id, outputs } => {
                        self.known.insert(addr.clone(), outputs);
                        if doing == Doing::Creating {
                            self.made.push(addr.clone());
                        }
                        self.exists.insert(addr.clone(), id.clone());
                        Some(id)
                    }
                    Left::Nothing => {
                        // What was made in its place before it went is there.
                        let gone = self.plan.graph.ops[op].step().and_then(|step| self.plan.steps[step].found.as_ref());
                        if gone.is_none_or(|gone| self.exists.get(&addr) == Some(&gone.id)) {
                            self.exists.remove(&addr);
                        }
                        self.removed.extend(self.plan.graph.ops[op].step());
                        None
                    }
                };
                tell(Event::Done { addr, doing, id, elapsed });
            }
            (Ended::Failed { doing, fault, made, elapsed }, Some(addr)) => {
                self.tally.failed += 1;
                if let Some(id) = made {
                    self.exists.insert(addr.clone(), id);
                }
                let exists = match self.exists.get(&addr) {
                    Some(id) => format!("`{id}` exists"),
                    None => "nothing of it is known to exist".to_owned(),
                };
                self.failures.push((addr.clone(), fault.clone()));
                // What does not get healthy is a gate that stays shut, whether or not the plan has one there.
                if fault.class == Class::Unhealthy && self.stopped.is_none() {
                    self.stopped = Some(Stop::Gated);
                }
                tell(Event::Failed { addr, doing, fault, exists, elapsed });
                hindrance = Some(label);
            }
            (Ended::GateShut, _) => {
                self.tally.failed += 1;
                self.stopped = Some(Stop::Gated);
                hindrance = Some(label);
            }
            _ => self.tally.done += 1,
        }
        self.release(op, hindrance, tell);
    }

    /// Frees what came after an operation; when it failed, only what follows from it is skipped, and nothing else.
    fn release(&mut self, op: usize, hindrance: Option<String>, tell: &mut impl FnMut(Event)) {
        let mut over = vec![(op, hindrance)];
        while let Some((op, hindrance)) = over.pop() {
            for next in self.after[op].clone() {
                self.waits_for[next] -= 1;
                if let Some(because) = &hindrance {
                    self.hindered.entry(next).or_insert_with(|| because.clone());
                }
                if self.waits_for[next] > 0 {
                    continue;
                }
                match self.hindered.get(&next).cloned() {
                    None => {
                        self.ready.insert(next);
                    }
                    Some(because) => {
                        self.tally.skipped += 1;
                        if let Some((addr, doing)) = self.subject(next) {
                            tell(Event::Skipped { addr, doing, because: because.clone() });
                        }
                        over.push((next, Some(because)));
                    }
                }
            }
        }
    }

    fn subject(&self, op: usize) -> Option<(Addr, Doing)> {
        let op = &self.plan.graph.ops[op];
        let doing = match op {
            Op::Wait(_) => Doing::Waiting,
            Op::Make(_) => Doing::Creating,
            Op::Change(_) => Doing::Updating,
            Op::Remove(_) => Doing::Deleting,
            Op::Drain(_) | Op::Gate(_) => return None,
        };
        Some((self.plan.steps[op.step()?].addr.clone(), doing))
    }

    fn outcome(mut self, to_do: Vec<String>, left: Vec<String>, elapsed: Duration) -> Outcome {
        let ended = self.tally.done + self.tally.failed + self.tally.skipped;
        self.tally.left = self.plan.graph.ops.len().saturating_sub(ended);
        let exists = self.exists.into_iter().collect();
        Outcome { tally: self.tally, stopped: self.stopped, exists, failures: self.failures, to_do, left, elapsed }
    }
}
