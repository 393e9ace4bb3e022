//! What all requests of a route share, if the route has a limit or is hedged.

use super::bound::Bound;
use super::budget::{Deposit, Tokens};
use super::latencies::Latencies;
use super::partitions::Slot;
use crate::sync::{Arc, AtomicU64, OnceLock, Ordering};
use crate::time::Instant;
use crate::unit::Ratio;

/// The state of one route: found by its name when a table is published, by place in a request.
#[derive(Debug)]
pub(crate) struct RouteState {
    pub(crate) bound: Bound,
    /// What only a route that is hedged has, once it is.
    hedging: OnceLock<Box<Hedging>>,
}

/// What a route's hedges are made by.
#[derive(Debug)]
pub(crate) struct Hedging {
    /// How long its answers take.
    pub(crate) latencies: Latencies,
    /// The part of its requests that may be sent twice.
    ///
    /// Slow answers come in pairs by chance, so some has to be saved up; and the part has to hold over any ten seconds. So most
    /// of it is paid in, and as much as a second's requests are worth is saved up, at least one.
    allowance: Tokens,
    pace: Pace,
}

/// The part of what a request may add that is paid in for it.
const PAID_IN: f64 = 0.85;

impl Hedging {
    fn new() -> Self {
        Hedging { latencies: Latencies::new(), allowance: Tokens::new(), pace: Pace::new() }
    }

    /// A request came: it adds its part.
    pub(crate) fn request(&self, max_extra: Ratio, now: Instant) {
        self.pace.count(now);
        self.allowance.deposit(Deposit::ratio(max_extra.get() * PAID_IN, self.saved_up(max_extra)));
    }

    /// Whether one more hedge is within the part, which it then takes. It is not given back: a hedge that nobody can take is
    /// a reason for fewer.
    pub(crate) fn allows(&self, max_extra: Ratio, now: Instant) -> bool {
        self.allowance.withdraw(1, self.saved_up(max_extra), None, now).is_some()
    }

    fn saved_up(&self, max_extra: Ratio) -> u32 {
        (max_extra.get() * self.pace.per_second() as f64).clamp(1.0, 1000.0) as u32
    }
}

/// How many requests came in the last whole second.
#[derive(Debug)]
struct Pace {
    /// The second that it is, above 2^32 requests of it.
    current: AtomicU64,
    last: AtomicU64,
}

impl Pace {
    fn new() -> Self {
        Pace { current: AtomicU64::new(0), last: AtomicU64::new(0) }
    }

    fn count(&self, now: Instant) {
        let second = now.as_nanos() / 1_000_000_000;
        // Relaxed: a rough measure. Whoever comes at the turn of a second may be left out.
        let word = self.current.load(Ordering::Relaxed);
        if word >> 32 == second {
            self.current.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let next = second << 32 | 1;
        if self.current.compare_exchange(word, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let last = if (word >> 32) + 1 == second { word & u64::from(u32::MAX) } else { 0 };
            self.last.store(last, Ordering::Relaxed);
        }
    }

    fn per_second(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }
}

impl RouteState {
    pub(super) fn new() -> Self {
        RouteState { bound: Bound::new(), hedging: OnceLock::new() }
    }

    /// From now on the route is hedged.
    pub(super) fn hedge(&self) {
        self.hedging.get_or_init(|| Box::new(Hedging::new()));
    }

    /// What its hedges are made by, if it is hedged.
    pub(crate) fn hedging(&self) -> Option<&Hedging> {
        self.hedging.get().map(|hedging| &**hedging)
    }
}

/// A route's state in one snapshot.
#[derive(Debug)]
pub(crate) struct RouteHandle {
    pub(crate) state: Arc<RouteState>,
    /// Of the partitions of the table's limit, by place.
    pub(crate) slots: Box<[Slot]>,
}
