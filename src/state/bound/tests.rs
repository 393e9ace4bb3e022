//! The bound by examples, and by eight threads at once. `waiting::tests` has its queue.

use super::*;
use crate::state::limit::vector;
use crate::table::{LimitAlgorithm, Queue};
use crate::time::ManualClock;
use crate::unit::Ratio;
use std::sync::Barrier;
use std::thread;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A bound, and the slots of its partitions.
struct Place {
    bound: Bound,
    slots: Box<[Slot]>,
    clock: Clock,
    _hand: ManualClock,
}

impl Place {
    fn new(limit: &Limit) -> Self {
        let ((clock, hand), bound) = (Clock::manual(), Bound::new());
        let slots = bound.apply(Some(limit), &clock, 1);
        Place { bound, slots, clock, _hand: hand }
    }

    fn apply(&mut self, limit: Option<&Limit>) {
        self.slots = self.bound.apply(limit, &self.clock, 1);
    }

    fn status(&self) -> LimitStatus {
        self.bound.status().expect("there is a limit")
    }

    /// Of the partition at that place of the table, and of no matter which priority.
    fn of(&self, partition: usize) -> Asker {
        Asker { slot: self.slots[partition], ..Asker::default() }
    }

    /// Lets so many in, and holds them.
    fn fill(&self, asker: Asker, count: usize) -> Vec<Hold> {
        (0..count).map(|_| admit(&self.bound, asker, 1).expect("there is room")).collect()
    }
}

fn at(milliseconds: u64) -> Instant {
    Instant::START.after(MS(milliseconds))
}

fn ranked(priority: Priority) -> Asker {
    Asker { priority, slot: None }
}

/// What it holds, or why not.
fn admit(bound: &Bound, asker: Asker, now: u64) -> Result<Hold, Reason> {
    bound.admit(asker, at(now)).map(Admission::before_head).map_err(|refused| refused.reason)
}

/// The same for a request that nobody else takes, so that its refusal counts; and when to try again.
fn ask(bound: &Bound, asker: Asker, now: u64) -> Result<Hold, (Reason, Duration)> {
    admit(bound, asker, now).map_err(|reason| {
        let rejected = bound.refuse(asker, reason, None, at(now));
        (rejected.reason(), rejected.retry_after().expect("a limit says when to come again"))
    })
}

fn partitioned(limit: u32, parts: &[(&str, u8)]) -> Limit {
    let add = |limit: Limit, (name, percent): &(&str, u8)| limit.partition(*name, Ratio::percent(*percent), []);
    parts.iter().fold(Limit::fixed(limit), add)
}

#[test]
fn a_place_without_a_limit_counts_and_has_nothing_else() {
    let bound = Bound::new();
    let holds: Vec<_> = (0..1000).map(|_| admit(&bound, Asker::default(), 0).expect("no limit")).collect();
    assert_eq!(bound.in_flight(), 1000);
    assert!(bound.status().is_none() && bound.control().is_none());
    for hold in holds {
        bound.release(hold);
    }
    assert_eq!(bound.in_flight(), 0);
    assert!(bound.apply(None, &Clock::manual().0, 1).is_empty() && bound.control().is_none());
}

#[test]
fn a_limit_that_comes_changes_and_goes_leaves_what_is_in_flight_and_what_was_counted() {
    let mut place = Place::new(&Limit::fixed(2));
    place.apply(None);
    assert_eq!(place.bound.status(), None);
    let mut holds = place.fill(Asker::default(), 3);
    place.apply(Some(&Limit::fixed(2)));
    assert_eq!(ask(&place.bound, Asker::default(), 1), Err((Reason::Limit, HOLD)));
    assert_eq!((place.status().limit, place.status().in_flight, place.status().refused_by_limit), (2, 3, 1));
    place.apply(Some(&Limit::fixed(4)));
    holds.extend(place.fill(Asker::default(), 1));
    assert_eq!(admit(&place.bound, Asker::default(), 1), Err(Reason::Limit));
    place.apply(None);
    holds.extend(place.fill(Asker::default(), 5));
    assert_eq!((place.bound.status(), place.bound.in_flight()), (None, 9));
    for hold in holds {
        place.bound.release(hold);
    }
    place.apply(Some(&Limit::fixed(1)));
    assert_eq!((place.status().in_flight, place.status().refused_by_limit), (0, 1));
}

