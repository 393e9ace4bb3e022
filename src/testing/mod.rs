//! For tests, yours and ours: a world whose time is virtual, and one with regions that fail in it; tables and requests to be thrown
//! at a property, a backend that does as it is told, and a probe of tower's contract.
//!
//! Behind the feature `testing`, which adds API and changes no behaviour.

mod backend;
mod probe;
mod regions;
pub mod strategies;
mod world;

pub use backend::{Backend, Call, Readiness, Step};
pub use probe::{Probe, ProbeFuture, Readings};
pub use regions::{Fault, Load, Measured, RegionWorld, Slice};
pub use world::{Sources, World};
