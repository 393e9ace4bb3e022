//! Traffic routing inside your service: weighted splits, regions and endpoints, decided from **one hot-swappable table**.
//!
//! You write down where requests can go and which go where; the table is checked as a whole, with every problem named at
//! once. Each request pins the table in force, and its route, cluster, region and endpoint are a pure function of that
//! table, of the view of its cluster, of one random word and of at most two load counters, so every decision can be
//! explained and made again. A publish swaps everything in one pointer and keeps what was learned: requests in flight,
//! response times and warm-ups belong to names, not to tables.
//!
//! As tower layers it goes around the clients that you have: one line for an HTTP client, a factory for one channel for each
//! endpoint, any [`tower` service](https://docs.rs/tower) at all.
//!
//! # Example
//! ```
//! use contraflow::{TableSpec, Traffic};
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//!
//! let table = TableSpec::new()
//!     .cluster("shop", |c| {
//!         c.region("us-east", |r| r.weight(3).endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80"))
//!             .region("eu-west", |r| r.weight(1).endpoint("c", "10.1.0.1:80"))
//!     })
//!     .route("all", |r| r.any().to("shop"))
//!     .build()?;
//! let traffic = Traffic::new(table);
//! let client = Client::builder(TokioExecutor::new()).build_http();
//! let proxy: axum::Router = axum::Router::new().fallback_service(traffic.http(client).infallible());
//! # Ok::<(), contraflow::TableError>(())
//! ```
//!
//! The [four programs](layer#the-four-programs) that it is made for stand in [`layer`].
//!
//! # Deciding alone
//! Two regions, a canary, sticky users; then the canary is raised, and only the users who should move do.
//!
//! ```
//! use contraflow::{Facts, Sticky, TableSpec, Traffic};
//!
//! let table = TableSpec::new()
//!     .cluster("shop", |c| {
//!         c.region("us-east", |r| r.weight(3).endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80"))
//!             .region("eu-west", |r| r.weight(1).endpoint("c", "10.1.0.1:80"))
//!     })
//!     .cluster("shop-next", |c| c.region("us-east", |r| r.endpoint("n", "10.0.9.1:80")))
//!     .route("shop", |r| r.any().split([("shop", 95), ("shop-next", 5)]).sticky(Sticky::header("x-user")))
//!     .build()?;
//! let traffic = Traffic::new(table);
//!
//! let decide_all = || -> Result<Vec<String>, Box<dyn std::error::Error>> {
//!     let snapshot = traffic.snapshot(); // one table for all that is decided with it
//!     let decide = |user: u32| {
//!         let request = http::Request::get("http://shop.example/cart").header("x-user", user).body(())?;
//!         let decision = snapshot.decide(&Facts::http(&request)?, traffic.draws(), traffic.now())?;
//!         Ok(snapshot.describe(&decision).map(|names| names.cluster().to_string()).unwrap_or_default())
//!     };
//!     (0..10_000).map(decide).collect()
//! };
//!
//! let before = decide_all()?;
//! traffic.edit(|spec| {
//!     spec.route_mut("shop")?.reweight("shop", 90).reweight("shop-next", 10);
//!     Ok(())
//! })?;
//! let after = decide_all()?;
//!
//! let moved: Vec<_> = before.iter().zip(&after).filter(|(was, is)| was != is).collect();
//! assert!(moved.iter().all(|(_, is)| *is == "shop-next"), "users move only into what was raised");
//! assert!((450..550).contains(&moved.len()), "and no more of them than the 5% that it grew by");
//!
//! traffic.rollback()?;
//! assert_eq!(decide_all()?, before, "and back they all come");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The map
//! Imports point up this list only; a test checks it.
//!
//! | module | what it is |
//! |---|---|
//! | `id`, `unit` | names by which state survives a swap; numbers whose range is checked once |
//! | [`error`] | the two families of failure: building a table, refusing a request |
//! | [`time`], `entropy`, `sync` | the only clock, the only randomness, the only atomics |
//! | [`protocol`] | what may be known of a request ([`Facts`]) and of its answer ([`Outcome`], [`Retryable`]); the markers [`Http`], [`Grpc`], [`Plain`] |
//! | [`table`] | INTENT: immutable plain data, swapped whole; with it how often, when and where a request is sent again ([`Retry`], [`Hedge`]) |
//! | [`state`] | LEARNED and OVERRIDDEN: kept by name over every swap; with it what is left of each [`RetryBudget`] |
//! | [`decide`] | DECISION: a pure function of both |
//! | `observe` | whom to tell what happens: [`Observer`] |
//! | [`traffic`] | the handle, which owns the one swap |
//! | [`layer`] | SHELL: tower services and futures that carry decisions out, and send again what failed; the prober |
//! | `testing` | (feature `testing`) a virtual-time world, strategies for tables and requests |
//! | [`docs`] | the manual: patterns, limits, defaults and why, limitations, performance, internals |
#![forbid(unsafe_code)]
#![doc(test(attr(deny(warnings), allow(dead_code, unused_variables))))]

pub mod decide;
pub mod docs;
mod entropy;
pub mod error;
mod id;
pub mod layer;
mod observe;
pub mod protocol;
pub mod state;
mod sync;
pub mod table;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
pub mod traffic;
mod unit;

pub use decide::Decision;
pub use entropy::{Draws, Entropy};
pub use error::{Error, GiveUp, Reason, Rejected, TableError};
pub use id::{Epoch, Generation, Name};
pub use observe::{Another, Cause, Event, Observer};
pub use protocol::{Facts, Grpc, Http, Outcome, Plain, Priority, Retryable, Verdict};
pub use state::{EndpointHealth, RegionPhase, Snapshot};
pub use table::{
    Failover, Hedge, Limit, Maglev, Match, Outlier, Pick, Retry, RetryBudget, Scope, SlowStart, Sticky, Table,
    TableSpec,
};
pub use traffic::{Evacuation, Practice, Traffic};
pub use unit::{NotARatio, Ratio, Share};

/// Failing seeds are kept beside the source they are about, and committed.
#[cfg(all(test, not(contraflow_loom)))]
fn property_config() -> proptest::test_runner::Config {
    use proptest::test_runner::{Config, FileFailurePersistence};
    Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..Config::default()
    }
}

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
