//! I-61: no allocation where a request is served: facts, decision, refusal, pin, permit, and the whole stack. And how much a
//! publish keeps for an endpoint, which is counted here too.
//!
//! Each case is run once before it is counted: a thread's first pin and first draw make the thread's own entries.

#[path = "../benches/support/mod.rs"]
mod support;

use allocation_counter::measure;
use bytes::Bytes;
use contraflow::error::Reason;
use contraflow::layer::{Held, HostPolicy, Origin, Passthrough};
use contraflow::protocol::ResponseBody;
use contraflow::table::{Backoff, Capacity, KeySource, Maglev, Queue, ReleaseOn, Scope, Successes};
use contraflow::time::Clock;
use contraflow::{
    Draws, Entropy, Error, Facts, Grpc, Http, Limit, Match, Outcome, Outlier, Pick, Plain, Priority, Ratio, Rejected,
    Retry, RetryBudget, Sticky, Table, TableSpec, Traffic,
};
use http::{HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::Full;
use std::convert::Infallible;
use std::fmt::Debug;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use support::{Deciding, LARGE, NOW, SMALL, Shape, busy};
use tower::{Service, ServiceBuilder};

const PICKS: [Pick; 6] = [
    Pick::Random,
    Pick::RoundRobin,
    Pick::LeastInFlight,
    Pick::PeakEwma,
    Pick::Maglev(Maglev { size: Some(1021), max_load_percent: None }),
    Pick::Maglev(Maglev { size: Some(1021), max_load_percent: Some(125) }),
];

const SCOPES: [Option<Scope>; 4] = [None, Some(Scope::Cluster), Some(Scope::Region), Some(Scope::Endpoint)];

/// How often `work` allocates; it is run once beforehand.
fn allocations(mut work: impl FnMut()) -> u64 {
    work();
    measure(work).count_total
}

fn traffic(table: Table) -> Traffic {
    Traffic::with_sources(table, Clock::manual().0, Entropy::seeded(1))
}

/// I-61
#[test]
fn deciding_allocates_nothing_whatever_the_pick_and_the_key() {
    for pick in PICKS {
        for sticky in SCOPES {
            for (weighted, conditions) in [(false, false), (true, true)] {
                let shape = Shape { pick, sticky, weighted, conditions, ..SMALL };
                let (traffic, requests) = (traffic(shape.table()), shape.requests(16));
                let _permits = busy(&traffic, &requests, 100);
                let mut deciding = Deciding::new(&traffic, &requests);
                let count = allocations(|| {
                    for _ in 0..100 {
                        black_box(&deciding.decide()).as_ref().expect("a route and an endpoint");
                    }
                });
                assert_eq!(count, 0, "{shape:?}");
            }
        }
    }
}

/// I-61
#[test]
fn deciding_allocates_nothing_wherever_the_key_comes_from() {
    let sources = [
        KeySource::Caller,
        KeySource::Header("x-user".into()),
        KeySource::Cookie("user".into()),
        KeySource::Query("page".into()),
        KeySource::Header("x-missing".into()),
    ];
    for source in sources {
        let table = one_route(Match::new(), Some(Sticky { sources: vec![source.clone()], scope: Scope::Endpoint }));
        let (traffic, requests) = (traffic(table), SMALL.requests(1));
        let snapshot = traffic.snapshot();
        let facts = Facts::http(&requests[0]).expect("normal spellings").with_key(b"tenant-4");
        let decide = || snapshot.decide(&facts, Draws::from_word(1), NOW);
        let has_key = source != KeySource::Header("x-missing".into());
        assert_eq!(decide().expect("a route").key_hash().is_some(), has_key, "{source:?}");
        assert_eq!(allocations(|| assert!(black_box(decide()).is_ok())), 0, "{source:?}");
    }
}

/// I-61
#[test]
fn facts_of_normal_spellings_allocate_nothing() {
    let of_uri = |uri: &str| {
        let request = Request::get(uri).body(()).expect("a sound request");
        allocations(|| drop(black_box(Facts::http(black_box(&request)).expect("a sound host"))))
    };
    // Escapes, segments that begin with a dot and addresses in brackets are spelled anew to be compared: not in this list.
    for uri in ["http://api.example.com/a/b?c=d", "http://10.0.0.1:8080/", "/a.b/c.d/~user;v=1?x=%41", "*"] {
        assert_eq!(of_uri(uri), 0, "{uri}");
    }
    let requests = SMALL.requests(1);
    assert_eq!(allocations(|| drop(black_box(Facts::http(&requests[0])))), 0, "host in the URI and in the header");
    assert_eq!(allocations(|| drop(black_box(Facts::path("orders.create").with_host("api.example.com")))), 0);
}

/// I-61
#[test]
fn refusals_allocate_nothing() {
    let table = one_route(Match::new().path_prefix("/api"), None);
    let (traffic, snapshot) = (traffic(table.clone()), traffic(table).snapshot());
    let get = |uri: &str| Request::get(uri).body(()).expect("a sound request");
    let (good, unknown, odd) = (get("/api/x"), get("/other"), get("/api//x"));
    let decide = |facts: &Facts<'_>| snapshot.decide(facts, Draws::from_word(1), NOW).map(drop);
    let facts = [&good, &unknown, &odd].map(|request| Facts::http(request).expect("facts are not refused"));

    assert_refused(Reason::NoRoute, || decide(&facts[1]));
    assert_refused(Reason::BadPath, || decide(&facts[2]));

    for region in ["near", "far"] {
        traffic.evacuate(region, Duration::from_secs(60)).expect("a region of the table");
    }
    let evacuated = traffic.snapshot();
    assert_refused(Reason::NoEndpoint, || evacuated.decide(&facts[0], Draws::from_word(1), traffic.now()).map(drop));

    let user_info = get("http://good.example@evil.example/");
    let mut two_hosts = get("http://good.example/");
    two_hosts.headers_mut().insert("host", HeaderValue::from_static("evil.example"));
    assert_refused(Reason::BadHost, || Facts::http(&user_info).map(drop));
    assert_refused(Reason::HostMismatch, || Facts::http(&two_hosts).map(drop));
}

fn assert_refused(reason: Reason, mut work: impl FnMut() -> Result<(), Rejected>) {
    assert_eq!(work().expect_err("a refusal").reason(), reason);
    assert_eq!(allocations(|| assert!(black_box(work()).is_err())), 0, "{reason:?}");
}

/// I-61
#[test]
fn pins_and_permits_allocate_nothing() {
    let (traffic, requests) = (traffic(SMALL.table()), SMALL.requests(4));
    assert_eq!(allocations(|| drop(black_box(traffic.snapshot()))), 0, "a snapshot");

    let mut reader = traffic.reader();
    assert_eq!(allocations(|| drop(black_box(reader.pin()))), 0, "a kept pin");
    assert_eq!(allocations(|| drop(black_box(reader.clone().pin()))), 0, "a clone's first pin");
    traffic.publish(SMALL.table()).expect("nothing refuses");
    assert_eq!(measure(|| drop(black_box(reader.pin()))).count_total, 0, "the first pin of a new table");
    assert_eq!(reader.pin().generation().as_u64(), 2);

    let mut deciding = Deciding::new(&traffic, &requests);
    let count = allocations(|| {
        let decision = deciding.decide().expect("a route and an endpoint");
        let mut permit = deciding.snapshot().begin(&decision, NOW).expect("its own snapshot");
        permit.answered(Outcome::Success, NOW.after(Duration::from_millis(3)));
        drop(black_box(permit));
    });
    assert_eq!(count, 0, "decide, begin, answered and drop");
    let draws_and_clock = allocations(|| {
        black_box((traffic.draws(), traffic.now()));
    });
    assert_eq!(draws_and_clock, 0);
}

/// An answer whose time has come, polled by hand: nobody is to be woken, and no runtime is there.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the service inside answers at once"),
    }
}

