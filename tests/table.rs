//! What holds of every table: order and scale have no meaning, a diff is the whole change, one precedence decides, and no
//! spelling of a request and no header that the table does not name changes where it goes.
//!
//! Decisions are compared two ways. Two tables that are equal give equal [`Decision`]s, to the last field. Tables that
//! differ without meaning it give decisions that *say* the same ([`Said`]): the same names, shares in lowest terms, reasons
//! and key.
#![cfg(feature = "testing")]

use contraflow::decide::{ClusterReason, EndpointReason, RegionReason};
use contraflow::error::Reason;
use contraflow::table::{
    Capacity, FieldMatch, Knobs, Maglev, PathMatch, PathRules, RegionSpec, RouteSpec, Scope, ValueMatch,
};
use contraflow::testing::strategies::{matches, pick, requests, shuffled, specs, tables};
use contraflow::time::{Clock, Instant};
use contraflow::traffic::Pinned;
use contraflow::{
    Decision, Draws, Entropy, Facts, Match, Pick, Ratio, Share, SlowStart, Snapshot, Sticky, Table, TableSpec, Traffic,
};
use http::header::{HOST, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, FileFailurePersistence};
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

const NOW: Instant = Instant::START;

const PICKS: [Pick; 6] = [
    Pick::Random,
    Pick::RoundRobin,
    Pick::LeastInFlight,
    Pick::PeakEwma,
    Pick::Maglev(Maglev { size: Some(1021), max_load_percent: None }),
    Pick::Maglev(Maglev { size: Some(1021), max_load_percent: Some(125) }),
];

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..Config::default()
    }
}

/// A table in force, the same for every table that is equal: one clock, one stream of random words.
fn in_force(table: Table) -> Pinned {
    Traffic::with_sources(table, Clock::manual().0, Entropy::seeded(1)).snapshot()
}

/// A decision for a request that counts for nothing: no ticket is taken, so asking again gives the same.
fn look<B>(snapshot: &Snapshot, request: &Request<B>, word: u64) -> Result<Decision, Reason> {
    let facts = Facts::http(request).map_err(|rejected| rejected.reason())?;
    let why = snapshot.explain(&facts, Draws::from_word(word), NOW).map_err(|rejected| rejected.reason())?;
    Ok(*why.decision())
}

/// A decision for a request; a round robin takes its ticket.
fn decide<B>(snapshot: &Snapshot, request: &Request<B>, draws: Draws) -> Result<Decision, Reason> {
    let facts = Facts::http(request).map_err(|rejected| rejected.reason())?;
    snapshot.decide(&facts, draws, NOW).map_err(|rejected| rejected.reason())
}

/// What a decision says in names and shares, which another table can say too.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    route: String,
    matched: Match,
    place: [String; 3],
    shares: [(u64, u64); 2],
    reasons: (ClusterReason, RegionReason, EndpointReason),
    key: Option<u64>,
}

fn said(snapshot: &Snapshot, decision: &Decision) -> Said {
    let names = snapshot.describe(decision).expect("its own decision");
    Said {
        route: names.route().to_string(),
        matched: names.matched().clone(),
        place: [names.cluster().to_string(), names.region().to_string(), names.endpoint().name().to_string()],
        shares: [lowest_terms(decision.cluster_share()), lowest_terms(decision.region_share())],
        reasons: (decision.cluster_reason(), decision.region_reason(), decision.endpoint_reason()),
        key: decision.key_hash(),
    }
}

fn lowest_terms(share: Share) -> (u64, u64) {
    fn gcd(a: u64, b: u64) -> u64 {
        if b == 0 { a } else { gcd(b, a % b) }
    }
    let divisor = gcd(share.part(), share.whole()).max(1);
    (share.part() / divisor, share.whole() / divisor)
}

/// Fails unless both tables, put in force alike, make the same decisions one after the other, attempts and tickets included.
fn same_decisions(one: Table, other: Table, requests: &[Request<()>], words: &[u64]) -> Result<(), TestCaseError> {
    let (one, other) = (in_force(one), in_force(other));
    for request in requests {
        for (attempt, &word) in (0..).zip(words) {
            let draws = Draws::from_word(word).attempt(attempt % 3);
            prop_assert_eq!(decide(&one, request, draws), decide(&other, request, draws), "{:?}", request);
        }
    }
    Ok(())
}

// ---- I-05, I-06: a diff is the whole change, order is none.

/// A spec, and what somebody could make of it: nothing, another order, one value changed, parts of another table, or
/// another table.
fn pairs() -> impl Strategy<Value = (Table, Table)> {
    (specs(), specs(), 0..5u8, any::<u64>()).prop_filter_map("parts that fit together", |(old, other, kind, seed)| {
        let new = match kind {
            0 => old.clone(),
            1 => shuffled(&old, seed),
            2 | 3 => tweaked(&old, seed),
            4 if seed % 2 == 0 => mixed(&old, other, seed / 2),
            _ => other,
        };
        Some((old.build().ok()?, new.build().ok()?))
    })
}

