//! Tables and requests for property tests, drawn so that they meet: few hosts, few segments, few values.

use crate::entropy::{Entropy, below};
use crate::protocol::Priority;
use crate::table::{
    Adaptive, Aimd, Algorithm, AwsQuota, Backoff, Claims, ClusterSpec, EnvoyInFlight, Failover, FieldMatch, Finagle,
    Gradient2, GrpcThrottle, Hedge, HedgeDelay, Idempotency, Jitter, KeySource, Knobs, LeaveRegion, Limit, Maglev,
    Match, PathMatch, Pick, PriorityRule, Queue, Retry, RetryBudget, Scope, SlowStart, Sticky, Successes, Table,
    TableSpec, TargetSpec, TrustRule, ValueMatch, Vegas,
};
use crate::unit::Ratio;
use http::{HeaderName, HeaderValue, Method, Request};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::time::Duration;

const HOSTS: [&str; 5] = ["a.test", "b.test", "x.a.test", "y.x.a.test", "c.d.test"];
const HOST_PATTERNS: [&str; 6] = ["a.test", "x.a.test", "b.test", "*.a.test", "*.x.a.test", "*.test"];
const SEGMENTS: [&str; 4] = ["a", "b", "c", "d.e"];
const TEMPLATE_SEGMENTS: [&str; 4] = ["a", "b", "{one}", "{two}"];
const HEADERS: [&str; 3] = ["x-a", "x-b", "x-user"];
const PARAMETERS: [&str; 2] = ["p", "q"];
const VALUES: [&str; 4] = ["1", "2", "12", "123"];
const METHODS: [Method; 3] = [Method::GET, Method::POST, Method::DELETE];

/// Specs that build, with every kind of match, split, policy and weight.
pub fn specs() -> impl Strategy<Value = TableSpec> {
    let trusts = vec((matches(), claims()).prop_map(|(when, claims)| TrustRule { when, claims }), 0..4);
    let table = (option::of(pick()), sent_again(), option::weighted(0.5, trusts), any::<u64>());
    (vec(cluster(), 1..5), vec(route(), 1..12), table).prop_map(|(clusters, routes, table)| {
        let (pick, (retry, hedge), trusts, hash_seed) = table;
        let defaults = Knobs { pick, retry, hedge, ..Knobs::default() };
        let mut spec = TableSpec { defaults, hash_seed, trusts: trusts.unwrap_or_default(), ..TableSpec::new() };
        for (place, regions) in clusters.into_iter().enumerate() {
            spec = spec.cluster(format!("cluster-{place}"), |cluster| regions.describe(cluster));
        }
        for (place, route) in routes.into_iter().enumerate() {
            let clusters = spec.clusters.len();
            spec = spec.route(format!("route-{place}"), |mut built| {
                built.matches = route.matches;
                built.sticky = route.sticky;
                built.knobs = route.knobs;
                built.limit = route.limit;
                built.priority = route.priority;
                built.priorities = route.priorities;
                for (cluster, weight) in route.split {
                    built.reweight(&format!("cluster-{}", cluster % clusters), weight);
                }
                built
            });
        }
        until_sound(&mut spec);
        spec
    })
}

/// Tables, built.
pub fn tables() -> impl Strategy<Value = Table> {
    specs().prop_filter_map("a spec that does not build", |spec| spec.build().ok())
}

/// Knobs of retries and hedges that fit those of every other: which are unset, and which switch off, is chance.
fn sent_again() -> impl Strategy<Value = (Option<Retry>, Option<Hedge>)> {
    (option::weighted(0.3, retry()), option::weighted(0.2, hedge()))
}

