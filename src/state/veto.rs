//! The operator's word on a region: not there, until then.
//!
//! One word per region *name*, shared by every cluster that has a region of that name and by every snapshot, so one store
//! takes a region out for all of them at once, for requests that pinned an older table too. It holds the moment the
//! evacuation expires: nobody has to run for it to end.

use crate::sync::{AtomicU64, Ordering, Padded};
use crate::time::Instant;

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

/// Until when a region may not be used.
#[derive(Debug)]
pub(crate) struct Veto(AtomicU64);

impl Veto {
    pub(crate) fn new() -> Self {
        Veto(AtomicU64::new(Instant::START.as_nanos()))
    }

    /// Takes the region out until then; [`Instant::START`] lets it back.
    pub(crate) fn set(&self, until: Instant) {
        // Release: an attempt that reads the word also sees what the operator did before. It pairs with `until`.
        self.0.store(until.as_nanos(), Ordering::Release);
    }

    /// Until when the region is out; a moment that has passed when it is not.
    #[inline]
    pub(crate) fn until(&self) -> Instant {
        // Acquire pairs with `set`.
        Instant::from_nanos(self.0.load(Ordering::Acquire))
    }

    /// Whether the region may not be used now.
    #[inline]
    pub(crate) fn forbids(&self, now: Instant) -> bool {
        now < self.until()
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
            let operator = {
                let (veto, latest) = (veto.clone(), latest.clone());
                loom::thread::spawn(move || {
                    veto.set(Instant::NEVER);
                    latest.extend(Instant::NEVER);
                })
            };
            let now = Instant::from_nanos(1);
            assert!(latest.is_over(now) || veto.forbids(now));
            operator.join().expect("the operator does not panic");
            assert!(!latest.is_over(now) && veto.forbids(now));
        });
    }
}
