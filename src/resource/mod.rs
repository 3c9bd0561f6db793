//! The vocabulary of the engine. It knows no AWS SDK.
//!
//! In: nothing. Out: addresses, typed kinds behind one document seam, references as data, the diff, ownership marks, faults,
//! life. Everything else is written in these words.
mod addr;
mod cx;
pub mod doc;
mod erased;
mod facts;
mod fault;
mod kind;
mod life;
pub mod names;
pub mod owner;
mod posture;
pub mod quota;
pub mod reference;

pub use addr::{Addr, NotAnAddress, Region, Scope};
pub use cx::{Asked, AskedFor, Cx, Memo};
pub use doc::{Change, Doc, Tags, Unmanaged, Unordered};
pub use erased::{AnyKind, Erased, Kinds, Traits};
pub use facts::{ExistingFacts, ExistingHostedZone, ExistingSubnet, ExistingVpc, Facts, KNOWN_AT_PLAN, Zone};
pub use fault::{Class, Fault};
pub use kind::{After, DEPLOYED_AT, Found, Holder, Kind, Leans, Replace, Scopes, Traffic, Verb, Want};
pub use life::{Life, Patience, Status, Timing, readable};
pub use owner::Owner;
pub use posture::Posture;
pub use quota::{InUse, Measured, Quota};
pub use reference::{Given, Link, Output, Outputs, Ref};
