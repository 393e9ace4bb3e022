//! The limit that we recommend: keeps the server busy and its queue short, alone or as one of many clients.
//!
//! # The problem
//!
//! A client sees how long its own requests take and how many are in flight, and nothing else. The server may have fifty such
//! clients, which do not talk to each other. From this alone each has to find its part of what the server can take.
//!
//! # Why the obvious answers fail
//!
//! - *The least latency is what an answer takes without a queue.* Service times vary, and the least of many is far below
//!   their mean. Simulated with exponential ones, Vegas keeps 56 % of the throughput and refuses 18 % at half load.
//! - *A moving average is.* It follows the overload: Gradient2's 99th percentile went from 79 to 208 ms in 15 minutes.
//! - *Slower is overloaded.* A failover to a region 40 ms away is slower, too. At 0.9 of the capacity Vegas kept 73 % of it in
//!   the first five seconds, Gradient2 43 %.
//! - *Hold the limit low now and then, and look.* One of many clients that does so sees the queue that the others keep full,
//!   and takes it for the path. And a limit of 3, as Envoy's gradient has it then, refuses healthy traffic.
//!
//! # The rule
//!
//! Samples are gathered in windows of at least twenty and one round trip. With `T` the mean latency of a window, `b` the *base*
//! (what an answer takes while nothing waits) and `L` the limit, the limit goes a fifth of the way to
//!
//! ```text
//! L x w(L) / (T / b)       w(L) = 1.3 + 8 / (L + 3) + 0.3 x L / (L + 50)
//! ```
//!
//! so it rests where an answer takes `w` bases. This is the form of FAST TCP and of Gradient2. The second term lets a client
//! queue a few requests however small its part is, as the flow scaling of Swift: a client alone in front of ten workers rests
//! at 17 where answers take 1.7 bases, ten clients rest at four each and 2.8 bases. It has to be steep where limits are
//! small, since clients whose bases differ by 10 % differ by three times as much in their limits. The other two terms pay
//! for an error of the base: without them a base 25 % too low would throttle a large limit for good.
//!
//! A latency counts as six bases at most, and a drop or a late answer as that. A limit has a fraction, and the number shown
//! goes up and down with it. It grows only in windows in which half of it was in use. Where more than 5 % of a window are
//! drops, 0.6 of their ratio is cut, at most half, and nothing may raise the base.
//!
//! The base comes from [drains](drain): every 11 to 19 s (a hundred bases, if that is longer), while the limit binds, it goes
//! to a quarter for two round trips and some samples. The base may fall by what is seen there. It rises slowly while the
//! limit is free, and never because an overload lasts.
//!
//! What becomes slow at once is [tried out](trial): the limit is cut, and if the latency stays, it was no queue of ours; the
//! path is longer, or the server slower, and the base and the limit follow.
//!
//! Where bodies go on for long after their heads, the limit holds back bodies, not work. Then each good answer at the limit
//! adds two permits, and there are no drains and no trials.
//!
//! # Cold start
//!
//! The limit begins small, so that the first 32 answers show the base and not a queue; then it doubles until there is one.
//! From 3 to 17 takes 22 times what an answer takes: 0.2 s where that is 10 ms, 22 s where it is 1 s. The first drain goes on
//! until the latency stops falling: clients that start together inside an overload drain together, and see the base.
//!
//! # Recovery
//!
//! Where six of ten workers are lost, the queue was short again after half a second, and the throughput back 1.5 s after they
//! were, in the slowest of twenty simulated runs with one client and with ten. A trial that found a queue is not repeated
//! for a second, then two, up to a minute. A clock that went back by more than ten seconds begins a new window.
//!
//! # What it cannot do
//!
//! - A client that joins a standing queue of many others takes their queue for the path: it gets what it asks for, not its
//!   part.
//! - Many clients that meet a longer path together cannot all tell it from a queue. With ten and 40 ms more, some stay
//!   throttled: 5 % of the requests are refused, 12 % in the worst of twenty runs.
//! - Fifty clients keep a queue for each of them: 117 ms at the 99th percentile, where ten have 72 and one has 53 (10 ms of
//!   service, ten workers, half as much again as they can do). Two hundred have timeouts.
//! - It holds the queue short; it does not look for the highest throughput. A server that gets slower the more it has to do
//!   loses 2 to 6 % alone and more with ten clients.
//! - A server that becomes 2.5 times slower in an overload may be taken for a queue. In the half minute after, the median of
//!   sixty runs with one client kept 92 % of what it could do, and the worst 14 %.
//! - A base that is too low throttles a large limit. In one of ten runs with a hundred workers and log-normal answers, 65 %
//!   were refused at half load.
//!
//! # Papers
//!
//! Jin, Wei, Low, *FAST TCP* (INFOCOM 2004): the equation. Kumar et al., *Swift* (SIGCOMM 2020): a target that grows as the
//! window shrinks. `LEDBAT++` (draft-irtf-iccrg-ledbat-plus-plus) and Cardwell et al., *BBR* (ACM Queue 2016): drains. Page,
//! *Continuous inspection schemes* (Biometrika 1954): the sum that sees a step.

