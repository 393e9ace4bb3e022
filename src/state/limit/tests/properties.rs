//! What holds for all algorithms, whatever their knobs and whatever they are shown.

use super::samples::{dropped, success};
use crate::state::limit::gradient2::Gradient2;
use crate::state::limit::make;
use crate::state::limit::vegas::Vegas;
use crate::table::{self, Aimd, Algorithm, Limit, LimitAlgorithm, Sample, Signal, VegasStep};
use crate::time::Instant;
use crate::unit::Ratio;
use proptest::option;
use proptest::prelude::*;
use std::time::Duration;

/// Latencies of all sizes: none at all, those that requests have, the longest there is.
fn took() -> impl Strategy<Value = Duration> {
    prop_oneof![
        1 => Just(Duration::ZERO),
        1 => Just(Duration::MAX),
        1 => any::<u64>().prop_map(Duration::from_nanos),
        4 => (0u64..200).prop_map(Duration::from_millis),
    ]
}

fn signal() -> impl Strategy<Value = Signal> {
    prop_oneof![4 => Just(Signal::Success), 1 => Just(Signal::Dropped), 1 => Just(Signal::Ignored)]
}

fn in_flight() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0u32..500, 1 => any::<u32>()]
}

/// Any at all; `now` goes back as often as on.
fn sample() -> impl Strategy<Value = Sample> {
    let parts = (any::<u64>(), took(), in_flight(), any::<u32>(), signal());
    parts.prop_map(|(now, took, in_flight, waiting, signal)| {
        let now = Instant::from_nanos(now);
        Sample { now, took, in_flight, waiting, signal }
    })
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    prop::collection::vec(sample(), 0..80)
}

/// The least, the first and the most, in order.
fn bounds() -> impl Strategy<Value = (u32, u32, u32)> {
    let limit = || prop_oneof![3 => 1u32..300, 1 => 1u32..=Limit::MAX];
    [limit(), limit(), limit()].prop_map(|mut limits| {
        limits.sort_unstable();
        limits.into()
    })
}

fn smoothing() -> impl Strategy<Value = Ratio> {
    prop_oneof![Just(1.0), f64::MIN_POSITIVE..=1.0].prop_map(|ratio| Ratio::new(ratio).unwrap())
}

fn aimd() -> impl Strategy<Value = Algorithm> {
    let knobs = (bounds(), 0.5..1.0, 1u64..10_000);
    knobs.prop_map(|((min, initial, max), backoff, objective)| {
        let (backoff, objective) = (Ratio::new(backoff).unwrap(), Duration::from_millis(objective));
        Algorithm::Aimd(Aimd { initial, min, max, backoff, objective })
    })
}

fn vegas() -> impl Strategy<Value = table::Vegas> {
    let queues = (option::of(any::<u32>()), option::of(0u32..100));
    let knobs = (bounds(), smoothing(), queues, prop_oneof![Just(VegasStep::Log10), Just(VegasStep::Half)]);
    knobs.prop_map(|((_, initial, max), smoothing, (alpha, beta), decrease)| table::Vegas {
        initial,
        max,
        smoothing,
        alpha,
        beta,
        decrease,
    })
}

fn gradient2() -> impl Strategy<Value = table::Gradient2> {
    let queue = prop_oneof![3 => 0u32..100, 1 => any::<u32>()];
    let tolerance = prop_oneof![3 => 1.0..4.0, 1 => Just(f64::MAX)];
    let window = prop_oneof![3 => 1u32..1000, 1 => any::<u32>().prop_map(|window| window.max(1))];
    (bounds(), smoothing(), queue, tolerance, window).prop_map(
        |((min, initial, max), smoothing, queue, tolerance, long_window)| table::Gradient2 {
            initial,
            min,
            max,
            smoothing,
            queue,
            tolerance,
            long_window,
        },
    )
}

fn adaptive() -> impl Strategy<Value = Algorithm> {
    let objective = option::of((1u64..300).prop_map(Duration::from_millis));
    (bounds(), objective).prop_map(|((min, initial, max), objective)| {
        Algorithm::Adaptive(table::Adaptive { initial, min, max, objective })
    })
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    prop_oneof![4 => prompt(), 1 => adaptive()]
}

/// Those that act on each sample. The adaptive one acts on windows of them, and has tests of its own for what it does then.
fn prompt() -> impl Strategy<Value = Algorithm> {
    prop_oneof![
        (1..=Limit::MAX).prop_map(Algorithm::Fixed),
        aimd(),
        vegas().prop_map(Algorithm::Vegas),
        gradient2().prop_map(Algorithm::Gradient2),
    ]
}

/// Those that get from their least to their most and back within 400 samples: no smoothing that is nearly none, no queue of
/// nothing, no range of millions.
fn brisk() -> impl Strategy<Value = Algorithm> {
    let narrow = |min: u32, initial: u32, max: u32| (initial.min(min + 300), max.min(min + 300));
    prompt().prop_map(move |algorithm| match algorithm {
        Algorithm::Aimd(knobs) => {
            let (initial, max) = narrow(knobs.min, knobs.initial, knobs.max);
            Algorithm::Aimd(Aimd { initial, max, ..knobs })
        }
        Algorithm::Vegas(knobs) => {
            let (initial, max) = narrow(1, knobs.initial, knobs.max);
            Algorithm::Vegas(table::Vegas { initial, max, ..table::Vegas::default() })
        }
        Algorithm::Gradient2(knobs) => {
            let (initial, max) = narrow(knobs.min, knobs.initial, knobs.max);
            let (smoothing, queue) = (Ratio::ONE, knobs.queue.max(1));
            Algorithm::Gradient2(table::Gradient2 { initial, max, smoothing, queue, ..knobs })
        }
        other => other,
    })
}

