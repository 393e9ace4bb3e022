//! Active checks: a prober that asks each endpoint how it is, beside the requests.
//!
//! Traffic is the better witness. It sees what callers see, where a check may pass while requests fail, and costs nothing. But it
//! says nothing of an endpoint that gets none: one that has just come, one that stands by, one that was taken out and may be well
//! again. Those a prober asks.
//!
//! It is one future that the caller spawns and may drop; nothing runs that nobody started. While it runs it follows every
//! publish, and what it found is kept by name. When it is dropped every endpoint is used as if there had never been checks.

mod build;
mod check;
mod future;
mod http;
mod pace;
mod watched;

pub use crate::state::Report;
pub use check::Check;
pub use future::Probe;
pub use http::{HttpCheck, HttpChecking, NotAPath};
