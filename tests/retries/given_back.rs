//! What was counted is given back, however a request and each of its attempts ends; and what observers hear adds up.

use super::*;

#[derive(Clone, Debug)]
enum Act {
    Call(Step<Reply, &'static str>, Option<Step<Reply, &'static str>>),
    Poll(usize),
    Drop(usize),
    Wait(u64),
    Release,
    ReleaseOne(usize),
    Readiness(usize, Readiness<&'static str>),
    Publish(Bounds),
    Rollback,
    Evacuate(bool, bool),
}

/// What a table limits, retries and hedges.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    route: Option<(u32, bool)>,
    region: Option<(u32, bool)>,
    endpoint: Option<u32>,
    retry: Option<Retry>,
    hedge: Option<Hedge>,
    budget: RetryBudget,
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let bounded = || proptest::option::weighted(0.6, (1..4_u32, any::<bool>()));
    let retry = (2..5_u32, proptest::option::of(20..400_u64), 0..60_u64, any::<bool>()).prop_map(
        |(attempts, per_try, base, always)| Retry {
            per_try: per_try.map(ms),
            leave_region: if always { LeaveRegion::Always } else { LeaveRegion::OnEvidence },
            ..Retry::default().attempts(attempts).backoff(Backoff::from(ms(base))).retry_unsent()
        },
    );
    let hedge = (10..100_u64, any::<bool>()).prop_map(|(after, other)| {
        let hedge = Hedge::after(ms(after)).max_extra(Ratio::percent(100));
        if other { hedge.other_region() } else { hedge }
    });
    let budget = prop_oneof![
        3 => Just(RetryBudget::Successes(Successes { burst: 5, ratio: 0.5, floor: Some(ms(500)) })),
        1 => Just(RetryBudget::finagle()),
        1 => Just(RetryBudget::grpc()),
        1 => Just(RetryBudget::aws()),
        2 => Just(RetryBudget::envoy()),
        2 => Just(RetryBudget::allow_unbounded()),
    ];
    let endpoint = proptest::option::weighted(0.3, 1..3_u32);
    let (retry, hedge) = (proptest::option::weighted(0.9, retry), proptest::option::weighted(0.5, hedge));
    (bounded(), bounded(), endpoint, retry, hedge, budget).prop_map(
        |(route, region, endpoint, retry, hedge, budget)| Bounds { route, region, endpoint, retry, hedge, budget },
    )
}

fn step() -> impl Strategy<Value = Step<Reply, &'static str>> {
    prop_oneof![
        2 => Just(Step::Answer(Reply::Fine)),
        3 => Just(Step::Answer(Reply::Down(None))),
        1 => Just(Step::Answer(Reply::Down(Some(ms(70))))),
        1 => Just(Step::Answer(Reply::TurnedAway(None))),
        1 => Just(Step::Answer(Reply::DoNotRetry)),
        3 => Just(Step::Fail("on fire")),
        1 => Just(Step::Fail("not connected")),
        4 => Just(Step::Hold(Reply::Fine)),
        2 => Just(Step::Hold(Reply::Down(None))),
        3 => Just(Step::Hang),
        1 => Just(Step::PanicInCall),
        1 => Just(Step::PanicInPoll),
    ]
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let readiness =
        prop_oneof![3 => Just(Readiness::Ready), 2 => Just(Readiness::Busy), 1 => Just(Readiness::Broken("broken"))];
    let act = prop_oneof![
        8 => (step(), proptest::option::of(step())).prop_map(|(first, then)| Act::Call(first, then)),
        16 => (0..8_usize).prop_map(Act::Poll),
        3 => (0..8_usize).prop_map(Act::Drop),
        8 => (0..300_u64).prop_map(Act::Wait),
        1 => (300..20_000_u64).prop_map(Act::Wait),
        1 => Just(Act::Release),
        3 => (0..5_usize).prop_map(Act::ReleaseOne),
        3 => (0..5_usize, readiness).prop_map(|(at, readiness)| Act::Readiness(at, readiness)),
        1 => bounds().prop_map(Act::Publish),
        1 => Just(Act::Rollback),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(eu, out)| Act::Evacuate(eu, out)),
    ];
    vec(act, 0..120)
}

