//! Users stay where they are.

use super::*;
use contraflow::{Decision, Observer, Scope, Snapshot, Sticky};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use tokio::sync::Mutex;

/// Where each key was sent while all was well, and how often one of a region that stayed well was sent elsewhere.
#[derive(Default)]
struct Homes {
    of_key: Mutex<HashMap<u64, String>>,
    are_known: AtomicBool,
    moved: AtomicU64,
}

impl Observer for Homes {
    fn decision(&self, snapshot: &Snapshot, decision: &Decision) {
        let (Some(key), Some(names)) = (decision.key_hash(), snapshot.describe(decision)) else { return };
        let mut homes = self.of_key.try_lock().expect("nobody else is here");
        if !self.are_known.load(Relaxed) {
            homes.insert(key, names.region().to_string());
            return;
        }
        let is_away = homes.get(&key).is_some_and(|home| home != "eu" && *names.region() != **home);
        self.moved.fetch_add(u64::from(is_away), Relaxed);
    }
}

fn of_eu((from, to): &(String, String)) -> bool {
    from == "eu" || to == "eu"
}

/// How many moves went such a way.
fn way(world: &RegionWorld, is_meant: impl Fn(&str, &str) -> bool) -> u64 {
    let moved = world.measured().all().moved;
    moved.into_iter().filter(|((from, to), _)| is_meant(from, to)).map(|(_, count)| count).sum()
}

/// I-11, I-55: of three regions of one rank one dies: its users go, and theirs alone; then they come back, and no others move.
#[test]
fn users_of_other_regions_do_not_move() {
    both(|swap| {
        let mut spec = regions(&[("ap", 0), ("eu", 0), ("us", 0)]);
        spec.route_mut("all").expect("there is one").sticky = Some(Sticky::caller().scope(Scope::Region));
        spec = spec.outlier(Outlier::default().times(seconds(3), seconds(6)));
        let mut world = RegionWorld::new(14, spec);
        let homes = Arc::new(Homes::default());
        world.traffic().observe(homes.clone());
        world.users(300);
        world.demand(600.0);
        run(&mut world, seconds(10));
        assert_eq!(world.measured().all().moved(), 0);
        homes.are_known.store(true, Relaxed);
        world.fault("eu", None, Fault::FAILS);
        run(&mut world, seconds(2));
        swap.here(&world);
        run(&mut world, seconds(8));
        let gone = world.measured().between(10.0, 20.0);
        assert!(gone.moved() > 50, "{gone:?}");
        // A probe brings one of its own back for a request.
        assert!(gone.moved.keys().all(of_eu), "{:?}", gone.moved);
        world.fault("eu", None, Fault::None);
        run(&mut world, seconds(60));
        assert_eq!(status(&world, "eu").phase, RegionPhase::Up);
        let back = world.measured().between(20.0, 80.0);
        assert!(back.moved.keys().all(of_eu), "{:?}", back.moved);
        let (to, from) = (way(&world, |_, to| to == "eu"), way(&world, |from, _| from == "eu"));
        assert_eq!(to, from, "all that went came back");
        assert_eq!(world.measured().between(70.0, 80.0).moved(), 0);
        assert_eq!(homes.moved.load(Relaxed), 0, "users of regions that are well were sent elsewhere");
        ends_balanced(world);
    });
}
