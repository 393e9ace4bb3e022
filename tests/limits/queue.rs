//! Who waits: for how long, in which order, and what ends it.

use super::*;

/// Where the limit with the queue is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Route,
    Region,
}

const PLACES: [Place; 2] = [Place::Route, Place::Region];

fn spec(place: Place, limit: Limit) -> TableSpec {
    match place {
        Place::Route => one_region(same, |r| r.limit(limit).deadline(Duration::MAX)),
        Place::Region => one_region(|c| c.limit(limit), |r| r.deadline(Duration::MAX)),
    }
}

fn status(traffic: &Traffic, place: Place) -> LimitStatus {
    match place {
        Place::Route => route_limit(traffic),
        Place::Region => region_limit(traffic, "eu"),
    }
}

/// Runs for the route's limit and for the region's, in each shape.
fn everywhere(limit: &Limit, run: impl Fn(Place, Traffic, ManualClock, Backends, Post)) {
    for place in PLACES {
        for shape in SHAPES {
            let (traffic, hand) = traffic(spec(place, limit.clone()));
            let backends = Backends::new(&Step::Hold(1));
            let post = post(shape, &traffic, &backends);
            run(place, traffic, hand, backends, post);
        }
    }
}

fn sent(backends: &Backends) -> Vec<u64> {
    backends.delivered().into_iter().map(|(_, number)| number).collect()
}

/// I-38: first come, first served; as many wait as may, and the next is refused.
#[test]
fn a_queue_is_bounded_and_serves_in_order() {
    everywhere(&Limit::fixed(2).queue(patient(3)), |place, traffic, _, backends, mut post| {
        let mut calls: Vec<_> = (0..5).map(|number| started(&mut post, letter(number))).collect();
        assert_eq!(call(&mut post, letter(5)).reason(), Reason::Queue);
        assert_eq!(sent(&backends), [0, 1]);
        let mut served = Vec::new();
        while !calls.is_empty() {
            let before = status(&traffic, place);
            assert_eq!(before.in_flight as usize, calls.len().min(2));
            assert_eq!(before.queued, calls.len().saturating_sub(2));
            backends.of("a").release_one();
            assert_eq!(calls.remove(0).now(), Ok(1));
            // Polled from the last to the first: whose turn it is was settled before.
            calls.iter_mut().rev().for_each(|call| assert!(call.waits()));
            served.extend(sent(&backends));
        }
        assert_eq!(served, [2, 3, 4]);
        assert_eq!(status(&traffic, place).refused_by_queue, 1);
        assert_idle(&traffic);
    });
}

/// I-38: who waits is woken when it has a place, once, and nobody else is.
#[test]
fn who_is_next_is_woken_and_nobody_else() {
    everywhere(&Limit::fixed(1).queue(patient(3)), |_, _, _, backends, mut post| {
        let first = started(&mut post, letter(0));
        let woken: Vec<_> = (0..3).map(|_| Arc::new(Woken::default())).collect();
        let mut waiting: Vec<_> = (1..4).map(|number| call(&mut post, letter(number))).collect();
        for (call, woken) in waiting.iter_mut().zip(&woken) {
            assert!(call.waits_for(woken));
        }
        let counts = || woken.iter().map(|woken| woken.count()).collect::<Vec<_>>();
        backends.release();
        assert_eq!(first.now(), Ok(1));
        assert_eq!(counts(), [1, 0, 0]);
        // It leaves with the place, which goes on.
        drop(waiting.remove(0));
        assert_eq!(counts(), [1, 1, 0]);
    });
}

/// I-38: nobody waits for longer than they may, though nothing becomes free, and their own timer tells them.
#[test]
fn who_has_waited_for_as_long_as_it_may_is_refused_by_its_own_timer() {
    everywhere(&Limit::fixed(1).queue(Queue::of(8).max_wait(ms(30))), |place, traffic, hand, backends, mut post| {
        let _first = started(&mut post, letter(0));
        let woken = Arc::new(Woken::default());
        let mut second = call(&mut post, letter(1));
        assert!(second.waits_for(&woken));
        hand.advance(ms(29));
        assert_eq!((woken.count(), second.waits()), (0, true));
        hand.advance(ms(1));
        let rejected = second.refused();
        assert_eq!((rejected.reason(), rejected.region().is_some()), (Reason::Queue, matches!(place, Place::Region)));
        let status = status(&traffic, place);
        assert_eq!((status.refused_by_queue, status.left_queue, status.queued, status.in_flight), (1, 0, 0, 1));
        assert_eq!(sent(&backends), [0]);
    });
}

