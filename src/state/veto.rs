//! The operator's word on a region: not there, until then.
//!
//! A few words per region *name*, shared by every cluster that has a region of that name and by every snapshot, so one store
//! takes a region out for all of them at once, for requests that pinned an older table too. They hold moments: when the region began
//! to be left, when it is empty, when it comes back. Nobody has to run for any of that to happen, and how much of its share a region
//! has at a moment is a function of them alone, so no swap restarts or skips a ramp.
//!
//! ```text
//! ceiling  1 ‾‾‾‾‾\                    /‾‾‾‾
//!                  \                  /
//!          0        \________________/
//!              since  empty      until  until + ramp
//! ```

use super::ramp::passed;
use crate::sync::{AtomicU64, Ordering, Padded};
use crate::time::Instant;
use std::time::Duration;

/// Until when any region at all is out, or was before it was let back early: once that has passed, a request need not look at
/// the region's own word, which it would have to fetch from wherever that region's state is.
#[derive(Debug)]
pub(crate) struct LatestVeto(Padded<AtomicU64>);

impl LatestVeto {
    pub(crate) fn new() -> Self {
        LatestVeto(Padded(AtomicU64::new(Instant::START.as_nanos())))
    }

    /// Some region is out until then. To be called after that region's word is set.
    pub(crate) fn extend(&self, until: Instant) {
        // Release pairs with `is_over`: whoever sees this moment sees the region's word too.
        self.0.fetch_max(until.as_nanos(), Ordering::Release);
    }

    /// Whether surely no region is out now.
    #[inline]
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        Instant::from_nanos(self.0.load(Ordering::Acquire)) <= now
    }
}

/// When a region may not be used.
#[derive(Debug)]
pub(crate) struct Veto {
    /// From when on its share goes down, and from when on it has none: both have passed, or are the beginning of time, where it went
    /// at once.
    since: AtomicU64,
    empty: AtomicU64,
    /// When it begins to come back.
    until: AtomicU64,
}

impl Veto {
    pub(crate) fn new() -> Self {
        let start = || AtomicU64::new(Instant::START.as_nanos());
        Veto { since: start(), empty: start(), until: start() }
    }

    /// Takes the region out until then: at once, or by degrees over so long. One that is out already stays out.
    pub(crate) fn set(&self, now: Instant, over: Duration, until: Instant) {
        if over.is_zero() {
            self.empty.store(Instant::START.as_nanos(), Ordering::Relaxed);
        } else if !self.forbids(now) {
            self.since.store(now.as_nanos(), Ordering::Relaxed);
            self.empty.store(now.after(over).as_nanos(), Ordering::Relaxed);
        }
        // Release: an attempt that reads the word also sees what the operator did before. It pairs with `until`.
        self.until.store(until.as_nanos(), Ordering::Release);
    }

    /// Lets the region back by degrees, if it is out or on the way.
    pub(crate) fn lift(&self, now: Instant) {
        if now < self.until() {
            self.until.store(now.as_nanos(), Ordering::Release);
        }
    }

    /// When the region begins to come back; a moment that has passed when it is not out, nor on the way.
    #[inline]
    pub(crate) fn until(&self) -> Instant {
        // Acquire pairs with `set`.
        Instant::from_nanos(self.until.load(Ordering::Acquire))
    }

    /// Whether the region may not be used now.
    #[inline]
    pub(crate) fn forbids(&self, now: Instant) -> bool {
        now < self.until() && Instant::from_nanos(self.empty.load(Ordering::Relaxed)) <= now
    }

    /// The part of its share that the region may have now, of `steps`, if it comes back over so long; and when that changes next.
    pub(crate) fn ceiling(&self, steps: u64, ramp: Duration, now: Instant) -> (u64, Instant) {
        let until = self.until();
        if until == Instant::START {
            return (steps, Instant::NEVER);
        }
        if now < until {
            let (left, next) = self.left(steps, now);
            return (left, next.min(until));
        }
        // What it still had when it was called back.
        let (from, _) = self.left(steps, until);
        let (gone, next) = passed(steps - from, until, ramp, now);
        (from + gone, next)
    }

    /// What is left of its share at a moment before it comes back.
    fn left(&self, steps: u64, at: Instant) -> (u64, Instant) {
        let read = |word: &AtomicU64| Instant::from_nanos(word.load(Ordering::Relaxed));
        let (since, empty) = (read(&self.since), read(&self.empty));
        if empty <= at {
            return (0, Instant::NEVER);
        }
        let (gone, next) = passed(steps, since, empty.since(since), at);
        (steps - gone, next)
    }
}

