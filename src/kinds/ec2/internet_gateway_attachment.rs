//! The attachment of an internet gateway to its VPC. It carries no tags; it is found on the gateway, which does.
use aws_sdk_ec2::types::{AttachmentStatus, InternetGatewayAttachment as Attachment};
use serde::{Deserialize, Serialize};

use super::{
    internet_gateway::{InternetGateway, InternetGatewayId, gateway, gateways},
    vpc::{MAIN, VpcId, networks},
};
use crate::{
    aws::{
        errors::{fault, maybe},
        interfaces::{self, Within},
        tags::ours,
    },
    resource::{Addr, Change, Class, Cx, Facts, Fault, Found, Holder, Kind, Life, Outputs, Patience, Ref, Scope, Status, Verb, Want},
    topology::Model,
};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub gateway: Ref<InternetGatewayId>,
    pub vpc: Ref<VpcId>,
}

/// `ec2.internet_gateway_attachment`.
pub struct InternetGatewayAttachment;

/// The two ids, as one: AWS gives an attachment none.
fn id_of(gateway: &str, vpc: &str) -> String {
    format!("{gateway}|{vpc}")
}

fn ids_in(id: &str) -> Result<(&str, &str), Fault> {
    id.split_once('|').ok_or_else(|| Fault::bug(format!("`{id}` is not an attachment's id")))
}

/// AWS says `available` of a gateway that is attached (field guide 2.3 item 4); the SDK knows only the other words.
fn life(attachment: &Attachment) -> Option<Life> {
    match attachment.state() {
        Some(AttachmentStatus::Attaching) => Some(Life::Making("attaching".to_owned())),
        Some(AttachmentStatus::Detaching) => Some(Life::Leaving("detaching".to_owned())),
        Some(AttachmentStatus::Detached) => None,
        _ => Some(Life::Ready),
    }
}

impl Kind for InternetGatewayAttachment {
    type Spec = Spec;
    const NAME: &'static str = "ec2.internet_gateway_attachment";
    const FIXED: &'static [&'static str] = &["gateway", "vpc"];
    /// Detaching is refused as long as a public address is mapped, which load balancers hold for minutes (field guide 2.3 item 6).
    const PATIENCE: Patience = Patience::of(5, 5, 20);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ec2:DescribeInternetGateways"]),
        (Verb::Create, &["ec2:AttachInternetGateway"]),
        (Verb::Delete, &["ec2:DetachInternetGateway", "ec2:DescribeNetworkInterfaces"]),
    ];

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let want = |region| {
            let scope = Scope::from(region);
            let spec = Spec { gateway: Ref::to(&scope, MAIN), vpc: Ref::to(&scope, MAIN) };
            Want::new(Addr::regional(region, Self::NAME, MAIN), spec)
        };
        networks(model).map(|(region, ..)| want(region)).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let (gateways, region) = (gateways(cx).await?, cx.region()?);
        let mut found = Vec::new();
        for gateway in gateways.iter() {
            let Some((owner, _)) = ours(cx, InternetGateway::NAME, gateway.tags()) else { continue };
            let Some(gateway_id) = gateway.internet_gateway_id() else { continue };
            for attachment in gateway.attachments() {
                let (Some(vpc), Some(life)) = (attachment.vpc_id(), life(attachment)) else { continue };
                found.push(Found {
                    addr: Addr::regional(region, Self::NAME, &owner.name),
                    id: id_of(gateway_id, vpc),
                    spec: Spec { gateway: Ref::is(&cx.scope, gateway_id), vpc: Ref::is(&cx.scope, vpc) },
                    outputs: Outputs::default(),
                    life,
                    ours: true,
                    born: None,
                });
            }
        }
        Ok(found)
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let (gateway_id, vpc) = (want.spec.gateway.get()?, want.spec.vpc.get()?);
        let ask = cx.fleet.region(cx.region()?).ec2.attach_internet_gateway().internet_gateway_id(gateway_id).vpc_id(vpc);
        match ask.send().await.map_err(fault("ec2:AttachInternetGateway")) {
            Ok(_) => {}
            // An earlier answer was lost: attached where we want it is done.
            Err(refused) if matches!(refused.class, Class::Exists | Class::Invalid) => {
                let there = gateway(cx, gateway_id).await?.is_some_and(|it| it.attachments().iter().any(|at| at.vpc_id() == Some(vpc)));
                if !there {
                    return Err(refused);
                }
            }
            Err(refused) => return Err(refused),
        }
        Ok(id_of(gateway_id, vpc))
    }

    async fn update(&self, _: &Cx, found: &Found<Spec>, _: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        match changes {
            [] => Ok(()),
            _ => Err(Fault::bug(format!("nothing of {} can change in place", found.addr))),
        }
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let (gateway_id, vpc) = ids_in(&found.id)?;
        let ask = cx.fleet.region(cx.region()?).ec2.detach_internet_gateway().internet_gateway_id(gateway_id).vpc_id(vpc);
        maybe(ask.send().await.map_err(fault("ec2:DetachInternetGateway"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let (gateway_id, vpc) = ids_in(id)?;
        let seen = gateway(cx, gateway_id).await?;
        let attachment = seen.as_ref().and_then(|it| it.attachments().iter().find(|at| at.vpc_id() == Some(vpc)));
        Ok(match attachment.and_then(life) {
            None => Status::Gone,
            Some(Life::Ready) => Status::Ready(Outputs::default()),
            Some(Life::Making(word) | Life::Leaving(word) | Life::Broken(word)) => Status::Settling(word),
        })
    }

    /// "Network vpc-… has some mapped public address(es)": the interfaces that have one.
    async fn holders(&self, cx: &Cx, found: &Found<Spec>) -> Result<Vec<Holder>, Fault> {
        let interfaces = interfaces::list(cx, Within::Vpc(ids_in(&found.id)?.1)).await?;
        let mapped = interfaces.iter().filter_map(|interface| {
            let address = interface.association()?.public_ip()?;
            let mut holder = interfaces::holder(interface);
            holder.what = format!("public address {address} of {}", holder.what);
            Some(holder)
        });
        Ok(mapped.collect())
    }
}
