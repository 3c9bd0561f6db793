//! What a serving stack is made of, as anyone sees it: nothing of mrctl between these clients and the local AWS.
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_ecs::types::TaskDefinitionStatus;

use super::sandbox::running;

/// Where the things of no region are counted.
const HOME: &str = "us-east-1";

/// Everything there of containers, load balancers, certificates and logs; in `us-east-1` of roles and names, too. What ECS shows
/// of a service or a revision after it is gone is left out.
pub async fn leftovers(account: &str, region: &str) -> Vec<String> {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(&running().endpoint)
        .http_client(super::aws::http())
        .region(aws_config::Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(account, "sandbox", None, None, "tests")))
        .build();
    let mut left: Vec<String> = Vec::new();
    let ecs = aws_sdk_ecs::Client::new(&config);
    for cluster in ecs.list_clusters().send().await.unwrap().cluster_arns() {
        let services = ecs.list_services().cluster(cluster).send().await.unwrap();
        left.extend(services.service_arns().iter().cloned());
        let seen = ecs.describe_clusters().clusters(cluster).send().await.unwrap();
        left.extend(seen.clusters().iter().filter(|one| one.status() == Some("ACTIVE")).filter_map(|one| one.cluster_arn.clone()));
    }
    let revisions = ecs.list_task_definitions().status(TaskDefinitionStatus::Active).send().await.unwrap();
    left.extend(revisions.task_definition_arns().iter().cloned());
    let balancing = aws_sdk_elasticloadbalancingv2::Client::new(&config);
    for balancer in balancing.describe_load_balancers().send().await.unwrap().load_balancers() {
        let arn = balancer.load_balancer_arn().unwrap();
        let listeners = balancing.describe_listeners().load_balancer_arn(arn).send().await.unwrap();
        left.extend(listeners.listeners().iter().filter_map(|one| one.listener_arn.clone()));
        left.push(arn.to_owned());
    }
    let groups = balancing.describe_target_groups().send().await.unwrap();
    left.extend(groups.target_groups().iter().filter_map(|one| one.target_group_arn.clone()));
    let certificates = aws_sdk_acm::Client::new(&config).list_certificates().send().await.unwrap();
    left.extend(certificates.certificate_summary_list().iter().filter_map(|one| one.certificate_arn.clone()));
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config).describe_log_groups().send().await.unwrap();
    left.extend(logs.log_groups().iter().filter_map(|one| one.log_group_name.clone()));
    if region == HOME {
        let roles = aws_sdk_iam::Client::new(&config).list_roles().path_prefix("/mrctl/").send().await.unwrap();
        left.extend(roles.roles().iter().map(|role| role.role_name().to_owned()));
        let names = config.to_builder().endpoint_url(running().endpoint_of("Route 53")).build();
        let names = aws_sdk_route53::Client::new(&names);
        for zone in names.list_hosted_zones().send().await.unwrap().hosted_zones() {
            let sets = names.list_resource_record_sets().hosted_zone_id(zone.id()).send().await.unwrap();
            left.extend(sets.resource_record_sets().iter().map(|set| format!("{} {:?}", set.name(), set.set_identifier())));
            left.push(zone.id().to_owned());
        }
        let checks = names.list_health_checks().send().await.unwrap();
        left.extend(checks.health_checks().iter().map(|check| check.id().to_owned()));
    }
    left.into_iter().map(|id| format!("{region}: {id}")).collect()
}
