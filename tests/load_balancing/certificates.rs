//! Certificates, and the listeners that need them.
use super::{action, api, clients, needs};
use crate::support::{aws::block_on, binary::Place, sandbox::strict};

const RECORD: &str = "api.example.com: { service: api }";

#[test]
fn a_certificate_comes_to_a_live_service_and_leaves_it() {
    let world = Place::new();
    for (certificate, protocols) in [("none", &["HTTP"][..]), ("managed", &["HTTP", "HTTPS"]), ("none", &["HTTP"])] {
        world.write(api(&format!("certificate: {certificate}"), RECORD));
        let plan = world.plan(&[]);
        let (https, http) = ("us-east-1/elasticloadbalancingv2.listener/api-https", "us-east-1/elasticloadbalancingv2.listener/api-http");
        match action(&plan, https) {
            "create" => assert!(needs(&plan, http).contains(&https), "nobody is sent to a port that is closed: {plan:#}"),
            "delete" => assert!(needs(&plan, https).contains(&http), "nobody is sent to a port that is closed: {plan:#}"),
            other => assert_eq!((certificate, other), ("none", "nothing")),
        }
        world.expect(0, &["apply", "--yes", "--no-sweep"]);
        world.is_converged();
        let client = clients(&world.account).load_balancing;
        let seen = block_on(client.describe_load_balancers().names("shop-api").send()).unwrap();
        let arn = seen.load_balancers()[0].load_balancer_arn().unwrap();
        let listeners = block_on(client.describe_listeners().load_balancer_arn(arn).send()).unwrap();
        let mut found: Vec<&str> = listeners.listeners().iter().filter_map(|one| Some(one.protocol()?.as_str())).collect();
        found.sort_unstable();
        assert_eq!(found, protocols);
    }
    world.destroy("shop");
}

/// The last name of a service goes and the service stays: clients that still have its address are not refused before they had time to
/// look again, and the zone that goes with the section is empty when its turn comes, whether or not other places are searched.
#[test]
fn a_service_that_loses_its_last_name_is_drained_before_its_port_closes() {
    let world = Place::new();
    world.write(api("", RECORD));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.write(api("", ""));
    let plan = world.plan(&[]);
    let (https, rules) = ("us-east-1/elasticloadbalancingv2.listener/api-https", "us-east-1/ec2.security_group_rules/api-load-balancer");
    assert_eq!(action(&plan, "us-east-1/route53.record/api.example.com"), "delete", "{plan:#}");
    assert!(needs(&plan, https).contains(&"drain/us-east-1"), "{plan:#}");
    assert_eq!(action(&plan, rules), "update", "{plan:#}");
    assert!(needs(&plan, rules).contains(&https), "{plan:#}");
    let said = world.expect(0, &["apply", "--yes", "--no-sweep"]);
    assert!(!said.contains("HostedZoneNotEmpty"), "{said}");
    world.is_converged();
    world.destroy("shop");
}

#[test]
fn another_name_makes_a_second_certificate_before_the_first_goes() {
    let world = Place::new();
    world.write(api("", RECORD));
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.write(api("", &format!("{RECORD}\nshop.example.com: {{ service: api }}")));
    let plan = world.plan(&[]);
    assert_eq!(action(&plan, "us-east-1/acm.certificate/api"), "replace", "{plan:#}");
    assert_eq!(action(&plan, "us-east-1/elasticloadbalancingv2.listener/api-https"), "update", "{plan:#}");
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    assert_eq!(strict().refusals(&world.account, "ModifyListener", "UnsupportedCertificate"), 0, "the listener waited");
    assert!(strict().refusals(&world.account, "DeleteCertificate", "ResourceInUseException") > 0, "ACM lets go of it late");
    let seen = block_on(clients(&world.account).certificates.list_certificates().send()).unwrap();
    assert_eq!(seen.certificate_summary_list().len(), 1, "the old one is gone");
    world.destroy("shop");
}

#[test]
fn a_certificate_that_fails_is_named_and_made_anew() {
    let world = Place::new();
    world.write(api("", RECORD));
    strict().let_fail(&world.account, "RequestCertificate");
    let said = world.expect(1, &["apply", "--yes", "--no-sweep"]);
    assert!(said.contains("us-east-1/acm.certificate/api") && said.contains("FAILED (CAA_ERROR)"), "{said}");
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    world.destroy("shop");
}

/// A zone that mrctl makes answers nobody until people have delegated it: that is said, not waited for in vain.
#[test]
fn a_certificate_that_waits_for_people_ends_the_run_and_the_next_one_goes_on() {
    let world = Place::new();
    world.write(api("", RECORD).replace("bake: 0s", "bake: 0s, gate_timeout: 1s"));
    strict().delegate(&world.account, false);
    for _ in 0..2 {
        let said = world.expect(6, &["apply", "--yes", "--no-sweep"]);
        let waited = said.find("is PENDING_VALIDATION after").unwrap_or_else(|| panic!("{said}"));
        assert!(said[waited..].contains("example.com is answered by ns-"), "{said}");
        assert!(said[waited..].contains("if they do not stand there yet, enter these where the domain is registered"), "{said}");
        assert!(!said.contains("created global/route53.record"), "{said}");
    }
    strict().delegate(&world.account, true);
    world.expect(0, &["apply", "--yes", "--no-sweep"]);
    world.is_converged();
    world.destroy("shop");
}
