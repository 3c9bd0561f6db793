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
        Alarm, AlarmMember, CustomMetric, Model, Watches,
        metrics::{Dimension, METRICS, Metric, Place},
    },
};

/// By AWS's name of the dimension.
pub(super) type Dimensions = BTreeMap<String, Given>;

/// What one of several alarms of a region on the same subject is of.
#[derive(Clone, Debug)]
pub(super) enum Beside {
    Nothing,
    /// The region that receives what this one replicates.
    Receiving(Region),
    /// A NAT gateway.
    Gateway(String),
}

impl Beside {
    /// What follows the key of the alarm in its name.
    fn suffix(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Receiving(region) => Some(region.to_string()),
            // `nat-1` is the first.
            Self::Gateway(name) => Some(name.rsplit('-').next().unwrap_or(name).to_owned()),
        }
    }
}

/// One alarm that the topology wants.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    /// Where it stands.
    pub region: Region,
    /// The region whose part of the subject it watches.
    pub of: &'a Region,
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

/// What there is one alarm of, and one line in a chart, in a region.
pub(super) fn parts(model: &Model, facts: &Facts, place: Place, key: &str, of: &Region) -> Vec<Beside> {
    match place {
        Place::Region | Place::UsEast1 => vec![Beside::Nothing],
        Place::Pairs => {
            let members = model.tables.get(key).into_iter().flat_map(|table| table.members.keys());
            members.filter(|region| *region != of).cloned().map(Beside::Receiving).collect()
        }
        Place::NatGateways => nat_gateway::names_in(model, of, facts).into_iter().map(Beside::Gateway).collect(),
    }
}

/// The dimensions of a metric of the table, for a subject in a region.
pub(super) fn dimensions(metric: &Metric, key: &str, of: &Region, beside: &Beside) -> Dimensions {
    let scope = Scope::from(of);
    let value = |dimension: Dimension| match (dimension, beside) {
        (Dimension::LoadBalancer, _) => by::<LoadBalancerDimension>(&scope, key),
        (Dimension::TargetGroup, _) => by::<TargetGroupDimension>(&scope, key),
        (Dimension::ClusterName, _) => by::<ClusterName>(&scope, cluster::MAIN),
        (Dimension::ServiceName, _) => by::<ServiceName>(&scope, key),
        (Dimension::TableName, _) => by::<TableName>(&scope, key),
        (Dimension::DbClusterIdentifier, _) => by::<ClusterId>(&scope, key),
        (Dimension::HealthCheckId, _) => by::<HealthCheckId>(&Scope::Global, &health_check::name_of(key, of)),
        (Dimension::ReceivingRegion, Beside::Receiving(region)) => Given::Text(region.to_string()),
        (Dimension::NatGatewayId, Beside::Gateway(name)) => by::<NatGatewayId>(&scope, name),
        (Dimension::ReceivingRegion | Dimension::NatGatewayId, _) => Given::Text(String::new()),
    };
    metric.dimensions.iter().map(|dimension| (dimension.as_str().to_owned(), value(*dimension))).collect()
}

fn by<T: Output>(scope: &Scope, name: &str) -> Given {
    Given::by(Ref::<T>::to(scope, name))
}

/// The dimensions of a metric that the application sends itself, in a region.
fn custom(model: &Model, facts: &Facts, metric: &CustomMetric, of: &Region) -> Dimensions {
    let close = |text: &String| facts.with_account(&text.replace("{region}", of.as_str()).replace("{stack}", &model.stack));
    metric.dimensions.iter().map(|(name, value)| (name.clone(), Given::Text(close(value)))).collect()
}

/// Every alarm that the topology wants, in the order of the file.
pub(super) fn placed<'a>(model: &'a Model, facts: &Facts) -> Vec<Placed<'a>> {
    let mut all = Vec::new();
    for (key, alarm) in &model.alarms {
        for (of, member) in &alarm.members {
            all.extend(placed_in(model, facts, key, alarm, of, member));
        }
    }
    all
}

fn placed_in<'a>(
    model: &Model,
    facts: &Facts,
    key: &str,
    alarm: &'a Alarm,
    of: &'a Region,
    member: &'a AlarmMember,
) -> Vec<Placed<'a>> {
    let watches = &alarm.watches;
    let (metric, subject) = match watches {
        Watches::Custom(metric) => {
            let dimensions = custom(model, facts, metric, of);
            return vec![Placed { region: of.clone(), of, name: key.to_owned(), watches, member, dimensions }];
        }
        Watches::Named { metric, key } => (metric, key),
    };
    let one = |beside: Beside| {
        let suffix = beside.suffix().or_else(|| (metric.place == Place::UsEast1).then(|| of.to_string()));
        let name = suffix.map_or_else(|| key.to_owned(), |suffix| format!("{key}-{suffix}"));
        let dimensions = dimensions(metric, subject, of, &beside);
        Placed { region: home(metric.place, of), of, name, watches, member, dimensions }
    };
    parts(model, facts, metric.place, subject, of).into_iter().map(one).collect()
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
