//! Users stay where they are.

use super::*;
use contraflow::{Scope, Sticky};

/// I-11, I-55: of three regions of one rank one dies: its users go, and theirs alone; then they come back, and no others move.
#[test]
fn users_of_other_regions_do_not_move() {
    both(|swap| {
        let mut spec = regions(&[("ap", 0), ("eu", 0), ("us", 0)]);
        spec.route_mut("all").expect("there is one").sticky = Some(Sticky::caller().scope(Scope::Region));
        spec = spec.outlier(Outlier::default().times(seconds(3), seconds(6)));
        let mut world = RegionWorld::new(14, spec);
        world.users(300);
        world.demand(600.0);
        run(&mut world, seconds(10));
        assert_eq!(world.measured().all().moved(), 0);
        world.fault("eu", None, Fault::FAILS);
        run(&mut world, seconds(2));
        swap.here(&world);
        run(&mut world, seconds(8));
        let gone = world.measured().between(10.0, 20.0);
        assert!(gone.moved() > 50, "{gone:?}");
        assert!(gone.moved.keys().all(|(from, _)| from == "eu"), "{:?}", gone.moved);
        world.fault("eu", None, Fault::None);
        run(&mut world, seconds(60));
        assert_eq!(status(&world, "eu").phase, RegionPhase::Up);
        let back = world.measured().between(20.0, 80.0);
        let ways = |(from, to): &(String, String)| from == "eu" || to == "eu";
        assert!(back.moved.keys().all(ways), "{:?}", back.moved);
        // All that went came back.
        assert_eq!(world.measured().between(70.0, 80.0).moved(), 0);
        ends_balanced(world);
    });
}
