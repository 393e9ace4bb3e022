//! A kind of requests keeps its part of the limit, and lends what it does not use.

use super::*;

/// Gold is promised 60%, silver 20%; tin is promised nothing.
fn parts(limit: Limit) -> Limit {
    let path = |path| [Match::new().path_prefix(path)];
    limit.partition("gold", Ratio::percent(60), path("/gold")).partition("silver", Ratio::percent(20), path("/silver"))
}

fn spec(is_route: bool, limit: Limit) -> TableSpec {
    let spec = if is_route { one_region(same, |r| r.limit(limit)) } else { one_region(|c| c.limit(limit), same) };
    spec.deadline(Duration::MAX)
}

fn status(is_route: bool, traffic: &Traffic) -> LimitStatus {
    if is_route { route_limit(traffic) } else { region_limit(traffic, "eu") }
}

/// In flight, of gold and of silver.
fn in_parts(status: &LimitStatus) -> [u32; 2] {
    let of = |name: &str| status.partitions.iter().find(|one| one.name == name).expect("a partition").in_flight;
    ["gold", "silver"].map(of)
}

/// Runs for the route's limit and the region's, in each shape.
fn everywhere(limit: &Limit, run: impl Fn(bool, Traffic, ManualClock, Backends, Post)) {
    for is_route in [true, false] {
        for shape in SHAPES {
            let (traffic, hand) = traffic(spec(is_route, limit.clone()));
            let backends = Backends::new(&Step::Hold(1));
            let post = post(shape, &traffic, &backends);
            run(is_route, traffic, hand, backends, post);
        }
    }
}

/// I-39: what nobody uses of a guarantee others borrow; the limit is the limit of all together; and a guarantee is its part
/// of the limit, rounded up.
#[test]
fn a_partition_borrows_what_nobody_uses_and_never_beyond_the_limit() {
    everywhere(&parts(Limit::fixed(7)), |is_route, traffic, _, _, mut post| {
        let status = || status(is_route, &traffic);
        let guarantees: Vec<_> = status().partitions.iter().map(|one| (one.name.clone(), one.guarantee)).collect();
        assert_eq!(guarantees, [("gold".into(), 5), ("silver".into(), 2)]);
        let all_silver: Vec<_> = (0..7).map(|_| started(&mut post, letter_to("/silver"))).collect();
        assert_eq!((in_parts(&status()), status().in_flight), ([0, 7], 7));
        let rejected = call(&mut post, letter_to("/silver")).refused();
        assert_eq!(rejected.reason(), Reason::Partition, "it has had its part, and there is nothing to borrow");
        assert_eq!(call(&mut post, letter_to("/tin")).reason(), Reason::Limit);
        assert_eq!(call(&mut post, letter_to("/gold")).reason(), Reason::Limit, "not its part, but all is used");
        assert_eq!((status().refused_by_partition, status().refused_by_limit), (1, 2));
        drop(all_silver);
        assert_idle(&traffic);
    });
}

/// I-39: what becomes free goes to who is below its guarantee, whoever asks meanwhile, and then to all again.
#[test]
fn the_next_free_place_is_kept_for_whom_it_was_promised() {
    everywhere(&parts(Limit::fixed(5)), |is_route, traffic, _, _, mut post| {
        let mut silver: Vec<_> = (0..5).map(|_| started(&mut post, letter_to("/silver"))).collect();
        assert_eq!(call(&mut post, letter_to("/gold")).reason(), Reason::Limit);
        silver.truncate(3);
        // There is room for two, and it is kept.
        assert_eq!(call(&mut post, letter_to("/silver")).reason(), Reason::Partition);
        assert_eq!(call(&mut post, letter_to("/tin")).reason(), Reason::Priority);
        let of_critical = Letter { path: "/tin", ..letter_of(Priority::Critical) };
        assert_eq!(call(&mut post, of_critical).reason(), Reason::Priority, "a promise outranks all priorities");
        assert_eq!(status(is_route, &traffic).in_flight, 3);
        let gold = started(&mut post, letter_to("/gold"));
        assert_eq!(in_parts(&status(is_route, &traffic)), [1, 3]);
        let tin = started(&mut post, letter_to("/tin"));
        drop((gold, tin, silver));
        assert_idle(&traffic);
    });
}

/// I-39: what is kept for a partition that does not come is not kept for ever.
#[test]
fn what_is_kept_for_nobody_is_free_again() {
    everywhere(&parts(Limit::fixed(2)), |_, _, hand, _, mut post| {
        let mut tin: Vec<_> = (0..2).map(|_| started(&mut post, letter_to("/tin"))).collect();
        call(&mut post, letter_to("/gold")).refused();
        tin.truncate(1);
        let rejected = call(&mut post, letter_to("/tin")).refused();
        // A normal request is three ranks below a promise.
        assert_eq!(rejected.retry_after(), Some(ms(300)));
        hand.advance(ms(299));
        assert_eq!(call(&mut post, letter_to("/tin")).reason(), Reason::Priority);
        hand.advance(ms(1));
        started(&mut post, letter_to("/tin"));
    });
}

