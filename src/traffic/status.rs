//! What is in force and what is known, as plain values.

use super::Swept;
use crate::id::{Epoch, Generation, Name};
use crate::state::{BudgetStatus, Checked, EndpointHealth, LimitStatus, RegionPhase, STEPS, Snapshot, ratio_of_part};
use crate::table::{Capacity, RetryBudget};
use crate::time::Instant;
use crate::unit::{Ratio, Share};
use std::time::Duration;

/// What is in force and what is known of every endpoint. Counters are read one by one: together they are a moment's blur.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// The table in force.
    pub generation: Generation,
    /// Its clusters, by name.
    pub clusters: Vec<ClusterStatus>,
    /// Its routes that have a limit, by name.
    pub routes: Vec<RouteStatus>,
    /// Old tables that somebody still has pinned.
    pub retired: usize,
    /// Endpoints that left the table and still serve requests.
    pub draining: usize,
}

/// A route with a limit.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RouteStatus {
    /// Its name.
    pub name: Name,
    /// Its limit.
    pub limit: LimitStatus,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClusterStatus {
    /// Its name.
    pub name: Name,
    /// Its view.
    pub epoch: Epoch,
    /// What is left for its retries and hedges.
    pub retry_budget: BudgetStatus,
    /// Its regions, by name.
    pub regions: Vec<RegionStatus>,
}

/// A region.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RegionStatus {
    /// Its name.
    pub name: Name,
    /// Its rank.
    pub rank: u32,
    /// The part of the cluster's requests that it gets now.
    pub share: Share,
    /// How long until it comes back, when it is evacuated.
    pub readmitted_in: Option<Duration>,
    /// Until when some requests keep away from it for practice.
    pub practised_for: Option<Duration>,
    /// Where it is in its life.
    pub phase: RegionPhase,
    /// The part of its endpoints, by weight, that may be used.
    pub usable: Ratio,
    /// The part of its share that it may have now: below one while it is left or comes back.
    pub ceiling: Ratio,
    /// What it can take, as declared.
    pub capacity: Option<Capacity>,
    /// How many requests a second it takes now, if that is declared: less than it declares while a part of it is out.
    pub requests_per_second: Option<u64>,
    /// Requests in flight, to the end of their bodies.
    pub in_flight: u32,
    /// Its limit, if it has one.
    pub limit: Option<LimitStatus>,
    /// What is left of its share of the cluster's retry budget, in retries; none of a budget that is not split, or of
    /// a cluster's only region.
    pub retry_share: Option<f64>,
    /// Its endpoints, by name.
    pub endpoints: Vec<EndpointStatus>,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EndpointStatus {
    /// Its name.
    pub name: Name,
    /// Where it is.
    pub address: String,
    /// Its weight in the table.
    pub weight: u32,
    /// The part of its weight that it may use: less than all while it warms up, none while it is out.
    pub warm: Share,
    /// What active checks have come to.
    pub checked: Checked,
    /// How its answers and its checks have it stand.
    pub health: EndpointHealth,
    /// Which endpoint of this name it is: one that was removed and added again has a higher number.
    pub incarnation: u64,
    /// Requests in flight, to the end of their bodies.
    pub in_flight: u32,
    /// Of those, requests that wait for the head of their answer.
    pub waiting: u32,
    /// Requests in flight that find out whether it may be used again.
    pub probes: u32,
    /// Requests it answered well.
    pub successes: u64,
    /// Requests it failed.
    pub failures: u64,
    /// Its response time: a moving average that follows peaks at once and forgets over 10 s.
    pub response_time: Option<Duration>,
}

impl Status {
    pub(super) fn new(snapshot: &Snapshot, swept: Swept, now: Instant) -> Self {
        let clusters = (0..).zip(snapshot.table().clusters()).map(|(place, cluster)| {
            let handle = snapshot.cluster(place);
            let view = handle.view();
            let regions = (0..).zip(cluster.regions()).zip(&handle.regions).map(|((place, region), known)| {
                let share = view.shares.iter().find(|region| *region.target == place).map_or(0, |region| region.weight);
                let usable = &view.regions[place as usize];
                let endpoints =
                    (0..).zip(region.endpoints()).zip(&known.endpoints).map(|((place, endpoint), state)| {
                        EndpointStatus {
                            name: endpoint.name().clone(),
                            address: endpoint.address().into(),
                            weight: endpoint.weight(),
                            checked: state.checked(),
                            health: state.stands(),
                            warm: Share::of(usable.step(place), STEPS),
                            incarnation: state.incarnation(),
                            in_flight: state.in_flight(),
                            waiting: state.waiting(),
                            probes: state.probes(),
                            successes: state.successes(),
                            failures: state.failures(),
                            response_time: state.average(now),
                        }
                    });
                let veto = known.state.veto();
                let until = veto.until();
                let standing = known.state.standing(now);
                let (dial, _) = veto.ceiling(STEPS, cluster.failover().ramp, now);
                let ceiling = ratio_of_part(standing.ceiling).get().min(dial as f64 / STEPS as f64);
                let practised = snapshot.practices().until(region.name(), now);
                RegionStatus {
                    name: region.name().clone(),
                    rank: region.rank(),
                    share: Share::of(share, view.shares.total().max(1)),
                    readmitted_in: (now < until).then(|| until.since(now)),
                    practised_for: practised.map(|until| until.since(now)),
                    phase: standing.phase,
                    usable: ratio_of_part(standing.healthy + standing.degraded),
                    ceiling: Ratio::new(ceiling).unwrap_or(Ratio::ONE),
                    capacity: region.capacity(),
                    requests_per_second: known.state.rate(),
                    in_flight: known.state.in_flight(),
                    limit: known.state.bound.status(),
                    retry_share: match cluster.retry_budget() {
                        RetryBudget::Successes(knobs) if cluster.regions().len() > 1 => {
                            Some(known.state.share().left(knobs.burst))
                        }
                        _ => None,
                    },
                    endpoints: endpoints.collect(),
                }
            });
            ClusterStatus {
                name: cluster.name().clone(),
                epoch: view.epoch,
                retry_budget: handle.budget.status(cluster.retry_budget(), now),
                regions: regions.collect(),
            }
        });
        let routes = (0..).zip(snapshot.table().routes()).filter_map(|(place, route)| {
            let limit = snapshot.route_state(place)?.state.bound.status()?;
            Some(RouteStatus { name: route.name().clone(), limit })
        });
        Status {
            generation: snapshot.generation(),
            clusters: clusters.collect(),
            routes: routes.collect(),
            retired: swept.retired,
            draining: swept.draining,
        }
    }
}
