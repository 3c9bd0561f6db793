//! One operation, from its first call to the moment AWS has really done it, with the retries that are the engine's own.
//!
//! Which retry belongs to which class of fault stands here and nowhere else. A create without a unique name is never repeated
//! after an unclear answer before two looks found nothing; everything else is safe to repeat.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};

use tokio::{
    sync::mpsc::UnboundedSender,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Doing, Event,
    settle::{Pauses, Voice, until_gone, until_ready},
};
use crate::{
    plan::{Action, Plan, Step, all_of, loses, other_stack},
    resource::{
        Addr, AnyKind, Change, Class, Cx, Doc, Fault, Found, Kinds, Life, Memo, Outputs, Status, Timing, Traits, Want,
        doc::{diff, links, resolve},
        readable,
    },
};

/// How long AWS may take to let a new thing be referred to: five minutes for EC2, RDS and ELB.
const PROPAGATION: Duration = Duration::from_secs(300);
/// How long a read that AWS limits is repeated.
pub(super) const LOOKING: Duration = Duration::from_secs(60);
/// How often a create with an unclear answer is tried when nothing is found of it, and a change that is said to be made already.
const UNCLEAR_ATTEMPTS: u32 = 4;

/// What all operations of a run share.
pub(super) struct Work<'a> {
    pub kinds: &'a Kinds,
    pub cx: &'a Cx,
    pub timing: Timing,
    /// When the plan was read.
    pub read_at: Instant,
    pub events: UnboundedSender<Event>,
    /// One second look for each kind and scope, shared by its creates.
    pub looks: Mutex<Memo>,
    /// The ids of what stands where an operation began, for those that fail later.
    pub made: Mutex<BTreeMap<Addr, String>>,
    /// What the plan has found at an address and goes past: it is never what stands there now.
    pub passed: BTreeSet<(Addr, String)>,
    /// Cancelled when nothing more is to be started: what has not begun with AWS does not begin any more.
    pub stop: CancellationToken,
}

/// What an operation leaves behind.
pub(super) enum Left {
    Exists { id: String, outputs: Outputs },
    Nothing,
}

