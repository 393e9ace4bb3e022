//! When a request is copied, and how long a copy lives.

use super::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// A request that counts its copies.
#[derive(Debug)]
struct Parcel {
    is_idempotent: bool,
    copies: Arc<Copies>,
}

#[derive(Debug, Default)]
struct Copies {
    made: AtomicU64,
    alive: AtomicU64,
}

impl Copies {
    fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    fn alive(&self) -> u64 {
        self.alive.load(Ordering::Relaxed)
    }
}

impl Parcel {
    fn new(copies: &Arc<Copies>, is_idempotent: bool) -> Self {
        copies.alive.fetch_add(1, Ordering::Relaxed);
        Parcel { is_idempotent, copies: copies.clone() }
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        self.copies.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, Debug)]
struct Courier;

impl Describe<Parcel> for Courier {
    fn facts<'r>(&self, _: &'r Parcel) -> Result<Facts<'r>, Rejected> {
        Ok(Facts::path("parcels"))
    }

    fn is_idempotent(&self, parcel: &Parcel) -> bool {
        parcel.is_idempotent
    }
}

impl Replay<Parcel> for Courier {
    type Sent = Parcel;

    fn seal(&self, parcel: Parcel) -> Parcel {
        parcel
    }

    fn copy(&self, parcel: &mut Parcel, _: usize) -> Option<Parcel> {
        parcel.copies.made.fetch_add(1, Ordering::Relaxed);
        Some(Parcel::new(&parcel.copies, parcel.is_idempotent))
    }
}

impl Classify<Reply, &'static str> for Courier {
    fn classify(&self, answer: Result<&Reply, &&'static str>) -> Verdict {
        Post.classify(answer)
    }

    fn retryable(&self, answer: Result<&Reply, &&'static str>) -> Retryable {
        Post.retryable(answer)
    }
}

impl Release<Reply> for Courier {
    type Held<G: Guard> = Reply;

    fn hold<G: Guard>(&self, reply: Reply, _: G) -> Reply {
        reply
    }

    fn bare<G: Guard>(&self, reply: Reply) -> Reply {
        reply
    }
}

type Parcels = Backend<Parcel, Reply, &'static str>;

/// Three endpoints of one region, and what they got.
struct Depot {
    traffic: Traffic,
    hand: ManualClock,
    doors: Arc<BTreeMap<String, Parcels>>,
    copies: Arc<Copies>,
    stack: BoxCloneService<Parcel, Reply, Error<&'static str>>,
}

impl Depot {
    fn new(shape: Shape, budget: RetryBudget, route: impl FnOnce(RouteSpec) -> RouteSpec) -> Self {
        let spec = TableSpec::new()
            .cluster("post", |c| {
                c.region("eu", |r| r.endpoint("a", "a:1").endpoint("b", "b:1").endpoint("c", "c:1"))
                    .retry_budget(budget)
            })
            .route("parcels", |r| route(r.any().to("post").deadline(ms(10_000))));
        let (clock, hand) = Clock::manual();
        let traffic = Traffic::with_sources(spec.build().expect("a sound table"), clock, Entropy::seeded(1));
        let doors: BTreeMap<String, Parcels> =
            ["a", "b", "c"].map(|name| (name.to_owned(), Parcels::new(Step::Answer(Reply::Fine)))).into();
        let doors = Arc::new(doors);
        let inside = doors.clone();
        let make = move |endpoint: &Endpoint| inside[endpoint.name().as_str()].clone();
        let stack = match shape {
            Shape::Stack => BoxCloneService::new(traffic.layers(Courier).per_endpoint(make)),
            _ => BoxCloneService::new(
                ServiceBuilder::new()
                    .layer(traffic.route(Courier))
                    .layer(traffic.limit())
                    .layer(traffic.retry())
                    .layer(traffic.failover())
                    .service(PerEndpoint::new(make)),
            ),
        };
        Depot { traffic, hand, doors, copies: Arc::default(), stack }
    }

    fn call(&mut self, is_idempotent: bool) -> Called {
        let parcel = Parcel::new(&self.copies, is_idempotent);
        Called(Box::pin(self.stack.call(parcel)))
    }

    fn all(&self, step: Step<Reply, &'static str>) {
        self.doors.values().for_each(|door| (0..9).for_each(|_| door.once(step.clone())));
    }

    /// How many were delivered since this was last asked; they are gone then.
    fn delivered(&self) -> usize {
        self.doors.values().map(|door| door.take_requests().len()).sum()
    }

    fn finish(&self, called: &mut Called) -> Answer {
        loop {
            if let Poll::Ready(answer) = called.poll() {
                return answer;
            }
            self.hand.advance_to(self.hand.next_alarm().expect("it waits for something"));
        }
    }
}

fn unbounded() -> RetryBudget {
    RetryBudget::allow_unbounded()
}

