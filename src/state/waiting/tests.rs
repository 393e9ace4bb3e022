//! The queue of a bound by examples. `loom_tests` has it under every interleaving, `line::tests` the order.

use super::*;
use crate::state::bound::{Hold, LimitStatus};
use crate::state::limit::vector;
use crate::sync::AtomicU64;
use crate::table::Limit;
use crate::time::{Clock, ManualClock};
use crate::unit::Ratio;
use std::task::Wake;
use std::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;

struct Place {
    route: Arc<RouteState>,
    slots: Box<[Slot]>,
    clock: Clock,
    hand: ManualClock,
}

#[derive(Debug, Default)]
struct Wakes(AtomicU64);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Somebody who waits, and how often it was woken.
#[derive(Debug)]
struct Waits {
    waiting: Waiting,
    wakes: Arc<Wakes>,
}

impl Waits {
    fn wakes(&self) -> u64 {
        self.wakes.0.load(Ordering::Relaxed)
    }

    fn is_waiting(&mut self) -> bool {
        self.waiting.poll(&self.wakes.clone().into()).is_pending()
    }

    /// How it ended, which it was woken for, once.
    fn end(&mut self) -> WaitEnd {
        assert_eq!(self.wakes(), 1);
        match self.waiting.poll(Waker::noop()) {
            Poll::Ready(end) => end,
            Poll::Pending => panic!("it still waits"),
        }
    }

    fn served(mut self) -> Hold {
        match self.end() {
            WaitEnd::Served(admission) => admission.before_head(),
            end => panic!("not let in: {end:?}"),
        }
    }
}

impl Place {
    fn new(limit: &Limit) -> Self {
        let (clock, hand) = Clock::manual();
        let route = Arc::new(RouteState::new());
        let slots = route.bound.apply(Some(limit), &clock, 1);
        Place { route, slots, clock, hand }
    }

    fn queued(limit: u32) -> Self {
        Place::new(&Limit::fixed(limit).queue(Queue::of(8)))
    }

    fn bound(&self) -> &Bound {
        &self.route.bound
    }

    fn apply(&self, limit: Option<&Limit>) {
        self.bound().apply(limit, &self.clock, 1);
    }

    fn status(&self) -> LimitStatus {
        self.bound().status().expect("there is a limit")
    }

    fn admit(&self, asker: Asker) -> Result<Hold, Reason> {
        let admitted = self.bound().admit(asker, self.clock.now());
        admitted.map(Admission::before_head).map_err(|refused| refused.reason)
    }

    fn fill(&self, count: usize) -> Vec<Hold> {
        (0..count).map(|_| self.admit(Asker::default()).expect("there is room")).collect()
    }

    fn release(&self, hold: Hold) {
        self.bound().release(hold);
    }

    fn enter(&self, asker: Asker, deadline: Instant) -> Result<Entered, (Reason, Arc<Wakes>)> {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        BoundRef::Route(self.route.clone()).enter(asker, self.clock.now(), deadline, &waker).map_err(|why| (why, wakes))
    }

    /// Waits, by that deadline.
    fn wait_until(&self, asker: Asker, deadline: Instant) -> Waits {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        match BoundRef::Route(self.route.clone()).enter(asker, self.clock.now(), deadline, &waker) {
            Ok(Entered::Waits(waiting)) => Waits { waiting, wakes },
            Ok(Entered::Admitted(_)) => panic!("there is room"),
            Err(reason) => panic!("{reason:?}"),
        }
    }

    fn wait(&self, asker: Asker) -> Waits {
        self.wait_until(asker, Instant::NEVER)
    }
}

fn ranked(priority: Priority) -> Asker {
    Asker { priority, slot: None }
}

fn anybody() -> Asker {
    Asker::default()
}

#[test]
fn whoever_came_first_is_let_in_first_and_nobody_passes_the_queue() {
    let place = Place::queued(1);
    let held = place.fill(1);
    let mut waits = [place.wait(anybody()), place.wait(anybody()), place.wait(anybody())];
    assert!(waits.iter_mut().all(Waits::is_waiting));
    assert_eq!(place.status().queued, 3);
    let [first, second, third] = waits;
    let mut hold = held[0];
    for waits in [first, second, third] {
        place.release(hold);
        assert_eq!(place.admit(anybody()), Err(Reason::Limit));
        hold = waits.served();
        assert_eq!(place.bound().in_flight(), 1);
    }
    place.release(hold);
    assert_eq!((place.bound().in_flight(), place.status().queued, place.status().left_queue), (0, 0, 0));
    place.fill(1);
}

