//! The bound on the requests in flight at one place: of a route, or of a region of a cluster.
//!
//! To admit a request is one operation on one word ([`Permits`]), and so is to let it go. All else stands behind that word
//! and is looked at only where a table asks for it: partitions, priorities, a queue, an algorithm that learns. A place
//! without a limit has none of it, not even the memory.
//!
//! # Who is refused
//! When there is no room, the request that asks is refused, whatever it is; the requests that have a place keep it. So to
//! refuse the least important first, the more important must find room that the less important did not take. After a refusal
//! the *gate* is raised to the rank of who was refused: for a while the last quarter of the limit is for that rank and those
//! above. Then it comes down rank by rank. So while a rank has to be refused at all, nobody below it takes a place that it
//! would want next; and the backend does not idle meanwhile, as it would if lower ranks were shut out altogether: with one
//! important request in ten that cost two thirds of the throughput.
//!
//! A request of a partition below its guarantee has the highest rank of all. It is refused only when everything is in use, and
//! then what becomes free is kept for its partition. Others may use what it does not, and give it back within one answer.
//!
//! # What is learned
//! An algorithm sees the answers of requests that were admitted while it was in force. It runs under a lock that nobody waits
//! for: of two samples at the same moment one is left out, which biases nothing, unless it is a drop, which waits for the next.
//! A table that changes the limit's knobs leaves what is in flight and what was learned as it is; one that changes the
//! algorithm begins with the limit that was in force, unless it is a user's own.

mod ceiling;
mod status;

pub use status::{LimitStatus, PartitionStatus};

use super::gate::{Gate, HOLD, Rank};
use super::learning::Learning;
use super::partitions::{Partitions, Slot};
use super::permits::{InFlight, Permits};
use super::waiting::Waiters;
use crate::error::{Reason, Rejected};
use crate::id::Name;
use crate::protocol::Priority;
use crate::sync::{AtomicU64, OnceLock, Ordering, Padded};
use crate::table::{Algorithm, Limit, Sample, Signal};
use crate::time::{Clock, Instant};
use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

/// What bounds the requests in flight at one place.
#[derive(Debug)]
pub(crate) struct Bound {
    /// What every request touches, on lines of its own.
    hot: Padded<Hot>,
    /// What only a place with a limit has, once it has had one.
    control: OnceLock<Box<Control>>,
}

#[derive(Debug)]
struct Hot {
    permits: Permits,
    mode: AtomicU64,
    gate: Gate,
}

/// What the limit in force asks for: a set of bits, none of them without a limit.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mode(u64);

impl Mode {
    const LIMITED: Mode = Mode(1);
    /// An algorithm learns from answers.
    const LEARNS: Mode = Mode(2);
    const DARK: Mode = Mode(4);
    const PARTITIONED: Mode = Mode(8);
    const QUEUES: Mode = Mode(16);

    fn of(limit: &Limit) -> Self {
        let learns = !matches!(limit.algorithm, Algorithm::Fixed(_));
        let bits = [
            (true, Mode::LIMITED),
            (learns, Mode::LEARNS),
            (limit.is_dark, Mode::DARK),
            (!limit.partitions.is_empty(), Mode::PARTITIONED),
            (limit.queue.is_some() && !limit.is_dark, Mode::QUEUES),
        ];
        Mode(bits.into_iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, bit)| all | bit.0))
    }

    #[inline]
    fn has(self, any: u64) -> bool {
        self.0 & any != 0
    }
}

pub(crate) struct Control {
    pub(super) partitions: Partitions,
    pub(super) waiters: Waiters,
    pub(super) refusals: Refusals,
    learning: Learning,
    /// Above which no limit goes, whatever the algorithm has found.
    ceiling: AtomicU64,
    pub(super) clock: Clock,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("refusals", &self.refusals).finish_non_exhaustive()
    }
}

/// Who was not let in, counted.
#[derive(Debug)]
pub(super) struct Refusals {
    by_limit: AtomicU64,
    by_partition: AtomicU64,
    by_priority: AtomicU64,
    by_queue: AtomicU64,
    /// Left the queue before it was their turn.
    pub(super) left: AtomicU64,
    /// Let in by a limit in the dark that would have refused them.
    in_the_dark: AtomicU64,
}

