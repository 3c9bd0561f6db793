//! The waits between regions: a gate opens when a region is healthy in its new form and has baked, a drain ends when clients have let go.
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Event,
    operation::{LOOKING, Work},
    run::{Ended, Options},
};
use crate::{
    plan::Plan,
    resource::{Addr, Region},
};

const COUNTDOWN: Duration = Duration::from_secs(10);

/// A wait that is over when nothing will follow it.
pub(super) async fn unless(no_more: &CancellationToken, wait: impl Future<Output = Ended>) -> Ended {
    tokio::select! {
        ended = wait => ended,
        () = no_more.cancelled() => Ended::Cut,
    }
}

pub(super) async fn drain(work: &Work<'_>, region: &Region) -> Ended {
    let end = Instant::now() + work.timing.drain;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        work.say(Event::Draining { region: region.clone(), left });
        sleep(left.min(COUNTDOWN)).await;
    }
    work.say(Event::Drained { region: region.clone() });
    Ended::Passed
}

pub(super) async fn gate(work: &Work<'_>, plan: &Plan, op: usize, region: &Region, options: &Options) -> Ended {
    let changed = plan.graph.before(op).filter_map(|(before, _)| plan.graph.ops[before].step()).map(|step| &plan.steps[step].addr);
    let kept = plan.gates.iter().filter(|gate| gate.region == *region).flat_map(|gate| &gate.judged);
    let addrs: Vec<Addr> = changed.chain(kept).cloned().collect();
    let began = Instant::now();
    let mut pause = Duration::from_millis(250);
    loop {
        let why = work.health(region, &addrs).await.why();
        if why.is_empty() {
            break;
        }
        if began.elapsed() >= options.gate_timeout {
            work.say(Event::GateFailed { region: region.clone(), why, elapsed: began.elapsed() });
            return Ended::GateShut;
        }
        work.say(Event::GateWaiting { region: region.clone(), now: why, elapsed: began.elapsed() });
        sleep(pause).await;
        pause = (pause * 2).min(work.timing.longest_pause_between_looks.unwrap_or(Duration::from_secs(15)));
    }
    let bake = plan.gates.iter().find(|gate| gate.region == *region).map_or(options.bake, |gate| gate.bake.min(options.bake));
    if !bake.is_zero() {
        work.say(Event::GateBaking { region: region.clone(), bake });
        sleep(bake).await;
        // A region that fell over while it baked is not one to follow with the next.
        let why = fell_over(work, region, &addrs, began).await;
        if !why.is_empty() {
            work.say(Event::GateFailed { region: region.clone(), why, elapsed: began.elapsed() });
            return Ended::GateShut;
        }
    }
    work.say(Event::GateOpen { region: region.clone(), elapsed: began.elapsed() });
    Ended::Passed
}

/// Why a region is not healthy after it baked; nothing when it is. One answer that AWS did not give is no reason: it is asked for again.
async fn fell_over(work: &Work<'_>, region: &Region, addrs: &[Addr], began: Instant) -> Vec<String> {
    let until = Instant::now() + LOOKING;
    loop {
        let health = work.health(region, addrs).await;
        if !health.sick.is_empty() || health.unread.is_empty() || Instant::now() >= until {
            return health.why();
        }
        work.say(Event::GateWaiting { region: region.clone(), now: health.why(), elapsed: began.elapsed() });
        sleep(work.timing.longest_pause_between_looks.unwrap_or(Duration::from_secs(5))).await;
    }
}
