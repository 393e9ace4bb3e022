//! [`Adaptive`] in front of a small backend, and against the rules that hold for all.

use super::samples::sample;
use crate::entropy::{GAMMA, mix64};
use crate::state::limit::adaptive::Adaptive;
use crate::table::{self, Algorithm, LimitAlgorithm, Sample, Signal};
use crate::time::Instant;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1000 * MILLISECOND;

/// What one client meets: requests that come at random, and a backend with one queue.
struct World {
    now: u64,
    /// Requests a second.
    load: f64,
    /// When each worker is free.
    workers: Vec<u64>,
    /// The mean time of an answer, nanoseconds.
    service: f64,
    /// Added to each answer: the path.
    path: u64,
    /// How many of a hundred are answered by nobody, and given up after 250 ms.
    lost: u64,
    /// Moment of the answer, its time, and what was in flight.
    answers: BinaryHeap<Reverse<(u64, u64, u32, bool)>>,
    words: u64,
    refused: u32,
    asked: u32,
    limits: Vec<u32>,
}

impl World {
    /// Ten workers and 10 ms, so a thousand a second are what it can do.
    fn new(load: f64, seed: u64) -> Self {
        World {
            now: SECOND,
            load,
            workers: vec![0; 10],
            service: 10e6,
            path: 0,
            lost: 0,
            answers: BinaryHeap::new(),
            words: mix64(seed),
            refused: 0,
            asked: 0,
            limits: Vec::new(),
        }
    }

    fn word(&mut self) -> u64 {
        self.words = self.words.wrapping_add(GAMMA);
        mix64(self.words)
    }

    fn exponential(&mut self, mean: f64) -> u64 {
        let uniform = ((self.word() >> 11) + 1) as f64 / (1u64 << 53) as f64;
        (-mean * uniform.ln()) as u64
    }

    /// Until so many more answers have come. The limits after each are what it leaves behind.
    fn run(&mut self, limit: &mut Adaptive, samples: usize) {
        self.limits.clear();
        (self.refused, self.asked) = (0, 0);
        while self.limits.len() < samples {
            self.now += self.exponential(1e9 / self.load);
            while let Some(Reverse((at, took, in_flight, is_lost))) = self.answers.peek().copied() {
                if at > self.now {
                    break;
                }
                self.answers.pop();
                let signal = if is_lost { Signal::Dropped } else { Signal::Success };
                let now = Instant::from_nanos(at);
                let took = Duration::from_nanos(took);
                limit.observe(&Sample { now, ..sample(took, in_flight, signal) });
                self.limits.push(limit.limit());
            }
            self.ask(limit.limit());
        }
    }

    fn ask(&mut self, limit: u32) {
        self.asked += 1;
        let in_flight = self.answers.len() as u32 + 1;
        if in_flight > limit {
            self.refused += 1;
            return;
        }
        if self.word() % 100 < self.lost {
            self.answers.push(Reverse((self.now + 250 * MILLISECOND, 250 * MILLISECOND, in_flight, true)));
            return;
        }
        let service = self.service;
        let service = self.exponential(service);
        let free = self.workers.iter_mut().min().expect("workers");
        *free = (*free).max(self.now) + service;
        let at = *free + self.path;
        self.answers.push(Reverse((at, at - self.now, in_flight, false)));
    }

    fn refused(&self) -> f64 {
        f64::from(self.refused) / f64::from(self.asked)
    }

    fn mean_limit(&self) -> f64 {
        self.limits.iter().map(|&limit| f64::from(limit)).sum::<f64>() / self.limits.len() as f64
    }
}

fn adaptive(seed: u64) -> Adaptive {
    Adaptive::new(&table::Adaptive::default(), seed)
}

fn from(initial: u32, seed: u64) -> Adaptive {
    Adaptive::new(&table::Adaptive { initial, ..table::Adaptive::default() }, seed)
}

