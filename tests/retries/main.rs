//! What holds of retries and hedges: in the one service and in the layers by hand.
//!
//! Futures are polled by hand and time is moved by hand, so every interleaving is the test's own.
#![cfg(feature = "testing")]
#![allow(clippy::wildcard_imports, reason = "the parts share what they are written in terms of")]
#![allow(
    clippy::needless_for_each,
    clippy::needless_pass_by_value,
    clippy::redundant_closure_for_method_calls,
    clippy::semicolon_if_nothing_returned,
    clippy::type_complexity,
    reason = "helpers that read well where they are used"
)]
#![allow(clippy::disallowed_types, reason = "the one lock is the crate's own, and these are its users")]

mod attempts;
mod budget;
mod claims;
mod copies;
mod course;
mod deadline;
mod findings;
mod given_back;
mod hedges;
mod hints;
mod places;
mod policies;
mod seats;

use contraflow::error::Reason;
use contraflow::layer::{MapAttempt, Passthrough, PerEndpoint, Target};
use contraflow::protocol::{Classify, Describe, Guard, Release, Replay};
use contraflow::state::BudgetStatus;
use contraflow::table::{
    AwsQuota, Backoff, Endpoint, EnvoyInFlight, Finagle, GrpcThrottle, Idempotency, Jitter, LeaveRegion, Queue,
    RouteSpec, Successes,
};
use contraflow::testing::{Backend, Call, Probe, Readiness, Step};
use contraflow::time::{Clock, Instant, ManualClock};
use contraflow::traffic::{ClusterStatus, RegionStatus};
use contraflow::{
    Another, Cause, Decision, Entropy, Error, Facts, GiveUp, Hedge, Limit, Observer, Outcome, Ratio, Rejected, Retry,
    RetryBudget, Retryable, Snapshot, TableSpec, Traffic, Verdict,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, FileFailurePersistence};
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tower::util::BoxCloneService;
use tower::{Layer, Service, ServiceBuilder};

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

/// A request, and how many attempts its copy says were made before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Letter {
    number: u64,
    is_idempotent: bool,
    repeats: Repeats,
    /// How long its caller waits.
    timeout: Option<Duration>,
    previous: u32,
}

/// What becomes of a letter's copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeats {
    Whole,
    /// It cannot be copied.
    Never,
    /// Once it was sent its copy is not whole any more.
    Broken,
    /// It is read for as long as it is under way.
    AfterEnd,
}

fn letter(number: u64) -> Letter {
    Letter { number, is_idempotent: true, repeats: Repeats::Whole, timeout: None, previous: 0 }
}

/// One that must not be sent twice.
fn order(number: u64) -> Letter {
    Letter { is_idempotent: false, ..letter(number) }
}

/// An answer that says by itself what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Fine,
    /// Whatever the caller likes, sending it again changes nothing.
    Wrong,
    /// Down: again, perhaps after so long.
    Down(Option<Duration>),
    /// Turned away before anything was done: again, perhaps after so long.
    TurnedAway(Option<Duration>),
    /// Down, and not to be asked again.
    DoNotRetry,
}

/// What is decided on: the number is a sticky key, for routes that ask for one.
fn facts(number: u64) -> Facts<'static> {
    const KEYS: &[u8; 16] = b"0123456789abcdef";
    Facts::path("letters").with_key(&KEYS[number as usize % KEYS.len()..][..1])
}

/// The protocol of letters.
#[derive(Clone, Copy, Debug)]
struct Post;

impl Describe<Letter> for Post {
    fn facts<'r>(&self, letter: &'r Letter) -> Result<Facts<'r>, Rejected> {
        Ok(letter.timeout.into_iter().fold(facts(letter.number), Facts::with_timeout))
    }

    fn is_idempotent(&self, letter: &Letter) -> bool {
        letter.is_idempotent
    }
}

impl Replay<Letter> for Post {
    type Sent = Letter;

    fn seal(&self, letter: Letter) -> Letter {
        letter
    }

