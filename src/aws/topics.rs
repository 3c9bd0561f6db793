//! What SNS shows of a topic, who hears of what it is told, and which of them this stack subscribed.
//!
//! A list of topics has ARNs only, and no filter. The ARN of ours is known from account, region and name, so it is read directly; what
//! carries our mark under another name is known to the tagging index. A subscription carries no tags: the topic's own tag
//! `mrctl:subscribed` remembers those that came from the file, by digests, so that one that the file no longer has can be told from
//! one that somebody else made.
//!
//! The URL of a subscriber may hold a key. It goes into a call and nowhere else: everything that is shown, compared or remembered has
//! its host and a digest.
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sns::types::Tag;

use super::{
    errors::{fault, maybe},
    facts::known_identity,
    sweep::tagged,
};
use crate::{
    resource::{
        Class, Cx, Fault, Region,
        names::hash,
        owner::{self, LONGEST_VALUE, Marks},
    },
    topology::{Model, metrics::Place},
};

pub const TAGS: &str = "sns:ListTagsForResource";
const LIST: &str = "sns:ListSubscriptionsByTopic";
const SUBSCRIBE: &str = "sns:Subscribe";

/// The digests of what this stack subscribed, joined by a space; on in `-2` to `-4`: at most 112 (28 in 256 characters).
const REMEMBERED: [&str; 4] = ["mrctl:subscribed", "mrctl:subscribed-2", "mrctl:subscribed-3", "mrctl:subscribed-4"];

/// What stands in a list for the ARN of one that nobody has confirmed (SNS API reference, "ListSubscriptionsByTopic"), and of one that
/// has just gone.
const PENDING: &str = "PendingConfirmation";
const DELETED: &str = "Deleted";

/// The name of a stack's topic, the same in every region.
#[must_use]
pub fn name_of(stack: &str) -> String {
    format!("{stack}-alerts")
}

/// The regions in which the topology has a topic: those in which it has alarms.
#[must_use]
pub fn regions(model: &Model) -> BTreeSet<Region> {
    let mut regions = BTreeSet::new();
    for alarm in model.alarms.values().filter(|alarm| model.alerts.is_some() && !alarm.members.is_empty()) {
        match alarm.place() {
            Place::UsEast1 => drop(regions.insert(Region::new(super::dns::HOME))),
            Place::Region | Place::Pairs | Place::NatGateways => regions.extend(alarm.members.keys().cloned()),
        }
    }
    regions
}

/// Somebody who hears of what a topic is told. No `Debug`: a URL is shown by its host only.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `email`, `https`, `sqs`, `lambda`.
    pub protocol: String,
    /// Where it is sent, to be put into a call and nowhere else.
    address: String,
}

impl Endpoint {
    /// One of the file, by what its address looks like.
    #[must_use]
    pub fn of(address: &str) -> Self {
        let protocol = match address.split(':').nth(2) {
            _ if address.starts_with("https://") => "https",
            Some(service) if address.starts_with("arn:") => service,
            _ => "email",
        };
        Self { protocol: protocol.to_owned(), address: address.to_owned() }
    }

    /// How it stands in documents, texts and memory. Of a URL only its host is shown: the rest is a digest.
    #[must_use]
    pub fn shown(&self) -> String {
        let Self { protocol, address } = self;
        match address.split_once("://") {
            Some((scheme, rest)) => {
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                let host = authority.rsplit('@').next().unwrap_or_default();
                // SNS lists a password as four stars, so that another one is no difference.
                let known = match authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')) {
                    Some((user, password)) => address.replacen(&format!("{user}:{password}@"), &format!("{user}:****@"), 1),
                    None => address.clone(),
                };
                format!("{protocol} {scheme}://{host}/… (#{:08x})", hash(&known))
            }
            // Nobody is told apart from another by the case of their address.
            None if protocol == "email" => format!("{protocol} {}", address.to_ascii_lowercase()),
            None => format!("{protocol} {address}"),
        }
    }
}

/// What is remembered of something subscribed, by how it is shown.
#[must_use]
pub fn digest(shown: &str) -> String {
    format!("{:08x}", hash(shown))
}

/// Everyone whom the topology has told of in a region, by how they are shown.
#[must_use]
pub fn subscribers(model: &Model, region: &Region, account: &str) -> BTreeMap<String, Endpoint> {
    let Some(alerts) = model.alerts.as_ref().filter(|_| regions(model).contains(region)) else { return BTreeMap::new() };
    let arns = alerts.arns_in(region).into_iter().map(|arn| arn.replace("{account}", account));
    let all = alerts.emails.iter().chain(&alerts.https).cloned().chain(arns);
    all.map(|address| Endpoint::of(&address)).map(|endpoint| (endpoint.shown(), endpoint)).collect()
}

