//! A member of a table in the words of the topology, and the same in DynamoDB's.
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, SseSpecification, SseStatus, SseType,
        StreamSpecification, StreamViewType, TableClass,
    },
};
use serde::{Deserialize, Serialize};

use super::{Index, Member, Strong};
use crate::{
    resource::{Fault, Region, Tags, Unmanaged},
    topology::{self, AttributeType, KeyAttribute},
};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    pub partition_key: Key,
    pub sort_key: Option<Key>,
    /// Global secondary indexes by name.
    pub indexes: BTreeMap<String, Index>,
    /// Local secondary indexes by name; they are made with the table and stay as they are.
    pub local_indexes: BTreeMap<String, Index>,
    /// Nothing for a table that is eventually consistent; it cannot become another later.
    pub strong: Option<Strong>,
    pub billing: Billing,
    /// The limits of provisioned capacity; what is found outside of them shows its units instead.
    pub capacity: BTreeMap<String, String>,
    /// The capacity units that there are; how many is AWS's business.
    pub units: Unmanaged<BTreeMap<String, i64>>,
    /// What the stream shows, or `none`. A table without replicas may have any where the topology says nothing.
    pub stream: Unmanaged<String>,
    /// The attribute with the time after which an item is deleted.
    pub ttl_attribute: Option<String>,
    pub table_class: String,
    pub encryption: Encryption,
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    AwsOwned,
    AwsManaged,
    /// The ARN of a key of the account's own.
    Key(String),
}

pub const NEW_AND_OLD_IMAGES: &str = "new_and_old_images";
pub const NO_STREAM: &str = "none";

const TYPES: [(AttributeType, &str, ScalarAttributeType); 3] = [
    (AttributeType::String, "string", ScalarAttributeType::S),
    (AttributeType::Number, "number", ScalarAttributeType::N),
    (AttributeType::Binary, "binary", ScalarAttributeType::B),
];

const CLASSES: [(topology::TableClass, &str, TableClass); 2] = [
    (topology::TableClass::Standard, "standard", TableClass::Standard),
    (topology::TableClass::InfrequentAccess, "infrequent_access", TableClass::StandardInfrequentAccess),
];

pub(super) fn bug(error: BuildError) -> Fault {
    Fault::bug(error.to_string())
}

impl Key {
    /// The key attribute that the topology asks for.
    #[must_use]
    pub fn wanted(key: &KeyAttribute) -> Self {
        let word = TYPES.iter().find(|(known, ..)| *known == key.attribute_type).map_or("", |(_, word, _)| word);
        Self { name: key.name.clone(), attribute_type: word.to_owned() }
    }

    /// The key attribute in a role of a key schema of a member.
    #[must_use]
    pub fn found(member: &Member, schema: &[KeySchemaElement], role: &KeyType) -> Option<Self> {
        let name = schema.iter().find(|element| element.key_type() == role)?.attribute_name();
        let attribute = member.table.attribute_definitions().iter().find(|attribute| attribute.attribute_name() == name)?;
        let word = TYPES.iter().find(|(.., scalar)| scalar == attribute.attribute_type()).map_or("unknown", |(_, word, _)| word);
        Some(Self { name: name.to_owned(), attribute_type: word.to_owned() })
    }

    pub(super) fn definition(&self) -> Result<AttributeDefinition, Fault> {
        let scalar = TYPES.iter().find(|(_, word, _)| *word == self.attribute_type).map(|(.., scalar)| scalar.clone());
        let scalar = scalar.ok_or_else(|| Fault::bug(format!("`{}` is no attribute type", self.attribute_type)))?;
        AttributeDefinition::builder().attribute_name(&self.name).attribute_type(scalar).build().map_err(bug)
    }
}

impl Spec {
    /// The other members as the region that was asked sees them.
    #[must_use]
    pub fn others(&self) -> BTreeSet<Region> {
        match &self.members {
            Unmanaged::Managed(others) => others.keys().cloned().collect(),
            Unmanaged::Any => BTreeSet::new(),
        }
    }

    /// Every attribute that a key uses, and no other: DynamoDB refuses both more and less (field guide 3.1 item 3).
    pub(super) fn definitions(&self) -> Result<Vec<AttributeDefinition>, Fault> {
        let keys = [Some(&self.partition_key), self.sort_key.as_ref()].into_iter().flatten();
        definitions(keys.chain(self.indexes.values().chain(self.local_indexes.values()).flat_map(Index::keys)))
    }
}

