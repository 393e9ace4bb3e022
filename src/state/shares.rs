//! How the demand on a cluster is shared over its regions.
//!
//! Water that runs down a staircase: each rank takes what its live endpoints can, what does not fit runs down to the next, and what
//! fits nowhere is spread over what lives before it is refused. The arithmetic is in whole numbers, so that shares and what is
//! shed add up to the demand exactly, and every step is continuous: one endpoint more or less moves its own part and no more.
//!
//! The obvious rules have cliffs. The first healthy region that is there takes everything or nothing; Envoy's priority levels spill
//! by degrees, but when the last of them falls below its panic threshold two thirds of the load jump back to regions that are dead.
//! Here a region that looks dead gets nothing while another lives, and none is given more than it declares that it can take.
//!
//! # The passes
//! 1. *Healthy.* Rank by rank, over the regions of a rank by weight, each up to its cap: its nominal part times the
//!    overprovisioning times its healthy part, and no more than its ceiling (a region that returns) and its capacity allow. What a
//!    capped region leaves goes to the others of its rank first.
//! 2. *Degraded.* The same for endpoints that say that they are degraded.
//! 3. *Crowded.* What is left goes over everything that lives, in proportion to what it has, ceilings aside: a cluster does not
//!    refuse requests because a survivor is still warming up. Only declared capacity is hard.
//! 4. *Blind.* Where nothing lives at all, the detector is doubted: all count as well.

use super::parts::{WHOLE, fill, part_of, proportional};

/// One region as the waterfall sees it. Parts are of [`WHOLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Intake {
    pub(crate) rank: u32,
    /// Its share inside the rank; zero gets nothing, on any path.
    pub(crate) weight: u64,
    /// The part of its endpoints, by weight, that is usable and well.
    pub(crate) healthy: u64,
    /// The part that is usable and degraded.
    pub(crate) degraded: u64,
    /// The part of its nominal share that it may have now.
    pub(crate) ceiling: u64,
    /// The part of the whole demand that it can take when all of it lives.
    pub(crate) capacity: Option<u64>,
    /// How many endpoints it has, by weight, those aside that nobody has checked yet.
    pub(crate) hosts: u64,
    /// The part of the whole demand that it gets to stay warm, if it gets no other.
    pub(crate) trickle: u64,
}

/// What a region gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Portion {
    pub(crate) healthy: u64,
    /// Of that part that its degraded endpoints take.
    pub(crate) degraded: u64,
    /// How much of its endpoints it takes to serve that at no more than the overprovisioning; at most [`WHOLE`].
    pub(crate) needed: u64,
}

impl Portion {
    pub(crate) fn total(&self) -> u64 {
        self.healthy + self.degraded
    }
}

/// Who gets what: portions and what is shed add up to the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    pub(crate) portions: Vec<Portion>,
    pub(crate) shed: u64,
    pub(crate) whole: u64,
}

impl Intake {
    /// A region that is well and bounded by nothing.
    pub(crate) fn well(rank: u32, weight: u64) -> Self {
        Intake { rank, weight, healthy: WHOLE, degraded: 0, ceiling: WHOLE, capacity: None, hosts: 1, trickle: 0 }
    }

    pub(super) fn live(&self) -> u64 {
        (self.healthy + self.degraded).min(WHOLE)
    }

    fn is_gated(&self) -> bool {
        self.ceiling < WHOLE
    }
}

/// A region on its way through the passes.
struct Place {
    intake: Intake,
    /// Its part of the demand if its rank takes all of it.
    nominal: u64,
    /// More it is never given.
    hard: u64,
    portion: Portion,
}

impl Place {
    /// What it may take in a pass, all it has had included.
    fn cap(&self, part: u64, overprovisioning: u64) -> u64 {
        let soft = part_of(self.nominal, part) * overprovisioning / 100;
        let gated = if self.intake.is_gated() { part_of(self.nominal, self.intake.ceiling) } else { WHOLE };
        soft.min(gated).min(self.hard)
    }
}

/// Shares the demand.
pub(crate) fn share(regions: &[Intake], overprovisioning: u64) -> Shares {
    if let Some(plain) = plain(regions, overprovisioning) {
        return plain;
    }
    let is_blind = regions.iter().all(|region| region.weight == 0 || region.live() == 0);
    let seen = |intake: &Intake| if is_blind { Intake { healthy: WHOLE, degraded: 0, ..*intake } } else { *intake };
    let mut places: Vec<Place> = regions.iter().map(seen).map(|intake| place(intake, regions)).collect();
    let mut ranks: Vec<u32> = regions.iter().filter(|region| region.weight > 0).map(|region| region.rank).collect();
    ranks.sort_unstable();
    ranks.dedup();

    let mut left = WHOLE;
    for one in &mut places {
        let is_first = ranks.first() == Some(&one.intake.rank);
        if !is_first && one.intake.weight > 0 && one.intake.healthy > 0 && !one.intake.is_gated() {
            let warm = one.intake.trickle.min(one.cap(one.intake.healthy, overprovisioning)).min(left);
            one.portion.healthy = warm;
            left -= warm;
        }
    }
    for is_degraded in [false, true] {
        for rank in &ranks {
            let of_rank = places.iter_mut().filter(|one| one.intake.rank == *rank && one.intake.weight > 0);
            left -= pour(of_rank, left, overprovisioning, is_degraded);
        }
    }
    if left > 0 {
        left -= crowd(&mut places, left);
    }
    let portion = |one: &Place| {
        let usual = one.nominal * overprovisioning / 100;
        let total = one.portion.total();
        let needed = if usual == 0 { 0 } else { (u128::from(total) * u128::from(WHOLE) / u128::from(usual)) as u64 };
        Portion { needed: needed.min(WHOLE), ..one.portion }
    };
    Shares { portions: places.iter().map(portion).collect(), shed: left, whole: WHOLE }
}

