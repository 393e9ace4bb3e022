//! What servers ask for.

use super::*;

fn jitters() -> impl Strategy<Value = Jitter> {
    select(&[Jitter::Full, Jitter::Equal, Jitter::Decorrelated][..])
}

proptest! {
    #![proptest_config(config(300))]

    /// I-52: nobody is asked again before the time that the server said, nor later than the route allows; who says more is not
    /// asked again, and the failure says so at once.
    #[test]
    fn a_retry_waits_for_as_long_as_the_server_says_and_no_longer_than_is_allowed(
        shape in select(&SHAPES[..]),
        seed: u64,
        hint in 0..8_000_u64,
        max_hint in 1..6_000_u64,
        (base, max, jitter) in (0..300_u64, 0..1_000_u64, jitters()),
        was_processed: bool,
    ) {
        let (hint, max_hint) = (ms(hint), ms(max_hint));
        let backoff = Backoff { base: ms(base.min(max)), max: ms(max), jitter };
        let retry = Retry { max_hint, ..Retry::default().attempts(2).backoff(backoff) };
        let mut world = World::new(shape, seed, |route| route.retry(retry));
        let reply = if was_processed { Reply::Down(Some(hint)) } else { Reply::TurnedAway(Some(hint)) };
        world.all_once(Step::Answer(reply));
        let before = world.tokens();
        let mut called = world.call(letter(1));
        let polled = called.poll();
        prop_assert_eq!(world.taken().len(), 1 + usize::from(hint.is_zero() && polled.is_ready()));
        if hint > max_hint {
            prop_assert_eq!(polled, Poll::Ready(Ok(reply)));
            prop_assert_eq!(world.heard.gave_up(), [GiveUp::Hint { after: hint }]);
            prop_assert_eq!((world.tokens(), world.hand.next_alarm()), (before, None));
            return Ok(());
        }
        let wait = world.heard.waits()[0];
        prop_assert!(hint <= wait && wait <= max_hint, "{wait:?}");
        prop_assert!(wait <= backoff.max.max(hint) + hint / 5, "{wait:?}");
        if wait.is_zero() {
            prop_assert!(polled.is_ready());
            return Ok(());
        }
        prop_assert!(polled.is_pending());
        prop_assert_eq!(world.in_flight(), 0, "it waits nowhere");
        world.hand.advance(wait.saturating_sub(Duration::from_nanos(1)));
        prop_assert!(called.poll().is_pending());
        prop_assert_eq!(world.taken().len(), 0, "before its time");
        world.hand.advance(Duration::from_nanos(1));
        prop_assert_eq!(called.poll(), Poll::Ready(Ok(reply)));
        prop_assert_eq!(world.taken().len(), 1);
    }
}

/// I-52: a server that asks not to be asked again is not, though attempts, time and budget are left.
#[test]
fn who_asks_for_no_more_is_not_asked_again() {
    for shape in SHAPES {
        let mut world = World::new(shape, 1, |route| route.retry(Retry::default()).hedge(Hedge::after(ms(20))));
        world.all_once(Step::Answer(Reply::DoNotRetry));
        let before = world.tokens();
        let mut called = world.call(letter(1));
        assert_eq!(called.poll(), Poll::Ready(Ok(Reply::DoNotRetry)), "{shape:?}");
        assert_eq!(world.heard.gave_up(), [GiveUp::Pushback]);
        assert_eq!((world.taken().len(), world.tokens()), (1, before));
    }
}

/// I-52: and nothing is sent beside one that has not answered yet, nor after it.
#[test]
fn one_that_asks_for_no_more_ends_hedges_and_the_other_is_waited_for() {
    for shape in SHAPES {
        let route = |route: RouteSpec| {
            let hedge = Hedge::after(ms(20)).attempts(3).max_extra(Ratio::percent(100));
            route.retry(Retry::default().attempts(3)).hedge(hedge)
        };
        let mut world = World::new(shape, 1, route);
        world.all_once(Step::Hold(Reply::DoNotRetry));
        let mut called = world.started(letter(1));
        let first = world.names().remove(0);
        world.hand.advance(ms(20));
        assert!(called.poll().is_pending());
        let second = world.names().remove(0);
        world.allow_a_hedge();
        world.at(&second).release();
        assert!(called.poll().is_pending(), "{shape:?}: the first may be answered yet");
        world.hand.advance(ms(5_000));
        assert!(called.poll().is_pending());
        assert_eq!(world.taken().len(), 0, "{shape:?}");
        // The first fails in a way that would be retried.
        world.at(&first).release();
        world.heard.take();
        assert_eq!(called.poll(), Poll::Ready(Ok(Reply::DoNotRetry)));
        assert_eq!(world.heard.gave_up(), [GiveUp::Pushback]);
        assert_eq!((world.taken().len(), world.in_flight()), (0, 0));
    }
}

/// I-52: a hint of one that failed beside others holds for what would be sent beside them.
#[test]
fn what_is_sent_beside_others_waits_for_the_hint_too() {
    for shape in SHAPES {
        for (hint, is_allowed) in [(ms(700), true), (ms(6_000), false)] {
            let route = |route: RouteSpec| {
                let hedge = Hedge::after(ms(20)).max_extra(Ratio::percent(100));
                route.retry(Retry::default().attempts(3)).hedge(hedge)
            };
            let mut world = World::new(shape, 1, route);
            world.all_once(Step::Hold(Reply::Down(Some(hint))));
            let mut called = world.started(letter(1));
            world.names();
            world.hand.advance(ms(20));
            assert!(called.poll().is_pending());
            let second = world.names().remove(0);
            world.at(&second).release();
            assert!(called.poll().is_pending());
            world.allow_a_hedge();
            world.hand.advance(hint.saturating_sub(ms(1)));
            assert!(called.poll().is_pending());
            assert_eq!(world.taken().len(), 0, "{shape:?}: before its time");
            world.hand.advance(ms(1));
            assert!(called.poll().is_pending());
            assert_eq!(world.taken().len(), usize::from(is_allowed), "{shape:?}: {hint:?} {:?}", world.heard.take());
        }
    }
}