/// The spec with one value changed, chosen by `seed`.
fn tweaked(spec: &TableSpec, seed: u64) -> TableSpec {
    let mut spec = spec.clone();
    let (what, at) = (seed % 18, (seed / 18) as usize);
    let (clusters, routes) = (spec.clusters.len(), spec.routes.len());
    let cluster = &mut spec.clusters[at % clusters];
    let regions = cluster.regions.len();
    let region = &mut cluster.regions[at % regions];
    let endpoints = region.endpoints.len();
    let endpoint = &mut region.endpoints[at % endpoints];
    let route = &mut spec.routes[at % routes];
    match what {
        0 => endpoint.weight = endpoint.weight / 2 + 1,
        1 => endpoint.address.push('1'),
        2 => endpoint.authority = Some("api.example:80".into()),
        3 => endpoint.tls_name = Some("api.example".into()),
        4 => endpoint.name.push('x'),
        5 => region.weight = region.weight / 2 + 1,
        6 => region.rank += 1,
        7 => region.capacity = Some(Capacity::InFlight(7)),
        8 => cluster.knobs.pick = Some(Pick::Maglev(Maglev { size: Some(13), max_load_percent: None })),
        9 => cluster.knobs.slow_start = Some(SlowStart::over(Duration::from_secs(7)).floor(Ratio::percent(3))),
        10 => route.split[0].weight = route.split[0].weight / 2 + 1,
        11 => route.knobs.deadline = Some(Duration::from_millis(1234)),
        12 => route.sticky = Some(Sticky::cookie("c").scope(Scope::Region)),
        13 => route.matches[0].method = Some(Method::PATCH),
        14 => spec.hash_seed ^= 1,
        15 => spec.paths.allow_empty_segments = true,
        16 => spec.defaults = Knobs { deadline: Some(Duration::MAX), ..spec.defaults },
        _ => route.name.push('x'),
    }
    spec
}

/// Clusters of both tables, the second's where both have one and `bits` says so, and the routes of one of them.
fn mixed(old: &TableSpec, other: TableSpec, bits: u64) -> TableSpec {
    let mut spec = old.clone();
    for (place, cluster) in other.clusters.into_iter().enumerate() {
        match spec.cluster_mut(&cluster.name) {
            Ok(known) if bits >> place & 1 == 1 => *known = cluster,
            Ok(_) => {}
            Err(_) => spec.clusters.push(cluster),
        }
    }
    if bits >> 32 & 1 == 1 {
        spec.routes = other.routes;
    }
    spec
}

proptest! {
    #![proptest_config(config(96))]

    /// I-05: empty iff the forms are equal, applied to the old table it gives the new one, and equal forms decide alike.
    #[test]
    fn a_diff_is_empty_exactly_when_the_forms_are_equal_and_applied_it_gives_the_new_table(
        (old, new) in pairs(), requests in vec(requests(), 8), words in vec(any::<u64>(), 4),
    ) {
        let equal = old.spec() == new.spec();
        let diff = old.diff(&new);
        prop_assert_eq!(diff.is_empty(), equal);
        prop_assert_eq!(diff.to_string().is_empty(), equal);
        prop_assert_eq!(old == new, equal);
        let applied = diff.apply(&old);
        prop_assert_eq!(applied.as_ref().map(Table::spec), Ok(new.spec()));
        let back = new.diff(&old).apply(&new);
        prop_assert_eq!(back.as_ref().map(Table::spec), Ok(old.spec()));
        let applied = applied.expect("as was just seen");
        prop_assert!(applied.diff(&new).is_empty());
        same_decisions(applied, new, &requests, &words)?;
        if equal {
            same_decisions(old.clone(), old.spec().clone().build().expect("a normal form builds"), &requests, &words)?;
        }
    }

    /// I-06: Clusters, regions, endpoints, routes, targets, matches and conditions have no order.
    #[test]
    fn a_table_in_another_order_is_the_same_table_and_makes_equal_decisions(
        spec in specs(), seed: u64, requests in vec(requests(), 12), words in vec(any::<u64>(), 6),
    ) {
        let (table, other) = (spec.clone().build().expect("sound"), shuffled(&spec, seed).build());
        prop_assert_eq!(other.as_ref(), Ok(&table));
        same_decisions(table, other.expect("as was just seen"), &requests, &words)?;
    }
}

// ---- I-09: only proportions of weights count.

/// Which weights are scaled.
#[derive(Clone, Copy, Debug)]
enum Level {
    Split,
    Regions,
    Endpoints,
    All,
}

/// Every weight of a level times `factor`.
fn scaled(spec: &TableSpec, level: Level, factor: u32) -> TableSpec {
    let mut spec = spec.clone();
    if matches!(level, Level::Split | Level::All) {
        spec.routes.iter_mut().flat_map(|route| &mut route.split).for_each(|target| target.weight *= factor);
    }
    for region in spec.clusters.iter_mut().flat_map(|cluster| &mut cluster.regions) {
        if matches!(level, Level::Regions | Level::All) {
            region.weight *= factor;
        }
        if matches!(level, Level::Endpoints | Level::All) {
            region.endpoints.iter_mut().for_each(|endpoint| endpoint.weight *= factor);
        }
    }
    spec
}

/// The spec with every weight brought down to at most `most`; what was zero stays zero, what was not does not become it.
fn with_weights_up_to(mut spec: TableSpec, most: u32) -> TableSpec {
    let shrink = |weight: &mut u32| *weight = if *weight == 0 { 0 } else { (*weight - 1) % most + 1 };
    spec.routes.iter_mut().flat_map(|route| &mut route.split).for_each(|target| shrink(&mut target.weight));
    for region in spec.clusters.iter_mut().flat_map(|cluster| &mut cluster.regions) {
        shrink(&mut region.weight);
        region.endpoints.iter_mut().for_each(|endpoint| shrink(&mut endpoint.weight));
    }
    spec
}

/// Fails unless both tables say the same of each request, whose tickets both take.
fn say_the_same(one: Table, other: Table, requests: &[Request<()>], words: &[u64]) -> Result<(), TestCaseError> {
    let (one, other) = (in_force(one), in_force(other));
    for request in requests {
        for &word in words {
            let draws = Draws::from_word(word);
            let (first, second) = (decide(&one, request, draws), decide(&other, request, draws));
            let (first, second) =
                (first.map(|decision| said(&one, &decision)), second.map(|decision| said(&other, &decision)));
            prop_assert_eq!(first, second);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(96))]

    /// I-09: Weights are proportions, up to the largest factor that they can be multiplied by.
    #[test]
    fn scaling_all_weights_of_a_level_changes_no_decision(
        spec in specs(),
        level in select(&[Level::Split, Level::Regions, Level::Endpoints, Level::All][..]),
        most in select(&[1u32, 10, 1000][..]),
        factor in any::<Index>(),
        requests in vec(requests(), 8),
        words in vec(any::<u64>(), 8),
    ) {
        let spec = with_weights_up_to(spec, most);
        let largest = u32::MAX / most;
        let factor = [2, 3, largest / 2, largest][factor.index(4)];
        let (table, other) = (spec.clone().build(), scaled(&spec, level, factor).build());
        say_the_same(table.expect("sound"), other.expect("as sound"), &requests, &words)?;
    }
}

