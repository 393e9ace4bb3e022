//! A region dies.

use super::*;

fn dies(fault: Fault, swap: Swap) -> RegionWorld {
    let mut world = RegionWorld::new(1, regions(&[("eu", 0), ("us", 1)]));
    world.demand(1000.0);
    run(&mut world, seconds(10));
    assert_eq!(world.measured().all().load("us").sent, 0, "I-17");
    world.fault("eu", None, fault);
    run(&mut world, millis(500));
    swap.here(&world);
    run(&mut world, millis(9500));
    world
}

/// I-17: the next rank is used when this one is dead, and requests fail for less than a second after it was found.
#[test]
fn a_region_that_is_a_black_hole_is_left() {
    both(|swap| {
        let world = dies(Fault::Hole, swap);
        let (left, well) = (left_at(&world, "eu"), 10.0 + until_well(&world, 10.0, 20.0));
        // An attempt has 200 ms.
        assert!(left < 10.3, "left at {left}");
        assert!(well <= left + 1.0, "left at {left}, well at {well}");
        assert_eq!(world.measured().between(11.0, 20.0).load("eu").sent, 0);
        ends_balanced(world);
    });
}

/// I-17: the same where connections are refused.
#[test]
fn a_region_that_refuses_connections_is_left() {
    both(|swap| {
        let world = dies(Fault::FAILS, swap);
        let (left, well) = (left_at(&world, "eu"), 10.0 + until_well(&world, 10.0, 20.0));
        assert!(left < 10.1, "left at {left}");
        assert!(well <= left + 1.0, "left at {left}, well at {well}");
        assert_eq!(world.measured().between(11.0, 20.0).load("eu").sent, 0);
        ends_balanced(world);
    });
}

/// I-57: who observes changes nothing: the shortest way through the layers decides as well, probes and all.
#[test]
fn a_region_that_nobody_observes_is_left_and_comes_back() {
    both(|swap| {
        let spec = regions(&[("eu", 0), ("us", 1)]).outlier(Outlier::default().times(seconds(3), seconds(6)));
        let mut world = RegionWorld::new(2, spec);
        world.stop_observing();
        world.demand(500.0);
        run(&mut world, seconds(5));
        world.fault("eu", None, Fault::FAILS);
        run(&mut world, seconds(5));
        swap.here(&world);
        assert!(world.measured().between(6.0, 10.0).errors() < 0.01);
        world.fault("eu", None, Fault::None);
        run(&mut world, seconds(50));
        assert_eq!(status(&world, "eu").phase, RegionPhase::Up);
        assert_eq!(world.measured().between(59.0, 60.0).load("us").sent, 0);
        assert!(world.events().is_empty());
        ends_balanced(world);
    });
}
