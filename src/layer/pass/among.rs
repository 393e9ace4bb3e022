//! What an attempt knows of the others of its request, and they of it.
//!
//! Most requests have one attempt, and its pass is all there is. Of one that may be sent again the retry stage keeps a
//! [`Stem`]: what all its attempts have in common, by which it makes each a pass of its own. What they share is counted
//! once: the place at the route's limit ([`Seat`]), and for each attempt after the first what it took of the retry budget,
//! which comes back if nothing was sent.

use super::{Marks, Pass, Step};
use crate::decide::{Passed, Tried};
use crate::error::GiveUp;
use crate::protocol::Retryable;
use crate::state::{Admission, Charge, Deposit, NotAdmitted, Paid, Seat};
use crate::sync::{Arc, Meeting};
use crate::table::RetryBudget;
use crate::traffic::Pinned;
use std::task::Waker;
use std::time::Duration;

/// What few passes have.
#[derive(Default)]
pub(super) struct Aside {
    pub(super) kept: Option<Kept>,
    among: Option<Among>,
}

/// A place of a region's limit without an endpoint: never held while the request waits.
pub(super) struct Kept {
    pub(super) region: u32,
    pub(super) admission: Admission,
}

/// What an attempt knows of the others of its request.
#[derive(Default)]
pub(crate) struct Among {
    /// Where they were sent.
    tried: Tried,
    /// A hedge: it waits for nothing, and the floor of a budget is not for it.
    hurries: bool,
    /// What it took of the cluster's budget, unless it is the first.
    spending: Option<Spending>,
    /// Their place at the route's limit, if it has one.
    seat: Option<Arc<Seat>>,
    /// Where to say how it goes, to who cannot look.
    ledger: Option<Ledger>,
    /// What it took of the region's share, where it stands.
    paid: Option<Paid>,
}

/// How an attempt went, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Region and endpoint, by place, that it was sent to.
    pub(crate) sent: Option<(u32, u32)>,
    /// How it ended, if it did and said so.
    pub(crate) end: Option<End>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing was sent.
    Local,
    /// Its time was over before the answer came.
    Unanswered,
    Answered(Retryable),
}

/// Where an attempt says how it goes, when layers of other makes stand between it and who made it.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Meeting<Entry>>);

#[derive(Debug, Default)]
struct Entry {
    account: Account,
    is_superseded: bool,
    /// Who wants to know when it is sent: another task may drive it.
    waker: Option<Waker>,
}

impl Among {
    /// Of a request's first attempt.
    pub(super) fn first(seat: Option<Arc<Seat>>, ledger: Option<Ledger>) -> Self {
        Among { seat, ledger, ..Among::default() }
    }

    /// The same with the place that all share.
    pub(super) fn seated(self, seat: Option<Arc<Seat>>) -> Self {
        Among { seat, ..self }
    }

    /// Of an attempt after others, for which this was spent; one that hurries is beside them.
    pub(crate) fn after(tried: Tried, spending: Spending, ledger: Option<Ledger>, hurries: bool) -> Self {
        Among { tried, hurries, spending: Some(spending), ledger, ..Among::default() }
    }
}

impl Ledger {
    pub(crate) fn account(&self) -> Account {
        self.0.lock().account
    }

    fn put(&self, account: Account) {
        let waker = {
            let mut entry = self.0.lock();
            entry.account = account;
            entry.waker.take()
        };
        // With the lock free: whoever is waked may come at once.
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes this when the attempt is sent.
    pub(crate) fn wake_when_sent(&self, waker: &Waker) {
        let mut entry = self.0.lock();
        let is_told = entry.account.sent.is_some();
        let old = if is_told { None } else { entry.waker.replace(waker.clone()) };
        drop(entry);
        drop(old);
        if is_told {
            waker.wake_by_ref();
        }
    }

    /// Another attempt was answered first.
    pub(crate) fn supersede(&self) {
        self.0.lock().is_superseded = true;
    }

    fn is_superseded(&self) -> bool {
        self.0.lock().is_superseded
    }
}

/// What an attempt took of its cluster's budget. Comes back when it is dropped, unless the attempt was sent.
pub(crate) struct Spending {
    pin: Pinned,
    cluster: u32,
    charge: Option<Charge>,
    is_sent: bool,
}

impl Spending {
    pub(super) fn new(pin: Pinned, cluster: u32, charge: Charge) -> Self {
        Spending { pin, cluster, charge: Some(charge), is_sent: false }
    }