/// A table with as many targets, regions and endpoints as fit, each of this weight, some of zero among them.
fn wide(weight: u32, pick: Pick, sticky: bool) -> Table {
    let endpoints = |region: RegionSpec, count: u32| {
        (0..count).fold(region, |region, place| {
            let weight = if place % 7 == 3 { 0 } else { weight };
            region.endpoint_with(format!("e{place}"), "10.0.0.1:80", |endpoint| endpoint.weight(weight))
        })
    };
    let mut spec = TableSpec::new().pick(pick);
    for cluster in 0..40 {
        spec = spec.cluster(format!("c{cluster}"), |c| {
            let regions = if cluster == 0 { 64 } else { 1 };
            (0..regions).fold(c, |c, region| {
                let count = if region == 0 && cluster == 0 { 1000 } else { 2 };
                c.region(format!("r{region}"), |r| endpoints(r.weight(weight), count))
            })
        });
    }
    let split = (0..40).map(|cluster| (format!("c{cluster}"), weight));
    let route = |r: RouteSpec| if sticky { r.sticky(Sticky::header("x-user")) } else { r };
    spec.route("all", |r| route(r.any().split(split.clone())))
        .route("first", |r| route(r.when(Match::new().path("/first")).to("c0")))
        .build()
        .expect("sound")
}

/// I-09: The sum of a region's weights is near `u32::MAX * n`.
#[test]
fn the_greatest_weights_decide_as_weights_of_one() {
    let request = |path: &str, user: u32| {
        Request::get(format!("http://a.test{path}")).header("x-user", user).body(()).expect("a sound request")
    };
    let words = Entropy::seeded(9);
    for pick in PICKS {
        for sticky in [false, true] {
            let (ones, most) = (in_force(wide(1, pick, sticky)), in_force(wide(u32::MAX, pick, sticky)));
            for user in 0..200 {
                let request = request(["/first", "/other"][user as usize % 2], user);
                let draws = words.draws();
                let [ones, most] = [&ones, &most].map(|snapshot| {
                    said(snapshot, &decide(snapshot, &request, draws).expect("a route and an endpoint"))
                });
                assert_eq!(ones, most, "{pick:?}");
            }
        }
    }
}

// ---- I-13: one total precedence.

/// Whether a match takes a request: the words of `Match`'s documentation, on strings.
fn takes(matching: &Match, request: &Request<()>) -> bool {
    let host = request.headers().get(HOST).map(|host| host.to_str().expect("ASCII"));
    let host_holds = match &matching.host {
        None => true,
        Some(pattern) => host.is_some_and(|host| match pattern.strip_prefix('*') {
            Some(suffix) => host.ends_with(suffix) && host.len() > suffix.len(),
            None => host == pattern,
        }),
    };
    let path = request.uri().path();
    let path_holds = match &matching.path {
        None => true,
        Some(PathMatch::Exact(exact)) => path == exact,
        Some(PathMatch::Prefix(prefix)) => {
            let prefix = prefix.trim_end_matches('/');
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        Some(PathMatch::Template(template)) => {
            let (pattern, segments): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
            pattern.len() == segments.len()
                && pattern.iter().zip(&segments).all(|(pattern, segment)| {
                    if pattern.starts_with('{') { !segment.is_empty() } else { pattern == segment }
                })
        }
    };
    let values = |name: &str| -> Vec<String> {
        let lines = request.headers().get_all(name);
        lines.iter().map(|value| value.to_str().expect("ASCII").to_owned()).collect()
    };
    let parameters = |name: &str| -> Vec<String> {
        let pairs = request.uri().query().into_iter().flat_map(|query| query.split('&'));
        pairs.filter_map(|pair| pair.split_once('=')).filter(|pair| pair.0 == name).map(|pair| pair.1.into()).collect()
    };
    let holds = |values: Vec<String>, wanted: &ValueMatch| match wanted {
        ValueMatch::Exact(text) => values.iter().any(|value| value == text),
        ValueMatch::Prefix(text) => values.iter().any(|value| value.starts_with(text.as_str())),
        ValueMatch::Present => !values.is_empty(),
        ValueMatch::Absent => values.is_empty(),
    };
    host_holds
        && path_holds
        && matching.method.as_ref().is_none_or(|method| method == request.method())
        && matching.headers.iter().all(|field| holds(values(&field.name), &field.value))
        && matching.query.iter().all(|field| holds(parameters(&field.name), &field.value))
}

/// Which of two matches that both take a request is asked first: the list in the documentation of precedence.
fn precedence(one: &Match, other: &Match) -> Ordering {
    let host = |matching: &Match| match matching.host.as_deref() {
        Some(host) if host.starts_with('*') => (1, Reverse(host.len())),
        Some(_) => (0, Reverse(0)),
        None => (2, Reverse(0)),
    };
    // By segment: a literal, a placeholder, the end, the end after which anything may follow.
    let segments = |matching: &Match| -> Vec<u8> {
        let (text, end) = match &matching.path {
            None => ("", 3),
            Some(PathMatch::Prefix(text)) => (text.trim_end_matches('/'), 3),
            Some(PathMatch::Exact(text) | PathMatch::Template(text)) => (text.as_str(), 2),
        };
        let is_template = matches!(matching.path, Some(PathMatch::Template(_)));
        let kinds = text.split('/').skip(1).map(|segment| u8::from(is_template && segment.starts_with('{')));
        kinds.chain([end]).collect()
    };
    // By name; exact, longer prefix, shorter prefix, present, absent; then by text.
    let conditions = |fields: &[FieldMatch]| -> Vec<(String, u8, Reverse<usize>, String)> {
        let mut all: Vec<_> = fields
            .iter()
            .map(|field| {
                let (kind, text) = match &field.value {
                    ValueMatch::Exact(text) => (0, text.as_str()),
                    ValueMatch::Prefix(text) => (1, text.as_str()),
                    ValueMatch::Present => (2, ""),
                    ValueMatch::Absent => (3, ""),
                };
                let length = if kind == 1 { text.len() } else { 0 };
                (field.name.clone(), kind, Reverse(length), text.to_owned())
            })
            .collect();
        all.sort();
        all
    };
    host(one)
        .cmp(&host(other))
        .then_with(|| segments(one).cmp(&segments(other)))
        .then_with(|| one.method.is_none().cmp(&other.method.is_none()))
        .then_with(|| other.headers.len().cmp(&one.headers.len()))
        .then_with(|| other.query.len().cmp(&one.query.len()))
        .then_with(|| conditions(&one.headers).cmp(&conditions(&other.headers)))
        .then_with(|| conditions(&one.query).cmp(&conditions(&other.query)))
}

/// Every match of every route is asked; of those that take the request, the first in precedence.
fn reference<'s>(spec: &'s TableSpec, request: &Request<()>) -> Option<(&'s str, &'s Match)> {
    let all = spec.routes.iter().flat_map(|route| route.matches.iter().map(move |one| (route.name.as_str(), one)));
    all.filter(|(_, matching)| takes(matching, request)).min_by(|one, other| precedence(one.1, other.1))
}

