//! The life of one region: up, failing, holding, returning.
//!
//! Health lowers a region's share at once and by degrees, elsewhere. What is decided here is how a region is left that is too sick
//! to serve at all, and the way back, which health alone must not open: the region's caches are cold, its connections are gone,
//! and what broke may break again. Without a hold a link that heals and breaks each second moves all traffic each second; without a
//! ramp the first good answer brings a flood.
//!
//! ```text
//!            health < fail_below              health >= recover_above
//!       Up ─────────────────────▶ Failing ─────────────────────────▶ Holding
//!        ▲                         ▲  ▲                                │  │
//!        │ after `ramp`            │  └── health < recover_above ──────┘  │ after `hold`
//!        │                         │                                      ▼
//!        └───────────────────── Returning ◀───────────────────────────────┘
//!                                  └── health < recover_above: Failing, and the next hold is twice as long
//! ```
//!
//! What a region may have is a ceiling on its part, a function of when the phase began and of now: nobody has to run for it, and a
//! swapped table neither restarts a ramp nor skips it. In the gap between the two thresholds nothing ever changes, and since each
//! failure but the first comes after a hold, there is at most one for each hold of time (I-25).

use super::parts::{WHOLE, part_of_ratio, proportional};
use super::ramp::passed;
use crate::table::Failover;
use crate::time::Instant;
use std::fmt;
use std::time::Duration;

/// Steps of a ramp.
const STEPS: u64 = 64;

/// Where a region is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    #[default]
    Up,
    /// Left by degrees, from the ceiling that it had.
    Failing {
        since: Instant,
        from: u64,
    },
    /// Well again, and not yet believed: the drain that had begun goes on.
    Holding {
        since: Instant,
        failing: Instant,
        from: u64,
    },
    Returning {
        since: Instant,
    },
}

/// The name of a phase, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegionPhase {
    /// It has what its health and its rank give it.
    Up,
    /// It is too sick to serve and loses what it has.
    Failing,
    /// It is well again, and has to stay so for a while.
    Holding,
    /// It gets its part back by degrees.
    Returning,
}

impl fmt::Display for RegionPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RegionPhase::Up => "up",
            RegionPhase::Failing => "failing",
            RegionPhase::Holding => "holding",
            RegionPhase::Returning => "returning",
        })
    }
}

/// A region went from one phase to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Transition {
    pub(crate) from: RegionPhase,
    pub(crate) to: RegionPhase,
    /// The part of it that was well.
    pub(crate) health: u64,
    /// The hold that it has to pass before it returns.
    pub(crate) hold: Duration,
}

/// One region's life.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Life {
    phase: Phase,
    /// How often it failed in a row: the hold doubles with each but the first.
    failures: u32,
    /// Since when it is up, if it was ever away.
    up_since: Option<Instant>,
}

impl Life {
    pub(crate) fn phase(&self) -> RegionPhase {
        match self.phase {
            Phase::Up => RegionPhase::Up,
            Phase::Failing { .. } => RegionPhase::Failing,
            Phase::Holding { .. } => RegionPhase::Holding,
            Phase::Returning { .. } => RegionPhase::Returning,
        }
    }

    /// How long it has to be well before it returns.
    pub(crate) fn hold(&self, knobs: &Failover) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(31);
        knobs.hold.saturating_mul(1 << doublings).min(knobs.max_hold)
    }

    /// Lives up to now with this health: the transitions in their order, several when nobody looked for long.
    pub(crate) fn observe(&mut self, health: u64, now: Instant, knobs: &Failover) -> Vec<Transition> {
        let mut transitions = Vec::new();
        let (fail_below, recover_above) =
            (part_of_ratio(knobs.fail_below.get()), part_of_ratio(knobs.recover_above.get()));
        loop {
            let from = self.phase();
            match self.phase {
                Phase::Up if health < fail_below => {
                    self.forget(now, knobs);
                    self.fail(WHOLE, now);
                }
                Phase::Failing { since, from } if health >= recover_above => {
                    self.phase = Phase::Holding { since: now, failing: since, from };
                }
                // The end of a hold, even one that nobody saw, needs health at that end: a dip now is all that is known.
                Phase::Holding { failing, from, .. } if health < recover_above => {
                    self.phase = Phase::Failing { since: failing, from };
                }
                Phase::Holding { since, .. } if since.after(self.hold(knobs)) <= now => {
                    self.phase = Phase::Returning { since: since.after(self.hold(knobs)) };
                }
                Phase::Returning { since } if since.after(knobs.ramp) <= now => {
                    (self.phase, self.up_since) = (Phase::Up, Some(since.after(knobs.ramp)));
                }
                Phase::Returning { .. } if health < recover_above => self.fail(self.ceiling(now, knobs), now),
                _ => return transitions,
            }
            let (to, hold) = (self.phase(), self.hold(knobs));
            transitions.push(Transition { from, to, health, hold });
        }
    }

    fn fail(&mut self, from: u64, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Failing { since: now, from };
    }

    /// One failure is forgotten for each hold that it has been up.
    fn forget(&mut self, now: Instant, knobs: &Failover) {
        let Some(mut since) = self.up_since else { return };
        while self.failures > 0 {
            since = since.after(self.hold(knobs).max(Duration::from_millis(1)));
            if since > now {
                return;
            }
            self.failures -= 1;
        }
    }

    /// The part of its share that it may have now.
    pub(crate) fn ceiling(&self, now: Instant, knobs: &Failover) -> u64 {
        match self.phase {
            Phase::Up => WHOLE,
            Phase::Failing { since, from } | Phase::Holding { failing: since, from, .. } => {
                from - proportional(from, steps(since, knobs.drain, now), STEPS)
            }
            Phase::Returning { since } => proportional(WHOLE, steps(since, knobs.ramp, now), STEPS),
        }
    }

    /// When it goes to another phase by itself next, if it stays as well.
    pub(crate) fn next_transition(&self, now: Instant, knobs: &Failover) -> Instant {
        match self.phase {
            Phase::Up | Phase::Failing { .. } => Instant::NEVER,
            Phase::Holding { since, .. } => since.after(self.hold(knobs)).max(now),
            Phase::Returning { since } => since.after(knobs.ramp).max(now),
        }
    }

    /// When something changes by itself next.
    pub(crate) fn next_change(&self, now: Instant, knobs: &Failover) -> Instant {
        match self.phase {
            Phase::Failing { since, from } if from > 0 => next_step(since, knobs.drain, now),
            Phase::Up | Phase::Failing { .. } => Instant::NEVER,
            Phase::Holding { since, failing, from } => {
                let drain = if from > 0 { next_step(failing, knobs.drain, now) } else { Instant::NEVER };
                since.after(self.hold(knobs)).min(drain)
            }
            Phase::Returning { since } => next_step(since, knobs.ramp, now).min(since.after(knobs.ramp)),
        }
    }
}

/// How many steps of a time that began then have passed.
fn steps(since: Instant, time: Duration, now: Instant) -> u64 {
    passed(STEPS, since, time, now).0
}

/// When the next does; never, when all have.
fn next_step(since: Instant, time: Duration, now: Instant) -> Instant {
    passed(STEPS, since, time, now).1
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests;
