//! On threads, bounded by work and not by time.

use super::*;

/// I-02, I-33: While tables are published, edited and taken back, no thread decides by an older one than it has seen or was
/// told of, however it pins, and every permit comes back.
#[test]
fn in_a_storm_of_swaps_no_thread_goes_back_and_no_permit_is_lost() {
    let tables: Vec<_> = [["a", "b", "c"], ["a", "b", "d"], ["a", "e", "c"]]
        .iter()
        .map(|endpoints| built(api(&[("eu", &endpoints[..]), ("us", &["z"])])))
        .collect();
    let traffic = Traffic::with_sources(tables[0].clone(), Clock::manual().0, Entropy::seeded(1));
    // The latest generation whose publish is known to have returned.
    let (told, done, served) = (AtomicU64::new(1), AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let (traffic, tables, told) = (&traffic, &tables, &told);
                scope.spawn(move || {
                    for at in 0..400usize {
                        let published = match at % 4 {
                            0 => traffic.rollback(),
                            1 => traffic.edit(|spec| {
                                let weight = &mut spec.cluster_mut("api")?.region_mut("us")?.weight;
                                *weight = *weight % 5 + 1;
                                Ok(())
                            }),
                            _ => traffic.publish(tables[(at + writer) % 3].clone()),
                        };
                        if let Ok(published) = published {
                            told.fetch_max(published.generation().as_u64(), Ordering::SeqCst);
                        }
                    }
                })
            })
            .collect();
        for number in 0..3u64 {
            let (traffic, told, done, served) = (&traffic, &told, &done, &served);
            scope.spawn(move || {
                let mut reader = traffic.reader();
                let (mut seen, mut word, mut permits) = (0, number << 32, Vec::new());
                while !done.load(Ordering::SeqCst) || word & 0xffff < 2000 {
                    word += 1;
                    let least = told.load(Ordering::SeqCst);
                    // Each thread pins in both ways, in turn.
                    let pinned = if word % 3 == 0 { traffic.snapshot() } else { reader.pin() };
                    let generation = pinned.generation().as_u64();
                    assert!(generation >= least, "generation {generation} after the publish of {least} returned");
                    assert!(generation >= seen, "from generation {seen} back to {generation}");
                    seen = generation;
                    let decision = decide(&pinned, word, traffic.now()).expect("nothing is out");
                    assert_eq!(decision.generation().as_u64(), generation);
                    let mut permit = pinned.begin(&decision, traffic.now()).expect("its own");
                    if word % 2 == 0 {
                        permit.answered(Outcome::Success, traffic.now());
                    }
                    permits.push(permit);
                    served.fetch_add(1, Ordering::Relaxed);
                    if permits.len() > 8 {
                        drop(permits.swap_remove((word * 7 % 8) as usize));
                    }
                }
            });
        }
        for writer in writers {
            writer.join().expect("a writer's own assertions hold");
        }
        done.store(true, Ordering::SeqCst);
    });
    assert!(served.load(Ordering::Relaxed) >= 6000);
    traffic.sweep();
    let swept = traffic.sweep();
    assert_eq!((swept.retired, swept.draining), (0, 0));
    let status = traffic.status();
    for region in status.clusters.iter().flat_map(|cluster| &cluster.regions) {
        assert_eq!(region.in_flight, 0, "{}", region.name);
        assert!(region.endpoints.iter().all(|one| (one.in_flight, one.waiting) == (0, 0)), "{region:?}");
    }
}

/// I-68: Edits from everywhere at once, mixed with publishes that were made from an older table: nothing is lost but what was
/// refused.
#[test]
fn concurrent_edits_lose_none_of_each_others_changes() {
    let clusters = ["c0", "c1", "c2", "c3"];
    let spec = clusters.iter().fold(TableSpec::new().failover(at_once()), |spec, name| {
        spec.cluster(*name, |c| c.region("eu", |r| r.endpoint("a", "a:80").endpoint("b", "b:80")))
    });
    let traffic = Traffic::new(built(spec.route("all", |route| route.any().split(clusters.map(|name| (name, 1))))));
    let (refused, accepted) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for name in clusters {
            let (traffic, refused, accepted) = (&traffic, &refused, &accepted);
            scope.spawn(move || {
                let raise = |spec: &mut TableSpec| -> Result<(), TableError> {
                    spec.cluster_mut(name)?.region_mut("eu")?.endpoints[0].weight += 1;
                    spec.cluster_mut("c0")?.region_mut("eu")?.endpoints[1].weight += 1;
                    Ok(())
                };
                for _ in 0..100 {
                    traffic.edit(raise).expect("sound");
                    // By hand, with the risk of coming too late.
                    let snapshot = traffic.snapshot();
                    let mut spec = snapshot.table().spec().clone();
                    raise(&mut spec).expect("the same names");
                    match traffic.publish_if(snapshot.generation(), built(spec)) {
                        Ok(_) => accepted.fetch_add(1, Ordering::Relaxed),
                        Err(PublishError::Conflict { .. }) => refused.fetch_add(1, Ordering::Relaxed),
                        Err(other) => panic!("{other}"),
                    };
                }
            });
        }
    });
    let (refused, accepted) = (refused.into_inner(), accepted.into_inner());
    assert_eq!(refused + accepted, 400);
    let snapshot = traffic.snapshot();
    let weights = |at: usize| -> Vec<u64> {
        let clusters = snapshot.table().clusters();
        clusters.map(|cluster| u64::from(cluster.regions()[0].endpoints()[at].weight())).collect()
    };
    assert_eq!(weights(0).iter().sum::<u64>(), 4 + 400 + accepted);
    assert!(weights(0).iter().all(|weight| (101..=201).contains(weight)), "{:?}", weights(0));
    assert_eq!(weights(1)[0], 1 + 400 + accepted);
    assert_eq!(snapshot.generation().as_u64(), 1 + 400 + accepted);
}

