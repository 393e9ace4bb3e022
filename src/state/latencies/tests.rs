//! Delays are where they should be, follow what changes, and are not made shorter by what is slow.

use super::*;
use proptest::prelude::*;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// So many milliseconds after a moment that is not the first of the clock.
fn at(milliseconds: u64) -> Instant {
    Instant::START.after(Duration::from_secs(3600)).after(MS(milliseconds))
}

fn record(latencies: &Latencies, count: u64, milliseconds: u64) {
    (0..count).for_each(|_| latencies.record(MS(milliseconds)));
}

/// Whether a delay is the upper edge of the bucket that this is in.
fn is_just_above(delay: Duration, value: Duration) -> bool {
    value < delay && delay <= value * 9 / 8
}

fn just_below(value: Duration) -> Duration {
    Duration::from_nanos(nanos(value) - 1)
}

#[test]
fn nothing_is_hedged_before_a_hundred_are_known() {
    let latencies = Latencies::new();
    record(&latencies, 99, 20);
    assert_eq!(latencies.delay(0.95, at(0)), None);
    record(&latencies, 1, 20);
    assert_eq!(latencies.delay(0.95, at(999)), None, "looked at again after a second");
    assert!(is_just_above(latencies.delay(0.95, at(1000)).unwrap(), MS(20)));
}

#[test]
fn a_delay_holds_for_a_second() {
    let latencies = Latencies::new();
    record(&latencies, 100, 20);
    let first = latencies.delay(0.5, at(5000));
    record(&latencies, 900, 200);
    assert_eq!(latencies.delay(0.5, at(5999)), first);
    assert!(is_just_above(latencies.delay(0.5, at(6000)).unwrap(), MS(200)));
}

#[test]
fn a_delay_is_a_millisecond_at_least() {
    let latencies = Latencies::new();
    (0..100).for_each(|_| latencies.record(Duration::from_micros(50)));
    assert_eq!(latencies.delay(0.99, at(0)), Some(MS(1)));
}

#[test]
fn what_takes_longer_than_a_minute_counts_as_that() {
    let latencies = Latencies::new();
    (0..100).for_each(|_| latencies.record(Duration::MAX));
    assert_eq!(latencies.delay(0.5, at(0)), Some(Duration::from_nanos(1 << LAST_SHIFT)));
}

/// As finagle: those that their hedge overtook are among the slow ones. With them left out, the delay would be that of the
/// quick.
#[test]
fn those_that_were_overtaken_hold_the_delay_where_it_is() {
    let latencies = Latencies::new();
    record(&latencies, 950, 10);
    record(&latencies, 50, 500);
    let first = latencies.delay(0.96, at(0)).unwrap();
    assert!(is_just_above(first, MS(500)));
    let mut delays = Vec::new();
    for second in 1..60 {
        record(&latencies, 95, 10);
        // Five in a hundred are overtaken a moment after the delay.
        let delay = delays.last().copied().unwrap_or(first);
        (0..5).for_each(|_| latencies.record_at_least(delay + MS(3)));
        delays.push(latencies.delay(0.96, at(second * 1000)).unwrap());
    }
    assert!(delays.iter().all(|delay| *delay >= first), "{delays:?}");
}

#[test]
fn who_was_not_waited_for_as_long_as_the_delay_says_nothing() {
    let latencies = Latencies::new();
    // Before there is a delay nobody can tell.
    (0..100).for_each(|_| latencies.record_at_least(MS(500)));
    assert_eq!(latencies.delay(0.5, at(0)), None);
    record(&latencies, 100, 20);
    let delay = latencies.delay(0.5, at(1000)).unwrap();
    (0..1000).for_each(|_| latencies.record_at_least(just_below(delay)));
    (0..1000).for_each(|_| latencies.record_at_least(MS(1)));
    assert_eq!(latencies.delay(0.5, at(2000)), Some(delay), "callers that leave early do not pull it down");
    (0..101).for_each(|_| latencies.record_at_least(delay));
    assert!(latencies.delay(0.5, at(3000)).unwrap() > delay);
}

