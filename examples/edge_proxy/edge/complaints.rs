//! What goes wrong, on the standard error, at most a line a second: an outage should not fill the disk.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Complaints {
    started: Instant,
    /// When the next may be said, in milliseconds since the start.
    next: AtomicU64,
    unsaid: AtomicU64,
}

impl Complaints {
    pub(crate) fn new() -> Self {
        Complaints { started: Instant::now(), next: AtomicU64::new(0), unsaid: AtomicU64::new(0) }
    }

    /// Says it, or counts it with what the next one says.
    pub(crate) fn say(&self, complaint: impl Display) {
        let now = self.started.elapsed().as_millis() as u64;
        let next = self.next.load(Relaxed);
        let is_time = now >= next;
        if !is_time || self.next.compare_exchange(next, now + EVERY.as_millis() as u64, Relaxed, Relaxed).is_err() {
            self.unsaid.fetch_add(1, Relaxed);
            return;
        }
        // Nobody may be there to read it, and that is no reason to stop.
        _ = match self.unsaid.swap(0, Relaxed) {
            0 => writeln!(io::stderr(), "{complaint}"),
            unsaid => writeln!(io::stderr(), "{complaint} (and {unsaid} more before)"),
        };
    }
}
