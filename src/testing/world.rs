//! A world whose time is virtual: events in order, one seed, no tasks, no waiting.
//!
//! Tests of behaviour over hours must not take hours, and a failure must repeat exactly. So time is a number that jumps to
//! the next event, events of one moment run in the order they were planned, and every random number comes from the world's
//! seed. The world drives the real code: give its clock and its entropy to a [`Traffic`](crate::Traffic), and what runs is
//! what runs in production.

use crate::entropy::{Entropy, below};
use crate::time::{Clock, Instant, ManualClock};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fmt;
use std::time::Duration;

/// A world with a state of yours in it.
///
/// ```
/// use contraflow::testing::World;
/// use std::time::Duration;
///
/// let mut world = World::new(7, |_| 0);
/// world.every(Duration::from_secs(60), |world| world.state += 1);
/// world.run_for(Duration::from_secs(3600));
/// assert_eq!(world.state, 60);
/// ```
pub struct World<S> {
    /// What the events act on.
    pub state: S,
    clock: Clock,
    hand: ManualClock,
    entropy: Entropy,
    events: BinaryHeap<Planned<S>>,
    planned: u64,
}

type Event<S> = Box<dyn FnOnce(&mut World<S>)>;

struct Planned<S> {
    at: Instant,
    /// Among events of one moment, the order in which they were planned.
    order: u64,
    event: Event<S>,
}

impl<S: 'static> World<S> {
    /// A world at the beginning of its time, whose state is made with its sources of time and randomness.
    pub fn new(seed: u64, state: impl FnOnce(&Sources) -> S) -> Self {
        let (clock, hand) = Clock::manual();
        let entropy = Entropy::seeded(seed);
        // The state's draws are a stream of their own: one draw more in the code under test moves none of the events'.
        let sources = Sources { clock: clock.clone(), entropy: Entropy::seeded(entropy.word()) };
        World { state: state(&sources), clock, hand, entropy, events: BinaryHeap::new(), planned: 0 }
    }

    /// The moment it is.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Plans an event for so long from now; at once means after the events already planned for this moment.
    pub fn after(&mut self, delay: Duration, event: impl FnOnce(&mut World<S>) + 'static) {
        self.at(self.now().after(delay), event);
    }

    /// Plans an event for a moment; one that has passed means now.
    pub fn at(&mut self, moment: Instant, event: impl FnOnce(&mut World<S>) + 'static) {
        let order = self.planned;
        self.planned += 1;
        self.events.push(Planned { at: moment.max(self.now()), order, event: Box::new(event) });
    }

    /// Plans an event again and again, the first time one period from now.
    pub fn every(&mut self, period: Duration, mut event: impl FnMut(&mut World<S>) + 'static) {
        self.after(period, move |world| {
            event(world);
            world.every(period, event);
        });
    }

    /// Plans arrivals at random, `per_second` of them on average (a Poisson process), from now on.
    ///
    /// # Panics
    /// When `per_second` is not above zero.
    pub fn arrivals(&mut self, per_second: f64, event: impl FnMut(&mut World<S>) + 'static) {
        assert!(per_second > 0.0, "arrivals need a rate above zero, not {per_second}");
        self.arrive(Duration::from_secs_f64(1.0 / per_second), event);
    }

    fn arrive(&mut self, mean: Duration, mut event: impl FnMut(&mut World<S>) + 'static) {
        let pause = self.exponential(mean);
        self.after(pause, move |world| {
            event(world);
            world.arrive(mean, event);
        });
    }

    /// Runs all events up to a moment, and lets time come to it.
    pub fn run_until(&mut self, moment: Instant) {
        while self.events.peek().is_some_and(|next| next.at <= moment) {
            self.step();
        }
        self.hand.advance_to(moment);
    }

    /// Runs all events of so much time from now.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now().after(time));
    }

    /// Runs the next event; whether there was one.
    pub fn step(&mut self) -> bool {
        let Some(Planned { at, event, .. }) = self.events.pop() else { return false };
        self.hand.advance_to(at);
        event(self);
        true
    }

    /// 64 random bits of the world's.
    pub fn word(&mut self) -> u64 {
        self.entropy.word()
    }

    /// A random number below `bound`, which is above zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        below(self.word(), bound)
    }

    /// A random number in 0..1.
    pub fn uniform(&mut self) -> f64 {
        // The 53 bits that an f64 holds.
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A random duration, exponentially distributed around its mean.
    pub fn exponential(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-(1.0 - self.uniform()).ln())
    }
}

/// Where the code under test gets its time and its random words in a world.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The world's clock.
    pub clock: Clock,
    /// A stream of the world's seed.
    pub entropy: Entropy,
}

impl<S> Ord for Planned<S> {
    /// The heap gives the greatest first: the earliest is greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl<S> PartialOrd for Planned<S> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<S> PartialEq for Planned<S> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl<S> Eq for Planned<S> {}

impl<S: fmt::Debug> fmt::Debug for World<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("now", &self.clock.now())
            .field("events", &self.events.len())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn events_run_by_moment_and_then_in_the_order_they_were_planned() {
        let mut world = World::new(1, |_| Vec::new());
        world.after(2 * SECOND, |world| world.state.push("third"));
        world.after(SECOND, |world| {
            world.state.push("first");
            world.after(Duration::ZERO, |world| world.state.push("second"));
        });
        world.after(SECOND, |world| world.state.push("between"));
        world.run_for(2 * SECOND);
        assert_eq!(world.state, ["first", "between", "second", "third"]);
    }

    #[test]
    fn time_comes_to_the_end_of_a_run_and_never_goes_back() {
        let mut world = World::new(1, |_| ());
        world.run_for(5 * SECOND);
        world.run_until(Instant::START);
        assert_eq!(world.now(), Instant::START.after(5 * SECOND));
        world.at(Instant::START, |_| ());
        assert!(world.step());
        assert_eq!(world.now(), Instant::START.after(5 * SECOND));
    }

    #[test]
    fn one_seed_is_one_history() {
        let history = |seed| {
            let mut world = World::new(seed, |_| Vec::new());
            world.arrivals(100.0, |world| {
                let now = world.now();
                world.state.push(now);
            });
            world.run_for(60 * SECOND);
            world.state
        };
        assert_eq!(history(3), history(3));
        assert_ne!(history(3), history(4));
        // 6000 expected, standard deviation 77.
        assert!((5500..6500).contains(&history(3).len()), "{}", history(3).len());
    }
}
