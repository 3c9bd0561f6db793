//! Dashboards: of the account, asked for through any region that answers.
use std::future::Future;

use aws_sdk_cloudwatch::{
    Client,
    operation::put_dashboard::PutDashboardError,
    types::{DashboardValidationMessage, Tag},
};

use super::{
    errors::{fault, maybe},
    hedge::first_of,
};
use crate::resource::{
    Addr, Cx, Fault, Region, Tags,
    owner::{self, Marks},
};

/// A dashboard as AWS shows it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub arn: String,
    /// JSON.
    pub body: String,
}

/// The regions that may be asked: those of the file, and what else the plan was read from; none that did not answer then.
fn desks(cx: &Cx) -> Vec<Region> {
    let answers = |region: &&Region| cx.regions.is_empty() || cx.regions.contains(*region);
    let mut all: Vec<Region> = cx.model.rollout_order().iter().filter(answers).cloned().collect();
    let others: Vec<Region> = cx.regions.iter().filter(|region| !all.contains(region)).cloned().collect();
    all.extend(others);
    all
}

/// One question or order that any of these regions may pass on; all of them may be repeated.
async fn anywhere<T, F>(cx: &Cx, ask: impl Fn(Client) -> F) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let desks = desks(cx);
    first_of(&desks, |region| ask(cx.fleet.region(&region).cloudwatch)).await
}

/// The dashboard of that name; nothing when it is not there.
///
/// # Errors
/// What AWS refused.
pub async fn get(cx: &Cx, name: &str) -> Result<Option<Seen>, Fault> {
    let ask = |client: Client| async move {
        let seen = client.get_dashboard().dashboard_name(name).send().await;
        maybe(seen.map_err(fault("cloudwatch:GetDashboard")))
    };
    Ok(anywhere(cx, ask).await?.map(|seen| Seen {
        arn: seen.dashboard_arn().unwrap_or_default().to_owned(),
        body: seen.dashboard_body().unwrap_or_default().to_owned(),
    }))
}

/// What a dashboard carries; nothing when it is not there.
///
/// # Errors
/// What AWS refused.
pub async fn marks(cx: &Cx, arn: &str) -> Result<Option<Marks>, Fault> {
    let ask = |client: Client| async move {
        let seen = client.list_tags_for_resource().resource_arn(arn).send().await;
        maybe(seen.map_err(fault("cloudwatch:ListTagsForResource")))
    };
    let read = |tags: &[Tag]| owner::read(tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))));
    Ok(anywhere(cx, ask).await?.map(|seen| read(seen.tags())))
}

/// What AWS says of a body, one line for each message.
fn said(messages: &[DashboardValidationMessage]) -> String {
    let line = |message: &DashboardValidationMessage| {
        let [at, what] = [message.data_path(), message.message()].map(Option::unwrap_or_default);
        if at.is_empty() { what.to_owned() } else { format!("{at}: {what}") }
    };
    messages.iter().map(line).collect::<Vec<_>>().join("; ")
}

/// Makes or overwrites a dashboard. Tags count only when it is made (CloudWatch API reference, "PutDashboard"). Gives what AWS finds
/// odd in a body that it takes.
///
/// # Errors
/// What AWS refused, with every message it has for the body.
pub async fn put(cx: &Cx, name: &str, body: &str, tags: Vec<Tag>) -> Result<String, Fault> {
    let tags = &Some(tags).filter(|tags| !tags.is_empty());
    let ask = |client: Client| async move {
        let ask = client.put_dashboard().dashboard_name(name).dashboard_body(body).set_tags(tags.clone());
        let error = match ask.send().await {
            Ok(taken) => return Ok(said(taken.dashboard_validation_messages())),
            Err(error) => error,
        };
        let messages = match error.as_service_error() {
            Some(PutDashboardError::DashboardInvalidInputError(refused)) => said(refused.dashboard_validation_messages()),
            _ => String::new(),
        };
        let mut refused = fault("cloudwatch:PutDashboard")(error);
        if !messages.is_empty() {
            let whole = refused.message.take().map_or_else(String::new, |message| format!("{message}: "));
            refused.message = Some(format!("{whole}{messages}"));
        }
        Err(refused)
    };
    anywhere(cx, ask).await
}

/// Removes a dashboard; "not there" is success.
///
/// # Errors
/// What AWS refused.
pub async fn remove(cx: &Cx, name: &str) -> Result<(), Fault> {
    let ask = |client: Client| async move {
        let gone = client.delete_dashboards().dashboard_names(name).send().await;
        maybe(gone.map_err(fault("cloudwatch:DeleteDashboards"))).map(drop)
    };
    anywhere(cx, ask).await
}

/// Sets and removes tags of a dashboard until it carries the wanted ones.
///
/// # Errors
/// What AWS refused.
pub async fn change_tags(cx: &Cx, arn: &str, addr: &Addr, found: &Tags, wanted: &Tags) -> Result<(), Fault> {
    let (set, remove) = cx.owner.to_change(addr, found, wanted);
    let set: &Vec<Tag> = &set.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let remove = &remove;
    if !remove.is_empty() {
        let ask = |client: Client| async move {
            let ask = client.untag_resource().resource_arn(arn).set_tag_keys(Some(remove.clone()));
            ask.send().await.map(drop).map_err(fault("cloudwatch:UntagResource"))
        };
        anywhere(cx, ask).await?;
    }
    if !set.is_empty() {
        let ask = |client: Client| async move {
            let ask = client.tag_resource().resource_arn(arn).set_tags(Some(set.clone()));
            ask.send().await.map(drop).map_err(fault("cloudwatch:TagResource"))
        };
        anywhere(cx, ask).await?;
    }
    Ok(())
}
