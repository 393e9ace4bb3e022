//! The whole stack beside tower's own `Retry > Steer(8) > ConcurrencyLimit` ("the tower stack"), which does far less: no
//! match, no weights, no regions, no health record, no clock. One line a goal: `name ratio bar ok|MISSED`.
//!
//! All cases take turns in one process, so shortly that most turns are not interrupted, in many rounds; a ratio is the median
//! of the rounds' ratios. The service inside answers at once with the request, so that nothing is built while time is taken
//! and the cost is the stacks' own; futures are polled by hand, so no runtime's cost is added to both.
//!
//! Ours is route, failover and a leaf over 100 routes, a split, 8 endpoints in 2 regions, and the record of every answer.
//! `cargo bench --bench track --features tsc`; without `--features tsc` all lines are measured by the machine's clock.

mod support;

use bytes::Bytes;
use contraflow::layer::{Origin, Stack};
use contraflow::protocol::{Classify, Describe, Guard, Release, Replay};
use contraflow::time::Clock;
use contraflow::{Entropy, Facts, Http, Outcome, Plain, Rejected, Table, TableSpec, Traffic, Verdict};
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use std::convert::Infallible;
use std::fmt::Debug;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;
use support::pace::{Case, Pace, bar, median, note, ratio, timed};
use support::tower_stack::{Echo, tower_stack};
use support::{SMALL, Shape};
use tower::{Service, ServiceBuilder};

type HttpRequest = Request<Full<Bytes>>;

fn main() {
    let pace = Pace::of(201, Duration::from_micros(500));
    one_thread(&pace);
    retries(&pace);
    health(&pace);
    bodies(&pace);
    sizes(&pace);
    two_threads(&pace);
}

fn clock() -> Clock {
    #[cfg(feature = "tsc")]
    return Clock::tsc();
    #[cfg(not(feature = "tsc"))]
    Clock::std()
}

fn traffic_by(table: Table, clock: Clock) -> Traffic {
    Traffic::with_sources(table, clock, Entropy::random())
}

fn traffic(shape: Shape) -> Traffic {
    traffic_by(shape.table(), clock())
}

/// One route that takes everything, over the clusters of a small table.
fn default_route() -> TableSpec {
    let mut spec = SMALL.spec();
    spec.routes.truncate(1);
    spec.routes[0].matches = vec![contraflow::Match::new()];
    spec
}

/// HTTP requests that are answered by themselves.
#[derive(Clone, Copy)]
struct Echoed;

impl<B> Describe<Request<B>> for Echoed {
    #[inline]
    fn facts<'r>(&self, request: &'r Request<B>) -> Result<Facts<'r>, Rejected> {
        Facts::http(request)
    }
}

impl<B> Replay<Request<B>> for Echoed {
    type Sent = Request<B>;
    #[inline]
    fn seal(&self, request: Request<B>) -> Request<B> {
        request
    }
}

/// The same, and those of one kind may be sent again.
#[derive(Clone, Copy)]
struct Repeated {
    is_idempotent: bool,
}

impl<B> Describe<Request<B>> for Repeated {
    #[inline]
    fn facts<'r>(&self, request: &'r Request<B>) -> Result<Facts<'r>, Rejected> {
        Facts::http(request)
    }
    #[inline]
    fn is_idempotent(&self, _: &Request<B>) -> bool {
        self.is_idempotent
    }
}

impl<B: Clone> Replay<Request<B>> for Repeated {
    type Sent = Request<B>;
    #[inline]
    fn seal(&self, request: Request<B>) -> Request<B> {
        request
    }
    #[inline]
    fn copy(&self, sent: &mut Request<B>, _: usize) -> Option<Request<B>> {
        Some(sent.clone())
    }
}

impl<T, E> Classify<T, E> for Repeated {
    #[inline]
    fn classify(&self, answer: Result<&T, &E>) -> Verdict {
        Echoed.classify(answer)
    }
}

impl<T> Release<T> for Repeated {
    type Held<G: Guard> = T;
    #[inline]
    fn hold<G: Guard>(&self, answer: T, _: G) -> T {
        answer
    }
    #[inline]
    fn bare<G: Guard>(&self, answer: T) -> T {
        answer
    }
}

