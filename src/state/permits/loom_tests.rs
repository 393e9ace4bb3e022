//! The word under every order in which threads can change it.

use super::*;
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

/// So many open, and so many of them waiting.
fn in_flight(open: u64, waiting: u64) -> InFlight {
    InFlight::from_bits(open | waiting << BITS)
}

fn permits(limit: Option<u32>) -> Arc<Permits> {
    let permits = Arc::new(Permits::new());
    _ = permits.set_limit(limit);
    permits
}

/// Begins on a thread of its own, and stays; what it was told.
fn begin(permits: &Arc<Permits>) -> JoinHandle<Option<InFlight>> {
    let permits = permits.clone();
    thread::spawn(move || permits.try_begin(true).ok())
}

/// The whole word at one moment.
fn now(permits: &Permits) -> (InFlight, u64) {
    let word = permits.0.load(Ordering::Relaxed);
    (InFlight::from_bits(word), limit(word))
}

/// I-33: both counts are zero when all are done, and there is no moment at which more wait for a head than are open.
#[test]
fn loom_counts_balance_under_every_interleaving() {
    loom::model(|| {
        let permits = permits(None);
        let threads: Vec<_> = [true, false]
            .into_iter()
            .map(|gets_head| {
                let permits = permits.clone();
                thread::spawn(move || {
                    let began = permits.try_begin(true).expect("there is no limit");
                    assert!(began.open() >= began.waiting() && began.waiting() >= 1, "{began:?}");
                    if gets_head {
                        permits.head();
                    }
                    _ = permits.end(!gets_head);
                })
            })
            .collect();
        let (seen, _) = now(&permits);
        assert!(seen.open() >= seen.waiting() && seen.open() <= 2, "{seen:?}");
        for thread in threads {
            thread.join().expect("no thread panics");
        }
        assert_eq!((permits.open(), permits.waiting()), (0, 0));
    });
}

/// I-34: whoever is in a race for the last place, one gets it.
#[test]
fn loom_the_last_place_is_given_once() {
    loom::model(|| {
        let permits = permits(Some(1));
        let others = [begin(&permits), begin(&permits)];
        let mut began: Vec<_> =
            others.into_iter().filter_map(|other| other.join().expect("no thread panics")).collect();
        began.extend(permits.try_begin(true).ok());
        assert_eq!(began, [in_flight(1, 1)]);
    });
}

/// What may be said of a limit that came while others were beginning: from the moment it was in force on, nobody began
/// above it, and none of those who began is uncounted.
fn came(permits: &Permits, others: [JoinHandle<Option<InFlight>>; 2], to: u32) {
    _ = permits.set_limit(Some(to));
    let at_most = permits.open().max(to);
    let mine = permits.try_begin(true).ok();
    assert!(mine.is_none_or(|mine| mine.open() <= to), "{mine:?} began above {to}");
    let others = others.map(|other| other.join().expect("no thread panics"));
    let began = others.into_iter().chain([mine]).flatten().count();
    assert_eq!(permits.open() as usize, began);
    assert_eq!(permits.waiting() as usize, began);
    assert!(permits.open() <= at_most, "{} began at a limit of {to}, from {at_most}", permits.open());
}

/// Every order with at most three switches that no thread asked for: with three threads all of them take minutes.
fn model(run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(run);
}

/// I-34: after a limit was lowered, what is in flight never rises while it is above.
#[test]
fn loom_nobody_begins_above_a_limit_that_was_lowered() {
    model(|| {
        let permits = permits(Some(3));
        let others = [begin(&permits), begin(&permits)];
        came(&permits, others, 1);
    });
}

/// I-34: the same where there was none, and beginning is an addition that looks afterwards.
#[test]
fn loom_nobody_begins_above_a_limit_that_was_added() {
    model(|| {
        let permits = permits(None);
        let others = [begin(&permits), begin(&permits)];
        came(&permits, others, 1);
    });
}

/// I-34: a limit that is raised, and one that is removed and comes again, lets in as many as it says and no more.
#[test]
fn loom_a_limit_that_is_raised_or_removed_is_filled_exactly() {
    for between in [Some(2), None] {
        model(move || {
            let permits = permits(Some(1));
            let others = [begin(&permits), begin(&permits)];
            _ = permits.set_limit(between);
            _ = permits.set_limit(Some(2));
            let others = others.map(|other| other.join().expect("no thread panics"));
            let mut began = others.into_iter().flatten().count();
            while permits.try_begin(true).is_ok() {
                began += 1;
            }
            assert_eq!((began, permits.open()), (2, 2));
        });
    }
}

/// I-35: of a place that is given back and somebody who queues for it at that moment, one sees the other.
#[test]
fn loom_who_ends_sees_who_queues_or_is_seen() {
    loom::model(|| {
        let permits = permits(Some(1));
        permits.try_begin(true).expect("there is room");
        let ends = {
            let permits = permits.clone();
            thread::spawn(move || permits.end(true))
        };
        permits.set_queued(true);
        let has_place = permits.try_begin_queued(true).is_ok();
        let has_seen = ends.join().expect("no thread panics");
        assert!(has_place || has_seen, "nobody lets in who waits");
    });
}

/// I-35: the same of a limit that is raised.
#[test]
fn loom_who_raises_the_limit_sees_who_queues_or_is_seen() {
    loom::model(|| {
        let permits = permits(Some(1));
        permits.try_begin(true).expect("there is room");
        let raises = {
            let permits = permits.clone();
            thread::spawn(move || permits.set_limit(Some(2)))
        };
        permits.set_queued(true);
        let has_place = permits.try_begin_queued(true).is_ok();
        let has_seen = raises.join().expect("no thread panics");
        assert!(has_place || has_seen, "nobody lets in who waits");
    });
}
