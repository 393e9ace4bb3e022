//! Deciding with a snapshot: the same pure steps, fed with live counters or with recorded ones.

use super::counters::{Live, Tickets};
use super::decision::{ClusterReason, Decision};
use super::endpoint::{Choosing, ChosenEndpoint};
use super::explain::Explanation;
use super::loads::{Loads, Readings, Recorded};
use super::passed::Passed;
use super::probe::choose_probe;
use super::region::{ChosenRegion, choose_region};
use super::split::choose_target;
use super::tried::Following;
use crate::entropy::Draws;
use crate::error::{Reason, Rejected};
use crate::protocol::{Facts, Priority};
use crate::state::{Asker, HOLD, NotAdmitted, Permit, Snapshot, View};
use crate::table::{Endpoint, Route, Scope, Table, Target, Weighed};
use crate::time::Instant;
use crate::unit::Share;

/// What is decided once for a request, by place: all that later attempts need, so that none reads the request again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digest {
    pub(crate) route: u32,
    /// Which of the route's matches held.
    pub(crate) which: u32,
    /// Which of the route's targets was chosen, and its cluster.
    pub(crate) target: u32,
    pub(crate) cluster: u32,
    pub(crate) reason: ClusterReason,
    /// The rule by which it may not leave some regions, by place, or [`ANYWHERE`].
    residency: u16,
    /// The place of the region that it keeps away from for practice, and one; zero for none.
    avoided: u8,
    /// Whether the route is sticky and the request has a key. Apart from the key, since every request carries a digest.
    has_key: bool,
    key: u64,
}

/// No rule keeps a request in regions: they have at most so many places less one.
const ANYWHERE: u16 = u16::MAX;

/// What a digest's places stand for.
#[derive(Clone, Copy)]
struct Found<'t> {
    route: &'t Route,
    target: Weighed<'t, Target>,
}

impl Digest {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that a pass is written where it stays, field by field")]
    fn new<'t>(table: &'t Table, facts: &Facts<'_>, draws: Draws) -> Result<(Self, Found<'t>), Reason> {
        let entry = table.find(facts)?;
        let route = table.route_at(entry.route);
        let key = route.sticky.as_ref().and_then(|sticky| sticky.key(facts));
        let (target, reason) = choose_target(table, route, key, draws.for_attempt(0));
        let (place, cluster) = (target.place, target.target.cluster);
        let digest = Digest {
            route: entry.route,
            which: entry.which,
            target: place,
            cluster,
            reason,
            residency: table.residency(facts).unwrap_or(ANYWHERE),
            avoided: 0,
            has_key: key.is_some(),
            key: key.unwrap_or_default(),
        };
        Ok((digest, Found { route, target }))
    }

    #[inline]
    fn found<'t>(&self, table: &'t Table) -> Found<'t> {
        let route = table.route_at(self.route);
        let target = route.split.get(self.target).expect("a digest names a target of its route");
        Found { route, target }
    }

    /// The regions of its cluster that it may go to, a bit each, if it may not go to all.
    #[inline]
    pub(crate) fn within(&self, table: &Table) -> Option<u64> {
        let is_resident = self.residency != ANYWHERE;
        is_resident.then(|| table.cluster_at(self.cluster).residency[usize::from(self.residency)])
    }

    /// Why it goes nowhere.
    fn nowhere(&self) -> Reason {
        if self.residency == ANYWHERE { Reason::NoEndpoint } else { Reason::Residency }
    }

    /// The hash of the request's key, if the route is sticky and the request has one.
    #[inline]
    fn key(&self) -> Option<u64> {
        self.has_key.then_some(self.key)
    }

    /// The key where the route sticks to regions, and where it sticks to endpoints.
    #[inline]
    fn keys(&self, route: &Route) -> (Option<u64>, Option<u64>) {
        let Some(key) = self.key() else {
            return (None, None);
        };
        let reaches = |scope| route.sticky.as_ref().is_some_and(|sticky| sticky.scope >= scope);
        (reaches(Scope::Region).then_some(key), reaches(Scope::Endpoint).then_some(key))
    }
}

