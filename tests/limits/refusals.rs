//! What a caller who is refused is told: why, where, and when to come again.

use super::*;
use bytes::Bytes;
use contraflow::layer::Held;
use contraflow::protocol::{Refusal, ReplayBody, ResponseBody};
use contraflow::{Grpc, Http};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Empty;

/// Makes a region's limit, or the route's, refuse for each of its reasons.
fn refused_for(reason: Reason, is_route: bool) -> (Traffic, ManualClock, Vec<Called>, Letter) {
    let gold = [Match::new().path_prefix("/gold")];
    let limit = Limit::fixed(1).partition("gold", Ratio::percent(10), gold);
    let limit = if reason == Reason::Queue { limit.queue(patient(1)) } else { limit };
    let spec = if is_route { one_region(same, |r| r.limit(limit)) } else { one_region(|c| c.limit(limit), same) };
    let (traffic, hand) = traffic(spec);
    let mut post = post(Shape::One, &traffic, &Backends::new(&Step::Hold(1)));
    let mut calls = Vec::new();
    let last = match reason {
        Reason::Limit => {
            calls.push(started(&mut post, letter(0)));
            letter(1)
        }
        Reason::Partition => {
            calls.push(started(&mut post, letter_to("/gold")));
            letter_to("/gold")
        }
        Reason::Priority => {
            drop(started(&mut post, letter(0)));
            calls.push(started(&mut post, letter(0)));
            call(&mut post, letter_of(Priority::High)).refused();
            calls.clear();
            letter(1)
        }
        Reason::Queue => {
            calls.extend((0..2).map(|_| started(&mut post, letter(0))));
            letter(1)
        }
        other => unreachable!("{other:?} is no limit's"),
    };
    (traffic, hand, calls, last)
}

const REASONS: [(Reason, StatusCode, u8); 4] = [
    (Reason::Limit, StatusCode::SERVICE_UNAVAILABLE, 14),
    (Reason::Partition, StatusCode::TOO_MANY_REQUESTS, 8),
    (Reason::Priority, StatusCode::SERVICE_UNAVAILABLE, 14),
    (Reason::Queue, StatusCode::SERVICE_UNAVAILABLE, 14),
];

/// I-32, I-60: a refusal says why, in which region if it was a region's, and after how long another try makes sense; it is no
/// failure of anybody.
#[test]
fn a_refusal_says_why_and_where_and_when_to_come_again() {
    for (reason, status, code) in REASONS {
        for is_route in [true, false] {
            for shape in SHAPES {
                let (traffic, _, _calls, last) = refused_for(reason, is_route);
                let mut post = post(shape, &traffic, &Backends::new(&Step::Hold(1)));
                let rejected = call(&mut post, last).refused();
                assert_eq!(rejected.reason(), reason);
                let region_name = rejected.region().map(|name| name.as_str());
                assert_eq!(region_name, if is_route { None } else { Some("eu") }, "{reason:?}");
                assert_eq!(rejected.retry_after(), Some(ms(100)));
                assert_eq!((rejected.http_status(), rejected.grpc_code()), (status, code));
                let text = rejected.to_string();
                assert_eq!(text.contains("in region eu"), !is_route, "{text}");
                assert!(text.ends_with("another try makes sense after 100ms"), "{text}");
                let endpoint = region(&traffic, "eu").endpoints.remove(0);
                assert_eq!((endpoint.successes, endpoint.failures, endpoint.response_time), (0, 0, None));
            }
        }
    }
}

/// When several regions refuse, the first is named: where the request should have gone.
#[test]
fn of_several_that_refused_the_first_is_named() {
    for shape in SHAPES {
        let (traffic, _) = traffic(two_regions(|c| c.limit(Limit::fixed(1)), same));
        let mut post = post(shape, &traffic, &Backends::new(&Step::Hold(1)));
        let _calls = [started(&mut post, letter(0)), started(&mut post, letter(1))];
        assert_eq!(call(&mut post, letter(2)).refused().region().map(|name| name.as_str()), Some("eu"));
        traffic.evacuate("eu", HOUR).expect("a region");
        assert_eq!(call(&mut post, letter(2)).refused().region().map(|name| name.as_str()), Some("us"));
    }
}

/// Where an algorithm learns how long requests take, another try makes sense after so long.
#[test]
fn a_refusal_that_knows_how_long_requests_take_says_so() {
    for is_route in [true, false] {
        let limit = Limit {
            algorithm: Algorithm::Aimd(contraflow::table::Aimd { initial: 1, max: 1, ..aimd() }),
            ..Limit::fixed(1)
        };
        let spec = if is_route { one_region(same, |r| r.limit(limit)) } else { one_region(|c| c.limit(limit), same) };
        let (traffic, hand) = traffic(spec);
        let backends = Backends::new(&Step::Hold(1));
        let mut post = post(Shape::One, &traffic, &backends);
        let first = started(&mut post, letter(0));
        hand.advance(ms(2345));
        backends.release();
        assert_eq!(first.now(), Ok(1));
        let _second = started(&mut post, letter(0));
        assert_eq!(call(&mut post, letter(0)).refused().retry_after(), Some(ms(2345)));
        let limit = if is_route { route_limit(&traffic) } else { region_limit(&traffic, "eu") };
        assert_eq!(limit.response_time, Some(ms(2345)));
    }
}