/// Who asks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asker {
    pub(crate) priority: Priority,
    pub(crate) slot: Slot,
}

/// What an admitted request has of a bound. Given back by [`Bound::release`].
///
/// In one word, since every request carries it: what was in flight, the slot of its partition and one (six bits; zero for
/// none), whether it counts as waiting for its head and its answer is a sample, and a bit that is always set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission(NonZeroU64);

const SLOT_AT: u32 = InFlight::BITS;
const SLOT_MASK: u64 = (1 << 6) - 1;
const IS_SAMPLED: u64 = 1 << 62;
const IS_THERE: NonZeroU64 = NonZeroU64::new(1 << 63).expect("one bit is set");

impl Admission {
    #[inline]
    fn new(in_flight: InFlight, slot: Slot, is_sampled: bool) -> Self {
        let slot = slot.map_or(0, |slot| u64::from(slot) + 1) << SLOT_AT;
        let is_sampled = if is_sampled { IS_SAMPLED } else { 0 };
        Admission(IS_THERE | (in_flight.to_bits() | slot | is_sampled))
    }

    /// What is to be given back once the head of the answer is there.
    #[inline]
    pub(crate) fn after_head(self) -> Hold {
        Hold { slot: self.slot(), waits: false }
    }

    /// What is to be given back before.
    #[inline]
    pub(crate) fn before_head(self) -> Hold {
        Hold { slot: self.slot(), waits: self.is_sampled() }
    }

    #[inline]
    fn slot(self) -> Slot {
        (self.0.get() >> SLOT_AT & SLOT_MASK).checked_sub(1).map(|slot| slot as u8)
    }

    #[inline]
    fn is_sampled(self) -> bool {
        self.0.get() & IS_SAMPLED != 0
    }

    fn in_flight(self) -> InFlight {
        InFlight::from_bits(self.0.get())
    }
}

/// What is to be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    slot: Slot,
    waits: bool,
}

/// Why nobody was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) reason: Reason,
    /// Whether there is a queue to wait in.
    pub(crate) may_wait: bool,
}

impl Bound {
    /// No limit.
    pub(crate) fn new() -> Self {
        let hot = Hot { permits: Permits::new(), mode: AtomicU64::new(0), gate: Gate::new() };
        Bound { hot: Padded(hot), control: OnceLock::new() }
    }

    /// Puts a limit in force, or none; the slots of its partitions, by place. What is in flight stays, and what was learned.
    ///
    /// And whether anybody stands in the queue, who may begin now: to be let in with no lock held.
    #[must_use = "who stands in the queue has to be let in"]
    pub(crate) fn put(&self, limit: Option<&Limit>, clock: &Clock, seed: u64) -> (Box<[Slot]>, bool) {
        let Some(limit) = limit else {
            let is_queued = self.control().is_some_and(|control| {
                control.learning.pause(|| {
                    let is_queued = self.hot.permits.set_limit(None);
                    // Release, and after the limit: whoever finds no queue any more finds no limit either. It pairs with
                    // the fence in `BoundRef::enter`.
                    self.hot.mode.store(0, Ordering::Release);
                    is_queued
                })
            });
            return (Box::default(), is_queued);
        };
        let control = self.control.get_or_init(|| Box::new(Control::new(clock.clone())));
        let slots = control.partitions.adopt(&limit.partitions);
        if let Some(queue) = &limit.queue {
            control.waiters.configure(queue);
        }
        let is_queued = control.learning.run(&limit.algorithm, seed, |number| {
            let number = control.capped(number);
            control.partitions.resize(number);
            // Before the limit, which nobody is to be refused by if it is dark. Relaxed: a request that reads the old mode
            // is one that came before.
            self.hot.mode.store(Mode::of(limit).0, Ordering::Relaxed);
            self.hot.permits.set_limit(Some(number))
        });
        (slots, is_queued)
    }

    /// The same, and lets in who may begin.
    #[cfg(test)]
    pub(super) fn apply(&self, limit: Option<&Limit>, clock: &Clock, seed: u64) -> Box<[Slot]> {
        let (slots, is_queued) = self.put(limit, clock, seed);
        self.let_in_if(is_queued);
        slots
    }