fn table(bounds: Bounds) -> TableSpec {
    let limit = |(limit, queues)| {
        let limit = Limit::fixed(limit);
        if queues { limit.queue(Queue::of(4)) } else { limit }
    };
    TableSpec::new()
        .cluster("post", |mut cluster| {
            (cluster.limit, cluster.endpoint_limit) = (bounds.region.map(limit), bounds.endpoint);
            cluster
                .region("eu", |r| r.rank(0).endpoint("a", "a:1").endpoint("b", "b:1").endpoint("c", "c:1"))
                .region("us", |r| r.rank(1).endpoint("d", "d:1").endpoint("e", "e:1"))
                .retry_budget(bounds.budget)
        })
        .route("letters", |mut route| {
            route.limit = bounds.route.map(limit);
            (route.knobs.retry, route.knobs.hedge) = (bounds.retry, bounds.hedge);
            route.any().to("post").deadline(ms(3_000))
        })
}

/// Nothing is in flight anywhere, nobody waits, and no retry is under way.
fn assert_idle(traffic: &Traffic) {
    let status = traffic.status();
    for route in &status.routes {
        assert_eq!((route.limit.in_flight, route.limit.queued), (0, 0), "route {}", route.name);
    }
    for cluster in &status.clusters {
        assert_eq!(cluster.retry_budget.under_way, 0);
        for region in &cluster.regions {
            assert_eq!(region.in_flight, 0, "region {}", region.name);
            assert!(region.limit.as_ref().is_none_or(|limit| limit.in_flight == 0 && limit.queued == 0));
            for endpoint in &region.endpoints {
                assert_eq!((endpoint.in_flight, endpoint.waiting), (0, 0), "endpoint {}", endpoint.name);
            }
        }
    }
}

/// How often each endpoint was said to be sent something, and how many outcomes there were.
#[derive(Default)]
struct Tally(Mutex<(BTreeMap<String, usize>, usize)>);

impl Observer for Tally {
    fn attempt(&self, snapshot: &Snapshot, decision: &Decision) {
        let name = snapshot.endpoint(decision).expect("its own decision").name().to_string();
        *self.0.lock().expect("no panic").0.entry(name).or_default() += 1;
    }

    fn outcome(&self, _: &Snapshot, _: &Decision, _: Outcome, _: Duration) {
        self.0.lock().expect("no panic").1 += 1;
    }
}

proptest! {
    #![proptest_config(config(500))]

    /// I-33, I-57, I-60: answers of all kinds, panics in calls and polls, services that are not ready or broken, callers that
    /// leave at any moment, deadlines, tables that change and regions that are taken out, with retries, hedges, queues and
    /// limits everywhere: what is in flight is never more than the calls explain, and nothing at the end. Each attempt has one
    /// outcome, endpoints got what observers heard, and a request is either sent or rejected, never both.
    #[test]
    fn nothing_is_left_in_flight_and_the_story_adds_up(
        shape in select(&SHAPES[..]),
        seed: u64,
        first in bounds(),
        is_observed: bool,
        acts in acts(),
    ) {
        let mut world = World::of(shape, seed, table(first));
        let tally = Arc::new(Tally::default());
        world.traffic.observe(tally.clone());
        if !is_observed {
            world.traffic.stop_observing(tally.clone());
            world.traffic.stop_observing(world.heard.clone());
        }
        let (mut calls, mut made) = (Vec::new(), 0);
        for act in acts {
            match act {
                Act::Call(first, then) => {
                    world.all_once(first);
                    then.into_iter().for_each(|step| world.all_once(step));
                    made += 1;
                    let letter = Letter { is_idempotent: made % 5 != 0, ..letter(made) };
                    let called = panic::catch_unwind(AssertUnwindSafe(|| world.call(letter)));
                    calls.extend(called);
                }
                Act::Poll(which) if !calls.is_empty() => {
                    let which = which % calls.len();
                    let called: &mut Called = &mut calls[which];
                    let polled = panic::catch_unwind(AssertUnwindSafe(|| called.poll()));
                    if !matches!(polled, Ok(Poll::Pending)) {
                        drop(calls.swap_remove(which));
                    }
                }
                Act::Drop(which) if !calls.is_empty() => drop(calls.swap_remove(which % calls.len())),
                Act::Wait(time) => world.hand.advance(ms(time)),
                Act::Release => world.release(),
                Act::ReleaseOne(at) => drop(world.at(NAMES[at]).release_one()),
                Act::Readiness(at, readiness) => world.at(NAMES[at]).set_readiness(readiness),
                Act::Publish(bounds) => {
                    world.traffic.publish(table(bounds).build().expect("a sound table")).expect("nobody else publishes");
                }
                // Where there was no table before, nothing happens.
                Act::Rollback => drop(world.traffic.rollback()),
                Act::Evacuate(eu, out) => {
                    let name = if eu { "eu" } else { "us" };
                    if out { world.traffic.evacuate(name, ms(2_000)) } else { world.traffic.readmit(name) }.expect("a region");
                }
                Act::Poll(_) | Act::Drop(_) => {}
            }
            // Two at once at most, and one place at the route.
            let open = calls.len() as u32;
            prop_assert!(world.in_flight() <= 2 * open, "{} in flight of {open}", world.in_flight());
            let status = world.traffic.status();
            prop_assert!(status.routes.iter().all(|route| route.limit.in_flight <= open));
        }
        drop(calls);
        assert_idle(&world.traffic);
        prop_assert_eq!(world.hand.next_alarm(), None, "no timer is left");
        let taken = world.taken();
        if !is_observed {
            return Ok(());
        }
        let heard = world.heard.take();
        let count = |is: &dyn Fn(&Said) -> bool| heard.iter().filter(|said| is(said)).count();
        let (sent, outcomes) = std::mem::take(&mut *tally.0.lock().expect("no panic"));
        prop_assert_eq!(sent.values().sum::<usize>(), outcomes);
        prop_assert_eq!(taken.len(), outcomes);
        for (name, count) in sent {
            prop_assert_eq!(taken.iter().filter(|(one, _)| *one == name).count(), count, "{}", name);
        }
        let firsts = count(&|said| *said == Said::Attempt(0));
        let others = count(&|said| matches!(said, Said::Attempt(number) if *number > 0));
        let paid = count(&|said| matches!(said, Said::Another(..)));
        let rejections = count(&|said| matches!(said, Said::Rejection(_)));
        prop_assert!(firsts + rejections <= made as usize, "{firsts} sent and {rejections} rejected of {made}");
        prop_assert!(others <= paid, "{others} sent of {paid}");
        prop_assert_eq!(firsts + others, outcomes);
        let marked = taken.iter().filter(|(_, letter)| letter.previous > 0).count();
        prop_assert_eq!(marked, others, "a copy says that it is one");
    }
}

