//! What a deployment of ECS says of itself, held against the one that this run asked for.
//!
//! ECS rolls back the whole of what a service was before: revision, network and load balancers. So a deployment is known by its id
//! and not by its revision, and it has to have been seen: a read right after UpdateService may still show the one before.
use aws_sdk_ecs::types::{self, DeploymentRolloutState};
use jiff::Timestamp;

use crate::resource::{AskedFor, Cx, Outputs, Status};

/// How many of a service's events are worth showing.
const EVENTS: usize = 5;

/// The deployment that a service is on, or on its way to.
#[must_use]
pub fn primary(service: &types::Service) -> Option<&types::Deployment> {
    service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"))
}

/// When what a service runs was put there, or was last looked after by ECS.
#[must_use]
pub fn deployed_at(service: &types::Service) -> Option<Timestamp> {
    Timestamp::from_second(primary(service)?.updated_at()?.secs()).ok()
}

/// A deployment that ECS has given up on.
#[must_use]
pub fn is_failed(deployment: &types::Deployment) -> bool {
    deployment.rollout_state() == Some(&DeploymentRolloutState::Failed)
}

/// A deployment that ECS is still carrying out.
#[must_use]
pub fn is_under_way(deployment: &types::Deployment) -> bool {
    deployment.rollout_state() == Some(&DeploymentRolloutState::InProgress)
}

/// How far the deployment is, for the reader.
#[must_use]
pub fn progress(service: &types::Service) -> String {
    let Some(deployment) = primary(service) else { return "no deployment yet".to_owned() };
    let (now, of) = (deployment.running_count(), deployment.desired_count());
    let failed = if deployment.failed_tasks() > 0 { format!(", {} failed", deployment.failed_tasks()) } else { String::new() };
    format!("deploying {}: {now} of {of} tasks run{failed}", revision_of(deployment))
}

/// Remembers the deployment that AWS answered a create or a change with: it is the one that has to become ready.
pub fn remember(cx: &Cx, answered: Option<&types::Service>) {
    let answered = answered.and_then(|service| Some((service.service_arn()?, primary(service)?)));
    if let Some((arn, deployment)) = answered
        && let Some(id) = deployment.id()
    {
        cx.asked.remember(arn, id, revision_of(deployment));
    }
}

/// Where a service that runs stands, held against the deployment that this run asked for.
#[must_use]
pub fn judged(cx: &Cx, service: &types::Service, outputs: Outputs) -> Status {
    let Some(now) = primary(service) else { return Status::Settling(progress(service)) };
    let arn = service.service_arn().unwrap_or_default();
    if let Some(asked) = cx.asked.of(arn) {
        if service.deployments().iter().any(|deployment| deployment.id() == Some(&*asked.what)) {
            cx.asked.seen(arn);
        }
        if now.id() != Some(&*asked.what) {
            return gave_way(service, now, &asked);
        }
    }
    if is_failed(now) {
        return Status::Unhealthy(format!("ECS gave up on {}: {}", revision_of(now), why_failed(service, Some(now))));
    }
    if is_under_way(now) || service.running_count() < service.desired_count() || service.deployments().len() > 1 {
        return Status::Settling(progress(service));
    }
    Status::Ready(outputs)
}

/// Where a service stands whose primary deployment is not the one that was asked for: that one is not visible yet, ECS went back
/// on it, or somebody else has deployed since.
fn gave_way(service: &types::Service, now: &types::Deployment, asked: &AskedFor) -> Status {
    let of_ours = service.deployments().iter().find(|deployment| deployment.id() == Some(&*asked.what));
    // "(service api) (deployment ecs-svc/1) deployment failed: tasks failed to start.", which stays when the deployment has gone.
    let is_told = |event: &types::ServiceEvent| {
        event.message().is_some_and(|message| message.contains(&format!("{})", asked.what)) && message.contains("deployment failed"))
    };
    // "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/0."
    let is_rollback = now.rollout_state_reason().is_some_and(|reason| reason.contains("rolling back to"));
    let given_up =
        of_ours.is_some_and(is_failed) || service.events().iter().any(is_told) || (is_rollback && (asked.seen || of_ours.is_some()));
    if !given_up && !asked.seen && of_ours.is_none() {
        return Status::Settling(format!("the deployment of {} is not visible yet", asked.called));
    }
    let to = match revision_of(now) {
        same if same == asked.called => format!("what {same} ran with before"),
        other => other.to_owned(),
    };
    Status::Unhealthy(if given_up {
        format!("ECS gave up on {} and went back to {to}: {}", asked.called, why_failed(service, of_ours.filter(|ours| is_failed(ours))))
    } else {
        format!("somebody else has deployed {to} while {} was being deployed; a new plan shows what that means", asked.called)
    })
}

