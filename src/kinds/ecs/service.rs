//! Services: how many tasks of a revision run, where, and behind what.
//!
//! A deployment is over when the one that was asked for is the primary one, ECS says COMPLETED, and enough targets are healthy: a
//! service that was rolled back is stable too, on what it was before (field guide 16, rule 30).
use std::collections::BTreeSet;

use aws_sdk_ecs::types::{
    self, AssignPublicIp, AwsVpcConfiguration, DeploymentCircuitBreaker, DeploymentConfiguration, LaunchType, LoadBalancer,
    NetworkConfiguration, PropagateTags,
};
use aws_sdk_elasticloadbalancingv2::types::{TargetHealth, TargetHealthStateEnum};
use serde::{Deserialize, Serialize};

use super::{
    cluster::{self, ClusterName},
    task_definition::{TaskDefinitionArn, container_of},
};
use crate::{
    aws::{
        containers::{self, change_tags, cluster_of, marks, name_of, services, shaped},
        deployments::{self, deployed_at, is_failed, is_under_way, judged, primary, progress},
        errors::{fault, maybe},
        tags::{addr_of, still_ours},
    },
    kinds::{
        ec2::{
            security_group::SecurityGroupId,
            subnet::{SubnetId, Tier, subnets_of},
        },
        elasticloadbalancingv2::target_group::TargetGroupArn,
        iam::role,
    },
    outputs,
    resource::{
        Addr, After, Change, Class, Cx, Doc, Facts, Fault, Found, Kind, Life, Output, Outputs, Owner, Patience, Posture, Ref, Region,
        Scope, Status, Tags, Traffic, Unmanaged, Unordered, Verb, Want,
    },
    topology::{Model, ServiceMember, Tasks},
};

outputs! { "ecs.service":
    /// The name of a service.
    ServiceName = "name",
    /// Its ARN.
    ServiceArn = "arn",
    /// When what runs now was deployed.
    ServiceDeployedAt = "deployed_at",
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    pub cluster: Ref<ClusterName>,
    pub name: String,
    pub task_definition: Ref<TaskDefinitionArn>,
    /// `failed`: ECS gave up on the deployment and had nothing to go back to.
    pub deployment: String,
    pub subnets: Unordered<Ref<SubnetId>>,
    pub security_groups: Unordered<Ref<SecurityGroupId>>,
    pub public_address: bool,
    /// Where its tasks are registered; none: a worker.
    pub targets: Unordered<Target>,
    /// Seconds in which a new task may fail the load balancer's health check; only with a load balancer.
    pub grace_period: Option<i32>,
    /// Percent of the wanted count.
    pub minimum_healthy: i32,
    pub maximum: i32,
    /// Whether ECS gives up on a deployment that does not get healthy, and goes back.
    pub circuit_breaker: bool,
    pub rollback: bool,
    /// Tasks. Managed only where it is outside of what the topology allows: inside, whoever set it keeps it.
    pub count: Unmanaged<i32>,
    /// Tasks that run now.
    pub running: Unmanaged<i32>,
    pub exec: bool,
    pub tags: Tags,
}

/// A port of the tasks that a target group sends requests to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    pub target_group: Ref<TargetGroupArn>,
    pub container: String,
    pub port: i32,
}

/// `ecs.service`.
pub struct Service;

const FINE: &str = "fine";
const FAILED: &str = "failed";

/// What the topology wants the count to be: any number that it allows, and the nearest one to a number that it does not.
fn count_wanted(tasks: Tasks, found: Option<i32>) -> Unmanaged<i32> {
    let [least, most] = [tasks.min, tasks.max].map(|number| i32::try_from(number).unwrap_or(i32::MAX));
    match found {
        Some(now) if (least..=most).contains(&now) => Unmanaged::Any,
        Some(now) if now > most => Unmanaged::Managed(most),
        _ => Unmanaged::Managed(least),
    }
}

/// The count that AWS shows for a service.
fn count_found(facts: &Facts, addr: &Addr) -> Option<i32> {
    facts.found.get(addr)?.spec.get("count")?.as_i64().and_then(|count| i32::try_from(count).ok())
}

fn managed(count: &Unmanaged<i32>) -> Option<i32> {
    match count {
        Unmanaged::Managed(count) => Some(*count),
        Unmanaged::Any => None,
    }
}

/// The smallest count that the topology allows: where a service is made anew whose count was its own business, AWS would begin with one.
fn least_of(cx: &Cx, addr: &Addr) -> Option<i32> {
    i32::try_from(cx.model.service(&addr.name, addr.region()?)?.tasks.min).ok()
}

