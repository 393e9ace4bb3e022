//! The budget of a cluster, by whatever policy the table has.

use super::deposit::{Deposit, TOKEN, millionths, tokens};
use super::tokens::{Paid, Tokens};
use super::window::Window;
use crate::sync::{AtomicU64, Meeting, Ordering, Padded};
use crate::table::{EnvoyInFlight, Finagle, RetryBudget};
use crate::time::{Instant, nanos};

/// What retries and hedges of a cluster have spent.
#[derive(Debug)]
pub(crate) struct Budget {
    /// What every success reads, on lines of its own.
    tokens: Padded<Tokens>,
    /// Retries and hedges under way, whatever they were paid by: a policy that bounds them finds those of before.
    under_way: AtomicU64,
    /// Under a lock of its own, which only Finagle's policy takes.
    window: Meeting<Window>,
}

/// What is asked for in addition to a first attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    /// Another attempt after one that failed.
    Retry,
    /// Another after one that timed out, which some policies charge more for.
    AfterTimeout,
    /// A copy beside one that is still unanswered. What a policy always lets through is not for hedges: neither a floor, nor
    /// Finagle's reserve, nor Envoy's minimum.
    Hedge,
}

/// A retry or a hedge that may be made. Not to be lost: it counts as under way until it is given to [`Budget::refund`] or to
/// [`Budget::ended`].
#[derive(Debug)]
#[must_use = "it counts as under way until it is given back or has ended"]
pub(crate) struct Charge(Payment);

#[derive(Debug)]
enum Payment {
    /// Nothing was taken.
    None,
    /// Of what successes fund.
    Earned(Paid),
    /// Of a quota, which gets it back when the attempt succeeds.
    Lent(Paid),
    /// Of this slot of the window.
    Window(u64),
}

impl Charge {
    /// What the success of this attempt adds: what a first attempt's would, or of a quota what it cost.
    pub(crate) fn deposit(&self, first: Deposit) -> Deposit {
        match &self.0 {
            Payment::Lent(paid) => first.with_amount(paid.cost()),
            Payment::None | Payment::Earned(_) | Payment::Window(_) => first,
        }
    }
}

impl Charge {
    /// What is given back beside a first attempt's deposit, of a charge that comes back with a success.
    pub(crate) fn rest(&self, first: Deposit) -> Option<Deposit> {
        match &self.0 {
            Payment::Lent(paid) => Some(first.with_amount(paid.cost().saturating_sub(first.amount))),
            Payment::None | Payment::Earned(_) | Payment::Window(_) => None,
        }
    }
}

impl Budget {
    /// Nothing spent, nothing under way.
    pub(crate) fn new() -> Self {
        let tokens = Padded(Tokens::new());
        Budget { tokens, under_way: AtomicU64::new(0), window: Meeting::new(Window::new()) }
    }

    /// Whether some retry would be allowed now. Spends nothing and promises nothing: it tells whether to keep a copy.
    ///
    /// `in_flight` are the cluster's requests, for the policy that looks at them.
    pub(crate) fn has_any(&self, policy: &RetryBudget, in_flight: impl FnOnce() -> u64, now: Instant) -> bool {
        match policy {
            RetryBudget::Successes(successes) => self.tokens.has(1, successes.burst, successes.floor, now),
            RetryBudget::Finagle(finagle) => self.window.lock().has(reserve(finagle), finagle.window, now),
            RetryBudget::Grpc(throttle) => self.tokens.has_more_than_half(throttle.max_tokens),
            RetryBudget::Aws(quota) => {
                self.tokens.has(quota.retry_cost.min(quota.timeout_cost), quota.capacity, None, now)
            }
            RetryBudget::Envoy(envoy) => self.under_way() < bound(envoy, Extra::Retry, in_flight()),
            RetryBudget::Unbounded => true,
        }
    }

