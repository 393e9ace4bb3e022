//! Where a request goes: one candidate after another, each chosen by the core and let in by its limits.

use super::among::Kept;
use super::{Marks, Pass, Standing, Step, Turned, Unplaced};
use crate::decide::Passed;
use crate::error::{Reason, Rejected};
use crate::state::{Admission, NotAdmitted, Refused};

/// Why a first choice was not enough.
#[derive(Clone, Copy)]
pub(crate) enum First {
    /// Somebody wants to know how it is chosen.
    Told,
    /// The route's limit refused it.
    AtRoute(Refused),
    /// A limit refused it where it wanted to go.
    At {
        region: u32,
        endpoint: u32,
        refused: NotAdmitted,
    },
    Rejected(Reason),
}

impl Pass {
    /// The limit and the failover stage's first choice, for a request of which the leaf has said whether it can be sent at all.
    ///
    /// # Errors
    /// When more has to be done: [`choose_after`](Self::choose_after) does it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "where every request passes, and where nobody hurries")]
    pub(crate) fn choose_first(&mut self, admitted: Result<(), Reason>) -> Result<(), First> {
        admitted.map_err(First::Rejected)?;
        if self.of_route.is_none() && self.policy().is_limited {
            self.ask_route().map_err(First::AtRoute)?;
        }
        // Somebody wants to know, or the attempt keeps away from others' places.
        if self.marks.has(Marks::SHOWS) || self.aside.is_some() || self.pin.shared().is_observed() {
            return Err(First::Told);
        }
        let place = self.pin.first_place(&self.digest, self.priority(), self.draws, self.began);
        let (region, endpoint, is_probe) = place.map_err(First::Rejected)?;
        if is_probe {
            self.marks.set(Marks::IS_PROBE, true);
        }
        self.take(region, endpoint).map_err(|refused| First::At { region, endpoint, refused })
    }

    /// What is left to do after a first choice that was not enough.
    #[cold]
    #[inline(never)]
    pub(crate) fn choose_after(&mut self, first: First) -> Result<(), Unplaced> {
        match first {
            First::Told => self.choose_any(),
            First::AtRoute(refused) => Err(self.unplaced_by_route(refused)),
            First::Rejected(reason) => Err(Unplaced::Rejected(self.reject(reason))),
            First::At { region, endpoint, refused } => self.choose_other(region, endpoint, refused),
        }
    }

    /// The same, told to whom it concerns, and for a request that chooses anew.
    #[cold]
    pub(crate) fn choose_any(&mut self) -> Result<(), Unplaced> {
        if self.number() > 0 {
            // It follows a wait, and whoever waited may look late. A leaf that all share sends it in the call.
            self.begin_now().map_err(Unplaced::Rejected)?;
        }
        let (mut passed, mut turned) = (self.asked_nobody(), None);
        let chosen = self.choose(&mut passed, &mut turned);
        self.placed(chosen, turned)
    }

    #[cold]
    fn choose_other(&mut self, region: u32, endpoint: u32, refused: NotAdmitted) -> Result<(), Unplaced> {
        let (mut passed, mut turned) = (self.asked_nobody(), None);
        (self.region, self.endpoint) = (region, endpoint);
        let chosen = if self.turn(refused, &mut passed, &mut turned) {
            self.choose(&mut passed, &mut turned)
        } else {
            Err(refused.reason())
        };
        self.placed(chosen, turned)
    }

    /// What a choice came to.
    fn placed(&mut self, chosen: Result<(), Reason>, turned: Option<Turned>) -> Result<(), Unplaced> {
        match chosen {
            Ok(()) => {
                self.count_turned(turned.as_ref());
                Ok(())
            }
            Err(reason) => Err(self.turned_away(turned).unwrap_or_else(|| Unplaced::Rejected(self.reject(reason)))),
        }
    }

