//! The normal form: what has no order is sorted, what has one spelling is spelled so, and once is enough.

use super::specs::{api, routes, taker};
use crate::protocol::Facts;
use crate::table::{
    Capacity, Claims, Hedge, KeySource, Maglev, Match, PathRules, Pick, Picking, Retry, RetryBudget, RouteSpec, Scope,
    SlowStart, Sticky, Table, TableSpec, ValueMatch,
};
use crate::unit::Ratio;
use http::Method;
use std::time::Duration;

/// A table that has something of everything, out of order and in odd spellings.
fn everything() -> TableSpec {
    TableSpec::new()
        .pick(Pick::RoundRobin)
        .deadline(Duration::from_secs(3))
        .slow_start(SlowStart::over(Duration::from_secs(60)).floor(Ratio::percent(5)).aggression(2.0))
        .hash_seed(77)
        .paths(PathRules { allow_empty_segments: true, ..PathRules::default() })
        .retry(Retry::default())
        .trust(Match::new().path_prefix("/z").query("b", "2").query("a", "1"), Claims::none().idempotency_key())
        .trust(Match::new().host("Mesh.Example.").header("X-Mesh", "yes"), Claims::none().attempts())
        .route("web", |r| {
            r.when(Match::new().path_prefix("/z/").query("b", "2").query_is("a", ValueMatch::Present))
                .when(Match::new().host("*.Shop.Example.").header("X-Beta", "Yes").header("accept", "a"))
                .when(Match::new().host("Shop.Example").path("/A").method(Method::POST))
                .split([("shop-next", 5), ("shop", 95)])
                .sticky(Sticky::cookie("session").or(KeySource::Caller).scope(Scope::Region))
                .deadline(Duration::MAX)
                .pick(Pick::Maglev(Maglev { size: Some(1021), max_load_percent: Some(125) }))
        })
        .route("all", |r| r.any().to("shop"))
        .cluster("shop-next", |c| {
            c.pick(Pick::PeakEwma)
                .retry_budget(RetryBudget::grpc())
                .hedge(Hedge::none())
                .region("us", |r| r.endpoint("n", "10.0.9.1:80"))
        })
        .cluster("shop", |c| {
            c.region("us", |r| {
                r.rank(0).weight(3).capacity(Capacity::Share(Ratio::ONE)).endpoint("b", "10.0.0.2:80").endpoint_with(
                    "a",
                    "10.0.0.1:80",
                    |e| e.weight(2).authority("a.example:80").tls_name("a.example"),
                )
            })
            .region("eu", |r| r.rank(1).weight(0).capacity(Capacity::Rps(10)).endpoint("c", "10.1.0.1:80"))
        })
}

fn reversed(mut spec: TableSpec) -> TableSpec {
    spec.clusters.reverse();
    spec.routes.reverse();
    spec.trusts.reverse();
    spec.trusts.iter_mut().for_each(|rule| rule.when.query.reverse());
    for cluster in &mut spec.clusters {
        cluster.regions.reverse();
        cluster.regions.iter_mut().for_each(|region| region.endpoints.reverse());
    }
    for route in &mut spec.routes {
        route.matches.reverse();
        route.split.reverse();
        for matching in &mut route.matches {
            matching.headers.reverse();
            matching.query.reverse();
        }
    }
    spec
}

fn again(table: &Table) -> Table {
    table.spec().clone().build().unwrap()
}

// I-05
#[test]
fn building_a_normal_form_gives_the_same_form_and_an_equal_table() {
    let table = everything().build().unwrap();
    assert_ne!(*table.spec(), everything());
    assert_eq!(again(&table), table);
    assert_eq!(again(&table).spec(), table.spec());
    assert!(table.diff(&again(&table)).is_empty());
}

