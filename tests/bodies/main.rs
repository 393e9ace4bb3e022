//! What holds of an answer from its head to its end: every frame comes through as it is, the request counts as in flight
//! until exactly the right moment, and what the answer says counts once.
//!
//! Bodies are scripts that are polled by hand, beside the same script without anything around it. Time is moved by hand.
#![allow(clippy::unchecked_time_subtraction, reason = "a test that subtracts too much should panic")]
#![allow(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "helpers that read well where they are used"
)]
#![allow(clippy::wildcard_imports, reason = "the parts share what they are written in terms of")]

mod deadlines;
mod frames;
mod guards;
mod outcomes;
mod peeked;
mod replay;
mod stalled;

use bytes::Bytes;
use contraflow::error::Reason;
use contraflow::layer::Held;
use contraflow::protocol::{Replay, ReplayBody, ResponseBody};
use contraflow::table::{ReleaseOn, RouteSpec};
use contraflow::time::{Clock, Instant, ManualClock};
use contraflow::traffic::EndpointStatus;
use contraflow::{Decision, Entropy, Error, Facts, Grpc, Http, Observer, Outcome, Plain, Snapshot, TableSpec, Traffic};
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, FileFailurePersistence};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tower::{Service, service_fn};

const SECOND: Duration = Duration::from_secs(1);
const NANO: Duration = Duration::from_nanos(1);

const RELEASES: [ReleaseOn; 3] = [ReleaseOn::Head, ReleaseOn::FirstFrame, ReleaseOn::End];

/// A nanosecond less.
fn short_of(time: Duration) -> Duration {
    time.saturating_sub(NANO)
}

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..Config::default()
    }
}

/// Traffic to one endpoint whose time is moved by hand.
fn traffic(describe: impl FnOnce(RouteSpec) -> RouteSpec) -> (Traffic, ManualClock) {
    let spec = TableSpec::new()
        .cluster("api", |cluster| cluster.region("us", |region| region.endpoint("a", "a:80")))
        .route("all", |route| describe(route.any().to("api")));
    let (clock, hand) = Clock::manual();
    (Traffic::with_sources(spec.build().expect("a sound table"), clock, Entropy::seeded(1)), hand)
}

/// What is known of the one endpoint, which is all that its region knows.
fn endpoint(traffic: &Traffic) -> EndpointStatus {
    let region = traffic.status().clusters.remove(0).regions.remove(0);
    assert_eq!(region.in_flight, region.endpoints[0].in_flight, "the region counts what its endpoint does");
    region.endpoints[0].clone()
}

fn in_flight(traffic: &Traffic) -> u32 {
    endpoint(traffic).in_flight
}

/// Successes and failures of the one endpoint.
fn counts(traffic: &Traffic) -> (u64, u64) {
    let endpoint = endpoint(traffic);
    (endpoint.successes, endpoint.failures)
}

/// How many outcomes of each kind an observer heard of: successes, failures, busy, nothing said.
#[derive(Default)]
struct Told {
    outcomes: [AtomicU64; 4],
    /// The time of the last, in nanoseconds.
    took: AtomicU64,
}

impl Told {
    fn observing(traffic: &Traffic) -> Arc<Self> {
        let told = Arc::new(Told::default());
        traffic.observe(told.clone());
        told
    }

    fn outcomes(&self) -> [u64; 4] {
        self.outcomes.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

impl Observer for Told {
    fn outcome(&self, _: &Snapshot, _: &Decision, outcome: Outcome, took: Duration) {
        self.took.store(took.as_nanos() as u64, Ordering::Relaxed);
        self.outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls once; nobody is to be woken.
fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The output of a future that has it at once.
fn now<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is not ready"),
    }
}

/// Why a body or a service failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

/// What a body does when it is polled.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Act {
    Wait,
    Data(Bytes),
    Trailers(HeaderMap),
    Fail,
}

/// When a body says that it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    /// As soon as no frame will come, as a body of a known length does.
    Early,
    /// When it was polled to its end, and not before.
    Late,
    /// Only by its `None`.
    Never,
}

/// A body that does what it is told, and says whatever it likes of its length.
#[derive(Clone, Debug)]
struct Script {
    acts: VecDeque<Act>,
    tells: Tells,
    /// For each number of acts that are left, in turn; none for the default.
    hints: Vec<Option<(u64, Option<u64>)>>,
    is_over: bool,
}

