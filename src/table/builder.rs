//! The words to write a table with: methods that make a spec read like the sentence it means.
//!
//! They only fill in the plain data of [`super::spec`]; whatever they do can be done by assigning fields.

use super::failover::Failover;
use super::limit::Limit;
use super::matching::Match;
use super::names::find;
use super::outlier::Outlier;
use super::policy::{Pick, ReleaseOn, SlowStart};
use super::residency::ResidencyRule;
use super::retry::{Hedge, Retry, RetryBudget};
use super::spec::{
    Capacity, ClusterSpec, EndpointSpec, HomeRule, KeySource, PathRules, PriorityRule, RegionSpec, RouteSpec, Scope,
    Sticky, TableSpec, TargetSpec,
};
use super::trust::{Claims, TrustRule};
use crate::error::TableError;
use crate::protocol::Priority;
use std::net::SocketAddr;
use std::time::Duration;

impl TableSpec {
    /// An empty table: nothing is routed anywhere.
    pub fn new() -> Self {
        TableSpec::default()
    }

    /// Adds a cluster.
    pub fn cluster(mut self, name: impl Into<String>, describe: impl FnOnce(ClusterSpec) -> ClusterSpec) -> Self {
        self.clusters.push(describe(ClusterSpec::new(name)));
        self
    }

    /// Adds a route.
    pub fn route(mut self, name: impl Into<String>, describe: impl FnOnce(RouteSpec) -> RouteSpec) -> Self {
        self.routes.push(describe(RouteSpec::new(name)));
        self
    }

    /// Sets how endpoints are picked where neither cluster nor route says.
    pub fn pick(mut self, pick: Pick) -> Self {
        self.defaults.pick = Some(pick);
        self
    }

    /// Sets the deadline where neither cluster nor route says.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.defaults.deadline = Some(deadline);
        self
    }

    /// Sets until when a request counts as in flight where neither cluster nor route says: see [`Knobs::release`](super::Knobs::release).
    pub fn release(mut self, on: ReleaseOn) -> Self {
        self.defaults.release = Some(on);
        self
    }

    /// Sets how long a body may stand still and count as in flight where neither cluster nor route says: see [`Knobs::hold_at_most`](super::Knobs::hold_at_most).
    pub fn hold_at_most(mut self, stalled: Duration) -> Self {
        self.defaults.hold_at_most = Some(stalled);
        self
    }

    /// Sets how new endpoints warm up where the cluster does not say.
    pub fn slow_start(mut self, slow_start: SlowStart) -> Self {
        self.defaults.slow_start = Some(slow_start);
        self
    }

    /// Sets how requests that failed are sent again where neither cluster nor route says: see
    /// [`Knobs::retry`](super::Knobs::retry).
    pub fn retry(mut self, retry: Retry) -> Self {
        self.defaults.retry = Some(retry);
        self
    }

    /// Sets how requests are hedged where neither cluster nor route says: see [`Knobs::hedge`](super::Knobs::hedge).
    pub fn hedge(mut self, hedge: Hedge) -> Self {
        self.defaults.hedge = Some(hedge);
        self
    }

    /// Sets how regions stand in for each other where the cluster does not say.
    pub fn failover(mut self, failover: Failover) -> Self {
        self.defaults.failover = Some(failover);
        self
    }

    /// Sets when endpoints are taken out for what they answer, where the cluster does not say.
    pub fn outlier(mut self, outlier: Outlier) -> Self {
        self.defaults.outlier = Some(outlier);
        self
    }

    /// Sets the seed of all sticky hashing.
    pub fn hash_seed(mut self, seed: u64) -> Self {
        self.hash_seed = seed;
        self
    }

    /// Sets which ambiguous paths are let through.
    pub fn paths(mut self, rules: PathRules) -> Self {
        self.paths = rules;
        self
    }

    /// Believes requests that a match takes what they say of themselves.
    pub fn trust(mut self, when: Match, claims: Claims) -> Self {
        self.trusts.push(TrustRule { when, claims });
        self
    }

    /// Keeps requests that a match takes in these regions, whatever happens there.
    pub fn resident<R: Into<String>>(mut self, when: Match, regions: impl IntoIterator<Item = R>) -> Self {
        let regions = regions.into_iter().map(Into::into).collect();
        self.residency.push(ResidencyRule { when, regions });
        self
    }

    /// The cluster of that name, to change it.
    ///
    /// # Errors
    /// When there is none; the error names the nearest.
    pub fn cluster_mut(&mut self, name: &str) -> Result<&mut ClusterSpec, TableError> {
        find(&mut self.clusters, "clusters", name)
    }

    /// The route of that name, to change it.
    ///
    /// # Errors
    /// When there is none; the error names the nearest.
    pub fn route_mut(&mut self, name: &str) -> Result<&mut RouteSpec, TableError> {
        find(&mut self.routes, "routes", name)
    }
}

impl ClusterSpec {
    /// A cluster without regions.
    pub fn new(name: impl Into<String>) -> Self {
        ClusterSpec { name: name.into(), ..ClusterSpec::default() }
    }

