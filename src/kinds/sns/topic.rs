//! Topics: whom the alarms of a region tell, one topic in each region that has alarms.
//!
//! CreateTopic refuses a topic that is there with other tags or attributes (field guide 16, rule 47), so it is sent for what is not
//! there only. Subscriptions are part of the topic: those that the file asks for are compared, and one that somebody deleted comes
//! back; one that the file no longer has is ended, when this stack subscribed it; all others are left alone. An email or a URL has to
//! be confirmed by whoever gets it: nobody waits for that (field guide 10.3 item 4), and until then nobody can end it either.
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    aws::{
        errors::fault,
        tags::{addr_of, still_ours},
        topics::{self, digest, name_of, subscribers},
    },
    outputs,
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Outputs, Owner, Patience, Posture, Status, Tags, Unmanaged, Verb, Want,
    },
    topology::Model,
};

outputs! { "sns.topic":
    /// The ARN of a topic.
    TopicArn = "arn",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    /// The KMS key; nothing: none.
    pub encryption: Option<String>,
    /// Those that the file asks for or this stack made, by how they are shown: a URL by its host and a digest.
    pub subscriptions: BTreeMap<String, String>,
    /// Those of them that nobody has confirmed yet, and those that the file no longer has and nobody can end.
    pub pending: Unmanaged<BTreeSet<String>>,
    /// Whether the topic remembers what this stack subscribed.
    pub memory: String,
    pub tags: Tags,
}

/// `sns.topic`.
pub struct Topic;

/// The topic of a region, in its address.
pub const ALERTS: &str = "alerts";

/// The kind of posture of a subscription that nobody has confirmed.
const UNCONFIRMED: &str = "unconfirmed";

const SUBSCRIBED: &str = "subscribed";
const COMPLETE: &str = "complete";
const INCOMPLETE: &str = "incomplete";
const KEY: &str = "KmsMasterKeyId";

const CREATE: &str = "sns:CreateTopic";
const DELETE: &str = "sns:DeleteTopic";
const SET: &str = "sns:SetTopicAttributes";

/// The account in the ARN of a topic.
fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

fn taken(arn: &str) -> Fault {
    Fault::new(CREATE, Class::Exists, format!("a topic `{arn}` is there and does not carry this stack's mark"))
}

impl Topic {
    /// The topic of that ARN, when it is ours or stands where ours should.
    async fn look(cx: &Cx, arn: &str) -> Result<Option<Found<Spec>>, Fault> {
        let region = cx.region()?;
        let Some((marks, remembered)) = topics::marks(cx, arn).await? else { return Ok(None) };
        let name = arn.rsplit(':').next().unwrap_or_default();
        let marked = addr_of(cx, Self::NAME, &marks);
        let is_wanted = name == name_of(&cx.owner.stack) && topics::regions(&cx.model).contains(region);
        let wanted_at = is_wanted.then(|| Addr::regional(region, Self::NAME, ALERTS));
        let (Some(addr), ours) = (marked.clone().or(wanted_at), marked.is_some()) else { return Ok(None) };
        let (attributes, there) = tokio::try_join!(topics::attributes(cx, arn), async {
            // A topic that goes in between has nobody.
            match topics::subscriptions(cx, arn).await {
                Err(gone) if gone.class == Class::NotFound => Ok(Vec::new()),
                answer => answer,
            }
        })?;
        let Some(attributes) = attributes else { return Ok(None) };
        let asked = subscribers(&cx.model, region, account_of(arn));
        let (mut subscriptions, mut pending) = (BTreeMap::new(), BTreeSet::new());
        let mut memory: BTreeSet<String> = asked.keys().map(|shown| digest(shown)).collect();
        for one in there {
            let is_asked_for = asked.contains_key(&one.shown);
            if !is_asked_for && !remembered.contains(&digest(&one.shown)) {
                continue;
            }
            // What the file no longer has and nobody can end is no difference that an apply could bring in line.
            if is_asked_for || one.arn.is_some() {
                subscriptions.insert(one.shown.clone(), SUBSCRIBED.to_owned());
            }
            if one.arn.is_none() {
                // Somebody may confirm it after all: then it is ended.
                memory.insert(digest(&one.shown));
                pending.insert(one.shown);
            }
        }
        let is_going = |shown: &&String| !asked.contains_key(*shown);
        memory.extend(subscriptions.keys().filter(is_going).map(|shown| digest(shown)));
        let spec = Spec {
            name: name.to_owned(),
            encryption: attributes.get(KEY).filter(|key| !key.is_empty()).cloned(),
            subscriptions,
            pending: Unmanaged::Managed(pending),
            memory: if memory == remembered { COMPLETE } else { INCOMPLETE }.to_owned(),
            tags: marks.tags,
        };
        let outputs = Outputs::of::<TopicArn>(arn);
        Ok(Some(Found { addr, id: arn.to_owned(), spec, outputs, life: Life::Ready, ours, born: None }))
    }

