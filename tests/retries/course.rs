//! Whether, when and where another attempt is made.

use super::*;

fn retrying(route: RouteSpec) -> RouteSpec {
    route.retry(Retry::default())
}

/// I-55: what failed is sent to another endpoint of its region first.
#[test]
fn a_failure_is_sent_to_another_endpoint_of_its_region() {
    for shape in SHAPES {
        for seed in 0..20 {
            let mut world = World::new(shape, seed, retrying);
            let mut called = world.call(letter(1));
            assert_eq!(world.finish(&mut called), Ok(Reply::Fine));
            let first = world.names().remove(0);

            // The same once more, with trouble where it goes first.
            let mut world = World::new(shape, seed, retrying);
            world.at(&first).once(Step::Answer(Reply::Down(None)));
            let mut called = world.call(letter(1));
            assert_eq!(world.finish(&mut called), Ok(Reply::Fine));
            let names = world.names();
            assert_eq!((names.len(), &names[0]), (2, &first), "{shape:?} {seed}");
            assert!(names[1] != first && "abc".contains(names[1].as_str()), "{shape:?} {seed}: {names:?}");
            assert_eq!(world.in_flight(), 0);
        }
    }
}

/// I-48, I-55: three attempts, three endpoints; the second failure in a region is evidence against the region.
#[test]
fn three_failures_are_three_places_and_the_error_says_that_all_was_tried() {
    for shape in SHAPES {
        for seed in 0..20 {
            let mut world = World::new(shape, seed, retrying);
            world.backends.values().for_each(|backend| {
                (0..3).for_each(|_| backend.once(Step::Fail("on fire")));
            });
            let mut called = world.call(letter(1));
            let answer = world.finish(&mut called);
            let Err(Error::GaveUp(gave_up)) = answer else { panic!("{answer:?}") };
            assert_eq!(gave_up.why(), GiveUp::Attempts { made: 3 });
            assert_eq!(gave_up.error(), &Error::Inner("on fire"));
            let taken = world.taken();
            let previous: Vec<u32> = taken.iter().map(|(_, letter)| letter.previous).collect();
            assert_eq!(previous, [0, 1, 2]);
            let names: Vec<&str> = taken.iter().map(|(name, _)| name.as_str()).collect();
            assert!("abc".contains(names[0]) && "abc".contains(names[1]) && names[0] != names[1], "{names:?}");
            assert!("de".contains(names[2]), "{names:?}");
            assert_eq!(world.in_flight(), 0);
        }
    }
}

/// I-51: what is not idempotent is not sent again when it may have been processed.
#[test]
fn what_may_have_been_processed_is_sent_again_only_if_it_is_idempotent() {
    for shape in SHAPES {
        let mut world = World::new(shape, 1, |route| route.retry(Retry::default().retry_unsent()));
        world.all_once(Step::Answer(Reply::Down(None)));
        let mut called = world.call(Letter { is_idempotent: false, ..letter(1) });
        assert_eq!(world.finish(&mut called), Ok(Reply::Down(None)));
        assert_eq!(world.taken().len(), 1);

        let mut world = World::new(shape, 1, |route| route.retry(Retry::default().retry_unsent()));
        world.all_once(Step::Fail("not connected"));
        let mut called = world.call(Letter { is_idempotent: false, ..letter(1) });
        world.finish(&mut called).expect_err("all say so");
        assert_eq!(world.taken().len(), 3, "it was provably not processed");

        let mut world = World::new(shape, 1, retrying);
        world.all_once(Step::Fail("not connected"));
        let mut called = world.call(Letter { is_idempotent: false, ..letter(1) });
        assert_eq!(world.finish(&mut called), Err(Error::Inner("not connected")));
        assert_eq!(world.taken().len(), 1, "nobody asked for that");
    }
}

/// What is said of it: each attempt, each retry and its cause.
#[test]
fn observers_hear_of_each_retry_and_why_there_is_no_other() {
    for shape in SHAPES {
        let mut world = World::new(shape, 3, |route| route.retry(Retry::default().attempts(2)));
        world.all_once(Step::Answer(Reply::Down(None)));
        let mut called = world.call(letter(1));
        assert_eq!(world.finish(&mut called), Ok(Reply::Down(None)));
        let expected = [
            Said::Attempt(0),
            Said::Outcome(0, Outcome::Failure),
            Said::Another(1, Cause::Failed),
            Said::Attempt(1),
            Said::Outcome(1, Outcome::Failure),
            Said::GaveUp(GiveUp::Attempts { made: 2 }),
        ];
        assert_eq!(world.heard.take(), expected, "{shape:?}");
    }
}

/// An attempt that is never answered ends when its time is over, and the next one has all that is left.
#[test]
fn a_hanging_attempt_ends_with_its_own_time_and_the_last_has_the_rest() {
    for shape in SHAPES {
        let retry = Retry::default().attempts(2).per_try(ms(100)).backoff(Backoff::from(Duration::ZERO));
        let mut world = World::new(shape, 3, |route| route.retry(retry));
        world.all_once(Step::Hang);
        let mut called = world.call(letter(1));
        assert!(called.poll().is_pending());
        world.hand.advance(ms(100));
        assert!(called.poll().is_pending());
        assert_eq!(world.taken().len(), 2, "{shape:?}");
        world.hand.advance(ms(9_899));
        assert!(called.poll().is_pending());
        world.hand.advance(ms(1));
        let Poll::Ready(Err(Error::TimedOut(timed_out))) = called.poll() else { panic!("{shape:?}") };
        assert_eq!(timed_out.after(), ms(10_000));
        assert_eq!(world.in_flight(), 0);
    }
}
