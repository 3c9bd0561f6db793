//! The logins of databases: secrets that follow their database from region to region, outlive it for a week, and are never shown.
use std::collections::BTreeMap;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_secretsmanager::{Client, operation::describe_secret::DescribeSecretOutput};
use jiff::SignedDuration;

use crate::{
    databases::switch_over,
    lifecycle::topology,
    support::{
        aws::{Aws, block_on, http},
        binary::Place,
        sandbox::{running, strict},
    },
};

const TWO: [&str; 2] = ["us-east-1", "eu-west-1"];
const THREE: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-2"];
const NAME: &str = "shop/aurora/main";

/// A database in these regions, with its writer in the first of them unless it says otherwise.
fn database(regions: &[&str], writer: &str, rest: &str) -> String {
    let text = format!(
        "network: {{ availability_zones: 2, nat_gateways: none }}\naurora:\n  main:\n    engine: aurora-mysql\n    \
         engine_version: 8.0.mysql_aurora.3.08.0\n    writer: {writer}\n    instance_class: db.r6g.large\n{rest}"
    );
    topology(regions, &text)
}

/// Secrets Manager as anyone sees it.
pub fn client(account: &str, region: &str) -> Client {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(running().endpoint_of("Secrets Manager"))
        .http_client(http())
        .region(aws_config::Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(account, "sandbox", None, None, "tests")))
        .build();
    Client::new(&config)
}

fn described(place: &Place, region: &str) -> Option<DescribeSecretOutput> {
    block_on(client(&place.account, region).describe_secret().secret_id(NAME).send()).ok()
}

/// The value in a region, as it stands there.
fn value(place: &Place, region: &str) -> String {
    let seen = block_on(client(&place.account, region).get_secret_value().secret_id(NAME).send());
    seen.unwrap_or_else(|error| panic!("{region}: {error:?}")).secret_string.unwrap()
}

fn login(place: &Place, region: &str) -> BTreeMap<String, String> {
    serde_json::from_str(&value(place, region)).unwrap()
}

fn apply(place: &Place, text: &str) -> String {
    place.write(text);
    let said = place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    said
}

#[test]
fn a_login_is_made_once_follows_to_every_region_and_outlives_its_database() {
    let place = Place::new();
    apply(&place, &database(&THREE, "eu-west-1", ""));
    let made = login(&place, "eu-west-1");
    assert_eq!(made.keys().collect::<Vec<_>>(), ["password", "username"]);
    assert_eq!(made["username"], "dbadmin");
    let password = &made["password"];
    assert!(password.len() == 32 && password.chars().all(|c| c.is_ascii_alphanumeric()), "{password}");
    for region in THREE {
        let seen = described(&place, region).unwrap();
        assert_eq!(login(&place, region), made);
        assert_eq!(seen.primary_region(), Some("eu-west-1").filter(|_| region != "eu-west-1"), "{region}");
        assert!(seen.tags().iter().any(|tag| (tag.key(), tag.value()) == (Some("mrctl:stack"), Some("shop"))), "{seen:?}");
    }

    let said = place.expect(0, &["destroy", "--yes", "--confirm", "shop", "--allow-data-loss", "all", "--no-sweep"]);
    assert!(said.contains("eu-west-1: secret shop/aurora/main, in its recovery window of 7 days"), "{said}");
    assert!(described(&place, "us-east-1").is_none() && described(&place, "ap-southeast-2").is_none());
    assert!(described(&place, "eu-west-1").unwrap().deleted_date().is_some());
    let left = place.plan(&["--destroy"]);
    assert_eq!(left["steps"].as_array().map(Vec::len), Some(0), "{left:#}");

    // Within its window it comes back with what it held, also when the writer begins elsewhere now.
    apply(&place, &database(&THREE, "us-east-1", ""));
    assert!(THREE.iter().all(|region| described(&place, region).unwrap().deleted_date().is_none()));
    let again = login(&place, "us-east-1");
    assert!(THREE.iter().all(|region| login(&place, region) == again));
    place.destroy("shop");
    apply(&place, &database(&THREE, "us-east-1", "    master_username: root2\n"));
    let restored = login(&place, "us-east-1");
    assert_eq!((&restored["username"], &restored["password"]), (&"root2".to_owned(), &again["password"]));
    place.destroy("shop");

    // After it, it is made anew.
    strict().move_clock(&place.account, SignedDuration::from_hours(8 * 24));
    apply(&place, &database(&THREE, "us-east-1", ""));
    assert_ne!(login(&place, "us-east-1")["password"], again["password"]);
    place.destroy("shop");
    assert_eq!(strict().refused_with(&place.account, "InvalidRequestException"), Vec::<String>::new());
}

