use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::http::{HttpConnectorFuture, http_client_fn};
use tokio::sync::mpsc;

use super::*;
use crate::{
    aws::{
        Fleet,
        wire::{Recorder, Wire},
    },
    resource::Region,
};

/// An AWS that says yes to everything and counts what reached it.
#[derive(Clone, Debug, Default)]
struct Yes(Arc<AtomicU64>);

impl HttpConnector for Yes {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.0.fetch_add(1, Ordering::SeqCst);
        let body = match Call::read(&ireland(), &request) {
            Call { protocol: Protocol::Json, .. } => "{}".to_owned(),
            Call { operation, .. } => format!("<{operation}Response><vpc><vpcId>vpc-1</vpcId></vpc><vpcSet/></{operation}Response>"),
        };
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body))))
    }
}

struct Setting {
    fleet: Fleet,
    yes: Yes,
    injector: Injector,
    recorder: Recorder,
    kills: mpsc::UnboundedReceiver<()>,
}

fn setting(spec: &str) -> Setting {
    setting_at(spec, "http://127.0.0.1:9")
}

fn setting_at(spec: &str, endpoint: &str) -> Setting {
    let yes = Yes::default();
    let connector = SharedHttpConnector::new(yes.clone());
    let (killed, kills) = mpsc::unbounded_channel();
    let injector = Injector::with_killer(spec.parse().unwrap(), Killer::new(move || killed.send(()).unwrap()));
    let recorder = Recorder::default();
    let wire = Wire::over(http_client_fn(move |_, _| connector.clone()));
    let wire = wire.with_injector(injector.clone()).with_recorder(recorder.clone());
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("k", "s", None, None, "test")))
        .build();
    Setting { fleet: Fleet::new(config, wire), yes, injector, recorder, kills }
}

/// What the connector said, when that is what failed.
fn transport<E, R>(error: &aws_sdk_ec2::error::SdkError<E, R>) -> Option<&ConnectorError> {
    match error {
        aws_sdk_ec2::error::SdkError::DispatchFailure(failure) => failure.as_connector_error(),
        _ => None,
    }
}

fn ireland() -> Region {
    Region::new("eu-west-1")
}

impl Setting {
    fn ec2(&self) -> aws_sdk_ec2::Client {
        self.fleet.region(&ireland()).ec2
    }

    fn reached(&self) -> u64 {
        self.yes.0.load(Ordering::SeqCst)
    }

    fn sent(&self) -> Vec<String> {
        self.recorder.calls().iter().map(|call| format!("{}:{}", call.service, call.operation)).collect()
    }
}

#[tokio::test]
async fn without_faults_calls_pass_and_are_counted() {
    let setting = setting("seed=1");
    setting.ec2().create_vpc().cidr_block("10.0.0.0/16").send().await.unwrap();
    setting.ec2().describe_vpcs().send().await.unwrap();
    setting.fleet.region(&Region::new("us-east-1")).dynamodb.list_tables().send().await.unwrap();
    assert_eq!(setting.sent(), ["ec2:CreateVpc", "ec2:DescribeVpcs", "dynamodb:ListTables"]);
    assert_eq!(setting.fleet.meter().by_service(), [("dynamodb".to_owned(), 1), ("ec2".to_owned(), 2)].into());
    let counted: Vec<_> = setting.fleet.meter().snapshot().into_keys().map(|key| format!("{} {}", key.region, key.operation)).collect();
    assert_eq!(counted, ["eu-west-1 CreateVpc", "eu-west-1 DescribeVpcs", "us-east-1 ListTables"]);
    assert_eq!((setting.fleet.meter().mutating(), setting.injector.mutating_calls()), (1, 1));
    assert!(setting.recorder.calls()[0].parameters.contains("CidrBlock=10.0.0.0%2F16"));
}

#[tokio::test]
async fn a_lost_answer_is_a_reset_after_the_call_was_carried_out() {
    let setting = setting("lost@2");
    setting.ec2().create_vpc().send().await.unwrap();
    let alone = aws_sdk_ec2::config::Config::builder().retry_config(aws_config::retry::RetryConfig::disabled());
    let error = setting.ec2().create_vpc().customize().config_override(alone).send().await.unwrap_err();
    assert!(transport(&error).is_some_and(ConnectorError::is_io), "{error:?}");
    assert_eq!(setting.reached(), 2);
    // With retries on, the SDK sends again what AWS already did: why creates without a name are sent with retries off.
    let setting = self::setting("lost@1");
    setting.ec2().create_vpc().send().await.unwrap();
    assert_eq!(setting.reached(), 2);
}