/// Reads a body to its end, and says how many bytes it had.
fn drained<B: Body<Data = Bytes, Error: Debug>>(body: B) -> usize {
    let (mut body, mut length) = (pin!(body), 0);
    loop {
        match body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(frame)) => length += frame.expect("a sound body").into_data().map_or(0, |data| data.len()),
            Poll::Ready(None) => return length,
            Poll::Pending => panic!("the body is there at once"),
        }
    }
}

/// Fails if a call by a service allocates: by one value that is used again and again, and by a clone for each request. So many
/// calls go before that every endpoint has had one: the first makes its service, and shares its authority.
fn assert_calls_allocate_nothing<S, R: Clone>(name: &str, mut service: S, request: &R, use_up: impl Fn(S::Response))
where
    S: Service<R, Error: Debug> + Clone,
{
    for is_cloned in [false, true] {
        let mut next = Vec::new();
        let mut count = |calls| {
            next.extend(std::iter::repeat_n(request.clone(), calls));
            measure(|| {
                while let Some(request) = next.pop() {
                    let future = if is_cloned { service.clone().call(request) } else { service.call(request) };
                    use_up(black_box(now(future)).expect("an answer"));
                }
            })
        };
        count(2000);
        assert_eq!(count(100).count_total, 0, "{name}, {}", if is_cloned { "cloned" } else { "held" });
    }
}

