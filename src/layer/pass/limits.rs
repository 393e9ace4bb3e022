//! Where limits meet a request on its way: its route's, and that of the region and the endpoint where it wants to go.
//!
//! A refusal of a limit is local: nothing was sent, so the request goes on to the next candidate as it is. Only when nobody
//! takes it does the first refusal count for the caller: it is where the request should have gone, so there it waits, if there
//! is a queue, and by its name it is refused. Each limit counts its own refusals, also of requests that others took.

use super::{Pass, Standing, Step};
use crate::decide::Passed;
use crate::error::{Reason, Rejected};
use crate::layer::held::{Counted, OfRoute};
use crate::state::{Admission, Asker, BoundRef, Entered, NotAdmitted, Refused, RouteHandle};
use crate::table::Signal;
use crate::time::{Instant, Sleep};
use std::task::Waker;
use std::time::Duration;

/// Where a limit refused the request first, and may let it wait.
pub(crate) struct Turned {
    /// None at the route's limit.
    place: Option<Standing>,
    refused: Refused,
    /// None where it was the route's or the region's limit, which count whom they refuse, and know when another try makes sense. An
    /// endpoint's own limit does not, nor does a region's share of the retry budget, or its rate: after so long.
    uncounted: Option<Duration>,
}

/// Why a request has no place.
pub(crate) enum Unplaced {
    Rejected(Rejected),
    /// Nobody let it in, and the first has a queue.
    Waits(Turned),
}

impl Pass {
    /// The limit stage: the route's limit, unless the request has passed it already.
    ///
    /// # Errors
    /// When the limit refuses it: it may wait, or is rejected.
    #[inline]
    pub(crate) fn admit_to_route(&mut self) -> Result<(), Unplaced> {
        if self.of_route.is_some() || !self.policy().is_limited {
            return Ok(());
        }
        self.ask_route().map_err(|refused| self.unplaced_by_route(refused))
    }

    #[inline]
    pub(super) fn ask_route(&mut self) -> Result<(), Refused> {
        if self.seat().is_some_and(|seat| seat.admission().is_some()) {
            return Ok(());
        }
        let (handle, asker) = self.route_limit();
        let admission = handle.state.bound.admit(asker, self.began)?;
        self.enter_route(admission);
        Ok(())
    }

    /// The route's limit has let it in, and with it the others of its request.
    #[inline]
    fn enter_route(&mut self, admission: Admission) {
        match self.seat() {
            Some(seat) => seat.take(admission),
            None => self.of_route = Some(admission),
        }
    }

    /// What becomes of a request that its route's limit refused.
    #[cold]
    pub(super) fn unplaced_by_route(&self, refused: Refused) -> Unplaced {
        if refused.may_wait {
            return Unplaced::Waits(Turned { place: None, refused, uncounted: None });
        }
        let rejected = self.rejected_by_route(refused.reason);
        self.tell_rejected(&rejected);
        Unplaced::Rejected(rejected)
    }

    #[cold]
    pub(super) fn rejected_by_route(&self, reason: Reason) -> Rejected {
        let (handle, asker) = self.route_limit();
        handle.state.bound.refuse(asker, reason, None, self.began)
    }

    /// A limit let nobody in where the pass wanted to go; whether another candidate may be asked.
    pub(super) fn turn(&mut self, refused: NotAdmitted, passed: &mut Passed, turned: &mut Option<Turned>) -> bool {
        let (region, endpoint) = (self.region, self.endpoint);
        if let NotAdmitted::AsProbe = refused {
            return passed.add(region, endpoint);
        }
        let this = Turned {
            place: Some(Standing { region, endpoint, record: self.record.take() }),
            refused: refused.into_refused(),
            uncounted: refused.uncounted(),
        };
        if turned.is_none() {
            *turned = Some(this);
        } else {
            self.count(&this);
        }
        match refused {
            NotAdmitted::ByRegion(_) | NotAdmitted::ByShare | NotAdmitted::ByRate(_) => passed.add_region(region),
            NotAdmitted::ByEndpoint | NotAdmitted::AsProbe => passed.add(region, endpoint),
        }
    }

