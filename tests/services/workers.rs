//! A worker from nothing to running and back.
use serde_json::json;

use super::{action, doing, in_regions, worker};
use crate::support::{
    aws::{Aws, block_on},
    binary::Place,
    sandbox::strict,
};

const MORE: &str = "    tasks: { min: 2, max: 4 }
    environment: { KEPT: \"1\", DROPPED: \"2\" }
    uses: { tables: { Orders: read_write } }
    logs: { retention_days: 7 }
";
const SERVICE: &str = "us-east-1/ecs.service/worker";
const REVISION: &str = "us-east-1/ecs.task_definition/worker";

#[test]
fn a_worker_comes_up_changes_and_goes() {
    let place = Place::with(&worker(MORE));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    for (operation, code) in [("CreateCluster", "InvalidParameterException"), ("CreateService", "InvalidParameterException")] {
        assert!(strict().refusals(&place.account, operation, code) > 0, "{operation} was never refused");
    }
    let aws = Aws::new(&place.account, "us-east-1");
    let service = aws.service("shop-worker");
    assert_eq!((service.desired_count(), service.running_count()), (2, 2));
    let first = aws.running("shop-worker");
    let names = |definition: &aws_sdk_ecs::types::TaskDefinition| {
        definition.container_definitions()[0].environment().iter().filter_map(|pair| pair.name()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["AWS_REGION", "DROPPED", "KEPT"]);

    // A variable goes, the task grows, the log is kept longer.
    place.write(worker(&MORE.replace(", DROPPED: \"2\"", "").replace("7", "30")).replace("memory: 512", "memory: 1024"));
    let plan = place.plan(&[]);
    let changed = [(REVISION, "replace"), (SERVICE, "update"), ("us-east-1/logs.log_group/worker", "update")];
    assert!(changed.iter().all(|(addr, wanted)| action(&plan, addr) == *wanted), "{:#?}", doing(&plan));
    assert_eq!(doing(&plan).len(), changed.len(), "{:#?}", doing(&plan));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    let now = aws.running("shop-worker");
    assert_eq!((names(&now), now.memory()), (vec!["AWS_REGION".to_owned(), "KEPT".to_owned()], Some("1024")));
    assert_eq!(aws.revisions("shop-worker"), [now.task_definition_arn().unwrap()], "the old revision is still there");

    // A way that needs no new revision.
    place.write(worker(&format!("{MORE}    deployment: {{ minimum_healthy: 50, maximum: 150 }}\n")));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    assert_eq!(aws.service("shop-worker").deployment_configuration().unwrap().maximum_percent(), Some(150));

    place.destroy("shop");
    assert_eq!(block_on(aws.leftovers()), Vec::<String>::new());
}

#[test]
fn the_count_belongs_to_autoscaling_inside_what_the_file_allows() {
    let place = Place::with(&worker(MORE));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    let aws = Aws::new(&place.account, "us-east-1");
    let scale = |to| block_on(aws.ecs.update_service().cluster("shop").service("shop-worker").desired_count(to).send()).unwrap();
    scale(4);
    place.is_converged();
    let plan = place.plan(&[]);
    let item = &plan["posture"][0];
    assert_eq!((&item["id"], &item["wanted"], &item["found"]), (&json!(format!("count:{SERVICE}")), &json!(2), &json!(4)), "{plan:#}");
    for (outside, nearest) in [(9, 4), (1, 2)] {
        scale(outside);
        assert_eq!(action(&place.plan(&[]), SERVICE), "update");
        place.expect(0, &["apply", "--yes", "--no-sweep"]);
        place.is_converged();
        assert_eq!(aws.service("shop-worker").desired_count(), nearest);
    }
    place.destroy("shop");
}

#[test]
fn a_service_that_is_still_draining_is_waited_for() {
    let place = Place::with(&worker(MORE));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    // Somebody removes it; through the strict layer, which lets it drain.
    let config = crate::support::sandbox::config(&place.account);
    let config = config.to_builder().region(aws_types::region::Region::new("us-east-1")).build();
    let ecs = aws_sdk_ecs::Client::new(&config);
    block_on(ecs.delete_service().cluster("shop").service("shop-worker").force(true).send()).unwrap();
    let plan = place.plan(&[]);
    let step = plan["steps"].as_array().unwrap().iter().find(|step| step["address"] == SERVICE).unwrap();
    assert_eq!(step["action"], "create", "{step:#}");
    assert!(step["waiting"].as_str().unwrap_or_default().contains("DRAINING"), "{step:#}");
    block_on(ecs.describe_clusters().clusters("shop").send()).unwrap();
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    place.destroy("shop");
}

/// Tasks that run do not get a shell by themselves: those that are started after it do.
#[test]
fn a_shell_comes_with_a_deployment() {
    let place = Place::with(&worker(""));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    let forced = || {
        let updates = strict().updates_with(&place.account, "enableExecuteCommand");
        updates.iter().map(|(_, body)| body["forceNewDeployment"] == true).collect::<Vec<_>>()
    };
    place.write(worker("    exec: true\n"));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    assert_eq!(forced(), [true]);
    // Another revision brings its own deployment.
    place.write(worker("").replace("worker:1", "worker:2"));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    assert_eq!(forced(), [true, false]);
    place.destroy("shop");
}

/// ECS lists no services that drain. One that the file does not name any more is still there, and what its tasks use stays.
#[test]
fn a_service_that_drains_and_is_not_in_the_file_is_still_seen() {
    let other = "  other:\n    image: \"{account}.dkr.ecr.{region}.amazonaws.com/other:1\"\n    cpu: 256\n    memory: 512\n";
    let place = Place::with(&worker(other));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.write(worker(""));
    strict().be_slow(&place.account, "DeleteService", 40);
    let cut = place.run(&["--inject", "kill@1:after", "apply", "--yes", "--no-sweep"]);
    assert_eq!(cut.status.code(), None, "{}", String::from_utf8_lossy(&cut.stderr));
    let plan = place.plan(&[]);
    let step = |addr: &str| plan["steps"].as_array().unwrap().iter().find(|step| step["address"] == addr).cloned().unwrap_or_default();
    let service = step("us-east-1/ecs.service/other");
    assert_eq!(service["action"], "delete", "{plan:#}");
    assert!(service["waiting"].as_str().is_some_and(|now| now.contains("DRAINING")), "{service:#}");
    for addr in ["us-east-1/ecs.task_definition/other", "us-east-1/ec2.security_group/other"] {
        assert!(step(addr)["needs"].to_string().contains("ecs.service/other"), "{:#}", step(addr));
    }
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    place.destroy("shop");
}

/// An image is changed and the run is killed at every call, before and after AWS has done it.
#[test]
fn killed_anywhere_in_a_deployment_nothing_is_doubled() {
    let points: Vec<(u64, &str)> = (1..=6).flat_map(|call| [(call, "before"), (call, "after")]).collect();
    crate::support::binary::side_by_side(&points, |(call, side)| {
        let place = Place::with(&in_regions(&["us-east-1"], MORE));
        place.expect(0, &["apply", "--yes", "--no-sweep"]);
        place.write(worker(MORE).replace("worker:1", "worker:2"));
        place.run(&["--inject", &format!("kill@{call}:{side}"), "apply", "--yes", "--no-sweep"]);
        place.expect(0, &["apply", "--yes", "--no-sweep"]);
        place.is_converged();
        let aws = Aws::new(&place.account, "us-east-1");
        assert!(aws.image("shop-worker").ends_with("/worker:2"), "killed {side} call {call}");
        assert_eq!(aws.revisions("shop-worker").len(), 1, "killed {side} call {call}");
        place.run(&["--inject", &format!("kill@{call}:{side}"), "destroy", "--yes", "--confirm", "shop", "--allow-data-loss", "all"]);
        place.destroy("shop");
        assert_eq!(block_on(aws.leftovers()), Vec::<String>::new(), "killed {side} call {call}");
    });
}

/// With a port and a load balancer: the service comes after the listener, and the next plan is empty.
#[test]
fn a_service_behind_a_load_balancer_comes_up_and_goes() {
    const BALANCED: &str = "    port: 3000\n    certificate: none\n    grace_period: 30s\n";
    let place = Place::with(&worker(BALANCED));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    let aws = Aws::new(&place.account, "us-east-1");
    let service = aws.service("shop-worker");
    assert_eq!((service.load_balancers().len(), service.health_check_grace_period_seconds()), (1, Some(30)));
    place.write(worker(&BALANCED.replace("3000", "3001")));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    assert_eq!(aws.service("shop-worker").load_balancers()[0].container_port(), Some(3001));
    place.destroy("shop");
    assert_eq!(block_on(aws.leftovers()), Vec::<String>::new());
}