/// A service as a factory makes it: that allocates, so that a service that is made for each call is seen.
fn made<S>(service: S) -> S {
    drop(black_box(Box::new(0_u8)));
    service
}

type Whole = Request<Full<Bytes>>;

/// A request of 8 headers, and what every HTTP service here answers with: its body once more.
fn whole_request() -> Whole {
    SMALL.requests(1).remove(0).map(|()| Full::new(Bytes::from_static(b"hello world")))
}

/// A client that answers with a body of one frame, and drops the request.
#[derive(Clone)]
struct Client;

impl<B> Service<Request<B>> for Client {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"hello world")))))
    }
}

fn read<B: Body<Data = Bytes, Error: Debug>>(response: Response<B>) {
    assert_eq!(drained(response.into_body()), 11);
}

fn plain() -> Plain<impl Fn(&u64) -> Facts<'_> + Clone> {
    Plain::new(|_: &u64| Facts::path("/api/v0/items/42"))
}

fn same() -> impl Service<u64, Response = u64, Error = Infallible, Future = Ready<Result<u64, Infallible>>> + Clone {
    tower::service_fn(|number| ready(Ok::<u64, Infallible>(number)))
}

/// I-61
#[test]
fn a_stack_over_any_service_allocates_nothing() {
    for pick in PICKS {
        for sticky in [None, Some(Scope::Endpoint)] {
            let traffic = traffic(Shape { pick, sticky, ..SMALL }.table());
            let stack = traffic.layers(plain()).passthrough(same());
            assert_calls_allocate_nothing("passthrough", stack, &7, drop);
            let stack = traffic.layers(plain()).per_endpoint(|_| made(same()));
            assert_calls_allocate_nothing("per endpoint", stack, &7, drop);
            let layers = ServiceBuilder::new().layer(traffic.route(plain())).layer(traffic.failover());
            let by_hand = layers.layer(Passthrough::new()).service(same());
            assert_calls_allocate_nothing("by hand", by_hand, &7, drop);
            let mapped = traffic.layers(plain()).passthrough(same()).map_attempt(|number: u64, _| number + 1).boxed();
            assert_calls_allocate_nothing("mapped and boxed", mapped, &7, drop);
        }
    }
}

/// I-61
#[test]
fn a_stack_over_http_allocates_nothing_to_the_end_of_the_body() {
    for release in [ReleaseOn::Head, ReleaseOn::FirstFrame, ReleaseOn::End] {
        let table = SMALL.spec().release(release).build().expect("a sound table");
        let traffic = traffic(table);
        let request = whole_request();
        let stack = traffic.layers(Http).passthrough(Client);
        assert_calls_allocate_nothing("passthrough", stack, &request, read);
        let stack = traffic.layers(Http).per_endpoint(|_| made(Client));
        assert_calls_allocate_nothing("per endpoint", stack, &request, read);
        let stack = traffic.layers(Grpc).passthrough(Client);
        assert_calls_allocate_nothing("gRPC", stack, &request, read);
        assert_calls_allocate_nothing("answering", traffic.http(Client), &request, read);
        assert_calls_allocate_nothing("infallible", traffic.http(Client).infallible(), &request, read);
        let layers = ServiceBuilder::new().layer(traffic.route(Http)).layer(traffic.failover());
        assert_calls_allocate_nothing("by hand", layers.layer(Origin::new()).service(Client), &request, read);
        let left: fn(_) = |answer| drop::<Response<ResponseBody<Full<Bytes>, Held>>>(answer);
        let stack = traffic.layers(Http).passthrough(Client);
        assert_calls_allocate_nothing("left at the head", stack, &request, left);
    }
}