/// Many matches, one to three a route, to one cluster; what is refused is left out.
fn crowded() -> impl Strategy<Value = Table> {
    let slash = (matches(), any::<bool>()).prop_map(|(mut matching, slash)| {
        if let Some(PathMatch::Exact(path) | PathMatch::Template(path)) = &mut matching.path
            && slash
            && path.len() > 1
        {
            path.push('/');
        }
        matching
    });
    vec(vec(slash, 1..4), 1..24).prop_map(|routes| {
        let mut spec = TableSpec::new().cluster("c", |c| c.region("r", |r| r.endpoint("e", "e:1")));
        for (place, matches) in routes.into_iter().enumerate() {
            spec = spec.route(format!("route-{place}"), |r| RouteSpec { matches, ..r.to("c") });
        }
        loop {
            let error = match spec.clone().build() {
                Ok(table) => return table,
                Err(error) => error,
            };
            let refused: BTreeSet<_> =
                error.problems().iter().filter_map(|problem| problem.path().split('.').nth(1)).collect();
            for route in spec.routes.iter_mut().filter(|route| refused.contains(route.name.as_str())) {
                route.matches.pop();
            }
            spec.routes.retain(|route| !route.matches.is_empty());
            if spec.routes.is_empty() {
                spec = spec.route("any", |r| r.any().to("c"));
            }
        }
    })
}

/// A request that a match takes, or nearly.
fn aimed(matching: &Match, noise: u64) -> Request<()> {
    let host = matching.host.as_deref().unwrap_or("a.test").replacen('*', "x", 1);
    let path = match &matching.path {
        None => "/a/b".to_owned(),
        Some(PathMatch::Exact(path)) => path.clone(),
        Some(PathMatch::Prefix(path)) => format!("{path}{}", ["", "/", "/a", "/a/b", "c"][noise as usize % 5]),
        Some(PathMatch::Template(path)) => path.replace("{one}", "a").replace("{two}", ["b", "x"][noise as usize % 2]),
    };
    let path = path.replace("//", "/");
    let value = |field: &FieldMatch| match &field.value {
        ValueMatch::Exact(text) => Some(text.clone()),
        ValueMatch::Prefix(text) => Some(format!("{text}{}", ["", "3"][noise as usize / 5 % 2])),
        ValueMatch::Present => Some("1".to_owned()),
        ValueMatch::Absent => None,
    };
    let with_value = |field: &FieldMatch| value(field).map(|value| (field.name.clone(), value));
    let query: Vec<_> =
        matching.query.iter().filter_map(with_value).map(|(name, value)| format!("{name}={value}")).collect();
    let method = matching.method.clone().unwrap_or(Method::GET);
    let mut request = Request::builder().method(method).uri(format!("{path}?{}", query.join("&"))).header(HOST, host);
    for (name, value) in matching.headers.iter().filter_map(with_value) {
        request = request.header(name, value);
    }
    // One more value for a header that others may ask for.
    if (noise / 10).is_multiple_of(3) {
        request = request
            .header(["x-a", "x-b", "x-user"][noise as usize / 30 % 3], ["1", "2", "123"][noise as usize / 90 % 3]);
    }
    request.body(()).expect("a sound request")
}

/// The route that takes a request, and the match that held.
fn taker(snapshot: &Snapshot, request: &Request<()>) -> Option<(String, Match)> {
    match look(snapshot, request, 0) {
        Ok(decision) => {
            let said = said(snapshot, &decision);
            Some((said.route, said.matched))
        }
        Err(reason) => {
            assert_eq!(reason, Reason::NoRoute, "{request:?}");
            None
        }
    }
}

