//! I-58: an explanation names what is decided, and the record of a decision is enough to decide it again.

use super::*;

/// What may come between two decisions.
#[derive(Clone, Debug)]
enum Step {
    /// A request, by place, whose clock was read so many milliseconds ago; held in flight if so.
    Decide {
        request: Index,
        word: u64,
        attempt: u32,
        late: u64,
        held: bool,
    },
    Answer(Index, u64),
    End(Index),
    Evacuate(u32, u64),
    Readmit(u32),
    Advance(u64),
    Publish(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let decide = (any::<Index>(), any::<u64>(), 0..3u32, 0..3000u64, any::<bool>())
        .prop_map(|(request, word, attempt, late, held)| Step::Decide { request, word, attempt, late, held });
    let step = prop_oneof![
        12 => decide,
        2 => (any::<Index>(), 1..500u64).prop_map(|(at, took)| Step::Answer(at, took)),
        1 => any::<Index>().prop_map(Step::End),
        1 => (0..3u32, 0..5000u64).prop_map(|(region, lasts)| Step::Evacuate(region, lasts)),
        1 => (0..3u32).prop_map(Step::Readmit),
        2 => (0..20_000u64).prop_map(Step::Advance),
        1 => any::<bool>().prop_map(Step::Publish),
    ];
    vec(step, 1..60)
}

/// What was decided, for which request, by which table.
type Log = Vec<(Pinned, usize, Decision)>;

/// Runs the steps; every decision is compared with what was explained just before it, and with its replay.
fn explained(specs: [TableSpec; 2], requests: &[Request<()>], steps: Vec<Step>) -> Result<Log, TestCaseError> {
    let tables: Vec<Table> = specs.into_iter().map(|spec| spec.build().expect("sound")).collect();
    let (traffic, hand) = traffic(tables[0].spec().clone(), 1);
    let (mut permits, mut log) = (Vec::<Permit>::new(), Log::new());
    for step in steps {
        match step {
            Step::Decide { request, word, attempt, late, held } => {
                let (snapshot, request) = (traffic.snapshot(), request.index(requests.len()));
                let now = traffic.now().as_nanos().saturating_sub(late * 1_000_000);
                let now = Instant::from_nanos(now);
                let Ok(facts) = Facts::http(&requests[request]) else { continue };
                let draws = Draws::from_word(word).for_attempt(attempt);
                let why = snapshot.explain(&facts, draws, now);
                let decided = snapshot.decide(&facts, draws, now);
                let (Ok(why), Ok(decision)) = (&why, &decided) else {
                    prop_assert_eq!(why.map(|why| *why.decision()), decided);
                    continue;
                };
                // Who only looks leaves a view that is due as it is, and names it.
                if why.decision().epoch() != decision.epoch() {
                    let words =
                        |text: String| text.lines().filter(|line| !line.starts_with("decided")).collect::<String>();
                    let described = snapshot.describe(decision).expect("its own decision");
                    prop_assert_eq!(words(why.to_string()), words(described.to_string()));
                    permits.extend(snapshot.begin(decision, now).filter(|_| held));
                    log.push((snapshot, request, *decision));
                    continue;
                }
                prop_assert_eq!(why.decision(), decision);
                let endpoint = snapshot.endpoint(decision).expect("its own decision");
                prop_assert!(std::ptr::eq(why.endpoint(), endpoint));
                let described = snapshot.describe(decision).expect("its own decision").to_string();
                prop_assert_eq!(why.to_string(), described);
                permits.extend(snapshot.begin(decision, now).filter(|_| held));
                prop_assert_eq!(snapshot.replay(&facts, decision), Some(Ok(*decision)), "{}", why);
                log.push((snapshot, request, *decision));
            }
            Step::Answer(at, took) if !permits.is_empty() => {
                let at = at.index(permits.len());
                permits[at].answered(Outcome::Success, traffic.now().after(Duration::from_millis(took)));
            }
            Step::End(at) if !permits.is_empty() => drop(permits.swap_remove(at.index(permits.len()))),
            Step::Answer(..) | Step::End(_) => {}
            // Where no cluster has a region of that number, nothing happens.
            Step::Evacuate(region, lasts) => {
                drop(traffic.evacuate(&format!("region-{region}"), Duration::from_millis(lasts)));
            }
            Step::Readmit(region) => drop(traffic.readmit(&format!("region-{region}"))),
            Step::Advance(by) => hand.advance(Duration::from_millis(by)),
            Step::Publish(other) => {
                traffic.publish(tables[usize::from(other)].clone()).expect("nobody else publishes");
            }
        }
    }
    Ok(log)
}

proptest! {
    #![proptest_config(config(160))]

    /// I-58: With requests in flight and answered, regions evacuated and warm-ups under way; a replay asks the record and
    /// no counter, so it says the same when everything has changed, or nothing once the view has.
    #[test]
    fn an_explanation_names_what_is_then_decided_and_a_replay_decides_it_again(
        specs in (specs(), specs()), requests in vec(requests(), 6), steps in steps(),
    ) {
        for (snapshot, request, decision) in explained(specs.into(), &requests, steps)? {
            let facts = Facts::http(&requests[request]).expect("as before");
            let again = snapshot.replay(&facts, &decision);
            prop_assert!(again.is_none_or(|again| again == Ok(decision)));
        }
    }
}

/// I-58: Under every pick and scope, with loads that are compared, bounds that are met and a region that goes; and once more
/// when every load has changed.
#[test]
fn every_pick_is_explained_and_replayed_under_load() {
    let weights = Weights::new(&[2, 1], &[2, 1], &[4, 1, 0, 2, 1]);
    let tight = Pick::Maglev(Maglev { size: None, max_load_percent: Some(100) });
    for pick in PICKS.into_iter().chain([tight]) {
        for scope in [None, Some(Scope::Cluster), Some(Scope::Region), Some(Scope::Endpoint)] {
            let (traffic, _hand) = traffic(weights.spec(|route| sticky(route, scope).pick(pick)), 1);
            let snapshot = traffic.snapshot();
            let (mut log, mut permits) = (Vec::new(), Vec::new());
            for (turn, word) in words(58, 400).enumerate() {
                if turn == 200 {
                    traffic.evacuate("r1", seconds(60)).expect("a region of that name");
                }
                let (key, draws) = (word.to_be_bytes(), Draws::from_word(word));
                let facts = || Facts::path("/").with_key(&key);
                let why = snapshot.explain(&facts(), draws, NOW).expect("an endpoint");
                let decision = snapshot.decide(&facts(), draws, NOW).expect("an endpoint");
                assert_eq!(why.decision(), &decision, "{pick:?}, {scope:?}");
                permits.extend(snapshot.begin(&decision, NOW));
                assert_eq!(snapshot.replay(&facts(), &decision), Some(Ok(decision)), "{pick:?}, {scope:?}: {why}");
                log.push((key, decision));
            }
            permits.truncate(20);
            for (key, decision) in log.split_off(200) {
                let again = snapshot.replay(&Facts::path("/").with_key(&key), &decision);
                assert_eq!(again, Some(Ok(decision)), "{pick:?}, {scope:?}");
            }
            for (key, decision) in log {
                let again = snapshot.replay(&Facts::path("/").with_key(&key), &decision);
                assert_eq!(again, None, "another view decided that");
            }
        }
    }
}

/// I-58: Also where a view still offers what an operator has taken out, here because a slow request's clock was read before
/// the evacuation ended.
#[test]
fn a_region_that_is_chosen_again_is_explained_and_replayed() {
    for scope in [None, Some(Scope::Region)] {
        let weights = Weights::new(&[1], &[2, 1, 1, 0], &[1, 1]);
        let at_once = contraflow::table::Failover::default().ramp(Duration::ZERO);
        let (traffic, hand) = traffic(weights.spec(|route| sticky(route, scope)).failover(at_once), 1);
        let (ended, before) = (NOW.after(seconds(20)), NOW.after(seconds(5)));
        traffic.evacuate("r0", seconds(10)).expect("a region of that name");
        hand.advance_to(ended);
        let snapshot = traffic.snapshot();
        let facts = || Facts::path("/");
        snapshot.decide(&facts(), Draws::from_word(0), ended).expect("the region is back in the view");
        let (mut again, mut back) = (0, 0);
        for word in words(58, 2000) {
            let (key, draws) = (word.to_be_bytes(), Draws::from_word(word));
            let facts = || facts().with_key(&key);
            back += usize::from(place(&snapshot, &snapshot.decide(&facts(), draws, ended).expect("a region"))[1] == 0);
            let why = snapshot.explain(&facts(), draws, before).expect("a region is left");
            let decision = snapshot.decide(&facts(), draws, before).expect("a region is left");
            assert_eq!(why.decision(), &decision);
            assert_eq!(snapshot.replay(&facts(), &decision), Some(Ok(decision)));
            assert!([1, 2].contains(&place(&snapshot, &decision)[1]), "{why}");
            let vetoed = decision.region_reason() == RegionReason::Vetoed;
            assert!(equal(decision.region_share(), if vetoed { (1, 2) } else { (1, 4) }), "{why}");
            again += usize::from(vetoed);
        }
        assert_eq!(again, back, "all that would have gone there");
        assert_share(again, 2000, 0.5, 0.0, "of two in four");
    }
}

/// I-58: A record that is asked about another request is answered somehow, and not as its own: whoever mixes up two
/// lines of a log must not be answered by a panic.
#[test]
fn a_replay_for_another_request_never_panics() {
    let spec = TableSpec::new()
        .cluster("one", |c| c.region("r", |r| r.endpoint("e", "10.0.0.1:80")))
        .cluster("three", |c| {
            ["a", "b", "r"]
                .into_iter()
                .fold(c, |c, name| c.region(name, |r| r.endpoint("e", "10.0.0.1:80").endpoint("f", "10.0.0.2:80")))
        })
        .route("one", |r| r.when(Match::new().path("/one")).to("one"))
        .route("three", |r| r.any().to("three"));
    let snapshot = in_force(spec);
    let [one, three] = ["/one", "/three"].map(Facts::path);
    for word in words(58, 50) {
        for (facts, other) in [(&one, &three), (&three, &one)] {
            let decision = snapshot.decide(facts, Draws::from_word(word), NOW).expect("an endpoint");
            assert_ne!(snapshot.replay(other, &decision), Some(Ok(decision)));
        }
    }
}
