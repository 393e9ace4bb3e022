//! The experiments: settings, and what of each run is held against which bar.
//!
//! Each takes an algorithm and a seed and gives the same rows for all of them.

mod backend;
mod demand;
mod many;
mod steady;

use crate::algorithms::Algorithm;
use crate::shared::figures;
pub(crate) use crate::shared::figures::{Bar, MANY, Rows};

type Experiment = figures::Experiment<Algorithm>;

/// All of them.
pub(crate) const ALL: [Experiment; 15] = [
    experiment("E1", "steady load, a cold start in it", steady::exponential),
    experiment("E1-laws", "other service times, sizes and contention", steady::laws),
    experiment("E2", "capacity to 0.4 and back, at 1.5x of the whole", backend::capacity),
    experiment("E3", "the way gets longer, at 0.9x", backend::distance),
    experiment("E4", "3x for five minutes, 0.9x before and after", demand::spike),
    Experiment { seeds: 3, ..experiment("E5", "1.5x for four hours, of 100/s; three seeds", demand::hours) },
    experiment("E6", "equal clients at 1.5x, and one that comes late", many::fairness),
    experiment("E7", "a tenth of high priority, the rest low, at 1.5x", many::priorities),
    experiment("E9", "one of five endpoints ten times as slow, at 0.7x", backend::slow_endpoint),
    experiment("E10", "one of five endpoints answers nobody, at 0.7x", backend::hole),
    experiment("E11", "demand doubles at once, to 0.7x", demand::doubled),
    experiment("E12", "a publish every 100 ms at 1.5x, n=10", many::publishes),
    experiment("E13", "one request in two seconds", steady::trickle),
    experiment("E14", "10 ms to the head, 5 s to the end, n=10", steady::streams),
    experiment("E15-16", "callers that leave; one client of n has half of the demand", many::leavers),
];

const fn experiment(name: &'static str, about: &'static str, run: fn(Algorithm, u64) -> Rows) -> Experiment {
    Experiment { name, about, seeds: MANY, run }
}

/// Of the capacity, in percent.
const GOODPUT: Bar = Bar::AtLeast(95.0, 98.0);
/// Of admitted requests, in units of the idle backend's.
const P99: Bar = Bar::AtMost(2.0, 1.3);
/// Of requests at half of the capacity, in percent.
const REFUSED_AT_HALF: Bar = Bar::AtMost(0.1, 0.01);
/// Of requests at 0.7 of the capacity, in percent.
const REFUSED_AT_0_7: Bar = Bar::AtMost(1.0, 0.2);
/// Of requests in the first seconds after something changed that is no overload, in percent.
const REFUSED_AT_FIRST: Bar = Bar::AtMost(5.0, 1.0);
const NEVER: Bar = Bar::AtMost(0.0, 0.0);
