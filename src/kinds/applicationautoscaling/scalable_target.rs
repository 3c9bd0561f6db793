//! Scalable targets: between which limits AWS scales the capacity of something.
//!
//! A target carries no mark of ours: it belongs to what it scales, and is ours when that is. It stays when what it scales is
//! deleted (field guide 3.1 item 6), and brings back the tasks of a service that is to go (7.3 item 6), so it goes first; but not
//! while clients still come.
use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_applicationautoscaling::types::{ScalableTarget as Registered, ServiceNamespace};
use futures::stream::{StreamExt, TryStreamExt, iter};
use serde::{Deserialize, Serialize};

use crate::{
    aws::{
        autoscaling::{TargetId, target, targets},
        containers::{self, cluster_of, marks, name_of},
        errors::{fault, maybe},
        tables::{self, Scaled, Units},
        tags::addr_of,
    },
    kinds::{
        dynamodb::table::TableName,
        ecs::{
            cluster::{self, ClusterName},
            service::{Service, ServiceName},
        },
    },
    outputs,
    resource::{Addr, Change, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Ref, Region, Scope, Status, Verb, Want},
    topology::{Model, ScaleOn, Scaling, ServiceMember},
};

outputs! { "applicationautoscaling.scalable_target":
    /// What AWS knows it by: resource, dimension and service, see [`TargetId`].
    ScalableTargetId = "id",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// The AWS service, in Application Auto Scaling's word: `dynamodb`, `ecs`.
    pub namespace: String,
    pub resource: Resource,
    /// What of it is scaled: `dynamodb:table:WriteCapacityUnits`, `ecs:service:DesiredCount`.
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
    /// The tasks of a service.
    Service { cluster: Ref<ClusterName>, name: Ref<ServiceName> },
}

impl Resource {
    /// In Application Auto Scaling's words: `table/shop-Orders/index/by-customer`, `service/shop/shop-api`.
    fn id(&self) -> Result<String, Fault> {
        Ok(match self {
            Self::Table { name, index: None } => format!("table/{}", name.get()?),
            Self::Table { name, index: Some(index) } => format!("table/{}/index/{index}", name.get()?),
            Self::Service { cluster, name } => format!("service/{}/{}", cluster.get()?, name.get()?),
        })
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
const ECS: &str = "ecs";
/// The one thing of a service that is scaled (field guide 7.4 item 2).
const TASKS: &str = "ecs:service:DesiredCount";
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
    pub min: i32,
    pub max: i32,
    /// What is kept at `value`.
    pub kept: Kept,
    pub value: f64,
    /// The key of the service whose load balancer counts what is kept.
    pub counted: Option<String>,
    /// What it is about, which is there and as wanted first.
    pub after: Option<Addr>,
}

/// What a policy of ours keeps at a value.
pub(super) struct Kept {
    /// The predefined metric.
    pub metric: String,
    /// What the name of the policy ends in.
    pub policy: &'static str,
}

impl Kept {
    fn of_table(what: Units) -> Self {
        Self { metric: format!("DynamoDB{}CapacityUtilization", what.in_aws()), policy: what.word() }
    }

    /// With the value that is kept.
    fn of_service(on: ScaleOn) -> (Self, u32) {
        let (metric, policy, value) = match on {
            ScaleOn::Cpu(value) => ("ECSServiceAverageCPUUtilization", "cpu", value),
            ScaleOn::Memory(value) => ("ECSServiceAverageMemoryUtilization", "memory", value),
            ScaleOn::RequestsPerTarget(value) => ("ALBRequestCountPerTarget", "requests", value),
        };
        (Self { metric: metric.to_owned(), policy }, value)
    }
}

/// What target and policy of a service's tasks are called, by its key in the file.
fn name_of_tasks(key: &str) -> String {
    format!("service/{key}")
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
            min: scaling.min,
            max: scaling.max,
            kept: Kept::of_table(scaled.what),
            value: f64::from(scaling.target),
            counted: None,
            after: None,
        };
        tables::scaled(table, member).into_iter().map(want)
    });
    let services = model.services.iter().flat_map(|(key, service)| service.members.iter().map(move |(region, here)| (key, region, here)));
    of_member.chain(services.filter_map(|(key, region, member)| of_service(key, region, member))).collect()
}

fn of_service(key: &str, region: &Region, member: &ServiceMember) -> Option<Wanted> {
    let (kept, value) = Kept::of_service(member.scaled()?);
    let scope = Scope::from(region);
    let tasks = |number| i32::try_from(number).unwrap_or(i32::MAX);
    Some(Wanted {
        region: region.clone(),
        name: name_of_tasks(key),
        resource: Resource::Service { cluster: Ref::to(&scope, cluster::MAIN), name: Ref::to(&scope, key) },
        namespace: ECS,
        dimension: TASKS.to_owned(),
        min: tasks(member.tasks.min),
        max: tasks(member.tasks.max),
        kept,
        value: f64::from(value),
        counted: matches!(member.scale_on, Some(ScaleOn::RequestsPerTarget(_))).then(|| key.to_owned()),
        // No field of it shows that a service's load balancer changes, and AWS takes only one that the service has.
        after: Some(Addr::regional(region, Service::NAME, key)),
    })
}

fn dimension(scaled: &Scaled<'_>) -> String {
    let of = if scaled.index.is_some() { "index" } else { "table" };
    format!("dynamodb:{of}:{}CapacityUnits", scaled.what.in_aws())
}

