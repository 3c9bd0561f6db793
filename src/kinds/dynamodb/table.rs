//! DynamoDB tables: each region's member of a global table is a resource of its own, seen from its own region.
//!
//! There is no call that makes a global table: the first member is a table, every other one is added by UpdateTable at a
//! member that is there (field guide 3.2). Tags, point-in-time recovery and deletion protection never follow to a replica
//! (DynamoDB developer guide, "How global tables work"), so they are set in each region, by the update after the create.
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateReplicationGroupMemberAction, KeySchemaElement, KeyType, ReplicaStatus, ReplicationGroupUpdate,
    ScalarAttributeType, StreamSpecification, StreamViewType,
};
use futures::stream::{StreamExt, TryStreamExt, iter};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::{
    aws::{
        errors::{fault, maybe},
        sweep::tagged,
        tables::{self, Member},
        tags::dynamodb_tags,
    },
    outputs,
    resource::{
        Addr, Change, Class, Cx, Doc, Facts, Fault, Found, Kind, Life, Outputs, Owner, Patience, Posture, Region, Status, Tags, Unmanaged,
        Verb, Want, owner::Marks,
    },
    topology::{AttributeType, KeyAttribute, Model, Table as Wanted, TableMember},
};

outputs! { "dynamodb.table":
    /// The ARN of the member in its region.
    TableArn = "arn",
    /// The table's name, the same in every region.
    TableName = "name",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    pub partition_key: Key,
    pub sort_key: Option<Key>,
    pub billing: Billing,
    /// A stream of new and old images, which replication needs; a table without replicas may have any.
    pub stream: Unmanaged<bool>,
    pub point_in_time_recovery: bool,
    pub deletion_protection: bool,
    /// The other members as this region sees them, with DynamoDB's word for their state; a topology wants none here, each is a
    /// resource of its own.
    pub members: Unmanaged<BTreeMap<Region, String>>,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    pub name: String,
    #[serde(rename = "type")]
    pub attribute_type: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Billing {
    OnDemand,
    Provisioned,
}

/// `dynamodb.table`.
pub struct Table;

const CREATE: &str = "dynamodb:CreateTable";
const UPDATE: &str = "dynamodb:UpdateTable";
/// Reads of single tables in flight: DescribeTable allows 2,500 a second, ListTagsOfResource far fewer.
const SIDE_BY_SIDE: usize = 16;

const TYPES: [(AttributeType, &str, ScalarAttributeType); 3] = [
    (AttributeType::String, "string", ScalarAttributeType::S),
    (AttributeType::Number, "number", ScalarAttributeType::N),
    (AttributeType::Binary, "binary", ScalarAttributeType::B),
];

fn key(key: &KeyAttribute) -> Key {
    let word = TYPES.iter().find(|(known, ..)| *known == key.attribute_type).map_or("", |(_, word, _)| word);
    Key { name: key.name.clone(), attribute_type: word.to_owned() }
}

fn found_key(member: &Member, role: &KeyType) -> Option<Key> {
    let name = member.table.key_schema().iter().find(|element| element.key_type() == role)?.attribute_name();
    let attribute = member.table.attribute_definitions().iter().find(|attribute| attribute.attribute_name() == name)?;
    let word = TYPES.iter().find(|(.., scalar)| scalar == attribute.attribute_type()).map_or("unknown", |(_, word, _)| word);
    Some(Key { name: name.to_owned(), attribute_type: word.to_owned() })
}

impl Table {
    fn want(model: &Model, key_in_file: &str, table: &Wanted, region: &Region, member: &TableMember) -> Want<Spec> {
        let spec = Spec {
            name: table.name.clone(),
            partition_key: key(&table.partition_key),
            sort_key: table.sort_key.as_ref().map(key),
            billing: Billing::OnDemand,
            stream: if table.members.len() > 1 { Unmanaged::Managed(true) } else { Unmanaged::Any },
            point_in_time_recovery: member.point_in_time_recovery,
            deletion_protection: member.deletion_protection,
            members: Unmanaged::Any,
            tags: Owner { stack: model.stack.clone(), tags: model.tags.clone() }.wanted(&table.name),
        };
        Want::new(Addr::regional(region, Self::NAME, key_in_file), spec)
    }

    /// One table of that name in this region, when it is ours or stands where ours should.
    async fn look(cx: &Cx, name: &str) -> Result<Option<Found<Spec>>, Fault> {
        let region = cx.region()?;
        let Some(member) = tables::member(cx, region, name).await? else { return Ok(None) };
        let named_here = cx.model.tables.iter().find(|(_, table)| table.name == name && table.members.contains_key(region));
        let read = maybe(tables::marks(cx, region, &member).await)?;
        // A table that comes or goes may not show its tags (field guide 3.1 item 5).
        let is_leaving = read.is_none() && member.word() == "DELETING";
        let is_nameless = read.is_none() && member.word() == "CREATING" && !tables::has_marked_member(cx, region, &member).await;
        let marks = match read {
            Some(marks) => marks,
            None if is_nameless => {
                return Err(Fault::new(UPDATE, Class::Contention, format!("{name} in {region} is being made and shows no tags yet")));
            }
            None if is_leaving || member.word() == "CREATING" => Marks::default(),
            // Gone between the two reads.
            None => return Ok(None),
        };
        let carries_ours = marks.stack.as_deref() == Some(&*cx.owner.stack);
        let mut tags = marks.tags;
        let (addr, is_ours) = match (carries_ours, named_here) {
            // The name is the table: when the file calls it by another key now, it moves there with all it holds, and is
            // marked anew.
            (true, Some((key, _))) => {
                let addr = Addr::regional(region, Self::NAME, key);
                tags.marked = marks.addr.as_ref() == Some(&addr);
                (addr, true)
            }
            (true, None) => match marks.addr {
                Some(addr) if &*addr.kind == Self::NAME && addr.scope == cx.scope => (addr, true),
                _ => return Ok(None),
            },
            // A replica cannot be marked in its create call: a marked member elsewhere speaks for it.
            (false, Some((key, _))) => {
                // Whoever's it was, nothing is sent to what is leaving; it is waited for.
                let is_ours = is_leaving || marks.stack.is_none() && tables::has_marked_member(cx, region, &member).await;
                tags.marked = false;
                (Addr::regional(region, Self::NAME, key), is_ours)
            }
            (false, None) => return Ok(None),
        };
        let Some(partition_key) = found_key(&member, &KeyType::Hash) else {
            return Err(Fault::bug(format!("{name} has no partition key")));
        };
        let on_demand = member.table.billing_mode_summary().and_then(|billing| billing.billing_mode()) == Some(&BillingMode::PayPerRequest);
        let spec = Spec {
            name: name.to_owned(),
            partition_key,
            sort_key: found_key(&member, &KeyType::Range),
            // DynamoDB shows no billing mode for a provisioned table (field guide 1.6).
            billing: if on_demand { Billing::OnDemand } else { Billing::Provisioned },
            stream: Unmanaged::Managed(member.streams()),
            point_in_time_recovery: tables::recoverable(cx, region, name).await?,
            deletion_protection: member.protected(),
            members: Unmanaged::Managed(member.other_states(region)),
            tags,
        };
        let outputs = Outputs::of::<TableArn>(&member.arn).with::<TableName>(name);
        Ok(Some(Found { addr, id: name.to_owned(), spec, outputs, life: member.life(), ours: is_ours, born: member.born }))
    }

    /// Adds a member here at the one that is there longest, as the only change of the call (field guide 3.2 item 4). Adding
    /// always at the same member keeps DynamoDB's 24-hour rule to one table.
    async fn join(cx: &Cx, name: &str, source: &Region, member: &Member) -> Result<(), Fault> {
        let region = cx.region()?;
        if member.others(source).contains(region) {
            return Ok(()); // An earlier answer was lost.
        }
        if !member.is_active() {
            return Err(Fault::new(UPDATE, Class::Contention, format!("{name} in {source} is {}", member.word())));
        }
        let bug = |error: aws_sdk_dynamodb::error::BuildError| Fault::bug(error.to_string());
        let add = CreateReplicationGroupMemberAction::builder().region_name(region.as_str()).build().map_err(bug)?;
        let ask = cx.fleet.region(source).dynamodb.update_table().table_name(name);
        let ask = ask.replica_updates(ReplicationGroupUpdate::builder().create(add).build());
        ask.send().await.map_err(fault(UPDATE)).map(drop)
    }

    async fn make(cx: &Cx, want: &Want<Spec>) -> Result<(), Fault> {
        let (region, spec) = (cx.region()?, &want.spec);
        let bug = |error: aws_sdk_dynamodb::error::BuildError| Fault::bug(error.to_string());
        let mut ask = cx.fleet.region(region).dynamodb.create_table().table_name(&spec.name).billing_mode(BillingMode::PayPerRequest);
        for (key, role) in [(Some(&spec.partition_key), KeyType::Hash), (spec.sort_key.as_ref(), KeyType::Range)] {
            let Some(key) = key else { continue };
            let scalar = TYPES.iter().find(|(_, word, _)| *word == key.attribute_type).map(|(.., scalar)| scalar.clone());
            let scalar = scalar.ok_or_else(|| Fault::bug(format!("`{}` is no attribute type", key.attribute_type)))?;
            let attribute = AttributeDefinition::builder().attribute_name(&key.name).attribute_type(scalar);
            ask = ask.attribute_definitions(attribute.build().map_err(bug)?);
            ask = ask.key_schema(KeySchemaElement::builder().attribute_name(&key.name).key_type(role).build().map_err(bug)?);
        }
        if matches!(spec.stream, Unmanaged::Managed(true)) {
            ask = ask.stream_specification(stream(true)?);
        }
        let ask = ask.deletion_protection_enabled(spec.deletion_protection);
        let ask = ask.set_tags(Some(dynamodb_tags(cx.owner.to_send(&want.addr, &spec.tags))?));
        let refused = match ask.send().await.map_err(fault(CREATE)) {
            Ok(_) => return Ok(()),
            Err(refused) if refused.class == Class::Exists => refused,
            Err(refused) => return Err(refused),
        };
        // The name is taken: by us, when an earlier answer was lost.
        let Some(member) = tables::member(&cx.afresh(), region, &spec.name).await? else { return Err(refused) };
        match maybe(tables::marks(&cx.afresh(), region, &member).await)? {
            Some(marks) if marks.stack.as_deref() == Some(&*cx.owner.stack) => Ok(()),
            Some(_) => Err(refused),
            None => Err(Fault { class: Class::Contention, ..refused }),
        }
    }

    /// The changes that UpdateTable makes, one a call and only when the table is ACTIVE (field guide 3.1 item 9). What differs
    /// is read afresh, because re-sending a value that is set already is refused or keeps the table busy for nothing.
    async fn update_table(cx: &Cx, name: &str, want: &Spec) -> Result<(), Fault> {
        let (cx, region) = (&cx.afresh(), cx.region()?);
        let Some(now) = tables::member(cx, region, name).await? else {
            return Err(Fault::new(UPDATE, Class::NotFound, format!("{name} is not in {region}")));
        };
        let ask = || cx.fleet.region(region).dynamodb.update_table().table_name(name);
        let on_demand = now.table.billing_mode_summary().and_then(|billing| billing.billing_mode()) == Some(&BillingMode::PayPerRequest);
        let mut calls = Vec::new();
        if want.billing == Billing::OnDemand && !on_demand {
            calls.push(ask().billing_mode(BillingMode::PayPerRequest));
        }
        if let Unmanaged::Managed(on) = want.stream
            && on != now.streams()
        {
            calls.push(ask().stream_specification(stream(on)?));
        }
        if want.deletion_protection != now.protected() {
            calls.push(ask().deletion_protection_enabled(want.deletion_protection));
        }
        let more = calls.len() > 1;
        let Some(first) = calls.into_iter().next() else { return Ok(()) };
        let busy = |message: String| Err(Fault::new(UPDATE, Class::Contention, message));
        if !now.is_active() {
            return busy(format!("{name} is {}", now.word()));
        }
        first.send().await.map_err(fault(UPDATE))?;
        if more { busy(format!("{name} takes one change at a time")) } else { Ok(()) }
    }

    /// When DynamoDB's 24-hour rule lets a source go: it holds until a day after the youngest member it may have sourced.
    async fn free_at(cx: &Cx, found: &Found<Spec>) -> Option<Timestamp> {
        let mut youngest = None;
        let Unmanaged::Managed(others) = &found.spec.members else { return None };
        for region in others.keys() {
            let member = tables::reachable(&cx.afresh(), region, &found.spec.name).await;
            youngest = youngest.max(member.and_then(|member| member.born));
        }
        youngest?.checked_add(24.hours()).ok()
    }
}

fn stream(on: bool) -> Result<StreamSpecification, Fault> {
    let stream = StreamSpecification::builder().stream_enabled(on);
    let stream = if on { stream.stream_view_type(StreamViewType::NewAndOldImages) } else { stream };
    stream.build().map_err(|error| Fault::bug(error.to_string()))
}

impl Kind for Table {
    type Spec = Spec;
    // Settings that a create cannot carry follow in an update, so that every create is one call.
    const UNFINISHED: bool = true;
    const NAME: &'static str = "dynamodb.table";
    const FIXED: &'static [&'static str] = &["name", "partition_key", "sort_key"];
    /// A replica of a table with items takes about ten minutes, of a large one hours; Terraform waits 30 minutes for a replica
    /// and 60 for an update (field guide 3.1 item 4, 3.2 item 4).
    /// Its entry is there after six seconds or never (field guide 3.2 item 4).
    const PATIENCE: Patience = Patience::of(10, 60, 30).appearing_within(60);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (
            Verb::Observe,
            &["dynamodb:DescribeTable", "dynamodb:ListTagsOfResource", "dynamodb:DescribeContinuousBackups", "tag:GetResources"],
        ),
        (
            Verb::Create,
            &[
                "dynamodb:CreateTable",
                "dynamodb:TagResource",
                // Adding a replica needs these in both regions (DynamoDB developer guide, "Global tables security").
                "dynamodb:UpdateTable",
                "dynamodb:CreateTableReplica",
                "dynamodb:Scan",
                "dynamodb:Query",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
                "dynamodb:DeleteItem",
                "dynamodb:BatchWriteItem",
                "iam:CreateServiceLinkedRole",
            ],
        ),
        (Verb::Update, &["dynamodb:UpdateTable", "dynamodb:UpdateContinuousBackups", "dynamodb:TagResource", "dynamodb:UntagResource"]),
        (Verb::Delete, &["dynamodb:DeleteTable", "dynamodb:DeleteTableReplica"]),
    ];
    const DATA: bool = true;
    const GUARDED: &'static [&'static str] = &["point_in_time_recovery", "deletion_protection"];
    const PROTECTION: Option<&'static str> = Some("deletion_protection");

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let members = |(key, table): (&'_ String, &'_ Wanted)| {
            table.members.iter().map(|(region, member)| Self::want(model, key, table, region, member)).collect::<Vec<_>>()
        };
        model.tables.iter().flat_map(members).collect()
    }

    /// By the file's exact names, also in regions the file does not give the table: the index that would tell lags.
    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let tagged = tagged(cx, cx.region()?).await?;
        let hinted = tagged.iter().filter_map(|line| line.arn.split_once(":table/")).map(|(_, name)| name.to_owned());
        // `table/NAME/stream/…` and `table/NAME/index/…` belong to the table.
        let names: BTreeSet<String> =
            cx.model.tables.values().map(|table| table.name.clone()).chain(hinted.filter(|name| !name.contains('/'))).collect();
        let looks = iter(names.into_iter().map(|name| async move { Self::look(cx, &name).await }));
        let found: Vec<_> = looks.buffered(SIDE_BY_SIDE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Tags of a replica and point-in-time recovery are set by the update that follows.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let (name, here) = (&want.spec.name, cx.region()?);
        match tables::oldest(&cx.afresh(), name, here).await? {
            Some((source, member)) => Self::join(cx, name, &source, &member).await?,
            None => Self::make(cx, want).await?,
        }
        Ok(name.clone())
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        let client = cx.fleet.region(cx.region()?).dynamodb;
        let Some(arn) = found.outputs.get("arn") else { return Err(Fault::bug(format!("{} has no ARN", found.addr))) };
        let (set, remove) = cx.owner.to_change(&found.addr, &found.spec.tags, &want.spec.tags);
        if !remove.is_empty() {
            let ask = client.untag_resource().resource_arn(arn).set_tag_keys(Some(remove));
            ask.send().await.map_err(fault("dynamodb:UntagResource"))?;
        }
        if !set.is_empty() {
            // The whole set in one call: the table's tags are locked for a moment after each (field guide 3.1 items 8 and 9).
            let all = dynamodb_tags(cx.owner.to_send(&found.addr, &want.spec.tags))?;
            let ask = client.tag_resource().resource_arn(arn).set_tags(Some(all));
            ask.send().await.map_err(fault("dynamodb:TagResource"))?;
        }
        if found.spec.point_in_time_recovery != want.spec.point_in_time_recovery {
            tables::set_recoverable(cx, &found.id, want.spec.point_in_time_recovery).await?;
        }
        Self::update_table(cx, &found.id, &want.spec).await
    }

    /// In its own region, which removes a replica as well as a table (field guide 3.2 item 6).
    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let region = cx.region()?;
        let ask = cx.fleet.region(region).dynamodb.delete_table().table_name(&found.id);
        match maybe(ask.send().await.map_err(fault("dynamodb:DeleteTable"))) {
            Ok(_) => Ok(()),
            Err(refused) if refused.class == Class::Blocked(None) => {
                Err(Fault { class: Class::Blocked(Self::free_at(cx, found).await), ..refused })
            }
            Err(refused) if refused.class == Class::Contention => {
                // A second call while it is being deleted is refused too.
                let now = tables::member(&cx.afresh(), region, &found.id).await?;
                if now.is_none_or(|now| now.word() == "DELETING") { Ok(()) } else { Err(refused) }
            }
            Err(refused) => Err(refused),
        }
    }

    /// A replica is there when its region says ACTIVE *and* the other members say so, and gone when neither has it: the region
    /// alone says ACTIVE too early, and nothing for the first ten seconds (field guide 3.2 items 4 and 6).
    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let (cx, here) = (&cx.afresh(), cx.region()?);
        let Some(member) = tables::member(cx, here, id).await? else {
            return Ok(tables::status_unseen(cx, id, here).await);
        };
        Ok(match member.life() {
            Life::Broken(word) => Status::Failed(word),
            Life::Ready if member.is_active() => match tables::seen_from(cx, &member.others(here), id, here).await {
                Some(status) if status != ReplicaStatus::Active => Status::Settling(format!("replica {}", status.as_str())),
                _ => Status::Ready(Outputs::of::<TableArn>(&member.arn).with::<TableName>(id)),
            },
            _ => Status::Settling(member.word().to_owned()),
        })
    }

    fn lane(&self, _: &Addr, spec: &Spec) -> Option<String> {
        Some(format!("table/{}", spec.name))
    }

    fn also_in(&self, found: &Found<Spec>) -> Vec<Region> {
        match &found.spec.members {
            Unmanaged::Managed(others) if found.ours => others.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// Members of our tables that neither the file names nor our mark covers: somebody else's, made by hand or by another tool.
    fn posture(&self, model: &Model, found: &[Found<Spec>]) -> Vec<Posture> {
        let in_file =
            |name: &str, region: &Region| model.tables.values().any(|table| table.name == name && table.members.contains_key(region));
        let was_found = |name: &str, region: &Region| found.iter().any(|other| other.id == name && other.addr.region() == Some(region));
        let mut foreign = BTreeMap::new();
        for member in found.iter().filter(|found| found.ours) {
            let Unmanaged::Managed(others) = &member.spec.members else { continue };
            for (region, word) in others {
                if !in_file(&member.id, region) && !was_found(&member.id, region) {
                    foreign.entry(Addr::regional(region, Self::NAME, &member.addr.name)).or_insert_with(|| word.clone());
                }
            }
        }
        let message = "a replica of our table that the file does not name and that does not carry this stack's mark; it is left alone";
        foreign.into_iter().map(|(addr, word)| Posture::new("member", addr, Doc::Null, Doc::from(word), message)).collect()
    }
}
