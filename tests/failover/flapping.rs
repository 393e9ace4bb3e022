//! A region comes and goes.

use super::*;

/// I-25: at most one transition for each hold of time, whatever the region does.
#[test]
fn a_region_that_flaps_each_second_is_left_once_for_each_hold() {
    both(|swap| {
        // Endpoints are back at once: only the hold of their region keeps it from following each swing.
        let spec = regions(&[("eu", 0), ("us", 1)]).outlier(Outlier::default().times(millis(200), millis(200)));
        let mut world = RegionWorld::new(4, spec);
        world.demand(500.0);
        run(&mut world, seconds(5));
        for second in 0..60 {
            world.fault("eu", None, Fault::FAILS);
            run(&mut world, millis(500));
            world.fault("eu", None, Fault::None);
            run(&mut world, millis(500));
            if second == 30 {
                swap.here(&world);
            }
        }
        let left = times_left(&world, "eu");
        assert!((1..=7).contains(&left), "I-25: {:?}", transitions(&world, "eu"));
        let after = world.measured().between(6.0, 65.0);
        assert!(after.errors() < 0.01, "{}", after.errors());
        ends_balanced(world);
    });
}
