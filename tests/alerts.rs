//! Whom alarms tell: topics, those subscribed to them by the file and by others, and messages that nobody has answered yet.
use std::collections::BTreeMap;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_sns::{Client, types::Tag};
use serde_json::{Value, json};

use crate::{
    lifecycle::topology,
    support::{
        aws::{block_on, http},
        binary::Place,
        kills::survive,
        sandbox::strict,
    },
};

const TWO: [&str; 2] = ["us-east-1", "eu-west-1"];
const APPLY: [&str; 3] = ["apply", "--yes", "--no-sweep"];
/// A URL whose rest is a key.
const HOOK: &str = "https://hooks.example.com/services/T0/B0/s3cr3tkey?token=s3cr3tkey";

/// Alarms on a metric of the application, told to these.
fn alarms(regions: &[&str], alerts: &str) -> String {
    let alarm = "alarms:\n  queue: { namespace: Shop, metric: Depth, dimensions: { Region: \"{region}\" }, statistic: maximum, \
                 threshold: 100, period: 5m, evaluation_periods: 1 }\n";
    topology(regions, &format!("{alarm}{alerts}"))
}

fn emails(list: &[&str]) -> String {
    format!("alerts: {{ emails: [{}] }}\n", list.join(", "))
}

/// SNS as anyone sees it.
fn client(account: &str, region: &str) -> Client {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        // Through the strict layer: who has not confirmed is seen there only.
        .endpoint_url(&strict().endpoint)
        .http_client(http())
        .region(aws_config::Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(account, "sandbox", None, None, "tests")))
        .build();
    Client::new(&config)
}

fn arn(place: &Place, region: &str) -> String {
    format!("arn:aws:sns:{region}:{}:shop-alerts", place.account)
}

/// Address and ARN of everyone subscribed in a region.
fn subscribed(place: &Place, region: &str) -> BTreeMap<String, String> {
    let sns = client(&place.account, region);
    let seen = block_on(sns.list_subscriptions_by_topic().topic_arn(arn(place, region)).send()).unwrap();
    let read = |one: &aws_sdk_sns::types::Subscription| {
        (one.endpoint().unwrap_or_default().to_owned(), one.subscription_arn().unwrap_or_default().to_owned())
    };
    seen.subscriptions().iter().map(read).collect()
}

fn tags(place: &Place, region: &str) -> BTreeMap<String, String> {
    let sns = client(&place.account, region);
    let seen = block_on(sns.list_tags_for_resource().resource_arn(arn(place, region)).send()).unwrap();
    seen.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

fn is_there(place: &Place, region: &str) -> bool {
    block_on(client(&place.account, region).get_topic_attributes().topic_arn(arn(place, region)).send()).is_ok()
}

fn step<'a>(plan: &'a Value, address: &str) -> &'a Value {
    plan["steps"].as_array().unwrap().iter().find(|step| step["address"] == address).unwrap_or_else(|| panic!("{address}: {plan:#}"))
}

