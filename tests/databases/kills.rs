//! Runs over databases that are cut off.
use super::*;
use crate::support::kills::survive;

#[test]
fn a_database_survives_being_killed_anywhere() {
    survive(&database(&TWO, "eu-west-1", "    instances: 1\n"), "shop", &TWO, 8);
}