proptest! {
    #![proptest_config(config(192))]

    /// I-13: Precedence over all matches of all routes equals a naive linear reference.
    #[test]
    fn the_match_that_takes_a_request_is_the_one_that_a_linear_search_in_order_finds(
        table in crowded(), aims in vec((any::<Index>(), any::<u64>()), 24), others in vec(requests(), 12),
    ) {
        let snapshot = in_force(table.clone());
        let all: Vec<_> = table.spec().routes.iter().flat_map(|route| &route.matches).collect();
        let aimed = aims.iter().map(|(at, noise)| aimed(all[at.index(all.len())], *noise));
        for request in aimed.chain(others) {
            let expected = reference(table.spec(), &request);
            let expected = expected.map(|(route, matching)| (route.to_owned(), matching.clone()));
            prop_assert_eq!(taker(&snapshot, &request), expected, "{:?}", request);
        }
    }

    /// I-13: A route that does not match changes no decision.
    #[test]
    fn routes_that_do_not_take_a_request_can_come_and_go_without_it_noticing(
        table in crowded(), at in any::<Index>(), noise: u64, odd: u64,
    ) {
        let all: Vec<_> = table.spec().routes.iter().flat_map(|route| &route.matches).collect();
        let request = aimed(all[at.index(all.len())], noise);
        let taken_by = taker(&in_force(table.clone()), &request);
        let takes_it = |route: &RouteSpec| route.matches.iter().any(|one| takes(one, &request));
        for keep in [0, u64::MAX, odd] {
            let mut spec = table.spec().clone();
            let mut place = 0;
            spec.routes.retain(|route| {
                place += 1;
                takes_it(route) || keep >> (place % 64) & 1 == 1
            });
            if !spec.routes.is_empty() {
                let fewer = spec.build().expect("fewer matches overlap less");
                prop_assert_eq!(&taker(&in_force(fewer), &request), &taken_by);
            }
        }
    }

    /// I-13: Duplicates are refused however they are spelled, and both routes are named.
    #[test]
    fn the_same_match_in_another_spelling_is_refused_with_both_names(
        table in tables(), at in any::<Index>(), bits: u64,
    ) {
        let mut spec = table.spec().clone();
        let route = &spec.routes[at.index(spec.routes.len())];
        let (name, twin) = (route.name.clone(), respelled(&route.matches[0], bits));
        let cluster = spec.clusters[0].name.clone();
        // Sorted after the others, so it is the one that is told of.
        spec = spec.route("zz-twin", |r| r.when(twin).to(cluster));
        let error = spec.build().expect_err("it has one match twice");
        let told = format!("routes.zz-twin.matches: has the same match as route `{name}`; nothing could tell them apart");
        prop_assert!(error.problems().iter().any(|problem| problem.to_string() == told), "{}", error);
    }

    /// I-13: A match that two others cover is refused, with the names of all three.
    #[test]
    fn a_match_that_two_others_take_everything_of_is_refused_with_all_names(
        wide in matches(), by_query: bool, more in option::of(select(&["p", "x-a"][..])), seed: u64,
    ) {
        let narrow = |value: ValueMatch| {
            if by_query { wide.clone().query_is("cover", value) } else { wide.clone().header_is("x-cover", value) }
        };
        let (present, absent) = (narrow(ValueMatch::Present), narrow(ValueMatch::Absent));
        let build = |halves: &[(&str, &Match)]| {
            let spec = TableSpec::new().cluster("c", |c| c.region("r", |r| r.endpoint("e", "e:1")));
            let add = |spec: TableSpec, (name, one): &(&str, &Match)| spec.route(*name, |r| r.when((*one).clone()).to("c"));
            let spec = halves.iter().fold(add(spec, &("whole", &wide)), add);
            shuffled(&spec, seed).build()
        };
        let error = build(&[("here", &present), ("gone", &absent)]).expect_err("nothing is left for the third");
        prop_assert_eq!(
            error.to_string(),
            "the table has a problem: routes.whole.matches: can never be reached: routes `here` and `gone` together \
             take all it takes, before it"
        );
        // Half a cover leaves the other half.
        prop_assert!(build(&[("here", &present)]).is_ok() && build(&[("gone", &absent)]).is_ok());
        if let Some(name) = more.filter(|name| wide.headers.iter().chain(&wide.query).all(|field| field.name != *name)) {
            let less = if name == "p" { absent.clone().query(name, "1") } else { absent.clone().header(name, "1") };
            prop_assert!(build(&[("here", &present), ("gone", &less)]).is_ok());
        }
    }
}

/// The same match, spelled in another way.
fn respelled(matching: &Match, bits: u64) -> Match {
    let mut other = matching.clone();
    let path = |text: &str| encoded(text, bits, |character| character.is_ascii_alphanumeric());
    other.host = matching.host.as_ref().map(|host| format!("{}.", host.to_ascii_uppercase()));
    other.path = matching.path.as_ref().map(|one| match one {
        PathMatch::Exact(text) => PathMatch::Template(path(text)),
        PathMatch::Prefix(text) => PathMatch::Prefix(format!("{}/", path(text))),
        PathMatch::Template(text) => PathMatch::Template(text.replace("{one}", "{1}").replace("{two}", "{1}")),
    });
    if other.path == Some(PathMatch::Prefix("//".into())) {
        other.path = None;
    }
    for field in &mut other.headers {
        field.name.make_ascii_uppercase();
    }
    for field in &mut other.query {
        field.name = encoded(&field.name, bits, |_| true);
    }
    other.headers.reverse();
    other.query.reverse();
    other
}

/// The text with some of its characters percent-encoded: those that `may` be and that `bits` choose, in either case.
fn encoded(text: &str, bits: u64, may: impl Fn(char) -> bool) -> String {
    let mut out = String::new();
    for (place, character) in text.chars().enumerate() {
        let bits = bits.rotate_right(2 * (place as u32 % 32));
        if !may(character) || bits & 1 == 0 {
            out.push(character);
            continue;
        }
        for byte in character.to_string().bytes() {
            let written = if bits & 2 == 0 { write!(out, "%{byte:02x}") } else { write!(out, "%{byte:02X}") };
            written.expect("a string takes everything");
        }
    }
    out
}

// ---- I-66: one reading for every spelling.

