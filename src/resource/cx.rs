//! What a kind is given: where it works, for whom, and with which clients.
use std::{
    any::Any,
    collections::{BTreeSet, HashMap},
    future::Future,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{Mutex, OnceCell},
    time::Instant,
};

use super::{Addr, Fault, Owner, Region, Scope};
use crate::{aws::Fleet, topology::Model};

/// The context of one call of a kind. Cheap to clone.
#[derive(Clone)]
pub struct Cx {
    pub scope: Scope,
    pub owner: Arc<Owner>,
    /// The topology that is being applied or destroyed: which exact names belong to this stack.
    pub model: Arc<Model>,
    /// Every region that the plan was read from and that answered, in the file or not; none while it is read.
    pub regions: Arc<BTreeSet<Region>>,
    /// What the plan removes or makes anew: what can only go together is removed together only where all of it is here.
    pub removing: Arc<BTreeSet<Addr>>,
    /// What the plan wants, made already or not.
    pub wanted: Arc<BTreeSet<Addr>>,
    /// Whether also places are searched that the topology does not name.
    pub sweeps: bool,
    /// The clients of every region.
    pub fleet: Fleet,
    /// Reads shared by several kinds within one observation.
    pub memo: Memo,
    /// What this run has asked AWS for and has to recognise later.
    pub asked: Asked,
}

impl Cx {
    /// A context for a whole run; `at` makes it one for a scope.
    #[must_use]
    pub fn new(model: Arc<Model>, fleet: Fleet) -> Self {
        let owner = Owner { stack: model.stack.clone(), tags: model.tags.clone() };
        Self {
            scope: Scope::Global,
            owner: Arc::new(owner),
            model,
            regions: Arc::default(),
            removing: Arc::default(),
            wanted: Arc::default(),
            sweeps: false,
            fleet,
            memo: Memo::default(),
            asked: Asked::default(),
        }
    }

    /// The same run, in another scope.
    #[must_use]
    pub fn at(&self, scope: &Scope) -> Self {
        Self { scope: scope.clone(), ..self.clone() }
    }

    /// The same run, for making something anew that the plan also removes: as far as this half is concerned it is here to stay.
    #[must_use]
    pub fn making(&self, addr: &Addr) -> Self {
        if !self.removing.contains(addr) {
            return self.clone();
        }
        let removing = self.removing.iter().filter(|other| *other != addr).cloned().collect();
        Self { removing: Arc::new(removing), ..self.clone() }
    }

    /// The same place with nothing remembered: what is read now is new.
    #[must_use]
    pub fn afresh(&self) -> Self {
        Self { memo: Memo::default(), ..self.clone() }
    }

    /// The region of this context.
    ///
    /// # Errors
    /// A bug: a regional kind was run in the global scope.
    pub fn region(&self) -> Result<&Region, Fault> {
        self.scope.region().ok_or_else(|| Fault::bug("a regional kind was asked about the global scope"))
    }
}

/// What a run has asked AWS for, by AWS's identifier: where AWS may go back on it by itself (a deployment that is rolled back), what
/// stands there later is judged by it. A run that was killed forgets; the next plan sees the difference.
#[derive(Clone, Default)]
pub struct Asked(Arc<std::sync::Mutex<Questions>>);

#[derive(Default)]
struct Questions {
    last: HashMap<String, AskedFor>,
    waiting_since: HashMap<String, Instant>,
    changed_at: HashMap<String, Instant>,
    tokens: HashMap<String, String>,
    notes: Vec<String>,
}

/// What was asked for last.
#[derive(Clone, Debug)]
pub struct AskedFor {
    /// AWS's identifier of it.
    pub what: String,
    /// What the reader knows it by.
    pub called: String,
    /// Whether AWS has ever shown it.
    pub seen: bool,
}

impl Asked {
    /// Remembers what was asked for last. It has not been seen yet, unless it is what was asked for before.
    pub fn remember(&self, id: &str, what: &str, called: &str) {
        let mut questions = self.lock();
        let seen = questions.last.get(id).is_some_and(|before| before.what == what && before.seen);
        questions.last.insert(id.to_owned(), AskedFor { what: what.to_owned(), called: called.to_owned(), seen });
    }

    /// What was asked for.
    #[must_use]
    pub fn of(&self, id: &str) -> Option<AskedFor> {
        self.lock().last.get(id).cloned()
    }

    /// AWS has shown what was asked for.
    pub fn seen(&self, id: &str) {
        if let Some(asked) = self.lock().last.get_mut(id) {
            asked.seen = true;
        }
    }

    /// The token of this run for what it makes at an address: random, and the same for each try, so that AWS takes them for one.
    #[must_use]
    pub fn token(&self, addr: &Addr, length: usize) -> String {
        let make = || (0..length).map(|_| fastrand::alphanumeric()).collect();
        self.lock().tokens.entry(addr.to_string()).or_insert_with(make).clone()
    }

    /// Something that AWS said though it did what it was asked for: a sentence for the reader, told when the run is over.
    pub fn note(&self, said: String) {
        let mut questions = self.lock();
        if !questions.notes.contains(&said) {
            questions.notes.push(said);
        }
    }

    /// All of it.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.lock().notes.clone()
    }

    /// For how long this run has waited for something: zero when it begins to.
    #[must_use]
    pub fn waited(&self, id: &str) -> Duration {
        self.lock().waiting_since.entry(id.to_owned()).or_insert_with(Instant::now).elapsed()
    }

    /// Something has just been changed that others see only after a while.
    pub fn changed(&self, id: &str) {
        self.lock().changed_at.insert(id.to_owned(), Instant::now());
    }

    /// How long ago this run changed something; nothing when it did not.
    #[must_use]
    pub fn since_change(&self, id: &str) -> Option<Duration> {
        self.lock().changed_at.get(id).map(Instant::elapsed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Questions> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

type Cell = Arc<OnceCell<Result<Arc<dyn Any + Send + Sync>, Fault>>>;

/// One answer for each key: the first who asks makes the call, the others wait for it.
#[derive(Clone, Default)]
pub struct Memo(Arc<Mutex<HashMap<String, Cell>>>);

impl Memo {
    /// The answer for `key`, asked for with `ask` when nobody has yet.
    ///
    /// # Errors
    /// Whatever `ask` failed with, for everyone who asks.
    pub async fn once<T, F>(&self, key: String, ask: impl FnOnce() -> F + Send) -> Result<Arc<T>, Fault>
    where
        T: Any + Send + Sync,
        F: Future<Output = Result<T, Fault>> + Send,
    {
        let cell = self.0.lock().await.entry(key.clone()).or_default().clone();
        let make = || async { ask().await.map(|answer| Arc::new(answer) as Arc<dyn Any + Send + Sync>) };
        let answer = cell.get_or_init(make).await.clone()?;
        answer.downcast::<T>().map_err(|_| Fault::bug(format!("two kinds of answer share the key {key}")))
    }
}
