//! A plain model, and whatever one may do to the real thing beside it.

use super::*;

#[derive(Clone, Debug)]
enum Act {
    Publish(Table),
    /// With the generation in force, or with one that is so far off.
    PublishIf(Table, u64),
    Rollback,
    /// To a generation so far back.
    RollbackTo(u64),
    Evacuate(&'static str, u64),
    Readmit(&'static str),
    Advance(u64),
    Pin,
    Unpin(Index),
    /// By the table in force, or by a pinned one.
    Begin(Option<Index>, u64),
    Answer(Index, bool),
    End(Index),
    Sweep,
}

const REGIONS: [&str; 3] = ["ap", "eu", "us"];

/// Tables over the same few names: clusters `api` and `web`, some of three regions, some of four endpoints.
fn few_names() -> impl Strategy<Value = Table> {
    let region = (prop::bool::ANY, 0..2u32, 0..3u32, 1..16u8, 0..3u32);
    let cluster = vec(region, 3);
    (cluster.clone(), cluster).prop_filter_map("nothing to send to", |clusters| {
        let spec = ["api", "web"].into_iter().zip([clusters.0, clusters.1]).fold(
            TableSpec::new().failover(at_once()),
            |spec, (name, all)| {
                spec.cluster(name, |cluster| {
                    let there = REGIONS.into_iter().zip(all).filter(|(_, region)| region.0);
                    there.fold(cluster, |cluster, (name, (_, rank, weight, endpoints, light))| {
                        cluster.region(name, |region| {
                            (0..4).filter(|bit| endpoints >> bit & 1 == 1).fold(
                                region.rank(rank).weight(weight),
                                |region, bit| {
                                    let weigh = if bit == light { 0 } else { bit + 1 };
                                    region.endpoint_with(format!("e{bit}"), "10.0.0.1:80", |e| e.weight(weigh))
                                },
                            )
                        })
                    })
                })
            },
        );
        let spec = spec
            .route("web", |route| route.when(Match::new().path_prefix("/web")).to("web"))
            .route("all", |route| route.any().split([("api", 2), ("web", 1)]));
        spec.build().ok()
    })
}

fn act() -> impl Strategy<Value = Act> {
    let region = prop::sample::select(&REGIONS[..]);
    prop_oneof![
        4 => few_names().prop_map(Act::Publish),
        1 => (few_names(), 0..3u64).prop_map(|(table, off)| Act::PublishIf(table, off)),
        2 => Just(Act::Rollback),
        1 => (0..40u64).prop_map(Act::RollbackTo),
        2 => (region.clone(), 1..20u64).prop_map(|(region, seconds)| Act::Evacuate(region, seconds)),
        1 => region.prop_map(Act::Readmit),
        2 => (0..8u64).prop_map(Act::Advance),
        2 => Just(Act::Pin),
        1 => any::<Index>().prop_map(Act::Unpin),
        6 => (prop::option::of(any::<Index>()), any::<u64>()).prop_map(|(pin, word)| Act::Begin(pin, word)),
        2 => (any::<Index>(), any::<bool>()).prop_map(|(at, well)| Act::Answer(at, well)),
        3 => any::<Index>().prop_map(Act::End),
        1 => Just(Act::Sweep),
    ]
}

type Key = (String, String, String);

/// What an endpoint's incarnation should have counted.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    open: u32,
    waiting: u32,
    successes: u64,
    failures: u64,
}

/// What should be so, in the plainest terms.
struct Model {
    generation: u64,
    now: u64,
    /// Generation, where its table was first in force, and the table.
    history: Vec<(u64, u64, Table)>,
    /// Until when, by region.
    out: BTreeMap<String, u64>,
    /// The incarnation of every endpoint in the table, as a place in `counted`.
    there: BTreeMap<Key, usize>,
    counted: Vec<Counted>,
    /// By generation, which incarnations a pin's names mean.
    pins: Vec<(u64, BTreeMap<Key, usize>)>,
    /// Each with its incarnation and whether it was answered.
    permits: Vec<(usize, bool)>,
}

fn keys(table: &Table) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    for cluster in table.clusters() {
        for region in cluster.regions() {
            for endpoint in region.endpoints() {
                keys.insert((cluster.name().to_string(), region.name().to_string(), endpoint.name().to_string()));
            }
        }
    }
    keys
}

