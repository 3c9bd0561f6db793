//! The rules of one security group, as one resource: what it lets in and out, and nothing else.
//!
//! They are apart from the group so that two groups may refer to each other: making has no circle, and removing revokes first
//! (field guide 2.6 item 6). The allow-all egress rule of a new group is revoked like any other rule that nobody wants.
//!
//! A group without a rule has no rules to find, but for the group of a database that no service uses: there it is what is wanted.
mod rules;

use std::sync::Arc;

use aws_sdk_ec2::types::SecurityGroup as Group;
use serde::{Deserialize, Serialize};

pub use self::rules::{Groups, Rules};
use self::rules::{by_id, health_checkers, lists, missing, only, rules, shown};
use super::{
    security_group::{ENDPOINTS, SecurityGroup, SecurityGroupId, group, groups, of_database, of_load_balancer, of_tasks},
    vpc::{networks, vpc_of},
    vpc_endpoint::has_interface_endpoints,
};
use crate::{
    aws::{
        errors::{fault, maybe},
        tags::ours,
    },
    kinds::elasticloadbalancingv2::listener::Listener,
    outputs,
    resource::{
        Addr, Change, Class, Cx, Facts, Fault, Found, Kind, Life, Link, Outputs, Patience, Ref, Region, Scope, Status, Unordered, Verb,
        Want, doc::links,
    },
    topology::{Aurora, Certificate, Model, Peering, Service, ServiceMember},
};

outputs! { "ec2.security_group_rules":
    /// The id of a group whose rules are as they are to be. What is reached through the group refers to this and not to the group
    /// alone: it is not there before its clients are let in, and they are let in until it is gone.
    OpenSecurityGroupId = "group",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub group: Ref<SecurityGroupId>,
    pub ingress: Rules,
    pub egress: Rules,
    pub ingress_from: Groups,
    pub egress_to: Groups,
}

/// `ec2.security_group_rules`.
pub struct SecurityGroupRules;

/// A rule that is there already fails the whole call (field guide 2.6 item 9): someone was faster, or an answer was lost.
fn unless_there<T>(answer: Result<T, Fault>) -> Result<(), Fault> {
    match answer {
        Err(refused) if refused.class == Class::Exists => Err(Fault { class: Class::Contention, ..refused }),
        other => other.map(drop),
    }
}

impl SecurityGroupRules {
    fn none(region: &Region, group: &str) -> Spec {
        Spec {
            group: Ref::to(&Scope::from(region), group),
            ingress: Rules::new(),
            egress: Rules::new(),
            ingress_from: Groups::new(),
            egress_to: Groups::new(),
        }
    }

    /// The rules of a service's tasks, and of its load balancer when it has one: clients reach the load balancer alone, the load
    /// balancer the tasks' port alone.
    fn of_service(model: &Model, service: &str, region: &Region, member: &ServiceMember) -> impl Iterator<Item = (String, Spec)> {
        let (tasks, balancer) = (of_tasks(service), of_load_balancer(service));
        let port = member.balanced_port();
        let between = |group: &str| -> Groups {
            let peer = |port| (format!("tcp {port}"), Unordered(vec![Ref::to(&Scope::from(region), group)]));
            port.map(peer).into_iter().collect()
        };
        let of_tasks = Spec { ingress_from: between(&balancer), egress: [format!("all {EVERYONE}")].into(), ..Self::none(region, &tasks) };
        let of_balancer = port.map(|_| {
            let ingress = clients(model, service, region, member);
            (balancer.clone(), Spec { ingress, egress_to: between(&tasks), ..Self::none(region, &balancer) })
        });
        std::iter::once((tasks, of_tasks)).chain(of_balancer)
    }

    /// The rules of a database's group in a region: who uses it there, and through the peering connections who uses it elsewhere,
    /// because any region may have the writer.
    fn of_database(model: &Model, key: &str, database: &Aurora, region: &Region) -> Spec {
        let rule = format!("tcp {}", database.engine.port());
        let uses = |member: &ServiceMember| member.aurora.contains_key(key);
        let here = model.services.iter().filter(|(_, has)| has.members.get(region).is_some_and(uses));
        let groups: Vec<_> = here.map(|(service, _)| Ref::to(&Scope::from(region), &of_tasks(service))).collect();
        let is_used_in = |other: &Region| model.services.values().any(|has| has.members.get(other).is_some_and(uses));
        let peers = networks(model).filter(|(other, _, network)| {
            *other != region && network.peering == Peering::Mesh && !network.existing.contains_key(region) && is_used_in(other)
        });
        Spec {
            ingress: peers.map(|(_, range, _)| format!("{rule} {range}")).collect(),
            ingress_from: (!groups.is_empty()).then(|| (rule.clone(), Unordered(groups))).into_iter().collect(),
            ..Self::none(region, &of_database(key))
        }
    }