#[test]
fn a_route_that_becomes_slow_is_followed_within_ten_seconds_and_one_that_becomes_quick_within_a_minute() {
    let latencies = Latencies::new();
    let mut delay = None;
    let mut run = |seconds: std::ops::Range<u64>, took: u64| {
        for second in seconds {
            record(&latencies, 100, took);
            delay = latencies.delay(0.95, at(second * 1000));
        }
        delay.unwrap()
    };
    assert!(is_just_above(run(0..100, 10), MS(10)));
    assert!(is_just_above(run(100..110, 100), MS(100)), "one in twenty is soon slow");
    assert!(is_just_above(run(110..200, 100), MS(100)));
    assert!(is_just_above(run(200..260, 10), MS(10)), "nineteen in twenty are quick when enough is forgotten");
}

#[test]
fn a_quiet_route_does_not_forget_what_it_knows() {
    let latencies = Latencies::new();
    record(&latencies, 150, 20);
    for hour in 0..100 {
        let delay = latencies.delay(0.95, at(hour * 3_600_000)).expect("a hundred are known");
        assert!(is_just_above(delay, MS(20)));
    }
    // And what it learns then is not outweighed by what was long ago.
    record(&latencies, 150, 200);
    assert!(is_just_above(latencies.delay(0.6, at(400_000_000)).unwrap(), MS(200)));
}

/// However long nobody looked: halvings that are due at once leave enough.
#[test]
fn many_halvings_at_once_leave_a_hundred() {
    let latencies = Latencies::new();
    (0..10_000u64).for_each(|count| latencies.record(Duration::from_micros(100 + count * 7)));
    for hour in 1..100 {
        assert!(latencies.delay(0.95, at(hour * 3_600_000)).is_some(), "{hour}");
        let total: u64 = latencies.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        assert!(total >= ENOUGH && (hour < 3 || total < 3 * ENOUGH), "{total} after {hour} hours");
    }
}

#[test]
fn buckets_meet_and_none_is_wider_than_an_eighth() {
    assert_eq!((bucket(Duration::ZERO), upper_edge(0)), (0, Duration::from_nanos(1 << FIRST_SHIFT)));
    for place in 0..BUCKETS - 1 {
        let edge = upper_edge(place);
        assert_eq!((bucket(just_below(edge)), bucket(edge)), (place, place + 1));
        assert!(upper_edge(place + 1) <= edge * 9 / 8, "{place}");
    }
    assert_eq!(upper_edge(BUCKETS - 1), Duration::from_nanos(1 << LAST_SHIFT));
    assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
}

proptest! {
    #![proptest_config(crate::property_config())]

    /// The delay is the end of the bucket in which the exact quantile of the samples lies.
    #[test]
    fn a_delay_is_the_exact_quantile_to_a_bucket(
        mut samples in prop::collection::vec(prop_oneof![1_000u64..50_000, 1_000_000u64..70_000_000_000], 100..300),
        quantile in 0.5f64..0.999,
    ) {
        let latencies = Latencies::new();
        for sample in &samples {
            latencies.record(Duration::from_nanos(*sample));
        }
        samples.sort_unstable();
        let rank = (samples.len() as f64 * quantile).ceil() as usize;
        let exact = Duration::from_nanos(samples[rank - 1]).min(just_below(upper_edge(BUCKETS - 1)));
        let delay = latencies.delay(quantile, at(0)).expect("a hundred are known");
        prop_assert!(exact < LEAST && delay == LEAST || is_just_above(delay, exact), "{delay:?} for {exact:?}");
    }

    /// Whatever is recorded, and whenever one looks.
    #[test]
    fn a_delay_is_between_a_millisecond_and_a_minute_or_so(
        samples in prop::collection::vec((any::<u64>(), any::<bool>(), any::<u64>()), 0..400),
        quantile in prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0],
    ) {
        let latencies = Latencies::new();
        for (took, is_complete, now) in samples {
            let took = Duration::from_nanos(took >> (took % 64));
            if is_complete { latencies.record(took) } else { latencies.record_at_least(took) }
            let delay = latencies.delay(quantile, Instant::from_nanos(now));
            prop_assert!(delay.is_none_or(|delay| delay >= LEAST && delay <= upper_edge(BUCKETS - 1)));
        }
    }
}