fn aimd() -> contraflow::table::Aimd {
    contraflow::table::Aimd::by(HOUR)
}

type Answered = Response<ResponseBody<Empty<Bytes>, Held>>;

/// What refusals look like as answers of HTTP and of gRPC, of a limit whose requests take `took`, if any has.
fn answers(took: Option<Duration>) -> [Answered; 2] {
    let limit = Limit {
        algorithm: Algorithm::Aimd(contraflow::table::Aimd { initial: 1, max: 1, ..aimd() }),
        ..Limit::fixed(1)
    };
    let (traffic, hand) = traffic(one_region(|c| c.limit(limit), |r| r.deadline(Duration::MAX)));
    let held = Backend::<Request<ReplayBody<Empty<Bytes>>>, Response<Empty<Bytes>>, &str>::new(Step::Hold(
        Response::default(),
    ));
    let request = || Request::new(Empty::<Bytes>::new());
    let mut http = traffic.layers(Http).passthrough(held.clone()).answering();
    let mut grpc = traffic.layers(Grpc).passthrough(held.clone()).answering();
    if let Some(took) = took {
        let first = started(&mut http, request());
        hand.advance(took);
        held.release();
        first.now().expect("an answer");
    }
    let _first = started(&mut http, request());
    [call(&mut http, request()).now(), call(&mut grpc, request()).now()]
        .map(|answer| answer.expect("an answer of ours"))
}

fn field<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().expect("text"))
}

/// The header `Retry-After` has whole seconds, rounded up and at least one; `grpc-retry-pushback-ms` has milliseconds.
#[test]
fn http_and_grpc_say_when_to_come_again() {
    let cases = [
        (None, "1", "100"),
        (Some(ms(3)), "1", "3"),
        (Some(ms(1000)), "1", "1000"),
        (Some(ms(1001)), "2", "1001"),
        (Some(Duration::from_nanos(400)), "1", "0"),
    ];
    for (took, seconds, pushback) in cases {
        let [http, grpc] = answers(took);
        assert_eq!(http.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(field(http.headers(), "retry-after"), Some(seconds), "{took:?}");
        assert_eq!((grpc.status(), field(grpc.headers(), "grpc-status")), (StatusCode::OK, Some("14")));
        assert_eq!(field(grpc.headers(), "grpc-retry-pushback-ms"), Some(pushback), "{took:?}");
        let message = field(grpc.headers(), "grpc-message").expect("a message");
        assert!(message.contains("in region eu") && message.contains("another try"), "{message}");
        for answer in [&http, &grpc] {
            let Some(Refusal::Rejected(rejected)) = answer.extensions().get::<Refusal>() else { panic!("no refusal") };
            assert_eq!(rejected.reason(), Reason::Limit);
        }
    }
}

/// The permits of a loop of one's own are refused by region and endpoint, with the region and the time; a route's limit is not
/// asked.
#[test]
fn a_snapshot_admits_by_region_and_endpoint() {
    let spec = |c: ClusterSpec| c.limit(Limit::fixed(3)).endpoint_limit(2);
    let (traffic, _hand) = traffic(one_region(spec, |r| r.limit(Limit::fixed(1))));
    let snapshot = traffic.snapshot();
    let decision = snapshot.decide(&Facts::path("letters"), traffic.draws(), traffic.now()).expect("a route");
    let admit = |priority| snapshot.admit(&decision, priority, traffic.now()).expect("this snapshot's");
    let mut permits: Vec<_> = (0..2).map(|_| admit(Priority::Normal).expect("there is room")).collect();
    let rejected = admit(Priority::High).expect_err("the endpoint is full");
    assert_eq!((rejected.reason(), rejected.region().map(|name| name.as_str())), (Reason::Limit, Some("eu")));
    assert_eq!(region(&traffic, "eu").in_flight, 2, "the region has its place back");
    permits.clear();
    let permit = admit(Priority::Low).expect("there is room");
    // Without asking it is counted all the same, beyond all limits.
    let more: Vec<_> = (0..9).map(|_| snapshot.begin(&decision, traffic.now()).expect("this snapshot's")).collect();
    assert_eq!(region(&traffic, "eu").in_flight, 10);
    assert_eq!(route_limit(&traffic).in_flight, 0);
    admit(Priority::Critical).expect_err("there is none");
    drop((permit, more));
    assert_idle(&traffic);
}
