//! NAT gateways: the way out for private subnets, in the public subnet of each zone or of one.
use aws_sdk_ec2::types::{self, NatGatewayState, ResourceType};
use serde::{Deserialize, Serialize};

use super::{
    elastic_ip::AllocationId,
    subnet::{Slot, SubnetId, Tier, slots},
    vpc::{named, networks},
};
use crate::{
    aws::{
        errors::{fault, maybe},
        quotas,
        tags::{change_ec2, of_this_stack, ours, sent_once, specification},
    },
    outputs,
    resource::{
        Addr, After, Change, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Quota, Ref, Region, Scope, Status, Tags, Verb, Want,
    },
    topology::{Model, NatGateways, Network},
};

outputs! { "ec2.nat_gateway":
    /// The id of a NAT gateway.
    NatGatewayId = "id",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub subnet: Ref<SubnetId>,
    pub address: Ref<AllocationId>,
    pub tags: Tags,
}

/// `ec2.nat_gateway`.
pub struct NatGateway;

/// The NAT gateways of a region by name, each with the slot in whose public subnet it stands.
pub(super) fn gateways_wanted(region: &Region, network: &Network, facts: &Facts) -> Vec<(String, Slot)> {
    let take = match network.nat_gateways {
        NatGateways::PerZone => usize::MAX,
        NatGateways::Single => 1,
        NatGateways::None => 0,
    };
    let slots = slots(region, &network.availability_zones, facts).into_iter().take(take);
    slots.map(|slot| (format!("nat-{}", slot.index), slot)).collect()
}

/// The names of the NAT gateways that mrctl makes in a region.
pub(in crate::kinds) fn names_in(model: &Model, region: &Region, facts: &Facts) -> Vec<String> {
    let here = networks(model).filter(|(of, ..)| *of == region);
    here.flat_map(|(_, _, network)| gateways_wanted(region, network, facts)).map(|(name, _)| name).collect()
}

/// The states in which a gateway is still somebody's; AWS shows deleted ones for an hour more (field guide 2.4 item 5).
const ALIVE: [NatGatewayState; 4] =
    [NatGatewayState::Pending, NatGatewayState::Available, NatGatewayState::Deleting, NatGatewayState::Failed];

/// Why it failed, in AWS's words: the create call was accepted and says nothing (field guide 2.4 item 4).
fn failure(gateway: &types::NatGateway) -> String {
    let said = [gateway.failure_code(), gateway.failure_message()].into_iter().flatten().collect::<Vec<_>>().join(": ");
    if said.is_empty() { "failed".to_owned() } else { format!("failed ({said})") }
}

fn life(gateway: &types::NatGateway) -> Option<Life> {
    match gateway.state()? {
        NatGatewayState::Available => Some(Life::Ready),
        NatGatewayState::Failed => Some(Life::Broken(failure(gateway))),
        NatGatewayState::Deleting => Some(Life::Leaving("deleting".to_owned())),
        NatGatewayState::Deleted => None,
        other => Some(Life::Making(other.as_str().to_owned())),
    }
}

