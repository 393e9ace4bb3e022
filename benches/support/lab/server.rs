//! A backend: workers, one queue, and no mercy.
//!
//! A server has so many workers and one queue without a bound, first come, first served. As a rule it does not know who gave up:
//! it works on abandoned requests too, which is what makes overload collapse. How long a request takes is drawn when a worker takes it
//! up, from one of four laws. With *contention* each request that waits makes those that are served slower, as in the
//! universal scalability law (Gunther 1993), so that throughput falls beyond the knee.

use contraflow::Entropy;
use contraflow::testing::World;
use std::collections::VecDeque;
use std::f64::consts::TAU;
use std::time::Duration;

/// How service times are distributed around their mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// Without memory: the law of the formulas.
    Exponential,
    /// With a heavy tail, sigma 1.
    LogNormal,
    /// 99 of 100 take half of the nominal mean, one takes twenty times the mean: 5 ms and 200 ms where 10 ms is nominal.
    Bimodal,
    /// Always the same.
    Deterministic,
}

impl Law {
    /// A service time, in units of the nominal mean.
    fn draw(self, luck: &Luck) -> f64 {
        match self {
            Law::Exponential => -(1.0 - luck.uniform()).ln(),
            Law::LogNormal => {
                // Box and Muller; the mean of exp(N) is exp(1/2) at sigma 1.
                let radius = (-2.0 * (1.0 - luck.uniform()).ln()).sqrt();
                (radius * (TAU * luck.uniform()).cos() - 0.5).exp()
            }
            Law::Bimodal if luck.uniform() < 0.01 => 20.0,
            Law::Bimodal => 0.5,
            Law::Deterministic => 1.0,
        }
    }

    /// The true mean in units of the nominal one.
    pub(crate) fn mean(self) -> f64 {
        match self {
            Law::Bimodal => 0.99 * 0.5 + 0.01 * 20.0,
            Law::Exponential | Law::LogNormal | Law::Deterministic => 1.0,
        }
    }

    /// The 99th percentile in units of the nominal mean: what nobody waits for.
    pub(crate) fn p99(self) -> f64 {
        match self {
            Law::Exponential => 100f64.ln(),
            // 2.3263 is the standard normal's.
            Law::LogNormal => (2.3263f64 - 0.5).exp(),
            Law::Bimodal => 20.0,
            Law::Deterministic => 1.0,
        }
    }
}

/// A stream of random numbers beside the world's. Arrivals are drawn from the world's, and nothing else is: so all algorithms
/// meet the same arrivals.
#[derive(Debug)]
pub(crate) struct Luck(pub(crate) Entropy);

impl Luck {
    /// A random number in 0..1.
    pub(crate) fn uniform(&self) -> f64 {
        // The 53 bits that an f64 holds.
        (self.0.word() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What ails one server of several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Health {
    Well,
    /// Service times are so many times as long.
    Slow(f64),
    /// Takes requests and answers none.
    Hole,
}

/// A world with servers in it.
pub(crate) trait Backend: Sized + 'static {
    type Request: 'static;

    fn server(&mut self, place: usize) -> &mut Server<Self::Request>;

    /// How a server works now.
    fn pace(&self, place: usize) -> Pace;

    /// Where service times are drawn.
    fn luck(&self) -> &Luck;

    /// Whether a worker that takes it up sees that nobody waits for it, and does nothing. Default: servers know nothing of that.
    fn is_dropped(&self, request: &Self::Request) -> bool {
        let _ = request;
        false
    }

    /// A server is done with a request.
    fn answer(world: &mut World<Self>, request: Self::Request);
}

/// How a server works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) workers: u32,
    pub(crate) law: Law,
    /// The nominal mean of the service times.
    pub(crate) mean: Duration,
    /// They are so many times as long.
    pub(crate) slow: f64,
    /// How much slower for each request that waits: kappa.
    pub(crate) contention: f64,
}

/// One server.
#[derive(Debug)]
pub(crate) struct Server<R> {
    queue: VecDeque<R>,
    busy: u32,
}

impl<R> Default for Server<R> {
    fn default() -> Self {
        Server { queue: VecDeque::new(), busy: 0 }
    }
}

impl<R> Server<R> {
    /// Requests inside, abandoned or not.
    pub(crate) fn inside(&self) -> usize {
        self.queue.len() + self.busy as usize
    }
}

/// A request arrives at a server.
pub(crate) fn enter<L: Backend>(world: &mut World<L>, server: usize, request: L::Request) {
    world.state.server(server).queue.push_back(request);
    work(world, server);
}

/// Every idle worker takes up what waits.
pub(crate) fn work<L: Backend>(world: &mut World<L>, place: usize) {
    loop {
        let Pace { workers, law, mean, slow, contention } = world.state.pace(place);
        let server = world.state.server(place);
        if server.busy >= workers {
            return;
        }
        let Some(request) = server.queue.pop_front() else { return };
        if world.state.is_dropped(&request) {
            continue;
        }
        let server = world.state.server(place);
        server.busy += 1;
        let beyond = server.inside().saturating_sub(workers as usize);
        let factor = law.draw(world.state.luck()) * slow * (1.0 + contention * beyond as f64);
        world.after(mean.mul_f64(factor), move |world| {
            world.state.server(place).busy -= 1;
            L::answer(world, request);
            work(world, place);
        });
    }
}
