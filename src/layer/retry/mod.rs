//! The retry stage: another attempt for a request that failed, or is slow.
//!
//! Everything that may be decided before the request leaves is decided first: the route's policy, whether the request may be sent
//! twice, whether the budget has anything left, whether the body can be repeated. Only then is the request copied, which
//! costs more than all the rest of the crate does for it; one that is not copied passes through untouched.
//!
//! An attempt that fails says how: nothing was sent (*local*), it was provably not processed, or nobody knows. The first kind
//! is no attempt and costs nothing. After the others the request waits, if the budget, the deadline and the server allow another
//! attempt, and is then decided afresh: by the table that it came by and by what is known now, away from where it was tried.
//! While it waits it holds no place anywhere. The answer that failed is kept until the next attempt is really sent: whoever
//! cannot be helped gets what the server said, and with it why there was no other attempt.
//!
//! A hedge is an attempt beside another. The answer that comes first is taken; the others are dropped, and what they held is free,
//! before it is handed on. The failure of one waits for the others.
//!
//! What may be spent is the cluster's and not the request's: see [`RetryBudget`](crate::table::RetryBudget).

mod attempts;
mod course;
mod future;
mod layer;
mod more;
mod service;

pub use attempts::{Attempts, Layered, LayeredFuture, Straight};
pub use future::RetryFuture;
pub use layer::RetryLayer;
pub use service::RetryService;

pub(crate) use more::{More, prepare};
