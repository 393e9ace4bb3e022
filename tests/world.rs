//! The whole core in virtual time: requests come and go while tables are published, edited and taken back and regions are
//! evacuated, and one seed is one history, to the last field of every decision.
#![cfg(feature = "testing")]

use contraflow::error::Reason;
use contraflow::state::Permit;
use contraflow::table::Region;
use contraflow::testing::World;
use contraflow::time::Instant;
use contraflow::{Decision, Facts, Match, Outcome, Pick, SlowStart, Sticky, Table, TableSpec, Traffic};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const REGIONS: [&str; 3] = ["ap", "eu", "us"];

/// A day in a shop's life, in ten minutes.
struct Shop {
    traffic: Traffic,
    /// Until when each region is out.
    out: BTreeMap<&'static str, Instant>,
    /// Requests in flight, by number.
    open: BTreeMap<u64, Permit>,
    trace: Vec<Seen>,
    requests: u64,
}

/// What happened, and when.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Decided(Instant, Decision, String),
    Refused(Instant, Reason),
    Published(Instant, u64),
    Evacuated(Instant, &'static str),
}

/// Checkout is sticky, the rest is split over a canary; `eu` and `us` serve, `ap` is the reserve.
fn shop(canary: u32, endpoints: u32) -> TableSpec {
    TableSpec::new()
        .cluster("shop", |c| {
            REGIONS
                .into_iter()
                .fold(c, |c, region| {
                    c.region(region, |r| {
                        (0..endpoints).fold(r.rank(u32::from(region == "ap")).weight(2), |r, at| {
                            // The third is there, and never used.
                            let weight = if at == 2 { 0 } else { at + 1 };
                            r.endpoint_with(format!("{region}-{at}"), "10.0.0.1:80", |e| e.weight(weight))
                        })
                    })
                })
                .pick(Pick::PeakEwma)
                .slow_start(SlowStart::over(MINUTE))
        })
        .cluster("canary", |c| {
            c.region("eu", |r| r.endpoint("next-0", "10.1.0.1:80").endpoint("next-1", "10.1.0.2:80"))
        })
        .route("checkout", |r| {
            r.when(Match::new().path_prefix("/checkout")).split([("shop", 9), ("canary", 1)]).sticky(Sticky::caller())
        })
        .route("all", |r| r.any().split([("shop", 100 - canary), ("canary", canary)]).pick(Pick::LeastInFlight))
}

fn table(canary: u32, endpoints: u32) -> Table {
    shop(canary, endpoints).build().expect("sound")
}

impl Shop {
    /// Decides one request and says where it goes; every rule that can be seen from outside is checked on the way.
    fn decide(&mut self, word: u64) -> Option<Permit> {
        let now = self.traffic.now();
        let user = (word % 50).to_string();
        let facts = Facts::path(if word.is_multiple_of(3) { "/checkout/7" } else { "/" }).with_key(user.as_bytes());
        let snapshot = self.traffic.snapshot();
        match snapshot.decide(&facts, self.traffic.draws(), now) {
            Ok(decision) => {
                let names = snapshot.describe(&decision).expect("its own decision");
                let endpoint = names.endpoint();
                assert!(endpoint.weight() > 0, "{} weighs nothing", endpoint.name());
                let out = self.out.get(names.region().as_str());
                assert!(out.is_none_or(|until| now >= *until), "{} is out at {now:?}", names.region());
                let in_table = snapshot.table().cluster(names.cluster().as_str()).expect("it decided");
                let regions = in_table.regions().iter().filter(|region| region.name() == names.region());
                assert!(regions.flat_map(Region::endpoints).any(|one| one.name() == endpoint.name()));
                self.trace.push(Seen::Decided(now, decision, endpoint.name().to_string()));
                snapshot.begin(&decision, now)
            }
            Err(rejected) => {
                // Only the canary has a single region.
                assert_eq!(rejected.reason(), Reason::NoEndpoint);
                assert!(self.out.get("eu").is_some_and(|until| now < *until));
                self.trace.push(Seen::Refused(now, rejected.reason()));
                None
            }
        }
    }

    fn published(&mut self) {
        let generation = self.traffic.snapshot().generation().as_u64();
        self.trace.push(Seen::Published(self.traffic.now(), generation));
    }

    fn in_flight(&self) -> u32 {
        let status = self.traffic.status();
        status.clusters.iter().flat_map(|cluster| &cluster.regions).map(|region| region.in_flight).sum()
    }
}

/// A request: its head comes after a while, its body after another; some fail, some are dropped before any answer.
fn arrive(world: &mut World<Shop>) {
    let word = world.word();
    let Some(permit) = world.state.decide(word) else { return };
    world.state.requests += 1;
    let number = world.state.requests;
    world.state.open.insert(number, permit);
    let head = world.exponential(Duration::from_millis(if number.is_multiple_of(5) { 900 } else { 40 }));
    let body = world.exponential(Duration::from_millis(300));
    let outcome = if number.is_multiple_of(11) { Outcome::Failure } else { Outcome::Success };
    if number.is_multiple_of(13) {
        return world.after(head, move |world| drop(world.state.open.remove(&number)));
    }
    world.after(head, move |world| {
        let now = world.now();
        if let Some(permit) = world.state.open.get_mut(&number) {
            permit.answered(outcome, now);
        }
        world.after(body, move |world| drop(world.state.open.remove(&number)));
    });
}

