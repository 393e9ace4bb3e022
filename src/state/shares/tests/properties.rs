//! What holds for all regions, whatever their ranks, weights, health, ceilings and capacities.

use super::of_whole;
use crate::state::parts::{WHOLE, part};
use crate::state::shares::{DEGRADED, HEALTHY, Intake, Shares, panic_step, share};
use proptest::option;
use proptest::prelude::*;

/// Rounding: each region is rounded once in each of few passes.
const ROUNDING: u64 = 64;

/// A region as a test changes it: by endpoints.
#[derive(Clone, Copy, Debug)]
struct Of {
    healthy: u64,
    degraded: u64,
    /// All that are counted.
    endpoints: u64,
    rest: Intake,
}

impl Of {
    fn intake(&self) -> Intake {
        let (healthy, degraded) = (part(self.healthy, self.endpoints), part(self.degraded, self.endpoints));
        Intake { healthy, degraded, ..self.rest }
    }
}

fn weight() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(0), 6 => 1u64..20, 1 => 1..=u64::from(u32::MAX) << 20, 1 => any::<u64>()]
}

fn a_part() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(0), 3 => 0..=WHOLE]
}

/// A region with whatever there is, or with nothing but health when `bare`.
fn one(bare: bool) -> impl Strategy<Value = Of> {
    let endpoints = (1u64..30).prop_flat_map(|all| (0..=all).prop_flat_map(move |up| (Just(all), Just(up), 0..=up)));
    let gates = (prop_oneof![2 => Just(WHOLE), 1 => a_part()], option::of(a_part()));
    let trickle = prop_oneof![2 => Just(0), 1 => a_part()];
    (0u32..3, weight(), endpoints, gates, trickle).prop_map(move |(rank, weight, endpoints, gates, trickle)| {
        let (endpoints, up, healthy) = endpoints;
        let (ceiling, capacity, trickle) = if bare { (WHOLE, None, 0) } else { (gates.0, gates.1, trickle) };
        let rest = Intake { rank, weight, healthy: 0, degraded: 0, ceiling, capacity, trickle };
        Of { healthy, degraded: up - healthy, endpoints, rest }
    })
}

fn some(bare: bool) -> impl Strategy<Value = Vec<Of>> {
    prop::collection::vec(one(bare), 1..7)
}

/// Some regions, and one that has at least one endpoint that could be better.
fn some_and_one(bare: bool) -> impl Strategy<Value = (Vec<Of>, usize)> {
    some(bare)
        .prop_flat_map(|regions| (0..regions.len()).prop_map(move |at| (regions.clone(), at)))
        .prop_filter("one is not healthy", |(regions, at)| regions[*at].healthy < regions[*at].endpoints)
}

fn intakes(regions: &[Of]) -> Vec<Intake> {
    regions.iter().map(Of::intake).collect()
}

fn is_live(one: &Intake) -> bool {
    one.weight > 0 && one.healthy + one.degraded > 0
}

/// By region, the nominal share.
fn nominal(regions: &[Intake]) -> Vec<f64> {
    let of_rank = |rank| regions.iter().filter(|one| one.rank == rank).map(|one| one.weight as f64).sum::<f64>();
    regions.iter().map(|one| one.weight as f64 / of_rank(one.rank).max(1.0)).collect()
}

/// By region, what each tier's health holds under capacity and ceiling, as a part of one, written down another way.
fn holds(regions: &[Intake]) -> Vec<[f64; 2]> {
    let one = |(one, nominal): (&Intake, f64)| {
        let whole = |part: u64| part as f64 / WHOLE as f64;
        let capacity = one.capacity.map_or(f64::MAX, whole);
        let gate = if one.ceiling < WHOLE { nominal * whole(one.ceiling) } else { f64::MAX };
        let healthy = (whole(one.healthy) * (1.4 * nominal).min(capacity)).min(gate);
        [healthy, (whole(one.degraded) * (1.4 * nominal).min(capacity)).min(gate - healthy)]
    };
    regions.iter().zip(nominal(regions)).map(one).collect()
}

