//! The end of a found thing: what keeps it is lifted or waited for, and it is done when AWS shows it no longer.
use super::{
    Doing, Event,
    operation::{Left, Work},
    settle::{Pauses, Voice, until_gone, until_ready},
};
use crate::{
    plan::{Step, protections},
    resource::{Addr, AnyKind, Change, Class, Cx, Doc, Fault, Found, Life, Status, Want, readable},
};

impl Work<'_> {
    pub(super) async fn remove(&self, step: &Step) -> Result<Left, Fault> {
        let (kind, cx) = (self.kind(&step.addr)?, self.cx.at(&step.addr.scope));
        let found = step.found.as_ref().ok_or_else(|| Fault::bug("nothing to remove"))?;
        match &found.life {
            Life::Leaving(_) => {
                until_gone(self, kind, &cx, &step.addr, &found.id).await?;
                return Ok(Left::Nothing);
            }
            Life::Making(_) if kind.traits().yields => {}
            // Most things cannot be deleted before AWS has finished making them; one that breaks instead can.
            Life::Making(_) => match until_ready(self, kind, &cx, &step.addr, &found.id, Doing::Deleting).await {
                Ok(_) => {}
                Err(fault) if fault.class == Class::Invalid => {}
                Err(fault) => return Err(fault),
            },
            Life::Ready | Life::Broken(_) => {}
        }
        let lifted = protections(&kind.traits(), found);
        if !lifted.is_empty() {
            // It may have gone together with another, or be going.
            let now = self.observe(kind, &cx).await?.into_iter().find(|now| now.addr == found.addr && now.id == found.id);
            match now.map(|now| now.life) {
                // An index that lost sight of it is no proof; its own status is.
                None if matches!(kind.status(&cx.afresh(), &step.addr, &found.id).await, Ok(Status::Gone)) => return Ok(Left::Nothing),
                Some(Life::Leaving(_)) => {
                    until_gone(self, kind, &cx, &step.addr, &found.id).await?;
                    return Ok(Left::Nothing);
                }
                _ => self.lift(kind, &cx, &step.addr, found, lifted).await?,
            }
        }
        self.delete(kind, &cx, &step.addr, found).await?;
        until_gone(self, kind, &cx, &step.addr, &found.id).await?;
        Ok(Left::Nothing)
    }

    async fn lift(&self, kind: &dyn AnyKind, cx: &Cx, addr: &Addr, found: &Found<Doc>, changes: Vec<Change>) -> Result<(), Fault> {
        let mut spec = found.spec.clone();
        for change in &changes {
            spec[change.path.as_str()] = change.to.clone();
            self.say(Event::ProtectionLifted { addr: addr.clone(), change: change.clone() });
        }
        let want = Want::new(found.addr.clone(), spec);
        self.update(kind, cx, found, &want, changes, Doing::Deleting).await?;
        until_ready(self, kind, cx, addr, &found.id, Doing::Deleting).await.map(drop)
    }

    async fn delete(&self, kind: &dyn AnyKind, cx: &Cx, addr: &Addr, found: &Found<Doc>) -> Result<(), Fault> {
        let patience = kind.traits().patience;
        let (mut pauses, mut voice) = (Pauses::new(patience, &self.timing), Voice::new(self, addr, Doing::Deleting));
        let mut held_for_good = 0;
        for attempt in 1.. {
            let fault = match kind.delete(cx, found).await {
                Err(fault) if fault.class != Class::NotFound => fault,
                _ => return Ok(()),
            };
            if !matches!(fault.class, Class::InUse | Class::Contention | Class::Throttled | Class::Unclear | Class::Limit) {
                return Err(fault);
            }
            let (mut now, mut until, mut last) = (fault.now(), patience.gone, ":");
            if fault.class == Class::InUse {
                let holders = kind.holders(&cx.afresh(), found).await.unwrap_or_default();
                let names: Vec<&str> = holders.iter().map(|holder| holder.what.as_str()).collect();
                let for_good = holders.iter().any(|holder| !holder.leaves_by_itself);
                if !names.is_empty() {
                    now = format!("held by {}", names.join(", "));
                    until = self.timing.longest_hold.map_or(until, |longest| until.min(longest));
                    last = " AWS has not let go of it: it is still";
                }
                held_for_good = if for_good { held_for_good + 1 } else { 0 };
                // Nobody will remove somebody else's thing for us: say so instead of waiting for the whole patience.
                if held_for_good >= 3 {
                    return Err(Fault { message: Some(now), ..fault });
                }
            }
            if voice.elapsed() > until {
                return Err(Fault { message: Some(format!("after {}{last} {now}", readable(voice.elapsed()))), ..fault });
            }
            voice.tell(&now);
            self.retry(addr, fault, attempt, &mut pauses).await;
        }
        Ok(())
    }
}