impl Model {
    fn new(table: &Table) -> Self {
        let mut model = Model {
            generation: 0,
            now: 0,
            history: Vec::new(),
            out: BTreeMap::new(),
            there: BTreeMap::new(),
            counted: Vec::new(),
            pins: Vec::new(),
            permits: Vec::new(),
        };
        model.publish(table, None);
        model
    }

    fn publish(&mut self, table: &Table, origin: Option<u64>) {
        self.generation += 1;
        self.history.push((self.generation, origin.unwrap_or(self.generation), table.clone()));
        if self.history.len() > REMEMBERED {
            self.history.remove(0);
        }
        let keys = keys(table);
        self.there.retain(|key, _| keys.contains(key));
        for key in keys {
            let next = self.counted.len();
            if *self.there.entry(key).or_insert(next) == next {
                self.counted.push(Counted::default());
            }
        }
    }

    /// What a rollback goes back to.
    fn before(&self) -> Option<(u64, Table)> {
        let (_, origin, _) = self.history.last().expect("never empty");
        let (_, origin, table) = self.history.iter().rev().find(|(generation, ..)| generation < origin)?;
        Some((*origin, table.clone()))
    }

    fn is_out(&self, region: &str) -> bool {
        self.out.get(region).is_some_and(|until| self.now < *until)
    }

    /// Whether any table that is in force or pinned has the region, or it is out.
    fn knows(&self, region: &str) -> bool {
        let pinned = self.pins.iter().flat_map(|(_, there)| there.keys());
        self.is_out(region) || self.there.keys().chain(pinned).any(|(_, name, _)| name == region)
    }
}

/// The model beside the real thing.
struct Side {
    model: Model,
    traffic: Traffic,
    hand: ManualClock,
    pins: Vec<Pinned>,
    permits: Vec<Permit>,
}

impl Side {
    fn act(&mut self, act: Act) -> Result<(), TestCaseError> {
        let Side { model, traffic, hand, pins, .. } = self;
        match act {
            Act::Publish(table) => {
                let published = traffic.publish(table.clone()).expect("nothing refuses");
                model.publish(&table, None);
                prop_assert_eq!(published.generation().as_u64(), model.generation);
            }
            Act::PublishIf(table, off) => {
                let base = traffic.snapshot().generation().as_u64().saturating_sub(off);
                let base = traffic.history().iter().map(Revision::generation).find(|one| one.as_u64() == base);
                let Some(base) = base else { return Ok(()) };
                match traffic.publish_if(base, table.clone()) {
                    Ok(_) if off == 0 => model.publish(&table, None),
                    Err(PublishError::Conflict { expected, current }) if off > 0 => {
                        prop_assert_eq!((expected, current.as_u64()), (base, model.generation));
                    }
                    other => prop_assert!(false, "{other:?} for {off} generations ago"),
                }
            }
            Act::Rollback => match (traffic.rollback(), model.before()) {
                (Ok(published), Some((origin, table))) => {
                    model.publish(&table, Some(origin));
                    prop_assert_eq!(published.after(), &table);
                }
                (Err(PublishError::NothingBefore { oldest }), None) => {
                    prop_assert_eq!(oldest.as_u64(), model.history[0].0);
                }
                (done, _) => prop_assert!(false, "{done:?}"),
            },
            Act::RollbackTo(back) => {
                let wanted = traffic.history().into_iter().rev().nth(back as usize);
                let known = model.history.iter().rev().nth(back as usize).cloned();
                prop_assert_eq!(wanted.is_some(), known.is_some());
                if let (Some(wanted), Some((_, origin, table))) = (wanted, known) {
                    traffic.rollback_to(wanted.generation()).expect("it is remembered");
                    model.publish(&table, Some(origin));
                }
            }
            Act::Evacuate(region, time) => {
                let done = traffic.evacuate(region, seconds(time));
                prop_assert!(done.is_ok() || !model.knows(region), "{region}");
                if done.is_ok() {
                    model.out.insert(region.into(), model.now + time);
                }
            }
            Act::Readmit(region) => {
                if traffic.readmit(region).is_ok() {
                    model.out.remove(region);
                }
            }
            Act::Advance(time) => {
                hand.advance(seconds(time));
                model.now += time;
            }
            Act::Pin => {
                pins.push(traffic.snapshot());
                model.pins.push((model.generation, model.there.clone()));
            }
            Act::Unpin(at) if !pins.is_empty() => {
                let at = at.index(pins.len());
                drop(pins.remove(at));
                model.pins.remove(at);
            }
            Act::Sweep => drop(traffic.sweep()),
            Act::Unpin(_) => {}
            Act::Begin(..) | Act::Answer(..) | Act::End(_) => self.request(&act),
        }
        Ok(())
    }

