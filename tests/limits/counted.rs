//! Every request that was offered is somewhere in the counts, once.

use super::*;

/// What an observer heard.
#[derive(Default)]
struct Heard {
    attempts: AtomicU64,
    rejections: Mutex<BTreeMap<String, u64>>,
}

impl Observer for Heard {
    fn attempt(&self, _: &Snapshot, _: &Decision) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    fn rejection(&self, _: &Snapshot, rejected: &Rejected) {
        let place = rejected.region().map_or("", |name| name.as_str());
        let told = format!("{:?} {place}", rejected.reason());
        *self.rejections.lock().expect("no panic").entry(told).or_default() += 1;
    }
}

impl Heard {
    fn told(&self, reason: &str) -> u64 {
        self.rejections.lock().expect("no panic").get(reason).copied().unwrap_or_default()
    }

    fn rejections(&self) -> u64 {
        self.rejections.lock().expect("no panic").values().sum()
    }
}

fn refused(limit: &LimitStatus) -> u64 {
    limit.refused_by_limit + limit.refused_by_partition + limit.refused_by_priority + limit.refused_by_queue
}

/// I-60: an observer hears of each refusal once, by whichever limit and for whichever reason, in each shape.
#[test]
fn each_refusal_is_told_once() {
    for shape in SHAPES {
        for has_queue in [false, true] {
            for is_route in [false, true] {
                let limit = || {
                    let limit = Limit::fixed(1);
                    if has_queue { limit.queue(Queue::of(1).max_wait(ms(10))) } else { limit }
                };
                let spec = if is_route {
                    one_region(same, |r| r.limit(limit()))
                } else {
                    one_region(|c| c.limit(limit()), same)
                };
                let (traffic, hand) = traffic(spec);
                let heard = Arc::new(Heard::default());
                traffic.observe(heard.clone());
                let mut post = post(shape, &traffic, &Backends::new(&Step::Hold(1)));
                let _first = started(&mut post, letter(0));
                let waiting = has_queue.then(|| started(&mut post, letter(1)));
                let reason = call(&mut post, letter(2)).reason();
                assert_eq!(heard.rejections(), 1, "{shape:?} {reason:?} route: {is_route}");
                if let Some(waiting) = waiting {
                    hand.advance(ms(10));
                    assert_eq!(waiting.reason(), Reason::Queue);
                    assert_eq!(heard.rejections(), 2, "{shape:?} in the queue, route: {is_route}");
                }
                assert_eq!(heard.told(&format!("{reason:?} {}", if is_route { "" } else { "eu" })), heard.rejections());
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Call(Priority, &'static str),
    Poll(usize),
    Drop(usize),
    Release,
    Wait(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        10 => (select(&Priority::ALL[..]), select(&["/gold", "/silver", "/tin"][..]))
            .prop_map(|(priority, path)| Act::Call(priority, path)),
        6 => (0..9_usize).prop_map(Act::Poll),
        2 => (0..9_usize).prop_map(Act::Drop),
        3 => Just(Act::Release),
        3 => (1..60_u64).prop_map(Act::Wait),
    ];
    vec(act, 0..120)
}

fn limit(number: u32, queue: Option<u32>) -> Limit {
    let gold = Match::new().path_prefix("/gold");
    let limit = Limit::fixed(number).partition("gold", Ratio::percent(50), [gold]);
    queue.into_iter().fold(limit, |limit, queue| limit.queue(Queue::of(queue).max_wait(ms(80))))
}

proptest! {
    #![proptest_config(config(256))]

    /// I-60: what was offered to a limit, the route's or the region's, is what was admitted, refused for one of the reasons,
    /// or left the queue; and observers hear of as many refusals as there were.
    #[test]
    fn offered_is_admitted_and_shed_and_left(
        shape in select(&SHAPES[..]),
        is_route: bool,
        number in 1..4_u32,
        queue in proptest::option::of(1..4_u32),
        acts in acts(),
    ) {
        let limit = || limit(number, queue);
        let spec =
            if is_route { one_region(same, |r| r.limit(limit())) } else { one_region(|c| c.limit(limit()), same) };
        let (traffic, hand) = traffic(spec.deadline(Duration::MAX));
        let status = || if is_route { route_limit(&traffic) } else { region_limit(&traffic, "eu") };
        let heard = Arc::new(Heard::default());
        traffic.observe(heard.clone());
        let backends = Backends::new(&Step::Hold(1));
        let mut post = post(shape, &traffic, &backends);
        let mut calls: Vec<Called> = Vec::new();
        let mut offered = 0;
        for act in acts {
            match act {
                Act::Call(priority, path) => {
                    offered += 1;
                    let mut called = call(&mut post, Letter { path, ..letter_of(priority) });
                    // Who is let in is sent at once, so attempts are admissions.
                    if called.waits() {
                        calls.push(called);
                    }
                }
                Act::Poll(which) if !calls.is_empty() => {
                    let which = which % calls.len();
                    if !calls[which].waits() {
                        drop(calls.swap_remove(which));
                    }
                }
                Act::Drop(which) if !calls.is_empty() => drop(calls.swap_remove(which % calls.len())),
                Act::Release => backends.release(),
                Act::Wait(time) => hand.advance(ms(time)),
                Act::Poll(_) | Act::Drop(_) => {}
            }
        }
        // Whoever ends lets another in, who may have been asked before.
        for _ in 0..=calls.len() {
            calls.retain_mut(Polled::waits);
        }
        let waiting = status().queued as u64;
        let counted = refused(&status()) + status().left_queue + heard.attempts.load(Ordering::Relaxed);
        prop_assert_eq!(offered, counted + waiting, "{:?}", status());
        drop(calls);
        let counted = refused(&status()) + status().left_queue + heard.attempts.load(Ordering::Relaxed);
        prop_assert_eq!(offered, counted, "{:?}", status());
        prop_assert_eq!(heard.rejections(), refused(&status()));
        assert_idle(&traffic);
    }
}

/// I-60: a region's limit counts each request that it turned away, also one that another region takes; the caller is refused
/// by none of them then, and by one when nobody takes it.
#[test]
fn each_limit_counts_its_own_refusals_and_the_caller_has_one() {
    for shape in SHAPES {
        let (traffic, _) = traffic(two_regions(|c| c.limit(Limit::fixed(1)), same));
        let heard = Arc::new(Heard::default());
        traffic.observe(heard.clone());
        let mut post = post(shape, &traffic, &Backends::new(&Step::Hold(1)));
        let _calls = [started(&mut post, letter(0)), started(&mut post, letter(1))];
        let refused_in = || ["eu", "us"].map(|name| region_limit(&traffic, name).refused_by_limit);
        assert_eq!((refused_in(), heard.rejections()), ([1, 0], 0));
        call(&mut post, letter(2)).refused();
        assert_eq!((refused_in(), heard.told("Limit eu"), heard.rejections()), ([2, 1], 1, 1));
    }
}

/// I-60: a limit that turned a request away counts that too when another endpoint is asked later, since the first that was
/// chosen was not ready.
#[test]
fn a_limit_that_is_asked_second_counts_its_refusal() {
    for is_third_ready in [false, true] {
        let spec = TableSpec::new()
            .cluster("post", |c| {
                c.region("eu", |r| r.endpoint("a", "a:1"))
                    .region("us", |r| r.rank(1).endpoint("c", "c:1").limit(Limit::fixed(1)))
                    .region("asia", |r| r.rank(2).endpoint("d", "d:1"))
            })
            .route("letters", |r| r.any().to("post"));
        let (traffic, _) = traffic(spec);
        let backends = Backends::new(&Step::Hold(1));
        backends.of("a").set_readiness(Readiness::Busy);
        let mut post = post(Shape::One, &traffic, &backends);
        let _in_us = started(&mut post, letter(0));
        assert_eq!(backends.delivered(), [("c".into(), 0)]);
        if !is_third_ready {
            backends.of("d").set_readiness(Readiness::Busy);
        }
        let _in_asia_or_waiting = started(&mut post, letter(1));
        assert_eq!(backends.delivered().len(), usize::from(is_third_ready));
        assert_eq!(region_limit(&traffic, "us").refused_by_limit, 1, "the third is ready: {is_third_ready}");
    }
}
