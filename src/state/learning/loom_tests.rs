//! Samples that meet each other, and that meet a table's change of the limit.

use super::*;
use crate::state::bound::{Asker, Bound};
use crate::sync::Arc;
use crate::time::{Clock, Instant};

/// Each drop takes one off.
#[derive(Debug)]
struct Counting(u32);

impl LimitAlgorithm for Counting {
    fn limit(&self) -> u32 {
        self.0
    }

    fn observe(&mut self, sample: &Sample) {
        // Under the lock: loom does not look by itself at what others find who try a lock that is held.
        loom::thread::yield_now();
        if sample.signal == Signal::Dropped {
            self.0 -= 1;
        }
    }
}

const DROPPED: Sample =
    Sample { now: Instant::START, took: Duration::ZERO, in_flight: 1, waiting: 1, signal: Signal::Dropped };

/// I-42 rests on it: a drop is worth most when many come at once.
#[test]
fn loom_a_drop_that_meets_another_is_not_lost() {
    loom::model(|| {
        let learning = Arc::new(Learning::new());
        learning.run(&Limit::by(|| Counting(50)).algorithm, 1, |_| ());
        let others = [(); 2].map(|()| {
            let learning = learning.clone();
            loom::thread::spawn(move || _ = learning.observe(&DROPPED, |_| ()))
        });
        for other in others {
            other.join().expect("no thread panics");
        }
        assert_eq!(learning.observe(&DROPPED, |limit| limit), Some(47));
    });
}

/// A limit that was learned a moment before a table sets another, or takes it away, does not come after it: no sample might
/// ever correct it.
#[test]
fn loom_what_was_learned_does_not_outlast_the_limit_that_a_table_sets() {
    for to in [Some(Limit::fixed(5)), None] {
        loom::model(move || {
            let (bound, clock) = (Arc::new(Bound::new()), Clock::manual().0);
            bound.apply(Some(&Limit::by(|| Counting(50))), &clock, 1);
            let admission = bound.admit(Asker::default(), Instant::START).expect("there is room");
            let learns = {
                let bound = bound.clone();
                loom::thread::spawn(move || {
                    bound.sample(admission, Signal::Dropped, Duration::ZERO, Instant::START);
                    bound.release(admission.before_head());
                })
            };
            bound.apply(to.as_ref(), &clock, 1);
            learns.join().expect("no thread panics");
            assert_eq!(bound.permits().limit(), to.is_some().then_some(5));
            assert_eq!(bound.status().map(|status| status.limit), to.is_some().then_some(5));
            assert_eq!(bound.in_flight(), 0);
        });
    }
}
