//! Names to state: the one place where a publish finds what was learned.
//!
//! The registry is a writer's structure, behind the publisher's lock. Requests go by place through a snapshot. A name that
//! leaves the table moves its state to the draining list, where it stays while a request or an older table has it; the same
//! name, added later, gets a new incarnation, and the old permits still count on the old one. Only a region's veto is the
//! name's for good: an evacuation means the place, whichever table and incarnation sends there.

use super::budget::Budget;
use super::cluster::{ClusterHandle, Common};
use super::endpoint::EndpointState;
use super::handle::{Handles, RegionHandle};
use super::health::Member;
use super::news::Board;
use super::practices::Practices;
use super::region::RegionState;
use super::route::{RouteHandle, RouteState};
use super::veto::{LatestVeto, Veto};
use super::waiting::BoundRef;
use super::watch::{Reports, Watch, Watching};
use crate::entropy::Entropy;
use crate::id::{Generation, Name};
use crate::sync::{Arc, AtomicU64};
use crate::table::{Cluster, Endpoint, Limit, Region, Route, Table};
use crate::time::{Clock, Instant};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// All state, by name.
#[derive(Debug)]
pub(crate) struct Registry {
    entropy: Entropy,
    clock: Clock,
    /// The last epoch of any view.
    epochs: Arc<AtomicU64>,
    clusters: HashMap<Name, ClusterSlot>,
    /// Those that have, or had, a limit or hedges.
    routes: HashMap<Name, RouteSlot>,
    /// By region name, over all clusters.
    vetoes: BTreeMap<Name, Arc<Veto>>,
    latest_veto: Arc<LatestVeto>,
    practices: Arc<Practices>,
    /// What left the table and is still held by a permit or by a snapshot that somebody may have pinned.
    draining: Vec<Arc<EndpointState>>,
    incarnations: u64,
    /// What health has done, and nobody was told yet.
    board: Arc<Board>,
    /// Whether somebody checks endpoints, so that all are watched.
    is_checked: bool,
    /// Where the process runs, if that is known.
    home: Option<Box<str>>,
    /// Where somebody stands in a queue and may begin since the last table.
    waited_for: Vec<BoundRef>,
}

#[derive(Debug)]
struct ClusterSlot {
    budget: Arc<Budget>,
    common: Arc<Common>,
    regions: HashMap<Name, RegionSlot>,
    /// The last generation that had it: what has only an older one has left the table.
    last_used: Generation,
}

#[derive(Debug)]
struct RouteSlot {
    state: Arc<RouteState>,
    last_used: Generation,
}

#[derive(Debug)]
struct RegionSlot {
    state: Arc<RegionState>,
    /// By name, as a table has them.
    endpoints: Vec<EndpointSlot>,
    last_used: Generation,
}

#[derive(Debug)]
struct EndpointSlot {
    name: Name,
    state: Arc<EndpointState>,
}

impl Registry {
    pub(crate) fn new(entropy: Entropy, clock: Clock) -> Self {
        let (clusters, vetoes) = (HashMap::new(), BTreeMap::new());
        let latest_veto = Arc::new(LatestVeto::new());
        let practices = Arc::new(Practices::new(clock.clone()));
        Registry {
            entropy,
            clock,
            epochs: Arc::new(AtomicU64::new(0)),
            clusters,
            routes: HashMap::new(),
            vetoes,
            latest_veto,
            practices,
            draining: Vec::new(),
            incarnations: 0,
            board: Arc::default(),
            is_checked: false,
            home: None,
            waited_for: Vec::new(),
        }
    }

    /// The state of everything in a table: kept where the name is known, new where it is not. What the table does not
    /// name is let go. Generations must grow from one call to the next.
    pub(crate) fn adopt(&mut self, table: &Table, generation: Generation, now: Instant) -> Handles {
        let clusters = table.clusters().map(|cluster| self.adopt_cluster(cluster, generation, now)).collect();
        let routes = table.routes().map(|route| self.adopt_route(route, generation)).collect();
        self.let_go(generation, now);
        Handles { clusters, routes }
    }

    fn adopt_route(&mut self, route: &Route, generation: Generation) -> Option<RouteHandle> {
        let is_hedged = route.is_hedged();
        if route.limit().is_none() && !is_hedged && !self.routes.contains_key(route.name()) {
            return None;
        }
        let new = || RouteSlot { state: Arc::new(RouteState::new()), last_used: generation };
        let slot = self.routes.entry(route.name().clone()).or_insert_with(new);
        slot.last_used = generation;
        if is_hedged {
            slot.state.hedge();
        }
        let seed = seed(route.limit(), &self.entropy);
        let (slots, is_queued) = slot.state.bound.put(route.limit(), &self.clock, seed);
        if is_queued {
            self.waited_for.push(BoundRef::Route(slot.state.clone()));
        }
        (route.limit().is_some() || is_hedged).then(|| RouteHandle { state: slot.state.clone(), slots })
    }