impl Script {
    fn new(acts: impl IntoIterator<Item = Act>, tells: Tells) -> Self {
        Script { acts: acts.into_iter().collect(), tells, hints: vec![None], is_over: false }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.acts.pop_front() {
            Some(Act::Wait) => Poll::Pending,
            Some(Act::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Act::Trailers(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Some(Act::Fail) => Poll::Ready(Some(Err(Broken))),
            None => {
                self.is_over = true;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.tells {
            Tells::Early => self.acts.iter().all(|act| *act == Act::Wait),
            Tells::Late => self.is_over,
            Tells::Never => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::default();
        if let Some((lower, upper)) = self.hints[self.acts.len() % self.hints.len()] {
            hint.set_lower(lower);
            if let Some(upper) = upper {
                hint.set_upper(lower.saturating_add(upper));
            }
        }
        hint
    }
}

/// What a poll of a body gave.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Waits,
    Data(Bytes),
    Trailers(HeaderMap),
    Failed,
    Ended,
}

fn poll_frame<B>(body: &mut B) -> Seen
where
    B: Body<Data = Bytes, Error = Broken> + Unpin,
{
    match Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => Seen::Waits,
        Poll::Ready(None) => Seen::Ended,
        Poll::Ready(Some(Err(Broken))) => Seen::Failed,
        Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
            Ok(data) => Seen::Data(data),
            Err(frame) => Seen::Trailers(frame.into_trailers().expect("a frame is data or trailers")),
        },
    }
}

/// What a body says of itself: whether it has ended, and how long it is.
fn says<B: Body>(body: &B) -> (bool, u64, Option<u64>) {
    let hint = body.size_hint();
    (body.is_end_stream(), hint.lower(), hint.upper())
}

/// A body with a guard in it.
type Answer = Response<ResponseBody<Script, Held>>;

/// What the protocols of bodies answer when the service answers this at once.
fn answered(traffic: &Traffic, is_grpc: bool, head: &Response<()>, body: &Script) -> Answer {
    let service = service_fn(|_: Request<ReplayBody<Script>>| {
        let mut response = Response::new(body.clone());
        *response.status_mut() = head.status();
        *response.headers_mut() = head.headers().clone();
        std::future::ready(Ok::<_, Broken>(response))
    });
    let request = Request::new(Script::new([], Tells::Early));
    let answer = if is_grpc {
        now(traffic.layers(Grpc).passthrough(service).call(request))
    } else {
        now(traffic.layers(Http).passthrough(service).call(request))
    };
    answer.expect("the service answers")
}

fn data(text: &'static str) -> Act {
    Act::Data(Bytes::from_static(text.as_bytes()))
}

fn grpc_status(status: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), HeaderValue::from_static(status))])
}

/// Any data, in parts of any size, some of them empty.
fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

/// Trailers, with and without a status of gRPC.
fn trailers() -> impl Strategy<Value = HeaderMap> {
    let status = option::of(select(&["0", "1", "2", "5", "8", "14", "17", "99", "x"][..]));
    (status, vec(select(&["a", "b"][..]), 0..3)).prop_map(|(status, others)| {
        let mut trailers = status.map_or_else(HeaderMap::new, grpc_status);
        for other in others {
            trailers.append(HeaderName::from_static("x-other"), HeaderValue::from_static(other));
        }
        trailers
    })
}

/// Bodies of any frames: data and waiting in any order, perhaps an error among them, perhaps trailers at the end.
fn scripts() -> impl Strategy<Value = Script> {
    let act = prop_oneof![3 => bytes().prop_map(Act::Data), 2 => Just(Act::Wait)];
    let acts = (vec(act.clone(), 0..8), option::weighted(0.3, vec(act, 0..4)), option::of(trailers()), 0..3_usize);
    let acts = acts.prop_map(|(mut acts, after_error, trailers, waits)| {
        if let Some(after_error) = after_error {
            acts.push(Act::Fail);
            acts.extend(after_error);
        }
        acts.extend(trailers.map(Act::Trailers));
        acts.extend(std::iter::repeat_n(Act::Wait, waits));
        acts
    });
    let hints = vec(option::of((any::<u64>(), option::of(any::<u64>()))), 1..4);
    (acts, select(&[Tells::Early, Tells::Late, Tells::Never][..]), hints)
        .prop_map(|(acts, tells, hints)| Script { hints, ..Script::new(acts, tells) })
}
