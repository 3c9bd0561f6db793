use std::time::Duration;

use super::*;
use crate::{
    apply::Tally,
    resource::Class,
    view::human::sample::{self, addr},
};

fn text(plan: &Plan, outcome: &Outcome, verbose: bool) -> String {
    let calls = Calls {
        by_service: [("ec2".to_owned(), 40), ("dynamodb".to_owned(), 12)].into(),
        by_operation: [
            (("us-east-1".to_owned(), "ec2:DescribeVpcs".to_owned()), 40),
            (("eu-west-1".to_owned(), "dynamodb:DescribeTable".to_owned()), 12),
        ]
        .into(),
    };
    let left = ["secret shop/aurora/main: in its recovery window of 7 days".to_owned()];
    let left: &[String] = if plan.destroy { &left } else { &[] };
    anstream::adapter::strip_str(&summary(&Ending { plan, outcome, calls: &calls, left, verbose })).to_string()
}

fn outcome(exists: &[&str]) -> Outcome {
    Outcome {
        tally: Tally { done: 7, ..Tally::default() },
        stopped: None,
        exists: exists.iter().map(|address| (addr(address), "id-1".to_owned())).collect(),
        to_do: Vec::new(),
        left: Vec::new(),
        failures: vec![],
        elapsed: Duration::from_secs(83),
    }
}

#[test]
fn a_good_end_counts_what_exists() {
    let there = ["us-east-1/ec2.vpc/main", "us-east-1/ec2.subnet/private-1", "us-east-1/ec2.subnet/private-2", "eu-west-1/ec2.vpc/main"];
    insta::assert_snapshot!(text(&sample::create(), &outcome(&there), true), @r"
    What exists now
      us-east-1  3 resources: 2 ec2.subnet, 1 ec2.vpc
      eu-west-1  1 resource: 1 ec2.vpc

    AWS calls: 52 (dynamodb 12, ec2 40)
      eu-west-1  dynamodb:DescribeTable     12
      us-east-1  ec2:DescribeVpcs           40

    Apply complete in 1m 23s: 7 done.
    ");
}

#[test]
fn a_bad_end_says_what_to_do_next() {
    let mut bad = outcome(&["us-east-1/ec2.vpc/main"]);
    let mut fault = Fault::new("ec2:DeleteVpc", Class::InUse, "has dependencies: network interface eni-1");
    fault.code = Some("DependencyViolation".into());
    fault.request_id = Some("r-1".into());
    bad.failures = vec![(addr("us-east-1/ec2.vpc/main"), fault)];
    bad.tally = Tally { done: 5, failed: 1, skipped: 2, left: 0 };
    let mut plan = sample::empty();
    plan.destroy = true;
    insta::assert_snapshot!(text(&plan, &bad, false), @r"
    What exists now
      us-east-1  1 resource: 1 ec2.vpc

    Left as it is
      secret shop/aurora/main: in its recovery window of 7 days

    Failed
      us-east-1/ec2.vpc/main
        ec2:DeleteVpc failed with DependencyViolation
        has dependencies: network interface eni-1
        request id: r-1
        there now: id-1
        help: remove what still uses it, then run the same command again

    AWS calls: 52 (dynamodb 12, ec2 40)

    Removal failed after 1m 23s: 5 done, 1 failed, 2 not tried because of that.
    next: mend what failed as said above, then run the same command again; it goes on from what exists.
    ");
}

#[test]
fn a_stopped_and_a_held_end() {
    let mut stopped = outcome(&[]);
    stopped.stopped = Some(Stop::Interrupted);
    stopped.tally.left = 4;
    insta::assert_snapshot!(text(&sample::create(), &stopped, false), @r"
    AWS calls: 52 (dynamodb 12, ec2 40)

    Apply stopped after 1m 23s (interrupted): 7 done, 4 not started.
    next: run the same command again; it goes on from what exists.
    ");
    insta::assert_snapshot!(text(&sample::held(), &outcome(&["us-east-1/ec2.vpc/main"]), false), @r"
    What exists now
      us-east-1  1 resource: 1 ec2.vpc

    Left as it is
      eu-west-1: 2 resources held, untouched
      us-east-1: 1 resource held, untouched

    AWS calls: 52 (dynamodb 12, ec2 40)

    Apply complete in 1m 23s where AWS answered: 7 done, 3 held.
    next: see above what each is held for; run the same command again when that has changed.
    ");
}
