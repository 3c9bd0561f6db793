//! What stands between mrctl and the emulator in the tests: it refuses, with AWS's own code, what AWS refuses and the emulator
//! allows, and holds every slow state for two polls.
//!
//! It is a server on the loopback address, so the real binary, the clients of a test and anything else see the same AWS. What a
//! rule needs to know it asks the emulator; it keeps only what the emulator does not: states that take time, ages of replicas,
//! and a clock that a test can move.
mod attributes;
mod call;
mod cbor;
mod certificates;
mod cloudwatch;
mod containers;
mod databases;
mod dynamodb;
mod dynamodb_capacity;
mod dynamodb_indexes;
mod dynamodb_settings;
mod dynamodb_strong;
mod ec2;
mod endpoints;
mod followers;
mod gateways;
mod interfaces;
mod load_balancing;
mod peering;
mod route53;
mod scaling;
mod secrets;
mod slow;
mod topics;
mod xml;

pub use cloudwatch::wrong_with;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::Instant,
};

use call::{Answer, Call, Refusal};
use jiff::{SignedDuration, Timestamp};
use mrctl::sandbox::Running;
use slow::Slow;
use tiny_http::{Response, Server};

/// Requests judged side by side.
const WORKERS: usize = 24;

/// The strict AWS in front of an emulator.
pub struct Strict {
    pub endpoint: String,
    world: Arc<World>,
}

/// What the strict layer knows beyond the emulator.
struct World {
    upstream: Running,
    agent: ureq::Agent,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    slow: Slow,
    tables: dynamodb::Tables,
    route53: route53::Memory,
    services: containers::Services,
    topics: topics::Memory,
    /// When the recovery window of a secret ends.
    windows: BTreeMap<slow::Who, Timestamp>,
    /// Accounts in which the role is there with which AWS scales services.
    scaling: BTreeSet<String>,
    /// How often a certificate that is not issued yet was looked at.
    certificates: BTreeMap<slow::Who, u8>,
    /// Accounts whose hosted zones nobody comes to.
    undelegated: BTreeSet<String>,
    settings: dynamodb_settings::Settings,
    leaving_indexes: dynamodb_indexes::Leaving,
    strong: dynamodb_strong::Tables,
    switches: dynamodb_capacity::Switches,
    /// Tables that have no stream and are about to get strongly consistent members, by account and name.
    without_stream: BTreeSet<(String, String)>,
    /// NAT gateways and certificates that failed after they were asked for.
    failed: BTreeSet<slow::Who>,
    /// Removals that AWS takes its time for: sent on once the state has been shown.
    deferred: BTreeMap<slow::Who, Call>,
    /// The bucket of endpoint calls, by account and region: how many are left, as of when.
    endpoint_calls: BTreeMap<(String, String), (f64, Instant)>,
    /// Operations of an account whose next outcome a test asked to go wrong.
    ordered: Vec<(String, String)>,
    /// For how many polls an account's operations are under way, where a test asked for more than usual.
    patience: BTreeMap<(String, String), u8>,
    /// Interfaces of services that have let go of them, and how many more looks at them it takes until they go.
    lingering: BTreeMap<slow::Who, Option<u8>>,
    /// The operations of an account that could have changed something.
    changes: BTreeMap<String, Vec<String>>,
    /// What RDS was asked to change and took, by account, and what it finished behind the call.
    databases: BTreeMap<String, Vec<String>>,
    /// Instances that take changed parameters with their next reboot.
    reboots: BTreeSet<slow::Who>,
    /// How far a test moved the clock of an account.
    ahead: BTreeMap<String, SignedDuration>,
    /// What was taken: account, operation, region, body.
    taken: Vec<(String, String, String, serde_json::Value)>,
    /// What was refused: account, operation, code.
    refused: Vec<(String, String, &'static str)>,
}

impl Strict {
    /// Starts in front of all emulators of a sandbox, as one endpoint for every service; ends with the process.
    pub fn start(upstream: &Running) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").expect("a free port"));
        let endpoint = format!("http://{}", server.server_addr().to_ip().expect("an address"));
        let agent = ureq::Agent::config_builder().http_status_as_error(false).max_idle_connections_per_host(WORKERS).build().into();
        let world = Arc::new(World { upstream: upstream.clone(), agent, memory: Mutex::default() });
        for _ in 0..WORKERS {
            let (server, world) = (Arc::clone(&server), Arc::clone(&world));
            thread::spawn(move || {
                while let Ok(mut request) = server.recv() {
                    let answer = Call::read(&mut request).map_or_else(Answer::broken, |call| world.answer(&call));
                    let mut response = Response::from_data(answer.body).with_status_code(answer.status);
                    for header in &answer.head {
                        response.add_header(header.clone());
                    }
                    // A client that went away, say because it was killed, is no failure of ours.
                    let _gone = request.respond(response);
                }
            });
        }
        Self { endpoint, world }
    }