#[test]
fn a_topic_is_made_told_of_and_removed_and_nobody_is_waited_for() {
    let queue = "arn:aws:sqs:{region}:{account}:pager";
    let alerts = format!("alerts: {{ emails: [ops@example.com], https: [\"{HOOK}\"], arns: [\"{queue}\"] }}\n");
    let place = Place::with(&alarms(&TWO, &alerts));
    place.expect(0, &APPLY);
    place.is_converged();
    for region in TWO {
        let queue = format!("arn:aws:sqs:{region}:{}:pager", place.account);
        let who = subscribed(&place, region);
        assert_eq!(who.keys().map(String::as_str).collect::<Vec<_>>(), [&queue, HOOK, "ops@example.com"], "{who:?}");
        assert_eq!((&*who["ops@example.com"], &*who[HOOK]), ("PendingConfirmation", "PendingConfirmation"));
        assert!(who[&queue].starts_with("arn:"));
    }
    let plan = place.plan(&[]);
    let posture: Vec<_> = plan["posture"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(posture, TWO.map(|region| format!("unconfirmed:{region}/sns.topic/alerts")).iter().rev().collect::<Vec<_>>());
    let said = place.expect(0, &["plan", "--no-sweep"]);
    assert!(said.contains("email ops@example.com") && said.contains("goes by itself after about three days"), "{said}");

    // Nobody is asked twice, however often an apply is repeated.
    place.expect(0, &APPLY);
    assert_eq!(strict().asked_to_confirm(&place.account, "ops@example.com"), 2);
    strict().confirm(&place.account, "ops@example.com");
    strict().confirm(&place.account, HOOK);
    place.is_converged();
    assert_eq!(place.plan(&[])["posture"], json!([]));

    place.destroy("shop");
    assert!(TWO.iter().all(|region| !is_there(&place, region)));
    assert_eq!(strict().refused_with(&place.account, "InvalidParameter"), Vec::<String>::new());
}

#[test]
fn no_part_of_a_url_but_its_host_is_said_anywhere() {
    let place = Place::with(&alarms(&TWO[..1], &format!("alerts: {{ https: [\"{HOOK}\"] }}\n")));
    let mut said = String::new();
    for (code, arguments) in [
        (0, &["-vvv", "plan", "--offline", "--full"][..]),
        (0, &["-vvv", "plan", "--no-sweep", "--format", "json"]),
        (0, &["-vvv", "apply", "--yes", "--no-sweep", "--format", "json"]),
        (0, &["-vvv", "plan", "--no-sweep", "--full"]),
        (0, &["graph"]),
    ] {
        said += &place.expect_with(&[("RUST_LOG", "trace")], code, arguments);
    }
    // What AWS refuses repeats what it was sent.
    let bad = Place::with(&alarms(&TWO[..1], &format!("alerts: {{ https: [\"{HOOK}\"] }}\n")));
    strict().let_fail(&bad.account, "Subscribe");
    said += &bad.expect_with(&[("RUST_LOG", "trace")], 1, &["-vvv", "apply", "--yes", "--no-sweep"]);
    assert!(said.contains("https https://hooks.example.com/… (#"), "{said}");
    assert!(said.contains("(URL) cannot be reached"), "{said}");
    assert!(!said.contains("s3cr3tkey") && !said.contains("services/T0"), "{said}");
    let remembered = &tags(&place, "us-east-1")["mrctl:subscribed"];
    assert!(remembered.len() == 8 && remembered.bytes().all(|byte| byte.is_ascii_hexdigit()), "{remembered}");
    place.destroy("shop");
    bad.destroy("shop");
}

#[test]
fn whom_the_file_forgets_is_unsubscribed_and_whom_others_subscribed_stays() {
    let place = Place::with(&alarms(&TWO[..1], &emails(&["ops@example.com", "dev@example.com", "late@example.com"])));
    let region = "us-east-1";
    place.expect(0, &APPLY);
    for who in ["ops@example.com", "dev@example.com", "boss@example.com"] {
        strict().confirm(&place.account, who);
    }
    let sns = client(&place.account, region);
    let by_hand = sns.subscribe().topic_arn(arn(&place, region)).protocol("email").endpoint("boss@example.com");
    block_on(by_hand.send()).unwrap();
    place.is_converged();

    // Deleted by hand: drift, and it comes back.
    let ended = subscribed(&place, region)["dev@example.com"].clone();
    block_on(sns.unsubscribe().subscription_arn(ended).send()).unwrap();
    let plan = place.plan(&[]);
    let changes = &step(&plan, "us-east-1/sns.topic/alerts")["changes"];
    assert_eq!(changes, &json!([{ "path": "subscriptions.email dev@example.com", "from": null, "to": "subscribed" }]));
    place.expect(0, &APPLY);
    place.is_converged();
    assert!(subscribed(&place, region).contains_key("dev@example.com"));

    // The file forgets one that is confirmed and one that is not: the first is ended, the other cannot be.
    place.write(alarms(&TWO[..1], &emails(&["dev@example.com"])));
    place.expect(0, &APPLY);
    place.is_converged();
    let who = subscribed(&place, region);
    assert_eq!(who.keys().collect::<Vec<_>>(), ["boss@example.com", "dev@example.com", "late@example.com"]);
    let plan = place.plan(&[]);
    let message = plan["posture"][0]["message"].as_str().unwrap();
    assert!(message.contains("email late@example.com") && message.contains("nobody can end it"), "{message}");

    // Somebody confirms it after all: then it is ended.
    strict().confirm(&place.account, "late@example.com");
    assert_eq!(step(&place.plan(&[]), "us-east-1/sns.topic/alerts")["action"], "update");
    place.expect(0, &APPLY);
    place.is_converged();
    assert_eq!(subscribed(&place, region).keys().collect::<Vec<_>>(), ["boss@example.com", "dev@example.com"]);
    assert_eq!(tags(&place, region)["mrctl:subscribed"].len(), 8);
    place.destroy("shop");
}

#[test]
fn a_topic_with_other_tags_is_drift_and_one_of_somebody_else_is_left() {
    let region = "us-east-1";
    let text = alarms(&TWO[..1], &emails(&["ops@example.com"]));
    let place = Place::with(&format!("{text}tags: {{ team: payments }}\n"));
    place.expect(0, &APPLY);
    let sns = client(&place.account, region);
    let tag = Tag::builder().key("team").value("others").build().unwrap();
    block_on(sns.tag_resource().resource_arn(arn(&place, region)).tags(tag).send()).unwrap();
    let changes = step(&place.plan(&[]), "us-east-1/sns.topic/alerts")["changes"].clone();
    assert_eq!(changes, json!([{ "path": "tags.team", "from": "others", "to": "payments" }]));
    // The memory of a topic that lost it is a difference, too.
    block_on(sns.untag_resource().resource_arn(arn(&place, region)).tag_keys("mrctl:subscribed").send()).unwrap();
    place.expect(0, &APPLY);
    place.is_converged();
    assert_eq!(tags(&place, region)["team"], "payments");
    assert_eq!(tags(&place, region)["mrctl:subscribed"].len(), 8);
    assert_eq!(strict().refusals(&place.account, "CreateTopic", "InvalidParameter"), 0);
    place.destroy("shop");

    // Someone else's under that name, and what a create would do to it.
    block_on(sns.create_topic().name("shop-alerts").send()).unwrap();
    let refused = block_on(sns.create_topic().name("shop-alerts").tags(Tag::builder().key("a").value("b").build().unwrap()).send());
    assert!(format!("{:?}", refused.unwrap_err()).contains("Topic already exists with different tags"));
    let plan = place.plan(&[]);
    assert_eq!(step(&plan, "us-east-1/sns.topic/alerts")["action"], "leave");
    assert_eq!(plan["findings"][0]["code"], "plan::not-ours");
    place.expect(1, &APPLY);
    place.expect(0, &["destroy", "--yes", "--confirm", "shop", "--no-sweep"]);
    assert!(is_there(&place, region));
    assert_eq!(subscribed(&place, region).len(), 0);
    // Taken over, it is as the file says.
    place.expect(0, &["apply", "--yes", "--no-sweep", "--adopt", "us-east-1/sns.topic/alerts"]);
    place.expect(0, &APPLY);
    place.is_converged();
    place.destroy("shop");
    assert!(!is_there(&place, region));
}

#[test]
fn a_topic_is_encrypted_and_not_any_more() {
    let key = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555";
    let with = format!("alerts: {{ emails: [ops@example.com], encryption: {{ us-east-1: \"{key}\" }} }}\n");
    let place = Place::with(&alarms(&TWO[..1], &with));
    let seen = |place: &Place| {
        let ask = client(&place.account, "us-east-1").get_topic_attributes().topic_arn(arn(place, "us-east-1"));
        let attributes = block_on(ask.send()).unwrap().attributes.unwrap_or_default();
        attributes.get("KmsMasterKeyId").cloned().unwrap_or_default()
    };
    place.expect(0, &APPLY);
    place.is_converged();
    assert_eq!(seen(&place), key);
    place.write(alarms(&TWO[..1], &emails(&["ops@example.com"])));
    place.expect(0, &APPLY);
    place.is_converged();
    assert_eq!(seen(&place), "");
    place.destroy("shop");
}

#[test]
fn a_topic_of_a_region_that_left_the_file_is_found() {
    let place = Place::with(&alarms(&TWO, &emails(&["ops@example.com"])));
    place.expect(0, &["apply", "--yes"]);
    place.write(alarms(&TWO[..1], &emails(&["ops@example.com"])));
    let plan = place.plan_everywhere(&[]);
    assert_eq!(step(&plan, "eu-west-1/sns.topic/alerts")["action"], "delete");
    place.expect(0, &["apply", "--yes"]);
    assert!(is_there(&place, "us-east-1") && !is_there(&place, "eu-west-1"));
    // The section goes, too.
    place.write(alarms(&TWO[..1], ""));
    place.expect(0, &APPLY);
    place.is_converged();
    assert!(!is_there(&place, "us-east-1"));
    place.destroy("shop");
}

#[test]
fn alerts_survive_being_killed_anywhere() {
    let text = alarms(&TWO[..1], &format!("alerts: {{ emails: [ops@example.com, dev@example.com], https: [\"{HOOK}\"] }}\n"));
    survive(&text, "shop", &TWO[..1], 12);
}
