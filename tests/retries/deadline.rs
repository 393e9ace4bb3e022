//! What time is left for.

use super::*;

fn at_once() -> Backoff {
    Backoff::from(Duration::ZERO)
}

fn steps() -> impl Strategy<Value = Step<Reply, &'static str>> {
    prop_oneof![
        Just(Step::Hang),
        Just(Step::Answer(Reply::Down(None))),
        Just(Step::Answer(Reply::Down(Some(ms(40))))),
        Just(Step::Fail("not connected")),
    ]
}

proptest! {
    #![proptest_config(config(400))]

    /// I-49: however late somebody looks, no attempt starts at the deadline or after it, and none goes on after its own time.
    #[test]
    fn no_attempt_starts_at_or_after_the_deadline(
        shape in select(&SHAPES[..]),
        seed: u64,
        deadline in 1..1_000_u64,
        per_try in proptest::option::of(1..500_u64),
        (base, jitter) in (0..100_u64, select(&[Jitter::Full, Jitter::Equal, Jitter::Decorrelated][..])),
        is_hedged: bool,
        steps in vec(steps(), 5),
        looks in vec(0..400_u64, 0..12),
    ) {
        let per_try = per_try.map(|per_try| ms(per_try.min(deadline)));
        let retry = Retry { per_try, ..Retry::default().attempts(5).backoff(Backoff::from(ms(base)).jitter(jitter)) };
        let budget = RetryBudget::allow_unbounded();
        let mut world = World::with(shape, seed, budget, |spec| spec, |route| {
            let route = route.deadline(ms(deadline)).retry(retry);
            let hedge = Hedge::after(ms(25)).attempts(3).max_extra(Ratio::percent(100));
            if is_hedged { route.hedge(hedge) } else { route }
        });
        for (name, step) in ["a", "b", "c", "d", "e"].into_iter().zip(&steps) {
            (0..5).for_each(|_| world.at(name).once(step.clone()));
        }
        let end = world.now().after(ms(deadline));
        let mut called = world.call(letter(1));
        let mut polled = called.poll();
        world.taken();
        for look in looks {
            if polled.is_ready() {
                break;
            }
            world.hand.advance(ms(look));
            polled = called.poll();
            prop_assert!(world.now() < end || world.taken().is_empty(), "sent after the deadline");
            world.taken();
            prop_assert!(world.now() < end || polled.is_ready(), "the deadline ends it");
        }
        if polled.is_ready() {
            prop_assert_eq!(world.in_flight(), 0);
        }
    }
}

/// I-49: a wait that cannot fit is not begun: the failure comes at once, nothing is spent, and it says what was missing.
#[test]
fn a_wait_that_cannot_fit_fails_now() {
    for shape in SHAPES {
        let backoff = Backoff::from(ms(400)).jitter(Jitter::Equal);
        let mut world = World::new(shape, 1, |route| route.deadline(ms(200)).retry(Retry::default().backoff(backoff)));
        world.all_once(Step::Fail("on fire"));
        let before = world.tokens();
        let mut called = world.call(letter(1));
        let Poll::Ready(Err(Error::GaveUp(gave_up))) = called.poll() else { panic!("{shape:?}: it waits") };
        let GiveUp::Deadline { left, needed } = gave_up.why() else { panic!("{gave_up}") };
        assert_eq!(left, ms(200));
        assert!(ms(200) <= needed && needed <= ms(400), "{needed:?}");
        assert_eq!((world.hand.next_alarm(), world.tokens()), (None, before), "{shape:?}");
        assert_eq!(world.heard.gave_up(), [gave_up.why()]);
    }
}

/// I-49: the same for a wait that the server asks for.
#[test]
fn a_hint_that_cannot_fit_fails_now() {
    for shape in SHAPES {
        let mut world = World::new(shape, 1, |route| route.deadline(ms(200)).retry(Retry::default()));
        world.all_once(Step::Answer(Reply::Down(Some(ms(200)))));
        let mut called = world.call(letter(1));
        assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Down(Some(ms(200))))), "{shape:?}");
        assert!(matches!(world.heard.gave_up()[..], [GiveUp::Deadline { left, .. }] if left == ms(200)));
        assert_eq!(world.taken().len(), 1);
    }
}

