//! The examples of others, from `tests/vectors/routing.json`.

use super::*;
use crate::state::health::rules;
use crate::table::Rules;

/// So many parts of 10 000 succeeded.
fn tallies(parts: &[u64]) -> Vec<(u64, u64)> {
    parts.iter().map(|ok| (*ok, 10_000)).collect()
}

fn is_near(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-6
}

/// `od-sr-threshold`.
#[test]
fn one_that_fails_half_of_the_time_is_ejected() {
    let tallies = tallies(&[5000, 10_000, 10_000, 10_000, 10_000]);
    let (mean, deviation) = rules::mean_and_deviation(&tallies).unwrap();
    assert!(is_near(mean, 0.9) && is_near(deviation, 0.2), "{mean} {deviation}");
    for like in [Rules::Contraflow, Rules::Envoy, Rules::A50] {
        let (out, threshold) = rules::by_success_rate(&tallies, &SuccessRate::default(), like);
        assert!(is_near(threshold, 0.52) && out == [0], "{threshold} {out:?}");
    }
}

/// `od-sr-tiny-stdev`, `od-sr-tiny-note`: Envoy's formula ejects one at 99%; users want it left in, and ours leaves it.
#[test]
fn beside_peers_that_hardly_fail_one_at_99_percent_stays() {
    let mut parts = vec![9999; 20];
    parts[0] = 9900;
    let tallies = tallies(&parts);
    let (mean, deviation) = rules::mean_and_deviation(&tallies).unwrap();
    assert!(is_near(mean, 0.999_405) && is_near(deviation, 0.002_157_65), "{mean} {deviation}");
    let rule = SuccessRate::default();
    assert!(is_near(rules::success_rate_threshold(&tallies, &rule).unwrap(), 0.995_305_46));
    assert_eq!(rules::by_success_rate(&tallies, &rule, Rules::Envoy).0, [0]);
    assert_eq!(rules::by_success_rate(&tallies, &rule, Rules::Contraflow).0, [0; 0]);
}

/// `od-sr-identical`.
#[test]
fn where_all_do_alike_nobody_is_ejected() {
    let (out, threshold) = rules::by_success_rate(&tallies(&[9700; 5]), &SuccessRate::default(), Rules::Envoy);
    assert!(is_near(threshold, 0.97) && out.is_empty(), "{threshold} {out:?}");
    assert_eq!(rules::mean_and_deviation(&tallies(&[9700; 5])), Some((0.97, 0.0)));
}

/// `od-fp`: at the threshold and above; A50's own text has both, its algorithm only what is above.
#[test]
fn one_that_fails_more_than_85_percent_is_ejected() {
    let tallies = [(50, 50), (50, 50), (50, 50), (50, 300), (50, 350)];
    for policy in [Outlier::default(), Outlier::envoy(), Outlier::a50()] {
        let rule = policy.failure_ratio.unwrap();
        assert_eq!(rules::by_failure_ratio(&tallies, &rule, policy.like), [4]);
        let at_the_threshold = rules::by_failure_ratio(&[(15, 100); 5], &rule, policy.like).len();
        assert_eq!(at_the_threshold, if policy.like == Rules::A50 { 0 } else { 5 });
    }
}

/// `od-uneject-timing`.
#[test]
fn by_envoys_rules_the_sweep_after_the_time_returns() {
    let mut region = Region::of(10, Outlier::envoy());
    let at = |milliseconds| Instant::START.after(MILLISECOND * milliseconds);
    region.now = at(10_000);
    region.fails(3, 5);
    let mut is_ejected = |now| {
        region.now = now;
        region.look();
        region.ejected() == [3]
    };
    assert_eq!([19_999, 39_999, 40_000, 50_001].map(|now| is_ejected(at(now))), [true, true, false, false]);
}

/// `od-max-percent`: endpoints, percent, ejected by Envoy, by A50.
const CAPS: [(usize, u8, usize, usize); 10] = [
    (1, 10, 0, 1),
    (2, 10, 0, 1),
    (3, 50, 1, 2),
    (3, 67, 2, 3),
    (5, 10, 0, 1),
    (5, 50, 2, 3),
    (10, 10, 1, 1),
    (10, 25, 2, 3),
    (20, 10, 2, 2),
    (3, 100, 3, 3),
];

#[test]
fn where_all_are_bad_the_cap_is_counted_as_each_does() {
    for (endpoints, percent, envoy, a50) in CAPS {
        // Ours is Envoy's, but for the last one.
        let ours = envoy.min(endpoints - 1);
        for (like, expected) in [(Rules::Envoy, envoy), (Rules::A50, a50), (Rules::Contraflow, ours)] {
            let mut policy = streaks().max_ejected(Ratio::percent(percent));
            policy.like = like;
            let mut region = Region::of(endpoints, policy);
            for place in 0..endpoints {
                region.fails(place, 5);
            }
            assert_eq!(region.ejected().len(), expected, "{endpoints} at {percent}% by {like:?}");
        }
    }
}

/// `linkerd-breaker`: two failures shut it; probation after 1 s, and 2 s after that failed, with one probe; a straggler is ignored.
/// Ours adds up to a tenth by chance, and a busy answer to a probe says nothing.
#[test]
fn as_linkerds_breaker_it_doubles_and_lets_one_probe_through() {
    let policy = Outlier::none().consecutive(2).times(SECOND, 100 * SECOND);
    let mut region = Region::of(2, policy);
    let began = region.now;
    region.after(SECOND);
    region.fails(0, 2);
    assert_eq!(region.after(999 * MILLISECOND), [""; 0]);
    region.now = region.detector.next_change();
    assert!(region.now.since(began) <= 2100 * MILLISECOND);
    assert_eq!(region.look(), ["endpoint 000 may be probed"]);
    assert!(!region.health(0).record(Outcome::Success, SECOND, began, region.now, false), "a straggler");
    let told = region.probe(0, Outcome::Failure);
    assert!(told[0].starts_with("endpoint 000 is ejected for 2"), "{told:?}");
    assert_eq!(region.after(1999 * MILLISECOND), [""; 0]);
    region.now = region.detector.next_change();
    region.look();
    assert!(region.health(0).try_probe(1) && !region.health(0).try_probe(1));
}

/// `finagle-accrual`: five in a row, or a success rate, whichever is first; one probe revives. Finagle's average over 30 s trips in a
/// total outage after 6 s; ours after five failures.
#[test]
fn as_finagles_accrual_five_in_a_row_trip_and_one_success_revives() {
    let mut region = Region::of(2, Outlier::default());
    region.succeeds(0, 1000);
    assert_eq!(region.fails(0, 5).len(), 1);
    region.after(33 * SECOND);
    assert_eq!(region.probe(0, Outcome::Success), ["endpoint 000 has returned"]);
}
