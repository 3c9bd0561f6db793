//! ECS clusters: one for each region that runs services.
use aws_sdk_ecs::types::{self, ClusterField, ClusterSetting, ClusterSettingName};
use serde::{Deserialize, Serialize};

use crate::{
    aws::{
        containers::{change_tags, cluster_of, marks, services, shaped},
        errors::{fault, maybe},
        tags::{addr_of, still_ours},
    },
    outputs,
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Holder, Kind, Life, Outputs, Owner, Patience, Region, Status, Tags, Verb, Want,
    },
    topology::Model,
};

outputs! { "ecs.cluster":
    /// The name of a cluster.
    ClusterName = "name",
    /// Its ARN.
    ClusterArn = "arn",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    pub container_insights: bool,
    pub tags: Tags,
}

/// `ecs.cluster`.
pub struct Cluster;

/// The one cluster of a region.
pub const MAIN: &str = "main";

/// Deleted clusters are shown as INACTIVE for a while (field guide 7.1 item 5).
fn life(cluster: &types::Cluster) -> Option<Life> {
    let word = cluster.status().unwrap_or("unknown").to_owned();
    match &*word {
        "ACTIVE" => Some(Life::Ready),
        "INACTIVE" => None,
        "DEPROVISIONING" => Some(Life::Leaving(word)),
        "FAILED" => Some(Life::Broken(word)),
        _ => Some(Life::Making(word)),
    }
}

/// Whether the cluster of a region has Container Insights: when one of its services asks for it.
pub(in crate::kinds) fn has_insights(model: &Model, region: &Region) -> bool {
    model.services.values().filter_map(|service| service.members.get(region)).any(|member| member.container_insights)
}

fn setting(on: bool) -> ClusterSetting {
    ClusterSetting::builder().name(ClusterSettingName::ContainerInsights).value(if on { "enabled" } else { "disabled" }).build()
}

fn outputs_of(cluster: &types::Cluster) -> Outputs {
    Outputs::of::<ClusterName>(cluster.cluster_name().unwrap_or_default()).with::<ClusterArn>(cluster.cluster_arn().unwrap_or_default())
}

/// One cluster as it is now; nothing when it is not there, which AWS says in an answer that succeeds (field guide 7.1 item 1).
async fn get(cx: &Cx, name: &str) -> Result<Option<types::Cluster>, Fault> {
    let ask = cx.fleet.region(cx.region()?).ecs.describe_clusters().clusters(name);
    let ask = ask.include(ClusterField::Tags).include(ClusterField::Settings);
    let seen = ask.send().await.map_err(fault("ecs:DescribeClusters"))?;
    Ok(seen.clusters.and_then(|mut clusters| clusters.pop()))
}

