//! Quotas: read before the first write, never for long, and never a reason to stop when they cannot be read.
use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use mrctl::resource::Region;

use crate::support::{binary::Place, sandbox::fleet};

const TOPOLOGY: &str = "version: 1
stack: shop
regions:
  us-east-1: { cidr: 10.10.0.0/16 }
  eu-west-1: { cidr: 10.20.0.0/16 }
network: { availability_zones: 2, nat_gateways: per_zone }
";

#[tokio::test]
async fn what_does_not_fit_stops_before_the_first_write() {
    let place = Place::with(TOPOLOGY);
    let (fleet, _) = fleet(&place.account);
    let here = fleet.region(&Region::new("eu-west-1"));
    // With the default VPC these are five, which is what an account may have.
    for n in 1..5 {
        here.ec2.create_vpc().cidr_block(format!("10.{n}.0.0/16")).send().await.unwrap();
    }
    let refused = |said: &str| {
        let message = "eu-west-1: the quota `VPCs per Region` is 5, 5 are in use and this plan makes 1 more";
        assert!(said.contains(message) && said.contains("--quota-code L-F678F1CE --desired-value 6"), "{said}");
    };
    refused(&place.expect(1, &["plan", "--no-sweep"]));
    refused(&place.expect(1, &["apply", "--yes", "--no-sweep"]));
    assert_eq!(place.plan(&[])["summary"]["keep"], 0, "nothing was written, in no region");

    let ask = here.quotas.request_service_quota_increase().service_code("vpc").quota_code("L-F678F1CE").desired_value(6.0);
    ask.send().await.unwrap();
    let ask = here.quotas.request_service_quota_increase().service_code("vpc").quota_code("L-FE5A380F").desired_value(0.0);
    ask.send().await.unwrap();
    let said = place.expect(1, &["plan", "--no-sweep"]);
    for zone in ["euw1-az1", "euw1-az2"] {
        let message = format!("eu-west-1, zone {zone}: the quota `NAT gateways per Availability Zone` is 0, 0 are in use");
        assert!(said.contains(&message), "{said}");
    }
    let ask = here.quotas.request_service_quota_increase().service_code("vpc").quota_code("L-FE5A380F").desired_value(1.0);
    ask.send().await.unwrap();
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    // What is there is not counted again.
    place.expect(0, &["plan", "--no-sweep", "--detailed-exitcode"]);
}

#[test]
fn what_cannot_be_read_is_a_note_and_costs_seconds() {
    let place = Place::with(TOPOLOGY);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for endpoint in ["http://127.0.0.1:1", &silent] {
        let started = Instant::now();
        let mut command = place.command(&["plan", "--no-sweep", "--format", "json"]);
        let output = command.env("AWS_ENDPOINT_URL_SERVICE_QUOTAS", endpoint).output().unwrap();
        assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
        assert!(output.status.success(), "{output:?}");
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let [note] = &plan["findings"].as_array().unwrap()[..] else { panic!("{:#}", plan["findings"]) };
        assert_eq!((&note["code"], &note["severity"]), (&"quota::unread".into(), &"note".into()), "{note:#}");
        for region in ["us-east-1", "eu-west-1"] {
            assert!(note["message"].as_str().unwrap().contains(&format!("VPCs per Region in {region}")), "{note:#}");
        }
    }
}
