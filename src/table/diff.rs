//! What differs between two tables: structural, on their normal forms.
//!
//! A diff is empty exactly when the normal forms are equal, and applied to the old table it gives the new one. It is what
//! an operator reads before a publish and what the history says afterwards.

use super::compile::Table;
use super::names::Named;
use super::spec::{ClusterSpec, EndpointSpec, RegionSpec, RouteSpec, TableSpec};
use crate::error::TableError;
use std::cmp::Ordering;
use std::fmt;

/// All that differs between two tables, by path.
///
/// ```
/// use contraflow::TableSpec;
///
/// let spec = |next| {
///     TableSpec::new()
///         .cluster("api", |c| c.region("us", |r| r.endpoint("a", "10.0.0.1:80")))
///         .cluster("api-next", |c| c.region("us", |r| r.endpoint("n", "10.0.0.9:80")))
///         .route("all", |r| r.any().split([("api", 100 - next), ("api-next", next)]))
/// };
/// let (old, new) = (spec(5).build()?, spec(10).build()?);
/// assert_eq!(
///     old.diff(&new).to_string(),
///     "~ routes.all: split api 95, api-next 5 -> api 90, api-next 10"
/// );
/// assert!(old.diff(&old.clone()).is_empty());
/// # Ok::<(), contraflow::TableError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Diff {
    changes: Vec<Change>,
}

/// One part that differs.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there are few, and they are read by people")]
pub enum Change {
    /// A part that only the new table has.
    Added(Part),
    /// A part that only the old table has.
    Removed(Part),
    /// A part that both have, with other values.
    Changed {
        /// As the old table has it.
        before: Part,
        /// As the new table has it.
        after: Part,
    },
}

/// A part of a table, without the named parts below it, which are parts of their own.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Defaults, hash seed, path rules, rules of trust and of residency; clusters and routes are left out.
    Settings(TableSpec),
    /// A cluster, its regions left out.
    Cluster(ClusterSpec),
    /// A region, its endpoints left out.
    Region {
        /// The cluster it is in.
        cluster: String,
        /// The region.
        region: RegionSpec,
    },
    /// An endpoint.
    Endpoint {
        /// The cluster it is in.
        cluster: String,
        /// The region it is in.
        region: String,
        /// The endpoint.
        endpoint: EndpointSpec,
    },
    /// A route.
    Route(RouteSpec),
}

impl Table {
    /// All that `new` has different from this table.
    pub fn diff(&self, new: &Table) -> Diff {
        let mut changes = Vec::new();
        let (old, new) = (self.spec(), new.spec());
        if settings(old) != settings(new) {
            changes
                .push(Change::Changed { before: Part::Settings(settings(old)), after: Part::Settings(settings(new)) });
        }
        merge(&old.clusters, &new.clusters, |old, new| diff_cluster(old, new, &mut changes));
        merge(&old.routes, &new.routes, |old, new| {
            let part = |route: &RouteSpec| Part::Route(route.clone());
            changes.extend(change(old.map(part), new.map(part)));
        });
        Diff { changes }
    }
}

impl Diff {
    /// Whether the tables are equal, and so decide alike.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes: settings, then clusters with their regions and endpoints, then routes; each by name.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The table that has these changes made to it.
    ///
    /// # Errors
    /// When the result is not a sound table, which happens only when `old` is not the table the diff was taken from.
    pub fn apply(&self, old: &Table) -> Result<Table, TableError> {
        let mut spec = old.spec().clone();
        for change in &self.changes {
            match change {
                Change::Added(part) | Change::Changed { after: part, .. } => put(&mut spec, part)?,
                Change::Removed(part) => remove(&mut spec, part),
            }
        }
        spec.build()
    }
}

fn settings(spec: &TableSpec) -> TableSpec {
    let TableSpec { defaults, hash_seed, paths, .. } = *spec;
    let (trusts, residency) = (spec.trusts.clone(), spec.residency.clone());
    TableSpec { defaults, hash_seed, paths, trusts, residency, clusters: Vec::new(), routes: Vec::new() }
}

