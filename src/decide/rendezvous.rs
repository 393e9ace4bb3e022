//! Weighted rendezvous: each key takes the target that wins for it, whatever the other targets are.
//!
//! For key and target, `u` is uniform in (0, 1) and the target with the least `-ln(u) / weight` wins: `-ln(u)` is an
//! exponential variate of rate 1, dividing by the weight makes its rate the weight, and the least of several exponential
//! variates is each one in proportion to its rate (Thaler and Ravishankar 1998 for the hashing; Schindelhauer and Schomaker
//! 2005 for the weights). A target's score depends on nothing but the key and its own name and weight. So raising one
//! weight moves keys only into that target, lowering it again moves the same keys back, and no fewer could move. When
//! several weights change at once somewhat more than the least move: from 60/30/10 to 55/30/15, 6.4% for 5%.
//! `hash % total` over intervals moves 57% of keys where this moves 8.2% (weights 60/30/10, the last raised to 20).
//!
//! The logarithm is in fixed point, computed in integers from a table that the compiler makes, so a key goes to the same
//! target on every platform and in every release: golden values hold.

use crate::entropy::mix64;

/// Of the candidates, given as hash of the name, weight and target, the winner for a key; none when all weigh zero.
///
/// Equal scores go to the earlier candidate; candidates come in order of their names.
#[inline]
pub(crate) fn rendezvous<T>(key: u64, candidates: impl Iterator<Item = (u64, u64, T)>) -> Option<T> {
    let mut best: Option<(T, u64, u64)> = None;
    for (hash, weight, target) in candidates.filter(|(_, weight, _)| *weight > 0) {
        let score = exponential(mix64(key ^ hash));
        // score / weight < best score / best weight, without dividing.
        let wins = best.as_ref().is_none_or(|&(_, least, its)| {
            u128::from(score) * u128::from(its) < u128::from(least) * u128::from(weight)
        });
        if wins {
            best = Some((target, score, weight));
        }
    }
    best.map(|(target, ..)| target)
}

/// The same over candidates of one weight: the logarithm falls as the hash grows, so the greatest hash wins.
#[inline]
pub(crate) fn rendezvous_even(key: u64, candidates: impl Iterator<Item = (u32, u64)>) -> Option<u32> {
    let mut best: Option<(u32, u64)> = None;
    for (target, hash) in candidates {
        let score = mix64(key ^ hash);
        if best.is_none_or(|(_, greatest)| score > greatest) {
            best = Some((target, score));
        }
    }
    best.map(|(target, _)| target)
}

/// Bits after the point in an [`exponential`] variate.
const POINT: u32 = 58;

/// The intervals of `[1, 2)` whose logarithm is tabled, as a power of two.
const INTERVALS: u32 = 7;

/// ln 2 with 64 bits after the point.
const LN_2: u128 = 0xB172_17F7_D1CF_79AC;

/// `-ln(u)` in fixed point with 58 bits after the point, where `u = (bits + 1/2) / 2^64`, to a relative error below 2^-30.
#[inline]
fn exponential(bits: u64) -> u64 {
    // Near one the logarithm is near zero, and it is there that winners are: a series in 1 - u keeps its relative error.
    let short = !bits;
    if short < 1 << 57 {
        // -ln(1 - x) = x + x^2/2 + x^3/3 + x^4/4 + ..; x < 2^-7, so the fifth term is below 2^-30 of the first.
        let times = |a: u64, b: u64| ((u128::from(a) * u128::from(b)) >> 65) as u64;
        let x = short << 1 | 1; // 65 bits after the point: the half counts
        let x2 = times(x, x);
        let x3 = times(x2, x);
        let x4 = times(x3, x);
        return (x + x2 / 2 + x3 / 3 + x4 / 4) >> (65 - POINT);
    }
    // u = m * 2^-(zeros + 1) with m in [1, 2): -ln(u) = (zeros + 1) ln 2 - ln m.
    let wide = u128::from(bits) << 1 | 1; // 65 bits after the point: the half counts
    let zeros = wide.leading_zeros() - 63;
    let m = ((wide << zeros) >> 1) as u64; // 63 bits after the point
    let interval = (m >> (63 - INTERVALS)) as usize & ((1 << INTERVALS) - 1);
    let Centre { inverse, log } = CENTRES[interval];
    // m = centre * (1 + r) with |r| < 2^-8; ln m = ln centre + r - r^2/2 + r^3/3, the next term is below 2^-34.
    let times = |a: i64, b: i64| ((i128::from(a) * i128::from(b)) >> 63) as i64;
    let r = (((u128::from(m) * u128::from(inverse)) >> 63) as u64).wrapping_sub(1 << 63).cast_signed();
    let r2 = times(r, r);
    let r3 = times(r2, r);
    let log_m = log + ((r - r2 / 2 + r3 / 3) >> (63 - POINT));
    let whole = ((u128::from(zeros + 1) * LN_2) >> (64 - POINT)) as u64;
    whole.saturating_add_signed(-log_m)
}

