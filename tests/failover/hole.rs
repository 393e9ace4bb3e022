//! One endpoint of five is a black hole.

use super::*;
use contraflow::Limit;

fn in_trouble(mut spec: TableSpec, patience: Option<Duration>, swap: Swap) -> RegionWorld {
    spec = spec.outlier(Outlier::default().times(seconds(5), seconds(20)));
    for region in &mut spec.cluster_mut("shop").expect("there is one").regions {
        region.limit = Some(Limit::adaptive());
    }
    let mut world = RegionWorld::new(12, spec);
    world.patience(patience);
    world.demand(500.0);
    run(&mut world, seconds(20));
    let before = status(&world, "eu").limit.expect("it has one").limit;
    world.fault("eu", Some("eu-2"), Fault::Hole);
    run(&mut world, millis(300));
    swap.here(&world);
    run(&mut world, millis(2700));
    let ejected = ejections(&world, "eu");
    assert!(ejected.iter().all(|(_, endpoint)| endpoint == "eu-2"), "{ejected:?}");
    assert!(ejected.first().is_some_and(|(at, _)| *at < 21.5), "{ejected:?}");
    assert_eq!(health(&world, "eu", "eu-2"), EndpointHealth::Ejected);
    run(&mut world, seconds(10));
    let after = status(&world, "eu").limit.expect("it has one").limit;
    assert!(after * 10 >= before * 9, "the limit of the others went from {before} to {after}");
    assert!(transitions(&world, "eu").is_empty(), "four of five carry all");
    let later = world.measured().between(23.0, 32.0);
    assert!(later.errors() < 0.005, "{later:?}");
    assert_eq!(later.load("us").sent, 0, "I-20: {later:?}");
    world.fault("eu", Some("eu-2"), Fault::None);
    run(&mut world, seconds(25));
    assert_eq!(health(&world, "eu", "eu-2"), EndpointHealth::Well);
    assert_eq!(world.measured().between(50.0, 57.0).load("us").sent, 0);
    world
}

/// I-30, I-42: it is found and left out, probes bring it back, and the others' limit knows nothing of it.
#[test]
fn a_black_hole_among_five_is_ejected_and_probed_back() {
    both(|swap| ends_balanced(in_trouble(regions(&[("eu", 0), ("us", 1)]), None, swap)));
}

/// I-57: callers who go away after 200 ms would hide it if an old cancel said nothing.
#[test]
fn callers_who_go_away_do_not_hide_a_black_hole() {
    both(|swap| {
        let mut spec = regions(&[("eu", 0), ("us", 1)]);
        let route = spec.route_mut("all").expect("there is one");
        (route.knobs.retry, route.knobs.deadline) = (None, Some(seconds(15)));
        let world = in_trouble(spec, Some(millis(200)), swap);
        let all = world.measured().all();
        assert!(all.left > 0, "{all:?}");
        assert_eq!(all.failed, 0, "{all:?}");
        ends_balanced(world);
    });
}

/// I-24: another rank is no reason to forget who is ejected.
#[test]
fn a_region_of_another_rank_keeps_its_ejections() {
    let mut world = RegionWorld::new(13, regions(&[("eu", 0), ("us", 1)]));
    world.demand(500.0);
    world.fault("eu", Some("eu-0"), Fault::FAILS);
    run(&mut world, seconds(5));
    assert_eq!(health(&world, "eu", "eu-0"), EndpointHealth::Ejected);
    let known = status(&world, "eu").endpoints;
    let published = world.traffic().edit(|spec| {
        let shop = spec.cluster_mut("shop")?;
        (shop.region_mut("eu")?.rank, shop.region_mut("us")?.rank) = (1, 0);
        shop.region_mut("eu")?.weight = 7;
        Ok(())
    });
    published.expect("a sound table");
    assert_eq!(health(&world, "eu", "eu-0"), EndpointHealth::Ejected);
    for (before, after) in known.iter().zip(&status(&world, "eu").endpoints) {
        assert_eq!((before.health, before.in_flight, before.failures), (after.health, after.in_flight, after.failures));
        assert_eq!(before.response_time, after.response_time);
    }
    run(&mut world, seconds(5));
    assert_eq!(health(&world, "eu", "eu-0"), EndpointHealth::Ejected);
    assert_eq!(ejections(&world, "eu").len(), 1);
    assert_eq!(world.measured().between(5.2, 10.0).load("eu").sent, 0, "it is the second now");
    ends_balanced(world);
}
