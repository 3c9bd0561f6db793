//! The strict layer itself: it refuses what its rules say, and shows the states that take time.
use aws_sdk_applicationautoscaling::{
    Client as Scaling,
    types::{
        MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ServiceNamespace,
        TargetTrackingScalingPolicyConfiguration,
    },
};
use aws_sdk_dynamodb::{
    Client as DynamoDb,
    types::{
        AttributeDefinition, BillingMode, CreateReplicationGroupMemberAction, DeleteReplicationGroupMemberAction, KeySchemaElement,
        KeyType, PointInTimeRecoverySpecification, ProvisionedThroughput, ReplicationGroupUpdate, ScalarAttributeType, StreamSpecification,
        StreamViewType,
    },
};
use aws_sdk_ec2::{Client as Ec2, types::VpcAttributeName};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::support::sandbox::{config, fresh_account, strict};

fn clients(account: &str, region: &str) -> (Ec2, DynamoDb) {
    let config = config(account).to_builder().region(aws_types::region::Region::new(region.to_owned()));
    // What is refused is refused once: a retry would be another try.
    let config = config.retry_config(aws_config::retry::RetryConfig::disabled()).build();
    (Ec2::new(&config), DynamoDb::new(&config))
}

fn code<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(answer: Result<T, E>) -> String {
    answer.expect_err("a refusal").code().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn ec2_refuses_what_the_emulator_allows() {
    let account = fresh_account();
    let (ec2, _) = clients(&account, "us-east-1");
    let vpc = async |range: &str| ec2.create_vpc().cidr_block(range).send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    assert_eq!(code(ec2.create_vpc().cidr_block("10.0.0.0/8").send().await), "InvalidVpc.Range");
    let two = |on: bool| aws_sdk_ec2::types::AttributeBooleanValue::builder().value(on).build();
    let (main, other) = (vpc("10.0.0.0/16").await, vpc("10.1.0.0/16").await);
    let seen = async || ec2.describe_vpcs().vpc_ids(&main).send().await.unwrap().vpcs()[0].state().unwrap().as_str().to_owned();
    assert_eq!([seen().await, seen().await, seen().await], ["pending", "pending", "available"]);

    let both = ec2.modify_vpc_attribute().vpc_id(&main).enable_dns_support(two(true)).enable_dns_hostnames(two(true));
    assert_eq!(code(both.send().await), "InvalidParameterCombination");
    ec2.modify_vpc_attribute().vpc_id(&main).enable_dns_hostnames(two(true)).send().await.unwrap();
    let hostnames = async || {
        let seen = ec2.describe_vpc_attribute().vpc_id(&main).attribute(VpcAttributeName::EnableDnsHostnames).send().await.unwrap();
        seen.enable_dns_hostnames().and_then(|flag| flag.value()).unwrap()
    };
    assert_eq!([hostnames().await, hostnames().await, hostnames().await], [false, false, true]);

    let subnet = async |range: &str| ec2.create_subnet().vpc_id(&main).cidr_block(range).send().await;
    let private = subnet("10.0.0.0/20").await.unwrap().subnet.unwrap().subnet_id.unwrap();
    assert_eq!(code(subnet("10.0.8.0/24").await), "InvalidSubnet.Conflict");
    assert_eq!(code(subnet("10.9.0.0/24").await), "InvalidSubnet.Range");
    assert_eq!(code(subnet("10.0.16.0/29").await), "InvalidSubnet.Range");

    let gateway = async || {
        let made = ec2.create_internet_gateway().send().await.unwrap().internet_gateway.unwrap();
        made.internet_gateway_id.unwrap()
    };
    let (first, second) = (gateway().await, gateway().await);
    let attach = async |id: &str| ec2.attach_internet_gateway().vpc_id(&main).internet_gateway_id(id).send().await;
    attach(&first).await.unwrap();
    assert_eq!(code(attach(&first).await), "Resource.AlreadyAssociated");
    assert_eq!(code(attach(&second).await), "InvalidParameterValue");
    assert_eq!(code(ec2.detach_internet_gateway().vpc_id(&main).internet_gateway_id(&second).send().await), "Gateway.NotAttached");
    assert_eq!(code(ec2.delete_internet_gateway().internet_gateway_id(&first).send().await), "DependencyViolation");

    let made = ec2.create_route_table().vpc_id(&main).send().await.unwrap();
    let table = made.route_table.unwrap().route_table_id.unwrap();
    let route = async |gateway: &str, to: &str| {
        ec2.create_route().route_table_id(&table).destination_cidr_block(to).gateway_id(gateway).send().await
    };
    assert_eq!(code(route(&second, "0.0.0.0/0").await), "InvalidParameterValue");
    route(&first, "0.0.0.0/0").await.unwrap();
    assert_eq!(code(route(&first, "0.0.0.0/0").await), "RouteAlreadyExists");
    let local = ec2.delete_route().route_table_id(&table).destination_cidr_block("10.0.0.0/16").send().await;
    assert_eq!(code(local), "InvalidParameterValue");
    let associate = async || ec2.associate_route_table().route_table_id(&table).subnet_id(&private).send().await;
    associate().await.unwrap();
    assert_eq!(code(associate().await), "Resource.AlreadyAssociated");
    assert_eq!(code(ec2.delete_route_table().route_table_id(&table).send().await), "DependencyViolation");

    let made = ec2.create_network_interface().subnet_id(&private).send().await.unwrap();
    let interface = made.network_interface.unwrap().network_interface_id.unwrap();
    strict().linger(&account, "us-east-1", &interface, None);
    assert_eq!(code(ec2.delete_network_interface().network_interface_id(&interface).send().await), "AuthFailure");
    assert_eq!(code(ec2.delete_subnet().subnet_id(&private).send().await), "DependencyViolation");
    assert_eq!(code(ec2.delete_vpc().vpc_id(&main).send().await), "DependencyViolation");
    ec2.delete_vpc().vpc_id(&other).send().await.unwrap();
}

struct Table {
    name: &'static str,
}

impl Table {
    async fn create(&self, client: &DynamoDb) -> Result<(), String> {
        let attribute = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S).build().unwrap();
        let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap();
        let ask = client.create_table().table_name(self.name).attribute_definitions(attribute).key_schema(key);
        let answer = ask.billing_mode(BillingMode::PayPerRequest).send().await;
        answer.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
    }

    async fn replicate(&self, client: &DynamoDb, to: &[&str]) -> Result<(), String> {
        let update = |region: &&str| {
            let create = CreateReplicationGroupMemberAction::builder().region_name(*region).build().unwrap();
            ReplicationGroupUpdate::builder().create(create).build()
        };
        let ask = client.update_table().table_name(self.name).set_replica_updates(Some(to.iter().map(update).collect()));
        ask.send().await.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
    }

    async fn status(&self, client: &DynamoDb) -> String {
        match client.describe_table().table_name(self.name).send().await {
            Ok(seen) => seen.table.unwrap().table_status.unwrap().as_str().to_owned(),
            Err(error) => error.code().unwrap_or_default().to_owned(),
        }
    }

    /// Looks until nothing is under way.
    async fn settle(&self, client: &DynamoDb) {
        while self.status(client).await != "ACTIVE" {}
    }

    async fn delete(&self, client: &DynamoDb) -> Result<(), String> {
        let answer = client.delete_table().table_name(self.name).send().await;
        answer.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamodb_refuses_what_the_emulator_allows() {
    let account = fresh_account();
    let [us, eu, ap] = ["us-east-1", "eu-west-1", "ap-southeast-2"].map(|region| clients(&account, region).1);
    let table = Table { name: "Orders" };
    let refused = |code: &str| Err(code.to_owned());
    table.create(&us).await.unwrap();
    // 41: outside ACTIVE, and backups that are being enabled.
    assert_eq!(table.delete(&us).await, refused("ResourceInUseException"));
    assert_eq!([table.status(&us).await, table.status(&us).await], ["CREATING", "ACTIVE"]);
    let recovery = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build().unwrap();
    let recover = async || {
        let ask = us.update_continuous_backups().table_name("Orders").point_in_time_recovery_specification(recovery.clone());
        ask.send().await
    };
    assert_eq!(code(recover().await), "ContinuousBackupsUnavailableException");
    recover().await.unwrap();
    // 1 and 2: one replica a call, alone.
    assert_eq!(table.replicate(&us, &["eu-west-1", "ap-southeast-2"]).await, refused("ValidationException"));
    table.replicate(&us, &["eu-west-1"]).await.unwrap();
    assert_eq!(table.replicate(&us, &["ap-southeast-2"]).await, refused("ResourceInUseException"));
    // 3: absent, then being made, then there.
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(table.status(&eu).await);
    }
    assert_eq!(seen, ["ResourceNotFoundException", "ResourceNotFoundException", "CREATING", "CREATING", "ACTIVE"]);
    table.settle(&us).await;
    table.replicate(&us, &["ap-southeast-2"]).await.unwrap();
    table.settle(&ap).await;
    table.settle(&us).await;
    let stream = StreamSpecification::builder().stream_enabled(false).build().unwrap();
    assert_eq!(code(us.update_table().table_name("Orders").stream_specification(stream).send().await), "ValidationException");
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages).build().unwrap();
    let both = us.update_table().table_name("Orders").stream_specification(stream.clone()).deletion_protection_enabled(true);
    assert_eq!(code(both.send().await), "ValidationException");
    assert_eq!(code(us.update_table().table_name("Orders").stream_specification(stream).send().await), "ValidationException");
    // 3.2.6: not over a protection, from wherever.
    ap.update_table().table_name("Orders").deletion_protection_enabled(true).send().await.unwrap();
    table.settle(&ap).await;
    let delete = DeleteReplicationGroupMemberAction::builder().region_name("ap-southeast-2").build().unwrap();
    let delete = ReplicationGroupUpdate::builder().delete(delete).build();
    assert_eq!(code(us.update_table().table_name("Orders").replica_updates(delete).send().await), "ValidationException");
    // 38: the source of a replica stays for a day, or until the replica is gone.
    assert_eq!(table.delete(&us).await, refused("ValidationException"));
    table.delete(&eu).await.unwrap();
    assert_eq!([table.status(&eu).await, table.status(&eu).await], ["DELETING", "DELETING"]);
    assert_eq!(table.status(&eu).await, "ResourceNotFoundException");
    assert_eq!(table.delete(&us).await, refused("ValidationException"));
    crate::support::sandbox::strict().move_clock(&account, jiff::SignedDuration::from_hours(25));
    table.delete(&us).await.unwrap();
    assert_eq!(table.status(&ap).await, "ACTIVE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provisioned_table_is_copied_only_when_its_writes_are_scaled() {
    let account = fresh_account();
    let client = clients(&account, "us-east-1").1;
    let config = config(&account).to_builder().region(aws_types::region::Region::new("us-east-1"));
    let scaling = Scaling::new(&config.retry_config(aws_config::retry::RetryConfig::disabled()).build());
    let table = Table { name: "Orders" };
    table.create(&client).await.unwrap();
    table.settle(&client).await;
    let refused = |code: &str| Err(code.to_owned());
    let throughput = |units: i64| ProvisionedThroughput::builder().read_capacity_units(units).write_capacity_units(units).build().unwrap();
    let update = || client.update_table().table_name("Orders");
    // 3.1.3 and 3.1.9: none on demand, some when provisioned, and not the same again.
    assert_eq!(code(update().provisioned_throughput(throughput(1)).send().await), "ValidationException");
    assert_eq!(code(update().billing_mode(BillingMode::Provisioned).send().await), "ValidationException");
    update().billing_mode(BillingMode::Provisioned).provisioned_throughput(throughput(1)).send().await.unwrap();
    table.settle(&client).await;
    assert_eq!(code(update().provisioned_throughput(throughput(1)).send().await), "ValidationException");

    let dimension = ScalableDimension::DynamoDbTableWriteCapacityUnits;
    let register = async |table: &str, min: i32| {
        let ask = scaling.register_scalable_target().resource_id(table).scalable_dimension(dimension.clone());
        ask.service_namespace(ServiceNamespace::Dynamodb).min_capacity(min).max_capacity(2).send().await
    };
    let put = async |name: &str, target: f64| {
        let metric = PredefinedMetricSpecification::builder().predefined_metric_type(MetricType::DynamoDbWriteCapacityUtilization);
        let tracking = TargetTrackingScalingPolicyConfiguration::builder().target_value(target);
        let tracking = tracking.predefined_metric_specification(metric.build().unwrap()).build().unwrap();
        let ask = scaling.put_scaling_policy().policy_name(name).resource_id("table/Orders").scalable_dimension(dimension.clone());
        let ask = ask.service_namespace(ServiceNamespace::Dynamodb).policy_type(PolicyType::TargetTrackingScaling);
        ask.target_tracking_scaling_policy_configuration(tracking).send().await
    };
    // 39: target and policy.
    assert_eq!(table.replicate(&client, &["eu-west-1"]).await, refused("ValidationException"));
    assert_eq!(code(put("first", 70.0).await), "ObjectNotFoundException");
    assert_eq!(code(register("table/Nothing", 1).await), "ValidationException");
    assert_eq!(code(register("table/Orders", 3).await), "ValidationException");
    register("table/Orders", 1).await.unwrap();
    assert_eq!(table.replicate(&client, &["eu-west-1"]).await, refused("ValidationException"));
    assert_eq!(code(put("first", 95.0).await), "ValidationException");
    put("first", 70.0).await.unwrap();
    // 50: one for each metric, by whatever name.
    assert_eq!(code(put("second", 70.0).await), "ValidationException");
    put("first", 60.0).await.unwrap();
    table.replicate(&client, &["eu-west-1"]).await.unwrap();
    // 7.4.1: with a target go its policies.
    let ask = scaling.deregister_scalable_target().resource_id("table/Orders").scalable_dimension(dimension.clone());
    ask.service_namespace(ServiceNamespace::Dynamodb).send().await.unwrap();
    let left = scaling.describe_scaling_policies().service_namespace(ServiceNamespace::Dynamodb).send().await.unwrap();
    assert!(left.scaling_policies().is_empty());
}