/// The middle of an interval: its inverse with 63 bits after the point, its logarithm with 58.
#[derive(Clone, Copy)]
struct Centre {
    inverse: u64,
    log: i64,
}

static CENTRES: [Centre; 1 << INTERVALS] = centres();

const fn centres() -> [Centre; 1 << INTERVALS] {
    let mut centres = [Centre { inverse: 0, log: 0 }; 1 << INTERVALS];
    let mut at = 0;
    while at < centres.len() {
        // The centre is (2 n + 2 at + 1) / 2 n, with n intervals.
        let (numerator, denominator) = ((2 * centres.len() + 2 * at + 1) as u128, 2 * centres.len() as u128);
        centres[at] = Centre {
            inverse: ((denominator << 63) / numerator) as u64,
            log: (log(numerator, denominator) >> (64 - POINT)) as i64,
        };
        at += 1;
    }
    centres
}

/// ln(numerator / denominator) with 64 bits after the point, for a quotient in [1, 2):
/// 2 artanh(z) = 2 (z + z^3/3 + z^5/5 + ..), z = (n - d) / (n + d) < 1/3.
const fn log(numerator: u128, denominator: u128) -> u128 {
    let z = ((numerator - denominator) << 64) / (numerator + denominator);
    let z2 = (z * z) >> 64;
    let (mut power, mut sum, mut odd) = (z, 0, 1);
    while power > 0 {
        sum += power / odd;
        power = (power * z2) >> 64;
        odd += 2;
    }
    2 * sum
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(crate::property_config())]

        #[test]
        fn the_fixed_point_logarithm_is_the_logarithm(bits: u64, shift in 0u32..64) {
            // Both ends of the line, where u is near 0 and near 1, as often as the middle.
            for bits in [bits >> shift, !(bits >> shift)] {
                let u_short = (!bits) as f64 / 2f64.powi(64) + 2f64.powi(-65);
                let exact = if u_short < 0.5 { -(-u_short).ln_1p() } else { -((bits as f64 + 0.5) / 2f64.powi(64)).ln() };
                let ours = exponential(bits) as f64 / 2f64.powi(58);
                prop_assert!((ours - exact).abs() <= exact * 2f64.powi(-24) + 2f64.powi(-57), "{bits:x}: {ours} for {exact}");
            }
        }

        #[test]
        fn it_falls_as_the_hash_grows(a: u64, b: u64) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(exponential(low) >= exponential(high));
        }

        #[test]
        fn equal_weights_and_the_short_way_agree(key: u64, hashes in prop::collection::vec(any::<u64>(), 1..20)) {
            let long = rendezvous(key, (0..).zip(&hashes).map(|(target, &hash)| (hash, 9, target)));
            let short = rendezvous_even(key, (0..).zip(&hashes).map(|(target, &hash)| (target, hash)));
            prop_assert_eq!(long, short);
        }

        // I-11: raising one weight moves a key only into that target.
        #[test]
        fn raising_one_weight_pulls_keys_only_into_it(
            key: u64,
            targets in prop::collection::vec((any::<u64>(), 0u64..1000), 2..8),
            raised in any::<prop::sample::Index>(),
            by in 1u64..1000,
        ) {
            let raised = raised.index(targets.len());
            let pick = |targets: &[(u64, u64)]| {
                rendezvous(key, (0..).zip(targets).map(|(target, &(hash, weight))| (hash, weight, target)))
            };
            let before = pick(&targets);
            let mut after = targets.clone();
            after[raised].1 += by;
            let after = pick(&after);
            prop_assert!(after == before || after == Some(raised as u32));
        }
    }

    #[test]
    fn the_greatest_and_least_hash_do_not_overflow() {
        assert_eq!(exponential(u64::MAX), 0);
        assert_eq!(exponential(0) >> POINT, 45);
    }
}
