//! What requests need of the handle besides the table: the clock, and whether anybody observes.

use super::health::Watchers;
use crate::observe::{Event, Observer};
use crate::state::Board;
use crate::sync::{Arc, ArcCell, AtomicU64, Mutex, Ordering, Padded};
use crate::time::Clock;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

/// Reached through every pin, and the same for all of them.
pub(crate) struct Shared {
    clock: Clock,
    /// How many observe: apart from what is written, so that looking costs nothing.
    observed: Padded<AtomicU64>,
    observers: ArcCell<Vec<Arc<dyn Observer>>>,
    changing: Mutex<()>,
    /// What health has done, and nobody was told yet.
    board: Arc<Board>,
    watchers: Watchers,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(clock: Clock, board: Arc<Board>) -> Self {
        let (observed, observers) = (Padded(AtomicU64::new(0)), ArcCell::new(Arc::new(Vec::new())));
        Shared { clock, observed, observers, changing: Mutex::new(()), board, watchers: Watchers::default() }
    }

    #[inline]
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Who follows publishes.
    pub(super) fn watchers(&self) -> &Watchers {
        &self.watchers
    }

    /// Whether anybody observes.
    #[inline]
    pub(crate) fn is_observed(&self) -> bool {
        // Relaxed: an observer hears of what begins after `observe` returned, in the threads that know that it has.
        self.observed.load(Ordering::Relaxed) > 0
    }

    /// Tells all observers.
    #[inline]
    pub(crate) fn tell(&self, what: impl Fn(&dyn Observer)) {
        if self.is_observed() {
            self.tell_all(what);
        }
    }

    /// Tells what health has done, if anything has happened.
    pub(super) fn tell_news(&self) {
        if self.board.has_any() && self.is_observed() {
            self.tell_all(|_| ());
        }
    }

    #[cold]
    fn tell_all(&self, what: impl Fn(&dyn Observer)) {
        // Counted, not guarded: an observer may do anything, also observe.
        let observers = Arc::clone(&self.observers.load());
        let tell_each = || {
            if self.board.has_any() {
                for event in self.board.take().into_iter().map(Event::from) {
                    observers.iter().for_each(|observer| observer.event(&event));
                }
            }
            observers.iter().for_each(|observer| what(&**observer));
        };
        if thread::panicking() {
            // What is told while a panic unwinds comes from a drop: another panic out of there would abort the process.
            drop(panic::catch_unwind(AssertUnwindSafe(tell_each)));
        } else {
            tell_each();
        }
    }

    pub(super) fn add(&self, observer: Arc<dyn Observer>) {
        self.change(|observers| observers.push(observer));
    }

    pub(super) fn remove(&self, observer: &Arc<dyn Observer>) {
        // By the address of the value: two handles may have two tables of methods for it.
        self.change(|observers| observers.retain(|one| !std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(observer))));
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<dyn Observer>>)) {
        let _changing = self.changing.lock();
        let mut observers = Vec::clone(&self.observers.load());
        change(&mut observers);
        let count = observers.len() as u64;
        self.observers.swap(Arc::new(observers));
        // Relaxed: see `is_observed`.
        self.observed.store(count, Ordering::Relaxed);
    }
}
