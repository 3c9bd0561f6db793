//! Listeners: what a load balancer answers on a port. With a certificate HTTPS on 443 and on 80 the way there, else HTTP on 80.
//!
//! A load balancer of ours has the listeners that the topology wants and no others: one that somebody added is found as
//! `<service>-port-<n>` and removed. Rules that somebody added to a listener of ours are left alone.
use aws_sdk_acm::types::CertificateStatus;
use aws_sdk_elasticloadbalancingv2::types::{
    self, Action, ActionTypeEnum, Certificate, ProtocolEnum, RedirectActionConfig, RedirectActionStatusCodeEnum,
};
use futures::stream::{StreamExt, TryStreamExt, iter};
use serde::{Deserialize, Serialize};

use super::{
    load_balancer::{LoadBalancer, LoadBalancerArn},
    target_group::TargetGroupArn,
};
use crate::{
    aws::{
        certificates::describe,
        errors::{fault, maybe},
        load_balancing::{SIDE_BY_SIDE, change_tags, listeners, load_balancers, marks_of, tags_to_send},
        tags::addr_of,
    },
    kinds::{
        acm::certificate::CertificateArn,
        ec2::vpc::named,
        route53::{hosted_zone::delegation, validation_record::ValidationRecord},
    },
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Outputs, Patience, Ref, Region, Scope, Status, Tags, Traffic, Unordered,
        Verb, Want, readable,
    },
    topology::{Certificate as Wanted, Model, ServiceMember},
};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub load_balancer: Ref<LoadBalancerArn>,
    pub port: i32,
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
    pub certificate: Option<Ref<CertificateArn>>,
    /// The TLS versions and ciphers that it takes.
    pub tls_policy: Option<String>,
    /// `forward`, `redirect to https`, or what somebody made it do instead.
    pub action: String,
    pub target_groups: Unordered<Ref<TargetGroupArn>>,
    pub tags: Tags,
}

/// `elasticloadbalancingv2.listener`.
pub struct Listener;

const HTTPS: (&str, i32) = ("https", 443);
const HTTP: (&str, i32) = ("http", 80);
const FORWARD: &str = "forward";
const REDIRECT: &str = "redirect to https";
/// TLS 1.3 and 1.2 (Elastic Load Balancing user guide for Application Load Balancers, "Security policies", recommends it).
const TLS_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-2021-06";

/// A listener's name, by the service and the port.
fn named_by(service: &str, port: i32) -> String {
    match [HTTPS, HTTP].iter().find(|(_, known)| *known == port) {
        Some((word, _)) => format!("{service}-{word}"),
        None => format!("{service}-port-{port}"),
    }
}

/// The certificate of a service in a region.
fn certificate(model: &Model, service: &str, region: &Region, member: &ServiceMember, facts: &Facts) -> Option<Ref<CertificateArn>> {
    let scope = Scope::from(region);
    match &member.certificate {
        Wanted::Managed => Some(Ref::to(&scope, service)).filter(|_| !model.names_of(service, region).is_empty()),
        Wanted::Arn(arn) => Some(Ref::is(&scope, facts.with_account(arn))),
        Wanted::None => None,
    }
}

/// What a listener does, in the words of a want; anything else in AWS's.
fn action(actions: &[Action]) -> String {
    let word = |action: &Action| action.r#type().map_or("?", ActionTypeEnum::as_str).to_owned();
    match actions {
        [only] if only.r#type() == Some(&ActionTypeEnum::Forward) => {
            let config = only.forward_config();
            let is_sticky = config.and_then(|config| config.target_group_stickiness_config()?.enabled()).unwrap_or_default();
            if is_sticky { format!("{FORWARD}, sticky") } else { FORWARD.to_owned() }
        }
        [only] if only.redirect_config().is_some_and(is_redirect) => REDIRECT.to_owned(),
        all => all.iter().map(word).collect::<Vec<_>>().join(", "),
    }
}

fn is_redirect(config: &RedirectActionConfig) -> bool {
    let keeps = |part: Option<&str>, whole: &str| part.is_none_or(|part| part == whole);
    config.protocol() == Some("HTTPS")
        && config.port() == Some("443")
        && config.status_code() == Some(&RedirectActionStatusCodeEnum::Http301)
        && keeps(config.host(), "#{host}")
        && keeps(config.path(), "/#{path}")
        && keeps(config.query(), "#{query}")
}

