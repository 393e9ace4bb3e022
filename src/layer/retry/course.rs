//! What becomes of a request after an attempt: whether, when and where another is made.
//!
//! The rules, in their order, cheapest first; what is spent is spent last, so that nothing has to be given back:
//!
//! 1. the answer says that another attempt may help, and that it is safe;
//! 2. attempts are left, and nobody has asked for no more;
//! 3. the body can still be repeated in full;
//! 4. the server does not ask to wait for longer than the route allows;
//! 5. the wait, and the time that a quick answer takes, end before the deadline: a retry that cannot finish is load for nothing;
//! 6. the budget pays for it.

use crate::decide::{Tried, Way};
use crate::entropy::Purpose;
use crate::error::GiveUp;
use crate::layer::pass::{Account, Among, End, Ledger, Pass, Spending, Stem};
use crate::observe::{Another, Cause};
use crate::protocol::Retryable;
use crate::state::{Extra, backoff};
use crate::table::{Hedge, HedgeDelay, LeaveRegion, Policy};
use crate::time::{Instant, Sleep};
use std::time::Duration;

/// How many endpoints are asked how long an answer takes: any quick one will do.
const ASKED: usize = 16;

/// Where a request's attempts stand.
pub(super) struct Course {
    stem: Stem,
    /// How many were begun.
    made: u32,
    /// Where those were sent.
    tried: Tried,
    last_wait: Duration,
    /// A server asked for no more.
    is_stopped: bool,
    /// Whether a hedge may still be sent.
    may_hedge: bool,
}

/// What follows an attempt that failed, when no other is under way.
pub(super) enum Next {
    /// Its answer is handed on.
    Deliver(Option<GiveUp>),
    /// Another is made, after that.
    Again { at: Instant, spending: Spending },
}

impl Course {
    /// The course of a request whose first attempt begins.
    pub(super) fn begin(pass: &mut Pass, ledger: Option<Ledger>) -> Self {
        let may_hedge = pass.is_idempotent() && pass.policy().hedge.is_some();
        let stem = pass.stem(pass.has_own_time(0), ledger);
        let (tried, last_wait) = (Tried::default(), Duration::ZERO);
        Course { stem, made: 1, tried, last_wait, is_stopped: false, may_hedge }
    }

    fn policy(&self) -> &Policy {
        self.stem.policy()
    }

    pub(super) fn now(&self) -> Instant {
        self.stem.pin.now()
    }

    pub(super) fn sleep_until(&self, until: Instant) -> Sleep {
        self.stem.pin.shared().clock().sleep_until(until)
    }

    pub(super) fn max_body(&self) -> usize {
        self.policy().retry.max_body as usize
    }

    /// Whether the attempt that was begun last is the last that there may be.
    pub(super) fn is_last(&self) -> bool {
        self.made >= self.policy().most_attempts()
    }

    /// What is left of the deadline, if there is one.
    pub(super) fn left(&self) -> Option<Duration> {
        (self.stem.deadline != Instant::NEVER).then(|| self.stem.deadline.since(self.now()))
    }

    /// An attempt was sent.
    pub(super) fn sent(&mut self, place: (u32, u32)) {
        self.tried.add(place.0, place.1);
    }

    /// How an attempt ended whose future said nothing of it: a layer between answered in its place.
    pub(super) fn end(account: Account) -> End {
        account.end.unwrap_or(if account.sent.is_some() { End::Unanswered } else { End::Local })
    }

    /// Whether another attempt might do better than one that ended so.
    pub(super) fn is_failure(&mut self, end: End) -> bool {
        match end {
            End::Local | End::Answered(Retryable::No) => false,
            End::Answered(Retryable::Never) => {
                (self.is_stopped, self.may_hedge) = (true, false);
                true
            }
            End::Unanswered | End::Answered(Retryable::MaybeProcessed { .. } | Retryable::NotProcessed { .. }) => true,
        }
    }

    /// What follows an attempt that ended so.
    pub(super) fn next(&mut self, end: End, is_whole: bool) -> Next {
        match self.again(end, is_whole) {
            Ok((at, spending)) => Next::Again { at, spending },
            Err(why) => {
                if let Some(why) = &why {
                    self.tell_gave_up(*why);
                }
                Next::Deliver(why)
            }
        }
    }

    fn again(&mut self, end: End, is_whole: bool) -> Result<(Instant, Spending), Option<GiveUp>> {
        let (was_processed, hint) = match end {
            End::Local | End::Answered(Retryable::No) => return Err(None),
            End::Unanswered | End::Answered(Retryable::Never) => (true, None),
            End::Answered(Retryable::MaybeProcessed { after }) => (true, after),
            End::Answered(Retryable::NotProcessed { after }) => (false, after),
        };
        let retry = self.policy().retry;
        if was_processed && !self.stem.is_idempotent() || retry.attempts <= 1 {
            return Err(None);
        }
        let now = self.now();
        let left = self.stem.deadline.since(now);
        if left.is_zero() {
            // It had all the time there was.
            return Err(None);
        }
        if self.is_stopped {
            return Err(Some(GiveUp::Pushback));
        }
        if self.made >= retry.attempts {
            return Err(Some(GiveUp::Attempts { made: self.made }));
        }
        if !is_whole {
            return Err(Some(GiveUp::Body));
        }
        let draws = self.stem.draws.for_attempt(self.made);
        let mut wait = backoff::delay(&retry.backoff, self.made - 1, self.last_wait, draws.draw(Purpose::Backoff));
        if let Some(after) = hint {
            let spread = draws.draw(Purpose::Hint);
            wait = backoff::with_hint(wait, after, retry.max_hint, spread).ok_or(GiveUp::Hint { after })?;
        }
        let needed = wait.saturating_add(self.quickest(now));
        if needed >= left {
            return Err(Some(GiveUp::Deadline { left, needed }));
        }
        let extra = if end == End::Unanswered { Extra::AfterTimeout } else { Extra::Retry };
        let spending = self.stem.spend(extra, now).ok_or(GiveUp::Budget)?;
        self.last_wait = wait;
        let cause = match end {
            End::Unanswered => Cause::TimedOut,
            End::Answered(Retryable::NotProcessed { .. }) => Cause::NotProcessed,
            _ => Cause::Failed,
        };
        self.tell(cause, wait);
        Ok((now.after(wait), spending))
    }

