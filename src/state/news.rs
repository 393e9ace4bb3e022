//! What health has done, kept until somebody tells the observers.
//!
//! A verdict may come where nobody can be told: at the end of a body, which holds no table, or under a lock that no observer may be
//! called in. So it is put down here, and whoever tells observers the next thing tells this first.

use super::health::Verdict;
use super::life::Transition;
use crate::id::{Epoch, Generation, Name};
use crate::sync::{AtomicU64, Mutex, Ordering};
use crate::time::Instant;

/// More than anybody reads: of what nobody asks for, the oldest is forgotten.
const MOST: usize = 4096;

/// One thing that health has done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct News {
    pub(crate) cluster: Name,
    pub(crate) region: Name,
    pub(crate) at: Instant,
    /// The table in force, and the last view of any cluster, when it was found.
    pub(crate) generation: Generation,
    pub(crate) epoch: Epoch,
    pub(crate) what: What,
}

/// What it has done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    Endpoint(Verdict),
    Region(Transition),
}

/// What was not told yet.
#[derive(Debug, Default)]
pub(crate) struct Board {
    count: AtomicU64,
    news: Mutex<Vec<News>>,
}

impl Board {
    pub(crate) fn put(&self, news: Vec<News>) {
        if news.is_empty() {
            return;
        }
        let mut all = self.news.lock();
        all.extend(news);
        let old = all.len().saturating_sub(MOST);
        all.drain(..old);
        // Release, under the lock: whoever sees the count finds as many or has been forestalled.
        self.count.store(all.len() as u64, Ordering::Release);
    }

    /// Whether there may be any.
    #[inline]
    pub(crate) fn has_any(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// All, which the caller tells.
    #[cold]
    pub(crate) fn take(&self) -> Vec<News> {
        let mut all = self.news.lock();
        self.count.store(0, Ordering::Release);
        std::mem::take(&mut *all)
    }
}
