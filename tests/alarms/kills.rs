//! Runs that are cut off.
use super::{EU, US, lag, table};
use crate::support::kills::survive;

#[test]
fn alarms_survive_kills_anywhere() {
    survive(&table("{ team: payments }", &format!("{}dashboard: true\n", lag("3s"))), "shop", &[US, EU], 16);
}
