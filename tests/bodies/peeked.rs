//! Answers whose first frame was looked at: nothing is lost, and what fails without a message fails in its head.

use super::*;
use contraflow::layer::{PeekTrailers, PeekTrailersLayer, PeekedBody};
use http::StatusCode;
use tower::Layer;

type Peeked = Response<PeekedBody<Script>>;

fn grpc(body: Script) -> Response<Script> {
    Response::builder().header("content-type", "application/grpc").body(body).expect("a response")
}

/// What comes of an answer, and how often it had to be waited for.
fn peek(response: Response<Script>) -> (Peeked, usize) {
    let service = service_fn(|()| std::future::ready(Ok::<_, Broken>(response.clone())));
    let mut future = pin!(PeekTrailersLayer::new().layer(service).call(()));
    let mut waits = 0;
    loop {
        match poll(future.as_mut()) {
            Poll::Ready(answer) => return (answer.expect("the service answers"), waits),
            Poll::Pending => waits += 1,
        }
    }
}

/// All that is seen of a body without what was waited for, and what it says of itself before each frame.
#[expect(clippy::type_complexity, reason = "read where it is used")]
fn frames<B>(mut body: B) -> Vec<((bool, u64, Option<u64>), Seen)>
where
    B: Body<Data = Bytes, Error = Broken> + Unpin,
{
    let mut all = Vec::new();
    loop {
        let said = says(&body);
        match poll_frame(&mut body) {
            Seen::Waits => {}
            Seen::Ended => return all,
            seen => all.push((said, seen)),
        }
    }
}