fn head(cluster: &ClusterSpec) -> ClusterSpec {
    let ClusterSpec { knobs, endpoint_limit, retry_budget, home_first, .. } = *cluster;
    let (name, limit, homes) = (cluster.name.clone(), cluster.limit.clone(), cluster.homes.clone());
    ClusterSpec { name, knobs, limit, endpoint_limit, retry_budget, home_first, homes, regions: Vec::new() }
}

fn region_head(region: &RegionSpec) -> RegionSpec {
    let RegionSpec { rank, weight, capacity, .. } = *region;
    let limit = region.limit.clone();
    RegionSpec { name: region.name.clone(), rank, weight, capacity, limit, endpoints: Vec::new() }
}

fn diff_cluster(old: Option<&ClusterSpec>, new: Option<&ClusterSpec>, changes: &mut Vec<Change>) {
    let part = |cluster: &ClusterSpec| Part::Cluster(head(cluster));
    changes.extend(change(old.map(part), new.map(part)));
    // What is in a removed cluster goes with it.
    let Some(cluster) = new.map(|cluster| &cluster.name) else { return };
    merge(regions(old), regions(new), |old, new| {
        let part = |region: &RegionSpec| Part::Region { cluster: cluster.clone(), region: region_head(region) };
        changes.extend(change(old.map(part), new.map(part)));
        let Some(region) = new.map(|region| &region.name) else { return };
        merge(endpoints(old), endpoints(new), |old, new| {
            let part = |endpoint: &EndpointSpec| Part::Endpoint {
                cluster: cluster.clone(),
                region: region.clone(),
                endpoint: endpoint.clone(),
            };
            changes.extend(change(old.map(part), new.map(part)));
        });
    });
}

fn regions(cluster: Option<&ClusterSpec>) -> &[RegionSpec] {
    cluster.map_or(&[], |cluster| &cluster.regions)
}

fn endpoints(region: Option<&RegionSpec>) -> &[EndpointSpec] {
    region.map_or(&[], |region| &region.endpoints)
}

fn change(before: Option<Part>, after: Option<Part>) -> Option<Change> {
    match (before, after) {
        (None, None) => None,
        (None, Some(after)) => Some(Change::Added(after)),
        (Some(before), None) => Some(Change::Removed(before)),
        (Some(before), Some(after)) => (before != after).then_some(Change::Changed { before, after }),
    }
}

/// Walks two lists that are sorted by name, side by side.
fn merge<'a, T: Named>(mut old: &'a [T], mut new: &'a [T], mut meet: impl FnMut(Option<&'a T>, Option<&'a T>)) {
    loop {
        match (old.split_first(), new.split_first()) {
            (None, None) => return,
            (Some((one, rest)), None) => {
                meet(Some(one), None);
                old = rest;
            }
            (None, Some((other, rest))) => {
                meet(None, Some(other));
                new = rest;
            }
            (Some((one, old_rest)), Some((other, new_rest))) => {
                let order = one.name().cmp(other.name());
                meet((order != Ordering::Greater).then_some(one), (order != Ordering::Less).then_some(other));
                if order != Ordering::Greater {
                    old = old_rest;
                }
                if order != Ordering::Less {
                    new = new_rest;
                }
            }
        }
    }
}

fn put(spec: &mut TableSpec, part: &Part) -> Result<(), TableError> {
    match part {
        Part::Settings(settings) => {
            let (clusters, routes) = (std::mem::take(&mut spec.clusters), std::mem::take(&mut spec.routes));
            *spec = TableSpec { clusters, routes, ..settings.clone() };
        }
        Part::Cluster(cluster) => match spec.clusters.iter_mut().find(|known| known.name == cluster.name) {
            Some(known) => {
                let regions = std::mem::take(&mut known.regions);
                *known = ClusterSpec { regions, ..cluster.clone() };
            }
            None => spec.clusters.push(cluster.clone()),
        },
        Part::Region { cluster, region } => {
            let regions = &mut spec.cluster_mut(cluster)?.regions;
            match regions.iter_mut().find(|known| known.name == region.name) {
                Some(known) => {
                    let endpoints = std::mem::take(&mut known.endpoints);
                    *known = RegionSpec { endpoints, ..region.clone() };
                }
                None => regions.push(region.clone()),
            }
        }
        Part::Endpoint { cluster, region, endpoint } => {
            replace(&mut spec.cluster_mut(cluster)?.region_mut(region)?.endpoints, endpoint);
        }
        Part::Route(route) => replace(&mut spec.routes, route),
    }
    Ok(())
}