mod alarm;
mod allowance;
mod base;
mod drain;
mod trial;
mod window;

use crate::entropy::{GAMMA, mix64};
use crate::table::{self, Algorithm, LimitAlgorithm, Sample, Signal};
use crate::time::{Instant, nanos};
use alarm::{Alarm, Step, Usual};
use allowance::Allowance;
use base::Base;
use drain::{Drain, Drains, Next};
use std::time::Duration;
use trial::{Finding, Kind, Trial};
use window::{Cost, Moment, Window};

/// What a drop and a late answer count as, in bases, and what others count as at most: 0.25 % of exponential answers are
/// above it.
const CLIP: f64 = 6.0;
/// The latency that is wanted, in bases, is `TOLERANCE + QUEUE / (limit + KNEE) + WIDE x limit / (limit + WIDE_KNEE)`.
const TOLERANCE: f64 = 1.3;
const QUEUE: f64 = 8.0;
const KNEE: f64 = 3.0;
const WIDE: f64 = 0.3;
const WIDE_KNEE: f64 = 50.0;
/// The part of the way to the goal in one window: five windows for 67 % of it.
const GAIN: f64 = 0.2;
/// A cut below this part waits for its effect before it goes on.
const DEEP: f64 = 0.85;
/// In the ramp the limit grows if so much of it was in use.
const RAMP_USE: f64 = 0.8;

/// Samples of a window: an exponential mean is off by 22 % then. At a high limit as many as the limit, up to `WIDEST`.
const WINDOW: u32 = 20;
const WIDEST: u32 = 128;
/// And of one that ends early, because the latency is beyond twice what is wanted.
const SHORTEST: u32 = 8;
/// Samples from which the first base comes: off by 18 %.
const START: u32 = 32;

/// The ratio of drops in a window that is no sign.
const FEW_DROPS: f64 = 0.05;
/// What a ratio of drops takes away: so much of it, and at most half of the limit.
const DROP_CUT: f64 = 0.6;
const MOST_CUT: f64 = 0.5;

/// A window is healthy up to this multiple of the latency that is wanted.
const HEALTHY: f64 = 1.3;
/// A drain is due only if the latency is above this multiple of the base.
const WORTH_A_DRAIN: f64 = 1.15;
/// The first drain is due where one in so many samples, or more, is at the limit.
const BINDS: u32 = 5;
/// What a base that fell takes of the limit, at most: to this part.
const LEAST_REST: f64 = 0.3;
/// Permits that a body costs nobody: added by each good answer while bodies hold the limit.
const BODIES: f64 = 2.0;

/// Finds the limit at which the server is busy and its queue short.
#[derive(Debug)]
pub(crate) struct Adaptive {
    objective: Option<Duration>,
    allowance: Allowance,
    stage: Stage,
    window: Window,
    base: Base,
    usual: Usual,
    alarm: Alarm,
    drains: Drains,
    /// Whether at most half of those in flight wait for a head: the limit holds back bodies, not work.
    is_streaming: bool,
    /// Where the stream of random words is.
    stream: u64,
}

