//! DECISION: which cluster, region and endpoint a request goes to, as a pure function.
//!
//! Everything a decision depends on is an argument: the table (through the route that matched), a view of the cluster, the
//! draws, and the live counters it may read (`loads.rs`). What it read of the counters is recorded in the [`Decision`], so
//! the same decision can be made again from its record: live, in `explain`, in a test or offline.
//!
//! ```text
//! facts --match--> route --split--> cluster --shares--> region --pick--> endpoint
//!         table            draw|key           draw|key            draws|key, loads
//! ```
//!
//! The cluster is drawn once for a request; region and endpoint for each attempt, away from where earlier ones were sent. Work is bounded by the request's
//! segments, the route's targets, the cluster's regions and a constant for the endpoint (rendezvous over endpoints aside,
//! which a sticky route asks for); how many endpoints are unusable changes nothing.

mod counters;
mod decision;
mod endpoint;
mod explain;
mod live;
mod loads;
mod passed;
mod probe;
mod region;
mod rendezvous;
mod split;
#[cfg(all(test, not(contraflow_loom)))]
mod tests;
mod tried;

pub use decision::{ClusterReason, Decision, EndpointReason, RegionReason};
pub use explain::Explanation;
pub(crate) use live::Digest;
pub(crate) use passed::Passed;
pub(crate) use tried::{Tried, Way};