impl<T, E> Classify<T, E> for Echoed {
    #[inline]
    fn classify(&self, answer: Result<&T, &E>) -> Verdict {
        Verdict::Known(if answer.is_ok() { Outcome::Success } else { Outcome::Failure })
    }
}

impl<T> Release<T> for Echoed {
    type Held<G: Guard> = T;
    #[inline]
    fn hold<G: Guard>(&self, answer: T, _: G) -> T {
        answer
    }
    #[inline]
    fn bare<G: Guard>(&self, answer: T) -> T {
        answer
    }
}

fn http_request() -> HttpRequest {
    support::request(37, 0).map(|()| Full::new(Bytes::from_static(b"hello world")))
}

/// The answer of a future that does not wait.
#[inline]
fn now<F: Future<Output = Result<T, E>>, T, E: Debug>(future: F) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(answer)) => answer,
        Poll::Ready(Err(error)) => panic!("the service inside does not fail, and nobody refuses: {error:?}"),
        Poll::Pending => panic!("the service inside answers at once"),
    }
}

#[inline]
fn call<S: Service<R, Error: Debug>, R>(service: &mut S, request: R) -> S::Response {
    let ready = service.poll_ready(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(ready, Poll::Ready(Ok(()))), "the service inside is always ready");
    now(service.call(request))
}

/// One value of the service is used again and again.
fn held<'a, S, R>(mut service: S, request: R, back: impl Fn(S::Response) -> R + 'a) -> Case<'a>
where
    S: Service<R, Error: Debug> + 'a,
    R: 'a,
{
    let mut request = Some(request);
    Box::new(move |times| {
        timed(times, || {
            let sent = request.take().expect("the request came back");
            request = Some(back(call(&mut service, black_box(sent))));
        })
    })
}

/// The service is cloned for each request.
fn cloned<'a, S, R>(service: S, request: R, back: impl Fn(S::Response) -> R + 'a) -> Case<'a>
where
    S: Service<R, Error: Debug> + Clone + 'a,
    R: 'a,
{
    let mut request = Some(request);
    Box::new(move |times| {
        timed(times, || {
            let sent = request.take().expect("the request came back");
            request = Some(back(call(&mut service.clone(), black_box(sent))));
        })
    })
}

fn same<T>(answer: T) -> T {
    answer
}

fn numbers(traffic: &Traffic) -> impl Service<u64, Response = u64, Error: Debug> + Clone + Send + Sync + use<> {
    traffic.layers(Plain::new(|_: &u64| Facts::path("/api/v37/items/42"))).passthrough(Echo)
}

fn echoed<L>(
    traffic: &Traffic,
    leaf: impl FnOnce(contraflow::layer::Layers<Echoed>) -> Stack<Echoed, L>,
) -> Stack<Echoed, L> {
    leaf(traffic.layers(Echoed))
}

fn one_thread(pace: &Pace) {
    let small = traffic(SMALL);
    let std = traffic_by(SMALL.table(), Clock::std());
    let default = traffic_by(default_route().build().expect("a sound table"), clock());
    let by_hand = ServiceBuilder::new()
        .layer(small.route(Echoed))
        .layer(small.failover())
        .layer(contraflow::layer::Passthrough::new())
        .service(Echo);
    let [u64_bare, u64_tower, u64_default, u64_routed] = pace.measure([
        held(Echo, 7, same),
        held(tower_stack(&Echo), 7, same),
        held(numbers(&default), 7, same),
        held(numbers(&small), 7, same),
    ]);
    // What was sent to an endpoint's URI could not be sent again: both cases put the request's own back.
    let uri = http_request().uri().clone();
    let home = |mut request: HttpRequest| {
        *request.uri_mut() = uri.clone();
        request
    };
    let [bare, tower, ours, ours_std, direct, origin, hand, tower_cloned, ours_cloned] = pace.measure([
        held(Echo, http_request(), same),
        held(tower_stack(&Echo), http_request(), same),
        held(echoed(&small, |it| it.passthrough(Echo)), http_request(), same),
        held(echoed(&std, |it| it.passthrough(Echo)), http_request(), same),
        held(echoed(&small, |it| it.passthrough(Echo)), http_request(), home),
        held(echoed(&small, |it| it.origin(Origin::new(), Echo)), http_request(), home),
        held(by_hand, http_request(), same),
        cloned(tower_stack(&Echo), http_request(), same),
        cloned(echoed(&small, |it| it.passthrough(Echo)), http_request(), same),
    ]);
    note("u64, bare service", median(&u64_bare), " ns");
    note("u64, tower stack", median(&u64_tower), " ns");
    note("u64, default route", median(&u64_default), " ns");
    bar("u64, default route", ratio(&u64_default, &u64_tower), "", 0.75);
    note("u64, one of 100 routes", ratio(&u64_routed, &u64_tower), "");
    note("http, bare service", median(&bare), " ns");
    note("http, tower stack", median(&tower), " ns");
    note("http, held", median(&ours), " ns");
    bar("http, held", ratio(&ours, &tower), "", 0.50);
    bar("http, held, machine's clock", ratio(&ours_std, &tower), "", 0.60);
    bar("http, cloned per request", ratio(&ours_cloned, &tower_cloned), "", 0.40);
    bar("http, layers by hand", ratio(&hand, &tower), "", 0.80);
    bar("Origin's rewriting", median(&origin) - median(&direct), " ns", 60.0);
}

