//! The seam between typed kinds and the engine: typed inside a kind, documents between kinds.
use std::{collections::BTreeSet, sync::Arc};

use futures::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Addr, After, Change, Cx, Doc, Facts, Fault, Found, Holder, Kind, Leans, Outputs, Patience, Posture, Quota, Region, Replace, Scopes,
    Status, Traffic, Verb, Want,
};
use crate::topology::Model;

/// What the engine needs to know about a kind without running it.
#[derive(Clone, Copy, Debug)]
pub struct Traits {
    pub name: &'static str,
    pub scopes: Scopes,
    pub fixed: &'static [&'static str],
    pub replace: Replace,
    pub patience: Patience,
    pub permissions: &'static [(Verb, &'static [&'static str])],
    pub after: &'static [After],
    pub serves: bool,
    pub stays_for_clients: bool,
    pub data: bool,
    pub guarded: &'static [&'static str],
    pub protection: Option<&'static str>,
    pub lets_go: bool,
    pub follows: bool,
    pub auxiliary: bool,
    pub warns: bool,
    pub foresees: bool,
    pub yields: bool,
    pub twice: bool,
    pub unfinished: bool,
    pub quota: Option<Quota>,
}

/// The same verbs over documents.
pub trait AnyKind: Send + Sync {
    fn traits(&self) -> Traits;
    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Doc>>;
    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Vec<Found<Doc>>, Fault>>;
    fn look_at<'a>(&'a self, cx: &'a Cx, addr: &'a Addr, id: &'a str) -> BoxFuture<'a, Result<Vec<Found<Doc>>, Fault>>;
    fn create<'a>(&'a self, cx: &'a Cx, want: &'a Want<Doc>) -> BoxFuture<'a, Result<String, Fault>>;
    fn update<'a>(
        &'a self,
        cx: &'a Cx,
        found: &'a Found<Doc>,
        want: &'a Want<Doc>,
        changes: &'a [Change],
    ) -> BoxFuture<'a, Result<(), Fault>>;
    fn delete<'a>(&'a self, cx: &'a Cx, found: &'a Found<Doc>) -> BoxFuture<'a, Result<(), Fault>>;
    fn status<'a>(&'a self, cx: &'a Cx, addr: &'a Addr, id: &'a str) -> BoxFuture<'a, Result<Status, Fault>>;
    fn lane(&self, addr: &Addr, spec: &Doc) -> Option<String>;
    fn traffic(&self, found: &Found<Doc>) -> Traffic;
    fn also_in(&self, found: &Found<Doc>) -> Vec<Region>;
    fn posture(&self, model: &Model, found: &[Found<Doc>]) -> Vec<Posture>;
    fn leans(&self, found: &Found<Doc>) -> Leans;
    fn tells(&self, addr: &Addr, outputs: &Outputs) -> Option<String>;
    fn loses(&self, found: &Found<Doc>) -> Option<String>;
    fn cannot_go(&self, found: &Found<Doc>, removing: &BTreeSet<Addr>) -> Option<String>;
    fn foreseen<'a>(
        &'a self,
        cx: &'a Cx,
        want: &'a Want<Doc>,
        found: Option<&'a Found<Doc>>,
    ) -> BoxFuture<'a, Result<Option<String>, Fault>>;
    fn interrupts(&self, found: &Found<Doc>, changes: &[Change]) -> Option<String>;
    fn leaves(&self, cx: &Cx, found: &Found<Doc>) -> Option<String>;
    fn holders<'a>(&'a self, cx: &'a Cx, found: &'a Found<Doc>) -> BoxFuture<'a, Result<Vec<Holder>, Fault>>;
    fn warnings<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Vec<String>, Fault>>;
    fn healthy<'a>(&'a self, cx: &'a Cx, found: &'a Found<Doc>) -> BoxFuture<'a, Result<Result<(), String>, Fault>>;
}

/// Turns a typed kind into one over documents.
pub struct Erased<K>(pub K);

fn read<S: DeserializeOwned>(addr: &Addr, spec: &Doc) -> Result<S, Fault> {
    serde_json::from_value(spec.clone()).map_err(|error| Fault::bug(format!("the document of {addr} does not read: {error}")))
}

fn write<S: Serialize>(addr: &Addr, spec: &S) -> Result<Doc, Fault> {
    serde_json::to_value(spec).map_err(|error| Fault::bug(format!("the document of {addr} does not write: {error}")))
}

fn typed_want<S: DeserializeOwned>(want: &Want<Doc>) -> Result<Want<S>, Fault> {
    Ok(want.with(read(&want.addr, &want.spec)?))
}

fn with_spec<A, B>(found: &Found<A>, spec: B) -> Found<B> {
    Found {
        addr: found.addr.clone(),
        id: found.id.clone(),
        spec,
        outputs: found.outputs.clone(),
        life: found.life.clone(),
        ours: found.ours,
        born: found.born,
    }
}

fn typed_found<S: DeserializeOwned>(found: &Found<Doc>) -> Result<Found<S>, Fault> {
    Ok(with_spec(found, read(&found.addr, &found.spec)?))
}

