//! Those who wait for a place at a limit, and who of them is next.
//!
//! A plain first-come line is right while it is short and the worst there is once it stands: everybody has waited for the
//! length of the line, those at the front so long that nobody wants their answers any more, and the backend does nothing
//! else. Newest first is right then, and unfair before. So a line is first-come until it stands, and newest first while
//! it does, and those who have then waited for twice the target are told so instead of served (*Fail at Scale*, 2015).
//!
//! # Lanes
//!
//! Each class of each partition waits in a lane of its own, and each lane judges itself by a [`Codel`], as in `fq_codel`
//! (RFC 8290). One verdict for all would be wrong in both directions: by the waits of all, one health check a second
//! that never waits would hide that everybody else does; by the oldest of all, a backfill that always waits would have
//! the checkout's short bursts refused. And a partition without a place would turn the order of the others round.
//!
//! # The wait that is judged
//!
//! A lane is judged by how long its *oldest* has waited, at the moment in which one of the lane is served: in first-come
//! order that is the wait of the one who is served, which is `CoDel`'s measure. Newest first, the waits of those who are
//! served are short because of the order; taken as the measure they would end the congestion that they come from, and the
//! order would flip each interval. Of a lane of which nobody is served (no place for its partition, higher classes
//! take all, a backend that stands still) no wait is seen, so the age of its oldest is looked at once an interval.
//!
//! A lane that stands is cut to twice the target, and its oldest stays near that as long as more come than are served:
//! the verdict holds. When fewer come, the line runs empty, which ends it at once. If there are so few requests that the
//! oldest of those left is below the target, the interval's end does.
//!
//! # Who is next
//!
//! Of the lanes that may be served, the one whose oldest counts as the highest class, and of these the one whose oldest
//! came first; of that lane the oldest, or while it is congested the newest who counts as the same class. Somebody who
//! waits counts as one class higher for each whole `ageing`, so from `4 x ageing` on a background request goes before
//! every one that came later, unless its own lane stands: then it is told after twice the target. Either bounds the wait.
//!
//! # Cost
//!
//! A lane is ordered by arrival, which is the order of age, of class after ageing, and of tickets, so that each of them
//! is one look into a `BTreeMap`: O(log n), plus a walk over the lanes, five for each partition. Another order holds the
//! deadlines. Memory goes with those who wait. A ticket has a number that is never used again, so an old one finds nobody.
//!
//! There is no clock here, and no lock: the limiter has both.

use super::codel::Codel;
use crate::protocol::Priority;
use crate::table::Queue;
use crate::time::Instant;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Those who wait, each with something to tell them by.
#[derive(Debug)]
pub(crate) struct Line<T> {
    knobs: Queue,
    /// By partition, and by class in it: as many partitions as have been seen.
    lanes: Vec<Lane<T>>,
    /// Those with a deadline, the first to come first.
    deadlines: BTreeSet<(Instant, Ticket)>,
    len: usize,
    /// How many ever waited.
    count: u64,
    /// The latest moment seen: threads read their clocks before they get the lock, and time in here never goes back.
    latest: Instant,
}

/// The place of one who waits. Never given out twice.
///
/// The order of tickets is that of arrival: `since` never falls and `number` always rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket {
    since: Instant,
    number: u64,
    lane: u16,
}

impl Ticket {
    /// For how long.
    pub(crate) fn waited(self, now: Instant) -> Duration {
        now.since(self.since)
    }
}

/// Somebody waits now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pushed<T> {
    pub(crate) ticket: Ticket,
    /// Who had to leave for it.
    pub(crate) ousted: Option<Ousted<T>>,
}

/// Somebody may not wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused<T> {
    pub(crate) payload: T,
    pub(crate) why: Why,
}

/// Somebody has waited in vain, and wants to be told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ousted<T> {
    pub(crate) ticket: Ticket,
    pub(crate) payload: T,
    pub(crate) why: Why,
}

/// Why somebody is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    /// As many wait as may, and none of them counts as a lower class.
    Full,
    /// As many wait as may, and one of a higher class came.
    Outranked,
    /// The deadline has come.
    Deadline,
    /// The longest wait is over.
    MaxWait,
    /// The lane is congested, and twice the target is over.
    Congested,
}

/// What [`Line::pop`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<T> {
    /// This one has the place.
    Serve(Ticket, T),
    /// This one is to be told first; the place is still free, so ask again.
    Tell(Ousted<T>),
    /// Nobody wants the place who may have it.
    Nobody,
}

