//! The single rules: one table a request, refusals without a trace, going back, what survives, evacuations, time.

use super::*;

/// A decision in words, without the line that names generation, epoch and draws.
fn words(snapshot: &Snapshot, request: &Request<()>, word: u64) -> Result<String, Reason> {
    let facts = Facts::http(request).map_err(|rejected| rejected.reason())?;
    let why = snapshot.explain(&facts, Draws::from_word(word), Instant::START).map_err(|rejected| rejected.reason())?;
    let text = why.to_string();
    Ok(text.rsplit_once('\n').expect("a line for each step").0.to_owned())
}

/// The spec without what makes decisions depend on when an endpoint joined and on whose turn it was: state, not table.
fn stateless(mut spec: TableSpec) -> TableSpec {
    let random =
        |pick: &mut Option<Pick>| *pick = pick.map(|pick| if pick == Pick::RoundRobin { Pick::Random } else { pick });
    let knobs = spec.clusters.iter_mut().map(|cluster| &mut cluster.knobs);
    for knobs in knobs.chain(spec.routes.iter_mut().map(|route| &mut route.knobs)).chain([&mut spec.defaults]) {
        knobs.slow_start = None;
        random(&mut knobs.pick);
    }
    spec
}

proptest! {
    #![proptest_config(config(96))]

    /// I-01: A pinned snapshot decides the same to the last field, whatever is published meanwhile.
    #[test]
    fn what_is_pinned_stays_as_it_is(
        old in specs(), new in tables(), requests in vec(requests(), 8), words in vec(any::<u64>(), 4),
    ) {
        let (traffic, _hand) = traffic(built(stateless(old)));
        let pinned = traffic.snapshot();
        let mut reader = traffic.reader();
        let decide = |snapshot: &Snapshot| {
            let all = requests.iter().flat_map(|request| words.iter().map(move |&word| (request, word)));
            all.map(|(request, word)| {
                let facts = Facts::http(request).map_err(|rejected| rejected.reason())?;
                let decided = snapshot.decide(&facts, Draws::from_word(word), Instant::START);
                decided.map_err(|rejected| rejected.reason())
            }).collect::<Vec<Result<Decision, Reason>>>()
        };
        let (before, kept) = (decide(&pinned), reader.pin());
        traffic.publish(new).expect("nothing refuses");
        prop_assert_eq!(decide(&pinned), before.clone());
        prop_assert_eq!(decide(&kept), before.clone());
        prop_assert!(before.iter().flatten().all(|decision| decision.generation().as_u64() == 1));
        // A new request has the new table, and one epoch of each cluster's view an attempt.
        prop_assert_eq!(reader.pin().generation().as_u64(), 2);
        for decision in decide(&traffic.snapshot()).into_iter().flatten() {
            prop_assert_eq!(decision.generation().as_u64(), 2);
            prop_assert!(pinned.endpoint(&decision).is_none() && pinned.begin(&decision, Instant::START).is_none());
        }
    }

    /// I-04: A rollback decides as the table before did, under a new generation; back and forth, any number of times.
    #[test]
    fn a_rollback_restores_the_decisions_of_the_table_before(
        specs in vec(specs(), 2..4), requests in vec(requests(), 8), draws in vec(any::<u64>(), 4),
    ) {
        let tables: Vec<_> = specs.into_iter().map(|spec| built(stateless(spec))).collect();
        let (traffic, _hand) = traffic(tables[0].clone());
        let decisions = || {
            let snapshot = traffic.snapshot();
            let all = requests.iter().flat_map(|request| draws.iter().map(move |&word| (request, word)));
            all.map(|(request, word)| words(&snapshot, request, word)).collect::<Vec<_>>()
        };
        let mut before = vec![decisions()];
        for table in &tables[1..] {
            traffic.publish(table.clone()).expect("nothing refuses");
            before.push(decisions());
        }
        let first = before[0].clone();
        // Rolling back twice goes back two tables.
        before.pop();
        let mut generation = tables.len() as u64;
        while let Some(expected) = before.pop() {
            generation += 1;
            let published = traffic.rollback().expect("a table before");
            prop_assert_eq!(published.generation().as_u64(), generation);
            prop_assert_eq!(decisions(), expected);
        }
        let refused = traffic.rollback();
        prop_assert!(matches!(refused, Err(PublishError::NothingBefore { .. })), "{:?}", refused);
        let newest = traffic.history()[tables.len() - 1].generation();
        traffic.rollback_to(newest).expect("it is remembered");
        prop_assert!(traffic.snapshot().table() == &tables[tables.len() - 1]);
        traffic.rollback_to(traffic.history()[0].generation()).expect("it is remembered");
        prop_assert_eq!(decisions(), first);
    }
}

