//! Clusters, regions and endpoints as compiled: checked, sorted by name, nothing left to decide.

use super::classes::Kinds;
use super::failover::Failover;
use super::limit::Limit;
use super::maglev::MaglevTable;
use super::outlier::Outlier;
use super::policy::SlowStart;
use super::retry::RetryBudget;
use super::sequence::Sequence;
use super::spec::Capacity;
use crate::id::Name;
use http::HeaderValue;
use http::uri::{Authority, Scheme};

/// A set of interchangeable endpoints in one or more regions.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) name: Name,
    pub(crate) hash: u64,
    pub(crate) regions: Box<[Region]>,
    pub(crate) slow_start: Option<SlowStart>,
    pub(crate) endpoint_limit: Option<u32>,
    /// Of the limits of all its regions.
    pub(crate) partitions: Kinds,
    pub(crate) retry_budget: RetryBudget,
    pub(crate) failover: Failover,
    pub(crate) outlier: Option<Outlier>,
    pub(crate) home_first: bool,
    /// By where the process runs, the rank of each region, by place.
    pub(crate) homes: Box<[Home]>,
    /// By place of the residency rule, the regions that its requests may go to: a bit each.
    pub(crate) residency: Box<[u64]>,
}

/// Where a process may run, and the rank of each region from there, by place.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) name: Box<str>,
    pub(crate) ranks: Box<[u32]>,
}

/// A part of a cluster that fails and is evacuated as one.
#[derive(Debug)]
pub struct Region {
    pub(crate) name: Name,
    pub(crate) hash: u64,
    pub(crate) rank: u32,
    pub(crate) weight: u32,
    pub(crate) capacity: Option<Capacity>,
    pub(crate) limit: Option<Limit>,
    pub(crate) endpoints: Box<[Endpoint]>,
    /// Whose turn it is, when some route picks by round robin.
    pub(crate) sequence: Option<Sequence>,
    /// One for each size that some route asks for, in the order of the cluster's list of sizes.
    pub(crate) maglevs: Box<[MaglevTable]>,
}

/// One server of a region.
#[derive(Debug)]
pub struct Endpoint {
    pub(crate) name: Name,
    pub(crate) hash: u64,
    pub(crate) address: Box<str>,
    /// None for an address that is no host, when there is no authority either.
    pub(crate) origin: Option<OriginParts>,
    pub(crate) authority: Option<Authority>,
    pub(crate) tls_name: Option<Box<str>>,
    pub(crate) weight: u32,
}

/// What a URI needs to name an endpoint, and a `Host` header, parsed once.
#[derive(Debug)]
pub(crate) struct OriginParts {
    /// The address's, if it names one.
    pub(crate) scheme: Option<Scheme>,
    pub(crate) authority: Authority,
    pub(crate) host: HeaderValue,
}

impl OriginParts {
    pub(crate) fn new(scheme: Option<Scheme>, authority: Authority) -> Self {
        let host = HeaderValue::from_str(authority.as_str()).expect("an authority is visible ASCII");
        OriginParts { scheme, authority, host }
    }
}

impl Cluster {
    /// What routes name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its regions, by name.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// How many requests may be in flight at each of its endpoints, if that is bounded.
    pub fn endpoint_limit(&self) -> Option<u32> {
        self.endpoint_limit
    }

    /// What bounds its retries and hedges, of all routes together.
    pub fn retry_budget(&self) -> &RetryBudget {
        &self.retry_budget
    }

    /// When its endpoints are taken out for what they answer, if they are.
    pub fn outlier(&self) -> Option<Outlier> {
        self.outlier
    }

    /// How many probes at once may reach an endpoint that was out.
    #[inline]
    pub(crate) fn probes(&self) -> u32 {
        self.outlier.map_or(0, |outlier| outlier.probes)
    }

    /// How its regions stand in for each other.
    pub fn failover(&self) -> Failover {
        self.failover
    }

    /// The rank of a region for a process that runs at `home`: one step is left free before all for the home itself.
    pub(crate) fn rank_from(&self, home: Option<&str>, place: u32) -> u32 {
        let region = &self.regions[place as usize];
        let Some(home) = home else { return region.rank };
        if self.home_first && region.name == *home {
            return 0;
        }
        let known = self.homes.iter().find(|known| *known.name == *home);
        known.map_or(region.rank, |known| known.ranks[place as usize]).saturating_add(u32::from(self.home_first))
    }

    /// How new endpoints warm up.
    pub fn slow_start(&self) -> Option<SlowStart> {
        self.slow_start
    }
}

impl Region {
    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Lower ranks are used first.
    pub fn rank(&self) -> u32 {
        self.rank
    }

    /// The share among regions of the same rank.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// What it can take, as declared.
    pub fn capacity(&self) -> Option<Capacity> {
        self.capacity
    }

    /// How many requests may be in flight here, with the cluster's partitions; none when that is not bounded.
    pub fn limit(&self) -> Option<&Limit> {
        self.limit.as_ref()
    }

    /// Its endpoints, by name.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }
}

impl Endpoint {
    /// Its identity.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Where it is: an opaque text.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The authority to send instead of the address.
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// The name to expect in its certificate.
    pub fn tls_name(&self) -> Option<&str> {
        self.tls_name.as_deref()
    }

    /// The share among the region's endpoints.
    pub fn weight(&self) -> u32 {
        self.weight
    }
}
