//! What one run is about: servers in regions, their callers, and what goes wrong when.
//!
//! The base is the setting of the published comparison: one pool of ten workers, 10 ms on average, 250 ms of patience for each
//! attempt, four attempts at most.

use crate::shared::server::{Health, Law};
use contraflow::table::{Hedge, LeaveRegion, Retry};
use std::time::Duration;

/// How long a caller waits for one attempt.
pub(crate) const PATIENCE: Duration = Duration::from_millis(250);

/// Of the whole request: four attempts, and the longest waits between them, are 1.175 s.
pub(crate) const DEADLINE: Duration = Duration::from_millis(1500);

/// One run, but for the policy and the seed.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub(crate) struct Setting {
    pub(crate) law: Law,
    /// The nominal mean of the service times.
    pub(crate) mean: Duration,
    pub(crate) regions: usize,
    /// Of each region.
    pub(crate) endpoints: usize,
    /// All endpoints lead to one server.
    pub(crate) is_pooled: bool,
    /// Of each server.
    pub(crate) workers: u32,
    /// Whether a worker drops what nobody waits for any more.
    pub(crate) drops: bool,
    pub(crate) clients: usize,
    /// Each client's regions have an adaptive limit.
    pub(crate) limits: bool,
    /// Of each attempt: after so long the caller's own client ends it, if nobody has before.
    pub(crate) patience: Option<Duration>,
    /// Of requests that may be sent again.
    pub(crate) deadline: Duration,
    /// Of requests that are sent once.
    pub(crate) single_deadline: Duration,
    /// Whether there are retries, and their bound on each attempt.
    pub(crate) per_try: Option<Duration>,
    pub(crate) leave_region: LeaveRegion,
    pub(crate) hedge: Option<Hedge>,
    /// Changes the policy of retries that is tried.
    pub(crate) retry: fn(Retry) -> Retry,
    /// Each client's table is published every 100 ms, with its knobs changed to and fro.
    pub(crate) publishes: bool,
    /// What is so from which second on; the first from 0.
    pub(crate) phases: Vec<(f64, Conditions)>,
    /// When it ends, in seconds.
    pub(crate) end: f64,
}

/// What may change in a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conditions {
    /// Requests asked for, in units of the nominal capacity.
    pub(crate) load: f64,
    /// The part of the workers that works.
    pub(crate) working: f64,
    /// Service times are so many times as long.
    pub(crate) slow: f64,
    /// How the first region is.
    pub(crate) first: Health,
}

impl Setting {
    /// So many clients that together ask for so much.
    pub(crate) fn new(clients: usize, load: f64) -> Self {
        Setting {
            law: Law::Exponential,
            mean: Duration::from_millis(10),
            regions: 1,
            // More than one, so that there is somewhere to go again.
            endpoints: 5,
            is_pooled: true,
            workers: 10,
            drops: false,
            clients,
            limits: false,
            patience: Some(PATIENCE),
            deadline: DEADLINE,
            single_deadline: PATIENCE,
            per_try: Some(PATIENCE),
            leave_region: LeaveRegion::OnEvidence,
            hedge: None,
            retry: |retry| retry,
            publishes: false,
            phases: vec![(0.0, Conditions { load, working: 1.0, slow: 1.0, first: Health::Well })],
            end: 0.0,
        }
    }

    /// The same, with something else from a second on.
    pub(crate) fn then(mut self, second: f64, change: impl FnOnce(&mut Conditions)) -> Self {
        let mut conditions = self.phases.last().expect("there is a first").1;
        change(&mut conditions);
        self.phases.push((second, conditions));
        self
    }

    /// How many servers there are.
    pub(crate) fn servers(&self) -> usize {
        if self.is_pooled { 1 } else { self.regions * self.endpoints }
    }

    /// Answers per second when all workers of all servers are busy.
    pub(crate) fn capacity(&self) -> f64 {
        self.servers() as f64 * f64::from(self.workers) / (self.mean.as_secs_f64() * self.law.mean())
    }
}
