//! One request as AWS would read it, and the answers to it.
use std::{collections::BTreeMap, str::FromStr};

use serde_json::{Value, json};
use tiny_http::{Header, Request};

use super::cbor;

/// A signed request, taken apart.
#[derive(Clone)]
pub struct Call {
    pub account: String,
    pub region: String,
    /// As it is signed for: `ec2`, `application-autoscaling`.
    pub service: String,
    pub operation: String,
    /// The fields of the query protocol (EC2).
    pub fields: BTreeMap<String, String>,
    /// The body of the JSON protocol (DynamoDB).
    pub json: Value,
    pub method: String,
    /// The path with its query: Route 53 says there what is asked.
    pub path: String,
    pub head: Vec<(String, String)>,
    pub body: Vec<u8>,
}

pub struct Refusal {
    pub code: &'static str,
    pub message: String,
}

pub struct Answer {
    pub status: u16,
    pub head: Vec<Header>,
    pub body: Vec<u8>,
}

/// Headers that belong to one connection and not to the message.
const OF_THE_CONNECTION: [&str; 5] = ["host", "connection", "content-length", "transfer-encoding", "expect"];

impl Call {
    pub fn read(request: &mut Request) -> Result<Self, String> {
        let mut body = Vec::new();
        request.as_reader().read_to_end(&mut body).map_err(|error| error.to_string())?;
        let head: Vec<(String, String)> = request
            .headers()
            .iter()
            .map(|header| (header.field.as_str().as_str().to_ascii_lowercase(), header.value.as_str().to_owned()))
            .filter(|(name, _)| !OF_THE_CONNECTION.contains(&&**name))
            .collect();
        let value = |name: &str| head.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
        // AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …
        let credential = value("authorization").split("Credential=").nth(1).unwrap_or_default();
        let mut scope = credential.split(['/', ',']);
        let mut next = || scope.next().unwrap_or_default().to_owned();
        let (account, _date, region, service) = (next(), next(), next(), next());
        let target = value("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned();
        let path = request.url().to_owned();
        // The newest protocol says in its path what is asked.
        let routed = path.split_once("/operation/").map(|(_, operation)| operation.to_owned());
        let target = if target.is_empty() { routed.unwrap_or_default() } else { target };
        let is_json = !target.is_empty();
        let fields: BTreeMap<String, String> = if is_json { BTreeMap::new() } else { form_urlencoded::parse(&body).into_owned().collect() };
        let operation = if is_json { target } else { fields.get("Action").cloned().unwrap_or_default() };
        let json = serde_json::from_slice(&body).ok().or_else(|| cbor::read(&body)).unwrap_or_default();
        let method = request.method().to_string();
        Ok(Self { account, region, service, operation, fields, json, method, path, head, body })
    }

    /// Whether AWS may be another place after it. Route 53 names no operation; it reads with GET, and the tags of several things at
    /// once with a POST to their type.
    pub fn may_change(&self) -> bool {
        match &*self.operation {
            "" => self.method != "GET" && !matches!(&*self.path, "/2013-04-01/tags/healthcheck" | "/2013-04-01/tags/hostedzone"),
            operation => mrctl::aws::wire::is_mutating(operation),
        }
    }

    /// The operation, or where it names none what is sent where.
    pub fn named(&self) -> String {
        if self.operation.is_empty() { format!("{} {}", self.method, self.path) } else { self.operation.clone() }
    }

    /// A field of the query protocol.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// Another EC2 question with the same credentials.
    pub fn ask_ec2(&self, operation: &str) -> Self {
        self.ask_ec2_with(operation, &[])
    }

    /// The same with fields.
    pub fn ask_ec2_with(&self, operation: &str, fields: &[(&str, &str)]) -> Self {
        self.ask_query("ec2", "2016-11-15", operation, fields)
    }

    /// Something in the account and region of this call.
    pub fn who(&self, id: &str) -> super::slow::Who {
        (self.account.clone(), self.region.clone(), id.to_owned())
    }

    /// EC2's way of saying that it was done, with elements of its own.
    pub fn done(&self, elements: &str) -> Answer {
        let body = format!("<{0}Response><requestId>0</requestId>{elements}</{0}Response>", self.operation);
        Answer { status: 200, head: Header::from_str("content-type: text/xml").into_iter().collect(), body: body.into_bytes() }
    }

    /// Another DynamoDB question with the same credentials, in any region.
    pub fn ask_dynamodb(&self, operation: &str, region: &str, body: &Value) -> Self {
        self.ask_target("dynamodb", &format!("DynamoDB_20120810.{operation}"), region, body)
    }

    /// Another question to Application Auto Scaling, likewise.
    pub fn ask_scaling(&self, operation: &str, region: &str, body: &Value) -> Self {
        self.ask_target("application-autoscaling", &format!("AnyScaleFrontendService.{operation}"), region, body)
    }

    /// Another question to ECS, likewise.
    pub fn ask_containers(&self, operation: &str, body: &Value) -> Self {
        self.ask_target("ecs", &format!("AmazonEC2ContainerServiceV20141113.{operation}"), &self.region, body)
    }

    /// Another question to Secrets Manager, likewise.
    pub fn ask_secrets(&self, operation: &str, region: &str, body: &Value) -> Self {
        self.ask_target("secretsmanager", &format!("secretsmanager.{operation}"), region, body)
    }

    fn ask_target(&self, service: &str, target: &str, region: &str, body: &Value) -> Self {
        let (signed, wanted) = (format!("/{}/{}/", self.region, self.service), format!("/{region}/{service}/"));
        let head = self.head.iter().map(|(name, value)| {
            let value = match &**name {
                "authorization" => value.replace(&signed, &wanted),
                "x-amz-target" => target.to_owned(),
                _ => value.clone(),
            };
            (name.clone(), value)
        });
        let (head, operation) = (head.collect(), target.rsplit('.').next().unwrap_or_default().to_owned());
        let (service, region) = (service.to_owned(), region.to_owned());
        Self { service, operation, region, json: body.clone(), head, body: body.to_string().into_bytes(), ..self.clone() }
    }

    /// Another question to the same service of the JSON protocol, with the same credentials.
    pub fn ask_json(&self, operation: &str, body: &Value) -> Self {
        let head = self.head.iter().map(|(name, value)| {
            let before = value.rsplit_once('.').map_or("", |(before, _)| before);
            (name.clone(), if name == "x-amz-target" { format!("{before}.{operation}") } else { value.clone() })
        });
        let (head, bytes) = (head.collect(), body.to_string().into_bytes());
        Self { operation: operation.to_owned(), json: body.clone(), head, body: bytes, ..self.clone() }
    }

    /// A question to a service of the query protocol in the same region, with the same credentials.
    pub fn ask_query(&self, service: &str, version: &str, operation: &str, fields: &[(&str, &str)]) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", operation).append_pair("Version", version).extend_pairs(fields);
        let kept = self.head.iter().filter(|(name, _)| !["x-amz-target", "content-type"].contains(&&**name));
        let signed = |value: &str| value.replace(&format!("/{}/aws4_request", self.service), &format!("/{service}/aws4_request"));
        let mut head: Vec<(String, String)> = kept.map(|(name, value)| (name.clone(), signed(value))).collect();
        head.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        let (service, operation) = (service.to_owned(), operation.to_owned());
        Self { service, operation, fields: BTreeMap::new(), json: Value::Null, head, body: form.finish().into_bytes(), ..self.clone() }
    }

