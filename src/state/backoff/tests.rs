//! Waits against the vectors of those who had them first, and within their bounds for any number of retries.

use super::*;
use crate::state::budget::tests::vector;
use proptest::prelude::*;
use serde_json::Value;

const MS: fn(u64) -> Duration = Duration::from_millis;
/// Random bits that stand for the largest draw, and for half of it.
const MOST: u64 = u64::MAX;
const HALF: u64 = 1 << 63;

fn seconds(value: &Value) -> Duration {
    Duration::from_secs_f64(value.as_f64().expect("seconds are a number"))
}

fn milliseconds(value: &Value) -> Duration {
    seconds(value) / 1000
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn policy(base: Duration, max: Duration, jitter: Jitter) -> Backoff {
    Backoff { base, max, jitter }
}

/// The first waits, of which each but for the draw depends on the number alone.
fn waits(backoff: &Backoff, count: usize, bits: u64) -> Vec<Duration> {
    (0..count as u32).map(|retry| delay(backoff, retry, Duration::ZERO, bits)).collect()
}

#[test]
fn the_longest_full_waits_are_the_exponential_ones_of_the_aws_sdks() {
    let vector = vector("aws-exp");
    let max = seconds(&vector["max_s"]);
    for (base, expected) in vector["cases_s"].as_object().expect("cases by base") {
        let backoff = policy(Duration::from_secs_f64(base.parse().unwrap()), max, Jitter::Full);
        let expected: Vec<_> = list(expected).iter().map(seconds).collect();
        assert_eq!(waits(&backoff, expected.len(), MOST), expected);
    }
    assert_eq!(vector["overflow"], "attempt 100000 -> 20s");
    assert_eq!(delay(&policy(MS(1000), max, Jitter::Full), 100_000, Duration::ZERO, MOST), Duration::from_secs(20));
}

#[test]
fn waits_stop_growing_where_those_of_the_aws_sdks_do() {
    let vector = vector("aws-cap");
    let backoff = policy(seconds(&vector["initial_s"]), seconds(&vector["max_s"]), Jitter::Full);
    let expected: Vec<_> = list(&vector["delays_s"]).iter().map(seconds).collect();
    assert_eq!(waits(&backoff, expected.len(), MOST), expected);
}

#[test]
fn the_longest_first_wait_is_that_of_the_second_standard_mode() {
    let first = milliseconds(&vector("aws21-nonthrottle")["delay_ms"]);
    assert_eq!(waits(&policy(MS(50), MS(20_000), Jitter::Full), 1, MOST), [first]);
}

#[test]
fn envelopes_are_envoys_of_which_it_takes_the_remainder_of_a_random_number() {
    for id in ["envoy-exp", "envoy-exp2"] {
        let vector = vector(id);
        let backoff = policy(milliseconds(&vector["base"]), milliseconds(&vector["max"]), Jitter::Full);
        let expected: Vec<_> = list(&vector["delays"]).iter().map(|delay| delay.as_u64().unwrap()).collect();
        let random = u128::from(vector["random"].as_u64().unwrap());
        let remainders = waits(&backoff, expected.len(), MOST).into_iter().map(|most| random % most.as_millis());
        assert!(remainders.eq(expected.into_iter().map(u128::from)), "{id}");
    }
}

#[test]
fn envelopes_are_grpcs_nominal_waits() {
    let vector = vector("grpc-exp");
    let backoff = policy(milliseconds(&vector["initial"]), milliseconds(&vector["max"]), Jitter::Full);
    let expected: Vec<_> = list(&vector["nominal"]).iter().map(milliseconds).collect();
    assert_eq!(waits(&backoff, expected.len(), MOST), expected);
}

#[test]
fn full_waits_are_those_of_the_article_that_named_them() {
    let vector = vector("aws-blog-full");
    let backoff = policy(milliseconds(&vector["base"]), milliseconds(&vector["cap"]), Jitter::Full);
    for (draw, bits) in [("0.0", 0), ("0.5", HALF), ("1.0", MOST)] {
        let expected: Vec<_> = list(&vector["by_u"][draw]).iter().map(milliseconds).collect();
        assert_eq!(waits(&backoff, expected.len(), bits), expected, "{draw}");
    }
}

#[test]
fn equal_waits_are_at_least_half_of_the_envelope() {
    let backoff = policy(MS(100), MS(1000), Jitter::Equal);
    assert_eq!(waits(&backoff, 5, 0), [50, 100, 200, 400, 500].map(MS));
    assert_eq!(waits(&backoff, 5, HALF), [75, 150, 300, 600, 750].map(MS));
    assert_eq!(waits(&backoff, 5, MOST), [100, 200, 400, 800, 1000].map(MS));
}

#[test]
fn decorrelated_waits_grow_from_the_last_one() {
    let backoff = policy(MS(100), MS(2000), Jitter::Decorrelated);
    let next = |last, bits| delay(&backoff, 0, MS(last), bits);
    assert_eq!(
        (next(0, 0), next(0, HALF), next(0, MOST)),
        (MS(100), MS(200), MS(300)),
        "as if the last had been the base"
    );
    assert_eq!((next(300, 0), next(300, HALF), next(300, MOST)), (MS(100), MS(500), MS(900)));
    assert_eq!(next(900, MOST), MS(2000));
}

#[test]
fn a_hint_is_waited_for_with_up_to_a_fifth_on_top() {
    let wait = |delay, hint, bits| with_hint(MS(delay), MS(hint), MS(5000), bits);
    assert_eq!((wait(10, 1000, 0), wait(10, 1000, HALF)), (Some(MS(1000)), Some(MS(1100))));
    assert_eq!(wait(10, 1000, MOST), Some(MS(1200)));
    assert_eq!(wait(3000, 1000, MOST), Some(MS(3200)), "our own wait is longer");
    assert_eq!(wait(10, 0, MOST), Some(MS(10)), "a server that says `at once` does not make it sooner than ours");
    assert_eq!(wait(10, 5000, MOST), Some(MS(5000)));
    assert_eq!(wait(10, 5001, 0), None);
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        1 => Just(Duration::ZERO),
        1 => Just(Duration::MAX),
        1 => (0u64..3).prop_map(Duration::from_nanos),
        1 => any::<u64>().prop_map(Duration::from_nanos),
        4 => (0u64..100_000).prop_map(Duration::from_millis),
    ]
}

