//! I-62: frames out are frames in, and the request counts for as long as the route says.

use super::*;
use std::panic::{self, AssertUnwindSafe};

/// How an answer is read.
#[derive(Clone, Copy, Debug)]
enum Reads {
    /// So many polls, and then it is dropped.
    Polls(usize),
    /// Until it says that it has ended, or ends; an error ends it too.
    ToTheEnd,
    /// Until it ends twice, whatever it says and whatever fails.
    BeyondTheEnd,
}

fn reads() -> impl Strategy<Value = Reads> {
    prop_oneof![(0..10_usize).prop_map(Reads::Polls), Just(Reads::ToTheEnd), Just(Reads::BeyondTheEnd)]
}

/// What must be true of the request that a body belongs to, after each poll.
#[derive(Clone, Copy, Debug)]
struct Model {
    release: ReleaseOn,
    is_grpc: bool,
    in_flight: u32,
    is_over: bool,
    counts: (u64, u64),
}

impl Model {
    fn new(release: ReleaseOn, is_grpc: bool, body: &Script) -> Self {
        let is_over = body.is_end_stream();
        let in_flight = u32::from(!is_over && release != ReleaseOn::Head);
        let counts = match (is_grpc, is_over) {
            (false, _) => (1, 0),
            // It ended and had no status.
            (true, true) => (0, 1),
            (true, false) => (0, 0),
        };
        Model { release, is_grpc, in_flight, is_over, counts }
    }

    fn saw(&mut self, seen: &Seen, body: &Script) {
        let is_last = match seen {
            Seen::Waits => false,
            Seen::Data(_) => body.is_end_stream(),
            Seen::Trailers(_) | Seen::Failed | Seen::Ended => true,
        };
        if self.is_over || *seen == Seen::Waits {
            return;
        }
        if is_last || self.release == ReleaseOn::FirstFrame {
            self.in_flight = 0;
        }
        if is_last {
            self.is_over = true;
            let (good, bad) = match seen {
                Seen::Failed => (0, 1),
                _ if !self.is_grpc => (0, 0),
                Seen::Trailers(trailers) => match trailers.get("grpc-status").map(HeaderValue::as_bytes) {
                    Some(b"1" | b"8") => (0, 0),
                    Some(b"0" | b"5" | b"17" | b"99") => (1, 0),
                    _ => (0, 1),
                },
                _ => (0, 1),
            };
            self.counts.0 += good;
            self.counts.1 += bad;
        }
    }

    fn check(&self, traffic: &Traffic) -> Result<(), TestCaseError> {
        let endpoint = endpoint(traffic);
        prop_assert_eq!((endpoint.in_flight, endpoint.waiting), (self.in_flight, 0), "{:?}", self);
        prop_assert_eq!((endpoint.successes, endpoint.failures), self.counts, "{:?}", self);
        Ok(())
    }
}

proptest! {
    #![proptest_config(config(2000))]

    /// I-62, I-33: Frames, trailers, errors, `size_hint` and `is_end_stream` are those of the body inside at every step; the
    /// request is in flight until exactly the moment that its route says; what the end says, and an error, counts once.
    #[test]
    fn a_body_is_the_body_inside_and_counts_until_its_end(
        script in scripts(),
        release in select(&RELEASES[..]),
        is_grpc in any::<bool>(),
        reads in reads(),
    ) {
        let (traffic, _hand) = traffic(|route| route.release(release));
        let mut answer = answered(&traffic, is_grpc, &Response::new(()), &script).into_body();
        let (mut inside, mut model) = (script.clone(), Model::new(release, is_grpc, &script));
        model.check(&traffic)?;
        prop_assert_eq!(says(&answer), says(&inside));
        let (mut polls, mut ends) = (0, 0);
        loop {
            let stops = match reads {
                Reads::Polls(most) => polls == most,
                Reads::ToTheEnd => answer.is_end_stream() || ends == 1,
                Reads::BeyondTheEnd => ends == 2,
            };
            if stops {
                break;
            }
            polls += 1;
            let seen = poll_frame(&mut answer);
            prop_assert_eq!(&seen, &poll_frame(&mut inside));
            prop_assert_eq!(says(&answer), says(&inside));
            ends += usize::from(seen == Seen::Ended || (seen == Seen::Failed && matches!(reads, Reads::ToTheEnd)));
            model.saw(&seen, &inside);
            model.check(&traffic)?;
            // A reader that stops here has had all.
            prop_assert!(!answer.is_end_stream() || model.in_flight == 0);
        }
        if matches!(reads, Reads::ToTheEnd | Reads::BeyondTheEnd) {
            prop_assert_eq!(model.in_flight, 0, "before it is dropped");
        }
        drop(answer);
        model.in_flight = 0;
        model.check(&traffic)?;
    }

    /// I-62: The body inside can be had back as it stands: it goes on, and counts no longer.
    #[test]
    fn the_body_inside_goes_on_without_its_guard(script in scripts(), polls in 0..6_usize, is_grpc in any::<bool>()) {
        let (traffic, _hand) = traffic(|route| route);
        let mut answer = answered(&traffic, is_grpc, &Response::new(()), &script).into_body();
        let mut inside = script;
        for _ in 0..polls {
            prop_assert_eq!(poll_frame(&mut answer), poll_frame(&mut inside));
        }
        let mut rest = answer.into_inner().expect("the service's own answer");
        prop_assert_eq!(in_flight(&traffic), 0);
        for _ in 0..20 {
            prop_assert_eq!(says(&rest), says(&inside));
            prop_assert_eq!(poll_frame(&mut rest), poll_frame(&mut inside));
        }
        prop_assert_eq!(in_flight(&traffic), 0);
    }
}

