//! From a spec to a table: everything is checked, brought into normal form and resolved, once.
//!
//! The normal form sorts what has no order (clusters, regions, endpoints, routes, targets, matches) by name or precedence
//! and spells hosts and header names in one way. Places in the compiled arrays are places in the normal form, so two specs
//! that differ only in order compile to the same table and decide alike.

use super::check;
use super::check_failover;
use super::check_limit;
use super::check_retry;
use super::classes::{self, Class, Kinds, RouteClasses};
use super::cluster::{Cluster, Endpoint, Region};
use super::compile_cluster::compile_cluster;
use super::index::{Entry, Index};
use super::limit::Limit;
use super::matching::Match;
use super::pattern::{HostPattern, PathPattern};
use super::policy::{Pick, Picking, Policy};
use super::predicate::{Conditions, Predicate};
use super::retry::RetryBudget;
use super::route::{Route, RouteRules, Source, StickyRule, Target, TargetDetails};
use super::spec::{KeySource, PathRules, RouteSpec, TableSpec};
use super::split::Weighted;
use super::trust::Claims;
use crate::error::{Problems, Reason, TableError};
use crate::id::Name;
use crate::protocol::path::normal_parameter;
use crate::protocol::{Facts, Oddities, Priority};
use crate::sync::Arc;
use http::header::HeaderName;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::num::NonZeroU32;

/// A routing table that is right by construction: immutable, cheap to clone, swapped whole.
///
/// Made by [`TableSpec::build`].
#[derive(Clone)]
pub struct Table(Arc<Compiled>);

struct Compiled {
    spec: TableSpec,
    index: Index,
    allowed: Oddities,
    /// What is believed of which requests.
    trusts: Kinds,
    /// Which requests may not leave which regions.
    residency: Kinds,
    routes: Box<[Route]>,
    clusters: Box<[Cluster]>,
}

impl Table {
    /// The spec this table was built from, in its normal form: building it again gives an equal table.
    pub fn spec(&self) -> &TableSpec {
        &self.0.spec
    }

    /// The routes, by name.
    pub fn routes(&self) -> impl ExactSizeIterator<Item = &Route> {
        self.0.routes.iter()
    }

    /// The clusters, by name.
    pub fn clusters(&self) -> impl ExactSizeIterator<Item = &Cluster> {
        self.0.clusters.iter()
    }

    /// All endpoints of all clusters.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.clusters().flat_map(Cluster::regions).flat_map(Region::endpoints)
    }

    /// The route of that name.
    pub fn route(&self, name: &str) -> Option<&Route> {
        self.0.routes.iter().find(|route| route.name == *name)
    }

    /// The cluster of that name.
    pub fn cluster(&self, name: &str) -> Option<&Cluster> {
        self.0.clusters.iter().find(|cluster| cluster.name == *name)
    }

    #[inline]
    pub(crate) fn route_at(&self, place: u32) -> &Route {
        &self.0.routes[place as usize]
    }

    #[inline]
    pub(crate) fn cluster_at(&self, place: u32) -> &Cluster {
        &self.0.clusters[place as usize]
    }

    /// The match that takes a request.
    #[inline]
    pub(crate) fn find(&self, facts: &Facts<'_>) -> Result<&Entry, Reason> {
        if !facts.oddities().are_within(self.0.allowed) {
            return Err(Reason::BadPath);
        }
        self.0.index.find(facts).ok_or(Reason::NoRoute)
    }

    /// What a request is to the limits on its way.
    #[inline]
    pub(crate) fn class(&self, policy: &Policy, facts: &Facts<'_>, route: u32, cluster: u32) -> Class {
        let given = policy.priority.or(facts.priority()).unwrap_or_default();
        if !policy.has_classes {
            return Class { priority: given, ..Class::default() };
        }
        self.find_class(given, facts, route, cluster)
    }

    #[inline(never)]
    fn find_class(&self, given: Priority, facts: &Facts<'_>, route: u32, cluster: u32) -> Class {
        let classes = &self.route_at(route).rules().classes;
        Class {
            priority: classes.priority(facts).unwrap_or(given),
            of_route: classes.partition(facts),
            of_region: self.cluster_at(cluster).partitions.partition(facts),
        }
    }

    /// The rule by which a request may not leave some regions, by its place.
    #[inline]
    pub(crate) fn residency(&self, facts: &Facts<'_>) -> Option<u16> {
        if self.0.residency.is_empty() { None } else { self.0.residency.place(facts) }
    }

    /// Whether it believes anything of any request.
    #[inline]
    pub(crate) fn trusts_anybody(&self) -> bool {
        !self.0.trusts.is_empty()
    }

    /// What is believed of a request; nothing, at once, in a table that trusts nobody.
    #[inline]
    pub(crate) fn claims(&self, facts: &Facts<'_>) -> Claims {
        if self.0.trusts.is_empty() { Claims::none() } else { self.find_claims(facts) }
    }

    #[inline(never)]
    fn find_claims(&self, facts: &Facts<'_>) -> Claims {
        self.0.trusts.claims(facts)
    }

    /// A match of a route, as the spec's normal form has it.
    pub(crate) fn match_at(&self, route: u32, which: u32) -> Option<&Match> {
        self.0.spec.routes.get(route as usize)?.matches.get(which as usize)
    }
}

