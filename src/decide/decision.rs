//! The record of one decision: where, with what probability, why, and by which table and view.

use super::loads::Readings;
use super::passed::Passed;
use crate::entropy::Draws;
use crate::id::{Epoch, Generation};
use crate::unit::Share;
use std::fmt;

/// Where one attempt goes, and all that is needed to explain it or to decide it again.
///
/// A plain value that owns nothing: a log can keep millions. Targets are places in the table of the generation that it
/// names; [`Snapshot::describe`](crate::Snapshot::describe) gives the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decision {
    pub(crate) generation: Generation,
    pub(crate) epoch: Epoch,
    pub(crate) route: u32,
    /// Which of the route's matches held.
    pub(crate) which: u32,
    pub(crate) cluster: u32,
    pub(crate) region: u32,
    pub(crate) endpoint: u32,
    pub(crate) cluster_share: Share,
    pub(crate) region_share: Share,
    pub(crate) cluster_reason: ClusterReason,
    pub(crate) region_reason: RegionReason,
    pub(crate) endpoint_reason: EndpointReason,
    pub(crate) key: Option<u64>,
    pub(crate) draws: Draws,
    pub(crate) readings: Readings,
    pub(crate) passed: Passed,
}

impl Decision {
    /// The table that decided.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The view of the cluster's health that decided.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The exact probability of this cluster and region: the product of both shares.
    ///
    /// Over the random word, or over keys where a key decided. Over all eligible pairs it sums to one. The endpoint is not
    /// in it: a pick that reads loads has no probability that could be stated beforehand.
    pub fn probability(&self) -> f64 {
        self.cluster_share.get() * self.region_share.get()
    }

    /// The cluster's exact share of the route's requests.
    pub fn cluster_share(&self) -> Share {
        self.cluster_share
    }

    /// The region's exact share of the cluster's requests.
    pub fn region_share(&self) -> Share {
        self.region_share
    }

    /// How many endpoints were asked before and could not take the attempt: none of them was sent anything.
    pub fn passed_over(&self) -> usize {
        self.passed.len()
    }

    /// Which attempt of its request this is, counted from 0.
    pub fn attempt(&self) -> u32 {
        self.draws.attempt()
    }

    /// Whether the request is the evidence for an endpoint that was out.
    #[inline]
    pub(crate) fn is_probe(&self) -> bool {
        self.readings.probe > 0
    }

    /// Why this cluster.
    pub fn cluster_reason(&self) -> ClusterReason {
        self.cluster_reason
    }

    /// Why this region.
    pub fn region_reason(&self) -> RegionReason {
        self.region_reason
    }

    /// Why this endpoint.
    pub fn endpoint_reason(&self) -> EndpointReason {
        self.endpoint_reason
    }

    /// The hash of the sticky key, if the route is sticky and the request had one.
    pub fn key_hash(&self) -> Option<u64> {
        self.key
    }

    /// The draws that decided: the same facts with the same draws decide alike.
    pub fn draws(&self) -> Draws {
        self.draws
    }
}

/// Why a cluster was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClusterReason {
    /// No other has a weight.
    Only,
    /// Drawn at random, by weight.
    Random,
    /// The key's, by weighted rendezvous.
    Sticky,
    /// Drawn at random, by weight: the route is sticky, but the request had no key.
    KeyMissing,
}

/// Why a region was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegionReason {
    /// No other has a share.
    Only,
    /// Drawn at random, by share.
    Random,
    /// The key's, by weighted rendezvous over the shares.
    Sticky,
    /// Chosen again among the others: an operator had just taken out the first choice.
    Vetoed,
    /// Chosen again among the others: every endpoint of the first choice was asked and could not take the attempt.
    PassedOn,
    /// One of its endpoints waits for a probe.
    Probe,
    /// Chosen among the regions that the request may not leave.
    Resident,
    /// Chosen for an attempt that follows others, among the regions that it may go to.
    Retried,
}

/// Why an endpoint was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndpointReason {
    /// No other is usable.
    Only,
    /// Drawn at random, by weight.
    Random,
    /// The key's, by weighted rendezvous.
    Sticky,
    /// Its turn.
    Turn,
    /// Drawn by weight: the endpoint whose turn it was is not usable, or is warming up.
    TurnPassed,
    /// Fewer requests in flight, for its weight, than the other of two.
    LessInFlight,
    /// A lower cost than the other of two.
    Cheaper,
    /// The key's slot is its.
    Slot,
    /// A later slot of the key is its; endpoints of earlier ones are not usable, warming up, or had their fill.
    LaterSlot,
    /// None of the key's first 16 slots could be used: drawn by weight from the key, or, where some of them had their fill
    /// of the load, the less loaded of two.
    SlotsPassed,
    /// Drawn by weight, or the key's by rendezvous, among those not asked yet: the first choice could not take the attempt.
    PassedOn,
    /// It was out and waits for evidence, and this request is it.
    Probe,
    /// Chosen for an attempt that follows others, of those not tried while there are any: the key's by rendezvous, or drawn by
    /// weight, and where the policy looks at loads the less loaded of two so drawn.
    Retried,
}

impl fmt::Display for ClusterReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ClusterReason::Only => "the only one with a weight",
            ClusterReason::Random => "drawn at random",
            ClusterReason::Sticky => "by the sticky key",
            ClusterReason::KeyMissing => "drawn at random, since the request has no sticky key",
        })
    }
}

impl fmt::Display for RegionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RegionReason::Only => "the only one with a share",
            RegionReason::Random => "drawn at random",
            RegionReason::Sticky => "by the sticky key",
            RegionReason::Vetoed => "chosen again, since the first choice had just been evacuated",
            RegionReason::PassedOn => "chosen again, since no endpoint of the first choice could take the attempt",
            RegionReason::Probe => "one of its endpoints waits for a probe",
            RegionReason::Resident => "chosen among the regions that the request may not leave",
            RegionReason::Retried => "chosen for another attempt",
        })
    }
}

impl fmt::Display for EndpointReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EndpointReason::Only => "the only usable one",
            EndpointReason::Random => "drawn at random by weight",
            EndpointReason::Sticky => "by the sticky key",
            EndpointReason::Turn => "its turn in the round robin",
            EndpointReason::TurnPassed => "drawn by weight, since the one whose turn it was passed",
            EndpointReason::LessInFlight => "fewer requests in flight for its weight",
            EndpointReason::Cheaper => "the lower cost",
            EndpointReason::Slot => "the key's slot",
            EndpointReason::LaterSlot => "a later slot of the key",
            EndpointReason::SlotsPassed => "drawn by weight, since none of the key's slots could be used",
            EndpointReason::PassedOn => "chosen again, since the first choice could not take the attempt",
            EndpointReason::Probe => "it was out, and this is its probe",
            EndpointReason::Retried => "chosen for another attempt",
        })
    }
}
