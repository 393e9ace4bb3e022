//! The checks on a spec: what is wrong with a cluster, a route, a knob, a name or an address, and what to do about it.

use super::maglev::{MAX_SIZE, is_prime};
use super::names::{Named, did_you_mean};
use super::policy::{Knobs, Pick, SlowStart};
use super::sequence::MAX_CYCLE;
use super::spec::{Capacity, ClusterSpec, EndpointSpec, KeySource, RouteSpec, Sticky, TableSpec};
use super::{check_failover, check_retry};
use crate::error::Problems;
use crate::id::Name;
use crate::protocol::{bare_host, normal_host};
use http::header::HeaderName;
use http::uri::Authority;
use std::collections::HashMap;

/// The most regions of one cluster: a decision records regions in one word.
const MAX_REGIONS: usize = 64;

/// The most endpoints of one region: more is a mistake, and keeps all sums of weights far from overflow.
const MAX_ENDPOINTS: usize = 1 << 20;

/// The places of named things, telling of names that are bad or twice there.
pub(super) fn index_names<'a, T: Named>(all: &'a [T], path: &str, problems: &mut Problems) -> HashMap<&'a str, u32> {
    let mut places = HashMap::with_capacity(all.len());
    for (place, one) in all.iter().enumerate() {
        let name = one.name();
        if let Err(message) = Name::new(name) {
            problems.add(format!("{path}.{name}"), format!("the name {message}"));
        }
        // Sorted by name, so three of a kind are told of twice, next to each other: once is enough.
        let twice = places.insert(name, place as u32).is_some();
        if twice && all.get(place + 1).is_none_or(|next| next.name() != name) {
            problems.add(format!("{path}.{name}"), "exists twice; give one of them another name");
        }
    }
    places
}

pub(super) fn cluster(cluster: &ClusterSpec, problems: &mut Problems) {
    let path = format!("clusters.{}", cluster.name);
    knobs(&cluster.knobs, &path, problems);
    let regions = format!("{path}.regions");
    index_names(&cluster.regions, &regions, problems);
    if cluster.regions.is_empty() {
        problems.add(&regions, "is empty; add a region with an endpoint");
    } else if cluster.regions.len() > MAX_REGIONS {
        problems.add(&regions, format!("has more than {MAX_REGIONS} regions; split the cluster"));
    } else if cluster.regions.iter().all(|region| region.weight == 0) {
        problems.add(&regions, "all weigh zero; give one a weight");
    }
    for region in &cluster.regions {
        let path = format!("{regions}.{}", region.name);
        check_capacity(region.capacity, &path, problems);
        let endpoints = format!("{path}.endpoints");
        index_names(&region.endpoints, &endpoints, problems);
        if region.endpoints.is_empty() {
            problems.add(&endpoints, "is empty; add an endpoint or remove the region");
        } else if region.endpoints.len() > MAX_ENDPOINTS {
            problems.add(&endpoints, format!("has more than {MAX_ENDPOINTS} endpoints; split the region"));
        } else if region.endpoints.iter().all(|endpoint| endpoint.weight == 0) {
            problems.add(&endpoints, "all weigh zero; give one a weight, or set the region's weight to 0 and keep one");
        }
        for endpoint in &region.endpoints {
            check_endpoint(endpoint, &endpoints, problems);
        }
    }
}

pub(super) fn route(route: &RouteSpec, clusters: &HashMap<&str, u32>, problems: &mut Problems) {
    let path = format!("routes.{}", route.name);
    knobs(&route.knobs, &path, problems);
    if route.knobs.slow_start.is_some() {
        problems.add(format!("{path}.slow_start"), "cannot differ between routes; set it on the cluster");
    }
    if route.knobs.failover.is_some() {
        problems.add(format!("{path}.failover"), "cannot differ between routes; set it on the cluster");
    }
    if route.knobs.outlier.is_some() {
        problems.add(format!("{path}.outlier"), "cannot differ between routes; set it on the cluster");
    }
    if route.matches.is_empty() {
        problems.add(format!("{path}.matches"), "is empty; add `.when(..)`, or `.any()` for every request");
    }
    if let Some(sticky) = &route.sticky {
        check_sticky(sticky, &path, problems);
    }
    let split = format!("{path}.split");
    for target in &route.split {
        check_exists(&target.cluster, clusters, &split, problems);
    }
    for pair in route.split.windows(2).filter(|pair| pair[0].cluster == pair[1].cluster) {
        problems.add(format!("{split}.{}", pair[0].cluster), "is in the split twice; add the weights up");
    }
    if route.split.is_empty() {
        problems.add(split, "is empty; name a cluster with `.to(..)` or `.split(..)`");
    } else if route.split.iter().all(|target| target.weight == 0) {
        problems.add(split, "all weigh zero; give a cluster a weight");
    }
}

