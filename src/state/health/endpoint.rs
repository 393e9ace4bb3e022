//! What one endpoint's answers say of it, written by every request, and where it stands, written by the detector alone.
//!
//! The two meet here so that a request need not ask anybody: it counts, and hears whether the [`Detector`](super::Detector) should
//! look. While all is well that is one addition and a few loads; the detector's lock is for failures.
//!
//! **Stragglers.** A request that began before the endpoint's last transition was sent to another endpoint, in effect: what comes back
//! from before an ejection must not fail the probe after it. So it changes nothing, and gives back its slot if it has one.
//!
//! **Probes.** An endpoint whose ejection is over is reached by as many requests at once as the knobs say. The slots in use and what
//! the probes brought are one word: who ends gives back the slot and testifies in one step. Slots outlive transitions, so a probe
//! that hangs keeps the next round that much smaller, and there are never more under way than allowed.

use super::window::Window;
use crate::protocol::Outcome;
use crate::state::checks::Checked;
use crate::sync::{AtomicU64, Ordering};
use crate::table::Outlier;
use crate::time::Instant;
use std::time::Duration;

/// The health of one endpoint. It knows no region; whoever has the endpoint shares it.
#[derive(Debug)]
pub(crate) struct Health {
    /// Where it stands in the low three bits, since when in what is left: 73 years.
    phase: AtomicU64,
    /// Failures since the last success.
    streak: AtomicU64,
    /// From how many failures in a row on the detector is asked, zero for never; above, whether times are asked for.
    asked: AtomicU64,
    /// Slots in use, and what requests said since the phase began: [`Testimony`].
    testimony: AtomicU64,
    /// What active checks say.
    checked: AtomicU64,
    window: Window,
}

const _: () = assert!(size_of::<Health>() <= 256 || cfg!(contraflow_loom));

/// Where an endpoint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Phase {
    /// In use.
    In = 0,
    /// Out of use.
    Ejected = 1,
    /// Out of use, and probes may reach it.
    HalfOpen = 2,
    /// In use, since too many others are out: one success of any request clears it.
    Doubted = 3,
    /// The same, and its time is over: probes may reach it, and a failure counts again.
    DoubtedHalfOpen = 4,
}

/// What requests said of an endpoint that is not in, since it went there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Testimony {
    pub(super) successes: u64,
    pub(super) failures: u64,
}

const PHASE_BITS: u32 = 3;

/// In [`Health::asked`]: whether times are asked for.
const TIMES: u64 = 1 << 32;

/// In [`Health::testimony`]: one slot, one failure, one success.
const SLOT: u64 = 1;
const FAILURE: u64 = 1 << 16;
const SUCCESS: u64 = 1 << 40;
const SLOTS: u64 = FAILURE - 1;
const MOST: u64 = 1 << 20;

impl Health {
    /// Of an endpoint that is in, is not checked, and of which nobody asks anything.
    pub(crate) fn new() -> Self {
        let [phase, streak, asked, testimony, checked] = [0; 5].map(AtomicU64::new);
        Health { phase, streak, asked, testimony, checked, window: Window::new() }
    }

    /// A request ended so; whether the detector should look now.
    ///
    /// `is_probe` gives back the slot that [`try_probe`](Self::try_probe) gave. Busy answers and those that say nothing change nothing
    /// else.
    #[inline]
    pub(crate) fn record(
        &self,
        outcome: Outcome,
        took: Duration,
        began: Instant,
        now: Instant,
        is_probe: bool,
    ) -> bool {
        let (phase, since) = self.phase();
        let is_success = match outcome {
            Outcome::Success => true,
            Outcome::Failure => false,
            Outcome::Busy | Outcome::Ignore => {
                if is_probe {
                    self.release_probe();
                }
                return false;
            }
        };
        let is_straggler = began < since;
        if is_probe || phase != Phase::In {
            return self.record_out(is_success, phase, is_straggler, (took, now), is_probe);
        }
        !is_straggler && self.count(is_success, took, now)
    }

    #[inline]
    fn count(&self, is_success: bool, took: Duration, now: Instant) -> bool {
        self.window.record(is_success, now);
        // Relaxed, here and for the streak: both stand alone. A failure that races with a success may come before or after it.
        let asked = self.asked.load(Ordering::Relaxed);
        if is_success {
            if self.streak.load(Ordering::Relaxed) != 0 {
                self.streak.store(0, Ordering::Relaxed);
            }
            if asked & TIMES != 0 {
                self.window.record_time(took, now);
            }
            return false;
        }
        let streak = self.streak.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let from = asked & (TIMES - 1);
        from != 0 && streak >= from
    }

    #[cold]
    fn record_out(
        &self,
        is_success: bool,
        phase: Phase,
        is_straggler: bool,
        (took, now): (Duration, Instant),
        is_probe: bool,
    ) -> bool {
        let says = match phase {
            _ if is_straggler => None,
            // It came back while the probe was under way: a request as any other.
            Phase::In => {
                self.release_probe();
                return self.count(is_success, took, now);
            }
            Phase::Ejected => None,
            // A request that chose it while it was in says no more than a straggler.
            Phase::HalfOpen if !is_probe => None,
            Phase::Doubted => is_success.then_some(SUCCESS),
            Phase::HalfOpen | Phase::DoubtedHalfOpen => Some(if is_success { SUCCESS } else { FAILURE }),
        };
        self.testify(says, is_probe);
        says.is_some()
    }