#[test]
fn only_where_there_is_a_queue_may_one_wait() {
    let queued = Limit::fixed(1).queue(Queue::of(1));
    for (limit, may_wait) in [(Limit::fixed(1), false), (queued, true)] {
        let place = Place::new(&limit);
        place.fill(Asker::default(), 1);
        let refused = place.bound.admit(Asker::default(), at(1)).expect_err("there is no room");
        assert_eq!(refused, Refused { reason: Reason::Limit, may_wait });
    }
}

#[test]
fn a_limit_in_the_dark_refuses_nobody_and_counts_whom_it_would_have() {
    let mut place = Place::new(&partitioned(2, &[("p", 50)]).queue(Queue::of(4)).dark());
    let mut holds = place.fill(Asker::default(), 2);
    assert_eq!(place.status().admitted_in_the_dark, 0);
    holds.extend(place.fill(place.of(0), 3));
    let status = place.status();
    assert_eq!((status.in_flight, status.admitted_in_the_dark, status.partitions[0].in_flight), (5, 3, 3));
    // In the light it is full, until what came in the dark has ended.
    place.apply(Some(&Limit::fixed(2)));
    for hold in holds {
        assert_eq!(place.bound.admit(Asker::default(), at(1)).err().map(|it| it.reason), Some(Reason::Limit));
        place.bound.release(hold);
        if place.bound.in_flight() < 2 {
            break;
        }
    }
    assert!(admit(&place.bound, Asker::default(), 1).is_ok());
}

#[test]
fn a_refusal_keeps_lower_priorities_out_and_tells_each_when_to_come_again() {
    let place = Place::new(&Limit::fixed(1));
    let held = place.fill(ranked(Priority::Normal), 1);
    // Nothing has been learned: the time for which a refusal lasts.
    assert_eq!(ask(&place.bound, ranked(Priority::High), 1000), Err((Reason::Limit, HOLD)));
    for hold in held {
        place.bound.release(hold);
    }
    // There is room, but not for everybody.
    let (normal, low) = (ranked(Priority::Normal), ranked(Priority::Low));
    assert_eq!(ask(&place.bound, normal, 1030), Err((Reason::Priority, MS(70))));
    assert_eq!(ask(&place.bound, low, 1030), Err((Reason::Priority, MS(170))));
    assert_eq!(place.bound.in_flight(), 0);
    assert_eq!(ask(&place.bound, low, 1150), Err((Reason::Priority, MS(50))));
    let high = admit(&place.bound, ranked(Priority::High), 1030).expect("those who were refused come first");
    place.bound.release(high);
    place.bound.release(admit(&place.bound, normal, 1101).expect("its time has come"));
    place.bound.release(admit(&place.bound, low, 1201).expect("its time has come"));
    let status = place.status();
    assert_eq!((status.refused_by_limit, status.refused_by_priority), (1, 3));
}

#[test]
fn where_answers_are_timed_a_place_is_free_again_after_one_answer() {
    let place = Place::new(&Limit::aimd(MS(10)));
    let admission = place.bound.admit(Asker::default(), at(0)).expect("there is room");
    place.bound.sample(admission, Signal::Success, MS(8), at(8));
    place.fill(Asker::default(), 19);
    assert_eq!(ask(&place.bound, Asker::default(), 9), Err((Reason::Limit, MS(8))));
    assert_eq!(place.status().response_time, Some(MS(8)));
}

/// One more after each success, half after each drop.
#[derive(Debug)]
struct Halving(u32);

impl LimitAlgorithm for Halving {
    fn limit(&self) -> u32 {
        self.0
    }

    fn observe(&mut self, sample: &Sample) {
        self.0 = if sample.signal == Signal::Dropped { self.0 / 2 } else { self.0 + 1 };
    }
}

