//! Records, health checks and hosted zones with the real binary, through the strict layer: how they come, change and go.
mod changes;
mod followers;
mod found;
mod zones;

use aws_sdk_route53::{
    Client,
    types::{Change, ChangeAction, ChangeBatch, HealthCheck, ResourceRecord, ResourceRecordSet, RrType},
};

use crate::support::{aws::block_on, binary::Place, sandbox::config};

const ZONE: &str = "example.com";

/// Two regions with a service behind a load balancer each; `dns` is the section of that name.
fn topology(stack: &str, regions: &[&str], dns: &str) -> String {
    let mut text = format!("version: 1\nstack: {stack}\ntags: {{ team: payments }}\nregions:\n");
    for region in regions {
        let block = match *region {
            "us-east-1" => 10,
            "eu-west-1" => 20,
            _ => 30,
        };
        text.push_str(&format!("  {region}: {{ cidr: 10.{block}.0.0/16 }}\n"));
    }
    text.push_str("network: { availability_zones: 2, nat_gateways: single }\nrollout: { bake: 0s }\n");
    text.push_str("services:\n  api:\n    image: \"{account}.dkr.ecr.{region}.amazonaws.com/api:1\"\n    cpu: 256\n    memory: 512\n");
    text.push_str("    port: 3000\n    certificate: none\n    deletion_protection: false\n");
    text.push_str(dns);
    text
}

/// The section `dns` with one record.
fn record(settings: &str) -> String {
    format!("dns:\n  zone: {ZONE}\n  records:\n    api.{ZONE}: {{ service: api, {settings} }}\n")
}

/// Route 53 as anyone sees it.
struct Zone {
    client: Client,
    id: String,
}

fn client(place: &Place) -> Client {
    let config = config(&place.account).into_builder().region(aws_config::Region::new("us-east-1"));
    let retries = aws_config::retry::RetryConfig::standard().with_max_attempts(10);
    Client::new(&config.retry_config(retries).build())
}

impl Zone {
    /// A public zone in the account of a place.
    fn new(place: &Place) -> Self {
        let client = client(place);
        let reference = format!("test-{:016x}", fastrand::u64(..));
        let made = block_on(client.create_hosted_zone().name(ZONE).caller_reference(reference).send()).unwrap();
        let id = made.hosted_zone().unwrap().id().trim_start_matches("/hostedzone/").to_owned();
        Self { client, id }
    }

    fn sets(&self) -> Vec<ResourceRecordSet> {
        let seen = block_on(self.client.list_resource_record_sets().hosted_zone_id(&self.id).send()).unwrap();
        seen.resource_record_sets.into_iter().filter(|set| !matches!(set.r#type(), RrType::Ns | RrType::Soa)).collect()
    }

    /// Name, set identifier and routing of every record, sorted.
    fn shown(&self) -> Vec<String> {
        let line = |set: &ResourceRecordSet| {
            let region = set.region().map(|region| format!("latency {}", region.as_str()));
            let weight = set.weight().map(|weight| format!("weight {weight}"));
            let place = set.geo_location().map(|place| format!("in {}", place.continent_code().or(place.country_code()).unwrap_or("?")));
            let check = if set.health_check_id().is_some() { ", checked" } else { "" };
            let routing = region.or(weight).or(place).unwrap_or_else(|| "simple".to_owned());
            format!("{} {} {routing}{check}", set.name(), set.set_identifier().unwrap_or("-"))
        };
        let mut lines: Vec<String> = self.sets().iter().map(line).collect();
        lines.sort();
        lines
    }

    fn change(&self, action: ChangeAction, set: ResourceRecordSet) {
        let change = Change::builder().action(action).resource_record_set(set).build().unwrap();
        let batch = ChangeBatch::builder().changes(change).build().unwrap();
        block_on(self.client.change_resource_record_sets().hosted_zone_id(&self.id).change_batch(batch).send()).unwrap();
    }

    /// A record of somebody else.
    fn put_simple(&self, name: &str) -> ResourceRecordSet {
        let value = ResourceRecord::builder().value("192.0.2.1").build().unwrap();
        let set = ResourceRecordSet::builder().name(name).r#type(RrType::A).ttl(60).resource_records(value).build().unwrap();
        self.change(ChangeAction::Create, set.clone());
        set
    }

    fn health_checks(&self) -> Vec<HealthCheck> {
        block_on(self.client.list_health_checks().send()).unwrap().health_checks
    }
}

/// Steps of a plan that do something, by address.
fn doing(plan: &serde_json::Value) -> Vec<(&str, &str)> {
    let steps = plan["steps"].as_array().into_iter().flatten();
    let all = steps.filter_map(|step| Some((step["address"].as_str()?, step["action"].as_str()?)));
    all.filter(|(_, action)| *action != "keep").collect()
}

/// What an address of a plan waits for.
fn needs<'a>(plan: &'a serde_json::Value, addr: &str) -> Vec<&'a str> {
    let mut steps = plan["steps"].as_array().into_iter().flatten();
    let step = steps.find(|step| step["address"] == addr);
    step.and_then(|step| step["needs"].as_array()).into_iter().flatten().filter_map(|need| need.as_str()).collect()
}

fn codes(plan: &serde_json::Value) -> Vec<&str> {
    plan["findings"].as_array().into_iter().flatten().filter_map(|finding| finding["code"].as_str()).collect()
}

fn apply(place: &Place) -> String {
    place.expect(0, &["apply", "--yes", "--no-sweep"])
}
