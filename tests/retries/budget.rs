//! What bounds retries and hedges, over the whole stack, and when it comes back.

use super::*;

const TOKEN: u64 = 1_000_000;

/// What bears on a budget, as observers hear it.
#[derive(Clone, Debug, PartialEq)]
enum Event {
    /// Another attempt was paid for.
    Paid,
    /// An attempt after the first went into a region.
    Sent(String),
    Succeeded(String),
    /// One that was paid for was taken by nobody.
    Refused,
}

#[derive(Default)]
struct Witness(Mutex<Vec<Event>>);

impl Witness {
    fn put(&self, event: Event) {
        self.0.lock().expect("no panic").push(event);
    }

    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }
}

fn region_of(snapshot: &Snapshot, decision: &Decision) -> String {
    snapshot.describe(decision).expect("its own decision").region().to_string()
}

impl Observer for Witness {
    fn attempt(&self, snapshot: &Snapshot, decision: &Decision) {
        if decision.attempt() > 0 {
            self.put(Event::Sent(region_of(snapshot, decision)));
        }
    }

    fn outcome(&self, snapshot: &Snapshot, decision: &Decision, outcome: Outcome, _: Duration) {
        if outcome == Outcome::Success {
            self.put(Event::Succeeded(region_of(snapshot, decision)));
        }
    }

    fn another(&self, _: &Snapshot, _: &Another) {
        self.put(Event::Paid);
    }