#[test]
fn whoever_matters_more_is_let_in_before_those_who_came_first() {
    let place = Place::queued(1);
    let held = place.fill(1);
    let order = [Priority::Low, Priority::Critical, Priority::Normal].map(|priority| place.wait(ranked(priority)));
    let [low, critical, normal] = order;
    place.release(held[0]);
    for waits in [critical, normal, low] {
        place.release(waits.served());
    }
}

#[test]
fn a_partition_below_its_guarantee_is_let_in_before_all_others() {
    let limit = Limit::fixed(2).queue(Queue::of(8)).partition("p", Ratio::percent(50), []);
    let place = Place::new(&limit);
    let promised = Asker { priority: Priority::Background, slot: place.slots[0] };
    let held = place.fill(2);
    let (critical, one, two) = (place.wait(ranked(Priority::Critical)), place.wait(promised), place.wait(promised));
    place.release(held[0]);
    let one = one.served();
    assert_eq!(place.status().partitions[0].in_flight, 1);
    // Its guarantee is used: it stands in the order of all.
    place.release(held[1]);
    place.release(critical.served());
    place.release(two.served());
    place.release(one);
    assert_eq!((place.bound().in_flight(), place.status().partitions[0].in_flight), (0, 0));
}

#[test]
fn it_waits_until_the_longest_wait_or_the_deadline_is_over_and_not_beyond() {
    let place = Place::new(&Limit::fixed(1).queue(Queue::of(8).max_wait(MS(50))));
    let held = place.fill(1);
    place.hand.advance(MS(10));
    let at = |milliseconds| Instant::START.after(MS(milliseconds));
    let mut waits = place.wait(anybody());
    let mut hurried = place.wait_until(anybody(), at(30));
    assert_eq!((waits.waiting.until(), hurried.waiting.until()), (at(60), at(30)));
    assert!(matches!(hurried.waiting.give_up(), WaitEnd::Refused));
    assert_eq!((place.status().queued, hurried.wakes()), (1, 0));
    drop(hurried);
    // Nobody polled it in time: it is told when somebody looks, and the place goes to who is left.
    place.hand.advance(MS(45));
    let late = place.wait(anybody());
    place.hand.advance(MS(5));
    place.release(held[0]);
    assert!(matches!(waits.end(), WaitEnd::Refused));
    drop(waits);
    place.release(late.served());
    // Refusals are counted where they are told.
    assert_eq!((place.status().left_queue, place.status().refused_by_queue), (0, 0));
}

#[test]
fn whoever_gives_up_after_it_was_let_in_has_its_place() {
    let place = Place::queued(1);
    let held = place.fill(1);
    let mut waits = place.wait(anybody());
    place.release(held[0]);
    let WaitEnd::Served(admission) = waits.waiting.give_up() else { panic!("it was let in") };
    drop(waits);
    assert_eq!((place.bound().in_flight(), place.status().left_queue), (1, 0));
    place.release(admission.before_head());
    assert_eq!(place.bound().in_flight(), 0);
}

#[test]
fn whoever_is_dropped_passes_its_place_on_and_counts_as_one_who_left() {
    let place = Place::queued(1);
    let held = place.fill(1);
    let (gone, served, stays) = (place.wait(anybody()), place.wait(anybody()), place.wait(anybody()));
    drop(gone);
    place.release(held[0]);
    assert_eq!((served.wakes(), stays.wakes()), (1, 0));
    drop(served);
    place.release(stays.served());
    assert_eq!((place.bound().in_flight(), place.status().queued, place.status().left_queue), (0, 0, 2));
    // The last one to leave says that nobody stands there any more.
    place.fill(1);
    drop(place.wait(anybody()));
    assert!(!place.bound().permits().set_limit(Some(1)));
}

#[test]
fn a_full_queue_refuses_and_makes_room_for_who_matters_more() {
    let place = Place::new(&Limit::fixed(1).queue(Queue::of(1)));
    let held = place.fill(1);
    let mut normal = place.wait(anybody());
    assert!(matches!(place.enter(anybody(), Instant::NEVER), Err((Reason::Queue, _))));
    let high = place.wait(ranked(Priority::High));
    assert!(matches!(normal.end(), WaitEnd::Refused));
    drop(normal);
    // A place that is refused at an empty queue leaves it open.
    place.release(held[0]);
    place.release(high.served());
    place.fill(1);
    assert!(matches!(place.enter(anybody(), Instant::START), Err((Reason::Deadline, _))));
    assert_eq!(place.status().queued, 0);
    assert!(!place.bound().permits().set_limit(Some(2)));
    place.fill(1);
}