/// I-57: leaving in the middle of a retry is judged as leaving a first attempt is: by how long that attempt was waited for.
#[test]
fn who_leaves_a_retry_early_says_nothing_and_late_that_it_was_not_answered() {
    for shape in SHAPES {
        for (waited, failures) in [(ms(900), 1), (ms(1_100), 2)] {
            let backoff = Backoff::from(ms(5_000)).jitter(Jitter::Equal);
            let mut world =
                World::new(shape, 1, |route| route.deadline(ms(60_000)).retry(Retry::default().backoff(backoff)));
            world.all_once(Step::Fail("on fire"));
            let mut called = world.started(letter(1));
            world.forget();
            world.all_once(Step::Hang);
            // It waits for long, and that is nobody's time.
            let next = world.hand.next_alarm().expect("a backoff");
            world.hand.advance_to(next);
            assert!(called.poll().is_pending());
            world.hand.advance(waited);
            drop(called);
            let endpoints = world.cluster().regions.into_iter().flat_map(|region| region.endpoints);
            assert_eq!(endpoints.map(|endpoint| endpoint.failures).sum::<u64>(), failures, "{shape:?} {waited:?}");
            assert_idle(&world.traffic);
        }
    }
}

/// I-57: called and never polled, a request has its place until it is dropped, and then none.
#[test]
fn what_was_called_and_never_polled_is_given_back() {
    for shape in SHAPES {
        let mut world = World::new(shape, 1, |route| {
            route.retry(Retry::default()).hedge(Hedge::after(ms(20))).limit(Limit::fixed(1))
        });
        world.all_once(Step::PanicInPoll);
        let called = world.call(letter(1));
        assert_eq!(world.in_flight(), 1);
        world.hand.advance(ms(60_000));
        drop(called);
        assert_idle(&world.traffic);
        assert_eq!(world.hand.next_alarm(), None);
    }
}

