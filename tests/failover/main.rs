//! Regions that die, grey out, flap, return and are taken out, under the whole stack in virtual time.
//!
//! Each scenario is run twice: once as it is, once with the table swapped in its middle, which must change nothing of what it says.
#![cfg(feature = "testing")]

mod capacity;
mod dead;
mod evacuated;
mod flapping;
mod grey;
mod hole;
mod return_cold;
mod same;
mod several;
mod users;

use contraflow::state::Change;
use contraflow::testing::{Fault, RegionWorld};
use contraflow::traffic::RegionStatus;
use contraflow::{EndpointHealth, Event, Failover, Outlier, Ratio, RegionPhase, Retry, TableSpec};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Regions of five endpoints each, by rank; failover as by default but for what a test has no time for.
fn regions(ranks: &[(&str, u32)]) -> TableSpec {
    let ranks: Vec<_> = ranks.iter().map(|(name, rank)| (*name, *rank, 5)).collect();
    sized(&ranks)
}

/// The same of other sizes, beside a cluster that nobody asks for.
fn sized(ranks: &[(&str, u32, u32)]) -> TableSpec {
    TableSpec::new()
        .cluster("shop", |c| {
            ranks.iter().fold(c, |c, (name, rank, endpoints)| {
                c.region(*name, |r| {
                    let place = |at| (format!("{name}-{at}"), format!("{name}-{at}:80"));
                    (0..*endpoints).map(place).fold(r.rank(*rank), |r, (name, address)| r.endpoint(name, address))
                })
            })
        })
        .cluster("beside", |c| c.region("eu", |r| r.endpoint("one", "one:80").endpoint("two", "two:80")))
        .route("beside", |r| r.when(contraflow::Match::new().path("/beside")).to("beside"))
        .route("all", |r| r.any().to("shop").deadline(SECOND).retry(Retry::default().per_try(millis(200))))
        .outlier(Outlier::default())
        .failover(Failover::default().hold(seconds(10)).ramp(seconds(20)).drain(seconds(2)))
}

/// Runs a scenario as it is, and once with a table swapped whenever it says that it is in the middle.
fn both(scenario: impl Fn(Swap)) {
    scenario(Swap(false));
    scenario(Swap(true));
}

/// Whether the table is swapped in mid-scenario.
#[derive(Clone, Copy)]
struct Swap(bool);

impl Swap {
    /// The middle of the scenario: another table that differs elsewhere.
    fn here(self, world: &RegionWorld) {
        if self.0 {
            let published = world.traffic().edit(|spec| {
                let weight = &mut spec.cluster_mut("beside")?.region_mut("eu")?.endpoint_mut("one")?.weight;
                *weight += 1;
                Ok(())
            });
            published.expect("a sound table");
        }
    }
}

/// The transitions of a region so far, with their seconds.
fn transitions(world: &RegionWorld, name: &str) -> Vec<(f64, RegionPhase, RegionPhase)> {
    let events = world.events().into_iter().filter_map(|(at, event)| match event {
        Event::Region { region, from, to, .. } if region == *name => Some((second(at), from, to)),
        _ => None,
    });
    events.collect()
}

/// Endpoints of a region that were ejected so far, each time, with their seconds.
fn ejections(world: &RegionWorld, name: &str) -> Vec<(f64, String)> {
    let events = world.events().into_iter().filter_map(|(at, event)| match event {
        Event::Health { region, verdict, .. } if region == *name && matches!(verdict.what, Change::Ejected { .. }) => {
            Some((second(at), verdict.endpoint.to_string()))
        }
        _ => None,
    });
    events.collect()
}

fn second(at: contraflow::time::Instant) -> f64 {
    at.since(contraflow::time::Instant::START).as_secs_f64()
}

/// I-57, I-60: all that was taken is given back, and each request that came is answered, failed, refused or left.
fn ends_balanced(mut world: RegionWorld) {
    assert_eq!(world.settle(), 0, "what is still counted");
    let all = world.measured().all();
    assert_eq!(all.open(), 0, "{all:?}");
    assert_eq!(all.asked(), all.ok + all.failed + all.refused() + all.left, "{all:?}");
}

/// How a region stands.
fn status(world: &RegionWorld, name: &str) -> RegionStatus {
    let shop = world.traffic().status().clusters.into_iter().find(|cluster| cluster.name == *"shop");
    shop.expect("there is one").regions.into_iter().find(|region| region.name == *name).expect("there is one")
}

/// How an endpoint of it stands.
fn health(world: &RegionWorld, region: &str, endpoint: &str) -> EndpointHealth {
    let endpoints = status(world, region).endpoints;
    endpoints.into_iter().find(|one| one.name == *endpoint).expect("there is one").health
}

/// Runs for so long and looks ten times a second whether what must hold at every moment does.
///
/// I-28: at most half of a region's endpoints are ejected, never the last. I-30: at most one probe is under way at each.
fn run(world: &mut RegionWorld, time: Duration) {
    let end = world.now().after(time);
    while world.now() < end {
        world.run_for(millis(100).min(end.since(world.now())));
        let status = world.traffic().status();
        for region in status.clusters.iter().flat_map(|cluster| &cluster.regions) {
            let is_out = |health: EndpointHealth| matches!(health, EndpointHealth::Ejected);
            let ejected = region.endpoints.iter().filter(|one| is_out(one.health)).count();
            assert!(ejected * 2 <= region.endpoints.len(), "I-28: {region:?}");
            assert!(region.endpoints.iter().all(|one| one.probes <= 1), "I-30: {region:?}");
        }
    }
}

/// The seconds from the fault on until less than one in a hundred of the requests of a second fails.
fn until_well(world: &RegionWorld, from: f64, to: f64) -> f64 {
    let steps = ((to - from - 1.0) * 10.0) as usize;
    let is_well = |step: &usize| {
        let at = from + *step as f64 / 10.0;
        world.measured().between(at, at + 1.0).errors() < 0.01
    };
    (0..steps).find(is_well).map_or(f64::INFINITY, |step| step as f64 / 10.0)
}

/// The second of the first event that says that a region is left.
fn left_at(world: &RegionWorld, name: &str) -> f64 {
    let left = transitions(world, name).into_iter().find(|(_, _, to)| *to == RegionPhase::Failing);
    left.expect("it is left").0
}

/// How often a region was left: it was up or came back, and is so no more.
fn times_left(world: &RegionWorld, name: &str) -> usize {
    let was_in = |phase: RegionPhase| matches!(phase, RegionPhase::Up | RegionPhase::Returning);
    let all = transitions(world, name);
    all.iter().filter(|(_, from, to)| *to == RegionPhase::Failing && was_in(*from)).count()
}
