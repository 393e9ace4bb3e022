//! A table as plain data.
//!
//! Everything is public and `Clone`: an admin endpoint, a discovery loop or a test changes a [`TableSpec`] like any other
//! value. Nothing is checked here, so that parts can be put together in any order; [`TableSpec::build`] checks everything
//! and reports every problem at once.

use super::limit::Limit;
use super::matching::Match;
use super::policy::Knobs;
use super::residency::ResidencyRule;
use super::retry::RetryBudget;
use super::trust::TrustRule;
use crate::protocol::Priority;
use crate::unit::Ratio;

/// A whole routing table as data: where requests can go, and which go where.
///
/// ```
/// use contraflow::{Match, Pick, SlowStart, Sticky, TableSpec};
/// use std::time::Duration;
///
/// let table = TableSpec::new()
///     .deadline(Duration::from_secs(5))
///     .cluster("shop", |c| {
///         c.region("us-east", |r| r.rank(0).weight(3).endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80"))
///             .region("us-west", |r| r.rank(0).weight(1).endpoint("c", "10.1.0.1:80"))
///             .region("eu-west", |r| r.rank(1).endpoint("d", "10.2.0.1:80"))
///             .slow_start(SlowStart::over(Duration::from_secs(60)))
///     })
///     .cluster("shop-next", |c| c.region("us-east", |r| r.endpoint("n", "10.0.9.1:80")))
///     .route("checkout", |r| {
///         r.when(Match::new().host("shop.example").path_prefix("/checkout"))
///             .split([("shop", 95), ("shop-next", 5)])
///             .sticky(Sticky::header("x-user").or_cookie("session"))
///     })
///     .route("rest", |r| r.any().to("shop").pick(Pick::RoundRobin))
///     .build()?;
/// assert_eq!(table.routes().count(), 2);
/// # Ok::<(), contraflow::TableError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableSpec {
    /// What clusters and routes inherit.
    pub defaults: Knobs,
    /// The seed of all sticky hashing. Tables with the same seed agree on every key, in every process and release.
    ///
    /// Default: 0. Another seed draws all cohorts anew: every user may move.
    pub hash_seed: u64,
    /// Which ambiguous paths are let through. Default: none.
    pub paths: PathRules,
    /// Which requests are believed what they say of themselves: the first rule that holds in the
    /// [order of precedence](Match#precedence). Order has no meaning. Default: none.
    pub trusts: Vec<TrustRule>,
    /// Which requests may not leave which regions: the first rule that holds in the [order of precedence](Match#precedence). Order has
    /// no meaning. Default: none.
    pub residency: Vec<ResidencyRule>,
    /// Where requests can go. Order has no meaning.
    pub clusters: Vec<ClusterSpec>,
    /// Which requests go where. Order has no meaning.
    pub routes: Vec<RouteSpec>,
}

/// Paths that servers read in different ways, and that a table refuses unless it allows them here, by name.
///
/// An allowed path is matched as it stands, and forwarded as it stands: whoever allows a kind must know that every server
/// behind the table reads it in that way too, or a spelling can walk around a match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathRules {
    /// Let segments `.` and `..` pass, encoded ones too.
    pub allow_dot_segments: bool,
    /// Let `%2f`, `%5c` and backslashes pass.
    pub allow_encoded_slashes: bool,
    /// Let `//` pass.
    pub allow_empty_segments: bool,
}

/// A set of interchangeable endpoints in one or more regions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterSpec {
    /// What routes name; unique in the table.
    pub name: String,
    /// What routes to this cluster inherit.
    pub knobs: Knobs,
    /// How many requests may be in flight in each of its regions, of all routes together. Default: no bound.
    ///
    /// Each region has a state of its own, so that a region that slows down does not hold back another.
    pub limit: Option<Limit>,
    /// How many requests may be in flight at each of its endpoints: from 1 to [`Limit::MAX`]. Default: no bound.
    pub endpoint_limit: Option<u32>,
    /// What bounds its retries and hedges, of all routes together. Default: [`RetryBudget::default()`], one for ten successes.
    pub retry_budget: Option<RetryBudget>,
    /// Whether a process that runs in one of its regions goes there before all others: see
    /// [`Traffic::set_home`](crate::Traffic::set_home). Default: no.
    pub home_first: bool,
    /// Which regions a process goes to first, by where it runs; of others, the regions' own ranks hold. Order has no meaning. Default:
    /// none.
    pub homes: Vec<HomeRule>,
    /// Where the cluster runs. Order has no meaning; rank and weight do.
    pub regions: Vec<RegionSpec>,
}

/// A part of a cluster that fails and is evacuated as one.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionSpec {
    /// Unique in the cluster. Regions of the same name in other clusters are the same place: evacuating it empties all.
    pub name: String,
    /// Lower ranks are used first; higher ones take what does not fit. Default: 0.
    pub rank: u32,
    /// The share among regions of the same rank. Default: 1. 0 is never used.
    pub weight: u32,
    /// What the region can take. Default: unknown.
    pub capacity: Option<Capacity>,
    /// In place of the cluster's limit, its queue and all. Default: the cluster's. Partitions are the cluster's, and cannot be
    /// set here.
    pub limit: Option<Limit>,
    /// What serves in the region. Order has no meaning.
    pub endpoints: Vec<EndpointSpec>,
}

/// The ranks of a cluster's regions as seen from one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HomeRule {
    /// Where the process runs. Not one of the cluster's regions, if it has none there.
    pub home: String,
    /// Regions and their ranks. One that is not named keeps its own.
    pub ranks: Vec<(String, u32)>,
}