impl<K: Kind> AnyKind for Erased<K> {
    fn traits(&self) -> Traits {
        Traits {
            name: K::NAME,
            scopes: K::SCOPES,
            fixed: K::FIXED,
            replace: K::REPLACE,
            patience: K::PATIENCE,
            permissions: K::PERMISSIONS,
            after: K::AFTER,
            serves: K::SERVES,
            stays_for_clients: K::STAYS_FOR_CLIENTS,
            data: K::DATA,
            guarded: K::GUARDED,
            protection: K::PROTECTION,
            lets_go: K::LETS_GO,
            follows: K::FOLLOWS,
            auxiliary: K::AUXILIARY,
            warns: K::WARNS,
            foresees: K::FORESEES,
            yields: K::YIELDS,
            twice: K::TWICE,
            unfinished: K::UNFINISHED,
            quota: K::QUOTA,
        }
    }

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Doc>> {
        let wants = self.0.desired(model, facts).into_iter();
        wants
            .map(|want| match write(&want.addr, &want.spec) {
                Ok(spec) => want.with(spec),
                Err(fault) => Want { hold: Some(fault.to_string()), ..Want::new(want.addr, Doc::Null) },
            })
            .collect()
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Vec<Found<Doc>>, Fault>> {
        Box::pin(async move {
            let found = self.0.observe(cx).await?;
            found.iter().map(|found| Ok(with_spec(found, write(&found.addr, &found.spec)?))).collect()
        })
    }

    fn look_at<'a>(&'a self, cx: &'a Cx, addr: &'a Addr, id: &'a str) -> BoxFuture<'a, Result<Vec<Found<Doc>>, Fault>> {
        Box::pin(async move {
            let found = self.0.look_at(cx, addr, id).await?;
            found.iter().map(|found| Ok(with_spec(found, write(&found.addr, &found.spec)?))).collect()
        })
    }

    fn create<'a>(&'a self, cx: &'a Cx, want: &'a Want<Doc>) -> BoxFuture<'a, Result<String, Fault>> {
        Box::pin(async move { self.0.create(cx, &typed_want(want)?).await })
    }

    fn update<'a>(
        &'a self,
        cx: &'a Cx,
        found: &'a Found<Doc>,
        want: &'a Want<Doc>,
        changes: &'a [Change],
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move { self.0.update(cx, &typed_found(found)?, &typed_want(want)?, changes).await })
    }

    fn delete<'a>(&'a self, cx: &'a Cx, found: &'a Found<Doc>) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move { self.0.delete(cx, &typed_found(found)?).await })
    }

    fn status<'a>(&'a self, cx: &'a Cx, addr: &'a Addr, id: &'a str) -> BoxFuture<'a, Result<Status, Fault>> {
        Box::pin(self.0.status(cx, addr, id))
    }

    fn lane(&self, addr: &Addr, spec: &Doc) -> Option<String> {
        read(addr, spec).ok().and_then(|spec| self.0.lane(addr, &spec))
    }

    fn traffic(&self, found: &Found<Doc>) -> Traffic {
        typed_found(found).map_or(Traffic::None, |found| self.0.traffic(&found))
    }

    fn also_in(&self, found: &Found<Doc>) -> Vec<Region> {
        typed_found(found).map_or_else(|_| Vec::new(), |found| self.0.also_in(&found))
    }

    fn posture(&self, model: &Model, found: &[Found<Doc>]) -> Vec<Posture> {
        let found: Vec<_> = found.iter().filter_map(|found| typed_found(found).ok()).collect();
        self.0.posture(model, &found)
    }

    fn leans(&self, found: &Found<Doc>) -> Leans {
        typed_found(found).map_or(Leans::OnAll, |found| self.0.leans(&found))
    }

    fn tells(&self, addr: &Addr, outputs: &Outputs) -> Option<String> {
        self.0.tells(addr, outputs)
    }

    fn loses(&self, found: &Found<Doc>) -> Option<String> {
        typed_found(found).ok().and_then(|found| self.0.loses(&found))
    }

    fn cannot_go(&self, found: &Found<Doc>, removing: &BTreeSet<Addr>) -> Option<String> {
        typed_found(found).ok().and_then(|found| self.0.cannot_go(&found, removing))
    }

    fn foreseen<'a>(
        &'a self,
        cx: &'a Cx,
        want: &'a Want<Doc>,
        found: Option<&'a Found<Doc>>,
    ) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async move {
            let found = found.map(typed_found).transpose()?;
            self.0.foreseen(cx, &typed_want(want)?, found.as_ref()).await
        })
    }

    fn interrupts(&self, found: &Found<Doc>, changes: &[Change]) -> Option<String> {
        typed_found(found).ok().and_then(|found| self.0.interrupts(&found, changes))
    }

    fn leaves(&self, cx: &Cx, found: &Found<Doc>) -> Option<String> {
        typed_found(found).ok().and_then(|found| self.0.leaves(cx, &found))
    }

    fn holders<'a>(&'a self, cx: &'a Cx, found: &'a Found<Doc>) -> BoxFuture<'a, Result<Vec<Holder>, Fault>> {
        Box::pin(async move { self.0.holders(cx, &typed_found(found)?).await })
    }

    fn warnings<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Vec<String>, Fault>> {
        Box::pin(self.0.warnings(cx))
    }

    fn healthy<'a>(&'a self, cx: &'a Cx, found: &'a Found<Doc>) -> BoxFuture<'a, Result<Result<(), String>, Fault>> {
        Box::pin(async move { self.0.healthy(cx, &typed_found(found)?).await })
    }
}

/// The registered kinds, in the order of the registry.
#[derive(Clone)]
pub struct Kinds(Arc<[Arc<dyn AnyKind>]>);

impl Kinds {
    #[must_use]
    pub fn new(all: Vec<Arc<dyn AnyKind>>) -> Self {
        Self(all.into())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn AnyKind>> {
        self.0.iter()
    }

    /// The kind of that name.
    ///
    /// # Errors
    /// Such a kind is not known to this version.
    pub fn get(&self, name: &str) -> Result<&Arc<dyn AnyKind>, Fault> {
        let found = self.0.iter().find(|kind| kind.traits().name == name);
        found.ok_or_else(|| Fault::bug(format!("this version of mrctl knows no kind `{name}`")))
    }
}
