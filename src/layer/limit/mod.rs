//! The limit stage: a route's own bound on its requests in flight.
//!
//! In a [`Stack`](crate::layer::Stack) it is part of the one service. By hand it is a layer between route and failover, and
//! outside of retries, so that a request passes it once, whatever its attempts. It chooses no target and knows none: a route
//! without a limit costs it one look at the table.
//!
//! A stack by hand that leaves it out has its limit all the same, in the failover layer: a limit that a table asks for is
//! never left out because of how somebody arranged the layers.

mod future;
mod layer;
mod service;

pub use future::LimitFuture;
pub use layer::LimitLayer;
pub use service::LimitService;
