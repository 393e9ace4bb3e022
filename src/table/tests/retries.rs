//! What routes and clusters have of retries, hedges and budgets once everything is merged.

use super::specs::api;
use crate::table::{Cluster, Hedge, HedgeDelay, Retry, RetryBudget, Route, Table, TableSpec};
use crate::unit::Ratio;
use std::time::Duration;

/// Attempts that say where a knob came from.
const TABLE: Retry = Retry::none().attempts(5);
const CLUSTER: Retry = Retry::none().attempts(4);
const ROUTE: Retry = Retry::none().attempts(3);

fn spec() -> TableSpec {
    api().cluster("other", |c| c.region("us", |r| r.endpoint("o", "10.0.0.9:80"))).route("all", |r| r.any().to("api"))
}

fn built(change: impl FnOnce(&mut TableSpec)) -> Table {
    let mut spec = spec();
    change(&mut spec);
    spec.build().unwrap()
}

fn all(table: &Table) -> &Route {
    table.route("all").unwrap()
}

fn cluster<'t>(table: &'t Table, name: &str) -> &'t Cluster {
    table.cluster(name).unwrap()
}

fn may_retry(table: &Table) -> bool {
    all(table).policy_at(0).may_retry
}

#[test]
fn nothing_is_sent_twice_unless_somebody_asks_for_it() {
    let table = built(|_| {});
    assert_eq!(all(&table).retry("api"), Some(&Retry::none()));
    assert_eq!(all(&table).hedge("api"), None);
    assert!(!may_retry(&table));
    assert_eq!(cluster(&table, "api").retry_budget(), &RetryBudget::default());
    assert_eq!((all(&table).retry("other"), all(&table).hedge("other")), (None, None));
}

#[test]
fn a_routes_knob_wins_over_the_clusters_and_the_clusters_over_the_tables() {
    let hedge = |millis| Hedge::after(Duration::from_millis(millis));
    for (place, (attempts, millis)) in [(5, 50), (4, 40), (3, 30)].into_iter().enumerate() {
        let table = built(|spec| {
            let knobs = [&mut spec.defaults, &mut spec.clusters[0].knobs, &mut spec.routes[0].knobs];
            for (knobs, (retry, millis)) in
                knobs.into_iter().zip([(TABLE, 50), (CLUSTER, 40), (ROUTE, 30)]).take(place + 1)
            {
                (knobs.retry, knobs.hedge) = (Some(retry), Some(hedge(millis)));
            }
        });
        assert_eq!(all(&table).retry("api").map(|retry| retry.attempts), Some(attempts));
        assert_eq!(all(&table).hedge("api").map(|hedge| hedge.delay), Some(hedge(millis).delay));
    }
}

#[test]
fn the_words_set_the_knobs_of_what_they_are_said_of() {
    let hedge = Hedge::after(Duration::from_millis(7));
    let table = TableSpec::new()
        .retry(TABLE)
        .hedge(hedge)
        .cluster("api", |c| {
            c.retry(CLUSTER)
                .hedge(hedge.attempts(3))
                .retry_budget(RetryBudget::envoy())
                .region("us", |r| r.endpoint("a", "10.0.0.1:80"))
        })
        .route("all", |r| r.any().to("api").retry(ROUTE).hedge(hedge.other_region()))
        .build()
        .unwrap();
    let spec = table.spec();
    assert_eq!((spec.defaults.retry, spec.defaults.hedge), (Some(TABLE), Some(hedge)));
    assert_eq!((spec.clusters[0].knobs.retry, spec.clusters[0].knobs.hedge), (Some(CLUSTER), Some(hedge.attempts(3))));
    assert_eq!((spec.routes[0].knobs.retry, spec.routes[0].knobs.hedge), (Some(ROUTE), Some(hedge.other_region())));
    assert_eq!(cluster(&table, "api").retry_budget(), &RetryBudget::envoy());
}

#[test]
fn none_switches_off_what_would_be_inherited() {
    let off = built(|spec| {
        (spec.defaults.retry, spec.defaults.hedge) = (Some(TABLE), Some(Hedge::default()));
        (spec.routes[0].knobs.retry, spec.routes[0].knobs.hedge) = (Some(Retry::none()), Some(Hedge::none()));
    });
    assert_eq!(all(&off).retry("api"), Some(&Retry::none()));
    assert_eq!(all(&off).hedge("api"), None);
    assert!(!may_retry(&off));
    // Of a cluster for its routes, and a route may ask again.
    let on = built(|spec| {
        spec.defaults.retry = Some(TABLE);
        spec.clusters[0].knobs.retry = Some(Retry::none());
        spec.routes[0].knobs.retry = Some(ROUTE);
    });
    assert_eq!(all(&on).retry("api"), Some(&ROUTE));
}

#[test]
fn a_hedge_is_a_second_attempt_without_retries_too() {
    let table = built(|spec| spec.routes[0].knobs.hedge = Some(Hedge::default()));
    assert_eq!(all(&table).retry("api").map(|retry| retry.attempts), Some(1));
    assert_eq!(all(&table).hedge("api"), Some(&Hedge::default()));
    assert!(may_retry(&table));
}

#[test]
fn each_cluster_of_a_split_has_its_own() {
    let table = built(|spec| {
        spec.routes[0].reweight("other", 1);
        spec.cluster_mut("other").unwrap().knobs.retry = Some(CLUSTER);
    });
    assert_eq!(all(&table).retry("api"), Some(&Retry::none()));
    assert_eq!(all(&table).retry("other"), Some(&CLUSTER));
}

#[test]
fn hedging_at_a_quantile_costs_what_it_leaves() {
    let hedge = Hedge::at(Ratio::percent(99));
    assert_eq!(hedge.delay, HedgeDelay::Quantile(Ratio::percent(99)));
    assert!((hedge.max_extra.get() - 0.01).abs() < 1e-12);
}
