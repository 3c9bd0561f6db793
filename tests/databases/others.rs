//! What somebody else has in a database, and what AWS has not.
use serde_json::json;

use super::*;

/// An instance in our cluster that nobody marked, whatever it is called, is shown, and nothing goes while it stays.
#[test]
fn an_instance_of_somebody_else_is_shown_and_no_removal_is_begun() {
    let place = Place::new();
    apply(&place, &database(&TWO, "us-east-1", ""));
    let ask = client(&place, "eu-west-1").create_db_instance().db_instance_identifier("shop-main-eu-west-1-5");
    let ask = ask.db_cluster_identifier("shop-main-eu-west-1").engine("aurora-mysql").db_instance_class("db.r6g.large");
    block_on(ask.send()).unwrap();
    let plan = place.plan(&[]);
    let shown = plan["posture"].to_string();
    assert!(shown.contains("shop-main-eu-west-1-5") && shown.contains("not this stack's and are left alone"), "{:#}", plan["posture"]);
    let before = strict().changes(&place.account).len();
    let said = place.expect(1, &DESTROY);
    assert!(said.contains("has instances that are not this stack's: shop-main-eu-west-1-5"), "{said}");
    assert_eq!(strict().changes(&place.account).len(), before);
    block_on(client(&place, "eu-west-1").delete_db_instance().db_instance_identifier("shop-main-eu-west-1-5").send()).unwrap();
    place.destroy("shop");
}

/// A version that AWS has not is known before what stands in its place goes.
#[test]
fn a_version_that_aws_has_not_is_refused_before_anything_goes() {
    let place = Place::new();
    let text = database(&TWO, "us-east-1", "");
    apply(&place, &text);
    let before = strict().changes(&place.account).len();
    place.write(text.replace(ENGINE, "engine: aurora-postgresql\n    engine_version: \"16.444\""));
    let plan = place.plan(&["--allow-data-loss", "all"]);
    let told: Vec<_> = plan["findings"].as_array().unwrap().iter().filter(|it| it["code"] == "plan::not-offered").collect();
    assert_eq!(told.len(), 2, "{:#}", plan["findings"]);
    assert!(told[0]["message"].as_str().unwrap().contains("has no aurora-postgresql 16.444 for global databases; it has "), "{told:#?}");
    place.expect(1, &["apply", "--yes", "--no-sweep", "--allow-data-loss", "all"]);
    assert_eq!(strict().changes(&place.account).len(), before);
    place.write(text);
    place.is_converged();
    place.destroy("shop");
}

/// A member of somebody else writes: what the copies note of a password is nobody's to wait for.
#[test]
fn the_password_of_somebody_elses_writer_is_not_waited_for() {
    let place = Place::new();
    let text = database(&TWO, "us-east-1", "");
    apply(&place, &text);
    let ask = client(&place, "us-west-2").create_db_cluster().db_cluster_identifier("other").engine("aurora-mysql");
    let ask = ask.engine_version("8.0.mysql_aurora.3.08.0").global_cluster_identifier("shop-main").storage_encrypted(true);
    block_on(ask.kms_key_id("alias/aws/rds").send()).unwrap();
    let ask = client(&place, "us-west-2").create_db_instance().db_instance_identifier("other-1").db_cluster_identifier("other");
    block_on(ask.engine("aurora-mysql").db_instance_class("db.r6g.large").send()).unwrap();
    for _ in 0..4 {
        cluster(&place, "us-west-2");
        let _ = instances(&place, "us-west-2");
        let _ = global(&place);
    }
    let target = cluster(&place, "us-west-2").db_cluster_arn().unwrap().to_owned();
    let ask = client(&place, "us-west-2").switchover_global_cluster().global_cluster_identifier("shop-main");
    block_on(ask.target_db_cluster_identifier(target).send()).unwrap();
    put_login(&place, &json!({ "username": "dbadmin", "password": "HandMade1234" }).to_string());
    let plan = place.plan(&[]);
    let step = plan["steps"].as_array().unwrap().iter().find(|step| step["address"] == "us-east-1/rds.cluster/main").unwrap();
    assert_eq!(step["action"], "keep", "{step:#}");
    apply(&place, &text);
}

/// The login of another user is not the database's: it is said, and no password is set from it.
#[test]
fn a_login_of_another_user_is_refused_by_name() {
    let place = Place::new();
    let text = database(&["us-east-1"], "us-east-1", "");
    apply(&place, &text);
    for (login, says) in [
        (
            json!({ "username": "bob", "password": "HandMade1234" }).to_string(),
            "does not hold the login of `dbadmin`, the user of the database; nothing was set from it",
        ),
        ("HandMade1234".to_owned(), "does not hold a JSON object with username and password: put one back"),
    ] {
        put_login(&place, &login);
        let said = place.expect(1, &["apply", "--yes", "--no-sweep"]);
        assert!(said.contains(says) && !said.contains("HandMade1234") && !said.contains("bob"), "{said}");
    }
    place.destroy("shop");
}

fn put_login(place: &Place, login: &str) {
    let secrets = crate::secrets::client(&place.account, "us-east-1");
    block_on(secrets.put_secret_value().secret_id("shop/aurora/main").secret_string(login).send()).unwrap();
}
