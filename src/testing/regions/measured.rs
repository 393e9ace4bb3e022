//! What a run came to, by the tenth of a second.

use crate::error::Reason;
use crate::protocol::Priority;
use crate::time::Instant;
use std::collections::BTreeMap;

/// Slices of a second.
const SLICES: f64 = 10.0;

/// All that was counted in a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    slices: Vec<Slice>,
}

/// What was counted in some time.
///
/// What became of requests is counted where they came: of those that came in the last second, some may have no answer yet. What was
/// sent is counted when it was.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Slice {
    /// Requests that came, by priority.
    pub asked: [u64; Priority::ALL.len()],
    /// Of those, requests that were answered well.
    pub ok: u64,
    /// That failed: the server's failure, or a deadline that passed after they were sent.
    pub failed: u64,
    /// That were refused, by reason and priority.
    pub refused: Vec<(Reason, Priority, u64)>,
    /// Whose callers lost patience and went away.
    pub left: u64,
    /// How long those took that were answered well, together, in seconds.
    pub took: f64,
    /// Attempts that were sent, by region.
    pub loads: BTreeMap<String, Load>,
    /// Users whose request was first sent to another region than their last one, by where from and where to.
    pub moved: BTreeMap<(String, String), u64>,
}

/// What a region had to bear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// Attempts that were sent there, each one.
    pub sent: u64,
    /// The most that it had under way at once.
    pub peak_in_flight: u32,
}

impl Measured {
    /// What was counted between two moments, in seconds; to a tenth of them.
    pub fn between(&self, from: f64, to: f64) -> Slice {
        let [from, to] = [from, to].map(|second| (second * SLICES).round() as usize);
        let mut sum = Slice::default();
        for slice in self.slices.iter().skip(from).take(to.saturating_sub(from)) {
            sum.add(slice);
        }
        sum
    }

    /// All of it.
    pub fn all(&self) -> Slice {
        self.between(0.0, self.seconds())
    }

    /// How many seconds anything was counted in.
    pub fn seconds(&self) -> f64 {
        self.slices.len() as f64 / SLICES
    }

    pub(super) fn at(&mut self, moment: Instant) -> &mut Slice {
        let slice = (moment.since(Instant::START).as_secs_f64() * SLICES) as usize;
        if self.slices.len() <= slice {
            self.slices.resize(slice + 1, Slice::default());
        }
        &mut self.slices[slice]
    }
}

impl Slice {
    /// Requests that came.
    pub fn asked(&self) -> u64 {
        self.asked.iter().sum()
    }

    /// Requests that were refused.
    pub fn refused(&self) -> u64 {
        self.refused.iter().map(|(.., count)| count).sum()
    }

    /// Those that were refused for a reason.
    pub fn refused_for(&self, reason: Reason) -> u64 {
        self.refused.iter().filter(|(one, ..)| *one == reason).map(|(.., count)| count).sum()
    }

    /// Those that were refused, of a priority.
    pub fn refused_of(&self, priority: Priority) -> u64 {
        self.refused.iter().filter(|(_, one, _)| *one == priority).map(|(.., count)| count).sum()
    }

    /// Requests of which nothing was heard: neither answered nor refused, and nobody went away.
    pub fn open(&self) -> u64 {
        self.asked() - self.ok - self.failed - self.refused() - self.left
    }

    /// The part of the requests that was not answered well.
    pub fn errors(&self) -> f64 {
        let asked = self.asked();
        if asked == 0 { 0.0 } else { (asked - self.ok) as f64 / asked as f64 }
    }

    /// What a region had to bear.
    pub fn load(&self, region: &str) -> Load {
        self.loads.get(region).copied().unwrap_or_default()
    }

    /// All attempts that were sent.
    pub fn sent(&self) -> u64 {
        self.loads.values().map(|load| load.sent).sum()
    }

    /// The part of the attempts that was sent to a region.
    pub fn share(&self, region: &str) -> f64 {
        self.load(region).sent as f64 / self.sent().max(1) as f64
    }

    /// Users that moved, wherever to.
    pub fn moved(&self) -> u64 {
        self.moved.values().sum()
    }

    pub(super) fn refuse(&mut self, reason: Reason, priority: Priority, times: u64) {
        match self.refused.iter_mut().find(|(one, of, _)| (*one, *of) == (reason, priority)) {
            Some((.., count)) => *count += times,
            None => self.refused.push((reason, priority, times)),
        }
    }

    pub(super) fn send(&mut self, region: &str, in_flight: u32) {
        let load = match self.loads.get_mut(region) {
            Some(load) => load,
            None => self.loads.entry(region.into()).or_default(),
        };
        load.sent += 1;
        load.peak_in_flight = load.peak_in_flight.max(in_flight);
    }

    fn add(&mut self, other: &Slice) {
        self.asked.iter_mut().zip(other.asked).for_each(|(sum, count)| *sum += count);
        self.ok += other.ok;
        self.failed += other.failed;
        self.left += other.left;
        self.took += other.took;
        for &(reason, priority, count) in &other.refused {
            self.refuse(reason, priority, count);
        }
        for (region, load) in &other.loads {
            let sum = self.loads.entry(region.clone()).or_default();
            sum.sent += load.sent;
            sum.peak_in_flight = sum.peak_in_flight.max(load.peak_in_flight);
        }
        for (way, count) in &other.moved {
            *self.moved.entry(way.clone()).or_default() += count;
        }
    }
}