/// One subscription that a topic has.
#[derive(Clone)]
pub struct Subscription {
    /// Nothing while nobody has confirmed it: it cannot be ended by anyone then.
    pub arn: Option<String>,
    pub shown: String,
}

/// The ARN of the topic of that name here.
///
/// # Errors
/// Nobody told whose credentials these are.
pub async fn arn(cx: &Cx, name: &str) -> Result<String, Fault> {
    let identity = known_identity(&cx.fleet, &cx.memo, &cx.model.rollout_order()).await?;
    Ok(format!("arn:{}:sns:{}:{}:{name}", identity.partition, cx.region()?, identity.account))
}

/// Topics that may be ours in this region: the one of the stack's name, and those that the tagging index knows.
///
/// # Errors
/// What AWS refused.
pub async fn candidates(cx: &Cx) -> Result<BTreeSet<String>, Fault> {
    let own = match arn(cx, &name_of(&cx.owner.stack)).await {
        Ok(own) => Some(own),
        // Where none is wanted the index is enough, and nobody has to know the account.
        Err(_) if !regions(&cx.model).contains(cx.region()?) => None,
        Err(fault) => return Err(fault),
    };
    // Without the index the one of the stack's name is read all the same.
    let index = tagged(cx, cx.region()?).await.ok();
    let of_region = format!(":sns:{}:", cx.region()?);
    // The ARN of a subscription has one part more.
    let is_topic = |arn: &&String| arn.contains(&of_region) && arn.split(':').count() == 6;
    let listed = index.iter().flat_map(|index| index.iter()).map(|line| &line.arn).filter(is_topic).cloned();
    Ok(listed.chain(own).collect())
}

/// What a topic carries and what it remembers; nothing when it is not there.
///
/// # Errors
/// What AWS refused.
pub async fn marks(cx: &Cx, arn: &str) -> Result<Option<(Marks, BTreeSet<String>)>, Fault> {
    let ask = cx.fleet.region(cx.region()?).sns.list_tags_for_resource().resource_arn(arn);
    let Some(seen) = maybe(ask.send().await.map_err(fault(TAGS)))? else { return Ok(None) };
    let mut marks = owner::read(seen.tags().iter().map(|tag| (tag.key(), tag.value())));
    let remembered = REMEMBERED.iter().filter_map(|key| marks.tags.all.remove(*key));
    let remembered = remembered.flat_map(|value| value.split(' ').map(str::to_owned).collect::<Vec<_>>()).collect();
    Ok(Some((marks, remembered)))
}

/// The tags that remember these digests.
#[must_use]
pub fn memory(digests: &BTreeSet<String>) -> BTreeMap<String, String> {
    let each = LONGEST_VALUE / (digest("").len() + 1);
    let all: Vec<&str> = digests.iter().map(String::as_str).collect();
    REMEMBERED.iter().map(|key| (*key).to_owned()).zip(all.chunks(each).map(|some| some.join(" "))).collect()
}

/// The keys of memory that such tags do not have.
#[must_use]
pub fn forgotten(memory: &BTreeMap<String, String>) -> Vec<String> {
    REMEMBERED.iter().filter(|key| !memory.contains_key(**key)).map(|key| (*key).to_owned()).collect()
}

/// The attributes of a topic; nothing when it is not there.
///
/// # Errors
/// What AWS refused.
pub async fn attributes(cx: &Cx, arn: &str) -> Result<Option<std::collections::HashMap<String, String>>, Fault> {
    let ask = cx.fleet.region(cx.region()?).sns.get_topic_attributes().topic_arn(arn);
    Ok(maybe(ask.send().await.map_err(fault("sns:GetTopicAttributes")))?.map(|seen| seen.attributes.unwrap_or_default()))
}

/// Everyone who is subscribed to a topic.
///
/// # Errors
/// What AWS refused.
pub async fn subscriptions(cx: &Cx, arn: &str) -> Result<Vec<Subscription>, Fault> {
    let mut pages = cx.fleet.region(cx.region()?).sns.list_subscriptions_by_topic().topic_arn(arn).into_paginator().items().send();
    let mut all = Vec::new();
    while let Some(one) = pages.next().await {
        let one = one.map_err(fault(LIST))?;
        let (protocol, address) = (one.protocol.unwrap_or_default(), one.endpoint.unwrap_or_default());
        let shown = Endpoint { protocol, address }.shown();
        match one.subscription_arn.as_deref() {
            Some(DELETED) | None => {}
            Some(PENDING) => all.push(Subscription { arn: None, shown }),
            Some(arn) => all.push(Subscription { arn: Some(arn.to_owned()), shown }),
        }
    }
    Ok(all)
}

