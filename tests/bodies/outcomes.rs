//! What each answer says, as the endpoint's counts and observers hear it: once.

use super::*;
use Outcome::{Busy, Failure, Ignore, Success};
use http::StatusCode;

/// What the 17 statuses say, and texts that are no status of today or none at all.
const STATUSES: [(&str, Outcome); 34] = [
    ("0", Success),
    ("1", Ignore),
    ("2", Failure),
    ("3", Success),
    ("4", Failure),
    ("5", Success),
    ("6", Success),
    ("7", Success),
    ("8", Busy),
    ("9", Success),
    ("10", Success),
    ("11", Success),
    ("12", Failure),
    ("13", Failure),
    ("14", Failure),
    ("15", Failure),
    ("16", Success),
    ("17", Success),
    ("20", Success),
    ("99", Success),
    ("", Failure),
    ("00", Failure),
    ("08", Failure),
    ("100", Failure),
    ("000", Failure),
    ("256", Failure),
    ("-1", Failure),
    ("+1", Failure),
    (" 0", Failure),
    ("0 ", Failure),
    ("1.0", Failure),
    ("0x1", Failure),
    ("OK", Failure),
    ("\u{7f}\u{0}", Failure),
];

fn count(outcome: Outcome) -> ((u64, u64), [u64; 4]) {
    match outcome {
        Success => ((1, 0), [1, 0, 0, 0]),
        Failure => ((0, 1), [0, 1, 0, 0]),
        Busy => ((0, 0), [0, 0, 1, 0]),
        Ignore => ((0, 0), [0, 0, 0, 1]),
    }
}

/// Reads an answer to its end, and checks that it said this, and said it once.
fn assert_says(is_grpc: bool, head: &Response<()>, body: &Script, expected: Outcome) {
    let (traffic, _hand) = traffic(|route| route);
    let told = Told::observing(&traffic);
    let case = format!("{head:?} {body:?}");
    let mut answer = answered(&traffic, is_grpc, head, body);
    assert_eq!((answer.status(), answer.headers()), (head.status(), head.headers()));
    assert_eq!(in_flight(&traffic), u32::from(!body.is_end_stream()), "{case}");
    while poll_frame(answer.body_mut()) != Seen::Ended {}
    drop(answer);
    assert_eq!((counts(&traffic), told.outcomes()), count(expected), "{case}");
    assert_eq!(in_flight(&traffic), 0);
}

fn status_value(text: &str) -> Option<HeaderMap> {
    let value = HeaderValue::from_bytes(text.as_bytes()).ok()?;
    Some(HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), value)]))
}

fn head(status: u16, headers: HeaderMap) -> Response<()> {
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::from_u16(status).expect("a status of HTTP");
    *head.headers_mut() = headers;
    head
}

fn retry_after() -> HeaderMap {
    HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from_static("1"))])
}

/// Of whatever kind the body is that carries them.
const TELLS: [Tells; 3] = [Tells::Early, Tells::Late, Tells::Never];

/// I-62: The table of statuses, in trailers after data, in trailers alone, and in the head of an answer with nothing else.
#[test]
fn a_status_of_grpc_says_what_its_table_says() {
    for (text, expected) in STATUSES {
        // What cannot stand in a header cannot come.
        let Some(trailers) = status_value(text) else { continue };
        for tells in TELLS {
            let after_data = [data("one"), Act::Wait, Act::Trailers(trailers.clone())];
            assert_says(true, &head(200, HeaderMap::new()), &Script::new(after_data, tells), expected);
            let alone = [Act::Trailers(trailers.clone())];
            assert_says(true, &head(200, HeaderMap::new()), &Script::new(alone, tells), expected);
            assert_says(true, &head(200, trailers.clone()), &Script::new([], tells), expected);
        }
    }
}

/// I-62: With a status in the head, what comes later does not change it, also beside a status of HTTP that says otherwise.
#[test]
fn a_status_in_the_head_of_grpc_stands() {
    for (text, expected) in STATUSES {
        let Some(headers) = status_value(text) else { continue };
        for (http, other) in [(200, "0"), (200, "13"), (503, "0"), (404, "13"), (429, "8")] {
            let acts = [data("one"), Act::Trailers(grpc_status(other))];
            assert_says(true, &head(http, headers.clone()), &Script::new(acts, Tells::Never), expected);
        }
    }
}

/// I-62: An answer of gRPC that ends without a status has failed, however it ends.
#[test]
fn an_answer_of_grpc_without_a_status_has_failed() {
    let ok = head(200, HeaderMap::new());
    for tells in TELLS {
        assert_says(true, &ok, &Script::new([], tells), Failure);
        assert_says(true, &ok, &Script::new([data("one"), Act::Wait], tells), Failure);
        assert_says(true, &ok, &Script::new([data("one"), Act::Trailers(HeaderMap::new())], tells), Failure);
        assert_says(true, &ok, &Script::new([data("one"), Act::Fail, Act::Trailers(grpc_status("0"))], tells), Failure);
    }
}

