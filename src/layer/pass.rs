//! What travels with a request: its pin, its digest, its place, and what it counts.
//!
//! A pass is the only guard of a request until the head of its answer: it holds one pin, moved and never cloned, and
//! through it the state that it counts on, so that nothing else need be counted. At the head it goes over into [`Held`],
//! which keeps the endpoint's state but no table, and ends with the answer.
//!
//! Each stage is a method here. The layers are thin: they call these in their order and carry what they return.

mod among;
mod choosing;
mod judged;
mod limits;
mod marks;
mod stem;

pub(crate) use among::{Account, Among, End, Ledger, Spending};
pub(crate) use limits::{Turned, Unplaced};
pub(crate) use stem::Stem;

use super::held::Held;
use crate::decide::{Decision, Digest};
use crate::entropy::Draws;
use crate::error::{Reason, Rejected};
use crate::protocol::{Describe, Outcome, Priority, Verdict};
use crate::state::{Admission, EndpointState, RegionHandle, Sent};
use crate::sync::Arc;
use crate::table::{Class, Cluster, Idempotency, Policy, Region};
use crate::time::{Clock, Instant, Sleep};
use crate::traffic::{Pinned, Reader};
use among::Aside;
use marks::{Marks, believed, count};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

/// See the module's words.
pub(crate) struct Pass {
    pin: Pinned,
    digest: Digest,
    draws: Draws,
    /// By when the head of the answer has to be there, and from when on that is counted.
    deadline: Instant,
    since: Instant,
    /// When the request began or last chose anew, and once its endpoint has it, when the endpoint's time began.
    began: Instant,
    region: u32,
    endpoint: u32,
    class: Class,
    /// What it has of its route's limit, if there is one and it was let in.
    of_route: Option<Admission>,
    /// What it has of its region's limit, once it has a place.
    of_region: Option<Admission>,
    /// What few have.
    aside: Option<Box<Aside>>,
    step: Step,
    marks: Marks,
    /// The decision, if somebody wants to know it.
    record: Option<Box<Decision>>,
}

/// An endpoint that was asked and may take the request later.
pub(crate) struct Standing {
    region: u32,
    endpoint: u32,
    record: Option<Box<Decision>>,
}

/// A request's deadline, for a future that knows nothing else of it.
pub(crate) struct Timing {
    deadline: Instant,
    given: Duration,
    clock: Clock,
}

impl Timing {
    /// How long the request had.
    pub(crate) fn given(&self) -> Duration {
        self.given
    }

    /// Whether the deadline has passed; if not, wakes the task when it does. The timer is set when this is first asked:
    /// a request that waits for nothing never sets one.
    pub(crate) fn is_over(&self, timer: &mut Option<Sleep>, cx: &mut Context<'_>) -> bool {
        let timer = timer.get_or_insert_with(|| self.clock.sleep_until(self.deadline));
        Pin::new(timer).poll(cx).is_ready()
    }
}

/// How far it has come, and so what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing.
    Routed,
    /// In flight at its endpoint, and not sent.
    Placed,
    /// Handed over, and its answer not asked for yet.
    Sent,
    /// Its answer is being waited for.
    Awaited,
    /// Nothing any more: the head has come.
    Answered,
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("step", &self.step).finish_non_exhaustive()
    }
}

