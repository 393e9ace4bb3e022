//! Requests in trouble: bodies that nobody may touch, who is woken, shapes beside each other while endpoints are busy and
//! broken, and headers that claim something.

use super::*;
use bytes::Bytes;
use contraflow::Http;
use contraflow::layer::{MapAttempt, Target};
use contraflow::testing::strategies::{requests, tables};
use http::{HeaderName, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{Empty, Full};
use proptest::sample::select;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

/// A body that is neither read nor copied.
struct Sealed;

impl Body for Sealed {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        panic!("the body was read")
    }
}

/// I-65: over HTTP too the request that is passed on is the very same: its body is not read.
#[test]
fn a_body_is_not_read_while_endpoints_are_asked() {
    for seed in 0..20 {
        let (traffic, _) = traffic(seed);
        let got: Arc<Mutex<Vec<String>>> = Arc::default();
        let make = {
            let got = got.clone();
            move |endpoint: &Endpoint| {
                let name = endpoint.name().to_string();
                let (backend, got) = (Backend::new(Step::Answer(Response::new(Full::<Bytes>::default()))), got.clone());
                backend.set_readiness(match &*name {
                    "a" => Readiness::Busy,
                    "b" => Readiness::Broken("cut off"),
                    _ => Readiness::Ready,
                });
                tower::util::MapRequest::new(
                    backend,
                    move |request: Request<contraflow::protocol::ReplayBody<Sealed>>| {
                        got.lock().expect("no panic").push(name.clone());
                        request
                    },
                )
            }
        };
        let mut stack = traffic.layers(Http).per_endpoint(make);
        let request = Request::post("http://shop.example/letters").body(Sealed).expect("a request");
        assert_eq!(call(&mut stack, request).now().expect("c is free").status(), 200);
        assert_eq!(*got.lock().expect("no panic"), ["c"]);
    }
}

/// I-32, I-65: an endpoint whose address a client cannot use refuses, which is nobody's failure, and another gets the request.
#[test]
fn an_address_that_is_no_good_is_nobodys_failure() {
    let web = tower::service_fn(|request: Request<contraflow::protocol::ReplayBody<Sealed>>| {
        assert_eq!(request.uri().authority().map(|authority| authority.as_str()), Some("b:80"));
        std::future::ready(Ok::<_, &str>(Response::new(Empty::<Bytes>::new())))
    });
    let request = || Request::post("http://shop.example/letters").body(Sealed).expect("a request");
    for seed in 0..20 {
        let spec = TableSpec::new()
            .cluster("post", |c| c.region("eu", |r| r.endpoint("a", "/run/a.socket").endpoint("b", "b:80")))
            .cluster("lost", |c| c.region("eu", |r| r.endpoint("a", "/run/a.socket").endpoint("c", "/run/c.socket")))
            .route("lost", |r| r.when(contraflow::Match::new().path("/lost")).to("lost"))
            .route("letters", |r| r.any().to("post"));
        let (clock, _hand) = Clock::manual();
        let traffic = Traffic::with_sources(spec.build().expect("a sound table"), clock, Entropy::seeded(seed));
        let probe = Probe::new(web);
        let mut stack = traffic.layers(Http).origin(contraflow::layer::Origin::new(), probe);
        assert!(call(&mut stack, request()).now().is_ok());
        assert_eq!(counts(&traffic), (0, 1, 0));
        let mut lost = request();
        *lost.uri_mut() = "http://shop.example/lost".parse().expect("a URI");
        let Err(Error::Rejected(rejected)) = call(&mut stack, lost).now() else { panic!("nobody can take it") };
        assert_eq!(rejected.reason(), Reason::BadAddress);
        assert_eq!(counts(&traffic), (0, 1, 0));
    }
}