    /// What becomes of a request that limits turned away and nobody else could take; none if no limit did.
    pub(crate) fn turned_away(&mut self, turned: Option<Turned>) -> Option<Unplaced> {
        let turned = turned?;
        if turned.refused.may_wait && !self.hurries() {
            return Some(Unplaced::Waits(turned));
        }
        let rejected = self.count(&turned);
        self.tell_rejected(&rejected);
        Some(Unplaced::Rejected(rejected))
    }

    /// Counts a refusal of a request that another endpoint takes, or may take.
    pub(crate) fn count_turned(&self, turned: Option<&Turned>) {
        if let Some(turned) = turned {
            self.count(turned);
        }
    }

    /// Counts a refusal where it came from; what a caller who is refused for it is told.
    pub(super) fn count(&self, turned: &Turned) -> Rejected {
        match (&turned.place, turned.uncounted) {
            (Some(place), Some(after)) => self.rejected_uncounted(place.region, turned.refused.reason, after),
            (place, _) => self.refuse_at(place.as_ref(), turned.refused.reason),
        }
    }

    /// The same with a reason of its own.
    fn refuse_at(&self, place: Option<&Standing>, reason: Reason) -> Rejected {
        match place {
            None => self.rejected_by_route(reason),
            Some(place) => self.rejected_by_region(place.region, reason),
        }
    }

    /// What refused it counts nothing and keeps nobody out: the region may have room for all.
    #[cold]
    pub(super) fn rejected_uncounted(&self, region: u32, reason: Reason, after: Duration) -> Rejected {
        let name = self.pin.table().cluster_at(self.digest.cluster).regions()[region as usize].name();
        Rejected::by_limit(reason, Some(name), after)
    }

    #[cold]
    pub(super) fn rejected_by_region(&self, region: u32, reason: Reason) -> Rejected {
        let name = self.pin.table().cluster_at(self.digest.cluster).regions()[region as usize].name();
        self.region_handle(region).state.bound.refuse(self.region_asker(region), reason, Some(name), self.began)
    }

    /// Stands in the queue where it was turned away first, or finds that there is room now.
    pub(crate) fn enter(&mut self, turned: &Turned, waker: &Waker) -> Result<Entered, Rejected> {
        self.began = self.pin.now();
        let (bound, asker) = match &turned.place {
            None => {
                let (handle, asker) = self.route_limit();
                (BoundRef::Route(handle.state.clone()), asker)
            }
            Some(Standing { region, .. }) => {
                (BoundRef::Region(self.region_handle(*region).state.clone()), self.region_asker(*region))
            }
        };
        let entered = bound.enter(asker, self.began, self.deadline, waker);
        entered.map_err(|reason| self.refuse_there(turned, reason))
    }

    /// It was let in where it waited. At a region's limit it has a place now, unless the endpoint's own limit let nobody in: then
    /// it asks the region's others.
    pub(crate) fn let_in(&mut self, turned: Turned, admission: Admission) {
        self.began = self.pin.now();
        let Some(place) = turned.place else {
            self.enter_route(admission);
            return;
        };
        (self.region, self.endpoint) = (place.region, place.endpoint);
        if self.pay_here().is_err() {
            // Others have spent the region's share meanwhile: it chooses anew.
            self.region_handle(place.region).state.bound.release(admission.before_head());
        } else if self.state().enter_alone().is_ok() {
            (self.of_region, self.step, self.record) = (Some(admission), Step::Placed, place.record);
        } else {
            self.pay_back();
            self.keep(admission);
        }
    }

    /// Whether an operator took the region out where it waits.
    pub(crate) fn is_vetoed_at(&self, turned: &Turned) -> bool {
        let Some(place) = &turned.place else { return false };
        let now = self.pin.now();
        !self.pin.latest_veto().is_over(now) && self.region_handle(place.region).state.veto().forbids(now)
    }

    pub(crate) fn sleep_until(&self, until: Instant) -> Sleep {
        self.pin.shared().clock().sleep_until(until)
    }