/// What a region can take of one process, as declared by its owner: of a whole fleet, see [`Capacity::fleet`].
///
/// While a part of the region's endpoints may not be used, it can take so much less. What it cannot take goes to the other regions,
/// in their order; what fits nowhere is refused, the least important first.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Capacity {
    /// So many requests at once; at least 1.
    ///
    /// Exact: it caps the region's limit, or is its limit if it has none.
    InFlight(u32),
    /// So many requests a second; at least 1.
    ///
    /// In any time at most that many a second, and a tenth of a second's more, at least one (a token bucket in one word, GCRA). A request
    /// of a lower priority finds it spent a fifth of the bucket earlier, for each step.
    Rps(u32),
    /// This part of the cluster's demand; more than 0.
    ///
    /// In expectation: it bounds the region's share. A region that may be asked for at most 20% of all, whatever happens elsewhere, is
    /// `Share(Ratio::percent(20))`.
    Share(Ratio),
    /// What the region's adaptive limit has found: nothing is declared, and a plan counts with the limit in force. The region needs a
    /// limit.
    Learned,
}

/// What all processes together may ask of a region: see [`Capacity::fleet`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fleet(Capacity);

impl Capacity {
    /// The capacity of a region for all processes together, to be divided by their number.
    ///
    /// ```
    /// use contraflow::table::Capacity;
    /// assert_eq!(Capacity::fleet(Capacity::Rps(10_000)).instances(20), Capacity::Rps(500));
    /// ```
    pub const fn fleet(total: Capacity) -> Fleet {
        Fleet(total)
    }
}

impl Fleet {
    /// What one of so many processes may ask for, if each has an equal part of the requests: rounded down, at least one. A part of the
    /// demand is the same for each.
    pub const fn instances(self, instances: u32) -> Capacity {
        const fn part(total: u32, instances: u32) -> u32 {
            let part = match total.checked_div(instances) {
                Some(part) => part,
                None => total,
            };
            if part == 0 && total > 0 { 1 } else { part }
        }
        match self.0 {
            Capacity::InFlight(total) => Capacity::InFlight(part(total, instances)),
            Capacity::Rps(total) => Capacity::Rps(part(total, instances)),
            other => other,
        }
    }
}

/// One server of a region.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointSpec {
    /// Its identity, unique in the region: what was learned about it is kept under this name over any change.
    pub name: String,
    /// Where it is: an opaque text until something connects to it.
    pub address: String,
    /// The authority to send instead of the address, if it is another.
    pub authority: Option<String>,
    /// The name to expect in its certificate, if it is not the authority's host.
    pub tls_name: Option<String>,
    /// Its share among the region's endpoints. Default: 1. 0 is never picked.
    pub weight: u32,
}

/// Requests that match, and the clusters they are split over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RouteSpec {
    /// Unique in the table; for logs, metrics and edits.
    pub name: String,
    /// The route takes what any one of these matches.
    pub matches: Vec<Match>,
    /// The clusters, each with its weight.
    pub split: Vec<TargetSpec>,
    /// What keeps one user in one cohort. Default: nothing, each request is drawn at random.
    pub sticky: Option<Sticky>,
    /// How many of its requests may be in flight, wherever they go. Default: no bound.
    ///
    /// Admitted before a region is chosen, and once for all attempts. It bounds what one kind of caller can ask for; the
    /// cluster's limit bounds what a backend is given.
    pub limit: Option<Limit>,
    /// How much its requests matter. Default: what the caller gave with the facts
    /// ([`Facts::with_priority`](crate::Facts::with_priority)), else [`Priority::Normal`].
    pub priority: Option<Priority>,
    /// What matters more or less than the rest of the route: the first that holds in the
    /// [order of precedence](Match#precedence). Default: none.
    pub priorities: Vec<PriorityRule>,
    /// What differs from the cluster's knobs.
    pub knobs: Knobs,
}

/// Requests that matter more or less than the rest of their route.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorityRule {
    /// Which.
    pub when: Match,
    /// How much.
    pub priority: Priority,
}

/// One cluster of a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSpec {
    /// The cluster's name; once in a split.
    pub cluster: String,
    /// Its share of the sum of weights. 0 is never chosen.
    pub weight: u32,
}

/// What keeps one user in one cohort, and how far down it reaches.
///
/// The key is the first source that the request has. Without any, the request is drawn at random, and the decision says
/// so. Raising one target's weight moves users only into that target; lowering it again brings the same users back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// Where the key comes from: the first that is there, and not empty.
    pub sources: Vec<KeySource>,
    /// How far down the key decides. Default: to the endpoint.
    pub scope: Scope,
}

/// Where a sticky key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// What the caller gave with the facts ([`Facts::with_key`](crate::Facts::with_key)).
    Caller,
    /// The first value of a header.
    Header(String),
    /// The value of a cookie.
    Cookie(String),
    /// The first value of a query parameter, decoded: `a%2Db` and `a-b` are one key.
    Query(String),
}

/// How far down a sticky key decides; what is below is picked by the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The cluster only: a canary's cohort.
    Cluster,
    /// Cluster and region: the user stays near their data.
    Region,
    /// Cluster, region and endpoint: the user stays near their cache.
    ///
    /// By rendezvous, which looks at every endpoint of the region (about 2 ns each); with hundreds of endpoints choose
    /// [`Pick::Maglev`](super::Pick::Maglev), which looks at one.
    #[default]
    Endpoint,
}
