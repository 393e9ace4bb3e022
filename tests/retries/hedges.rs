//! Attempts beside others.

use super::*;

/// I-54: the hedge's answer is taken, and the loser's place is free before it is handed on.
#[test]
fn a_slow_attempt_gets_another_beside_it_and_one_answer_is_taken() {
    for shape in SHAPES {
        let mut world = World::new(shape, 1, |route| route.hedge(Hedge::after(ms(20))));
        world.all_once(Step::Hold(Reply::Wrong));
        let mut called = world.call(letter(1));
        assert!(called.poll().is_pending());
        let first = world.names();
        world.hand.advance(ms(20));
        assert!(called.poll().is_pending());
        let second = world.names();
        assert_eq!((first.len(), second.len()), (1, 1), "{shape:?}");
        assert_ne!(first, second);
        assert_eq!(world.in_flight(), 2);
        world.at(&second[0]).release();
        assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Wrong)));
        assert_eq!(world.in_flight(), 0);
        drop(called);
        let heard = world.heard.take();
        assert!(heard.contains(&Said::Another(1, Cause::Slow)), "{heard:?}");
    }
}

/// I-54: the failure of one waits for the other.
#[test]
fn the_failure_of_one_waits_for_the_other() {
    for shape in SHAPES {
        let mut world = World::new(shape, 1, |route| route.hedge(Hedge::after(ms(20))));
        world.all_once(Step::Hold(Reply::Down(None)));
        let mut called = world.call(letter(1));
        assert!(called.poll().is_pending());
        let first = world.names().remove(0);
        world.backends.iter().filter(|(name, _)| **name != first).for_each(|(_, backend)| backend.release());
        world.hand.advance(ms(20));
        assert!(called.poll().is_pending());
        let second = world.names().remove(0);
        world.at(&second).release();
        assert!(called.poll().is_pending(), "the first may still be answered");
        world.at(&first).release();
        assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Down(None))));
    }
}

/// As many as there are requests.
fn eager() -> Hedge {
    Hedge::after(ms(20)).max_extra(Ratio::percent(100))
}

/// Nothing is sent beside this one, nothing is spent on it, and it is answered all the same.
fn assert_alone(world: &World, mut called: Called, what: &str) {
    let before = (world.tokens(), world.budget().under_way, world.in_flight());
    world.taken();
    for _ in 0..3 {
        world.hand.advance(ms(100));
        assert!(called.poll().is_pending(), "{what}");
    }
    assert_eq!(world.taken().len(), 0, "{what}");
    assert_eq!((world.tokens(), world.budget().under_way, world.in_flight()), before, "{what}");
    world.release();
    assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Fine)), "{what}");
}

/// I-54: a budget that is spent refuses the hedge and nothing else.
#[test]
fn a_budget_that_is_spent_fails_nobody() {
    for shape in SHAPES {
        let budget = RetryBudget::Successes(Successes { burst: 1, ratio: 0.0, floor: Some(ms(1)) });
        let retry = Retry::default().backoff(Backoff::from(Duration::ZERO)).attempts(2);
        let mut world = World::with(shape, 1, budget, |spec| spec, |route| route.hedge(eager()).retry(retry));
        world.all_once(Step::Hold(Reply::Fine));
        let called = world.started(letter(1));
        let first = world.names().remove(0);
        // Another takes what there is; the floor grants more, but to no hedge.
        world.backends.iter().filter(|(name, _)| **name != first).for_each(|(_, backend)| {
            (0..4).for_each(|_| drop(backend.clone().call(letter(0))));
            backend.once(Step::Fail("on fire"));
        });
        let mut other = world.call(letter(2));
        while world.budget().tokens == Some(1.0) {
            drop(other.poll());
            other = world.call(letter(2));
        }
        drop(other);
        assert_eq!(world.budget().tokens, Some(0.0));
        assert_alone(&world, called, &format!("{shape:?}"));
    }
}

/// I-54: nor does the route's allowance fail anybody, nor what was taken of the budget before it was asked.
#[test]
fn an_allowance_that_is_spent_fails_nobody() {
    for shape in SHAPES {
        let mut world = World::new(shape, 1, |route| route.hedge(Hedge::after(ms(20))));
        world.all(Step::Hold(Reply::Fine), 2);
        let mut first = world.started(letter(1));
        world.hand.advance(ms(20));
        assert!(first.poll().is_pending());
        assert_eq!(world.taken().len(), 2, "one is saved up");
        let second = world.started(letter(2));
        assert_alone(&world, second, &format!("{shape:?}"));
        drop(first);
        assert_eq!(world.in_flight(), 0);
    }
}