#[test]
fn regions_join_and_leave_and_the_home_moves_without_a_gap() {
    let place = Place::new();
    apply(&place, &database(&TWO, "us-east-1", ""));
    let (made, before) = (value(&place, "us-east-1"), described(&place, "eu-west-1").unwrap());
    // The writer of the file is where the first one begins; it moves nothing.
    apply(&place, &database(&THREE, "eu-west-1", ""));
    assert_eq!(described(&place, "ap-southeast-2").unwrap().primary_region(), Some("us-east-1"));

    // Somebody moves the writer, and then its old region leaves the database.
    switch_over(&place, "eu-west-1");
    let rest = "    regions: [eu-west-1, ap-southeast-2]\n";
    place.write(database(&THREE, "eu-west-1", rest));
    let plan = place.plan(&["--allow-data-loss", "all"]);
    let steps = plan["steps"].as_array().unwrap();
    let of = |region: &str| steps.iter().find(|step| step["address"] == format!("{region}/secretsmanager.secret/aurora/main")).unwrap();
    assert_eq!(
        ["us-east-1", "eu-west-1", "ap-southeast-2"].map(|region| of(region)["action"].as_str().unwrap()),
        ["delete", "update", "update"]
    );
    place.expect(0, &["apply", "--yes", "--no-sweep", "--allow-data-loss", "all"]);
    place.is_converged();
    let after = described(&place, "eu-west-1").unwrap();
    assert_eq!((after.arn(), after.primary_region()), (before.arn(), None));
    assert_eq!(described(&place, "ap-southeast-2").unwrap().primary_region(), Some("eu-west-1"));
    assert!(["eu-west-1", "ap-southeast-2"].iter().all(|region| value(&place, region) == made));
    place.destroy("shop");
    assert!(described(&place, "ap-southeast-2").is_none());
    // The old home keeps its own for a week.
    assert!(described(&place, "us-east-1").unwrap().deleted_date().is_some());
}

#[test]
fn a_replica_that_fails_says_so_and_is_asked_for_again() {
    let place = Place::new();
    strict().let_fail_in(&place.account, "ReplicateSecretToRegions", "eu-west-1");
    place.write(database(&TWO, "us-east-1", ""));
    let said = place.expect(1, &["apply", "--yes", "--no-sweep"]);
    assert!(said.contains("it was not replicated: Replication failed: the key is not there"), "{said}");
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    place.destroy("shop");
}

#[test]
fn a_secret_of_somebody_else_is_left_alone_and_named() {
    let place = Place::with(&database(&TWO, "us-east-1", ""));
    let client = client(&place.account, "us-east-1");
    block_on(client.create_secret().name(NAME).secret_string("theirs").send()).unwrap();
    let said = place.expect(1, &["apply", "--yes", "--no-sweep"]);
    assert!(said.contains(NAME) && said.contains("does not carry this stack's mark"), "{said}");
    assert_eq!(value(&place, "us-east-1"), "theirs");
    // Nor is it brought back from where its owner sent it.
    block_on(client.delete_secret().secret_id(NAME).recovery_window_in_days(7).send()).unwrap();
    let said = place.expect(1, &["apply", "--yes", "--no-sweep"]);
    assert!(said.contains(NAME) && said.contains("does not carry this stack's mark"), "{said}");
    assert!(described(&place, "us-east-1").unwrap().deleted_date().is_some());
}

#[test]
fn what_a_secret_carries_is_changed_at_its_home() {
    let place = Place::new();
    let tagged = |tags: &str| database(&TWO, "us-east-1", "").replace("stack: shop\n", &format!("stack: shop\n{tags}"));
    apply(&place, &tagged("tags: { team: payments, cost: \"1\" }\n"));
    apply(&place, &tagged("tags: { team: orders }\n"));
    let seen = described(&place, "eu-west-1").unwrap();
    let tags: BTreeMap<_, _> = seen.tags().iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap())).collect();
    assert_eq!((tags.get("team"), tags.get("cost")), (Some(&"orders"), None), "{tags:?}");
    // Somebody's own note and a missing mark are put right.
    let client = client(&place.account, "us-east-1");
    block_on(client.update_secret().secret_id(NAME).description("mine").send()).unwrap();
    block_on(client.untag_resource().secret_id(NAME).tag_keys("mrctl:resource").send()).unwrap();
    let before = value(&place, "us-east-1");
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    let seen = described(&place, "us-east-1").unwrap();
    assert_eq!(seen.description(), Some("Login of dbadmin in the Aurora database main of shop"));
    assert!(seen.tags().iter().any(|tag| tag.key() == Some("mrctl:resource")), "{seen:?}");
    assert_eq!(value(&place, "us-east-1"), before);
    place.destroy("shop");
}

