//! What holds of limits: of a route, of a region, of an endpoint; in the one service, in the layers by hand and in a loop of
//! your own.
//!
//! Futures are polled by hand and time is moved by hand, so every interleaving is the test's own.
#![cfg(feature = "testing")]
#![allow(clippy::wildcard_imports, reason = "the parts share what they are written in terms of")]
#![allow(
    clippy::needless_pass_by_value,
    clippy::redundant_closure_for_method_calls,
    clippy::type_complexity,
    reason = "helpers that read well where they are used"
)]
#![allow(clippy::disallowed_types, reason = "the one lock is the crate's own, and these are its users")]

mod candidates;
mod claims;
mod counted;
mod dark;
mod given_back;
mod idle;
mod model;
mod partitions;
mod priorities;
mod publish;
mod queue;
mod refusals;
mod release;
mod samples;

use contraflow::error::Reason;
use contraflow::layer::PerEndpoint;
use contraflow::state::LimitStatus;
use contraflow::table::{Algorithm, ClusterSpec, Endpoint, LimitAlgorithm, Queue, RouteSpec, Sample, Signal};
use contraflow::testing::{Backend, Probe, Readiness, Step};
use contraflow::time::{Clock, ManualClock};
use contraflow::traffic::RegionStatus;
use contraflow::{
    Decision, Entropy, Error, Facts, Limit, Match, Observer, Outcome, Plain, Priority, Ratio, Rejected, Snapshot,
    TableSpec, Traffic,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, FileFailurePersistence};
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tower::util::BoxCloneService;
use tower::{Service, ServiceBuilder};

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..Config::default()
    }
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const HOUR: Duration = Duration::from_secs(3600);

/// A request that cannot be copied.
#[derive(Debug, PartialEq, Eq)]
struct Letter {
    number: u64,
    path: &'static str,
    priority: Option<Priority>,
}

fn letter(number: u64) -> Letter {
    Letter { number, path: "letters", priority: None }
}

fn letter_to(path: &'static str) -> Letter {
    Letter { path, ..letter(0) }
}

fn letter_of(priority: Priority) -> Letter {
    Letter { priority: Some(priority), ..letter(0) }
}

fn facts(letter: &Letter) -> Facts<'_> {
    let facts = Facts::path(letter.path);
    letter.priority.into_iter().fold(facts, Facts::with_priority)
}

type Letters = Backend<Letter, u64, &'static str>;

/// A backend for each endpoint by name.
#[derive(Clone)]
struct Backends(Arc<BTreeMap<String, Letters>>);

impl Backends {
    /// Those of [`two_regions`] and [`one_region`], which usually do this.
    fn new(usual: &Step<u64, &'static str>) -> Self {
        let backend = |name: char| (name.to_string(), Backend::new(usual.clone()));
        Backends(Arc::new(('a'..='e').map(backend).collect()))
    }

    fn of(&self, name: &str) -> &Letters {
        &self.0[name]
    }

    /// Answers all calls that are held, everywhere.
    fn release(&self) {
        self.0.values().for_each(Backend::release);
    }

    /// The numbers of the letters that each endpoint got since this was last asked.
    fn delivered(&self) -> Vec<(String, u64)> {
        let of = |(name, backend): (&String, &Letters)| {
            backend.take_requests().into_iter().map(|letter| (name.clone(), letter.number)).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of).collect()
    }
}

/// How a stack is arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    One,
    WithLimit,
    WithoutLimit,
}

const SHAPES: [Shape; 3] = [Shape::One, Shape::WithLimit, Shape::WithoutLimit];

type Post = BoxCloneService<Letter, u64, Error<&'static str>>;

/// I-64: whatever a test here does, an endpoint's service is never called unready.
fn post(shape: Shape, traffic: &Traffic, backends: &Backends) -> Post {
    let (protocol, backends) = (Plain::new(facts), backends.clone());
    let make = move |endpoint: &Endpoint| Probe::new(backends.of(endpoint.name().as_str()).clone());
    let routed = ServiceBuilder::new().layer(traffic.route(protocol));
    match shape {
        Shape::One => BoxCloneService::new(traffic.layers(protocol).per_endpoint(make)),
        Shape::WithLimit => {
            let layers = routed.layer(traffic.limit()).layer(traffic.failover());
            BoxCloneService::new(layers.service(PerEndpoint::new(make)))
        }
        Shape::WithoutLimit => BoxCloneService::new(routed.layer(traffic.failover()).service(PerEndpoint::new(make))),
    }
}