/// The region and the endpoint: for each attempt.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "live and recorded loads have one caller each, and a tenth of the time is at stake"
)]
fn choose_place(
    snapshot: &Snapshot,
    digest: &Digest,
    found: Found<'_>,
    view: &View,
    loads: &impl Loads,
    draws: Draws,
    passed: &Passed,
) -> Result<Decision, Reason> {
    let Found { route, target } = found;
    let cluster = snapshot.table().cluster_at(digest.cluster);
    let nowhere = digest.nowhere();
    let (region_key, endpoint_key) = digest.keys(route);
    let within = digest.within(snapshot.table());
    if !view.probing.is_empty()
        && let Some((region, endpoint)) = choose_probe(cluster, view, within, region_key, loads, passed)
    {
        return Ok(decision(snapshot, digest, found, view, draws, passed, region, endpoint));
    }
    let region = choose_region(cluster, view, within, region_key, loads, draws, passed).ok_or(nowhere)?;
    let choosing = Choosing {
        region: &cluster.regions[region.place as usize],
        place: region.place,
        view: &view.regions[region.place as usize],
        picking: target.target.picking,
        key: endpoint_key,
        loads,
        draws,
    };
    let mut endpoint = choosing.choose().ok_or(nowhere)?;
    if !passed.is_empty() && passed.has(region.place, endpoint.place) {
        // What was read for the first choice stays on record: it leads here again.
        endpoint = ChosenEndpoint { readings: endpoint.readings, ..choosing.choose_another(passed).ok_or(nowhere)? };
    }
    Ok(decision(snapshot, digest, found, view, draws, passed, region, endpoint))
}

/// The same for an attempt that follows others.
fn choose_following(
    snapshot: &Snapshot,
    digest: &Digest,
    view: &View,
    loads: &impl Loads,
    draws: Draws,
    passed: &Passed,
) -> Result<Decision, Reason> {
    let found = digest.found(snapshot.table());
    let cluster = snapshot.table().cluster_at(digest.cluster);
    let (keys, picking) = (digest.keys(found.route), found.target.target.picking);
    let within = digest.within(snapshot.table());
    let following = Following { cluster, view, within, picking, keys, loads, draws, passed };
    let (region, endpoint) = following.choose().ok_or(digest.nowhere())?;
    Ok(decision(snapshot, digest, found, view, draws, passed, region, endpoint))
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "so that what nobody reads is not written")]
#[expect(clippy::too_many_arguments, reason = "all that a decision is made of")]
fn decision(
    snapshot: &Snapshot,
    digest: &Digest,
    found: Found<'_>,
    view: &View,
    draws: Draws,
    passed: &Passed,
    region: ChosenRegion,
    endpoint: ChosenEndpoint,
) -> Decision {
    let Found { route, target } = found;
    Decision {
        generation: snapshot.generation(),
        epoch: view.epoch,
        route: digest.route,
        which: digest.which,
        cluster: digest.cluster,
        region: region.place,
        endpoint: endpoint.place,
        cluster_share: Share::of(target.weight, route.split.total()),
        region_share: region.share,
        cluster_reason: digest.reason,
        region_reason: region.reason,
        endpoint_reason: endpoint.reason,
        key: digest.key(),
        draws,
        readings: Readings { vetoed: region.vetoed, ..endpoint.readings },
        passed: *passed,
    }
}

