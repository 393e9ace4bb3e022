//! What all requests of a route share, if the route has a limit or is hedged.

use super::bound::Bound;
use super::budget::{Deposit, Tokens};
use super::latencies::Latencies;
use super::partitions::Slot;
use crate::sync::{Arc, OnceLock};
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
    /// The part of its requests that may be sent twice. One at most is saved up, so that the part holds over any time.
    allowance: Tokens,
}

impl Hedging {
    /// A request came: it adds its part.
    pub(crate) fn request(&self, max_extra: Ratio) {
        self.allowance.deposit(Deposit::ratio(max_extra.get(), 1));
    }

    /// Whether one more hedge is within the part, which it then takes. It is not given back: a hedge that nobody can take is
    /// a reason for fewer.
    pub(crate) fn allows(&self, now: Instant) -> bool {
        self.allowance.withdraw(1, 1, None, now).is_some()
    }
}

impl RouteState {
    pub(super) fn new() -> Self {
        RouteState { bound: Bound::new(), hedging: OnceLock::new() }
    }

    /// From now on the route is hedged.
    pub(super) fn hedge(&self) {
        self.hedging.get_or_init(|| Box::new(Hedging { latencies: Latencies::new(), allowance: Tokens::new() }));
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