    /// How long an answer of the cluster takes at least, as far as its endpoints have shown; nothing while none has.
    fn quickest(&self, now: Instant) -> Duration {
        let regions = self.stem.pin.cluster(self.stem.digest.cluster).regions.iter();
        // Those that have answered: of the others it is known how long they did not.
        let answered = regions.flat_map(|region| &region.endpoints).filter(|endpoint| endpoint.successes() > 0);
        let averages = answered.filter_map(|endpoint| endpoint.average(now));
        averages.take(ASKED).min().unwrap_or_default()
    }

    /// The pass of the next attempt, for which this was spent.
    pub(super) fn retry(&mut self, spending: Spending, ledger: Option<Ledger>) -> Pass {
        let has_own_time = self.stem.has_own_time(self.made);
        let tried = self.tried.going(self.way(), false);
        self.branch(has_own_time, Among::after(tried, spending, ledger, false))
    }

    /// The same for one beside others.
    pub(super) fn hedge(&mut self, spending: Spending, ledger: Option<Ledger>) -> Pass {
        let other_region = self.policy().hedge.is_some_and(|hedge| hedge.other_region);
        let way = match self.policy().retry.leave_region {
            LeaveRegion::Never => Way::Within,
            _ if other_region => Way::Leave,
            _ => Way::Stay,
        };
        let tried = self.tried.going(way, true);
        self.branch(false, Among::after(tried, spending, ledger, true))
    }

    fn branch(&mut self, has_own_time: bool, among: Among) -> Pass {
        let pass = self.stem.branch(self.made, has_own_time, among);
        self.made += 1;
        pass
    }

    fn way(&self) -> Way {
        let Some((last, _)) = self.tried.iter().last() else { return Way::Stay };
        match self.policy().retry.leave_region {
            LeaveRegion::Never => Way::Within,
            LeaveRegion::Always => Way::Leave,
            LeaveRegion::OnEvidence if self.tried.count_in(last) > 1 || !self.stem.is_well(last) => Way::Leave,
            LeaveRegion::OnEvidence => Way::Stay,
        }
    }

    /// How long after the last attempt was sent the next is sent beside so many, if one may be.
    pub(super) fn hedge_delay(&self, under_way: usize) -> Option<Duration> {
        let hedge = self.hedge_beside(under_way)?;
        match hedge.delay {
            HedgeDelay::Fixed(delay) => Some(delay),
            HedgeDelay::Quantile(quantile) => {
                let route = self.stem.pin.route_state(self.stem.digest.route)?;
                route.state.hedging()?.latencies.delay(quantile.get(), self.now())
            }
        }
    }

    /// The same after one of them has failed, which leaves so many: at once, or when its server says, if that is allowed.
    pub(super) fn hurried_delay(&self, end: End, under_way: usize) -> Option<Duration> {
        self.hedge_beside(under_way)?;
        let after = match end {
            End::Answered(retryable) => retryable.after().unwrap_or_default(),
            End::Local | End::Unanswered => Duration::ZERO,
        };
        (after <= self.policy().retry.max_hint).then_some(after)
    }

    /// Nobody took an attempt beside others: it was none, and there will be no hedge of this request any more.
    pub(super) fn not_begun(&mut self) {
        self.made -= 1;
        self.may_hedge = false;
    }

    fn hedge_beside(&self, under_way: usize) -> Option<Hedge> {
        let hedge = self.policy().hedge.filter(|_| self.may_hedge)?;
        (under_way < hedge.attempts as usize && self.made < self.policy().most_attempts()).then_some(hedge)
    }

    /// Spends what a hedge costs, if it may be sent now. If not, there will be none for this request: it never fails for that.
    pub(super) fn spend_on_hedge(&mut self, after: Duration) -> Option<Spending> {
        let spending = self.try_to_hedge();
        match &spending {
            Some(_) => self.tell(Cause::Slow, after),
            None => self.may_hedge = false,
        }
        spending
    }

    fn try_to_hedge(&self) -> Option<Spending> {
        let (region, _) = self.tried.iter().last()?;
        if !self.stem.is_well(region) {
            return None;
        }
        let now = self.now();
        let route = self.stem.pin.route_state(self.stem.digest.route)?;
        let max_extra = self.policy().hedge?.max_extra;
        let spending = self.stem.spend(Extra::Hedge, now)?;
        // What was spent comes back if this says no.
        route.state.hedging()?.allows(max_extra, now).then_some(spending)
    }

    fn tell(&self, cause: Cause, wait: Duration) {
        let another = Another { attempt: self.made, cause, wait };
        self.stem.pin.shared().tell(|observer| observer.another(&self.stem.pin, &another));
    }

    /// Tells observers why there is no other attempt.
    pub(super) fn tell_gave_up(&self, why: GiveUp) {
        self.stem.pin.shared().tell(|observer| observer.gave_up(&self.stem.pin, &why));
    }
}