#[test]
fn everybody_leaves_when_they_are_told_to_and_later_ones_wait() {
    let place = Place::queued(1);
    let held = place.fill(1);
    let mut waits = [place.wait(anybody()), place.wait(ranked(Priority::Critical))];
    place.bound().expel();
    assert!(waits.iter_mut().all(|waits| matches!(waits.end(), WaitEnd::Expelled)));
    drop(waits);
    assert_eq!((place.status().queued, place.status().left_queue), (0, 2));
    let later = place.wait(anybody());
    place.release(held[0]);
    place.release(later.served());
    place.bound().expel();
    Bound::new().expel();
    assert_eq!(place.bound().in_flight(), 0);
}

#[test]
fn a_limit_that_shrinks_lets_nobody_in_until_enough_have_ended() {
    let vector = vector("shrink");
    let number = |key: &str| vector[key].as_u64().expect("a number") as usize;
    let (from, to, releases) = (number("limit_from") as u32, number("limit_to") as u32, number("release"));
    assert_eq!(vector["next_acquire"], "reject");
    let place = Place::queued(from);
    let mut held = place.fill(number("held"));
    place.apply(Some(&Limit::fixed(to).queue(Queue::of(8))));
    held.drain(..releases).for_each(|hold| place.release(hold));
    assert_eq!(place.admit(anybody()), Err(Reason::Limit));
    let mut waits = place.wait(anybody());
    assert!(waits.is_waiting());
    place.release(held.remove(0));
    held.push(waits.served());
    assert_eq!(place.bound().in_flight(), to);
    assert_eq!(place.admit(anybody()), Err(Reason::Limit));
}

#[test]
fn a_limit_that_is_raised_or_removed_lets_in_as_many_as_it_says() {
    let place = Place::queued(1);
    place.fill(1);
    let [first, second, mut third, fourth] = [(); 4].map(|()| place.wait(anybody()));
    place.apply(Some(&Limit::fixed(3).queue(Queue::of(8))));
    let _held = (first.served(), second.served());
    assert!(third.is_waiting() && third.wakes() == 0);
    place.apply(None);
    let _held = (third.served(), fourth.served());
    assert_eq!(place.bound().in_flight(), 5);
    // It was refused by the limit that is gone.
    assert!(matches!(place.enter(anybody(), Instant::NEVER), Ok(Entered::Admitted(_))));
}

#[test]
fn where_a_table_removes_the_queue_those_in_it_are_served_and_others_ask_afresh() {
    let place = Place::queued(1);
    let held = place.fill(1);
    let (first, second) = (place.wait(anybody()), place.wait(anybody()));
    place.apply(Some(&Limit::fixed(1)));
    assert!(matches!(place.enter(anybody(), Instant::NEVER), Err((Reason::Limit, _))));
    place.release(held[0]);
    place.release(first.served());
    place.release(second.served());
    assert!(matches!(place.enter(anybody(), Instant::NEVER), Ok(Entered::Admitted(_))));
}

#[test]
fn where_a_table_takes_the_limit_into_the_dark_nobody_waits_any_more() {
    let place = Place::queued(1);
    place.fill(1);
    let waits = [place.wait(anybody()), place.wait(anybody())];
    place.apply(Some(&Limit::fixed(1).queue(Queue::of(8)).dark()));
    for waits in waits {
        _ = waits.served();
    }
    assert!(matches!(place.enter(anybody(), Instant::NEVER), Ok(Entered::Admitted(_))));
    assert_eq!((place.bound().in_flight(), place.status().queued), (4, 0));
}

/// A waker that holds a place in the queue, as the last to hold a task does.
struct Task(#[expect(dead_code, reason = "held, and dropped")] Waiting);

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_waker_that_is_the_last_to_hold_a_place_in_the_queue_is_dropped_with_no_lock_held() {
    let place = Place::queued(1);
    let held = place.fill(1);
    let (inner, outer) = (place.wait(anybody()), place.wait(anybody()));
    place.release(held[0]);
    let Waits { mut waiting, wakes } = outer;
    assert!(waiting.poll(&Waker::from(Arc::new(Task(inner.waiting)))).is_pending());
    // The task goes with its waker and passes its place on, to the one whose waker it was.
    assert!(waiting.poll(&wakes.clone().into()).is_pending());
    place.release(Waits { waiting, wakes }.served());
    assert_eq!((place.bound().in_flight(), place.status().queued), (0, 0));
}
