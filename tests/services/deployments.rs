//! Deployments that do not get healthy.
use super::{action, doing, in_regions, worker};
use crate::support::{aws::Aws, binary::Place, sandbox::strict};

const SERVICE: &str = "us-east-1/ecs.service/worker";
const REVISION: &str = "us-east-1/ecs.task_definition/worker";

#[test]
fn a_rolled_back_deployment_is_a_gate_and_is_proposed_again() {
    let place = Place::with(&worker(""));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    let (aws, next) = (Aws::new(&place.account, "us-east-1"), worker("").replace("worker:1", "worker:2"));
    place.write(&next);
    strict().let_fail(&place.account, "UpdateService");
    let said = place.expect(6, &["apply", "--yes", "--no-sweep"]);
    for text in ["ECS gave up on shop-worker:2", "went back to shop-worker:1", "circuit breaker", "CannotPullContainerError"] {
        assert!(said.contains(text), "`{text}` is not said: {said}");
    }
    assert!(aws.image("shop-worker").ends_with("/worker:1"));
    let plan = place.plan(&[]);
    assert_eq!(action(&plan, SERVICE), "update", "{:#?}", doing(&plan));

    // The file as it was: the new revision goes, the service is not touched.
    place.write(worker(""));
    let plan = place.plan(&[]);
    assert_eq!(doing(&plan).iter().map(|(_, action)| *action).collect::<Vec<_>>(), ["delete"], "{:#?}", doing(&plan));
    place.write(&next);
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    assert!(aws.image("shop-worker").ends_with("/worker:2"));
    assert_eq!(aws.revisions("shop-worker").len(), 1);
    place.destroy("shop");
}

/// ECS rolls back subnets and targets, too: the revision stays the same all the way.
#[test]
fn a_change_without_a_new_revision_that_is_rolled_back_is_not_done() {
    let place = Place::with(&worker(""));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    let (aws, next) = (Aws::new(&place.account, "us-east-1"), worker("").replace("availability_zones: 2", "availability_zones: 3"));
    let subnets = || {
        let network = aws.service("shop-worker").network_configuration.unwrap();
        network.awsvpc_configuration().unwrap().subnets().len()
    };
    place.write(&next);
    strict().let_fail(&place.account, "UpdateService");
    let said = place.expect(6, &["apply", "--yes", "--no-sweep"]);
    for text in ["ECS gave up on shop-worker:1", "went back to what shop-worker:1 ran with before", "circuit breaker"] {
        assert!(said.contains(text), "`{text}` is not said: {said}");
    }
    assert_eq!(subnets(), 2);
    assert_eq!(action(&place.plan(&[]), SERVICE), "update");
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    assert_eq!(subnets(), 3);
    place.destroy("shop");
}

#[test]
fn a_first_deployment_that_failed_is_deployed_again() {
    let place = Place::with(&worker(""));
    strict().let_fail(&place.account, "CreateService");
    let said = place.expect(6, &["apply", "--yes", "--no-sweep"]);
    assert!(said.contains("ECS gave up on shop-worker:1") && said.contains("circuit breaker"), "{said}");
    let plan = place.plan(&[]);
    assert_eq!(doing(&plan), [(SERVICE, "update")], "{plan:#}");
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    place.destroy("shop");
}

/// A run was killed while a deployment was under way that will not end soon.
fn under_way() -> Place {
    let place = Place::with(&worker(""));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.write(worker("").replace("worker:1", "worker:2"));
    strict().be_slow(&place.account, "UpdateService", u8::MAX);
    // A revision is registered, the service moves to it.
    place.run(&["--inject", "kill@2:after", "apply", "--yes", "--no-sweep"]);
    // The first read after it does not show the deployment yet.
    place.plan(&[]);
    let plan = place.plan(&[]);
    let step = plan["steps"].as_array().unwrap().iter().find(|step| step["address"] == SERVICE).unwrap();
    assert!(step["waiting"].as_str().is_some_and(|now| now.contains("deploying shop-worker:2")), "{step:#}");
    strict().be_slow(&place.account, "UpdateService", 2);
    place
}

#[test]
fn a_corrected_file_does_not_wait_for_the_deployment_that_it_corrects() {
    let place = under_way();
    let aws = Aws::new(&place.account, "us-east-1");
    place.write(worker("").replace("worker:1", "worker:3"));
    let plan = place.plan(&[]);
    assert_eq!((action(&plan, SERVICE), action(&plan, REVISION)), ("update", "replace"), "{:#?}", doing(&plan));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    assert!(aws.image("shop-worker").ends_with("/worker:3"));
    assert_eq!(aws.revisions("shop-worker").len(), 1);
    place.destroy("shop");
}

#[test]
fn a_service_goes_without_waiting_for_its_deployment() {
    let place = under_way();
    let plan = place.plan(&["--destroy"]);
    let step = plan["steps"].as_array().unwrap().iter().find(|step| step["address"] == SERVICE).unwrap();
    assert_eq!((&step["action"], step.get("waiting").and_then(|now| now.as_str())), (&"delete".into(), None), "{step:#}");
    place.destroy("shop");
    assert_eq!(strict().refusals(&place.account, "DeleteService", "InvalidParameterException"), 0);
}

#[test]
fn a_failed_gate_leaves_later_regions_as_they_were() {
    let regions = ["us-east-1", "eu-west-1", "ap-southeast-2"];
    let place = Place::with(&in_regions(&regions, ""));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    place.write(in_regions(&regions, "").replace("worker:1", "worker:2"));
    let plan = place.plan(&[]);
    let needs = |addr: &str| {
        let step = plan["steps"].as_array().unwrap().iter().find(|step| step["address"] == addr).unwrap();
        step["needs"].to_string()
    };
    assert!(needs("eu-west-1/ecs.service/worker").contains("gate/us-east-1"), "{plan:#}");
    assert!(needs("ap-southeast-2/ecs.task_definition/worker").contains("gate/eu-west-1"), "{plan:#}");
    strict().let_fail_in(&place.account, "UpdateService", "eu-west-1");
    let said = place.expect(6, &["apply", "--yes", "--no-sweep"]);
    assert!(said.contains("eu-west-1/ecs.service/worker"), "{said}");
    let image = |region: &str| Aws::new(&place.account, region).image("shop-worker").rsplit(':').next().unwrap().to_owned();
    assert_eq!(regions.map(image), ["2", "1", "1"]);
    assert_eq!(Aws::new(&place.account, "ap-southeast-2").revisions("shop-worker").len(), 1);
    let plan = place.plan(&[]);
    assert_eq!(action(&plan, REVISION), "keep");
    assert_eq!(action(&plan, "ap-southeast-2/ecs.task_definition/worker"), "replace");
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    assert_eq!(regions.map(image), ["2", "2", "2"]);
    place.destroy("shop");
}
