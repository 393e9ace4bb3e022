//! What an algorithm is told, and what of it says nothing.

use super::*;
use bytes::Bytes;
use contraflow::protocol::ReplayBody;
use contraflow::{Grpc, Http};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::Empty;

/// An algorithm that writes down what it is told, and never moves.
#[derive(Clone, Debug)]
struct Recorder {
    limit: u32,
    samples: Arc<Mutex<Vec<Sample>>>,
}

impl LimitAlgorithm for Recorder {
    fn limit(&self) -> u32 {
        self.limit
    }

    fn observe(&mut self, sample: &Sample) {
        self.samples.lock().expect("no panic").push(*sample);
    }
}

impl Recorder {
    fn new(limit: u32) -> Self {
        Recorder { limit, samples: Arc::default() }
    }

    fn limit(&self) -> Limit {
        let recorder = self.clone();
        Limit::by(move || recorder.clone())
    }

    fn take(&self) -> Vec<Sample> {
        std::mem::take(&mut *self.samples.lock().expect("no panic"))
    }

    fn signals(&self) -> Vec<Signal> {
        self.take().into_iter().map(|sample| sample.signal).collect()
    }
}

/// Five endpoints in one region.
fn five(limit: Limit) -> TableSpec {
    TableSpec::new()
        .cluster("post", |c| {
            c.region("eu", |r| ["a", "b", "c", "d", "e"].into_iter().fold(r, |r, name| r.endpoint(name, "x:1")))
                .limit(limit)
        })
        .route("letters", |r| r.any().to("post").deadline(ms(1000)))
}

/// I-42: a sample says when the head came and how long it took, how many were in flight when the request was let in, itself
/// included, and how many of those waited for their head.
#[test]
fn a_sample_says_when_and_how_long_and_how_many() {
    for shape in SHAPES {
        let (of_route, of_region) = (Recorder::new(9), Recorder::new(9));
        let (traffic, hand) = traffic(one_region(|c| c.limit(of_region.limit()), |r| r.limit(of_route.limit())));
        let backends = Backends::new(&Step::Hold(1));
        let mut post = post(shape, &traffic, &backends);
        let began = traffic.now();
        let mut calls = Vec::new();
        for _ in 0..3 {
            calls.push(started(&mut post, letter(0)));
            hand.advance(ms(10));
        }
        backends.release();
        for call in calls {
            assert_eq!(call.now(), Ok(1));
        }
        let samples = of_region.take();
        for (place, sample) in (1..).zip(&samples) {
            let took = ms(40 - 10 * place);
            let expected = Sample {
                now: began.after(ms(30)),
                took,
                in_flight: place as u32,
                waiting: place as u32,
                signal: Signal::Success,
            };
            assert_eq!(*sample, expected, "{shape:?}");
        }
        assert_eq!((samples.len(), &samples), (3, &of_route.take()), "both learn the same");
    }
}

/// I-42: the time in a queue is not the backend's: a sample's time begins when the request is handed over.
#[test]
fn waiting_in_a_queue_is_no_response_time() {
    for shape in SHAPES {
        let (of_route, of_region) = (Recorder::new(1), Recorder::new(9));
        let route = of_route.limit().queue(patient(4));
        let (traffic, hand) = traffic(one_region(|c| c.limit(of_region.limit()), |r| r.limit(route)));
        let backends = Backends::new(&Step::Hold(1));
        let mut post = post(shape, &traffic, &backends);
        let first = started(&mut post, letter(0));
        let mut second = started(&mut post, letter(1));
        hand.advance(ms(500));
        drop(first);
        assert!(second.waits());
        hand.advance(ms(7));
        backends.release();
        assert_eq!(second.now(), Ok(1));
        for recorder in [&of_route, &of_region] {
            assert_eq!(recorder.take().iter().map(|sample| sample.took).collect::<Vec<_>>(), [ms(7)], "{shape:?}");
        }
    }
}

