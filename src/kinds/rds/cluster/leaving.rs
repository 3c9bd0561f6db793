//! Whether a cluster may go: the writer's goes last, and who that is may change while a plan is carried out.
use std::collections::BTreeSet;

use super::Cluster;
use crate::{
    aws::databases::{Membership, ending, name_in, region_of},
    resource::{Addr, Class, Cx, Fault},
};

impl Cluster {
    /// Why the writer's cluster `addr` cannot go: AWS refuses its removal while others stay, and what is gone by then is gone.
    pub(super) fn kept_by(addr: &Addr, others: &[String], removing: &BTreeSet<Addr>) -> Option<String> {
        let stays = |arn: &&String| region_of(arn).is_none_or(|region| !removing.contains(&Self::address(&region, &addr.name)));
        let staying: Vec<&str> = others.iter().filter(stays).map(|arn| name_in(arn)).collect();
        let first = "switch over to one of those first (`aws rds switchover-global-cluster`)";
        (!staying.is_empty()).then(|| format!("is the writer of its global cluster and {} would be left: {first}", staying.join(", ")))
    }

    /// Whether something of a cluster may go: not when it is the writer's and others stay.
    ///
    /// # Errors
    /// Others stay: the writer was moved since the plan was made.
    pub fn may_go(cx: &Cx, addr: &Addr, of: Option<&Membership>) -> Result<(), Fault> {
        let Some(of) = of.filter(|of| of.is_writer && cx.removing.contains(addr)) else { return Ok(()) };
        match Self::kept_by(addr, &of.others, &cx.removing) {
            Some(why) => Err(Fault::new(ending::DELETE, Class::Invalid, format!("{addr} {why}"))),
            None => Ok(()),
        }
    }

    /// Whether a cluster that was a copy in the plan still is one: the others wait for it to go, and AWS lets the writer's go last.
    ///
    /// # Errors
    /// Somebody switched over since the plan was made.
    pub fn is_no_new_writer(addr: &Addr, of: Option<&Membership>) -> Result<(), Fault> {
        let Some(of) = of.filter(|of| of.is_writer && !of.others.is_empty()) else { return Ok(()) };
        let message = format!("{addr} has become the writer of {} since the plan was made: the same command goes on from there", of.global);
        Err(Fault::new(ending::DELETE, Class::Invalid, message))
    }
}