impl Kind for NatGateway {
    type Spec = Spec;
    const NAME: &'static str = "ec2.nat_gateway";
    const FIXED: &'static [&'static str] = &["subnet", "address"];
    /// One to three minutes to make; Terraform waits 10 minutes for it and 30 until it is gone (field guide 2.4 items 4 and 6).
    const PATIENCE: Patience = Patience::of(5, 10, 30);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ec2:DescribeNatGateways"]),
        (Verb::Create, &["ec2:CreateNatGateway", "ec2:CreateTags", "servicequotas:GetServiceQuota", "ec2:DescribeSubnets"]),
        (Verb::Update, &["ec2:CreateTags", "ec2:DeleteTags"]),
        (Verb::Delete, &["ec2:DeleteNatGateway"]),
    ];
    /// Without an attached internet gateway it fails a minute later (field guide 16, rule 6).
    const AFTER: &'static [After] = &[After::here("ec2.internet_gateway_attachment")];
    /// Routes to it become black holes (field guide 2.4 item 6).
    const LETS_GO: bool = true;
    const TWICE: bool = true;
    const QUOTA: Option<Quota> = Some(quotas::NAT_GATEWAYS);

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let of_region = networks(model).flat_map(|(region, _, network)| {
            let scope = Scope::from(region);
            gateways_wanted(region, network, facts).into_iter().map(move |(name, slot)| {
                let subnet = Ref::to(&scope, &Tier::Public.name(slot.index));
                let spec = Spec { subnet, address: Ref::to(&scope, &name), tags: named(model, &name) };
                Want::new(Addr::regional(region, Self::NAME, &name), spec)
            })
        });
        of_region.collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let mut states = types::Filter::builder().name("state");
        for state in &ALIVE {
            states = states.values(state.as_str());
        }
        let ask = cx.fleet.region(cx.region()?).ec2.describe_nat_gateways().filter(of_this_stack(cx)).filter(states.build());
        let mut pages = ask.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(gateway) = pages.next().await {
            let gateway = gateway.map_err(fault("ec2:DescribeNatGateways"))?;
            let (Some((addr, tags)), Some(life)) = (ours(cx, Self::NAME, gateway.tags()), life(&gateway)) else { continue };
            let Some(id) = gateway.nat_gateway_id() else { continue };
            let allocation = gateway.nat_gateway_addresses().iter().find(|address| address.is_primary() != Some(false));
            let allocation = allocation.and_then(|address| address.allocation_id()).unwrap_or_default();
            let spec =
                Spec { subnet: Ref::is(&cx.scope, gateway.subnet_id().unwrap_or_default()), address: Ref::is(&cx.scope, allocation), tags };
            found.push(Found { addr, id: id.to_owned(), spec, outputs: Outputs::of::<NatGatewayId>(id), life, ours: true, born: None });
        }
        Ok(found)
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let ask = cx.fleet.region(cx.region()?).ec2.create_nat_gateway();
        let ask = ask.subnet_id(want.spec.subnet.get()?).allocation_id(want.spec.address.get()?);
        let ask = ask.tag_specifications(specification(cx, ResourceType::Natgateway, &want.addr, &want.spec.tags));
        let made = ask.customize().config_override(sent_once()).send().await.map_err(fault("ec2:CreateNatGateway"))?;
        let id = made.nat_gateway().and_then(|gateway| gateway.nat_gateway_id());
        id.map(str::to_owned).ok_or_else(|| Fault::bug("CreateNatGateway gave no id"))
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        change_ec2(cx, &found.id, &found.addr, &found.spec.tags, &want.spec.tags).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let ask = cx.fleet.region(cx.region()?).ec2.delete_nat_gateway().nat_gateway_id(&found.id);
        maybe(ask.send().await.map_err(fault("ec2:DeleteNatGateway"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let ask = cx.fleet.region(cx.region()?).ec2.describe_nat_gateways().nat_gateway_ids(id);
        let seen = maybe(ask.send().await.map_err(fault("ec2:DescribeNatGateways")))?;
        let gateway = seen.as_ref().and_then(|seen| seen.nat_gateways().first());
        Ok(match gateway.and_then(life) {
            None => Status::Gone,
            Some(Life::Ready) => Status::Ready(Outputs::of::<NatGatewayId>(id)),
            Some(Life::Broken(why)) => Status::Failed(why),
            Some(Life::Making(word) | Life::Leaving(word)) => Status::Settling(word),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_says_whether_it_is_still_there() {
        let at = |state: &str| life(&types::NatGateway::builder().state(state.into()).failure_code("Gateway.NotAttached").build());
        assert_eq!(at("available"), Some(Life::Ready));
        assert_eq!(at("failed"), Some(Life::Broken("failed (Gateway.NotAttached)".into())));
        assert_eq!(at("deleting"), Some(Life::Leaving("deleting".into())));
        assert_eq!(at("pending"), Some(Life::Making("pending".into())));
        assert_eq!(at("a-new-word"), Some(Life::Making("a-new-word".into())));
        assert_eq!(at("deleted"), None);
    }
}