/// I-68: An edit sees what was published while it ran, and says what it changed.
#[test]
fn an_edit_that_was_overtaken_runs_again_on_the_newer_spec() {
    let (traffic, _hand) = traffic(built(api(&[("eu", &["a"]), ("us", &["b"])])));
    let mut runs = 0;
    let published = traffic
        .edit(|spec| {
            runs += 1;
            if runs == 1 {
                // Somebody else is faster.
                traffic.edit(|spec| spec.cluster_mut("api")?.region_mut("us").map(|us| us.weight = 9)).expect("sound");
            }
            spec.paths = PathRules { allow_empty_segments: true, ..spec.paths };
            Ok(())
        })
        .expect("sound");
    assert_eq!((runs, published.generation().as_u64()), (2, 3));
    let spec = traffic.snapshot().table().spec().clone();
    assert!(spec.paths.allow_empty_segments && spec.clusters[0].regions[1].weight == 9);
    assert_eq!(published.before().spec().clusters[0].regions[1].weight, 9);
    assert_eq!(published.diff().changes().len(), 1);
}

/// I-04, I-68: Writers at once are one after the other: each table takes the place of the one before it, and a rollback goes
/// back from the table that it found in force.
#[test]
fn writers_at_once_make_one_history() {
    #[derive(Clone, Copy, PartialEq)]
    enum Way {
        Forward,
        Back,
    }
    let spec = || api(&[("eu", &["a", "b"])]);
    let (traffic, _hand) = traffic(built(spec()));
    let first = traffic.snapshot().table().clone();
    let mut steps: Vec<(Way, Published)> = thread::scope(|scope| {
        let writers: Vec<_> = (0..4u32)
            .map(|writer| {
                let traffic = &traffic;
                scope.spawn(move || {
                    let step = |at: u32| match (at + writer) % 4 {
                        0 | 1 => Some((Way::Back, traffic.rollback().ok()?)),
                        2 => {
                            // A table that is nobody else's.
                            let mut spec = spec();
                            spec.clusters[0].regions[0].endpoints[0].weight = 2 + 4 * at + writer;
                            Some((Way::Forward, traffic.publish(built(spec)).expect("nothing refuses")))
                        }
                        _ => {
                            let raise = |spec: &mut TableSpec| {
                                spec.cluster_mut("api")?.region_mut("eu")?.endpoints[1].weight += 1;
                                Ok(())
                            };
                            Some((Way::Forward, traffic.edit(raise).expect("sound")))
                        }
                    };
                    (0..300).filter_map(step).collect::<Vec<_>>()
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().expect("it does not panic")).collect()
    });
    steps.sort_by_key(|(_, published)| published.generation());
    assert!(steps.iter().any(|(way, _)| *way == Way::Back));
    // Generation, where its table was first in force, and the table.
    let mut history = vec![(1, 1, first)];
    for (way, published) in &steps {
        let (newest, origin, current) = history.last().expect("never empty").clone();
        let generation = published.generation().as_u64();
        assert_eq!(generation, newest + 1);
        assert!(*published.before() == current, "generation {generation} did not replace the one before it");
        let origin = if *way == Way::Back {
            let before = history.iter().rev().take(REMEMBERED).find(|(generation, ..)| *generation < origin);
            let (_, origin, table) = before.expect("there was something before");
            assert!(published.after() == table, "generation {generation} went back to another table");
            *origin
        } else {
            generation
        };
        history.push((generation, origin, published.after().clone()));
    }
    let kept = history.iter().rev().take(REMEMBERED).rev();
    let listed: Vec<_> = traffic.history().iter().map(|one| (one.generation().as_u64(), one.table().clone())).collect();
    assert!(kept.map(|(generation, _, table)| (*generation, table.clone())).eq(listed));
}

/// I-68: Of all who publish what they made from one generation one does, and the others are told that they came too late.
#[test]
fn of_all_who_start_from_one_generation_one_publishes() {
    const ROUNDS: u64 = 400;
    let table = built(api(&[("eu", &["a"])]));
    let traffic = Traffic::new(table.clone());
    let start = Barrier::new(4);
    let publisher = || {
        let round = |_| {
            let base = traffic.snapshot().generation();
            start.wait();
            let published = traffic.publish_if(base, table.clone());
            // Nobody looks for the next round's generation before all have had their turn.
            start.wait();
            (base, published.map(|published| published.generation()))
        };
        (0..ROUNDS).map(round).collect::<Vec<_>>()
    };
    let done: Vec<_> = thread::scope(|scope| {
        let publishers = [(); 4].map(|()| scope.spawn(publisher));
        publishers.into_iter().flat_map(|publisher| publisher.join().expect("it does not panic")).collect()
    });
    // Judged here: who panicked in there would leave the others waiting.
    let mut winners = BTreeSet::new();
    for (base, published) in done {
        match published {
            Ok(generation) => {
                assert_eq!(generation.as_u64(), base.as_u64() + 1);
                assert!(winners.insert(generation), "two published generation {generation}");
            }
            Err(PublishError::Conflict { expected, current }) => {
                assert_eq!((expected, current.as_u64()), (base, base.as_u64() + 1));
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(winners.len() as u64, ROUNDS);
    assert_eq!(traffic.snapshot().generation().as_u64(), 1 + ROUNDS);
}

/// I-23: While tables are swapped and endpoints warm up, so that requests rebuild views too, nobody who decides between an
/// `evacuate` that has returned and the `readmit` is sent there, by an older pin either; what is in flight there stays.
#[test]
fn in_a_storm_of_swaps_nobody_is_sent_to_a_region_that_is_out() {
    let table =
        |endpoints: &[&str]| built(api(&[("eu", endpoints), ("us", &["z"])]).slow_start(SlowStart::over(seconds(64))));
    let (traffic, hand) = traffic(table(&["a"]));
    let first = traffic.snapshot();
    let in_eu =
        (0..).find_map(|word| decide(&first, word, traffic.now()).ok().filter(|one| place(&first, one).0 == "eu"));
    let permit = first.begin(&in_eu.expect("half of all"), traffic.now()).expect("its own");
    drop(first);
    // Odd while the region is out, another number each time.
    let (phase, done, while_out) = (AtomicU64::new(0), AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let request = |number: u64| {
            let (traffic, phase, done, while_out) = (&traffic, &phase, &done, &while_out);
            scope.spawn(move || {
                let mut reader = traffic.reader();
                let (mut word, mut old) = (number << 32, traffic.snapshot());
                while !done.load(Ordering::SeqCst) {
                    word += 1;
                    if word % 16 == 0 {
                        old = traffic.snapshot();
                    }
                    let before = phase.load(Ordering::SeqCst);
                    let pinned = match word % 3 {
                        0 => old.clone(),
                        1 => reader.pin(),
                        _ => traffic.snapshot(),
                    };
                    let decision = decide(&pinned, word, traffic.now()).expect("us is never out");
                    if before % 2 == 1 && phase.load(Ordering::SeqCst) == before {
                        while_out.fetch_add(1, Ordering::Relaxed);
                        assert_eq!(place(&pinned, &decision).0, "us", "by generation {}", decision.generation());
                    }
                }
            })
        };
        let requests = [0, 1, 2].map(request);
        let operate = || {
            for round in 0..400 {
                // The next step of a warm-up is due, so requests rebuild views while the evacuation does.
                hand.advance(seconds(10));
                traffic.evacuate("eu", seconds(60)).expect("a region");
                phase.fetch_add(1, Ordering::SeqCst);
                // Some decide now by what there is, some after the next swap, some while the warm-up goes on.
                let seen = while_out.load(Ordering::Relaxed);
                traffic.publish(table([&["a", "b"][..], &["a", "c"], &["a"]][round % 3])).expect("nothing refuses");
                hand.advance(seconds(10));
                while while_out.load(Ordering::Relaxed) < seen + 4
                    && !requests.iter().any(ScopedJoinHandle::is_finished)
                {
                    thread::yield_now();
                }
                assert_eq!(traffic.status().clusters[0].regions[0].in_flight, 1, "it is not cut off");
                phase.fetch_add(1, Ordering::SeqCst);
                traffic.readmit("eu").expect("a region");
                assert_eq!(regions(&traffic.snapshot(), traffic.now()), set(["eu", "us"]));
            }
        };
        let operated = panic::catch_unwind(AssertUnwindSafe(operate));
        // The others end, whatever became of the operator.
        done.store(true, Ordering::SeqCst);
        operated.unwrap_or_else(|panicked| panic::resume_unwind(panicked));
    });
    assert!(while_out.into_inner() >= 1000);
    drop(permit);
    assert_eq!(traffic.status().clusters[0].regions[0].in_flight, 0);
}