/// Every target group that the actions send to.
fn target_groups(actions: &[Action]) -> Vec<&str> {
    let mut arns: Vec<&str> = Vec::new();
    for action in actions {
        let groups = action.forward_config().map_or(&[][..], |config| config.target_groups());
        arns.extend(groups.iter().filter_map(|group| group.target_group_arn()).chain(action.target_group_arn()));
    }
    arns.sort_unstable();
    arns.dedup();
    arns
}

/// What is sent to make a listener do what is wanted.
fn actions(spec: &Spec) -> Result<Vec<Action>, Fault> {
    let action = if spec.action == REDIRECT {
        let config = RedirectActionConfig::builder().protocol("HTTPS").port("443").status_code(RedirectActionStatusCodeEnum::Http301);
        Action::builder().r#type(ActionTypeEnum::Redirect).redirect_config(config.build())
    } else {
        let group = spec.target_groups.0.first().ok_or_else(|| Fault::bug("a listener that forwards to nothing"))?;
        Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group.get()?)
    };
    Ok(vec![action.build()])
}

/// Only a certificate that ACM has issued can be used (field guide 16, rule 12). Until then the engine asks again.
async fn issued(cx: &Cx, certificate: &Ref<CertificateArn>) -> Result<Certificate, Fault> {
    const OP: &str = "acm:DescribeCertificate";
    let arn = certificate.get()?;
    let of_acm = arn.split(':').nth(2) == Some("acm");
    if of_acm {
        let Some(detail) = describe(cx, cx.region()?, arn).await? else {
            return Err(Fault::new(OP, Class::NotFound, format!("certificate {arn} is not there")));
        };
        match detail.status() {
            Some(CertificateStatus::Issued) => {}
            Some(CertificateStatus::PendingValidation) => return Err(pending(cx, OP, arn).await?),
            other => {
                let word = other.map_or("unknown", CertificateStatus::as_str);
                return Err(Fault::new(OP, Class::Invalid, format!("certificate {arn} is {word} and cannot be used")));
            }
        }
    }
    Ok(Certificate::builder().certificate_arn(arn).build())
}

/// ACM looks for its record in public: in a zone that mrctl made it sees none before people have delegated that zone, so the run
/// ends after `gate_timeout` instead of waiting for them.
async fn pending(cx: &Cx, op: &'static str, arn: &str) -> Result<Fault, Fault> {
    let (waited, waiting) = (cx.asked.waited(arn), format!("certificate {arn} is PENDING_VALIDATION"));
    let timeout = cx.model.rollout.gate_timeout;
    Ok(match if waited < timeout { None } else { delegation(&cx.afresh()).await? } {
        Some(delegation) => Fault::new(op, Class::Unhealthy, format!("{waiting} after {}. {delegation}", readable(waited))),
        None => Fault::new(op, Class::Contention, waiting),
    })
}

impl Listener {
    /// The addresses of what a service may listen on in a region: HTTPS and HTTP.
    #[must_use]
    pub fn addresses(region: &Region, service: &str) -> [Addr; 2] {
        [HTTPS, HTTP].map(|(_, port)| Addr::regional(region, Self::NAME, &named_by(service, port)))
    }

    fn want(
        model: &Model,
        service: &str,
        region: &Region,
        at: (&str, i32),
        certificate: Option<Ref<CertificateArn>>,
        moves: bool,
    ) -> Want<Spec> {
        let (scope, name) = (Scope::from(region), named_by(service, at.1));
        let spec = Spec {
            load_balancer: Ref::to(&scope, service),
            port: at.1,
            protocol: if certificate.is_some() { "HTTPS" } else { "HTTP" }.to_owned(),
            tls_policy: certificate.is_some().then(|| TLS_POLICY.to_owned()),
            certificate,
            action: if moves { REDIRECT } else { FORWARD }.to_owned(),
            target_groups: Unordered(if moves { Vec::new() } else { vec![Ref::to(&scope, service)] }),
            tags: named(model, &name),
        };
        Want::new(Addr::regional(region, Self::NAME, &name), spec)
    }

