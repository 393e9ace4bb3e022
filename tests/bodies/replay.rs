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

    /// I-56, I-50: A request is copied unless its body says that it is longer than may be kept. Both have the head of the
    /// original; who reads on from the body gets its frames, and the other gets the same data and trailers.
    #[test]
    fn a_request_is_copied_in_full_or_not_at_all(
        script in scripts(),
        method in select(&["GET", "PUT", "POST", "BREW"][..]),
        uri in select(&["/", "http://a.example:81/b?c=d", "*"][..]),
        values in vec(select(&["one", "two"][..]), 0..4),
        max_body in prop_oneof![Just(0), Just(1000), Just(usize::MAX)],
        is_grpc in any::<bool>(),
    ) {
        let (mut inside, is_empty) = (script.clone(), script.is_end_stream());
        let mut request = Request::builder().method(method).uri(uri).version(http::Version::HTTP_2);
        for value in values {
            request = request.header("x-many", value);
        }
        let (head, body) = request.extension(7_u32).body(script).expect("a sound request").into_parts();
        let mut sent = Http.seal(Request::from_parts(head.clone(), body));
        let copy = copied(&mut sent, max_body, is_grpc);
        prop_assert_eq!(copy.is_some(), is_empty || inside.size_hint().lower() <= max_body as u64);
        for request in std::iter::once(&sent).chain(&copy) {
            prop_assert_eq!(request.method(), &head.method);
            prop_assert_eq!(request.uri(), &head.uri);
            prop_assert_eq!(request.version(), head.version);
            prop_assert_eq!(request.headers(), &head.headers);
            prop_assert_eq!(request.extensions().get::<u32>(), Some(&7));
            prop_assert!(!is_empty || says(request.body()) == (true, 0, Some(0)));
        }
        let Some(mut copy) = copy else { return Ok(()) };
        let is_whole = |copy: &Sent| if is_grpc {
            (Replay::<Request<Script>>::is_whole(&Grpc, copy), Replay::<Request<Script>>::is_complete(&Grpc, copy))
        } else {
            (Replay::<Request<Script>>::is_whole(&Http, copy), Replay::<Request<Script>>::is_complete(&Http, copy))
        };
        prop_assert_eq!(is_whole(&copy), (true, is_empty));
        let (first, bytes) = read(sent.body_mut());
        let (whole, _) = read(&mut inside);
        prop_assert_eq!(&first, &whole);
        let is_kept = !first.contains(&Seen::Failed) && bytes <= max_body;
        prop_assert_eq!(is_whole(&copy), (is_kept, is_kept));
        let (second, _) = read(copy.body_mut());
        if is_kept {
            prop_assert_eq!(content(&second), content(&first));
        } else {
            prop_assert!(!second.contains(&Seen::Ended));
        }
    }
}

type Sent = Request<ReplayBody<Script>>;

fn copied(sent: &mut Sent, max_body: usize, is_grpc: bool) -> Option<Sent> {
    if is_grpc {
        Replay::<Request<Script>>::copy(&Grpc, sent, max_body)
    } else {
        Replay::<Request<Script>>::copy(&Http, sent, max_body)
    }
}

/// All that a body gives until it ends, fails or waits for ever, without the waits; and how many bytes that were.
fn read<B: Body<Data = Bytes, Error = Broken> + Unpin>(body: &mut B) -> (Vec<Seen>, usize) {
    let mut all = Vec::new();
    for _ in 0..40 {
        match poll_frame(body) {
            Seen::Waits if body.is_end_stream() => all.push(Seen::Ended),
            Seen::Waits => continue,
            seen => all.push(seen),
        }
        if let Some(Seen::Failed | Seen::Ended) = all.last() {
            break;
        }
    }
    let bytes = all.iter().map(|seen| if let Seen::Data(data) = seen { data.len() } else { 0 }).sum();
    (all, bytes)
}

/// What came, however it was cut.
fn content(all: &[Seen]) -> (Vec<u8>, Vec<&Seen>) {
    let data = all.iter().filter_map(|seen| if let Seen::Data(data) = seen { Some(&data[..]) } else { None });
    (data.flatten().copied().collect(), all.iter().filter(|seen| !matches!(seen, Seen::Data(_))).collect())
}

/// I-56: Whatever was read of a body, it cannot be copied any more once it was more than nothing.
#[test]
fn a_body_that_was_read_is_no_empty_body() {
    let mut sent = Http.seal(Request::new(Script::new([data("one")], Tells::Early)));
    assert_eq!(poll_frame(sent.body_mut()), Seen::Data(Bytes::from_static(b"one")));
    assert!(sent.body().is_end_stream());
    assert!(copied(&mut sent, 1000, false).is_none());
}

/// I-56: Data that does not lie in one piece comes in one.
#[test]
fn a_frame_of_any_buffer_is_a_frame_of_bytes() {
    struct Pieces(Option<[&'static [u8]; 2]>);
    impl Body for Pieces {
        type Data = bytes::buf::Chain<&'static [u8], &'static [u8]>;
        type Error = Broken;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, Broken>>> {
            Poll::Ready(self.0.take().map(|[one, two]| Ok(Frame::data(bytes::Buf::chain(one, two)))))
        }
    }
    let mut sent = Http.seal(Request::new(Pieces(Some([b"in ", b"two"]))));
    let mut copy = Replay::<Request<Pieces>>::copy(&Http, &mut sent, 6).expect("it may be short enough");
    for request in [&mut sent, &mut copy] {
        assert_eq!(poll_frame(request.body_mut()), Seen::Data(Bytes::from_static(b"in two")));
        assert_eq!(poll_frame(request.body_mut()), Seen::Ended);
    }
}

/// I-61: A request that is not copied allocates nothing for its body. One that is has a place for what is shared and one for
/// the body, and what is in one part needs no other.
#[test]
fn a_copied_body_of_one_part_allocates_twice() {
    let data = Bytes::from_static(b"one");
    let allocations = |copies: usize| {
        let mut body = Some(http_body_util::Full::new(data.clone()));
        let counted = allocation_counter::measure(|| {
            let mut sent = Http.seal(Request::new(body.take().expect("once")));
            for _ in 0..copies {
                let mut copy = Replay::<Request<http_body_util::Full<Bytes>>>::copy(&Http, &mut sent, 1000);
                std::mem::swap(&mut sent, copy.as_mut().expect("it is whole"));
                let mut first = copy.expect("it is whole").into_body();
                let frame = now(poll_fn(|cx| Pin::new(&mut first).poll_frame(cx)));
                assert_eq!(frame.and_then(Result::ok).and_then(|frame| frame.into_data().ok()).as_ref(), Some(&data));
            }
            let frame = now(poll_fn(|cx| Pin::new(sent.body_mut()).poll_frame(cx)));
            assert_eq!(frame.and_then(Result::ok).and_then(|frame| frame.into_data().ok()).as_ref(), Some(&data));
        });
        counted.count_total
    };
    assert_eq!([allocations(0), allocations(1), allocations(2), allocations(5)], [0, 2, 2, 2]);
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