    /// Where somebody may begin since the last table: to be let in when no lock is held, since they are woken.
    pub(crate) fn take_waited_for(&mut self) -> Vec<BoundRef> {
        std::mem::take(&mut self.waited_for)
    }

    /// The regions of that name, in all clusters.
    pub(crate) fn regions_named(&self, region: &str) -> Vec<Arc<RegionState>> {
        self.clusters.values().filter_map(|cluster| Some(cluster.regions.get(region)?.state.clone())).collect()
    }

    fn adopt_cluster(&mut self, cluster: &Cluster, generation: Generation, now: Instant) -> ClusterHandle {
        let slot = self.clusters.entry(cluster.name().clone()).or_insert_with(|| ClusterSlot {
            budget: Arc::new(Budget::new()),
            common: Arc::default(),
            regions: HashMap::new(),
            last_used: generation,
        });
        slot.last_used = generation;
        let mut adoption = Adoption {
            entropy: &self.entropy,
            clock: &self.clock,
            vetoes: &mut self.vetoes,
            incarnations: &mut self.incarnations,
            draining: &mut self.draining,
            waited_for: &mut self.waited_for,
            board: &self.board,
            epochs: &self.epochs,
            is_checked: self.is_checked,
            generation,
            now,
        };
        let regions = cluster.regions().iter().map(|region| slot.adopt_region(region, cluster, &mut adoption));
        let regions: Box<[RegionHandle]> = regions.collect();
        regions.iter().for_each(|region| region.state.set_budget(cluster.retry_budget()));
        let (home, common) = (self.home.as_deref(), slot.common.clone());
        ClusterHandle::new(cluster, self.epochs.clone(), slot.budget.clone(), regions, home, common, now)
    }

    /// From the next table on, ranks are as seen from there.
    pub(crate) fn set_home(&mut self, home: Option<&str>) {
        self.home = home.map(Into::into);
    }

    /// What health has done, and nobody was told yet.
    pub(crate) fn board(&self) -> Arc<Board> {
        self.board.clone()
    }

    /// All endpoints are watched from now on, those of the table in force too: somebody checks them.
    pub(crate) fn watch_all(&mut self, table: &Table, generation: Generation, now: Instant) {
        if std::mem::replace(&mut self.is_checked, true) {
            return;
        }
        for cluster in table.clusters() {
            let Some(slot) = self.clusters.get(cluster.name()) else { continue };
            for region in cluster.regions() {
                let Some(known) = slot.regions.get(region.name()) else { continue };
                let endpoints: Vec<_> = known.endpoints.iter().map(|slot| slot.state.clone()).collect();
                let reports = Reports::new(&slot.common, &self.board, &self.epochs, &self.entropy);
                // Nothing is known yet, so nobody may begin for it who could not before.
                _ = watch(cluster, region, &known.state, &endpoints, reports, generation, now);
            }
        }
    }

    /// Where the process runs.
    pub(crate) fn home(&self) -> Option<&str> {
        self.home.as_deref()
    }

    /// Takes a region out until then, by degrees over so long; its name, if there is a region of this name.
    pub(crate) fn set_veto(&self, region: &str, now: Instant, over: Duration, until: Instant) -> Option<Name> {
        let (name, veto) = self.vetoes.get_key_value(region)?;
        veto.set(now, over, until);
        self.latest_veto.extend(until);
        Some(name.clone())
    }

    /// Lets a region back; its name, if there is a region of this name.
    pub(crate) fn lift_veto(&self, region: &str, now: Instant) -> Option<Name> {
        let (name, veto) = self.vetoes.get_key_value(region)?;
        veto.lift(now);
        Some(name.clone())
    }

    /// Until when any region is out, for snapshots to look at.
    pub(crate) fn latest_veto(&self) -> Arc<LatestVeto> {
        self.latest_veto.clone()
    }

    /// What is practised.
    pub(crate) fn practices(&self) -> Arc<Practices> {
        self.practices.clone()
    }

    /// The names of all regions that can be taken out.
    pub(crate) fn region_names(&self) -> impl Iterator<Item = &Name> {
        self.vetoes.keys()
    }

    /// Drops drained state; how many incarnations still serve requests.
    pub(crate) fn sweep(&mut self) -> usize {
        // Idle is not enough: a request that pinned an older table may be about to begin.
        self.draining.retain(|state| Arc::strong_count(state) > 1);
        self.draining.iter().filter(|state| state.in_flight() > 0).count()
    }

