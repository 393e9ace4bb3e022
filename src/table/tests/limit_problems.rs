//! Every problem of a limit, with its exact path and text.

use crate::error::Problems;
use crate::table::check_limit;
use crate::table::{Adaptive, Aimd, Algorithm, Gradient2, Limit, LimitAlgorithm, Match, Queue, Sample, Vegas};
use crate::unit::Ratio;
use std::time::Duration;

/// What is wrong with a limit, as `path: message` lines.
fn problems(limit: &Limit) -> Vec<String> {
    let mut problems = Problems::default();
    check_limit::limit(limit, "limit", &mut problems);
    problems.into_result().map_or_else(|error| error.problems().iter().map(ToString::to_string).collect(), |()| vec![])
}

fn aimd(change: impl FnOnce(&mut Aimd)) -> Limit {
    let mut knobs = Aimd::by(Duration::from_secs(1));
    change(&mut knobs);
    Limit::of(Algorithm::Aimd(knobs))
}

fn vegas(change: impl FnOnce(&mut Vegas)) -> Limit {
    let mut knobs = Vegas::default();
    change(&mut knobs);
    Limit::of(Algorithm::Vegas(knobs))
}

fn gradient2(change: impl FnOnce(&mut Gradient2)) -> Limit {
    let mut knobs = Gradient2::default();
    change(&mut knobs);
    Limit::of(Algorithm::Gradient2(knobs))
}

fn adaptive(change: impl FnOnce(&mut Adaptive)) -> Limit {
    let mut knobs = Adaptive::default();
    change(&mut knobs);
    Limit::of(Algorithm::Adaptive(knobs))
}

fn queue(change: impl FnOnce(&mut Queue)) -> Limit {
    let mut queue = Queue::of(10);
    change(&mut queue);
    Limit::fixed(10).queue(queue)
}

/// A partition of that part that takes all.
fn with(limit: Limit, name: &str, guarantee: f64) -> Limit {
    limit.partition(name, Ratio::new(guarantee).unwrap(), [Match::new()])
}

#[test]
fn what_comes_with_the_crate_is_sound() {
    #[derive(Debug)]
    struct Own;
    impl LimitAlgorithm for Own {
        fn limit(&self) -> u32 {
            0
        }
        fn observe(&mut self, _: &Sample) {}
    }
    let second = Duration::from_secs(1);
    let all = [
        Limit::fixed(1),
        Limit::fixed(Limit::MAX),
        Limit::adaptive(),
        Limit::aimd(second),
        Limit::vegas(),
        Limit::gradient2(),
        Limit::by(|| Own),
        Limit::fixed(10).queue(Queue::of(1)),
        Limit::fixed(10).queue(Queue::of(Limit::MAX)),
    ];
    for limit in all {
        assert_eq!(problems(&limit), [""; 0], "{limit:?}");
    }
}

#[test]
fn a_fixed_limit_is_one_to_what_can_be_counted() {
    assert_eq!(problems(&Limit::fixed(0)), ["limit: is 0; use 1 to 2097150"]);
    assert_eq!(problems(&Limit::fixed(Limit::MAX + 1)), ["limit: is 2097151; use 1 to 2097150"]);
}

#[test]
fn the_least_the_first_and_the_most_are_counts_in_order() {
    let bounded = |initial, min, max| {
        [
            adaptive(|knobs| (knobs.initial, knobs.min, knobs.max) = (initial, min, max)),
            aimd(|knobs| (knobs.initial, knobs.min, knobs.max) = (initial, min, max)),
            gradient2(|knobs| (knobs.initial, knobs.min, knobs.max) = (initial, min, max)),
        ]
    };
    let cases: [(_, &[&str]); 8] = [
        ((1, 1, 1), &[]),
        ((Limit::MAX, 1, Limit::MAX), &[]),
        ((5, 0, 10), &["limit.min: is 0; use 1 to 2097150"]),
        ((5, 1, Limit::MAX + 1), &["limit.max: is 2097151; use 1 to 2097150"]),
        ((0, 0, 0), &["limit.max: is 0; use 1 to 2097150", "limit.min: is 0; use 1 to 2097150"]),
        ((5, 11, 10), &["limit.min: is 11, which is above max; lower it, or raise max from 10"]),
        ((4, 5, 10), &["limit.initial: is 4; use 5 to 10, which are min and max"]),
        ((11, 5, 10), &["limit.initial: is 11; use 5 to 10, which are min and max"]),
    ];
    for ((initial, min, max), told) in cases {
        for limit in bounded(initial, min, max) {
            assert_eq!(problems(&limit), told, "{limit:?}");
        }
    }
}