    /// Moves the clock of an account forward.
    pub fn move_clock(&self, account: &str, by: SignedDuration) {
        let mut memory = self.world.memory();
        let ahead = memory.ahead.entry(account.to_owned()).or_default();
        *ahead += by;
    }

    /// Lets the next operation of that name fail some time after it was accepted.
    pub fn let_fail(&self, account: &str, operation: &str) {
        self.world.memory().ordered.push((account.to_owned(), operation.to_owned()));
    }

    /// The same, in one region only.
    pub fn let_fail_in(&self, account: &str, operation: &str, region: &str) {
        self.world.memory().ordered.push((account.to_owned(), format!("{operation} in {region}")));
    }

    /// Lets nobody, ACM included, come to the hosted zones of an account, or lets everybody.
    pub fn delegate(&self, account: &str, is_delegated: bool) {
        let undelegated = &mut self.world.memory().undelegated;
        if is_delegated {
            undelegated.remove(account);
        } else {
            undelegated.insert(account.to_owned());
        }
    }

    /// Lets everything that an account asks for with this operation take so many polls.
    pub fn be_slow(&self, account: &str, operation: &str, polls: u8) {
        self.world.memory().patience.insert((account.to_owned(), operation.to_owned()), polls);
    }

    /// Lets a health check be listed and be gone when its tags are read.
    pub fn vanish(&self, account: &str, id: &str) {
        self.world.memory().route53.vanished.insert((account.to_owned(), id.to_owned()));
    }

    /// Makes an interface one of a load balancer that is being deleted: nobody but AWS can remove it, and AWS does after so many
    /// looks at it, or never.
    pub fn linger(&self, account: &str, region: &str, interface: &str, looks: Option<u8>) {
        self.world.memory().lingering.insert((account.to_owned(), region.to_owned(), interface.to_owned()), looks);
    }

    /// The operations of an account that could have changed something, refused ones and repeated ones included, in their order.
    pub fn changes(&self, account: &str) -> Vec<String> {
        self.world.memory().changes.get(account).cloned().unwrap_or_default()
    }

    /// The calls that RDS took in an account and that change something, in their order, as `eu-west-1 DeleteDBCluster shop-main-eu-west-1`;
    /// what AWS does behind a call follows with `: done`.
    pub fn database_calls(&self, account: &str) -> Vec<String> {
        self.world.memory().databases.get(account).cloned().unwrap_or_default()
    }

    /// The operations of an account that were refused with a code, in their order.
    pub fn refused_with(&self, account: &str, code: &str) -> Vec<String> {
        let memory = self.world.memory();
        memory.refused.iter().filter(|(of, _, with)| of == account && *with == code).map(|(_, operation, _)| operation.clone()).collect()
    }

    /// How often an operation of an account was refused with a code.
    pub fn refusals(&self, account: &str, operation: &str, code: &str) -> usize {
        let memory = self.world.memory();
        memory.refused.iter().filter(|(of, what, with)| of == account && what == operation && *with == code).count()
    }
}

impl Strict {
    /// The requests of UpdateTable and UpdateService that were taken in an account and had a field, in their order: region and body.
    pub fn updates_with(&self, account: &str, field: &str) -> Vec<(String, serde_json::Value)> {
        let memory = self.world.memory();
        let with = memory.taken.iter().filter(|(of, .., body)| of == account && body.get(field).is_some());
        with.map(|(.., region, body)| (region.clone(), body.clone())).collect()
    }
}

impl Strict {
    /// The changes of hosted zones that were taken in an account, in their order: of each record set action, name, identifier
    /// and policy.
    pub fn zone_changes(&self, account: &str) -> Vec<Vec<[String; 4]>> {
        let memory = self.world.memory();
        memory.route53.changes.iter().filter(|(of, _)| of == account).map(|(_, changes)| changes.clone()).collect()
    }
}

impl Memory {
    /// How many polls an operation of an account takes; nothing: as many as usual.
    fn polls(&self, account: &str, operation: &str) -> Option<u8> {
        self.patience.get(&(account.to_owned(), operation.to_owned())).copied()
    }

    /// Whether a test asked that this goes wrong; only once.
    fn take_order_of(&mut self, call: &Call) -> bool {
        let here = format!("{} in {}", call.operation, call.region);
        self.take_order(&call.account, &call.operation) || self.take_order(&call.account, &here)
    }

    /// The same, whatever the region.
    fn take_order(&mut self, account: &str, operation: &str) -> bool {
        let at = self.ordered.iter().position(|(of, what)| of == account && what == operation);
        at.map(|at| self.ordered.remove(at)).is_some()
    }
}