/// I-32, I-42: what fails, who leaves early, and what we refuse ourselves says nothing of the load; a deadline and one who
/// leaves late do.
#[test]
fn only_answers_and_timeouts_are_samples() {
    for shape in SHAPES {
        for is_route in [true, false] {
            let recorder = Recorder::new(2);
            let limit = recorder.limit().queue(Queue::of(1).max_wait(ms(10)));
            let spec =
                if is_route { one_region(same, |r| r.limit(limit)) } else { one_region(|c| c.limit(limit), same) };
            let (traffic, hand) = traffic(spec.deadline(ms(5000)));
            let backends = Backends::new(&Step::Hold(1));
            let mut post = post(shape, &traffic, &backends);
            backends.of("a").once(Step::Fail("failed"));
            assert_eq!(call(&mut post, letter(0)).now(), Err(Error::Inner("failed")));
            // Before it was polled, and young.
            drop(call(&mut post, letter(0)));
            let young = started(&mut post, letter(0));
            hand.advance(ms(999));
            drop(young);
            // Refused by the full queue, and by the time in it.
            let (first, second) = (started(&mut post, letter(0)), started(&mut post, letter(0)));
            let queued = started(&mut post, letter(0));
            call(&mut post, letter(0)).refused();
            hand.advance(ms(10));
            queued.refused();
            backends.of("a").set_readiness(Readiness::Busy);
            drop((first, second));
            let mut unsent = started(&mut post, letter(0));
            hand.advance(ms(5000));
            assert!(matches!(unsent.poll(), Poll::Ready(Err(Error::Rejected(_)))));
            drop(unsent);
            backends.of("a").set_readiness(Readiness::Ready);
            backends.of("a").once(Step::PanicInPoll);
            let mut panics = call(&mut post, letter(0));
            panic::catch_unwind(AssertUnwindSafe(|| panics.poll())).expect_err("as it was told");
            drop(panics);
            assert_eq!(recorder.take(), [], "{shape:?}, route: {is_route}");

            let late = started(&mut post, letter(0));
            hand.advance(ms(1000));
            drop(late);
            let timed_out = started(&mut post, letter(0));
            hand.advance(ms(5000));
            assert!(matches!(timed_out.now(), Err(Error::TimedOut(_))));
            let samples = recorder.take();
            let told: Vec<_> = samples.iter().map(|sample| (sample.signal, sample.took)).collect();
            assert_eq!(told, [(Signal::Dropped, ms(1000)), (Signal::Dropped, ms(5000))]);
            assert_idle(&traffic);
        }
    }
}

/// A body with trailers.
#[derive(Clone)]
struct Trailers(Option<HeaderMap>);

impl Body for Trailers {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.0.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

/// I-42: who says that it has too much to do is a drop: 429, and 503 with `Retry-After`; one that breaks is none, and what the
/// client did wrong is an answer.
#[test]
fn a_status_says_whether_the_server_is_busy() {
    let cases = [
        (200, false, Some(Signal::Success)),
        (404, false, Some(Signal::Success)),
        (429, false, Some(Signal::Dropped)),
        (500, false, None),
        (502, true, None),
        (503, false, None),
        (503, true, Some(Signal::Dropped)),
    ];
    for (status, has_retry_after, signal) in cases {
        let (of_route, of_region) = (Recorder::new(9), Recorder::new(9));
        let (traffic, _) = traffic(one_region(|c| c.limit(of_region.limit()), |r| r.limit(of_route.limit())));
        let client = tower::service_fn(|_: Request<ReplayBody<Empty<Bytes>>>| {
            let mut response = Response::new(Empty::<Bytes>::new());
            *response.status_mut() = status.try_into().expect("a status");
            if has_retry_after {
                response.headers_mut().insert("retry-after", HeaderValue::from_static("1"));
            }
            std::future::ready(Ok::<_, &'static str>(response))
        });
        let mut stack = traffic.layers(Http).passthrough(client);
        call(&mut stack, Request::new(Empty::new())).now().expect("an answer");
        for recorder in [of_route, of_region] {
            assert_eq!(recorder.signals(), Vec::from_iter(signal), "{status}, retry-after: {has_retry_after}");
        }
    }
}

/// I-42: a stream that says at its end that the server has too much to do is a drop for the region and for the route; its head
/// has told how long it took.
#[test]
fn a_status_at_the_end_says_whether_the_server_is_busy() {
    use Signal::{Dropped, Success};
    let cases: [(&str, &[Signal]); 3] = [("0", &[Success]), ("8", &[Success, Dropped]), ("14", &[Success])];
    for (status, signals) in cases {
        let (of_route, of_region) = (Recorder::new(9), Recorder::new(9));
        let (traffic, _) = traffic(one_region(|c| c.limit(of_region.limit()), |r| r.limit(of_route.limit())));
        let client = tower::service_fn(|_: Request<ReplayBody<Empty<Bytes>>>| {
            let trailers = HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-status"),
                status.parse().expect("a value"),
            )]);
            std::future::ready(Ok::<_, &'static str>(Response::new(Trailers(Some(trailers)))))
        });
        let mut stack = traffic.layers(Grpc).passthrough(client);
        let mut answer = call(&mut stack, Request::new(Empty::new())).now().expect("an answer");
        let frame = Pin::new(answer.body_mut()).poll_frame(&mut Context::from_waker(Waker::noop()));
        assert!(frame.is_ready());
        assert_eq!(of_region.signals(), signals, "the region, {status}");
        assert_eq!(of_route.signals(), signals, "the route, {status}");
        drop(answer);
        assert_idle(&traffic);
    }
}