    /// Whether a group is to let nobody in or out.
    fn is_shut(cx: &Cx, region: &Region, name: &str) -> bool {
        let Some((key, database)) = cx.model.aurora.iter().find(|(key, _)| of_database(key) == name) else { return false };
        let spec = Self::of_database(&cx.model, key, database, region);
        database.members.contains_key(region) && spec.ingress.is_empty() && spec.ingress_from.is_empty()
    }

    /// Lets in and out what is wanted, then revokes the rest: what works goes on working.
    async fn bring_in_line(cx: &Cx, id: &str, want: &Spec) -> Result<(), Fault> {
        let client = cx.fleet.region(cx.region()?).ec2;
        let Some(now) = group(cx, id).await? else {
            return Err(Fault::new("ec2:DescribeSecurityGroups", Class::NotFound, format!("{id} is not there")));
        };
        let (ingress, egress) = (rules(now.ip_permissions()), rules(now.ip_permissions_egress()));
        let (want_in, want_out) = (by_id(cx, &want.ingress, &want.ingress_from).await?, by_id(cx, &want.egress, &want.egress_to).await?);
        let missing_in = missing(&ingress, &want_in)?;
        if !missing_in.is_empty() {
            let ask = client.authorize_security_group_ingress().group_id(id).set_ip_permissions(Some(missing_in));
            unless_there(ask.send().await.map_err(fault("ec2:AuthorizeSecurityGroupIngress")))?;
        }
        let missing_out = missing(&egress, &want_out)?;
        if !missing_out.is_empty() {
            let ask = client.authorize_security_group_egress().group_id(id).set_ip_permissions(Some(missing_out));
            unless_there(ask.send().await.map_err(fault("ec2:AuthorizeSecurityGroupEgress")))?;
        }
        Self::revoke(cx, &now, &want_in, &want_out).await
    }

    /// Revokes what a group has and nobody wants.
    async fn revoke(cx: &Cx, now: &Group, want_in: &Rules, want_out: &Rules) -> Result<(), Fault> {
        let (client, id) = (cx.fleet.region(cx.region()?).ec2, now.group_id().unwrap_or_default());
        let ingress = only(now.ip_permissions(), |key| !want_in.contains(key));
        if !ingress.is_empty() {
            let ask = client.revoke_security_group_ingress().group_id(id).set_ip_permissions(Some(ingress));
            maybe(ask.send().await.map_err(fault("ec2:RevokeSecurityGroupIngress")))?;
        }
        let egress = only(now.ip_permissions_egress(), |key| !want_out.contains(key));
        if !egress.is_empty() {
            let ask = client.revoke_security_group_egress().group_id(id).set_ip_permissions(Some(egress));
            maybe(ask.send().await.map_err(fault("ec2:RevokeSecurityGroupEgress")))?;
        }
        Ok(())
    }
}

const EVERYONE: &str = "0.0.0.0/0";

const HTTPS: u16 = 443;

const SERVICE: &str = "ecs.service";

/// The ports that a service's load balancer listens on.
fn ports(model: &Model, service: &str, region: &Region, member: &ServiceMember) -> &'static [u16] {
    let is_nameless = member.certificate == Certificate::Managed && model.names_of(service, region).is_empty();
    if member.certificate == Certificate::None || is_nameless { &[80] } else { &[80, HTTPS] }
}