#[test]
fn the_least_of_vegas_is_one() {
    assert_eq!(problems(&vegas(|knobs| knobs.initial = 1)), [""; 0]);
    let told = ["limit.initial: is 0; use 1 to 1000, which are min and max"];
    assert_eq!(problems(&vegas(|knobs| knobs.initial = 0)), told);
    let told = ["limit.initial: is 1001; use 1 to 1000, which are min and max"];
    assert_eq!(problems(&vegas(|knobs| knobs.initial = 1001)), told);
    assert_eq!(problems(&vegas(|knobs| knobs.max = 0)), ["limit.max: is 0; use 1 to 2097150"]);
}

#[test]
fn a_backoff_is_a_half_to_below_one() {
    let backoff = |percent| aimd(|knobs| knobs.backoff = Ratio::percent(percent));
    assert_eq!(problems(&backoff(50)), [""; 0]);
    assert_eq!(problems(&backoff(99)), [""; 0]);
    assert_eq!(problems(&backoff(49)), ["limit.backoff: is 0.49; use 0.5 to below 1, usually 0.9"]);
    assert_eq!(problems(&backoff(100)), ["limit.backoff: is 1; use 0.5 to below 1, usually 0.9"]);
}

#[test]
fn an_objective_is_more_than_nothing() {
    let told = ["limit.objective: is zero, and every answer would be late; use two to three times the 99th percentile"];
    assert_eq!(problems(&Limit::aimd(Duration::ZERO)), told);
    assert_eq!(problems(&Limit::aimd(Duration::MAX)), [""; 0]);
    assert_eq!(problems(&adaptive(|knobs| knobs.objective = Some(Duration::ZERO))), told);
    assert_eq!(problems(&adaptive(|knobs| knobs.objective = Some(Duration::from_nanos(1)))), [""; 0]);
}

#[test]
fn a_smoothing_of_nothing_would_never_move() {
    let told = ["limit.smoothing: is zero, and the limit would never change; use more than 0 and at most 1"];
    assert_eq!(problems(&vegas(|knobs| knobs.smoothing = Ratio::ZERO)), told);
    assert_eq!(problems(&gradient2(|knobs| knobs.smoothing = Ratio::ZERO)), told);
    assert_eq!(problems(&gradient2(|knobs| knobs.smoothing = Ratio::ONE)), [""; 0]);
}

#[test]
fn a_tolerance_is_a_number_from_one_on() {
    let tolerance = |tolerance| gradient2(|knobs| knobs.tolerance = tolerance);
    assert_eq!(problems(&tolerance(1.0)), [""; 0]);
    assert_eq!(problems(&tolerance(f64::MAX)), [""; 0]);
    let told = |number| vec![format!("limit.tolerance: is {number}; use a number from 1 on, usually 1.5")];
    assert_eq!(problems(&tolerance(0.99)), told("0.99"));
    assert_eq!(problems(&tolerance(f64::NAN)), told("NaN"));
    assert_eq!(problems(&tolerance(f64::INFINITY)), told("inf"));
}

#[test]
fn an_average_is_over_something() {
    assert_eq!(problems(&gradient2(|knobs| knobs.long_window = 1)), [""; 0]);
    let told = ["limit.long_window: is 0; use 1 or more, usually 600"];
    assert_eq!(problems(&gradient2(|knobs| knobs.long_window = 0)), told);
}

