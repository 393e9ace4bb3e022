//! Who matters less is refused first.

use super::*;

fn spec(is_route: bool, limit: Limit) -> TableSpec {
    let spec = if is_route { one_region(same, |r| r.limit(limit)) } else { one_region(|c| c.limit(limit), same) };
    spec.deadline(Duration::MAX)
}

/// The time over which a refusal keeps lower classes out.
const WINDOW: u64 = 100;

/// I-40: after a refusal nobody of a lower class gets what little room there is, and they come back one class after the other.
#[test]
fn a_refusal_keeps_lower_classes_out_for_a_while() {
    for shape in SHAPES {
        let (traffic, hand) = traffic(spec(true, Limit::fixed(1)));
        let mut post = post(shape, &traffic, &Backends::new(&Step::Hold(1)));
        let first = started(&mut post, letter(0));
        let rejected = call(&mut post, letter_of(Priority::High)).refused();
        assert_eq!((rejected.reason(), rejected.retry_after()), (Reason::Limit, Some(ms(WINDOW))));
        drop(first);
        let mut told = |priority| {
            let mut called = call(&mut post, letter_of(priority));
            if called.waits() { None } else { Some(call(&mut post, letter_of(priority)).refused()) }
        };
        assert_eq!(told(Priority::High), None);
        let rejected = told(Priority::Normal).expect("one class lower");
        assert_eq!((rejected.reason(), rejected.retry_after()), (Reason::Priority, Some(ms(100))));
        assert_eq!(told(Priority::Background).expect("three lower").retry_after(), Some(ms(300)));
        for back in [Priority::Normal, Priority::Low, Priority::Background] {
            hand.advance(ms(99));
            assert!(told(back).is_some(), "{back:?}");
            hand.advance(ms(1));
            assert_eq!(told(back), None, "{back:?}");
        }
        let limit = route_limit(&traffic);
        assert_eq!((limit.refused_by_limit, limit.refused_by_priority), (1, 10));
    }
}

/// I-40: being kept out for the sake of others keeps nobody else out, or a busy lowest class would never come back.
#[test]
fn who_is_kept_out_raises_nothing() {
    let (traffic, hand) = traffic(spec(true, Limit::fixed(1)));
    let mut post = post(Shape::One, &traffic, &Backends::new(&Step::Hold(1)));
    let first = started(&mut post, letter(0));
    call(&mut post, letter_of(Priority::Normal)).refused();
    drop(first);
    for _ in 0..10 {
        assert_eq!(call(&mut post, letter_of(Priority::Low)).reason(), Reason::Priority);
        hand.advance(ms(10));
    }
    started(&mut post, letter_of(Priority::Low));
}

/// I-40: with a queue too, who is kept out does not walk past it when nobody stands there.
#[test]
fn a_queue_is_no_way_around_those_who_were_refused() {
    for is_route in [true, false] {
        for shape in SHAPES {
            let limit = Limit::fixed(1).queue(Queue::of(4).max_wait(ms(50)));
            let (traffic, hand) = traffic(spec(is_route, limit));
            let mut post = post(shape, &traffic, &Backends::new(&Step::Hold(1)));
            let first = started(&mut post, letter(0));
            let high = started(&mut post, letter_of(Priority::High));
            hand.advance(ms(50));
            assert_eq!(high.reason(), Reason::Queue);
            drop(first);
            assert_eq!(call(&mut post, letter_of(Priority::Background)).reason(), Reason::Priority, "{shape:?}");
            let mut high = started(&mut post, letter_of(Priority::High));
            assert!(high.waits());
            assert_idle_but(&traffic, is_route, 1);
        }
    }
}

fn assert_idle_but(traffic: &Traffic, is_route: bool, in_flight: u32) {
    let limit = if is_route { route_limit(traffic) } else { region_limit(traffic, "eu") };
    assert_eq!((limit.in_flight, limit.queued), (in_flight, 0));
}

/// I-40: who waits counts as one class higher for each time that it has waited, so that it is not passed for ever.
#[test]
fn who_has_waited_for_long_goes_before_a_higher_class_that_came_later() {
    for is_route in [true, false] {
        for shape in SHAPES {
            let limit = Limit::fixed(1).queue(Queue { ageing: ms(50), ..patient(8) });
            let (traffic, hand) = traffic(spec(is_route, limit));
            let backends = Backends::new(&Step::Hold(1));
            let mut post = post(shape, &traffic, &backends);
            let numbered = |number, priority| Letter { number, ..letter_of(priority) };
            let mut calls = vec![started(&mut post, letter(0)), started(&mut post, numbered(1, Priority::Background))];
            // Two classes more, and then as much as those who come.
            hand.advance(ms(99));
            calls.push(started(&mut post, numbered(2, Priority::Normal)));
            backends.release();
            calls.retain_mut(Polled::waits);
            hand.advance(ms(1));
            calls.push(started(&mut post, numbered(3, Priority::Normal)));
            backends.release();
            // The second time, who was let in by the one who was answered.
            calls.retain_mut(Polled::waits);
            calls.retain_mut(Polled::waits);
            let order: Vec<_> = backends.delivered().into_iter().map(|(_, number)| number).collect();
            assert_eq!(order, [0, 2, 1], "{shape:?}");
        }
    }
}

proptest! {
    #![proptest_config(config(256))]

    /// I-40: for as long as a window after a refusal of a class, nobody of a lower class is let into the last quarter, so that
    /// the next of the class finds a place.
    #[test]
    fn nobody_lower_is_let_in_for_a_window_after_a_refusal(
        is_route: bool,
        shape in select(&SHAPES[..]),
        limit in 1..9_u32,
        acts in vec((proptest::option::weighted(0.7, select(&Priority::ALL[..])), any::<usize>(), 0..40_u64), 0..120),
    ) {
        let (traffic, hand) = traffic(spec(is_route, Limit::fixed(limit)));
        let mut post = post(shape, &traffic, &Backends::new(&Step::Hold(1)));
        let (mut calls, mut now) = (Vec::new(), 0);
        // Who was refused for want of room, and when.
        let mut refused: Vec<(u64, Priority)> = Vec::new();
        for (priority, which, time) in acts {
            now += time;
            hand.advance(ms(time));
            let Some(priority) = priority else {
                if !calls.is_empty() {
                    drop(calls.swap_remove(which % calls.len()));
                }
                continue;
            };
            let highest = refused.iter().filter(|(at, _)| now < at + WINDOW).map(|(_, priority)| *priority).max();
            let mut called = call(&mut post, letter_of(priority));
            let has_room = (calls.len() as u32) < limit;
            if called.waits() {
                // In what a lower class may use, the last quarter was free for the one that was refused.
                let is_aside = (calls.len() as u32) < limit * 3 / 4;
                let is_next = highest.is_none_or(|highest| priority >= highest);
                prop_assert!(is_aside || is_next, "{:?} after {:?}", priority, highest);
                calls.push(called);
                continue;
            }
            match call(&mut post, letter_of(priority)).reason() {
                // Both this and the one before were.
                Reason::Limit => refused.push((now, priority)),
                Reason::Priority => {
                    let above = refused.iter().any(|(at, higher)| {
                        let steps = (*higher as u64).saturating_sub(priority as u64);
                        now < at + WINDOW * steps
                    });
                    prop_assert!(above, "nobody higher was refused of late");
                }
                other => prop_assert!(false, "{:?}", other),
            }
            let outranked = highest.is_some_and(|highest| priority < highest);
            prop_assert!(!has_room || outranked || refused.iter().any(|(_, one)| *one > priority));
        }
    }
}
