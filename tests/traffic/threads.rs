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
    let spec = clusters.iter().fold(TableSpec::new(), |spec, name| {
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
