//! A request has its head by the deadline, or an error that says how long it had.

use super::*;
use contraflow::layer::Passthrough;
use tower::ServiceBuilder;

const DEADLINE: Duration = Duration::from_secs(3);

/// What a service answers as soon as it is there; 0 is an error.
type Slot = Rc<Cell<Option<u64>>>;

/// A service that is ready when it is told so, and answers what is put into the slot.
#[derive(Clone)]
struct Slow {
    is_ready: Rc<Cell<bool>>,
    slot: Slot,
    calls: Rc<Cell<u32>>,
}

impl Slow {
    fn new(is_ready: bool) -> Self {
        Slow { is_ready: Rc::new(Cell::new(is_ready)), slot: Rc::default(), calls: Rc::default() }
    }
}

impl Service<u64> for Slow {
    type Response = u64;
    type Error = Broken;
    type Future = Pin<Box<dyn Future<Output = Result<u64, Broken>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.is_ready.get() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, _: u64) -> Self::Future {
        self.calls.set(self.calls.get() + 1);
        let slot = self.slot.clone();
        Box::pin(poll_fn(move |_| match slot.take() {
            None => Poll::Pending,
            Some(0) => Poll::Ready(Err(Broken)),
            Some(answer) => Poll::Ready(Ok(answer)),
        }))
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<u64, Error<Broken>>>>>;

/// The ways to arrange one stack: all in one, by hand, and over a service of each endpoint's own.
const WAYS: [fn(&Traffic, Slow) -> Answering; 3] = [
    |traffic, service| Box::pin(traffic.layers(plain()).passthrough(service).call(7)),
    |traffic, service| {
        let layers = ServiceBuilder::new().layer(traffic.route(plain())).layer(traffic.failover());
        Box::pin(layers.layer(Passthrough::new()).service(service).call(7))
    },
    |traffic, service| Box::pin(traffic.layers(plain()).per_endpoint(move |_| service.clone()).call(7)),
];

fn plain() -> Plain<fn(&u64) -> Facts<'_>> {
    Plain::new((|_| Facts::path("/")) as fn(&u64) -> Facts<'_>)
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// I-49: The answer first: one that is there exactly at the deadline, or found there later, is not refused.
#[test]
fn an_answer_in_time_wins_over_the_timer() {
    for way in WAYS {
        for late in [Duration::ZERO, SECOND] {
            for (answer, expected) in [(5, Ok(5)), (0, Err(Error::Inner(Broken)))] {
                let (traffic, hand) = traffic(|route| route.deadline(DEADLINE));
                let service = Slow::new(true);
                let mut future = way(&traffic, service.clone());
                assert!(poll(future.as_mut()).is_pending());
                hand.advance(DEADLINE + late);
                service.slot.set(Some(answer));
                assert_eq!(poll(future.as_mut()), Poll::Ready(expected), "{late:?} late");
                assert_eq!(in_flight(&traffic), 0);
                drop(future);
                let expected = (u64::from(answer == 5), u64::from(answer == 0));
                assert_eq!((hand.next_alarm(), counts(&traffic)), (None, expected));
            }
        }
    }
}

/// I-49: Without an answer the task is woken at the deadline, not before, and hears how long it had; the endpoint failed.
#[test]
fn a_deadline_that_passes_says_how_long_it_was() {
    for way in WAYS {
        let (traffic, hand) = traffic(|route| route.deadline(DEADLINE));
        hand.advance(SECOND);
        let mut future = way(&traffic, Slow::new(true));
        assert_eq!(hand.next_alarm(), None, "nothing was waited for yet");
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut cx = Context::from_waker(&waker);
        assert!(future.as_mut().poll(&mut cx).is_pending());
        assert_eq!(hand.next_alarm(), Some(Instant::START.after(SECOND + DEADLINE)));
        hand.advance(short_of(DEADLINE));
        assert!(woken.0.load(Ordering::Relaxed) == 0 && future.as_mut().poll(&mut cx).is_pending());
        hand.advance(NANO);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        let Poll::Ready(Err(Error::TimedOut(timed_out))) = future.as_mut().poll(&mut cx) else { panic!("timed out") };
        assert_eq!(timed_out.after(), DEADLINE);
        // All is given back now, not when the future is dropped.
        assert_eq!((in_flight(&traffic), counts(&traffic)), (0, (0, 1)));
        drop(future);
        assert_eq!((in_flight(&traffic), counts(&traffic), hand.next_alarm()), (0, (0, 1), None));
    }
}

/// I-49: The deadline is counted from the call: a request that is polled late has no more time for it. That is the caller's
/// doing, and no failure of the endpoint.
#[test]
fn a_request_that_is_polled_late_has_had_its_time() {
    // Over a service of its own the request is handed over in the first poll.
    for way in &WAYS[..2] {
        let (traffic, hand) = traffic(|route| route.deadline(DEADLINE));
        let mut future = way(&traffic, Slow::new(true));
        hand.advance(DEADLINE);
        let Poll::Ready(Err(Error::TimedOut(timed_out))) = poll(future.as_mut()) else { panic!("timed out") };
        assert_eq!((timed_out.after(), in_flight(&traffic), counts(&traffic)), (DEADLINE, 0, (0, 0)));
    }
}

/// I-49, I-32: A deadline that passes before an endpoint is ready refuses the request, which counts against nobody.
#[test]
fn a_deadline_that_passes_before_the_hand_over_refuses() {
    for way in WAYS {
        for is_ready_then in [false, true] {
            let (traffic, hand) = traffic(|route| route.deadline(DEADLINE));
            let service = Slow::new(false);
            let mut future = way(&traffic, service.clone());
            assert!(poll(future.as_mut()).is_pending());
            assert_eq!(hand.next_alarm(), Some(Instant::START.after(DEADLINE)));
            hand.advance(short_of(DEADLINE));
            assert!(poll(future.as_mut()).is_pending());
            assert_eq!(in_flight(&traffic), 1);
            hand.advance(NANO);
            service.is_ready.set(is_ready_then);
            let Poll::Ready(Err(Error::Rejected(rejected))) = poll(future.as_mut()) else { panic!("refused") };
            assert_eq!((rejected.reason(), service.calls.get()), (Reason::Deadline, 0));
            assert_eq!((in_flight(&traffic), counts(&traffic)), (0, (0, 0)));
            drop(future);
            assert_eq!((in_flight(&traffic), hand.next_alarm()), (0, None));
        }
    }
}

/// I-49: What was ready a moment before the deadline is handed over, and has that moment for its answer.
#[test]
fn what_becomes_ready_in_time_is_handed_over() {
    for way in WAYS {
        let (traffic, hand) = traffic(|route| route.deadline(DEADLINE));
        let service = Slow::new(false);
        let mut future = way(&traffic, service.clone());
        assert!(poll(future.as_mut()).is_pending());
        hand.advance(short_of(DEADLINE));
        service.is_ready.set(true);
        assert!(poll(future.as_mut()).is_pending());
        assert_eq!(service.calls.get(), 1);
        hand.advance(NANO);
        assert!(matches!(poll(future.as_mut()), Poll::Ready(Err(Error::TimedOut(_)))));
        assert_eq!((in_flight(&traffic), counts(&traffic)), (0, (0, 1)));
    }
}

/// No deadline is no timer, whatever is waited for and however long.
#[test]
fn no_deadline_sets_no_timer() {
    for way in WAYS {
        for is_ready in [false, true] {
            let (traffic, hand) = traffic(|route| route.deadline(Duration::MAX));
            let service = Slow::new(is_ready);
            let mut future = way(&traffic, service.clone());
            for _ in 0..3 {
                assert!(poll(future.as_mut()).is_pending());
                assert_eq!((hand.next_alarm(), in_flight(&traffic)), (None, 1));
                hand.advance(1_000_000 * SECOND);
            }
            service.is_ready.set(true);
            service.slot.set(Some(5));
            assert_eq!(poll(future.as_mut()), Poll::Ready(Ok(5)));
            assert_eq!((in_flight(&traffic), counts(&traffic)), (0, (1, 0)));
        }
    }
}

/// I-61: An answer that is there at once sets no timer.
#[test]
fn an_answer_at_once_sets_no_timer() {
    for way in WAYS {
        let (traffic, hand) = traffic(|route| route.deadline(DEADLINE));
        let service = Slow::new(true);
        service.slot.set(Some(5));
        let mut future = way(&traffic, service);
        assert_eq!(poll(future.as_mut()), Poll::Ready(Ok(5)));
        // Before the future is dropped.
        assert_eq!(hand.next_alarm(), None);
    }
}

/// I-63: The deadline of each route is its own, and of a split each cluster's, unless the route says.
#[test]
fn each_policy_has_its_own_deadline() {
    let table = TableSpec::new()
        .deadline(5 * SECOND)
        .cluster("slow", |cluster| cluster.deadline(9 * SECOND).region("us", |region| region.endpoint("a", "a:80")))
        .cluster("api", |cluster| cluster.region("us", |region| region.endpoint("b", "b:80")))
        .route("slow", |route| route.when(contraflow::Match::new().path("/slow")).to("slow"))
        .route("one", |route| route.when(contraflow::Match::new().path("/one")).to("slow").deadline(SECOND))
        .route("all", |route| route.any().to("api"));
    let (clock, hand) = Clock::manual();
    let traffic = Traffic::with_sources(table.build().expect("a sound table"), clock, Entropy::seeded(1));
    for (path, seconds) in [("/slow", 9), ("/one", 1), ("/else", 5)] {
        let protocol = Plain::new(|path: &&'static str| Facts::path(path));
        let never = service_fn(|_: &'static str| std::future::pending::<Result<u64, Broken>>());
        let mut future = Box::pin(traffic.layers(protocol).passthrough(never).call(path));
        assert!(poll(future.as_mut()).is_pending());
        hand.advance(seconds * SECOND);
        let Poll::Ready(Err(Error::TimedOut(timed_out))) = poll(future.as_mut()) else { panic!("timed out") };
        assert_eq!(timed_out.after(), seconds * SECOND, "{path}");
        assert_eq!(timed_out.to_string(), format!("no answer within {seconds}s"));
    }
}

/// What happens to a request, besides its being polled.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Nothing,
    Seconds(u64),
    Ready(bool),
    Answer(u64),
}

proptest! {
    #![proptest_config(config(1000))]

    /// I-49, I-33: Whatever happens in whatever order: nothing is handed over at or after the deadline, an answer that is there
    /// is taken, and what is over by the deadline says which of the two it missed. Some steps do not poll.
    #[test]
    fn a_request_is_handed_over_and_answered_by_its_deadline_or_says_which_it_missed(
        way in select(&WAYS[..]),
        is_ready in any::<bool>(),
        steps in vec((
            prop_oneof![
                Just(Happens::Nothing),
                (0..3_u64).prop_map(Happens::Seconds),
                any::<bool>().prop_map(Happens::Ready),
                (0..2_u64).prop_map(Happens::Answer),
            ],
            any::<bool>(),
        ), 0..10),
    ) {
        let (traffic, hand) = traffic(|route| route.deadline(DEADLINE));
        let service = Slow::new(is_ready);
        let mut future = way(&traffic, service.clone());
        let mut calls = 0;
        let mut second = 0;
        for (happens, is_polled) in std::iter::once((Happens::Nothing, true)).chain(steps) {
            match happens {
                Happens::Nothing => {}
                Happens::Seconds(seconds) => {
                    second += seconds;
                    hand.advance(seconds as u32 * SECOND);
                }
                Happens::Ready(is_ready) => service.is_ready.set(is_ready),
                Happens::Answer(answer) => service.slot.set(Some(answer)),
            }
            if !is_polled {
                continue;
            }
            let (is_late, answer) = (second >= DEADLINE.as_secs(), service.slot.get());
            if !is_late && service.is_ready.get() {
                calls = 1;
            }
            let expected = match answer {
                Some(answer) if calls == 1 => Some(if answer == 0 { "failed" } else { "answered" }),
                _ if is_late => Some(if calls == 1 { "timed out" } else { "refused" }),
                _ => None,
            };
            let seen = match poll(future.as_mut()) {
                Poll::Pending => None,
                Poll::Ready(Ok(_)) => Some("answered"),
                Poll::Ready(Err(Error::Inner(Broken))) => Some("failed"),
                Poll::Ready(Err(Error::TimedOut(_))) => Some("timed out"),
                Poll::Ready(Err(Error::Rejected(_))) => Some("refused"),
                Poll::Ready(Err(Error::GaveUp(_))) => Some("given up"),
            };
            prop_assert_eq!(seen, expected);
            prop_assert_eq!(service.calls.get(), calls);
            prop_assert_eq!(in_flight(&traffic), u32::from(seen.is_none()));
            let failed = matches!(seen, Some("failed" | "timed out"));
            prop_assert_eq!(counts(&traffic), (u64::from(seen == Some("answered")), u64::from(failed)));
            if seen.is_some() {
                break;
            }
            prop_assert_eq!(hand.next_alarm(), Some(Instant::START.after(DEADLINE)));
        }
        drop(future);
        prop_assert_eq!((in_flight(&traffic), hand.next_alarm()), (0, None));
    }
}

/// I-49: On the machine's clock the timer is tokio's, and wakes the task that waits.
#[tokio::test(start_paused = true)]
async fn tokios_timer_ends_the_waiting() {
    for way in WAYS {
        for is_ready in [false, true] {
            let traffic = Traffic::single("api", |route| route.deadline(DEADLINE)).expect("a sound table");
            let mut future = way(&traffic, Slow::new(is_ready));
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(woken.clone());
            let mut cx = Context::from_waker(&waker);
            assert!(future.as_mut().poll(&mut cx).is_pending());
            // Tokio's timers are as fine as a millisecond.
            let milli = Duration::from_millis(1);
            tokio::time::advance(DEADLINE.saturating_sub(milli)).await;
            assert!(woken.0.load(Ordering::Relaxed) == 0 && future.as_mut().poll(&mut cx).is_pending());
            tokio::time::advance(2 * milli).await;
            assert!(woken.0.load(Ordering::Relaxed) > 0);
            let Poll::Ready(Err(error)) = future.as_mut().poll(&mut cx) else { panic!("nobody answers") };
            assert_eq!(matches!(error, Error::TimedOut(timed_out) if timed_out.after() == DEADLINE), is_ready);
            assert_eq!(matches!(error, Error::Rejected(rejected) if rejected.reason() == Reason::Deadline), !is_ready);
            assert_eq!((in_flight(&traffic), counts(&traffic)), (0, (0, u64::from(is_ready))));
        }
    }
}