/// Why a deployment failed, in AWS's words, with the last events of its service: the cause stands there and nowhere else
/// (field guide 7.3 item 9).
fn why_failed(service: &types::Service, deployment: Option<&types::Deployment>) -> String {
    let reason = deployment.and_then(|deployment| deployment.rollout_state_reason()).filter(|reason| !reason.is_empty());
    let mut said = vec![reason.unwrap_or("the deployment failed and ECS gave no reason").to_owned()];
    said.extend(service.events().iter().take(EVENTS).filter_map(|event| event.message()).map(str::to_owned));
    said.join("; ")
}

/// `NAME:REVISION` of what a deployment runs, for the reader.
fn revision_of(deployment: &types::Deployment) -> &str {
    let arn = deployment.task_definition().unwrap_or_default();
    arn.rsplit('/').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use DeploymentRolloutState::{Completed, Failed, InProgress};

    use super::*;
    use crate::{aws::Fleet, topology::Model};

    fn deployment(id: &str, status: &str, state: DeploymentRolloutState, reason: &str) -> types::Deployment {
        let arn = "arn:aws:ecs:eu-west-1:1:task-definition/shop-api:1";
        let built = types::Deployment::builder().id(id).status(status).task_definition(arn);
        built.rollout_state(state).rollout_state_reason(reason).build()
    }

    fn service(deployments: Vec<types::Deployment>, event: Option<&str>) -> types::Service {
        let events = event.map(|message| types::ServiceEvent::builder().message(message).build());
        let built = types::Service::builder().service_arn("api").set_events(Some(events.into_iter().collect()));
        built.set_deployments(Some(deployments)).build()
    }

    /// What each of several reads in a row is taken for after `new` was asked for, where `old` ran.
    fn taken(reads: Vec<types::Service>) -> Vec<String> {
        let cx = Cx::new(Arc::new(Model::default()), Fleet::offline());
        remember(&cx, Some(&service(vec![deployment("new", "PRIMARY", InProgress, "")], None)));
        let word = |service: &types::Service| match judged(&cx, service, Outputs::default()) {
            Status::Ready(_) => "ready".to_owned(),
            Status::Settling(why) | Status::Unhealthy(why) => why,
            other => format!("{other:?}"),
        };
        reads.iter().map(word).collect()
    }

    #[test]
    fn a_read_from_before_is_neither_ready_nor_failed() {
        let before = |state| service(vec![deployment("old", "PRIMARY", state, "")], None);
        let after = service(vec![deployment("new", "PRIMARY", Completed, "")], None);
        let words = taken(vec![before(Completed), before(Failed), after]);
        assert!(words[..2].iter().all(|word| word.ends_with("not visible yet")), "{words:?}");
        assert_eq!(words[2], "ready");
    }

    #[test]
    fn the_same_revision_can_be_rolled_back() {
        let going = service(vec![deployment("new", "PRIMARY", InProgress, "")], None);
        let back = "ECS deployment circuit breaker: rolling back to deploymentId old.";
        let lost = deployment("new", "ACTIVE", Failed, "tasks failed to start.");
        for after in [
            service(vec![deployment("again", "PRIMARY", InProgress, back), lost], None),
            service(vec![deployment("again", "PRIMARY", InProgress, back)], None),
            service(vec![deployment("again", "PRIMARY", Completed, "")], Some("(service api) (deployment new) deployment failed: x")),
        ] {
            let words = taken(vec![going.clone(), after]);
            assert!(words[1].starts_with("ECS gave up on shop-api:1 and went back to what shop-api:1 ran with before"), "{words:?}");
        }
    }

    #[test]
    fn a_rollback_that_began_before_the_first_look_is_one() {
        let back = deployment("again", "PRIMARY", InProgress, "ECS deployment circuit breaker: rolling back to deploymentId old.");
        let words = taken(vec![service(vec![back, deployment("new", "ACTIVE", InProgress, "")], None)]);
        assert!(words[0].starts_with("ECS gave up on shop-api:1"), "{words:?}");
    }

    #[test]
    fn what_somebody_else_deploys_meanwhile_is_no_rollback() {
        let going = service(vec![deployment("new", "PRIMARY", InProgress, "")], None);
        let other = || deployment("theirs", "PRIMARY", InProgress, "ECS deployment theirs in progress.");
        for after in [service(vec![other(), deployment("new", "ACTIVE", InProgress, "")], None), service(vec![other()], None)] {
            let words = taken(vec![going.clone(), after]);
            assert!(words[1].starts_with("somebody else has deployed"), "{words:?}");
        }
    }
}
