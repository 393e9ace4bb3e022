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
