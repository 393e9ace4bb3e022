//! Where an attempt goes that follows others.

use super::*;
use contraflow::table::Scope;
use contraflow::{Maglev, Pick, Sticky};

const PICKS: [Pick; 5] = [
    Pick::Random,
    Pick::RoundRobin,
    Pick::LeastInFlight,
    Pick::PeakEwma,
    Pick::Maglev(Maglev { size: Some(1021), max_load_percent: None }),
];

/// What is chosen, and whether its record decides it again.
#[derive(Default)]
struct Choices(Mutex<Vec<Choice>>);

#[derive(Clone, Debug)]
struct Choice {
    attempt: u32,
    region: String,
    endpoint: String,
    is_repeated: bool,
}

impl Choices {
    fn take(&self) -> Vec<Choice> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }
}

impl Observer for Choices {
    fn decision(&self, snapshot: &Snapshot, decision: &Decision) {
        let names = snapshot.describe(decision).expect("its own decision");
        // Whatever the key, it is one of these.
        let is_repeated = (0..16).any(|number| snapshot.replay(&facts(number), decision) == Some(Ok(*decision)));
        self.0.lock().expect("no panic").push(Choice {
            attempt: decision.attempt(),
            region: names.region().to_string(),
            endpoint: names.endpoint().name().to_string(),
            is_repeated,
        });
    }
}

/// Regions: rank, weight, and the weights of their endpoints.
type Regions = Vec<(u32, u32, Vec<u32>)>;

fn regions() -> impl Strategy<Value = Regions> {
    let weight = || prop_oneof![1 => Just(0_u32), 4 => 1..4_u32];
    vec((0..3_u32, weight(), vec(weight(), 1..4)), 1..4)
        .prop_filter("somebody takes it", |regions| {
            regions.iter().any(|(_, weight, endpoints)| *weight > 0 && endpoints.iter().any(|weight| *weight > 0))
        })
        .prop_map(|mut regions| {
            // A region without a usable endpoint is refused where the table is built.
            for (_, _, endpoints) in &mut regions {
                if endpoints.iter().all(|weight| *weight == 0) {
                    endpoints[0] = 1;
                }
            }
            if regions.iter().all(|(_, weight, _)| *weight == 0) {
                regions[0].1 = 1;
            }
            regions
        })
}

fn region_name(place: usize) -> String {
    format!("r{place}")
}

fn endpoint_name(region: usize, endpoint: usize) -> &'static str {
    NAMES[region * 3 + endpoint]
}

/// Where another attempt may go, in the plainest words.
struct Naive<'a> {
    regions: &'a Regions,
    out: &'a [bool],
    tried: &'a [(usize, &'static str)],
}