/// Whether a task was woken.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Flag {
    fn poll<F: Future>(self: &Arc<Self>, future: &mut Polled<F>) -> Poll<F::Output> {
        self.0.store(false, Ordering::SeqCst);
        future.0.as_mut().poll(&mut Context::from_waker(&Waker::from(self.clone())))
    }

    fn is_woken(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Who waits is woken when the endpoint where it waits can take the request, and when its time is over; and waits for
/// nothing else.
#[test]
fn who_waits_is_woken_by_its_endpoint_and_by_its_deadline() {
    for seed in 0..20 {
        for by_deadline in [false, true] {
            let (traffic, hand) = traffic(seed);
            let backends = Backends::new();
            backends.set_all(&["a", "b", "c", "d"], &Readiness::Busy);
            let mut stack = traffic.layers(Plain::new(facts)).per_endpoint(backends.make());
            let (mut waiting, flag) = (call(&mut stack, Letter(0)), Arc::<Flag>::default());
            assert!(flag.poll(&mut waiting).is_pending());
            // Polled again by another task: it is that one that is to be woken.
            let flag = Arc::<Flag>::default();
            assert!(flag.poll(&mut waiting).is_pending() && !flag.is_woken());
            if by_deadline {
                hand.advance(seconds(9));
                assert!(!flag.is_woken());
                hand.advance(seconds(1));
                assert!(flag.is_woken());
                let Poll::Ready(Err(Error::Rejected(rejected))) = flag.poll(&mut waiting) else { panic!("it is late") };
                assert_eq!(rejected.reason(), Reason::Deadline);
            } else {
                let status = traffic.status();
                let mut endpoints = status.clusters[0].regions.iter().flat_map(|region| &region.endpoints);
                let first = endpoints.find(|endpoint| endpoint.in_flight == 1).expect("it waits somewhere");
                backends.of(first.name.as_str()).set_readiness(Readiness::Ready);
                assert!(flag.is_woken());
                assert!(flag.poll(&mut waiting).is_ready());
            }
        }
    }
}

/// A service that queues forgets whom it does not hear of again. So who has asked others meanwhile stands in the queue of
/// the endpoint where it waits when its poll returns.
#[test]
fn who_waits_stands_in_its_endpoints_queue() {
    for seed in 0..20 {
        let (traffic, _hand) = traffic(seed);
        let backends = Backends::new();
        let make = backends.make();
        let mut stack = traffic
            .layers(Plain::new(facts))
            .per_endpoint(move |endpoint| tower::limit::ConcurrencyLimit::new(make(endpoint), 1));
        for name in ["a", "b", "c"] {
            backends.of(name).once(Step::Hold(7));
        }
        let mut taken = Vec::from([0, 1, 2].map(|letter| call(&mut stack, Letter(letter))));
        assert!(taken.iter_mut().all(|taken| taken.poll().is_pending()), "each endpoint has one");
        let (mut waiting, flag) = (call(&mut stack, Letter(3)), Arc::<Flag>::default());
        assert!(flag.poll(&mut waiting).is_pending());
        let status = traffic.status();
        let mut endpoints = status.clusters[0].regions.iter().flat_map(|region| &region.endpoints);
        let first = endpoints.find(|endpoint| endpoint.in_flight == 2).expect("it waits somewhere");
        backends.of(first.name.as_str()).release();
        taken.retain_mut(|taken| taken.poll().is_pending());
        assert_eq!(taken.len(), 2, "one was answered");
        assert!(flag.is_woken(), "it waits at {} and is not woken", first.name);
        assert!(flag.poll(&mut waiting).is_ready());
    }
}

/// The same where all endpoints share one service, which is asked in the call, when there is no task to wake yet.
#[test]
fn who_waits_for_a_shared_service_is_woken() {
    let (traffic, _hand) = traffic(1);
    let backend = Letters::new(Step::Answer(1));
    backend.set_readiness(Readiness::Busy);
    let mut stack = traffic.layers(Plain::new(facts)).passthrough(backend.clone());
    let (mut waiting, flag) = (call(&mut stack, Letter(0)), Arc::<Flag>::default());
    assert!(flag.poll(&mut waiting).is_pending() && !flag.is_woken());
    backend.set_readiness(Readiness::Ready);
    assert!(flag.is_woken());
    assert_eq!(flag.poll(&mut waiting), Poll::Ready(Ok(1)));
}

#[derive(Clone, Debug)]
enum Act {
    Call(usize),
    Poll(usize),
    Drop(usize),
    Readiness(usize, Readiness<&'static str>),
    Next(usize, Step<u64, &'static str>),
    Release,
    Wait(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let readiness = prop_oneof![
        3 => Just(Readiness::Ready),
        4 => Just(Readiness::Busy),
        1 => Just(Readiness::Broken("broken")),
    ];
    let step = prop_oneof![2 => Just(Step::Hold(7)), 1 => Just(Step::Fail("failed"))];
    let act = prop_oneof![
        8 => (0..10usize).prop_map(Act::Call),
        8 => (0..5usize).prop_map(Act::Poll),
        1 => (0..5usize).prop_map(Act::Drop),
        5 => (0..4usize, readiness).prop_map(|(node, readiness)| Act::Readiness(node, readiness)),
        4 => (0..4usize, step).prop_map(|(node, step)| Act::Next(node, step)),
        1 => Just(Act::Release),
        2 => (0..9000u64).prop_map(Act::Wait),
    ];
    vec(act, 0..60)
}

/// Where an endpoint of any table has its service.
fn node(endpoint: &Endpoint) -> usize {
    endpoint.name().as_str().bytes().last().map_or(0, usize::from) % 4
}

/// What came back, who was called in which order, and what the traffic counted.
fn run(by_hand: bool, shared: bool, table: &Table, requests: &[Request<()>], acts: &[Act], seed: u64) -> Vec<String> {
    let (clock, hand) = Clock::manual();
    let traffic = Traffic::with_sources(table.clone(), clock, Entropy::seeded(seed));
    let nodes: [Backend<usize, u64, &'static str>; 4] =
        std::array::from_fn(|node| Backend::new(Step::Answer(node as u64)));
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = {
        let log = log.clone();
        move |request: Request<usize>, target: &Target<'_>| {
            log.lock().expect("no panic").push(format!("{} to {target:?}", request.body()));
            request.into_body()
        }
    };
    let make = {
        let nodes = nodes.clone();
        move |endpoint: &Endpoint| Probe::new(nodes[node(endpoint)].clone())
    };
    let protocol = Plain::new(|request: &Request<usize>| Facts::http(request).unwrap_or_else(|_| Facts::path("/")));
    type Stack = tower::util::BoxService<Request<usize>, u64, Error<&'static str>>;
    let layers = ServiceBuilder::new().layer(traffic.route(protocol)).layer(traffic.failover());
    let one = Probe::new(nodes[0].clone());
    let mut stack = match (by_hand, shared) {
        (false, false) => Stack::new(traffic.layers(protocol).per_endpoint(make).map_attempt(note)),
        (true, false) => Stack::new(layers.service(MapAttempt::new(PerEndpoint::new(make), note))),
        (false, true) => Stack::new(traffic.layers(protocol).passthrough(one).map_attempt(note)),
        (true, true) => {
            use tower::Layer;
            Stack::new(layers.service(MapAttempt::new(Passthrough::new().layer(one), note)))
        }
    };
    let say = |line: String| log.lock().expect("no panic").push(line);
    let mut calls = Vec::new();
    for (number, act) in acts.iter().enumerate() {
        match act {
            Act::Call(which) => {
                let (parts, ()) = requests[which % requests.len()].clone().into_parts();
                calls.push(call(&mut stack, Request::from_parts(parts, number)));
            }
            Act::Poll(which) if !calls.is_empty() => {
                let which = which % calls.len();
                let said = calls[which].poll();
                say(format!("{said:?}"));
                if said.is_ready() {
                    drop(calls.swap_remove(which));
                }
            }
            Act::Drop(which) if !calls.is_empty() => drop(calls.swap_remove(which % calls.len())),
            Act::Poll(_) | Act::Drop(_) => {}
            Act::Readiness(node, readiness) => nodes[*node].set_readiness(readiness.clone()),
            Act::Next(node, step) => nodes[*node].once(step.clone()),
            Act::Release => nodes.iter().for_each(Backend::release),
            Act::Wait(time) => hand.advance(Duration::from_millis(*time)),
        }
        say(format!("{:?}", counts(&traffic)));
    }
    drop(calls);
    say(format!("{:?}", traffic.status()));
    log.lock().expect("no panic").clone()
}

proptest! {
    #![proptest_config(config(96))]

    /// I-65: over any table, while endpoints are busy and broken, answers are held, callers leave and deadlines pass: with the
    /// same draws, both shapes call the same endpoints in the same order, give the same answers, and count the same.
    #[test]
    fn both_shapes_are_alike_in_trouble(
        table in tables(),
        requests in vec(requests(), 10),
        acts in acts(),
        seed: u64,
    ) {
        for shared in [false, true] {
            let [one, by_hand] = [false, true].map(|by_hand| run(by_hand, shared, &table, &requests, &acts, seed));
            prop_assert_eq!(one, by_hand);
        }
    }

    /// I-67: whatever headers claim of hosts, attempts, regions or priorities: the same requests go to the same endpoints, and
    /// what the application put into them arrives.
    #[test]
    fn untrusted_headers_change_no_decision(
        table in tables(),
        requests in vec(requests(), 10),
        claims in vec((select(&CLAIMS[..]), select(&["1", "region-1", "endpoint-2", "b.test", "cluster-0", "0"][..])), 1..8),
        seed: u64,
    ) {
        let run = |claims: &[(&'static str, &'static str)]| {
            let (clock, _hand) = Clock::manual();
            let traffic = Traffic::with_sources(table.clone(), clock, Entropy::seeded(seed));
            let arrived: Arc<Mutex<Vec<String>>> = Arc::default();
            let note = arrived.clone();
            let web = tower::service_fn(|_: Request<contraflow::protocol::ReplayBody<Empty<Bytes>>>| {
                std::future::ready(Ok::<_, &str>(Response::new(Empty::<Bytes>::new())))
            });
            let mut stack = traffic.layers(Http).per_endpoint(move |_| web).map_attempt(move |request: Request<_>, target| {
                let theirs = ["host", "x-a", "x-b", "x-user"].map(|name| request.headers().get_all(name).iter().collect::<Vec<_>>());
                let arrives = format!("{} {theirs:?} to {target:?}", request.uri());
                note.lock().expect("no panic").push(arrives);
                request
            });
            let mut answers = Vec::new();
            for request in &requests {
                let (mut parts, ()) = request.clone().into_parts();
                for (name, value) in claims {
                    parts.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
                }
                let answer = call(&mut stack, Request::from_parts(parts, Empty::new())).now();
                answers.push(answer.map(|response| response.status()));
            }
            let arrived = arrived.lock().expect("no panic").clone();
            (arrived, format!("{answers:?}"), format!("{:?}", traffic.status()))
        };
        prop_assert_eq!(run(&[]), run(&claims));
    }
}

/// What a caller may write who wants to be treated otherwise.
const CLAIMS: [&str; 12] = [
    "forwarded",
    "priority",
    "x-contraflow-attempt",
    "x-contraflow-cluster",
    "x-contraflow-deadline",
    "x-contraflow-endpoint",
    "x-contraflow-region",
    "x-envoy-attempt-count",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-original-url",
    "x-request-timeout",
];