    /// It waited for as long as it may.
    pub(crate) fn refuse_waiting(&mut self, turned: &Turned) -> Rejected {
        self.began = self.pin.now();
        let reason = if self.began >= self.deadline { Reason::Deadline } else { Reason::Queue };
        self.refuse_there(turned, reason)
    }

    /// Refuses it where it waited or wanted to. A deadline is the caller's: whom that ends has left, and says nothing of who
    /// else may come in.
    #[cold]
    fn refuse_there(&self, turned: &Turned, reason: Reason) -> Rejected {
        if reason == Reason::Deadline {
            let state = match &turned.place {
                None => &self.route_limit().0.state.bound,
                Some(place) => &self.region_handle(place.region).state.bound,
            };
            state.count_as_left();
            return self.reject(reason);
        }
        let rejected = self.refuse_at(turned.place.as_ref(), reason);
        self.tell_rejected(&rejected);
        rejected
    }

    #[inline]
    pub(super) fn route_limit(&self) -> (&RouteHandle, Asker) {
        let handle = self.pin.route_state(self.digest.route).expect("a route with a limit has a state");
        let slot = self.class.of_route.and_then(|place| handle.slots.get(usize::from(place)).copied()?);
        (handle, Asker { priority: self.class.priority, slot })
    }

    #[inline]
    pub(super) fn region_asker(&self, region: u32) -> Asker {
        let slot = self.class.of_region.and_then(|place| {
            let slots = &self.region_handle(region).slots;
            slots.get(usize::from(place)).copied()?
        });
        Asker { priority: self.class.priority, slot }
    }

    /// What the limits on its way learn from it.
    #[inline]
    pub(super) fn sample(&self, signal: Signal, took: Duration, now: Instant) {
        if let Some(admission) = self.of_region {
            self.state().region().bound.sample(admission, signal, took, now);
        }
        if let Some(admission) = self.of_route.or_else(|| self.seat()?.admission()) {
            self.route_limit().0.state.bound.sample(admission, signal, took, now);
        }
    }

    /// The end of an attempt whose answer ends with its head, at the route's limit.
    #[inline(never)]
    pub(super) fn finish_at_route(&mut self, signal: Signal, took: Duration, now: Instant) {
        if let Some(of_route) = self.of_route {
            self.route_limit().0.state.bound.sample(of_route, signal, took, now);
            self.of_route = None;
            self.route_limit().0.state.bound.release(of_route.before_head());
        } else if let Some(of_route) = self.seat().and_then(|seat| seat.admission()) {
            // Given back by the last of the request's attempts.
            self.route_limit().0.state.bound.sample(of_route, signal, took, now);
        }
    }

    /// What goes on counting after the head.
    #[inline]
    pub(super) fn counted(&mut self) -> Counted {
        let of_region = self.of_region.take().expect("who is answered had a place");
        let endpoint = self.state().clone();
        endpoint.head(of_region);
        let route = self.of_route.take().map(|of_route| {
            let state = self.route_limit().0.state.clone();
            state.bound.head(of_route);
            OfRoute::Own(state, of_route.after_head())
        });
        let route = route.or_else(|| {
            let seat = self.seat()?;
            seat.enter();
            seat.head();
            Some(OfRoute::Shared(seat.clone()))
        });
        Counted { endpoint, of_region: of_region.after_head(), route }
    }

    /// Whether the endpoint leaves requests without an answer, and most others of its region do not: then it is the endpoint
    /// that is in trouble, and what it does not answer says nothing of what the region can take.
    pub(super) fn is_blamed_alone(&self) -> bool {
        let endpoints = &self.region_handle(self.region).endpoints;
        self.state().is_suspect() && 2 * endpoints.iter().filter(|one| one.is_suspect()).count() <= endpoints.len()
    }
}

impl Turned {
    /// What it was, for the one who is let in.
    pub(crate) fn take(&mut self) -> Turned {
        Turned { place: self.place.take(), refused: self.refused, uncounted: self.uncounted }
    }
}