/// I-38: an entry whose time is over is not dispatched by the place that becomes free, whether or not anybody has polled it.
#[test]
fn what_has_expired_is_never_dispatched() {
    everywhere(&Limit::fixed(1).queue(Queue::of(8).max_wait(ms(30))), |place, traffic, hand, backends, mut post| {
        let first = started(&mut post, letter(0));
        let late = started(&mut post, letter(1));
        hand.advance(ms(20));
        let mut young = started(&mut post, letter(2));
        hand.advance(ms(10));
        backends.release();
        assert_eq!(first.now(), Ok(1));
        assert_eq!((status(&traffic, place).in_flight, status(&traffic, place).queued), (1, 0));
        assert!(young.waits());
        assert_eq!(sent(&backends), [0, 2]);
        assert_eq!(late.reason(), Reason::Queue);
    });
}

/// I-38: the deadline holds in the queue: its end is the deadline's, counted as one that left.
#[test]
fn a_deadline_that_passes_in_the_queue_ends_the_waiting() {
    for place in PLACES {
        for shape in SHAPES {
            for is_dequeued in [false, true] {
                let mut spec = spec(place, Limit::fixed(1).queue(patient(8)));
                spec.routes[0].knobs.deadline = Some(ms(50));
                let (traffic, hand) = traffic(spec);
                let backends = Backends::new(&Step::Hold(1));
                let mut post = post(shape, &traffic, &backends);
                let first = started(&mut post, letter(0));
                let second = started(&mut post, letter(1));
                hand.advance(ms(50));
                if is_dequeued {
                    drop(first);
                    assert_eq!(status(&traffic, place).in_flight, 0, "its place is nobody's");
                }
                assert_eq!(second.reason(), Reason::Deadline);
                let status = status(&traffic, place);
                assert_eq!(
                    (status.left_queue, status.refused_by_queue, status.queued),
                    (1, 0, 0),
                    "{place:?} {shape:?}"
                );
                assert_eq!(sent(&backends), [0]);
            }
        }
    }
}

/// I-38: a request that comes after its deadline, or whose deadline passes before it is polled, does not stand in the queue.
#[test]
fn who_comes_too_late_does_not_wait() {
    let mut spec = spec(Place::Region, Limit::fixed(1).queue(patient(8)));
    spec.routes[0].knobs.deadline = Some(ms(50));
    let (traffic, hand) = traffic(spec);
    let backends = Backends::new(&Step::Hold(1));
    let mut post = post(Shape::One, &traffic, &backends);
    let _first = started(&mut post, letter(0));
    let second = call(&mut post, letter(1));
    hand.advance(ms(50));
    assert_eq!(second.reason(), Reason::Deadline);
    let eu = region_limit(&traffic, "eu");
    assert_eq!((eu.queued, eu.left_queue, eu.refused_by_queue), (0, 1, 0));
}

/// I-38: who leaves the queue is not dispatched, and who leaves with a place hands it on.
#[test]
fn who_leaves_is_never_dispatched_and_its_place_goes_on() {
    everywhere(&Limit::fixed(1).queue(patient(8)), |place, traffic, _, backends, mut post| {
        let first = started(&mut post, letter(0));
        let mut waiting: Vec<_> = (1..5).map(|number| started(&mut post, letter(number))).collect();
        drop(waiting.remove(0));
        assert_eq!((status(&traffic, place).queued, status(&traffic, place).left_queue), (3, 1));
        drop(first);
        // It has a place and does not know of it.
        drop(waiting.remove(0));
        assert!(waiting[1].waits() && waiting[0].waits());
        assert_eq!(sent(&backends), [0, 3]);
        drop(waiting);
        assert_eq!(status(&traffic, place).left_queue, 3);
        assert_idle(&traffic);
    });
}

