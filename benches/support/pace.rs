//! Cases that take turns, so that whatever else the machine does meets all of them alike.

use super::is_measuring;
use contraflow::time::Clock;
use std::time::Duration;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
}

/// Something that is measured: does it so many times and says how long that took.
pub(crate) type Case<'a> = Box<dyn FnMut(u64) -> Duration + 'a>;

impl Pace {
    /// So many rounds, or one short one when nothing is to be measured.
    pub(crate) fn of(rounds: usize, slice: Duration) -> Self {
        if is_measuring() {
            return Pace { rounds, slice };
        }
        println!("one short round: the times below mean nothing");
        Pace { rounds: 1, slice: Duration::from_micros(100) }
    }

    /// Nanoseconds of each case, by round: the cases take turns, each as often as fits its slice.
    pub(crate) fn measure<const N: usize>(&self, mut cases: [Case<'_>; N]) -> [Vec<f64>; N] {
        let times: Vec<u64> = cases.iter_mut().map(|case| self.times(case)).collect();
        let mut rounds = [const { Vec::new() }; N];
        for _ in 0..self.rounds {
            for ((case, &times), rounds) in cases.iter_mut().zip(&times).zip(&mut rounds) {
                rounds.push(case(times).as_nanos() as f64 / times as f64);
            }
        }
        rounds
    }

    /// How often a case fits a slice, by the fastest of three tries; it is warm afterwards.
    fn times(&self, case: &mut Case<'_>) -> u64 {
        let mut times = 1;
        while (0..3).all(|_| case(times) < self.slice) {
            times *= 2;
        }
        times
    }
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The median of the rounds' ratios.
pub(crate) fn ratio(values: &[f64], to: &[f64]) -> f64 {
    median(&values.iter().zip(to).map(|(value, to)| value / to).collect::<Vec<_>>())
}

pub(crate) fn bar(name: &str, measured: f64, unit: &str, bar: f64) {
    let verdict = if measured <= bar { "ok" } else { "MISSED" };
    println!("{name:<40} {:>14} {:>14}  {verdict}", format!("{measured:.2}{unit}"), format!("<= {bar}{unit}"));
}

/// A figure that helps to read the bars and is none.
pub(crate) fn note(name: &str, measured: f64, unit: &str) {
    println!("{name:<40} {:>14}", format!("{measured:.2}{unit}"));
}

/// The time of a loop.
pub(crate) fn timed(times: u64, mut work: impl FnMut()) -> Duration {
    let clock = Clock::std();
    let began = clock.now();
    for _ in 0..times {
        work();
    }
    clock.now().since(began)
}
