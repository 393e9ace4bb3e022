//! A region comes back with cold caches.

use super::*;

/// I-26, I-30: the share never rises faster than the ramp says, however well the region is.
#[test]
fn a_region_that_returns_cold_gets_its_part_by_the_ramp() {
    both(|swap| {
        let spec = regions(&[("eu", 0), ("us", 1)]).outlier(Outlier::default().times(seconds(3), seconds(6)));
        let mut world = RegionWorld::new(5, spec);
        world.capacity("eu", 4);
        world.demand(800.0);
        run(&mut world, seconds(5));
        world.fault("eu", None, Fault::FAILS);
        run(&mut world, seconds(10));
        world.fault("eu", None, Fault::Cold { slow: 5.0, answers: 300 });
        run(&mut world, seconds(25));
        swap.here(&world);
        run(&mut world, seconds(35));
        let returning = transitions(&world, "eu").into_iter().find(|(_, _, to)| *to == RegionPhase::Returning);
        let returning = returning.expect("it returns").0;
        assert_eq!(status(&world, "eu").phase, RegionPhase::Up, "{:?}", transitions(&world, "eu"));
        for tenth in 0..300 {
            let at = f64::from(tenth) / 10.0;
            let slice = world.measured().between(returning + at, returning + at + 0.5);
            // At the end of the half second, and three standard deviations of a share of 400.
            let most = (at + 0.6) / 20.0;
            assert!(slice.share("eu") <= most.min(1.0) + 0.08, "{} after {at}: {slice:?}", slice.share("eu"));
        }
        let back = world.measured().between(returning, returning + 25.0);
        assert!(back.errors() < 0.01, "{}", back.errors());
        assert!(world.measured().between(returning + 21.0, returning + 25.0).load("us").sent == 0);
        ends_balanced(world);
    });
}
