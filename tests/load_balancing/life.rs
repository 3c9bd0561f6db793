//! What is wanted comes, changes in place or anew, and goes.
use super::{action, api, clients};
use crate::support::{aws::block_on, binary::Place, sandbox::strict};

#[test]
fn a_load_balancer_and_all_about_it_come_change_in_place_and_go() {
    let world = Place::new();
    world.write(api("", "api.example.com: { service: api }"));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    let refused = |operation, code| strict().refusals(&world.account, operation, code);
    assert_eq!(refused("CreateListener", "UnsupportedCertificate"), 0, "no listener before its certificate is issued");
    let client = clients(&world.account).load_balancing;
    let group = |name: &str| block_on(client.describe_target_groups().names(name).send()).unwrap().target_groups()[0].clone();
    let before = group("shop-api");
    assert_eq!((before.port(), before.health_check_path()), (Some(80), Some("/")));
    let attributes = client.describe_load_balancer_attributes().load_balancer_arn(&before.load_balancer_arns()[0]).send();
    let attributes = block_on(attributes).unwrap();
    let value = |key| attributes.attributes().iter().find(|one| one.key() == Some(key)).and_then(|one| one.value());
    assert_eq!(value("deletion_protection.enabled"), Some("true"));
    assert_eq!(value("routing.http.drop_invalid_header_fields.enabled"), Some("true"));

    let changed = "health_check: { path: /well, interval: 20s, timeout: 9s, healthy: 3, unhealthy: 4, codes: \"200\" }\n\
                   deregistration_delay: 75s\nallow_from: [203.0.113.0/24]\nload_balancer: public";
    world.write(api(changed, "api.example.com: { service: api, health_check: { path: /well } }"));
    let plan = world.plan(&[]);
    let rules = "us-east-1/ec2.security_group_rules/api-load-balancer";
    for address in ["us-east-1/elasticloadbalancingv2.target_group/api", rules] {
        assert_eq!(action(&plan, address), "update", "{plan:#}");
    }
    assert!(plan.to_string().contains("tcp 443 com.amazonaws.us-east-1.route53-healthchecks"), "{plan:#}");
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    let after = group("shop-api");
    assert_eq!(after.target_group_arn(), before.target_group_arn(), "nothing was made anew");
    assert_eq!((after.health_check_path(), after.health_check_timeout_seconds()), (Some("/well"), Some(9)));

    let said = world.expect(0, &["destroy", "--yes", "--confirm", "shop", "--no-sweep"]);
    assert!(said.contains("deletion protection is lifted just before"), "the plan says so before anything is done: {said}");
    assert!(said.contains("elasticloadbalancingv2.load_balancer/api: deletion protection is lifted (true → false)"), "{said}");
    assert_eq!(refused("DeleteLoadBalancer", "OperationNotPermitted"), 0, "the protection was lifted first");
    assert_eq!(world.plan(&["--destroy"])["steps"].as_array().map(Vec::len), Some(0));
}

#[test]
fn another_scheme_makes_the_load_balancer_anew_under_the_same_name() {
    let world = Place::new();
    for (scheme, wanted) in [("public", "internet-facing"), ("internal", "internal"), ("public", "internet-facing")] {
        world.write(api(&format!("load_balancer: {scheme}\ncertificate: none\ndeletion_protection: true"), ""));
        world.expect(0, &["apply", "--yes", "--no-sweep"]);
        world.is_converged();
        let client = clients(&world.account).load_balancing;
        let seen = block_on(client.describe_load_balancers().names("shop-api").send()).unwrap();
        assert_eq!(seen.load_balancers()[0].scheme().map(|scheme| scheme.as_str()), Some(wanted));
    }
    world.write(api("load_balancer: none", ""));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    assert!(!world.plan(&[]).to_string().contains("elasticloadbalancingv2"), "a service without one has none");
    world.destroy("shop");
}

/// Another range for the network takes everything along that clients come by: record, health check, listeners, and the certificate stays.
#[test]
fn what_a_name_leads_to_is_made_anew_with_its_network() {
    let world = Place::new();
    let text = api("", "api.example.com: { service: api, health_check: {} }");
    world.write(&text);
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.write(text.replace("10.10.0.0/16", "10.11.0.0/16"));
    let plan = world.plan(&[]);
    for name in ["elasticloadbalancingv2.load_balancer/api", "elasticloadbalancingv2.listener/api-https", "route53.record/api.example.com"]
    {
        assert_eq!(action(&plan, &format!("us-east-1/{name}")), "replace", "{plan:#}");
    }
    assert_eq!(action(&plan, "us-east-1/acm.certificate/api"), "keep", "{plan:#}");
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    world.destroy("shop");
}

#[test]
fn a_third_zone_joins_a_load_balancer_and_leaves_it() {
    let world = Place::new();
    let text = api("certificate: none", "");
    for zones in [2, 3, 2] {
        world.write(text.replace("availability_zones: 2", &format!("availability_zones: {zones}")));
        world.expect(0, &["apply", "--yes", "--no-sweep"]);
        world.is_converged();
        let client = clients(&world.account).load_balancing;
        let seen = block_on(client.describe_load_balancers().names("shop-api").send()).unwrap();
        assert_eq!(seen.load_balancers()[0].availability_zones().len(), zones);
    }
    world.destroy("shop");
}