/// Tells of regions too large for the round robin that a route asks of them.
pub(super) fn turns(spec: &TableSpec, clusters: &HashMap<&str, u32>, problems: &mut Problems) {
    let mut told = vec![false; spec.clusters.len()];
    for route in &spec.routes {
        for place in route.split.iter().filter_map(|target| clusters.get(target.cluster.as_str())) {
            let cluster = &spec.clusters[*place as usize];
            let pick = route.knobs.or(cluster.knobs).or(spec.defaults).pick;
            if pick != Some(Pick::RoundRobin) || std::mem::replace(&mut told[*place as usize], true) {
                continue;
            }
            for region in cluster.regions.iter().filter(|region| region.endpoints.len() > MAX_CYCLE) {
                let path = format!("clusters.{}.regions.{}.endpoints", cluster.name, region.name);
                let message = format!("has more than the {MAX_CYCLE} that round robin can take; use another pick");
                problems.add(path, message);
            }
        }
    }
}

pub(super) fn knobs(knobs: &Knobs, path: &str, problems: &mut Problems) {
    if knobs.deadline.is_some_and(|deadline| deadline.is_zero()) {
        problems.add(format!("{path}.deadline"), "is zero; use Duration::MAX for no deadline");
    }
    if knobs.hold_at_most.is_some_and(|hold| hold.is_zero()) {
        problems.add(format!("{path}.hold_at_most"), "is zero; use ReleaseOn::Head to hold nothing after the head");
    }
    if let Some(Pick::Maglev(maglev)) = knobs.pick {
        if let Some(size) = maglev.size
            && !(size <= MAX_SIZE && is_prime(size))
        {
            problems
                .add(format!("{path}.pick.size"), format!("is {size}; use a prime up to {MAX_SIZE}, such as 65537"));
        }
        if let Some(percent) = maglev.max_load_percent
            && !(100..=100_000).contains(&percent)
        {
            let message = format!("is {percent}; use 100 to 100000, usually 125 to 200");
            problems.add(format!("{path}.pick.max_load_percent"), message);
        }
    }
    if let Some(slow_start) = &knobs.slow_start {
        check_slow_start(slow_start, &format!("{path}.slow_start"), problems);
    }
    check_retry::knobs(knobs, path, problems);
    check_failover::knobs(knobs, path, problems);
}

fn check_slow_start(slow_start: &SlowStart, path: &str, problems: &mut Problems) {
    if slow_start.window.is_zero() {
        problems.add(format!("{path}.window"), "is zero; leave slow start out instead");
    }
    let aggression = slow_start.aggression;
    if !(aggression > 0.0 && aggression <= 100.0) {
        problems.add(format!("{path}.aggression"), format!("is {aggression}; use more than 0 and at most 100"));
    }
}

fn check_capacity(capacity: Option<Capacity>, path: &str, problems: &mut Problems) {
    let nothing = match capacity {
        None | Some(Capacity::Learned) => false,
        Some(Capacity::InFlight(count) | Capacity::Rps(count)) => count == 0,
        Some(Capacity::Share(share)) => share.get() <= 0.0,
    };
    if nothing {
        problems.add(format!("{path}.capacity"), "is zero; to use the region no more, set its weight to 0");
    }
}

fn check_endpoint(spec: &EndpointSpec, path: &str, problems: &mut Problems) {
    let at = |what: &str| format!("{path}.{}.{what}", spec.name);
    if spec.address.is_empty() {
        problems.add(at("address"), "is empty; say where the endpoint is");
    }
    if let Some(name) = &spec.tls_name
        && bare_host(name).is_err()
    {
        problems.add(at("tls_name"), format!("is {name:?}, which is not a host name"));
    }
    if let Some(authority) = &spec.authority
        && !(Authority::try_from(authority.as_str()).is_ok() && normal_host(authority).is_ok())
    {
        problems.add(at("authority"), format!("is {authority:?}, which is not a host with an optional port"));
    }
}

/// That a cluster which a split names exists.
fn check_exists(name: &str, places: &HashMap<&str, u32>, path: &str, problems: &mut Problems) {
    if !places.contains_key(name) {
        let hint = did_you_mean(name, places.keys().copied());
        problems.add(format!("{path}.{name}"), format!("names a cluster that does not exist{hint}"));
    }
}

fn check_sticky(sticky: &Sticky, path: &str, problems: &mut Problems) {
    if sticky.sources.is_empty() {
        problems.add(format!("{path}.sticky"), "has no source; say where the key comes from, or leave it out");
    }
    for source in &sticky.sources {
        let (sound, what, name) = match source {
            KeySource::Caller => continue,
            KeySource::Header(name) => (HeaderName::from_bytes(name.as_bytes()).is_ok(), "a header's", name),
            // RFC 6265 takes the token of RFC 9110, which is a header's name too.
            KeySource::Cookie(name) => (HeaderName::from_bytes(name.as_bytes()).is_ok(), "a cookie's", name),
            KeySource::Query(name) => (!name.is_empty() && !name.contains(['&', '=', '#']), "a parameter's", name),
        };
        if !sound {
            problems.add(format!("{path}.sticky"), format!("{name:?} is not {what} name"));
        }
    }
}
