//! SNS: topics that are there with something else, and subscriptions that nobody has confirmed. MiniStack takes the first and confirms
//! emails by itself.
use std::collections::{BTreeMap, BTreeSet};

use super::{
    World,
    call::{Answer, Call, Refusal},
    refuse, xml,
};

type Verdict = Result<(), Refusal>;

const INVALID: &str = "InvalidParameter";
/// The version of the API in every request.
const VERSION: &str = "2010-03-31";

#[derive(Default)]
pub struct Memory {
    /// Who confirmed, by account and address.
    confirmed: BTreeSet<(String, String)>,
    /// Whom AWS asked to confirm, in its order.
    pub asked: Vec<(String, String)>,
}

impl super::Strict {
    /// Somebody follows the link in the message that AWS sent to this address, in every region.
    pub fn confirm(&self, account: &str, address: &str) {
        self.world.memory().topics.confirmed.insert((account.to_owned(), address.to_owned()));
    }

    /// How many messages AWS sent to this address, asking to confirm.
    pub fn asked_to_confirm(&self, account: &str, address: &str) -> usize {
        let memory = self.world.memory();
        memory.topics.asked.iter().filter(|(of, to)| of == account && to == address).count()
    }
}

/// 10.3.4: an email or a URL; a queue or a function of the account needs nobody.
fn needs_confirmation(address: &str) -> bool {
    !address.starts_with("arn:")
}

fn is_pending(world: &World, call: &Call, address: &str) -> bool {
    let who = (call.account.clone(), address.to_owned());
    needs_confirmation(address) && !world.memory().topics.confirmed.contains(&who)
}

fn ask(world: &World, call: &Call, operation: &str, fields: &[(&str, &str)]) -> Answer {
    world.forward(&call.ask_query("sns", VERSION, operation, fields))
}

/// Whether SNS would take this request.
pub fn judge(world: &World, call: &Call) -> Verdict {
    match &*call.operation {
        "CreateTopic" => create(world, call),
        "Subscribe" => {
            let (protocol, address) = (call.field("Protocol"), call.field("Endpoint"));
            // SNS repeats what it was sent.
            if world.memory().take_order_of(call) {
                return refuse(INVALID, format!("Invalid parameter: Endpoint {address} cannot be reached"));
            }
            let fits = match protocol {
                "email" => address.contains('@'),
                "https" => address.starts_with("https://"),
                "sqs" | "lambda" => address.starts_with("arn:"),
                _ => false,
            };
            if fits { Ok(()) } else { refuse(INVALID, format!("Invalid parameter: {address} is no address of the protocol {protocol}")) }
        }
        "Unsubscribe" => {
            let arn = call.field("SubscriptionArn");
            if arn.split(':').count() < 6 {
                return refuse(INVALID, "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 1");
            }
            let seen = ask(world, call, "GetSubscriptionAttributes", &[("SubscriptionArn", arn)]).text();
            let attributes = pairs(&seen, "Attributes", "key", "value");
            match attributes.get("Endpoint") {
                // 10.3.6.
                Some(address) if is_pending(world, call, address) => {
                    refuse(INVALID, "Invalid parameter: This operation can't be performed on a subscription that is pending confirmation")
                }
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// A list of names and values in an answer.
fn pairs(text: &str, list: &str, name: &str, value: &str) -> BTreeMap<String, String> {
    xml::entries(text, list).iter().map(|item| (item.one(name).to_owned(), item.one(value).to_owned())).collect()
}

/// 47, 10.3.2: what is there with other tags or attributes is not made again.
fn create(world: &World, call: &Call) -> Verdict {
    let (name, partition) = (call.field("Name"), "aws");
    if name.is_empty() || name.len() > 256 || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
        return refuse(INVALID, "Invalid parameter: Topic Name");
    }
    let arn = format!("arn:{partition}:sns:{}:{}:{name}", call.region, call.account);
    let seen = ask(world, call, "ListTagsForResource", &[("ResourceArn", &arn)]);
    if !seen.is_success() {
        return Ok(());
    }
    let sent = |list: &str, name: &str, value: &str| -> BTreeMap<String, String> {
        let at = |n: usize, what: &str| call.fields.get(&format!("{list}.{n}.{what}")).cloned();
        (1..).map_while(|n| Some((at(n, name)?, at(n, value).unwrap_or_default()))).collect()
    };
    if sent("Tags.member", "Key", "Value") != pairs(&seen.text(), "Tags", "Key", "Value") {
        return refuse(INVALID, "Invalid parameter: Tags Reason: Topic already exists with different tags");
    }
    let there = pairs(&ask(world, call, "GetTopicAttributes", &[("TopicArn", &arn)]).text(), "Attributes", "key", "value");
    let differs = |(name, value): (&String, &String)| there.get(name).map_or("", String::as_str) != value;
    if sent("Attributes.entry", "key", "value").iter().any(differs) {
        return refuse(INVALID, "Invalid parameter: Attributes Reason: Topic already exists with different attributes");
    }
    Ok(())
}

/// What MiniStack says, with everything pending that nobody confirmed.
pub fn colour(world: &World, call: &Call, mut answer: Answer) -> Answer {
    if !answer.is_success() {
        return answer;
    }
    match &*call.operation {
        "Subscribe" => {
            let address = call.field("Endpoint").to_owned();
            if is_pending(world, call, &address) {
                world.memory().topics.asked.push((call.account.clone(), address));
                if let Some(arn) = xml::text_of(&answer.text(), "SubscriptionArn") {
                    answer.body = answer.text().replace(&arn, "pending confirmation").into_bytes();
                }
            }
        }
        "ListSubscriptionsByTopic" | "ListSubscriptions" => {
            let pending = |address: &str| is_pending(world, call, address).then_some("PendingConfirmation");
            answer.body = xml::restate(&answer.text(), "Endpoint", "SubscriptionArn", pending).into_bytes();
        }
        _ => {}
    }
    answer
}