/// Everything that mrctl can be made to say, whatever the verbosity and the format.
#[test]
fn no_password_is_ever_shown() {
    let place = Place::new();
    let text = database(&TWO, "us-east-1", "");
    place.write(&text);
    // The SDK has a switch of its own for bodies with secrets in them.
    let everything = [("MRCTL_LOG", "trace"), ("LOG_SENSITIVE_BODIES", "true")];
    let mut said = Vec::new();
    let mut say = |environment: &[(&str, &str)], arguments: &[&str]| {
        let output = place.run_with(environment, arguments);
        said.push((format!("{environment:?} {arguments:?}"), [output.stdout, output.stderr].concat()));
        output.status.code()
    };
    let all = ["--allow-data-loss", "all", "--no-sweep"];
    let destroy = ["destroy", "--yes", "--confirm", "shop"];
    let mut passwords = Vec::new();
    for verbosity in ["-q", "-v", "-vv", "-vvv"] {
        for (environment, format) in [(&[][..], "human"), (&everything[..], "json")] {
            say(environment, &[verbosity, "plan", "--full", "--no-sweep", "--format", format]);
            assert_eq!(say(environment, &[verbosity, "apply", "--yes", "--no-sweep", "--format", format]), Some(0));
            passwords.push(login(&place, "us-east-1")["password"].clone());
            // What differs here makes the next run read the value.
            let client = client(&place.account, "us-east-1");
            block_on(client.update_secret().secret_id(NAME).description("mine").send()).unwrap();
            say(environment, &[verbosity, "plan", "--full", "--no-sweep", "--format", format]);
            assert_eq!(say(environment, &[verbosity, "apply", "--yes", "--no-sweep", "--format", format]), Some(0));
            say(environment, &[verbosity, "graph", "--format", "mermaid"]);
            let tail = [verbosity, "--format", format];
            assert_eq!(say(environment, &[&destroy[..], &all, &tail].concat()), Some(0));
        }
        // After the window the name is free, and the next password another one.
        strict().move_clock(&place.account, SignedDuration::from_hours(8 * 24));
    }
    passwords.sort();
    passwords.dedup();
    assert_eq!(passwords.len(), 4);
    for (what, text) in &said {
        let text = String::from_utf8_lossy(text);
        for password in &passwords {
            assert!(!shows(&text, password), "{what} shows a password");
        }
    }
    // The search would find it: the calls themselves are there.
    let calls = ["CreateSecret", "GetSecretValue"];
    assert!(calls.iter().all(|call| said.iter().any(|(_, text)| String::from_utf8_lossy(text).contains(call))));
}

/// Whether a text shows a password, also as numbers or in hexadecimal.
fn shows(text: &str, password: &str) -> bool {
    let bytes = password.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    let hex: String = password.bytes().map(|byte| format!("{byte:02x}")).collect();
    [password.to_owned(), bytes, hex].iter().any(|form| text.contains(form))
}

const SERVICE: &str = "services:\n  api:\n    image: \"{account}.dkr.ecr.{region}.amazonaws.com/api:1\"\n    port: 3000\n";
const USES: &str = "    uses: { aurora: [main] }\n";

/// A service in two regions that reach each other.
fn serving(rest: &str) -> String {
    topology(&TWO, &format!("network: {{ availability_zones: 2, nat_gateways: single, peering: mesh }}\nrollout: {{ bake: 0s }}\n{rest}"))
}

/// A database whose writer is in the second region.
const DATABASE: &str = "aurora:\n  main:\n    engine: aurora-mysql\n    engine_version: 8.0.mysql_aurora.3.08.0\n    writer: eu-west-1\n    \
                        instance_class: db.r6g.large\n    instances: 1\n    database_name: shop\n";

