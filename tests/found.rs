//! What a run makes of things that are odd when it reads them: it stops, or says so, before it writes anything.
use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
};

use aws_sdk_ec2::types::{Filter, ResourceType, TagSpecification};
use mrctl::{
    aws::tables,
    resource::{Cx, Region, Scope},
    topology::load,
};

use crate::support::{
    aws::{Aws, block_on},
    binary::Place,
    sandbox, topologies,
};

const FILE: &str = "
version: 1
stack: shop
regions:
  us-east-1: { cidr: 10.10.0.0/16 }
  eu-west-1: { cidr: 10.20.0.0/16 }
network: { availability_zones: 2 }
tables:
  Orders: { partition_key: { name: id, type: string } }
";

/// The first call that could change something would end the run: what is expected to write nothing is run with it.
const NO_WRITE: [&str; 2] = ["--inject", "kill@1:before"];

/// An STS that denies everything, at this address.
fn denying() -> String {
    const DENIAL: &str =
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not for you</Message></Error></ErrorResponse>";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            // The request is short and is answered whatever it says.
            let _ = stream.read(&mut [0; 16_384]);
            let head = format!("HTTP/1.1 403 Forbidden\r\ncontent-type: text/xml\r\ncontent-length: {}", DENIAL.len());
            let _ = stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n{DENIAL}").as_bytes());
        }
    });
    address
}

/// A file that is for one account is not carried out as somebody who may be of another.
#[test]
fn an_account_that_cannot_be_read_stops_a_pinned_stack() {
    let closed = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    for (endpoint, why) in [(denying(), "AccessDenied"), (closed, "sts:GetCallerIdentity failed")] {
        let place = Place::new();
        let sts = [("AWS_ENDPOINT_URL_STS", endpoint.as_str())];
        place.write(format!("{FILE}account: \"{}\"\n", place.account));
        for command in [&["apply", "--yes"][..], &["destroy", "--yes", "--confirm", "shop"], &["plan"]] {
            let said = place.expect_with(&sts, 1, &[&NO_WRITE, command, &["--no-sweep"]].concat());
            assert!(said.contains(&place.account) && said.contains(why) && said.contains("nothing was changed"), "{said}");
        }
        // It was the account alone that stood in the way: a file without one is carried out, and so is this one once it is read.
        place.write(FILE);
        place.expect_with(&sts, 0, &["apply", "--yes", "--no-sweep"]);
        place.write(format!("{FILE}account: \"{}\"\n", place.account));
        place.is_converged();
    }
}