#[derive(Debug)]
struct Lane<T> {
    /// The oldest first.
    waiting: BTreeMap<Ticket, Waiter<T>>,
    codel: Codel,
}

#[derive(Debug)]
struct Waiter<T> {
    payload: T,
    deadline: Instant,
}

impl<T> Line<T> {
    /// Nobody waits.
    pub(crate) fn new(knobs: &Queue) -> Self {
        let (lanes, deadlines) = (Vec::new(), BTreeSet::new());
        Line { knobs: *knobs, lanes, deadlines, len: 0, count: 0, latest: Instant::START }
    }

    /// Changes the knobs, for those who wait too. Nobody has to leave because fewer may wait: only nobody else comes in
    /// until enough have left, other than in the place of one of a lower class.
    pub(crate) fn reconfigure(&mut self, knobs: &Queue) {
        self.knobs = *knobs;
        for lane in &mut self.lanes {
            lane.codel.reconfigure(knobs.target, knobs.interval);
        }
    }

    /// How long one may wait.
    pub(crate) fn max_wait(&self) -> Duration {
        self.knobs.max_wait
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether any lane is congested.
    pub(crate) fn is_congested(&self) -> bool {
        self.lanes.iter().any(|lane| lane.codel.is_overloaded())
    }

    /// The load of the most loaded lane, in percent: see [`Codel::load`].
    pub(crate) fn load(&self) -> u8 {
        self.lanes.iter().map(|lane| lane.codel.load()).max().unwrap_or(0)
    }

    /// Lets somebody wait. If as many wait as may, one whose time has passed has to leave for it, or else the last of the
    /// lowest class, if that is lower.
    ///
    /// # Errors
    /// If there is nobody who has to leave, or if the deadline has come already.
    pub(crate) fn push(
        &mut self,
        payload: T,
        class: Priority,
        partition: u8,
        now: Instant,
        deadline: Instant,
    ) -> Result<Pushed<T>, Refused<T>> {
        self.latest = self.latest.max(now);
        let since = self.latest;
        if since >= deadline {
            return Err(Refused { payload, why: Why::Deadline });
        }
        let mut ousted = None;
        if self.len >= self.knobs.max_len as usize {
            ousted = self.expire(now).or_else(|| self.outrank(class));
            if ousted.is_none() {
                return Err(Refused { payload, why: Why::Full });
            }
        }
        let (partition, classes) = (usize::from(partition), Priority::ALL.len());
        if self.lanes.len() <= partition * classes {
            let Queue { target, interval, .. } = self.knobs;
            let lane = || Lane { waiting: BTreeMap::new(), codel: Codel::new(target, interval) };
            self.lanes.resize_with((partition + 1) * classes, lane);
        }
        let lane = partition * classes + class as usize;
        self.count += 1;
        // At most 256 x 5 lanes.
        let ticket = Ticket { since, number: self.count, lane: lane as u16 };
        self.lanes[lane].waiting.insert(ticket, Waiter { payload, deadline });
        if deadline != Instant::NEVER {
            self.deadlines.insert((deadline, ticket));
        }
        self.len += 1;
        Ok(Pushed { ticket, ousted })
    }

    /// Who gets a place that is free: the next of those who are eligible, by the class that they count as and their
    /// partition. Those whose time has passed are handed out first, one at a time, whether eligible or not.
    pub(crate) fn pop(&mut self, now: Instant, mut eligible: impl FnMut(Priority, u8) -> bool) -> Next<T> {
        if let Some(ousted) = self.expire(now) {
            return Next::Tell(ousted);
        }
        let now = self.latest;
        let best = self.lanes.iter().filter_map(|lane| {
            let oldest = lane.oldest()?;
            let class = self.counts_as(oldest, now);
            eligible(class, partition(oldest)).then_some((class, Reverse(oldest)))
        });
        let Some((class, Reverse(oldest))) = best.max() else {
            return Next::Nobody;
        };
        let lane = &mut self.lanes[usize::from(oldest.lane)];
        lane.codel.observe(oldest.waited(now));
        let next = if lane.codel.is_overloaded() { self.newest(oldest, class, now) } else { oldest };
        match self.remove(next) {
            Some(payload) => Next::Serve(next, payload),
            None => Next::Nobody,
        }
    }

    /// Hands out one whose time has passed: by a deadline, by the longest wait, or in a congested lane by twice the
    /// target. There may be more.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Ousted<T>> {
        self.latest = self.latest.max(now);
        let (ticket, why) = self.late().or_else(|| self.stale())?;
        let payload = self.remove(ticket)?;
        Some(Ousted { ticket, payload, why })
    }

