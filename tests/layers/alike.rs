//! The single layers by hand and the one service decide alike, and do alike.

use super::*;
use contraflow::testing::strategies::{requests, tables};
use http::Request;

/// A request of HTTP, with its number.
fn http_facts(request: &Request<usize>) -> Facts<'_> {
    Facts::http(request).unwrap_or_else(|_| Facts::path("/"))
}

fn numbered(request: &Request<()>, number: usize) -> Request<usize> {
    let mut numbered = Request::new(number);
    *numbered.method_mut() = request.method().clone();
    *numbered.uri_mut() = request.uri().clone();
    *numbered.headers_mut() = request.headers().clone();
    numbered
}

/// The answers, who was called in which order, and what the traffic counted, when these requests come one after the other.
fn run(by_hand: bool, table: &Table, requests: &[Request<()>], fails: &[bool], seed: u64) -> [String; 3] {
    let (clock, hand) = Clock::manual();
    let traffic = Traffic::with_sources(table.clone(), clock, Entropy::seeded(seed));
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let make = |endpoint: &Endpoint| {
        let (log, fails, name) = (log.clone(), fails.to_vec(), endpoint.name().to_string());
        tower::service_fn(move |request: Request<usize>| {
            let number = request.into_body();
            log.lock().expect("no panic").push(format!("{number} to {name}"));
            std::future::ready(if fails[number] { Err("failed") } else { Ok(number) })
        })
    };
    let protocol = Plain::new(http_facts);
    let mut one = traffic.layers(protocol).per_endpoint(&make);
    let layers = ServiceBuilder::new()
        .layer(traffic.route(protocol))
        .layer(traffic.limit())
        .layer(traffic.retry())
        .layer(traffic.failover());
    let mut composed = layers.service(PerEndpoint::new(&make));
    let mut answers = Vec::new();
    for (number, request) in requests.iter().enumerate() {
        hand.advance(Duration::from_millis(7));
        let request = numbered(request, number);
        answers.push(if by_hand { call(&mut composed, request).now() } else { call(&mut one, request).now() });
    }
    let called = log.lock().expect("no panic").clone();
    [format!("{answers:?}"), format!("{called:?}"), format!("{:?}", traffic.status())]
}

proptest! {
    #![proptest_config(config(128))]

    /// I-65: over any table and any requests, with the same draws, both shapes call the same endpoints in the same order,
    /// answer the same and count the same.
    #[test]
    fn both_shapes_decide_alike(
        table in tables(),
        requests in vec(requests(), 20),
        fails in vec(any::<bool>(), 20),
        seed: u64,
    ) {
        prop_assert_eq!(run(true, &table, &requests, &fails, seed), run(false, &table, &requests, &fails, seed));
    }
}

/// I-67: a header that names a region, an endpoint or an attempt changes no decision.
#[test]
fn headers_that_claim_something_change_no_decision() {
    let plain = Request::get("http://shop.example/letters").body(()).expect("a request");
    let claims = [
        ("x-contraflow-region", "us"),
        ("x-contraflow-endpoint", "d"),
        ("x-contraflow-attempt", "7"),
        ("x-forwarded-host", "other.example"),
        ("x-envoy-attempt-count", "3"),
        ("x-request-priority", "0"),
    ];
    let mut claiming = Request::get("http://shop.example/letters").body(()).expect("a request");
    for (name, value) in claims {
        claiming.headers_mut().insert(name, value.parse().expect("a value"));
    }
    let fails = [false; 20];
    let run = |request: &Request<()>| run(false, &table(), &vec![numbered(request, 0).map(|_| ()); 20], &fails, 5);
    assert_eq!(run(&plain), run(&claiming));
}