impl Pass {
    /// The route stage: one table, one route, one cluster, for all that comes.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a pass is moved once from here; a call more would move it twice")]
    pub(crate) fn route<K: Describe<R>, R>(reader: &mut Reader, protocol: &K, request: &R) -> Result<Self, Rejected> {
        let pin = reader.pin();
        let draws = reader.traffic().draws();
        // Looked at where they were written: they are many words, and slow to move.
        let facts = protocol.facts(request);
        let facts = match &facts {
            Ok(facts) => facts,
            Err(rejected) => return Err(told(&pin, rejected.clone())),
        };
        let digest = match pin.route(facts, draws) {
            Ok(digest) => digest,
            Err(reason) => return Err(told(&pin, Rejected::new(reason))),
        };
        let policy = pin.table().route_at(digest.route).policy_at(digest.target);
        let class = pin.table().class(policy, facts, digest.route, digest.cluster);
        let began = pin.now();
        let given = facts.timeout().map_or(policy.deadline, |timeout| timeout.min(policy.deadline));
        let deadline = began.after(given);
        let mut marks = Marks::OWES_DEADLINE;
        if policy.may_retry {
            let is_idempotent = match policy.retry.idempotency {
                Idempotency::All => true,
                Idempotency::None => false,
                Idempotency::ByProtocol => protocol.is_idempotent(request),
            };
            if is_idempotent || policy.retry.retry_unsent || pin.table().trusts_anybody() {
                marks = believed(is_idempotent, policy, &pin, facts);
            }
        }
        if policy.is_counted {
            marks.set(Marks::IS_HEDGED, policy.hedge.is_some());
            count(&pin, policy, digest, began);
        }
        let (region, endpoint, step, record) = (0, 0, Step::Routed, None);
        let (of_route, of_region, aside, since) = (None, None, None, began);
        Ok(Pass {
            pin,
            digest,
            draws,
            deadline,
            since,
            began,
            region,
            endpoint,
            class,
            of_route,
            of_region,
            aside,
            step,
            marks,
            record,
        })
    }

    /// The route layer sees to the deadline, over all that stands between it and the answer.
    #[inline]
    pub(crate) fn hand_over_deadline(&mut self) -> Option<Timing> {
        self.marks.set(Marks::OWES_DEADLINE, false);
        self.timing()
    }

    /// Keeps the decision for whoever gets the answer.
    #[inline]
    pub(crate) fn shows_decision(&mut self, shows: bool) {
        self.marks.set(Marks::SHOWS, shows);
    }

    #[inline]
    fn region_handle(&self, region: u32) -> &RegionHandle {
        &self.pin.cluster(self.digest.cluster).regions[region as usize]
    }

    pub(crate) fn priority(&self) -> Priority {
        self.class.priority
    }

    /// Whether it has a place.
    #[inline]
    pub(crate) fn is_placed(&self) -> bool {
        self.step == Step::Placed
    }

    #[cold]
    fn reject(&self, reason: Reason) -> Rejected {
        let rejected = match self.digest.within(self.pin.table()) {
            Some(within) if reason == Reason::Residency => {
                let regions = self.in_cluster().regions();
                Rejected::in_region(reason, regions.get(within.trailing_zeros() as usize).map(Region::name))
            }
            _ => Rejected::new(reason),
        };
        self.tell_rejected(&rejected);
        rejected
    }

    /// What is chosen from here on is chosen by what may be used now, however long the request has waited.
    pub(crate) fn choose_by_now(&mut self) {
        self.began = self.pin.now();
    }

    fn leave(&mut self) {
        debug_assert_eq!(self.step, Step::Placed);
        self.end();
        self.pay_back();
        self.release_probe(self.region, self.endpoint);
        self.step = Step::Routed;
        // Nobody may observe when the next is chosen, and then somebody again.
        self.record = None;
    }

    /// Region and endpoint, by place.
    pub(crate) fn place(&self) -> (u32, u32) {
        (self.region, self.endpoint)
    }

    /// Whether an operator took the region out after it was chosen. Then it must be left.
    #[inline]
    pub(crate) fn is_vetoed(&mut self) -> bool {
        // No evacuation lasts beyond the choice, as nearly always: then none came after it either, for that would.
        if self.pin.latest_veto().is_over(self.began) {
            return false;
        }
        let now = self.pin.now();
        let is_vetoed = self.region_handle(self.region).state.veto().forbids(now);
        if is_vetoed {
            self.leave();
        }
        is_vetoed
    }

