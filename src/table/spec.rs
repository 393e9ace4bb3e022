//! A table as plain data, and the words to write it with.
//!
//! Everything is public and `Clone`: an admin endpoint, a discovery loop or a test changes a [`TableSpec`] like any other
//! value. The methods only make the common case read like the sentence it means. Nothing is checked here, so that parts
//! can be put together in any order; [`TableSpec::build`] checks everything and reports every problem at once.

use super::matching::Match;
use super::policy::{Knobs, Pick, SlowStart};
use crate::error::TableError;
use crate::unit::Ratio;
use std::time::Duration;

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
    /// What serves in the region. Order has no meaning.
    pub endpoints: Vec<EndpointSpec>,
}

/// What a region can take of one process, as declared by its owner.
///
/// Recorded in the table and shown with it; no decision reads it yet.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Capacity {
    /// So many requests at once; at least 1.
    InFlight(u32),
    /// So many requests a second; at least 1.
    Rps(u32),
    /// This part of the cluster's demand; more than 0.
    Share(Ratio),
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
    /// What differs from the cluster's knobs.
    pub knobs: Knobs,
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
    /// The first value of a query parameter, as it stands in the URI.
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
    /// [`Pick::Maglev`], which looks at one.
    #[default]
    Endpoint,
}

impl TableSpec {
    /// An empty table: nothing is routed anywhere.
    pub fn new() -> Self {
        TableSpec::default()
    }

    /// Adds a cluster.
    pub fn cluster(mut self, name: impl Into<String>, describe: impl FnOnce(ClusterSpec) -> ClusterSpec) -> Self {
        self.clusters.push(describe(ClusterSpec { name: name.into(), ..ClusterSpec::default() }));
        self
    }

    /// Adds a route.
    pub fn route(mut self, name: impl Into<String>, describe: impl FnOnce(RouteSpec) -> RouteSpec) -> Self {
        self.routes.push(describe(RouteSpec { name: name.into(), ..RouteSpec::default() }));
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

    /// Sets how new endpoints warm up where the cluster does not say.
    pub fn slow_start(mut self, slow_start: SlowStart) -> Self {
        self.defaults.slow_start = Some(slow_start);
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
    /// Adds a region.
    pub fn region(mut self, name: impl Into<String>, describe: impl FnOnce(RegionSpec) -> RegionSpec) -> Self {
        let region = RegionSpec { name: name.into(), rank: 0, weight: 1, capacity: None, endpoints: Vec::new() };
        self.regions.push(describe(region));
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

    /// Sets how new endpoints warm up.
    pub fn slow_start(mut self, slow_start: SlowStart) -> Self {
        self.knobs.slow_start = Some(slow_start);
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
        let (name, address) = (name.into(), address.into());
        self.endpoints.push(describe(EndpointSpec { name, address, authority: None, tls_name: None, weight: 1 }));
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

impl RouteSpec {
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

    /// Sets how far down the key decides.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }
}

/// What has a name that is unique among its siblings.
pub(crate) trait Named {
    fn name(&self) -> &str;
}

macro_rules! named {
    ($($spec:ty),*) => {$(
        impl Named for $spec {
            fn name(&self) -> &str {
                &self.name
            }
        }
    )*};
}
named!(ClusterSpec, RegionSpec, EndpointSpec, RouteSpec);

impl Named for TargetSpec {
    fn name(&self) -> &str {
        &self.cluster
    }
}

fn find<'a, T: Named>(all: &'a mut [T], path: &str, name: &str) -> Result<&'a mut T, TableError> {
    match all.iter().position(|one| one.name() == name) {
        Some(at) => Ok(&mut all[at]),
        None => Err(TableError::one(
            format!("{path}.{name}"),
            format!("does not exist{}", did_you_mean(name, all.iter().map(Named::name))),
        )),
    }
}

/// `; did you mean ..?`, or the names there are, or nothing.
pub(crate) fn did_you_mean<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> String {
    let mut near: Vec<_> = all.map(|other| (distance(name, other), other)).collect();
    near.sort_unstable();
    match near.first() {
        Some((edits, other)) if *edits <= 1 + name.chars().count() / 4 => format!("; did you mean `{other}`?"),
        _ if (1..=8).contains(&near.len()) => {
            let mut names: Vec<_> = near.iter().map(|(_, other)| format!("`{other}`")).collect();
            names.sort_unstable();
            format!("; there is {}", names.join(", "))
        }
        _ => String::new(),
    }
}

/// Edits between two names (Levenshtein), for suggestions only.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
