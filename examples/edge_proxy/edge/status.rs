//! What is in force and what has happened, as JSON.

use super::counts::Counts;
use super::events::Events;
use contraflow::Traffic;
use contraflow::state::LimitStatus;
use contraflow::table::{RouteSpec, Table};
use contraflow::traffic::{ClusterStatus, EndpointStatus, RegionStatus};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The table in force with what is known of its endpoints, the decisions so far, and what was sent again. Names are keys.
pub(crate) fn status(traffic: &Traffic, counts: &Counts, events: &Events) -> Value {
    let (table, status) = loop {
        let (snapshot, status) = (traffic.snapshot(), traffic.status());
        if snapshot.generation() == status.generation {
            break (snapshot.table().clone(), status);
        }
    };
    json!({
        "generation": status.generation.as_u64(),
        "table": {
            "routes": routes(&table),
            "clusters": keyed(&status.clusters, |cluster| (cluster.name.as_str(), of_cluster(cluster))),
        },
        "decisions": counts.decisions(),
        "rejections": counts.rejections(),
        "attempts": counts.attempts(),
        "events": events.last(),
    })
}

fn routes(table: &Table) -> Value {
    keyed(&table.spec().routes, |route: &RouteSpec| {
        let matches: Vec<_> = route.matches.iter().map(ToString::to_string).collect();
        let split = keyed(&route.split, |target| (target.cluster.as_str(), json!(target.weight)));
        (route.name.as_str(), json!({ "matches": matches, "split": split }))
    })
}

fn of_cluster(cluster: &ClusterStatus) -> Value {
    let budget = &cluster.retry_budget;
    json!({
        "retry_budget": { "tokens": budget.tokens, "capacity": budget.capacity, "under_way": budget.under_way },
        "regions": keyed(&cluster.regions, |region| (region.name.as_str(), of_region(region))),
    })
}

/// `ceiling` is the part of its share that its life lets it have; `evacuated_for_seconds` is what is left of it.
fn of_region(region: &RegionStatus) -> Value {
    json!({
        "rank": region.rank,
        "share": region.share.get(),
        "phase": region.phase.to_string(),
        "usable": region.usable.get(),
        "ceiling": region.ceiling.get(),
        "evacuated_for_seconds": region.readmitted_in.map(|left| left.as_secs_f64()),
        "in_flight": region.in_flight,
        "limit": region.limit.as_ref().map(of_limit),
        "retry_share": region.retry_share,
        "endpoints": keyed(&region.endpoints, |endpoint| (endpoint.name.as_str(), of_endpoint(endpoint))),
    })
}

/// What it refused counts here though another region took it; `rejections` has what nobody took.
fn of_limit(limit: &LimitStatus) -> Value {
    json!({
        "limit": limit.limit,
        "in_flight": limit.in_flight,
        "queued": limit.queued,
        "refused": {
            "limit": limit.refused_by_limit,
            "partition": limit.refused_by_partition,
            "priority": limit.refused_by_priority,
            "queue": limit.refused_by_queue,
        },
        "left_queue": limit.left_queue,
        "response_time_ms": limit.response_time.map(milliseconds),
    })
}

fn of_endpoint(endpoint: &EndpointStatus) -> Value {
    json!({
        "address": endpoint.address,
        "weight": endpoint.weight,
        "health": endpoint.health.to_string(),
        "in_flight": endpoint.in_flight,
        "successes": endpoint.successes,
        "failures": endpoint.failures,
        "response_time_ms": endpoint.response_time.map(milliseconds),
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn keyed<'a, T: 'a>(all: impl IntoIterator<Item = &'a T>, pair: impl Fn(&'a T) -> (&'a str, Value)) -> Value {
    let pairs = all.into_iter().map(pair).map(|(name, value)| (name.to_owned(), value));
    Value::Object(pairs.collect::<Map<_, _>>())
}