/// What goes on.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The base is not known yet.
    Start,
    /// Grows fast until the first sign of a queue.
    Ramp,
    /// Keeps the latency where it is wanted.
    Steady,
    /// A low limit, to see the base.
    Drain(Drain),
    /// A low limit, to see whether a sudden step was a queue.
    Trial(Trial),
}

impl Adaptive {
    pub(crate) fn new(knobs: &table::Adaptive, seed: u64) -> Self {
        let table::Adaptive { initial, min, max, objective } = *knobs;
        let mut stream = seed;
        let phase = fraction(&mut stream);
        Adaptive {
            objective,
            allowance: Allowance::new(initial, min..=max, phase),
            stage: Stage::Start,
            window: Window::default(),
            base: Base::default(),
            usual: Usual::new(f64::from(initial)),
            alarm: Alarm::new(),
            drains: Drains::new(),
            is_streaming: false,
            stream,
        }
    }

    /// Adds a sample to the window; the step, if it is the last slow answer of one.
    fn gather(&mut self, sample: &Sample) -> Option<Step> {
        let took = nanos(sample.took).max(1) as f64;
        let is_drop = sample.signal == Signal::Dropped;
        let most = self.base.is_known().then_some(CLIP * self.base.latency);
        let limit = self.allowance.shown();
        self.window.add(sample, took, limit, Cost { most, objective: self.objective });
        let waits_for_bodies = sample.waiting <= sample.in_flight / 2;
        self.is_streaming = waits_for_bodies && sample.in_flight > 1;
        let is_good = !is_drop && (!self.base.is_known() || took < 2.0 * self.base.latency);
        if waits_for_bodies && is_good && sample.in_flight >= limit {
            self.allowance.set_in_phase(self.allowance.limit + BODIES);
        }
        if !self.may_try(sample.now) {
            return None;
        }
        let answer = (!is_drop).then_some(took);
        self.alarm.answered(sample.now, answer, &self.usual, self.allowance.limit, self.base.latency)
    }

    /// Whether a step would be tried out now.
    fn may_try(&self, now: Instant) -> bool {
        !self.is_streaming && matches!(self.stage, Stage::Steady) && self.alarm.is_rested(now, &self.usual)
    }

    /// Whether the window has seen enough.
    fn is_full(&self, now: Instant) -> bool {
        let (samples, limit) = (self.window.samples, self.allowance.shown());
        let (age, mean) = (self.window.age(now) as f64, self.window.mean_cost());
        let is_enough = match &self.stage {
            Stage::Start => samples >= START && age >= 2.0 * mean,
            Stage::Drain(drain) => drain.is_full(samples, limit, self.drains.is_first),
            Stage::Trial(trial) => trial.is_full(samples),
            Stage::Ramp | Stage::Steady => {
                let is_wide = samples >= WINDOW.max(limit.min(WIDEST));
                let is_bad = || mean > 2.0 * self.base.latency * wanted(self.allowance.limit);
                samples >= SHORTEST && age >= mean && (is_wide || is_bad())
            }
        };
        is_enough || self.window.is_lost()
    }

    /// Ends the window, and does what it says.
    fn close(&mut self, now: Instant) {
        if self.window.ratio_dropped() > FEW_DROPS {
            return self.cut_for_drops(now);
        }
        match self.stage {
            Stage::Start => self.begin(now),
            Stage::Drain(drain) => self.go_on_draining(now, drain),
            Stage::Trial(trial) => self.go_on_trying(now, trial),
            Stage::Ramp | Stage::Steady => self.steer(now),
        }
    }

    /// Lost work is the strongest sign: it cuts, and forbids that a trial raises the base.
    fn cut_for_drops(&mut self, now: Instant) {
        let keep = (1.0 - DROP_CUT * self.window.ratio_dropped()).max(MOST_CUT);
        match &mut self.stage {
            Stage::Trial(_) => self.stage = Stage::Steady,
            Stage::Drain(drain) => drain.before *= keep,
            Stage::Start | Stage::Ramp | Stage::Steady => {}
        }
        self.allowance.set_in_phase(self.allowance.limit * keep);
        let settle = if self.base.is_known() {
            (CLIP * self.base.latency).min(self.window.mean_cost())
        } else {
            self.window.mean_latency()
        };
        self.window = Window::after(now, settle);
    }