fn tiers(shares: &Shares, at: usize) -> [f64; 2] {
    let part = |part: u64| part as f64 / shares.whole as f64;
    [part(shares.parts[at].healthy), part(shares.parts[at].degraded)]
}

/// What one endpoint's change moves, as a part of [`WHOLE`].
fn moved(one: &[Intake], other: &[Intake]) -> u64 {
    let ((one, shed), (other, no_longer)) = (of_whole(one), of_whole(other));
    let parts: u64 = one.iter().zip(&other).map(|(one, other)| one.abs_diff(*other)).sum();
    parts.midpoint(shed.abs_diff(no_longer))
}

proptest! {
    #![proptest_config(crate::property_config())]

    /// I-16: nothing is lost and nothing invented, whatever the numbers.
    #[test]
    fn parts_and_shed_are_the_demand(
        regions in prop::collection::vec((any::<u32>(), any::<[u64; 5]>(), any::<Option<u64>>()), 0..7),
        tame in some(false), percent in prop_oneof![Just(140), any::<u64>()],
    ) {
        let wild = regions.into_iter().map(|(rank, [weight, healthy, degraded, ceiling, trickle], capacity)| {
            Intake { rank, weight, healthy, degraded, ceiling, capacity, trickle }
        });
        for regions in [wild.collect(), intakes(&tame)] {
            let shares = share(&regions, percent);
            let sum: u128 = shares.parts.iter().map(|one| u128::from(one.healthy) + u128::from(one.degraded)).sum();
            prop_assert_eq!(sum + u128::from(shares.shed), u128::from(shares.whole));
            prop_assert!(shares.needed.iter().all(|&needed| needed <= WHOLE));
        }
    }

    /// I-17: what goes down, or to degraded endpoints, is what the ones before could not hold.
    #[test]
    fn nothing_flows_down_past_a_region_with_spare_capacity(regions in some(false)) {
        let mut regions = intakes(&regions);
        for one in &mut regions {
            (one.ceiling, one.trickle) = (WHOLE, 0);
        }
        prop_assume!(regions.iter().any(is_live));
        let (shares, holds) = (share(&regions, 140), holds(&regions));
        let places = || [HEALTHY, DEGRADED].into_iter().flat_map(|tier| (0..regions.len()).map(move |at| (tier, at)));
        for (tier, lower) in places().filter(|&(tier, at)| tiers(&shares, at)[tier] * WHOLE as f64 >= ROUNDING as f64) {
            let before = |&(earlier, at): &(usize, usize)| (earlier, regions[at].rank) < (tier, regions[lower].rank);
            for (earlier, higher) in places().filter(before) {
                let got = tiers(&shares, higher)[earlier];
                prop_assert!(got >= holds[higher][earlier] - 1e-8, "{shares:?} {holds:?}");
            }
        }
    }

    /// I-18: a declared capacity holds for the live part, whatever else is missing.
    #[test]
    fn no_region_is_given_more_than_its_live_capacity(regions in some(false)) {
        let regions = intakes(&regions);
        prop_assume!(regions.iter().any(is_live));
        for (one, got) in regions.iter().zip(of_whole(&regions).0) {
            let live = (one.healthy + one.degraded).min(WHOLE);
            let most = one.capacity.map_or(WHOLE, |all| (u128::from(all) * u128::from(live) / u128::from(WHOLE)) as u64);
            prop_assert!(got <= most, "{got} of {most}");
        }
    }

    /// I-19: to a region that gets better its own share is never lowered, and no lower rank's is raised.
    /// (Of weights no more than 2^48 apart: beyond that the least ones are rounded.)
    #[test]
    fn better_health_never_lowers_the_own_share((mut regions, at) in some_and_one(false), how in 0..3) {
        for one in &mut regions {
            (one.rest.trickle, one.rest.weight) = (0, one.rest.weight.min(1 << 48));
        }
        let before = intakes(&regions);
        prop_assume!(before.iter().any(is_live));
        let mut better = regions;
        let one = &mut better[at];
        let dead = one.endpoints - one.healthy - one.degraded;
        match how {
            0 if dead > 0 => one.healthy += 1,
            1 if dead > 0 => one.degraded += 1,
            _ if one.degraded > 0 => (one.healthy, one.degraded) = (one.healthy + 1, one.degraded - 1),
            _ => one.healthy += 1,
        }
        let after = intakes(&better);
        let ((old, _), (new, _)) = (of_whole(&before), of_whole(&after));
        prop_assert!(new[at] + ROUNDING >= old[at], "{} to {}", old[at], new[at]);
        for lower in (0..after.len()).filter(|&one| after[one].rank > after[at].rank) {
            prop_assert!(new[lower] <= old[lower] + ROUNDING, "{lower}: {} to {}", old[lower], new[lower]);
        }
    }

    /// I-20: while the cluster holds the demand, whatever is declared and gated.
    #[test]
    fn one_endpoint_moves_no_more_than_its_own_part((mut regions, at) in some_and_one(false)) {
        for one in &mut regions {
            one.rest.trickle = 0;
        }
        let worse = intakes(&regions);
        if regions[at].healthy + regions[at].degraded < regions[at].endpoints {
            regions[at].healthy += 1;
        } else {
            regions[at].healthy += 1;
            regions[at].degraded -= 1;
        }
        let better = intakes(&regions);
        prop_assume!(holds(&worse).iter().flatten().sum::<f64>() >= 1.0);
        let most = 1.4 * nominal(&better)[at] / regions[at].endpoints as f64 * WHOLE as f64;
        let moved = moved(&worse, &better);
        prop_assert!(moved as f64 <= most + ROUNDING as f64, "{moved} of {most}");
    }

    /// I-20: where the cluster does not hold it, that part over what it holds. Of weights that a part of 2^32 can tell apart.
    #[test]
    fn one_endpoint_moves_its_part_of_what_is_left((mut regions, at) in some_and_one(true)) {
        for one in &mut regions {
            (one.degraded, one.rest.weight) = (0, one.rest.weight.min(1000));
        }
        let worse = intakes(&regions);
        prop_assume!(worse.iter().any(is_live));
        regions[at].healthy += 1;
        let better = intakes(&regions);
        let held = holds(&worse).iter().flatten().sum::<f64>().min(1.0);
        let most = 1.4 * nominal(&better)[at] / regions[at].endpoints as f64 / held * WHOLE as f64;
        let moved = moved(&worse, &better);
        prop_assert!(moved as f64 <= most + ROUNDING as f64, "{moved} of {most}");
    }

    /// I-21: a dead region gets nothing while another lives; one that is out gets nothing even then.
    #[test]
    fn the_dead_get_nothing_while_another_lives(mut regions in some(false), all_dead in any::<bool>()) {
        if all_dead {
            for one in &mut regions {
                (one.healthy, one.degraded) = (0, 0);
            }
        }
        let regions = intakes(&regions);
        let any_live = regions.iter().any(is_live);
        for (one, part) in regions.iter().zip(&share(&regions, 140).parts) {
            prop_assert!(one.weight > 0 || part.total() == 0);
            prop_assert!(is_live(one) || !any_live || part.total() == 0);
            prop_assert!(!any_live || one.healthy > 0 || part.healthy == 0);
            prop_assert!(!any_live || one.degraded > 0 || part.degraded == 0);
        }
    }

    /// Scaling all weights of a rank changes nothing.
    #[test]
    fn weights_count_only_against_each_other(regions in some(false), times in 2u64..1000) {
        let mut regions = intakes(&regions);
        for one in &mut regions {
            one.weight = one.weight.min(1 << 50);
        }
        let before = of_whole(&regions);
        for one in &mut regions {
            one.weight *= times;
        }
        prop_assert_eq!(before, of_whole(&regions));
    }

    /// Panic is for demand that finds no healthy place, not for a region that has given away what it cannot carry.
    #[test]
    fn nobody_panics_while_the_cluster_holds_the_demand(regions in some(true)) {
        let regions = intakes(&regions);
        prop_assume!(holds(&regions).iter().flatten().sum::<f64>() >= 1.0 + 1e-6);
        for (one, needed) in regions.iter().zip(share(&regions, 140).needed) {
            prop_assert_eq!(panic_step(needed, one.healthy + one.degraded, WHOLE), 0);
        }
    }
}
