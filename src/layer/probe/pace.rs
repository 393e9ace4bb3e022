//! How often an endpoint is asked.
//!
//! Three intervals, as `HAProxy` has them: `inter` for what is as it was, `fastinter` while the next checks decide
//! something, and `downinter` for what is out. Quick at an edge, slow elsewhere: a verdict then takes a fraction of the
//! time, for the same number of checks in a day.
//!
//! Every interval is drawn anew from a span around it, so that probers that were started together, and endpoints that were
//! announced together, do not meet again and again in one moment.

use crate::entropy::{Entropy, below};
use crate::state::{Checked, Streak};
use crate::time::nanos;
use crate::unit::Ratio;
use std::time::Duration;

/// No endpoint is asked more often, whatever it was told: less would be a loop that does nothing else.
const SHORTEST: Duration = Duration::from_millis(1);

/// How often an endpoint is asked.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    pub(super) every: Duration,
    /// A fifth of `every` unless it was said.
    pub(super) at_edge: Option<Duration>,
    /// As `every` unless it was said.
    pub(super) when_down: Option<Duration>,
    pub(super) jitter: Ratio,
    /// The prober's own draws: one more of them moves no request's.
    pub(super) entropy: Entropy,
}

impl Pace {
    pub(super) fn new(entropy: Entropy) -> Self {
        let (every, jitter) = (Duration::from_secs(5), Ratio::percent(10));
        Pace { every, at_edge: None, when_down: None, jitter, entropy }
    }

    /// From one check to the next.
    pub(super) fn interval(&self, streak: Streak) -> Duration {
        let interval = if streak.is_at_edge() {
            self.at_edge()
        } else if streak.verdict() == Checked::Down {
            self.when_down.unwrap_or(self.every)
        } else {
            self.every
        };
        self.jittered(interval).max(SHORTEST)
    }

    fn at_edge(&self) -> Duration {
        self.at_edge.unwrap_or(self.every / 5)
    }

    fn jittered(&self, interval: Duration) -> Duration {
        let interval = nanos(interval);
        // At most the interval itself, whatever the rounding of a large one.
        let most = ((interval as f64 * self.jitter.get()) as u64).min(interval);
        let drawn = below(self.entropy.word(), most.saturating_mul(2).saturating_add(1));
        Duration::from_nanos((interval - most).saturating_add(drawn))
    }

    /// When the first check of one of many that come together is due: each has a part of the first interval of its own, and a
    /// moment in it at random.
    pub(super) fn start(&self, place: usize, of: usize) -> Duration {
        let part = nanos(self.at_edge()) / (of as u64).max(1);
        Duration::from_nanos(part.saturating_mul(place as u64).saturating_add(below(self.entropy.word(), part)))
    }
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use crate::state::{Report, Rows};
    use proptest::prelude::*;

    fn streak(reports: &[Report]) -> Streak {
        let mut streak = Streak::new(Checked::Never);
        for report in reports {
            streak.observe(*report, Rows::default());
        }
        streak
    }

    fn steady() -> Pace {
        Pace { jitter: Ratio::ZERO, ..Pace::new(Entropy::seeded(1)) }
    }

    #[test]
    fn an_edge_is_quick_and_what_is_down_may_be_slow() {
        use Report::{Failed, Passed};
        let secs = Duration::from_secs;
        let pace = Pace { when_down: Some(secs(20)), ..steady() };
        for (reports, seconds) in [
            (&[][..], 1),
            (&[Passed], 5),
            (&[Passed, Failed], 1),
            (&[Passed, Failed, Passed], 5),
            (&[Failed; 3], 20),
            (&[Failed, Failed, Failed, Passed], 1),
        ] {
            assert_eq!(pace.interval(streak(reports)), secs(seconds), "{reports:?}");
        }
        let own = Pace { at_edge: Some(secs(3)), ..steady() };
        assert_eq!(own.interval(streak(&[])), secs(3));
        assert_eq!(own.interval(streak(&[Failed; 3])), secs(5));
    }

    #[test]
    fn no_interval_is_nothing() {
        let pace = Pace { every: Duration::ZERO, ..steady() };
        assert_eq!(pace.interval(streak(&[])), SHORTEST);
        let endless = Pace { every: Duration::MAX, jitter: Ratio::ONE, ..steady() };
        assert!(endless.interval(streak(&[Report::Passed])) > Duration::from_secs(1));
    }

    proptest! {
        #![proptest_config(crate::property_config())]

        #[test]
        fn an_interval_lies_in_its_span_and_starts_lie_in_their_parts(
            every in 1u64..10_000_000_000, percent in 0u8..=100, seed: u64, of in 1usize..40,
        ) {
            let every = Duration::from_millis(5) + Duration::from_nanos(every);
            let pace = Pace { every, jitter: Ratio::percent(percent), ..Pace::new(Entropy::seeded(seed)) };
            let (interval, span) = (pace.interval(streak(&[Report::Passed])), every.mul_f64(f64::from(percent) / 100.0));
            let grain = Duration::from_nanos(2);
            prop_assert!(interval.max(SHORTEST) + span + grain >= every && interval <= every + span + grain, "{interval:?}");
            for place in 0..of {
                let (start, part) = (pace.start(place, of), every / 5 / of as u32);
                prop_assert!(start + grain * of as u32 >= part * place as u32 && start <= part * (place as u32 + 1), "{start:?}");
            }
        }
    }
}