    pub fn refuse(&self, refusal: &Refusal) -> Answer {
        const ID: &str = "00000000-5712-4c70-8000-000000000000";
        let Refusal { code, message } = refusal;
        if self.service == "monitoring" {
            let body = cbor::write(&json!({ "__type": format!("com.amazonaws.cloudwatch#{code}"), "message": message }));
            let head = ["content-type: application/cbor", "smithy-protocol: rpc-v2-cbor"].map(str::to_owned);
            let head = head.into_iter().chain([format!("x-amzn-query-error: {code};Sender"), format!("x-amzn-requestid: {ID}")]);
            return Answer { status: 400, head: head.filter_map(|line| Header::from_str(&line).ok()).collect(), body };
        }
        let (kind, body) = if self.service == "ec2" {
            let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
            ("text/xml", format!("<Response><Errors>{error}</Errors><RequestID>{ID}</RequestID></Response>"))
        } else if self.service == "route53" || !self.fields.is_empty() {
            let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
            ("text/xml", format!("<ErrorResponse>{error}<RequestId>{ID}</RequestId></ErrorResponse>"))
        } else {
            let body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message });
            ("application/x-amz-json-1.0", body.to_string())
        };
        let head = [format!("content-type: {kind}"), format!("x-amzn-requestid: {ID}")];
        Answer { status: 400, head: head.iter().filter_map(|line| Header::from_str(line).ok()).collect(), body: body.into_bytes() }
    }
}

impl Answer {
    pub fn read(mut response: ureq::http::Response<ureq::Body>) -> Self {
        let kept = response.headers().iter().filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()));
        let head = kept.filter_map(|(name, value)| Header::from_bytes(name.as_str(), value.as_bytes()).ok()).collect();
        let status = response.status().as_u16();
        match response.body_mut().with_config().limit(u64::MAX).read_to_vec() {
            Ok(body) => Self { status, head, body },
            Err(error) => Self::broken(error.to_string()),
        }
    }

    /// The strict layer itself failed: nothing AWS says looks like this.
    pub fn broken(why: String) -> Self {
        Self { status: 599, head: Vec::new(), body: format!("strict layer: {why}").into_bytes() }
    }

    pub fn is_success(&self) -> bool {
        self.status < 300
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}
