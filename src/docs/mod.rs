//! The manual. No code: each chapter is a module of text.
//!
//! - [`getting_started`]: from an empty file to traffic that can be moved.
//! - [`patterns`]: what people do with it, and how it is written.
//! - [`failover`]: how a region loses traffic, who takes it, and how it comes back.
//! - [`failover_lab`]: every scenario of failover under every rule, as the lab prints it.
//! - [`limits`]: how many requests may be in flight, who waits, and how the number is found.
//! - [`limits_lab`]: every algorithm in every scenario, as the lab prints it.
//! - [`retries`]: what is sent again, and what keeps that from making an outage worse.
//! - [`retries_lab`]: every policy in every kind of trouble, as the lab prints it.
//! - [`defaults`]: every default, its source and why.
//! - [`limitations`]: what the crate does not do, or not yet.
//! - [`performance`]: what it costs, measured, with the commands.
//! - [`internals`]: one request through the core, and the rules that keep it right.

pub mod defaults;
pub mod failover;
pub mod failover_lab;
pub mod getting_started;
pub mod internals;
pub mod limitations;
pub mod limits;
pub mod limits_lab;
pub mod patterns;
pub mod performance;
pub mod retries;
pub mod retries_lab;