fn values<T: Output>(list: &Unordered<Ref<T>>) -> Result<Vec<String>, Fault> {
    list.0.iter().map(|one| one.get().map(str::to_owned)).collect()
}

impl Spec {
    fn network(&self) -> Result<NetworkConfiguration, Fault> {
        let within = AwsVpcConfiguration::builder()
            .set_subnets(Some(values(&self.subnets)?))
            .set_security_groups(Some(values(&self.security_groups)?))
            .assign_public_ip(if self.public_address { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled })
            .build()
            .map_err(|error| Fault::bug(error.to_string()))?;
        Ok(NetworkConfiguration::builder().awsvpc_configuration(within).build())
    }

    fn balancers(&self) -> Result<Vec<LoadBalancer>, Fault> {
        let balancer = |target: &Target| {
            let shaped = LoadBalancer::builder().target_group_arn(target.target_group.get()?);
            Ok(shaped.container_name(&target.container).container_port(target.port).build())
        };
        self.targets.0.iter().map(balancer).collect()
    }

    fn deploying(&self) -> DeploymentConfiguration {
        let breaker = DeploymentCircuitBreaker::builder().enable(self.circuit_breaker).rollback(self.rollback).build();
        let percents = DeploymentConfiguration::builder().minimum_healthy_percent(self.minimum_healthy).maximum_percent(self.maximum);
        percents.deployment_circuit_breaker(breaker).build()
    }

    fn found(scope: &Scope, service: &types::Service, tags: Tags) -> Self {
        let within = service.network_configuration().and_then(|network| network.awsvpc_configuration());
        let (subnets, groups) = within.map_or((&[][..], &[][..]), |within| (within.subnets(), within.security_groups()));
        let deploying = service.deployment_configuration();
        let breaker = deploying.and_then(|deploying| deploying.deployment_circuit_breaker());
        let has_failed = primary(service).is_some_and(is_failed);
        let target = |balancer: &LoadBalancer| {
            let group = Ref::is(scope, balancer.target_group_arn()?);
            let container = balancer.container_name().unwrap_or_default().to_owned();
            Some(Target { target_group: group, container, port: balancer.container_port().unwrap_or_default() })
        };
        let targets: Vec<Target> = service.load_balancers().iter().filter_map(target).collect();
        Self {
            cluster: Ref::is(scope, service.cluster_arn().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default()),
            name: service.service_name().unwrap_or_default().to_owned(),
            task_definition: Ref::is(scope, service.task_definition().unwrap_or_default()),
            deployment: if has_failed { FAILED } else { FINE }.to_owned(),
            subnets: Unordered(subnets.iter().map(|id| Ref::is(scope, id)).collect()),
            security_groups: Unordered(groups.iter().map(|id| Ref::is(scope, id)).collect()),
            public_address: within.and_then(|within| within.assign_public_ip()) == Some(&AssignPublicIp::Enabled),
            grace_period: (!targets.is_empty()).then(|| service.health_check_grace_period_seconds().unwrap_or(0)),
            targets: Unordered(targets),
            // AWS's own defaults (Amazon ECS API reference, "DeploymentConfiguration").
            minimum_healthy: deploying.and_then(|deploying| deploying.minimum_healthy_percent()).unwrap_or(100),
            maximum: deploying.and_then(|deploying| deploying.maximum_percent()).unwrap_or(200),
            circuit_breaker: breaker.is_some_and(|breaker| breaker.enable()),
            rollback: breaker.is_some_and(|breaker| breaker.rollback()),
            count: Unmanaged::Managed(service.desired_count()),
            running: Unmanaged::Managed(service.running_count()),
            exec: service.enable_execute_command(),
            tags,
        }
    }
}

/// Where a service stands, by what ECS says of its deployments alone.
fn life(service: &types::Service) -> Life {
    let word = service.status().unwrap_or("unknown").to_owned();
    match &*word {
        "ACTIVE" if primary(service).is_some_and(is_under_way) => Life::Making(progress(service)),
        "ACTIVE" => Life::Ready,
        "DRAINING" => Life::Leaving(format!("{word}, {} tasks still run", service.running_count())),
        _ => Life::Making(word),
    }
}

fn outputs_of(service: &types::Service) -> Outputs {
    let name = service.service_name().unwrap_or_default();
    let outputs = Outputs::of::<ServiceName>(name).with::<ServiceArn>(service.service_arn().unwrap_or_default());
    deployed_at(service).into_iter().fold(outputs, |outputs, at| outputs.with::<ServiceDeployedAt>(at.to_string()))
}

