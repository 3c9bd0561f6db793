//! An image that a pipeline owns.
use std::sync::Arc;

use aws_sdk_ecs::types::{ContainerDefinition, KeyValuePair};
use mrctl::{
    resource::{Cx, Region, Scope},
    topology::load,
};
use serde_json::json;

use super::{action, doing, written};
use crate::support::{
    aws::{Aws, block_on},
    binary::{Place, side_by_side},
    sandbox,
};

const REVISION: &str = "us-east-1/ecs.task_definition/worker";

fn owned(memory: u32) -> String {
    let image = "    image: { owner: ci, first: \"{account}.dkr.ecr.{region}.amazonaws.com/worker:1\" }\n";
    written(&["us-east-1"], &format!("{image}    cpu: 256\n    memory: {memory}\n"))
}

/// What a pipeline does: the same revision with another image, and no marks.
fn deploy(aws: &Aws, image: &str) -> String {
    deploy_with(aws, image, |_| {})
}

/// A pipeline that changes more than the image: `change` is given the containers.
fn deploy_with(aws: &Aws, image: &str, change: impl Fn(&mut Vec<ContainerDefinition>)) -> String {
    let now = aws.running("shop-worker");
    let mut containers = vec![now.container_definitions()[0].clone()];
    containers[0].image = Some(image.to_owned());
    change(&mut containers);
    let ask = aws.ecs.register_task_definition().family("shop-worker").set_network_mode(now.network_mode.clone());
    let ask = ask.set_requires_compatibilities(now.requires_compatibilities.clone()).set_runtime_platform(now.runtime_platform.clone());
    let ask = ask.set_cpu(now.cpu.clone()).set_memory(now.memory.clone()).set_task_role_arn(now.task_role_arn.clone());
    let ask = ask.set_execution_role_arn(now.execution_role_arn.clone()).set_container_definitions(Some(containers));
    let arn = block_on(ask.send()).unwrap().task_definition.unwrap().task_definition_arn.unwrap();
    block_on(aws.ecs.update_service().cluster("shop").service("shop-worker").task_definition(&arn).send()).unwrap();
    arn
}

#[test]
fn what_a_pipeline_deployed_stays() {
    let place = Place::with(&owned(512));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    let aws = Aws::new(&place.account, "us-east-1");
    let first = aws.image("shop-worker");
    assert!(first.ends_with("/worker:1"), "{first}");
    let deployed = deploy(&aws, "example.com/worker:2");

    let plan = place.plan(&[]);
    let item = plan["posture"].as_array().unwrap().iter().find(|item| item["id"] == format!("image:{REVISION}")).unwrap();
    assert_eq!((&item["wanted"], &item["found"]), (&json!(first), &json!("example.com/worker:2")));
    // Only our marks are to be put on it.
    assert_eq!(doing(&plan), [(REVISION, "update")], "{plan:#}");
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    assert_eq!(aws.service("shop-worker").task_definition(), Some(&*deployed));

    // What the file says of the rest comes with the pipeline's image.
    place.write(owned(1024));
    assert_eq!(action(&place.plan(&[]), REVISION), "replace");
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    let now = aws.running("shop-worker");
    assert_eq!((now.memory(), &*aws.image("shop-worker")), (Some("1024"), "example.com/worker:2"));
    place.destroy("shop");
    assert_eq!(block_on(aws.leftovers()), Vec::<String>::new());
}

/// A revision of a pipeline that has more than another image is drift; its image is kept all the same, and production never goes
/// back to an older one.
#[test]
fn the_image_that_runs_stays_also_where_a_pipeline_changed_more() {
    let variable = |containers: &mut Vec<ContainerDefinition>| {
        let more = KeyValuePair::builder().name("ZONE").value("a").build();
        containers[0].environment.get_or_insert_default().push(more);
    };
    let sidecar = |containers: &mut Vec<ContainerDefinition>| {
        containers.push(ContainerDefinition::builder().name("agent").image("example.com/agent:1").essential(false).build());
    };
    type Change = dyn Fn(&mut Vec<ContainerDefinition>) + Sync;
    let changes: [&Change; 2] = [&variable, &sidecar];
    side_by_side(&changes, |change| {
        let place = Place::with(&owned(512));
        place.expect(0, &["apply", "--yes", "--no-sweep"]);
        let aws = Aws::new(&place.account, "us-east-1");
        deploy_with(&aws, "example.com/worker:2", change);
        place.expect(0, &["apply", "--yes", "--no-sweep"]);
        place.is_converged();
        assert_eq!(aws.image("shop-worker"), "example.com/worker:2");
        let now = aws.running("shop-worker");
        assert_eq!((now.container_definitions().len(), now.container_definitions()[0].environment().len()), (1, 1), "{now:#?}");
        assert_eq!(aws.revisions("shop-worker").len(), 1);
        place.destroy("shop");
    });
}

/// A pipeline leaves its revisions behind, and another stack has families that begin like ours. Each is a call to read.
#[test]
fn what_a_pipeline_left_behind_is_not_read_one_by_one() {
    let place = Place::with(&owned(512));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    let aws = Aws::new(&place.account, "us-east-1");
    let first = aws.revisions("shop-worker").remove(0);
    let container = || ContainerDefinition::builder().name("worker").image("example.com/worker:9").build();
    for family in ["shop-worker", "shop-b-worker"] {
        for _ in 0..12 {
            let ask = aws.ecs.register_task_definition().family(family).container_definitions(container());
            block_on(ask.send()).unwrap();
        }
    }
    let (model, _) = load("topology.yaml", owned(512).as_bytes()).expect("a valid file");
    let (kinds, (fleet, recorder)) = (mrctl::kinds::all(), sandbox::fleet(&place.account));
    let cx = Cx::new(Arc::new(model), fleet).at(&Scope::from(&Region::new("us-east-1")));
    let found = block_on(kinds.get("ecs.task_definition").unwrap().observe(&cx)).unwrap();
    assert_eq!(found.iter().map(|one| (&*one.id, one.ours)).collect::<Vec<_>>(), [(&*first, true)]);
    let reads = recorder.calls().iter().filter(|call| call.operation == "DescribeTaskDefinition").count();
    assert_eq!(reads, 11, "the latest five of each, and the one that runs");

    // Nothing else goes.
    place.expect(0, &["destroy", "--yes", "--confirm", "shop", "--allow-data-loss", "all", "--no-sweep"]);
    let left = aws.revisions("shop-");
    assert_eq!(left.len(), 24, "{left:?}");
}

/// The cleanup of a pipeline takes the revision with our marks away; what the service runs has none.
#[test]
fn what_our_service_runs_is_ours_also_when_no_revision_has_our_marks() {
    let place = Place::with(&owned(512));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    let aws = Aws::new(&place.account, "us-east-1");
    let first = aws.revisions("shop-worker").remove(0);
    let deployed = deploy(&aws, "example.com/worker:2");
    block_on(aws.ecs.deregister_task_definition().task_definition(&first).send()).unwrap();
    block_on(aws.ecs.delete_task_definitions().task_definitions(&first).send()).unwrap();
    let plan = place.plan(&[]);
    assert_eq!(doing(&plan), [(REVISION, "update")], "{plan:#}");
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    assert_eq!(aws.service("shop-worker").task_definition(), Some(&*deployed));
    place.destroy("shop");
    assert_eq!(block_on(aws.leftovers()), Vec::<String>::new());
}