/// I-03: Nothing of what can be refused leaves a trace.
#[test]
fn what_is_refused_changes_nothing() {
    let (traffic, hand) = traffic(built(api(&[("eu", &["a"]), ("us", &["b"])])));
    hand.advance(seconds(1));
    let first = traffic.snapshot().generation();
    traffic.edit(|spec| spec.cluster_mut("api")?.region_mut("eu").map(|region| region.weight = 3)).expect("sound");
    let _permit = {
        let snapshot = traffic.snapshot();
        snapshot.begin(&decide(&snapshot, 1, traffic.now()).expect("an endpoint"), traffic.now())
    };
    let seen = || {
        let snapshot = traffic.snapshot();
        let decisions: Vec<_> = (0..100).map(|word| decide(&snapshot, word, traffic.now())).collect();
        let history: Vec<_> = traffic.history().iter().map(|one| (one.generation(), one.cause(), one.at())).collect();
        (snapshot.generation(), snapshot.table().clone(), decisions, history, traffic.status())
    };
    let before = seen();
    let empty = traffic.edit(|spec| {
        spec.routes.clear();
        Ok(())
    });
    let message = "the table has a problem: routes: is empty; add a route, or every request would be refused";
    assert_eq!(empty.expect_err("no table without routes").to_string(), message);
    assert_eq!(seen(), before);
    let unknown = traffic.edit(|spec| spec.cluster_mut("apii").map(drop)).expect_err("no such cluster");
    assert!(matches!(unknown, PublishError::Invalid(_)), "{unknown}");
    assert_eq!(seen(), before);
    let late = traffic.publish_if(first, before.1.clone()).expect_err("another is in force");
    assert_eq!(late.to_string(), "generation 2 is in force, not 1; look at what changed and try again");
    assert_eq!(seen(), before);
    let strange = Traffic::new(before.1.clone());
    for _ in 0..10 {
        strange.publish(before.1.clone()).expect("nothing refuses");
    }
    let never = strange.snapshot().generation();
    let forgotten = traffic.rollback_to(never).expect_err("never in force");
    assert_eq!(forgotten.to_string(), "generation 11 is not in the history, which goes back to generation 1");
    assert_eq!(seen(), before);
    let first = Traffic::new(before.1.clone()).rollback().expect_err("nothing before");
    assert_eq!(first.to_string(), "no earlier table is remembered; the history goes back to generation 1");
    let nowhere = traffic.evacuate("ap", seconds(60)).expect_err("no such region");
    assert_eq!(nowhere.to_string(), "no cluster has a region `ap`; there are `eu`, `us`");
    assert_eq!(seen(), before);
}

