//! Regions that fail, in virtual time: what a table does in a bad hour is seen in a second.
//!
//! Failover is a property of a whole: detection, shares, limits, retries and the patience of callers act on each other, and each of
//! them looks right alone. So the world here runs the real stack over servers that queue, slow down, fail and fall silent, and counts
//! what those see who ask: who was answered, who was refused and why, who waited for nothing.
//!
//! Only servers and callers are made up. A server takes [`latency`](RegionWorld::latency) on average, half of it fixed and
//! half exponential, with as many workers as it is given and a queue before them. A caller asks once and waits, for ever or
//! for as long as its patience lasts. One seed is one history.

mod calls;
mod fault;
mod listener;
mod measured;
mod servers;

pub use fault::Fault;
pub use measured::{Load, Measured, Slice};

use super::world::World;
use crate::observe::Event;
use crate::protocol::Priority;
use crate::sync::Arc;
use crate::table::TableSpec;
use crate::time::Instant;
use crate::traffic::Traffic;
use calls::{Asked, Calls, arrive, poll_woken};
use fault::Faults;
use listener::Listener;
use servers::Servers;
use std::fmt;
use std::time::Duration;

/// How exact timers are: as fine as a runtime's.
const TICK: Duration = Duration::from_millis(1);

/// Longer than any deadline that a test waits for.
const LONGEST: Duration = Duration::from_secs(3600);

/// Regions, their servers, and who asks them, through the real stack.
///
/// ```
/// use contraflow::testing::{Fault, RegionWorld};
/// use contraflow::{Outlier, Retry, TableSpec};
/// use std::time::Duration;
///
/// let second = Duration::from_secs(1);
/// let spec = TableSpec::new()
///     .cluster("shop", |c| {
///         c.region("eu", |r| r.endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80"))
///             .region("us", |r| r.rank(1).endpoint("c", "10.1.0.1:80").endpoint("d", "10.1.0.2:80"))
///     })
///     .route("all", |r| r.any().to("shop").deadline(second).retry(Retry::default()))
///     .outlier(Outlier::default());
///
/// let mut world = RegionWorld::new(7, spec);
/// world.demand(200.0);
/// world.run_for(10 * second);
/// assert_eq!(world.measured().between(0.0, 10.0).load("us").sent, 0);
///
/// world.fault("eu", None, Fault::FAILS);
/// world.run_for(10 * second);
/// let later = world.measured().between(12.0, 20.0);
/// assert!(later.errors() < 0.01, "{later:?}");
/// assert!(later.load("us").sent > 0);
/// ```
pub struct RegionWorld {
    world: World<Regions>,
}

/// What the events act on.
struct Regions {
    traffic: Traffic,
    calls: Calls,
    servers: Servers,
    faults: Faults,
    demand: Demand,
    measured: Measured,
    listener: Arc<Listener>,
}

/// Who asks.
struct Demand {
    per_second: f64,
    /// Arrivals of an earlier demand have another number.
    number: u64,
    /// Zero for nobody in particular.
    users: u64,
    priorities: Vec<(Priority, u32)>,
    patience: Option<Duration>,
}

impl RegionWorld {
    /// A world with this table in force, where all is well and nobody asks for anything.
    ///
    /// Requests have the path `/`.
    ///
    /// # Panics
    /// When the table is not sound.
    pub fn new(seed: u64, spec: TableSpec) -> Self {
        let table = spec.build().expect("a sound table");
        let mut world = World::new(seed, |sources| {
            let traffic = Traffic::with_sources(table, sources.clock.clone(), sources.entropy.clone());
            let listener = Arc::new(Listener::new(sources.clock.clone()));
            traffic.observe(listener.clone());
            Regions {
                calls: Calls::new(&traffic),
                traffic,
                servers: Servers::new(sources.entropy.word()),
                faults: Faults::default(),
                demand: Demand {
                    per_second: 0.0,
                    number: 0,
                    users: 0,
                    priorities: vec![(Priority::Normal, 1)],
                    patience: None,
                },
                measured: Measured::default(),
                listener,
            }
        });
        world.every(TICK, poll_woken);
        RegionWorld { world }
    }

    /// The traffic that all goes through: to publish, to evacuate, to observe.
    pub fn traffic(&self) -> &Traffic {
        &self.world.state.traffic
    }

    /// The moment it is.
    pub fn now(&self) -> Instant {
        self.world.now()
    }

