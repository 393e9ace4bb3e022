//! What a prober needs of the handle: to hear of a publish, and to have the views follow what it found.
//!
//! Hearing of a publish by an observer would make every request pay for observers. So who follows publishes leaves a waker
//! here, which costs nothing but at a publish.

use super::Traffic;
use crate::observe::Event;
use crate::sync::{Arc, Mutex};
use std::fmt;
use std::task::Waker;

/// Who follows publishes.
#[derive(Default)]
pub(super) struct Watchers(Mutex<Vec<Slot>>);

/// A follower's place: the waker that it left.
type Slot = Arc<Mutex<Option<Waker>>>;

/// A follower's place among the watchers, which it leaves when dropped.
pub(crate) struct Watch {
    traffic: Traffic,
    slot: Slot,
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchers").finish_non_exhaustive()
    }
}

impl Watchers {
    /// Something was published. The publisher's lock must be free: who is woken may do anything.
    pub(super) fn wake(&self) {
        let wakers: Vec<Waker> = self.0.lock().iter().filter_map(|slot| slot.lock().take()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Watch {
    /// Wakes this at the next publish; one that happens from now on is not missed.
    pub(crate) fn wake_at_publish(&self, waker: &Waker) {
        let waker = waker.clone();
        let old = self.slot.lock().replace(waker);
        // While the lock is free: what a waker does when it is dropped is its own affair.
        drop(old);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.traffic.core.shared.watchers().0.lock().retain(|slot| !Arc::ptr_eq(slot, &self.slot));
    }
}

impl Traffic {
    /// A place among those who are woken by a publish.
    pub(crate) fn watch(&self) -> Watch {
        self.core.writer.lock().watch_all(self.now());
        let slot = Slot::default();
        self.core.shared.watchers().0.lock().push(slot.clone());
        Watch { traffic: self.clone(), slot }
    }

    /// What is known of some endpoints' health has changed: rebuilds the views, of older tables too.
    ///
    /// When it returns, no new attempt goes by a view that does not know of it.
    pub(crate) fn health_changed(&self) {
        let writer = self.core.writer.lock();
        let now = self.now();
        writer.current.look(now);
        writer.current.rebuild_views(now);
        writer.retired.iter().for_each(|snapshot| snapshot.rebuild_views(now));
        drop(writer);
        self.core.shared.tell_news();
    }

    /// Tells those who observe; the views must follow already.
    pub(crate) fn tell_of_check(&self, event: impl FnOnce() -> Event) {
        self.tell(event);
    }
}
