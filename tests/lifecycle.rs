//! The real binary against the local AWS, from nothing to live and back.
use crate::support::{binary::Place, kills::survive, sandbox::strict};

/// Two regions, three zones, one table.
const REGIONS: [(&str, &str); 5] = [
    ("us-east-1", "10.10.0.0/16"),
    ("eu-west-1", "10.20.0.0/16"),
    ("ap-southeast-2", "10.30.0.0/16"),
    ("eu-central-1", "10.40.0.0/16"),
    ("us-west-2", "10.50.0.0/16"),
];

pub fn topology(regions: &[&str], rest: &str) -> String {
    let lines =
        REGIONS.iter().filter(|(region, _)| regions.contains(region)).map(|(region, cidr)| format!("  {region}: {{ cidr: {cidr} }}\n"));
    format!("version: 1\nstack: shop\nregions:\n{}{rest}", lines.collect::<String>())
}

const REST: &str = "network: { availability_zones: 3 }\ntables:\n  Orders: { partition_key: { name: id, type: string } }\n";

#[test]
fn a_stack_goes_from_nothing_to_live_and_back_twice() {
    for regions in [&["us-east-1", "eu-west-1"][..], &["us-east-1", "eu-west-1", "ap-southeast-2", "eu-central-1", "us-west-2"]] {
        let world = Place::new();
        world.write(topology(regions, REST));
        for _ in 0..2 {
            world.expect(2, &["plan", "--detailed-exitcode"]);
            world.expect(0, &["apply", "--yes"]);
            world.is_converged();
            world.destroy("shop");
        }
    }
}

#[test]
fn another_range_replaces_the_network_and_leaves_the_tables() {
    let world = Place::new();
    let text = topology(&["us-east-1", "eu-west-1"], REST);
    world.write(&text);
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.write(text.replace("10.10.0.0", "10.99.0.0"));
    let plan = world.plan(&[]);
    assert_eq!((&plan["summary"]["replace"], &plan["summary"]["keep"]), (&12.into(), &16.into()), "{:#}", plan["summary"]);
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    world.destroy("shop");
}

#[test]
fn data_is_never_lost_without_being_named() {
    let world = Place::new();
    world.write(topology(&["us-east-1", "eu-west-1"], REST));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    let said = world.expect(8, &["destroy", "--yes", "--confirm", "shop", "--no-sweep"]);
    assert!(said.contains("--allow-data-loss us-east-1/dynamodb.table/Orders"), "{said}");
    world.is_converged();
    world.expect(64, &["destroy", "--yes", "--confirm", "shoop"]);
    world.destroy("shop");
}

#[test]
fn a_region_joins_and_leaves() {
    let world = Place::new();
    world.write(topology(&["us-east-1", "eu-west-1"], REST));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.write(topology(&["us-east-1", "eu-west-1", "us-west-2"], REST));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    world.write(topology(&["us-east-1", "eu-west-1"], REST));
    world.expect(8, &["apply", "--yes"]);
    world.expect(0, &["apply", "--yes", "--allow-data-loss", "us-west-2/*"]);
    world.expect(0, &["plan", "--detailed-exitcode"]);
    world.destroy("shop");
}

#[test]
fn a_kill_anywhere_converges() {
    let regions = ["us-east-1", "eu-west-1"];
    survive(&topology(&regions, REST), "shop", &regions, 30);
}

#[test]
fn an_answer_lost_makes_no_duplicate() {
    let world = Place::new();
    world.write(topology(&["us-east-1", "eu-west-1"], REST));
    world.expect(0, &["--inject", "lost@1,lost@3,lost@9,5xx@12,lost@20", "apply", "--yes", "--no-sweep"]);
    let plan = world.plan(&[]);
    assert_eq!((&plan["summary"]["keep"], plan["findings"].as_array().map(Vec::len)), (&28.into(), Some(0)), "{plan:#}");
    world.destroy("shop");
}

#[test]
fn a_dead_region_holds_its_own_and_nothing_else() {
    let world = Place::new();
    world.write(topology(&["us-east-1", "eu-west-1"], REST));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.write(topology(&["us-east-1", "eu-west-1"], &format!("{REST}tags: {{ team: a }}\n")));
    for how in ["refuse", "503"] {
        let down = format!("down=eu-west-1:{how}");
        let plan = world.plan(&["--inject", &down]);
        assert_eq!(plan["regions"]["eu-west-1"]["state"], "unreachable");
        assert_eq!((&plan["summary"]["delete"], &plan["summary"]["hold"]), (&0.into(), &14.into()), "{:#}", plan["summary"]);
        world.expect(5, &["--inject", &down, "plan", "--no-sweep"]);
    }
    world.expect(5, &["--inject", "down=eu-west-1:refuse", "apply", "--yes", "--no-sweep"]);
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    world.destroy("shop");
}

#[test]
fn a_table_is_not_begun_twice_while_a_region_is_dead() {
    let world = Place::new();
    world.write(topology(&["us-east-1", "eu-west-1"], REST));
    world.expect(5, &["--inject", "down=us-east-1:refuse", "apply", "--yes", "--no-sweep"]);
    let plan = world.plan(&[]);
    let step = |address: &str| plan["steps"].as_array().unwrap().iter().find(|step| step["address"] == address).unwrap()["action"].clone();
    assert_eq!((step("eu-west-1/ec2.vpc/main"), step("eu-west-1/dynamodb.table/Orders")), ("keep".into(), "create".into()));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    world.destroy("shop");
}

