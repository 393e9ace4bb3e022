//! A table that changes under traffic changes the knobs of limits, and nothing that was counted or learned.

use super::*;

/// Counts how often it was made, and takes the knobs that it is told to take.
#[derive(Clone, Debug, Default)]
struct Watched {
    made: Arc<AtomicU64>,
    adjusted: Arc<AtomicU64>,
    takes_knobs: bool,
}

/// What it has learned: one more for each answer.
#[derive(Debug)]
struct Learner {
    limit: u32,
    watched: Watched,
}

impl LimitAlgorithm for Learner {
    fn limit(&self) -> u32 {
        self.limit
    }

    fn observe(&mut self, sample: &Sample) {
        self.limit += u32::from(sample.signal == Signal::Success);
    }

    fn adjust(&mut self, knobs: &Algorithm) -> bool {
        self.watched.adjusted.fetch_add(1, Ordering::Relaxed);
        matches!(knobs, Algorithm::Custom(_)) && self.watched.takes_knobs
    }
}

impl Watched {
    fn limit(&self) -> Limit {
        let watched = self.clone();
        Limit::by(move || {
            watched.made.fetch_add(1, Ordering::Relaxed);
            Learner { limit: 10, watched: watched.clone() }
        })
    }

    /// How often it was made, and told of other knobs.
    fn counts(&self) -> (u64, u64) {
        (self.made.load(Ordering::Relaxed), self.adjusted.load(Ordering::Relaxed))
    }
}

fn set_limit(traffic: &Traffic, is_route: bool, limit: Option<&Limit>) {
    let change = |spec: &mut TableSpec| {
        if is_route {
            spec.route_mut("letters")?.limit = limit.cloned();
        } else {
            spec.cluster_mut("post")?.limit = limit.cloned();
        }
        Ok(())
    };
    traffic.edit(change).expect("a sound table");
}

fn status(is_route: bool, traffic: &Traffic) -> LimitStatus {
    if is_route { route_limit(traffic) } else { region_limit(traffic, "eu") }
}

fn spec(is_route: bool, limit: Limit) -> TableSpec {
    if is_route { one_region(same, |r| r.limit(limit)) } else { one_region(|c| c.limit(limit), same) }
}

fn answer(post: &mut Post, backends: &Backends, times: u32) {
    for _ in 0..times {
        let called = started(post, letter(0));
        backends.release();
        assert_eq!(called.now(), Ok(1));
    }
}

/// I-44: a publish of the same limit makes no algorithm anew and asks it nothing, whatever else changes in the table, and what
/// it has learned stays; one that changes the knobs asks it once.
#[test]
fn what_was_learned_stays_over_a_publish() {
    for is_route in [true, false] {
        for takes_knobs in [true, false] {
            let watched = Watched { takes_knobs, ..Watched::default() };
            let limit = watched.limit();
            let (traffic, _) = traffic(spec(is_route, limit.clone()));
            let backends = Backends::new(&Step::Hold(1));
            let mut post = post(Shape::One, &traffic, &backends);
            answer(&mut post, &backends, 3);
            assert_eq!((status(is_route, &traffic).limit, watched.counts()), (13, (1, 0)));

            set_limit(&traffic, is_route, Some(&limit.clone().queue(Queue::of(3))));
            set_limit(&traffic, is_route, Some(&limit.clone().dark()));
            traffic
                .edit(|spec| {
                    spec.routes.push(RouteSpec::new("more").when(Match::new().path("/more")).to("post"));
                    spec.clusters[0].regions[0].endpoint_mut("a")?.address = "elsewhere:1".into();
                    Ok(())
                })
                .expect("a sound table");
            traffic.rollback().expect("there is one before");
            answer(&mut post, &backends, 1);
            assert_eq!((status(is_route, &traffic).limit, watched.counts()), (14, (1, 0)));

            // Another function: whether it can be taken is for the algorithm to say.
            set_limit(&traffic, is_route, Some(&watched.limit()));
            let (kept, anew) = ((14, (1, 1)), (10, (2, 1)));
            let is = (status(is_route, &traffic).limit, watched.counts());
            assert_eq!(is, if takes_knobs { kept } else { anew });
            // And to another algorithm altogether: which begins with the limit that was in force.
            set_limit(&traffic, is_route, Some(&Limit::aimd(HOUR)));
            let before = is.0;
            assert_eq!((status(is_route, &traffic).limit, watched.counts().1), (before, 2));
        }
    }
}