fn retry() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0u32..10, 2 => 0u32..100, 1 => any::<u32>(), 1 => Just(u32::MAX)]
}

fn bits() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(0), 1 => Just(MOST), 4 => any::<u64>()]
}

/// What is representable: 584 years.
fn representable(duration: Duration) -> Duration {
    Duration::from_nanos(nanos(duration))
}

/// The envelope, the slow way.
fn envelope(backoff: &Backoff, retry: u32) -> Duration {
    let max = representable(backoff.max);
    let mut envelope = backoff.base.min(max);
    for _ in 0..retry.min(200) {
        envelope = envelope.saturating_mul(2).min(max);
    }
    envelope
}

proptest! {
    #![proptest_config(crate::property_config())]

    /// I-53
    #[test]
    fn waits_lie_within_their_bounds_for_any_number_of_retries(
        base in duration(),
        max in duration(),
        retry in retry(),
        last in duration(),
        bits in bits(),
    ) {
        let wait = |jitter| delay(&policy(base, max, jitter), retry, last, bits);
        let envelope = envelope(&policy(base, max, Jitter::Full), retry);
        prop_assert!(wait(Jitter::Full) <= envelope);
        prop_assert!(wait(Jitter::Equal) <= envelope && wait(Jitter::Equal) >= envelope / 2);
        let (least, most) = (base.min(representable(max)), last.max(base).saturating_mul(3).min(max));
        let decorrelated = wait(Jitter::Decorrelated);
        prop_assert!(representable(least) <= decorrelated && decorrelated <= most.max(least), "{decorrelated:?}");
        // The ends are reached.
        let ends = [0, MOST].map(|bits| delay(&policy(base, max, Jitter::Full), retry, last, bits));
        prop_assert!(ends[0].is_zero() && ends[1] + Duration::from_nanos(1) >= envelope, "{ends:?}");
    }

    /// I-53: a wait of nothing is allowed, and stays nothing.
    #[test]
    fn without_a_base_there_is_no_wait(max in duration(), retry in retry(), bits in bits()) {
        for jitter in [Jitter::Full, Jitter::Equal, Jitter::Decorrelated] {
            prop_assert_eq!(delay(&policy(Duration::ZERO, max, jitter), retry, Duration::ZERO, bits), Duration::ZERO);
        }
    }

    /// I-52
    #[test]
    fn a_hint_is_kept_to_or_refused(ours in duration(), hint in duration(), max in duration(), bits in bits()) {
        match with_hint(ours, hint, max, bits) {
            None => prop_assert!(hint > max),
            Some(wait) => {
                prop_assert!(hint <= wait && wait <= max);
                prop_assert!(wait >= ours.min(max) && wait <= ours.max(hint).saturating_add(hint / 5));
            }
        }
    }
}
