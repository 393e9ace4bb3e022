//! The manual. No code: each chapter is a module of text.
//!
//! - [`defaults`]: every default, its source and why.
//! - [`internals`]: one request through the core, and the rules that keep it right.
//! - [`limitations`]: what the crate does not do, or not yet.
//! - [`performance`]: what it costs, measured, with the commands.

pub mod defaults;
pub mod internals;
pub mod limitations;
pub mod performance;
