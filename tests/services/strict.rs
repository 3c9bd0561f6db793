//! The strict layer's rules about ECS: each refuses what its source says, and lets the right request through.
use aws_sdk_applicationautoscaling::{
    Client as Scaling,
    types::{
        MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ServiceNamespace,
        TargetTrackingScalingPolicyConfiguration,
    },
};
use aws_sdk_ecs::types::{
    AwsVpcConfiguration, Compatibility, ContainerDefinition, LoadBalancer, NetworkConfiguration, NetworkMode, PortMapping,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::support::sandbox::{config, fresh_account};

fn clients() -> (aws_sdk_ecs::Client, Scaling) {
    let config = config(&fresh_account()).to_builder().region(aws_types::region::Region::new("us-east-1"));
    // What is refused is refused once: a retry would be another try.
    let config = config.retry_config(aws_config::retry::RetryConfig::disabled()).build();
    (aws_sdk_ecs::Client::new(&config), Scaling::new(&config))
}

fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(answer: Result<T, E>) -> (String, String) {
    let error = answer.expect_err("a refusal");
    (error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned())
}

fn register(
    ecs: &aws_sdk_ecs::Client,
    cpu: &str,
    memory: &str,
) -> aws_sdk_ecs::operation::register_task_definition::builders::RegisterTaskDefinitionFluentBuilder {
    let port = PortMapping::builder().container_port(80).build();
    let container = ContainerDefinition::builder().name("api").image("nginx").port_mappings(port).build();
    let ask = ecs.register_task_definition().family("api").cpu(cpu).memory(memory).network_mode(NetworkMode::Awsvpc);
    let ask = ask.execution_role_arn("arn:aws:iam::123456789012:role/execution").requires_compatibilities(Compatibility::Fargate);
    ask.container_definitions(container)
}

fn network() -> NetworkConfiguration {
    let within = AwsVpcConfiguration::builder().subnets("subnet-1").build().unwrap();
    NetworkConfiguration::builder().awsvpc_configuration(within).build()
}

#[tokio::test(flavor = "multi_thread")]
async fn ecs_refuses_what_the_emulator_allows() {
    let ecs = clients().0;
    let cluster = async || ecs.create_cluster().cluster_name("main").send().await;
    assert!(refusal(cluster().await).1.contains("service linked role"));
    cluster().await.unwrap();
    for (cpu, memory) in [("256", "4096"), ("300", "512"), ("4096", "8193"), ("256", "1536")] {
        assert!(refusal(register(&ecs, cpu, memory).send().await).1.contains("No Fargate configuration"), "{cpu} {memory}");
    }
    let made = register(&ecs, "256", "512").send().await.unwrap().task_definition.unwrap().task_definition_arn.unwrap();
    assert_eq!(refusal(ecs.delete_task_definitions().task_definitions(&made).send().await).0, "InvalidParameterException");

    let service = |name: &str| ecs.create_service().cluster("main").service_name(name).task_definition(&made).desired_count(1);
    assert!(refusal(service("api").send().await).1.contains("Network Configuration"));
    let balanced = |port| {
        LoadBalancer::builder()
            .target_group_arn("arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/a/1")
            .container_name("api")
            .container_port(port)
    };
    let ask = || service("api").network_configuration(network());
    assert!(refusal(ask().send().await).1.contains("ECS service role"));
    assert!(refusal(ask().health_check_grace_period_seconds(5).send().await).1.contains("grace period"));
    assert!(refusal(ask().load_balancers(balanced(80).build()).send().await).1.contains("associated load balancer"));
    ask().send().await.unwrap();
    assert_eq!(refusal(ask().send().await).1, "Creation of service was not idempotent.");

    let seen = async || ecs.describe_services().cluster("main").services("api").send().await.unwrap();
    assert_eq!(seen().await.failures()[0].reason(), Some("MISSING"));
    let state = async || {
        let service = seen().await.services.unwrap().remove(0);
        format!("{} {}", service.status().unwrap(), service.deployments()[0].rollout_state().unwrap().as_str())
    };
    assert_eq!([state().await, state().await, state().await], ["ACTIVE IN_PROGRESS", "ACTIVE IN_PROGRESS", "ACTIVE COMPLETED"]);

    assert_eq!(refusal(ecs.delete_cluster().cluster("main").send().await).0, "ClusterContainsServicesException");
    ecs.deregister_task_definition().task_definition(&made).send().await.unwrap();
    let other = service("other").network_configuration(network());
    assert!(refusal(other.send().await).1.contains("inactive"));
    ecs.delete_service().cluster("main").service("api").force(true).send().await.unwrap();
    assert!(refusal(ask().send().await).1.contains("still Draining"));
    assert!(state().await.starts_with("DRAINING"));
    assert_eq!(refusal(ecs.update_service().cluster("main").service("api").desired_count(2).send().await).0, "ServiceNotActiveException");
    ecs.delete_cluster().cluster("main").send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_scaled_only_while_it_is_there_and_its_tasks_come_back() {
    let (ecs, scaling) = clients();
    let cluster = async || ecs.create_cluster().cluster_name("main").send().await;
    cluster().await.unwrap_err();
    cluster().await.unwrap();
    let made = register(&ecs, "256", "512").send().await.unwrap().task_definition.unwrap().task_definition_arn.unwrap();
    let service = || ecs.create_service().cluster("main").service_name("api").task_definition(&made).desired_count(3);
    let scaled = async |min: i32| {
        let ask = scaling.register_scalable_target().resource_id("service/main/api").service_namespace(ServiceNamespace::Ecs);
        ask.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).min_capacity(min).max_capacity(4).send().await
    };
    let put = async |name: &str, metric: MetricType, label: Option<&str>| {
        let metric = PredefinedMetricSpecification::builder().predefined_metric_type(metric).set_resource_label(label.map(str::to_owned));
        let tracking = TargetTrackingScalingPolicyConfiguration::builder().target_value(50.0);
        let tracking = tracking.predefined_metric_specification(metric.build().unwrap()).build().unwrap();
        let ask = scaling.put_scaling_policy().policy_name(name).resource_id("service/main/api").service_namespace(ServiceNamespace::Ecs);
        let ask = ask.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).policy_type(PolicyType::TargetTrackingScaling);
        ask.target_tracking_scaling_policy_configuration(tracking).send().await
    };
    let cpu = MetricType::EcsServiceAverageCpuUtilization;
    // 7.4.3
    assert!(refusal(scaled(2).await).1.contains("ECS service doesn't exist"));
    service().network_configuration(network()).send().await.unwrap_err();
    service().network_configuration(network()).send().await.unwrap();
    assert_eq!(refusal(put("cpu", cpu.clone(), None).await).0, "ObjectNotFoundException");
    assert!(refusal(scaled(2).await).1.contains("Unable to assume IAM role"));
    scaled(2).await.unwrap();
    put("cpu", cpu.clone(), None).await.unwrap();
    // 50: one for each metric, and a target that is left raises the count.
    assert!(refusal(put("other", cpu, None).await).1.contains("Only one TargetTracking"));
    put("memory", MetricType::EcsServiceAverageMemoryUtilization, None).await.unwrap();
    for label in [None, Some("app/api/1/targetgroup/api/1")] {
        assert!(refusal(put("requests", MetricType::AlbRequestCountPerTarget, label).await).1.contains("resource label"));
    }
    let stop = async || ecs.update_service().cluster("main").service("api").desired_count(0).send().await;
    let delete = async || ecs.delete_service().cluster("main").service("api").send().await;
    stop().await.unwrap();
    assert!(refusal(delete().await).1.contains("scaled above 0"));
    let ask = scaling.deregister_scalable_target().resource_id("service/main/api").service_namespace(ServiceNamespace::Ecs);
    ask.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).send().await.unwrap();
    let left = scaling.describe_scaling_policies().service_namespace(ServiceNamespace::Ecs).send().await.unwrap();
    assert!(left.scaling_policies().is_empty());
    stop().await.unwrap();
    delete().await.unwrap();
}
