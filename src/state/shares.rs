//! How the demand on a cluster is shared over its regions: a waterfall in exact integers.
//!
//! The obvious rule, all traffic to the first rank until it is dead, has a cliff: half of a region may be gone while it still
//! gets everything, and then one more endpoint moves the whole load. Envoy's rule is better, a rank takes its healthy part
//! times 1.4 and the rest flows down, but it counts in percents, it trusts every rank to carry everything, and when it
//! doubts all health at once (*total panic*) one endpoint moves two thirds of the traffic to regions that are dead.
//!
//! Ours, in the order in which the demand is poured:
//! 1. Healthy endpoints, rank by rank. A region holds its nominal share (its weight in its rank) times its healthy part times the
//!    overprovisioning, at most what its ceiling lets back in and what it declared to carry. Inside a rank the demand rises over
//!    the regions like water, by weight: what one cannot hold the others of the rank take, and only what all of them
//!    cannot hold flows down.
//! 2. Degraded endpoints, in the same order.
//! 3. What is left goes to all live regions in proportion to what their health would let them hold, as Envoy normalises: first to
//!    those that are all there, then past a ceiling (a service must not refuse because a survivor is still being let in) and never past what was declared.
//! 4. What nothing may hold is shed.
//!
//! No region live at all means that the detector is in doubt, not the regions: all count as healthy then, so that the first
//! rank is used. A region of weight zero gets nothing in any of this.
//!
//! Last, a standby that got less than its trickle takes that from the others, in proportion.
//!
//! Trickles aside, better health only ever raises what a region can hold, in every step, so it never lowers its own share
//! nor raises a lower rank's; and one endpoint of `n` changes what its region can hold by `1/n` of 1.4 nominal shares, so
//! it moves no more than that while the cluster can hold the demand. Where it cannot, that much over the part it can
//! hold: the last endpoint of the last region moves all of it.

#[cfg(all(test, not(contraflow_loom)))]
mod tests;

mod pour;

use super::parts::{WHOLE, part_of, proportional};
use pour::{Vessel, pour};

/// What [`Shares::needed`] says of a region whose endpoints must all be used, whatever their health.
pub(crate) const EVERYBODY: u64 = u64::MAX;

/// Steps of the weight that an endpoint which is not usable gets in panic.
pub(crate) const PANIC_STEPS: u64 = 64;

/// Overprovisioning is at most this many percent, so that no product overflows.
const MOST_PERCENT: u64 = 10_000;

/// The tiers of a region's endpoints, in the order in which they are used.
const HEALTHY: usize = 0;
const DEGRADED: usize = 1;

/// One region as the waterfall sees it. All but rank and weight are parts of [`WHOLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Intake {
    /// Lower is used first.
    pub(crate) rank: u32,
    /// Its weight inside its rank; zero gets nothing, in any path (evacuated, zero-weight, excluded).
    pub(crate) weight: u64,
    /// The part of its counted endpoints that is usable and not degraded: see [`part`](super::parts::part).
    pub(crate) healthy: u64,
    /// The part of its counted endpoints that is usable and degraded.
    pub(crate) degraded: u64,
    /// The part of its nominal share that it may have now; [`WHOLE`] when nothing gates it.
    pub(crate) ceiling: u64,
    /// What it can carry when it is fully live, of the whole demand; it is never given more than the live part of that.
    pub(crate) capacity: Option<u64>,
    /// The least part of the demand, so that a standby stays warm; only while it is live and nothing gates it.
    pub(crate) trickle: u64,
}

impl Intake {
    /// A region that is well and bounded by nothing.
    pub(crate) fn well(rank: u32, weight: u64) -> Self {
        Intake { rank, weight, healthy: WHOLE, degraded: 0, ceiling: WHOLE, capacity: None, trickle: 0 }
    }

    /// What of it may be used.
    pub(super) fn live(&self) -> u64 {
        (self.healthy + self.degraded).min(WHOLE)
    }

    fn tier(&self, tier: usize) -> u64 {
        // Together at most all, whatever the caller rounded.
        let healthy = self.healthy.min(WHOLE);
        if tier == HEALTHY { healthy } else { self.degraded.min(WHOLE - healthy) }
    }