/// What it costs that requests may be sent again, and what it costs the others.
fn retries(pace: &Pace) {
    let (never, retrying) = (traffic(SMALL), {
        let spec = SMALL.spec().retry(contraflow::Retry::default());
        traffic_by(spec.build().expect("a sound table"), clock())
    });
    let stack = |traffic: &Traffic, is_idempotent| traffic.layers(Repeated { is_idempotent }).passthrough(Echo);
    let [tower, tower_cloned, sent_once, not_again, again, again_cloned, copy] = pace.measure([
        held(tower_stack(&Echo), http_request(), same),
        cloned(tower_stack(&Echo), http_request(), same),
        held(stack(&never, false), http_request(), same),
        held(stack(&retrying, false), http_request(), same),
        held(stack(&retrying, true), http_request(), same),
        cloned(stack(&retrying, true), http_request(), same),
        held(Echo, http_request(), |request: HttpRequest| {
            drop(black_box(request.clone()));
            request
        }),
    ]);
    bar("a route that retries, not idempotent", median(&not_again) - median(&sent_once), " ns", 15.0);
    note("one copy of the request", median(&copy), " ns");
    note("retryable beside that and sent once", median(&again) - median(&sent_once) - median(&copy), " ns");
    bar("retryable, held", ratio(&again, &tower), "", 1.0);
    bar("retryable, cloned per request", ratio(&again_cloned, &tower_cloned), "", 0.80);
}

/// What it costs that a region is watched: its endpoints' windows, and a look whether it is time to look.
fn health(pace: &Pace) {
    let watched = {
        let spec = SMALL.spec().outlier(contraflow::Outlier::default());
        traffic_by(spec.build().expect("a sound table"), clock())
    };
    let stack = |traffic: &Traffic| traffic.layers(Repeated { is_idempotent: false }).passthrough(Echo);
    let [alone, watched] =
        pace.measure([held(stack(&traffic(SMALL)), http_request(), same), held(stack(&watched), http_request(), same)]);
    bar("a region that is watched", median(&watched) - median(&alone), " ns", 15.0);
}

/// Answers with the request's headers and body.
#[derive(Clone, Copy)]
struct Answering;

impl<B> Service<Request<B>> for Answering {
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Ready<Result<Response<B>, Infallible>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let mut response = Response::new(body);
        *response.headers_mut() = parts.headers;
        ready(Ok(response))
    }
}

/// Reads the body to its end and makes the request again.
fn drained<B: Body<Data = Bytes>>(request: &HttpRequest, response: Response<B>) -> HttpRequest {
    let (parts, body) = response.into_parts();
    let mut body = pin!(body);
    let mut data = Bytes::new();
    while let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop())) {
        data = frame.into_data().unwrap_or_default();
        if body.is_end_stream() {
            break;
        }
    }
    let mut again = Request::new(Full::new(data));
    *again.uri_mut() = request.uri().clone();
    *again.headers_mut() = parts.headers;
    again
}