/// What the load balancer still waits for; nothing when as many targets are healthy as tasks are wanted.
async fn targets(cx: &Cx, service: &types::Service) -> Result<Option<String>, Fault> {
    let client = cx.fleet.region(cx.region()?).load_balancing;
    for group in service.load_balancers().iter().filter_map(|balancer| balancer.target_group_arn()) {
        let ask = client.describe_target_health().target_group_arn(group);
        let Some(seen) = maybe(ask.send().await.map_err(fault("elasticloadbalancing:DescribeTargetHealth")))? else {
            return Ok(Some("its target group is gone".to_owned()));
        };
        let all = seen.target_health_descriptions();
        if all.is_empty() && cx.fleet.timing().without_targets {
            continue;
        }
        let is_healthy = |health: &&TargetHealth| health.state() == Some(&TargetHealthStateEnum::Healthy);
        let (healthy, others): (Vec<_>, Vec<_>) = all.iter().filter_map(|one| one.target_health()).partition(is_healthy);
        if i32::try_from(healthy.len()).unwrap_or(i32::MAX) < service.desired_count() {
            let why: BTreeSet<&str> = others.iter().filter_map(|health| health.description()).collect();
            let why = if why.is_empty() { String::new() } else { format!(" ({})", why.into_iter().collect::<Vec<_>>().join("; ")) };
            return Ok(Some(format!("{} of {} targets are healthy{why}", healthy.len(), service.desired_count())));
        }
    }
    Ok(None)
}

impl Service {
    fn want(model: &Model, facts: &Facts, region: &Region, key: &str, member: &ServiceMember) -> Want<Spec> {
        let (scope, addr, name) = (Scope::from(region), Addr::regional(region, Self::NAME, key), name_of(&model.stack, key));
        let target = member.balanced_port().map(|port| Target {
            target_group: Ref::to(&scope, key),
            container: container_of(key),
            port: i32::from(port),
        });
        let spec = Spec {
            cluster: Ref::to(&scope, cluster::MAIN),
            task_definition: Ref::to(&scope, key),
            deployment: FINE.to_owned(),
            subnets: subnets_of(model, region, Tier::Private, facts),
            security_groups: Unordered(vec![Ref::to(&scope, key)]),
            public_address: false,
            targets: Unordered(target.into_iter().collect()),
            grace_period: member.balanced_port().map(|_| i32::try_from(member.grace_period.as_secs()).unwrap_or(i32::MAX)),
            minimum_healthy: i32::try_from(member.deployment.minimum_healthy).unwrap_or(i32::MAX),
            maximum: i32::try_from(member.deployment.maximum).unwrap_or(i32::MAX),
            circuit_breaker: true,
            rollback: true,
            count: count_wanted(member.tasks, count_found(facts, &addr).filter(|_| facts.keeps("count", &addr))),
            running: Unmanaged::Any,
            exec: member.exec,
            tags: Owner { stack: model.stack.clone(), tags: model.tags.clone() }.wanted(&name),
            name,
        };
        // What the tasks read and write is there before they start.
        let tables = member.tables.keys().filter(|table| model.tables.get(*table).is_some_and(|table| table.members.contains_key(region)));
        let tables: Vec<Addr> = tables.map(|table| Addr::regional(region, "dynamodb.table", table)).collect();
        Want::new(addr, spec).after(tables)
    }
}

