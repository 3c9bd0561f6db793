//! Waiting: until a thing is ready, until it is gone. The engine does it; SDK waiters are silent and not used.
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Doing, Event, operation::Work};
use crate::resource::{Addr, AnyKind, Class, Cx, Fault, Outputs, Patience, Status, Timing, readable};

/// What was being done when a wait ended badly.
const READY: &str = "waiting until it is ready";
/// A running operation is heard of at least this often.
const HEARTBEAT: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Pauses that begin at a quarter of a second and double up to a cadence.
pub(super) struct Pauses {
    next: Duration,
    cadence: Duration,
}

impl Pauses {
    pub(super) fn new(patience: Patience, timing: &Timing) -> Self {
        let cadence = timing.longest_pause_between_looks.map_or(patience.every, |longest| patience.every.min(longest));
        Self { next: FIRST_PAUSE.min(cadence), cadence }
    }

    pub(super) async fn pause(&mut self) {
        let now = self.next;
        self.next = (now * 2).min(self.cadence);
        sleep(now).await;
    }

    pub(super) fn next(&self) -> Duration {
        self.next
    }
}

/// Says what AWS is doing, whenever that changes and at every heartbeat.
pub(super) struct Voice<'a> {
    work: &'a Work<'a>,
    addr: &'a Addr,
    doing: Doing,
    began: Instant,
    last: Option<(String, Instant)>,
}

impl<'a> Voice<'a> {
    pub(super) fn new(work: &'a Work<'a>, addr: &'a Addr, doing: Doing) -> Self {
        Self { work, addr, doing, began: Instant::now(), last: None }
    }

    pub(super) fn tell(&mut self, now: &str) {
        let due = self.last.as_ref().is_none_or(|(said, at)| said != now || at.elapsed() >= HEARTBEAT);
        if due {
            self.last = Some((now.to_owned(), Instant::now()));
            let event = Event::Progress { addr: self.addr.clone(), doing: self.doing, now: now.to_owned(), elapsed: self.began.elapsed() };
            self.work.say(event);
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

/// Waits until the thing is ready and gives its outputs. "Gone" right after a create means "not visible yet"; what stays away
/// for too long was dropped by AWS, which does not always say so.
pub(super) async fn until_ready(
    work: &Work<'_>,
    kind: &dyn AnyKind,
    cx: &Cx,
    addr: &Addr,
    id: &str,
    doing: Doing,
) -> Result<Outputs, Fault> {
    let patience = kind.traits().patience;
    let (mut pauses, mut voice) = (Pauses::new(patience, &work.timing), Voice::new(work, addr, doing));
    let may_be_away = work.timing.longest_absence.map_or(patience.appears, |longest| patience.appears.min(longest));
    let mut away_since = None;
    loop {
        let status = ask(kind, cx, addr, id).await?;
        if !matches!(status, Some(Status::Gone)) {
            away_since = None;
        }
        let now = match status {
            Some(Status::Ready(outputs)) => return Ok(outputs),
            Some(Status::Failed(why)) if kind.traits().data => return Err(Fault::new(READY, Class::Invalid, why)),
            Some(Status::Failed(why)) => {
                return Err(Fault::new(READY, Class::Invalid, format!("{why}; the next apply makes it anew")));
            }
            Some(Status::Unhealthy(why)) => return Err(Fault::new("waiting until it is healthy", Class::Unhealthy, why)),
            Some(Status::Gone) => {
                let away = away_since.get_or_insert_with(Instant::now).elapsed();
                if away > may_be_away {
                    let message = format!("AWS took the request, and for {} nothing of it has appeared; it was dropped", readable(away));
                    return Err(Fault::new(READY, Class::Unclear, message));
                }
                "not visible yet".to_owned()
            }
            Some(Status::Unseen(now)) => format!("not visible yet: {now}"),
            Some(Status::Settling(now)) => now,
            None => "no answer".to_owned(),
        };
        if voice.elapsed() > patience.ready {
            let message = format!("after {} it is still {now}", readable(voice.elapsed()));
            return Err(Fault::new(READY, Class::Contention, message));
        }
        voice.tell(&now);
        pauses.pause().await;
    }
}

/// Waits until the thing is gone: a delete is done then, not when the call returned.
pub(super) async fn until_gone(work: &Work<'_>, kind: &dyn AnyKind, cx: &Cx, addr: &Addr, id: &str) -> Result<(), Fault> {
    let patience = kind.traits().patience;
    let (mut pauses, mut voice) = (Pauses::new(patience, &work.timing), Voice::new(work, addr, Doing::Deleting));
    loop {
        let now = match ask(kind, cx, addr, id).await? {
            Some(Status::Gone | Status::Unseen(_)) => return Ok(()),
            Some(Status::Settling(now) | Status::Failed(now) | Status::Unhealthy(now)) => now,
            Some(Status::Ready(_)) => "still there".to_owned(),
            None => "no answer".to_owned(),
        };
        if voice.elapsed() > patience.gone {
            let message = format!("after {} it is {now}", readable(voice.elapsed()));
            return Err(Fault::new(format!("waiting until {addr} is gone"), Class::Contention, message));
        }
        voice.tell(&now);
        pauses.pause().await;
    }
}

/// The status; nothing when the question got no clear answer, which is no reason to stop waiting.
async fn ask(kind: &dyn AnyKind, cx: &Cx, addr: &Addr, id: &str) -> Result<Option<Status>, Fault> {
    match kind.status(&cx.afresh(), addr, id).await {
        Ok(status) => Ok(Some(status)),
        Err(fault) if matches!(fault.class, Class::Unclear | Class::Throttled | Class::Contention) => Ok(None),
        Err(fault) if fault.class == Class::NotFound => Ok(Some(Status::Gone)),
        Err(fault) => Err(fault),
    }
}
