//! The tree becomes a model. Every reader records its problem and goes on with a stand-in.
mod network;
pub mod reader;
mod tables;
mod top;

pub use reader::Reading;
pub use top::read;
