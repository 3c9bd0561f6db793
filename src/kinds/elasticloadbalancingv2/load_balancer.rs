//! Application load balancers: one for each region of a service that has a port.
use aws_sdk_elasticloadbalancingv2::types::{
    self, LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerStateEnum, LoadBalancerTypeEnum,
};
use futures::stream::{StreamExt, TryStreamExt, iter};
use serde::{Deserialize, Serialize};

use crate::{
    aws::{
        errors::{fault, maybe},
        load_balancing::{SIDE_BY_SIDE, change_tags, load_balancers, marks_of, name, tags_to_send},
        tags::addr_of,
    },
    kinds::ec2::{
        security_group::{SecurityGroupId, of_load_balancer},
        subnet::{SubnetId, Tier, subnets_of},
        vpc::{VpcId, named, vpc_of},
    },
    outputs,
    resource::{
        Addr, After, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Ref, Scope, Status, Tags, Traffic, Unordered,
        Verb, Want,
    },
    topology::{LoadBalancer as Reach, Model},
};

outputs! { "elasticloadbalancingv2.load_balancer":
    /// The ARN of a load balancer.
    LoadBalancerArn = "arn",
    /// The name under which it is reached, and which alias records point at.
    LoadBalancerDnsName = "dns_name",
    /// The hosted zone of that name, which differs from region to region (field guide 8.1 item 7).
    LoadBalancerZoneId = "hosted_zone_id",
    /// The end of its ARN, by which its metrics are told apart: `app/<name>/<id>` (Application Load Balancers user guide,
    /// "CloudWatch metrics for your Application Load Balancer").
    LoadBalancerDimension = "dimension",
}

/// The idle timeout is left at AWS's 60 seconds, or to whoever changed it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub name: String,
    pub vpc: Ref<VpcId>,
    /// `internet-facing` or `internal`.
    pub scheme: String,
    pub subnets: Unordered<Ref<SubnetId>>,
    pub security_groups: Unordered<Ref<SecurityGroupId>>,
    pub deletion_protection: bool,
    /// Whether header fields that are not valid are taken out of requests.
    pub drop_invalid_headers: bool,
    pub tags: Tags,
}

/// `elasticloadbalancingv2.load_balancer`.
pub struct LoadBalancer;

const PROTECTED: &str = "deletion_protection.enabled";
const DROP_INVALID: &str = "routing.http.drop_invalid_header_fields.enabled";

/// A word that is not known here is not taken for ready. Impaired ones answer: AWS lacks free addresses to let them grow (Elastic
/// Load Balancing API reference, "LoadBalancerState").
fn life(found: &types::LoadBalancer) -> Life {
    let state = found.state();
    let word = state.and_then(|state| state.code()).map_or("unknown", LoadBalancerStateEnum::as_str).to_owned();
    match state.and_then(|state| state.code()) {
        Some(LoadBalancerStateEnum::Active | LoadBalancerStateEnum::ActiveImpaired) => Life::Ready,
        Some(LoadBalancerStateEnum::Failed) => {
            let why = state.and_then(|state| state.reason()).map_or_else(String::new, |why| format!(" ({why})"));
            Life::Broken(format!("{word}{why}"))
        }
        _ => Life::Making(word),
    }
}

fn outputs(found: &types::LoadBalancer) -> Outputs {
    let given = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let arn = given(found.load_balancer_arn());
    let dimension = arn.split_once(":loadbalancer/").map_or("", |(_, end)| end).to_owned();
    Outputs::of::<LoadBalancerArn>(arn)
        .with::<LoadBalancerDimension>(dimension)
        .with::<LoadBalancerDnsName>(given(found.dns_name()))
        .with::<LoadBalancerZoneId>(given(found.canonical_hosted_zone_id()))
}

impl LoadBalancer {
    /// The attributes that mrctl sets: protection, and what becomes of invalid headers. Nothing when it is gone.
    async fn attributes(cx: &Cx, arn: &str) -> Result<Option<(bool, bool)>, Fault> {
        let ask = cx.fleet.region(cx.region()?).load_balancing.describe_load_balancer_attributes().load_balancer_arn(arn);
        let answer = maybe(ask.send().await.map_err(fault("elasticloadbalancing:DescribeLoadBalancerAttributes")))?;
        Ok(answer.map(|answer| {
            let is_on = |key| answer.attributes().iter().any(|one| one.key() == Some(key) && one.value() == Some("true"));
            (is_on(PROTECTED), is_on(DROP_INVALID))
        }))
    }
}