fn evacuate(world: &mut World<Shop>) {
    let region = REGIONS[world.below(3) as usize];
    let time = world.exponential(Duration::from_secs(20));
    let now = world.now();
    world.state.traffic.evacuate(region, time).expect("a region of the table");
    world.state.out.insert(region, now.after(time));
    world.state.trace.push(Seen::Evacuated(now, region));
}

/// Another canary share, another size of the fleet, or back.
fn operate(world: &mut World<Shop>) {
    let (kind, canary, endpoints) = (world.below(4), world.below(30) as u32, 1 + world.below(4) as u32);
    let traffic = &world.state.traffic;
    let done = match kind {
        0 => traffic.rollback().is_ok(),
        1 => {
            let change = |spec: &mut TableSpec| {
                spec.route_mut("all")?.reweight("canary", canary);
                Ok(())
            };
            traffic.edit(change).is_ok()
        }
        _ => traffic.publish(table(canary, endpoints)).is_ok(),
    };
    if done {
        world.state.published();
    }
}

/// Ten minutes of it.
fn run(seed: u64) -> Shop {
    let mut world = World::new(seed, |sources| Shop {
        traffic: Traffic::with_sources(table(5, 3), sources.clock.clone(), sources.entropy.clone()),
        out: BTreeMap::new(),
        open: BTreeMap::new(),
        trace: Vec::new(),
        requests: 0,
    });
    world.arrivals(20.0, arrive);
    world.arrivals(0.1, operate);
    world.arrivals(0.05, evacuate);
    world.every(Duration::from_secs(7), |world| {
        let open = world.state.open.len() as u32;
        // Those on endpoints that left are not in the table's regions any more, unless the region stayed.
        assert!(world.state.in_flight() <= open, "{} in flight, {open} open", world.state.in_flight());
    });
    world.run_for(10 * MINUTE);
    world.state
}

/// I-59, in part: One seed is one history: every decision, refusal, publish and evacuation, at the same moments.
#[test]
fn one_seed_is_one_history_of_the_whole_core() {
    let history = run(7).trace;
    assert_eq!(run(7).trace, history);
    assert_ne!(run(8).trace, history);
    // Something of each kind happened: 12 000, 60 and 30 are expected.
    let count = |of: fn(&Seen) -> bool| history.iter().filter(|seen| of(seen)).count();
    assert!((11_000..13_000).contains(&count(|seen| matches!(seen, Seen::Decided(..) | Seen::Refused(..)))));
    assert!((30..100).contains(&count(|seen| matches!(seen, Seen::Published(..)))));
    assert!((12..60).contains(&count(|seen| matches!(seen, Seen::Evacuated(..)))));
    assert!(count(|seen| matches!(seen, Seen::Refused(..))) > 0);
}

/// I-02, I-33: Generations only grow, whatever is taken back, and when all requests have ended nothing is in flight.
#[test]
fn whatever_happens_generations_grow_and_every_request_comes_back() {
    for seed in 0..6 {
        let mut shop = run(seed);
        let generations: Vec<_> = shop
            .trace
            .iter()
            .filter_map(|seen| match seen {
                Seen::Decided(_, decision, _) => Some(decision.generation().as_u64()),
                Seen::Published(_, generation) => Some(*generation),
                _ => None,
            })
            .collect();
        assert!(generations.is_sorted(), "seed {seed}");
        shop.open.clear();
        assert_eq!(shop.in_flight(), 0, "seed {seed}");
        shop.traffic.sweep();
        let swept = shop.traffic.sweep();
        assert_eq!((swept.retired, swept.draining), (0, 0), "seed {seed}");
    }
}

/// I-10, I-23: A user of the sticky route stays with one endpoint while neither table nor evacuations change.
#[test]
fn a_user_stays_while_nothing_changes() {
    let mut world = World::new(3, |sources| Shop {
        traffic: Traffic::with_sources(table(5, 3), sources.clock.clone(), sources.entropy.clone()),
        out: BTreeMap::new(),
        open: BTreeMap::new(),
        trace: Vec::new(),
        requests: 0,
    });
    world.arrivals(50.0, arrive);
    let homes = |trace: &[Seen]| {
        let mut homes: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        for seen in trace {
            if let Seen::Decided(_, decision, endpoint) = seen
                && let Some(key) = decision.key_hash()
            {
                homes.entry(key).or_default().insert(endpoint.clone());
            }
        }
        homes
    };
    world.run_for(MINUTE);
    let before = homes(&std::mem::take(&mut world.state.trace));
    assert_eq!(before.len(), 50);
    assert!(before.values().all(|homes| homes.len() == 1), "{before:?}");
    // Out: those who lived there move, the others stay. Back: everybody is home again.
    let moment = world.now().after(MINUTE);
    world.state.traffic.evacuate("us", MINUTE).expect("a region");
    world.state.out.insert("us", moment);
    world.run_until(moment);
    for (key, homes) in homes(&std::mem::take(&mut world.state.trace)) {
        let home = before[&key].first().expect("one");
        assert_eq!(homes.len(), 1);
        assert!(home.starts_with("us") || homes.contains(home), "{home} to {homes:?}");
        assert!(homes.iter().all(|home| !home.starts_with("us")));
    }
    world.run_for(MINUTE);
    assert_eq!(homes(&world.state.trace), before);
}
