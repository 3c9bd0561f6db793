//! A serving stack whose runs are cut off anywhere.
use crate::support::kills::survive;

/// A service behind a load balancer in two regions, with a zone, a certificate, records and health checks that ask and that follow an alarm; as little else as that
/// needs, so that most of the places are in what serves.
const TOPOLOGY: &str = "version: 1
stack: shop
tags: { team: payments }
regions:
  us-east-1: { cidr: 10.10.0.0/16 }
  eu-west-1: { cidr: 10.20.0.0/16 }
network: { availability_zones: 2, nat_gateways: single }
rollout: { bake: 0s }
tables:
  Orders: { partition_key: { name: id, type: string } }
services:
  api:
    image: \"{account}.dkr.ecr.{region}.amazonaws.com/api:1\"
    port: 3000
    tasks: { min: 1 }
    uses: { tables: { Orders: read_write } }
dns:
  zone: { name: example.com, create: true }
  records:
    api.example.com: { service: api, health_check: { path: /health } }
    www.example.com: { service: api, health_check: { from_alarm: errors, insufficient_data: healthy } }
alarms:
  errors: { service: api, metric: target_5xx, threshold: 50, period: 60s, evaluation_periods: 2 }
";

/// Few places of each run, for the time they take; `MRCTL_KILL_POINTS` asks for more.
#[test]
fn a_serving_stack_survives_kills_anywhere() {
    survive(TOPOLOGY, "shop", &["us-east-1", "eu-west-1"], 6);
}
