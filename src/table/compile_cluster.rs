//! A cluster as compiled: its regions and endpoints by place, and what routes want to have ready there.

use super::classes::Kinds;
use super::cluster::{Cluster, Endpoint, Home, OriginParts, Region};
use super::compile::{Prepared, checked};
use super::hash::{Kind, stable_hash};
use super::limit::Limit;
use super::maglev::MaglevTable;
use super::sequence::Sequence;
use super::spec::{Capacity, ClusterSpec, EndpointSpec, HomeRule, RegionSpec, TableSpec};
use crate::protocol::normal_host;
use http::uri::Scheme;

pub(super) fn compile_cluster(spec: &ClusterSpec, picks: &Prepared, partitions: Kinds, table: &TableSpec) -> Cluster {
    Cluster {
        name: checked(&spec.name),
        hash: stable_hash(table.hash_seed, Kind::Cluster, spec.name.as_bytes()),
        regions: spec.regions.iter().map(|region| compile_region(region, spec, picks, table.hash_seed)).collect(),
        slow_start: spec.knobs.or(table.defaults).slow_start,
        endpoint_limit: spec.endpoint_limit,
        partitions,
        retry_budget: spec.retry_budget.unwrap_or_default(),
        failover: spec.knobs.or(table.defaults).failover.unwrap_or_default(),
        outlier: spec.knobs.or(table.defaults).outlier,
        home_first: spec.home_first,
        homes: spec
            .homes
            .iter()
            .map(|home| Home { name: home.home.as_str().into(), ranks: ranks(home, spec) })
            .collect(),
        residency: table.residency.iter().map(|rule| regions_named(&rule.regions, spec)).collect(),
    }
}

/// The rank of each region as seen from a home.
fn ranks(home: &HomeRule, cluster: &ClusterSpec) -> Box<[u32]> {
    let named = |region: &RegionSpec| home.ranks.iter().find(|(name, _)| *name == region.name);
    cluster.regions.iter().map(|region| named(region).map_or(region.rank, |(_, rank)| *rank)).collect()
}

/// The regions of these names: a bit for each place.
fn regions_named(names: &[String], cluster: &ClusterSpec) -> u64 {
    let named = (0..).zip(&cluster.regions).filter(|(_, region)| names.contains(&region.name));
    named.fold(0, |mask, (place, _): (u32, _)| mask | 1 << place)
}

/// A region's own limit with the cluster's partitions, or the cluster's.
fn limit(region: &RegionSpec, cluster: &ClusterSpec) -> Option<Limit> {
    // What may be in flight at once is a limit, if nothing else bounds it.
    let declared = || match region.capacity {
        Some(Capacity::InFlight(number)) => Some(Limit::fixed(number)),
        _ => None,
    };
    let mut limit = region.limit.clone().or_else(|| cluster.limit.clone()).or_else(declared)?;
    limit.partitions = cluster.limit.as_ref().map_or_else(Vec::new, |limit| limit.partitions.clone());
    Some(limit)
}

fn compile_region(spec: &RegionSpec, cluster: &ClusterSpec, picks: &Prepared, seed: u64) -> Region {
    let endpoints: Box<[Endpoint]> = spec
        .endpoints
        .iter()
        .map(|endpoint| Endpoint {
            name: checked(&endpoint.name),
            hash: stable_hash(seed, Kind::Endpoint, endpoint.name.as_bytes()),
            address: endpoint.address.as_str().into(),
            origin: origin(endpoint),
            authority: endpoint.authority.as_deref().map(|text| text.parse().expect("authorities are checked")),
            tls_name: endpoint.tls_name.as_deref().map(Into::into),
            weight: endpoint.weight,
        })
        .collect();
    let hashes: Vec<_> = endpoints.iter().map(|endpoint| (endpoint.hash, endpoint.weight)).collect();
    let weights = || endpoints.iter().map(|endpoint| endpoint.weight).collect::<Vec<_>>();
    Region {
        name: checked(&spec.name),
        hash: stable_hash(seed, Kind::Region, spec.name.as_bytes()),
        rank: spec.rank,
        weight: spec.weight,
        capacity: spec.capacity,
        limit: limit(spec, cluster),
        sequence: picks.round_robin.then(|| Sequence::new(&weights())),
        maglevs: picks.maglev_sizes.iter().map(|&size| MaglevTable::new(&hashes, size)).collect(),
        endpoints,
    }
}

/// What stands for an endpoint in a URI: its authority, else its address if that is a host with an optional port.
fn origin(endpoint: &EndpointSpec) -> Option<OriginParts> {
    let address = endpoint.address.as_str();
    let (scheme, host) = match address.split_once("://") {
        Some((scheme, host)) if scheme.eq_ignore_ascii_case("http") => (Some(Scheme::HTTP), Some(host)),
        Some((scheme, host)) if scheme.eq_ignore_ascii_case("https") => (Some(Scheme::HTTPS), Some(host)),
        // Something that only a connector understands.
        Some(_) => (None, None),
        None => (None, Some(address)),
    };
    let host = host.map(|host| host.strip_suffix('/').unwrap_or(host));
    let authority = endpoint.authority.as_deref().or(host)?;
    let is_host = normal_host(authority).is_ok();
    is_host.then(|| authority.parse().ok()).flatten().map(|authority| OriginParts::new(scheme, authority))
}
