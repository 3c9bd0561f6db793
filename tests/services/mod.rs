//! Services without a load balancer, from nothing to running and back, through the strict layer: what each of their resources does
//! when it is made, changed, found odd and removed.
mod deployments;
mod kills;
mod pipeline;
mod roles;
mod scaling;
mod strict;
mod workers;

/// One region, one table, one worker; `more` are further lines of the worker.
fn worker(more: &str) -> String {
    in_regions(&["us-east-1"], more)
}

fn in_regions(regions: &[&str], more: &str) -> String {
    let image = "    image: \"{account}.dkr.ecr.{region}.amazonaws.com/worker:1\"\n";
    written(regions, &format!("{image}    cpu: 256\n    memory: 512\n{more}"))
}

fn written(regions: &[&str], worker: &str) -> String {
    let mut text = "version: 1\nstack: shop\ntags: { team: payments }\nregions:\n".to_owned();
    for (index, region) in regions.iter().enumerate() {
        text.push_str(&format!("  {region}: {{ cidr: 10.{}.0.0/16 }}\n", 10 * (index + 1)));
    }
    text.push_str("network: { availability_zones: 2, nat_gateways: single }\n");
    text.push_str("tables:\n  Orders: { partition_key: { name: id, type: string } }\n");
    text.push_str("rollout: { bake: 0s }\n");
    text.push_str("services:\n  worker:\n");
    text.push_str(worker);
    text
}

/// What a plan does at an address.
fn action<'a>(plan: &'a serde_json::Value, addr: &str) -> &'a str {
    let steps = plan["steps"].as_array().into_iter().flatten();
    steps.into_iter().find(|step| step["address"] == addr).and_then(|step| step["action"].as_str()).unwrap_or("nothing")
}

/// The addresses at which a plan does something, with what.
fn doing(plan: &serde_json::Value) -> Vec<(&str, &str)> {
    let steps = plan["steps"].as_array().into_iter().flatten();
    let all = steps.filter_map(|step| Some((step["address"].as_str()?, step["action"].as_str()?)));
    all.filter(|(_, action)| *action != "keep").collect()
}
