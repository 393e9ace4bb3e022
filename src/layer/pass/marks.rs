//! What is true of a pass, and what its table believes of the request.

use crate::decide::Digest;
use crate::protocol::Facts;
use crate::table::{Idempotency, Policy};
use crate::time::Instant;
use crate::traffic::Pinned;

/// What is true of a pass: a set of bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks(u16);

impl Marks {
    /// The failover stage has to see to the deadline, and not the route layer.
    pub(super) const OWES_DEADLINE: Marks = Marks(1);
    /// The decision is wanted beside the answer.
    pub(super) const SHOWS: Marks = Marks(2);
    /// Somebody may make another attempt, and wants to know how this one ended.
    pub(super) const TRACKED: Marks = Marks(4);
    /// It may be sent twice, whatever became of it.
    pub(super) const IS_IDEMPOTENT: Marks = Marks(8);
    /// It may be sent again, if it may be copied and its failure allows that.
    pub(super) const MAY_RETRY: Marks = Marks(16);
    /// The request says that it is a retry, and the table does not believe it.
    pub(super) const IS_UNTRUSTED: Marks = Marks(32);
    /// Another attempt was answered first.
    pub(super) const SUPERSEDED: Marks = Marks(64);
    /// Its route is hedged, by how long its answers take.
    pub(super) const IS_HEDGED: Marks = Marks(128);
    /// It has less time than its request, from when it is sent: the route's time for one attempt.
    pub(super) const HAS_OWN_TIME: Marks = Marks(256);
    /// Its answer says that another attempt may do better.
    pub(super) const HAS_FAILED: Marks = Marks(512);
    /// It would have been copied, and nothing was left of the budget.
    pub(super) const HAS_NO_BUDGET: Marks = Marks(1024);
    /// It has the place of a probe where it stands, or is on its way there.
    pub(super) const IS_PROBE: Marks = Marks(2048);

    #[inline]
    pub(super) fn has(self, mark: Marks) -> bool {
        self.0 & mark.0 != 0
    }

    #[inline]
    pub(super) fn set(&mut self, mark: Marks, is_set: bool) {
        self.0 = if is_set { self.0 | mark.0 } else { self.0 & !mark.0 };
    }
}

/// Whether a request may be sent again, by what the table believes of it.
#[inline(never)]
pub(super) fn believed(is_idempotent: bool, policy: &Policy, pin: &Pinned, facts: &Facts<'_>) -> Marks {
    let claims = pin.table().claims(facts);
    let by_protocol = policy.retry.idempotency == Idempotency::ByProtocol;
    let is_idempotent = is_idempotent || by_protocol && claims.idempotency_key && facts.has_idempotency_key();
    // Another layer retries it.
    let is_retry = claims.attempts && facts.previous_attempts() > 0;
    let mut marks = Marks::OWES_DEADLINE;
    marks.set(Marks::IS_IDEMPOTENT, is_idempotent);
    marks.set(Marks::MAY_RETRY, (is_idempotent || policy.retry.retry_unsent) && !is_retry);
    // Also what makes no sense to us: the server may read it otherwise.
    marks.set(Marks::IS_UNTRUSTED, !claims.attempts && facts.claims_attempts());
    marks
}

/// A request came: budgets that requests fund get their part.
#[inline(never)]
pub(super) fn count(pin: &Pinned, policy: &Policy, digest: Digest, now: Instant) {
    pin.cluster(digest.cluster).budget.request(pin.table().cluster_at(digest.cluster).retry_budget(), now);
    if let Some(hedge) = &policy.hedge
        && let Some(hedging) = pin.route_state(digest.route).and_then(|route| route.state.hedging())
    {
        hedging.request(hedge.max_extra, now);
    }
}