impl PartialEq for Table {
    /// Whether the normal forms are equal, so that both decide alike.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.spec == other.0.spec
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Table").field(&self.0.spec).finish()
    }
}

impl TableSpec {
    /// Checks everything and compiles the table.
    ///
    /// # Errors
    /// Every problem at once, each with its path: bad, unknown or doubled names, weights that sum to zero, values out of
    /// range, empty clusters and regions, matches that are equal, that others cover, or that no request can meet.
    pub fn build(mut self) -> Result<Table, TableError> {
        let mut problems = Problems::default();
        sort(&mut self);
        check::knobs(&self.defaults, "defaults", &mut problems);
        let allowed = allowed(self.paths);
        check_retry::trusts(&self.trusts, &mut problems);
        let trusts = classes::of_trusts(&mut self.trusts, allowed, &mut problems);
        let residency = classes::of_residency(&mut self.residency, allowed, &mut problems);
        check_failover::residency(&self, &mut problems);
        let kinds: Vec<_> =
            self.clusters.iter_mut().map(|cluster| classes::of_cluster(cluster, allowed, &mut problems)).collect();
        let clusters = check::index_names(&self.clusters, "clusters", &mut problems);
        check::index_names(&self.routes, "routes", &mut problems);
        for cluster in &self.clusters {
            check::cluster(cluster, &mut problems);
            check_limit::cluster(cluster, &mut problems);
            check_retry::cluster(cluster, &mut problems);
            check_failover::cluster(cluster, &mut problems);
        }
        if self.routes.is_empty() {
            problems.add("routes", "is empty; add a route, or every request would be refused");
        }
        let mut route_classes = Vec::with_capacity(self.routes.len());
        let mut predicates = Vec::new();
        for (place, route) in self.routes.iter_mut().enumerate() {
            check::route(route, &clusters, &mut problems);
            check_limit::route(route, &mut problems);
            route_classes.push(classes::of_route(route, allowed, &mut problems));
            predicates.extend(compile_matches(route, place as u32, allowed, &mut problems));
        }
        predicates.sort_by(|a, b| a.predicate.cmp(&b.predicate));
        check_overlaps(&predicates, &self.routes, &mut problems);
        check::turns(&self, &clusters, &mut problems);
        check_retry::merged(&self, &clusters, &mut problems);
        problems.into_result()?;

        let picks = prepared_picks(&self, &clusters);
        let routes = self
            .routes
            .iter()
            .zip(route_classes)
            .map(|(route, classes)| compile_route(route, classes, &self, &clusters, &picks))
            .collect();
        let compiled_clusters = self
            .clusters
            .iter()
            .zip(&picks)
            .zip(kinds)
            .map(|((spec, picks), kinds)| compile_cluster(spec, picks, kinds, &self))
            .collect();
        let index = Index::new(predicates.iter().map(|one| (&one.predicate, one.route, one.which)));
        let table = Compiled { index, allowed, trusts, residency, routes, clusters: compiled_clusters, spec: self };
        Ok(Table(Arc::new(table)))
    }
}

/// One match of one route, compiled.
struct Compiling {
    predicate: Predicate,
    route: u32,
    which: u32,
}

