//! An image that a pipeline owns.
use serde_json::json;

use super::{action, doing, written};
use crate::support::{
    aws::{Aws, block_on},
    binary::Place,
};

const REVISION: &str = "us-east-1/ecs.task_definition/worker";

fn owned(memory: u32) -> String {
    let image = "    image: { owner: ci, first: \"{account}.dkr.ecr.{region}.amazonaws.com/worker:1\" }\n";
    written(&["us-east-1"], &format!("{image}    cpu: 256\n    memory: {memory}\n"))
}

/// What a pipeline does: the same revision with another image, and no marks.
fn deploy(aws: &Aws, image: &str) -> String {
    let now = aws.running("shop-worker");
    let mut container = now.container_definitions()[0].clone();
    container.image = Some(image.to_owned());
    let ask = aws.ecs.register_task_definition().family("shop-worker").set_network_mode(now.network_mode.clone());
    let ask = ask.set_requires_compatibilities(now.requires_compatibilities.clone()).set_runtime_platform(now.runtime_platform.clone());
    let ask = ask.set_cpu(now.cpu.clone()).set_memory(now.memory.clone()).set_task_role_arn(now.task_role_arn.clone());
    let ask = ask.set_execution_role_arn(now.execution_role_arn.clone()).container_definitions(container);
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
