//! Atomics, the one lock and the one swappable cell: std's, or loom's under `--cfg contraflow_loom`.
//!
//! Everything shared goes through here, so that what loom checks is what runs, and so that the cell's strategy can
//! change in one place (`arc-swap` had memory-safety fixes up to 1.9.5; older versions are refused by `Cargo.toml`).

#[cfg(contraflow_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(not(contraflow_loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};

pub(crate) use std::sync::{Arc, OnceLock};

#[expect(clippy::disallowed_types, reason = "the one place that names the lock")]
use std::sync::{Mutex as StdMutex, MutexGuard, PoisonError, TryLockError};

/// A lock for writers. No request waits for one.
#[derive(Debug, Default)]
#[expect(clippy::disallowed_types, reason = "the one place that names the lock")]
pub(crate) struct Mutex<T>(StdMutex<T>);

impl<T> Mutex<T> {
    #[expect(clippy::disallowed_types, reason = "the one place that names the lock")]
    pub(crate) const fn new(value: T) -> Self {
        Mutex(StdMutex::new(value))
    }

    /// Waits for the lock. A writer that panicked left whole values behind: each change is made in one assignment.
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, unless somebody has it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// A lock that loom looks into: where requests that wait, and those that end, meet.
#[cfg(not(contraflow_loom))]
pub(crate) type Meeting<T> = Mutex<T>;

#[cfg(contraflow_loom)]
#[derive(Debug, Default)]
pub(crate) struct Meeting<T>(loom::sync::Mutex<T>);

#[cfg(contraflow_loom)]
impl<T> Meeting<T> {
    pub(crate) fn new(value: T) -> Self {
        Meeting(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn try_lock(&self) -> Option<loom::sync::MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }
}

/// What [`ArcCell::load`] gives: must not be kept over an await, nor in a struct that is; a thread has eight cheap ones.
#[cfg(not(contraflow_loom))]
pub(crate) type Loaded<T> = arc_swap::Guard<Arc<T>>;
#[cfg(contraflow_loom)]
pub(crate) type Loaded<T> = Box<Arc<T>>;

/// A pointer that is replaced whole while others read it.
#[cfg(not(contraflow_loom))]
#[derive(Debug)]
pub(crate) struct ArcCell<T>(arc_swap::ArcSwap<T>);

#[cfg(not(contraflow_loom))]
impl<T> ArcCell<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        ArcCell(arc_swap::ArcSwap::new(value))
    }

    /// The value now.
    #[inline]
    pub(crate) fn load(&self) -> Loaded<T> {
        self.0.load()
    }

    /// Replaces the value and gives the old one, which no new reader can get any more.
    pub(crate) fn swap(&self, value: Arc<T>) -> Arc<T> {
        self.0.swap(value)
    }
}

/// The cell's contract, in terms that loom knows: loom cannot look into `arc-swap`, and checks what is built on the cell.
#[cfg(contraflow_loom)]
#[derive(Debug)]
pub(crate) struct ArcCell<T>(loom::sync::Mutex<Arc<T>>);

#[cfg(contraflow_loom)]
impl<T> ArcCell<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        ArcCell(loom::sync::Mutex::new(value))
    }

    pub(crate) fn load(&self) -> Loaded<T> {
        Box::new(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    pub(crate) fn swap(&self, value: Arc<T>) -> Arc<T> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), value)
    }
}

/// A value on cache lines of its own: 128 bytes, since x86 fetches lines in pairs and Apple's are that long.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

impl<T> std::ops::Deref for Padded<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}