/// I-61: also where regions are watched, declare what they take and keep requests, as long as nothing is due.
#[test]
fn a_stack_that_watches_its_regions_allocates_nothing() {
    let mut spec = SMALL.spec().outlier(Outlier::default()).resident(Match::new().header("x-none", "1"), ["region-0"]);
    let regions = spec.clusters.iter_mut().flat_map(|cluster| &mut cluster.regions);
    let names: Vec<String> = regions
        .map(|region| {
            region.capacity = Some(Capacity::Rps(4_000_000_000));
            region.name.clone()
        })
        .collect();
    spec.residency[0].regions = names;
    let traffic = Traffic::with_sources(spec.build().expect("a sound table"), Clock::manual().0, Entropy::seeded(1));
    let stack = traffic.layers(plain()).passthrough(same());
    assert_calls_allocate_nothing("watched", stack, &7, drop);
    assert_eq!(traffic.status().clusters[0].regions[0].requests_per_second.map(|rate| rate > 0), Some(true));
}

/// The small table, whose routes retry at once.
fn retrying() -> TableSpec {
    SMALL.spec().retry(Retry::default().backoff(Backoff::from(Duration::ZERO)))
}

/// I-61: What a table that retries sends once all the same: it is not idempotent, or nothing is left of the budget.
#[test]
fn what_may_not_be_sent_again_allocates_nothing_where_others_may() {
    let request = Request::post("/api/v0/items/42").body(Full::new(Bytes::from_static(b"hello world"))).expect("sound");
    let traffic = traffic(retrying().build().expect("a sound table"));
    assert_calls_allocate_nothing("not idempotent", traffic.layers(Http).passthrough(Client), &request, read);
    assert_calls_allocate_nothing("by the protocol", traffic.layers(plain()).passthrough(same()), &7, drop);
    let spent = RetryBudget::Successes(Successes { ratio: 0.0, burst: 1, floor: None });
    let mut spec = retrying();
    spec.clusters.iter_mut().for_each(|cluster| cluster.retry_budget = Some(spent));
    let traffic = self::traffic(spec.build().expect("a sound table"));
    let failing = tower::service_fn(|number: u64| ready(if number == 0 { Err("down") } else { Ok(number) }));
    let repeated = || plain().idempotent(|_: &u64| true);
    let mut stack = traffic.layers(repeated()).passthrough(failing);
    for _ in 0..400 {
        // Each spends what its cluster has.
        _ = poll_once(stack.call(0));
    }
    assert!(traffic.status().clusters[0].retry_budget.tokens.is_some_and(|left| left < 1.0), "it is spent");
    assert_calls_allocate_nothing("the budget is spent", stack, &7, drop);
}

/// I-61: What may be sent again costs its copy, and one allocation more.
#[test]
fn what_may_be_sent_again_allocates_what_its_copy_does_and_once_more() {
    let traffic = traffic(retrying().build().expect("a sound table"));
    let repeated = || plain().idempotent(|_: &u64| true);
    let mut stack = traffic.layers(repeated()).passthrough(same());
    let mut call = || assert!(poll_once(stack.call(7)).is_ready());
    (0..2000).for_each(|_| call());
    let count = measure(|| (0..100).for_each(|_| call())).count_total;
    assert_eq!(count, 100, "a number is copied for nothing");

    let get = || {
        let (head, ()) = SMALL.requests(1).remove(0).into_parts();
        Request::from_parts(head, Full::new(Bytes::new()))
    };
    let copies =
        measure(|| drop(black_box(get().clone()))).count_total - measure(|| drop(black_box(get()))).count_total;
    let mut stack = traffic.layers(Http).passthrough(Client);
    let mut call = |times: usize| {
        let mut requests: Vec<_> = std::iter::repeat_with(get).take(times).collect();
        measure(|| {
            while let Some(request) = requests.pop() {
                read(now(stack.call(request)).expect("an answer"));
            }
        })
        .count_total
    };
    call(2000);
    assert!(call(100) <= 100 * (copies + 1), "{} a request, a copy takes {copies}", call(100) / 100);
}