/// The same spec with everything whose order has no meaning in another order.
pub fn shuffled(spec: &TableSpec, seed: u64) -> TableSpec {
    let entropy = Entropy::seeded(seed);
    let mut spec = spec.clone();
    for cluster in &mut spec.clusters {
        for region in &mut cluster.regions {
            shuffle(&mut region.endpoints, &entropy);
        }
        shuffle(&mut cluster.regions, &entropy);
        cluster.limit.iter_mut().for_each(|limit| shuffle_limit(limit, &entropy));
    }
    let conditions = |matching: &mut Match| {
        shuffle(&mut matching.headers, &entropy);
        shuffle(&mut matching.query, &entropy);
    };
    spec.trusts.iter_mut().for_each(|rule| conditions(&mut rule.when));
    shuffle(&mut spec.trusts, &entropy);
    for route in &mut spec.routes {
        route.matches.iter_mut().for_each(conditions);
        shuffle(&mut route.matches, &entropy);
        shuffle(&mut route.split, &entropy);
        shuffle(&mut route.priorities, &entropy);
        route.limit.iter_mut().for_each(|limit| shuffle_limit(limit, &entropy));
    }
    shuffle(&mut spec.clusters, &entropy);
    shuffle(&mut spec.routes, &entropy);
    spec
}

fn shuffle_limit(limit: &mut Limit, entropy: &Entropy) {
    limit.partitions.iter_mut().for_each(|one| shuffle(&mut one.when, entropy));
    shuffle(&mut limit.partitions, entropy);
}

/// Fisher and Yates.
fn shuffle<T>(items: &mut [T], entropy: &Entropy) {
    for end in (1..items.len()).rev() {
        items.swap(end, below(entropy.word(), end as u64 + 1) as usize);
    }
}

/// Requests that the tables have something to say about, some with odd spellings.
pub fn requests() -> impl Strategy<Value = Request<()>> {
    let fields = |names: &'static [&'static str]| vec((select(names), select(&VALUES[..])), 0..3);
    let host = option::weighted(0.9, select(&HOSTS[..]));
    let path = vec(select(&SEGMENTS[..]), 0..5);
    let parts = (host, path, any::<bool>(), select(&METHODS[..]), fields(&HEADERS), fields(&PARAMETERS));
    parts.prop_filter_map("a URI of sound parts", |(host, path, trailing, method, headers, query)| {
        let slash = if trailing && !path.is_empty() { "/" } else { "" };
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = format!("/{}{slash}{mark}{}", path.join("/"), query.join("&")).parse().ok()?;
        if let Some(host) = host {
            request.headers_mut().insert(http::header::HOST, HeaderValue::from_static(host));
        }
        for (name, value) in headers {
            request.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Some(request)
    })
}

/// One match, of any kind.
pub fn matches() -> impl Strategy<Value = Match> {
    let segments =
        |from: &'static [&'static str]| vec(select(from), 0..4).prop_map(|parts| format!("/{}", parts.join("/")));
    let path = prop_oneof![
        segments(&SEGMENTS).prop_map(PathMatch::Exact),
        segments(&SEGMENTS).prop_map(PathMatch::Prefix),
        segments(&TEMPLATE_SEGMENTS).prop_map(PathMatch::Template),
    ];
    let value = prop_oneof![
        3 => select(&VALUES[..]).prop_map(|value| ValueMatch::Exact(value.into())),
        1 => select(&VALUES[..]).prop_map(|value| ValueMatch::Prefix(value.into())),
        1 => Just(ValueMatch::Present),
        1 => Just(ValueMatch::Absent),
    ];
    let fields = |names: &'static [&'static str]| {
        btree_map(select(names), value.clone(), 0..3).prop_map(|fields| {
            fields.into_iter().map(|(name, value)| FieldMatch { name: name.into(), value }).collect::<Vec<_>>()
        })
    };
    let host = option::of(select(&HOST_PATTERNS[..]).prop_map(String::from));
    let conditions = (
        option::weighted(0.3, select(&METHODS[..])),
        option::weighted(0.3, fields(&HEADERS)),
        option::weighted(0.2, fields(&PARAMETERS)),
    );
    (host, option::weighted(0.8, path), conditions).prop_map(|(host, path, (method, headers, query))| Match {
        host,
        path,
        method,
        headers: headers.unwrap_or_default(),
        query: query.unwrap_or_default(),
    })
}

