//! What a run makes of things that are odd when it reads them: it stops, or says so, before it writes anything.
use std::sync::Arc;

use mrctl::{
    aws::tables,
    resource::{Cx, Region, Scope},
    topology::load,
};

use crate::support::{sandbox, topologies};

/// A table that another operation removes is described, and is gone when its tags are asked for.
#[tokio::test]
async fn a_table_that_goes_between_two_reads_is_not_there() {
    let (model, _) = load("every_kind", &topologies::valid()["every_kind"]).expect("a valid file");
    let (fleet, _) = sandbox::fleet(&sandbox::fresh_account());
    let (kinds, ireland) = (mrctl::kinds::all(), Region::new("eu-west-1"));
    let kind = kinds.get("dynamodb.table").unwrap();
    let cx = Cx::new(Arc::new(model), fleet.clone()).at(&Scope::from(&ireland));
    let wants = kind.desired(&cx.model, &mrctl::resource::Facts::default());
    let want = wants.iter().find(|want| &*want.addr.name == "Local").unwrap();
    kind.create(&cx, want).await.unwrap();

    // Described now, and remembered for the observation that follows.
    let seen = cx.afresh();
    assert!(tables::member(&seen, &ireland, "shop-Local").await.unwrap().is_some());
    let client = fleet.region(&ireland).dynamodb;
    client.update_table().table_name("shop-Local").deletion_protection_enabled(false).send().await.unwrap();
    client.delete_table().table_name("shop-Local").send().await.unwrap();
    let found = kind.observe(&seen).await.unwrap_or_else(|fault| panic!("{fault}"));
    assert!(found.is_empty(), "{found:#?}");
}