/// I-44: a limit that is removed and added again begins with what is in flight and with what it had learned; a route that was
/// not limited meanwhile counted nothing.
#[test]
fn a_limit_that_comes_back_finds_what_is_in_flight() {
    for is_route in [true, false] {
        for shape in SHAPES {
            let (traffic, _) = traffic(spec(is_route, Limit::fixed(2)));
            let mut post = post(shape, &traffic, &Backends::new(&Step::Hold(1)));
            let mut first: Vec<_> = (0..2).map(|_| started(&mut post, letter(0))).collect();
            set_limit(&traffic, is_route, None);
            let free: Vec<_> = (0..3).map(|_| started(&mut post, letter(0))).collect();
            set_limit(&traffic, is_route, Some(&Limit::fixed(2)));
            assert_eq!(status(is_route, &traffic).in_flight, if is_route { 2 } else { 5 });
            call(&mut post, letter(0)).refused();
            drop(free);
            call(&mut post, letter(0)).refused();
            first.pop();
            first.push(started(&mut post, letter(0)));
            drop(first);
            assert_idle(&traffic);
        }
    }
}

/// I-44: a limit that is lowered takes nothing back, and lets nobody in until enough have ended; one that is raised lets in who
/// waits, at once.
#[test]
fn lowering_takes_nothing_back_and_raising_lets_in() {
    for is_route in [true, false] {
        for shape in SHAPES {
            let limit = |number| Limit::fixed(number).queue(patient(8));
            let (traffic, _) = traffic(spec(is_route, limit(3)));
            let backends = Backends::new(&Step::Hold(1));
            let mut post = post(shape, &traffic, &backends);
            let mut calls: Vec<_> = (0..6).map(|number| started(&mut post, letter(number))).collect();
            set_limit(&traffic, is_route, Some(&limit(1)));
            for left in [2, 1] {
                drop(calls.remove(0));
                assert_eq!((status(is_route, &traffic).in_flight, status(is_route, &traffic).queued), (left, 3));
            }
            drop(calls.remove(0));
            assert_eq!((status(is_route, &traffic).in_flight, status(is_route, &traffic).queued), (1, 2));
            set_limit(&traffic, is_route, Some(&limit(2)));
            assert_eq!((status(is_route, &traffic).in_flight, status(is_route, &traffic).queued), (2, 1));
            set_limit(&traffic, is_route, None);
            assert!(calls.iter_mut().all(Polled::waits));
            assert_eq!(backends.delivered().len(), 6);
            drop(calls);
            assert_idle(&traffic);
        }
    }
}

/// I-44: a cluster that leaves the table drains: its requests end where they were counted, also those that wait there; one of
/// the same name that comes later is new, and begins at nothing.
#[test]
fn a_cluster_that_left_drains_and_comes_back_new() {
    for shape in SHAPES {
        let watched = Watched::default();
        let limited = watched.limit();
        let (traffic, _) =
            traffic(one_region(|c| c.limit(limited.clone()), |r| r.limit(Limit::fixed(2).queue(patient(4)))));
        let backends = Backends::new(&Step::Hold(1));
        let mut post = post(shape, &traffic, &backends);
        let before = traffic.snapshot().table().clone();
        answer(&mut post, &backends, 2);
        let mut old: Vec<_> = (0..3).map(|number| started(&mut post, letter(number))).collect();
        assert_eq!((region_limit(&traffic, "eu").limit, route_limit(&traffic).queued), (12, 1));
        backends.delivered();

        let other = TableSpec::new()
            .cluster("other", |c| c.region("us", |r| r.endpoint("b", "b:1")))
            .route("others", |r| r.any().to("other"));
        traffic.publish(other.build().expect("a sound table")).expect("nothing refuses");
        assert_eq!((traffic.status().draining, traffic.status().routes.len()), (1, 0));
        traffic.publish(before).expect("nothing refuses");
        assert_eq!(traffic.status().draining, 1, "the old one still serves");
        assert_eq!((region_limit(&traffic, "eu").limit, watched.counts()), (10, (2, 0)), "it is new");
        assert_idle(&traffic);

        let _new: Vec<_> = (0..2).map(|_| started(&mut post, letter(9))).collect();
        call(&mut post, letter(9)).waits();
        backends.delivered();
        drop(old.remove(0));
        assert!(old[1].waits(), "who waits at the old one is let in there");
        assert_eq!(backends.delivered(), [("a".into(), 2)]);
        drop(old);
        assert_eq!((traffic.status().draining, route_limit(&traffic).in_flight), (0, 2));
    }
}

