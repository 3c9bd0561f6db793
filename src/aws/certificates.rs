//! This stack's certificates of a region, and what ACM wants to see in DNS for them.
//!
//! ACM lists certificates without their tags and has no batch call for those: they are read one by one, of the certificates
//! alone that may be ours. Those are for a name of the topology's records, are in the tagging index, or are of the topology's
//! zone and so young that the index may not have them yet.
use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_acm::types::{CertificateDetail, CertificateSummary, Filters, KeyAlgorithm, ResourceRecord, Tag};
use futures::stream::{StreamExt, TryStreamExt, iter};
use jiff::{SignedDuration, Timestamp};

use super::{
    errors::{fault, maybe},
    sweep::tagged,
};
use crate::resource::{
    Addr, Cx, Fault, Region, Scope, Tags,
    owner::{self, Marks},
};

/// The kind in the marks.
pub const KIND: &str = "acm.certificate";
/// Reads of single certificates in flight: ACM allows ten of each a second (ACM user guide, "API rate quotas").
const SIDE_BY_SIDE: usize = 4;
/// For how long the tagging index may not know a certificate. Generous: it lags by seconds to minutes.
const NEW: SignedDuration = SignedDuration::from_hours(1);

/// A certificate of this stack.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub addr: Addr,
    pub arn: String,
    pub detail: CertificateDetail,
    pub tags: Tags,
}

/// What has to stand in DNS so that ACM issues a certificate, and later renews it, for one of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validation {
    /// The certificate's ARN.
    pub certificate: String,
    /// The name that the certificate is for: `api.example.com`.
    pub domain: String,
    /// Of the CNAME; lower case, no dot at the end. A name and its wildcard have the same one.
    pub record: String,
    /// What the CNAME points at; no dot at the end.
    pub value: String,
}

/// What ACM wants to see in DNS for every certificate of this stack in a region. A certificate that ACM has not thought of a
/// record for yet, in the seconds after it was asked for, has none here.
///
/// # Errors
/// What AWS refused.
pub async fn validations(cx: &Cx, region: &Region) -> Result<Vec<Validation>, Fault> {
    Ok(certificates(cx, region).await?.iter().flat_map(|one| validations_of(&one.arn, &one.detail)).collect())
}

/// The same for one certificate.
#[must_use]
pub fn validations_of(arn: &str, detail: &CertificateDetail) -> Vec<Validation> {
    let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    let with_record = detail.domain_validation_options().iter().filter_map(|option| Some((option, option.resource_record()?)));
    let read = |(option, record): (&aws_sdk_acm::types::DomainValidation, &ResourceRecord)| Validation {
        certificate: arn.to_owned(),
        domain: plain(option.domain_name()),
        record: plain(record.name()),
        value: record.value().trim_end_matches('.').to_owned(),
    };
    with_record.map(read).collect()
}

/// All certificates of this stack in a region, asked for once an observation.
///
/// # Errors
/// What AWS refused.
pub async fn certificates(cx: &Cx, region: &Region) -> Result<Arc<Vec<Certificate>>, Fault> {
    let ask = || async {
        let hinted: BTreeSet<String> = tagged(cx, region).await?.iter().map(|line| line.arn.clone()).collect();
        let candidates: Vec<String> = listed(cx, region)
            .await?
            .into_iter()
            .filter(|summary| may_be_ours(cx, &hinted, summary))
            .filter_map(|summary| summary.certificate_arn)
            .collect();
        let looks = iter(candidates.into_iter().map(|arn| async move { look(cx, region, arn).await }));
        let found: Vec<Option<Certificate>> = looks.buffered(SIDE_BY_SIDE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    };
    cx.memo.once(format!("acm:ListCertificates/{region}"), ask).await
}

/// Of every key type: without saying so ACM lists those with RSA keys of 2048 bits only (field guide 8.3 item 1).
async fn listed(cx: &Cx, region: &Region) -> Result<Vec<CertificateSummary>, Fault> {
    let every = KeyAlgorithm::values().iter().map(|word| KeyAlgorithm::from(*word)).collect();
    let ask = cx.fleet.region(region).certificates.list_certificates();
    let pages = ask.includes(Filters::builder().set_key_types(Some(every)).build()).into_paginator().items().send();
    pages.collect::<Result<Vec<_>, _>>().await.map_err(fault("acm:ListCertificates"))
}

fn may_be_ours(cx: &Cx, hinted: &BTreeSet<String>, summary: &CertificateSummary) -> bool {
    let Some(dns) = &cx.model.dns else { return summary.certificate_arn().is_some_and(|arn| hinted.contains(arn)) };
    let names = || summary.domain_name().into_iter().chain(summary.subject_alternative_name_summaries().iter().map(String::as_str));
    let is_new = summary.created_at().and_then(|at| Timestamp::from_second(at.secs()).ok()).is_none_or(|at| Timestamp::now() - NEW < at);
    let in_zone = |name: &str| name == dns.zone.name || name.strip_suffix(&dns.zone.name).is_some_and(|rest| rest.ends_with('.'));
    summary.certificate_arn().is_some_and(|arn| hinted.contains(arn))
        || names().any(|name| dns.records.contains_key(name) || is_new && in_zone(name))
}

async fn look(cx: &Cx, region: &Region, arn: String) -> Result<Option<Certificate>, Fault> {
    let Some(marks) = marks(cx, region, &arn).await? else { return Ok(None) };
    let is_here = |addr: &&Addr| *addr.kind == *KIND && addr.scope == Scope::from(region);
    let Some(addr) = marks.addr_in(&cx.owner.stack).filter(is_here).cloned() else { return Ok(None) };
    let detail = describe(cx, region, &arn).await?;
    Ok(detail.map(|detail| Certificate { addr, arn, detail, tags: marks.tags }))
}

async fn marks(cx: &Cx, region: &Region, arn: &str) -> Result<Option<Marks>, Fault> {
    let ask = cx.fleet.region(region).certificates.list_tags_for_certificate().certificate_arn(arn);
    let answer = maybe(ask.send().await.map_err(fault("acm:ListTagsForCertificate")))?;
    Ok(answer.map(|answer| owner::read(answer.tags().iter().map(|tag| (tag.key(), tag.value().unwrap_or_default())))))
}

/// One certificate as it is now, whoever's it is; nothing when it is not there.
///
/// # Errors
/// What AWS refused.
pub async fn describe(cx: &Cx, region: &Region, arn: &str) -> Result<Option<CertificateDetail>, Fault> {
    let ask = cx.fleet.region(region).certificates.describe_certificate().certificate_arn(arn);
    let answer = maybe(ask.send().await.map_err(fault("acm:DescribeCertificate")))?;
    Ok(answer.and_then(|answer| answer.certificate))
}

/// Tags as ACM takes them.
///
/// # Errors
/// A bug: the SDK refuses a tag without a key.
pub fn tags(all: impl IntoIterator<Item = (String, Option<String>)>) -> Result<Vec<Tag>, Fault> {
    let build = |(key, value)| Tag::builder().key(key).set_value(value).build().map_err(|error| Fault::bug(error.to_string()));
    all.into_iter().map(build).collect()
}
