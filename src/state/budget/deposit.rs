//! What a success adds, in millionths of a token.
//!
//! Ratios are written in decimals, so parts of a token are decimal too: ten successes at 0.1 are one token and not 0.99999. In
//! parts of 2^20, which are as fine, 0.1 is either a little less, and the tenth success funds nothing, or a little more, and
//! gRPC's throttle lets go one success early. Who keeps no parts at all is off by far more: tower takes `1 / ratio` as an
//! integer, so that 0.6 and 0.99 both mean 1 (tower-rs/tower#857).

use crate::sync::{AtomicU64, Ordering};
use crate::table::RetryBudget;

/// One token.
pub(super) const TOKEN: u64 = 1_000_000;

/// So many tokens: at most 2^52 millionths.
pub(super) const fn tokens(count: u32) -> u64 {
    count as u64 * TOKEN
}

/// What a success adds, and how much there can be. Computed once from a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deposit {
    pub(super) amount: u64,
    pub(super) capacity: u64,
}

impl Deposit {
    /// Of a policy that successes do not fund: leaves what is spent as it is.
    pub(crate) const NONE: Deposit = Deposit { amount: 0, capacity: u64::MAX };

    /// What the success of a first attempt adds by this policy.
    pub(crate) fn of(policy: &RetryBudget) -> Self {
        match policy {
            RetryBudget::Successes(successes) => Deposit::ratio(successes.ratio, successes.burst),
            RetryBudget::Grpc(throttle) => Deposit::ratio(throttle.ratio, throttle.max_tokens),
            RetryBudget::Aws(quota) => Deposit { amount: TOKEN, capacity: tokens(quota.capacity) },
            RetryBudget::Finagle(_) | RetryBudget::Envoy(_) | RetryBudget::Unbounded => Deposit::NONE,
        }
    }

    /// So many tokens each time, up to so many in all.
    ///
    /// A ratio below a millionth is nothing. Worked number: 0.05 with a capacity of 10 is one token in twenty.
    pub(crate) fn ratio(ratio: f64, capacity: u32) -> Self {
        Deposit { amount: millionths(ratio), capacity: tokens(capacity) }
    }

    /// The same, but it adds so many millionths.
    pub(super) fn with_amount(self, amount: u64) -> Self {
        Deposit { amount, ..self }
    }
}

/// A deposit that a publish replaces while successes read it.
#[derive(Debug)]
pub(crate) struct StoredDeposit {
    amount: AtomicU64,
    capacity: AtomicU64,
}

impl StoredDeposit {
    pub(crate) fn new() -> Self {
        StoredDeposit { amount: AtomicU64::new(0), capacity: AtomicU64::new(u64::MAX) }
    }

    // Relaxed, here and below: they publish nothing else, and one success between the two may pay in by the old ratio or the old
    // capacity.
    pub(crate) fn set(&self, deposit: Deposit) {
        self.amount.store(deposit.amount, Ordering::Relaxed);
        self.capacity.store(deposit.capacity, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Deposit {
        let load = |word: &AtomicU64| word.load(Ordering::Relaxed);
        Deposit { amount: load(&self.amount), capacity: load(&self.capacity) }
    }
}

/// A ratio in millionths, rounded down: no bound is ever wider than it says. But not below a decimal that was meant, which a
/// binary number may miss by its last bit: 0.29 is 290 000, though `0.29 * 1e6` is 289 999.99999999994.
pub(super) fn millionths(ratio: f64) -> u64 {
    (ratio * TOKEN as f64 * (1.0 + 4.0 * f64::EPSILON)) as u64
}