/// Something of ours that a target may scale.
pub(super) struct Ours {
    /// What target and policy are called.
    pub name: String,
    pub resource: Resource,
    /// What a policy of ours may keep there; the first that there is one for counts.
    pub kept: Vec<Kept>,
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

/// The services of ours here, by name, with the key of each in the file. One that the file has here and that is not there counts,
/// as with tables.
async fn services_of_ours(cx: &Cx) -> Result<BTreeMap<String, String>, Fault> {
    let (region, there) = (cx.region()?, containers::services(cx).await?);
    let ours = there.iter().filter_map(|service| {
        let addr = addr_of(cx, Service::NAME, &marks(service.tags()))?;
        Some((service.service_name()?.to_owned(), addr.name.to_string()))
    });
    let here = cx.model.services.iter().filter(|(_, service)| service.members.contains_key(region));
    let named = here.map(|(key, _)| (name_of(&cx.owner.stack, key), key.clone()));
    let gone = named.filter(|(name, _)| there.iter().all(|service| service.service_name() != Some(name)));
    Ok(ours.chain(gone).collect())
}

/// What of ours can be scaled here, by name in AWS, with the key of each in the file.
struct Here {
    tables: Arc<BTreeMap<String, String>>,
    services: Arc<BTreeMap<String, String>>,
}

impl Here {
    /// Asked once an observation.
    async fn of(cx: &Cx) -> Result<Self, Fault> {
        let region = cx.region()?;
        let tables = cx.memo.once(format!("scalable tables/{region}"), || tables_of_ours(cx)).await?;
        let services = cx.memo.once(format!("scalable services/{region}"), || services_of_ours(cx)).await?;
        Ok(Self { tables, services })
    }

    fn table(&self, scope: &Scope, id: &TargetId) -> Option<Ours> {
        let (resource, what) = (id.resource.strip_prefix("table/")?, id.dimension.strip_prefix("dynamodb:")?);
        let (name, index) = resource.split_once("/index/").map_or((resource, None), |(name, index)| (name, Some(index)));
        let what = Units::BOTH.into_iter().find(|units| what.ends_with(&format!(":{}CapacityUnits", units.in_aws())))?;
        let scaled = Scaled { index, what };
        Some(Ours {
            name: scaled.name(self.tables.get(name)?),
            resource: Resource::Table { name: Ref::is(scope, name), index: index.map(str::to_owned) },
            kept: vec![Kept::of_table(what)],
        })
    }

    fn service(&self, cx: &Cx, id: &TargetId) -> Option<Ours> {
        let (cluster, name) = id.resource.strip_prefix("service/")?.split_once('/')?;
        if cluster != cluster_of(&cx.owner.stack) || id.dimension != TASKS {
            return None;
        }
        let key = self.services.get(name)?;
        let wanted = cx.scope.region().and_then(|region| cx.model.service(key, region)?.scaled());
        // Where none is wanted, what was wanted before is called as it was then.
        let any = [ScaleOn::Cpu(0), ScaleOn::Memory(0), ScaleOn::RequestsPerTarget(0)];
        let kept = wanted.map_or(any.to_vec(), |on| vec![on]).into_iter().map(|on| Kept::of_service(on).0);
        Some(Ours {
            name: name_of_tasks(key),
            resource: Resource::Service { cluster: Ref::is(&cx.scope, cluster), name: Ref::is(&cx.scope, name) },
            kept: kept.collect(),
        })
    }
}

/// What everything of ours is called that can be scaled here.
pub(super) async fn ours(cx: &Cx) -> Result<impl Fn(&TargetId) -> Option<Ours>, Fault> {
    let (here, cx) = (Here::of(cx).await?, cx.clone());
    Ok(move |id: &TargetId| here.table(&cx.scope, id).or_else(|| here.service(&cx, id)))
}

/// The AWS services of which something of ours is scaled here.
pub(super) async fn namespaces(cx: &Cx) -> Result<Vec<&'static str>, Fault> {
    // What nobody has is not asked for.
    let here = Here::of(cx).await?;
    let both = [(DYNAMODB, &here.tables), (ECS, &here.services)];
    Ok(both.into_iter().filter(|(_, ours)| !ours.is_empty()).map(|(namespace, _)| namespace).collect())
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
                "ecs:DescribeServices",
                "ecs:ListServices",
                "ecs:ListTaskDefinitionFamilies",
                "tag:GetResources",
            ],
        ),
        (
            Verb::Create,
            // AWS makes AWSServiceRoleForApplicationAutoScaling_DynamoDBTable, or ..._ECSService, at the first one (field guide
            // 3.4). Whoever registers a service may read and change it (Application Auto Scaling user guide, "Identity-based
            // policy examples").
            &["application-autoscaling:RegisterScalableTarget", "ecs:DescribeServices", "ecs:UpdateService", "iam:CreateServiceLinkedRole"],
        ),
        (Verb::Update, &["application-autoscaling:RegisterScalableTarget"]),
        (Verb::Delete, &["application-autoscaling:DeregisterScalableTarget"]),
    ];

    const STAYS_FOR_CLIENTS: bool = true;

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let want = |Wanted { region, name, resource, namespace, dimension, min, max, after, .. }: Wanted| {
            let spec = Spec { namespace: namespace.to_owned(), resource, dimension, min, max };
            Want::new(Addr::regional(&region, Self::NAME, &name), spec).after(after)
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