/// Samples of so many milliseconds that use all of the limit, one each millisecond.
fn hold(limit: &mut Adaptive, now: &mut u64, milliseconds: u64, samples: u32) {
    for _ in 0..samples {
        *now += MILLISECOND;
        limit.observe(&at(*now, milliseconds, limit.limit(), Signal::Success));
    }
}

fn at(now: u64, milliseconds: u64, in_flight: u32, signal: Signal) -> Sample {
    Sample { now: Instant::from_nanos(now), ..sample(Duration::from_millis(milliseconds), in_flight, signal) }
}

#[test]
fn in_an_overload_the_backend_is_busy_and_its_queue_short() {
    for seed in 1..=3 {
        let (mut world, mut limit) = (World::new(1500.0, seed), adaptive(seed));
        world.run(&mut limit, 5000);
        world.run(&mut limit, 20_000);
        let mean = world.mean_limit();
        assert!((13.0..22.0).contains(&mean), "seed {seed}: {mean}; the equation rests at 17");
        assert!((0.32..0.36).contains(&world.refused()), "seed {seed}: a third is refused, {}", world.refused());
    }
}

#[test]
fn at_half_load_nobody_is_refused() {
    for seed in 1..=3 {
        let (mut world, mut limit) = (World::new(500.0, seed), adaptive(seed));
        world.run(&mut limit, 2500);
        world.run(&mut limit, 20_000);
        assert!(world.refused() < 0.0005, "seed {seed}: {}", world.refused());
    }
}

/// A drain takes as long as a dozen answers, so slow ones have fewer.
#[test]
fn where_answers_take_a_second_drains_leave_most_of_the_throughput() {
    let refused = (1..=4).map(|seed| {
        let (mut world, mut limit) = (World::new(15.0, seed), adaptive(seed));
        world.service = 1e9;
        world.run(&mut limit, 2000);
        world.run(&mut limit, 5000);
        world.refused()
    });
    let mean = refused.sum::<f64>() / 4.0;
    assert!(mean < 0.42, "a third is too much for ten workers; refused are {mean}");
}

/// I-43.
#[test]
fn at_a_fixed_load_the_limit_does_not_drift() {
    for load in [700.0, 1500.0] {
        let ratios = (1..=3).map(|seed| {
            let (mut world, mut limit) = (World::new(load, seed), adaptive(seed));
            world.run(&mut limit, 10_000);
            world.run(&mut limit, 20_000);
            let early = world.mean_limit();
            world.run(&mut limit, 950_000);
            world.run(&mut limit, 20_000);
            world.mean_limit() / early
        });
        let mean = ratios.sum::<f64>() / 3.0;
        assert!((0.8..1.2).contains(&mean), "{load}: after 10^6 samples {mean} of what it was after 10^4");
    }
}

#[test]
fn a_longer_path_is_no_overload() {
    let (mut world, mut limit) = (World::new(900.0, 1), adaptive(1));
    world.run(&mut limit, 20_000);
    world.path = 150 * MILLISECOND;
    world.run(&mut limit, 5000);
    world.run(&mut limit, 20_000);
    assert!(world.refused() < 0.02, "{}", world.refused());
    assert!(world.mean_limit() > 144.0, "160 ms at 900 a second are 144: {}", world.mean_limit());
}

#[test]
fn where_workers_are_lost_the_limit_follows_and_comes_back() {
    let (mut world, mut limit) = (World::new(1500.0, 1), adaptive(1));
    world.run(&mut limit, 20_000);
    let before = world.mean_limit();
    world.workers.truncate(4);
    world.run(&mut limit, 2000);
    world.run(&mut limit, 10_000);
    assert!(world.mean_limit() < 0.8 * before, "{} of {before}", world.mean_limit());
    world.workers.extend([world.now; 6]);
    world.run(&mut limit, 2000);
    world.run(&mut limit, 10_000);
    let after = world.mean_limit();
    assert!((0.8..1.25).contains(&(after / before)), "{after} of {before}");
}

