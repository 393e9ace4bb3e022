//! A low limit for a moment, to see the base: when, how low, and what is learned.
//!
//! `LEDBAT++` calls it a slowdown, BBR a probe of the round trip. The limit goes to a quarter until the queue is gone and
//! enough answers came. The first drain of a process goes on until the latency stops falling: after a cold start inside an
//! overload all clients drain together, which is the one time when many of them can see the base. Later ones are alone,
//! and see the queue of the others.

use super::window::{Window, later};
use crate::time::Instant;

/// The part of the limit that a drain keeps. At a half, two or three clients do not see the base.
pub(super) const KEPT: f64 = 0.25;
/// What the first drain keeps of its limit while the latency still falls.
pub(super) const KEPT_ON: f64 = 0.4;
/// Latencies until the queue of before is gone.
pub(super) const SETTLE: f64 = 2.0;
/// A limit below this has nothing to drain.
pub(super) const LEAST: f64 = 2.5;

/// The time between two drains while the limit binds, nanoseconds; at random by a quarter more or less, so that the drains of
/// two clients do not stay in step.
const PERIOD: f64 = 15e9;
/// And not more often than once in so many bases: a drain takes about twelve, at a quarter of the limit, so about a tenth
/// is lost. It is longer than the period for a base above 150 ms, and than the first waits above 20 ms. Without it a client
/// alone lost a third of the throughput of a server with 1 s for an answer.
const PERIOD_BASES: f64 = 100.0;
/// The first wait, which doubles up to the period. It also follows the base that a trial found.
const FIRST_WAIT: f64 = 1e9;

/// Samples of a mean that count as no more than these: an exponential mean of 20 is off by 22 %, of 128 by 9 %.
const FEWEST: u32 = 20;
const MOST: u32 = 128;
/// The first drain's windows: six for each one of the limit, at least 24, since its answer is kept for long.
const FIRST_FEWEST: u32 = 24;

/// The latency still falls if it is below this part of the window before.
const FALLS: f64 = 0.85;
/// Two windows agree if each is above this part of the other.
const AGREES: f64 = 0.75;
const MOST_ROUNDS: u32 = 10;

/// Many samples may raise the base, at the first drain, to this multiple.
const FIRST_RISE: f64 = 1.4;
const MANY: f64 = 100.0;
/// The part of the way up or down to a mean that agrees with the base.
const AGREED: f64 = 0.3;

/// The excess over the base that the own drain takes away, above which the queue is ours.
const OWNS: f64 = 0.4;
/// Drains that are told of it before it is believed, and at most.
const BELIEVED: u32 = 3;
const REMEMBERED: u32 = 4;
/// A drain tells of it only if the usual latency was above this multiple of the base.
const EXCESS: f64 = 1.3;

/// A drain that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drain {
    /// The limit before it.
    pub(super) before: f64,
    /// The usual latency before it.
    pub(super) usual: f64,
    /// What the last window showed, nanoseconds.
    pub(super) latency: f64,
    pub(super) windows: u32,
}

/// What to do after a window of a drain.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    /// Another window.
    Again,
    /// Another, at a limit that is lower still.
    Lower,
    /// This mean of so many samples is what was wanted.
    Done { latency: f64, samples: f64 },
}

impl Drain {
    /// Whether a window has enough samples under this limit.
    pub(super) fn is_full(&self, samples: u32, limit: u32, is_first: bool) -> bool {
        let enough = if is_first {
            (limit * 6).clamp(FIRST_FEWEST, MOST)
        } else {
            (self.before as u32 * 2).clamp(FEWEST, 32).max(limit * 5).min(MOST)
        };
        samples >= enough
    }

    /// Takes a window.
    pub(super) fn gathered(&mut self, window: &Window, is_first: bool) -> Next {
        let (latency, was) = (window.mean_latency(), self.latency);
        let (samples, windows) = (f64::from(window.samples), self.windows);
        if windows >= MOST_ROUNDS || !is_first {
            return Next::Done { latency, samples };
        }
        let falls = windows > 0 && latency < FALLS * was;
        if falls || windows < 2 {
            (self.latency, self.windows) = (latency, windows + 1);
            return if falls { Next::Lower } else { Next::Again };
        }
        if latency < AGREES * was || was < AGREES * latency {
            return Next::Done { latency: latency.min(was), samples };
        }
        Next::Done { latency: 0.5 * (latency + was), samples: 2.0 * samples }
    }
}

/// When the next drain is, and what those before showed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drains {
    next: Instant,
    /// From one to the next, nanoseconds.
    wait: f64,
    /// Whether the next congestion is reason enough: none was since the start, or since a trial found a new base.
    pub(super) is_due_at_congestion: bool,
    /// Whether none ended yet.
    pub(super) is_first: bool,
    /// Drains that told whose queue it is.
    told: u32,
    /// The part of the excess that they took away, on average.
    own: f64,
}

impl Drains {
    pub(super) fn new() -> Self {
        Drains { next: Instant::START, wait: FIRST_WAIT, is_due_at_congestion: true, is_first: true, told: 0, own: 0.0 }
    }

    /// The base became known: `chance` is 0..1.
    pub(super) fn begin(&mut self, now: Instant, chance: f64) {
        self.next = later(now, FIRST_WAIT * (0.7 + 0.3 * chance));
    }

    /// A trial found another base: begins anew with it.
    pub(super) fn renew(&mut self, now: Instant) {
        (self.is_due_at_congestion, self.wait) = (true, FIRST_WAIT);
        self.next = later(now, FIRST_WAIT);
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now > self.next
    }

    /// Sets the time of the one after that which is due, whether or not it takes place.
    pub(super) fn schedule(&mut self, now: Instant, base: f64, chance: f64) {
        self.wait = (self.wait * 2.0).min(PERIOD);
        self.next = later(now, self.wait.max(PERIOD_BASES * base) * (0.75 + 0.5 * chance));
    }

    /// Whether the queue in the server is ours: it went away with our own drains.
    pub(super) fn own_the_queue(&self) -> bool {
        self.told >= BELIEVED && self.own > OWNS
    }

    /// The base after a drain that saw this mean of so many samples.
    pub(super) fn learn(&mut self, base: f64, drain: &Drain, latency: f64, samples: f64) -> f64 {
        // One standard error of a mean of exponential answers.
        let error = 1.0 / samples.sqrt();
        let is_first = std::mem::take(&mut self.is_first);
        if !is_first && drain.usual > EXCESS * base {
            let own = ((drain.usual - latency) / (drain.usual - base)).clamp(-1.0, 1.5);
            self.told = (self.told + 1).min(REMEMBERED);
            self.own += (own - self.own) / f64::from(self.told);
        }
        if latency < (1.0 - 2.0 * error) * base {
            // The lowest of many means is too low by about one error.
            latency * (1.0 + error)
        } else if is_first {
            latency.min(if samples >= MANY { FIRST_RISE } else { 1.0 } * base)
        } else if latency < (1.0 + error) * base {
            base + AGREED * (latency - base)
        } else {
            base
        }
    }
}
