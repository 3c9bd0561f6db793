//! The dashboard: all regions side by side, one for the account.
//!
//! CloudWatch keeps dashboards apart from regions: any region that answers reads and writes the same one (field guide 10.2). Its body
//! is a document with references to what its charts show, so that a chart follows what is made anew and shows nothing that is not
//! there; it is compared widget by widget, whatever the order and the spelling of the JSON. What it shows is `kinds::layout`.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    aws::{
        alarms::to_send,
        dashboards::{change_tags, get, marks, put, remove},
        tags::{addr_of, still_ours},
    },
    kinds::{
        body::{self, Widget},
        ec2::vpc::named,
        layout::{is_own, layout},
        watching::as_words,
    },
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Scope, Scopes, Status, Tags, Verb, Want, owner::Marks,
    },
    topology::Model,
};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    /// By the title of a chart, or the first line of a text.
    pub widgets: BTreeMap<String, Widget>,
    /// What the body says beside its widgets, for example `start`.
    pub settings: BTreeMap<String, Value>,
    pub tags: Tags,
}

/// `cloudwatch.dashboard`.
pub struct Dashboard;

const PUT: &str = "cloudwatch:PutDashboard";

fn address(stack: &str) -> Addr {
    Addr { scope: Scope::Global, kind: Dashboard::NAME.into(), name: stack.into() }
}

fn read(name: &str, text: &str, marks: Marks) -> Spec {
    let (mut widgets, settings) = body::read(text);
    for widget in widgets.iter_mut().filter(|(title, _)| is_own(title)).map(|(_, widget)| widget) {
        for line in widget.lines.values_mut() {
            line.dimensions = as_words(std::mem::take(&mut line.dimensions));
        }
    }
    Spec { name: name.to_owned(), widgets, settings, tags: marks.tags }
}

/// What AWS finds odd in a body that it takes is told when the run is over.
fn note(cx: &Cx, name: &str, said: &str) {
    if !said.is_empty() {
        cx.asked.note(format!("CloudWatch took the dashboard `{name}` and says of it: {said}"));
    }
}

impl Dashboard {
    /// What stands under our name, as far as it is ours or wanted.
    async fn look(cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let name = &cx.owner.stack;
        let Some(seen) = get(cx, name).await? else { return Ok(Vec::new()) };
        let Some(marks) = marks(cx, &seen.arn).await? else { return Ok(Vec::new()) };
        let marked = addr_of(cx, Self::NAME, &marks);
        let wanted_at = cx.model.dashboard.then(|| address(name));
        let (Some(addr), ours) = (marked.clone().or(wanted_at), marked.is_some()) else { return Ok(Vec::new()) };
        let spec = read(name, &seen.body, marks);
        Ok(vec![Found { addr, id: seen.arn, spec, outputs: Outputs::default(), life: Life::Ready, ours, born: None }])
    }
}

impl Kind for Dashboard {
    type Spec = Spec;
    const NAME: &'static str = "cloudwatch.dashboard";
    const SCOPES: Scopes = Scopes::Global;
    const FIXED: &'static [&'static str] = &["name"];
    /// It is there when the call returns.
    const PATIENCE: Patience = Patience::of(2, 5, 5);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource"]),
        (Verb::Create, &["cloudwatch:PutDashboard", "cloudwatch:TagResource", "cloudwatch:GetDashboard"]),
        (
            Verb::Update,
            &["cloudwatch:PutDashboard", "cloudwatch:TagResource", "cloudwatch:UntagResource", "cloudwatch:ListTagsForResource"],
        ),
        (Verb::Delete, &["cloudwatch:DeleteDashboards", "cloudwatch:ListTagsForResource"]),
    ];
    /// A chart of what is gone is empty, and AWS says nothing of it.
    const FOLLOWS: bool = true;

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        if !model.dashboard {
            return Vec::new();
        }
        let spec =
            Spec { name: model.stack.clone(), widgets: layout(model, facts), settings: body::settings(), tags: named(model, "dashboard") };
        vec![Want::new(address(&model.stack), spec)]
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        Self::look(cx).await
    }

    /// The same call overwrites what is there, so it is looked at first: what is ours was made by an earlier try.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let name = &want.spec.name;
        if let Some(there) = get(cx, name).await? {
            let now = marks(cx, &there.arn).await?.unwrap_or_default();
            if now.addr_in(&cx.owner.stack) != Some(&want.addr) {
                let what = format!("a dashboard `{name}` is there and does not carry this stack's mark");
                return Err(Fault::new(PUT, Class::Exists, what));
            }
        }
        let text = body::write(&want.spec.widgets, &want.spec.settings)?;
        note(cx, name, &put(cx, name, &text, to_send(cx, &want.addr, &want.spec.tags)).await?);
        let made = get(cx, name).await?;
        made.map(|made| made.arn).ok_or_else(|| Fault::new(PUT, Class::NotFound, format!("the dashboard `{name}` is not shown yet")))
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        if changes.iter().any(|change| !change.is_under("tags")) {
            if found.ours {
                let now = marks(cx, &found.id).await?.unwrap_or_default();
                still_ours(PUT, cx, &found.addr, &found.spec.name, &now)?;
            }
            let text = body::write(&want.spec.widgets, &want.spec.settings)?;
            note(cx, &want.spec.name, &put(cx, &want.spec.name, &text, Vec::new()).await?);
        }
        change_tags(cx, &found.id, &want.addr, &found.spec.tags, &want.spec.tags).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let Some(now) = marks(cx, &found.id).await? else { return Ok(()) };
        still_ours("cloudwatch:DeleteDashboards", cx, &found.addr, &found.spec.name, &now)?;
        remove(cx, &found.spec.name).await
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let name = id.rsplit('/').next().unwrap_or(id);
        Ok(get(cx, name).await?.map_or(Status::Gone, |_| Status::Ready(Outputs::default())))
    }
}