/// I-57: a panic in a retry's call or poll takes nothing with it, and nothing is sent after it.
#[test]
fn a_panic_of_a_retry_takes_nothing_with_it() {
    for shape in SHAPES {
        for step in [Step::PanicInCall, Step::PanicInPoll] {
            for is_hedge in [false, true] {
                let mut world = World::new(shape, 1, |route| {
                    let route =
                        route.limit(Limit::fixed(1)).retry(Retry::default().backoff(Backoff::from(Duration::ZERO)));
                    if is_hedge { route.hedge(Hedge::after(ms(20))) } else { route }
                });
                world.all_once(Step::Hold(Reply::Down(None)));
                let mut called = world.started(letter(1));
                let first = world.names().remove(0);
                world.forget_all_but(std::slice::from_ref(&first));
                world.all_once(step.clone());
                if is_hedge {
                    world.hand.advance(ms(20))
                } else {
                    world.at(&first).release()
                }
                let polled = panic::catch_unwind(AssertUnwindSafe(|| called.poll()));
                assert!(polled.is_err(), "{shape:?} {step:?}");
                assert_eq!(world.taken().len(), 1);
                drop(called);
                assert_idle(&world.traffic);
            }
        }
    }
}

/// The story of a request with three attempts, one that timed out, one that failed and one that answered.
#[test]
fn the_story_of_three_attempts_is_told_in_order() {
    for shape in SHAPES {
        let retry = Retry::default().per_try(ms(100)).backoff(Backoff::from(ms(40)).jitter(Jitter::Equal));
        let mut world = World::new(shape, 1, |route| route.retry(retry));
        world.all_once(Step::Hang);
        let mut called = world.started(letter(1));
        world.forget();
        world.all_once(Step::Fail("not connected"));
        world.hand.advance(ms(100));
        assert!(called.poll().is_pending());
        let next = world.hand.next_alarm().expect("a backoff");
        world.hand.advance_to(next);
        assert!(called.poll().is_pending());
        world.forget();
        world.all_once(Step::Answer(Reply::Wrong));
        assert_eq!(world.finish(&mut called), Ok(Reply::Wrong));
        let expected = [
            Said::Attempt(0),
            // Given up after a tenth of a second, which says nothing of an endpoint that nobody knows.
            Said::Outcome(0, Outcome::Ignore),
            Said::Another(1, Cause::TimedOut),
            Said::Attempt(1),
            Said::Outcome(1, Outcome::Failure),
            Said::Another(2, Cause::NotProcessed),
            Said::Attempt(2),
            Said::Outcome(2, Outcome::Success),
        ];
        let heard = world.heard.take();
        let judged = [Said::Outcome(0, Outcome::Ignore), Said::Outcome(0, Outcome::Failure)];
        assert!(judged.contains(&heard[1]), "{shape:?}: {heard:?}");
        assert_eq!((&heard[..1], &heard[2..]), (&expected[..1], &expected[2..]), "{shape:?}");
        let waits = world.heard.waits();
        assert!(ms(20) <= waits[0] && waits[0] <= ms(40) && ms(40) <= waits[1] && waits[1] <= ms(80), "{waits:?}");
    }
}

/// What an error says that no other attempt was made after, word for word.
#[test]
fn an_error_says_why_no_other_attempt_was_made() {
    let none = |letter: Letter| letter;
    let broken = |letter: Letter| Letter { repeats: Repeats::Broken, ..letter };
    let default = RetryBudget::default();
    let slow = Retry::default().backoff(Backoff { base: ms(20_000), max: ms(20_000), jitter: Jitter::Equal });
    let one = RetryBudget::Successes(Successes { burst: 1, ratio: 0.0, floor: None });
    let cases: [(&str, RetryBudget, Retry, fn(Letter) -> Letter); 4] = [
        ("on fire; no other attempt was made: all 3 attempts were made", default, Retry::default(), none),
        ("on fire; no other attempt was made: the retry budget is spent", one, Retry::default(), none),
        ("on fire; no other attempt was made: its body cannot be repeated in full", default, Retry::default(), broken),
        ("of the deadline are left", default, slow, none),
    ];
    for shape in SHAPES {
        for (text, budget, retry, letter_of) in &cases {
            let mut world = World::with(shape, 1, *budget, |spec| spec, |route| route.retry(*retry));
            world.all(Step::Fail("on fire"), 3);
            let mut called = world.call(letter_of(letter(1)));
            let error = world.finish(&mut called).expect_err("all fail");
            assert!(error.to_string().ends_with(text), "{shape:?}: {error}");
            if *retry == slow {
                let wait = error.to_string();
                assert!(wait.starts_with("on fire; no other attempt was made: it would need 1"), "{error}");
                assert!(wait.ends_with("s, and 10s of the deadline are left"), "{error}");
            } else {
                assert_eq!(error.to_string(), *text);
            }
            assert_eq!(error.inner(), Some(&"on fire"));
        }
    }
}
