//! What one run is about: a backend, its callers, what changes when, and what is looked at.
//!
//! Loads are in units of the backend's nominal capacity. The base is the setting of the published comparisons: ten workers, 10 ms
//! on average, 250 ms of patience.

use crate::shared::server::{Health, Law};
use std::time::Duration;

/// One run, but for the algorithm and the seed.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) law: Law,
    /// The nominal mean of the service times.
    pub(crate) mean: Duration,
    /// Of all servers together, equally.
    pub(crate) workers: u32,
    /// One server each.
    pub(crate) endpoints: usize,
    /// How much slower the service is for each request that waits: kappa.
    pub(crate) contention: f64,
    /// Callers wait so long for the head of their answer.
    pub(crate) deadline: Duration,
    /// Bodies go on for so long after their heads.
    pub(crate) body: Duration,
    /// The part of callers that leave, at any time before their deadline.
    pub(crate) leaving: f64,
    /// How long a request may wait in its client for its limit. None: not at all.
    pub(crate) max_wait: Option<Duration>,
    /// The demand of each client beside the others'. Empty: alike.
    pub(crate) shares: Vec<f64>,
    /// The part of requests that are of high priority, the others being of low; none: all are normal.
    pub(crate) high: f64,
    /// Each client's table is published every 100 ms, with its limit's knobs changed to and fro.
    pub(crate) publishes: bool,
    /// What is so from which second on; the first from 0.
    pub(crate) phases: Vec<(f64, Conditions)>,
    /// From which second to which something is measured.
    pub(crate) windows: Vec<(f64, f64)>,
}

/// What may change in a run.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    /// Requests asked for, in units of the nominal capacity.
    pub(crate) load: f64,
    /// Those that have joined.
    pub(crate) clients: usize,
    /// The part of the workers that works.
    pub(crate) working: f64,
    /// Service times are so many times as long.
    pub(crate) slow: f64,
    /// An answer's way back takes so long.
    pub(crate) delay: Duration,
    /// How the first server is.
    pub(crate) first: Health,
}

impl Setting {
    /// So many clients that together ask for so much.
    pub(crate) fn new(clients: usize, load: f64) -> Self {
        let first = Health::Well;
        let begin = Conditions { load, clients, working: 1.0, slow: 1.0, delay: Duration::ZERO, first };
        Setting {
            law: Law::Exponential,
            mean: Duration::from_millis(10),
            workers: 10,
            endpoints: 1,
            contention: 0.0,
            deadline: Duration::from_millis(250),
            body: Duration::ZERO,
            leaving: 0.0,
            max_wait: None,
            shares: Vec::new(),
            high: 0.0,
            publishes: false,
            phases: vec![(0.0, begin)],
            windows: Vec::new(),
        }
    }

    /// The same, with something else from a second on.
    pub(crate) fn then(mut self, second: f64, change: impl FnOnce(&mut Conditions)) -> Self {
        let mut conditions = self.phases.last().expect("there is a first").1.clone();
        change(&mut conditions);
        self.phases.push((second, conditions));
        self
    }

    /// The same, with one more window; the run ends with the last.
    pub(crate) fn measure(mut self, from: f64, to: f64) -> Self {
        self.windows.push((from, to));
        self
    }

    /// Answers per second when all workers are busy.
    pub(crate) fn capacity(&self) -> f64 {
        f64::from(self.workers) / (self.mean.as_secs_f64() * self.law.mean())
    }

    /// The 99th percentile of an idle backend, in milliseconds.
    pub(crate) fn unloaded_p99(&self) -> f64 {
        self.mean.as_secs_f64() * 1e3 * self.law.p99()
    }

    /// The most clients that there ever are.
    pub(crate) fn clients(&self) -> usize {
        self.phases.iter().map(|(_, conditions)| conditions.clients).max().expect("there is a first phase")
    }

    /// When it ends, in seconds.
    pub(crate) fn end(&self) -> f64 {
        self.windows.iter().map(|(_, to)| *to).fold(0.0, f64::max)
    }
}
