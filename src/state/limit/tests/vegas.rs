//! [`Vegas`] against Netflix's tests and its own words.

use super::samples::{dropped, success};
use super::vectors::{after_each, limits, number_or, vector};
use crate::state::limit::vegas::{Vegas, log10_root};
use crate::table::{self, LimitAlgorithm, VegasStep};
use crate::unit::Ratio;

/// One whose least is known to be 10 ms, and which has its bounds from the limit.
fn settled(initial: u32) -> Vegas {
    let mut vegas = Vegas::new(&table::Vegas { initial, ..table::Vegas::default() }, 1);
    vegas.observe(&success(10, initial));
    assert_eq!(vegas.limit(), initial);
    vegas
}

/// The limit after one more answer, with all of it in use.
fn after(initial: u32, milliseconds: u64) -> u32 {
    let mut vegas = settled(initial);
    vegas.observe(&success(milliseconds, initial));
    vegas.limit()
}

#[test]
fn it_follows_netflixs_vectors() {
    for id in ["vegas-inc", "vegas-dec", "vegas-hold", "vegas-smooth", "vegas-nosmooth"] {
        let vector = vector(id);
        let cfg = &vector["cfg"];
        let knobs = table::Vegas {
            initial: number_or(&cfg["initial"], 20),
            max: number_or(&cfg["max"], 1000),
            smoothing: Ratio::new(cfg["smoothing"].as_f64().unwrap_or(1.0)).unwrap(),
            alpha: cfg["alpha"].as_u64().map(|alpha| alpha as u32),
            beta: cfg["beta"].as_u64().map(|beta| beta as u32),
            decrease: if cfg["dec"] == "L/2" { VegasStep::Half } else { VegasStep::Log10 },
        };
        let mut vegas = Vegas::new(&knobs, 1);
        assert_eq!(after_each(&vector, &mut vegas, Vegas::limit), limits(&vector), "{id}");
    }
}

#[test]
fn its_step_is_netflixs_logarithm() {
    let vector = vector("log10root");
    let cases = vector["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        assert_eq!(log10_root(number_or(&case[0], 0)), number_or(&case[1], 0), "{case}");
    }
    assert_eq!([1, 9, 10, 99, 999, 1000].map(log10_root), [1, 1, 1, 1, 2, 3]);
}

#[test]
fn its_bounds_grow_with_the_logarithm_of_the_limit() {
    // 100: steps of 2, so a queue to 2 adds 12, below 6 adds 2, to 12 is right, above takes 2.
    assert_eq!(after(100, 10), 112);
    assert_eq!(after(100, 11), 100, "a queue of 10");
    assert_eq!(after(1000, 12), 997, "a queue of 167, above 18");
    // 10: steps of 1, so a queue to 1 adds 6, below 3 adds 1, to 6 is right, above takes 1.
    assert_eq!(after(10, 11), 16, "a queue of 1");
    assert_eq!(after(10, 12), 11, "a queue of 2");
    assert_eq!(after(10, 14), 10, "a queue of 3");
    assert_eq!(after(10, 25), 10, "a queue of 6");
    assert_eq!(after(10, 30), 9, "a queue of 7");
}

#[test]
fn a_quicker_answer_is_the_new_least_and_moves_nothing_else() {
    let mut vegas = settled(20);
    vegas.observe(&success(5, 20));
    assert_eq!((vegas.limit(), vegas.least), (20, Some(5e6)));
}

#[test]
fn a_drop_lowers_it_however_quick_and_is_never_the_least() {
    let mut vegas = Vegas::new(&table::Vegas::default(), 1);
    vegas.observe(&dropped(1, 20));
    assert_eq!((vegas.limit(), vegas.least), (19, None), "before anything is known");
    vegas.observe(&success(10, 20));
    vegas.observe(&dropped(1, 0));
    assert_eq!((vegas.limit(), vegas.least), (18, Some(10e6)), "unused");
    (0..100).for_each(|_| vegas.observe(&dropped(1, 20)));
    assert_eq!((vegas.limit(), vegas.least), (1, Some(10e6)));
}

/// The numbers of the answers, out of ten thousand of 20 ms, at which the least of 10 ms was forgotten.
fn probes(seed: u64) -> Vec<u32> {
    let knobs = table::Vegas { initial: 10, ..table::Vegas::default() };
    let mut vegas = Vegas::new(&knobs, seed);
    let mut probes = Vec::new();
    for count in 1..=10_000 {
        // Unused, so that the limit stays and with it the time between two probes.
        let is_known = vegas.least == Some(10e6);
        vegas.observe(&success(if is_known { 20 } else { 10 }, 0));
        if is_known && vegas.least == Some(20e6) {
            probes.push(count);
        }
    }
    probes
}

#[test]
fn the_least_is_forgotten_after_15_to_30_samples_for_each_one_of_the_limit() {
    let probes = probes(1);
    assert!((150..=300).contains(&probes[0]), "{probes:?}");
    let gaps: Vec<_> = probes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.len() >= 30 && gaps.iter().all(|gap| (150..=300).contains(gap)), "{gaps:?}");
    let (least, most) = (gaps.iter().min().unwrap(), gaps.iter().max().unwrap());
    assert!(*least < 180 && *most > 270, "from {least} to {most}: at random");
}

#[test]
fn when_it_probes_is_the_seeds_and_differs_between_seeds() {
    assert_eq!(probes(1), probes(1));
    assert_ne!(probes(1), probes(2));
    assert_ne!(probes(0)[0], probes(1)[0]);
}

#[test]
fn a_backend_that_moved_farther_away_is_not_taken_for_busy_for_ever() {
    let mut vegas = settled(100);
    let mut least_limit = 100;
    for _ in 0..10_000 {
        vegas.observe(&success(50, vegas.limit()));
        least_limit = least_limit.min(vegas.limit());
    }
    assert!(least_limit < 50, "{least_limit}: at first it looks busy");
    assert_eq!(vegas.limit(), 1000);
}