/// I-42.
#[test]
fn where_a_fifth_are_drops_no_window_raises_it_until_it_is_at_its_least() {
    for seed in 0..20 {
        let mut limit = from(50, seed);
        let mut now = SECOND;
        hold(&mut limit, &mut now, 10, 2000);
        let mut least = limit.limit();
        assert!(least > 20, "it has somewhere to fall from: {least}");
        for count in 0..20_000 {
            let signal = if count % 5 == 0 { Signal::Dropped } else { Signal::Success };
            now += MILLISECOND;
            limit.observe(&at(now, 10, limit.limit(), signal));
            assert!(limit.limit() <= least, "seed {seed}: {least} to {} at sample {count}", limit.limit());
            least = limit.limit();
        }
        assert_eq!(least, 1, "seed {seed}");
    }
}

#[test]
fn a_backend_that_answers_nobody_has_the_least() {
    let mut limit = from(50, 1);
    let mut now = SECOND;
    for _ in 0..100 {
        now += 250 * MILLISECOND;
        limit.observe(&at(now, 250, limit.limit(), Signal::Dropped));
    }
    assert_eq!(limit.limit(), 1);
}

#[test]
fn one_drop_in_thirty_moves_nothing() {
    let run = |every: u32| {
        let (mut limit, mut now) = (from(20, 1), SECOND);
        hold(&mut limit, &mut now, 10, 5000);
        let before = limit.limit();
        for count in 0..3000 {
            let signal = if count % every == 0 { Signal::Dropped } else { Signal::Success };
            now += MILLISECOND;
            limit.observe(&at(now, 10, limit.limit(), signal));
        }
        (before, limit.limit())
    };
    let (before, after) = run(30);
    assert!(after >= before, "{before} to {after}");
}

/// I-41.
#[test]
fn a_limit_that_was_never_used_never_grows() {
    for seed in 0..20 {
        let (mut limit, mut now) = (from(40, seed), SECOND);
        let mut words = mix64(seed);
        let mut least = limit.limit();
        for count in 0..5000 {
            words = words.wrapping_add(GAMMA);
            let word = mix64(words);
            now += MILLISECOND;
            let unused = word as u32 % limit.limit().div_ceil(2).max(1);
            // Three times as slow for half a second, so that the limit has been lowered and could grow again.
            let slow = if count / 500 % 4 == 1 { 3 } else { 1 };
            limit.observe(&at(now, (word >> 32) % 40 * slow, unused, Signal::Success));
            assert!(limit.limit() <= least, "{least} to {}", limit.limit());
            least = limit.limit();
        }
    }
}

/// A drain that began in use may end unused: the limit is then what it was before, rounded up at most.
#[test]
fn the_end_of_a_drain_gives_back_what_was_there_before_and_no_more() {
    let mut drains = 0;
    for seed in 0..10 {
        let (mut limit, mut now) = (from(20, seed), SECOND);
        let mut most = 20;
        for _ in 0..40_000 {
            let before = limit.limit();
            hold(&mut limit, &mut now, u64::from(before), 1);
            if limit.limit() * 3 > before {
                most = before.max(limit.limit());
                continue;
            }
            drains += 1;
            for _ in 0..2000 {
                now += MILLISECOND;
                limit.observe(&at(now, 10, 0, Signal::Success));
                assert!(limit.limit() <= most + 1, "seed {seed}: {most} to {}", limit.limit());
            }
            assert!(limit.limit() > before / 3, "seed {seed}: the drain ended");
        }
    }
    assert!(drains >= 20, "{drains}");
}

#[test]
fn what_is_ignored_changes_nothing_in_the_midst_of_work() {
    let (mut world, mut limit) = (World::new(1500.0, 1), adaptive(1));
    for _ in 0..2000 {
        world.run(&mut limit, 1);
        let shown = format!("{limit:?}");
        limit.observe(&at(world.now, 1000, 1000, Signal::Ignored));
        assert_eq!(format!("{limit:?}"), shown);
    }
}

