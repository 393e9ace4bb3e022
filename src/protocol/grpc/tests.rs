use super::*;
use http_body_util::Full;
use proptest::prelude::*;

type Answered = Response<Full<&'static [u8]>>;

fn answered(status: u16, headers: &[(&'static str, &[u8])]) -> Answered {
    let mut response = Response::new(Full::new(&b"a message"[..]));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().append(*name, HeaderValue::from_bytes(value).unwrap());
    }
    response
}

fn says(status: u16, headers: &[(&'static str, &[u8])]) -> Retryable {
    Grpc.retryable(Ok::<_, &()>(&answered(status, headers)))
}

fn pushed(status: &'static [u8], pushback: &[u8]) -> Retryable {
    says(200, &[("grpc-status", status), ("grpc-retry-pushback-ms", pushback)])
}

const MAY: Retryable = Retryable::MaybeProcessed { after: None };

fn after(millis: u64) -> Retryable {
    Retryable::MaybeProcessed { after: Some(Duration::from_millis(millis)) }
}

#[test]
fn of_the_statuses_only_unavailable_may_do_better() {
    for code in 0..100_u8 {
        let wanted = if code == 14 { MAY } else { Retryable::No };
        assert_eq!(says(200, &[("grpc-status", code.to_string().as_bytes())]), wanted, "{code}");
    }
    assert_eq!(says(200, &[("grpc-status", b"unavailable")]), Retryable::No);
    assert_eq!(Classify::<Answered, ()>::retryable(&Grpc, Err(&())), MAY);
}

#[test]
fn a_head_of_200_without_a_status_has_begun_its_answer() {
    assert_eq!(says(200, &[]), Retryable::No);
    assert_eq!(says(200, &[("grpc-retry-pushback-ms", b"-1")]), Retryable::No);
}

#[test]
fn proxies_speak_http() {
    assert_eq!(says(503, &[("retry-after", b"2")]), after(2000));
    assert_eq!(says(502, &[]), MAY);
    assert_eq!(says(429, &[]), Retryable::No);
    assert_eq!(says(404, &[]), Retryable::No);
    // The status of gRPC counts where there is one.
    assert_eq!(says(503, &[("grpc-status", b"5")]), Retryable::No);
}

/// gRFC A6, and I-52.
#[test]
fn pushback_says_when_or_never() {
    assert_eq!(pushed(b"14", b"0"), after(0));
    assert_eq!(pushed(b"14", b"1500"), after(1500));
    assert_eq!(pushed(b"8", b"1500"), after(1500));
    assert_eq!(pushed(b"13", b"1500"), Retryable::No);
    assert_eq!(pushed(b"14", b"99999999999999999999999"), after(u64::MAX));
    for no in [&b"-1"[..], b"", b"+1", b"1.5", b"1s", b"\xff"] {
        for failed in [&b"14"[..], b"8", b"13", b"2"] {
            assert_eq!(pushed(failed, no), Retryable::Never, "{no:?}");
        }
        for answer in [&b"0"[..], b"5", b"1"] {
            assert_eq!(pushed(answer, no), Retryable::No, "{no:?}");
        }
    }
    let twice: [(_, &[u8]); 2] = [("grpc-retry-pushback-ms", b"1"), ("grpc-retry-pushback-ms", b"1")];
    assert_eq!(says(200, &[&[("grpc-status", &b"14"[..])][..], &twice[..]].concat()), Retryable::Never);
}

fn request(headers: &[(&'static str, &'static str)]) -> Request<Full<&'static [u8]>> {
    let mut request = Request::post("/greet.Greeter/Hello").body(Full::default()).unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    request
}

fn marked(headers: &[(&'static str, &'static str)], left: Option<Duration>) -> HeaderMap {
    let request = request(headers);
    let mut sent = Grpc.seal(request);
    Replay::<Request<Full<&'static [u8]>>>::mark(&Grpc, &mut sent, 1, left);
    sent.headers().clone()
}

#[test]
fn a_copy_says_how_many_came_before_and_what_time_is_left() {
    let left = Some(Duration::from_millis(300));
    let headers = marked(&[("grpc-timeout", "1S"), ("grpc-previous-rpc-attempts", "9")], left);
    assert_eq!(headers["grpc-previous-rpc-attempts"], "1");
    assert_eq!(headers["grpc-timeout"], "300000u");
    assert!(!marked(&[], left).contains_key("grpc-timeout"), "the caller said nothing of it");
    assert_eq!(marked(&[("grpc-timeout", "1S")], None)["grpc-timeout"], "1S");
}

#[test]
fn what_nobody_believes_is_removed_however_often_it_was_said() {
    let claims = [("grpc-previous-rpc-attempts", "1"), ("grpc-previous-rpc-attempts", "x"), ("user", "me")];
    let mut sent = Grpc.seal(request(&claims));
    Replay::<Request<Full<&'static [u8]>>>::unmark(&Grpc, &mut sent);
    assert_eq!(sent.headers().len(), 1);
}

#[test]
fn the_callers_deadline_is_a_fact() {
    let timeout = |headers| {
        let request = request(headers);
        let facts: Facts<'_> = Grpc.facts(&request).unwrap();
        facts.timeout()
    };
    assert_eq!(timeout(&[("grpc-timeout", "250m")]), Some(Duration::from_millis(250)));
    assert_eq!(timeout(&[("grpc-timeout", "soon")]), None);
    assert_eq!(timeout(&[]), None);
}

proptest! {
    /// I-52.
    #[test]
    fn any_head_says_something(status: Vec<u8>, pushback: Vec<u8>, code in 100..1000_u16) {
        let mut response = answered(code, &[]);
        for (name, value) in [(GRPC_STATUS, status), (GRPC_RETRY_PUSHBACK, pushback)] {
            response.headers_mut().extend(HeaderValue::from_bytes(&value).ok().map(|value| (name, value)));
        }
        let _: Retryable = Grpc.retryable(Ok::<_, &()>(&response));
    }
}
