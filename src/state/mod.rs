//! LEARNED and OVERRIDDEN: what traffic taught us and what an operator ordered, kept over every swap.
//!
//! State lives beside the table, found by name. Rank, weight and address are not part of a name, so a swap that changes
//! them keeps requests in flight, response times and warm-up where they were. A name that is removed drains; one that
//! is added again is a new incarnation, and guards of the old one release into the old one.
//!
//! A [`Snapshot`] ties one table to the state of its names, by place, so that a request looks nothing up.

mod alias;
pub(crate) mod backoff;
mod bound;
mod budget;
mod checks;
mod cluster;
mod codel;
mod demand;
mod endpoint;
mod envoy;
mod ewma;
mod gate;
mod handle;
mod health;
mod latencies;
mod learning;
mod life;
mod limit;
mod line;
mod news;
mod partitions;
mod parts;
mod patience;
mod permit;
mod permits;
mod practices;
mod ramp;
mod rate;
mod region;
mod registry;
mod route;
mod seat;
mod shares;
mod snapshot;
mod standing;
mod veto;
mod view;
mod waiting;
mod watch;

pub use bound::{LimitStatus, PartitionStatus};
#[allow(unreachable_pub, unused_imports, reason = "the layers come next")]
pub use budget::BudgetStatus;
pub use checks::{Checked, Report};
pub use health::{Verdict, What as Change, Why};
pub use life::RegionPhase;
pub use permit::Permit;
pub use snapshot::Snapshot;
pub use standing::EndpointHealth;

pub(crate) use alias::Drawn;
pub(crate) use bound::{Admission, Asker, Hold, Refused};
#[allow(unused_imports, reason = "the layers come next")]
pub(crate) use budget::{Budget, Charge, Deposit, Extra, Paid, Tokens};
pub(crate) use checks::{Rows, Streak};
pub(crate) use cluster::ClusterHandle;
pub(crate) use endpoint::{EndpointState, NotAdmitted, Sent};
pub(crate) use gate::HOLD;
pub(crate) use handle::RegionHandle;
#[allow(unused_imports, reason = "the layers come next")]
pub(crate) use latencies::Latencies;
pub(crate) use news::{Board, News, What};
pub(crate) use parts::ratio_of_part;
pub(crate) use practices::{Practices, Practised};
pub(crate) use registry::Registry;
pub(crate) use route::{RouteHandle, RouteState};
pub(crate) use seat::Seat;
pub(crate) use veto::LatestVeto;
pub(crate) use view::{RegionView, STEPS, View};
pub(crate) use waiting::{BoundRef, Entered, WaitEnd, Waiting};