fn bodies(pace: &Pace) {
    let traffic = traffic(SMALL);
    let request = http_request();
    let back = |response| drained(&request, response);
    let [tower, at_head, to_end] = pace.measure([
        held(tower_stack(&Answering), http_request(), back),
        held(echoed(&traffic, |it| it.passthrough(Answering)), http_request(), back),
        held(traffic.layers(Http).passthrough(Answering), http_request(), |response| drained(&request, response)),
    ]);
    note("http and its body, tower stack", median(&tower), " ns");
    note("http and its body, to the head", ratio(&at_head, &tower), "");
    note("http and its body, to the end", ratio(&to_end, &tower), "");
    bar("body guard, drain and the rest", median(&to_end) - median(&at_head), " ns", 45.0);
}

fn sizes(pace: &Pace) {
    let shapes =
        [SMALL, Shape { endpoints: 1000, ..SMALL }, Shape { routes: 10, ..SMALL }, Shape { routes: 1000, ..SMALL }];
    let traffics = shapes.map(traffic);
    let requests = shapes.map(|shape| shape.requests(64));
    let stacks = traffics.each_ref().map(|traffic| echoed(traffic, |it| it.passthrough(Echo)));
    let cases = std::array::from_fn(|at| -> Case<'_> {
        let mut stack = stacks[at].clone();
        let mut turn: Vec<_> = requests[at].iter().map(|request| Some(copy(request))).collect();
        let mut next = 0;
        Box::new(move |times| {
            timed(times, || {
                next = (next + 1) % 64;
                let sent = turn[next].take().expect("the request came back");
                turn[next] = Some(call(&mut stack, black_box(sent)));
            })
        })
    });
    let [eight, thousand, few, many] = pace.measure(cases);
    bar("1000 endpoints / 8", ratio(&thousand, &eight), "", 1.25);
    bar("1000 routes / 10", ratio(&many, &few), "", 1.3);
    let tables = [SMALL.table(), Shape { weighted: true, ..SMALL }.table()];
    let (quiet, busy) = (traffic(SMALL), traffic(SMALL));
    let stack = |traffic: &Traffic| held(echoed(traffic, |it| it.passthrough(Echo)), http_request(), same);
    // A writer needs a core of its own, so these two cannot take turns with it: they do with each other.
    let [alone, published] =
        support::threads::while_publishing(&busy, &tables, || pace.measure([stack(&quiet), stack(&busy)]));
    bar("under a publisher / alone", ratio(&published, &alone), "", 1.25);
}

fn copy(request: &Request<()>) -> HttpRequest {
    request.clone().map(|()| Full::new(Bytes::from_static(b"hello world")))
}

/// The time of so many calls on each of two threads, by the mean of both.
fn on_two<'a, S, R>(service: S, request: impl Fn() -> R + Sync + 'a) -> Case<'a>
where
    S: Service<R, Response = R, Error: Debug> + Clone + Send + Sync + 'a,
{
    Box::new(move |times| {
        let ready = AtomicU32::new(0);
        let run = || {
            let (mut service, mut request) = (service.clone(), Some(request()));
            request = Some(call(&mut service, request.take().expect("just made")));
            // Spinning, so that both begin at once.
            ready.fetch_add(1, Ordering::AcqRel);
            while ready.load(Ordering::Acquire) < 2 {
                std::hint::spin_loop();
            }
            timed(times, || {
                let sent = request.take().expect("the request came back");
                request = Some(call(&mut service, black_box(sent)));
            })
        };
        let all: Duration = thread::scope(|scope| {
            let threads = [scope.spawn(run), scope.spawn(run)];
            threads.into_iter().map(|thread| thread.join().expect("a loop that does not panic")).sum()
        });
        all / 2
    })
}

fn two_threads(pace: &Pace) {
    // Threads are started for each turn: longer turns, and fewer.
    let pace = Pace { rounds: pace.rounds.div_ceil(4), slice: pace.slice * 4 };
    let default = traffic_by(default_route().build().expect("a sound table"), clock());
    let small = traffic(SMALL);
    let [tower, ours, http_tower, http_ours] = pace.measure([
        on_two(tower_stack(&Echo), || 7u64),
        on_two(numbers(&default), || 7u64),
        on_two(tower_stack(&Echo), http_request),
        on_two(echoed(&small, |it| it.passthrough(Echo)), http_request),
    ]);
    note("two threads, u64, tower stack", median(&tower), " ns");
    note("two threads, u64", median(&ours), " ns");
    bar("two threads, u64", ratio(&ours, &tower), "", 0.45);
    bar("two threads, http", ratio(&http_ours, &http_tower), "", 0.55);
}
