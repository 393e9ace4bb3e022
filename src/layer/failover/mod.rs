//! The last stage before the leaf: an endpoint for an attempt, and how it went there.
//!
//! **The request leaves our hands only when an endpoint is chosen and its service is ready.** So an endpoint that cannot take
//! it costs nothing: no copy, no byte of the body read, and the next one gets the same request. Up to three candidates
//! are asked without waiting. If none can take it at once, the request waits for the first of those that may, until its
//! deadline: one full endpoint never delays what another could take.
//!
//! A service that fails its readiness check is broken for good, by tower's contract. Where each endpoint has a service of its
//! own ([`PerEndpoint`](super::PerEndpoint)) that is a failure of the endpoint, and the next attempt there gets a new one;
//! where all share one it is the caller's to handle.
//!
//! An evacuation that comes between the choice and the hand-over is obeyed: the request goes elsewhere.

mod asking;
mod future;
mod layer;
mod service;

pub use future::FailoverFuture;
pub use layer::FailoverLayer;
pub use service::FailoverService;