impl Work<'_> {
    pub(super) fn say(&self, event: Event) {
        // The receiver lives as long as the run; without it nobody listens any more.
        let _ = self.events.send(event);
    }

    /// Remembers what stands at an address, for the case that what follows fails.
    fn note(&self, addr: &Addr, id: &str) {
        if let Ok(mut made) = self.made.lock() {
            made.insert(addr.clone(), id.to_owned());
        }
    }

    pub(super) fn kind(&self, addr: &Addr) -> Result<&dyn AnyKind, Fault> {
        self.kinds.get(&addr.kind).map(|kind| &**kind)
    }

    /// Everything of a kind in a scope, read anew.
    pub(super) async fn observe(&self, kind: &dyn AnyKind, cx: &Cx) -> Result<Vec<Found<Doc>>, Fault> {
        self.read(kind, cx, None).await
    }

    /// Everything of a kind in a scope, or what stands at one address under an id. A read that AWS limits is tried again: it says
    /// nothing about what is there.
    async fn read(&self, kind: &dyn AnyKind, cx: &Cx, one: Option<(&Addr, &str)>) -> Result<Vec<Found<Doc>>, Fault> {
        let (mut pauses, until) = (Pauses::new(kind.traits().patience, &self.timing), Instant::now() + LOOKING);
        loop {
            let cx = cx.afresh();
            let answer = match one {
                Some((addr, id)) => kind.look_at(&cx, addr, id).await,
                None => kind.observe(&cx).await,
            };
            match answer {
                Err(fault) if matches!(fault.class, Class::Throttled | Class::Contention) && Instant::now() < until => pauses.pause().await,
                answer => return answer,
            }
        }
    }

    /// What is at an address now, read anew.
    pub(super) async fn look(&self, kind: &dyn AnyKind, cx: &Cx, addr: &Addr) -> Result<Option<Found<Doc>>, Fault> {
        self.only_one(addr, self.read(kind, cx, None).await?)
    }

    /// The same, where AWS's identifier of it is known.
    async fn look_at(&self, kind: &dyn AnyKind, cx: &Cx, addr: &Addr, id: &str) -> Result<Option<Found<Doc>>, Fault> {
        self.only_one(addr, self.read(kind, cx, Some((addr, id))).await?)
    }

    fn only_one(&self, addr: &Addr, found: Vec<Found<Doc>>) -> Result<Option<Found<Doc>>, Fault> {
        let mut here: Vec<_> = found.into_iter().filter(|found| self.is_at(found, addr)).collect();
        if here.len() > 1 {
            return Err(Fault::new("looking for it", Class::Invalid, all_of(addr, &here)));
        }
        Ok(here.pop())
    }

    /// What is at an address where AWS says that something is ready: its other reads may lag behind that, so that nothing found
    /// is no answer before time has passed.
    async fn look_until_there(&self, kind: &dyn AnyKind, cx: &Cx, addr: &Addr, id: &str, doing: Doing) -> Result<Found<Doc>, Fault> {
        let most = self.timing.longest_absence.map_or(PROPAGATION, |longest| longest.min(PROPAGATION));
        let (mut pauses, mut voice) = (Pauses::new(kind.traits().patience, &self.timing), Voice::new(self, addr, doing));
        loop {
            if let Some(found) = self.look_at(kind, cx, addr, id).await? {
                return Ok(found);
            }
            if voice.elapsed() > most {
                let message = format!("`{id}` is there, and after {} it cannot be read whole yet", readable(voice.elapsed()));
                return Err(Fault::new(format!("reading {addr}"), Class::Unclear, message));
            }
            voice.tell("there, and not readable yet");
            pauses.pause().await;
        }
    }

    /// Reads by tag lag behind creates: what an earlier run made a moment ago may only be visible now.
    async fn second_look(&self, kind: &dyn AnyKind, cx: &Cx, addr: &Addr) -> Result<Option<Found<Doc>>, Fault> {
        sleep_until(self.read_at + self.timing.second_look).await;
        let memo = self.looks.lock().map(|memo| memo.clone()).unwrap_or_default();
        let all = memo.once(format!("{}/{}", addr.scope, addr.kind), || self.observe(kind, cx)).await?;
        Ok(all.iter().find(|found| self.is_at(found, addr)).cloned())
    }

    /// Whether it stands at that address to stay.
    fn is_at(&self, found: &Found<Doc>, addr: &Addr) -> bool {
        let passed = || self.passed.contains(&(addr.clone(), found.id.clone()));
        found.addr == *addr && !matches!(found.life, Life::Leaving(_)) && !passed()
    }

    /// Fills in what was not there yet when its resource became ready (the endpoint of a global cluster comes with its first writer):
    /// asked for when it is needed.
    pub(super) async fn with_late_outputs(&self, plan: &Plan, mut want: Want<Doc>) -> Want<Doc> {
        let missing: BTreeSet<Addr> = links(&want.spec).into_iter().filter_map(|(_, link)| link.target().cloned()).collect();
        for addr in missing {
            let made = self.made.lock().ok().and_then(|made| made.get(&addr).cloned());
            let found = || plan.steps.iter().find(|step| step.addr == addr)?.found.as_ref().map(|found| found.id.clone());
            let (Some(id), Ok(kind)) = (made.or_else(found), self.kind(&addr)) else { continue };
            if let Ok(Status::Ready(outputs)) = kind.status(&self.cx.at(&addr.scope).afresh(), &addr, &id).await {
                resolve(&mut want.spec, &|of, field| if *of == addr { outputs.get(field).map(str::to_owned) } else { None });
            }
        }
        want
    }

    pub(super) async fn make(&self, step: &Step, want: &Want<Doc>) -> Result<Left, Fault> {
        let (kind, cx) = (self.kind(&step.addr)?, self.cx.at(&step.addr.scope).making(&step.addr));
        let traits = kind.traits();
        let replaced = step.action == Action::Replace;
        if let Some(found) = step.found.as_ref().filter(|found| matches!(found.life, Life::Leaving(_))) {
            until_gone(self, kind, &cx, &step.addr, &found.id).await?;
        } else if traits.twice
            && (replaced || step.found.is_none())
            && let Some(found) = self.second_look(kind, &cx, &step.addr).await?
        {
            return self.bring_in_line(kind, &cx, found, want, Doing::Creating, &[]).await;
        }
        match self.create(kind, &cx, want).await? {
            Created::New(id) => {
                self.note(&step.addr, &id);
                let outputs = until_ready(self, kind, &cx, &step.addr, &id, Doing::Creating).await?;
                if !traits.unfinished {
                    return Ok(Left::Exists { id, outputs });
                }
                let found = self.look_until_there(kind, &cx, &step.addr, &id, Doing::Creating).await?;
                self.bring_in_line(kind, &cx, found, want, Doing::Creating, &[]).await
            }
            Created::WasThere(found) => self.bring_in_line(kind, &cx, *found, want, Doing::Creating, &[]).await,
        }
    }

    async fn create(&self, kind: &dyn AnyKind, cx: &Cx, want: &Want<Doc>) -> Result<Created, Fault> {
        let patience = kind.traits().patience;
        let (mut pauses, mut voice) = (Pauses::new(patience, &self.timing), Voice::new(self, &want.addr, Doing::Creating));
        let mut unclear = 0;
        for attempt in 1.. {
            let fault = match kind.create(cx, want).await {
                Ok(id) => return Ok(Created::New(id)),
                Err(fault) => fault,
            };
            match fault.class {
                Class::Unclear => {
                    unclear += 1;
                    if let Some(found) = self.look_twice(kind, cx, &want.addr).await? {
                        return Ok(Created::WasThere(Box::new(found)));
                    }
                    if unclear >= UNCLEAR_ATTEMPTS {
                        return Err(fault);
                    }
                }
                Class::Exists => match self.look(kind, cx, &want.addr).await? {
                    Some(found) if found.ours => return Ok(Created::WasThere(Box::new(found))),
                    _ => return Err(fault),
                },
                // Nothing of it is there.
                Class::Contention | Class::InUse if self.stop.is_cancelled() => return Err(fault),
                Class::Throttled | Class::Contention | Class::InUse if voice.elapsed() < patience.ready => {}
                Class::NotFound if voice.elapsed() < PROPAGATION.min(patience.ready) => {}
                _ => return Err(fault),
            }
            voice.tell(&fault.now());
            self.retry(&want.addr, fault, attempt, &mut pauses).await;
        }
        Err(Fault::bug("a create was neither made nor refused"))
    }

    /// After an unclear answer: at once, and again when reads by tag have caught up.
    async fn look_twice(&self, kind: &dyn AnyKind, cx: &Cx, addr: &Addr) -> Result<Option<Found<Doc>>, Fault> {
        if let Ok(Some(found)) = self.look(kind, cx, addr).await {
            return Ok(Some(found));
        }
        sleep(self.timing.second_look).await;
        self.look(kind, cx, addr).await
    }

    pub(super) async fn retry(&self, addr: &Addr, fault: Fault, attempt: u32, pauses: &mut Pauses) {
        self.say(Event::Retried { addr: addr.clone(), fault, attempt, pause: pauses.next() });
        pauses.pause().await;
    }

    /// Waits for what is being made, reads it again and compares.
    pub(super) async fn wait(&self, step: &Step, want: &Want<Doc>) -> Result<Left, Fault> {
        let (kind, cx) = (self.kind(&step.addr)?, self.cx.at(&step.addr.scope));
        let found = step.found.as_ref().ok_or_else(|| Fault::bug("nothing to wait for"))?;
        until_ready(self, kind, &cx, &step.addr, &found.id, Doing::Waiting).await?;
        match self.look_at(kind, &cx, &step.addr, &found.id).await? {
            Some(found) => self.bring_in_line(kind, &cx, found, want, Doing::Waiting, &step.changes).await,
            None => Err(Fault::new(format!("reading {}", step.addr), Class::NotFound, "it was there and is not any more")),
        }
    }

    pub(super) async fn change(&self, step: &Step, want: &Want<Doc>, doing: Doing) -> Result<Left, Fault> {
        let (kind, cx) = (self.kind(&step.addr)?, self.cx.at(&step.addr.scope));
        let found = step.found.clone().ok_or_else(|| Fault::bug("nothing to change"))?;
        if doing == Doing::Adopting {
            self.look_at(kind, &cx, &step.addr, &found.id).await?.map_or(Ok(()), |now| not_taken(&now, want))?;
            // Only tags are written; whatever else differs is the next plan's business.
            self.update(kind, &cx, &found, want, step.changes.clone(), doing).await?;
            return Ok(Left::Exists { id: found.id, outputs: found.outputs });
        }
        self.bring_in_line(kind, &cx, found, want, doing, &step.changes).await
    }

    /// Changes in place what differs, and reads again until nothing does. What the data guard has not seen in the plan
    /// (`planned`) is never done here.
    async fn bring_in_line(
        &self,
        kind: &dyn AnyKind,
        cx: &Cx,
        mut found: Found<Doc>,
        want: &Want<Doc>,
        doing: Doing,
        planned: &[Change],
    ) -> Result<Left, Fault> {
        let (traits, mut began, mut last) = (kind.traits(), Instant::now(), None);
        let (mut pauses, mut voice) = (Pauses::new(traits.patience, &self.timing), Voice::new(self, &want.addr, doing));
        self.note(&want.addr, &found.id);
        let can_begin = traits.yields && !diff(&found.spec, &want.spec).is_empty();
        if matches!(found.life, Life::Making(_)) && !can_begin {
            until_ready(self, kind, cx, &want.addr, &found.id, doing).await?;
            found = self.look_until_there(kind, cx, &want.addr, &found.id, doing).await?;
        }
        loop {
            if let Life::Broken(now) = &found.life {
                let message = format!("`{}` is there and is {now}; a new plan has to decide about that", found.id);
                return Err(Fault::new(format!("comparing {}", want.addr), Class::Invalid, message));
            }
            let changes = diff(&found.spec, &want.spec);
            if changes.is_empty() {
                return Ok(Left::Exists { id: found.id, outputs: found.outputs });
            }
            let fixed = changes.iter().find(|change| traits.fixed.iter().any(|path| change.is_under(path)));
            let guarded = changes.iter().find(|change| is_unseen(&traits, &found.spec, change, planned));
            if let Some(change) = fixed.or(guarded) {
                let message = format!("`{}` is there and differs in `{}`; a new plan has to decide about that", found.id, change.path);
                return Err(Fault::new(format!("comparing {}", want.addr), Class::Invalid, message));
            }
            // Each change may take as long: the patience is with one that does not come about.
            if last.as_ref() != Some(&changes) {
                (began, last) = (Instant::now(), Some(changes.clone()));
                pauses = Pauses::new(traits.patience, &self.timing);
            }
            if began.elapsed() > traits.patience.ready {
                let message = format!("after {} it still differs in {}", readable(began.elapsed()), paths(&changes));
                return Err(Fault::new(format!("updating {}", want.addr), Class::Contention, message));
            }
            self.update(kind, cx, &found, want, changes, doing).await?;
            let outputs = until_ready(self, kind, cx, &want.addr, &found.id, doing).await?;
            if !traits.unfinished {
                return Ok(Left::Exists { id: found.id, outputs });
            }
            found = self.look_until_there(kind, cx, &want.addr, &found.id, doing).await?;
            // What was set reads back late (field guide 2.1 item 5): it is not set again before a second look.
            let left = diff(&found.spec, &want.spec);
            if !left.is_empty() && last.as_ref() == Some(&left) {
                voice.tell(&format!("not read back yet: {}", paths(&left)));
                pauses.pause().await;
                found = self.look_at(kind, cx, &want.addr, &found.id).await?.unwrap_or(found);
            }
        }
    }

    pub(super) async fn update(
        &self,
        kind: &dyn AnyKind,
        cx: &Cx,
        found: &Found<Doc>,
        want: &Want<Doc>,
        changes: Vec<Change>,
        doing: Doing,
    ) -> Result<(), Fault> {
        let patience = kind.traits().patience;
        let (mut pauses, mut voice) = (Pauses::new(patience, &self.timing), Voice::new(self, &want.addr, doing));
        let (mut found, mut changes) = (found.clone(), changes);
        for attempt in 1.. {
            let Err(fault) = kind.update(cx, &found, want, &changes).await else { return Ok(()) };
            // "Already there" is what an earlier try of the same change says whose answer was lost.
            let was_done = fault.class == Class::Exists && attempt < UNCLEAR_ATTEMPTS;
            let repeat =
                was_done || matches!(fault.class, Class::Unclear | Class::Throttled | Class::Contention | Class::InUse | Class::NotFound);
            let until = if fault.class == Class::NotFound { PROPAGATION.min(patience.ready) } else { patience.ready };
            let is_begun = fault.class != Class::Contention || doing == Doing::Deleting;
            if !repeat || voice.elapsed() > until || self.stop.is_cancelled() && !is_begun {
                return Err(fault);
            }
            voice.tell(&fault.now());
            let missing = Some(fault.clone()).filter(|fault| fault.class == Class::NotFound);
            self.retry(&want.addr, fault, attempt, &mut pauses).await;
            // Part of it may have been done: only what still differs is sent again.
            let now = self.look_at(kind, cx, &want.addr, &found.id).await;
            if let (Ok(None), Some(missing), Doing::Updating | Doing::Adopting) = (&now, missing, doing) {
                // It was there when the plan was made, and both say that it went since: there is nothing to change.
                return Err(missing);
            }
            if let Ok(Some(again)) = now {
                not_taken(&again, want)?;
                let left = diff(&again.spec, &want.spec);
                // What began to differ since is the next plan's business where the data guard has a say in it.
                let (traits, asked) = (kind.traits(), changes.clone());
                let may_be_sent = |change: &Change| {
                    let fixed = traits.fixed.iter().any(|path| change.is_under(path));
                    let only_tags = doing != Doing::Adopting || change.is_under("tags");
                    only_tags && !fixed && !is_unseen(&traits, &again.spec, change, &asked)
                };
                changes = left.into_iter().filter(may_be_sent).collect();
                found = again;
                if changes.is_empty() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Another stack may have put its marks on a thing since the plan.
fn not_taken(now: &Found<Doc>, want: &Want<Doc>) -> Result<(), Fault> {
    let Some(other) = other_stack(now, &want.spec) else { return Ok(()) };
    let message = format!("`{}` carries the mark of stack `{other}` by now; it is left alone", now.id);
    Err(Fault::new(format!("changing {}", want.addr), Class::Invalid, message))
}

fn paths(changes: &[Change]) -> String {
    changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>().join(", ")
}

/// Whether a change would lose something although no plan has shown it.
fn is_unseen(traits: &Traits, found: &Doc, change: &Change, seen: &[Change]) -> bool {
    loses(traits, found, change).is_some() && !seen.iter().any(|other| other.path == change.path && other.to == change.to)
}

enum Created {
    New(String),
    WasThere(Box<Found<Doc>>),
}