    /// Lets a request in if the limit allows it.
    #[inline]
    pub(crate) fn admit(&self, asker: Asker, now: Instant) -> Result<Admission, Refused> {
        let mode = self.mode();
        if !mode.has(Mode::DARK.0 | Mode::PARTITIONED.0) && self.hot.gate.is_open() {
            let is_sampled = mode.has(Mode::LEARNS.0);
            if let Some(in_flight) = self.try_begin(is_sampled) {
                return Ok(Admission::new(in_flight, None, is_sampled));
            }
        }
        self.admit_by_rank(mode, asker, now)
    }

    /// The same where who asks makes a difference.
    #[inline(never)]
    fn admit_by_rank(&self, mode: Mode, asker: Asker, now: Instant) -> Result<Admission, Refused> {
        let is_sampled = mode.has(Mode::LEARNS.0);
        let Some(control) = self.control.get() else {
            // More than can be counted.
            return Err(Refused { reason: Reason::Limit, may_wait: false });
        };
        let slot = self.slot(asker);
        let rank = control.rank(asker, slot);
        let is_kept_out = self.hot.gate.keeps_out(rank, now).is_some();
        let reason = if is_kept_out {
            if let Ok(in_flight) = self.hot.permits.try_begin_aside(is_sampled) {
                return Ok(self.seated(control, in_flight, slot, is_sampled));
            }
            if slot.is_some() { Reason::Partition } else { Reason::Priority }
        } else if let Some(in_flight) = self.try_begin(is_sampled) {
            return Ok(self.seated(control, in_flight, slot, is_sampled));
        } else if slot.is_some() && rank != Rank::GUARANTEED {
            Reason::Partition
        } else {
            Reason::Limit
        };
        // Looked at anew: a table may have put another limit in force since, and it was that which refused.
        if self.is_dark()
            && let Ok(in_flight) = self.hot.permits.begin(is_sampled)
        {
            control.refusals.count_dark();
            return Ok(self.seated(control, in_flight, slot, is_sampled));
        }
        // Who is kept out for the sake of others does not wait: in an empty queue it would find the room that is kept for them.
        Err(Refused { reason, may_wait: self.queues() && !is_kept_out })
    }

    /// A place, if there is one that nobody waits for.
    #[inline]
    fn try_begin(&self, is_sampled: bool) -> Option<InFlight> {
        match self.hot.permits.try_begin(is_sampled) {
            Ok(in_flight) => Some(in_flight),
            Err(full) => {
                if full.has_ended {
                    self.let_in();
                }
                None
            }
        }
    }

    /// Who asks for a partition's part, where the limit has partitions.
    pub(super) fn slot(&self, asker: Asker) -> Slot {
        asker.slot.filter(|_| self.mode().has(Mode::PARTITIONED.0))
    }

    /// What a request has that the word has let in.
    pub(super) fn seated(&self, control: &Control, in_flight: InFlight, slot: Slot, is_sampled: bool) -> Admission {
        if let Some(slot) = slot {
            if control.partitions.is_promised(slot) {
                self.hot.gate.satisfy();
            }
            control.partitions.begin(slot);
        }
        Admission::new(in_flight, slot, is_sampled)
    }

    /// Counts one more in flight, whatever the limit; none where that cannot be counted.
    pub(crate) fn begin(&self) -> Option<Admission> {
        let in_flight = self.hot.permits.begin(false).ok()?;
        Some(Admission::new(in_flight, None, false))
    }

    /// Counts a refusal, which keeps lower ranks out for a while; what the caller is told.
    #[cold]
    pub(crate) fn refuse(&self, asker: Asker, reason: Reason, region: Option<&Name>, now: Instant) -> Rejected {
        let Some(control) = self.control.get() else { return Rejected::by_limit(reason, region, HOLD) };
        let rank = control.rank(asker, self.slot(asker));
        let kept_out = self.hot.gate.keeps_out(rank, now);
        control.refusals.count(reason);
        if kept_out.is_none() {
            self.hot.gate.raise(rank, now);
        }
        let retry_after = kept_out.or_else(|| control.learning.average()).unwrap_or(HOLD);
        Rejected::by_limit(reason, region, retry_after)
    }

    /// The head of the answer is there.
    #[inline]
    pub(crate) fn head(&self, admission: Admission) {
        if admission.is_sampled() {
            self.hot.permits.head();
        }
    }

