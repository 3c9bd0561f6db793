//! Certificates: one for each region of a service, for the names of the records that use it there.
//!
//! ACM issues a certificate once it sees a CNAME in DNS. Which CNAME is known seconds after the request, so a certificate counts
//! as ready then: the record comes next, and whoever needs it issued waits for that (field guide 8.3 item 4).
use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, ValidationMethod};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    aws::{
        certificates::{self, KIND, certificates, describe},
        errors::{fault, maybe},
        load_balancing,
    },
    kinds::ec2::vpc::named,
    outputs,
    resource::{
        Addr, Change, Cx, Facts, Fault, Found, Holder, Kind, Life, Outputs, Patience, Replace, Status, Tags, Unordered, Verb, Want,
    },
    topology::{Certificate as Wanted, Model},
};

outputs! { "acm.certificate":
    /// The ARN of a certificate.
    CertificateArn = "arn",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub domain: String,
    /// Every name it is for, `domain` among them.
    pub names: Unordered<String>,
    pub tags: Tags,
}

/// `acm.certificate`.
pub struct Certificate;

/// Octets in the first name of a certificate; the others may be longer (field guide 8.3 item 2).
const LONGEST_DOMAIN: usize = 64;
/// Characters in an idempotency token.
const TOKEN: usize = 32;

/// A word that ACM may yet add is not taken for ready.
fn life(detail: &CertificateDetail) -> Life {
    let Some(status) = detail.status() else { return Life::Making("requested".to_owned()) };
    let word = status.as_str().to_owned();
    match status {
        CertificateStatus::Issued => Life::Ready,
        CertificateStatus::PendingValidation => {
            let options = detail.domain_validation_options();
            let known = !options.is_empty() && options.iter().all(|option| option.resource_record().is_some());
            if known { Life::Ready } else { Life::Making(word) }
        }
        CertificateStatus::Failed => {
            let why = detail.failure_reason().map_or_else(String::new, |why| format!(" ({})", why.as_str()));
            Life::Broken(format!("{word}{why}"))
        }
        CertificateStatus::ValidationTimedOut | CertificateStatus::Revoked | CertificateStatus::Expired | CertificateStatus::Inactive => {
            Life::Broken(word)
        }
        _ => Life::Making(word),
    }
}

/// ACM remembers a token for an hour and gives the certificate of before for it (ACM API reference, "RequestCertificate"): each run has
/// its own for each address. What had no clear answer and is asked for again is the same one, also where no list shows it yet; and
/// one that an earlier run had and deleted never comes back.
fn token(cx: &Cx, addr: &Addr) -> String {
    cx.asked.token(addr, TOKEN)
}

