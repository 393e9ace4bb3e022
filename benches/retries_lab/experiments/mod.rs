//! The experiments: settings, and what of each run is held against which bar.

mod hedges;
mod regions;
mod storm;

use crate::policies::Policy;
use crate::shared::figures;
use crate::shared::figures::{Bar, MANY};

type Experiment = figures::Experiment<Policy>;

/// All of them.
pub(crate) const ALL: [Experiment; 11] = [
    experiment("E8-retry", "5 s at 0.3 of the capacity: retries", storm::retries),
    experiment("E8-hedge", "5 s at 0.3 of the capacity: hedges and no retries", storm::hedges),
    experiment("E8-both", "5 s at 0.3 of the capacity: retries and hedges", storm::both),
    experiment("E8-drop", "the same at servers that drop what nobody waits for, n=50", storm::dropping),
    experiment(
        "E8-long",
        "the same at 0.8x with one deadline of 1.5 s for all, and no bound of the client's own",
        storm::long,
    ),
    experiment("hedge", "99 of 100 take 5 ms, one takes 200; 0.3x, four servers", hedges::bimodal),
    experiment("E9", "one of three regions ten times as slow, 0.4x, no limits", regions::slow),
    experiment("E9-limit", "the same with adaptive limits of regions", regions::slow_limited),
    experiment("E10", "one of three regions answers nobody, 0.4x, no limits", regions::hole),
    experiment("E10-limit", "the same with adaptive limits of regions", regions::hole_limited),
    experiment("E12", "E8 with a publish every 100 ms, 0.8x", storm::publishes),
];

const fn experiment(name: &'static str, about: &'static str, run: fn(Policy, u64) -> figures::Rows) -> Experiment {
    Experiment { name, about, seeds: MANY, run }
}

/// Attempts for each request.
const AMPLIFICATION: Bar = Bar::AtMost(1.10, 1.05);
/// Beside that of who sends nothing again: a tenth later, and one step of the measurement.
const RECOVERY: Bar = Bar::Beside(1.1, 0.1, 1.0);
/// Of requests, in percent, while another region could take them.
const SUCCESS: Bar = Bar::AtLeast(99.9, 99.99);
const NEVER: Bar = Bar::AtMost(0.0, 0.0);