/// The request with its host spelled in another way: another case, a port, the root's dot, in the URI, in the header, or in
/// both.
fn with_host_spelled(request: &Request<()>, host: &str, bits: u64) -> Request<()> {
    let cased: String = host
        .chars()
        .enumerate()
        .map(|(place, c)| if bits >> (place % 32) & 1 == 1 { c.to_ascii_uppercase() } else { c })
        .collect();
    let dot = ["", "."][(bits >> 32 & 1) as usize];
    let port = ["", ":", ":80", ":443", ":65535"][(bits >> 33) as usize % 5];
    let spelled = format!("{cased}{dot}{port}");
    let mut other = request.clone();
    let place = (bits >> 40) % 4;
    if place != 0 {
        let path = request.uri().path_and_query().expect("a path");
        *other.uri_mut() = format!("http://{spelled}{path}").parse().expect("a sound URI");
    }
    match place {
        1 => drop(other.headers_mut().remove(HOST)),
        // The plain spelling stays in the header: two spellings of one host are no mismatch.
        2 => {}
        _ => drop(other.headers_mut().insert(HOST, HeaderValue::from_str(&spelled).expect("ASCII"))),
    }
    other
}

proptest! {
    #![proptest_config(config(128))]

    /// I-66: Case, port and the root's dot are spellings of one host, wherever it stands.
    #[test]
    fn no_spelling_of_a_host_changes_a_decision(
        table in tables(), requests in vec((requests(), any::<u64>()), 12), word: u64,
    ) {
        let snapshot = in_force(table);
        for (request, bits) in &requests {
            let Some(host) = request.headers().get(HOST).map(|host| host.to_str().expect("ASCII")) else { continue };
            let other = with_host_spelled(request, host, *bits);
            prop_assert_eq!(look(&snapshot, &other, word), look(&snapshot, request, word), "{:?}", other);
        }
    }

    /// I-66: An escape is a spelling of its character, in paths and in queries, where the character delimits nothing.
    #[test]
    fn no_escape_in_a_path_or_query_changes_a_decision(
        table in tables(), requests in vec((requests(), any::<u64>()), 12), word: u64,
    ) {
        let snapshot = in_force(table);
        for (request, bits) in &requests {
            let mut other = request.clone();
            let path = encoded(request.uri().path(), *bits, |character| character != '/');
            let query = request.uri().query().map(|query| format!("?{}", encoded(query, bits.rotate_left(7), |character| !"&=+".contains(character))));
            *other.uri_mut() = format!("{path}{}", query.unwrap_or_default()).parse().expect("a sound URI");
            prop_assert_eq!(look(&snapshot, &other, word), look(&snapshot, request, word), "{:?}", other);
        }
    }

    /// I-66: Whatever bytes come in, the answer is a decision or a typed refusal, and it is the same one again.
    #[test]
    fn mutated_uris_and_host_headers_are_decided_or_refused_and_never_panic(
        table in tables(), rules in any::<[bool; 3]>(),
        uri in select(&["/a/b?p=1&q=2", "http://a.test:80/a/d.e", "http://x.a.test/%61/b/", "//a/../b", "*", "http://[::1]:8/a"][..]),
        host in select(&["a.test", "X.A.Test.:80", "[::1]:80", "", "b.test:", "user@a.test"][..]),
        edits in vec((any::<Index>(), any::<u8>(), 0..4u8, any::<bool>()), 0..6),
        word: u64,
    ) {
        let [allow_dot_segments, allow_encoded_slashes, allow_empty_segments] = rules;
        let spec = table.spec().clone().paths(PathRules { allow_dot_segments, allow_encoded_slashes, allow_empty_segments });
        let snapshot = in_force(spec.build().expect("sound whatever it allows"));
        let (mut uri, mut host) = (uri.as_bytes().to_vec(), host.as_bytes().to_vec());
        for (at, byte, kind, in_host) in edits {
            // Half of the bytes are ones that mean something.
            let byte = if byte < 128 { byte } else { b"/.%2fFeE5cC\\;?#@:[]\t\0 *\xff\xc3"[at.index(25)] };
            let text = if in_host { &mut host } else { &mut uri };
            let at = at.index(text.len() + 1);
            match kind {
                0 => text.insert(at, byte),
                1 if at < text.len() => drop(text.remove(at)),
                _ if at < text.len() => text[at] = byte,
                _ => text.push(byte),
            }
        }
        let (Ok(uri), Ok(host)) = (Uri::try_from(uri), HeaderValue::from_bytes(&host)) else { return Ok(()) };
        let mut request = Request::new(());
        *request.uri_mut() = uri;
        request.headers_mut().insert(HOST, host);
        match Facts::http(&request) {
            Err(rejected) => prop_assert!(
                matches!(rejected.reason(), Reason::BadHost | Reason::HostMismatch), "{:?}: {}", request, rejected
            ),
            Ok(facts) => {
                let host = facts.host().unwrap_or("none");
                let is_normal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.:[]".contains(&byte);
                prop_assert!(host.bytes().all(is_normal) && !host.ends_with('.'), "{}", host);
            }
        }
        let decided = look(&snapshot, &request, word);
        if let Err(reason) = decided {
            let known = [Reason::BadHost, Reason::HostMismatch, Reason::BadPath, Reason::NoRoute, Reason::NoEndpoint];
            prop_assert!(known.contains(&reason));
        }
        prop_assert_eq!(look(&snapshot, &request, word), decided);
    }
}

/// Everything below `/admin` to one cluster, everything else to another.
fn guarded(rules: PathRules) -> Pinned {
    let cluster = |spec: TableSpec, name: &str| spec.cluster(name, |c| c.region("r", |r| r.endpoint("e", "e:1")));
    let spec = ["admin", "open"].into_iter().fold(TableSpec::new().paths(rules), cluster);
    let spec = spec
        .route("admin", |r| r.when(Match::new().path_prefix("/admin")).to("admin"))
        .route("open", |r| r.any().to("open"));
    in_force(spec.build().expect("sound"))
}