    fn copy(&self, letter: &mut Letter, _: usize) -> Option<Letter> {
        (letter.repeats != Repeats::Never).then_some(*letter)
    }

    fn is_whole(&self, letter: &Letter) -> bool {
        letter.repeats != Repeats::Broken
    }

    fn is_complete(&self, letter: &Letter) -> bool {
        letter.repeats != Repeats::AfterEnd
    }

    fn mark(&self, letter: &mut Letter, previous: u32, _: Option<Duration>) {
        letter.previous = previous;
    }
}

impl Classify<Reply, &'static str> for Post {
    fn classify(&self, answer: Result<&Reply, &&'static str>) -> Verdict {
        Verdict::Known(match answer {
            Ok(Reply::Fine | Reply::Wrong) => Outcome::Success,
            Ok(_) | Err(_) => Outcome::Failure,
        })
    }

    fn retryable(&self, answer: Result<&Reply, &&'static str>) -> Retryable {
        match answer {
            Ok(Reply::Fine | Reply::Wrong) => Retryable::No,
            Ok(Reply::Down(after)) => Retryable::MaybeProcessed { after: *after },
            Ok(Reply::TurnedAway(after)) => Retryable::NotProcessed { after: *after },
            Err(&"not connected") => Retryable::NotProcessed { after: None },
            Ok(Reply::DoNotRetry) => Retryable::Never,
            Err(_) => Retryable::MaybeProcessed { after: None },
        }
    }
}

impl Release<Reply> for Post {
    type Held<G: Guard> = Reply;

    fn hold<G: Guard>(&self, reply: Reply, _: G) -> Reply {
        reply
    }

    fn bare<G: Guard>(&self, reply: Reply) -> Reply {
        reply
    }
}

type Letters = Backend<Letter, Reply, &'static str>;
type Office = BoxCloneService<Letter, Reply, Error<&'static str>>;
type Answer = Result<Reply, Error<&'static str>>;

/// How a stack is put together: as one service or by hand, with a service for each endpoint or with one that all share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Stack,
    ByHand,
    SharedStack,
    SharedByHand,
}

/// Where endpoints are ready or not, each for itself.
const APART: [Shape; 2] = [Shape::Stack, Shape::ByHand];

const SHAPES: [Shape; 4] = [Shape::Stack, Shape::ByHand, Shape::SharedStack, Shape::SharedByHand];

/// Of all endpoints that a world may have.
const NAMES: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];

/// One cluster of two regions: `eu` with `a`, `b` and `c`, and `us` with `d` and `e`, which takes what `eu` cannot.
struct World {
    traffic: Traffic,
    hand: ManualClock,
    backends: BTreeMap<String, Letters>,
    heard: Arc<Heard>,
    stack: Office,
}

/// All that observers heard, in words.
#[derive(Default)]
struct Heard {
    said: Mutex<Vec<Said>>,
    /// How long each attempt after a first one was to wait, in order.
    waits: Mutex<Vec<Duration>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Said {
    Attempt(u32),
    Outcome(u32, Outcome),
    Another(u32, Cause),
    GaveUp(GiveUp),
    Rejection(Rejected),
}

impl Heard {
    fn put(&self, said: Said) {
        self.said.lock().expect("no panic").push(said);
    }

    fn take(&self) -> Vec<Said> {
        std::mem::take(&mut self.said.lock().expect("no panic"))
    }

    fn waits(&self) -> Vec<Duration> {
        std::mem::take(&mut self.waits.lock().expect("no panic"))
    }

    /// Why there was no other attempt, since this was last asked.
    fn gave_up(&self) -> Vec<GiveUp> {
        let why = |said| if let Said::GaveUp(why) = said { Some(why) } else { None };
        self.take().into_iter().filter_map(why).collect()
    }
}

impl Observer for Heard {
    fn rejection(&self, _: &Snapshot, rejected: &Rejected) {
        self.put(Said::Rejection(rejected.clone()));
    }

