//! Requests that wait to be let in, and how a place that becomes free reaches one of them.
//!
//! A request that wants to wait takes the queue's lock, says in the word that somebody stands there, and tries once more; a
//! request that ends changes the same word, and if it finds somebody said so, it takes the lock and lets the next one in. All
//! changes of one word have one order: either the place was given back before the waiter's last try, which then finds it, or
//! after, and then whoever gives it back sees that somebody waits. So no place is lost between them.
//!
//! A place is taken for a waiter before the waiter knows of it, under the lock, so that it is never promised to two. A waiter
//! that has left meanwhile gives it back, and the next one gets it.
//!
//! Nobody is woken under the lock: a waker may run anything, also a request that wants to wait here.

use super::bound::{Admission, Asker, Bound, Control};
use super::line::{Line, Next, Ticket, Why};
use super::partitions::Slot;
use super::region::RegionState;
use super::route::RouteState;
use crate::error::Reason;
use crate::protocol::Priority;
use crate::sync::{Arc, Meeting, Ordering, fence};
use crate::table::Queue;
use crate::time::Instant;
use std::mem;
use std::task::{Poll, Waker};

/// The queue of one bound; none before a table asked for one.
#[derive(Debug)]
pub(super) struct Waiters(Meeting<Option<Line<Arc<Seat>>>>);

/// Where requests wait: a bound that lives as long as they do.
#[derive(Clone, Debug)]
pub(crate) enum BoundRef {
    Region(Arc<RegionState>),
    Route(Arc<RouteState>),
}

/// How a request that wanted to wait began.
pub(crate) enum Entered {
    /// There was room after all.
    Admitted(Admission),
    Waits(Waiting),
}

/// How waiting ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WaitEnd {
    /// It is let in.
    Served(Admission),
    /// It has waited for as long as it may, or had to make room for another.
    Refused,
    /// Everybody has to leave: the region is evacuated.
    Expelled,
}

/// What a request that waits and the queue have in common.
#[derive(Debug)]
struct Seat {
    slot: Slot,
    state: Meeting<SeatState>,
}

#[derive(Debug)]
enum SeatState {
    Waiting(Waker),
    Ended(WaitEnd),
    /// The request has taken what there was, or has left.
    Left,
}

/// A request's place in the queue, until it is let in, refused or dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    bound: BoundRef,
    seat: Arc<Seat>,
    ticket: Ticket,
    /// It is refused then, whether or not anybody is let in.
    until: Instant,
}

impl Waiters {
    pub(super) fn new() -> Self {
        Waiters(Meeting::new(None))
    }

    pub(super) fn configure(&self, queue: &Queue) {
        let mut line = self.0.lock();
        match &mut *line {
            Some(line) => line.reconfigure(queue),
            None => *line = Some(Line::new(queue)),
        }
    }

    /// How many wait, whether they are too many for long, and the load in percent.
    pub(super) fn status(&self) -> (usize, bool, u8) {
        self.0.lock().as_ref().map_or((0, false, 0), |line| (line.len(), line.is_congested(), line.load()))
    }
}

impl BoundRef {
    pub(crate) fn bound(&self) -> &Bound {
        match self {
            BoundRef::Region(region) => &region.bound,
            BoundRef::Route(route) => &route.bound,
        }
    }

    /// Stands in the queue from now on, unless there is room. Where a table has removed the queue since the request was
    /// refused, it asks once more: the limit may be gone as well.
    ///
    /// # Errors
    /// When the queue is full, or there is none any more and no room either; or when the deadline has come.
    pub(crate) fn enter(self, asker: Asker, now: Instant, deadline: Instant, waker: &Waker) -> Result<Entered, Reason> {
        let bound = self.bound();
        let afresh = || {
            // Pairs with the store in `Bound::apply`.
            fence(Ordering::Acquire);
            bound.admit(asker, now).map(Entered::Admitted).map_err(|refused| refused.reason)
        };
        let Some((control, slot)) = bound.control().map(|control| (control, bound.slot(asker))) else {
            return afresh();
        };
        let mut waiters = control.waiters.0.lock();
        let Some(line) = waiters.as_mut().filter(|_| bound.queues()) else {
            drop(waiters);
            return afresh();
        };
        bound.permits().set_queued(true);
        let is_sampled = bound.learns();
        if line.is_empty()
            && let Ok(in_flight) = bound.permits().try_begin_queued(is_sampled)
        {
            bound.permits().set_queued(false);
            return Ok(Entered::Admitted(bound.seated(control, in_flight, slot, is_sampled)));
        }
        let seat = Arc::new(Seat { slot, state: Meeting::new(SeatState::Waiting(waker.clone())) });
        let pushed = line.push(seat.clone(), asker.priority, slot.map_or(0, |slot| slot + 1), now, deadline);
        let until = deadline.min(now.after(line.max_wait()));
        if line.is_empty() {
            bound.permits().set_queued(false);
        }
        drop(waiters);
        let pushed = pushed.map_err(|refused| match refused.why {
            Why::Deadline => Reason::Deadline,
            _ => Reason::Queue,
        })?;
        // Before anybody is woken: a waker that panics leaves no seat behind that nobody sits in.
        let waiting = Waiting { ticket: pushed.ticket, seat, until, bound: self };
        if let Some(ousted) = pushed.ousted {
            ousted.payload.end(WaitEnd::Refused).wake();
        }
        Ok(Entered::Waits(waiting))
    }
}

