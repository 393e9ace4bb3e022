//! The only clock.
//!
//! Core code never asks what time it is: it is told, as an [`Instant`] argument. The shell reads a [`Clock`], which is
//! the machine's monotonic clock or, in tests, one that is moved by hand. Wall-clock time is not used anywhere: an
//! operator who sets the machine's date changes nothing here.

use crate::sync::{Arc, AtomicU64, Ordering};
use std::time::Duration;

/// A moment, in nanoseconds since its clock began. Moments of different clocks cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The moment the clock began.
    pub const START: Instant = Instant(0);
    /// A moment that never comes (after 584 years).
    pub const NEVER: Instant = Instant(u64::MAX);

    /// The moment so many nanoseconds after the clock began.
    pub const fn from_nanos(nanos: u64) -> Self {
        Instant(nanos)
    }

    /// Nanoseconds since the clock began.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment `delay` later, at most [`Instant::NEVER`].
    pub fn after(self, delay: Duration) -> Self {
        Instant(self.0.saturating_add(nanos(delay)))
    }
}

/// A duration in nanoseconds, at most `u64::MAX` (584 years).
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Where time comes from. Cheap to clone; clones agree.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Std(std::time::Instant),
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's monotonic clock, beginning now.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn std() -> Self {
        Clock(Source::Std(std::time::Instant::now()))
    }

    /// A clock that stands still until its [`ManualClock`] moves it.
    ///
    /// ```
    /// use contraflow::time::{Clock, Instant};
    /// use std::time::Duration;
    ///
    /// let (clock, hand) = Clock::manual();
    /// assert_eq!(clock.now(), Instant::START);
    /// hand.advance(Duration::from_secs(3));
    /// assert_eq!(clock.now().since(Instant::START), Duration::from_secs(3));
    /// ```
    pub fn manual() -> (Self, ManualClock) {
        let nanos = Arc::new(AtomicU64::new(0));
        (Clock(Source::Manual(nanos.clone())), ManualClock(nanos))
    }

    /// What time it is.
    #[inline]
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::Std(origin) => Instant(nanos(origin.elapsed())),
            // Relaxed: the reading publishes nothing else; whoever moves the hand orders their own effects.
            Source::Manual(nanos) => Instant(nanos.load(Ordering::Relaxed)),
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock::std()
    }
}

/// The hand of a manual clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        // Relaxed, here and below: see `Clock::now`.
        self.0.fetch_add(nanos(by), Ordering::Relaxed);
    }

    /// Moves the clock to `moment`, or leaves it when it is already past that: the clock never goes back.
    pub fn advance_to(&self, moment: Instant) {
        self.0.fetch_max(moment.0, Ordering::Relaxed);
    }
}
