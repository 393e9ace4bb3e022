//! The live counters of a cluster, as a decision reads them.

use super::loads::Loads;
use crate::state::{ClusterHandle, EndpointState, LatestVeto};
use crate::time::Instant;

/// Whether a round robin's ticket is taken or only looked at.
#[derive(Clone, Copy)]
pub(super) enum Tickets {
    Take,
    /// The same, and the request will be sent: it may be a probe.
    Send,
    Look,
}

/// The live counters of a cluster.
pub(super) struct Live<'a> {
    pub(super) handle: &'a ClusterHandle,
    pub(super) latest_veto: &'a LatestVeto,
    pub(super) avoided: u8,
    pub(super) now: Instant,
    pub(super) tickets: Tickets,
}

impl Live<'_> {
    #[inline]
    fn endpoint(&self, region: u32, endpoint: u32) -> &EndpointState {
        &self.handle.regions[region as usize].endpoints[endpoint as usize]
    }
}

impl Loads for Live<'_> {
    #[inline]
    fn ticket(&self, region: u32) -> u64 {
        let state = &self.handle.regions[region as usize].state;
        match self.tickets {
            Tickets::Take | Tickets::Send => state.take_ticket(),
            Tickets::Look => state.next_ticket(),
        }
    }

    #[inline]
    fn in_flight(&self, region: u32, endpoint: u32) -> u64 {
        u64::from(self.endpoint(region, endpoint).in_flight())
    }

    #[inline]
    fn exceeds(&self, region: u32, endpoint: u32, bound: impl FnOnce(u64) -> u64) -> bool {
        let in_region = self.handle.regions[region as usize].state.in_flight();
        self.in_flight(region, endpoint) + 1 > bound(u64::from(in_region))
    }

    #[inline]
    fn cost(&self, region: u32, endpoint: u32) -> u64 {
        self.endpoint(region, endpoint).cost(self.now)
    }

    fn takes_probe(&self, _: u32, region: u32, endpoint: u32, at_once: u32) -> bool {
        matches!(self.tickets, Tickets::Send) && self.endpoint(region, endpoint).try_probe(at_once)
    }

    #[inline]
    fn is_vetoed(&self, region: u32) -> bool {
        u32::from(self.avoided) == region + 1
            || !self.latest_veto.is_over(self.now)
                && self.handle.regions[region as usize].state.veto().forbids(self.now)
    }
}