fn sort(spec: &mut TableSpec) {
    spec.clusters.sort_by(|a, b| a.name.cmp(&b.name));
    spec.routes.sort_by(|a, b| a.name.cmp(&b.name));
    for cluster in &mut spec.clusters {
        cluster.regions.sort_by(|a, b| a.name.cmp(&b.name));
        cluster.homes.sort_by(|a, b| a.home.cmp(&b.home));
        cluster.homes.iter_mut().for_each(|home| home.ranks.sort());
        for region in &mut cluster.regions {
            region.endpoints.sort_by(|a, b| a.name.cmp(&b.name));
        }
    }
    let partitions = |limit: &mut Option<Limit>| {
        limit.iter_mut().flat_map(|limit| &mut limit.partitions).flat_map(|one| &mut one.when).for_each(spell);
    };
    spec.trusts.iter_mut().for_each(|rule| spell(&mut rule.when));
    for rule in &mut spec.residency {
        spell(&mut rule.when);
        rule.regions.sort();
    }
    spec.clusters.iter_mut().for_each(|cluster| partitions(&mut cluster.limit));
    for route in &mut spec.routes {
        partitions(&mut route.limit);
        route.priorities.iter_mut().for_each(|rule| spell(&mut rule.when));
        route.split.sort_by(|a, b| a.cluster.cmp(&b.cluster));
        for matching in &mut route.matches {
            spell(matching);
        }
    }
}

/// Spells a match in the one normal way, as far as it is sound.
fn spell(matching: &mut Match) {
    if let Some(Ok(host)) = matching.host.as_deref().map(HostPattern::compile) {
        matching.host = host.spelling();
    }
    for header in &mut matching.headers {
        header.name.make_ascii_lowercase();
    }
    matching.headers.sort_by(|a, b| a.name.cmp(&b.name));
    matching.query.sort_by(|a, b| a.name.cmp(&b.name));
}

fn allowed(rules: PathRules) -> Oddities {
    [
        (rules.allow_dot_segments, Oddities::DOT_SEGMENTS),
        (rules.allow_encoded_slashes, Oddities::ENCODED_SLASHES),
        (rules.allow_empty_segments, Oddities::EMPTY_SEGMENTS),
    ]
    .into_iter()
    .filter(|(allow, _)| *allow)
    .fold(Oddities::NONE, |all, (_, kind)| all.and(kind))
}

/// The matches of a route, which are sorted by precedence along the way.
fn compile_matches(route: &mut RouteSpec, place: u32, allowed: Oddities, problems: &mut Problems) -> Vec<Compiling> {
    let name = route.name.clone();
    let mut sound = Vec::with_capacity(route.matches.len());
    for (which, matching) in std::mem::take(&mut route.matches).into_iter().enumerate() {
        let at = |part: &str| format!("routes.{name}.matches.{which}.{part}");
        let odd = PathPattern::oddities(matching.path.as_ref());
        if !odd.are_within(Oddities::BROKEN.others()) {
            problems.add(at("path"), "holds a broken escape or a control character; a percent sign is `%25`");
        } else if !odd.are_within(allowed) {
            let message =
                "has more than one reading and can never match; rewrite it, or allow its kind in the table's paths";
            problems.add(at("path"), message);
        }
        match Predicate::compile(&matching, |part, message| problems.add(at(part), message)) {
            Some(predicate) => sound.push((predicate, matching)),
            None => route.matches.push(matching),
        }
    }
    sound.sort_by(|a, b| a.0.cmp(&b.0));
    let first = route.matches.len();
    let mut compiled = Vec::with_capacity(sound.len());
    for (which, (predicate, matching)) in sound.into_iter().enumerate() {
        compiled.push(Compiling { predicate, route: place, which: (first + which) as u32 });
        route.matches.push(matching);
    }
    compiled
}

/// Tells of matches that are equal, and of those that two others cover together.
fn check_overlaps(sorted: &[Compiling], routes: &[RouteSpec], problems: &mut Problems) {
    let route = |one: &Compiling| &routes[one.route as usize];
    let path = |one: &Compiling| match route(one) {
        RouteSpec { name, matches, .. } if matches.len() > 1 => format!("routes.{name}.matches.{}", one.which),
        RouteSpec { name, .. } => format!("routes.{name}.matches"),
    };
    for pair in sorted.windows(2).filter(|pair| pair[0].predicate == pair[1].predicate) {
        let message = if pair[0].route == pair[1].route {
            "is there twice; remove one".into()
        } else {
            format!("has the same match as route `{}`; nothing could tell them apart", route(&pair[0]).name)
        };
        problems.add(path(&pair[1]), message);
    }
    let same_place =
        |a: &Compiling, b: &Compiling| a.predicate.host == b.predicate.host && a.predicate.path == b.predicate.path;
    for group in sorted.chunk_by(same_place).filter(|group| group.len() > 2) {
        let conditions: Vec<&Conditions> = group.iter().map(|one| &one.predicate.conditions).collect();
        for (at, one) in group.iter().enumerate().skip(2) {
            if let Some(places) = conditions[at].covered_by(&conditions[..at]) {
                let names = places.into_iter().map(|place| format!("`{}`", route(&group[place]).name));
                let names: Vec<_> = names.collect::<BTreeSet<_>>().into_iter().collect();
                let routes = if names.len() == 1 { "matches of route" } else { "routes" };
                let names = names.join(" and ");
                let message = format!("can never be reached: {routes} {names} together take all it takes, before it");
                problems.add(path(one), message);
            }
        }
    }
}

