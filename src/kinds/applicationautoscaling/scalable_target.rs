//! Scalable targets: between which limits AWS scales the capacity of something.
//!
//! A target carries no mark of ours: it belongs to what it scales, and is ours when that is. It stays when what it scales is
//! deleted (field guide 3.1 item 6), so it goes first.
use std::collections::BTreeMap;

use aws_sdk_applicationautoscaling::types::{ScalableTarget as Registered, ServiceNamespace};
use futures::stream::{StreamExt, TryStreamExt, iter};
use serde::{Deserialize, Serialize};

use crate::{
    aws::{
        autoscaling::{TargetId, target, targets},
        errors::{fault, maybe},
        tables::{self, Scaled, Units},
    },
    kinds::dynamodb::table::TableName,
    outputs,
    resource::{Addr, Change, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Ref, Region, Scope, Status, Verb, Want},
    topology::{Model, Scaling},
};

outputs! { "applicationautoscaling.scalable_target":
    /// What AWS knows it by: resource, dimension and service, see [`TargetId`].
    ScalableTargetId = "id",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// The service, in Application Auto Scaling's word: `dynamodb`.
    pub namespace: String,
    pub resource: Resource,
    /// What of it is scaled: `dynamodb:table:WriteCapacityUnits`.
    pub dimension: String,
    pub min: i32,
    pub max: i32,
}

/// What is scaled.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// A table, or a global index of it.
    Table { name: Ref<TableName>, index: Option<String> },
}

impl Resource {
    /// In Application Auto Scaling's words: `table/shop-Orders/index/by-customer`.
    fn id(&self) -> Result<String, Fault> {
        let Self::Table { name, index } = self;
        let table = format!("table/{}", name.get()?);
        Ok(index.as_ref().map_or(table.clone(), |index| format!("{table}/index/{index}")))
    }
}

impl Spec {
    fn id(&self) -> Result<TargetId, Fault> {
        Ok(TargetId { resource: self.resource.id()?, dimension: self.dimension.clone(), namespace: self.namespace.clone() })
    }
}

/// `applicationautoscaling.scalable_target`.
pub struct ScalableTarget;

const DYNAMODB: &str = "dynamodb";
const REGISTER: &str = "application-autoscaling:RegisterScalableTarget";
/// Reads of single tables in flight.
const SIDE_BY_SIDE: usize = 16;

/// One thing that the topology wants to be scaled.
pub(super) struct Wanted {
    pub region: Region,
    /// What its target and its policy are called.
    pub name: String,
    pub resource: Resource,
    pub namespace: &'static str,
    pub dimension: String,
    pub scaling: Scaling,
    /// The metric that is kept at `scaling.target`.
    pub metric: String,
    /// What the name of the policy ends in.
    pub policy: &'static str,
}

/// Everything that the topology wants to be scaled.
pub(super) fn wanted(model: &Model) -> Vec<Wanted> {
    let members =
        model.tables.iter().flat_map(|(key, table)| table.members.iter().map(move |(region, member)| (key, table, region, member)));
    let of_member = members.flat_map(|(key, table, region, member)| {
        let want = move |(scaled, scaling): (Scaled<'_>, Scaling)| Wanted {
            region: region.clone(),
            name: scaled.name(key),
            resource: Resource::Table { name: Ref::to(&Scope::from(region), key), index: scaled.index.map(str::to_owned) },
            namespace: DYNAMODB,
            dimension: dimension(&scaled),
            scaling,
            metric: metric(scaled.what),
            policy: scaled.what.word(),
        };
        tables::scaled(table, member).into_iter().map(want)
    });
    of_member.collect()
}

fn dimension(scaled: &Scaled<'_>) -> String {
    let of = if scaled.index.is_some() { "index" } else { "table" };
    format!("dynamodb:{of}:{}CapacityUnits", scaled.what.in_aws())
}

fn metric(what: Units) -> String {
    format!("DynamoDB{}CapacityUtilization", what.in_aws())
}

/// Something of ours that a target may scale.
pub(super) struct Ours {
    /// What target and policy are called.
    pub name: String,
    pub resource: Resource,
    /// The metric of a policy that we would make for it.
    pub metric: String,
    pub policy: &'static str,
}

/// The tables of ours here, by name, with the key of each in the file. One that the file has here and that is not there counts:
/// nobody else can have registered anything for it since it went.
async fn tables_of_ours(cx: &Cx) -> Result<BTreeMap<String, String>, Fault> {
    let region = cx.region()?;
    let look = |name: String| async move {
        if let Some(owned) = tables::owned(cx, &name).await? {
            // Whose a table is that is leaving without its tags, nobody can tell.
            let is_ours = owned.ours && (owned.tags.marked || owned.member.word() != "DELETING");
            return Ok(is_ours.then(|| (name, owned.addr.name.to_string())));
        }
        let is_there = tables::member(cx, region, &name).await?.is_some();
        let here = cx.model.tables.iter().find(|(_, table)| table.name == name && table.members.contains_key(region));
        Ok::<_, Fault>(here.filter(|_| !is_there).map(|(key, _)| (name, key.clone())))
    };
    let looks: Vec<_> = iter(tables::names(cx).await?.into_iter().map(look)).buffered(SIDE_BY_SIDE).try_collect().await?;
    Ok(looks.into_iter().flatten().collect())
}

