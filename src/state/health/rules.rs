//! The rules, as functions of what endpoints did: of the multiset alone, never of the order in which they stand.
//!
//! Sums of floats depend on their order in the last bit, so what is summed is sorted first.

use crate::table::{FailureRatio, Latency, Outlier, Rules, SuccessRate};
use crate::unit::Ratio;
use std::time::Duration;

/// Successes of so many answers.
pub(super) type Tally = (u64, u64);

/// What may be lost where a ratio, which is rarely exact in binary, is multiplied with a count.
const ROUNDING: f64 = 1e-9;

/// At most this part of the endpoints is out of line with their peers at once: if more are, it is the peers that are.
const MOST_OUT_OF_LINE: f64 = 0.5;

fn rate((ok, total): Tally) -> f64 {
    ok as f64 / total as f64
}

/// The mean of the rates and their population deviation; none of no rates.
pub(super) fn mean_and_deviation(tallies: &[Tally]) -> Option<(f64, f64)> {
    let mut rates: Vec<_> = tallies.iter().copied().map(rate).collect();
    rates.sort_unstable_by(f64::total_cmp);
    // All alike is no deviation, not the rounding of one.
    let (least, most) = (*rates.first()?, *rates.last()?);
    if most <= least {
        return Some((least, 0.0));
    }
    let count = rates.len() as f64;
    let mean = rates.iter().sum::<f64>() / count;
    let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / count;
    Some((mean, variance.sqrt()))
}

/// Below this rate an endpoint is ejected; none where too few have volume.
pub(super) fn success_rate_threshold(tallies: &[Tally], rule: &SuccessRate) -> Option<f64> {
    let with_volume = with_volume(tallies, rule.min_requests);
    if with_volume.is_empty() || with_volume.len() < rule.min_endpoints as usize {
        return None;
    }
    mean_and_deviation(&with_volume).map(|(mean, deviation)| mean - rule.deviations * deviation)
}

/// Who is below the threshold, by place, and the threshold.
pub(super) fn by_success_rate(tallies: &[Tally], rule: &SuccessRate, like: Rules) -> (Vec<usize>, f64) {
    let Some(threshold) = success_rate_threshold(tallies, rule) else { return (Vec::new(), 0.0) };
    // Strictly: where all do alike the deviation is zero, and nobody is below.
    let is_out = |tally: Tally| {
        let below_floor = like != Rules::Contraflow || rate(tally) < rule.floor.get();
        has_volume(tally, rule.min_requests) && rate(tally) < threshold && below_floor
    };
    let out = places(tallies, is_out);
    let most = with_volume(tallies, rule.min_requests).len() as f64 * MOST_OUT_OF_LINE;
    if like == Rules::Contraflow && out.len() as f64 > most {
        return (Vec::new(), threshold);
    }
    (out, threshold)
}

/// Who fails too much, by place.
pub(super) fn by_failure_ratio(tallies: &[Tally], rule: &FailureRatio, like: Rules) -> Vec<usize> {
    if with_volume(tallies, rule.min_requests).len() < rule.min_endpoints as usize {
        return Vec::new();
    }
    places(tallies, |(ok, total)| {
        let (failed, bound) = ((total - ok) as f64, rule.threshold.get() * total as f64);
        let is_out = if like == Rules::A50 { failed > bound + ROUNDING } else { failed >= bound - ROUNDING };
        is_out && has_volume((ok, total), rule.min_requests)
    })
}

/// Who is too slow, by place, with the mean of its times and the median of the others', in microseconds.
///
/// Of so many successes that took so many microseconds together.
pub(super) fn by_latency(times: &[(u64, u64)], rule: &Latency) -> Vec<(usize, u64, u64)> {
    let means = times
        .iter()
        .map(|&(count, micros)| (count > 0 && count >= u64::from(rule.min_requests)).then(|| micros / count));
    let means: Vec<_> = means.collect();
    let mut sorted: Vec<_> = means.iter().copied().flatten().collect();
    if sorted.len() < (rule.min_endpoints as usize).max(2) {
        return Vec::new();
    }
    sorted.sort_unstable();
    let least = u64::try_from(rule.min_excess.as_micros()).unwrap_or(u64::MAX);
    let with_median = means.iter().enumerate().filter_map(|(place, mean)| mean.map(|mean| (place, mean)));
    let with_median = with_median.map(|(place, mean)| (place, mean, median_without(&sorted, mean)));
    with_median
        .filter(|&(_, mean, median)| mean as f64 >= rule.factor * median as f64 && mean.saturating_sub(median) >= least)
        .collect()
}

/// The median of all but one that has this value.
fn median_without(sorted: &[u64], value: u64) -> u64 {
    let own = sorted.partition_point(|other| *other < value);
    let other = |place: usize| sorted[if place < own { place } else { place + 1 }];
    let others = sorted.len() - 1;
    let (low, high) = (other((others - 1) / 2), other(others / 2));
    low + (high - low) / 2
}

/// Whether one more of so many endpoints may be ejected when so many are.
pub(super) fn may_eject(ejected: usize, endpoints: usize, max: Ratio, like: Rules) -> bool {
    let (ejected, most) = (ejected as f64, max.get() * endpoints as f64);
    match like {
        Rules::Contraflow | Rules::Envoy => ejected + 1.0 <= most + ROUNDING,
        Rules::A50 => ejected < most - ROUNDING,
    }
}

/// The length of an ejection after so many.
pub(super) fn ejection_time(outlier: &Outlier, ejections: u32) -> Duration {
    let grown = match outlier.like {
        // As a float: what is too long for a duration is too long for the maximum.
        Rules::Contraflow => {
            let seconds = outlier.base.as_secs_f64() * 2_f64.powi(ejections.saturating_sub(1).min(1000).cast_signed());
            Duration::try_from_secs_f64(seconds).unwrap_or(outlier.max)
        }
        Rules::Envoy | Rules::A50 => outlier.base.saturating_mul(ejections),
    };
    grown.min(outlier.max)
}

/// So many ejections as lengthen the next; more would only have to be lived down.
pub(super) fn most_ejections(outlier: &Outlier) -> u32 {
    // Twofold: a nanosecond becomes a day in 47 steps.
    let by_doubling = (1..64).find(|&count| ejection_time(outlier, count) >= outlier.max).unwrap_or(64);
    match outlier.like {
        Rules::Contraflow => by_doubling,
        // While what is added stays below the longest and one more.
        Rules::Envoy => {
            let steps = outlier.max.as_nanos().div_ceil(outlier.base.as_nanos().max(1));
            u32::try_from(steps + 1).unwrap_or(u32::MAX)
        }
        Rules::A50 => u32::MAX,
    }
}

fn has_volume((_, total): Tally, least: u32) -> bool {
    total > 0 && total >= u64::from(least)
}

fn with_volume(tallies: &[Tally], least: u32) -> Vec<Tally> {
    tallies.iter().copied().filter(|&tally| has_volume(tally, least)).collect()
}

fn places(tallies: &[Tally], is_out: impl Fn(Tally) -> bool) -> Vec<usize> {
    tallies.iter().enumerate().filter(|(_, tally)| is_out(**tally)).map(|(place, _)| place).collect()
}