    fn deposit(&self, first: Deposit) -> Deposit {
        self.charge.as_ref().map_or(first, |charge| charge.deposit(first))
    }
}

impl Drop for Spending {
    fn drop(&mut self) {
        let Some(charge) = self.charge.take() else { return };
        let budget = &self.pin.cluster(self.cluster).budget;
        if self.is_sent { budget.ended(charge) } else { budget.refund(charge) }
    }
}

impl Pass {
    /// Whether the table would have the request sent again, as far as that does not depend on its answer.
    #[inline]
    pub(crate) fn may_retry(&self) -> bool {
        self.marks.has(Marks::MAY_RETRY)
    }

    /// Whether there is more to do for it than to send it once, as it is.
    #[inline]
    pub(crate) fn is_special(&self) -> bool {
        self.may_retry() || self.is_untrusted()
    }

    /// Whether it may be sent twice, whatever became of it.
    pub(crate) fn is_idempotent(&self) -> bool {
        self.marks.has(Marks::IS_IDEMPOTENT)
    }

    /// Whether what the request says of earlier attempts has to be removed.
    #[inline]
    pub(crate) fn is_untrusted(&self) -> bool {
        self.marks.has(Marks::IS_UNTRUSTED)
    }

    /// Whether the cluster's budget has anything for another attempt; remembered if not.
    pub(crate) fn has_budget(&mut self) -> bool {
        let handle = self.pin.cluster(self.digest.cluster);
        let has_any = handle.budget.has_any(self.in_cluster().retry_budget(), || handle.in_flight(), self.began);
        self.marks.set(Marks::HAS_NO_BUDGET, !has_any);
        has_any
    }

    /// Why there is no other attempt after an end that says so, of a request that was not copied since nothing was left of the
    /// budget; observers are told.
    pub(crate) fn gives_up(&self, retryable: Retryable) -> Option<GiveUp> {
        let is_retry = self.policy().retry.attempts > 1 && self.is_safe(retryable);
        (is_retry && self.marks.has(Marks::HAS_NO_BUDGET)).then(|| {
            self.pin.shared().tell(|observer| observer.gave_up(&self.pin, &GiveUp::Budget));
            GiveUp::Budget
        })
    }

    /// Whether it may be sent again after such an answer.
    fn is_safe(&self, retryable: Retryable) -> bool {
        match retryable {
            Retryable::No | Retryable::Never => false,
            Retryable::MaybeProcessed { .. } => self.is_idempotent(),
            Retryable::NotProcessed { .. } => true,
        }
    }

    pub(super) fn join(&mut self, among: Among) {
        if let Some(seat) = &among.seat {
            seat.enter();
        }
        self.aside.get_or_insert_default().among = Some(among);
        self.marks.set(Marks::TRACKED, true);
    }

    /// Whether somebody may make another attempt.
    #[inline]
    pub(crate) fn is_tracked(&self) -> bool {
        self.marks.has(Marks::TRACKED)
    }

    /// Which attempt of its request it is, counted from 0.
    pub(crate) fn number(&self) -> u32 {
        self.draws.attempt()
    }

    #[inline]
    fn among(&self) -> Option<&Among> {
        self.aside.as_ref()?.among.as_ref()
    }

    #[inline]
    fn among_mut(&mut self) -> Option<&mut Among> {
        self.aside.as_mut()?.among.as_mut()
    }