    /// Subscribes whom the file asks for and ends what it no longer has. What is to be remembered is written before anybody is
    /// subscribed and forgotten after they are gone, so that a kill in between leaves nothing that no run knows of.
    async fn subscribe(cx: &Cx, arn: &str, found: &Spec, want: &Spec) -> Result<(), Fault> {
        let Some((_, mut now)) = topics::marks(cx, arn).await? else {
            return Err(Fault::new(topics::TAGS, Class::NotFound, format!("the topic `{arn}` is gone")));
        };
        let asked = subscribers(&cx.model, cx.region()?, account_of(arn));
        let missing = want.subscriptions.keys().filter(|shown| !found.subscriptions.contains_key(*shown));
        let missing: Vec<_> = missing.filter_map(|shown| asked.get(shown)).collect();
        let going: BTreeSet<&String> = found.subscriptions.keys().filter(|shown| !want.subscriptions.contains_key(*shown)).collect();
        let stuck = match &found.pending {
            Unmanaged::Managed(pending) => pending.clone(),
            Unmanaged::Any => BTreeSet::new(),
        };
        let after: BTreeSet<String> = want.subscriptions.keys().chain(&stuck).map(|shown| digest(shown)).collect();
        let during = &after | &going.iter().map(|shown| digest(shown)).collect();
        let mut remember = async |digests: &BTreeSet<String>| -> Result<(), Fault> {
            if now == *digests {
                return Ok(());
            }
            let tags = topics::memory(digests);
            let gone = topics::forgotten(&tags);
            let gone = if topics::memory(&now).len() > tags.len() { gone } else { Vec::new() };
            topics::change_tags(cx, arn, tags, gone).await?;
            now.clone_from(digests);
            Ok(())
        };
        remember(&during).await?;
        for endpoint in missing {
            topics::subscribe(cx, arn, endpoint).await?;
        }
        if !going.is_empty() {
            let there = topics::subscriptions(cx, arn).await?;
            for subscription in there.into_iter().filter(|one| going.contains(&one.shown)).filter_map(|one| one.arn) {
                topics::unsubscribe(cx, &subscription).await?;
            }
        }
        remember(&after).await
    }
}

