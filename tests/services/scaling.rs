//! What scales the tasks of services, through the strict layer.
use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ServiceNamespace, TargetTrackingScalingPolicyConfiguration,
};

use super::{action, doing, in_regions, worker};
use crate::support::{
    aws::{Aws, block_on},
    binary::{Place, side_by_side},
    sandbox::strict,
};

const TARGET: &str = "us-east-1/applicationautoscaling.scalable_target/service/worker";
const POLICY: &str = "us-east-1/applicationautoscaling.scaling_policy/service/worker";
const SCALED: &str = "    tasks: { min: 2, max: 4 }\n    scale_on: { cpu: 50 }\n";

fn apply(place: &Place, text: &str) {
    place.write(text);
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
}

fn scaling(place: &Place) -> Vec<String> {
    let mut all = block_on(async { Aws::new(&place.account, "us-east-1").scaling().await });
    all.sort();
    all
}

/// Target and policy, as [`scaling`] shows them.
fn expected(limits: &str, policy: &str) -> [String; 2] {
    [limits, policy].map(|end| format!("service/shop/shop-worker ecs:service:DesiredCount {end}"))
}

/// What the policy counts at.
fn label(place: &Place) -> Option<String> {
    let scaling = Aws::new(&place.account, "us-east-1").autoscaling;
    let seen = block_on(scaling.describe_scaling_policies().service_namespace(ServiceNamespace::Ecs).send()).unwrap();
    let tracking = seen.scaling_policies()[0].target_tracking_scaling_policy_configuration().unwrap();
    tracking.predefined_metric_specification().unwrap().resource_label().map(str::to_owned)
}

#[test]
fn what_scales_a_service_comes_changes_and_goes_with_it() {
    let place = Place::with(&worker(SCALED));
    apply(&place, &worker(SCALED));
    assert_eq!(scaling(&place), expected("2-4", "shop-cpu 50"));

    // Limits, the value, the metric, each in place of the one before.
    for (text, limits, policy) in [
        (SCALED.replace("max: 4", "max: 6"), "2-6", "shop-cpu 50"),
        (SCALED.replace("min: 2", "min: 3"), "3-4", "shop-cpu 50"),
        (SCALED.replace("50", "70"), "2-4", "shop-cpu 70"),
        (SCALED.replace("cpu: 50", "memory: 60"), "2-4", "shop-memory 60"),
        (SCALED.to_owned(), "2-4", "shop-cpu 50"),
    ] {
        apply(&place, &worker(&text));
        assert_eq!(scaling(&place), expected(limits, policy));
    }

    // Not scaled any more, in both ways; the count stays what it is, between the limits.
    let aws = Aws::new(&place.account, "us-east-1");
    let set = |to| block_on(aws.ecs.update_service().cluster("shop").service("shop-worker").desired_count(to).send()).unwrap();
    set(4);
    for text in ["    tasks: { min: 2, max: 4 }\n", "    tasks: { min: 4, max: 4 }\n    scale_on: { cpu: 50 }\n"] {
        apply(&place, &worker(text));
        assert_eq!(scaling(&place), [""; 0]);
        assert_eq!(aws.service("shop-worker").desired_count(), 4);
        apply(&place, &worker(SCALED));
        assert_eq!(scaling(&place), expected("2-4", "shop-cpu 50"));
    }

    place.destroy("shop");
    assert_eq!(scaling(&place), [""; 0]);
    assert_eq!(block_on(aws.leftovers()), Vec::<String>::new());
    assert_eq!(strict().refusals(&place.account, "DeleteService", "InvalidParameterException"), 0, "its tasks came back");
    // The first target of an account finds the role not there yet with which AWS scales services; nothing else is refused.
    for (operation, refused) in [("RegisterScalableTarget", 1), ("PutScalingPolicy", 0)] {
        assert_eq!(strict().refusals(&place.account, operation, "ValidationException"), refused, "{operation}");
    }
}

#[test]
fn what_scales_waits_for_clients_and_goes_before_the_service() {
    let place = Place::with(&worker(SCALED));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    let plan = place.plan(&["--destroy"]);
    let needs = |addr: &str| {
        let step = plan["steps"].as_array().unwrap().iter().find(|step| step["address"] == addr).unwrap();
        step["needs"].as_array().unwrap().iter().filter_map(|one| one.as_str()).collect::<Vec<_>>()
    };
    for addr in [POLICY, TARGET] {
        assert!(needs(addr).contains(&"drain/us-east-1"), "{plan:#}");
    }
    assert!(needs(TARGET).contains(&POLICY) && needs("us-east-1/ecs.service/worker").contains(&TARGET), "{plan:#}");
    place.destroy("shop");
}

