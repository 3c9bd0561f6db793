//! Which AWS operation a request is, read from the request itself.
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use super::rest;
use crate::resource::Region;

/// How a service writes its answers, as far as an injected fault must imitate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `x-amz-target` and a JSON body, or a JSON REST interface.
    Json,
    /// CBOR over `/service/NAME/operation/NAME`.
    Cbor,
    /// EC2's own XML.
    Ec2,
    /// `Action=` in a form, and the XML of the other query services.
    Xml,
}

/// One attempt on the wire: where it goes and what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub region: Region,
    /// The name under which the request is signed, for example `ec2` or `tagging`; CloudWatch's own for its `monitoring`.
    pub service: String,
    /// The operation, for example `CreateVpc`; `METHOD /path` where a service has only those and `rest` does not know them.
    pub operation: String,
    /// Whether it may change something.
    pub mutating: bool,
    pub protocol: Protocol,
    /// The body as it is sent: a form for query services, JSON for the others; empty when it is streamed.
    pub parameters: String,
}

impl Call {
    /// Reads a request that was signed for a service.
    ///
    /// The signing scope is the one place where every protocol names the service the same way, whatever the endpoint is.
    #[must_use]
    pub fn read(region: &Region, request: &HttpRequest) -> Self {
        let parameters = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let headers = request.headers();
        let service = match headers.get("authorization").and_then(signed_service).unwrap_or("unsigned") {
            // Everybody else, IAM included, calls it so.
            "monitoring" => "cloudwatch".to_owned(),
            signed => signed.to_owned(),
        };
        let target = headers.get("x-amz-target").and_then(|target| target.rsplit('.').next());
        let path = request.uri().split_once("://").map_or(request.uri(), |(_, rest)| rest.find('/').map_or("/", |start| &rest[start..]));
        let path = path.split('?').next().unwrap_or("/");
        // The newest protocol needs no header.
        let routed = path.split_once("/operation/").map(|(_, operation)| operation);
        let (operation, protocol, mutating) = if let Some(operation) = target {
            (operation.to_owned(), Protocol::Json, is_mutating(operation))
        } else if let Some(operation) = routed {
            (operation.to_owned(), Protocol::Cbor, is_mutating(operation))
        } else if let Some(operation) = form_action(&parameters) {
            (operation.to_owned(), if service == "ec2" { Protocol::Ec2 } else { Protocol::Xml }, is_mutating(operation))
        } else {
            let protocol = if matches!(service.as_str(), "route53" | "s3" | "cloudfront") { Protocol::Xml } else { Protocol::Json };
            let reads = matches!(request.method(), "GET" | "HEAD");
            match rest::operation(&service, request.method(), path) {
                Some(operation) => (operation.to_owned(), protocol, is_mutating(operation)),
                None => (format!("{} {path}", request.method()), protocol, !reads),
            }
        };
        Self { region: region.clone(), service, operation, mutating, protocol, parameters }
    }
}

/// Whether an operation may change something, by its name: everything may but what AWS names as a read.
#[must_use]
pub fn is_mutating(operation: &str) -> bool {
    const READS: [&str; 10] = ["Describe", "List", "Get", "BatchGet", "TransactGet", "Search", "Query", "Scan", "Simulate", "Decode"];
    // Assuming a role makes a session, not a resource; credential providers do it when they like, which must not shift the count.
    !READS.iter().any(|read| operation.starts_with(read)) && !operation.starts_with("AssumeRole")
}

/// `…Credential=KEY/20260101/eu-west-1/ec2/aws4_request, …` → `ec2`.
fn signed_service(authorization: &str) -> Option<&str> {
    let (_, scope) = authorization.split_once("Credential=")?;
    scope.split(',').next()?.trim().rsplit('/').nth(1)
}

/// `Action=CreateVpc&…` → `CreateVpc`.
fn form_action(form: &str) -> Option<&str> {
    form.split('&').find_map(|pair| pair.strip_prefix("Action="))
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn request(method: &str, uri: &str, headers: &[(&'static str, &'static str)], body: &'static str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(method).unwrap();
        request.set_uri(uri).unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, *value);
        }
        request
    }

    fn read(request: &HttpRequest) -> (String, String, Protocol, bool) {
        let call = Call::read(&Region::new("eu-west-1"), request);
        (call.service, call.operation, call.protocol, call.mutating)
    }

    #[test]
    fn every_protocol_names_its_operation() {
        let signed = |service: &'static str| ("authorization", service);
        let ec2 = signed("AWS4-HMAC-SHA256 Credential=1/20260101/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=0");
        let form = request("POST", "http://127.0.0.1:1/", &[ec2], "Version=1&Action=CreateVpc&CidrBlock=10.0.0.0");
        assert_eq!(read(&form), ("ec2".into(), "CreateVpc".into(), Protocol::Ec2, true));
        let dynamodb = signed("AWS4-HMAC-SHA256 Credential=1/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0");
        let json = request("POST", "http://127.0.0.1:1/", &[dynamodb, ("x-amz-target", "DynamoDB_20120810.DescribeTable")], "{}");
        assert_eq!(read(&json), ("dynamodb".into(), "DescribeTable".into(), Protocol::Json, false));
        let monitoring =
            signed("AWS4-HMAC-SHA256 Credential=1/20260101/eu-west-1/monitoring/aws4_request, SignedHeaders=host, Signature=0");
        let routed =
            request("POST", "http://127.0.0.1:1/service/GraniteServiceVersion20100801/operation/PutMetricAlarm", &[monitoring], "");
        assert_eq!(read(&routed), ("cloudwatch".into(), "PutMetricAlarm".into(), Protocol::Cbor, true));
        let rest = request("GET", "https://route53.amazonaws.com/2013-04-01/hostedzone?maxitems=1", &[], "");
        assert_eq!(read(&rest), ("unsigned".into(), "GET /2013-04-01/hostedzone".into(), Protocol::Json, false));
    }

    #[test]
    fn reads_are_told_from_changes_by_name() {
        for read in
            ["DescribeVpcs", "ListTables", "GetResources", "BatchGetItem", "Query", "Scan", "SearchTransitGatewayRoutes", "AssumeRole"]
        {
            assert!(!is_mutating(read), "{read}");
        }
        for change in ["CreateVpc", "DeleteTable", "UpdateTable", "TagResource", "AttachInternetGateway", "ModifyVpcAttribute", "PutItem"] {
            assert!(is_mutating(change), "{change}");
        }
    }
}