#[test]
fn what_answers_say_moves_the_limit_and_the_guarantees() {
    let limit = Limit::by(|| Halving(10)).partition("p", Ratio::percent(50), []);
    let mut place = Place::new(&limit);
    let shown = |place: &Place| (place.status().limit, place.status().partitions[0].guarantee);
    let admission = place.bound.admit(Asker::default(), at(0)).expect("there is room");
    assert_eq!((place.bound.permits().waiting(), shown(&place)), (1, (10, 5)));
    place.bound.sample(admission, Signal::Ignored, MS(1), at(1));
    assert_eq!(shown(&place), (10, 5));
    place.bound.sample(admission, Signal::Success, MS(1), at(1));
    assert_eq!(shown(&place), (11, 6));
    place.bound.sample_late(Signal::Dropped, MS(1), at(1));
    assert_eq!(shown(&place), (5, 3));
    // The same limit once more; then one that does not learn, whoever was admitted before.
    place.apply(Some(&limit));
    assert_eq!(shown(&place), (5, 3));
    place.apply(Some(&Limit::fixed(8)));
    place.bound.sample(admission, Signal::Dropped, MS(1), at(1));
    place.bound.sample_late(Signal::Dropped, MS(1), at(1));
    assert_eq!(place.status().limit, 8);
    place.apply(Some(&limit));
    place.apply(None);
    place.bound.sample(admission, Signal::Dropped, MS(1), at(1));
    assert_eq!(place.bound.permits().limit(), None);
    place.bound.head(admission);
    place.bound.release(admission.after_head());
    assert_eq!((place.bound.in_flight(), place.bound.permits().waiting()), (0, 0));
    let unsampled = place.bound.admit(Asker::default(), at(2)).expect("there is room");
    assert_eq!(place.bound.permits().waiting(), 0, "nobody wants to know");
    place.bound.head(unsampled);
    place.bound.release(unsampled.after_head());
    assert_eq!((place.bound.in_flight(), place.bound.permits().waiting()), (0, 0));
}

/// What a vector of partitions says: the limit, and who asks for how many.
fn acquired(id: &str) -> (u32, Vec<(String, usize)>) {
    let vector = vector(id);
    let limit = vector["limit"].as_u64().expect("a limit") as u32;
    let list = vector["acquire"].as_array().expect("a list").iter();
    let one = |it: &serde_json::Value| {
        (it[0].as_str().expect("a name").to_owned(), it[1].as_u64().expect("a number") as usize)
    };
    (limit, list.map(one).collect())
}

const BINS: [(&str, u8); 2] = [("batch", 30), ("live", 70)];

fn bin(name: &str) -> usize {
    BINS.iter().position(|(known, _)| *known == name).expect("a known bin")
}

#[test]
fn partitions_that_use_their_guarantees_leave_nothing_to_borrow() {
    let (limit, acquire) = acquired("exact");
    let place = Place::new(&partitioned(limit, &BINS));
    for (name, count) in &acquire {
        place.fill(place.of(bin(name)), *count);
    }
    for (name, count) in acquire {
        assert_eq!(ask(&place.bound, place.of(bin(&name)), 1).map_err(|(why, _)| why), Err(Reason::Partition));
        assert_eq!(place.status().partitions[bin(&name)].in_flight as usize, count);
    }
    assert_eq!(ask(&place.bound, Asker::default(), 1).map_err(|(why, _)| why), Err(Reason::Limit));
    let status = place.status();
    assert_eq!((status.in_flight, status.refused_by_partition, status.refused_by_limit), (limit, 2, 1));
}

/// Netflix lets all 17 in. Here a guarantee is no way past the limit (I-39): what was borrowed comes back with the answers,
/// and to nobody else.
#[test]
fn what_was_borrowed_goes_back_to_who_was_promised_it_and_the_total_is_never_above_the_limit() {
    let (limit, acquire) = acquired("guarantee-after-burst");
    let place = Place::new(&partitioned(limit, &BINS));
    let [(burst, ten), (promised, seven)] = &acquire[..] else { panic!("two partitions") };
    let (burst, promised) = (place.of(bin(burst)), place.of(bin(promised)));
    let mut borrowed = place.fill(burst, *ten);
    assert_eq!(admit(&place.bound, burst, 1), Err(Reason::Partition));
    let mut given = Vec::new();
    for _ in 0..*seven {
        assert_eq!(ask(&place.bound, promised, 2).map_err(|(why, _)| why), Err(Reason::Limit));
        place.bound.release(borrowed.pop().expect("some are left"));
        assert_eq!(ask(&place.bound, burst, 3).map_err(|(why, _)| why), Err(Reason::Partition), "it is kept");
        given.push(admit(&place.bound, promised, 4).expect("it was kept"));
        assert_eq!(place.bound.in_flight(), limit);
    }
    for asker in [burst, promised] {
        assert_eq!(admit(&place.bound, asker, 5), Err(Reason::Partition));
    }
    // It has all it was promised: what it gives back may be borrowed again.
    place.bound.release(given.pop().expect("it was let in"));
    borrowed.push(admit(&place.bound, burst, 5).expect("nothing is kept any more"));
    borrowed.into_iter().chain(given).for_each(|hold| place.bound.release(hold));
    let status = place.status();
    assert_eq!(status.partitions.iter().map(|it| it.in_flight).collect::<Vec<_>>(), [0, 0]);
    assert_eq!(status.partitions.iter().map(|it| it.guarantee).collect::<Vec<_>>(), [3, 7]);
}