    /// Adds what was said and takes the slot back, in one step.
    fn testify(&self, says: Option<u64>, gives_back: bool) {
        let next = |word: u64| {
            let now = Testimony::of(word);
            let has_room = now.successes < MOST && now.failures < MOST;
            Some(word - if gives_back { SLOT } else { 0 } + says.filter(|_| has_room).unwrap_or(0))
        };
        // AcqRel: who takes the slot comes after what was done with it, and who reads the testimony sees what led to it.
        _ = self.testimony.fetch_update(Ordering::AcqRel, Ordering::Relaxed, next);
    }

    /// Takes a slot for a probe if the endpoint may be probed and fewer than so many are in use.
    ///
    /// It is given back by [`record`](Self::record), or by [`release_probe`](Self::release_probe) when nothing was sent.
    pub(crate) fn try_probe(&self, at_once: u32) -> bool {
        if !matches!(self.phase().0, Phase::HalfOpen | Phase::DoubtedHalfOpen) {
            return false;
        }
        let at_once = u64::from(at_once).min(SLOTS);
        let next = |word: u64| (word & SLOTS < at_once).then(|| word + SLOT);
        // Acquire pairs with the release of the slot.
        self.testimony.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok()
    }

    /// Slots in use.
    pub(crate) fn probes(&self) -> u32 {
        // Relaxed: to be shown.
        (self.testimony.load(Ordering::Relaxed) & SLOTS) as u32
    }

    /// Gives back the slot of a probe that says nothing.
    pub(crate) fn release_probe(&self) {
        debug_assert!(self.testimony.load(Ordering::Relaxed) & SLOTS > 0, "a slot is given back once");
        self.testify(None, true);
    }

    /// What active checks say from now on; whether that is news.
    pub(crate) fn set_checked(&self, checked: Checked) -> bool {
        // AcqRel: who reads it sees what the checker saw.
        self.checked.swap(checked.as_word(), Ordering::AcqRel) != checked.as_word()
    }

    /// What active checks say.
    pub(crate) fn checked(&self) -> Checked {
        Checked::from_word(self.checked.load(Ordering::Acquire))
    }

    /// Where it stands, and since when.
    #[inline]
    pub(crate) fn phase(&self) -> (Phase, Instant) {
        // Acquire pairs with `go`: who sees the phase sees that the testimony of the last one is gone.
        let word = self.phase.load(Ordering::Acquire);
        let phase = match word & ((1 << PHASE_BITS) - 1) {
            1 => Phase::Ejected,
            2 => Phase::HalfOpen,
            3 => Phase::Doubted,
            4 => Phase::DoubtedHalfOpen,
            _ => Phase::In,
        };
        (phase, Instant::from_nanos(word >> PHASE_BITS))
    }

    /// Successes and failures of the window.
    pub(crate) fn counts(&self, now: Instant) -> (u64, u64) {
        self.window.counts(now)
    }

    /// What the detector asks for from now on; nothing without knobs.
    pub(super) fn ask(&self, outlier: Option<&Outlier>) {
        let from = outlier.and_then(|outlier| outlier.consecutive).unwrap_or(0);
        let times = outlier.is_some_and(|outlier| outlier.latency.is_some());
        self.asked.store(u64::from(from) | if times { TIMES } else { 0 }, Ordering::Relaxed);
        self.window.look_back(outlier.map_or(Duration::ZERO, |outlier| outlier.window));
    }

    /// Puts it there. The detector alone does, under its lock.
    pub(super) fn go(&self, phase: Phase, now: Instant) {
        self.streak.store(0, Ordering::Relaxed);
        self.testimony.fetch_and(SLOTS, Ordering::AcqRel);
        if phase == Phase::In {
            // It is judged by what it does from here on.
            self.window.clear();
        }
        let since = now.as_nanos().min(u64::MAX >> PHASE_BITS);
        // Release pairs with `phase`.
        self.phase.store(since << PHASE_BITS | phase as u64, Ordering::Release);
    }

    pub(super) fn streak(&self) -> u64 {
        self.streak.load(Ordering::Relaxed)
    }

    /// So many failures more before the detector is asked again.
    pub(super) fn forget_streak(&self) {
        self.streak.store(0, Ordering::Relaxed);
    }

    pub(super) fn forget_window(&self) {
        self.window.clear();
    }

    pub(super) fn testimony(&self) -> Testimony {
        Testimony::of(self.testimony.load(Ordering::Acquire))
    }

    /// How long its successes took together.
    pub(super) fn micros(&self, now: Instant) -> u64 {
        self.window.micros(now)
    }
}

impl Testimony {
    fn of(word: u64) -> Self {
        Testimony { successes: word / SUCCESS, failures: word % SUCCESS / FAILURE }
    }
}