    /// One who leaves, if it still waits.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<T> {
        let lane = self.lanes.get_mut(usize::from(ticket.lane))?;
        let Waiter { payload, deadline } = lane.waiting.remove(&ticket)?;
        if lane.waiting.is_empty() {
            lane.codel.reset();
        }
        self.deadlines.remove(&(deadline, ticket));
        self.len -= 1;
        Some(payload)
    }

    /// Everybody leaves, lane by lane.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (Ticket, T)> + use<T> {
        self.deadlines.clear();
        self.len = 0;
        // The lanes go too: what they had learned was about those who leave.
        let lanes = std::mem::take(&mut self.lanes).into_iter();
        lanes.flat_map(|lane| lane.waiting).map(|(ticket, waiter)| (ticket, waiter.payload))
    }

    /// One whose deadline or longest wait is over.
    fn late(&self) -> Option<(Ticket, Why)> {
        let now = self.latest;
        if let Some(&(deadline, ticket)) = self.deadlines.first()
            && now >= deadline
        {
            return Some((ticket, Why::Deadline));
        }
        let mut oldest = self.lanes.iter().filter_map(Lane::oldest);
        oldest.find(|ticket| ticket.waited(now) >= self.knobs.max_wait).map(|ticket| (ticket, Why::MaxWait))
    }

    /// One who has waited too long for a congested lane. If there is none, all lanes have been judged.
    fn stale(&mut self) -> Option<(Ticket, Why)> {
        let now = self.latest;
        self.lanes.iter_mut().find_map(|lane| {
            let oldest = lane.oldest()?;
            let wait = oldest.waited(now);
            lane.codel.judge(wait, now);
            // Who is alone stands in nobody's way, and a place may be near: RFC 8289 drops no last packet either.
            (lane.waiting.len() > 1 && lane.codel.refuses(wait)).then_some((oldest, Why::Congested))
        })
    }

    /// Removes the last of those who count as the lowest class, if this one is higher.
    fn outrank(&mut self, class: Priority) -> Option<Ousted<T>> {
        let now = self.latest;
        let newest = self.lanes.iter().filter_map(Lane::newest);
        // Inside a lane the newest counts as the lowest.
        let (lowest, Reverse(ticket)) = newest.map(|ticket| (self.counts_as(ticket, now), Reverse(ticket))).min()?;
        if lowest >= class {
            return None;
        }
        let payload = self.remove(ticket)?;
        Some(Ousted { ticket, payload, why: Why::Outranked })
    }

    /// The newest of a lane who counts as the same class as its oldest.
    fn newest(&self, oldest: Ticket, class: Priority, now: Instant) -> Ticket {
        let steps = class as u32 - own_class(oldest) as u32;
        let age = self.knobs.ageing.saturating_mul(steps);
        // The oldest is as old, so the subtraction does not end below its arrival.
        let since = Instant::START.after(now.since(Instant::START).saturating_sub(age));
        let last = Ticket { since, number: u64::MAX, lane: u16::MAX };
        let waiting = &self.lanes[usize::from(oldest.lane)].waiting;
        waiting.range(..=last).next_back().map_or(oldest, |(&ticket, _)| ticket)
    }

    /// One class above its own for each whole `ageing`.
    fn counts_as(&self, ticket: Ticket, now: Instant) -> Priority {
        let waited = ticket.waited(now);
        let (mut class, mut age) = (own_class(ticket) as usize, self.knobs.ageing);
        // At most four steps, and cheaper than a division of 128 bits.
        while class + 1 < Priority::ALL.len() && waited >= age {
            class += 1;
            age = age.saturating_add(self.knobs.ageing);
        }
        Priority::ALL[class]
    }
}

impl<T> Lane<T> {
    fn oldest(&self) -> Option<Ticket> {
        self.waiting.first_key_value().map(|(&ticket, _)| ticket)
    }

    fn newest(&self) -> Option<Ticket> {
        self.waiting.last_key_value().map(|(&ticket, _)| ticket)
    }
}

/// The class that it came with.
fn own_class(ticket: Ticket) -> Priority {
    Priority::ALL[usize::from(ticket.lane) % Priority::ALL.len()]
}

fn partition(ticket: Ticket) -> u8 {
    (usize::from(ticket.lane) / Priority::ALL.len()) as u8
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests;