    /// What a request does, or its end.
    fn request(&mut self, act: &Act) {
        let Side { model, traffic, pins, permits, .. } = self;
        match *act {
            Act::Begin(at, word) => {
                let at = at.filter(|_| !pins.is_empty()).map(|at| at.index(pins.len()));
                let (snapshot, there) = match at {
                    Some(at) => (pins[at].clone(), &model.pins[at].1),
                    None => (traffic.snapshot(), &model.there),
                };
                if let Ok(decision) = decide(&snapshot, word, traffic.now()) {
                    let names = snapshot.describe(&decision).expect("its own decision");
                    let key = (names.cluster(), names.region(), names.endpoint().name());
                    let key = (key.0.to_string(), key.1.to_string(), key.2.to_string());
                    let counted = there[&key];
                    permits.push(snapshot.begin(&decision, traffic.now()).expect("its own decision"));
                    model.permits.push((counted, false));
                    model.counted[counted].open += 1;
                    model.counted[counted].waiting += 1;
                }
            }
            Act::Answer(at, well) if !permits.is_empty() => {
                let at = at.index(permits.len());
                permits[at].answered(if well { Outcome::Success } else { Outcome::Failure }, traffic.now());
                let (counted, answered) = &mut model.permits[at];
                let counted = &mut model.counted[*counted];
                if !std::mem::replace(answered, true) {
                    counted.waiting -= 1;
                    *(if well { &mut counted.successes } else { &mut counted.failures }) += 1;
                }
            }
            Act::End(at) if !permits.is_empty() => {
                let at = at.index(permits.len());
                drop(permits.remove(at));
                let (counted, answered) = model.permits.remove(at);
                model.counted[counted].open -= 1;
                model.counted[counted].waiting -= u32::from(!answered);
            }
            _ => {}
        }
    }

