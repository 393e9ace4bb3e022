//! What all endpoints of a region share.

use super::bound::Bound;
use super::budget::{Budget, Deposit, StoredDeposit, Tokens};
use super::parts::{WHOLE, part_of};
use super::rate::Rate;
use super::standing::Standing;
use super::veto::Veto;
use super::watch::Watch;
use crate::protocol::Priority;
use crate::sync::{Arc, AtomicU64, Mutex, OnceLock, Ordering, Padded};
use crate::table::{Capacity, RetryBudget};
use crate::time::{Clock, Instant};
use std::time::Duration;

/// What only a region has that declares a capacity, or is watched.
#[derive(Debug)]
struct Care {
    /// Bounds the requests a second that it is sent, if a capacity says so.
    rate: Rate,
    declared: Mutex<Declared>,
    watch: OnceLock<Watch>,
}

impl Care {
    fn new() -> Box<Self> {
        let declared = Mutex::new(Declared { capacity: None, live: WHOLE });
        Box::new(Care { rate: Rate::new(), declared, watch: OnceLock::new() })
    }
}

/// What a region can take, and how much of it lives.
#[derive(Clone, Copy, Debug)]
struct Declared {
    capacity: Option<Capacity>,
    live: u64,
}

/// What the endpoints of a region share.
#[derive(Debug)]
pub(crate) struct RegionState {
    /// Counts and bounds its requests in flight, to the end of their bodies.
    pub(crate) bound: Bound,
    /// What only a region has that declares a capacity, or is watched.
    care: OnceLock<Box<Care>>,
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
            care: OnceLock::new(),
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

    /// From now on it can take so much, when all of it lives; whether somebody stands in its queue who may begin.
    #[must_use = "who may begin has to be let in"]
    pub(super) fn set_capacity(&self, capacity: Option<Capacity>) -> bool {
        if capacity.is_none() && self.care.get().is_none() {
            return false;
        }
        let care = self.care.get_or_init(Care::new);
        let mut declared = care.declared.lock();
        declared.capacity = capacity;
        self.put_capacity(care, *declared)
    }

    /// This part of it lives now, of [`WHOLE`]; whether somebody stands in its queue who may begin.
    #[must_use = "who may begin has to be let in"]
    pub(super) fn set_live(&self, live: u64) -> bool {
        let Some(care) = self.care.get() else { return false };
        let mut declared = care.declared.lock();
        // Nothing lives in a region that is used only when nothing lives anywhere: then it counts as well.
        declared.live = if live == 0 { WHOLE } else { live };
        self.put_capacity(care, *declared)
    }

    /// The lock must be held.
    fn put_capacity(&self, care: &Care, declared: Declared) -> bool {
        let Declared { capacity, live } = declared;
        let part = |all: u32| part_of(u64::from(all), live).max(1);
        let per_second = match capacity {
            Some(Capacity::Rps(rate)) => Some(part(rate)),
            _ => None,
        };
        care.rate.set(per_second);
        self.bound.cap(match capacity {
            Some(Capacity::InFlight(number)) => Some(part(number) as u32),
            _ => None,
        })
    }

    /// Takes one of the requests a second that it is sent; else how long it is until one of this priority may go there.
    #[inline]
    pub(crate) fn take_rate(&self, priority: Priority, now: Instant) -> Result<(), Duration> {
        self.care.get().map_or(Ok(()), |care| care.rate.take(priority, now))
    }

    /// How many requests a second it takes now, if that is declared.
    pub(crate) fn rate(&self) -> Option<u64> {
        self.care.get()?.rate.per_second()
    }

    /// Gives one back that was not used.
    #[inline]
    pub(crate) fn give_back_rate(&self) {
        if let Some(care) = self.care.get() {
            care.rate.give_back();
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

    /// What of it may be used, as far as health knows.
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        self.watch().map_or(Standing::WELL, |watch| watch.standing(now))
    }

    /// What watches over it, if anything does.
    #[inline]
    pub(crate) fn watch(&self) -> Option<&Watch> {
        self.care.get()?.watch.get()
    }

    /// The same, made if there is none.
    pub(super) fn watch_or(&self, make: impl FnOnce() -> Watch) -> &Watch {
        self.care.get_or_init(Care::new).watch.get_or_init(make)
    }

    /// Looks after it, if it is time or somebody asks for it; whether anything came of it.
    #[inline]
    pub(crate) fn look(&self, is_asked: bool, now: Instant) -> bool {
        self.watch().is_some_and(|watch| (is_asked || watch.is_due(now)) && self.look_now(watch, is_asked, now))
    }

    #[cold]
    fn look_now(&self, watch: &Watch, is_asked: bool, now: Instant) -> bool {
        let live = if is_asked { watch.look(now) } else { watch.look_in_passing(now) };
        if let Some(live) = live
            && self.set_live(live)
        {
            self.bound.let_in();
        }
        live.is_some()
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