impl Kind for Certificate {
    type Spec = Spec;
    const NAME: &'static str = KIND;
    const FIXED: &'static [&'static str] = &["domain", "names"];
    const REPLACE: Replace = Replace::CreateFirst;
    /// Terraform gives the record five minutes to appear, and a certificate twenty until nothing uses it (field guide 8.3 items 4
    /// and 6).
    const PATIENCE: Patience = Patience::of(3, 5, 20);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["acm:ListCertificates", "acm:ListTagsForCertificate", "acm:DescribeCertificate", "tag:GetResources"]),
        (Verb::Create, &["acm:RequestCertificate", "acm:AddTagsToCertificate"]),
        (Verb::Update, &["acm:AddTagsToCertificate", "acm:RemoveTagsFromCertificate"]),
        (Verb::Delete, &["acm:DeleteCertificate", "elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeTags"]),
    ];
    // The token is of one run: the next one asks for another.
    const TWICE: bool = true;

    fn desired(&self, model: &Model, _: &Facts) -> Vec<Want<Spec>> {
        let managed = model.balanced().filter(|(.., member, _)| member.certificate == Wanted::Managed);
        let want = |(service, region, ..): (&str, &_, &_, u16)| {
            let names = model.names_of(service, region);
            let domain = names.iter().find(|name| name.len() <= LONGEST_DOMAIN).or(names.first())?;
            let spec = Spec {
                domain: (*domain).to_owned(),
                names: Unordered(names.iter().map(|name| (*name).to_owned()).collect()),
                tags: named(model, service),
            };
            Some(Want::new(Addr::regional(region, Self::NAME, service), spec))
        };
        managed.filter_map(want).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let found = |one: &certificates::Certificate| Found {
            addr: one.addr.clone(),
            id: one.arn.clone(),
            spec: Spec {
                domain: one.detail.domain_name().unwrap_or_default().to_owned(),
                names: Unordered(one.detail.subject_alternative_names().to_vec()),
                tags: one.tags.clone(),
            },
            outputs: Outputs::of::<CertificateArn>(&one.arn),
            life: life(&one.detail),
            ours: true,
            born: one.detail.created_at().and_then(|at| Timestamp::from_second(at.secs()).ok()),
        };
        Ok(certificates(cx, cx.region()?).await?.iter().map(found).collect())
    }

    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let marks = cx.owner.to_send(&want.addr, &want.spec.tags);
        let ask = cx.fleet.region(cx.region()?).certificates.request_certificate();
        let ask = ask.domain_name(&want.spec.domain).set_subject_alternative_names(Some(want.spec.names.0.clone()));
        let ask = ask.validation_method(ValidationMethod::Dns).idempotency_token(token(cx, &want.addr));
        let ask = ask.set_tags(Some(certificates::tags(marks.into_iter().map(|(key, value)| (key, Some(value))))?));
        let made = ask.send().await.map_err(fault("acm:RequestCertificate"))?;
        made.certificate_arn.ok_or_else(|| Fault::bug("RequestCertificate gave no ARN"))
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        let client = cx.fleet.region(cx.region()?).certificates;
        let (set, remove) = cx.owner.to_change(&found.addr, &found.spec.tags, &want.spec.tags);
        if !remove.is_empty() {
            // Without a value it goes whatever its value is.
            let keys = certificates::tags(remove.into_iter().map(|key| (key, None)))?;
            let ask = client.remove_tags_from_certificate().certificate_arn(&found.id).set_tags(Some(keys));
            ask.send().await.map_err(fault("acm:RemoveTagsFromCertificate"))?;
        }
        if !set.is_empty() {
            let tags = certificates::tags(set.into_iter().map(|(key, value)| (key, Some(value))))?;
            let ask = client.add_tags_to_certificate().certificate_arn(&found.id).set_tags(Some(tags));
            ask.send().await.map_err(fault("acm:AddTagsToCertificate"))?;
        }
        Ok(())
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let ask = cx.fleet.region(cx.region()?).certificates.delete_certificate().certificate_arn(&found.id);
        maybe(ask.send().await.map_err(fault("acm:DeleteCertificate"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let detail = describe(cx, cx.region()?, id).await?;
        Ok(match detail.as_ref().map(life) {
            None => Status::Gone,
            Some(Life::Ready) => Status::Ready(Outputs::of::<CertificateArn>(id)),
            Some(Life::Broken(why)) => Status::Failed(why),
            Some(Life::Making(word) | Life::Leaving(word)) => Status::Settling(word),
        })
    }

    /// What ACM says uses it. It goes on saying so for minutes after the listener went (field guide 8.3 item 6).
    async fn holders(&self, cx: &Cx, found: &Found<Spec>) -> Result<Vec<Holder>, Fault> {
        let Some(detail) = describe(cx, cx.region()?, &found.id).await? else { return Ok(Vec::new()) };
        let mut holders = Vec::new();
        for user in detail.in_use_by() {
            let what = format!("ACM says that {user} uses it");
            match load_balancing::whose(cx, user).await? {
                load_balancing::Whose::Ours => {}
                load_balancing::Whose::Gone => holders.push(Holder { what, leaves_by_itself: true }),
                load_balancing::Whose::Foreign => holders.push(Holder { what, leaves_by_itself: false }),
            }
        }
        Ok(holders)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_acm::types::{DomainValidation, FailureReason, RecordType, ResourceRecord};

    use super::*;
    use crate::aws::{Fleet, certificates::validations_of};

    #[test]
    fn it_is_ready_as_soon_as_its_records_are_known_and_never_by_an_unknown_word() {
        let at = |status: &str| CertificateDetail::builder().status(status.into());
        let option = |record| DomainValidation::builder().domain_name("a.example.com").set_resource_record(record).build().unwrap();
        let record = ResourceRecord::builder().name("_1.a.example.com.").r#type(RecordType::Cname).value("_2.acm.").build().unwrap();
        assert_eq!(life(&at("PENDING_VALIDATION").build()), Life::Making("PENDING_VALIDATION".into()));
        let half = at("PENDING_VALIDATION").domain_validation_options(option(Some(record.clone()))).domain_validation_options(option(None));
        assert_eq!(life(&half.build()), Life::Making("PENDING_VALIDATION".into()));
        let known = at("PENDING_VALIDATION").domain_validation_options(option(Some(record))).build();
        assert_eq!(life(&known), Life::Ready);
        let [one] = &validations_of("arn", &known)[..] else { panic!("one record") };
        assert_eq!((&*one.domain, &*one.record, &*one.value), ("a.example.com", "_1.a.example.com", "_2.acm"));
        assert_eq!(life(&at("ISSUED").build()), Life::Ready);
        let failed = at("FAILED").failure_reason(FailureReason::CaaError).build();
        assert_eq!(life(&failed), Life::Broken("FAILED (CAA_ERROR)".into()));
        for word in ["VALIDATION_TIMED_OUT", "REVOKED", "EXPIRED", "INACTIVE"] {
            assert_eq!(life(&at(word).build()), Life::Broken(word.into()));
        }
        assert_eq!(life(&at("A_NEW_WORD").build()), Life::Making("A_NEW_WORD".into()));
    }

    #[test]
    fn tokens_are_what_acm_takes_and_tell_one_request_from_another() {
        let run = || Cx::new(Model::default().into(), Fleet::offline());
        let (one, other) = (run(), run());
        let [here, there]: [Addr; 2] = ["eu-west-1", "us-east-1"].map(|region| format!("{region}/acm.certificate/api").parse().unwrap());
        let first = token(&one, &here);
        assert!(first.len() == TOKEN && first.chars().all(|c| c.is_ascii_alphanumeric()));
        assert_eq!(token(&one.at(&here.scope).afresh(), &here), first, "a second try is the same request");
        assert_ne!(token(&one, &there), first);
        assert_ne!(token(&other, &here), first);
    }
}