impl Kind for Cluster {
    type Spec = Spec;
    const NAME: &'static str = "ecs.cluster";
    const FIXED: &'static [&'static str] = &["name"];
    /// Ten minutes each way in Terraform (field guide 7.1 items 4 and 6).
    const PATIENCE: Patience = Patience::of(5, 10, 10);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ecs:DescribeClusters"]),
        (Verb::Create, &["ecs:CreateCluster", "ecs:DescribeClusters", "ecs:TagResource", "iam:CreateServiceLinkedRole"]),
        (Verb::Update, &["ecs:UpdateCluster", "ecs:TagResource", "ecs:UntagResource"]),
        (
            Verb::Delete,
            &["ecs:DeleteCluster", "ecs:DescribeClusters", "ecs:ListServices", "ecs:ListTaskDefinitionFamilies", "ecs:DescribeServices"],
        ),
    ];

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let name = cluster_of(&model.stack);
        let owner = Owner { stack: model.stack.clone(), tags: model.tags.clone() };
        let want = |region: &Region| {
            let members: Vec<_> = model.services.values().filter_map(|service| service.members.get(region)).collect();
            let spec = Spec { name: name.clone(), container_insights: has_insights(model, region), tags: owner.wanted(&name) };
            (!members.is_empty()).then(|| Want::new(Addr::regional(region, Self::NAME, MAIN), spec))
        };
        model.regions.keys().filter_map(want).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let (region, name) = (cx.region()?, cluster_of(&cx.owner.stack));
        let Some(cluster) = get(cx, &name).await? else { return Ok(Vec::new()) };
        let Some(life) = life(&cluster) else { return Ok(Vec::new()) };
        let marks = marks(cluster.tags());
        let marked = addr_of(cx, Self::NAME, &marks);
        let is_wanted = cx.model.services.values().any(|service| service.members.contains_key(region));
        let ours = marked.is_some();
        let Some(addr) = marked.or_else(|| is_wanted.then(|| Addr::regional(region, Self::NAME, MAIN))) else { return Ok(Vec::new()) };
        let insights = cluster.settings().iter().find(|setting| setting.name() == Some(&ClusterSettingName::ContainerInsights));
        let container_insights = insights.and_then(|setting| setting.value()).is_some_and(|value| value != "disabled");
        let spec = Spec { name: name.clone(), container_insights, tags: marks.tags };
        Ok(vec![Found { addr, id: name, spec, outputs: outputs_of(&cluster), life, ours, born: None }])
    }

    /// AWS takes it for the one that is there when the name is (field guide 7.1 item 2), so it may be sent twice, and gives back
    /// somebody else's without a word: whose it is its marks tell. In a new account the role it needs is made on the way, and it is
    /// refused until that is there (item 3).
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let ask = cx.fleet.region(cx.region()?).ecs.create_cluster().cluster_name(&want.spec.name);
        let ask = ask.settings(setting(want.spec.container_insights)).set_tags(Some(shaped(cx.owner.to_send(&want.addr, &want.spec.tags))));
        ask.send().await.map_err(fault("ecs:CreateCluster"))?;
        let name = &want.spec.name;
        for is_last in [false, true] {
            match get(cx, name).await? {
                Some(there) if addr_of(cx, Self::NAME, &marks(there.tags())).as_ref() != Some(&want.addr) => {}
                _ => return Ok(name.clone()),
            }
            // Tags are read with a lag.
            if !is_last {
                tokio::time::sleep(cx.fleet.timing().second_look).await;
            }
        }
        let message = format!("a cluster `{name}` was there and does not carry this stack's mark; it is left alone");
        Err(Fault::new("ecs:CreateCluster", Class::Exists, message))
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        if found.spec.container_insights != want.spec.container_insights {
            let ask = cx.fleet.region(cx.region()?).ecs.update_cluster().cluster(&found.id);
            ask.settings(setting(want.spec.container_insights)).send().await.map_err(fault("ecs:UpdateCluster"))?;
        }
        let Some(arn) = found.outputs.get("arn") else { return Err(Fault::bug(format!("{} has no ARN", found.addr))) };
        change_tags(cx, arn, &found.addr, &found.spec.tags, &want.spec.tags).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let Some(now) = get(cx, &found.id).await? else { return Ok(()) };
        if life(&now).is_some() {
            still_ours("ecs:DeleteCluster", cx, &found.addr, &found.id, &marks(now.tags()))?;
        }
        let ask = cx.fleet.region(cx.region()?).ecs.delete_cluster().cluster(&found.id);
        maybe(ask.send().await.map_err(fault("ecs:DeleteCluster"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let cluster = get(cx, id).await?;
        Ok(match cluster.as_ref().and_then(life) {
            None => Status::Gone,
            Some(Life::Ready) => Status::Ready(cluster.as_ref().map(outputs_of).unwrap_or_default()),
            Some(Life::Broken(word)) => Status::Failed(word),
            Some(Life::Making(word) | Life::Leaving(word)) => Status::Settling(word),
        })
    }

    /// Services in it. Ours go before it; one that is draining goes by itself.
    async fn holders(&self, cx: &Cx, _: &Found<Spec>) -> Result<Vec<Holder>, Fault> {
        let services = services(cx).await?;
        let holding = services.iter().filter(|service| {
            let is_ours = marks(service.tags()).stack.as_deref() == Some(&*cx.owner.stack);
            !is_ours || service.status() == Some("DRAINING")
        });
        let holder = |service: &types::Service| Holder {
            what: format!("service {} ({})", service.service_name().unwrap_or("?"), service.status().unwrap_or("?")),
            leaves_by_itself: service.status() == Some("DRAINING"),
        };
        Ok(holding.map(holder).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_says_whether_it_is_still_there() {
        let at = |state: &str| life(&types::Cluster::builder().status(state).build());
        assert_eq!(at("ACTIVE"), Some(Life::Ready));
        assert_eq!(at("PROVISIONING"), Some(Life::Making("PROVISIONING".into())));
        assert_eq!(at("DEPROVISIONING"), Some(Life::Leaving("DEPROVISIONING".into())));
        assert_eq!(at("FAILED"), Some(Life::Broken("FAILED".into())));
        assert_eq!(at("INACTIVE"), None);
        assert_eq!(at("A_NEW_WORD"), Some(Life::Making("A_NEW_WORD".into())));
    }
}
