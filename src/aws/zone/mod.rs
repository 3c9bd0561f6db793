//! What is under way in a hosted zone: changes that become ready together are sent as one, one after the other.
//!
//! Route 53 takes one change of a zone at a time and refuses the next (`PriorRequestNotComplete`), and a change reaches the name
//! servers a while after it was accepted (field guide 9.2). So who wants to change a record set says what it is to be and waits;
//! the first one of a moment sends what has gathered. What is sent is worked out from what is there at that time: a delete
//! repeats the set as it is, and what another has done already is not sent again.
mod compose;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_route53::types::{Change, ChangeBatch, ChangeStatus, ResourceRecordSet};
pub use compose::{Family, Policy, described, policy_name, zone_target};
use compose::{Verdict, compose};
use tokio::{
    sync::{Mutex as Turn, oneshot},
    time::{Instant, sleep},
};

use super::{
    Fleet,
    dns::{bare, sets_named},
    errors::fault,
};
use crate::resource::{Class, Fault, Region};

/// Record sets of one change, far below 1,000 elements (Route 53 developer guide, "Quotas"); each may bring its siblings along.
const AT_ONCE: usize = 50;

/// Which record set of a zone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetKey {
    /// As in a topology: lower case, no escapes, no dot at the end.
    pub name: String,
    /// `A`, `CNAME`.
    pub kind: String,
    pub identifier: String,
}

/// What a record set is to be.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub key: SetKey,
    /// Nothing: it goes.
    pub set: Option<ResourceRecordSet>,
    /// What else has its name.
    pub family: Arc<Family>,
}

/// The zones that a run changes.
#[derive(Debug, Default)]
pub struct Zones(Mutex<BTreeMap<String, Arc<Zone>>>);

impl Zones {
    pub(super) fn of(&self, id: &str) -> Arc<Zone> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(id.to_owned()).or_insert_with(|| Arc::new(Zone { id: id.to_owned(), ..Zone::default() })))
    }
}

/// One zone.
#[derive(Debug, Default)]
pub struct Zone {
    id: String,
    waiting: Mutex<VecDeque<Waiting>>,
    /// Held while a change is worked out and sent.
    sending: Turn<()>,
    sent: Mutex<Sent>,
    /// Held while it is asked whether a change has arrived, so that many ask once.
    looking: Turn<()>,
}

#[derive(Debug)]
struct Waiting {
    wanted: Wanted,
    answer: oneshot::Sender<Result<(), Fault>>,
}

/// What this run knows of its own changes.
#[derive(Debug, Default)]
struct Sent {
    /// The last change of each set.
    last: BTreeMap<SetKey, String>,
    /// The changes that have not reached every name server, and when that was last asked.
    pending: BTreeMap<String, Instant>,
    /// When a change had no clear answer, or a change that was sent twice was refused: what was found done then may be on its way.
    unclear: Option<Instant>,
    /// Sets that were found done, and from when on they are everywhere.
    unsure: BTreeMap<SetKey, Instant>,
}

/// Whether what was done to a set is known to every name server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    Pending,
    /// As far as this run knows.
    Arrived,
}

impl Zone {
    /// Makes a record set what it is to be. Done when Route 53 has accepted it; `arrival` tells the rest.
    ///
    /// # Errors
    /// What AWS refused of this set; what was refused because of another one is sent again without it.
    pub async fn change(&self, fleet: &Fleet, region: &Region, wanted: Wanted) -> Result<(), Fault> {
        let (answer, mut answered) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(Waiting { wanted, answer });
        sleep(fleet.timing().dns_gather).await;
        let cut_off = |_| Fault::new("route53:ChangeResourceRecordSets", Class::Unclear, "who was to send it was stopped");
        loop {
            let _turn = tokio::select! {
                biased;
                answer = &mut answered => return answer.map_err(cut_off)?,
                turn = self.sending.lock() => turn,
            };
            let gathered: Vec<Waiting> = {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                let count = waiting.len().min(AT_ONCE);
                waiting.drain(..count).collect()
            };
            if gathered.is_empty() {
                return answered.try_recv().map_err(|_| Fault::bug("a change of a zone was neither sent nor answered"))?;
            }
            self.send(fleet, region, gathered).await;
        }
    }