/// I-04: The last 32 tables are remembered, and how each came into force.
#[test]
fn the_history_is_bounded_and_tells_how_each_table_came_into_force() {
    let table = built(api(&[("eu", &["a"])]));
    let (traffic, hand) = traffic(table.clone());
    let first = traffic.snapshot().generation();
    traffic.edit(|_| Ok(())).expect("sound");
    hand.advance(seconds(5));
    traffic.rollback().expect("one before");
    let causes: Vec<_> = traffic.history().iter().map(|one| (one.cause(), one.at())).collect();
    let later = Instant::START.after(seconds(5));
    assert_eq!(
        causes,
        [(Cause::Publish, Instant::START), (Cause::Edit, Instant::START), (Cause::Rollback(first), later)]
    );
    for _ in 0..40 {
        traffic.publish(table.clone()).expect("nothing refuses");
    }
    let generations: Vec<_> = traffic.history().iter().map(|one| one.generation().as_u64()).collect();
    assert_eq!(generations, (43 - 31..=43).collect::<Vec<_>>());
    assert!(matches!(traffic.rollback_to(first), Err(PublishError::Forgotten { .. })));
    for _ in 0..16 {
        traffic.rollback().expect("one before");
    }
    // Each rollback took a place in the history, so what comes before is forgotten by now.
    assert!(matches!(traffic.rollback(), Err(PublishError::NothingBefore { .. })));
    assert_eq!(traffic.history().len(), REMEMBERED);
}

/// I-24: Another rank, weight, address and route change nothing of what is known of an endpoint.
#[test]
fn re_ranking_and_re_weighting_keep_what_was_learned() {
    let (traffic, hand) = traffic(built(api(&[("eu", &["a", "b"]), ("us", &["c"])]).pick(Pick::PeakEwma)));
    let snapshot = traffic.snapshot();
    let mut permits: Vec<_> = (0..30)
        .map(|word| {
            snapshot.begin(&decide(&snapshot, word, traffic.now()).expect("one"), traffic.now()).expect("its own")
        })
        .collect();
    hand.advance(Duration::from_millis(70));
    permits.iter_mut().step_by(2).for_each(|permit| permit.answered(Outcome::Success, traffic.now()));
    traffic.evacuate("us", seconds(600)).expect("a region");
    let known = |status: &Status| -> Vec<_> {
        let regions = status.clusters.iter().flat_map(|cluster| &cluster.regions);
        regions
            .flat_map(|region| {
                let out = (region.name.clone(), region.in_flight, region.readmitted_in);
                region.endpoints.iter().map(move |one| {
                    let counts = (one.in_flight, one.waiting, one.successes, one.failures);
                    (out.clone(), one.name.clone(), one.incarnation, counts, one.response_time, one.warm)
                })
            })
            .collect()
    };
    let before = known(&traffic.status());
    assert!(before.iter().any(|one| one.4.is_some_and(|average| average >= Duration::from_millis(69))), "{before:?}");
    traffic
        .edit(|spec| {
            let eu = spec.cluster_mut("api")?.region_mut("eu")?;
            (eu.rank, eu.weight) = (3, 7);
            eu.endpoints[0].weight = 5;
            eu.endpoints[1].address = "10.9.9.9:1".into();
            spec.routes[0].name = "renamed".into();
            Ok(())
        })
        .expect("sound");
    assert_eq!(known(&traffic.status()), before);
    traffic.rollback().expect("one before");
    assert_eq!(known(&traffic.status()), before);
    drop(permits);
    let idle = traffic.status();
    assert!(idle.clusters[0].regions.iter().all(|region| region.in_flight == 0));
}

/// I-24: A name that was removed and added again is another endpoint; the old one's permits end on the old one.
#[test]
fn an_endpoint_that_comes_back_is_a_new_one() {
    let both = built(api(&[("eu", &["a", "b"])]));
    let (traffic, hand) = traffic(both.clone());
    let snapshot = traffic.snapshot();
    let to_a =
        (0..).find_map(|word| decide(&snapshot, word, traffic.now()).ok().filter(|one| place(&snapshot, one).1 == "a"));
    let mut old = snapshot.begin(&to_a.expect("half of all"), traffic.now()).expect("its own");
    let number = traffic.status().clusters[0].regions[0].endpoints[0].incarnation;
    drop(snapshot);
    traffic.publish(built(api(&[("eu", &["b"])]))).expect("nothing refuses");
    assert_eq!(traffic.status().draining, 1);
    traffic.publish(both).expect("nothing refuses");
    hand.advance(Duration::from_millis(5));
    old.answered(Outcome::Failure, traffic.now());
    let status = traffic.status();
    let eu = &status.clusters[0].regions[0];
    assert!(eu.endpoints[0].incarnation > number);
    assert_eq!((eu.endpoints[0].in_flight, eu.endpoints[0].failures, eu.endpoints[0].response_time), (0, 0, None));
    // The region is the same, and still has the request.
    assert_eq!((eu.in_flight, status.draining), (1, 1));
    drop(old);
    let status = traffic.status();
    assert_eq!((status.clusters[0].regions[0].in_flight, status.draining), (0, 0));
}

