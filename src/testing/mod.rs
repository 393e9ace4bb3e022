//! For tests, yours and ours: a world whose time is virtual, and tables and requests to be thrown at a property.
//!
//! Behind the feature `testing`, which adds API and changes no behaviour.

pub mod strategies;
mod world;

pub use world::{Sources, World};