/// I-49: a retry that even a quick answer would come too late for is not made: what the endpoints need is known.
#[test]
fn a_retry_that_cannot_be_answered_in_time_is_not_made() {
    for shape in SHAPES {
        let mut world =
            World::new(shape, 1, |route| route.deadline(ms(200)).retry(Retry::default().backoff(at_once())));
        // Whoever answers needs 150 ms.
        world.all_once(Step::Hold(Reply::Fine));
        let mut calls: Vec<Called> = (0..2).map(|number| world.started(letter(number))).collect();
        world.hand.advance(ms(150));
        world.release();
        assert!(calls.iter_mut().all(|called| called.poll().is_ready()));
        drop(calls);
        world.taken();
        // What is left to do what it was told, and then fails late.
        world.all(Step::Hold(Reply::Down(None)), 2);
        let mut called = world.call(letter(9));
        while called.poll().is_ready() {
            world.taken();
            called = world.call(letter(9));
        }
        world.hand.advance(ms(60));
        world.heard.take();
        world.release();
        assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Down(None))), "{shape:?}");
        let gave_up = world.heard.gave_up();
        assert!(
            matches!(gave_up[..], [GiveUp::Deadline { left, needed }] if left == ms(140) && needed > left),
            "{shape:?}: {gave_up:?}"
        );
    }
}

/// I-49: an attempt has its own time, or what is left if that is less.
#[test]
fn an_attempt_has_its_own_time_or_what_is_left() {
    for shape in SHAPES {
        let retry = Retry::default().attempts(4).per_try(ms(100)).backoff(at_once());
        let mut world = World::new(shape, 1, |route| route.deadline(ms(250)).retry(retry));
        world.all(Step::Hang, 3);
        let mut called = world.started(letter(1));
        let mut sent = vec![world.now()];
        world.taken();
        let answer = loop {
            let next = world.hand.next_alarm().expect("it waits");
            world.hand.advance_to(next);
            let polled = called.poll();
            sent.extend(world.taken().iter().map(|_| world.now()));
            if let Poll::Ready(answer) = polled {
                break answer;
            }
        };
        let Err(Error::TimedOut(timed_out)) = answer else { panic!("{shape:?}: {answer:?}") };
        assert_eq!(timed_out.after(), ms(250), "what the request had");
        assert_eq!(world.now(), Instant::START.after(ms(250)));
        assert_eq!(sent, [0, 100, 200].map(|at| Instant::START.after(ms(at))), "{shape:?}");
        assert_eq!(world.in_flight(), 0);
    }
}

/// I-49: so does the time that each attempt is told it has, and the last has all.
#[test]
fn a_failure_by_its_own_time_says_how_long_that_was() {
    for shape in SHAPES {
        let retry = Retry::default().attempts(2).per_try(ms(100));
        let budget = Successes { burst: 1, ratio: 0.0, floor: None };
        let mut world = World::with(shape, 1, RetryBudget::Successes(budget), |spec| spec, |route| route.retry(retry));
        world.all(Step::Hang, 2);
        // The first is to find the budget spent when its time is over.
        let mut first = world.started(letter(1));
        world.hand.advance(ms(1));
        let mut second = world.started(letter(2));
        world.hand.advance(ms(99));
        assert!(first.poll().is_pending());
        world.hand.advance(ms(1));
        let Poll::Ready(Err(error)) = second.poll() else { panic!("{shape:?}: it waits") };
        assert_eq!(error.to_string(), "no answer within 100ms; no other attempt was made: the retry budget is spent");
    }
}

/// I-49: a caller that waits for less than the route allows has less, for its waits and its attempts too; one that waits for
/// more has no more.
#[test]
fn a_callers_own_deadline_shortens_the_routes() {
    for shape in SHAPES {
        for (timeout, left) in [(ms(150), ms(150)), (ms(90_000), ms(10_000))] {
            let backoff = Backoff::from(ms(20_000)).jitter(Jitter::Equal);
            let mut world = World::new(shape, 1, |route| route.retry(Retry::default().backoff(backoff)));
            world.all_once(Step::Fail("on fire"));
            let mut called = world.call(Letter { timeout: Some(timeout), ..letter(1) });
            let Poll::Ready(Err(Error::GaveUp(gave_up))) = called.poll() else { panic!("{shape:?}: it waits") };
            assert!(matches!(gave_up.why(), GiveUp::Deadline { left: is, .. } if is == left), "{shape:?}: {gave_up}");

            world.forget();
            world.all_once(Step::Hang);
            let mut called = world.started(Letter { timeout: Some(timeout), ..letter(2) });
            world.hand.advance(left.saturating_sub(ms(1)));
            assert!(called.poll().is_pending());
            world.hand.advance(ms(1));
            let Poll::Ready(Err(error)) = called.poll() else { panic!("{shape:?}: it waits") };
            assert_eq!(error.to_string(), format!("no answer within {left:?}"), "{shape:?}");
        }
    }
}
