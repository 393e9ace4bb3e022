//! What holds of the layers: tower's contract, one candidate after another, what is given back and what is recorded, and
//! that the single layers and the one service are the same.
//!
//! Futures are polled by hand and time is moved by hand, so every interleaving is the test's own.
#![cfg(feature = "testing")]
#![allow(clippy::wildcard_imports, reason = "the parts share what they are written in terms of")]
#![allow(
    clippy::needless_pass_by_value,
    clippy::type_complexity,
    reason = "helpers that read well where they are used"
)]
#![allow(clippy::items_after_statements, clippy::redundant_closure_for_method_calls, reason = "as above")]
#![allow(clippy::disallowed_types, reason = "the one lock is the crate's own, and these are its users")]

mod alike;
mod candidates;
mod contract;
mod findings;
mod given_back;
mod limits;
mod observed;
mod pairs;
mod per_endpoint;
mod probe;
mod shapes;
mod trouble;

use contraflow::error::Reason;
use contraflow::layer::{Passthrough, PerEndpoint};
use contraflow::table::Endpoint;
use contraflow::testing::{Backend, Probe, Readiness, Readings, Step};
use contraflow::time::{Clock, ManualClock};
use contraflow::{
    Decision, Entropy, Error, Facts, Observer, Outcome, Plain, Rejected, Snapshot, Table, TableSpec, Traffic,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tower::{Service, ServiceBuilder};

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..Config::default()
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A request that cannot be copied.
#[derive(Debug, PartialEq, Eq)]
struct Letter(u64);

type Letters = Backend<Letter, u64, &'static str>;

/// The facts of a letter: they go where the path says.
fn facts(_: &Letter) -> Facts<'_> {
    Facts::path("letters")
}

/// One cluster of two regions: `eu` with `a`, `b` and `c`, and, when that has none, `us` with `d`.
fn spec() -> TableSpec {
    TableSpec::new()
        .cluster("post", |c| {
            c.region("eu", |r| r.rank(0).endpoint("a", "a:1").endpoint("b", "b:1").endpoint("c", "c:1"))
                .region("us", |r| r.rank(1).endpoint("d", "d:1"))
        })
        .route("letters", |r| r.any().to("post").deadline(seconds(10)))
}

fn table() -> Table {
    spec().build().expect("a sound table")
}

fn traffic(seed: u64) -> (Traffic, ManualClock) {
    let (clock, hand) = Clock::manual();
    (Traffic::with_sources(table(), clock, Entropy::seeded(seed)), hand)
}

/// A backend for each endpoint by name, made before anybody asks.
#[derive(Clone, Debug)]
struct Backends {
    by_name: Arc<BTreeMap<String, Letters>>,
    /// The names of endpoints whose service was made, in order.
    made: Arc<Mutex<Vec<String>>>,
}

impl Backends {
    fn new() -> Self {
        let backend = |(name, answer): (&str, u64)| (name.to_owned(), Backend::new(Step::Answer(answer)));
        let by_name = [("a", 1), ("b", 2), ("c", 3), ("d", 4)].map(backend);
        Backends { by_name: Arc::new(by_name.into()), made: Arc::default() }
    }

    fn of(&self, name: &str) -> &Letters {
        &self.by_name[name]
    }

    fn make(&self) -> impl Fn(&Endpoint) -> Letters + use<> {
        let backends = self.clone();
        move |endpoint| {
            let name = endpoint.name().as_str();
            backends.made.lock().expect("no panic").push(name.into());
            backends.of(name).clone()
        }
    }

    fn made(&self) -> Vec<String> {
        self.made.lock().expect("no panic").clone()
    }

    fn set_all(&self, names: &[&str], readiness: &Readiness<&'static str>) {
        for name in names {
            self.of(name).set_readiness(readiness.clone());
        }
    }

    /// Which endpoints got letters since this was last asked, and which letters.
    fn delivered(&self) -> Vec<(String, u64)> {
        let of = |(name, backend): (&String, &Letters)| {
            backend.take_requests().into_iter().map(|letter| (name.clone(), letter.0)).collect::<Vec<_>>()
        };
        self.by_name.iter().flat_map(of).collect()
    }
}

/// A future that is polled by hand.
struct Polled<F>(Pin<Box<F>>);

impl<F: Future> Polled<F> {
    fn new(future: F) -> Self {
        Polled(Box::pin(future))
    }

    fn poll(&mut self) -> Poll<F::Output> {
        self.0.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    /// The output of a future that has it now.
    fn now(mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it has to wait"),
        }
    }
}

fn is_ready<S: Service<R>, R>(service: &mut S) -> bool {
    matches!(service.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
}

fn call<S: Service<R>, R>(service: &mut S, request: R) -> Polled<S::Future> {
    assert!(is_ready(service), "a stack is always ready");
    Polled::new(service.call(request))
}

/// In flight, successes and failures over all endpoints.
fn counts(traffic: &Traffic) -> (u32, u64, u64) {
    let status = traffic.status();
    let regions = || status.clusters.iter().flat_map(|cluster| &cluster.regions);
    let endpoints = || regions().flat_map(|region| &region.endpoints);
    let in_flight: u32 = endpoints().map(|endpoint| endpoint.in_flight).sum();
    assert_eq!(in_flight, regions().map(|region| region.in_flight).sum::<u32>(), "regions count what endpoints count");
    let successes = endpoints().map(|endpoint| endpoint.successes).sum();
    (in_flight, successes, endpoints().map(|endpoint| endpoint.failures).sum())
}