/// I-54: nothing is sent in addition into a region whose limit has no room.
#[test]
fn a_limit_without_room_fails_nobody() {
    for shape in SHAPES {
        let full = |mut spec: TableSpec| {
            spec.cluster_mut("post").expect("a cluster").limit = Some(Limit::fixed(1).queue(Queue::of(5)));
            spec
        };
        let budget = RetryBudget::default();
        let mut world = World::with(shape, 1, budget, full, |route| route.hedge(eager()));
        world.all_once(Step::Hold(Reply::Fine));
        let called = world.started(letter(1));
        assert_alone(&world, called, &format!("{shape:?}"));
    }
}

/// I-54: what is slow is not asked twice at once.
#[test]
fn an_endpoint_alone_is_not_asked_twice() {
    for shape in SHAPES {
        let spec = TableSpec::new()
            .cluster("post", |c| c.region("eu", |r| r.endpoint("a", "a:1")))
            .route("letters", |r| r.any().to("post").hedge(eager()));
        let mut world = World::of(shape, 1, spec);
        world.all_once(Step::Hold(Reply::Fine));
        let called = world.started(letter(1));
        assert_alone(&world, called, &format!("{shape:?}"));
        let refused = Said::GaveUp(GiveUp::Refused(Reason::NoEndpoint));
        assert!(world.heard.take().iter().all(|said| !matches!(said, Said::Rejection(_)) || *said == refused));
    }
}

/// I-54: a hedge waits for nobody, and one that nobody can take is no failure, no rejection, and free.
#[test]
fn a_hedge_that_nobody_takes_fails_nobody() {
    for shape in APART {
        let mut world = World::new(shape, 1, |route| route.hedge(eager()));
        world.all_once(Step::Hold(Reply::Fine));
        let called = world.started(letter(1));
        let first = world.names().remove(0);
        world.backends.iter().filter(|(name, _)| **name != first).for_each(|(_, backend)| {
            backend.set_readiness(Readiness::Busy);
        });
        world.heard.take();
        assert_alone(&world, called, &format!("{shape:?}"));
        let heard = world.heard.take();
        let expected = [
            Said::Another(1, Cause::Slow),
            Said::GaveUp(GiveUp::Refused(Reason::NoEndpoint)),
            Said::Outcome(0, Outcome::Success),
        ];
        assert_eq!(heard, expected, "{shape:?}");
    }
}

/// A hedge that nobody took was sent nowhere: when what it was beside fails, that is retried.
fn retried_after_a_refused_hedge(shape: Shape, attempts: u32) -> (Poll<Answer>, Vec<u32>) {
    let retry = Retry::default().attempts(attempts).backoff(Backoff::from(Duration::ZERO));
    let mut world = World::new(shape, 1, |route| route.hedge(eager()).retry(retry));
    world.all_once(Step::Hold(Reply::Down(None)));
    let mut called = world.started(letter(1));
    let first = world.names().remove(0);
    world.forget_all_but(std::slice::from_ref(&first));
    let set_others = |readiness: Readiness<&'static str>| {
        let others = world.backends.iter().filter(|(name, _)| **name != first);
        others.for_each(|(_, backend)| backend.set_readiness(readiness.clone()));
    };
    set_others(Readiness::Busy);
    world.hand.advance(ms(20));
    assert!(called.poll().is_pending());
    set_others(Readiness::Ready);
    world.at(&first).release();
    let polled = called.poll();
    (polled, world.taken().iter().map(|(_, letter)| letter.previous).collect())
}

/// I-54: a hedge that was refused takes nothing from the request that it was for.
#[test]
fn what_a_refused_hedge_was_beside_is_still_retried() {
    for shape in APART {
        let (polled, sent) = retried_after_a_refused_hedge(shape, 3);
        assert_eq!((polled, sent.len()), (Poll::Ready(Ok(Reply::Fine)), 1), "{shape:?}");
    }
}

/// I-48, I-54: nor does it count as one of the attempts.
#[test]
fn a_refused_hedge_is_no_attempt() {
    for shape in APART {
        let (polled, sent) = retried_after_a_refused_hedge(shape, 2);
        assert_eq!((polled, sent), (Poll::Ready(Ok(Reply::Fine)), vec![1]), "{shape:?}");
        assert_eq!(retried_after_a_refused_hedge(shape, 3).1, [1], "{shape:?}: one was sent before it");
    }
}