/// Who may call a load balancer: whom the topology names, on the ports that it listens on. Where that is not the whole world and
/// a record asks for a health check, Route 53's checkers too, on the port that they ask.
fn clients(model: &Model, service: &str, region: &Region, member: &ServiceMember) -> Rules {
    let named = ports(model, service, region, member)
        .iter()
        .flat_map(|port| member.allow_from.iter().map(move |range| format!("tcp {port} {}", range.trunc())));
    let checks = model.dns.iter().flat_map(|dns| dns.records.values()).filter(|record| record.service == service);
    let checks = checks.filter_map(|record| record.members.get(region)?.health_check.as_ref()?.port());
    let is_narrow = !member.allow_from.iter().any(|range| range.prefix_len() == 0);
    let checkers = checks.filter(|_| is_narrow).map(|port| format!("tcp {port} {}", health_checkers(region)));
    named.chain(checkers).collect()
}

/// Whether the rules that were found let in the tasks of a service in their region.
fn is_let_in(facts: &Facts, rules: &Addr, service: &Addr) -> bool {
    let group = service.region().map(|region| Addr::regional(region, SecurityGroup::NAME, &of_tasks(&service.name)));
    let id = group.and_then(|group| Some(&facts.found.get(&group)?.id));
    let now = facts.found.get(rules).map(|found| links(&found.spec)).unwrap_or_default();
    now.iter().any(|(_, link)| matches!(link, Link::Is { value, .. } if Some(value) == id))
}

/// The services that a database's group lets in and that use it no longer: their tasks may, until the service has moved on.
fn leavers(model: &Model, facts: &Facts, rules: &Addr, key: &str, region: &Region) -> Vec<Addr> {
    let stays = |has: &Service| has.members.get(region).is_some_and(|member| !member.aurora.contains_key(key));
    let leaving = model.services.iter().filter(|(_, has)| stays(has)).map(|(service, _)| Addr::regional(region, SERVICE, service));
    leaving.filter(|service| is_let_in(facts, rules, service)).collect()
}

/// The services that go and that a database's group lets in, by their group or by the range of their region: they run until the drain
/// is over.
fn goers(model: &Model, facts: &Facts, rules: &Addr, wanted: &Spec) -> Vec<Addr> {
    let Some(found) = facts.found.get(rules) else { return Vec::new() };
    let ranges = found.spec.get("ingress").and_then(|all| all.as_array()).into_iter().flatten().filter_map(|rule| rule.as_str());
    let shuts_a_region = ranges.into_iter().any(|rule| !wanted.ingress.contains(rule));
    let goes = |addr: &&Addr| {
        let Some(at) = addr.region().filter(|_| &*addr.kind == SERVICE) else { return false };
        let stays = model.services.get(&*addr.name).is_some_and(|has| has.members.contains_key(at));
        !stays && (if rules.region() == Some(at) { is_let_in(facts, rules, addr) } else { shuts_a_region })
    };
    facts.found.keys().filter(goes).cloned().collect()
}

fn has_rules(group: &Group) -> bool {
    !group.ip_permissions().is_empty() || !group.ip_permissions_egress().is_empty()
}

