//! What all attempts of a request have in common, and how another pass is made of it.

use super::among::{Among, Ledger, Spending};
use super::marks::Marks;
use super::{Pass, Step};
use crate::decide::Digest;
use crate::entropy::Draws;
use crate::protocol::Priority;
use crate::state::{Extra, Seat};
use crate::sync::Arc;
use crate::table::{Class, Policy, RetryBudget};
use crate::time::Instant;
use crate::traffic::Pinned;

/// What all attempts of a request have in common.
pub(crate) struct Stem {
    pub(crate) pin: Pinned,
    pub(crate) digest: Digest,
    pub(crate) draws: Draws,
    pub(crate) deadline: Instant,
    since: Instant,
    class: Class,
    marks: Marks,
    seat: Option<Arc<Seat>>,
}

impl Stem {
    /// The pass of another attempt, with this number, and with less time than the request if `has_own_time`.
    ///
    /// Others come one priority lower than their request: what is important for the first time goes before what was tried.
    pub(crate) fn branch(&self, number: u32, has_own_time: bool, among: Among) -> Pass {
        let now = self.pin.now();
        let mut class = self.class;
        class.priority = Priority::ALL[(class.priority as usize).saturating_sub(1)];
        let mut pass = Pass {
            pin: self.pin.clone(),
            digest: self.digest,
            draws: self.draws.for_attempt(number),
            deadline: self.deadline,
            since: self.since,
            began: now,
            region: 0,
            endpoint: 0,
            class,
            of_route: None,
            of_region: None,
            aside: None,
            step: Step::Routed,
            marks: self.marks,
            record: None,
        };
        pass.join(among.seated(self.seat.clone()));
        pass.marks.set(Marks::HAS_OWN_TIME, has_own_time);
        pass
    }

    pub(crate) fn policy(&self) -> &Policy {
        self.pin.table().route_at(self.digest.route).policy_at(self.digest.target)
    }

    pub(crate) fn is_idempotent(&self) -> bool {
        self.marks.has(Marks::IS_IDEMPOTENT)
    }

    /// Whether the attempt of this number has less time than its request.
    pub(crate) fn has_own_time(&self, number: u32) -> bool {
        has_own_time(self.policy(), self.is_idempotent(), number)
    }

    fn budget(&self) -> &RetryBudget {
        self.pin.table().cluster_at(self.digest.cluster).retry_budget()
    }

    /// Whether a region looks well: it is not evacuated, its limit has room, and most of its endpoints answer.
    pub(crate) fn is_well(&self, region: u32) -> bool {
        let handle = &self.pin.cluster(self.digest.cluster).regions[region as usize];
        let suspects = handle.endpoints.iter().filter(|endpoint| endpoint.is_suspect()).count();
        2 * suspects <= handle.endpoints.len()
            && handle.state.bound.has_room()
            && !handle.state.veto().forbids(self.pin.now())
    }

    /// What another attempt takes of the cluster's budget, if anything is left.
    pub(crate) fn spend(&self, extra: Extra, now: Instant) -> Option<Spending> {
        let handle = self.pin.cluster(self.digest.cluster);
        let charge = handle.budget.withdraw(self.budget(), extra, || handle.in_flight(), now)?;
        let (pin, cluster) = (self.pin.clone(), self.digest.cluster);
        Some(Spending::new(pin, cluster, charge))
    }
}

/// The last attempt has all that is left, and so has what may not be sent twice.
fn has_own_time(policy: &Policy, is_idempotent: bool, number: u32) -> bool {
    is_idempotent && policy.retry.per_try.is_some() && number + 1 < policy.retry.attempts
}

impl Drop for Stem {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            seat.leave();
        }
    }
}

impl Pass {
    /// Whether it would have less time than its request as the attempt of this number.
    pub(crate) fn has_own_time(&self, number: u32) -> bool {
        has_own_time(self.policy(), self.is_idempotent(), number)
    }

    /// What its request's attempts have in common; this is the first of them.
    pub(crate) fn stem(&mut self, has_own_time: bool, ledger: Option<Ledger>) -> Stem {
        let seat = self.policy().is_limited.then(|| {
            let (route, _) = self.route_limit();
            let seat = Arc::new(Seat::new(route.state.clone()));
            if let Some(of_route) = self.of_route.take() {
                seat.take(of_route);
            }
            seat
        });
        let stem = Stem {
            pin: self.pin.clone(),
            digest: self.digest,
            draws: self.draws,
            deadline: self.deadline,
            since: self.since,
            class: self.class,
            marks: self.marks,
            seat: seat.clone(),
        };
        if seat.is_some() || ledger.is_some() {
            self.join(Among::first(seat, ledger));
        }
        self.marks.set(Marks::TRACKED, true);
        self.marks.set(Marks::HAS_OWN_TIME, has_own_time);
        stem
    }
}