/// Whether a path is below `/admin` in each of the ways in which servers read one: encoded slashes, backslashes and
/// parameters after dots are taken for what they mean or for text, dot segments and empty segments are resolved or kept.
fn readings(path: &str) -> BTreeSet<bool> {
    let mut readings = BTreeSet::new();
    for way in 0..32u8 {
        let [slashes, backslashes, parameters, dots, merges] = [0, 1, 2, 3, 4].map(|bit| way >> bit & 1 == 1);
        let mut text = Vec::new();
        let bytes = path.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let hex = path.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
            match (byte, hex) {
                (b'%', Some(meant)) if slashes || meant != b'/' => {
                    text.push(meant);
                    at += 3;
                }
                _ => {
                    text.push(byte);
                    at += 1;
                }
            }
        }
        let text: Vec<u8> =
            text.into_iter().map(|byte| if backslashes && byte == b'\\' { b'/' } else { byte }).collect();
        let mut segments: Vec<&[u8]> = Vec::new();
        for segment in text.strip_prefix(b"/").unwrap_or(&text).split(|&byte| byte == b'/') {
            let bare = segment.split(|&byte| byte == b';').next().unwrap_or(segment);
            let name = if parameters && (bare == b"." || bare == b"..") { bare } else { segment };
            match name {
                b"." if dots => {}
                b".." if dots => drop(segments.pop()),
                b"" if merges => {}
                _ => segments.push(segment),
            }
        }
        readings.insert(segments.first() == Some(&&b"admin"[..]));
    }
    readings
}

proptest! {
    #![proptest_config(config(2048))]

    /// I-66: What one server could read as `/admin` and another not is refused; the rest goes where all of them read it.
    #[test]
    fn no_spelling_of_a_path_walks_around_a_prefix_unless_it_is_refused(
        pieces in vec(
            select(&[
                "/", "/", "admin", "admin", "%61dmin", "adm%69N", "adm%69n", "users", "x", "//", "/./", "/../", "/..", "/.",
                "..", ".", "%2e", "%2E%2e", ".%2e", "%2f", "%2F", "%5c", "\\", "/..;a=b/", "/%2e%2e;/", "%", "%zz", "%00", "%7F",
                "%25", "?", "%C3%BC",
            ][..]),
            1..9,
        ),
    ) {
        let text = format!("/{}", pieces.concat());
        let Ok(uri) = text.parse::<Uri>() else { return Ok(()) };
        let mut request = Request::new(());
        *request.uri_mut() = uri;
        let snapshot = guarded(PathRules::default());
        match look(&snapshot, &request, 0) {
            Err(reason) => prop_assert_eq!(reason, Reason::BadPath),
            Ok(decision) => {
                let route = said(&snapshot, &decision).route;
                prop_assert_eq!(readings(request.uri().path()), BTreeSet::from([route == "admin"]), "{} by {}", text, route);
            }
        }
    }
}

/// I-66: The plain path and its plain neighbours, so that the property above is not about refusals alone.
#[test]
fn what_is_below_admin_is_admins_in_every_spelling_that_is_let_through() {
    let snapshot = guarded(PathRules::default());
    let route = |path: &str| {
        let request = Request::get(path).body(()).expect("a sound request");
        look(&snapshot, &request, 0).map(|decision| said(&snapshot, &decision).route)
    };
    for path in ["/admin", "/admin/", "/admin/users", "/%61dmin/users", "/%61%64%6D%69%6e", "http://h.test/adm%69n?/x"]
    {
        assert_eq!(route(path).as_deref(), Ok("admin"), "{path}");
    }
    for path in ["/", "/administrator", "/Admin", "/x/admin", "/admin%20", "/?/admin", "/admin%252f"] {
        assert_eq!(route(path).as_deref(), Ok("open"), "{path}");
    }
    for path in
        ["/x/../admin", "//admin", "/x/..%2fadmin", "/admin%2fusers", "/admin/..;/x", "/admin\\users", "/%2e/admin"]
    {
        assert_eq!(route(path), Err(Reason::BadPath), "{path}");
    }
}

/// I-66: What a segment may hold as it is (RFC 3986's `pchar`: `:`, `@` and the sub-delimiters) is the same to a server with
/// and without its escape, so an escape must not walk around a match that names it.
#[test]
fn an_escape_of_a_delimiter_that_a_segment_may_hold_walks_around_no_match() {
    let cluster = |spec: TableSpec, name: &str| spec.cluster(name, |c| c.region("r", |r| r.endpoint("e", "e:1")));
    let mut walked = Vec::new();
    for delimiter in ":@!$&'()*+,=".chars().filter(|delimiter| *delimiter != '*') {
        let path = format!("/v1/users{delimiter}purge");
        let spec = ["admin", "open"].into_iter().fold(TableSpec::new(), cluster);
        let spec =
            spec.route("admin", |r| r.when(Match::new().path(&path)).to("admin")).route("open", |r| r.any().to("open"));
        let snapshot = in_force(spec.build().expect("sound"));
        let get = |path: &str| {
            let request = Request::get(path).body(()).expect("a sound request");
            look(&snapshot, &request, 0).map(|decision| said(&snapshot, &decision).route)
        };
        assert_eq!(get(&path).as_deref(), Ok("admin"), "{path}");
        let escaped = encoded(&path, u64::MAX, |character| character == delimiter);
        if !matches!(get(&escaped).as_deref(), Ok("admin") | Err(Reason::BadPath)) {
            walked.push(escaped);
        }
    }
    assert!(walked.is_empty(), "these reach another route than the path they spell: {walked:?}");
}