#[test]
fn what_is_not_ours_stays_and_is_named() {
    let world = Place::new();
    world.write(topology(&["us-east-1", "eu-west-1"], REST));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    let plan = world.plan(&["--full"]);
    assert_eq!(plan["summary"]["keep"], 28);
    let (fleet, _) = crate::support::sandbox::fleet(&world.account);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ec2 = fleet.region(&mrctl::resource::Region::new("us-east-1")).ec2;
    let foreign = runtime.block_on(async {
        let ours = aws_sdk_ec2::types::Filter::builder().name("tag:mrctl:stack").values("shop").build();
        let vpcs = ec2.describe_vpcs().filters(ours).send().await.unwrap();
        let vpc = vpcs.vpcs()[0].vpc_id().unwrap();
        let subnet = ec2.create_subnet().vpc_id(vpc).cidr_block("10.10.224.0/24").send().await.unwrap();
        subnet.subnet().unwrap().subnet_id().unwrap().to_owned()
    });
    let said = world.expect(1, &["destroy", "--yes", "--confirm", "shop", "--allow-data-loss", "all", "--no-sweep"]);
    assert!(said.contains(&foreign) && said.contains("us-east-1/ec2.vpc/main"), "{said}");
    runtime.block_on(async {
        let still = ec2.describe_subnets().subnet_ids(&foreign).send().await.unwrap();
        assert_eq!(still.subnets().len(), 1);
        ec2.delete_subnet().subnet_id(&foreign).send().await.unwrap();
    });
    world.destroy("shop");
}

#[test]
fn every_field_changes_in_place_or_is_refused() {
    let world = Place::new();
    let with = |network: &str, table: &str| {
        topology(
            &["us-east-1", "eu-west-1"],
            &format!("network: {{ {network} }}\ntables:\n  Orders: {{ partition_key: {{ name: id, type: string }}{table} }}\n"),
        )
    };
    world.write(with("availability_zones: 2", ""));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    for (network, table, tags) in [
        ("availability_zones: 3", "", "tags: { team: a, owner: b }\n"),
        ("availability_zones: 2", ", writes: by_key", "tags: { team: c }\n"),
        ("availability_zones: 2", "", ""),
    ] {
        world.write(format!("{}{tags}", with(network, table)));
        world.expect(0, &["apply", "--yes", "--no-sweep"]);
        world.is_converged();
    }
    // Losing a protection is losing data's safety: it has to be named.
    world
        .write(with("availability_zones: 2", ", per_region: { eu-west-1: { deletion_protection: false, point_in_time_recovery: false } }"));
    world.expect(8, &["apply", "--yes", "--no-sweep"]);
    world.expect(0, &["apply", "--yes", "--no-sweep", "--allow-data-loss", "eu-west-1/dynamodb.table/Orders"]);
    world.is_converged();
    world.write(with("availability_zones: 2", ", sort_key: { name: at, type: number }"));
    let said = world.expect(8, &["apply", "--yes", "--no-sweep"]);
    assert!(said.contains("sort_key"), "{said}");
    world.destroy("shop");
}

/// Three members: the first made in us-east-1, the others added there.
fn three() -> Place {
    let world = Place::new();
    world.write(topology(&["us-east-1", "eu-west-1", "us-west-2"], REST));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    world
}

#[test]
fn the_oldest_member_stays_for_a_day_and_everything_else_goes() {
    let world = three();
    world.write(topology(&["eu-west-1", "us-west-2"], REST));
    let remove = ["apply", "--yes", "--allow-data-loss", "us-east-1/*"];
    let said = world.expect(1, &remove);
    assert!(said.contains("blocked until"), "{said}");
    assert!(strict().refusals(&world.account, "DeleteTable", "ValidationException") > 0);
    let plan = world.plan_everywhere(&[]);
    let steps = plan["steps"].as_array().unwrap();
    let left: Vec<&str> = steps.iter().filter(|step| step["region"] == "us-east-1").map(|step| step["address"].as_str().unwrap()).collect();
    assert_eq!(left, ["us-east-1/dynamodb.table/Orders"], "{plan:#}");
    strict().move_clock(&world.account, jiff::SignedDuration::from_hours(25));
    world.expect(0, &remove);
    world.is_converged();
    world.destroy("shop");
}

#[test]
fn the_youngest_member_can_go_at_once() {
    let world = three();
    world.write(topology(&["us-east-1", "us-west-2"], REST));
    world.expect(0, &["apply", "--yes", "--allow-data-loss", "eu-west-1/*"]);
    assert_eq!(strict().refusals(&world.account, "DeleteTable", "ValidationException"), 0);
    world.destroy("shop");
}

#[test]
fn a_foreign_interface_in_our_subnet_is_named_and_stays() {
    let world = Place::new();
    world.write(topology(&["us-east-1", "eu-west-1"], REST));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    let (fleet, _) = crate::support::sandbox::fleet(&world.account);
    let ec2 = fleet.region(&mrctl::resource::Region::new("eu-west-1")).ec2;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let interface = runtime.block_on(async {
        let ours = aws_sdk_ec2::types::Filter::builder().name("tag:Name").values("shop-private-1").build();
        let subnets = ec2.describe_subnets().filters(ours).send().await.unwrap();
        let subnet = subnets.subnets()[0].subnet_id().unwrap();
        let made = ec2.create_network_interface().subnet_id(subnet).description("of a colleague").send().await.unwrap();
        made.network_interface().unwrap().network_interface_id().unwrap().to_owned()
    });
    let said = world.expect(1, &["destroy", "--yes", "--confirm", "shop", "--allow-data-loss", "all", "--no-sweep"]);
    assert!(said.contains(&interface) && said.contains("of a colleague"), "{said}");
    assert!(strict().refusals(&world.account, "DeleteSubnet", "DependencyViolation") > 0);
    runtime.block_on(async { ec2.delete_network_interface().network_interface_id(&interface).send().await.unwrap() });
    world.destroy("shop");
}