    /// Whether everything that can be seen is as the model has it.
    fn agrees(&self, word: u64) -> Result<(), TestCaseError> {
        let Side { model, traffic, pins, .. } = self;
        let history: Vec<_> =
            traffic.history().into_iter().map(|one| (one.generation().as_u64(), one.table().clone())).collect();
        let expected: Vec<_> =
            model.history.iter().map(|(generation, _, table)| (*generation, table.clone())).collect();
        prop_assert_eq!(history, expected);
        let status = traffic.status();
        self.counts_agree(&status)?;
        let older: BTreeSet<_> = model.pins.iter().map(|pin| pin.0).filter(|one| *one < model.generation).collect();
        prop_assert_eq!(status.retired, older.len());
        let there: BTreeSet<_> = model.there.values().collect();
        let left = model.counted.iter().enumerate().filter(|(at, counted)| !there.contains(at) && counted.open > 0);
        prop_assert_eq!(status.draining, left.count());
        // I-01, I-23: every pin decides by its own table, and nobody sends where an operator has taken the region out.
        let own = (traffic.snapshot(), model.generation, &model.there);
        let pinned = pins.iter().zip(&model.pins).map(|(pin, (generation, there))| (pin.clone(), *generation, there));
        for (snapshot, generation, there) in pinned.chain([own]) {
            for word in [word, !word] {
                match decide(&snapshot, word, traffic.now()) {
                    Ok(decision) => {
                        prop_assert_eq!(decision.generation().as_u64(), generation);
                        let names = snapshot.describe(&decision).expect("its own decision");
                        prop_assert!(!model.is_out(names.region().as_str()), "{} is out", names.region());
                        prop_assert!(names.endpoint().weight() > 0);
                        let cluster = snapshot.table().cluster(names.cluster().as_str()).expect("it has decided");
                        let key = (
                            names.cluster().to_string(),
                            names.region().to_string(),
                            names.endpoint().name().to_string(),
                        );
                        prop_assert!(there.contains_key(&key));
                        // I-17, in part: no region of a lower rank serves while one of a higher may.
                        let rank =
                            |name: &str| cluster.regions().iter().find(|one| one.name() == name).map(Region::rank);
                        let may = |one: &&Region| {
                            one.weight() > 0
                                && !model.is_out(one.name().as_str())
                                && one.endpoints().iter().any(|one| one.weight() > 0)
                        };
                        let best = cluster.regions().iter().filter(may).map(Region::rank).min();
                        prop_assert_eq!(rank(names.region().as_str()), best);
                    }
                    Err(reason) => prop_assert_eq!(reason, Reason::NoEndpoint),
                }
            }
        }
        Ok(())
    }

    fn counts_agree(&self, status: &Status) -> Result<(), TestCaseError> {
        let model = &self.model;
        prop_assert_eq!(status.generation.as_u64(), model.generation);
        let mut seen = BTreeMap::new();
        for cluster in &status.clusters {
            for region in &cluster.regions {
                let out = model.out.get(region.name.as_str()).filter(|until| model.now < **until);
                prop_assert_eq!(region.readmitted_in, out.map(|until| seconds(until - model.now)));
                prop_assert!(out.is_none() || region.share.part() == 0);
                for endpoint in &region.endpoints {
                    let key = (cluster.name.to_string(), region.name.to_string(), endpoint.name.to_string());
                    let incarnation = model.there[&key];
                    let counted = model.counted[incarnation];
                    let found = (endpoint.in_flight, endpoint.waiting, endpoint.successes, endpoint.failures);
                    prop_assert_eq!(
                        found,
                        (counted.open, counted.waiting, counted.successes, counted.failures),
                        "{:?}",
                        key
                    );
                    // I-24: an incarnation's number stays its own, whatever is published.
                    prop_assert_eq!(seen.insert(endpoint.incarnation, incarnation), None);
                }
            }
        }
        prop_assert_eq!(seen.len(), model.there.len());
        // Numbered in the order in which they came.
        prop_assert!(seen.values().is_sorted(), "{:?}", seen);
        Ok(())
    }
}

proptest! {
    #![proptest_config(config(192))]

    /// I-01, I-04, I-23, I-24, I-33: Whatever is published, taken back, taken out, pinned, begun and ended, in any order.
    #[test]
    fn the_handle_does_what_a_plain_model_does(first in few_names(), acts in vec((act(), any::<u64>()), 1..60)) {
        let model = Model::new(&first);
        let (traffic, hand) = traffic(first);
        let mut side = Side { model, traffic, hand, pins: Vec::new(), permits: Vec::new() };
        side.agrees(0)?;
        for (act, word) in acts {
            side.act(act)?;
            side.agrees(word)?;
        }
        side.permits.clear();
        side.pins.clear();
        // The first sweep frees what was pinned, the second what only that still held.
        side.traffic.sweep();
        let swept = side.traffic.sweep();
        prop_assert_eq!((swept.retired, swept.draining), (0, 0));
        let status = side.traffic.status();
        let endpoints = status.clusters.iter().flat_map(|cluster| &cluster.regions).flat_map(|region| &region.endpoints);
        prop_assert!(endpoints.into_iter().all(|one| one.in_flight == 0 && one.waiting == 0));
        prop_assert!(status.clusters.iter().flat_map(|cluster| &cluster.regions).all(|region| region.in_flight == 0));
    }
}