impl Bound {
    /// There may be room: lets in who is next, for as long as there is.
    #[cold]
    pub(crate) fn let_in(&self) {
        // Pairs with `set_queued`: all changes of the word are in one chain with the one that said that somebody queues.
        fence(Ordering::Acquire);
        if let Some(control) = self.control() {
            while self.let_one_in(control) {}
        }
    }

    /// Whether there may be another.
    fn let_one_in(&self, control: &Control) -> bool {
        let mut waiters = control.waiters.0.lock();
        let Some(line) = waiters.as_mut().filter(|line| !line.is_empty()) else {
            self.permits().set_queued(false);
            return false;
        };
        let now = control.clock.now();
        // Who has waited for too long is told so, though there be no room.
        if let Some(ousted) = line.expire(now) {
            drop(waiters);
            ousted.payload.end(WaitEnd::Refused).wake();
            return true;
        }
        let is_sampled = self.learns();
        let begun = match self.permits().try_begin_queued(is_sampled) {
            // A publish took the limit into the dark while they waited.
            Err(_) if self.is_dark() => self.permits().begin(is_sampled).inspect(|_| control.refusals.count_dark()),
            begun => begun,
        };
        let Ok(in_flight) = begun else { return false };
        let promised = |_: Priority, partition: u8| {
            partition.checked_sub(1).is_some_and(|slot| control.partitions.is_promised(slot))
        };
        let next = match line.pop(now, promised) {
            Next::Nobody => line.pop(now, |_, _| true),
            next => next,
        };
        let seat = match next {
            Next::Serve(_, seat) => {
                let admission = self.seated(control, in_flight, seat.slot, is_sampled);
                let waker = seat.end(WaitEnd::Served(admission));
                drop(waiters);
                waker.wake();
                return true;
            }
            Next::Tell(ousted) => Some(ousted.payload),
            Next::Nobody => None,
        };
        // The lock is held, so nobody can have queued for the place meanwhile who would have to be told of it.
        _ = self.permits().end(is_sampled);
        drop(waiters);
        let Some(seat) = seat else { return false };
        seat.end(WaitEnd::Refused).wake();
        true
    }

    /// Somebody left the queue before it was their turn.
    pub(crate) fn count_as_left(&self) {
        if let Some(control) = self.control() {
            // Relaxed: a figure that is shown.
            control.refusals.left.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Everybody who waits has to leave.
    pub(crate) fn expel(&self) {
        let Some(control) = self.control() else { return };
        let seats: Vec<_> = {
            let mut waiters = control.waiters.0.lock();
            let Some(line) = waiters.as_mut() else { return };
            self.permits().set_queued(false);
            line.drain().map(|(_, seat)| seat).collect()
        };
        for seat in seats {
            seat.end(WaitEnd::Expelled).wake();
        }
    }
}

impl Seat {
    /// Ends the waiting of a request that was taken out of the line: whoever took it out ends it, and nobody else.
    ///
    /// One that has given up meanwhile has left, and is not told a second time. It cannot have been given a place: that is
    /// done under the line's lock, which it takes before it leaves.
    fn end(&self, end: WaitEnd) -> Waker {
        let mut state = self.state.lock();
        if let SeatState::Waiting(waker) = &mut *state {
            let waker = mem::replace(waker, Waker::noop().clone());
            *state = SeatState::Ended(end);
            return waker;
        }
        debug_assert!(!matches!(end, WaitEnd::Served(_)), "a place for somebody who has left is lost");
        Waker::noop().clone()
    }
}

impl Waiting {
    /// When it has waited for as long as it may.
    pub(crate) fn until(&self) -> Instant {
        self.until
    }

    /// How it ended, if it has; else the waker is woken when it does. Not to be asked again after that.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<WaitEnd> {
        let mut state = self.seat.state.lock();
        match &mut *state {
            SeatState::Waiting(known) => {
                let old = (!known.will_wake(waker)).then(|| mem::replace(known, waker.clone()));
                // After the lock is free: a waker may be the last to hold a task, which may have a place in this queue.
                drop(state);
                drop(old);
                Poll::Pending
            }
            SeatState::Ended(end) => {
                let end = *end;
                *state = SeatState::Left;
                drop(state);
                if matches!(end, WaitEnd::Expelled) {
                    self.bound.bound().count_as_left();
                }
                Poll::Ready(end)
            }
            SeatState::Left => Poll::Ready(WaitEnd::Refused),
        }
    }

    /// It has waited for as long as it may: it leaves, unless it was let in at this very moment.
    pub(crate) fn give_up(&mut self) -> WaitEnd {
        self.leave_line();
        if let Poll::Ready(end) = self.poll(Waker::noop()) {
            return end;
        }
        *self.seat.state.lock() = SeatState::Left;
        WaitEnd::Refused
    }

    fn leave_line(&self) {
        let bound = self.bound.bound();
        let Some(control) = bound.control() else { return };
        let mut waiters = control.waiters.0.lock();
        if let Some(line) = waiters.as_mut()
            && line.remove(self.ticket).is_some()
            && line.is_empty()
        {
            bound.permits().set_queued(false);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if matches!(*self.seat.state.lock(), SeatState::Left) {
            return;
        }
        self.leave_line();
        self.bound.bound().count_as_left();
        let state = mem::replace(&mut *self.seat.state.lock(), SeatState::Left);
        if let SeatState::Ended(WaitEnd::Served(admission)) = state {
            // Not wanted any more: it goes on to the next.
            self.bound.bound().release(admission.before_head());
        }
    }
}

#[cfg(all(test, contraflow_loom))]
mod loom_tests;

#[cfg(all(test, not(contraflow_loom)))]
mod tests;