    fn attempt(&self, _: &Snapshot, decision: &Decision) {
        self.put(Said::Attempt(decision.attempt()));
    }

    fn outcome(&self, _: &Snapshot, decision: &Decision, outcome: Outcome, _: Duration) {
        self.put(Said::Outcome(decision.attempt(), outcome));
    }

    fn another(&self, _: &Snapshot, another: &Another) {
        self.waits.lock().expect("no panic").push(another.wait);
        self.put(Said::Another(another.attempt, another.cause));
    }

    fn gave_up(&self, _: &Snapshot, why: &GiveUp) {
        self.put(Said::GaveUp(*why));
    }
}

impl World {
    fn new(shape: Shape, seed: u64, route: impl FnOnce(RouteSpec) -> RouteSpec) -> Self {
        World::with(shape, seed, RetryBudget::default(), |spec| spec, route)
    }

    fn with(
        shape: Shape,
        seed: u64,
        budget: RetryBudget,
        more: impl FnOnce(TableSpec) -> TableSpec,
        route: impl FnOnce(RouteSpec) -> RouteSpec,
    ) -> Self {
        let spec = TableSpec::new()
            .cluster("post", |c| {
                c.region("eu", |r| r.rank(0).endpoint("a", "a:1").endpoint("b", "b:1").endpoint("c", "c:1"))
                    .region("us", |r| r.rank(1).endpoint("d", "d:1").endpoint("e", "e:1"))
                    .retry_budget(budget)
            })
            .route("letters", |r| route(r.any().to("post").deadline(ms(10_000))));
        World::of(shape, seed, more(spec))
    }

    /// Over a table of its own, whose endpoints have these names.
    fn of(shape: Shape, seed: u64, spec: TableSpec) -> Self {
        let (clock, hand) = Clock::manual();
        let table = spec.build().expect("a sound table");
        let traffic = Traffic::with_sources(table, clock, Entropy::seeded(seed));
        let heard = Arc::new(Heard::default());
        traffic.observe(heard.clone());
        let backends: BTreeMap<String, Letters> =
            NAMES.map(|name| (name.to_owned(), Letters::new(Step::Answer(Reply::Fine)))).into();
        let stack = stack(shape, &traffic, &backends);
        World { traffic, hand, backends, heard, stack }
    }

    fn at(&self, name: &str) -> &Letters {
        &self.backends[name]
    }

    fn now(&self) -> Instant {
        self.traffic.now()
    }

    fn cluster(&self) -> ClusterStatus {
        self.traffic.status().clusters.remove(0)
    }

    fn region(&self, name: &str) -> RegionStatus {
        self.cluster().regions.into_iter().find(|region| region.name == name).expect("a region of that name")
    }

    fn budget(&self) -> BudgetStatus {
        self.cluster().retry_budget
    }

    /// Tokens that are left, of the cluster and of its regions.
    fn tokens(&self) -> (Option<f64>, Vec<Option<f64>>) {
        let cluster = self.cluster();
        (cluster.retry_budget.tokens, cluster.regions.iter().map(|region| region.retry_share).collect())
    }

    /// What all backends do from now on, once each.
    fn all_once(&self, step: Step<Reply, &'static str>) {
        self.backends.values().for_each(|backend| backend.once(step.clone()));
    }

    /// What all backends do from now on whenever they are told nothing else: `count` times.
    fn all(&self, step: Step<Reply, &'static str>, count: usize) {
        (0..count).for_each(|_| self.all_once(step.clone()));
    }

    fn call(&mut self, letter: Letter) -> Called {
        Called(Box::pin(self.stack.call(letter)))
    }

    /// Called, and asked once: it has to wait.
    fn started(&mut self, letter: Letter) -> Called {
        let mut called = self.call(letter);
        assert!(called.poll().is_pending(), "it has its answer already");
        called
    }