/// I-61: The request has a `Host`; one that has to be made of the URI would cost an allocation, as a path prefix does.
#[test]
fn writing_the_endpoint_into_a_uri_allocates_nothing() {
    let mut spec = SMALL.spec();
    for endpoint in spec.clusters.iter_mut().flat_map(|cluster| &mut cluster.regions).flat_map(|it| &mut it.endpoints) {
        endpoint.authority = endpoint.name.ends_with('1').then(|| "one.example.com".into());
    }
    let traffic = traffic(spec.build().expect("a sound table"));
    let request = whole_request();
    assert!(request.headers().contains_key("host"));
    for host in
        [HostPolicy::Preserve, HostPolicy::Endpoint, HostPolicy::Fixed(HeaderValue::from_static("x.example.com"))]
    {
        for origin in [Origin::new(), Origin::new().https()] {
            let stack = traffic.layers(Http).origin(origin.host(host.clone()), Client);
            assert_calls_allocate_nothing(&format!("{host:?}"), stack, &request, read);
        }
    }
}

/// I-61
#[test]
fn refusals_of_a_stack_allocate_nothing() {
    let traffic = traffic(one_route(Match::new().path_prefix("/api"), None));
    let get = |uri: &str| Request::get(uri).body(Full::<Bytes>::default()).expect("a sound request");
    let assert_refused = |uri: &str, reason: Reason| {
        let mut stack = traffic.layers(Http).passthrough(Client);
        let layers = ServiceBuilder::new().layer(traffic.route(Http)).layer(traffic.failover());
        let mut by_hand = layers.layer(Passthrough::new()).service(Client);
        for is_by_hand in [false, true] {
            let mut next: Vec<_> = (0..2).map(|_| get(uri)).collect();
            let mut call = || {
                let request = next.pop().expect("two");
                let refused = if is_by_hand { now(by_hand.call(request)) } else { now(stack.call(request)) };
                assert!(matches!(refused, Err(Error::Rejected(rejected)) if rejected.reason() == reason));
            };
            call();
            assert_eq!(measure(call).count_total, 0, "{reason:?}");
        }
    };
    assert_refused("/other", Reason::NoRoute);
    assert_refused("http://good.example@evil.example/", Reason::BadHost);
    for region in ["near", "far"] {
        traffic.evacuate(region, Duration::from_secs(60)).expect("a region of the table");
    }
    assert_refused("/api/x", Reason::NoEndpoint);
}

/// Limits of all kinds, with room for so many.
fn limits(number: u32) -> [Limit; 6] {
    let aimd = Limit::aimd(Duration::from_secs(60));
    let of_api = || [Match::new().path_prefix("/api")];
    [
        Limit::fixed(number),
        Limit::adaptive(),
        aimd.clone(),
        Limit::fixed(number).queue(Queue::of(10)),
        Limit::fixed(number).partition("api", Ratio::percent(50), of_api()),
        aimd.partition("api", Ratio::percent(50), of_api()).queue(Queue::of(10)),
    ]
}

/// One route to one endpoint, and the limit at the route or at the region.
fn limited(is_route: bool, limit: Limit) -> Table {
    let mut spec = TableSpec::new()
        .cluster("c", |c| c.region("near", |r| r.endpoint("a", "a:1")))
        .route("r", |r| r.any().to("c").priority_when(Match::new().path_prefix("/api"), Priority::High));
    if is_route {
        spec.routes[0].limit = Some(limit);
    } else {
        spec.clusters[0].limit = Some(limit);
        spec.clusters[0].endpoint_limit = Some(1000);
    }
    spec.build().expect("a sound table")
}

