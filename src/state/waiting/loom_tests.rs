//! Waiting under every order in which threads can meet at the queue.

use super::*;
use crate::state::bound::{Hold, Refused};
use crate::sync::AtomicU64;
use crate::table::{Limit, Queue};
use crate::time::Clock;
use loom::thread::{self, JoinHandle};
use std::task::Wake;

/// A place with a limit of so many and a queue, and its clock, which stands still.
#[derive(Clone)]
struct Place {
    route: Arc<RouteState>,
    clock: Clock,
}

/// Somebody who waits, and how often it was woken.
struct Waits {
    waiting: Waiting,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct Wakes(AtomicU64);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Place {
    fn of(limit: u32) -> Self {
        let place = Place { route: Arc::new(RouteState::new()), clock: Clock::manual().0 };
        place.apply(Some(limit));
        place
    }

    fn bound(&self) -> &Bound {
        &self.route.bound
    }

    fn apply(&self, limit: Option<u32>) {
        let limit = limit.map(|limit| Limit::fixed(limit).queue(Queue::of(8)));
        self.bound().apply(limit.as_ref(), &self.clock, 0);
    }

    fn admit(&self) -> Result<Hold, Refused> {
        self.bound().admit(Asker::default(), Instant::START).map(Admission::before_head)
    }

    /// Holds all that there is.
    fn fill(&self, limit: u32) -> Vec<Hold> {
        (0..limit).map(|_| self.admit().expect("there is room")).collect()
    }

    /// Stands in the queue, unless there is room: what it holds then.
    fn enter(&self) -> Result<Hold, Waits> {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        let entered =
            BoundRef::Route(self.route.clone()).enter(Asker::default(), Instant::START, Instant::NEVER, &waker);
        match entered.expect("there is a queue with room, or no limit") {
            Entered::Admitted(admission) => Ok(admission.before_head()),
            Entered::Waits(waiting) => Err(Waits { waiting, wakes }),
        }
    }

    fn wait(&self) -> Waits {
        self.enter().expect_err("there is no room")
    }

    fn spawn<T: 'static>(&self, run: impl FnOnce(&Place) -> T + 'static) -> JoinHandle<T> {
        let place = self.clone();
        thread::spawn(move || run(&place))
    }

    /// All is given back, nobody waits, and whoever comes next is let in.
    fn is_as_new(&self, held: impl IntoIterator<Item = Hold>) {
        for hold in held {
            self.bound().release(hold);
        }
        assert_eq!(self.bound().in_flight(), 0);
        let next = self.admit().expect("nobody is before it");
        self.bound().release(next);
        assert_eq!(self.bound().status().map_or(0, |status| status.queued), 0);
    }
}

impl std::fmt::Debug for Waits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waits")
    }
}

impl Waits {
    /// How it ended, if it has. It was woken for that, once; and not before.
    fn ended(&mut self) -> Option<WaitEnd> {
        let woken = self.wakes.0.load(Ordering::Relaxed);
        let end = match self.waiting.poll(&self.wakes.clone().into()) {
            Poll::Ready(end) => Some(end),
            Poll::Pending => None,
        };
        assert_eq!(woken, u64::from(end.is_some()), "{end:?}");
        end
    }

    /// What it holds: it has to have been let in.
    fn served(mut self) -> Hold {
        match self.ended() {
            Some(WaitEnd::Served(admission)) => admission.before_head(),
            end => panic!("not let in, though there is room: {end:?}"),
        }
    }
}

fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("no thread panics")
}

#[test]
fn loom_who_enters_while_a_place_is_given_back_gets_it() {
    loom::model(|| {
        let place = Place::of(1);
        let held = place.fill(1);
        let releases = place.spawn(move |place| held.into_iter().for_each(|hold| place.bound().release(hold)));
        let entered = place.enter();
        join(releases);
        place.is_as_new([entered.unwrap_or_else(Waits::served)]);
    });
}

#[test]
fn loom_two_who_enter_while_a_place_is_given_back_get_it_one_after_the_other() {
    loom::model(|| {
        let place = Place::of(1);
        let held = place.fill(1);
        let other = place.spawn(Place::enter);
        for hold in held {
            place.bound().release(hold);
        }
        let mine = place.enter();
        let other = join(other);
        assert_eq!(place.bound().in_flight(), 1);
        let is_other_first =
            matches!(&other, Err(waits) if waits.wakes.0.load(Ordering::Relaxed) == 1) || other.is_ok();
        let (first, second) = if is_other_first { (other, mine) } else { (mine, other) };
        place.bound().release(first.unwrap_or_else(Waits::served));
        place.is_as_new([second.unwrap_or_else(Waits::served)]);
    });
}