/// Subscribes somebody; AWS answers with what is there when they are already. Nobody is waited for.
///
/// # Errors
/// What AWS refused, without the URL that it may repeat.
pub async fn subscribe(cx: &Cx, arn: &str, endpoint: &Endpoint) -> Result<(), Fault> {
    let ask = cx.fleet.region(cx.region()?).sns.subscribe().topic_arn(arn).protocol(&endpoint.protocol).endpoint(&endpoint.address);
    match ask.send().await.map_err(fault(SUBSCRIBE)) {
        Ok(_) => Ok(()),
        Err(refused) => {
            let message = refused.message.map(|said| format!("{}: {}", endpoint.shown(), without_urls(&said, &endpoint.address)));
            Err(Fault { message, ..refused })
        }
    }
}

/// What AWS said without any URL in it.
fn without_urls(said: &str, address: &str) -> String {
    let said = if address.contains("://") { said.replace(address, "(URL)") } else { said.to_owned() };
    said.split(' ').map(|word| if word.contains("://") { "(URL)" } else { word }).collect::<Vec<_>>().join(" ")
}

/// Ends a confirmed subscription. One that turns out to wait for its confirmation is left: nobody can end it.
///
/// # Errors
/// What AWS refused.
pub async fn unsubscribe(cx: &Cx, subscription: &str) -> Result<(), Fault> {
    let ask = cx.fleet.region(cx.region()?).sns.unsubscribe().subscription_arn(subscription);
    match maybe(ask.send().await.map_err(fault("sns:Unsubscribe"))) {
        Err(refused) if refused.class == Class::Invalid && refused.message.as_deref().is_some_and(|said| said.contains("pending")) => {
            Ok(())
        }
        answer => answer.map(drop),
    }
}

/// Tags as SNS takes them.
///
/// # Errors
/// A bug: the SDK refuses a tag without key or value.
pub fn tags(tags: BTreeMap<String, String>) -> Result<Vec<Tag>, Fault> {
    let build = |(key, value)| Tag::builder().key(key).value(value).build().map_err(|error| Fault::bug(error.to_string()));
    tags.into_iter().map(build).collect()
}

/// Sets and removes tags of a topic.
///
/// # Errors
/// What AWS refused.
pub async fn change_tags(cx: &Cx, arn: &str, set: BTreeMap<String, String>, remove: Vec<String>) -> Result<(), Fault> {
    let client = cx.fleet.region(cx.region()?).sns;
    if !remove.is_empty() {
        let ask = client.untag_resource().resource_arn(arn).set_tag_keys(Some(remove));
        ask.send().await.map_err(fault("sns:UntagResource"))?;
    }
    if !set.is_empty() {
        let ask = client.tag_resource().resource_arn(arn).set_tags(Some(tags(set)?));
        ask.send().await.map_err(fault("sns:TagResource"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_by_its_host_and_nothing_else_of_it() {
        let url = "https://user:pass@hooks.example.com:8443/T000/B000/s3cr3t?key=s3cr3t#s3cr3t";
        let shown = Endpoint::of(url).shown();
        let listed = url.replace(":pass@", ":****@");
        assert_eq!(shown, format!("https https://hooks.example.com:8443/… (#{:08x})", hash(&listed)));
        assert_eq!(shown, Endpoint::of(&listed).shown(), "SNS does not list passwords");
        assert_ne!(shown, Endpoint::of("https://hooks.example.com:8443/T000/B000/other").shown());
        let said = format!("Invalid parameter: Endpoint {url} is unreachable");
        assert_eq!(without_urls(&said, url), "Invalid parameter: Endpoint (URL) is unreachable");
        assert_eq!(without_urls("no https://a.b/c?key=1, sorry", "x"), "no (URL) sorry");
    }

    #[test]
    fn an_address_says_how_it_is_reached() {
        let of = |address: &str| Endpoint::of(address).shown();
        assert_eq!(of("Ops@Example.com"), "email ops@example.com");
        assert_eq!(of("arn:aws:sqs:eu-west-1:123456789012:pager"), "sqs arn:aws:sqs:eu-west-1:123456789012:pager");
        let function = "arn:aws:lambda:eu-west-1:123456789012:function:page";
        assert_eq!(of(function), format!("lambda {function}"));
    }

    #[test]
    fn memory_goes_on_in_further_tags() {
        let digests: BTreeSet<String> = (0..60).map(|n| digest(&n.to_string())).collect();
        let tags = memory(&digests);
        assert_eq!(tags.len(), 3);
        assert!(tags.values().all(|value| value.len() <= LONGEST_VALUE));
        assert_eq!(tags.values().flat_map(|value| value.split(' ')).map(str::to_owned).collect::<BTreeSet<_>>(), digests);
        assert_eq!(forgotten(&tags), ["mrctl:subscribed-4"]);
        assert!(memory(&BTreeSet::new()).is_empty());
    }
}
