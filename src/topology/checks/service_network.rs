//! Where the tasks of a service run, and how they reach what they need.
use super::{
    service_containers::{image_uri, registry_region},
    services::Here,
};
use crate::topology::{
    codes,
    decode::NetworkDraft,
    model::{LoadBalancer, NatGateways},
    node::shortened,
    report::{At, Problem},
    services::load_balancer,
    suggest,
};

pub fn network(here: &Here<'_>, problems: &mut Vec<Problem>) {
    let Some(network) = &here.draft.network else {
        problems.push(
            Problem::new(codes::SERVICE_NETWORK, format!("the service `{}` has no network to run in", shortened(&here.service.key.value)))
                .at(here.service.key.span, "needs private subnets")
                .help("add the section `network`, or name a VPC of yours under `network.existing`"),
        );
        return;
    };
    match network.existing.iter().find(|(region, _)| region.value == here.region) {
        // Where its routes lead is not known before AWS is read.
        Some((region, Some(found))) => subnets(here, region, found.public_subnets.len(), found.private_subnets.len(), problems),
        Some((_, None)) => {}
        None if network.nat_gateways.as_ref().is_none_or(|nat| nat.value == NatGateways::None) => no_way_out(here, network, problems),
        None => {}
    }
}

fn subnets(here: &Here<'_>, existing: &At<String>, public: usize, private: usize, problems: &mut Vec<Problem>) {
    let load_balancer = load_balancer(here.member);
    let mut lacks = |least: usize, what: &str, why: &str| {
        problems.push(
            Problem::new(
                codes::SERVICE_NETWORK,
                format!("the service `{}` needs {what} in `{}`", shortened(&here.service.key.value), here.region),
            )
            .at(existing.span, format!("has too few for {why}"))
            .at(here.service.key.span, "this service")
            .help(format!("list at least {least}: `{}_subnets: [subnet-…]`", if what.contains("public") { "public" } else { "private" })),
        );
    };
    if load_balancer == LoadBalancer::Public && public < 2 {
        lacks(2, "two public subnets", "its load balancer");
    }
    if load_balancer == LoadBalancer::Internal && private < 2 {
        lacks(2, "two private subnets", "its load balancer");
    } else if private < 1 {
        lacks(1, "a private subnet", "its tasks");
    }
}

/// Without a NAT gateway only what has an endpoint can be reached (design, "Without NAT").
fn no_way_out(here: &Here<'_>, network: &NetworkDraft, problems: &mut Vec<Problem>) {
    let member = here.member;
    let is = |flag: &Option<At<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    let needs = [
        ("s3", true),
        ("ecr.api", true),
        ("ecr.dkr", true),
        ("logs", true),
        ("dynamodb", !member.tables.is_empty()),
        ("secretsmanager", !member.secrets.is_empty() || !member.aurora.is_empty()),
        ("ssmmessages", is(&member.exec)),
    ];
    let has = |name: &str| network.endpoints.iter().flat_map(|list| &list.value).any(|given| given.value == name);
    let missing: Vec<&str> = needs.iter().filter(|(name, needed)| *needed && !has(name)).map(|(name, _)| *name).collect();
    let key = &here.service.key;
    if !missing.is_empty() {
        problems.push(
            Problem::new(
                codes::SERVICE_NO_WAY_OUT,
                format!("without a NAT gateway the service `{}` needs more endpoints", shortened(&key.value)),
            )
            .at(key.span, format!("needs {}", suggest::list(&missing)))
            .at(network.key, "has no NAT gateway")
            .help(format!("add to `network.endpoints`: {}; or write `nat_gateways: per_zone`", missing.join(", "))),
        );
    }
    // What is wrong with its name is reported with the image.
    let Some(uri) = image_uri(here, &mut Vec::new()) else { return };
    if registry_region(&uri.value) != Some(here.region) {
        problems.push(
            Problem::new(codes::SERVICE_NO_WAY_OUT, format!("without a NAT gateway tasks in `{}` cannot get this image", here.region))
                .at(uri.span, "not in an ECR registry of that region")
                .at(network.key, "has no NAT gateway")
                .help(
                    "copy the image to ECR and write `{account}.dkr.ecr.{region}.amazonaws.com/NAME:TAG`, or write `nat_gateways: per_zone`",
                ),
        );
    }
}