impl Kind for Topic {
    type Spec = Spec;
    const NAME: &'static str = "sns.topic";
    const FIXED: &'static [&'static str] = &["name"];
    const AUXILIARY: bool = true;
    /// Made and changed at once. The same name should not be given again within a minute (field guide 10.3 item 6).
    const PATIENCE: Patience = Patience::of(2, 5, 5);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (
            Verb::Observe,
            &["sts:GetCallerIdentity", "tag:GetResources", topics::TAGS, "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"],
        ),
        (Verb::Create, &[CREATE, "sns:TagResource"]),
        (Verb::Update, &[SET, "sns:Subscribe", "sns:Unsubscribe", "sns:TagResource", "sns:UntagResource"]),
        (Verb::Delete, &[DELETE]),
    ];
    /// Each subscription is a call of its own.
    const UNFINISHED: bool = true;

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let (owner, name) = (Owner { stack: model.stack.clone(), tags: model.tags.clone() }, name_of(&model.stack));
        let account = facts.with_account("{account}");
        let want = |region| {
            let spec = Spec {
                name: name.clone(),
                encryption: model.alerts.as_ref().and_then(|alerts| alerts.encryption.get(&region).cloned()),
                subscriptions: subscribers(model, &region, &account).into_keys().map(|shown| (shown, SUBSCRIBED.to_owned())).collect(),
                pending: Unmanaged::Any,
                memory: COMPLETE.to_owned(),
                tags: owner.wanted(&name),
            };
            Want::new(Addr::regional(&region, Self::NAME, ALERTS), spec)
        };
        topics::regions(model).into_iter().map(want).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let mut all = Vec::new();
        for arn in topics::candidates(cx).await? {
            all.extend(Self::look(cx, &arn).await?);
        }
        Ok(all)
    }

    async fn look_at(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Vec<Found<Spec>>, Fault> {
        Ok(Self::look(cx, id).await?.into_iter().collect())
    }

    /// The name is unique. What is there is looked at first, because the call is refused when anything of it is not as it was made.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let spec = &want.spec;
        let arn = topics::arn(cx, &spec.name).await?;
        let is_ours = |there: Option<Found<Spec>>| there.is_some_and(|there| there.ours && there.addr == want.addr);
        if topics::marks(cx, &arn).await?.is_some() {
            let there = Self::look(cx, &arn).await?;
            return if is_ours(there) { Ok(arn) } else { Err(taken(&arn)) };
        }
        let mut tags = cx.owner.to_send(&want.addr, &spec.tags);
        tags.extend(topics::memory(&spec.subscriptions.keys().map(|shown| digest(shown)).collect()));
        let ask = cx.fleet.region(cx.region()?).sns.create_topic().name(&spec.name).set_tags(Some(topics::tags(tags)?));
        let ask = spec.encryption.iter().fold(ask, |ask, key| ask.attributes(KEY, key));
        match ask.send().await.map_err(fault(CREATE)) {
            Ok(made) => Ok(made.topic_arn.unwrap_or(arn)),
            Err(refused) if refused.class == Class::Exists => {
                if is_ours(Self::look(cx, &arn).await?) {
                    Ok(arn)
                } else {
                    Err(refused)
                }
            }
            Err(refused) => Err(refused),
        }
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        let (client, arn) = (cx.fleet.region(cx.region()?).sns, &found.id);
        let differs = |path: &str| changes.iter().any(|change| change.is_under(path));
        if differs("encryption") {
            let key = want.spec.encryption.clone().unwrap_or_default();
            let ask = client.set_topic_attributes().topic_arn(arn).attribute_name(KEY).attribute_value(key);
            ask.send().await.map_err(fault(SET))?;
        }
        if differs("subscriptions") || differs("memory") {
            Self::subscribe(cx, arn, &found.spec, &want.spec).await?;
        }
        let (set, remove) = cx.owner.to_change(&want.addr, &found.spec.tags, &want.spec.tags);
        topics::change_tags(cx, arn, set, remove).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let Some((now, _)) = topics::marks(cx, &found.id).await? else { return Ok(()) };
        still_ours(DELETE, cx, &found.addr, &found.id, &now)?;
        // Success also when it is not there.
        cx.fleet.region(cx.region()?).sns.delete_topic().topic_arn(&found.id).send().await.map_err(fault(DELETE)).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let there = topics::attributes(cx, id).await?;
        Ok(there.map_or(Status::Gone, |_| Status::Ready(Outputs::of::<TopicArn>(id))))
    }

    fn posture(&self, model: &Model, found: &[Found<Spec>]) -> Vec<Posture> {
        let mut all = Vec::new();
        for one in found.iter().filter(|one| one.ours) {
            let Unmanaged::Managed(pending) = &one.spec.pending else { continue };
            let asked = one.addr.region().map(|region| subscribers(model, region, account_of(&one.id))).unwrap_or_default();
            let (waiting, ending): (Vec<&str>, Vec<&str>) = pending.iter().map(String::as_str).partition(|one| asked.contains_key(*one));
            let mut sentences = Vec::new();
            if !waiting.is_empty() {
                sentences.push(format!(
                    "{} of {} hears nothing until it is confirmed by whoever gets the message of AWS; unconfirmed it goes by itself after \
                     about three days, and the next apply asks again",
                    waiting.join(", "),
                    one.addr
                ));
            }
            if !ending.is_empty() {
                sentences.push(format!(
                    "{} of {} was never confirmed: nobody can end it, and it goes by itself after about three days",
                    ending.join(", "),
                    one.addr
                ));
            }
            if !sentences.is_empty() {
                let message = sentences.join("; ");
                all.push(Posture::new(UNCONFIRMED, one.addr.clone(), json!("confirmed"), json!(pending), message));
            }
        }
        all
    }
}
