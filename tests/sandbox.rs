//! The local AWS and the wire to it.
use std::time::{Duration, Instant};

use aws_sdk_ec2::{config::retry::RetryConfig, error::SdkError};
use mrctl::{
    aws::{Connect, NotConnected, connect, inject::Injector},
    resource::Region,
    sandbox::{self as local, Running, Status},
};

use crate::support::sandbox::{fleet, fleet_with, fresh_account, home, running};

fn ireland() -> Region {
    Region::new("eu-west-1")
}

fn virginia() -> Region {
    Region::new("us-east-1")
}

fn faults(spec: &str) -> Injector {
    Injector::new(spec.parse().unwrap())
}

async fn own_vpcs(ec2: &aws_sdk_ec2::Client) -> Vec<String> {
    let vpcs = ec2.describe_vpcs().send().await.unwrap();
    vpcs.vpcs().iter().filter(|vpc| vpc.is_default() != Some(true)).filter_map(|vpc| vpc.cidr_block().map(str::to_owned)).collect()
}

/// As creates of things without a name are sent: one attempt, the engine decides about the next.
async fn create_vpc_once(ec2: &aws_sdk_ec2::Client) -> Result<(), SdkError<aws_sdk_ec2::operation::create_vpc::CreateVpcError>> {
    let once = aws_sdk_ec2::config::Config::builder().retry_config(RetryConfig::disabled());
    ec2.create_vpc().cidr_block("10.0.0.0/16").customize().config_override(once).send().await.map(drop)
}

#[tokio::test]
async fn accounts_and_regions_are_apart() {
    let (one, other) = (fresh_account(), fresh_account());
    let (one, _) = fleet(&one);
    let (other, _) = fleet(&other);
    create_vpc_once(&one.region(&ireland()).ec2).await.unwrap();
    assert_eq!(own_vpcs(&one.region(&ireland()).ec2).await, ["10.0.0.0/16"]);
    assert!(own_vpcs(&one.region(&virginia()).ec2).await.is_empty());
    assert!(own_vpcs(&other.region(&ireland()).ec2).await.is_empty());
}

#[tokio::test]
async fn the_access_key_is_the_account() {
    let account = fresh_account();
    let (fleet, _) = fleet(&account);
    let identity = fleet.region(&ireland()).sts.get_caller_identity().send().await.unwrap();
    assert_eq!(identity.account(), Some(account.as_str()));
}

/// What the patches add to the emulator, as far as kinds rely on it.
#[tokio::test]
async fn the_emulator_shows_addresses_of_gateways_and_options_of_peerings() {
    let (fleet, _) = fleet(&fresh_account());
    let (here, there) = (fleet.region(&ireland()).ec2, fleet.region(&virginia()).ec2);
    let vpc = async |ec2: &aws_sdk_ec2::Client, range: &str| {
        let made = ec2.create_vpc().cidr_block(range).send().await.unwrap();
        made.vpc().and_then(|vpc| vpc.vpc_id()).unwrap().to_owned()
    };
    let (one, other) = (vpc(&here, "10.0.0.0/16").await, vpc(&there, "10.1.0.0/16").await);
    let subnet = here.create_subnet().vpc_id(&one).cidr_block("10.0.0.0/24").send().await.unwrap();
    let subnet = subnet.subnet().and_then(|subnet| subnet.subnet_id()).unwrap();
    let address = here.allocate_address().send().await.unwrap();
    here.create_nat_gateway().subnet_id(subnet).allocation_id(address.allocation_id().unwrap()).send().await.unwrap();
    let gateways = here.describe_nat_gateways().send().await.unwrap();
    let shown = &gateways.nat_gateways()[0].nat_gateway_addresses()[0];
    assert_eq!((shown.allocation_id(), shown.public_ip()), (address.allocation_id(), address.public_ip()));
    let of = async |name: &str, value: &str| {
        let filter = aws_sdk_ec2::types::Filter::builder().name(name).values(value).build();
        here.describe_network_interfaces().filters(filter).send().await.unwrap().network_interfaces().len()
    };
    assert_eq!((of("subnet-id", subnet).await, of("vpc-id", &one).await, of("vpc-id", &other).await), (1, 1, 0));

    let asked = here.create_vpc_peering_connection().vpc_id(&one).peer_vpc_id(&other).peer_region("us-east-1").send().await.unwrap();
    let peering = asked.vpc_peering_connection().and_then(|peering| peering.vpc_peering_connection_id()).unwrap();
    there.accept_vpc_peering_connection().vpc_peering_connection_id(peering).send().await.unwrap();
    // Each state that AWS takes time for is shown twice.
    for _ in 0..2 {
        there.describe_vpc_peering_connections().send().await.unwrap();
    }
    let resolve = aws_sdk_ec2::types::PeeringConnectionOptionsRequest::builder().allow_dns_resolution_from_remote_vpc(true).build();
    let set = there.modify_vpc_peering_connection_options().vpc_peering_connection_id(peering);
    set.accepter_peering_connection_options(resolve).send().await.unwrap();
    for (ec2, accepts) in [(&here, None), (&there, Some(true))] {
        let shown = ec2.describe_vpc_peering_connections().vpc_peering_connection_ids(peering).send().await.unwrap();
        let accepter = shown.vpc_peering_connections()[0].accepter_vpc_info().unwrap();
        assert_eq!((accepter.cidr_block(), accepter.region()), (Some("10.1.0.0/16"), Some("us-east-1")));
        assert_eq!(accepter.peering_options().and_then(|options| options.allow_dns_resolution_from_remote_vpc()), accepts);
    }
}