    /// The failover stage, second half: the request is handed over after this, in the call.
    #[inline]
    pub(crate) fn send(&mut self) {
        debug_assert_eq!(self.step, Step::Placed);
        self.step = Step::Sent;
        if self.aside.is_some() {
            self.is_sent();
        }
        if let Some(decision) = &self.record {
            self.pin.shared().tell(|observer| observer.attempt(&self.pin, decision));
        }
    }

    /// The same in a poll, which may come long after the call.
    ///
    /// # Errors
    /// When the deadline has passed meanwhile.
    pub(crate) fn send_now(&mut self) -> Result<(), Rejected> {
        self.begin_now()?;
        self.send();
        self.begin_own_time();
        self.step = Step::Awaited;
        Ok(())
    }

    /// What comes now may come long after the request was routed: its time begins now.
    ///
    /// # Errors
    /// When the deadline has passed meanwhile.
    #[inline]
    pub(crate) fn begin_now(&mut self) -> Result<(), Rejected> {
        let now = self.pin.now();
        if now >= self.deadline {
            return Err(self.reject(Reason::Deadline));
        }
        self.began = now;
        Ok(())
    }

    /// The answer is not there at once. If the request was handed over in the call, which may be long ago, the endpoint's
    /// time begins now: until somebody polled for the answer it could do nothing.
    #[inline]
    pub(crate) fn wait(&mut self) {
        if self.step == Step::Sent {
            self.began = self.pin.now();
            self.begin_own_time();
            self.step = Step::Awaited;
        }
    }

    /// Tells observers of a refusal that came after the route was found.
    pub(crate) fn tell_rejected(&self, rejected: &Rejected) {
        // Of another attempt nobody can take, who made it tells.
        if self.draws.attempt() > 0 {
            return;
        }
        self.pin.shared().tell(|observer| observer.rejection(&self.pin, rejected));
    }

    /// The attempt has its answer, which ends with its head, or failed.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "where every request passes, and where nobody hurries")]
    pub(crate) fn finish(&mut self, verdict: Verdict) {
        let now = self.pin.now();
        let outcome = match verdict {
            Verdict::Known(outcome) => outcome,
            // There will be no end that could tell.
            Verdict::AtEnd => Outcome::Ignore,
        };
        let took = now.since(self.began);
        self.step = Step::Answered;
        let sent = self.sent(took);
        let state = self.pin.endpoint_state(self.digest.cluster, self.region, self.endpoint);
        if state.judge(outcome, sent, now) {
            self.follow_health(now);
        }
        if outcome == Outcome::Success && (state.region().has_spent() || self.marks.has(Marks::IS_HEDGED)) {
            self.succeed(took);
        }
        if let Some(of_region) = self.of_region {
            // Given back after its sample, and by the drop if an algorithm panics over that.
            state.region().bound.sample(of_region, verdict.into(), took, now);
            self.of_region = None;
            state.end(of_region.before_head(), false);
        }
        if self.of_route.is_some() || self.aside.is_some() {
            self.finish_at_route(verdict.into(), took, now);
        }
        self.tell_outcome(outcome, now);
    }

    /// Gives back what it counts at its endpoint and region.
    #[inline]
    fn end(&mut self) {
        if let Some(admission) = self.of_region.take() {
            self.state().end(admission.before_head(), false);
        }
    }

    /// The attempt has the head of its answer, and the rest will come: what holds on to its end.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "where every request passes, and where nobody hurries")]
    pub(crate) fn hold(&mut self, verdict: Verdict) -> Held {
        let now = self.pin.now();
        let took = now.since(self.began);
        self.step = Step::Answered;
        let witness = match (&self.record, verdict) {
            (Some(decision), Verdict::AtEnd) if self.pin.shared().is_observed() => {
                Some(Box::new((self.pin.clone(), **decision)))
            }
            _ => None,
        };
        self.sample(verdict.into(), took, now);
        let counted = self.counted();
        let sent =
            if verdict == Verdict::AtEnd { self.sent(took) } else { Sent { began: self.began, took, is_probe: false } };
        let held = Held::new(counted, self.policy(), verdict, sent, witness);
        // With the guard made: an observer that panics leaks nothing.
        if let Verdict::Known(outcome) = verdict {
            self.judge(outcome, took, now);
            let state = self.state();
            if outcome == Outcome::Success && (state.region().has_spent() || self.marks.has(Marks::IS_HEDGED)) {
                self.succeed(took);
            }
            self.tell_outcome(outcome, now);
        } else if self.marks.has(Marks::IS_HEDGED) || self.aside.is_some() {
            self.is_open(took);
        }
        held
    }