    /// The first window gives the first base.
    fn begin(&mut self, now: Instant) {
        self.base.latency = self.window.mean_latency();
        self.usual.latency = self.base.latency;
        self.drains.begin(now, fraction(&mut self.stream));
        self.stage = Stage::Ramp;
        self.window = Window::after(now, 0.0);
    }

    /// Ordinary work: learns from the window, and goes a part of the way to the goal.
    fn steer(&mut self, now: Instant) {
        let window = self.window;
        let step = self.alarm.gathered(now, &window, &self.usual, self.base.latency);
        if let Some(step) = step.filter(|_| self.may_try(now)) {
            return self.try_out(now, step);
        }
        let (limit, cost) = (self.allowance.limit, window.mean_cost());
        let is_healthy = cost <= HEALTHY * self.base.latency * wanted(limit);
        if is_healthy {
            self.alarm.calm(now);
        }
        self.usual.learn(&window, limit, is_healthy);
        self.base.learn(&window);
        let goal = wanted(limit) * limit / (cost / self.base.latency);
        if goal < limit {
            if matches!(self.stage, Stage::Ramp) {
                self.stage = Stage::Steady;
                self.alarm.rest(now);
            }
            let binds = window.at_limit * BINDS >= window.samples;
            if self.drains.is_due_at_congestion && binds && !self.is_streaming {
                return self.drain(now, window.mean_latency());
            }
            self.shrink(now, goal);
        } else {
            self.grow(goal);
            self.window = Window::after(now, 0.0);
        }
        if self.drains.is_due(now) {
            self.drain_if_it_tells(now, &window);
        }
    }

    fn shrink(&mut self, now: Instant, goal: f64) {
        let limit = self.allowance.limit;
        let next = limit + GAIN * (goal - limit);
        if self.window.is_used {
            self.allowance.set(next);
        } else {
            self.allowance.set_in_phase(next);
        }
        let settle = if next < DEEP * limit { self.window.mean_cost() } else { 0.0 };
        self.window = Window::after(now, settle);
    }

    /// A limit that nobody used says nothing of what the server could take.
    fn grow(&mut self, goal: f64) {
        let limit = self.allowance.limit;
        if !self.window.is_used {
            return;
        }
        self.allowance.set(match self.stage {
            Stage::Ramp if f64::from(self.window.peak) >= RAMP_USE * limit => goal.min(2.0 * limit),
            Stage::Ramp => limit,
            _ => limit + GAIN * (goal - limit).min(limit),
        });
    }

    /// A drain is due: it takes place if the limit binds, and there is a queue to see behind.
    fn drain_if_it_tells(&mut self, now: Instant, window: &Window) {
        self.drains.schedule(now, self.base.latency, fraction(&mut self.stream));
        let has_queue = window.at_limit > 0 && window.mean_cost() / self.base.latency > WORTH_A_DRAIN;
        let is_awaited = self.drains.is_due_at_congestion && window.at_limit * BINDS >= window.samples;
        if !self.is_streaming && (has_queue || is_awaited) && self.allowance.limit >= drain::LEAST {
            self.drain(now, window.mean_latency());
        }
    }

    /// Begins a drain, where answers took so long.
    fn drain(&mut self, now: Instant, latency: f64) {
        let before = self.allowance.limit;
        self.drains.is_due_at_congestion = false;
        self.alarm.forget_run();
        self.stage = Stage::Drain(Drain { before, usual: self.usual.latency, latency, windows: 0 });
        self.allowance.set((drain::KEPT * before).floor());
        self.window = Window::after(now, drain::SETTLE * latency.max(self.usual.latency));
    }