/// I-39: in a queue the place goes to who is below its guarantee, though others came first.
#[test]
fn in_a_queue_a_promise_goes_first() {
    everywhere(&parts(Limit::fixed(2).queue(patient(8))), |_, traffic, _, backends, mut post| {
        let numbered = |number, path| Letter { number, ..letter_to(path) };
        let mut calls: Vec<_> = (0..2).map(|number| started(&mut post, numbered(number, "/tin"))).collect();
        for (number, path) in [(2, "/tin"), (3, "/silver"), (4, "/gold"), (5, "/gold"), (6, "/gold")] {
            calls.push(started(&mut post, numbered(number, path)));
        }
        backends.delivered();
        let mut served = Vec::new();
        while !calls.is_empty() {
            backends.of("a").release_one();
            calls.retain_mut(Polled::waits);
            served.extend(backends.delivered().into_iter().map(|(_, number)| number));
        }
        // Of the two, gold is promised two and silver one: in their order until each has its part.
        assert_eq!(served, [3, 4, 5, 6, 2]);
        assert_idle(&traffic);
    });
}

/// I-39: a table that adds, removes and renames partitions leaves what is in flight where it was counted.
#[test]
fn partitions_come_and_go_and_what_is_in_flight_stays_counted() {
    everywhere(&parts(Limit::fixed(10)), |is_route, traffic, _, _, mut post| {
        let publish = |limit: Limit| {
            traffic.publish(spec(is_route, limit).build().expect("a sound table")).expect("nothing refuses");
        };
        let mut calls = vec![started(&mut post, letter_to("/gold")), started(&mut post, letter_to("/silver"))];
        let only = |name| Limit::fixed(10).partition(name, Ratio::percent(30), [Match::new().path_prefix("/gold")]);
        publish(only("gold"));
        calls.push(started(&mut post, letter_to("/gold")));
        let now = status(is_route, &traffic);
        assert_eq!((now.partitions.len(), now.partitions[0].in_flight, now.partitions[0].guarantee), (1, 2, 3));
        publish(only("platinum"));
        calls.push(started(&mut post, letter_to("/gold")));
        let now = status(is_route, &traffic);
        assert_eq!((now.partitions[0].name.as_str(), now.partitions[0].in_flight), ("platinum", 1));
        publish(Limit::fixed(10));
        calls.push(started(&mut post, letter_to("/gold")));
        publish(parts(Limit::fixed(10)));
        let now = status(is_route, &traffic);
        assert_eq!((in_parts(&now), now.in_flight), ([2, 1], 5));
        drop(calls);
        assert_idle(&traffic);
    });
}

/// I-39: the partitions of a cluster's limit are each region's, also of one with a number of its own.
#[test]
fn each_region_keeps_the_clusters_partitions() {
    let mut spec = two_regions(|c| c.limit(parts(Limit::fixed(10))), same);
    spec.clusters[0].regions[1].limit = Some(Limit::fixed(5));
    let (traffic, _) = traffic(spec);
    let guarantees = |name| region_limit(&traffic, name).partitions.iter().map(|one| one.guarantee).collect::<Vec<_>>();
    assert_eq!((guarantees("eu"), guarantees("us")), (vec![6, 2], vec![3, 1]));
}

const PATHS: [&str; 3] = ["/gold", "/silver", "/tin"];

proptest! {
    #![proptest_config(config(256))]

    /// I-39: whatever comes and goes, the total is never above the limit, and who is below its guarantee is refused only while
    /// everything is in use.
    #[test]
    fn nobody_is_refused_below_its_guarantee_while_there_is_room(
        is_route: bool,
        shape in select(&SHAPES[..]),
        limit in 1..8_u32,
        acts in vec((0..4_usize, any::<usize>(), 0..120_u64), 0..80),
    ) {
        let (traffic, hand) = traffic(spec(is_route, parts(Limit::fixed(limit))));
        let mut post = post(shape, &traffic, &Backends::new(&Step::Hold(1)));
        let mut calls = Vec::new();
        for (kind, which, time) in acts {
            hand.advance(ms(time));
            let before = status(is_route, &traffic);
            if kind == 3 {
                if !calls.is_empty() {
                    drop(calls.swap_remove(which % calls.len()));
                }
                continue;
            }
            let mut called = call(&mut post, letter_to(PATHS[kind]));
            let is_in = called.waits();
            let guarantee = before.partitions.get(kind).map_or(0, |one| one.guarantee);
            let is_below = before.partitions.get(kind).is_some_and(|one| one.in_flight < guarantee);
            prop_assert!(before.in_flight <= limit);
            prop_assert!(!is_in || before.in_flight < limit);
            prop_assert!(is_in || !is_below || before.in_flight == limit, "{} {:?}", PATHS[kind], before);
            if is_in {
                calls.push(called);
            }
        }
        drop(calls);
        assert_idle(&traffic);
    }
}