    fn found(
        cx: &Cx,
        region: &Region,
        service: &str,
        load_balancer: &str,
        seen: &types::Listener,
        tags: (Option<Addr>, Tags),
    ) -> Option<Found<Spec>> {
        let (arn, port) = (seen.listener_arn()?, seen.port()?);
        let addr = Addr::regional(region, Self::NAME, &named_by(service, port));
        let certificate = seen.certificates().first().and_then(|one| one.certificate_arn());
        let spec = Spec {
            load_balancer: Ref::is(&cx.scope, load_balancer),
            port,
            protocol: seen.protocol().map_or("", ProtocolEnum::as_str).to_owned(),
            certificate: certificate.map(|arn| Ref::is(&cx.scope, arn)),
            tls_policy: seen.ssl_policy().map(str::to_owned),
            action: action(seen.default_actions()),
            target_groups: Unordered(target_groups(seen.default_actions()).into_iter().map(|arn| Ref::is(&cx.scope, arn)).collect()),
            tags: Tags { marked: tags.0.as_ref() == Some(&addr), ..tags.1 },
        };
        Some(Found { addr, id: arn.to_owned(), spec, outputs: Outputs::default(), life: Life::Ready, ours: true, born: None })
    }
}

impl Kind for Listener {
    type Spec = Spec;
    const NAME: &'static str = "elasticloadbalancingv2.listener";
    const FIXED: &'static [&'static str] = &["load_balancer", "port"];
    /// There at once, but for the certificate that it waits for: Terraform gives ACM 75 minutes (field guide 8.3 item 4).
    const PATIENCE: Patience = Patience::of(10, 75, 5);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (
            Verb::Observe,
            &["elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeTags"],
        ),
        (
            Verb::Create,
            &[
                "elasticloadbalancing:CreateListener",
                "elasticloadbalancing:AddTags",
                "acm:DescribeCertificate",
                "route53:ListHostedZones",
                "route53:ListTagsForResources",
                "route53:ListResourceRecordSets",
            ],
        ),
        (
            Verb::Update,
            &[
                "elasticloadbalancing:ModifyListener",
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:RemoveTags",
                "acm:DescribeCertificate",
                "route53:ListHostedZones",
                "route53:ListTagsForResources",
                "route53:ListResourceRecordSets",
            ],
        ),
        (Verb::Delete, &["elasticloadbalancing:DeleteListener"]),
    ];
    const SERVES: bool = true;

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let mut wants = Vec::new();
        for (service, region, member, _) in model.balanced() {
            let certificate = certificate(model, service, region, member, facts);
            let has_certificate = certificate.is_some();
            if has_certificate {
                let names = model.names_of(service, region).into_iter().filter(|_| member.certificate == Wanted::Managed);
                let records: Vec<Addr> = names.map(ValidationRecord::address).collect();
                wants.push(Self::want(model, service, region, HTTPS, certificate, false).after(records));
            }
            // Nobody is sent to a port that is closed: HTTPS answers before HTTP leads there, and goes only when it does not any more.
            let [https, _] = Self::addresses(region, service);
            wants.push(Self::want(model, service, region, HTTP, None, has_certificate).after([https]));
        }
        wants
    }

    /// All listeners of our load balancers are ours; one without our mark is marked, or removed when nobody wants its port.
    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let (region, all) = (cx.region()?, load_balancers(cx).await?);
        let mut ours = Vec::new();
        for one in all.iter() {
            ours.extend(addr_of(cx, LoadBalancer::NAME, &one.marks).map(|addr| (one.arn.clone(), addr)));
        }
        let looks = iter(ours.into_iter().map(|(arn, addr)| async move {
            let listeners = listeners(cx, &arn).await?;
            Ok::<_, Fault>(listeners.into_iter().map(|listener| (addr.name.clone(), arn.clone(), listener)).collect::<Vec<_>>())
        }));
        let seen: Vec<_> = looks.buffered(SIDE_BY_SIDE).try_collect::<Vec<_>>().await?.into_iter().flatten().collect();
        let marks = marks_of(cx, seen.iter().filter_map(|(.., listener)| listener.listener_arn.clone()).collect()).await?;
        let found = seen.iter().filter_map(|(service, load_balancer, listener)| {
            let marks = marks.get(listener.listener_arn()?)?;
            let tags = (addr_of(cx, Self::NAME, marks), marks.tags.clone());
            Self::found(cx, region, service, load_balancer, listener, tags)
        });
        Ok(found.collect())
    }

    /// The port is unique on the load balancer: AWS gives the listener that is there when everything is equal and refuses
    /// otherwise (field guide 8.2 item 2).
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let spec = &want.spec;
        let ask = cx.fleet.region(cx.region()?).load_balancing.create_listener();
        let ask = ask.load_balancer_arn(spec.load_balancer.get()?).port(spec.port).protocol(spec.protocol.as_str().into());
        let mut ask = ask.set_ssl_policy(spec.tls_policy.clone()).set_default_actions(Some(actions(spec)?));
        if let Some(certificate) = &spec.certificate {
            ask = ask.certificates(issued(cx, certificate).await?);
        }
        let ask = ask.set_tags(Some(tags_to_send(cx, &want.addr, &spec.tags)));
        let made = ask.send().await.map_err(fault("elasticloadbalancing:CreateListener"))?;
        let arn = made.listeners().first().and_then(|one| one.listener_arn());
        arn.map(str::to_owned).ok_or_else(|| Fault::bug("CreateListener gave no ARN"))
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        let spec = &want.spec;
        if changes.iter().any(|change| !change.is_under("tags")) {
            // Protocol, certificate and policy go together (field guide 8.2 item 9).
            let ask = cx.fleet.region(cx.region()?).load_balancing.modify_listener().listener_arn(&found.id);
            let ask = ask.protocol(spec.protocol.as_str().into()).set_ssl_policy(spec.tls_policy.clone());
            let mut ask = ask.set_default_actions(Some(actions(spec)?));
            if let Some(certificate) = &spec.certificate {
                ask = ask.certificates(issued(cx, certificate).await?);
            }
            ask.send().await.map_err(fault("elasticloadbalancing:ModifyListener"))?;
        }
        change_tags(cx, &found.id, &found.addr, &found.spec.tags, &spec.tags).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let ask = cx.fleet.region(cx.region()?).load_balancing.delete_listener().listener_arn(&found.id);
        maybe(ask.send().await.map_err(fault("elasticloadbalancing:DeleteListener"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let ask = cx.fleet.region(cx.region()?).load_balancing.describe_listeners().listener_arns(id);
        let seen = maybe(ask.send().await.map_err(fault("elasticloadbalancing:DescribeListeners")))?;
        let there = seen.is_some_and(|seen| !seen.listeners().is_empty());
        Ok(if there { Status::Ready(Outputs::default()) } else { Status::Gone })
    }

    /// One that only leads elsewhere answers nobody.
    fn traffic(&self, found: &Found<Spec>) -> Traffic {
        if found.spec.action.starts_with(FORWARD) { Traffic::Listens } else { Traffic::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_listener_does_is_read_back_as_it_was_sent() {
        let scope = Scope::from("eu-west-1");
        let mut spec = Spec {
            load_balancer: Ref::is(&scope, "lb"),
            port: 80,
            protocol: "HTTP".into(),
            certificate: None,
            tls_policy: None,
            action: REDIRECT.into(),
            target_groups: Unordered::default(),
            tags: Tags::default(),
        };
        let sent = actions(&spec).unwrap();
        assert_eq!((action(&sent), target_groups(&sent)), (REDIRECT.to_owned(), vec![]));
        spec.action = FORWARD.into();
        assert!(actions(&spec).is_err());
        spec.target_groups = Unordered(vec![Ref::is(&scope, "tg-1")]);
        let sent = actions(&spec).unwrap();
        assert_eq!((action(&sent), target_groups(&sent)), (FORWARD.to_owned(), vec!["tg-1"]));
        let fixed = Action::builder().r#type(ActionTypeEnum::FixedResponse).build();
        assert_eq!(action(&[fixed]), "fixed-response");
        let elsewhere = RedirectActionConfig::builder().protocol("HTTPS").port("443").host("elsewhere");
        let elsewhere = elsewhere.status_code(RedirectActionStatusCodeEnum::Http301).build();
        assert_eq!(action(&[Action::builder().r#type(ActionTypeEnum::Redirect).redirect_config(elsewhere).build()]), "redirect");
    }

    #[test]
    fn names_say_what_is_on_a_port() {
        assert_eq!([443, 80, 8443].map(|port| named_by("api", port)), ["api-https", "api-http", "api-port-8443"]);
    }
}
