//! The registry: every kind of AWS resource mrctl knows, one line each. `docs/adding-a-kind.md` says how one is added.
//!
//! In: a model, facts, and clients. Out: wants and found things, in the words of `resource`.
use std::sync::Arc;

use crate::resource::{Erased, Kinds};

mod body;
mod layout;
mod watching;
mod wiring;

/// Declares a module for every line and registers its kind. `ec2 { vpc::Vpc }` is the type `Vpc` in `kinds/ec2/vpc.rs`.
///
/// rustfmt does not follow modules declared by a macro; these files are formatted with `cargo fmt -- src/kinds/*/*.rs`.
macro_rules! kinds {
    ($($service:ident { $($file:ident :: $kind:ident),+ $(,)? })+) => {
        $(pub mod $service { $(pub mod $file;)+ })+

        /// All kinds, in the order of the registry.
        #[must_use]
        pub fn all() -> Kinds {
            Kinds::new(vec![$($(Arc::new(Erased($service::$file::$kind))),+),+])
        }
    };
}

kinds! {
    ec2 {
        vpc::Vpc,
        subnet::Subnet,
        internet_gateway::InternetGateway,
        internet_gateway_attachment::InternetGatewayAttachment,
        elastic_ip::ElasticIp,
        nat_gateway::NatGateway,
        route_table::RouteTable,
        security_group::SecurityGroup,
        security_group_rules::SecurityGroupRules,
        vpc_endpoint::VpcEndpoint,
        vpc_peering_connection::VpcPeeringConnection,
        vpc_peering_connection_accepter::VpcPeeringConnectionAccepter,
        vpc_peering_connection_options::VpcPeeringConnectionOptions,
        vpc_peering_connection_routes::VpcPeeringConnectionRoutes,
    }
    dynamodb {
        table::Table,
    }
    acm {
        certificate::Certificate,
    }
    elasticloadbalancingv2 {
        load_balancer::LoadBalancer,
        target_group::TargetGroup,
        listener::Listener,
    }
    iam {
        role::Role,
    }
    logs {
        log_group::LogGroup,
    }
    ecs {
        cluster::Cluster,
        task_definition::TaskDefinition,
        service::Service,
    }
    route53 {
        hosted_zone::HostedZone,
        health_check::HealthCheck,
        record::Record,
        validation_record::ValidationRecord,
    }
    rds {
        subnet_group::SubnetGroup,
        cluster_parameter_group::ClusterParameterGroup,
        global_cluster::GlobalCluster,
        cluster::Cluster,
        instance::Instance,
    }
    secretsmanager {
        secret::Secret,
    }
    applicationautoscaling {
        scalable_target::ScalableTarget,
        scaling_policy::ScalingPolicy,
    }
    sns {
        topic::Topic,
    }
    cloudwatch {
        metric_alarm::MetricAlarm,
        composite_alarm::CompositeAlarm,
        dashboard::Dashboard,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn every_file_is_registered_under_a_name_of_its_own() {
        let kinds = all();
        let names: BTreeSet<&str> = kinds.iter().map(|kind| kind.traits().name).collect();
        assert_eq!(names.len(), kinds.iter().count(), "two kinds share a name");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kinds");
        for service in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
            for file in fs::read_dir(&service).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
                let name = format!("{}.{}", service.file_name().unwrap().display(), file.file_stem().unwrap().display());
                assert!(names.contains(name.as_str()), "{} is not registered as {name}", file.display());
            }
        }
    }

    #[test]
    fn every_kind_says_what_it_may_call() {
        for kind in all().iter().map(|kind| kind.traits()) {
            assert!(kind.permissions.len() >= 3, "{} does not say which IAM actions it needs", kind.name);
        }
    }
}