    /// The failover stage, first half: a candidate other than those passed over, let in there by its limits and counted. The
    /// first that was refused by a limit is kept.
    #[inline(never)]
    pub(crate) fn choose(&mut self, passed: &mut Passed, turned: &mut Option<Turned>) -> Result<(), Reason> {
        debug_assert_eq!(self.step, Step::Routed);
        loop {
            let decision = self.pin.place(&self.digest, self.priority(), self.draws, self.began, passed)?;
            let (region, endpoint) = (decision.region, decision.endpoint);
            self.marks.set(Marks::IS_PROBE, decision.is_probe());
            if self.marks.has(Marks::SHOWS) || self.pin.shared().is_observed() {
                self.pin.shared().tell(|observer| observer.decision(&self.pin, &decision));
                self.record = Some(Box::new(decision));
            }
            let Err(refused) = self.take(region, endpoint) else { return Ok(()) };
            (self.region, self.endpoint) = (region, endpoint);
            if !self.turn(refused, passed, turned) {
                return Err(refused.reason());
            }
        }
    }

    /// It waits no longer and has no place: it chooses by what may be used now.
    pub(crate) fn choose_anew(&mut self) -> Result<(), Unplaced> {
        self.begin_now().map_err(Unplaced::Rejected)?;
        self.admit_to_route()?;
        self.choose_any()
    }

    /// Counts as in flight at an endpoint, if the limits there let it in.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "where every request passes, and where nobody hurries")]
    pub(super) fn take(&mut self, region: u32, endpoint: u32) -> Result<(), NotAdmitted> {
        let admission = if self.aside.is_some() {
            self.admit_aside(region, endpoint)
        } else {
            let state = self.pin.endpoint_state(self.digest.cluster, region, endpoint);
            state.admit(self.region_asker(region), self.began)
        };
        let admission = match admission {
            Ok(admission) => admission,
            Err(refused) => {
                // The place of a probe is not waited for: whoever came later would be none, where only probes may go.
                let may_only_probe = self.may_only_probe(region, endpoint);
                self.release_probe(region, endpoint);
                return Err(if may_only_probe { NotAdmitted::AsProbe } else { refused });
            }
        };
        (self.region, self.endpoint, self.of_region, self.step) = (region, endpoint, Some(admission), Step::Placed);
        Ok(())
    }

    /// The endpoint could not take it. What it has of the region's limit it keeps while it asks the region's other endpoints,
    /// or comes back to `standing`: or who waits there would get it, and it would have to wait behind them.
    #[cold]
    pub(crate) fn pass_on(&mut self, passed: &mut Passed, standing: Option<&Standing>) -> bool {
        if standing.is_none_or(|standing| standing.region == self.region)
            && let Some(admission) = self.of_region.take()
        {
            self.state().leave();
            self.pay_back();
            self.release_probe(self.region, self.endpoint);
            self.keep(admission);
            (self.step, self.record) = (Step::Routed, None);
        } else {
            self.leave();
        }
        passed.add(self.region, self.endpoint)
    }

    /// Keeps a place of a region's limit until [`release_kept`](Self::release_kept).
    #[cold]
    pub(super) fn keep(&mut self, admission: Admission) {
        self.release_kept();
        self.aside.get_or_insert_default().kept = Some(Kept { region: self.region, admission });
    }

    /// It has asked whom it wanted to ask.
    #[inline]
    pub(crate) fn release_kept(&mut self) {
        if let Some(kept) = self.aside.as_mut().and_then(|aside| aside.kept.take()) {
            self.region_handle(kept.region).state.bound.release(kept.admission.before_head());
        }
    }

    /// Where it stands, to return there.
    pub(crate) fn standing(&mut self) -> Standing {
        Standing { region: self.region, endpoint: self.endpoint, record: self.record.take() }
    }

    /// Back to an endpoint that was asked before, if its limits still let it in.
    pub(crate) fn return_to(&mut self, standing: Standing) -> Result<(), Rejected> {
        if let Err(refused) = self.take(standing.region, standing.endpoint) {
            let rejected = match refused.uncounted() {
                Some(after) => self.rejected_uncounted(standing.region, refused.reason(), after),
                None => self.rejected_by_region(standing.region, refused.reason()),
            };
            self.tell_rejected(&rejected);
            return Err(rejected);
        }
        self.record = standing.record;
        Ok(())
    }
}