impl World {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn answer(&self, call: &Call) -> Answer {
        if call.may_change() {
            self.memory().changes.entry(call.account.clone()).or_default().push(call.named());
        }
        let verdict = match &*call.service {
            "ec2" => ec2::judge(self, call),
            "dynamodb" => dynamodb::judge(self, call),
            "application-autoscaling" => scaling::judge(self, call),
            "route53" => route53::judge(self, call),
            "ecs" => containers::judge(self, call),
            "elasticloadbalancing" => load_balancing::judge(self, call),
            "acm" => certificates::judge(self, call),
            "secretsmanager" => secrets::judge(self, call),
            "rds" => databases::judge(self, call),
            "monitoring" => cloudwatch::judge(self, call),
            "sns" => topics::judge(self, call),
            _ => Ok(()),
        };
        if let Err(refusal) = verdict {
            let operation =
                route53::operation(call).filter(|_| call.service == "route53").map_or_else(|| call.operation.clone(), str::to_owned);
            self.memory().refused.push((call.account.clone(), operation, refusal.code));
            return call.refuse(&refusal);
        }
        self.send_deferred(call);
        if call.service == "ec2"
            && let Some(answer) = ec2::defer(self, call)
        {
            return answer;
        }
        if call.service == "rds"
            && let Some(answer) = databases::defer(self, call)
        {
            databases::note(self, call, &answer, "");
            return answer;
        }
        let service = containers::before(self, call);
        let used = load_balancing::before(self, call);
        let answer = self.forward(&containers::sent(call));
        if answer.is_success() && ["UpdateTable", "UpdateService"].contains(&&*call.operation) {
            let taken = (call.account.clone(), call.operation.clone(), call.region.clone(), call.json.clone());
            self.memory().taken.push(taken);
        }
        match &*call.service {
            "ec2" => ec2::colour(self, call, answer),
            "dynamodb" => dynamodb::colour(self, call, answer),
            "application-autoscaling" => scaling::follow(self, call, answer),
            "route53" => route53::colour(self, call, answer),
            "ecs" => containers::colour(self, call, answer, service),
            "elasticloadbalancing" => load_balancing::colour(self, call, answer, &used),
            "acm" => certificates::colour(self, call, answer),
            "secretsmanager" => secrets::colour(self, call, answer),
            "tagging" => without_roles(answer),
            "rds" => {
                databases::note(self, call, &answer, "");
                databases::colour(self, call, answer)
            }
            "sns" => topics::colour(self, call, answer),
            _ => answer,
        }
    }

    /// Sends on what has been shown as going for long enough.
    fn send_deferred(&self, call: &Call) {
        let mut memory = self.memory();
        let Memory { deferred, slow, .. } = &mut *memory;
        let is_due = |who: &slow::Who| who.0 == call.account && who.1 == call.region && slow.peek(who).is_none();
        let due: Vec<slow::Who> = deferred.keys().filter(|who| is_due(who)).cloned().collect();
        let calls: Vec<Call> = due.iter().filter_map(|who| deferred.remove(who)).collect();
        drop(memory);
        for call in calls {
            let answer = self.forward(&call);
            databases::note(self, &call, &answer, ": done");
        }
    }

    /// What the emulator says to a call.
    fn forward(&self, call: &Call) -> Answer {
        let address = format!("{}{}", self.upstream.endpoint_of(service_id(&call.service)), call.path);
        let mut ask = ureq::http::Request::builder().method(&*call.method).uri(address);
        for (name, value) in &call.head {
            ask = ask.header(name, value);
        }
        let ask = ask.body(&call.body[..]).map_err(|error| error.to_string());
        let answer = ask.and_then(|ask| self.agent.run(ask).map_err(|error| error.to_string()));
        answer.map_or_else(Answer::broken, Answer::read)
    }

    fn now(&self, account: &str) -> Timestamp {
        Timestamp::now() + self.memory().ahead.get(account).copied().unwrap_or_default()
    }
}

/// The tagging index has no roles (Resource Groups Tagging API reference, "Supported services").
fn without_roles(mut answer: Answer) -> Answer {
    let mut body = answer.json();
    if let Some(all) = body["ResourceTagMappingList"].as_array_mut() {
        all.retain(|one| !one["ResourceARN"].as_str().is_some_and(|arn| arn.contains(":iam:") && arn.contains(":role/")));
        answer.body = body.to_string().into_bytes();
    }
    answer
}

/// The id of a service by the name it is signed for, where the two differ by more than case.
fn service_id(signed: &str) -> &str {
    match signed {
        "route53" => "Route 53",
        "application-autoscaling" => "Application Auto Scaling",
        "secretsmanager" => "Secrets Manager",
        "servicequotas" => "Service Quotas",
        other => other,
    }
}

/// A refusal with AWS's code and text. `rule` says where it is known from.
fn refuse(code: &'static str, message: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal { code, message: message.into() })
}