/// The weights as they stand, where only the first rank gets anything and nothing bounds it: they are exact.
fn plain(regions: &[Intake], overprovisioning: u64) -> Option<Shares> {
    let used = || regions.iter().filter(|region| region.weight > 0);
    let first = used().map(|region| region.rank).min()?;
    let is_free = |region: &Intake| {
        let capped = region.healthy < WHOLE || region.is_gated() || region.capacity.is_some_and(|part| part < WHOLE);
        region.rank != first && region.trickle == 0 || region.rank == first && !capped
    };
    if !used().all(is_free) {
        return None;
    }
    let of = |region: &Intake| if region.rank == first { region.weight } else { 0 };
    let needed = WHOLE * 100 / overprovisioning.max(100);
    let portion = |weight: u64| Portion { healthy: weight, degraded: 0, needed: if weight > 0 { needed } else { 0 } };
    let whole = regions.iter().map(of).sum();
    Some(Shares { portions: regions.iter().map(of).map(portion).collect(), shed: 0, whole })
}

fn place(intake: Intake, regions: &[Intake]) -> Place {
    let sum: u128 =
        regions.iter().filter(|other| other.rank == intake.rank).map(|other| u128::from(other.weight)).sum();
    let nominal = if sum == 0 { 0 } else { (u128::from(intake.weight) * u128::from(WHOLE) / sum) as u64 };
    // A region of some weight has some part, however small.
    let nominal = nominal.max(u64::from(intake.weight > 0));
    let hard = intake.capacity.map_or(WHOLE, |capacity| part_of(capacity, intake.live()));
    Place { intake, nominal, hard: if intake.weight == 0 { 0 } else { hard }, portion: Portion::default() }
}

/// Pours what is left over the regions of a rank; how much they take.
fn pour<'p>(of_rank: impl Iterator<Item = &'p mut Place>, left: u64, overprovisioning: u64, is_degraded: bool) -> u64 {
    let mut places: Vec<&mut Place> = of_rank.collect();
    let room = |one: &&mut Place| {
        let had = one.portion.total();
        if is_degraded {
            let both = one.cap(one.intake.live(), overprovisioning);
            let own = part_of(one.nominal, one.intake.degraded) * overprovisioning / 100;
            both.saturating_sub(had).min(own)
        } else {
            one.cap(one.intake.healthy, overprovisioning).saturating_sub(had)
        }
    };
    let bins: Vec<(u64, u64)> = places.iter().map(|one| (one.intake.weight, room(one))).collect();
    let mut taken = 0;
    for (one, more) in places.iter_mut().zip(fill(left, &bins)) {
        if is_degraded {
            one.portion.degraded += more;
        } else {
            one.portion.healthy += more;
        }
        taken += more;
    }
    taken
}

/// Spreads what is left over all that lives, in proportion to what each has; how much they take.
fn crowd(places: &mut [Place], left: u64) -> u64 {
    let alive = |one: &Place| part_of(one.nominal, one.intake.live());
    let bins: Vec<(u64, u64)> =
        places.iter().map(|one| (alive(one), one.hard.saturating_sub(one.portion.total()))).collect();
    let mut taken = 0;
    for (one, more) in places.iter_mut().zip(fill(left, &bins)) {
        let degraded = proportional(more, one.intake.degraded, one.intake.live());
        one.portion.degraded += degraded;
        one.portion.healthy += more - degraded;
        taken += more;
    }
    taken
}

/// The weight, in 64ths, that endpoints of a region get which may not be used, when the rest cannot carry what the region is given.
///
/// It grows from nothing where the rest suffices, or is as large as the threshold, so that nothing jumps in either.
pub(crate) fn panic_step(needed: u64, usable: u64, below: u64, steps: u64) -> u64 {
    if usable >= below.min(WHOLE) || needed <= usable {
        return 0;
    }
    let by_threshold = proportional(steps, below - usable, below);
    let by_need = proportional(steps, needed - usable, WHOLE - usable);
    by_threshold.min(by_need)
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests;