#[test]
fn a_queue_holds_somebody_for_some_time() {
    let told = ["limit.queue.max_len: is 0; leave the queue out instead"];
    assert_eq!(problems(&queue(|queue| queue.max_len = 0)), told);
    let told = ["limit.queue.max_len: is 2097151; use 1 to 2097150"];
    assert_eq!(problems(&queue(|queue| queue.max_len = Limit::MAX + 1)), told);
    let zero = |queue: &mut Queue| {
        (queue.max_wait, queue.target) = (Duration::ZERO, Duration::ZERO);
        (queue.interval, queue.ageing) = (Duration::ZERO, Duration::ZERO);
    };
    assert_eq!(
        problems(&queue(zero)),
        [
            "limit.queue.max_wait: is zero; leave the queue out instead",
            "limit.queue.target: is zero; use the wait that is no congestion, usually 5 ms",
            "limit.queue.interval: is zero; use the time over which the shortest wait is taken, usually 100 ms",
            "limit.queue.ageing: is zero; use Duration::MAX for no ageing",
        ]
    );
}

#[test]
fn the_names_of_partitions_are_sound_and_unique_and_three_of_a_kind_are_told_once() {
    let names = ["a", "b", "a", "b c", "a", ""];
    let limit = names.iter().fold(Limit::fixed(10), |limit, name| with(limit, name, 0.1));
    assert_eq!(
        problems(&limit),
        [
            "limit.partitions.a: exists twice; give one of them another name",
            "limit.partitions.b c: the name holds whitespace or control characters; use letters, digits and `-_./:`",
            "limit.partitions.: the name is empty; give it a name",
        ]
    );
}

#[test]
fn a_partition_has_a_guarantee_and_takes_something() {
    let limit = Limit::fixed(10).partition("a", Ratio::ZERO, []);
    assert_eq!(
        problems(&limit),
        [
            "limit.partitions.a.guarantee: is zero; give it a part of the limit, or remove the partition",
            "limit.partitions.a.when: is empty; say which requests it takes, or remove the partition",
        ]
    );
}

#[test]
fn all_guarantees_are_one_at_most_but_for_what_adding_them_up_loses() {
    let parts = [0.2, 0.4, 0.3, 0.1];
    assert!(parts.iter().sum::<f64>() > 1.0, "one, but not in floating point");
    let named = ["a", "b", "c", "d"].into_iter().zip(parts);
    let sound = named.fold(Limit::fixed(10), |limit, (name, part)| with(limit, name, part));
    assert_eq!(problems(&sound), [""; 0]);
    assert_eq!(problems(&with(Limit::fixed(10), "all", 1.0)), [""; 0]);
    let above = with(with(Limit::fixed(10), "a", 0.7), "b", 0.6);
    assert_eq!(problems(&above), ["limit.partitions: guarantee 1.3 together; lower them to 1 or less in all"]);
    let barely = with(with(Limit::fixed(10), "a", 1.0), "b", 0.000_000_01);
    assert_eq!(problems(&barely), ["limit.partitions: guarantee 1.00000001 together; lower them to 1 or less in all"]);
}

#[test]
fn there_are_sixteen_partitions_at_most() {
    let of = |count: u32| (0..count).fold(Limit::fixed(10), |limit, at| with(limit, &format!("p{at}"), 0.01));
    assert_eq!(problems(&of(16)), [""; 0]);
    assert_eq!(problems(&of(17)), ["limit.partitions: has more than 16 partitions; merge some"]);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let limit = aimd(|knobs| knobs.min = 0).queue(Queue::of(0)).partition("a", Ratio::ONE, []);
    assert_eq!(
        problems(&limit),
        [
            "limit.min: is 0; use 1 to 2097150",
            "limit.queue.max_len: is 0; leave the queue out instead",
            "limit.partitions.a.when: is empty; say which requests it takes, or remove the partition",
        ]
    );
}
