//! Several regions die, or all.

use super::*;

#[test]
fn the_last_of_three_takes_all() {
    both(|swap| {
        let mut world = RegionWorld::new(6, regions(&[("ap", 2), ("eu", 0), ("us", 1)]));
        world.demand(600.0);
        run(&mut world, seconds(5));
        world.fault("eu", None, Fault::FAILS);
        world.fault("us", None, Fault::Hole);
        run(&mut world, seconds(1));
        swap.here(&world);
        run(&mut world, seconds(9));
        let later = world.measured().between(7.0, 14.0);
        assert!(later.errors() < 0.01, "{later:?}");
        assert_eq!((later.load("eu").sent, later.load("us").sent), (0, 0));
        ends_balanced(world);
    });
}

/// I-21: where every region looks dead all are as good, the first rank first, and nobody is refused for it.
#[test]
fn where_all_look_dead_traffic_goes_by_rank() {
    both(|swap| {
        let mut world = RegionWorld::new(7, regions(&[("eu", 0), ("us", 1)]));
        world.demand(500.0);
        run(&mut world, seconds(5));
        world.fault("eu", None, Fault::FAILS);
        world.fault("us", None, Fault::FAILS);
        run(&mut world, seconds(3));
        swap.here(&world);
        run(&mut world, seconds(7));
        let dead = world.measured().between(6.0, 15.0);
        assert_eq!(dead.refused(), 0, "{dead:?}");
        // Retries try the other.
        assert!(dead.share("eu") > 0.8, "{dead:?}");
        world.fault("eu", None, Fault::None);
        world.fault("us", None, Fault::None);
        run(&mut world, seconds(5));
        let back = world.measured().between(15.1, 19.5);
        assert!(back.errors() < 0.01, "{back:?}");
        assert_eq!(back.refused(), 0, "{back:?}");
        ends_balanced(world);
    });
}

/// Where all look dead, the first that comes back is found, whatever its rank.
#[test]
fn a_later_rank_that_comes_back_first_is_found() {
    both(|swap| {
        let spec = regions(&[("eu", 0), ("us", 1)]).outlier(Outlier::default().times(seconds(3), seconds(6)));
        let mut world = RegionWorld::new(17, spec);
        world.demand(500.0);
        run(&mut world, seconds(5));
        world.fault("eu", None, Fault::FAILS);
        world.fault("us", None, Fault::FAILS);
        run(&mut world, seconds(5));
        swap.here(&world);
        world.fault("us", None, Fault::None);
        run(&mut world, seconds(10));
        let later = world.measured().between(15.0, 19.0);
        assert!(later.errors() < 0.01, "{later:?}");
        assert!(later.share("us") > 0.95, "{later:?}");
        ends_balanced(world);
    });
}