fn drops(signals: &[Signal]) -> usize {
    signals.iter().filter(|signal| **signal == Signal::Dropped).count()
}

/// I-42: of an endpoint that answers nobody the limit of its region hears twice, and then no more, while the others answer;
/// when it answers again it counts again.
#[test]
fn one_black_hole_of_five_leaves_the_limit_of_the_region_alone() {
    for shape in SHAPES {
        let recorder = Recorder::new(1000);
        let (traffic, hand) = traffic(five(recorder.limit()));
        let backends = Backends::new(&Step::Answer(1));
        let lose = |backends: &Backends| (0..1000).for_each(|_| backends.of("c").once(Step::Hang));
        lose(&backends);
        let mut post = post(shape, &traffic, &backends);
        let mut lost = 0;
        for _ in 0..500 {
            let mut called = call(&mut post, letter(0));
            if called.waits() {
                lost += 1;
                hand.advance(ms(1000));
                assert!(matches!(called.now(), Err(Error::TimedOut(_))));
            }
        }
        let signals = recorder.signals();
        let dropped = drops(&signals);
        assert!(lost > 50, "{lost}");
        assert_eq!((dropped, signals.len()), (2, 500 - lost + 2), "{shape:?}");
    }
}

/// I-42: a fifth of timeouts that are spread over all endpoints is the load's doing, and each is heard.
#[test]
fn timeouts_that_are_spread_over_the_endpoints_all_count() {
    for shape in SHAPES {
        for leaves_early in [false, true] {
            let recorder = Recorder::new(1000);
            let (traffic, hand) = traffic(five(recorder.limit()));
            let backends = Backends::new(&Step::Answer(1));
            let mut post = post(shape, &traffic, &backends);
            // Each endpoint answers four and leaves the fifth without an answer.
            for name in ["a", "b", "c", "d", "e"] {
                for _ in 0..200 {
                    (0..4).for_each(|_| backends.of(name).once(Step::Answer(1)));
                    backends.of(name).once(Step::Hang);
                }
            }
            let mut lost = 0;
            for _ in 0..500 {
                let mut called = call(&mut post, letter(0));
                if called.waits() {
                    lost += 1;
                    // By its deadline, or by a caller who has waited for as long as that.
                    hand.advance(ms(1000));
                    if leaves_early { drop(called) } else { drop(called.now()) }
                }
            }
            let signals = recorder.signals();
            let dropped = drops(&signals);
            assert!((80..=100).contains(&lost), "{lost}");
            assert_eq!((dropped, signals.len()), (lost, 500));
        }
    }
}

/// I-42: when most endpoints answer nobody it is the region that does not, and each timeout counts.
#[test]
fn where_most_endpoints_are_silent_each_timeout_counts() {
    let recorder = Recorder::new(1000);
    let (traffic, hand) = traffic(five(recorder.limit()));
    let backends = Backends::new(&Step::Hang);
    let mut post = post(Shape::One, &traffic, &backends);
    for _ in 0..100 {
        let called = started(&mut post, letter(0));
        hand.advance(ms(1000));
        drop(called.now());
    }
    recorder.take();
    for _ in 0..100 {
        let called = started(&mut post, letter(0));
        hand.advance(ms(1000));
        drop(called.now());
    }
    assert_eq!(recorder.signals(), [Signal::Dropped; 100]);
}