    /// Adds a region.
    pub fn region(mut self, name: impl Into<String>, describe: impl FnOnce(RegionSpec) -> RegionSpec) -> Self {
        self.regions.push(describe(RegionSpec::new(name)));
        self
    }

    /// Sets how endpoints are picked where the route does not say.
    pub fn pick(mut self, pick: Pick) -> Self {
        self.knobs.pick = Some(pick);
        self
    }

    /// Sets the deadline where the route does not say.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.knobs.deadline = Some(deadline);
        self
    }

    /// Sets until when a request counts as in flight where the route does not say: see [`Knobs::release`](super::Knobs::release).
    pub fn release(mut self, on: ReleaseOn) -> Self {
        self.knobs.release = Some(on);
        self
    }

    /// Sets how long a body may stand still and count as in flight where the route does not say: see [`Knobs::hold_at_most`](super::Knobs::hold_at_most).
    pub fn hold_at_most(mut self, stalled: Duration) -> Self {
        self.knobs.hold_at_most = Some(stalled);
        self
    }

    /// Bounds the requests in flight in each region.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Bounds the requests in flight at each endpoint.
    pub fn endpoint_limit(mut self, limit: u32) -> Self {
        self.endpoint_limit = Some(limit);
        self
    }

    /// Sets how new endpoints warm up.
    pub fn slow_start(mut self, slow_start: SlowStart) -> Self {
        self.knobs.slow_start = Some(slow_start);
        self
    }

    /// Sets how requests that failed are sent again where the route does not say: see [`Knobs::retry`](super::Knobs::retry).
    pub fn retry(mut self, retry: Retry) -> Self {
        self.knobs.retry = Some(retry);
        self
    }

    /// Sets how requests are hedged where the route does not say: see [`Knobs::hedge`](super::Knobs::hedge).
    pub fn hedge(mut self, hedge: Hedge) -> Self {
        self.knobs.hedge = Some(hedge);
        self
    }

    /// Sets how its regions stand in for each other.
    pub fn failover(mut self, failover: Failover) -> Self {
        self.knobs.failover = Some(failover);
        self
    }

    /// Sets when its endpoints are taken out for what they answer.
    pub fn outlier(mut self, outlier: Outlier) -> Self {
        self.knobs.outlier = Some(outlier);
        self
    }

    /// Has processes that run in one of its regions go there before all others.
    pub fn home_first(mut self) -> Self {
        self.home_first = true;
        self
    }

    /// Sets the ranks of regions for processes that run there.
    pub fn from_home<R: Into<String>>(
        mut self,
        home: impl Into<String>,
        ranks: impl IntoIterator<Item = (R, u32)>,
    ) -> Self {
        let ranks = ranks.into_iter().map(|(region, rank)| (region.into(), rank)).collect();
        self.homes.push(HomeRule { home: home.into(), ranks });
        self
    }

    /// Bounds the retries and hedges, of all routes together.
    pub fn retry_budget(mut self, budget: RetryBudget) -> Self {
        self.retry_budget = Some(budget);
        self
    }

    /// The region of that name, to change it.
    ///
    /// # Errors
    /// When there is none; the error names the nearest.
    pub fn region_mut(&mut self, name: &str) -> Result<&mut RegionSpec, TableError> {
        let path = format!("clusters.{}.regions", self.name);
        find(&mut self.regions, &path, name)
    }
}

impl RegionSpec {
    /// A region of rank 0 and weight 1, without endpoints.
    pub fn new(name: impl Into<String>) -> Self {
        RegionSpec { name: name.into(), rank: 0, weight: 1, capacity: None, limit: None, endpoints: Vec::new() }
    }

    /// Sets the rank: lower ones are used first.
    pub fn rank(mut self, rank: u32) -> Self {
        self.rank = rank;
        self
    }

    /// Sets the share among regions of the same rank.
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Declares what the region can take.
    pub fn capacity(mut self, capacity: Capacity) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// Bounds the requests in flight here in another way than in the cluster's other regions.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Adds an endpoint of weight 1.
    pub fn endpoint(self, name: impl Into<String>, address: impl Into<String>) -> Self {
        self.endpoint_with(name, address, |endpoint| endpoint)
    }

    /// Adds an endpoint and says more about it.
    pub fn endpoint_with(
        mut self,
        name: impl Into<String>,
        address: impl Into<String>,
        describe: impl FnOnce(EndpointSpec) -> EndpointSpec,
    ) -> Self {
        self.endpoints.push(describe(EndpointSpec::new(name, address)));
        self
    }

    /// The endpoint of that name, to change it.
    ///
    /// # Errors
    /// When there is none; the error names the nearest.
    pub fn endpoint_mut(&mut self, name: &str) -> Result<&mut EndpointSpec, TableError> {
        let path = format!("regions.{}.endpoints", self.name);
        find(&mut self.endpoints, &path, name)
    }
}

