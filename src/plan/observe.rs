//! What is there: every kind in every region, side by side. The only part of planning that talks to AWS.
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    time::Duration,
};

use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Reach, RegionState};
use crate::resource::{AnyKind, Class, Cx, Doc, Fault, Found, Kinds, Region, Scope, Scopes};

/// How long one region may take to answer everything; a plan has to end within 30 s whatever a region does.
const REGION_PATIENCE: Duration = Duration::from_secs(24);

/// Where else the stack has something, found by searching every region of the account.
#[derive(Clone, Debug, Default)]
pub struct Searched {
    pub hits: BTreeSet<Region>,
    /// Regions that did not answer, and why.
    pub not_searched: BTreeMap<Region, String>,
}

/// Everything that was found, and what is known of the regions.
#[derive(Debug, Default)]
pub struct Observed {
    pub found: Vec<Found<Doc>>,
    pub regions: BTreeMap<Region, RegionState>,
    /// Why what has no region could not be read: nobody answered.
    pub global_silence: Option<String>,
    /// Reads that a region refused (rather than did not answer): nothing can be planned while there is one.
    pub faults: Vec<(Scope, &'static str, Fault)>,
}

/// Reads every kind in every region of the file, in every region that `search` finds, and wherever found things have members.
pub async fn observe(kinds: &Kinds, cx: &Cx, file: &[Region], search: impl Future<Output = Searched>) -> Observed {
    let deadline = Instant::now() + REGION_PATIENCE;
    let mut observed = Observed::default();
    let everywhere = join_all(file.iter().map(|region| in_scope(kinds, cx, Scope::from(region), deadline)));
    let (first, global, searched) = tokio::join!(everywhere, in_scope(kinds, cx, Scope::Global, deadline), search);
    for answer in first.into_iter().chain([global]) {
        observed.take(answer, true);
    }
    for (region, why) in searched.not_searched {
        let state = RegionState { state: Reach::NotSearched, detail: Some(why), in_file: false };
        observed.regions.entry(region).or_insert(state);
    }
    let mut more: BTreeSet<Region> = searched.hits;
    loop {
        more.extend(
            observed.found.iter().flat_map(|found| kinds.get(&found.addr.kind).map_or_else(|_| Vec::new(), |kind| kind.also_in(found))),
        );
        let next: Vec<Region> = more.iter().filter(|region| !observed.regions.contains_key(*region)).cloned().collect();
        if next.is_empty() {
            return observed;
        }
        let deadline = deadline.max(Instant::now() + Duration::from_secs(5));
        for answer in join_all(next.iter().map(|region| in_scope(kinds, cx, Scope::from(region), deadline))).await {
            observed.take(answer, false);
        }
    }
}

struct Answer {
    scope: Scope,
    found: Vec<Found<Doc>>,
    faults: Vec<(&'static str, Fault)>,
    silent: Option<String>,
}

impl Observed {
    fn take(&mut self, answer: Answer, in_file: bool) {
        if let Scope::Region(region) = &answer.scope {
            let state = match (&answer.silent, in_file) {
                (None, _) => Reach::Reachable,
                (Some(_), true) => Reach::Unreachable,
                (Some(_), false) => Reach::NotSearched,
            };
            self.regions.insert(region.clone(), RegionState { state, detail: answer.silent.clone(), in_file });
        } else {
            self.global_silence.clone_from(&answer.silent);
        }
        // Half an answer is no answer: what a silent region did tell is not planned with.
        if answer.silent.is_none() {
            self.found.extend(answer.found);
            self.faults.extend(answer.faults.into_iter().map(|(kind, fault)| (answer.scope.clone(), kind, fault)));
        }
    }
}

async fn in_scope(kinds: &Kinds, cx: &Cx, scope: Scope, deadline: Instant) -> Answer {
    let lives_here = |scopes: Scopes| (scopes == Scopes::Global) == (scope == Scope::Global);
    let cx = cx.at(&scope);
    let mut reads: FuturesUnordered<_> = kinds
        .iter()
        .filter(|kind| lives_here(kind.traits().scopes))
        .map(|kind| {
            let cx = &cx;
            async move { (kind.traits().name, read(&**kind, cx, deadline).await) }
        })
        .collect();
    let mut answer = Answer { scope: scope.clone(), found: Vec::new(), faults: Vec::new(), silent: None };
    while let Some((name, result)) = reads.next().await {
        match result {
            Ok(found) => answer.found.extend(found),
            Err(fault) if fault.class == Class::Unclear => {
                // The other reads would only wait for the same silence.
                answer.silent = Some(fault.to_string());
                return answer;
            }
            Err(fault) => answer.faults.push((name, fault)),
        }
    }
    answer
}

async fn read(kind: &dyn AnyKind, cx: &Cx, deadline: Instant) -> Result<Vec<Found<Doc>>, Fault> {
    let mut pause = Duration::from_secs(1);
    let mut cx = cx.clone();
    loop {
        let answer = timeout_at(deadline, kind.observe(&cx)).await;
        match answer {
            Err(_) => {
                let message = format!("no answer within {} s", REGION_PATIENCE.as_secs());
                return Err(Fault::new(format!("reading {}", kind.traits().name), Class::Unclear, message));
            }
            Ok(Err(fault)) if matches!(fault.class, Class::Throttled | Class::Contention) && Instant::now() + pause < deadline => {
                sleep(pause).await;
                pause *= 2;
                cx = cx.afresh();
            }
            Ok(other) => return other,
        }
    }
}