/// I-23: At once, for older pins too, through publishes and rollbacks, without cutting anybody off, until it expires.
#[test]
fn an_evacuation_binds_everybody_until_its_time_is_over() {
    let table = built(api(&[("eu", &["a"]), ("us", &["b"])]));
    let (traffic, hand) = traffic(table.clone());
    let old = traffic.snapshot();
    let mut reader = traffic.reader();
    let kept = reader.pin();
    let to_eu = (0..).find_map(|word| decide(&old, word, traffic.now()).ok().filter(|one| place(&old, one).0 == "eu"));
    let permit = old.begin(&to_eu.expect("half of all"), traffic.now()).expect("its own");
    let all = |expected: &[&str]| {
        for snapshot in [&old, &kept, &traffic.snapshot()] {
            assert_eq!(regions(snapshot, traffic.now()), set(expected.iter().copied()), "{:?}", traffic.now());
        }
    };
    all(&["eu", "us"]);
    traffic.evacuate("eu", seconds(60)).expect("a region");
    all(&["us"]);
    assert_eq!(traffic.status().clusters[0].regions[0].in_flight, 1, "it is not cut off");
    traffic.publish(built(api(&[("eu", &["a", "c"]), ("us", &["b"])]))).expect("nothing refuses");
    all(&["us"]);
    traffic.rollback().expect("one before");
    all(&["us"]);
    hand.advance(Duration::from_millis(59_999));
    all(&["us"]);
    hand.advance(Duration::from_millis(1));
    all(&["eu", "us"]);
    // Set anew, and taken back early.
    traffic.evacuate("us", seconds(60)).expect("a region");
    traffic.evacuate("us", Duration::MAX).expect("a region");
    hand.advance(seconds(86_400 * 365));
    all(&["eu"]);
    traffic.readmit("us").expect("a region");
    all(&["eu", "us"]);
    // Nowhere left is an answer, not a wait.
    traffic.evacuate("us", seconds(60)).expect("a region");
    traffic.evacuate("eu", seconds(60)).expect("a region");
    all(&[]);
    assert_eq!(decide(&old, 1, traffic.now()), Err(Reason::NoEndpoint));
    drop(permit);
}

/// I-23: The order is about the place: it holds for a region that left the table, for its next table, and for older pins of
/// a table that had it, in every cluster.
#[test]
fn an_evacuation_holds_for_tables_that_the_region_left_and_came_back_to() {
    let with = |regions: &[(&str, &[&str])]| {
        let spec = api(regions)
            .cluster("web", |c| c.region("eu", |r| r.endpoint("w", "w:80")).region("us", |r| r.endpoint("v", "v:80")));
        built(spec.route("web", |route| route.when(Match::new().path("/web")).to("web")))
    };
    let two = || with(&[("eu", &["a"]), ("us", &["b"])]);
    let (traffic, hand) = traffic(two());
    let pinned = traffic.snapshot();
    // Out of the table for a while, and back: the pinned table's eu is still the eu of the order.
    let without = api(&[("us", &["b"])]);
    traffic.publish(built(without.clone())).expect("nothing refuses");
    traffic.publish(built(without.clone())).expect("nothing refuses");
    traffic.evacuate("eu", seconds(60)).expect("a pinned table has it");
    assert_eq!(regions(&pinned, traffic.now()), set(["us"]));
    traffic.publish(two()).expect("nothing refuses");
    assert_eq!(regions(&traffic.snapshot(), traffic.now()), set(["us"]));
    let web = |snapshot: &Snapshot| {
        let decided = snapshot.decide(&Facts::path("/web"), Draws::from_word(3), traffic.now()).expect("us is left");
        place(snapshot, &decided).0
    };
    assert_eq!((web(&pinned).as_str(), web(&traffic.snapshot()).as_str()), ("us", "us"));
    hand.advance(seconds(60));
    assert_eq!(regions(&pinned, traffic.now()), set(["eu", "us"]));
    // Once nobody has it any more it is unknown.
    drop(pinned);
    traffic.publish(built(without.clone())).expect("nothing refuses");
    traffic.sweep();
    traffic.publish(built(without)).expect("nothing refuses");
    assert!(traffic.evacuate("eu", seconds(60)).is_err());
}