impl EndpointSpec {
    /// An endpoint of weight 1.
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        EndpointSpec { name: name.into(), address: address.into(), authority: None, tls_name: None, weight: 1 }
    }

    /// Sets the share among the region's endpoints.
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Sets the authority to send instead of the address.
    pub fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authority = Some(authority.into());
        self
    }

    /// Sets the name to expect in the certificate.
    pub fn tls_name(mut self, name: impl Into<String>) -> Self {
        self.tls_name = Some(name.into());
        self
    }
}

impl From<SocketAddr> for EndpointSpec {
    /// An endpoint of weight 1 whose name is its address.
    fn from(address: SocketAddr) -> Self {
        let address = address.to_string();
        EndpointSpec::new(address.clone(), address)
    }
}

impl RouteSpec {
    /// A route that takes nothing and leads nowhere.
    pub fn new(name: impl Into<String>) -> Self {
        RouteSpec { name: name.into(), ..RouteSpec::default() }
    }

    /// Takes what this matches, besides what the route takes already.
    pub fn when(mut self, matching: Match) -> Self {
        self.matches.push(matching);
        self
    }

    /// Takes every request that no other route takes.
    pub fn any(self) -> Self {
        self.when(Match::new())
    }

    /// Splits over clusters by weight.
    pub fn split<C: Into<String>>(mut self, targets: impl IntoIterator<Item = (C, u32)>) -> Self {
        let targets = targets.into_iter().map(|(cluster, weight)| TargetSpec { cluster: cluster.into(), weight });
        self.split.extend(targets);
        self
    }

    /// Sends everything to one cluster.
    pub fn to(self, cluster: impl Into<String>) -> Self {
        self.split([(cluster, 1)])
    }

    /// Keeps each user in one cohort.
    pub fn sticky(mut self, sticky: Sticky) -> Self {
        self.sticky = Some(sticky);
        self
    }

    /// Bounds this route's requests in flight, wherever they go.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sets how much this route's requests matter.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Sets how much those of this route's requests matter that a match takes.
    pub fn priority_when(mut self, when: Match, priority: Priority) -> Self {
        self.priorities.push(PriorityRule { when, priority });
        self
    }

    /// Sets how endpoints are picked for this route.
    pub fn pick(mut self, pick: Pick) -> Self {
        self.knobs.pick = Some(pick);
        self
    }

    /// Sets this route's deadline.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.knobs.deadline = Some(deadline);
        self
    }

    /// Sets until when a request counts as in flight on this route: see [`Knobs::release`](super::Knobs::release).
    pub fn release(mut self, on: ReleaseOn) -> Self {
        self.knobs.release = Some(on);
        self
    }

    /// Sets how long a body may stand still and count as in flight on this route: see [`Knobs::hold_at_most`](super::Knobs::hold_at_most).
    pub fn hold_at_most(mut self, stalled: Duration) -> Self {
        self.knobs.hold_at_most = Some(stalled);
        self
    }

    /// Sets how requests that failed are sent again on this route: see [`Knobs::retry`](super::Knobs::retry).
    pub fn retry(mut self, retry: Retry) -> Self {
        self.knobs.retry = Some(retry);
        self
    }

    /// Sets how requests are hedged on this route: see [`Knobs::hedge`](super::Knobs::hedge).
    pub fn hedge(mut self, hedge: Hedge) -> Self {
        self.knobs.hedge = Some(hedge);
        self
    }

    /// Sets a cluster's weight in the split, adding the cluster if it is not there.
    pub fn reweight(&mut self, cluster: &str, weight: u32) -> &mut Self {
        match self.split.iter_mut().find(|target| target.cluster == cluster) {
            Some(target) => target.weight = weight,
            None => self.split.push(TargetSpec { cluster: cluster.into(), weight }),
        }
        self
    }
}

impl Sticky {
    /// By the first value of a header.
    pub fn header(name: impl Into<String>) -> Self {
        Sticky::by(KeySource::Header(name.into()))
    }

    /// By a cookie.
    pub fn cookie(name: impl Into<String>) -> Self {
        Sticky::by(KeySource::Cookie(name.into()))
    }

    /// By the first value of a query parameter.
    pub fn query(name: impl Into<String>) -> Self {
        Sticky::by(KeySource::Query(name.into()))
    }

    /// By what the caller gives with the facts.
    pub fn caller() -> Self {
        Sticky::by(KeySource::Caller)
    }

    fn by(source: KeySource) -> Self {
        Sticky { sources: vec![source], scope: Scope::default() }
    }

    /// Else by this.
    pub fn or(mut self, source: KeySource) -> Self {
        self.sources.push(source);
        self
    }

    /// Else by a header.
    pub fn or_header(self, name: impl Into<String>) -> Self {
        self.or(KeySource::Header(name.into()))
    }

    /// Else by a cookie.
    pub fn or_cookie(self, name: impl Into<String>) -> Self {
        self.or(KeySource::Cookie(name.into()))
    }

    /// Else by a query parameter.
    pub fn or_query(self, name: impl Into<String>) -> Self {
        self.or(KeySource::Query(name.into()))
    }

    /// Sets how far down the key decides.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }
}