impl Kind for Service {
    type Spec = Spec;
    const NAME: &'static str = "ecs.service";
    const FIXED: &'static [&'static str] = &["cluster", "name"];
    /// Twenty minutes each way in Terraform; a rollback takes as long as the deployment did (field guide 7.3 items 4 and 6).
    const PATIENCE: Patience = Patience::of(10, 40, 20);
    const PERMISSIONS: &'static [(Verb, &'static [&'static str])] = &[
        (
            Verb::Observe,
            &["ecs:ListServices", "ecs:ListTaskDefinitionFamilies", "ecs:DescribeServices", "elasticloadbalancing:DescribeTargetHealth"],
        ),
        (Verb::Create, &["ecs:CreateService", "ecs:TagResource", "iam:PassRole", "iam:CreateServiceLinkedRole"]),
        (Verb::Update, &["ecs:UpdateService", "ecs:TagResource", "ecs:UntagResource", "iam:PassRole"]),
        (Verb::Delete, &["ecs:DescribeServices", "ecs:DeleteService"]),
    ];
    /// A target group must hang on a listener (field guide 16, rule 11); and tasks that start must get at their image and log.
    const AFTER: &'static [After] = &[
        After::here("elasticloadbalancingv2.listener"),
        After::here("ec2.route_table"),
        After::here("ec2.nat_gateway"),
        After::here("ec2.vpc_endpoint"),
    ];
    const SERVES: bool = true;
    /// A deployment that does not get healthy ends after half an hour or never, and the file that mends it need not wait for that.
    const YIELDS: bool = true;

    fn desired(&self, model: &Model, facts: &Facts) -> Vec<Want<Spec>> {
        let wants = |(key, service): (&'_ String, &'_ crate::topology::Service)| {
            service.members.iter().map(|(region, member)| Self::want(model, facts, region, key, member)).collect::<Vec<_>>()
        };
        model.services.iter().flat_map(wants).collect()
    }

    async fn observe(&self, cx: &Cx) -> Result<Vec<Found<Spec>>, Fault> {
        let region = cx.region()?;
        let found = |service: &types::Service| {
            let (name, marks) = (service.service_name()?, marks(service.tags()));
            let marked = addr_of(cx, Self::NAME, &marks);
            let ours = marked.is_some();
            let wanted = cx.model.services.iter().find(|(key, _)| name_of(&cx.owner.stack, key) == name);
            let wanted = wanted.filter(|(_, service)| service.members.contains_key(region));
            let addr = marked.or_else(|| wanted.map(|(key, _)| Addr::regional(region, Self::NAME, key)))?;
            let spec = Spec::found(&cx.scope, service, marks.tags);
            Some(Found { addr, id: name.to_owned(), spec, outputs: outputs_of(service), life: life(service), ours, born: None })
        };
        Ok(services(cx).await?.iter().filter_map(found).collect())
    }

    /// The name is unique in the cluster: what a repeated create finds there is ours when it carries our mark. The token is random,
    /// since one that follows from the address could give what was just deleted.
    async fn create(&self, cx: &Cx, want: &Want<Spec>) -> Result<String, Fault> {
        role::known_everywhere(cx, "ecs:CreateService", &want.addr.name)?;
        let spec = &want.spec;
        let ask = cx.fleet.region(cx.region()?).ecs.create_service();
        let ask = ask.cluster(spec.cluster.get()?).service_name(&spec.name).task_definition(spec.task_definition.get()?);
        let ask = ask.launch_type(LaunchType::Fargate).set_desired_count(managed(&spec.count).or(least_of(cx, &want.addr)));
        let ask = ask.network_configuration(spec.network()?).deployment_configuration(spec.deploying());
        let ask = ask.set_load_balancers(Some(spec.balancers()?).filter(|all| !all.is_empty()));
        let ask = ask.set_health_check_grace_period_seconds(spec.grace_period);
        let ask = ask.enable_execute_command(spec.exec).propagate_tags(PropagateTags::Service);
        let ask = ask.client_token(format!("{:032x}", fastrand::u128(..)));
        let ask = ask.set_tags(Some(shaped(cx.owner.to_send(&want.addr, &spec.tags))));
        let refused = match ask.send().await.map_err(fault("ecs:CreateService")) {
            Ok(made) => {
                deployments::remember(cx, made.service());
                return Ok(spec.name.clone());
            }
            Err(refused) if refused.class == Class::Exists => refused,
            Err(refused) => return Err(refused),
        };
        let there = containers::service(cx, &spec.name).await?;
        let is_ours = |service: &types::Service| addr_of(cx, Self::NAME, &marks(service.tags())).as_ref() == Some(&want.addr);
        let there = there.filter(is_ours).ok_or(refused)?;
        deployments::remember(cx, Some(&there));
        Ok(spec.name.clone())
    }

    async fn update(&self, cx: &Cx, found: &Found<Spec>, want: &Want<Spec>, changes: &[Change]) -> Result<(), Fault> {
        let Some(arn) = found.outputs.get("arn") else { return Err(Fault::bug(format!("{} has no ARN", found.addr))) };
        change_tags(cx, arn, &found.addr, &found.spec.tags, &want.spec.tags).await?;
        let changed = |paths: &[&str]| changes.iter().any(|change| paths.iter().any(|path| change.is_under(path)));
        let (network, deploying) =
            (["subnets", "security_groups", "public_address"], ["minimum_healthy", "maximum", "circuit_breaker", "rollback"]);
        let once_more = changed(&["deployment"]);
        if !once_more
            && !changed(&["task_definition", "count", "exec", "targets", "grace_period"])
            && !changed(&network)
            && !changed(&deploying)
        {
            return Ok(());
        }
        let spec = &want.spec;
        // Tasks that run keep what they were started with, and turning ECS Exec on or off begins no deployment (Amazon ECS API
        // reference, "UpdateService").
        let begins_one = changed(&["task_definition", "targets"]) || changed(&network);
        let is_forced = once_more || (changed(&["exec"]) && !begins_one);
        if begins_one || is_forced {
            role::known_everywhere(cx, "ecs:UpdateService", &want.addr.name)?;
        }
        let mut ask = cx.fleet.region(cx.region()?).ecs.update_service().cluster(found.spec.cluster.get()?).service(&found.id);
        if changed(&["task_definition"]) {
            ask = ask.task_definition(spec.task_definition.get()?);
        }
        if is_forced {
            ask = ask.force_new_deployment(true);
        }
        if changed(&network) {
            ask = ask.network_configuration(spec.network()?);
        }
        if changed(&deploying) {
            ask = ask.deployment_configuration(spec.deploying());
        }
        if changed(&["targets"]) {
            ask = ask.set_load_balancers(Some(spec.balancers()?));
        }
        if changed(&["grace_period"]) {
            // Without a load balancer there is nothing to be patient with, and AWS takes no number.
            ask = ask.set_health_check_grace_period_seconds(spec.grace_period);
        }
        if changed(&["exec"]) {
            ask = ask.enable_execute_command(spec.exec);
        }
        if changed(&["count"]) {
            ask = ask.set_desired_count(managed(&spec.count));
        }
        let answer = ask.send().await.map_err(fault("ecs:UpdateService"))?;
        deployments::remember(cx, answer.service());
        Ok(())
    }

    /// By force: without it ECS refuses to remove a service that is scaled above nothing, or whose deployment is under way (field
    /// guide 7.3 item 6). Its tasks get the signal to stop all the same.
    async fn delete(&self, cx: &Cx, found: &Found<Spec>) -> Result<(), Fault> {
        let Some(now) = containers::service(cx, &found.id).await?.filter(|now| now.status() == Some("ACTIVE")) else { return Ok(()) };
        still_ours("ecs:DeleteService", cx, &found.addr, &found.id, &marks(now.tags()))?;
        let ask = cx.fleet.region(cx.region()?).ecs.delete_service();
        let ask = ask.cluster(cluster_of(&cx.owner.stack)).service(&found.id).force(true);
        maybe(ask.send().await.map_err(fault("ecs:DeleteService"))).map(drop)
    }

    async fn status(&self, cx: &Cx, _: &Addr, id: &str) -> Result<Status, Fault> {
        let Some(service) = containers::service(cx, id).await? else { return Ok(Status::Gone) };
        match service.status() {
            Some("ACTIVE") => match (judged(cx, &service, outputs_of(&service)), targets(cx, &service).await?) {
                (Status::Ready(_), Some(not_yet)) => Ok(Status::Settling(not_yet)),
                (status, _) => Ok(status),
            },
            _ => Ok(match life(&service) {
                Life::Leaving(now) | Life::Making(now) | Life::Broken(now) => Status::Settling(now),
                Life::Ready => Status::Ready(outputs_of(&service)),
            }),
        }
    }

    fn traffic(&self, found: &Found<Spec>) -> Traffic {
        if managed(&found.spec.running).is_some_and(|running| running > 0) { Traffic::Answers } else { Traffic::None }
    }

    async fn healthy(&self, cx: &Cx, found: &Found<Spec>) -> Result<Result<(), String>, Fault> {
        Ok(match self.status(cx, &found.addr, &found.id).await? {
            Status::Ready(_) => Ok(()),
            Status::Gone => Err("it is not there".to_owned()),
            Status::Settling(why) | Status::Unseen(why) | Status::Failed(why) | Status::Unhealthy(why) => Err(why),
        })
    }

    /// A count that is not the file's smallest, and allowed: autoscaling or a person set it.
    fn posture(&self, model: &Model, found: &[Found<Spec>]) -> Vec<Posture> {
        let item = |found: &Found<Spec>| {
            let (tasks, now) = (model.service(&found.addr.name, found.addr.region()?)?.tasks, managed(&found.spec.count)?);
            let is_scaled = matches!(count_wanted(tasks, Some(now)), Unmanaged::Any) && i64::from(now) != i64::from(tasks.min);
            let message = format!("between {} and {} tasks the count belongs to autoscaling, or to whoever set it", tasks.min, tasks.max);
            is_scaled.then(|| Posture::new("count", found.addr.clone(), Doc::from(tasks.min), Doc::from(now), message))
        };
        found.iter().filter(|found| found.ours).filter_map(item).collect()
    }
}
