//! What a table asks for is what it gets.

use super::samples::{dropped, success};
use crate::state::limit::make;
use crate::table::{Adaptive, Aimd, Algorithm, Gradient2, Limit, LimitAlgorithm, Vegas};
use std::time::Duration;

fn limit(algorithm: &Algorithm, start: Option<u32>) -> u32 {
    make(algorithm, start, 1).limit()
}

/// One of each that has bounds, from 30, between 20 (1 for Vegas) and 50.
fn bounded() -> [Algorithm; 4] {
    [
        Algorithm::Adaptive(Adaptive { initial: 30, min: 20, max: 50, objective: None }),
        Algorithm::Aimd(Aimd { initial: 30, min: 20, max: 50, ..Aimd::by(Duration::from_secs(1)) }),
        Algorithm::Vegas(Vegas { initial: 30, max: 50, ..Vegas::default() }),
        Algorithm::Gradient2(Gradient2 { initial: 30, min: 20, max: 50, ..Gradient2::default() }),
    ]
}

#[test]
fn each_begins_with_its_initial_or_where_it_is_told_to_within_its_bounds() {
    for algorithm in bounded() {
        let least = if matches!(algorithm, Algorithm::Vegas(_)) { 1 } else { 20 };
        let limits = [None, Some(40), Some(0), Some(u32::MAX)].map(|start| limit(&algorithm, start));
        assert_eq!(limits, [30, 40, least, 50], "{algorithm:?}");
    }
}

#[test]
fn a_fixed_one_is_what_it_is_whatever_it_is_told_and_shown() {
    let mut fixed = make(&Algorithm::Fixed(7), Some(40), 1);
    assert_eq!(fixed.limit(), 7);
    (0..100).for_each(|_| fixed.observe(&dropped(1000, 7)));
    (0..100).for_each(|_| fixed.observe(&success(1, 7)));
    assert_eq!(fixed.limit(), 7);
}

#[test]
fn each_is_the_algorithm_that_was_asked_for() {
    let names = ["Fixed", "Adaptive", "Aimd", "Vegas", "Gradient2"];
    for (name, algorithm) in names.into_iter().zip([Algorithm::Fixed(1)].into_iter().chain(bounded())) {
        let shown = format!("{:?}", make(&algorithm, None, 1));
        assert!(shown.starts_with(name), "{shown} is not {name}");
    }
}

#[test]
fn one_of_the_users_own_begins_where_it_begins_and_is_made_anew_each_time() {
    #[derive(Debug)]
    struct Falling(u32);
    impl LimitAlgorithm for Falling {
        fn limit(&self) -> u32 {
            self.0
        }
        fn observe(&mut self, _: &crate::table::Sample) {
            self.0 -= 1;
        }
    }
    let algorithm = Limit::by(|| Falling(9)).algorithm;
    let mut one = make(&algorithm, Some(40), 1);
    one.observe(&success(1, 1));
    assert_eq!((one.limit(), limit(&algorithm, None)), (8, 9));
}

#[test]
fn the_seed_is_told_to_those_that_draw() {
    let [adaptive, _, vegas, _] = bounded();
    for algorithm in [adaptive, vegas] {
        let shown = |seed| format!("{:?}", make(&algorithm, None, seed));
        assert_eq!(shown(1), shown(1));
        assert_ne!(shown(1), shown(2));
    }
}

/// Other knobs of the same algorithm are taken over, and what was learned is kept; another algorithm's are not. The adaptive
/// one is slower to grow, and has a test of its own.
#[test]
fn each_takes_other_knobs_of_its_own_and_keeps_where_it_was() {
    for algorithm in bounded().into_iter().skip(1) {
        let wider = match &algorithm {
            Algorithm::Aimd(knobs) => Algorithm::Aimd(Aimd { initial: 60, min: 10, max: 100, ..*knobs }),
            Algorithm::Vegas(knobs) => Algorithm::Vegas(Vegas { initial: 60, max: 100, ..*knobs }),
            Algorithm::Gradient2(knobs) => Algorithm::Gradient2(Gradient2 { initial: 60, min: 10, max: 100, ..*knobs }),
            other => panic!("{other:?} is tested elsewhere"),
        };
        let mut running = make(&algorithm, None, 1);
        (0..50).for_each(|_| running.observe(&success(10, 60)));
        assert_eq!(running.limit(), 50, "{algorithm:?} has grown to its most");
        assert!(running.adjust(&wider));
        assert_eq!(running.limit(), 50, "{algorithm:?} goes on from where it was");
        (0..200).for_each(|_| running.observe(&success(10, 120)));
        assert_eq!(running.limit(), 100, "{algorithm:?} has the new bounds");
        assert!(running.adjust(&algorithm));
        assert_eq!(running.limit(), 50, "{algorithm:?} keeps to the bounds that are in force");
        assert!(!running.adjust(&Algorithm::Fixed(3)));
        assert_eq!(running.limit(), 50);
    }
}

#[test]
fn a_fixed_one_takes_another_number() {
    let mut fixed = make(&Algorithm::Fixed(7), None, 1);
    assert!(fixed.adjust(&Algorithm::Fixed(9)));
    assert_eq!(fixed.limit(), 9);
    assert!(!fixed.adjust(&Algorithm::Vegas(Vegas::default())));
}
