//! Who is left is too small for all.

use super::*;
use contraflow::Priority;
use contraflow::error::Reason;
use contraflow::table::Capacity;

/// Half is normal, a quarter matters less, a quarter more.
const MIX: [(Priority, u32); 3] = [(Priority::Low, 1), (Priority::Normal, 2), (Priority::High, 1)];

fn small(capacity: Capacity) -> TableSpec {
    let mut spec = regions(&[("eu", 0), ("us", 1)]);
    spec.cluster_mut("shop").and_then(|shop| shop.region_mut("us")).expect("there is one").capacity = Some(capacity);
    spec
}

fn dies(capacity: Capacity, demand: f64, swap: Swap) -> RegionWorld {
    let mut world = RegionWorld::new(8, small(capacity));
    world.priorities(&MIX);
    world.demand(demand);
    run(&mut world, seconds(5));
    world.fault("eu", None, Fault::FAILS);
    run(&mut world, seconds(3));
    swap.here(&world);
    run(&mut world, seconds(12));
    world
}

/// Of a priority, the part that was refused.
fn refused(slice: &contraflow::testing::Slice, priority: Priority) -> f64 {
    slice.refused_of(priority) as f64 / slice.asked[priority as usize] as f64
}

/// I-32: what we refuse ourselves is nobody's failure.
fn nobody_is_blamed(world: &RegionWorld) {
    assert!(ejections(world, "us").is_empty() && transitions(world, "us").is_empty(), "{:?}", world.events());
    assert!(status(world, "us").endpoints.iter().all(|one| one.failures == 0 && one.health == EndpointHealth::Well));
}

/// In any window of tenths of a second, at most capacity times window and a tenth of a second's more.
fn holds_rate(world: &RegionWorld, rate: f64) {
    for window in [1, 2, 5, 10, 50] {
        for from in 0..(world.measured().seconds() * 10.0) as u32 {
            let [from, to] = [from, from + window].map(|tenth| f64::from(tenth) / 10.0);
            let sent = world.measured().between(from, to).load("us").sent as f64;
            assert!(sent <= rate * (to - from) + rate / 10.0 + 1.0, "I-18: {sent} from {from} to {to}");
        }
    }
}

/// I-18, I-32, I-60: never above the rate, all of the rate used, and what has to go is the least important.
#[test]
fn a_survivor_is_never_sent_more_than_its_rate() {
    both(|swap| {
        let world = dies(Capacity::Rps(300), 500.0, swap);
        holds_rate(&world, 300.0);
        let later = world.measured().between(7.0, 19.0);
        assert!(later.ok as f64 > 0.95 * 300.0 * 12.0, "{later:?}");
        // What does not fit is refused here, and not sent to fail elsewhere.
        assert_eq!(later.failed, 0, "{later:?}");
        assert_eq!(later.refused(), later.refused_for(Reason::Rate), "{later:?}");
        let [low, normal, high] = [Priority::Low, Priority::Normal, Priority::High].map(|one| refused(&later, one));
        assert!(low > 0.9 && high < 0.01 && normal < 0.5, "{low} {normal} {high}");
        nobody_is_blamed(&world);
        ends_balanced(world);
    });
}

/// I-18, I-32: requests in flight are bounded exactly.
#[test]
fn a_survivor_never_has_more_in_flight_than_it_can() {
    both(|swap| {
        // It answers in 10 ms: 3 in flight are 300 a second, about.
        let world = dies(Capacity::InFlight(3), 500.0, swap);
        assert!(world.measured().all().load("us").peak_in_flight <= 3, "I-18: {:?}", world.measured().all());
        let later = world.measured().between(7.0, 19.0);
        assert!(later.ok as f64 > 180.0 * 12.0, "{later:?}");
        assert_eq!(later.failed, 0, "{later:?}");
        let typed = later.refused_for(Reason::Limit) + later.refused_for(Reason::Priority);
        assert_eq!(later.refused(), typed, "{later:?}");
        let [low, normal, high] = [Priority::Low, Priority::Normal, Priority::High].map(|one| refused(&later, one));
        assert!(low >= normal && normal >= high, "{low} {normal} {high}");
        nobody_is_blamed(&world);
        ends_balanced(world);
    });
}

/// I-18: six times the demand, at the moment when the region dies.
#[test]
fn a_spike_during_failover_is_shed_and_what_is_let_in_is_answered() {
    both(|swap| {
        let mut world = RegionWorld::new(9, small(Capacity::Rps(600)));
        world.capacity("us", 4);
        world.demand(500.0);
        run(&mut world, seconds(5));
        world.fault("eu", None, Fault::Hole);
        run(&mut world, millis(300));
        world.demand(3000.0);
        run(&mut world, seconds(1));
        swap.here(&world);
        run(&mut world, seconds(4));
        holds_rate(&world, 600.0);
        let later = world.measured().between(7.0, 10.0);
        assert!(later.ok as f64 > 0.95 * 600.0 * 3.0, "{later:?}");
        assert_eq!(later.failed, 0, "{later:?}");
        assert!(later.took / (later.ok as f64) < 0.05, "{later:?}");
        world.demand(500.0);
        run(&mut world, seconds(5));
        let after = world.measured().between(11.0, 15.0);
        assert!(after.errors() < 0.01, "{after:?}");
        nobody_is_blamed(&world);
        ends_balanced(world);
    });
}
