//! Which route takes a request that several match. Each table is built in both orders of its routes.
//!
//! It has a rule of trust for each match too, and whatever route takes a request, the rule of the same match holds.

use super::specs::{self, routes};
use crate::protocol::Facts;
use crate::table::{Claims, Match, Table, ValueMatch};
use http::{HeaderMap, HeaderValue, Method};

/// A table with a route and a rule of trust for each match, the same in whatever order they are added.
// I-06
fn table(matches: &[(&str, Match)]) -> Table {
    let trusts: Vec<_> =
        matches.iter().zip(Claims::ALL[1..].iter().cycle()).map(|((_, m), c)| (m.clone(), *c)).collect();
    let [table, reversed] = [false, true].map(|is_reversed| {
        let (mut matches, mut trusts) = (matches.to_vec(), trusts.clone());
        if is_reversed {
            matches.reverse();
            trusts.reverse();
        }
        let spec = trusts.into_iter().fold(routes(matches), |spec, (when, claims)| spec.trust(when, claims));
        spec.build().unwrap()
    });
    assert_eq!(table, reversed);
    table
}

/// The name of the route that takes a request, once it is seen that the rule of trust of its match holds, or none.
fn taker<'t>(table: &'t Table, facts: &Facts<'_>) -> Option<&'t str> {
    let entry = table.find(facts).ok();
    let matched = entry.and_then(|entry| table.match_at(entry.route, entry.which));
    let rule = table.spec().trusts.iter().find(|rule| Some(&rule.when) == matched);
    assert_eq!(table.claims(facts), rule.map_or(Claims::none(), |rule| rule.claims), "{matched:?}");
    assert_eq!(rule.is_some(), entry.is_some(), "each route has one");
    specs::taker(table, facts)
}

