//! A budget as it is shown.

use super::Budget;
use crate::table::RetryBudget;
use crate::time::Instant;

/// A cluster's retry budget as it is now.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BudgetStatus {
    /// Tokens left, where the policy keeps any: all but Envoy's, which looks at what is in flight, and none at all.
    ///
    /// A retry takes one; of the AWS SDKs' quota its cost; of gRPC's throttle none, while more than half is left. Finagle's
    /// count what is always there.
    pub tokens: Option<f64>,
    /// How many tokens there can be, where that is bounded: Finagle's are as many as requests add.
    pub capacity: Option<u32>,
    /// Retries and hedges under way, those that wait to be sent included.
    pub under_way: u64,
}

impl Budget {
    /// What is left by this policy, and what is under way.
    pub(crate) fn status(&self, policy: &RetryBudget, now: Instant) -> BudgetStatus {
        let (tokens, capacity) = self.left(policy, now);
        BudgetStatus { tokens, capacity, under_way: self.under_way() }
    }
}