/// Every way to pick.
pub fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![
        Just(Pick::Random),
        Just(Pick::RoundRobin),
        Just(Pick::LeastInFlight),
        Just(Pick::PeakEwma),
        option::of(100u32..300).prop_map(|max_load_percent| Pick::Maglev(Maglev { size: Some(251), max_load_percent })),
    ]
}

/// Limits of every kind, none of which a few requests reach.
pub fn limit() -> impl Strategy<Value = Limit> {
    let number = 1000u32..2000;
    let algorithm = number.prop_flat_map(|number| {
        prop_oneof![
            Just(Limit::fixed(number)),
            Just(Limit::of(Algorithm::Adaptive(Adaptive { initial: number, max: 3000, ..Adaptive::default() }))),
            Just(Limit::of(Algorithm::Aimd(Aimd { initial: number, max: 3000, ..Aimd::by(Duration::from_secs(1)) }))),
            Just(Limit::of(Algorithm::Vegas(Vegas { initial: number, max: 3000, ..Vegas::default() }))),
            Just(Limit::of(Algorithm::Gradient2(Gradient2 { initial: number, max: 3000, ..Gradient2::default() }))),
        ]
    });
    (algorithm, option::weighted(0.3, 1u32..100), 0u8..3, any::<bool>()).prop_map(
        |(limit, queue, partitions, is_dark)| {
            let mut limit = Limit { queue: queue.map(Queue::of), is_dark, ..limit };
            for (name, path) in [("one", "/a"), ("two", "/b/c")].into_iter().take(partitions.into()) {
                let when = [Match::new().path_prefix(path), Match::new().header("x-a", name)];
                limit = limit.partition(name, Ratio::percent(40), when);
            }
            limit
        },
    )
}

/// Retries of every kind, none among them. The attempts in all are at least those of every [`hedge`].
pub fn retry() -> impl Strategy<Value = Retry> {
    let backoff = (0u64..100, 1u32..20, select(vec![Jitter::Full, Jitter::Equal, Jitter::Decorrelated]));
    let backoff = backoff.prop_map(|(millis, times, jitter)| {
        let base = Duration::from_millis(millis);
        Backoff::from(base).max(base * times).jitter(jitter)
    });
    // The least deadline of the specs is the default.
    let per_try = option::of((1u64..15_000).prop_map(Duration::from_millis));
    let idempotency = select(vec![Idempotency::ByProtocol, Idempotency::All, Idempotency::None]);
    let leave_region = select(vec![LeaveRegion::OnEvidence, LeaveRegion::Always, LeaveRegion::Never]);
    let kinds = (idempotency, any::<bool>(), leave_region);
    let asked = (select(vec![1, 3, 4, Retry::MAX_ATTEMPTS]), per_try, backoff, 1u64..10, kinds, 0u32..100_000);
    asked.prop_map(|(attempts, per_try, backoff, seconds, (idempotency, retry_unsent, leave_region), max_body)| {
        let max_hint = Duration::from_secs(seconds);
        Retry { attempts, per_try, backoff, max_hint, idempotency, retry_unsent, leave_region, max_body }
    })
}

/// Hedges of every kind, none among them.
pub fn hedge() -> impl Strategy<Value = Hedge> {
    let delay = prop_oneof![
        (1u64..1000).prop_map(|millis| HedgeDelay::Fixed(Duration::from_millis(millis))),
        (50u8..100).prop_map(|percent| HedgeDelay::Quantile(Ratio::percent(percent))),
    ];
    (delay, 1u32..4, 1u8..=100, any::<bool>()).prop_map(|(delay, attempts, percent, other_region)| Hedge {
        delay,
        attempts,
        max_extra: Ratio::percent(percent),
        other_region,
    })
}