#[test]
fn a_database_joins_a_live_stack_is_used_and_leaves_it_again() {
    let place = Place::new();
    apply(&place, &serving(SERVICE));
    // The writer is in the second region, and the first one changes first: no circle.
    place.write(serving(&format!("{DATABASE}{SERVICE}{USES}")));
    let plan = place.plan(&[]);
    assert_eq!(plan["findings"].as_array().map(|all| all.iter().filter(|one| one["severity"] == "error").count()), Some(0), "{plan:#}");
    let said = place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text}: {said}"));
    let order = ["done     eu-west-1/rds.instance/main-1: created", "start    us-east-1/ecs.task_definition/api: creating"];
    assert!(at(order[0]) < at(order[1]), "{said}");
    for region in TWO {
        let aws = Aws::new(&place.account, region);
        let running = aws.running("shop-api");
        let container = &running.container_definitions()[0];
        let told: BTreeMap<_, _> = container.environment().iter().map(|pair| (pair.name().unwrap(), pair.value().unwrap())).collect();
        assert_eq!((told["DB_MAIN_PORT"], told["DB_MAIN_NAME"]), ("3306", "shop"), "{told:?}");
        assert!(told["DB_MAIN_LOCAL_HOST"].contains(region) && told["DB_MAIN_READER_HOST"].contains(region), "{told:?}");
        assert!(!told["DB_MAIN_WRITER_HOST"].is_empty(), "{told:?}");
        let arn = described(&place, region).unwrap().arn.unwrap();
        let logins: BTreeMap<_, _> = container.secrets().iter().map(|one| (one.name(), one.value_from().to_owned())).collect();
        assert_eq!(logins, [("DB_MAIN_PASSWORD", format!("{arn}:password::")), ("DB_MAIN_USERNAME", format!("{arn}:username::"))].into());
        let policy = aws.policy(&format!("shop-{region}-api-execution")).to_string();
        let named = format!("arn:aws:secretsmanager:{region}:{}:secret:shop/aurora/main-??????", place.account);
        assert!(policy.contains(&named), "{policy}");
    }

    // A secret that somebody ended is made anew, and the password set from it, in one run that says so.
    let old = login(&place, "eu-west-1");
    let client = client(&place.account, "eu-west-1");
    block_on(client.remove_regions_from_replication().secret_id(NAME).remove_replica_regions("us-east-1").send()).unwrap();
    block_on(client.delete_secret().secret_id(NAME).force_delete_without_recovery(true).send()).unwrap();
    let plan = place.plan(&[]);
    let action =
        |address: &str| plan["steps"].as_array().unwrap().iter().find(|step| step["address"] == address).unwrap()["action"].clone();
    assert_eq!(action("eu-west-1/secretsmanager.secret/aurora/main"), "create");
    assert_eq!(action("eu-west-1/rds.cluster/main"), "update");
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    assert_ne!(login(&place, "us-east-1")["password"], old["password"]);

    // Out again: the service lets go of it before it goes.
    place.write(serving(SERVICE));
    let said = place.expect(0, &["apply", "--yes", "--no-sweep", "--allow-data-loss", "all"]);
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text}: {said}"));
    for gone in ["us-east-1/rds.instance/main-1: deleting", "us-east-1/ec2.security_group_rules/aurora-main: deleting"] {
        assert!(at("done     us-east-1/ecs.service/api: changed") < at(gone), "{said}");
    }
    place.is_converged();
    // The secret went too, though no list shows yet that it was made.
    assert!(described(&place, "us-east-1").is_none() && described(&place, "eu-west-1").unwrap().deleted_date().is_some());
    apply(&place, &serving(&format!("{DATABASE}{SERVICE}{USES}")));
    place.destroy("shop");
}

#[test]
fn a_service_that_goes_is_let_in_until_it_is_gone() {
    let place = Place::new();
    let other = SERVICE.replace("services:\n  api:", "  other:");
    apply(&place, &serving(&format!("{DATABASE}{SERVICE}{USES}{other}{USES}")));
    place.write(serving(&format!("{DATABASE}{SERVICE}{USES}")));
    let said = place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    let at = |text: String| said.find(&text).unwrap_or_else(|| panic!("{text}: {said}"));
    for region in TWO {
        let (gone, shut) =
            (format!("done     {region}/ecs.service/other: deleted"), format!("start    {region}/ec2.security_group_rules/aurora-main"));
        assert!(at(gone) < at(shut), "{said}");
    }
    place.destroy("shop");
}