/// The least and the most that an algorithm may say.
fn range(algorithm: &Algorithm) -> (u32, u32) {
    match algorithm {
        Algorithm::Fixed(limit) => (*limit, *limit),
        Algorithm::Adaptive(knobs) => (knobs.min, knobs.max),
        Algorithm::Aimd(knobs) => (knobs.min, knobs.max),
        Algorithm::Vegas(knobs) => (1, knobs.max),
        Algorithm::Gradient2(knobs) => (knobs.min, knobs.max),
        other => panic!("{other:?} is not tested here"),
    }
}

proptest! {
    #![proptest_config(crate::property_config())]

    /// I-41.
    #[test]
    fn a_limit_is_between_its_least_and_its_most_whatever_is_observed(
        algorithm in algorithm(), start in option::of(any::<u32>()), seed: u64, samples in samples(),
    ) {
        let (min, max) = range(&algorithm);
        let mut found = make(&algorithm, start, seed);
        prop_assert!((min..=max).contains(&found.limit()), "{} at first", found.limit());
        for sample in &samples {
            found.observe(sample);
            prop_assert!((min..=max).contains(&found.limit()), "{} after {sample:?}", found.limit());
        }
    }

    /// I-41.
    #[test]
    fn a_limit_grows_only_where_half_of_it_was_in_use(algorithm in prompt(), seed: u64, samples in samples()) {
        let mut found = make(&algorithm, None, seed);
        for sample in &samples {
            let before = found.limit();
            found.observe(sample);
            let is_unused = u64::from(sample.in_flight) * 2 < u64::from(before);
            prop_assert!(!is_unused || found.limit() <= before, "{before} to {} by {sample:?}", found.limit());
        }
    }

    #[test]
    fn a_drop_never_raises_a_limit_and_what_is_ignored_changes_nothing(
        algorithm in algorithm(), seed: u64, samples in samples(),
    ) {
        let mut found = make(&algorithm, None, seed);
        for sample in &samples {
            let (limit, shown) = (found.limit(), format!("{found:?}"));
            found.observe(sample);
            match sample.signal {
                Signal::Success => {}
                Signal::Dropped if matches!(algorithm, Algorithm::Adaptive(_)) => {}
                Signal::Dropped => prop_assert!(found.limit() <= limit, "{shown} to {found:?} by {sample:?}"),
                Signal::Ignored => prop_assert_eq!(format!("{found:?}"), shown),
            }
        }
    }

    #[test]
    fn drops_take_every_limit_to_its_least(algorithm in brisk(), seed: u64, samples in samples()) {
        let mut found = make(&algorithm, None, seed);
        for sample in &samples {
            found.observe(sample);
        }
        (0..400).for_each(|_| found.observe(&dropped(0, 0)));
        prop_assert_eq!(found.limit(), range(&algorithm).0);
    }

    #[test]
    fn whatever_was_observed_quick_answers_that_use_the_limit_take_it_to_its_most(
        algorithm in brisk(), seed: u64, samples in samples(),
    ) {
        let mut found = make(&algorithm, None, seed);
        for sample in &samples {
            found.observe(sample);
        }
        (0..400).for_each(|_| found.observe(&success(0, u32::MAX)));
        prop_assert_eq!(found.limit(), range(&algorithm).1);
    }

    /// I-41.
    #[test]
    fn without_samples_that_say_something_a_limit_stays_where_it_began(
        algorithm in algorithm(), start in option::of(any::<u32>()), seed: u64, samples in samples(),
    ) {
        let mut found = make(&algorithm, start, seed);
        let began = found.limit();
        for sample in &samples {
            found.observe(&Sample { signal: Signal::Ignored, ..*sample });
        }
        prop_assert_eq!(found.limit(), began);
    }

    /// I-41: in one window or in many, as time goes on: what is shown comes of numbers that a bad one would turn into the least.
    #[test]
    fn what_the_adaptive_one_reckons_with_is_finite(
        algorithm in adaptive(), seed: u64, samples in samples(), gaps in prop::collection::vec(0u64..1 << 34, 80),
    ) {
        let mut found = make(&algorithm, None, seed);
        let mut now = Instant::START;
        for (sample, gap) in samples.iter().zip(gaps) {
            for _ in 0..40 {
                now = now.after(Duration::from_nanos(gap));
                found.observe(&Sample { now, ..*sample });
            }
            let shown = format!("{found:?}");
            prop_assert!(!shown.contains("NaN") && !shown.contains("inf"), "{shown} after {sample:?}");
        }
    }

    #[test]
    fn what_vegas_reckons_with_is_finite(knobs in vegas(), seed: u64, samples in samples()) {
        let mut vegas = Vegas::new(&knobs, seed);
        for sample in &samples {
            vegas.observe(sample);
            prop_assert!((1.0..=f64::from(knobs.max)).contains(&vegas.estimate), "{vegas:?}");
            prop_assert!(vegas.least.is_none_or(|least| least >= 1.0 && least.is_finite()), "{vegas:?}");
        }
    }

    #[test]
    fn what_gradient2_reckons_with_is_finite(knobs in gradient2(), samples in samples()) {
        let mut gradient = Gradient2::new(&knobs);
        for sample in &samples {
            gradient.observe(sample);
            let bounds = f64::from(knobs.min)..=f64::from(knobs.max);
            prop_assert!(bounds.contains(&gradient.estimate), "{gradient:?}");
            prop_assert!(gradient.long.value >= 0.0 && gradient.long.value.is_finite(), "{gradient:?}");
        }
    }
}