/// The definitions of these attributes, each once.
pub(super) fn definitions<'a>(keys: impl Iterator<Item = &'a Key>) -> Result<Vec<AttributeDefinition>, Fault> {
    let by_name: BTreeMap<&str, &Key> = keys.map(|key| (&*key.name, key)).collect();
    by_name.into_values().map(Key::definition).collect()
}

/// A key schema of a partition key and perhaps a sort key.
pub(super) fn schema(partition: &Key, sort: Option<&Key>) -> Result<Vec<KeySchemaElement>, Fault> {
    let keys = [(Some(partition), KeyType::Hash), (sort, KeyType::Range)];
    let keys = keys.into_iter().filter_map(|(key, role)| Some((key?, role)));
    keys.map(|(key, role)| KeySchemaElement::builder().attribute_name(&key.name).key_type(role).build().map_err(bug)).collect()
}

impl Billing {
    /// DynamoDB shows no billing mode for a table that was always provisioned (field guide 1.6).
    #[must_use]
    pub fn found(member: &Member) -> Self {
        let mode = member.table.billing_mode_summary().and_then(|billing| billing.billing_mode());
        if mode == Some(&BillingMode::PayPerRequest) { Self::OnDemand } else { Self::Provisioned }
    }
}

/// The word for the class that the topology asks for.
#[must_use]
pub fn class_wanted(class: topology::TableClass) -> String {
    CLASSES.iter().find(|(known, ..)| *known == class).map_or("", |(_, word, _)| word).to_owned()
}

/// DynamoDB shows no class for a table that was always standard (field guide 1.6).
#[must_use]
pub fn class_found(member: &Member) -> String {
    let class = member.table.table_class_summary().and_then(|summary| summary.table_class());
    let known = CLASSES.iter().find(|(.., known)| Some(known) == class).map(|(_, word, _)| (*word).to_owned());
    known.unwrap_or_else(|| class.map_or("standard", |class| class.as_str()).to_lowercase())
}

pub(super) fn class_of(word: &str) -> Result<TableClass, Fault> {
    let known = CLASSES.iter().find(|(_, known, _)| *known == word).map(|(.., class)| class.clone());
    known.ok_or_else(|| Fault::bug(format!("`{word}` is no table class")))
}

/// What the stream of a member shows, or `none`.
#[must_use]
pub fn stream_found(member: &Member) -> String {
    let view = member.table.stream_specification().filter(|stream| stream.stream_enabled()).and_then(|stream| stream.stream_view_type());
    view.map_or_else(|| NO_STREAM.to_owned(), |view| view.as_str().to_lowercase())
}

pub(super) fn stream_of(word: &str) -> Result<StreamSpecification, Fault> {
    let stream = StreamSpecification::builder().stream_enabled(word != NO_STREAM);
    let stream = if word == NO_STREAM { stream } else { stream.stream_view_type(StreamViewType::from(&*word.to_uppercase())) };
    stream.build().map_err(bug)
}

impl Encryption {
    #[must_use]
    pub fn wanted(encryption: &topology::Encryption) -> Self {
        match encryption {
            topology::Encryption::AwsOwned => Self::AwsOwned,
            topology::Encryption::AwsManaged => Self::AwsManaged,
            topology::Encryption::Key(arn) => Self::Key(arn.clone()),
        }
    }

    /// DynamoDB shows nothing for its own key, and the ARN of any other without saying whose it is (field guide 1.6): a key that
    /// could be AWS's is taken for it where `wanted` asks for that.
    #[must_use]
    pub fn found(member: &Member, wanted: Option<&Self>) -> Self {
        let Some(description) = member.table.sse_description() else { return Self::AwsOwned };
        if matches!(description.status(), Some(SseStatus::Disabled | SseStatus::Disabling)) {
            return Self::AwsOwned;
        }
        let arn = description.kms_master_key_arn().unwrap_or_default();
        // AWS's own keys are never multi-Region keys (KMS developer guide, "Multi-Region keys").
        let may_be_of_aws = arn.is_empty() || arn.ends_with(":alias/aws/dynamodb") || !arn.contains(":key/mrk-");
        let is_of_aws = arn.is_empty() || arn.ends_with(":alias/aws/dynamodb");
        if is_of_aws || may_be_of_aws && wanted == Some(&Self::AwsManaged) { Self::AwsManaged } else { Self::Key(arn.to_owned()) }
    }

    pub(super) fn specification(&self) -> SseSpecification {
        let on = SseSpecification::builder().enabled(true).sse_type(SseType::Kms);
        match self {
            Self::AwsOwned => SseSpecification::builder().enabled(false).build(),
            Self::AwsManaged => on.build(),
            Self::Key(arn) => on.kms_master_key_id(arn).build(),
        }
    }
}
