//! What an evacuation would do, before it is done.

use super::{Traffic, UnknownRegion};
use crate::id::Name;
use crate::state::{Snapshot, View};
use crate::table::{Capacity, Cluster, Match};
use crate::time::Instant;
use crate::unit::{Ratio, Share};
use std::fmt;

/// What would happen if a region were taken out now: who gets its requests, whether they can take them, and which requests would
/// have nowhere to go.
///
/// Its `Display` is a line for each receiver.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// The region that would be out.
    pub region: Name,
    /// Who would get what, by cluster; clusters that do not have the region are left out.
    pub receivers: Vec<Receiver>,
    /// The part of each cluster's requests that no region could be given.
    pub shed: Vec<(Name, Ratio)>,
    /// Rules of residency whose requests would be refused, by their cluster.
    pub homeless: Vec<(Name, Match)>,
}

/// A region that would get more.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Receiver {
    /// Its cluster.
    pub cluster: Name,
    /// Its name.
    pub region: Name,
    /// The part of the cluster's requests that it gets now.
    pub before: Share,
    /// The part that it would get.
    pub after: Share,
    /// How many requests would be in flight there, if those that are under way in the cluster were spread so.
    pub in_flight: u32,
    /// How many may be: as declared, or by the limit in force.
    pub in_flight_limit: Option<u32>,
    /// What it declares that it can take.
    pub capacity: Option<Capacity>,
}

impl Receiver {
    /// The part of what it can have in flight that it would have; none where nothing bounds it.
    ///
    /// By what is in flight at this moment: ask at the hour for which it is planned.
    pub fn load(&self) -> Option<f64> {
        self.in_flight_limit.map(|limit| f64::from(self.in_flight) / f64::from(limit))
    }

    /// The part of its declared rate that it would be asked for, if the cluster gets so many requests a second; none where no rate
    /// is declared.
    pub fn load_at(&self, per_second: f64) -> Option<f64> {
        match self.capacity {
            Some(Capacity::Rps(rate)) => Some(per_second * self.after.get() / f64::from(rate)),
            _ => None,
        }
    }
}

impl Plan {
    /// Whether everybody has a place to go to, and nobody gets more in flight than it can take.
    pub fn is_safe(&self) -> bool {
        let is_overloaded = |receiver: &Receiver| receiver.load().is_some_and(|load| load > 1.0);
        let is_shed = |(_, part): &(Name, Ratio)| *part > Ratio::ZERO;
        self.homeless.is_empty() && !self.shed.iter().any(is_shed) && !self.receivers.iter().any(is_overloaded)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "without {}:", self.region)?;
        for receiver in &self.receivers {
            let Receiver { cluster, region, before, after, in_flight, in_flight_limit, .. } = receiver;
            let percent = |share: &Share| (share.get() * 1000.0).round() / 10.0;
            write!(f, "\n{cluster}: {region} {}% -> {}%, {in_flight} in flight", percent(before), percent(after))?;
            if let Some(limit) = in_flight_limit {
                write!(f, " of {limit}")?;
            }
        }
        for (cluster, part) in self.shed.iter().filter(|(_, part)| *part > Ratio::ZERO) {
            write!(f, "\n{cluster}: {}% would be refused", (part.get() * 1000.0).round() / 10.0)?;
        }
        for (cluster, when) in &self.homeless {
            write!(f, "\n{cluster}: what may not leave has nowhere to go: {when}")?;
        }
        Ok(())
    }
}

impl Traffic {
    /// What would happen if a region were taken out now. Nothing is changed.
    ///
    /// # Errors
    /// When no cluster has a region of this name.
    ///
    /// ```
    /// use contraflow::{Limit, Match, TableSpec, Traffic};
    ///
    /// let table = TableSpec::new()
    ///     .cluster("api", |c| {
    ///         c.region("eu", |r| r.weight(3).endpoint("a", "a:80"))
    ///             .region("us", |r| r.weight(1).endpoint("b", "b:80").limit(Limit::fixed(50)))
    ///     })
    ///     .resident(Match::new().path_prefix("/patients"), ["eu"])
    ///     .route("all", |r| r.any().to("api"))
    ///     .build()?;
    /// let plan = Traffic::new(table).plan("eu")?;
    /// assert!(!plan.is_safe());
    /// assert_eq!(
    ///     plan.to_string(),
    ///     "without eu:\n\
    ///      api: us 25% -> 100%, 0 in flight of 50\n\
    ///      api: what may not leave has nowhere to go: paths below /patients"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan(&self, region: &str) -> Result<Plan, UnknownRegion> {
        let region = self.known_region(region)?;
        let snapshot = self.snapshot();
        let now = self.now();
        snapshot.rebuild_due_views(now);
        let mut plan = Plan { region, receivers: Vec::new(), shed: Vec::new(), homeless: Vec::new() };
        for (place, cluster) in (0..).zip(snapshot.table().clusters()) {
            if let Some(out) = cluster.regions().iter().position(|one| *one.name() == plan.region) {
                plan.add(&snapshot, place, cluster, out as u32, now);
            }
        }
        Ok(plan)
    }
}

impl Plan {
    fn add(&mut self, snapshot: &Snapshot, place: u32, cluster: &Cluster, out: u32, now: Instant) {
        let handle = snapshot.cluster(place);
        let view: &View = &handle.view();
        let (after, shed) = view.shares_without(out);
        let whole = after.total() + shed;
        let of = |shares: &crate::table::Weighted<u32>, whole: u64, region: u32| {
            let part = shares.iter().find(|one| *one.target == region).map_or(0, |one| one.weight);
            Share::of(part, whole.max(1))
        };
        let in_flight = handle.in_flight();
        for (region, known) in (0..).zip(&handle.regions).filter(|(region, _)| *region != out) {
            let named = &cluster.regions()[region as usize];
            let (before, share) =
                (of(&view.shares, view.shares.total() + view.shed, region), of(&after, whole, region));
            if share.get() <= before.get() {
                continue;
            }
            let limit = known.state.bound.status().map(|status| status.limit);
            let declared = match named.capacity() {
                Some(Capacity::InFlight(number)) => Some(number),
                _ => None,
            };
            self.receivers.push(Receiver {
                cluster: cluster.name().clone(),
                region: named.name().clone(),
                before,
                after: share,
                in_flight: (in_flight as f64 * share.get()).ceil() as u32,
                in_flight_limit: limit.into_iter().chain(declared).min(),
                capacity: named.capacity(),
            });
        }
        self.shed.push((cluster.name().clone(), Ratio::new(shed as f64 / whole.max(1) as f64).unwrap_or(Ratio::ONE)));
        let is_out = |region: u32| region == out || handle.regions[region as usize].state.veto().forbids(now);
        let left =
            (0..handle.regions.len() as u32).filter(|region| !is_out(*region)).fold(0, |all, one| all | 1_u64 << one);
        for (mask, rule) in cluster.residency.iter().zip(&snapshot.table().spec().residency) {
            if mask & (1 << out) != 0 && mask & left == 0 {
                self.homeless.push((cluster.name().clone(), rule.when.clone()));
            }
        }
    }
}