fn replace<T: Named + Clone>(all: &mut Vec<T>, one: &T) {
    match all.iter_mut().find(|known| known.name() == one.name()) {
        Some(known) => *known = one.clone(),
        None => all.push(one.clone()),
    }
}

fn remove(spec: &mut TableSpec, part: &Part) {
    match part {
        Part::Settings(_) => {}
        Part::Cluster(cluster) => spec.clusters.retain(|known| known.name != cluster.name),
        Part::Region { cluster, region } => {
            if let Ok(cluster) = spec.cluster_mut(cluster) {
                cluster.regions.retain(|known| known.name != region.name);
            }
        }
        Part::Endpoint { cluster, region, endpoint } => {
            if let Ok(region) = spec.cluster_mut(cluster).and_then(|cluster| cluster.region_mut(region)) {
                region.endpoints.retain(|known| known.name != endpoint.name);
            }
        }
        Part::Route(route) => spec.routes.retain(|known| known.name != route.name),
    }
}

impl fmt::Display for Diff {
    /// One line a change: `+`, `-` or `~`, the path, and what was and is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, change) in self.changes.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            change.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Added(part) => write!(f, "+ {}", part.path()),
            Change::Removed(part) => write!(f, "- {}", part.path()),
            Change::Changed { before, after } => {
                write!(f, "~ {}:", after.path())?;
                let (before, after) = (before.values(), after.values());
                let mut separator = " ";
                for ((name, was), (_, is)) in before.iter().zip(&after).filter(|(was, is)| was != is) {
                    write!(f, "{separator}{name} {was} -> {is}")?;
                    separator = "; ";
                }
                Ok(())
            }
        }
    }
}

impl Part {
    /// Where: dotted names from the table's root.
    pub fn path(&self) -> String {
        match self {
            Part::Settings(_) => "settings".into(),
            Part::Cluster(cluster) => format!("clusters.{}", cluster.name),
            Part::Region { cluster, region } => format!("clusters.{cluster}.regions.{}", region.name),
            Part::Endpoint { cluster, region, endpoint } => {
                format!("clusters.{cluster}.regions.{region}.endpoints.{}", endpoint.name)
            }
            Part::Route(route) => format!("routes.{}", route.name),
        }
    }

    /// The part's own values as text, always the same ones in the same order for one kind of part.
    fn values(&self) -> Vec<(&'static str, String)> {
        fn text(value: &impl fmt::Debug) -> String {
            format!("{value:?}")
        }
        match self {
            Part::Settings(spec) => vec![
                ("defaults", text(&spec.defaults)),
                ("hash_seed", spec.hash_seed.to_string()),
                ("paths", text(&spec.paths)),
                ("trusts", text(&spec.trusts)),
                ("residency", text(&spec.residency)),
            ],
            Part::Cluster(cluster) => vec![
                ("knobs", text(&cluster.knobs)),
                ("limit", text(&cluster.limit)),
                ("endpoint_limit", text(&cluster.endpoint_limit)),
                ("retry_budget", text(&cluster.retry_budget)),
                ("home_first", text(&cluster.home_first)),
                ("homes", text(&cluster.homes)),
            ],
            Part::Region { region, .. } => vec![
                ("rank", region.rank.to_string()),
                ("weight", region.weight.to_string()),
                ("capacity", text(&region.capacity)),
                ("limit", text(&region.limit)),
            ],
            Part::Endpoint { endpoint, .. } => vec![
                ("address", endpoint.address.clone()),
                ("authority", text(&endpoint.authority)),
                ("tls_name", text(&endpoint.tls_name)),
                ("weight", endpoint.weight.to_string()),
            ],
            Part::Route(route) => {
                let split: Vec<_> =
                    route.split.iter().map(|target| format!("{} {}", target.cluster, target.weight)).collect();
                vec![
                    ("matches", text(&route.matches)),
                    ("split", split.join(", ")),
                    ("sticky", text(&route.sticky)),
                    ("limit", text(&route.limit)),
                    ("priority", text(&route.priority)),
                    ("priorities", text(&route.priorities)),
                    ("knobs", text(&route.knobs)),
                ]
            }
        }
    }
}
