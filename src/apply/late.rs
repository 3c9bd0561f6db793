//! What a resource gives only some time after it was made: a global cluster its endpoint, once there is a writer. Who refers to it is
//! ordered after what it waits for, so when it is asked for again it is there.
use super::operation::Work;
use crate::resource::{Doc, Fault, Link, Outputs, Want, doc::{links, resolve}};

/// The same want with what is open filled in, as its giver says now. What stays open is left to the kind, which cannot use it.
pub(super) async fn filled(work: &Work<'_>, mut want: Want<Doc>) -> Result<Want<Doc>, Fault> {
    let open: Vec<_> = links(&want.spec).into_iter().filter_map(|(_, link)| match link {
        Link::To { addr, .. } => Some(addr),
        Link::Is { .. } => None,
    }).collect();
    for giver in open {
        let kind = work.kinds.get(&giver.kind)?;
        let now: Option<Outputs> = work.look(&**kind, &work.cx.at(&giver.scope), &giver).await?.map(|found| found.outputs);
        resolve(&mut want.spec, &|addr, field| now.as_ref().filter(|_| *addr == giver)?.get(field).map(str::to_owned));
    }
    Ok(want)
}
