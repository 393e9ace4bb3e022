//! A limit as it is shown.

use super::{Bound, Mode};
use crate::sync::{AtomicU64, Ordering};
use crate::table::Limit;
use std::time::Duration;

/// A limit as it is now.
///
/// Of a region's limit a request that another region takes counts as refused here. What was offered is what was admitted,
/// refused for one of the reasons, or left the queue; a call that was turned away to the queue and dropped before it was ever
/// polled is in none of them. What an endpoint's own limit refuses is not in here.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LimitStatus {
    /// How many may be in flight.
    pub limit: u32,
    /// How many are.
    pub in_flight: u32,
    /// How many wait to begin.
    pub queued: usize,
    /// Whether the queue is congested: then the newest go first, and who has waited for long is refused.
    pub is_congested: bool,
    /// The shortest wait of late, in percent of what is refused when the queue is congested: 0 to 100.
    pub queue_load: u8,
    /// Refused since there was no room.
    pub refused_by_limit: u64,
    /// Refused since their partition had used its part.
    pub refused_by_partition: u64,
    /// Refused since higher priorities were being refused.
    pub refused_by_priority: u64,
    /// Refused since the queue was full, or they had waited in it for as long as they may.
    pub refused_by_queue: u64,
    /// Left the queue before it was their turn: callers that gave up, deadlines, evacuations.
    pub left_queue: u64,
    /// Admitted by a limit in the dark that would have refused them.
    pub admitted_in_the_dark: u64,
    /// How long a request takes to its head, on average, where an algorithm learns.
    pub response_time: Option<Duration>,
    /// Its partitions.
    pub partitions: Vec<PartitionStatus>,
}

/// A partition of a limit as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionStatus {
    /// Its name.
    pub name: String,
    /// Its requests in flight.
    pub in_flight: u32,
    /// How many it is promised.
    pub guarantee: u32,
}

impl Bound {
    /// What is in force and what was refused; none without a limit.
    pub(crate) fn status(&self) -> Option<LimitStatus> {
        let control = self.control.get().filter(|_| self.mode() != Mode(0))?;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let refusals = &control.refusals;
        let (queued, is_congested, queue_load) = control.waiters.status();
        let partitions = control.partitions.list().into_iter();
        Some(LimitStatus {
            limit: self.hot.permits.limit().unwrap_or(Limit::MAX),
            in_flight: self.in_flight(),
            queued,
            is_congested,
            queue_load,
            refused_by_limit: read(&refusals.by_limit),
            refused_by_partition: read(&refusals.by_partition),
            refused_by_priority: read(&refusals.by_priority),
            refused_by_queue: read(&refusals.by_queue),
            left_queue: read(&refusals.left),
            admitted_in_the_dark: read(&refusals.in_the_dark),
            response_time: control.learning.average(),
            partitions: partitions
                .map(|(name, in_flight, guarantee)| PartitionStatus { name, in_flight, guarantee })
                .collect(),
        })
    }
}