#[test]
fn loom_two_places_that_are_given_back_reach_two_who_wait() {
    loom::model(|| {
        let place = Place::of(2);
        let held = place.fill(2);
        let waits = [place.wait(), place.wait()];
        let releases = held.into_iter().map(|hold| place.spawn(move |place| place.bound().release(hold)));
        releases.collect::<Vec<_>>().into_iter().for_each(join);
        assert_eq!(place.bound().in_flight(), 2);
        place.is_as_new(waits.map(Waits::served));
    });
}

#[test]
fn loom_who_leaves_while_a_place_is_given_back_passes_it_on() {
    loom::model(|| {
        let place = Place::of(1);
        let held = place.fill(1);
        let (leaves, stays) = (place.wait(), place.wait());
        let releases = place.spawn(move |place| held.into_iter().for_each(|hold| place.bound().release(hold)));
        drop(leaves);
        join(releases);
        assert_eq!(place.bound().in_flight(), 1);
        place.is_as_new([stays.served()]);
    });
}

#[test]
fn loom_who_was_let_in_and_leaves_before_it_knows_passes_it_on() {
    loom::model(|| {
        let place = Place::of(1);
        let held = place.fill(1);
        let (leaves, stays) = (place.wait(), place.wait());
        for hold in held {
            place.bound().release(hold);
        }
        // It is let in; another leaves at the same moment as it does.
        let other = place.spawn(move |_| drop(leaves));
        let late = place.enter();
        join(other);
        place.bound().release(stays.served());
        place.is_as_new([late.unwrap_or_else(Waits::served)]);
    });
}

#[test]
fn loom_who_gives_up_is_refused_or_has_its_place() {
    loom::model(|| {
        let place = Place::of(1);
        let held = place.fill(1);
        let mut waits = place.wait();
        let releases = place.spawn(move |place| held.into_iter().for_each(|hold| place.bound().release(hold)));
        let end = waits.waiting.give_up();
        drop(waits);
        join(releases);
        match end {
            WaitEnd::Served(admission) => {
                assert_eq!(place.bound().in_flight(), 1);
                place.is_as_new([admission.before_head()]);
            }
            WaitEnd::Refused => place.is_as_new([]),
            WaitEnd::Expelled => panic!("nobody was expelled"),
        }
    });
}

#[test]
fn loom_a_limit_that_is_raised_or_removed_lets_in_who_stays_and_who_enters() {
    for to in [Some(2), None] {
        loom::model(move || {
            let place = Place::of(1);
            let mut held = place.fill(1);
            let (leaves, stays) = (place.wait(), place.wait());
            let publishes = place.spawn(move |place| place.apply(to));
            drop(leaves);
            join(publishes);
            held.push(stays.served());
            assert_eq!(place.bound().in_flight(), 2);
            place.is_as_new(held);
        });
        loom::model(move || {
            let place = Place::of(1);
            let mut held = place.fill(1);
            let publishes = place.spawn(move |place| place.apply(to));
            let entered = place.enter();
            join(publishes);
            held.push(entered.unwrap_or_else(Waits::served));
            assert_eq!(place.bound().in_flight(), 2);
            place.is_as_new(held);
        });
    }
}

#[test]
fn loom_who_finds_no_limit_and_then_one_keeps_nobody_out_for_good() {
    loom::model(|| {
        let place = Place { route: Arc::new(RouteState::new()), clock: Clock::manual().0 };
        let passes = place.spawn(|place| {
            if let Ok(hold) = place.admit() {
                place.bound().release(hold);
            }
        });
        place.apply(Some(1));
        let entered = place.enter();
        join(passes);
        place.is_as_new([entered.unwrap_or_else(Waits::served)]);
    });
}

#[test]
fn loom_who_enters_while_all_are_expelled_leaves_or_is_served_later() {
    loom::model(|| {
        let place = Place::of(1);
        let held = place.fill(1);
        let mut first = place.wait();
        let expels = place.spawn(|place| place.bound().expel());
        let mut second = place.wait();
        join(expels);
        assert!(matches!(first.ended(), Some(WaitEnd::Expelled)));
        drop(first);
        match second.ended() {
            None => {
                for hold in held {
                    place.bound().release(hold);
                }
                place.is_as_new([second.served()]);
            }
            Some(WaitEnd::Expelled) => place.is_as_new(held),
            end => panic!("{end:?}"),
        }
    });
}

/// Whoever gives up and is told at the same moment is counted once.
#[test]
fn loom_who_gives_up_while_all_are_expelled_is_counted_once() {
    loom::model(|| {
        let place = Place::of(1);
        let held = place.fill(1);
        let mut waits = place.wait();
        let expels = place.spawn(|place| place.bound().expel());
        let end = waits.waiting.give_up();
        drop(waits);
        join(expels);
        let left = place.bound().status().expect("there is a limit").left_queue;
        // Who is refused counts where it is told so.
        assert_eq!(left, u64::from(matches!(end, WaitEnd::Expelled)), "{end:?}");
        place.is_as_new(held);
    });
}