    fn is_live(&self) -> bool {
        self.weight > 0 && (self.healthy > 0 || self.degraded > 0)
    }

    fn is_gated(&self) -> bool {
        self.ceiling < WHOLE
    }

    /// The region as it counts when no region is live: no data is not bad health.
    fn doubted(&self) -> Self {
        Intake { healthy: WHOLE, degraded: 0, ceiling: WHOLE, trickle: 0, ..*self }
    }
}

/// What a region gets, by tier of its endpoints, in parts of [`Shares::whole`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) healthy: u64,
    pub(crate) degraded: u64,
}

impl Part {
    pub(crate) fn total(self) -> u64 {
        self.healthy + self.degraded
    }
}

/// How the demand is shared: the parts and what is shed are the whole, exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// By region.
    pub(crate) parts: Box<[Part]>,
    /// What no region may be given.
    pub(crate) shed: u64,
    /// The demand, in the units of the parts: the plain weights' sum where these say it all.
    pub(crate) whole: u64,
    /// By region, the part of its endpoints, of [`WHOLE`], that what it gets would fill: for [`panic_step`].
    pub(crate) needed: Box<[u64]>,
}

/// The weight, in steps of 1/64, that the endpoints of a region which are *not* usable get.
///
/// None while the usable ones can carry what the region gets (`needed <= usable`), or while they are no fewer than
/// `threshold`. Below both it grows with what is missing, so that there is no cliff on either side: with a threshold of one
/// half, 30% usable and 70% needed it is `min(1 - 30/50, (70 - 30) / (100 - 30))`, 0.4, 25 steps.
pub(crate) fn panic_step(needed: u64, usable: u64, threshold: u64) -> u64 {
    if needed == EVERYBODY {
        return PANIC_STEPS;
    }
    if usable >= threshold.min(WHOLE) || needed <= usable {
        return 0;
    }
    let doubt = proportional(PANIC_STEPS, threshold - usable, threshold);
    let missing = proportional(PANIC_STEPS, needed.min(WHOLE) - usable, WHOLE - usable);
    doubt.min(missing)
}

/// Shares the demand over the regions; `overprovisioning` in percent, 140 as Envoy has it.
pub(crate) fn share(regions: &[Intake], overprovisioning: u64) -> Shares {
    let percent = overprovisioning.min(MOST_PERCENT);
    if regions.iter().any(Intake::is_live) {
        Pouring::new(regions, percent).shares()
    } else {
        let doubted: Box<[_]> = regions.iter().map(Intake::doubted).collect();
        Pouring::new(&doubted, percent).shares()
    }
}

/// The demand while it is poured.
struct Pouring<'r> {
    regions: &'r [Intake],
    percent: u64,
    /// By region, the sum of the weights of its rank.
    ranks: Box<[u128]>,
    /// What each tier of each region got so far.
    got: Box<[[u64; 2]]>,
    left: u64,
}

impl<'r> Pouring<'r> {
    fn new(regions: &'r [Intake], percent: u64) -> Self {
        let weigh = |rank| regions.iter().filter(|one| one.rank == rank).map(|one| u128::from(one.weight)).sum();
        let ranks = regions.iter().map(|one| weigh(one.rank)).collect();
        Pouring { regions, percent, ranks, got: vec![[0; 2]; regions.len()].into(), left: WHOLE }
    }

    fn shares(mut self) -> Shares {
        let mut ranks: Vec<u32> = self.usable().map(|at| self.regions[at].rank).collect();
        ranks.sort_unstable();
        ranks.dedup();

        let mut plain = None;
        for tier in [HEALTHY, DEGRADED] {
            for &rank in &ranks {
                if self.left == WHOLE && tier == HEALTHY && self.holds_by_weight(rank) {
                    plain = Some(rank);
                }
                self.pour_rank(rank, tier);
            }
        }
        self.pour_rest();
        let moved = self.trickle();
        let needed = (0..self.regions.len()).map(|at| self.needed(at)).collect();
        match plain.filter(|_| !moved).and_then(|rank| self.by_weight(rank)) {
            Some((parts, whole)) => Shares { parts, shed: 0, whole, needed },
            None => self.reduced(needed),
        }
    }