    /// Sends what has gathered; when AWS refuses it, name by name and then one by one, so that each hears of its own mistake only.
    async fn send(&self, fleet: &Fleet, region: &Region, gathered: Vec<Waiting>) {
        let mut groups = VecDeque::from([gathered]);
        while let Some(group) = groups.pop_front() {
            let wanted: Vec<&Wanted> = group.iter().map(|waiting| &waiting.wanted).collect();
            let mut outcome = self.try_send(fleet, region, &wanted).await;
            let is_refused = |outcome: &Result<(), Fault>| outcome.as_ref().is_err_and(|fault| fault.class == Class::Invalid);
            if is_refused(&outcome) && group.len() == 1 {
                // The SDK sends again what had no answer, and is refused where the first was carried out: then nothing is left to send.
                outcome = self.try_send(fleet, region, &wanted).await;
            }
            match outcome {
                outcome if is_refused(&outcome) && group.len() > 1 => {
                    for part in parted(group).into_iter().rev() {
                        groups.push_front(part);
                    }
                }
                outcome => group.into_iter().for_each(|waiting| {
                    // Who no longer waits for the answer was stopped.
                    let _gone = waiting.answer.send(outcome.clone());
                }),
            }
        }
    }

    async fn try_send(&self, fleet: &Fleet, region: &Region, wanted: &[&Wanted]) -> Result<(), Fault> {
        const OP: &str = "route53:ChangeResourceRecordSets";
        let names: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.key.name.as_str()).collect();
        let mut live = Vec::new();
        for name in names {
            live.extend(sets_named(fleet, region, &self.id, name).await?);
        }
        let Verdict { changes, done } = compose(&live, wanted)?;
        let settles = fleet.timing().dns_settles;
        {
            let mut sent = self.sent();
            if let Some(at) = sent.unclear.filter(|at| at.elapsed() < settles) {
                sent.unsure.extend(done.into_iter().map(|key| (key, at + settles)));
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        let keys: Vec<SetKey> = changes.iter().map(|(_, set)| compose::key_of(set)).collect();
        let build = |(action, set)| Change::builder().action(action).resource_record_set(set).build();
        let changes: Result<Vec<Change>, _> = changes.into_iter().map(build).collect();
        let batch = changes.and_then(|changes| ChangeBatch::builder().set_changes(Some(changes)).build());
        let batch = batch.map_err(|error| Fault::bug(error.to_string()))?;
        let ask = fleet.route53(region).await.change_resource_record_sets().hosted_zone_id(&self.id).change_batch(batch);
        let answer = ask.send().await.map_err(fault(OP));
        let mut sent = self.sent();
        match answer {
            Ok(answer) => {
                let info = answer.change_info.ok_or_else(|| Fault::bug("ChangeResourceRecordSets named no change"))?;
                let id = bare(info.id()).to_owned();
                for key in keys {
                    sent.unsure.remove(&key);
                    sent.last.insert(key, id.clone());
                }
                if *info.status() != ChangeStatus::Insync {
                    sent.pending.insert(id, Instant::now());
                }
                Ok(())
            }
            Err(fault) => {
                // The SDK sends again what had no answer, and the second time it may be refused because the first was carried out.
                if matches!(fault.class, Class::Unclear | Class::Invalid) {
                    sent.unclear = Some(Instant::now());
                }
                Err(fault)
            }
        }
    }

    /// Whether what this run did to a record set has reached every name server. Route 53 is asked once for all sets of a change
    /// and not too often.
    ///
    /// # Errors
    /// What AWS refused.
    pub async fn arrival(&self, fleet: &Fleet, region: &Region, key: &SetKey) -> Result<Arrival, Fault> {
        let _turn = self.looking.lock().await;
        let (change, asked) = {
            let sent = self.sent();
            if sent.unsure.get(key).is_some_and(|until| *until > Instant::now()) {
                return Ok(Arrival::Pending);
            }
            let Some(change) = sent.last.get(key).cloned() else { return Ok(Arrival::Arrived) };
            let Some(asked) = sent.pending.get(&change).copied() else { return Ok(Arrival::Arrived) };
            (change, asked)
        };
        if asked.elapsed() < fleet.timing().dns_look {
            return Ok(Arrival::Pending);
        }
        let answer = fleet.route53(region).await.get_change().id(&change).send().await.map_err(fault("route53:GetChange"))?;
        let arrived = answer.change_info().is_some_and(|info| *info.status() == ChangeStatus::Insync);
        let mut sent = self.sent();
        if arrived {
            sent.pending.remove(&change);
            return Ok(Arrival::Arrived);
        }
        sent.pending.insert(change, Instant::now());
        Ok(Arrival::Pending)
    }

    fn sent(&self) -> std::sync::MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The parts to try when a whole was refused: each name for itself, and of one name each set.
fn parted(group: Vec<Waiting>) -> Vec<Vec<Waiting>> {
    let mut parts: BTreeMap<String, Vec<Waiting>> = BTreeMap::new();
    for waiting in group {
        parts.entry(waiting.wanted.key.name.clone()).or_default().push(waiting);
    }
    if parts.len() > 1 {
        return parts.into_values().collect();
    }
    parts.into_values().flatten().map(|waiting| vec![waiting]).collect()
}