    /// How long the servers of a region take on average. At first: 10 ms.
    pub fn latency(&mut self, region: &str, mean: Duration) {
        self.world.state.servers.law(region).mean = mean;
    }

    /// How many requests each server of a region works on at once; more wait in its queue. At first: as many as come.
    ///
    /// A region of 5 servers with 4 workers each and answers of 10 ms takes 2000 requests a second.
    pub fn capacity(&mut self, region: &str, per_endpoint_workers: u32) {
        self.world.state.servers.law(region).workers = Some(per_endpoint_workers);
    }

    /// From now on the servers of a region, or one of them, are in this trouble. What is said of an endpoint holds in place of what is
    /// said of its region.
    pub fn fault(&mut self, region: &str, endpoint: Option<&str>, fault: Fault) {
        self.world.state.faults.set(region, endpoint, fault);
        self.world.state.servers.begin_again(region, endpoint);
    }

    /// From now on so many requests a second come, at random; zero for none.
    pub fn demand(&mut self, per_second: f64) {
        let demand = &mut self.world.state.demand;
        demand.per_second = per_second;
        demand.number += 1;
        arrive(&mut self.world);
    }

    /// From now on requests are of so many users, each with a key to stick by. At first: of nobody in particular.
    pub fn users(&mut self, users: u64) {
        self.world.state.demand.users = users;
    }

    /// From now on requests have these priorities, in these proportions. At first: all are normal.
    ///
    /// # Panics
    /// When there are none.
    pub fn priorities(&mut self, priorities: &[(Priority, u32)]) {
        assert!(priorities.iter().any(|(_, weight)| *weight > 0), "some priority has a weight");
        self.world.state.demand.priorities = priorities.to_vec();
    }

    /// How long callers wait before they go away, whatever the table says. At first: for ever.
    pub fn patience(&mut self, patience: Option<Duration>) {
        self.world.state.demand.patience = patience;
    }

    /// Runs for so long.
    pub fn run_for(&mut self, time: Duration) {
        self.world.run_for(time);
    }

    /// Nobody asks for anything any more, and all that is under way comes to an end; what the traffic counts as under way then, which is
    /// nothing if all was given back: requests in flight at routes, regions and endpoints, probes, retries and hedges.
    pub fn settle(&mut self) -> u64 {
        self.demand(0.0);
        let end = self.now().after(LONGEST);
        while self.open() > 0 && self.now() < end {
            self.run_for(Duration::from_millis(100));
        }
        let status = self.traffic().status();
        let routes = status.routes.iter().map(|route| u64::from(route.limit.in_flight));
        let clusters = status.clusters.iter().map(|cluster| cluster.retry_budget.under_way);
        let regions = || status.clusters.iter().flat_map(|cluster| &cluster.regions);
        let endpoints = regions().flat_map(|region| &region.endpoints);
        let endpoints = endpoints.map(|endpoint| u64::from(endpoint.in_flight + endpoint.probes));
        let regions = regions().map(|region| u64::from(region.in_flight));
        self.open() as u64 + routes.sum::<u64>() + clusters.sum::<u64>() + regions.sum::<u64>() + endpoints.sum::<u64>()
    }

    /// Requests that have no answer yet.
    pub fn open(&self) -> usize {
        self.world.state.calls.open()
    }

    /// What was counted so far.
    pub fn measured(&self) -> &Measured {
        &self.world.state.measured
    }

    /// What the traffic told so far, and when it was found: ejections, transitions, publishes, evacuations.
    pub fn events(&self) -> Vec<(Instant, Event)> {
        self.world.state.listener.events()
    }

    /// From now on nobody observes: requests take the shortest way, and there are no more [`events`](Self::events).
    pub fn stop_observing(&mut self) {
        let listener = self.world.state.listener.clone();
        self.traffic().stop_observing(listener);
    }
}

impl fmt::Debug for RegionWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegionWorld").field("now", &self.now()).field("open", &self.open()).finish_non_exhaustive()
    }
}

impl Demand {
    /// Who asks next.
    fn next(&self, word: u64, other: u64) -> Asked {
        let total: u64 = self.priorities.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut at = crate::entropy::below(word, total);
        let mut chosen = Priority::Normal;
        for (priority, weight) in &self.priorities {
            if at < u64::from(*weight) {
                chosen = *priority;
                break;
            }
            at -= u64::from(*weight);
        }
        let user = (self.users > 0).then(|| crate::entropy::below(other, self.users));
        Asked { user: user.map(u64::to_be_bytes), priority: chosen }
    }
}
