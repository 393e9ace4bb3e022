//! What goes wrong, and when.
//!
//! Each of the regions has five servers with four workers, and answers take 10 ms: 2000 a second at most, and 1600 declared. All
//! that comes goes to `eu` while that is well.

use crate::readings::read;
use crate::rules::Rules;
use crate::shared::figures::{Experiment, MANY, Rows};
use contraflow::Ratio;
use contraflow::testing::{Fault, RegionWorld};
use contraflow::time::Instant;
use std::time::Duration;

/// What a region declares.
const DECLARED: u32 = 1600;

/// When the trouble begins, in seconds.
const ONSET: u64 = 15;

pub(crate) const ALL: [Experiment<Rules>; 7] = [
    scenario("hole", "the first of three regions answers nobody any more; 1000 a second", hole),
    scenario("fails", "it refuses connections", fails),
    scenario("grey", "it takes three times as long and fails 30%", grey),
    scenario("flaps", "it refuses connections every other half second, for a minute", flaps),
    scenario("cold", "it is gone for 20 s and returns cold, eight times as slow", cold),
    scenario("two", "it and the second refuse connections", two),
    scenario("small", "it refuses connections, and twice what one region takes comes", small),
];

const fn scenario(name: &'static str, about: &'static str, run: fn(Rules, u64) -> Rows) -> Experiment<Rules> {
    Experiment { name, about, seeds: MANY, run }
}

fn begin(rules: Rules, seed: u64, per_second: f64) -> RegionWorld {
    let mut world = RegionWorld::new(seed, rules.spec(DECLARED));
    for region in ["eu", "us", "ap"] {
        world.capacity(region, 4);
    }
    world.demand(per_second);
    world.run_for(Duration::from_secs(ONSET));
    world
}

fn end(mut world: RegionWorld, seconds: u64, survivors: &[&str]) -> Rows {
    let passed = world.now().since(Instant::START);
    world.run_for(Duration::from_secs(ONSET + seconds).saturating_sub(passed));
    // Those that came at the end get their answers.
    world.demand(0.0);
    world.run_for(Duration::from_secs(2));
    read(&world, ONSET as f64, (ONSET + seconds) as f64, f64::from(DECLARED), survivors)
}

fn once(rules: Rules, seed: u64, fault: Fault) -> Rows {
    let mut world = begin(rules, seed, 1000.0);
    world.fault("eu", None, fault);
    end(world, 60, &["us"])
}

fn hole(rules: Rules, seed: u64) -> Rows {
    once(rules, seed, Fault::Hole)
}

fn fails(rules: Rules, seed: u64) -> Rows {
    once(rules, seed, Fault::FAILS)
}

fn grey(rules: Rules, seed: u64) -> Rows {
    once(rules, seed, Fault::Grey { slow: 3.0, fails: Ratio::percent(30) })
}

fn flaps(rules: Rules, seed: u64) -> Rows {
    let mut world = begin(rules, seed, 1000.0);
    for half in 0..120 {
        world.fault("eu", None, if half % 2 == 0 { Fault::FAILS } else { Fault::None });
        world.run_for(Duration::from_millis(500));
    }
    end(world, 60, &["us"])
}

fn cold(rules: Rules, seed: u64) -> Rows {
    let mut world = begin(rules, seed, 1000.0);
    world.fault("eu", None, Fault::FAILS);
    world.run_for(Duration::from_secs(20));
    world.fault("eu", None, Fault::Cold { slow: 8.0, answers: 4000 });
    end(world, 300, &["us"])
}

fn two(rules: Rules, seed: u64) -> Rows {
    let mut world = begin(rules, seed, 1000.0);
    world.fault("eu", None, Fault::FAILS);
    world.fault("us", None, Fault::FAILS);
    end(world, 60, &["ap"])
}

fn small(rules: Rules, seed: u64) -> Rows {
    let mut world = begin(rules, seed, 1500.0);
    world.fault("eu", None, Fault::FAILS);
    world.run_for(Duration::from_secs(1));
    world.demand(3200.0);
    end(world, 60, &["us", "ap"])
}