#[cfg(all(test, contraflow_loom))]
mod loom_tests {
    use super::*;
    use crate::sync::Arc;

    /// I-23: whoever sees that some region is out sees which.
    #[test]
    fn loom_a_veto_is_seen_with_the_moment_that_announces_it() {
        loom::model(|| {
            let (veto, latest) = (Arc::new(Veto::new()), Arc::new(LatestVeto::new()));
            let now = Instant::from_nanos(1);
            let operator = {
                let (veto, latest) = (veto.clone(), latest.clone());
                loom::thread::spawn(move || {
                    veto.set(now, Duration::ZERO, Instant::NEVER);
                    latest.extend(Instant::NEVER);
                })
            };
            assert!(latest.is_over(now) || veto.forbids(now));
            operator.join().expect("the operator does not panic");
            assert!(!latest.is_over(now) && veto.forbids(now));
        });
    }
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STEPS: u64 = 64;

    fn at(seconds: u64) -> Instant {
        Instant::START.after(Duration::from_secs(seconds))
    }

    fn ceiling(veto: &Veto, seconds: u64) -> u64 {
        veto.ceiling(STEPS, Duration::from_secs(120), at(seconds)).0
    }

    #[test]
    fn a_region_that_was_never_out_has_all_of_its_share() {
        let veto = Veto::new();
        assert_eq!((ceiling(&veto, 0), ceiling(&veto, 1000)), (STEPS, STEPS));
        veto.lift(at(5));
        assert_eq!(ceiling(&veto, 6), STEPS);
    }

    #[test]
    fn it_goes_by_degrees_and_comes_back_by_degrees() {
        let veto = Veto::new();
        veto.set(at(100), Duration::from_secs(64), at(300));
        let shares: Vec<_> =
            [100, 132, 163, 164, 299, 300, 360, 420, 9999].iter().map(|&t| ceiling(&veto, t)).collect();
        assert_eq!(shares, [64, 32, 1, 0, 0, 0, 32, 64, 64]);
        assert!(!veto.forbids(at(163)) && veto.forbids(at(164)) && !veto.forbids(at(300)));
    }

    #[test]
    fn one_that_is_called_back_on_the_way_goes_on_from_what_it_had() {
        let veto = Veto::new();
        veto.set(at(100), Duration::from_secs(64), at(300));
        veto.lift(at(132));
        assert_eq!([132, 192, 252].map(|t| ceiling(&veto, t)), [32, 48, 64]);
    }

    #[test]
    fn one_that_is_out_stays_out_when_it_is_taken_out_by_degrees() {
        let veto = Veto::new();
        veto.set(at(100), Duration::ZERO, at(300));
        veto.set(at(200), Duration::from_secs(60), at(900));
        assert!(veto.forbids(at(201)));
        assert_eq!(ceiling(&veto, 201), 0);
    }

    proptest! {
        #![proptest_config(crate::property_config())]

        /// I-26: a ramp is a function of the moments alone, falls only on the way out and rises only on the way back, and says when
        /// it changes.
        #[test]
        fn a_ramp_is_a_function_of_its_moments(over in 0u64..100, stay in 0u64..200, ramp in 0u64..100, looks in 1u64..50) {
            let veto = Veto::new();
            veto.set(at(10), Duration::from_secs(over), at(10 + stay));
            let ramp = Duration::from_secs(ramp);
            let (mut before, mut was_out) = (if stay > 0 { STEPS } else { 0 }, stay > 0);
            for look in 0..400 * looks / 10 {
                let now = at(10).after(Duration::from_millis(look * 10_000 / looks));
                let (share, next) = veto.ceiling(STEPS, ramp, now);
                let is_out = now < at(10 + stay);
                // Between two looks it may have turned.
                let has_turned = std::mem::replace(&mut was_out, is_out) != is_out;
                let is_right = has_turned || if is_out { share <= before } else { share >= before };
                prop_assert!(is_right, "{before}, then {share}");
                let (same, _) = veto.ceiling(STEPS, ramp, Instant::from_nanos(next.as_nanos() - 1));
                prop_assert!(next > now && (next == Instant::NEVER || same == share), "{share} until {next:?}");
                before = share;
            }
        }
    }
}
