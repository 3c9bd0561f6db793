//! Whose a table is: by its own marks, or by those of another member where it could not be marked yet.
use std::{collections::BTreeSet, sync::Arc};

use super::{Member, UPDATE, has_marked_member, marks, member};
use crate::{
    aws::{errors::maybe, sweep::tagged},
    resource::{Addr, Class, Cx, Fault, Tags, owner::Marks},
};

/// The kind of resource that a table is.
const KIND: &str = "dynamodb.table";

/// A table that is ours or stands where ours should.
pub struct Owned {
    pub addr: Addr,
    /// False when it carries somebody else's mark, or none that speaks for us.
    pub ours: bool,
    pub tags: Tags,
    pub member: Arc<Member>,
}

/// The names under which tables of this stack may stand here: the file's own, also in regions the file does not give the table
/// (the index that would tell lags), and those in the tagging index.
///
/// # Errors
/// What AWS refused.
pub async fn names(cx: &Cx) -> Result<BTreeSet<String>, Fault> {
    let tagged = tagged(cx, cx.region()?).await?;
    let hinted = tagged.iter().filter_map(|line| line.arn.split_once(":table/")).map(|(_, name)| name.to_owned());
    // `table/NAME/stream/…` and `table/NAME/index/…` belong to the table.
    Ok(cx.model.tables.values().map(|table| table.name.clone()).chain(hinted.filter(|name| !name.contains('/'))).collect())
}

/// The table of that name in this region, when it is ours or stands where ours should.
///
/// # Errors
/// What AWS refused; contention while a table that is being made shows no tags.
pub async fn owned(cx: &Cx, name: &str) -> Result<Option<Owned>, Fault> {
    let region = cx.region()?;
    let Some(member) = member(cx, region, name).await? else { return Ok(None) };
    let named_here = cx.model.tables.iter().find(|(_, table)| table.name == name && table.members.contains_key(region));
    let read = maybe(marks(cx, region, &member).await)?;
    // A table that comes or goes may not show its tags (field guide 3.1 item 5).
    let is_leaving = read.is_none() && member.word() == "DELETING";
    let is_nameless = read.is_none() && member.word() == "CREATING" && !has_marked_member(cx, region, &member).await;
    let marks = match read {
        Some(marks) => marks,
        None if is_nameless => {
            return Err(Fault::new(UPDATE, Class::Contention, format!("{name} in {region} is being made and shows no tags yet")));
        }
        None if is_leaving || member.word() == "CREATING" => Marks::default(),
        // Gone between the two reads.
        None => return Ok(None),
    };
    let carries_ours = marks.stack.as_deref() == Some(&*cx.owner.stack);
    let mut tags = marks.tags;
    let (addr, ours) = match (carries_ours, named_here) {
        // The name is the table: when the file calls it by another key now, it moves there with all it holds, and is marked anew.
        (true, Some((key, _))) => {
            let addr = Addr::regional(region, KIND, key);
            tags.marked = marks.addr.as_ref() == Some(&addr);
            (addr, true)
        }
        (true, None) => match marks.addr {
            Some(addr) if &*addr.kind == KIND && addr.scope == cx.scope => (addr, true),
            _ => return Ok(None),
        },
        // A replica cannot be marked in its create call: a marked member elsewhere speaks for it.
        (false, Some((key, _))) => {
            // Whoever's it was, nothing is sent to what is leaving; it is waited for.
            let ours = is_leaving || marks.stack.is_none() && has_marked_member(cx, region, &member).await;
            tags.marked = false;
            (Addr::regional(region, KIND, key), ours)
        }
        (false, None) => return Ok(None),
    };
    Ok(Some(Owned { addr, ours, tags, member }))
}