/// I-38: a higher class goes first, inside a class the first that came; and it takes the place of the last of the lowest when
/// the queue is full.
#[test]
fn a_higher_priority_goes_first() {
    everywhere(&Limit::fixed(1).queue(patient(4)), |place, traffic, _, backends, mut post| {
        let of = |number, priority| Letter { number, ..letter_of(priority) };
        let mut calls = vec![started(&mut post, letter(0))];
        let order = [(1, Priority::Low), (2, Priority::Normal), (3, Priority::Low), (4, Priority::High)];
        calls.extend(order.map(|(number, priority)| started(&mut post, of(number, priority))));
        let ousting = started(&mut post, of(5, Priority::High));
        assert_eq!(calls.remove(3).reason(), Reason::Queue, "the last of the lowest class");
        assert_eq!(call(&mut post, of(6, Priority::Low)).reason(), Reason::Queue);
        calls.push(ousting);
        let mut served = sent(&backends);
        while !calls.is_empty() {
            backends.release();
            calls.retain_mut(Polled::waits);
            served.extend(sent(&backends));
        }
        assert_eq!(served, [0, 4, 5, 2, 1]);
        assert_eq!(status(&traffic, place).refused_by_queue, 2);
        assert_idle(&traffic);
    });
}

/// I-38: when the line stands, the newest goes first, and who has waited for twice the target is told so.
#[test]
fn a_line_that_stands_serves_the_newest_and_tells_the_oldest() {
    let queue = Queue { target: ms(5), interval: ms(100), max_wait: HOUR, ..Queue::of(1000) };
    everywhere(&Limit::fixed(1).queue(queue), |place, traffic, hand, backends, mut post| {
        let mut calls = vec![started(&mut post, letter(0))];
        let mut number = 0;
        // Two come for each that is served, for two intervals.
        for _ in 0..25 {
            for _ in 0..2 {
                number += 1;
                calls.push(started(&mut post, letter(number)));
            }
            hand.advance(ms(10));
            backends.release();
            calls.retain_mut(Polled::waits);
        }
        let congested = status(&traffic, place);
        assert!(congested.is_congested && congested.refused_by_queue > 0 && congested.queue_load > 50, "{congested:?}");
        assert!(congested.queued < 5, "cut to twice the target: {congested:?}");
        sent(&backends);
        calls.push(started(&mut post, letter(1000)));
        hand.advance(ms(1));
        backends.release();
        calls.retain_mut(Polled::waits);
        assert_eq!(sent(&backends), [1000]);
    });
}

/// I-38: who waits in a region that is evacuated goes to another with the same request, at once.
#[test]
fn who_waits_in_an_evacuated_region_goes_to_another() {
    for shape in SHAPES {
        let limit = Limit::fixed(1).queue(patient(8));
        let (traffic, _) = traffic(two_regions(|c| c.limit(limit), same));
        let backends = Backends::new(&Step::Hold(1));
        let mut post = post(shape, &traffic, &backends);
        let (first, other) = (started(&mut post, letter(0)), started(&mut post, letter(1)));
        assert_eq!(region(&traffic, "us").in_flight, 1);
        let woken = Arc::new(Woken::default());
        let mut waiting = call(&mut post, letter(2));
        assert!(waiting.waits_for(&woken));
        assert_eq!(region_limit(&traffic, "eu").queued, 1);
        backends.delivered();

        drop(other);
        assert_eq!((woken.count(), waiting.waits_for(&woken)), (0, true), "it waits where it should have gone");
        traffic.evacuate("eu", HOUR).expect("a region");
        assert_eq!((woken.count(), waiting.waits_for(&woken)), (1, true));
        assert_eq!(backends.delivered(), [("c".into(), 2)], "{shape:?}");
        let eu = region_limit(&traffic, "eu");
        assert_eq!((eu.in_flight, eu.queued, eu.left_queue), (1, 0, 1), "who is in flight stays");
        drop((first, waiting));
        assert_idle(&traffic);
    }
}

/// I-38: one that chose a region before it was evacuated, and is polled after, does not stand in its queue.
#[test]
fn nobody_stands_in_the_queue_of_a_region_that_is_out() {
    let limit = Limit::fixed(1).queue(patient(8));
    let (traffic, _) = traffic(two_regions(|c| c.limit(limit), same));
    let backends = Backends::new(&Step::Hold(1));
    let mut post = post(Shape::One, &traffic, &backends);
    let (_first, other) = (started(&mut post, letter(0)), started(&mut post, letter(1)));
    let mut turned = call(&mut post, letter(2));
    traffic.evacuate("eu", HOUR).expect("a region");
    assert!(turned.waits());
    assert_eq!((region_limit(&traffic, "eu").queued, region_limit(&traffic, "us").queued), (0, 1));
    drop(other);
    assert!(turned.waits());
    assert_eq!(backends.delivered().last(), Some(&("c".into(), 2)));
}