/// `eu` with `a` and `b`, and when that has no room `us` with `c`.
fn two_regions(
    cluster: impl FnOnce(ClusterSpec) -> ClusterSpec,
    route: impl FnOnce(RouteSpec) -> RouteSpec,
) -> TableSpec {
    TableSpec::new()
        .cluster("post", |c| {
            cluster(
                c.region("eu", |r| r.endpoint("a", "a:1").endpoint("b", "b:1"))
                    .region("us", |r| r.rank(1).endpoint("c", "c:1")),
            )
        })
        .route("letters", |r| route(r.any().to("post")))
}

/// `eu` with `a`.
fn one_region(
    cluster: impl FnOnce(ClusterSpec) -> ClusterSpec,
    route: impl FnOnce(RouteSpec) -> RouteSpec,
) -> TableSpec {
    TableSpec::new()
        .cluster("post", |c| cluster(c.region("eu", |r| r.endpoint("a", "a:1"))))
        .route("letters", |r| route(r.any().to("post")))
}

fn same<T>(it: T) -> T {
    it
}

fn traffic(spec: TableSpec) -> (Traffic, ManualClock) {
    let (clock, hand) = Clock::manual();
    (Traffic::with_sources(spec.build().expect("a sound table"), clock, Entropy::seeded(1)), hand)
}

/// A queue that is never congested and in which nobody grows old.
fn patient(max_len: u32) -> Queue {
    let forever = Duration::MAX;
    Queue { max_wait: forever, target: forever, interval: forever, ageing: forever, ..Queue::of(max_len) }
}

/// A future that is polled by hand.
struct Polled<F>(Pin<Box<F>>);

type Called = Polled<<Post as Service<Letter>>::Future>;

impl<F: Future> Polled<F> {
    fn poll(&mut self) -> Poll<F::Output> {
        self.0.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn waits(&mut self) -> bool {
        self.poll().is_pending()
    }

    /// The same, and who is to be woken.
    fn waits_for(&mut self, woken: &Arc<Woken>) -> bool {
        self.0.as_mut().poll(&mut Context::from_waker(&woken.clone().into())).is_pending()
    }

    /// The output of a future that has it now.
    fn now(mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it has to wait"),
        }
    }
}

impl<F: Future<Output = Result<T, Error<E>>>, T: std::fmt::Debug, E: std::fmt::Debug> Polled<F> {
    /// Why it is refused, now.
    fn refused(self) -> Rejected {
        match self.now() {
            Err(Error::Rejected(rejected)) => rejected,
            other => panic!("{other:?} is no refusal"),
        }
    }

    fn reason(self) -> Reason {
        self.refused().reason()
    }
}

fn call<S: Service<R>, R>(service: &mut S, request: R) -> Polled<S::Future> {
    let said = service.poll_ready(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(said, Poll::Ready(Ok(()))), "a stack is always ready");
    Polled(Box::pin(service.call(request)))
}

/// Called, and asked once.
fn started<S: Service<R>, R>(service: &mut S, request: R) -> Polled<S::Future> {
    let mut called = call(service, request);
    assert!(called.waits(), "it is not over");
    called
}

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Woken {
    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn region(traffic: &Traffic, name: &str) -> RegionStatus {
    let mut regions = traffic.status().clusters.into_iter().flat_map(|cluster| cluster.regions);
    regions.find(|region| region.name == name).expect("a region of that name")
}

fn region_limit(traffic: &Traffic, name: &str) -> LimitStatus {
    region(traffic, name).limit.expect("it has a limit")
}

fn route_limit(traffic: &Traffic) -> LimitStatus {
    traffic.status().routes.remove(0).limit
}

/// Nothing is in flight, anywhere, and nobody waits.
fn assert_idle(traffic: &Traffic) {
    let status = traffic.status();
    for route in &status.routes {
        assert_eq!((route.limit.in_flight, route.limit.queued), (0, 0), "route {}", route.name);
        assert!(route.limit.partitions.iter().all(|partition| partition.in_flight == 0));
    }
    for region in status.clusters.iter().flat_map(|cluster| &cluster.regions) {
        assert_eq!(region.in_flight, 0, "region {}", region.name);
        assert!(region.endpoints.iter().all(|endpoint| endpoint.in_flight == 0 && endpoint.waiting == 0));
        if let Some(limit) = &region.limit {
            assert_eq!(limit.queued, 0, "region {}", region.name);
            assert!(limit.partitions.iter().all(|partition| partition.in_flight == 0));
        }
    }
}
