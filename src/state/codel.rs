//! Whether those who wait do so in a burst that passes, or in a line that stands: folly's `Codel`.
//!
//! A long line is no sign of overload. A burst fills it too, and is served a moment later; whoever refuses by length
//! refuses bursts. A line that stands is told by its *shortest* wait: in a burst somebody soon waits hardly at all, where
//! the line stands nobody does (Nichols and Jacobson, *Controlling queue delay*, 2012). So this keeps the least wait of
//! the interval, judges at its end, and holds the verdict for the next one. While overloaded, who has waited for more
//! than twice the target is refused (folly's rule in place of the paper's ever quicker drops: requests do not slow down
//! when one of them is lost, as a TCP flow does).
//!
//! Cold start: the first wait begins an interval, so nothing is refused before one has passed. Recovery: an interval with
//! one wait at or below the target, or at once by [`Codel::reset`], when nobody waits any more.
//!
//! Unlike folly's, judging and observing are two calls, so that a line where nobody is served, of which no wait is ever
//! seen, can be judged too; and the wait that ends an interval may already be refused by what that interval showed.

use crate::time::Instant;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Codel {
    target: Duration,
    interval: Duration,
    /// The least wait since the interval began. Zero, which is no overload, before the first.
    least: Duration,
    /// When the interval ends.
    until: Instant,
    is_overloaded: bool,
}

impl Codel {
    /// Nothing seen yet.
    pub(crate) fn new(target: Duration, interval: Duration) -> Self {
        Codel { target, interval, least: Duration::ZERO, until: Instant::START, is_overloaded: false }
    }

    /// Changes the knobs and keeps what was seen: the interval that runs ends when it would have.
    pub(crate) fn reconfigure(&mut self, target: Duration, interval: Duration) {
        (self.target, self.interval) = (target, interval);
    }

    /// Nobody waits any more: forgets all.
    pub(crate) fn reset(&mut self) {
        *self = Codel::new(self.target, self.interval);
    }

    /// If the interval is over, judges by the least wait in it, and begins the next with this one.
    pub(crate) fn judge(&mut self, wait: Duration, now: Instant) {
        if now >= self.until {
            self.is_overloaded = self.least > self.target;
            self.least = wait;
            self.until = now.after(self.interval);
        }
    }

    /// Takes how long somebody waited who is served now.
    pub(crate) fn observe(&mut self, wait: Duration) {
        self.least = self.least.min(wait);
    }

    /// Whether even the shortest wait of the last interval was above the target.
    pub(crate) fn is_overloaded(&self) -> bool {
        self.is_overloaded
    }

    /// Whether somebody who has waited for so long is refused.
    pub(crate) fn refuses(&self, wait: Duration) -> bool {
        self.is_overloaded && wait > self.target.saturating_mul(2)
    }

    /// The least wait of the interval that runs, in percent of the wait that would be refused; at most 100.
    pub(crate) fn load(&self) -> u8 {
        let refused = self.target.as_nanos() * 2;
        match (self.least.as_nanos() * 100).checked_div(refused) {
            Some(percent) => percent.min(100) as u8,
            None if self.least.is_zero() => 0,
            None => 100,
        }
    }
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn at(milliseconds: u64) -> Instant {
        Instant::START.after(MS(milliseconds))
    }

    /// By the defaults, 5 ms and 100 ms, with these waits served at these moments.
    fn after(waits: &[(u64, u64)]) -> Codel {
        let mut codel = Codel::new(MS(5), MS(100));
        for &(now, wait) in waits {
            codel.judge(MS(wait), at(now));
            codel.observe(MS(wait));
        }
        codel
    }

    // shared/vectors/limits.json, queue_vectors, `codel-load`: min_delay_ms, load_pct.
    const CODEL_LOAD: [(u64, u8); 4] = [(10, 100), (7, 70), (2, 20), (40, 100)];

    #[test]
    fn load_follows_follys_vector() {
        for (wait, percent) in CODEL_LOAD {
            assert_eq!(after(&[(1, wait)]).load(), percent, "{wait} ms");
            assert_eq!(after(&[(1, 90), (2, wait), (3, 90)]).load(), percent, "{wait} ms is the least");
        }
        assert_eq!(after(&[]).load(), 0);
    }

    #[test]
    fn a_target_of_zero_is_no_division_by_zero() {
        let mut codel = Codel::new(Duration::ZERO, MS(100));
        assert_eq!(codel.load(), 0);
        codel.judge(MS(1), at(1));
        assert_eq!(codel.load(), 100);
    }

    #[test]
    fn a_standing_line_is_overloaded_once_its_interval_is_over() {
        let mut codel = after(&[(0, 6), (50, 6), (99, 6)]);
        assert!(!codel.is_overloaded() && !codel.refuses(MS(1000)));
        codel.judge(MS(6), at(100));
        assert!(codel.is_overloaded());
    }

    #[test]
    fn one_wait_at_the_target_is_a_burst() {
        assert!(!after(&[(0, 90), (40, 5), (80, 90), (100, 90)]).is_overloaded());
        assert!(after(&[(0, 90), (40, 6), (80, 90), (100, 90)]).is_overloaded());
    }

    #[test]
    fn it_refuses_what_waited_for_more_than_twice_the_target() {
        let codel = after(&[(0, 6), (100, 6)]);
        assert!(!codel.refuses(MS(10)) && codel.refuses(MS(10) + Duration::from_nanos(1)));
    }

    #[test]
    fn it_recovers_after_an_interval_with_a_short_wait() {
        let mut codel = after(&[(0, 6), (100, 6), (150, 1), (199, 6)]);
        assert!(codel.is_overloaded());
        codel.judge(MS(6), at(200));
        assert!(!codel.is_overloaded());
    }

    #[test]
    fn a_verdict_holds_only_for_the_interval_after_it() {
        // The wait that ends an interval counts in the next: at 200 the least is 1 ms, whatever 0 to 100 was like.
        assert!(!after(&[(0, 6), (100, 1), (200, 6)]).is_overloaded());
        assert!(after(&[(0, 6), (100, 6), (200, 1)]).is_overloaded());
    }

    #[test]
    fn nobody_waiting_forgets_all() {
        let mut codel = after(&[(0, 60), (100, 60)]);
        codel.reset();
        assert!(!codel.is_overloaded());
        assert_eq!(codel.load(), 0);
        codel.judge(MS(60), at(300));
        assert!(!codel.is_overloaded(), "the first wait begins an interval and judges nothing");
    }

    #[test]
    fn new_knobs_keep_the_verdict_and_the_interval_that_runs() {
        let mut codel = after(&[(0, 6), (100, 6)]);
        codel.reconfigure(MS(50), MS(10));
        assert!(codel.is_overloaded() && !codel.refuses(MS(100)) && codel.refuses(MS(101)));
        codel.judge(MS(6), at(199));
        assert!(codel.is_overloaded());
        codel.judge(MS(6), at(200));
        assert!(!codel.is_overloaded(), "6 ms are below the new target");
        codel.judge(MS(6), at(209));
        assert_eq!(codel.until, at(210));
    }
}