    /// Where it says how it goes; nobody looks at that of an attempt which is the only one.
    pub(crate) fn ledger(&self) -> Option<Ledger> {
        self.among()?.ledger.clone()
    }

    /// Whether it waits for nothing.
    pub(crate) fn hurries(&self) -> bool {
        self.among().is_some_and(|among| among.hurries)
    }

    /// The attempt has asked nobody yet.
    pub(crate) fn asked_nobody(&self) -> Passed {
        self.among().map_or_else(Passed::default, |among| Passed::after(among.tried))
    }

    /// How it went so far.
    pub(crate) fn account(&self) -> Account {
        let is_sent = matches!(self.step, Step::Sent | Step::Awaited | Step::Answered);
        Account { sent: is_sent.then(|| self.place()), end: None }
    }

    /// How it ended, told where that is wanted.
    pub(crate) fn ended(&self, end: End) -> Account {
        let account = Account { end: Some(end), ..self.account() };
        if let Some(ledger) = self.among().and_then(|among| among.ledger.as_ref()) {
            ledger.put(account);
        }
        account
    }

    /// What time it has for itself begins.
    #[inline]
    pub(super) fn begin_own_time(&mut self) {
        if self.marks.has(Marks::HAS_OWN_TIME)
            && let Some(per_try) = self.policy().retry.per_try
            && self.began.after(per_try) < self.deadline
        {
            // Nobody else sees to that.
            self.marks.set(Marks::OWES_DEADLINE, true);
            (self.since, self.deadline) = (self.began, self.began.after(per_try));
        }
    }

    /// It is handed over.
    #[cold]
    pub(super) fn is_sent(&mut self) {
        let account = self.account();
        let Some(among) = self.among_mut() else { return };
        if let Some(spending) = &mut among.spending {
            spending.is_sent = true;
        }
        // It is spent.
        among.paid = None;
        if let Some(ledger) = &among.ledger {
            ledger.put(account);
        }
    }

    /// Lets it in at an endpoint, for one that has something aside: a place it kept, or a share that it has to pay.
    #[cold]
    pub(super) fn admit_aside(&mut self, region: u32, endpoint: u32) -> Result<Admission, NotAdmitted> {
        let paid = self.pay(region)?;
        let state = self.pin.endpoint_state(self.digest.cluster, region, endpoint);
        let kept = self.aside.as_ref().and_then(|aside| aside.kept.as_ref()).filter(|kept| kept.region == region);
        let admission = match kept.map(|kept| kept.admission) {
            Some(admission) => state.enter_alone().map(|()| admission),
            None => state.admit(self.region_asker(region), self.began),
        };
        match (admission, paid) {
            (Ok(admission), paid) => {
                let aside = self.aside.get_or_insert_default();
                aside.kept.take_if(|kept| kept.region == region);
                if let Some(among) = &mut aside.among {
                    among.paid = paid;
                }
                Ok(admission)
            }
            (Err(refused), paid) => {
                if let Some(paid) = paid {
                    self.region_handle(region).state.share().refund(paid);
                }
                Err(refused)
            }
        }
    }

    /// Takes what an attempt after the first costs of a region's share; none of budgets that have no shares.
    fn pay(&self, region: u32) -> Result<Option<Paid>, NotAdmitted> {
        let RetryBudget::Successes(knobs) = self.in_cluster().retry_budget() else { return Ok(None) };
        // A cluster of one region has nothing to share.
        if self.number() == 0 || self.in_cluster().regions().len() == 1 {
            return Ok(None);
        }
        let floor = knobs.floor.filter(|_| !self.hurries());
        let paid = self.region_handle(region).state.share().withdraw(1, knobs.burst, floor, self.began);
        paid.map(Some).ok_or(NotAdmitted::ByShare)
    }

