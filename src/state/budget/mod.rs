//! What bounds retries and hedges, so that they cannot make an outage worse.
//!
//! A retry is a request that nobody asked for. While few fail that is cheap, and when all fail it doubles the load of who is
//! already down: the outage then outlasts its cause. In our simulation of a backend that lost 70% of its capacity for 5 s,
//! three attempts each never recovered; retries bounded by a fifth of the *requests* did not either, since requests go on
//! coming while nothing succeeds. What *successes* fund ends by itself: with nothing succeeding there is nothing to retry with.
//!
//! # What is kept
//! Only words, none of which knows the policy. The policy is data of the table and an argument of every call, so to publish
//! another one writes nothing here, and forgives nothing in the middle of an incident:
//!
//! - [`Tokens`] holds what is *spent*, not what is left. It is zero when nothing is, whatever the capacity. A capacity that
//!   grows is there at once; one that shrinks leaves at worst nothing, and the next success counts from there. The tokens that
//!   [`Successes`] spent are what [`GrpcThrottle`] and [`AwsQuota`] find spent, and the other way round.
//! - Retries under way are counted whatever the policy, since [`EnvoyInFlight`] has to find those of before.
//! - [`Finagle`]'s window counts only under that policy. It begins empty, and so with what is always there; what it counted
//!   under an earlier spell goes on getting older. A window of another length moves its slots on at another pace.
//!
//! # Who asks for what
//! The first attempt of a request says [`Budget::request`]. Before a request is copied, [`Budget::has_any`] tells whether that
//! is worth it. [`Budget::withdraw`] decides, in one step, and gives a [`Charge`]; that is ended once, by [`Budget::refund`] if
//! no I/O began for the attempt, else by [`Budget::ended`]. Each attempt that succeeds says [`Budget::success`], and each that
//! fails so that it could be retried, [`Budget::failed`].
//!
//! A region's share of [`Successes`], and a route's allowance of hedges, are [`Tokens`] by themselves.
//!
//! [`Successes`]: crate::table::Successes
//! [`GrpcThrottle`]: crate::table::GrpcThrottle
//! [`AwsQuota`]: crate::table::AwsQuota
//! [`EnvoyInFlight`]: crate::table::EnvoyInFlight
//! [`Finagle`]: crate::table::Finagle

mod cluster;
mod deposit;
#[cfg(all(test, contraflow_loom))]
mod loom_tests;
mod status;
#[cfg(all(test, not(contraflow_loom)))]
pub(super) mod tests;
mod tokens;
mod window;

pub use status::BudgetStatus;

pub(crate) use cluster::{Budget, Charge, Extra};
pub(crate) use deposit::{Deposit, StoredDeposit};
pub(crate) use tokens::{Paid, Tokens};