    fn let_go(&mut self, generation: Generation, now: Instant) {
        self.routes.retain(|_, slot| slot.last_used == generation);
        let draining = &mut self.draining;
        self.clusters.retain(|_, cluster| {
            let is_gone = cluster.last_used != generation;
            let gone = cluster.regions.extract_if(|_, region| is_gone || region.last_used != generation);
            draining.extend(gone.flat_map(|(_, region)| region.endpoints).map(|slot| slot.state));
            cluster.last_used == generation
        });
        // An evacuation outlives the region's absence from the table, and an older table that has the region must hear of
        // the next one too.
        self.vetoes.retain(|_, veto| now < veto.until() || Arc::strong_count(veto) > 1);
    }
}

/// A word for an algorithm, drawn only where there is one.
fn seed(limit: Option<&Limit>, entropy: &Entropy) -> u64 {
    limit.map_or(0, |_| entropy.word())
}

/// What new state is made of.
struct Adoption<'a> {
    entropy: &'a Entropy,
    clock: &'a Clock,
    vetoes: &'a mut BTreeMap<Name, Arc<Veto>>,
    incarnations: &'a mut u64,
    draining: &'a mut Vec<Arc<EndpointState>>,
    waited_for: &'a mut Vec<BoundRef>,
    board: &'a Arc<Board>,
    epochs: &'a Arc<AtomicU64>,
    is_checked: bool,
    generation: Generation,
    now: Instant,
}

impl ClusterSlot {
    fn adopt_region(&mut self, region: &Region, cluster: &Cluster, adoption: &mut Adoption<'_>) -> RegionHandle {
        let endpoint_limit = cluster.endpoint_limit();
        let running = self.regions.contains_key(region.name());
        let slot = self.regions.entry(region.name().clone()).or_insert_with(|| {
            let veto = adoption.vetoes.entry(region.name().clone()).or_insert_with(|| Arc::new(Veto::new()));
            RegionSlot {
                // Half of the range is left to count on.
                state: Arc::new(RegionState::new(
                    veto.clone(),
                    adoption.entropy.word() >> 1,
                    adoption.clock.clone(),
                    self.budget.clone(),
                )),
                endpoints: Vec::new(),
                last_used: adoption.generation,
            }
        });
        slot.last_used = adoption.generation;
        let seed = seed(region.limit(), adoption.entropy);
        let (slots, is_queued) = slot.state.bound.put(region.limit(), adoption.clock, seed);
        let has_room = slot.state.set_capacity(region.capacity());
        if is_queued || has_room {
            adoption.waited_for.push(BoundRef::Region(slot.state.clone()));
        }
        // Both are sorted by name: what the old ones have before the next of the new has left.
        let mut old = std::mem::take(&mut slot.endpoints).into_iter().peekable();
        slot.endpoints.reserve_exact(region.endpoints().len());
        for endpoint in region.endpoints() {
            while let Some(gone) = old.next_if(|known| known.name < *endpoint.name()) {
                adoption.draining.push(gone.state);
            }
            let known = old.next_if(|known| known.name == *endpoint.name()).map(|known| known.state);
            let state = known.unwrap_or_else(|| {
                *adoption.incarnations += 1;
                let joined = running.then_some(adoption.now);
                Arc::new(EndpointState::new(slot.state.clone(), joined, *adoption.incarnations))
            });
            state.set_limit(endpoint_limit);
            slot.endpoints.push(EndpointSlot { name: endpoint.name().clone(), state });
        }
        adoption.draining.extend(old.map(|gone| gone.state));
        let endpoints: Box<[_]> = slot.endpoints.iter().map(|slot| slot.state.clone()).collect();
        if cluster.outlier().is_some() || adoption.is_checked || slot.state.watch().is_some() {
            let reports = Reports::new(&self.common, adoption.board, adoption.epochs, adoption.entropy);
            if watch(cluster, region, &slot.state, &endpoints, reports, adoption.generation, adoption.now) {
                adoption.waited_for.push(BoundRef::Region(slot.state.clone()));
            }
        }
        RegionHandle { endpoints, slots, state: slot.state.clone() }
    }
}

/// Watches a region by a new table; whether somebody stands in its queue who may begin.
fn watch(
    cluster: &Cluster,
    region: &Region,
    state: &RegionState,
    endpoints: &[Arc<EndpointState>],
    reports: Reports,
    generation: Generation,
    now: Instant,
) -> bool {
    let member = |(endpoint, state): (&Endpoint, &Arc<EndpointState>)| Member {
        name: endpoint.name().clone(),
        health: state.watched().clone(),
        weight: endpoint.weight(),
    };
    let watching = Watching {
        outlier: cluster.outlier(),
        failover: cluster.failover(),
        members: region.endpoints().iter().zip(endpoints).map(member).collect(),
        generation,
    };
    let make = || Watch::new(cluster.name().clone(), region.name().clone(), reports);
    let live = state.watch_or(make).put(watching, now);
    state.set_live(live)
}