/// I-42: a limit that moves by its samples moves the bound with it: down at once, and who waits is let in when it goes up.
#[test]
fn a_limit_follows_its_algorithm() {
    #[derive(Debug)]
    struct Moving(u32);
    impl LimitAlgorithm for Moving {
        fn limit(&self) -> u32 {
            self.0
        }
        fn observe(&mut self, sample: &Sample) {
            // A step up for each answer, and to one for each drop; what is out of range counts as its nearest.
            self.0 = if sample.signal == Signal::Dropped { 0 } else { self.0.max(1) + 1 };
        }
    }
    for is_route in [true, false] {
        for shape in SHAPES {
            let limit = Limit::by(|| Moving(1)).queue(patient(8));
            let spec =
                if is_route { one_region(same, |r| r.limit(limit)) } else { one_region(|c| c.limit(limit), same) };
            let (traffic, hand) = traffic(spec.deadline(ms(1000)));
            let status = || if is_route { route_limit(&traffic) } else { region_limit(&traffic, "eu") };
            let backends = Backends::new(&Step::Hold(1));
            let mut post = post(shape, &traffic, &backends);
            let mut calls: Vec<_> = (0..6).map(|number| started(&mut post, letter(number))).collect();
            assert_eq!((status().limit, status().in_flight, status().queued), (1, 1, 5));
            backends.of("a").release_one();
            assert_eq!(calls.remove(0).now(), Ok(1));
            assert_eq!((status().limit, status().in_flight, status().queued), (2, 2, 3));
            assert!(calls.iter_mut().all(Polled::waits));
            backends.of("a").release_one();
            assert_eq!(calls.remove(0).now(), Ok(1));
            assert_eq!((status().limit, status().in_flight, status().queued), (3, 3, 1));
            hand.advance(ms(999));
            assert!(calls.iter_mut().all(Polled::waits));
            hand.advance(ms(1));
            assert!(matches!(calls.remove(0).now(), Err(Error::TimedOut(_))));
            assert_eq!((status().limit, status().queued), (1, 0), "{shape:?}, and the last one's deadline is over");
            drop(calls);
            assert_idle(&traffic);
        }
    }
}

/// I-42: permits of a loop of one's own tell what answers of the layers do.
#[test]
fn permits_are_samples_too() {
    let recorder = Recorder::new(9);
    let (traffic, hand) = traffic(one_region(|c| c.limit(recorder.limit()), same));
    let snapshot = traffic.snapshot();
    let decision = snapshot.decide(&Facts::path("letters"), traffic.draws(), traffic.now()).expect("a route");
    let admit = || snapshot.admit(&decision, Priority::Normal, traffic.now()).expect("this snapshot's").expect("room");
    for (outcome, signal) in [
        (Outcome::Success, Some(Signal::Success)),
        (Outcome::Busy, Some(Signal::Dropped)),
        (Outcome::Failure, None),
        (Outcome::Ignore, None),
    ] {
        let mut permit = admit();
        hand.advance(ms(5));
        permit.answered(outcome, traffic.now());
        permit.answered(Outcome::Busy, traffic.now());
        assert_eq!(permit.gave_up(true, traffic.now()), Outcome::Ignore);
        assert_eq!(recorder.signals(), Vec::from_iter(signal), "{outcome:?}");
    }
    for (waited, by_deadline, is_drop) in [(5, false, false), (5, true, true), (1000, false, true)] {
        let mut permit = admit();
        hand.advance(ms(waited));
        permit.gave_up(by_deadline, traffic.now());
        permit.answered(Outcome::Success, traffic.now());
        assert_eq!(recorder.signals().len(), usize::from(is_drop), "{waited} {by_deadline}");
    }
    drop(admit());
    // Who is not asked for is not learned from: it did not heed the limit.
    let mut beyond = snapshot.begin(&decision, traffic.now()).expect("this snapshot's");
    beyond.answered(Outcome::Success, traffic.now());
    assert_eq!(recorder.take(), []);
    drop(beyond);
    assert_idle(&traffic);
}