#[test]
fn two_with_one_address_stop_everything_and_are_both_named() {
    let place = Place::new();
    place.write(FILE);
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    let ec2 = Aws::new(&place.account, "eu-west-1").ec2;
    let (first, second) = block_on(async {
        let ours = Filter::builder().name("tag:mrctl:stack").values("shop").build();
        let vpcs = ec2.describe_vpcs().filters(ours).send().await.unwrap();
        let first = &vpcs.vpcs()[0];
        let marks = TagSpecification::builder().resource_type(ResourceType::Vpc).set_tags(first.tags.clone()).build();
        let second = ec2.create_vpc().cidr_block("10.20.0.0/16").tag_specifications(marks).send().await.unwrap();
        (first.vpc_id().unwrap().to_owned(), second.vpc().unwrap().vpc_id().unwrap().to_owned())
    });
    // There is something to do elsewhere, and it is not done.
    place.write(format!("{FILE}tags: {{ team: a }}\n"));
    for command in [&["apply", "--yes"][..], &["destroy", "--yes", "--confirm", "shop", "--allow-data-loss", "all"]] {
        let said = place.expect(1, &[&NO_WRITE, command, &["--no-sweep"]].concat());
        assert!([&first, &second].iter().all(|id| said.contains(id.as_str())), "{first} and {second}: {said}");
    }
    let plan = place.plan(&[]);
    let finding = plan["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "plan::doubled").unwrap();
    assert_eq!((&finding["severity"], &finding["address"]), (&"error".into(), &"eu-west-1/ec2.vpc/main".into()));
    // Once it is gone, all goes on.
    block_on(ec2.delete_vpc().vpc_id(&second).send()).unwrap();
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
}

/// Two stacks whose files name the same table: whoever made it keeps it, whatever the other one says.
#[test]
fn a_table_of_another_stack_is_named_with_it_and_never_adopted() {
    let market = Place::with(&FILE.replace("stack: shop", "stack: market").replace("type: string }", "type: string }, name: Shared"));
    let mut shop = Place::with(&FILE.replace("type: string }", "type: string }, name: Shared"));
    shop.account.clone_from(&market.account);
    market.expect(0, &["apply", "--yes", "--no-sweep"]);
    let table = "eu-west-1/dynamodb.table/Orders";
    for (adopt, end) in [(&[][..], "it is left alone"), (&["--adopt", table], "it is not adopted")] {
        let said = shop.expect(1, &[&NO_WRITE, &["apply", "--yes", "--no-sweep"][..], adopt].concat());
        let message = format!("error[plan::of-another-stack]: {table}: `Shared` exists and carries the mark of stack `market`; {end}");
        assert!(said.contains(&message) && !said.contains("--adopt"), "{said}");
    }
    market.is_converged();
    market.destroy("market");
    shop.expect(0, &["apply", "--yes", "--no-sweep"]);
    shop.is_converged();
    shop.destroy("shop");
}

/// The same command has to work again after a kill, when what it allowed is done already.
#[test]
fn an_allowance_that_nothing_needs_is_a_warning() {
    let place = Place::new();
    place.write(FILE);
    for time in 0..2 {
        let said = place.expect(0, &["apply", "--yes", "--no-sweep", "--allow-data-loss", "eu-west-1/dynamodb.table/Orders"]);
        assert!(said.contains("`--allow-data-loss eu-west-1/dynamodb.table/Orders` matches nothing in this plan"), "{time}: {said}");
    }
    // Of two, the one that is needed is not warned of.
    place.write(FILE.replace("type: string }", "type: string }, deletion_protection: false"));
    let allowed = ["--allow-data-loss", "eu-west-1/*", "--allow-data-loss", "us-east-1/*", "--allow-data-loss", "us-west-2/*"];
    let plan = place.plan(&allowed);
    let findings: Vec<_> = plan["findings"].as_array().unwrap().iter().map(|it| (&it["code"], &it["severity"], &it["message"])).collect();
    let message = "`--allow-data-loss us-west-2/*` matches nothing in this plan";
    assert_eq!(findings, [(&"plan::allowance-unused".into(), &"warning".into(), &message.into())]);
    place.expect(0, &[&["apply", "--yes", "--no-sweep"][..], &allowed].concat());
    place.is_converged();
}

/// A table that another operation removes is described, and is gone when its tags are asked for.
#[tokio::test]
async fn a_table_that_goes_between_two_reads_is_not_there() {
    let (model, _) = load("every_kind", &topologies::valid()["every_kind"]).expect("a valid file");
    let (fleet, _) = sandbox::fleet(&sandbox::fresh_account());
    let (kinds, ireland) = (mrctl::kinds::all(), Region::new("eu-west-1"));
    let kind = kinds.get("dynamodb.table").unwrap();
    let cx = Cx::new(Arc::new(model), fleet.clone()).at(&Scope::from(&ireland));
    let wants = kind.desired(&cx.model, &mrctl::resource::Facts::default());
    let want = wants.iter().find(|want| &*want.addr.name == "Local").unwrap();
    kind.create(&cx, want).await.unwrap();

    let settled = async || while tables::member(&cx.afresh(), &ireland, "shop-Local").await.unwrap().is_some_and(|now| !now.is_active()) {};
    settled().await;
    // Described once it is there, and remembered for the observation that follows.
    let seen = cx.afresh();
    assert!(tables::member(&seen, &ireland, "shop-Local").await.unwrap().is_some());
    let client = fleet.region(&ireland).dynamodb;
    client.update_table().table_name("shop-Local").deletion_protection_enabled(false).send().await.unwrap();
    settled().await;
    client.delete_table().table_name("shop-Local").send().await.unwrap();
    let found = kind.observe(&seen).await.unwrap_or_else(|fault| panic!("{fault}"));
    assert!(found.is_empty(), "{found:#?}");
}

/// Half a network would be worse than none: what AWS does not have is said before anything is made.
#[test]
fn zones_that_are_not_there_stop_everything() {
    let place = Place::new();
    for (zones, why) in [
        ("4", "4 zones are wanted and us-east-1 has 3"),
        ("[use1-az1, use1-az9, euw1-az1, euw1-az2]", "us-east-1 has no zone use1-az9 that this account can use"),
    ] {
        place.write(FILE.replace("availability_zones: 2", &format!("availability_zones: {zones}")));
        place.expect(1, &["plan", "--no-sweep"]);
        let said = place.expect(1, &[&NO_WRITE[..], &["apply", "--yes", "--no-sweep"]].concat());
        let found = format!("error[plan::impossible]: us-east-1/ec2.subnet/private-4: {why}");
        let found = if zones == "4" { found } else { found.replace("private-4", "private-2") };
        assert_eq!(said.matches(&found).count(), 1, "{said}");
        // Once a region is silent nothing can be said: it is held, and what can be done elsewhere is done.
        place.expect(5, &["--inject", "down=eu-west-1:refuse", "plan", "--no-sweep"]);
    }
    place.expect(0, &["apply", "--yes", "--no-sweep", "--except", "*/ec2.*"]);
    let plan = place.plan(&["--except", "*/ec2.*"]);
    assert_eq!((&plan["summary"]["keep"], &plan["summary"]["hold"]), (&2.into(), &0.into()), "{plan:#}");
    // The same file with zones that are there goes through.
    place.write(FILE);
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
}

/// A region that answered the plan and is silent now may have the table: a second one would never join it.
#[tokio::test]
async fn a_table_is_not_begun_while_a_region_of_the_plan_does_not_say_whether_it_has_it() {
    let (model, _) = load("every_kind", &topologies::valid()["every_kind"]).expect("a valid file");
    let silent = mrctl::aws::inject::Injector::new("down=us-east-1:refuse".parse().unwrap());
    let (fleet, recorder) = sandbox::fleet_with(&sandbox::fresh_account(), silent);
    let (kinds, ireland) = (mrctl::kinds::all(), Region::new("eu-west-1"));
    let kind = kinds.get("dynamodb.table").unwrap();
    let cx = Cx::new(Arc::new(model), fleet).at(&Scope::from(&ireland));
    let wants = kind.desired(&cx.model, &mrctl::resource::Facts::default());
    let want = wants.iter().find(|want| want.addr.to_string() == "eu-west-1/dynamodb.table/Orders").unwrap();
    let refused = kind.create(&cx, want).await.expect_err("nobody knows whether there is one");
    assert!(refused.to_string().contains("us-east-1 did not say"), "{refused}");
    assert!(recorder.calls().iter().all(|call| !call.mutating), "{:#?}", recorder.calls());
}

/// Without a search, nobody knows whether a table that is wanted is somewhere else already; a table that is found says nothing.
#[test]
fn data_that_is_begun_without_a_search_is_said() {
    let place = Place::with(FILE);
    let codes = |place: &Place, everywhere: bool| {
        let plan = if everywhere { place.plan_everywhere(&[]) } else { place.plan(&[]) };
        let findings = plan["findings"].as_array().unwrap().clone();
        findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((codes(&place, false), codes(&place, true)), (vec!["plan::begun-unsearched".to_owned()], Vec::new()));
    place.expect(0, &["apply", "--yes"]);
    assert_eq!(codes(&place, false), Vec::<String>::new());
    place.destroy("shop");
}

/// Keys in the environment are somebody's; who names a profile means that one, and it may be another account.
#[test]
fn a_profile_that_is_named_goes_before_keys_in_the_environment() {
    let place = Place::with(FILE);
    let (other, folder) = (sandbox::fresh_account(), place.path().parent().unwrap().to_owned());
    let keys = folder.join("credentials");
    std::fs::write(&keys, format!("[other]\naws_access_key_id = {other}\naws_secret_access_key = sandbox\n")).unwrap();
    let files = [("AWS_SHARED_CREDENTIALS_FILE", keys.to_str().unwrap()), ("AWS_CONFIG_FILE", "/dev/null")];
    let account = |arguments: &[&str]| {
        let output = place.run_with(&files, &[&["plan", "--format", "json", "--no-sweep"], arguments].concat());
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["account"].as_str().unwrap().to_owned()
    };
    assert_eq!((account(&[]), account(&["--profile", "other"])), (place.account.clone(), other));
    let said = place.expect_with(&files, 1, &["plan", "--no-sweep", "--profile", "missing"]);
    assert!(said.contains("profile `missing` was not defined") && !said.contains("ProviderError"), "{said}");
}

#[test]
fn a_pattern_that_matches_nothing_is_a_warning() {
    let place = Place::with(FILE);
    let plan = place.plan(&["--only", "eu-west-1/*", "--only", "us-west-1/*", "--except", "*/rds.*"]);
    let findings: Vec<_> = plan["findings"].as_array().unwrap().iter().filter(|it| it["code"] == "plan::pattern-unused").collect();
    let messages: Vec<_> = findings.iter().map(|it| it["message"].as_str().unwrap().split(" matches").next().unwrap()).collect();
    assert_eq!(messages, ["`--only us-west-1/*`", "`--except */rds.*`"]);
}

/// What is left of a plan does not look as if that were all of it.
#[test]
fn changes_that_a_selection_leaves_out_are_told() {
    let place = Place::with(FILE);
    let plan = place.plan(&["--only", "us-east-1/ec2.vpc/main"]);
    let all = place.plan(&[])["steps"].as_array().unwrap().len();
    let told: Vec<_> = plan["findings"].as_array().unwrap().iter().filter(|it| it["code"] == "plan::left-out").collect();
    let [told] = told[..] else { panic!("{plan:#}") };
    assert!(told["message"].as_str().unwrap().starts_with(&format!("{} changes are left out by", all - 1)), "{told:#}");
    let said = place.expect(0, &["plan", "--no-sweep", "--except", "*"]);
    assert!(said.contains("plan::left-out") && said.contains("No changes"), "{said}");
    assert!(!place.plan(&[])["findings"].to_string().contains("plan::left-out"));
}

/// A reader of the events hears the end also when there was no plan to carry out.
#[test]
fn an_event_stream_ends_with_its_end_when_nothing_could_be_planned() {
    let place = Place::new();
    for (file, code) in [(format!("{FILE}account: \"999999999999\"\n"), 1), ("version: 2\n".to_owned(), 3)] {
        place.write(file);
        let output = place.run(&["apply", "--yes", "--format", "json", "--no-sweep"]);
        let lines: Vec<serde_json::Value> =
            String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((output.status.code(), lines.len()), (Some(code), 1));
        assert_eq!((&lines[0]["type"], &lines[0]["outcome"], &lines[0]["exit_code"]), (&"finished".into(), &"failed".into(), &code.into()));
    }
}

/// Nobody is said to have answered who was not asked, and nothing is promised for regions that are all silent.
#[test]
fn a_plan_says_who_answered() {
    let place = Place::with(FILE);
    let said = place.expect(0, &["plan", "--offline"]);
    assert!(said.contains("  us-east-1  not asked: AWS is taken as empty\n") && !said.contains("answered"), "{said}");
    assert!(!said.contains("held"), "{said}");
    let plan = place.plan(&["--offline"]);
    assert_eq!(plan["regions"]["eu-west-1"], serde_json::json!({ "state": "not_asked", "detail": null }));
    let all = ["--inject", "down=us-east-1:refuse,down=eu-west-1:refuse"];
    for command in [&["plan"][..], &["apply", "--yes"]] {
        let said = place.expect(5, &[&all, command, &["--no-sweep"]].concat());
        assert!(said.contains("No region answered") && !said.contains("other regions are planned"), "{said}");
    }
}

/// Whoever asked for few words or for events still has to know why nothing was done.
#[test]
fn a_refusal_says_why_however_little_is_to_be_said() {
    let place = Place::with(FILE);
    place.expect(0, &["apply", "--yes", "--no-sweep", "-q"]);
    for how in [&["--quiet"][..], &["--format", "json"]] {
        let said = place.expect(8, &[&["destroy", "--yes", "--confirm", "shop", "--no-sweep"], how].concat());
        assert!(said.contains("--allow-data-loss eu-west-1/dynamodb.table/Orders"), "{said}");
    }
    place.destroy("shop");
}