/// I-61
#[test]
fn being_let_in_by_limits_allocates_nothing() {
    for limit in limits(1000) {
        for is_route in [true, false] {
            let traffic = traffic(limited(is_route, limit.clone()));
            let stack = traffic.layers(plain()).passthrough(same());
            assert_calls_allocate_nothing("passthrough", stack, &7, drop);
            let stack = traffic.layers(plain()).per_endpoint(|_| made(same()));
            assert_calls_allocate_nothing("per endpoint", stack, &7, drop);
            let layers = ServiceBuilder::new().layer(traffic.route(plain())).layer(traffic.limit());
            let by_hand = layers.layer(traffic.failover()).layer(Passthrough::new()).service(same());
            assert_calls_allocate_nothing("by hand", by_hand, &7, drop);
            let request = whole_request();
            assert_calls_allocate_nothing("to the end", traffic.layers(Http).passthrough(Client), &request, read);
            let snapshot = traffic.snapshot();
            let decision = snapshot.decide(&Facts::path("/api"), Draws::from_word(1), NOW).expect("a route");
            let admit = || snapshot.admit(&decision, Priority::Normal, traffic.now()).expect("its own snapshot");
            let count = allocations(|| admit().expect("there is room").answered(Outcome::Success, traffic.now()));
            assert_eq!(count, 0, "a permit");
            assert_eq!(traffic.status().clusters[0].regions[0].in_flight, 0);
        }
    }
}

/// I-61: by the limit and by a partition. A name is copied by counting it. Who may wait is boxed before it finds the queue full.
#[test]
fn being_refused_by_limits_allocates_nothing() {
    for limit in limits(1).into_iter().filter(|limit| *limit != Limit::adaptive()) {
        // With a queue its one place is taken too, by one who stays there.
        let limit = Limit { queue: limit.queue.map(|_| Queue::of(1)), ..limit };
        for is_route in [true, false] {
            let traffic = traffic(limited(is_route, limit.clone()));
            let never = tower::service_fn(|_: u64| std::future::pending::<Result<u64, Infallible>>());
            let mut stack = traffic.layers(plain()).passthrough(never);
            let layers = ServiceBuilder::new().layer(traffic.route(plain())).layer(traffic.limit());
            let mut by_hand = layers.layer(traffic.failover()).layer(Passthrough::new()).service(never);
            let mut held = Vec::new();
            loop {
                let mut future = Box::pin(stack.call(7));
                if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
                held.push(future);
            }
            let has_queue = limit.queue.is_some();
            let mut refused = |is_by_hand: bool| {
                let said = if is_by_hand { poll_once(by_hand.call(7)) } else { poll_once(stack.call(7)) };
                assert!(matches!(said, Poll::Ready(Err(Error::Rejected(_)))), "{limit:?}");
            };
            for is_by_hand in [false, true] {
                refused(is_by_hand);
                let count = measure(|| refused(is_by_hand)).count_total;
                assert!(count == 0 || has_queue && count <= 8, "{count}: {limit:?}, by hand: {is_by_hand}");
            }
            drop(held);
            assert_eq!(traffic.status().clusters[0].regions[0].in_flight, 0);
        }
    }
}

/// Polled once, where it stands.
fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// What a publish keeps besides the table, which was built before, is at most 512 bytes for each endpoint that is new.
#[test]
fn state_of_an_endpoint_is_at_most_512_bytes() {
    let few_in_a_region = Shape { clusters: 500, endpoints: 8, ..LARGE };
    for shape in [LARGE, few_in_a_region] {
        let table = shape.table();
        let traffic = traffic(SMALL.table());
        let kept = measure(|| drop(traffic.publish(table))).bytes_current;
        let each = kept as f64 / (shape.clusters * shape.endpoints) as f64;
        assert!(0.0 < each && each <= 512.0, "{each} bytes per endpoint: {shape:?}");
    }
}

/// One route to one cluster of two regions.
fn one_route(matching: Match, sticky: Option<Sticky>) -> Table {
    let mut spec = TableSpec::new()
        .cluster("c", |c| {
            c.region("near", |r| r.weight(3).endpoint("a", "a:1").endpoint("b", "b:1"))
                .region("far", |r| r.endpoint("c", "c:1").endpoint("d", "d:1"))
        })
        .route("r", |r| r.when(matching).to("c"));
    spec.routes[0].sticky = sticky;
    spec.build().expect("a sound table")
}
