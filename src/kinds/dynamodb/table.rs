//! DynamoDB tables: each region's member of a global table is a resource of its own, seen from its own region.
//!
//! There is no call that makes a global table: the first member is a table, every other one is added by UpdateTable at a
//! member that is there (field guide 3.2). Tags, point-in-time recovery and deletion protection never follow to a replica
//! (DynamoDB developer guide, "How global tables work"), so they are set in each region, by the update after the create.
use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{KeyType, ReplicaStatus};
use futures::stream::{StreamExt, TryStreamExt, iter};
use jiff::{Timestamp, ToSpan};

use crate::{
    aws::{
        errors::{fault, maybe},
        tables::{self, Billing, Encryption, Index, Key, NEW_AND_OLD_IMAGES, NO_STREAM, Owned, Spec, Strong},
        tags::dynamodb_tags,
    },
    outputs,
    resource::{
        Addr, Change, Class, Cx, Doc, Facts, Fault, Found, Kind, Life, Outputs, Owner, Patience, Posture, Region, Status, Unmanaged, Verb,
        Want,
    },
    topology::{self, Model, Stream, Table as Wanted, TableMember},
};

outputs! { "dynamodb.table":
    /// The ARN of the member in its region.
    TableArn = "arn",
    /// The table's name, the same in every region.
    TableName = "name",
}

/// `dynamodb.table`.
pub struct Table;

/// Reads of single tables in flight: DescribeTable allows 2,500 a second, ListTagsOfResource far fewer.
const SIDE_BY_SIDE: usize = 16;

impl Table {
    fn want(model: &Model, key_in_file: &str, table: &Wanted, region: &Region, member: &TableMember) -> Want<Spec> {
        let spec = Spec {
            name: table.name.clone(),
            partition_key: Key::wanted(&table.partition_key),
            sort_key: table.sort_key.as_ref().map(Key::wanted),
            indexes: Self::indexes(table, false),
            local_indexes: Self::indexes(table, true),
            strong: Strong::wanted(table),
            billing: match member.billing {
                topology::Billing::OnDemand => Billing::OnDemand,
                topology::Billing::Provisioned(_) => Billing::Provisioned,
            },
            capacity: tables::capacity_wanted(table, member),
            units: Unmanaged::Any,
            stream: match table.stream {
                Stream::NewAndOldImages => Unmanaged::Managed(NEW_AND_OLD_IMAGES.to_owned()),
                Stream::None => Unmanaged::Managed(NO_STREAM.to_owned()),
                Stream::Unsaid => Unmanaged::Any,
            },
            ttl_attribute: table.ttl_attribute.clone(),
            table_class: tables::class_wanted(table.table_class),
            encryption: Encryption::wanted(&member.encryption),
            point_in_time_recovery: member.point_in_time_recovery,
            deletion_protection: member.deletion_protection,
            members: Unmanaged::Any,
            tags: Owner { stack: model.stack.clone(), tags: model.tags.clone() }.wanted(&table.name),
        };
        Want::new(Addr::regional(region, Self::NAME, key_in_file), spec)
    }

    fn indexes(table: &Wanted, local: bool) -> BTreeMap<String, Index> {
        let of_kind = table.indexes.iter().filter(|(_, index)| index.local == local);
        of_kind.map(|(name, index)| (name.clone(), Index::wanted(index))).collect()
    }

