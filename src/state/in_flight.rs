//! Requests in flight, counted from the pick to the end of the answer's body.
//!
//! Two counts share one word. *Open* counts until the end: it is what a cap bounds, since a slow reader still holds a
//! connection. *Waiting* counts until the head: it is what feeds an estimate of the backend's speed, since the reader's
//! pace is not the backend's. One word, so that both change together and a reader never sees them apart.

use crate::sync::{AtomicU64, Ordering};

/// How many requests are open (low half) and, of those, still waiting for their head (high half).
#[derive(Debug)]
pub(crate) struct InFlight(AtomicU64);

const OPEN: u64 = 1;
const WAITING: u64 = 1 << 32;

impl InFlight {
    pub(crate) fn new() -> Self {
        InFlight(AtomicU64::new(0))
    }

    // Relaxed, in all four: the word is a count and publishes nothing else. Its own changes have one order, so no change
    // is lost, and a reader who joined the threads that changed it sees them all.

    #[inline]
    pub(crate) fn begin(&self) {
        self.0.fetch_add(OPEN + WAITING, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn head(&self) {
        self.0.fetch_sub(WAITING, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn end(&self, had_head: bool) {
        self.0.fetch_sub(if had_head { OPEN } else { OPEN + WAITING }, Ordering::Relaxed);
    }

    /// How many are open.
    #[inline]
    pub(crate) fn open(&self) -> u32 {
        self.0.load(Ordering::Relaxed) as u32
    }

    /// How many wait for their head.
    #[inline]
    pub(crate) fn waiting(&self) -> u32 {
        (self.0.load(Ordering::Relaxed) >> 32) as u32
    }
}

#[cfg(all(test, contraflow_loom))]
mod loom_tests {
    use super::*;

    /// I-33: whatever the order, both counts are zero when all are done, and `waiting` never exceeds `open`.
    #[test]
    fn loom_counts_balance_under_every_interleaving() {
        loom::model(|| {
            let word = loom::sync::Arc::new(InFlight::new());
            let threads: Vec<_> = [true, false]
                .into_iter()
                .map(|gets_head| {
                    let word = word.clone();
                    loom::thread::spawn(move || {
                        word.begin();
                        if gets_head {
                            word.head();
                        }
                        let (open, waiting) = (word.open(), word.waiting());
                        assert!(open >= 1 && waiting <= 2, "{open} open, {waiting} waiting");
                        word.end(gets_head);
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!((word.open(), word.waiting()), (0, 0));
        });
    }
}