    /// Lets one more through and charges for it, or refuses.
    pub(crate) fn withdraw(
        &self,
        policy: &RetryBudget,
        extra: Extra,
        in_flight: impl FnOnce() -> u64,
        now: Instant,
    ) -> Option<Charge> {
        let is_hedge = extra == Extra::Hedge;
        let payment = match policy {
            RetryBudget::Successes(successes) => {
                let floor = successes.floor.filter(|_| !is_hedge);
                Payment::Earned(self.tokens.withdraw(1, successes.burst, floor, now)?)
            }
            RetryBudget::Finagle(finagle) => {
                let reserve = if is_hedge { 0 } else { reserve(finagle) };
                Payment::Window(self.window.lock().take(reserve, finagle.window, now)?)
            }
            RetryBudget::Grpc(throttle) => {
                self.tokens.has_more_than_half(throttle.max_tokens).then_some(Payment::None)?
            }
            RetryBudget::Aws(quota) => {
                let cost = if extra == Extra::AfterTimeout { quota.timeout_cost } else { quota.retry_cost };
                Payment::Lent(self.tokens.withdraw(cost, quota.capacity, None, now)?)
            }
            RetryBudget::Envoy(envoy) => {
                let bound = bound(envoy, extra, in_flight());
                let next = |count| (count < bound).then_some(count + 1);
                // Relaxed, here and below: it publishes nothing else. The check and the count are one step.
                self.under_way.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?;
                return Some(Charge(Payment::None));
            }
            RetryBudget::Unbounded => Payment::None,
        };
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Some(Charge(payment))
    }

    /// Gives back what was charged for an attempt for which no I/O began.
    pub(crate) fn refund(&self, charge: Charge) {
        match charge.0 {
            Payment::None => {}
            Payment::Earned(paid) | Payment::Lent(paid) => self.tokens.refund(paid),
            Payment::Window(slot) => self.window.lock().give_back(slot),
        }
        self.leave();
    }

    /// An attempt that was sent is over, however it went.
    pub(crate) fn ended(&self, charge: Charge) {
        drop(charge);
        self.leave();
    }

    /// Whether a success would change anything.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.tokens.is_spent()
    }

    fn leave(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }

    /// A request came, of which this will be the first attempt.
    #[inline]
    pub(crate) fn request(&self, policy: &RetryBudget, now: Instant) {
        if let RetryBudget::Finagle(finagle) = policy {
            self.window.lock().add(millionths(finagle.ratio), finagle.window, now);
        }
    }

    /// An attempt succeeded: a first one by [`Deposit::of`] the policy, another by [`Charge::deposit`].
    #[inline]
    pub(crate) fn success(&self, deposit: Deposit) {
        self.tokens.deposit(deposit);
    }

    /// An attempt, first or not, failed in a way that could be retried, or was told not to.
    #[inline]
    pub(crate) fn failed(&self, policy: &RetryBudget) {
        if let RetryBudget::Grpc(throttle) = policy {
            self.tokens.take(1, throttle.max_tokens);
        }
    }

    pub(super) fn under_way(&self) -> u64 {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Tokens that are left by this policy, and how many there can be.
    pub(super) fn left(&self, policy: &RetryBudget, now: Instant) -> (Option<f64>, Option<u32>) {
        let capacity = match policy {
            RetryBudget::Successes(successes) => successes.burst,
            RetryBudget::Grpc(throttle) => throttle.max_tokens,
            RetryBudget::Aws(quota) => quota.capacity,
            RetryBudget::Finagle(finagle) => {
                let left = self.window.lock().left(reserve(finagle), finagle.window, now);
                return (Some(left as f64 / TOKEN as f64), None);
            }
            RetryBudget::Envoy(_) | RetryBudget::Unbounded => return (None, None),
        };
        (Some(self.tokens.left(capacity)), Some(capacity))
    }
}

/// What is always there, in millionths of a token.
fn reserve(finagle: &Finagle) -> u64 {
    let reserve = u128::from(tokens(finagle.min_per_second)) * u128::from(nanos(finagle.window)) / 1_000_000_000;
    u64::try_from(reserve).unwrap_or(u64::MAX)
}

/// How many may be under way beside so many requests in flight. In integers: 29% of 100 is 29.
fn bound(envoy: &EnvoyInFlight, extra: Extra, in_flight: u64) -> u64 {
    let part = u128::from(millionths(envoy.ratio.get())) * u128::from(in_flight) / u128::from(TOKEN);
    let least = if extra == Extra::Hedge { 0 } else { u64::from(envoy.min) };
    u64::try_from(part).unwrap_or(u64::MAX).max(least)
}