impl Kind for SecurityGroupRules {
    type Spec = Spec;
    // A create lets traffic in with one call; what else a new group has is revoked by the update that follows.
    const UNFINISHED: bool = true;
    const NAME: &'static str = "ec2.security_group_rules";
    const FIXED: &'static [&'static str] = &["group"];
    const PATIENCE: Patience = Patience::of(2, 5, 5);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (Verb::Observe, &["ec2:DescribeSecurityGroups", "ec2:DescribeManagedPrefixLists"]),
        (Verb::Create, &["ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress"]),
        (
            Verb::Update,
            &[
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:AuthorizeSecurityGroupEgress",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:RevokeSecurityGroupEgress",
            ],
        ),
        (Verb::Delete, &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"]),
    ];

    // What serves is cut off without them.
    const SERVES: bool = true;

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let with = networks(model).filter(|(.., network)| has_interface_endpoints(network));
        let endpoints = with.map(|(region, range, _)| {
            let rules = Spec { ingress: [format!("tcp 443 {range}")].into(), ..Self::none(region, ENDPOINTS) };
            Want::new(Addr::regional(region, Self::NAME, ENDPOINTS), rules)
        });
        let members = model.services.iter().flat_map(|(service, has)| has.members.iter().map(move |member| (service, member)));
        let services = members.filter(|(_, (region, _))| vpc_of(model, region).is_some());
        let services = services.flat_map(|(service, (region, member))| {
            let rules = Self::of_service(model, service, region, member);
            let [https, _] = Listener::addresses(region, service);
            let uses_https = ports(model, service, region, member).contains(&HTTPS);
            let want = |(name, spec): (String, Spec)| {
                let want = Want::new(Addr::regional(region, Self::NAME, &name), spec);
                // The port is closed only when nothing answers there any more.
                if uses_https { want } else { want.once_gone([https.clone()]) }
            };
            rules.map(want).collect::<Vec<_>>()
        });
        let databases = model.aurora.iter().flat_map(|(key, has)| has.members.keys().map(move |region| (key, has, region)));
        let databases = databases.filter(|(.., region)| vpc_of(model, region).is_some()).map(|(key, has, region)| {
            let addr = Addr::regional(region, Self::NAME, &of_database(key));
            let leavers = leavers(model, facts, &addr, key, region);
            let spec = Self::of_database(model, key, has, region);
            let goers = goers(model, facts, &addr, &spec);
            Want::new(addr, spec).after(leavers).once_gone(goers)
        });
        endpoints.chain(services).chain(databases).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let region = cx.region()?;
        let groups = groups(cx).await?;
        let names_list = |group: &Group| {
            let all = group.ip_permissions().iter().chain(group.ip_permissions_egress());
            all.map(|rule| rule.prefix_list_ids()).any(|lists| !lists.is_empty())
        };
        let lists = if groups.iter().any(names_list) { lists(cx).await? } else { Arc::default() };
        let found = |group: &Group| {
            let ((owner, _), id) = (ours(cx, SecurityGroup::NAME, group.tags())?, group.group_id()?);
            let (ingress, ingress_from) = shown(&cx.scope, rules(group.ip_permissions()), &lists);
            let (egress, egress_to) = shown(&cx.scope, rules(group.ip_permissions_egress()), &lists);
            let spec = Spec { group: Ref::is(&cx.scope, id), ingress, egress, ingress_from, egress_to };
            let addr = Addr::regional(region, Self::NAME, &owner.name);
            let outputs = Outputs::of::<OpenSecurityGroupId>(id);
            let is_there = has_rules(group) || Self::is_shut(cx, region, &addr.name) && !cx.removing.contains(&addr);
            is_there.then(|| Found { addr, id: id.to_owned(), spec, outputs, life: Life::Ready, ours: true, born: None })
        };
        Ok(groups.iter().filter_map(found).collect())
    }

    /// What is to come in is let in; a group that lets nothing in gets what is to go out, which a new group has already. Where it is
    /// to let nothing out either, what it has is revoked.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        let (id, client, spec) = (want.spec.group.get()?, cx.fleet.region(cx.region()?).ec2, &want.spec);
        let ingress = missing(&Rules::new(), &by_id(cx, &spec.ingress, &spec.ingress_from).await?)?;
        let egress = missing(&Rules::new(), &by_id(cx, &spec.egress, &spec.egress_to).await?)?;
        if ingress.is_empty() && egress.is_empty() {
            Self::bring_in_line(cx, id, spec).await?;
            return Ok(id.to_owned());
        }
        let answer = if ingress.is_empty() {
            let ask = client.authorize_security_group_egress().group_id(id).set_ip_permissions(Some(egress));
            ask.send().await.map_err(fault("ec2:AuthorizeSecurityGroupEgress")).map(drop)
        } else {
            let ask = client.authorize_security_group_ingress().group_id(id).set_ip_permissions(Some(ingress));
            ask.send().await.map_err(fault("ec2:AuthorizeSecurityGroupIngress")).map(drop)
        };
        match answer {
            Err(refused) if refused.class != Class::Exists => Err(refused),
            _ => Ok(id.to_owned()),
        }
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, _: &[Change]) -> Result<(), Fault> {
        Self::bring_in_line(cx, &found.id, &want.spec).await
    }

    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let Some(now) = group(cx, &found.id).await? else { return Ok(()) };
        Self::revoke(cx, &now, &Rules::new(), &Rules::new()).await
    }

    async fn status(&self, cx: &Cx, addr: &Addr, id: &str) -> Result<Status, Fault> {
        let is_shut = Self::is_shut(cx, cx.region()?, &addr.name) && !cx.removing.contains(addr);
        let there = group(cx, id).await?.is_some_and(|group| has_rules(&group) || is_shut);
        Ok(if there { Status::Ready(Outputs::of::<OpenSecurityGroupId>(id)) } else { Status::Gone })
    }
}
