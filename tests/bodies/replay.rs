//! The body of a request as it is sent.

use super::*;

proptest! {
    #![proptest_config(config(1000))]

    /// I-62, I-56: What is sent is what the caller's body gives, at every step.
    #[test]
    fn a_sealed_body_is_the_callers_own(script in scripts(), polls in 0..24_usize, is_grpc in any::<bool>()) {
        let mut inside = script.clone();
        let sent: Request<ReplayBody<Script>> =
            if is_grpc { Grpc.seal(Request::new(script)) } else { Http.seal(Request::new(script)) };
        let mut body = sent.into_body();
        if inside.is_end_stream() {
            // It may drop what has ended: then it says of itself what an empty body does.
            prop_assert_eq!(says(&body), (true, 0, Some(0)));
            prop_assert_eq!(poll_frame(&mut body), Seen::Ended);
            return Ok(());
        }
        for _ in 0..polls {
            prop_assert_eq!(says(&body), says(&inside));
            prop_assert_eq!(poll_frame(&mut body), poll_frame(&mut inside));
        }
        prop_assert_eq!(says(&body), says(&inside));
    }

    /// I-56, I-50: Only a body that has nothing in it can be copied, and its copy has the head of the original, and no body.
    #[test]
    fn a_request_is_copied_in_full_or_not_at_all(
        script in scripts(),
        method in select(&["GET", "PUT", "POST", "BREW"][..]),
        uri in select(&["/", "http://a.example:81/b?c=d", "*"][..]),
        values in vec(select(&["one", "two"][..]), 0..4),
        is_grpc in any::<bool>(),
    ) {
        let is_empty = script.is_end_stream();
        let mut request = Request::builder().method(method).uri(uri).version(http::Version::HTTP_2);
        for value in values {
            request = request.header("x-many", value);
        }
        let (head, body) = request.extension(7_u32).body(script).expect("a sound request").into_parts();
        let sent = Http.seal(Request::from_parts(head.clone(), body));
        let copy = if is_grpc {
            Replay::<Request<Script>>::copy(&Grpc, &sent)
        } else {
            Replay::<Request<Script>>::copy(&Http, &sent)
        };
        prop_assert_eq!(copy.is_some(), is_empty);
        for request in std::iter::once(sent).chain(copy) {
            let (parts, body) = request.into_parts();
            prop_assert_eq!(&parts.method, &head.method);
            prop_assert_eq!(&parts.uri, &head.uri);
            prop_assert_eq!(parts.version, head.version);
            prop_assert_eq!(&parts.headers, &head.headers);
            prop_assert_eq!(parts.extensions.get::<u32>(), Some(&7));
            prop_assert!(!is_empty || says(&body) == (true, 0, Some(0)));
        }
    }
}

/// I-56: Whatever was read of a body, it cannot be copied any more once it was more than nothing.
#[test]
fn a_body_that_was_read_is_no_empty_body() {
    let mut sent = Http.seal(Request::new(Script::new([data("one")], Tells::Early)));
    assert_eq!(poll_frame(sent.body_mut()), Seen::Data(Bytes::from_static(b"one")));
    assert!(sent.body().is_end_stream());
    assert!(Replay::<Request<Script>>::copy(&Http, &sent).is_none());
}

/// I-62: The service inside gets the caller's frames.
#[test]
fn the_service_gets_the_frames_of_the_request() {
    let (traffic, _hand) = traffic(|route| route);
    let script = Script::new([data("one"), Act::Wait, data(""), Act::Trailers(grpc_status("0"))], Tells::Never);
    let seen = RefCell::new(Vec::new());
    let service = service_fn(|request: Request<ReplayBody<Script>>| {
        let mut body = request.into_body();
        *seen.borrow_mut() = (0..5).map(|_| poll_frame(&mut body)).collect();
        std::future::ready(Ok::<_, Broken>(Response::new(Script::new([], Tells::Early))))
    });
    now(traffic.layers(Http).passthrough(service).call(Request::new(script))).expect("the service answers");
    let (one, nothing) = (Seen::Data(Bytes::from_static(b"one")), Seen::Data(Bytes::new()));
    let expected: Vec<_> = vec![one, Seen::Waits, nothing, Seen::Trailers(grpc_status("0")), Seen::Ended];
    assert_eq!(seen.take(), expected);
}