/// I-66: A path outside ASCII is one path, whether it comes as its bytes or, as every client sends it, as their escapes.
#[test]
fn a_path_outside_ascii_is_matched_in_both_of_its_spellings() {
    let cluster = |spec: TableSpec, name: &str| spec.cluster(name, |c| c.region("r", |r| r.endpoint("e", "e:1")));
    let mut lost = Vec::new();
    for pattern in ["/caf\u{e9}", "/caf%c3%a9"] {
        let spec = ["admin", "open"].into_iter().fold(TableSpec::new(), cluster);
        let spec = spec
            .route("admin", |r| r.when(Match::new().path(pattern)).to("admin"))
            .route("open", |r| r.any().to("open"));
        let Ok(table) = spec.build() else { continue };
        let snapshot = in_force(table);
        for path in ["/caf\u{e9}", "/caf%C3%A9", "/caf%c3%a9"] {
            let Ok(uri) = Uri::try_from(path.as_bytes()) else { continue };
            let mut request = Request::new(());
            *request.uri_mut() = uri;
            let route = look(&snapshot, &request, 0).map(|decision| said(&snapshot, &decision).route);
            if !matches!(route.as_deref(), Ok("admin") | Err(Reason::BadPath)) {
                lost.push((pattern, path));
            }
        }
    }
    assert!(lost.is_empty(), "(match, path that goes elsewhere): {lost:?}");
}

/// I-66: Each kind of ambiguous path is let through by its own name only, and what is broken by none.
#[test]
fn ambiguous_paths_are_refused_unless_their_kind_is_allowed_by_name() {
    let kinds: [&[&str]; 3] = [
        &["/admin/../x", "/.", "/x/..", "/%2e%2E/x", "/x/.%2e/", "/..;v=1/x"],
        &["/x%2fy", "/x%2Fy", "/x%5cy", "/x%5Cy", "/x\\y", "/%2f"],
        &["//", "//admin", "/x//y", "/admin//"],
    ];
    for allowed in 0..8u8 {
        let [allow_dot_segments, allow_encoded_slashes, allow_empty_segments] =
            [0, 1, 2].map(|bit| allowed >> bit & 1 == 1);
        let snapshot = guarded(PathRules { allow_dot_segments, allow_encoded_slashes, allow_empty_segments });
        let is_let_through = |path: &str| {
            let mut request = Request::new(());
            *request.uri_mut() = format!("http://h.test{path}").parse().expect("a sound URI");
            match look(&snapshot, &request, 0) {
                Ok(_) => true,
                Err(reason) => {
                    assert_eq!(reason, Reason::BadPath, "{path}");
                    false
                }
            }
        };
        for (kind, paths) in kinds.iter().enumerate() {
            for path in *paths {
                assert_eq!(is_let_through(path), allowed >> kind & 1 == 1, "{path} where {allowed:03b} is allowed");
            }
        }
        assert_eq!(is_let_through("/x/..//%2f"), allowed == 7, "all three at once");
        for broken in ["/%", "/%2", "/%zz", "/a%00", "/a%0a", "/a%1F", "/a%7f"] {
            assert!(!is_let_through(broken), "{broken}");
        }
        assert!(is_let_through("/x/y.z/..a/.b/%2e%2ec"));
    }
}

// ---- I-67: untrusted headers.

const UNTRUSTED: [&str; 24] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "forwarded",
    "x-real-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "x-contraflow-attempt",
    "x-contraflow-route",
    "x-contraflow-region",
    "x-contraflow-override",
    "x-contraflow-priority",
    "idempotency-key",
    "grpc-timeout",
    "grpc-previous-rpc-attempts",
    "x-envoy-attempt-count",
    "x-envoy-retry-on",
    "x-request-id",
    "traceparent",
    "priority",
    "authorization",
    "via",
];

proptest! {
    #![proptest_config(config(128))]

    /// I-67: Headers that the table does not name change no decision, to its last field.
    #[test]
    fn headers_that_the_table_does_not_name_change_nothing(
        table in tables(),
        requests in vec(requests(), 8),
        known in vec((select(&UNTRUSTED[..]), "[ -~]{0,20}"), 0..8),
        unknown in vec(("[a-z][a-z0-9-]{0,12}", vec(any::<u8>(), 0..12)), 0..6),
        word: u64,
    ) {
        let snapshot = in_force(table);
        // What the strategies' tables may name, and the host, which is a fact.
        let named = ["x-a", "x-b", "x-user", "host"];
        let unknown = unknown.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let headers: Vec<_> = known.iter().map(|(name, value)| (*name, value.clone().into_bytes())).chain(unknown).collect();
        for request in &requests {
            let mut other = request.clone();
            for (name, value) in headers.iter().filter(|(name, _)| !named.contains(name)) {
                let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) else {
                    continue;
                };
                other.headers_mut().append(name, value);
            }
            prop_assert_eq!(look(&snapshot, &other, word), look(&snapshot, request, word), "{:?}", other);
        }
    }

    /// I-67: Under every pick, an attempt's count or a region that a caller names moves it nowhere.
    #[test]
    fn headers_that_name_targets_of_the_table_change_nothing(
        pick in pick(), sticky: bool, header in select(&UNTRUSTED[..]), value in select(&["far", "c", "d", "1", "5m"][..]), word: u64,
    ) {
        let table = TableSpec::new()
            .pick(pick)
            .cluster("c", |c| {
                c.region("near", |r| r.weight(3).endpoint("a", "a:1").endpoint("b", "b:1"))
                    .region("far", |r| r.endpoint("d", "d:1"))
            })
            .cluster("d", |c| c.region("near", |r| r.endpoint("x", "x:1")))
            .route("all", |r| {
                let r = r.any().split([("c", 3), ("d", 1)]);
                if sticky { r.sticky(Sticky::header("x-user").or_cookie("user")) } else { r }
            });
        let snapshot = in_force(table.build().expect("sound"));
        let plain = Request::get("http://a.test/").header("x-user", "7").body(()).expect("a sound request");
        let mut other = plain.clone();
        other.headers_mut().insert(header, HeaderValue::from_static(value));
        prop_assert_eq!(look(&snapshot, &other, word), look(&snapshot, &plain, word));
    }
}