    /// What a request showed that took so long.
    #[inline]
    pub(crate) fn sample(&self, admission: Admission, signal: Signal, took: Duration, now: Instant) {
        if admission.is_sampled() && signal != Signal::Ignored {
            let (in_flight, waiting) = (admission.in_flight().open(), admission.in_flight().waiting());
            self.learn(&Sample { now, took, in_flight, waiting, signal });
        }
    }

    /// The same of an answer that only its end could judge.
    #[cold]
    pub(crate) fn sample_late(&self, signal: Signal, took: Duration, now: Instant) {
        let (in_flight, waiting) = (self.hot.permits.open(), self.hot.permits.waiting());
        self.learn(&Sample { now, took, in_flight, waiting, signal });
    }

    #[inline(never)]
    fn learn(&self, sample: &Sample) {
        let Some(control) = self.control().filter(|_| self.learns()) else { return };
        let is_queued = control.learning.observe(sample, |limit| {
            let limit = control.capped(limit);
            // An older sample may come when there is no limit any more, or one that does not learn.
            if !self.learns() || self.hot.permits.limit() == Some(limit) {
                return false;
            }
            control.partitions.resize(limit);
            self.hot.permits.set_limit(Some(limit))
        });
        self.let_in_if(is_queued == Some(true));
    }

    /// Gives back what a request held.
    #[inline]
    pub(crate) fn release(&self, hold: Hold) {
        if let Some(slot) = hold.slot
            && let Some(control) = self.control.get()
        {
            control.partitions.end(slot);
        }
        if self.hot.permits.end(hold.waits) {
            self.let_in();
        }
    }

    /// With no lock held: whoever is let in is woken.
    fn let_in_if(&self, is_queued: bool) {
        if is_queued {
            self.let_in();
        }
    }

    /// Whether one more request would be let in, as far as the number goes.
    pub(crate) fn has_room(&self) -> bool {
        self.is_dark() || self.hot.permits.limit().is_none_or(|limit| self.in_flight() < limit)
    }

    /// Requests in flight.
    #[inline]
    pub(crate) fn in_flight(&self) -> u32 {
        self.hot.permits.open()
    }

    #[inline]
    fn mode(&self) -> Mode {
        // Relaxed: see `apply`.
        Mode(self.hot.mode.load(Ordering::Relaxed))
    }

    #[inline]
    pub(super) fn permits(&self) -> &Permits {
        &self.hot.permits
    }

    pub(super) fn control(&self) -> Option<&Control> {
        self.control.get().map(|control| &**control)
    }

    /// Whether who is refused may wait now.
    pub(super) fn queues(&self) -> bool {
        self.mode().has(Mode::QUEUES.0)
    }

    /// Whether nobody is refused now.
    pub(super) fn is_dark(&self) -> bool {
        self.mode().has(Mode::DARK.0)
    }

    /// Whether answers are samples now.
    pub(super) fn learns(&self) -> bool {
        self.mode().has(Mode::LEARNS.0)
    }
}

impl Control {
    /// Who goes first.
    fn rank(&self, asker: Asker, slot: Slot) -> Rank {
        let is_promised = slot.is_some_and(|slot| self.partitions.is_promised(slot));
        if is_promised { Rank::GUARANTEED } else { Rank::from(asker.priority) }
    }

    fn new(clock: Clock) -> Self {
        Control {
            partitions: Partitions::new(),
            waiters: Waiters::new(),
            refusals: Refusals::new(),
            learning: Learning::new(),
            ceiling: AtomicU64::new(u64::MAX),
            clock,
        }
    }
}

impl Refusals {
    fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Refusals {
            by_limit: zero(),
            by_partition: zero(),
            by_priority: zero(),
            by_queue: zero(),
            left: zero(),
            in_the_dark: zero(),
        }
    }

    pub(super) fn count_dark(&self) {
        // Relaxed: a figure that is shown.
        self.in_the_dark.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self, reason: Reason) {
        let count = match reason {
            Reason::Partition => &self.by_partition,
            Reason::Priority => &self.by_priority,
            Reason::Queue => &self.by_queue,
            _ => &self.by_limit,
        };
        // Relaxed: a figure that is shown.
        count.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests;
