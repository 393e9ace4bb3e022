//! What all endpoints of a region share.

use super::bound::Bound;
use super::budget::{Budget, Deposit, StoredDeposit, Tokens};
use super::rate::Rate;
use super::veto::Veto;
use crate::protocol::Priority;
use crate::sync::{Arc, AtomicU64, OnceLock, Ordering, Padded};
use crate::table::RetryBudget;
use crate::time::{Clock, Instant};
use std::time::Duration;

/// What the endpoints of a region share.
#[derive(Debug)]
pub(crate) struct RegionState {
    /// Counts and bounds its requests in flight, to the end of their bodies.
    pub(crate) bound: Bound,
    /// Bounds the requests a second that it is sent, if a capacity says so.
    rate: OnceLock<Box<Rate>>,
    tickets: Padded<AtomicU64>,
    /// The region's share of its cluster's retry budget.
    share: Tokens,
    budget: Arc<Budget>,
    /// What a success pays in, by the table in force.
    deposit: StoredDeposit,
    veto: Arc<Veto>,
    clock: Clock,
}

impl RegionState {
    /// A region whose round robin begins at `first_ticket`: at random, so that many young processes do not all begin with
    /// the same endpoint. Nothing here reads the clock: it is kept for guards that outlive their table.
    pub(crate) fn new(veto: Arc<Veto>, first_ticket: u64, clock: Clock, budget: Arc<Budget>) -> Self {
        let tickets = Padded(AtomicU64::new(first_ticket));
        let deposit = StoredDeposit::new();
        RegionState {
            bound: Bound::new(),
            rate: OnceLock::new(),
            tickets,
            share: Tokens::new(),
            budget,
            deposit,
            veto,
            clock,
        }
    }

    /// From now on successes pay in by this policy.
    pub(super) fn set_budget(&self, policy: &RetryBudget) {
        self.deposit.set(Deposit::of(policy));
    }

    /// Takes one of the requests a second that it is sent; else how long it is until one of this priority may go there.
    #[inline]
    pub(crate) fn take_rate(&self, priority: Priority, now: Instant) -> Result<(), Duration> {
        self.rate.get().map_or(Ok(()), |rate| rate.take(priority, now))
    }

    /// Gives one back that was not used.
    #[inline]
    pub(crate) fn give_back_rate(&self) {
        if let Some(rate) = self.rate.get() {
            rate.give_back();
        }
    }

    /// What retries and hedges into the region have spent.
    pub(crate) fn share(&self) -> &Tokens {
        &self.share
    }

    /// Whether a success would change anything: nothing is spent as long as nothing fails.
    #[inline]
    pub(crate) fn has_spent(&self) -> bool {
        self.share.is_spent() || self.budget.is_spent()
    }

    /// A success pays in what a first attempt's does, or what this makes of it; it changes nothing while nothing is spent.
    pub(crate) fn fund(&self, deposit: impl FnOnce(Deposit) -> Deposit) {
        if self.has_spent() {
            let deposit = deposit(self.deposit.get());
            self.share.deposit(deposit);
            self.budget.success(deposit);
        }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Requests in flight in the region, to the end of their bodies.
    #[inline]
    pub(crate) fn in_flight(&self) -> u32 {
        self.bound.in_flight()
    }

    /// Takes the next ticket of the region's round robin.
    #[inline]
    pub(crate) fn take_ticket(&self) -> u64 {
        // Relaxed: tickets need be distinct, which the read-modify-write is, not ordered with anything.
        self.tickets.fetch_add(1, Ordering::Relaxed)
    }

    /// The ticket that the next taker gets.
    pub(crate) fn next_ticket(&self) -> u64 {
        self.tickets.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn veto(&self) -> &Veto {
        &self.veto
    }
}