/// I-62: Without a status of gRPC the head of a proxy says it: busy is busy, and all else but 200 is a failure, trailers or
/// not.
#[test]
fn a_proxys_answer_to_grpc_is_a_failure_unless_it_is_busy() {
    for (status, headers, expected) in [
        (100, HeaderMap::new(), Failure),
        (201, HeaderMap::new(), Failure),
        (204, HeaderMap::new(), Failure),
        (302, HeaderMap::new(), Failure),
        (400, HeaderMap::new(), Failure),
        (401, HeaderMap::new(), Failure),
        (404, HeaderMap::new(), Failure),
        (429, HeaderMap::new(), Busy),
        (429, retry_after(), Busy),
        (500, retry_after(), Failure),
        (502, HeaderMap::new(), Failure),
        (503, HeaderMap::new(), Failure),
        (503, retry_after(), Busy),
        (504, HeaderMap::new(), Failure),
    ] {
        for acts in [vec![], vec![data("one")], vec![data("one"), Act::Trailers(grpc_status("0"))]] {
            assert_says(true, &head(status, headers.clone()), &Script::new(acts, Tells::Never), expected);
        }
    }
}

/// I-62: What a status of HTTP says, whatever the body is.
#[test]
fn a_status_of_http_says_what_its_table_says() {
    for status in 100..=999 {
        let expected = match status {
            429 => Busy,
            500..=599 => Failure,
            _ => Success,
        };
        for tells in TELLS {
            let acts = [data("one"), Act::Trailers(grpc_status("13"))];
            assert_says(false, &head(status, HeaderMap::new()), &Script::new(acts, tells), expected);
            assert_says(false, &head(status, grpc_status("13")), &Script::new([], tells), expected);
        }
        let with_hint = if status == 503 { Busy } else { expected };
        assert_says(false, &head(status, retry_after()), &Script::new([], Tells::Early), with_hint);
    }
}

/// A service's error is one failure, and comes through as it is.
#[test]
fn an_error_of_the_service_is_a_failure() {
    for is_grpc in [false, true] {
        let (traffic, _hand) = traffic(|route| route);
        let told = Told::observing(&traffic);
        let service =
            service_fn(|_: Request<ReplayBody<Script>>| std::future::ready(Err::<Response<Script>, _>(Broken)));
        let request = Request::new(Script::new([], Tells::Early));
        let error = if is_grpc {
            now(traffic.layers(Grpc).passthrough(service).call(request)).map(drop)
        } else {
            now(traffic.layers(Http).passthrough(service).call(request)).map(drop)
        };
        assert_eq!(error, Err(Error::Inner(Broken)));
        assert_eq!((counts(&traffic), told.outcomes()), count(Failure));
        assert_eq!(in_flight(&traffic), 0);
    }
}

/// I-62: The time of an answer is the time to its head, also where only its end judges it.
#[test]
fn the_time_of_an_answer_is_that_to_its_head() {
    for is_grpc in [false, true] {
        let (traffic, hand) = traffic(|route| route);
        let told = Told::observing(&traffic);
        let slot = Rc::new(Cell::new(false));
        let service = service_fn(|_: Request<ReplayBody<Script>>| {
            let slot = slot.clone();
            let script = Script::new([data("one"), Act::Trailers(grpc_status("0"))], Tells::Never);
            let mut answer = Some(Ok::<_, Broken>(Response::new(script)));
            poll_fn(move |_| if slot.get() { answer.take().map_or(Poll::Pending, Poll::Ready) } else { Poll::Pending })
        });
        let request = Request::new(Script::new([], Tells::Early));
        let mut answering: Pin<Box<dyn Future<Output = _>>> = if is_grpc {
            Box::pin(traffic.layers(Grpc).passthrough(service).call(request))
        } else {
            Box::pin(traffic.layers(Http).passthrough(service).call(request))
        };
        assert!(poll(answering.as_mut()).is_pending());
        hand.advance(2 * SECOND);
        slot.set(true);
        let Poll::Ready(Ok(answer)) = poll(answering.as_mut()) else { panic!("the service answers") };
        let mut body = answer.into_body();
        hand.advance(5 * SECOND);
        while poll_frame(&mut body) != Seen::Ended {}
        assert_eq!((counts(&traffic), told.outcomes()), count(Success));
        assert_eq!(told.took.load(Ordering::Relaxed), 2_000_000_000);
    }
}

/// I-62: A head that is a failure and a body that breaks are one failure: there was one request.
#[test]
fn a_failure_whose_body_breaks_is_one_failure() {
    for (is_grpc, head) in [(false, head(500, HeaderMap::new())), (true, head(200, grpc_status("13")))] {
        let body = Script::new([data("some"), Act::Fail], Tells::Never);
        assert_says(is_grpc, &head, &body, Failure);
    }
}
