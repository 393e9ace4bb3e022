//! What holds of retries and hedges: in the one service and in the layers by hand.
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

mod course;
mod hedges;

use contraflow::layer::PerEndpoint;
use contraflow::protocol::{Classify, Describe, Guard, Release, Replay};
use contraflow::table::{Backoff, Endpoint, Idempotency, LeaveRegion, RouteSpec, Successes};
use contraflow::testing::{Backend, Probe, Readiness, Step};
use contraflow::time::{Clock, ManualClock};
use contraflow::{
    Another, Cause, Decision, Entropy, Error, Facts, GiveUp, Hedge, Observer, Outcome, Rejected, Retry, RetryBudget,
    Retryable, Snapshot, TableSpec, Traffic, Verdict,
};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tower::util::BoxCloneService;
use tower::{Service, ServiceBuilder};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A request, and how many attempts its copy says were made before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Letter {
    number: u64,
    is_idempotent: bool,
    previous: u32,
}

fn letter(number: u64) -> Letter {
    Letter { number, is_idempotent: true, previous: 0 }
}

/// An answer that says by itself what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Fine,
    /// Whatever the caller likes, sending it again changes nothing.
    Wrong,
    /// Down: again, perhaps after so long.
    Down(Option<Duration>),
    /// Turned away before anything was done.
    TurnedAway,
    /// Down, and not to be asked again.
    DoNotRetry,
}

/// The protocol of letters.
#[derive(Clone, Copy, Debug)]
struct Post;

impl Describe<Letter> for Post {
    fn facts<'r>(&self, _: &'r Letter) -> Result<Facts<'r>, Rejected> {
        Ok(Facts::path("letters"))
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
        Some(*letter)
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
            Ok(Reply::TurnedAway) | Err(&"not connected") => Retryable::NotProcessed { after: None },
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
type Answer = Result<Reply, Error<&'static str>>;

/// How a stack is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Stack,
    ByHand,
}

const SHAPES: [Shape; 2] = [Shape::Stack, Shape::ByHand];

/// One cluster of two regions: `eu` with `a`, `b` and `c`, and `us` with `d` and `e`, which takes what `eu` cannot.
struct World {
    traffic: Traffic,
    hand: ManualClock,
    backends: BTreeMap<String, Letters>,
    heard: Arc<Heard>,
    stack: BoxCloneService<Letter, Reply, Error<&'static str>>,
}

/// All that observers heard, in words.
#[derive(Default)]
struct Heard(Mutex<Vec<Said>>);

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
        self.0.lock().expect("no panic").push(said);
    }

    fn take(&self) -> Vec<Said> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
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
        let (clock, hand) = Clock::manual();
        let table = more(spec).build().expect("a sound table");
        let traffic = Traffic::with_sources(table, clock, Entropy::seeded(seed));
        let heard = Arc::new(Heard::default());
        traffic.observe(heard.clone());
        let backends: BTreeMap<String, Letters> =
            ["a", "b", "c", "d", "e"].map(|name| (name.to_owned(), Letters::new(Step::Answer(Reply::Fine)))).into();
        let stack = stack(shape, &traffic, &backends);
        World { traffic, hand, backends, heard, stack }
    }

    fn of(&self, name: &str) -> &Letters {
        &self.backends[name]
    }

    /// What all backends do from now on, once each.
    fn all_once(&self, step: Step<Reply, &'static str>) {
        self.backends.values().for_each(|backend| backend.once(step.clone()));
    }

    fn call(&mut self, letter: Letter) -> Called {
        Called(Box::pin(self.stack.call(letter)))
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

fn stack(
    shape: Shape,
    traffic: &Traffic,
    backends: &BTreeMap<String, Letters>,
) -> BoxCloneService<Letter, Reply, Error<&'static str>> {
    let backends = Arc::new(backends.clone());
    let make = move |endpoint: &Endpoint| Probe::new(backends[endpoint.name().as_str()].clone());
    match shape {
        Shape::Stack => BoxCloneService::new(traffic.layers(Post).per_endpoint(make)),
        Shape::ByHand => BoxCloneService::new(
            ServiceBuilder::new()
                .layer(traffic.route(Post))
                .layer(traffic.limit())
                .layer(traffic.retry())
                .layer(traffic.failover())
                .service(PerEndpoint::new(make)),
        ),
    }
}

/// A call under way.
struct Called(Pin<Box<dyn Future<Output = Answer>>>);

impl Called {
    fn poll(&mut self) -> Poll<Answer> {
        self.0.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }
}
