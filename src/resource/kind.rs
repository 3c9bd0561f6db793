//! What a kind of AWS resource has to say and to do, typed: its specification, its verbs and its rules.
use std::{collections::BTreeSet, fmt, future::Future};

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use super::{Addr, Change, Cx, Facts, Fault, Life, Outputs, Patience, Posture, Quota, Region, Status};
use crate::topology::Model;

/// The output of what answers clients that says when what runs now was put there: an RFC 3339 time.
pub const DEPLOYED_AT: &str = "deployed_at";

/// What is wanted at an address.
#[derive(Clone, Debug)]
pub struct Want<S> {
    pub addr: Addr,
    pub spec: S,
    /// Why it cannot be decided now (a fact is unknown); the step becomes `hold`.
    pub hold: Option<String>,
    /// What has to be ready first though no field refers to it: single resources, where `Kind::AFTER` names whole kinds.
    pub after: Vec<Addr>,
    /// Of these one has to be ready first; held only where all of them are.
    pub after_any: Vec<Addr>,
    /// What has to be gone first where the plan removes it: a change that would cut off what still uses it.
    pub once_gone: Vec<Addr>,
}

impl<S> Want<S> {
    /// The same want, after others.
    #[must_use]
    pub fn after(mut self, others: impl IntoIterator<Item = Addr>) -> Self {
        self.after.extend(others);
        self
    }

    /// The same want, after one of others: any of them tells it what it has to know.
    #[must_use]
    pub fn after_any(mut self, others: impl IntoIterator<Item = Addr>) -> Self {
        self.after_any.extend(others);
        self
    }

    /// The same want, once others are gone.
    #[must_use]
    pub fn once_gone(mut self, others: impl IntoIterator<Item = Addr>) -> Self {
        self.once_gone.extend(others);
        self
    }

    /// The same, of another document.
    pub(super) fn with<T>(&self, spec: T) -> Want<T> {
        let Self { addr, hold, after, after_any, once_gone, .. } = self;
        let (after, after_any, once_gone) = (after.clone(), after_any.clone(), once_gone.clone());
        Want { addr: addr.clone(), spec, hold: hold.clone(), after, after_any, once_gone }
    }

    /// A want that depends on nothing unknown.
    #[must_use]
    pub fn new(addr: Addr, spec: S) -> Self {
        Self { addr, spec, hold: None, after: Vec::new(), after_any: Vec::new(), once_gone: Vec::new() }
    }
}

/// What is found at an address.
#[derive(Clone, Debug)]
pub struct Found<S> {
    pub addr: Addr,
    /// AWS's identifier.
    pub id: String,
    pub spec: S,
    pub outputs: Outputs,
    pub life: Life,
    /// False when it stands under our unique name without our mark.
    pub ours: bool,
    /// When it was made, where the order of removal depends on it.
    pub born: Option<Timestamp>,
}

/// In which scopes a kind lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scopes {
    Regional,
    Global,
}

/// What to do when a field differs that AWS cannot change in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    DeleteFirst,
    /// Only for kinds whose names leave room for two.
    CreateFirst,
}

/// A dependency AWS has and no document shows: another kind must be ready first, and goes after us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After {
    pub kind: &'static str,
    /// Whether it counts in every scope or only in the scope of the resource itself.
    pub anywhere: bool,
}

impl After {
    /// Every resource of that kind in the same scope.
    #[must_use]
    pub const fn here(kind: &'static str) -> Self {
        Self { kind, anywhere: false }
    }

    /// Every resource of that kind in any scope.
    #[must_use]
    pub const fn anywhere(kind: &'static str) -> Self {
        Self { kind, anywhere: true }
    }
}

/// What a found thing does for traffic; judged by what is found alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    None,
    /// It sends clients to its region (a record).
    Directs,
    /// It answers clients in its region (a service with running tasks).
    Answers,
    /// Clients may come to it (a load balancer): it goes only after the drain, and alone it serves nobody.
    Listens,
}

/// Without whose answer a found thing that is not wanted any more stays: somebody there may still be using it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leans {
    /// It is used in its own scope only.
    OnNothing,
    On(Region),
    /// Every region of the topology.
    OnAll,
}

