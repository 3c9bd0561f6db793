//! Load balancers and everything about them, from nothing to answering and back, through the strict layer.
mod certificates;
mod drift;
mod life;

use mrctl::{aws::Clients, resource::Region};

use crate::support::sandbox::fleet;

/// One region, one service `api`; `service` are further lines of it, `record` what its record has.
fn api(service: &str, record: &str) -> String {
    let mut text = "version: 1\nstack: shop\ntags: { team: payments }\nregions:\n  us-east-1: { cidr: 10.10.0.0/16 }\n".to_owned();
    text.push_str("network: { availability_zones: 2, nat_gateways: single }\nrollout: { bake: 0s }\n");
    text.push_str("services:\n  api:\n    image: \"{account}.dkr.ecr.{region}.amazonaws.com/api:1\"\n");
    text.push_str("    cpu: 256\n    memory: 512\n    port: 3000\n");
    for line in service.lines() {
        text.push_str(&format!("    {line}\n"));
    }
    if !record.is_empty() {
        text.push_str("dns:\n  zone: { name: example.com, create: true }\n  records:\n");
        for line in record.lines() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}

/// The clients of the region, as anyone has them.
fn clients(account: &str) -> Clients {
    fleet(account).0.region(&Region::new("us-east-1"))
}

/// What a plan does at an address.
fn action<'a>(plan: &'a serde_json::Value, addr: &str) -> &'a str {
    let mut steps = plan["steps"].as_array().into_iter().flatten();
    steps.find(|step| step["address"] == addr).and_then(|step| step["action"].as_str()).unwrap_or("nothing")
}

/// What an address of a plan waits for.
fn needs<'a>(plan: &'a serde_json::Value, addr: &str) -> Vec<&'a str> {
    let mut steps = plan["steps"].as_array().into_iter().flatten();
    let step = steps.find(|step| step["address"] == addr);
    step.and_then(|step| step["needs"].as_array()).into_iter().flatten().filter_map(|need| need.as_str()).collect()
}