    fn go_on_draining(&mut self, now: Instant, mut drain: Drain) {
        let next = drain.gathered(&self.window, self.drains.is_first);
        self.stage = Stage::Drain(drain);
        match next {
            Next::Again => {}
            Next::Lower => self.allowance.set(drain::KEPT_ON * self.allowance.limit),
            Next::Done { latency, samples } => {
                let old = self.base.latency;
                self.base.latency = self.drains.learn(old, &drain, latency, samples);
                let rest = (self.base.latency / old).clamp(LEAST_REST, 1.0);
                return self.resume(now, Stage::Steady, drain.before * rest, latency);
            }
        }
        self.window = Window::after(now, 0.0);
    }

    /// Begins a trial of what a step was, unless the limit was not in use: then it was none of its doing.
    fn try_out(&mut self, now: Instant, step: Step) {
        self.alarm.forget_run();
        let peak = self.window.peak;
        self.window = Window::after(now, 0.0);
        if !self.allowance.is_half_used_by(peak) {
            return;
        }
        let is_sudden = self.alarm.is_sudden(now, &step, &self.usual);
        let (is_free, is_owner) = (self.usual.is_free(), self.drains.own_the_queue());
        let kind = match (is_free, is_owner) {
            (true, _) if is_sudden || is_owner => Kind::Free,
            (false, true) => Kind::Owner,
            _ => Kind::Guest,
        };
        let before = self.allowance.limit;
        let trial = Trial::new(kind, now, before, self.usual.latency, peak, step);
        self.allowance.set(trial.limit(self.usual.limit));
        self.stage = Stage::Trial(trial);
    }

    fn go_on_trying(&mut self, now: Instant, mut trial: Trial) {
        let Some(latency) = trial.gathered(now, &self.window) else {
            self.stage = Stage::Trial(trial);
            self.window = Window::after(now, 0.0);
            return;
        };
        match trial.finding(latency, self.base.latency) {
            Finding::Queue => {
                self.alarm.was_false();
                self.resume(now, Stage::Steady, trial.before(), latency);
            }
            Finding::Path { base, limit } => {
                self.base.latency = base;
                self.usual.latency = latency;
                self.drains.renew(now);
                self.resume(now, Stage::Ramp, limit, latency);
            }
        }
    }

    /// Goes back to ordinary work after an experiment, at this limit. What was in flight meanwhile is not counted.
    fn resume(&mut self, now: Instant, stage: Stage, limit: f64, latency: f64) {
        self.stage = stage;
        self.allowance.set(limit);
        self.usual.limit = self.allowance.limit;
        self.base.forget_long();
        self.alarm.forget_sum();
        self.alarm.rest(now);
        self.window = Window::after(now, latency);
    }
}

impl LimitAlgorithm for Adaptive {
    fn limit(&self) -> u32 {
        self.allowance.shown()
    }

    fn observe(&mut self, sample: &Sample) {
        if sample.signal == Signal::Ignored {
            return;
        }
        let now = sample.now;
        match self.window.place(now) {
            Moment::Inside => {}
            Moment::TooEarly => return,
            Moment::Astray => {
                self.window = Window::after(now, 0.0);
                return;
            }
        }
        if matches!(&self.stage, Stage::Trial(trial) if !trial.counts(sample)) {
            return;
        }
        if let Some(step) = self.gather(sample) {
            self.try_out(now, step);
        } else if self.is_full(now) {
            self.close(now);
        }
    }

    fn adjust(&mut self, knobs: &Algorithm) -> bool {
        let Algorithm::Adaptive(table::Adaptive { initial: _, min, max, objective }) = *knobs else { return false };
        self.allowance.within(min..=max);
        self.objective = objective;
        true
    }
}

/// The latency that is wanted at a limit, in bases.
fn wanted(limit: f64) -> f64 {
    TOLERANCE + QUEUE / (limit + KNEE) + WIDE * limit / (limit + WIDE_KNEE)
}

/// The next random number of 0..1.
fn fraction(stream: &mut u64) -> f64 {
    *stream = stream.wrapping_add(GAMMA);
    // 53 bits are all that an `f64` holds of a fraction.
    (mix64(*stream) >> 11) as f64 / (1u64 << 53) as f64
}