    fn gave_up(&self, _: &Snapshot, why: &GiveUp) {
        if let GiveUp::Refused(_) = why {
            self.put(Event::Refused);
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Call(Step<Reply, &'static str>, Option<Step<Reply, &'static str>>),
    Poll(usize),
    Drop(usize),
    Release,
    Wait(u64),
    Evacuate(bool),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let step = || {
        prop_oneof![
            4 => Just(Step::Fail("on fire")),
            2 => Just(Step::Answer(Reply::Fine)),
            2 => Just(Step::Answer(Reply::TurnedAway(None))),
            2 => Just(Step::Hold(Reply::Fine)),
            1 => Just(Step::Hold(Reply::Down(None))),
            1 => Just(Step::Hang),
        ]
    };
    let act = prop_oneof![
        8 => (step(), proptest::option::of(step())).prop_map(|(first, then)| Act::Call(first, then)),
        12 => (0..6_usize).prop_map(Act::Poll),
        2 => (0..6_usize).prop_map(Act::Drop),
        1 => Just(Act::Release),
        6 => (0..200_u64).prop_map(Act::Wait),
        1 => any::<bool>().prop_map(Act::Evacuate),
    ];
    vec(act, 0..80)
}

/// What is spent, in the plainest way: of the cluster and of each region.
#[derive(Default)]
struct Spent {
    cluster: u64,
    regions: BTreeMap<String, u64>,
}

/// When what happened, for bounds over windows.
#[derive(Clone, Debug)]
struct Happened {
    at: u64,
    is_extra: bool,
    /// Whether the extra attempt was sent in the end.
    is_sent: bool,
}

/// Every window of these holds no more extra attempts than its successes, the burst and the floor pay for, and what comes back
/// in it of those that were paid for before and never sent: also when successes have paid for the same in between.
fn assert_bounded(happened: &[Happened], knobs: &Successes, what: &str) -> Result<(), TestCaseError> {
    for (from, first) in happened.iter().enumerate() {
        let (mut extra, mut successes) = (0_u64, 0_u64);
        let returned = happened[..from].iter().filter(|one| one.is_extra && !one.is_sent).count() as u64;
        for one in &happened[from..] {
            extra += u64::from(one.is_extra && one.is_sent);
            successes += u64::from(!one.is_extra);
            let grants = knobs.floor.map_or(0, |floor| 1 + (one.at - first.at) / floor.as_millis() as u64);
            let earned = (knobs.ratio * successes as f64).floor() as u64;
            let bound = u64::from(knobs.burst) + earned + grants + returned;
            prop_assert!(extra <= bound, "{extra} in {what} where {bound} are paid for: {happened:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(400))]

    /// I-45, I-47: whatever happens, over any window the retries and hedges that backends got, all together and into each
    /// region, are no more than its successes, the burst and the floor pay for. And without a floor each balance is exactly what
    /// the plainest sum says, after every step: one for each that is paid for, back if it was not sent, the ratio for each
    /// success.
    #[test]
    fn over_any_window_no_more_is_sent_than_is_paid_for(
        shape in select(&SHAPES[..]),
        seed: u64,
        burst in 1..4_u32,
        ratio in select(&[0.0, 0.1, 0.25, 0.5, 1.0][..]),
        floor in proptest::option::weighted(0.4, 50..400_u64),
        leave_region in select(&[LeaveRegion::OnEvidence, LeaveRegion::Always, LeaveRegion::Never][..]),
        is_hedged: bool,
        limit in proptest::option::weighted(0.5, (1..3_u32, any::<bool>())),
        acts in acts(),
    ) {
        let knobs = Successes { ratio, burst, floor: floor.map(ms) };
        let limited = |mut spec: TableSpec| {
            if let Some((limit, queues)) = limit {
                let limit = Limit::fixed(limit);
                let limit = if queues { limit.queue(Queue::of(3)) } else { limit };
                spec.cluster_mut("post").expect("a cluster").limit = Some(limit);
            }
            spec
        };
        let mut world = World::with(shape, seed, RetryBudget::Successes(knobs), limited, |route| {
            let route = route.retry(Retry::default().per_try(ms(300)).leave_region(leave_region));
            let hedge = Hedge::after(ms(20)).max_extra(Ratio::percent(100));
            if is_hedged { route.hedge(hedge) } else { route }
        });
        let witness = Arc::new(Witness::default());
        world.traffic.observe(witness.clone());
        let mut spent = Spent::default();
        // A call, how many attempts it has paid for and not sent, and which of the happened they are.
        let mut calls: Vec<(Called, Vec<usize>)> = Vec::new();
        let (mut happened, mut in_regions) = (Vec::new(), BTreeMap::<String, Vec<Happened>>::new());
        let mut sent = 0;
        for act in acts {
            let mut touched: Option<(usize, bool)> = None;
            match act {
                Act::Call(first, then) => {
                    world.all_once(first);
                    then.into_iter().for_each(|step| world.all_once(step));
                    let called = world.call(letter(1));
                    calls.push((called, Vec::new()));
                    touched = Some((calls.len() - 1, false));
                }
                Act::Poll(which) if !calls.is_empty() => {
                    let which = which % calls.len();
                    touched = Some((which, calls[which].0.poll().is_ready()));
                }
                Act::Drop(which) if !calls.is_empty() => {
                    let (called, unsent) = calls.swap_remove(which % calls.len());
                    drop(called);
                    for _ in unsent {
                        spent.cluster = spent.cluster.saturating_sub(TOKEN);
                    }
                }
                Act::Release => world.release(),
                Act::Wait(time) => world.hand.advance(ms(time)),
                Act::Evacuate(out) => {
                    if out { world.traffic.evacuate("eu", ms(60_000)) } else { world.traffic.readmit("eu") }.expect("a region");
                }
                Act::Poll(_) | Act::Drop(_) => {}
            }
            let at = world.now().as_nanos() / 1_000_000;
            for event in witness.take() {
                let unsent = touched.map(|(which, _)| &mut calls[which].1);
                match event {
                    Event::Paid => {
                        spent.cluster += TOKEN;
                        unsent.expect("of a call").push(happened.len());
                        happened.push(Happened { at, is_extra: true, is_sent: false });
                    }
                    Event::Sent(region) => {
                        let which = unsent.expect("of a call").remove(0);
                        happened[which].is_sent = true;
                        in_regions.entry(region.clone()).or_default().push(Happened { at, is_extra: true, is_sent: true });
                        *spent.regions.entry(region).or_default() += TOKEN;
                        sent += 1;
                    }
                    Event::Refused => {
                        unsent.expect("of a call").remove(0);
                        spent.cluster = spent.cluster.saturating_sub(TOKEN);
                    }
                    Event::Succeeded(region) => {
                        let earned = (ratio * TOKEN as f64) as u64;
                        spent.cluster = spent.cluster.saturating_sub(earned);
                        let of_region = spent.regions.entry(region.clone()).or_default();
                        *of_region = of_region.saturating_sub(earned);
                        let success = Happened { at, is_extra: false, is_sent: false };
                        happened.push(success.clone());
                        in_regions.entry(region).or_default().push(success);
                    }
                }
            }
            if let Some((which, true)) = touched {
                let (called, unsent) = calls.swap_remove(which);
                drop(called);
                for _ in unsent {
                    spent.cluster = spent.cluster.saturating_sub(TOKEN);
                }
            }
            if floor.is_none() {
                let left = |spent: u64| Some((u64::from(burst) * TOKEN).saturating_sub(spent) as f64 / TOKEN as f64);
                let of = |name: &str| left(spent.regions.get(name).copied().unwrap_or_default());
                prop_assert_eq!(world.tokens(), (left(spent.cluster), vec![of("eu"), of("us")]));
                prop_assert!(spent.cluster <= u64::from(burst) * TOKEN);
            }
            let under_way = calls.iter().map(|(_, unsent)| unsent.len() as u64).sum::<u64>();
            prop_assert!(world.budget().under_way >= under_way);
        }
        drop(calls);
        prop_assert_eq!((world.in_flight(), world.budget().under_way), (0, 0));
        let really_sent = world.taken().iter().filter(|(_, letter)| letter.previous > 0).count();
        prop_assert_eq!(really_sent, sent);
        assert_bounded(&happened, &knobs, "the cluster")?;
        for (region, happened) in &in_regions {
            assert_bounded(happened, &knobs, region)?;
        }
    }
}

/// So many tokens, which nothing brings back.
fn fixed(burst: u32) -> RetryBudget {
    RetryBudget::Successes(Successes { burst, ratio: 0.0, floor: None })
}

/// I-47: dropped while it waits, a retry costs nothing; dropped once it was sent, what it took; and nothing comes back twice.
#[test]
fn what_was_not_sent_comes_back_and_what_was_sent_does_not() {
    for shape in SHAPES {
        let backoff = Backoff::from(ms(100)).jitter(Jitter::Equal);
        let retry = Retry::default().backoff(backoff);
        let mut world = World::with(shape, 1, fixed(3), |spec| spec, |route| route.retry(retry));
        let (all, shares) = world.tokens();
        assert_eq!((all, &shares[..]), (Some(3.0), &[Some(3.0), Some(3.0)][..]));
        world.all_once(Step::Fail("on fire"));
        let waiting = world.started(letter(1));
        assert_eq!((world.tokens(), world.budget().under_way), ((Some(2.0), shares.clone()), 1), "{shape:?}");
        drop(waiting);
        assert_eq!((world.tokens(), world.budget().under_way), ((Some(3.0), shares), 0), "{shape:?}");

        world.forget();
        world.all_once(Step::Fail("on fire"));
        let mut sent = world.started(letter(2));
        world.forget();
        world.all_once(Step::Hang);
        world.hand.advance(ms(100));
        assert!(sent.poll().is_pending());
        assert_eq!(world.taken().len(), 1, "{shape:?}: it was sent");
        let after = (Some(2.0), vec![Some(2.0), Some(3.0)]);
        assert_eq!((world.tokens(), world.budget().under_way), (after.clone(), 1), "{shape:?}");
        drop(sent);
        assert_eq!((world.tokens(), world.budget().under_way, world.in_flight()), (after, 0, 0), "{shape:?}");
    }
}

/// I-47: a retry that nobody takes, since limits refuse it, costs nothing, and is what it was when it was refused.
#[test]
fn a_retry_that_nobody_takes_costs_nothing() {
    for shape in SHAPES {
        let retry = Retry::default().backoff(Backoff::from(ms(100)).jitter(Jitter::Equal));
        let one_each = |mut spec: TableSpec| {
            spec.cluster_mut("post").expect("a cluster").endpoint_limit = Some(1);
            spec
        };
        let mut world = World::with(shape, 1, fixed(3), one_each, |route| route.retry(retry));
        let before = world.tokens();
        world.all_once(Step::Fail("on fire"));
        let mut called = world.started(letter(1));
        world.forget();
        // While it waits, others take all places.
        world.all_once(Step::Hang);
        world.traffic.evacuate("eu", ms(60_000)).expect("a region");
        let mut others: Vec<Called> = (0..2).map(|number| world.started(order(number))).collect();
        world.traffic.readmit("eu").expect("a region");
        others.extend((0..3).map(|number| world.started(order(number))));
        world.taken();
        world.heard.take();
        world.hand.advance(ms(100));
        let answer = world.finish(&mut called);
        let Err(Error::GaveUp(gave_up)) = answer else { panic!("{shape:?}: {answer:?}") };
        assert_eq!((gave_up.why(), gave_up.error()), (GiveUp::Refused(Reason::Limit), &Error::Inner("on fire")));
        let refused = Said::GaveUp(GiveUp::Refused(Reason::Limit));
        assert_eq!(world.heard.take(), [refused], "{shape:?}: and no request was rejected");
        assert_eq!((world.tokens(), world.budget().under_way, world.taken().len()), (before, 0, 0), "{shape:?}");
        drop(others);
        assert_eq!(world.in_flight(), 0);
    }
}

/// I-47: the same where services are not ready: the retry waits for the first of them, in vain.
#[test]
fn a_retry_that_waits_in_vain_costs_nothing() {
    for shape in APART {
        let retry = Retry::default().backoff(Backoff::from(Duration::ZERO));
        let mut world = World::with(shape, 1, fixed(3), |spec| spec, |route| route.retry(retry));
        let before = world.tokens();
        world.all_once(Step::Hold(Reply::Down(None)));
        let mut called = world.started(letter(1));
        for backend in world.backends.values() {
            backend.set_readiness(Readiness::Busy);
        }
        world.release();
        assert!(called.poll().is_pending(), "{shape:?}: it waits");
        assert_eq!(world.budget().under_way, 1);
        world.hand.advance(ms(10_000));
        let answer = called.poll();
        assert!(answer.is_ready(), "{shape:?}");
        assert_eq!((world.taken().len(), world.tokens(), world.in_flight()), (1, before.clone(), 0), "{shape:?}");
        assert_eq!(world.budget().under_way, 0);

        // And dropped while it waits.
        for backend in world.backends.values() {
            backend.set_readiness(Readiness::Ready);
        }
        world.forget();
        world.all_once(Step::Hold(Reply::Down(None)));
        let mut called = world.started(letter(2));
        for backend in world.backends.values() {
            backend.set_readiness(Readiness::Busy);
        }
        world.release();
        assert!(called.poll().is_pending(), "{shape:?}: it waits");
        drop(called);
        assert_eq!((world.tokens(), world.in_flight()), (before, 0), "{shape:?}");
    }
}

/// I-45: a retry that waits in a region's queue pays the region's share when it is let in; and if that is spent by then it is
/// not.
#[test]
fn who_was_let_in_from_a_queue_has_paid_the_regions_share() {
    for shape in SHAPES {
        for waiting in [1, 3] {
            let knobs = Successes { burst: 2, ratio: 0.5, floor: None };
            let retry = Retry::default().attempts(2).backoff(Backoff::from(ms(100)).jitter(Jitter::Equal));
            // Two regions, so that the successes of one pay for what goes into the other.
            let spec = TableSpec::new()
                .cluster("post", |c| {
                    let queue = Queue { target: ms(60_000), max_wait: ms(60_000), ..Queue::of(9) };
                    c.region("eu", |r| r.endpoint("a", "a:1").limit(Limit::fixed(1).queue(queue)))
                        .region("us", |r| r.rank(1).endpoint("d", "d:1"))
                        .retry_budget(RetryBudget::Successes(knobs))
                })
                .route("letters", |r| {
                    r.any().to("post").deadline(ms(10_000)).retry(retry.leave_region(LeaveRegion::Never))
                });
            let mut world = World::of(shape, 1, spec);
            let mut calls = Vec::new();
            for number in 0..waiting {
                world.at("a").once(Step::Fail("on fire"));
                calls.push(world.started(letter(number)));
                if number == 1 {
                    // As many are paid for as were saved up, until there are successes elsewhere.
                    world.traffic.evacuate("eu", ms(60_000)).expect("a region");
                    world.succeed(2);
                    world.traffic.readmit("eu").expect("a region");
                }
            }
            world.at("a").once(Step::Hold(Reply::TurnedAway(None)));
            let mut occupant = world.started(order(9));
            world.forget();
            world.hand.advance(ms(100));
            calls.iter_mut().for_each(|called| assert!(called.poll().is_pending()));
            assert_eq!(world.taken().len(), 0, "{shape:?}: they wait in the queue");
            assert_eq!(world.region("eu").retry_share, Some(2.0), "{shape:?}: nobody was let in yet");
            world.release();
            world.all(Step::Fail("on fire"), 3);
            assert!(occupant.poll().is_ready());
            for _ in 0..4 {
                calls.retain_mut(|called| called.poll().is_pending());
            }
            let sent = world.taken().len();
            assert_eq!(sent as u64, waiting.min(2), "{shape:?}");
            assert_eq!(world.region("eu").retry_share, Some(2.0 - sent as f64), "{shape:?}");
            drop(calls);
            assert_eq!((world.in_flight(), world.budget().under_way), (0, 0));
        }
    }
}
