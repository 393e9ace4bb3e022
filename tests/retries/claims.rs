//! What comes with a request, and who is believed.

use super::*;
use bytes::Bytes;
use contraflow::table::Claims;
use contraflow::{Http, Match};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Empty;

const PREVIOUS: &str = "contraflow-previous-attempts";

/// The values of a header that each attempt came with.
type Got = Arc<Mutex<Vec<Vec<String>>>>;

fn friends() -> Match {
    Match::new().header("x-friend", "yes")
}

/// What the server got of each attempt, when it is down.
fn run(
    shape: Shape,
    trust: Option<Claims>,
    retries: bool,
    method: &Method,
    headers: &[(&'static str, &str)],
) -> Vec<Vec<String>> {
    let spec = TableSpec::new()
        .cluster("web", |c| c.region("eu", |r| r.endpoint("a", "a:1").endpoint("b", "b:1").endpoint("c", "c:1")))
        .route("all", |r| {
            let route = r.any().to("web");
            if retries { route.retry(Retry::default().backoff(Backoff::from(Duration::ZERO))) } else { route }
        });
    let spec = match trust {
        Some(claims) => spec.trust(friends(), claims),
        None => spec,
    };
    let (clock, _hand) = Clock::manual();
    let traffic = Traffic::with_sources(spec.build().expect("a sound table"), clock, Entropy::seeded(1));
    let got = Got::default();
    let log = got.clone();
    let server = tower::service_fn(move |request: Request<_>| {
        let _: &contraflow::protocol::ReplayBody<Empty<Bytes>> = request.body();
        let values = request.headers().get_all(PREVIOUS).iter();
        let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        log.lock().expect("no panic").push(values.collect());
        let mut response = Response::new(Empty::<Bytes>::new());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        std::future::ready(Ok::<_, &'static str>(response))
    });
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = method.clone();
    *request.uri_mut() = "http://web.test/".parse().expect("a URI");
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().expect("a value"));
    }
    let layers = ServiceBuilder::new()
        .layer(traffic.route(Http))
        .layer(traffic.limit())
        .layer(traffic.retry())
        .layer(traffic.failover());
    let poll = |polled: Poll<_>| assert!(polled.is_ready(), "nothing waits here");
    let mut context = Context::from_waker(Waker::noop());
    match shape {
        Shape::Stack => {
            let mut stack = traffic.layers(Http).per_endpoint(move |_| server.clone());
            poll(Box::pin(stack.call(request)).as_mut().poll(&mut context).map(drop));
        }
        Shape::ByHand => {
            let mut stack = layers.service(PerEndpoint::new(move |_: &Endpoint| server.clone()));
            poll(Box::pin(stack.call(request)).as_mut().poll(&mut context).map(drop));
        }
        Shape::SharedStack => {
            let mut stack = traffic.layers(Http).passthrough(server);
            poll(Box::pin(stack.call(request)).as_mut().poll(&mut context).map(drop));
        }
        Shape::SharedByHand => {
            let mut stack = layers.layer(Passthrough::new()).service(server);
            poll(Box::pin(stack.call(request)).as_mut().poll(&mut context).map(drop));
        }
    }
    std::mem::take(&mut *got.lock().expect("no panic"))
}

fn numbered(attempts: &[&[&str]]) -> Vec<Vec<String>> {
    attempts.iter().map(|values| values.iter().map(|value| (*value).to_owned()).collect()).collect()
}

/// I-48: what another layer already retries is not retried here, where that layer is believed.
#[test]
fn a_retry_of_a_friends_is_not_retried() {
    for shape in SHAPES {
        let claims = Some(Claims::none().attempts());
        let friend = ("x-friend", "yes");
        assert_eq!(
            run(shape, claims, true, &Method::GET, &[friend, (PREVIOUS, "1")]),
            numbered(&[&["1"]]),
            "{shape:?}"
        );
        let all = numbered(&[&[], &["1"], &["2"]]);
        assert_eq!(run(shape, claims, true, &Method::GET, &[friend]), all, "{shape:?}: a first attempt");
        assert_eq!(
            run(shape, claims, true, &Method::GET, &[friend, (PREVIOUS, "0")])[1..],
            all[1..],
            "{shape:?}: the same"
        );
        let strange = run(shape, claims, true, &Method::GET, &[friend, (PREVIOUS, "many")]);
        assert_eq!(strange.len(), 3, "{shape:?}: what cannot be read claims nothing");
        assert_eq!(strange[1..], all[1..]);
    }
}

/// I-48, I-67: who is not believed is retried as anybody, and what it said does not reach the server.
#[test]
fn what_a_stranger_says_of_attempts_changes_nothing_and_is_removed() {
    for shape in SHAPES {
        let all = numbered(&[&[], &["1"], &["2"]]);
        for claims in [None, Some(Claims::none().attempts()), Some(Claims::none().idempotency_key())] {
            for value in ["1", "7", "many", ""] {
                let got = run(shape, claims, true, &Method::GET, &[(PREVIOUS, value)]);
                assert_eq!(got, all, "{shape:?} {claims:?} {value}");
            }
            let twice = run(shape, claims, true, &Method::GET, &[(PREVIOUS, "1"), (PREVIOUS, "2")]);
            assert_eq!(twice, all, "{shape:?} {claims:?}");
        }
        let friend = [("x-friend", "yes"), (PREVIOUS, "1")];
        let other_claim = Some(Claims::none().idempotency_key());
        assert_eq!(run(shape, other_claim, true, &Method::GET, &friend), all, "{shape:?}: believed in another matter");
    }
}

/// Where nothing is sent again nobody looks: what a stranger claims goes through as any other header.
#[test]
fn where_nothing_is_sent_again_nobody_looks_for_claims() {
    for shape in SHAPES {
        let got = run(shape, None, false, &Method::GET, &[(PREVIOUS, "3")]);
        assert_eq!(got, numbered(&[&["3"]]), "{shape:?}");
    }
}

/// I-51, I-67: a key makes a request idempotent only where the table says so.
#[test]
fn a_key_is_believed_only_of_friends() {
    for shape in SHAPES {
        let key = ("idempotency-key", "42");
        let friend = ("x-friend", "yes");
        let claims = Some(Claims::none().idempotency_key());
        let cases: [(Option<Claims>, &[(&'static str, &str)], usize); 6] = [
            (claims, &[friend, key], 3),
            (claims, &[key], 1),
            (claims, &[friend], 1),
            (claims, &[friend, ("idempotency-key", " ")], 1),
            (Some(Claims::none().attempts()), &[friend, key], 1),
            (None, &[friend, key], 1),
        ];
        for (claims, headers, attempts) in cases {
            let got = run(shape, claims, true, &Method::POST, headers);
            assert_eq!(got.len(), attempts, "{shape:?} {claims:?} {headers:?}");
        }
    }
}

/// I-67: whatever else a stranger claims, as often is sent and as many are told.
#[test]
fn other_claims_change_no_decision() {
    let claims = [
        ("x-contraflow-region", "us"),
        ("x-envoy-attempt-count", "3"),
        ("x-envoy-max-retries", "0"),
        ("x-envoy-retry-on", "5xx"),
        ("x-envoy-hedge-on-per-try-timeout", "true"),
        ("grpc-previous-rpc-attempts", "2"),
        ("grpc-timeout", "1n"),
        ("idempotency-key", "42"),
        ("x-request-priority", "0"),
    ];
    for shape in SHAPES {
        for method in [Method::GET, Method::POST] {
            let plain = run(shape, None, true, &method, &[]);
            assert_eq!(run(shape, None, true, &method, &claims), plain, "{shape:?} {method}");
        }
    }
}
