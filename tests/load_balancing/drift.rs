//! What somebody did by hand, and what is somebody else's.
use aws_sdk_ec2::types::{IpPermission, IpRange};
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, FixedResponseActionConfig, ProtocolEnum, RuleCondition};

use super::{action, api, clients};
use crate::support::{aws::block_on, binary::Place};

fn fixed() -> Action {
    let config = FixedResponseActionConfig::builder().status_code("503").build();
    Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(config).build()
}

#[test]
fn listeners_and_rules_that_nobody_wants_go_and_rules_of_listeners_stay() {
    let world = Place::new();
    world.write(api("certificate: none", ""));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    let all = clients(&world.account);
    let client = &all.load_balancing;
    let seen = block_on(client.describe_load_balancers().names("shop-api").send()).unwrap();
    let arn = seen.load_balancers()[0].load_balancer_arn().unwrap();
    let http = block_on(client.describe_listeners().load_balancer_arn(arn).send()).unwrap().listeners()[0].clone();
    let on = http.listener_arn().unwrap();

    let condition = RuleCondition::builder().field("path-pattern").values("/old/*").build();
    block_on(client.create_rule().listener_arn(on).priority(5).conditions(condition).actions(fixed()).send()).unwrap();
    world.is_converged();

    for port in [443, 8443] {
        let ask = client.create_listener().load_balancer_arn(arn).port(port).protocol(ProtocolEnum::Http).default_actions(fixed());
        block_on(ask.send()).unwrap();
    }
    block_on(client.modify_listener().listener_arn(on).default_actions(fixed()).send()).unwrap();
    let group = seen.load_balancers()[0].security_groups()[0].clone();
    let ssh = IpPermission::builder().ip_protocol("tcp").from_port(22).to_port(22);
    let ssh = ssh.ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build()).build();
    block_on(all.ec2.authorize_security_group_ingress().group_id(group).ip_permissions(ssh).send()).unwrap();

    let plan = world.plan(&[]);
    let at = |name: &str| action(&plan, &format!("us-east-1/elasticloadbalancingv2.listener/{name}"));
    assert_eq!((at("api-http"), at("api-https"), at("api-port-8443")), ("update", "delete", "delete"), "{plan:#}");
    assert_eq!(action(&plan, "us-east-1/ec2.security_group_rules/api-load-balancer"), "update", "{plan:#}");
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    let rules = block_on(client.describe_rules().listener_arn(on).send()).unwrap();
    assert!(rules.rules().iter().any(|rule| rule.priority() == Some("5")), "another's rule is left alone");
    world.destroy("shop");
}

#[test]
fn a_listener_that_stands_where_ours_should_becomes_ours() {
    let world = Place::new();
    world.write(api("certificate: none", "api.example.com: { service: api }"));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    let client = clients(&world.account).load_balancing;
    let seen = block_on(client.describe_load_balancers().names("shop-api").send()).unwrap();
    let arn = seen.load_balancers()[0].load_balancer_arn().unwrap();
    let ask = client.create_listener().load_balancer_arn(arn).port(443).protocol(ProtocolEnum::Http).default_actions(fixed());
    let made = block_on(ask.send()).unwrap().listeners()[0].clone();
    world.write(api("certificate: managed", "api.example.com: { service: api }"));
    assert_eq!(action(&world.plan(&[]), "us-east-1/elasticloadbalancingv2.listener/api-https"), "update");
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    let listeners = block_on(client.describe_listeners().listener_arns(made.listener_arn().unwrap()).send()).unwrap();
    assert_eq!(listeners.listeners()[0].protocol(), Some(&ProtocolEnum::Https));
    world.destroy("shop");
}

#[test]
fn something_foreign_under_our_name_is_left_alone() {
    let world = Place::new();
    let client = clients(&world.account).load_balancing;
    let ask = client.create_target_group().name("shop-api").protocol(ProtocolEnum::Http).port(8080).vpc_id("vpc-00000001");
    block_on(ask.send()).unwrap();
    world.write(api("certificate: none", ""));
    let plan = world.plan(&[]);
    assert_eq!(action(&plan, "us-east-1/elasticloadbalancingv2.target_group/api"), "leave", "{plan:#}");
    let said = world.expect(1, &["apply", "--yes", "--no-sweep"]);
    assert!(said.contains("does not carry this stack's mark"), "{said}");
    world.expect(0, &["destroy", "--yes", "--confirm", "shop", "--no-sweep"]);
    let seen = block_on(client.describe_target_groups().names("shop-api").send()).unwrap();
    assert_eq!(seen.target_groups()[0].port(), Some(8080));
}