#[test]
fn requests_of_a_partition_that_a_table_drops_are_given_back_where_they_were_counted() {
    let mut place = Place::new(&partitioned(10, &BINS));
    let holds = place.fill(place.of(bin("live")), 2);
    let old = place.of(bin("live"));
    place.apply(Some(&partitioned(10, &[("other", 100)])));
    assert_eq!(place.status().partitions.len(), 1);
    // One that was classed by the old table is promised nothing any more, and is counted where it was.
    let late = admit(&place.bound, old, 1).expect("there is room");
    place.apply(Some(&Limit::fixed(3)));
    assert_eq!(admit(&place.bound, old, 1), Err(Reason::Limit), "there are no partitions any more");
    holds.into_iter().chain([late]).for_each(|hold| place.bound.release(hold));
    place.apply(Some(&partitioned(10, &BINS)));
    assert_eq!(place.status().partitions.iter().map(|it| it.in_flight).sum::<u32>(), 0);
}

/// Netflix/concurrency-limits#234: 12 in flight at a limit of 10.
#[test]
fn of_those_who_race_for_the_last_place_one_gets_it() {
    let vector = vector("toctou");
    let number = |key: &str| vector[key].as_u64().expect("a number") as usize;
    let (limit, racing) = (number("limit"), number("racing"));
    for _ in 0..200 {
        let place = Place::new(&Limit::fixed(limit as u32));
        place.fill(Asker::default(), number("inflight"));
        let start = Barrier::new(racing);
        let race = || {
            start.wait();
            admit(&place.bound, Asker::default(), 1).is_ok()
        };
        let won = thread::scope(|scope| {
            let racers: Vec<_> = (0..racing).map(|_| scope.spawn(race)).collect();
            racers.into_iter().map(|racer| racer.join().expect("no thread panics")).filter(|it| *it).count()
        });
        assert_eq!((won, place.bound.in_flight() as usize), (1, limit));
    }
}

/// I-33, I-34, I-39, with threads as they are: eight that ask, hold and give back, while one moves the limit and its
/// partitions between 1 and the cap.
#[test]
fn under_eight_threads_and_a_limit_that_moves_no_more_than_the_cap_are_in_flight_and_all_is_given_back() {
    const THREADS: u64 = 8;
    const ASKS: u64 = 20_000;
    const CAP: u32 = 12;
    let place = Place::new(&partitioned(CAP, &BINS));
    let inside = AtomicU64::new(0);
    let asks = |thread: u64| {
        let mut held: Vec<Hold> = Vec::new();
        for count in 0..ASKS {
            let turn = (count.wrapping_mul(0x9e37_79b9) >> 7) + thread;
            let asker = match turn % 3 {
                2 => ranked(Priority::ALL[(turn % 5) as usize]),
                bin => place.of(bin as usize),
            };
            match place.bound.admit(asker, at(count / 100)) {
                Ok(admission) => {
                    assert!(admission.in_flight().open() <= CAP, "{admission:?}");
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < u64::from(CAP));
                    place.bound.head(admission);
                    held.push(admission.after_head());
                }
                Err(refused) if turn.is_multiple_of(64) => {
                    _ = place.bound.refuse(asker, refused.reason, None, at(count / 100));
                }
                Err(_) => {}
            }
            if held.len() as u64 > turn % 3 {
                inside.fetch_sub(1, Ordering::SeqCst);
                place.bound.release(held.remove(0));
            }
        }
        inside.fetch_sub(held.len() as u64, Ordering::SeqCst);
        for hold in held {
            place.bound.release(hold);
        }
    };
    thread::scope(|scope| {
        let asks = &asks;
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || asks(thread))).collect();
        for turn in 0.. {
            let limit = turn % CAP + 1;
            let limit = if turn % 4 == 0 { Limit::fixed(limit) } else { partitioned(limit, &BINS) };
            place.bound.apply(Some(&limit), &place.clock, 1);
            if threads.iter().all(thread::ScopedJoinHandle::is_finished) {
                break;
            }
            thread::yield_now();
        }
    });
    let cap = partitioned(CAP, &BINS);
    place.bound.apply(Some(&cap), &place.clock, 1);
    assert_eq!((place.bound.in_flight(), place.bound.permits().waiting()), (0, 0));
    assert!(place.status().partitions.iter().all(|it| it.in_flight == 0), "{:?}", place.status());
}