#[derive(Clone, Debug)]
enum Change {
    Nothing,
    Queue(bool),
    Route(bool),
    Endpoint(Option<u32>),
    Address,
    Rollback,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        Just(Change::Nothing),
        any::<bool>().prop_map(Change::Queue),
        any::<bool>().prop_map(Change::Route),
        proptest::option::of(20..30_u32).prop_map(Change::Endpoint),
        Just(Change::Address),
        Just(Change::Rollback),
    ];
    vec(change, 1..60)
}

proptest! {
    #![proptest_config(config(128))]

    /// I-44: a publish every few requests, that changes knobs, adds and removes routes, and goes back: in flight is exact at
    /// each step, no permit is lost, and the algorithms are made once and forget nothing.
    #[test]
    fn a_publish_every_few_requests_loses_nothing(
        shape in select(&SHAPES[..]),
        changes in changes(),
        calls in vec((1..4_usize, 0..4_usize), 60),
    ) {
        let (of_route, of_region) = (Watched::default(), Watched::default());
        let (route, cluster) = (of_route.limit(), of_region.limit());
        let (traffic, _) = traffic(one_region(|c| c.limit(cluster.clone()), |r| r.limit(route.clone())));
        let backends = Backends::new(&Step::Hold(1));
        let mut post = post(shape, &traffic, &backends);
        let (mut open, mut answers): (Vec<Called>, u32) = (Vec::new(), 0);
        for (change, (begin, end)) in changes.into_iter().zip(calls) {
            for _ in 0..begin {
                if open.len() < 10 + answers as usize && open.len() < 20 {
                    open.push(started(&mut post, letter(0)));
                }
            }
            for _ in 0..end {
                if !open.is_empty() && backends.of("a").release_one() {
                    // The one that was held longest.
                    prop_assert_eq!(open.remove(0).now(), Ok(1));
                    answers += 1;
                }
            }
            let edit = |spec: &mut TableSpec| {
                match &change {
                    Change::Queue(has_queue) => {
                        let queue = has_queue.then(|| patient(3));
                        spec.route_mut("letters")?.limit = Some(Limit { queue, ..route.clone() });
                        spec.cluster_mut("post")?.limit = Some(Limit { queue, ..cluster.clone() });
                    }
                    Change::Route(is_there) => {
                        spec.routes.retain(|route| route.name != "more");
                        if *is_there {
                            let more = RouteSpec::new("more").when(Match::new().path("/more")).to("post");
                            spec.routes.push(more.limit(Limit::fixed(1)));
                        }
                    }
                    Change::Endpoint(limit) => spec.cluster_mut("post")?.endpoint_limit = *limit,
                    Change::Address => spec.clusters[0].regions[0].endpoints[0].address = format!("at:{answers}"),
                    Change::Nothing | Change::Rollback => {}
                }
                Ok(())
            };
            if matches!(change, Change::Rollback) {
                _ = traffic.rollback();
            } else {
                traffic.edit(edit).expect("a sound table");
            }
            let status = traffic.status();
            let routes = status.routes.iter().find(|route| route.name == "letters").expect("it is there");
            let in_region = region(&traffic, "eu");
            let limit = in_region.limit.expect("it has one");
            let in_flight = [routes.limit.in_flight, in_region.in_flight, in_region.endpoints[0].in_flight];
            prop_assert_eq!(in_flight, [open.len() as u32; 3]);
            prop_assert_eq!([routes.limit.limit, limit.limit], [10 + answers; 2]);
            prop_assert_eq!((of_route.counts(), of_region.counts()), ((1, 0), (1, 0)));
        }
        drop(open);
        assert_idle(&traffic);
    }
}