#[tokio::test]
async fn calls_are_counted_by_region_service_and_operation() {
    let (fleet, recorder) = fleet(&fresh_account());
    let here = fleet.region(&ireland());
    create_vpc_once(&here.ec2).await.unwrap();
    here.ec2.describe_vpcs().send().await.unwrap();
    here.ec2.describe_vpcs().send().await.unwrap();
    here.tagging.get_resources().send().await.unwrap();
    fleet.region(&virginia()).dynamodb.list_tables().send().await.unwrap();
    let counted: Vec<_> = fleet
        .meter()
        .snapshot()
        .into_iter()
        .map(|(key, calls)| format!("{} {}:{} {calls}", key.region, key.service, key.operation))
        .collect();
    assert_eq!(
        counted,
        [
            "eu-west-1 ec2:CreateVpc 1",
            "eu-west-1 ec2:DescribeVpcs 2",
            "eu-west-1 tagging:GetResources 1",
            "us-east-1 dynamodb:ListTables 1"
        ]
    );
    assert_eq!((fleet.meter().total(), fleet.meter().mutating()), (5, 1));
    assert_eq!(recorder.mutating().iter().map(|call| call.operation.as_str()).collect::<Vec<_>>(), ["CreateVpc"]);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_thing_behind() {
    let (fleet, _) = fleet_with(&fresh_account(), faults("lost@1"));
    let ec2 = fleet.region(&ireland()).ec2;
    let error = create_vpc_once(&ec2).await.unwrap_err();
    assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
    assert_eq!(own_vpcs(&ec2).await.len(), 1);
}

#[tokio::test]
async fn a_5xx_leaves_nothing_behind_and_is_tried_again() {
    let (fleet, recorder) = fleet_with(&fresh_account(), faults("5xx@1"));
    let ec2 = fleet.region(&ireland()).ec2;
    assert!(create_vpc_once(&ec2).await.is_err());
    assert!(own_vpcs(&ec2).await.is_empty());
    let (fleet, _) = fleet_with(&fresh_account(), faults("5xx@1"));
    let ec2 = fleet.region(&ireland()).ec2;
    ec2.create_vpc().cidr_block("10.0.0.0/16").send().await.unwrap();
    assert_eq!((own_vpcs(&ec2).await.len(), fleet.meter().mutating()), (1, 2));
    assert_eq!(recorder.mutating().len(), 1);
}

#[tokio::test]
async fn throttling_is_got_over() {
    let (fleet, _) = fleet_with(&fresh_account(), faults("throttle=20%,seed=3"));
    let dynamodb = fleet.region(&ireland()).dynamodb;
    for _ in 0..10 {
        dynamodb.list_tables().send().await.unwrap();
    }
    assert!(fleet.meter().total() > 10, "the seed throttles some");
}

#[tokio::test]
async fn a_region_that_hangs_is_known_within_its_time_and_harms_no_other() {
    let (fleet, _) = fleet_with(&fresh_account(), faults("down=eu-west-1:hang"));
    let started = Instant::now();
    let calls = (0..20).map(|_| fleet.region(&ireland()).ec2).map(|ec2| async move { ec2.describe_vpcs().send().await.is_ok() });
    let elsewhere = async {
        fleet.region(&virginia()).ec2.describe_vpcs().send().await.unwrap();
        started.elapsed()
    };
    let (hung, elsewhere) = tokio::join!(futures::future::join_all(calls), elsewhere);
    assert!(hung.iter().all(|answered| !answered));
    assert!(elsewhere < Duration::from_secs(5), "{elsewhere:?}");
    assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
}

#[tokio::test]
async fn connecting_takes_the_sandbox_before_everything_else() {
    let sandbox = Running { account: fresh_account(), ..running().clone() };
    let options = Connect { sandbox: Some(sandbox.clone()), inject: Some(faults("seed=1")), ..Connect::default() };
    let fleet = connect(options).await.unwrap();
    let identity = fleet.region(&ireland()).sts.get_caller_identity().send().await.unwrap();
    assert_eq!(identity.account(), Some(sandbox.account.as_str()));
    assert_eq!(fleet.timing().longest_pause_between_looks, Some(Duration::from_millis(250)));
}

/// The second emulator: it is reached by the services that are its own, keeps accounts apart as the first does, and knows of no
/// ECS service.
#[tokio::test]
async fn every_service_finds_its_emulator() {
    use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
    let sandbox = Running { account: fresh_account(), ..running().clone() };
    let direct = connect(Connect { sandbox: Some(sandbox.clone()), ..Connect::default() }).await.unwrap();
    let (strict, _) = fleet(&sandbox.account);
    let scaling = direct.region(&ireland()).autoscaling;
    let register = scaling.register_scalable_target().service_namespace(ServiceNamespace::Ecs).resource_id("service/shop/api");
    register.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).min_capacity(1).max_capacity(3).send().await.unwrap();
    let targets = async |fleet: &mrctl::aws::Fleet, region: Region| {
        let ask = fleet.region(&region).autoscaling.describe_scalable_targets().service_namespace(ServiceNamespace::Ecs);
        ask.send().await.unwrap().scalable_targets().len()
    };
    assert_eq!((targets(&direct, ireland()).await, targets(&direct, virginia()).await), (1, 0));
    assert_eq!(targets(&strict, ireland()).await, 1);
    assert_eq!(targets(&fleet(&fresh_account()).0, ireland()).await, 0);

    let quotas = strict.region(&ireland()).quotas;
    let ask = || quotas.get_service_quota().service_code("ec2").quota_code("L-0263D0A3").send();
    let value = async || ask().await.unwrap().quota().and_then(|quota| quota.value());
    assert_eq!(value().await, Some(5.0));
    let more = quotas.request_service_quota_increase().service_code("ec2").quota_code("L-0263D0A3").desired_value(9.0);
    more.send().await.unwrap();
    assert_eq!(value().await, Some(9.0));
}

