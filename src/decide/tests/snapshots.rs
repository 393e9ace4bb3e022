//! Snapshots to decide with.

use crate::entropy::{Draws, Entropy};
use crate::id::Generation;
use crate::protocol::Facts;
use crate::state::{Registry, Snapshot};
use crate::table::{RegionSpec, RouteSpec, Table, TableSpec};
use crate::time::{Clock, Instant};

/// A table as it comes into force in a process that begins with it.
pub(super) fn snapshot(spec: TableSpec) -> Snapshot {
    publish(&mut Registry::new(Entropy::seeded(0), Clock::manual().0), &spec.build().unwrap(), 1, Instant::START)
}

/// A table as it comes into force over what the registry knows.
pub(super) fn publish(registry: &mut Registry, table: &Table, generation: u64, now: Instant) -> Snapshot {
    let generation = Generation::from_u64(generation);
    let handles = registry.adopt(table, generation, now);
    Snapshot::new(generation, table.clone(), handles, registry)
}

/// A table of one cluster with one region, and a route to it.
pub(super) fn one_region(
    describe: impl FnOnce(RegionSpec) -> RegionSpec,
    route: impl FnOnce(RouteSpec) -> RouteSpec,
) -> TableSpec {
    TableSpec::new().cluster("c", |c| c.region("us", describe)).route("all", |r| route(r.any().to("c")))
}

/// Endpoints `0`, `1`, .. of these weights.
pub(super) fn weighted(region: RegionSpec, weights: &[u32]) -> RegionSpec {
    (0..).zip(weights).fold(region, |region, (at, &weight): (u32, _)| {
        region.endpoint_with(at.to_string(), "10.0.0.1:80", |e| e.weight(weight))
    })
}

/// The name of the endpoint that a request without any facts goes to.
pub(super) fn endpoint(snapshot: &Snapshot, word: u64, now: Instant) -> &str {
    let decision = snapshot.decide(&Facts::path("/"), Draws::from_word(word), now).unwrap();
    snapshot.endpoint(&decision).unwrap().name().as_str()
}
