//! I-61: no allocation where a request is served: facts, decision, refusal, pin, permit. And how much a publish keeps for an
//! endpoint, which is counted here too.
//!
//! Each case is run once before it is counted: a thread's first pin and first draw make the thread's own entries.

#[path = "../benches/support/mod.rs"]
mod support;

use allocation_counter::measure;
use contraflow::error::Reason;
use contraflow::table::{KeySource, Maglev, Scope};
use contraflow::time::Clock;
use contraflow::{Draws, Entropy, Facts, Match, Outcome, Pick, Rejected, Sticky, Table, TableSpec, Traffic};
use http::Request;
use std::hint::black_box;
use std::time::Duration;
use support::{Deciding, LARGE, NOW, SMALL, Shape, busy};

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
    two_hosts.headers_mut().insert("host", http::HeaderValue::from_static("evil.example"));
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
