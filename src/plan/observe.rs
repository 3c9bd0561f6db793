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

/// Reads every kind in every region of the file, in every region that `search` finds, and wherever found things have members; in
/// `auxiliary` regions, which the file does not name, only the kinds that may be wanted there.
pub async fn observe(
    kinds: &Kinds,
    cx: &Cx,
    file: &[Region],
    auxiliary: &BTreeSet<Region>,
    search: impl Future<Output = Searched>,
) -> Observed {
    let deadline = Instant::now() + REGION_PATIENCE;
    let mut observed = Observed::default();
    let scopes = file.iter().map(|region| in_scope(kinds, cx, Scope::from(region), Reads::All, deadline));
    let beside = auxiliary.iter().map(|region| in_scope(kinds, cx, Scope::from(region), Reads::Auxiliary, deadline));
    let global = in_scope(kinds, cx, Scope::Global, Reads::All, deadline);
    let (first, beside, global, searched) = tokio::join!(join_all(scopes), join_all(beside), global, search);
    for answer in first.into_iter().chain([global]) {
        observed.take(answer, (Reach::Reachable, Reach::Unreachable), true);
    }
    for answer in beside {
        observed.take(answer, (Reach::Auxiliary, Reach::Unreachable), false);
    }
    for (region, why) in searched.not_searched {
        match observed.regions.get_mut(&region) {
            Some(known) if known.state == Reach::Auxiliary => known.detail = Some(format!("not searched for anything else: {why}")),
            Some(_) => {}
            None => {
                let state = RegionState { state: Reach::NotSearched, detail: Some(why), in_file: false };
                observed.regions.insert(region, state);
            }
        }
    }
    let mut more: BTreeSet<Region> = searched.hits;
    loop {
        more.extend(
            observed.found.iter().flat_map(|found| kinds.get(&found.addr.kind).map_or_else(|_| Vec::new(), |kind| kind.also_in(found))),
        );
        // An auxiliary region that has something else, too, is read like any other.
        let is_read = |region: &Region| observed.regions.get(region).is_some_and(|at| at.state != Reach::Auxiliary);
        let next: Vec<Region> = more.iter().filter(|region| !is_read(region)).cloned().collect();
        if next.is_empty() {
            return observed;
        }
        let deadline = deadline.max(Instant::now() + Duration::from_secs(5));
        observed.found.retain(|found| found.addr.region().is_none_or(|region| !next.contains(region)));
        for answer in join_all(next.iter().map(|region| in_scope(kinds, cx, Scope::from(region), Reads::All, deadline))).await {
            let is_auxiliary = answer.scope.region().is_some_and(|region| auxiliary.contains(region));
            let silent = if is_auxiliary { Reach::Unreachable } else { Reach::NotSearched };
            observed.take(answer, (Reach::Reachable, silent), false);
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
    /// `answered` and `silent`: the state of a region that did, or did not.
    fn take(&mut self, answer: Answer, (answered, silent): (Reach, Reach), in_file: bool) {
        if let Scope::Region(region) = &answer.scope {
            let state = if answer.silent.is_none() { answered } else { silent };
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

/// Which kinds are read in a scope.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    All,
    /// Those that may be wanted in a region that the file does not name.
    Auxiliary,
}

async fn in_scope(kinds: &Kinds, cx: &Cx, scope: Scope, reads: Reads, deadline: Instant) -> Answer {
    let is_read = |kind: &dyn AnyKind| reads == Reads::All || kind.traits().auxiliary;
    let lives_here = |scopes: Scopes| (scopes == Scopes::Global) == (scope == Scope::Global);
    let cx = cx.at(&scope);
    let mut reads: FuturesUnordered<_> = kinds
        .iter()
        .filter(|kind| lives_here(kind.traits().scopes) && is_read(&***kind))
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
