//! The dashboard: one for the account, ours as a whole.
use serde_json::{Value, json};

use super::{EU, US, action, lag, table};
use crate::support::{
    aws::{Aws, block_on},
    binary::Place,
    strict::wrong_with,
};

const ADDR: &str = "global/cloudwatch.dashboard/shop";
const APPLY: [&str; 3] = ["apply", "--yes", "--no-sweep"];

fn body(account: &str, region: &str) -> Value {
    let seen = block_on(Aws::new(account, region).cloudwatch.get_dashboard().dashboard_name("shop").send()).unwrap();
    serde_json::from_str(seen.dashboard_body().unwrap()).unwrap()
}

fn put(account: &str, body: &Value) {
    let client = Aws::new(account, EU).cloudwatch;
    block_on(client.put_dashboard().dashboard_name("shop").dashboard_body(body.to_string()).send()).unwrap();
}

#[test]
fn a_dashboard_edited_by_hand_is_drift_and_another_spelling_is_none() {
    let topology = table("{}", &format!("{}dashboard: true\n", lag("3s")));
    let world = Place::with(&topology);
    world.expect(0, &APPLY);
    world.is_converged();
    let made = body(&world.account, US);
    assert_eq!(wrong_with(&made), Vec::<String>::new(), "{made:#}");
    assert_eq!(made, body(&world.account, EU), "every region shows the same");

    // The order of the widgets and of the fields says nothing.
    let mut other = made.clone();
    other["widgets"].as_array_mut().unwrap().reverse();
    put(&world.account, &other);
    world.is_converged();

    for change in [
        |body: &mut Value| body["widgets"][1]["width"] = json!(12),
        |body: &mut Value| body["start"] = json!("-PT1H"),
        |body: &mut Value| {
            let theirs = json!({ "type": "text", "x": 0, "y": 90, "width": 6, "height": 2, "properties": { "markdown": "mine" } });
            body["widgets"].as_array_mut().unwrap().push(theirs);
        },
        |body: &mut Value| drop(body["widgets"].as_array_mut().unwrap().pop()),
        |body: &mut Value| {
            let charts = body["widgets"].as_array_mut().unwrap().iter_mut().filter(|widget| widget["type"] == "metric");
            charts.for_each(|chart| chart["properties"]["metrics"][0][0] = json!("AWS/EC2"));
        },
    ] {
        let mut edited = made.clone();
        change(&mut edited);
        put(&world.account, &edited);
        let plan = world.plan(&[]);
        assert_eq!(action(&plan, ADDR), "update", "{plan:#}");
        world.expect(0, &APPLY);
        assert_eq!(body(&world.account, US), made);
        world.is_converged();
    }

    // Without `dashboard` it goes, and any region that answers says so.
    world.write(table("{}", &lag("3s")));
    world.expect(0, &APPLY);
    let left = block_on(Aws::new(&world.account, US).cloudwatch.list_dashboards().send()).unwrap();
    assert_eq!(left.dashboard_entries().len(), 0);
    world.write(&topology);
    world.expect(5, &["--inject", "down=us-east-1:refuse", "apply", "--yes", "--no-sweep"]);
    world.expect(0, &APPLY);
    world.is_converged();
    let seen = world.run(&["--inject", "down=us-east-1:hang", "plan", "--no-sweep", "--format", "json"]);
    let plan: Value = serde_json::from_slice(&seen.stdout).unwrap();
    assert_eq!(action(&plan, ADDR), "keep", "{plan:#}");
    world.destroy("shop");
}

#[test]
fn somebody_elses_dashboard_of_our_name_stays() {
    let world = Place::with(&table("{}", "dashboard: true\n"));
    let theirs =
        json!({ "widgets": [{ "type": "text", "x": 0, "y": 0, "width": 6, "height": 2, "properties": { "markdown": "# mine" } }] });
    put(&world.account, &theirs);
    let plan = world.plan(&[]);
    assert_eq!(action(&plan, ADDR), "leave", "{plan:#}");
    let said = world.expect(1, &APPLY);
    assert!(said.contains("does not carry this stack's mark"), "{said}");
    assert_eq!(body(&world.account, US), theirs);
    // Taken over, it is ours as a whole.
    world.expect(0, &["apply", "--yes", "--no-sweep", "--adopt", ADDR]);
    assert_eq!(body(&world.account, US), theirs);
    world.expect(0, &APPLY);
    world.is_converged();
    world.destroy("shop");
    assert!(block_on(Aws::new(&world.account, US).cloudwatch.list_dashboards().send()).unwrap().dashboard_entries().is_empty());
}