/// What a route does with a cluster, all knobs merged.
fn policy(route: &RouteSpec, cluster: u32, spec: &TableSpec) -> Policy {
    Policy::from_knobs(route.knobs.or(spec.clusters[cluster as usize].knobs).or(spec.defaults))
}

fn compile_route(
    route: &RouteSpec,
    classes: RouteClasses,
    spec: &TableSpec,
    clusters: &HashMap<&str, u32>,
    prepared: &[Prepared],
) -> Route {
    let rules = Arc::new(RouteRules { limit: route.limit.clone(), classes });
    let targets = route.split.iter().map(|target| {
        let cluster = clusters[target.cluster.as_str()];
        let limit = &spec.clusters[cluster as usize].limit;
        let has_partitions = limit.as_ref().is_some_and(|limit| !limit.partitions.is_empty());
        let policy = policy(route, cluster, spec);
        let is_funded = matches!(spec.clusters[cluster as usize].retry_budget, Some(RetryBudget::Finagle(_)));
        let policy = Policy {
            is_limited: route.limit.is_some(),
            is_counted: is_funded || policy.hedge.is_some(),
            has_classes: !rules.classes.is_empty() || has_partitions,
            priority: route.priority,
            ..policy
        };
        let picking = prepared[cluster as usize].picking(policy.pick);
        let details = TargetDetails { cluster: checked(&target.cluster), policy, rules: rules.clone() };
        ((Target { cluster, picking }, u64::from(target.weight)), details)
    });
    let (split, details): (Vec<_>, Vec<_>) = targets.unzip();
    let sticky = route.sticky.as_ref().map(|sticky| {
        let sources = sticky.sources.iter().map(compile_source).collect();
        Box::new(StickyRule { sources, scope: sticky.scope, seed: spec.hash_seed })
    });
    Route { name: checked(&route.name), split: Weighted::new(split), sticky, details: details.into() }
}

fn compile_source(source: &KeySource) -> Source {
    match source {
        KeySource::Caller => Source::Caller,
        KeySource::Header(name) => {
            Source::Header(HeaderName::from_bytes(name.as_bytes()).expect("sticky headers are checked"))
        }
        KeySource::Cookie(name) => Source::Cookie(name.as_str().into()),
        KeySource::Query(name) => Source::Query(normal_parameter(name).into()),
    }
}

/// What the routes to a cluster want of it, and its regions to have ready.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) round_robin: bool,
    /// Distinct sizes; a route's target knows its place among them.
    pub(super) maglev_sizes: Vec<Option<u32>>,
}

impl Prepared {
    fn add(&mut self, policy: &Policy) {
        match policy.pick {
            Pick::RoundRobin => self.round_robin = true,
            Pick::Maglev(maglev) if !self.maglev_sizes.contains(&maglev.size) => self.maglev_sizes.push(maglev.size),
            _ => {}
        }
    }

    fn picking(&self, pick: Pick) -> Picking {
        match pick {
            Pick::Random => Picking::Random,
            Pick::RoundRobin => Picking::RoundRobin,
            Pick::LeastInFlight => Picking::LeastInFlight,
            Pick::PeakEwma => Picking::PeakEwma,
            Pick::Maglev(maglev) => {
                let table = self.maglev_sizes.iter().position(|&size| size == maglev.size);
                let table = table.expect("every size that a route asks for was added") as u32;
                Picking::Maglev { table, max_load_percent: maglev.max_load_percent.and_then(NonZeroU32::new) }
            }
        }
    }
}

/// By cluster.
fn prepared_picks(spec: &TableSpec, clusters: &HashMap<&str, u32>) -> Vec<Prepared> {
    let mut picks: Vec<Prepared> = std::iter::repeat_with(Prepared::default).take(spec.clusters.len()).collect();
    for route in &spec.routes {
        for target in &route.split {
            let cluster = clusters[target.cluster.as_str()];
            picks[cluster as usize].add(&policy(route, cluster, spec));
        }
    }
    picks
}

pub(super) fn checked(name: &str) -> Name {
    Name::new(name).expect("names are checked before anything is compiled")
}