    /// The same where it stands, and what its region's rate takes, for one that the region's limit let in by itself.
    pub(super) fn pay_here(&mut self) -> Result<(), NotAdmitted> {
        let paid = self.pay(self.region)?;
        if let Err(after) = self.region_handle(self.region).state.take_rate(self.priority(), self.began) {
            if let Some(paid) = paid {
                self.region_handle(self.region).state.share().refund(paid);
            }
            return Err(NotAdmitted::ByRate(after));
        }
        if let Some(among) = self.among_mut() {
            among.paid = paid;
        }
        Ok(())
    }

    /// It leaves the region without having been sent.
    #[inline]
    pub(super) fn pay_back(&mut self) {
        if self.aside.is_some() {
            self.pay_back_paid();
        }
    }

    #[cold]
    fn pay_back_paid(&mut self) {
        let region = self.region;
        if let Some(paid) = self.among_mut().and_then(|among| among.paid.take()) {
            self.region_handle(region).state.share().refund(paid);
        }
    }

    /// It succeeded: that funds the budgets, and is a response time.
    #[inline(never)]
    pub(super) fn succeed(&self, took: Duration) {
        if self.marks.has(Marks::HAS_FAILED) {
            return;
        }
        self.state().region().fund(|first| self.deposit(first));
        if self.marks.has(Marks::IS_HEDGED) {
            self.record(took);
        }
    }

    /// Only its end tells, and will fund the budget as a first attempt's does. How long the head took is known now, and what a
    /// retry has borrowed is given back for a head that came.
    #[cold]
    pub(super) fn is_open(&self, took: Duration) {
        let spending = self.among().and_then(|among| among.spending.as_ref());
        if let Some(charge) = spending.and_then(|spending| spending.charge.as_ref()) {
            self.state().region().fund(|first| charge.rest(first).unwrap_or(Deposit::NONE));
        }
        if self.marks.has(Marks::IS_HEDGED) {
            self.record(took);
        }
    }

    /// How long its answer took, for the hedges of others.
    pub(super) fn record(&self, took: Duration) {
        if let Some(hedging) = self.pin.route_state(self.digest.route).and_then(|route| route.state.hedging()) {
            hedging.latencies.record(took);
        }
    }

    /// What its success pays in.
    fn deposit(&self, first: Deposit) -> Deposit {
        let spending = self.among().and_then(|among| among.spending.as_ref());
        spending.map_or(first, |spending| spending.deposit(first))
    }

    /// Whether another attempt may be made after an answer that says so.
    pub(crate) fn may_be_followed(&self, retryable: Retryable) -> bool {
        self.is_tracked() && self.is_safe(retryable) && self.number() + 1 < self.policy().most_attempts()
    }

    /// A failure that may be retried: it funds nothing, and some budgets count it.
    pub(crate) fn fail(&mut self) {
        self.marks.set(Marks::HAS_FAILED, true);
        if self.policy().may_retry {
            self.pin.cluster(self.digest.cluster).budget.failed(self.in_cluster().retry_budget());
        }
    }

    /// Another attempt was answered first.
    pub(crate) fn supersede(&mut self) {
        self.marks.set(Marks::SUPERSEDED, true);
    }

    /// Whether another attempt was answered first. Then all that is known is that its own answer takes longer than this.
    pub(super) fn is_superseded_after(&self, waited: Duration) -> bool {
        let ledger = self.among().and_then(|among| among.ledger.as_ref());
        let is_superseded = self.marks.has(Marks::SUPERSEDED) || ledger.is_some_and(Ledger::is_superseded);
        if is_superseded && let Some(route) = self.pin.route_state(self.digest.route) {
            route.state.hedging().inspect(|hedging| hedging.latencies.record_at_least(waited));
        }
        is_superseded
    }

    /// The place at the route's limit that it shares with others.
    #[inline]
    pub(super) fn seat(&self) -> Option<&Arc<Seat>> {
        self.among()?.seat.as_ref()
    }

    pub(super) fn leave_seat(&mut self) {
        if let Some(seat) = self.among_mut().and_then(|among| among.seat.take()) {
            seat.leave();
        }
    }
}
