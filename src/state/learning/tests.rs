//! What a limiter keeps when its knobs change, and what it makes of samples that meet.

use super::*;
use crate::table::{Aimd, Gradient2, Vegas};
use crate::time::Instant;

/// Lets each drop take one off; knobs that it knows, it takes over.
#[derive(Debug)]
struct Counting {
    limit: u32,
    adjusts: bool,
}

impl LimitAlgorithm for Counting {
    fn limit(&self) -> u32 {
        self.limit
    }

    fn observe(&mut self, sample: &Sample) {
        if sample.signal == Signal::Dropped {
            self.limit -= 1;
        }
    }

    fn adjust(&mut self, _: &Algorithm) -> bool {
        self.adjusts
    }
}

fn counting(limit: u32, adjusts: bool) -> Algorithm {
    Limit::by(move || Counting { limit, adjusts }).algorithm
}

fn sample(signal: Signal, milliseconds: u64) -> Sample {
    let took = Duration::from_millis(milliseconds);
    Sample { now: Instant::START, took, in_flight: 100, waiting: 100, signal }
}

fn observe(learning: &Learning, signal: Signal) -> Option<u32> {
    learning.observe(&sample(signal, 1), |limit| limit)
}

fn run(learning: &Learning, knobs: &Algorithm) -> u32 {
    learning.run(knobs, 1, |limit| limit)
}

#[test]
fn nothing_is_learned_before_there_is_an_algorithm() {
    let learning = Learning::new();
    assert_eq!(observe(&learning, Signal::Success), None);
    assert_eq!((learning.average(), run(&learning, &counting(50, true))), (None, 50));
}

#[test]
fn the_same_knobs_and_those_it_can_take_over_keep_what_was_learned() {
    let learning = Learning::new();
    let knobs = counting(50, true);
    assert_eq!(run(&learning, &knobs), 50);
    assert_eq!(observe(&learning, Signal::Dropped), Some(49));
    assert_eq!(run(&learning, &knobs.clone()), 49);
    let others = counting(10, true);
    assert_eq!(run(&learning, &others), 49, "the algorithm that runs took them over");
    assert_eq!(observe(&learning, Signal::Dropped), Some(48));
    assert_eq!(run(&learning, &others), 48);
    assert_eq!(learning.pause(|| "no limit"), "no limit");
    assert_eq!(run(&learning, &others), 48, "kept while there was none");
}

#[test]
fn another_algorithm_begins_with_the_limit_that_was_in_force() {
    let learning = Learning::new();
    let aimd = Algorithm::Aimd(Aimd::by(Duration::from_millis(10)));
    assert_eq!(run(&learning, &aimd), 20);
    for limit in 21..=30 {
        assert_eq!(observe(&learning, Signal::Success), Some(limit));
    }
    assert_eq!(run(&learning, &Algorithm::Vegas(Vegas::default())), 30);
    assert_eq!(run(&learning, &Algorithm::Gradient2(Gradient2 { max: 25, ..Gradient2::default() })), 25);
    // A number that a table gives is the number.
    assert_eq!(run(&learning, &Algorithm::Fixed(7)), 7);
    assert_eq!(run(&learning, &aimd), 7);
    // One of the user's own begins where it begins, and one that cannot take over knobs is made anew.
    assert_eq!(run(&learning, &counting(50, false)), 50);
    assert_eq!(observe(&learning, Signal::Dropped), Some(49));
    assert_eq!(run(&learning, &counting(60, false)), 60);
}

#[test]
fn a_limit_is_at_least_one_and_at_most_what_can_be_counted() {
    let learning = Learning::new();
    assert_eq!(run(&learning, &counting(0, false)), 1);
    assert_eq!(run(&learning, &counting(u32::MAX, false)), Limit::MAX);
}

#[test]
fn drops_that_meet_a_held_lock_are_taken_by_whoever_comes_next() {
    let learning = Learning::new();
    run(&learning, &counting(50, true));
    {
        let _held = learning.running.lock();
        assert_eq!([Signal::Dropped, Signal::Success, Signal::Dropped].map(|it| observe(&learning, it)), [None; 3]);
    }
    assert_eq!(learning.average(), None, "of two successes at the same moment one is left out");
    assert_eq!(observe(&learning, Signal::Success), Some(48));
    assert_eq!(observe(&learning, Signal::Dropped), Some(47), "each is taken once");
}

#[test]
fn the_average_is_of_successes_and_moves_by_an_eighth() {
    let learning = Learning::new();
    run(&learning, &counting(50, true));
    for (signal, took, average) in
        [(Signal::Dropped, 80, None), (Signal::Success, 80, Some(80)), (Signal::Success, 160, Some(90))]
    {
        learning.observe(&sample(signal, took), |_| ());
        assert_eq!(learning.average(), average.map(Duration::from_millis));
    }
}
