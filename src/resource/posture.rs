//! What others set and a plan never undoes.
use serde::Serialize;

use super::{Addr, Doc};

/// Something others set and a plan never undoes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Posture {
    /// `KIND:ADDRESS`, the value of `--restore-posture`.
    pub id: String,
    pub kind: &'static str,
    pub address: Addr,
    pub wanted: Doc,
    pub found: Doc,
    /// A sentence for the reader.
    pub message: String,
}

impl Posture {
    /// The id of an item of that kind at that address.
    #[must_use]
    pub fn id_of(kind: &str, address: &Addr) -> String {
        format!("{kind}:{address}")
    }

    /// One item; its id follows from its kind and address.
    #[must_use]
    pub fn new(kind: &'static str, address: Addr, wanted: Doc, found: Doc, message: impl Into<String>) -> Self {
        Self { id: Self::id_of(kind, &address), kind, address, wanted, found, message: message.into() }
    }
}
