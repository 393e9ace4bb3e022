//! A region greys out: it answers, late, and fails some.

use super::*;

/// I-25: where most endpoints do alike, none stands out, and the region is left for its success rate.
#[test]
fn a_region_that_fails_three_in_ten_is_left() {
    both(|swap| {
        let mut spec = regions(&[("eu", 0), ("us", 1)]);
        let failover = spec.defaults.failover.expect("set");
        spec = spec.failover(failover.fail_below(Ratio::percent(80)).recover_above(Ratio::percent(90)));
        let mut world = RegionWorld::new(3, spec);
        world.demand(1000.0);
        run(&mut world, seconds(10));
        world.fault("eu", None, Fault::Grey { slow: 3.0, fails: Ratio::percent(30) });
        run(&mut world, seconds(5));
        swap.here(&world);
        run(&mut world, seconds(55));
        let left = left_at(&world, "eu");
        assert!(left < 17.0, "left at {left}");
        // It is drained for two seconds; what is left of it after that is probes.
        let well = left + until_well(&world, left, left + 10.0);
        assert!(well <= left + 3.0, "left at {left}, well at {well}");
        // Whenever nothing is known any more it is tried again, by the ramp.
        assert!(world.measured().between(left + 3.0, 69.0).errors() < 0.01);
        let most = 70.0 / 10.0 + 1.0;
        assert!(times_left(&world, "eu") as f64 <= most, "I-25: {:?}", transitions(&world, "eu"));
        ends_balanced(world);
    });
}