#[tokio::test]
async fn faults_into_anything_else_are_refused() {
    let options = Connect { endpoint_url: Some("https://example.com".to_owned()), inject: Some(faults("seed=1")), ..Connect::default() };
    assert!(matches!(connect(options).await.err(), Some(NotConnected::InjectedIntoRealAws)));
    let options = Connect { endpoint_url: Some("example.com".to_owned()), ..Connect::default() };
    assert!(matches!(connect(options).await.err(), Some(NotConnected::NotAnEndpoint(_))));
}

fn kill(pid: u32) {
    assert!(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    while std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_private_sandbox_ends_with_its_owner_and_the_shared_one_with_down() {
    let say = &mut |_: &str| {};
    let private = local::private(&home(), &fresh_account(), say).unwrap();
    let addresses = ["EC2", "Route 53"].map(|service| private.running().endpoint_of(service).trim_start_matches("http://").to_owned());
    let answers = || addresses.clone().map(|address| std::net::TcpStream::connect(address).is_ok());
    assert_ne!(addresses[0], addresses[1]);
    assert_eq!(answers(), [true, true]);
    drop(private);
    assert_eq!(answers(), [false, false]);

    // A home of its own: the developer's shared sandbox is left alone. What is installed is borrowed.
    let elsewhere = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(home()).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("venv-") {
            std::os::unix::fs::symlink(entry.path(), elsewhere.path().join(entry.file_name())).unwrap();
        }
    }
    let here = elsewhere.path();
    assert_eq!(local::status(here), Status::Down);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let started = std::thread::scope(|scope| {
        let starters: Vec<_> = (0..3).map(|_| scope.spawn(|| local::up(here, Some(port), &mut |_| {}).unwrap())).collect();
        starters.into_iter().map(|starter| starter.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(started.iter().filter(|running| running.started_now).count(), 1, "three at once start one");
    assert_eq!(started[0].endpoint, format!("http://127.0.0.1:{port}"));
    let up = || match local::status(here) {
        Status::Up(state) => state,
        Status::Down => panic!("it is up"),
    };
    let first = up();

    // One of the two crashed: the sandbox is not up any more, and what is left of it is ended before another is started.
    kill(first.members[1].pid);
    assert_eq!(local::status(here), Status::Down);
    assert!(local::up(here, Some(port), &mut |_| {}).unwrap().started_now);
    let state = up();
    assert!(first.members.iter().all(|old| state.members.iter().all(|new| new.pid != old.pid)));
    kill(state.members[1].pid);
    assert!(local::down(here).unwrap());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(local::up(here, Some(port), &mut |_| {}).unwrap().started_now);
    let state = up();
    assert!(local::down(here).unwrap());
    assert_eq!(local::status(here), Status::Down);
    assert!(!local::down(here).unwrap());

    // What another process left behind is not believed: that port and that process may be anyone's by now.
    let stale = serde_json::to_vec(&state).unwrap();
    std::fs::write(here.join("running.json"), stale).unwrap();
    assert_eq!(local::status(here), Status::Down);
    assert!(!local::down(here).unwrap());
}