/// I-63: While the clock stands, nothing that depends on time changes; all that does, moves with it.
#[test]
fn nothing_happens_while_the_clock_stands() {
    let slow = |spec: TableSpec| spec.slow_start(SlowStart::over(seconds(64)));
    let (traffic, hand) = traffic(built(slow(api(&[("eu", &["a"]), ("us", &["b"])]))));
    hand.advance(seconds(1));
    traffic.publish(built(slow(api(&[("eu", &["a", "new"]), ("us", &["b"])])))).expect("nothing refuses");
    traffic.evacuate("us", seconds(10)).expect("a region");
    let snapshot = traffic.snapshot();
    let mut permit = snapshot.begin(&decide(&snapshot, 1, traffic.now()).expect("eu"), traffic.now()).expect("its own");
    permit.answered(Outcome::Success, traffic.now());
    let look = || {
        // Requests are what lets views follow the clock.
        let decisions: Vec<_> = (0..200).map(|word| decide(&traffic.snapshot(), word, traffic.now())).collect();
        (decisions, traffic.status())
    };
    let before = look();
    for _ in 0..3 {
        assert_eq!(look(), before);
    }
    let warm = |status: &Status| status.clusters[0].regions[0].endpoints[1].warm;
    // The floor of 10% in steps of 1/64, and half of the window.
    assert_eq!(warm(&before.1).part(), 6);
    hand.advance(seconds(32));
    let later = look();
    assert_eq!(warm(&later.1).part(), 32);
    assert_eq!(later.1.clusters[0].regions[1].readmitted_in, None);
    assert_eq!(look(), later);
}

/// I-63: A response time is forgotten by the clock and by nothing else: to 1/e in 10 s, under another table too.
#[test]
fn response_times_fade_with_the_clock() {
    let (traffic, hand) = traffic(built(api(&[("eu", &["a"])])));
    let snapshot = traffic.snapshot();
    let decision = decide(&snapshot, 1, traffic.now()).expect("an endpoint");
    let mut permit = snapshot.begin(&decision, traffic.now()).expect("its own");
    hand.advance(Duration::from_millis(100));
    permit.answered(Outcome::Success, traffic.now());
    let milliseconds = || {
        let known = traffic.status().clusters[0].regions[0].endpoints[0].response_time;
        known.expect("it has answered").as_secs_f64() * 1e3
    };
    let near = |expected: f64| assert!((milliseconds() - expected).abs() < expected / 1e3, "{}", milliseconds());
    near(100.0);
    traffic.publish(built(api(&[("eu", &["a"]), ("us", &["b"])]))).expect("nothing refuses");
    drop(permit);
    near(100.0);
    hand.advance(seconds(10));
    // 100 ms / e.
    near(36.788);
    hand.advance(seconds(10));
    near(13.534);
}