/// What everything of ours is called that can be scaled here, asked once an observation.
pub(super) async fn ours(cx: &Cx) -> Result<impl Fn(&TargetId) -> Option<Ours>, Fault> {
    let tables = cx.memo.once(format!("scalable tables/{}", cx.region()?), || tables_of_ours(cx)).await?;
    let scope = cx.scope.clone();
    Ok(move |id: &TargetId| {
        let (resource, what) = (id.resource.strip_prefix("table/")?, id.dimension.strip_prefix("dynamodb:")?);
        let (name, index) = resource.split_once("/index/").map_or((resource, None), |(name, index)| (name, Some(index)));
        let what = Units::BOTH.into_iter().find(|units| what.ends_with(&format!(":{}CapacityUnits", units.in_aws())))?;
        let scaled = Scaled { index, what };
        Some(Ours {
            name: scaled.name(tables.get(name)?),
            resource: Resource::Table { name: Ref::is(&scope, name), index: index.map(str::to_owned) },
            metric: metric(what),
            policy: what.word(),
        })
    })
}

/// The services of which something of ours is scaled here.
pub(super) async fn namespaces(cx: &Cx) -> Result<Vec<&'static str>, Fault> {
    // What nobody has is not asked for.
    let tables = cx.memo.once(format!("scalable tables/{}", cx.region()?), || tables_of_ours(cx)).await?;
    Ok(if tables.is_empty() { Vec::new() } else { vec![DYNAMODB] })
}

async fn register(cx: &Cx, spec: &Spec) -> Result<TargetId, Fault> {
    let id = spec.id()?;
    let ask = cx.fleet.region(cx.region()?).autoscaling.register_scalable_target().resource_id(&id.resource);
    let ask = ask.service_namespace(ServiceNamespace::from(&*id.namespace)).scalable_dimension((&*id.dimension).into());
    ask.min_capacity(spec.min).max_capacity(spec.max).send().await.map_err(fault(REGISTER))?;
    Ok(id)
}

impl Kind for ScalableTarget {
    type Spec = Spec;
    const NAME: &'static str = "applicationautoscaling.scalable_target";
    const FIXED: &'static [&'static str] = &["namespace", "resource", "dimension"];
    /// It is there when the call returns. What it scales may not be known to Application Auto Scaling at once; Terraform tries
    /// for two minutes (field guide 7.4 item 3).
    const PATIENCE: Patience = Patience::of(2, 3, 3);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (
            Verb::Observe,
            &[
                "application-autoscaling:DescribeScalableTargets",
                "dynamodb:DescribeTable",
                "dynamodb:ListTagsOfResource",
                "tag:GetResources",
            ],
        ),
        (
            Verb::Create,
            // AWS makes AWSServiceRoleForApplicationAutoScaling_DynamoDBTable at the first one (field guide 3.4).
            &["application-autoscaling:RegisterScalableTarget", "iam:CreateServiceLinkedRole"],
        ),
        (Verb::Update, &["application-autoscaling:RegisterScalableTarget"]),
        (Verb::Delete, &["application-autoscaling:DeregisterScalableTarget"]),
    ];

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let want = |Wanted { region, name, resource, namespace, dimension, scaling, .. }: Wanted| {
            let spec = Spec { namespace: namespace.to_owned(), resource, dimension, min: scaling.min, max: scaling.max };
            Want::new(Addr::regional(&region, Self::NAME, &name), spec)
        };
        wanted(model).into_iter().map(want).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let (region, ours) = (cx.region()?, ours(cx).await?);
        let found = |target: &Registered| {
            let id = TargetId::of_target(target);
            let Ours { name, resource, .. } = ours(&id)?;
            let spec = Spec {
                namespace: id.namespace.clone(),
                resource,
                dimension: id.dimension.clone(),
                min: target.min_capacity(),
                max: target.max_capacity(),
            };
            Some(Found {
                addr: Addr::regional(region, Self::NAME, &name),
                id: id.to_string(),
                spec,
                outputs: Outputs::of::<ScalableTargetId>(id.to_string()),
                life: Life::Ready,
                ours: true,
                born: None,
            })
        };
        let mut all = Vec::new();
        for namespace in namespaces(cx).await? {
            all.extend(targets(cx, namespace).await?.iter().filter_map(found));
        }
        Ok(all)
    }

    /// Registering what is registered sets its limits: where AWS has copied a target to a new replica, it becomes as wanted.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        register(cx, &want.spec).await.map(|id| id.to_string())
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        if (found.spec.min, found.spec.max) != (want.spec.min, want.spec.max) {
            register(cx, &want.spec).await?;
        }
        Ok(())
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let id = TargetId::read(&found.id)?;
        let ask = cx.fleet.region(cx.region()?).autoscaling.deregister_scalable_target().resource_id(&id.resource);
        let ask = ask.service_namespace(ServiceNamespace::from(&*id.namespace)).scalable_dimension((&*id.dimension).into());
        maybe(ask.send().await.map_err(fault("application-autoscaling:DeregisterScalableTarget"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let seen = target(cx, &TargetId::read(id)?).await?;
        Ok(if seen.is_some() { Status::Ready(Outputs::of::<ScalableTargetId>(id)) } else { Status::Gone })
    }
}
