//! Where a request goes: one candidate after another, each chosen by the core and let in by its limits.

use super::{Pass, Standing, Step, Turned, Unplaced};
use crate::decide::Passed;
use crate::error::{Reason, Rejected};
use crate::state::NotAdmitted;

impl Pass {
    /// The limit and the failover stage's first choice, for a request of which the leaf has said whether it can be sent at all.
    #[inline]
    pub(crate) fn choose_first(&mut self, admitted: Result<(), Reason>) -> Result<(), Unplaced> {
        if let Err(reason) = admitted {
            return Err(Unplaced::Rejected(self.reject(reason)));
        }
        self.admit_to_route()?;
        if self.shows || self.pin.shared().is_observed() {
            return self.choose_any();
        }
        match self.pin.first_place(&self.digest, self.draws, self.began) {
            Ok((region, endpoint)) => match self.take(region, endpoint) {
                Ok(()) => Ok(()),
                Err(refused) => self.choose_after(region, endpoint, refused),
            },
            Err(reason) => Err(Unplaced::Rejected(self.reject(reason))),
        }
    }

    /// The same, told to whom it concerns, and for a request that chooses anew.
    #[cold]
    pub(crate) fn choose_any(&mut self) -> Result<(), Unplaced> {
        let (mut passed, mut turned) = (Passed::default(), None);
        let chosen = self.choose(&mut passed, &mut turned);
        self.placed(chosen, turned)
    }

    #[cold]
    pub(super) fn choose_after(&mut self, region: u32, endpoint: u32, refused: NotAdmitted) -> Result<(), Unplaced> {
        let (mut passed, mut turned) = (Passed::default(), None);
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
                self.count_turned(turned);
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
            let decision = self.pin.place(&self.digest, self.draws, self.began, passed)?;
            let (region, endpoint) = (decision.region, decision.endpoint);
            if self.shows || self.pin.shared().is_observed() {
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
        self.began = self.pin.now();
        self.admit_to_route()?;
        self.choose_any()
    }

    /// Counts as in flight at an endpoint, if the limits there let it in.
    #[inline]
    pub(super) fn take(&mut self, region: u32, endpoint: u32) -> Result<(), NotAdmitted> {
        let state = self.pin.endpoint_state(self.digest.cluster, region, endpoint);
        let admission = state.admit(self.region_asker(region), self.began)?;
        (self.region, self.endpoint, self.of_region, self.step) = (region, endpoint, Some(admission), Step::Placed);
        Ok(())
    }

    /// The endpoint could not take it.
    pub(crate) fn pass_on(&mut self, passed: &mut Passed) -> bool {
        self.leave();
        passed.add(self.region, self.endpoint)
    }

    /// Where it stands, to return there.
    pub(crate) fn standing(&mut self) -> Standing {
        Standing { region: self.region, endpoint: self.endpoint, record: self.record.take() }
    }

    /// Back to an endpoint that was asked before, if its limits still let it in.
    pub(crate) fn return_to(&mut self, standing: Standing) -> Result<(), Rejected> {
        if let Err(refused) = self.take(standing.region, standing.endpoint) {
            let rejected = self.rejected_by_region(standing.region, refused.reason());
            self.tell_rejected(&rejected);
            return Err(rejected);
        }
        self.record = standing.record;
        Ok(())
    }
}