/// Something that keeps a thing from being removed, for the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// For example `network interface eni-1 (ELB app/shop/1)`.
    pub what: String,
    /// Whether it goes away by itself, so that waiting makes sense.
    pub leaves_by_itself: bool,
}

/// A verb of `Kind::PERMISSIONS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    Observe,
    Create,
    Update,
    Delete,
}

/// One kind of AWS resource: how it is wanted, found, made, changed, ended. See `docs/adding-a-kind.md`.
pub trait Kind: Send + Sync + 'static {
    /// What is wanted and what is found, in the same words.
    type Spec: Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync;

    /// `<service>.<resource>` in the SDK's nouns, for example `ec2.subnet`.
    const NAME: &'static str;
    const SCOPES: Scopes = Scopes::Regional;
    /// Paths AWS cannot change in place: a difference there means a new resource.
    const FIXED: &'static [&'static str] = &[];
    const REPLACE: Replace = Replace::DeleteFirst;
    const PATIENCE: Patience = Patience::of(5, 10, 10);
    /// The IAM actions each verb needs.
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[];
    const AFTER: &'static [After] = &[];
    /// Whether it takes part in serving: rolled out region by region, removed only after the drain.
    const SERVES: bool = false;
    /// Whether it is removed only after the drain without taking part in serving itself: what scales something that serves. It is no
    /// step of the rollout.
    const STAYS_FOR_CLIENTS: bool = false;
    /// Whether it holds data: delete, replace and the loss of a `GUARDED` field need `--allow-data-loss`.
    const DATA: bool = false;
    /// What is guarded on a kind that holds data: a boolean path that turns from true to false, a number that becomes
    /// smaller, and an entry of a map that is
    /// removed or changes (an index cannot change; it is made anew).
    const GUARDED: &'static [&'static str] = &[];
    /// Boolean path of a protection that has to be lifted just before the delete.
    const PROTECTION: Option<&'static str> = None;
    /// Whether AWS removes it while others still refer to it (a route to a NAT gateway becomes a black hole): those that do are
    /// changed in place when it is replaced, not replaced with it.
    const LETS_GO: bool = false;
    /// Whether AWS does not look at what it names (the dimensions of an alarm): that may go or be made anew while it still names the
    /// old one. It is never made anew for it, and changes in place when there is a new one.
    const FOLLOWS: bool = false;
    /// Whether it may be wanted in a region that the file does not name, because AWS has there alone what it is about (the metrics of
    /// Route 53). Nothing else is read in such an auxiliary region.
    const AUXILIARY: bool = false;
    /// Whether it says of its region that something is wrong there (an alarm): every look of the region's gate asks it.
    const WARNS: bool = false;
    /// Whether reads can tell that AWS would refuse to make it: see `foreseen`.
    const FORESEES: bool = false;
    /// Whether AWS changes and removes it while it is still being made or changed: nothing is waited for first.
    const YIELDS: bool = false;
    /// Whether AWS would make a second one if the create were sent twice: no unique name and no token it honours.
    const TWICE: bool = false;

    /// The AWS quota of which each takes one.
    const QUOTA: Option<Quota> = None;

    /// Whether a create may leave differences that an update has to bring in line (a DynamoDB replica carries no marks).
    const UNFINISHED: bool = false;

    /// What the topology wants of this kind, everywhere.
    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Self::Spec>>;
    /// Everything of this kind that the stack owns in one scope, in as few calls as AWS allows.
    fn observe(&self, cx: &Cx) -> impl Future<Output = Result<Vec<Found<Self::Spec>>, Fault>> + Send;
    /// What stands at one address, where AWS's identifier of it is known. Said where one thing can be read with fewer calls than
    /// all of them.
    fn look_at(&self, cx: &Cx, addr: &Addr, _id: &str) -> impl Future<Output = Result<Vec<Found<Self::Spec>>, Fault>> + Send {
        async move { Ok(self.observe(cx).await?.into_iter().filter(|found| found.addr == *addr).collect()) }
    }
    /// Makes it and gives AWS's identifier. Marks go in the create call.
    fn create(&self, cx: &Cx, want: &Want<Self::Spec>) -> impl Future<Output = Result<String, Fault>> + Send;
    /// Makes the found thing like the wanted one. Safe to repeat.
    fn update(
        &self,
        cx: &Cx,
        found: &Found<Self::Spec>,
        want: &Want<Self::Spec>,
        changes: &[Change],
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Asks AWS to remove it. Safe to repeat; "not found" is success.
    fn delete(&self, cx: &Cx, found: &Found<Self::Spec>) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Where it stands now; the engine does the waiting.
    fn status(&self, cx: &Cx, addr: &Addr, id: &str) -> impl Future<Output = Result<Status, Fault>> + Send;

    /// Operations of one lane run one at a time over all regions, for example `table/shop-Orders`.
    fn lane(&self, _addr: &Addr, _spec: &Self::Spec) -> Option<String> {
        None
    }
    /// What a found thing does for traffic.
    fn traffic(&self, _found: &Found<Self::Spec>) -> Traffic {
        Traffic::None
    }
    /// Further regions in which the stack has something, seen from what was found here.
    fn also_in(&self, _found: &Found<Self::Spec>) -> Vec<Region> {
        Vec::new()
    }
    /// What others set and no plan undoes, seen from everything of this kind that was found anywhere.
    fn posture(&self, _model: &Model, _found: &[Found<Self::Spec>]) -> Vec<Posture> {
        Vec::new()
    }
    /// Without whose answer a found thing is not removed.
    fn leans(&self, _found: &Found<Self::Spec>) -> Leans {
        Leans::OnNothing
    }
    /// What people have to do elsewhere before a thing that was just made is of use; told when the run is over.
    fn tells(&self, _addr: &Addr, _outputs: &Outputs) -> Option<String> {
        None
    }
    /// What would be lost with a found thing of a kind that holds no data itself, when it is deleted (the last instance of a cluster):
    /// the end of a sentence that begins with its address. It then needs `--allow-data-loss`. Of one that holds data: what more there is
    /// to say when it would be made anew.
    fn loses(&self, _found: &Found<Self::Spec>) -> Option<String> {
        None
    }
    /// Why a found thing cannot go with only these: AWS refuses its removal while something else stays. The end of a sentence that
    /// begins with its address, with what to do first; the plan then says so, and writes nothing.
    fn cannot_go(&self, _found: &Found<Self::Spec>, _removing: &BTreeSet<Addr>) -> Option<String> {
        None
    }
    /// Why AWS would refuse to make this, or to make it of what was found, as far as reads tell: the end of a sentence that begins with its
    /// address. Asked where `FORESEES` is said and the plan does so, before anything is written.
    fn foreseen(
        &self,
        _cx: &Cx,
        _want: &Want<Self::Spec>,
        _found: Option<&Found<Self::Spec>>,
    ) -> impl Future<Output = Result<Option<String>, Fault>> + Send {
        async { Ok(None) }
    }
    /// Whom these changes of a found thing interrupt though they are made in place: the end of a sentence that begins with its address.
    fn interrupts(&self, _found: &Found<Self::Spec>, _changes: &[Change]) -> Option<String> {
        None
    }
    /// What AWS keeps of a found thing that was removed, by design, a sentence for the reader; told when the run is over. `cx` is of
    /// the thing's scope, after its removal.
    fn leaves(&self, _cx: &Cx, _found: &Found<Self::Spec>) -> Option<String> {
        None
    }
    /// What keeps a found thing from being removed.
    fn holders(&self, _cx: &Cx, _found: &Found<Self::Spec>) -> impl Future<Output = Result<Vec<Holder>, Fault>> + Send {
        async { Ok(Vec::new()) }
    }
    /// What those of this kind that the topology wants in a region say is wrong there now: sentences for the reader. Asked by gates,
    /// where the kind says `WARNS`, in as few calls as `observe`.
    fn warnings(&self, _cx: &Cx) -> impl Future<Output = Result<Vec<String>, Fault>> + Send {
        async { Ok(Vec::new()) }
    }
    /// Whether a serving resource is healthy in the form that was asked for: `Err(why)` keeps the region's gate shut.
    fn healthy(&self, _cx: &Cx, _found: &Found<Self::Spec>) -> impl Future<Output = Result<Result<(), String>, Fault>> + Send {
        async { Ok(Ok(())) }
    }
}
