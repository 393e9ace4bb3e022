//! An operator takes a region out.

use super::*;
use contraflow::Evacuation;

/// I-23: all of it at once, for the time that was said, through a swap; and back by the ramp.
#[test]
fn an_evacuated_region_gets_nothing_and_comes_back_by_degrees() {
    both(|swap| {
        let mut world = RegionWorld::new(10, regions(&[("eu", 0), ("us", 1)]));
        world.demand(800.0);
        run(&mut world, seconds(5));
        world.traffic().evacuate("eu", seconds(10)).expect("a region of that name");
        run(&mut world, seconds(4));
        swap.here(&world);
        if swap.0 {
            world.traffic().rollback().expect("there is one before");
        }
        run(&mut world, seconds(36));
        assert_eq!(world.measured().between(5.0, 15.0).load("eu").sent, 0, "I-23");
        for tenth in 0..200 {
            let at = f64::from(tenth) / 10.0;
            let share = world.measured().between(15.0 + at, 15.5 + at).share("eu");
            assert!((share - (at + 0.25) / 20.0).abs() < 0.1, "{share} after {at}");
        }
        assert_eq!(world.measured().between(36.0, 44.0).load("us").sent, 0);
        let all = world.measured().between(0.0, 44.0);
        assert!(all.errors() < 0.001, "{all:?}");
        ends_balanced(world);
    });
}

/// I-23: by degrees, the share goes as it was told to.
#[test]
fn a_region_is_evacuated_by_degrees() {
    both(|swap| {
        let mut world = RegionWorld::new(11, regions(&[("eu", 0), ("us", 1)]));
        world.demand(800.0);
        run(&mut world, seconds(5));
        let evacuation = Evacuation::lasting(seconds(30)).over(seconds(10)).because("a drill");
        world.traffic().evacuate("eu", evacuation).expect("a region of that name");
        run(&mut world, seconds(5));
        swap.here(&world);
        run(&mut world, seconds(10));
        for tenth in 0..95 {
            let at = f64::from(tenth) / 10.0;
            let share = world.measured().between(5.0 + at, 5.5 + at).share("eu");
            assert!((share - 1.0 + (at + 0.25) / 10.0).abs() < 0.1, "{share} after {at}");
        }
        assert_eq!(world.measured().between(15.1, 20.0).load("eu").sent, 0);
        assert!(world.measured().between(0.0, 19.0).errors() < 0.001);
        ends_balanced(world);
    });
}
