//! What the crate must know of a request and of its answer, whatever the protocol.
//!
//! [`Facts`] is all that a decision may read of a request: host, path, method, headers, query and a sticky key, each in
//! its *one* normal spelling. [`Outcome`] is what an answer means for health. The decision never sees the request.

mod facts;
mod host;
mod outcome;
pub(crate) mod path;

pub use facts::Facts;
pub(crate) use facts::Oddities;
pub(crate) use host::{bare_host, normal_host};
pub use outcome::Outcome;