/// Regions that stand in for each other in every way that our own arithmetic knows.
pub fn failover() -> impl Strategy<Value = Failover> {
    let percents = (100u32..200, 0u8..=100, 0u8..50, 51u8..=100, 0u8..=10);
    let times = (0u64..300, 1u64..10, 0u64..300, 0u64..60);
    (percents, times).prop_map(|((overprovisioning, panic, fail, recover, trickle), (hold, times, ramp, drain))| {
        let seconds = Duration::from_secs;
        Failover {
            overprovisioning,
            panic_below: Ratio::percent(panic),
            fail_below: Ratio::percent(fail),
            recover_above: Ratio::percent(recover),
            hold: seconds(hold),
            max_hold: seconds(hold * times),
            ramp: seconds(ramp),
            drain: seconds(drain),
            trickle: Ratio::percent(trickle),
            ..Failover::default()
        }
    })
}

/// Budgets of every kind.
pub fn retry_budget() -> impl Strategy<Value = RetryBudget> {
    let seconds = || (1u64..=60).prop_map(Duration::from_secs);
    let ratio = || 0.0..=10.0;
    prop_oneof![
        (ratio(), 1u32..100, option::of(seconds()))
            .prop_map(|(ratio, burst, floor)| RetryBudget::Successes(Successes { ratio, burst, floor })),
        (ratio(), 0u32..100, seconds()).prop_map(|(ratio, min_per_second, window)| {
            RetryBudget::Finagle(Finagle { ratio, min_per_second, window })
        }),
        (1u32..=1000, 0.001..=10.0)
            .prop_map(|(max_tokens, ratio)| RetryBudget::Grpc(GrpcThrottle { max_tokens, ratio })),
        (20u32..1000, 1u32..20, 1u32..20).prop_map(|(capacity, retry_cost, timeout_cost)| {
            RetryBudget::Aws(AwsQuota { capacity, retry_cost, timeout_cost })
        }),
        (0u8..=100, 0u32..10)
            .prop_map(|(percent, min)| { RetryBudget::Envoy(EnvoyInFlight { ratio: Ratio::percent(percent), min }) }),
        Just(RetryBudget::allow_unbounded()),
    ]
}

/// Every set of claims that believes something.
pub fn claims() -> impl Strategy<Value = Claims> {
    let claims = Claims::none();
    select(vec![claims.attempts(), claims.idempotency_key(), claims.attempts().idempotency_key()])
}

/// Weights, zero among them, small and huge.
pub fn weight() -> impl Strategy<Value = u32> {
    prop_oneof![2 => Just(0), 6 => 1u32..10, 2 => 1u32..1000, 1 => Just(u32::MAX)]
}

#[derive(Clone, Debug)]
struct Regions {
    described: Vec<(u32, u32, Vec<u32>)>,
    knobs: Knobs,
    limit: Option<Limit>,
    endpoint_limit: Option<u32>,
    retry_budget: Option<RetryBudget>,
}

impl Regions {
    fn describe(self, mut cluster: ClusterSpec) -> ClusterSpec {
        for (place, (rank, weight, endpoints)) in self.described.into_iter().enumerate() {
            cluster = cluster.region(format!("region-{place}"), |mut region| {
                region = region.rank(rank).weight(weight);
                for (place, weight) in endpoints.into_iter().enumerate() {
                    let name = format!("endpoint-{place}");
                    region =
                        region.endpoint_with(name, format!("10.0.0.{place}:80"), |endpoint| endpoint.weight(weight));
                }
                region
            });
        }
        // The first region has a limit of its own.
        let own = self.limit.clone().map(|limit| Limit { partitions: Vec::new(), ..limit });
        cluster.regions[0].limit = own.filter(|_| self.endpoint_limit.is_some());
        cluster.knobs = self.knobs;
        cluster.limit = self.limit;
        cluster.endpoint_limit = self.endpoint_limit;
        cluster.retry_budget = self.retry_budget;
        cluster
    }
}

