use super::*;
use crate::view::human::sample;

fn text(of: &Plan, full: bool) -> String {
    let styled = plan(of, PlanView { full, width: 100 });
    anstream::adapter::strip_str(&styled).to_string()
}

#[test]
fn a_new_stack_is_folded_over_its_regions() {
    insta::assert_snapshot!(text(&sample::create(), false), @r"
    Stack shop in account 123456789012
      us-east-1  answered
      eu-west-1  answered

    In every region (us-east-1, eu-west-1)
      + ec2.vpc/main
          dns_hostnames: true, dns_support: true
          cidr: 10.10.0.0/16 in us-east-1; 10.20.0.0/16 in eu-west-1
      + ec2.subnet/private-1
          public: false, vpc: (known after {region}/ec2.vpc/main)
          cidr: 10.10.0.0/19 in us-east-1; 10.20.0.0/19 in eu-west-1
          zone: use1-az1 in us-east-1; euw1-az1 in eu-west-1
      + dynamodb.table/Orders
          billing: on_demand, deletion_protection: true, name: shop-Orders, partition_key.name: orderId,
          partition_key.type: string, password: (secret), point_in_time_recovery: true

    In us-east-1
      + sns.topic/alerts
          name: shop-alerts

    Plan: 7 to create, 0 to change, 0 to replace, 0 to delete; 0 unchanged.
    ");
}

#[test]
fn full_unfolds_and_lists_what_is_kept() {
    let shown = text(&sample::create(), true);
    assert!(shown.contains("(known after eu-west-1/ec2.vpc/main)"), "{shown}");
    assert!(!shown.contains("In every region"), "{shown}");
    insta::assert_snapshot!(text(&sample::empty(), true), @r"
    Stack shop in account 123456789012
      us-east-1  answered
      eu-west-1  answered

    In us-east-1
      = ec2.vpc/main
      = ec2.subnet/private-1

    In eu-west-1
      = ec2.vpc/main
      = ec2.subnet/private-1

    No changes. 2 regions, 4 resources match the topology.
    ");
}

#[test]
fn what_is_dangerous_stands_apart() {
    insta::assert_snapshot!(text(&sample::change_all(), false), @r"
    Stack shop in account 123456789012
      us-east-1  answered
      eu-west-1  answered

    In every region (us-east-1, eu-west-1)
      ~ dynamodb.table/Orders
          point_in_time_recovery: false → true
          tags.team: payments → checkout
          tags.old: x → (none)

    In us-east-1
      ! dynamodb.table/Carts  it carries no mark of this stack; to take it over: mrctl apply --adopt us-east-1/dynamodb.table/Carts

    In eu-west-1
      ~ ec2.route_table/public
          routes.0.0.0.0/0: nat-0a1 → (known after eu-west-1/ec2.internet_gateway/main)
      > ec2.vpc/main  waits: AWS says pending

    Will be deleted or replaced
      In us-east-1
        ± ec2.subnet/private-1  AWS cannot change cidr in place
            cidr: 10.10.0.0/19 → 10.10.32.0/19
      In eu-west-1
        - dynamodb.table/Sessions  the file no longer has it
            deletion protection is lifted just before

    Traffic first
      drain/eu-west-1  clients let go of eu-west-1 before what serves there is removed
      gate/us-east-1  opens when: service api is healthy, no alarm is on; bakes 2m; the next region waits for it

    Posture: set by others, shown, never undone by a plan
      ap-south-1/dynamodb.table/Orders: a replica that neither the file names nor our mark covers (the file says (none), AWS shows ACTIVE)
        id member:ap-south-1/dynamodb.table/Orders

    error[plan::quota]: us-east-1/ec2.vpc/main: 5 of 5 VPCs are in use
    warning[topology::not-built-yet]: line 12: nat_gateways is not built yet
      help: services in private subnets reach nothing outside until then

    Refused: data would be lost
      eu-west-1/dynamodb.table/Sessions would be deleted with its data
    Nothing at all is written while this stands. Where the data may go, say so by name:
      --allow-data-loss eu-west-1/dynamodb.table/Sessions

    Plan: 0 to create, 3 to change, 1 to replace, 1 to delete, 1 to wait for; 1 unchanged; 1 left alone.
    Refused as it stands: apply with the same flags writes nothing and ends with exit code 8.
    There are errors above: nothing is written until they are mended.
    ");
}

#[test]
fn a_dead_region_is_held() {
    insta::assert_snapshot!(text(&sample::held(), false), @r"
    Stack shop in account 123456789012
      us-east-1   answered
      eu-west-1   did not answer: no answer within 10 s
      me-south-1  not searched: no answer within 5 s (not in the file)

    In us-east-1
      ? ec2.vpc_peering/eu-west-1  needs a fact of eu-west-1

    ? eu-west-1 did not answer: no answer within 10 s
      Its 2 resources are held: nothing is changed there, and nothing is inferred as deleted.
      The other regions are planned, and there is nothing to apply in them now.

    No changes can be made now: 1 unchanged; 3 held.
    ");
}

/// What the dead regions leave of a plan is said as it is, once.
#[test]
fn the_rest_of_a_plan_with_a_dead_region_is_not_promised_when_it_cannot_be_applied() {
    let last_of_held = |plan: &Plan| {
        let text = text(plan, false);
        let held: Vec<&str> =
            text.split("\n\n").find(|block| block.contains("did not answer") && block.contains("held")).unwrap().lines().collect();
        assert_eq!(text.matches("planned").count(), 1, "{text}");
        held.last().unwrap().trim().to_owned()
    };
    let mut plan = sample::held();
    plan.steps.push(sample::step("us-east-1/dynamodb.table/Carts", Action::Create));
    assert_eq!(last_of_held(&plan), "The other regions are planned and can be applied; that run then ends with exit code 5.");
    plan.refusals = sample::change_all().refusals;
    assert_eq!(last_of_held(&plan), "The other regions are planned.");
    plan.refusals.clear();
    plan.findings = sample::change_all().findings;
    assert_eq!(last_of_held(&plan), "The other regions are planned.");
    let mut plan = sample::held();
    let dead = plan.regions[&Region::new(sample::EU)].clone();
    plan.regions.insert(Region::new(sample::US), dead);
    assert_eq!(last_of_held(&plan), "No region answered: nothing can be planned or applied now.");
    plan.steps.push(sample::step("global/route53.health_check/api", Action::Create));
    assert_eq!(last_of_held(&plan), "What has no region is planned and can be applied; that run then ends with exit code 5.");
}

#[test]
fn nothing_to_do_is_one_line() {
    insta::assert_snapshot!(text(&sample::empty(), false), @r"
    Stack shop in account 123456789012
      us-east-1  answered
      eu-west-1  answered

    No changes. 2 regions, 4 resources match the topology.
    ");
}

#[test]
fn a_removal_folds_and_says_what_it_lifts() {
    let mut plan = sample::empty();
    plan.destroy = true;
    for step in &mut plan.steps {
        step.action = Action::Delete;
        step.want = None;
        step.why = "everything is to go".into();
    }
    for region in [sample::US, sample::EU] {
        let mut table = sample::step(&format!("{region}/dynamodb.table/Orders"), Action::Delete);
        table.changes = vec![sample::change("deletion_protection", true.into(), false.into())];
        plan.steps.push(table);
    }
    insta::assert_snapshot!(text(&plan, false), @r"
    Removal of stack shop in account 123456789012
      us-east-1  answered
      eu-west-1  answered

    Will be deleted
      In every region (us-east-1, eu-west-1)
        - ec2.vpc/main
        - ec2.subnet/private-1
        - dynamodb.table/Orders
            deletion protection is lifted just before

    Plan: 0 to create, 0 to change, 0 to replace, 6 to delete; 0 unchanged.
    ");
    plan.steps.clear();
    insta::assert_snapshot!(text(&plan, false), @r"
    Removal of stack shop in account 123456789012
      eu-west-1  answered
      us-east-1  answered

    Nothing to remove: 2 regions hold nothing of stack shop.
    ");
}

#[test]
fn a_part_of_the_regions_folds_too() {
    let mut plan = sample::plan_of(vec![]);
    let state = plan.regions.values().next().unwrap().clone();
    plan.regions.insert(Region::new("ap-south-1"), state);
    for (region, size) in [(sample::US, 5), (sample::EU, 5), ("ap-south-1", 7)] {
        let mut table = sample::step(&format!("{region}/dynamodb.table/A"), Action::Update);
        table.changes = vec![sample::change("capacity", 1.into(), size.into())];
        plan.steps.push(table);
    }
    let mut both: Vec<Step> = plan.steps[..2].to_vec();
    both.iter_mut().for_each(|step| step.addr.name = "B".into());
    plan.steps.extend(both);
    insta::assert_snapshot!(text(&plan, false), @r"
    Stack shop in account 123456789012
      us-east-1   answered
      eu-west-1   answered
      ap-south-1  answered

    In every region (us-east-1, eu-west-1, ap-south-1)
      ~ dynamodb.table/A
          capacity: 1 → 5 in us-east-1, eu-west-1; 1 → 7 in ap-south-1

    In us-east-1, eu-west-1
      ~ dynamodb.table/B
          capacity: 1 → 5

    Plan: 0 to create, 5 to change, 0 to replace, 0 to delete; 0 unchanged.
    ");
}

#[test]
fn styles_are_there_to_be_stripped() {
    assert!(plan(&sample::create(), PlanView::default()).contains("\u{1b}[32m+"));
}
