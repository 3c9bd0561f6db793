//! The strict layer's rules about ECS: each refuses what its source says, and lets the right request through.
use aws_sdk_ecs::types::{
    AwsVpcConfiguration, Compatibility, ContainerDefinition, LoadBalancer, NetworkConfiguration, NetworkMode, PortMapping,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::support::sandbox::{config, fresh_account};

fn client() -> aws_sdk_ecs::Client {
    let config = config(&fresh_account()).to_builder().region(aws_types::region::Region::new("us-east-1"));
    // What is refused is refused once: a retry would be another try.
    aws_sdk_ecs::Client::new(&config.retry_config(aws_config::retry::RetryConfig::disabled()).build())
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
    let ecs = client();
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