    /// Two requests that need none: they add to what their route's hedges are bounded by, of which not all is paid in.
    fn allow_a_hedge(&mut self) {
        for _ in 0..2 {
            let mut called = self.call(Letter { repeats: Repeats::Never, ..letter(u64::MAX) });
            drop(called.poll());
        }
        self.taken();
    }

    /// So many requests that are answered well.
    fn succeed(&mut self, count: usize) {
        for _ in 0..count {
            let mut called = self.call(letter(1));
            assert_eq!(self.finish(&mut called), Ok(Reply::Fine));
        }
        self.taken();
    }

    /// All backends forget what they were told and what they got.
    fn forget(&self) {
        self.forget_all_but(&[]);
    }

    /// The same, but for those of these names.
    fn forget_all_but(&self, names: &[String]) {
        for (_, backend) in self.backends.iter().filter(|(name, _)| !names.contains(name)) {
            (0..16).for_each(|_| drop(backend.clone().call(letter(u64::MAX))));
        }
        self.taken();
    }

    /// Answers all calls that are held, everywhere.
    fn release(&self) {
        self.backends.values().for_each(|backend| backend.release());
    }

    /// Which endpoints got how many attempts since this was last asked: names, one for each.
    fn taken(&self) -> Vec<(String, Letter)> {
        let taken = self
            .backends
            .iter()
            .flat_map(|(name, backend)| backend.take_requests().into_iter().map(move |letter| (name.clone(), letter)));
        let mut taken: Vec<_> = taken.collect();
        taken.sort_by_key(|(_, letter)| letter.previous);
        taken
    }

    fn names(&self) -> Vec<String> {
        self.taken().into_iter().map(|(name, _)| name).collect()
    }

    fn in_flight(&self) -> u32 {
        let status = self.traffic.status();
        status.clusters.iter().flat_map(|cluster| &cluster.regions).map(|region| region.in_flight).sum()
    }

    /// Polls until it is over, and lets time pass where it waits.
    fn finish(&self, called: &mut Called) -> Answer {
        loop {
            if let Poll::Ready(answer) = called.poll() {
                return answer;
            }
            let next = self.hand.next_alarm().expect("it waits for something");
            self.hand.advance_to(next);
        }
    }
}

/// One service for all endpoints, told which by the layer above.
#[derive(Clone)]
struct Sorter(Arc<BTreeMap<String, Letters>>);

impl Service<(String, Letter)> for Sorter {
    type Response = Reply;
    type Error = &'static str;
    type Future = Call<Letter, Reply, &'static str>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (name, letter): (String, Letter)) -> Self::Future {
        self.0[&name].clone().call(letter)
    }
}

fn addressed(letter: Letter, target: &Target<'_>) -> (String, Letter) {
    (target.endpoint().name().to_string(), letter)
}

fn stack(shape: Shape, traffic: &Traffic, backends: &BTreeMap<String, Letters>) -> Office {
    let backends = Arc::new(backends.clone());
    let sorter = Sorter(backends.clone());
    let make = move |endpoint: &Endpoint| Probe::new(backends[endpoint.name().as_str()].clone());
    let layers = ServiceBuilder::new()
        .layer(traffic.route(Post))
        .layer(traffic.limit())
        .layer(traffic.retry())
        .layer(traffic.failover());
    match shape {
        Shape::Stack => BoxCloneService::new(traffic.layers(Post).per_endpoint(make)),
        Shape::ByHand => BoxCloneService::new(layers.service(PerEndpoint::new(make))),
        Shape::SharedStack => BoxCloneService::new(traffic.layers(Post).passthrough(sorter).map_attempt(addressed)),
        Shape::SharedByHand => {
            let leaf = MapAttempt::new(Passthrough::new().layer(sorter), addressed);
            BoxCloneService::new(layers.service(leaf))
        }
    }
}

/// A call under way.
struct Called(Pin<Box<dyn Future<Output = Answer>>>);

impl Called {
    fn poll(&mut self) -> Poll<Answer> {
        self.0.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }
}