#[test]
fn a_clock_that_goes_back_holds_it_up_for_one_window_at_most() {
    for back in [0, SECOND, 3600 * SECOND] {
        let (mut world, mut limit) = (World::new(1500.0, 1), adaptive(1));
        world.now = 10_000 * SECOND;
        world.run(&mut limit, 5000);
        let mut now = world.now - back;
        hold(&mut limit, &mut now, 100, 3000);
        assert!(limit.limit() < 8, "{back} ns back: answers of ten bases lower it, {}", limit.limit());
    }
}

#[test]
fn answers_that_took_nothing_or_hours_leave_it_within_its_bounds() {
    let knobs = table::Adaptive { initial: 10, min: 2, max: 40, objective: None };
    let mut limit = Adaptive::new(&knobs, 1);
    let mut now = SECOND;
    for count in 0..20_000u64 {
        now += MILLISECOND;
        let took = [0, 10, 36_000_000][count as usize / 100 % 3];
        limit.observe(&at(now, took, limit.limit(), Signal::Success));
        assert!((2..=40).contains(&limit.limit()), "{}", limit.limit());
    }
    now = u64::MAX - SECOND;
    hold(&mut limit, &mut now, 10, 900);
    assert!((2..=40).contains(&limit.limit()));
}

#[test]
fn answers_later_than_the_objective_lower_it_whatever_is_usual() {
    let after = |objective| {
        let mut limit = Adaptive::new(&table::Adaptive { initial: 20, objective, ..table::Adaptive::default() }, 1);
        let mut now = SECOND;
        hold(&mut limit, &mut now, 10, 5000);
        limit.limit()
    };
    let free = after(None);
    assert!(free > 100, "{free}");
    assert_eq!(after(Some(Duration::from_millis(10))), free, "in time is not late");
    assert!(after(Some(Duration::from_millis(9))) < 5, "{:?}", after(Some(Duration::from_millis(9))));
}

#[test]
fn long_bodies_hold_places_and_are_no_load() {
    let (mut limit, mut now) = (adaptive(1), SECOND);
    for count in 0..2000 {
        now += MILLISECOND;
        // Nearly two bases: as load that would be too much at a limit above twelve.
        let took = if count < 100 { 10 } else { 19 };
        limit.observe(&Sample { waiting: 1, ..at(now, took, limit.limit(), Signal::Success) });
    }
    assert_eq!(limit.limit(), 1000, "two more with each good answer at the limit");
}

#[test]
fn other_knobs_keep_what_was_learned() {
    let (mut world, mut limit) = (World::new(1500.0, 1), adaptive(1));
    world.run(&mut limit, 20_000);
    let learned = limit.limit();
    let told = |min, max, objective| Algorithm::Adaptive(table::Adaptive { initial: max, min, max, objective });
    assert!(limit.adjust(&told(1, 500, None)));
    assert_eq!(limit.limit(), learned, "within its bounds it stays, whatever the initial is");
    world.run(&mut limit, 10_000);
    assert!((13.0..22.0).contains(&world.mean_limit()), "{}", world.mean_limit());
    assert!(limit.adjust(&told(1, 5, None)));
    assert_eq!(limit.limit(), 5);
    world.run(&mut limit, 2000);
    assert!(world.limits.iter().all(|&limit| limit <= 5));
    assert!(limit.adjust(&told(30, 40, None)));
    assert_eq!(limit.limit(), 30);
    assert!(limit.adjust(&told(1, 500, Some(Duration::from_millis(1)))));
    world.run(&mut limit, 10_000);
    assert!(limit.limit() < 5, "everything is late: {}", limit.limit());
    assert!(!limit.adjust(&Algorithm::Fixed(9)));
}

#[test]
fn the_same_seed_and_samples_give_the_same_limits_and_other_seeds_others() {
    let limits = |seed| {
        let (mut world, mut limit) = (World::new(1500.0, 1), adaptive(seed));
        world.run(&mut limit, 5000);
        world.limits
    };
    assert_eq!(limits(1), limits(1));
    assert_ne!(limits(1), limits(2));
}
