//! Internet gateways. The attachment to a VPC is a kind of its own, because it is made and removed on its own.
use std::sync::Arc;

use aws_sdk_ec2::types::{self, ResourceType};
use serde::{Deserialize, Serialize};

use super::vpc::{MAIN, named, networks};
use crate::{
    aws::{
        errors::{fault, maybe},
        tags::{change_ec2, of_this_stack, ours, sent_once, specification},
    },
    outputs,
    resource::{Addr, Change, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Status, Tags, Verb, Want},
    topology::Model,
};

outputs! { "ec2.internet_gateway":
    /// The id of an internet gateway.
    InternetGatewayId = "id",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub tags: Tags,
}

/// `ec2.internet_gateway`.
pub struct InternetGateway;

/// This stack's internet gateways with their attachments: one answer for both kinds.
pub(super) async fn gateways(cx: &Cx) -> Result<Arc<Vec<types::InternetGateway>>, Fault> {
    let region = cx.region()?;
    let ask = || async {
        let ask = cx.fleet.region(region).ec2.describe_internet_gateways().filters(of_this_stack(cx));
        let pages = ask.into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("ec2:DescribeInternetGateways"))
    };
    cx.memo.once(format!("ec2:DescribeInternetGateways/{region}"), ask).await
}

/// One gateway as it is now; nothing when it is not there.
pub(super) async fn gateway(cx: &Cx, id: &str) -> Result<Option<types::InternetGateway>, Fault> {
    let ask = cx.fleet.region(cx.region()?).ec2.describe_internet_gateways().internet_gateway_ids(id);
    let seen = maybe(ask.send().await.map_err(fault("ec2:DescribeInternetGateways")))?;
    Ok(seen.and_then(|seen| seen.internet_gateways().first().cloned()))
}

impl Kind for InternetGateway {
    type Spec = Spec;
    const NAME: &'static str = "ec2.internet_gateway";
    const PATIENCE: Patience = Patience::of(2, 5, 5);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ec2:DescribeInternetGateways"]),
        (Verb::Create, &["ec2:CreateInternetGateway", "ec2:CreateTags"]),
        (Verb::Update, &["ec2:CreateTags", "ec2:DeleteTags"]),
        (Verb::Delete, &["ec2:DeleteInternetGateway"]),
    ];
    const TWICE: bool = true;

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let want = |region| Want::new(Addr::regional(region, Self::NAME, MAIN), Spec { tags: named(model, "") });
        networks(model).map(|(region, ..)| want(region)).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let found = |gateway: &types::InternetGateway| {
            let ((addr, tags), id) = (ours(cx, Self::NAME, gateway.tags())?, gateway.internet_gateway_id()?);
            let outputs = Outputs::of::<InternetGatewayId>(id);
            Some(Found { addr, id: id.to_owned(), spec: Spec { tags }, outputs, life: Life::Ready, ours: true, born: None })
        };
        Ok(gateways(cx).await?.iter().filter_map(found).collect())
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let tags = specification(cx, ResourceType::InternetGateway, &want.addr, &want.spec.tags);
        let ask = cx.fleet.region(cx.region()?).ec2.create_internet_gateway().tag_specifications(tags);
        let made = ask.customize().config_override(sent_once()).send().await.map_err(fault("ec2:CreateInternetGateway"))?;
        let id = made.internet_gateway().and_then(|gateway| gateway.internet_gateway_id());
        id.map(str::to_owned).ok_or_else(|| Fault::bug("CreateInternetGateway gave no id"))
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        change_ec2(cx, &found.id, &found.addr, &found.spec.tags, &want.spec.tags).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let ask = cx.fleet.region(cx.region()?).ec2.delete_internet_gateway().internet_gateway_id(&found.id);
        maybe(ask.send().await.map_err(fault("ec2:DeleteInternetGateway"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let seen = gateway(cx, id).await?;
        Ok(seen.map_or(Status::Gone, |_| Status::Ready(Outputs::of::<InternetGatewayId>(id))))
    }
}