/// I-01: A decision says which view made it: the one that the status shows. A new one comes with a publish, an evacuation,
/// its end by word or by time, for older pins too; no two are called alike, and without any of these it stays.
#[test]
fn every_decision_names_the_view_that_made_it() {
    let table = built(api(&[("eu", &["a"]), ("us", &["b"])]));
    let (traffic, hand) = traffic(table.clone());
    let old = traffic.snapshot();
    let mut seen = BTreeSet::new();
    // By the table in force, then by the older pin.
    let mut changed = |expected: [bool; 2]| {
        for (snapshot, expected) in [traffic.snapshot(), old.clone()].into_iter().zip(expected) {
            let epochs: BTreeSet<_> =
                (0..20).map(|word| decide(&snapshot, word, traffic.now()).expect("a region").epoch()).collect();
            assert_eq!(epochs.len(), 1, "{epochs:?}");
            let epoch = *epochs.first().expect("one");
            assert_eq!(seen.insert((epoch, snapshot.generation())), expected, "{epoch}");
            if snapshot.generation() == traffic.snapshot().generation() {
                assert_eq!(traffic.status().clusters[0].epoch, epoch);
            }
        }
        let epochs: BTreeSet<_> = seen.iter().map(|(epoch, _)| epoch).collect();
        assert_eq!(epochs.len(), seen.len(), "two views of one name");
    };
    changed([true, false]);
    hand.advance(seconds(5));
    changed([false, false]);
    traffic.publish(table).expect("nothing refuses");
    changed([true, false]);
    traffic.evacuate("eu", seconds(60)).expect("a region");
    changed([true, true]);
    traffic.readmit("eu").expect("a region");
    changed([true, true]);
    traffic.evacuate("us", seconds(60)).expect("a region");
    changed([true, true]);
    hand.advance(seconds(60));
    changed([true, true]);
    changed([false, false]);
}

#[test]
fn a_pin_keeps_its_table_and_a_permit_keeps_none() {
    let (traffic, _hand) = traffic(built(api(&[("eu", &["a"])])));
    let pinned = traffic.snapshot();
    let permit = pinned.begin(&decide(&pinned, 1, traffic.now()).expect("an endpoint"), traffic.now());
    let mut reader = traffic.reader();
    reader.pin();
    traffic.publish(built(api(&[("eu", &["b"])]))).expect("nothing refuses");
    assert_eq!((traffic.sweep().retired, traffic.sweep().draining), (1, 1));
    drop(pinned);
    assert_eq!(traffic.sweep().retired, 1, "the idle reader has it");
    reader.pin();
    assert_eq!((traffic.sweep().retired, traffic.sweep().draining), (0, 1));
    drop(permit);
    traffic.sweep();
    assert_eq!((traffic.sweep().retired, traffic.sweep().draining), (0, 0));
}

#[test]
fn one_service_needs_no_table() {
    let traffic = Traffic::single("db", |route| route.deadline(seconds(1))).expect("a good name");
    let snapshot = traffic.snapshot();
    let decision = decide(&snapshot, 7, traffic.now()).expect("one endpoint");
    assert_eq!(place(&snapshot, &decision), ("db".into(), "db".into()));
    assert_eq!(snapshot.table().route("db").and_then(|route| route.deadline("db")), Some(seconds(1)));
    assert_eq!((decision.cluster_share(), decision.region_share()), (Share::ALL, Share::ALL));
    let bad = Traffic::single("d b", |route| route).expect_err("a space");
    assert!(bad.problems().iter().any(|problem| problem.path().contains("d b")), "{bad}");
    // A decision of another snapshot is nobody's.
    let other = Traffic::single("db", |route| route).expect("a good name");
    other.edit(|_| Ok(())).expect("sound");
    let foreign = decide(&other.snapshot(), 7, other.now()).expect("one endpoint");
    assert!(snapshot.endpoint(&foreign).is_none() && snapshot.describe(&foreign).is_none());
    assert!(snapshot.replay(&Facts::path("/"), &foreign).is_none());
}

/// A service that holds a traffic can be logged: a line, not the table and the state of every endpoint.
#[test]
fn a_traffic_is_shown_in_a_line() {
    let (traffic, _hand) = traffic(built(api(&[("eu", &["a"]), ("us", &["b"])])));
    assert_eq!(format!("{traffic:?}"), "Traffic { generation: Generation(1), .. }");
    let snapshot = "Snapshot { generation: Generation(1), routes: 1, clusters: 1, .. }";
    assert_eq!(format!("{:?}", *traffic.snapshot()), snapshot);
    assert!(format!("{:?}", traffic.reader()).len() < 200 && format!("{:?}", traffic.snapshot()).len() < 200);
}