impl Naive<'_> {
    /// What may be used at all, by region.
    fn usable(&self) -> Vec<(usize, &'static str)> {
        let of = |(region, (_, weight, endpoints)): (usize, &(u32, u32, Vec<u32>))| {
            let is_out = *weight == 0 || self.out[region];
            let usable = endpoints.iter().enumerate().filter(move |(_, weight)| !is_out && **weight > 0);
            usable.map(move |(endpoint, _)| (region, endpoint_name(region, endpoint))).collect::<Vec<_>>()
        };
        self.regions.iter().enumerate().flat_map(of).collect()
    }

    fn allowed(&self, leave_region: LeaveRegion) -> Vec<(usize, &'static str)> {
        let usable = self.usable();
        let Some((last, _)) = self.tried.last().copied() else { return usable };
        let is_tried = |place: &(usize, &'static str)| self.tried.contains(place);
        let in_tried = |place: &(usize, &'static str)| self.tried.iter().any(|(region, _)| *region == place.0);
        let only = |keep: &dyn Fn(&(usize, &'static str)) -> bool| -> Vec<_> {
            usable.iter().copied().filter(|place| keep(place)).collect()
        };
        let here = only(&|place| place.0 == last && !is_tried(place));
        let here_again = only(&|place| place.0 == last);
        let elsewhere = only(&|place| !in_tried(place));
        let untried = only(&|place| !is_tried(place));
        let in_last = self.tried.iter().filter(|(region, _)| *region == last).count();
        let leaves = leave_region == LeaveRegion::Always || in_last > 1 || self.out[last];
        let tiers = match leave_region {
            LeaveRegion::Never => vec![here, here_again],
            _ if leaves => vec![elsewhere, untried, usable.clone()],
            _ => vec![here, elsewhere, untried, usable.clone()],
        };
        tiers.into_iter().find(|tier| !tier.is_empty()).unwrap_or_default()
    }
}

proptest! {
    #![proptest_config(config(400))]

    /// I-55, I-58, I-07: among what the route allows, no tried endpoint is asked while there is an untried one, and no tried
    /// region likewise; evacuated ones and those of weight zero never are; where nothing is allowed the retry is given up; and the
    /// record of each decision decides it again.
    #[test]
    fn what_was_tried_is_avoided_for_as_long_as_there_is_anything_else(
        shape in select(&SHAPES[..]),
        seed: u64,
        regions in regions(),
        leave_region in select(&[LeaveRegion::OnEvidence, LeaveRegion::Always, LeaveRegion::Never][..]),
        attempts in 2..9_u32,
        pick in select(&PICKS[..]),
        scope in proptest::option::of(select(&[Scope::Cluster, Scope::Region, Scope::Endpoint][..])),
        moves in vec(proptest::option::weighted(0.3, (0..3_usize, any::<bool>())), 8),
        number in 0..16_u64,
    ) {
        let backoff = Backoff { base: ms(10), max: ms(10), jitter: Jitter::Equal };
        let retry = Retry::default().attempts(attempts).leave_region(leave_region).backoff(backoff);
        let spec = TableSpec::new()
            .cluster("post", |cluster| {
                let cluster = cluster.retry_budget(RetryBudget::allow_unbounded());
                regions.iter().enumerate().fold(cluster, |cluster, (place, (rank, weight, endpoints))| {
                    cluster.region(region_name(place), |region| {
                        endpoints.iter().enumerate().fold(region.rank(*rank).weight(*weight), |region, (at, weight)| {
                            region.endpoint_with(endpoint_name(place, at), "a:1", |endpoint| endpoint.weight(*weight))
                        })
                    })
                })
            })
            .route("letters", |route| {
                let route = route.any().to("post").pick(pick).retry(retry);
                match scope {
                    Some(scope) => route.sticky(Sticky::caller().scope(scope)),
                    None => route,
                }
            });
        prop_assume!(spec.clone().build().is_ok());
        let mut world = World::of(shape, seed, spec);
        let choices = Arc::new(Choices::default());
        world.traffic.observe(choices.clone());
        world.all(Step::Fail("on fire"), 9);
        let mut out = vec![false; regions.len()];
        let mut tried: Vec<(usize, &'static str)> = Vec::new();
        let mut called = world.call(letter(number));
        for change in moves {
            let polled = called.poll();
            for choice in choices.take() {
                prop_assert!(choice.is_repeated, "{choice:?} is decided otherwise again");
                let naive = Naive { regions: &regions, out: &out, tried: &tried };
                let allowed = naive.allowed(leave_region);
                let chosen = *naive.usable().iter().find(|(_, name)| *name == choice.endpoint).expect("it may be used");
                prop_assert_eq!(&choice.region, &region_name(chosen.0));
                prop_assert!(allowed.contains(&chosen), "{chosen:?} after {tried:?}, where {allowed:?}");
                prop_assert_eq!(choice.attempt as usize, tried.len());
                tried.push(chosen);
            }
            if let Poll::Ready(answer) = polled {
                let why = if let Err(Error::GaveUp(gave_up)) = answer { Some(gave_up.why()) } else { None };
                let naive = Naive { regions: &regions, out: &out, tried: &tried };
                if tried.len() < attempts as usize {
                    prop_assert!(naive.allowed(leave_region).is_empty(), "{why:?} after {tried:?}");
                    prop_assert_eq!(why, Some(GiveUp::Refused(Reason::NoEndpoint)));
                } else {
                    prop_assert_eq!(why, Some(GiveUp::Attempts { made: attempts }));
                }
                break;
            }
            if let Some((region, is_out)) = change.filter(|(region, _)| *region < regions.len()) {
                let name = region_name(region);
                out[region] = is_out;
                let moved = if is_out {
                    world.traffic.evacuate(&name, ms(3_600_000))
                } else {
                    world.traffic.readmit(&name)
                };
                moved.expect("a region");
            }
            world.hand.advance(ms(10));
        }
        prop_assert_eq!(world.taken().len(), tried.len());
    }
}

/// I-55: an evacuation in the middle of a wait is evidence, and obeyed by a retry of an older table too.
#[test]
fn a_region_that_is_taken_out_while_a_retry_waits_is_left() {
    for shape in SHAPES {
        let backoff = Backoff::from(ms(100)).jitter(Jitter::Equal);
        let mut world = World::new(shape, 1, |route| route.retry(Retry::default().backoff(backoff)));
        world.all_once(Step::Fail("on fire"));
        let mut called = world.started(letter(1));
        assert!("abc".contains(&world.names()[0]));
        world.forget();
        let before = world.traffic.snapshot().table().clone();
        world.traffic.publish(before).expect("nobody else publishes");
        world.traffic.evacuate("eu", ms(60_000)).expect("a region");
        world.hand.advance(ms(100));
        assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Fine)));
        assert!("de".contains(&world.names()[0]), "{shape:?}");
    }
}

/// I-01: a retry is decided by the table that its request came by, whatever was published since.
#[test]
fn a_retry_is_decided_by_its_own_requests_table() {
    for shape in SHAPES {
        let backoff = Backoff::from(ms(100)).jitter(Jitter::Equal);
        let mut world = World::new(shape, 1, |route| route.retry(Retry::default().backoff(backoff)));
        world.all_once(Step::Fail("on fire"));
        let mut called = world.started(letter(1));
        world.forget();
        let other = TableSpec::new()
            .cluster("post", |c| c.region("eu", |r| r.endpoint("i", "i:1")))
            .route("letters", |r| r.any().to("post"));
        world.traffic.publish(other.build().expect("a sound table")).expect("nobody else publishes");
        world.hand.advance(ms(100));
        assert_eq!(called.poll(), Poll::Ready(Ok(Reply::Fine)));
        assert!("abc".contains(&world.names()[0]), "{shape:?}");
        let mut next = world.call(letter(2));
        assert_eq!(next.poll(), Poll::Ready(Ok(Reply::Fine)));
        assert_eq!(world.names(), ["i"]);
    }
}
