//! Which alarms a topology has, where each stands, and what its dimensions refer to; the dashboard draws the same metrics.
//!
//! In: the model and the metric table. Out: places and dimensions, with references to what they name, so that a thing is there before
//! it is watched and what is watched is followed when it is made anew.
use std::collections::BTreeMap;

use super::{
    dynamodb::table::TableName,
    ec2::nat_gateway::{self, NatGatewayId},
    ecs::{
        cluster::{self, ClusterName},
        service::ServiceName,
    },
    elasticloadbalancingv2::{load_balancer::LoadBalancerDimension, target_group::TargetGroupDimension},
    rds::cluster::ClusterId,
    route53::health_check::{self, HealthCheckId},
};
use crate::{
    aws::dns::HOME,
    resource::{Facts, Given, Output, Ref, Region, Scope},
    topology::{
        AlarmMember, CustomMetric, Model, PlacementOf, Watches,
        metrics::{Dimension, METRICS, Metric, Place},
    },
};

/// By AWS's name of the dimension.
pub(super) type Dimensions = BTreeMap<String, Given>;

/// One alarm that the topology wants.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    /// Where it stands.
    pub region: Region,
    /// The region whose part of the subject it watches.
    pub of: Region,
    /// The key in the file.
    pub key: &'a str,
    /// Its name in its address.
    pub name: String,
    pub watches: &'a Watches,
    pub member: &'a AlarmMember,
    pub dimensions: Dimensions,
}

/// The region in which a metric of something in `of` is to be found.
pub(super) fn home(place: Place, of: &Region) -> Region {
    match place {
        Place::Region | Place::Pairs | Place::NatGateways => of.clone(),
        Place::UsEast1 => Region::new(HOME),
    }
}

/// What there is one line of in a chart of a region, as there is one alarm.
pub(super) fn parts(model: &Model, facts: &Facts, place: Place, key: &str, of: &Region) -> Vec<PlacementOf> {
    match place {
        Place::Region | Place::UsEast1 => vec![PlacementOf::Region],
        Place::Pairs => {
            let members = model.tables.get(key).into_iter().flat_map(|table| table.members.keys());
            members.filter(|region| *region != of).cloned().map(PlacementOf::Receiving).collect()
        }
        Place::NatGateways => gateways(model, of, facts).into_iter().map(PlacementOf::NatGateway).collect(),
    }
}

/// The numbers of the NAT gateways of a region.
fn gateways(model: &Model, region: &Region, facts: &Facts) -> Vec<usize> {
    let number = |name: String| name.rsplit('-').next()?.parse().ok();
    nat_gateway::names_in(model, region, facts).into_iter().filter_map(number).collect()
}

/// The dimensions of a metric of the table, for a subject in a region. `operation`: that of DynamoDB which the metric is of.
pub(super) fn dimensions(metric: &Metric, key: &str, operation: Option<&str>, of: &Region, part: &PlacementOf) -> Dimensions {
    let scope = Scope::from(of);
    let value = |dimension: Dimension| match (dimension, part) {
        (Dimension::LoadBalancer, _) => by::<LoadBalancerDimension>(&scope, key),
        (Dimension::TargetGroup, _) => by::<TargetGroupDimension>(&scope, key),
        (Dimension::ClusterName, _) => by::<ClusterName>(&scope, cluster::MAIN),
        (Dimension::ServiceName, _) => by::<ServiceName>(&scope, key),
        (Dimension::TableName, _) => by::<TableName>(&scope, key),
        (Dimension::Operation, _) => Given::Text(operation.unwrap_or_default().to_owned()),
        (Dimension::DbClusterIdentifier, _) => by::<ClusterId>(&scope, key),
        (Dimension::HealthCheckId, _) => by::<HealthCheckId>(&Scope::Global, &health_check::name_of(key, of)),
        (Dimension::ReceivingRegion, PlacementOf::Receiving(region)) => Given::Text(region.to_string()),
        (Dimension::NatGatewayId, PlacementOf::NatGateway(number)) => by::<NatGatewayId>(&scope, &format!("nat-{number}")),
        // A metric with one of these is placed so (a test of the table holds it to that).
        (Dimension::ReceivingRegion | Dimension::NatGatewayId, _) => Given::Text(String::new()),
    };
    metric.dimensions.iter().map(|dimension| (dimension.as_str().to_owned(), value(*dimension))).collect()
}

fn by<T: Output>(scope: &Scope, name: &str) -> Given {
    Given::by(Ref::<T>::to(scope, name))
}

/// Every alarm that the topology wants, in the order of the file.
pub(super) fn placed<'a>(model: &'a Model, facts: &Facts) -> Vec<Placed<'a>> {
    let mut all = Vec::new();
    for (key, alarm) in &model.alarms {
        for at in alarm.placements(key, model, |region| gateways(model, region, facts)) {
            let Some(member) = alarm.members.get(&at.watched) else { continue };
            let dimensions = match &alarm.watches {
                Watches::Custom(metric) => words(facts, metric, &at.watched),
                Watches::Named { metric, key, operation } => dimensions(metric, key, operation.as_deref(), &at.watched, &at.of),
            };
            let (region, of, name) = (at.stands, at.watched, at.name);
            all.push(Placed { region, of, key, name, watches: &alarm.watches, member, dimensions });
        }
    }
    all
}

/// The dimensions of a metric that the application sends itself, in a region.
pub(super) fn words(facts: &Facts, metric: &CustomMetric, of: &Region) -> Dimensions {
    metric.dimensions_in(of).into_iter().map(|(name, value)| (name, Given::Text(facts.with_account(&value)))).collect()
}

/// Dimensions as they were found: those of a metric of the table are references, so that an alarm or a chart is seen to hang on
/// what it names. Those of any other metric are words.
pub(super) fn found<'a>(
    namespace: &str,
    name: &str,
    region: &Region,
    dimensions: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Dimensions {
    let is_named = METRICS.iter().any(|metric| metric.namespace == namespace && metric.aws_name == name);
    let scope = Scope::from(region);
    let read = |(name, value): (&'a str, &'a str)| {
        let given = match name {
            _ if !is_named => Given::Text(value.to_owned()),
            "LoadBalancer" => is::<LoadBalancerDimension>(&scope, value),
            "TargetGroup" => is::<TargetGroupDimension>(&scope, value),
            "ClusterName" => is::<ClusterName>(&scope, value),
            "ServiceName" => is::<ServiceName>(&scope, value),
            "TableName" => is::<TableName>(&scope, value),
            "DBClusterIdentifier" => is::<ClusterId>(&scope, value),
            "HealthCheckId" => is::<HealthCheckId>(&Scope::Global, value),
            "NatGatewayId" => is::<NatGatewayId>(&scope, value),
            _ => Given::Text(value.to_owned()),
        };
        (name.to_owned(), given)
    };
    dimensions.into_iter().map(read).collect()
}

fn is<T: Output>(scope: &Scope, value: &str) -> Given {
    Given::by(Ref::<T>::is(scope, value))
}

/// Those of a metric that the file names by its namespace, which are words there, too.
pub(super) fn as_words(dimensions: Dimensions) -> Dimensions {
    let word = |given: Given| match given.get() {
        Ok(value) => Given::Text(value.to_owned()),
        Err(_) => given,
    };
    dimensions.into_iter().map(|(name, given)| (name, word(given))).collect()
}