// I-06
#[test]
fn the_order_of_what_has_none_is_not_in_the_form() {
    let (table, other) = (everything().build().unwrap(), reversed(everything()).build().unwrap());
    assert_eq!(table.spec(), other.spec());
    let names = |table: &Table| {
        let clusters = table.clusters().map(|cluster| cluster.name().to_string());
        clusters.chain(table.routes().map(|route| route.name().to_string())).collect::<Vec<_>>()
    };
    assert_eq!(names(&table), ["shop", "shop-next", "all", "web"]);
    assert_eq!(names(&table), names(&other));
    let shop = table.cluster("shop").unwrap();
    assert_eq!(shop.regions().iter().map(|region| region.name().as_str()).collect::<Vec<_>>(), ["eu", "us"]);
    let us = &shop.regions()[1];
    assert_eq!(us.endpoints().iter().map(|endpoint| endpoint.name().as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(us.endpoints()[0].authority().map(http::uri::Authority::as_str), Some("a.example:80"));
}

// Sticky sources have an order: it says which is asked first.
#[test]
fn the_order_of_what_has_one_stays() {
    let table = everything().build().unwrap();
    let sources = &table.spec().routes[1].sticky.as_ref().unwrap().sources;
    assert_eq!(*sources, [KeySource::Cookie("session".into()), KeySource::Caller]);
}

#[test]
fn matches_stand_in_order_of_precedence_with_hosts_and_headers_in_one_spelling() {
    let table = everything().build().unwrap();
    let matches: Vec<_> = table.spec().routes[1].matches.iter().map(ToString::to_string).collect();
    assert_eq!(
        matches,
        [
            "host shop.example, path /A, method POST",
            "host *.shop.example, header accept=a, header x-beta=Yes",
            "paths below /z/, query a present, query b=2",
        ]
    );
}

#[test]
fn rules_of_trust_stand_in_order_of_precedence_and_in_the_spelling_of_routes() {
    for spec in [everything(), reversed(everything())] {
        let table = spec.build().unwrap();
        let rules: Vec<_> = table.spec().trusts.iter().map(|rule| (rule.when.to_string(), rule.claims)).collect();
        assert_eq!(
            rules,
            [
                ("host mesh.example, header x-mesh=yes".into(), Claims::none().attempts()),
                ("paths below /z, query a=1, query b=2".into(), Claims::none().idempotency_key()),
            ]
        );
    }
}

// I-13
#[test]
fn the_matches_of_a_route_are_in_the_order_in_which_they_are_asked() {
    let asked = [
        Match::new().host("a.example").path_prefix("/z"),
        Match::new().host("*.shop.example"),
        Match::new().host("*.example").path("/a"),
        Match::new().path("/a/b"),
        Match::new().path_template("/a/{x}"),
        Match::new().path("/a").method(Method::GET),
        Match::new().path("/a"),
        Match::new().path_prefix("/a"),
        Match::new().path_template("/{x}/b"),
        Match::new().path_template("/{x}"),
        Match::new(),
    ];
    let of = |matches: Vec<Match>| {
        let spec = api().route("r", |r| matches.into_iter().fold(r, RouteSpec::when).to("api"));
        spec.build().unwrap().spec().routes[0].matches.clone()
    };
    assert_eq!(of(asked.to_vec()), asked);
    assert_eq!(of(asked.iter().rev().cloned().collect()), asked);
}

#[test]
fn a_table_decides_as_it_was_written_not_as_it_was_ordered() {
    for table in [everything().build().unwrap(), reversed(everything()).build().unwrap()] {
        let post = Facts::path("/A").with_host("SHOP.example.").unwrap().with_method(&Method::POST);
        assert_eq!(taker(&table, &post), Some("web"));
        assert_eq!(taker(&table, &Facts::path("/z").with_query("b=2&a")), Some("web"));
        assert_eq!(taker(&table, &Facts::path("/z").with_query("b=3&a")), Some("all"));
    }
}

#[test]
fn what_nobody_sets_has_the_default_and_the_nearest_that_is_set_wins() {
    let table = everything().build().unwrap();
    let (web, all) = (table.route("web").unwrap(), table.route("all").unwrap());
    assert_eq!(web.pick("shop"), Some(Pick::Maglev(Maglev { size: Some(1021), max_load_percent: Some(125) })));
    assert_eq!(all.pick("shop"), Some(Pick::RoundRobin));
    assert_eq!((all.pick("shop-next"), all.deadline("shop-next")), (None, None));
    assert_eq!(web.deadline("shop"), Some(Duration::MAX));
    assert_eq!(all.deadline("shop"), Some(Duration::from_secs(3)));
    assert_eq!(table.cluster("shop").unwrap().slow_start(), everything().defaults.slow_start);

    let plain = routes([("all", Match::new())]).build().unwrap();
    let all = plain.route("all").unwrap();
    assert_eq!(all.pick("api"), Some(Pick::LeastInFlight));
    assert_eq!(all.deadline("api"), Some(Duration::from_secs(15)));
    assert_eq!(plain.cluster("api").unwrap().slow_start(), None);
}

#[test]
fn a_cluster_that_says_how_to_pick_is_asked_before_the_defaults_and_after_the_route() {
    let mut spec = api().pick(Pick::Random).route("r", |r| r.any().to("api"));
    spec.cluster_mut("api").unwrap().knobs.pick = Some(Pick::PeakEwma);
    let table = spec.clone().build().unwrap();
    assert_eq!(table.route("r").unwrap().pick("api"), Some(Pick::PeakEwma));
    spec.route_mut("r").unwrap().knobs.pick = Some(Pick::LeastInFlight);
    let table = spec.build().unwrap();
    assert_eq!(table.route("r").unwrap().pick("api"), Some(Pick::LeastInFlight));
}

#[test]
fn routes_that_want_tables_of_different_sizes_get_each_its_own() {
    let size = |size| Pick::Maglev(Maglev { size: Some(size), max_load_percent: None });
    let table = api()
        .route("1", |r| r.any().to("api").pick(size(101)))
        .route("2", |r| r.when(Match::new().path("/2")).to("api").pick(size(7)))
        .route("3", |r| r.when(Match::new().path("/3")).to("api").pick(size(101)))
        .build()
        .unwrap();
    let region = &table.cluster("api").unwrap().regions()[0];
    assert_eq!(region.maglevs.len(), 2);
    let slots = |route: &str| {
        let picking = table.route(route).unwrap().split.at(0).unwrap().target.picking;
        let Picking::Maglev { table, .. } = picking else { panic!("{picking:?}") };
        region.maglevs[table as usize].slots().len()
    };
    assert_eq!((slots("1"), slots("2"), slots("3")), (101, 7, 101));
}
