//! Matches that could never take a request: the same twice, and what two others cover together.

use super::specs::{problems, routes};
use crate::table::{Match, ValueMatch};
use http::Method;

fn present(matching: Match, name: &str) -> Match {
    matching.header_is(name, ValueMatch::Present)
}

fn absent(matching: Match, name: &str) -> Match {
    matching.header_is(name, ValueMatch::Absent)
}

/// What is said when `c` is covered by `a` and `b`.
fn covered(a: &str, b: &str, c: &str) -> Vec<String> {
    vec![format!(
        "routes.{c}.matches: can never be reached: routes `{a}` and `{b}` together take all it takes, before it"
    )]
}

// I-13
#[test]
fn the_same_match_twice_is_refused_however_it_is_spelled() {
    let same = |one: Match, other: Match| problems(routes([("a", one), ("b", other)]));
    let refused = ["routes.b.matches: has the same match as route `a`; nothing could tell them apart"];
    assert_eq!(same(Match::new(), Match::new()), refused);
    assert_eq!(same(Match::new(), Match::new().path_prefix("/")), refused);
    assert_eq!(same(Match::new().path_prefix("/a"), Match::new().path_prefix("/a/")), refused);
    assert_eq!(same(Match::new().path("/a"), Match::new().path_template("/%61")), refused);
    assert_eq!(same(Match::new().path_template("/{a}"), Match::new().path_template("/{b}")), refused);
    assert_eq!(same(Match::new().host("Shop.Example."), Match::new().host("shop.example")), refused);
    assert_eq!(same(Match::new().host("[::1]"), Match::new().host("[0:0::1]")), refused);
    assert_eq!(
        same(Match::new().header("X", "1").header("y", "2"), Match::new().header("Y", "2").header("x", "1")),
        refused
    );
    assert_eq!(
        same(present(Match::new(), "x"), Match::new().header_is("x", ValueMatch::Prefix(String::new()))),
        refused
    );
    assert_eq!(same(Match::new().query("p", "a%62"), Match::new().query("%70", "ab")), refused);
}

#[test]
fn matches_that_differ_in_one_thing_are_not_the_same() {
    let both = |one: Match, other: Match| problems(routes([("a", one), ("b", other)]));
    let none: [&str; 0] = [];
    assert_eq!(both(Match::new().path("/a"), Match::new().path("/a/")), none);
    assert_eq!(both(Match::new().path("/a"), Match::new().path("/A")), none);
    assert_eq!(both(Match::new().host("*.a.b"), Match::new().host("a.b")), none);
    assert_eq!(both(Match::new().header("x", "a"), Match::new().header("x", "A")), none);
    assert_eq!(both(Match::new().header("x", "a"), Match::new().query("x", "a")), none);
    assert_eq!(both(Match::new().method(Method::GET), Match::new().method(Method::HEAD)), none);
}

#[test]
fn a_route_may_not_have_one_match_twice_either() {
    let spec = super::specs::api().route("a", |r| r.any().when(Match::new().path_prefix("/")).to("api"));
    assert_eq!(problems(spec), ["routes.a.matches.1: is there twice; remove one"]);
}

// I-13
#[test]
fn what_a_header_present_and_the_same_header_absent_cover_together_is_refused_with_all_three_names() {
    let any = Match::new;
    assert_eq!(
        problems(routes([("c", any()), ("a", present(any(), "x")), ("b", absent(any(), "x"))])),
        covered("a", "b", "c")
    );
    // In query parameters too, at one place only, and with what the third has as well.
    let query = |value| any().path("/p").query_is("x", value);
    assert_eq!(
        problems(routes([
            ("a", query(ValueMatch::Present)),
            ("b", query(ValueMatch::Absent)),
            ("c", any().path("/p"))
        ])),
        covered("a", "b", "c")
    );
    let get = || any().method(Method::GET);
    assert_eq!(
        problems(routes([("a", present(get(), "x")), ("b", absent(get(), "x")), ("c", get())])),
        covered("a", "b", "c")
    );
    // The first asks for a shorter prefix of `y` than the third, so the third implies it.
    let narrow = present(any(), "x").header_is("y", ValueMatch::Prefix("be".into()));
    assert_eq!(
        problems(routes([("a", narrow), ("b", absent(any(), "x")), ("c", any().header("y", "beta"))])),
        covered("a", "b", "c")
    );
    // Every one of several.
    assert_eq!(
        problems(routes([
            ("a", present(any(), "x")),
            ("b", absent(any(), "x")),
            ("c", any().query("p", "1")),
            ("d", any()),
        ])),
        [covered("a", "b", "c"), covered("a", "b", "d")].concat()
    );
}

// I-13
#[test]
fn a_match_that_four_others_cover_case_by_case_is_refused_with_all_their_names() {
    let cases = [
        ("a", present(present(Match::new(), "x"), "y")),
        ("b", absent(present(Match::new(), "x"), "y")),
        ("c", present(absent(Match::new(), "x"), "y")),
        ("d", absent(absent(Match::new(), "x"), "y")),
    ];
    let with = |cases: &[(&'static str, Match)]| {
        routes(cases.iter().map(|(name, matching)| (*name, matching.clone())).chain([("e", Match::new())]))
    };
    assert_eq!(
        problems(with(&cases)),
        [
            "routes.e.matches: can never be reached: routes `a` and `b` and `c` and `d` together take all it takes, before it"
        ]
    );
    // With any of the cases left open, something is left.
    for open in 0..cases.len() {
        let mut rest = cases.to_vec();
        rest.remove(open);
        assert!(problems(with(&rest)).is_empty(), "without {}", cases[open].0);
    }
}

#[test]
fn what_something_is_left_of_is_not_refused() {
    let any = Match::new;
    let none: [&str; 0] = [];
    // Another header, another place, another method, an exact value instead of presence, one half only.
    for (a, b, c) in [
        (present(any(), "x"), absent(any(), "y"), any()),
        (present(any().path("/p"), "x"), absent(any(), "x"), any()),
        (present(any().method(Method::GET), "x"), absent(any(), "x"), any()),
        (any().header("x", "1"), absent(any(), "x"), any()),
        (present(any(), "x").header("y", "1"), absent(any(), "x"), any()),
        (present(any(), "x"), absent(any(), "x").header("y", "1"), any()),
        (present(any(), "x"), any().query_is("x", ValueMatch::Absent), any()),
        // Asked before both, since a method comes before headers.
        (present(any(), "x"), absent(any(), "x"), any().method(Method::GET)),
        // And with two headers before those with one.
        (present(any(), "x"), absent(any(), "x"), any().header("y", "1").header("z", "1")),
    ] {
        assert_eq!(problems(routes([("a", a.clone()), ("b", b.clone()), ("c", c.clone())])), none, "{a} | {b} | {c}");
    }
}