/// I-33: What was called counts as in flight and waiting, polled or not, until it is dropped.
#[test]
fn a_call_counts_until_it_is_dropped_also_when_it_is_never_polled() {
    for polls in 0..2 {
        let (traffic, _hand) = traffic(|route| route);
        let never =
            service_fn(|_: Request<ReplayBody<Script>>| std::future::pending::<Result<Response<Script>, Broken>>());
        let mut future =
            Box::pin(traffic.layers(Http).passthrough(never).call(Request::new(Script::new([], Tells::Never))));
        let known = endpoint(&traffic);
        assert_eq!((known.in_flight, known.waiting), (1, 1));
        for _ in 0..polls {
            assert!(poll(future.as_mut()).is_pending());
        }
        let known = endpoint(&traffic);
        assert_eq!((known.in_flight, known.waiting), (1, 1));
        drop(future);
        let known = endpoint(&traffic);
        assert_eq!((known.in_flight, known.waiting), (0, 0));
        assert_eq!(counts(&traffic), (0, 0), "young, so it says nothing");
    }
}

/// I-62: A body that fails again and again after a good head is one failure beside the success.
#[test]
fn an_error_in_mid_body_counts_one_failure() {
    for (is_grpc, expected) in [(false, (1, 1)), (true, (0, 1))] {
        for release in RELEASES {
            let (traffic, _hand) = traffic(|route| route.release(release));
            let script =
                Script::new([data("one"), Act::Wait, Act::Fail, Act::Fail, data("two"), Act::Fail], Tells::Never);
            let mut body = answered(&traffic, is_grpc, &Response::new(()), &script).into_body();
            while poll_frame(&mut body) != Seen::Ended {}
            assert_eq!(counts(&traffic), expected, "{release:?}");
            drop(body);
            assert_eq!(counts(&traffic), expected, "{release:?}");
        }
    }
}

/// I-62: Left in the middle, a body says nothing; of what only the end tells, observers hear that nothing was said.
#[test]
fn a_body_left_in_the_middle_says_nothing() {
    for polls in 0..3 {
        let (traffic, _hand) = traffic(|route| route);
        let told = Told::observing(&traffic);
        let script = Script::new([data("one"), Act::Wait, data("two")], Tells::Never);
        let mut body = answered(&traffic, true, &Response::new(()), &script).into_body();
        for _ in 0..polls {
            poll_frame(&mut body);
        }
        assert_eq!((told.outcomes(), in_flight(&traffic)), ([0; 4], 1));
        drop(body);
        assert_eq!(told.outcomes(), [0, 0, 0, 1], "{polls} polls");
        assert_eq!((counts(&traffic), in_flight(&traffic)), ((0, 0), 0));
    }
}

/// I-62: An answer of ours has an empty body, and counts for nobody.
#[test]
fn an_answer_to_a_refusal_has_an_empty_body() {
    let client =
        service_fn(|_: Request<ReplayBody<Script>>| std::future::ready(Ok::<Response<Script>, _>(panic_if_called())));
    let (traffic, _hand) = traffic(|route| route);
    traffic.evacuate("us", SECOND).expect("a region of that name");
    let request = || Request::new(Script::new([data("one")], Tells::Never));
    let answers: [Result<Answer, Broken>; 2] = [
        now(traffic.layers(Http).passthrough(client).answering().call(request())),
        now(traffic.layers(Grpc).passthrough(client).answering().call(request())),
    ];
    for answer in answers {
        let mut body = answer.expect("a refusal is an answer").into_body();
        assert_eq!((says(&body), poll_frame(&mut body)), ((true, 0, Some(0)), Seen::Ended));
        assert!(body.into_inner().is_none());
        assert_eq!((in_flight(&traffic), counts(&traffic)), (0, (0, 0)));
    }
}

fn panic_if_called() -> Response<Script> {
    panic!("the request was refused")
}

/// I-33: A body, or a service, that panics gives its place back.
#[test]
fn what_panics_gives_its_place_back() {
    struct Panics;
    impl Body for Panics {
        type Data = Bytes;
        type Error = Broken;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
            panic::panic_any("in mid-poll")
        }
    }

    let (traffic, _hand) = traffic(|route| route);
    let request = || Request::new(Script::new([], Tells::Early));
    let panics =
        service_fn(|_: Request<ReplayBody<Script>>| std::future::ready(Ok::<_, Broken>(Response::new(Panics))));
    let mut body = now(traffic.layers(Http).passthrough(panics).call(request())).expect("an answer").into_body();
    let polled = panic::catch_unwind(AssertUnwindSafe(|| {
        assert_eq!(in_flight(&traffic), 1);
        poll_frame(&mut body)
    }));
    assert_eq!(polled.err().and_then(|panic| panic.downcast_ref().copied()), Some("in mid-poll"));
    drop(body);
    assert_eq!(in_flight(&traffic), 0);

    let panics = service_fn(|_: Request<ReplayBody<Script>>| {
        poll_fn(|_| -> Poll<Result<Response<Script>, Broken>> { panic::panic_any("in mid-poll") })
    });
    let called = panic::catch_unwind(AssertUnwindSafe(|| {
        now(traffic.layers(Http).passthrough(panics).call(request())).map(drop)
    }));
    assert!(called.is_err());
    assert_eq!((in_flight(&traffic), endpoint(&traffic).waiting), (0, 0));
}
