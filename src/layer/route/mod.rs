//! The first stage: one table, one route and one cluster for a request, and its deadline.
//!
//! Whatever stands inside gets a [`Routed`] request, which only this stage can make: so no layer can be left out, or stand
//! before it, without the compiler's saying so.

mod future;
mod layer;
mod service;

pub use future::RouteFuture;
pub use layer::RouteLayer;
pub use service::{RouteService, Routed};