/// I-65: policy, idempotency and budget are asked before anything is copied.
#[test]
fn nothing_is_copied_that_would_not_be_sent_again() {
    let spent = RetryBudget::Grpc(GrpcThrottle { max_tokens: 1, ratio: 0.001 });
    let retry = Retry::default;
    let cases: [(&str, RetryBudget, Retry, bool, u64); 8] = [
        ("no retries", unbounded(), Retry::none(), true, 0),
        ("not idempotent", unbounded(), retry(), false, 0),
        ("none is", unbounded(), retry().idempotency(Idempotency::None), true, 0),
        ("the budget is spent", spent, retry(), true, 0),
        ("idempotent", unbounded(), retry(), true, 1),
        ("all are", unbounded(), retry().idempotency(Idempotency::All), false, 1),
        ("unsent ones are", unbounded(), retry().retry_unsent(), false, 1),
        ("unsent ones are, of one attempt", unbounded(), Retry::none().retry_unsent(), false, 0),
    ];
    for shape in APART {
        for (what, budget, retry, is_idempotent, copies) in &cases {
            let mut depot = Depot::new(shape, *budget, |route| route.retry(*retry));
            if *budget == spent {
                // The first failure takes the only token.
                depot.all(Step::Fail("on fire"));
                let mut called = depot.call(true);
                assert!(depot.finish(&mut called).is_err());
                depot
                    .doors
                    .values()
                    .for_each(|door| (0..9).for_each(|_| drop(door.clone().call(Parcel::new(&depot.copies, true)))));
                depot.delivered();
                depot.copies = Arc::default();
            }
            let mut called = depot.call(*is_idempotent);
            assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Fine)));
            assert_eq!(depot.copies.made(), *copies, "{shape:?}: {what}");
            assert_eq!(depot.delivered(), 1);
            assert_eq!(depot.copies.alive(), 0, "{shape:?}: {what}: it has its answer");
        }
    }
}

/// I-65: there is one copy less than there are attempts, since the last gets the one that was kept; a copy is made only when one
/// is sent, and none outlives the answer.
#[test]
fn there_is_one_copy_less_than_attempts_and_none_after_the_answer() {
    for shape in APART {
        for attempts in 2..6 {
            for fails in 0..attempts {
                let retry = Retry::default().attempts(attempts);
                let mut depot = Depot::new(shape, unbounded(), |route| route.retry(retry));
                // As many fail as are to; whoever gets the next is fine.
                let mut called = depot.call(true);
                assert_eq!(depot.copies.alive(), 2);
                for number in 0..fails {
                    depot.all(Step::Fail("on fire"));
                    assert!(called.poll().is_pending(), "{shape:?}: it waits");
                    assert_eq!(depot.delivered(), 1);
                    assert_eq!(depot.copies.alive(), 1, "{shape:?}: what is kept");
                    assert_eq!(depot.copies.made(), u64::from(number + 1).min(u64::from(attempts) - 1));
                    if number + 1 == attempts {
                        break;
                    }
                    for door in depot.doors.values() {
                        (0..9).for_each(|_| drop(door.clone().call(Parcel::new(&depot.copies, true))));
                    }
                    depot.delivered();
                    depot.hand.advance_to(depot.hand.next_alarm().expect("a backoff"));
                }
                assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Fine)));
                let made = u64::from(fails + 1).min(u64::from(attempts) - 1);
                assert_eq!((depot.copies.made(), depot.delivered()), (made, 1), "{shape:?} {attempts} {fails}");
                assert_eq!(depot.copies.alive(), 0, "{shape:?}: while the future lives");
                drop(called);
            }
        }
    }
}

/// I-65: whom a candidate refuses goes to the next as it is, a first attempt and a retry alike.
#[test]
fn a_local_refusal_makes_no_copy() {
    for shape in APART {
        let retry = Retry::default().attempts(2).backoff(Backoff::from(Duration::ZERO));
        let mut depot = Depot::new(shape, unbounded(), |route| route.retry(retry));
        for door in depot.doors.values() {
            door.set_readiness(Readiness::Busy);
        }
        let mut called = depot.call(true);
        assert!(called.poll().is_pending(), "nobody is ready");
        assert_eq!((depot.copies.made(), depot.copies.alive()), (1, 2), "{shape:?}");
        depot.all(Step::Fail("on fire"));
        for door in depot.doors.values() {
            door.set_readiness(Readiness::Ready);
        }
        // The first is sent and fails; the retry finds others ready, or waits for them.
        let answer = depot.finish(&mut called);
        assert!(matches!(answer, Err(Error::GaveUp(_))), "{answer:?}");
        assert_eq!((depot.copies.made(), depot.delivered()), (1, 2), "{shape:?}");
        assert_eq!(depot.copies.alive(), 0);
    }
}

/// I-54, I-65: a hedge gets a copy and leaves one, since it may be that nobody takes it; all are gone with the answer.
#[test]
fn hedges_are_copies_too() {
    for shape in APART {
        let mut depot = Depot::new(shape, unbounded(), |route| route.hedge(Hedge::after(ms(20))));
        depot.all(Step::Hold(Reply::Fine));
        let mut called = depot.call(true);
        assert!(called.poll().is_pending());
        depot.hand.advance(ms(20));
        assert!(called.poll().is_pending());
        assert_eq!((depot.copies.made(), depot.delivered(), depot.copies.alive()), (2, 2, 1), "{shape:?}");
        depot.doors.values().for_each(|door| door.release());
        assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Fine)));
        assert_eq!(depot.copies.alive(), 0);
        assert_eq!(depot.traffic.status().clusters[0].regions[0].in_flight, 0);
    }
}