fn at<'a>(host: &'a str, path: &'a str) -> Facts<'a> {
    Facts::path(path).with_host(host).unwrap()
}

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    lines.iter().map(|&(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
}

// I-13
#[test]
fn an_exact_host_comes_before_a_longer_suffix_before_a_shorter_before_any() {
    let table = table(&[
        ("any", Match::new()),
        ("short", Match::new().host("*.example")),
        ("long", Match::new().host("*.shop.example")),
        ("exact", Match::new().host("api.shop.example")),
    ]);
    for (host, route) in [
        ("api.shop.example", "exact"),
        ("API.Shop.Example.:8080", "exact"),
        ("www.shop.example", "long"),
        ("a.b.shop.example", "long"),
        // A suffix is for what is below it.
        ("shop.example", "short"),
        ("a.shop.example.example", "short"),
        ("example", "any"),
        ("notexample", "any"),
        ("shop.example.org", "any"),
    ] {
        assert_eq!(taker(&table, &at(host, "/")), Some(route), "{host}");
    }
    assert_eq!(taker(&table, &Facts::path("/")), Some("any"));
}

// I-13
#[test]
fn hosts_outweigh_paths_and_paths_outweigh_conditions() {
    let table = table(&[
        ("path", Match::new().path("/a/b").method(Method::GET).header("x", "1")),
        ("host", Match::new().host("h.example")),
        ("prefix", Match::new().path_prefix("/a").method(Method::GET).header("x", "1").header("y", "1")),
        ("placeholder", Match::new().path_template("/a/{x}")),
    ]);
    let map = headers(&[("x", "1"), ("y", "1")]);
    let facts = |path| Facts::path(path).with_method(&Method::GET).with_headers(&map);
    assert_eq!(taker(&table, &facts("/a/b").with_host("h.example").unwrap()), Some("host"));
    assert_eq!(taker(&table, &facts("/a/b")), Some("path"));
    assert_eq!(taker(&table, &facts("/a/c")), Some("placeholder"));
    assert_eq!(taker(&table, &facts("/a/c/d")), Some("prefix"));
    assert_eq!(taker(&table, &facts("/")), None);
}

// I-13
#[test]
fn segment_by_segment_a_literal_comes_before_a_placeholder_before_a_prefix() {
    let table = table(&[
        ("all", Match::new().path_prefix("/")),
        ("users", Match::new().path_prefix("/users")),
        ("users-itself", Match::new().path("/users")),
        ("one", Match::new().path_template("/users/{id}")),
        ("me", Match::new().path("/users/me")),
        ("carts", Match::new().path_template("/users/{id}/cart")),
        ("below-me", Match::new().path_prefix("/users/me")),
        ("mine", Match::new().path_template("/users/me/{what}")),
        ("slash", Match::new().path("/users/me/")),
    ]);
    for (path, route) in [
        ("/", "all"),
        ("/user", "all"),
        ("/users", "users-itself"),
        // A trailing slash makes another path, and a placeholder takes no empty segment.
        ("/users/", "users"),
        ("/users/7", "one"),
        ("/users/7/", "users"),
        ("/users/me", "me"),
        ("/users/me/", "slash"),
        // Decided at the second segment: the literal, though `carts` has more literals in all.
        ("/users/me/cart", "mine"),
        ("/users/me/cart/1", "below-me"),
        ("/users/7/cart", "carts"),
        ("/users/7/cart/1", "users"),
        // Needless escapes have one reading.
        ("/%75sers/%6de", "me"),
    ] {
        let request = http::Request::get(path).body(()).unwrap();
        assert_eq!(taker(&table, &Facts::http(&request).unwrap()), Some(route), "{path}");
    }
    // Without a slash in front, as operation names are.
    assert_eq!(taker(&table, &Facts::path("users/me")), Some("me"));
}

// I-13
#[test]
fn at_one_place_a_method_comes_first_then_more_headers_then_more_parameters() {
    let table = table(&[
        ("any", Match::new()),
        ("get", Match::new().method(Method::GET)),
        ("two-parameters", Match::new().query("p", "1").query("q", "1")),
        ("one-parameter", Match::new().query("p", "1")),
        ("one-header", Match::new().header("x", "1")),
        ("two-headers", Match::new().header("y", "1").header("x", "1")),
        ("header-and-parameter", Match::new().header("x", "1").query("p", "1")),
    ]);
    let (none, x, both) = (headers(&[]), headers(&[("x", "1")]), headers(&[("x", "1"), ("y", "1")]));
    for (map, query, route) in [
        (&none, "", "any"),
        (&none, "p=1", "one-parameter"),
        (&none, "p=1&q=1", "two-parameters"),
        (&x, "q=1", "one-header"),
        (&x, "p=1&q=1", "header-and-parameter"),
        (&both, "p=1&q=1", "two-headers"),
    ] {
        let facts = Facts::path("/").with_headers(map).with_query(query);
        assert_eq!(taker(&table, &facts), Some(route), "{map:?} {query}");
        assert_eq!(taker(&table, &facts.clone().with_method(&Method::GET)), Some("get"));
        assert_eq!(taker(&table, &facts.with_method(&Method::PUT)), Some(route));
    }
}

// I-13
#[test]
fn for_one_field_exact_comes_before_a_longer_prefix_before_a_shorter_before_present_before_absent() {
    let with = |value| Match::new().header_is("x-cohort", value);
    let mut matches = vec![
        ("absent", with(ValueMatch::Absent)),
        ("present", with(ValueMatch::Present)),
        ("short", with(ValueMatch::Prefix("be".into()))),
        ("long", with(ValueMatch::Prefix("beta-".into()))),
        ("exact", with(ValueMatch::Exact("beta-1".into()))),
    ];
    let by_header = table(&matches);
    for (_, matching) in &mut matches {
        matching.query = std::mem::take(&mut matching.headers);
    }
    let by_query = table(&matches);
    for (value, route) in
        [("beta-1", "exact"), ("beta-2", "long"), ("bet", "short"), ("alpha", "present"), ("", "present")]
    {
        let map = headers(&[("x-cohort", value)]);
        assert_eq!(taker(&by_header, &Facts::path("/").with_headers(&map)), Some(route), "{value}");
        let query = format!("x-cohort={value}");
        assert_eq!(taker(&by_query, &Facts::path("/").with_query(&query)), Some(route), "{value}");
    }
    assert_eq!(taker(&by_header, &Facts::path("/")), Some("absent"));
    assert_eq!(taker(&by_query, &Facts::path("/").with_query("x-cohor=beta-1")), Some("absent"));
}

#[test]
fn a_repeated_field_is_taken_by_any_of_its_values() {
    let table = table(&[
        ("rest", Match::new()),
        ("header", Match::new().header("x", "2")),
        ("query", Match::new().path("/q").query("p", "a b")),
    ]);
    let map = headers(&[("x", "1"), ("x", "2")]);
    assert_eq!(taker(&table, &Facts::path("/").with_headers(&map)), Some("header"));
    assert_eq!(taker(&table, &Facts::path("/q").with_query("p=1&p=a b")), Some("query"));
    assert_eq!(taker(&table, &Facts::path("/q").with_query("p=1&p=ab")), Some("rest"));
}

// I-13: a match that does not hold changes no decision, however precise it is.
#[test]
fn when_conditions_fail_the_next_in_order_is_asked_down_to_any_host() {
    let beta = |matching: Match| matching.header("x-beta", "yes");
    let on = || Match::new().host("api.shop.example");
    let below = || Match::new().host("*.shop.example");
    let all = [
        ("1-literal", beta(on().path("/users/me"))),
        ("2-placeholder", beta(on().path_template("/users/{id}"))),
        ("3-prefix", beta(on().path_prefix("/users"))),
        ("4-root", beta(on())),
        ("5-suffix", beta(below().path("/users/me"))),
        ("6-suffix-root", beta(below())),
        ("7-any-host", beta(Match::new().path_prefix("/users"))),
        ("8-any", Match::new()),
    ];
    let (with, without) = (headers(&[("x-beta", "yes")]), headers(&[("x-beta", "no")]));
    let facts = || at("api.shop.example", "/users/me");
    for first in 0..all.len() {
        let rest = table(&all[first..]);
        assert_eq!(taker(&rest, &facts().with_headers(&with)), Some(all[first].0));
        assert_eq!(taker(&rest, &facts().with_headers(&without)), Some("8-any"));
        // Only the last holds without the header, and each of the others can be the one that does.
        let mut open = all.clone();
        open[first].1.headers.clear();
        assert_eq!(taker(&table(&open), &facts().with_headers(&without)), Some(all[first].0));
    }
}

#[test]
fn a_route_takes_what_any_of_its_matches_takes_and_says_which() {
    let spec = specs::api().route("both", |r| {
        r.when(Match::new().path_prefix("/b")).when(Match::new().path("/a")).when(Match::new().path("/b/c")).to("api")
    });
    let table = spec.build().unwrap();
    let which = |path| {
        let entry = table.find(&Facts::path(path)).ok()?;
        table.match_at(entry.route, entry.which).map(ToString::to_string)
    };
    assert_eq!(which("/a").as_deref(), Some("path /a"));
    assert_eq!(which("/b").as_deref(), Some("paths below /b"));
    assert_eq!(which("/b/c").as_deref(), Some("path /b/c"));
    assert_eq!(which("/c"), None);
}