    fn usable(&self) -> impl Iterator<Item = usize> + use<'r> {
        let regions = self.regions;
        (0..regions.len()).filter(|&at| regions[at].weight > 0)
    }

    /// What the health of a tier lets the region hold, ceiling and capacity aside.
    ///
    /// Rounded up: that a rank of which everything is healthy holds everything must not fail for a rounding.
    fn soft(&self, at: usize, tier: usize) -> u64 {
        let region = &self.regions[at];
        let held = u128::from(region.weight) * u128::from(self.percent) * u128::from(region.tier(tier));
        held.div_ceil(self.ranks[at].max(1) * 100) as u64
    }

    /// The same as a weight against all others: finer, for the survivors may be those of next to no weight.
    fn proportion(&self, at: usize, tier: usize) -> u128 {
        let region = &self.regions[at];
        let nominal = (u128::from(region.weight) << 56).div_ceil(self.ranks[at].max(1));
        // At most 56 + 14 + 32 - 16 bits a rank, which leaves 32 for the demand and ten for a sum over ranks.
        (nominal * u128::from(self.percent) * u128::from(region.tier(tier))) >> 16
    }

    /// What of its capacity the tier stands for.
    fn hard(&self, at: usize, tier: usize) -> u64 {
        let region = &self.regions[at];
        region.capacity.map_or(WHOLE, |capacity| part_of(capacity.min(WHOLE), region.tier(tier)))
    }

    /// What the region may have of the demand for now.
    fn gate(&self, at: usize) -> u64 {
        let region = &self.regions[at];
        if !region.is_gated() {
            return u64::MAX;
        }
        (u128::from(region.weight) * u128::from(region.ceiling)).div_ceil(self.ranks[at].max(1)) as u64
    }

    /// What the tier of the region holds in all, before anything past its ceiling.
    fn cap(&self, at: usize, tier: usize) -> u64 {
        self.soft(at, tier).min(self.hard(at, tier))
    }

    fn got(&self, at: usize) -> u64 {
        self.got[at].iter().sum()
    }

    /// Whether the rank can take all of the demand and no region of it holds less than its nominal share.
    fn holds_by_weight(&self, rank: u32) -> bool {
        self.usable().filter(|&at| self.regions[at].rank == rank).all(|at| {
            let room = self.cap(at, HEALTHY).min(self.gate(at));
            u128::from(room) * self.ranks[at] >= u128::from(self.regions[at].weight) * u128::from(WHOLE)
        })
    }

    fn pour_rank(&mut self, rank: u32, tier: usize) {
        let of_rank = self.usable().filter(|&at| self.regions[at].rank == rank);
        let vessels = of_rank.map(|at| {
            let room = self.cap(at, tier).min(self.gate(at).saturating_sub(self.got(at)));
            Vessel { at, weight: self.regions[at].weight.into(), room }
        });
        let vessels = vessels.collect();
        let got = &mut self.got;
        self.left = pour(self.left, vessels, |at, amount| got[at][tier] += amount);
    }

    /// Pours what no region holds: no ceiling counts here, a capacity does.
    fn pour_rest(&mut self) {
        // First over what is all there: one that is still being let in is asked for more only when nobody else lives.
        for is_gated in [false, true] {
            self.pour_rest_over(is_gated);
        }
    }

    fn pour_rest_over(&mut self, is_gated: bool) {
        if self.left == 0 {
            return;
        }
        let tiers = |at| [HEALTHY, DEGRADED].map(|tier| self.spare(at, tier));
        let used = self.usable().filter(|&at| self.regions[at].is_gated() == is_gated);
        let spare: Vec<_> = used.map(|at| (at, tiers(at))).collect();
        // By region first: an endpoint that changes its tier is to change nothing between the regions.
        let regions = spare.iter().map(|(at, [healthy, degraded])| {
            let (weight, room) = (healthy.weight + degraded.weight, healthy.room + degraded.room);
            Vessel { at: (*at, [*healthy, *degraded]), weight, room }
        });
        let regions = regions.collect();
        let caps: Box<[_]> =
            (0..self.regions.len()).map(|at| [HEALTHY, DEGRADED].map(|tier| self.cap(at, tier))).collect();
        let got = &mut self.got;
        self.left = pour(self.left, regions, |(at, mut tiers), mut amount| {
            // What only its ceiling kept out of a region is its healthy endpoints' first, as below the ceiling.
            for (tier, vessel) in tiers.iter_mut().enumerate() {
                let held = caps[at][tier].saturating_sub(got[at][tier]).min(amount);
                got[at][tier] += held;
                vessel.room -= held;
                amount -= held;
            }
            pour(amount, tiers.into(), |tier, amount| got[at][tier] += amount);
        });
    }

    /// The tier, past its ceiling.
    fn spare(&self, at: usize, tier: usize) -> Vessel<usize> {
        let room = self.hard(at, tier).saturating_sub(self.got[at][tier]);
        Vessel { at: tier, weight: self.proportion(at, tier), room }
    }

    /// Moves to each standby what it lacks to stay warm, from all others in proportion; says whether anything moved.
    fn trickle(&mut self) -> bool {
        let floors: Box<[u64]> = (0..self.regions.len()).map(|at| self.floor(at)).collect();
        let over = self.usable().map(|at| {
            let got = self.got(at);
            Vessel { at, weight: got.into(), room: got.saturating_sub(floors[at]) }
        });
        let over: Vec<_> = over.collect();
        let under = self.usable().map(|at| {
            let lacking = floors[at].saturating_sub(self.got(at));
            Vessel { at, weight: lacking.into(), room: lacking }
        });
        let under: Vec<_> = under.collect();
        let moving = sum(&over).min(sum(&under));
        if moving == 0 {
            return false;
        }
        pour(moving, over, |at, amount| {
            let [healthy, degraded] = &mut self.got[at];
            let first = proportional(amount, *healthy, *healthy + *degraded);
            *healthy -= first;
            *degraded -= amount - first;
        });
        let caps: Box<[u64]> = (0..self.regions.len()).map(|at| self.cap(at, HEALTHY)).collect();
        pour(moving, under, |at, amount| {
            let [healthy, degraded] = &mut self.got[at];
            let first = amount.min(caps[at].saturating_sub(*healthy));
            *healthy += first;
            *degraded += amount - first;
        });
        true
    }

    /// The least that the region gets to stay warm: no more than it holds.
    fn floor(&self, at: usize) -> u64 {
        let region = &self.regions[at];
        if region.is_gated() { 0 } else { region.trickle.min(self.cap(at, HEALTHY) + self.cap(at, DEGRADED)) }
    }

    fn needed(&self, at: usize) -> u64 {
        let full = u128::from(self.regions[at].weight) * u128::from(self.percent);
        // Each tier holds what it does rounded up, which is no reason for panic in a region of next to no weight.
        let filled = u128::from(self.got(at).saturating_sub(2)) * self.ranks[at] * 100;
        filled.checked_div(full).unwrap_or(0).min(WHOLE.into()) as u64
    }

    /// The weights themselves, where these are the shares: three to one stays 3/4.
    fn by_weight(&self, rank: u32) -> Option<(Box<[Part]>, u64)> {
        let weight = |one: &Intake| if one.rank == rank { one.weight } else { 0 };
        let whole = self.regions.iter().map(weight).try_fold(0, u64::checked_add)?;
        let parts = self.regions.iter().map(|one| Part { healthy: weight(one), degraded: 0 });
        Some((parts.collect(), whole))
    }

    /// The shares, in the fewest units that say them: all is 1/1.
    fn reduced(&self, needed: Box<[u64]>) -> Shares {
        let unit = self.got.iter().flatten().copied().chain([self.left]).fold(WHOLE, gcd);
        let part = |&[healthy, degraded]: &[u64; 2]| Part { healthy: healthy / unit, degraded: degraded / unit };
        Shares { parts: self.got.iter().map(part).collect(), shed: self.left / unit, whole: WHOLE / unit, needed }
    }
}

fn sum<T>(vessels: &[Vessel<T>]) -> u64 {
    vessels.iter().map(|one| one.room).sum()
}

fn gcd(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { gcd(other, one % other) }
}