#[tokio::test]
async fn a_5xx_is_answered_without_doing_anything_and_the_sdk_tries_again() {
    let setting = setting("5xx@1");
    setting.ec2().create_vpc().send().await.unwrap();
    assert_eq!((setting.reached(), setting.sent().len()), (1, 2));
}

#[tokio::test]
async fn throttling_comes_with_the_code_of_the_service() {
    let setting = setting("throttle=100%");
    let error = setting.ec2().describe_vpcs().send().await.unwrap_err();
    assert_eq!(error.code(), Some("RequestLimitExceeded"));
    let error = setting.fleet.region(&ireland()).dynamodb.list_tables().send().await.unwrap_err();
    assert_eq!(error.code(), Some("ThrottlingException"));
    let error = setting.fleet.region(&ireland()).sts.get_caller_identity().send().await.unwrap_err();
    assert_eq!(error.code(), Some("Throttling"));
    assert_eq!((setting.reached(), setting.sent().len()), (0, 9), "three attempts each");
}

#[tokio::test]
async fn the_same_seed_throttles_the_same_calls() {
    let pattern = async |spec: &str| {
        let setting = setting(spec);
        for _ in 0..20 {
            let alone = aws_sdk_ec2::config::Config::builder().retry_config(aws_config::retry::RetryConfig::disabled());
            let _ = setting.ec2().describe_vpcs().customize().config_override(alone).send().await;
        }
        setting.reached()
    };
    let first = pattern("throttle=50%,seed=7").await;
    assert!((1..20).contains(&first), "{first}");
    assert_eq!(first, pattern("throttle=50%,seed=7").await);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_hangs_is_given_up_within_twenty_seconds() {
    let setting = setting("down=eu-west-1:hang");
    let started = tokio::time::Instant::now();
    let error = setting.ec2().describe_vpcs().send().await.unwrap_err();
    assert!(started.elapsed() <= Duration::from_secs(21), "{:?}", started.elapsed());
    assert!(matches!(error, aws_sdk_ec2::error::SdkError::TimeoutError(_)), "{error:?}");
    let elsewhere = setting.fleet.region(&Region::new("us-east-1")).ec2.describe_vpcs().send().await;
    elsewhere.unwrap();
    assert_eq!(setting.reached(), 1);
}

#[tokio::test]
async fn a_region_that_refuses_or_is_unavailable_fails_at_once() {
    let started = Instant::now();
    let refused = setting("down=eu-west-1:refuse").ec2().create_vpc().send().await.unwrap_err();
    assert!(transport(&refused).is_some_and(ConnectorError::is_io), "{refused:?}");
    let setting = setting("down=eu-west-1:503");
    let unavailable = setting.ec2().create_vpc().send().await.unwrap_err();
    assert_eq!(unavailable.raw_response().map(|response| response.status().as_u16()), Some(503));
    assert_eq!((setting.reached(), setting.injector.mutating_calls()), (0, 0));
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_or_answered_once_the_process_is_killed() {
    let places = [("kill@2:before", 1), ("kill@2:after", 2), ("kill@CreateVpc#2:before", 1), ("kill@CreateVpc#2:after", 2)];
    for (spec, reached) in places {
        let mut setting = setting(spec);
        let ec2 = setting.ec2();
        let run = tokio::spawn(async move {
            ec2.create_vpc().send().await.unwrap();
            let _ = ec2.create_vpc().send().await;
            unreachable!("the process is gone");
        });
        tokio::time::timeout(Duration::from_secs(60), setting.kills.recv()).await.unwrap().unwrap();
        // Another task of the same process is gone as well.
        let other = setting.ec2();
        let other = tokio::time::timeout(Duration::from_secs(5), async move { other.describe_vpcs().send().await.is_ok() });
        assert!(other.await.is_err());
        run.abort();
        assert!(run.await.unwrap_err().is_cancelled());
        assert_eq!(setting.reached(), reached, "{spec}");
    }
}

#[tokio::test]
async fn faults_never_reach_anything_but_this_machine() {
    let setting = setting_at("seed=1", "https://ec2.eu-west-1.amazonaws.com");
    let error = setting.ec2().describe_vpcs().send().await.unwrap_err();
    assert!(transport(&error).is_some_and(ConnectorError::is_user), "{error:?}");
    assert_eq!(setting.reached(), 0);
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_are_bounded_for_each_service_of_a_region() {
    let setting = setting("delay=1s");
    let started = tokio::time::Instant::now();
    let calls = (0..24).map(|_| setting.ec2()).map(|ec2| async move { ec2.describe_vpcs().send().await });
    futures::future::try_join_all(calls).await.unwrap();
    let elapsed = started.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_secs(4)).contains(&elapsed), "24 calls, 8 at a time, 1 s each: {elapsed:?}");
}
