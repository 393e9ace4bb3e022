//! [`Aimd`] against Netflix's tests and its own words.

use super::samples::{dropped, sample, success};
use super::vectors::{after_each, limits, number_or, vector};
use crate::state::limit::aimd::Aimd;
use crate::table::{self, LimitAlgorithm, Signal};
use crate::unit::Ratio;
use std::time::Duration;

/// Netflix's defaults.
fn netflix(initial: u32) -> table::Aimd {
    let (backoff, objective) = (Ratio::percent(90), Duration::from_secs(5));
    table::Aimd { initial, min: 20, max: 200, backoff, objective }
}

#[test]
fn it_follows_netflixs_vectors() {
    for id in ["aimd-1", "aimd-3", "aimd-4", "aimd-5"] {
        let vector = vector(id);
        let knobs = netflix(number_or(&vector["initial"], 20));
        let (min, max) = (number_or(&vector["min"], knobs.min), number_or(&vector["max"], knobs.max));
        let mut aimd = Aimd::new(&table::Aimd { min, max, ..knobs });
        assert_eq!(after_each(&vector, &mut aimd, Aimd::limit), limits(&vector), "{id}");
    }
}

#[test]
fn a_drop_takes_it_to_a_part_rounded_down_however_quick_and_unused() {
    // Netflix, AIMDLimitTest.decreaseOnDrops: 30 -> 27 with no time and none in flight.
    let mut aimd = Aimd::new(&netflix(30));
    aimd.observe(&dropped(0, 0));
    assert_eq!(aimd.limit(), 27);
    aimd.observe(&dropped(0, 0));
    assert_eq!(aimd.limit(), 24, "24.3 rounded down");
}

#[test]
fn an_answer_is_late_only_beyond_the_objective() {
    let mut aimd = Aimd::new(&netflix(100));
    aimd.observe(&success(5000, 100));
    assert_eq!(aimd.limit(), 101);
    aimd.observe(&sample(Duration::from_nanos(5_000_000_001), 100, Signal::Success));
    assert_eq!(aimd.limit(), 90);
}

#[test]
fn ten_drops_take_100_to_32_and_68_answers_bring_it_back() {
    let mut aimd = Aimd::new(&netflix(100));
    (0..10).for_each(|_| aimd.observe(&dropped(1, 100)));
    assert_eq!(aimd.limit(), 32);
    (0..67).for_each(|_| aimd.observe(&success(1, 100)));
    assert_eq!(aimd.limit(), 99);
    aimd.observe(&success(1, 100));
    assert_eq!(aimd.limit(), 100);
}

#[test]
fn it_stays_between_its_least_and_its_most() {
    let mut aimd = Aimd::new(&netflix(100));
    (0..100).for_each(|_| aimd.observe(&dropped(1, 100)));
    assert_eq!(aimd.limit(), 20);
    (0..1000).for_each(|_| aimd.observe(&success(1, u32::MAX)));
    assert_eq!(aimd.limit(), 200);
}
