//! The section `iam`.
use super::{Place, Reading};
use crate::topology::report::At;

/// The section `iam`.
pub struct IamDraft {
    pub path: Option<At<String>>,
    pub permissions_boundary: Option<At<String>>,
}

pub fn iam(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<IamDraft> {
    let mut block = reading.block(place, path, "iam")?;
    let draft = IamDraft {
        path: block.optional(reading, "path", |r, place, path| r.text(place, path)),
        permissions_boundary: block.optional(reading, "permissions_boundary", |r, place, path| r.text(place, path)),
    };
    block.finish(reading);
    Some(draft)
}