#[test]
fn trailers_that_come_first_are_the_head() {
    let mut trailers = grpc_status("14");
    trailers.append("x-other", HeaderValue::from_static("b"));
    trailers.append("x-other", HeaderValue::from_static("c"));
    let mut answer = grpc(Script::new([Act::Wait, Act::Wait, Act::Trailers(trailers)], Tells::Late));
    answer.headers_mut().insert("x-other", HeaderValue::from_static("a"));

    let (peeked, waits) = peek(answer);
    assert_eq!(waits, 2);
    assert_eq!(peeked.headers()["grpc-status"], "14");
    assert_eq!(peeked.headers()["content-type"], "application/grpc");
    assert_eq!(peeked.headers().get_all("x-other").iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(says(peeked.body()), (true, 0, Some(0)));
    assert_eq!(poll_frame(&mut peeked.into_body()), Seen::Ended);
}

#[test]
fn what_frames_a_message_is_not_taken_from_its_end() {
    let mut trailers = grpc_status("5");
    for name in ["content-length", "transfer-encoding", "content-type", "connection", "trailer"] {
        trailers.append(name, HeaderValue::from_static("chunked"));
        trailers.append(name, HeaderValue::from_static("chunked"));
    }
    let (peeked, _) = peek(grpc(Script::new([Act::Trailers(trailers)], Tells::Late)));
    assert_eq!(peeked.headers().len(), 2, "{:?}", peeked.headers());
    assert_eq!(peeked.headers()["content-type"], "application/grpc");
}

#[test]
fn a_body_that_ends_without_a_frame_has_ended() {
    let (peeked, waits) = peek(grpc(Script::new([Act::Wait], Tells::Never)));
    assert_eq!(waits, 1);
    assert!(!peeked.headers().contains_key("grpc-status"));
    assert_eq!(says(peeked.body()), (true, 0, Some(0)));
    assert_eq!(poll_frame(&mut peeked.into_body()), Seen::Ended);
}

#[test]
fn what_fails_first_fails_in_the_body() {
    let (peeked, _) = peek(grpc(Script::new([Act::Wait, Act::Fail, data("late")], Tells::Late)));
    let mut body = peeked.into_body();
    assert!(!body.is_end_stream());
    assert_eq!(poll_frame(&mut body), Seen::Failed);
    assert_eq!(poll_frame(&mut body), Seen::Data("late".into()));
    assert_eq!(poll_frame(&mut body), Seen::Ended);
}

#[test]
fn the_last_message_is_not_the_end_before_it_was_read() {
    let (peeked, _) = peek(grpc(Script::new([data("all")], Tells::Early)));
    let mut body = peeked.into_body();
    assert!(!body.is_end_stream());
    assert_eq!(poll_frame(&mut body), Seen::Data("all".into()));
    assert!(body.is_end_stream());
}

#[test]
fn answers_that_tell_already_are_not_waited_for() {
    let silent = || Script::new([Act::Wait, Act::Trailers(grpc_status("0"))], Tells::Late);
    let with = |change: fn(&mut Response<Script>)| {
        let mut answer = grpc(silent());
        change(&mut answer);
        answer
    };
    let others = [
        with(|answer| *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE),
        with(|answer| *answer.status_mut() = StatusCode::NO_CONTENT),
        with(|answer| drop(answer.headers_mut().remove("content-type"))),
        with(|answer| drop(answer.headers_mut().insert("content-type", HeaderValue::from_static("application/json")))),
        with(|answer| drop(answer.headers_mut().insert("content-type", HeaderValue::from_static("application/grp")))),
        with(|answer| drop(answer.headers_mut().insert("grpc-status", HeaderValue::from_static("0")))),
    ];
    for answer in others {
        let (status, headers) = (answer.status(), answer.headers().clone());
        let (peeked, waits) = peek(answer);
        assert_eq!((waits, peeked.status(), peeked.headers()), (0, status, &headers));
        assert_eq!(poll_frame(&mut peeked.into_body()), Seen::Waits, "{headers:?}: nobody polled the body");
    }
    let ended = Script::new([], Tells::Early);
    assert_eq!(peek(grpc(ended)).1, 0);

    for kind in ["application/grpc+proto", "Application/GRPC;x=y", "application/grpc-web"] {
        let mut answer = grpc(silent());
        answer.headers_mut().insert("content-type", HeaderValue::from_static(kind));
        assert_eq!(peek(answer).1, 1, "{kind}");
    }
}

#[test]
#[expect(clippy::items_after_statements, reason = "used here alone")]
fn errors_of_the_service_and_its_readiness_are_its_own() {
    let failing = service_fn(|()| std::future::ready(Err::<Response<Script>, _>(Broken)));
    assert_eq!(now(PeekTrailers::new(failing).call(())).unwrap_err(), Broken);

    struct Busy;
    impl Service<()> for Busy {
        type Response = Response<Script>;
        type Error = Broken;
        type Future = std::future::Ready<Result<Response<Script>, Broken>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
            Poll::Pending
        }
        fn call(&mut self, (): ()) -> Self::Future {
            unreachable!("it is never ready")
        }
    }
    let mut busy = PeekTrailers::new(Busy);
    assert!(now(poll_fn(|cx| Poll::Ready(busy.poll_ready(cx)))).is_pending());
}

proptest! {
    #![proptest_config(config(256))]

    /// I-62.
    #[test]
    fn frames_out_are_frames_in_but_for_trailers_that_come_first(script in scripts()) {
        let is_open = !script.is_end_stream();
        let (peeked, waits) = peek(grpc(script.clone()));
        let (head, body) = peeked.into_parts();
        if !is_open {
            prop_assert_eq!((waits, head.headers.len()), (0, 1));
            prop_assert_eq!(frames(body), frames(script));
            return Ok(());
        }
        // From here on it is as if nobody had looked.
        let mut rest = script;
        while rest.acts.front() == Some(&Act::Wait) {
            rest.acts.pop_front();
        }
        match rest.acts.front() {
            Some(Act::Trailers(trailers)) => {
                for name in trailers.keys() {
                    let both = [&head.headers, trailers].map(|all| all.get_all(name).iter().collect::<Vec<_>>());
                    prop_assert_eq!(&both[0], &both[1]);
                }
                prop_assert_eq!(says(&body), (true, 0, Some(0)));
                prop_assert_eq!(frames(body), []);
            }
            Some(_) => {
                prop_assert_eq!(head.headers.len(), 1);
                prop_assert_eq!(says(&body), says(&rest));
                prop_assert_eq!(frames(body), frames(rest));
            }
            None => prop_assert_eq!(says(&body), (true, 0, Some(0))),
        }
    }
}