fn cluster() -> impl Strategy<Value = Regions> {
    let slow_start = (1u64..120, 0u8..100)
        .prop_map(|(seconds, percent)| SlowStart::over(Duration::from_secs(seconds)).floor(Ratio::percent(percent)));
    let limits =
        (option::weighted(0.3, limit()), option::weighted(0.2, 1000u32..2000), option::weighted(0.3, retry_budget()));
    let knobs = (option::weighted(0.3, slow_start), sent_again(), option::weighted(0.5, failover()));
    (vec((0u32..3, weight(), vec(weight(), 1..7)), 1..4), knobs, limits).prop_map(
        |(described, (slow_start, (retry, hedge), failover), (limit, endpoint_limit, retry_budget))| {
            let knobs = Knobs { slow_start, retry, hedge, failover, ..Knobs::default() };
            Regions { described, knobs, limit, endpoint_limit, retry_budget }
        },
    )
}

#[derive(Clone, Debug)]
struct Route {
    matches: Vec<Match>,
    split: Vec<(usize, u32)>,
    sticky: Option<Sticky>,
    knobs: Knobs,
    limit: Option<Limit>,
    priority: Option<Priority>,
    priorities: Vec<PriorityRule>,
}

fn route() -> impl Strategy<Value = Route> {
    let source = prop_oneof![
        Just(KeySource::Header("x-user".into())),
        Just(KeySource::Query("p".into())),
        Just(KeySource::Caller),
    ];
    let scope = select(vec![Scope::Cluster, Scope::Region, Scope::Endpoint]);
    let sticky = (vec(source, 1..3), scope).prop_map(|(sources, scope)| Sticky { sources, scope });
    let split = vec((any::<prop::sample::Index>().prop_map(|index| index.index(64)), weight()), 1..4);
    let priority = || select(&Priority::ALL[..]);
    let rules = btree_map(select(&VALUES[..]), priority(), 0..3).prop_map(|rules| {
        let rule = |(value, priority)| PriorityRule { when: Match::new().header("x-b", value), priority };
        rules.into_iter().map(rule).collect()
    });
    let limits = (option::weighted(0.2, limit()), option::weighted(0.3, priority()), rules);
    let knobs = (option::of(pick()), sent_again());
    (vec(matches(), 1..4), split, option::of(sticky), knobs, limits).prop_map(
        |(matches, split, sticky, (pick, (retry, hedge)), (limit, priority, priorities))| {
            let knobs = Knobs { pick, retry, hedge, ..Knobs::default() };
            Route { matches, split, sticky, knobs, limit, priority, priorities }
        },
    )
}

/// Mends what chance made unsound: zero sums get a weight, matches that are equal or covered go.
fn until_sound(spec: &mut TableSpec) {
    for region in spec.clusters.iter_mut().flat_map(|cluster| &mut cluster.regions) {
        if region.endpoints.iter().all(|endpoint| endpoint.weight == 0) {
            region.endpoints[0].weight = 1;
        }
    }
    for cluster in &mut spec.clusters {
        if cluster.regions.iter().all(|region| region.weight == 0) {
            cluster.regions[0].weight = 1;
        }
    }
    for route in &mut spec.routes {
        if route.split.iter().all(|TargetSpec { weight, .. }| *weight == 0) {
            route.split[0].weight = 1;
        }
    }
    while let Err(error) = spec.clone().build() {
        let path = error.problems()[0].path();
        if path.starts_with("trusts") {
            spec.trusts.pop();
            continue;
        }
        let name = path.strip_prefix("routes.").and_then(|rest| rest.split('.').next()).unwrap_or_default().to_owned();
        let Ok(route) = spec.route_mut(&name) else { panic!("only matches can be unsound here: {error}") };
        route.matches.pop();
        if route.matches.is_empty() {
            spec.routes.retain(|route| route.name != name);
        }
        if spec.routes.is_empty() {
            let cluster = spec.clusters[0].name.clone();
            *spec = std::mem::take(spec).route("route-any", |route| route.any().to(cluster));
        }
    }
}
