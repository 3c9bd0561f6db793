//! ACM: certificates that are not issued at once, and not let go of at once.
use serde_json::{Value, json};

use super::{
    World,
    call::{Answer, Call, Refusal},
    load_balancing, refuse,
    slow::POLLS,
};

type Verdict = Result<(), Refusal>;

/// Looks at a certificate until it has a record, and from then on until it is issued where no hosted zone has its names.
const WITHOUT_RECORD: u8 = 1;

/// Whether ACM would take this request.
pub fn judge(world: &World, call: &Call) -> Verdict {
    match &*call.operation {
        "DeleteCertificate" => delete(world, call),
        "RequestCertificate" => request(call),
        _ => Ok(()),
    }
}

/// 8.3.2: a token of 32 word characters, and a first name of 64 octets.
fn request(call: &Call) -> Verdict {
    let token = call.json["IdempotencyToken"].as_str().unwrap_or_default();
    if token.is_empty() || token.len() > 32 || !token.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return refuse("ValidationException", "Value at 'idempotencyToken' failed to satisfy constraint");
    }
    let domain = call.json["DomainName"].as_str().unwrap_or_default();
    if domain.len() > 64 {
        return refuse(
            "InvalidDomainValidationOptionsException",
            format!("The first domain name can be no longer than 64 octets: {domain}"),
        );
    }
    Ok(())
}

/// 8.3.6: while a listener uses it, and for a while after.
fn delete(world: &World, call: &Call) -> Verdict {
    let arn = call.json["CertificateArn"].as_str().unwrap_or_default();
    let used =
        load_balancing::listeners(world, call).iter().any(|found| found.all("Certificates/member/CertificateArn").any(|at| at == arn));
    if used || world.memory().slow.poll(&call.who(arn)).is_some() {
        return refuse("ResourceInUseException", format!("Certificate {arn} in account {} is in use.", call.account));
    }
    Ok(())
}

/// Whether a certificate is there and issued, in the eyes of a service that is to use it.
pub fn is_issued(world: &World, call: &Call, arn: &str) -> bool {
    !world.memory().certificates.contains_key(&call.who(arn))
}

/// 24: without a record at first, and pending until the record is in DNS.
pub fn colour(world: &World, call: &Call, mut answer: Answer) -> Answer {
    if !answer.is_success() {
        return answer;
    }
    let mut body = answer.json();
    match &*call.operation {
        "RequestCertificate" => {
            let arn = body["CertificateArn"].as_str().unwrap_or_default();
            let mut memory = world.memory();
            memory.certificates.insert(call.who(arn), 0);
            if memory.take_order(&call.account, "RequestCertificate") {
                memory.failed.insert(call.who(arn));
            }
            drop(memory);
            return answer;
        }
        "DeleteCertificate" => {
            let arn = call.json["CertificateArn"].as_str().unwrap_or_default();
            world.memory().certificates.remove(&call.who(arn));
            return answer;
        }
        "DescribeCertificate" => show(world, call, &mut body["Certificate"]),
        "ListCertificates" => {
            for line in body["CertificateSummaryList"].as_array_mut().into_iter().flatten() {
                let who = call.who(line["CertificateArn"].as_str().unwrap_or_default());
                if world.memory().certificates.contains_key(&who) {
                    line["Status"] = json!("PENDING_VALIDATION");
                }
            }
        }
        _ => return answer,
    }
    answer.body = body.to_string().into_bytes();
    answer
}

fn show(world: &World, call: &Call, certificate: &mut Value) {
    let who = call.who(certificate["CertificateArn"].as_str().unwrap_or_default());
    let looks = {
        let mut memory = world.memory();
        let Some(looks) = memory.certificates.get_mut(&who) else { return };
        *looks = looks.saturating_add(1);
        *looks
    };
    let is_issued = looks > WITHOUT_RECORD
        && !world.memory().undelegated.contains(&call.account)
        && match in_dns(world, call, certificate) {
            Some(is_there) => is_there,
            None => looks > WITHOUT_RECORD + POLLS,
        };
    if world.memory().failed.contains(&who) {
        // 8.3.4: what no wait mends.
        certificate["Status"] = json!("FAILED");
        certificate["FailureReason"] = json!("CAA_ERROR");
        return;
    }
    if is_issued {
        world.memory().certificates.remove(&who);
        return;
    }
    certificate["Status"] = json!("PENDING_VALIDATION");
    for field in ["IssuedAt", "NotBefore", "NotAfter"] {
        certificate.as_object_mut().map(|fields| fields.remove(field));
    }
    for option in certificate["DomainValidationOptions"].as_array_mut().into_iter().flatten() {
        option["ValidationStatus"] = json!("PENDING_VALIDATION");
        if looks <= WITHOUT_RECORD {
            option.as_object_mut().map(|fields| fields.remove("ResourceRecord"));
        }
    }
}

/// Whether every record is in the hosted zone; nothing when no zone of the account has its name.
fn in_dns(world: &World, call: &Call, certificate: &Value) -> Option<bool> {
    let zones = route53(world, call, "/2013-04-01/hostedzone");
    let mut all = true;
    for option in certificate["DomainValidationOptions"].as_array()? {
        let name = option["ResourceRecord"]["Name"].as_str()?;
        let zone = zones.split("<HostedZone>").skip(1).find(|zone| {
            let of = zone.split("<Name>").nth(1).and_then(|rest| rest.split("</Name>").next()).unwrap_or("?");
            name == of || name.ends_with(&format!(".{of}"))
        })?;
        let id = zone.split("<Id>").nth(1)?.split("</Id>").next()?.trim_start_matches("/hostedzone/");
        let records = route53(world, call, &format!("/2013-04-01/hostedzone/{id}/rrset"));
        all &= records.contains(&format!("<Name>{name}</Name>"));
    }
    Some(all)
}

fn route53(world: &World, call: &Call, path: &str) -> String {
    let kept = call.head.iter().filter(|(name, _)| !["x-amz-target", "content-type"].contains(&&**name));
    let signed = |value: &str| value.replace(&format!("/{}/acm/", call.region), "/us-east-1/route53/");
    let head = kept.map(|(name, value)| (name.clone(), signed(value))).collect();
    let ask = Call {
        service: "route53".to_owned(),
        operation: String::new(),
        json: Value::Null,
        method: "GET".to_owned(),
        path: path.to_owned(),
        head,
        body: Vec::new(),
        ..call.clone()
    };
    world.forward(&ask).text()
}