/// I-54: what lost was slow, and that it was dropped says nothing of its endpoint while it is young; when it is old it says
/// what any caller's leaving says.
#[test]
fn a_loser_is_judged_by_its_age() {
    for shape in SHAPES {
        for (age, failures) in [(ms(20), 0), (ms(1_500), 1)] {
            let mut world = World::new(shape, 1, |route| route.hedge(Hedge::after(age)));
            world.all_once(Step::Hold(Reply::Fine));
            let mut called = world.started(letter(1));
            world.names();
            world.hand.advance(age);
            assert!(called.poll().is_pending());
            let second = world.names().remove(0);
            world.at(&second).release();
            assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Fine)));
            let endpoints: Vec<_> = world.cluster().regions.into_iter().flat_map(|region| region.endpoints).collect();
            let sums: (u64, u64) = endpoints
                .iter()
                .fold((0, 0), |(good, bad), endpoint| (good + endpoint.successes, bad + endpoint.failures));
            assert_eq!(sums, (1, failures), "{shape:?} after {age:?}");
        }
    }
}

/// I-54: it goes to another region if it is to, and never where what was asked must stay.
#[test]
fn a_hedge_goes_where_the_route_says() {
    for shape in SHAPES {
        let cases = [
            (eager(), LeaveRegion::OnEvidence, "abc"),
            (eager().other_region(), LeaveRegion::OnEvidence, "de"),
            (eager(), LeaveRegion::Always, "abc"),
            (eager().other_region(), LeaveRegion::Never, "abc"),
        ];
        for (hedge, leave_region, allowed) in cases {
            for seed in 0..10 {
                let retry = Retry::default().leave_region(leave_region);
                let mut world = World::new(shape, seed, |route| route.hedge(hedge).retry(retry));
                world.all_once(Step::Hang);
                let mut called = world.started(letter(1));
                let first = world.names().remove(0);
                world.hand.advance(ms(20));
                assert!(called.poll().is_pending());
                let second = world.names().remove(0);
                assert!(allowed.contains(second.as_str()) && second != first, "{shape:?} {hedge:?} {leave_region:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(config(200))]

    /// I-54: in whatever order they are answered, the first that is no failure is the answer, and when it is handed on nothing
    /// is in flight any more; if all fail, that is the answer.
    #[test]
    fn the_first_good_answer_wins_and_the_others_are_gone(
        shape in select(&SHAPES[..]),
        seed: u64,
        replies in vec(select(&[Reply::Fine, Reply::Wrong, Reply::Down(None), Reply::DoNotRetry][..]), 3),
        order in Just(vec![0_usize, 1, 2]).prop_shuffle(),
        at_once in 2..4_usize,
    ) {
        let hedge = eager().attempts(at_once as u32);
        let retry = Retry::default().attempts(at_once as u32);
        let mut world = World::new(shape, seed, |route| route.hedge(hedge).retry(retry));
        world.all_once(Step::Hold(Reply::Fine));
        let mut called = world.call(letter(1));
        let mut names: Vec<String> = Vec::new();
        // Each is told its own reply by the place in which it was sent.
        for reply in replies.iter().take(at_once) {
            world.forget_all_but(&names);
            for name in NAMES.iter().filter(|name| !names.iter().any(|one| one == *name)) {
                world.at(name).once(Step::Hold(*reply));
            }
            if names.is_empty() {
                drop(called);
                called = world.started(letter(1));
            } else {
                world.allow_a_hedge();
                world.forget_all_but(&names);
                for name in NAMES.iter().filter(|name| !names.iter().any(|one| one == *name)) {
                    world.at(name).once(Step::Hold(*reply));
                }
                world.hand.advance(ms(20));
                prop_assert!(called.poll().is_pending());
            }
            let sent = world.names();
            prop_assert_eq!(sent.len(), 1);
            names.extend(sent);
        }
        prop_assert_eq!(world.in_flight() as usize, at_once);
        for at in order.into_iter().filter(|at| *at < at_once) {
            world.at(&names[at]).release();
            let is_good = matches!(replies[at], Reply::Fine | Reply::Wrong);
            let polled = called.poll();
            if is_good || polled.is_ready() {
                prop_assert_eq!(polled, Poll::Ready(Ok(replies[at])));
                prop_assert_eq!((world.in_flight(), world.budget().under_way), (0, 0));
                return Ok(());
            }
        }
        prop_assert!(false, "no answer was handed on");
    }
}