#[test]
fn requests_are_counted_at_the_load_balancer_of_the_moment() {
    let balanced = |more: &str| {
        let lines = "    port: 3000\n    certificate: none\n    deletion_protection: false\n    tasks: { min: 2, max: 4 }\n";
        worker(&format!("{lines}    scale_on: {{ requests_per_target: 500 }}\n{more}"))
    };
    let place = Place::with(&balanced(""));
    apply(&place, &balanced(""));
    assert_eq!(scaling(&place), expected("2-4", "shop-requests 500"));
    let first = label(&place).unwrap();
    assert!(first.starts_with("app/shop-worker/") && first.contains("/targetgroup/shop-worker/"), "{first}");

    // Another load balancer.
    apply(&place, &balanced("    load_balancer: internal\n"));
    let second = label(&place).unwrap();
    assert_ne!(first, second);
    assert_eq!(scaling(&place), expected("2-4", "shop-requests 500"));

    // Another metric, which is counted nowhere.
    apply(&place, &balanced("").replace("requests_per_target: 500", "memory: 40"));
    assert_eq!(scaling(&place), expected("2-4", "shop-memory 40"));
    assert_eq!(label(&place), None);
    place.destroy("shop");
    assert_eq!(scaling(&place), [""; 0]);
    assert_eq!(strict().refusals(&place.account, "PutScalingPolicy", "ValidationException"), 0);
}

/// Somebody's policies at a target of ours: the one on our metric is replaced, another one removed.
#[test]
fn a_policy_of_somebody_else_gives_way() {
    let place = Place::with(&worker(SCALED));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    let scaling_api = Aws::new(&place.account, "us-east-1").autoscaling;
    let put = |name: &str, metric: MetricType| {
        let metric = PredefinedMetricSpecification::builder().predefined_metric_type(metric).build().unwrap();
        let tracking =
            TargetTrackingScalingPolicyConfiguration::builder().target_value(10.0).predefined_metric_specification(metric).build().unwrap();
        let ask = scaling_api.put_scaling_policy().policy_name(name).service_namespace(ServiceNamespace::Ecs);
        let ask = ask.resource_id("service/shop/shop-worker").scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
        let ask = ask.policy_type(PolicyType::TargetTrackingScaling).target_tracking_scaling_policy_configuration(tracking);
        block_on(ask.send()).unwrap();
    };
    let remove = scaling_api.delete_scaling_policy().policy_name("shop-cpu").service_namespace(ServiceNamespace::Ecs);
    let remove = remove.resource_id("service/shop/shop-worker").scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
    block_on(remove.send()).unwrap();
    put("by-hand", MetricType::EcsServiceAverageCpuUtilization);
    put("memory", MetricType::EcsServiceAverageMemoryUtilization);
    let plan = place.plan(&[]);
    assert_eq!(action(&plan, POLICY), "replace", "{:#?}", doing(&plan));
    assert_eq!(action(&plan, &format!("{POLICY}/memory")), "delete", "{:#?}", doing(&plan));
    assert_eq!(doing(&plan).len(), 2, "{:#?}", doing(&plan));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    assert_eq!(scaling(&place), expected("2-4", "shop-cpu 50"));

    place.destroy("shop");
}

/// Application Auto Scaling keeps what it has for a service that is gone: it is ours still.
#[test]
fn what_a_service_leaves_behind_is_made_anew_or_removed() {
    let place = Place::with(&worker(SCALED));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    let aws = Aws::new(&place.account, "us-east-1");
    let remove = || block_on(aws.ecs.delete_service().cluster("shop").service("shop-worker").force(true).send()).unwrap();
    remove();
    let plan = place.plan(&[]);
    assert_eq!((action(&plan, TARGET), action(&plan, POLICY)), ("replace", "replace"), "{:#?}", doing(&plan));
    apply(&place, &worker(SCALED));
    assert_eq!(scaling(&place), expected("2-4", "shop-cpu 50"));
    remove();
    place.destroy("shop");
    assert_eq!(scaling(&place), [""; 0]);
}

#[test]
fn each_region_has_its_own_limits() {
    let own = format!("{SCALED}    per_region: {{ us-west-2: {{ tasks: {{ max: 9 }} }} }}\n");
    let place = Place::with(&in_regions(&["us-east-1", "us-west-2"], &own));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    let other = || block_on(async { Aws::new(&place.account, "us-west-2").scaling().await });
    assert!(other().iter().any(|line| line.ends_with(" 2-9")), "{:?}", other());
    assert_eq!(scaling(&place), expected("2-4", "shop-cpu 50"));
    // The service leaves a region.
    apply(&place, &in_regions(&["us-east-1", "us-west-2"], &format!("{SCALED}    regions: [us-east-1]\n")));
    assert_eq!(other(), [""; 0]);
    place.destroy("shop");
}

/// The metric changes and the run is killed at each call, before and after AWS has done it; so is the removal after that.
#[test]
fn killed_anywhere_one_policy_is_left() {
    let points: Vec<(u64, &str)> = (1..=2).flat_map(|call| [(call, "before"), (call, "after")]).collect();
    side_by_side(&points, |(call, side)| {
        let place = Place::with(&worker(SCALED));
        place.expect(0, &["apply", "--yes", "--no-sweep"]);
        place.write(worker(&SCALED.replace("cpu: 50", "memory: 60")));
        let kill = format!("kill@{call}:{side}");
        place.run(&["--inject", &kill, "apply", "--yes", "--no-sweep"]);
        place.expect(0, &["apply", "--yes", "--no-sweep"]);
        place.is_converged();
        assert_eq!(scaling(&place), expected("2-4", "shop-memory 60"), "{kill}");
        place.run(&["--inject", &kill, "destroy", "--yes", "--confirm", "shop", "--allow-data-loss", "all"]);
        place.destroy("shop");
        assert_eq!(scaling(&place), [""; 0], "{kill}");
    });
}