    #[inline]
    fn tell_outcome(&self, outcome: Outcome, now: Instant) {
        if let Some(decision) = &self.record {
            let took = now.since(self.began);
            self.pin.shared().tell(|observer| observer.outcome(&self.pin, decision, outcome, took));
        }
    }

    /// The decision, if it is wanted beside the answer.
    #[inline]
    pub(crate) fn shown(&mut self) -> Option<Box<Decision>> {
        if self.marks.has(Marks::SHOWS) { self.record.take() } else { None }
    }

    #[inline]
    pub(crate) fn pin(&self) -> &Pinned {
        &self.pin
    }

    /// The cluster, by place.
    #[inline]
    pub(crate) fn cluster(&self) -> u32 {
        self.digest.cluster
    }

    /// Whether the deadline has passed while the answer is waited for, if that is the failover stage's to see to.
    #[inline]
    pub(crate) fn is_timed_out(&self, timer: &mut Option<Sleep>, cx: &mut Context<'_>) -> bool {
        self.marks.has(Marks::OWES_DEADLINE) && self.timing().is_some_and(|timing| timing.is_over(timer, cx))
    }

    /// By when the head of the answer has to be there; none when there is no deadline.
    pub(crate) fn timing(&self) -> Option<Timing> {
        let deadline = self.deadline;
        if deadline == Instant::NEVER {
            return None;
        }
        Some(Timing { deadline, given: self.given(), clock: self.pin.shared().clock().clone() })
    }

    /// How long it has until its deadline.
    pub(crate) fn given(&self) -> Duration {
        self.deadline.since(self.since)
    }

    #[inline]
    pub(crate) fn policy(&self) -> &Policy {
        self.pin.table().route_at(self.digest.route).policy_at(self.digest.target)
    }

    #[inline]
    fn state(&self) -> &Arc<EndpointState> {
        self.pin.endpoint_state(self.digest.cluster, self.region, self.endpoint)
    }
}

#[cold]
fn told(pin: &Pinned, rejected: Rejected) -> Rejected {
    pin.shared().tell(|observer| observer.rejection(pin, &rejected));
    rejected
}

impl Drop for Pass {
    #[inline]
    fn drop(&mut self) {
        if self.step != Step::Answered || self.of_region.is_some() || self.of_route.is_some() || self.aside.is_some() {
            self.give_back();
        }
    }
}

impl Pass {
    #[inline]
    fn in_cluster(&self) -> &Cluster {
        self.pin.table().cluster_at(self.digest.cluster)
    }

    /// All that it has, of a request that ended before its answer or in the middle of one.
    #[inline(never)]
    fn give_back(&mut self) {
        let rest = Rest(self);
        match rest.0.step {
            Step::Routed | Step::Answered => {}
            Step::Placed => rest.0.leave(),
            Step::Sent | Step::Awaited => rest.0.abandon(),
        }
    }
}

/// What a pass that is dropped has left, given back whatever happens: an algorithm or an observer may panic, here or before.
struct Rest<'p>(&'p mut Pass);

impl Drop for Rest<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.end();
        let (region, endpoint) = self.0.place();
        self.0.release_probe(region, endpoint);
        self.0.release_kept();
        self.0.leave_seat();
        if let Some(of_route) = self.0.of_route.take() {
            self.0.route_limit().0.state.bound.release(of_route.before_head());
        }
    }
}
