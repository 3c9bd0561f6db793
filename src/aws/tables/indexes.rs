//! Secondary indexes, in the words of the topology and in DynamoDB's.
use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{
    CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndex, GlobalSecondaryIndexUpdate, IndexStatus,
    KeySchemaElement, KeyType, LocalSecondaryIndex, Projection as Projected, ProjectionType, ProvisionedThroughput,
};
use serde::{Deserialize, Serialize};

use super::{
    Key, Member,
    spec::{bug, schema},
};
use crate::{
    resource::{Fault, Unordered},
    topology::{self, TableIndex},
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    pub partition_key: Key,
    pub sort_key: Option<Key>,
    pub projection: Projection,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    All,
    KeysOnly,
    Attributes(Unordered<String>),
}

impl PartialEq for Projection {
    /// DynamoDB shows the attributes in an order of its own.
    fn eq(&self, other: &Self) -> bool {
        let sorted = |list: &Unordered<String>| {
            let mut list = list.0.clone();
            list.sort();
            list
        };
        match (self, other) {
            (Self::All, Self::All) | (Self::KeysOnly, Self::KeysOnly) => true,
            (Self::Attributes(a), Self::Attributes(b)) => sorted(a) == sorted(b),
            _ => false,
        }
    }
}

impl Projection {
    fn found(projection: Option<&Projected>) -> Self {
        match projection.and_then(|projection| projection.projection_type()) {
            Some(ProjectionType::KeysOnly) => Self::KeysOnly,
            Some(ProjectionType::Include) => {
                Self::Attributes(Unordered(projection.map(|projection| projection.non_key_attributes().to_vec()).unwrap_or_default()))
            }
            _ => Self::All,
        }
    }

    fn to_send(&self) -> Projected {
        let (kind, attributes) = match self {
            Self::All => (ProjectionType::All, None),
            Self::KeysOnly => (ProjectionType::KeysOnly, None),
            Self::Attributes(list) => (ProjectionType::Include, Some(list.0.clone())),
        };
        Projected::builder().projection_type(kind).set_non_key_attributes(attributes).build()
    }
}

impl Index {
    #[must_use]
    pub fn wanted(index: &TableIndex) -> Self {
        let projection = match &index.projection {
            topology::Projection::All => Projection::All,
            topology::Projection::KeysOnly => Projection::KeysOnly,
            topology::Projection::Attributes(list) => Projection::Attributes(Unordered(list.clone())),
        };
        Self { partition_key: Key::wanted(&index.partition_key), sort_key: index.sort_key.as_ref().map(Key::wanted), projection }
    }

    fn found(member: &Member, keys: &[KeySchemaElement], projection: Option<&Projected>) -> Option<Self> {
        let partition_key = Key::found(member, keys, &KeyType::Hash)?;
        Some(Self { partition_key, sort_key: Key::found(member, keys, &KeyType::Range), projection: Projection::found(projection) })
    }

    /// The attributes of its keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        [Some(&self.partition_key), self.sort_key.as_ref()].into_iter().flatten()
    }

    /// `throughput`: of an index of a provisioned table, and of no other (field guide 3.1 item 3).
    pub(super) fn global(&self, name: &str, throughput: Option<ProvisionedThroughput>) -> Result<GlobalSecondaryIndex, Fault> {
        let index = GlobalSecondaryIndex::builder().index_name(name).projection(self.projection.to_send());
        let index = index.set_provisioned_throughput(throughput);
        index.set_key_schema(Some(schema(&self.partition_key, self.sort_key.as_ref())?)).build().map_err(bug)
    }

    pub(super) fn local(&self, name: &str) -> Result<LocalSecondaryIndex, Fault> {
        let index = LocalSecondaryIndex::builder().index_name(name).projection(self.projection.to_send());
        index.set_key_schema(Some(schema(&self.partition_key, self.sort_key.as_ref())?)).build().map_err(bug)
    }

    /// `throughput`: as above.
    pub(super) fn creation(&self, name: &str, throughput: Option<ProvisionedThroughput>) -> Result<GlobalSecondaryIndexUpdate, Fault> {
        let index = CreateGlobalSecondaryIndexAction::builder().index_name(name).projection(self.projection.to_send());
        let index = index.set_provisioned_throughput(throughput);
        let index = index.set_key_schema(Some(schema(&self.partition_key, self.sort_key.as_ref())?)).build().map_err(bug)?;
        Ok(GlobalSecondaryIndexUpdate::builder().create(index).build())
    }
}

pub(super) fn deletion(name: &str) -> Result<GlobalSecondaryIndexUpdate, Fault> {
    let index = DeleteGlobalSecondaryIndexAction::builder().index_name(name).build().map_err(bug)?;
    Ok(GlobalSecondaryIndexUpdate::builder().delete(index).build())
}

/// The global indexes of a member. One that is being removed is gone already: it will not come back.
#[must_use]
pub fn global_found(member: &Member) -> BTreeMap<String, Index> {
    let there = member.table.global_secondary_indexes().iter().filter(|index| index.index_status() != Some(&IndexStatus::Deleting));
    there
        .filter_map(|index| Some((index.index_name()?.to_owned(), Index::found(member, index.key_schema(), index.projection())?)))
        .collect()
}

/// The local indexes of a member.
#[must_use]
pub fn local_found(member: &Member) -> BTreeMap<String, Index> {
    let there = member.table.local_secondary_indexes().iter();
    there
        .filter_map(|index| Some((index.index_name()?.to_owned(), Index::found(member, index.key_schema(), index.projection())?)))
        .collect()
}

/// An index that is being made, changed or removed, with DynamoDB's word for it: `index by-customer CREATING`.
#[must_use]
pub fn index_under_way(member: &Member) -> Option<String> {
    member.table.global_secondary_indexes().iter().find_map(|index| {
        let status = index.index_status().filter(|status| **status != IndexStatus::Active)?;
        Some(format!("index {} {}", index.index_name().unwrap_or_default(), status.as_str()))
    })
}
