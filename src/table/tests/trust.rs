//! Who is believed, and what is wrong with a rule. In which order rules are asked, `precedence` asks.

use super::specs::{problems, routes};
use crate::protocol::Facts;
use crate::table::{Claims, Match, TableSpec};
use http::{HeaderMap, HeaderValue};

const ATTEMPTS: Claims = Claims::none().attempts();
const KEY: Claims = Claims::none().idempotency_key();

fn trusting(rules: impl IntoIterator<Item = (Match, Claims)>) -> TableSpec {
    rules.into_iter().fold(routes([("all", Match::new())]), |spec, (when, claims)| spec.trust(when, claims))
}

#[test]
fn a_table_without_rules_believes_nobody() {
    let table = trusting([]).build().unwrap();
    assert_eq!(table.claims(&Facts::path("/")), Claims::none());
}

#[test]
fn what_no_rule_takes_is_not_believed_and_of_two_that_do_the_nearer_one_decides_alone() {
    let mesh = Match::new().header("x-mesh", "yes");
    let table = trusting([(mesh.clone(), ATTEMPTS), (mesh.path_prefix("/pay"), KEY)]).build().unwrap();
    let map = HeaderMap::from_iter([("x-mesh".parse().unwrap(), HeaderValue::from_static("yes"))]);
    for (path, claims) in [("/", ATTEMPTS), ("/payee", ATTEMPTS), ("/pay", KEY), ("/pay/1", KEY)] {
        assert_eq!(table.claims(&Facts::path(path).with_headers(&map)), claims, "{path}");
        assert_eq!(table.claims(&Facts::path(path)), Claims::none(), "{path}");
    }
}

#[test]
fn every_set_of_claims_is_kept() {
    for (place, claims) in Claims::ALL.into_iter().enumerate() {
        assert_eq!(claims.bits() as usize, place);
        if claims != Claims::none() {
            let table = trusting([(Match::new(), claims)]).build().unwrap();
            assert_eq!(table.claims(&Facts::path("/")), claims);
            assert_eq!(table.spec().trusts[0].claims, claims);
        }
    }
}

#[test]
fn a_rule_that_believes_nothing_is_refused() {
    assert_eq!(
        problems(trusting([(Match::new().path("/a"), KEY), (Match::new(), Claims::none())])),
        ["trusts.1.claims: believes nothing; name a claim or remove the rule"]
    );
}

#[test]
fn a_match_that_is_unsound_is_told_at_its_place() {
    assert_eq!(
        problems(trusting([
            (Match::new().path("/a"), KEY),
            (Match::new().path("no-slash").host("h:80"), KEY),
            (Match::new().path("/a//b"), KEY),
            (Match::new().path("no-slash"), KEY),
        ])),
        [
            "trusts.1.host: names port 80; routes match the host alone, so leave the port out",
            "trusts.1.path: is \"no-slash\"; begin it with a slash",
            "trusts.2.path: has more than one reading, or a broken escape, and can never match; rewrite it",
            "trusts.3.path: is \"no-slash\"; begin it with a slash",
        ]
    );
}

#[test]
fn the_same_match_twice_is_refused_whatever_is_believed() {
    let twice = ["trusts: have the same match twice; nothing could tell them apart"];
    let here = |host| Match::new().host(host);
    assert_eq!(problems(trusting([(here("a.example"), KEY), (here("A.Example."), ATTEMPTS)])), twice);
    assert_eq!(problems(trusting([(here("a.example"), KEY), (here("a.example"), KEY)])), twice);
    assert_eq!(problems(trusting([(here("a.example"), KEY), (here("b.example"), KEY)])), [""; 0]);
}
