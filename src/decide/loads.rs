//! The live counters a decision may read, and the record of what it read.

use std::cell::Cell;

/// Live counters of one cluster, by place of region and endpoint.
pub(crate) trait Loads {
    /// Takes the region's next ticket of round robin.
    fn ticket(&self, region: u32) -> u64;
    /// Requests in flight at an endpoint.
    fn in_flight(&self, region: u32, endpoint: u32) -> u64;
    /// Whether one more request would bring an endpoint above its bound, which depends on the region's requests in flight.
    fn exceeds(&self, region: u32, endpoint: u32, bound: impl FnOnce(u64) -> u64) -> bool;
    /// The cost of one more request at an endpoint, in nanoseconds.
    fn cost(&self, region: u32, endpoint: u32) -> u64;
    /// Takes the place of a probe at an endpoint that waits for one, the first of the view's list by this number.
    fn takes_probe(&self, number: u32, region: u32, endpoint: u32, at_once: u32) -> bool;
    /// Whether an operator has taken the region out.
    fn is_vetoed(&self, region: u32) -> bool;
}

/// What a decision read of the counters: enough to decide the same again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Readings {
    /// The ticket, where a turn was taken.
    pub(crate) ticket: u64,
    /// The loads of the endpoint picked and of its rival, where two were compared.
    pub(crate) picked_load: u64,
    pub(crate) rival_load: u64,
    pub(crate) rival: u32,
    /// Slots of the Maglev table passed over because their endpoint had its fill of the load.
    pub(crate) full_slots: u16,
    /// One more than the number of the endpoint in the view's list that it probes; zero for none.
    pub(crate) probe: u16,
    /// A region was drawn that an operator had taken out; the vetoed regions, by place.
    pub(crate) vetoed: u64,
}

/// Counters that say again what a decision read of them.
///
/// Loads answer by endpoint; the first full slots were the ones passed over, since the pick asks in one order.
#[derive(Debug)]
pub(crate) struct Recorded {
    readings: Readings,
    full_left: Cell<u16>,
}

impl Recorded {
    pub(crate) fn new(readings: Readings) -> Self {
        Recorded { readings, full_left: Cell::new(readings.full_slots) }
    }

    fn load(&self, endpoint: u32) -> u64 {
        if endpoint == self.readings.rival { self.readings.rival_load } else { self.readings.picked_load }
    }
}

impl Loads for Recorded {
    fn ticket(&self, _: u32) -> u64 {
        self.readings.ticket
    }

    fn in_flight(&self, _: u32, endpoint: u32) -> u64 {
        self.load(endpoint)
    }

    fn exceeds(&self, _: u32, _: u32, _: impl FnOnce(u64) -> u64) -> bool {
        let left = self.full_left.get();
        self.full_left.set(left.saturating_sub(1));
        left > 0
    }

    fn cost(&self, _: u32, endpoint: u32) -> u64 {
        self.load(endpoint)
    }

    fn takes_probe(&self, number: u32, _: u32, _: u32, _: u32) -> bool {
        u32::from(self.readings.probe) == number + 1
    }

    fn is_vetoed(&self, region: u32) -> bool {
        self.readings.vetoed >> region & 1 == 1
    }
}