impl Snapshot {
    /// Decides where a request goes, with these draws, now: a moment that the traffic's clock has reached.
    ///
    /// The same draws, view and counters decide alike. A round robin takes its ticket.
    ///
    /// # Errors
    /// [`Reason::NoRoute`], [`Reason::BadPath`] for a path that the table does not let through, [`Reason::NoEndpoint`].
    ///
    /// ```
    /// use contraflow::{Facts, Match, Outcome, Reason, TableSpec, Traffic};
    ///
    /// let table = TableSpec::new()
    ///     .cluster("api", |c| c.region("us", |r| r.endpoint("a", "10.0.0.1:80")))
    ///     .route("api", |r| r.when(Match::new().path_prefix("/api")).to("api"))
    ///     .build()?;
    /// let traffic = Traffic::new(table);
    /// let snapshot = traffic.snapshot();
    ///
    /// let decision = snapshot.decide(&Facts::path("/api/users"), traffic.draws(), traffic.now())?;
    /// let mut permit = snapshot.begin(&decision, traffic.now()).expect("this snapshot decided");
    /// // .. send the request to snapshot.endpoint(&decision), and when the head of the answer is there:
    /// permit.answered(Outcome::Success, traffic.now());
    /// // .. and when its body has ended:
    /// drop(permit);
    ///
    /// let refused = snapshot.decide(&Facts::path("/else"), traffic.draws(), traffic.now()).unwrap_err();
    /// assert_eq!(refused.reason(), Reason::NoRoute);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn decide(&self, facts: &Facts<'_>, draws: Draws, now: Instant) -> Result<Decision, Rejected> {
        self.decide_with(facts, draws, now, Tickets::Take).map_err(Rejected::new)
    }

    /// What [`decide`](Self::decide) would say at a moment, in words: nothing is counted and no ticket is taken.
    ///
    /// # Errors
    /// As `decide`.
    #[expect(clippy::missing_panics_doc, reason = "what was decided a line before has its names")]
    pub fn explain(&self, facts: &Facts<'_>, draws: Draws, now: Instant) -> Result<Explanation<'_>, Rejected> {
        let decision = self.decide_with(facts, draws, now, Tickets::Look).map_err(Rejected::new)?;
        Ok(self.describe(&decision).expect("this snapshot has just decided"))
    }

    /// Decides once more with what a decision recorded instead of the live counters: its draws and its readings.
    ///
    /// Gives the same decision if the view is still of the decision's epoch; `None` when it is another, when another table
    /// decided, or when the facts are of a request that goes to another cluster.
    ///
    /// # Errors
    /// As `decide`.
    pub fn replay(&self, facts: &Facts<'_>, decision: &Decision) -> Option<Result<Decision, Rejected>> {
        if decision.generation != self.generation() {
            return None;
        }
        let (digest, found) = match Digest::new(self.table(), facts, decision.draws) {
            Ok(found) => found,
            Err(reason) => return Some(Err(Rejected::new(reason))),
        };
        if digest.cluster != decision.cluster {
            return None;
        }
        let view = self.cluster(decision.cluster).view();
        let recorded = Recorded::new(decision.readings);
        (view.epoch == decision.epoch)
            .then(|| {
                let Decision { draws, passed, .. } = decision;
                if passed.tried().is_empty() {
                    choose_place(self, &digest, found, &view, &recorded, *draws, passed)
                } else {
                    choose_following(self, &digest, &view, &recorded, *draws, passed)
                }
            })
            .map(|decided| decided.map_err(Rejected::new))
    }

    /// The endpoint that a decision of this snapshot names; `None` for another generation's.
    pub fn endpoint(&self, decision: &Decision) -> Option<&Endpoint> {
        if decision.generation != self.generation() {
            return None;
        }
        // Checked at each step: a decision of other traffic may have the same generation.
        let region = self.table().clusters().nth(decision.cluster as usize)?.regions.get(decision.region as usize)?;
        region.endpoints.get(decision.endpoint as usize)
    }

    /// Counts a request as in flight where a decision of this snapshot sends it, until the permit is dropped; `None` for
    /// another generation's.
    #[inline]
    pub fn begin(&self, decision: &Decision, now: Instant) -> Option<Permit> {
        if decision.generation != self.generation() {
            return None;
        }
        let region = self.clusters().get(decision.cluster as usize)?.regions.get(decision.region as usize)?;
        let endpoint = region.endpoints.get(decision.endpoint as usize)?;
        Some(Permit::new(endpoint, endpoint.begin()?, now))
    }

    /// The same if the limits of the region and of the endpoint allow it; `None` for another generation's.
    ///
    /// Nobody waits here, no partition counts it, and a route's limit is not asked: the layers do all three.
    ///
    /// # Errors
    /// [`Reason::Limit`], [`Reason::Priority`]: with the region, and after how long another try makes sense.
    ///
    /// ```
    /// use contraflow::{Facts, Limit, Outcome, Priority, Reason, TableSpec, Traffic};
    ///
    /// let table = TableSpec::new()
    ///     .cluster("api", |c| c.region("us", |r| r.endpoint("a", "10.0.0.1:80")).limit(Limit::fixed(1)))
    ///     .route("all", |r| r.any().to("api"))
    ///     .build()?;
    /// let traffic = Traffic::new(table);
    /// let snapshot = traffic.snapshot();
    /// let decision = snapshot.decide(&Facts::path("/"), traffic.draws(), traffic.now())?;
    ///
    /// let admit = || snapshot.admit(&decision, Priority::Normal, traffic.now()).expect("this snapshot decided");
    /// let mut permit = admit()?;
    /// let refused = admit().unwrap_err();
    /// assert_eq!((refused.reason(), refused.region().map(|name| name.as_str())), (Reason::Limit, Some("us")));
    ///
    /// permit.answered(Outcome::Success, traffic.now());
    /// drop(permit);
    /// assert!(admit().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn admit(&self, decision: &Decision, priority: Priority, now: Instant) -> Option<Result<Permit, Rejected>> {
        if decision.generation != self.generation() {
            return None;
        }
        let region = self.clusters().get(decision.cluster as usize)?.regions.get(decision.region as usize)?;
        let endpoint = region.endpoints.get(decision.endpoint as usize)?;
        let asker = Asker { priority, slot: None };
        Some(match endpoint.admit(asker, now) {
            Ok(admission) => Ok(Permit::new(endpoint, admission, now)),
            Err(refused) => {
                let name = self.table().cluster_at(decision.cluster).regions()[decision.region as usize].name();
                Err(match (refused, refused.uncounted()) {
                    (NotAdmitted::ByRegion(refused), _) => {
                        region.state.bound.refuse(asker, refused.reason, Some(name), now)
                    }
                    (_, after) => Rejected::by_limit(refused.reason(), Some(name), after.unwrap_or(HOLD)),
                })
            }
        })
    }

    // Not inlined, so that a caller has a call, and the decision is written once, where the caller wants it.
    #[inline(never)]
    fn decide_with(&self, facts: &Facts<'_>, draws: Draws, now: Instant, tickets: Tickets) -> Result<Decision, Reason> {
        let (mut digest, found) = Digest::new(self.table(), facts, draws)?;
        self.practise(&mut digest, facts, draws);
        let priority = facts.priority().unwrap_or_default();
        self.place_with(&digest, found, priority, draws, now, tickets, &Passed::default())
    }

    /// What is decided once for a request.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that a pass is written where it stays, field by field")]
    pub(crate) fn route(&self, facts: &Facts<'_>, draws: Draws) -> Result<Digest, Reason> {
        let mut digest = Digest::new(self.table(), facts, draws)?.0;
        self.practise(&mut digest, facts, draws);
        Ok(digest)
    }

    /// What it keeps away from for practice.
    #[inline]
    fn practise(&self, digest: &mut Digest, facts: &Facts<'_>, draws: Draws) {
        if self.practices().are_any() {
            let cluster = self.table().cluster_at(digest.cluster);
            let avoided = self.practices().avoided(cluster, facts, digest.key(), draws);
            digest.avoided = avoided.map_or(0, |place| place + 1);
        }
    }

    /// Region and endpoint of an attempt that asks nobody else and is not told of: what [`place`](Self::place) decides for
    /// it. Written out apart, so that nothing is recorded that nobody reads.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "so that what nobody reads is not computed")]
    pub(crate) fn first_place(
        &self,
        digest: &Digest,
        priority: Priority,
        draws: Draws,
        now: Instant,
    ) -> Result<(u32, u32, bool), Reason> {
        let found = digest.found(self.table());
        let decision = self.place_with(digest, found, priority, draws, now, Tickets::Send, &Passed::default())?;
        Ok((decision.region, decision.endpoint, decision.is_probe()))
    }

    /// What is decided for each attempt: region and endpoint, other than those that were passed over, for as long as there
    /// are others.
    #[inline(never)]
    pub(crate) fn place(
        &self,
        digest: &Digest,
        priority: Priority,
        draws: Draws,
        now: Instant,
        passed: &Passed,
    ) -> Result<Decision, Reason> {
        if passed.tried().is_empty() {
            let found = digest.found(self.table());
            return self.place_with(digest, found, priority, draws, now, Tickets::Send, passed);
        }
        let handle = self.cluster(digest.cluster);
        if self.is_due(digest.cluster, now) {
            self.rebuild_due_view(digest.cluster, now);
        }
        if handle.sheds(&handle.view(), priority, draws) {
            return Err(Reason::Capacity);
        }
        let live = |avoided| Live { handle, latest_veto: self.latest_veto(), avoided, now, tickets: Tickets::Take };
        let follow = |avoided| choose_following(self, digest, &handle.view(), &live(avoided), draws, passed);
        match follow(digest.avoided) {
            Err(_) if digest.avoided > 0 => follow(0),
            followed => followed,
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the second half of two functions that are not inlined themselves")]
    #[expect(clippy::too_many_arguments, reason = "all that a decision depends on")]
    fn place_with(
        &self,
        digest: &Digest,
        found: Found<'_>,
        priority: Priority,
        draws: Draws,
        now: Instant,
        tickets: Tickets,
        passed: &Passed,
    ) -> Result<Decision, Reason> {
        let cluster = digest.cluster;
        let handle = self.cluster(cluster);
        let loads = Live { handle, latest_veto: self.latest_veto(), avoided: digest.avoided, now, tickets };
        let mut view = handle.view();
        if handle.is_due(&view, now) {
            if matches!(tickets, Tickets::Look) {
                // Whoever only looks may ask of another moment, and changes nothing.
                let then = handle.build(self.table().cluster_at(cluster), now, view.epoch);
                return choose_place(self, digest, found, &then, &loads, draws, passed);
            }
            drop(view);
            self.rebuild_due_view(cluster, now);
            view = handle.view();
        }
        if handle.sheds(&view, priority, draws) {
            return Err(Reason::Capacity);
        }
        match choose_place(self, digest, found, &view, &loads, draws, passed) {
            // Nobody is refused for practice.
            Err(_) if digest.avoided > 0 => {
                let loads = Live { avoided: 0, ..loads };
                choose_place(self, digest, found, &view, &loads, draws, passed)
            }
            chosen => chosen,
        }
    }
}
