//! The word by examples. `loom_tests` has it under every interleaving.

use super::*;
use crate::table::Limit;
use std::iter;

/// So many open, and so many of them waiting.
fn in_flight(open: u64, waiting: u64) -> InFlight {
    InFlight::from_bits(open | waiting << BITS)
}

fn limited(to: u32) -> Permits {
    let permits = Permits::new();
    assert!(!permits.set_limit(Some(to)));
    permits
}

/// So many in flight already, none of them waiting.
fn holding(open: u64, limit: Option<u32>) -> Permits {
    let permits = Permits(AtomicU64::new(MASK << LIMIT_AT | open));
    assert!(!permits.set_limit(limit));
    permits
}

/// How many more are let in.
fn fill(permits: &Permits) -> usize {
    iter::from_fn(|| permits.try_begin(true).ok()).count()
}

fn counts(permits: &Permits) -> (u32, u32, Option<u32>) {
    (permits.open(), permits.waiting(), permits.limit())
}

#[test]
fn a_limit_lets_in_as_many_as_it_says_and_one_more_for_each_that_ends() {
    let permits = limited(1);
    assert_eq!(permits.try_begin(true), Ok(in_flight(1, 1)));
    assert_eq!(permits.try_begin(true), Err(FULL));
    assert!(!permits.end(true));
    assert_eq!(fill(&permits), 1);
    assert_eq!(counts(&permits), (1, 1, Some(1)));
    let permits = limited(7);
    assert_eq!((fill(&permits), counts(&permits)), (7, (7, 7, Some(7))));
}

#[test]
fn who_has_a_head_is_in_flight_and_waits_no_more() {
    let permits = limited(2);
    assert_eq!(permits.try_begin(true), Ok(in_flight(1, 1)));
    permits.head();
    assert_eq!(counts(&permits), (1, 0, Some(2)));
    assert_eq!(permits.try_begin(false), Ok(in_flight(2, 0)));
    assert_eq!(permits.try_begin(true), Err(FULL));
    assert!(!permits.end(false) && !permits.end(false));
    assert_eq!(counts(&permits), (0, 0, Some(2)));
}

#[test]
fn the_largest_limit_is_a_limit_and_not_none() {
    let permits = limited(Limit::MAX);
    assert_eq!(permits.limit(), Some(Limit::MAX));
    assert_eq!(limited(u32::MAX).limit(), Some(Limit::MAX));
    assert!(!permits.set_limit(None));
    assert_eq!(permits.limit(), None);
}

#[test]
fn no_more_begin_than_can_be_counted_whatever_the_limit() {
    for limit in [None, Some(Limit::MAX)] {
        let permits = holding(MOST - 1, limit);
        assert!(permits.try_begin(true).is_ok());
        for _ in 0..3 {
            assert_eq!(permits.try_begin(true), Err(FULL));
            assert_eq!(permits.try_begin_queued(true), Err(FULL));
            assert_eq!(permits.begin(true), Err(FULL));
        }
        assert_eq!(counts(&permits), (MOST as u32, 1, limit));
    }
}

#[test]
fn who_is_counted_whatever_the_limit_fills_it_too() {
    let permits = limited(2);
    assert_eq!(permits.begin(false), Ok(in_flight(1, 0)));
    assert_eq!(fill(&permits), 1);
    assert_eq!(permits.begin(true), Ok(in_flight(3, 2)));
    assert_eq!(fill(&permits), 0);
}

// limits.json: `shrink` has it with a queue behind it.
#[test]
fn a_limit_below_what_is_in_flight_takes_nothing_back_and_lets_nobody_in_until_enough_have_ended() {
    let permits = holding(4, Some(4));
    assert!(!permits.set_limit(Some(2)));
    for open in [4, 3, 2] {
        assert_eq!(counts(&permits), (open, 0, Some(2)));
        assert_eq!(permits.try_begin(false), Err(FULL));
        assert_eq!(permits.try_begin_queued(false), Err(FULL));
        assert!(!permits.end(false));
    }
    assert_eq!(permits.try_begin(false), Ok(in_flight(2, 0)));
    assert!(!permits.set_limit(Some(3)));
    assert_eq!(fill(&permits), 1);
    assert!(!permits.set_limit(None));
    assert!((0..100).all(|_| permits.try_begin(false).is_ok()));
}

#[test]
fn while_somebody_queues_nobody_else_begins_and_who_ends_or_moves_the_limit_is_told() {
    let permits = holding(1, Some(3));
    permits.set_queued(true);
    assert_eq!(permits.try_begin(true), Err(FULL));
    assert_eq!(permits.try_begin_queued(true), Ok(in_flight(2, 1)));
    assert!(permits.end(true) && permits.set_limit(Some(4)) && permits.set_limit(None));
    assert_eq!(counts(&permits), (1, 0, None));
    permits.set_queued(false);
    assert!(!permits.end(false) && !permits.set_limit(Some(4)));
    assert!(permits.try_begin(true).is_ok());
}

#[test]
fn who_took_a_place_for_a_moment_says_so_if_somebody_queues() {
    for (is_queued, told) in [(false, FULL), (true, Full { has_ended: true })] {
        let permits = holding(1, Some(1));
        permits.set_queued(is_queued);
        // As `begin_freely` does when the limit comes between its two looks.
        permits.0.fetch_add(step(true), Ordering::Relaxed);
        assert_eq!(permits.take_back(true), Err(told));
        assert_eq!(counts(&permits), (1, 0, Some(1)));
    }
    let permits = holding(1, Some(2));
    permits.0.fetch_add(step(true), Ordering::Relaxed);
    assert_eq!(permits.take_back(true), Ok(in_flight(2, 1)));
}