fn attribute(key: &str, value: bool) -> LoadBalancerAttribute {
    LoadBalancerAttribute::builder().key(key).value(value.to_string()).build()
}

fn ids<T: crate::resource::Output>(list: &Unordered<Ref<T>>) -> Result<Vec<String>, Fault> {
    let mut ids: Vec<String> = list.0.iter().map(|one| one.get().map(str::to_owned)).collect::<Result<_, _>>()?;
    ids.sort_unstable();
    Ok(ids)
}

impl Kind for LoadBalancer {
    type Spec = Spec;
    // Attributes are a call of their own, so that every create is one call.
    const UNFINISHED: bool = true;
    const NAME: &'static str = "elasticloadbalancingv2.load_balancer";
    const FIXED: &'static [&'static str] = &["name", "vpc", "scheme"];
    /// Two to four minutes to make; Terraform waits ten (field guide 8.1 item 4).
    const PATIENCE: Patience = Patience::of(5, 10, 10);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (
            Verb::Observe,
            &[
                "elasticloadbalancing:DescribeLoadBalancers",
                "elasticloadbalancing:DescribeLoadBalancerAttributes",
                "elasticloadbalancing:DescribeTags",
            ],
        ),
        (Verb::Create, &["elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:AddTags", "iam:CreateServiceLinkedRole"]),
        (
            Verb::Update,
            &[
                "elasticloadbalancing:ModifyLoadBalancerAttributes",
                "elasticloadbalancing:SetSubnets",
                "elasticloadbalancing:SetSecurityGroups",
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:RemoveTags",
            ],
        ),
        (Verb::Delete, &["elasticloadbalancing:DeleteLoadBalancer"]),
    ];
    // One that faces the internet is refused in a VPC without a gateway (field guide 8.1 item 3), and its public addresses keep the
    // gateway attached.
    const AFTER: &'static [After] = &[After::here("ec2.internet_gateway_attachment")];
    const SERVES: bool = true;
    const PROTECTION: Option<&'static str> = Some("deletion_protection");

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let wants = model.balanced().filter_map(|(service, region, member, _)| {
            let is_public = member.load_balancer == Reach::Public;
            let spec = Spec {
                name: name(&model.stack, service),
                vpc: vpc_of(model, region)?,
                scheme: if is_public { "internet-facing" } else { "internal" }.to_owned(),
                subnets: subnets_of(model, region, if is_public { Tier::Public } else { Tier::Private }, facts),
                security_groups: Unordered(vec![Ref::to(&Scope::from(region), &of_load_balancer(service))]),
                deletion_protection: member.deletion_protection,
                drop_invalid_headers: true,
                tags: named(model, service),
            };
            Some(Want::new(Addr::regional(region, Self::NAME, service), spec))
        });
        wants.collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let all = load_balancers(cx).await?;
        let mut here = Vec::new();
        for one in all.iter() {
            here.extend(one.stands_at(cx, Self::NAME).map(|at| (one.clone(), at)));
        }
        let looks = iter(here.into_iter().map(|(one, (addr, tags, ours))| async move {
            let Some((protected, dropping)) = Self::attributes(cx, &one.arn).await? else { return Ok(None) };
            let seen = &one.is;
            let subnets = seen.availability_zones().iter().filter_map(|zone| zone.subnet_id());
            let spec = Spec {
                name: one.name.clone(),
                vpc: Ref::is(&cx.scope, seen.vpc_id().unwrap_or_default()),
                scheme: seen.scheme().map_or("", LoadBalancerSchemeEnum::as_str).to_owned(),
                subnets: Unordered(subnets.map(|id| Ref::is(&cx.scope, id)).collect()),
                security_groups: Unordered(seen.security_groups().iter().map(|id| Ref::is(&cx.scope, id)).collect()),
                deletion_protection: protected,
                drop_invalid_headers: dropping,
                tags,
            };
            Ok(Some(Found { addr, id: one.arn.clone(), spec, outputs: outputs(seen), life: life(seen), ours, born: None }))
        }));
        let found: Vec<_> = looks.buffered(SIDE_BY_SIDE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The name is unique in the region: AWS gives the one that is there when everything is equal and refuses otherwise (field
    /// guide 8.1 item 2).
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let (client, spec) = (cx.fleet.region(cx.region()?).load_balancing, &want.spec);
        let ask = client.create_load_balancer().name(&spec.name).r#type(LoadBalancerTypeEnum::Application);
        let ask = ask.scheme(spec.scheme.as_str().into()).set_subnets(Some(ids(&spec.subnets)?));
        let ask = ask.set_security_groups(Some(ids(&spec.security_groups)?));
        let ask = ask.set_tags(Some(tags_to_send(cx, &want.addr, &spec.tags)));
        let refused = match ask.send().await.map_err(fault("elasticloadbalancing:CreateLoadBalancer")) {
            Ok(made) => {
                let arn = made.load_balancers().first().and_then(|one| one.load_balancer_arn());
                return arn.map(str::to_owned).ok_or_else(|| Fault::bug("CreateLoadBalancer gave no ARN"));
            }
            Err(refused) if refused.class == Class::Exists => refused,
            Err(refused) => return Err(refused),
        };
        let seen = client.describe_load_balancers().names(&spec.name).send().await;
        let seen = maybe(seen.map_err(fault("elasticloadbalancing:DescribeLoadBalancers")))?;
        let Some(arn) = seen.as_ref().and_then(|seen| seen.load_balancers().first()?.load_balancer_arn()) else { return Err(refused) };
        let marks = marks_of(cx, vec![arn.to_owned()]).await?;
        let is_ours = marks.get(arn).and_then(|marks| addr_of(cx, Self::NAME, marks)) == Some(want.addr.clone());
        if is_ours { Ok(arn.to_owned()) } else { Err(refused) }
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        let (client, now, then) = (cx.fleet.region(cx.region()?).load_balancing, &found.spec, &want.spec);
        let subnets = ids(&then.subnets)?;
        if ids(&now.subnets)? != subnets {
            let ask = client.set_subnets().load_balancer_arn(&found.id).set_subnets(Some(subnets));
            ask.send().await.map_err(fault("elasticloadbalancing:SetSubnets"))?;
        }
        let groups = ids(&then.security_groups)?;
        if ids(&now.security_groups)? != groups {
            let ask = client.set_security_groups().load_balancer_arn(&found.id).set_security_groups(Some(groups));
            ask.send().await.map_err(fault("elasticloadbalancing:SetSecurityGroups"))?;
        }
        let mut attributes = Vec::new();
        if now.deletion_protection != then.deletion_protection {
            attributes.push(attribute(PROTECTED, then.deletion_protection));
        }
        if now.drop_invalid_headers != then.drop_invalid_headers {
            attributes.push(attribute(DROP_INVALID, then.drop_invalid_headers));
        }
        if !attributes.is_empty() {
            let ask = client.modify_load_balancer_attributes().load_balancer_arn(&found.id).set_attributes(Some(attributes));
            ask.send().await.map_err(fault("elasticloadbalancing:ModifyLoadBalancerAttributes"))?;
        }
        change_tags(cx, &found.id, &found.addr, &now.tags, &then.tags).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let ask = cx.fleet.region(cx.region()?).load_balancing.delete_load_balancer().load_balancer_arn(&found.id);
        maybe(ask.send().await.map_err(fault("elasticloadbalancing:DeleteLoadBalancer"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let ask = cx.fleet.region(cx.region()?).load_balancing.describe_load_balancers().load_balancer_arns(id);
        let seen = maybe(ask.send().await.map_err(fault("elasticloadbalancing:DescribeLoadBalancers")))?;
        let Some(seen) = seen.as_ref().and_then(|seen| seen.load_balancers().first()) else { return Ok(Status::Gone) };
        Ok(match life(seen) {
            Life::Ready => Status::Ready(outputs(seen)),
            Life::Broken(why) => Status::Failed(why),
            Life::Making(word) | Life::Leaving(word) => Status::Settling(word),
        })
    }

    fn traffic(&self, found: &Found<Spec>) -> Traffic {
        if matches!(found.life, Life::Broken(_)) { Traffic::None } else { Traffic::Listens }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::LoadBalancerState;

    use super::*;

    #[test]
    fn an_impaired_one_answers_and_an_unknown_state_is_not_ready() {
        let at = |code: &str| {
            let state = LoadBalancerState::builder().code(code.into()).reason("no reason").build();
            life(&types::LoadBalancer::builder().state(state).build())
        };
        assert_eq!([at("active"), at("active_impaired")], [Life::Ready, Life::Ready]);
        assert_eq!(at("failed"), Life::Broken("failed (no reason)".into()));
        assert_eq!(at("provisioning"), Life::Making("provisioning".into()));
        assert_eq!(at("a-new-word"), Life::Making("a-new-word".into()));
        assert_eq!(life(&types::LoadBalancer::builder().build()), Life::Making("unknown".into()));
    }
}