    /// One table of that name in this region, when it is ours or stands where ours should.
    async fn look(cx: &Cx, name: &str) -> Result<Option<Found<Spec>>, Fault> {
        let region = cx.region()?;
        let Some(Owned { addr, ours, tags, member }) = tables::owned(cx, name).await? else { return Ok(None) };
        let named_here = cx.model.tables.values().find(|table| table.name == name);
        let named_here = named_here.and_then(|table| Some((table, table.members.get(region)?)));
        let keys = member.table.key_schema();
        let Some(partition_key) = Key::found(&member, keys, &KeyType::Hash) else {
            return Err(Fault::bug(format!("{name} has no partition key")));
        };
        let wanted = named_here.map(|(_, member)| Encryption::wanted(&member.encryption));
        let strong = named_here.and_then(|(table, _)| Strong::wanted(table));
        let spec = Spec {
            name: name.to_owned(),
            partition_key,
            sort_key: Key::found(&member, keys, &KeyType::Range),
            indexes: tables::global_found(&member),
            local_indexes: tables::local_found(&member),
            strong: Strong::found(&member, region, strong.as_ref()),
            billing: Billing::found(&member),
            capacity: tables::capacity_found(&member, named_here),
            units: Unmanaged::Managed(tables::units(&member)),
            stream: Unmanaged::Managed(tables::stream_found(&member)),
            ttl_attribute: tables::expires_by(cx, region, name).await?,
            table_class: tables::class_found(&member),
            encryption: Encryption::found(&member, wanted.as_ref()),
            point_in_time_recovery: tables::recoverable(cx, region, name).await?,
            deletion_protection: member.protected(),
            members: Unmanaged::Managed(member.other_states(region)),
            tags,
        };
        let outputs = Outputs::of::<TableArn>(&member.arn).with::<TableName>(name);
        Ok(Some(Found { addr, id: name.to_owned(), spec, outputs, life: member.life(), ours, born: member.born }))
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

/// Capacity between its limits is AWS's to choose; more than the least is worth knowing.
fn scaled(model: &Model, found: &Found<Spec>) -> Option<Posture> {
    let table = model.tables.values().find(|table| table.name == found.id && found.ours)?;
    let Unmanaged::Managed(units) = &found.spec.units else { return None };
    let [least, now] = tables::scaled_up(table, table.members.get(found.addr.region()?)?, units)?;
    let message = "AWS has scaled the capacity between its limits; it is left as it is";
    Some(Posture::new("capacity", found.addr.clone(), serde_json::json!(least), serde_json::json!(now), message))
}

impl Kind for Table {
    type Spec = Spec;
    // Settings that a create cannot carry follow in an update, so that every create is one call.
    const UNFINISHED: bool = true;
    const NAME: &'static str = "dynamodb.table";
    const FIXED: &'static [&'static str] = &["name", "partition_key", "sort_key", "local_indexes", "strong"];
    /// A replica of a table with items takes about ten minutes, of a large one hours; Terraform waits 30 minutes for a replica
    /// and 60 for an update (field guide 3.1 item 4, 3.2 item 4).
    /// Its entry is there after six seconds or never (field guide 3.2 item 4).
    const PATIENCE: Patience = Patience::of(10, 60, 30).appearing_within(60);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (
            Verb::Observe,
            &[
                "dynamodb:DescribeTable",
                "dynamodb:ListTagsOfResource",
                "dynamodb:DescribeContinuousBackups",
                "dynamodb:DescribeTimeToLive",
                "tag:GetResources",
            ],
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
        (
            Verb::Update,
            &[
                "dynamodb:UpdateTable",
                "dynamodb:UpdateContinuousBackups",
                "dynamodb:UpdateTimeToLive",
                "dynamodb:TagResource",
                "dynamodb:UntagResource",
            ],
        ),
        (Verb::Delete, &["dynamodb:DeleteTable", "dynamodb:DeleteTableReplica"]),
    ];
    const DATA: bool = true;
    const GUARDED: &'static [&'static str] = &["point_in_time_recovery", "deletion_protection", "indexes"];
    const PROTECTION: Option<&'static str> = Some("deletion_protection");

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let members = |(key, table): (&'_ String, &'_ Wanted)| {
            let members = table.members.iter();
            members
                .map(|(region, member)| {
                    Self::want(model, key, table, region, member).after(tables::scaled_first(key, table, region, facts))
                })
                .collect::<Vec<_>>()
        };
        model.tables.iter().flat_map(members).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let names = tables::names(cx).await?;
        let looks = iter(names.into_iter().map(|name| async move { Self::look(cx, &name).await }));
        let found: Vec<_> = looks.buffered(SIDE_BY_SIDE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Tags of a replica and point-in-time recovery are set by the update that follows.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let (name, here) = (&want.spec.name, cx.region()?);
        match tables::oldest(&cx.afresh(), name, here, want.spec.billing == Billing::Provisioned).await? {
            Some((source, member)) => tables::join(cx, &want.spec, &source, &member).await?,
            None => tables::make(cx, want).await?,
        }
        Ok(name.clone())
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        let client = cx.fleet.region(cx.region()?).dynamodb;
        let Some(arn) = found.outputs.get("arn") else { return Err(Fault::bug(format!("{} has no ARN", found.addr))) };
        let is_lifted = found.spec.deletion_protection && !want.spec.deletion_protection && cx.removing.contains(&found.addr);
        if is_lifted && found.spec.strong.is_some() {
            // Before its protection is given up for a removal that would be refused.
            tables::goes_whole(cx, &found.addr, &found.id, &found.spec.others())?;
        }
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
        if tables::change(cx, &found.id, &want.spec, changes).await? {
            return Ok(()); // One at a time: the engine waits, reads again and comes back.
        }
        tables::expire_by(cx, &found.id, &found.spec.others(), want.spec.ttl_attribute.as_deref()).await
    }

    /// In its own region, which removes a replica as well as a table (field guide 3.2 item 6).
    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let region = cx.region()?;
        if found.spec.strong.is_some() && tables::end(cx, &found.addr, &found.id).await? {
            return Ok(());
        }
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
                _ if let Some(now) = tables::witness_under_way(&member) => Status::Settling(now),
                _ if let Some(now) = tables::index_elsewhere(cx, &member.others(here), id).await => Status::Settling(now),
                _ => Status::Ready(Outputs::of::<TableArn>(&member.arn).with::<TableName>(id)),
            },
            Life::Making(word) => Status::Settling(word),
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

    /// Members of our tables that neither the file names nor our mark covers: somebody else's, made by hand or by another tool;
    /// and capacity that AWS has scaled.
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
        let members = foreign.into_iter().map(|(addr, word)| Posture::new("member", addr, Doc::Null, Doc::from(word), message));
        members.chain(found.iter().filter_map(|found| scaled(model, found))).collect()
    }
}
